/* smtp/session/session.h: conversations with clients. */
#ifndef SMTP_SESSION_H
#define SMTP_SESSION_H

#include "../../net/net.h"
#include "../../sqlite/store.h"
#include "../conf/conf.h"
#include "../filter/filter.h"
#include "../policy/policy.h"
#include "../sasl/sasl.h"

/* ---- ban.c --------------------------------------------------------------------------------------
 * Addresses that guess passwords: each failure is answered later than the one before,
 * and after LIMIT_AUTH_FAILURES of them nobody may log in from there for LIMIT_AUTH_BAN. In memory
 * only. */
/* What counts as one address: of IPv6 the network, 64 bits. */
struct ban_key {
  unsigned char octets[16];
};
struct ban_key ban_key_of(const struct netaddr *a);

struct ban;
struct ban *ban_new(void); /* NULL: no memory */
void ban_free(struct ban *b);
bool ban_holds(const struct ban *b, struct ban_key who);
/* Notes a failure: after how many milliseconds it is to be answered. */
int64_t ban_failed(struct ban *b, struct ban_key who);
void ban_forgive(struct ban *b, struct ban_key who); /* somebody logged in from there */

/* ---- password.c ---------------------------------------------------------------------------------
 * Does this password open that account?
 *
 * The answer is slow by design: a password is hashed LIMIT_AUTH_ROUNDS times. So questions stand in
 * line, one is worked on at a time, some milliseconds a turn of the loop, and whoever was right
 * lately is remembered by a keyed hash. An account that does not exist costs as much as one that
 * does. */
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
  struct list_link link;
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

/* For commands: the same at once, without a loop. -1: the password cannot be one, or no memory. */
int password_make_now(str password, struct scram_verifier *out);

/* ---- session.c ----------------------------------------------------------------------------------
 * One SMTP conversation with a client. */
/* The kinds of listeners a client can come by: server.interfaces.addr, .addr_submission and
 * .addr_submissions. */
enum session_port { SESSION_SMTP, SESSION_SUBMISSION, SESSION_SUBMISSIONS };

/* The kinds of conversations. ORDER SESSION_KIND: session_kinds in session.c */
enum session_kind {
  SESSION_CLIENT,  /* it came by a listener: anybody */
  SESSION_RETURN,  /* it came by a receiver: a filter brings mails back */
  SESSION_DROPPED, /* a mail of this machine, from the drop folder: its client is our own */
  SESSION_KINDS
};

/* What all conversations share. */
struct session_hub {
  struct mta *mta;
  struct delegate_hub *delegates;
  struct auth_hub *auth;        /* auth.c's own; NULL before the first */
  struct list sessions;         /* all */
  size_t counts[SESSION_KINDS]; /* each kind has a reserve of its own */
  bool stopping;
};

/* A mail of this machine, from the drop folder: its client is drop_pickup.c. Rules are asked from
 * `mail` on, and find somebody who has logged in. Lives in the session's arena. */
struct session_dropped {
  str file; /* its name in the folder */
  str user; /* its owner */
  uint32_t uid;
  bool later;                 /* a recipient was refused for now: so will be the whole mail */
  struct store_rcpt *refused; /* for good: about them the owner gets a message of its own */
  size_t refused_count;
};

/* Begins a conversation on fd, which is taken in any case; -1: on a connection in memory, whose io
 * is fed by hand (fuzzers). The session belongs to itself and lives until its connection is closed.
 * NULL: no memory. */
struct session *session_begin(struct session_hub *hub, enum session_port port, int fd,
                              const struct netaddr *peer);
/* The same for a mail of this machine; texts are copied. The peer is the other end of fd. */
struct session *session_begin_dropped(struct session_hub *hub, int fd,
                                      const struct session_dropped *who);
size_t session_count(const struct session_hub *hub,
                     const struct netaddr *peer); /* of its network */
/* No more mails: 421 to those between commands, the others end what they are at. */
void session_stop_all(struct session_hub *hub);
/* Breaks off what is left; then one turn of the loop, */
void session_abort_all(struct session_hub *hub);
void session_hub_end(struct session_hub *hub); /* and this */

#endif
