/* sqlite/account.c: who may log in. What the server asks it asks each time anew: a change made by a
 * command holds from the moment it is committed.
 */
#include "store_int.h"

int account_get(struct store *s, str name, struct buf *verifier, struct err *e)
{
  if (!s->db) return err_set(e, ERR_TEMP, "cannot ask for an account: the database is closed");
  int rc = sql_query(s, SQL_ACCOUNT_GET, "s", name);
  if (rc == SQLITE_ROW && verifier) buf_str_add(verifier, sql_text(s, SQL_ACCOUNT_GET, 0));
  sql_end(s, SQL_ACCOUNT_GET);
  if (rc == SQLITE_ROW && verifier && !buf_ok(verifier)) return err_nomem(e);
  if (rc == SQLITE_ROW || rc == SQLITE_DONE) return rc == SQLITE_ROW;
  return sql_err(s, rc, e, "ask for an account");
}

int account_exists(struct store *s, str name)
{
  struct err e;
  return account_get(s, name, NULL, &e);
}

int account_first(struct store *s, struct arena *a, str *name, struct err *e)
{
  if (!s->db) return err_set(e, ERR_TEMP, "cannot ask for the accounts: the database is closed");
  int rc = sql_query(s, SQL_ACCOUNT_FIRST, "");
  if (rc == SQLITE_ROW) *name = arena_str(a, sql_text(s, SQL_ACCOUNT_FIRST, 0));
  sql_end(s, SQL_ACCOUNT_FIRST);
  if (rc == SQLITE_ROW && !name->p) return err_nomem(e);
  if (rc == SQLITE_ROW || rc == SQLITE_DONE) return rc == SQLITE_ROW;
  return sql_err(s, rc, e, "ask for the accounts");
}

/* Runs a statement with ?1 = name, ?2 = verifier, ?3 = now, as far as it has them: how many rows it
 * changed, or -1. */
static int account_change(struct store *s, const char *text, str name, str verifier, struct err *e)
{
  sqlite3_stmt *stmt = NULL;
  int rc = sqlite3_prepare_v2(s->db, text, -1, &stmt, NULL);
  int n = stmt ? sqlite3_bind_parameter_count(stmt) : 0;
  if (rc == SQLITE_OK)
    rc = sqlite3_bind_text64(stmt, 1, name.p, name.n, SQLITE_STATIC, SQLITE_UTF8);
  if (rc == SQLITE_OK && n >= 2)
    rc = sqlite3_bind_text64(stmt, 2, verifier.p, verifier.n, SQLITE_STATIC, SQLITE_UTF8);
  if (rc == SQLITE_OK && n >= 3) rc = sqlite3_bind_int64(stmt, 3, clock_wall());
  if (rc == SQLITE_OK) rc = sqlite3_step(stmt);
  sqlite3_finalize(stmt);
  if (rc != SQLITE_DONE) return sql_err(s, rc, e, "change the account");
  return sqlite3_changes(s->db);
}

int account_add(struct store *s, str name, str verifier, struct err *e)
{
  return account_change(s, "INSERT OR IGNORE INTO account VALUES(?1, ?2, ?3, ?3)", name, verifier,
                        e);
}

int account_set(struct store *s, str name, str verifier, struct err *e)
{
  return account_change(s, "UPDATE account SET verifier = ?2, changed_at = ?3 WHERE name = ?1",
                        name, verifier, e);
}

int account_remove(struct store *s, str name, struct err *e)
{
  return account_change(s, "DELETE FROM account WHERE name = ?1", name, STR(""), e);
}
