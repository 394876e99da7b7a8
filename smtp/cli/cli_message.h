/* smtp/cli/cli_message.h: what the commands about stored messages (queue, quarantine, explain,
 * vqueue) share: a table of calls, showing one message, doing something to several. */
#ifndef CLI_CLI_MESSAGE_H
#define CLI_CLI_MESSAGE_H

#include "cli_db.h"

struct cli_call {
  const char *word;                    /* the first row is the default: its word may be left out */
  int least, most;                     /* arguments behind it */
  bool all;                            /* --all in place of the arguments */
  bool (*fits)(int argc, char **argv); /* NULL: any arguments do */
  int (*run)(struct store *s, const struct options *o, int argc, char **argv);
};
/* The whole command: options, the call meant, the database, the call. calls ends with word NULL. */
int cli_message_main(const char *command, const char *usage, const struct cli_call *calls, int argc,
                     char **argv);

/* A cli_call's fits: ID [eml|json]. */
bool cli_message_form(int argc, char **argv);
/* One message, of the queue or of a quarantine: argv is ID [eml|json]. */
int cli_message_show(struct store *s, const struct options *o, const char *command, int argc,
                     char **argv);

/* For each id; goes on after one that fails, and returns the first failure's code. */
typedef int cli_message_fn(struct store *s, str id, str queue, struct err *e);
int cli_message_each(struct store *s, const char *command, int n, char **ids, str queue,
                     cli_message_fn *act);

#endif
