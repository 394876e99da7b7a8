/* base/toml.c: TOML 1.0: keys, arrays and tables; the entry of the reader.
 *
 * A table remembers how it came about (struct toml.defined), and that decides who may add to it:
 *
 *   came about by              [header] again   header below it   dotted key   [[header]]
 *   IMPLICIT  [x.y] made x     once             yes               yes          no
 *   HEADER    [x], [[x]]'s x   no               yes               no           no
 *   DOTTED    x.y = 1 made x   no               yes               yes          no
 *   CLOSED    { } or [ ]       no               no                no           no
 *   LIST      [[x]]            no               its last element  no           yes
 *
 * After a fault reading goes on at the next line, so that several are found at once.
 */
#include "toml.h"

enum { TOML_IMPLICIT, TOML_HEADER, TOML_DOTTED, TOML_CLOSED, TOML_LIST };

static const char *const toml_type_names[] = {"string",       "integer", "float", "boolean",
                                              "date or time", "array",   "table"}; /* ORDER TOML */

const char *toml_type_name(enum toml_type t)
{
  return toml_type_names[t];
}

struct toml *toml_get(const struct toml *table, str key)
{
  if (!table || table->type != TOML_TABLE) return NULL;
  for (struct toml *t = table->child; t; t = t->next)
    if (str_eq(t->key, key)) return t;
  return NULL;
}

/* ---- nodes ----------------------------------------------------------------------------------- */

static struct toml *toml_node(struct toml_reader *r, enum toml_type type, int line, int column)
{
  struct toml *t = arena_alloc(r->arena, sizeof *t);
  if (!t) {
    toml_text_nomem(r);
    return NULL;
  }
  t->type = type;
  t->line = line;
  t->column = column;
  return t;
}

static void toml_append(struct toml *parent, struct toml *child)
{
  struct toml **end = &parent->child;
  while (*end) end = &(*end)->next;
  *end = child;
  parent->n++;
}

static struct toml *toml_last(const struct toml *array)
{
  struct toml *t = array->child;
  while (t && t->next) t = t->next;
  return t;
}

/* ---- keys ------------------------------------------------------------------------------------ */

struct toml_key {
  str part[TOML_DEPTH];
  int line[TOML_DEPTH], column[TOML_DEPTH];
  const char *at[TOML_DEPTH];
  int n;
};

static bool toml_is_bare(char c)
{
  return str_isalnum(c) || c == '_' || c == '-';
}

/* What stands here belongs to no key. */
static int toml_key_bad(struct toml_reader *r, const char *what)
{
  bool letter = r->p < r->end && (unsigned char)*r->p >= 0x80;
  return toml_text_fail(r, r->p, "%s",
                        letter ? "a key with letters like this stands in quotes" : what);
}

static int toml_key_part(struct toml_reader *r, str *part)
{
  const char *start = r->p;
  if (toml_text_at(r, '"') || toml_text_at(r, '\'')) return toml_text_string(r, true, part);
  while (r->p < r->end && toml_is_bare(*r->p)) r->p++;
  *part = (str){start, (size_t)(r->p - start)};
  return part->n > 0 ? 0 : toml_key_bad(r, "a key is missing here");
}

/* key = part *( "." part ), blanks around the dots allowed. */
static int toml_key_read(struct toml_reader *r, struct toml_key *k)
{
  k->n = 0;
  for (;;) {
    toml_text_blank(r);
    if (k->n == TOML_DEPTH)
      return toml_text_fail(r, r->p, "a key has at most %d parts", TOML_DEPTH);
    k->at[k->n] = r->p;
    toml_text_place(r, r->p, &k->line[k->n], &k->column[k->n]);
    if (toml_key_part(r, &k->part[k->n])) return -1;
    k->n++;
    toml_text_blank(r);
    if (!toml_text_at(r, '.')) return 0;
    r->p++;
  }
}

static int toml_twice(struct toml_reader *r, const struct toml_key *k, int i,
                      const struct toml *first)
{
  const char *advice = first->defined == TOML_HEADER
                           ? "a table stands once: put these lines under that header"
                           : "keep one of the two";
  return toml_text_fail(r, k->at[i],
                        "'" STR_FMT "' is already defined in line %d (" STR_FMT ":%d:%d); %s",
                        STR_ARG(k->part[i]), first->key_line, STR_ARG(r->file), first->key_line,
                        first->key_column, advice);
}

/* Makes an entry of a table for part i of a key. */
static struct toml *toml_entry(struct toml_reader *r, struct toml *table, enum toml_type type,
                               const struct toml_key *k, int i)
{
  struct toml *t = toml_node(r, type, k->line[i], k->column[i]);
  if (!t) return NULL;
  t->key = k->part[i];
  t->key_line = k->line[i];
  t->key_column = k->column[i];
  toml_append(table, t);
  return t;
}

/* ---- lines that begin anew ------------------------------------------------------------------- */

static bool toml_fresh_header(str line)
{
  static const str values[] = {STR_INIT("[true"), STR_INIT("[false"), STR_INIT("[inf"),
                               STR_INIT("[nan")};
  for (size_t i = 0; i < BASE_COUNT(values); i++)
    if (str_starts(line, values[i])) return false;
  ptrdiff_t close = str_chr(line, ']');
  str rest = close < 0 ? line : str_trim(str_skip(line, (size_t)close + 1));
  if (str_starts(line, STR("[["))) line = str_skip(line, 1);
  return line.n > 1 && str_isalpha(line.p[1]) && (rest.n == 0 || *rest.p == '#' || *rest.p == ']');
}

static bool toml_fresh_pair(str line)
{
  ptrdiff_t equals = str_chr(line, '=');
  str key = str_trim(str_sub(line, 0, equals < 0 ? 0 : (size_t)equals));
  for (size_t i = 0; i < key.n; i++)
    if (!toml_is_bare(key.p[i]) && key.p[i] != '.') return false;
  return key.n > 0;
}

/* Does the line at p look like a header or a pair? Then a value still open was left open. */
static bool toml_fresh(const struct toml_reader *r, const char *p)
{
  const char *end = memchr(p, '\n', (size_t)(r->end - p));
  str line = str_trim((str){p, (size_t)((end ? end : r->end) - p)});
  return str_starts(line, STR("[")) ? toml_fresh_header(line) : toml_fresh_pair(line);
}

/* ---- values ---------------------------------------------------------------------------------- */

static int toml_value(struct toml_reader *r, struct toml *out);
static int toml_pair(struct toml_reader *r, struct toml *table);

/* Blanks, line ends and comments within an array that began at start. */
static int toml_array_blank(struct toml_reader *r, const char *start)
{
  const char *from = r->p;
  if (toml_text_blank_lines(r)) return -1;
  const char *line = r->p;
  while (line > from && line[-1] != '\n') line--;
  if (r->p < r->end && (line == from || !toml_fresh(r, line))) return 0;
  if (line > from) r->p = line - 1; /* that line is read again */
  return toml_text_fail(r, start, "this array is never closed");
}

static int toml_array(struct toml_reader *r, struct toml *array)
{
  const char *start = r->p++;
  struct toml **end = &array->child;
  array->type = TOML_ARRAY;
  array->defined = TOML_CLOSED;
  for (;;) {
    if (toml_array_blank(r, start)) return -1;
    if (toml_text_at(r, ']')) break;
    struct toml *t = toml_node(r, TOML_STRING, 0, 0);
    if (!t || toml_value(r, t)) return -1;
    *end = t;
    end = &t->next;
    array->n++;
    if (toml_array_blank(r, start)) return -1;
    if (toml_text_at(r, ']')) break;
    if (!toml_text_at(r, ',')) return toml_text_fail(r, r->p, "a comma or ] is missing here");
    r->p++;
  }
  r->p++;
  return 0;
}

/* An inline table stands on one line and has no comma behind its last entry. */
static int toml_inline(struct toml_reader *r, struct toml *table)
{
  const char *start = r->p++;
  table->type = TOML_TABLE;
  table->defined = TOML_DOTTED; /* until it is complete its own keys may add to it */
  toml_text_blank(r);
  while (!toml_text_at(r, '}')) {
    if (toml_pair(r, table)) return -1;
    toml_text_blank(r);
    if (toml_text_at(r, '}')) break;
    if (r->p == r->end || toml_text_at_newline(r))
      return toml_text_fail(r, start, "this table is not closed with } on its line");
    if (!toml_text_at(r, ',')) return toml_text_fail(r, r->p, "a comma or } is missing here");
    const char *comma = r->p++;
    toml_text_blank(r);
    if (toml_text_at(r, '}')) return toml_text_fail(r, comma, "no comma may stand before the }");
  }
  r->p++;
  table->defined = TOML_CLOSED;
  return 0;
}

static int toml_nested(struct toml_reader *r, struct toml *out)
{
  if (r->depth == TOML_DEPTH)
    return toml_text_fail(r, r->p, "values are nested more than %d deep", TOML_DEPTH);
  r->depth++;
  r->broken = true;
  if (toml_text_at(r, '[') ? toml_array(r, out) : toml_inline(r, out)) return -1;
  r->depth--;
  r->broken = r->depth > 0;
  return 0;
}

static int toml_value(struct toml_reader *r, struct toml *out)
{
  toml_text_place(r, r->p, &out->line, &out->column);
  if (toml_text_at(r, '"') || toml_text_at(r, '\'')) {
    out->type = TOML_STRING;
    return toml_text_string(r, false, &out->text);
  }
  if (toml_text_at(r, '[') || toml_text_at(r, '{')) return toml_nested(r, out);
  return toml_number_read(r, out);
}

/* The table that holds the last part of a dotted key, made on the way. */
static struct toml *toml_dotted(struct toml_reader *r, struct toml *table, const struct toml_key *k)
{
  for (int i = 0; i + 1 < k->n; i++) {
    struct toml *t = toml_get(table, k->part[i]);
    if (!t) {
      t = toml_entry(r, table, TOML_TABLE, k, i);
      if (!t) return NULL;
    } else if (t->type != TOML_TABLE || t->defined == TOML_HEADER || t->defined == TOML_CLOSED) {
      toml_twice(r, k, i, t);
      return NULL;
    }
    t->defined = TOML_DOTTED;
    table = t;
  }
  return table;
}

/* keyval = key "=" value. A value without a home is still read, for its end and its faults. */
static int toml_pair(struct toml_reader *r, struct toml *table)
{
  struct toml_key k;
  if (toml_key_read(r, &k)) return -1;
  if (!toml_text_at(r, '=')) return toml_key_bad(r, "an = is missing here");
  struct toml *home = toml_dotted(r, table, &k);
  struct toml *first = toml_get(home, k.part[k.n - 1]);
  if (first) toml_twice(r, &k, k.n - 1, first);
  struct toml *t = !home || first ? toml_node(r, TOML_STRING, 0, 0)
                                  : toml_entry(r, home, TOML_STRING, &k, k.n - 1);
  r->p++;
  toml_text_blank(r);
  return t && toml_value(r, t) == 0 && home && !first ? 0 : -1;
}

/* ---- headers --------------------------------------------------------------------------------- */

/* The table in which the last part of a header is defined. */
static struct toml *toml_header_home(struct toml_reader *r, struct toml *root,
                                     const struct toml_key *k)
{
  struct toml *table = root;
  for (int i = 0; i + 1 < k->n; i++) {
    struct toml *t = toml_get(table, k->part[i]);
    if (!t) {
      t = toml_entry(r, table, TOML_TABLE, k, i);
      if (!t) return NULL;
      t->defined = TOML_IMPLICIT;
    } else if (t->defined == TOML_LIST) {
      t = toml_last(t);
    } else if (t->type != TOML_TABLE || t->defined == TOML_CLOSED) {
      toml_twice(r, k, i, t);
      return NULL;
    }
    table = t;
  }
  return table;
}

static struct toml *toml_header_table(struct toml_reader *r, struct toml *home,
                                      const struct toml_key *k)
{
  int i = k->n - 1;
  struct toml *t = toml_get(home, k->part[i]);
  if (!t) {
    t = toml_entry(r, home, TOML_TABLE, k, i);
  } else if (t->type != TOML_TABLE || t->defined != TOML_IMPLICIT) {
    toml_twice(r, k, i, t);
    return NULL;
  } else {
    t->line = t->key_line = k->line[i];
    t->column = t->key_column = k->column[i];
  }
  if (t) t->defined = TOML_HEADER;
  return t;
}

static struct toml *toml_header_element(struct toml_reader *r, struct toml *home,
                                        const struct toml_key *k)
{
  int i = k->n - 1;
  struct toml *array = toml_get(home, k->part[i]);
  if (array && array->defined != TOML_LIST) {
    toml_twice(r, k, i, array);
    return NULL;
  }
  if (!array) array = toml_entry(r, home, TOML_ARRAY, k, i);
  struct toml *t = array ? toml_node(r, TOML_TABLE, k->line[i], k->column[i]) : NULL;
  if (!t) return NULL;
  array->defined = TOML_LIST;
  t->defined = TOML_HEADER;
  toml_append(array, t);
  return t;
}

/* [a.b] or [[a.b]]: the table that what follows belongs to; NULL after an error. */
static struct toml *toml_header(struct toml_reader *r, struct toml *root)
{
  const char *start = r->p++;
  struct toml_key k;
  bool element = toml_text_at(r, '[');
  if (element) r->p++;
  if (toml_key_read(r, &k)) return NULL;
  for (int i = 0; i < (element ? 2 : 1); i++) {
    if (!toml_text_at(r, ']')) {
      toml_text_fail(r, start, "this header is not closed with %s", element ? "]]" : "]");
      return NULL;
    }
    r->p++;
  }
  struct toml *home = toml_header_home(r, root, &k);
  if (!home) return NULL;
  return element ? toml_header_element(r, home, &k) : toml_header_table(r, home, &k);
}

/* ---- going on after a fault ------------------------------------------------------------------ */

/* Goes to the next line; out of a broken value, to the next that looks like none of its lines. */
static void toml_recover(struct toml_reader *r)
{
  bool broken = r->broken;
  r->broken = false;
  r->depth = 0;
  do {
    const char *end = memchr(r->p, '\n', (size_t)(r->end - r->p));
    r->p = end ? end + 1 : r->end;
  } while (broken && r->p < r->end && !toml_fresh(r, r->p));
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* One line (or more, if its value spans them). *table is where its pair belongs; NULL after a
 * header with a fault: then pairs are read for their own faults only. */
static int toml_expression(struct toml_reader *r, struct toml *root, struct toml **table)
{
  toml_text_blank(r);
  if (toml_text_at(r, '[')) {
    *table = toml_header(r, root);
    if (!*table) {
      struct toml *nowhere = toml_node(r, TOML_TABLE, 0, 0);
      *table = nowhere ? nowhere : root;
      return -1;
    }
  } else if (r->p < r->end && *r->p != '#' && *r->p != '\n' && *r->p != '\r') {
    if (toml_pair(r, *table)) return -1;
  }
  toml_text_blank(r);
  if (toml_text_comment(r)) return -1;
  return toml_text_newline(r);
}

static void toml_check_utf8(struct toml_reader *r)
{
  if (utf8_valid(r->source)) return;
  str rest = r->source;
  const char *at = rest.p;
  while (rest.n > 0 && utf8_next(&rest) >= 0) at = rest.p;
  toml_text_fail(r, at, "this byte is not UTF-8");
}

struct toml *toml_parse(struct arena *a, str file, str source, struct diags *d)
{
  struct toml_reader r = {.arena = a, .file = file, .diags = d, .line = 1, .column = 1};
  size_t errors = d->errors;
  source.p = source.p ? source.p : "";
  str text = str_starts(source, STR("\xef\xbb\xbf")) ? str_skip(source, 3) : source;
  r.source = text;
  r.p = r.place = text.p;
  r.end = text.p + text.n;
  toml_check_utf8(&r);
  struct toml *root = toml_node(&r, TOML_TABLE, 1, 1);
  struct toml *table = root;
  if (!root) return NULL;
  root->defined = TOML_HEADER;
  while (r.p < r.end)
    if (toml_expression(&r, root, &table)) toml_recover(&r);
  return d->errors == errors ? root : NULL;
}
