/* smtp/queue/bounce.h: what a sender is told of his mail: failed, delayed, delivered, relayed.
 *
 * One function for everybody who knows what became of recipients. It decides whom a report is owed
 * (RFC 3461: NOTIFY; never to the null sender, never twice for a delay, not over the rate), builds
 * one for all recipients of the call (RFC 6522, RFC 3464), and has the store write outcomes and
 * report in one transaction: so none is lost and none is sent twice. Why somebody was not told
 * stands behind the last reply of the recipient.
 */
#ifndef QUEUE_BOUNCE_H
#define QUEUE_BOUNCE_H

#include "../../sqlite/store.h"
#include "../conf/conf.h"

/* How often each sender was written to in this hour. Zeroed is valid; the queue runner has one. */
struct bounce_rate {
  struct map senders;
  int64_t since; /* wall time this hour began */
};
void bounce_rate_free(struct bounce_rate *rate);

/* What the store does not keep of an outcome; all may be zero. */
struct bounce_more {
  str remote;   /* name of the server whose reply last_reply is; empty: it is our own */
  bool relayed; /* STORE_DONE: handed to another server, not to a mailbox, */
  bool told;    /* which offers DSN and so reports what was asked for */
};

struct bounce {
  struct store *store;
  const struct conf *conf;
  struct bounce_rate *rate;
  struct store_claim *claim; /* of the message */
  str header;                /* its header block with the empty line; may be empty */
  const struct store_outcome *outcome;
  const struct bounce_more *more; /* one for each outcome; NULL: all zero */
  size_t count;
  const struct store_trace *trace;
  size_t trace_count;
  const char *untold; /* why nobody is told, whatever is owed; NULL: he is */
};
/* As queue_record, whose step is that of the claimed message, with a report if one is owed. */
int bounce_record(const struct bounce *b, store_done *done, void *arg);

/* As queue_change, for a message that goes to `dead` because it broke something: the recipients of
 * mail that are STORE_FAILED, and were pending in the claim, are reported. Of b only store, conf,
 * rate, claim, header and untold count. Not for what a rule refused: that goes to queue_change,
 * with BOUNCE_REFUSED behind the reply, because who is told of spam is not who sent it. */
int bounce_change(const struct bounce *b, const struct store_mail *mail, store_done *done,
                  void *arg);
#define BOUNCE_REFUSED "; sender not told: a rule refused it"

#endif
