/* smtp/deliver.h: the queue runner: stored mails through postq and delivery rules to mailboxes. */
#ifndef SMTP_DELIVER_H
#define SMTP_DELIVER_H

#include "server.h"

struct deliver;

/* Borrows server, whose loop, store, helper and policy it uses. NULL: no memory. */
struct deliver *deliver_new(struct server *server);
/* Stops at once: what is under way is forgotten and tried again by the next server. */
void deliver_free(struct deliver *d);
/* There may be work: a mail was accepted, or the database changed. Cheap; works in the next turn.
 */
void deliver_wake(struct deliver *d);
/* Everything that waits is due now (SIGUSR1). */
void deliver_flush(struct deliver *d);

#endif
