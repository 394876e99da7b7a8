/* smtp/ban.h: addresses that guess passwords: each failure is answered later than the one before,
 * and after LIMIT_AUTH_FAILURES of them nobody may log in from there for LIMIT_AUTH_BAN. In memory
 * only.
 */
#ifndef SMTP_BAN_H
#define SMTP_BAN_H

#include "../net/net.h"

/* What counts as one address: of IPv6 the network, 64 bits. */
struct ban_key {
  unsigned char octets[16];
};
struct ban_key ban_key(const struct netaddr *a);

struct ban;
struct ban *ban_new(void); /* NULL: no memory */
void ban_free(struct ban *b);
bool ban_holds(const struct ban *b, struct ban_key who);
/* Notes a failure: after how many milliseconds it is to be answered. */
int64_t ban_failed(struct ban *b, struct ban_key who);
void ban_forgive(struct ban *b, struct ban_key who); /* somebody logged in from there */

#endif
