/* smtp/session/envelope.c: the envelope of a transaction: MAIL and RCPT (RFC 5321 §4.1.1.2,
 * §4.1.1.3).
 *
 * Each command in two halves, called by the table of session.c: may it be, before the rules of its
 * stage are asked, and what their verdict makes of it. What the rules let pass the guard still
 * judges.
 */
#include "auth.h"
#include "../format/format.h"
#include "../policy/policy.h"
#include "session_int.h"

/* ---- MAIL ------------------------------------------------------------------------------------ */

/* What bars a transaction before its words are looked at. */
static bool envelope_may_mail(struct session *s)
{
  const struct conf *conf = s->policy->conf;
  const struct rules_facts *f = &s->greeting->facts;

  if (s->traits->trusted && store_ready(s->mta->store)) return true;
  if (conf->server.tls.on && conf->server.tls.security_level == CONF_ENCRYPT && !f->secured)
    session_reply(s, conf_reply(conf, CODE_TLS_REQUIRED, ""));
  else if (!f->authenticated &&
           (s->port != SESSION_SMTP ||
            (conf->server.smtp.auth.on && conf->server.smtp.auth.must_be_authenticated)))
    session_reply(s, conf_reply(conf, CODE_AUTH_REQUIRED, ""));
  else if (!store_ready(s->mta->store))
    session_reply_last(s, reply_of(REPLY_STORE_DOWN));
  else
    return true;
  return false;
}

bool envelope_check_mail(struct session *s)
{
  const struct conf *conf = s->policy->conf;
  int64_t limit = conf->server.message_size_limit;
  uint64_t size = s->command.size;
  char id[ID_LENGTH + 1];

  if (!envelope_may_mail(s)) return false;
  if (!s->traits->as_it_is && limit > 0 && size > (uint64_t)limit) {
    session_refuse(s, STAGE_MAIL, reply_of(REPLY_TOO_BIG), s->command.path.text);
    return false;
  }
  if (!store_space(s->mta->store, size)) {
    session_refuse(s, STAGE_MAIL, reply_of(REPLY_FULL), s->command.path.text);
    return false;
  }
  s->tx.mail = mail_new(s->arena, conf, s->greeting);
  if (s->tx.mail) {
    s->tx.mail->facts.message_id = arena_str(s->arena, str_of(id_new(id)));
    s->tx.mail->dsn = dsn_mail_text(s->command.ret, s->command.envid, s->arena);
  }
  if (!s->tx.mail || !s->tx.mail->facts.message_id.p || !s->tx.mail->dsn.p) {
    session_forget_mail(s);
    session_reply(s, reply_of(REPLY_STORE_FAILED));
    return false;
  }
  s->tx.mail->facts.mail_from = s->command.path.text;
  s->tx.mail->facts.mail_at = clock_wall();
  s->tx.mail->utf8 = s->command.utf8;
  s->reported = 0;
  return true;
}

/* On a submission listener an account sends as itself (RFC 6409 §6.1), unless a rule of this stage
 * says otherwise: by accept() or faccept(), or by a sender it puts in place of the client's. */
static bool envelope_is_not_theirs(const struct session *s, const struct rules_verdict *v)
{
  str sender = s->command.path.text;

  if (s->port == SESSION_SMTP || sender.n == 0 || v->kind == RULES_ACCEPT ||
      v->kind == RULES_FACCEPT)
    return false;
  return s->tx.mail->facts.mail_from.p == sender.p && !auth_owns(s, sender);
}

void envelope_proceed_mail(struct session *s, const struct rules_verdict *v)
{
  if (session_is_refusal(v)) {
    session_refuse(s, STAGE_MAIL, session_code(s, &v->code, CODE_DENIED, ""), s->command.path.text);
    if (s->state != SESSION_CLOSING) session_forget_mail(s);
    return;
  }
  if (envelope_is_not_theirs(s, v)) {
    session_refuse(s, STAGE_MAIL, reply_of(REPLY_NOT_YOURS), s->command.path.text);
    if (s->state != SESSION_CLOSING) session_forget_mail(s);
    return;
  }
  session_enter(s, SESSION_MAIL);
  session_reply(s, session_code(s, &v->code, CODE_OK, "2.1.0"));
}

/* ---- RCPT ------------------------------------------------------------------------------------ */

bool envelope_check_rcpt(struct session *s)
{
  const struct conf *conf = s->policy->conf;
  struct err e;

  if (!s->traits->trusted && (int64_t)s->tx.mail->rcpt_count >= conf->server.smtp.rcpt_count_max) {
    session_reply(s, conf_reply(conf, CODE_TOO_MANY_RECIPIENTS, ""));
    return false;
  }
  str dsn = dsn_rcpt_text(s->command.notify, s->command.orcpt, s->arena);
  if (!dsn.p || mail_rcpt_add(s->tx.mail, s->command.path.text, true, &e) < 0) {
    session_reply(s, reply_of(REPLY_STORE_FAILED));
    return false;
  }
  struct mail_rcpt *r = &s->tx.mail->rcpt[s->tx.mail->rcpt_count - 1];
  r->dsn = dsn;
  s->tx.rcpt = r->original.p;
  r->address = guard_normal_rcpt(s->tx.mail, r->address);
  return true;
}

/* Where the recipient in question stands after the rules ran; -1: they removed it. */
static ptrdiff_t envelope_find_rcpt(const struct session *s)
{
  for (size_t i = s->tx.mail->rcpt_count; i-- > 0;)
    if (s->tx.mail->rcpt[i].original.p == s->tx.rcpt) return (ptrdiff_t)i;
  return -1;
}

/* Whoever left the mail in the drop folder hears of it later. */
static void envelope_store_refusal(struct session *s, struct reply r)
{
  struct session_dropped *d = s->dropped;
  struct store_rcpt one = {.transport = TRANSPORT_NONE};

  if (r.basic >= 500 && !d->refused)
    d->refused = arena_alloc(s->arena, LIMIT_DROP_RCPT * sizeof *d->refused);
  one.address = one.original = arena_str(s->arena, s->command.path.text);
  one.last_reply = reply_text(r, s->arena);
  one.dsn = dsn_rcpt_text(s->command.notify, s->command.orcpt, s->arena);
  if (r.basic < 500 || !d->refused || !one.address.p || !one.last_reply.p || !one.dsn.p ||
      d->refused_count == LIMIT_DROP_RCPT)
    d->later = true;
  else
    d->refused[d->refused_count++] = one;
}

static void envelope_refuse_rcpt(struct session *s, ptrdiff_t at, struct reply r)
{
  s->tx.refused_rcpt++;
  if (s->dropped) envelope_store_refusal(s, r);
  session_refuse(s, STAGE_RCPT, r, s->command.path.text);
  if (at >= 0) mail_rcpt_remove(s->tx.mail, (size_t)at);
}

/* A report about mail that we sent on goes back to its first sender: to him alone who sends nobody
 * a report in turn (srs.h). */
static void envelope_send_back(struct session *s, size_t at)
{
  struct mail_rcpt *r = &s->tx.mail->rcpt[at];
  str sender;

  if (s->tx.mail->facts.mail_from.n || r->transport != TRANSPORT_UNSET) return;
  if (!srs_recipient(&s->mta->srs, s->policy->conf, r->address, s->arena, &sender)) return;
  mail_trace(s->tx.mail, STAGE_RCPT, STR(""), "server", STR("sent back"), sender);
  r->address = sender;
  r->rewritten = true;
}

/* The rules let him pass: then what no rule can forget, then who he stands for. */
static enum reply_id envelope_pass(struct session *s, size_t at, bool faccept)
{
  enum reply_id reply;

  envelope_send_back(s, at);
  reply = guard_rcpt(s->tx.mail, at, faccept);
  return reply == REPLY_DONE ? rcpt_expand_rcpt(s->tx.mail, at) : reply;
}

void envelope_proceed_rcpt(struct session *s, const struct rules_verdict *v)
{
  bool faccept = v->kind == RULES_FACCEPT;
  ptrdiff_t at = envelope_find_rcpt(s);
  enum reply_id guard;

  if (session_is_refusal(v)) {
    envelope_refuse_rcpt(s, at, session_code(s, &v->code, CODE_DENIED, ""));
    return;
  }
  guard = at < 0 || s->traits->as_it_is ? REPLY_DONE : envelope_pass(s, (size_t)at, faccept);
  if (guard != REPLY_DONE) {
    if (v->kind == RULES_ACCEPT)
      mail_trace(s->tx.mail, STAGE_RCPT, v->directive, "server", STR("guard"),
                 STR("accept() does not permit relaying; faccept() or check_relay() does"));
    envelope_refuse_rcpt(s, at, reply_of(guard));
    return;
  }
  session_enter(s, SESSION_RCPT);
  session_reply(s, session_code(s, &v->code, CODE_OK, "2.1.5"));
}
