/* smtp/data.h: what comes between DATA and the final dot (RFC 5321 §4.5.2). Pure functions. */
#ifndef SMTP_DATA_H
#define SMTP_DATA_H

#include "../vsmtp.h"

/* The only end of data is CR LF . CR LF (or . CR LF at the very beginning). A CR, LF or NUL that
 * stands elsewhere is noted in the faults, and reading goes on to the true end: nothing that
 * follows such a byte can be taken for a command (SMTP smuggling). */
enum data_state {
  DATA_LINE_START,
  DATA_DOT,    /* a dot at the start of a line */
  DATA_DOT_CR, /* and a CR behind it */
  DATA_TEXT,
  DATA_CR /* a CR in the text, held back until the next octet is seen */
};
enum { DATA_BARE_CR = 1, DATA_BARE_LF = 2, DATA_NUL = 4 };

struct data {
  enum data_state state;
  unsigned faults; /* DATA_BARE_CR | DATA_BARE_LF | DATA_NUL */
  uint64_t octets; /* given out so far, after removal of dots */
};

enum data_event {
  DATA_MORE,  /* *in is used up */
  DATA_PIECE, /* *piece: text, at most one line and whole up to its CRLF where *in had that */
  DATA_END    /* the final dot; what is left in *in are further commands */
};

/* Takes what it understands from the front of *in. d begins zeroed. */
enum data_event data_next(struct data *d, str *in, str *piece);

#endif
