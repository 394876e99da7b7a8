/* smtp/session/auth.h: AUTH in a session (RFC 4954): an exchange, the rules of stage authenticate,
 * accounts. */
#ifndef SESSION_AUTH_H
#define SESSION_AUTH_H

#include "session_int.h"

/* The list of EHLO, with "AUTH …" as its second line when that is offered now; in the arena. */
str auth_offer(struct session *s, str list);
bool auth_check(struct session *s); /* may it be? Answers when it says no */
void auth_run(struct session *s);
bool auth_is_open(const struct session *s); /* lines are the client's part of an exchange: */
bool auth_input(struct session *s);         /* takes one; false: there is none */
void auth_forget(struct session *s);        /* ends an exchange without a word */

/* May who logged in send as this address? */
bool auth_owns(const struct session *s, str address);

void auth_end(struct session_hub *hub); /* after the last session: what they shared */

#endif
