/* smtp/format/stuff.c: a mail in transit form: dots doubled, the final dot (RFC 5321 §4.5.2).
 *
 * Only CR LF begins a line, as unstuff.c reads it: what one of us writes the other reads back.
 */
#include "format.h"

void stuff_add(struct stuff *s, str text, struct buf *out)
{
  while (text.n > 0) {
    const char *lf = memchr(text.p, '\n', text.n);
    size_t n = lf ? (size_t)(lf - text.p) + 1 : text.n;
    bool crlf = lf && (n >= 2 ? text.p[n - 2] == '\r' : s->state == STUFF_CR);

    if (s->state == STUFF_LINE_START && text.p[0] == '.') buf_putc(out, '.');
    buf_add(out, text.p, n);
    s->state = crlf ? STUFF_LINE_START : text.p[n - 1] == '\r' ? STUFF_CR : STUFF_TEXT;
    text = str_skip(text, n);
  }
}

void stuff_end(struct stuff *s, struct buf *out)
{
  if (s->state != STUFF_LINE_START) buf_puts(out, "\r\n");
  buf_puts(out, ".\r\n");
  s->state = STUFF_LINE_START;
}
