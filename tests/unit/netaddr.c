/* tests/unit/netaddr.c: socket addresses: text, comparison, the ends of a socket. */
#include "../../net/net.h"
#include "../check.h"

#include <net/if.h>
#include <unistd.h>

static const char *there_and_back(const char *text)
{
  static char out[NETADDR_TEXT_MAX];
  struct netaddr a;
  struct err e = {.kind = ERR_NONE};
  if (netaddr_parse(str_of(text), 25, &a, &e)) {
    CHECK(e.kind == ERR_SYNTAX);
    CHECK_INT(a.len, 0);
    return "-";
  }
  return netaddr_text(&a, out);
}

TEST(netaddr_text_forms)
{
  CHECK_STR(there_and_back("192.0.2.1:2525"), "192.0.2.1:2525");
  CHECK_STR(there_and_back("192.0.2.1"), "192.0.2.1:25");
  CHECK_STR(there_and_back("[2001:DB8::1]:0"), "[2001:db8::1]:0");
  CHECK_STR(there_and_back("[::1]"), "[::1]:25");
  CHECK_STR(there_and_back("2001:db8::7"), "[2001:db8::7]:25");
  CHECK_STR(there_and_back("[::]:65535"), "[::]:65535");
  CHECK_STR(there_and_back("unix:/run/x.sock"), "unix:/run/x.sock");
  CHECK_STR(there_and_back("[fe80::1%1]:25"), "[fe80::1%1]:25");
}

TEST(netaddr_refuses_what_is_none)
{
  static const char *const bad[] = {"",
                                    ":25",
                                    "192.0.2.1:",
                                    "192.0.2.1:x",
                                    "192.0.2.1:65536",
                                    "192.0.2.256:1",
                                    "1.2.3:25",
                                    "[::1",
                                    "[::1]25",
                                    "[::1]:",
                                    "[192.0.2.1]:25",
                                    "localhost:25",
                                    "unix:",
                                    "192.0.2.1:-1",
                                    "192.0.2.1: 1",
                                    "192.0.2.1:+1",
                                    "[]:25",
                                    "[::1%]:25",
                                    "[::1%nosuchinterfacehere]:1",
                                    "[::%]",
                                    "01.2.3.4:25x"};
  char longest[300];
  for (size_t i = 0; i < BASE_COUNT(bad); i++) CHECK_STR(there_and_back(bad[i]), "-");
  memset(longest, 'a', sizeof longest - 1);
  longest[sizeof longest - 1] = 0;
  CHECK_STR(there_and_back(longest), "-");
  memcpy(longest, "unix:", 5);
  CHECK_STR(there_and_back(longest), "-");
  struct netaddr a;
  struct err e;
  CHECK_INT(netaddr_parse(STR("127.0.0.1"), -1, &a, &e), -1);
  CHECK(strstr(e.text, "no port") != NULL);
  CHECK_INT(netaddr_parse(STR("127.0.0.1\0:25"), 25, &a, &e), -1);
}

TEST(netaddr_compares)
{
  struct netaddr a, b, c, none = {.len = 0};
  CHECK_INT(netaddr_of_ip(STR("192.0.2.1"), 25, &a), 0);
  CHECK_INT(netaddr_of_ip(STR("192.0.2.1"), 26, &b), 0);
  CHECK_INT(netaddr_of_ip(STR("::1"), 25, &c), 0);
  CHECK(netaddr_same_ip(&a, &b) && !netaddr_eq(&a, &b) && netaddr_eq(&a, &a));
  CHECK(!netaddr_same_ip(&a, &c) && !netaddr_eq(&a, &none) && netaddr_eq(&none, &none));
  CHECK(netaddr_same_network(&a, &b) && !netaddr_same_network(&a, &c));
  CHECK_INT(netaddr_of_ip(STR("192.0.2.2"), 25, &b), 0);
  CHECK(!netaddr_same_network(&a, &b) && !netaddr_same_network(&a, &none));
  CHECK_INT(netaddr_of_ip(STR("2001:db8:0:1::1"), 25, &a), 0);
  CHECK_INT(netaddr_of_ip(STR("2001:db8:0:1:2::2"), 25, &b), 0);
  CHECK(netaddr_same_network(&a, &b) && !netaddr_same_ip(&a, &b));
  CHECK_INT(netaddr_of_ip(STR("2001:db8:0:2::1"), 25, &b), 0);
  CHECK(!netaddr_same_network(&a, &b));
  CHECK_INT(netaddr_of_ip(STR("x"), 25, &a), -1);
  CHECK_INT(netaddr_port(&c), 25);
  CHECK_INT(netaddr_port(&none), 0);
  char text[NETADDR_TEXT_MAX];
  CHECK_STR(netaddr_ip(&c, text), "::1");
  CHECK_STR(netaddr_text(&none, text), "");
}

TEST(netaddr_unmaps_ipv4_in_ipv6)
{
  struct netaddr a;
  char text[NETADDR_TEXT_MAX];
  struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(99)};
  static const uint8_t mapped[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 192, 0, 2, 9};
  memcpy(&in6.sin6_addr, mapped, 16);
  CHECK_INT(netaddr_of_sa((struct sockaddr *)&in6, sizeof in6, &a), 0);
  CHECK_STR(netaddr_text(&a, text), "192.0.2.9:99");
  CHECK_INT(netaddr_of_sa((struct sockaddr *)&in6, 8, &a), -1);
  in6.sin6_family = 250;
  CHECK_INT(netaddr_of_sa((struct sockaddr *)&in6, sizeof in6, &a), -1);
}

TEST(netaddr_tells_the_ends_of_a_socket)
{
  int fds[2];
  struct netaddr a;
  char text[NETADDR_TEXT_MAX];
  CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
  CHECK_INT(netaddr_local(fds[0], &a), 0);
  CHECK_STR(netaddr_text(&a, text), "unix:");
  CHECK_INT(netaddr_peer(fds[0], &a), 0);
  close(fds[0]);
  close(fds[1]);
  CHECK_INT(netaddr_local(fds[0], &a), -1);
}
