/* smtp/judge.c: the rules of one stage run over one mail. */
#include "judge.h"

#include "settle.h"

static const struct rules_verdict judge_no_memory = {
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
  return rules_skip(s->stage, v->kind) != RULES_SKIP_NO &&
         !(s->mail->skip == RULES_QUARANTINE && v->kind == RULES_FACCEPT);
}

static const struct rules_verdict *judge_finish(struct judge *s)
{
  const struct rules_verdict *v = rules_verdict(s->run);

  ask_cancel(s->ask); /* of a directive whose time was over: nobody is told twice */
  s->ask = NULL;
  if (judge_skips_from_here(s, v)) mail_set_skip(s->mail, s->stage, v);
  return v;
}

/* One slice. NULL: not done; the task is ready again unless the run waits for an answer. */
static const struct rules_verdict *judge_slice(struct judge *s)
{
  switch (rules_step(s->run)) {
  case RULES_DONE: return judge_finish(s);
  case RULES_YIELD: loop_ready(s->loop, &s->task); break;
  case RULES_WAIT: /* whoever answers makes the task ready; the directive's time may end before */
    timer_set(s->loop, &s->limit, loop_now(s->loop) + rules_deadline(s->run) - clock_mono());
    break;
  }
  return NULL;
}

/* The stage is over, also one without rules: whom they added is no other than whom a client
 * gave. */
static const struct rules_verdict *judge_over(struct judge *s, const struct rules_verdict *v)
{
  struct err e;

  if (!v || s->stage < STAGE_PREQ || s->mail->again || settle_all(s->mail, s->stage, &e) == 0)
    return v;
  s->skipped = judge_no_memory;
  return &s->skipped;
}

static void judge_go_on(struct judge *s)
{
  const struct rules_verdict *v;

  timer_clear(s->loop, &s->limit);
  v = judge_over(s, judge_slice(s));
  if (v) s->done(s->arg, v);
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
  if (s->of_the_sender && a && str_eq(a->result, STR("pass"))) s->mail->sender_proved = true;
  rules_answer(s->run, a, e);
  loop_ready(s->loop, &s->task);
}

int judge_ask(struct judge *s, const struct rules_question *q, struct err *e)
{
  ask_cancel(s->ask); /* of a directive whose time was over */
  s->of_the_sender = q->ask == RULES_ASK_SPF && str_eq(q->identity, STR("mail_from"));
  s->ask = ask_start(s->loop, s->policy, s->mail, q, judge_answered, s, e);
  return s->ask ? 0 : -1;
}

/* ---- a run ----------------------------------------------------------------------------------- */

static const struct rules_verdict *
judge_begin(struct judge *s, struct loop *l, struct policy *policy, struct mail *m,
            enum stage stage, size_t from, bool returned,
            void (*done)(void *arg, const struct rules_verdict *v), void *arg)
{
  *s = (struct judge){
      .loop = l, .policy = policy, .mail = m, .stage = stage, .done = done, .arg = arg};
  s->task.run = judge_run;
  s->limit.fire = judge_late;
  s->task.arg = s->limit.arg = s;
  if (judge_is_skipped(m, stage)) {
    s->skipped = (struct rules_verdict){.kind = m->skip, .code = m->reply};
    s->skipped.text = m->quarantine;
    s->skipped.directive = m->directive;
    return &s->skipped;
  }
  if (rules_count(policy->rules, stage) <= from) return &s->skipped; /* zeroed: next */
  m->judge = s;
  s->run = rules_start(policy->rules, stage, from, returned, &host_functions, m);
  if (s->run) return judge_slice(s);
  s->skipped = judge_no_memory;
  return &s->skipped;
}

const struct rules_verdict *judge_start(struct judge *s, struct loop *l, struct policy *policy,
                                        struct mail *m, enum stage stage, size_t from,
                                        void (*done)(void *arg, const struct rules_verdict *v),
                                        void *arg)
{
  return judge_over(s, judge_begin(s, l, policy, m, stage, from, false, done, arg));
}

const struct rules_verdict *judge_return(struct judge *s, struct loop *l, struct policy *policy,
                                         struct mail *m, enum stage stage, size_t from,
                                         void (*done)(void *arg, const struct rules_verdict *v),
                                         void *arg)
{
  return judge_over(s, judge_begin(s, l, policy, m, stage, from, true, done, arg));
}

void judge_end(struct judge *s)
{
  loop_unready(&s->task);
  if (s->loop) timer_clear(s->loop, &s->limit);
  ask_cancel(s->ask);
  s->ask = NULL;
  rules_cancel(s->run);
  s->run = NULL;
}
