/* sqlite/housekeep.c: what is done when nobody waits: looking for changes others made, checkpoints,
 * deleting what has been removed or is too old, giving free pages back.
 *
 * Deleting goes in slices, each a spill commit (no sync: after a crash it is done again), and only
 * in a turn that would sleep otherwise. With nothing to do nothing is written.
 */
#include "store_int.h"

#include <sys/stat.h>
#include <unistd.h>

#define HOUSEKEEP_LOOK        1000             /* ms between two looks for changes of others */
#define HOUSEKEEP_WALK        (3600 * 1000)    /* ms between two walks for what is too old */
#define HOUSEKEEP_PAUSE       10000            /* ms after a slice that failed */
#define HOUSEKEEP_DROPPED_AGE (7 * 86400000LL) /* ms names of drop files are remembered */
#define HOUSEKEEP_SLICE       100              /* rows looked at in a slice */
#define HOUSEKEEP_PAGE        4096
#define HOUSEKEEP_WAL_IDLE    ((1 << 20) / HOUSEKEEP_PAGE)
#define HOUSEKEEP_WAL_MUCH    ((16 << 20) / HOUSEKEEP_PAGE)
#define HOUSEKEEP_WAL_WARN    ((64 << 20) / HOUSEKEEP_PAGE)
#define HOUSEKEEP_FREE_PAGES  1024 /* free pages worth giving back, when a quarter of all */

enum housekeep_job {
  HOUSEKEEP_REMOVED = 1,   /* messages with queue '' */
  HOUSEKEEP_LOOSE = 2,     /* bodies that belong to nobody */
  HOUSEKEEP_MESSAGES = 4,  /* walk: dead and quarantined ones that are too old */
  HOUSEKEEP_DECISIONS = 8, /* walk: decisions of messages that left long ago */
  HOUSEKEEP_VACUUM = 16,
  HOUSEKEEP_DROPPED = 32 /* names of drop files accepted long ago */
};

/* ---- slices: each an SQLite result; clears its bit of todo when there is no more ------------- */

static int housekeep_delete(struct store *s, str id, int64_t key, uint32_t chunks,
                            const char *status, str detail)
{
  struct store_trace t = {
      .kind = STR("server"), .status = str_of(status), .stage = STR(""), .detail = detail};
  int rc = row_decisions(s, id, &t, 1);
  return rc == SQLITE_OK ? row_delete(s, id, key, chunks) : rc;
}

static int housekeep_removed(struct store *s)
{
  char id[ID_LENGTH + 1], from[512];
  int rc = sql_query(s, SQL_REMOVED_NEXT, "");
  snprintf(id, sizeof id, STR_FMT, STR_ARG(sql_text(s, SQL_REMOVED_NEXT, 0)));
  int64_t key = sql_int(s, SQL_REMOVED_NEXT, 1);
  uint32_t chunks = (uint32_t)sql_int(s, SQL_REMOVED_NEXT, 2);
  snprintf(from, sizeof from, "from " STR_FMT, STR_ARG(sql_text(s, SQL_REMOVED_NEXT, 3)));
  sql_end(s, SQL_REMOVED_NEXT);
  if (rc == SQLITE_DONE) s->keep.todo &= ~(unsigned)HOUSEKEEP_REMOVED;
  if (rc != SQLITE_ROW) return rc == SQLITE_DONE ? SQLITE_OK : rc;
  return housekeep_delete(s, str_of(id), key, chunks, "removed", str_of(from));
}

static int housekeep_body(struct store *s, int64_t key)
{
  int rc = sql_run(s, SQL_BODY_DROP_SOME, "i", key);
  if (rc != SQLITE_OK || sqlite3_changes(s->db) > 0) return rc;
  s->keep.todo |= HOUSEKEEP_VACUUM;
  return sql_run(s, SQL_LOOSE_DROP, "i", key);
}

/* One body after the other; those being received are passed over. */
static int housekeep_loose_slice(struct store *s)
{
  int rc = sql_query(s, SQL_LOOSE_NEXT, "i", s->keep.loose);
  int64_t key = sql_int(s, SQL_LOOSE_NEXT, 0);
  sql_end(s, SQL_LOOSE_NEXT);
  if (rc == SQLITE_DONE) {
    s->keep.todo &= ~(unsigned)HOUSEKEEP_LOOSE;
    s->keep.loose = 0;
    return SQLITE_OK;
  }
  if (rc != SQLITE_ROW) return rc;
  if (!incoming_owns(s, key)) return housekeep_body(s, key);
  s->keep.loose = key;
  return SQLITE_OK;
}

/* The end of a walk: everything before it is old enough to be looked at. */
static void housekeep_bound(int64_t keep, char out[ID_LENGTH + 1])
{
  id_floor(clock_wall() - keep, out);
}

static void housekeep_walked(struct store *s, enum housekeep_job job)
{
  s->keep.todo &= ~(unsigned)job;
  s->keep.walk[0] = '\0';
}

static int64_t housekeep_age(const struct store *s, str queue)
{
  bool ours = str_eq(queue, STR("working")) || str_eq(queue, STR("delegated")) ||
              str_eq(queue, STR("deliver")) || queue.n == 0;
  return ours ? 0 : str_eq(queue, STR("dead")) ? s->options.keep_dead : s->options.keep_quarantine;
}

static int housekeep_messages(struct store *s)
{
  char bound[ID_LENGTH + 1];
  const struct store_options *o = &s->options;
  bool dead_first = o->keep_dead && (!o->keep_quarantine || o->keep_dead < o->keep_quarantine);
  housekeep_bound(dead_first ? o->keep_dead : o->keep_quarantine, bound);
  for (int i = 0; i < HOUSEKEEP_SLICE; i++) {
    int rc = sql_query(s, SQL_OLD_NEXT, "ss", str_of(s->keep.walk), str_of(bound));
    if (rc != SQLITE_ROW) {
      sql_end(s, SQL_OLD_NEXT);
      housekeep_walked(s, HOUSEKEEP_MESSAGES);
      return rc == SQLITE_DONE ? SQLITE_OK : rc;
    }
    str id = sql_text(s, SQL_OLD_NEXT, 0);
    snprintf(s->keep.walk, sizeof s->keep.walk, STR_FMT, STR_ARG(id));
    int64_t age = housekeep_age(s, sql_text(s, SQL_OLD_NEXT, 1));
    bool old = age && clock_wall() - sql_int(s, SQL_OLD_NEXT, 2) > age;
    int64_t key = sql_int(s, SQL_OLD_NEXT, 3);
    uint32_t chunks = (uint32_t)sql_int(s, SQL_OLD_NEXT, 4);
    sql_end(s, SQL_OLD_NEXT);
    if (old) rc = housekeep_delete(s, str_of(s->keep.walk), key, chunks, "expired", STR(""));
    if (old && rc != SQLITE_OK) return rc;
  }
  return SQLITE_OK;
}

static int housekeep_decisions_of(struct store *s, str id)
{
  int rc = sql_query(s, SQL_DECISION_LEFT, "s", id);
  bool old = rc == SQLITE_ROW && !sql_int(s, SQL_DECISION_LEFT, 1) &&
             clock_wall() - sql_int(s, SQL_DECISION_LEFT, 0) > s->options.keep_trace;
  sql_end(s, SQL_DECISION_LEFT);
  if (rc != SQLITE_ROW) return rc;
  return old ? sql_run(s, SQL_DECISION_DROP, "s", id) : SQLITE_OK;
}

static int housekeep_decisions(struct store *s)
{
  char bound[ID_LENGTH + 1];
  housekeep_bound(s->options.keep_trace, bound);
  for (int i = 0; i < HOUSEKEEP_SLICE; i++) {
    int rc = sql_query(s, SQL_DECISION_NEXT, "ss", str_of(s->keep.walk), str_of(bound));
    if (rc == SQLITE_ROW)
      snprintf(s->keep.walk, sizeof s->keep.walk, STR_FMT,
               STR_ARG(sql_text(s, SQL_DECISION_NEXT, 0)));
    sql_end(s, SQL_DECISION_NEXT);
    if (rc != SQLITE_ROW) {
      housekeep_walked(s, HOUSEKEEP_DECISIONS);
      return rc == SQLITE_DONE ? SQLITE_OK : rc;
    }
    rc = housekeep_decisions_of(s, str_of(s->keep.walk));
    if (rc != SQLITE_OK) return rc;
  }
  return SQLITE_OK;
}

static int housekeep_dropped(struct store *s)
{
  s->keep.todo &= ~(unsigned)HOUSEKEEP_DROPPED;
  return sql_run(s, SQL_DROPPED_OLD, "i", clock_wall() - HOUSEKEEP_DROPPED_AGE);
}

static int housekeep_vacuum(struct store *s)
{
  int rc = sql_query(s, SQL_FREE_PAGES, "");
  int64_t pages = sql_int(s, SQL_FREE_PAGES, 0), all = sql_int(s, SQL_FREE_PAGES, 1);
  sql_end(s, SQL_FREE_PAGES);
  if (rc != SQLITE_ROW) return rc;
  if (pages > HOUSEKEEP_FREE_PAGES && pages > all / 4)
    return sql_text_run(s, "PRAGMA incremental_vacuum(256)");
  s->keep.todo &= ~(unsigned)HOUSEKEEP_VACUUM;
  return SQLITE_OK;
}

static int housekeep_write(struct store *s, struct op *op)
{
  (void)op;
  unsigned todo = s->keep.todo;
  if (todo & HOUSEKEEP_REMOVED) return housekeep_removed(s);
  if (todo & HOUSEKEEP_LOOSE) return housekeep_loose_slice(s);
  if (todo & HOUSEKEEP_MESSAGES) return housekeep_messages(s);
  if (todo & HOUSEKEEP_DECISIONS) return housekeep_decisions(s);
  if (todo & HOUSEKEEP_DROPPED) return housekeep_dropped(s);
  if (todo & HOUSEKEEP_VACUUM) return housekeep_vacuum(s);
  return SQLITE_OK;
}

static void housekeep_settled(struct store *s, struct op *op, enum store_result result)
{
  (void)op;
  if (result != STORE_OK) s->keep.work_at = clock_mono() + HOUSEKEEP_PAUSE;
}

static const struct op_kind housekeep_slice = {
    .name = "keep",
    .write = housekeep_write,
    .settled = housekeep_settled,
};

/* ---- checkpoints ----------------------------------------------------------------------------- */

/* The nth word of a line, counted from 0; empty when there are fewer. */
static str housekeep_word(str line, int n)
{
  str word;
  while (str_cut(&line, ' ', &word))
    if (word.n && n-- == 0) return str_trim(word);
  return STR("");
}

/* A line of /proc/locks, "1: POSIX ADVISORY READ 1234 08:01:5678 123 123": the process that holds a
 * read mark in the file of that inode (bytes 123 to 127 of the shared memory beside the WAL, see
 * "WAL-index locks" in sqlite's description of its format); else 0. */
static int64_t housekeep_lock_reader(str line, uint64_t inode)
{
  str queue = housekeep_word(line, 5);
  uint64_t from, number;
  int64_t pid;
  if (!str_eq(housekeep_word(line, 3), STR("READ")) || str_to_i64(housekeep_word(line, 4), &pid))
    return 0;
  if (str_to_u64(str_skip(queue, (size_t)(str_rchr(queue, ':') + 1)), &number, 10)) return 0;
  if (str_to_u64(housekeep_word(line, 6), &from, 10) || number != inode) return 0;
  return from >= 123 && from <= 127 && pid != getpid() ? pid : 0;
}

/* Who keeps reading? 0: unknown. */
static int64_t housekeep_reader(const struct store *s)
{
  struct stat st;
  struct err e;
  struct buf path = BUF_INIT(4096), locks = BUF_INIT(0);
  int64_t pid = 0;
  buf_printf(&path, "%s-shm", s->path);
  bool there = buf_ok(&path) && stat(buf_cstr(&path), &st) == 0 &&
               file_read(STR("/proc/locks"), 1 << 20, &locks, &e) == 0;
  str rest = buf_str(&locks), line;
  while (there && !pid && str_cut(&rest, '\n', &line)) pid = housekeep_lock_reader(line, st.st_ino);
  buf_free(&path);
  buf_free(&locks);
  return pid;
}

static void housekeep_checkpoint(struct store *s)
{
  struct housekeep *k = &s->keep;
  int pages = 0, done = 0;
  int rc = sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_PASSIVE, &pages, &done);
  k->checkpoint_at = clock_mono() + HOUSEKEEP_LOOK;
  if (rc != SQLITE_OK && sql_trouble(s, rc) != SQL_LATER) {
    tx_failed(s, rc);
    return;
  }
  trace(TRACE_STORE, "checkpoint pages=%d done=%d", pages, done);
  if (rc == SQLITE_OK && done == pages) {
    k->wal_dirty = k->wal_warned = false;
  } else if (pages > HOUSEKEEP_WAL_WARN && !k->wal_warned) {
    k->wal_warned = true;
    log_warn(LOG_STORE,
             "wal_mib=%d reader_pid=%lld a process that keeps reading the database makes its file "
             "grow",
             pages / ((1 << 20) / HOUSEKEEP_PAGE), (long long)housekeep_reader(s));
  }
}

static int housekeep_wal_hook(void *arg, sqlite3 *db, const char *name, int pages)
{
  struct store *s = arg;
  (void)db, (void)name;
  s->keep.wal_pages = pages;
  s->keep.wal_dirty = true;
  return SQLITE_OK;
}

/* ---- the turn -------------------------------------------------------------------------------- */

static void housekeep_look(struct store *s)
{
  int rc = sql_query(s, SQL_DATA_VERSION, "");
  int64_t version = sql_int(s, SQL_DATA_VERSION, 0);
  sql_end(s, SQL_DATA_VERSION);
  if (rc != SQLITE_ROW) {
    tx_failed(s, rc);
    return;
  }
  if (version == s->keep.version) return;
  s->keep.version = version;
  s->keep.todo |= HOUSEKEEP_REMOVED;
  s->changed = s->touched = true;
}

static void housekeep_walk(struct store *s)
{
  if (s->keep.walk[0]) return;
  if (s->options.keep_dead || s->options.keep_quarantine) s->keep.todo |= HOUSEKEEP_MESSAGES;
  if (s->options.keep_trace) s->keep.todo |= HOUSEKEEP_DECISIONS;
  s->keep.todo |= HOUSEKEEP_DROPPED;
}

void housekeep_turn(struct store *s, bool sleeping)
{
  struct housekeep *k = &s->keep;
  int64_t now = clock_mono();
  bool idle = sleeping && s->tx.kind == TX_NONE && !s->tx.waiting.first;
  if (now >= k->look_at) {
    k->look_at = now + HOUSEKEEP_LOOK;
    housekeep_look(s);
  }
  if (now >= k->walk_at) {
    k->walk_at = now + HOUSEKEEP_WALK;
    housekeep_walk(s);
  }
  if (s->tx.kind == TX_NONE && k->wal_dirty && now >= k->checkpoint_at &&
      (k->wal_pages > HOUSEKEEP_WAL_MUCH || (idle && k->wal_pages > HOUSEKEEP_WAL_IDLE)))
    housekeep_checkpoint(s);
  if (idle && k->todo && now >= k->work_at && k->op.state == OP_IDLE && store_ready(s)) {
    k->op.kind = &housekeep_slice;
    tx_submit(s, &k->op);
  }
}

int housekeep_wait_ms(const struct store *s)
{
  const struct housekeep *k = &s->keep;
  int64_t now = clock_mono();
  if (k->todo && now >= k->work_at && !s->tx.waiting.first) return 0;
  return k->look_at > now ? (int)(k->look_at - now) : 0;
}

void housekeep_loose(struct store *s)
{
  s->keep.todo |= HOUSEKEEP_LOOSE;
  s->keep.loose = 0;
}

void housekeep_open(struct store *s)
{
  struct housekeep *k = &s->keep;
  sqlite3_wal_hook(s->db, housekeep_wal_hook, s);
  k->version = -1;
  k->look_at = 0;
  k->wal_dirty = false;
  k->todo |= HOUSEKEEP_REMOVED | HOUSEKEEP_LOOSE;
  k->loose = 0;
}

#undef HOUSEKEEP_LOOK
#undef HOUSEKEEP_WALK
#undef HOUSEKEEP_PAUSE
#undef HOUSEKEEP_DROPPED_AGE
#undef HOUSEKEEP_SLICE
#undef HOUSEKEEP_PAGE
#undef HOUSEKEEP_WAL_IDLE
#undef HOUSEKEEP_WAL_MUCH
#undef HOUSEKEEP_WAL_WARN
#undef HOUSEKEEP_FREE_PAGES
