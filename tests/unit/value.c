/* tests/unit/value.c: text forms, exact order, and that what is copied is independent. */
#include "../../rules/vsl/json.h"
#include "../check.h"

#include <math.h>

static struct region *value_region(void)
{
  const struct region_limits limits = {.bytes = 1 << 22, .string = 1 << 16, .items = 1 << 10};
  return region_new(&limits, 42);
}

static struct value value_read(struct region *r, const char *json)
{
  struct value v = value_unit();
  struct json_fault fault;
  CHECK(!json_read(r, str_of(json), &v, &fault));
  return v;
}

static void value_shows(struct value v, bool debug, const char *want)
{
  struct buf out = BUF_INIT(4096);
  CHECK(!value_text(v, debug, &out));
  CHECK_STR(&out, want);
  buf_free(&out);
}

TEST(value_text_of_floats)
{
  static const struct {
    double x;
    const char *want;
  } rows[] = {
      {0.0, "0.0"},
      {-0.0, "0.0"},
      {1.0, "1.0"},
      {-2.5, "-2.5"},
      {0.1, "0.1"},
      {0.1 + 0.2, "0.30000000000000004"},
      {1.0 / 3, "0.3333333333333333"},
      {2.0 / 3, "0.6666666666666666"},
      {5e-324, "5e-324"},
      {2.2250738585072014e-308, "2.2250738585072014e-308"},
      {1.7976931348623157e308, "1.7976931348623157e308"},
      {9.9999999999999e12, "9999999999999.9"},
      {1e13, "1e13"},
      {12345678901234.0, "1.2345678901234e13"},
      {1e12, "1000000000000.0"},
      {1e-13, "0.0000000000001"},
      {9.99e-14, "9.99e-14"},
      {9007199254740992.0, "9.007199254740992e15"},
      {1e22, "1e22"},
      {1e23, "1e23"},
      {4.35, "4.35"},
      {123456.789e-3, "123.456789"},
      {INFINITY, "inf"},
      {-INFINITY, "-inf"},
      {NAN, "NaN"},
  };
  for (size_t i = 0; i < BASE_COUNT(rows); i++)
    value_shows(value_float(rows[i].x), false, rows[i].want);
}

TEST(value_text_of_floats_reads_back)
{
  uint64_t bits = 88172645463325252u;
  for (int i = 0; i < 20000; i++) {
    double x;
    struct buf out = BUF_INIT(64);
    bits ^= bits << 13, bits ^= bits >> 7, bits ^= bits << 17;
    memcpy(&x, &bits, sizeof x);
    if (isfinite(x)) {
      value_text_float(x, &out);
      if (!CHECK(strtod(buf_cstr(&out), NULL) == x)) i = 20000;
    }
    buf_free(&out);
  }
}

TEST(value_text_quotes_inside_collections)
{
  struct region *r = value_region();
  struct value v = value_read(r, "{\"b\":[1,\"q\\\"\\\\\\n\",1.0,null,true],\"a\":{}}");
  value_shows(v, false, "#{\"a\": #{}, \"b\": [1, \"q\\\"\\\\\\n\", 1.0, (), true]}");
  value_shows(value_char('\''), true, "'\\''");
  value_shows(value_char('\''), false, "'");
  value_shows(value_char(0x1F600), true, "'\xF0\x9F\x98\x80'");
  value_shows(value_unit(), false, "");
  value_shows(value_unit(), true, "()");
  value_shows(VALUE_MAKE(VALUE_TIME, i, 5), false, "<timestamp>");
  value_shows(value_of(range_new(r, -1, 5, true)), false, "-1..=5");
  region_free(r);
}

/* The text of a map is by key whatever order its entries stand in. */
TEST(value_text_sorts_maps)
{
  struct region *r = value_region();
  struct value v = value_read(r, "{\"z\":1,\"\":2,\"B\":3,\"a\":4,\"\\u00e9\":5}");
  value_shows(v, false, "#{\"\": 2, \"B\": 3, \"a\": 4, \"z\": 1, \"\xC3\xA9\": 5}");
  region_free(r);
}

TEST(value_text_ends_at_depth)
{
  struct region *r = value_region();
  struct value v = value_unit();
  for (int i = 0; i < 50000; i++) {
    struct value outer = value_of(array_new(r, 1));
    CHECK(!array_push(r, &outer, v));
    v = outer;
  }
  struct buf out = BUF_INIT(1 << 20);
  CHECK_INT(value_text(v, false, &out), -1);
  CHECK(buf_ok(&out));
  buf_free(&out);
  value_release(r, v); /* and this does not recurse */
  region_free(r);
}

/* A small value can have a text without end: it stops at the cap. */
TEST(value_text_ends_at_the_cap)
{
  struct region *r = value_region();
  struct value v = value_read(r, "{\"a\":1}");
  for (int i = 0; i < 40; i++) {
    struct value pair = value_of(array_new(r, 2));
    array_push(r, &pair, value_retain(v));
    array_push(r, &pair, v);
    v = pair;
  }
  struct buf out = BUF_INIT(100000);
  CHECK_INT(value_text(v, false, &out), -1);
  CHECK(!buf_ok(&out));
  buf_clear(&out);
  CHECK_INT(json_write(v, &out), -1);
  buf_free(&out);
  region_free(r);
}

static int value_order_of(struct value a, struct value b)
{
  int order = 99;
  CHECK(!value_compare(NULL, a, b, &order));
  return order;
}

TEST(value_compare_is_exact)
{
  struct value big = value_int(9007199254740993), max = value_int(INT64_MAX);
  CHECK_INT(value_order_of(big, value_float(9007199254740992.0)), 1);
  CHECK_INT(value_order_of(value_float(9007199254740994.0), big), 1);
  CHECK_INT(value_order_of(max, value_float(9223372036854775808.0)), -1);
  CHECK_INT(value_order_of(value_int(INT64_MIN), value_float(-9223372036854775808.0)), 0);
  CHECK_INT(value_order_of(value_int(INT64_MIN), value_float(-INFINITY)), 1);
  CHECK_INT(value_order_of(value_int(-1), value_float(-0.5)), -1);
  CHECK_INT(value_order_of(value_int(0), value_float(-0.0)), 0);
  CHECK_INT(value_order_of(value_float(1e300), value_int(5)), 1);
  CHECK(value_matches(NULL, value_int(1), value_float(1.0)) == 1);
  CHECK(value_matches(NULL, big, value_float(9007199254740992.0)) == 0);
}

/* For a sort there must be one order, so that not-a-number has a place: the last. */
TEST(value_compare_puts_nan_last)
{
  struct value nan = value_float(NAN);
  CHECK_INT(value_order_of(nan, nan), 0);
  CHECK_INT(value_order_of(nan, value_float(INFINITY)), 1);
  CHECK_INT(value_order_of(value_int(INT64_MAX), nan), -1);
  CHECK(value_matches(NULL, nan, nan) == 0);
}

TEST(value_compare_of_text)
{
  struct region *r = value_region();
  struct value a = value_string(r, STR("a")), ab = value_string(r, STR("ab"));
  CHECK(value_order_of(a, ab) < 0);
  CHECK(value_order_of(value_string(r, STR("B")), a) < 0);
  CHECK(value_order_of(value_string(r, STR("\xC3\xA9")), value_string(r, STR("z"))) > 0);
  CHECK(value_matches(NULL, a, value_char('a')) == 1);
  CHECK(value_order_of(value_bool(false), value_bool(true)) < 0);
  region_free(r);
}

TEST(value_copies_of_strings_are_independent)
{
  struct region *r = value_region();
  struct value a = value_string(r, STR("abc")), b = value_retain(a);
  CHECK(!string_append(r, &b, STR("d")));
  CHECK(!string_splice(r, &b, 0, 1, STR("\xC3\xA9")));
  CHECK_STR(value_str(a), "abc");
  CHECK_STR(value_str(b), "\xC3\xA9"
                          "bcd");
  CHECK_INT(b.as.string->chars, 4);
  CHECK(!string_append(r, &b, value_str(b))); /* from itself */
  CHECK_INT(b.as.string->chars, 8);
  value_release(r, a);
  value_release(r, b);
  region_free(r);
}

TEST(value_copies_of_collections_are_independent)
{
  struct region *r = value_region();
  struct value m = value_read(r, "{\"a\":[1,2],\"b\":{\"c\":3}}"), n = value_retain(m);
  if (!CHECK(!dict_own(r, &n))) return;
  struct value *place = dict_get(r, n.as.map, STR("a"));
  CHECK(!array_push(r, place, value_int(3)));
  CHECK(!array_append(r, place, place->as.array->items, place->as.array->n));
  CHECK(!dict_put(r, &n, STR("new"), value_unit()));
  value_shows(m, false, "#{\"a\": [1, 2], \"b\": #{\"c\": 3}}");
  value_shows(n, false, "#{\"a\": [1, 2, 3, 1, 2, 3], \"b\": #{\"c\": 3}, \"new\": ()}");
  value_release(r, m);
  value_shows(n, false, "#{\"a\": [1, 2, 3, 1, 2, 3], \"b\": #{\"c\": 3}, \"new\": ()}");
  region_free(r);
}

TEST(value_frozen_ones_never_change)
{
  struct region *r = value_region();
  struct value m = value_read(r, "{\"b\":[1],\"a\":\"x\"}");
  CHECK(!value_freeze(r, m));
  struct value n = value_retain(m);
  CHECK(!dict_put(r, &n, STR("a"), value_int(1)));
  struct value *b = dict_get(r, n.as.map, STR("b"));
  if (!CHECK(b != NULL)) return;
  CHECK(!array_push(r, b, value_int(2)));
  value_shows(m, false, "#{\"a\": \"x\", \"b\": [1]}");
  value_shows(n, false, "#{\"a\": 1, \"b\": [1, 2]}");
  region_free(r);
}

/* Many keys, removed in another order than they came. */
TEST(value_maps_find_what_they_hold)
{
  struct region *r = value_region();
  struct value m = value_of(dict_new(r, 0)), out;
  char key[16];
  for (int i = 0; i < 1000; i++) {
    snprintf(key, sizeof key, "k%d", i * 7919 % 1000);
    CHECK(!dict_put(r, &m, str_of(key), value_int(i)));
  }
  CHECK_INT(dict_put(r, &m, STR("limit-1"), value_unit()), 0);
  for (int i = 0; i < 1000; i += 3) {
    snprintf(key, sizeof key, "k%d", i);
    CHECK(dict_remove(r, &m, str_of(key), &out));
    CHECK(!dict_get(r, m.as.map, str_of(key)));
  }
  for (int i = 0; i < 1000; i++) {
    snprintf(key, sizeof key, "k%d", i);
    CHECK((dict_get(r, m.as.map, str_of(key)) != NULL) == (i % 3 != 0));
  }
  value_release(r, m);
  region_free(r);
}

TEST(value_limits_are_kept)
{
  struct region *r = value_region();
  struct value s = value_string(r, STR("x")), a = value_of(array_new(r, 0));
  int rc = 0;
  while (!(rc = string_append(r, &s, value_str(s)))) {}
  CHECK(s.as.string->n <= 1 << 16);
  for (rc = 0; !rc;) rc = array_push(r, &a, value_unit());
  CHECK_INT(a.as.array->n, 1 << 10);
  CHECK(array_append(r, &a, a.as.array->items, a.as.array->n));
  CHECK(!array_new(r, (1 << 10) + 1));
  region_free(r);
}

static void value_torture(void)
{
  struct region *r = value_region();
  struct value v = value_unit();
  struct json_fault fault;
  struct buf out = BUF_INIT(4096);
  str text = STR("{\"a\":[1,\"\\u00e9x\",2.5e300,99999999999999999999],\"b\":{\"c\":null,\"d\":{}},"
                 "\"e\":1,\"f\":1,\"g\":1,\"h\":1,\"i\":1,\"j\":1,\"k\":1,\"l\":1}");
  if (r && !json_read(r, text, &v, &fault)) {
    struct value copy = value_retain(v);
    if (!dict_put(r, &copy, STR("m"), value_int(1))) value_text(copy, true, &out);
    json_write(copy, &out);
    value_release(r, copy);
    value_release(r, v);
  }
  buf_free(&out);
  region_free(r);
}

TEST(value_survives_failing_memory)
{
  check_torture(value_torture);
}
