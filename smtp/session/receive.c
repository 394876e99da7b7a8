/* smtp/session/receive.c: from 354 to the answer of the store.
 *
 * The header block is gathered in memory, the body goes to the store as it arrives. Whatever is
 * wrong with a message, it is read to its true end before it is refused: only so can nothing in it
 * be taken for a command. So schema.sql law 7 is kept: of a mail that stays 250 is said in
 * receive_stored and nowhere else, after the commit. (A rule's info(code) may say it of one that is
 * dropped, and a filter hears it when the mail it brings back is whole: receive_end_returned.)
 */
#include "../policy/policy.h"
#include "session_int.h"

void receive_forget(struct session *s)
{
  delegate_free(s->tx.delegate);
  s->tx.delegate = NULL;
  delegate_part(&s->tx.bringer);
  if (!s->tx.in_open) return;
  s->tx.in_open = false;
  incoming_free(s->tx.incoming);
  s->tx.incoming = NULL;
  message_free(&s->tx.in);
  buf_free(&s->tx.header);
  buf_free(&s->tx.context);
  io_min_rate(s->io, 0, 0);
}

/* The message is refused, whatever else comes: what is stored of it goes at once. */
static void receive_discard(struct session *s)
{
  s->tx.discard = s->tx.bringer.unwanted = true;
  incoming_free(s->tx.incoming);
  s->tx.incoming = NULL;
}

void receive_ready(void *arg)
{
  session_resume(arg);
}

bool receive_check(struct session *s)
{
  if (s->tx.mail->rcpt_count == 0) {
    session_reply(s, reply_of(s->tx.refused_rcpt ? REPLY_NO_VALID_RCPT : REPLY_NO_RCPT));
    return false;
  }
  if (s->dropped && s->dropped->later) {
    session_reply(s, conf_reply(s->policy->conf, CODE_FAILURE, "4.3.0"));
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

/* ---- the end of the text --------------------------------------------------------------------- */

/* The transaction is over: the answer was given. A server that stops waited for this. */
void receive_finish(struct session *s)
{
  if (s->state == SESSION_CLOSING) return;
  session_reset(s);
  if (s->hub->stopping) session_stop(s);
}

void receive_refuse(struct session *s, struct reply r, str why)
{
  session_refuse(s, STAGE_PREQ, r, why);
  receive_finish(s);
}

static void receive_stored(void *arg, enum store_result result)
{
  struct session *s = arg;
  struct mail *m = s->tx.mail;
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
             (unsigned long long)s->tx.in.data.octets);
    s->idle = 0;
    session_reply(s, r);
    receive_finish(s);
  }
  session_go_on(s);
}

static enum store_queue receive_queue(const struct session *s, const struct rules_verdict *v)
{
  if (v->kind == RULES_QUARANTINE) return STORE_QUARANTINE;
  if (v->kind == RULES_FACCEPT) return STORE_DELIVER;
  return rules_count(s->policy->rules, STAGE_POSTQ) ? STORE_WORKING : STORE_DELIVER;
}

/* Where the rules go on. A mail set aside before preq has not met the rules of preq: it will. */
static int receive_step(const struct session *s, const struct rules_verdict *v)
{
  if (v->kind != RULES_QUARANTINE) return deliver_step(STAGE_POSTQ, 0, DELIVER_FROM);
  if (s->tx.mail->decided != STAGE_PREQ) return deliver_step(STAGE_PREQ, 0, DELIVER_FROM);
  return deliver_step(STAGE_PREQ, v->next - 1, DELIVER_AFTER);
}

/* Of a mail from the drop folder: the name of its file, and the message about whom it is refused
 * for; its recipients fail when they are due, and so the sender is told. */
static int receive_add_dropped(struct session *s, struct store_mail *row)
{
  struct session_dropped *d = s->dropped;
  struct store_mail *also;
  char id[ID_LENGTH + 1];

  row->dropped = d->file;
  if (d->refused_count == 0) return 0;
  also = arena_alloc(s->arena, sizeof *also);
  if (!also) return -1;
  *also = *row;
  also->id = arena_str(s->arena, str_of(id_new(id)));
  also->queue = STORE_DELIVER;
  also->quarantine = also->stage = also->rule = also->reason = also->dropped = (str){"", 0};
  also->step = DELIVER_RULED;
  also->rcpt = d->refused;
  also->rcpt_count = d->refused_count;
  row->also = also;
  return also->id.p ? 0 : -1;
}

/* Hands everything to the store; receive_stored has its answer. */
static void receive_store(struct session *s, const struct rules_verdict *v)
{
  struct mail *m = s->tx.mail;
  struct store_mail *row = arena_alloc(s->arena, sizeof *row);
  bool quarantined = v->kind == RULES_QUARANTINE;
  struct err e = {.kind = ERR_NOMEM};

  s->tx.header.cap = LIMIT_HEADER_BYTES + 2;
  s->tx.context.cap = LIMIT_COMMAND_LINE * 4;
  if (v->kind == RULES_ACCEPT) mail_set_reply(m, &v->code);
  mail_trace(m, STAGE_PREQ, STR(""), "server", STR("accepted"),
             quarantined ? v->text : STR("to the queue"));
  if (!row || mail_header(m, &s->tx.header, &e) < 0 || mail_context_write(m, &s->tx.context) < 0) {
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
                             .context = buf_str(&s->tx.context),
                             .step = receive_step(s, v),
                             .rcpt = mail_rcpt_rows(m, s->arena, clock_wall()),
                             .rcpt_count = m->rcpt_count,
                             .header = buf_str(&s->tx.header),
                             .trace = m->trace,
                             .trace_count = m->trace_count};
  if (quarantined) {
    row->stage = mail_stage_name(m->decided);
    row->rule = m->directive;
    row->reason = m->reason;
  }
  if (!row->rcpt || (s->dropped && receive_add_dropped(s, row) < 0)) {
    receive_refuse(s, reply_of(REPLY_STORE_FAILED), STR(""));
    return;
  }
  session_wait(s);
  incoming_accept(s->tx.incoming, row, receive_stored, s);
}

static void receive_judged(struct session *s, const struct rules_verdict *v)
{
  struct err e;

  if (rcpt_expand_all(s->tx.mail, STAGE_PREQ, &e) < 0) v = &judge_no_memory;
  if (v->kind == RULES_DENY || v->kind == RULES_INFO)
    receive_refuse(s, session_code(s, &v->code, CODE_DENIED, ""), STR(""));
  else if (v->kind == RULES_DELEGATED)
    receive_delegate(s, v);
  else if (s->tx.mail->rcpt_count == 0)
    receive_refuse(s, conf_reply(s->policy->conf, CODE_DENIED, ""), STR(""));
  else
    receive_store(s, v);
}

static void receive_judged_later(void *arg, const struct rules_verdict *v)
{
  struct session *s = arg;

  s->waiting = false;
  receive_judged(s, v);
  session_go_on(s);
}

/* Asks stage preq from a directive on; returned: a delegate, whose message came back. */
void receive_ask(struct session *s, size_t from, bool returned)
{
  struct judge_order o = {.loop = s->mta->loop,
                          .policy = s->policy,
                          .mail = s->tx.mail,
                          .stage = STAGE_PREQ,
                          .from = from,
                          .returned = returned,
                          .done = receive_judged_later,
                          .arg = s};
  const struct rules_verdict *v = judge_start(&s->judge, &o);

  if (v)
    receive_judged(s, v);
  else
    session_wait(s);
}

/* ---- the text begins ------------------------------------------------------------------------- */

void receive_begin(struct session *s)
{
  message_begin(&s->tx.in);
  s->tx.in_open = true;
  s->tx.discard = false;
  s->tx.incoming = incoming_new(s->mta->store, s->tx.mail->facts.message_id);
  if (!s->tx.incoming) {
    receive_forget(s);
    session_reply(s, reply_of(REPLY_STORE_FAILED));
    return;
  }
  incoming_on_ready(s->tx.incoming, receive_ready, s);
  if (s->kind == SESSION_RETURN) receive_expect_return(s);
  session_enter(s, SESSION_DATA);
  io_min_rate(s->io, LIMIT_DATA_RATE, s->policy->conf->server.smtp.timeout_client.data);
  session_reply(s, conf_reply(s->policy->conf, CODE_DATA_START, ""));
}

/* ---- the text as a whole --------------------------------------------------------------------- */

static int receive_read(void *source, size_t n, struct buf *out, struct err *e)
{
  return incoming_read(source, n, out, e);
}

/* RFC 5321 §6.3 and what mailing software does: a mail that was here already goes in a circle. */
static bool receive_is_loop(const struct mail *m)
{
  const struct conf *c = m->conf;
  struct header_field *f;

  for (size_t n = 0; (f = header_find(&m->header, STR("Delivered-To"), n)) != NULL; n++) {
    str to = header_value(f, m->arena);

    for (size_t i = 0; to.n && i < m->rcpt_count; i++)
      if (mail_rcpt_same(c, to, m->rcpt[i].address) || mail_rcpt_same(c, to, m->rcpt[i].original))
        return true;
  }
  return false;
}

/* A filter may add some header to what we sent. 0: no limit. */
static uint64_t receive_limit(const struct session *s)
{
  int64_t limit = s->policy->conf->server.message_size_limit;

  return limit <= 0 ? 0 : (uint64_t)limit + (s->traits->as_it_is ? LIMIT_HEADER_BYTES : 0);
}

/* What is wrong with the text as a whole; REPLY_DONE: nothing. */
static enum reply_id receive_fault(const struct session *s)
{
  static const struct {
    unsigned fault;
    enum reply_id reply;
  } table[] = {
      {UNSTUFF_NUL, REPLY_NUL_BYTE},    {UNSTUFF_BARE_LF, REPLY_BARE_LF},
      {UNSTUFF_BARE_CR, REPLY_BARE_CR}, {MESSAGE_HEADER_TOO_BIG, REPLY_HEADER_TOO_BIG},
      {MESSAGE_LOOP, REPLY_LOOP},       {MESSAGE_NO_MEMORY, REPLY_STORE_FAILED},
  };
  unsigned faults = s->tx.in.faults & ~(s->traits->as_it_is ? (unsigned)MESSAGE_LOOP : 0u);
  uint64_t limit = receive_limit(s);

  for (size_t i = 0; i < BASE_COUNT(table); i++)
    if (faults & table[i].fault) return table[i].reply;
  if (limit > 0 && s->tx.in.data.octets > limit) return REPLY_TOO_BIG;
  switch (s->tx.incoming ? incoming_state(s->tx.incoming) : INCOMING_TEMP) {
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
  enum reply_id fault = receive_fault(s);
  struct mail *m = s->tx.mail;
  struct err e;

  session_enter(s, SESSION_JUDGING);
  io_min_rate(s->io, 0, 0);
  if (s->kind == SESSION_RETURN) {
    receive_end_returned(s, fault);
    return;
  }
  if (fault == REPLY_DONE && mail_arrive(m, buf_str(&s->tx.in.header), true, &e) < 0)
    fault = e.kind == ERR_PERM ? REPLY_HEADER_TOO_BIG : REPLY_STORE_FAILED;
  if (fault == REPLY_DONE && receive_is_loop(m)) fault = REPLY_LOOP;
  if (fault == REPLY_DONE && rcpt_expand_mark(m, &e) < 0) fault = REPLY_STORE_FAILED;
  if (fault == REPLY_DONE) fault = delegate_arrive(s->hub->delegates, s->policy->rules, m);
  if (fault != REPLY_DONE) {
    receive_refuse(s, reply_of(fault), STR(""));
    return;
  }
  m->body = receive_read;
  m->source = s->tx.incoming;
  receive_ask(s, 0, false);
}

/* ---- the text -------------------------------------------------------------------------------- */

static void receive_body(struct session *s, str body)
{
  uint64_t limit = receive_limit(s);
  enum incoming_state state = INCOMING_GO;

  if (s->tx.discard || s->tx.bringer.unwanted) return;
  if ((s->tx.in.faults && !s->traits->as_it_is) || (limit > 0 && s->tx.in.data.octets > limit))
    receive_discard(s);
  else
    state = s->kind == SESSION_RETURN
                ? delegate_bring(&s->tx.bringer, buf_str(&s->tx.in.header), body)
                : incoming_body(s->tx.incoming, body);
  if (state == INCOMING_WAIT) session_wait(s);
}

bool receive_input(struct session *s)
{
  str all = io_input(s->io), in = all, body;
  enum message_event event = MESSAGE_MORE;

  if (all.n == 0) return false;
  while (!s->waiting && (event = message_next(&s->tx.in, &in, &body)) == MESSAGE_BODY)
    receive_body(s, body);
  io_consume(s->io, all.n - in.n);
  if (event == MESSAGE_END) receive_end(s);
  return event == MESSAGE_END;
}
