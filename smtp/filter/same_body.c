/* smtp/filter/same_body.c: the body of a mail that comes back from a filter, compared while it
 * arrives.
 *
 * Most filters give a body back as they got it: then nothing is written. At the first octet that
 * differs, what was the same until then is copied to the new body, a piece in each turn of the
 * loop, while the connection waits; from there on octets go straight through.
 *
 * clamsmtpd reads lines in pieces of 4223 octets and sends them in pieces of 4222, and forgets at
 * the seam that a line begins: behind a line that fills its pieces but for the CR LF it takes a dot
 * away from the next one, or leaves the stuffed one there. That is no change to a mail, so it is
 * seen through. If that line was a single dot, it ended the mail early, and what follows is
 * missing.
 */
#include "same_body.h"

#define SAME_BODY_SEAM(line) (((line) + 1) % 4222 == 0 || ((line) + 1) % 4223 == 0)

/* ---- what went out --------------------------------------------------------------------------- */

/* Its octets that are next; empty: there are none, or they cannot be read (SAME_BODY_LOST). */
static str same_body_next(struct same_body *h)
{
  str sent = {"", 0};
  struct err e;

  if (h->same < h->octets && h->state != SAME_BODY_LOST) {
    sent = mail_stream_at(&h->sent, h->same, &e);
    if (!sent.n) h->state = SAME_BODY_LOST;
  }
  return sent.n ? sent : (str){"", 0};
}

/* The first n of them came; or one dot did not, which is as good. */
static void same_body_pass(struct same_body *h, str sent, size_t n)
{
  str rest = str_sub(sent, 0, n);

  h->same += n;
  for (ptrdiff_t lf; (lf = str_chr(rest, '\n')) >= 0; rest = str_skip(rest, (size_t)lf + 1)) {
    h->before = h->line + (uint64_t)lf;
    h->before -= h->before > 0; /* the CR */
    h->line = 0;
    h->dots = true;
  }
  for (size_t i = 0; i < rest.n && h->dots; i++) h->dots = rest.p[i] == '.';
  h->line += rest.n;
}

/* ---- comparing ------------------------------------------------------------------------------- */

/* The next octets differ. A dot too few or too many behind a seam is passed over. */
static bool same_body_mend(struct same_body *h, str sent, str *came)
{
  if (!h->dots || !SAME_BODY_SEAM(h->before) || !h->before) return false;
  h->before = 0; /* once a line */
  if (sent.n && sent.p[0] == '.')
    same_body_pass(h, sent, 1);
  else if (came->p[0] == '.')
    *came = str_skip(*came, 1);
  else
    return false;
  return true;
}

/* Takes off *came what is the same. True: that is all of it. */
static bool same_body_compare(struct same_body *h, str *came)
{
  while (came->n > 0) {
    str sent = same_body_next(h);
    size_t n = sent.n < came->n ? sent.n : came->n, k = 0;

    if (h->state == SAME_BODY_LOST) return false;
    if (n && memcmp(sent.p, came->p, n) == 0)
      k = n;
    else
      while (k < n && sent.p[k] == came->p[k]) k++;
    same_body_pass(h, sent, k);
    *came = str_skip(*came, k);
    if (k < n || n == 0) {
      if (!same_body_mend(h, str_skip(sent, k), came)) return false;
    }
  }
  return true;
}

/* ---- copying --------------------------------------------------------------------------------- */

static enum incoming_state same_body_lose(struct same_body *h)
{
  h->state = SAME_BODY_LOST;
  buf_free(&h->rest);
  return INCOMING_TEMP;
}

/* Gives one piece of what was the same to the new body, as far as that takes it now. */
static enum incoming_state same_body_copy_piece(struct same_body *h)
{
  enum incoming_state state = INCOMING_GO;
  struct err e;
  str piece = mail_stream_at(&h->sent, h->copied, &e);

  if (!piece.n) return same_body_lose(h);
  piece =
      str_sub(piece, 0, (size_t)(h->same - h->copied < piece.n ? h->same - h->copied : piece.n));
  while (state == INCOMING_GO && piece.n > 0) {
    str part = str_sub(piece, 0, LIMIT_IO_INPUT);

    state = incoming_body(h->in, part);
    h->copied += part.n;
    piece = str_skip(piece, part.n);
  }
  return state;
}

static void same_body_copy(struct task *t, void *arg)
{
  struct same_body *h = arg;
  enum incoming_state state = h->copied < h->same ? same_body_copy_piece(h) : INCOMING_GO;

  if (state == INCOMING_WAIT) return; /* same_body_went_on comes */
  if (state == INCOMING_GO && h->copied < h->same) {
    loop_ready(h->loop, t);
    return;
  }
  if (state == INCOMING_GO) state = incoming_body(h->in, buf_str(&h->rest));
  if (h->state == SAME_BODY_COPY) h->state = SAME_BODY_OTHER;
  buf_free(&h->rest);
  mail_stream_free(&h->sent);
  if (state != INCOMING_WAIT) h->ready(h->arg);
}

/* The new body takes more. */
static void same_body_went_on(void *arg)
{
  struct same_body *h = arg;

  if (h->state == SAME_BODY_COPY)
    loop_ready(h->loop, &h->task);
  else
    h->ready(h->arg);
}

/* What came is another body: what was the same, then the rest. */
static enum incoming_state same_body_begin_copy(struct same_body *h, str rest)
{
  h->state = SAME_BODY_COPY;
  h->rest.cap = LIMIT_IO_INPUT;
  buf_str_add(&h->rest, rest);
  if (!buf_ok(&h->rest)) return same_body_lose(h);
  incoming_on_ready(h->in, same_body_went_on, h);
  loop_ready(h->loop, &h->task);
  return INCOMING_WAIT;
}

/* ---- the door -------------------------------------------------------------------------------- */

void same_body_begin(struct same_body *h)
{
  h->dots = true;
  h->task.run = same_body_copy;
  h->task.arg = h;
}

enum incoming_state same_body_take(struct same_body *h, str octets)
{
  if (h->state == SAME_BODY_LOST) return INCOMING_TEMP;
  if (h->state == SAME_BODY_OTHER) return incoming_body(h->in, octets);
  if (same_body_compare(h, &octets)) return INCOMING_GO;
  return h->state == SAME_BODY_LOST ? INCOMING_TEMP : same_body_begin_copy(h, octets);
}

enum incoming_state same_body_end(struct same_body *h, bool *cut)
{
  str sent = h->state == SAME_BODY_SAME ? same_body_next(h) : (str){"", 0};

  *cut = sent.p && h->before && h->line == 0 && SAME_BODY_SEAM(h->before) &&
         str_starts(sent, STR(".\r\n"));
  if (h->state == SAME_BODY_LOST) return INCOMING_TEMP;
  if (h->state == SAME_BODY_OTHER) return incoming_state(h->in);
  if (h->same == h->octets || *cut) return INCOMING_GO;
  return same_body_begin_copy(h, STR(""));
}

void same_body_stop(struct same_body *h)
{
  loop_unready(&h->task);
  if (h->in) incoming_on_ready(h->in, NULL, NULL);
  mail_stream_free(&h->sent);
  buf_free(&h->rest);
  *h = (struct same_body){.loop = NULL};
}
#undef SAME_BODY_SEAM
