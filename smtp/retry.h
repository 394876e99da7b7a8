/* smtp/retry.h: transient failures: when one is tried again, and when no more
 * (server.queues.delivery). */
#ifndef SMTP_RETRY_H
#define SMTP_RETRY_H

#include "conf.h"

/* When what was tried so often before, and now in vain once more, is due again: the configured
 * period doubles up to 4 hours, with a quarter of jitter, so that what failed together is not tried
 * together. */
int64_t retry_at(const struct conf *conf, int attempts, int64_t now);
/* That time, or if it would be later, when its sender is to be warned, or to be told of the end. */
int64_t retry_in_time(const struct conf *conf, int64_t received_at, int64_t now, int64_t next);
/* Tried so often, or for so long, that it is not tried again. */
bool retry_is_over(const struct conf *conf, int attempts, int64_t received_at, int64_t now);

#endif
