/* smtp/queue/deliver_int.h: the cellar of deliver.c: one stored mail in work, handed from file to
 * file.
 *
 *   deliver.c         claims what is due and makes a job of it
 *   deliver_rules.c   asks the rules that are left; what they decide is written, and the job ends
 *   deliver_filter.c  hands it to a filter if one of them says so, and takes it back
 *   attempt.c         if none are left: tries the due recipients, writes what becomes of them, ends
 *                     the job
 *
 * Whoever has the job either waits for somebody who calls back, or ends it with deliver_job_end:
 * that ends the claim, and the queue is asked again.
 */
#ifndef QUEUE_DELIVER_INT_H
#define QUEUE_DELIVER_INT_H

#include "bounce.h"
#include "queue.h"
#include "../policy/policy.h"

struct deliver_job {
  struct deliver *deliver;
  struct list_link link;     /* of all */
  struct store_claim *claim; /* the message */
  struct policy *policy;     /* the one of today, held */
  struct arena *arena;       /* owns the mail and all texts below */
  struct buf header;         /* the block with its empty line; empty until somebody reads it */
  bool recording;            /* the store has an outcome, and will call back */
  const char *untold;        /* why its sender is not told what becomes of it; NULL: he is */
  /* deliver_rules.c's own */
  struct mail *mail;
  struct judge judge;
  enum stage stage;          /* being asked */
  size_t directive;          /* of it: the delegate, while one is concerned */
  struct delegate *delegate; /* the mail is at a filter: counted apart from the other jobs */
  struct attempt *attempt;   /* attempt.c's own, in the arena */
};

struct deliver {
  struct mta *mta;
  struct outbound_hub *outbounds;
  struct delegate_hub *delegates;
  struct list jobs;
  size_t away; /* of them: whose mail is at a filter */
  bool draining, stopped;
  struct bounce_rate bounces;
  struct task task;
  struct timer timer;
  int64_t started;  /* wall time */
  int64_t thinned;  /* loop time of the last thinning of a full house */
  struct line line; /* attempts with a mailbox, for the helper */
};

void deliver_job_end(struct deliver_job *j);
int deliver_header(struct deliver_job *j, struct err *e); /* j->header is there; or -1 */
mail_body_fn deliver_body;                                /* of a job */
bool deliver_is_due(const struct store_rcpt *r, int64_t now);
/* For bounce_record and bounce_change: all of it but the outcomes. */
struct bounce deliver_bounce(struct deliver_job *j);

void deliver_rules_begin(struct deliver_job *j);
void deliver_rules_drain(struct deliver_job *j); /* it ends, unless a filter has the mail */
void deliver_rules_stop(struct deliver_job *j);  /* no rule is under way any more, and no filter */

/* For deliver_filter.c: the stage from a directive on; returned: a delegate, and what came back is
 * the mail now. */
void deliver_rules_ask(struct deliver_job *j, size_t from, bool returned);
void deliver_rules_put_off(struct deliver_job *j, str why);       /* and the job ends */
void deliver_rules_recorded(void *job, enum store_result result); /* the job ends */

void deliver_filter_begin(struct deliver_job *j); /* hands it to the service of the directive */
void deliver_filter_free(struct deliver_job *j);  /* it is there no more */

void attempt_begin(struct deliver_job *j);
void attempt_drain(struct deliver_job *j); /* who is not being given the mail just now gives up */
void attempt_stop(struct deliver_job *j);  /* nothing is under way any more but a record */

#endif
