/* tests/unit/ip.c: addresses and ranges as rules write them. */
#include "../../rules/ip.h"
#include "../check.h"

static str canonical(str text)
{
  static char out[IP_TEXT_MAX];
  struct ip ip;
  return ip_parse(text, &ip) == 0 ? ip_text(&ip, out) : STR("bad");
}

TEST(ip_canonical)
{
  CHECK_STR(canonical(STR("192.168.1.254")), "192.168.1.254");
  CHECK_STR(canonical(STR("2001:0DB8:0:0:0:0:0:1")), "2001:db8::1");
  CHECK_STR(canonical(STR("::ffff:1.2.3.4")), "::ffff:1.2.3.4");
  CHECK_STR(canonical(STR("::")), "::");
}

TEST(ip_bad)
{
  static const char *const bad[] = {"",         "1.2.3",    "1.2.3.4.5",  "01.2.3.4", "1.2.3.256",
                                    " 1.2.3.4", "1.2.3.4 ", "fe80::1%lo", ":::",      "1::2::3",
                                    "12345::1", "a.b.c.d",  "1.2.3.4/8",  "[::1]",    "0x1.2.3.4"};
  for (size_t i = 0; i < BASE_COUNT(bad); i++) CHECK_STR(canonical(str_of(bad[i])), "bad");
  CHECK_STR(canonical(STR("1.2.3.4\0")), "bad");
}

static str range(str text, bool v6)
{
  static char out[IP_TEXT_MAX];
  struct ip_range r;
  return ip_range_parse(text, v6, &r) == 0 ? ip_range_text(&r, out) : STR("bad");
}

TEST(ip_ranges)
{
  CHECK_STR(range(STR("192.168.77.5/16"), false), "192.168.0.0/16");
  CHECK_STR(range(STR("10.255.255.255/9"), false), "10.128.0.0/9");
  CHECK_STR(range(STR("1.2.3.4/0"), false), "0.0.0.0/0");
  CHECK_STR(range(STR("1.2.3.4/32"), false), "1.2.3.4/32");
  CHECK_STR(range(STR("2001:db8:ffff::/33"), true), "2001:db8:8000::/33");
  CHECK_STR(range(STR("::1/128"), true), "::1/128");
  CHECK_STR(range(STR("1.2.3.4/33"), false), "bad");
  CHECK_STR(range(STR("::1/129"), true), "bad");
  CHECK_STR(range(STR("1.2.3.4/+8"), false), "bad");
  CHECK_STR(range(STR("1.2.3.4/"), false), "bad");
  CHECK_STR(range(STR("1.2.3.4"), false), "bad");
  CHECK_STR(range(STR("1.2.3.4/8"), true), "bad");
}

static bool within(str ip, str range_text, bool v6)
{
  struct ip a;
  struct ip_range r;
  return ip_parse(ip, &a) == 0 && ip_range_parse(range_text, v6, &r) == 0 && ip_within(&a, &r);
}

TEST(ip_membership)
{
  CHECK(within(STR("172.16.0.1"), STR("172.16.0.0/12"), false));
  CHECK(within(STR("172.31.255.255"), STR("172.16.0.0/12"), false));
  CHECK(!within(STR("172.32.0.0"), STR("172.16.0.0/12"), false));
  CHECK(within(STR("9.9.9.9"), STR("1.2.3.4/0"), false));
  CHECK(within(STR("fe80::1234"), STR("fe80::/10"), true));
  CHECK(!within(STR("ff80::1234"), STR("fe80::/10"), true));
  CHECK(!within(STR("::ffff:10.0.0.1"), STR("10.0.0.0/8"), false)); /* another family */
}

TEST(ip_sockets)
{
  struct ip ip;
  str zone;
  int port;
  CHECK_INT(ip_socket_parse(STR("127.0.0.1:25"), &ip, &zone, &port), 0);
  CHECK_INT(port, 25);
  CHECK(ip_is_loopback(&ip));
  CHECK_INT(ip_socket_parse(STR("[fe80::1%eth0]:65535"), &ip, &zone, &port), 0);
  CHECK_STR(zone, "eth0");
  CHECK_INT(port, 65535);
  CHECK(!ip_is_loopback(&ip));
  CHECK_INT(ip_socket_parse(STR("[::1]:0"), &ip, NULL, NULL), 0);
  CHECK(ip_is_loopback(&ip));
  static const char *const bad[] = {"127.0.0.1",      "127.0.0.1:",    "127.0.0.1:65536", "::1:25",
                                    "[127.0.0.1]:25", "[::1%]:25",     "host:25",         ":25",
                                    "[::1]",          "127.0.0.1:+25", "1.2.3.4%lo:25"};
  for (size_t i = 0; i < BASE_COUNT(bad); i++)
    CHECK_INT(ip_socket_parse(str_of(bad[i]), NULL, NULL, NULL), -1);
}
