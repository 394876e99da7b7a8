/* rules/vsl/lvalue.c: variables, elements and properties: where values are read from and written
 * to.
 *
 * A path is walked by pointers: reading copies nothing but the end; writing makes each container on
 * the way the variable's own first (copy on write). What is no place (a character of a string, a
 * property of an object) is computed and kept in f->hold: it can be read on, but not written.
 */
#include "fiber.h"

/* ---- variables ------------------------------------------------------------------------------- */

struct value lvalue_cell(const struct fiber *f, const struct cell *c)
{
  for (uint32_t i = 0; i < f->overlay_count && c->heap.refs == HEAP_FROZEN; i++)
    if (f->overlays[i].frozen == c) return f->overlays[i].own->value;
  return c->value;
}

static struct value *lvalue_overlay_new(struct fiber *f, const struct cell *c)
{
  if (f->overlay_count == f->overlay_size) {
    uint32_t size = f->overlay_size ? f->overlay_size * 2 : 8;
    struct overlay *list =
        region_resize(f->region, f->overlays, f->overlay_size * sizeof *list, size * sizeof *list);
    if (!list) return NULL;
    f->overlays = list;
    f->overlay_size = size;
  }
  struct cell *own = cell_new(f->region, value_retain(c->value));
  if (!own) return NULL;
  f->overlays[f->overlay_count++] = (struct overlay){c, own};
  return &own->value;
}

/* A frozen variable is copied when a run first writes to it
 * (rules/README.md#when-a-rule-changes-a-variable). */
static struct value *lvalue_cell_own(struct fiber *f, struct cell *c)
{
  if (c->heap.refs != HEAP_FROZEN || f->loading) return &c->value;
  for (uint32_t i = 0; i < f->overlay_count; i++)
    if (f->overlays[i].frozen == c) return &f->overlays[i].own->value;
  struct value *own = lvalue_overlay_new(f, c);
  if (!own) fiber_full(f);
  return own;
}

struct value *lvalue_slot(struct fiber *f, struct value *slot)
{
  return slot->type == VALUE_CELL ? lvalue_cell_own(f, slot->as.cell) : slot;
}

/* ---- paths ----------------------------------------------------------------------------------- */

static uint32_t lvalue_steps(const uint32_t *path)
{
  return path[0] >> 8 & 0xFF;
}

static enum path_root lvalue_root(const uint32_t *path)
{
  return (enum path_root)(path[0] >> 16 & 0xFF);
}

static bool lvalue_is_temp(const uint32_t *path)
{
  return lvalue_root(path) == PATH_TEMP || lvalue_root(path) == PATH_TEMP_CONST;
}

bool lvalue_is_const(const uint32_t *path)
{
  return lvalue_root(path) == PATH_TEMP_CONST || lvalue_root(path) == PATH_LOCAL_CONST;
}

static const uint32_t *lvalue_next(const uint32_t *step)
{
  return step + ((*step & 0xFF) == PATH_PROPERTY ? 2 : 1);
}

const uint32_t *lvalue_end(const uint32_t *path)
{
  const uint32_t *step = path + 2;
  for (uint32_t n = lvalue_steps(path); n; n--) step = lvalue_next(step);
  return step;
}

uint32_t lvalue_height(const uint32_t *path)
{
  const uint32_t *step = path + 2;
  uint32_t height = lvalue_is_temp(path);
  for (uint32_t n = lvalue_steps(path); n; n--, step = lvalue_next(step))
    height += (*step & 0xFF) == PATH_INDEX;
  return height;
}

static struct string *lvalue_name(const struct fiber *f, const uint32_t *step)
{
  return f->frames[f->frame_count - 1].proto->consts[*step >> 8].as.string;
}

/* ---- reading --------------------------------------------------------------------------------- */

static int lvalue_no_property(struct fiber *f, struct value base, struct string *name)
{
  fiber_raise(f, VSL_DOT, "a value of type '%s' has no property '" STR_FMT "'",
              value_type_name(base), STR_ARG(string_str(name)));
  return fiber_detail(f, "property", value_retain(VALUE_MAKE(VALUE_STRING, string, name)));
}

int lvalue_property(struct fiber *f, struct value base, struct string *name, uint32_t set,
                    struct value *out)
{
  if (base.type == VALUE_MAP) {
    struct value *found = dict_find(f->region, base.as.map, name);
    *out = found ? value_retain(*found) : value_unit();
    return 0;
  }
  if (base.type == VALUE_OBJECT && base.as.object->type->get) {
    int rc = base.as.object->type->get(f, base, string_str(name), out);
    if (rc) return rc < 0 ? -1 : 0;
  }
  const struct native_row *row = registry_pick(f->program->options.registry, set, &base, 1, true);
  if (!row || row->native->flags & (NATIVE_STEPS | NATIVE_MUTATES)) {
    return lvalue_no_property(f, base, name);
  }
  struct call c = {.args = &base, .argc = 1};
  if (row->native->fn(f, &c)) {
    value_release(f->region, c.out);
    return -1;
  }
  *out = c.out;
  return 0;
}

/* Where index i, negative from the end, is among n; -1 after raising. */
static int64_t lvalue_position(struct fiber *f, enum vsl_error e, const char *what, int64_t i,
                               uint32_t n)
{
  int64_t at = i < 0 ? i + n : i;
  if (at >= 0 && at < n) return at;
  fiber_raise(f, e, "index %lld is out of bounds: the %s has %u %s", (long long)i, what, n,
              e == VSL_STRING_BOUNDS ? "characters" : "elements");
  fiber_detail(f, "index", value_int(i));
  return -1;
}

static int lvalue_wrong_key(struct fiber *f, const char *expecting, struct value key)
{
  return fiber_raise(f, VSL_TYPE, "expecting %s as index, got %s", expecting, value_type_name(key));
}

/* A range as positions [*from, *to) of n, clipped; negative starts count from the end. */
static void lvalue_clip(const struct range *r, uint32_t n, uint32_t *from, uint32_t *to)
{
  int64_t start = r->start < 0 ? (r->start + (int64_t)n < 0 ? 0 : r->start + (int64_t)n) : r->start;
  int64_t end = r->end < 0 ? r->end + (int64_t)n : r->end;
  if (range_is_inclusive(r) && end < INT64_MAX) end++;
  if (start > n) start = n;
  if (end > n) end = n;
  if (end < start) end = start;
  *from = (uint32_t)start;
  *to = (uint32_t)end;
}

static int lvalue_string_index(struct fiber *f, const struct string *s, struct value key,
                               struct value *out)
{
  uint32_t from, to;
  if ((key.type != VALUE_INT || !string_is_ascii(s)) && fiber_charge(f, s->n / 64)) return -1;
  if (key.type == VALUE_INT) {
    int64_t at = lvalue_position(f, VSL_STRING_BOUNDS, "string", key.as.i, s->chars);
    if (at < 0) return -1;
    *out = value_char(string_at(s, (size_t)at));
    return 0;
  }
  if (key.type != VALUE_RANGE) return lvalue_wrong_key(f, "i64 or range", key);
  lvalue_clip(key.as.range, s->chars, &from, &to);
  *out = value_string(f->region, string_slice(s, from, to));
  return out->type == VALUE_NONE ? fiber_full(f) : 0;
}

/* Position of a bit; negative ones count from the highest. */
static int lvalue_bit(struct fiber *f, struct value key)
{
  if (key.type != VALUE_INT) return lvalue_wrong_key(f, "i64", key);
  if (key.as.i >= -64 && key.as.i < 64) return (int)(key.as.i < 0 ? key.as.i + 64 : key.as.i);
  fiber_raise(f, VSL_BIT_BOUNDS, "bit %lld is out of bounds: an i64 has 64", (long long)key.as.i);
  return fiber_detail(f, "index", value_retain(key));
}

int lvalue_index(struct fiber *f, struct value base, struct value key, struct value *out)
{
  switch (base.type) {
  case VALUE_ARRAY:
  case VALUE_BLOB: {
    struct array *a = base.as.array;
    if (key.type != VALUE_INT) return lvalue_wrong_key(f, "i64", key);
    int64_t at = lvalue_position(f, VSL_ARRAY_BOUNDS, value_type_name(base), key.as.i, a->n);
    if (at < 0) return -1;
    *out = value_retain(a->items[at]);
    return 0;
  }
  case VALUE_MAP: {
    if (key.type != VALUE_STRING) return lvalue_wrong_key(f, "string", key);
    struct value *found = dict_find(f->region, base.as.map, key.as.string);
    *out = found ? value_retain(*found) : value_unit();
    return 0;
  }
  case VALUE_STRING: return lvalue_string_index(f, base.as.string, key, out);
  case VALUE_INT: {
    int bit = lvalue_bit(f, key);
    if (bit < 0) return -1;
    *out = value_bool((uint64_t)base.as.i >> bit & 1);
    return 0;
  }
  default:
    return fiber_raise(f, VSL_INDEXING, "a value of type '%s' cannot be indexed",
                       value_type_name(base));
  }
}

/* The root as it is now; borrowed. False: raised. */
static bool lvalue_root_value(struct fiber *f, const uint32_t *path, struct value *at,
                              struct value *out)
{
  struct frame *frame = fiber_frame(f);
  switch (lvalue_root(path)) {
  case PATH_TEMP:
  case PATH_TEMP_CONST: *out = at[0]; return true;
  case PATH_THIS:
    *out = frame->self;
    if (out->type != VALUE_NONE) return true;
    f->spot = path + 1;
    fiber_raise(f, VSL_THIS, "'this' is not bound to anything here");
    return false;
  default:
    *out = f->stack[frame->base + path[1]];
    if (out->type == VALUE_CELL) *out = lvalue_cell(f, out->as.cell);
    return true;
  }
}

/* One step on; *out is owned. */
static int lvalue_step(struct fiber *f, struct value base, const uint32_t *step, struct value key,
                       struct value *out)
{
  f->spot = step;
  int rc = (*step & 0xFF) == PATH_PROPERTY
               ? lvalue_property(f, base, lvalue_name(f, step), step[1], out)
               : lvalue_index(f, base, key, out);
  if (!rc) f->spot = NULL;
  return rc;
}

int lvalue_read(struct fiber *f, const uint32_t *path, struct value *at, struct value *out)
{
  struct value now;
  if (!lvalue_root_value(f, path, at, &now)) return -1;
  const uint32_t *step = path + 2;
  struct value *key = at + lvalue_is_temp(path);
  value_retain(now);
  for (uint32_t n = lvalue_steps(path); n; n--, step = lvalue_next(step)) {
    struct value next;
    bool property = (*step & 0xFF) == PATH_PROPERTY;
    int rc = lvalue_step(f, now, step, property ? value_unit() : *key, &next);
    if (!property) key++;
    value_release(f->region, now);
    if (rc) return -1;
    now = next;
  }
  *out = now;
  return 0;
}

/* ---- writing --------------------------------------------------------------------------------- */

/* A value that is no place, to walk on from. */
static struct value *lvalue_hold(struct fiber *f, struct value taken)
{
  value_set(f->region, &f->hold, taken);
  return &f->hold;
}

static struct value *lvalue_root_find(struct fiber *f, const uint32_t *path, struct value *at)
{
  struct frame *frame = fiber_frame(f);
  switch (lvalue_root(path)) {
  case PATH_TEMP: return &at[0];
  case PATH_THIS:
    if (frame->self.type == VALUE_NONE) {
      f->spot = path + 1;
      fiber_raise(f, VSL_THIS, "'this' is not bound to anything here");
      return NULL;
    }
    if (frame->path && lvalue_is_const(frame->path)) {
      f->spot = path + 1;
      fiber_raise(f, VSL_CONSTANT, "'this' is a constant here");
      return NULL;
    }
    frame->flags |= FRAME_CHANGED;
    return &frame->self;
  case PATH_LOCAL: return lvalue_slot(f, &f->stack[frame->base + path[1]]);
  default: fiber_raise(f, VSL_CONSTANT, "a constant cannot be changed"); return NULL;
  }
}

static struct value *lvalue_step_map(struct fiber *f, struct value *base, struct string *key)
{
  if (value_own(f, base)) return NULL;
  struct value *found = dict_find(f->region, base->as.map, key);
  return found ? found : lvalue_hold(f, value_unit());
}

static struct value *lvalue_step_array(struct fiber *f, struct value *base, struct value key)
{
  int64_t at =
      lvalue_position(f, VSL_ARRAY_BOUNDS, value_type_name(*base), key.as.i, base->as.array->n);
  if (at < 0) return NULL;
  if (value_own(f, base)) return NULL;
  return &base->as.array->items[at];
}

static struct value *lvalue_step_find(struct fiber *f, struct value *base, const uint32_t *step,
                                      struct value key)
{
  bool property = (*step & 0xFF) == PATH_PROPERTY;
  f->spot = step;
  struct value *next, value;
  if (base->type == VALUE_MAP && (property || key.type == VALUE_STRING)) {
    next = lvalue_step_map(f, base, property ? lvalue_name(f, step) : key.as.string);
  } else if (base->type == VALUE_ARRAY && !property && key.type == VALUE_INT) {
    next = lvalue_step_array(f, base, key);
  } else {
    next = lvalue_step(f, *base, step, key, &value) ? NULL : lvalue_hold(f, value);
  }
  if (next) f->spot = NULL;
  return next;
}

/* The key of step n, which may be none. */
static struct value lvalue_key(const uint32_t *path, struct value *at, uint32_t n)
{
  const uint32_t *step = path + 2;
  struct value *key = at + lvalue_is_temp(path);
  for (; n; n--, step = lvalue_next(step)) key += (*step & 0xFF) == PATH_INDEX;
  return (*step & 0xFF) == PATH_INDEX ? *key : value_unit();
}

struct value *lvalue_find(struct fiber *f, const uint32_t *path, struct value *at, uint32_t n)
{
  struct value *base = lvalue_root_find(f, path, at);
  const uint32_t *step = path + 2;
  struct value *key = at + lvalue_is_temp(path);
  for (; n && base; n--, step = lvalue_next(step)) {
    bool property = (*step & 0xFF) == PATH_PROPERTY;
    base = lvalue_step_find(f, base, step, property ? value_unit() : *key);
    if (!property) key++;
  }
  return base;
}

static int lvalue_set_string(struct fiber *f, struct value *base, struct value key, struct value v)
{
  struct string *s = base->as.string;
  uint32_t from, to;
  char bytes[4];
  str text = {bytes, 0};
  if (fiber_charge(f, s->n / 64)) return -1;
  if (key.type == VALUE_INT) {
    if (v.type != VALUE_CHAR) {
      return fiber_raise(f, VSL_TYPE, "expecting char as element of a string, got %s",
                         value_type_name(v));
    }
    int64_t at = lvalue_position(f, VSL_STRING_BOUNDS, "string", key.as.i, s->chars);
    if (at < 0) return -1;
    from = (uint32_t)at;
    to = from + 1;
    text.n = utf8_put(bytes, (int32_t)v.as.c);
  } else if (key.type == VALUE_RANGE) {
    if (v.type != VALUE_STRING) {
      return fiber_raise(f, VSL_TYPE, "expecting string in place of a part of a string, got %s",
                         value_type_name(v));
    }
    lvalue_clip(key.as.range, s->chars, &from, &to);
    text = value_str(v);
  } else {
    return lvalue_wrong_key(f, "i64 or range", key);
  }
  int rc = string_splice(f->region, base, string_offset(s, from), string_offset(s, to), text);
  return rc ? fiber_full(f) : 0;
}

static int lvalue_set_bit(struct fiber *f, struct value *base, struct value key, struct value v)
{
  int bit = lvalue_bit(f, key);
  if (bit < 0) return -1;
  if (v.type != VALUE_BOOL) {
    return fiber_raise(f, VSL_TYPE, "expecting bool for a bit, got %s", value_type_name(v));
  }
  uint64_t mask = (uint64_t)1 << bit, bits = (uint64_t)base->as.i;
  base->as.i = (int64_t)(v.as.b ? bits | mask : bits & ~mask);
  return 0;
}

static int lvalue_set_map(struct fiber *f, struct value *base, struct string *key,
                          struct value taken)
{
  if (value_own(f, base)) {
    value_release(f->region, taken);
    return -1;
  }
  return dict_set(f->region, base, key, taken) ? fiber_full(f) : 0;
}

int lvalue_set_index(struct fiber *f, struct value *base, struct value key, struct value taken)
{
  struct value *element;
  int rc = -1;
  switch (base->type) {
  case VALUE_ARRAY:
    if (key.type != VALUE_INT) {
      lvalue_wrong_key(f, "i64", key);
      break;
    }
    element = lvalue_step_array(f, base, key);
    if (!element) break;
    value_set(f->region, element, taken);
    return 0;
  case VALUE_BLOB:
    if (key.type != VALUE_INT || taken.type != VALUE_INT) {
      lvalue_wrong_key(f, "i64", key.type != VALUE_INT ? key : taken);
      break;
    }
    element = lvalue_step_array(f, base, key);
    if (!element) break;
    *element = value_int(taken.as.i & 0xFF);
    return 0;
  case VALUE_MAP:
    if (key.type == VALUE_STRING) return lvalue_set_map(f, base, key.as.string, taken);
    lvalue_wrong_key(f, "string", key);
    break;
  case VALUE_STRING: rc = lvalue_set_string(f, base, key, taken); break;
  case VALUE_INT: rc = lvalue_set_bit(f, base, key, taken); break;
  default:
    fiber_raise(f, VSL_INDEXING, "a value of type '%s' cannot be indexed", value_type_name(*base));
  }
  value_release(f->region, taken);
  return rc;
}

/* The last step: base.name = taken or base[key] = taken. */
static int lvalue_set_step(struct fiber *f, struct value *base, const uint32_t *step,
                           struct value key, struct value taken)
{
  int rc;
  f->spot = step;
  if ((*step & 0xFF) == PATH_INDEX) {
    rc = lvalue_set_index(f, base, key, taken);
  } else if (base->type == VALUE_MAP) {
    rc = lvalue_set_map(f, base, lvalue_name(f, step), taken);
  } else {
    value_release(f->region, taken);
    fiber_raise(f, VSL_DOT, "property '" STR_FMT "' of a value of type '%s' cannot be set",
                STR_ARG(string_str(lvalue_name(f, step))), value_type_name(*base));
    rc = fiber_detail(f, "property",
                      value_retain(VALUE_MAKE(VALUE_STRING, string, lvalue_name(f, step))));
  }
  if (!rc) f->spot = NULL;
  return rc;
}

static const uint32_t *lvalue_last(const uint32_t *path)
{
  const uint32_t *step = path + 2;
  for (uint32_t n = lvalue_steps(path); n > 1; n--) step = lvalue_next(step);
  return step;
}

int lvalue_write(struct fiber *f, const uint32_t *path, struct value *at, struct value taken)
{
  uint32_t n = lvalue_steps(path);
  struct value *base = lvalue_find(f, path, at, n ? n - 1 : 0);
  if (!base) {
    value_release(f->region, taken);
    return -1;
  }
  if (n) return lvalue_set_step(f, base, lvalue_last(path), lvalue_key(path, at, n - 1), taken);
  value_set(f->region, base, taken);
  return 0;
}

/* Is the element or property a place of its own, to be changed where it is? base is own already. */
static struct value *lvalue_direct(struct fiber *f, struct value *base, const uint32_t *step,
                                   struct value key)
{
  bool property = (*step & 0xFF) == PATH_PROPERTY;
  if (base->type == VALUE_MAP && (property || key.type == VALUE_STRING)) {
    struct string *name = property ? lvalue_name(f, step) : key.as.string;
    return dict_find(f->region, base->as.map, name);
  }
  if (base->type != VALUE_ARRAY || property || key.type != VALUE_INT) return NULL;
  struct array *a = base->as.array;
  int64_t at = key.as.i < 0 ? key.as.i + a->n : key.as.i;
  return at < 0 || at >= a->n ? NULL : &a->items[at];
}

int lvalue_compound(struct fiber *f, const uint32_t *path, struct value *at, enum value_op op,
                    struct value b)
{
  uint32_t n = lvalue_steps(path);
  const uint32_t *step = lvalue_last(path);
  struct value *base = lvalue_find(f, path, at, n ? n - 1 : 0), key, now;
  if (!base) return -1;
  if (!n) return value_compound(f, op, base, b);
  if (value_own(f, base)) return -1;
  key = lvalue_key(path, at, n - 1);
  struct value *direct = lvalue_direct(f, base, step, key);
  if (direct) return value_compound(f, op, direct, b);
  if (lvalue_step(f, *base, step, key, &now)) return -1;
  if (value_compound(f, op, &now, b)) {
    value_release(f->region, now);
    return -1;
  }
  return lvalue_set_step(f, base, step, key, now);
}
