/* tests/unit/ban.c: what counts as one address, how long a guesser waits, and when it is
 * forgiven. */
#include "../../smtp/session/session.h"
#include "../check.h"

static struct ban_key ban_of(const char *ip)
{
  struct netaddr a = {.len = 0};
  CHECK_INT(netaddr_of_ip(str_of(ip), 25, &a), 0);
  return ban_key_of(&a);
}

static bool ban_alike(const char *a, const char *b)
{
  struct ban_key x = ban_of(a), y = ban_of(b);
  return memcmp(&x, &y, sizeof x) == 0;
}

TEST(ban_keys)
{
  CHECK(ban_alike("192.0.2.1", "192.0.2.1"));
  CHECK(!ban_alike("192.0.2.1", "192.0.2.2"));
  CHECK(ban_alike("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff"));
  CHECK(!ban_alike("2001:db8:1:2::1", "2001:db8:1:3::1"));
  CHECK(!ban_alike("192.0.2.1", "::1"));
}

TEST(ban_waits_longer_each_time)
{
  static const int64_t want[] = {1000, 2000, 4000, 8000, 8000};
  struct ban *b = ban_new();
  struct ban_key who = ban_of("192.0.2.1");
  if (!CHECK(b != NULL)) return;
  for (size_t i = 0; i < BASE_COUNT(want); i++) CHECK_INT(ban_failed(b, who), want[i]);
  CHECK_INT(ban_failed(b, ban_of("192.0.2.2")), 1000);
  ban_forgive(b, who);
  CHECK_INT(ban_failed(b, who), 1000);
  ban_free(b);
}

TEST(ban_holds_after_so_many)
{
  struct ban *b = ban_new();
  struct ban_key who = ban_of("2001:db8::1"), local = ban_of("127.0.0.1");
  if (!CHECK(b != NULL)) return;
  for (int i = 0; i < LIMIT_AUTH_FAILURES; i++) {
    CHECK(!ban_holds(b, who));
    ban_failed(b, who);
    ban_failed(b, local);
  }
  CHECK(ban_holds(b, who));
  CHECK(ban_holds(b, ban_of("2001:db8::2")));
  CHECK(!ban_holds(b, ban_of("2001:db8:0:1::2")));
  CHECK(!ban_holds(b, local)); /* a mail program here speaks for many */
  ban_forgive(b, who);
  CHECK(!ban_holds(b, who));
  ban_free(b);
}

/* More addresses than are remembered: the table stays as large as it is. */
TEST(ban_forgets_the_oldest)
{
  struct ban *b = ban_new();
  char ip[64];
  if (!CHECK(b != NULL)) return;
  for (int i = 0; i < 3 * LIMIT_AUTH_ADDRESSES; i++) {
    snprintf(ip, sizeof ip, "10.%d.%d.1", i / 256, i % 256);
    CHECK_INT(ban_failed(b, ban_of(ip)), 1000);
  }
  CHECK_INT(ban_failed(b, ban_of(ip)), 2000);
  ban_free(b);
}
