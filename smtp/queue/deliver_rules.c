/* smtp/queue/deliver_rules.c: the later rules of a stored mail: asked, and what they decide
 * written.
 *
 * The mail's `step` says where its rules go on. What they decide is written before anything is
 * tried, so what they change is changed once; before each later attempt today's rules say anew
 * where those go who still wait.
 *
 * A mail that a rule delegates is put into the queue `delegated` first (deliver_filter.c). A rule
 * that fails leaves the mail as it was: it is deferred, longer each time, and given up like a
 * recipient.
 */
#include "bounce.h"
#include "deliver_int.h"
#include "../filter/filter.h"
#include "../policy/policy.h"
#include "../format/format.h"
#include "../outbound/outbound.h"

/* ---- what is written ------------------------------------------------------------------------- */

static str deliver_rules_stage_name(const struct deliver_job *j)
{
  return mail_stage_name(j->stage);
}

/* Copies of the recipients' rows as they are. NULL: no memory. */
static struct store_rcpt *deliver_rules_rcpts(struct deliver_job *j)
{
  const struct store_mail *mail = &j->claim->mail;
  struct store_rcpt *rows = arena_alloc(j->arena, (mail->rcpt_count + 1) * sizeof *rows);

  if (rows && mail->rcpt_count) memcpy(rows, mail->rcpt, mail->rcpt_count * sizeof *rows);
  return rows;
}

/* The recipients' rows as rules left them. NULL: no memory. */
static struct store_rcpt *deliver_rules_rows(struct deliver_job *j, int64_t next_at)
{
  return j->mail->again ? deliver_rules_rcpts(j) : mail_rcpt_rows(j->mail, j->arena, next_at);
}

static size_t deliver_rules_row_count(const struct deliver_job *j)
{
  return j->mail->again ? j->claim->mail.rcpt_count : j->mail->rcpt_count;
}

void deliver_rules_recorded(void *job, enum store_result result)
{
  struct deliver_job *j = job;

  if (result != STORE_OK)
    log_warn(LOG_DELIVERY, "mid=" STR_FMT " was taken away while it was worked on",
             STR_ARG(j->claim->mail.id));
  deliver_job_end(j);
}

/* Given to the store or not: the job goes on or ends. */
static void deliver_rules_recording(struct deliver_job *j, int rc)
{
  j->recording = rc == 0;
  if (rc < 0) deliver_job_end(j); /* no memory: worked out again, and found to be done already */
}

static void deliver_rules_change_again(struct deliver_job *j, struct store_mail *row,
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
  deliver_rules_recording(
      j, rcpt ? queue_change(j->deliver->mta->store, j->claim, row, NULL, deliver_rules_recorded, j)
              : -1);
}

/* Everything rules may have changed, in one transaction. */
static void deliver_rules_change(struct deliver_job *j, struct store_mail *row,
                                 struct store_rcpt *rcpt)
{
  struct buf context = BUF_INIT(LIMIT_COMMAND_LINE * 4), header = BUF_INIT(LIMIT_HEADER_BYTES * 2);
  struct err e;
  int rc = -1;

  if (j->mail->again) {
    deliver_rules_change_again(j, row, rcpt);
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
    rc = queue_change(j->deliver->mta->store, j->claim, row, NULL, deliver_rules_recorded, j);
  }
  buf_free(&context);
  buf_free(&header);
  deliver_rules_recording(j, rc);
}

/* The mail stays as it was before its rules were asked, but for where it is. */
static void deliver_rules_leave(struct deliver_job *j, struct store_mail *row,
                                struct store_rcpt *rcpt)
{
  struct bounce b = deliver_bounce(j);

  row->rcpt = rcpt;
  row->header = STR("");
  if (j->mail) {
    row->trace = j->mail->trace;
    row->trace_count = j->mail->trace_count;
  }
  deliver_rules_recording(j, rcpt ? bounce_change(&b, row, deliver_rules_recorded, j) : -1);
}

/* ---- what failed ----------------------------------------------------------------------------- */

/* Who was tried most often of those who are due. */
static struct store_rcpt deliver_rules_most_tried(const struct deliver_job *j)
{
  const struct store_mail *mail = &j->claim->mail;
  struct store_rcpt most = {.attempts = 0};
  int64_t now = clock_wall();

  for (size_t i = 0; i < mail->rcpt_count; i++)
    if (deliver_is_due(&mail->rcpt[i], now) && mail->rcpt[i].attempts > most.attempts)
      most = mail->rcpt[i];
  return most;
}

/* Nothing will be tried any more. */
static void deliver_rules_give_up(struct deliver_job *j, str why)
{
  struct store_mail row = j->claim->mail;
  struct store_rcpt *rows = deliver_rules_rcpts(j);

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
  deliver_rules_leave(j, &row, rows);
}

/* A rule failed, or a filter: all is tried again later, and given up like a recipient. */
void deliver_rules_put_off(struct deliver_job *j, str why)
{
  struct store_mail row = j->claim->mail;
  struct store_rcpt *rows = deliver_rules_rcpts(j);
  struct store_rcpt most = deliver_rules_most_tried(j);
  int64_t now = clock_wall(), next = retry_at(j->policy->conf, most.attempts - most.by_hand, now);

  if (retry_is_over(j->policy->conf, most.attempts, row.received_at, now)) {
    deliver_rules_give_up(j, arena_printf(j->arena, "given up: " STR_FMT, STR_ARG(why)));
    return;
  }
  row.queue = STORE_DELIVER;
  row.last_reply = why;
  for (size_t i = 0; rows && i < row.rcpt_count; i++) {
    if (!deliver_is_due(&rows[i], now)) continue;
    rows[i].attempts++;
    rows[i].next_at = retry_in_time(j->policy->conf, row.received_at, now, next);
    rows[i].last_reply = why;
  }
  deliver_rules_leave(j, &row, rows);
}

/* ---- rules asked again --------------------------------------------------------------------------
 * A mail may wait for days, and its rules be others by then. So before each later attempt the stage
 * `delivery` of today is asked once more. What the mail says, who sent it and for whom it is was
 * decided the first time; what counts now is where those go who still wait, who is not to get it
 * after all, and that it is refused or set aside. If that changes anything it is written first, as
 * the first time; else the attempt follows at once and nothing is written but its outcome. */

/* What the rules say now of one who waits. True: something else than before. */
static bool deliver_rules_turn(const struct deliver_job *j, struct store_rcpt *row)
{
  const struct mail_rcpt *r = NULL;
  enum transport transport = row->transport;

  for (size_t i = 0; i < j->mail->rcpt_count && !r; i++)
    if (j->mail->rcpt[i].row == row->n) r = &j->mail->rcpt[i];
  if (!r || r->transport == TRANSPORT_NONE) {
    row->status = STORE_REMOVED;
    row->last_reply = STR("removed by a rule");
    return true;
  }
  if (r->transport != TRANSPORT_UNSET) transport = r->transport;
  if (row->transport == transport && str_eq(row->target, r->target)) return false;
  row->transport = transport;
  row->target = r->target;
  return true;
}

static void deliver_rules_passed_again(struct deliver_job *j)
{
  struct store_mail row = {.queue = STORE_DELIVER, .step = DELIVER_ASKED};
  struct store_rcpt *rows = deliver_rules_rcpts(j);
  bool changed = j->claim->mail.last_reply.n > 0; /* of a rule that failed last time */

  for (size_t i = 0; rows && i < j->claim->mail.rcpt_count; i++)
    if (rows[i].status == STORE_PENDING && deliver_rules_turn(j, &rows[i])) changed = true;
  judge_end(&j->judge);
  if (changed || !rows)
    deliver_rules_change_again(j, &row, rows);
  else
    attempt_begin(j);
}

/* ---- what the rules decided ------------------------------------------------------------------ */

/* Are rules asked again before the next attempt? Not when one of them, or a person who released
 * from quarantine what `delivery` had put there, let the mail go for good. */
static int deliver_rules_step_passed(const struct deliver_job *j)
{
  int was = j->claim->mail.step;
  struct deliver_point point = deliver_point_of(was);

  if (point.stage == STAGE_COUNT) return was;
  if (j->mail->skip == RULES_FACCEPT) return DELIVER_RULED;
  if (point.stage == STAGE_DELIVERY && point.at == DELIVER_AFTER) return DELIVER_RULED;
  return DELIVER_ASKED;
}

/* On to the recipients: all rules were asked. */
static void deliver_rules_passed(struct deliver_job *j)
{
  struct store_mail row = {.queue = STORE_DELIVER, .step = deliver_rules_step_passed(j)};

  if (j->mail->again)
    deliver_rules_passed_again(j);
  else
    deliver_rules_change(j, &row, mail_rcpt_rows(j->mail, j->arena, clock_wall()));
}

static void deliver_rules_refused(struct deliver_job *j, const struct rules_verdict *v)
{
  struct reply denied = conf_reply(j->policy->conf, CODE_DENIED, "");
  struct store_mail row = {.queue = STORE_DEAD, .step = DELIVER_RULED, .rule = v->directive};
  struct store_rcpt *rows = deliver_rules_rows(j, 0);

  if (v->code.basic) denied = (struct reply){v->code.basic, v->code.enhanced, v->code.text};
  row.stage = deliver_rules_stage_name(j);
  row.reason = reply_text(denied, j->arena);
  row.last_reply = arena_printf(j->arena, STR_FMT BOUNCE_REFUSED, STR_ARG(row.reason));
  for (size_t i = 0; rows && i < deliver_rules_row_count(j); i++) {
    if (j->mail->again && rows[i].status != STORE_PENDING) continue;
    rows[i].status = STORE_FAILED;
    rows[i].last_reply = row.last_reply;
  }
  deliver_rules_change(j, &row, rows);
}

static void deliver_rules_set_aside(struct deliver_job *j, const struct rules_verdict *v)
{
  struct store_mail row = {.queue = STORE_QUARANTINE,
                           .quarantine = v->text,
                           .stage = deliver_rules_stage_name(j),
                           .rule = v->directive,
                           .step = deliver_step(j->stage, v->next - 1, DELIVER_AFTER)};

  if (j->mail->again) row.step = DELIVER_RULED; /* all else was done: who releases it has decided */
  j->mail->skip = RULES_NEXT; /* once released it goes on as if nothing had been */
  deliver_rules_change(j, &row, deliver_rules_rows(j, clock_wall()));
}

/* A filter is to look at it: committed first, then taken from the queue `delegated`. */
static void deliver_rules_delegate(struct deliver_job *j, const struct rules_verdict *v)
{
  struct store_mail row = {.queue = STORE_DELEGATED,
                           .rule = v->directive,
                           .step = deliver_step(j->stage, v->next - 1, DELIVER_FROM)};
  struct store_rcpt *rows = mail_rcpt_rows(j->mail, j->arena, 0),
                    most = deliver_rules_most_tried(j);

  for (size_t i = 0; rows && i < j->mail->rcpt_count; i++) {
    rows[i].attempts = most.attempts;
    rows[i].by_hand = most.by_hand;
    rows[i].warned = most.warned;
  }
  deliver_rules_change(j, &row, rows);
}

/* ---- asking ---------------------------------------------------------------------------------- */

static void deliver_rules_judged(void *arg, const struct rules_verdict *v);

/* Asks the stage from a directive on; returned: a delegate, and what came back is the mail now. */
void deliver_rules_ask(struct deliver_job *j, size_t from, bool returned)
{
  struct judge_order o = {.loop = j->deliver->mta->loop,
                          .policy = j->policy,
                          .mail = j->mail,
                          .stage = j->stage,
                          .from = from,
                          .returned = returned,
                          .done = deliver_rules_judged,
                          .arg = j};
  const struct rules_verdict *v = judge_start(&j->judge, &o);

  if (v) deliver_rules_judged(j, v);
}

/* A mail released from quarantine may meet the rules of preq here, where info() refuses too. */
static bool deliver_rules_is_refusal(const struct deliver_job *j, const struct rules_verdict *v)
{
  return v->kind == RULES_DENY || (v->kind == RULES_INFO && j->stage == STAGE_PREQ);
}

/* The filter saw the mail before the first attempt. */
static void deliver_rules_pass_over(struct deliver_job *j, size_t next)
{
  struct delegate_order o = {
      .policy = j->policy, .mail = j->mail, .stage = j->stage, .directive = next - 1};

  delegate_trace(&o, STR("passed over"), STR(""));
  judge_end(&j->judge);
  deliver_rules_ask(j, next, false);
}

static void deliver_rules_judged(void *arg, const struct rules_verdict *v)
{
  struct deliver_job *j = arg;
  struct err e;

  if (rcpt_expand_all(j->mail, j->stage, &e) < 0) v = &judge_no_memory;
  if (v->failed) {
    deliver_rules_put_off(
        j, arena_printf(j->arena, "4.3.5 rule \"" STR_FMT "\" failed", STR_ARG(v->directive)));
  } else if (v->kind == RULES_DELEGATED && j->mail->again) {
    deliver_rules_pass_over(j, v->next);
  } else if (v->kind == RULES_DELEGATED) {
    deliver_rules_delegate(j, v);
  } else if (deliver_rules_is_refusal(j, v)) {
    deliver_rules_refused(j, v);
  } else if (v->kind == RULES_QUARANTINE) {
    deliver_rules_set_aside(j, v);
  } else if (j->mail->rcpt_count == 0 || v->kind == RULES_FACCEPT || j->stage == STAGE_DELIVERY) {
    deliver_rules_passed(j);
  } else {
    judge_end(&j->judge);
    j->stage++;
    deliver_rules_ask(j, 0, false);
  }
}

/* ---- beginning ------------------------------------------------------------------------------- */

/* Are there rules to be asked of a mail at this step? */
static bool deliver_rules_has_rules(const struct deliver_job *j, enum stage stage)
{
  for (; stage < STAGE_COUNT; stage++)
    if (rules_count(j->policy->rules, stage)) return true;
  return false;
}

/* A message nobody can read any more must not stop the others. */
static void deliver_rules_broken(struct deliver_job *j, const struct err *e)
{
  log_error(LOG_DELIVERY, "mid=" STR_FMT " cannot be read: %s", STR_ARG(j->claim->mail.id),
            e->text);
  if (e->kind == ERR_SYNTAX || e->kind == ERR_PERM || e->kind == ERR_BUG)
    deliver_rules_give_up(j, arena_str(j->arena, str_of(e->text)));
  else
    deliver_job_end(j);
}

/* Goes on where the mail's step says. If that directive is not there any more its stage begins
 * anew: rather asked twice than left out. */
static void deliver_rules_resume(struct deliver_job *j, struct deliver_point point)
{
  const struct store_mail *mail = &j->claim->mail;
  bool inside = point.inside || mail->queue == STORE_DELEGATED;
  ptrdiff_t found = inside ? rules_find(j->policy->rules, j->stage, mail->rule) : 0;
  struct rules_service v;
  bool service;

  if (found < 0) point.at = DELIVER_FROM;
  j->directive = found < 0 ? 0 : (size_t)found;
  service = rules_service_at(j->policy->rules, j->stage, j->directive, &v);
  if (service && point.at == DELIVER_RETURNED)
    deliver_rules_ask(j, j->directive, true);
  else if (service && found >= 0 && mail->queue == STORE_DELEGATED)
    deliver_filter_begin(j);
  else
    deliver_rules_ask(j, j->directive + (point.at == DELIVER_AFTER), false);
}

static int deliver_rules_restore(struct deliver_job *j, bool again, struct err *e)
{
  j->mail = mail_restore(j->arena, j->policy->conf, &j->claim->mail, buf_str(&j->header), again, e);
  if (!j->mail) return -1;
  j->mail->store = j->deliver->mta->store;
  j->mail->body = deliver_body;
  j->mail->source = j;
  return 0;
}

void deliver_rules_begin(struct deliver_job *j)
{
  struct store_mail *mail = &j->claim->mail;
  bool again = mail->step == DELIVER_AGAIN && mail->queue == STORE_DELIVER;
  struct deliver_point point = deliver_point_of(mail->step);
  struct err e;

  j->stage = again ? STAGE_DELIVERY : point.stage;
  if (deliver_header(j, &e) < 0) {
    deliver_rules_broken(j, &e);
  } else if (!deliver_rules_has_rules(j, j->stage) && mail->queue == STORE_DELIVER) {
    if (mail->step == DELIVER_ASKED) mail->step = DELIVER_AGAIN; /* with the first outcome */
    attempt_begin(j);
  } else if (deliver_rules_restore(j, again, &e) < 0) {
    deliver_rules_broken(j, &e);
  } else if (again) {
    deliver_rules_ask(j, 0, false);
  } else if (j->stage == STAGE_COUNT) {
    deliver_rules_passed(j);
  } else {
    deliver_rules_resume(j, point);
  }
}

void deliver_rules_drain(struct deliver_job *j)
{
  if (!j->recording && !(j->delegate && delegate_is_out(j->delegate))) deliver_job_end(j);
}

void deliver_rules_stop(struct deliver_job *j)
{
  judge_end(&j->judge);
  deliver_filter_free(j);
}
