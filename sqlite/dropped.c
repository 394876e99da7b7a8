/* sqlite/dropped.c: files of the drop folder that are messages by now.
 *
 * The row is written with the message, so a file whose deletion did not reach the disk is known
 * when it is found again. housekeep.c deletes rows that are older than any such file.
 */
#include "store_int.h"

int dropped_known(struct store *s, str name, struct err *e)
{
  if (!store_ready(s))
    return err_set(e, ERR_TEMP, "cannot look for a name: the database is closed");
  int rc = sql_query(s, SQL_DROPPED_GET, "s", name);
  sql_end(s, SQL_DROPPED_GET);
  if (rc == SQLITE_ROW || rc == SQLITE_DONE) return rc == SQLITE_ROW;
  tx_failed(s, rc);
  return sql_err(s, rc, e, "look for a name");
}
