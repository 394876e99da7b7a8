/* base/err.c: errors that travel, and faults found in files an operator wrote.
 */
#include "base.h"

#include <errno.h>

/* ---- one error ------------------------------------------------------------------------------- */

static void err_format(struct err *e, const char *fmt, va_list ap)
{
  if (vsnprintf(e->text, sizeof e->text, fmt, ap) < 0) e->text[0] = '\0';
}

static void err_append(struct err *e, const char *text)
{
  size_t n = strlen(e->text);
  snprintf(e->text + n, sizeof e->text - n, "%s", text);
}

int err_set(struct err *e, enum err_kind kind, const char *fmt, ...)
{
  if (!e) return -1;
  va_list ap;
  va_start(ap, fmt);
  err_format(e, fmt, ap);
  va_end(ap);
  e->kind = kind;
  return -1;
}

static enum err_kind err_sys_kind(int errnum)
{
  switch (errnum) {
  case ENOSPC:
  case EDQUOT: return ERR_FULL;
  case ENOMEM: return ERR_NOMEM;
  default: return ERR_IO;
  }
}

int err_sys(struct err *e, int errnum, const char *fmt, ...)
{
  if (!e) return -1;
  va_list ap;
  va_start(ap, fmt);
  err_format(e, fmt, ap);
  va_end(ap);
  err_append(e, ": ");
  err_append(e, strerror(errnum));
  e->kind = err_sys_kind(errnum);
  return -1;
}

int err_nomem(struct err *e)
{
  return err_set(e, ERR_NOMEM, "out of memory");
}

int err_context(struct err *e, const char *fmt, ...)
{
  if (!e) return -1;
  char inner[ERR_TEXT_MAX];
  snprintf(inner, sizeof inner, "%s", e->text);
  va_list ap;
  va_start(ap, fmt);
  err_format(e, fmt, ap);
  va_end(ap);
  err_append(e, ": ");
  err_append(e, inner);
  return -1;
}

/* ---- positions ------------------------------------------------------------------------------- */

void source_position(str source, size_t offset, int *line, int *column)
{
  str before = str_sub(source, 0, offset), piece = before;
  *line = 0;
  while (str_cut(&before, '\n', &piece)) ++*line;
  if (*line == 0) *line = 1;
  *column = (int)utf8_len(piece) + 1;
}

str source_line(str source, int line)
{
  str piece = {NULL, 0};
  for (; line > 0; line--)
    if (!str_cut(&source, '\n', &piece)) return (str){NULL, 0};
  if (str_ends(piece, STR("\r"))) piece.n--;
  return piece;
}

/* ---- diagnostics ----------------------------------------------------------------------------- */

#define DIAGS_MAX      100
#define DIAGS_LINE_MAX 400 /* bytes of a source line shown */

int diags_init(struct diags *d)
{
  *d = (struct diags){.arena = arena_new(0)};
  return d->arena ? 0 : -1;
}

void diags_free(struct diags *d)
{
  arena_free(d->arena);
  *d = (struct diags){0};
}

static struct diag *diags_new(struct diags *d)
{
  if (d->n == d->size) {
    size_t size = d->size ? 2 * d->size : 8;
    struct diag *list = arena_alloc(d->arena, size * sizeof *list);
    if (!list) return NULL;
    if (d->n) memcpy(list, d->list, d->n * sizeof *list);
    d->list = list;
    d->size = size;
  }
  return &d->list[d->n++];
}

/* A line too long for a terminal is shown only if the fault lies in the part that fits. */
static str diags_shown(str source, int line, int column)
{
  str shown = line > 0 ? source_line(source, line) : (str){NULL, 0};
  if (shown.n <= DIAGS_LINE_MAX) return shown;
  shown.n = DIAGS_LINE_MAX;
  while (shown.n && (shown.p[shown.n] & 0xc0) == 0x80) shown.n--;
  return column >= 1 && (size_t)column <= utf8_len(shown) ? shown : (str){NULL, 0};
}

void diags_add(struct diags *d, bool warning, str file, str source, int line, int column,
               const char *fmt, ...)
{
  *(warning ? &d->warnings : &d->errors) += 1;
  struct diag *g = d->n < DIAGS_MAX ? diags_new(d) : NULL;
  if (!g) return;
  char text[ERR_TEXT_MAX];
  va_list ap;
  va_start(ap, fmt);
  if (vsnprintf(text, sizeof text, fmt, ap) < 0) text[0] = '\0';
  va_end(ap);
  str shown = diags_shown(source, line, column);
  *g = (struct diag){.warning = warning, .line = line, .column = column};
  g->file = arena_str(d->arena, file);
  g->text = arena_str(d->arena, str_of(text));
  if (shown.p) g->source = arena_str(d->arena, shown);
}

/* Terminals obey control characters; a file's text must not. */
static void diag_plain(struct buf *out, str s)
{
  for (size_t i = 0; i < s.n; i++) {
    unsigned char c = (unsigned char)s.p[i];
    buf_putc(out, (c < 0x20 && c != '\t') || c == 0x7f ? '?' : (char)c);
  }
}

/* The caret stands under the column whatever a TAB's width is: TABs are repeated. */
static void diag_caret(struct buf *out, str source, int column)
{
  for (int i = 1; i < column; i++) {
    int32_t c = source.n ? utf8_next(&source) : ' ';
    buf_putc(out, c == '\t' ? '\t' : ' ');
  }
  buf_puts(out, "^\n");
}

void diag_text(const struct diag *g, struct buf *out)
{
  diag_plain(out, g->file);
  if (g->line > 0) buf_printf(out, ":%d:%d", g->line, g->column);
  buf_puts(out, g->warning ? ": warning: " : ": ");
  diag_plain(out, g->text);
  buf_putc(out, '\n');
  if (!g->source.p || g->line <= 0) return;
  diag_plain(out, g->source);
  buf_putc(out, '\n');
  diag_caret(out, g->source, g->column);
}

void diags_print(const struct diags *d, FILE *out)
{
  for (size_t i = 0; i < d->n; i++) {
    struct buf text = BUF_INIT(4096);
    diag_text(&d->list[i], &text);
    fwrite(buf_cstr(&text), 1, text.n, out);
    buf_free(&text);
  }
  size_t more = d->errors + d->warnings - d->n;
  if (more) fprintf(out, "and %zu more\n", more);
}
#undef DIAGS_MAX
#undef DIAGS_LINE_MAX
