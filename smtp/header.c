/* smtp/header.c: the header block of a message, in memory and editable (RFC 5322 §2.2). */
#include "header.h"

#define HEADER_FOLD 78 /* RFC 5322 §2.1.1: a line should be no longer */

static bool header_is_space(char c)
{
  return c == ' ' || c == '\t';
}

/* Length of the field name at the start of line and in *colon the offset of its colon. */
static size_t header_name_length(str line, size_t *colon)
{
  size_t n = 0;

  while (n < line.n && line.p[n] > ' ' && line.p[n] < 0x7f && line.p[n] != ':') n++;
  *colon = n;
  while (*colon < line.n && header_is_space(line.p[*colon])) ++*colon;
  return *colon < line.n && line.p[*colon] == ':' ? n : 0;
}

bool header_line_starts_field(str line)
{
  size_t colon;

  return header_name_length(line, &colon) > 0;
}

/* Opens a gap of n fields at position at. */
static struct header_field *header_gap(struct header *h, size_t at, size_t n, struct err *e)
{
  if (h->n + n > LIMIT_HEADER_FIELDS) {
    err_set(e, ERR_PERM, "more than %d header fields", LIMIT_HEADER_FIELDS);
    return NULL;
  }
  if (h->n + n > h->size) {
    size_t size = h->size ? h->size * 2 : 16;
    struct header_field *fields;

    while (size < h->n + n) size *= 2;
    fields = arena_alloc(h->arena, size * sizeof *fields);
    if (!fields) {
      err_nomem(e);
      return NULL;
    }
    if (h->n) memcpy(fields, h->fields, h->n * sizeof *fields);
    h->fields = fields;
    h->size = size;
  }
  memmove(h->fields + at + n, h->fields + at, (h->n - at) * sizeof *h->fields);
  h->n += n;
  return h->fields + at;
}

static int header_room(const struct header *h, size_t more, struct err *e)
{
  if (h->octets + more > LIMIT_HEADER_BYTES)
    return err_set(e, ERR_PERM, "header block over %d octets", LIMIT_HEADER_BYTES);
  return 0;
}

/* Puts raw (in the arena already) as field number at. */
static int header_insert(struct header *h, size_t at, str raw, struct err *e)
{
  struct header_field *f;
  size_t colon;

  if (header_room(h, raw.n, e) < 0) return -1;
  f = header_gap(h, at, 1, e);
  if (!f) return -1;
  f->raw = raw;
  f->name = str_sub(raw, 0, header_name_length(raw, &colon));
  h->octets += raw.n;
  return 0;
}

/* ---- reading ------------------------------------------------------------------------------------
 */

static int header_continue(struct header *h, str line, struct err *e)
{
  struct header_field *f = &h->fields[h->n - 1];
  str raw;

  if (header_room(h, line.n, e) < 0) return -1;
  raw = arena_printf(h->arena, STR_FMT STR_FMT, STR_ARG(f->raw), STR_ARG(line));
  if (!raw.p) return err_nomem(e);
  h->octets += line.n;
  f->name = str_sub(raw, 0, f->name.n);
  f->raw = raw;
  return 0;
}

int header_line(struct header *h, str line, struct err *e)
{
  if (line.n > 0 && header_is_space(line.p[0])) return h->n ? header_continue(h, line, e) : 1;
  if (!header_line_starts_field(line)) return 1;
  line = arena_str(h->arena, line);
  return line.p ? header_insert(h, h->n, line, e) : err_nomem(e);
}

/* One field with its continuation lines from the front of *block. */
static str header_cut(str *block)
{
  size_t n = 0;

  for (;;) {
    const char *lf = memchr(block->p + n, '\n', block->n - n);
    n = lf ? (size_t)(lf - block->p) + 1 : block->n;
    if (n == block->n || !header_is_space(block->p[n])) break;
  }
  str field = str_sub(*block, 0, n);
  *block = str_skip(*block, n);
  return field;
}

int header_parse(struct header *h, str block, struct err *e)
{
  block = arena_str(h->arena, block);
  if (!block.p) return err_nomem(e);
  while (block.n > 0) {
    str raw = header_cut(&block);

    if (!header_line_starts_field(raw)) return err_set(e, ERR_SYNTAX, "malformed header block");
    if (header_insert(h, h->n, raw, e) < 0) return -1;
  }
  return 0;
}

size_t header_count(const struct header *h, str name)
{
  size_t n = 0;

  for (size_t i = 0; i < h->n; i++) n += str_ieq(h->fields[i].name, name);
  return n;
}

const struct header_field *header_find(const struct header *h, str name, size_t nth)
{
  for (size_t i = 0; i < h->n; i++)
    if (str_ieq(h->fields[i].name, name) && nth-- == 0) return &h->fields[i];
  return NULL;
}

str header_value(const struct header_field *f, struct arena *a)
{
  size_t colon, n = 0;
  char *to;

  header_name_length(f->raw, &colon);
  to = arena_alloc(a, f->raw.n + 1);
  if (!to) return (str){NULL, 0};
  for (size_t i = colon + 1; i < f->raw.n; i++)
    if (f->raw.p[i] != '\r' && f->raw.p[i] != '\n') to[n++] = f->raw.p[i];
  return str_trim((str){to, n});
}

void header_write(const struct header *h, struct buf *out)
{
  for (size_t i = 0; i < h->n; i++) buf_str_add(out, h->fields[i].raw);
}

/* ---- making fields ------------------------------------------------------------------------------
 */

static int header_check(str name, str value, struct err *e)
{
  for (size_t i = 0; i < name.n; i++)
    if (name.p[i] <= ' ' || name.p[i] >= 0x7f || name.p[i] == ':') name.n = 0;
  if (name.n == 0) return err_set(e, ERR_PERM, "not a header field name");
  for (size_t i = 0; i < value.n; i++) {
    char c = value.p[i];

    if (c == '\0') return err_set(e, ERR_PERM, "NUL in the value of header field");
    if (c == '\r' && i + 1 < value.n && value.p[i + 1] == '\n') continue;
    if (c == '\r' || (c == '\n' && (i + 1 == value.n || !header_is_space(value.p[i + 1]))))
      return err_set(e, ERR_PERM, "a line end in a header value must be followed by a space");
  }
  return 0;
}

/* Where to break a line of s that is at column col already: offset of the space, or s.n. */
static size_t header_break(str s, size_t col)
{
  size_t best = 0;

  for (size_t i = 0; i < s.n; i++) {
    if (header_is_space(s.p[i]) && i > 0) {
      if (col + i > HEADER_FOLD && best) return best;
      best = i;
    }
    if (col + i >= HEADER_FOLD && best) return best;
  }
  return s.n;
}

static void header_fold(struct buf *out, str line, size_t col)
{
  while (col + line.n > HEADER_FOLD) {
    size_t n = header_break(line, col);

    buf_str_add(out, str_sub(line, 0, n));
    line = str_skip(line, n);
    if (line.n == 0) return;
    buf_puts(out, "\r\n");
    col = 0;
  }
  buf_str_add(out, line);
}

/* The raw field of name and value, in the arena of h; p NULL on failure. */
static str header_make(struct header *h, str name, str value, struct err *e)
{
  struct buf out = BUF_INIT(LIMIT_HEADER_BYTES);
  str line, rest = value, raw = {NULL, 0};
  size_t col = name.n + 2;

  if (header_check(name, value, e) < 0) return raw;
  buf_str_add(&out, name);
  buf_puts(&out, ": ");
  while (str_cut(&rest, '\n', &line)) {
    if (line.n > 0 && line.p[line.n - 1] == '\r') line.n--;
    header_fold(&out, line, col);
    buf_puts(&out, "\r\n");
    col = 0;
  }
  if (value.n == 0 && !str_ends(buf_str(&out), STR("\n"))) buf_puts(&out, "\r\n");
  if (buf_ok(&out)) raw = arena_str(h->arena, buf_str(&out));
  if (!raw.p) err_set(e, ERR_NOMEM, "no room for header field " STR_FMT, STR_ARG(name));
  buf_free(&out);
  return raw;
}

int header_append(struct header *h, str name, str value, struct err *e)
{
  str raw = header_make(h, name, value, e);
  return raw.p ? header_insert(h, h->n, raw, e) : -1;
}

int header_prepend(struct header *h, str name, str value, struct err *e)
{
  str raw = header_make(h, name, value, e);
  return raw.p ? header_insert(h, 0, raw, e) : -1;
}

int header_set(struct header *h, str name, str value, struct err *e)
{
  str raw = header_make(h, name, value, e);

  if (!raw.p) return -1;
  for (size_t i = 0; i < h->n; i++) {
    if (!str_ieq(h->fields[i].name, name)) continue;
    if (header_room(h, raw.n, e) < 0) return -1;
    h->octets += raw.n - h->fields[i].raw.n;
    h->fields[i].raw = raw;
    h->fields[i].name = str_sub(raw, 0, name.n);
    return 0;
  }
  return header_insert(h, h->n, raw, e);
}

void header_remove_at(struct header *h, size_t i)
{
  h->octets -= h->fields[i].raw.n;
  h->n--;
  memmove(h->fields + i, h->fields + i + 1, (h->n - i) * sizeof *h->fields);
}

size_t header_remove(struct header *h, str name)
{
  size_t before = h->n;

  for (size_t i = h->n; i-- > 0;)
    if (str_ieq(h->fields[i].name, name)) header_remove_at(h, i);
  return before - h->n;
}

int header_join(struct header *front, struct header *h, struct err *e)
{
  if (front->n == 0) return 0;
  if (header_room(h, front->octets, e) < 0 || !header_gap(h, 0, front->n, e)) return -1;
  memcpy(h->fields, front->fields, front->n * sizeof *h->fields);
  h->octets += front->octets;
  return 0;
}

/* ---- address lists: RFC 5322 §3.4 ---------------------------------------------------------------
 */

/* The next element of an address list from *rest: up to a comma outside quotes, comments and angle
 * brackets. */
static bool header_list_cut(str *rest, str *item)
{
  size_t depth = 0, i;
  bool quoted = false;

  if (!rest->p) return false;
  for (i = 0; i < rest->n; i++) {
    char c = rest->p[i];

    if (c == '\\' && i + 1 < rest->n)
      i++;
    else if (c == '"')
      quoted = !quoted;
    else if (quoted)
      continue;
    else if (c == '(' || c == '<')
      depth++;
    else if ((c == ')' || c == '>') && depth)
      depth--;
    else if (c == ',' && depth == 0)
      break;
  }
  *item = str_trim(str_sub(*rest, 0, i));
  *rest = i < rest->n ? str_skip(*rest, i + 1) : (str){NULL, 0};
  return true;
}

/* The mailbox an element names: what stands in its angle brackets, or all of it. */
static str header_list_mailbox(str item)
{
  ptrdiff_t open = str_rchr(item, '<'), close = str_rchr(item, '>');

  if (open >= 0 && close > open) return str_sub(item, (size_t)open + 1, (size_t)close);
  return item;
}

/* RFC 5321 §2.4: the domain without, the local part with regard to case. */
static bool header_same_mailbox(str a, str b)
{
  ptrdiff_t at = str_rchr(a, '@');

  if (at < 0 || a.n != b.n) return str_eq(a, b);
  return str_eq(str_sub(a, 0, (size_t)at), str_sub(b, 0, (size_t)at)) &&
         str_ieq(str_skip(a, (size_t)at), str_skip(b, (size_t)at));
}

/* Writes the list again without `old` and with `fresh` in its place, where these are given. */
static int header_list_edit(struct header *h, str field, str old, str fresh, struct err *e)
{
  const struct header_field *f = header_find(h, field, 0);
  struct buf out = BUF_INIT(LIMIT_HEADER_BYTES);
  str rest, item;
  bool changed = false;
  int rc = 0;

  if (!f) return 0;
  rest = header_value(f, h->arena);
  if (!rest.p) return err_nomem(e);
  while (header_list_cut(&rest, &item)) {
    bool hit = header_same_mailbox(header_list_mailbox(item), old);

    changed |= hit;
    if (hit) item = fresh;
    if (item.n == 0) continue;
    if (out.n) buf_puts(&out, ", ");
    buf_str_add(&out, item);
  }
  if (!buf_ok(&out))
    rc = err_nomem(e);
  else if (changed && out.n == 0)
    header_remove(h, field);
  else if (changed)
    rc = header_set(h, field, buf_str(&out), e);
  buf_free(&out);
  return rc;
}

int header_list_add(struct header *h, str field, str address, struct err *e)
{
  const struct header_field *f = header_find(h, field, 0);
  str old, list;

  if (!f) return header_append(h, field, address, e);
  old = header_value(f, h->arena);
  list = old.n ? arena_printf(h->arena, STR_FMT ", " STR_FMT, STR_ARG(old), STR_ARG(address))
               : address;
  return old.p && list.p ? header_set(h, field, list, e) : err_nomem(e);
}

int header_list_remove(struct header *h, str field, str address, struct err *e)
{
  return header_list_edit(h, field, address, (str){NULL, 0}, e);
}

int header_list_replace(struct header *h, str field, str old, str address, struct err *e)
{
  return header_list_edit(h, field, old, address, e);
}
#undef HEADER_FOLD
