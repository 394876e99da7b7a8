/* smtp/message.h: a message as it comes in: the header block is kept, the body handed on. */
#ifndef SMTP_MESSAGE_H
#define SMTP_MESSAGE_H

#include "data.h"

enum { /* faults beside those of struct data */
       MESSAGE_HEADER_TOO_BIG = 8,
       MESSAGE_LOOP = 16,     /* more than LIMIT_RECEIVED Received fields */
       MESSAGE_NO_MEMORY = 32 /* for the header block: later it may fit */
};

/* Begins zeroed but for header.cap, which message_begin sets. */
struct message_in {
  struct data data;
  struct buf header; /* the block so far, without the blank line */
  size_t line;       /* where in header the line begins that is not whole yet */
  size_t fields, received;
  bool in_body;
  unsigned faults; /* of both kinds */
};

enum message_event {
  MESSAGE_MORE, /* *in is used up */
  MESSAGE_BODY, /* *body: octets of the body, valid until the next call */
  MESSAGE_END   /* the final dot was read; *in holds what follows */
};

void message_begin(struct message_in *m);
void message_free(struct message_in *m);

/* Takes text in transit form (dot-stuffed) from the front of *in. A line that cannot belong to a
 * header ends it, as if a blank line stood before (RFC 5322 §2.1 wants that line). */
enum message_event message_next(struct message_in *m, str *in, str *body);

#endif
