/* smtp/policy/clamd.h: mails shown to clamd (INSTREAM), for the service of that name
 * (rules/README.md#services).
 *
 * One connection a mail, LIMIT_SCANS at once; the others wait in line. All callbacks come from the
 * loop, never from inside a function of this page.
 */
#ifndef POLICY_CLAMD_H
#define POLICY_CLAMD_H

#include "../../net/net.h"
#include "../format/format.h"
#include "policy.h"

struct clamd; /* one scanner, and who waits for it */
struct clamd *clamd_new(struct loop *l, const struct netaddr *to, int64_t timeout); /* or NULL */
void clamd_free(struct clamd *c); /* its scans were cancelled or are over; NULL is fine */

struct clamd_scan;
/* v CLAMD_NONE: no verdict, and why says what stood in the way. why is else empty, virus the name
 * or empty; both borrowed. */
typedef void clamd_fn(void *arg, enum clamd_verdict v, str virus, const char *why);
/* Shows it the mail as it would be sent; borrowed until fn was called. The service's time counts
 * from the connection. NULL: no memory. */
struct clamd_scan *clamd_start(struct clamd *c, const struct mail *m, clamd_fn *fn, void *arg);
void clamd_cancel(struct clamd_scan *s); /* fn will not be called; NULL is fine */

#endif
