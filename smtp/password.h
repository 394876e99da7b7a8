/* smtp/password.h: does this password open that account?
 *
 * The answer is slow by design: a password is hashed LIMIT_AUTH_ROUNDS times. So questions stand in
 * line, one is worked on at a time, some milliseconds a turn of the loop, and whoever was right
 * lately is remembered by a keyed hash. An account that does not exist costs as much as one that
 * does.
 */
#ifndef SMTP_PASSWORD_H
#define SMTP_PASSWORD_H

#include "../sqlite/store.h"
#include "ban.h"
#include "conf.h"
#include "sasl.h"

/* The account meant by what somebody typed: in small letters, server.domain added when there is
 * none. -1: it cannot be the name of one; or, if out failed, no memory. */
#define PASSWORD_ACCOUNT_MAX (LIMIT_LOCAL_PART + 1 + LIMIT_DOMAIN)
int password_account(const struct conf *conf, str given, struct buf *out);

struct passwords;
struct passwords *password_new(struct loop *l, struct store *s); /* NULL: no memory */
void password_free(struct passwords *l);                         /* every check was ended before */

/* The verifier of an account; where there is none one made up, the same each time. 1: it is real;
 * 0; -1: cannot be told now. */
int password_verifier(struct passwords *l, str account, struct scram_verifier *out);

enum password_answer {
  PASSWORD_WRONG,
  PASSWORD_RIGHT,
  PASSWORD_WAIT, /* done is called from the loop, unless password_end comes before */
  PASSWORD_BUSY  /* too many wait, or one of this address; or no memory, no database: later */
};
typedef void password_done(void *arg, enum password_answer answer); /* never PASSWORD_WAIT */

/* A question. Lives in its owner's struct, zeroed before first use. */
struct password_check {
  struct passwords *all; /* the rest is password.c's own, but for verifier */
  struct password_check *next;
  struct ban_key who;
  struct buf account, password;
  struct scram_verifier verifier;
  bool known, make;
  password_done *done;
  void *arg;
};
enum password_answer password_begin(struct passwords *l, struct password_check *c,
                                    struct ban_key who, str account, str password,
                                    password_done *done, void *arg);
/* A verifier of this password, in c->verifier when done says PASSWORD_RIGHT. */
enum password_answer password_make(struct passwords *l, struct password_check *c,
                                   struct ban_key who, str account, str password,
                                   password_done *done, void *arg);
void password_end(struct password_check *c); /* at any time; wipes */

/* For verbs: the same at once, without a loop. -1: the password cannot be one, or no memory. */
int password_make_now(str password, struct scram_verifier *out);

#endif
