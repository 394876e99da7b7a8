/* smtp/outside.h: the services that rules call (rules/README.md#services): clamd, commands,
 * tables, databases. */
#ifndef SMTP_OUTSIDE_H
#define SMTP_OUTSIDE_H

#include "../net/net.h"
#include "commands.h"
#include "mail.h"

struct outside; /* what the services of one rule set need while it lives */
/* commands may be NULL: then none can be run. All is borrowed. NULL: no memory. */
struct outside *outside_new(struct loop *l, const struct conf *conf, const struct rules *r,
                            struct commands *commands);
void outside_free(struct outside *o); /* its calls were cancelled or are over; NULL is fine */

struct outside_call;
/* Called once, by the loop, never from inside outside_ask; the call is over then. e, with a NULL:
 * why there is no answer. */
typedef void outside_fn(void *arg, const struct rules_answer *a, const struct err *e);
/* Asks a service about m (borrowed) what q says (copied). NULL with e. */
struct outside_call *outside_ask(struct outside *o, const struct mail *m,
                                 const struct rules_question *q, outside_fn *fn, void *arg,
                                 struct err *e);
void outside_cancel(struct outside_call *c); /* fn will not be called; NULL is fine */

#endif
