/* smtp/login.h: the client's side of AUTH (RFC 4954): lines in, lines out. Does no I/O. */
#ifndef SMTP_LOGIN_H
#define SMTP_LOGIN_H

#include "sasl.h"

struct login {
  struct sasl_client sasl;
  char *user, *secret; /* owned, wiped in the end; user NULL: nobody logs in */
  enum sasl_mech mech; /* the one wanted; SASL_MECHS: the best that is offered */
};

enum login_next {
  LOGIN_SAY,     /* the line, without CRLF, and hear what comes */
  LOGIN_WORK,    /* login_work in the next turn */
  LOGIN_DONE,    /* the server let us in, and proved itself where the mechanism can */
  LOGIN_REFUSED, /* it said so */
  LOGIN_NONE,    /* it offers nothing we could use */
  LOGIN_BROKEN   /* it does not keep to the mechanism, or gave a false proof, or memory is out */
};

/* Copies. -1: no memory. */
int login_init(struct login *l, str user, str secret, enum sasl_mech mech);
/* offered: a bit for each enum sasl_mech, 1 << mech. */
enum login_next login_begin(struct login *l, unsigned offered, struct buf *line);
/* A reply: its code, and the text of its last line. */
enum login_next login_heard(struct login *l, int code, str text, struct buf *line);
enum login_next login_work(struct login *l, struct buf *line);
void login_end(struct login *l); /* zeroed is fine */

#endif
