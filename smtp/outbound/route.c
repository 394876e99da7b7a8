/* smtp/outbound/route.c: in which order the servers of a domain are tried (RFC 5321 §5.1). */
#include "route.h"

static size_t route_insert(struct route_host *out, size_t n, struct route_host host)
{
  size_t at = n < LIMIT_ROUTE_HOSTS ? n : n - 1;

  if (n == LIMIT_ROUTE_HOSTS && out[at].preference <= host.preference) return n;
  for (; at > 0 && out[at - 1].preference > host.preference; at--) out[at] = out[at - 1];
  out[at] = host;
  return n < LIMIT_ROUTE_HOSTS ? n + 1 : n;
}

/* Of equals each order is as likely; 64 bits are dice enough for ten of them. */
static void route_shuffle(struct route_host *list, size_t n, uint64_t *dice)
{
  for (; n > 1; n--) {
    size_t i = (size_t)(*dice % n);
    struct route_host last = list[n - 1];

    *dice /= n;
    list[n - 1] = list[i];
    list[i] = last;
  }
}

enum route_kind route_order(const struct dns_record *mx, size_t n, uint64_t dice,
                            struct route_host out[LIMIT_ROUTE_HOSTS], size_t *count)
{
  bool null = false;

  *count = 0;
  for (size_t i = 0; i < n; i++) {
    if (mx[i].name.n == 0)
      null = true;
    else
      *count = route_insert(out, *count, (struct route_host){mx[i].name, mx[i].preference});
  }
  if (*count == 0) return null ? ROUTE_NULL : ROUTE_IMPLICIT;
  for (size_t from = 0, to; from < *count; from = to) {
    for (to = from + 1; to < *count && out[to].preference == out[from].preference;) to++;
    route_shuffle(out + from, to - from, &dice);
  }
  return ROUTE_HOSTS;
}

bool route_wants(enum conf_ip_strategy strategy, enum dns_type type)
{
  if (type == DNS_A) return strategy != CONF_IPV6_ONLY;
  return type == DNS_AAAA && strategy != CONF_IPV4_ONLY;
}

static size_t route_add_one(struct route_hop *hops, size_t n, const struct route_host *host,
                            uint16_t port, const struct dns_answer *answer, size_t i)
{
  struct route_hop *h = &hops[n];

  if (n == LIMIT_ROUTE_HOPS || !answer || answer->status != DNS_OK || i >= answer->n) return n;
  *h = (struct route_hop){.name = host->name, .preference = host->preference};
  if (answer->type == DNS_A) {
    h->to.len = sizeof h->to.in4;
    h->to.in4.sin_family = AF_INET;
    h->to.in4.sin_port = htons(port);
    memcpy(&h->to.in4.sin_addr, answer->records[i].ip, 4);
  } else {
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

    memcpy(&in6.sin6_addr, answer->records[i].ip, 16);
    netaddr_of_sa((struct sockaddr *)&in6, sizeof in6, &h->to); /* ::ffff:127.0.0.1 is 127.0.0.1 */
  }
  return n + 1;
}

size_t route_add(struct route_hop *hops, size_t n, const struct route_host *host, uint16_t port,
                 const struct dns_answer *a, const struct dns_answer *aaaa,
                 enum conf_ip_strategy strategy)
{
  bool six_first = strategy == CONF_IPV6_THEN_IPV4 || strategy == CONF_IPV6_ONLY;
  const struct dns_answer *first = six_first ? aaaa : a, *second = six_first ? a : aaaa;
  size_t most = (first ? first->n : 0) + (second ? second->n : 0);

  for (size_t i = 0; i < most; i++) {
    n = route_add_one(hops, n, host, port, first, i);
    if (strategy == CONF_IPV4_AND_IPV6) n = route_add_one(hops, n, host, port, second, i);
  }
  for (size_t i = 0; strategy != CONF_IPV4_AND_IPV6 && i < most; i++)
    n = route_add_one(hops, n, host, port, second, i);
  return n;
}

bool route_cut(struct route_hop *hops, size_t *n,
               bool (*is_ours)(void *arg, const struct route_hop *), void *arg)
{
  for (size_t i = 0; i < *n; i++) {
    if (!is_ours(arg, &hops[i])) continue;
    while (i > 0 && hops[i - 1].preference == hops[i].preference) i--;
    *n = i;
    return true;
  }
  return false;
}
