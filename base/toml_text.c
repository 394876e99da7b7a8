/* base/toml_text.c: TOML 1.0, the cursor and the four kinds of strings. */
#include "toml.h"

/* ---- the cursor ------------------------------------------------------------------------------ */

void toml_text_place(struct toml_reader *r, const char *at, int *line, int *column)
{
  if (at < r->place) { /* only after an error */
    r->place = r->source.p;
    r->line = r->column = 1;
  }
  str rest = {r->place, (size_t)(at - r->place)};
  while (rest.n > 0) {
    if (*rest.p == '\n') {
      r->line++;
      r->column = 1;
      rest = str_skip(rest, 1);
    } else {
      utf8_next(&rest);
      r->column++;
    }
  }
  r->place = at;
  *line = r->line;
  *column = r->column;
}

int toml_text_fail(struct toml_reader *r, const char *at, const char *fmt, ...)
{
  char text[ERR_TEXT_MAX];
  int line, column;
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  toml_text_place(r, at, &line, &column);
  diags_add(r->diags, false, r->file, r->source, line, column, "%s", text);
  return -1;
}

int toml_text_nomem(struct toml_reader *r)
{
  diags_add(r->diags, false, r->file, (str){NULL, 0}, 0, 0, "cannot read it: no memory");
  return -1;
}

bool toml_text_at(const struct toml_reader *r, char c)
{
  return r->p < r->end && *r->p == c;
}

bool toml_text_at_newline(const struct toml_reader *r)
{
  return toml_text_at(r, '\n') || (toml_text_at(r, '\r') && r->p + 1 < r->end && r->p[1] == '\n');
}

void toml_text_blank(struct toml_reader *r)
{
  while (toml_text_at(r, ' ') || toml_text_at(r, '\t')) r->p++;
}

int toml_text_newline(struct toml_reader *r)
{
  if (r->p == r->end) return 0;
  if (toml_text_at_newline(r)) {
    r->p += *r->p == '\r' ? 2 : 1;
    return 0;
  }
  if (*r->p == '\r')
    return toml_text_fail(r, r->p, "a carriage return without a line feed behind it");
  return toml_text_fail(r, r->p, "the line should end here");
}

/* Control characters but TAB are refused everywhere (TOML "Comment", "String"). */
static bool toml_text_is_control(char c)
{
  return ((unsigned char)c < 0x20 && c != '\t') || c == 0x7f;
}

static int toml_text_control(struct toml_reader *r)
{
  return toml_text_fail(r, r->p, "the control character 0x%02x is not allowed here",
                        (unsigned)(unsigned char)*r->p);
}

int toml_text_comment(struct toml_reader *r)
{
  if (!toml_text_at(r, '#')) return 0;
  while (r->p < r->end && !toml_text_at_newline(r)) {
    if (toml_text_is_control(*r->p)) return toml_text_control(r);
    r->p++;
  }
  return 0;
}

int toml_text_blank_lines(struct toml_reader *r)
{
  for (;;) {
    toml_text_blank(r);
    if (toml_text_comment(r)) return -1;
    if (r->p == r->end || (*r->p != '\n' && *r->p != '\r')) return 0;
    if (toml_text_newline(r)) return -1;
  }
}

/* ---- strings --------------------------------------------------------------------------------- */

/* \uXXXX and \UXXXXXXXX: p stands behind the letter. */
static int toml_text_unicode(struct toml_reader *r, int digits, struct buf *out)
{
  const char *start = r->p - 2;
  uint64_t code = 0;
  str hex = {r->p, (size_t)(r->end - r->p)};
  hex = str_sub(hex, 0, (size_t)digits);
  for (size_t i = 0; i < hex.n; i++)
    if (!str_isdigit(hex.p[i]) && !(str_lower(hex.p[i]) >= 'a' && str_lower(hex.p[i]) <= 'f'))
      hex.n = i;
  if ((int)hex.n < digits || str_to_u64(hex, &code, 16))
    return toml_text_fail(r, start, "\\%c wants %d hexadecimal digits", start[1], digits);
  if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
    return toml_text_fail(r, start, "there is no character U+%04llX", (unsigned long long)code);
  buf_utf8(out, (int32_t)code);
  r->p += digits;
  return 0;
}

/* A backslash that ends its line swallows all blanks and line ends up to the next character. */
static int toml_text_continuation(struct toml_reader *r, const char *start)
{
  toml_text_blank(r);
  if (!toml_text_at_newline(r))
    return toml_text_fail(r, start, "nothing but blanks may follow a \\ that continues a line");
  while (toml_text_at(r, ' ') || toml_text_at(r, '\t') || toml_text_at_newline(r)) r->p++;
  return 0;
}

static int toml_text_escape(struct toml_reader *r, bool lines, struct buf *out)
{
  static const char letters[] = "btnfr\"\\", bytes[] = "\b\t\n\f\r\"\\";
  const char *start = r->p++;
  if (r->p == r->end) return toml_text_fail(r, start, "the text ends within a string");
  char c = *r->p;
  const char *known = c ? strchr(letters, c) : NULL;
  if (lines && (c == ' ' || c == '\t' || c == '\n' || c == '\r'))
    return toml_text_continuation(r, start);
  r->p++;
  if (known) {
    buf_putc(out, bytes[known - letters]);
    return 0;
  }
  if (c == 'u') return toml_text_unicode(r, 4, out);
  if (c == 'U') return toml_text_unicode(r, 8, out);
  return toml_text_fail(r, start,
                        "unknown escape; write \\\\ for a backslash, or use '…' where it means "
                        "nothing special");
}

/* The end of a long string: up to two quotes may stand before the closing three. */
static bool toml_text_long_end(struct toml_reader *r, char quote, struct buf *out)
{
  int run = 0;
  while (run < 5 && r->p + run < r->end && r->p[run] == quote) run++;
  for (int i = 0; i < (run < 3 ? run : run - 3); i++) buf_putc(out, quote);
  r->p += run;
  return run >= 3;
}

static int toml_text_long(struct toml_reader *r, char quote, struct buf *out)
{
  const char *start = r->p;
  r->p += 3;
  r->broken = true;
  if (toml_text_at_newline(r)) r->p += *r->p == '\r' ? 2 : 1;
  while (r->p < r->end) {
    char c = *r->p;
    if (c == quote) {
      if (!toml_text_long_end(r, quote, out)) continue;
      r->broken = r->depth > 0;
      return 0;
    } else if (c == '\\' && quote == '"') {
      if (toml_text_escape(r, true, out)) return -1;
    } else if (toml_text_at_newline(r)) { /* of either kind, it is the same text */
      toml_text_newline(r);
      buf_putc(out, '\n');
    } else if (toml_text_is_control(c)) {
      return toml_text_control(r);
    } else {
      buf_putc(out, c);
      r->p++;
    }
  }
  return toml_text_fail(r, start, "this string is never closed");
}

static int toml_text_short(struct toml_reader *r, char quote, struct buf *out)
{
  const char *start = r->p++;
  while (r->p < r->end && !toml_text_at_newline(r)) {
    char c = *r->p;
    if (c == quote) {
      r->p++;
      return 0;
    } else if (c == '\\' && quote == '"') {
      if (toml_text_escape(r, false, out)) return -1;
    } else if (toml_text_is_control(c)) {
      return toml_text_control(r);
    } else {
      buf_putc(out, c);
      r->p++;
    }
  }
  return toml_text_fail(r, start, "this string is not closed on its line");
}

int toml_text_string(struct toml_reader *r, bool key, str *out)
{
  char quote = *r->p;
  bool is_long = r->end - r->p >= 3 && r->p[1] == quote && r->p[2] == quote;
  /* No escape makes a string longer than it is written. */
  struct buf text = BUF_INIT((size_t)(r->end - r->p) + 1);
  int result;
  if (key && is_long)
    result = toml_text_fail(r, r->p, "a key cannot be a string of three quotes");
  else if (is_long)
    result = toml_text_long(r, quote, &text);
  else
    result = toml_text_short(r, quote, &text);
  if (result == 0) {
    *out = arena_str(r->arena, buf_str(&text));
    if (!buf_ok(&text) || !out->p) result = toml_text_nomem(r);
  }
  buf_free(&text);
  return result;
}
