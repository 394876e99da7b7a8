/* tests/unit/dns.c: questions to a name server of our own, on the same loop, that does what real
 * ones cannot be made to do. Real ones are asked by tests/spf/spf.py. */
#include "../../net/net.h"
#include "../check.h"

#include <unistd.h>

/* ---- the name server: the first label of the name says what it does -------------------------- */

struct dns_test {
  struct loop *loop;
  struct watch watch;
  struct netaddr at;
  int fd;
  int asked;          /* questions that came */
  bool mute;          /* says nothing */
  struct timer timer; /* answers `kept` */
  struct buf kept;
  struct netaddr keeper; /* who asked that */
};

/* Behind the header: one question, uncompressed. */
static size_t dns_test_question(const unsigned char *p, size_t n, char name[256])
{
  size_t at = 12, to = 0;

  while (at < n && p[at] && to + p[at] + 1 < 256) {
    memcpy(name + to, p + at + 1, p[at]);
    to += p[at] + 1u;
    name[to - 1] = '.';
    at += p[at] + 1u;
  }
  name[to ? to - 1 : 0] = '\0';
  return at + 5;
}

static void dns_test_rr(struct buf *out, unsigned type, unsigned ttl, const char *data, size_t n)
{
  const unsigned char head[12] = {0xc0, 12, 0, (unsigned char)type, 0, 1,
                                  0,    0,  0, (unsigned char)ttl,  0, (unsigned char)n};

  buf_add(out, head, sizeof head);
  buf_add(out, data, n);
}

static void dns_test_answer(struct buf *out, const char *name, unsigned type)
{
  unsigned char *head = (unsigned char *)out->p;

  head[2] = 0x81;
  head[3] = 0x80;
  head[10] = head[11] = 0; /* no EDNS in the answer */
  if (str_starts(str_of(name), STR("servfail"))) {
    head[3] |= 2;
  } else if (str_starts(str_of(name), STR("nx"))) {
    head[3] |= 3;
  } else if (str_starts(str_of(name), STR("alias"))) {
    head[7] = 1;
    dns_test_rr(out, DNS_CNAME, 60, "\4real\4test", 11);
  } else if (str_starts(str_of(name), STR("odd"))) { /* leads to a name of no host, said at once */
    head[7] = 2;
    dns_test_rr(out, DNS_CNAME, 60, "\6re+\0al\4test", 13);
    buf_add(out, "\6RE+\0AL\4test\0\0\1\0\1\0\0\0\74\0\4\300\0\2\3", 27);
  } else if (str_starts(str_of(name), STR("away"))) { /* … and must be asked for */
    head[7] = 1;
    dns_test_rr(out, DNS_CNAME, 60, "\4a.+b\4test", 11);
  } else if (str_starts(str_of(name), STR("junk"))) { /* records nobody asked for, one malformed */
    head[7] = 1;
    head[11] = 2;
    dns_test_rr(out, DNS_A, 60, "\300\0\2\4", 4);
    dns_test_rr(out, 35, 60, "\0\0\0\0\377", 5);
    dns_test_rr(out, DNS_AAAA, 60, "\1", 1);
  } else if (str_starts(str_of(name), STR("root"))) {
    head[7] = 1;
    dns_test_rr(out, DNS_MX, 60, "\0\0\1\0\0", 5); /* a label that is one NUL */
  } else if (str_starts(str_of(name), STR("round"))) {
    head[7] = 1;
    dns_test_rr(out, DNS_CNAME, 60, name[5] == '1' ? "\6round2\4test" : "\6round1\4test", 13);
  } else if (type == DNS_A) {
    head[7] = 2;
    dns_test_rr(out, DNS_A, 60, "\300\0\2\1", 4);
    dns_test_rr(out, DNS_A, 60, "\300\0\2\2", 4);
  } else if (type == DNS_MX) {
    head[7] = 1;
    dns_test_rr(out, DNS_MX, 60, "\0\12\2mx\300\14", 7);
  } else if (type == DNS_TXT) {
    head[7] = 1;
    dns_test_rr(out, DNS_TXT, 60, "\3one\4 two", 9);
  }
}

static void dns_test_reply(struct dns_test *t, const struct netaddr *to, const struct buf *out)
{
  if (buf_ok(out) && sendto(t->fd, out->p, out->n, 0, &to->sa, to->len) < 0) perror("sendto");
}

static void dns_test_late(struct timer *timer, void *arg)
{
  struct dns_test *t = arg;

  (void)timer;
  dns_test_reply(t, &t->keeper, &t->kept);
  buf_free(&t->kept);
}

static void dns_test_ready(struct watch *w, unsigned what, void *arg)
{
  struct dns_test *t = arg;
  unsigned char in[2048];
  struct netaddr from = {.len = sizeof from.in4};
  ssize_t n = recvfrom(w->fd, in, sizeof in, 0, &from.sa, &from.len);
  struct buf out = BUF_INIT(4096);
  char name[256];
  size_t end;

  (void)what;
  if (n < 17) return;
  t->asked++;
  end = dns_test_question(in, (size_t)n, name);
  if (t->mute || str_starts(str_of(name), STR("silent")) || end > (size_t)n) return;
  buf_add(&out, in, end);
  if (buf_ok(&out)) dns_test_answer(&out, name, in[end - 3]);
  if (str_starts(str_of(name), STR("late"))) { /* to who asked last */
    buf_free(&t->kept);
    t->kept = out;
    t->keeper = from;
    if (!timer_is_set(&t->timer)) timer_set(t->loop, &t->timer, loop_now(t->loop) + 1200);
    return;
  }
  dns_test_reply(t, &from, &out);
  buf_free(&out);
}

static bool dns_test_open(struct dns_test *t)
{
  struct err e;

  *t = (struct dns_test){.fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
  t->loop = loop_new(&e);
  t->watch.ready = dns_test_ready;
  t->watch.arg = t->timer.arg = t;
  t->timer.fire = dns_test_late;
  t->kept.cap = 4096;
  netaddr_of_ip(STR("127.0.0.1"), 0, &t->at);
  return CHECK(t->fd >= 0 && t->loop && bind(t->fd, &t->at.sa, t->at.len) == 0) &&
         CHECK_INT(netaddr_local(t->fd, &t->at), 0) &&
         CHECK_INT(watch_set(t->loop, &t->watch, t->fd, LOOP_READ, &e), 0);
}

static struct dns *dns_test_ask(const struct dns_test *t, size_t cache)
{
  const struct dns_options o = {
      .servers = &t->at, .server_count = 1, .timeout = 1000, .attempts = 1, .cache_size = cache};
  struct err e;

  return dns_new(t->loop, &o, &e);
}

static void dns_test_close(struct dns_test *t)
{
  watch_clear(t->loop, &t->watch);
  timer_clear(t->loop, &t->timer);
  buf_free(&t->kept);
  close(t->fd);
  loop_free(t->loop);
}

/* ---- answers, as text ------------------------------------------------------------------------ */

struct dns_heard {
  struct buf text;
  int count;
};

static void dns_hear(void *arg, const struct dns_answer *a)
{
  struct dns_heard *h = arg;

  h->count++;
  buf_clear(&h->text);
  buf_puts(&h->text, dns_status_name(a->status));
  for (size_t i = 0; i < a->n; i++) {
    const struct dns_record *r = &a->records[i];

    switch (a->type) {
    case DNS_A: buf_printf(&h->text, " %d.%d.%d.%d", r->ip[0], r->ip[1], r->ip[2], r->ip[3]); break;
    case DNS_MX: buf_printf(&h->text, " %d " STR_FMT, r->preference, STR_ARG(r->name)); break;
    default: buf_printf(&h->text, " '" STR_FMT "'", STR_ARG(r->text)); break;
    }
  }
}

static void dns_turn_until(struct dns_test *t, const int *count, int want)
{
  struct err e;

  for (int64_t end = clock_mono() + 5000; *count < want && clock_mono() < end;)
    if (!CHECK_INT(loop_turn(t->loop, 20, &e), 0)) break;
}

static const char *dns_say(struct dns_test *t, struct dns *d, const char *name, enum dns_type type)
{
  static struct dns_heard h = {.text = BUF_INIT(4096)};

  h.count = 0;
  buf_clear(&h.text);
  CHECK(dns_ask(d, str_of(name), type, dns_hear, &h));
  CHECK_INT(h.count, 0); /* never from inside */
  dns_turn_until(t, &h.count, 1);
  CHECK_INT(h.count, 1);
  static char text[4096];
  snprintf(text, sizeof text, "%s", buf_cstr(&h.text));
  buf_free(&h.text);
  return text;
}

TEST(dns_answers_and_the_cache)
{
  struct dns_test t;
  struct dns *d;

  if (!dns_test_open(&t) || !CHECK(d = dns_test_ask(&t, 32))) return;
  CHECK_STR(dns_say(&t, d, "a.test", DNS_A), "ok 192.0.2.1 192.0.2.2");
  CHECK_INT(t.asked, 1);
  CHECK_STR(dns_say(&t, d, "A.Test.", DNS_A), "ok 192.0.2.1 192.0.2.2");
  CHECK_INT(t.asked, 1);
  CHECK_STR(dns_say(&t, d, "a.test", DNS_MX), "ok 10 mx.a.test");
  CHECK_STR(dns_say(&t, d, "a.test", DNS_TXT), "ok 'one two'");
  CHECK_STR(dns_say(&t, d, "a.test", DNS_AAAA), "nodata");
  CHECK_STR(dns_say(&t, d, "nx.test", DNS_A), "nxdomain");
  CHECK_INT(t.asked, 5);
  CHECK_STR(dns_say(&t, d, "nx.test", DNS_A), "nxdomain"); /* kept too */
  CHECK_STR(dns_say(&t, d, "a.test", DNS_AAAA), "nodata");
  CHECK_INT(t.asked, 5);
  CHECK_STR(dns_say(&t, d, "servfail.test", DNS_A), "temp"); /* but not that */
  CHECK_STR(dns_say(&t, d, "servfail.test", DNS_A), "temp");
  CHECK_INT(t.asked, 7);
  CHECK_STR(dns_say(&t, d, "silent.test", DNS_A), "temp");
  CHECK(dns_known(d, STR("A.test."), DNS_TXT) && dns_known(d, STR("nx.test"), DNS_A));
  CHECK(!dns_known(d, STR("silent.test"), DNS_A) && !dns_known(d, STR("b.test"), DNS_A));
  dns_free(d);
  dns_test_close(&t);
}

/* What no host is called is asked for as well, and kept the same. */
TEST(dns_names_of_no_host)
{
  static const char *const names[] = {"bounce+user=example.org.test",
                                      "SRS0=hh=tt=d=u.test",
                                      "\"a b\".test",
                                      "a,b@c.test",
                                      "\\\\.test",
                                      "gr\xc3\xbc\xc3\x9f.test",
                                      "a\\.b.test",
                                      "a\\032b.test",
                                      "a:b.test",
                                      "a\tb.test",
                                      "{}|~^`!#$%&'?.test"};
  struct dns_test t;
  struct dns *d;

  if (!dns_test_open(&t) || !CHECK(d = dns_test_ask(&t, 32))) return;
  for (int i = 0; i < (int)BASE_COUNT(names); i++) {
    CHECK_STR(dns_say(&t, d, names[i], DNS_A), "ok 192.0.2.1 192.0.2.2");
    CHECK_INT(t.asked, i + 1);
  }
  for (size_t i = 0; i < BASE_COUNT(names); i++) dns_say(&t, d, names[i], DNS_A);
  CHECK_STR(dns_say(&t, d, "A,B@C.Test.", DNS_A), "ok 192.0.2.1 192.0.2.2");
  CHECK_INT(t.asked, BASE_COUNT(names));
  t.asked = 0;
  CHECK_STR(dns_say(&t, d, "a+b.test", DNS_MX), "ok 10 mx.a+b.test");
  CHECK_STR(dns_say(&t, d, "a+b.test", DNS_TXT), "ok 'one two'");
  CHECK_STR(dns_say(&t, d, "a+b.test", DNS_AAAA), "nodata");
  CHECK_STR(dns_say(&t, d, "nx+.test", DNS_A), "nxdomain");
  CHECK_STR(dns_say(&t, d, "nx+.test", DNS_A), "nxdomain");
  CHECK_INT(t.asked, 4);
  CHECK_STR(dns_say(&t, d, "servfail+.test", DNS_A), "temp");
  CHECK_STR(dns_say(&t, d, "servfail+.test", DNS_A), "temp");
  CHECK_STR(dns_say(&t, d, "alias+.test", DNS_A), "ok 192.0.2.1 192.0.2.2");
  CHECK_INT(t.asked, 8);
  CHECK_STR(dns_say(&t, d, "silent+.test", DNS_A), "temp");
  dns_free(d);
  dns_test_close(&t);
}

/* An answer is read the same whatever else is in the message, and whoever asked. */
TEST(dns_answers_that_libraries_refuse)
{
  struct dns_test t;
  struct dns *d;

  if (!dns_test_open(&t) || !CHECK(d = dns_test_ask(&t, 32))) return;
  CHECK_STR(dns_say(&t, d, "odd.test", DNS_A), "ok 192.0.2.3");
  CHECK_STR(dns_say(&t, d, "odd+.test", DNS_A), "ok 192.0.2.3");
  CHECK_STR(dns_say(&t, d, "away.test", DNS_A), "ok 192.0.2.1 192.0.2.2");
  CHECK_STR(dns_say(&t, d, "junk.test", DNS_A), "ok 192.0.2.4");
  CHECK_STR(dns_say(&t, d, "junk+.test", DNS_A), "ok 192.0.2.4");
  CHECK_STR(dns_say(&t, d, "root.test", DNS_MX), "ok 0 \\000");
  dns_free(d);
  dns_test_close(&t);
}

/* However fast the answers before it came, one has the time that the options give. */
TEST(dns_time_is_that_of_the_options)
{
  struct dns_test t;
  struct err e;
  char name[64];

  if (!dns_test_open(&t)) return;
  const struct dns_options o = {
      .servers = &t.at, .server_count = 1, .timeout = 5000, .attempts = 1};
  struct dns *d = dns_new(t.loop, &o, &e);
  for (int i = 0; d && i < 20; i++) {
    snprintf(name, sizeof name, "n%d.test", i);
    CHECK_STR(dns_say(&t, d, name, DNS_A), "ok 192.0.2.1 192.0.2.2");
  }
  CHECK(d && str_starts(str_of(dns_say(&t, d, "late.test", DNS_A)), STR("ok")));
  dns_free(d);
  dns_test_close(&t);
}

/* The cache is ours alone, so its size is the one that was said. */
TEST(dns_cache_is_bounded)
{
  static const char *const names[] = {"a.test", "b+c.test", "c.test", "d+e.test"};
  struct dns_test t;
  struct dns *d;

  for (size_t size = 0; size <= 4; size += 2) {
    if (!dns_test_open(&t) || !CHECK(d = dns_test_ask(&t, size))) return;
    for (int round = 0; round < 3; round++)
      for (size_t i = 0; i < 4; i++) dns_say(&t, d, names[i], DNS_A);
    CHECK_INT(t.asked, size < 4 ? 12 : 4);
    dns_free(d);
    dns_test_close(&t);
  }
}

TEST(dns_follows_aliases_but_not_for_ever)
{
  struct dns_test t;
  struct dns *d;

  if (!dns_test_open(&t) || !CHECK(d = dns_test_ask(&t, 32))) return;
  CHECK_STR(dns_say(&t, d, "alias.test", DNS_A), "ok 192.0.2.1 192.0.2.2");
  CHECK_INT(t.asked, 2);
  CHECK_STR(dns_say(&t, d, "round1.test", DNS_A), "temp");
  CHECK(t.asked < 20);
  dns_free(d);
  dns_test_close(&t);
}

TEST(dns_names_that_are_none)
{
  static char label[70], longest[2000];
  struct dns_test t;
  struct dns *d;

  memset(label, 'x', sizeof label - 1);
  memset(longest, 'y', sizeof longest - 1);
  if (!dns_test_open(&t) || !CHECK(d = dns_test_ask(&t, 0))) return;
  CHECK_STR(dns_say(&t, d, label, DNS_A), "nxdomain");
  CHECK_STR(dns_say(&t, d, longest, DNS_A), "nxdomain");
  CHECK_STR(dns_say(&t, d, "a..test", DNS_A), "nxdomain");
  CHECK_STR(dns_say(&t, d, "a+..test", DNS_A), "nxdomain");
  CHECK_STR(dns_say(&t, d, "a\\", DNS_A), "nxdomain");
  CHECK_STR(dns_say(&t, d, "a\\999.test", DNS_A), "nxdomain");
  CHECK_STR(dns_say(&t, d, "x.onion", DNS_A), "nxdomain"); /* RFC 7686 */
  CHECK_STR(dns_say(&t, d, "x+.Onion.", DNS_A), "nxdomain");
  CHECK_INT(t.asked, 0);
  struct dns_heard h = {.text = BUF_INIT(4096)};
  CHECK(dns_ask(d, (str){"a\0b", 3}, DNS_A, dns_hear, &h));
  dns_turn_until(&t, &h.count, 1);
  CHECK_STR(&h.text, "nxdomain");
  buf_free(&h.text);
  dns_free(d);
  dns_test_close(&t);
}

/* The same question of many is asked once; who cancels hears nothing. */
TEST(dns_joins_questions)
{
  struct dns_test t;
  struct dns *d;
  struct dns_heard h = {.text = BUF_INIT(4096)}, never = {.text = BUF_INIT(4096)};

  if (!dns_test_open(&t) || !CHECK(d = dns_test_ask(&t, 32))) return;
  struct dns_query *q = dns_ask(d, STR("a.test"), DNS_A, dns_hear, &never);
  for (int i = 0; i < 50; i++) CHECK(dns_ask(d, STR("a.test"), DNS_A, dns_hear, &h));
  dns_cancel(q);
  dns_cancel(NULL);
  dns_turn_until(&t, &h.count, 50);
  CHECK_INT(h.count, 50);
  CHECK_INT(t.asked, 1);
  CHECK_INT(never.count, 0);
  buf_free(&h.text);
  dns_free(d);
  dns_test_close(&t);
}

/* More than may fly wait in line; the cache stays within its size. */
TEST(dns_many_questions)
{
  struct dns_test t;
  struct dns *d;
  struct dns_heard h = {.text = BUF_INIT(4096)};
  char name[64];

  if (!dns_test_open(&t) || !CHECK(d = dns_test_ask(&t, 4))) return;
  for (int i = 0; i < 400; i++) {
    snprintf(name, sizeof name, "n%d.test", i);
    CHECK(dns_ask(d, str_of(name), DNS_A, dns_hear, &h));
  }
  dns_turn_until(&t, &h.count, 400);
  CHECK_INT(h.count, 400);
  t.asked = 0;
  for (int i = 396; i < 400; i++) {
    snprintf(name, sizeof name, "n%d.test", i);
    dns_say(&t, d, name, DNS_A);
  }
  CHECK(t.asked <= 4);
  dns_say(&t, d, "n0.test", DNS_A);
  CHECK(t.asked >= 1);
  buf_free(&h.text);
  dns_free(d);
  dns_test_close(&t);
}

/* Names that nobody serves do not bar the way for others. */
TEST(dns_silence_blocks_nobody)
{
  struct dns_test t;
  struct dns_heard h = {.text = BUF_INIT(4096)}, silent = {.text = BUF_INIT(4096)};
  char name[64];
  struct err e;

  if (!dns_test_open(&t)) return;
  const struct dns_options o = {
      .servers = &t.at, .server_count = 1, .timeout = 30000, .attempts = 1};
  struct dns *d = dns_new(t.loop, &o, &e);
  for (int i = 0; d && i < LIMIT_DNS_FLYING + 10; i++) {
    snprintf(name, sizeof name, "silent%d.test", i);
    CHECK(dns_ask(d, str_of(name), DNS_A, dns_hear, &silent));
  }
  CHECK(d && dns_ask(d, STR("a.test"), DNS_A, dns_hear, &h));
  dns_turn_until(&t, &h.count, 1);
  CHECK_STR(&h.text, "ok 192.0.2.1 192.0.2.2");
  CHECK_INT(silent.count, 0);
  buf_free(&h.text);
  dns_free(d);
  dns_test_close(&t);
}

/* Freed while questions wait, fly, and have answers nobody was told. */
TEST(dns_free_in_the_middle)
{
  for (int turns = 0; turns < 4; turns++) {
    struct dns_test t;
    struct dns *d;
    struct dns_heard h = {.text = BUF_INIT(4096)};
    struct err e;

    if (!dns_test_open(&t) || !CHECK(d = dns_test_ask(&t, 32))) return;
    for (int i = 0; i < 150; i++) {
      char name[64];
      snprintf(name, sizeof name, "%s%d.test", i % 3 ? "a" : i % 2 ? "silent" : "silent+", i);
      CHECK(dns_ask(d, str_of(name), DNS_A, dns_hear, &h));
    }
    for (int i = 0; i < turns; i++) CHECK_INT(loop_turn(t.loop, 1, &e), 0);
    dns_free(d);
    buf_free(&h.text);
    dns_test_close(&t);
  }
}

static struct dns_test dns_torture_test;

static void dns_torture_work(void)
{
  struct dns *d = dns_test_ask(&dns_torture_test, 1);
  struct dns_heard h = {.text = BUF_INIT(4096)};
  int wait = 0;

  if (!d) return;
  wait += dns_ask(d, STR("a.test"), DNS_TXT, dns_hear, &h) != NULL;
  wait += dns_ask(d, STR("b.test"), DNS_MX, dns_hear, &h) != NULL;
  wait += dns_ask(d, STR("a.test"), DNS_TXT, dns_hear, &h) != NULL;
  wait += dns_ask(d, STR("a+b.test"), DNS_A, dns_hear, &h) != NULL;
  dns_turn_until(&dns_torture_test, &h.count, wait);
  buf_free(&h.text);
  dns_free(d);
}

TEST(dns_without_memory)
{
  if (!dns_test_open(&dns_torture_test)) return;
  check_torture(dns_torture_work);
  dns_test_close(&dns_torture_test);
}

TEST(dns_reverse_names)
{
  char out[DNS_REVERSE_MAX];

  CHECK_INT(dns_reverse(STR("192.0.2.1"), out), 0);
  CHECK_STR(out, "1.2.0.192.in-addr.arpa");
  CHECK_INT(dns_reverse(STR("2001:db8::1"), out), 0);
  CHECK_STR(out, "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa");
  CHECK_INT(dns_reverse(STR("host"), out), -1);
}
