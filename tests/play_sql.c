/* tests/play_sql.c: the database as a user of sqlite3(1) sees it. */
#include "play.h"

#include <sqlite3.h>

struct play_sql_rows {
  struct buf *out;
  size_t n;
};

static int play_sql_row(void *arg, int n, char **values, char **names)
{
  struct play_sql_rows *rows = arg;
  (void)names;
  if (rows->n++) buf_puts(rows->out, ", ");
  for (int i = 0; i < n; i++) {
    if (i) buf_putc(rows->out, '|');
    buf_puts(rows->out, values[i] ? values[i] : "");
  }
  return 0;
}

int play_sql(const char *path, str sql, int wait, struct buf *out)
{
  sqlite3 *db = NULL;
  char *text = mem_strdup(sql), *error = NULL;
  struct play_sql_rows rows = {.out = out};
  buf_clear(out);
  int rc = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL);
  if (rc == SQLITE_OK) {
    sqlite3_busy_timeout(db, wait);
    rc = sqlite3_exec(db, text, play_sql_row, &rows, &error);
  }
  if (rc != SQLITE_OK) {
    buf_clear(out);
    buf_puts(out, error ? error : db ? sqlite3_errmsg(db) : "no memory");
  }
  sqlite3_free(error);
  sqlite3_close(db);
  mem_free(text);
  return rc == SQLITE_OK ? 0 : -1;
}
