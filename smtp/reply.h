/* smtp/reply.h: every answer the server can give. */
#ifndef SMTP_REPLY_H
#define SMTP_REPLY_H

#include "../base/base.h"

struct reply {
  int basic;    /* 200..599 */
  str enhanced; /* RFC 3463, may be empty */
  str text;     /* lines separated by LF */
};

/* What configuration cannot change. X(enum, basic, enhanced, text). Each is used at one place or
 * for one reason, so that the log's reply= word says where a refusal came from. */
#define REPLY_LIST(X)                                                                              \
  /* the line */                                                                                   \
  X(LINE_TOO_LONG, 500, "5.5.2", "Line too long")                                                  \
  X(LINE_BARE, 500, "5.5.2", "Lines end with CR LF; a bare CR, LF or NUL is not allowed")          \
  X(EARLY_TALKER, 554, "5.5.0", "You spoke before the greeting")                                   \
  X(NOT_SMTP, 421, "4.7.0", "This is SMTP")                                                        \
  /* addresses and parameters */                                                                   \
  X(BAD_SENDER, 501, "5.1.7", "Bad sender address syntax, expected MAIL FROM:<mailbox>")           \
  X(BAD_RCPT, 501, "5.1.3", "Bad recipient address syntax, expected RCPT TO:<mailbox>")            \
  X(NO_DOMAIN, 553, "5.1.3", "Recipient address needs a domain")                                   \
  X(ADDRESS_TOO_LONG, 501, "5.1.3", "Address too long")                                            \
  X(UTF8_NEEDED, 553, "5.6.7", "Address is not ASCII: MAIL needs the SMTPUTF8 parameter")          \
  X(BAD_PARAMETER, 555, "5.5.4", "Parameter of MAIL or RCPT not known")                            \
  /* sequence */                                                                                   \
  X(HELO_FIRST, 503, "5.5.1", "Say EHLO or HELO first")                                            \
  X(NO_MAIL, 503, "5.5.1", "MAIL first")                                                           \
  X(MAIL_TWICE, 503, "5.5.1", "Sender already given, RSET to begin again")                         \
  X(NO_RCPT, 503, "5.5.1", "RCPT first")                                                           \
  X(PIPELINED_TLS, 501, "5.5.2", "Nothing may follow STARTTLS before 220")                         \
  X(PIPELINED, 554, "5.5.0", "Nothing may follow DATA before 354")                                 \
  X(NO_VALID_RCPT, 554, "5.5.1", "No valid recipients")                                            \
  /* logging in (RFC 4954) */                                                                      \
  X(AUTH_TWICE, 503, "5.5.1", "Already authenticated")                                             \
  X(AUTH_IN_MAIL, 503, "5.5.1", "AUTH is not possible during a mail, RSET first")                  \
  X(AUTH_LINE_TOO_LONG, 500, "5.5.6", "Authentication exchange line is too long")                  \
  X(AUTH_LATER, 454, "4.7.0", "Temporary authentication failure, try later")                       \
  X(AUTH_BANNED, 421, "4.7.0", "Too many failed logins from your address, try later")              \
  X(NOT_YOURS, 553, "5.7.1", "Sender address is not one of yours")                                 \
  /* policy that no rule can forget */                                                             \
  X(RELAY_DENIED, 554, "5.7.1", "Relay access denied")                                             \
  X(NOT_CONFIGURED, 451, "4.3.5", "Server does not know its domain yet, try later")                \
  X(UNKNOWN_RCPT, 550, "5.1.1", "No such mailbox here")                                            \
  X(ALIAS_TOO_MANY, 452, "4.5.3", "Stands for many addresses: give it in a mail of its own")       \
  X(ALIAS_TOO_BIG, 451, "4.3.5", "Stands for too many addresses")                                  \
  X(ODD_LOCAL_PART, 550, "5.7.1", "Routing characters in the local part are not accepted")         \
  X(RULE_ERROR, 451, "4.3.5", "Local policy failed")                                               \
  X(VRFY, 252, "2.5.2", "Cannot VRFY, but will take mail and try to deliver it")                   \
  /* the message */                                                                                \
  X(TOO_BIG, 552, "5.3.4", "Message too big for this server")                                      \
  X(HEADER_TOO_BIG, 552, "5.3.4", "Header block too big")                                          \
  X(BARE_CR, 550, "5.5.2", "bare <CR> received")                                                   \
  X(BARE_LF, 550, "5.5.2", "bare <LF> received")                                                   \
  X(NUL_BYTE, 550, "5.6.0", "NUL not allowed")                                                     \
  X(LOOP, 554, "5.4.6", "Mail loops: too many Received fields")                                    \
  /* mails that went through a filter */                                                           \
  X(DELEGATE_LOOP, 554, "5.4.6", "Mail loops: the filter must hand it to the receiver")            \
  X(DELEGATE_DENIED, 554, "5.7.1", "Results of a filter come in here, and only from its address")  \
  X(DELEGATE_UNKNOWN, 554, "5.7.1", "No mail is waited for that has this token")                   \
  X(DELEGATE_UNSCANNED, 554, "5.7.1", "Nothing in the header shows that it was scanned")           \
  X(DELEGATE_CUT, 554, "5.6.0", "Its end is missing")                                              \
  /* resources */                                                                                  \
  X(FULL, 452, "4.3.1", "Not enough space, try later")                                             \
  X(STORE_FAILED, 451, "4.3.0", "Cannot store the message now, try later")                         \
  X(STORE_DOWN, 421, "4.3.0", "Mail storage is not available, try later")                          \
  X(SHUTDOWN, 421, "4.3.2", "Server is stopping, try later")                                       \
  X(PREQ_LIMIT, 451, "4.3.0", "Checking the message took too long, try later")                     \
  /* good news */                                                                                  \
  X(START_TLS, 220, "2.0.0", "Ready to start TLS")                                                 \
  X(DONE, 250, "2.0.0", "Ok")

enum reply_id {
#define REPLY_ENUM(name, basic, enhanced, text) REPLY_##name,
  REPLY_LIST(REPLY_ENUM)
#undef REPLY_ENUM
      REPLY_COUNT
};

struct reply reply_of(enum reply_id id);

/* The one place where an error becomes an answer. */
struct reply reply_of_err(const struct err *e);

/* Appends r in wire form: lines of at most 80 octets with CRLF, each with the code and the
 * enhanced code, all but the last with '-' (RFC 5321 §4.2.1). A control character becomes '?'. */
void reply_put(struct buf *out, struct reply r);
/* The same for people, appended: "554 5.7.1 text". */
void reply_show(struct buf *out, struct reply r);
str reply_text(struct reply r, struct arena *a); /* in a; p NULL: no memory */

#endif
