/* tests/unit/dns_system.c: what resolv.conf says of how to ask. */
#include "../../net/dns_system.h"
#include "../check.h"

static const char *dns_system_say(const char *text)
{
  static char out[64];
  struct dns_options o = {.timeout = 5000, .attempts = 2};

  dns_system_read(str_of(text), &o);
  snprintf(out, sizeof out, "%d %d%s%s", (int)o.timeout, o.attempts, o.rotate ? " rotate" : "",
           o.tcp ? " tcp" : "");
  return out;
}

TEST(dns_system_options_of_the_system)
{
  CHECK_STR(dns_system_say(""), "5000 2");
  CHECK_STR(dns_system_say("nameserver 192.0.2.1\nsearch options timeout:1\n"), "5000 2");
  CHECK_STR(dns_system_say("options timeout:3 attempts:4\n"), "3000 4");
  CHECK_STR(dns_system_say("options\ttimeout:3\t  rotate  use-vc \r\noptions attempts:1"),
            "3000 1 rotate tcp");
  CHECK_STR(dns_system_say("options timeout:99 attempts:99"), "30000 5");
  CHECK_STR(dns_system_say("options timeout:0 attempts:x timeout: attempts:-1 ndots:1 rotated"),
            "5000 2");
  CHECK_STR(dns_system_say("optionstimeout:1\n options timeout:1\n;options timeout:1\noptions"),
            "5000 2");
}

/* As many as there are, with their ports, in both families. */
TEST(dns_system_servers_of_a_channel)
{
  static const char *const csv = "192.0.2.1,192.0.2.2:5300,[2001:db8::1]:5301,[2001:db8::2]:53";
  ares_channel channel;
  struct netaddr got[4];
  char text[NETADDR_TEXT_MAX];

  if (!CHECK_INT(ares_library_init(ARES_LIB_INIT_ALL), ARES_SUCCESS)) return;
  if (CHECK_INT(ares_init_options(&channel, &(struct ares_options){.flags = 0}, 0), ARES_SUCCESS)) {
    CHECK_INT(ares_set_servers_ports_csv(channel, csv), ARES_SUCCESS);
    CHECK_INT(dns_system_servers(channel, got, 2), 2);
    CHECK_INT(dns_system_servers(channel, got, 4), 4);
    CHECK_STR(netaddr_text(&got[0], text), "192.0.2.1:53");
    CHECK_STR(netaddr_text(&got[1], text), "192.0.2.2:5300");
    CHECK_STR(netaddr_text(&got[2], text), "[2001:db8::1]:5301");
    CHECK_STR(netaddr_text(&got[3], text), "[2001:db8::2]:53");
    ares_destroy(channel);
  }
  ares_library_cleanup();
}
