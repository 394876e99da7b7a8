/* smtp/policy/mail_stream.c: a mail read as one run of octets, wherever its body lies. */
#include "policy.h"

static void mail_stream_rewind(struct mail_stream *s)
{
  buf_clear(&s->piece);
  s->piece.cap = LIMIT_CHUNK;
  s->piece_at = s->head.n;
  s->next = 0;
}

str mail_stream_at(struct mail_stream *s, uint64_t at, struct err *e)
{
  int got = s->body ? 1 : 0;

  if (at < s->head.n) return str_skip(s->head, (size_t)at);
  if (s->next == 0 || at < s->piece_at) mail_stream_rewind(s);
  while (got > 0 && at >= s->piece_at + s->piece.n) {
    s->piece_at += s->piece.n;
    buf_clear(&s->piece);
    got = s->body(s->source, s->next, &s->piece, e);
    s->next += got > 0;
  }
  if (got < 0) return (str){NULL, 0};
  return got == 0 ? (str){"", 0} : str_skip(buf_str(&s->piece), (size_t)(at - s->piece_at));
}

ptrdiff_t mail_stream_read(struct mail_stream *s, uint64_t at, char *p, size_t n, struct err *e)
{
  str from = mail_stream_at(s, at, e);

  if (!from.p) return -1;
  if (n > from.n) n = from.n;
  if (n) memcpy(p, from.p, n);
  return (ptrdiff_t)n;
}

void mail_stream_free(struct mail_stream *s)
{
  buf_free(&s->piece);
  s->next = 0;
}
