/* smtp/outbound/outbound.h: mail handed to other servers. */
#ifndef SMTP_OUTBOUND_H
#define SMTP_OUTBOUND_H

#include "../../net/net.h"
#include "../conf/conf.h"
#include "../format/format.h"
#include "../policy/policy.h"
#include "../sasl/sasl.h"

/* ---- retry.c ------------------------------------------------------------------------------------
 * Transient failures: when one is tried again, and when no more
 * (server.queues.delivery). */
/* When what was tried so often before, and now in vain once more, is due again: the configured
 * period doubles up to 4 hours, with a quarter of jitter, so that what failed together is not tried
 * together. */
int64_t retry_at(const struct conf *conf, int attempts, int64_t now);
/* That time, or if it would be later, when its sender is to be warned, or to be told of the end. */
int64_t retry_in_time(const struct conf *conf, int64_t received_at, int64_t now, int64_t next);
/* Tried so often, or for so long, that it is not tried again. */
bool retry_is_over(const struct conf *conf, int attempts, int64_t received_at, int64_t now);

/* ---- client.c -----------------------------------------------------------------------------------
 * The SMTP client (RFC 5321 §3.3): mails handed to another server over one
 * connection, one after another.
 *
 * All callbacks come from the loop, never from inside a function of this page. */
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

/* ---- outbound.c ---------------------------------------------------------------------------------
 * Mails on their way to other servers: who is connected to whom, how often, and
 * who must wait.
 *
 * All that goes to one destination stands in one lane: a domain, the target of a forward, or the
 * relay of the configuration. A lane finds its servers, opens connections as there is work, keeps
 * them for the next mail, and remembers when all its servers failed: until its back-off is over
 * nobody is connected, and what comes for it is put off at once. So a dead host costs one attempt,
 * whatever waits for it, and no place that a living one needs. */
enum outbound_way { OUTBOUND_MX, OUTBOUND_TARGET, OUTBOUND_RELAY };

enum outbound_how {
  OUTBOUND_ANSWERED, /* the server spoke: what of each recipient, its code and reply say */
  OUTBOUND_DEFERRED, /* it was tried, and text says what stood in the way */
  OUTBOUND_PUT_OFF,  /* it was not even tried, because of what text says */
  OUTBOUND_FAILED    /* no server will ever take it */
};

/* Borrowed during the call of ended. */
struct outbound_end {
  enum outbound_how how;
  str text;
  int64_t retry_at; /* of DEFERRED and PUT_OFF: a wall time, earlier makes no sense; 0: any */
  str remote;       /* name of the server that spoke; empty: none did */
  const char *tls;  /* version of the encryption, or NULL */
  bool dsn;         /* it offers RFC 3461 */
};

/* One mail for those of its recipients that go the same way. Lives in its owner's struct. */
struct outbound {
  struct policy *policy; /* borrows; the lane holds it */
  enum outbound_way way;
  str where;               /* domain; target as a rule wrote it; empty for the relay. Until ended */
  enum target_tls tls;     /* OUTBOUND_MX: how much encryption must be */
  struct client_mail mail; /* filled in by prepare, but for done and arg's part of the client */
  bool unread;             /* set by its owner: he could not give the text, and is to blame alone */
  /* A server is ready for it: 0, or -1 with e to put it off. */
  int (*prepare)(struct outbound *o, struct err *e);
  void (*ended)(struct outbound *o, const struct outbound_end *end);
  /* outbound.c's own */
  struct list_link in_line;
  struct outbound_lane *lane;
  struct outbound_link *link;
  unsigned tries;
};

/* All lanes of this process; at most so many connections at a time. NULL: no memory. A hub that is
 * NULL has nothing on its way. */
struct outbound_hub *outbound_new(struct loop *l, size_t most);
void outbound_set_most(struct outbound_hub *hub, size_t most); /* the limit has changed */

/* Settled is called once, from the loop. -1 with e: it was not taken; ERR_FULL: not tried either,
 * for mails to too many destinations are. */
int outbound_send(struct outbound_hub *hub, struct outbound *o, struct err *e);
/* Settled will not be called; what was not sent to its last dot is broken off. Fine at any time;
 * true: it had not ended yet. */
bool outbound_cancel(struct outbound *o);
/* Its text is on its way: broken off now, the server may have it and nobody would know. */
bool outbound_is_at_text(const struct outbound *o);
/* Places for mails are short: puts off whoever would wait long, and gives up servers that have kept
 * silent for a while. */
void outbound_relieve(struct outbound_hub *hub);
void outbound_flush(struct outbound_hub *hub); /* forgets every back-off: tried now */

/* Nobody is connected to any more, and who is idle is said good-bye: what is under way ends. */
void outbound_drain(struct outbound_hub *hub);
void outbound_stop(struct outbound_hub *hub); /* breaks everything off; nothing ends any more */
void outbound_free(struct outbound_hub *hub); /* after the next turn of the loop */

/* 25, or what tests say. */
uint16_t outbound_port(void);

#endif
