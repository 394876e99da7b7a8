/* smtp/cli/cli_message.c: what the commands about stored messages share. */
#include "cli_message.h"

#include <sysexits.h>

/* ---- one message ----------------------------------------------------------------------------- */

struct cli_message_text {
  struct buf out;
  size_t rows;
  bool json;
};

static bool cli_message_cells(void *arg, const struct store_cell *cell, size_t n)
{
  struct cli_message_text *t = arg;
  t->rows++;
  if (t->json) {
    cli_db_json(&t->out, cell, n);
    t->out.n--; /* open again: recipients and trace follow */
    return true;
  }
  for (size_t i = 0; i < n; i++) {
    if (cell[i].type == CELL_NULL || !cell[i].text.n) continue;
    buf_printf(&t->out, "%-16s ", cell[i].column);
    cli_db_show(&t->out, cell[i].text);
    buf_putc(&t->out, '\n');
  }
  return true;
}

/* The rows of one message in a view that may have many. */
static bool cli_message_part(void *arg, const struct store_cell *cell, size_t n)
{
  struct cli_message_text *t = arg;

  if (t->json) {
    if (t->rows++) buf_putc(&t->out, ',');
    cli_db_json(&t->out, cell + 1, n - 1); /* without the id, which stands above */
    return true;
  }
  buf_printf(&t->out, "%-16s ", t->rows++ ? "" : "recipients");
  for (size_t i = 1; i < n; i++) {
    if (cell[i].type == CELL_NULL || !cell[i].text.n) continue;
    cli_db_show(&t->out, cell[i].text);
    buf_puts(&t->out, i + 1 < n ? "  " : "");
  }
  buf_putc(&t->out, '\n');
  return true;
}

static int cli_message_list(struct store *s, struct cli_message_text *t, enum store_view view,
                            const char *name, str id, struct err *e)
{
  t->rows = 0;
  if (t->json) buf_printf(&t->out, ",\"%s\":[", name);
  int r = view_rows(s, view, id, STR(""), cli_message_part, t, e);
  if (t->json) buf_putc(&t->out, ']');
  return r;
}

static int cli_message_facts(struct store *s, const char *command, str id, bool json)
{
  struct cli_message_text t = {.out = BUF_INIT(16 * CLI_DB_BUFFER), .json = json};
  struct err e;
  int code = EX_OK;
  int r = view_rows(s, VIEW_QUEUE, id, STR(""), cli_message_cells, &t, &e);
  if (r == 0 && !t.rows) r = view_rows(s, VIEW_QUARANTINE, id, STR(""), cli_message_cells, &t, &e);
  if (r == 0 && !t.rows) code = cli_db_missing(command, id);
  if (r == 0 && code == EX_OK) r = cli_message_list(s, &t, VIEW_RECIPIENT, "recipients", id, &e);
  if (r == 0 && code == EX_OK && json) r = cli_message_list(s, &t, VIEW_TRACE, "trace", id, &e);
  if (json) buf_puts(&t.out, "}\n");
  if (r == 0 && !buf_ok(&t.out)) r = err_nomem(&e);
  if (r) code = cli_db_fail(command, &e);
  if (code == EX_OK) cli_db_print(&t.out);
  buf_free(&t.out);
  return code;
}

static bool cli_message_put(void *arg, str octets)
{
  (void)arg;
  return fwrite(octets.p ? octets.p : "", 1, octets.n, stdout) == octets.n;
}

static int cli_message_eml(struct store *s, const char *command, str id)
{
  struct err e;
  int r = view_mail(s, id, cli_message_put, NULL, &e);
  if (r == 0) return cli_db_missing(command, id);
  if (r < 0) return cli_db_fail(command, &e);
  return fflush(stdout) || ferror(stdout) ? EX_IOERR : EX_OK;
}

bool cli_message_form(int argc, char **argv)
{
  return argc < 2 || strcmp(argv[1], "eml") == 0 || strcmp(argv[1], "json") == 0;
}

int cli_message_show(struct store *s, const struct options *o, const char *command, int argc,
                     char **argv)
{
  const char *form = argc > 1 ? argv[1] : o->json ? "json" : "";
  str id = str_of(argv[0]);
  if (strcmp(form, "eml") == 0) return cli_message_eml(s, command, id);
  return cli_message_facts(s, command, id, strcmp(form, "json") == 0);
}

/* ---- several --------------------------------------------------------------------------------- */

int cli_message_each(struct store *s, const char *command, int n, char **ids, str queue,
                     cli_message_fn *act)
{
  int first = EX_OK;
  for (int i = 0; i < n; i++) {
    struct err e;
    int r = act(s, str_of(ids[i]), queue, &e);
    int code = r == 1   ? EX_OK
               : r == 0 ? cli_db_missing(command, str_of(ids[i]))
                        : cli_db_fail(command, &e);
    if (first == EX_OK) first = code;
  }
  return first;
}

/* ---- the command ----------------------------------------------------------------------------- */

static bool cli_message_fits(const struct cli_call *c, const struct options *o, int argc,
                             char **argv)
{
  if (o->all) return c->all && argc == 0;
  return argc >= c->least && argc <= c->most && (!c->fits || c->fits(argc, argv));
}

int cli_message_main(const char *command, const char *usage, const struct cli_call *calls, int argc,
                     char **argv)
{
  struct options o;
  struct store *s = NULL;
  struct conf *conf = NULL;
  int code = options_read(argc, argv, true, argc, usage, &o);
  if (code != OPTIONS_GO) return code;
  argc -= o.first, argv += o.first;
  const struct cli_call *call = calls;
  while (call->word && argc && strcmp(call->word, argv[0]) != 0) call++;
  if (argc && call->word) argc--, argv++;
  if (!call->word) call = calls;
  if (!cli_message_fits(call, &o, argc, argv)) {
    fprintf(stderr, "vsmtp %s: %s\n%s\n", command,
            call->least > argc && !o.all ? "it wants the ID of a message" : "no such call", usage);
    return EX_USAGE;
  }
  code = cli_db_open(command, &o, &s, &conf);
  if (code != OPTIONS_GO) return code;
  code = call->run(s, &o, argc, argv);
  if (fflush(stdout) && code == EX_OK) code = EX_IOERR;
  cli_db_close(s, conf);
  return code;
}
