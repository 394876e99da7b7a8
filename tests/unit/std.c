/* tests/unit/std.c: the library at its limits: what costs much is refused, and stays refused. */
#include "../../rules/api.h"
#include "../../rules/vsl/vsl.h"
#include "../check.h"

static void std_print(void *ctx, bool debug, str text)
{
  if (!debug) buf_str_add(ctx, text);
}

static char std_path[512]; /* of the script */

static void std_write(const char *source)
{
  snprintf(std_path, sizeof std_path, "%s/t.vsl", check_folder());
  FILE *file = fopen(std_path, "w");
  if (!CHECK(file != NULL)) return;
  fputs(source, file);
  fclose(file);
}

/* Runs source under tight limits; out gets what it prints, then its first fault. */
static void std_run(const char *source, struct buf *out)
{
  struct registry *g = rules_registry();
  struct diags d;
  std_write(source);
  if (CHECK(g && !diags_init(&d))) {
    const struct program_options o = {
        .registry = g,
        .limits = {.steps = 200000, .memory = 2 << 20, .string = 100000, .items = 1000},
        .script = true,
        .print = std_print,
        .print_ctx = out};
    struct program *p = program_load(&o, str_of(std_path), &d);
    if (!p && CHECK(d.n)) buf_str_add(out, d.list[0].text);
    program_unref(p);
    diags_free(&d);
  }
  registry_free(g);
}

static void std_ends(const char *source, const char *want)
{
  struct buf out = BUF_INIT(1 << 16);
  std_run(source, &out);
  if (!CHECK(str_find(buf_str(&out), str_of(want)) >= 0))
    printf("  %s\n  gave: " STR_FMT "\n", source, STR_ARG(buf_str(&out)));
  buf_free(&out);
}

/* What grows by doubling meets the limit of its kind, and no catch hides it. */
TEST(std_growth_is_refused)
{
  static const char *const grow[] = {"s += s",
                                     "s.append(s)",
                                     "s.pad(s.len * 2, 'x')",
                                     "s.replace('a', \"aa\")",
                                     "s = `${s}${s}`",
                                     "s = s + s",
                                     "a += a",
                                     "a.append(a)",
                                     "a.splice(0, 0, a)",
                                     "a = a + a",
                                     "a.pad(a.len * 2, 0)",
                                     "a.insert(0, 1); a.append(a)",
                                     "a.push(a)",
                                     "s += [s, s]",
                                     "m[s] = 1; s += s",
                                     "a = [a, a]; s = a.to_string()",
                                     "a = [a, a]; s = #{a: a}.to_json()",
                                     "a = s.split(\"\"); s += s",
                                     "a = s.to_chars(); s += s",
                                     "a = blob(a.len() * 1000)"};
  for (size_t i = 0; i < BASE_COUNT(grow); i++) {
    char source[512];
    snprintf(source, sizeof source,
             "let s = \"a\"; let a = [1]; let m = #{};\n"
             "try { for i in 0..100000 { %s; } } catch { print(\"caught\"); }",
             grow[i]);
    std_ends(source, "ErrorDataTooLarge");
  }
}

/* What costs much in one call is charged to the budget of steps before it is done. */
TEST(std_work_is_charged)
{
  static const char *const work[] = {"s.index_of(\"b\")",
                                     "s.replace('b', 'c')",
                                     "s.contains(\"b\")",
                                     "s.to_upper()",
                                     "s.split(\"b\")",
                                     "s.split_rev(\"b\")",
                                     "a.contains(2)",
                                     "a == b",
                                     "a.index_of(7)",
                                     "a.sort()",
                                     "a.reverse()",
                                     "let x = a; x.dedup()",
                                     "a.extract(0)",
                                     "m == n",
                                     "m.keys()",
                                     "m.values()",
                                     "m.to_json()",
                                     "a.to_string()",
                                     "parse_json(j)",
                                     "s.sub_string(1)",
                                     "m + n",
                                     "let x = b; x[0] = 2",
                                     "let x = b; x += 2",
                                     "let x = m; x.k1 = 2",
                                     "let x = m; x.k1 += 2",
                                     "let x = [b]; x[0][0] += 1",
                                     "s[0] = 'b'",
                                     "u[44999]",
                                     "b + []",
                                     "s == t",
                                     "s < t",
                                     "[s, s].sort()",
                                     "[s] == [t]",
                                     "t in [s]",
                                     "s - \"b\"",
                                     "s.remove(\"b\")",
                                     "a.shift(); a.push(1)",
                                     "a.insert(0, 1); a.pop()"};
  for (size_t i = 0; i < BASE_COUNT(work); i++) {
    char source[768];
    snprintf(source, sizeof source,
             "let s = \"a\"; s.pad(90000, 'a'); let t = s; t += 'b'; t.pop(); let u = \"\"; "
             "u.pad(45000, \"é\"); let a = []; "
             "a.pad(900, 1); let b = a.map(|x| x);\n"
             "let m = #{}; for i in 0..900 { m[`k${i}`] = i; } let n = m; n.k0 = 0;\n"
             "let j = m.to_json();\n"
             "for i in 0..12000 { %s; }",
             work[i]);
    std_ends(source, "ErrorTooManyOperations");
  }
}

TEST(std_arguments_without_sense_are_refused)
{
  std_ends("let s = \"\"; s.pad(9223372036854775807, \"ab\");", "ErrorDataTooLarge");
  std_ends("let a = []; a.pad(9223372036854775807, 1);", "ErrorDataTooLarge");
  std_ends("blob(9223372036854775807)", "ErrorDataTooLarge");
  std_ends("print(\"abc\".sub_string(-9223372036854775808, 9223372036854775807))", "abc");
  std_ends("print([1, 2].extract(-9223372036854775808, 9223372036854775807))", "[1, 2]");
  std_ends("print([1, 2].extract(9223372036854775807..9223372036854775807))", "[]");
  std_ends("print(\"abc\".get(-9223372036854775808) == ())", "true");
  std_ends("print(\"abc\".split(-9223372036854775808))", "[\"\", \"abc\"]");
  std_ends("print([3].index_of(3, -9223372036854775808))", "0");
  std_ends("let s = \"abc\"; s.truncate(9223372036854775807); print(s)", "abc");
  std_ends("let s = \"abc\"; print(s.pop(9223372036854775807))", "abc");
}

static const char std_script[] =
    "let s = \"é x,y\";\n"
    "s.append(1.5); s.replace(\"x\", \"long text\"); s.make_upper(); s.pad(40, \"ab\"); s.trim(); "
    "s.crop(1, 30);\n"
    "let a = s.split(\",\"); a += s.split(\"\"); a.push([s.to_lower(), 'c', ()]); a.insert(1, #{a: "
    "1});\n"
    "a = a.map(|x| type_of(x)).filter(|x| x != \"map\"); a.sort(); a.dedup();\n"
    "a.sort(|x, y| x.len - y.len); a.for_each(|i| this += i); a.retain(|x| x.len > 2);\n"
    "let m = #{b: a, c: 1..3, f: |x| x}; m += #{z: 1}; m.fill_with(#{q: 2}); m.remove(\"z\");\n"
    "m.drain(|k| k == \"f\"); m.keys().reduce(|x, k| x + k, \"\");\n"
    "let t = m.to_string() + m.to_debug() + m.to_json();\n"
    "parse_json(\"{\\\"a\\\":[1,\\\"\\\\u00e9\\\",{\\\"b\\\":null}]}\") == #{};\n"
    "a.splice(0, 1, [1, 2]); a.drain(0, 1); a.zip(a, |x, y| `${x}${y}`); a.order_by(|x, y| 0);\n"
    "try { parse_int(\"x\"); } catch (e) { print(e.message); }\n"
    "try { [1].frobnicate(); } catch (e) { print(e.message); }\n"
    "for c in s.chars(0, 3) { print(c); } for i in range(0, 6, 2) { print(i); }\n";

static void std_torture(void)
{
  struct buf out = BUF_INIT(1 << 16);
  struct registry *g = rules_registry();
  struct diags d;
  const struct vsl_limits limits = {.steps = 100000};
  if (g && !diags_init(&d)) {
    const struct program_options o = {
        .registry = g, .limits = limits, .script = true, .print = std_print, .print_ctx = &out};
    program_unref(program_load(&o, str_of(std_path), &d));
    diags_free(&d);
  }
  registry_free(g);
  buf_free(&out);
}

/* A script that uses most of the library, while each allocation in turn fails. */
TEST(std_survives_failing_memory)
{
  std_write(std_script);
  check_torture(std_torture);
}
