/* net/dns_own.c: questions to name servers without c-ares, for what its newer versions do not ask.
 *
 * A question goes to one server after another, as often as the options say, each time with an id
 * and from a port nobody can foresee: a socket of its own, connected, so that the kernel drops what
 * another address sends. What does not answer the very question is not heard. A message that was
 * cut is asked for again over TCP, a server that does not know EDNS without it; neither counts as a
 * try. More than LIMIT_DNS_SOCKETS end the oldest.
 */
#include "dns_own.h"
#include "dns_name.h"

#include <errno.h>
#include <unistd.h>

#define DNS_OWN_HEADER  12
#define DNS_OWN_EDNS    1232  /* octets of an answer that need no fragments */
#define DNS_OWN_STREAM  65535 /* octets of a message over TCP */
#define DNS_OWN_LONGEST 60000 /* milliseconds: a try's time is doubled no further */
#define DNS_OWN_SERVERS 32    /* bits of `lame` */

struct dns_own_query {
  struct list_link link; /* in order of their beginning */
  struct dns_own *own;
  dns_own_fn *fn;
  void *arg;
  struct watch watch;
  struct timer timer;
  int fd;        /* -1: none */
  size_t server; /* that is being asked, */
  size_t first;  /* the one that was asked first, */
  int tries;     /* how often any was */
  uint32_t lame; /* those that cannot say */
  int64_t until; /* loop time: no try goes beyond */
  enum dns_type type;
  bool tcp, edns;
  unsigned char packet[2 + DNS_OWN_PACKET]; /* behind its length, which TCP wants */
  size_t packet_n, sent;                    /* without, and with that length */
  struct buf in;                            /* of TCP */
  size_t name_n;
  char name[];
};

struct dns_own {
  struct loop *loop;
  struct list queries;
  bool tcp, rotate;
  int64_t timeout;
  int attempts;
  size_t turn; /* of rotate */
  size_t server_count;
  struct netaddr servers[DNS_OWN_SERVERS];
};

/* ---- messages: RFC 1035 §4.1, RFC 6891 ------------------------------------------------------- */

static size_t dns_own_u16(unsigned char *to, unsigned value)
{
  to[0] = (unsigned char)(value >> 8);
  to[1] = (unsigned char)value;
  return 2;
}

size_t dns_own_question(str name, enum dns_type type, uint16_t id, bool edns,
                        unsigned char out[DNS_OWN_PACKET])
{
  size_t n = DNS_OWN_HEADER;

  memset(out, 0, DNS_OWN_HEADER);
  dns_own_u16(out, id);
  out[2] = 1; /* recursion desired */
  out[5] = 1; /* one question */
  out[11] = edns;
  n += dns_name_write(name, out + n);
  n += dns_own_u16(out + n, type);
  n += dns_own_u16(out + n, 1); /* class IN */
  if (!edns) return n;
  out[n++] = 0; /* the root's OPT record: its class is our size, flags and options are none */
  n += dns_own_u16(out + n, 41);
  n += dns_own_u16(out + n, DNS_OWN_EDNS);
  memset(out + n, 0, 6);
  return n + 6;
}

/* The question section of a message of ours, behind its header. */
static str dns_own_section(str question)
{
  size_t at = DNS_OWN_HEADER;

  while (question.p[at]) at += (unsigned char)question.p[at] + 1u;
  return str_sub(question, DNS_OWN_HEADER, at + 5);
}

/* Letters without regard to case in the name (a length is none), type and class to the bit. */
static bool dns_own_same(str section, str message)
{
  str got = str_sub(message, DNS_OWN_HEADER, DNS_OWN_HEADER + section.n);

  return got.n == section.n &&
         str_ieq(str_sub(got, 0, got.n - 4), str_sub(section, 0, got.n - 4)) &&
         str_eq(str_skip(got, got.n - 4), str_skip(section, got.n - 4));
}

enum dns_own_verdict dns_own_judge(str question, str message, bool stream)
{
  const unsigned char *p = (const unsigned char *)message.p;
  bool error, edns = question.p[11] != 0;

  if (message.n < DNS_OWN_HEADER || memcmp(p, question.p, 2) != 0) return DNS_OWN_FOREIGN;
  if ((p[2] & 0xf8) != 0x80) return DNS_OWN_FOREIGN; /* no answer, or to no ordinary question */
  int code = p[3] & 15, questions = p[4] << 8 | p[5];
  error = code == 1 || code == 2 || code == 4 || code == 5; /* may come without the question */
  if (questions != 1 && !(questions == 0 && error)) return DNS_OWN_FOREIGN;
  if (questions == 1 && !dns_own_same(dns_own_section(question), message)) return DNS_OWN_FOREIGN;
  if (!stream && p[2] & 2) return DNS_OWN_CUT;
  if (code == 1 && edns) return DNS_OWN_PLAIN;
  return error ? DNS_OWN_LAME : DNS_OWN_ANSWER;
}

/* ---- one try --------------------------------------------------------------------------------- */

static void dns_own_close(struct dns_own_query *q)
{
  watch_clear(q->own->loop, &q->watch);
  timer_clear(q->own->loop, &q->timer);
  if (q->fd >= 0) close(q->fd);
  q->fd = -1;
  buf_free(&q->in);
}

static void dns_own_query_free(struct dns_own_query *q)
{
  dns_own_close(q);
  list_remove(&q->link);
  mem_free(q);
}

/* answer may be the query's own. */
static void dns_own_end(struct dns_own_query *q, str answer)
{
  q->fn(q->arg, answer);
  dns_own_query_free(q);
}

/* Doubled whenever all servers were asked. */
static int64_t dns_own_time(const struct dns_own *o, int round)
{
  int64_t time = o->timeout;

  while (round-- > 0 && time < DNS_OWN_LONGEST) time *= 2;
  return time;
}

/* A socket to the server, and the question on its way; -1: no way there. */
static int dns_own_open(struct dns_own_query *q)
{
  const struct netaddr *to = &q->own->servers[q->server];
  int kind = q->tcp ? SOCK_STREAM : SOCK_DGRAM;
  uint16_t id;
  struct err e;

  if (random_bytes(&id, sizeof id) < 0) return -1;
  q->packet_n = dns_own_question((str){q->name, q->name_n}, q->type, id, q->edns, q->packet + 2);
  dns_own_u16(q->packet, (unsigned)q->packet_n);
  q->sent = 0;
  q->fd = socket(to->sa.sa_family, kind | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (q->fd < 0) return -1;
  if (connect(q->fd, &to->sa, to->len) < 0 && errno != EINPROGRESS) return -1;
  if (!q->tcp && send(q->fd, q->packet + 2, q->packet_n, MSG_NOSIGNAL) < 0) return -1;
  return watch_set(q->own->loop, &q->watch, q->fd, q->tcp ? LOOP_WRITE : LOOP_READ, &e);
}

/* Asks that server; the try ends when its time does. */
static int dns_own_try(struct dns_own_query *q)
{
  struct dns_own *o = q->own;
  int64_t at = loop_now(o->loop) + dns_own_time(o, (q->tries - 1) / (int)o->server_count);

  dns_own_close(q);
  if (dns_own_open(q) < 0) {
    dns_own_close(q);
    return -1;
  }
  timer_set(o->loop, &q->timer, at < q->until ? at : q->until);
  return 0;
}

static void dns_own_next(struct dns_own_query *q)
{
  struct dns_own *o = q->own;
  int most = o->attempts * (int)o->server_count;

  while (q->tries < most && loop_now(o->loop) < q->until) {
    q->server = (q->first + (size_t)q->tries++) % o->server_count;
    if (!(q->lame >> q->server & 1) && dns_own_try(q) == 0) return;
  }
  dns_own_end(q, STR(""));
}

/* ---- what comes ------------------------------------------------------------------------------ */

static void dns_own_heard(struct dns_own_query *q, str message)
{
  str question = {(char *)q->packet + 2, q->packet_n};
  enum dns_own_verdict v = dns_own_judge(question, message, q->tcp);

  if (v == DNS_OWN_ANSWER) {
    dns_own_end(q, message);
  } else if (v == DNS_OWN_CUT || v == DNS_OWN_PLAIN) {
    q->tcp = q->tcp || v == DNS_OWN_CUT;
    q->edns = q->edns && v != DNS_OWN_PLAIN;
    if (dns_own_try(q) < 0) dns_own_next(q);
  } else if (v == DNS_OWN_LAME || q->tcp) {
    if (q->own->server_count > 1) q->lame |= 1u << q->server;
    dns_own_next(q);
  }
}

static void dns_own_datagram(struct dns_own_query *q)
{
  char in[4096];
  ssize_t n = recv(q->fd, in, sizeof in, MSG_TRUNC);

  if (n > (ssize_t)sizeof in) { /* more than we said we take */
    in[2] |= 2;
    n = sizeof in;
  }
  if (n >= 0)
    dns_own_heard(q, (str){in, (size_t)n});
  else if (errno != EAGAIN && errno != EINTR)
    dns_own_next(q); /* nobody is there */
}

static void dns_own_stream_out(struct dns_own_query *q)
{
  ssize_t n = send(q->fd, q->packet + q->sent, q->packet_n + 2 - q->sent, MSG_NOSIGNAL);
  struct err e;

  if (n > 0) q->sent += (size_t)n;
  if (n < 0 && errno != EAGAIN && errno != EINTR)
    dns_own_next(q);
  else if (q->sent == q->packet_n + 2 && watch_set(q->own->loop, &q->watch, q->fd, LOOP_READ, &e))
    dns_own_next(q);
}

/* The next message of a stream: RFC 1035 §4.2.2. */
static void dns_own_stream_in(struct dns_own_query *q)
{
  char in[4096];
  ssize_t n = recv(q->fd, in, sizeof in, 0);
  const unsigned char *p;

  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n > 0) buf_add(&q->in, in, (size_t)n);
  p = (const unsigned char *)q->in.p;
  size_t whole = q->in.n < 2 ? 0 : 2 + ((size_t)p[0] << 8 | p[1]);
  if (whole && q->in.n >= whole)
    dns_own_heard(q, str_sub(buf_str(&q->in), 2, whole));
  else if (n <= 0 || !buf_ok(&q->in))
    dns_own_next(q);
}

static void dns_own_ready(struct watch *w, unsigned what, void *arg)
{
  struct dns_own_query *q = arg;

  (void)w;
  (void)what;
  if (!q->tcp)
    dns_own_datagram(q);
  else if (q->sent < q->packet_n + 2)
    dns_own_stream_out(q);
  else
    dns_own_stream_in(q);
}

static void dns_own_late(struct timer *t, void *arg)
{
  (void)t;
  dns_own_next(arg);
}

/* ---- questions ------------------------------------------------------------------------------- */

/* How long all the tries take that nobody answers. */
static int64_t dns_own_patience(const struct dns_own *o)
{
  int64_t all = 0;

  for (int i = 0; i < o->attempts; i++) all += dns_own_time(o, i) * (int64_t)o->server_count;
  return all;
}

void dns_own_ask(struct dns_own *o, str name, enum dns_type type, int64_t begun, dns_own_fn *fn,
                 void *arg)
{
  struct dns_own_query *q = o->server_count ? mem_alloc(sizeof *q + name.n) : NULL;

  if (!q) {
    fn(arg, STR(""));
    return;
  }
  if (o->queries.n >= LIMIT_DNS_SOCKETS)
    dns_own_end(LIST_FIRST(&o->queries, struct dns_own_query, link), STR(""));
  *q = (struct dns_own_query){.own = o, .fn = fn, .arg = arg, .fd = -1, .type = type};
  memcpy(q->name, name.p, name.n);
  q->name_n = name.n;
  q->tcp = o->tcp;
  q->edns = true;
  q->in.cap = 2 + DNS_OWN_STREAM + 4096; /* what was read behind the message */
  q->until = begun + dns_own_patience(o);
  q->first = o->rotate ? o->turn++ % o->server_count : 0;
  q->watch.ready = dns_own_ready;
  q->timer.fire = dns_own_late;
  q->watch.arg = q->timer.arg = q;
  list_add(&o->queries, &q->link);
  dns_own_next(q);
}

struct dns_own *dns_own_new(struct loop *l, const struct dns_options *o)
{
  struct dns_own *own = mem_alloc(sizeof *own);

  if (!own) return NULL;
  own->loop = l;
  own->tcp = o->tcp;
  own->rotate = o->rotate;
  own->timeout = o->timeout;
  own->attempts = o->attempts;
  own->server_count = o->server_count < DNS_OWN_SERVERS ? o->server_count : DNS_OWN_SERVERS;
  for (size_t i = 0; i < own->server_count; i++) own->servers[i] = o->servers[i];
  return own;
}

void dns_own_free(struct dns_own *o)
{
  if (!o) return;
  LIST_EACH(&o->queries, struct dns_own_query, link, q) dns_own_query_free(q);
  mem_free(o);
}
#undef DNS_OWN_HEADER
#undef DNS_OWN_EDNS
#undef DNS_OWN_STREAM
#undef DNS_OWN_LONGEST
#undef DNS_OWN_SERVERS
