/* tests/unit/vm.c: fibers from outside: giving way, waiting, budgets, frozen variables, reports. */
#include "../../rules/vsl/code.h"
#include "../check.h"

static int vm_test_cancelled;

static void vm_test_cancel(void *ticket)
{
  *(int *)ticket += 1;
}

/* wait(): what fiber_resume gives. */
static int vm_test_wait(struct fiber *f, struct call *c)
{
  if (!c->steps->step) return fiber_wait(f, vm_test_cancel, &vm_test_cancelled);
  c->out = value_take(&c->steps->got);
  return NATIVE_DONE;
}

static const struct native vm_test_natives[] = {{"wait", "*", NATIVE_STEPS, vm_test_wait}};

struct vm_test {
  struct registry *registry;
  struct diags diags;
  struct program *program;
  struct fiber *fiber;
};

/* Loads and freezes text, whose value is a closure, and starts it. */
static bool vm_test_load(struct vm_test *t, const char *text, struct vsl_limits limits)
{
  *t = (struct vm_test){.registry = registry_new()};
  vm_test_cancelled = 0;
  if (!t->registry || diags_init(&t->diags)) return false;
  if (std_add(t->registry) || registry_add(t->registry, fn_natives, fn_natives_count) ||
      registry_add(t->registry, vm_test_natives, 1) || registry_finish(t->registry))
    return false;
  struct program_options o = {.registry = t->registry, .text = str_of(text)};
  t->program = program_load(&o, STR("t.vsl"), &t->diags);
  if (!t->program) return false;
  struct value result = program_result(t->program);
  if (program_freeze(t->program, &result, 1)) return false;
  t->fiber = fiber_new(t->program, &limits, NULL);
  return t->fiber && !fiber_start(t->fiber, result);
}

static void vm_test_free(struct vm_test *t)
{
  fiber_free(t->fiber);
  program_unref(t->program);
  if (t->diags.arena) diags_free(&t->diags);
  registry_free(t->registry);
}

static const char *vm_test_text(const struct fiber *f)
{
  static char out[1024];
  struct buf text = BUF_INIT(sizeof out - 1);
  if (fiber_state(f) == FIBER_DONE)
    value_text(fiber_result(f), true, &text);
  else
    buf_printf(&text, "state %d", (int)fiber_state(f));
  if (fiber_state(f) == FIBER_FAILED)
    buf_printf(&text, " %s: " STR_FMT, vsl_error_name(fiber_error(f)),
               STR_ARG(fiber_error_text(f)));
  snprintf(out, sizeof out, "%s", buf_cstr(&text));
  buf_free(&text);
  return out;
}

/* Runs to the end; each wait is answered with 1, 2, 3… The text of the result. */
static const char *vm_test_run(const char *text, struct vsl_limits limits)
{
  static char out[1024];
  struct vm_test t;
  out[0] = '\0';
  if (CHECK(vm_test_load(&t, text, limits))) {
    for (int64_t n = 1; n < 100000; n++) {
      enum fiber_state state = fiber_run(t.fiber);
      if (state == FIBER_DONE || state == FIBER_FAILED) break;
      if (state == FIBER_WAITING)
        fiber_resume(t.fiber, value_int(n));
      else
        n--;
    }
    snprintf(out, sizeof out, "%s", vm_test_text(t.fiber));
  }
  vm_test_free(&t);
  return out;
}

static const struct vsl_limits vm_test_free_limits;

/* ---- giving way ------------------------------------------------------------------------------ */

TEST(vm_gives_way_after_a_slice)
{
  struct vm_test t;
  struct vsl_limits l = {.slice = 10};
  int turns = 1;
  if (!CHECK(vm_test_load(&t, "|| { let n = 0; while n < 95 { n += 1; } n }", l))) return;
  while (fiber_run(t.fiber) == FIBER_YIELDED) turns++;
  CHECK_STR(vm_test_text(t.fiber), "95");
  CHECK(turns >= 9 && turns <= 11);
  vm_test_free(&t);
}

TEST(vm_is_stopped)
{
  struct vm_test t;
  struct vsl_limits l = {.slice = 10};
  if (!CHECK(vm_test_load(&t, "|| { try { loop {} } catch { 5 } }", l))) return;
  CHECK_INT(fiber_run(t.fiber), FIBER_YIELDED);
  CHECK_INT(fiber_run(t.fiber), FIBER_YIELDED);
  fiber_stop(t.fiber, "time is over");
  CHECK_INT(fiber_run(t.fiber), FIBER_FAILED);
  CHECK_STR(vm_test_text(t.fiber), "state 4 ErrorTerminated: time is over");
  CHECK_INT(fiber_run(t.fiber), FIBER_FAILED);
  vm_test_free(&t);
}

/* ---- budgets --------------------------------------------------------------------------------- */

TEST(vm_budget_of_steps)
{
  struct vsl_limits l = {.steps = 1000, .slice = 70};
  CHECK(strstr(vm_test_run("|| loop {}", l), "ErrorTooManyOperations"));
  CHECK(strstr(vm_test_run("|| { try { loop {} } catch { 1 } }", l), "ErrorTooManyOperations"));
  CHECK(strstr(vm_test_run("let f = || { [1, 2, 3].map(|x| x) }; || loop { f.call(); }", l),
               "ErrorTooManyOperations"));
  CHECK_STR(vm_test_run("|| { let n = 0; while n < 900 { n += 1; } n }", l), "900");
}

TEST(vm_budget_of_memory)
{
  struct vsl_limits l = {.memory = 64 * 1024};
  CHECK(strstr(vm_test_run("|| { let s = \"x\"; loop { s += s; } }", l), "ErrorDataTooLarge"));
  CHECK(strstr(vm_test_run("|| { let a = []; loop { a.push(1.5); } }", l), "ErrorDataTooLarge"));
  CHECK(strstr(vm_test_run("|| { try { let s = \"x\"; loop { s += s; } } catch { 1 } }", l),
               "ErrorDataTooLarge"));
}

TEST(vm_garbage_is_used_again)
{
  struct vsl_limits l = {.memory = 64 * 1024};
  CHECK_STR(vm_test_run("|| { let n = 0; while n < 20000 { let t = [n, \"garbage\" + n, #{a: n}]; "
                        "n += 1; } n }",
                        l),
            "20000");
  CHECK_STR(vm_test_run("|| { let s = \"\"; for i in 0..20000 { s += \"x\"; } s.len() }", l),
            "20000");
  CHECK_STR(vm_test_run("|| { let s = \"\"; for i in 0..500 { s = s + \"ab\"; } s.len() }", l),
            "1000");
}

TEST(vm_budgets_of_size_and_depth)
{
  struct vsl_limits l = {.string = 100, .items = 50, .depth = 10};
  CHECK(strstr(vm_test_run("|| { let s = \"0123456789\"; loop { s += s; } }", l),
               "ErrorDataTooLarge"));
  CHECK(strstr(vm_test_run("|| { let a = []; loop { a.push(1); } }", l), "ErrorDataTooLarge"));
  CHECK(strstr(vm_test_run("|| { let m = #{}; let i = 0; loop { m[`${i}`] = 1; i += 1; } }", l),
               "ErrorDataTooLarge"));
  CHECK(strstr(vm_test_run("fn r() { r() } || r()", l), "ErrorStackOverflow"));
  CHECK_STR(vm_test_run("fn r(n) { if n == 0 { 0 } else { 1 + r(n - 1) } } || r(8)", l), "8");
}

/* ---- waiting --------------------------------------------------------------------------------- */

TEST(vm_waits_anywhere)
{
  struct vsl_limits l = vm_test_free_limits;
  CHECK_STR(vm_test_run("|| wait() + wait() * 10", l), "21");
  CHECK_STR(vm_test_run("|| [5, 6, 7].map(|x| x * wait())", l), "[5, 12, 21]");
  CHECK_STR(vm_test_run("|| { let a = [5, 6, 7]; a.retain(|x| wait() != 2); a }", l), "[5, 7]");
  CHECK_STR(
      vm_test_run("|| { let m = #{f: || { this.n += wait(); }, n: 1}; m.f(); m.f(); m.n }", l),
      "4");
  CHECK_STR(
      vm_test_run("fn f() { this.push(wait()); } || { let a = [[]]; a[0].f(); a[0].f(); a }", l),
      "[[1, 2]]");
  CHECK_STR(vm_test_run("|| `${wait()}-${[1].map(|x| `${wait()}`)}`", l), "\"1-[\\\"2\\\"]\"");
  CHECK_STR(vm_test_run("|| [[1, 2], [3]].map(|a| a.map(|x| x + wait()))", l), "[[2, 4], [6]]");
  CHECK_STR(
      vm_test_run("|| { let r = 0; for i in 0..3 { try { throw wait(); } catch (e) { r += e; } } "
                  "r }",
                  l),
      "6");
}

TEST(vm_a_wait_that_fails_is_an_error_like_others)
{
  struct vm_test t;
  if (CHECK(vm_test_load(&t, "|| { try { wait() } catch (e) { return e.error; } }",
                         vm_test_free_limits))) {
    CHECK_INT(fiber_run(t.fiber), FIBER_WAITING);
    CHECK_INT(fiber_run(t.fiber), FIBER_WAITING);
    fiber_fail(t.fiber, VSL_RUNTIME, "no answer");
    CHECK_INT(vm_test_cancelled, 0);
    CHECK_INT(fiber_run(t.fiber), FIBER_DONE);
    CHECK_STR(vm_test_text(t.fiber), "\"ErrorRuntime\"");
  }
  vm_test_free(&t);
}

TEST(vm_a_wait_is_cancelled_with_its_fiber)
{
  struct vm_test t;
  if (CHECK(vm_test_load(&t, "|| [1, 2].map(|x| wait())", vm_test_free_limits))) {
    CHECK_INT(fiber_run(t.fiber), FIBER_WAITING);
    CHECK_INT(vm_test_cancelled, 0);
  }
  vm_test_free(&t);
  CHECK_INT(vm_test_cancelled, 1);
}

TEST(vm_nothing_waits_while_loading)
{
  struct vm_test t;
  CHECK(!vm_test_load(&t, "wait()", vm_test_free_limits));
  CHECK(t.diags.n == 1 && str_starts(t.diags.list[0].text, STR("ErrorRuntime: ")));
  vm_test_free(&t);
}

/* ---- frozen variables ------------------------------------------------------------------------ */

TEST(vm_changes_of_a_run_are_forgotten)
{
  struct vm_test t;
  const char *text = "let n = 0; let a = [1]; let inc = || { n += 1; a.push(n); };\n"
                     "|| { inc.call(); inc.call(); n += 10; [n, a, n] }";
  if (CHECK(vm_test_load(&t, text, vm_test_free_limits))) {
    CHECK_INT(fiber_run(t.fiber), FIBER_DONE);
    CHECK_STR(vm_test_text(t.fiber), "[12, [1, 1, 2], 12]");
  }
  vm_test_free(&t);
}

TEST(vm_two_fibers_do_not_see_each_other)
{
  const char *text = "let n = [0]; || { for i in 0..20 { n[0] += 1; } n }";
  struct vsl_limits l = {.slice = 3};
  struct registry *g = registry_new();
  struct diags d;
  if (!CHECK(g && !diags_init(&d) && !std_add(g) && !registry_finish(g))) return;
  struct program_options o = {.registry = g, .text = str_of(text)};
  struct program *p = program_load(&o, STR("t.vsl"), &d);
  struct value fn = p ? program_result(p) : value_unit();
  if (CHECK(p && !program_freeze(p, &fn, 1))) {
    struct fiber *list[4];
    for (size_t i = 0; i < BASE_COUNT(list); i++) {
      list[i] = fiber_new(p, &l, NULL);
      CHECK(list[i] && !fiber_start(list[i], fn));
    }
    for (int turn = 0; turn < 30; turn++)
      for (size_t i = 0; i < BASE_COUNT(list); i++) fiber_run(list[i]);
    program_unref(p); /* each fiber holds it */
    for (size_t i = 0; i < BASE_COUNT(list); i++) {
      CHECK_STR(vm_test_text(list[i]), "[20]");
      fiber_free(list[i]);
    }
  }
  diags_free(&d);
  registry_free(g);
}

/* ---- reports --------------------------------------------------------------------------------- */

TEST(vm_reports_where_and_through_what)
{
  struct vm_test t;
  struct buf report = BUF_INIT(4096);
  const char *text =
      "fn half(n) {\n  n / 0\n}\nfn twice(n) { half(n) }\n|| {\n  let c = |x| twice(x);\n"
      "  [1].map(c)\n}";
  if (CHECK(vm_test_load(&t, text, vm_test_free_limits))) {
    CHECK_INT(fiber_run(t.fiber), FIBER_FAILED);
    fiber_error_report(t.fiber, &report);
    CHECK(str_starts(buf_str(&report), STR("t.vsl:2:5: ErrorArithmetic: ")));
    CHECK(str_ends(buf_str(&report), STR("\n  n / 0\n    ^\n"
                                         "  in call to function 'half' at t.vsl:4:15\n"
                                         "  in call to function 'twice' at t.vsl:6:15\n"
                                         "  in call to closure at t.vsl:6:11\n"
                                         "  in call to function 'map' at t.vsl:7:7\n")));
  }
  buf_free(&report);
  vm_test_free(&t);
}

/* ---- without memory -------------------------------------------------------------------------- */

static void vm_test_torture(void)
{
  struct vm_test t;
  const char *text =
      "let n = 0; let log = #{};\n"
      "fn add(x) { this += x; throw this; }\n"
      "|| { for i in 0..3 { n += wait(); log[`k${i}`] = [n, \"t\" + n, i..n]; }\n"
      "  let a = [3, 1, 2]; a.sort(|x, y| x - y); a = a.map(|x| x + wait());\n"
      "  try { n.add(1); } catch (e) { a.push(e); }\n"
      "  try { a[9] } catch (e) { a.push(e.error); }\n"
      "  let p = Fn(\"add\").curry(1); switch a.len() { 1..9 => `${log}${a}`, _ => () } }";
  if (vm_test_load(&t, text, vm_test_free_limits)) {
    for (int i = 0; i < 40 && fiber_run(t.fiber) == FIBER_WAITING; i++)
      fiber_resume(t.fiber, value_string(fiber_region(t.fiber), STR("w")));
    vm_test_text(t.fiber);
  }
  vm_test_free(&t);
}

TEST(vm_without_memory)
{
  check_torture(vm_test_torture);
}

TEST(vm_a_pointer_to_a_native_runs_at_once)
{
  CHECK_STR(vm_test_run("Fn(\"PI\")", vm_test_free_limits), "3.141592653589793");
  CHECK_STR(vm_test_run("Fn(\"wait\")", vm_test_free_limits), "1");
  CHECK_STR(vm_test_run("Fn(\"max\").curry(3, 4)", vm_test_free_limits), "4");
}
