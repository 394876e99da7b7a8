/* rules/vsl/std_sort.c: sorting arrays (rules/README.md#arrays): merge sorts, hence stable, and
 * safe with a comparator that contradicts itself. */
#include "std.h"

#define STD_SORT_RUN 8 /* shorter pieces are sorted by insertion */

/* ---- by the order of values ------------------------------------------------------------------ */

/* Must b stand before a? The two are known to be comparable. */
static bool std_sort_swapped(struct fiber *f, struct value a, struct value b, bool descending)
{
  int order = 0;
  if (a.type == VALUE_INT && b.type == VALUE_INT)
    order = a.as.i < b.as.i ? -1 : a.as.i > b.as.i;
  else
    value_compare(f, a, b, &order);
  return descending ? order < 0 : order > 0;
}

static void std_sort_insert(struct fiber *f, struct value *v, size_t n, bool descending)
{
  for (size_t i = 1; i < n; i++) {
    struct value x = v[i];
    size_t at = i;
    for (; at && std_sort_swapped(f, v[at - 1], x, descending); at--) v[at] = v[at - 1];
    v[at] = x;
  }
}

/* Merges from[0..middle) and from[middle..n) into to. */
static void std_sort_merge(struct fiber *f, const struct value *from, size_t middle, size_t n,
                           struct value *to, bool descending)
{
  size_t i = 0, j = middle;
  while (i < middle && j < n) {
    bool right = std_sort_swapped(f, from[i], from[j], descending);
    *to++ = from[right ? j++ : i++];
  }
  memcpy(to, from + i, (middle - i) * sizeof *to);
  memcpy(to + (middle - i), from + j, (n - j) * sizeof *to);
}

static size_t std_sort_least(size_t a, size_t b)
{
  return a < b ? a : b;
}

/* v is sorted with the help of spare, which is as large. */
static void std_sort_all(struct fiber *f, struct value *v, struct value *spare, size_t n, bool desc)
{
  struct value *from = v, *to = spare;
  for (size_t i = 0; i < n; i += STD_SORT_RUN)
    std_sort_insert(f, v + i, std_sort_least(STD_SORT_RUN, n - i), desc);
  for (size_t run = STD_SORT_RUN; run < n; run *= 2) {
    for (size_t i = 0; i < n; i += 2 * run)
      std_sort_merge(f, from + i, std_sort_least(run, n - i), std_sort_least(2 * run, n - i),
                     to + i, desc);
    struct value *other = from;
    from = to;
    to = other;
  }
  if (from != v) memcpy(v, from, n * sizeof *v);
}

/* Each element is compared about log n times, a string at the cost of its length. */
static int std_sort_charge(struct fiber *f, const struct array *a)
{
  uint64_t rounds = 1, work = a->n / 8;
  for (size_t i = a->n; i; i /= 2) rounds++;
  for (uint32_t i = 0; i < a->n; i++)
    if (a->items[i].type == VALUE_STRING) work += a->items[i].as.string->n / 64;
  return fiber_charge(f, work * rounds);
}

/* Sorts the array at place. One type that has an order; int and float are one. */
static int std_sort_array_at(struct fiber *f, struct value *place, bool descending)
{
  struct region *r = fiber_region(f);
  int order;
  const struct array *a = place->as.array;
  if (std_sort_charge(f, a)) return -1;
  for (uint32_t i = 1; i < a->n; i++)
    if (value_compare(f, a->items[0], a->items[i], &order)) return -1;
  if (a->n < 2) return 0;
  if (value_own(f, place)) return -1;
  size_t bytes = place->as.array->n * sizeof(struct value);
  struct value *spare = region_alloc(r, bytes);
  if (!spare) return fiber_full(f);
  std_sort_all(f, place->as.array->items, spare, place->as.array->n, descending);
  region_give(r, spare, bytes);
  return 0;
}

static int std_sort_sort(struct fiber *f, struct call *c)
{
  return std_sort_array_at(f, &c->args[0], false);
}

static int std_sort_sort_desc(struct fiber *f, struct call *c)
{
  return std_sort_array_at(f, &c->args[0], true);
}

static int std_sort_order(struct fiber *f, struct call *c)
{
  c->out = value_retain(c->args[0]);
  return std_sort_array_at(f, &c->out, false);
}

static int std_sort_order_desc(struct fiber *f, struct call *c)
{
  c->out = value_retain(c->args[0]);
  return std_sort_array_at(f, &c->out, true);
}

/* ---- by a comparator ------------------------------------------------------------------------- */

/* The merge of runs, one comparison a step. local[0] is merged from, local[1] into; n is the length
 * of runs, k where the current pair of them begins, i and j the next element of each. */

static size_t std_sort_middle(const struct steps *s, size_t n)
{
  return std_sort_least((size_t)(s->k + s->n), n);
}

static size_t std_sort_end(const struct steps *s, size_t n)
{
  return std_sort_least((size_t)(s->k + 2 * s->n), n);
}

/* Moves the next element of the left or the right run behind what is merged already. */
static void std_sort_move(struct region *r, struct steps *s, bool right)
{
  const struct array *from = s->local[0].as.array;
  size_t to = (size_t)(s->i + s->j) - std_sort_middle(s, from->n);
  size_t at = (size_t)(right ? s->j++ : s->i++);
  value_set(r, &s->local[1].as.array->items[to], value_retain(from->items[at]));
}

static void std_sort_pair(struct steps *s, size_t n, int64_t k)
{
  s->k = s->i = k;
  s->j = (int64_t)std_sort_middle(s, n);
}

/* Goes on until two elements must be compared (true), or everything is merged. */
static bool std_sort_advance(struct region *r, struct steps *s)
{
  size_t n = s->local[0].as.array->n;
  while ((size_t)s->n < n) {
    while ((size_t)s->k < n) {
      size_t middle = std_sort_middle(s, n), end = std_sort_end(s, n);
      if ((size_t)s->i < middle && (size_t)s->j < end) return true;
      while ((size_t)s->i < middle) std_sort_move(r, s, false);
      while ((size_t)s->j < end) std_sort_move(r, s, true);
      std_sort_pair(s, n, (int64_t)end);
    }
    struct value merged = s->local[1];
    s->local[1] = s->local[0];
    s->local[0] = merged;
    s->n *= 2;
    std_sort_pair(s, n, 0);
  }
  return false;
}

static int std_sort_begin(struct fiber *f, struct call *c)
{
  struct region *r = fiber_region(f);
  struct steps *s = c->steps;
  const struct array *a = c->args[0].as.array;
  if (std_sort_charge(f, a)) return -1;
  for (int i = 0; i < 2; i++) {
    s->local[i] = value_of(array_slice(r, a, 0, a->n));
    if (s->local[i].type == VALUE_NONE) return fiber_full(f);
  }
  s->n = 1;
  std_sort_pair(s, a->n, 0);
  return 0;
}

/* NATIVE_DONE: local[0] is sorted. */
static int std_sort_compared(struct fiber *f, struct call *c)
{
  struct region *r = fiber_region(f);
  struct steps *s = c->steps;
  if (!s->step) {
    if (std_sort_begin(f, c)) return -1;
  } else if (s->got.type == VALUE_INT) {
    std_sort_move(r, s, s->got.as.i > 0);
  } else {
    return fiber_raise(f, VSL_TYPE, "a comparator must give an i64, not a %s",
                       value_type_name(s->got));
  }
  if (!std_sort_advance(r, s)) return NATIVE_DONE;
  const struct value *items = s->local[0].as.array->items;
  const struct value args[] = {items[s->i], items[s->j]};
  return fiber_call(f, c, c->args[1], NULL, args, 2, 2);
}

static int std_sort_sort_by(struct fiber *f, struct call *c)
{
  int rc = std_sort_compared(f, c);
  if (rc == NATIVE_DONE) value_set(fiber_region(f), &c->args[0], value_take(&c->steps->local[0]));
  return rc;
}

static int std_sort_order_by(struct fiber *f, struct call *c)
{
  int rc = std_sort_compared(f, c);
  if (rc == NATIVE_DONE) c->out = value_take(&c->steps->local[0]);
  return rc;
}

static const struct native std_sort_table[] = {
    {"sort", "a", NATIVE_MUTATES, std_sort_sort},
    {"sort_desc", "a", NATIVE_MUTATES, std_sort_sort_desc},
    {"sort", "aq", NATIVE_MUTATES | NATIVE_STEPS, std_sort_sort_by},
    {"sort_by", "aq", NATIVE_MUTATES | NATIVE_STEPS, std_sort_sort_by},
    {"order", "a", 0, std_sort_order},
    {"order_desc", "a", 0, std_sort_order_desc},
    {"order_by", "aq", NATIVE_STEPS, std_sort_order_by},
};

int std_sort_add(struct registry *g)
{
  return registry_add(g, std_sort_table, BASE_COUNT(std_sort_table));
}

#undef STD_SORT_RUN
