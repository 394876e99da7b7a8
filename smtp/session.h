/* smtp/session.h: one SMTP conversation with a client. */
#ifndef SMTP_SESSION_H
#define SMTP_SESSION_H

#include "server.h"

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
struct session *session_begin(struct server *server, enum server_port port, int fd,
                              const struct netaddr *peer);
/* The same for a mail of this machine; texts are copied. The peer is the other end of fd. */
struct session *session_begin_dropped(struct server *server, int fd,
                                      const struct session_dropped *who);
/* The server stops: 421 to those between commands, the others end what they are at. */
void session_stop(struct session *s);

#endif
