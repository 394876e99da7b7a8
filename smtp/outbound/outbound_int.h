/* smtp/outbound/outbound_int.h: the cellar of outbound.c: what lanes, links and peers are made of.
 */
#ifndef OUTBOUND_OUTBOUND_INT_H
#define OUTBOUND_OUTBOUND_INT_H

#include "lookup.h"
#include "outbound.h"
#include "../format/format.h"
#include "relay_token.h"

#define OUTBOUND_IDLE  5000  /* ms a connection is kept for the next mail */
#define OUTBOUND_HASTE 5000  /* ms for a greeting if others need the place */
#define OUTBOUND_STALL 30000 /* ms for any other reply then: some think long on purpose */
#define OUTBOUND_HOUR  3600000

struct outbound_peer {
  size_t flying, ready; /* connections, and those of them that were greeted */
  size_t cap;           /* it refused more than so many, */
  int64_t cap_until;    /* which counts until this wall time */
  int64_t silent_until; /* wall time until which it is passed over */
  int64_t plain_until;  /* its TLS is broken */
};

struct outbound_hub {
  struct loop *loop;
  struct map lanes, peers;
  struct tls_client *tls;    /* once needed */
  struct relay_token bearer; /* of the relay, if a command prints it */
  struct list links;         /* all, until their sockets are closed */
  size_t most;               /* of them at once */
  bool starved;              /* a lane waits for one of them to end */
  bool draining;             /* connections serve the mail they have, and no other */
  bool stopped;
};

struct outbound_lane {
  struct outbound_hub *hub;
  str key; /* may hold a password */
  struct buf shown;
  struct policy *policy; /* of the newest mail */
  enum outbound_way way;
  struct arena *arena;  /* of target and key */
  struct target target; /* of OUTBOUND_MX: the domain, its port and policy */
  struct task task;
  struct list waiting; /* mails */
  struct list links;   /* those that serve, or will */
  size_t opening;
  struct lookup *lookup;
  struct relay_token_ask *asking; /* the command that prints its token */
  struct arena *names;            /* of hops */
  struct route_hop *hops;         /* NULL: not looked up */
  size_t hop_count;
  int64_t shunned[LIMIT_ROUTE_HOPS]; /* wall time until which a hop is nothing for this lane */
  int64_t hops_until;                /* loop time */
  bool proved;                       /* it answered, and has not failed since */
  unsigned breaks;                   /* connections lost under mails, in a row */
  int fails;                         /* times in a row that every address failed */
  int64_t until;                     /* wall time its back-off ends */
  int64_t since;                     /* loop time of the last progress */
  int64_t pace;                      /* ms from mail to mail */
  int64_t slot;                      /* wall time given to the last one put off */
  struct buf why, who;               /* what it failed of, and the server that told */
};

struct outbound_link {
  struct list_link link, in_lane; /* of the hub, of the lane */
  struct outbound_hub *hub;
  struct outbound_lane *lane; /* NULL: it is only said good-bye */
  struct outbound_peer *peer;
  struct client *client;
  struct outbound *busy;
  char *name;     /* of the host, owned */
  unsigned token; /* it logs in with; 0: with none of a command */
  bool ready;
  size_t served; /* mails */
  int64_t began; /* loop time */
  struct timer idle;
};

static inline int64_t outbound_now(const struct outbound_hub *hub)
{
  return loop_now(hub->loop);
}

/* ---- outbound.c ------------------------------------------------------------------------------ */
void outbound_pump(struct task *t, void *arg); /* moves a lane on */

/* ---- outbound_lane.c ------------------------------------------------------------------------- */
str outbound_lane_key(const struct outbound *o, struct arena *a); /* p NULL: no memory */
struct outbound_lane *outbound_lane_new(struct outbound_hub *hub, const struct outbound *o, str key,
                                        struct err *e);
void outbound_lane_renew(struct outbound_lane *lane, struct policy *policy);
void outbound_lane_free(struct outbound_lane *lane);
void outbound_lane_stir(struct outbound_lane *lane); /* outbound_pump comes in this turn */
void outbound_lane_join(struct outbound *o, bool front);
void outbound_lane_leave(struct outbound *o);
struct outbound *outbound_lane_first(const struct outbound_lane *lane); /* who waits; or NULL */
/* Tells the owner, who may free it. All: those who wait. */
void outbound_lane_end(struct outbound *o, const struct outbound_end *end);
void outbound_lane_end_all(struct outbound_lane *lane, const struct outbound_end *end);
void outbound_lane_say_why(struct outbound_lane *lane, const char *who, str why);
void outbound_lane_fail(struct outbound_lane *lane); /* after say_why */
struct outbound_peer *outbound_lane_peer(struct outbound_hub *hub, const struct route_hop *hop);
void outbound_lane_silence(struct outbound_lane *lane, struct outbound_peer *peer);
void outbound_lane_shun(struct outbound_lane *lane, struct outbound_peer *peer);
void outbound_lane_look(struct outbound_lane *lane); /* for hops; now, or the pump comes */
/* Has it the token of a command, if it needs one? False: the pump comes again, or it has failed. */
bool outbound_lane_may_log_in(struct outbound_lane *lane);

/* ---- outbound_link.c ------------------------------------------------------------------------- */
bool outbound_link_open(struct outbound_lane *lane); /* one more; false: there can be none now */
/* Lets go of an idle one, of peer if it is not NULL, for whoever waits. */
void outbound_link_steal(struct outbound_hub *hub, const struct outbound_peer *peer);
void outbound_link_detach(struct outbound_link *k); /* it serves nobody any more; */
void outbound_link_close(struct outbound_link *k);  /* and says good-bye */
void outbound_link_not_ready(struct outbound_link *k, int code, str why);

#endif
