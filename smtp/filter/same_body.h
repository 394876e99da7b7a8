/* smtp/filter/same_body.h: the body of a mail that comes back from a filter, held against the one
 * that went out while it arrives. Only another one is written, and then as a whole. */
#ifndef FILTER_SAME_BODY_H
#define FILTER_SAME_BODY_H

#include "../policy/policy.h"

enum same_body_state {
  SAME_BODY_SAME,  /* so far what came is what went out */
  SAME_BODY_COPY,  /* it is not: what was the same so far is being written */
  SAME_BODY_OTHER, /* all that came is in `in` */
  SAME_BODY_LOST   /* what went out cannot be read: neither is known */
};

/* Lives in its owner's struct. Begins zeroed but for what is borrowed until same_body_stop: */
struct same_body {
  struct loop *loop;
  struct mail_stream sent; /* what went out: a body alone, */
  uint64_t octets;         /* and so long */
  struct incoming *in;     /* where another body goes; nothing was given to it yet */
  void (*ready)(void *arg);
  void *arg;
  /* the rest is same_body.c's own */
  enum same_body_state state;
  uint64_t same;         /* octets of what went out that are known to have come */
  uint64_t line, before; /* of them: in this line, in the line before without its end */
  bool dots;             /* this line has nothing but dots yet */
  uint64_t copied;
  struct buf rest; /* what came and has to wait for the copying */
  struct task task;
};

void same_body_begin(struct same_body *h);
/* At most LIMIT_IO_INPUT octets. Like incoming_body: after INCOMING_WAIT nothing more until ready
 * was called; what is lost stays lost. */
enum incoming_state same_body_take(struct same_body *h, str octets);
/* All came. INCOMING_WAIT: call it again when ready was called. Else the state is SAME_BODY_SAME or
 * SAME_BODY_OTHER, or it is lost. *cut: the end of what went out is missing, by a fault of the
 * filter. */
enum incoming_state same_body_end(struct same_body *h, bool *cut);
void same_body_stop(struct same_body *h);

#endif
