/* tests/unit/io_open.c: how connections come about and end, over real sockets, and their
 * listeners. */
#include "io_kit.h"

/* ---- streams --------------------------------------------------------------------------------- */

enum { STREAM = 10 * 1024 * 1024 };

static void act_stream(struct end *t, enum io_event event)
{
  static char block[20000];
  if (event == IO_DATA) {
    str in = io_input(t->io);
    for (size_t i = 0; i < in.n; i++) t->sum += (uint8_t)in.p[i];
    t->got += in.n;
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
  if (!t->left && !io_pending(t->io) && t->got == STREAM) io_close(t->io);
}

static struct end accepted;
static struct end *accepts = &accepted; /* whoever comes is his */

static void take(struct listener *ln, int fd, const struct netaddr *from, void *arg)
{
  struct err e;
  (void)ln, (void)arg;
  CHECK(netaddr_port(from) != 0);
  accepts->io = io_new(l, fd, end_event, accepts, &e);
  CHECK(accepts->io);
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
  *t = (struct end){.io = NULL};
  accepts = t;
  struct listener *ln = listen_here("127.0.0.1:0");
  const struct netaddr *at = listen_addr(ln);
  peer = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CHECK_INT(connect(peer, &at->sa, at->len), 0);
  UNTIL(t->io, 1000);
  accepts = &accepted;
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
  int server =
      accept(peer, NULL, NULL); /* it stands already: the peer may be the first to speak, */
  CHECK_INT(write(server, "220 x\r\n", 7), 7);
  UNTIL(t.n >= 2, 1000);
  CHECK_STR(t.events, "cd"); /* but is not the first who is heard of */
  close(server);
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
