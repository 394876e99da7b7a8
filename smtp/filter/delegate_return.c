/* smtp/filter/delegate_return.c: what a filter brings back: whose it is, whether it was scanned,
 * what is kept.
 *
 * While the mail comes back, its bringer and the delegation know each other; either may end first.
 * The body is held against the one that went out as it arrives (same_body.c).
 */
#include "delegate_int.h"

/* A filter that looked at a mail says so in its header: by just one of the marks, or, where the
 * service declares none, by any field more than was sent (a mark that clamsmtpd glues to the end of
 * another field is none). */
static bool delegate_is_scanned(const struct delegate *d, const struct header *h)
{
  struct rules *r = d->o.policy->rules;
  struct rules_service v;
  size_t marks = 0;

  if (!rules_service_at(r, d->o.stage, d->o.directive, &v)) return false;
  if (v.marked && v.mark_count == 0) return true;
  for (size_t n = 0; n < v.mark_count; n++)
    marks += header_count(h, rules_service_mark(r, d->o.stage, d->o.directive, n));
  if (v.marked) return marks == 1;
  for (size_t i = 0; i < h->n; i++) {
    str name = h->fields[i].name;
    size_t ours = str_ieq(name, DELEGATE_FIELD);

    if (header_count(h, name) > header_count(&d->o.mail->header, name) + ours) return true;
  }
  return false;
}

/* Our EHLO, where the filter passes it on, must be that of the same mail. */
static bool delegate_is_crossed(const struct delegate *d, str helo)
{
  if (!str_iends(helo, STR(DELEGATE_HELO))) return false;
  return !str_ieq(str_sub(helo, 0, helo.n - strlen(DELEGATE_HELO)), str_of(d->token));
}

/* Whose mail is brought, by the one field and by where it comes from; NULL: nobody's. */
static struct delegate *delegate_of_bringer(const struct delegate_bringer *b,
                                            const struct header *h)
{
  struct delegate *d;

  if (b->unwanted || header_count(h, DELEGATE_FIELD) != 1) return NULL;
  d = delegate_of_field(b->hub, header_value(header_find(h, DELEGATE_FIELD, 0), b->arena));
  if (!d || d->state != DELEGATE_SENDING || (d->bringer && d->bringer != b)) return NULL;
  if (!b->local.len || !delegate_is_at(&d->receiver, &b->local)) return NULL;
  if (!netaddr_same_ip(&b->peer, &d->line->to)) return NULL;
  return delegate_is_crossed(d, b->helo) ? NULL : d;
}

static void delegate_echoed(void *arg)
{
  struct delegate *d = arg;

  d->bringer->go_on(d->bringer->arg);
}

/* The header is whole: from here on the body is held against the one that went out. */
static void delegate_recognise(struct delegate_bringer *b, const struct header *h)
{
  struct delegate *d = delegate_of_bringer(b, h);

  b->unwanted = !d;
  if (!d || d->bringer) return;
  b->brings = d;
  d->bringer = b;
  d->echo = (struct same_body){.loop = d->hub->loop,
                               .sent = {.body = d->o.mail->body, .source = d->o.mail->source},
                               .octets = d->o.octets,
                               .in = *b->incoming,
                               .ready = delegate_echoed,
                               .arg = d};
  same_body_begin(&d->echo);
}

enum incoming_state delegate_bring(struct delegate_bringer *b, str header, str octets)
{
  struct header h = {.arena = b->arena};
  struct err e;

  if (!b->brings && header_parse(&h, header, &e) < 0) b->unwanted = true;
  if (!b->brings) delegate_recognise(b, &h);
  return b->brings ? same_body_take(&b->brings->echo, octets) : INCOMING_GO;
}

/* What came back is whole, its bringer parted from it: may it be taken for the mail? */
static enum reply_id delegate_judge(struct delegate *d, struct delegate_bringer *b, str header,
                                    const struct header *h, bool other)
{
  d->returned.cap = LIMIT_HEADER_BYTES;
  buf_str_add(&d->returned, header);
  if (!delegate_is_scanned(d, h)) {
    delegate_fail(d, STR("what came back does not show that it was scanned"));
    return REPLY_DELEGATE_UNSCANNED;
  }
  if (!buf_ok(&d->returned)) {
    delegate_fail(d, STR("out of memory"));
    return REPLY_STORE_FAILED;
  }
  if (other) {
    d->body = *b->incoming;
    *b->incoming = NULL;
    memcpy(d->id, b->id.p, ID_LENGTH);
  }
  delegate_finish(d, DELEGATE_RETURNED);
  return REPLY_DONE;
}

enum reply_id delegate_return(struct delegate_bringer *b, str header, bool *wait)
{
  struct header h = {.arena = b->arena};
  struct delegate *d;
  struct err e;
  bool cut, other;

  if (header_parse(&h, header, &e) < 0) return REPLY_STORE_FAILED;
  if (!b->brings) delegate_recognise(b, &h);
  d = b->brings;
  if (!d) return REPLY_DELEGATE_UNKNOWN;
  switch (same_body_end(&d->echo, &cut)) {
  case INCOMING_WAIT: *wait = true; return REPLY_DONE;
  case INCOMING_TEMP: return REPLY_STORE_FAILED;
  case INCOMING_FULL: return REPLY_FULL;
  case INCOMING_GO: break;
  }
  other = d->echo.state == SAME_BODY_OTHER;
  delegate_part(b);
  if (!cut) return delegate_judge(d, b, header, &h, other);
  delegate_fail(d, STR("what came back is cut off at a dot"));
  return REPLY_DELEGATE_CUT;
}

int delegate_take_result(struct delegate *d, struct incoming **body, str *id, struct err *e)
{
  struct mail *m = d->o.mail;
  struct header h = {.arena = m->arena};
  int rc = header_parse(&h, buf_str(&d->returned), e);

  *body = NULL;
  header_remove(&h, DELEGATE_FIELD);
  if (rc == 0 && d->body) {
    *id = arena_str(m->arena, str_of(d->id));
    if (!id->p) rc = err_nomem(e);
  }
  if (rc < 0) {
    delegate_trace(&d->o, STR("failed"), str_of(e->text));
    return -1;
  }
  m->header = h;
  *body = d->body;
  d->body = NULL;
  delegate_trace(&d->o, STR("returned"), *body ? STR("with another body") : STR(""));
  return 0;
}
