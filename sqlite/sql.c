/* sqlite/sql.c: the statements of the server, each prepared when first used; what an error means.
 *
 * Law: a statement that was run is reset before the function returns to the loop, so no read
 * transaction outlives a turn and nobody's checkpoint waits for us.
 */
#include "store_int.h"

#include <errno.h>

static const char *const sql_texts[SQL_COUNT] = {
#define SQL_TEXT(name, text) text,
    SQL_LIST(SQL_TEXT)
#undef SQL_TEXT
};

/* At its first use: most are rare, and each takes some KB. */
static int sql_prepare(struct store *s, enum sql q)
{
  if (!s->db) return SQLITE_IOERR;
  if (s->stmt[q]) return SQLITE_OK;
  return sqlite3_prepare_v3(s->db, sql_texts[q], -1, SQLITE_PREPARE_PERSISTENT, &s->stmt[q], NULL);
}

void sql_close(struct store *s)
{
  for (int i = 0; i < SQL_COUNT; i++) {
    sqlite3_finalize(s->stmt[i]);
    s->stmt[i] = NULL;
  }
}

/* ---- binding --------------------------------------------------------------------------------- */

/* An empty slice is the empty text, not NULL: sqlite tells them apart by the pointer. */
static int sql_bind_one(sqlite3_stmt *stmt, int i, char type, va_list *ap)
{
  if (type == 'i') return sqlite3_bind_int64(stmt, i, va_arg(*ap, int64_t));
  if (type == 'n') {
    int64_t v = va_arg(*ap, int64_t);
    return v ? sqlite3_bind_int64(stmt, i, v) : sqlite3_bind_null(stmt, i);
  }
  str t = va_arg(*ap, str);
  const char *p = t.p ? t.p : "";
  return type == 's' ? sqlite3_bind_text64(stmt, i, p, t.n, SQLITE_STATIC, SQLITE_UTF8)
                     : sqlite3_bind_blob64(stmt, i, p, t.n, SQLITE_STATIC);
}

static int sql_start(struct store *s, enum sql q, const char *types, va_list *ap)
{
  int rc = sql_prepare(s, q);
  for (int i = 0; types[i] && rc == SQLITE_OK; i++)
    rc = sql_bind_one(s->stmt[q], i + 1, types[i], ap);
  if (rc != SQLITE_OK) return rc;
  return sqlite3_step(s->stmt[q]);
}

void sql_end(struct store *s, enum sql q)
{
  if (!s->stmt[q]) return;
  sqlite3_reset(s->stmt[q]);
  sqlite3_clear_bindings(s->stmt[q]);
}

int sql_run(struct store *s, enum sql q, const char *types, ...)
{
  va_list ap;
  va_start(ap, types);
  int rc = sql_start(s, q, types, &ap);
  va_end(ap);
  sql_end(s, q);
  return rc == SQLITE_DONE || rc == SQLITE_ROW ? SQLITE_OK : rc;
}

int sql_query(struct store *s, enum sql q, const char *types, ...)
{
  va_list ap;
  va_start(ap, types);
  int rc = sql_start(s, q, types, &ap);
  va_end(ap);
  return rc;
}

int sql_next(struct store *s, enum sql q)
{
  return sqlite3_step(s->stmt[q]);
}

int64_t sql_int(struct store *s, enum sql q, int column)
{
  return sqlite3_column_int64(s->stmt[q], column);
}

str sql_text(struct store *s, enum sql q, int column)
{
  const void *p = sqlite3_column_blob(s->stmt[q], column);
  int n = sqlite3_column_bytes(s->stmt[q], column);
  return (str){p, p && n > 0 ? (size_t)n : 0};
}

int sql_text_run(struct store *s, const char *text)
{
  return sqlite3_exec(s->db, text, NULL, NULL, NULL);
}

/* ---- errors ---------------------------------------------------------------------------------- */

static bool sql_errno_full(struct store *s)
{
  int n = s->db ? sqlite3_system_errno(s->db) : 0;
  return n == ENOSPC || n == EDQUOT;
}

enum sql_trouble sql_trouble(struct store *s, int rc)
{
  if (rc == SQLITE_IOERR_NOMEM) return SQL_NOMEM;
  if (rc == SQLITE_IOERR_BLOCKED) return SQL_LATER;
  switch (rc & 0xff) {
  case SQLITE_OK:
  case SQLITE_ROW:
  case SQLITE_DONE: return SQL_FINE;
  case SQLITE_BUSY:
  case SQLITE_LOCKED:
  case SQLITE_PROTOCOL: return SQL_LATER;
  case SQLITE_FULL: return SQL_FULL;
  case SQLITE_NOMEM: return SQL_NOMEM;
  case SQLITE_IOERR: return sql_errno_full(s) ? SQL_FULL : SQL_BROKEN;
  case SQLITE_CORRUPT:
  case SQLITE_NOTADB:
  case SQLITE_CANTOPEN:
  case SQLITE_PERM:
  case SQLITE_READONLY: return SQL_BROKEN;
  default: return SQL_BUG;
  }
}

int sql_err(struct store *s, int rc, struct err *e, const char *what)
{
  static const enum err_kind kinds[] = {
      [SQL_FINE] = ERR_BUG,    [SQL_LATER] = ERR_TEMP, [SQL_FULL] = ERR_FULL,
      [SQL_NOMEM] = ERR_NOMEM, [SQL_BROKEN] = ERR_IO,  [SQL_BUG] = ERR_BUG,
  };
  return err_set(e, kinds[sql_trouble(s, rc)], "cannot %s: %s", what, sqlite3_errstr(rc));
}
