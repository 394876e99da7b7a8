/* smtp/outbound.h: mails on their way to other servers: who is connected to whom, how often, and
 * who must wait.
 *
 * All that goes to one destination stands in one lane: a domain, the target of a forward, or the
 * relay of the configuration. A lane finds its servers, opens connections as there is work, keeps
 * them for the next mail, and remembers when all its servers failed: until its back-off is over
 * nobody is connected, and what comes for it is put off at once. So a dead host costs one attempt,
 * whatever waits for it, and no place that a living one needs.
 */
#ifndef SMTP_OUTBOUND_H
#define SMTP_OUTBOUND_H

#include "client.h"
#include "policy.h"

enum outbound_way { OUTBOUND_MX, OUTBOUND_TARGET, OUTBOUND_RELAY };

enum outbound_how {
  OUTBOUND_ANSWERED, /* the server spoke: what of each recipient, its code and reply say */
  OUTBOUND_DEFERRED, /* it was tried, and text says what stood in the way */
  OUTBOUND_PUT_OFF,  /* it was not even tried, because of what text says */
  OUTBOUND_FAILED    /* no server will ever take it */
};

/* Borrowed during the call of settled. */
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
  str where;           /* domain; target as a rule wrote it; empty for the relay. Until settled */
  enum target_tls tls; /* OUTBOUND_MX: how much encryption must be */
  struct client_mail mail; /* filled in by prepare, but for done and arg's part of the client */
  bool unread;             /* set by its owner: he could not give the text, and is to blame alone */
  /* A server is ready for it: 0, or -1 with e to put it off. */
  int (*prepare)(struct outbound *o, struct err *e);
  void (*settled)(struct outbound *o, const struct outbound_end *end);
  /* outbound.c's own */
  struct outbound *next, *prev;
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
 * true: it was not settled yet. */
bool outbound_cancel(struct outbound *o);
/* Its text is on its way: broken off now, the server may have it and nobody would know. */
bool outbound_is_at_text(const struct outbound *o);
/* Places for mails are short: puts off whoever would wait long, and gives up servers that have kept
 * silent for a while. */
void outbound_relieve(struct outbound_hub *hub);
void outbound_flush(struct outbound_hub *hub); /* forgets every back-off: tried now */

/* Nobody is connected to any more, and who is idle is said good-bye: what is under way ends. */
void outbound_drain(struct outbound_hub *hub);
void outbound_stop(
    struct outbound_hub *hub); /* breaks everything off; nothing is settled any more */
void outbound_free(struct outbound_hub *hub); /* after the next turn of the loop */

/* 25, or what tests say. */
uint16_t outbound_port(void);

#endif
