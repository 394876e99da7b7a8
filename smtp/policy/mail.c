/* smtp/policy/mail.c: one mail on its way: envelope, header, what the rules said so far. */
#include "policy.h"

#include "../format/format.h"
#include "forged.h"

/* ---- lists that grow in the arena ------------------------------------------------------------ */

/* Makes room for one more item of the given size in a list; the new address of the list or NULL. */
static void *mail_grow(struct arena *a, void *list, size_t n, size_t *size, size_t item)
{
  size_t bigger = *size ? *size * 2 : 8;
  void *to;

  if (n < *size) return list;
  to = arena_alloc(a, bigger * item);
  if (!to) return NULL;
  if (n) memcpy(to, list, n * item);
  *size = bigger;
  return to;
}

struct mail *mail_new(struct arena *a, const struct conf *conf, const struct mail *parent)
{
  struct mail *m = arena_alloc(a, sizeof *m);
  struct err e;

  if (!m) return NULL;
  if (!parent) {
    m->arena = a;
    m->conf = conf;
    m->header.arena = a;
    return m;
  }
  *m = *parent; /* texts of the parent live longer than this; lists are copied, for they grow */
  m->rcpt = NULL;
  m->rcpt_count = m->rcpt_size = 0;
  m->trace = NULL;
  m->trace_count = m->trace_size = 0;
  m->header = (struct header){.arena = a};
  for (size_t i = 0; i < parent->rcpt_count; i++) {
    if (mail_rcpt_add(m, parent->rcpt[i].address, false, &e) < 0) return NULL;
    m->rcpt[i] = parent->rcpt[i];
  }
  for (size_t i = 0; i < parent->trace_count; i++) {
    m->trace = mail_grow(a, m->trace, i, &m->trace_size, sizeof *m->trace);
    if (!m->trace) return NULL;
    m->trace[m->trace_count++] = parent->trace[i];
  }
  return header_join(&parent->header, &m->header, &e) < 0 ? NULL : m;
}

/* ---- recipients ------------------------------------------------------------------------------ */

bool mail_rcpt_same(const struct conf *conf, str a, str b)
{
  ptrdiff_t at = str_rchr(a, '@');

  if (a.n != b.n || at < 0) return str_eq(a, b);
  if (conf_is_ours(conf, str_skip(a, (size_t)at + 1))) return str_ieq(a, b);
  return str_eq(str_sub(a, 0, (size_t)at), str_sub(b, 0, (size_t)at)) &&
         str_ieq(str_skip(a, (size_t)at), str_skip(b, (size_t)at));
}

int mail_rcpt_add(struct mail *m, str address, bool by_client, struct err *e)
{
  struct mail_rcpt *list = mail_grow(m->arena, m->rcpt, m->rcpt_count, &m->rcpt_size, sizeof *list);
  str copy = arena_str(m->arena, address);

  if (!list || !copy.p) return err_nomem(e);
  m->rcpt = list;
  m->rcpt[m->rcpt_count++] = (struct mail_rcpt){
      .address = copy, .original = by_client ? copy : (str){"", 0}, .by_client = by_client};
  return 0;
}

void mail_rcpt_remove(struct mail *m, size_t i)
{
  m->rcpt_count--;
  memmove(m->rcpt + i, m->rcpt + i + 1, (m->rcpt_count - i) * sizeof *m->rcpt);
}

enum transport mail_default_transport(const struct conf *conf, str address)
{
  ptrdiff_t at = str_rchr(address, '@');

  return at < 0 || conf_is_ours(conf, str_skip(address, (size_t)at + 1)) ? TRANSPORT_MAILDIR
                                                                         : TRANSPORT_DELIVER;
}

static enum transport mail_transport(const struct mail *m, const struct mail_rcpt *r)
{
  if (r->transport != TRANSPORT_UNSET) return r->transport;
  return mail_default_transport(m->conf, r->address);
}

struct store_rcpt *mail_rcpt_rows(const struct mail *m, struct arena *a, int64_t next_at)
{
  struct store_rcpt *rows = arena_alloc(a, (m->rcpt_count + 1) * sizeof *rows);

  for (size_t i = 0; rows && i < m->rcpt_count; i++) {
    const struct mail_rcpt *r = &m->rcpt[i];

    rows[i] = (struct store_rcpt){.address = r->address,
                                  .original = r->original,
                                  .transport = mail_transport(m, r),
                                  .target = r->target,
                                  .dsn = r->dsn,
                                  .next_at = next_at};
    /* The sender does not know of whom a rule added. */
    if (r->original.n == 0) rows[i].dsn = STR("NOTIFY=NEVER");
    if (r->transport == TRANSPORT_NONE) rows[i].status = STORE_REMOVED;
  }
  return rows;
}

/* ---- header ---------------------------------------------------------------------------------- */

/* What a rule set while there was no message replaces the received field of that
 * name, everything else goes in front (rules/README.md#the-message). */
static void mail_replace_set_fields(struct header *pending, struct header *received)
{
  for (size_t i = pending->n; i-- > 0;) {
    struct header_field f = pending->fields[i];

    if (f.set && header_replace(received, f)) header_remove_at(pending, i);
  }
}

/* RFC 3848 and RFC 6531 §4.3: the words behind "with". */
static const char *mail_protocol(const struct mail *m)
{
  static const char *const words[2][2][2] = {
      {{"SMTP", "SMTP"}, {"SMTP", "SMTP"}},
      {{"ESMTP", "ESMTPA"}, {"ESMTPS", "ESMTPSA"}},
  };
  static const char *const utf8[2][2] = {{"UTF8SMTP", "UTF8SMTPA"}, {"UTF8SMTPS", "UTF8SMTPSA"}};
  const struct rules_facts *f = &m->facts;

  return m->utf8 ? utf8[f->secured][f->authenticated]
                 : words[m->esmtp][f->secured][f->authenticated];
}

static str mail_given(const struct mail_rcpt *r)
{
  return r->original.n ? r->original : r->address;
}

/* Where it came from, as the Received field begins (RFC 5321 §4.4). */
static str mail_received_from(const struct mail *m)
{
  const struct rules_facts *f = &m->facts;
  bool six = str_chr(f->client_ip, ':') >= 0;

  if (m->dropped)
    return arena_printf(m->arena, "by " STR_FMT " (vsmtp, from userid %u)\r\n\tid " STR_FMT,
                        STR_ARG(f->server_name), (unsigned)m->dropped_by, STR_ARG(f->message_id));
  return arena_printf(m->arena,
                      "from " STR_FMT " ([%s" STR_FMT "])\r\n\tby " STR_FMT " with %s id " STR_FMT,
                      STR_ARG(f->helo), six ? "IPv6:" : "", STR_ARG(f->client_ip),
                      STR_ARG(f->server_name), mail_protocol(m), STR_ARG(f->message_id));
}

static int mail_add_received(const struct mail *m, struct header *h, struct err *e)
{
  char date[40];
  str from = mail_received_from(m), to = {"", 0}, value;

  /* RFC 5321 §4.4 and §7.2: only a single recipient is named, or the blind copies would show. */
  if (m->rcpt_count == 1)
    to = arena_printf(m->arena, "\r\n\tfor <" STR_FMT ">", STR_ARG(mail_given(&m->rcpt[0])));
  if (m->tls.n && to.p) /* RFC 8314 §4.3 */
    to = arena_printf(m->arena, STR_FMT "\r\n\ttls " STR_FMT, STR_ARG(to), STR_ARG(m->tls));
  value = arena_printf(m->arena, STR_FMT STR_FMT ";\r\n\t%s", STR_ARG(from), STR_ARG(to),
                       clock_rfc5322(clock_wall(), date));
  if (!from.p || !to.p || !value.p) return err_nomem(e);
  return header_prepend(h, STR("Received"), value, e);
}

int mail_mark_subject(struct mail *m, str mark, struct err *e)
{
  const struct header_field *f = header_find(&m->header, STR("Subject"), 0);
  str old = {"", 0}, value;

  if (!m->arrived) {
    m->mark = arena_str(m->arena, mark);
    return m->mark.p ? 0 : err_nomem(e);
  }
  if (f) old = str_trim(str_skip(f->raw, (size_t)str_chr(f->raw, ':') + 1));
  if (str_starts(old, mark)) return 0;
  value = arena_printf(m->arena, STR_FMT STR_FMT, STR_ARG(mark), STR_ARG(old));
  return value.p ? header_set(&m->header, STR("Subject"), value, e) : err_nomem(e);
}

int mail_arrive(struct mail *m, str block, bool trace, struct err *e)
{
  struct header received = {.arena = m->arena};

  if (header_parse(&received, block, e) < 0) return -1;
  if (trace) forged_remove(&received, m->conf);
  if (trace && mail_add_received(m, &received, e) < 0) return -1;
  mail_replace_set_fields(&m->header, &received);
  if (header_join(&m->header, &received, e) < 0) return -1;
  m->header = received;
  m->arrived = true;
  return m->mark.p ? mail_mark_subject(m, m->mark, e) : 0;
}

str mail_subject(const struct mail *m)
{
  struct header_field *f = header_find(&m->header, STR("Subject"), 0);

  return f ? subject_decode(header_value(f, m->arena), m->arena) : (str){"", 0};
}

int mail_header(const struct mail *m, struct buf *out, struct err *e)
{
  header_write(&m->header, out);
  buf_puts(out, "\r\n");
  return buf_ok(out) ? 0 : err_nomem(e);
}

/* ---- decisions ------------------------------------------------------------------------------- */

str mail_stage_name(enum stage s)
{
  static const str names[] = {
#define MAIL_STAGE_NAME(upper, name) STR_INIT(name),
      STAGE_LIST(MAIL_STAGE_NAME)
#undef MAIL_STAGE_NAME
  };
  return names[s];
}

void mail_trace(struct mail *m, enum stage stage, str directive, const char *kind, str status,
                str detail)
{
  struct store_trace *list;

  if (m->trace_count == LIMIT_TRACE) return;
  list = mail_grow(m->arena, m->trace, m->trace_count, &m->trace_size, sizeof *list);
  if (!list) return;
  m->trace = list;
  m->trace[m->trace_count++] = (struct store_trace){
      .at = clock_wall(),
      .stage = mail_stage_name(stage),
      .directive = arena_str(m->arena, directive),
      .kind = str_of(kind),
      .status = arena_str(m->arena, status),
      .detail = arena_str(m->arena, detail),
  };
}

void mail_set_reply(struct mail *m, const struct rules_code *code)
{
  m->reply = (struct rules_code){code->basic, arena_str(m->arena, code->enhanced),
                                 arena_str(m->arena, code->text)};
}

void mail_set_skip(struct mail *m, enum stage stage, const struct rules_verdict *v)
{
  m->skip = v->kind;
  mail_set_reply(m, &v->code);
  m->quarantine = arena_str(m->arena, v->text);
  m->directive = arena_str(m->arena, v->directive);
  m->decided = stage;
}

/* ---- kept with a stored mail ----------------------------------------------------------------- */

static void mail_put_text(struct buf *out, const char *key, str value)
{
  buf_printf(out, "%s = ", key);
  buf_json(out, value); /* a JSON string is a TOML basic string */
  buf_putc(out, '\n');
}

static void mail_put_int(struct buf *out, const char *key, int64_t value)
{
  buf_printf(out, "%s = %lld\n", key, (long long)value);
}

int mail_context_write(const struct mail *m, struct buf *out)
{
  const struct rules_facts *f = &m->facts;

  mail_put_int(out, "client_port", f->client_port);
  mail_put_text(out, "server_ip", f->server_ip);
  mail_put_int(out, "server_port", f->server_port);
  mail_put_text(out, "server_name", f->server_name);
  mail_put_int(out, "connected_at", f->connected_at);
  mail_put_int(out, "mail_at", f->mail_at);
  buf_printf(out, "secured = %s\n", f->secured ? "true" : "false");
  buf_printf(out, "authenticated = %s\n", f->authenticated ? "true" : "false");
  if (m->dropped) buf_puts(out, "dropped = true\n");
  mail_put_int(out, "auth", f->auth);
  buf_printf(out, "utf8 = %s\n", m->utf8 ? "true" : "false");
  mail_put_int(out, "skip", m->skip);
  if (m->dsn.n) mail_put_text(out, "dsn", m->dsn);
  return buf_ok(out) ? 0 : -1;
}

static int64_t mail_get_int(const struct toml *t, const char *key)
{
  const struct toml *v = t ? toml_get(t, str_of(key)) : NULL;
  return v && v->type == TOML_INT ? v->integer : 0;
}

static bool mail_get_bool(const struct toml *t, const char *key)
{
  const struct toml *v = t ? toml_get(t, str_of(key)) : NULL;
  return v && v->type == TOML_BOOL && v->boolean;
}

static str mail_get_text(const struct toml *t, const char *key)
{
  const struct toml *v = t ? toml_get(t, str_of(key)) : NULL;
  return v && v->type == TOML_STRING ? v->text : (str){"", 0};
}

static void mail_context_read(struct mail *m, str context)
{
  struct rules_facts *f = &m->facts;
  const struct toml *t = NULL;
  struct diags d;

  if (diags_init(&d) == 0) t = toml_parse(m->arena, STR("context"), context, &d);
  diags_free(&d);
  f->client_port = (int)mail_get_int(t, "client_port");
  f->server_ip = mail_get_text(t, "server_ip");
  f->server_port = (int)mail_get_int(t, "server_port");
  f->server_name = mail_get_text(t, "server_name");
  f->connected_at = mail_get_int(t, "connected_at");
  f->mail_at = mail_get_int(t, "mail_at");
  f->secured = mail_get_bool(t, "secured");
  f->authenticated = mail_get_bool(t, "authenticated");
  m->dropped = mail_get_bool(t, "dropped");
  f->auth = (enum rules_auth)mail_get_int(t, "auth");
  m->utf8 = mail_get_bool(t, "utf8");
  m->dsn = mail_get_text(t, "dsn");
  m->skip = mail_get_int(t, "skip") == RULES_FACCEPT ? RULES_FACCEPT : RULES_NEXT;
}

static int mail_restore_rcpt(struct mail *m, const struct store_rcpt *row, struct err *e)
{
  struct mail_rcpt *r;

  if (row->status != STORE_PENDING && !m->again) return 0;
  if (mail_rcpt_add(m, row->address, false, e) < 0) return -1;
  r = &m->rcpt[m->rcpt_count - 1];
  r->row = row->n;
  r->expanded = true;
  /* Not what the client gave any more: then a rule or an alias made it so, who may. */
  r->by_client = mail_rcpt_same(m->conf, row->original, row->address);
  r->original = arena_str(m->arena, row->original);
  if (row->transport != mail_transport(m, r)) /* else it is what nobody chose */
    r->transport = row->transport;
  r->target = arena_str(m->arena, row->target);
  r->dsn = arena_str(m->arena, row->dsn);
  return r->original.p && r->target.p && r->dsn.p ? 0 : err_nomem(e);
}

struct mail *mail_restore(struct arena *a, const struct conf *conf, const struct store_mail *stored,
                          str header, bool again, struct err *e)
{
  struct mail *m = mail_new(a, conf, NULL);

  if (!m) {
    err_nomem(e);
    return NULL;
  }
  m->again = again;
  mail_context_read(m, stored->context);
  m->facts.message_id = arena_str(a, stored->id);
  m->facts.client_ip = arena_str(a, stored->client_ip);
  m->facts.helo = arena_str(a, stored->helo);
  m->facts.mail_from = arena_str(a, stored->mail_from);
  m->facts.auth_id = arena_str(a, stored->auth_user);
  for (size_t i = 0; i < stored->rcpt_count; i++)
    if (mail_restore_rcpt(m, &stored->rcpt[i], e) < 0) return NULL;
  if (str_ends(header, STR("\r\n"))) header.n -= 2; /* the empty line */
  return mail_arrive(m, header, false, e) < 0 ? NULL : m;
}
