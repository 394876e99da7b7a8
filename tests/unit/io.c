/* tests/unit/io.c: connections and listeners over real sockets: every event, every way to end. */
#include "../../net/net.h"
#include "../check.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* One end under test. Its events are noted as letters: c onnected, d ata, e of, h angup, r drained,
 * t imeout, s low, x error, . closed. */
struct end {
  struct io *io;
  char events[64];
  size_t n;
  char text[256]; /* lines, or data as it came */
  size_t text_n;
  void (*act)(struct end *t, enum io_event event);
  uint64_t left; /* of a stream */
  uint64_t sum;
  bool gone;
};

static struct loop *l;
static int peer = -1; /* the test's own end: a plain descriptor */

static void end_event(struct io *io, enum io_event event, void *arg)
{
  static const char letters[] = "cdehrtsx.";
  struct end *t = arg;
  CHECK(io == t->io && !t->gone);
  if (t->n < sizeof t->events - 1) t->events[t->n++] = letters[event];
  if (t->act) t->act(t, event);
  if (event == IO_CLOSED) t->gone = true;
}

static void turn(int64_t ms)
{
  struct err e = {.kind = ERR_NONE};
  if (!CHECK_INT(loop_turn(l, ms, &e), 0)) printf("%s\n", e.text);
}

/* Turns until the condition holds, at most ms. */
#define UNTIL(condition, ms)                                                                       \
  do {                                                                                             \
    for (int64_t stop_ = clock_mono() + (ms); !(condition) && clock_mono() < stop_;) turn(5);      \
    CHECK(condition);                                                                              \
  } while (0)

static void begin(struct end *t)
{
  struct err e;
  int fds[2];
  *t = (struct end){.io = NULL};
  l = loop_new(&e);
  CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
  peer = fds[1];
  t->io = io_new(l, fds[0], end_event, t, &e);
  CHECK(t->io);
}

static void finish(struct end *t)
{
  if (peer >= 0) close(peer);
  peer = -1;
  if (!t->gone) io_abort(t->io);
  turn(0);
  CHECK(t->gone);
  loop_free(l);
}

static void say(const char *text)
{
  CHECK_INT(write(peer, text, strlen(text)), strlen(text));
}

/* What the peer can read now. */
static const char *heard(void)
{
  static char text[4096];
  ssize_t n = recv(peer, text, sizeof text - 1, MSG_DONTWAIT);
  text[n > 0 ? n : 0] = 0;
  return n == 0 ? "<end>" : n < 0 ? errno == EAGAIN ? "" : "<error>" : text;
}

static int open_fds(void)
{
  int n = 0;
  DIR *dir = opendir("/proc/self/fd");
  if (!dir) return -1;
  while (readdir(dir)) n++;
  closedir(dir);
  return n;
}

/* ---- lines ----------------------------------------------------------------------------------- */

static size_t line_limit = 64;

static void act_lines(struct end *t, enum io_event event)
{
  static const char *const marks[] = {"", "", "!", "#"};
  enum io_line got;
  str line;
  if (event != IO_DATA) return;
  while ((got = io_line(t->io, line_limit, &line)) != IO_LINE_NONE) {
    int n = snprintf(t->text + t->text_n, sizeof t->text - t->text_n, "%s" STR_FMT "|", marks[got],
                     STR_ARG(line));
    t->text_n += (size_t)n;
  }
}

TEST(io_lines)
{
  static const struct {
    const char *in, *want;
  } rows[] = {
      {"EHLO x\r\nMAIL\r\n", "EHLO x|MAIL|"},
      {"\r\n", "|"},
      {"a\n", "!a|"},
      {"a\rb\r\n", "!a\rb|"},
      {"a\r\r\n", "!a\r|"},
      {"a\r\nb\nc\r\nd\r\n", "a|!b|d|"}, /* what follows is no command */
      {"a\nb\nc\rd\r\ne\r\n", "!a|e|"},
      {"\n\n", "!|"},
      {"a\n\r\nb\r\n", "!a|b|"},
      {"half", ""},
      {"half\r", ""},
      {"12345678901234\r\n", "12345678901234|"}, /* 16 octets: the limit */
      {"123456789012345\r\nb\r\n", "#|b|"},      /* 17 */
      {"12345678901234567890\r\nb\r\n", "#|b|"}, /* begun and ended at once */
      {"1234567890123456\n\r\nb\r\n", "#|b|"},   /* the true end counts */
      {"123456789012345678\r\nb\r\n", "#|b|"},
      {"12345678901234567\r", "#|"},
  };
  line_limit = 16;
  for (size_t i = 0; i < BASE_COUNT(rows); i++) {
    for (int bytewise = 0; bytewise < 2; bytewise++) {
      struct end t;
      begin(&t);
      t.act = act_lines;
      if (!bytewise) say(rows[i].in);
      for (const char *p = rows[i].in; bytewise && *p; p++) {
        CHECK_INT(write(peer, p, 1), 1);
        turn(10);
      }
      turn(10);
      turn(0);
      if (!CHECK_STR(t.text, rows[i].want)) printf("row %zu bytewise %d\n", i, bytewise);
      finish(&t);
    }
  }
  line_limit = 64;
}

/* Lines of the same bytes, however they come: in pieces cut by the bits of cuts. */
static void lines_in_pieces(struct end *t, const char *bytes, size_t n, uint32_t cuts)
{
  struct err e;
  *t = (struct end){.act = act_lines};
  t->io = io_memory(l, end_event, t, &e);
  for (size_t at = 0, end = 1; at < n; end++) {
    if (end < n && !(cuts >> (end % 32) & 1)) continue;
    CHECK_INT(io_feed(t->io, (str){bytes + at, end - at}), end - at);
    turn(0);
    at = end;
  }
  io_abort(t->io);
  turn(0);
}

TEST(io_lines_do_not_depend_on_the_pieces)
{
  struct err e;
  struct end whole, pieces;
  char bytes[24];
  uint32_t dice = 1;
  l = loop_new(&e);
  line_limit = 7;
  for (int round = 0; round < 3000; round++) {
    for (size_t i = 0; i < sizeof bytes; i++) {
      dice = dice * 1664525 + 1013904223;
      bytes[i] = "a\r\n\r\nbcd"[dice >> 24 & 7];
    }
    lines_in_pieces(&whole, bytes, sizeof bytes, 0);
    lines_in_pieces(&pieces, bytes, sizeof bytes, dice);
    if (!CHECK_STR(pieces.text, whole.text)) break;
  }
  line_limit = 64;
  loop_free(l);
}

TEST(io_endless_line_takes_no_memory)
{
  struct end t;
  char junk[4096];
  begin(&t);
  t.act = act_lines;
  memset(junk, 'x', sizeof junk);
  size_t before = mem_count();
  for (int i = 0; i < 300; i++) {
    CHECK_INT(write(peer, junk, sizeof junk), sizeof junk);
    turn(10);
    CHECK(io_input(t.io).n == 0);
  }
  CHECK(mem_count() <= before + 1); /* the memory the loop reads into */
  say("x\r\nQUIT\r\n");
  turn(10);
  CHECK_STR(t.text, "#|QUIT|");
  finish(&t);
}

TEST(io_idle_connection_holds_no_buffer)
{
  struct end t;
  begin(&t);
  t.act = act_lines;
  say("a\r\n");
  turn(10);
  size_t before = mem_count();
  say("b\r\nhalf");
  turn(10);
  CHECK_INT(mem_count(), before + 1);
  say("c\r\n");
  turn(10);
  io_write(t.io, STR("250 ok\r\n"));
  CHECK_INT(mem_count(), before + 1);
  turn(0);
  CHECK_INT(mem_count(), before);
  CHECK_STR(t.text, "a|b|halfc|");
  finish(&t);
}

/* ---- writing --------------------------------------------------------------------------------- */

static void act_answer(struct end *t, enum io_event event)
{
  str line;
  if (event != IO_DATA) return;
  while (io_line(t->io, 64, &line) != IO_LINE_NONE) {
    io_printf(t->io, "250 " STR_FMT "\r\n", STR_ARG(line));
    CHECK_STR(heard(), ""); /* nothing leaves before the callback is over */
  }
}

TEST(io_replies_to_a_pipeline_leave_together)
{
  struct end t;
  begin(&t);
  t.act = act_answer;
  say("a\r\nb\r\nc\r\n");
  turn(10);
  CHECK_STR(heard(), "250 a\r\n250 b\r\n250 c\r\n");
  io_write(t.io, STR("outside of a callback"));
  CHECK_INT(io_pending(t.io), 21);
  turn(0);
  CHECK_STR(heard(), "outside of a callback");
  finish(&t);
}

TEST(io_printf_of_any_length)
{
  struct end t;
  char big[3000];
  begin(&t);
  memset(big, 'y', sizeof big);
  big[sizeof big - 1] = 0;
  io_printf(t.io, "<%s>", big);
  CHECK_INT(io_pending(t.io), sizeof big + 1);
  turn(0);
  CHECK_INT(strlen(heard()), sizeof big + 1);
  finish(&t);
}

TEST(io_peer_that_does_not_read_is_dropped)
{
  struct end t;
  static char big[64 * 1024];
  begin(&t);
  for (int i = 0; i < 100 && !strchr(t.events, 'x'); i++) {
    io_write(t.io, (str){big, sizeof big});
    turn(0);
  }
  CHECK_STR(t.events, "x");
  CHECK(strstr(io_why(t.io), "does not take"));
  io_write(t.io, STR("no matter"));
  CHECK_INT(io_pending(t.io), 0);
  io_close(t.io);
  turn(0);
  CHECK_STR(t.events, "x.");
  finish(&t);
}

static void act_echo(struct end *t, enum io_event event)
{
  str line;
  if (event != IO_DATA) return;
  while (io_line(t->io, 64, &line) != IO_LINE_NONE) io_write(t->io, STR("250 ok ok ok ok\r\n"));
}

TEST(io_is_deaf_to_who_does_not_take_the_answers)
{
  struct end t;
  char some[3000], sink[8192];
  size_t sent = 0, got = 0;
  ssize_t n = 0;
  for (size_t i = 0; i < sizeof some; i++) some[i] = "a\r\n"[i % 3];
  begin(&t);
  t.act = act_echo;
  for (int idle = 0; idle < 5;) {
    n = send(peer, some + sent % sizeof some, sizeof some - sent % sizeof some, MSG_DONTWAIT);
    idle = n > 0 ? 0 : idle + 1;
    if (n > 0) sent += (size_t)n;
    turn(0);
  }
  CHECK(io_pending(t.io) > LIMIT_IO_OUTPUT / 2 && io_pending(t.io) <= LIMIT_IO_OUTPUT);
  for (int idle = 0; idle < 5;) {
    n = recv(peer, sink, sizeof sink, MSG_DONTWAIT);
    idle = n > 0 ? 0 : idle + 1;
    if (n > 0) got += (size_t)n;
    turn(0);
  }
  CHECK_INT(got, sent / 3 * 17);
  CHECK(!strchr(t.events, 'x'));
  finish(&t);
}

TEST(io_drained_is_told_once)
{
  struct end t;
  static char big[200 * 1024];
  begin(&t);
  int small = 4096;
  setsockopt(io_fd(t.io), SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
  io_write(t.io, (str){big, sizeof big});
  io_drain(t.io, 1000);
  turn(0);
  turn(0);
  CHECK_STR(t.events, "");
  char sink[8192];
  while (recv(peer, sink, sizeof sink, MSG_DONTWAIT) > 0) turn(5);
  turn(0);
  CHECK_STR(t.events, "r");
  CHECK_INT(io_pending(t.io), 0);
  io_drain(t.io, 0);
  CHECK_STR(t.events, "r"); /* never from within the call */
  turn(0);
  CHECK_STR(t.events, "rr");
  finish(&t);
}

/* ---- streams --------------------------------------------------------------------------------- */

enum { STREAM = 10 * 1024 * 1024 };

static void act_stream(struct end *t, enum io_event event)
{
  static char block[20000];
  if (event == IO_DATA) {
    str in = io_input(t->io);
    for (size_t i = 0; i < in.n; i++) t->sum += (uint8_t)in.p[i];
    io_consume(t->io, in.n);
  }
  if (event == IO_CONNECTED || event == IO_DRAINED) {
    while (t->left && io_pending(t->io) < 60000) {
      size_t n = t->left < sizeof block ? (size_t)t->left : sizeof block;
      for (size_t i = 0; i < n; i++) block[i] = (char)(t->left - i);
      io_write(t->io, (str){block, n});
      t->left -= n;
    }
    if (t->left || io_pending(t->io)) io_drain(t->io, t->left ? 10000 : 0);
  }
  if (!t->left && !io_pending(t->io) && io_received(t->io) == STREAM) io_close(t->io);
}

static struct end accepted;

static void take(struct listener *ln, int fd, const struct netaddr *from, void *arg)
{
  struct err e;
  (void)ln, (void)arg;
  CHECK(netaddr_port(from) != 0);
  accepted.io = io_new(l, fd, end_event, &accepted, &e);
  CHECK(accepted.io);
}

static struct listener *listen_here(const char *at)
{
  struct err e = {.kind = ERR_NONE};
  struct netaddr a;
  if (!l) l = loop_new(&e);
  CHECK_INT(netaddr_parse(str_of(at), -1, &a, &e), 0);
  struct listener *ln = listen_new(l, &a, take, NULL, &e);
  if (!CHECK(ln)) printf("%s\n", e.text);
  return ln;
}

static void stream_both_ways(const char *at)
{
  struct err e;
  l = NULL;
  accepted = (struct end){.act = act_stream, .left = STREAM};
  struct end t = {.act = act_stream, .left = STREAM};
  struct listener *ln = listen_here(at);
  t.io = io_connect(l, listen_addr(ln), NULL, 0, end_event, &t, &e);
  UNTIL(accepted.io, 2000);
  act_stream(&accepted, IO_CONNECTED);
  UNTIL(t.gone && accepted.gone, 30000);
  uint64_t want = 0;
  for (uint64_t left = STREAM; left; left--) want += (uint8_t)left;
  CHECK(t.sum == want && accepted.sum == want);
  CHECK(t.events[0] == 'c');
  listen_free(ln);
  loop_free(l);
}

TEST(io_stream_both_ways_ip4)
{
  stream_both_ways("127.0.0.1:0");
}

TEST(io_stream_both_ways_ip6)
{
  int fd = socket(AF_INET6, SOCK_STREAM, 0);
  struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
  bool have = fd >= 0 && bind(fd, (struct sockaddr *)&any, sizeof any) == 0;
  if (fd >= 0) close(fd);
  if (have)
    stream_both_ways("[::1]:0");
  else
    printf("skip io_stream_both_ways_ip6: no IPv6 on this machine\n");
}

/* ---- pause ----------------------------------------------------------------------------------- */

static void act_pause(struct end *t, enum io_event event)
{
  if (event != IO_DATA) return;
  io_consume(t->io, 1);
  io_pause(t->io);
}

TEST(io_paused_gives_nothing_until_resumed)
{
  struct end t;
  begin(&t);
  t.act = act_pause;
  say("abc");
  turn(10);
  say("def");
  turn(10);
  CHECK_STR(t.events, "d");
  CHECK_STR(io_input(t.io), "bc");
  io_resume(t.io);
  turn(0);
  CHECK_STR(t.events, "dd");
  io_resume(t.io);
  io_resume(t.io);
  turn(0); /* what is left is told before what is new */
  turn(0);
  CHECK_STR(t.events, "ddd");
  finish(&t);
}

TEST(io_input_is_bounded)
{
  struct end t;
  static char big[4 * LIMIT_IO_INPUT];
  begin(&t);
  CHECK(send(peer, big, sizeof big, MSG_DONTWAIT) > LIMIT_IO_INPUT);
  for (int i = 0; i < 10; i++) turn(1);
  CHECK_INT(io_input(t.io).n, LIMIT_IO_INPUT);
  CHECK_INT(io_received(t.io), LIMIT_IO_INPUT);
  io_consume(t.io, 100);
  turn(10);
  turn(10);
  CHECK_INT(io_received(t.io), LIMIT_IO_INPUT + 100);
  finish(&t);
}

TEST(io_hangup_is_noticed_while_paused_and_eof_comes_in_order)
{
  struct end t;
  begin(&t);
  t.act = act_pause;
  say("ab");
  turn(10);
  say("c");
  shutdown(peer, SHUT_WR);
  turn(10);
  for (int i = 0; i < 3; i++) turn(1);
  CHECK_STR(t.events, "dh");
  t.act = NULL;
  io_resume(t.io);
  UNTIL(strchr(t.events, 'e'), 1000);
  CHECK_STR(t.events, "dhdde");
  CHECK_STR(io_input(t.io), "bc");
  io_write(t.io, STR("still listening?"));
  turn(0);
  CHECK_STR(heard(), "still listening?");
  finish(&t);
}

TEST(io_closed_by_the_peer_while_paused_is_no_loss_of_data)
{
  struct end t;
  begin(&t);
  t.act = act_pause;
  say("ab");
  turn(10);
  say("cd");
  close(peer);
  peer = -1;
  turn(10);
  CHECK_STR(t.events, "dh");
  int64_t before = clock_mono();
  turn(30); /* does not spin on the hang-up */
  CHECK(clock_mono() - before >= 25);
  t.act = NULL;
  io_resume(t.io);
  UNTIL(strchr(t.events, 'e'), 1000);
  CHECK_STR(io_input(t.io), "bcd");
  UNTIL(strchr(t.events, 'x'), 1000); /* nobody is there for an answer */
  CHECK_STR(t.events, "dhddex");
  finish(&t);
}

/* ---- ends ------------------------------------------------------------------------------------ */

TEST(io_half_close_is_told_once)
{
  struct end t;
  begin(&t);
  say("a");
  shutdown(peer, SHUT_WR);
  UNTIL(strchr(t.events, 'e'), 1000);
  for (int i = 0; i < 5; i++) turn(1);
  CHECK_STR(t.events, "de");
  io_pause(t.io);
  io_resume(t.io);
  turn(0);
  CHECK_STR(t.events, "ded");
  finish(&t);
}

/* A connected pair over TCP: t is under test, peer the other end. */
static struct listener *begin_tcp(struct end *t)
{
  l = NULL;
  accepted = (struct end){.io = NULL};
  struct listener *ln = listen_here("127.0.0.1:0");
  const struct netaddr *at = listen_addr(ln);
  peer = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CHECK_INT(connect(peer, &at->sa, at->len), 0);
  UNTIL(accepted.io, 1000);
  *t = accepted;
  io_handler(t->io, end_event, t);
  return ln;
}

static void reset_peer(void)
{
  struct linger hard = {.l_onoff = 1, .l_linger = 0};
  setsockopt(peer, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
  close(peer);
  peer = -1;
}

TEST(io_reset_is_an_error)
{
  for (int paused = 0; paused < 2; paused++) {
    struct end t;
    struct listener *ln = begin_tcp(&t);
    if (paused) io_pause(t.io);
    turn(0);
    reset_peer();
    UNTIL(strchr(t.events, 'x'), 1000);
    CHECK_STR(t.events, "x");
    CHECK_STR(io_why(t.io), strerror(ECONNRESET));
    listen_free(ln);
    finish(&t);
  }
}

TEST(io_close_delivers_the_last_reply_although_input_is_unread)
{
  struct end t;
  struct listener *ln = begin_tcp(&t);
  char junk[5000] = "";
  io_pause(t.io);
  CHECK_INT(write(peer, junk, sizeof junk), sizeof junk);
  turn(1);
  io_write(t.io, STR("421 bye\r\n"));
  io_close(t.io);
  io_close(t.io);
  io_write(t.io, STR("too late"));
  for (int i = 0; i < 5; i++) turn(1);
  CHECK_INT(write(peer, junk, sizeof junk), sizeof junk);
  turn(1);
  CHECK_STR(heard(), "421 bye\r\n");
  CHECK_STR(heard(), "<end>");
  CHECK_STR(t.events, "");
  close(peer);
  peer = -1;
  UNTIL(t.gone, 1000);
  CHECK_STR(t.events, ".");
  listen_free(ln);
  loop_free(l);
}

TEST(io_lingers_only_for_a_while)
{
  struct end t;
  struct listener *ln = begin_tcp(&t);
  io_close(t.io);
  int64_t before = clock_mono();
  UNTIL(t.gone, 4000); /* the peer never closes */
  CHECK(clock_mono() - before >= 1900);
  listen_free(ln);
  finish(&t);
}

TEST(io_lingers_only_for_so_many_bytes)
{
  struct end t;
  static char junk[64 * 1024];
  struct listener *ln = begin_tcp(&t);
  io_close(t.io);
  for (int i = 0; i < 200 && !t.gone; i++) {
    ssize_t n = send(peer, junk, sizeof junk, MSG_DONTWAIT | MSG_NOSIGNAL);
    (void)n;
    turn(1);
  }
  CHECK(t.gone);
  listen_free(ln);
  finish(&t);
}

static void act_close(struct end *t, enum io_event event)
{
  if (event == IO_DATA) {
    io_write(t->io, STR("bye"));
    io_close(t->io);
  }
}
static void act_abort(struct end *t, enum io_event event)
{
  if (event != IO_DATA) return;
  io_write(t->io, STR("never seen"));
  io_close(t->io);
  io_abort(t->io);
  CHECK(io_is_closing(t->io));
  CHECK(io_input(t->io).n == 2); /* all is there until the callback has returned */
}

TEST(io_closing_in_a_callback)
{
  struct end t;
  begin(&t);
  t.act = act_close;
  say("hi");
  turn(10);
  CHECK_STR(heard(), "bye");
  close(peer);
  peer = -1;
  UNTIL(t.gone, 1000);
  CHECK_STR(t.events, "d.");
  loop_free(l);
  begin(&t);
  t.act = act_abort;
  say("hi");
  turn(10);
  CHECK_STR(heard(), "<end>");
  CHECK_STR(t.events, "d.");
  finish(&t);
}

static struct end *second;

static void act_kill_second(struct end *t, enum io_event event)
{
  if (event == IO_DATA && !second->gone) io_abort(second->io);
  io_consume(t->io, io_input(t->io).n);
}

TEST(io_closing_another_in_a_callback)
{
  struct end t, u = {.act = NULL};
  struct err e;
  int fds[2];
  begin(&t);
  CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
  u.io = io_new(l, fds[0], end_event, &u, &e);
  CHECK_INT(write(fds[1], "x", 1), 1);
  say("x");
  second = &u;
  t.act = act_kill_second;
  turn(10);
  CHECK(u.gone);
  CHECK(u.events[u.n - 1] == '.');
  close(fds[1]);
  finish(&t);
}

/* ---- time ------------------------------------------------------------------------------------ */

TEST(io_deadline_strikes_once)
{
  struct end t;
  begin(&t);
  io_deadline(t.io, loop_now(l) + 10);
  UNTIL(t.n, 1000);
  turn(10);
  CHECK_STR(t.events, "t");
  io_deadline(t.io, loop_now(l) + 5);
  io_deadline(t.io, 0);
  turn(15);
  turn(0);
  CHECK_STR(t.events, "t");
  finish(&t);
}

TEST(io_min_rate_tells_slow_peers)
{
  struct end t;
  begin(&t);
  io_min_rate(t.io, 10, 20);
  say("0123456789");
  for (int64_t stop = clock_mono() + 30; clock_mono() < stop;) turn(2);
  CHECK_STR(t.events, "d");
  say("0");
  UNTIL(strchr(t.events, 's'), 1000);
  CHECK_STR(t.events, "dds");
  io_pause(t.io); /* then it is we who are slow */
  for (int64_t stop = clock_mono() + 60; clock_mono() < stop;) turn(2);
  CHECK_STR(t.events, "dds");
  io_min_rate(t.io, 0, 0);
  finish(&t);
}

/* ---- connecting ------------------------------------------------------------------------------ */

TEST(io_connect_refused)
{
  struct err e;
  struct end t = {.io = NULL};
  l = NULL;
  struct listener *ln = listen_here("127.0.0.1:0");
  struct netaddr at = *listen_addr(ln);
  listen_free(ln);
  t.io = io_connect(l, &at, NULL, 0, end_event, &t, &e);
  if (t.io) {
    io_write(t.io, STR("EHLO x\r\n")); /* waits for the connection */
    UNTIL(t.n, 2000);
    CHECK_STR(t.events, "x");
    CHECK_STR(io_why(t.io), strerror(ECONNREFUSED));
    finish(&t);
  } else {
    CHECK(e.kind == ERR_IO);
    loop_free(l);
  }
}

TEST(io_connect_from_an_address_and_write_before)
{
  struct err e;
  struct end t = {.io = NULL};
  struct netaddr from, who;
  l = NULL;
  accepted = (struct end){.act = act_lines};
  struct listener *ln = listen_here("127.0.0.1:0");
  CHECK_INT(netaddr_parse(STR("127.0.0.7:0"), -1, &from, &e), 0);
  t.io = io_connect(l, listen_addr(ln), &from, loop_now(l) + 5000, end_event, &t, &e);
  io_write(t.io, STR("EHLO x\r\n"));
  UNTIL(accepted.n, 2000);
  CHECK_STR(accepted.text, "EHLO x|");
  CHECK_INT(netaddr_peer(io_fd(accepted.io), &who), 0);
  CHECK(netaddr_same_ip(&who, &from));
  io_abort(accepted.io);
  listen_free(ln);
  finish(&t);
}

TEST(io_connect_unix)
{
  struct err e;
  struct end t = {.io = NULL};
  struct netaddr at;
  char path[400];
  l = loop_new(&e);
  snprintf(path, sizeof path, "unix:%s/socket", check_folder());
  CHECK_INT(netaddr_parse(str_of(path), -1, &at, &e), 0);
  CHECK(io_connect(l, &at, NULL, 0, end_event, &t, &e) == NULL);
  peer = socket(AF_UNIX, SOCK_STREAM, 0);
  CHECK_INT(bind(peer, &at.sa, at.len), 0);
  CHECK_INT(listen(peer, 1), 0);
  t.io = io_connect(l, &at, NULL, 0, end_event, &t, &e);
  CHECK_STR(t.events, "");
  UNTIL(t.n, 1000);
  CHECK_STR(t.events, "c");
  finish(&t);
}

TEST(io_connect_meets_its_deadline)
{
  struct err e;
  struct end t = {.io = NULL};
  struct netaddr at;
  int fds[8], n = 0;
  l = NULL;
  /* A listener that never accepts, its queue full: further connections hang. */
  peer = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  CHECK_INT(bind(peer, (struct sockaddr *)&any, sizeof any), 0);
  CHECK_INT(listen(peer, 0), 0);
  CHECK_INT(netaddr_local(peer, &at), 0);
  for (; n < 8; n++) {
    fds[n] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    (void)!connect(fds[n], &at.sa, at.len);
  }
  l = loop_new(&e);
  t.io = io_connect(l, &at, NULL, loop_now(l) + 50, end_event, &t, &e);
  UNTIL(t.n, 2000);
  CHECK_STR(t.events, "t");
  while (n) close(fds[--n]);
  finish(&t);
}

/* ---- listeners ------------------------------------------------------------------------------- */

static int taken;

static void take_and_drop(struct listener *ln, int fd, const struct netaddr *from, void *arg)
{
  (void)ln, (void)from, (void)arg;
  taken++;
  close(fd);
}

static void take_and_free(struct listener *ln, int fd, const struct netaddr *from, void *arg)
{
  take_and_drop(ln, fd, from, arg);
  listen_free(ln);
}

static int dial(const struct listener *ln)
{
  const struct netaddr *at = listen_addr(ln);
  int fd = socket(at->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CHECK_INT(connect(fd, &at->sa, at->len), 0);
  return fd;
}

static struct listener *listen_with(listen_fn *fn)
{
  struct err e;
  struct netaddr at;
  if (!l) l = loop_new(&e);
  CHECK_INT(netaddr_parse(STR("127.0.0.1:0"), -1, &at, &e), 0);
  return listen_new(l, &at, fn, NULL, &e);
}

TEST(io_listener_pauses_and_can_be_freed_in_its_callback)
{
  l = NULL;
  taken = 0;
  struct listener *ln = listen_with(take_and_free);
  listen_pause(ln);
  int fds[3];
  for (int i = 0; i < 3; i++) fds[i] = dial(ln);
  turn(20);
  CHECK_INT(taken, 0);
  listen_resume(ln);
  turn(20);
  CHECK_INT(taken, 1);
  turn(0);
  for (int i = 0; i < 3; i++) close(fds[i]);
  loop_free(l);
}

TEST(io_listener_tells_what_is_wrong_with_an_address)
{
  struct err e;
  l = NULL;
  struct listener *ln = listen_with(take_and_drop);
  CHECK(listen_new(l, listen_addr(ln), take_and_drop, NULL, &e) == NULL);
  CHECK(e.kind == ERR_IO);
  CHECK(strstr(e.text, "cannot listen on 127.0.0.1:") == e.text);
  listen_free(ln);
  loop_free(l);
}

TEST(io_listener_rests_when_descriptors_run_out)
{
  struct rlimit was, few;
  l = NULL;
  taken = 0;
  struct listener *ln = listen_with(take_and_drop);
  enum log_level level = log_get_level(LOG_RECEIVER);
  log_set_level(LOG_RECEIVER, LOG_OFF);
  int fd = dial(ln);
  turn(0);
  getrlimit(RLIMIT_NOFILE, &was);
  few = was;
  taken = 0;
  int other = dial(ln);
  few.rlim_cur = 4; /* below what is open */
  setrlimit(RLIMIT_NOFILE, &few);
  int64_t before = clock_mono();
  turn(10);
  turn(30);
  turn(30);
  CHECK_INT(taken, 0);
  CHECK(clock_mono() - before >= 50); /* did not spin */
  setrlimit(RLIMIT_NOFILE, &was);
  UNTIL(taken == 1, 1000);
  log_set_level(LOG_RECEIVER, level);
  close(fd);
  close(other);
  listen_free(ln);
  loop_free(l);
}

TEST(io_flood_of_resets_leaks_no_descriptor)
{
  l = NULL;
  accepted = (struct end){.io = NULL};
  struct listener *ln = listen_with(take_and_drop);
  int fds[40], before;
  turn(0);
  before = open_fds();
  for (int round = 0; round < 10; round++) {
    struct linger hard = {.l_onoff = 1, .l_linger = 0};
    for (int i = 0; i < 40; i++) {
      fds[i] = dial(ln);
      setsockopt(fds[i], SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    }
    for (int i = 0; i < 40; i++) close(fds[i]);
    turn(5);
    turn(5);
  }
  CHECK_INT(open_fds(), before);
  listen_free(ln);
  loop_free(l);
}

/* ---- from memory ----------------------------------------------------------------------------- */

TEST(io_memory_is_fed_and_emptied)
{
  struct err e;
  struct end t = {.act = act_answer};
  struct buf out = BUF_INIT(1000);
  l = loop_new(&e);
  peer = open("/dev/null", O_RDONLY);
  t.io = io_memory(l, end_event, &t, &e);
  t.act = NULL;
  CHECK_INT(io_feed(t.io, STR("ab")), 2);
  CHECK_INT(io_feed(t.io, STR("c")), 1);
  io_feed_eof(t.io);
  CHECK_INT(io_feed(t.io, STR("no")), 0);
  turn(0);
  CHECK_STR(t.events, "de");
  CHECK_STR(io_input(t.io), "abc");
  io_write(t.io, STR("one "));
  turn(0);
  io_write(t.io, STR("two"));
  io_close(t.io);
  turn(0);
  CHECK(!t.gone);
  io_taken(t.io, &out);
  CHECK_STR(&out, "one two");
  turn(0);
  CHECK(t.gone);
  buf_free(&out);
  finish(&t);
}

/* ---- no memory ------------------------------------------------------------------------------- */

static void act_torture(struct end *t, enum io_event event)
{
  str line;
  if (event == IO_ERROR || event == IO_EOF) io_close(t->io);
  if (event != IO_DATA) return;
  while (io_line(t->io, 100, &line) != IO_LINE_NONE) io_write(t->io, STR("250 ok\r\n"));
}

static void torture_io(void)
{
  struct err e;
  struct end t = {.act = act_torture, .gone = true};
  int fds[2] = {-1, -1};
  l = loop_new(&e);
  if (!l) return;
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0) t.io = io_new(l, fds[0], end_event, &t, &e);
  t.gone = t.io == NULL;
  (void)!write(fds[1], "a\r\nhalf", 7);
  if (t.io) loop_turn(l, 5, &e);
  (void)!write(fds[1], "x\r\n", 3);
  if (t.io) loop_turn(l, 5, &e);
  close(fds[1]);
  for (int i = 0; i < 20 && !t.gone; i++) loop_turn(l, 5, &e);
  CHECK(t.gone);
  loop_free(l);
}

TEST(io_survives_without_memory)
{
  check_torture(torture_io);
}
