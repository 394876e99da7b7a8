/* smtp/session.h: one SMTP conversation with a client. */
#ifndef SMTP_SESSION_H
#define SMTP_SESSION_H

#include "delegate.h"
#include "deliver.h"
#include "policy.h"

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
  struct deliver *deliver; /* hears of accepted mails */
  struct delegate_hub *delegates;
  struct auth_hub *auth;        /* auth.c's own; NULL before the first */
  struct session *sessions;     /* all */
  size_t counts[SESSION_KINDS]; /* each kind has a reserve of its own */
  bool stopping;
};

/* A mail of this machine, from the drop folder: its client is drop.c. Rules are asked from `mail`
 * on, and find somebody who has logged in. Lives in the session's arena. */
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
