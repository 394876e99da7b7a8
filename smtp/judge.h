/* smtp/judge.h: the rules of one stage run over one mail, for sessions and the queue runner. */
#ifndef SMTP_JUDGE_H
#define SMTP_JUDGE_H

#include "../net/net.h"
#include "ask.h"
#include "policy.h"

/* What is asked, of which mail, and who hears the verdict. */
struct judge_order {
  struct loop *loop;
  struct policy *policy; /* borrows, as the mail */
  struct mail *mail;
  enum stage stage;
  size_t from;   /* the first directive; */
  bool returned; /* a delegate, whose message has come back: its body runs */
  void (*done)(void *arg, const struct rules_verdict *v);
  void *arg;
};

/* Lives in its owner's struct, zeroed before first use. */
struct judge {
  struct judge_order o;
  struct rules_run *run;
  struct ask *ask;    /* what the run waits for, */
  bool of_the_sender; /* which is whether SPF lets the client send for mail_from */
  struct task task;
  struct timer limit;           /* the time of a directive that waits */
  struct rules_verdict skipped; /* what a skip state or an empty stage stands for */
};

/* Begins a stage. When the verdict is known at once it is returned; otherwise NULL, and done is
 * called from the loop. A skip state of the mail decides without running anything, and a verdict
 * that makes one is kept in the mail. Call judge_end when the verdict was used. */
const struct rules_verdict *judge_start(struct judge *s, const struct judge_order *o);
/* Ends it, also while it runs or waits: then done is never called. */
void judge_end(struct judge *s);

/* Of host.c: begins what the run asks and will wait for. -1 with e. */
int judge_ask(struct judge *s, const struct rules_question *q, struct err *e);

#endif
