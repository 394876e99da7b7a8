/* smtp/cli/cli_quarantine.c: `vsmtp quarantine`: what the rules set aside. The same rows, and the
 * same changes, as by sqlite3(1) on the view `quarantine`. */
#include "cli.h"
#include "cli_message.h"

#include <limits.h>
#include <sysexits.h>

static const char cli_quarantine_usage[] =
    "usage: vsmtp quarantine [list] [QUEUE]        what rules set aside, of one quarantine or all\n"
    "       vsmtp quarantine show ID [eml|json]    one message\n"
    "       vsmtp quarantine release ID…           deliver it to its recipients\n"
    "       vsmtp quarantine remove ID…            delete it\n"
    "options: -c FILE, --json";

struct cli_quarantine_rows {
  struct buf out;
  bool json;
  size_t rows;
};

static void cli_quarantine_more(struct buf *out, const char *label, str text)
{
  if (!text.n) return;
  buf_printf(out, "  %-8s ", label);
  cli_db_show(out, text);
  buf_putc(out, '\n');
}

static void cli_quarantine_text(struct buf *out, const struct store_cell *cell, size_t n)
{
  char age[CLI_DB_SHORT], size[CLI_DB_SHORT];
  cli_db_age(clock_wall() / 1000 - cli_db_seconds(cli_db_get(cell, n, "received_at")), age);
  cli_db_size(cli_db_cell(cell, n, "size")->i, size);
  buf_printf(out, STR_FMT " %5s %6s  ", STR_ARG(cli_db_get(cell, n, "id")), age, size);
  cli_db_show(out, cli_db_get(cell, n, "queue"));
  buf_puts(out, "  <");
  cli_db_show(out, cli_db_get(cell, n, "mail_from"));
  buf_puts(out, ">\n");
  cli_quarantine_more(out, "to", cli_db_get(cell, n, "rcpt_to"));
  cli_quarantine_more(out, "subject", cli_db_get(cell, n, "subject"));
  cli_quarantine_more(out, "stage", cli_db_get(cell, n, "stage"));
  cli_quarantine_more(out, "rule", cli_db_get(cell, n, "rule"));
  cli_quarantine_more(out, "reason", cli_db_get(cell, n, "reason"));
}

static bool cli_quarantine_row(void *arg, const struct store_cell *cell, size_t n)
{
  struct cli_quarantine_rows *l = arg;
  if (l->json) {
    cli_db_json(&l->out, cell, n);
    buf_putc(&l->out, '\n');
  } else {
    if (l->rows == 0)
      buf_printf(&l->out, "%-26s %5s %6s  %s\n", "ID", "AGE", "SIZE", "QUARANTINE, SENDER");
    cli_quarantine_text(&l->out, cell, n);
  }
  l->rows++;
  cli_db_print(&l->out);
  return true;
}

static int cli_quarantine_list(struct store *s, const struct options *o, int argc, char **argv)
{
  struct cli_quarantine_rows l = {.out = BUF_INIT(CLI_DB_BUFFER), .json = o->json};
  struct err e;
  str queue = argc ? str_of(argv[0]) : STR("");
  int r = view_rows(s, VIEW_QUARANTINE, STR(""), queue, cli_quarantine_row, &l, &e);
  if (r == 0 && !l.rows && !l.json) puts("nothing is in quarantine");
  buf_free(&l.out);
  return r ? cli_db_fail("quarantine", &e) : EX_OK;
}

static int cli_quarantine_show(struct store *s, const struct options *o, int argc, char **argv)
{
  return cli_message_show(s, o, "quarantine", argc, argv);
}

static int cli_quarantine_release_one(struct store *s, str id, str queue, struct err *e)
{
  (void)queue;
  return quarantine_release(s, id, e);
}

static int cli_quarantine_release(struct store *s, const struct options *o, int argc, char **argv)
{
  (void)o;
  return cli_message_each(s, "quarantine", argc, argv, STR(""), cli_quarantine_release_one);
}

static int cli_quarantine_remove_one(struct store *s, str id, str queue, struct err *e)
{
  (void)queue;
  return quarantine_remove(s, id, true, e);
}

static int cli_quarantine_remove(struct store *s, const struct options *o, int argc, char **argv)
{
  (void)o;
  return cli_message_each(s, "quarantine", argc, argv, STR(""), cli_quarantine_remove_one);
}

int cli_quarantine(int argc, char **argv)
{
  static const struct cli_call calls[] = {
      {"list", 0, 1, false, NULL, cli_quarantine_list},
      {"show", 1, 2, false, cli_message_form, cli_quarantine_show},
      {"release", 1, INT_MAX, false, NULL, cli_quarantine_release},
      {"remove", 1, INT_MAX, false, NULL, cli_quarantine_remove},
      {NULL, 0, 0, false, NULL, NULL},
  };
  return cli_message_main("quarantine", cli_quarantine_usage, calls, argc, argv);
}
