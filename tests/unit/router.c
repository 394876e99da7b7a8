/* tests/unit/router.c: which address the kernel's tables name as the way to everywhere. */
#include "../../smtp/policy/policy.h"
#include "../check.h"

#define ROUTER_HEAD                                                                                \
  "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"

static bool router_named(const char *table, const char *ip)
{
  struct netaddr a;
  CHECK_INT(netaddr_of_ip(str_of(ip), 0, &a), 0);
  return router_find(str_of(table), &a);
}

TEST(router_of_a_table)
{
  static const char four[] =
      ROUTER_HEAD "eth0\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n"
                  "eth0\t0001A8C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0\n"
                  "tun0\t0000000A\t0200A8C0\t0003\t0\t0\t50\t000000FF\t0\t0\t0\n";
  static const char six[] =
      "20010db8000000000000000000000000 40 00000000000000000000000000000000 00"
      " 00000000000000000000000000000000 00000100 00000001 00000000 00000001 eth0\n"
      "00000000000000000000000000000000 00 00000000000000000000000000000000 00"
      " 20010db8000000000000000000000001 00000400 00000001 00000000 00000003 eth0\n";
  CHECK(router_named(four, "192.168.1.1"));
  CHECK(!router_named(four, "192.168.0.2")); /* the way to one network alone */
  CHECK(!router_named(four, "192.168.1.2"));
  CHECK(!router_named(four, "0.0.0.0"));
  CHECK(router_named(six, "2001:db8::1"));
  CHECK(!router_named(six, "2001:db8::2"));
  CHECK(!router_named(ROUTER_HEAD, "192.168.1.1"));
  CHECK(!router_named("", "192.168.1.1"));
}

TEST(router_of_this_machine)
{
  CHECK(router_is(STR("127.0.1.254"))); /* tests/machine/proc/net */
  CHECK(router_is(STR("fe80::1")));
  CHECK(!router_is(STR("127.0.0.1")));
  CHECK(!router_is(STR("nonsense")));
}
