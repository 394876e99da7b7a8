/* smtp/submit.h: what a program of this machine gives to `sendmail`, made a mail. Pure but for
 * memory.
 *
 * Lines end in CR LF, NULs are gone, the header is complete and names nobody blind.
 */
#ifndef SMTP_SUBMIT_H
#define SMTP_SUBMIT_H

#include "header.h"

struct submit_options {
  bool dots;        /* a line with a dot alone is text like any other (-i); else it ends the mail */
  bool recipients;  /* read them from the header (-t) */
  str user, domain; /* who sends, where: for addresses without a domain, and for From */
  str name;         /* of that person, for From; may be empty */
  str sender;       /* address for From; empty: user@domain */
  str id;           /* for Message-ID */
  int64_t now;      /* wall time, for Date */
};

enum submit_state { SUBMIT_HEADER, SUBMIT_BODY, SUBMIT_OVER };

struct submit {
  const struct submit_options *o; /* borrows */
  struct arena *arena;            /* borrows: owns the header and the recipients */
  enum submit_state state;
  bool begun;              /* a line was seen */
  bool cr;                 /* a CR is held back: what follows says what it meant */
  bool dot;                /* a dot at the start of a line is held back */
  bool in_line;            /* the line has octets, of the body */
  struct buf line, header; /* while the header lasts */
  str *to;                 /* recipients of the header, checked */
  size_t to_count, to_size;
};

void submit_begin(struct submit *s, const struct submit_options *o, struct arena *a);
void submit_free(struct submit *s);
/* Takes all of in and appends what it makes to out: nothing before the header is whole (state is
 * not SUBMIT_HEADER any more), in which case recipients are known too. ERR_SYNTAX: too large a
 * header, or a recipient that is no address; ERR_NOMEM. */
int submit_text(struct submit *s, str in, struct buf *out, struct err *e);
int submit_end(struct submit *s, struct buf *out, struct err *e); /* in is at its end */

/* Is it an address, or a local part alone? */
bool submit_address_ok(str address, struct arena *a);

#endif
