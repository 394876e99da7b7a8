/* smtp/session.c: one SMTP conversation with a client (RFC 5321 §3, §4).
 *
 * A line becomes a command; the table at the end says in which states it is legal, what is checked,
 * which stage of the rules is asked, and what its verdict does. Until that verdict is there the
 * session takes no further line, so pipelined commands see the rules in order. One setter changes
 * the state.
 */
#include "auth.h"

#include <sys/ioctl.h>
#include <unistd.h>

static const char *const session_state_names[] = {
    "connected", "TLS handshake", "greeted", "ready", "mail", "rcpt", "data", "judged", "closing"};

static const struct conf *session_conf(const struct session *s)
{
  return s->policy->conf;
}

/* The innermost mail: what a decision taken now belongs to. */
static struct mail *session_mail(const struct session *s)
{
  return s->mail ? s->mail : s->greeting ? s->greeting : s->connection;
}

/* How long the next line may take in this state (config.md 3.9): 0 where another clock runs. */
static int64_t session_patience(const struct session *s)
{
  switch (s->state) {
  case SESSION_SHAKING: return session_conf(s)->server.tls.handshake_timeout;
  case SESSION_GREETED: return session_conf(s)->server.smtp.timeout_client.connect;
  case SESSION_READY: return session_conf(s)->server.smtp.timeout_client.helo;
  case SESSION_MAIL: return session_conf(s)->server.smtp.timeout_client.mail_from;
  case SESSION_RCPT: return session_conf(s)->server.smtp.timeout_client.rcpt_to;
  case SESSION_CONNECTED:
  case SESSION_DATA:
  case SESSION_JUDGED:
  case SESSION_CLOSING: break;
  }
  return 0;
}

/* An absolute deadline for the whole line: a client that sends a byte now and then gains nothing.
 */
static void session_set_deadline(struct session *s)
{
  int64_t patience = s->waiting ? 0 : session_patience(s);

  io_deadline(s->io, patience ? loop_now(s->server->loop) + patience : 0);
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
  if (s->mail) arena_rewind(s->arena, s->mail_at);
  s->mail = NULL;
  if (s->local) s->local->refused_count = 0, s->local->refused = NULL;
  s->reported = 0;
  s->refused_rcpt = 0;
}

void session_reset(struct session *s)
{
  session_forget_mail(s);
  session_enter(s, s->greeting ? SESSION_READY : SESSION_GREETED);
}

/* ---- replies --------------------------------------------------------------------------------- */

/* Sends what was held back; the conversation goes on or ends. */
static void session_release_reply(struct session *s)
{
  io_write(s->io, buf_str(&s->held));
  buf_free(&s->held);
  if (s->close_after)
    session_close(s);
  else
    session_resume(s);
}

static void session_delay_over(struct timer *t, void *arg)
{
  (void)t;
  session_release_reply(arg);
}

/* How long the answer is held back. A client that errs much gets every one late (config.md 3.9
 * error.*). */
static int64_t session_lateness(struct session *s)
{
  int64_t soft = session_conf(s)->server.smtp.error.soft_count, late = s->late;

  s->late = 0;
  if (soft >= 0 && s->errors > soft) late += session_conf(s)->server.smtp.error.delay;
  return late;
}

static void session_count_reply(struct session *s, const struct reply *r, struct buf *out)
{
  int64_t hard = session_conf(s)->server.smtp.error.hard_count;

  if (r->basic >= 400 && !s->returns && !s->local) s->errors++;
  if (hard < 0 || s->errors <= hard) return;
  reply_put(out, reply_conf(session_conf(s), CODE_TOO_MANY_ERROR, ""));
  s->close_after = true;
  log_warn(LOG_RECEIVER, "sid=%s closing: too many errors", s->id);
}

void session_reply(struct session *s, struct reply r)
{
  struct buf out = BUF_INIT(LIMIT_SESSION_REPLY);
  int64_t late;

  trace(TRACE_SMTP, "sid=%s reply %d " STR_FMT " %s", s->id, r.basic, STR_ARG(r.enhanced),
        log_q(r.text));
  reply_put(&out, r);
  session_count_reply(s, &r, &out);
  if (!buf_ok(&out)) { /* no memory for a line of text: the shortest honest answer */
    buf_free(&out);
    io_write(s->io, STR("421 4.3.0 Out of memory\r\n"));
    session_close(s);
  } else if ((late = session_lateness(s)) > 0) {
    s->held = out;
    session_wait(s);
    timer_set(s->server->loop, &s->delay, loop_now(s->server->loop) + late);
  } else {
    io_write(s->io, buf_str(&out));
    buf_free(&out);
    if (s->close_after) session_close(s);
  }
}

void session_reply_last(struct session *s, struct reply r)
{
  s->close_after = true;
  session_reply(s, r);
}

struct reply session_code(struct session *s, const struct rules_code *given, enum conf_code_id id,
                          const char *enhanced)
{
  if (given->basic) return (struct reply){given->basic, given->enhanced, given->text};
  return reply_conf(session_conf(s), id, enhanced);
}

/* What was decided about this client, so that it can be explained though no mail is kept. Outside a
 * transaction the row stays out of the mail: its arena is rewound before that mail ends. */
static void session_keep_refusal(struct session *s, enum stage stage, str detail)
{
  struct mail *m = session_mail(s);
  struct store_trace row = {.at = clock_wall(), .stage = mail_stage_name(stage)};

  if (s->mail) mail_trace(m, stage, STR(""), "server", STR("refused"), detail);
  if (m->trace_count > s->reported)
    refused_add(s->server->store, str_of(s->id), m->trace + s->reported,
                m->trace_count - s->reported);
  s->reported = m->trace_count;
  if (s->mail) return;
  row.kind = STR("server");
  row.status = STR("refused");
  row.detail = detail;
  refused_add(s->server->store, str_of(s->id), &row, 1);
}

void session_refuse(struct session *s, enum stage stage, struct reply r, str why)
{
  const struct rules_facts *f = &session_mail(s)->facts;
  struct buf detail = BUF_INIT(LIMIT_COMMAND_LINE * 2);

  buf_printf(&detail, "%d " STR_FMT " " STR_FMT, r.basic, STR_ARG(r.enhanced), STR_ARG(r.text));
  if (why.n) buf_printf(&detail, " <" STR_FMT ">", STR_ARG(why));
  session_keep_refusal(s, stage, buf_str(&detail));
  log_info(LOG_RECEIVER, "sid=%s client=" STR_FMT " refused reply=%s from=%s to=%s", s->id,
           STR_ARG(f->client_ip), log_q(buf_str(&detail)), log_q(f->mail_from), log_q(why));
  buf_free(&detail);
  session_reply(s, r);
}

/* ---- asking the rules ------------------------------------------------------------------------ */

static void session_proceed(struct session *s, const struct rules_verdict *v);

static void session_judged(void *arg, const struct rules_verdict *v)
{
  struct session *s = arg;

  s->waiting = false;
  session_proceed(s, v);
  if (!s->waiting && s->state != SESSION_CLOSING) session_resume(s);
}

/* Asks the rules of a stage; what follows is in the proceed column of the table. */
static void session_ask(struct session *s, enum stage stage)
{
  static const struct rules_verdict next = {.kind = RULES_NEXT};
  const struct rules_verdict *v = s->returns || (s->local && stage < STAGE_MAIL)
                                      ? &next
                                      : judge_start(&s->judge, s->server->loop, s->policy,
                                                    session_mail(s), stage, 0, session_judged, s);

  if (v)
    session_proceed(s, v);
  else
    session_wait(s);
}

bool session_is_refusal(const struct rules_verdict *v)
{
  return v->kind == RULES_DENY || v->kind == RULES_INFO;
}

/* ---- connect --------------------------------------------------------------------------------- */

/* Bytes before the greeting: a client that does not listen (RFC 5321 §3.1). */
static bool session_spoke_early(const struct session *s)
{
  int waiting = 0;

  return io_input(s->io).n > 0 ||
         (io_fd(s->io) >= 0 && ioctl(io_fd(s->io), FIONREAD, &waiting) == 0 && waiting > 0);
}

static void session_proceed_connect(struct session *s, const struct rules_verdict *v)
{
  struct reply r =
      session_code(s, &v->code, v->kind == RULES_DENY ? CODE_DENIED : CODE_GREETINGS, "");

  if (!session_is_refusal(v)) r = reply_conf(session_conf(s), CODE_GREETINGS, "");
  if (r.basic >= 400) s->close_after = true;
  s->greeting_at = arena_mark(s->arena);
  if (s->close_after) {
    session_refuse(s, STAGE_CONNECT, r, STR(""));
  } else if (s->greeted) { /* asked again under TLS: it is the client's turn */
    session_enter(s, SESSION_GREETED);
  } else if (session_spoke_early(s)) {
    s->close_after = true;
    session_refuse(s, STAGE_CONNECT, reply_of(REPLY_EARLY_TALKER), STR(""));
  } else {
    s->greeted = true;
    session_enter(s, SESSION_GREETED);
    session_reply(s, r);
  }
}

/* ---- HELO, EHLO ------------------------------------------------------------------------------ */

static bool session_check_helo(struct session *s)
{
  const struct conf *conf = session_conf(s);
  struct mail *m;

  if (s->command.verb == COMMAND_EHLO && conf->server.smtp.disable_ehlo) {
    session_reply(s, reply_conf(conf, CODE_UNIMPLEMENTED, ""));
    return false;
  }
  str name = s->command.arg; /* in the connection's buffer still */
  session_forget_mail(s);
  arena_rewind(s->arena, s->greeting_at);
  s->greeting = NULL;
  m = mail_new(s->arena, conf, s->connection);
  if (m) m->facts.helo = arena_str(s->arena, name);
  if (!m || !m->facts.helo.p) {
    session_enter(s, SESSION_GREETED);
    session_reply(s, reply_of(REPLY_STORE_FAILED));
    return false;
  }
  m->esmtp = s->command.verb == COMMAND_EHLO;
  s->greeting = m;
  s->reported = 0;
  return true;
}

/* May this connection be encrypted yet? */
static bool session_offers_tls(const struct session *s)
{
  return s->policy->certs->tls && !s->returns && !s->connection->facts.secured;
}

/* RFC 5321 §4.1.1.1: the first line names us, each further one is an extension. */
static struct reply session_ehlo(struct session *s)
{
  const struct conf *conf = session_conf(s);
  str text = arena_printf(s->arena,
                          STR_FMT "\nPIPELINING\nSIZE %lld\n8BITMIME\nSMTPUTF8\n"
                                  "ENHANCEDSTATUSCODES\nDSN\n%sHELP",
                          STR_ARG(conf->server.domain),
                          (long long)(s->returns ? 0 : conf->server.message_size_limit),
                          session_offers_tls(s) ? "STARTTLS\n" : "");

  text = auth_offer(s, text);
  return text.p ? (struct reply){250, {"", 0}, text} : reply_of(REPLY_STORE_FAILED);
}

static void session_proceed_helo(struct session *s, const struct rules_verdict *v)
{
  struct reply r = session_code(s, &v->code, CODE_DENIED, "");

  /* A skip state that began here lasts for the connection (vsl-api 4.3). */
  if (rules_skip(STAGE_HELO, v->kind) != RULES_SKIP_NO && s->connection->skip == RULES_NEXT) {
    mail_set_skip(s->connection, STAGE_HELO, v);
    s->greeting_at = arena_mark(s->arena); /* its texts stay */
  }
  if (session_is_refusal(v)) {
    s->close_after = v->kind == RULES_DENY;
    session_refuse(s, STAGE_HELO, r, s->greeting->facts.helo);
    s->greeting = NULL;
    if (s->state != SESSION_CLOSING) session_enter(s, SESSION_GREETED);
    return;
  }
  r = s->greeting->esmtp ? session_ehlo(s) : reply_conf(session_conf(s), CODE_HELO, "");
  s->mail_at = arena_mark(s->arena);
  session_enter(s, SESSION_READY);
  session_reply(s, r);
}

/* ---- the other commands ---------------------------------------------------------------------- */

static bool session_check_data(struct session *s)
{
  if (s->mail->rcpt_count == 0) {
    session_reply(s, reply_of(s->refused_rcpt ? REPLY_NO_VALID_RCPT : REPLY_NO_RCPT));
    return false;
  }
  if (s->local && s->local->later) {
    session_reply(s, reply_conf(session_conf(s), CODE_FAILURE, "4.3.0"));
    return false;
  }
  /* RFC 2920 §3.1: DATA ends a group of commands. What stands behind it was sent without waiting
   * for 354, so it may be meant as text or as commands: neither can be trusted. */
  if (io_input(s->io).n > 0) {
    s->close_after = true;
    session_refuse(s, STAGE_PREQ, reply_of(REPLY_PIPELINED), STR(""));
    return false;
  }
  return true;
}

static void session_do_data(struct session *s)
{
  receive_begin(s);
}

static void session_do_rset(struct session *s)
{
  session_reset(s);
  session_reply(s, reply_conf(session_conf(s), CODE_OK, "2.0.0"));
}

static void session_do_noop(struct session *s)
{
  session_reply(s, reply_conf(session_conf(s), CODE_OK, "2.0.0"));
}

static void session_do_quit(struct session *s)
{
  session_reply_last(s, reply_conf(session_conf(s), CODE_CLOSING, "2.0.0"));
}

static void session_do_help(struct session *s)
{
  session_reply(s, reply_conf(session_conf(s), CODE_HELP, "2.0.0"));
}

static void session_do_vrfy(struct session *s)
{
  session_reply(s, reply_of(REPLY_VRFY));
}

static void session_do_unimplemented(struct session *s)
{
  session_reply(s, reply_conf(session_conf(s), CODE_UNIMPLEMENTED, ""));
}

static bool session_check_starttls(struct session *s)
{
  if (s->connection->facts.secured) {
    session_reply(s, reply_conf(session_conf(s), CODE_ALREADY_UNDER_TLS, ""));
  } else if (!session_offers_tls(s)) {
    session_reply(s, reply_conf(session_conf(s), CODE_TLS_NOT_AVAILABLE, ""));
  } else if (io_input(s->io).n > 0) { /* somebody put it there: CVE-2011-0411 */
    s->close_after = true;
    session_refuse(s, STAGE_CONNECT, reply_of(REPLY_PIPELINED_TLS), STR(""));
  } else {
    return true;
  }
  return false;
}

static void session_shake(struct session *s)
{
  session_enter(s, SESSION_SHAKING);
  io_tls_server(s->io, s->policy->certs->tls);
}

/* Not by session_reply: a reply that is held back would come in the middle of the handshake. */
static void session_do_starttls(struct session *s)
{
  struct buf out = BUF_INIT(LIMIT_SESSION_REPLY);

  reply_put(&out, reply_of(REPLY_START_TLS));
  io_write(s->io, buf_str(&out));
  buf_free(&out);
  session_shake(s);
}

static void session_do_unknown(struct session *s)
{
  session_reply(s, reply_conf(session_conf(s), CODE_UNRECOGNIZED_COMMAND, ""));
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
    [COMMAND_HELO] = {SESSION_ANY, REPLY_HELO_FIRST, true, session_check_helo, STAGE_HELO,
                      session_proceed_helo, NULL},
    [COMMAND_EHLO] = {SESSION_ANY, REPLY_HELO_FIRST, true, session_check_helo, STAGE_HELO,
                      session_proceed_helo, NULL},
    [COMMAND_MAIL] = {1u << SESSION_READY, REPLY_HELO_FIRST, true, envelope_check_mail, STAGE_MAIL,
                      envelope_proceed_mail, NULL},
    [COMMAND_RCPT] = {SESSION_OPEN, REPLY_NO_MAIL, false, envelope_check_rcpt, STAGE_RCPT,
                      envelope_proceed_rcpt, NULL},
    [COMMAND_DATA] = {SESSION_OPEN, REPLY_NO_RCPT, false, session_check_data, STAGE_COUNT, NULL,
                      session_do_data},
    [COMMAND_RSET] = {SESSION_ANY, REPLY_DONE, true, NULL, STAGE_COUNT, NULL, session_do_rset},
    [COMMAND_NOOP] = {SESSION_ANY, REPLY_DONE, true, NULL, STAGE_COUNT, NULL, session_do_noop},
    [COMMAND_QUIT] = {SESSION_ANY, REPLY_DONE, false, NULL, STAGE_COUNT, NULL, session_do_quit},
    [COMMAND_HELP] = {SESSION_ANY, REPLY_DONE, true, NULL, STAGE_COUNT, NULL, session_do_help},
    [COMMAND_VRFY] = {SESSION_HELLO, REPLY_HELO_FIRST, true, NULL, STAGE_COUNT, NULL,
                      session_do_vrfy},
    [COMMAND_EXPN] = {SESSION_HELLO, REPLY_HELO_FIRST, true, NULL, STAGE_COUNT, NULL,
                      session_do_unimplemented},
    [COMMAND_STARTTLS] = {SESSION_ANY, REPLY_DONE, true, session_check_starttls, STAGE_COUNT, NULL,
                          session_do_starttls},
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
    session_proceed_connect(s, v);
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
  return reply_conf(session_conf(s), CODE_SYNTAX_ERROR_PARAMS, "");
}

/* Out of sequence: MAIL inside a transaction and RCPT before EHLO have words of their own. */
static enum reply_id session_misplaced(const struct session *s, const struct session_row *row)
{
  if (s->command.verb == COMMAND_MAIL && s->mail) return REPLY_MAIL_TWICE;
  if (s->state == SESSION_GREETED) return REPLY_HELO_FIRST;
  if (s->command.verb == COMMAND_DATA && !s->mail) return REPLY_NO_MAIL;
  return row->elsewhere;
}

static void session_command(struct session *s, str line)
{
  const struct session_row *row;

  command_parse(line, s->mail && s->mail->utf8, s->arena, &s->command);
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

static size_t *session_counter(struct session *s)
{
  struct server *server = s->server;

  return s->returns ? &server->return_count
         : s->local ? &server->local_count
                    : &server->session_count;
}

static void session_free(struct session *s)
{
  judge_end(&s->judge);
  auth_forget(s);
  receive_forget(s);
  timer_clear(s->server->loop, &s->delay);
  buf_free(&s->held);
  *s->link = s->next;
  if (s->next) s->next->link = s->link;
  --*session_counter(s);
  arena_free(s->arena);
  policy_release(s->policy);
  mem_free(s);
}

static int session_set_facts(struct session *s);

/* The handshake is over. What was said in clear somebody else may have said (RFC 3207 §4.2): the
 * conversation begins anew. */
static void session_secured(struct session *s)
{
  const struct tls_info *tls = io_tls_info(s->io);
  int64_t connected_at = s->connection->facts.connected_at;
  struct mail *m;

  session_forget_mail(s);
  arena_reset(s->arena);
  s->greeting = NULL;
  s->connection = m = mail_new(s->arena, s->policy->conf, NULL);
  if (!m || session_set_facts(s) < 0) {
    io_abort(s->io);
    return;
  }
  m->store = s->server->store;
  m->facts.secured = true;
  m->tls = arena_printf(s->arena, "%s (%s)", tls->cipher, tls->version);
  m->facts.connected_at = connected_at;
  if (tls->name.n) m->facts.server_name = arena_str(s->arena, tls->name);
  log_info(LOG_TLS, "sid=%s client=" STR_FMT " version=%s cipher=%s name=%s", s->id,
           STR_ARG(m->facts.client_ip), tls->version, tls->cipher, log_q(tls->name));
  session_enter(s, SESSION_CONNECTED);
  session_ask(s, STAGE_CONNECT);
}

static void session_timeout(struct session *s)
{
  log_info(LOG_RECEIVER, "sid=%s closing: client too slow state=%s", s->id,
           session_state_names[s->state]);
  session_reply_last(s, reply_conf(session_conf(s), CODE_TIMEOUT, ""));
}

static void session_event(struct io *io, enum io_event event, void *arg)
{
  struct session *s = arg;

  switch (event) {
  case IO_DATA:
    session_input(s);
    if (s->returns) io_hurry(io); /* clamsmtpd writes line by line */
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
    if (s->delegate || s->auth) session_close(s);
    break;
  case IO_CONNECTED: session_secured(s); break;
  case IO_DRAINED: break;
  }
}

/* ---- beginning and end ----------------------------------------------------------------------- */

static int session_set_facts(struct session *s)
{
  struct rules_facts *f = &s->connection->facts;
  char text[NETADDR_TEXT_MAX];
  struct netaddr local = {0};

  f->client_ip = arena_str(s->arena, str_of(netaddr_ip(&s->peer, text)));
  f->client_port = netaddr_port(&s->peer);
  if (io_fd(s->io) >= 0) netaddr_local(io_fd(s->io), &local);
  if (local.len && !s->returns && delegate_receives(s->policy->rules, &local)) {
    s->returns = true;
    s->server->session_count--;
    s->server->return_count++;
    s->close_after = !delegate_may_return(s->policy->rules, &local, &s->peer);
  }
  f->server_ip = arena_str(s->arena, str_of(netaddr_ip(&local, text)));
  f->server_port = netaddr_port(&local);
  f->server_name = session_conf(s)->server.domain;
  f->connected_at = clock_wall();
  return f->client_ip.p && f->server_ip.p ? 0 : -1;
}

/* Nobody has logged in, but the kernel says who owns the file. */
static int session_set_local(struct session *s, const struct session_local *who)
{
  struct rules_facts *f = &s->connection->facts;

  s->local = arena_alloc(s->arena, sizeof *s->local);
  if (!s->local) return -1;
  s->server->session_count--;
  s->server->local_count++;
  *s->local = (struct session_local){.uid = who->uid};
  s->local->file = arena_str(s->arena, who->file);
  s->local->user = f->auth_id = arena_str(s->arena, who->user);
  f->client_ip = f->server_ip = STR("127.0.0.1");
  f->server_name = session_conf(s)->server.domain;
  f->connected_at = clock_wall();
  f->authenticated = true;
  f->auth = RULES_AUTH_VERIFY;
  s->connection->local = true;
  s->connection->local_uid = who->uid;
  return s->local->file.p && f->auth_id.p ? 0 : -1;
}

static struct session *session_new(struct server *server, enum server_port port,
                                   const struct netaddr *peer)
{
  struct session *s = mem_alloc(sizeof *s);

  if (!s) return NULL;
  s->arena = arena_new(LIMIT_TRANSACTION_BYTES);
  if (!s->arena) {
    mem_free(s);
    return NULL;
  }
  s->server = server;
  s->port = port;
  s->peer = *peer;
  s->policy = policy_hold(server->policy);
  s->held.cap = LIMIT_SESSION_REPLY;
  s->delay.fire = session_delay_over;
  s->delay.arg = s;
  id_new(s->id);
  s->connection = mail_new(s->arena, s->policy->conf, NULL);
  if (s->connection) s->connection->store = server->store;
  s->next = server->sessions;
  s->link = &server->sessions;
  if (s->next) s->next->link = &s->next;
  server->sessions = s;
  server->session_count++;
  return s;
}

static struct session *session_start(struct server *server, enum server_port port, int fd,
                                     const struct netaddr *peer, const struct session_local *who)
{
  struct session *s = session_new(server, port, peer);
  struct err e;

  if (s && fd >= 0)
    s->io = io_new(server->loop, fd, session_event, s, &e);
  else if (s)
    s->io = io_memory(server->loop, session_event, s, &e);
  else if (fd >= 0)
    close(fd);
  if (!s) return NULL;
  if (!s->io) {
    session_free(s);
    return NULL;
  }
  if (!s->connection || (who ? session_set_local(s, who) : session_set_facts(s)) < 0) {
    io_abort(s->io);
    return s;
  }
  log_info(LOG_RECEIVER, "sid=%s client=" STR_FMT " connected", s->id,
           STR_ARG(s->connection->facts.client_ip));
  if (s->close_after)
    session_refuse(s, STAGE_CONNECT, reply_of(REPLY_DELEGATE_DENIED), STR(""));
  else if (port == SERVER_SUBMISSIONS)
    session_shake(s);
  else
    session_ask(s, STAGE_CONNECT);
  return s;
}

struct session *session_begin(struct server *server, enum server_port port, int fd,
                              const struct netaddr *peer)
{
  return session_start(server, port, fd, peer, NULL);
}

struct session *session_begin_local(struct server *server, int fd, const struct session_local *who)
{
  struct netaddr nobody = {.len = 0};

  return session_start(server, SERVER_SMTP, fd, &nobody, who);
}

/* A filter is let finish: what it brings back somebody may still wait for. */
void session_stop(struct session *s)
{
  bool between = s->state == SESSION_GREETED || s->state == SESSION_READY ||
                 s->state == SESSION_MAIL || s->state == SESSION_RCPT;

  if (s->returns && delegate_is_any(s->server)) return;
  if (s->state == SESSION_SHAKING) session_close(s);
  if (between && !s->waiting) session_reply_last(s, reply_of(REPLY_SHUTDOWN));
}
#undef SESSION_ANY
#undef SESSION_HELLO
#undef SESSION_OPEN
