/* smtp/format/csv.c: tables of text. */
#include "format.h"

#define CSV_MARK STR("\xef\xbb\xbf") /* what some programs begin a file in UTF-8 with */

void csv_free(struct csv_record *r)
{
  buf_free(&r->text);
}

str csv_field(const struct csv_record *r, size_t i)
{
  return str_trim(str_sub(buf_str(&r->text), i ? r->ends[i - 1] : 0, r->ends[i]));
}

/* ---- reading --------------------------------------------------------------------------------- */

struct csv_cursor {
  str source;
  size_t at;
  char delimiter;
};

static bool csv_over(const struct csv_cursor *c)
{
  return c->at >= c->source.n;
}

static char csv_char(const struct csv_cursor *c)
{
  return csv_over(c) ? '\n' : c->source.p[c->at];
}

static bool csv_at_end(const struct csv_cursor *c) /* of a field */
{
  return csv_char(c) == c->delimiter || csv_char(c) == '\n';
}

static void csv_skip_blanks(struct csv_cursor *c)
{
  while (!csv_at_end(c) && (csv_char(c) == ' ' || csv_char(c) == '\t' || csv_char(c) == '\r'))
    c->at++;
}

static int csv_fault(const struct csv_cursor *c, const char *what, struct err *e)
{
  int line, column;
  source_position(c->source, c->at, &line, &column);
  return err_set(e, ERR_SYNTAX, "line %d: %s", line, what);
}

/* Behind the opening quote. */
static int csv_quoted(struct csv_cursor *c, struct buf *out, struct err *e)
{
  const size_t opened = c->at;
  for (;; c->at++) {
    if (csv_over(c)) {
      c->at = opened;
      return csv_fault(c, "a quote is not closed", e);
    }
    if (c->source.p[c->at] == '"') {
      c->at++;
      if (csv_over(c) || c->source.p[c->at] != '"') break;
    }
    buf_putc(out, c->source.p[c->at]);
  }
  csv_skip_blanks(c);
  return csv_at_end(c) ? 0 : csv_fault(c, "there is text behind a quoted field", e);
}

static int csv_read_field(struct csv_cursor *c, struct buf *out, struct err *e)
{
  csv_skip_blanks(c);
  if (!csv_over(c) && csv_char(c) == '"') {
    c->at++;
    return csv_quoted(c, out, e);
  }
  const size_t from = c->at;
  while (!csv_at_end(c)) c->at++;
  buf_str_add(out, str_sub(c->source, from, c->at));
  return 0;
}

static int csv_read_record(struct csv_cursor *c, struct csv_record *r, struct err *e)
{
  buf_clear(&r->text);
  for (r->n = 0;; c->at++) {
    if (r->n == LIMIT_CSV_FIELDS) return csv_fault(c, "too many fields", e);
    if (csv_read_field(c, &r->text, e) < 0) return -1;
    r->ends[r->n++] = r->text.n;
    if (csv_over(c) || csv_char(c) == '\n') break;
  }
  c->at += !csv_over(c);
  if (r->text.n && memchr(r->text.p, 0, r->text.n)) {
    c->at = r->from;
    return csv_fault(c, "a NUL", e);
  }
  return buf_ok(&r->text) ? 0 : err_nomem(e);
}

int csv_next(str source, char delimiter, size_t *at, struct csv_record *r, struct err *e)
{
  struct csv_cursor c = {source, *at, delimiter};
  if (c.at == 0 && str_starts(source, CSV_MARK)) c.at = CSV_MARK.n;
  for (;;) {
    r->from = c.at;
    csv_skip_blanks(&c);
    if (csv_over(&c)) break;
    if (csv_char(&c) == '\n') {
      c.at++;
      continue;
    }
    if (csv_read_record(&c, r, e) < 0) return -1;
    r->to = *at = c.at;
    return 1;
  }
  *at = c.at;
  return 0;
}

/* ---- writing --------------------------------------------------------------------------------- */

static bool csv_needs_quotes(str field, char delimiter)
{
  if (field.n == 0 || str_chr(field, delimiter) >= 0 || str_trim(field).n != field.n) return true;
  if (str_chr(field, '\n') >= 0 || str_chr(field, '\r') >= 0) return true;
  return str_chr(field, '"') >= 0 || str_starts(field, CSV_MARK);
}

static void csv_put_quoted(struct buf *out, str field)
{
  buf_putc(out, '"');
  for (size_t i = 0; i < field.n; i++) {
    if (field.p[i] == '"') buf_putc(out, '"');
    buf_putc(out, field.p[i]);
  }
  buf_putc(out, '"');
}

int csv_put(struct buf *out, char delimiter, const struct datum *fields, size_t n, struct err *e)
{
  if (n == 0 || n > LIMIT_CSV_FIELDS)
    return err_set(e, ERR_PERM, "a record has 1 to %d fields", LIMIT_CSV_FIELDS);
  for (size_t i = 0; i < n; i++) {
    const str field = fields[i].text;
    if (field.n && memchr(field.p, 0, field.n))
      return err_set(e, ERR_PERM, "a field cannot hold a NUL");
    if (i) buf_putc(out, delimiter);
    if (csv_needs_quotes(field, delimiter))
      csv_put_quoted(out, field);
    else
      buf_str_add(out, field);
  }
  buf_putc(out, '\n');
  return buf_ok(out) ? 0 : err_nomem(e);
}
#undef CSV_MARK
