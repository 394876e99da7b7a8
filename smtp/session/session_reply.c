/* smtp/session/session_reply.c: what a client is told: replies, refusals with their trace, answers
 * held back. */
#include "session_int.h"

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

void session_reply_late(struct timer *t, void *arg)
{
  (void)t;
  session_release_reply(arg);
}

/* How long the answer is held back. A client that errs much gets every one late
 * (server.smtp.error). */
static int64_t session_lateness(struct session *s)
{
  int64_t soft = s->policy->conf->server.smtp.error.soft_count, late = s->late;

  s->late = 0;
  if (soft >= 0 && s->errors > soft) late += s->policy->conf->server.smtp.error.delay;
  return late;
}

static void session_count_reply(struct session *s, const struct reply *r, struct buf *out)
{
  int64_t hard = s->policy->conf->server.smtp.error.hard_count;

  if (r->basic >= 400 && !s->traits->trusted) s->errors++;
  if (hard < 0 || s->errors <= hard) return;
  reply_put(out, conf_reply(s->policy->conf, CODE_TOO_MANY_ERROR, ""));
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
    timer_set(s->mta->loop, &s->delay, loop_now(s->mta->loop) + late);
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
  return conf_reply(s->policy->conf, id, enhanced);
}

/* What was decided about this client, so that it can be explained though no mail is kept. Outside a
 * transaction the row stays out of the mail: its arena is rewound before that mail ends. */
static void session_store_refusal(struct session *s, enum stage stage, str detail)
{
  struct mail *m = session_mail(s);
  struct store_trace row = {.at = clock_wall(), .stage = mail_stage_name(stage)};

  if (s->tx.mail) mail_trace(m, stage, STR(""), "server", STR("refused"), detail);
  if (m->trace_count > s->reported)
    refused_add(s->mta->store, str_of(s->id), m->trace + s->reported, m->trace_count - s->reported);
  s->reported = m->trace_count;
  if (s->tx.mail) return;
  row.kind = STR("server");
  row.status = STR("refused");
  row.detail = detail;
  refused_add(s->mta->store, str_of(s->id), &row, 1);
}

void session_refuse(struct session *s, enum stage stage, struct reply r, str why)
{
  const struct rules_facts *f = &session_mail(s)->facts;
  struct buf detail = BUF_INIT(LIMIT_COMMAND_LINE * 2);

  reply_show(&detail, r);
  if (why.n) buf_printf(&detail, " <" STR_FMT ">", STR_ARG(why));
  session_store_refusal(s, stage, buf_str(&detail));
  log_info(LOG_RECEIVER, "sid=%s client=" STR_FMT " refused reply=%s from=%s to=%s", s->id,
           STR_ARG(f->client_ip), log_q(buf_str(&detail)), log_q(f->mail_from), log_q(why));
  buf_free(&detail);
  session_reply(s, r);
}
