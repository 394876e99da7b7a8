/* smtp/deliver.c: the queue runner: stored mails through the later rules to mailboxes and servers.
 *
 * Work comes from the database: what waits in `delegated`, in `working`, then the recipients due
 * longest. A job holds one message by a claim, and ends when what became of it is written. Its `step`
 * says where rules go on; what they decide is written before anything is tried, so what they change is
 * changed once. Then recipients are tried (attempt.c); before each later attempt today's rules say
 * anew where those go who still wait. The cost of a job does not depend on how many wait.
 *
 * A mail that a rule delegates is put into the queue `delegated` first, and taken from there: so it
 * is no matter whether it came there just now or before a crash. What comes back is judged by the
 * body of the directive; another body than the one that went out is stored before that, with the
 * step, so that the filter does not get its own work again. No answer, and a rule that fails, leave
 * the mail as it was: it is deferred, longer each time, and given up like a recipient.
 */
#include "deliver.h"

#include "outbound.h"
#include "reply.h"

#define DELIVER_JOB_BYTES (4 * 1024 * 1024)
#define DELIVER_TROUBLE   5000 /* milliseconds until a database in trouble is asked again */
#define DELIVER_BATCH     50   /* mails begun in one turn of the loop */
#define DELIVER_CROWD     250  /* milliseconds until a full house is thinned again */
#define DELIVER_INDEX     0x3fff

struct deliver {
  struct server *server;
  struct deliver_job *jobs;
  size_t job_count, away; /* of them: whose mail is at a filter */
  bool stopped;
  struct bounce_rate bounces;
  struct task task;
  struct timer timer;
  int64_t started; /* wall time */
  int64_t thinned; /* loop time */
  struct deliver_line line;
};

int64_t deliver_started(const struct deliver *d)
{
  return d->started;
}

struct server *deliver_server(const struct deliver *d)
{
  return d->server;
}

struct bounce deliver_bounce(struct deliver_job *j)
{
  return (struct bounce){.store = j->deliver->server->store,
                         .conf = j->policy->conf,
                         .rate = &j->deliver->bounces,
                         .claim = j->claim,
                         .header = buf_str(&j->header)};
}

struct deliver_line *deliver_line(struct deliver *d)
{
  return &d->line;
}

void deliver_wake(struct deliver *d)
{
  if (!d->stopped) loop_ready(d->server->loop, &d->task);
}

int deliver_step(enum stage stage, size_t directive, enum deliver_at at)
{
  return (int)stage << 16 | (int)at << 14 | (int)(directive & DELIVER_INDEX);
}

/* ---- jobs ------------------------------------------------------------------------------------ */

static void deliver_undelegate(struct deliver_job *j)
{
  if (j->delegate) j->deliver->away--;
  delegate_free(j->delegate);
  j->delegate = NULL;
}

void deliver_job_end(struct deliver_job *j)
{
  struct deliver *d = j->deliver;

  judge_end(&j->judge);
  deliver_undelegate(j);
  attempt_stop(j);
  if (d->server->store) queue_release(d->server->store, j->claim);
  buf_free(&j->header);
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
  j->next = d->jobs;
  j->link = &d->jobs;
  if (j->next) j->next->link = &j->next;
  d->jobs = j;
  d->job_count++;
  return j;
}

/* ---- what the rules decided -------------------------------------------------------------------- */

static str deliver_stage_name(const struct deliver_job *j)
{
  return mail_stage_name(j->stage);
}

/* Copies of the recipients' rows as they are. NULL: no memory. */
static struct store_rcpt *deliver_rcpts(struct deliver_job *j)
{
  const struct store_mail *mail = &j->claim->mail;
  struct store_rcpt *rows = arena_alloc(j->arena, (mail->rcpt_count + 1) * sizeof *rows);

  if (rows && mail->rcpt_count) memcpy(rows, mail->rcpt, mail->rcpt_count * sizeof *rows);
  return rows;
}

/* ---- rules asked again -------------------------------------------------------------------------
 * A mail may wait for days, and its rules be others by then. So before each later attempt the stage
 * `delivery` of today is asked once more. What the mail says, who sent it and for whom it is was
 * settled the first time; what counts now is where those go who still wait, who is not to get it
 * after all, and that it is refused or set aside. If that changes anything it is written first, as
 * the first time; else the attempt follows at once and nothing is written but its outcome. */

/* What the rules say now of one who waits. True: something else than before. */
static bool deliver_turn(const struct deliver_job *j, struct store_rcpt *row)
{
  const struct mail_rcpt *r = NULL;
  str transport = row->transport;

  for (size_t i = 0; i < j->mail->rcpt_count && !r; i++)
    if (j->mail->rcpt[i].row == row->n) r = &j->mail->rcpt[i];
  if (!r || r->transport == RULES_TRANSPORT_NONE) {
    row->status = STORE_REMOVED;
    row->last_reply = STR("removed by a rule");
    return true;
  }
  if (r->transport != RULES_TRANSPORT_UNSET) transport = str_of(rules_transport_name(r->transport));
  if (str_eq(row->transport, transport) && str_eq(row->target, r->target)) return false;
  row->transport = transport;
  row->target = r->target;
  return true;
}

static void deliver_change_again(struct deliver_job *j, struct store_mail *row,
                                 struct store_rcpt *rcpt)
{
  const struct store_mail *was = &j->claim->mail;

  row->mail_from = was->mail_from;
  row->subject = was->subject;
  row->context = was->context;
  row->rcpt = rcpt;
  row->rcpt_count = was->rcpt_count;
  row->trace = j->mail->trace;
  row->trace_count = j->mail->trace_count;
  deliver_recording(j, rcpt ? queue_change(deliver_server(j->deliver)->store, j->claim, row, NULL,
                                           deliver_recorded, j)
                            : -1);
}

static void deliver_passed_again(struct deliver_job *j)
{
  struct store_mail row = {.queue = STORE_DELIVER, .step = DELIVER_ASKED};
  struct store_rcpt *rows = deliver_rcpts(j);
  bool changed = j->claim->mail.last_reply.n > 0; /* of a rule that failed last time */

  for (size_t i = 0; rows && i < j->claim->mail.rcpt_count; i++)
    if (rows[i].status == STORE_PENDING && deliver_turn(j, &rows[i])) changed = true;
  judge_end(&j->judge);
  if (changed || !rows)
    deliver_change_again(j, &row, rows);
  else
    attempt_begin(j);
}

/* The recipients' rows as rules left them. NULL: no memory. */
static struct store_rcpt *deliver_rows(struct deliver_job *j, int64_t next_at)
{
  return j->mail->again ? deliver_rcpts(j) : mail_rcpt_rows(j->mail, j->arena, next_at);
}

static size_t deliver_row_count(const struct deliver_job *j)
{
  return j->mail->again ? j->claim->mail.rcpt_count : j->mail->rcpt_count;
}

/* ---- what is written --------------------------------------------------------------------------- */

/* Everything rules may have changed, in one transaction. */
static void deliver_change(struct deliver_job *j, struct store_mail *row, struct store_rcpt *rcpt)
{
  struct buf context = BUF_INIT(LIMIT_COMMAND_LINE * 4), header = BUF_INIT(LIMIT_HEADER_BYTES * 2);
  struct err e;
  int rc = -1;

  if (j->mail->again) {
    deliver_change_again(j, row, rcpt);
    return;
  }
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
    rc = queue_change(deliver_server(j->deliver)->store, j->claim, row, NULL, deliver_recorded, j);
  }
  buf_free(&context);
  buf_free(&header);
  deliver_recording(j, rc);
}

/* The mail stays as it was before its rules were asked, but for where it is. */
static void deliver_leave(struct deliver_job *j, struct store_mail *row, struct store_rcpt *rcpt)
{
  struct bounce b = deliver_bounce(j);

  row->rcpt = rcpt;
  row->header = STR("");
  if (j->mail) {
    row->trace = j->mail->trace;
    row->trace_count = j->mail->trace_count;
  }
  deliver_recording(j, rcpt ? bounce_change(&b, row, deliver_recorded, j) : -1);
}

static bool deliver_is_due(const struct store_rcpt *r, int64_t now)
{
  return r->status == STORE_PENDING && r->next_at <= now;
}

/* Of who was tried most often of those who are due. */
static int deliver_attempts(const struct deliver_job *j)
{
  const struct store_mail *mail = &j->claim->mail;
  int64_t now = clock_wall();
  int most = 0;

  for (size_t i = 0; i < mail->rcpt_count; i++)
    if (deliver_is_due(&mail->rcpt[i], now) && mail->rcpt[i].attempts > most)
      most = mail->rcpt[i].attempts;
  return most;
}

/* Nothing will be tried any more. */
static void deliver_give_up(struct deliver_job *j, str why)
{
  struct store_mail row = j->claim->mail;
  struct store_rcpt *rows = deliver_rcpts(j);

  row.queue = STORE_DEAD;
  row.step = DELIVER_RULED;
  row.reason = why;
  row.last_reply = STR(""); /* its recipients' count: what the sender was told stands there */
  for (size_t i = 0; rows && i < row.rcpt_count; i++) {
    if (rows[i].status != STORE_PENDING) continue;
    rows[i].status = STORE_FAILED;
    rows[i].last_reply = why;
  }
  log_warn(LOG_DELIVERY, "mid=" STR_FMT " is dead: %s", STR_ARG(row.id), log_q(why));
  deliver_leave(j, &row, rows);
}

/* A rule failed, or a filter: all is tried again later, and given up like a recipient. */
static void deliver_put_off(struct deliver_job *j, str why)
{
  struct store_mail row = j->claim->mail;
  struct store_rcpt *rows = deliver_rcpts(j);
  int attempts = deliver_attempts(j);
  int64_t now = clock_wall(), next = attempt_next(j->policy->conf, attempts, now);

  if (attempt_is_over(j->policy->conf, attempts, row.received_at, now)) {
    deliver_give_up(j, arena_printf(j->arena, "given up: " STR_FMT, STR_ARG(why)));
    return;
  }
  row.queue = STORE_DELIVER;
  row.last_reply = why;
  for (size_t i = 0; rows && i < row.rcpt_count; i++) {
    if (!deliver_is_due(&rows[i], now)) continue;
    rows[i].attempts++;
    rows[i].next_at = next;
    rows[i].last_reply = why;
  }
  deliver_leave(j, &row, rows);
}

/* Are rules asked again before the next attempt? Not when one of them, or a person who released from
 * quarantine what `delivery` had put there, let the mail go for good. */
static int deliver_step_passed(const struct deliver_job *j)
{
  int was = j->claim->mail.step, stage = was >> 16, at = was >> 14 & 3;

  if (stage >= STAGE_COUNT) return was;
  if (j->mail->skip == RULES_FACCEPT) return DELIVER_RULED;
  return stage == STAGE_DELIVERY && at == DELIVER_AFTER ? DELIVER_RULED : DELIVER_ASKED;
}

/* On to the recipients: all rules were asked. */
static void deliver_passed(struct deliver_job *j)
{
  struct store_mail row = {.queue = STORE_DELIVER, .step = deliver_step_passed(j)};

  if (j->mail->again)
    deliver_passed_again(j);
  else
    deliver_change(j, &row, mail_rcpt_rows(j->mail, j->arena, clock_wall()));
}

static void deliver_refused(struct deliver_job *j, const struct rules_verdict *v)
{
  struct reply denied = reply_conf(j->policy->conf, CODE_DENIED, "");
  struct store_mail row = {.queue = STORE_DEAD, .step = DELIVER_RULED, .rule = v->directive};
  struct store_rcpt *rows = deliver_rows(j, 0);

  if (v->code.basic) denied = (struct reply){v->code.basic, v->code.enhanced, v->code.text};
  row.stage = deliver_stage_name(j);
  row.reason = arena_printf(j->arena, "%d " STR_FMT " " STR_FMT, denied.basic,
                            STR_ARG(denied.enhanced), STR_ARG(denied.text));
  row.last_reply = arena_printf(j->arena, STR_FMT BOUNCE_REFUSED, STR_ARG(row.reason));
  for (size_t i = 0; rows && i < deliver_row_count(j); i++) {
    if (j->mail->again && rows[i].status != STORE_PENDING) continue;
    rows[i].status = STORE_FAILED;
    rows[i].last_reply = row.last_reply;
  }
  deliver_change(j, &row, rows);
}

static void deliver_set_aside(struct deliver_job *j, const struct rules_verdict *v)
{
  struct store_mail row = {.queue = STORE_QUARANTINE,
                           .quarantine = v->text,
                           .stage = deliver_stage_name(j),
                           .rule = v->directive,
                           .step = deliver_step(j->stage, v->next - 1, DELIVER_AFTER)};

  if (j->mail->again) row.step = DELIVER_RULED; /* all else was done: who releases it has decided */
  j->mail->skip = RULES_NEXT; /* once released it goes on as if nothing had been */
  deliver_change(j, &row, deliver_rows(j, clock_wall()));
}

/* A filter is to look at it: committed first, then taken from the queue `delegated`. */
static void deliver_delegate(struct deliver_job *j, const struct rules_verdict *v)
{
  struct store_mail row = {.queue = STORE_DELEGATED,
                           .rule = v->directive,
                           .step = deliver_step(j->stage, v->next - 1, DELIVER_FROM)};
  struct store_rcpt *rows = mail_rcpt_rows(j->mail, j->arena, 0);

  for (size_t i = 0; rows && i < j->mail->rcpt_count; i++) rows[i].attempts = deliver_attempts(j);
  deliver_change(j, &row, rows);
}

/* ---- asking ------------------------------------------------------------------------------------ */

static void deliver_trace_delegate(struct deliver_job *j, str status, str detail)
{
  struct rules_service v = {.name = STR("")};

  rules_service(j->policy->rules, j->stage, j->directive, &v);
  mail_trace(j->mail, j->stage, v.directive, "delegate", status, detail);
}

static void deliver_judged(void *arg, const struct rules_verdict *v);

/* Asks the stage from a directive on. */
static void deliver_ask(struct deliver_job *j, size_t from)
{
  const struct rules_verdict *v =
      judge_start(&j->judge, deliver_server(j->deliver)->loop, j->policy, j->mail, j->stage, from,
                  deliver_judged, j);

  if (v) deliver_judged(j, v);
}

/* A mail released from quarantine may meet the rules of preq here, where info() refuses too. */
static bool deliver_is_refusal(const struct deliver_job *j, const struct rules_verdict *v)
{
  return v->kind == RULES_DENY || (v->kind == RULES_INFO && j->stage == STAGE_PREQ);
}

/* The filter saw the mail before the first attempt. */
static void deliver_pass_over(struct deliver_job *j, size_t next)
{
  j->directive = next - 1;
  deliver_trace_delegate(j, STR("passed over"), STR(""));
  judge_end(&j->judge);
  deliver_ask(j, next);
}

static void deliver_judged(void *arg, const struct rules_verdict *v)
{
  struct deliver_job *j = arg;

  if (v->failed) {
    deliver_put_off(
        j, arena_printf(j->arena, "4.3.5 rule \"" STR_FMT "\" failed", STR_ARG(v->directive)));
  } else if (v->kind == RULES_DELEGATED && j->mail->again) {
    deliver_pass_over(j, v->next);
  } else if (v->kind == RULES_DELEGATED) {
    deliver_delegate(j, v);
  } else if (deliver_is_refusal(j, v)) {
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

/* ---- a filter looks at it -------------------------------------------------------------------- */

static void deliver_undelegated(struct deliver_job *j, str why)
{
  struct rules_service v = {.directive = STR("")};

  rules_service(j->policy->rules, j->stage, j->directive, &v);
  deliver_trace_delegate(j, STR("failed"), why);
  deliver_put_off(j, arena_printf(j->arena, "4.3.0 delegate \"" STR_FMT "\": " STR_FMT,
                                  STR_ARG(v.directive), STR_ARG(why)));
}

/* What came back is the mail now: the body of the directive judges it. */
static void deliver_judge_returned(struct deliver_job *j)
{
  const struct rules_verdict *v =
      judge_return(&j->judge, deliver_server(j->deliver)->loop, j->policy, j->mail, j->stage,
                   j->directive, deliver_judged, j);

  if (v) deliver_judged(j, v);
}

static void deliver_replaced(void *arg, enum store_result result)
{
  struct deliver_job *j = arg;

  j->recording = false;
  if (result == STORE_GONE) {
    deliver_recorded(j, result);
  } else if (j->deliver->stopped) {
    return; /* deliver_free ends it: the next server goes on from here */
  } else if (result == STORE_OK) {
    j->mail->trace_count = 0;
    deliver_judge_returned(j);
  } else {
    deliver_undelegated(j, STR("what came back cannot be stored now"));
  }
}

/* Another body than the one that went out: stored before it is judged, with its header. */
static void deliver_replace(struct deliver_job *j, struct incoming *body)
{
  struct buf header = BUF_INIT(LIMIT_HEADER_BYTES * 2);
  struct store_mail row = {.step = deliver_step(j->stage, j->directive, DELIVER_RETURNED),
                           .trace = j->mail->trace,
                           .trace_count = j->mail->trace_count};
  struct err e;
  int rc = mail_header(j->mail, &header, &e);

  row.header = buf_str(&header);
  if (rc == 0)
    rc =
        queue_replace(deliver_server(j->deliver)->store, j->claim, &row, body, deliver_replaced, j);
  else
    incoming_free(body);
  buf_free(&header);
  if (rc == 0)
    j->recording = true;
  else
    deliver_undelegated(j, STR("out of memory"));
}

static void deliver_returned(struct deliver_job *j)
{
  struct incoming *body = NULL;
  int rc;
  str id;
  struct err e;

  rc = delegate_take_result(j->delegate, &body, &id, &e);
  deliver_undelegate(j);
  if (rc < 0) {
    deliver_undelegated(j, arena_str(j->arena, str_of(e.text)));
    return;
  }
  deliver_trace_delegate(j, STR("returned"), body ? STR("with another body") : STR(""));
  if (body)
    deliver_replace(j, body);
  else
    deliver_judge_returned(j);
}

/* A server that stops closed its receivers: nothing is wrong, the next one hands it over again. */
static void deliver_delegated(void *arg, bool returned)
{
  struct deliver_job *j = arg;
  str why;

  if (returned) {
    deliver_returned(j);
  } else if (deliver_server(j->deliver)->stopping) {
    deliver_job_end(j);
  } else {
    why = arena_str(j->arena, delegate_why(j->delegate));
    deliver_undelegate(j);
    deliver_undelegated(j, why);
  }
}

/* Hands it to the service of the directive. */
static void deliver_hand_over(struct deliver_job *j)
{
  struct delegate_order o = {.policy = j->policy,
                             .mail = j->mail,
                             .octets = j->claim->mail.octets,
                             .stage = j->stage,
                             .directive = j->directive,
                             .stored = true,
                             .done = deliver_delegated,
                             .arg = j};
  struct err e;

  j->delegate = delegate_new(deliver_server(j->deliver), &o, &e);
  if (j->delegate)
    j->deliver->away++;
  else
    deliver_undelegated(j, arena_str(j->arena, str_of(e.text)));
}

/* ---- beginning ------------------------------------------------------------------------------- */

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
  log_error(LOG_DELIVERY, "mid=" STR_FMT " cannot be read: %s", STR_ARG(j->claim->mail.id),
            e->text);
  if (e->kind == ERR_SYNTAX || e->kind == ERR_PERM || e->kind == ERR_BUG)
    deliver_give_up(j, arena_str(j->arena, str_of(e->text)));
  else
    deliver_job_end(j);
}

/* Goes on where the mail's step says. If that directive is not there any more its stage begins anew:
 * rather asked twice than left out. */
static void deliver_resume(struct deliver_job *j)
{
  const struct store_mail *mail = &j->claim->mail;
  enum deliver_at at = (enum deliver_at)(mail->step >> 14 & 3);
  bool somewhere = (mail->step & 0xffff) != 0 || mail->queue == STORE_DELEGATED;
  ptrdiff_t found = somewhere ? rules_find(j->policy->rules, j->stage, mail->rule) : 0;
  struct rules_service v;
  bool service;

  if (found < 0) at = DELIVER_FROM;
  j->directive = found < 0 ? 0 : (size_t)found;
  service = rules_service(j->policy->rules, j->stage, j->directive, &v);
  if (service && at == DELIVER_RETURNED)
    deliver_judge_returned(j);
  else if (service && found >= 0 && mail->queue == STORE_DELEGATED)
    deliver_hand_over(j);
  else
    deliver_ask(j, j->directive + (at == DELIVER_AFTER));
}

static void deliver_begin(struct deliver_job *j)
{
  struct store_mail *mail = &j->claim->mail;
  bool again = mail->step == DELIVER_AGAIN && mail->queue == STORE_DELIVER;
  int stage = again ? STAGE_DELIVERY : mail->step >> 16;
  struct err e;

  if (queue_header(deliver_server(j->deliver)->store, j->claim, &j->header, &e) < 0) {
    deliver_broken(j, &e);
    return;
  }
  if (stage < STAGE_PREQ) stage = STAGE_POSTQ;
  if (!deliver_has_rules(j, (enum stage)stage) && mail->queue == STORE_DELIVER) {
    if (mail->step == DELIVER_ASKED) mail->step = DELIVER_AGAIN; /* with the first outcome */
    attempt_begin(j);
    return;
  }
  j->mail = mail_restore(j->arena, j->policy->conf, mail, buf_str(&j->header), again, &e);
  if (!j->mail) {
    deliver_broken(j, &e);
    return;
  }
  j->mail->store = deliver_server(j->deliver)->store;
  j->mail->body = deliver_body;
  j->mail->source = j;
  j->stage = (enum stage)stage;
  if (again)
    deliver_ask(j, 0);
  else if (stage >= STAGE_COUNT)
    deliver_passed(j);
  else
    deliver_resume(j);
}

/* ---- the runner ------------------------------------------------------------------------------ */

static void deliver_sleep(struct deliver *d, int64_t ms)
{
  if (ms < 0) ms = 0;
  timer_set(d->server->loop, &d->timer, loop_now(d->server->loop) + ms);
}

static bool deliver_has_place(const struct deliver *d)
{
  return d->job_count - d->away < LIMIT_DELIVER_JOBS;
}

/* The next message to work on: 1, 0 none, -1 the database cannot be asked now. */
static int deliver_next(struct deliver *d, struct store_claim **claim)
{
  struct store *s = d->server->store;
  struct err e;
  int got = 0;

  if (d->away < LIMIT_DELEGATE_JOBS && !d->server->stopping)
    got = queue_next(s, STORE_DELEGATED, clock_wall(), claim, &e);
  if (got == 0) got = queue_next(s, STORE_WORKING, clock_wall(), claim, &e);
  if (got == 0) got = queue_next(s, STORE_DELIVER, clock_wall(), claim, &e);
  return got;
}

/* The house is full: whoever only waits for a slow server makes room. */
static void deliver_thin(struct deliver *d)
{
  int64_t now = loop_now(d->server->loop);

  if (now >= d->thinned + DELIVER_CROWD) {
    d->thinned = now;
    outbound_relieve(d->server);
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
  for (int n = 0; n < DELIVER_BATCH && deliver_has_place(d); n++) {
    if ((got = deliver_next(d, &claim)) <= 0) break;
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
  } else if (deliver_has_place(d)) {
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
  outbound_flush(d->server);
  deliver_wake(d);
}

void deliver_stop(struct deliver *d)
{
  if (!d) return;
  d->stopped = true;
  loop_unready(&d->task);
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
  bounce_rate_free(&d->bounces);
  mem_free(d);
}
#undef DELIVER_JOB_BYTES
#undef DELIVER_TROUBLE
#undef DELIVER_BATCH
#undef DELIVER_CROWD
#undef DELIVER_INDEX
