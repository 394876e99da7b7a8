/* smtp/outbound/relay_token.h: the token for server.relay that a command prints (XOAUTH2).
 *
 * A token is good for an hour or so, and its command may ask the provider for it, which takes a
 * second or two: so one that let us in is used again for LIMIT_TOKEN_KEEP. A server that refuses it
 * makes us ask anew, at once if the token had been good before; the one just asked for is refused
 * only once. It is held here and, while somebody logs in, in a client; nowhere else.
 */
#ifndef OUTBOUND_RELAY_TOKEN_H
#define OUTBOUND_RELAY_TOKEN_H

#include "../policy/policy.h"

/* Zeroed: there is none. */
struct relay_token {
  char *text;      /* owned; NULL: none */
  unsigned number; /* of this one: each has its own, never 0 */
  int64_t until;   /* loop time; once it let us in */
  bool proved;     /* it did */
};

/* One line of what a command prints: visible ASCII, at most LIMIT_TOKEN octets. -1 with e, in which
 * nothing of it stands. Pure. */
int relay_token_read(str output, str *token, struct err *e);

/* May be used now. */
bool relay_token_is_here(const struct relay_token *t, int64_t now);
void relay_token_proved(struct relay_token *t, unsigned number, int64_t now); /* number let us in */
/* It was refused, and is forgotten. True: it, or a later one, was good, or another connection has
 * heard the same already, which counts once: ask anew and try again. */
bool relay_token_refused(struct relay_token *t, unsigned number);
void relay_token_forget(struct relay_token *t);
void relay_token_forget_unproved(struct relay_token *t);

struct relay_token_ask;
/* Called once, from the loop; e NULL: it is here. Otherwise e says why not, after the words of RFC
 * 3463. */
typedef void relay_token_fn(void *arg, const struct err *e);
/* Asks the command of conf, which is borrowed during the call only. commands may be NULL: none can
 * be run. NULL with e, likewise. */
struct relay_token_ask *relay_token_get(struct relay_token *t, struct commands *commands,
                                        const struct conf *conf, relay_token_fn *told, void *arg,
                                        struct err *e);
void relay_token_cancel(struct relay_token_ask *ask); /* told will not be called; NULL is fine */

#endif
