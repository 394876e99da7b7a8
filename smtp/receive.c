/* smtp/receive.c: from 354 to the answer of the store.
 *
 * The header block is gathered in memory, the body goes to the store as it arrives. Whatever is
 * wrong with a message, it is read to its true end before it is refused: only so can nothing in it
 * be taken for a command. The law of store.md: 250 is said in receive_stored and nowhere else,
 * after the commit.
 */
#include "deliver.h"
#include "session.h"

#define RECEIVE_RATE 4096 /* octets that must come within timeout_client.data */

void receive_forget(struct session *s)
{
  if (!s->in_open) return;
  s->in_open = false;
  incoming_free(s->incoming);
  s->incoming = NULL;
  message_free(&s->in);
  buf_free(&s->header);
  buf_free(&s->context);
  io_min_rate(s->io, 0, 0);
}

/* The message is refused, whatever else comes: what is stored of it goes at once. */
static void receive_drop(struct session *s)
{
  s->drop = true;
  incoming_free(s->incoming);
  s->incoming = NULL;
}

static void receive_ready(void *arg)
{
  session_resume(arg);
}

void receive_begin(struct session *s)
{
  message_begin(&s->in);
  s->in_open = true;
  s->drop = false;
  s->incoming = incoming_new(s->server->store, s->mail->facts.message_id);
  if (!s->incoming) {
    receive_forget(s);
    session_reply(s, reply_of(REPLY_STORE_FAILED));
    return;
  }
  incoming_on_ready(s->incoming, receive_ready, s);
  session_enter(s, SESSION_DATA);
  io_min_rate(s->io, RECEIVE_RATE, s->policy->conf->server.smtp.timeout_client.data);
  session_reply(s, reply_conf(s->policy->conf, CODE_DATA_START, ""));
}

/* ---- the end of the text --------------------------------------------------------------------- */

/* The transaction is over: the answer was given. A server that stops waited for this. */
static void receive_finish(struct session *s)
{
  if (s->state == SESSION_CLOSING) return;
  session_reset(s);
  if (s->server->stopping) session_stop(s);
}

static void receive_refuse(struct session *s, struct reply r, str why)
{
  session_refuse(s, STAGE_PREQ, r, why);
  receive_finish(s);
}

static void receive_stored(void *arg, enum store_result result)
{
  struct session *s = arg;
  struct mail *m = s->mail;
  struct reply r = session_code(s, &m->reply, CODE_OK, "2.0.0");

  s->waiting = false;
  if (result != STORE_OK) {
    receive_refuse(s, reply_of(result == STORE_FULL ? REPLY_FULL : REPLY_STORE_FAILED), STR(""));
  } else {
    if (!m->reply.basic) {
      str text = arena_printf(s->arena, STR_FMT ", queued as " STR_FMT, STR_ARG(r.text),
                              STR_ARG(m->facts.message_id));
      if (text.p) r.text = text;
    }
    log_info(LOG_RECEIVER, "sid=%s mid=" STR_FMT " accepted from=%s rcpts=%zu octets=%llu", s->id,
             STR_ARG(m->facts.message_id), log_q(m->facts.mail_from), m->rcpt_count,
             (unsigned long long)s->in.data.octets);
    s->idle = 0;
    deliver_wake(s->server->deliver);
    session_reply(s, r);
    receive_finish(s);
  }
  if (!s->waiting && s->state != SESSION_CLOSING) session_resume(s);
}

static enum store_queue receive_queue(const struct session *s, const struct rules_verdict *v)
{
  if (v->kind == RULES_QUARANTINE) return STORE_QUARANTINE;
  if (v->kind == RULES_FACCEPT) return STORE_DELIVER;
  return rules_count(s->policy->rules, STAGE_POSTQ) ? STORE_WORKING : STORE_DELIVER;
}

/* Where the rules go on: stage and directive in one number, as deliver.c reads it. */
static int receive_step(const struct session *s, const struct rules_verdict *v)
{
  if (v->kind != RULES_QUARANTINE) return STAGE_POSTQ << 16;
  return STAGE_PREQ << 16 | (s->mail->decided == STAGE_PREQ ? (int)v->next : 0);
}

/* Hands everything to the store; receive_stored has its answer. */
static void receive_store(struct session *s, const struct rules_verdict *v)
{
  struct mail *m = s->mail;
  struct store_mail *row = arena_alloc(s->arena, sizeof *row);
  bool quarantined = v->kind == RULES_QUARANTINE;
  struct err e = {.kind = ERR_NOMEM};

  s->header.cap = LIMIT_HEADER_BYTES + 2;
  s->context.cap = LIMIT_COMMAND_LINE * 4;
  if (v->kind == RULES_ACCEPT) mail_set_reply(m, &v->code);
  mail_trace(m, STAGE_PREQ, STR(""), "server", STR("accepted"),
             quarantined ? v->text : STR("to the queue"));
  if (!row || mail_header(m, &s->header, &e) < 0 || mail_context_write(m, &s->context) < 0) {
    receive_refuse(s, reply_of_err(&e), STR(""));
    return;
  }
  *row = (struct store_mail){.id = m->facts.message_id,
                             .queue = receive_queue(s, v),
                             .quarantine = quarantined ? m->quarantine : STR(""),
                             .received_at = clock_wall(),
                             .client_ip = m->facts.client_ip,
                             .helo = m->facts.helo,
                             .mail_from = m->facts.mail_from,
                             .auth_user = m->facts.auth_id,
                             .subject = mail_subject(m),
                             .context = buf_str(&s->context),
                             .step = receive_step(s, v),
                             .rcpt = mail_rcpt_rows(m, s->arena, clock_wall()),
                             .rcpt_count = m->rcpt_count,
                             .header = buf_str(&s->header),
                             .trace = m->trace,
                             .trace_count = m->trace_count};
  if (quarantined) {
    row->stage = mail_stage_name(m->decided);
    row->rule = m->directive;
    row->reason = m->reason;
  }
  if (!row->rcpt) {
    receive_refuse(s, reply_of(REPLY_STORE_FAILED), STR(""));
    return;
  }
  session_wait(s);
  incoming_accept(s->incoming, row, receive_stored, s);
}

static void receive_judged(struct session *s, const struct rules_verdict *v)
{
  if (v->kind == RULES_DENY || v->kind == RULES_INFO)
    receive_refuse(s, session_code(s, &v->code, CODE_DENIED, ""), STR(""));
  else if (v->kind == RULES_DELEGATED)
    receive_refuse(s, reply_conf(s->policy->conf, CODE_FAILURE, ""), v->service);
  else if (s->mail->rcpt_count == 0)
    receive_refuse(s, reply_conf(s->policy->conf, CODE_DENIED, ""), STR(""));
  else
    receive_store(s, v);
}

static void receive_judged_later(void *arg, const struct rules_verdict *v)
{
  struct session *s = arg;

  s->waiting = false;
  receive_judged(s, v);
  if (!s->waiting && s->state != SESSION_CLOSING) session_resume(s);
}

static int receive_read(void *source, size_t n, struct buf *out, struct err *e)
{
  return incoming_read(source, n, out, e);
}

/* RFC 5321 §6.3 and what mailing software does: a mail that was here already goes in a circle. */
static bool receive_is_loop(const struct mail *m)
{
  struct header_field *f;

  for (size_t n = 0; (f = header_find(&m->header, STR("Delivered-To"), n)) != NULL; n++) {
    str to = header_value(f, m->arena);

    for (size_t i = 0; i < m->rcpt_count; i++)
      if (mail_rcpt_same(to, m->rcpt[i].address)) return true;
  }
  return false;
}

/* What is wrong with the text as a whole; REPLY_DONE: nothing. */
static enum reply_id receive_fault(const struct session *s)
{
  static const struct {
    unsigned fault;
    enum reply_id reply;
  } table[] = {
      {DATA_NUL, REPLY_NUL_BYTE},    {DATA_BARE_LF, REPLY_BARE_LF},
      {DATA_BARE_CR, REPLY_BARE_CR}, {MESSAGE_HEADER_TOO_BIG, REPLY_HEADER_TOO_BIG},
      {MESSAGE_LOOP, REPLY_LOOP},
  };
  int64_t limit = s->policy->conf->server.message_size_limit;

  for (size_t i = 0; i < BASE_COUNT(table); i++)
    if (s->in.faults & table[i].fault) return table[i].reply;
  if (limit > 0 && s->in.data.octets > (uint64_t)limit) return REPLY_TOO_BIG;
  switch (s->incoming ? incoming_state(s->incoming) : INCOMING_TEMP) {
  case INCOMING_FULL: return REPLY_FULL;
  case INCOMING_TEMP: return REPLY_STORE_FAILED;
  case INCOMING_GO:
  case INCOMING_WAIT: break;
  }
  return REPLY_DONE;
}

/* The final dot was read. */
static void receive_end(struct session *s)
{
  const struct rules_verdict *v;
  enum reply_id fault = receive_fault(s);
  struct mail *m = s->mail;
  struct err e;

  session_enter(s, SESSION_JUDGED);
  io_min_rate(s->io, 0, 0);
  if (fault == REPLY_DONE && mail_arrive(m, buf_str(&s->in.header), true, &e) < 0)
    fault = e.kind == ERR_PERM ? REPLY_HEADER_TOO_BIG : REPLY_STORE_FAILED;
  if (fault == REPLY_DONE && receive_is_loop(m)) fault = REPLY_LOOP;
  if (fault != REPLY_DONE) {
    receive_refuse(s, reply_of(fault), STR(""));
    return;
  }
  header_remove(&m->header, STR("X-VSMTP-DELEGATION")); /* ours alone: a forged one is no proof */
  m->body = receive_read;
  m->source = s->incoming;
  v = judge_start(&s->judge, s->server->loop, s->policy, m, STAGE_PREQ, 0, receive_judged_later, s);
  if (v)
    receive_judged(s, v);
  else
    session_wait(s);
}

/* ---- the text -------------------------------------------------------------------------------- */

static void receive_body(struct session *s, str body)
{
  int64_t limit = s->policy->conf->server.message_size_limit;

  if (s->drop) return;
  if (s->in.faults || (limit > 0 && s->in.data.octets > (uint64_t)limit))
    receive_drop(s);
  else if (incoming_body(s->incoming, body) == INCOMING_WAIT)
    session_wait(s);
}

bool receive_input(struct session *s)
{
  str all = io_input(s->io), in = all, body;
  enum message_event event = MESSAGE_MORE;

  if (all.n == 0) return false;
  while (!s->waiting && (event = message_next(&s->in, &in, &body)) == MESSAGE_BODY)
    receive_body(s, body);
  io_consume(s->io, all.n - in.n);
  if (event == MESSAGE_END) receive_end(s);
  return event == MESSAGE_END;
}
#undef RECEIVE_RATE
