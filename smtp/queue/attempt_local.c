/* smtp/queue/attempt_local.c: the mailboxes among the recipients, one after another, by the helper.
 */
#include "attempt_int.h"
#include "../policy/policy.h"

bool attempt_is_local(const struct store_rcpt *r)
{
  return r->transport == TRANSPORT_MAILDIR || r->transport == TRANSPORT_MBOX;
}

static void attempt_delivered(void *arg, enum helper_outcome outcome, str text)
{
  struct attempt *a = arg;

  a->helper = NULL;
  list_remove(&a->link);
  switch (outcome) {
  case HELPER_OK: attempt_outcome(a, a->at, STORE_DONE, true, STR("2.0.0 delivered"), NULL); break;
  case HELPER_TEMP: attempt_outcome(a, a->at, STORE_PENDING, true, text, NULL); break;
  case HELPER_PERM: attempt_outcome(a, a->at, STORE_FAILED, true, text, NULL); break;
  }
  a->at++;
  attempt_local_on(a);
}

static ptrdiff_t attempt_local_body(void *arg, uint64_t at, char *p, size_t n)
{
  struct attempt *a = arg;

  return attempt_read(a, &a->text, at, p, n);
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
  what.format = r->transport == TRANSPORT_MBOX ? HELPER_MBOX : HELPER_MAILDIR;
  what.into = where.into;
  what.user = where.user;
  what.local = where.local;
  what.domain = where.domain;
  what.name = arena_printf(j->arena, STR_FMT ".%d", STR_ARG(mail->id), r->n);
  what.head = arena_printf(j->arena, "Return-Path: <" STR_FMT ">\r\nDelivered-To: " STR_FMT "\r\n",
                           STR_ARG(mail->mail_from), STR_ARG(r->address));
  what.first = r->attempts == 0 && r->last_reply.n == 0 && mail->received_at > j->deliver->started;
  if (attempt_open(a, &a->text, &e) == 0) {
    what.size = j->header.n + mail->octets;
    if (helper_deliver(j->deliver->mta->helper, &what, attempt_local_body, attempt_delivered, a,
                       &a->helper, &e) == 0)
      return true;
  }
  attempt_outcome(a, a->at, e.kind == ERR_PERM ? STORE_FAILED : STORE_PENDING, true, str_of(e.text),
                  NULL);
  return false;
}

/* Moves on to the next mailbox that is due; false: none is left. */
static bool attempt_local_seek(struct attempt *a)
{
  const struct store_mail *mail = &a->job->claim->mail;
  int64_t now = clock_wall();

  if (a->draining) a->at = mail->rcpt_count;
  for (; a->at < mail->rcpt_count; a->at++) {
    const struct store_rcpt *r = attempt_rcpt(a, a->at);

    if (deliver_is_due(r, now) && attempt_is_local(r)) return true;
  }
  return false;
}

/* Whose turn it is: the helper takes so many mails at once. */
void attempt_local_next(struct deliver *d)
{
  struct attempt *a;

  while (!d->stopped && (a = LINE_CALL(&d->line, LIMIT_DELIVERIES, struct attempt, link)) != NULL) {
    bool begun = false;

    for (; !begun && attempt_local_seek(a); a->at += !begun) begun = attempt_local(a);
    if (begun) continue;
    list_remove(&a->link);
    a->under_way--;
    attempt_go_on(a);
  }
}

void attempt_local_on(struct attempt *a)
{
  struct deliver *d = a->job->deliver;

  if (attempt_local_seek(a))
    line_join(&d->line, &a->link);
  else
    a->under_way--;
  attempt_go_on(a);
  attempt_local_next(d);
}

void attempt_local_drain(struct attempt *a)
{
  if (a->helper || a->at == a->job->claim->mail.rcpt_count) return;
  list_remove(&a->link);
  a->at = a->job->claim->mail.rcpt_count;
  a->under_way--;
}

void attempt_local_cancel(struct attempt *a)
{
  list_remove(&a->link);
  if (a->helper) helper_cancel(a->helper);
  a->helper = NULL;
  a->at = a->job->claim->mail.rcpt_count; /* none is left to be drained */
  mail_stream_free(&a->text.mail);
}
