/* smtp/verb_sendmail.h: what the two ways of `sendmail` share: whoever calls, and where a mail is
 * left. */
#ifndef SMTP_VERB_SENDMAIL_H
#define SMTP_VERB_SENDMAIL_H

#include "leave.h"

struct sendmail {
  struct arena *arena;
  str config;                 /* -C; empty: the usual one */
  bool bare;                  /* -bs: commands and replies on standard input and output */
  struct leave_options leave; /* id, now and recipients are of each mail */
};

/* Says on standard error what is wrong; the exit code for it. */
int sendmail_fail(const struct err *e);

/* verb_sendmail_smtp.c: a conversation; every mail of it is left. The exit code. */
int sendmail_serve(struct sendmail *m);

#endif
