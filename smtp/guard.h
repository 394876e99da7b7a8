/* smtp/guard.h: what no rule can forget (rules/README.md#what-no-rule-can-forget): no relay by
 * omission, no backscatter. */
#ifndef SMTP_GUARD_H
#define SMTP_GUARD_H

#include "mail.h"
#include "reply.h"

/* Judges recipient i, given by a client, after the rules of stage rcpt. faccept: a rule said so.
 * Who may not relay and does not prove by SPF to be the sender hears of no success: he could have
 * reports sent to anybody. REPLY_DONE lets it pass, and those it stands for are in its place
 * (settle.h); any other reply refuses it, and it is still there. */
enum reply_id guard_rcpt(struct mail *m, size_t i, bool faccept);

/* A recipient as the rules shall see it: "postmaster" gets our domain, and an address literal that
 * is our end of the connection is our domain (RFC 5321 §4.1.3). In the mail's arena. */
str guard_normal_rcpt(const struct mail *m, str address);

#endif
