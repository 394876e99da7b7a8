/* net/tls_gate.c: whose turn it is to compute.
 *
 * A handshake costs milliseconds that everybody else waits. So one is computed a turn of the loop,
 * in order of arrival, and each address has an allowance: LIMIT_TLS_BURST at once, then one each
 * LIMIT_TLS_PERIOD. Addresses are kept as the time their allowance is whole again (the "theoretical
 * arrival time" of ATM), in a table whose places several may share; where they fall no stranger can
 * foresee. IPv6 counts by /64, which is what one customer has.
 */
#include "loop.h"
#include "tls_int.h"

struct tls_gate {
  struct loop *loop;
  struct task task;
  struct list waiting;
  uint64_t key;
  int64_t whole[LIMIT_TLS_PEERS]; /* loop time */
};

static void tls_gate_turn(struct task *t, void *arg)
{
  struct tls_gate *g = arg;
  struct tls_wait *w = LIST_FIRST(&g->waiting, struct tls_wait, link);

  (void)t;
  if (!w) return;
  tls_gate_leave(w);
  if (g->waiting.first) loop_ready(g->loop, &g->task); /* the next one in the next turn */
  loop_cause(g->loop, "TLS handshake");
  w->run(w, w->arg);
}

static struct tls_gate *tls_gate_of(struct loop *l)
{
  struct tls_gate **at = loop_gate(l), *g = *at;

  if (g || !(g = mem_alloc(sizeof *g))) return g;
  g->loop = l;
  g->task.run = tls_gate_turn;
  g->task.arg = g;
  random_bytes(&g->key, sizeof g->key);
  return *at = g;
}

int tls_gate_line_up(struct loop *l, struct tls_wait *w)
{
  struct tls_gate *g = tls_gate_of(l);

  if (!g) return -1;
  if (w->link.in) return 0;
  list_add(&g->waiting, &w->link);
  loop_ready(l, &g->task);
  return 0;
}

void tls_gate_leave(struct tls_wait *w)
{
  list_remove(&w->link);
}

static uint64_t tls_gate_hash(const struct tls_gate *g, const struct netaddr *peer)
{
  uint64_t part = 0;

  if (peer->sa.sa_family == AF_INET)
    part = peer->in4.sin_addr.s_addr;
  else if (peer->sa.sa_family == AF_INET6)
    memcpy(&part, &peer->in6.sin6_addr, sizeof part);
  part = (part ^ g->key) * 0x9E3779B97F4A7C15u;
  return (part ^ part >> 29) * 0xBF58476D1CE4E5B9u >> 32;
}

int64_t tls_gate_delay(struct loop *l, const struct netaddr *peer)
{
  struct tls_gate *g = tls_gate_of(l);
  int64_t now = loop_now(l), *whole;

  if (!g || netaddr_is_loopback(peer)) return 0;
  whole = &g->whole[tls_gate_hash(g, peer) % LIMIT_TLS_PEERS];
  if (*whole < now) *whole = now;
  if (*whole < now + LIMIT_TLS_DEBT) *whole += LIMIT_TLS_PERIOD;
  now += LIMIT_TLS_BURST * LIMIT_TLS_PERIOD;
  return *whole > now ? *whole - now : 0;
}
