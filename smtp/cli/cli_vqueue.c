/* smtp/cli/cli_vqueue.c: the original's command `vqueue`, over our database.
 *
 *   vqueue show [QUEUE…] [-e CHAR]         how many messages, by age and by HELO name
 *   vqueue msg ID show [json|eml] | move QUEUE | remove [-y] | re-run
 */
#include "cli.h"
#include "cli_message.h"

#include <getopt.h>
#include <limits.h>
#include <sysexits.h>

static const char cli_vqueue_usage[] = "usage: vqueue [-c FILE] show [QUEUE…] [-e CHAR]\n"
                                       "       vqueue [-c FILE] msg ID show [json|eml]\n"
                                       "       vqueue [-c FILE] msg ID move QUEUE\n"
                                       "       vqueue [-c FILE] msg ID remove [-y]\n"
                                       "       vqueue [-c FILE] msg ID re-run";

/* In the order of the original. */
static const char *const cli_vqueue_names[] = {"working", "deliver", "delegated", "deferred",
                                               "dead"};

struct cli_vqueue_run {
  struct options o;
  const char *empty; /* what stands for 0 */
  bool yes, version;
  const char *dirpath;
};

/* ---- show: a matrix of ages ------------------------------------------------------------------ */

static const int cli_vqueue_minutes[] = {5, 10, 20, 40, 80, 160, 320, 640, 1280};
#define CLI_VQUEUE_AGES (BASE_COUNT(cli_vqueue_minutes) + 1)

struct cli_vqueue_row {
  long total, age[CLI_VQUEUE_AGES];
};

struct cli_vqueue_matrix {
  struct cli_vqueue_row all;
  struct map helo; /* -> owned struct cli_vqueue_row */
  bool failed;
};

static void cli_vqueue_count(struct cli_vqueue_row *row, int64_t minutes)
{
  size_t i = 0;
  while (i < CLI_VQUEUE_AGES - 1 && minutes >= cli_vqueue_minutes[i]) i++;
  row->total++;
  row->age[i]++;
}

static struct cli_vqueue_row *cli_vqueue_helo(struct cli_vqueue_matrix *m, str helo)
{
  struct cli_vqueue_row *row = map_get(&m->helo, helo);
  if (row) return row;
  row = mem_alloc(sizeof *row);
  if (row && map_set(&m->helo, helo, row) == 0) return row;
  mem_free(row);
  m->failed = true;
  return NULL;
}

static bool cli_vqueue_message(void *arg, const struct store_cell *cell, size_t n)
{
  struct cli_vqueue_matrix *m = arg;
  int64_t age = clock_wall() / 1000 - cli_db_seconds(cli_db_get(cell, n, "received_at"));
  struct cli_vqueue_row *row = cli_vqueue_helo(m, cli_db_get(cell, n, "helo"));
  cli_vqueue_count(&m->all, age / 60);
  if (row) cli_vqueue_count(row, age / 60);
  return !m->failed;
}

static void cli_vqueue_number(struct buf *out, long n, const char *empty)
{
  if (n)
    buf_printf(out, "%5ld", n);
  else
    buf_printf(out, "%5s", empty);
}

static void cli_vqueue_line(struct buf *out, str label, const struct cli_vqueue_row *row,
                            const char *empty)
{
  struct buf name = BUF_INIT(4096);
  cli_db_show(&name, label);
  buf_printf(out, "%20s", buf_cstr(&name));
  cli_vqueue_number(out, row->total, empty);
  for (size_t i = 0; i < CLI_VQUEUE_AGES; i++) cli_vqueue_number(out, row->age[i], empty);
  buf_putc(out, '\n');
  buf_free(&name);
}

static int cli_vqueue_by_key(const void *a, const void *b)
{
  return str_cmp(((const struct map_entry *)a)->key, ((const struct map_entry *)b)->key);
}

/* The map is read no more after this: its entries are sorted where they stand. */
static void cli_vqueue_print(struct buf *out, struct cli_vqueue_matrix *m, const char *empty)
{
  buf_printf(out, "%25s", "T");
  for (size_t i = 0; i < BASE_COUNT(cli_vqueue_minutes); i++)
    buf_printf(out, "%5d", cli_vqueue_minutes[i]);
  buf_puts(out, "1280+\n");
  cli_vqueue_line(out, STR("TOTAL"), &m->all, empty);
  if (m->helo.n) qsort(m->helo.entries, m->helo.n, sizeof *m->helo.entries, cli_vqueue_by_key);
  for (size_t i = 0; i < m->helo.n; i++)
    cli_vqueue_line(out, m->helo.entries[i].key, m->helo.entries[i].value, empty);
}

static int cli_vqueue_show_one(struct store *s, const struct cli_vqueue_run *v, const char *queue)
{
  struct cli_vqueue_matrix m = {.failed = false};
  struct buf out = BUF_INIT(CLI_DB_BUFFER);
  struct err e;
  char name[16];
  size_t n = 0;
  for (; queue[n] && n < sizeof name - 1; n++) name[n] = str_upper(queue[n]);
  name[n] = '\0';
  int r = view_rows(s, VIEW_QUEUE, STR(""), str_of(queue), cli_vqueue_message, &m, &e);
  if (r == 0 && m.failed) r = err_nomem(&e);
  buf_printf(&out, "%-10s is at '%s' :\n", name, v->dirpath);
  if (m.all.total)
    cli_vqueue_print(&out, &m, v->empty);
  else
    buf_puts(&out, "\t<EMPTY>\n");
  if (r == 0) cli_db_print(&out);
  for (size_t i = 0; i < m.helo.n; i++) mem_free(m.helo.entries[i].value);
  map_free(&m.helo);
  buf_free(&out);
  return r ? cli_db_fail("vqueue", &e) : EX_OK;
}

static int cli_vqueue_show(struct store *s, const struct cli_vqueue_run *v, int argc, char **argv)
{
  int code = EX_OK;
  for (size_t i = 0; argc == 0 && i < BASE_COUNT(cli_vqueue_names) && code == EX_OK; i++)
    code = cli_vqueue_show_one(s, v, cli_vqueue_names[i]);
  for (int i = 0; i < argc && code == EX_OK; i++) code = cli_vqueue_show_one(s, v, argv[i]);
  return code;
}

/* ---- msg ------------------------------------------------------------------------------------- */

static int cli_vqueue_result(const struct cli_vqueue_run *v, const char *id, int r,
                             const struct err *e)
{
  if (r < 0) return cli_db_fail("vqueue", e);
  if (r > 0) return EX_OK;
  fprintf(stderr, "No such message '%s' in queues at '%s'\n", id, v->dirpath);
  return EX_NOUSER;
}

static bool cli_vqueue_confirmed(const struct cli_vqueue_run *v, const char *id)
{
  char line[16];
  if (v->yes) return true;
  printf("message '%s' in '%s' is to be removed\nConfirm ? [y|yes] ", id, v->dirpath);
  fflush(stdout);
  str answer = fgets(line, sizeof line, stdin) ? str_trim(str_of(line)) : STR("");
  if (str_eq(answer, STR("y")) || str_eq(answer, STR("yes"))) return true;
  puts("Canceled");
  return false;
}

static int cli_vqueue_remove(struct store *s, const struct cli_vqueue_run *v, const char *id)
{
  struct err e;
  if (!cli_vqueue_confirmed(v, id)) return EX_OK;
  int code = cli_vqueue_result(v, id, quarantine_remove(s, str_of(id), false, &e), &e);
  if (code == EX_OK) puts("File removed");
  return code;
}

static int cli_vqueue_msg(struct store *s, const struct cli_vqueue_run *v, int argc, char **argv)
{
  struct err e;
  char *id = argv[0];
  const char *word = argv[1];
  if (!id_valid(str_of(id))) return cli_vqueue_result(v, id, 0, &e);
  if (strcmp(word, "move") == 0)
    return cli_vqueue_result(v, id, quarantine_move(s, str_of(id), str_of(argv[2]), &e), &e);
  if (strcmp(word, "remove") == 0) return cli_vqueue_remove(s, v, id);
  if (strcmp(word, "re-run") == 0)
    return cli_vqueue_result(v, id, quarantine_retry(s, str_of(id), &e), &e);
  char *show[] = {id, argc > 2 ? argv[2] : (char[]){"json"}, NULL};
  return cli_message_show(s, &v->o, "vqueue", 2, show);
}

/* ---- the command ----------------------------------------------------------------------------- */

static bool cli_vqueue_known(int argc, char **argv)
{
  for (int i = 0; i < argc; i++) {
    size_t k = 0;
    while (k < BASE_COUNT(cli_vqueue_names) && strcmp(argv[i], cli_vqueue_names[k]) != 0) k++;
    if (k == BASE_COUNT(cli_vqueue_names)) return false;
  }
  return true;
}

static bool cli_vqueue_sound(int argc, char **argv)
{
  if (argc >= 1 && strcmp(argv[0], "show") == 0) return cli_vqueue_known(argc - 1, argv + 1);
  if (argc < 3 || strcmp(argv[0], "msg") != 0) return false;
  if (strcmp(argv[2], "show") == 0) return argc <= 4 && cli_message_form(argc - 2, argv + 2);
  if (strcmp(argv[2], "move") == 0) return argc == 4;
  return argc == 3 && (strcmp(argv[2], "remove") == 0 || strcmp(argv[2], "re-run") == 0);
}

static int cli_vqueue_options(int argc, char **argv, struct cli_vqueue_run *v)
{
  static const struct option names[] = {
      {"config", required_argument, NULL, 'c'}, {"empty-token", required_argument, NULL, 'e'},
      {"help", no_argument, NULL, 'h'},         {"version", no_argument, NULL, 'V'},
      {"yes", no_argument, NULL, 'y'},          {NULL, 0, NULL, 0}};
  *v = (struct cli_vqueue_run){.empty = "0"};
  opterr = 0;
  optind = 0;
  for (int c; (c = getopt_long(argc, argv, ":c:e:hVy", names, NULL)) != -1;) {
    if (c == 'c')
      v->o.config = str_of(optarg);
    else if (c == 'e' && utf8_len(str_of(optarg)) == 1)
      v->empty = optarg;
    else if (c == 'y')
      v->yes = true;
    else if (c == 'V')
      v->version = true;
    else
      return c == 'h' ? (puts(cli_vqueue_usage) < 0 ? EX_IOERR : EX_OK) : EX_USAGE;
  }
  v->o.first = optind;
  return OPTIONS_GO;
}

int cli_vqueue(int argc, char **argv)
{
  struct cli_vqueue_run v;
  struct store *s = NULL;
  struct conf *conf = NULL;
  int code = cli_vqueue_options(argc, argv, &v);
  if (code == OPTIONS_GO && v.version) return cli_version(1, argv);
  argc -= v.o.first, argv += v.o.first;
  if (code == EX_USAGE || (code == OPTIONS_GO && !cli_vqueue_sound(argc, argv))) {
    fprintf(stderr, "vqueue: no such call\n%s\n", cli_vqueue_usage);
    return EX_USAGE;
  }
  if (code == OPTIONS_GO) code = cli_db_open("vqueue", &v.o, &s, &conf);
  if (code != OPTIONS_GO) return code;
  char path[4096];
  snprintf(path, sizeof path, STR_FMT "/vsmtp.db", STR_ARG(conf->server.queues.dirpath));
  v.dirpath = path;
  code = strcmp(argv[0], "show") == 0 ? cli_vqueue_show(s, &v, argc - 1, argv + 1)
                                      : cli_vqueue_msg(s, &v, argc - 1, argv + 1);
  if (fflush(stdout) && code == EX_OK) code = EX_IOERR;
  cli_db_close(s, conf);
  return code;
}

#undef CLI_VQUEUE_AGES
