/* rules/vsl/json.c: JSON text to values and back (RFC 8259).
 *
 * null is (), whole numbers that fit are ints, other numbers floats. Nesting is bounded, so a
 * stranger's text cannot reach the end of the stack.
 */
#include "json.h"

#include <math.h>

#include "std.h"

/* ---- reading --------------------------------------------------------------------------------- */

struct json_reader {
  struct region *region;
  str text;
  size_t at;
  int depth;
  const char *fault;
};

static int json_fail(struct json_reader *j, const char *what)
{
  if (!j->fault) j->fault = what;
  return -1;
}

/* The next byte, NUL at the end; a NUL in the text is never legal outside a string either. */
static char json_peek(const struct json_reader *j)
{
  return j->at < j->text.n ? j->text.p[j->at] : '\0';
}

static void json_space(struct json_reader *j)
{
  for (;; j->at++) {
    char c = json_peek(j);
    if (c != ' ' && c != '\t' && c != '\r' && c != '\n') return;
  }
}

static bool json_skip(struct json_reader *j, char c)
{
  if (json_peek(j) != c) return false;
  j->at++;
  return true;
}

static int json_hex4(struct json_reader *j, uint32_t *out)
{
  uint64_t n;
  str digits = str_sub(j->text, j->at, j->at + 4);
  for (size_t i = 0; i < 4; i++)
    if (i >= digits.n || !(str_isdigit(digits.p[i]) ||
                           (str_lower(digits.p[i]) >= 'a' && str_lower(digits.p[i]) <= 'f')))
      return json_fail(j, "four hex digits expected");
  if (str_to_u64(digits, &n, 16)) return json_fail(j, "four hex digits expected");
  j->at += 4;
  *out = (uint32_t)n;
  return 0;
}

/* Behind \u: one code point, which may be written as a pair of surrogates. */
static int json_unicode(struct json_reader *j, uint32_t *out)
{
  uint32_t low;
  if (json_hex4(j, out)) return -1;
  if (*out < 0xD800 || *out > 0xDFFF) return 0;
  if (*out > 0xDBFF || !json_skip(j, '\\') || !json_skip(j, 'u'))
    return json_fail(j, "half a surrogate pair");
  if (json_hex4(j, &low)) return -1;
  if (low < 0xDC00 || low > 0xDFFF) return json_fail(j, "half a surrogate pair");
  *out = 0x10000 + ((*out - 0xD800) << 10) + (low - 0xDC00);
  return 0;
}

static int json_escape(struct json_reader *j, uint32_t *out)
{
  static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
  char c = json_peek(j);
  const char *known = c ? strchr(from, c) : NULL;
  if (!known && c != 'u') return json_fail(j, "unknown escape");
  j->at++;
  if (c == 'u') return json_unicode(j, out);
  *out = (uint32_t)(unsigned char)to[known - from];
  return 0;
}

/* The opening quote is read. */
static int json_string(struct json_reader *j, struct value *out)
{
  *out = value_string(j->region, STR(""));
  if (out->type == VALUE_NONE) return -1;
  for (;;) {
    size_t from = j->at;
    uint32_t c;
    while (j->at < j->text.n && json_peek(j) != '"' && json_peek(j) != '\\' &&
           (unsigned char)json_peek(j) >= ' ')
      j->at++;
    if (string_append(j->region, out, str_sub(j->text, from, j->at))) break;
    if (json_skip(j, '"')) return 0;
    if (!json_skip(j, '\\')) {
      json_fail(j, j->at < j->text.n ? "control character in a string" : "string without end");
      break;
    }
    if (json_escape(j, &c) || string_append_char(j->region, out, c)) break;
  }
  value_release(j->region, value_take(out));
  return -1;
}

static bool json_digits(struct json_reader *j)
{
  size_t from = j->at;
  while (str_isdigit(json_peek(j))) j->at++;
  return j->at > from;
}

static int json_number(struct json_reader *j, struct value *out)
{
  size_t from = j->at;
  bool whole = true;
  json_skip(j, '-');
  if (!json_skip(j, '0') && !json_digits(j)) return json_fail(j, "a digit expected");
  if (json_skip(j, '.')) {
    whole = false;
    if (!json_digits(j)) return json_fail(j, "a digit expected");
  }
  if (json_peek(j) == 'e' || json_peek(j) == 'E') {
    whole = false;
    j->at++;
    if (json_peek(j) == '+' || json_peek(j) == '-') j->at++;
    if (!json_digits(j)) return json_fail(j, "a digit expected");
  }
  str text = str_sub(j->text, from, j->at);
  int64_t i;
  if (whole && !str_to_i64(text, &i)) {
    *out = value_int(i);
    return 0;
  }
  char *copy = mem_strdup(text); /* ends where the number does */
  if (!copy) return -1;
  *out = value_float(strtod(copy, NULL));
  mem_free(copy);
  return 0;
}

static int json_word(struct json_reader *j, struct value *out)
{
  static const struct {
    str word;
    struct value value;
  } words[] = {{STR_INIT("true"), {.type = VALUE_BOOL, .as.b = true}},
               {STR_INIT("false"), {.type = VALUE_BOOL, .as.b = false}},
               {STR_INIT("null"), {.type = VALUE_UNIT}}};
  for (size_t i = 0; i < BASE_COUNT(words); i++) {
    if (!str_starts(str_skip(j->text, j->at), words[i].word)) continue;
    j->at += words[i].word.n;
    *out = words[i].value;
    return 0;
  }
  return json_fail(j, "a value expected");
}

static int json_value(struct json_reader *j, struct value *out);

/* What stands behind an element: 1 another one, 0 the end, -1. */
static int json_more(struct json_reader *j, char end)
{
  json_space(j);
  if (json_skip(j, ',')) return 1;
  if (json_skip(j, end)) return 0;
  return json_fail(j, end == ']' ? "',' or ']' expected" : "',' or '}' expected");
}

static int json_array(struct json_reader *j, struct value *out)
{
  *out = value_of(array_new(j->region, 0));
  if (out->type == VALUE_NONE) return -1;
  json_space(j);
  int more = !json_skip(j, ']');
  while (more > 0) {
    struct value item;
    if (json_value(j, &item) || array_push(j->region, out, item))
      more = -1;
    else
      more = json_more(j, ']');
  }
  if (more < 0) value_release(j->region, value_take(out));
  return more;
}

static int json_entry(struct json_reader *j, struct value *map)
{
  struct value key, value;
  json_space(j);
  if (!json_skip(j, '"')) return json_fail(j, "a key expected");
  size_t at = j->at;
  if (json_string(j, &key)) return -1;
  int rc = -1;
  json_space(j);
  if (dict_find(j->region, map->as.map, key.as.string)) {
    j->at = at;
    json_fail(j, "this key stands here twice");
  } else if (!json_skip(j, ':')) {
    json_fail(j, "':' expected");
  } else if (!json_value(j, &value)) {
    rc = dict_set(j->region, map, key.as.string, value);
  }
  value_release(j->region, key);
  return rc;
}

static int json_object(struct json_reader *j, struct value *out)
{
  *out = value_of(dict_new(j->region, 0));
  if (out->type == VALUE_NONE) return -1;
  json_space(j);
  int more = !json_skip(j, '}');
  while (more > 0) more = json_entry(j, out) ? -1 : json_more(j, '}');
  if (more < 0) value_release(j->region, value_take(out));
  return more;
}

static int json_value(struct json_reader *j, struct value *out)
{
  json_space(j);
  char c = json_peek(j);
  if (c == '-' || str_isdigit(c)) return json_number(j, out);
  if (c != '"' && c != '[' && c != '{') return json_word(j, out);
  if (j->depth >= VALUE_DEPTH_MAX) return json_fail(j, "nested too deep");
  j->at++;
  if (c == '"') return json_string(j, out);
  j->depth++;
  int rc = c == '[' ? json_array(j, out) : json_object(j, out);
  j->depth--;
  return rc;
}

int json_read(struct region *r, str text, struct value *out, struct json_fault *fault)
{
  struct json_reader j = {.region = r, .text = text};
  json_space(&j);
  int rc;
  if (json_skip(&j, '{'))
    rc = json_object(&j, out);
  else
    rc = json_fail(&j, "'{' expected");
  if (!rc) json_space(&j);
  if (!rc && j.at < text.n) {
    value_release(r, value_take(out));
    rc = json_fail(&j, "nothing more expected");
  }
  *fault = (struct json_fault){j.at, j.fault};
  return rc;
}

/* ---- writing --------------------------------------------------------------------------------- */

static int json_write_at(struct value v, struct buf *out, int depth);

static int json_write_array(const struct array *a, struct buf *out, int depth)
{
  buf_putc(out, '[');
  for (uint32_t i = 0; i < a->n; i++) {
    if (i) buf_putc(out, ',');
    if (json_write_at(a->items[i], out, depth)) return -1;
  }
  buf_putc(out, ']');
  return 0;
}

static int json_write_map(const struct dict *m, struct buf *out, int depth)
{
  const struct dict_entry **order = value_text_order(m);
  if (!order) return -1;
  int rc = 0;
  buf_putc(out, '{');
  for (uint32_t i = 0; i < m->n && !rc; i++) {
    if (i) buf_putc(out, ',');
    buf_json(out, string_str(order[i]->key));
    buf_putc(out, ':');
    rc = json_write_at(order[i]->value, out, depth);
  }
  buf_putc(out, '}');
  mem_free(order);
  return rc;
}

static int json_write_text(struct value v, struct buf *out)
{
  struct buf text = BUF_INIT(out->cap);
  int rc = value_text(v, false, &text);
  if (!rc) buf_json(out, buf_str(&text));
  buf_free(&text);
  return rc;
}

static int json_write_at(struct value v, struct buf *out, int depth)
{
  if (depth > VALUE_DEPTH_MAX || out->failed) return -1;
  switch ((enum value_type)v.type) {
  case VALUE_UNIT: buf_puts(out, "null"); return 0;
  case VALUE_BOOL:
  case VALUE_INT: return value_text(v, false, out);
  case VALUE_FLOAT:
    if (isfinite(v.as.f))
      value_text_float(v.as.f, out);
    else
      buf_puts(out, "null");
    return 0;
  case VALUE_ARRAY: return json_write_array(v.as.array, out, depth + 1);
  case VALUE_MAP: return json_write_map(v.as.map, out, depth + 1);
  default: return json_write_text(v, out);
  }
}

int json_write(struct value v, struct buf *out)
{
  return json_write_at(v, out, 0) || !buf_ok(out) ? -1 : 0;
}

/* ---- natives --------------------------------------------------------------------------------- */

static int json_parse_json(struct fiber *f, struct call *c)
{
  struct json_fault fault;
  str text = value_str(c->args[0]);
  int line, column;
  if (fiber_charge(f, text.n / 16)) return -1;
  if (!json_read(fiber_region(f), text, &c->out, &fault)) return NATIVE_DONE;
  if (!fault.what) return fiber_full(f);
  source_position(text, fault.at, &line, &column);
  str near = str_sub(text, fault.at, fault.at + 40);
  return fiber_raise(f, VSL_RUNTIME, "malformed JSON at %d:%d: %s, found %s", line, column,
                     fault.what, near.n ? log_q(near) : "the end");
}

static int json_to_json(struct fiber *f, struct call *c)
{
  struct region *r = fiber_region(f);
  struct buf text = BUF_INIT(region_string_max(r));
  int rc = -1;
  if (json_write(c->args[0], &text))
    fiber_full(f);
  else if (!std_charge_bytes(f, text.n))
    rc = std_give_value(f, c, value_string(r, buf_str(&text)));
  buf_free(&text);
  return rc;
}

static const struct native json_table[] = {
    {"parse_json", "s", 0, json_parse_json},
    {"to_json", "m", 0, json_to_json},
};

int json_add(struct registry *g)
{
  return registry_add(g, json_table, BASE_COUNT(json_table));
}
