/* net/dns.c: questions to name servers, by c-ares inside the loop, and what becomes of them.
 *
 * A question that is neither known nor under way walks along the lists below: it waits, flies, is
 * answered (or waits again, for the end of a CNAME chain), is known for a while. Callbacks run from
 * a task of the loop, so nobody is called back from inside dns_ask. c-ares calls us from inside its
 * own functions; its callback only notes the answer.
 *
 * c-ares asks for names of hosts. For a name that holds anything else (a sender's local part, in
 * SPF) its newer versions ask nobody, so those are asked by dns_own.c, whatever the version.
 */
#include "dns_answer.h"
#include "dns_name.h"
#include "dns_own.h"
#include "dns_system.h"

#include <arpa/inet.h>
#include <sys/time.h>

#define DNS_PATIENCE  2000      /* milliseconds until a question is late */
#define DNS_TTL_LEAST 1         /* seconds an answer is kept at least: one burst of mails */
#define DNS_TTL_NONE  5         /* a negative answer without SOA */
#define DNS_EDNS      1232      /* octets of a UDP answer that need no fragments */
#define DNS_RCVBUF    (4 << 20) /* asked of the system, which may give less */
#define DNS_SERVERS   16        /* of the system's */

/* An entry is in the list of its state. */
enum dns_state {
  DNS_WAITING, /* not sent yet, or the end of its CNAME chain is not */
  DNS_FLYING,  /* somebody asks */
  /* So late that its answer comes in no burst: not counted any more, lest names that nobody serves
   * bar the way for others. */
  DNS_LATE,
  DNS_ANSWERED, /* known, and somebody must be told */
  DNS_KNOWN,    /* in the cache alone, the oldest first */
  DNS_STATES
};

/* One question and its answer: while it is asked, and then in the cache. */
struct dns_entry {
  struct list_link link; /* among those of its state */
  struct dns *dns;
  struct list askers;
  enum dns_state state;
  enum dns_type type;
  struct arena *arena; /* owns the key and the answer */
  str key;             /* "type name", name in small letters */
  struct dns_answer answer;
  int64_t sent;  /* loop time */
  int64_t until; /* loop time to which it is known */
  int hops;
  str target; /* where its CNAMEs lead, if that must be asked for itself */
};

struct dns_query {
  struct list_link link; /* among the askers */
  struct dns_entry *entry;
  dns_fn *fn;
  void *arg;
};

/* A socket of c-ares. */
struct dns_socket {
  struct list_link link;
  struct watch watch;
};

struct dns {
  struct loop *loop;
  ares_channel channel;
  struct dns_own *own;
  struct map entries; /* by key: at most one an entry; an outdated one is in its list alone */
  struct list lists[DNS_STATES];
  size_t cache_size;
  struct list sockets;
  struct timer timer;
  struct task task;
  bool closing;
};

/* ---- entries --------------------------------------------------------------------------------- */

static struct dns_entry *dns_first(const struct dns *d, enum dns_state state)
{
  return LIST_FIRST(&d->lists[state], struct dns_entry, link);
}

static void dns_link(struct dns_entry *e, enum dns_state state)
{
  e->state = state;
  list_add(&e->dns->lists[state], &e->link);
}

static void dns_move(struct dns_entry *e, enum dns_state state)
{
  list_remove(&e->link);
  dns_link(e, state);
}

/* Nobody finds it any more. */
static void dns_forget(struct dns_entry *e)
{
  if (map_get(&e->dns->entries, e->key) == e) map_remove(&e->dns->entries, e->key);
}

static void dns_entry_free(struct dns_entry *e)
{
  dns_forget(e);
  list_remove(&e->link);
  arena_free(e->arena);
  mem_free(e);
}

static struct dns_entry *dns_entry_new(struct dns *d, str key, enum dns_type type)
{
  struct dns_entry *e = mem_alloc(sizeof *e);

  if (!e) return NULL;
  e->dns = d;
  e->type = type;
  e->arena = arena_new(LIMIT_DNS_ANSWER);
  if (e->arena) e->key = arena_str(e->arena, key);
  if (e->key.p && map_set(&d->entries, key, e) == 0) {
    dns_link(e, DNS_WAITING);
    return e;
  }
  arena_free(e->arena);
  mem_free(e);
  return NULL;
}

/* ---- asking ---------------------------------------------------------------------------------- */

static void dns_set_timer(struct dns *d)
{
  struct timeval most = {3600, 0}, tv, *t = ares_timeout(d->channel, &most, &tv);
  const struct dns_entry *oldest = dns_first(d, DNS_FLYING);
  int64_t at = loop_now(d->loop) + t->tv_sec * 1000 + t->tv_usec / 1000 + 1;

  if (oldest && oldest->sent + DNS_PATIENCE < at) at = oldest->sent + DNS_PATIENCE;
  if (d->lists[DNS_FLYING].n + d->lists[DNS_LATE].n == 0)
    timer_clear(d->loop, &d->timer);
  else
    timer_set(d->loop, &d->timer, at);
}

static void dns_finish(struct dns_entry *e)
{
  struct dns *d = e->dns;
  int64_t ttl = e->answer.ttl;

  if (e->answer.status == DNS_TEMP)
    ttl = 0;
  else if (ttl < DNS_TTL_LEAST)
    ttl = e->answer.status == DNS_OK ? DNS_TTL_LEAST : DNS_TTL_NONE;
  e->until = loop_now(d->loop) + ttl * 1000;
  dns_move(e, DNS_ANSWERED);
  loop_ready(d->loop, &d->task);
  trace(TRACE_DNS, "%s %s records=%zu ttl=%lld", log_q(e->key), dns_status_name(e->answer.status),
        e->answer.n, (long long)ttl);
}

/* What is known of the name, or where its CNAMEs lead. */
static void dns_take(struct dns_entry *e, str target)
{
  struct dns *d = e->dns;

  e->target = target;
  if (!target.p) {
    dns_finish(e);
  } else if (++e->hops > LIMIT_DNS_HOPS) {
    e->answer.status = DNS_TEMP;
    dns_finish(e);
  } else {
    dns_move(e, DNS_WAITING);
    loop_ready(d->loop, &d->task);
  }
}

/* No message: the status stands for what was found out without one. */
static void dns_answered(void *arg, str message, enum dns_status status)
{
  struct dns_entry *e = arg;
  str target = {NULL, 0};

  e->answer = (struct dns_answer){.status = status, .type = e->type};
  if (message.n > 12) dns_answer_read(message, e->type, e->arena, &e->answer, &target);
  dns_take(e, target);
}

static void dns_own_answered(void *arg, str message)
{
  dns_answered(arg, message, DNS_TEMP);
}

/* The name that is asked for now: its own, or one its CNAMEs lead to. */
static str dns_asked(const struct dns_entry *e)
{
  str name = e->key, type;

  if (e->target.p) return e->target;
  str_cut(&name, ' ', &type);
  return name;
}

#if ARES_VERSION >= 0x011c00

/* These versions read a message before they give it, refuse the whole of it for a record that
 * nobody asked about, and then write it anew, which may fail where a CNAME leads to a name of no
 * host. And whatever the options say, they wait five times as long as the last answers took, a
 * quarter of a second at least: too short for a name whose servers are far. So what they give up
 * without a message is asked once more by ourselves, for what is left of its time. */
static void dns_ares_done(void *arg, ares_status_t status, size_t timeouts,
                          const ares_dns_record_t *record)
{
  struct dns_entry *e = arg;
  unsigned char *wire = NULL;
  size_t n = 0;

  (void)timeouts;
  if (e->dns->closing) return;
  if (record && ares_dns_write(record, &wire, &n) == ARES_SUCCESS) {
    dns_answered(e, (str){(const char *)wire, n}, DNS_TEMP);
  } else {
    trace(TRACE_DNS, "%s c-ares: %s", log_q(e->key), ares_strerror((int)status));
    dns_own_ask(e->dns->own, dns_asked(e), e->type, e->sent, dns_own_answered, e);
  }
  ares_free_string(wire);
}

static void dns_ares_ask(struct dns_entry *e, const char *name)
{
  ares_query_dnsrec(e->dns->channel, name, ARES_CLASS_IN, (ares_dns_rec_type_t)e->type,
                    dns_ares_done, e, NULL);
}

#else

static void dns_ares_done(void *arg, int status, int timeouts, unsigned char *abuf, int alen)
{
  struct dns_entry *e = arg;
  size_t n = abuf && alen > 0 ? (size_t)alen : 0;

  (void)status;
  (void)timeouts;
  if (!e->dns->closing) dns_answered(e, (str){(const char *)abuf, n}, DNS_TEMP);
}

static void dns_ares_ask(struct dns_entry *e, const char *name)
{
  ares_query(e->dns->channel, name, 1, (int)e->type, dns_ares_done, e);
}

#endif

static void dns_send(struct dns_entry *e)
{
  unsigned char wire[DNS_NAME_WIRE];
  char text[DNS_NAME_WIRE + 1];
  str name = dns_asked(e);

  dns_move(e, DNS_FLYING);
  e->sent = loop_now(e->dns->loop);
  if (dns_name_write(name, wire) == 0 || dns_name_is_private(name)) {
    dns_answered(e, STR(""), DNS_NXDOMAIN);
  } else if (dns_name_is_plain(name) && name.n < sizeof text) {
    memcpy(text, name.p, name.n);
    text[name.n] = '\0';
    dns_ares_ask(e, text);
  } else {
    dns_own_ask(e->dns->own, name, e->type, e->sent, dns_own_answered, e);
  }
}

/* ---- the task: what is known goes out, what waits goes on its way ---------------------------- */

static void dns_tell(struct dns_entry *e)
{
  struct dns_query *q;

  while ((q = LIST_FIRST(&e->askers, struct dns_query, link)) != NULL) {
    dns_fn *fn = q->fn;
    void *arg = q->arg;

    dns_cancel(q);
    fn(arg, &e->answer);
  }
  dns_move(e, DNS_KNOWN);
  if (e->until <= loop_now(e->dns->loop)) dns_entry_free(e);
}

static void dns_work(struct task *t, void *arg)
{
  struct dns *d = arg;
  struct list *flying = &d->lists[DNS_FLYING];

  (void)t;
  while (d->lists[DNS_ANSWERED].n) dns_tell(dns_first(d, DNS_ANSWERED));
  while (d->lists[DNS_KNOWN].n > d->cache_size) dns_entry_free(dns_first(d, DNS_KNOWN));
  while (flying->n && dns_first(d, DNS_FLYING)->sent + DNS_PATIENCE <= loop_now(d->loop))
    dns_move(dns_first(d, DNS_FLYING), DNS_LATE);
  while (d->lists[DNS_WAITING].n && flying->n < LIMIT_DNS_FLYING)
    dns_send(dns_first(d, DNS_WAITING));
  dns_set_timer(d);
}

/* The entry of a question; *key becomes its key. An outdated one is forgotten. */
static struct dns_entry *dns_find(struct dns *d, str name, enum dns_type type, struct buf *key)
{
  struct dns_entry *e;

  name = dns_name_undotted(name);
  buf_printf(key, "%d ", (int)type);
  for (size_t i = 0; i < name.n && i <= DNS_NAME_MAX; i++) buf_putc(key, str_lower(name.p[i]));
  e = map_get(&d->entries, buf_str(key));
  if (!e || e->state < DNS_ANSWERED || e->until > loop_now(d->loop)) return e;
  dns_forget(e);
  if (e->state == DNS_KNOWN) dns_entry_free(e);
  return NULL;
}

const struct dns_answer *dns_known(struct dns *d, str name, enum dns_type type)
{
  struct buf key = BUF_INIT(DNS_NAME_MAX + 16);
  struct dns_entry *e = dns_find(d, name, type, &key);

  buf_free(&key);
  return e && e->state >= DNS_ANSWERED ? &e->answer : NULL;
}

struct dns_query *dns_ask(struct dns *d, str name, enum dns_type type, dns_fn *fn, void *arg)
{
  struct dns_query *q = mem_alloc(sizeof *q);
  struct buf key = BUF_INIT(DNS_NAME_MAX + 16);
  struct dns_entry *e = dns_find(d, name, type, &key);

  if (q && !e && buf_ok(&key)) e = dns_entry_new(d, buf_str(&key), type);
  buf_free(&key);
  if (!q || !e) {
    mem_free(q);
    return NULL;
  }
  *q = (struct dns_query){.entry = e, .fn = fn, .arg = arg};
  list_add_first(&e->askers, &q->link);
  if (e->state == DNS_KNOWN) dns_move(e, DNS_ANSWERED);
  loop_ready(d->loop, &d->task);
  return q;
}

void dns_cancel(struct dns_query *q)
{
  if (!q) return;
  list_remove(&q->link);
  mem_free(q);
}

/* ---- c-ares inside the loop ------------------------------------------------------------------ */

static void dns_ready(struct watch *w, unsigned what, void *arg)
{
  struct dns *d = arg;
  bool in = what & (LOOP_READ | LOOP_HALF | LOOP_GONE), out = what & (LOOP_WRITE | LOOP_GONE);

  ares_process_fd(d->channel, in ? w->fd : ARES_SOCKET_BAD, out ? w->fd : ARES_SOCKET_BAD);
  dns_set_timer(d);
}

static void dns_time(struct timer *t, void *arg)
{
  struct dns *d = arg;

  (void)t;
  ares_process_fd(d->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
  dns_set_timer(d);
  loop_ready(d->loop, &d->task);
}

static struct dns_socket *dns_find_socket(struct dns *d, int fd)
{
  LIST_EACH(&d->sockets, struct dns_socket, link, s)
    if (s->watch.fd == fd) return s;
  return NULL;
}

static void dns_socket_free(struct dns *d, struct dns_socket *s)
{
  if (!s) return;
  list_remove(&s->link);
  watch_clear(d->loop, &s->watch);
  mem_free(s);
}

static void dns_socket_state(void *arg, ares_socket_t fd, int readable, int writable)
{
  struct dns *d = arg;
  struct dns_socket *s = dns_find_socket(d, fd);
  struct err e;

  if (!readable && !writable) {
    dns_socket_free(d, s);
    return;
  }
  if (!s) {
    s = mem_alloc(sizeof *s);
    if (!s) return; /* its question will time out */
    s->watch = (struct watch){.ready = dns_ready, .arg = d, .fd = fd};
    list_add(&d->sockets, &s->link);
  }
  if (watch_set(d->loop, &s->watch, fd, (readable ? LOOP_READ : 0u) | (writable ? LOOP_WRITE : 0u),
                &e) < 0)
    log_error(LOG_DNS, "%s", e.text);
}

static int dns_set_servers(struct dns *d, const struct dns_options *o, struct err *e)
{
  struct buf csv = BUF_INIT(4096);
  char text[NETADDR_TEXT_MAX];
  int rc;

  for (size_t i = 0; i < o->server_count; i++)
    buf_printf(&csv, "%s%s", i ? "," : "", netaddr_text(&o->servers[i], text));
  rc = buf_ok(&csv) ? ares_set_servers_ports_csv(d->channel, buf_cstr(&csv)) : ARES_ENOMEM;
  buf_free(&csv);
  return rc == ARES_SUCCESS
             ? 0
             : err_set(e, ERR_PERM, "cannot use these name servers: %s", ares_strerror(rc));
}

static int dns_open_channel(struct dns *d, const struct dns_options *o, struct err *e)
{
  struct ares_options opt = {.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_EDNS |
                                      (o->tcp ? ARES_FLAG_USEVC : 0),
                             .timeout = (int)o->timeout,
                             .tries = o->attempts,
                             .ednspsz = DNS_EDNS,
                             .socket_receive_buffer_size = DNS_RCVBUF,
                             .sock_state_cb = dns_socket_state,
                             .sock_state_cb_data = d};
  int mask = ARES_OPT_FLAGS | ARES_OPT_EDNSPSZ | ARES_OPT_SOCK_RCVBUF | ARES_OPT_SOCK_STATE_CB |
             ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
             (o->rotate ? ARES_OPT_ROTATE : ARES_OPT_NOROTATE);
  int rc;

#ifdef ARES_OPT_QUERY_CACHE
  mask |= ARES_OPT_QUERY_CACHE; /* none, qcache_max_ttl is 0: the cache is ours */
#endif
#ifdef ARES_OPT_UDP_MAX_QUERIES
  mask |= ARES_OPT_UDP_MAX_QUERIES; /* then from another port */
  opt.udp_max_queries = LIMIT_DNS_FLYING;
#endif
  rc = ares_library_init(ARES_LIB_INIT_ALL);
  if (rc == ARES_SUCCESS) rc = ares_init_options(&d->channel, &opt, mask);
  if (rc == ARES_SUCCESS) return 0;
  d->channel = NULL;
  return err_set(e, ERR_IO, "cannot start the resolver: %s", ares_strerror(rc));
}

/* The same servers for c-ares and for our own questions. */
static int dns_open(struct dns *d, struct dns_options o, struct err *e)
{
  struct netaddr servers[DNS_SERVERS];

  if (o.timeout == 0 || o.attempts == 0) dns_system_options(&o);
  if (dns_open_channel(d, &o, e) < 0) return -1;
  if (o.server_count == 0) {
    o.server_count = dns_system_servers(d->channel, servers, DNS_SERVERS);
    o.servers = servers;
  } else if (dns_set_servers(d, &o, e) < 0) {
    return -1;
  }
  d->own = dns_own_new(d->loop, &o);
  return d->own ? 0 : err_nomem(e);
}

static void dns_free_list(struct list *list)
{
  LIST_EACH(list, struct dns_entry, link, e) {
    LIST_EACH(&e->askers, struct dns_query, link, q) dns_cancel(q);
    dns_entry_free(e);
  }
}

void dns_free(struct dns *d)
{
  if (!d) return;
  d->closing = true;
  if (d->channel) ares_destroy(d->channel);
  LIST_EACH(&d->sockets, struct dns_socket, link, s) dns_socket_free(d, s);
  dns_own_free(d->own);
  for (size_t i = 0; i < DNS_STATES; i++) dns_free_list(&d->lists[i]);
  map_free(&d->entries);
  loop_unready(&d->task);
  timer_clear(d->loop, &d->timer);
  mem_free(d);
  ares_library_cleanup();
}

struct dns *dns_new(struct loop *l, const struct dns_options *o, struct err *e)
{
  struct dns *d = mem_alloc(sizeof *d);

  if (!d) {
    err_nomem(e);
    return NULL;
  }
  d->loop = l;
  d->cache_size = o->cache_size;
  d->timer.fire = dns_time;
  d->task.run = dns_work;
  d->timer.arg = d->task.arg = d;
  if (dns_open(d, *o, e) == 0) return d;
  dns_free(d);
  return NULL;
}

/* ---- the rest -------------------------------------------------------------------------------- */

int dns_reverse(str ip, char out[DNS_REVERSE_MAX])
{
  unsigned char b[16];
  char text[NETADDR_TEXT_MAX];
  size_t n = 0;

  if (ip.n >= sizeof text) return -1;
  snprintf(text, sizeof text, STR_FMT, STR_ARG(ip));
  if (inet_pton(AF_INET, text, b) == 1) {
    snprintf(out, DNS_REVERSE_MAX, "%d.%d.%d.%d.in-addr.arpa", b[3], b[2], b[1], b[0]);
    return 0;
  }
  if (inet_pton(AF_INET6, text, b) != 1) return -1;
  for (int i = 15; i >= 0; i--)
    n += (size_t)snprintf(out + n, DNS_REVERSE_MAX - n, "%x.%x.", b[i] & 15, b[i] >> 4);
  snprintf(out + n, DNS_REVERSE_MAX - n, "ip6.arpa");
  return 0;
}

const char *dns_status_name(enum dns_status s)
{
  static const char *const names[] = {"ok", "nodata", "nxdomain", "temp"}; /* ORDER DNS_STATUS */
  return names[s];
}

const char *dns_library_version(void)
{
  return ares_version(NULL);
}
#undef DNS_PATIENCE
#undef DNS_TTL_LEAST
#undef DNS_TTL_NONE
#undef DNS_EDNS
#undef DNS_RCVBUF
#undef DNS_SERVERS
