/* smtp/queue/attempt.c: the due recipients of one message, tried: mailboxes one after another,
 * other servers all at once, those of one destination together.
 *
 * That another server took a mail is written at once, whoever else is still on his way: so a crash
 * between a delivery and its record, after which it is tried again, concerns only what was in
 * flight. A mailbox is spared even that: the file's name is made of message and recipient, and
 * found to be there already. What failed or must wait is written in the end, with one report for
 * all.
 */
#include "attempt_int.h"
#include "../outbound/outbound.h"

/* ---- the mail -------------------------------------------------------------------------------- */

int attempt_open(struct attempt *a, struct attempt_text *t, struct err *e)
{
  struct deliver_job *j = a->job;

  mail_stream_free(&t->mail);
  if (deliver_header(j, e) < 0) return -1;
  t->mail = (struct mail_stream){.head = buf_str(&j->header), .body = deliver_body, .source = j};
  return 0;
}

ptrdiff_t attempt_read(struct attempt *a, struct attempt_text *t, uint64_t at, char *p, size_t n)
{
  struct err e = {.kind = ERR_NONE};
  ptrdiff_t got = mail_stream_read(&t->mail, at, p, n, &e);

  if (got > 0) return got;
  t->lost = got == 0 || e.kind == ERR_BUG;
  log_warn(LOG_DELIVERY, "mid=" STR_FMT " cannot read the body: %s",
           STR_ARG(a->job->claim->mail.id), got == 0 ? "a part of it is gone" : e.text);
  return -1;
}

/* ---- what is written ------------------------------------------------------------------------- */

static void attempt_cancel(struct attempt *a);

static void attempt_recorded(void *arg, enum store_result result)
{
  struct deliver_job *j = arg;

  j->recording = false;
  if (result == STORE_GONE) { /* a person moved or removed it */
    log_info(LOG_DELIVERY, "mid=" STR_FMT " was taken away while it was worked on",
             STR_ARG(j->claim->mail.id));
    attempt_cancel(j->attempt);
    attempt_local_next(j->deliver);
  }
  attempt_go_on(j->attempt);
}

/* Writes the first n outcomes, in one transaction with the report they owe. -1: no memory. */
static int attempt_record(struct attempt *a, size_t n)
{
  struct deliver_job *j = a->job;
  struct bounce b;
  struct err e;
  int rc;

  if (deliver_header(j, &e) < 0)
    log_warn(LOG_DELIVERY, "mid=" STR_FMT " %s", STR_ARG(j->claim->mail.id), e.text);
  b = deliver_bounce(j);
  b.outcome = a->outcomes;
  b.more = a->more;
  b.count = n;
  b.trace = a->trace;
  b.trace_count = a->trace_count;
  rc = bounce_record(&b, attempt_recorded, j);
  j->recording = rc == 0;
  a->count -= n;
  memmove(a->outcomes, a->outcomes + n, a->count * sizeof *a->outcomes);
  memmove(a->more, a->more + n, a->count * sizeof *a->more);
  a->trace_count = 0;
  return rc;
}

/* Puts those that another server has first, and says how many: to forget them would be to send them
 * twice. */
static size_t attempt_urgent(struct attempt *a)
{
  size_t n = 0;

  for (size_t i = 0; i < a->count; i++) {
    struct store_outcome o = a->outcomes[i];
    struct bounce_more more = a->more[i];

    if (o.status != STORE_DONE || !more.relayed) continue;
    a->outcomes[i] = a->outcomes[n];
    a->more[i] = a->more[n];
    a->outcomes[n] = o;
    a->more[n++] = more;
  }
  return n;
}

/* Whenever something ended: writes what must be now, or in the end all, so that there is one report
 * for all who failed. The job may be gone afterwards. */
void attempt_go_on(struct attempt *a)
{
  struct deliver_job *j = a->job;
  size_t n = a->under_way ? attempt_urgent(a) : a->count;

  if (j->recording) return;
  if (n > 0 && attempt_record(a, n) == 0) return;
  if (a->under_way == 0) deliver_job_end(j);
}

/* ---- outcomes -------------------------------------------------------------------------------- */

static const char *attempt_word(enum store_status status, bool tried)
{
  switch (status) {
  case STORE_DONE: return "delivered";
  case STORE_FAILED: return "failed";
  case STORE_REMOVED: return "dropped";
  case STORE_PENDING: break;
  }
  return tried ? "deferred" : "waits";
}

static void attempt_tell(struct attempt *a, const struct store_rcpt *r,
                         const struct store_outcome *o, const struct outbound_end *end)
{
  const char *word = attempt_word(o->status, o->tried);
  str remote = end ? end->remote : STR("");

  if (o->tried || o->status != STORE_PENDING)
    a->trace[a->trace_count++] = (struct store_trace){.at = clock_wall(),
                                                      .stage = STR("delivery"),
                                                      .directive = r->address,
                                                      .kind = STR("delivery"),
                                                      .status = str_of(word),
                                                      .detail = o->last_reply};
  log_info(LOG_DELIVERY, "mid=" STR_FMT " to=%s transport=%s%s" STR_FMT "%s%s status=%s reply=%s",
           STR_ARG(a->job->claim->mail.id), log_q(r->address), transport_name(r->transport),
           remote.n ? " relay=" : "", STR_ARG(remote), end && end->tls ? " tls=" : "",
           end && end->tls ? end->tls : "", word, log_q(o->last_reply));
}

/* What became of recipient i; when a pending one is due again retry.c says. end: how outbound ended
 * it, NULL for a mailbox. */
void attempt_outcome(struct attempt *a, size_t i, enum store_status status, bool tried, str reply,
                     const struct outbound_end *end)
{
  const struct conf *conf = a->job->policy->conf;
  const struct store_mail *mail = &a->job->claim->mail;
  const struct store_rcpt *r = attempt_rcpt(a, i);
  int64_t now = clock_wall();
  struct store_outcome o = {.n = r->n, .status = status, .tried = tried};

  o.last_reply = arena_str(a->job->arena, reply);
  if (status == STORE_PENDING &&
      retry_is_over(conf, tried ? r->attempts : -1, mail->received_at, now)) {
    o.last_reply = arena_printf(a->job->arena, "given up: " STR_FMT, STR_ARG(reply));
    o.status = STORE_FAILED;
  }
  if (o.status == STORE_PENDING && tried) o.next_at = retry_at(conf, r->attempts - r->by_hand, now);
  if (o.status == STORE_PENDING && end && o.next_at < end->retry_at) o.next_at = end->retry_at;
  if (o.status == STORE_PENDING) o.next_at = retry_in_time(conf, mail->received_at, now, o.next_at);
  if (!o.last_reply.p) o.last_reply = STR("out of memory");
  if (end)
    a->more[a->count] = (struct bounce_more){
        .remote = arena_str(a->job->arena, end->remote), .relayed = true, .told = end->dsn};
  else
    a->more[a->count] = (struct bounce_more){.relayed = false};
  a->outcomes[a->count++] = o;
  attempt_tell(a, r, &o, end);
}

/* ---- beginning and end ----------------------------------------------------------------------- */

/* Breaks everything off; what became of somebody is still written. */
static void attempt_cancel(struct attempt *a)
{
  attempt_send_cancel(a);
  attempt_local_cancel(a);
  a->under_way = 0;
}

void attempt_drain(struct deliver_job *j)
{
  struct attempt *a = j->attempt;

  a->draining = true;
  attempt_send_drain(a);
  attempt_local_drain(a);
  attempt_go_on(a);
}

void attempt_stop(struct deliver_job *j)
{
  if (j->attempt) attempt_cancel(j->attempt);
}

static struct attempt *attempt_new(struct deliver_job *j)
{
  size_t n = j->claim->mail.rcpt_count + 1;
  struct attempt *a = arena_alloc(j->arena, sizeof *a);

  if (!a) return NULL;
  a->job = j;
  a->outcomes = arena_alloc(j->arena, n * sizeof *a->outcomes);
  a->more = arena_alloc(j->arena, n * sizeof *a->more);
  a->trace = arena_alloc(j->arena, n * sizeof *a->trace);
  return a->outcomes && a->more && a->trace ? a : NULL;
}

/* A mailbox is found when it is its turn. Of `none`, who still waits was refused in the drop
 * folder: who left the mail there must hear of it. */
static void attempt_sort(struct attempt *a, size_t i)
{
  const struct store_rcpt *r = attempt_rcpt(a, i);

  if (attempt_is_local(r)) return;
  if (r->transport != TRANSPORT_NONE)
    attempt_send_add(a, i);
  else if (r->last_reply.n)
    attempt_outcome(a, i, STORE_FAILED, true, r->last_reply, NULL);
  else
    attempt_outcome(a, i, STORE_REMOVED, true, STR("delivery disabled by a rule"), NULL);
}

void attempt_begin(struct deliver_job *j)
{
  struct attempt *a = j->attempt = attempt_new(j);
  const struct store_mail *mail = &j->claim->mail;
  int64_t now = clock_wall();

  if (!a) {
    deliver_job_end(j);
    return;
  }
  if (j->header.n > LIMIT_DELIVER_HEADER) buf_free(&j->header);
  a->under_way = 1; /* the mailboxes: so the job stays while groups begin */
  for (size_t i = 0; i < mail->rcpt_count; i++)
    if (deliver_is_due(attempt_rcpt(a, i), now)) attempt_sort(a, i);
  attempt_send(a);
  attempt_local_on(a);
}
