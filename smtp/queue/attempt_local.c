/* smtp/queue/attempt_local.c: the mailboxes among the recipients, one after another, by the helper.
 */
#include "attempt_int.h"
#include "../policy/policy.h"

bool attempt_is_local(const struct store_rcpt *r)
{
  return str_eq(r->transport, STR("maildir")) || str_eq(r->transport, STR("mbox"));
}

/* The helper takes so many at once; the others stand in line. */
static void attempt_join_line(struct attempt *a)
{
  struct deliver_line *line = &a->job->deliver->line;

  a->line = NULL;
  a->link = line->last ? line->last : &line->first;
  *a->link = a;
  line->last = &a->line;
}

static void attempt_leave_line(struct attempt *a)
{
  struct deliver_line *line = &a->job->deliver->line;

  if (!a->link) return;
  *a->link = a->line;
  if (a->line)
    a->line->link = a->link;
  else
    line->last = a->link;
  a->link = NULL;
}

void attempt_local_next(struct deliver *d)
{
  struct attempt *a = d->line.first;

  if (!a || d->stopped || d->line.busy >= LIMIT_DELIVERIES) return;
  attempt_leave_line(a);
  attempt_local_on(a);
}

static void attempt_delivered(void *arg, enum helper_outcome outcome, str text)
{
  struct attempt *a = arg;
  struct deliver *d = a->job->deliver;

  a->helper = NULL;
  d->line.busy--;
  switch (outcome) {
  case HELPER_OK: attempt_outcome(a, a->at, STORE_DONE, true, STR("2.0.0 delivered"), NULL); break;
  case HELPER_TEMP: attempt_outcome(a, a->at, STORE_PENDING, true, text, NULL); break;
  case HELPER_PERM: attempt_outcome(a, a->at, STORE_FAILED, true, text, NULL); break;
  }
  a->at++;
  attempt_local_on(a);
  attempt_local_next(d);
}

static ptrdiff_t attempt_local_body(void *arg, uint64_t at, char *p, size_t n)
{
  return attempt_read(&((struct attempt *)arg)->text, at, p, n);
}

static int attempt_local_find(struct attempt *a, struct inbox *where, str *why)
{
  struct deliver_job *j = a->job;
  int found = inbox_mailbox(j->policy->conf, j->deliver->mta->store,
                            attempt_rcpt(a, a->at)->address, j->arena, where);

  struct err e;

  *why =
      found < 0 ? STR("4.3.0 cannot look for the mailbox now") : STR("5.1.1 no such mailbox here");
  if (found <= 0 || inbox_make(j->policy->conf, where, j->arena, &e) == 0) return found;
  *why = arena_str(j->arena, str_of(e.text));
  return -1;
}

/* Asks the helper. True: attempt_delivered will be called. */
static bool attempt_local(struct attempt *a)
{
  struct deliver_job *j = a->job;
  const struct store_mail *mail = &j->claim->mail;
  const struct store_rcpt *r = attempt_rcpt(a, a->at);
  struct helper_delivery what = {.sender = mail->mail_from};
  struct inbox where;
  struct err e = {.kind = ERR_NONE};
  str why;
  int found = attempt_local_find(a, &where, &why);

  if (found <= 0) {
    attempt_outcome(a, a->at, found < 0 ? STORE_PENDING : STORE_FAILED, true, why, NULL);
    return false;
  }
  what.format = str_eq(r->transport, STR("mbox")) ? HELPER_MBOX : HELPER_MAILDIR;
  what.place = where.place;
  what.user = where.user;
  what.local = where.local;
  what.domain = where.domain;
  what.name = arena_printf(j->arena, STR_FMT ".%d", STR_ARG(mail->id), r->n);
  what.head = arena_printf(j->arena, "Return-Path: <" STR_FMT ">\r\nDelivered-To: " STR_FMT "\r\n",
                           STR_ARG(mail->mail_from), STR_ARG(r->address));
  what.first = r->attempts == 0 && r->last_reply.n == 0 && mail->received_at > j->deliver->started;
  if (attempt_header(j, &e) == 0) {
    what.size = j->header.n + mail->octets;
    attempt_rewind(&a->text);
    if (helper_deliver(j->deliver->mta->helper, &what, attempt_local_body, attempt_delivered, a,
                       &a->helper, &e) == 0) {
      j->deliver->line.busy++;
      return true;
    }
  }
  attempt_outcome(a, a->at, e.kind == ERR_PERM ? STORE_FAILED : STORE_PENDING, true, str_of(e.text),
                  NULL);
  return false;
}

/* Goes on with the next mailbox. */
void attempt_local_on(struct attempt *a)
{
  const struct store_mail *mail = &a->job->claim->mail;
  int64_t now = clock_wall();

  if (a->draining) a->at = mail->rcpt_count;
  for (; a->at < mail->rcpt_count; a->at++) {
    const struct store_rcpt *r = attempt_rcpt(a, a->at);

    if (!deliver_is_due(r, now) || !attempt_is_local(r)) continue;
    if (a->job->deliver->line.busy >= LIMIT_DELIVERIES) {
      attempt_join_line(a);
      break;
    }
    if (attempt_local(a)) break;
  }
  if (a->at == mail->rcpt_count) a->under_way--;
  attempt_go_on(a);
}

void attempt_local_drain(struct attempt *a)
{
  if (a->helper || a->at == a->job->claim->mail.rcpt_count) return;
  attempt_leave_line(a);
  a->at = a->job->claim->mail.rcpt_count;
  a->under_way--;
}

void attempt_local_cancel(struct attempt *a)
{
  attempt_leave_line(a);
  if (a->helper) {
    helper_cancel(a->helper);
    a->job->deliver->line.busy--;
  }
  a->helper = NULL;
  a->at = a->job->claim->mail.rcpt_count; /* none is left to be drained */
  buf_free(&a->text.piece);
}
