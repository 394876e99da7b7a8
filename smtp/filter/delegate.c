/* smtp/filter/delegate.c: mails handed to a filter that speaks SMTP, and taken back from it.
 *
 * The mail goes out by the SMTP client with one more field on top, which holds a random token. The
 * filter hands what it made of it to the service's receiver, a listener of ours. There the token,
 * which lives until it was used or its mail was given up, finds the mail again; nothing else about
 * the connection does, so a filter may reuse one, or come back before it has heard all.
 *
 * What the filter answers to the sending proves nothing: 250 is also said of a mail that was
 * dropped, and a refusal may follow a mail that came back. The return decides. Without one the
 * delegation has failed, and so it has when what came back does not show that somebody looked at
 * it. Who waits, a session or a job of the queue, is told once, from the loop.
 *
 * While the mail comes back, the session that brings it and the delegation know each other; either
 * may end first. The body is held against the one that went out as it arrives (same_body.c).
 *
 *   queued -> sending -> returned      and from each of the first two: -> failed
 */
#include "delegate_int.h"

#define DELEGATE_GREETING 5000 /* ms: a connect lost in a burst stays silent for ever */
#define DELEGATE_TRIES    2    /* connections for one mail, if the first is not greeted */
#define DELEGATE_KEPT     STR("the filter took the mail and gave nothing back")

/* ORDER DELEGATE_STATE */
static const char *const delegate_state_names[] = {"queued", "sending", "returned", "failed"};

static void delegate_enter(struct delegate *d, enum delegate_state state)
{
  trace(TRACE_SMTP, "mid=" STR_FMT " delegation %s -> %s", STR_ARG(d->o.mail->facts.message_id),
        delegate_state_names[d->state], delegate_state_names[state]);
  d->state = state;
}

/* ---- services -------------------------------------------------------------------------------- */

/* Finds the next delegate of the rules from *stage, *i on; they begin at 0, -1. */
static bool delegate_next(const struct rules *r, int *stage, ptrdiff_t *i,
                          struct rules_service *out)
{
  for (++*i; *stage < STAGE_COUNT; ++*stage, *i = 0)
    for (; *i < (ptrdiff_t)rules_count(r, (enum stage) * stage); ++*i)
      if (rules_service_at(r, (enum stage) * stage, (size_t)*i, out)) return true;
  return false;
}

/* Is a connection to that address of ours one to the receiver? It may be any of its port. */
bool delegate_is_at(const struct netaddr *receiver, const struct netaddr *local)
{
  static const struct in6_addr any = IN6ADDR_ANY_INIT;
  sa_family_t family = receiver->sa.sa_family;

  if (netaddr_eq(receiver, local)) return true;
  if (family == AF_INET && receiver->in4.sin_addr.s_addr != INADDR_ANY) return false;
  if (family == AF_INET6 && memcmp(&receiver->in6.sin6_addr, &any, sizeof any) != 0) return false;
  return family != AF_UNIX && netaddr_port(receiver) == netaddr_port(local);
}

static bool delegate_find(const struct rules *r, const struct netaddr *local,
                          const struct netaddr *peer)
{
  struct netaddr receiver, to;
  struct rules_service v;
  ptrdiff_t i = -1;
  int stage = 0;
  struct err e;

  while (delegate_next(r, &stage, &i, &v)) {
    if (netaddr_parse(v.receiver, -1, &receiver, &e) < 0 || !delegate_is_at(&receiver, local))
      continue;
    if (!peer) return true;
    if (netaddr_parse(v.address, -1, &to, &e) == 0 && netaddr_same_ip(&to, peer)) return true;
  }
  return false;
}

bool delegate_receives(const struct rules *r, const struct netaddr *local)
{
  return delegate_find(r, local, NULL);
}

bool delegate_may_return(const struct rules *r, const struct netaddr *local,
                         const struct netaddr *peer)
{
  return delegate_find(r, local, peer);
}

/* ---- the field ------------------------------------------------------------------------------- */

/* The directive's name is for people alone: what could end the quoted text is replaced. */
static void delegate_put_field(const struct delegate *d, str directive, struct buf *out)
{
  buf_printf(out, STR_FMT ": sent; stage=" STR_FMT ";\r\n\tdirective=\"", STR_ARG(DELEGATE_FIELD),
             STR_ARG(mail_stage_name(d->o.stage)));
  for (size_t i = 0; i < directive.n && i < 200; i++) {
    char c = directive.p[i];
    buf_putc(out, c < ' ' || c > '~' || c == '"' || c == '\\' ? '?' : c);
  }
  buf_printf(out, "\";\r\n\tid=\"%s\"\r\n", d->token);
}

/* Whose token the field holds; NULL: nobody's that is waited for. */
struct delegate *delegate_of_field(const struct delegate_hub *hub, str value)
{
  ptrdiff_t at = str_find(value, STR("id=\""));
  str token =
      at < 0 ? (str){"", 0} : str_sub(value, (size_t)at + 4, (size_t)at + 4 + DELEGATE_TOKEN);

  LIST_EACH(&hub->all, struct delegate, link, d)
    if (d->state <= DELEGATE_SENDING && str_eq(token, str_of(d->token))) return d;
  return NULL;
}

/* What scanners add, where the service does not say. */
static const str delegate_marks[] = {
    STR_INIT("X-Virus-Infected"), STR_INIT("X-Virus-Scanned"), STR_INIT("X-Virus-Status"),
    STR_INIT("X-AV-Checked"),     STR_INIT("X-Amavis-Alert"),
};

enum reply_id delegate_arrive(const struct delegate_hub *hub, const struct rules *r, struct mail *m)
{
  struct rules_service v;
  ptrdiff_t i = -1;
  int stage = 0;

  for (size_t n = 0; n < m->header.n; n++)
    if (str_ieq(m->header.fields[n].name, DELEGATE_FIELD) &&
        delegate_of_field(hub, header_value(&m->header.fields[n], m->arena)))
      return REPLY_DELEGATE_LOOP;
  header_remove(&m->header, DELEGATE_FIELD);
  while (delegate_next(r, &stage, &i, &v)) {
    for (size_t n = 0; n < v.mark_count; n++)
      header_remove(&m->header, rules_service_mark(r, (enum stage)stage, (size_t)i, n));
    for (size_t n = 0; !v.marked && n < BASE_COUNT(delegate_marks); n++)
      header_remove(&m->header, delegate_marks[n]);
  }
  return REPLY_DONE;
}

/* ---- the end of a delegation ----------------------------------------------------------------- */

void delegate_trace(const struct delegate_order *o, str status, str detail)
{
  struct rules_service v = {.name = STR("")};

  rules_service_at(o->policy->rules, o->stage, o->directive, &v);
  mail_trace(o->mail, o->stage, v.directive, "delegate", status, detail);
}

static void delegate_over(struct task *t, void *arg)
{
  struct delegate *d = arg;

  (void)t;
  if (d->state != DELEGATE_RETURNED) delegate_trace(&d->o, STR("failed"), buf_str(&d->why));
  d->o.done(d->o.arg, d->state == DELEGATE_RETURNED);
}

/* Lets go of the connection: a mail sent to its end is heard out, another is broken off. */
static void delegate_unlink(struct delegate *d)
{
  struct delegate_link *k = d->sending;

  d->sending = NULL;
  if (!k) return;
  k->delegate = NULL;
  client_end(k->client);
}

void delegate_part(struct delegate_bringer *b)
{
  struct delegate *d = b->brings;

  b->brings = NULL;
  if (!d) return;
  d->bringer = NULL;
  same_body_stop(&d->echo);
}

/* Nobody wants any more what is being brought: it is heard to its end, and refused. */
static void delegate_turn_away(struct delegate *d)
{
  struct delegate_bringer *b = d->bringer;

  if (!b) return;
  delegate_part(b);
  b->unwanted = true;
  if (!d->hub->stopped) b->go_on(b->arg);
}

void delegate_finish(struct delegate *d, enum delegate_state state)
{
  delegate_enter(d, state);
  timer_clear(d->hub->loop, &d->patience);
  delegate_turn_away(d);
  list_remove(&d->in_line);
  delegate_unlink(d);
  loop_ready(d->hub->loop, &d->over);
}

void delegate_fail(struct delegate *d, str why)
{
  if (d->state >= DELEGATE_RETURNED) return;
  d->why.cap = LIMIT_REPLY_TEXT;
  buf_str_add(&d->why, why);
  log_warn(LOG_RECEIVER, "mid=" STR_FMT " delegation failed: %s",
           STR_ARG(d->o.mail->facts.message_id), log_q(why));
  delegate_finish(d, DELEGATE_FAILED);
}

static void delegate_late(struct timer *t, void *arg)
{
  struct delegate *d = arg;

  (void)t;
  delegate_fail(d, d->taken ? DELEGATE_KEPT : STR("it took too long, waiting in line included"));
}

size_t delegate_directive(const struct delegate *d)
{
  return d->o.directive;
}

str delegate_why(const struct delegate *d)
{
  return buf_str(&d->why);
}

bool delegate_refused(const struct delegate *d)
{
  return d->refused || d->taken;
}

/* ---- sending --------------------------------------------------------------------------------- */

static ptrdiff_t delegate_body(void *arg, uint64_t at, char *p, size_t n)
{
  struct err e;

  return mail_stream_read(&((struct delegate *)arg)->text, at, p, n, &e);
}

static void delegate_pump(struct delegate_line *line);

static bool delegate_is_greeted(const struct delegate_link *k)
{
  return k->link.in == &k->line->greeted;
}

/* The filter's last word on what it was sent, while nothing has come back. */
static void delegate_sent(void *arg, int code, str reply)
{
  struct delegate *d = arg;

  if (code == 0 && !delegate_is_greeted(d->sending) && d->tries < DELEGATE_TRIES) {
    delegate_unlink(d);
    delegate_enter(d, DELEGATE_QUEUED);
    list_add(&d->line->waiting, &d->in_line);
    delegate_pump(d->line);
  } else if (code == 250 && d->o.stored) {
    d->taken = true;
    delegate_unlink(d);
    timer_set(d->hub->loop, &d->patience, d->until);
  } else if (code == 250) {
    delegate_fail(d, DELEGATE_KEPT);
  } else {
    d->refused = code / 100 == 5 && client_may_have_sent(d->sending->client);
    delegate_fail(d, reply);
  }
}

static void delegate_greeted(void *arg)
{
  struct delegate_link *k = arg;

  if (delegate_is_greeted(k)) return;
  list_remove(&k->link);
  list_add(&k->line->greeted, &k->link);
  delegate_pump(k->line);
}

static void delegate_gone(void *arg)
{
  struct delegate_link *k = arg;
  struct delegate_line *line = k->line;

  list_remove(&k->link);
  mem_free(k);
  if (!line->hub->stopped) delegate_pump(line);
}

static int delegate_make_mail(struct delegate *d, struct err *e)
{
  struct mail *m = d->o.mail;
  struct client_rcpt *rcpt;

  arena_free(d->arena);
  d->arena = arena_new(LIMIT_TRANSACTION_BYTES);
  rcpt = d->arena ? arena_alloc(d->arena, (m->rcpt_count + 1) * sizeof *rcpt) : NULL;
  if (!rcpt) return err_nomem(e);
  for (size_t i = 0; i < m->rcpt_count; i++) rcpt[i].address = m->rcpt[i].address;
  d->mail = (struct client_mail){.from = m->facts.mail_from,
                                 .rcpt = rcpt,
                                 .rcpt_count = m->rcpt_count,
                                 .all = true,
                                 .utf8 = m->utf8,
                                 .eight = true,
                                 .octets = d->head.n + d->o.octets,
                                 .body = delegate_body,
                                 .arena = d->arena,
                                 .done = delegate_sent,
                                 .arg = d};
  mail_stream_free(&d->text);
  d->text = (struct mail_stream){.head = buf_str(&d->head), .body = m->body, .source = m->source};
  return 0;
}

static int delegate_connect(struct delegate *d, struct err *e)
{
  struct loop *l = d->hub->loop;
  struct delegate_link *k = mem_alloc(sizeof *k);
  char helo[DELEGATE_TOKEN + sizeof DELEGATE_HELO];
  struct client_options o = {.to = d->line->to,
                             .lock_step = true,
                             .hurry = true,
                             .greeting = DELEGATE_GREETING,
                             .until = d->until = loop_now(l) + d->timeout,
                             .greeted = delegate_greeted,
                             .gone = delegate_gone,
                             .arg = k};

  if (!k || delegate_make_mail(d, e) < 0) {
    mem_free(k);
    return err_nomem(e);
  }
  snprintf(helo, sizeof helo, "%s" DELEGATE_HELO, d->token);
  o.helo = str_of(helo);
  k->client = client_new(l, &o, e);
  if (!k->client) {
    mem_free(k);
    return -1;
  }
  k->line = d->line;
  k->delegate = d;
  list_add(&k->line->connecting, &k->link);
  d->sending = k;
  d->tries++;
  delegate_enter(d, DELEGATE_SENDING);
  client_send(k->client, &d->mail);
  return 0;
}

/* Sends the next ones in line, as many as the service takes. */
static void delegate_pump(struct delegate_line *line)
{
  struct delegate *d;
  struct err e;

  while (line->connecting.n < LIMIT_DELEGATE_CONNECTS &&
         line->connecting.n + line->greeted.n < LIMIT_DELEGATE_FLYING &&
         (d = LIST_FIRST(&line->waiting, struct delegate, in_line)) != NULL) {

    list_remove(&d->in_line);
    if (delegate_connect(d, &e) < 0) delegate_fail(d, str_of(e.text));
  }
}

/* ---- beginning and end ----------------------------------------------------------------------- */

struct delegate_hub *delegate_hub_new(struct loop *l)
{
  struct delegate_hub *hub = mem_alloc(sizeof *hub);

  if (hub) hub->loop = l;
  return hub;
}

static struct delegate_line *delegate_get_line(struct delegate_hub *hub, const struct netaddr *to)
{
  LIST_EACH(&hub->lines, struct delegate_line, link, line)
    if (netaddr_eq(&line->to, to)) return line;
  struct delegate_line *line = mem_alloc(sizeof *line);

  if (!line) return NULL;
  line->hub = hub;
  line->to = *to;
  list_add(&hub->lines, &line->link);
  return line;
}

/* The header as it is sent. The service's own marks of an earlier time go: they shall be its word
 * on what it gets now. */
static int delegate_put_header(const struct delegate *d, struct buf *out, struct err *e)
{
  const struct delegate_order *o = &d->o;
  struct header h = {.arena = o->mail->arena};
  struct rules_service v;

  if (header_join(&o->mail->header, &h, e) < 0) return -1;
  rules_service_at(o->policy->rules, o->stage, o->directive, &v);
  for (size_t n = 0; n < v.mark_count; n++)
    header_remove(&h, rules_service_mark(o->policy->rules, o->stage, o->directive, n));
  header_write(&h, out);
  buf_puts(out, "\r\n");
  return buf_ok(out) ? 0 : err_nomem(e);
}

static int delegate_prepare(struct delegate *d, struct err *e)
{
  const struct delegate_order *o = &d->o;
  unsigned char dice[DELEGATE_TOKEN / 2];
  struct buf hex = BUF_INIT(DELEGATE_TOKEN);
  struct rules_service v;
  struct netaddr to;

  if (!rules_service_at(o->policy->rules, o->stage, o->directive, &v))
    return err_set(e, ERR_BUG, "no such delegate");
  if (netaddr_parse(v.address, -1, &to, e) < 0 ||
      netaddr_parse(v.receiver, -1, &d->receiver, e) < 0)
    return -1;
  if (random_bytes(dice, sizeof dice) < 0) return err_set(e, ERR_IO, "no random bytes");
  buf_hex(&hex, dice, sizeof dice);
  if (buf_ok(&hex)) memcpy(d->token, hex.p, DELEGATE_TOKEN);
  buf_free(&hex);
  d->timeout = v.timeout;
  d->line = d->token[0] ? delegate_get_line(d->hub, &to) : NULL;
  if (!d->line) return err_nomem(e);
  d->head.cap = LIMIT_HEADER_BYTES + 1024;
  delegate_put_field(d, v.directive, &d->head);
  return delegate_put_header(d, &d->head, e);
}

struct delegate *delegate_new(struct delegate_hub *hub, const struct delegate_order *o,
                              struct err *e)
{
  struct delegate *d = mem_alloc(sizeof *d);

  if (d) {
    d->hub = hub;
    d->o = *o;
  }
  if (!d || delegate_prepare(d, e) < 0) {
    if (!d) err_nomem(e);
    if (d) buf_free(&d->head);
    mem_free(d);
    delegate_trace(o, STR("failed"), str_of(e->text));
    return NULL;
  }
  list_add(&hub->all, &d->link);
  d->over = (struct task){.run = delegate_over, .arg = d};
  d->patience = (struct timer){.fire = delegate_late, .arg = d};
  timer_set(hub->loop, &d->patience, loop_now(hub->loop) + LIMIT_DELEGATE_TIME);
  list_add(&d->line->waiting, &d->in_line);
  delegate_pump(d->line);
  return d;
}

void delegate_free(struct delegate *d)
{
  if (!d) return;
  timer_clear(d->hub->loop, &d->patience);
  loop_unready(&d->over);
  delegate_turn_away(d);
  list_remove(&d->in_line);
  delegate_unlink(d);
  list_remove(&d->link);
  incoming_free(d->body);
  arena_free(d->arena);
  buf_free(&d->head);
  mail_stream_free(&d->text);
  buf_free(&d->returned);
  buf_free(&d->why);
  mem_free(d);
}

bool delegate_is_out(const struct delegate *d)
{
  return d->state != DELEGATE_QUEUED;
}

bool delegate_is_any(const struct delegate_hub *hub)
{
  return hub->all.n > 0;
}

static void delegate_abort(struct list *links)
{
  LIST_EACH(links, struct delegate_link, link, k) {
    if (k->delegate) k->delegate->sending = NULL;
    k->delegate = NULL;
    client_abort(k->client);
  }
}

void delegate_hub_stop(struct delegate_hub *hub)
{
  if (!hub) return;
  hub->stopped = true;
  LIST_EACH(&hub->lines, struct delegate_line, link, line) {
    delegate_abort(&line->connecting);
    delegate_abort(&line->greeted);
  }
}

void delegate_hub_free(struct delegate_hub *hub)
{
  if (!hub) return;
  LIST_EACH(&hub->lines, struct delegate_line, link, line) mem_free(line);
  mem_free(hub);
}
#undef DELEGATE_GREETING
#undef DELEGATE_TRIES
#undef DELEGATE_KEPT
