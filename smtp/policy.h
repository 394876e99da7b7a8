/* smtp/policy.h: a configuration with its certificates and rules: loaded as one, swapped as one.
 *
 * Whoever works by a policy holds it, so a reload changes nothing under anybody's feet.
 */
#ifndef SMTP_POLICY_H
#define SMTP_POLICY_H

#include "../rules/rules.h"
#include "certs.h"
#include "conf.h"
#include "resolver.h"
#include "srs.h"

struct commands;
struct helper;
struct outside;
struct store;

struct policy {
  unsigned refs;
  struct conf *conf;
  struct certs *certs;
  struct rules *rules;
  struct dns *dns; /* once somebody asked; gone with the policy, which must not outlive the loop */
  struct commands *commands; /* borrows: those the rules may run; NULL: none */
  struct outside *outside;   /* like dns */
};

/* In two steps, because certificates are read before the rights of root end, rules afterwards.
 * Faults and warnings go to d. First conf, which is taken, also on failure, and its certificates;
 * NULL when a fault is an error. */
struct policy *policy_new(struct conf *conf, struct diags *d);
/* Then its rules; -1 when a fault is an error: release it. */
int policy_load(struct policy *p, struct diags *d);
struct policy *policy_hold(struct policy *p); /* one more reference; returns p */
void policy_release(struct policy *p);        /* NULL is fine */

/* The name servers it asks. NULL with e. */
struct dns *policy_dns(struct policy *p, struct loop *l, struct err *e);
/* The services its rules call. NULL with e. */
struct outside *policy_outside(struct policy *p, struct loop *l, struct err *e);

/* One mail transfer agent at work: what all its parts have, and its server makes. */
struct mta {
  struct loop *loop;
  struct store *store; /* NULL while it is closed: at the start and at the end */
  struct helper *helper;
  struct policy *policy; /* of today: sessions and deliveries hold the one they began with */
  struct srs srs;        /* keys for senders of mail that is sent on */
};

/* The rules that conf names, alone (for `check`). */
struct rules *policy_rules(const struct conf *conf, struct diags *d);

#endif
