/* tests/rules_host.h: a host for rules whose transaction is in memory: what session and queue are
 * to the server. Everything a rule did can be read from it afterwards. */
#ifndef TESTS_RULES_HOST_H
#define TESTS_RULES_HOST_H

#include "../rules/rules.h"
#include "../smtp/format/format.h"

#define FAKE_RCPT    16
#define FAKE_HEADERS 64

struct fake_rcpt {
  struct rules_rcpt rcpt;
  bool permitted;
};

struct fake {
  struct arena *arena;
  struct rules_facts facts;
  struct fake_rcpt rcpt[FAKE_RCPT];
  size_t rcpt_count;
  struct rules_header headers[FAKE_HEADERS];
  size_t header_count;
  str body;
  str domains[4];         /* ours */
  struct buf log;         /* "level text\n" of each line */
  struct buf decisions;   /* "stage kind name status detail\n" */
  struct buf files;       /* "dir suffix text\n" */
  enum rules_asked asked; /* what ask answers */
  struct rules_answer answer;
  size_t questions;
  struct buf services; /* questions about services: "ask number name args…\n" */
  bool refuse;         /* everything that can fail fails */
};

static inline int fake_refusal(const struct fake *h, struct err *e)
{
  return h->refuse ? err_set(e, ERR_TEMP, "the host refuses") : 0;
}

static const struct rules_facts *fake_facts(void *tx)
{
  return &((struct fake *)tx)->facts;
}

static size_t fake_rcpt_count(void *tx)
{
  return ((struct fake *)tx)->rcpt_count;
}

static void fake_rcpt_get(void *tx, size_t i, struct rules_rcpt *out)
{
  *out = ((struct fake *)tx)->rcpt[i].rcpt;
}

static int fake_rcpt_add(void *tx, str address, struct err *e)
{
  struct fake *h = tx;
  if (fake_refusal(h, e) < 0) return -1;
  if (h->rcpt_count == FAKE_RCPT) return err_set(e, ERR_RULE, "too many recipients");
  h->rcpt[h->rcpt_count++] = (struct fake_rcpt){.rcpt.address = arena_str(h->arena, address)};
  return 0;
}

static int fake_rcpt_remove(void *tx, size_t i, struct err *e)
{
  struct fake *h = tx;
  if (fake_refusal(h, e) < 0) return -1;
  memmove(h->rcpt + i, h->rcpt + i + 1, (h->rcpt_count - i - 1) * sizeof *h->rcpt);
  h->rcpt_count--;
  return 0;
}

static int fake_rcpt_rewrite(void *tx, size_t i, str address, struct err *e)
{
  struct fake *h = tx;
  if (fake_refusal(h, e) < 0) return -1;
  h->rcpt[i].rcpt.address = arena_str(h->arena, address);
  return 0;
}

static int fake_target_check(void *tx, str target, struct err *e)
{
  struct fake *h = tx;
  struct target t;
  return target_parse(target, h->arena, &t, e);
}

static int fake_rcpt_transport(void *tx, size_t i, enum transport t, str target, struct err *e)
{
  struct fake *h = tx;
  if (fake_refusal(h, e) < 0) return -1;
  h->rcpt[i].rcpt.transport = t;
  h->rcpt[i].rcpt.target = arena_str(h->arena, target);
  return 0;
}

static void fake_rcpt_permit(void *tx, size_t i)
{
  ((struct fake *)tx)->rcpt[i].permitted = true;
}

static int fake_mail_from_set(void *tx, str address, struct err *e)
{
  struct fake *h = tx;
  if (fake_refusal(h, e) < 0) return -1;
  h->facts.mail_from = arena_str(h->arena, address);
  return 0;
}

/* Index of the nth field of that name, or the count. */
static size_t fake_header_find(const struct fake *h, str name, size_t nth)
{
  for (size_t i = 0; i < h->header_count; i++)
    if (str_ieq(h->headers[i].name, name) && nth-- == 0) return i;
  return h->header_count;
}

static bool fake_header_get(void *tx, str name, size_t nth, struct rules_header *out)
{
  const struct fake *h = tx;
  const size_t i = fake_header_find(h, name, nth);
  if (i == h->header_count) return false;
  *out = h->headers[i];
  return true;
}

static int fake_header_insert(struct fake *h, size_t at, str name, str value, struct err *e)
{
  if (fake_refusal(h, e) < 0) return -1;
  if (h->header_count == FAKE_HEADERS) return err_set(e, ERR_RULE, "too many headers");
  memmove(h->headers + at + 1, h->headers + at, (h->header_count - at) * sizeof *h->headers);
  h->headers[at] = (struct rules_header){arena_str(h->arena, name), arena_str(h->arena, value)};
  h->header_count++;
  return 0;
}

static int fake_header_append(void *tx, str name, str value, struct err *e)
{
  struct fake *h = tx;
  return fake_header_insert(h, h->header_count, name, value, e);
}

static int fake_header_prepend(void *tx, str name, str value, struct err *e)
{
  return fake_header_insert(tx, 0, name, value, e);
}

static int fake_header_set(void *tx, str name, str value, struct err *e)
{
  struct fake *h = tx;
  const size_t i = fake_header_find(h, name, 0);
  if (i == h->header_count) return fake_header_append(tx, name, value, e);
  if (fake_refusal(h, e) < 0) return -1;
  h->headers[i].value = arena_str(h->arena, value);
  return 0;
}

static int fake_subject_mark(void *tx, str mark, struct err *e)
{
  struct fake *h = tx;
  const size_t i = fake_header_find(h, STR("Subject"), 0);
  const str old = i < h->header_count ? h->headers[i].value : STR("");
  return fake_header_set(tx, STR("Subject"),
                         arena_printf(h->arena, STR_FMT STR_FMT, STR_ARG(mark), STR_ARG(old)), e);
}

static int fake_header_remove(void *tx, str name, struct err *e)
{
  struct fake *h = tx;
  const size_t i = fake_header_find(h, name, 0);
  if (fake_refusal(h, e) < 0) return -1;
  if (i == h->header_count) return 0;
  memmove(h->headers + i, h->headers + i + 1, (h->header_count - i - 1) * sizeof *h->headers);
  h->header_count--;
  return 0;
}

static int fake_message_read(void *tx, struct buf *out, struct err *e)
{
  const struct fake *h = tx;
  if (fake_refusal(h, e) < 0) return -1;
  struct buf all = BUF_INIT(1 << 24);
  for (size_t i = 0; i < h->header_count; i++)
    buf_printf(&all, STR_FMT ": " STR_FMT "\r\n", STR_ARG(h->headers[i].name),
               STR_ARG(h->headers[i].value));
  buf_puts(&all, "\r\n");
  buf_str_add(&all, h->body);
  const size_t room = out->cap - out->n;
  buf_str_add(out, str_sub(buf_str(&all), 0, room));
  buf_free(&all);
  return 0;
}

static int fake_write_message(void *tx, str dir, str suffix, struct err *e)
{
  struct fake *h = tx;
  if (fake_refusal(h, e) < 0) return -1;
  buf_printf(&h->files, STR_FMT " " STR_FMT "\n", STR_ARG(dir), STR_ARG(suffix));
  return 0;
}

static int fake_write_text(void *tx, str dir, str suffix, str text, struct err *e)
{
  struct fake *h = tx;
  if (fake_write_message(tx, dir, suffix, e) < 0) return -1;
  buf_str_add(&h->files, text);
  return 0;
}

static bool fake_in_domain(void *tx, str domain)
{
  const struct fake *h = tx;
  for (size_t i = 0; i < BASE_COUNT(h->domains); i++)
    if (domain.n > 0 && str_ieq(h->domains[i], domain)) return true;
  return false;
}

static bool fake_is_router(void *tx)
{
  (void)tx;
  return false;
}

static bool fake_user_exist(void *tx, str name)
{
  (void)tx;
  return str_eq(name, STR("alice"));
}

static void fake_log(void *tx, enum log_target t, enum log_level l, str text)
{
  struct fake *h = tx;
  buf_printf(&h->log, "%s %s " STR_FMT "\n", t == LOG_APP ? "app" : "rules", log_level_name(l),
             STR_ARG(text));
}

static void fake_decided(void *tx, const struct rules_trace *t)
{
  struct fake *h = tx;
  buf_printf(&h->decisions, "%d %s " STR_FMT " " STR_FMT " " STR_FMT "\n", (int)t->stage, t->kind,
             STR_ARG(t->directive), STR_ARG(t->status), STR_ARG(t->detail));
}

static void fake_note_question(struct fake *h, const struct rules_question *q)
{
  buf_printf(&h->services, "%d %zu " STR_FMT, (int)(q->ask - RULES_ASK_SCAN), q->service,
             STR_ARG(q->name));
  for (size_t i = 0; i < q->n; i++) {
    const struct datum *d = &q->args[i];
    if (d->type == DATUM_NULL) buf_puts(&h->services, " ()");
    if (d->type == DATUM_INT) buf_printf(&h->services, " %lld", (long long)d->integer);
    if (d->type == DATUM_REAL) buf_printf(&h->services, " %g", d->real);
    if (d->type == DATUM_TEXT) buf_printf(&h->services, " '" STR_FMT "'", STR_ARG(d->text));
  }
  buf_putc(&h->services, '\n');
}

static enum rules_asked fake_ask(void *tx, const struct rules_question *q, struct rules_answer *a,
                                 struct err *e)
{
  struct fake *h = tx;
  h->questions++;
  if (q->ask >= RULES_ASK_SCAN) fake_note_question(h, q);
  *a = h->answer;
  if (h->asked == RULES_ASKED_REFUSED) err_set(e, ERR_TEMP, "the host does not answer");
  return h->asked;
}

static const struct rules_host fake_host = {
    .facts = fake_facts,
    .rcpt_count = fake_rcpt_count,
    .rcpt_get = fake_rcpt_get,
    .rcpt_add = fake_rcpt_add,
    .rcpt_remove = fake_rcpt_remove,
    .rcpt_rewrite = fake_rcpt_rewrite,
    .rcpt_transport = fake_rcpt_transport,
    .target_check = fake_target_check,
    .rcpt_permit = fake_rcpt_permit,
    .mail_from_set = fake_mail_from_set,
    .header_get = fake_header_get,
    .header_append = fake_header_append,
    .header_prepend = fake_header_prepend,
    .header_set = fake_header_set,
    .header_remove = fake_header_remove,
    .subject_mark = fake_subject_mark,
    .message_read = fake_message_read,
    .write_message = fake_write_message,
    .write_text = fake_write_text,
    .in_domain = fake_in_domain,
    .is_router = fake_is_router,
    .user_exist = fake_user_exist,
    .log = fake_log,
    .decided = fake_decided,
    .ask = fake_ask,
};

/* A stranger mails from 203.0.113.5 to alice@home.example, which is ours, and to
 * bob@far.example. */
static inline void fake_init(struct fake *h)
{
  memset(h, 0, sizeof *h);
  h->arena = arena_new(0);
  h->facts = (struct rules_facts){
      .client_ip = STR("203.0.113.5"),
      .client_port = 40000,
      .server_ip = STR("192.0.2.1"),
      .server_port = 25,
      .server_name = STR("home.example"),
      .connected_at = 1700000000123,
      .helo = STR("client.far.example"),
      .mail_from = STR("carol@far.example"),
      .mail_at = 1700000001456,
      .message_id = STR("00000000000000000000000001"),
  };
  h->rcpt[0].rcpt = (struct rules_rcpt){.address = STR("alice@home.example"), .by_client = true};
  h->rcpt[1].rcpt = (struct rules_rcpt){.address = STR("bob@far.example"), .by_client = true};
  h->rcpt_count = 2;
  h->headers[0] = (struct rules_header){STR("From"), STR("Carol <carol@far.example>")};
  h->headers[1] =
      (struct rules_header){STR("To"), STR("alice@home.example, Bob <bob@far.example>")};
  h->headers[2] = (struct rules_header){STR("Subject"), STR("hello")};
  h->header_count = 3;
  h->body = STR("body line\r\n");
  h->domains[0] = STR("home.example");
  h->log.cap = h->decisions.cap = h->files.cap = h->services.cap = 1 << 20;
  h->asked = RULES_ASKED_REFUSED;
}

static inline void fake_free(struct fake *h)
{
  arena_free(h->arena);
  buf_free(&h->log);
  buf_free(&h->decisions);
  buf_free(&h->files);
  buf_free(&h->services);
}

/* ---- loading and running from a test --------------------------------------------------------- */

static inline int fake_write_file(const char *folder, const char *name, const char *text)
{
  char path[512];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *file = fopen(path, "w");
  if (!file) return -1;
  fputs(text, file);
  return fclose(file);
}

/* Loads the text as main.vsl in folder. What was found wrong is printed into *report, if given, one
 * "line:column: text" a line. */
static inline struct rules *fake_load(const char *folder, const char *text,
                                      const struct rules_options *opt, struct buf *report)
{
  char path[512];
  struct diags d;
  struct rules_options plain = {.limits = vsl_limits_default()};
  if (diags_init(&d) < 0) return NULL;
  snprintf(path, sizeof path, "%s/main.vsl", folder);
  struct rules *r = NULL;
  if (fake_write_file(folder, "main.vsl", text) == 0)
    r = rules_load(str_of(path), opt ? opt : &plain, &d);
  for (size_t i = 0; i < d.n && report; i++)
    buf_printf(report, "%s%d:%d: " STR_FMT "\n", d.list[i].warning ? "warning " : "",
               d.list[i].line, d.list[i].column, STR_ARG(d.list[i].text));
  if (!report && !r) diags_print(&d, stdout);
  diags_free(&d);
  return r;
}

/* Steps to the end, or to the first wait. */
static inline enum rules_state fake_step(struct rules_run *run)
{
  enum rules_state s;
  while ((s = rules_step(run)) == RULES_YIELD) continue;
  return s;
}

#undef FAKE_RCPT
#undef FAKE_HEADERS

#endif
