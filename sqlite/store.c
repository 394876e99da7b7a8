/* sqlite/store.c: opening and closing, the turn, the degraded state, space.
 *
 * An I/O error or damage closes the file at the end of the turn: everybody parked or receiving is
 * told 4xx, outcomes of deliveries stay in memory, and the file is opened again, checked, at most
 * once a minute. After a second failed sync it stays closed: a disk that loses writes silently is
 * worse than none.
 */
#include "store_int.h"

#include <poll.h>
#include <signal.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define STORE_REOPEN 60000 /* ms between two attempts */
#define STORE_FLUSH  2000  /* ms a stop may take to write what is in memory */
#define STORE_SYNCS  2     /* failed ones, then it stays closed */

bool store_quarantine_name(str name)
{
  static const str taken[] = {STR_INIT("(incoming)"), STR_INIT("incoming"), STR_INIT("working"),
                              STR_INIT("delegated"),  STR_INIT("deliver"),  STR_INIT("deferred"),
                              STR_INIT("dead")};
  for (size_t i = 0; i < BASE_COUNT(taken); i++)
    if (str_ieq(name, taken[i])) return false;
  for (size_t i = 0; i < name.n; i++)
    if ((unsigned char)name.p[i] < 32 || name.p[i] == 127) return false;
  size_t length = utf8_len(name);
  return utf8_valid(name) && length >= 1 && length <= 128;
}

bool store_space(struct store *s, uint64_t octets)
{
  struct statvfs fs;
  if (statvfs(s->folder, &fs)) return true; /* then writing will say */
  uint64_t unit = fs.f_frsize, free_now = fs.f_bavail * unit, all = fs.f_blocks * unit;
  uint64_t reserve = all / 50 > LIMIT_SPACE_RESERVE ? all / 50 : LIMIT_SPACE_RESERVE;
  return free_now >= reserve && free_now - reserve >= octets;
}

bool store_ready(const struct store *s)
{
  return s->db && !s->broken;
}

/* ---- opening --------------------------------------------------------------------------------- */

/* Keys go on after the last one in the file, and after the last one in memory. */
static int store_last_key(struct store *s)
{
  int rc = sql_query(s, SQL_LAST_KEY, "");
  int64_t last = sql_int(s, SQL_LAST_KEY, 0) / ROW_KEY_STEP * ROW_KEY_STEP;
  sql_end(s, SQL_LAST_KEY);
  if (last > s->key) s->key = last;
  return rc == SQLITE_ROW ? SQLITE_OK : rc;
}

static int store_begin(struct store *s, struct err *e)
{
  s->opened = clock_mono();
  if (dbfile_open(s, e)) return -1;
  s->tx.full_sync = true;
  int rc = store_last_key(s);
  if (rc != SQLITE_OK) return sql_err(s, rc, e, "read the database");
  housekeep_open(s);
  return 0;
}

static void store_free(struct store *s)
{
  if (!s) return;
  dbfile_close(s);
  refused_free(s);
  queue_free(s);
  if (s->lock >= 0) close(s->lock);
  mem_free(s->folder);
  mem_free(s->path);
  mem_free(s);
}

static struct store *store_new(const struct store_options *options)
{
  struct store *s = mem_alloc(sizeof *s);
  if (!s) return NULL;
  struct buf path = BUF_INIT(4096);
  buf_printf(&path, STR_FMT "/vsmtp.db", STR_ARG(options->dirpath));
  s->path = buf_ok(&path) ? mem_strdup(buf_str(&path)) : NULL;
  buf_free(&path);
  s->folder = mem_strdup(options->dirpath);
  s->lock = -1;
  s->options = *options;
  s->options.dirpath = str_of(s->folder);
  s->tx.generation = 1;
  if (s->path && s->folder) return s;
  store_free(s);
  return NULL;
}

struct store *store_open(const struct store_options *options, struct err *e)
{
  struct store *s = store_new(options);
  if (!s) {
    err_nomem(e);
    return NULL;
  }
  if ((s->options.server && dbfile_lock(s, e)) || store_begin(s, e)) {
    store_free(s);
    return NULL;
  }
  return s;
}

void store_keep(struct store *s, int64_t dead, int64_t trace, int64_t quarantine)
{
  s->options.keep_dead = dead;
  s->options.keep_trace = trace;
  s->options.keep_quarantine = quarantine;
}

/* ---- degraded -------------------------------------------------------------------------------- */

void store_break(struct store *s, int rc)
{
  if (s->broken) return;
  s->broken = true;
  if (rc == SQLITE_IOERR_FSYNC && ++s->failed_syncs >= STORE_SYNCS) s->closed_for_good = true;
  log_error(LOG_STORE, "path=%s sqlite=%d the store is closed%s, clients are told to come later",
            s->path, rc, s->closed_for_good ? " for good after two failed syncs" : "");
}

static void store_broken(struct store *s)
{
  tx_close(s);
  incoming_closed(s);
  dbfile_close(s);
  s->broken = false;
}

static void store_reopen(struct store *s)
{
  struct err e = {.kind = ERR_NONE};
  if (s->closed_for_good || clock_mono() - s->opened < STORE_REOPEN) return;
  if (store_begin(s, &e) == 0 && dbfile_quick_check(s, &e) == 0) {
    log_warn(LOG_STORE, "path=%s the store is open again", s->path);
    s->changed = true;
    return;
  }
  log_error(LOG_STORE, "path=%s the store stays closed: %s", s->path, e.text);
  dbfile_close(s);
}

/* ---- the turn -------------------------------------------------------------------------------- */

int store_turn(struct store *s, bool sleeping)
{
  if (s->broken) store_broken(s);
  if (!s->db) store_reopen(s);
  tx_end_turn(s, sleeping);
  tx_settle(s);
  if (store_ready(s)) housekeep_turn(s, sleeping);
  if (s->changed && s->tx.kind == TX_NONE && store_ready(s)) {
    s->changed = false;
    if (s->touched && s->options.touched) s->options.touched(s->options.arg);
    s->touched = false;
    if (s->options.changed) s->options.changed(s->options.arg);
  }
  if (s->broken) {
    store_broken(s);
    tx_settle(s);
  }
  if (!s->db) return 1000;
  int wait = tx_wait_ms(s), keep = housekeep_wait_ms(s);
  if (wait < 0 || keep < wait) wait = keep;
  return wait > 1000 ? 1000 : wait;
}

/* ---- closing --------------------------------------------------------------------------------- */

/* Writes what memory still holds, unless the disk does not let us. */
static void store_flush(struct store *s)
{
  int64_t until = clock_mono() + STORE_FLUSH;
  while (store_ready(s) && clock_mono() < until &&
         (s->tx.waiting.first || s->tx.kind != TX_NONE || s->refused.count)) {
    if (s->refused.count && tx_open(s, true)) store_die_point("stop");
    tx_end_turn(s, true);
    tx_settle(s);
    int ms = tx_wait_ms(s);
    if (ms > 0) poll(NULL, 0, ms); /* nobody is served any more */
  }
}

void store_close(struct store *s)
{
  if (!s) return;
  if (s->options.server) {
    store_flush(s);
    store_broken(s);
    tx_settle(s);
    LIST_EACH(&s->tx.waiting, struct op, link, op) tx_refuse(s, op, STORE_TEMP);
    tx_settle(s);
  }
  store_free(s);
}

/* ---- die points ------------------------------------------------------------------------------ */

#ifdef VSMTP_TEST
void store_die_point(const char *name)
{
  static long left = -1;
  const char *at = getenv("VSMTP_DIE_AT");
  if (!at) return;
  size_t n = strcspn(at, ":");
  if (strlen(name) != n || strncmp(at, name, n) != 0) return;
  if (left < 0) left = at[n] ? strtol(at + n + 1, NULL, 10) : 1;
  if (--left == 0) kill(getpid(), SIGKILL);
}
#endif

#undef STORE_REOPEN
#undef STORE_FLUSH
#undef STORE_SYNCS
