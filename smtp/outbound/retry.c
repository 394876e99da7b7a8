/* smtp/outbound/retry.c: transient failures: when one is tried again, and when no more. */
#include "outbound.h"

#define RETRY_DELAY_MAX (4 * 3600 * 1000) /* milliseconds */

int64_t retry_at(const struct conf *conf, int attempts, int64_t now)
{
  int64_t delay = conf->server.queues.delivery.deferred_retry_period;
  uint32_t dice = 0;

  for (int i = 0; i < attempts && delay < RETRY_DELAY_MAX; i++) delay *= 2;
  if (delay > RETRY_DELAY_MAX) delay = RETRY_DELAY_MAX;
  if (random_bytes(&dice, sizeof dice) < 0) dice = 0;
  return now + delay + (int64_t)(dice % 1024) * delay / 4096;
}

int64_t retry_in_time(const struct conf *conf, int64_t received_at, int64_t now, int64_t next)
{
  int64_t after = conf->server.queues.delivery.warn_after, warning = received_at + after;
  int64_t end = received_at + conf->server.queues.delivery.lifetime + 1;

  if (after > 0 && now < warning && next > warning) return warning;
  return now < end && next > end ? end : next;
}

bool retry_is_over(const struct conf *conf, int attempts, int64_t received_at, int64_t now)
{
  int64_t max = conf->server.queues.delivery.deferred_retry_max;

  if (max > 0 && attempts + 1 >= max) return true;
  return now - received_at > conf->server.queues.delivery.lifetime;
}
#undef RETRY_DELAY_MAX
