/* smtp/queue/bounce.c: what a sender is told of his mail: who, whether, and that it happens once.
 *
 * A call becomes a list of items, one a recipient; each is looked at by itself: is somebody to be
 * told (RFC 3461 §5.2), and if a failure is not, why. What is owed becomes one report, which is
 * written in the same transaction as the outcomes (schema.sql law 12).
 */
#include "bounce.h"

#include "../conf/conf.h"
#include "bounce_text.h"
#include "../policy/policy.h"
#include "../format/format.h"

#define BOUNCE_HOUR  3600000 /* milliseconds */
#define BOUNCE_REPLY 400     /* octets of a reply, so that what we put behind it is kept too */

void bounce_rate_free(struct bounce_rate *rate)
{
  map_free(&rate->senders);
}

/* Whose reports are counted together: a stranger may write the same address in many ways, so
 * without regard to case and to a label. */
static str bounce_rate_key(str sender, struct arena *a)
{
  ptrdiff_t plus = str_chr(sender, '+'), at = str_rchr(sender, '@');
  size_t local = plus > 0 && plus < at ? (size_t)plus : at > 0 ? (size_t)at : 0;
  str host = at > 0 ? str_skip(sender, (size_t)at) : sender;
  str key = arena_printf(a, "%.*s" STR_FMT, (int)local, sender.p, STR_ARG(host));

  return key.p ? arena_lower(a, key) : key;
}

/* Counts a report to a sender; false: he has had enough of them in this hour. */
static bool bounce_rate_take(struct bounce_rate *rate, str sender, int64_t now)
{
  if (now - rate->since >= BOUNCE_HOUR || now < rate->since) {
    map_free(&rate->senders);
    rate->since = now;
  }
  if (!sender.p) return false;
  uintptr_t n = (uintptr_t)map_get(&rate->senders, sender);
  if (n >= LIMIT_BOUNCE_RATE || (n == 0 && rate->senders.live >= LIMIT_BOUNCE_SENDERS))
    return false;
  /* Without memory to count with, nobody is written to. */
  return map_set(&rate->senders, sender, (void *)(n + 1)) == 0;
}

/* ---- one call -------------------------------------------------------------------------------- */

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

/* What one call of the door works with. Its arena is its own, without a limit: what was delivered
 * must not be forgotten because many others failed with long replies. */
struct bounce_call {
  const struct bounce *b;
  struct arena *arena;
  struct bounce_item *item;
  size_t count;
  struct store_mail mail; /* the report */
  struct buf header, body;
  struct store_trace about; /* its own row */
  struct store_report report;
};

static int bounce_begin(struct bounce_call *c, const struct bounce *b, size_t most)
{
  *c = (struct bounce_call){.b = b, .arena = arena_new(0)};
  c->header.cap = LIMIT_HEADER_BYTES;
  c->body.cap = LIMIT_BOUNCE_BYTES + most * LIMIT_BOUNCE_RCPT;
  if (c->arena) c->item = arena_alloc(c->arena, (most + 1) * sizeof *c->item);
  return c->item ? 0 : -1;
}

static void bounce_end(struct bounce_call *c)
{
  buf_free(&c->header);
  buf_free(&c->body);
  arena_free(c->arena);
}

static str bounce_sender(const struct bounce_call *c)
{
  return c->b->claim->mail.mail_from;
}

/* ---- one recipient --------------------------------------------------------------------------- */

/* It has waited so long that he should know, and does not. */
static bool bounce_is_late(const struct bounce *b, const struct store_rcpt *r, int64_t now)
{
  int64_t after = b->conf->server.queues.delivery.warn_after;

  return after > 0 && !r->warned && now - b->claim->mail.received_at >= after;
}

static void bounce_judge(const struct bounce_call *c, struct bounce_item *x, int64_t now)
{
  bool nobody = bounce_sender(c).n == 0;
  unsigned wish = 0;

  switch (x->status) {
  case STORE_FAILED: wish = DSN_FAILURE; break;
  case STORE_PENDING: wish = bounce_is_late(c->b, x->rcpt, now) ? DSN_DELAY : 0; break;
  case STORE_DONE: wish = x->more.told ? 0 : DSN_SUCCESS; break;
  case STORE_REMOVED: break;
  }
  x->action = x->status == STORE_FAILED    ? BOUNCE_FAILED
              : x->status == STORE_PENDING ? BOUNCE_DELAYED
              : x->more.relayed            ? BOUNCE_RELAYED
                                           : BOUNCE_DELIVERED;
  x->owed = (x->dsn.notify & wish) && !nobody;
  x->untold = nobody                ? "it came from nobody"
              : x->rcpt->original.n ? "he asked not to be"
                                    : "a rule added this recipient";
}

/* Nobody is told after all. */
static void bounce_silence(struct bounce_call *c, const char *why)
{
  for (size_t i = 0; i < c->count; i++) {
    if (!c->item[i].owed) continue;
    c->item[i].owed = false;
    c->item[i].untold = why;
  }
}

/* Why a failure is not reported; NULL: it is, or there is none. */
static const char *bounce_untold(const struct bounce_item *x)
{
  return x->status == STORE_FAILED && !x->owed ? x->untold : NULL;
}

/* What is recorded of the recipient. p NULL: no memory. */
static str bounce_reply(const struct bounce_call *c, const struct bounce_item *x)
{
  str reply = str_sub(x->reply, 0, BOUNCE_REPLY);

  if (!bounce_untold(x)) return x->reply;
  while (reply.n > 0 && reply.n < x->reply.n && ((unsigned char)x->reply.p[reply.n] & 0xc0) == 0x80)
    reply.n--;
  return arena_printf(c->arena, STR_FMT "; sender not told: %s", STR_ARG(reply), x->untold);
}

/* Of a delay he is told now. */
static bool bounce_warns(const struct bounce_item *x)
{
  return x->owed && x->action == BOUNCE_DELAYED;
}

/* ---- the report ------------------------------------------------------------------------------ */

static size_t bounce_owed(const struct bounce_call *c)
{
  size_t n = 0;

  for (size_t i = 0; i < c->count; i++) n += c->item[i].owed;
  return n;
}

static const struct bounce_rcpt *bounce_rcpts(const struct bounce_call *c)
{
  struct bounce_rcpt *list = arena_alloc(c->arena, (c->count + 1) * sizeof *list);
  size_t n = 0;

  for (size_t i = 0; list && i < c->count; i++) {
    const struct bounce_item *x = &c->item[i];

    if (x->owed)
      list[n++] = (struct bounce_rcpt){.action = x->action,
                                       .address = x->rcpt->address,
                                       .original = x->rcpt->original,
                                       .orcpt_type = x->dsn.orcpt_type,
                                       .orcpt = x->dsn.orcpt,
                                       .reply = x->reply,
                                       .remote = x->more.remote};
  }
  return list;
}

static bool bounce_tells_of_failure(const struct bounce_call *c)
{
  for (size_t i = 0; i < c->count; i++)
    if (c->item[i].owed && c->item[i].action == BOUNCE_FAILED) return true;
  return false;
}

/* The body, when he wants it back and it is small and can go as it is; else p NULL. What arrived or
 * is only late does not go back (RFC 3461 §4.3): whose name was forged would get the text from us.
 * One piece at most is read, so nobody who reads the same body meanwhile is disturbed. */
static str bounce_body(const struct bounce_call *c, bool full)
{
  const struct bounce *b = c->b;
  const struct store_mail *m = &b->claim->mail;
  struct buf piece = BUF_INIT(LIMIT_CHUNK);
  str body = {NULL, 0};
  struct err e;

  if (!full || m->chunks > 1 || b->header.n + m->octets > LIMIT_BOUNCE_FULL) return body;
  if (m->chunks == 0 || queue_body(b->store, b->claim, 0, &piece, &e) == 1)
    body = arena_str(c->arena, buf_str(&piece));
  buf_free(&piece);
  if (!bounce_text_is_plain(b->header) || !bounce_text_is_plain(body)) body = (str){NULL, 0};
  return body;
}

/* Where the report goes: the sender, or whom aliases mean by him. NULL: no memory. */
static const struct store_rcpt *bounce_to(const struct bounce_call *c, size_t *count)
{
  const struct bounce *b = c->b;
  struct alias_end himself = {.address = bounce_sender(c)};
  struct alias_ends ends;
  struct store_rcpt *to;
  struct err e;

  if (alias_expand(b->conf, b->store, himself.address, c->arena, &ends, &e) < 0 || ends.n == 0)
    ends = (struct alias_ends){.end = &himself, .n = 1};
  to = arena_alloc(c->arena, ends.n * sizeof *to);
  for (size_t i = 0; to && i < ends.n; i++)
    to[i] = (struct store_rcpt){.address = ends.end[i].address,
                                .original = himself.address,
                                .transport = mail_default_transport(b->conf, ends.end[i].address),
                                .next_at = clock_wall()};
  *count = ends.n;
  return to;
}

static struct store_trace bounce_trace_row(const char *status, str detail)
{
  return (struct store_trace){.at = clock_wall(),
                              .stage = STR("delivery"),
                              .directive = STR(""),
                              .kind = STR("server"),
                              .status = str_of(status),
                              .detail = detail};
}

/* -1: no memory. */
static int bounce_build(struct bounce_call *c)
{
  const struct bounce *b = c->b;
  const struct store_mail *m = &b->claim->mail;
  struct buf subject = BUF_INIT(2048);
  struct dsn dsn;
  char id[ID_LENGTH + 1];
  int64_t now = clock_wall();
  struct bounce_text t = {.domain = b->conf->server.domain,
                          .id = arena_str(c->arena, str_of(id_new(id))),
                          .to = m->mail_from,
                          .subject = m->subject,
                          .helo = m->helo,
                          .client_ip = m->client_ip,
                          .now = now,
                          .arrived = m->received_at,
                          .until = m->received_at + b->conf->server.queues.delivery.lifetime,
                          .header = b->header,
                          .rcpt = bounce_rcpts(c),
                          .count = bounce_owed(c)};

  if (!t.id.p || !t.rcpt || dsn_read(dsn_of_context(m->context, c->arena), c->arena, &dsn) < 0)
    return -1;
  t.envid = dsn.envid;
  t.body = bounce_body(c, dsn.full && bounce_tells_of_failure(c));
  bounce_text_header(&t, &c->header);
  bounce_text_body(&t, &c->body);
  bounce_text_subject(&t, &subject);
  c->about = bounce_trace_row("report", arena_printf(c->arena, "about " STR_FMT, STR_ARG(m->id)));
  c->mail = (struct store_mail){.id = t.id,
                                .queue = STORE_DELIVER,
                                .received_at = now,
                                .step = DELIVER_RULED,
                                .subject = arena_str(c->arena, buf_str(&subject)),
                                .header = buf_str(&c->header),
                                .trace = &c->about,
                                .trace_count = 1};
  buf_free(&subject);
  c->mail.rcpt = bounce_to(c, &c->mail.rcpt_count);
  c->report = (struct store_report){&c->mail, buf_str(&c->body)};
  return c->mail.rcpt && !arena_full(c->arena) && buf_ok(&c->header) && buf_ok(&c->body) ? 0 : -1;
}

/* Judges the items and builds what is owed. -1: no memory. */
static int bounce_prepare(struct bounce_call *c)
{
  str mid = c->b->claim->mail.id;
  int64_t now = clock_wall();

  for (size_t i = 0; i < c->count; i++) {
    if (dsn_read(c->item[i].rcpt->dsn, c->arena, &c->item[i].dsn) < 0) return -1;
    bounce_judge(c, &c->item[i], now);
  }
  if (c->b->untold) bounce_silence(c, c->b->untold);
  if (bounce_owed(c) == 0) return 0;
  if (!bounce_rate_take(c->b->rate, bounce_rate_key(bounce_sender(c), c->arena), now)) {
    bounce_silence(c, "too many reports within an hour");
    log_warn(LOG_DELIVERY, "mid=" STR_FMT " sender=%s is not told: too many reports within an hour",
             STR_ARG(mid), log_q(bounce_sender(c)));
    return 0;
  }
  if (bounce_build(c) < 0) return -1;
  log_info(LOG_DELIVERY, "mid=" STR_FMT " sender=%s report=" STR_FMT, STR_ARG(mid),
           log_q(bounce_sender(c)), STR_ARG(c->mail.id));
  return 0;
}

static const struct store_report *bounce_report(const struct bounce_call *c)
{
  return c->report.mail ? &c->report : NULL;
}

/* The rows given, and those that say what his sender was told or not. NULL: no memory. */
static const struct store_trace *bounce_trace(struct bounce_call *c,
                                              const struct store_trace *trace, size_t *count)
{
  struct store_trace *rows = arena_alloc(c->arena, (*count + 2) * sizeof *rows);
  const char *untold = NULL;

  if (!rows) return NULL;
  if (*count) memcpy(rows, trace, *count * sizeof *rows);
  for (size_t i = 0; i < c->count && !untold; i++) untold = bounce_untold(&c->item[i]);
  if (c->report.mail)
    rows[(*count)++] =
        bounce_trace_row("report", arena_printf(c->arena, STR_FMT " to " STR_FMT,
                                                STR_ARG(c->mail.id), STR_ARG(bounce_sender(c))));
  if (untold) rows[(*count)++] = bounce_trace_row("no report", str_of(untold));
  return arena_full(c->arena) ? NULL : rows;
}

/* ---- the door -------------------------------------------------------------------------------- */

static const struct store_rcpt *bounce_find(const struct store_mail *m, int n)
{
  for (size_t i = 0; i < m->rcpt_count; i++)
    if (m->rcpt[i].n == n) return &m->rcpt[i];
  return NULL;
}

/* The outcomes as items; -1: one is of nobody. */
static int bounce_take(struct bounce_call *c)
{
  static const struct bounce_more none = {.remote = {"", 0}};
  const struct bounce *b = c->b;

  for (; c->count < b->count; c->count++) {
    const struct store_outcome *o = &b->outcome[c->count];
    const struct store_rcpt *r = bounce_find(&b->claim->mail, o->n);

    if (!r) return -1;
    c->item[c->count] = (struct bounce_item){.rcpt = r,
                                             .status = o->status,
                                             .reply = o->last_reply,
                                             .more = b->more ? b->more[c->count] : none};
  }
  return 0;
}

int bounce_record(const struct bounce *b, store_done *done, void *arg)
{
  struct bounce_call c;
  struct store_outcome *out;
  const struct store_trace *trace;
  size_t rows = b->trace_count;
  int rc = -1;

  if (bounce_begin(&c, b, b->count) < 0 || bounce_take(&c) < 0 || bounce_prepare(&c) < 0) goto out;
  out = arena_alloc(c.arena, (c.count + 1) * sizeof *out);
  for (size_t i = 0; out && i < c.count; i++) {
    out[i] = b->outcome[i];
    out[i].last_reply = bounce_reply(&c, &c.item[i]);
    out[i].warned = bounce_warns(&c.item[i]);
  }
  trace = bounce_trace(&c, b->trace, &rows);
  if (out && trace)
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
  struct bounce_call c;
  struct store_mail changed = *mail;
  struct store_rcpt *rcpt = NULL;
  int rc = -1;

  if (bounce_begin(&c, b, mail->rcpt_count) == 0)
    rcpt = arena_alloc(c.arena, (mail->rcpt_count + 1) * sizeof *rcpt);
  if (!rcpt) goto out;
  if (mail->rcpt_count) memcpy(rcpt, mail->rcpt, mail->rcpt_count * sizeof *rcpt);
  for (size_t i = 0; i < mail->rcpt_count; i++)
    if (bounce_concerns(b, &rcpt[i]))
      c.item[c.count++] = (struct bounce_item){
          .rcpt = &rcpt[i], .status = rcpt[i].status, .reply = rcpt[i].last_reply};
  if (bounce_prepare(&c) < 0) goto out;
  for (size_t i = 0; i < c.count; i++) {
    struct store_rcpt *r = &rcpt[c.item[i].rcpt - rcpt];

    r->last_reply = bounce_reply(&c, &c.item[i]);
    r->warned = r->warned || bounce_warns(&c.item[i]);
  }
  changed.rcpt = rcpt;
  changed.trace = bounce_trace(&c, mail->trace, &changed.trace_count);
  if (changed.trace) rc = queue_change(b->store, b->claim, &changed, bounce_report(&c), done, arg);
out:
  bounce_end(&c);
  return rc;
}
#undef BOUNCE_HOUR
#undef BOUNCE_REPLY
