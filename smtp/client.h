/* smtp/client.h: the SMTP client (RFC 5321 §3.3): mails handed to another server over one
 * connection, one after another.
 *
 * All callbacks come from the loop, never from inside a function of this page.
 */
#ifndef SMTP_CLIENT_H
#define SMTP_CLIENT_H

#include "../net/net.h"
#include "sasl.h"
#include "target.h"

struct client;

struct client_options {
  struct netaddr to;
  bool connected; /* fd is a connected socket, taken in any case: `to` is not used */
  int fd;
  str helo;  /* copied: what EHLO says of us */
  str name;  /* copied: the server's, as its certificate has it */
  bool lmtp; /* RFC 2033: LHLO, and a reply for each recipient in the end */
  enum target_tls tls;
  bool implicit;                 /* TLS from the first octet instead of STARTTLS */
  struct tls_client *tls_config; /* held; needed unless tls is TARGET_TLS_NONE */
  /* Copied: who logs in, after TLS; user empty: nobody. The secret is a password or, for
   * SASL_XOAUTH2, a token. In clear text only with TARGET_TLS_NONE. */
  str user, secret;
  enum sasl_mech mech; /* of a user; SASL_MECHS: the best that is offered */
  bool lock_step;      /* one command at a time, also where the peer offers PIPELINING */
  bool hurry;          /* the peer writes line by line: see io_hurry */
  int64_t greeting;    /* ms for connection and greeting; 0: 5 min, as RFC 5321 §4.5.3.2 has it */
  int64_t until; /* loop time by which all must be over; 0: only the times of each phase count */
  void (*greeted)(void *arg);                   /* the peer is ready for a mail; may be NULL */
  void (*failed)(void *arg, int code, str why); /* the connection is of no use and had no mail: code
                          and why as those of done; may be NULL. Then client_end */
  void (*gone)(void *arg); /* after client_end, once the connection is closed */
  void *arg;
};

/* Gives bytes [at, at + n) of the mail, or as many as it likes of them from `at` on, without
 * waiting. Their number, at least 1 before the end; -1: it cannot, and the peer must not take what
 * it has. */
typedef ptrdiff_t client_body_fn(void *arg, uint64_t at, char *p, size_t n);

struct client_rcpt {
  str address;
  str dsn;   /* "NOTIFY=… ORCPT=…" for a peer that offers DSN (RFC 3461), or empty */
  int code;  /* 250: the peer took the mail for it; 0: it never said */
  str reply; /* of the peer, as it came, or why there was none; in the mail's arena */
  bool told; /* LMTP: that is the reply to the mail, not to the address */
};

struct client_mail {
  str from; /* empty: the null sender */
  str dsn;  /* "RET=… ENVID=…", likewise */
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
/* Why the peer cannot be given this mail as it is, after the words of RFC 3463: no SMTPUTF8, no
 * 8BITMIME though there are octets beyond ASCII, larger than it takes. Empty: it can. Reads the
 * mail when it must know. Once greeted. */
str client_unfit(const struct client *c, const struct client_mail *m);
bool client_offers_dsn(const struct client *c);
str client_peer(const struct client *c);                /* the name it gave itself, or empty */
const char *client_tls_version(const struct client *c); /* "TLSv1.3"; NULL: clear text */
bool client_tls_failed(const struct client *c); /* not greeted because encryption did not work */
/* The text of a mail is on its way: the server takes it, or has it and did not answer yet. */
bool client_is_at_text(const struct client *c);
/* The end of the last mail's data was written: without a reply nobody knows whether it was
 * taken. */
bool client_may_have_sent(const struct client *c);
/* Others need the place: a mail of which the peer neither heard nor took anything for `patience` ms
 * is given up soon, as at any deadline; of one that was sent to its end, for four times as long. */
void client_hasten(struct client *c, int64_t patience);
/* Always needed, once. Nothing is called any more but gone; a mail that was sent to its last dot
 * stays sent, one that was not is broken off; then QUIT. */
void client_end(struct client *c);
void client_abort(struct client *c); /* the same at once, without a word */

#endif
