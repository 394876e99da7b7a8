/* smtp/data.c: dot-unstuffing with strict line ends (RFC 5321 §4.5.2, §2.3.8). */
#include "data.h"

static enum data_event data_give(struct data *d, str piece, str *out)
{
  *out = piece;
  d->octets += piece.n;
  return DATA_PIECE;
}

/* Text up to and with its CRLF, or as much as there is. The common case: three memchr a line. */
static enum data_event data_text(struct data *d, str *in, str *piece)
{
  const char *lf = memchr(in->p, '\n', in->n);
  size_t n = lf ? (size_t)(lf - in->p) + 1 : in->n;
  str line = str_sub(*in, 0, n);
  size_t text = n;

  *in = str_skip(*in, n);
  if (lf && n >= 2 && line.p[n - 2] == '\r') {
    d->state = DATA_LINE_START;
    text = n - 2;
  } else if (lf) {
    d->faults |= DATA_BARE_LF;
    d->state = DATA_TEXT;
  } else if (line.p[n - 1] == '\r') {
    d->state = DATA_CR;
    line.n = text = n - 1;
  } else {
    d->state = DATA_TEXT;
  }
  if (memchr(line.p, '\r', text)) d->faults |= DATA_BARE_CR;
  if (memchr(line.p, '\0', text)) d->faults |= DATA_NUL;
  return line.n ? data_give(d, line, piece) : DATA_MORE;
}

/* The octet behind a CR that was held back. */
static enum data_event data_after_cr(struct data *d, str *in, str *piece)
{
  if (in->p[0] == '\n') {
    *in = str_skip(*in, 1);
    d->state = DATA_LINE_START;
    return data_give(d, STR("\r\n"), piece);
  }
  d->faults |= DATA_BARE_CR;
  d->state = DATA_TEXT;
  return data_give(d, STR("\r"), piece);
}

enum data_event data_next(struct data *d, str *in, str *piece)
{
  while (in->n > 0) {
    enum data_event event;

    switch (d->state) {
    case DATA_LINE_START:
      d->state = in->p[0] == '.' ? DATA_DOT : DATA_TEXT;
      if (d->state == DATA_DOT) *in = str_skip(*in, 1); /* the dot is stuffing or the end */
      break;
    case DATA_DOT:
      d->state = in->p[0] == '\r' ? DATA_DOT_CR : DATA_TEXT;
      if (d->state == DATA_DOT_CR) *in = str_skip(*in, 1);
      break;
    case DATA_DOT_CR:
      if (in->p[0] == '\n') {
        *in = str_skip(*in, 1);
        d->state = DATA_LINE_START;
        return DATA_END;
      }
      d->state = DATA_CR; /* ". CR" was text: the CR is judged by what follows */
      break;
    case DATA_CR: return data_after_cr(d, in, piece);
    case DATA_TEXT:
      event = data_text(d, in, piece);
      if (event == DATA_PIECE) return event;
      break;
    }
  }
  return DATA_MORE;
}
