/* smtp/attempt.c: the due recipients of one message, tried: mailboxes one after another, other servers
 * all at once, those of one destination together.
 *
 * That another server took a mail is written at once, whoever else is still on his way: so a crash
 * between a delivery and its record, after which it is tried again, concerns only what was in flight.
 * A mailbox is spared even that: the file's name is made of message and recipient, and found to be
 * there already. What failed or must wait is written in the end, with one report for all.
 */
#include "addr.h"
#include "bounce.h"
#include "deliver_int.h"
#include "dsn.h"
#include "locate.h"
#include "outbound.h"
#include "retry.h"

#define ATTEMPT_GROUP_MOST 100 /* recipients of one transaction; RFC 5321 §4.5.3.1.8: at least */

/* The mail read as a stream; there may be several at a time. */
struct attempt_text {
  struct deliver_job *job;
  struct buf piece;  /* of the body, */
  uint64_t piece_at; /* where in the mail it begins, */
  size_t piece_next; /* and the number of the next */
  bool lost;         /* a part of it is not there any more */
};

/* The recipients that go the same way. */
struct attempt_group {
  struct outbound o; /* first: what outbound.c gives back is a group */
  struct attempt_group *next;
  struct attempt *attempt;
  struct attempt_text text;
  size_t *at; /* indexes of its recipients */
  size_t count;
};

struct attempt {
  struct deliver_job *job;
  struct attempt_group *groups;
  size_t under_way; /* groups, and the mailboxes as one */
  bool draining;    /* no mailbox is begun any more */
  /* mailboxes */
  size_t at;                    /* index of the recipient being tried */
  struct attempt *line, **link; /* in line for the helper */
  struct helper_job *helper;
  struct attempt_text text;
  /* outcomes that are not written yet */
  struct store_outcome *outcomes;
  struct bounce_more *more;
  size_t count;
  struct store_trace *trace;
  size_t trace_count;
};

static const struct store_rcpt *attempt_rcpt(const struct attempt *a, size_t i)
{
  return &a->job->claim->mail.rcpt[i];
}

static int attempt_header(struct deliver_job *j, struct err *e)
{
  if (j->header.n) return 0;
  j->header.cap = LIMIT_HEADER_BYTES * 2;
  return queue_header(j->deliver->server->store, j->claim, &j->header, e);
}

/* ---- what is written --------------------------------------------------------------------------- */

static void attempt_go_on(struct attempt *a);
static void attempt_cancel(struct attempt *a);

static void attempt_recorded(void *arg, enum store_result result)
{
  struct deliver_job *j = arg;

  j->recording = false;
  if (result == STORE_GONE) { /* a person moved or removed it */
    log_info(LOG_DELIVERY, "mid=" STR_FMT " was taken away while it was worked on",
             STR_ARG(j->claim->mail.id));
    attempt_cancel(j->attempt);
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

  if (attempt_header(j, &e) < 0)
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
static void attempt_go_on(struct attempt *a)
{
  struct deliver_job *j = a->job;
  size_t n = a->under_way ? attempt_urgent(a) : a->count;

  if (j->recording) return;
  if (n > 0 && attempt_record(a, n) == 0) return;
  if (a->under_way == 0) deliver_job_end(j);
}

/* ---- outcomes ---------------------------------------------------------------------------------- */

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
  log_info(LOG_DELIVERY,
           "mid=" STR_FMT " to=%s transport=" STR_FMT "%s" STR_FMT "%s%s status=%s reply=%s",
           STR_ARG(a->job->claim->mail.id), log_q(r->address), STR_ARG(r->transport),
           remote.n ? " relay=" : "", STR_ARG(remote), end && end->tls ? " tls=" : "",
           end && end->tls ? end->tls : "", word, log_q(o->last_reply));
}

/* What became of recipient i. retry_at: a pending one is not due before; end: NULL for a mailbox. */
static void attempt_outcome(struct attempt *a, size_t i, enum store_status status, bool tried,
                            str reply, const struct outbound_end *end)
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
  if (o.status == STORE_PENDING && tried) o.next_at = retry_at(conf, r->attempts, now);
  if (o.status == STORE_PENDING && end && o.next_at < end->retry_at) o.next_at = end->retry_at;
  if (!o.last_reply.p) o.last_reply = STR("out of memory");
  if (end)
    a->more[a->count] = (struct bounce_more){
        .remote = arena_str(a->job->arena, end->remote), .relayed = true, .told = end->dsn};
  else
    a->more[a->count] = (struct bounce_more){.relayed = false};
  a->outcomes[a->count++] = o;
  attempt_tell(a, r, &o, end);
}

/* ---- the mail as a stream ---------------------------------------------------------------------- */

/* Makes the piece that holds octet `at` of the mail the current one. */
static int attempt_seek(struct attempt_text *t, uint64_t at)
{
  struct deliver_job *j = t->job;
  struct err e;

  while (at >= t->piece_at + t->piece.n) {
    int got;

    t->piece_at += t->piece.n;
    buf_clear(&t->piece);
    got = queue_body(j->deliver->server->store, j->claim, t->piece_next++, &t->piece, &e);
    if (got > 0) continue;
    t->lost = got == 0 || e.kind == ERR_BUG;
    log_warn(LOG_DELIVERY, "mid=" STR_FMT " cannot read the body: %s", STR_ARG(j->claim->mail.id),
             got == 0 ? "a part of it is gone" : e.text);
    return -1;
  }
  return 0;
}

static void attempt_rewind(struct attempt_text *t)
{
  buf_clear(&t->piece);
  t->piece.cap = LIMIT_CHUNK;
  t->piece_at = t->job->header.n;
  t->piece_next = 0;
}

static ptrdiff_t attempt_read(struct attempt_text *t, uint64_t at, char *p, size_t n)
{
  struct deliver_job *j = t->job;
  str from = buf_str(&j->header);

  if (at >= j->header.n) {
    if (at < t->piece_at) attempt_rewind(t);
    if (attempt_seek(t, at) < 0) return -1;
    from = str_skip(buf_str(&t->piece), (size_t)(at - t->piece_at));
  } else {
    from = str_skip(from, (size_t)at);
  }
  if (n > from.n) n = from.n;
  memcpy(p, from.p, n);
  return (ptrdiff_t)n;
}

/* ---- mailboxes --------------------------------------------------------------------------------- */

static bool attempt_is_local(const struct store_rcpt *r)
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

static void attempt_local_on(struct attempt *a);

/* A place at the helper is free. */
static void attempt_next_in_line(struct deliver *d)
{
  struct attempt *a = d->line.first;

  if (!a) return;
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
  attempt_next_in_line(d);
}

static ptrdiff_t attempt_local_body(void *arg, uint64_t at, char *p, size_t n)
{
  return attempt_read(&((struct attempt *)arg)->text, at, p, n);
}

static int attempt_local_find(struct attempt *a, struct locate *where, str *why)
{
  struct deliver_job *j = a->job;
  int found = locate_mailbox(j->policy->conf, j->deliver->server->store,
                             attempt_rcpt(a, a->at)->address, j->arena, where);

  struct err e;

  *why =
      found < 0 ? STR("4.3.0 cannot look for the mailbox now") : STR("5.1.1 no such mailbox here");
  if (found <= 0 || locate_make(j->policy->conf, where, j->arena, &e) == 0) return found;
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
  struct locate where;
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
    if (helper_deliver(j->deliver->server->helper, &what, attempt_local_body, attempt_delivered, a,
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
static void attempt_local_on(struct attempt *a)
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

/* ---- other servers ----------------------------------------------------------------------------- */

static struct attempt_group *attempt_group_of(struct outbound *o)
{
  return (struct attempt_group *)(void *)o;
}

static ptrdiff_t attempt_body(void *arg, uint64_t at, char *p, size_t n)
{
  struct attempt_group *g = attempt_group_of(arg);
  ptrdiff_t got = attempt_read(&g->text, at, p, n);

  g->o.unread = got < 0;
  return got;
}

/* A server is ready: the mail as it is sent. */
static int attempt_prepare(struct outbound *o, struct err *e)
{
  struct attempt_group *g = attempt_group_of(o);
  struct deliver_job *j = g->attempt->job;
  const struct store_mail *mail = &j->claim->mail;
  struct client_mail *m = &o->mail;

  if (attempt_header(j, e) < 0) return -1;
  *m = (struct client_mail){.from = mail->mail_from,
                            .dsn = dsn_of_context(mail->context, j->arena),
                            .rcpt_count = g->count,
                            .eight = true,
                            .octets = j->header.n + mail->octets,
                            .body = attempt_body,
                            .arena = j->arena};
  m->rcpt = arena_alloc(j->arena, g->count * sizeof *m->rcpt);
  if (!m->rcpt || !m->dsn.p) return err_nomem(e);
  for (size_t i = 0; i < g->count; i++) {
    const struct store_rcpt *r = attempt_rcpt(g->attempt, g->at[i]);
    str from = srs_sender(&j->deliver->server->srs, j->policy->conf, mail->mail_from, r->address,
                          j->arena);

    if (from.p != mail->mail_from.p) m->from = from;
    m->rcpt[i].address = r->address;
    m->rcpt[i].dsn = r->dsn;
    if (!addr_is_ascii(r->address)) m->utf8 = true;
  }
  if (!addr_is_ascii(m->from)) m->utf8 = true;
  attempt_rewind(&g->text);
  return 0;
}

/* What a reply means for one recipient; without one, why there is none. */
static enum store_status attempt_status(const struct attempt_group *g, const struct client_rcpt *r,
                                        str *reply)
{
  *reply = r->reply;
  if (r->code / 100 == 2) return STORE_DONE;
  if (r->code / 100 == 5) return STORE_FAILED;
  if (r->code || !g->text.lost) return STORE_PENDING;
  *reply = STR("5.3.0 a part of the stored mail is gone: it cannot be sent");
  return STORE_FAILED;
}

static void attempt_answered(struct attempt_group *g, const struct outbound_end *end)
{
  for (size_t i = 0; i < g->count; i++) {
    str reply;
    enum store_status status = attempt_status(g, &g->o.mail.rcpt[i], &reply);

    attempt_outcome(g->attempt, g->at[i], status, true, reply, end);
  }
}

static void attempt_settled(struct outbound *o, const struct outbound_end *end)
{
  struct attempt_group *g = attempt_group_of(o);
  struct attempt *a = g->attempt;
  enum store_status status = end->how == OUTBOUND_FAILED ? STORE_FAILED : STORE_PENDING;

  buf_free(&g->text.piece);
  if (end->how == OUTBOUND_ANSWERED)
    attempt_answered(g, end);
  else
    for (size_t i = 0; i < g->count; i++)
      attempt_outcome(a, g->at[i], status, end->how != OUTBOUND_PUT_OFF, end->text, end);
  a->under_way--;
  attempt_go_on(a);
}

/* What the sender's domain wants of those who carry its mail (config.md 3.6). */
static enum client_tls attempt_tls(const struct conf *conf, str sender)
{
  ptrdiff_t at = str_rchr(sender, '@');
  const struct conf_virtual *v =
      at < 0 ? NULL : conf_virtual_find(conf, str_skip(sender, (size_t)at + 1));

  return v && v->tls.on && v->tls.security_level == CONF_ENCRYPT ? CLIENT_TLS_REQUIRED
                                                                 : CLIENT_TLS_OPPORTUNISTIC;
}

/* Which way a recipient goes, in the words of outbound.h. */
static void attempt_way(const struct attempt *a, const struct store_rcpt *r, struct outbound *o)
{
  const struct conf *conf = a->job->policy->conf;
  ptrdiff_t at = str_rchr(r->address, '@');

  o->policy = a->job->policy;
  o->tls = CLIENT_TLS_OPPORTUNISTIC;
  if (str_eq(r->transport, STR("forward"))) {
    o->way = OUTBOUND_TARGET;
    o->where = r->target;
  } else if (conf->server.relay.on) {
    o->way = OUTBOUND_RELAY;
    o->where = STR("");
  } else {
    o->way = OUTBOUND_MX;
    o->where = str_skip(r->address, (size_t)(at + 1));
    o->tls = attempt_tls(conf, a->job->claim->mail.mail_from);
  }
}

static struct attempt_group *attempt_group_for(struct attempt *a, const struct store_rcpt *r)
{
  size_t most = a->job->claim->mail.rcpt_count;
  struct outbound o = {.prepare = attempt_prepare, .settled = attempt_settled};
  struct attempt_group *g;

  attempt_way(a, r, &o);
  for (g = a->groups; g; g = g->next)
    if (g->count < ATTEMPT_GROUP_MOST && g->o.way == o.way && str_ieq(g->o.where, o.where))
      return g;
  if (most > ATTEMPT_GROUP_MOST) most = ATTEMPT_GROUP_MOST;
  g = arena_alloc(a->job->arena, sizeof *g);
  if (g) g->at = arena_alloc(a->job->arena, most * sizeof *g->at);
  if (!g || !g->at) return NULL;
  g->o = o;
  g->attempt = a;
  g->text.job = a->job;
  g->next = a->groups;
  return a->groups = g;
}

static void attempt_sort_one(struct attempt *a, size_t i)
{
  const struct store_rcpt *r = attempt_rcpt(a, i);
  struct attempt_group *g;

  if (str_eq(r->transport, STR("none"))) {
    /* Of a mail from the drop folder, and refused as it came in: who left it there must hear of it. */
    attempt_outcome(a, i, r->last_reply.n ? STORE_FAILED : STORE_REMOVED, true,
                    r->last_reply.n ? r->last_reply : STR("delivery disabled by a rule"), NULL);
    return;
  }
  g = attempt_group_for(a, r);
  if (g)
    g->at[g->count++] = i;
  else
    attempt_outcome(a, i, STORE_PENDING, true, STR("4.3.0 out of memory"), NULL);
}

static void attempt_send(struct attempt *a, struct attempt_group *g)
{
  struct outbound_end end = {.how = OUTBOUND_DEFERRED};
  struct err e;

  if (outbound_send(a->job->deliver->server, &g->o, &e) == 0) return;
  end.text = str_of(e.text);
  attempt_settled(&g->o, &end);
}

/* ---- beginning and end ------------------------------------------------------------------------- */

/* Breaks everything off; what became of somebody is still written. */
static void attempt_cancel(struct attempt *a)
{
  for (struct attempt_group *g = a->groups; g; g = g->next) {
    outbound_cancel(&g->o);
    buf_free(&g->text.piece);
  }
  attempt_leave_line(a);
  if (a->helper) {
    helper_cancel(a->helper);
    a->job->deliver->line.busy--;
  }
  a->helper = NULL;
  buf_free(&a->text.piece);
  a->under_way = 0;
}

void attempt_drain(struct deliver_job *j)
{
  struct attempt *a = j->attempt;

  a->draining = true;
  for (struct attempt_group *g = a->groups; g; g = g->next) {
    if (outbound_is_at_text(&g->o) || !outbound_cancel(&g->o)) continue;
    buf_free(&g->text.piece);
    a->under_way--;
  }
  if (!a->helper && a->at < j->claim->mail.rcpt_count) {
    attempt_leave_line(a);
    attempt_local_on(a);
  } else {
    attempt_go_on(a);
  }
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
  a->job = a->text.job = j;
  a->outcomes = arena_alloc(j->arena, n * sizeof *a->outcomes);
  a->more = arena_alloc(j->arena, n * sizeof *a->more);
  a->trace = arena_alloc(j->arena, n * sizeof *a->trace);
  return a->outcomes && a->more && a->trace ? a : NULL;
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
  buf_free(&j->header); /* read again when it is sent: who waits is small */
  a->under_way = 1;     /* the mailboxes: so the job stays while groups begin */
  for (size_t i = 0; i < mail->rcpt_count; i++)
    if (deliver_is_due(attempt_rcpt(a, i), now) && !attempt_is_local(attempt_rcpt(a, i)))
      attempt_sort_one(a, i);
  for (struct attempt_group *g = a->groups; g; g = g->next) a->under_way++;
  for (struct attempt_group *g = a->groups; g; g = g->next) attempt_send(a, g);
  attempt_local_on(a);
}
#undef ATTEMPT_GROUP_MOST
