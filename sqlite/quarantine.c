/* sqlite/quarantine.c: what people do to messages, for the commands.
 *
 * The same columns change as by SQL on the views (releasing goes through the very trigger), each
 * call in one synced transaction of its own, with a row in the trace. A server beside it notices
 * within a second; a message it works on just then is its own until the outcome is written, and
 * that outcome looks where the message is.
 */
#include "store_int.h"

struct quarantine_is {
  char queue[600];
  bool waiting; /* a recipient is pending */
};

static bool quarantine_is_one(const char *queue)
{
  static const char *const ours[] = {"working", "delegated", "deliver", "dead", ""};
  for (size_t i = 0; i < BASE_COUNT(ours); i++)
    if (strcmp(queue, ours[i]) == 0) return false;
  return true;
}

/* Runs one statement with ?1 = id, ?2 = text, ?3 = now, as far as it has them. */
static int quarantine_sql(struct store *s, const char *text, str id, str value)
{
  sqlite3_stmt *stmt = NULL;
  int rc = sqlite3_prepare_v2(s->db, text, -1, &stmt, NULL);
  int n = stmt ? sqlite3_bind_parameter_count(stmt) : 0;
  if (rc == SQLITE_OK && n >= 1)
    rc = sqlite3_bind_text64(stmt, 1, id.p, id.n, SQLITE_STATIC, SQLITE_UTF8);
  if (rc == SQLITE_OK && n >= 2)
    rc = sqlite3_bind_text64(stmt, 2, value.p ? value.p : "", value.n, SQLITE_STATIC, SQLITE_UTF8);
  if (rc == SQLITE_OK && n >= 3) rc = sqlite3_bind_int64(stmt, 3, clock_wall());
  if (rc == SQLITE_OK) rc = sqlite3_step(stmt);
  sqlite3_finalize(stmt);
  return rc == SQLITE_DONE || rc == SQLITE_ROW ? SQLITE_OK : rc;
}

/* 1: there is such a message, -1 error (e), 0 none. Inside the transaction. */
static int quarantine_look(struct store *s, str id, struct quarantine_is *is, struct err *e)
{
  int rc = sql_query(s, SQL_QUEUE_GET, "s", id);
  snprintf(is->queue, sizeof is->queue, STR_FMT, STR_ARG(sql_text(s, SQL_QUEUE_GET, 0)));
  sql_end(s, SQL_QUEUE_GET);
  if (rc == SQLITE_DONE || (rc == SQLITE_ROW && !is->queue[0])) return 0;
  if (rc != SQLITE_ROW) return sql_err(s, rc, e, "read the message");
  rc = sql_query(s, SQL_RCPT_COUNT, "s", id);
  is->waiting = sql_int(s, SQL_RCPT_COUNT, 0) > 0;
  bool dead = strcmp(is->queue, "dead") == 0 && sql_int(s, SQL_RCPT_COUNT, 1) > 0;
  is->waiting = is->waiting || dead; /* failed ones become pending again */
  sql_end(s, SQL_RCPT_COUNT);
  return rc == SQLITE_ROW ? 1 : sql_err(s, rc, e, "read the message");
}

static int quarantine_trace(struct store *s, str id, const char *status, str detail)
{
  struct store_trace t = {.kind = STR("server"), .status = str_of(status), .detail = detail};
  return row_decisions(s, id, &t, 1);
}

/* ---- what is done, inside the transaction: an SQLite result ---------------------------------- */

static int quarantine_do_release(struct store *s, str id, const struct quarantine_is *is)
{
  int rc = quarantine_sql(s, "UPDATE quarantine SET queue = 'deliver' WHERE id = ?1", id, STR(""));
  if (rc == SQLITE_OK) /* the trace is written here: the server need not */
    rc = quarantine_sql(s, "UPDATE message SET came_from = '' WHERE id = ?1", id, STR(""));
  return rc == SQLITE_OK ? quarantine_trace(s, id, "released", str_of(is->queue)) : rc;
}

/* Who would have waited longer is due now. An attempt by hand makes the next pause no longer. Who
 * was due already keeps his turn. */
static int quarantine_do_move(struct store *s, str id, const struct quarantine_is *is, str queue)
{
  bool revives = str_eq(queue, STR("deliver")) || str_eq(queue, STR("working"));
  int rc = SQLITE_OK;
  if (revives && strcmp(is->queue, "dead") == 0)
    rc = quarantine_sql(s,
                        "UPDATE rcpt SET status = 'pending', attempts = 0, by_hand = 0"
                        " WHERE id = ?1 AND status = 'failed'",
                        id, STR(""));
  if (rc == SQLITE_OK)
    rc = quarantine_sql(s,
                        "UPDATE message SET queue = ?2, since = ?3,"
                        " last_reply = CASE WHEN ?2 IN ('deliver', 'working') THEN ''"
                        " ELSE last_reply END,"
                        " step = CASE WHEN ?2 = 'working' THEN 0 ELSE step END,"
                        " came_from = '' WHERE id = ?1 AND queue <> ?2",
                        id, queue);
  if (rc == SQLITE_OK)
    rc = quarantine_sql(s,
                        "UPDATE rcpt SET next_at = CASE WHEN status = 'pending' AND"
                        " ?2 = 'deliver' THEN min(ifnull(next_at, ?3), ?3) END,"
                        " by_hand = by_hand + (?2 = 'deliver' AND attempts > by_hand AND"
                        " ifnull(next_at, 0) > ?3) WHERE id = ?1",
                        id, queue);
  return rc == SQLITE_OK ? quarantine_trace(s, id, "moved", queue) : rc;
}

static int quarantine_do_remove(struct store *s, str id, const struct quarantine_is *is)
{
  int rc = quarantine_sql(s, "UPDATE rcpt SET next_at = NULL WHERE id = ?1", id, STR(""));
  return rc == SQLITE_OK
             ? quarantine_sql(s,
                              "UPDATE message SET queue = '', came_from = ?2, since = ?3"
                              " WHERE id = ?1",
                              id, str_of(is->queue))
             : rc;
}

/* ---- whether it may be done ------------------------------------------------------------------ */

enum quarantine_act { QUARANTINE_RELEASE, QUARANTINE_MOVE, QUARANTINE_RETRY, QUARANTINE_REMOVE };

static int quarantine_judge(enum quarantine_act act, str id, str queue,
                            const struct quarantine_is *is, struct err *e)
{
  bool quarantined = quarantine_is_one(is->queue);
  bool to_deliver = str_eq(queue, STR("deliver")) || str_eq(queue, STR("working"));
  bool known = to_deliver || str_eq(queue, STR("dead")) || store_quarantine_name(queue);
  if (act == QUARANTINE_RELEASE && !quarantined)
    return err_set(e, ERR_PERM, "cannot release " STR_FMT ": it is in queue %s, not in quarantine",
                   STR_ARG(id), is->queue);
  if (act == QUARANTINE_RETRY && quarantined)
    return err_set(e, ERR_PERM, "cannot retry " STR_FMT ": it is in quarantine %s; release it",
                   STR_ARG(id), is->queue);
  if (!known)
    return err_set(e, ERR_PERM,
                   "cannot move " STR_FMT " to \"" STR_FMT "\": the queues are "
                   "working, deliver, dead, and the name of any quarantine",
                   STR_ARG(id), STR_ARG(queue));
  if (to_deliver && !is->waiting)
    return err_set(e, ERR_PERM, "cannot deliver " STR_FMT ": no recipient of it is pending",
                   STR_ARG(id));
  return 0;
}

static int quarantine_do(struct store *s, enum quarantine_act act, str id, str queue,
                         const struct quarantine_is *is)
{
  if (act == QUARANTINE_RELEASE) return quarantine_do_release(s, id, is);
  if (act == QUARANTINE_REMOVE) return quarantine_do_remove(s, id, is);
  if (act == QUARANTINE_RETRY && strcmp(is->queue, "working") == 0) return SQLITE_OK;
  return quarantine_do_move(s, id, is, queue);
}

/* Looks, judges and acts in one transaction. */
static int quarantine_act(struct store *s, enum quarantine_act act, str id, str queue,
                          bool only_quarantine, struct err *e)
{
  struct quarantine_is is;
  int rc = sql_run(s, SQL_BEGIN, "");
  if (rc != SQLITE_OK) return sql_err(s, rc, e, "change the message");
  int found = quarantine_look(s, id, &is, e);
  if (found == 1 && only_quarantine && !quarantine_is_one(is.queue)) found = 0;
  if (found == 1 && quarantine_judge(act, id, queue, &is, e)) found = -1;
  if (found == 1) {
    rc = quarantine_do(s, act, id, queue, &is);
    if (rc == SQLITE_OK) rc = sql_run(s, SQL_COMMIT, "");
    if (rc != SQLITE_OK) found = sql_err(s, rc, e, "change the message");
  }
  if (!sqlite3_get_autocommit(s->db)) sql_text_run(s, "ROLLBACK");
  return found;
}

/* ---- the door -------------------------------------------------------------------------------- */

int quarantine_release(struct store *s, str id, struct err *e)
{
  return quarantine_act(s, QUARANTINE_RELEASE, id, STR("deliver"), false, e);
}

int quarantine_move(struct store *s, str id, str queue, struct err *e)
{
  return quarantine_act(s, QUARANTINE_MOVE, id, queue, false, e);
}

int quarantine_retry(struct store *s, str id, struct err *e)
{
  if (id.n) return quarantine_act(s, QUARANTINE_RETRY, id, STR("deliver"), false, e);
  int rc = quarantine_sql(
      s,
      "UPDATE rcpt SET next_at = ?3, by_hand = by_hand + (attempts > by_hand) WHERE next_at > ?3",
      id, STR(""));
  return rc == SQLITE_OK ? 1 : sql_err(s, rc, e, "change the queue");
}

int quarantine_remove(struct store *s, str id, bool only_quarantine, struct err *e)
{
  return quarantine_act(s, QUARANTINE_REMOVE, id, STR("dead"), only_quarantine, e);
}
