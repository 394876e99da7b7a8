/* smtp/verb_quarantine.c: `vsmtp quarantine`: what the rules set aside. The same rows, and the same
 * changes, as by sqlite3(1) on the view `quarantine`.
 */
#include "smtp.h"
#include "verb_message.h"

#include <limits.h>
#include <sysexits.h>

static const char verb_quarantine_usage[] =
    "usage: vsmtp quarantine [list] [QUEUE]        what rules set aside, of one quarantine or all\n"
    "       vsmtp quarantine show ID [eml|json]    one message\n"
    "       vsmtp quarantine release ID…           deliver it to its recipients\n"
    "       vsmtp quarantine remove ID…            delete it\n"
    "options: -c FILE, --json";

struct verb_quarantine_list {
  struct buf out;
  bool json;
  size_t rows;
};

static void verb_quarantine_more(struct buf *out, const char *label, str text)
{
  if (!text.n) return;
  buf_printf(out, "  %-8s ", label);
  rows_show(out, text);
  buf_putc(out, '\n');
}

static void verb_quarantine_text(struct buf *out, const struct store_cell *cell, size_t n)
{
  char age[ROWS_SHORT], size[ROWS_SHORT];
  rows_age(clock_wall() / 1000 - rows_seconds(rows_get(cell, n, "received_at")), age);
  rows_size(rows_cell(cell, n, "size")->i, size);
  buf_printf(out, STR_FMT " %5s %6s  ", STR_ARG(rows_get(cell, n, "id")), age, size);
  rows_show(out, rows_get(cell, n, "queue"));
  buf_puts(out, "  <");
  rows_show(out, rows_get(cell, n, "mail_from"));
  buf_puts(out, ">\n");
  verb_quarantine_more(out, "to", rows_get(cell, n, "rcpt_to"));
  verb_quarantine_more(out, "subject", rows_get(cell, n, "subject"));
  verb_quarantine_more(out, "stage", rows_get(cell, n, "stage"));
  verb_quarantine_more(out, "rule", rows_get(cell, n, "rule"));
  verb_quarantine_more(out, "reason", rows_get(cell, n, "reason"));
}

static bool verb_quarantine_row(void *arg, const struct store_cell *cell, size_t n)
{
  struct verb_quarantine_list *l = arg;
  if (l->json) {
    rows_json(&l->out, cell, n);
    buf_putc(&l->out, '\n');
  } else {
    if (l->rows == 0)
      buf_printf(&l->out, "%-26s %5s %6s  %s\n", "ID", "AGE", "SIZE", "QUARANTINE, SENDER");
    verb_quarantine_text(&l->out, cell, n);
  }
  l->rows++;
  rows_print(&l->out);
  return true;
}

static int verb_quarantine_list(struct store *s, const struct options *o, int argc, char **argv)
{
  struct verb_quarantine_list l = {.out = BUF_INIT(ROWS_BUFFER), .json = o->json};
  struct err e;
  str queue = argc ? str_of(argv[0]) : STR("");
  int r = view_rows(s, VIEW_QUARANTINE, STR(""), queue, verb_quarantine_row, &l, &e);
  if (r == 0 && !l.rows && !l.json) puts("nothing is in quarantine");
  buf_free(&l.out);
  return r ? rows_fail("quarantine", &e) : EX_OK;
}

static int verb_quarantine_show(struct store *s, const struct options *o, int argc, char **argv)
{
  return verb_message_show(s, o, "quarantine", argc, argv);
}

static int verb_quarantine_release_one(struct store *s, str id, str queue, struct err *e)
{
  (void)queue;
  return quarantine_release(s, id, e);
}

static int verb_quarantine_release(struct store *s, const struct options *o, int argc, char **argv)
{
  (void)o;
  return verb_message_each(s, "quarantine", argc, argv, STR(""), verb_quarantine_release_one);
}

static int verb_quarantine_remove_one(struct store *s, str id, str queue, struct err *e)
{
  (void)queue;
  return quarantine_remove(s, id, true, e);
}

static int verb_quarantine_remove(struct store *s, const struct options *o, int argc, char **argv)
{
  (void)o;
  return verb_message_each(s, "quarantine", argc, argv, STR(""), verb_quarantine_remove_one);
}

int verb_quarantine(int argc, char **argv)
{
  static const struct verb_call calls[] = {
      {"list", 0, 1, false, NULL, verb_quarantine_list},
      {"show", 1, 2, false, verb_message_form, verb_quarantine_show},
      {"release", 1, INT_MAX, false, NULL, verb_quarantine_release},
      {"remove", 1, INT_MAX, false, NULL, verb_quarantine_remove},
      {NULL, 0, 0, false, NULL, NULL},
  };
  return verb_message_main("quarantine", verb_quarantine_usage, calls, argc, argv);
}
