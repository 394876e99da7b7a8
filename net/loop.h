/* net/loop.h: what the files of net/ know of the loop beyond its door. */
#ifndef NET_LOOP_H
#define NET_LOOP_H

#include "net.h"

/* ---- timer.c --------------------------------------------------------------------------------- */
struct timers {
  struct timer *root;
  int64_t struck; /* the time timer_due was last asked for */
};
struct timer *timer_due(struct timers *heap, int64_t now); /* taken out; NULL: none is due */
/* A time not later than the first deadline, INT64_MAX when no timer is set. */
int64_t timer_next(struct timers *heap, int64_t now);

/* ---- watch.c: epoll(7), or poll(2) where there is none --------------------------------------- */
struct watches;
struct watches *watch_open(struct err *e);
void watch_close(struct watches *ws);
/* Waits at most ms for something to happen (-1: for ever); number of watches to call, -1 error. */
int watch_wait(struct watches *ws, int ms, struct err *e);
/* Takes the next watch to call; false when there is none left. */
bool watch_next(struct watches *ws, struct watch **w, unsigned *what);

/* ---- loop.c ---------------------------------------------------------------------------------- */
struct timers *loop_timers(struct loop *l);
struct watches *loop_watches(struct loop *l);
/* Memory all connections share to read into, of LIMIT_IO_INPUT bytes; NULL: no memory. Holds
 * nothing between two callbacks. */
char *loop_scratch(struct loop *l);
/* The place for tls_gate.c's state, freed by mem_free with the loop. */
struct tls_gate **loop_gate(struct loop *l);

#endif
