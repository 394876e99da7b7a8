/* smtp/commands.h: the commands that rules may run: told to the helper once, then run by it.
 *
 * The helper runs what it was told of when the server started and nothing else, whatever becomes of
 * the server later. So a reload can drop a `cmd` service or bring one back, but a new one, or one whose
 * command, user, group or timeout changed, waits for a restart.
 *
 * LIMIT_COMMANDS run at once; the others wait in line.
 */
#ifndef SMTP_COMMANDS_H
#define SMTP_COMMANDS_H

#include "../net/net.h"
#include "../rules/rules.h"
#include "helper.h"

struct commands;
/* Tells the helper, which is attached, the `cmd` services of these rules. NULL with e. */
struct commands *commands_new(struct loop *l, struct helper *h, const struct rules *r,
                              struct err *e);
void commands_free(struct commands *c); /* its calls were cancelled or are over; NULL is fine */
/* Does the helper know this one? */
bool commands_knows(const struct commands *c, const struct rules_declared *d);

struct commands_call;
/* Runs it with these arguments (copied). Once, from the loop, ran is called. NULL with e: ERR_PERM the
 * helper does not know it, ERR_NOMEM. */
struct commands_call *commands_run(struct commands *c, const struct rules_declared *d,
                                   const struct datum *args, size_t n, helper_ran_fn *ran,
                                   void *arg, struct err *e);
/* ran will not be called; what runs is killed. NULL is fine. */
void commands_cancel(struct commands_call *call);

#endif
