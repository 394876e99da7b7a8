/* tests/unit/io.c: what goes through a connection: lines, output, pauses, time; no memory. */
#include "io_kit.h"

/* ---- lines ----------------------------------------------------------------------------------- */

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
  io_consume(t.io, 100);
  turn(10);
  turn(10);
  CHECK_INT(io_input(t.io).n, LIMIT_IO_INPUT);
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
