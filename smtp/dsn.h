/* smtp/dsn.h: what a client asks to be told of his mail: the parameters of RFC 3461. Pure
 * functions.
 *
 * They are kept, and passed on to the next server, in the words of the wire: "RET=HDRS ENVID=…"
 * with the message, "NOTIFY=SUCCESS,DELAY ORCPT=rfc822;…" with each recipient. An empty text asks
 * for nothing, and then failures and delays are reported.
 */
#ifndef SMTP_DSN_H
#define SMTP_DSN_H

#include "../vsmtp.h"

enum { DSN_NEVER = 1, DSN_SUCCESS = 2, DSN_FAILURE = 4, DSN_DELAY = 8 }; /* ORDER DSN_NOTIFY */

/* Is the value well-formed? utf8: the transaction asked for SMTPUTF8 (RFC 6533 §3). */
bool dsn_ret_ok(str value);
bool dsn_envid_ok(str value);
bool dsn_notify_ok(str value);
bool dsn_orcpt_ok(str value, bool utf8);

/* The text that is kept, in a, of well-formed values, of which each may be empty. p NULL: no
 * memory. */
str dsn_mail_text(str ret, str envid, struct arena *a);
str dsn_rcpt_text(str notify, str orcpt, struct arena *a);

/* A kept text, of a message or of a recipient, read again. */
struct dsn {
  unsigned notify; /* bits above; without NOTIFY: DSN_FAILURE | DSN_DELAY */
  bool full;       /* RET=FULL */
  str envid;       /* decoded; printable ASCII */
  str orcpt_type;  /* "rfc822", "utf-8"; empty: no ORCPT */
  str orcpt;       /* decoded; printable ASCII, or as it stands when the type is utf-8 */
};
/* -1: no memory. What is not well-formed is as if it were not there. */
int dsn_read(str text, struct arena *a, struct dsn *out);

/* The text without a wish to hear of success: for each of several recipients that one became,
 * because it is no longer one event (RFC 3461 §5.2.7.2), and for what a stranger asks (guard.h). p
 * NULL: no memory. */
str dsn_unsuccessful(str text, struct arena *a);

/* The message's text out of its context (column context of the store); empty if there is none. */
str dsn_of_context(str context, struct arena *a);

/* Any text as xtext (RFC 3461 §4), appended. */
void dsn_xtext(struct buf *out, str text);

#endif
