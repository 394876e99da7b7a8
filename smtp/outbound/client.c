/* smtp/outbound/client.c: the SMTP client (RFC 5321 §3.3).
 *
 * A mail is a list of commands: MAIL, each RCPT, DATA. Up to `window` of them are said before their
 * replies were heard: one in lock-step, many where the peer offers PIPELINING (RFC 2920). The state
 * says what the next reply is about. One setter changes it.
 */
#include <unistd.h>

#include "outbound.h"

#include "../format/format.h"
#include "../sasl/sasl.h"

#define CLIENT_WINDOW    50 /* commands said ahead: replies must fit the peer's buffers */
#define CLIENT_MINUTE    60000
#define CLIENT_DOT_WORTH 4 /* so many times longer the reply to a whole mail is waited for */

/* ORDER CLIENT_STATE: client_states. */
enum client_state {
  CLIENT_CONNECTING,
  CLIENT_GREETING,
  CLIENT_EHLO, /* or LHLO */
  CLIENT_HELO,
  CLIENT_STARTTLS,
  CLIENT_HANDSHAKE,
  CLIENT_AUTH,
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
    {"starttls", 5 * CLIENT_MINUTE},
    {"handshake", CLIENT_MINUTE},
    {"auth", 5 * CLIENT_MINUTE},
    {"idle", 5 * CLIENT_MINUTE},
    {"envelope", 5 * CLIENT_MINUTE},
    {"body", 3 * CLIENT_MINUTE},
    {"dot", 10 * CLIENT_MINUTE},
    {"rset", 5 * CLIENT_MINUTE},
    {"quit", 5000},
    {"closed", 0},
};

struct client_offer { /* what the peer offers */
  bool pipelining, size, eight, utf8, dsn, starttls;
  unsigned mechs; /* of AUTH: bits 1 << enum sasl_mech */
  uint64_t most;  /* octets of a mail; 0: it does not say */
};

struct client {
  struct loop *loop;
  struct io *io; /* NULL once it is closed */
  struct client_options o;
  enum client_state state;
  int64_t greeting; /* loop time by which the peer must have greeted */
  int64_t since;    /* loop time since which it has neither said nor taken anything */
  bool ended;       /* client_end was called: nobody listens */
  bool greeted;     /* client_ready was reached once */
  bool tls_failed;  /* encryption did not work */
  bool tls_refused; /* the peer answered STARTTLS with a refusal */
  bool sent;        /* the end of the mail's data was written */
  struct client_offer offer;
  char peer[LIMIT_DOMAIN + 1]; /* the name it gave itself */
  struct client_reply reply;
  str text; /* of its last line, while it is heard */
  struct login login;
  struct task work; /* of the login */
  struct client_mail *mail;
  size_t said, heard; /* commands of the mail: 0 is MAIL, then the recipients, then DATA */
  size_t accepted;    /* recipients */
  size_t answered;    /* LMTP: recipients whose fate was told after the dot */
  uint64_t at;        /* octets of the mail written */
  struct stuff stuff;
  struct buf piece;
};

/* The phase's own time, but never beyond the end of everything. */
static void client_set_deadline(struct client *c)
{
  int64_t at = loop_now(c->loop) + client_states[c->state].patience;

  c->since = loop_now(c->loop);
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
  if (!m && !c->ended && c->o.failed && c->state == CLIENT_CLOSED)
    c->o.failed(c->o.arg, code, text);
  for (size_t i = 0; m && i < m->rcpt_count; i++) {
    struct client_rcpt *r = &m->rcpt[i];

    if (r->code >= 300 || r->told) continue; /* refused by itself already; LMTP: answered */
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
  bool tls = c->state == CLIENT_STARTTLS || c->state == CLIENT_HANDSHAKE;

  c->tls_failed = c->tls_failed || tls;
  snprintf(text, sizeof text, "%s %.100s: %.100s (%s)",
           c->tls_failed ? "4.7.5"
           : c->greeted  ? "4.4.2"
                         : "4.4.1",
           netaddr_text(&c->o.to, peer), why, client_states[c->state].name);
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

static void client_say_dsn(struct client *c, str parameters)
{
  if (c->offer.dsn && parameters.n) io_printf(c->io, " " STR_FMT, STR_ARG(parameters));
  io_write(c->io, STR("\r\n"));
}

static void client_say_mail(struct client *c)
{
  const struct client_mail *m = c->mail;

  io_printf(c->io, "MAIL FROM:<" STR_FMT ">", STR_ARG(m->from));
  if (c->offer.size) io_printf(c->io, " SIZE=%llu", (unsigned long long)m->octets);
  if (c->offer.eight && m->eight) io_write(c->io, STR(" BODY=8BITMIME"));
  if (m->utf8) io_write(c->io, STR(" SMTPUTF8"));
  client_say_dsn(c, m->dsn);
}

static void client_say_rcpt(struct client *c, const struct client_rcpt *r)
{
  io_printf(c->io, "RCPT TO:<" STR_FMT ">", STR_ARG(r->address));
  client_say_dsn(c, r->dsn);
}

/* DATA waits for the last recipient's reply where it would be wrong to go on without it. */
static bool client_may_say(const struct client *c)
{
  size_t window = c->offer.pipelining && !c->o.lock_step ? CLIENT_WINDOW : 1;

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
      client_say_rcpt(c, &c->mail->rcpt[c->said - 1]);
  }
}

/* The mail is over, and the peer is ready for the next. */
static void client_over(struct client *c, int code, str text)
{
  client_enter(c, CLIENT_IDLE);
  client_done(c, code, text);
  if (c->ended && c->state == CLIENT_IDLE) client_quit(c);
}

/* A lone dot, for nobody: how that was called does not matter. */
static void client_over_for_nobody(struct client *c)
{
  client_over(c, 554, STR("554 no recipient was accepted"));
}

/* ---- the text -------------------------------------------------------------------------------- */

/* Writes the dot, or as much text as may wait in the connection. */
static void client_say_text(struct client *c)
{
  struct client_mail *m = c->mail;
  char piece[LIMIT_IO_PIECE];

  buf_clear(&c->piece);
  while (c->at < m->octets && io_pending(c->io) < LIMIT_IO_AHEAD) {
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
    c->sent = true;
    client_enter(c, CLIENT_DOT);
    if (c->o.lmtp && c->accepted == 0) client_over_for_nobody(c); /* which nobody answers */
  } else {
    io_drain(c->io, LIMIT_IO_AHEAD / 2);
    client_set_deadline(c);
  }
}

static void client_begin_text(struct client *c)
{
  c->piece.cap = 2 * LIMIT_IO_PIECE + 8;
  client_enter(c, CLIENT_BODY);
  client_say_text(c);
}

/* ---- replies --------------------------------------------------------------------------------- */

static void client_ready(struct client *c)
{
  client_enter(c, CLIENT_IDLE);
  c->greeted = true;
  if (c->ended)
    client_quit(c);
  else if (c->mail)
    client_send(c, c->mail);
  if (c->o.greeted && !c->ended) c->o.greeted(c->o.arg);
}

static void client_mechs(struct client_offer *o, str words)
{
  str word;

  while (str_cut(&words, ' ', &word)) {
    enum sasl_mech m = sasl_find(word);

    if (m != SASL_MECHS) o->mechs |= 1u << m;
  }
}

/* A keyword of EHLO's reply (RFC 5321 §4.1.1.1). The first line has none but the peer's name. */
static void client_keyword(struct client *c, str line)
{
  struct client_offer *o = &c->offer;
  str word;

  str_cut(&line, ' ', &word);
  if (c->reply.lines == 1) {
    snprintf(c->peer, sizeof c->peer, STR_FMT, STR_ARG(str_sub(word, 0, LIMIT_DOMAIN)));
    return;
  }
  if (str_ieq(word, STR("PIPELINING"))) o->pipelining = true;
  if (str_ieq(word, STR("8BITMIME"))) o->eight = true;
  if (str_ieq(word, STR("SMTPUTF8"))) o->utf8 = true;
  if (str_ieq(word, STR("DSN"))) o->dsn = true;
  if (str_ieq(word, STR("STARTTLS"))) o->starttls = true;
  if (str_ieq(word, STR("AUTH"))) client_mechs(o, line);
  if (str_ieq(word, STR("SIZE"))) {
    o->size = true;
    if (str_to_u64(str_trim(line), &o->most, 10) < 0) o->most = 0;
  }
}

static void client_refused(struct client *c)
{
  client_close(c, c->reply.code, buf_str(&c->reply.text));
}

static void client_hello(struct client *c)
{
  client_enter(c, CLIENT_EHLO);
  io_printf(c->io, "%s " STR_FMT "\r\n", c->o.lmtp ? "LHLO" : "EHLO", STR_ARG(c->o.helo));
}

static void client_heard_greeting(struct client *c)
{
  if (c->reply.code != 220) {
    client_refused(c);
    return;
  }
  client_hello(c);
}

/* What is said in an exchange is never traced. */
static void client_logs_in(struct client *c, enum login_next next, struct buf *line)
{
  switch (next) {
  case LOGIN_SAY:
    buf_puts(line, "\r\n");
    io_write(c->io, buf_str(line));
    client_set_deadline(c);
    break;
  case LOGIN_WORK: loop_ready(c->loop, &c->work); break;
  case LOGIN_DONE: client_ready(c); break;
  case LOGIN_REFUSED: client_refused(c); break;
  case LOGIN_NONE: client_fail(c, "it offers no way to log in that we could use"); break;
  case LOGIN_BROKEN: client_fail(c, "its part of the login is not what it must be"); break;
  }
  buf_wipe(line);
}

static void client_begin_login(struct client *c, bool clear)
{
  struct buf line = BUF_INIT(LIMIT_AUTH_LINE);

  client_enter(c, CLIENT_AUTH);
  if (clear && c->o.tls != TARGET_TLS_NONE) {
    c->tls_failed = true;
    client_fail(c, "it offers no encryption, and the password is not shown without");
  } else {
    client_logs_in(c, login_begin(&c->login, c->offer.mechs, &line), &line);
  }
}

static void client_heard_auth(struct client *c)
{
  struct buf line = BUF_INIT(LIMIT_AUTH_LINE);

  client_logs_in(c, login_heard(&c->login, c->reply.code, c->text, &line), &line);
}

static void client_work(struct task *t, void *arg)
{
  struct client *c = arg;
  struct buf line = BUF_INIT(LIMIT_AUTH_LINE);

  (void)t;
  if (c->state == CLIENT_AUTH) client_logs_in(c, login_work(&c->login, &line), &line);
}

/* The hello was answered: what comes before a mail, or instead of it. */
static void client_heard_offer(struct client *c)
{
  bool clear = !io_tls_info(c->io);

  if (clear && c->o.tls >= TARGET_TLS_OPPORTUNISTIC && c->offer.starttls && !c->tls_refused) {
    client_enter(c, CLIENT_STARTTLS);
    io_write(c->io, STR("STARTTLS\r\n"));
  } else if (clear && c->o.tls >= TARGET_TLS_REQUIRED) {
    c->tls_failed = true;
    client_fail(c, "it offers no encryption, which is required");
  } else if (c->login.user) {
    client_begin_login(c, clear);
  } else {
    client_ready(c);
  }
}

static void client_heard_hello(struct client *c)
{
  if (c->reply.code / 100 == 2) {
    client_heard_offer(c);
  } else if (c->state == CLIENT_EHLO && c->reply.code >= 500 && !c->o.lmtp) {
    c->offer = (struct client_offer){0};
    client_enter(c, CLIENT_HELO);
    io_printf(c->io, "HELO " STR_FMT "\r\n", STR_ARG(c->o.helo));
  } else {
    client_refused(c);
  }
}

static void client_encrypt(struct client *c)
{
  client_enter(c, CLIENT_HANDSHAKE);
  io_tls_client(c->io, c->o.tls_config, c->o.name, c->o.tls == TARGET_TLS_VERIFIED);
}

/* Refused, the connection is as it was, and may do for who does not insist. */
static void client_heard_starttls(struct client *c)
{
  c->tls_refused = c->reply.code != 220;
  if (c->tls_refused)
    client_heard_offer(c);
  else
    client_encrypt(c);
}

/* What was said in clear counts no more (RFC 3207 §4.2). */
static void client_encrypted(struct client *c)
{
  c->offer = (struct client_offer){0};
  if (c->o.implicit)
    client_enter(c, CLIENT_GREETING);
  else
    client_hello(c);
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
  client_set_deadline(c); /* each reply has its own (RFC 5321 §4.5.3.2) */
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

/* LMTP answers once for each recipient it had accepted, in their order (RFC 2033 §4.2). False: more
 * replies are to come. */
static bool client_heard_share(struct client *c)
{
  struct client_rcpt *r;

  if (!c->o.lmtp) return true;
  while (c->mail && c->mail->rcpt[c->answered].code / 100 != 2) c->answered++;
  if (c->mail) {
    r = &c->mail->rcpt[c->answered++];
    r->code = c->reply.code;
    r->reply = arena_str(c->mail->arena, buf_str(&c->reply.text));
    r->told = true;
  }
  return --c->accepted == 0;
}

static void client_heard_dot(struct client *c)
{
  if (c->reply.code >= 300 && c->reply.code < 400)
    client_fail(c, "an intermediate reply to the mail");
  else if (c->accepted == 0)
    client_over_for_nobody(c);
  else if (client_heard_share(c))
    client_over(c, c->reply.code, buf_str(&c->reply.text));
}

/* Before the dot a refusal is final, and what follows would be taken for commands. Nothing else can
 * be meant for a mail that is not whole. */
static void client_heard_early(struct client *c)
{
  if (c->reply.code >= 400)
    client_refused(c);
  else
    client_fail(c, "it answered before the mail was whole");
}

/* More was said than can answer what we said: whose reply is whose is not known any more. What
 * stands behind the reply to a mail does not change that mail's fate. */
static bool client_is_ahead(const struct client *c)
{
  if (c->state == CLIENT_DOT || c->state == CLIENT_BODY || c->state == CLIENT_QUIT) return false;
  if (c->state == CLIENT_ENVELOPE && c->said - c->heard > 1) return false;
  return io_input(c->io).n > 0;
}

static void client_heard(struct client *c)
{
  c->since = loop_now(c->loop);
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
  case CLIENT_STARTTLS: client_heard_starttls(c); break;
  case CLIENT_AUTH: client_heard_auth(c); break;
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
  case CLIENT_HANDSHAKE:
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
    c->text = text;
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
  loop_unready(&c->work);
  login_end(&c->login);
  mem_free((char *)(uintptr_t)c->o.helo.p);
  mem_free((char *)(uintptr_t)c->o.name.p);
  tls_client_release(c->o.tls_config);
  mem_free(c);
  if (gone) gone(arg);
}

static void client_connected(struct client *c)
{
  if (c->state == CLIENT_HANDSHAKE)
    client_encrypted(c);
  else if (c->o.implicit)
    client_encrypt(c);
  else
    client_enter(c, CLIENT_GREETING);
}

static void client_event(struct io *io, enum io_event event, void *arg)
{
  struct client *c = arg;

  switch (event) {
  case IO_CONNECTED: client_connected(c); break;
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

/* Copies what o borrows. -1: no memory. */
static int client_copy(struct client *c, const struct client_options *o)
{
  c->o = *o;
  c->o.helo.p = mem_strdup(o->helo);
  c->o.name.p = mem_strdup(o->name);
  c->o.tls_config = o->tls_config ? tls_client_hold(o->tls_config) : NULL;
  c->o.user = c->o.secret = STR("");
  if (o->user.n && login_init(&c->login, o->user, o->secret, o->mech) < 0) return -1;
  return c->o.helo.p && c->o.name.p ? 0 : -1;
}

static int client_open(struct client *c, const struct client_options *o, struct err *e)
{
  c->io = o->connected ? io_new(c->loop, o->fd, client_event, c, e)
                       : io_connect(c->loop, &o->to, NULL, c->greeting, client_event, c, e);
  return c->io ? 0 : -1;
}

struct client *client_new(struct loop *l, const struct client_options *o, struct err *e)
{
  struct client *c = mem_alloc(sizeof *c);
  int64_t patience = o->greeting ? o->greeting : client_states[CLIENT_CONNECTING].patience;

  if (c) {
    c->loop = l;
    c->work = (struct task){.run = client_work, .arg = c};
    client_reply_begin(&c->reply);
    c->greeting = loop_now(l) + patience;
    if (o->until && o->until < c->greeting) c->greeting = o->until;
  }
  if (!c || client_copy(c, o) < 0) {
    if (o->connected) close(o->fd);
    err_nomem(e);
  } else if (client_open(c, o, e) == 0) {
    if (o->connected) client_connected(c);
    return c;
  }
  if (c) c->o.gone = NULL;
  if (c) client_free(c);
  return NULL;
}

bool client_is_open(const struct client *c)
{
  return c->state != CLIENT_CLOSED && c->state != CLIENT_QUIT;
}

/* Octets beyond ASCII; a mail that cannot be read is found out when it is sent. */
static bool client_is_eight(const struct client_mail *m)
{
  char piece[LIMIT_IO_PIECE];
  ptrdiff_t n = 0;

  for (uint64_t at = 0; at < m->octets; at += (uint64_t)n) {
    uint64_t left = m->octets - at;

    n = m->body(m->arg, at, piece, left < sizeof piece ? (size_t)left : sizeof piece);
    for (ptrdiff_t i = 0; i < n; i++)
      if ((unsigned char)piece[i] > 0x7f) return true;
    if (n <= 0) break;
  }
  return false;
}

str client_unfit(const struct client *c, const struct client_mail *m)
{
  if (c->offer.most && m->octets > c->offer.most)
    return STR("5.3.4 the mail is larger than that server takes");
  if (m->utf8 && !c->offer.utf8)
    return STR("5.6.7 that server takes no addresses beyond ASCII (SMTPUTF8)");
  if (m->eight && !c->offer.eight && client_is_eight(m))
    return STR("5.6.3 that server takes no text beyond ASCII (8BITMIME)");
  return STR("");
}

bool client_offers_dsn(const struct client *c)
{
  return c->offer.dsn;
}

str client_peer(const struct client *c)
{
  return str_of(c->peer);
}

const char *client_tls_version(const struct client *c)
{
  const struct tls_info *tls = c->io ? io_tls_info(c->io) : NULL;

  return tls ? tls->version : NULL;
}

bool client_tls_failed(const struct client *c)
{
  return c->tls_failed;
}

void client_hasten(struct client *c, int64_t patience)
{
  if (c->state == CLIENT_DOT) patience *= CLIENT_DOT_WORTH;
  if (c->state != CLIENT_ENVELOPE && c->state != CLIENT_BODY && c->state != CLIENT_DOT) return;
  if (c->since + patience <= loop_now(c->loop)) io_deadline(c->io, loop_now(c->loop));
}

bool client_is_at_text(const struct client *c)
{
  return c->state == CLIENT_BODY || c->state == CLIENT_DOT;
}

bool client_may_have_sent(const struct client *c)
{
  return c->sent;
}

void client_send(struct client *c, struct client_mail *m)
{
  c->mail = m;
  c->sent = false;
  if (c->state != CLIENT_IDLE) return; /* client_ready comes back */
  c->said = c->heard = c->accepted = c->answered = 0;
  c->at = 0;
  c->stuff = (struct stuff){STUFF_LINE_START};
  for (size_t i = 0; i < m->rcpt_count; i++) {
    m->rcpt[i].code = 0;
    m->rcpt[i].told = false;
  }
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
#undef CLIENT_MINUTE
#undef CLIENT_DOT_WORTH
