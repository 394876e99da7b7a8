/* rules/vsl/std_number.c: ints and floats (rules/README.md#numbers). Functions of analysis take an
 * int as the float of the same value. */
#include "std.h"

#include <math.h>

/* Some libms have no M_PI under strict C. */
#define STD_NUMBER_PI 3.14159265358979323846
#define STD_NUMBER_E  2.71828182845904523536

/* A native that applies a function of one float. */
#define STD_NUMBER_FLOAT(name, expression)                                                         \
  static int std_number_##name(struct fiber *f, struct call *c)                                    \
  {                                                                                                \
    (void)f;                                                                                       \
    double x = value_to_double(c->args[0]);                                                        \
    return std_give_float(c, expression);                                                          \
  }
STD_NUMBER_FLOAT(sqrt, sqrt(x))
STD_NUMBER_FLOAT(exp, exp(x))
STD_NUMBER_FLOAT(ln, log(x))
STD_NUMBER_FLOAT(log10, log10(x))
STD_NUMBER_FLOAT(sin, sin(x))
STD_NUMBER_FLOAT(cos, cos(x))
STD_NUMBER_FLOAT(tan, tan(x))
STD_NUMBER_FLOAT(asin, asin(x))
STD_NUMBER_FLOAT(acos, acos(x))
STD_NUMBER_FLOAT(atan, atan(x))
STD_NUMBER_FLOAT(sinh, sinh(x))
STD_NUMBER_FLOAT(cosh, cosh(x))
STD_NUMBER_FLOAT(tanh, tanh(x))
STD_NUMBER_FLOAT(degrees, x * 180 / STD_NUMBER_PI)
STD_NUMBER_FLOAT(radians, x *STD_NUMBER_PI / 180)
STD_NUMBER_FLOAT(floor, floor(x))
STD_NUMBER_FLOAT(ceiling, ceil(x))
STD_NUMBER_FLOAT(round, round(x))
STD_NUMBER_FLOAT(trunc, trunc(x))
STD_NUMBER_FLOAT(fraction, x - trunc(x))
STD_NUMBER_FLOAT(to_float, x)

/* A native that asks something of a number. */
#define STD_NUMBER_ASK(name, of_int, of_float)                                                     \
  static int std_number_##name(struct fiber *f, struct call *c)                                    \
  {                                                                                                \
    (void)f;                                                                                       \
    struct value v = c->args[0];                                                                   \
    return std_give_bool(c, v.type == VALUE_INT ? (of_int) : (of_float));                          \
  }
STD_NUMBER_ASK(is_odd, v.as.i & 1, false)
STD_NUMBER_ASK(is_even, !(v.as.i & 1), false)
STD_NUMBER_ASK(is_zero, v.as.i == 0, v.as.f == 0)
STD_NUMBER_ASK(is_nan, false, isnan(v.as.f))
STD_NUMBER_ASK(is_finite, true, isfinite(v.as.f))
STD_NUMBER_ASK(is_infinite, false, isinf(v.as.f))

static int std_number_pi(struct fiber *f, struct call *c)
{
  (void)f;
  return std_give_float(c, STD_NUMBER_PI);
}

static int std_number_e(struct fiber *f, struct call *c)
{
  (void)f;
  return std_give_float(c, STD_NUMBER_E);
}

/* The quotient of logarithms is a hair off for exact powers; where a rounded result is exact, it
 * is meant. */
static int std_number_log_base(struct fiber *f, struct call *c)
{
  (void)f;
  double x = value_to_double(c->args[0]), base = value_to_double(c->args[1]);
  double y = log(x) / log(base), whole = round(y);
  return std_give_float(c, isfinite(y) && pow(base, whole) == x ? whole : y);
}

static int std_number_hypot(struct fiber *f, struct call *c)
{
  (void)f;
  return std_give_float(c, hypot(value_to_double(c->args[0]), value_to_double(c->args[1])));
}

static int std_number_abs(struct fiber *f, struct call *c)
{
  struct value v = c->args[0];
  if (v.type == VALUE_FLOAT) return std_give_float(c, fabs(v.as.f));
  if (v.as.i == INT64_MIN)
    return fiber_raise(f, VSL_ARITHMETIC, "integer overflow: abs(%lld)", (long long)v.as.i);
  return std_give_int(c, v.as.i < 0 ? -v.as.i : v.as.i);
}

static int std_number_sign(struct fiber *f, struct call *c)
{
  struct value v = c->args[0];
  if (v.type == VALUE_FLOAT && isnan(v.as.f)) return fiber_raise(f, VSL_ARITHMETIC, "sign of NaN");
  double x = value_to_double(v);
  return std_give_int(c, x > 0 ? 1 : x < 0 ? -1 : 0);
}

/* min and max of two numbers, strings or chars. */
static int std_number_extreme(struct fiber *f, struct call *c, bool greater)
{
  struct value a = c->args[0], b = c->args[1];
  int order;
  if (value_is_number(a) && (a.type == VALUE_FLOAT || b.type == VALUE_FLOAT)) {
    double x = value_to_double(a), y = value_to_double(b);
    return std_give_float(c, greater ? fmax(x, y) : fmin(x, y));
  }
  if (value_compare(f, a, b, &order)) return -1;
  c->out = value_retain((greater ? order >= 0 : order <= 0) ? a : b);
  return NATIVE_DONE;
}

static int std_number_min(struct fiber *f, struct call *c)
{
  return std_number_extreme(f, c, false);
}

static int std_number_max(struct fiber *f, struct call *c)
{
  return std_number_extreme(f, c, true);
}

static int std_number_to_int(struct fiber *f, struct call *c)
{
  struct value v = c->args[0];
  if (v.type == VALUE_INT) return std_give_int(c, v.as.i);
  if (isnan(v.as.f)) return std_give_int(c, 0);
  if (!(v.as.f >= -9223372036854775808.0 && v.as.f < 9223372036854775808.0))
    return fiber_raise(f, VSL_ARITHMETIC, "integer overflow: to_int(%g)", v.as.f);
  return std_give_int(c, (int64_t)v.as.f);
}

/* ---- text to number and back ----------------------------------------------------------------- */

static int std_number_digit(char c)
{
  if (str_isdigit(c)) return c - '0';
  if (str_isalpha(c)) return str_lower(c) - 'a' + 10;
  return 99;
}

/* The whole of s, with optional sign, in a base: false if malformed or over 64 bits. */
static bool std_number_read_int(str s, int radix, int64_t *out)
{
  bool minus = s.n && s.p[0] == '-';
  if (s.n && (minus || s.p[0] == '+')) s = str_skip(s, 1);
  if (!s.n) return false;
  int64_t n = 0; /* negative, for there is one more of these */
  for (size_t i = 0; i < s.n; i++) {
    int digit = std_number_digit(s.p[i]);
    if (digit >= radix || __builtin_mul_overflow(n, radix, &n) ||
        __builtin_sub_overflow(n, digit, &n))
      return false;
  }
  if (!minus && n == INT64_MIN) return false;
  *out = minus ? n : -n;
  return true;
}

static int std_number_parse_int(struct fiber *f, struct call *c)
{
  str s = str_trim(value_str(c->args[0]));
  int64_t radix = c->argc > 1 ? c->args[1].as.i : 10, n;
  if (radix < 2 || radix > 36)
    return fiber_raise(f, VSL_ARITHMETIC, "parse_int: no radix %lld", (long long)radix);
  if (!std_number_read_int(s, (int)radix, &n))
    return fiber_raise(f, VSL_ARITHMETIC, "parse_int: not an i64: %s", log_q(s));
  return std_give_int(c, n);
}

static size_t std_number_digits(str s, size_t from)
{
  size_t n = 0;
  while (from + n < s.n && str_isdigit(s.p[from + n])) n++;
  return n;
}

/* [sign] digits [. digits] [e [sign] digits], or a word; strtod alone would take more. */
static bool std_number_is_float(str s)
{
  if (s.n && (s.p[0] == '-' || s.p[0] == '+')) s = str_skip(s, 1);
  if (str_ieq(s, STR("inf")) || str_ieq(s, STR("infinity")) || str_ieq(s, STR("nan"))) return true;
  size_t whole = std_number_digits(s, 0), at = whole, part = 0;
  if (at < s.n && s.p[at] == '.') {
    part = std_number_digits(s, at + 1);
    at += 1 + part;
  }
  if (whole + part == 0) return false;
  if (at < s.n && str_lower(s.p[at]) == 'e') {
    at++;
    if (at < s.n && (s.p[at] == '-' || s.p[at] == '+')) at++;
    size_t power = std_number_digits(s, at);
    if (!power) return false;
    at += power;
  }
  return at == s.n;
}

static int std_number_parse_float(struct fiber *f, struct call *c)
{
  str s = str_trim(value_str(c->args[0]));
  if (std_charge_bytes(f, s.n)) return -1;
  if (!std_number_is_float(s))
    return fiber_raise(f, VSL_ARITHMETIC, "parse_float: not a float: %s", log_q(s));
  return std_give_float(c, strtod(s.p, NULL)); /* white space or NUL follows it */
}

static int std_number_radix(struct fiber *f, struct call *c, unsigned bits)
{
  char text[64], *p = text + sizeof text;
  uint64_t n = (uint64_t)c->args[0].as.i;
  do *--p = "0123456789abcdef"[n & ((1u << bits) - 1)];
  while (n >>= bits);
  return std_give_value(f, c, value_string(fiber_region(f), (str){p, (size_t)(text + 64 - p)}));
}

static int std_number_to_hex(struct fiber *f, struct call *c)
{
  return std_number_radix(f, c, 4);
}

static int std_number_to_octal(struct fiber *f, struct call *c)
{
  return std_number_radix(f, c, 3);
}

static int std_number_to_binary(struct fiber *f, struct call *c)
{
  return std_number_radix(f, c, 1);
}

/* ---- bits ------------------------------------------------------------------------------------ */

static int std_number_bit(struct fiber *f, int64_t i, size_t *at)
{
  if (std_index(64, i, at)) return 0;
  return fiber_raise(f, VSL_BIT_BOUNDS, "bit %lld of an i64", (long long)i);
}

static uint64_t std_number_mask(struct std_span s)
{
  return (s.n > 63 ? UINT64_MAX : (1ull << s.n) - 1) << (s.from & 63);
}

static int std_number_get_bit(struct fiber *f, struct call *c)
{
  size_t at;
  if (std_number_bit(f, c->args[1].as.i, &at)) return -1;
  return std_give_bool(c, (uint64_t)c->args[0].as.i >> at & 1);
}

static int std_number_set_bit(struct fiber *f, struct call *c)
{
  size_t at;
  if (std_number_bit(f, c->args[1].as.i, &at)) return -1;
  uint64_t n = (uint64_t)c->args[0].as.i, bit = 1ull << at;
  c->args[0].as.i = (int64_t)(c->args[2].as.b ? n | bit : n & ~bit);
  return NATIVE_DONE;
}

/* The bits args[1]… speak of; a start outside is an error, the length is clipped. */
static int std_number_span(struct fiber *f, const struct call *c, struct std_span *s)
{
  size_t at;
  const struct value *v = &c->args[1];
  if (std_number_bit(f, v->type == VALUE_RANGE ? v->as.range->start : v->as.i, &at)) return -1;
  *s = v->type == VALUE_RANGE ? std_clip_range(64, v->as.range) : std_clip(64, v->as.i, v[1].as.i);
  return 0;
}

static int std_number_get_bits(struct fiber *f, struct call *c)
{
  struct std_span s;
  if (std_number_span(f, c, &s)) return -1;
  return std_give_int(c, (int64_t)(((uint64_t)c->args[0].as.i & std_number_mask(s)) >> s.from));
}

static int std_number_set_bits(struct fiber *f, struct call *c)
{
  struct std_span s;
  if (std_number_span(f, c, &s)) return -1;
  uint64_t mask = std_number_mask(s), bits = (uint64_t)c->args[c->argc - 1].as.i << s.from;
  c->args[0].as.i = (int64_t)(((uint64_t)c->args[0].as.i & ~mask) | (bits & mask));
  return NATIVE_DONE;
}

struct std_number_bits {
  struct object object;
  uint64_t n;
  size_t from, to;
};

static int std_number_bits_next(struct fiber *f, struct value self, int64_t *cursor,
                                struct value *out)
{
  (void)f;
  const struct std_number_bits *b = (const void *)self.as.object;
  size_t at = b->from + (size_t)(*cursor)++;
  if (at >= b->to) return 0;
  *out = value_bool(b->n >> at & 1);
  return 1;
}

static const struct object_type std_number_bits_type = {.name = "iterator",
                                                        .next = std_number_bits_next};

static int std_number_take_bits(struct fiber *f, struct call *c)
{
  struct std_span s = c->argc > 1 ? std_span_of(64, c, 1) : (struct std_span){0, 64};
  struct std_number_bits *b = (void *)object_new(fiber_region(f), &std_number_bits_type, sizeof *b);
  if (!b) return fiber_full(f);
  b->n = (uint64_t)c->args[0].as.i;
  b->from = s.from;
  b->to = s.from + s.n;
  return std_give(f, c, b);
}

static const struct native std_number_table[] = {
    {"abs", "n", 0, std_number_abs},
    {"sign", "n", 0, std_number_sign},
    {"min", "nn", 0, std_number_min},
    {"min", "ss", 0, std_number_min},
    {"min", "cc", 0, std_number_min},
    {"max", "nn", 0, std_number_max},
    {"max", "ss", 0, std_number_max},
    {"max", "cc", 0, std_number_max},
    {"is_odd", "i", NATIVE_PROPERTY, std_number_is_odd},
    {"is_even", "i", NATIVE_PROPERTY, std_number_is_even},
    {"is_zero", "n", NATIVE_PROPERTY, std_number_is_zero},
    {"to_float", "n", NATIVE_PROPERTY, std_number_to_float},
    {"to_int", "n", NATIVE_PROPERTY, std_number_to_int},
    {"floor", "f", NATIVE_PROPERTY, std_number_floor},
    {"ceiling", "f", NATIVE_PROPERTY, std_number_ceiling},
    {"round", "f", NATIVE_PROPERTY, std_number_round},
    {"int", "f", NATIVE_PROPERTY, std_number_trunc},
    {"fraction", "f", NATIVE_PROPERTY, std_number_fraction},
    {"sqrt", "n", 0, std_number_sqrt},
    {"exp", "n", 0, std_number_exp},
    {"ln", "n", 0, std_number_ln},
    {"log", "n", 0, std_number_log10},
    {"log", "nn", 0, std_number_log_base},
    {"sin", "n", 0, std_number_sin},
    {"cos", "n", 0, std_number_cos},
    {"tan", "n", 0, std_number_tan},
    {"asin", "n", 0, std_number_asin},
    {"acos", "n", 0, std_number_acos},
    {"atan", "n", 0, std_number_atan},
    {"sinh", "n", 0, std_number_sinh},
    {"cosh", "n", 0, std_number_cosh},
    {"tanh", "n", 0, std_number_tanh},
    {"hypot", "nn", 0, std_number_hypot},
    {"to_degrees", "n", 0, std_number_degrees},
    {"to_radians", "n", 0, std_number_radians},
    {"is_nan", "n", NATIVE_PROPERTY, std_number_is_nan},
    {"is_finite", "n", NATIVE_PROPERTY, std_number_is_finite},
    {"is_infinite", "n", NATIVE_PROPERTY, std_number_is_infinite},
    {"PI", "", 0, std_number_pi},
    {"E", "", 0, std_number_e},
    {"parse_int", "s|i", 0, std_number_parse_int},
    {"parse_float", "s", 0, std_number_parse_float},
    {"to_hex", "i", 0, std_number_to_hex},
    {"to_octal", "i", 0, std_number_to_octal},
    {"to_binary", "i", 0, std_number_to_binary},
    {"get_bit", "ii", 0, std_number_get_bit},
    {"set_bit", "iib", NATIVE_MUTATES, std_number_set_bit},
    {"get_bits", "iii", 0, std_number_get_bits},
    {"get_bits", "ir", 0, std_number_get_bits},
    {"set_bits", "iiii", NATIVE_MUTATES, std_number_set_bits},
    {"set_bits", "iri", NATIVE_MUTATES, std_number_set_bits},
    {"bits", "i|ii", 0, std_number_take_bits},
    {"bits", "ir", 0, std_number_take_bits},
};

int std_number_add(struct registry *g)
{
  return registry_add(g, std_number_table, BASE_COUNT(std_number_table));
}

#undef STD_NUMBER_PI
#undef STD_NUMBER_E
#undef STD_NUMBER_FLOAT
#undef STD_NUMBER_ASK
