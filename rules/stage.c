/* rules/stage.c: running a stage (rules/README.md#stages): its directives in order, each on a fiber
 * of its own, until one decides.
 *
 * A run is stepped by the loop. Between steps it is in one of these states: no fiber (the next
 * directive begins), a fiber that yielded or waits, or done. The fiber of the deciding directive is
 * kept until the run ends: the verdict's texts live in it.
 */
#include "api.h"
#include "vsl/vsl.h"

struct rules_run {
  struct api_env env;
  struct rules *rules;
  struct fiber *fiber; /* of directive `at` */
  size_t at;
  bool returned; /* directive `at` is a delegate whose message came back */
  bool done;
  int64_t deadline; /* clock_mono, of the directive */
  bool waiting;     /* the host owes an answer */
  struct rules_answer answer;
  struct buf answer_text; /* its slices */
  str *answer_list;       /* its lists, owned */
  struct datum *answer_cells;
  struct rules_verdict verdict;
};

#define STAGE_BUILTIN STR("reject by default")

/* ---- what is told ---------------------------------------------------------------------------- */

static void stage_trace(struct rules_run *run, str name, const char *kind, str status, str detail)
{
  const struct rules_trace t = {run->env.stage, name, kind, status, detail};
  run->env.host->decided(run->env.tx, &t);
}

/* What a status says beyond its kind. */
static str stage_detail(const struct rules_verdict *v, struct buf *out)
{
  if (v->code.basic) {
    buf_printf(out, "%d", v->code.basic);
    if (v->code.enhanced.n) buf_printf(out, " " STR_FMT, STR_ARG(v->code.enhanced));
    if (v->code.text.n) buf_printf(out, " " STR_FMT, STR_ARG(v->code.text));
  }
  if (v->kind == RULES_QUARANTINE) buf_str_add(out, v->text);
  if (v->kind == RULES_DELEGATED) buf_str_add(out, v->service);
  return buf_str(out);
}

static void stage_tell(struct rules_run *run, const struct directive *d,
                       const struct rules_verdict *v)
{
  struct buf detail = BUF_INIT(4096);
  stage_trace(run, value_str(d->name), directive_kind_name(d->kind),
              str_of(rules_kind_name(v->kind)), stage_detail(v, &detail));
  buf_free(&detail);
}

void stage_print(void *unused, bool debug, str text)
{
  (void)unused;
  log_write(LOG_APP, debug ? LOG_DEBUG : LOG_INFO, STR_FMT, STR_ARG(text));
}

/* ---- verdicts -------------------------------------------------------------------------------- */

static void stage_decide(struct rules_run *run, const struct rules_verdict *v)
{
  run->verdict = *v;
  run->verdict.next = run->at + 1;
  run->done = true;
}

/* All a client learns of an error: the stage. ORDER STAGE */
static const struct rules_code stage_failures[] = {
#define STAGE_FAILURE(upper, name)                                                                 \
  {451, STR_INIT("4.3.5"), STR_INIT("the rules of this server failed in stage " name)},
    STAGE_LIST(STAGE_FAILURE)
#undef STAGE_FAILURE
};

/* An error nobody caught (rules/README.md#what-no-rule-can-forget): logged whole, refused for
 * now. */
static void stage_fail(struct rules_run *run, const struct directive *d, const char *what,
                       str where)
{
  const str name = value_str(d->name);
  const struct rules_verdict v = {
      .kind = RULES_DENY,
      .code = stage_failures[run->env.stage],
      .directive = name,
      .failed = true,
  };
  struct buf text = BUF_INIT(8192);
  buf_printf(&text, "stage=%s %s=%s failed: %s", rules_stage_name(run->env.stage),
             directive_kind_name(d->kind), log_q(name), what);
  if (where.n) buf_printf(&text, " (" STR_FMT ")", STR_ARG(where));
  run->env.host->log(run->env.tx, LOG_RULES, LOG_ERROR, buf_str(&text));
  buf_free(&text);
  stage_trace(run, name, directive_kind_name(d->kind), STR("error"), str_of(what));
  stage_decide(run, &v);
}

/* "FILE:LINE:COL: CLASS: message", and the calls that led there on the same line. */
static void stage_fail_of_fiber(struct rules_run *run, const struct directive *d)
{
  struct buf what = BUF_INIT(4096), trace = BUF_INIT(4096);
  const struct place at = fiber_error_place(run->fiber);
  const str text = fiber_error_text(run->fiber);
  buf_printf(&what, STR_FMT ":%d:%d: %s: ", STR_ARG(at.file), at.line, at.column,
             vsl_error_name(fiber_error(run->fiber)));
  buf_str_add(&what, str_sub(text, 0, 2048));
  fiber_error_trace(run->fiber, &trace);
  for (size_t i = 0; i < trace.n; i++)
    if (trace.p[i] == '\n') trace.p[i] = ' ';
  stage_fail(run, d, buf_cstr(&what), str_trim(buf_str(&trace)));
  buf_free(&what);
  buf_free(&trace);
}

/* What a directive returned. Only `next` goes on. */
static void stage_judge(struct rules_run *run, const struct directive *d, struct value got)
{
  struct rules_verdict v = {.kind = RULES_NEXT, .directive = value_str(d->name)};
  if (d->kind != DIRECTIVE_ACTION) {
    if (!object_is(got, &status_type)) {
      char what[256];
      snprintf(what, sizeof what,
               STR_FMT ":%d:%d: ErrorRuntime: %s '%.100s' must return a status, "
                       "got '%s'",
               STR_ARG(str_sub(d->place.file, 0, 80)), d->place.line, d->place.column,
               directive_kind_name(d->kind), log_q(v.directive), value_type_name(got));
      stage_fail(run, d, what, STR(""));
      return;
    }
    const struct status *s = status_of(got);
    v.kind = s->kind;
    if (s->code.type == VALUE_OBJECT) object_code_parts(s->code, &v.code);
    if (s->text.type == VALUE_STRING) v.text = value_str(s->text);
  }
  stage_tell(run, d, &v);
  if (v.kind != RULES_NEXT) stage_decide(run, &v);
}

/* A delegate met on its way: the message is to be handed over. */
static void stage_delegate(struct rules_run *run, const struct directive *d)
{
  const struct rules_verdict v = {.kind = RULES_DELEGATED,
                                  .directive = value_str(d->name),
                                  .service = value_str(service_of(d->service)->name)};
  stage_tell(run, d, &v);
  stage_decide(run, &v);
}

/* ---- stepping -------------------------------------------------------------------------------- */

static void stage_end_directive(struct rules_run *run)
{
  fiber_free(run->fiber);
  run->fiber = NULL;
  run->waiting = false;
  run->returned = false;
  run->at++;
}

/* Begins directive `at`, or decides without running it. */
static void stage_begin(struct rules_run *run)
{
  const struct directive *d = rules_directive(run->rules, run->env.stage, run->at);
  run->deadline = clock_mono() + rules_max_time(run->rules);
  if (d->kind == DIRECTIVE_DELEGATE && !run->returned) {
    stage_delegate(run, d);
    return;
  }
  run->fiber = fiber_new(rules_program(run->rules), rules_limits_of(run->rules), &run->env);
  if (!run->fiber)
    stage_fail(run, d, "no memory", STR(""));
  else
    fiber_start(run->fiber, d->evaluate); /* if that fails, running it says why */
}

/* Runs the fiber at hand. True: go on with what comes next; false: *s is for the loop. */
static bool stage_run_fiber(struct rules_run *run, enum rules_state *s)
{
  const struct directive *d = rules_directive(run->rules, run->env.stage, run->at);
  const bool late = clock_mono() > run->deadline;
  if (late) fiber_stop(run->fiber, "the directive took too long");
  *s = RULES_WAIT;
  if (run->waiting && !late) return false;
  switch (fiber_run(run->fiber)) {
  case FIBER_WAITING: return false;
  case FIBER_DONE: stage_judge(run, d, fiber_result(run->fiber)); break;
  case FIBER_FAILED: stage_fail_of_fiber(run, d); break;
  default: *s = RULES_YIELD; return false;
  }
  if (!run->done) stage_end_directive(run);
  return true;
}

enum rules_state rules_step(struct rules_run *run)
{
  enum rules_state s;
  while (!run->done) {
    if (run->at >= rules_count(run->rules, run->env.stage)) {
      run->verdict = (struct rules_verdict){.kind = RULES_NEXT, .next = run->at};
      run->done = true;
    } else if (!run->fiber) {
      stage_begin(run);
    } else if (!stage_run_fiber(run, &s)) {
      return s;
    }
  }
  return RULES_DONE;
}

int64_t rules_deadline(const struct rules_run *run)
{
  return run->deadline;
}

/* ---- questions to the host ------------------------------------------------------------------- */

enum rules_asked stage_ask(struct rules_run *run, const struct rules_question *q,
                           struct rules_answer *a, struct err *e)
{
  return run->env.host->ask(run->env.tx, q, a, e);
}

/* The fiber died before its answer came: nobody wants it any more. */
static void stage_unwait(void *run)
{
  ((struct rules_run *)run)->waiting = false;
}

int stage_wait(struct rules_run *run, struct fiber *f)
{
  const int got = fiber_wait(f, stage_unwait, run);
  run->waiting = got == NATIVE_WAIT;
  return got;
}

const struct rules_answer *stage_answer(const struct rules_run *run)
{
  return &run->answer;
}

/* Moves a slice to the run's own text, which has room for it. */
static str stage_copy(struct rules_run *run, str s)
{
  const size_t at = run->answer_text.n;
  buf_str_add(&run->answer_text, s);
  return str_sub(buf_str(&run->answer_text), at, at + s.n);
}

static size_t stage_answer_length(const struct rules_answer *a)
{
  size_t n = a->result.n + a->mechanism.n + a->problem.n + a->explanation.n;
  for (size_t i = 0; i < a->n; i++) n += a->list[i].n;
  for (size_t i = 0; i < a->cell_count; i++) n += a->cells[i].text.n;
  return n;
}

static void stage_free_lists(struct rules_run *run)
{
  mem_free(run->answer_list);
  mem_free(run->answer_cells);
  run->answer_list = NULL;
  run->answer_cells = NULL;
}

/* Copies an answer; -1: no room. */
static int stage_copy_answer(struct rules_run *run, const struct rules_answer *a)
{
  stage_free_lists(run);
  run->answer_list = mem_alloc((a->n + 1) * sizeof *run->answer_list);
  run->answer_cells = mem_alloc((a->cell_count + 1) * sizeof *run->answer_cells);
  if (!run->answer_list || !run->answer_cells ||
      !buf_room(&run->answer_text, stage_answer_length(a) + 1))
    return -1;
  run->answer = (struct rules_answer){.result = stage_copy(run, a->result),
                                      .mechanism = stage_copy(run, a->mechanism),
                                      .problem = stage_copy(run, a->problem),
                                      .explanation = stage_copy(run, a->explanation),
                                      .list = run->answer_list,
                                      .n = a->n,
                                      .number = a->number,
                                      .cells = run->answer_cells,
                                      .cell_count = a->cell_count};
  for (size_t i = 0; i < a->n; i++) run->answer_list[i] = stage_copy(run, a->list[i]);
  for (size_t i = 0; i < a->cell_count; i++) {
    run->answer_cells[i] = a->cells[i];
    run->answer_cells[i].text = stage_copy(run, a->cells[i].text);
  }
  return 0;
}

void rules_give(struct rules_run *run, const struct rules_answer *a, const struct err *e)
{
  if (run->done || !run->waiting || !run->fiber) return;
  run->waiting = false;
  buf_clear(&run->answer_text);
  if (!a) {
    fiber_fail(run->fiber, VSL_RUNTIME, "%s", e ? e->text : "there is no answer");
    return;
  }
  if (stage_copy_answer(run, a) < 0) {
    fiber_fail(run->fiber, VSL_RUNTIME, "the answer is too long");
    return;
  }
  fiber_resume(run->fiber, value_unit());
}

/* ---- a run ----------------------------------------------------------------------------------- */

/* Without a rule file every connection is refused, and nothing else is ever asked. */
static void stage_refuse_all(struct rules_run *run)
{
  const struct rules_verdict v = {.kind = RULES_DENY, .directive = STAGE_BUILTIN};
  stage_trace(run, STAGE_BUILTIN, directive_kind_name(DIRECTIVE_RULE), STR("deny"), STR(""));
  stage_decide(run, &v);
}

struct rules_run *rules_start(struct rules *r, enum stage s, size_t from, bool returned,
                              const struct rules_host *host, void *tx)
{
  struct rules_run *run = mem_alloc(sizeof *run);
  if (!run) return NULL;
  run->rules = rules_hold(r);
  run->env = (struct api_env){.rules = r, .host = host, .tx = tx, .stage = s, .run = run};
  run->at = from;
  run->returned = returned;
  run->answer_text.cap = LIMIT_HEADER_BYTES;
  run->deadline = clock_mono() + rules_max_time(r);
  if (!rules_program(r) && s == STAGE_CONNECT) stage_refuse_all(run);
  return run;
}

const struct rules_verdict *rules_verdict_of(const struct rules_run *run)
{
  return &run->verdict;
}

void rules_cancel(struct rules_run *run)
{
  if (!run) return;
  fiber_free(run->fiber);
  rules_release(run->rules);
  buf_free(&run->answer_text);
  stage_free_lists(run);
  mem_free(run);
}

enum rules_skip rules_skip(enum stage s, enum rules_kind k)
{
  if (k == RULES_DENY && (s == STAGE_CONNECT || s == STAGE_HELO)) return RULES_SKIP_CONNECTION;
  if (k != RULES_FACCEPT && k != RULES_QUARANTINE) return RULES_SKIP_NO;
  return s <= STAGE_AUTHENTICATE ? RULES_SKIP_CONNECTION : RULES_SKIP_MESSAGE;
}

#undef STAGE_BUILTIN
