/* smtp/ask.h: what rules ask that takes time: SPF, names of the DNS, services. */
#ifndef SMTP_ASK_H
#define SMTP_ASK_H

#include "../net/net.h"
#include "mail.h"
#include "policy.h"

struct ask;
/* Called once, by the loop, never from inside ask_start; the question is over then. e, with a NULL:
 * why there is no answer. */
typedef void ask_fn(void *arg, const struct rules_answer *a, const struct err *e);

/* Asks the name servers or services of the policy, which is borrowed for as long as it takes, about
 * what the rule wants to know of m, likewise. NULL with e. */
struct ask *ask_start(struct loop *l, struct policy *p, const struct mail *m,
                      const struct rules_question *q, ask_fn *fn, void *arg, struct err *e);
void ask_cancel(struct ask *a); /* fn will not be called; NULL is fine */

#endif
