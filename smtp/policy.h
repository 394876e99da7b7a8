/* smtp/policy.h: a configuration together with its rules: loaded as one, swapped as one.
 *
 * Whoever works by a policy holds it, so a reload changes nothing under anybody's feet.
 */
#ifndef SMTP_POLICY_H
#define SMTP_POLICY_H

#include "../rules/rules.h"
#include "conf.h"
#include "resolver.h"

struct commands;
struct outside;

struct policy {
  unsigned refs;
  struct conf *conf;
  struct rules *rules;
  struct dns *dns; /* once somebody asked; gone with the policy, which must not outlive the loop */
  struct commands *commands; /* borrows: those the rules may run; NULL: none */
  struct outside *outside;   /* like dns */
};

/* Loads the rules that conf names. conf is taken, also on failure. Faults and warnings go to d;
 * NULL when one of them is an error. */
struct policy *policy_new(struct conf *conf, struct diags *d);
struct policy *policy_hold(struct policy *p); /* one more reference; returns p */
void policy_release(struct policy *p);        /* NULL is fine */

/* The name servers it asks. NULL with e. */
struct dns *policy_dns(struct policy *p, struct loop *l, struct err *e);
/* The services its rules call. NULL with e. */
struct outside *policy_outside(struct policy *p, struct loop *l, struct err *e);

/* The rules that conf names, alone (for `check`). */
struct rules *policy_rules(const struct conf *conf, struct diags *d);

#endif
