/* smtp/verb_explain.c: `vsmtp explain ID`: every decision taken about a message, or about a session
 * that was refused, in order, with the rule's name and place.
 */
#include "smtp.h"
#include "verb_message.h"

#include <sysexits.h>

static const char verb_explain_usage[] = "usage: vsmtp explain ID [-c FILE] [--json]";

struct verb_explain {
  struct buf out;
  bool json;
  size_t rows;
};

static bool verb_explain_row(void *arg, const struct store_cell *cell, size_t n)
{
  struct verb_explain *x = arg;
  str directive = rows_get(cell, n, "directive"), detail = rows_get(cell, n, "detail");
  x->rows++;
  if (x->json) {
    rows_json(&x->out, cell, n);
  } else {
    buf_printf(&x->out, STR_FMT "  %-12.*s ", STR_ARG(rows_get(cell, n, "at")),
               STR_ARG(rows_get(cell, n, "stage")));
    rows_show(&x->out, rows_get(cell, n, "kind"));
    buf_puts(&x->out, directive.n ? " " : "");
    rows_show(&x->out, directive);
    buf_puts(&x->out, ": ");
    rows_show(&x->out, rows_get(cell, n, "status"));
    buf_puts(&x->out, detail.n ? ", " : "");
    rows_show(&x->out, detail);
  }
  buf_putc(&x->out, '\n');
  rows_print(&x->out);
  return true;
}

/* Where the message is now, below what led to it. */
static bool verb_explain_where(void *arg, const struct store_cell *cell, size_t n)
{
  struct verb_explain *x = arg;
  buf_puts(&x->out, "now in ");
  rows_show(&x->out, rows_get(cell, n, "queue"));
  buf_putc(&x->out, '\n');
  rows_print(&x->out);
  x->rows++;
  return true;
}

static int verb_explain_run(struct store *s, const struct options *o, int argc, char **argv)
{
  struct verb_explain x = {.out = BUF_INIT(ROWS_BUFFER), .json = o->json};
  struct err e;
  str id = str_of(argv[0]);
  (void)argc;
  int r = view_rows(s, VIEW_TRACE, id, STR(""), verb_explain_row, &x, &e);
  if (r == 0 && !x.json) r = view_rows(s, VIEW_QUEUE, id, STR(""), verb_explain_where, &x, &e);
  if (r == 0 && !x.json) r = view_rows(s, VIEW_QUARANTINE, id, STR(""), verb_explain_where, &x, &e);
  buf_free(&x.out);
  if (r) return rows_fail("explain", &e);
  return x.rows ? EX_OK : rows_missing("explain", id);
}

/* An id could be a word that is also a call: there are no calls, so no row has a word to match. */
int verb_explain(int argc, char **argv)
{
  static const struct verb_call calls[] = {{"", 1, 1, false, NULL, verb_explain_run},
                                           {NULL, 0, 0, false, NULL, NULL}};
  return verb_message_main("explain", verb_explain_usage, calls, argc, argv);
}
