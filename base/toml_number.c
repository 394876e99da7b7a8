/* base/toml_number.c: TOML 1.0, values that are one word: integers, floats, booleans, times. */
#include <errno.h>
#include <math.h>

#include "toml.h"

/* A word that begins like a number and is none: often a text without its quotes. */
static int toml_number_bad(struct toml_reader *r, str word)
{
  bool text = false;
  for (size_t i = 0; i < word.n; i++)
    if (str_isalpha(word.p[i]) || word.p[i] == ':') text = true;
  if (text)
    return toml_text_fail(r, word.p,
                          "'" STR_FMT "' is no number; a text stands in quotes: \"" STR_FMT "\"",
                          STR_ARG(word), STR_ARG(word));
  return toml_text_fail(r, word.p, "'" STR_FMT "' is no number", STR_ARG(word));
}

/* Skips digits with single underscores between them, copies the digits; false if none. */
static bool toml_number_digits(str *s, struct buf *out)
{
  bool any = false;
  while (s->n > 0) {
    size_t skip = any && *s->p == '_' ? 1 : 0;
    if (s->n <= skip || !str_isdigit(s->p[skip])) break;
    buf_putc(out, s->p[skip]);
    *s = str_skip(*s, skip + 1);
    any = true;
  }
  return any;
}

static bool toml_number_take(str *s, const char *any_of, struct buf *out)
{
  if (s->n == 0 || *s->p == 0 || !strchr(any_of, *s->p)) return false;
  if (out) buf_putc(out, *s->p);
  *s = str_skip(*s, 1);
  return true;
}

/* dec-int of the grammar: an optional sign, digits, no zero in front of others. */
static bool toml_number_decimal(str *s, struct buf *out)
{
  toml_number_take(s, "+-", out);
  bool zero = s->n > 0 && *s->p == '0';
  size_t before = out->n;
  return toml_number_digits(s, out) && !(zero && out->n - before > 1);
}

/* ---- integers -------------------------------------------------------------------------------- */

/* Removes the underscores of a number of another base; false if one stands wrong. */
static bool toml_number_unscore(str s, struct buf *out)
{
  for (size_t i = 0; i < s.n; i++) {
    bool last = i + 1 == s.n;
    if (s.p[i] != '_')
      buf_putc(out, s.p[i]);
    else if (i == 0 || last || s.p[i - 1] == '_')
      return false;
  }
  return s.n > 0 && s.p[0] != '+' && s.p[0] != '-';
}

static int toml_number_based(struct toml_reader *r, str word, int base, struct toml *out)
{
  struct buf digits = BUF_INIT(word.n + 1);
  uint64_t value = 0;
  bool good = toml_number_unscore(str_skip(word, 2), &digits);
  for (size_t i = 0; good && i < digits.n; i++) {
    char c = str_lower(digits.p[i]);
    int digit = str_isdigit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : 99;
    good = digit < base;
  }
  bool memory = buf_ok(&digits);
  bool fits = good && memory && str_to_u64(buf_str(&digits), &value, base) == 0 &&
              value <= (uint64_t)INT64_MAX;
  buf_free(&digits);
  if (!memory) return toml_text_nomem(r);
  if (!good)
    return toml_text_fail(r, word.p, "'" STR_FMT "' is no number of base %d", STR_ARG(word), base);
  if (!fits) return toml_text_fail(r, word.p, "the number does not fit into 64 bits");
  out->type = TOML_INT;
  out->integer = (int64_t)value;
  return 0;
}

static int toml_number_base_of(str word)
{
  if (str_starts(word, STR("0x"))) return 16;
  if (str_starts(word, STR("0o"))) return 8;
  if (str_starts(word, STR("0b"))) return 2;
  return 10;
}

/* ---- decimal integers and floats ------------------------------------------------------------- */

/* float = dec-int (exp / "." digits [exp]); digits receives what strtod needs. */
static bool toml_number_is_float(str word, struct buf *digits)
{
  str s = word;
  if (!toml_number_decimal(&s, digits) || s.n == 0) return false;
  if (toml_number_take(&s, ".", digits) && !toml_number_digits(&s, digits)) return false;
  if (toml_number_take(&s, "eE", digits)) {
    toml_number_take(&s, "+-", digits);
    if (!toml_number_digits(&s, digits)) return false;
  }
  return s.n == 0;
}

static bool toml_number_is_special(str word, double *value)
{
  bool minus = str_starts(word, STR("-"));
  str name = str_skip(word, minus || str_starts(word, STR("+")) ? 1 : 0);
  if (str_eq(name, STR("inf")))
    *value = (double)INFINITY;
  else if (str_eq(name, STR("nan")))
    *value = (double)NAN;
  else
    return false;
  if (minus) *value = -*value;
  return true;
}

static int toml_number_float(struct toml_reader *r, str word, struct toml *out)
{
  struct buf digits = BUF_INIT(word.n + 1);
  int result = 0;
  out->type = TOML_FLOAT;
  if (!toml_number_is_special(word, &out->real)) {
    if (!toml_number_is_float(word, &digits))
      result = toml_number_bad(r, word);
    else if (!buf_ok(&digits))
      result = toml_text_nomem(r);
    else if (isinf(out->real = strtod(buf_cstr(&digits), NULL)))
      result = toml_text_fail(r, word.p, "the number is too large");
  }
  buf_free(&digits);
  return result;
}

static int toml_number_integer(struct toml_reader *r, str word, struct toml *out)
{
  struct buf digits = BUF_INIT(word.n + 1);
  str s = word;
  int result = 0;
  out->type = TOML_INT;
  bool plain = toml_number_decimal(&s, &digits);
  if (s.n > 0 || !str_isdigit(word.p[word.n - 1]))
    result = toml_number_bad(r, word);
  else if (!plain)
    result = toml_text_fail(r, word.p, "a number must not begin with a zero");
  else if (!buf_ok(&digits))
    result = toml_text_nomem(r);
  else if (str_to_i64(buf_str(&digits), &out->integer))
    result = toml_text_fail(r, word.p, "the number does not fit into 64 bits");
  buf_free(&digits);
  return result;
}

/* ---- dates and times (RFC 3339) -------------------------------------------------------------- */

/* Takes exactly n digits; -1 if they are not there. */
static int toml_number_field(str *s, int n)
{
  int value = 0;
  for (int i = 0; i < n; i++) {
    if (s->n == 0 || !str_isdigit(*s->p)) return -1;
    value = value * 10 + (*s->p - '0');
    *s = str_skip(*s, 1);
  }
  return value;
}

static bool toml_number_between(int value, int low, int high)
{
  return value >= low && value <= high;
}

static bool toml_number_date(str *s)
{
  static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  int year = toml_number_field(s, 4);
  if (year < 0 || !toml_number_take(s, "-", NULL)) return false;
  int month = toml_number_field(s, 2);
  if (!toml_number_between(month, 1, 12) || !toml_number_take(s, "-", NULL)) return false;
  bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  int last = days[month - 1] + (month == 2 && leap ? 1 : 0);
  return toml_number_between(toml_number_field(s, 2), 1, last);
}

static bool toml_number_time(str *s)
{
  if (!toml_number_between(toml_number_field(s, 2), 0, 23) || !toml_number_take(s, ":", NULL))
    return false;
  if (!toml_number_between(toml_number_field(s, 2), 0, 59) || !toml_number_take(s, ":", NULL))
    return false;
  if (!toml_number_between(toml_number_field(s, 2), 0, 60)) return false; /* 60: a leap second */
  if (!toml_number_take(s, ".", NULL)) return true;
  if (toml_number_field(s, 1) < 0) return false;
  while (s->n > 0 && str_isdigit(*s->p)) *s = str_skip(*s, 1);
  return true;
}

static bool toml_number_offset(str *s)
{
  if (toml_number_take(s, "Zz", NULL)) return true;
  if (!toml_number_take(s, "+-", NULL)) return false;
  return toml_number_between(toml_number_field(s, 2), 0, 23) && toml_number_take(s, ":", NULL) &&
         toml_number_between(toml_number_field(s, 2), 0, 59);
}

static bool toml_number_is_time(str word)
{
  str s = word;
  if (word.n > 2 && word.p[2] == ':') return toml_number_time(&s) && s.n == 0;
  if (!toml_number_date(&s)) return false;
  if (s.n == 0) return true;
  if (!toml_number_take(&s, "Tt ", NULL) || !toml_number_time(&s)) return false;
  return s.n == 0 || (toml_number_offset(&s) && s.n == 0);
}

static int toml_number_datetime(struct toml_reader *r, str word, struct toml *out)
{
  if (!toml_number_is_time(word))
    return toml_text_fail(r, word.p, "'" STR_FMT "' is no date or time", STR_ARG(word));
  out->type = TOML_DATETIME;
  out->text = arena_str(r->arena, word);
  return out->text.p ? 0 : toml_text_nomem(r);
}

/* ---- one word -------------------------------------------------------------------------------- */

static bool toml_number_is_word(char c)
{
  return str_isalnum(c) || (c && strchr("_+-.:", c));
}

static bool toml_number_looks_dated(str word)
{
  return (word.n > 4 && word.p[4] == '-' && str_isdigit(word.p[3])) ||
         (word.n > 2 && word.p[2] == ':' && str_isdigit(word.p[1]));
}

/* The word at the cursor; a blank may stand for the T between a date and a time. */
static str toml_number_word(struct toml_reader *r)
{
  const char *start = r->p;
  while (r->p < r->end && toml_number_is_word(*r->p)) r->p++;
  if (r->p - start == 10 && start[4] == '-' && r->end - r->p > 3 && *r->p == ' ' &&
      str_isdigit(r->p[1]) && str_isdigit(r->p[2]) && r->p[3] == ':') {
    r->p++;
    while (r->p < r->end && toml_number_is_word(*r->p)) r->p++;
  }
  return (str){start, (size_t)(r->p - start)};
}

/* What stands there is no value: most often a text without its quotes. */
static int toml_number_unquoted(struct toml_reader *r, const char *start)
{
  const char *stop = start;
  while (stop < r->end && !strchr(",]}#\r\n", *stop)) stop++;
  str text = str_trim((str){start, (size_t)(stop - start)});
  if (text.n == 0) return toml_text_fail(r, start, "a value is missing here");
  if (str_ieq(text, STR("true")) || str_ieq(text, STR("false")))
    return toml_text_fail(r, start, "true and false are written in small letters");
  return toml_text_fail(r, start, "this is no value; a text stands in quotes: \"" STR_FMT "\"",
                        STR_ARG(text));
}

int toml_number_read(struct toml_reader *r, struct toml *out)
{
  str word = toml_number_word(r);
  char first = word.n > 0 ? *word.p : 0;
  double special;
  if (str_eq(word, STR("true")) || str_eq(word, STR("false"))) {
    out->type = TOML_BOOL;
    out->boolean = word.n == 4;
    return 0;
  }
  if (toml_number_is_special(word, &special)) return toml_number_float(r, word, out);
  if (!str_isdigit(first) && first != '+' && first != '-') return toml_number_unquoted(r, word.p);
  if (toml_number_looks_dated(word)) return toml_number_datetime(r, word, out);
  if (toml_number_base_of(word) != 10)
    return toml_number_based(r, word, toml_number_base_of(word), out);
  if (str_chr(word, '.') >= 0 || str_chr(word, 'e') >= 0 || str_chr(word, 'E') >= 0)
    return toml_number_float(r, word, out);
  return toml_number_integer(r, word, out);
}
