/* tests/unit/same_body.c: a body that comes back, held against the one that went out. */
#include "../../smtp/filter/same_body.h"
#include "../store_kit.h"

struct echo_world {
  struct store *s;
  struct loop *l;
  struct kit_mail m;
  struct same_body h;
  str sent;
  int ready;
};

static int echo_sent(void *source, size_t n, struct buf *out, struct err *e)
{
  str sent = ((struct echo_world *)source)->sent;
  str piece = str_sub(sent, n * LIMIT_CHUNK, (n + 1) * LIMIT_CHUNK);

  if (!piece.n) return err_set(e, ERR_BUG, "read beyond the end");
  buf_str_add(out, piece);
  return buf_ok(out) ? 1 : err_nomem(e);
}

static void echo_is_ready(void *arg)
{
  ((struct echo_world *)arg)->ready++;
}

static void echo_open(struct echo_world *w, str sent)
{
  struct err e;

  *w = (struct echo_world){.s = kit_open(check_folder()), .l = loop_new(&e), .sent = sent};
  kit_new(&w->m, w->s);
  w->h = (struct same_body){.loop = w->l,
                            .sent = {.body = echo_sent, .source = w},
                            .octets = sent.n,
                            .in = w->m.in,
                            .ready = echo_is_ready,
                            .arg = w};
  same_body_begin(&w->h);
}

static void echo_close(struct echo_world *w)
{
  same_body_stop(&w->h);
  kit_free(&w->m);
  store_close(w->s);
  loop_free(w->l);
}

static bool echo_wait(struct echo_world *w)
{
  struct err e;

  for (int64_t end = clock_mono() + 60000; !w->ready && clock_mono() < end;) {
    loop_turn(w->l, 0, &e);
    int ms = store_turn(w->s, true);
    if (!w->ready) kit_sleep(ms < 5 ? ms : 5);
  }
  return CHECK_INT(w->ready--, 1);
}

/* Gives it all, at most n octets at a time, as a connection would. */
static enum same_body_state echo_feed(struct echo_world *w, str came, size_t n, bool *cut)
{
  while (came.n) {
    str piece = str_sub(came, 0, n);

    came = str_skip(came, piece.n);
    enum incoming_state state = same_body_take(&w->h, piece);
    if (state == INCOMING_WAIT && !echo_wait(w)) break;
  }
  if (same_body_end(&w->h, cut) == INCOMING_WAIT && echo_wait(w))
    CHECK_INT(same_body_end(&w->h, cut), INCOMING_GO);
  return w->h.state;
}

static bool echo_written(struct echo_world *w, str want)
{
  struct buf all = BUF_INIT(want.n + 100);
  struct err e;

  for (size_t n = 0; incoming_read(w->m.in, n, &all, &e) == 1; n++) continue;
  bool same = CHECK_INT(all.n, want.n) && CHECK(str_eq(buf_str(&all), want));
  buf_free(&all);
  return same;
}

/* Lines of 50 octets. */
static void echo_text(struct buf *out, size_t n)
{
  out->cap = n + 100;
  for (size_t i = 0; out->n < n; i++) buf_printf(out, "line %08zu %-34s\r\n", i, "text");
}

TEST(same_body_writes_nothing_of_the_same)
{
  struct echo_world w;
  struct buf text = {0};
  bool cut;

  echo_text(&text, 300000);
  for (size_t n = 7; n <= LIMIT_IO_INPUT; n *= 13) {
    echo_open(&w, buf_str(&text));
    CHECK_INT(echo_feed(&w, buf_str(&text), n, &cut), SAME_BODY_SAME);
    CHECK_INT(incoming_octets(w.m.in), 0);
    echo_close(&w);
  }
  echo_open(&w, STR(""));
  CHECK_INT(echo_feed(&w, STR(""), 1, &cut), SAME_BODY_SAME);
  echo_close(&w);
  buf_free(&text);
}

TEST(same_body_writes_another_whole)
{
  static const size_t places[] = {0, 1, 65535, 65536, 70000, 131072, 299999};
  struct echo_world w;
  struct buf text = {0}, other = BUF_INIT(400000);
  bool cut;

  echo_text(&text, 300000);
  for (size_t i = 0; i < BASE_COUNT(places); i++) {
    for (int kind = 0; kind < 3; kind++) { /* changed, cut off there, longer */
      size_t at = places[i];

      buf_clear(&other);
      buf_str_add(&other, str_sub(buf_str(&text), 0, at));
      if (kind == 0) buf_puts(&other, "!");
      if (kind != 1) buf_str_add(&other, str_skip(buf_str(&text), at + (kind == 0)));
      if (kind == 2) buf_puts(&other, "more\r\n");
      echo_open(&w, buf_str(&text));
      CHECK_INT(echo_feed(&w, buf_str(&other), 5000, &cut), SAME_BODY_OTHER);
      CHECK(!cut);
      if (!echo_written(&w, buf_str(&other))) printf("  at %zu, kind %d\n", at, kind);
      echo_close(&w);
    }
  }
  buf_free(&text);
  buf_free(&other);
}

TEST(same_body_mends_the_dots_of_clamsmtpd)
{
  static const struct {
    size_t line;
    const char *sent, *came;
    bool same;
  } table[] = {
      {4221, ".dot\r\n", "dot\r\n", true},
      {4221, "..dot\r\n", ".dot\r\n", true},
      {4222, ".dot\r\n", "..dot\r\n", true},
      {8443, ".dot\r\n", "dot\r\n", true},
      {8445, "...\r\nx\r\n", "....\r\nx\r\n", true},
      {4220, ".dot\r\n", "dot\r\n", false},
      {4221, "dot\r\n", "ot\r\n", false},
      {4221, "x\r\n", "y\r\n", false},
      {4221, "x.dot\r\n", "xdot\r\n", false},
  };
  char sent[9000], came[9000];
  struct echo_world w;
  bool cut;

  for (size_t i = 0; i < BASE_COUNT(table); i++) {
    memset(sent, 'b', sizeof sent);
    memset(came, 'b', sizeof came);
    snprintf(sent + table[i].line, 100, "\r\n%s", table[i].sent);
    snprintf(came + table[i].line, 100, "\r\n%s", table[i].came);
    echo_open(&w, str_of(sent));
    enum same_body_state state = echo_feed(&w, str_of(came), 4096, &cut);
    if (!CHECK_INT(state, table[i].same ? SAME_BODY_SAME : SAME_BODY_OTHER))
      printf("  row %zu\n", i);
    if (state == SAME_BODY_OTHER) echo_written(&w, str_of(came));
    echo_close(&w);
  }
}

TEST(same_body_sees_an_end_lost_at_a_dot)
{
  char sent[9000];
  struct echo_world w;
  bool cut;

  memset(sent, 'b', sizeof sent);
  snprintf(sent + 4221, 100, "\r\n.\r\nmore\r\n");
  echo_open(&w, str_of(sent));
  echo_feed(&w, (str){sent, 4223}, 4096, &cut);
  CHECK(cut);
  echo_close(&w);
}
