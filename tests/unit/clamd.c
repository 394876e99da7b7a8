/* tests/unit/clamd.c: mails shown to a scanner that lives in the same loop. */
#include "../../smtp/policy/clamd.h"

#include "../check.h"

struct clamd_test {
  struct loop *loop;
  struct listener *listener;
  struct conf conf;
  struct arena *arena;
  struct mail *mail;
  struct clamd *clamd;
  const char *answer; /* with the octets up to its final NUL; NULL: silence */
  size_t answer_n;
  struct io *peers[16];
  size_t peer_count, most;
  size_t pieces; /* of the body */
  uint64_t heard;
  struct buf said; /* verdicts */
};

static void clamd_peer(struct io *io, enum io_event event, void *arg)
{
  struct clamd_test *t = arg;
  if (event == IO_CLOSED) {
    for (size_t i = 0; i < t->peer_count; i++)
      if (t->peers[i] == io) t->peers[i] = t->peers[--t->peer_count];
  } else if (event == IO_DATA) {
    const str in = io_input(io);
    const bool end = in.n >= 4 && memcmp(in.p + in.n - 4, "\0\0\0\0", 4) == 0;
    t->heard += in.n;
    io_consume(io, in.n);
    if (!end || !t->answer) return;
    io_write(io, (str){t->answer, t->answer_n});
    io_close(io);
  } else if (event != IO_CONNECTED) {
    io_abort(io);
  }
}

static void clamd_accept(struct listener *l, int fd, const struct netaddr *peer, void *arg)
{
  struct clamd_test *t = arg;
  struct err e;
  (void)l, (void)peer;
  struct io *io = io_new(t->loop, fd, clamd_peer, t, &e);
  if (io) t->peers[t->peer_count++] = io;
  if (t->peer_count > t->most) t->most = t->peer_count;
}

static int clamd_body(void *source, size_t n, struct buf *out, struct err *e)
{
  static const char line[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcd\r\n";
  struct clamd_test *t = source;
  if (n == t->pieces) return 0;
  for (int i = 0; i < 1000; i++) buf_puts(out, line);
  return buf_ok(out) ? 1 : err_nomem(e);
}

static void clamd_told(void *arg, enum clamd_verdict v, str virus, const char *why)
{
  struct clamd_test *t = arg;
  buf_printf(&t->said, "%s" STR_FMT "%s;",
             v == CLAMD_CLEAN   ? "clean"
             : v == CLAMD_FOUND ? "!"
                                : "?",
             STR_ARG(virus), v == CLAMD_NONE && strstr(why, "gave no verdict") ? "" : why);
}

static bool clamd_open(struct clamd_test *t, const char *answer, size_t n, size_t pieces)
{
  struct netaddr any;
  struct err e;
  memset(t, 0, sizeof *t);
  t->answer = answer;
  t->answer_n = n;
  t->pieces = pieces;
  t->said.cap = 4096;
  t->loop = loop_new(&e);
  t->arena = arena_new(0);
  t->mail = t->arena ? mail_new(t->arena, &t->conf, NULL) : NULL;
  if (t->loop && netaddr_parse(STR("127.0.0.1:0"), -1, &any, &e) == 0)
    t->listener = listen_new(t->loop, &any, clamd_accept, t, &e);
  if (t->listener) t->clamd = clamd_new(t->loop, listen_addr(t->listener), 2000);
  if (!t->mail || !t->clamd) return false;
  t->mail->body = clamd_body;
  t->mail->source = t;
  return true;
}

static void clamd_turn(struct clamd_test *t, const char *until)
{
  const int64_t end = clock_mono() + 5000;
  struct err e;
  while (!str_eq(buf_str(&t->said), str_of(until)) && clock_mono() < end)
    if (loop_turn(t->loop, 20, &e) < 0) break;
}

static void clamd_close(struct clamd_test *t)
{
  struct err e;
  for (size_t i = 0; i < t->peer_count; i++) io_abort(t->peers[i]);
  listen_free(t->listener);
  for (int i = 0; t->loop && i < 2; i++) loop_turn(t->loop, 0, &e);
  clamd_free(t->clamd);
  loop_free(t->loop);
  arena_free(t->arena);
  buf_free(&t->said);
}

#define ANSWER(text) text, sizeof text

TEST(clamd_verdicts)
{
  struct clamd_test t;
  if (CHECK(clamd_open(&t, ANSWER("stream: OK"), 3))) {
    CHECK(clamd_start(t.clamd, t.mail, clamd_told, &t) != NULL);
    clamd_turn(&t, "clean;");
    CHECK_STR(&t.said, "clean;");
    CHECK_INT(t.heard,
              10 + 4 + 2 + 3 * 64000 + 12 * 4 + 4); /* the empty line; 12 pieces of 16 KiB */
    t.answer = "stream: Bad.Thing FOUND";
    t.answer_n = sizeof "stream: Bad.Thing FOUND";
    clamd_start(t.clamd, t.mail, clamd_told, &t);
    clamd_turn(&t, "clean;!Bad.Thing;");
    CHECK_STR(&t.said, "clean;!Bad.Thing;");
    t.answer = "stream: OK ";
    t.answer_n = sizeof "stream: OK ";
    clamd_start(t.clamd, t.mail, clamd_told, &t);
    clamd_turn(&t, "clean;!Bad.Thing;?;");
    CHECK_STR(&t.said, "clean;!Bad.Thing;?;");
  }
  clamd_close(&t);
}

/* In line, connecting, sending, waiting: whoever is cancelled is never told, and the next goes
 * on. */
TEST(clamd_cancelled)
{
  struct clamd_scan *scans[LIMIT_SCANS + 4];
  struct clamd_test t;
  struct err e;
  for (int turns = 0; turns < 4; turns++) {
    if (CHECK(clamd_open(&t, NULL, 0, 3))) {
      for (size_t i = 0; i < BASE_COUNT(scans); i++)
        scans[i] = clamd_start(t.clamd, t.mail, clamd_told, &t);
      for (int i = 0; i < turns; i++) loop_turn(t.loop, 5, &e);
      CHECK(t.most <= LIMIT_SCANS);
      clamd_cancel(scans[BASE_COUNT(scans) - 2]);
      for (size_t i = 0; i < BASE_COUNT(scans) - 2; i++) clamd_cancel(scans[i]);
      t.answer = "stream: OK";
      t.answer_n = sizeof "stream: OK";
      clamd_turn(&t, "clean;");
      CHECK_STR(&t.said, "clean;");
    }
    clamd_close(&t);
  }
}

TEST(clamd_too_late)
{
  struct clamd_test t;
  if (CHECK(clamd_open(&t, NULL, 0, 1))) {
    clamd_free(t.clamd);
    t.clamd = clamd_new(t.loop, listen_addr(t.listener), 100);
    clamd_start(t.clamd, t.mail, clamd_told, &t);
    clamd_turn(&t, "?;");
    CHECK_STR(&t.said, "?;");
  }
  clamd_close(&t);
}

static void clamd_tortured(void)
{
  struct clamd_test t;
  if (clamd_open(&t, ANSWER("stream: OK"), 1) && clamd_start(t.clamd, t.mail, clamd_told, &t)) {
    const int64_t end = clock_mono() + 3000;
    struct err e;
    while (t.said.n == 0 && !t.said.failed && clock_mono() < end) loop_turn(t.loop, 20, &e);
  }
  clamd_close(&t);
}

/* Without memory there is a verdict or none, and nothing stays behind. */
TEST(clamd_without_memory)
{
  check_torture(clamd_tortured);
}

#undef ANSWER
