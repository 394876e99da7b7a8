/* smtp/conf/alias_file.c: files of aliases(5), as sendmail and Postfix read them.
 *
 *   name: target, target,     a logical line begins with what is no white space,
 *     target                  and goes on in lines that begin with white space
 *   # a comment               lines of comments and empty lines may stand anywhere
 *   "a name": \alice, (remark) bob@elsewhere.example
 */
#include "conf.h"

#include "../format/format.h"

#define ALIAS_FILE_FAULTS 20 /* by then the file is of another kind */

struct alias_file {
  str file, source;
  struct arena *arena;
  struct diags *diags;
  struct aliases *table;
  size_t at, end; /* what is left of the physical line, in source */
  struct alias entry;
  size_t size;     /* room for targets */
  bool open;       /* an entry is being read, */
  bool want_comma; /* and its last target has no comma behind it yet */
  size_t faults;   /* there were before it */
};

static void alias_file_fail(struct alias_file *f, size_t at, const char *fmt, ...)
    BASE_PRINTF(3, 4);
static void alias_file_fail(struct alias_file *f, size_t at, const char *fmt, ...)
{
  char text[ERR_TEXT_MAX];
  int line, column;
  va_list ap;

  va_start(ap, fmt);
  if (vsnprintf(text, sizeof text, fmt, ap) < 0) text[0] = '\0';
  va_end(ap);
  source_position(f->source, at, &line, &column);
  diags_add(f->diags, false, f->file, f->source, line, column, "%s", text);
}

static void alias_file_nomem(struct alias_file *f)
{
  diags_add(f->diags, false, f->file, (str){NULL, 0}, 0, 0, "no memory for the aliases");
}

static bool alias_file_more(const struct alias_file *f)
{
  return f->at < f->end;
}

static char alias_file_char(const struct alias_file *f)
{
  return f->source.p[f->at];
}

/* ---- words ----------------------------------------------------------------------------------- */

/* White space and (remarks), which nest; false when one does not end in its line. */
static bool alias_file_skip(struct alias_file *f)
{
  size_t from = f->at;
  int depth = 0;

  for (; alias_file_more(f); f->at++) {
    char c = alias_file_char(f);
    if (depth && c == '\\') {
      f->at++;
    } else if (c == '(') {
      if (depth++ == 0) from = f->at;
    } else if (depth && c == ')') {
      depth--;
    } else if (!depth && !str_isspace(c)) {
      return true;
    }
  }
  if (f->at > f->end) f->at = f->end;
  if (depth) alias_file_fail(f, from, "a remark in parentheses does not end in its line");
  return depth == 0;
}

/* The quoted string at hand is passed; false when it does not end in its line. */
static bool alias_file_quoted(struct alias_file *f)
{
  size_t from = f->at;

  for (f->at++; alias_file_more(f); f->at++) {
    char c = alias_file_char(f);
    if (c == '"') {
      f->at++;
      return true;
    }
    if (c == '\\') f->at++;
  }
  f->at = f->end;
  alias_file_fail(f, from, "a quote does not end in its line");
  return false;
}

/* One word up to white space or one of the ends; false after a fault. A word of which every part is
 * quoted may hold them: "|command with arguments". */
static bool alias_file_word(struct alias_file *f, const char *ends, str *out)
{
  size_t from = f->at;

  while (alias_file_more(f)) {
    char c = alias_file_char(f);
    if (str_isspace(c) || (c && strchr(ends, c))) break;
    if (c != '"') {
      if (c == '\\' && f->at + 1 < f->end) f->at++;
      f->at++;
    } else if (!alias_file_quoted(f)) {
      return false;
    }
  }
  *out = str_sub(f->source, from, f->at);
  return true;
}

/* "alice" is alice; quotes that are needed stay: "joe smith" is a local part (RFC 5321 §4.1.2). */
static str alias_file_bare(struct alias_file *f, str word)
{
  str bare = {NULL, 0};

  if (word.n < 3 || word.p[0] != '"' || word.p[word.n - 1] != '"') return word;
  bare = addr_unquote(word, f->arena);
  if (bare.n == 0) return word;
  return memchr("|/:\\", bare.p[0], 4) || !alias_name_fault(bare, f->arena) ? bare : word;
}

/* ---- entries --------------------------------------------------------------------------------- */

static void alias_file_close(struct alias_file *f)
{
  struct alias *e = &f->entry;

  if (!f->open) return;
  f->open = f->want_comma = false;
  if (e->n == 0 && f->diags->errors == f->faults)
    diags_add(f->diags, false, f->file, f->source, e->line, e->column,
              "mail for " STR_FMT " would go nowhere", STR_ARG(e->address));
  if (e->n && alias_add(f->table, e, f->arena)) alias_file_nomem(f);
}

static bool alias_file_add(struct alias_file *f, str target)
{
  size_t size = f->size ? 2 * f->size : 8;
  struct alias *e = &f->entry;

  if (e->n == f->size || f->size == 0) {
    str *list = arena_alloc(f->arena, size * sizeof *list);
    if (!list) return false;
    if (e->n) memcpy(list, e->targets, e->n * sizeof *list);
    e->targets = list;
    f->size = size;
  }
  e->targets[e->n++] = target;
  return true;
}

static void alias_file_target(struct alias_file *f, size_t at, str word)
{
  bool of_domain = str_starts(f->entry.address, STR("@"));
  str target = alias_file_bare(f, word);
  const char *fault = NULL;

  if (target.p[0] == '<')
    alias_file_fail(f, at, "write the address alone, without name and angle brackets");
  else if (f->want_comma)
    alias_file_fail(f, at, "a comma is missing before this; a comment needs a line of its own");
  else if ((fault = alias_target_fault(target, of_domain, f->arena)) != NULL)
    alias_file_fail(f, at, "%s", fault);
  else if (!alias_file_add(f, target))
    alias_file_nomem(f);
}

/* Targets up to the end of the line; after a fault the rest of it is passed over. */
static void alias_file_targets(struct alias_file *f)
{
  size_t before = f->diags->errors;

  while (f->diags->errors == before && alias_file_skip(f) && alias_file_more(f)) {
    size_t at = f->at;
    str word;

    if (alias_file_char(f) == ',') {
      f->want_comma = false;
      f->at++;
    } else if (alias_file_word(f, ",(", &word)) {
      alias_file_target(f, at, word);
      f->want_comma = f->diags->errors == before;
    }
  }
}

static void alias_file_begin(struct alias_file *f)
{
  size_t at = f->at;
  const char *fault;
  str word;

  alias_file_close(f);
  f->faults = f->diags->errors;
  f->size = 0;
  if (!alias_file_word(f, ":(", &word)) return;
  f->entry = (struct alias){.address = alias_file_bare(f, word), .file = f->file};
  f->entry.source = f->source;
  source_position(f->source, at, &f->entry.line, &f->entry.column);
  if (!alias_file_skip(f)) return;
  if (!alias_file_more(f) || alias_file_char(f) != ':') {
    alias_file_fail(f, at, "an alias has the form \"name: target, target\"");
    return;
  }
  f->at++;
  fault = alias_name_fault(f->entry.address, f->arena);
  if (fault) alias_file_fail(f, at, "%s", fault);
  if (fault) return;
  f->open = true;
  alias_file_targets(f);
}

/* ---- the file -------------------------------------------------------------------------------- */

static void alias_file_line(struct alias_file *f)
{
  str line = str_sub(f->source, f->at, f->end);
  str text = str_trim(line);

  if (text.n == 0 || text.p[0] == '#') return;
  if (!str_isspace(line.p[0]))
    alias_file_begin(f);
  else if (f->open)
    alias_file_targets(f);
  else if (f->diags->errors == f->faults)
    alias_file_fail(f, f->at,
                    "a line that begins with white space goes on with the one before, "
                    "and there is none");
}

int alias_file_parse(struct aliases *t, str file, str source, struct arena *a, struct diags *d)
{
  struct alias_file f = {.file = file, .source = source, .arena = a, .diags = d, .table = t};
  size_t before = f.faults = d->errors;

  while (f.at < source.n && d->errors < before + ALIAS_FILE_FAULTS) {
    ptrdiff_t lf = str_chr(str_skip(source, f.at), '\n');
    size_t next = lf < 0 ? source.n : f.at + (size_t)lf + 1;

    f.end = lf < 0 ? source.n : next - 1;
    alias_file_line(&f);
    f.at = next;
  }
  alias_file_close(&f);
  return d->errors == before ? 0 : -1;
}
#undef ALIAS_FILE_FAULTS
