/* smtp/delegate.h: mails handed to a filter that speaks SMTP, and taken back from it. */
#ifndef SMTP_DELEGATE_H
#define SMTP_DELEGATE_H

#include "mail.h"
#include "reply.h"
#include "server.h"

struct session;
struct delegate; /* one mail on its way through a service */

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
/* Hands it over; it waits in line where the service has enough to do. NULL with e. */
struct delegate *delegate_new(struct server *s, const struct delegate_order *o, struct err *e);
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
bool delegate_is_any(const struct server *s);

/* ---- what sessions ask ----------------------------------------------------------------------- */

/* Is this address of ours the receiver of a service that mails are delegated to? Then may this peer
 * bring them back? */
bool delegate_receives(const struct rules *r, const struct netaddr *local);
bool delegate_may_return(const struct rules *r, const struct netaddr *local,
                         const struct netaddr *peer);
/* A mail of an ordinary client arrived: fields that claim to be ours or a scanner's are removed.
 * REPLY_DONE, or what it is refused with: its token lives, so it goes in a circle. */
enum reply_id delegate_arrive(const struct server *s, const struct rules *r, struct mail *m);
/* Octets of a body come by a receiver; its header is whole. Like incoming_body: after INCOMING_WAIT
 * receive_go_on is called. Whose mail it is the session knows from then on. */
enum incoming_state delegate_bring(struct session *s, str octets);
/* A mail arrived whole by a receiver. REPLY_DONE: it is the one that was waited for. *wait: asked
 * too early, receive_go_on is called. */
enum reply_id delegate_return(struct session *s, bool *wait);
/* The session brings it no more. */
void delegate_part(struct session *s);

void delegate_stop(struct server *s); /* breaks off everything; then one turn of the loop, */
void delegate_end(struct server *s);  /* and this */

#endif
