/* smtp/verb_message.h: what the verbs about stored messages (queue, quarantine, explain, vqueue)
 * share: a table of calls, showing one message, doing something to several.
 */
#ifndef SMTP_VERB_MESSAGE_H
#define SMTP_VERB_MESSAGE_H

#include "rows.h"

struct verb_call {
  const char *word;                    /* the first row is the default: its word may be left out */
  int least, most;                     /* arguments behind it */
  bool all;                            /* --all in place of the arguments */
  bool (*fits)(int argc, char **argv); /* NULL: any arguments do */
  int (*run)(struct store *s, const struct options *o, int argc, char **argv);
};
/* The whole verb: options, the call meant, the database, the call. calls ends with word NULL. */
int verb_message_main(const char *verb, const char *usage, const struct verb_call *calls, int argc,
                      char **argv);

/* A verb_call's fits: ID [eml|json]. */
bool verb_message_form(int argc, char **argv);
/* One message, of the queue or of a quarantine: argv is ID [eml|json]. */
int verb_message_show(struct store *s, const struct options *o, const char *verb, int argc,
                      char **argv);

/* For each id; goes on after one that fails, and returns the first failure's code. */
typedef int verb_message_fn(struct store *s, str id, str queue, struct err *e);
int verb_message_each(struct store *s, const char *verb, int n, char **ids, str queue,
                      verb_message_fn *act);

#endif
