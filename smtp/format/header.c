/* smtp/format/header.c: the header block of a message, in memory and editable (RFC 5322 §2.2). */
#include "format.h"

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
  *f = (struct header_field){.name = str_sub(raw, 0, header_name_length(raw, &colon)), .raw = raw};
  h->octets += raw.n;
  return 0;
}

/* ---- reading --------------------------------------------------------------------------------- */

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

struct header_field *header_find(const struct header *h, str name, size_t nth)
{
  for (size_t i = 0; i < h->n; i++)
    if (str_ieq(h->fields[i].name, name) && nth-- == 0) return &h->fields[i];
  return NULL;
}

str header_value(struct header_field *f, struct arena *a)
{
  size_t colon, n = 0;
  char *to;

  if (f->value.p) return f->value;
  header_name_length(f->raw, &colon);
  str folded = str_trim(str_skip(f->raw, colon + 1));
  to = memchr(folded.p, '\n', folded.n) ? arena_alloc(a, folded.n + 1) : NULL;
  if (!to) return f->value = folded;
  for (size_t i = 0; i < folded.n; i++)
    if (folded.p[i] != '\r' && folded.p[i] != '\n') to[n++] = folded.p[i];
  return f->value = (str){to, n};
}

void header_write(const struct header *h, struct buf *out)
{
  for (size_t i = 0; i < h->n; i++) buf_str_add(out, h->fields[i].raw);
}

/* ---- making fields --------------------------------------------------------------------------- */

/* The raw field of name and value, in the arena of h; p NULL on failure. */
static str header_make(struct header *h, str name, str value, struct err *e)
{
  str raw = {NULL, 0};

  if (header_room(h, name.n + value.n + 4, e) < 0) return raw;
  raw = arena_printf(h->arena, STR_FMT ": " STR_FMT "\r\n", STR_ARG(name), STR_ARG(value));
  if (!raw.p) err_nomem(e);
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

bool header_replace(struct header *h, struct header_field f)
{
  for (size_t i = 0; i < h->n; i++) {
    if (!str_ieq(h->fields[i].name, f.name)) continue;
    h->octets += f.raw.n - h->fields[i].raw.n;
    h->fields[i] = f;
    return true;
  }
  return false;
}

int header_set(struct header *h, str name, str value, struct err *e)
{
  str raw = header_make(h, name, value, e);

  if (!raw.p) return -1;
  struct header_field f = {.name = str_sub(raw, 0, name.n), .raw = raw, .set = true};
  if (header_replace(h, f)) return 0;
  if (header_insert(h, h->n, raw, e) < 0) return -1;
  h->fields[h->n - 1].set = true;
  return 0;
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

int header_join(const struct header *front, struct header *h, struct err *e)
{
  if (front->n == 0) return 0;
  if (header_room(h, front->octets, e) < 0 || !header_gap(h, 0, front->n, e)) return -1;
  memcpy(h->fields, front->fields, front->n * sizeof *h->fields);
  h->octets += front->octets;
  return 0;
}
