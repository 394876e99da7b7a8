/* smtp/verb_vqueue.c: the original's command `vqueue`, over our database.
 *
 *   vqueue show [QUEUE…] [-e CHAR]         how many messages, by age and by HELO name
 *   vqueue msg ID show [json|eml] | move QUEUE | remove [-y] | re-run
 */
#include "smtp.h"
#include "verb_message.h"

#include <getopt.h>
#include <limits.h>
#include <sysexits.h>

static const char verb_vqueue_usage[] = "usage: vqueue [-c FILE] show [QUEUE…] [-e CHAR]\n"
                                        "       vqueue [-c FILE] msg ID show [json|eml]\n"
                                        "       vqueue [-c FILE] msg ID move QUEUE\n"
                                        "       vqueue [-c FILE] msg ID remove [-y]\n"
                                        "       vqueue [-c FILE] msg ID re-run";

/* In the order of the original. */
static const char *const verb_vqueue_names[] = {"working", "deliver", "delegated", "deferred",
                                                "dead"};

struct verb_vqueue {
  struct options o;
  const char *empty; /* what stands for 0 */
  bool yes, version;
  const char *dirpath;
};

/* ---- show: a matrix of ages ------------------------------------------------------------------ */

static const int verb_vqueue_minutes[] = {5, 10, 20, 40, 80, 160, 320, 640, 1280};
#define VERB_VQUEUE_AGES (BASE_COUNT(verb_vqueue_minutes) + 1)

struct verb_vqueue_row {
  long total, age[VERB_VQUEUE_AGES];
};

struct verb_vqueue_matrix {
  struct verb_vqueue_row all;
  struct map helo; /* -> owned struct verb_vqueue_row */
  bool failed;
};

static void verb_vqueue_count(struct verb_vqueue_row *row, int64_t minutes)
{
  size_t i = 0;
  while (i < VERB_VQUEUE_AGES - 1 && minutes >= verb_vqueue_minutes[i]) i++;
  row->total++;
  row->age[i]++;
}

static struct verb_vqueue_row *verb_vqueue_helo(struct verb_vqueue_matrix *m, str helo)
{
  struct verb_vqueue_row *row = map_get(&m->helo, helo);
  if (row) return row;
  row = mem_alloc(sizeof *row);
  if (row && map_set(&m->helo, helo, row) == 0) return row;
  mem_free(row);
  m->failed = true;
  return NULL;
}

static bool verb_vqueue_message(void *arg, const struct store_cell *cell, size_t n)
{
  struct verb_vqueue_matrix *m = arg;
  int64_t age = clock_wall() / 1000 - rows_seconds(rows_get(cell, n, "received_at"));
  struct verb_vqueue_row *row = verb_vqueue_helo(m, rows_get(cell, n, "helo"));
  verb_vqueue_count(&m->all, age / 60);
  if (row) verb_vqueue_count(row, age / 60);
  return !m->failed;
}

static void verb_vqueue_number(struct buf *out, long n, const char *empty)
{
  if (n)
    buf_printf(out, "%5ld", n);
  else
    buf_printf(out, "%5s", empty);
}

static void verb_vqueue_line(struct buf *out, str label, const struct verb_vqueue_row *row,
                             const char *empty)
{
  struct buf name = BUF_INIT(4096);
  rows_show(&name, label);
  buf_printf(out, "%20s", buf_cstr(&name));
  verb_vqueue_number(out, row->total, empty);
  for (size_t i = 0; i < VERB_VQUEUE_AGES; i++) verb_vqueue_number(out, row->age[i], empty);
  buf_putc(out, '\n');
  buf_free(&name);
}

static int verb_vqueue_by_key(const void *a, const void *b)
{
  return str_cmp(((const struct map_entry *)a)->key, ((const struct map_entry *)b)->key);
}

/* The map is read no more after this: its entries are sorted where they stand. */
static void verb_vqueue_print(struct buf *out, struct verb_vqueue_matrix *m, const char *empty)
{
  buf_printf(out, "%25s", "T");
  for (size_t i = 0; i < BASE_COUNT(verb_vqueue_minutes); i++)
    buf_printf(out, "%5d", verb_vqueue_minutes[i]);
  buf_puts(out, "1280+\n");
  verb_vqueue_line(out, STR("TOTAL"), &m->all, empty);
  if (m->helo.n) qsort(m->helo.entries, m->helo.n, sizeof *m->helo.entries, verb_vqueue_by_key);
  for (size_t i = 0; i < m->helo.n; i++)
    verb_vqueue_line(out, m->helo.entries[i].key, m->helo.entries[i].value, empty);
}

static int verb_vqueue_show_one(struct store *s, const struct verb_vqueue *v, const char *queue)
{
  struct verb_vqueue_matrix m = {.failed = false};
  struct buf out = BUF_INIT(ROWS_BUFFER);
  struct err e;
  char name[16];
  size_t n = 0;
  for (; queue[n] && n < sizeof name - 1; n++) name[n] = str_upper(queue[n]);
  name[n] = '\0';
  int r = view_rows(s, VIEW_QUEUE, STR(""), str_of(queue), verb_vqueue_message, &m, &e);
  if (r == 0 && m.failed) r = err_nomem(&e);
  buf_printf(&out, "%-10s is at '%s' :\n", name, v->dirpath);
  if (m.all.total)
    verb_vqueue_print(&out, &m, v->empty);
  else
    buf_puts(&out, "\t<EMPTY>\n");
  if (r == 0) rows_print(&out);
  for (size_t i = 0; i < m.helo.n; i++) mem_free(m.helo.entries[i].value);
  map_free(&m.helo);
  buf_free(&out);
  return r ? rows_fail("vqueue", &e) : EX_OK;
}

static int verb_vqueue_show(struct store *s, const struct verb_vqueue *v, int argc, char **argv)
{
  int code = EX_OK;
  for (size_t i = 0; argc == 0 && i < BASE_COUNT(verb_vqueue_names) && code == EX_OK; i++)
    code = verb_vqueue_show_one(s, v, verb_vqueue_names[i]);
  for (int i = 0; i < argc && code == EX_OK; i++) code = verb_vqueue_show_one(s, v, argv[i]);
  return code;
}

/* ---- msg ------------------------------------------------------------------------------------- */

static int verb_vqueue_result(const struct verb_vqueue *v, const char *id, int r,
                              const struct err *e)
{
  if (r < 0) return rows_fail("vqueue", e);
  if (r > 0) return EX_OK;
  fprintf(stderr, "No such message '%s' in queues at '%s'\n", id, v->dirpath);
  return EX_NOUSER;
}

static bool verb_vqueue_confirmed(const struct verb_vqueue *v, const char *id)
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

static int verb_vqueue_remove(struct store *s, const struct verb_vqueue *v, const char *id)
{
  struct err e;
  if (!verb_vqueue_confirmed(v, id)) return EX_OK;
  int code = verb_vqueue_result(v, id, quarantine_remove(s, str_of(id), false, &e), &e);
  if (code == EX_OK) puts("File removed");
  return code;
}

static int verb_vqueue_msg(struct store *s, const struct verb_vqueue *v, int argc, char **argv)
{
  struct err e;
  char *id = argv[0];
  const char *word = argv[1];
  if (!id_valid(str_of(id))) return verb_vqueue_result(v, id, 0, &e);
  if (strcmp(word, "move") == 0)
    return verb_vqueue_result(v, id, quarantine_move(s, str_of(id), str_of(argv[2]), &e), &e);
  if (strcmp(word, "remove") == 0) return verb_vqueue_remove(s, v, id);
  if (strcmp(word, "re-run") == 0)
    return verb_vqueue_result(v, id, quarantine_retry(s, str_of(id), &e), &e);
  char *show[] = {id, argc > 2 ? argv[2] : (char[]){"json"}, NULL};
  return verb_message_show(s, &v->o, "vqueue", 2, show);
}

/* ---- the verb -------------------------------------------------------------------------------- */

static bool verb_vqueue_known(int argc, char **argv)
{
  for (int i = 0; i < argc; i++) {
    size_t k = 0;
    while (k < BASE_COUNT(verb_vqueue_names) && strcmp(argv[i], verb_vqueue_names[k]) != 0) k++;
    if (k == BASE_COUNT(verb_vqueue_names)) return false;
  }
  return true;
}

static bool verb_vqueue_sound(int argc, char **argv)
{
  if (argc >= 1 && strcmp(argv[0], "show") == 0) return verb_vqueue_known(argc - 1, argv + 1);
  if (argc < 3 || strcmp(argv[0], "msg") != 0) return false;
  if (strcmp(argv[2], "show") == 0) return argc <= 4 && verb_message_form(argc - 2, argv + 2);
  if (strcmp(argv[2], "move") == 0) return argc == 4;
  return argc == 3 && (strcmp(argv[2], "remove") == 0 || strcmp(argv[2], "re-run") == 0);
}

static int verb_vqueue_options(int argc, char **argv, struct verb_vqueue *v)
{
  static const struct option names[] = {
      {"config", required_argument, NULL, 'c'}, {"empty-token", required_argument, NULL, 'e'},
      {"help", no_argument, NULL, 'h'},         {"version", no_argument, NULL, 'V'},
      {"yes", no_argument, NULL, 'y'},          {NULL, 0, NULL, 0}};
  *v = (struct verb_vqueue){.empty = "0"};
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
      return c == 'h' ? (puts(verb_vqueue_usage) < 0 ? EX_IOERR : EX_OK) : EX_USAGE;
  }
  v->o.first = optind;
  return OPTIONS_GO;
}

int verb_vqueue(int argc, char **argv)
{
  struct verb_vqueue v;
  struct store *s = NULL;
  struct conf *conf = NULL;
  int code = verb_vqueue_options(argc, argv, &v);
  if (code == OPTIONS_GO && v.version) return verb_version(1, argv);
  argc -= v.o.first, argv += v.o.first;
  if (code == EX_USAGE || (code == OPTIONS_GO && !verb_vqueue_sound(argc, argv))) {
    fprintf(stderr, "vqueue: no such call\n%s\n", verb_vqueue_usage);
    return EX_USAGE;
  }
  if (code == OPTIONS_GO) code = rows_open("vqueue", &v.o, &s, &conf);
  if (code != OPTIONS_GO) return code;
  char path[4096];
  snprintf(path, sizeof path, STR_FMT "/vsmtp.db", STR_ARG(conf->server.queues.dirpath));
  v.dirpath = path;
  code = strcmp(argv[0], "show") == 0 ? verb_vqueue_show(s, &v, argc - 1, argv + 1)
                                      : verb_vqueue_msg(s, &v, argc - 1, argv + 1);
  if (fflush(stdout) && code == EX_OK) code = EX_IOERR;
  rows_close(s, conf);
  return code;
}

#undef VERB_VQUEUE_AGES
