/* smtp/policy/clamd.c: mails shown to clamd (INSTREAM).
 *
 * "zINSTREAM" NUL, then pieces, each behind its length in four octets, the last of length 0; then
 * clamd says its one sentence, which ends with a NUL. A verdict counts only when it comes after the
 * whole mail and nothing comes behind it.
 *
 *   waiting -> connecting -> sending -> asked -> over
 */
#include "clamd.h"

#define CLAMD_SAYS 1024 /* octets of its answer */

/* ORDER CLAMD_STATE */
enum clamd_state { CLAMD_WAITING, CLAMD_CONNECTING, CLAMD_SENDING, CLAMD_ASKED, CLAMD_OVER };

/* ORDER CLAMD_STATE: what it was at, for people. */
static const char *const clamd_states[] = {"waiting in line", "connecting", "sending the mail",
                                           "waiting for the verdict", "over"};

struct clamd {
  struct loop *loop;
  struct netaddr to;
  int64_t timeout;
  struct line line;
};

struct clamd_scan {
  struct list_link link;
  struct clamd *clamd; /* NULL: over, only the connection is still to close */
  const struct mail *mail;
  clamd_fn *fn;
  void *arg;
  enum clamd_state state;
  struct io *io;   /* NULL: none, or closed */
  struct buf head; /* of the mail */
  struct mail_stream text;
  uint64_t at;        /* octets of it that were written */
  struct task failed; /* tells that there could be no connection */
  struct err why;
};

/* ---- the line -------------------------------------------------------------------------------- */

static void clamd_begin(struct clamd_scan *s);

static void clamd_pump(struct clamd *c)
{
  struct clamd_scan *s;

  while ((s = LINE_CALL(&c->line, LIMIT_SCANS, struct clamd_scan, link)) != NULL) clamd_begin(s);
}

static void clamd_free_scan(struct clamd_scan *s)
{
  buf_free(&s->head);
  mail_stream_free(&s->text);
  mem_free(s);
}

/* It is nobody's any more. Its connection, which may outlive the scanner, closes in its own
 * time. */
static void clamd_let_go(struct clamd_scan *s)
{
  struct clamd *c = s->clamd;

  loop_unready(&s->failed);
  list_remove(&s->link);
  s->state = CLAMD_OVER;
  s->clamd = NULL;
  if (s->io)
    io_abort(s->io);
  else
    clamd_free_scan(s);
  clamd_pump(c);
}

static void clamd_tell(struct clamd_scan *s, enum clamd_verdict v, str virus, const char *why)
{
  clamd_fn *fn = s->fn;
  void *arg = s->arg;

  fn(arg, v, virus, why);
  clamd_let_go(s);
}

static void clamd_fail(struct clamd_scan *s, const char *what, str detail)
{
  char why[512], to[NETADDR_TEXT_MAX];

  snprintf(why, sizeof why, "clamd at %s gave no verdict: %s%s%.200s (%s)",
           netaddr_text(&s->clamd->to, to), what, detail.n ? ": " : "",
           detail.n ? log_q(str_sub(detail, 0, CLAMD_SAYS)) : "", clamd_states[s->state]);
  clamd_tell(s, CLAMD_NONE, STR(""), why);
}

/* ---- the mail -------------------------------------------------------------------------------- */

static void clamd_write(struct clamd_scan *s, str octets)
{
  const uint32_t n = (uint32_t)octets.n;
  const char length[4] = {(char)(n >> 24), (char)(n >> 16), (char)(n >> 8), (char)n};

  io_write(s->io, (str){length, sizeof length});
  io_write(s->io, octets);
}

/* As much of the mail as may wait in the connection. False: it cannot be read. */
static bool clamd_say(struct clamd_scan *s)
{
  while (io_pending(s->io) < LIMIT_IO_AHEAD) {
    const str some = str_sub(mail_stream_at(&s->text, s->at, &s->why), 0, LIMIT_IO_PIECE);

    if (!some.p) return false;
    if (some.n == 0) {
      clamd_write(s, STR(""));
      s->state = CLAMD_ASKED;
      return true;
    }
    clamd_write(s, some);
    s->at += some.n;
  }
  io_drain(s->io, LIMIT_IO_AHEAD / 2);
  return true;
}

/* ---- the verdict ----------------------------------------------------------------------------- */

static void clamd_hear(struct clamd_scan *s, bool end)
{
  const str said = io_input(s->io);
  const ptrdiff_t nul = str_chr(said, '\0');
  str name;

  if (nul < 0 && said.n < CLAMD_SAYS && !end) return;
  if (nul < 0) {
    clamd_fail(s, end ? "it hung up" : "it says what clamd never says", said);
    return;
  }
  const enum clamd_verdict v = clamd_reply(str_sub(said, 0, (size_t)nul), &name);
  if (v == CLAMD_NONE)
    clamd_fail(s, "it said", name);
  else if (s->state != CLAMD_ASKED || said.n != (size_t)nul + 1)
    clamd_fail(s, "it answered at the wrong moment", str_sub(said, 0, (size_t)nul));
  else
    clamd_tell(s, v, name, "");
}

/* ---- the connection -------------------------------------------------------------------------- */

static void clamd_say_more(struct clamd_scan *s)
{
  if (s->state == CLAMD_SENDING && !clamd_say(s))
    clamd_fail(s, "the mail cannot be read", str_of(s->why.text));
}

static void clamd_event(struct io *io, enum io_event event, void *arg)
{
  struct clamd_scan *s = arg;

  if (event == IO_CLOSED) {
    s->io = NULL;
    if (!s->clamd) clamd_free_scan(s);
    return;
  }
  if (!s->clamd) return;
  switch (event) {
  case IO_CONNECTED:
    s->state = CLAMD_SENDING;
    io_write(io, (str){"zINSTREAM", sizeof "zINSTREAM"}); /* with its NUL */
    clamd_say_more(s);
    break;
  case IO_DRAINED: clamd_say_more(s); break;
  case IO_DATA: clamd_hear(s, false); break;
  case IO_EOF: clamd_hear(s, true); break;
  case IO_TIMEOUT: clamd_fail(s, "it took too long", STR("")); break;
  default: clamd_fail(s, io_why(io), STR("")); break;
  }
}

static void clamd_cannot(struct task *t, void *arg)
{
  struct clamd_scan *s = arg;

  (void)t;
  clamd_fail(s, "cannot begin", str_of(s->why.text));
}

static void clamd_begin(struct clamd_scan *s)
{
  struct clamd *c = s->clamd;

  s->state = CLAMD_CONNECTING;
  s->head.cap = LIMIT_HEADER_BYTES * 2;
  if (mail_header(s->mail, &s->head, &s->why) == 0) {
    s->text = (struct mail_stream){
        .head = buf_str(&s->head), .body = s->mail->body, .source = s->mail->source};
    s->io =
        io_connect(c->loop, &c->to, NULL, loop_now(c->loop) + c->timeout, clamd_event, s, &s->why);
  }
  if (!s->io) loop_ready(c->loop, &s->failed);
}

/* ---- the door -------------------------------------------------------------------------------- */

struct clamd *clamd_new(struct loop *l, const struct netaddr *to, int64_t timeout)
{
  struct clamd *c = mem_alloc(sizeof *c);

  if (!c) return NULL;
  *c = (struct clamd){.loop = l, .to = *to, .timeout = timeout};
  return c;
}

void clamd_free(struct clamd *c)
{
  mem_free(c);
}

struct clamd_scan *clamd_start(struct clamd *c, const struct mail *m, clamd_fn *fn, void *arg)
{
  struct clamd_scan *s = mem_alloc(sizeof *s);

  if (!s) return NULL;
  *s = (struct clamd_scan){.clamd = c, .mail = m, .fn = fn, .arg = arg};
  s->failed = (struct task){.run = clamd_cannot, .arg = s};
  line_join(&c->line, &s->link);
  clamd_pump(c);
  return s;
}

void clamd_cancel(struct clamd_scan *s)
{
  if (s && s->clamd) clamd_let_go(s);
}
#undef CLAMD_SAYS
