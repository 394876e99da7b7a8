/* smtp/outbound/route.h: in which order the servers of a domain are tried (RFC 5321 §5.1). Pure
 * functions. */
#ifndef OUTBOUND_ROUTE_H
#define OUTBOUND_ROUTE_H

#include "../conf/conf.h"

struct route_host {
  str name; /* borrowed from the answer */
  uint16_t preference;
};

enum route_kind {
  ROUTE_HOSTS,
  ROUTE_IMPLICIT, /* no MX: the domain itself is its server */
  ROUTE_NULL      /* the domain takes no mail (RFC 7505) */
};
/* Takes the hosts of MX records, best first; those of one preference in an order that dice, random
 * bits, decides. At most LIMIT_ROUTE_HOSTS of them, the best. */
enum route_kind route_order(const struct dns_record *mx, size_t n, uint64_t dice,
                            struct route_host out[LIMIT_ROUTE_HOSTS], size_t *count);

/* An address to connect to. */
struct route_hop {
  struct netaddr to;
  str name; /* of its host */
  uint16_t preference;
};
/* Appends the addresses of one host to hops, as strategy wants the families; never more than
 * LIMIT_ROUTE_HOPS in all. Returns the new count. */
size_t route_add(struct route_hop *hops, size_t n, const struct route_host *host, uint16_t port,
                 const struct dns_answer *a, const struct dns_answer *aaaa,
                 enum conf_ip_strategy strategy);
/* Which families strategy asks for at all. */
bool route_wants(enum conf_ip_strategy strategy, enum dns_type type);

/* Forgets our own address and whatever is not better than it: the mail would come back. True: there
 * was one. */
bool route_cut(struct route_hop *hops, size_t *n,
               bool (*is_ours)(void *arg, const struct route_hop *), void *arg);

#endif
