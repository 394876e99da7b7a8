/* net/dns_own.h: questions to name servers without c-ares. */
#ifndef NET_DNS_OWN_H
#define NET_DNS_OWN_H

#include "net.h"

struct dns_own;
/* The options with everything said: servers, time, attempts. NULL: no memory. */
struct dns_own *dns_own_new(struct loop *l, const struct dns_options *o);
void dns_own_free(struct dns_own *o); /* questions under way are forgotten */

/* The message, borrowed: an answer to that very question. Empty: none came. */
typedef void dns_own_fn(void *arg, str answer);
/* Asks for a name in presentation form that can be one. `begun` (loop time) is when its asker began
 * to wait: the time that servers have counts from there. fn may be called from inside. */
void dns_own_ask(struct dns_own *o, str name, enum dns_type type, int64_t begun, dns_own_fn *fn,
                 void *arg);

#define DNS_OWN_PACKET 284 /* header, name, type and class, the record of EDNS */
/* Writes the question for a name that can be one; octets written. */
size_t dns_own_question(str name, enum dns_type type, uint16_t id, bool edns,
                        unsigned char out[DNS_OWN_PACKET]);

enum dns_own_verdict {
  DNS_OWN_FOREIGN, /* of another question, or nobody's */
  DNS_OWN_ANSWER,
  DNS_OWN_CUT,   /* it was too long for a datagram */
  DNS_OWN_PLAIN, /* the server does not know EDNS (RFC 6891 §7) */
  DNS_OWN_LAME   /* the server cannot or will not say */
};
/* What a message means to who asked `question`. */
enum dns_own_verdict dns_own_judge(str question, str message, bool stream);

#endif
