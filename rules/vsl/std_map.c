/* rules/vsl/std_map.c: maps (rules/README.md#maps). Whatever goes over the entries goes by key.
 * None of these is a property: m.len is the entry named "len". */
#include "std.h"

static struct dict *std_map_of(const struct call *c)
{
  return c->args[0].as.map;
}

static int std_map_len(struct fiber *f, struct call *c)
{
  (void)f;
  return std_give_int(c, std_map_of(c)->n);
}

static int std_map_is_empty(struct fiber *f, struct call *c)
{
  (void)f;
  return std_give_bool(c, std_map_of(c)->n == 0);
}

static int std_map_get(struct fiber *f, struct call *c)
{
  const struct value *v = dict_find(fiber_region(f), std_map_of(c), c->args[1].as.string);
  if (v) c->out = value_retain(*v);
  return NATIVE_DONE;
}

static int std_map_set(struct fiber *f, struct call *c)
{
  struct value v = value_take(&c->args[2]);
  if (value_own(f, &c->args[0])) return value_release(fiber_region(f), v), -1;
  return dict_set(fiber_region(f), &c->args[0], c->args[1].as.string, v) ? fiber_full(f) : 0;
}

static int std_map_remove(struct fiber *f, struct call *c)
{
  if (!dict_find(fiber_region(f), std_map_of(c), c->args[1].as.string)) return NATIVE_DONE;
  if (value_own(f, &c->args[0])) return -1;
  dict_remove(fiber_region(f), &c->args[0], value_str(c->args[1]), &c->out);
  return NATIVE_DONE;
}

static int std_map_clear(struct fiber *f, struct call *c)
{
  struct dict *none = dict_new(fiber_region(f), 0);
  if (!none) return fiber_full(f);
  value_set(fiber_region(f), &c->args[0], value_of(none));
  return NATIVE_DONE;
}

/* An array of all keys, or of all values. */
static int std_map_list(struct fiber *f, struct call *c, bool keys)
{
  struct region *r = fiber_region(f);
  struct dict *m = std_map_of(c);
  if (fiber_charge(f, m->n / 4)) return -1;
  dict_sort(r, m);
  struct array *a = array_new(r, m->n);
  if (!a) return fiber_full(f);
  for (uint32_t i = 0; i < m->n; i++) {
    const struct dict_entry *e = &m->entries[i];
    struct value key = VALUE_MAKE(VALUE_STRING, string, e->key);
    a->items[a->n++] = value_retain(keys ? key : e->value);
  }
  return std_give(f, c, a);
}

static int std_map_keys(struct fiber *f, struct call *c)
{
  return std_map_list(f, c, true);
}
static int std_map_values(struct fiber *f, struct call *c)
{
  return std_map_list(f, c, false);
}

static int std_map_mixin(struct fiber *f, struct call *c)
{
  return value_merge(f, &c->args[0], c->args[1].as.map, false);
}

static int std_map_fill_with(struct fiber *f, struct call *c)
{
  return value_merge(f, &c->args[0], c->args[1].as.map, true);
}

/* ---- with callbacks: (key[, value]) ---------------------------------------------------------- */

/* local[0] keeps the receiver as it was; entries with a yes go to local[1], the others to local[2].
 * NATIVE_DONE: all are parted. */
static int std_map_part(struct fiber *f, struct call *c)
{
  struct region *r = fiber_region(f);
  struct steps *s = c->steps;
  if (!s->step) {
    dict_sort(r, std_map_of(c));
    s->local[0] = value_retain(c->args[0]);
    for (int i = 1; i <= 2; i++) {
      s->local[i] = value_of(dict_new(r, 0));
      if (s->local[i].type == VALUE_NONE) return fiber_full(f);
    }
  } else {
    const struct dict_entry *e = &s->local[0].as.map->entries[s->i++];
    bool yes = s->got.type == VALUE_BOOL && s->got.as.b;
    if (dict_set(r, &s->local[yes ? 1 : 2], e->key, value_retain(e->value))) return fiber_full(f);
  }
  const struct dict *m = s->local[0].as.map;
  if (s->i >= m->n) return NATIVE_DONE;
  const struct dict_entry *e = &m->entries[s->i];
  const struct value args[] = {VALUE_MAKE(VALUE_STRING, string, e->key), e->value};
  bool none = c->args[1].type == VALUE_FN && fn_params(c->args[1]) == 0;
  return fiber_call(f, c, c->args[1], &e->value, args, 2, none ? 0 : 1);
}

static int std_map_filter(struct fiber *f, struct call *c)
{
  int rc = std_map_part(f, c);
  if (rc == NATIVE_DONE) c->out = value_take(&c->steps->local[1]);
  return rc;
}

/* The receiver becomes local[keep], the rest is returned. */
static int std_map_divide(struct fiber *f, struct call *c, int keep)
{
  int rc = std_map_part(f, c);
  if (rc != NATIVE_DONE) return rc;
  value_set(fiber_region(f), &c->args[0], value_take(&c->steps->local[keep]));
  c->out = value_take(&c->steps->local[3 - keep]);
  return NATIVE_DONE;
}

static int std_map_drain(struct fiber *f, struct call *c)
{
  return std_map_divide(f, c, 2);
}
static int std_map_retain(struct fiber *f, struct call *c)
{
  return std_map_divide(f, c, 1);
}

static const struct native std_map_table[] = {
    {"len", "m", 0, std_map_len},
    {"is_empty", "m", 0, std_map_is_empty},
    {"get", "ms", 0, std_map_get},
    {"set", "ms.", NATIVE_MUTATES, std_map_set},
    {"remove", "ms", NATIVE_MUTATES, std_map_remove},
    {"clear", "m", NATIVE_MUTATES, std_map_clear},
    {"keys", "m", 0, std_map_keys},
    {"values", "m", 0, std_map_values},
    {"mixin", "mm", NATIVE_MUTATES, std_map_mixin},
    {"fill_with", "mm", NATIVE_MUTATES, std_map_fill_with},
    {"filter", "mq", NATIVE_STEPS, std_map_filter},
    {"drain", "mq", NATIVE_MUTATES | NATIVE_STEPS, std_map_drain},
    {"retain", "mq", NATIVE_MUTATES | NATIVE_STEPS, std_map_retain},
};

int std_map_add(struct registry *g)
{
  return registry_add(g, std_map_table, BASE_COUNT(std_map_table));
}
