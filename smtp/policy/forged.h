/* smtp/policy/forged.h: header fields of a client that claim to be ours. */
#ifndef POLICY_FORGED_H
#define POLICY_FORGED_H

#include "../conf/conf.h"
#include "../format/format.h"

/* Removes each Authentication-Results whose authserv-id is a name of this server (RFC 8601 §5): the
 * host's, or one of our domains. */
void forged_remove(struct header *h, const struct conf *conf);

#endif
