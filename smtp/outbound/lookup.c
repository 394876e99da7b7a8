/* smtp/outbound/lookup.c: from the name of a domain or host to the addresses to connect to.
 *
 * First the MX records, then the addresses of all hosts they name, at once; the callback when the
 * last answer is there.
 */
#include "lookup.h"

#include <unistd.h>

#define LOOKUP_PORT 25 /* in tests mail has another: there all the world is loopback */

struct lookup_host {
  struct lookup *lookup;
  struct route_host host;
  struct dns_query *asked[2]; /* A, AAAA */
  struct dns_answer got[2];
};

struct lookup {
  struct arena *arena;
  struct lookup_order o;
  lookup_fn *done;
  void *arg;
  bool implicit;        /* no MX: the domain itself */
  struct dns_query *mx; /* under way */
  struct lookup_host hosts[LIMIT_ROUTE_HOSTS];
  size_t count, pending; /* hosts; questions about them */
  bool temp;             /* one of them got no answer */
};

static const enum dns_type lookup_types[] = {DNS_A, DNS_AAAA};

void lookup_cancel(struct lookup *k)
{
  if (!k) return;
  dns_cancel(k->mx);
  for (size_t i = 0; i < k->count; i++) {
    dns_cancel(k->hosts[i].asked[0]);
    dns_cancel(k->hosts[i].asked[1]);
  }
  arena_free(k->arena);
  mem_free(k);
}

/* ---- ourselves ------------------------------------------------------------------------------- */

/* Nobody but the owner of an address can bind it. */
static bool lookup_is_local(const struct netaddr *a)
{
  struct netaddr probe = *a;
  int fd = socket(a->sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  bool local;

  if (probe.sa.sa_family == AF_INET6)
    probe.in6.sin6_port = 0;
  else
    probe.in4.sin_port = 0;
  local = fd >= 0 && bind(fd, &probe.sa, probe.len) == 0;
  if (fd >= 0) close(fd);
  return local;
}

static bool lookup_is_any(const struct netaddr *a)
{
  static const struct in6_addr any;

  if (a->sa.sa_family == AF_INET) return a->in4.sin_addr.s_addr == 0;
  return a->sa.sa_family == AF_INET6 && memcmp(&a->in6.sin6_addr, &any, sizeof any) == 0;
}

/* A stranger's domain must not send us there: who serves only this machine believes it more. */
static bool lookup_is_inside(const struct netaddr *a)
{
  return netaddr_port(a) == LOOKUP_PORT && (netaddr_is_loopback(a) || lookup_is_any(a));
}

bool lookup_is_ours(const struct conf *conf, const struct route_hop *hop)
{
  const struct conf_addrs *listeners = &conf->server.interfaces.addr;

  if (str_ieq(hop->name, conf->server.domain) || lookup_is_inside(&hop->to)) return true;
  for (size_t i = 0; i < listeners->n; i++) {
    const struct netaddr *at = &listeners->list[i].addr;

    if (netaddr_port(at) != netaddr_port(&hop->to)) continue;
    if (netaddr_same_ip(at, &hop->to) || (lookup_is_any(at) && lookup_is_local(&hop->to)))
      return true;
  }
  return false;
}

static bool lookup_is_us(void *arg, const struct route_hop *hop)
{
  return lookup_is_ours(arg, hop);
}

/* ---- the end --------------------------------------------------------------------------------- */

static void lookup_end(struct lookup *k, struct lookup_result *r)
{
  if (!k->o.mx && r->verdict == LOOKUP_PERM) r->verdict = LOOKUP_TEMP;
  k->done(k->arg, r);
  lookup_cancel(k);
}

static void lookup_fail(struct lookup *k, enum lookup_verdict verdict, const char *format)
{
  struct lookup_result r = {.verdict = verdict};
  char text[256];

  snprintf(text, sizeof text, format, STR_ARG(str_sub(k->o.name, 0, 160)));
  r.why = str_of(text);
  lookup_end(k, &r);
}

static void lookup_finish(struct lookup *k)
{
  enum conf_ip_strategy strategy = k->o.conf->server.dns.options.ip_strategy;
  struct route_hop hops[LIMIT_ROUTE_HOPS];
  struct lookup_result r = {.verdict = LOOKUP_OK, .hops = hops};
  bool ours;

  for (size_t i = 0; i < k->count; i++)
    r.n = route_add(hops, r.n, &k->hosts[i].host, k->o.port, &k->hosts[i].got[0],
                    &k->hosts[i].got[1], strategy);
  ours = k->o.mx && route_cut(hops, &r.n, lookup_is_us, (void *)(uintptr_t)k->o.conf);
  if (r.n > 0)
    lookup_end(k, &r);
  else if (ours)
    lookup_fail(k, LOOKUP_PERM,
                "5.4.6 the mail server of " STR_FMT " is this one, where nobody has "
                "a mailbox for it");
  else if (k->temp)
    lookup_fail(k, LOOKUP_TEMP, "4.4.3 the name servers do not tell the address of " STR_FMT);
  else if (k->implicit)
    lookup_fail(k, LOOKUP_PERM, "5.4.4 " STR_FMT " has neither a mail server nor an address");
  else
    lookup_fail(k, LOOKUP_PERM, "5.4.4 no mail server of " STR_FMT " has an address");
}

/* ---- answers --------------------------------------------------------------------------------- */

/* Keeps what route_add reads of an answer. */
static void lookup_add(struct lookup_host *h, const struct dns_answer *answer)
{
  struct lookup *k = h->lookup;
  size_t which = answer->type == DNS_AAAA, n = answer->n;
  struct dns_record *copy;

  if (n > LIMIT_ROUTE_HOPS) n = LIMIT_ROUTE_HOPS;
  copy = arena_alloc(k->arena, (n + 1) * sizeof *copy);
  if (copy && n) memcpy(copy, answer->records, n * sizeof *copy);
  if (!copy || answer->status == DNS_TEMP) k->temp = true;
  h->got[which] = *answer;
  h->got[which].records = copy;
  h->got[which].n = copy && answer->status == DNS_OK ? n : 0;
  h->asked[which] = NULL;
}

static void lookup_address(void *arg, const struct dns_answer *answer)
{
  struct lookup_host *h = arg;

  lookup_add(h, answer);
  if (--h->lookup->pending == 0) lookup_finish(h->lookup);
}

static void lookup_ask_host(struct lookup *k, struct lookup_host *h)
{
  h->lookup = k;
  h->host.name = arena_str(k->arena, h->host.name);
  for (size_t t = 0; t < BASE_COUNT(lookup_types); t++) {
    if (!route_wants(k->o.conf->server.dns.options.ip_strategy, lookup_types[t])) continue;
    h->asked[t] =
        h->host.name.p ? dns_ask(k->o.dns, h->host.name, lookup_types[t], lookup_address, h) : NULL;
    if (h->asked[t])
      k->pending++;
    else
      k->temp = true;
  }
}

static void lookup_ask_hosts(struct lookup *k)
{
  for (size_t i = 0; i < k->count; i++) lookup_ask_host(k, &k->hosts[i]);
}

static void lookup_implicit(struct lookup *k)
{
  k->implicit = true;
  k->count = 1;
  k->hosts[0].host.name = k->o.name;
}

static void lookup_mx(void *arg, const struct dns_answer *answer)
{
  struct route_host hosts[LIMIT_ROUTE_HOSTS];
  struct lookup *k = arg;
  enum route_kind kind = ROUTE_IMPLICIT;
  uint64_t dice = 0;

  k->mx = NULL;
  if (answer->status == DNS_TEMP) {
    lookup_fail(k, LOOKUP_TEMP, "4.4.3 the name servers do not tell the mail servers of " STR_FMT);
    return;
  }
  if (answer->status == DNS_NXDOMAIN) {
    lookup_fail(k, LOOKUP_PERM, "5.1.2 the domain " STR_FMT " does not exist");
    return;
  }
  if (random_bytes(&dice, sizeof dice) < 0) dice = 0;
  if (answer->status == DNS_OK)
    kind = route_order(answer->records, answer->n, dice, hosts, &k->count);
  if (kind == ROUTE_NULL) {
    lookup_fail(k, LOOKUP_PERM, "5.1.10 the domain " STR_FMT " takes no mail");
    return;
  }
  if (kind == ROUTE_IMPLICIT) lookup_implicit(k);
  for (size_t i = 0; kind == ROUTE_HOSTS && i < k->count; i++) k->hosts[i].host = hosts[i];
  lookup_ask_hosts(k);
  if (k->pending == 0)
    lookup_fail(k, LOOKUP_TEMP, "4.3.0 no memory to ask for the mail servers of " STR_FMT);
}

struct lookup *lookup_new(const struct lookup_order *o, lookup_fn *done, void *arg)
{
  struct lookup *k = mem_alloc(sizeof *k);

  if (!k) return NULL;
  k->o = *o;
  k->done = done;
  k->arg = arg;
  k->arena = arena_new(0);
  if (k->arena) k->o.name = arena_str(k->arena, o->name);
  if (!k->arena || !k->o.name.p) {
    lookup_cancel(k);
    return NULL;
  }
  if (o->mx) {
    k->mx = dns_ask(o->dns, k->o.name, DNS_MX, lookup_mx, k);
  } else {
    lookup_implicit(k);
    lookup_ask_hosts(k);
  }
  if (k->mx || k->pending) return k;
  lookup_cancel(k);
  return NULL;
}
#undef LOOKUP_PORT
