/* smtp/session/hello.c: a conversation before there is a mail: connect, EHLO, STARTTLS (RFC 5321
 * §3.1, §3.2). */
#include "auth.h"
#include "session_int.h"

#include <sys/ioctl.h>

/* ---- connect --------------------------------------------------------------------------------- */

int hello_set_facts(struct session *s)
{
  struct rules_facts *f = &s->connection->facts;
  char text[NETADDR_TEXT_MAX];
  struct netaddr local = {0};

  f->client_ip = arena_str(s->arena, str_of(netaddr_ip(&s->peer, text)));
  f->client_port = netaddr_port(&s->peer);
  if (io_fd(s->io) >= 0) netaddr_local(io_fd(s->io), &local);
  if (local.len && s->kind == SESSION_CLIENT && delegate_receives(s->policy->rules, &local)) {
    session_set_kind(s, SESSION_RETURN);
    s->close_after = !delegate_may_return(s->policy->rules, &local, &s->peer);
  }
  f->server_ip = arena_str(s->arena, str_of(netaddr_ip(&local, text)));
  f->server_port = netaddr_port(&local);
  f->server_name = s->policy->conf->server.domain;
  f->connected_at = clock_wall();
  return f->client_ip.p && f->server_ip.p ? 0 : -1;
}

/* Bytes before the greeting: a client that does not listen (RFC 5321 §3.1). */
static bool hello_spoke_early(const struct session *s)
{
  int waiting = 0;

  return io_input(s->io).n > 0 ||
         (io_fd(s->io) >= 0 && ioctl(io_fd(s->io), FIONREAD, &waiting) == 0 && waiting > 0);
}

void hello_proceed_connect(struct session *s, const struct rules_verdict *v)
{
  struct reply r =
      session_code(s, &v->code, v->kind == RULES_DENY ? CODE_DENIED : CODE_GREETINGS, "");

  if (!session_is_refusal(v)) r = conf_reply(s->policy->conf, CODE_GREETINGS, "");
  if (r.basic >= 400) s->close_after = true;
  s->greeting_at = arena_note(s->arena);
  if (s->close_after) {
    session_refuse(s, STAGE_CONNECT, r, STR(""));
  } else if (s->greeted) { /* asked again under TLS: it is the client's turn */
    session_enter(s, SESSION_GREETED);
  } else if (hello_spoke_early(s)) {
    s->close_after = true;
    session_refuse(s, STAGE_CONNECT, reply_of(REPLY_EARLY_TALKER), STR(""));
  } else {
    s->greeted = true;
    session_enter(s, SESSION_GREETED);
    session_reply(s, r);
  }
}

/* ---- HELO, EHLO ------------------------------------------------------------------------------ */

bool hello_check(struct session *s)
{
  const struct conf *conf = s->policy->conf;
  struct mail *m;

  if (s->command.verb == COMMAND_EHLO && conf->server.smtp.disable_ehlo) {
    session_reply(s, conf_reply(conf, CODE_UNIMPLEMENTED, ""));
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
static bool hello_offers_tls(const struct session *s)
{
  return s->policy->certs->tls && s->traits->offers && !s->connection->facts.secured;
}

/* RFC 5321 §4.1.1.1: the first line names us, each further one is an extension. */
static struct reply hello_extensions(struct session *s)
{
  const struct conf *conf = s->policy->conf;
  str text = arena_printf(s->arena,
                          STR_FMT "\nPIPELINING\nSIZE %lld\n8BITMIME\nSMTPUTF8\n"
                                  "ENHANCEDSTATUSCODES\nDSN\n%sHELP",
                          STR_ARG(conf->server.domain),
                          (long long)(s->traits->as_it_is ? 0 : conf->server.message_size_limit),
                          hello_offers_tls(s) ? "STARTTLS\n" : "");

  text = auth_offer(s, text);
  return text.p ? (struct reply){250, {"", 0}, text} : reply_of(REPLY_STORE_FAILED);
}

void hello_proceed(struct session *s, const struct rules_verdict *v)
{
  struct reply r = session_code(s, &v->code, CODE_DENIED, "");

  /* A skip state that began here lasts for the connection. */
  if (rules_skip(STAGE_HELO, v->kind) != RULES_SKIP_NO && s->connection->skip == RULES_NEXT) {
    mail_set_skip(s->connection, STAGE_HELO, v);
    s->greeting_at = arena_note(s->arena); /* its texts stay */
  }
  if (session_is_refusal(v)) {
    s->close_after = v->kind == RULES_DENY;
    session_refuse(s, STAGE_HELO, r, s->greeting->facts.helo);
    s->greeting = NULL;
    if (s->state != SESSION_CLOSING) session_enter(s, SESSION_GREETED);
    return;
  }
  r = s->greeting->esmtp ? hello_extensions(s) : conf_reply(s->policy->conf, CODE_HELO, "");
  s->mail_at = arena_note(s->arena);
  session_enter(s, SESSION_READY);
  session_reply(s, r);
}

/* ---- STARTTLS -------------------------------------------------------------------------------- */

bool hello_check_starttls(struct session *s)
{
  if (s->connection->facts.secured) {
    session_reply(s, conf_reply(s->policy->conf, CODE_ALREADY_UNDER_TLS, ""));
  } else if (!hello_offers_tls(s)) {
    session_reply(s, conf_reply(s->policy->conf, CODE_TLS_NOT_AVAILABLE, ""));
  } else if (io_input(s->io).n > 0) { /* somebody put it there: CVE-2011-0411 */
    s->close_after = true;
    session_refuse(s, STAGE_CONNECT, reply_of(REPLY_PIPELINED_TLS), STR(""));
  } else {
    return true;
  }
  return false;
}

void hello_shake(struct session *s)
{
  session_enter(s, SESSION_SHAKING);
  io_tls_server(s->io, s->policy->certs->tls);
}

/* Not by session_reply: a reply that is held back would come in the middle of the handshake. */
void hello_run_starttls(struct session *s)
{
  struct buf out = BUF_INIT(LIMIT_SESSION_REPLY);

  reply_put(&out, reply_of(REPLY_START_TLS));
  io_write(s->io, buf_str(&out));
  buf_free(&out);
  hello_shake(s);
}

/* The handshake is over. What was said in clear somebody else may have said (RFC 3207 §4.2): the
 * conversation begins anew. */
void hello_secured(struct session *s)
{
  const struct tls_info *tls = io_tls_info(s->io);
  int64_t connected_at = s->connection->facts.connected_at;
  struct mail *m;

  session_forget_mail(s);
  arena_reset(s->arena);
  s->greeting = NULL;
  s->connection = m = mail_new(s->arena, s->policy->conf, NULL);
  if (!m || hello_set_facts(s) < 0) {
    io_abort(s->io);
    return;
  }
  m->store = s->mta->store;
  m->facts.secured = true;
  m->tls = arena_printf(s->arena, "%s (%s)", tls->cipher, tls->version);
  m->facts.connected_at = connected_at;
  if (tls->name.n) m->facts.server_name = arena_str(s->arena, tls->name);
  log_info(LOG_TLS, "sid=%s client=" STR_FMT " version=%s cipher=%s name=%s", s->id,
           STR_ARG(m->facts.client_ip), tls->version, tls->cipher, log_q(tls->name));
  session_enter(s, SESSION_CONNECTED);
  session_ask(s, STAGE_CONNECT);
}
