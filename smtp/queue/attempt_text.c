/* smtp/queue/attempt_text.c: a stored mail read as a stream, piece by piece. */
#include "attempt_int.h"

int attempt_header(struct deliver_job *j, struct err *e)
{
  if (j->header.n) return 0;
  j->header.cap = LIMIT_HEADER_BYTES * 2;
  return queue_header(j->deliver->mta->store, j->claim, &j->header, e);
}

/* Makes the piece that holds octet `at` of the mail the current one. */
static int attempt_seek(struct attempt_text *t, uint64_t at)
{
  struct deliver_job *j = t->job;
  struct err e;

  while (at >= t->piece_at + t->piece.n) {
    int got;

    t->piece_at += t->piece.n;
    buf_clear(&t->piece);
    got = queue_body(j->deliver->mta->store, j->claim, t->piece_next++, &t->piece, &e);
    if (got > 0) continue;
    t->lost = got == 0 || e.kind == ERR_BUG;
    log_warn(LOG_DELIVERY, "mid=" STR_FMT " cannot read the body: %s", STR_ARG(j->claim->mail.id),
             got == 0 ? "a part of it is gone" : e.text);
    return -1;
  }
  return 0;
}

void attempt_rewind(struct attempt_text *t)
{
  buf_clear(&t->piece);
  t->piece.cap = LIMIT_CHUNK;
  t->piece_at = t->job->header.n;
  t->piece_next = 0;
}

ptrdiff_t attempt_read(struct attempt_text *t, uint64_t at, char *p, size_t n)
{
  struct deliver_job *j = t->job;
  str from = buf_str(&j->header);

  if (at >= j->header.n) {
    if (at < t->piece_at) attempt_rewind(t);
    if (attempt_seek(t, at) < 0) return -1;
    from = str_skip(buf_str(&t->piece), (size_t)(at - t->piece_at));
  } else {
    from = str_skip(from, (size_t)at);
  }
  if (n > from.n) n = from.n;
  memcpy(p, from.p, n);
  return (ptrdiff_t)n;
}
