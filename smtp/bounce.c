/* smtp/bounce.c: what a sender is told of his mail: who, whether, and that it happens once.
 *
 * A call becomes a list of items, one a recipient; each is looked at by itself: is somebody to be told
 * (RFC 3461 §5.2), and if a failure is not, why. What is owed becomes one report, which is written
 * in the same transaction as the outcomes. So the law of the store holds: a message is in `dead`, and
 * its sender has a report in the queue, or both not.
 */
#include "bounce.h"

#include "alias.h"
#include "bounce_text.h"
#include "deliver.h"
#include "dsn.h"

#define BOUNCE_HOUR  3600000 /* milliseconds */
#define BOUNCE_REPLY 400     /* octets of a reply, so that what we put behind it is kept too */

void bounce_rate_free(struct bounce_rate *rate)
{
  map_free(&rate->senders);
}

/* Counts a report to a sender; false: he has had enough of them in this hour. */
static bool bounce_rate_take(struct bounce_rate *rate, str sender, int64_t now)
{
  if (now - rate->since >= BOUNCE_HOUR || now < rate->since) {
    map_free(&rate->senders);
    rate->since = now;
  }
  uintptr_t n = (uintptr_t)map_get(&rate->senders, sender);
  if (n >= LIMIT_BOUNCE_RATE || (n == 0 && rate->senders.live >= LIMIT_BOUNCE_SENDERS))
    return false;
  /* Without memory to count with, nobody is written to. */
  return map_set(&rate->senders, sender, (void *)(n + 1)) == 0;
}

/* ---- one recipient --------------------------------------------------------------------------- */

struct bounce_item {
  const struct store_rcpt *rcpt;
  enum store_status status;
  str reply;
  struct bounce_more more;
  struct dsn dsn;
  /* found out */
  bool owed;
  enum bounce_action action;
  const char *untold; /* why a failure is not reported */
};

/* It has waited so long that he should know, and does not. */
static bool bounce_is_late(const struct bounce *b, const struct store_rcpt *r, int64_t now)
{
  int64_t after = b->conf->server.queues.delivery.warn_after;

  return after > 0 && !r->warned && now - b->claim->mail.received_at >= after;
}

static void bounce_judge(const struct bounce *b, struct bounce_item *x, int64_t now)
{
  unsigned wish = 0;

  switch (x->status) {
  case STORE_FAILED: wish = DSN_FAILURE; break;
  case STORE_PENDING: wish = bounce_is_late(b, x->rcpt, now) ? DSN_DELAY : 0; break;
  case STORE_DONE: wish = x->more.told ? 0 : DSN_SUCCESS; break;
  case STORE_REMOVED: break;
  }
  x->action = x->status == STORE_FAILED    ? BOUNCE_FAILED
              : x->status == STORE_PENDING ? BOUNCE_DELAYED
              : x->more.relayed            ? BOUNCE_RELAYED
                                           : BOUNCE_DELIVERED;
  x->owed = (x->dsn.notify & wish) && b->claim->mail.mail_from.n;
  if (b->claim->mail.mail_from.n == 0)
    x->untold = "it came from nobody";
  else if (!x->owed)
    x->untold = x->rcpt->original.n ? "he asked not to be" : "a rule added this recipient";
}

/* Nobody is told after all. */
static void bounce_silence(struct bounce_item *item, size_t count, const char *why)
{
  for (size_t i = 0; i < count; i++)
    if (item[i].owed) {
      item[i].owed = false;
      item[i].untold = why;
    }
}

/* What is recorded of the recipient. p NULL: no memory. */
static str bounce_reply(const struct bounce *b, const struct bounce_item *x)
{
  str reply = str_sub(x->reply, 0, BOUNCE_REPLY);

  if (x->status != STORE_FAILED || x->owed) return arena_str(b->arena, x->reply);
  while (reply.n > 0 && reply.n < x->reply.n && ((unsigned char)x->reply.p[reply.n] & 0xc0) == 0x80)
    reply.n--;
  return arena_printf(b->arena, STR_FMT "; sender not told: %s", STR_ARG(reply), x->untold);
}

/* ---- the report ------------------------------------------------------------------------------ */

static size_t bounce_owed(const struct bounce_item *item, size_t count)
{
  size_t n = 0;

  for (size_t i = 0; i < count; i++) n += item[i].owed;
  return n;
}

static const struct bounce_rcpt *bounce_rcpts(const struct bounce *b,
                                              const struct bounce_item *item, size_t count)
{
  struct bounce_rcpt *list = arena_alloc(b->arena, (count + 1) * sizeof *list);
  size_t n = 0;

  for (size_t i = 0; list && i < count; i++)
    if (item[i].owed)
      list[n++] = (struct bounce_rcpt){.action = item[i].action,
                                       .address = item[i].rcpt->address,
                                       .original = item[i].rcpt->original,
                                       .orcpt_type = item[i].dsn.orcpt_type,
                                       .orcpt = item[i].dsn.orcpt,
                                       .reply = item[i].reply,
                                       .remote = item[i].more.remote};
  return list;
}

/* The body, when he wants it back and it is small and can go as it is; else p NULL. One piece at most
 * is read, so nobody who reads the same body meanwhile is disturbed. */
static str bounce_body(const struct bounce *b, bool full)
{
  const struct store_mail *m = &b->claim->mail;
  struct buf piece = BUF_INIT(LIMIT_CHUNK);
  str body = {NULL, 0};
  struct err e;

  if (!full || m->chunks > 1 || b->header.n + m->octets > LIMIT_BOUNCE_FULL) return body;
  if (m->chunks == 0 || queue_body(b->store, b->claim, 0, &piece, &e) == 1)
    body = arena_str(b->arena, buf_str(&piece));
  buf_free(&piece);
  if (!bounce_text_is_plain(b->header) || !bounce_text_is_plain(body)) body = (str){NULL, 0};
  return body;
}

/* Where the report goes: the sender, or whom aliases mean by him. NULL: no memory. */
static const struct store_rcpt *bounce_to(const struct bounce *b, size_t *count)
{
  str sender = b->claim->mail.mail_from;
  struct alias_end himself = {.address = sender};
  struct alias_ends ends;
  struct store_rcpt *to;
  struct err e;

  if (alias_expand(b->conf, b->store, sender, b->arena, &ends, &e) < 0 || ends.n == 0)
    ends = (struct alias_ends){.end = &himself, .n = 1};
  to = arena_alloc(b->arena, ends.n * sizeof *to);
  for (size_t i = 0; to && i < ends.n; i++)
    to[i] = (struct store_rcpt){.address = ends.end[i].address,
                                .original = sender,
                                .transport =
                                    str_of(mail_default_transport(b->conf, ends.end[i].address)),
                                .next_at = clock_wall()};
  *count = ends.n;
  return to;
}

/* Everything of the report but its body, which goes into body. -1: no memory. */
static int bounce_build(const struct bounce *b, const struct bounce_item *item, size_t count,
                        struct store_mail *out, struct buf *header, struct buf *body)
{
  const struct store_mail *m = &b->claim->mail;
  struct buf subject = BUF_INIT(2048);
  struct dsn dsn;
  char id[ID_LENGTH + 1];
  int64_t now = clock_wall();
  struct bounce_text t = {.domain = b->conf->server.domain,
                          .to = m->mail_from,
                          .subject = m->subject,
                          .helo = m->helo,
                          .client_ip = m->client_ip,
                          .now = now,
                          .arrived = m->received_at,
                          .until = m->received_at + b->conf->server.queues.delivery.lifetime,
                          .header = b->header,
                          .count = bounce_owed(item, count)};

  t.id = arena_str(b->arena, str_of(id_new(id)));
  t.rcpt = bounce_rcpts(b, item, count);
  if (!t.id.p || !t.rcpt || dsn_read(dsn_of_context(m->context, b->arena), b->arena, &dsn) < 0)
    return -1;
  t.envid = dsn.envid;
  t.body = bounce_body(b, dsn.full);
  bounce_text_header(&t, header);
  bounce_text_body(&t, body);
  bounce_text_subject(&t, &subject);
  *out = (struct store_mail){.id = t.id,
                             .queue = STORE_DELIVER,
                             .received_at = now,
                             .step = DELIVER_RULED,
                             .subject = arena_str(b->arena, buf_str(&subject)),
                             .header = buf_str(header)};
  buf_free(&subject);
  out->rcpt = bounce_to(b, &out->rcpt_count);
  return out->rcpt && out->subject.p && buf_ok(header) && buf_ok(body) ? 0 : -1;
}

/* ---- the trace ------------------------------------------------------------------------------- */

static struct store_trace bounce_trace_row(const char *status, str detail)
{
  return (struct store_trace){.at = clock_wall(),
                              .stage = STR("delivery"),
                              .directive = STR(""),
                              .kind = STR("server"),
                              .status = str_of(status),
                              .detail = detail};
}

/* The rows given, and one that says what became of the report. NULL: no memory. */
static struct store_trace *bounce_trace(const struct bounce *b, const struct store_trace *trace,
                                        size_t *count, str report)
{
  struct store_trace *rows = arena_alloc(b->arena, (*count + 1) * sizeof *rows);
  str detail = arena_printf(b->arena, STR_FMT " to " STR_FMT, STR_ARG(report),
                            STR_ARG(b->claim->mail.mail_from));

  if (!rows || !detail.p) return NULL;
  if (*count) memcpy(rows, trace, *count * sizeof *rows);
  if (report.n) rows[(*count)++] = bounce_trace_row("report", detail);
  return rows;
}

/* ---- the door -------------------------------------------------------------------------------- */

/* One call: what was found, and the report if there is one. */
struct bounce_call {
  struct bounce_item *item;
  size_t count;
  struct store_mail mail;
  struct store_report report;
  struct buf header, body;
  struct store_trace about; /* the report's own row */
};

static void bounce_end(struct bounce_call *c)
{
  buf_free(&c->header);
  buf_free(&c->body);
}

/* Judges the items and builds what is owed. -1: no memory. */
static int bounce_prepare(const struct bounce *b, struct bounce_call *c)
{
  str sender = b->claim->mail.mail_from;
  int64_t now = clock_wall();

  for (size_t i = 0; i < c->count; i++) {
    if (dsn_read(c->item[i].rcpt->dsn, b->arena, &c->item[i].dsn) < 0) return -1;
    bounce_judge(b, &c->item[i], now);
  }
  if (bounce_owed(c->item, c->count) == 0) return 0;
  if (!bounce_rate_take(b->rate, sender, now)) {
    bounce_silence(c->item, c->count, "too many reports within an hour");
    log_warn(LOG_DELIVERY, "mid=" STR_FMT " sender=%s is not told: too many reports within an hour",
             STR_ARG(b->claim->mail.id), log_q(sender));
    return 0;
  }
  c->header.cap = LIMIT_HEADER_BYTES;
  c->body.cap = LIMIT_BOUNCE_BYTES;
  if (bounce_build(b, c->item, c->count, &c->mail, &c->header, &c->body) < 0) return -1;
  c->about = bounce_trace_row("report",
                              arena_printf(b->arena, "about " STR_FMT, STR_ARG(b->claim->mail.id)));
  c->mail.trace = &c->about;
  c->mail.trace_count = 1;
  c->report = (struct store_report){&c->mail, buf_str(&c->body)};
  log_info(LOG_DELIVERY, "mid=" STR_FMT " sender=%s report=" STR_FMT, STR_ARG(b->claim->mail.id),
           log_q(sender), STR_ARG(c->mail.id));
  return 0;
}

static const struct store_report *bounce_report(const struct bounce_call *c)
{
  return c->report.mail ? &c->report : NULL;
}

static const struct store_rcpt *bounce_find(const struct store_mail *m, int n)
{
  for (size_t i = 0; i < m->rcpt_count; i++)
    if (m->rcpt[i].n == n) return &m->rcpt[i];
  return NULL;
}

int bounce_record(const struct bounce *b, store_done *done, void *arg)
{
  static const struct bounce_more none = {.remote = {"", 0}};
  struct bounce_call c = {.item = arena_alloc(b->arena, (b->count + 1) * sizeof *c.item)};
  struct store_outcome *out = arena_alloc(b->arena, (b->count + 1) * sizeof *out);
  size_t rows = b->trace_count;
  struct store_trace *trace;
  int rc = -1;

  if (!c.item || !out) return -1;
  for (c.count = 0; c.count < b->count; c.count++) {
    const struct store_outcome *o = &b->outcome[c.count];
    const struct store_rcpt *r = bounce_find(&b->claim->mail, o->n);

    if (!r) return -1;
    c.item[c.count] = (struct bounce_item){.rcpt = r,
                                           .status = o->status,
                                           .reply = o->last_reply,
                                           .more = b->more ? b->more[c.count] : none};
  }
  if (bounce_prepare(b, &c) < 0) goto out;
  for (size_t i = 0; i < c.count; i++) {
    out[i] = b->outcome[i];
    out[i].last_reply = bounce_reply(b, &c.item[i]);
    out[i].warned = c.item[i].owed && c.item[i].action == BOUNCE_DELAYED;
    if (!out[i].last_reply.p) goto out;
  }
  trace = bounce_trace(b, b->trace, &rows, c.mail.id);
  if (trace)
    rc = queue_record(b->store, b->claim, out, c.count, trace, rows, b->claim->mail.step,
                      bounce_report(&c), done, arg);
out:
  bounce_end(&c);
  return rc;
}

/* The recipients of mail that this call makes fail, or lets wait on. */
static bool bounce_concerns(const struct bounce *b, const struct store_rcpt *r)
{
  const struct store_rcpt *was = bounce_find(&b->claim->mail, r->n);

  return was && was->status == STORE_PENDING &&
         (r->status == STORE_FAILED || r->status == STORE_PENDING);
}

int bounce_change(const struct bounce *b, const struct store_mail *mail, store_done *done,
                  void *arg)
{
  struct bounce_call c = {.item = arena_alloc(b->arena, (mail->rcpt_count + 1) * sizeof *c.item)};
  struct store_rcpt *rcpt = arena_alloc(b->arena, (mail->rcpt_count + 1) * sizeof *rcpt);
  struct store_mail changed = *mail;
  int rc = -1;

  if (!c.item || !rcpt) return -1;
  if (mail->rcpt_count) memcpy(rcpt, mail->rcpt, mail->rcpt_count * sizeof *rcpt);
  for (size_t i = 0; i < mail->rcpt_count; i++)
    if (bounce_concerns(b, &rcpt[i]))
      c.item[c.count++] = (struct bounce_item){
          .rcpt = &rcpt[i], .status = rcpt[i].status, .reply = rcpt[i].last_reply};
  if (bounce_prepare(b, &c) < 0) goto out;
  for (size_t i = 0; i < c.count; i++) {
    struct store_rcpt *r = &rcpt[c.item[i].rcpt - rcpt];

    r->last_reply = bounce_reply(b, &c.item[i]);
    if (c.item[i].owed && c.item[i].action == BOUNCE_DELAYED) r->warned = true;
    if (!r->last_reply.p) goto out;
  }
  changed.rcpt = rcpt;
  changed.trace = bounce_trace(b, mail->trace, &changed.trace_count, c.mail.id);
  if (changed.trace) rc = queue_change(b->store, b->claim, &changed, bounce_report(&c), done, arg);
out:
  bounce_end(&c);
  return rc;
}
#undef BOUNCE_HOUR
#undef BOUNCE_REPLY
