/* tests/unit/csv.c: tables of text, read and written. */
#include "../../smtp/format/format.h"
#include "../check.h"

/* All records of a text as "a|b/c|d"; behind a fault its message. */
static const char *csv_test(str source, char delimiter)
{
  static char text[1024];
  struct csv_record r = {.text = BUF_INIT(4096)};
  struct buf out = BUF_INIT(sizeof text);
  struct err e;
  size_t at = 0;
  int got;

  while ((got = csv_next(source, delimiter, &at, &r, &e)) > 0) {
    CHECK(r.from < r.to && r.to == at);
    if (out.n) buf_putc(&out, '/');
    for (size_t i = 0; i < r.n; i++)
      buf_printf(&out, "%s" STR_FMT, i ? "|" : "", STR_ARG(csv_field(&r, i)));
  }
  if (got < 0) buf_printf(&out, "!%s", e.text);
  snprintf(text, sizeof text, "%s", buf_cstr(&out));
  buf_free(&out);
  csv_free(&r);
  return text;
}

TEST(csv_reads)
{
  static const struct {
    str in;
    char delimiter;
    const char *want;
  } rows[] = {
      {STR_INIT(""), ',', ""},
      {STR_INIT("a,b\nc,d\n"), ',', "a|b/c|d"},
      {STR_INIT("a,b\r\nc,d"), ',', "a|b/c|d"},
      {STR_INIT("\xef\xbb\xbf"
                "a,b\n"),
       ',', "a|b"},
      {STR_INIT("\n \n\r\na\n\n"), ',', "a"},
      {STR_INIT("a, b c ,d"), ',', "a|b c|d"},
      {STR_INIT(",\n,,"), ',', "|/||"},
      {STR_INIT("\"a,b\",\"c\"\"d\",\"e\nf\""), ',', "a,b|c\"d|e\nf"},
      {STR_INIT(" \"a\" , b\"c \n"), ',', "a|b\"c"},
      {STR_INIT("x,\"\"\n\"\""), ',', "x|/"},
      {STR_INIT("root:x:0\nbin:*:1"), ':', "root|x|0/bin|*|1"},
      {STR_INIT("a\tb\t\tc"), '\t', "a|b||c"},
      {STR_INIT("a b"), ' ', "a|b"},
      {STR_INIT("\xff,\xc3\xa9"), ',', "\xff|\xc3\xa9"},
      {STR_INIT("a\n\"b\nc"), ',', "a!line 2: a quote is not closed"},
      {STR_INIT("\"a\"b,c"), ',', "!line 1: there is text behind a quoted field"},
      {STR_INIT("a,b\0c\n"), ',', "!line 1: a NUL"},
  };

  for (size_t i = 0; i < BASE_COUNT(rows); i++)
    if (!CHECK_STR(csv_test(rows[i].in, rows[i].delimiter), rows[i].want)) printf("  row %zu\n", i);
}

TEST(csv_limits)
{
  struct csv_record r = {.text = BUF_INIT(8)};
  struct buf many = BUF_INIT(4096);
  struct err e;
  size_t at = 0;

  for (int i = 0; i < LIMIT_CSV_FIELDS; i++) buf_putc(&many, ',');
  CHECK_INT(csv_next(buf_str(&many), ',', &at, &r, &e), -1);
  CHECK_STR(e.text, "line 1: too many fields");
  at = 0;
  CHECK_INT(csv_next(str_skip(buf_str(&many), 1), ',', &at, &r, &e), 1);
  CHECK_INT(r.n, LIMIT_CSV_FIELDS);
  at = 0;
  CHECK_INT(csv_next(STR("0123,456789"), ',', &at, &r, &e), -1);
  CHECK_INT(e.kind, ERR_NOMEM);
  csv_free(&r);
  buf_free(&many);
}

TEST(csv_writes_what_it_reads)
{
  static const char *const fields[] = {"plain", "with, comma", "with \"quotes\"", "two\nlines", "",
                                       "é"};
  struct datum list[BASE_COUNT(fields)];
  struct buf out = BUF_INIT(4096);
  struct err e;

  for (size_t i = 0; i < BASE_COUNT(fields); i++)
    list[i] = (struct datum){.type = DATUM_TEXT, .text = str_of(fields[i])};
  CHECK_INT(csv_put(&out, ',', list, BASE_COUNT(fields), &e), 0);
  CHECK_STR(&out, "plain,\"with, comma\",\"with \"\"quotes\"\"\",\"two\nlines\",\"\",é\n");
  CHECK_STR(csv_test(buf_str(&out), ','), "plain|with, comma|with \"quotes\"|two\nlines||é");
  list[1].text = STR("a\0b");
  CHECK_INT(csv_put(&out, ',', list, 2, &e), -1);
  CHECK_STR(e.text, "a field cannot hold a NUL");
  CHECK_INT(csv_put(&out, ',', list, 0, &e), -1);
  buf_free(&out);
}
