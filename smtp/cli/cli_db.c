/* smtp/cli/cli_db.c: what the commands that look into the database share. */
#include "cli_db.h"
#include "../helper/helper.h"
#include "../policy/policy.h"

#include <errno.h>
#include <limits.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

/* ---- opening --------------------------------------------------------------------------------- */

int cli_db_fail(const char *command, const struct err *e)
{
  static const int codes[] = {
      [ERR_NONE] = EX_SOFTWARE,  [ERR_NOMEM] = EX_OSERR,   [ERR_IO] = EX_IOERR,
      [ERR_FULL] = EX_CANTCREAT, [ERR_TEMP] = EX_TEMPFAIL, [ERR_PERM] = EX_DATAERR,
      [ERR_SYNTAX] = EX_NOINPUT, [ERR_RULE] = EX_SOFTWARE, [ERR_BUG] = EX_SOFTWARE,
  };
  fprintf(stderr, "vsmtp %s: %s\n", command, e->text);
  return codes[e->kind];
}

int cli_db_missing(const char *command, str id)
{
  fprintf(stderr, "vsmtp %s: no such message: %s\n", command, log_q(id));
  return EX_NOUSER;
}

static const char cli_db_who[] = "be root or the server's user";

/* Root works as the owner of the database's folder, or where that is root's own as the server's
 * user: nothing in it can then lead a command of root's elsewhere, and the files beside it stay the
 * server's. */
static int cli_db_become(const struct conf *conf, struct err *e)
{
  const struct conf_system *system = &conf->server.system;
  char path[PATH_MAX];
  struct stat st;
  if (geteuid() != 0) return 0;
  snprintf(path, sizeof path, STR_FMT, STR_ARG(conf->server.queues.dirpath));
  if (stat(path, &st) == 0 && st.st_uid != 0)
    return privilege_become(st.st_uid, st.st_gid, NULL, 0, e);
  if (!system->resolved || system->uid == 0) return 0;
  return privilege_become(system->uid, system->gid, NULL, 0, e);
}

/* Whoever may not look into the folders of the server hears so, and what would help. */
static int cli_db_refuse(const char *command, const struct conf *conf, const char *file)
{
  struct diags d;
  fprintf(stderr, "vsmtp %s: cannot open %s: %s; %s\n", command, file, strerror(EACCES),
          cli_db_who);
  if (getuid() == conf->server.system.uid && diags_init(&d) == 0) { /* root became him */
    spool_judge(conf, conf->file.n ? conf->file : STR("defaults"), &d);
    diags_print(&d, stderr);
    diags_free(&d);
  }
  return EX_NOPERM;
}

/* A file that names no folder means another one to somebody who could not serve from the usual one.
 */
static bool cli_db_is_elsewhere(const struct conf *conf, bool exists, struct buf *file)
{
  struct stat st;
  if (exists || conf->server.queues.dirpath_given || geteuid() == 0) return false;
  buf_clear(file);
  buf_printf(file, "%s/vsmtp.db", path_system(CONF_SPOOL));
  return lstat(buf_cstr(file), &st) == 0 || errno == EACCES;
}

static int cli_db_fail_to_make(const char *command, struct err *e)
{
  if (!str_ends(str_of(e->text), str_of(strerror(EACCES)))) return cli_db_fail(command, e);
  fprintf(stderr, "vsmtp %s: %s; %s\n", command, e->text, cli_db_who);
  return EX_NOPERM;
}

static int cli_db_open_store(const char *command, const struct conf *conf, bool make,
                             struct store **store)
{
  struct store_options o = {.dirpath = conf->server.queues.dirpath};
  struct buf file = BUF_INIT(PATH_MAX);
  struct err e;
  struct stat st;
  int code = OPTIONS_GO;
  if (make && spool_make_folder(conf, o.dirpath, 0711, &e) < 0)
    code = cli_db_fail_to_make(command, &e);
  if (code == OPTIONS_GO && cli_db_become(conf, &e) < 0) code = cli_db_fail(command, &e);
  buf_printf(&file, STR_FMT "/vsmtp.db", STR_ARG(o.dirpath));
  bool there = lstat(buf_cstr(&file), &st) == 0;
  bool denied = there ? access(buf_cstr(&file), R_OK | W_OK) < 0 : errno == EACCES;
  if (code == OPTIONS_GO && (denied || cli_db_is_elsewhere(conf, there, &file)))
    code = cli_db_refuse(command, conf, buf_cstr(&file));
  buf_free(&file);
  if (code != OPTIONS_GO) return code;
  o.create = make && !there;
  *store = store_open(&o, &e);
  return *store ? OPTIONS_GO : cli_db_fail(command, &e);
}

static int cli_db_begin(const char *command, const struct options *o, bool make,
                        struct store **store, struct conf **conf)
{
  struct diags d;
  str denied = conf_denied(o->config);
  if (denied.n) {
    fprintf(stderr, "vsmtp %s: cannot open " STR_FMT ": %s; %s\n", command, STR_ARG(denied),
            strerror(EACCES), cli_db_who);
    return EX_NOPERM;
  }
  if (diags_init(&d)) return EX_OSERR;
  *conf = conf_load_alone(o->config, &d);
  if (d.errors) diags_print(&d, stderr);
  int code = *conf && !d.errors ? cli_db_open_store(command, *conf, make, store) : EX_CONFIG;
  if (code != OPTIONS_GO) conf_free(*conf);
  diags_free(&d);
  return code;
}

int cli_db_open(const char *command, const struct options *o, struct store **store,
                struct conf **conf)
{
  return cli_db_begin(command, o, false, store, conf);
}

int cli_db_make(const char *command, const struct options *o, struct store **store,
                struct conf **conf)
{
  return cli_db_begin(command, o, true, store, conf);
}

void cli_db_close(struct store *store, struct conf *conf)
{
  store_close(store);
  conf_free(conf);
}

/* ---- cells ----------------------------------------------------------------------------------- */

const struct store_cell *cli_db_cell(const struct store_cell *cell, size_t count,
                                     const char *column)
{
  for (size_t i = 0; i < count; i++)
    if (strcmp(cell[i].column, column) == 0) return &cell[i];
  return NULL;
}

str cli_db_get(const struct store_cell *cell, size_t count, const char *column)
{
  const struct store_cell *c = cli_db_cell(cell, count, column);
  return c && c->type != CELL_NULL ? c->text : STR("");
}

void cli_db_json(struct buf *out, const struct store_cell *cell, size_t count)
{
  for (size_t i = 0; i < count; i++) {
    buf_putc(out, i ? ',' : '{');
    buf_json(out, str_of(cell[i].column));
    buf_putc(out, ':');
    if (cell[i].type == CELL_NULL)
      buf_puts(out, "null");
    else if (cell[i].type == CELL_INT)
      buf_printf(out, "%lld", (long long)cell[i].i);
    else
      buf_json(out, cell[i].text);
  }
  buf_putc(out, '}');
}

/* Control characters, C1 among them, could command a terminal; ill-formed octets become "?". */
void cli_db_show(struct buf *out, str text)
{
  while (text.n) {
    int32_t c = utf8_next(&text);
    bool plain = c >= 32 && c != 127 && !(c >= 0x80 && c < 0xa0);
    if (plain)
      buf_utf8(out, c);
    else
      buf_putc(out, c == '\n' ? ' ' : '?'); /* a reply may have several lines */
  }
}

void cli_db_print(struct buf *out)
{
  fwrite(buf_cstr(out), 1, out->n, stdout);
  buf_clear(out);
}

/* ---- times and sizes ------------------------------------------------------------------------- */

/* Days since 1970 of a date of the Gregorian calendar; years counted from March. */
static int64_t cli_db_days(int64_t y, int64_t m, int64_t d)
{
  y -= m <= 2;
  int64_t era = y / 400, of_era = y % 400;
  int64_t of_year = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
  return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

int64_t cli_db_seconds(str at)
{
  static const size_t from[] = {0, 5, 8, 11, 14, 17}, to[] = {4, 7, 10, 13, 16, 19};
  int64_t part[BASE_COUNT(from)];
  if (at.n != 20) return 0;
  for (size_t i = 0; i < BASE_COUNT(from); i++)
    if (str_to_i64(str_sub(at, from[i], to[i]), &part[i])) return 0;
  return cli_db_days(part[0], part[1], part[2]) * 86400 + part[3] * 3600 + part[4] * 60 + part[5];
}

const char *cli_db_age(int64_t seconds, char out[CLI_DB_SHORT])
{
  static const struct {
    int64_t under, unit;
    char letter;
  } units[] = {{120, 1, 's'}, {7200, 60, 'm'}, {172800, 3600, 'h'}, {INT64_MAX, 86400, 'd'}};
  if (seconds < 0) seconds = 0;
  size_t i = 0;
  while (seconds >= units[i].under) i++;
  snprintf(out, CLI_DB_SHORT, "%lld%c", (long long)(seconds / units[i].unit), units[i].letter);
  return out;
}

const char *cli_db_size(int64_t octets, char out[CLI_DB_SHORT])
{
  static const char letters[] = "KMGT";
  double n = (double)octets;
  size_t i = 0;
  if (octets < 1024) {
    snprintf(out, CLI_DB_SHORT, "%lld", (long long)octets);
    return out;
  }
  for (n /= 1024; n >= 1024 && i < sizeof letters - 2; i++) n /= 1024;
  snprintf(out, CLI_DB_SHORT, n < 9.95 ? "%.1f%c" : "%.0f%c", n, letters[i]);
  return out;
}
