/* sqlite/dbfile.c: the file itself: its lock, its creation and migration, how we open it.
 *
 * What is set at creation (page size, auto_vacuum, encoding) stays for ever; what is set at each
 * opening is in dbfile_settings. user_version is the schema's; a database is made by migrating
 * version 0, which is an empty file.
 */
#include "store_int.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define DBFILE_APPLICATION  0x76736d74 /* "vsmt" */
#define DBFILE_COMMAND_WAIT 10000      /* ms a command waits for the lock */

static const char dbfile_schema[] =
#include "sqlite/schema.sql.inc"
    ;

/* dbfile_steps[n] makes version n + 1 of version n. An empty file, version 0, becomes the newest
 * one at once; the result is the same, column by column. */
static const char *const dbfile_steps[] = {
    dbfile_schema,
    "ALTER TABLE rcpt ADD COLUMN dsn TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE rcpt ADD COLUMN warned INTEGER NOT NULL DEFAULT 0;"
    "CREATE TABLE account(name TEXT PRIMARY KEY, verifier TEXT NOT NULL,"
    " made_at INTEGER NOT NULL, changed_at INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE secret(name TEXT PRIMARY KEY, value BLOB NOT NULL, made_at INTEGER NOT NULL)"
    " WITHOUT ROWID;"
    "CREATE TABLE dropped(name TEXT PRIMARY KEY, id TEXT NOT NULL, at INTEGER NOT NULL)"
    " WITHOUT ROWID;",
    "ALTER TABLE rcpt ADD COLUMN by_hand INTEGER NOT NULL DEFAULT 0;"
    "UPDATE rcpt SET last_reply = target, target = ''" /* of the drop folder */
    " WHERE transport = 'none' AND status = 'pending' AND target <> '';",
    "DROP INDEX message_place;"
    "ALTER TABLE message RENAME COLUMN place TO queue;"
    "CREATE INDEX message_queue ON message(queue)"
    "\n  WHERE queue = 'working' OR queue = 'delegated' OR queue = '';",
};

/* With their triggers, since SQLite would rewrite them as columns change their names; after the
 * steps all of the schema from its first view on is made anew. */
static const char dbfile_no_views[] = "DROP VIEW queue; DROP VIEW recipient; DROP VIEW quarantine;"
                                      "DROP VIEW mail; DROP VIEW trace;";

int store_schema_version(void)
{
  return (int)BASE_COUNT(dbfile_steps);
}

const char *store_library_version(void)
{
  return sqlite3_libversion();
}

/* ---- the lock -------------------------------------------------------------------------------- */

int dbfile_lock(struct store *s, struct err *e)
{
  struct buf path = BUF_INIT(4096);
  buf_printf(&path, STR_FMT "/vsmtp.lock", STR_ARG(s->options.dirpath));
  int fd = buf_ok(&path) ? open(buf_cstr(&path), O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
  int saved = errno;
  buf_free(&path);
  if (fd < 0)
    return err_sys(e, saved, "cannot open vsmtp.lock in " STR_FMT, STR_ARG(s->options.dirpath));
  if (flock(fd, LOCK_EX | LOCK_NB)) {
    close(fd);
    return err_set(e, ERR_TEMP, "cannot serve from " STR_FMT ": another vsmtp does",
                   STR_ARG(s->options.dirpath));
  }
  s->lock = fd;
  return 0;
}

/* ---- creation and migration ------------------------------------------------------------------ */

/* One number that a statement gives. */
static int dbfile_number(struct store *s, const char *text, int64_t *out)
{
  sqlite3_stmt *stmt = NULL;
  int rc = sqlite3_prepare_v2(s->db, text, -1, &stmt, NULL);
  if (rc == SQLITE_OK) rc = sqlite3_step(stmt);
  if (rc == SQLITE_ROW) *out = sqlite3_column_int64(stmt, 0);
  sqlite3_finalize(stmt);
  return rc == SQLITE_ROW ? SQLITE_OK : rc == SQLITE_DONE ? SQLITE_ERROR : rc;
}

struct dbfile_is {
  int64_t application, version, tables;
};

static int dbfile_look(struct store *s, struct dbfile_is *is)
{
  int rc = dbfile_number(s, "PRAGMA application_id", &is->application);
  if (rc == SQLITE_OK) rc = dbfile_number(s, "PRAGMA user_version", &is->version);
  if (rc == SQLITE_OK) rc = dbfile_number(s, "SELECT count(*) FROM sqlite_master", &is->tables);
  return rc;
}

/* 1: of our version; 0: older, or empty; -1: nothing we may touch. */
static int dbfile_judge(const char *path, const struct dbfile_is *is, struct err *e)
{
  bool empty = !is->application && !is->version && !is->tables;
  if (!empty && is->application != DBFILE_APPLICATION)
    return err_set(e, ERR_PERM, "cannot use %s: it is not a database of vsmtp", path);
  if (is->version > store_schema_version() || is->version < 0)
    return err_set(e, ERR_PERM,
                   "cannot use %s: its schema is version %lld, this program knows up to %d", path,
                   (long long)is->version, store_schema_version());
  return is->version == store_schema_version();
}

/* From this version on, one after the other. */
static int dbfile_step(struct store *s, int64_t version)
{
  int rc = sql_text_run(s, dbfile_no_views);
  for (; rc == SQLITE_OK && version < store_schema_version(); version++)
    rc = sql_text_run(s, dbfile_steps[version]);
  return rc == SQLITE_OK ? sql_text_run(s, strstr(dbfile_schema, "CREATE VIEW")) : rc;
}

/* In one transaction: looks again inside it, somebody else may have been faster. */
static int dbfile_migrate(struct store *s)
{
  struct dbfile_is is;
  int rc = sql_text_run(s, "BEGIN IMMEDIATE");
  if (rc != SQLITE_OK) return rc;
  rc = dbfile_look(s, &is);
  if (rc == SQLITE_OK && is.version == 0)
    rc = sql_text_run(s, dbfile_schema);
  else if (rc == SQLITE_OK)
    rc = dbfile_step(s, is.version);
  char text[96];
  snprintf(text, sizeof text, "PRAGMA application_id = %d; PRAGMA user_version = %d",
           DBFILE_APPLICATION, store_schema_version());
  if (rc == SQLITE_OK) rc = sql_text_run(s, text);
  if (rc == SQLITE_OK) rc = sql_text_run(s, "COMMIT");
  if (rc != SQLITE_OK) sql_text_run(s, "ROLLBACK");
  return rc;
}

/* ---- opening --------------------------------------------------------------------------------- */

/* Before the first table: these stay for ever. */
static const char dbfile_first[] = "PRAGMA page_size = 4096;"
                                   "PRAGMA encoding = 'UTF-8';"
                                   "PRAGMA auto_vacuum = INCREMENTAL";

static const char dbfile_settings[] = "PRAGMA secure_delete = FAST;"
                                      "PRAGMA temp_store = MEMORY;"
                                      "PRAGMA cache_size = -1024;"
                                      "PRAGMA journal_size_limit = 16777216;"
                                      "PRAGMA wal_autocheckpoint = 0;"
                                      "PRAGMA synchronous = FULL";

static int dbfile_connect(struct store *s)
{
  int rc = sqlite3_open_v2(s->path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
  if (rc != SQLITE_OK) return rc;
  sqlite3_extended_result_codes(s->db, 1);
  return sqlite3_busy_timeout(s->db, DBFILE_COMMAND_WAIT);
}

/* Is it in WAL mode now, and can it be used so? */
static int dbfile_try_wal(struct store *s)
{
  sqlite3_stmt *stmt = NULL;
  int64_t version;
  int rc = sqlite3_prepare_v2(s->db, "PRAGMA journal_mode = WAL", -1, &stmt, NULL);
  if (rc == SQLITE_OK) rc = sqlite3_step(stmt);
  const char *mode = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(stmt, 0) : NULL;
  s->wal = mode && strcmp(mode, "wal") == 0;
  sqlite3_finalize(stmt);
  if (rc == SQLITE_ROW && s->wal) rc = dbfile_number(s, "PRAGMA user_version", &version);
  return rc == SQLITE_ROW ? SQLITE_OK : rc;
}

/* WAL needs writable shared memory beside the file. Where that is missing (jffs2) the header says
 * WAL by now and nobody can read it; alone, with the index in its own memory, a connection can, and
 * takes the mode back. */
static int dbfile_journal(struct store *s)
{
  int rc = dbfile_try_wal(s);
  bool shared =
      rc == SQLITE_IOERR_SHMMAP || rc == SQLITE_IOERR_SHMSIZE || rc == SQLITE_IOERR_SHMOPEN;
  if (rc == SQLITE_OK ? s->wal : !shared) return rc;
  s->wal = false;
  sqlite3_close(s->db);
  rc = dbfile_connect(s);
  if (rc == SQLITE_OK)
    rc = sql_text_run(s, "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = TRUNCATE;"
                         "PRAGMA locking_mode = NORMAL; SELECT count(*) FROM sqlite_master");
  if (rc == SQLITE_OK)
    log_warn(LOG_STORE,
             "path=%s journal=truncate no write-ahead log on this file system: commits cost more "
             "syncs, and readers and writers wait for each other",
             s->path);
  return rc;
}

/* The file is made by us, so that it is ours alone from its first moment; sqlite gives the files
 * beside it the same mode. */
static int dbfile_touch(struct store *s, struct err *e)
{
  int flags = O_RDWR | O_CLOEXEC | (s->options.create ? O_CREAT : 0);
  int fd = open(s->path, flags, 0600);
  if (fd < 0 && errno == ENOENT && !s->options.create)
    return err_set(e, ERR_SYNTAX, "cannot open %s: there is no such file", s->path);
  if (fd < 0 && (errno == EACCES || errno == EPERM))
    return err_set(e, ERR_PERM, "cannot open %s: %s", s->path, strerror(errno));
  if (fd < 0) return err_sys(e, errno, "cannot open %s", s->path);
  close(fd);
  return 0;
}

static void dbfile_log(void *arg, int code, const char *text)
{
  (void)arg;
  log_debug(LOG_STORE, "sqlite=%d %s", code, text);
}

/* Before sqlite's first use in the process; later calls are refused and change nothing. */
static void dbfile_configure(void)
{
  sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
  sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  sqlite3_config(SQLITE_CONFIG_LOG, dbfile_log, NULL);
}

static int dbfile_setup(struct store *s, struct err *e)
{
  struct dbfile_is is;
  int rc = dbfile_look(s, &is);
  if (rc != SQLITE_OK) return sql_err(s, rc, e, "read the database");
  int judged = dbfile_judge(s->path, &is, e);
  if (judged < 0) return -1;
  if (judged == 0 && !s->options.create)
    return err_set(e, ERR_PERM, "cannot use %s: its schema is older; the server migrates it",
                   s->path);
  if (!is.tables) rc = sql_text_run(s, dbfile_first);
  if (rc == SQLITE_OK && (s->options.server || judged == 0)) rc = dbfile_journal(s);
  if (rc == SQLITE_OK) rc = sql_text_run(s, dbfile_settings);
  if (rc == SQLITE_OK && judged == 0) rc = dbfile_migrate(s);
  return rc == SQLITE_OK ? 0 : sql_err(s, rc, e, "set up the database");
}

int dbfile_open(struct store *s, struct err *e)
{
  dbfile_configure();
  if (dbfile_touch(s, e)) return -1;
  int rc = dbfile_connect(s);
  if (rc == SQLITE_OK) {
    if (dbfile_setup(s, e) == 0) {
      if (s->options.server) sqlite3_busy_timeout(s->db, 0);
      return 0;
    }
  } else {
    sql_err(s, rc, e, "open the database");
  }
  dbfile_close(s);
  return -1;
}

void dbfile_close(struct store *s)
{
  sql_close(s);
  if (s->db) sqlite3_close_v2(s->db);
  s->db = NULL;
}

/* What is written from now on nobody would find again. The file that was gets what the log beside
 * it holds, and the log is emptied, for it must not be taken for that of the new file. */
bool dbfile_moved(struct store *s)
{
  int moved = 0;
  int rc = sqlite3_file_control(s->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
  if (rc != SQLITE_OK || !moved) return false;
  log_error(LOG_STORE, "path=%s was removed or replaced under the running server", s->path);
  if (s->wal) sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
  return true;
}

int dbfile_quick_check(struct store *s, struct err *e)
{
  sqlite3_stmt *stmt = NULL;
  int rc = sqlite3_prepare_v2(s->db, "PRAGMA quick_check(1)", -1, &stmt, NULL);
  if (rc == SQLITE_OK) rc = sqlite3_step(stmt);
  const char *text = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(stmt, 0) : NULL;
  bool fine = text && strcmp(text, "ok") == 0;
  if (!fine && rc == SQLITE_ROW) err_set(e, ERR_IO, "the database is damaged: %s", text);
  if (!fine && rc != SQLITE_ROW) sql_err(s, rc, e, "check the database");
  sqlite3_finalize(stmt);
  return fine ? 0 : -1;
}

/* ---- the door: looking only ------------------------------------------------------------------ */

int store_check(str dirpath, bool *exists, struct err *e)
{
  struct store s = {.lock = -1};
  struct stat st;
  struct dbfile_is is;
  struct buf path = BUF_INIT(4096);
  int result = -1;

  dbfile_configure();
  *exists = false;
  buf_printf(&path, STR_FMT "/vsmtp.db", STR_ARG(dirpath));
  if (!buf_ok(&path)) {
    err_nomem(e);
    goto out;
  }
  if (stat(buf_cstr(&path), &st)) {
    result = errno == ENOENT ? 0 : err_sys(e, errno, "cannot look at %s", buf_cstr(&path));
    goto out;
  }
  *exists = true;
  int rc = sqlite3_open_v2(buf_cstr(&path), &s.db, SQLITE_OPEN_READONLY, NULL);
  if (rc == SQLITE_OK) sqlite3_busy_timeout(s.db, DBFILE_COMMAND_WAIT);
  if (rc == SQLITE_OK) rc = dbfile_look(&s, &is);
  if (rc != SQLITE_OK) {
    sql_err(&s, rc, e, "read the database");
    err_context(e, "%s", buf_cstr(&path));
    goto out;
  }
  result = dbfile_judge(buf_cstr(&path), &is, e) < 0 ? -1 : 0;

out:
  sqlite3_close_v2(s.db);
  buf_free(&path);
  return result;
}

#undef DBFILE_APPLICATION
#undef DBFILE_COMMAND_WAIT
