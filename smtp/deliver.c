/* smtp/deliver.c: the queue runner: stored mails through the later rules to their mailboxes.
 *
 * Work comes from the database: first what waits in `working`, then the recipients due longest. A job
 * holds one message by a claim. Its `step` (stage and directive in one number) says whether rules
 * are still to be asked; what they decide is written before anything is tried, so `delivery` rules
 * are asked once. Then recipients are tried (attempt.c). The cost of a job does not depend on how
 * many messages wait.
 */
#include "deliver.h"

#include "reply.h"

#define DELIVER_JOBS       LIMIT_HELPER_CHILDREN
#define DELIVER_JOB_BYTES  (4 * 1024 * 1024)
#define DELIVER_TROUBLE    5000 /* milliseconds until a database in trouble is asked again */
#define DELIVER_STEP(s, i) ((int)(s) << 16 | (int)(i))
#define DELIVER_RULED      DELIVER_STEP(STAGE_COUNT, 0) /* no rule is left to be asked */

struct deliver {
  struct server *server;
  struct deliver_job *jobs;
  size_t job_count;
  struct task task;
  struct timer timer;
  int64_t started; /* wall time */
};

int64_t deliver_started(const struct deliver *d)
{
  return d->started;
}

struct server *deliver_server(const struct deliver *d)
{
  return d->server;
}

void deliver_wake(struct deliver *d)
{
  loop_ready(d->server->loop, &d->task);
}

/* ---- jobs ------------------------------------------------------------------------------------ */

void deliver_job_end(struct deliver_job *j)
{
  struct deliver *d = j->deliver;

  judge_end(&j->judge);
  helper_cancel(j->helper);
  if (d->server->store) queue_release(d->server->store, j->claim);
  buf_free(&j->header);
  buf_free(&j->piece);
  arena_free(j->arena);
  policy_release(j->policy);
  *j->link = j->next;
  if (j->next) j->next->link = j->link;
  d->job_count--;
  mem_free(j);
  deliver_wake(d);
}

void deliver_recorded(void *job, enum store_result result)
{
  struct deliver_job *j = job;

  if (result != STORE_OK)
    log_warn(LOG_DELIVERY, "mid=" STR_FMT " was taken away while it was worked on",
             STR_ARG(j->claim->mail.id));
  deliver_job_end(j);
}

void deliver_recording(struct deliver_job *j, int rc)
{
  j->recording = rc == 0;
  if (rc < 0) deliver_job_end(j); /* no memory: worked out again, and found to be done already */
}

static struct deliver_job *deliver_job_new(struct deliver *d, struct store_claim *claim)
{
  struct deliver_job *j = mem_alloc(sizeof *j);

  if (j) j->arena = arena_new(DELIVER_JOB_BYTES);
  if (!j || !j->arena) {
    mem_free(j);
    queue_release(d->server->store, claim);
    return NULL;
  }
  j->deliver = d;
  j->claim = claim;
  j->policy = policy_hold(d->server->policy);
  j->header.cap = LIMIT_HEADER_BYTES * 2;
  j->piece.cap = LIMIT_CHUNK;
  j->next = d->jobs;
  j->link = &d->jobs;
  if (j->next) j->next->link = &j->next;
  d->jobs = j;
  d->job_count++;
  return j;
}

/* ---- rules after the queue ------------------------------------------------------------------- */

static void deliver_judged(void *arg, const struct rules_verdict *v);

/* Everything rules may have changed, in one transaction. */
static void deliver_change(struct deliver_job *j, struct store_mail *row, struct store_rcpt *rcpt)
{
  struct buf context = BUF_INIT(LIMIT_COMMAND_LINE * 4), header = BUF_INIT(LIMIT_HEADER_BYTES * 2);
  struct err e;
  int rc = -1;

  row->id = j->claim->mail.id;
  row->mail_from = j->mail->facts.mail_from;
  row->subject = mail_subject(j->mail);
  row->rcpt = rcpt;
  row->rcpt_count = j->mail->rcpt_count;
  row->trace = j->mail->trace;
  row->trace_count = j->mail->trace_count;
  if (rcpt && mail_context_write(j->mail, &context) == 0 &&
      mail_header(j->mail, &header, &e) == 0) {
    row->context = buf_str(&context);
    row->header = buf_str(&header);
    rc = queue_change(deliver_server(j->deliver)->store, j->claim, row, deliver_recorded, j);
  }
  buf_free(&context);
  buf_free(&header);
  deliver_recording(j, rc);
}

/* On to the next stage, or to the recipients when all rules were asked. */
static void deliver_passed(struct deliver_job *j)
{
  struct store_mail row = {.queue = STORE_DELIVER, .step = DELIVER_RULED};

  deliver_change(j, &row, mail_rcpt_rows(j->mail, j->arena, clock_wall()));
}

/* A rule failed, or asks for what cannot be done yet: later again, from the same directive. */
static void deliver_put_off(struct deliver_job *j, int step, str why)
{
  struct store_mail row = {.queue = STORE_DELIVER, .step = step, .last_reply = why};
  int attempts = j->claim->mail.rcpt_count ? j->claim->mail.rcpt[0].attempts : 0;
  int64_t next = attempt_next(j->policy->conf, attempts, clock_wall());
  struct store_rcpt *rows = mail_rcpt_rows(j->mail, j->arena, next);

  for (size_t i = 0; rows && i < j->mail->rcpt_count; i++) {
    rows[i].attempts = attempts + 1;
    rows[i].last_reply = why;
  }
  deliver_change(j, &row, rows);
}

static void deliver_refused(struct deliver_job *j, const struct rules_verdict *v)
{
  struct reply denied = reply_conf(j->policy->conf, CODE_DENIED, "");
  struct store_mail row = {.queue = STORE_DEAD, .step = DELIVER_RULED, .rule = v->directive};
  struct store_rcpt *rows = mail_rcpt_rows(j->mail, j->arena, 0);

  if (v->code.basic) denied = (struct reply){v->code.basic, v->code.enhanced, v->code.text};
  row.stage = mail_stage_name(j->stage);
  row.reason = row.last_reply = arena_printf(j->arena, "%d " STR_FMT " " STR_FMT, denied.basic,
                                             STR_ARG(denied.enhanced), STR_ARG(denied.text));
  for (size_t i = 0; rows && i < j->mail->rcpt_count; i++) {
    rows[i].status = STORE_FAILED;
    rows[i].last_reply = row.last_reply;
  }
  deliver_change(j, &row, rows);
}

static void deliver_set_aside(struct deliver_job *j, const struct rules_verdict *v)
{
  struct store_mail row = {.queue = STORE_QUARANTINE,
                           .quarantine = v->text,
                           .stage = mail_stage_name(j->stage),
                           .rule = v->directive,
                           .step = DELIVER_STEP(j->stage, v->next)};

  j->mail->skip = RULES_NEXT; /* once released it goes on as if nothing had been */
  deliver_change(j, &row, mail_rcpt_rows(j->mail, j->arena, clock_wall()));
}

/* Asks the stages from j->stage on; false when a verdict is awaited or was acted on. */
static void deliver_ask(struct deliver_job *j, size_t from)
{
  const struct rules_verdict *v =
      judge_start(&j->judge, deliver_server(j->deliver)->loop, j->policy, j->mail, j->stage, from,
                  deliver_judged, j);

  if (v) deliver_judged(j, v);
}

static void deliver_judged(void *arg, const struct rules_verdict *v)
{
  struct deliver_job *j = arg;

  if (v->failed) {
    str why = arena_printf(j->arena, "4.3.5 rule \"" STR_FMT "\" failed", STR_ARG(v->directive));
    deliver_put_off(j, DELIVER_STEP(j->stage, 0), why);
  } else if (v->kind == RULES_DELEGATED) {
    deliver_put_off(j, DELIVER_STEP(j->stage, v->next - 1),
                    STR("4.3.0 delegation is not built in: it waits for a later version"));
  } else if (v->kind == RULES_DENY) {
    deliver_refused(j, v);
  } else if (v->kind == RULES_QUARANTINE) {
    deliver_set_aside(j, v);
  } else if (j->mail->rcpt_count == 0 || v->kind == RULES_FACCEPT || j->stage == STAGE_DELIVERY) {
    deliver_passed(j);
  } else {
    judge_end(&j->judge);
    j->stage++;
    deliver_ask(j, 0);
  }
}

/* Are there rules to be asked of a mail at this step? */
static bool deliver_has_rules(const struct deliver_job *j, enum stage stage)
{
  for (; stage < STAGE_COUNT; stage++)
    if (rules_count(j->policy->rules, stage)) return true;
  return false;
}

static int deliver_body(void *source, size_t n, struct buf *out, struct err *e)
{
  struct deliver_job *j = source;

  return queue_body(deliver_server(j->deliver)->store, j->claim, n, out, e);
}

/* A message nobody can read any more must not stop the others. */
static void deliver_broken(struct deliver_job *j, const struct err *e)
{
  struct store_mail row = j->claim->mail;
  struct store_rcpt *rows = arena_alloc(j->arena, (row.rcpt_count + 1) * sizeof *rows);

  log_error(LOG_DELIVERY, "mid=" STR_FMT " cannot be read: %s", STR_ARG(row.id), e->text);
  if (!rows || e->kind != ERR_SYNTAX) {
    deliver_job_end(j);
    return;
  }
  memcpy(rows, row.rcpt, row.rcpt_count * sizeof *rows);
  row.queue = STORE_DEAD;
  row.reason = row.last_reply = str_of(e->text);
  row.rcpt = rows;
  for (size_t i = 0; i < row.rcpt_count; i++)
    if (rows[i].status == STORE_PENDING) rows[i].status = STORE_FAILED;
  deliver_recording(
      j, queue_change(deliver_server(j->deliver)->store, j->claim, &row, deliver_recorded, j));
}

static void deliver_begin(struct deliver_job *j)
{
  struct store_mail *mail = &j->claim->mail;
  int stage = mail->step >> 16;
  struct err e;

  if (queue_header(deliver_server(j->deliver)->store, j->claim, &j->header, &e) < 0) {
    deliver_broken(j, &e);
    return;
  }
  if (stage < STAGE_PREQ) stage = STAGE_POSTQ;
  if (!deliver_has_rules(j, (enum stage)stage) && mail->queue == STORE_DELIVER) {
    attempt_begin(j);
    return;
  }
  j->mail = mail_restore(j->arena, j->policy->conf, mail, buf_str(&j->header), &e);
  if (!j->mail) {
    deliver_broken(j, &e);
    return;
  }
  j->mail->body = deliver_body;
  j->mail->source = j;
  j->stage = (enum stage)stage;
  if (stage >= STAGE_COUNT)
    deliver_passed(j);
  else
    deliver_ask(j, (size_t)mail->step & 0xffff);
}

/* ---- the runner ------------------------------------------------------------------------------ */

static void deliver_sleep(struct deliver *d, int64_t ms)
{
  if (ms < 0) ms = 0;
  timer_set(d->server->loop, &d->timer, loop_now(d->server->loop) + ms);
}

/* The next message to work on: 1, 0 none, -1 the database cannot be asked now. */
static int deliver_next(struct deliver *d, struct store_claim **claim)
{
  struct err e;
  int got = queue_next(d->server->store, STORE_WORKING, clock_wall(), claim, &e);

  if (got == 0) got = queue_next(d->server->store, STORE_DELIVER, clock_wall(), claim, &e);
  return got;
}

static void deliver_work(struct task *t, void *arg)
{
  struct deliver *d = arg;
  struct store_claim *claim;
  struct deliver_job *j;
  int64_t due;
  int got = 1;

  (void)t;
  while (d->job_count < DELIVER_JOBS && (got = deliver_next(d, &claim)) > 0) {
    j = deliver_job_new(d, claim);
    if (!j) got = -1;
    if (got < 0) break;
    deliver_begin(j);
  }
  if (got < 0) {
    deliver_sleep(d, DELIVER_TROUBLE);
  } else if (got == 0) {
    due = queue_due_at(d->server->store);
    if (due) deliver_sleep(d, due - clock_wall());
  } /* else every place is taken: the next job that ends wakes us */
}

static void deliver_time(struct timer *t, void *arg)
{
  (void)t;
  deliver_wake(arg);
}

struct deliver *deliver_new(struct server *server)
{
  struct deliver *d = mem_alloc(sizeof *d);

  if (!d) return NULL;
  d->server = server;
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

  if (quarantine_retry(d->server->store, STR(""), &e) < 0)
    log_warn(LOG_DELIVERY, "cannot flush the queue: %s", e.text);
  deliver_wake(d);
}

void deliver_stop(struct deliver *d)
{
  if (!d) return;
  for (struct deliver_job *j = d->jobs, *next; j; j = next) {
    next = j->next;
    if (!j->recording) deliver_job_end(j);
  }
}

void deliver_free(struct deliver *d)
{
  if (!d) return;
  while (d->jobs) deliver_job_end(d->jobs);
  loop_unready(&d->task);
  timer_clear(d->server->loop, &d->timer);
  mem_free(d);
}
#undef DELIVER_JOBS
#undef DELIVER_JOB_BYTES
#undef DELIVER_TROUBLE
#undef DELIVER_STEP
#undef DELIVER_RULED
