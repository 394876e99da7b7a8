/* smtp/filter/filter.h: mail handed to a filter and taken back. */
#ifndef SMTP_FILTER_H
#define SMTP_FILTER_H

#include "../format/format.h"
#include "../policy/policy.h"

/* ---- delegate.c ---------------------------------------------------------------------------------
 * Mails handed to a filter that speaks SMTP, and taken back from it. */
struct delegate_hub; /* all of this process */
struct delegate;     /* one mail on its way through a service */

struct delegate_hub *delegate_hub_new(struct loop *l); /* NULL: no memory */
void delegate_hub_stop(
    struct delegate_hub *hub); /* breaks off everything; then one turn of the loop, */
void delegate_hub_free(struct delegate_hub *hub); /* and this. NULL is fine */

struct delegate_order {
  struct policy *policy; /* borrows until the end */
  struct mail *mail;     /* borrows: header, body, envelope */
  uint64_t octets;       /* of its body */
  enum stage stage;
  size_t directive; /* which delegate of that stage */
  bool stored; /* it waits in the queue, no client does: a filter may take it first and give it back
                  later, within the service's time */
  void (*done)(void *arg, bool returned); /* once, from the loop */
  void *arg;
};
/* Hands it over; it waits in line where the service has enough to do. NULL with e. What becomes of
 * it is noted in the trace of the mail, here and at its end. */
struct delegate *delegate_new(struct delegate_hub *hub, const struct delegate_order *o,
                              struct err *e);
/* Another decision about what a filter did with the mail. */
void delegate_trace(const struct delegate_order *o, str status, str detail);
size_t delegate_directive(const struct delegate *d);
/* After done said false: why. */
str delegate_why(const struct delegate *d);
/* It was not a failure but, for all we know, the filter's judgement: it heard the whole mail and
 * refused it for good, or keeps it. */
bool delegate_refused(const struct delegate *d);
/* After done said true: puts the header that came back in the mail, without our field. When the
 * body that came back is another one, *body is it, taken, under its own id; else *body is NULL. */
int delegate_take_result(struct delegate *d, struct incoming **body, str *id, struct err *e);
/* A filter has it, or is being given it. */
bool delegate_is_out(const struct delegate *d);
/* Ends it at any time, NULL is fine: its token is void, what comes back is refused. */
void delegate_free(struct delegate *d);
/* Are there any, for which receivers must be open? */
bool delegate_is_any(const struct delegate_hub *hub);

/* ---- what sessions ask ----------------------------------------------------------------------- */

/* Is this address of ours the receiver of a service that mails are delegated to? Then may this peer
 * bring them back? */
bool delegate_receives(const struct rules *r, const struct netaddr *local);
bool delegate_may_return(const struct rules *r, const struct netaddr *local,
                         const struct netaddr *peer);
/* A mail of an ordinary client arrived: fields that claim to be ours or a scanner's are removed.
 * REPLY_DONE, or what it is refused with: its token lives, so it goes in a circle. */
enum reply_id delegate_arrive(const struct delegate_hub *hub, const struct rules *r,
                              struct mail *m);

/* A mail that comes in by a receiver, as the filter's side sees it. Lives in its owner's struct;
 * what it points to lives as long as the mail. */
struct delegate_bringer {
  struct delegate_hub *hub;
  struct netaddr local, peer; /* both ends of its connection; local.len 0: not known */
  struct arena *arena;
  str helo, id;               /* what it said, and the id that the mail got */
  struct incoming **incoming; /* its body; NULL behind it once delegate_return took it */
  void (*go_on)(void *arg);   /* what was waited with may go on */
  void *arg;
  struct delegate *brings; /* whose mail it is; NULL: not known yet, or nobody's any more */
  bool unwanted;           /* nobody's: it is heard to its end, and refused */
};

/* Octets of a body come; its header is whole. Like incoming_body: after INCOMING_WAIT go_on is
 * called. Whose mail it is is known from then on. */
enum incoming_state delegate_bring(struct delegate_bringer *b, str header, str octets);
/* A mail arrived whole. REPLY_DONE: it is the one that was waited for. *wait: asked too early,
 * go_on is called. */
enum reply_id delegate_return(struct delegate_bringer *b, str header, bool *wait);
void delegate_part(struct delegate_bringer *b); /* it is brought no more */

#endif
