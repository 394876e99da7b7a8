/* smtp/deliver.h: the queue runner: stored mails through the later rules to mailboxes and servers. */
#ifndef SMTP_DELIVER_H
#define SMTP_DELIVER_H

#include "bounce.h"
#include "delegate.h"
#include "judge.h"
#include "server.h"

struct deliver;

/* Where the rules of a stored mail go on (its `step`): a stage, a directive of it, and what about it.
 * The directive's name stands in `rule` beside it, because rules may be others by then. */
enum deliver_at {
  DELIVER_FROM,     /* it is asked */
  DELIVER_RETURNED, /* a delegate whose mail has come back: its body is asked */
  DELIVER_AFTER     /* the one behind it is asked */
};
int deliver_step(enum stage stage, size_t directive, enum deliver_at at);
#define DELIVER_RULED (STAGE_COUNT << 16) /* no rule is asked any more */
#define DELIVER_ASKED (DELIVER_RULED | 1) /* none is left for the attempt that comes, */
#define DELIVER_AGAIN (DELIVER_RULED | 2) /* before the next one `delivery` is asked again */

/* Borrows server, whose loop, store, helper and policy it uses. NULL: no memory. */
struct deliver *deliver_new(struct server *server);
/* Stops at once: what is under way is forgotten and tried again by the next server. Outcomes that are
 * on their way to the disk still arrive while the store closes; deliver_free comes after that. */
void deliver_stop(struct deliver *d);
void deliver_free(struct deliver *d);
/* There may be work: a mail was accepted, or the database changed. Cheap; works in the next turn. */
void deliver_wake(struct deliver *d);
/* Everything that waits is due now (SIGUSR1). */
void deliver_flush(struct deliver *d);

/* ---- between deliver.c and attempt.c ----------------------------------------------------------- */

/* One claimed message: either its rules go on, or its due recipients are tried; then the outcome is
 * recorded in one transaction, the claim ends, and the queue is asked again. */
struct deliver_job {
  struct deliver *deliver;
  struct deliver_job *next, **link;
  struct store_claim *claim;
  struct policy *policy; /* the one of today, held */
  struct arena *arena;   /* owns the mail and all texts below */
  struct mail *mail;
  struct judge judge;
  enum stage stage;          /* being asked */
  size_t directive;          /* of it: the delegate, while one is concerned */
  struct delegate *delegate; /* the mail is at a filter: counted apart from the other jobs */
  struct attempt *attempt;   /* attempt.c's own, in the arena */
  bool recording;            /* the store has an outcome, and will call back */
  struct buf header;         /* the block with its empty line; empty until somebody reads it */
};

/* Those who wait for the helper to take one more mail. */
struct deliver_line {
  struct attempt *first, **last;
  size_t busy; /* mails the helper is at */
};
struct deliver_line *deliver_line(struct deliver *d);

int64_t deliver_started(const struct deliver *d); /* wall time */
struct server *deliver_server(const struct deliver *d);
/* The outcome of the job is on its way to the disk: done is the one to give to the store. */
void deliver_recorded(void *job, enum store_result result);
/* Given to the store or not (rc of queue_record, queue_change): the job goes on or ends. */
void deliver_recording(struct deliver_job *j, int rc);
void deliver_job_end(struct deliver_job *j);
/* For bounce_record and bounce_change: all of it but the outcomes. */
struct bounce deliver_bounce(struct deliver_job *j);

/* attempt.c: tries every due recipient of the job, records what becomes of them, and ends it. */
void attempt_begin(struct deliver_job *j);
void attempt_stop(struct deliver_job *j); /* nothing is under way any more but a record */
/* When a recipient tried so often is due again: doubling from the configured period up to 4 hours,
 * with a quarter of jitter, so that what failed together is not tried together. */
int64_t attempt_next(const struct conf *conf, int attempts, int64_t now);
/* Tried so often already, and now in vain once more, or for too long: not tried again (config.md 3.4). */
bool attempt_is_over(const struct conf *conf, int attempts, int64_t received_at, int64_t now);

#endif
