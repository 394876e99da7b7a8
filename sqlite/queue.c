/* sqlite/queue.c: the runner's side: claims, reading a message back, recording what became of it.
 *
 * A claim is a promise among ourselves that one worker has a message; it lives in memory, so a
 * crash ends it and the message is found again. It is held until the runner released it and
 * everything recorded for it is committed: before that the rows still say "due".
 *
 * Only committed messages are given out: while the shared transaction is open nothing is, and the
 * changed callback follows the commit.
 */
#include "store_int.h"

struct queue_claim {
  struct store_claim pub; /* first: the door's pointer is ours */
  struct arena *arena;    /* owns all texts */
  struct store_rcpt *rcpt;
  int64_t key;
  str queue;      /* when all ops are written */
  str came_from;  /* the quarantine a person released it from by SQL, not yet in its trace */
  size_t pending; /* ops not settled */
  bool released;
  uint64_t read;      /* octets of the body handed out, in order */
  size_t read_chunks; /* how many chunks that were */
};

static struct queue_claim *queue_of(const struct store_claim *claim)
{
  return (struct queue_claim *)(void *)(uintptr_t)claim;
}

static void queue_claim_free(struct queue_claim *c)
{
  if (!c) return;
  arena_free(c->arena);
  mem_free(c);
}

/* ---- a message from its rows ----------------------------------------------------------------- */

static enum store_status queue_status(str word)
{
  for (int i = STORE_PENDING; i < STORE_REMOVED; i++)
    if (str_eq(word, str_of(row_status_name((enum store_status)i)))) return (enum store_status)i;
  return STORE_REMOVED;
}

static void queue_read_name(struct store_mail *m, str queue)
{
  m->queue = STORE_QUARANTINE;
  for (int i = STORE_WORKING; i <= STORE_DEAD; i++) {
    struct store_mail probe = {.queue = (enum store_queue)i};
    if (str_eq(queue, row_queue(&probe))) m->queue = (enum store_queue)i;
  }
  if (m->queue == STORE_QUARANTINE) m->quarantine = queue;
}

static str queue_column(struct store *s, enum sql q, int column, struct arena *a)
{
  return arena_str(a, sql_text(s, q, column));
}

/* ORDER MESSAGE_GET */
static void queue_fill(struct store *s, struct queue_claim *c, str id)
{
  enum sql q = SQL_MESSAGE_GET;
  struct arena *a = c->arena;
  c->key = sql_int(s, q, 0);
  c->came_from = queue_column(s, q, 2, a);
  c->pub.mail = (struct store_mail){
      .id = arena_str(a, id),
      .received_at = sql_int(s, q, 3),
      .client_ip = queue_column(s, q, 4, a),
      .helo = queue_column(s, q, 5, a),
      .mail_from = queue_column(s, q, 6, a),
      .auth_user = queue_column(s, q, 7, a),
      .subject = queue_column(s, q, 8, a),
      .octets = (uint64_t)sql_int(s, q, 9),
      .chunks = (uint32_t)sql_int(s, q, 10),
      .stage = queue_column(s, q, 11, a),
      .rule = queue_column(s, q, 12, a),
      .reason = queue_column(s, q, 13, a),
      .step = (int)sql_int(s, q, 14),
      .last_reply = queue_column(s, q, 15, a),
      .context = queue_column(s, q, 16, a),
  };
  c->queue = queue_column(s, q, 1, a);
  queue_read_name(&c->pub.mail, c->queue);
}

/* ORDER RCPT_ALL */
static void queue_fill_rcpt(struct store *s, struct arena *a, struct store_rcpt *r)
{
  enum sql q = SQL_RCPT_ALL;
  *r = (struct store_rcpt){
      .n = (int)sql_int(s, q, 0),
      .address = queue_column(s, q, 1, a),
      .original = queue_column(s, q, 2, a),
      .transport = row_transport(sql_text(s, q, 3)),
      .target = queue_column(s, q, 4, a),
      .status = queue_status(sql_text(s, q, 5)),
      .attempts = (int)sql_int(s, q, 6),
      .next_at = sql_int(s, q, 7),
      .last_reply = queue_column(s, q, 8, a),
      .dsn = queue_column(s, q, 9, a),
      .warned = sql_int(s, q, 10) != 0,
      .by_hand = (int)sql_int(s, q, 11),
  };
}

static int queue_fill_rcpts(struct store *s, struct queue_claim *c)
{
  size_t n = 0, size = 0;
  struct store_rcpt *list = NULL;
  int rc = sql_query(s, SQL_RCPT_ALL, "s", c->pub.mail.id);
  for (; rc == SQLITE_ROW; rc = sql_next(s, SQL_RCPT_ALL)) {
    if (n == size) {
      struct store_rcpt *more = mem_resize(list, (size = size ? size * 2 : 4) * sizeof *list);
      if (!more) {
        rc = SQLITE_NOMEM;
        break;
      }
      list = more;
    }
    queue_fill_rcpt(s, c->arena, &list[n++]);
  }
  sql_end(s, SQL_RCPT_ALL);
  c->rcpt = arena_alloc(c->arena, (n ? n : 1) * sizeof *list);
  if (c->rcpt && n) memcpy(c->rcpt, list, n * sizeof *list);
  mem_free(list);
  c->pub.mail.rcpt = c->rcpt;
  c->pub.mail.rcpt_count = n;
  return rc;
}

/* SQLITE_ROW: *out is the message; SQLITE_DONE: there is none of that id. */
static int queue_load(struct store *s, str id, struct queue_claim **out)
{
  struct queue_claim *c = mem_alloc(sizeof *c);
  if (c) c->arena = arena_new(0);
  int rc = c && c->arena ? sql_query(s, SQL_MESSAGE_GET, "s", id) : SQLITE_NOMEM;
  if (rc == SQLITE_ROW) queue_fill(s, c, id);
  sql_end(s, SQL_MESSAGE_GET);
  if (rc == SQLITE_ROW && queue_fill_rcpts(s, c) != SQLITE_DONE) rc = SQLITE_NOMEM;
  if (rc == SQLITE_ROW && arena_full(c->arena)) rc = SQLITE_NOMEM;
  if (rc == SQLITE_ROW)
    *out = c;
  else
    queue_claim_free(c);
  return rc;
}

/* ---- the next one ---------------------------------------------------------------------------- */

/* The first id a query gives that nobody has. */
static int queue_unclaimed(struct store *s, enum sql q, int rc, char id[ID_LENGTH + 1])
{
  for (; rc == SQLITE_ROW; rc = sql_next(s, q)) {
    str found = sql_text(s, q, 0);
    if (found.n > ID_LENGTH || map_has(&s->claims, found)) continue;
    memcpy(id, found.p, found.n);
    id[found.n] = '\0';
    break;
  }
  return rc;
}

static int queue_find(struct store *s, enum store_queue queue, int64_t now, char id[ID_LENGTH + 1])
{
  enum sql q = queue == STORE_WORKING     ? SQL_WORKING_NEXT
               : queue == STORE_DELEGATED ? SQL_DELEGATED_NEXT
                                          : SQL_RCPT_DUE;
  int rc = q == SQL_RCPT_DUE ? sql_query(s, q, "i", now) : sql_query(s, q, "");
  rc = queue_unclaimed(s, q, rc, id);
  sql_end(s, q);
  return rc;
}

int queue_next(struct store *s, enum store_queue queue, int64_t now, struct store_claim **claim,
               struct err *e)
{
  char id[ID_LENGTH + 1];
  struct queue_claim *c = NULL;
  if (!store_ready(s)) return err_set(e, ERR_TEMP, "cannot read the queue: the store is closed");
  if (s->tx.kind != TX_NONE) {
    s->changed = true; /* asked again after the commit */
    return 0;
  }
  int rc = queue_find(s, queue, now, id);
  if (rc == SQLITE_DONE) return 0;
  if (rc == SQLITE_ROW) rc = queue_load(s, str_of(id), &c);
  if (rc == SQLITE_ROW && map_set(&s->claims, str_of(id), c)) {
    queue_claim_free(c);
    rc = SQLITE_NOMEM;
  }
  if (rc == SQLITE_ROW) {
    *claim = &c->pub;
    return 1;
  }
  if (rc == SQLITE_DONE) return err_set(e, ERR_BUG, "cannot read message %s: it has no row", id);
  tx_failed(s, rc);
  return sql_err(s, rc, e, "read the queue");
}

int64_t queue_due_at(struct store *s)
{
  int64_t at = 0;
  if (!store_ready(s)) return 0;
  int rc = sql_query(s, SQL_RCPT_NEXT, "");
  while (rc == SQLITE_ROW && map_has(&s->claims, sql_text(s, SQL_RCPT_NEXT, 0)))
    rc = sql_next(s, SQL_RCPT_NEXT);
  if (rc == SQLITE_ROW) at = sql_int(s, SQL_RCPT_NEXT, 1);
  sql_end(s, SQL_RCPT_NEXT);
  if (rc != SQLITE_ROW && rc != SQLITE_DONE) tx_failed(s, rc);
  return at;
}

static void queue_claim_done(struct store *s, struct queue_claim *c)
{
  if (!c->released || c->pending) return;
  map_remove(&s->claims, c->pub.mail.id);
  queue_claim_free(c);
}

void queue_release(struct store *s, struct store_claim *claim)
{
  if (!claim) return;
  queue_of(claim)->released = true;
  queue_claim_done(s, queue_of(claim));
}

void queue_free(struct store *s)
{
  for (size_t i = 0; i < s->claims.n; i++)
    if (s->claims.entries[i].key.p) queue_claim_free(s->claims.entries[i].value);
  map_free(&s->claims);
}

/* ---- header and body ------------------------------------------------------------------------- */

static int queue_octets(struct store *s, int64_t at, struct buf *out, size_t *got, struct err *e)
{
  int rc = sql_query(s, SQL_BODY_GET, "i", at);
  str octets = rc == SQLITE_ROW ? sql_text(s, SQL_BODY_GET, 0) : STR("");
  buf_str_add(out, octets);
  *got = octets.n;
  sql_end(s, SQL_BODY_GET);
  if (rc == SQLITE_ROW) return buf_ok(out) ? 1 : err_nomem(e);
  if (rc == SQLITE_DONE) return 0;
  tx_failed(s, rc);
  return sql_err(s, rc, e, "read the message");
}

int queue_header(struct store *s, const struct store_claim *claim, struct buf *out, struct err *e)
{
  size_t got;
  int r = queue_octets(s, queue_of(claim)->key, out, &got, e);
  if (r == 0) err_set(e, ERR_BUG, "cannot read the message: its header is gone");
  return r == 1 ? 0 : -1;
}

int queue_body(struct store *s, struct store_claim *claim, size_t n, struct buf *out, struct err *e)
{
  struct queue_claim *c = queue_of(claim);
  const struct store_mail *m = &claim->mail;
  size_t got = 0;
  if (n == 0) {
    c->read = 0;
    c->read_chunks = 0;
  }
  int r = n < m->chunks ? queue_octets(s, c->key + 1 + (int64_t)n, out, &got, e) : 0;
  if (r == 1 && n == c->read_chunks) {
    c->read += got;
    c->read_chunks++;
  }
  if (r != 0) return r;
  if (n >= m->chunks && c->read_chunks == m->chunks && c->read == m->octets) return 0;
  return err_set(e, ERR_BUG, "cannot send message " STR_FMT ": its body is not what was recorded",
                 STR_ARG(m->id));
}

/* ---- recording ----------------------------------------------------------------------------------
 * An op with its own copy of everything, because it may have to be written more than once. */

struct queue_op {
  struct op op; /* first */
  struct arena *arena;
  struct queue_claim *claim;
  struct store_mail mail; /* queue_change: what it becomes; else only its trace counts */
  str queue;              /* queue_change: where it must be still */
  str released_from;      /* to be noted with this op */
  struct store_outcome *outcome;
  size_t count;
  struct store_mail report; /* written with it, */
  str report_body;
  int64_t report_key; /* under this key; 0: there is none */
  bool report_written;
  int step;
  bool gone;             /* there was no such message any more */
  bool lost;             /* queue_replace: the new body is */
  struct incoming *body; /* owned, */
  int64_t key;           /* its rows, once written */
  uint32_t chunks;
  store_done *done;
  void *arg;
};

struct queue_row {
  bool deliver, moved;
  uint32_t chunks;
};

static struct queue_op *queue_op_of(struct op *op)
{
  return (struct queue_op *)(void *)op;
}

static void queue_op_settled(struct store *s, struct op *op, enum store_result result)
{
  struct queue_op *q = queue_op_of(op);
  struct queue_claim *c = q->claim;
  if (q->done) q->done(q->arg, q->gone ? STORE_GONE : result);
  arena_free(q->arena);
  mem_free(q);
  c->pending--;
  s->changed = true;
  queue_claim_done(s, c);
}

/* Where the message is now. An SQLite result; gone is set when it is nowhere. */
static int queue_where(struct store *s, struct queue_op *q, struct queue_row *row)
{
  int rc = sql_query(s, SQL_QUEUE_GET, "s", q->claim->pub.mail.id);
  str queue = rc == SQLITE_ROW ? sql_text(s, SQL_QUEUE_GET, 0) : STR("");
  row->deliver = str_eq(queue, STR("deliver"));
  row->moved = !str_eq(queue, q->queue);
  row->chunks = (uint32_t)sql_int(s, SQL_QUEUE_GET, 2);
  q->gone = queue.n == 0;
  sql_end(s, SQL_QUEUE_GET);
  return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* Nobody pending: the message leaves, or is dead if somebody failed. */
static int queue_finish(struct store *s, struct queue_op *q, uint32_t chunks)
{
  str id = q->claim->pub.mail.id;
  int rc = sql_query(s, SQL_RCPT_COUNT, "s", id);
  bool pending = sql_int(s, SQL_RCPT_COUNT, 0) > 0, failed = sql_int(s, SQL_RCPT_COUNT, 1) > 0;
  sql_end(s, SQL_RCPT_COUNT);
  if (rc != SQLITE_ROW) return rc;
  if (pending) return SQLITE_OK;
  return failed ? sql_run(s, SQL_MESSAGE_DEAD, "si", id, clock_wall())
                : row_delete(s, id, q->claim->key, chunks);
}

/* Its decisions; before them that a person let it go, which only a command notes itself. */
static int queue_decisions(struct store *s, const struct queue_op *q)
{
  str id = q->claim->pub.mail.id;
  const struct store_trace released = {
      .kind = STR("server"), .status = STR("released"), .detail = q->released_from};
  int rc = q->released_from.n ? row_decisions(s, id, &released, 1) : SQLITE_OK;
  return rc == SQLITE_OK ? row_decisions(s, id, q->mail.trace, q->mail.trace_count) : rc;
}

/* One that was written before, in a transaction that is said to be lost, may be there after all: it
 * is not written twice. */
static int queue_report_write(struct store *s, struct queue_op *q)
{
  uint32_t chunks = 0;
  int rc = SQLITE_OK;
  if (!q->report_key) return rc;
  if (q->report_written) rc = row_undo(s, q->report.id, q->report_key, ROW_DROP_MANY);
  q->report_written = true;
  for (size_t at = 0; at < q->report_body.n && rc == SQLITE_OK; at += LIMIT_CHUNK)
    rc = sql_run(s, SQL_BODY_ADD, "ib", q->report_key + 1 + chunks++,
                 str_sub(q->report_body, at, at + LIMIT_CHUNK));
  return rc == SQLITE_OK ? row_add(s, &q->report, q->report_key, q->report_body.n, chunks) : rc;
}

static int queue_record_write(struct store *s, struct op *op)
{
  struct queue_op *q = queue_op_of(op);
  str id = q->claim->pub.mail.id;
  struct queue_row row;
  int rc = queue_where(s, q, &row);
  if (rc != SQLITE_OK || q->gone) return rc;
  for (size_t i = 0; i < q->count && rc == SQLITE_OK; i++) {
    const struct store_outcome *o = &q->outcome[i];
    int64_t next_at = row.deliver && o->status == STORE_PENDING ? o->next_at : 0;
    rc = sql_run(s, SQL_RCPT_SET, "sisinsi", id, (int64_t)o->n, str_of(row_status_name(o->status)),
                 (int64_t)o->tried, next_at, o->last_reply, (int64_t)o->warned);
  }
  if (rc == SQLITE_OK) rc = queue_report_write(s, q);
  if (rc == SQLITE_OK) rc = queue_decisions(s, q);
  if (rc == SQLITE_OK) rc = sql_run(s, SQL_MESSAGE_STEP, "si", id, (int64_t)q->step);
  return rc == SQLITE_OK ? queue_finish(s, q, row.chunks) : rc;
}

static const struct op_kind queue_recording = {
    .name = "record",
    .promise = true,
    .rewrite = true,
    .write = queue_record_write,
    .settled = queue_op_settled,
};

static int queue_change_rows(struct store *s, struct queue_op *q)
{
  const struct store_mail *m = &q->mail;
  int rc = sql_run(s, SQL_MESSAGE_SET, "ssisssssisb", m->id, row_queue(m), clock_wall(),
                   m->mail_from, m->subject, m->stage, m->rule, m->reason, (int64_t)m->step,
                   m->last_reply, m->context);
  if (rc == SQLITE_OK) rc = sql_run(s, SQL_RCPT_DROP, "s", m->id);
  if (rc == SQLITE_OK) rc = row_rcpts(s, m);
  if (rc == SQLITE_OK && m->header.n) rc = sql_run(s, SQL_BODY_SET, "ib", q->claim->key, m->header);
  if (rc == SQLITE_OK && m->header.n)
    rc = sql_run(s, SQL_MESSAGE_SIZE, "si", m->id, (int64_t)m->header.n);
  return rc == SQLITE_OK ? queue_decisions(s, q) : rc;
}

/* A person may have moved the message meanwhile: then what rules wanted is void. */
static int queue_change_write(struct store *s, struct op *op)
{
  struct queue_op *q = queue_op_of(op);
  struct queue_row row;
  int rc = queue_where(s, q, &row);
  if (row.moved) q->gone = true;
  if (rc != SQLITE_OK || q->gone) return rc;
  rc = queue_change_rows(s, q);
  if (rc == SQLITE_OK) rc = queue_report_write(s, q);
  bool may_leave = q->mail.queue != STORE_DEAD && q->mail.queue != STORE_QUARANTINE;
  return rc == SQLITE_OK && may_leave ? queue_finish(s, q, row.chunks) : rc;
}

static const struct op_kind queue_changing = {
    .name = "change",
    .promise = true,
    .rewrite = true,
    .write = queue_change_write,
    .settled = queue_op_settled,
};

/* Another text: the rows of the new body become the message's, those of the old one go. */
static int queue_replace_write(struct store *s, struct op *op)
{
  struct queue_op *q = queue_op_of(op);
  str id = q->claim->pub.mail.id;
  int64_t octets = (int64_t)incoming_octets(q->body);
  struct queue_row row;
  int rc = queue_where(s, q, &row);
  if (row.moved) q->gone = true;
  q->lost = incoming_state(q->body) != INCOMING_GO;
  if (rc != SQLITE_OK || q->gone || q->lost) return rc;
  rc = incoming_move(q->body, &q->key, &q->chunks);
  if (rc == SQLITE_OK) rc = sql_run(s, SQL_BODY_ADD, "ib", q->key, q->mail.header);
  if (rc == SQLITE_OK)
    rc = sql_run(s, SQL_MESSAGE_BODY, "siiii", id, q->key, octets, (int64_t)q->chunks,
                 (int64_t)q->mail.header.n);
  if (rc == SQLITE_OK) rc = sql_run(s, SQL_MESSAGE_STEP, "si", id, (int64_t)q->mail.step);
  if (rc == SQLITE_OK) rc = queue_decisions(s, q);
  return rc == SQLITE_OK ? row_delete_body(s, q->claim->key, row.chunks) : rc;
}

static void queue_replace_settled(struct store *s, struct op *op, enum store_result result)
{
  struct queue_op *q = queue_op_of(op);
  struct queue_claim *c = q->claim;
  if (result == STORE_OK && q->lost) result = STORE_TEMP;
  if (result == STORE_OK && !q->gone) {
    incoming_moved(q->body);
    c->key = q->key;
    c->pub.mail.chunks = q->chunks;
    c->pub.mail.octets = incoming_octets(q->body);
    c->pub.mail.step = q->mail.step;
  }
  incoming_free(q->body);
  queue_op_settled(s, op, result);
}

/* What is lost with its transaction is the new body too: there is nothing to write again. */
static const struct op_kind queue_replacing = {
    .name = "replace",
    .promise = true,
    .write = queue_replace_write,
    .settled = queue_replace_settled,
};

/* ---- copies ---------------------------------------------------------------------------------- */

static void queue_copy(struct arena *a, str *s)
{
  *s = arena_str(a, *s);
}

static void queue_copy_trace(struct arena *a, struct store_mail *m)
{
  struct store_trace *t = arena_alloc(a, (m->trace_count + 1) * sizeof *t);
  if (!t) return;
  for (size_t i = 0; i < m->trace_count; i++) {
    t[i] = m->trace[i];
    queue_copy(a, &t[i].stage);
    queue_copy(a, &t[i].directive);
    queue_copy(a, &t[i].kind);
    queue_copy(a, &t[i].status);
    queue_copy(a, &t[i].detail);
  }
  m->trace = t;
}

static void queue_copy_rcpts(struct arena *a, struct store_mail *m)
{
  struct store_rcpt *r = arena_alloc(a, (m->rcpt_count + 1) * sizeof *r);
  if (!r) return;
  for (size_t i = 0; i < m->rcpt_count; i++) {
    r[i] = m->rcpt[i];
    queue_copy(a, &r[i].address);
    queue_copy(a, &r[i].original);
    queue_copy(a, &r[i].target);
    queue_copy(a, &r[i].last_reply);
    queue_copy(a, &r[i].dsn);
  }
  m->rcpt = r;
}

static void queue_copy_mail(struct arena *a, struct store_mail *m)
{
  str *texts[] = {&m->id,      &m->quarantine, &m->stage,     &m->rule,      &m->reason,
                  &m->helo,    &m->client_ip,  &m->mail_from, &m->auth_user, &m->subject,
                  &m->context, &m->last_reply, &m->header};
  for (size_t i = 0; i < BASE_COUNT(texts); i++) queue_copy(a, texts[i]);
  queue_copy_rcpts(a, m);
  queue_copy_trace(a, m);
}

static void queue_copy_outcomes(struct queue_op *q, const struct store_outcome *outcome,
                                size_t count)
{
  q->outcome = arena_alloc(q->arena, (count + 1) * sizeof *outcome);
  for (size_t i = 0; q->outcome && i < count; i++) {
    q->outcome[i] = outcome[i];
    q->outcome[i].last_reply = row_cut(outcome[i].last_reply, ROW_DETAIL);
    queue_copy(q->arena, &q->outcome[i].last_reply);
  }
  q->count = q->outcome ? count : 0;
}

/* NULL: no memory. The claim stays until the op is settled. */
static struct queue_op *queue_op_new(const struct op_kind *kind, const struct store_claim *claim,
                                     store_done *done, void *arg)
{
  struct queue_op *q = mem_alloc(sizeof *q);
  if (!q) return NULL;
  *q = (struct queue_op){.op.kind = kind, .claim = queue_of(claim), .done = done, .arg = arg};
  q->arena = arena_new(0);
  if (q->arena) return q;
  mem_free(q);
  return NULL;
}

static void queue_copy_report(struct store *s, struct queue_op *q,
                              const struct store_report *report)
{
  if (!report) return;
  q->report = *report->mail;
  queue_copy_mail(q->arena, &q->report);
  q->report_body = arena_str(q->arena, report->body);
  q->report_key = s->key += ROW_KEY_STEP;
}

static bool queue_is_copied(const struct queue_op *q)
{
  bool report = !q->report_key || (q->report.trace && q->report.rcpt && q->report_body.p);
  return !arena_full(q->arena) && q->mail.trace && q->mail.rcpt && q->outcome && report;
}

/* All copies made? Then it goes; else as if never called. */
static int queue_op_submit(struct store *s, struct queue_op *q)
{
  if (!queue_is_copied(q)) {
    arena_free(q->arena);
    mem_free(q);
    return -1;
  }
  q->released_from = q->claim->came_from;
  q->claim->came_from = STR("");
  q->claim->pending++;
  tx_submit(s, &q->op);
  return 0;
}

int queue_record(struct store *s, const struct store_claim *claim,
                 const struct store_outcome *outcome, size_t count, const struct store_trace *trace,
                 size_t trace_count, int step, const struct store_report *report, store_done *done,
                 void *arg)
{
  struct queue_op *q = queue_op_new(&queue_recording, claim, done, arg);
  if (!q) return -1;
  q->mail.trace = trace;
  q->mail.trace_count = trace_count;
  q->step = step;
  queue_copy_mail(q->arena, &q->mail);
  queue_copy_outcomes(q, outcome, count);
  queue_copy_report(s, q, report);
  return queue_op_submit(s, q);
}

int queue_change(struct store *s, const struct store_claim *claim, const struct store_mail *mail,
                 const struct store_report *report, store_done *done, void *arg)
{
  struct queue_op *q = queue_op_new(&queue_changing, claim, done, arg);
  if (!q) return -1;
  struct queue_claim *c = q->claim;
  q->mail = *mail;
  q->mail.id = claim->mail.id;
  queue_copy_mail(q->arena, &q->mail);
  queue_copy_outcomes(q, NULL, 0);
  queue_copy_report(s, q, report);
  q->queue = arena_str(q->arena, c->queue);
  str next = arena_str(c->arena, row_queue(mail));
  if (arena_full(c->arena) || queue_op_submit(s, q)) return -1;
  c->queue = next;
  return 0;
}

int queue_replace(struct store *s, const struct store_claim *claim, const struct store_mail *mail,
                  struct incoming *body, store_done *done, void *arg)
{
  struct queue_op *q = queue_op_new(&queue_replacing, claim, done, arg);
  if (q) {
    q->mail = (struct store_mail){.header = mail->header,
                                  .step = mail->step,
                                  .trace = mail->trace,
                                  .trace_count = mail->trace_count};
    queue_copy_mail(q->arena, &q->mail);
    queue_copy_outcomes(q, NULL, 0);
    q->queue = arena_str(q->arena, q->claim->queue);
    q->body = body;
    incoming_end(body);
    if (queue_op_submit(s, q) == 0) return 0;
  }
  incoming_free(body);
  return -1;
}
