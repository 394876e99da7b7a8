/* smtp/cli/cli_explain.c: `vsmtp explain ID`: every decision taken about a message, or about a
 * session that was refused, in order, with the rule's name and place. */
#include "cli.h"
#include "cli_message.h"

#include <sysexits.h>

static const char cli_explain_usage[] = "usage: vsmtp explain ID [-c FILE] [--json]";

struct cli_explain_asked {
  struct buf out;
  bool json;
  size_t rows;
};

static bool cli_explain_row(void *arg, const struct store_cell *cell, size_t n)
{
  struct cli_explain_asked *x = arg;
  str directive = cli_db_get(cell, n, "directive"), detail = cli_db_get(cell, n, "detail");
  x->rows++;
  if (x->json) {
    cli_db_json(&x->out, cell, n);
  } else {
    buf_printf(&x->out, STR_FMT "  %-12.*s ", STR_ARG(cli_db_get(cell, n, "at")),
               STR_ARG(cli_db_get(cell, n, "stage")));
    cli_db_show(&x->out, cli_db_get(cell, n, "kind"));
    buf_puts(&x->out, directive.n ? " " : "");
    cli_db_show(&x->out, directive);
    buf_puts(&x->out, ": ");
    cli_db_show(&x->out, cli_db_get(cell, n, "status"));
    buf_puts(&x->out, detail.n ? ", " : "");
    cli_db_show(&x->out, detail);
  }
  buf_putc(&x->out, '\n');
  cli_db_print(&x->out);
  return true;
}

/* Where the message is now, below what led to it. */
static bool cli_explain_where(void *arg, const struct store_cell *cell, size_t n)
{
  struct cli_explain_asked *x = arg;
  buf_puts(&x->out, "now in ");
  cli_db_show(&x->out, cli_db_get(cell, n, "queue"));
  buf_putc(&x->out, '\n');
  cli_db_print(&x->out);
  x->rows++;
  return true;
}

static int cli_explain_run(struct store *s, const struct options *o, int argc, char **argv)
{
  struct cli_explain_asked x = {.out = BUF_INIT(CLI_DB_BUFFER), .json = o->json};
  struct err e;
  str id = str_of(argv[0]);
  (void)argc;
  int r = view_rows(s, VIEW_TRACE, id, STR(""), cli_explain_row, &x, &e);
  if (r == 0 && !x.json) r = view_rows(s, VIEW_QUEUE, id, STR(""), cli_explain_where, &x, &e);
  if (r == 0 && !x.json) r = view_rows(s, VIEW_QUARANTINE, id, STR(""), cli_explain_where, &x, &e);
  buf_free(&x.out);
  if (r) return cli_db_fail("explain", &e);
  return x.rows ? EX_OK : cli_db_missing("explain", id);
}

/* An id could be a word that is also a call: there are no calls, so no row has a word to match. */
int cli_explain(int argc, char **argv)
{
  static const struct cli_call calls[] = {{"", 1, 1, false, NULL, cli_explain_run},
                                          {NULL, 0, 0, false, NULL, NULL}};
  return cli_message_main("explain", cli_explain_usage, calls, argc, argv);
}
