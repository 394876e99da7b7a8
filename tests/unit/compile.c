/* tests/unit/compile.c: warnings of `check`, which `vsmtp eval` does not print, and the bounds. */
#include "../../rules/vsl/code.h"
#include "../check.h"

static int compile_test_declare(struct fiber *f, struct call *c)
{
  (void)f;
  c->out = value_take(&c->args[c->argc - 1]);
  return NATIVE_DONE;
}

static const struct native compile_test_natives[] = {
    {"$rule", "s.", 0, compile_test_declare},
    {"$action", "s.", 0, compile_test_declare},
    {"verdict", "", NATIVE_STATUS, compile_test_declare},
    {"later", ".", NATIVE_UNBUILT, compile_test_declare},
};

/* Loads a text; the first fault or warning as LINE:COLUMN text, or "". */
static const char *compile_test(const char *text)
{
  static char out[256];
  struct diags d;
  struct registry *g = registry_new();
  struct program_options o = {.registry = g, .text = str_of(text)};
  out[0] = '\0';
  if (!CHECK(g && !diags_init(&d) && !std_add(g))) return out;
  CHECK(!registry_add(g, compile_test_natives, BASE_COUNT(compile_test_natives)));
  CHECK(!registry_finish(g));
  program_unref(program_load(&o, STR("t.vsl"), &d));
  if (d.n) {
    snprintf(out, sizeof out, "%d:%d %s" STR_FMT, d.list[0].line, d.list[0].column,
             d.list[0].warning ? "warning: " : "", STR_ARG(d.list[0].text));
  }
  diags_free(&d);
  registry_free(g);
  return out;
}

TEST(compile_warns_where_a_rule_assigns_outside)
{
  const char *lost = "2:17 warning: changes to n are lost when the rule ends";
  CHECK_STR(compile_test("let n = 0;\nrule \"r\" || { n = 1; };"), "2:15 warning: changes to n are "
                                                                   "lost when the rule ends");
  CHECK_STR(compile_test("let n = 0;\nrule \"r\" || {   n += 1; };"), lost);
  CHECK_STR(compile_test("let n = [];\nrule \"r\" || {   n[0] = 1; };"), lost);
  CHECK_STR(compile_test("let n = [];\nrule \"r\" || {   n.push(1); };"), lost);
  CHECK_STR(compile_test("let n = 0;\nrule \"r\" #{ x: || n += 1 };"),
            "2:19 warning: changes to n are lost when the rule ends");
  CHECK_STR(compile_test("let n = 0;\nrule \"r\" || { [1].map(|x| n = x); };"),
            "2:27 warning: changes to n are lost when the rule ends");
}

TEST(compile_does_not_warn_inside_of_a_rule)
{
  CHECK_STR(compile_test("rule \"r\" || { let n = 0; n += 1; let f = || n += 1; f.call(); };"), "");
  CHECK_STR(compile_test("let n = 0; let f = || n += 1; f.call(); rule \"r\" || n;"), "");
  CHECK_STR(compile_test("let n = [1]; rule \"r\" || { n.len() + n.map(|x| x).len() };"), "");
}

TEST(compile_warns_of_natives_that_do_not_help)
{
  CHECK_STR(compile_test("action \"a\" || verdict();"),
            "1:15 warning: 'verdict' does nothing in an action");
  CHECK_STR(compile_test("rule \"a\" || verdict();"), "");
  CHECK_STR(compile_test("|| later(1);"), "1:4 warning: 'later' is not built in yet: it throws");
}

TEST(compile_warns_of_imports_that_cannot_come)
{
  CHECK_STR(compile_test("|| { import \"nowhere/x\" as y; };"),
            "1:13 warning: no file 'nowhere/x' is here");
  CHECK_STR(compile_test("|| { import \"a\" + 1; };"),
            "1:13 warning: a computed path cannot be imported: this throws");
}

/* head, then n times part, then tail. */
static const char *compile_test_repeat(const char *head, const char *part, size_t n,
                                       const char *tail)
{
  static struct buf text = BUF_INIT(1 << 22);
  buf_clear(&text);
  buf_puts(&text, head);
  while (n--) buf_puts(&text, part);
  buf_puts(&text, tail);
  const char *found = compile_test(buf_cstr(&text));
  buf_free(&text);
  return found;
}

TEST(compile_nesting_is_bounded)
{
  CHECK(strstr(compile_test_repeat("", "(", 20000, ""), "too deeply nested"));
  CHECK(strstr(compile_test_repeat("", "[", 20000, ""), "too deeply nested"));
  CHECK(strstr(compile_test_repeat("", "!", 20000, "true"), "too deeply nested"));
  CHECK(strstr(compile_test_repeat("1", " ** 1", 20000, ""), "too deeply nested"));
  CHECK(strstr(compile_test_repeat("", "|x| ", 20000, "1"), "too deeply nested"));
  CHECK(strstr(compile_test_repeat("", "{", 20000, ""), "too deeply nested"));
  CHECK(strstr(compile_test_repeat("", "if true {", 20000, ""), "too deeply nested"));
  CHECK(strstr(compile_test_repeat("", "`${", 20000, ""), "too deeply nested"));
  CHECK(strstr(compile_test_repeat("", "f(", 20000, ""), "too deeply nested"));
  CHECK(strstr(compile_test_repeat("", "a[", 20000, ""), "too deeply nested"));
  CHECK(strstr(compile_test_repeat("", "rule \"a\" ", 20000, ""), "too deeply nested"));
  CHECK(strstr(compile_test_repeat("switch 1 { ", "[", 20000, ""), "too deeply nested"));
}

TEST(compile_long_chains_are_not_nested)
{
  CHECK_STR(compile_test_repeat("let a = 1; a", " + a", 20000, ";"), "");
  CHECK_STR(compile_test_repeat("let a = true; a", " && a", 20000, ";"), "");
  CHECK_STR(compile_test_repeat("if false {} ", "else if false {} ", 20000, ""), "");
  CHECK_STR(compile_test_repeat("let a = #{}; a.b = a; a", "?.b", 20000, ";"), "");
  CHECK_STR(compile_test_repeat("let a = [", "1, ", 20000, "];"), "");
  CHECK_STR(compile_test_repeat("", "/* ", 1000, "") + 0, "1:1 Syntax: the comment is not closed");
  CHECK_STR(compile_test_repeat("", "{} ", 20000, ""), "");
  CHECK_STR(compile_test_repeat("switch 1 { ", "1 => 2, ", 20000, "}"), "");
}

/* All at once, for the failing allocations. */
static void compile_test_work(void)
{
  static const char text[] =
      "const C = #{a: [1, 2.5, 'c', \"s\"]};\n"
      "fn f(a, b) { let c = a + b; if c > 1 { return c; } switch c { 1 | 2 => \"x\", _ => () } }\n"
      "let k = 1; let g = |x| { k += x; `t${x + k}u` };\n"
      "for (x, i) in [1, 2] { try { throw x; } catch (e) { k = e; } }\n"
      "rule \"r\" || { k = 2; C.a[0] }; export k;\n"
      "while k < 5 { k += 1; if k == 3 { continue; } }\n"
      "import \"nowhere\" as n; n::x";
  struct diags d;
  struct registry *g = registry_new();
  struct program_options o = {.registry = g, .text = str_of(text)};
  if (g && !diags_init(&d)) {
    if (!std_add(g) && !registry_add(g, compile_test_natives, BASE_COUNT(compile_test_natives)) &&
        !registry_finish(g))
      program_unref(program_load(&o, STR("t.vsl"), &d));
    diags_free(&d);
  }
  registry_free(g);
}

TEST(compile_without_memory)
{
  check_torture(compile_test_work);
}
