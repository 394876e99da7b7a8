/* smtp/client.c: the SMTP client (RFC 5321 §3.3).
 *
 * A mail is a list of commands: MAIL, each RCPT, DATA. Up to `window` of them are said before their
 * replies were heard: one in lock-step, many where the peer offers PIPELINING (RFC 2920). The state
 * says what the next reply is about. One setter changes it.
 */
#include "client.h"

#include "client_reply.h"
#include "stuff.h"

#define CLIENT_WINDOW 50          /* commands said ahead: replies must fit the peer's buffers */
#define CLIENT_PIECE  (16 * 1024) /* octets of a mail asked for at once */
#define CLIENT_AHEAD  (64 * 1024) /* octets written and not yet sent, at most one piece more */
#define CLIENT_MINUTE 60000

enum client_state {
  CLIENT_CONNECTING,
  CLIENT_GREETING,
  CLIENT_EHLO,
  CLIENT_HELO,
  CLIENT_IDLE, /* ready for a mail */
  CLIENT_ENVELOPE,
  CLIENT_BODY,
  CLIENT_DOT,  /* the last dot was written */
  CLIENT_RSET, /* the mail is done with; the connection is made ready for the next */
  CLIENT_QUIT,
  CLIENT_CLOSED
};

/* ORDER CLIENT_STATE. The time for the reply, RFC 5321 §4.5.3.2; of the body: for some progress. */
static const struct {
  const char *name;
  int64_t patience;
} client_states[] = {
    {"connecting", 5 * CLIENT_MINUTE},
    {"greeting", 5 * CLIENT_MINUTE},
    {"ehlo", 5 * CLIENT_MINUTE},
    {"helo", 5 * CLIENT_MINUTE},
    {"idle", 5 * CLIENT_MINUTE},
    {"envelope", 5 * CLIENT_MINUTE},
    {"body", 3 * CLIENT_MINUTE},
    {"dot", 10 * CLIENT_MINUTE},
    {"rset", 5 * CLIENT_MINUTE},
    {"quit", 5000},
    {"closed", 0},
};

struct client {
  struct loop *loop;
  struct io *io; /* NULL once it is closed */
  struct client_options o;
  enum client_state state;
  int64_t greeting;                   /* loop time by which the peer must have greeted */
  bool ended;                         /* client_end was called: nobody listens */
  bool pipelining, size, eight, utf8; /* what the peer offers */
  struct client_reply reply;
  struct client_mail *mail;
  size_t said, heard; /* commands of the mail: 0 is MAIL, then the recipients, then DATA */
  size_t accepted;    /* recipients */
  uint64_t at;        /* octets of the mail written */
  struct stuff stuff;
  struct buf piece;
};

/* The phase's own time, but never beyond the end of everything. */
static void client_set_deadline(struct client *c)
{
  int64_t at = loop_now(c->loop) + client_states[c->state].patience;

  if (c->state == CLIENT_GREETING) at = c->greeting;
  if (c->o.until && c->o.until < at) at = c->o.until;
  io_deadline(c->io, at);
}

static void client_enter(struct client *c, enum client_state state)
{
  trace(TRACE_DELIVER, "client=%p %s -> %s", (void *)c, client_states[c->state].name,
        client_states[state].name);
  c->state = state;
  if (state != CLIENT_CLOSED) client_set_deadline(c);
}

/* ---- the end of a mail, the end of all ------------------------------------------------------- */

static void client_done(struct client *c, int code, str text)
{
  struct client_mail *m = c->mail;

  c->mail = NULL;
  for (size_t i = 0; m && i < m->rcpt_count; i++) {
    struct client_rcpt *r = &m->rcpt[i];

    if (r->code >= 300) continue; /* refused by itself already */
    r->code = code;
    r->reply = arena_str(m->arena, text);
  }
  if (m && !c->ended) m->done(m->arg, code, text);
}

static void client_close(struct client *c, int code, str text)
{
  if (c->state == CLIENT_CLOSED) return;
  client_enter(c, CLIENT_CLOSED);
  io_abort(c->io);
  client_done(c, code, text);
}

/* The connection is of no use: why is for people. */
static void client_fail(struct client *c, const char *why)
{
  char text[256], peer[NETADDR_TEXT_MAX];

  snprintf(text, sizeof text, "%.100s: %.100s (%s)", netaddr_text(&c->o.to, peer), why,
           client_states[c->state].name);
  client_close(c, 0, str_of(text));
}

static void client_quit(struct client *c)
{
  client_enter(c, CLIENT_QUIT);
  io_write(c->io, STR("QUIT\r\n"));
}

/* The mail is decided while the peer still believes in a transaction. */
static void client_give_up(struct client *c)
{
  str text = buf_str(&c->reply.text);
  int code = c->reply.code;

  client_enter(c, CLIENT_RSET);
  io_write(c->io, STR("RSET\r\n"));
  client_done(c, code, text);
}

/* ---- commands -------------------------------------------------------------------------------- */

static size_t client_command_count(const struct client *c)
{
  return c->mail->rcpt_count + 2;
}

static void client_say_mail(struct client *c)
{
  const struct client_mail *m = c->mail;

  io_printf(c->io, "MAIL FROM:<" STR_FMT ">", STR_ARG(m->from));
  if (c->size) io_printf(c->io, " SIZE=%llu", (unsigned long long)m->octets);
  if (c->eight && m->eight) io_write(c->io, STR(" BODY=8BITMIME"));
  if (m->utf8) io_write(c->io, STR(" SMTPUTF8"));
  io_write(c->io, STR("\r\n"));
}

/* DATA waits for the last recipient's reply where it would be wrong to go on without it. */
static bool client_may_say(const struct client *c)
{
  size_t window = c->pipelining && !c->o.lock_step ? CLIENT_WINDOW : 1;

  if (c->said == client_command_count(c) || c->said - c->heard >= window) return false;
  return c->said + 1 < client_command_count(c) || !c->mail->all || c->heard == c->said;
}

static void client_say(struct client *c)
{
  for (; client_may_say(c); c->said++) {
    if (c->said == 0)
      client_say_mail(c);
    else if (c->said + 1 == client_command_count(c))
      io_write(c->io, STR("DATA\r\n"));
    else
      io_printf(c->io, "RCPT TO:<" STR_FMT ">\r\n", STR_ARG(c->mail->rcpt[c->said - 1].address));
  }
}

/* ---- the text -------------------------------------------------------------------------------- */

/* Writes the dot, or as much text as may wait in the connection. */
static void client_say_text(struct client *c)
{
  struct client_mail *m = c->mail;
  char piece[CLIENT_PIECE];

  buf_clear(&c->piece);
  while (c->at < m->octets && io_pending(c->io) < CLIENT_AHEAD) {
    uint64_t left = m->octets - c->at;
    ptrdiff_t n = m->body(m->arg, c->at, piece, left < sizeof piece ? (size_t)left : sizeof piece);

    if (n <= 0) {
      client_fail(c, "the mail cannot be read");
      return;
    }
    c->at += (uint64_t)n;
    stuff_add(&c->stuff, (str){piece, (size_t)n}, &c->piece);
    if (!buf_ok(&c->piece)) break;
    io_write(c->io, buf_str(&c->piece));
    buf_clear(&c->piece);
  }
  if (c->at == m->octets) stuff_end(&c->stuff, &c->piece);
  if (!buf_ok(&c->piece)) {
    client_fail(c, "out of memory");
  } else if (c->at == m->octets) {
    io_write(c->io, buf_str(&c->piece));
    buf_free(&c->piece);
    client_enter(c, CLIENT_DOT);
  } else {
    io_drain(c->io, CLIENT_AHEAD / 2);
    client_set_deadline(c);
  }
}

static void client_begin_text(struct client *c)
{
  c->piece.cap = 2 * CLIENT_PIECE + 8;
  client_enter(c, CLIENT_BODY);
  client_say_text(c);
}

/* ---- replies --------------------------------------------------------------------------------- */

static void client_ready(struct client *c)
{
  client_enter(c, CLIENT_IDLE);
  if (c->ended)
    client_quit(c);
  else if (c->mail)
    client_send(c, c->mail);
  if (c->o.greeted && !c->ended) c->o.greeted(c->o.arg);
}

/* A keyword of EHLO's reply (RFC 5321 §4.1.1.1); the first line has none, and never one of these. */
static void client_keyword(struct client *c, str line)
{
  str word;

  str_cut(&line, ' ', &word);
  if (str_ieq(word, STR("PIPELINING"))) c->pipelining = true;
  if (str_ieq(word, STR("SIZE"))) c->size = true;
  if (str_ieq(word, STR("8BITMIME"))) c->eight = true;
  if (str_ieq(word, STR("SMTPUTF8"))) c->utf8 = true;
}

static void client_refused(struct client *c)
{
  client_close(c, c->reply.code, buf_str(&c->reply.text));
}

static void client_heard_greeting(struct client *c)
{
  if (c->reply.code != 220) {
    client_refused(c);
    return;
  }
  client_enter(c, CLIENT_EHLO);
  io_printf(c->io, "EHLO " STR_FMT "\r\n", STR_ARG(c->o.helo));
}

static void client_heard_hello(struct client *c)
{
  if (c->reply.code / 100 == 2) {
    client_ready(c);
  } else if (c->state == CLIENT_EHLO && c->reply.code >= 500) {
    c->pipelining = c->size = c->eight = c->utf8 = false;
    client_enter(c, CLIENT_HELO);
    io_printf(c->io, "HELO " STR_FMT "\r\n", STR_ARG(c->o.helo));
  } else {
    client_refused(c);
  }
}

/* The answer to DATA. With 354 and nobody to get the mail, a lone dot ends it (RFC 2920 §3.1). */
static void client_heard_data(struct client *c)
{
  if (c->reply.code == 354) {
    if (c->accepted == 0) c->at = c->mail->octets;
    client_begin_text(c);
  } else if (c->reply.code < 400) {
    client_fail(c, "DATA was answered with neither 354 nor a refusal");
  } else {
    client_give_up(c);
  }
}

static void client_heard_rcpt(struct client *c)
{
  struct client_rcpt *r = &c->mail->rcpt[c->heard - 2];

  r->code = c->reply.code;
  r->reply = arena_str(c->mail->arena, buf_str(&c->reply.text));
  c->accepted += r->code / 100 == 2;
}

/* Nothing more of this mail may be said: its sender, or all whom it must reach, were refused. */
static bool client_is_hopeless(const struct client *c)
{
  if (c->heard == 1) return c->reply.code / 100 != 2;
  if (c->mail->all) return c->accepted < c->heard - 1;
  return c->accepted == 0 && c->heard == c->mail->rcpt_count + 1;
}

/* A command of the envelope was answered. What was said ahead is heard out. */
static void client_heard_command(struct client *c)
{
  if (c->heard == c->said) {
    client_fail(c, "a reply to nothing");
    return;
  }
  if (++c->heard == client_command_count(c)) {
    client_heard_data(c);
    return;
  }
  if (c->heard > 1) client_heard_rcpt(c);
  if (c->reply.code >= 300 && c->reply.code < 400)
    client_fail(c, "an intermediate reply where none can be");
  else if (client_is_hopeless(c) && c->heard == c->said)
    client_give_up(c);
  else if (client_is_hopeless(c) && c->heard == 1)
    client_refused(c);
  else if (!client_is_hopeless(c))
    client_say(c);
}

static void client_heard_dot(struct client *c)
{
  str text = buf_str(&c->reply.text);

  if (c->reply.code >= 300 && c->reply.code < 400) {
    client_fail(c, "an intermediate reply to the mail");
    return;
  }
  client_enter(c, CLIENT_IDLE);
  if (c->accepted == 0) /* a lone dot, for nobody: how that was called does not matter */
    client_done(c, 554, STR("554 no recipient was accepted"));
  else
    client_done(c, c->reply.code, text);
  if (c->ended && c->state == CLIENT_IDLE) client_quit(c);
}

/* Before the dot a refusal is final, and what follows would be taken for commands. Nothing else can be
 * meant for a mail that is not whole. */
static void client_heard_early(struct client *c)
{
  if (c->reply.code >= 400)
    client_refused(c);
  else
    client_fail(c, "it answered before the mail was whole");
}

/* More was said than can answer what we said: whose reply is whose is not known any more. What stands
 * behind the reply to a mail does not change that mail's fate. */
static bool client_is_ahead(const struct client *c)
{
  if (c->state == CLIENT_DOT || c->state == CLIENT_BODY || c->state == CLIENT_QUIT) return false;
  if (c->state == CLIENT_ENVELOPE && c->said - c->heard > 1) return false;
  return io_input(c->io).n > 0;
}

static void client_heard(struct client *c)
{
  trace(TRACE_DELIVER, "client=%p %s: reply %s", (void *)c, client_states[c->state].name,
        log_q(buf_str(&c->reply.text)));
  if (c->reply.code == 421 && c->state != CLIENT_QUIT) { /* it closes, whatever was said (§3.8) */
    client_refused(c);
    return;
  }
  if (client_is_ahead(c)) {
    client_fail(c, "a reply to nothing");
    return;
  }
  switch (c->state) {
  case CLIENT_GREETING: client_heard_greeting(c); break;
  case CLIENT_EHLO:
  case CLIENT_HELO: client_heard_hello(c); break;
  case CLIENT_ENVELOPE: client_heard_command(c); break;
  case CLIENT_BODY: client_heard_early(c); break;
  case CLIENT_DOT: client_heard_dot(c); break;
  case CLIENT_RSET:
    if (c->reply.code == 250)
      client_ready(c);
    else
      client_refused(c);
    break;
  case CLIENT_QUIT: /* 221, or what else it likes */
    client_enter(c, CLIENT_CLOSED);
    io_close(c->io);
    break;
  case CLIENT_CONNECTING:
  case CLIENT_IDLE:
  case CLIENT_CLOSED: client_fail(c, "a reply to nothing"); break;
  }
}

static bool client_line(struct client *c)
{
  enum client_reply_event event = CLIENT_REPLY_BAD;
  str line, text = {"", 0};

  switch (io_line(c->io, LIMIT_REPLY_LINE, &line)) {
  case IO_LINE_NONE: return false;
  case IO_LINE_OK: event = client_reply_line(&c->reply, line, &text); break;
  case IO_LINE_BARE:
  case IO_LINE_LONG: break;
  }
  if (event == CLIENT_REPLY_BAD) {
    client_fail(c, "what it answers is not SMTP");
  } else {
    if (c->state == CLIENT_EHLO) client_keyword(c, text);
    if (event == CLIENT_REPLY_MORE) return true;
    client_heard(c);
    client_reply_begin(&c->reply);
  }
  return true;
}

/* ---- events ---------------------------------------------------------------------------------- */

static void client_free(struct client *c)
{
  void (*gone)(void *arg) = c->o.gone;
  void *arg = c->o.arg;

  client_reply_free(&c->reply);
  buf_free(&c->piece);
  mem_free((char *)(uintptr_t)c->o.helo.p);
  mem_free(c);
  if (gone) gone(arg);
}

static void client_event(struct io *io, enum io_event event, void *arg)
{
  struct client *c = arg;

  switch (event) {
  case IO_CONNECTED: client_enter(c, CLIENT_GREETING); break;
  case IO_DATA:
    while (c->state != CLIENT_CLOSED && client_line(c)) continue;
    if (c->o.hurry && c->state != CLIENT_CLOSED) io_hurry(io);
    break;
  case IO_EOF: client_fail(c, "the connection was closed"); break;
  case IO_DRAINED:
    if (c->state == CLIENT_BODY) client_say_text(c);
    break;
  case IO_TIMEOUT: client_fail(c, "no answer in time"); break;
  case IO_ERROR: client_fail(c, io_why(io)); break;
  case IO_CLOSED:
    c->io = NULL;
    if (c->ended) client_free(c);
    break;
  case IO_SLOW:
  case IO_HANGUP: break;
  }
}

/* ---- the door -------------------------------------------------------------------------------- */

struct client *client_new(struct loop *l, const struct client_options *o, struct err *e)
{
  struct client *c = mem_alloc(sizeof *c);
  int64_t patience = o->greeting ? o->greeting : client_states[CLIENT_CONNECTING].patience;
  char *helo = mem_strdup(o->helo);

  if (!c || !helo) {
    mem_free(c);
    mem_free(helo);
    err_nomem(e);
    return NULL;
  }
  c->loop = l;
  c->o = *o;
  c->o.helo.p = helo;
  client_reply_begin(&c->reply);
  c->greeting = loop_now(l) + patience;
  if (o->until && o->until < c->greeting) c->greeting = o->until;
  c->io = io_connect(l, &o->to, NULL, c->greeting, client_event, c, e);
  if (c->io) return c;
  c->o.gone = NULL;
  client_free(c);
  return NULL;
}

bool client_is_open(const struct client *c)
{
  return c->state != CLIENT_CLOSED && c->state != CLIENT_QUIT;
}

void client_send(struct client *c, struct client_mail *m)
{
  c->mail = m;
  if (c->state != CLIENT_IDLE) return; /* client_ready comes back */
  c->said = c->heard = c->accepted = 0;
  c->at = 0;
  c->stuff = (struct stuff){STUFF_LINE_START};
  for (size_t i = 0; i < m->rcpt_count; i++) m->rcpt[i].code = 0;
  client_enter(c, CLIENT_ENVELOPE);
  client_say(c);
}

void client_abort(struct client *c)
{
  if (!c) return;
  c->ended = true;
  c->mail = NULL;
  if (!c->io) {
    client_free(c);
  } else { /* it may be closing already, but in good order, which takes time */
    client_enter(c, CLIENT_CLOSED);
    io_abort(c->io);
  }
}

void client_end(struct client *c)
{
  if (!c) return;
  c->ended = true;
  switch (c->state) {
  case CLIENT_IDLE: client_quit(c); break;
  case CLIENT_DOT: /* heard out, then QUIT */
  case CLIENT_RSET: c->mail = NULL; break;
  case CLIENT_CLOSED:
    if (!c->io) client_free(c);
    break;
  default: client_abort(c); break;
  }
}
#undef CLIENT_WINDOW
#undef CLIENT_PIECE
#undef CLIENT_AHEAD
#undef CLIENT_MINUTE
