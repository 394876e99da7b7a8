/* net/tls_int.h: what the files of TLS and io.c know of each other beyond the door.
 *
 * tls.c makes the configurations, tls_stream.c speaks on one connection, tls_gate.c says whose turn
 * it is to compute; only io.c knows of events.
 */
#ifndef NET_TLS_INT_H
#define NET_TLS_INT_H

#include "net.h"

/* ---- tls_stream.c: one connection ---------------------------------------------------------------
 * Holds the configuration it began with. Nothing is allocated by the library before the first
 * tls_shake: a client that connects and says nothing costs nothing. */
struct tls;
struct tls *tls_new_server(struct tls_server *config);                        /* NULL: no memory */
struct tls *tls_new_client(struct tls_client *config, str name, bool verify); /* likewise */
void tls_free(struct tls *t);

enum tls_step { TLS_DONE, TLS_WANTS_READ, TLS_WANTS_WRITE, TLS_FAILED };
/* Goes on with the handshake as far as it gets; once, at most, with a costly computation. */
enum tls_step tls_shake(struct tls *t, int fd);

/* After the handshake: like read(2) and write(2), errno included; EPROTO means tls_why. What
 * tls_send could not write must be given to it again. */
ssize_t tls_recv(struct tls *t, char *p, size_t n);
ssize_t tls_send(struct tls *t, const char *p, size_t n);
bool tls_pending(const struct tls *t); /* tls_recv has news although the descriptor may have none */
void tls_say_end(struct tls *t); /* tells the peer that nothing more comes, if it can be told now */

const char *tls_why(const struct tls *t); /* after a failure; lives as long as t */
const struct tls_info *tls_info_of(const struct tls *t);
bool tls_is_server(const struct tls *t);

/* ---- tls_gate.c: whose turn it is ---------------------------------------------------------------
 * Handshakes are computed one a turn of the loop, in order of arrival. */
struct tls_gate;
struct tls_wait { /* lives in its owner's struct, zeroed but for run and arg */
  void (*run)(struct tls_wait *w, void *arg);
  void *arg;
  struct list_link link; /* tls_gate.c's own */
};
/* Run will be called, once, from the loop. -1: no memory. */
int tls_gate_line_up(struct loop *l, struct tls_wait *w);
void tls_gate_leave(struct tls_wait *w); /* fine when not in line */
/* A handshake of this address begins: milliseconds it has to wait before that. */
int64_t tls_gate_delay(struct loop *l, const struct netaddr *peer);

#endif
