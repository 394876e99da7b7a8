/* tests/unit/retry.c: when a transient failure is tried again, and when no more. */
#include "../../smtp/outbound/outbound.h"
#include "../check.h"

#define RETRY_HOUR 3600000

static struct conf retry_conf(int64_t period, int64_t max, int64_t lifetime)
{
  struct conf c = {0};

  c.server.queues.delivery.deferred_retry_period = period;
  c.server.queues.delivery.deferred_retry_max = max;
  c.server.queues.delivery.lifetime = lifetime;
  return c;
}

TEST(retry_doubles_up_to_four_hours)
{
  struct conf c = retry_conf(300000, 0, 0);
  static const int64_t least[] = {300000,  600000,  1200000,        2400000,
                                  4800000, 9600000, 4 * RETRY_HOUR, 4 * RETRY_HOUR};

  for (int i = 0; i < (int)BASE_COUNT(least); i++) {
    int64_t delay = retry_at(&c, i, 1000) - 1000;

    CHECK(delay >= least[i] && delay <= least[i] + least[i] / 4);
  }
  CHECK(retry_at(&c, 1 << 30, 0) <= 5 * RETRY_HOUR);
}

TEST(retry_is_over_by_count_or_age)
{
  struct conf counted = retry_conf(1, 3, 1000), aged = retry_conf(1, 0, 1000);

  CHECK(!retry_is_over(&counted, 1, 0, 1000));
  CHECK(retry_is_over(&counted, 2, 0, 1000));
  CHECK(!retry_is_over(&aged, 1 << 30, 0, 1000));
  CHECK(retry_is_over(&aged, 0, 0, 1001));
}
#undef RETRY_HOUR
