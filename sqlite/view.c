/* sqlite/view.c: rows for people, from the views that sqlite3(1) shows too. For commands:
 * statements are made when they are needed, and waiting for a lock is fine. */
#include "store_int.h"

#define VIEW_COLUMNS 16

/* ORDER VIEW. The columns of the interface, in its order. Accounts have no view of their own: their
 * verifiers are nobody's business. */
static const struct {
  const char *name, *columns;
  bool has_queue;
} view_tables[] = {
    {"queue",
     "id, queue, received_at, client_ip, helo, mail_from, auth_user, subject, size, rcpt_total,"
     " rcpt_left, attempts, next_attempt_at, last_reply",
     true},
    {"recipient", "id, address, transport, target, status, attempts, next_attempt_at, last_reply",
     false},
    {"quarantine",
     "id, queue, received_at, client_ip, helo, mail_from, rcpt_to, subject, size, stage, rule,"
     " reason",
     true},
    {"trace", "id, at, stage, directive, kind, status, detail", false},
    {"(SELECT name AS id, strftime('%Y-%m-%dT%H:%M:%SZ', made_at / 1000, 'unixepoch') AS made_at,"
     " strftime('%Y-%m-%dT%H:%M:%SZ', changed_at / 1000, 'unixepoch') AS changed_at FROM account)",
     "id AS name, made_at, changed_at", false},
};

static void view_cell(sqlite3_stmt *stmt, int i, struct store_cell *cell)
{
  int type = sqlite3_column_type(stmt, i);
  const char *text = (const char *)sqlite3_column_text(stmt, i);
  *cell = (struct store_cell){
      .column = sqlite3_column_name(stmt, i),
      .type = type == SQLITE_NULL      ? CELL_NULL
              : type == SQLITE_INTEGER ? CELL_INT
                                       : CELL_TEXT,
      .i = sqlite3_column_int64(stmt, i),
      .text = {text, (size_t)sqlite3_column_bytes(stmt, i)},
  };
}

static bool view_give(sqlite3_stmt *stmt,
                      bool (*row)(void *arg, const struct store_cell *cell, size_t count),
                      void *arg)
{
  struct store_cell cell[VIEW_COLUMNS];
  int n = sqlite3_column_count(stmt);
  for (int i = 0; i < n && i < VIEW_COLUMNS; i++) view_cell(stmt, i, &cell[i]);
  return row(arg, cell, (size_t)n);
}

int view_rows(struct store *s, enum store_view view, str id, str queue,
              bool (*row)(void *arg, const struct store_cell *cell, size_t count), void *arg,
              struct err *e)
{
  char text[512];
  sqlite3_stmt *stmt = NULL;
  const char *where = id.n                                     ? "WHERE id = ?1"
                      : queue.n && view_tables[view].has_queue ? "WHERE queue = ?1"
                                                               : "";
  snprintf(text, sizeof text, "SELECT %s FROM %s %s %s", view_tables[view].columns,
           view_tables[view].name, where, view == VIEW_TRACE ? "" : "ORDER BY id");
  int rc = sqlite3_prepare_v2(s->db, text, -1, &stmt, NULL);
  str key = id.n ? id : queue;
  if (rc == SQLITE_OK && *where)
    rc = sqlite3_bind_text64(stmt, 1, key.p, key.n, SQLITE_STATIC, SQLITE_UTF8);
  if (rc == SQLITE_OK) rc = sqlite3_step(stmt);
  while (rc == SQLITE_ROW && view_give(stmt, row, arg)) rc = sqlite3_step(stmt);
  sqlite3_finalize(stmt);
  return rc == SQLITE_DONE || rc == SQLITE_ROW ? 0 : sql_err(s, rc, e, "read the database");
}

/* Inside one read transaction, so that header and body belong together. */
static int view_mail_rows(struct store *s, str id, bool (*put)(void *arg, str octets), void *arg,
                          int *found)
{
  int rc = sql_query(s, SQL_QUEUE_GET, "s", id);
  *found = rc == SQLITE_ROW && sql_text(s, SQL_QUEUE_GET, 0).n > 0;
  int64_t key = sql_int(s, SQL_QUEUE_GET, 1), chunks = sql_int(s, SQL_QUEUE_GET, 2);
  sql_end(s, SQL_QUEUE_GET);
  bool more = *found;
  for (int64_t i = 0; more && i <= chunks; i++) {
    rc = sql_query(s, SQL_BODY_GET, "i", key + i);
    more = rc == SQLITE_ROW && put(arg, sql_text(s, SQL_BODY_GET, 0));
    sql_end(s, SQL_BODY_GET);
  }
  return rc;
}

int view_mail(struct store *s, str id, bool (*put)(void *arg, str octets), void *arg, struct err *e)
{
  int found = 0;
  int rc = sql_text_run(s, "BEGIN");
  if (rc == SQLITE_OK) rc = view_mail_rows(s, id, put, arg, &found);
  if (!sqlite3_get_autocommit(s->db)) sql_text_run(s, "COMMIT");
  if (rc == SQLITE_ROW || (rc == SQLITE_DONE && !found)) return found;
  if (rc == SQLITE_DONE)
    return err_set(e, ERR_BUG, "cannot read the message: a part of it is gone");
  return sql_err(s, rc, e, "read the database");
}

#undef VIEW_COLUMNS
