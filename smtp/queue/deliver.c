/* smtp/queue/deliver.c: the queue runner: what is due is claimed, worked on, and given back.
 *
 * Work comes from the database: what waits in `delegated`, in `working`, then the recipients due
 * longest. A job holds one message by a claim: its rules go on (deliver_rules.c), then its
 * recipients are tried (attempt.c), and it ends when what became of it is written. The cost of a
 * job does not depend on how many wait.
 */
#include "deliver_int.h"
#include "../outbound/outbound.h"

#define DELIVER_TROUBLE 5000 /* milliseconds until a database in trouble is asked again */
#define DELIVER_BATCH   50   /* mails begun in one turn of the loop */
#define DELIVER_CROWD   250  /* milliseconds until a full house is thinned again */

void deliver_wake(struct deliver *d)
{
  if (!d->draining) loop_ready(d->mta->loop, &d->task);
}

/* ---- jobs ------------------------------------------------------------------------------------ */

bool deliver_is_due(const struct store_rcpt *r, int64_t now)
{
  return r->status == STORE_PENDING && r->next_at <= now;
}

struct bounce deliver_bounce(struct deliver_job *j)
{
  return (struct bounce){.store = j->deliver->mta->store,
                         .conf = j->policy->conf,
                         .rate = &j->deliver->bounces,
                         .claim = j->claim,
                         .header = buf_str(&j->header),
                         .untold = j->untold};
}

void deliver_job_end(struct deliver_job *j)
{
  struct deliver *d = j->deliver;

  deliver_rules_stop(j);
  attempt_stop(j);
  if (d->mta->store) queue_release(d->mta->store, j->claim);
  buf_free(&j->header);
  arena_free(j->arena);
  policy_release(j->policy);
  list_remove(&j->link);
  mem_free(j);
  deliver_wake(d);
}

static struct deliver_job *deliver_job_new(struct deliver *d, struct store_claim *claim)
{
  struct deliver_job *j = mem_alloc(sizeof *j);

  if (j) j->arena = arena_new(LIMIT_DELIVER_BYTES);
  if (!j || !j->arena) {
    mem_free(j);
    queue_release(d->mta->store, claim);
    return NULL;
  }
  j->deliver = d;
  j->claim = claim;
  j->policy = policy_hold(d->mta->policy);
  j->header.cap = LIMIT_HEADER_BYTES * 2;
  list_add_first(&d->jobs, &j->link);
  return j;
}

/* ---- what it holds --------------------------------------------------------------------------- */

int deliver_header(struct deliver_job *j, struct err *e)
{
  if (j->header.n) return 0;
  j->header.cap = LIMIT_HEADER_BYTES * 2;
  return queue_header(j->deliver->mta->store, j->claim, &j->header, e);
}

int deliver_body(void *job, size_t n, struct buf *out, struct err *e)
{
  struct deliver_job *j = job;

  return queue_body(j->deliver->mta->store, j->claim, n, out, e);
}

/* ---- the runner ------------------------------------------------------------------------------ */

static void deliver_sleep(struct deliver *d, int64_t ms)
{
  if (ms < 0) ms = 0;
  timer_set(d->mta->loop, &d->timer, loop_now(d->mta->loop) + ms);
}

static bool deliver_has_room(const struct deliver *d)
{
  return d->jobs.n - d->away < LIMIT_DELIVER_JOBS;
}

/* The next message to work on: 1, 0 none, -1 the database cannot be asked now. */
static int deliver_next(struct deliver *d, struct store_claim **claim)
{
  struct store *s = d->mta->store;
  struct err e;
  int got = 0;

  if (d->away < LIMIT_DELEGATE_JOBS) got = queue_next(s, STORE_DELEGATED, clock_wall(), claim, &e);
  if (got == 0) got = queue_next(s, STORE_WORKING, clock_wall(), claim, &e);
  if (got == 0) got = queue_next(s, STORE_DELIVER, clock_wall(), claim, &e);
  return got;
}

/* The house is full: whoever only waits for a slow server makes room. */
static void deliver_thin(struct deliver *d)
{
  int64_t now = loop_now(d->mta->loop);

  if (now >= d->thinned + DELIVER_CROWD) {
    d->thinned = now;
    outbound_relieve(d->outbounds);
  }
  deliver_sleep(d, DELIVER_CROWD);
}

static void deliver_work(struct task *t, void *arg)
{
  struct deliver *d = arg;
  struct store_claim *claim;
  struct deliver_job *j;
  int64_t due;
  int got = 1;

  (void)t;
  for (int n = 0; n < DELIVER_BATCH && deliver_has_room(d); n++) {
    if ((got = deliver_next(d, &claim)) <= 0) break;
    j = deliver_job_new(d, claim);
    if (!j) got = -1;
    if (got < 0) break;
    deliver_rules_begin(j);
  }
  if (got < 0) {
    deliver_sleep(d, DELIVER_TROUBLE);
  } else if (got == 0) {
    due = queue_due_at(d->mta->store);
    if (due) deliver_sleep(d, due - clock_wall());
  } else if (deliver_has_room(d)) {
    deliver_wake(d);
  } else {
    deliver_thin(d);
  }
}

static void deliver_time(struct timer *t, void *arg)
{
  (void)t;
  deliver_wake(arg);
}

struct deliver *deliver_new(struct mta *mta, struct outbound_hub *outbounds,
                            struct delegate_hub *delegates)
{
  struct deliver *d = mem_alloc(sizeof *d);

  if (!d) return NULL;
  d->mta = mta;
  d->outbounds = outbounds;
  d->delegates = delegates;
  d->task.run = deliver_work;
  d->timer.fire = deliver_time;
  d->task.arg = d->timer.arg = d;
  d->started = clock_wall();
  deliver_wake(d);
  return d;
}

void deliver_flush(struct deliver *d)
{
  struct err e;

  if (quarantine_retry(d->mta->store, STR(""), &e) < 0)
    log_warn(LOG_DELIVERY, "cannot flush the queue: %s", e.text);
  outbound_flush(d->outbounds);
  deliver_wake(d);
}

size_t deliver_count(const struct deliver *d)
{
  return d ? d->jobs.n : 0;
}

void deliver_drain(struct deliver *d)
{
  if (!d) return;
  d->draining = true;
  loop_unready(&d->task);
  LIST_EACH(&d->jobs, struct deliver_job, link, j) {
    if (j->attempt)
      attempt_drain(j);
    else
      deliver_rules_drain(j);
  }
  outbound_drain(d->outbounds);
}

void deliver_stop(struct deliver *d)
{
  if (!d) return;
  d->draining = d->stopped = true;
  loop_unready(&d->task);
  LIST_EACH(&d->jobs, struct deliver_job, link, j)
    if (!j->recording) deliver_job_end(j);
}

void deliver_free(struct deliver *d)
{
  if (!d) return;
  LIST_EACH(&d->jobs, struct deliver_job, link, j) deliver_job_end(j);
  loop_unready(&d->task);
  timer_clear(d->mta->loop, &d->timer);
  bounce_rate_free(&d->bounces);
  mem_free(d);
}
#undef DELIVER_TROUBLE
#undef DELIVER_BATCH
#undef DELIVER_CROWD
