/* rules/vsl/value.c: operations on values of any type: operators, equality, order, containment.
 *
 * Law: what has no meaning is an error naming the operator and both types, never a guess; the
 * exceptions are == and < between unrelated types, which are false (rules/README.md#operators).
 */
#include "vsl.h"

#include <math.h>

/* ORDER VALUE_TYPE. Ranges and objects have names of their own. */
static const char *const value_type_names[VALUE_TYPES] = {
    "()",    "bool", "i64", "f64",   "char", "timestamp", "()",  "string",
    "array", "map",  "Fn",  "range", "blob", "object",    "cell"};

/* ORDER VALUE_OP */
static const char *const value_op_names[VALUE_OPS] = {
    "+",  "-", "*",  "/", "%",  "**", "<<",  ">>",       "&", "|", "^", "==",
    "!=", "<", "<=", ">", ">=", "..", "..=", "contains", "-", "+", "!"};

const char *value_type_name(struct value v)
{
  if (v.type == VALUE_RANGE && range_is_inclusive(v.as.range)) return "range=";
  if (v.type == VALUE_OBJECT) return v.as.object->type->name;
  return value_type_names[v.type];
}

/* ---- as text --------------------------------------------------------------------------------- */

/* Raises why value_text gave up. */
static int value_untold(struct fiber *f, const struct buf *out)
{
  if (!buf_ok(out)) return fiber_full(f);
  return fiber_raise(f, VSL_SIZE, "a %s nested more than %d deep has no text", "collection",
                     VALUE_DEPTH_MAX);
}

int value_append_text(struct fiber *f, struct value *string, struct value v, bool debug)
{
  struct region *r = fiber_region(f);
  char tmp[VALUE_TEXT_SHORT];
  str text;
  if (!debug && value_text_short(v, tmp, &text)) {
    if (text.n >= 64 && fiber_charge(f, text.n / 64)) return -1;
    return string_append(r, string, text) ? fiber_full(f) : 0;
  }
  struct buf out = BUF_INIT(region_string_max(r));
  int rc = -1;
  if (value_text(v, debug, &out))
    value_untold(f, &out);
  else if (fiber_charge(f, out.n / 64))
    rc = -1;
  else if (string_append(r, string, buf_str(&out)))
    fiber_full(f);
  else
    rc = 0;
  buf_free(&out);
  return rc;
}

struct value value_to_string(struct fiber *f, struct value v, bool debug)
{
  if (v.type == VALUE_STRING && !debug) return value_retain(v);
  struct region *r = fiber_region(f);
  struct buf out = BUF_INIT(region_string_max(r));
  struct value told = {.type = VALUE_NONE};
  char tmp[VALUE_TEXT_SHORT];
  str text;
  if (!debug && value_text_short(v, tmp, &text)) {
    told = value_string(r, text);
    if (told.type == VALUE_NONE) fiber_full(f);
  } else if (value_text(v, debug, &out)) {
    value_untold(f, &out);
  } else if (!fiber_charge(f, out.n / 64)) {
    told = value_string(r, buf_str(&out));
    if (told.type == VALUE_NONE) fiber_full(f);
  }
  buf_free(&out);
  return told;
}

/* ---- numbers --------------------------------------------------------------------------------- */

/* An int against a float that is a number, as exact as the two are. */
static int value_int_against(int64_t i, double x)
{
  if (x >= 9223372036854775808.0) return -1;
  if (x < -9223372036854775808.0) return 1;
  int64_t whole = (int64_t)x;
  if (i != whole) return i < whole ? -1 : 1;
  double rest = x - (double)whole;
  return rest > 0 ? -1 : rest < 0;
}

/* false: one of them is not a number in the IEEE sense, hence in no order with anything. */
static bool value_number_order(struct value a, struct value b, int *order)
{
  if ((a.type == VALUE_FLOAT && isnan(a.as.f)) || (b.type == VALUE_FLOAT && isnan(b.as.f)))
    return false;
  if (a.type == VALUE_INT && b.type == VALUE_INT)
    *order = a.as.i < b.as.i ? -1 : a.as.i > b.as.i;
  else if (a.type == VALUE_INT)
    *order = value_int_against(a.as.i, b.as.f);
  else if (b.type == VALUE_INT)
    *order = -value_int_against(b.as.i, a.as.f);
  else
    *order = a.as.f < b.as.f ? -1 : a.as.f > b.as.f;
  return true;
}

double value_to_double(struct value v)
{
  return v.type == VALUE_INT ? (double)v.as.i : v.as.f;
}

/* By squaring. false: overflow. */
static bool value_int_power(int64_t base, int64_t exponent, int64_t *out)
{
  int64_t result = 1;
  while (exponent > 0) {
    if ((exponent & 1) && __builtin_mul_overflow(result, base, &result)) return false;
    exponent >>= 1;
    if (exponent && __builtin_mul_overflow(base, base, &base)) return false;
  }
  *out = result;
  return true;
}

static int64_t value_shift_left(int64_t x, uint64_t n)
{
  return n > 63 ? 0 : (int64_t)((uint64_t)x << n);
}

static int64_t value_shift_right(int64_t x, uint64_t n)
{
  if (n > 63) return x < 0 ? -1 : 0;
  return x < 0 ? ~(int64_t)(~(uint64_t)x >> n) : x >> n;
}

/* A negative count shifts the other way. */
static int64_t value_shift(int64_t x, int64_t n, bool left)
{
  if (n < 0) left = !left;
  uint64_t count = n < 0 ? -(uint64_t)n : (uint64_t)n;
  return left ? value_shift_left(x, count) : value_shift_right(x, count);
}

static int value_overflow(struct fiber *f, enum value_op op, int64_t a, int64_t b)
{
  return fiber_raise(f, VSL_ARITHMETIC, "integer overflow: %lld %s %lld", (long long)a,
                     value_op_names[op], (long long)b);
}

static int value_divide(struct fiber *f, enum value_op op, int64_t a, int64_t b, int64_t *out)
{
  if (b == 0)
    return fiber_raise(f, VSL_ARITHMETIC, "division by zero: %lld %s 0", (long long)a,
                       value_op_names[op]);
  if (b == -1) { /* the one quotient that does not fit, and the trap in its remainder */
    if (op == VALUE_DIV && a == INT64_MIN) return value_overflow(f, op, a, b);
    *out = op == VALUE_DIV ? -a : 0;
    return 0;
  }
  *out = op == VALUE_DIV ? a / b : a % b;
  return 0;
}

/* 1: this operator is not defined for ints. */
static int value_int_op(struct fiber *f, enum value_op op, int64_t a, int64_t b, int64_t *out)
{
  bool over = false;
  switch (op) {
  case VALUE_ADD: over = __builtin_add_overflow(a, b, out); break;
  case VALUE_SUB: over = __builtin_sub_overflow(a, b, out); break;
  case VALUE_MUL: over = __builtin_mul_overflow(a, b, out); break;
  case VALUE_DIV:
  case VALUE_MOD: return value_divide(f, op, a, b, out);
  case VALUE_POW:
    if (b < 0)
      return fiber_raise(f, VSL_ARITHMETIC, "negative power: %lld ** %lld", (long long)a,
                         (long long)b);
    over = !value_int_power(a, b, out);
    break;
  case VALUE_SHL: *out = value_shift(a, b, true); break;
  case VALUE_SHR: *out = value_shift(a, b, false); break;
  case VALUE_AND: *out = a & b; break;
  case VALUE_OR: *out = a | b; break;
  case VALUE_XOR: *out = a ^ b; break;
  default: return 1;
  }
  return over ? value_overflow(f, op, a, b) : 0;
}

static int value_float_op(enum value_op op, double a, double b, double *out)
{
  switch (op) {
  case VALUE_ADD: *out = a + b; return 0;
  case VALUE_SUB: *out = a - b; return 0;
  case VALUE_MUL: *out = a * b; return 0;
  case VALUE_DIV: *out = a / b; return 0;
  case VALUE_MOD: *out = fmod(a, b); return 0;
  case VALUE_POW: *out = pow(a, b); return 0;
  default: return 1;
  }
}

/* ---- equality and order ---------------------------------------------------------------------- */

/* Besides true, false and raised: two values of one type that has no ==, and two that their types
 * refuse to compare. Callers decide whether that is an error or a difference. */
enum { VALUE_NO_OPERATOR = -2, VALUE_INCOMPARABLE = -3 };

str value_bytes(struct value v, char tmp[4])
{
  if (v.type == VALUE_STRING) return value_str(v);
  return (str){tmp, utf8_put(tmp, (int32_t)v.as.c)};
}

static bool value_is_text(struct value v)
{
  return v.type == VALUE_STRING || v.type == VALUE_CHAR;
}

/* Long strings are compared at the cost of whoever compares them. */
static int value_charge_text(struct fiber *f, struct value a, struct value b)
{
  if (a.type != VALUE_STRING || b.type != VALUE_STRING) return 0;
  uint32_t n = a.as.string->n < b.as.string->n ? a.as.string->n : b.as.string->n;
  return n < 64 ? 0 : fiber_charge(f, n / 64);
}

static int value_same_text(struct fiber *f, struct value a, struct value b)
{
  char x[4], y[4];
  str left = value_bytes(a, x), right = value_bytes(b, y);
  if (left.n != right.n) return 0;
  return value_charge_text(f, a, b) ? -1 : str_eq(left, right);
}

static int value_same(struct fiber *f, struct value a, struct value b, int depth);

static int value_same_arrays(struct fiber *f, const struct array *a, const struct array *b,
                             int depth)
{
  if (a->n != b->n) return 0;
  if (fiber_charge(f, 1 + a->n / 8)) return -1;
  for (uint32_t i = 0; i < a->n; i++) {
    int same = value_same(f, a->items[i], b->items[i], depth);
    if (same != 1) return same == VALUE_INCOMPARABLE ? 0 : same;
  }
  return 1;
}

static int value_same_maps(struct fiber *f, const struct dict *a, const struct dict *b, int depth)
{
  if (a->n != b->n) return 0;
  if (fiber_charge(f, 1 + a->n / 4)) return -1;
  for (uint32_t i = 0; i < a->n; i++) {
    struct value *other = dict_find(fiber_region(f), b, a->entries[i].key);
    int same = other ? value_same(f, a->entries[i].value, *other, depth) : 0;
    if (same != 1) return same == VALUE_INCOMPARABLE ? 0 : same;
  }
  return 1;
}

static bool value_same_blobs(const struct array *a, const struct array *b)
{
  if (a->n != b->n) return false;
  for (uint32_t i = 0; i < a->n; i++)
    if (a->items[i].as.i != b->items[i].as.i) return false;
  return true;
}

/* What the types of objects say: the left one is asked first. */
static int value_same_objects(struct fiber *f, struct value a, struct value b)
{
  const struct object_type *left = a.type == VALUE_OBJECT ? a.as.object->type : NULL;
  const struct object_type *right = b.type == VALUE_OBJECT ? b.as.object->type : NULL;
  int same = 0;
  if (left && left->equals)
    same = left->equals(f, a, b);
  else if (left && right)
    same = a.as.object == b.as.object;
  if (!same && right && right != left && right->equals) same = right->equals(f, a, b);
  return same == -2 ? VALUE_INCOMPARABLE : same;
}

static bool value_same_ranges(const struct range *a, const struct range *b)
{
  return a->start == b->start && a->end == b->end && range_is_inclusive(a) == range_is_inclusive(b);
}

static int value_same(struct fiber *f, struct value a, struct value b, int depth)
{
  int order;
  if (value_is_number(a) && value_is_number(b))
    return value_number_order(a, b, &order) && order == 0;
  if (value_is_text(a) && value_is_text(b)) return value_same_text(f, a, b);
  if (a.type == VALUE_OBJECT || b.type == VALUE_OBJECT) return value_same_objects(f, a, b);
  if (a.type != b.type) return 0;
  if (depth >= VALUE_DEPTH_MAX)
    return fiber_raise(f, VSL_SIZE, "values nested more than %d deep cannot be compared",
                       VALUE_DEPTH_MAX);
  switch ((enum value_type)a.type) {
  case VALUE_UNIT: return 1;
  case VALUE_BOOL: return a.as.b == b.as.b;
  case VALUE_TIME: return a.as.i == b.as.i;
  case VALUE_ARRAY: return value_same_arrays(f, a.as.array, b.as.array, depth + 1);
  case VALUE_MAP: return value_same_maps(f, a.as.map, b.as.map, depth + 1);
  case VALUE_RANGE: return value_same_ranges(a.as.range, b.as.range);
  case VALUE_BLOB: return value_same_blobs(a.as.array, b.as.array);
  default: return VALUE_NO_OPERATOR;
  }
}

static int value_undefined(struct fiber *f, enum value_op op, struct value a, struct value b)
{
  return fiber_raise(f, VSL_FUNCTION, "%s (%s, %s)", value_op_names[op], value_type_name(a),
                     value_type_name(b));
}

static int value_equality(struct fiber *f, enum value_op op, struct value a, struct value b)
{
  int same = value_same(f, a, b, 0);
  if (same == VALUE_INCOMPARABLE)
    return fiber_raise(f, VSL_RUNTIME, "cannot compare a '%s' with a '%s'", value_type_name(a),
                       value_type_name(b));
  if (same == VALUE_NO_OPERATOR) {
    if (a.type == VALUE_FN) return value_undefined(f, op, a, b);
    return fiber_raise(f, VSL_FUNCTION, "%s (Fn, Fn)", value_op_names[op]);
  }
  return same;
}

int value_equals(struct fiber *f, struct value a, struct value b)
{
  return value_equality(f, VALUE_EQ, a, b);
}

int value_matches(struct fiber *f, struct value a, struct value b)
{
  int same = value_same(f, a, b, 0);
  return same < -1 ? 0 : same;
}

/* Types that have an order: 1 and *order, 0 no order between these two, -1 not this pair. */
static int value_order(struct value a, struct value b, int *order)
{
  char x[4], y[4];
  if (value_is_number(a) && value_is_number(b)) return value_number_order(a, b, order);
  if (value_is_text(a) && value_is_text(b))
    *order = str_cmp(value_bytes(a, x), value_bytes(b, y));
  else if (a.type == VALUE_BOOL && b.type == VALUE_BOOL)
    *order = a.as.b - b.as.b;
  else if (a.type == VALUE_TIME && b.type == VALUE_TIME)
    *order = a.as.i < b.as.i ? -1 : a.as.i > b.as.i;
  else
    return -1;
  return 1;
}

/* Not-a-number stands behind all numbers, so that a sort has one meaning. */
int value_compare(struct fiber *f, struct value a, struct value b, int *order)
{
  int known = value_order(a, b, order);
  if (known < 0 || (a.type != b.type && !value_is_number(a)))
    return value_undefined(f, VALUE_LT, a, b);
  if (!known)
    *order = (a.type == VALUE_FLOAT && isnan(a.as.f)) - (b.type == VALUE_FLOAT && isnan(b.as.f));
  return 0;
}

static int value_ordering(struct fiber *f, enum value_op op, struct value a, struct value b,
                          struct value *out)
{
  if (value_charge_text(f, a, b)) return -1;
  int order = 0, known = value_order(a, b, &order);
  bool same_type = a.type == b.type && a.type != VALUE_UNIT;
  if (known < 0 && (same_type || a.type == VALUE_OBJECT || b.type == VALUE_OBJECT))
    return value_undefined(f, op, a, b);
  bool holds = op == VALUE_LT   ? order < 0
               : op == VALUE_LE ? order <= 0
               : op == VALUE_GT ? order > 0
                                : order >= 0;
  *out = value_bool(known == 1 && holds);
  return 0;
}

/* ---- containment ----------------------------------------------------------------------------- */

/* Is the item among these? A pair that cannot be compared is no match. */
static int value_among(struct fiber *f, const struct array *a, struct value item)
{
  const struct object_type *within = item.type == VALUE_OBJECT ? item.as.object->type : NULL;
  if (within && !within->within) within = NULL;
  if (fiber_charge(f, a->n / 8)) return -1;
  for (uint32_t i = 0; i < a->n; i++) {
    int found = within ? within->within(f, item, a->items[i]) : value_matches(f, a->items[i], item);
    if (found) return found;
  }
  return 0;
}

/* Objects are looked for by their text. */
static int value_text_holds(struct fiber *f, struct value container, struct value item)
{
  char tmp[4];
  if (fiber_charge(f, container.as.string->n / 64)) return -1;
  if (value_is_text(item)) return str_find(value_str(container), value_bytes(item, tmp)) >= 0;
  struct value text = value_to_string(f, item, false);
  if (text.type == VALUE_NONE) return -1;
  int found = str_find(value_str(container), value_str(text)) >= 0;
  value_release(fiber_region(f), text);
  return found;
}

static bool value_range_holds(const struct range *r, int64_t i)
{
  return i >= r->start && (range_is_inclusive(r) ? i <= r->end : i < r->end);
}

int value_contains(struct fiber *f, struct value container, struct value item)
{
  if (container.type == VALUE_ARRAY) return value_among(f, container.as.array, item);
  if (container.type == VALUE_MAP && item.type == VALUE_STRING)
    return dict_find(fiber_region(f), container.as.map, item.as.string) != NULL;
  if (container.type == VALUE_STRING && (value_is_text(item) || item.type == VALUE_OBJECT))
    return value_text_holds(f, container, item);
  if (container.type == VALUE_RANGE && item.type == VALUE_INT)
    return value_range_holds(container.as.range, item.as.i);
  if (container.type == VALUE_OBJECT && container.as.object->type->contains)
    return container.as.object->type->contains(f, container, item);
  return value_undefined(f, VALUE_IN, container, item);
}

/* ---- copy on write --------------------------------------------------------------------------- */

int value_own(struct fiber *f, struct value *place)
{
  struct region *r = fiber_region(f);
  if (!value_is_heap(*place) || heap_is_own(place->as.heap)) return 0;
  bool map = place->type == VALUE_MAP;
  if (!map && place->type != VALUE_ARRAY && place->type != VALUE_BLOB) return 0;
  if (fiber_charge(f, 1 + (map ? place->as.map->n / 4 : place->as.array->n / 8))) return -1;
  return (map ? dict_own(r, place) : array_own(r, place)) ? fiber_full(f) : 0;
}

/* ---- text and collections as operands -------------------------------------------------------- */

/* out = the display texts of a and b, one of which is a string or both are chars. */
static int value_concat(struct fiber *f, struct value a, struct value b, struct value *out)
{
  struct region *r = fiber_region(f);
  char x[VALUE_TEXT_SHORT], y[VALUE_TEXT_SHORT];
  str left, right;
  if (value_text_short(a, x, &left) && value_text_short(b, y, &right)) {
    if (fiber_charge(f, (left.n + right.n) / 64)) return -1;
    *out = value_of(string_join(r, left, right));
    return out->type == VALUE_NONE ? fiber_full(f) : 0;
  }
  *out = value_to_string(f, a, false);
  if (out->type == VALUE_NONE) return -1;
  if (!value_append_text(f, out, b, false)) return 0;
  value_release(r, value_take(out));
  return -1;
}

int value_remove_text(struct fiber *f, struct value *place, str needle)
{
  struct region *r = fiber_region(f);
  str rest = value_str(*place);
  if (fiber_charge(f, rest.n / 64)) return -1;
  ptrdiff_t at = needle.n ? str_find(rest, needle) : -1;
  if (at < 0) return 0;
  struct value left = value_string(r, STR(""));
  if (left.type == VALUE_NONE || string_reserve(r, &left, rest.n - needle.n)) goto full;
  for (; at >= 0; at = str_find(rest, needle)) {
    if (string_append(r, &left, str_sub(rest, 0, (size_t)at))) goto full;
    rest = str_skip(rest, (size_t)at + needle.n);
  }
  if (string_append(r, &left, rest)) goto full;
  value_set(r, place, left);
  return 0;
full:
  value_release(r, left);
  return fiber_full(f);
}

int value_merge(struct fiber *f, struct value *place, const struct dict *from, bool only_missing)
{
  struct region *r = fiber_region(f);
  if (fiber_charge(f, from->n / 4) || value_own(f, place)) return -1;
  for (uint32_t i = 0; i < from->n; i++) {
    const struct dict_entry *e = &from->entries[i];
    if (only_missing && dict_find(r, place->as.map, e->key)) continue;
    if (dict_set(r, place, e->key, value_retain(e->value))) return fiber_full(f);
  }
  return 0;
}

/* place op= b where that can be done in place: 0, -1, or 1: not one of these. */
static int value_in_place(struct fiber *f, enum value_op op, struct value *place, struct value b)
{
  struct region *r = fiber_region(f);
  char tmp[4];
  if (op == VALUE_ADD && place->type == VALUE_STRING) return value_append_text(f, place, b, false);
  if (op == VALUE_SUB && place->type == VALUE_STRING && value_is_text(b))
    return value_remove_text(f, place, value_bytes(b, tmp));
  if (op == VALUE_ADD && place->type == VALUE_ARRAY && b.type == VALUE_ARRAY) {
    if (fiber_charge(f, b.as.array->n / 8) || value_own(f, place)) return -1;
    return array_append(r, place, b.as.array->items, b.as.array->n) ? fiber_full(f) : 0;
  }
  if (op == VALUE_ADD && place->type == VALUE_MAP && b.type == VALUE_MAP)
    return value_merge(f, place, b.as.map, false);
  return 1;
}

/* a op b where a is a collection or text: 0, -1, or 1: not one of these. */
static int value_heap_op(struct fiber *f, enum value_op op, struct value a, struct value b,
                         struct value *out)
{
  if (op == VALUE_ADD && (a.type == VALUE_STRING || b.type == VALUE_STRING ||
                          (a.type == VALUE_CHAR && b.type == VALUE_CHAR)))
    return value_concat(f, a, b, out);
  *out = value_retain(a);
  int rc = value_in_place(f, op, out, b);
  if (rc) value_release(fiber_region(f), value_take(out));
  return rc;
}

/* ---- timestamps ------------------------------------------------------------------------------ */

static int value_time_op(struct fiber *f, enum value_op op, struct value a, struct value b,
                         struct value *out)
{
  if (op == VALUE_SUB && b.type == VALUE_TIME) {
    *out = value_float((double)(a.as.i - b.as.i) / 1e6);
    return 0;
  }
  if ((op != VALUE_ADD && op != VALUE_SUB) || !value_is_number(b)) return 1;
  double by = value_to_double(b) * 1e6;
  if (!(fabs(by) < 4e18))
    return fiber_raise(f, VSL_ARITHMETIC, "timestamp overflow: %g seconds", value_to_double(b));
  int64_t us = (int64_t)round(by), t;
  bool over = op == VALUE_ADD ? __builtin_add_overflow(a.as.i, us, &t)
                              : __builtin_sub_overflow(a.as.i, us, &t);
  if (over || t > INT64_MAX / 2 || t < INT64_MIN / 2)
    return fiber_raise(f, VSL_ARITHMETIC, "timestamp overflow: %g seconds", value_to_double(b));
  *out = VALUE_MAKE(VALUE_TIME, i, t);
  return 0;
}

/* ---- the operators --------------------------------------------------------------------------- */

static int value_range_op(struct fiber *f, enum value_op op, struct value a, struct value b,
                          struct value *out)
{
  if (a.type != VALUE_INT || b.type != VALUE_INT) return 1;
  *out = value_of(range_new(fiber_region(f), a.as.i, b.as.i, op == VALUE_RANGE_EQ));
  return out->type == VALUE_NONE ? fiber_full(f) : 0;
}

static int value_bool_op(enum value_op op, bool a, bool b, struct value *out)
{
  if (op == VALUE_AND)
    *out = value_bool(a && b);
  else if (op == VALUE_OR)
    *out = value_bool(a || b);
  else if (op == VALUE_XOR)
    *out = value_bool(a != b);
  else
    return 1;
  return 0;
}

/* + - * / % ** << >> & | ^: 0, -1, or 1: undefined for these types. */
static int value_arithmetic(struct fiber *f, enum value_op op, struct value a, struct value b,
                            struct value *out)
{
  int64_t i = 0;
  double x = 0;
  int rc = 1;
  if (a.type == VALUE_INT && b.type == VALUE_INT) {
    rc = value_int_op(f, op, a.as.i, b.as.i, &i);
    if (!rc) *out = value_int(i);
  } else if (value_is_number(a) && value_is_number(b)) {
    rc = value_float_op(op, value_to_double(a), value_to_double(b), &x);
    if (!rc) *out = value_float(x);
  } else if (a.type == VALUE_BOOL && b.type == VALUE_BOOL) {
    rc = value_bool_op(op, a.as.b, b.as.b, out);
  } else if (a.type == VALUE_TIME && b.type != VALUE_STRING) {
    rc = value_time_op(f, op, a, b, out);
  } else {
    rc = value_heap_op(f, op, a, b, out);
  }
  return rc;
}

static int value_unary(struct fiber *f, enum value_op op, struct value a, struct value *out)
{
  if (op == VALUE_NOT && a.type == VALUE_BOOL)
    *out = value_bool(!a.as.b);
  else if (op == VALUE_PLUS && value_is_number(a))
    *out = a;
  else if (op == VALUE_NEG && a.type == VALUE_FLOAT)
    *out = value_float(-a.as.f);
  else if (op == VALUE_NEG && a.type == VALUE_INT && a.as.i != INT64_MIN)
    *out = value_int(-a.as.i);
  else if (op == VALUE_NEG && a.type == VALUE_INT)
    return fiber_raise(f, VSL_ARITHMETIC, "integer overflow: -(%lld)", (long long)a.as.i);
  else
    return fiber_raise(f, VSL_FUNCTION, "%s (%s)", value_op_names[op], value_type_name(a));
  return 0;
}

int value_binary(struct fiber *f, enum value_op op, struct value a, struct value b,
                 struct value *out)
{
  int rc;
  switch (op) {
  case VALUE_EQ:
  case VALUE_NE:
    rc = value_equality(f, op, a, b);
    if (rc < 0) return -1;
    *out = value_bool((rc == 1) == (op == VALUE_EQ));
    return 0;
  case VALUE_LT:
  case VALUE_LE:
  case VALUE_GT:
  case VALUE_GE: return value_ordering(f, op, a, b, out);
  case VALUE_IN:
    rc = value_contains(f, b, a);
    if (rc < 0) return -1;
    *out = value_bool(rc == 1);
    return 0;
  case VALUE_NEG:
  case VALUE_PLUS:
  case VALUE_NOT: return value_unary(f, op, a, out);
  case VALUE_RANGE_OP:
  case VALUE_RANGE_EQ: rc = value_range_op(f, op, a, b, out); break;
  default: rc = value_arithmetic(f, op, a, b, out); break;
  }
  return rc == 1 ? value_undefined(f, op, a, b) : rc;
}

/* blob += byte, or the bytes of another. */
static int value_blob_add(struct fiber *f, struct value *place, struct value b)
{
  struct region *r = fiber_region(f);
  if (value_own(f, place)) return -1;
  if (b.type == VALUE_BLOB)
    return array_append(r, place, b.as.array->items, b.as.array->n) ? fiber_full(f) : 0;
  if (b.type != VALUE_INT) return value_undefined(f, VALUE_ADD, *place, b);
  return array_push(r, place, value_int(b.as.i & 0xff)) ? fiber_full(f) : 0;
}

int value_compound(struct fiber *f, enum value_op op, struct value *place, struct value b)
{
  struct region *r = fiber_region(f);
  int rc = 1;
  int64_t i;
  if (place->type == VALUE_INT && b.type == VALUE_INT) {
    rc = value_int_op(f, op, place->as.i, b.as.i, &i);
    if (!rc) place->as.i = i;
  } else if (op == VALUE_ADD && place->type == VALUE_BLOB) {
    rc = value_blob_add(f, place, b);
  } else {
    rc = value_in_place(f, op, place, b);
  }
  if (rc <= 0) return rc;
  if (op == VALUE_ADD && place->type == VALUE_ARRAY) {
    if (value_own(f, place)) return -1;
    return array_push(r, place, value_retain(b)) ? fiber_full(f) : 0;
  }
  struct value out;
  if (value_binary(f, op, *place, b, &out)) return -1;
  value_set(r, place, out);
  return 0;
}
