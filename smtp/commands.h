/* smtp/commands.h: the commands of rules and configuration: told to the helper once, then run by
 * it.
 *
 * The helper runs what it was told of when the server started and nothing else, whatever becomes of
 * the server later. So a reload can drop a `cmd` service or bring one back, but a new one, or one
 * whose command, user, group or timeout changed, waits for a restart; and so does token_command
 * with each of its words.
 *
 * LIMIT_COMMANDS run at once; the others wait in line.
 */
#ifndef SMTP_COMMANDS_H
#define SMTP_COMMANDS_H

#include "../net/net.h"
#include "../rules/rules.h"
#include "conf.h"
#include "helper.h"

/* What is run for a `cmd` service, and for server.relay.token_command, which must be there. They
 * borrow from what they are made of. */
struct helper_service commands_of_rules(const struct rules_declared *d);
struct helper_service commands_of_relay(const struct conf *conf);

struct commands;
/* Tells the helper, which is attached, all commands of this configuration and these rules. NULL
 * with e. */
struct commands *commands_new(struct loop *l, struct helper *h, const struct conf *conf,
                              const struct rules *r, struct err *e);
void commands_free(struct commands *c); /* its calls were cancelled or are over; NULL is fine */
/* Does the helper know this one? */
bool commands_knows(const struct commands *c, const struct helper_service *s);

struct commands_call;
/* Runs it with these arguments (copied); output as in helper_run. Once, from the loop, ran is
 * called. NULL with e: ERR_PERM the helper does not know it, ERR_NOMEM. */
struct commands_call *commands_run(struct commands *c, const struct helper_service *s,
                                   const struct datum *args, size_t n, size_t output,
                                   helper_ran_fn *ran, void *arg, struct err *e);
/* ran will not be called; what runs is killed. NULL is fine. */
void commands_cancel(struct commands_call *call);

#endif
