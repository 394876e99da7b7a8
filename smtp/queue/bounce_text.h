/* smtp/queue/bounce_text.h: a report as a mail (RFC 6522, RFC 3464): what bounce.c found, in words
 * for people, in fields for programs, and what of the message goes back. Pure functions. */
#ifndef QUEUE_BOUNCE_TEXT_H
#define QUEUE_BOUNCE_TEXT_H

#include "../../vsmtp.h"

/* In the order in which a report speaks of them. ORDER BOUNCE_ACTION */
enum bounce_action {
  BOUNCE_FAILED,
  BOUNCE_DELAYED,
  BOUNCE_RELAYED, /* to a server that does not report */
  BOUNCE_DELIVERED,
  BOUNCE_ACTIONS
};

struct bounce_rcpt {
  enum bounce_action action;
  str address;           /* where it was to go */
  str original;          /* as the sender wrote it; empty: the same */
  str orcpt_type, orcpt; /* ORCPT, decoded (dsn.h); empty: none */
  str reply;             /* the last one; any bytes */
  str remote;            /* name of who said it; empty: we */
};

struct bounce_text {
  str domain;           /* ours */
  str id;               /* of the report */
  str to;               /* the sender, who gets it */
  str subject;          /* of his message, decoded; any bytes */
  str envid;            /* decoded; empty: none */
  str helo, client_ip;  /* who brought the message; may be empty */
  int64_t now, arrived; /* wall times; of the message */
  int64_t until;        /* when it is given up */
  str header;           /* of the message, with or without the empty line; may be empty */
  str body;             /* goes back too; p NULL: it does not */
  const struct bounce_rcpt *rcpt;
  size_t count; /* at least 1 */
};

/* Appends the header block with its empty line; all ASCII unless `to` is not. */
void bounce_text_header(const struct bounce_text *t, struct buf *out);
/* Appends the body: ASCII, lines of at most 998 octets, CRLF. */
void bounce_text_body(const struct bounce_text *t, struct buf *out);
/* The Subject of the report, for people. */
void bounce_text_subject(const struct bounce_text *t, struct buf *out);

/* Can these octets go back as they are, in a part that has no encoding? */
bool bounce_text_is_plain(str octets);

#endif
