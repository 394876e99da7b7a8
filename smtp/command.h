/* smtp/command.h: one SMTP command line becomes a struct. Pure functions. */
#ifndef SMTP_COMMAND_H
#define SMTP_COMMAND_H

#include "addr.h"

/* ORDER COMMAND: the table in command.c, the session's table in session.c. X(enum, word) */
#define COMMAND_LIST(X)                                                                            \
  X(HELO)                                                                                          \
  X(EHLO)                                                                                          \
  X(MAIL)                                                                                          \
  X(RCPT)                                                                                          \
  X(DATA)                                                                                          \
  X(RSET)                                                                                          \
  X(NOOP)                                                                                          \
  X(QUIT)                                                                                          \
  X(HELP)                                                                                          \
  X(VRFY)                                                                                          \
  X(EXPN)                                                                                          \
  X(STARTTLS)                                                                                      \
  X(AUTH)                                                                                          \
  X(BDAT)

enum command_verb {
#define COMMAND_ENUM(word) COMMAND_##word,
  COMMAND_LIST(COMMAND_ENUM)
#undef COMMAND_ENUM
      COMMAND_UNKNOWN,
  COMMAND_FOREIGN, /* the start of another protocol: HTTP, TLS: no conversation possible */
  COMMAND_COUNT
};

/* What is wrong with a line; each has its one reply (reply.c). */
enum command_fault {
  COMMAND_OK,
  COMMAND_BAD_ARGUMENT,  /* 501 5.5.4 */
  COMMAND_BAD_PARAMETER, /* 555 5.5.4: MAIL or RCPT parameter not known (RFC 5321 §4.1.1.11) */
  COMMAND_BAD_SENDER,    /* 501 5.1.7, 553 5.1.7 */
  COMMAND_BAD_RCPT,      /* 501 5.1.3, 553 5.1.3 */
  COMMAND_NO_DOMAIN,     /* 553 5.1.3: a recipient without domain that is not postmaster */
  COMMAND_TOO_LONG,      /* 501 5.1.3: path longer than §4.5.3.1 allows */
  COMMAND_UTF8_NEEDED,   /* 553 5.6.7: non-ASCII address, no SMTPUTF8 (RFC 6531) */
  COMMAND_NOMEM          /* 451 4.3.0 */
};

struct command {
  enum command_verb verb;
  enum command_fault fault;
  str word;          /* the verb as sent */
  str arg;           /* what follows it, trimmed: HELO's name, AUTH's mechanism… */
  struct addr path;  /* MAIL, RCPT */
  uint64_t size;     /* MAIL SIZE=, 0 if absent (RFC 1870) */
  bool utf8;         /* MAIL SMTPUTF8 (RFC 6531); RCPT: its transaction's */
  bool eight_bit;    /* MAIL BODY=8BITMIME (RFC 6152) */
  str ret, envid;    /* MAIL, values as sent, empty if absent (RFC 3461; dsn.h) */
  str notify, orcpt; /* RCPT, likewise */
};

/* Parses a line without its CRLF. Slices point into line and into a. utf8: the transaction asked
 * for SMTPUTF8, so RCPT may hold such an address. */
void command_parse(str line, bool utf8, struct arena *a, struct command *out);

#endif
