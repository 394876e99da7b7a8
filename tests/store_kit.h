/* tests/store_kit.h: what all tests of the store share: opening one in a folder, giving it mail,
 * turning it, and looking at the file as another program would.
 */
#ifndef TESTS_STORE_KIT_H
#define TESTS_STORE_KIT_H

#include "../sqlite/store_int.h"
#include "check.h"

struct store *kit_open(const char *folder);    /* as a server does; NULL after printing why */
struct store *kit_command(const char *folder); /* as a command does */

/* Another program: runs sql; the first column of the first row, "" if there is none, or sqlite's
 * complaint. The result lives until the eighth further call. */
const char *kit_ask(const char *folder, const char *sql);
#define KIT_ASK(folder, sql, want) CHECK_STR(str_of(kit_ask(folder, sql)), want)

/* Turns until nothing is left to do at once. */
void kit_run(struct store *s);
void kit_sleep(int ms);

/* What a callback said. */
struct kit_said {
  int times;
  enum store_result result;
};
void kit_say(void *arg, enum store_result result);

/* A mail on its way. */
struct kit_mail {
  char id[ID_LENGTH + 1];
  struct incoming *in;
  struct store_mail mail; /* one recipient, one row of trace, queue DELIVER */
  struct store_rcpt rcpt;
  struct store_trace line;
  struct kit_said said;
};
#define KIT_HEADER      "Subject: Hello\r\n\r\n"
#define KIT_HEADER_SIZE 18
void kit_new(struct kit_mail *m, struct store *s);
/* Appends n octets; each is known from its place. -1: lost. Turns the store while it must wait. */
int kit_feed(struct kit_mail *m, struct store *s, size_t n);
bool kit_octet(size_t at, char c); /* is c what kit_feed gives at that place? */
void kit_accept(struct kit_mail *m);
void kit_free(struct kit_mail *m);
/* All of it: received, accepted, committed. */
enum store_result kit_send(struct store *s, size_t n, enum store_queue queue,
                           char id[ID_LENGTH + 1]);

/* Whether the file keeps its laws (schema.sql): "" or what is wrong. */
const char *kit_laws(const char *folder);

#endif
