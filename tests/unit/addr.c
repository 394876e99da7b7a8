/* tests/unit/addr.c: paths, mailboxes, domains of RFC 5321 §4.1.2. */
#include "../../smtp/format/format.h"
#include "../check.h"

static struct arena *addr_test_arena;

static enum addr_fault addr_test(const char *text, bool utf8, struct addr *out)
{
  str in = str_of(text);
  enum addr_fault fault;

  arena_free(addr_test_arena);
  addr_test_arena = arena_new(0);
  fault = addr_path(&in, utf8, addr_test_arena, out);
  return fault == ADDR_OK && in.n > 0 ? ADDR_SYNTAX : fault;
}

TEST(addr_paths_that_are_good)
{
  static const struct {
    const char *path, *text, *local, *domain;
  } rows[] = {
      {"<>", "", "", ""},
      {"<a@b>", "a@b", "a", "b"},
      {"<first.last+tag@Mail.Example.COM>", "first.last+tag@Mail.Example.COM", "first.last+tag",
       "Mail.Example.COM"},
      {"<postmaster>", "postmaster", "postmaster", ""},
      {"<@one.example,@two.example:joe@three.example>", "joe@three.example", "joe",
       "three.example"},
      {"<\"joe\"@b.example>", "joe@b.example", "joe", "b.example"},
      {"<\"a b\"@c>", "\"a b\"@c", "\"a b\"", "c"},
      {"<\"a\\\"b\"@c>", "\"a\\\"b\"@c", "\"a\\\"b\"", "c"},
      {"<\"v@evil.test\"@home.example>", "\"v@evil.test\"@home.example", "\"v@evil.test\"",
       "home.example"},
      {"<v%evil.test@home.example>", "v%evil.test@home.example", "v%evil.test", "home.example"},
      {"<a@[192.0.2.1]>", "a@[192.0.2.1]", "a", "[192.0.2.1]"},
      {"<a@[IPv6:2001:db8::1]>", "a@[IPv6:2001:db8::1]", "a", "[IPv6:2001:db8::1]"},
      {"<!#$%&'*+-/=?^_`{|}~@x-y.example>", "!#$%&'*+-/=?^_`{|}~@x-y.example",
       "!#$%&'*+-/=?^_`{|}~", "x-y.example"},
  };

  for (size_t i = 0; i < BASE_COUNT(rows); i++) {
    struct addr a;

    if (!CHECK_INT(addr_test(rows[i].path, false, &a), ADDR_OK)) continue;
    CHECK_STR(a.text, rows[i].text);
    CHECK_STR(a.local, rows[i].local);
    CHECK_STR(a.domain, rows[i].domain);
  }
  arena_free(addr_test_arena);
  addr_test_arena = NULL;
}

TEST(addr_paths_that_are_not)
{
  static const struct {
    const char *path;
    enum addr_fault fault;
  } rows[] = {
      {"", ADDR_SYNTAX},
      {"a@b", ADDR_SYNTAX},
      {"<a@b", ADDR_BAD_DOMAIN},
      {"<a@b> x", ADDR_SYNTAX},
      {"< a@b>", ADDR_BAD_LOCAL},
      {"<a b@c>", ADDR_BAD_LOCAL},
      {"<.a@b>", ADDR_BAD_LOCAL},
      {"<a..b@c>", ADDR_BAD_LOCAL},
      {"<a.@c>", ADDR_BAD_LOCAL},
      {"<@>", ADDR_SYNTAX},
      {"<@a:>", ADDR_BAD_LOCAL},
      {"<a@>", ADDR_BAD_DOMAIN},
      {"<a@b.>", ADDR_BAD_DOMAIN},
      {"<a@.b>", ADDR_BAD_DOMAIN},
      {"<a@b..c>", ADDR_BAD_DOMAIN},
      {"<a@-b>", ADDR_BAD_DOMAIN},
      {"<a@b@c>", ADDR_BAD_DOMAIN},
      {"<a@[192.0.2.256]>", ADDR_BAD_DOMAIN},
      {"<a@[192.0.2.1>", ADDR_BAD_DOMAIN},
      {"<a@[IPv6:zz]>", ADDR_BAD_DOMAIN},
      {"<a@[tag:x]>", ADDR_BAD_DOMAIN},
      {"<\"a\x01\"@b>", ADDR_BAD_LOCAL},
      {"<\"open@b>", ADDR_BAD_LOCAL},
      {"<;for i in 0 1 2 3;do read r;done;sh;exit 0;>", ADDR_BAD_LOCAL},
      {"<\xc3\xa9@b>", ADDR_NEEDS_UTF8},
      {"<a@\xc3\xa9.b>", ADDR_NEEDS_UTF8},
  };

  for (size_t i = 0; i < BASE_COUNT(rows); i++) {
    struct addr a;

    if (!CHECK_INT(addr_test(rows[i].path, false, &a), rows[i].fault))
      printf("  of %s\n", rows[i].path);
  }
  arena_free(addr_test_arena);
  addr_test_arena = NULL;
}

TEST(addr_utf8_where_asked_for)
{
  struct addr a;

  CHECK_INT(addr_test("<j\xc3\xb6rg@b\xc3\xbc.example>", true, &a), ADDR_OK);
  CHECK_STR(a.text, "j\xc3\xb6rg@b\xc3\xbc.example");
  CHECK(addr_test("<j\xc3@b.example>", true, &a) != ADDR_OK);
  arena_free(addr_test_arena);
  addr_test_arena = NULL;
}

TEST(addr_sizes)
{
  struct buf b = BUF_INIT(2000);
  struct addr a;

  for (int local = 64; local <= 65; local++) {
    buf_clear(&b);
    buf_putc(&b, '<');
    for (int i = 0; i < local; i++) buf_putc(&b, 'x');
    buf_puts(&b, "@home.example>");
    CHECK_INT(addr_test(buf_cstr(&b), false, &a), local == 64 ? ADDR_OK : ADDR_TOO_LONG);
  }
  for (int labels = 3; labels <= 6; labels++) { /* 63 octets and a dot each */
    buf_clear(&b);
    buf_puts(&b, "<a@");
    for (int l = 0; l < labels; l++) {
      for (int i = 0; i < 63; i++) buf_putc(&b, 'd');
      buf_putc(&b, '.');
    }
    buf_puts(&b, "example>");
    CHECK_INT(addr_test(buf_cstr(&b), false, &a), labels == 3 ? ADDR_OK : ADDR_TOO_LONG);
  }
  buf_free(&b);
  arena_free(addr_test_arena);
  addr_test_arena = NULL;
}

TEST(addr_literals)
{
  char ip[ADDR_IP_MAX];

  CHECK_INT(addr_literal(STR("[192.0.2.1]"), ip), 0);
  CHECK_STR(ip, "192.0.2.1");
  CHECK_INT(addr_literal(STR("[IPv6:2001:DB8:0:0::1]"), ip), 0);
  CHECK_STR(ip, "2001:db8::1");
  CHECK_INT(addr_literal(STR("[2001:db8::1]"), ip), -1);
  CHECK_INT(addr_literal(STR("192.0.2.1"), ip), -1);
  CHECK_INT(addr_literal(STR("[]"), ip), -1);
  CHECK_INT(addr_literal(STR("[192.0.2.1\0.example]"), ip), -1);
}

static void addr_torture(void)
{
  struct arena *a = arena_new(0);
  str in = STR("<\"joe\"@b.example>");
  struct addr out;

  if (a && addr_path(&in, false, a, &out) == ADDR_OK) (void)out;
  arena_free(a);
}

TEST(addr_without_memory)
{
  check_torture(addr_torture);
}
