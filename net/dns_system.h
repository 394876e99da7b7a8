/* net/dns_system.h: name servers as the system wants them. */
#ifndef NET_DNS_SYSTEM_H
#define NET_DNS_SYSTEM_H

#include "net.h"

#include <ares.h>

/* The text of resolv.conf(5): what its options say of time, attempts, rotation and TCP goes to o,
 * the last one wins; a number out of range is cut, another word not read. */
void dns_system_read(str text, struct dns_options *o);
/* The same from where the system keeps it; what is not said there is as that page says. */
void dns_system_options(struct dns_options *o);
/* The servers that the channel would ask, at most `most`: how many. */
size_t dns_system_servers(ares_channel channel, struct netaddr *out, size_t most);

#endif
