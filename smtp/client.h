/* smtp/client.h: the SMTP client (RFC 5321 §3.3): mails handed to another server over one connection,
 * one after another.
 *
 * All callbacks come from the loop, never from inside a function of this page.
 */
#ifndef SMTP_CLIENT_H
#define SMTP_CLIENT_H

#include "../net/net.h"

struct client;

struct client_options {
  struct netaddr to;
  str helo;         /* copied: what EHLO says of us */
  bool lock_step;   /* one command at a time, also where the peer offers PIPELINING */
  bool hurry;       /* the peer writes line by line: see io_hurry */
  int64_t greeting; /* ms for connection and greeting; 0: 5 min, as RFC 5321 §4.5.3.2 has it */
  int64_t until;    /* loop time by which all must be over; 0: only the times of each phase count */
  void (*greeted)(void *arg); /* the peer is ready for a mail; may be NULL */
  void (*gone)(void *arg);    /* after client_end, once the connection is closed */
  void *arg;
};

/* Gives bytes [at, at + n) of the mail, or as many as it likes of them from `at` on, without waiting.
 * Their number, at least 1 before the end; -1: it cannot, and the peer must not take what it has. */
typedef ptrdiff_t client_body_fn(void *arg, uint64_t at, char *p, size_t n);

struct client_rcpt {
  str address;
  int code;  /* 250: the peer took the mail for it; 0: it never said */
  str reply; /* of the peer, as it came, or why there was none; in the mail's arena */
};

struct client_mail {
  str from; /* empty: the null sender */
  struct client_rcpt *rcpt;
  size_t rcpt_count;
  bool all;         /* nobody gets it unless every recipient is accepted */
  bool utf8, eight; /* needs SMTPUTF8; has octets beyond ASCII */
  uint64_t octets;  /* of header and body, CR LF counting two */
  client_body_fn *body;
  struct arena *arena;                          /* for the replies */
  void (*done)(void *arg, int code, str reply); /* of the mail as a whole: 250 or what stood in the
                          way; code 0: no reply did, and reply says what. See also the recipients */
  void *arg;                                    /* of body and done */
};

/* Begins to connect. NULL with e. */
struct client *client_new(struct loop *l, const struct client_options *o, struct err *e);
/* Sends a mail, once connected. Borrowed until done was called; one at a time: the next one may be
 * given when done says 250 or another code and client_is_open. */
void client_send(struct client *c, struct client_mail *m);
bool client_is_open(const struct client *c);
/* Always needed, once. Nothing is called any more but gone; a mail that was sent to its last dot stays
 * sent, one that was not is broken off; then QUIT. */
void client_end(struct client *c);
void client_abort(struct client *c); /* the same at once, without a word */

#endif
