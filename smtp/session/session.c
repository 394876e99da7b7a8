/* smtp/session/session.c: one SMTP conversation with a client (RFC 5321 §3, §4): its lines and
 * their order.
 *
 * A line becomes a command; session_table says in which states it is legal, what is checked, which
 * stage of the rules is asked, and what its verdict does. Until that verdict is there the session
 * takes no further line, so pipelined commands see the rules in order. One setter changes the
 * state.
 */
#include "auth.h"
#include "session_int.h"

#include <unistd.h>

/* ORDER SESSION_STATE */
static const char *const session_state_names[] = {
    "connected", "TLS handshake", "greeted", "ready", "mail", "rcpt", "data", "judged", "closing"};

/* The innermost mail: what a decision taken now belongs to. */
struct mail *session_mail(const struct session *s)
{
  return s->tx.mail ? s->tx.mail : s->greeting ? s->greeting : s->connection;
}

/* How long the next line may take in this state (server.smtp.timeout_client): 0 where another clock
 * runs. */
static int64_t session_patience(const struct session *s)
{
  switch (s->state) {
  case SESSION_SHAKING: return s->policy->conf->server.tls.handshake_timeout;
  case SESSION_GREETED: return s->policy->conf->server.smtp.timeout_client.connect;
  case SESSION_READY: return s->policy->conf->server.smtp.timeout_client.helo;
  case SESSION_MAIL: return s->policy->conf->server.smtp.timeout_client.mail_from;
  case SESSION_RCPT: return s->policy->conf->server.smtp.timeout_client.rcpt_to;
  case SESSION_CONNECTED:
  case SESSION_DATA:
  case SESSION_JUDGING:
  case SESSION_CLOSING: break;
  }
  return 0;
}

/* An absolute deadline for the whole line: a client that sends a byte now and then gains nothing.
 */
static void session_set_deadline(struct session *s)
{
  int64_t patience = s->waiting ? 0 : session_patience(s);

  io_deadline(s->io, patience ? loop_now(s->mta->loop) + patience : 0);
}

void session_enter(struct session *s, enum session_state state)
{
  trace(TRACE_SMTP, "sid=%s %s -> %s", s->id, session_state_names[s->state],
        session_state_names[state]);
  s->state = state;
  session_set_deadline(s);
}

void session_wait(struct session *s)
{
  s->waiting = true;
  io_pause(s->io);
  session_set_deadline(s);
}

void session_resume(struct session *s)
{
  s->waiting = false;
  session_set_deadline(s);
  io_resume(s->io);
}

void session_go_on(struct session *s)
{
  if (!s->waiting && s->state != SESSION_CLOSING) session_resume(s);
}

void session_close(struct session *s)
{
  if (s->state == SESSION_CLOSING) return;
  judge_end(&s->judge);
  auth_forget(s);
  receive_forget(s);
  session_enter(s, SESSION_CLOSING);
  io_close(s->io);
}

/* Forgets the transaction, and with it its texts. */
void session_forget_mail(struct session *s)
{
  judge_end(&s->judge);
  receive_forget(s);
  if (s->tx.mail) arena_rewind(s->arena, s->mail_at);
  s->tx.mail = NULL;
  if (s->dropped) s->dropped->refused_count = 0, s->dropped->refused = NULL;
  s->reported = 0;
  s->tx.refused_rcpt = 0;
}

void session_reset(struct session *s)
{
  session_forget_mail(s);
  session_enter(s, s->greeting ? SESSION_READY : SESSION_GREETED);
}

/* ---- the kinds ------------------------------------------------------------------------------- */

/* ORDER SESSION_KIND */
static const struct session_traits session_kinds[SESSION_KINDS] = {
    {.asked_from = STAGE_CONNECT, .offers = true},
    {.asked_from = STAGE_COUNT, .trusted = true, .as_it_is = true, .hurried = true},
    {.asked_from = STAGE_MAIL, .offers = true, .trusted = true},
};

void session_set_kind(struct session *s, enum session_kind kind)
{
  if (s->traits) s->hub->counts[s->kind]--;
  s->kind = kind;
  s->traits = &session_kinds[kind];
  s->hub->counts[kind]++;
}

/* ---- asking the rules ------------------------------------------------------------------------ */

static void session_proceed(struct session *s, const struct rules_verdict *v);

static void session_judged(void *arg, const struct rules_verdict *v)
{
  struct session *s = arg;

  s->waiting = false;
  session_proceed(s, v);
  session_go_on(s);
}

/* Asks the rules of a stage; what follows is in the proceed column of the table. */
void session_ask(struct session *s, enum stage stage)
{
  static const struct rules_verdict next = {.kind = RULES_NEXT};
  struct judge_order o = {.loop = s->mta->loop,
                          .policy = s->policy,
                          .mail = session_mail(s),
                          .stage = stage,
                          .done = session_judged,
                          .arg = s};
  const struct rules_verdict *v =
      stage < s->traits->asked_from ? &next : judge_start(&s->judge, &o);

  if (v)
    session_proceed(s, v);
  else
    session_wait(s);
}

bool session_is_refusal(const struct rules_verdict *v)
{
  return v->kind == RULES_DENY || v->kind == RULES_INFO;
}

/* ---- the other commands ---------------------------------------------------------------------- */

static void session_do_rset(struct session *s)
{
  session_reset(s);
  session_reply(s, conf_reply(s->policy->conf, CODE_OK, "2.0.0"));
}

static void session_do_noop(struct session *s)
{
  session_reply(s, conf_reply(s->policy->conf, CODE_OK, "2.0.0"));
}

static void session_do_quit(struct session *s)
{
  session_reply_last(s, conf_reply(s->policy->conf, CODE_CLOSING, "2.0.0"));
}

static void session_do_help(struct session *s)
{
  session_reply(s, conf_reply(s->policy->conf, CODE_HELP, "2.0.0"));
}

static void session_do_vrfy(struct session *s)
{
  session_reply(s, reply_of(REPLY_VRFY));
}

static void session_do_unimplemented(struct session *s)
{
  session_reply(s, conf_reply(s->policy->conf, CODE_UNIMPLEMENTED, ""));
}

static void session_do_unknown(struct session *s)
{
  session_reply(s, conf_reply(s->policy->conf, CODE_UNRECOGNIZED_COMMAND, ""));
}

static void session_do_foreign(struct session *s)
{
  log_warn(LOG_RECEIVER, "sid=%s client speaks another protocol: %s", s->id,
           log_q(s->command.word));
  session_reply_last(s, reply_of(REPLY_NOT_SMTP));
}

/* ---- the table ------------------------------------------------------------------------------- */

#define SESSION_ANY   (1u << SESSION_GREETED | SESSION_HELLO)
#define SESSION_HELLO (1u << SESSION_READY | SESSION_OPEN)
#define SESSION_OPEN  (1u << SESSION_MAIL | 1u << SESSION_RCPT)

/* check: may you? (it answers when it says no); then either a stage is asked and proceed has its
 * verdict, or run does it at once. ORDER COMMAND */
static const struct session_row {
  unsigned states;         /* where the command is legal */
  enum reply_id elsewhere; /* the answer where it is not */
  bool idle;               /* leads nowhere by itself */
  bool (*check)(struct session *s);
  enum stage stage;
  void (*proceed)(struct session *s, const struct rules_verdict *v);
  void (*run)(struct session *s);
} session_table[COMMAND_COUNT] = {
    [COMMAND_HELO] = {SESSION_ANY, REPLY_HELO_FIRST, true, hello_check, STAGE_HELO, hello_proceed,
                      NULL},
    [COMMAND_EHLO] = {SESSION_ANY, REPLY_HELO_FIRST, true, hello_check, STAGE_HELO, hello_proceed,
                      NULL},
    [COMMAND_MAIL] = {1u << SESSION_READY, REPLY_HELO_FIRST, true, envelope_check_mail, STAGE_MAIL,
                      envelope_proceed_mail, NULL},
    [COMMAND_RCPT] = {SESSION_OPEN, REPLY_NO_MAIL, false, envelope_check_rcpt, STAGE_RCPT,
                      envelope_proceed_rcpt, NULL},
    [COMMAND_DATA] = {SESSION_OPEN, REPLY_NO_RCPT, false, receive_check, STAGE_COUNT, NULL,
                      receive_begin},
    [COMMAND_RSET] = {SESSION_ANY, REPLY_DONE, true, NULL, STAGE_COUNT, NULL, session_do_rset},
    [COMMAND_NOOP] = {SESSION_ANY, REPLY_DONE, true, NULL, STAGE_COUNT, NULL, session_do_noop},
    [COMMAND_QUIT] = {SESSION_ANY, REPLY_DONE, false, NULL, STAGE_COUNT, NULL, session_do_quit},
    [COMMAND_HELP] = {SESSION_ANY, REPLY_DONE, true, NULL, STAGE_COUNT, NULL, session_do_help},
    [COMMAND_VRFY] = {SESSION_HELLO, REPLY_HELO_FIRST, true, NULL, STAGE_COUNT, NULL,
                      session_do_vrfy},
    [COMMAND_EXPN] = {SESSION_HELLO, REPLY_HELO_FIRST, true, NULL, STAGE_COUNT, NULL,
                      session_do_unimplemented},
    [COMMAND_STARTTLS] = {SESSION_ANY, REPLY_DONE, true, hello_check_starttls, STAGE_COUNT, NULL,
                          hello_run_starttls},
    [COMMAND_AUTH] = {1u << SESSION_READY, REPLY_AUTH_IN_MAIL, true, auth_check, STAGE_COUNT, NULL,
                      auth_run},
    [COMMAND_BDAT] = {SESSION_ANY, REPLY_DONE, true, NULL, STAGE_COUNT, NULL,
                      session_do_unimplemented},
    [COMMAND_UNKNOWN] = {SESSION_ANY, REPLY_DONE, true, NULL, STAGE_COUNT, NULL,
                         session_do_unknown},
    [COMMAND_FOREIGN] = {SESSION_ANY, REPLY_DONE, true, NULL, STAGE_COUNT, NULL,
                         session_do_foreign},
};

/* The verdict of the stage that was asked; before any command that is the connection's. */
static void session_proceed(struct session *s, const struct rules_verdict *v)
{
  if (s->state == SESSION_CONNECTED)
    hello_proceed_connect(s, v);
  else
    session_table[s->command.verb].proceed(s, v);
  judge_end(&s->judge);
}

static struct reply session_fault(struct session *s, enum command_fault fault)
{
  switch (fault) {
  case COMMAND_BAD_PARAMETER: return reply_of(REPLY_BAD_PARAMETER);
  case COMMAND_BAD_SENDER: return reply_of(REPLY_BAD_SENDER);
  case COMMAND_BAD_RCPT: return reply_of(REPLY_BAD_RCPT);
  case COMMAND_NO_DOMAIN: return reply_of(REPLY_NO_DOMAIN);
  case COMMAND_TOO_LONG: return reply_of(REPLY_ADDRESS_TOO_LONG);
  case COMMAND_UTF8_NEEDED: return reply_of(REPLY_UTF8_NEEDED);
  case COMMAND_NOMEM: return reply_of(REPLY_STORE_FAILED);
  case COMMAND_OK:
  case COMMAND_BAD_ARGUMENT: break;
  }
  return conf_reply(s->policy->conf, CODE_SYNTAX_ERROR_PARAMS, "");
}

/* Out of sequence: MAIL inside a transaction and RCPT before EHLO have words of their own. */
static enum reply_id session_misplaced(const struct session *s, const struct session_row *row)
{
  if (s->command.verb == COMMAND_MAIL && s->tx.mail) return REPLY_MAIL_TWICE;
  if (s->state == SESSION_GREETED) return REPLY_HELO_FIRST;
  if (s->command.verb == COMMAND_DATA && !s->tx.mail) return REPLY_NO_MAIL;
  return row->elsewhere;
}

static void session_command(struct session *s, str line)
{
  const struct session_row *row;

  command_parse(line, s->tx.mail && s->tx.mail->utf8, s->arena, &s->command);
  row = &session_table[s->command.verb];
  if (row->idle) s->idle++; /* an accepted mail sets it back */
  if (s->idle > LIMIT_IDLE_COMMANDS) s->errors++;
  if (!(row->states & 1u << s->state))
    session_reply(s, reply_of(session_misplaced(s, row)));
  else if (s->command.fault)
    session_reply(s, session_fault(s, s->command.fault));
  else if (row->check && !row->check(s))
    return;
  else if (row->run)
    row->run(s);
  else
    session_ask(s, row->stage);
}

/* ---- input ----------------------------------------------------------------------------------- */

/* An AUTH line may hold the client's part of an exchange (RFC 4954 §4). */
static size_t session_line_limit(const struct session *s)
{
  return str_istarts(io_input(s->io), STR("AUTH ")) ? LIMIT_AUTH_LINE : LIMIT_COMMAND_LINE;
}

static bool session_line(struct session *s)
{
  str line;

  switch (io_line(s->io, session_line_limit(s), &line)) {
  case IO_LINE_NONE: return false;
  case IO_LINE_BARE: session_reply(s, reply_of(REPLY_LINE_BARE)); break;
  case IO_LINE_LONG: session_reply(s, reply_of(REPLY_LINE_TOO_LONG)); break;
  case IO_LINE_OK:
    if (memchr(line.p, '\0', line.n))
      session_reply(s, reply_of(REPLY_LINE_BARE));
    else
      session_command(s, line);
    break;
  }
  if (!s->waiting && s->state != SESSION_CLOSING) session_set_deadline(s);
  return true;
}

static bool session_exchange(struct session *s)
{
  bool took = auth_input(s);

  if (took && !s->waiting && s->state != SESSION_CLOSING) session_set_deadline(s);
  return took;
}

static void session_input(struct session *s)
{
  if (s->state == SESSION_CONNECTED) { /* the rules still think: it spoke too early */
    io_pause(s->io);
    return;
  }
  while (!s->waiting && s->state != SESSION_CLOSING)
    if (!(s->state == SESSION_DATA ? receive_input(s)
          : auth_is_open(s)        ? session_exchange(s)
                                   : session_line(s)))
      break;
}

static void session_free(struct session *s)
{
  judge_end(&s->judge);
  auth_forget(s);
  receive_forget(s);
  timer_clear(s->mta->loop, &s->delay);
  buf_free(&s->held);
  list_remove(&s->link);
  s->hub->counts[s->kind]--;
  arena_free(s->arena);
  policy_release(s->policy);
  mem_free(s);
}

static void session_timeout(struct session *s)
{
  log_info(LOG_RECEIVER, "sid=%s closing: client too slow state=%s", s->id,
           session_state_names[s->state]);
  session_reply_last(s, conf_reply(s->policy->conf, CODE_TIMEOUT, ""));
}

static void session_event(struct io *io, enum io_event event, void *arg)
{
  struct session *s = arg;

  switch (event) {
  case IO_DATA:
    session_input(s);
    if (s->traits->hurried) io_hurry(io);
    break;
  case IO_TIMEOUT:
  case IO_SLOW: session_timeout(s); break;
  case IO_ERROR:
    if (s->state == SESSION_SHAKING)
      log_info(LOG_TLS, "sid=%s client=" STR_FMT " handshake failed: %s", s->id,
               STR_ARG(s->connection->facts.client_ip), io_why(io));
    trace(TRACE_SMTP, "sid=%s connection failed: %s", s->id, io_why(io));
  /* fall through */
  case IO_EOF: session_close(s); break;
  case IO_CLOSED:
    log_info(LOG_RECEIVER, "sid=%s closed", s->id);
    session_free(s);
    break;
  case IO_HANGUP: /* a half-closed client may still listen for its answer; but not that long */
    if (s->tx.delegate || s->auth) session_close(s);
    break;
  case IO_CONNECTED: hello_secured(s); break;
  case IO_DRAINED: break;
  }
}

/* ---- beginning and end ----------------------------------------------------------------------- */

/* Nobody has logged in, but the kernel says who owns the file. */
static int session_set_dropped(struct session *s, const struct session_dropped *who)
{
  struct rules_facts *f = &s->connection->facts;

  s->dropped = arena_alloc(s->arena, sizeof *s->dropped);
  if (!s->dropped) return -1;
  session_set_kind(s, SESSION_DROPPED);
  *s->dropped = (struct session_dropped){.uid = who->uid};
  s->dropped->file = arena_str(s->arena, who->file);
  s->dropped->user = f->auth_id = arena_str(s->arena, who->user);
  f->client_ip = f->server_ip = STR("127.0.0.1");
  f->server_name = s->policy->conf->server.domain;
  f->connected_at = clock_wall();
  f->authenticated = true;
  f->auth = RULES_AUTH_VERIFY;
  s->connection->dropped = true;
  s->connection->dropped_by = who->uid;
  return s->dropped->file.p && f->auth_id.p ? 0 : -1;
}

static struct session *session_new(struct session_hub *hub, enum session_port port,
                                   const struct netaddr *peer)
{
  struct session *s = mem_alloc(sizeof *s);

  if (!s) return NULL;
  s->arena = arena_new(LIMIT_TRANSACTION_BYTES);
  if (!s->arena) {
    mem_free(s);
    return NULL;
  }
  s->hub = hub;
  s->mta = hub->mta;
  s->port = port;
  s->peer = *peer;
  s->policy = policy_hold(s->mta->policy);
  s->held.cap = LIMIT_SESSION_REPLY;
  s->delay.fire = session_reply_late;
  s->delay.arg = s;
  id_new(s->id);
  s->connection = mail_new(s->arena, s->policy->conf, NULL);
  if (s->connection) s->connection->store = s->mta->store;
  list_add_first(&hub->sessions, &s->link);
  session_set_kind(s, SESSION_CLIENT);
  return s;
}

static struct session *session_start(struct session_hub *hub, enum session_port port, int fd,
                                     const struct netaddr *peer, const struct session_dropped *who)
{
  struct session *s = session_new(hub, port, peer);
  struct err e;

  if (s && fd >= 0)
    s->io = io_new(hub->mta->loop, fd, session_event, s, &e);
  else if (s)
    s->io = io_memory(hub->mta->loop, session_event, s, &e);
  else if (fd >= 0)
    close(fd);
  if (!s) return NULL;
  if (!s->io) {
    session_free(s);
    return NULL;
  }
  if (!s->connection || (who ? session_set_dropped(s, who) : hello_set_facts(s)) < 0) {
    io_abort(s->io);
    return s;
  }
  log_info(LOG_RECEIVER, "sid=%s client=" STR_FMT " connected", s->id,
           STR_ARG(s->connection->facts.client_ip));
  if (s->close_after)
    session_refuse(s, STAGE_CONNECT, reply_of(REPLY_DELEGATE_DENIED), STR(""));
  else if (port == SESSION_SUBMISSIONS)
    hello_shake(s);
  else
    session_ask(s, STAGE_CONNECT);
  return s;
}

struct session *session_begin(struct session_hub *hub, enum session_port port, int fd,
                              const struct netaddr *peer)
{
  return session_start(hub, port, fd, peer, NULL);
}

struct session *session_begin_dropped(struct session_hub *hub, int fd,
                                      const struct session_dropped *who)
{
  struct netaddr nobody = {.len = 0};

  return session_start(hub, SESSION_SMTP, fd, &nobody, who);
}

/* A filter is let finish: what it brings back somebody may still wait for. */
void session_stop(struct session *s)
{
  bool between = s->state == SESSION_GREETED || s->state == SESSION_READY ||
                 s->state == SESSION_MAIL || s->state == SESSION_RCPT;

  if (s->kind == SESSION_RETURN && delegate_is_any(s->hub->delegates)) return;
  if (s->state == SESSION_SHAKING) session_close(s);
  if (between && !s->waiting) session_reply_last(s, reply_of(REPLY_SHUTDOWN));
}

size_t session_count(const struct session_hub *hub, const struct netaddr *peer)
{
  size_t n = 0;

  LIST_EACH(&hub->sessions, const struct session, link, s)
    n += netaddr_same_network(&s->peer, peer);
  return n;
}

void session_stop_all(struct session_hub *hub)
{
  hub->stopping = true;
  LIST_EACH(&hub->sessions, struct session, link, s) session_stop(s);
}

void session_abort_all(struct session_hub *hub)
{
  LIST_EACH(&hub->sessions, struct session, link, s) io_abort(s->io);
}

void session_hub_end(struct session_hub *hub)
{
  auth_end(hub);
}
#undef SESSION_ANY
#undef SESSION_HELLO
#undef SESSION_OPEN
