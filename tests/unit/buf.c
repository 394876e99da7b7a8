/* tests/unit/buf.c: growing, the cap, sticky failure, JSON, hex, base64. */
#include "../check.h"

TEST(buf_appends)
{
  struct buf b = BUF_INIT(1000);
  CHECK_STR(buf_cstr(&b), "");
  CHECK_STR(&b, "");
  buf_puts(&b, "one");
  buf_putc(&b, ' ');
  buf_str_add(&b, STR("two"));
  buf_add(&b, NULL, 0);
  buf_str_add(&b, (str){NULL, 0});
  buf_printf(&b, " %d%s", 3, "!");
  buf_utf8(&b, 0x20ac);
  CHECK_STR(&b, "one two 3!\xe2\x82\xac");
  CHECK_INT(b.p[b.n], 0);
  CHECK(buf_ok(&b));
  buf_free(&b);
  CHECK_INT(b.cap, 1000);
  buf_puts(&b, "again");
  CHECK_STR(&b, "again");
  buf_free(&b);
}

TEST(buf_zeroed_holds_nothing)
{
  struct buf b = {0};
  buf_add(&b, "", 0);
  CHECK(buf_ok(&b));
  buf_putc(&b, 'x');
  CHECK(!buf_ok(&b));
  CHECK_STR(&b, "");
  buf_free(&b);
}

TEST(buf_cap_is_exact)
{
  for (size_t cap = 1; cap < 300; cap += 13) {
    struct buf b = BUF_INIT(cap);
    for (size_t i = 0; i < cap; i++) buf_putc(&b, 'x');
    CHECK(buf_ok(&b));
    CHECK_INT(b.n, cap);
    buf_putc(&b, 'y');
    CHECK(!buf_ok(&b));
    CHECK_INT(b.n, cap);
    buf_free(&b);
  }
}

TEST(buf_failure_sticks)
{
  struct buf b = BUF_INIT(8);
  buf_puts(&b, "1234");
  buf_puts(&b, "too long");
  buf_puts(&b, "56");
  CHECK(!buf_ok(&b));
  CHECK_STR(&b, "1234");
  CHECK(!buf_room(&b, 1));
  buf_clear(&b);
  CHECK(buf_ok(&b));
  CHECK_STR(&b, "");
  buf_printf(&b, "%s", "12345678");
  CHECK(buf_ok(&b));
  buf_printf(&b, "%d", 9);
  CHECK(!buf_ok(&b));
  CHECK_STR(&b, "12345678");
  buf_clear(&b);
  CHECK(!buf_room(&b, SIZE_MAX));
  buf_free(&b);
}

TEST(buf_room_and_grew)
{
  struct buf b = BUF_INIT(1 << 20);
  for (int i = 0; i < 100; i++) {
    char *room = buf_room(&b, 1000);
    if (!CHECK(room)) break;
    memset(room, 'a' + i % 26, 1000);
    buf_grew(&b, 10);
  }
  CHECK_INT(b.n, 1000);
  CHECK_INT(b.p[999], 'a' + 99 % 26);
  CHECK_INT(b.p[1000], 0);
  buf_free(&b);
}

TEST(buf_shift)
{
  struct buf b = BUF_INIT(100);
  buf_shift(&b, 5);
  buf_puts(&b, "hello");
  buf_shift(&b, 0);
  buf_shift(&b, 2);
  CHECK_STR(&b, "llo");
  CHECK_INT(b.p[3], 0);
  buf_shift(&b, 99);
  CHECK_STR(&b, "");
  CHECK_STR(buf_cstr(&b), "");
  buf_free(&b);
}

TEST(buf_json)
{
  struct buf b = BUF_INIT(1000);
  buf_json(&b, STR("a\"\\/\b\f\n\r\t\x01\x1f\x7f\xc3\xa9\xff\xed\xa0\x80 \0z"));
  CHECK_STR(&b, "\"a\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\\u007f\xc3\xa9\xef\xbf\xbd"
                "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd \\u0000z\"");
  buf_clear(&b);
  buf_json(&b, (str){NULL, 0});
  CHECK_STR(&b, "\"\"");
  buf_free(&b);
}

TEST(buf_hex)
{
  struct buf b = BUF_INIT(100);
  buf_hex(&b, "\x00\x7f\xff", 3);
  CHECK_STR(&b, "007fff");
  buf_free(&b);
}

TEST(buf_base64)
{
  /* RFC 4648 §10 */
  static const char *const cases[][2] = {{"", ""},
                                         {"f", "Zg=="},
                                         {"fo", "Zm8="},
                                         {"foo", "Zm9v"},
                                         {"foob", "Zm9vYg=="},
                                         {"fooba", "Zm9vYmE="},
                                         {"foobar", "Zm9vYmFy"},
                                         {"\xff\xfe\xfd", "//79"},
                                         {"\xfb\xff", "+/8="}};
  for (size_t i = 0; i < BASE_COUNT(cases); i++) {
    struct buf text = BUF_INIT(100), back = BUF_INIT(100);
    buf_base64(&text, str_of(cases[i][0]));
    CHECK_STR(&text, cases[i][1]);
    CHECK_INT(base64_decode(buf_str(&text), &back), 0);
    CHECK_STR(&back, cases[i][0]);
    buf_free(&text);
    buf_free(&back);
  }
}

TEST(buf_base64_all_bytes)
{
  char all[256];
  for (int i = 0; i < 256; i++) all[i] = (char)i;
  for (size_t n = 0; n <= sizeof all; n++) {
    struct buf text = BUF_INIT(1000), back = BUF_INIT(256);
    buf_base64(&text, (str){all, n});
    CHECK_INT(base64_decode(buf_str(&text), &back), 0);
    CHECK(str_eq(buf_str(&back), (str){all, n}));
    buf_free(&text);
    buf_free(&back);
  }
}

TEST(buf_base64_strict)
{
  static const char *const bad[] = {
      "A",        "AA",   "AAA",      "AA=A", "A===",     "====",   "=",          "Zg==Zg==",
      "Zm9v\n",   "Zm 9", "Zh==",     "Zm9=", "Zm9v====", "_-__",   "Z\xc3\xa9g", "*",
      "\r\nZm9v", "Zg=",  "Zg==\r\n", "=Zg=", "Zm8=Zm8=", "AAA\xff"};
  for (size_t i = 0; i < BASE_COUNT(bad); i++) {
    struct buf out = BUF_INIT(100);
    if (!CHECK_INT(base64_decode(str_of(bad[i]), &out), -1)) printf("  in: %s\n", bad[i]);
    buf_free(&out);
  }
  struct buf out = BUF_INIT(100), small = BUF_INIT(2);
  CHECK_INT(base64_decode(STR("AA\0A"), &out), -1);
  CHECK_INT(base64_decode((str){NULL, 0}, &out), 0);
  CHECK_INT(base64_decode(STR("Zm9v"), &small), -1);
  buf_free(&out);
  buf_free(&small);
}

static void buf_work(void)
{
  struct buf b = BUF_INIT(1 << 20);
  for (int i = 0; i < 200; i++) buf_printf(&b, "%100d", i);
  buf_free(&b);
}

TEST(buf_torture)
{
  check_torture(buf_work);
  struct buf b = BUF_INIT(1000);
  buf_puts(&b, "kept");
  mem_fail_at(1, true);
  buf_printf(&b, "%200s", "");
  buf_puts(&b, "more");
  CHECK(!buf_ok(&b));
  CHECK_STR(&b, "kept");
  buf_free(&b);
}
