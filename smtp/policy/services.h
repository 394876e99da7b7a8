/* smtp/policy/services.h: the services that rules call (rules/README.md#services): clamd, commands,
 * tables, databases. */
#ifndef POLICY_SERVICES_H
#define POLICY_SERVICES_H

#include "../../net/net.h"
#include "policy.h"

struct services; /* what the services of one rule set need while it lives */
/* commands may be NULL: then none can be run. All is borrowed. NULL: no memory. */
struct services *services_new(struct loop *l, const struct conf *conf, const struct rules *r,
                              struct commands *commands);
void services_free(struct services *o); /* its calls were cancelled or are over; NULL is fine */

struct services_call;
/* Called once, by the loop, never from inside services_ask; the call is over then. e, with a NULL:
 * why there is no answer. */
typedef void services_fn(void *arg, const struct rules_answer *a, const struct err *e);
/* Asks a service about m (borrowed) what q says (copied). NULL with e. */
struct services_call *services_ask(struct services *o, const struct mail *m,
                                   const struct rules_question *q, services_fn *fn, void *arg,
                                   struct err *e);
void services_cancel(struct services_call *c); /* fn will not be called; NULL is fine */

#endif
