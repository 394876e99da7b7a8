/* smtp/format/reply.c: every answer the server can give, and its form on the wire. */
#include "format.h"

#define REPLY_LINE 78 /* octets of a line without its CRLF (80 with it) */

static const struct reply reply_table[] = {
#define REPLY_ROW(name, basic, enhanced, text) {basic, STR_INIT(enhanced), STR_INIT(text)},
    REPLY_LIST(REPLY_ROW)
#undef REPLY_ROW
};

struct reply reply_of(enum reply_id id)
{
  return reply_table[id];
}

struct reply reply_of_err(const struct err *e)
{
  switch (e->kind) {
  case ERR_FULL: return reply_of(REPLY_FULL);
  case ERR_RULE: return reply_of(REPLY_RULE_ERROR);
  case ERR_NONE:
  case ERR_NOMEM:
  case ERR_IO:
  case ERR_TEMP:
  case ERR_PERM:
  case ERR_SYNTAX:
  case ERR_BUG: break;
  }
  return reply_of(REPLY_STORE_FAILED);
}

/* How much of text fits in room octets: all, or up to a space, or up to a whole character. */
static size_t reply_fit(str text, size_t room)
{
  size_t n = room;

  if (text.n <= room) return text.n;
  for (size_t i = room; i > room / 2; i--)
    if (text.p[i] == ' ') return i;
  while (n > 1 && ((unsigned char)text.p[n] & 0xc0) == 0x80) n--;
  return n;
}

static void reply_line(struct buf *out, struct reply r, str text, bool last)
{
  buf_printf(out, "%d%c", r.basic, last ? ' ' : '-');
  if (r.enhanced.n) buf_printf(out, STR_FMT " ", STR_ARG(r.enhanced));
  for (size_t i = 0; i < text.n; i++) {
    unsigned char c = (unsigned char)text.p[i];
    buf_putc(out, c < ' ' || c == 0x7f ? '?' : text.p[i]);
  }
  buf_puts(out, "\r\n");
}

void reply_put(struct buf *out, struct reply r)
{
  size_t room = REPLY_LINE - 4 - (r.enhanced.n ? r.enhanced.n + 1 : 0);
  str rest = r.text, line;

  if (rest.n == 0) {
    reply_line(out, r, rest, true);
    return;
  }
  while (str_cut(&rest, '\n', &line)) {
    if (line.n > 0 && line.p[line.n - 1] == '\r') line.n--;
    do {
      size_t n = reply_fit(line, room);
      str piece = str_sub(line, 0, n);

      line = str_skip(line, n);
      if (line.n > 0 && line.p[0] == ' ') line = str_skip(line, 1);
      reply_line(out, r, piece, line.n == 0 && rest.n == 0);
    } while (line.n > 0);
    if (rest.n == 0) break; /* a trailing LF is no further line */
  }
}

void reply_show(struct buf *out, struct reply r)
{
  buf_printf(out, "%d " STR_FMT "%s" STR_FMT, r.basic, STR_ARG(r.enhanced), r.enhanced.n ? " " : "",
             STR_ARG(r.text));
}

str reply_text(struct reply r, struct arena *a)
{
  struct buf out = BUF_INIT(64 + r.enhanced.n + r.text.n);
  str text = {NULL, 0};

  reply_show(&out, r);
  if (buf_ok(&out)) text = arena_str(a, buf_str(&out));
  buf_free(&out);
  return text;
}
#undef REPLY_LINE
