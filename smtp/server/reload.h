/* smtp/server/reload.h: SIGHUP: configuration, certificates and rules again, as one step. */
#ifndef SERVER_RELOAD_H
#define SERVER_RELOAD_H

#include "server.h"

/* Reads everything aside, opens what is new, and swaps; or changes nothing and says why in the log.
 * Sessions, rules and deliveries under way go on by what they began with. */
void reload_run(struct server *s);

/* Shared with the start: faults into the log; levels of the log; what rules may run. */
void reload_log_faults(const struct diags *d);
void reload_log_levels(const struct conf *conf);
void reload_use_commands(const struct server *s, struct policy *p);

#endif
