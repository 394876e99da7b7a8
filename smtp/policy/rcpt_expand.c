/* smtp/policy/rcpt_expand.c: recipients become who they stand for. */
#include "policy.h"

#include "../format/format.h"

static bool rcpt_expand_is_ours(const struct mail *m, str address)
{
  return conf_is_ours(m->conf, addr_domain(address));
}

/* "sales@home.example: alice@home.example, bob@far.example (nobody: carl@home.example)" */
static void rcpt_expand_trace(struct mail *m, enum stage stage, str address,
                              const struct alias_ends *ends)
{
  struct buf text = BUF_INIT(LIMIT_COMMAND_LINE);

  buf_printf(&text, STR_FMT ":", STR_ARG(address));
  for (size_t i = 0; i < ends->n; i++)
    buf_printf(&text, "%s " STR_FMT "%s", i ? "," : "", STR_ARG(ends->end[i].address),
               ends->end[i].known ? "" : " (nobody)");
  mail_trace(m, stage, STR(""), "server", STR("alias"), buf_str(&text));
  log_debug(LOG_PROCESSING, "mid=" STR_FMT " alias %s", STR_ARG(m->facts.message_id),
            log_q(buf_str(&text)));
  buf_free(&text);
}

static bool rcpt_expand_is_there(const struct mail *m, str address)
{
  for (size_t i = 0; i < m->rcpt_count; i++)
    if (mail_rcpt_same(m->conf, m->rcpt[i].address, address)) return true;
  return false;
}

static size_t rcpt_expand_count(const struct alias_ends *ends, int known)
{
  size_t n = 0;
  for (size_t i = 0; i < ends->n; i++) n += ends->end[i].known == known;
  return n;
}

/* Before another server, which knows its people itself, nobody is unknown here. */
static void rcpt_expand_trust(const struct mail *m, struct alias_ends *ends)
{
  if (m->conf->server.smtp.unknown_rcpt != CONF_RCPT_ACCEPT) return;
  for (size_t i = 0; i < ends->n; i++) ends->end[i].known = 1;
}

/* RFC 5321 §4.5.1: somebody must be there, whatever the aliases say: the mailbox made at start. */
static bool rcpt_expand_is_postmaster(str address)
{
  return str_istarts(address, STR("postmaster@"));
}

/* Puts the ends in the place of recipient i. Whom nobody has is left out: a report of that would go
 * to a sender who cannot mend it. */
static int rcpt_expand_replace(struct mail *m, size_t i, const struct alias_ends *ends,
                               struct err *e)
{
  struct mail_rcpt from = m->rcpt[i];

  from.by_client = false; /* the operator's choice: no relay check is asked about it */
  from.expanded = true;
  if (ends->n > 1 && from.dsn.n) {
    from.dsn = dsn_unsuccessful(from.dsn, m->arena);
    if (!from.dsn.p) return err_nomem(e);
  }
  mail_rcpt_remove(m, i);
  for (size_t k = 0; k < ends->n; k++) {
    if (ends->end[k].known == 0 || rcpt_expand_is_there(m, ends->end[k].address)) continue;
    if (mail_rcpt_add(m, ends->end[k].address, false, e)) return -1;
    from.address = m->rcpt[m->rcpt_count - 1].address;
    m->rcpt[m->rcpt_count - 1] = from;
  }
  return 0;
}

/* Looks who recipient i is. REPLY_DONE: ends->by is the alias that stands for others, or NULL when
 * he stays who he is. */
static enum reply_id rcpt_expand_look(struct mail *m, size_t i, enum stage stage,
                                      struct alias_ends *ends, struct err *e)
{
  struct mail_rcpt *r = &m->rcpt[i];

  *ends = (struct alias_ends){.by = NULL};
  *e = (struct err){.kind = ERR_NONE};
  if (r->expanded || r->transport != TRANSPORT_UNSET || !rcpt_expand_is_ours(m, r->address))
    return REPLY_DONE;
  if (alias_expand(m->conf, m->store, r->address, m->arena, ends, e) < 0) {
    log_error(LOG_PROCESSING, "mail for %s: %s", log_q(r->address), e->text);
    return e->kind == ERR_PERM ? REPLY_ALIAS_TOO_BIG : REPLY_STORE_FAILED;
  }
  if (ends->by) rcpt_expand_trust(m, ends);
  if (ends->by) rcpt_expand_trace(m, stage, r->address, ends);
  if (rcpt_expand_count(ends, 0) == ends->n) {
    if (!ends->by || !rcpt_expand_is_postmaster(r->address)) return REPLY_UNKNOWN_RCPT;
    ends->by = NULL;
    r->expanded = true;
    return REPLY_DONE;
  }
  if (rcpt_expand_count(ends, 1) == 0) return REPLY_STORE_FAILED; /* it cannot be told now */
  r->expanded = true;
  return REPLY_DONE;
}

static bool rcpt_expand_are_too_many(const struct mail *m, size_t more)
{
  return m->rcpt_count > 1 &&
         (int64_t)(m->rcpt_count - 1 + more) > m->conf->server.smtp.rcpt_count_max;
}

/* A recipient given twice gets the mail once. */
static void rcpt_expand_remove_double(struct mail *m, size_t at)
{
  for (size_t i = 0; i < at; i++)
    if (mail_rcpt_same(m->conf, m->rcpt[i].address, m->rcpt[at].address)) {
      mail_rcpt_remove(m, at);
      return;
    }
}

/* What a rule rewrote or chose a transport for it answers for itself. */
static bool rcpt_expand_may_be_unknown(const struct mail *m, const struct mail_rcpt *r)
{
  return m->conf->server.smtp.unknown_rcpt == CONF_RCPT_ACCEPT || r->rewritten ||
         r->transport != TRANSPORT_UNSET;
}

enum reply_id rcpt_expand_rcpt(struct mail *m, size_t i)
{
  struct alias_ends ends;
  struct err e;
  bool may_be_unknown = rcpt_expand_may_be_unknown(m, &m->rcpt[i]);
  enum reply_id reply = rcpt_expand_look(m, i, STAGE_RCPT, &ends, &e);
  bool unknown = reply == REPLY_UNKNOWN_RCPT;

  if (reply != REPLY_DONE && !(unknown && may_be_unknown)) return reply;
  if (!ends.by || unknown)
    rcpt_expand_remove_double(m, i);
  else if (rcpt_expand_are_too_many(m, ends.n))
    return REPLY_ALIAS_TOO_MANY;
  else if (rcpt_expand_replace(m, i, &ends, &e) < 0)
    return REPLY_STORE_FAILED;
  return REPLY_DONE;
}

/* From the last on: replacing one moves none of those before it. */
int rcpt_expand_all(struct mail *m, enum stage stage, struct err *e)
{
  struct alias_ends ends;

  if (m->again) return 0;
  for (size_t i = m->rcpt_count; i-- > 0;) {
    enum reply_id reply = rcpt_expand_look(m, i, stage, &ends, e);

    if (reply == REPLY_STORE_FAILED && e->kind == ERR_NOMEM) return -1;
    if (reply == REPLY_DONE && ends.by && rcpt_expand_replace(m, i, &ends, e) < 0) return -1;
  }
  return 0;
}

int rcpt_expand_mark(struct mail *m, struct err *e)
{
  str given = m->rcpt_count ? m->rcpt[0].original : (str){"", 0};
  bool leaves = false;

  for (size_t i = 0; i < m->rcpt_count; i++) {
    if (!str_eq(m->rcpt[i].original, given)) return 0; /* one must not learn of the others */
    leaves |= !rcpt_expand_is_ours(m, m->rcpt[i].address);
  }
  if (!leaves || !rcpt_expand_is_ours(m, given)) return 0;
  return header_prepend(&m->header, STR("Delivered-To"), given, e);
}
