/* smtp/queue/attempt_send.c: the recipients at other servers, all at once, those who go the same
 * way together. */
#include "../format/format.h"
#include "attempt_int.h"

#define ATTEMPT_GROUP_MOST 100   /* recipients of one transaction; RFC 5321 §4.5.3.1.8: at least */
#define ATTEMPT_CROWD      30000 /* ms until it is tried again where too much else is under way */

/* The recipients that go the same way. */
struct attempt_group {
  struct outbound o; /* first: what outbound.c gives back is a group */
  struct attempt_group *next;
  struct attempt *attempt;
  struct attempt_text text;
  str from;   /* the sender, rewritten if it must be for these */
  size_t *at; /* indexes of its recipients */
  size_t count;
};

static struct attempt_group *attempt_group_of(struct outbound *o)
{
  return (struct attempt_group *)(void *)o;
}

static ptrdiff_t attempt_body(void *arg, uint64_t at, char *p, size_t n)
{
  struct attempt_group *g = attempt_group_of(arg);
  ptrdiff_t got = attempt_read(g->attempt, &g->text, at, p, n);

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

  if (attempt_open(g->attempt, &g->text, e) < 0) return -1;
  *m = (struct client_mail){.from = g->from,
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

    m->rcpt[i].address = r->address;
    m->rcpt[i].dsn = r->dsn;
    if (!addr_is_ascii(r->address)) m->utf8 = true;
  }
  if (!addr_is_ascii(m->from)) m->utf8 = true;
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

static void attempt_ended(struct outbound *o, const struct outbound_end *end)
{
  struct attempt_group *g = attempt_group_of(o);
  struct attempt *a = g->attempt;
  enum store_status status = end->how == OUTBOUND_FAILED ? STORE_FAILED : STORE_PENDING;

  mail_stream_free(&g->text.mail);
  if (end->how == OUTBOUND_ANSWERED)
    attempt_answered(g, end);
  else
    for (size_t i = 0; i < g->count; i++)
      attempt_outcome(a, g->at[i], status, end->how != OUTBOUND_PUT_OFF, end->text, end);
  a->under_way--;
  attempt_go_on(a);
}

/* What the sender's domain wants of those who carry its mail: sender_security_level. */
static enum target_tls attempt_tls(const struct conf *conf, str sender)
{
  ptrdiff_t at = str_rchr(sender, '@');
  const struct conf_virtual *v =
      at < 0 ? NULL : conf_virtual_find(conf, str_skip(sender, (size_t)at + 1));

  return v && v->tls.on && v->tls.security_level == CONF_ENCRYPT ? TARGET_TLS_REQUIRED
                                                                 : TARGET_TLS_OPPORTUNISTIC;
}

/* Which way a recipient goes, in the words of outbound.h. */
static void attempt_way(const struct attempt *a, const struct store_rcpt *r, struct outbound *o)
{
  const struct conf *conf = a->job->policy->conf;
  ptrdiff_t at = str_rchr(r->address, '@');

  o->policy = a->job->policy;
  o->tls = TARGET_TLS_OPPORTUNISTIC;
  if (r->transport == TRANSPORT_FORWARD) {
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

/* Domains are the same in letters of any size; targets hold passwords. */
static bool attempt_goes_along(const struct outbound *a, const struct outbound *b)
{
  return a->way == b->way && (a->way == OUTBOUND_MX ? str_ieq : str_eq)(a->where, b->where);
}

static struct attempt_group *attempt_group_for(struct attempt *a, const struct store_rcpt *r)
{
  const struct store_mail *mail = &a->job->claim->mail;
  struct outbound o = {.prepare = attempt_prepare, .ended = attempt_ended};
  str from = srs_sender(&a->job->deliver->mta->srs, a->job->policy->conf, mail->mail_from,
                        r->address, a->job->arena);
  size_t most = mail->rcpt_count;
  struct attempt_group *g;

  attempt_way(a, r, &o);
  for (g = a->groups; g; g = g->next)
    if (g->count < ATTEMPT_GROUP_MOST && attempt_goes_along(&g->o, &o) && str_eq(g->from, from))
      return g;
  if (most > ATTEMPT_GROUP_MOST) most = ATTEMPT_GROUP_MOST;
  g = arena_alloc(a->job->arena, sizeof *g);
  if (g) g->at = arena_alloc(a->job->arena, most * sizeof *g->at);
  if (!g || !g->at) return NULL;
  g->o = o;
  g->from = from;
  g->attempt = a;
  g->next = a->groups;
  return a->groups = g;
}

static void attempt_send_one(struct attempt *a, struct attempt_group *g)
{
  struct outbound_end end = {.how = OUTBOUND_DEFERRED};
  struct err e;

  if (outbound_send(a->job->deliver->outbounds, &g->o, &e) == 0) return;
  end.text = str_of(e.text);
  if (e.kind == ERR_FULL) {
    end.how = OUTBOUND_PUT_OFF;
    end.retry_at = clock_wall() + ATTEMPT_CROWD;
  }
  attempt_ended(&g->o, &end);
}

void attempt_send_add(struct attempt *a, size_t i)
{
  struct attempt_group *g = attempt_group_for(a, attempt_rcpt(a, i));

  if (g)
    g->at[g->count++] = i;
  else
    attempt_outcome(a, i, STORE_PENDING, true, STR("4.3.0 out of memory"), NULL);
}

void attempt_send(struct attempt *a)
{
  for (struct attempt_group *g = a->groups; g; g = g->next) a->under_way++;
  for (struct attempt_group *g = a->groups; g; g = g->next) attempt_send_one(a, g);
}

void attempt_send_drain(struct attempt *a)
{
  for (struct attempt_group *g = a->groups; g; g = g->next) {
    if (outbound_is_at_text(&g->o) || !outbound_cancel(&g->o)) continue;
    mail_stream_free(&g->text.mail);
    a->under_way--;
  }
}

void attempt_send_cancel(struct attempt *a)
{
  for (struct attempt_group *g = a->groups; g; g = g->next) {
    outbound_cancel(&g->o);
    mail_stream_free(&g->text.mail);
  }
}
#undef ATTEMPT_GROUP_MOST
#undef ATTEMPT_CROWD
