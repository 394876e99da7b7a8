/* tests/unit/toml.c: the corpus of TOML documents with what each should give, and the positions.
 *
 * tests/corpus/toml/ok-*.toml begins with "#= JSON", bad-*.toml with "#! LINE:COLUMN MESSAGE" of
 * its first fault. A time is written @TIME in that JSON.
 */
#include "../check.h"

#include <dirent.h>
#include <math.h>

#define TOML_CORPUS "tests/corpus/toml"

static void toml_dump(const struct toml *t, struct buf *out)
{
  switch (t->type) {
  case TOML_STRING: buf_json(out, t->text); return;
  case TOML_INT: buf_printf(out, "%lld", (long long)t->integer); return;
  case TOML_BOOL: buf_puts(out, t->boolean ? "true" : "false"); return;
  case TOML_DATETIME: buf_printf(out, "@" STR_FMT, STR_ARG(t->text)); return;
  case TOML_FLOAT:
    if (isnan(t->real))
      buf_puts(out, "nan");
    else if (t->real == floor(t->real) && fabs(t->real) < 1e15)
      buf_printf(out, "%.1f", t->real);
    else
      buf_printf(out, "%.15g", t->real);
    return;
  default: break;
  }
  bool table = t->type == TOML_TABLE;
  buf_putc(out, table ? '{' : '[');
  for (const struct toml *c = t->child; c; c = c->next) {
    if (c != t->child) buf_putc(out, ',');
    if (table) {
      buf_json(out, c->key);
      buf_putc(out, ':');
    }
    toml_dump(c, out);
  }
  buf_putc(out, table ? '}' : ']');
}

static void toml_expect_good(str name, str want, const struct toml *root, const struct diags *d)
{
  struct buf got = BUF_INIT(1 << 16);
  for (size_t i = 0; i < d->n; i++) {
    diag_text(&d->list[i], &got);
    buf_str_add(&got, name);
  }
  if (root) toml_dump(root, &got);
  if (!CHECK_STR(&got, want)) printf("     in " STR_FMT "\n", STR_ARG(name));
  buf_free(&got);
}

static void toml_expect_bad(str name, str want, const struct toml *root, const struct diags *d)
{
  struct buf got = BUF_INIT(4096);
  str position = want;
  str_cut(&want, ' ', &position);
  if (d->n > 0) buf_printf(&got, "%d:%d", d->list[0].line, d->list[0].column);
  bool good = CHECK_STR(&got, position) && CHECK(!root) && CHECK(d->n > 0) &&
              CHECK(str_find(d->list[0].text, want) >= 0);
  if (!good)
    printf("     in " STR_FMT ": " STR_FMT "\n", STR_ARG(name),
           STR_ARG(d->n > 0 ? d->list[0].text : STR("no fault")));
  buf_free(&got);
}

static void toml_expect(str name, str source)
{
  struct arena *a = arena_new(0);
  struct diags d;
  str rest = source, first;
  if (str_starts(rest, STR("\xef\xbb\xbf"))) rest = str_skip(rest, 3);
  if (!CHECK(a && diags_init(&d) == 0) || !CHECK(str_cut(&rest, '\n', &first))) return;
  const struct toml *root = toml_parse(a, name, source, &d);
  if (CHECK(str_starts(first, STR("#= ")) || str_starts(first, STR("#! "))))
    (first.p[1] == '=' ? toml_expect_good : toml_expect_bad)(name, str_skip(first, 3), root, &d);
  diags_free(&d);
  arena_free(a);
}

TEST(toml_corpus)
{
  DIR *folder = opendir(TOML_CORPUS);
  if (!CHECK(folder)) return;
  int seen = 0;
  for (struct dirent *entry; (entry = readdir(folder));) {
    str name = str_of(entry->d_name);
    if (!str_starts(name, STR("ok-")) && !str_starts(name, STR("bad-"))) continue;
    char path[512];
    struct buf source = BUF_INIT(0);
    struct err e;
    snprintf(path, sizeof path, TOML_CORPUS "/%s", entry->d_name);
    if (CHECK(file_read(str_of(path), 1 << 20, &source, &e) == 0))
      toml_expect(name, buf_str(&source));
    buf_free(&source);
    seen++;
  }
  closedir(folder);
  CHECK(seen > 150);
}

TEST(toml_reports_several_faults)
{
  static const char text[] = "a = yes\n"
                             "b = 1\n"
                             "[server\n"
                             "c = [\n"
                             "  oops\n"
                             "  , 2 ]\n"
                             "d = 01\n"
                             "b = 3\n"
                             "[e]\n"
                             "f = \"\n";
  static const int lines[] = {1, 3, 5, 7, 10};
  struct arena *a = arena_new(0);
  struct diags d;
  CHECK(diags_init(&d) == 0);
  CHECK(!toml_parse(a, STR("x"), str_of(text), &d));
  CHECK_INT(d.n, BASE_COUNT(lines));
  for (size_t i = 0; i < d.n && i < BASE_COUNT(lines); i++) CHECK_INT(d.list[i].line, lines[i]);
  diags_free(&d);
  arena_free(a);
}

TEST(toml_knows_where_things_stand)
{
  struct arena *a = arena_new(0);
  struct diags d;
  CHECK(diags_init(&d) == 0);
  const struct toml *root = toml_parse(a, STR("x"), STR("[a]\n  ö = 1\n"), &d);
  CHECK(!root); /* ö needs quotes */
  root = toml_parse(a, STR("x"), STR("[a]\n  \"ö\" = [ 1,\n 'x' ]\n[[b.c]]\n"), &d);
  const struct toml *table = toml_get(root, STR("a")), *list = toml_get(table, STR("ö"));
  if (CHECK(table && list && list->n == 2)) {
    CHECK_INT(table->line * 100 + table->column, 102);
    CHECK_INT(list->key_line * 100 + list->key_column, 203);
    CHECK_INT(list->line * 100 + list->column, 209);
    CHECK_INT(list->child->next->line * 100 + list->child->next->column, 302);
  }
  CHECK(toml_get(toml_get(root, STR("b")), STR("c"))->child->line == 4);
  diags_free(&d);
  arena_free(a);
}

static void toml_torture_work(void)
{
  struct arena *a = arena_new(0);
  struct diags d = {0};
  if (a && diags_init(&d) == 0)
    toml_parse(a, STR("x"), STR("[a]\nb.c = { d = [1, 2.5, \"x\\n\", '''y'''], e = 07:00:00 }\nx"),
               &d);
  diags_free(&d);
  arena_free(a);
}

TEST(toml_survives_failing_memory)
{
  check_torture(toml_torture_work);
}
