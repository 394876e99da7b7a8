/* tests/unit/clock.c: the clocks go forward, dates are written right. */
#include "../check.h"

TEST(clock_goes_forward)
{
  int64_t us = clock_mono_us(), ms = clock_mono(), wall = clock_wall();
  CHECK(us > 0 && ms >= us / 1000);
  CHECK(clock_mono_us() >= us);
  CHECK(wall > INT64_C(1700000000000)); /* 2023 */
}

TEST(clock_utc)
{
  char out[CLOCK_TEXT_MAX];
  CHECK_STR(clock_utc(0, out), "1970-01-01T00:00:00Z");
  CHECK_STR(clock_utc(-1, out), "1969-12-31T23:59:59Z");
  CHECK_STR(clock_utc(INT64_C(1795333140999), out), "2026-11-22T07:39:00Z");
  CHECK_STR(clock_utc(INT64_C(951782400000), out), "2000-02-29T00:00:00Z");
  CHECK_STR(clock_utc(INT64_MAX, out), "9999-12-31T23:59:59Z");
  CHECK_STR(clock_utc(INT64_MIN, out), "0001-01-01T00:00:00Z");
}

TEST(clock_rfc5322)
{
  char out[40];
  CHECK_STR(clock_rfc5322(0, out), "Thu, 1 Jan 1970 00:00:00 +0000");
  CHECK_STR(clock_rfc5322(INT64_C(1795333140000), out), "Sun, 22 Nov 2026 07:39:00 +0000");
}

TEST(clock_random_bytes)
{
  char a[4096] = {0}, b[4096] = {0};
  CHECK_INT(random_bytes(a, sizeof a), 0);
  CHECK_INT(random_bytes(b, sizeof b), 0);
  CHECK(memcmp(a, b, sizeof a) != 0);
  CHECK_INT(random_bytes(a, 0), 0);
}
