/* smtp/outbound/lookup.h: from the name of a domain or host to the addresses to connect to, asked
 * of the DNS. */
#ifndef OUTBOUND_LOOKUP_H
#define OUTBOUND_LOOKUP_H

#include "route.h"

enum lookup_verdict {
  LOOKUP_OK,
  LOOKUP_TEMP, /* no answer that counts */
  LOOKUP_PERM  /* nobody takes mail for that name */
};

/* Borrowed during the callback. */
struct lookup_result {
  enum lookup_verdict verdict;
  str why; /* unless LOOKUP_OK: an enhanced status code (RFC 3463) and a sentence */
  const struct route_hop *hops; /* LOOKUP_OK: at least one, best first */
  size_t n;
};
typedef void lookup_fn(void *arg, const struct lookup_result *result);

struct lookup_order {
  struct dns *dns;
  const struct conf *conf; /* ip_strategy, and who we are; outlives the lookup */
  str name;
  uint16_t port;
  /* A mail domain: its MX, and ourselves among them is a loop. Else a host that somebody wrote into
   * a configuration: its addresses, and no fault of it is permanent. */
  bool mx;
};

struct lookup;
/* The callback comes from the loop, once, and ends it. NULL: no memory. */
struct lookup *lookup_new(const struct lookup_order *o, lookup_fn *done, void *arg);
void lookup_cancel(struct lookup *k); /* no callback; NULL is fine */

/* Does who connects there reach this server itself, or at least this machine? */
bool lookup_is_ours(const struct conf *conf, const struct route_hop *hop);

#endif
