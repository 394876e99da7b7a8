/* smtp/cli/cli_queue.c: `vsmtp queue`: the messages in the queue, one message, what may be done to
 * it.
 *
 *   queue [list] [QUEUE…]          queue show ID [eml|json]
 *   queue retry ID…|--all          queue move ID QUEUE
 *   queue remove ID…               queue hold ID…
 */
#include "cli.h"
#include "cli_message.h"

#include <limits.h>
#include <sysexits.h>

static const char cli_queue_usage[] =
    "usage: vsmtp queue [list] [QUEUE…]            working delegated deliver deferred dead\n"
    "       vsmtp queue show ID [eml|json]         one message\n"
    "       vsmtp queue retry ID…|--all            try now; by its ID also what is dead\n"
    "       vsmtp queue move ID QUEUE              working, deliver, dead, or a quarantine\n"
    "       vsmtp queue hold ID…                   into the quarantine \"hold\"\n"
    "       vsmtp queue remove ID…                 delete without telling anybody\n"
    "options: -c FILE, --json";

/* ---- list ------------------------------------------------------------------------------------ */

static const char *const cli_queue_names[] = {"working", "delegated", "deliver", "deferred",
                                              "dead"};

struct cli_queue_rows {
  struct buf out;
  bool json;
  const char *queue; /* whose rows come */
  size_t rows;       /* of that queue */
};

static void cli_queue_line(struct buf *out, const struct store_cell *cell, size_t n)
{
  char age[CLI_DB_SHORT], size[CLI_DB_SHORT];
  str next = cli_db_get(cell, n, "next_attempt_at"), reply = cli_db_get(cell, n, "last_reply");
  int64_t received = cli_db_seconds(cli_db_get(cell, n, "received_at"));
  cli_db_age(clock_wall() / 1000 - received, age);
  cli_db_size(cli_db_cell(cell, n, "size")->i, size);
  buf_printf(out, "  " STR_FMT " %5s %6s %3lld/%-3lld %-20s  <", STR_ARG(cli_db_get(cell, n, "id")),
             age, size, (long long)cli_db_cell(cell, n, "rcpt_left")->i,
             (long long)cli_db_cell(cell, n, "rcpt_total")->i, next.n ? next.p : "-");
  cli_db_show(out, cli_db_get(cell, n, "mail_from"));
  buf_puts(out, ">\n");
  if (!reply.n) return;
  buf_printf(out, "  %26s ", "");
  cli_db_show(out, reply);
  buf_putc(out, '\n');
}

static bool cli_queue_row(void *arg, const struct store_cell *cell, size_t n)
{
  struct cli_queue_rows *l = arg;
  if (l->json) {
    cli_db_json(&l->out, cell, n);
    buf_putc(&l->out, '\n');
  } else {
    if (l->rows++ == 0)
      buf_printf(&l->out, "%s\n  %-26s %5s %6s %7s %-20s  %s\n", l->queue, "ID", "AGE", "SIZE",
                 "LEFT/OF", "NEXT ATTEMPT", "SENDER, LAST REPLY");
    cli_queue_line(&l->out, cell, n);
  }
  cli_db_print(&l->out);
  return true;
}

static bool cli_queue_wanted(const char *queue, int n, char **wanted)
{
  for (int i = 0; i < n; i++)
    if (strcmp(wanted[i], queue) == 0) return true;
  return n == 0;
}

static bool cli_queue_known(int argc, char **argv)
{
  for (int i = 0; i < argc; i++) {
    size_t k = 0;
    while (k < BASE_COUNT(cli_queue_names) && strcmp(argv[i], cli_queue_names[k]) != 0) k++;
    if (k == BASE_COUNT(cli_queue_names)) return false;
  }
  return true;
}

static int cli_queue_list(struct store *s, const struct options *o, int argc, char **argv)
{
  struct cli_queue_rows l = {.out = BUF_INIT(CLI_DB_BUFFER), .json = o->json};
  struct err e;
  size_t rows = 0;
  int code = EX_OK;
  for (size_t i = 0; i < BASE_COUNT(cli_queue_names) && code == EX_OK; i++) {
    l.queue = cli_queue_names[i];
    l.rows = 0;
    if (!cli_queue_wanted(l.queue, argc, argv)) continue;
    if (view_rows(s, VIEW_QUEUE, STR(""), str_of(l.queue), cli_queue_row, &l, &e))
      code = cli_db_fail("queue", &e);
    rows += l.rows;
  }
  if (!rows && !o->json && code == EX_OK) puts("the queue is empty");
  buf_free(&l.out);
  return code;
}

/* ---- the others ------------------------------------------------------------------------------ */

static int cli_queue_show(struct store *s, const struct options *o, int argc, char **argv)
{
  return cli_message_show(s, o, "queue", argc, argv);
}

static int cli_queue_retry_one(struct store *s, str id, str queue, struct err *e)
{
  (void)queue;
  return quarantine_retry(s, id, e);
}

static int cli_queue_retry(struct store *s, const struct options *o, int argc, char **argv)
{
  struct err e;
  if (!o->all) return cli_message_each(s, "queue", argc, argv, STR(""), cli_queue_retry_one);
  return quarantine_retry(s, STR(""), &e) < 0 ? cli_db_fail("queue", &e) : EX_OK;
}

static int cli_queue_move(struct store *s, const struct options *o, int argc, char **argv)
{
  (void)o, (void)argc;
  return cli_message_each(s, "queue", 1, argv, str_of(argv[1]), quarantine_move);
}

static int cli_queue_hold(struct store *s, const struct options *o, int argc, char **argv)
{
  (void)o;
  return cli_message_each(s, "queue", argc, argv, STR("hold"), quarantine_move);
}

static int cli_queue_remove_one(struct store *s, str id, str queue, struct err *e)
{
  (void)queue;
  return quarantine_remove(s, id, false, e);
}

static int cli_queue_remove(struct store *s, const struct options *o, int argc, char **argv)
{
  (void)o;
  return cli_message_each(s, "queue", argc, argv, STR(""), cli_queue_remove_one);
}

int cli_queue(int argc, char **argv)
{
  static const struct cli_call calls[] = {
      {"list", 0, INT_MAX, false, cli_queue_known, cli_queue_list},
      {"show", 1, 2, false, cli_message_form, cli_queue_show},
      {"retry", 1, INT_MAX, true, NULL, cli_queue_retry},
      {"move", 2, 2, false, NULL, cli_queue_move},
      {"hold", 1, INT_MAX, false, NULL, cli_queue_hold},
      {"remove", 1, INT_MAX, false, NULL, cli_queue_remove},
      {NULL, 0, 0, false, NULL, NULL},
  };
  return cli_message_main("queue", cli_queue_usage, calls, argc, argv);
}
