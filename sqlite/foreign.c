/* sqlite/foreign.c: SQLite databases of others, which rules ask.
 *
 * Rules are written by the operator, what is bound comes from strangers, and the file may be
 * anybody's: so an authorizer says what a statement may do, views and triggers of the file are not
 * trusted, limits bound what is parsed, and a progress handler ends what takes too long. The loop
 * waits meanwhile, which is why a call is over within LIMIT_QUERY_TIME.
 */
#include "store.h"

#include <errno.h>
#include <sqlite3.h>
#include <sys/stat.h>

#define FOREIGN_STEPS 1000 /* instructions of a statement between two looks at the clock */
#define FOREIGN_CELLS 4096

struct foreign {
  char *path, *own; /* owned */
  bool write;
  sqlite3 *db; /* NULL: not open */
  dev_t dev;   /* of the file it is open on */
  ino_t ino;
  bool may_write;      /* the statement at hand; */
  bool refused;        /* it wanted what it may not */
  int64_t until;       /* clock_mono_us, of the statement at hand */
  struct arena *arena; /* of the last result */
};

/* ---- which file ------------------------------------------------------------------------------ */

bool store_owns(str dirpath, const char *path)
{
  static const char *const names[] = {"vsmtp.db", "vsmtp.db-wal", "vsmtp.db-shm",
                                      "vsmtp.db-journal", "vsmtp.lock"};
  struct stat theirs, ours;
  char text[4096];

  if (stat(path, &theirs)) return false;
  for (size_t i = 0; i < BASE_COUNT(names); i++) {
    int n = snprintf(text, sizeof text, STR_FMT "/%s", STR_ARG(dirpath), names[i]);

    if (n < 0 || (size_t)n >= sizeof text) return true; /* who can tell? */
    if (stat(text, &ours) == 0 && ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino)
      return true;
  }
  return false;
}

/* ---- one connection -------------------------------------------------------------------------- */

struct foreign *foreign_new(str path, str dirpath, bool write)
{
  struct foreign *f = mem_alloc(sizeof *f);

  if (!f) return NULL;
  *f = (struct foreign){.path = mem_strdup(path), .own = mem_strdup(dirpath), .write = write};
  f->arena = arena_new(LIMIT_QUERY_BYTES + FOREIGN_CELLS * sizeof(struct datum));
  if (f->path && f->own && f->arena) return f;
  foreign_free(f);
  return NULL;
}

static void foreign_close(struct foreign *f)
{
  sqlite3_close_v2(f->db);
  f->db = NULL;
}

void foreign_free(struct foreign *f)
{
  if (!f) return;
  foreign_close(f);
  arena_free(f->arena);
  mem_free(f->path);
  mem_free(f->own);
  mem_free(f);
}

/* What a statement may do: look, call functions, and change rows of ordinary tables. */
static int foreign_allow(void *arg, int action, const char *a, const char *b, const char *c,
                         const char *d)
{
  struct foreign *f = arg;

  (void)b, (void)c, (void)d;
  switch (action) {
  case SQLITE_SELECT:
  case SQLITE_READ:
  case SQLITE_FUNCTION:
  case SQLITE_RECURSIVE: return SQLITE_OK;
  case SQLITE_INSERT:
  case SQLITE_UPDATE:
  case SQLITE_DELETE:
    if (f->may_write && !str_istarts(str_of(a), STR("sqlite_"))) return SQLITE_OK;
    break;
  default: break;
  }
  f->refused = true; /* SQLite's code for it depends on its version, within a pragma's table */
  return SQLITE_DENY;
}

static int foreign_late(void *arg)
{
  return clock_mono_us() > ((const struct foreign *)arg)->until;
}

static void foreign_restrain(struct foreign *f)
{
  static const struct {
    int what, most;
  } limits[] = {
      {SQLITE_LIMIT_LENGTH, 1 << 20},       {SQLITE_LIMIT_SQL_LENGTH, 1 << 16},
      {SQLITE_LIMIT_COLUMN, 200},           {SQLITE_LIMIT_EXPR_DEPTH, 100},
      {SQLITE_LIMIT_COMPOUND_SELECT, 50},   {SQLITE_LIMIT_VDBE_OP, 25000},
      {SQLITE_LIMIT_FUNCTION_ARG, 16},      {SQLITE_LIMIT_ATTACHED, 0},
      {SQLITE_LIMIT_VARIABLE_NUMBER, 1000}, {SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 1000},
      {SQLITE_LIMIT_TRIGGER_DEPTH, 10},     {SQLITE_LIMIT_WORKER_THREADS, 0},
  };
  static const int off[] = {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, SQLITE_DBCONFIG_TRUSTED_SCHEMA,
                            SQLITE_DBCONFIG_DQS_DML, SQLITE_DBCONFIG_DQS_DDL};

  for (size_t i = 0; i < BASE_COUNT(limits); i++)
    sqlite3_limit(f->db, limits[i].what, limits[i].most);
  for (size_t i = 0; i < BASE_COUNT(off); i++) sqlite3_db_config(f->db, off[i], 0, NULL);
  sqlite3_db_config(f->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
  sqlite3_extended_result_codes(f->db, 1);
  sqlite3_exec(f->db, "PRAGMA cache_size = -512; PRAGMA temp_store = MEMORY", NULL, NULL, NULL);
  sqlite3_progress_handler(f->db, FOREIGN_STEPS, foreign_late, f);
  sqlite3_set_authorizer(f->db, foreign_allow, f);
}

/* What went wrong; BUSY where it is only that somebody else is writing. */
static enum foreign_done foreign_fault(struct foreign *f, int rc, struct err *e)
{
  const char *path = f->path;

  switch (f->refused ? SQLITE_AUTH : rc & 0xff) {
  case SQLITE_BUSY:
  case SQLITE_LOCKED: return FOREIGN_BUSY;
  case SQLITE_NOMEM: return err_nomem(e);
  case SQLITE_INTERRUPT:
    return err_set(e, ERR_PERM, "%s: the statement took over %d ms", path, LIMIT_QUERY_TIME);
  case SQLITE_AUTH:
    return err_set(e, ERR_PERM, "%s: a statement may not do that here: %s", path,
                   sqlite3_errmsg(f->db));
  case SQLITE_FULL: return err_set(e, ERR_FULL, "%s: no space left", path);
  default: return err_set(e, ERR_PERM, "%s: %s", path, f->db ? sqlite3_errmsg(f->db) : "?");
  }
}

/* Makes sure that the file at the path is the one that is open, and none of ours. */
static enum foreign_done foreign_open(struct foreign *f, struct err *e)
{
  int flags = (f->write ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY) | SQLITE_OPEN_NOMUTEX;
  struct stat st;

  if (stat(f->path, &st)) return err_sys(e, errno, "cannot open %s", f->path);
  if (!S_ISREG(st.st_mode)) return err_set(e, ERR_PERM, "%s is no file", f->path);
  if (store_owns(str_of(f->own), f->path))
    return err_set(e, ERR_PERM, "%s is the server's own database", f->path);
  if (f->db && f->dev == st.st_dev && f->ino == st.st_ino) return FOREIGN_DONE;
  foreign_close(f);
  int rc = sqlite3_open_v2(f->path, &f->db, flags, NULL);
  if (rc == SQLITE_OK) {
    f->dev = st.st_dev;
    f->ino = st.st_ino;
    foreign_restrain(f);
    return FOREIGN_DONE;
  }
  enum foreign_done done = foreign_fault(f, rc, e);
  foreign_close(f);
  return done;
}

/* ---- one statement --------------------------------------------------------------------------- */

static int foreign_bind(sqlite3_stmt *stmt, const struct datum *bound, size_t n)
{
  int rc = SQLITE_OK;

  for (size_t i = 0; i < n && rc == SQLITE_OK; i++) {
    const struct datum *d = &bound[i];
    const int at = (int)i + 1;

    switch (d->type) {
    case DATUM_NULL: rc = sqlite3_bind_null(stmt, at); break;
    case DATUM_INT: rc = sqlite3_bind_int64(stmt, at, d->integer); break;
    case DATUM_REAL: rc = sqlite3_bind_double(stmt, at, d->real); break;
    case DATUM_TEXT:
      rc = sqlite3_bind_text64(stmt, at, d->text.p ? d->text.p : "", d->text.n, SQLITE_STATIC,
                               SQLITE_UTF8);
      break;
    }
  }
  return rc;
}

/* Only blanks and comments may stand behind the statement. */
static bool foreign_is_single(const char *tail, const char *end)
{
  str rest = str_trim((str){tail, (size_t)(end - tail)});

  while (rest.n > 0) {
    const ptrdiff_t close = str_find(rest, str_starts(rest, STR("--")) ? STR("\n") : STR("*/"));

    if (str_starts(rest, STR(";")))
      rest = str_skip(rest, 1);
    else if (!str_starts(rest, STR("--")) && !str_starts(rest, STR("/*")))
      return false;
    else
      rest = close < 0 ? STR("") : str_skip(rest, (size_t)close + (rest.p[0] == '/' ? 2 : 1));
    rest = str_trim(rest);
  }
  return true;
}

/* Compiles it. NULL with e, or *busy. */
static sqlite3_stmt *foreign_compile(struct foreign *f, str sql, size_t n, bool write,
                                     enum foreign_done *done, struct err *e)
{
  sqlite3_stmt *stmt = NULL;
  const char *tail = NULL;
  int rc = sqlite3_prepare_v2(f->db, sql.p, (int)sql.n, &stmt, &tail);

  *done = FOREIGN_FAILED;
  if (rc != SQLITE_OK)
    *done = foreign_fault(f, rc, e);
  else if (!stmt)
    err_set(e, ERR_PERM, "%s: there is no statement", f->path);
  else if (!foreign_is_single(tail, sql.p + sql.n))
    err_set(e, ERR_PERM, "%s: there is more than one statement", f->path);
  else if (!write && !sqlite3_stmt_readonly(stmt))
    err_set(e, ERR_PERM, "%s: query() only reads; execute() changes", f->path);
  else if ((size_t)sqlite3_bind_parameter_count(stmt) != n)
    err_set(e, ERR_PERM, "%s: the statement has %d parameters, and %zu values are given", f->path,
            sqlite3_bind_parameter_count(stmt), n);
  else
    return stmt;
  sqlite3_finalize(stmt);
  return NULL;
}

static struct datum foreign_cell(struct foreign *f, sqlite3_stmt *stmt, int i)
{
  switch (sqlite3_column_type(stmt, i)) {
  case SQLITE_NULL: return (struct datum){.type = DATUM_NULL};
  case SQLITE_INTEGER:
    return (struct datum){.type = DATUM_INT, .integer = sqlite3_column_int64(stmt, i)};
  case SQLITE_FLOAT:
    return (struct datum){.type = DATUM_REAL, .real = sqlite3_column_double(stmt, i)};
  default: break;
  }
  const char *p = sqlite3_column_blob(stmt, i); /* of a text too; before its length is asked */
  const str text = {p, (size_t)sqlite3_column_bytes(stmt, i)};
  return (struct datum){.type = DATUM_TEXT, .text = arena_str(f->arena, text)};
}

static int foreign_row(struct foreign *f, sqlite3_stmt *stmt, struct datum *cells, size_t *n,
                       struct err *e)
{
  const int columns = sqlite3_column_count(stmt);

  if (*n + (size_t)columns > FOREIGN_CELLS)
    return err_set(e, ERR_PERM, "%s: the statement gives over %d values", f->path, FOREIGN_CELLS);
  for (int i = 0; i < columns; i++) cells[(*n)++] = foreign_cell(f, stmt, i);
  if (arena_full(f->arena))
    return err_set(e, ERR_PERM, "%s: the statement gives over %d octets", f->path,
                   LIMIT_QUERY_BYTES);
  return 0;
}

static enum foreign_done foreign_steps(struct foreign *f, sqlite3_stmt *stmt,
                                       struct foreign_result *out, struct err *e)
{
  const size_t columns = (size_t)sqlite3_column_count(stmt);
  struct datum *cells = arena_alloc(f->arena, FOREIGN_CELLS * sizeof *cells);
  str *names = arena_alloc(f->arena, (columns + 1) * sizeof *names);
  int rc = SQLITE_ROW;

  for (size_t i = 0; names && i < columns; i++)
    names[i] = arena_str(f->arena, str_of(sqlite3_column_name(stmt, (int)i)));
  if (!cells || !names || arena_full(f->arena)) return err_nomem(e);
  *out = (struct foreign_result){.names = names, .columns = columns, .cells = cells};
  while ((rc = sqlite3_step(stmt)) == SQLITE_ROW)
    if (foreign_row(f, stmt, cells, &out->cell_count, e) < 0) return FOREIGN_FAILED;
  if (rc != SQLITE_DONE) return foreign_fault(f, rc, e);
  out->changed = sqlite3_stmt_readonly(stmt) ? 0 : sqlite3_changes(f->db);
  return FOREIGN_DONE;
}

enum foreign_done foreign_run(struct foreign *f, str sql, const struct datum *bound, size_t n,
                              bool write, struct foreign_result *out, struct err *e)
{
  sqlite3_stmt *stmt;
  enum foreign_done done;

  f->refused = false;
  done = foreign_open(f, e);
  if (done != FOREIGN_DONE) return done;
  arena_reset(f->arena);
  f->may_write = write;
  f->until = clock_mono_us() + LIMIT_QUERY_TIME * 1000;
  stmt = foreign_compile(f, sql, n, write, &done, e);
  if (!stmt) return done;
  int rc = foreign_bind(stmt, bound, n);
  done = rc == SQLITE_OK ? foreign_steps(f, stmt, out, e) : foreign_fault(f, rc, e);
  sqlite3_finalize(stmt);
  return done;
}
#undef FOREIGN_STEPS
#undef FOREIGN_CELLS
