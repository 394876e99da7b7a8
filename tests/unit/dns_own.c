/* tests/unit/dns_own.c: questions asked without c-ares, to name servers on the same loop that do
 * what real ones cannot be made to do. Real ones are asked by tests/spf/spf.py. */
#include "../../net/dns_own.h"
#include "../check.h"

#include <dirent.h>
#include <unistd.h>

#define DNS_OWN_TESTS 3 /* servers */

enum dns_own_mood {
  DNS_OWN_GOOD,
  DNS_OWN_MUTE,
  DNS_OWN_SERVFAIL,
  DNS_OWN_REFUSED,
  DNS_OWN_NOTIMP,
  DNS_OWN_OLD,    /* does not know EDNS */
  DNS_OWN_OLDEST, /* … and says so without the question */
  DNS_OWN_LONG,   /* its answers are too long for a datagram */
  DNS_OWN_LARGE,  /* … and come in one all the same */
  DNS_OWN_FORGED, /* others answer first */
  DNS_OWN_TORN,   /* a stream in many pieces */
  DNS_OWN_SHUT,   /* a stream that is closed at once */
  DNS_OWN_ODD     /* another's answer in a stream */
};

struct dns_own_server {
  struct loop *loop;
  struct watch watch;
  struct listener *listener;
  struct netaddr at;
  int fd;
  int number;
  enum dns_own_mood mood;
  int asked, streams;
};

struct dns_own_test {
  struct loop *loop;
  struct dns_own_server servers[DNS_OWN_TESTS];
  int heard;
  char text[64];
};

/* The answer to a question: one address that names the server. */
static void dns_own_test_answer(const struct dns_own_server *s, str in, bool stream,
                                struct buf *out)
{
  const unsigned char record[16] = {0xc0, 12, 0, DNS_A, 0,   1, 0, 0,
                                    0,    60, 0, 4,     192, 0, 2, (unsigned char)s->number};
  bool edns = in.p[11] != 0;
  unsigned code = s->mood == DNS_OWN_SERVFAIL                                     ? 2
                  : s->mood == DNS_OWN_NOTIMP                                     ? 4
                  : s->mood == DNS_OWN_REFUSED                                    ? 5
                  : (s->mood == DNS_OWN_OLD || s->mood == DNS_OWN_OLDEST) && edns ? 1
                                                                                  : 0;
  bool cut = s->mood == DNS_OWN_LONG && !stream;

  buf_add(out, in.p, in.n - (edns ? 11 : 0));
  if (!buf_ok(out)) return;
  out->p[2] = (char)(cut ? 0x83 : 0x81);
  out->p[3] = (char)(0x80 | code);
  out->p[11] = 0;
  if (code == 1 && s->mood == DNS_OWN_OLDEST) {
    out->p[5] = 0;
    out->n = 12;
  }
  if (code || cut) return;
  out->p[7] = 1;
  buf_add(out, record, sizeof record);
  for (int i = 0; s->mood == DNS_OWN_LARGE && !stream && i < 5000; i++) buf_putc(out, 0);
}

static void dns_own_test_send(const struct dns_own_server *s, int fd, const struct netaddr *to,
                              const struct buf *b)
{
  (void)s;
  if (buf_ok(b) && sendto(fd, b->p, b->n, 0, &to->sa, to->len) < 0) perror("sendto");
}

/* What is none of the server's, then what is not to this question. */
static void dns_own_test_forge(struct dns_own_server *s, const struct netaddr *to, struct buf *b)
{
  int other = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  size_t last = b->n - 1;

  b->p[last] = 66;
  dns_own_test_send(s, other, to, b); /* another port */
  close(other);
  b->p[0] ^= 1; /* another id */
  dns_own_test_send(s, s->fd, to, b);
  b->p[0] ^= 1;
  b->p[13] ^= 4; /* another name */
  dns_own_test_send(s, s->fd, to, b);
  b->p[13] ^= 4;
  b->p[last - 18] ^= 1; /* another type: of the question, behind it its class and the record */
  dns_own_test_send(s, s->fd, to, b);
  b->p[last - 18] ^= 1;
  b->p[2] &= 0x7f; /* a question */
  dns_own_test_send(s, s->fd, to, b);
  b->p[2] |= (char)0x80;
  b->p[5] = 0; /* no question */
  dns_own_test_send(s, s->fd, to, b);
  b->p[5] = 1;
  for (size_t n = 0; n < 28; n += 9) {
    struct buf piece = *b;
    piece.n = n;
    dns_own_test_send(s, s->fd, to, &piece);
  }
  b->p[last] = (char)s->number;
  b->p[13] ^= 0x20; /* the same name in other letters */
}

static void dns_own_test_ready(struct watch *w, unsigned what, void *arg)
{
  struct dns_own_server *s = arg;
  struct netaddr from = {.len = sizeof from.in4};
  char in[512];
  ssize_t n = recvfrom(w->fd, in, sizeof in, 0, &from.sa, &from.len);
  struct buf out = BUF_INIT(65536);

  (void)what;
  if (n < 17) return;
  s->asked++;
  if (s->mood == DNS_OWN_MUTE) return;
  dns_own_test_answer(s, (str){in, (size_t)n}, false, &out);
  if (buf_ok(&out) && s->mood == DNS_OWN_FORGED) dns_own_test_forge(s, &from, &out);
  dns_own_test_send(s, w->fd, &from, &out);
  buf_free(&out);
}

static void dns_own_test_stream(struct io *io, enum io_event event, void *arg)
{
  struct dns_own_server *s = arg;
  struct buf out = BUF_INIT(65536);
  str in;

  if (event == IO_EOF || event == IO_ERROR) io_close(io);
  in = event == IO_DATA ? io_input(io) : STR("");
  if (in.n < 2 || in.n < 2u + (unsigned char)in.p[1]) return;
  s->streams++;
  dns_own_test_answer(s, str_skip(in, 2), true, &out);
  if (s->mood == DNS_OWN_ODD && buf_ok(&out)) out.p[0] ^= 1;
  io_consume(io, in.n);
  if (s->mood == DNS_OWN_MUTE) out.n = 0;
  if (s->mood == DNS_OWN_SHUT) io_close(io);
  if (out.n && s->mood != DNS_OWN_SHUT) {
    io_write(io, (str){(char[2]){(char)(out.n >> 8), (char)out.n}, 2});
    io_write(io, buf_str(&out));
  }
  buf_free(&out);
}

static void dns_own_test_accept(struct listener *l, int fd, const struct netaddr *peer, void *arg)
{
  struct dns_own_server *s = arg;
  struct err e;

  (void)l;
  (void)peer;
  CHECK(io_new(s->loop, fd, dns_own_test_stream, s, &e));
}

/* One port for both ways. */
static bool dns_own_test_serve(struct dns_own_server *s, struct loop *l, int number)
{
  struct err e;

  for (int i = 0; i < 20; i++) {
    *s = (struct dns_own_server){.loop = l, .number = number};
    s->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    netaddr_of_ip(STR("127.0.0.1"), 0, &s->at);
    if (bind(s->fd, &s->at.sa, s->at.len) < 0 || netaddr_local(s->fd, &s->at) < 0) return false;
    s->listener = listen_new(l, &s->at, dns_own_test_accept, s, &e);
    if (s->listener) break;
    close(s->fd);
  }
  s->watch.ready = dns_own_test_ready;
  s->watch.arg = s;
  return s->listener && watch_set(l, &s->watch, s->fd, LOOP_READ, &e) == 0;
}

static bool dns_own_test_open(struct dns_own_test *t)
{
  struct err e;

  *t = (struct dns_own_test){.loop = loop_new(&e)};
  for (int i = 0; i < DNS_OWN_TESTS; i++)
    if (!CHECK(dns_own_test_serve(&t->servers[i], t->loop, i))) return false;
  return true;
}

static void dns_own_test_close(struct dns_own_test *t)
{
  struct err e;

  for (int i = 0; i < DNS_OWN_TESTS; i++) {
    watch_clear(t->loop, &t->servers[i].watch);
    close(t->servers[i].fd);
    listen_free(t->servers[i].listener);
  }
  for (int i = 0; i < 5; i++) CHECK_INT(loop_turn(t->loop, 1, &e), 0);
  loop_free(t->loop);
}

static struct dns_own *dns_own_test_new(struct dns_own_test *t, size_t servers, int64_t timeout,
                                        int attempts, const char *how)
{
  struct netaddr list[DNS_OWN_TESTS];
  struct dns_options o = {.servers = list,
                          .server_count = servers,
                          .timeout = timeout,
                          .attempts = attempts,
                          .tcp = strstr(how, "tcp") != NULL,
                          .rotate = strstr(how, "rotate") != NULL};

  for (size_t i = 0; i < servers; i++) list[i] = t->servers[i].at;
  return dns_own_new(t->loop, &o);
}

static void dns_own_test_hear(void *arg, str answer)
{
  struct dns_own_test *t = arg;

  t->heard++;
  if (answer.n == 0)
    snprintf(t->text, sizeof t->text, "none");
  else
    snprintf(t->text, sizeof t->text, "%d of %zu", answer.p[answer.n - 1], answer.n);
}

static void dns_own_test_until(struct dns_own_test *t, int want)
{
  struct err e;

  for (int64_t end = clock_mono() + 20000; t->heard < want && clock_mono() < end;)
    if (!CHECK_INT(loop_turn(t->loop, 20, &e), 0)) break;
}

static const char *dns_own_test_say(struct dns_own_test *t, struct dns_own *o, const char *name)
{
  t->heard = 0;
  dns_own_ask(o, str_of(name), DNS_A, loop_now(t->loop), dns_own_test_hear, t);
  dns_own_test_until(t, 1);
  CHECK_INT(t->heard, 1);
  return t->text;
}

/* "asked by datagram / by stream", each server */
static const char *dns_own_test_counts(struct dns_own_test *t)
{
  static char out[64];
  size_t n = 0;

  for (int i = 0; i < DNS_OWN_TESTS; i++) {
    n += (size_t)snprintf(out + n, sizeof out - n, "%s%d/%d", i ? " " : "", t->servers[i].asked,
                          t->servers[i].streams);
    t->servers[i].asked = t->servers[i].streams = 0;
  }
  return out;
}

/* One server of that mood, and how often it was asked. */
static void dns_own_test_one(enum dns_own_mood mood, const char *how, const char *want,
                             const char *counts)
{
  struct dns_own_test t;
  struct dns_own *o;

  if (!dns_own_test_open(&t) || !CHECK(o = dns_own_test_new(&t, 1, 100, 2, how))) return;
  t.servers[0].mood = mood;
  CHECK_STR(dns_own_test_say(&t, o, "a+b=c\\@\\195\\188.test"), want);
  CHECK_STR(dns_own_test_counts(&t), counts);
  dns_own_free(o);
  dns_own_test_close(&t);
}

/* 12 octets of header, 18 of the name, 4 of the question, 16 of the record. */
TEST(dns_own_answers)
{
  dns_own_test_one(DNS_OWN_GOOD, "", "0 of 47", "1/0 0/0 0/0");
  dns_own_test_one(DNS_OWN_FORGED, "", "0 of 47", "1/0 0/0 0/0");
  dns_own_test_one(DNS_OWN_OLD, "", "0 of 47", "2/0 0/0 0/0");
  dns_own_test_one(DNS_OWN_OLDEST, "", "0 of 47", "2/0 0/0 0/0");
}

TEST(dns_own_streams)
{
  dns_own_test_one(DNS_OWN_LONG, "", "0 of 47", "1/1 0/0 0/0");
  dns_own_test_one(DNS_OWN_LARGE, "", "0 of 47", "1/1 0/0 0/0");
  dns_own_test_one(DNS_OWN_GOOD, "tcp", "0 of 47", "0/1 0/0 0/0");
  dns_own_test_one(DNS_OWN_OLD, "tcp", "0 of 47", "0/2 0/0 0/0");
  dns_own_test_one(DNS_OWN_SHUT, "tcp", "none", "0/2 0/0 0/0");
  dns_own_test_one(DNS_OWN_ODD, "tcp", "none", "0/2 0/0 0/0");
  dns_own_test_one(DNS_OWN_MUTE, "tcp", "none", "0/2 0/0 0/0");
}

TEST(dns_own_no_answer)
{
  dns_own_test_one(DNS_OWN_SERVFAIL, "", "none", "2/0 0/0 0/0");
  dns_own_test_one(DNS_OWN_REFUSED, "", "none", "2/0 0/0 0/0");
  dns_own_test_one(DNS_OWN_NOTIMP, "", "none", "2/0 0/0 0/0");
  dns_own_test_one(DNS_OWN_MUTE, "", "none", "2/0 0/0 0/0");
}

/* The next server answers for one that cannot; who said so is not asked again. */
TEST(dns_own_next_server)
{
  struct dns_own_test t;
  struct dns_own *o;

  if (!dns_own_test_open(&t) || !CHECK(o = dns_own_test_new(&t, 3, 100, 2, ""))) return;
  t.servers[0].mood = DNS_OWN_SERVFAIL;
  CHECK_STR(dns_own_test_say(&t, o, "x+y"), "1 of 37");
  CHECK_STR(dns_own_test_counts(&t), "1/0 1/0 0/0");
  t.servers[1].mood = DNS_OWN_MUTE;
  CHECK_STR(dns_own_test_say(&t, o, "x+y"), "2 of 37");
  CHECK_STR(dns_own_test_counts(&t), "1/0 1/0 1/0");
  t.servers[2].mood = DNS_OWN_REFUSED;
  CHECK_STR(dns_own_test_say(&t, o, "x+y"), "none");
  CHECK_STR(dns_own_test_counts(&t), "1/0 2/0 1/0");
  dns_own_free(o);
  dns_own_test_close(&t);
}

/* A port where nobody is costs no waiting. */
TEST(dns_own_nobody_there)
{
  for (int tcp = 0; tcp < 2; tcp++) {
    struct dns_own_test t;
    struct dns_own *o;

    if (!dns_own_test_open(&t)) return;
    if (!CHECK(o = dns_own_test_new(&t, 2, 60000, 1, tcp ? "tcp" : ""))) return;
    watch_clear(t.loop, &t.servers[0].watch);
    close(t.servers[0].fd);
    t.servers[0].fd = -1;
    listen_free(t.servers[0].listener);
    CHECK_STR(dns_own_test_say(&t, o, "x+y"), "1 of 37");
    dns_own_free(o);
    t.servers[0].listener = NULL;
    dns_own_test_close(&t);
  }
}

TEST(dns_own_rotates)
{
  struct dns_own_test t;
  struct dns_own *o;

  if (!dns_own_test_open(&t) || !CHECK(o = dns_own_test_new(&t, 3, 5000, 1, "rotate"))) return;
  for (int i = 0; i < 6; i++) {
    char want[16];
    snprintf(want, sizeof want, "%d of 37", i % 3);
    CHECK_STR(dns_own_test_say(&t, o, "x+y"), want);
  }
  dns_own_free(o);
  dns_own_test_close(&t);
}

/* What another has waited already is not waited again. */
TEST(dns_own_time_that_is_up)
{
  struct dns_own_test t;
  struct dns_own *o;

  if (!dns_own_test_open(&t) || !CHECK(o = dns_own_test_new(&t, 2, 1000, 2, ""))) return;
  t.servers[0].mood = t.servers[1].mood = DNS_OWN_MUTE;
  dns_own_ask(o, STR("a"), DNS_A, loop_now(t.loop) - 6000, dns_own_test_hear, &t);
  CHECK_STR(t.text, "none");
  dns_own_ask(o, STR("a"), DNS_A, loop_now(t.loop) - 5900, dns_own_test_hear, &t);
  CHECK_INT(t.heard, 1);
  dns_own_test_until(&t, 2);
  CHECK_STR(dns_own_test_counts(&t), "1/0 0/0 0/0");
  dns_own_free(o);
  dns_own_test_close(&t);
}

static int dns_own_test_descriptors(void)
{
  DIR *d = opendir("/proc/self/fd");
  int n = 0;

  while (d && readdir(d)) n++;
  if (d) closedir(d);
  return n;
}

/* More questions than sockets end the oldest; none is left open. */
TEST(dns_own_sockets_are_bounded)
{
  struct dns_own_test t;
  struct dns_own *o;
  int before;

  if (!dns_own_test_open(&t) || !CHECK(o = dns_own_test_new(&t, 1, 60000, 1, ""))) return;
  t.servers[0].mood = DNS_OWN_MUTE;
  before = dns_own_test_descriptors();
  for (int i = 0; i < LIMIT_DNS_SOCKETS + 7; i++)
    dns_own_ask(o, STR("x+y"), DNS_A, loop_now(t.loop), dns_own_test_hear, &t);
  CHECK_INT(t.heard, 7);
  CHECK_INT(dns_own_test_descriptors() - before, LIMIT_DNS_SOCKETS);
  t.servers[0].mood = DNS_OWN_GOOD;
  dns_own_test_until(&t, 7 + LIMIT_DNS_SOCKETS); /* those that were sent are answered now */
  CHECK_INT(t.heard, 7 + LIMIT_DNS_SOCKETS);
  CHECK_STR(t.text, "0 of 37");
  CHECK_INT(dns_own_test_descriptors(), before);
  dns_own_free(o);
  dns_own_test_close(&t);
}

TEST(dns_own_question_as_sent)
{
  unsigned char out[DNS_OWN_PACKET];
  char longest[256];

  CHECK_INT(dns_own_question(STR("a+b.x"), DNS_TXT, 0x1234, true, out), 12 + 7 + 4 + 11);
  CHECK(memcmp(out, "\x12\x34\1\0\0\1\0\0\0\0\0\1\3a+b\1x\0\0\20\0\1\0\0\51\4\320\0\0\0\0\0\0",
               34) == 0);
  CHECK_INT(dns_own_question(STR("a"), DNS_A, 1, false, out), 12 + 3 + 4);
  memset(longest, 'x', sizeof longest);
  longest[63] = longest[127] = longest[191] = '.';
  CHECK_INT(dns_own_question((str){longest, 253}, DNS_A, 1, true, out), 12 + 255 + 4 + 11);
}
