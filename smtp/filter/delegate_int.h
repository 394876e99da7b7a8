/* smtp/filter/delegate_int.h: the cellar of delegate.c: a delegation, its connection, its line.
 *
 *   delegate.c         a mail goes out to the filter; the beginning and the end
 *   delegate_return.c  and comes back from it
 */
#ifndef FILTER_DELEGATE_INT_H
#define FILTER_DELEGATE_INT_H

#include "../outbound/outbound.h"
#include "filter.h"
#include "same_body.h"

#define DELEGATE_FIELD STR("X-VSMTP-DELEGATION")
#define DELEGATE_HELO  ".delegation.invalid"
#define DELEGATE_TOKEN 32 /* hex digits */

enum delegate_state { /* ORDER DELEGATE_STATE: delegate_state_names in delegate.c */
                      DELEGATE_QUEUED,
                      DELEGATE_SENDING,
                      DELEGATE_RETURNED,
                      DELEGATE_FAILED
};

/* A connection to a service; it may outlive its delegation, for the last reply and QUIT. */
struct delegate_link {
  struct list_link link; /* of its line's connections */
  struct delegate_line *line;
  struct delegate *delegate; /* NULL: done with */
  struct client *client;
};

/* All that goes to one address, so that it is not overrun. */
struct delegate_line {
  struct list_link link; /* of all */
  struct delegate_hub *hub;
  struct netaddr to;
  struct list connecting, greeted; /* connections */
  struct list waiting;             /* delegations, for one of them */
};

struct delegate_hub {
  struct loop *loop;
  struct list lines;
  struct list all; /* delegations with a live token, or not yet told that it is over */
  bool stopped;
};

struct delegate {
  struct list_link link;    /* of all */
  struct list_link in_line; /* of those who wait */
  struct delegate_hub *hub;
  struct delegate_line *line;
  struct delegate_link *sending;
  struct delegate_order o;
  enum delegate_state state;
  bool taken;   /* the filter answered 250, and has not given it back yet */
  bool refused; /* it answered 5xx to the whole mail */
  unsigned tries;
  char token[DELEGATE_TOKEN + 1];
  struct netaddr receiver;
  int64_t timeout, until; /* of the service; loop time, from the connection on */
  struct client_mail mail;
  struct arena *arena;              /* of the sending */
  struct buf head;                  /* the header block as it is sent, with its empty line */
  struct mail_stream text;          /* the mail as it is sent */
  struct delegate_bringer *bringer; /* brings it back just now, */
  struct same_body echo;            /* and its body is compared */
  struct buf returned;              /* the header block that came back */
  struct incoming *body;            /* and the body, owned, if it is another one */
  char id[ID_LENGTH + 1];           /* of that */
  struct buf why;
  struct task over; /* tells who waits */
  struct timer patience;
};

/* delegate.c */
bool delegate_is_at(const struct netaddr *receiver, const struct netaddr *local);
struct delegate *delegate_of_field(const struct delegate_hub *hub, str value);
void delegate_finish(struct delegate *d, enum delegate_state state);
void delegate_fail(struct delegate *d, str why);

#endif
