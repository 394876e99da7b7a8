/* smtp/settle.h: recipients become who they stand for.
 *
 * What a client gives is settled right after the rules of stage rcpt and the guard; what rules add
 * or rewrite later, when a stage from preq on is over (judge.c). A recipient for whom a rule chose
 * a transport stays as he is: the rule knows better. So rules see at rcpt what the client gave, and
 * from preq on who gets the mail.
 */
#ifndef SMTP_SETTLE_H
#define SMTP_SETTLE_H

#include "mail.h"
#include "reply.h"

/* Recipient i, whom the rules and the guard let pass. He is gone then; those he stands for, if they
 * are not there already, stand last. may_be_unknown: nobody of that name is no fault. REPLY_DONE,
 * or why he must be refused; then he is still there. */
enum reply_id settle_rcpt(struct mail *m, size_t i, bool may_be_unknown);

/* All that are not settled yet; nobody is refused. -1 with e: no memory. */
int settle_all(struct mail *m, enum stage stage, struct err *e);

/* Marks a mail that goes on to addresses elsewhere, if it came to one address only, so that it is
 * known again when it comes back: Delivered-To, before anything else in its header. */
int settle_mark(struct mail *m, struct err *e);

#endif
