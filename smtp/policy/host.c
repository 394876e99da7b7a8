/* smtp/policy/host.c: what rules may ask about a mail, and do to it: the functions behind
 * rules_host.
 *
 * Each is told its mail by the opaque pointer of the run and touches nothing else.
 */
#include "folder.h"
#include "policy.h"
#include "../format/format.h"

static const struct rules_facts *host_facts(void *tx)
{
  return &((struct mail *)tx)->facts;
}

/* ---- recipients and sender ------------------------------------------------------------------- */

static size_t host_rcpt_count(void *tx)
{
  return ((struct mail *)tx)->rcpt_count;
}

static void host_rcpt_get(void *tx, size_t i, struct rules_rcpt *out)
{
  const struct mail *m = tx;
  const struct mail_rcpt *r = &m->rcpt[i];
  struct buf shown = BUF_INIT(LIMIT_COMMAND_LINE * 2);

  *out = (struct rules_rcpt){r->address, r->by_client, r->transport, r->target};
  if (str_chr(r->target, '@') < 0) return;
  target_show(r->target, &shown); /* rules get to see no password */
  out->target = arena_str(m->arena, buf_str(&shown));
  buf_free(&shown);
}

static int host_rcpt_add(void *tx, str address, struct err *e)
{
  struct mail *m = tx;

  if (!m->again && (int64_t)m->rcpt_count >= m->conf->server.smtp.rcpt_count_max)
    return err_set(e, ERR_PERM, "more than server.smtp.rcpt_count_max recipients");
  return mail_rcpt_add(m, address, false, e);
}

static int host_rcpt_remove(void *tx, size_t i, struct err *e)
{
  (void)e;
  mail_rcpt_remove(tx, i);
  return 0;
}

static int host_rcpt_rewrite(void *tx, size_t i, str address, struct err *e)
{
  struct mail *m = tx;
  str copy = arena_str(m->arena, address);

  if (!copy.p) return err_nomem(e);
  m->rcpt[i].address = copy;
  m->rcpt[i].rewritten = true;
  m->rcpt[i].expanded = false;
  return 0;
}

static int host_rcpt_transport(void *tx, size_t i, enum transport t, str target, struct err *e)
{
  struct mail *m = tx;
  str copy = arena_str(m->arena, target);

  if (!copy.p) return err_nomem(e);
  m->rcpt[i].transport = t;
  m->rcpt[i].target = copy;
  return 0;
}

static int host_target_check(void *tx, str target, struct err *e)
{
  struct arena *a = arena_new(LIMIT_COMMAND_LINE * 4);
  struct target t;
  int rc = a ? target_parse(target, a, &t, e) : err_nomem(e);

  (void)tx;
  arena_free(a);
  return rc;
}

static void host_rcpt_permit(void *tx, size_t i)
{
  ((struct mail *)tx)->rcpt[i].permitted = true;
}

static int host_mail_from_set(void *tx, str address, struct err *e)
{
  struct mail *m = tx;
  str copy = arena_str(m->arena, address);

  if (!copy.p) return err_nomem(e);
  m->facts.mail_from = copy;
  return 0;
}

/* ---- header and text ------------------------------------------------------------------------- */

static bool host_header_get(void *tx, str name, size_t nth, struct rules_header *out)
{
  struct mail *m = tx;
  struct header_field *f = header_find(&m->header, name, nth);

  if (!f) return false;
  *out = (struct rules_header){f->name, header_value(f, m->arena)};
  return true;
}

static int host_header_append(void *tx, str name, str value, struct err *e)
{
  return header_append(&((struct mail *)tx)->header, name, value, e);
}

static int host_header_prepend(void *tx, str name, str value, struct err *e)
{
  return header_prepend(&((struct mail *)tx)->header, name, value, e);
}

static int host_header_set(void *tx, str name, str value, struct err *e)
{
  return header_set(&((struct mail *)tx)->header, name, value, e);
}

static int host_header_remove(void *tx, str name, struct err *e)
{
  struct header *h = &((struct mail *)tx)->header;

  (void)e;
  for (size_t i = 0; i < h->n; i++)
    if (str_ieq(h->fields[i].name, name)) {
      header_remove_at(h, i);
      break;
    }
  return 0;
}

static int host_subject_mark(void *tx, str mark, struct err *e)
{
  return mail_mark_subject(tx, mark, e);
}

/* What host_message gives its pieces to: 0, -1 with e, 1 it wants no more. */
typedef int host_piece_fn(void *arg, str piece, struct err *e);

/* The whole mail, a piece at a time. */
static int host_message(const struct mail *m, host_piece_fn *take, void *arg, struct err *e)
{
  struct buf head = BUF_INIT(LIMIT_HEADER_BYTES + LIMIT_CHUNK);
  struct mail_stream text = {.body = m->body, .source = m->source};
  int rc = mail_header(m, &head, e);
  uint64_t at = 0;

  text.head = buf_str(&head);
  while (rc == 0) {
    str piece = mail_stream_at(&text, at, e);

    if (piece.p && !piece.n) break;
    rc = piece.p ? take(arg, piece, e) : -1;
    at += piece.n;
  }
  mail_stream_free(&text);
  buf_free(&head);
  return rc;
}

/* As far as its cap allows; what is beyond is not read. */
static int host_put(void *arg, str piece, struct err *e)
{
  struct buf *out = arg;
  size_t room = out->cap - out->n;

  (void)e;
  buf_str_add(out, str_sub(piece, 0, room));
  return buf_ok(out) && piece.n <= room ? 0 : 1;
}

static int host_message_read(void *tx, struct buf *out, struct err *e)
{
  return host_message(tx, host_put, out, e) < 0 ? -1 : 0;
}

/* ---- files ----------------------------------------------------------------------------------- */

static int host_write_text(void *tx, str dir, str suffix, str text, struct err *e)
{
  struct mail *m = tx;
  struct folder_file f;
  int rc;

  if (folder_create(&f, m->conf->app.dirpath, dir, m->facts.message_id, suffix, e) < 0) return -1;
  rc = folder_write(&f, text, e);
  return folder_finish(&f, rc == 0, e);
}

static int host_write_piece(void *arg, str piece, struct err *e)
{
  return folder_write(arg, piece, e);
}

static int host_write_message(void *tx, str dir, str suffix, struct err *e)
{
  struct mail *m = tx;
  struct folder_file f;

  if (folder_create(&f, m->conf->app.dirpath, dir, m->facts.message_id, suffix, e) < 0) return -1;
  return folder_finish(&f, host_message(m, host_write_piece, &f, e) == 0, e);
}

/* ---- the rest -------------------------------------------------------------------------------- */

static bool host_in_domain(void *tx, str domain)
{
  return conf_is_ours(((struct mail *)tx)->conf, domain);
}

static bool host_is_router(void *tx)
{
  return router_is(((struct mail *)tx)->facts.client_ip);
}

static bool host_user_exist(void *tx, str name)
{
  (void)tx;
  return inbox_system_user(name);
}

static void host_log(void *tx, enum log_target t, enum log_level l, str text)
{
  const struct mail *m = tx;

  if (m->facts.message_id.n)
    log_write(t, l, "mid=" STR_FMT " " STR_FMT, STR_ARG(m->facts.message_id), STR_ARG(text));
  else
    log_write(t, l, "client=" STR_FMT " " STR_FMT, STR_ARG(m->facts.client_ip), STR_ARG(text));
}

static void host_decided(void *tx, const struct rules_trace *t)
{
  mail_trace(tx, t->stage, t->directive, t->kind, t->status, t->detail);
}

static enum rules_asked host_ask(void *tx, const struct rules_question *q, struct rules_answer *a,
                                 struct err *e)
{
  struct mail *m = tx;

  if (q->ask == RULES_ASK_SPF && m->dropped) { /* no client sent it: nobody published anything */
    *a = (struct rules_answer){.result = STR("none"),
                               .problem = STR("it was left by a program of this machine")};
    return RULES_ASKED_DONE;
  }
  return judge_ask(m->judge, q, e) < 0 ? RULES_ASKED_REFUSED : RULES_ASKED_WAIT;
}

const struct rules_host host_functions = {
    .facts = host_facts,
    .rcpt_count = host_rcpt_count,
    .rcpt_get = host_rcpt_get,
    .rcpt_add = host_rcpt_add,
    .rcpt_remove = host_rcpt_remove,
    .rcpt_rewrite = host_rcpt_rewrite,
    .rcpt_transport = host_rcpt_transport,
    .target_check = host_target_check,
    .rcpt_permit = host_rcpt_permit,
    .mail_from_set = host_mail_from_set,
    .header_get = host_header_get,
    .header_append = host_header_append,
    .header_prepend = host_header_prepend,
    .header_set = host_header_set,
    .header_remove = host_header_remove,
    .subject_mark = host_subject_mark,
    .message_read = host_message_read,
    .write_message = host_write_message,
    .write_text = host_write_text,
    .in_domain = host_in_domain,
    .is_router = host_is_router,
    .user_exist = host_user_exist,
    .log = host_log,
    .decided = host_decided,
    .ask = host_ask,
};
