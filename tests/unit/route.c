/* tests/unit/route.c: the order in which the servers of a domain are tried. */
#include "../../smtp/outbound/route.h"
#include "../check.h"

static struct dns_record route_mx(const char *name, uint16_t preference)
{
  return (struct dns_record){.name = str_of(name), .preference = preference};
}

static const char *route_names(const struct route_host *hosts, size_t n, char out[128])
{
  size_t at = 0;

  out[0] = '\0';
  for (size_t i = 0; i < n; i++)
    at += (size_t)snprintf(out + at, 128 - at, "%s" STR_FMT, i ? " " : "", STR_ARG(hosts[i].name));
  return out;
}

TEST(route_best_first)
{
  struct dns_record mx[] = {route_mx("c", 30), route_mx("a", 0), route_mx("b", 10)};
  struct route_host hosts[LIMIT_ROUTE_HOSTS];
  char text[128];
  size_t n;

  CHECK_INT(route_order(mx, 3, 12345, hosts, &n), ROUTE_HOSTS);
  CHECK_STR(str_of(route_names(hosts, n, text)), "a b c");
}

TEST(route_equals_in_every_order)
{
  struct dns_record mx[] = {route_mx("a", 10), route_mx("z", 20), route_mx("b", 10),
                            route_mx("c", 10)};
  struct route_host hosts[LIMIT_ROUTE_HOSTS];
  struct map seen = {0};
  char text[128];
  size_t n;

  for (uint64_t dice = 0; dice < 6; dice++) {
    CHECK_INT(route_order(mx, 4, dice, hosts, &n), ROUTE_HOSTS);
    CHECK_STR(hosts[3].name, "z");
    CHECK_INT(map_set(&seen, str_of(route_names(hosts, n, text)), text), 0);
  }
  CHECK_INT((long long)seen.live, 6);
  map_free(&seen);
}

TEST(route_null_and_none)
{
  struct dns_record null = route_mx("", 0), both[] = {route_mx("", 0), route_mx("a", 10)};
  struct route_host hosts[LIMIT_ROUTE_HOSTS];
  size_t n;

  CHECK_INT(route_order(&null, 1, 0, hosts, &n), ROUTE_NULL);
  CHECK_INT(route_order(NULL, 0, 0, hosts, &n), ROUTE_IMPLICIT);
  CHECK_INT(route_order(both, 2, 0, hosts, &n), ROUTE_HOSTS);
  CHECK_INT((long long)n, 1);
}

TEST(route_of_many_keeps_the_best)
{
  struct dns_record mx[200];
  struct route_host hosts[LIMIT_ROUTE_HOSTS];
  size_t n;

  for (size_t i = 0; i < BASE_COUNT(mx); i++) mx[i] = route_mx("h", (uint16_t)(1000 - i));
  CHECK_INT(route_order(mx, BASE_COUNT(mx), 7, hosts, &n), ROUTE_HOSTS);
  CHECK_INT((long long)n, LIMIT_ROUTE_HOSTS);
  CHECK_INT(hosts[0].preference, 801);
  CHECK_INT(hosts[n - 1].preference, 800 + LIMIT_ROUTE_HOSTS);
}

TEST(route_families)
{
  static const struct dns_record four[] = {{.ip = {10, 0, 0, 1}}, {.ip = {10, 0, 0, 2}}};
  static const struct dns_record six[] = {{.ip = {[15] = 1}}};
  struct dns_answer a = {.type = DNS_A, .records = four, .n = 2};
  struct dns_answer aaaa = {.type = DNS_AAAA, .records = six, .n = 1};
  static const struct {
    enum conf_ip_strategy strategy;
    const char *want;
  } rows[] = {
      {CONF_IPV4_THEN_IPV6, "10.0.0.1:25 10.0.0.2:25 [::1]:25 "},
      {CONF_IPV6_THEN_IPV4, "[::1]:25 10.0.0.1:25 10.0.0.2:25 "},
      {CONF_IPV4_AND_IPV6, "10.0.0.1:25 [::1]:25 10.0.0.2:25 "},
  };
  struct route_host host = {STR("mx"), 5};

  for (size_t i = 0; i < BASE_COUNT(rows); i++) {
    struct route_hop hops[LIMIT_ROUTE_HOPS];
    char text[256] = "", one[NETADDR_TEXT_MAX];
    size_t n = route_add(hops, 0, &host, 25, &a, &aaaa, rows[i].strategy), at = 0;

    for (size_t k = 0; k < n; k++)
      at += (size_t)snprintf(text + at, sizeof text - at, "%s ", netaddr_text(&hops[k].to, one));
    CHECK_STR(str_of(text), rows[i].want);
    CHECK_INT(hops[0].preference, 5);
  }
  CHECK(!route_wants(CONF_IPV4_ONLY, DNS_AAAA) && route_wants(CONF_IPV4_ONLY, DNS_A));
  CHECK(route_wants(CONF_IPV6_ONLY, DNS_AAAA) && !route_wants(CONF_IPV6_ONLY, DNS_A));
}

TEST(route_knows_mapped_addresses)
{
  static const struct dns_record six[] = {{.ip = {[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1}}};
  struct dns_answer a = {.type = DNS_A}, aaaa = {.type = DNS_AAAA, .records = six, .n = 1};
  struct route_host host = {STR("mx"), 5};
  struct route_hop hops[LIMIT_ROUTE_HOPS];
  char text[NETADDR_TEXT_MAX];

  CHECK_INT((long long)route_add(hops, 0, &host, 25, &a, &aaaa, CONF_IPV4_THEN_IPV6), 1);
  CHECK_STR(str_of(netaddr_text(&hops[0].to, text)), "127.0.0.1:25");
}

static bool route_is_us(void *arg, const struct route_hop *hop)
{
  return str_eq(hop->name, str_of(arg));
}

TEST(route_ends_before_ourselves)
{
  struct route_hop hops[] = {{.name = STR_INIT("a"), .preference = 5},
                             {.name = STR_INIT("b"), .preference = 10},
                             {.name = STR_INIT("us"), .preference = 10},
                             {.name = STR_INIT("c"), .preference = 20}};
  char us[] = "us", nobody[] = "x", first[] = "a";
  size_t n = 4;

  CHECK(!route_cut(hops, &n, route_is_us, nobody));
  CHECK_INT((long long)n, 4);
  CHECK(route_cut(hops, &n, route_is_us, us));
  CHECK_INT((long long)n, 1);
  CHECK(route_cut(hops, &n, route_is_us, first));
  CHECK_INT((long long)n, 0);
}
