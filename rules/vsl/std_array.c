/* rules/vsl/std_array.c: arrays, as far as nothing is called back (rules/README.md#arrays);
 * std_each.c and std_sort.c have the rest.
 */
#include "std.h"

static struct array *std_array_of(const struct call *c)
{
  return c->args[0].as.array;
}

static int std_array_len(struct fiber *f, struct call *c)
{
  (void)f;
  return std_give_int(c, std_array_of(c)->n);
}

static int std_array_is_empty(struct fiber *f, struct call *c)
{
  (void)f;
  return std_give_bool(c, std_array_of(c)->n == 0);
}

static int std_array_get(struct fiber *f, struct call *c)
{
  (void)f;
  size_t at;
  if (std_index(std_array_of(c)->n, c->args[1].as.i, &at))
    c->out = value_retain(std_array_of(c)->items[at]);
  return NATIVE_DONE;
}

static int std_array_set(struct fiber *f, struct call *c)
{
  size_t at;
  if (!std_index(std_array_of(c)->n, c->args[1].as.i, &at)) return NATIVE_DONE;
  if (value_own(f, &c->args[0])) return -1;
  value_set(fiber_region(f), &std_array_of(c)->items[at], value_take(&c->args[2]));
  return NATIVE_DONE;
}

/* ---- growing --------------------------------------------------------------------------------- */

static int std_array_push(struct fiber *f, struct call *c)
{
  if (value_own(f, &c->args[0])) return -1;
  return array_push(fiber_region(f), &c->args[0], value_take(&c->args[1])) ? fiber_full(f) : 0;
}

static int std_array_append(struct fiber *f, struct call *c)
{
  const struct array *more = c->args[1].as.array;
  if (std_charge_items(f, more->n)) return -1;
  return array_append(fiber_region(f), &c->args[0], more->items, more->n) ? fiber_full(f) : 0;
}

static int std_array_insert(struct fiber *f, struct call *c)
{
  size_t n = std_array_of(c)->n, at = std_clip(n, c->args[1].as.i, 0).from;
  if (std_charge_items(f, n - at) || value_own(f, &c->args[0])) return -1;
  return array_insert(fiber_region(f), &c->args[0], at, value_take(&c->args[2])) ? fiber_full(f)
                                                                                 : 0;
}

static int std_array_pad(struct fiber *f, struct call *c)
{
  struct region *r = fiber_region(f);
  int64_t n = c->args[1].as.i;
  size_t have = std_array_of(c)->n;
  if (n < 0 || (uint64_t)n <= have) return NATIVE_DONE;
  if ((uint64_t)n > region_items_max(r)) return fiber_full(f);
  if (std_charge_items(f, (size_t)n - have)) return -1;
  for (; have < (uint64_t)n; have++)
    if (array_push(r, &c->args[0], value_retain(c->args[2]))) return fiber_full(f);
  return NATIVE_DONE;
}

/* ---- shrinking ------------------------------------------------------------------------------- */

/* Takes element at out of the receiver, as the result. */
static int std_array_out(struct fiber *f, struct call *c, size_t at)
{
  if (std_charge_items(f, std_array_of(c)->n - at) || value_own(f, &c->args[0])) return -1;
  c->out = array_remove(fiber_region(f), &c->args[0], at);
  return NATIVE_DONE;
}

static int std_array_pop(struct fiber *f, struct call *c)
{
  size_t n = std_array_of(c)->n;
  return n ? std_array_out(f, c, n - 1) : NATIVE_DONE;
}

static int std_array_shift(struct fiber *f, struct call *c)
{
  return std_array_of(c)->n ? std_array_out(f, c, 0) : NATIVE_DONE;
}

static int std_array_remove(struct fiber *f, struct call *c)
{
  size_t at;
  if (!std_index(std_array_of(c)->n, c->args[1].as.i, &at)) return NATIVE_DONE;
  return std_array_out(f, c, at);
}

/* The receiver keeps its first n elements. */
static int std_array_cut(struct fiber *f, struct call *c, size_t n)
{
  if (value_own(f, &c->args[0]) || std_charge_items(f, std_array_of(c)->n - n)) return -1;
  array_truncate(fiber_region(f), &c->args[0], n);
  return NATIVE_DONE;
}

static int std_array_clear(struct fiber *f, struct call *c)
{
  struct array *none = array_new(fiber_region(f), 0);
  if (!none) return fiber_full(f);
  value_set(fiber_region(f), &c->args[0], value_of(none));
  return NATIVE_DONE;
}

static int std_array_truncate(struct fiber *f, struct call *c)
{
  int64_t n = c->args[1].as.i < 0 ? 0 : c->args[1].as.i;
  return (uint64_t)n < std_array_of(c)->n ? std_array_cut(f, c, (size_t)n) : NATIVE_DONE;
}

/* ---- parts ----------------------------------------------------------------------------------- */

static int std_array_part(struct fiber *f, struct call *c, struct std_span s, struct value *out)
{
  if (std_charge_items(f, s.n)) return -1;
  *out = value_of(array_slice(fiber_region(f), std_array_of(c), s.from, s.from + s.n));
  return out->type == VALUE_NONE ? fiber_full(f) : 0;
}

/* The receiver becomes a part of itself. */
static int std_array_become_part(struct fiber *f, struct call *c, struct std_span s)
{
  struct value kept;
  if (std_array_part(f, c, s, &kept)) return -1;
  value_set(fiber_region(f), &c->args[0], kept);
  return NATIVE_DONE;
}

/* The span in the receiver is replaced by n other elements. */
static int std_array_exchange(struct fiber *f, struct call *c, struct std_span s,
                              const struct value *items, size_t n)
{
  struct region *r = fiber_region(f);
  const struct array *a = std_array_of(c);
  struct value out;
  size_t rest = s.from + s.n;
  if (std_array_part(f, c, (struct std_span){0, s.from}, &out)) return -1;
  if (std_charge_items(f, n + a->n - rest) || array_append(r, &out, items, n) ||
      array_append(r, &out, a->items + rest, a->n - rest)) {
    value_release(r, out);
    return fiber_full(f);
  }
  value_set(r, &c->args[0], out);
  return NATIVE_DONE;
}

static int std_array_extract(struct fiber *f, struct call *c)
{
  return std_array_part(f, c, std_span_of(std_array_of(c)->n, c, 1), &c->out);
}

static int std_array_chop(struct fiber *f, struct call *c)
{
  size_t n = std_array_of(c)->n;
  int64_t keep = c->args[1].as.i < 0 ? 0 : c->args[1].as.i;
  if ((uint64_t)keep >= n) return NATIVE_DONE;
  return std_array_become_part(f, c, (struct std_span){n - (size_t)keep, (size_t)keep});
}

static int std_array_split(struct fiber *f, struct call *c)
{
  struct std_span tail = std_clip(std_array_of(c)->n, c->args[1].as.i, INT64_MAX);
  if (std_array_part(f, c, tail, &c->out)) return -1;
  return tail.n ? std_array_cut(f, c, tail.from) : NATIVE_DONE;
}

static int std_array_splice(struct fiber *f, struct call *c)
{
  struct std_span s = std_span_of(std_array_of(c)->n, c, 1);
  const struct array *by = c->args[c->argc - 1].as.array;
  return std_array_exchange(f, c, s, by->items, by->n);
}

static int std_array_drain(struct fiber *f, struct call *c)
{
  struct std_span s = std_span_of(std_array_of(c)->n, c, 1);
  if (std_array_part(f, c, s, &c->out)) return -1;
  return s.n ? std_array_exchange(f, c, s, NULL, 0) : NATIVE_DONE;
}

static int std_array_retain(struct fiber *f, struct call *c)
{
  struct region *r = fiber_region(f);
  struct std_span s = std_span_of(std_array_of(c)->n, c, 1);
  struct value kept;
  if (std_array_part(f, c, s, &kept)) return -1;
  if (std_array_exchange(f, c, s, NULL, 0)) {
    value_release(r, kept);
    return -1;
  }
  c->out = value_take(&c->args[0]);
  c->args[0] = kept;
  return NATIVE_DONE;
}

/* ---- as a whole ------------------------------------------------------------------------------ */

static int std_array_reverse(struct fiber *f, struct call *c)
{
  if (value_own(f, &c->args[0]) || std_charge_items(f, std_array_of(c)->n)) return -1;
  struct array *a = std_array_of(c);
  for (uint32_t i = 0, j = a->n; i + 1 < j; i++) {
    struct value v = a->items[i];
    a->items[i] = a->items[--j];
    a->items[j] = v;
  }
  return NATIVE_DONE;
}

static int std_array_index_of(struct fiber *f, struct call *c)
{
  const struct array *a = std_array_of(c);
  size_t at = c->argc > 2 ? std_clip(a->n, c->args[2].as.i, 0).from : 0;
  if (std_charge_items(f, a->n - at)) return -1;
  for (; at < a->n; at++) {
    int same = value_matches(f, a->items[at], c->args[1]);
    if (same) return same < 0 ? -1 : std_give_int(c, (int64_t)at);
  }
  return std_give_int(c, -1);
}

static int std_array_dedup(struct fiber *f, struct call *c)
{
  struct region *r = fiber_region(f);
  if (value_own(f, &c->args[0]) || std_charge_items(f, std_array_of(c)->n)) return -1;
  struct array *a = std_array_of(c);
  uint32_t kept = 0;
  int same = 0;
  for (uint32_t i = 0; i < a->n; i++) {
    if (kept) same = value_matches(f, a->items[kept - 1], a->items[i]);
    if (same < 0) return -1;
    if (same) continue;
    struct value v = value_take(&a->items[i]);
    value_set(r, &a->items[kept++], v);
  }
  array_truncate(r, &c->args[0], kept);
  return NATIVE_DONE;
}

static const struct native std_array_table[] = {
    {"len", "a", NATIVE_PROPERTY, std_array_len},
    {"is_empty", "a", NATIVE_PROPERTY, std_array_is_empty},
    {"get", "ai", 0, std_array_get},
    {"set", "ai.", NATIVE_MUTATES, std_array_set},
    {"push", "a.", NATIVE_MUTATES, std_array_push},
    {"append", "aa", NATIVE_MUTATES, std_array_append},
    {"insert", "ai.", NATIVE_MUTATES, std_array_insert},
    {"pad", "ai.", NATIVE_MUTATES, std_array_pad},
    {"pop", "a", NATIVE_MUTATES, std_array_pop},
    {"shift", "a", NATIVE_MUTATES, std_array_shift},
    {"remove", "ai", NATIVE_MUTATES, std_array_remove},
    {"clear", "a", NATIVE_MUTATES, std_array_clear},
    {"truncate", "ai", NATIVE_MUTATES, std_array_truncate},
    {"chop", "ai", NATIVE_MUTATES, std_array_chop},
    {"extract", "ai|i", 0, std_array_extract},
    {"extract", "ar", 0, std_array_extract},
    {"split", "ai", NATIVE_MUTATES, std_array_split},
    {"splice", "aiia", NATIVE_MUTATES, std_array_splice},
    {"splice", "ara", NATIVE_MUTATES, std_array_splice},
    {"drain", "aii", NATIVE_MUTATES, std_array_drain},
    {"drain", "ar", NATIVE_MUTATES, std_array_drain},
    {"retain", "aii", NATIVE_MUTATES, std_array_retain},
    {"retain", "ar", NATIVE_MUTATES, std_array_retain},
    {"reverse", "a", NATIVE_MUTATES, std_array_reverse},
    {"index_of", "a.|i", 0, std_array_index_of},
    {"dedup", "a", NATIVE_MUTATES, std_array_dedup},
};

int std_array_add(struct registry *g)
{
  return registry_add(g, std_array_table, BASE_COUNT(std_array_table));
}
