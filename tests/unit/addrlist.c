/* tests/unit/addrlist.c: what a list of addresses holds. */
#include "../../smtp/format/format.h"

#include "../check.h"

/* All addresses of a list, joined by "|". */
static str addrlist_all(const char *list)
{
  static char out[512];
  size_t n = 0;
  str rest = str_of(list), address;

  while (addrlist_next(&rest, &address) && n + address.n + 2 < sizeof out) {
    if (n) out[n++] = '|';
    memcpy(out + n, address.p, address.n);
    n += address.n;
  }
  return (str){out, n};
}

TEST(addrlist_plain)
{
  CHECK_STR(addrlist_all("a@b.example"), "a@b.example");
  CHECK_STR(addrlist_all("a@b.example,c@d.example"), "a@b.example|c@d.example");
  CHECK_STR(addrlist_all(" root ,\r\n\talice , "), "root|alice");
  CHECK_STR(addrlist_all(""), "");
  CHECK_STR(addrlist_all(",,;"), "");
}

TEST(addrlist_names_and_comments)
{
  CHECK_STR(addrlist_all("Alice <a@b.example>, root (Cron Daemon)"), "a@b.example|root");
  CHECK_STR(addrlist_all("\"Doe, John\" <j@b.example>"), "j@b.example");
  CHECK_STR(addrlist_all("\"a, b\"@c.example"), "\"a, b\"@c.example");
  CHECK_STR(addrlist_all("\"a\\\"<x>\" <j@b.example>"), "j@b.example");
  CHECK_STR(addrlist_all("(a (nested, one) <no@b>) j@b.example (late, too)"), "j@b.example");
  CHECK_STR(addrlist_all("<\"a>b\"@c.example>"), "\"a>b\"@c.example");
  CHECK_STR(addrlist_all("a@[IPv6:2001:db8::1], b"), "a@[IPv6:2001:db8::1]|b");
}

TEST(addrlist_groups)
{
  CHECK_STR(addrlist_all("undisclosed-recipients:;"), "");
  CHECK_STR(addrlist_all("friends: a@b.example, C <c@d.example>;, e@f.example"),
            "a@b.example|c@d.example|e@f.example");
}

TEST(addrlist_broken)
{
  CHECK_STR(addrlist_all("two words"), "two words");
  CHECK_STR(addrlist_all("<never@ends"), "never@ends");
  CHECK_STR(addrlist_all("\"never ends"), "\"never ends");
  CHECK_STR(addrlist_all("(never ends, a@b"), "");
  CHECK_STR(addrlist_all("a\\"), "a\\");
  CHECK_STR(addrlist_all("\"\\"), "\"\\");
  CHECK_STR(addrlist_all("<>"), "");
}
