/* rules/vsl/std_string.c: strings and characters (rules/README.md#strings). Positions and lengths
 * count code points; inside they are turned into byte offsets once. */
#include "std.h"
#include "unicode.h"

/* ---- parts of a string ----------------------------------------------------------------------- */

static str std_string_part(const struct string *s, struct std_span span)
{
  return string_slice(s, span.from, span.from + span.n);
}

/* The receiver becomes a part of itself. */
static int std_string_become_part(struct fiber *f, struct call *c, str part)
{
  struct region *r = fiber_region(f);
  if (part.n == c->args[0].as.string->n) return NATIVE_DONE;
  if (std_charge_bytes(f, part.n)) return -1;
  struct value kept = value_string(r, part);
  if (kept.type == VALUE_NONE) return fiber_full(f);
  value_set(r, &c->args[0], kept);
  return NATIVE_DONE;
}

/* Cuts the receiver after its first n bytes, in place where nobody else sees it. */
static int std_string_cut(struct fiber *f, struct call *c, size_t n, size_t chars)
{
  if (string_reserve(fiber_region(f), &c->args[0], 0)) return fiber_full(f);
  struct string *s = c->args[0].as.string;
  s->n = (uint32_t)n;
  s->chars = (uint32_t)chars;
  s->hash = 0;
  s->p[n] = '\0';
  return NATIVE_DONE;
}

static int std_string_len(struct fiber *f, struct call *c)
{
  (void)f;
  return std_give_int(c, c->args[0].as.string->chars);
}

static int std_string_bytes(struct fiber *f, struct call *c)
{
  (void)f;
  return std_give_int(c, c->args[0].as.string->n);
}

static int std_string_is_empty(struct fiber *f, struct call *c)
{
  (void)f;
  return std_give_bool(c, c->args[0].as.string->n == 0);
}

/* Finding the place of a code point in text that is not ASCII means reading up to it. */
static int std_string_charge(struct fiber *f, const struct string *s)
{
  return string_is_ascii(s) ? 0 : std_charge_bytes(f, s->n);
}

static int std_string_get(struct fiber *f, struct call *c)
{
  const struct string *s = c->args[0].as.string;
  size_t at;
  if (std_string_charge(f, s)) return -1;
  if (std_index(s->chars, c->args[1].as.i, &at)) c->out = value_char(string_at(s, at));
  return NATIVE_DONE;
}

static int std_string_set(struct fiber *f, struct call *c)
{
  const struct string *s = c->args[0].as.string;
  char tmp[4];
  size_t at;
  if (!std_index(s->chars, c->args[1].as.i, &at)) return NATIVE_DONE;
  if (std_charge_bytes(f, s->n)) return -1;
  size_t from = string_offset(s, at), to = string_offset(s, at + 1);
  if (string_splice(fiber_region(f), &c->args[0], from, to, value_bytes(c->args[2], tmp)))
    return fiber_full(f);
  return NATIVE_DONE;
}

static int std_string_sub_string(struct fiber *f, struct call *c)
{
  const struct string *s = c->args[0].as.string;
  if (std_charge_bytes(f, s->n)) return -1;
  str part = std_string_part(s, std_span_of(s->chars, c, 1));
  return std_give_value(f, c, value_string(fiber_region(f), part));
}

static int std_string_crop(struct fiber *f, struct call *c)
{
  const struct string *s = c->args[0].as.string;
  return std_string_become_part(f, c, std_string_part(s, std_span_of(s->chars, c, 1)));
}

static int std_string_truncate(struct fiber *f, struct call *c)
{
  const struct string *s = c->args[0].as.string;
  int64_t n = c->args[1].as.i < 0 ? 0 : c->args[1].as.i;
  if ((uint64_t)n >= s->chars) return NATIVE_DONE;
  if (std_string_charge(f, s)) return -1;
  return std_string_cut(f, c, string_offset(s, (size_t)n), (size_t)n);
}

static int std_string_clear(struct fiber *f, struct call *c)
{
  return std_string_cut(f, c, 0, 0);
}

static int std_string_pop(struct fiber *f, struct call *c)
{
  const struct string *s = c->args[0].as.string;
  if (!s->n) return NATIVE_DONE;
  size_t at = s->n - 1;
  while (((unsigned char)s->p[at] & 0xC0) == 0x80) at--;
  str last = str_skip(string_str(s), at);
  c->out = value_char((uint32_t)utf8_next(&last));
  return std_string_cut(f, c, at, s->chars - 1);
}

static int std_string_pop_n(struct fiber *f, struct call *c)
{
  const struct string *s = c->args[0].as.string;
  int64_t n = c->args[1].as.i < 0 ? 0 : c->args[1].as.i;
  size_t left = (uint64_t)n > s->chars ? 0 : s->chars - (size_t)n;
  if (std_charge_bytes(f, s->n)) return -1;
  size_t at = string_offset(s, left);
  struct value end = value_string(fiber_region(f), str_skip(string_str(s), at));
  if (std_give_value(f, c, end)) return -1;
  return std_string_cut(f, c, at, left);
}

static int std_string_trim(struct fiber *f, struct call *c)
{
  return std_string_become_part(f, c, unicode_trim(value_str(c->args[0])));
}

/* ---- searching ------------------------------------------------------------------------------- */

static int std_string_starts_with(struct fiber *f, struct call *c)
{
  (void)f;
  char tmp[4];
  return std_give_bool(c, str_starts(value_str(c->args[0]), value_bytes(c->args[1], tmp)));
}

static int std_string_ends_with(struct fiber *f, struct call *c)
{
  (void)f;
  char tmp[4];
  return std_give_bool(c, str_ends(value_str(c->args[0]), value_bytes(c->args[1], tmp)));
}

static int std_string_index_of(struct fiber *f, struct call *c)
{
  const struct string *s = c->args[0].as.string;
  char tmp[4];
  size_t from = c->argc > 2 ? std_clip(s->chars, c->args[2].as.i, 0).from : 0;
  if (std_charge_bytes(f, s->n)) return -1;
  if (from && from >= s->chars) return std_give_int(c, -1);
  size_t start = string_offset(s, from);
  str rest = str_skip(string_str(s), start);
  ptrdiff_t at = str_find(rest, value_bytes(c->args[1], tmp));
  if (at < 0) return std_give_int(c, -1);
  return std_give_int(c, (int64_t)(from + string_chars(str_sub(rest, 0, (size_t)at))));
}

/* ---- changing -------------------------------------------------------------------------------- */

static int std_string_append(struct fiber *f, struct call *c)
{
  return value_append_text(f, &c->args[0], c->args[1], false);
}

static int std_string_remove(struct fiber *f, struct call *c)
{
  char tmp[4];
  return value_remove_text(f, &c->args[0], value_bytes(c->args[1], tmp));
}

/* The first occurrence of what in s at or behind byte from, or -1. An empty what is found at every
 * border of code points; *next is where to look for the next one. */
static ptrdiff_t std_string_find(str s, str what, size_t from, size_t *next)
{
  if (from > s.n) return -1;
  if (what.n) {
    ptrdiff_t at = str_find(str_skip(s, from), what);
    if (at < 0) return -1;
    *next = from + (size_t)at + what.n;
    return (ptrdiff_t)from + at;
  }
  *next = from + 1;
  while (*next < s.n && ((unsigned char)s.p[*next] & 0xC0) == 0x80) ++*next;
  return (ptrdiff_t)from;
}

static int std_string_replace(struct fiber *f, struct call *c)
{
  struct region *r = fiber_region(f);
  char x[4], y[4];
  str s = value_str(c->args[0]), what = value_bytes(c->args[1], x), by = value_bytes(c->args[2], y);
  if (std_charge_bytes(f, s.n)) return -1;
  size_t from = 0, next = 0;
  ptrdiff_t at = std_string_find(s, what, 0, &next);
  if (at < 0) return NATIVE_DONE;
  struct value out = value_string(r, STR(""));
  int rc = out.type == VALUE_NONE ? -1 : string_reserve(r, &out, s.n);
  for (; at >= 0 && !rc; at = std_string_find(s, what, next, &next)) {
    rc = string_append(r, &out, str_sub(s, from, (size_t)at)) || string_append(r, &out, by);
    from = (size_t)at + what.n;
  }
  if (!rc) rc = string_append(r, &out, str_skip(s, from));
  if (rc) {
    value_release(r, out);
    return fiber_full(f);
  }
  if (fiber_charge(f, out.as.string->n / 64)) return value_release(r, out), -1;
  value_set(r, &c->args[0], out);
  return NATIVE_DONE;
}

static int std_string_pad(struct fiber *f, struct call *c)
{
  struct region *r = fiber_region(f);
  char tmp[4];
  str with = value_bytes(c->args[2], tmp);
  int64_t n = c->args[1].as.i;
  size_t have = c->args[0].as.string->chars, chars = string_chars(with);
  if (n < 0 || (uint64_t)n <= have || !chars) return NATIVE_DONE;
  size_t left = (size_t)n - have;
  if ((uint64_t)n > region_string_max(r)) return fiber_full(f);
  if (std_charge_bytes(f, left * with.n / chars)) return -1;
  if (string_reserve(r, &c->args[0], left / chars * with.n)) return fiber_full(f);
  struct value keep = value_retain(c->args[2]); /* s.pad(9, s) */
  int rc = 0;
  for (; left >= chars && !rc; left -= chars) rc = string_append(r, &c->args[0], with);
  size_t cut = 0;
  for (str rest = with; left--;) utf8_next(&rest), cut = (size_t)(rest.p - with.p);
  if (!rc) rc = string_append(r, &c->args[0], str_sub(with, 0, cut));
  value_release(r, keep);
  return rc ? fiber_full(f) : NATIVE_DONE;
}

/* *out = s in the other case, letter by letter. */
static int std_string_case(struct fiber *f, struct value s, bool upper, struct value *out)
{
  struct region *r = fiber_region(f);
  if (std_charge_bytes(f, s.as.string->n)) return -1;
  *out = value_string(r, value_str(s));
  if (out->type == VALUE_NONE) return fiber_full(f);
  struct string *t = out->as.string;
  if (string_is_ascii(t)) {
    for (uint32_t i = 0; i < t->n; i++) t->p[i] = upper ? str_upper(t->p[i]) : str_lower(t->p[i]);
    return 0;
  }
  t->n = t->chars = 0;
  for (str rest = value_str(s); rest.n;) {
    uint32_t c = (uint32_t)utf8_next(&rest);
    if (string_append_char(r, out, upper ? unicode_upper(c) : unicode_lower(c))) {
      value_release(r, *out);
      return fiber_full(f);
    }
  }
  return 0;
}

static int std_string_to_upper(struct fiber *f, struct call *c)
{
  return std_string_case(f, c->args[0], true, &c->out);
}

static int std_string_to_lower(struct fiber *f, struct call *c)
{
  return std_string_case(f, c->args[0], false, &c->out);
}

static int std_string_make(struct fiber *f, struct call *c, bool upper)
{
  struct value out;
  if (std_string_case(f, c->args[0], upper, &out)) return -1;
  value_set(fiber_region(f), &c->args[0], out);
  return NATIVE_DONE;
}

static int std_string_make_upper(struct fiber *f, struct call *c)
{
  return std_string_make(f, c, true);
}

static int std_string_make_lower(struct fiber *f, struct call *c)
{
  return std_string_make(f, c, false);
}

/* ---- taking apart ---------------------------------------------------------------------------- */

/* c->out becomes an array, to which pieces are pushed. */
static int std_string_begin(struct fiber *f, struct call *c)
{
  if (std_charge_bytes(f, c->args[0].as.string->n)) return -1;
  return std_give(f, c, array_new(fiber_region(f), 0));
}

static int std_string_piece(struct fiber *f, struct call *c, str piece)
{
  struct region *r = fiber_region(f);
  struct value v = value_string(r, piece);
  if (v.type == VALUE_NONE || array_push(r, &c->out, v)) return fiber_full(f);
  return 0;
}

static int std_string_split_space(struct fiber *f, struct call *c)
{
  if (std_string_begin(f, c)) return -1;
  str s = value_str(c->args[0]);
  const char *from = s.p;
  while (s.n) {
    const char *at = s.p;
    if (!unicode_is_space((uint32_t)utf8_next(&s))) continue;
    if (at > from && std_string_piece(f, c, (str){from, (size_t)(at - from)})) return -1;
    from = s.p;
  }
  if (s.p > from) return std_string_piece(f, c, (str){from, (size_t)(s.p - from)});
  return NATIVE_DONE;
}

static int std_string_split_at(struct fiber *f, struct call *c)
{
  if (std_string_begin(f, c)) return -1;
  const struct string *s = c->args[0].as.string;
  size_t at = string_offset(s, std_clip(s->chars, c->args[1].as.i, 0).from);
  return std_string_piece(f, c, str_sub(string_str(s), 0, at)) ||
                 std_string_piece(f, c, str_skip(string_str(s), at))
             ? -1
             : NATIVE_DONE;
}

/* At most how many pieces: without a number all, else at least one. */
static int64_t std_string_most(const struct call *c)
{
  if (c->argc < 3) return INT64_MAX;
  return c->args[2].as.i < 1 ? 1 : c->args[2].as.i;
}

static int std_string_split(struct fiber *f, struct call *c)
{
  char tmp[4];
  str s = value_str(c->args[0]), by = value_bytes(c->args[1], tmp);
  size_t from = 0, next = 0;
  if (std_string_begin(f, c)) return -1;
  for (int64_t left = std_string_most(c); left > 1; left--) {
    ptrdiff_t at = std_string_find(s, by, next, &next);
    if (at < 0) break;
    if (std_string_piece(f, c, str_sub(s, from, (size_t)at))) return -1;
    from = (size_t)at + by.n;
  }
  return std_string_piece(f, c, str_skip(s, from));
}

/* The last occurrence of what that ends at or before byte end, or -1; *next is the end for the one
 * before it, -1 when there can be none. */
static ptrdiff_t std_string_find_last(str s, str what, ptrdiff_t end, ptrdiff_t *next)
{
  if (!what.n) {
    *next = end - 1;
    while (*next > 0 && ((unsigned char)s.p[*next] & 0xC0) == 0x80) --*next;
    return end;
  }
  for (ptrdiff_t at = end - (ptrdiff_t)what.n; at >= 0; at--)
    if (s.p[at] == what.p[0] && !memcmp(s.p + at, what.p, what.n)) return *next = at;
  return -1;
}

static int std_string_split_rev(struct fiber *f, struct call *c)
{
  char tmp[4];
  str s = value_str(c->args[0]), by = value_bytes(c->args[1], tmp);
  size_t to = s.n;
  ptrdiff_t next = (ptrdiff_t)s.n;
  if (fiber_charge(f, by.n / 64 * (s.n / 64)) || std_string_begin(f, c)) return -1;
  for (int64_t left = std_string_most(c); left > 1 && next >= 0; left--) {
    ptrdiff_t at = std_string_find_last(s, by, next, &next);
    if (at < 0) break;
    if (std_string_piece(f, c, str_sub(s, (size_t)at + by.n, to))) return -1;
    to = (size_t)at;
  }
  return std_string_piece(f, c, str_sub(s, 0, to));
}

static int std_string_to_chars(struct fiber *f, struct call *c)
{
  struct string *s = c->args[0].as.string;
  if (std_charge_items(f, s->chars)) return -1;
  struct array *a = array_new(fiber_region(f), s->chars);
  if (!a) return fiber_full(f);
  for (str rest = string_str(s); rest.n;) a->items[a->n++] = value_char((uint32_t)utf8_next(&rest));
  return std_give(f, c, a);
}

/* chars(): what a for loop gets. */
struct std_string_walk {
  struct object object;
  struct value string;
  size_t from, to; /* bytes */
};

static int std_string_walk_next(struct fiber *f, struct value self, int64_t *cursor,
                                struct value *out)
{
  (void)f;
  const struct std_string_walk *w = (const void *)self.as.object;
  str rest = str_sub(value_str(w->string), w->from + (size_t)*cursor, w->to);
  if (!rest.n) return 0;
  size_t before = rest.n;
  *out = value_char((uint32_t)utf8_next(&rest));
  *cursor += (int64_t)(before - rest.n);
  return 1;
}

static void std_string_walk_each(struct object *o, void (*visit)(void *ctx, struct value *v),
                                 void *ctx)
{
  visit(ctx, &((struct std_string_walk *)(void *)o)->string);
}

static const struct object_type std_string_walk_type = {
    .name = "iterator", .next = std_string_walk_next, .each = std_string_walk_each};

static int std_string_chars(struct fiber *f, struct call *c)
{
  const struct string *s = c->args[0].as.string;
  struct std_span span = {0, s->chars};
  if (c->argc > 1) span = std_span_of(s->chars, c, 1);
  if (std_string_charge(f, s)) return -1;
  struct std_string_walk *w = (void *)object_new(fiber_region(f), &std_string_walk_type, sizeof *w);
  if (!w) return fiber_full(f);
  w->from = string_offset(s, span.from);
  w->to = w->from + std_string_part(s, span).n;
  w->string = value_retain(c->args[0]);
  return std_give(f, c, w);
}

/* ---- characters ------------------------------------------------------------------------------ */

static int std_string_char_to_int(struct fiber *f, struct call *c)
{
  (void)f;
  return std_give_int(c, c->args[0].as.c);
}

static int std_string_char_to_upper(struct fiber *f, struct call *c)
{
  (void)f;
  c->out = value_char(unicode_upper(c->args[0].as.c));
  return NATIVE_DONE;
}

static int std_string_char_to_lower(struct fiber *f, struct call *c)
{
  (void)f;
  c->out = value_char(unicode_lower(c->args[0].as.c));
  return NATIVE_DONE;
}

static int std_string_char_make_upper(struct fiber *f, struct call *c)
{
  (void)f;
  c->args[0].as.c = unicode_upper(c->args[0].as.c);
  return NATIVE_DONE;
}

static int std_string_char_make_lower(struct fiber *f, struct call *c)
{
  (void)f;
  c->args[0].as.c = unicode_lower(c->args[0].as.c);
  return NATIVE_DONE;
}

static const struct native std_string_table[] = {
    {"len", "s", NATIVE_PROPERTY, std_string_len},
    {"bytes", "s", NATIVE_PROPERTY, std_string_bytes},
    {"is_empty", "s", NATIVE_PROPERTY, std_string_is_empty},
    {"get", "si", 0, std_string_get},
    {"set", "sic", NATIVE_MUTATES, std_string_set},
    {"starts_with", "sk", 0, std_string_starts_with},
    {"ends_with", "sk", 0, std_string_ends_with},
    {"index_of", "sk|i", 0, std_string_index_of},
    {"sub_string", "si|i", 0, std_string_sub_string},
    {"sub_string", "sr", 0, std_string_sub_string},
    {"split", "s", 0, std_string_split_space},
    {"split", "si", 0, std_string_split_at},
    {"split", "sk|i", 0, std_string_split},
    {"split_rev", "sk|i", 0, std_string_split_rev},
    {"to_chars", "s", 0, std_string_to_chars},
    {"chars", "s|ii", 0, std_string_chars},
    {"chars", "sr", 0, std_string_chars},
    {"to_upper", "s", 0, std_string_to_upper},
    {"to_lower", "s", 0, std_string_to_lower},
    {"make_upper", "s", NATIVE_MUTATES, std_string_make_upper},
    {"make_lower", "s", NATIVE_MUTATES, std_string_make_lower},
    {"trim", "s", NATIVE_MUTATES, std_string_trim},
    {"append", "s.", NATIVE_MUTATES, std_string_append},
    {"remove", "sk", NATIVE_MUTATES, std_string_remove},
    {"replace", "skk", NATIVE_MUTATES, std_string_replace},
    {"pop", "s", NATIVE_MUTATES, std_string_pop},
    {"pop", "si", NATIVE_MUTATES, std_string_pop_n},
    {"truncate", "si", NATIVE_MUTATES, std_string_truncate},
    {"crop", "si|i", NATIVE_MUTATES, std_string_crop},
    {"crop", "sr", NATIVE_MUTATES, std_string_crop},
    {"clear", "s", NATIVE_MUTATES, std_string_clear},
    {"pad", "sik", NATIVE_MUTATES, std_string_pad},
    {"to_int", "c", 0, std_string_char_to_int},
    {"to_upper", "c", 0, std_string_char_to_upper},
    {"to_lower", "c", 0, std_string_char_to_lower},
    {"make_upper", "c", NATIVE_MUTATES, std_string_char_make_upper},
    {"make_lower", "c", NATIVE_MUTATES, std_string_char_make_lower},
};

int std_string_add(struct registry *g)
{
  return registry_add(g, std_string_table, BASE_COUNT(std_string_table));
}
