/* smtp/policy/judge.c: the rules of one stage run over one mail. */
#include "policy.h"

const struct rules_verdict judge_no_memory = {
    .kind = RULES_DENY,
    .failed = true,
    .code = {451, STR_INIT("4.3.0"), STR_INIT("Out of memory, try later")}};

/* Did an earlier stage say how this one ends? Stage rcpt is asked of each recipient: what it said
 * about one is for the later stages and does not speak for the next recipient. */
static bool judge_is_skipped(const struct mail *m, enum stage stage)
{
  return m->skip != RULES_NEXT && !(stage == STAGE_RCPT && m->decided == STAGE_RCPT);
}

/* A mail set aside for one recipient is not let through by what another is allowed. */
static bool judge_skips_from_here(const struct judge *s, const struct rules_verdict *v)
{
  return rules_skip(s->o.stage, v->kind) != RULES_SKIP_NO &&
         !(s->o.mail->skip == RULES_QUARANTINE && v->kind == RULES_FACCEPT);
}

static const struct rules_verdict *judge_finish(struct judge *s)
{
  const struct rules_verdict *v = rules_verdict_of(s->run);

  host_wait_cancel(s->ask); /* of a directive whose time was over: nobody is told twice */
  s->ask = NULL;
  if (judge_skips_from_here(s, v)) mail_set_skip(s->o.mail, s->o.stage, v);
  return v;
}

/* One slice. NULL: not done; the task is ready again unless the run waits for an answer. */
static const struct rules_verdict *judge_slice(struct judge *s)
{
  switch (rules_step(s->run)) {
  case RULES_DONE: return judge_finish(s);
  case RULES_YIELD: loop_ready(s->o.loop, &s->task); break;
  case RULES_WAIT: /* whoever answers makes the task ready; the directive's time may end before */
    timer_set(s->o.loop, &s->limit, loop_now(s->o.loop) + rules_deadline(s->run) - clock_mono());
    break;
  }
  return NULL;
}

static void judge_go_on(struct judge *s)
{
  const struct rules_verdict *v;

  timer_clear(s->o.loop, &s->limit);
  v = judge_slice(s);
  if (v) s->o.done(s->o.arg, v);
}

static void judge_run(struct task *t, void *arg)
{
  (void)t;
  judge_go_on(arg);
}

static void judge_late(struct timer *t, void *arg)
{
  (void)t;
  judge_go_on(arg);
}

/* ---- questions ------------------------------------------------------------------------------- */

static void judge_answered(void *arg, const struct rules_answer *a, const struct err *e)
{
  struct judge *s = arg;

  s->ask = NULL;
  if (s->of_the_sender && a && str_eq(a->result, STR("pass"))) s->o.mail->sender_proved = true;
  rules_give(s->run, a, e);
  loop_ready(s->o.loop, &s->task);
}

int judge_ask(struct judge *s, const struct rules_question *q, struct err *e)
{
  host_wait_cancel(s->ask); /* of a directive whose time was over */
  s->of_the_sender = q->ask == RULES_ASK_SPF && str_eq(q->identity, STR("mail_from"));
  s->ask = host_wait_start(s->o.loop, s->o.policy, s->o.mail, q, judge_answered, s, e);
  return s->ask ? 0 : -1;
}

/* ---- a run ----------------------------------------------------------------------------------- */

const struct rules_verdict *judge_start(struct judge *s, const struct judge_order *o)
{
  *s = (struct judge){.o = *o};
  s->task.run = judge_run;
  s->limit.fire = judge_late;
  s->task.arg = s->limit.arg = s;
  if (judge_is_skipped(o->mail, o->stage)) {
    s->skipped = (struct rules_verdict){.kind = o->mail->skip, .code = o->mail->reply};
    s->skipped.text = o->mail->quarantine;
    s->skipped.directive = o->mail->directive;
    return &s->skipped;
  }
  if (rules_count(o->policy->rules, o->stage) <= o->from) return &s->skipped; /* zeroed: next */
  o->mail->judge = s;
  s->run = rules_start(o->policy->rules, o->stage, o->from, o->returned, &host_functions, o->mail);
  if (s->run) return judge_slice(s);
  s->skipped = judge_no_memory;
  return &s->skipped;
}

void judge_end(struct judge *s)
{
  loop_unready(&s->task);
  if (s->o.loop) timer_clear(s->o.loop, &s->limit);
  host_wait_cancel(s->ask);
  s->ask = NULL;
  rules_cancel(s->run);
  s->run = NULL;
}
