/* sqlite/row.c: a message as rows: how it is written and how it is deleted, each in one place.
 *
 * What writes returns an SQLite result, and is called within a transaction only: that of tx.c, or
 * the one of quarantine.c.
 */
#include "store_int.h"

/* ORDER STATUS */
static const char *const row_statuses[] = {"pending", "done", "failed", "removed"};

const char *row_status_name(enum store_status status)
{
  return row_statuses[status];
}

static const char *const row_transports[] = {
#define ROW_TRANSPORT(upper, name) name,
    TRANSPORT_LIST(ROW_TRANSPORT)
#undef ROW_TRANSPORT
};

enum transport row_transport(str name)
{
  for (int t = 0; t < TRANSPORT_COUNT; t++)
    if (str_eq(name, str_of(row_transports[t]))) return (enum transport)t;
  return TRANSPORT_UNSET;
}

/* ORDER QUEUE */
static const str row_queues[] = {
    [STORE_WORKING] = STR_INIT("working"),
    [STORE_DELEGATED] = STR_INIT("delegated"),
    [STORE_DELIVER] = STR_INIT("deliver"),
    [STORE_DEAD] = STR_INIT("dead"),
};

str row_queue(const struct store_mail *mail)
{
  return mail->queue == STORE_QUARANTINE ? mail->quarantine : row_queues[mail->queue];
}

/* At most n octets of s, not ending within a UTF-8 character. */
str row_cut(str s, size_t n)
{
  if (s.n <= n) return s;
  while (n > 0 && ((unsigned char)s.p[n] & 0xc0) == 0x80) n--;
  return str_sub(s, 0, n);
}

static int row_message(struct store *s, const struct store_mail *m, int64_t key, uint64_t octets,
                       uint32_t chunks)
{
  return sql_run(s, SQL_MESSAGE_ADD, "sisiisssssiiisssisb", m->id, key, row_queue(m), clock_wall(),
                 m->received_at, m->client_ip, m->helo, m->mail_from, m->auth_user,
                 row_cut(m->subject, ROW_SUBJECT), (int64_t)(m->header.n + octets), (int64_t)octets,
                 (int64_t)chunks, m->stage, m->rule, row_cut(m->reason, ROW_DETAIL),
                 (int64_t)m->step, row_cut(m->last_reply, ROW_DETAIL), m->context);
}

int row_rcpts(struct store *s, const struct store_mail *mail)
{
  for (size_t i = 0; i < mail->rcpt_count; i++) {
    const struct store_rcpt *r = &mail->rcpt[i];
    bool due = mail->queue == STORE_DELIVER && r->status == STORE_PENDING;
    int64_t next_at = r->next_at ? r->next_at : clock_wall();
    int rc = sql_run(s, SQL_RCPT_ADD, "sisssssinssii", mail->id, (int64_t)i + 1, r->address,
                     r->original, str_of(row_transports[r->transport]), r->target,
                     str_of(row_statuses[r->status]), (int64_t)r->attempts,
                     due ? next_at : (int64_t)0, row_cut(r->last_reply, ROW_DETAIL), r->dsn,
                     (int64_t)r->warned, (int64_t)r->by_hand);
    if (rc != SQLITE_OK) return rc;
  }
  return SQLITE_OK;
}

int row_decisions(struct store *s, str id, const struct store_trace *trace, size_t count)
{
  for (size_t i = 0; i < count; i++) {
    const struct store_trace *t = &trace[i];
    int rc = sql_run(s, SQL_DECISION_ADD, "sisssss", id, t->at ? t->at : clock_wall(), t->stage,
                     row_cut(t->directive, ROW_DETAIL), t->kind, row_cut(t->status, ROW_DETAIL),
                     row_cut(t->detail, ROW_DETAIL));
    if (rc != SQLITE_OK) return rc;
  }
  return SQLITE_OK;
}

int row_add(struct store *s, const struct store_mail *mail, int64_t key, uint64_t octets,
            uint32_t chunks)
{
  int rc = row_message(s, mail, key, octets, chunks);
  if (rc == SQLITE_OK) rc = sql_run(s, SQL_BODY_ADD, "ib", key, mail->header);
  if (rc == SQLITE_OK) rc = row_rcpts(s, mail);
  if (rc == SQLITE_OK) rc = row_decisions(s, mail->id, mail->trace, mail->trace_count);
  return rc;
}

int row_delete_body(struct store *s, int64_t key, uint32_t chunks)
{
  if (chunks <= ROW_DROP_MANY) return sql_run(s, SQL_BODY_DROP, "i", key);
  housekeep_loose(s);
  return sql_run(s, SQL_LOOSE_ADD, "i", key);
}

int row_delete(struct store *s, str id, int64_t key, uint32_t chunks)
{
  int rc = sql_run(s, SQL_RCPT_DROP, "s", id);
  if (rc == SQLITE_OK) rc = sql_run(s, SQL_MESSAGE_DROP, "s", id);
  if (rc == SQLITE_OK) rc = row_delete_body(s, key, chunks);
  return rc;
}

int row_undo(struct store *s, str id, int64_t key, uint32_t chunks)
{
  int rc = sql_query(s, SQL_QUEUE_GET, "s", id);
  bool ours = rc == SQLITE_ROW && sql_int(s, SQL_QUEUE_GET, 1) == key;
  sql_end(s, SQL_QUEUE_GET);
  if (rc != SQLITE_ROW && rc != SQLITE_DONE) return rc;
  if (!ours) return row_delete_body(s, key, chunks);
  rc = row_delete(s, id, key, chunks);
  return rc == SQLITE_OK ? sql_run(s, SQL_DECISION_DROP, "s", id) : rc;
}
