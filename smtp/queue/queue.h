/* smtp/queue/queue.h: what becomes of a stored mail. */
#ifndef SMTP_QUEUE_H
#define SMTP_QUEUE_H

#include "../filter/filter.h"
#include "../outbound/outbound.h"
#include "../policy/policy.h"

/* ---- deliver.c ----------------------------------------------------------------------------------
 * The queue runner: stored mails through the later rules to mailboxes and
 * servers. */
struct deliver;

/* Borrows all three. NULL: no memory. */
struct deliver *deliver_new(struct mta *mta, struct outbound_hub *outbounds,
                            struct delegate_hub *delegates);
/* There may be work: a mail was accepted, or the database changed. Cheap; works in the next turn.
 */
void deliver_wake(struct deliver *d);
/* Everything that waits is due now (SIGUSR1). */
void deliver_flush(struct deliver *d);
/* Nothing is begun any more; what another server, a mailbox or a filter is just being given goes on
 * to its end, and all else is due at the next start. */
void deliver_drain(struct deliver *d);
size_t deliver_count(const struct deliver *d); /* mails in work */
/* Stops at once: what is under way is forgotten and tried again by the next server. Outcomes that
 * are on their way to the disk still arrive while the store closes; deliver_free comes after
 * that. */
void deliver_stop(struct deliver *d);
void deliver_free(struct deliver *d);

#endif
