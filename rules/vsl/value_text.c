/* rules/vsl/value_text.c: how values read: the display and the debug form (rules/README.md#values).
 *
 * Inside a collection everything is in debug form, so that text and number, one element and two,
 * can be told apart. Floats are written with the fewest digits that read back as the same number.
 */
#include "vsl.h"

#include <math.h>

#define VALUE_TEXT_PLAIN_MIN 1e-13 /* floats outside are written with an exponent */
#define VALUE_TEXT_PLAIN_MAX 1e13

/* The shortest digits of a positive finite x, "d.ddde±n" as printf writes it. Up to 15 digits
 * survive in any normal number, so fewer need not be tried: their zeros are dropped afterwards. */
static void value_text_digits(double x, char out[40])
{
  int digits = x < 2.3e-308 ? 1 : 15;
  for (; digits <= 17; digits++) {
    snprintf(out, 40, "%.*e", digits - 1, x);
    if (strtod(out, NULL) == x) return;
  }
}

static void value_text_repeat(struct buf *out, char c, int n)
{
  while (n-- > 0) buf_putc(out, c);
}

void value_text_float(double x, struct buf *out)
{
  if (isnan(x)) {
    buf_puts(out, "NaN");
    return;
  }
  if (x == 0) {
    buf_puts(out, "0.0");
    return;
  }
  if (x < 0) buf_putc(out, '-');
  x = fabs(x);
  if (isinf(x)) {
    buf_puts(out, "inf");
    return;
  }
  char text[40], digits[24];
  value_text_digits(x, text);
  int n = 0;
  const char *p = text;
  for (; *p != 'e'; p++)
    if (*p != '.') digits[n++] = *p;
  while (n > 1 && digits[n - 1] == '0') n--;
  int exponent = (int)strtol(p + 1, NULL, 10);
  if (x >= VALUE_TEXT_PLAIN_MAX || x < VALUE_TEXT_PLAIN_MIN) {
    buf_putc(out, digits[0]);
    if (n > 1) buf_putc(out, '.');
    buf_add(out, digits + 1, (size_t)n - 1);
    buf_printf(out, "e%d", exponent);
  } else if (exponent < 0) {
    buf_puts(out, "0.");
    value_text_repeat(out, '0', -exponent - 1);
    buf_add(out, digits, (size_t)n);
  } else {
    int whole = exponent + 1 < n ? exponent + 1 : n;
    buf_add(out, digits, (size_t)whole);
    value_text_repeat(out, '0', exponent + 1 - whole);
    buf_putc(out, '.');
    if (whole < n)
      buf_add(out, digits + whole, (size_t)(n - whole));
    else
      buf_putc(out, '0');
  }
}

/* s between quotes, so that it reads back as a literal. */
static void value_text_quoted(struct buf *out, str s, char quote)
{
  buf_putc(out, quote);
  for (size_t i = 0; i < s.n; i++) {
    char c = s.p[i];
    const char *escape = c == '\n' ? "\\n" : c == '\r' ? "\\r" : c == '\t' ? "\\t" : NULL;
    if (escape) {
      buf_puts(out, escape);
      continue;
    }
    if (c == quote || c == '\\') buf_putc(out, '\\');
    buf_putc(out, c);
  }
  buf_putc(out, quote);
}

static str value_text_int(int64_t i, char tmp[VALUE_TEXT_SHORT])
{
  char *p = tmp + VALUE_TEXT_SHORT;
  uint64_t n = i < 0 ? -(uint64_t)i : (uint64_t)i;
  do *--p = (char)('0' + n % 10);
  while (n /= 10);
  if (i < 0) *--p = '-';
  return (str){p, (size_t)(tmp + VALUE_TEXT_SHORT - p)};
}

bool value_text_short(struct value v, char tmp[VALUE_TEXT_SHORT], str *out)
{
  switch ((enum value_type)v.type) {
  case VALUE_UNIT: *out = STR(""); return true;
  case VALUE_BOOL: *out = v.as.b ? STR("true") : STR("false"); return true;
  case VALUE_INT: *out = value_text_int(v.as.i, tmp); return true;
  case VALUE_CHAR:
  case VALUE_STRING: *out = value_bytes(v, tmp); return true;
  default: return false;
  }
}

static int value_text_at(struct value v, bool debug, struct buf *out, int depth);

static int value_text_array(const struct array *a, struct buf *out, int depth)
{
  buf_putc(out, '[');
  for (uint32_t i = 0; i < a->n; i++) {
    if (i) buf_puts(out, ", ");
    if (value_text_at(a->items[i], true, out, depth)) return -1;
  }
  buf_putc(out, ']');
  return 0;
}

static int value_text_by_key(const void *a, const void *b)
{
  const struct dict_entry *const *x = a, *const *y = b;
  return str_cmp(string_str((*x)->key), string_str((*y)->key));
}

const struct dict_entry **value_text_order(const struct dict *m)
{
  const struct dict_entry **order = mem_alloc(m->n * sizeof *order);
  if (!order) return NULL;
  for (uint32_t i = 0; i < m->n; i++) order[i] = &m->entries[i];
  if (!m->sorted) qsort(order, m->n, sizeof *order, value_text_by_key);
  return order;
}

static int value_text_map(const struct dict *m, struct buf *out, int depth)
{
  const struct dict_entry **order = value_text_order(m);
  if (!order) return -1;
  int rc = 0;
  buf_puts(out, "#{");
  for (uint32_t i = 0; i < m->n && !rc; i++) {
    if (i) buf_puts(out, ", ");
    value_text_quoted(out, string_str(order[i]->key), '"');
    buf_puts(out, ": ");
    rc = value_text_at(order[i]->value, true, out, depth);
  }
  buf_putc(out, '}');
  mem_free(order);
  return rc;
}

static void value_text_blob(const struct array *a, struct buf *out)
{
  buf_putc(out, '[');
  for (uint32_t i = 0; i < a->n; i++) buf_printf(out, "%02x", (unsigned)a->items[i].as.i & 0xff);
  buf_putc(out, ']');
}

static void value_text_char(uint32_t c, bool debug, struct buf *out)
{
  char bytes[4];
  str s = {bytes, utf8_put(bytes, (int32_t)c)};
  if (debug)
    value_text_quoted(out, s, '\'');
  else
    buf_str_add(out, s);
}

static void value_text_fn(struct value v, struct buf *out)
{
  str name = fn_name(v);
  buf_printf(out, "Fn(" STR_FMT ")", STR_ARG(name.n ? name : STR("closure")));
}

static void value_text_range(const struct range *r, struct buf *out)
{
  buf_printf(out, "%lld..%s%lld", (long long)r->start, range_is_inclusive(r) ? "=" : "",
             (long long)r->end);
}

static void value_text_object(const struct object *o, bool debug, struct buf *out)
{
  if (o->type->text)
    o->type->text(o, debug, out);
  else
    buf_puts(out, o->type->name);
}

static int value_text_at(struct value v, bool debug, struct buf *out, int depth)
{
  char tmp[VALUE_TEXT_SHORT];
  if (depth > VALUE_DEPTH_MAX || out->failed) return -1;
  switch ((enum value_type)v.type) {
  case VALUE_UNIT:
  case VALUE_NONE:
    if (debug) buf_puts(out, "()");
    break;
  case VALUE_BOOL: buf_puts(out, v.as.b ? "true" : "false"); break;
  case VALUE_INT: buf_str_add(out, value_text_int(v.as.i, tmp)); break;
  case VALUE_FLOAT: value_text_float(v.as.f, out); break;
  case VALUE_CHAR: value_text_char(v.as.c, debug, out); break;
  case VALUE_TIME: buf_puts(out, "<timestamp>"); break;
  case VALUE_STRING:
    if (debug)
      value_text_quoted(out, value_str(v), '"');
    else
      buf_str_add(out, value_str(v));
    break;
  case VALUE_ARRAY: return value_text_array(v.as.array, out, depth + 1);
  case VALUE_MAP: return value_text_map(v.as.map, out, depth + 1);
  case VALUE_FN: value_text_fn(v, out); break;
  case VALUE_RANGE: value_text_range(v.as.range, out); break;
  case VALUE_BLOB: value_text_blob(v.as.array, out); break;
  case VALUE_OBJECT: value_text_object(v.as.object, debug, out); break;
  case VALUE_CELL: return value_text_at(v.as.cell->value, debug, out, depth + 1);
  case VALUE_TYPES: break;
  }
  return 0;
}

int value_text(struct value v, bool debug, struct buf *out)
{
  return value_text_at(v, debug, out, 0) || !buf_ok(out) ? -1 : 0;
}

#undef VALUE_TEXT_PLAIN_MIN
#undef VALUE_TEXT_PLAIN_MAX
