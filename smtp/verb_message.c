/* smtp/verb_message.c: what the verbs about stored messages share. */
#include "verb_message.h"

#include <sysexits.h>

/* ---- one message ----------------------------------------------------------------------------- */

struct verb_message_text {
  struct buf out;
  size_t rows;
  bool json;
};

static bool verb_message_cells(void *arg, const struct store_cell *cell, size_t n)
{
  struct verb_message_text *t = arg;
  t->rows++;
  if (t->json) {
    rows_json(&t->out, cell, n);
    t->out.n--; /* open again: recipients and trace follow */
    return true;
  }
  for (size_t i = 0; i < n; i++) {
    if (cell[i].type == CELL_NULL || !cell[i].text.n) continue;
    buf_printf(&t->out, "%-16s ", cell[i].column);
    rows_show(&t->out, cell[i].text);
    buf_putc(&t->out, '\n');
  }
  return true;
}

/* The rows of one message in a view that may have many. */
static bool verb_message_part(void *arg, const struct store_cell *cell, size_t n)
{
  struct verb_message_text *t = arg;

  if (t->json) {
    if (t->rows++) buf_putc(&t->out, ',');
    rows_json(&t->out, cell + 1, n - 1); /* without the id, which stands above */
    return true;
  }
  buf_printf(&t->out, "%-16s ", t->rows++ ? "" : "recipients");
  for (size_t i = 1; i < n; i++) {
    if (cell[i].type == CELL_NULL || !cell[i].text.n) continue;
    rows_show(&t->out, cell[i].text);
    buf_puts(&t->out, i + 1 < n ? "  " : "");
  }
  buf_putc(&t->out, '\n');
  return true;
}

static int verb_message_list(struct store *s, struct verb_message_text *t, enum store_view view,
                             const char *name, str id, struct err *e)
{
  t->rows = 0;
  if (t->json) buf_printf(&t->out, ",\"%s\":[", name);
  int r = view_rows(s, view, id, STR(""), verb_message_part, t, e);
  if (t->json) buf_putc(&t->out, ']');
  return r;
}

static int verb_message_facts(struct store *s, const char *verb, str id, bool json)
{
  struct verb_message_text t = {.out = BUF_INIT(16 * ROWS_BUFFER), .json = json};
  struct err e;
  int code = EX_OK;
  int r = view_rows(s, VIEW_QUEUE, id, STR(""), verb_message_cells, &t, &e);
  if (r == 0 && !t.rows) r = view_rows(s, VIEW_QUARANTINE, id, STR(""), verb_message_cells, &t, &e);
  if (r == 0 && !t.rows) code = rows_missing(verb, id);
  if (r == 0 && code == EX_OK) r = verb_message_list(s, &t, VIEW_RECIPIENT, "recipients", id, &e);
  if (r == 0 && code == EX_OK && json) r = verb_message_list(s, &t, VIEW_TRACE, "trace", id, &e);
  if (json) buf_puts(&t.out, "}\n");
  if (r == 0 && !buf_ok(&t.out)) r = err_nomem(&e);
  if (r) code = rows_fail(verb, &e);
  if (code == EX_OK) rows_print(&t.out);
  buf_free(&t.out);
  return code;
}

static bool verb_message_put(void *arg, str octets)
{
  (void)arg;
  return fwrite(octets.p ? octets.p : "", 1, octets.n, stdout) == octets.n;
}

static int verb_message_eml(struct store *s, const char *verb, str id)
{
  struct err e;
  int r = view_mail(s, id, verb_message_put, NULL, &e);
  if (r == 0) return rows_missing(verb, id);
  if (r < 0) return rows_fail(verb, &e);
  return fflush(stdout) || ferror(stdout) ? EX_IOERR : EX_OK;
}

bool verb_message_form(int argc, char **argv)
{
  return argc < 2 || strcmp(argv[1], "eml") == 0 || strcmp(argv[1], "json") == 0;
}

int verb_message_show(struct store *s, const struct options *o, const char *verb, int argc,
                      char **argv)
{
  const char *form = argc > 1 ? argv[1] : o->json ? "json" : "";
  str id = str_of(argv[0]);
  if (strcmp(form, "eml") == 0) return verb_message_eml(s, verb, id);
  return verb_message_facts(s, verb, id, strcmp(form, "json") == 0);
}

/* ---- several --------------------------------------------------------------------------------- */

int verb_message_each(struct store *s, const char *verb, int n, char **ids, str queue,
                      verb_message_fn *act)
{
  int first = EX_OK;
  for (int i = 0; i < n; i++) {
    struct err e;
    int r = act(s, str_of(ids[i]), queue, &e);
    int code = r == 1 ? EX_OK : r == 0 ? rows_missing(verb, str_of(ids[i])) : rows_fail(verb, &e);
    if (first == EX_OK) first = code;
  }
  return first;
}

/* ---- the verb -------------------------------------------------------------------------------- */

static bool verb_message_fits(const struct verb_call *c, const struct options *o, int argc,
                              char **argv)
{
  if (o->all) return c->all && argc == 0;
  return argc >= c->least && argc <= c->most && (!c->fits || c->fits(argc, argv));
}

int verb_message_main(const char *verb, const char *usage, const struct verb_call *calls, int argc,
                      char **argv)
{
  struct options o;
  struct store *s = NULL;
  struct conf *conf = NULL;
  int code = options_read(argc, argv, true, argc, usage, &o);
  if (code != OPTIONS_GO) return code;
  argc -= o.first, argv += o.first;
  const struct verb_call *call = calls;
  while (call->word && argc && strcmp(call->word, argv[0]) != 0) call++;
  if (argc && call->word) argc--, argv++;
  if (!call->word) call = calls;
  if (!verb_message_fits(call, &o, argc, argv)) {
    fprintf(stderr, "vsmtp %s: no such call\n%s\n", verb, usage);
    return EX_USAGE;
  }
  code = rows_open(verb, &o, &s, &conf);
  if (code != OPTIONS_GO) return code;
  code = call->run(s, &o, argc, argv);
  if (fflush(stdout) && code == EX_OK) code = EX_IOERR;
  rows_close(s, conf);
  return code;
}
