/* smtp/stuff.h: a mail in transit form: dots doubled, the final dot (RFC 5321 §4.5.2). Pure. */
#ifndef SMTP_STUFF_H
#define SMTP_STUFF_H

#include "../vsmtp.h"

/* Begins zeroed: at the start of a line. */
struct stuff {
  enum { STUFF_LINE_START, STUFF_TEXT, STUFF_CR } state;
};

void stuff_add(struct stuff *s, str text, struct buf *out); /* at most twice as long, plus one */
void stuff_end(struct stuff *s, struct buf *out); /* ends a line left open, then the final dot */

#endif
