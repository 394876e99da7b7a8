/* rules/vsl/std_each.c: array methods that call back, once an element (rules/README.md#arrays).
 *
 * A callback may wait, so none of them sits on the C stack while it runs: each is called again with
 * the answer (struct steps). They walk over the receiver as it was at the call, which local[0]
 * keeps; what they build is in local[1] and local[2], where steps->i is the current element. Only
 * `true` counts as yes: an `if` without `else` answers ().
 */
#include "std.h"

/* What makes one of these methods: what it does with the answer for an element (1: done), and what
 * it does behind the last one. */
struct std_each_law {
  int (*take)(struct fiber *f, struct call *c, struct value item);
  int (*end)(struct fiber *f, struct call *c);
};

static const struct array *std_each_source(const struct call *c)
{
  return c->steps->local[0].as.array;
}

static bool std_each_yes(const struct call *c)
{
  return c->steps->got.type == VALUE_BOOL && c->steps->got.as.b;
}

/* The receiver is kept; local[1] and local[2] begin as empty arrays. */
static int std_each_begin(struct fiber *f, struct call *c)
{
  struct steps *s = c->steps;
  s->local[0] = value_retain(c->args[0]);
  for (int i = 1; i <= 2; i++) {
    s->local[i] = value_of(array_new(fiber_region(f), 0));
    if (s->local[i].type == VALUE_NONE) return fiber_full(f);
  }
  return 0;
}

static int std_each_walk(struct fiber *f, struct call *c, const struct std_each_law *law)
{
  struct steps *s = c->steps;
  if (!s->step) {
    if (std_each_begin(f, c)) return -1;
    if (c->argc > 2) s->i = (int64_t)std_clip(std_each_source(c)->n, c->args[2].as.i, 0).from;
  } else {
    int rc = law->take(f, c, std_each_source(c)->items[s->i]);
    if (rc) return rc < 0 ? -1 : NATIVE_DONE;
    s->i++;
  }
  if (s->i >= std_each_source(c)->n) return law->end ? law->end(f, c) : NATIVE_DONE;
  const struct value args[] = {std_each_source(c)->items[s->i], value_int(s->i)};
  return fiber_call(f, c, c->args[1], NULL, args, 2, 1);
}

/* Moves v to the end of local[to]. */
static int std_each_put(struct fiber *f, struct call *c, int to, struct value taken)
{
  return array_push(fiber_region(f), &c->steps->local[to], taken) ? fiber_full(f) : 0;
}

/* ---- the laws -------------------------------------------------------------------------------- */

static int std_each_end_built(struct fiber *f, struct call *c)
{
  (void)f;
  c->out = value_take(&c->steps->local[1]);
  return NATIVE_DONE;
}

static int std_each_take_map(struct fiber *f, struct call *c, struct value item)
{
  (void)item;
  return std_each_put(f, c, 1, value_take(&c->steps->got));
}

static int std_each_take_filter(struct fiber *f, struct call *c, struct value item)
{
  return std_each_yes(c) ? std_each_put(f, c, 1, value_retain(item)) : 0;
}

static int std_each_take_some(struct fiber *f, struct call *c, struct value item)
{
  (void)f, (void)item;
  c->out = value_bool(std_each_yes(c));
  return c->out.as.b;
}

static int std_each_take_all(struct fiber *f, struct call *c, struct value item)
{
  (void)f, (void)item;
  c->out = value_bool(std_each_yes(c));
  return !c->out.as.b;
}

static int std_each_end_some(struct fiber *f, struct call *c)
{
  (void)f;
  return std_give_bool(c, false);
}

static int std_each_end_all(struct fiber *f, struct call *c)
{
  (void)f;
  return std_give_bool(c, true);
}

static int std_each_take_find(struct fiber *f, struct call *c, struct value item)
{
  (void)f;
  if (!std_each_yes(c)) return 0;
  c->out = value_retain(item);
  return 1;
}

static int std_each_take_find_map(struct fiber *f, struct call *c, struct value item)
{
  (void)f, (void)item;
  if (c->steps->got.type == VALUE_UNIT) return 0;
  c->out = value_take(&c->steps->got);
  return 1;
}

static int std_each_take_index_of(struct fiber *f, struct call *c, struct value item)
{
  (void)f, (void)item;
  c->out = value_int(c->steps->i);
  return std_each_yes(c);
}

static int std_each_end_index_of(struct fiber *f, struct call *c)
{
  (void)f;
  return std_give_int(c, -1);
}

/* drain and retain part the receiver: local[1] is what it becomes, local[2] what is returned. */
static int std_each_take_drain(struct fiber *f, struct call *c, struct value item)
{
  return std_each_put(f, c, std_each_yes(c) ? 2 : 1, value_retain(item));
}

static int std_each_take_retain(struct fiber *f, struct call *c, struct value item)
{
  return std_each_put(f, c, std_each_yes(c) ? 1 : 2, value_retain(item));
}

static int std_each_end_parted(struct fiber *f, struct call *c)
{
  value_set(fiber_region(f), &c->args[0], value_take(&c->steps->local[1]));
  c->out = value_take(&c->steps->local[2]);
  return NATIVE_DONE;
}

#define STD_EACH(name, take, end)                                                                  \
  static int std_each_##name(struct fiber *f, struct call *c)                                      \
  {                                                                                                \
    static const struct std_each_law law = {take, end};                                            \
    return std_each_walk(f, c, &law);                                                              \
  }
STD_EACH(map, std_each_take_map, std_each_end_built)
STD_EACH(filter, std_each_take_filter, std_each_end_built)
STD_EACH(some, std_each_take_some, std_each_end_some)
STD_EACH(all, std_each_take_all, std_each_end_all)
STD_EACH(find, std_each_take_find, NULL)
STD_EACH(find_map, std_each_take_find_map, NULL)
STD_EACH(index_of, std_each_take_index_of, std_each_end_index_of)
STD_EACH(drain, std_each_take_drain, std_each_end_parted)
STD_EACH(retain, std_each_take_retain, std_each_end_parted)

/* ---- those with other arguments -------------------------------------------------------------- */

/* The element is `this` and may be changed; the index is the only argument. */
static int std_each_for_each(struct fiber *f, struct call *c)
{
  struct steps *s = c->steps;
  if (!s->step) {
    if (std_each_begin(f, c)) return -1;
  } else {
    if (std_each_put(f, c, 1, value_take(&s->got_this))) return -1;
    s->i++;
  }
  const struct array *a = std_each_source(c);
  if (s->i < a->n) {
    const struct value index = value_int(s->i);
    return fiber_call(f, c, c->args[1], &a->items[s->i], &index, 1, 0);
  }
  value_set(fiber_region(f), &c->args[0], value_take(&s->local[1]));
  return NATIVE_DONE;
}

/* local[1] is the accumulator; i counts rounds. */
static int std_each_fold(struct fiber *f, struct call *c, bool backwards)
{
  struct steps *s = c->steps;
  if (!s->step) {
    s->local[0] = value_retain(c->args[0]);
    if (c->argc > 2) s->local[1] = value_retain(c->args[2]);
  } else {
    value_set(fiber_region(f), &s->local[1], value_take(&s->got));
    s->i++;
  }
  const struct array *a = std_each_source(c);
  if (s->i >= a->n) return std_each_end_built(f, c);
  int64_t at = backwards ? a->n - 1 - s->i : s->i;
  const struct value args[] = {s->local[1], a->items[at], value_int(at)};
  bool one =
      c->args[1].type == VALUE_FN && fn_params(c->args[1]) == 1; /* then `this` is the item */
  return fiber_call(f, c, c->args[1], one ? &args[1] : NULL, args, 3, one ? 1 : 2);
}

static int std_each_reduce(struct fiber *f, struct call *c)
{
  return std_each_fold(f, c, false);
}

static int std_each_reduce_rev(struct fiber *f, struct call *c)
{
  return std_each_fold(f, c, true);
}

static int std_each_zip(struct fiber *f, struct call *c)
{
  struct steps *s = c->steps;
  if (!s->step) {
    if (std_each_begin(f, c)) return -1;
  } else {
    if (std_each_put(f, c, 1, value_take(&s->got))) return -1;
    s->i++;
  }
  const struct array *a = std_each_source(c), *b = c->args[1].as.array;
  if (s->i >= a->n || s->i >= b->n) return std_each_end_built(f, c);
  const struct value args[] = {a->items[s->i], b->items[s->i], value_int(s->i)};
  return fiber_call(f, c, c->args[2], NULL, args, 3, 2);
}

/* local[1] holds what stays; its last element is compared with the current one. */
static int std_each_dedup(struct fiber *f, struct call *c)
{
  struct steps *s = c->steps;
  if (!s->step && std_each_begin(f, c)) return -1;
  const struct array *a = std_each_source(c);
  if (!s->step || !std_each_yes(c)) {
    if (s->i < a->n && std_each_put(f, c, 1, value_retain(a->items[s->i]))) return -1;
  }
  if (++s->i < a->n) {
    const struct array *kept = s->local[1].as.array;
    const struct value args[] = {kept->items[kept->n - 1], a->items[s->i]};
    return fiber_call(f, c, c->args[1], NULL, args, 2, 2);
  }
  value_set(fiber_region(f), &c->args[0], value_take(&s->local[1]));
  return NATIVE_DONE;
}

#define STD_EACH_MUTATES (NATIVE_MUTATES | NATIVE_STEPS)
static const struct native std_each_table[] = {
    {"map", "aq", NATIVE_STEPS, std_each_map},
    {"filter", "aq", NATIVE_STEPS, std_each_filter},
    {"some", "aq", NATIVE_STEPS, std_each_some},
    {"all", "aq", NATIVE_STEPS, std_each_all},
    {"find", "aq|i", NATIVE_STEPS, std_each_find},
    {"find_map", "aq|i", NATIVE_STEPS, std_each_find_map},
    {"index_of", "ap|i", NATIVE_STEPS, std_each_index_of},
    {"drain", "aq", STD_EACH_MUTATES, std_each_drain},
    {"retain", "aq", STD_EACH_MUTATES, std_each_retain},
    {"for_each", "aq", STD_EACH_MUTATES, std_each_for_each},
    {"reduce", "aq|.", NATIVE_STEPS, std_each_reduce},
    {"reduce_rev", "aq|.", NATIVE_STEPS, std_each_reduce_rev},
    {"zip", "aaq", NATIVE_STEPS, std_each_zip},
    {"dedup", "aq", STD_EACH_MUTATES, std_each_dedup},
};

int std_each_add(struct registry *g)
{
  return registry_add(g, std_each_table, BASE_COUNT(std_each_table));
}

#undef STD_EACH
#undef STD_EACH_MUTATES
