/* tests/unit/err.c: errors with context, positions, diagnostics as printed. */
#include "../check.h"

#include <errno.h>

TEST(err_set_and_context)
{
  struct err e = {0};
  CHECK_INT(err_set(&e, ERR_SYNTAX, "bad %s", "word"), -1);
  CHECK_INT(e.kind, ERR_SYNTAX);
  CHECK_STR(e.text, "bad word");
  CHECK_INT(err_context(&e, "line %d", 7), -1);
  CHECK_INT(e.kind, ERR_SYNTAX);
  CHECK_STR(e.text, "line 7: bad word");
  CHECK_INT(err_nomem(&e), -1);
  CHECK_INT(e.kind, ERR_NOMEM);
  CHECK_INT(err_set(NULL, ERR_IO, "nobody listens"), -1);
  CHECK_INT(err_sys(NULL, EIO, "nobody listens"), -1);
  CHECK_INT(err_context(NULL, "nobody listens"), -1);
}

TEST(err_sys_kinds)
{
  struct err e;
  err_sys(&e, ENOSPC, "cannot write %s", "x");
  CHECK_INT(e.kind, ERR_FULL);
  CHECK_STR(e.text, "cannot write x: No space left on device");
  err_sys(&e, EDQUOT, "x");
  CHECK_INT(e.kind, ERR_FULL);
  err_sys(&e, ENOMEM, "x");
  CHECK_INT(e.kind, ERR_NOMEM);
  err_sys(&e, EACCES, "x");
  CHECK_INT(e.kind, ERR_IO);
}

TEST(err_is_bounded)
{
  struct err e;
  err_set(&e, ERR_BUG, "%2000s", "");
  CHECK_INT(strlen(e.text), ERR_TEXT_MAX - 1);
  err_context(&e, "%2000s", "");
  CHECK_INT(strlen(e.text), ERR_TEXT_MAX - 1);
  err_sys(&e, EIO, "%2000s", "");
  CHECK_INT(strlen(e.text), ERR_TEXT_MAX - 1);
}

TEST(err_positions)
{
  static const struct {
    size_t offset;
    int line, column;
  } cases[] = {{0, 1, 1}, {1, 1, 2}, {2, 1, 3}, {3, 2, 1},  {4, 2, 2},
               {6, 2, 3}, {7, 3, 1}, {8, 3, 2}, {100, 3, 3}};
  str source = STR("ab\n\t\xc3\xa9\nxy");
  for (size_t i = 0; i < BASE_COUNT(cases); i++) {
    int line = 0, column = 0;
    source_position(source, cases[i].offset, &line, &column);
    CHECK_INT(line, cases[i].line);
    CHECK_INT(column, cases[i].column);
  }
  int line = 0, column = 0;
  source_position((str){NULL, 0}, 0, &line, &column);
  CHECK_INT(line, 1);
  CHECK_INT(column, 1);
  CHECK_STR(source_line(source, 2), "\t\xc3\xa9");
  CHECK_STR(source_line(STR("a\r\nb"), 1), "a");
  CHECK(!source_line(source, 4).p);
  CHECK(!source_line(source, 0).p);
  CHECK(!source_line((str){NULL, 0}, 1).p);
  CHECK(source_line(STR("a\n"), 2).p != NULL);
}

static void err_show(struct buf *out, bool warning, str source, int line, int column,
                     const char *text)
{
  struct diags d;
  if (diags_init(&d)) return;
  diags_add(&d, warning, STR("f.vsl"), source, line, column, "%s", text);
  buf_clear(out);
  if (CHECK_INT(d.n, 1)) diag_text(&d.list[0], out);
  diags_free(&d);
}

TEST(err_diag_text)
{
  struct buf out = BUF_INIT(4096);
  err_show(&out, false, STR("one\n\tx \xc3\xa9 y\r\nend"), 2, 5, "no y");
  CHECK_STR(&out, "f.vsl:2:5: no y\n\tx \xc3\xa9 y\n\t   ^\n");
  err_show(&out, true, STR("one"), 1, 1, "odd");
  CHECK_STR(&out, "f.vsl:1:1: warning: odd\none\n^\n");
  err_show(&out, false, STR("one"), 0, 0, "missing");
  CHECK_STR(&out, "f.vsl: missing\n");
  err_show(&out, false, STR("one"), 9, 1, "beyond");
  CHECK_STR(&out, "f.vsl:9:1: beyond\n");
  err_show(&out, false, STR("x\x1b[2J"), 1, 2, "bell \a");
  CHECK_STR(&out, "f.vsl:1:2: bell ?\nx?[2J\n ^\n");
  err_show(&out, false, STR("ab"), 1, 4, "behind the end");
  CHECK_STR(&out, "f.vsl:1:4: behind the end\nab\n   ^\n");
  buf_free(&out);
}

TEST(err_diag_long_lines)
{
  struct buf source = BUF_INIT(100000), out = BUF_INIT(4096);
  for (int i = 0; i < 10000; i++) buf_puts(&source, "\xc3\xa9");
  err_show(&out, false, buf_str(&source), 1, 10, "shown");
  CHECK(utf8_valid(buf_str(&out)));
  CHECK(out.n > 400 && out.n < 600);
  err_show(&out, false, buf_str(&source), 1, 5000, "not shown");
  CHECK_STR(&out, "f.vsl:1:5000: not shown\n");
  buf_free(&source);
  buf_free(&out);
}

TEST(err_diags_are_bounded)
{
  struct diags d;
  if (!CHECK_INT(diags_init(&d), 0)) return;
  for (int i = 0; i < 250; i++) diags_add(&d, i % 5 == 0, STR("f"), STR("x"), 1, 1, "number %d", i);
  CHECK_INT(d.n, 100);
  CHECK_INT(d.errors, 200);
  CHECK_INT(d.warnings, 50);
  CHECK_STR(d.list[99].text, "number 99");
  char *text = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&text, &size);
  diags_print(&d, out);
  fclose(out);
  CHECK(str_ends((str){text, size}, STR("\nand 150 more\n")));
  free(text);
  diags_free(&d);
}

static void err_diags_work(void)
{
  struct diags d;
  if (diags_init(&d)) return;
  for (int i = 0; i < 30; i++)
    diags_add(&d, false, STR("f"), STR("some source"), 1, 1, "number %d", i);
  CHECK_INT(d.errors, 30);
  struct buf out = BUF_INIT(4096);
  for (size_t i = 0; i < d.n; i++) diag_text(&d.list[i], &out);
  buf_free(&out);
  diags_free(&d);
}

TEST(err_diags_torture)
{
  check_torture(err_diags_work);
}
