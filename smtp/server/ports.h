/* smtp/server/ports.h: where the server listens.
 *
 * Sockets come from a supervisor that opened them (sd_listen_fds(3)) or are opened here, at start
 * and by a reload, which keeps those that stay: no client notices.
 */
#ifndef SERVER_PORTS_H
#define SERVER_PORTS_H

#include "server.h"

/* Descriptors given by a supervisor, not used yet. */
#define PORTS_GIVEN_MAX 64
struct ports_given {
  int fd[PORTS_GIVEN_MAX];
  size_t n;
};
/* Call it first of all, before any fork: they are for this process only. */
void ports_take_given(struct ports_given *out);
/* Closes and names those that no configured address took. */
void ports_close_given(struct ports_given *given);

/* Makes a port of every address of conf, beside those there already; nothing accepts on them yet.
 * given may be NULL. -1: an address cannot be had; *at is its place in conf's file. */
int ports_prepare(struct server *s, const struct conf *conf, struct ports_given *given,
                  const struct toml **at, struct err *e);
/* Then either those prepared take over: they accept, and say so, one line "listening on
 * ADDRESS:PORT" each on standard output; the others are closed. Or nothing happened. */
void ports_commit(struct server *s);
void ports_abandon(struct server *s);

void ports_close(struct server *s);
void ports_close_but_receivers(struct server *s); /* filters still bring mails back there */

#endif
