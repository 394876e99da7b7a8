/* smtp/attempt.c: the due recipients of one message, tried one after another.
 *
 * A crash between a delivery and its record tries again; the file's name in the mailbox is made of
 * message and recipient, so it is found to be there already.
 */
#include "deliver.h"
#include "locate.h"

#define ATTEMPT_DELAY_MAX (4 * 3600 * 1000) /* milliseconds */

int64_t attempt_next(const struct conf *conf, int attempts, int64_t now)
{
  int64_t delay = conf->server.queues.delivery.deferred_retry_period;
  uint32_t dice = 0;

  for (int i = 0; i < attempts && delay < ATTEMPT_DELAY_MAX; i++) delay *= 2;
  if (delay > ATTEMPT_DELAY_MAX) delay = ATTEMPT_DELAY_MAX;
  if (random_bytes(&dice, sizeof dice) < 0) dice = 0;
  return now + delay + (int64_t)(dice % 1024) * delay / 4096;
}

bool attempt_is_over(const struct conf *conf, int attempts, int64_t received_at, int64_t now)
{
  int64_t max = conf->server.queues.delivery.deferred_retry_max;

  if (max > 0 && attempts + 1 >= max) return true;
  return now - received_at > conf->server.queues.delivery.lifetime;
}

static const struct store_rcpt *attempt_rcpt(const struct deliver_job *j)
{
  return &j->claim->mail.rcpt[j->at];
}

/* ---- outcomes -------------------------------------------------------------------------------- */

static void attempt_trace(struct deliver_job *j, const char *status, str detail)
{
  const struct store_rcpt *r = attempt_rcpt(j);

  j->trace[j->trace_count++] = (struct store_trace){.at = clock_wall(),
                                                    .stage = STR("delivery"),
                                                    .directive = r->address,
                                                    .kind = STR("delivery"),
                                                    .status = str_of(status),
                                                    .detail = detail};
  log_info(LOG_DELIVERY, "mid=" STR_FMT " to=%s transport=" STR_FMT " status=%s reply=%s",
           STR_ARG(j->claim->mail.id), log_q(r->address), STR_ARG(r->transport), status,
           log_q(detail));
}

static void attempt_outcome(struct deliver_job *j, enum store_status status, str reply)
{
  const struct store_rcpt *r = attempt_rcpt(j);
  int64_t now = clock_wall();
  bool over = status == STORE_PENDING &&
              attempt_is_over(j->policy->conf, r->attempts, j->claim->mail.received_at, now);
  struct store_outcome o = {.n = r->n, .status = over ? STORE_FAILED : status, .tried = true};

  o.last_reply = arena_str(j->arena, reply);
  if (over) {
    o.last_reply = arena_printf(j->arena, "given up: " STR_FMT, STR_ARG(reply));
    status = STORE_FAILED;
  }
  if (status == STORE_PENDING) o.next_at = attempt_next(j->policy->conf, r->attempts, now);
  if (!o.last_reply.p) o.last_reply = STR("out of memory");
  j->outcomes[j->outcome_count++] = o;
  attempt_trace(j,
                status == STORE_DONE      ? "delivered"
                : status == STORE_PENDING ? "deferred"
                : status == STORE_REMOVED ? "dropped"
                                          : "failed",
                o.last_reply);
}

/* ---- the mail as a stream ---------------------------------------------------------------------- */

/* Makes the piece that holds octet `at` of the mail the current one. */
static int attempt_seek(struct deliver_job *j, uint64_t at)
{
  struct err e;

  while (at >= j->piece_at + j->piece.n) {
    j->piece_at += j->piece.n;
    buf_clear(&j->piece);
    if (queue_body(deliver_server(j->deliver)->store, j->claim, j->piece_next++, &j->piece, &e) <=
        0) {
      log_warn(LOG_DELIVERY, "mid=" STR_FMT " cannot read the body: %s", STR_ARG(j->claim->mail.id),
               e.text);
      return -1;
    }
  }
  return 0;
}

static ptrdiff_t attempt_body(void *arg, uint64_t at, char *p, size_t n)
{
  struct deliver_job *j = arg;
  str from = buf_str(&j->header);

  if (at >= j->header.n) {
    if (attempt_seek(j, at) < 0) return -1;
    from = str_skip(buf_str(&j->piece), (size_t)(at - j->piece_at));
  } else {
    from = str_skip(from, (size_t)at);
  }
  if (n > from.n) n = from.n;
  memcpy(p, from.p, n);
  return (ptrdiff_t)n;
}

static void attempt_rewind(struct deliver_job *j)
{
  buf_clear(&j->piece);
  j->piece_at = j->header.n;
  j->piece_next = 0;
}

/* ---- transports ------------------------------------------------------------------------------ */

static void attempt_on(struct deliver_job *j);

static void attempt_delivered(void *arg, enum helper_outcome outcome, str text)
{
  struct deliver_job *j = arg;

  j->helper = NULL;
  switch (outcome) {
  case HELPER_OK: attempt_outcome(j, STORE_DONE, STR("2.0.0 delivered")); break;
  case HELPER_TEMP: attempt_outcome(j, STORE_PENDING, text); break;
  case HELPER_PERM: attempt_outcome(j, STORE_FAILED, text); break;
  }
  j->at++;
  attempt_on(j);
}

/* Asks the helper. True: attempt_delivered will be called. */
static bool attempt_local(struct deliver_job *j, enum helper_format format)
{
  const struct store_mail *mail = &j->claim->mail;
  const struct store_rcpt *r = attempt_rcpt(j);
  struct server *server = deliver_server(j->deliver);
  struct helper_delivery what = {.format = format, .sender = mail->mail_from};
  struct locate where;
  struct err e = {.kind = ERR_NONE};

  int found = locate_mailbox(j->policy->conf, server->store, r->address, j->arena, &where);
  if (found <= 0) {
    attempt_outcome(j, found < 0 ? STORE_PENDING : STORE_FAILED,
                    found < 0 ? STR("4.3.0 cannot look for the mailbox now")
                              : STR("5.1.1 no such mailbox here"));
    return false;
  }
  if (locate_make(j->policy->conf, &where, j->arena, &e) < 0) {
    attempt_outcome(j, STORE_PENDING, str_of(e.text));
    return false;
  }
  what.place = where.place;
  what.user = where.user;
  what.local = where.local;
  what.domain = where.domain;
  what.name = arena_printf(j->arena, STR_FMT ".%d", STR_ARG(mail->id), r->n);
  what.head = arena_printf(j->arena, "Return-Path: <" STR_FMT ">\r\nDelivered-To: " STR_FMT "\r\n",
                           STR_ARG(mail->mail_from), STR_ARG(r->address));
  what.size = j->header.n + mail->octets;
  what.first = r->attempts == 0 && mail->received_at > deliver_started(j->deliver);
  attempt_rewind(j);
  if (helper_deliver(server->helper, &what, attempt_body, attempt_delivered, j, &j->helper, &e) ==
      0)
    return true;
  attempt_outcome(j, e.kind == ERR_PERM ? STORE_FAILED : STORE_PENDING, str_of(e.text));
  return false;
}

/* One recipient. True: its outcome comes later. */
static bool attempt_one(struct deliver_job *j)
{
  str transport = attempt_rcpt(j)->transport;

  if (str_eq(transport, STR("maildir"))) return attempt_local(j, HELPER_MAILDIR);
  if (str_eq(transport, STR("mbox"))) return attempt_local(j, HELPER_MBOX);
  if (str_eq(transport, STR("none")))
    attempt_outcome(j, STORE_REMOVED, STR("delivery disabled by a rule"));
  else
    attempt_outcome(j, STORE_PENDING,
                    STR("4.4.0 outbound delivery is not built in: it waits for a later version"));
  return false;
}

/* Goes on with the next recipient that is due, and records when there is none. */
static void attempt_on(struct deliver_job *j)
{
  const struct store_mail *mail = &j->claim->mail;
  struct bounce b = deliver_bounce(j);
  int64_t now = clock_wall();

  for (; j->at < mail->rcpt_count; j->at++) {
    const struct store_rcpt *r = attempt_rcpt(j);

    if (r->status == STORE_PENDING && r->next_at <= now && attempt_one(j)) return;
  }
  if (j->outcome_count == 0) {
    deliver_job_end(j);
    return;
  }
  b.outcome = j->outcomes;
  b.count = j->outcome_count;
  b.trace = j->trace;
  b.trace_count = j->trace_count;
  deliver_recording(j, bounce_record(&b, deliver_recorded, j));
}

void attempt_begin(struct deliver_job *j)
{
  size_t n = j->claim->mail.rcpt_count;

  j->outcomes = arena_alloc(j->arena, (n + 1) * sizeof *j->outcomes);
  j->trace = arena_alloc(j->arena, (n + 1) * sizeof *j->trace);
  if (!j->outcomes || !j->trace)
    deliver_job_end(j);
  else
    attempt_on(j);
}
#undef ATTEMPT_DELAY_MAX
