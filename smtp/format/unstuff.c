/* smtp/format/unstuff.c: dot-unstuffing with strict line ends (RFC 5321 §4.5.2, §2.3.8). */
#include "format.h"

static enum unstuff_event unstuff_give(struct unstuff *d, str piece, str *out)
{
  *out = piece;
  d->octets += piece.n;
  return UNSTUFF_PIECE;
}

/* Text up to and with its CRLF, or as much as there is. The common case: three memchr a line. */
static enum unstuff_event unstuff_text(struct unstuff *d, str *in, str *piece)
{
  const char *lf = memchr(in->p, '\n', in->n);
  size_t n = lf ? (size_t)(lf - in->p) + 1 : in->n;
  str line = str_sub(*in, 0, n);
  size_t text = n;

  *in = str_skip(*in, n);
  if (lf && n >= 2 && line.p[n - 2] == '\r') {
    d->state = UNSTUFF_LINE_START;
    text = n - 2;
  } else if (lf) {
    d->faults |= UNSTUFF_BARE_LF;
    d->state = UNSTUFF_TEXT;
  } else if (line.p[n - 1] == '\r') {
    d->state = UNSTUFF_CR;
    line.n = text = n - 1;
  } else {
    d->state = UNSTUFF_TEXT;
  }
  if (memchr(line.p, '\r', text)) d->faults |= UNSTUFF_BARE_CR;
  if (memchr(line.p, '\0', text)) d->faults |= UNSTUFF_NUL;
  return line.n ? unstuff_give(d, line, piece) : UNSTUFF_MORE;
}

/* The octet behind a CR that was held back. */
static enum unstuff_event unstuff_after_cr(struct unstuff *d, str *in, str *piece)
{
  if (in->p[0] == '\n') {
    *in = str_skip(*in, 1);
    d->state = UNSTUFF_LINE_START;
    return unstuff_give(d, STR("\r\n"), piece);
  }
  d->faults |= UNSTUFF_BARE_CR;
  d->state = UNSTUFF_TEXT;
  return unstuff_give(d, STR("\r"), piece);
}

enum unstuff_event unstuff_next(struct unstuff *d, str *in, str *piece)
{
  while (in->n > 0) {
    enum unstuff_event event;

    switch (d->state) {
    case UNSTUFF_LINE_START:
      d->state = in->p[0] == '.' ? UNSTUFF_DOT : UNSTUFF_TEXT;
      if (d->state == UNSTUFF_DOT) *in = str_skip(*in, 1); /* the dot is stuffing or the end */
      break;
    case UNSTUFF_DOT:
      d->state = in->p[0] == '\r' ? UNSTUFF_DOT_CR : UNSTUFF_TEXT;
      if (d->state == UNSTUFF_DOT_CR) *in = str_skip(*in, 1);
      break;
    case UNSTUFF_DOT_CR:
      if (in->p[0] == '\n') {
        *in = str_skip(*in, 1);
        d->state = UNSTUFF_LINE_START;
        return UNSTUFF_END;
      }
      d->state = UNSTUFF_CR; /* ". CR" was text: the CR is judged by what follows */
      break;
    case UNSTUFF_CR: return unstuff_after_cr(d, in, piece);
    case UNSTUFF_TEXT:
      event = unstuff_text(d, in, piece);
      if (event == UNSTUFF_PIECE) return event;
      break;
    }
  }
  return UNSTUFF_MORE;
}
