/* smtp/cli/cli_sendmail.h: what the two ways of `sendmail` share: whoever calls, and where a mail
 * is left. */
#ifndef CLI_CLI_SENDMAIL_H
#define CLI_CLI_SENDMAIL_H

#include "../server/server.h"

struct sendmail {
  struct arena *arena;
  str config;                      /* -C; empty: the usual one */
  bool bare;                       /* -bs: commands and replies on standard input and output */
  struct drop_write_options leave; /* id, now and recipients are of each mail */
};

/* Says on standard error what is wrong; the exit code for it. */
int sendmail_fail(const struct err *e);

/* cli_sendmail_smtp.c: a conversation; every mail of it is left. The exit code. */
int sendmail_serve(struct sendmail *m);

#endif
