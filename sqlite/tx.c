/* sqlite/tx.c: the one transaction all clients share: two kinds of commit, and generations.
 *
 * LAWS
 *
 *   1. At most one transaction is open. tx_open alone begins it; tx_commit and tx_lost alone end
 *      it.
 *   2. An op of kind promise is settled STORE_OK by tx_committed alone: after a COMMIT that gave
 *      SQLITE_OK, with synchronous FULL since before its BEGIN. So schema.sql law 7 is kept.
 *   3. A promise is never written into a spill transaction; a spill may be written into either. A
 *      spill is settled STORE_OK when it is written, and who must know of its loss compares
 *      generations (incoming_lost).
 *   4. A generation is one transaction. It is counted when that ends, committed or lost (tx_left).
 *   5. An op is in the one list its state names, or in none: OP_IDLE. Callbacks (op_kind.settled)
 *      run in tx_settle alone, so none ever runs within a write, a commit or a loss.
 *   6. A promise without .rewrite waits 5 s at most for being written (tx_impatient). One with it
 *      waits for ever: it is told STORE_OK, STORE_GONE when its own statement can never work, and
 *      STORE_TEMP within store_close alone.
 *   7. What a failed COMMIT may have left on the disk all the same is deleted by name in a later
 *      transaction, if it had been accepted: incoming_doubt, before the loss is dealt with.
 *   8. BEGIN IMMEDIATE and COMMIT never wait for a lock (no busy timeout in the server).
 *
 * THE TRANSACTION (tx.kind)
 *
 *   state             transition         function
 *   ----------------  -----------------  ---------------------------------------------------------
 *   none              -> spill, promise  tx_open, from tx_pump, incoming_spill_now and store_flush
 *   none              -> none            tx_open: busy or somebody else's turn; not before tx.retry
 *   spill             -> none            tx_commit at the end of the turn; tx_committed, tx_left
 *   promise           -> none            tx_commit when tx_end_promise says so; likewise
 *   spill, promise    -> the same        tx_commit: a reader is in the way (rollback journal only)
 *   spill, promise    -> none, lost      tx_lost: ROLLBACK, and all its generation holds is gone;
 *                                        from tx_trouble and tx_close
 *
 * AN OP (op.state)
 *
 *   state             transition         function
 *   ----------------  -----------------  ---------------------------------------------------------
 *   idle              -> waiting         tx_submit, tx_submit_later
 *   idle, waiting     -> settled, error  tx_refuse; tx_submit, without .rewrite while the file is
 *                                        closed
 *   waiting           -> written         tx_write, of a promise
 *   waiting           -> settled, OK     tx_write, of a spill
 *   waiting           -> settled, error  its write failed: tx_trouble, alone if .undo can, else
 *                                        with the transaction, or tx_give_up; its time is over:
 *                                        tx_impatient; without .rewrite tx_close
 *   waiting           -> waiting         its write failed, with .rewrite: tx_rewrite, for a
 *                                        second later
 *   written           -> settled, OK     tx_committed
 *   written           -> settled, error  tx_lost, without .rewrite
 *   written           -> waiting         tx_lost, with .rewrite: tx_rewrite
 *   settled           -> idle            tx_settle, which calls .settled; that may free the op
 *   any               -> idle            tx_withdraw. What was written is undone; if it cannot be,
 *                                        the transaction is lost (tx_trouble)
 *
 * WHEN IT COMMITS. A *spill* transaction holds only what may be lost: rows of messages still being
 * received, and what housekeep.c deletes, which it would find again. It is begun with synchronous
 * NORMAL (FULL where there is no WAL) and committed at the end of the turn, without a sync. A
 * *promise* transaction holds what somebody waits for; it is begun with FULL, and its one sync
 * covers all spills before it. It is committed when as many have come as were answered by the last
 * one and the loop would sleep, or when the window is over: 10 ms, or what a sync takes if that is
 * less. So a lone client never waits, and a hundred on a slow card share one sync: those just
 * answered are back well within the window. A window under 1 ms is not waited for: the kernel could
 * not sleep so short.
 *
 * HOW IT IS LOST. An error can roll the whole transaction back, and a COMMIT can fail: then its
 * generation is lost. Ops written in it are settled with an error, or wait to be written again
 * (op_kind.rewrite); messages being received that had a row in it are lost too. After a failed
 * COMMIT the disk may still hold it: accepted ops are undone once more in a later transaction (the
 * doubt).
 *
 * HOW OTHERS GET IN. BEGIN IMMEDIATE never waits: busy means trying again in 5 to 50 ms, and after
 * 5 s whoever is parked is told so. Between two transactions the lock stays free 1 ms, or 5 % of
 * the time it was held, unless it was free a quarter of the time lately anyway (a lone client on a
 * fast disk pays nothing). More than 250 ms it never rests: a process can be frozen for hours.
 */
#include "store_int.h"

#define TX_MS       1000 /* microseconds */
#define TX_WINDOW   (10 * TX_MS)
#define TX_PAUSE    (5 * TX_MS) /* between two tries when busy, doubling up to */
#define TX_PAUSE_UP (50 * TX_MS)
#define TX_PATIENCE (5000 * TX_MS) /* then a parked client is told 451 */
#define TX_AGAIN    (1000 * TX_MS) /* what failed by itself is written again after this */
#define TX_GAP      TX_MS
#define TX_GAP_UP   (250 * TX_MS)
#define TX_LATELY   (50 * TX_MS) /* what held and free add up to before both are halved */

/* ---- lists ----------------------------------------------------------------------------------- */

static struct op *tx_first(const struct list *list)
{
  return LIST_FIRST(list, struct op, link);
}

static void tx_push(struct list *list, struct op *op, enum op_state state)
{
  op->state = state;
  list_add(list, &op->link);
}

static void tx_push_first(struct list *list, struct op *op, enum op_state state)
{
  op->state = state;
  list_add_first(list, &op->link);
}

static void tx_pull(struct op *op)
{
  list_remove(&op->link);
  op->state = OP_IDLE;
}

static void tx_decide(struct store *s, struct op *op, enum store_result result)
{
  tx_pull(op);
  op->result = result;
  tx_push(&s->tx.settled, op, OP_SETTLED);
}

/* ---- the lock: when it may be taken, and for how long it was --------------------------------- */

/* Somebody else's turn? The time from which the lock may be taken again. */
static int64_t tx_gap_end(const struct tx *t, int64_t now)
{
  int64_t lately_free = t->free + (now - t->ended);
  if (lately_free * 3 >= t->held) return now;
  int64_t last = t->ended - t->begun;
  int64_t gap = last / 20 > TX_GAP ? last / 20 : TX_GAP;
  return t->ended + (gap < TX_GAP_UP ? gap : TX_GAP_UP);
}

static void tx_taken(struct tx *t, int64_t now)
{
  if (t->ended) t->free += now - t->ended;
  while (t->held + t->free > TX_LATELY) {
    t->held /= 2;
    t->free /= 2;
  }
  t->begun = now;
  t->busy_since = 0;
  t->pause = TX_PAUSE;
}

static void tx_left(struct store *s)
{
  struct tx *t = &s->tx;
  t->kind = TX_NONE;
  t->ops = 0;
  t->hold = 0;
  t->generation++;
  t->ended = clock_mono_us();
  t->held += t->ended - t->begun;
}

static void tx_busy(struct tx *t, int64_t now)
{
  if (!t->busy_since) t->busy_since = now;
  t->retry = now + t->pause;
  t->pause = t->pause * 2 > TX_PAUSE_UP ? TX_PAUSE_UP : t->pause * 2;
}

/* ---- losing it ------------------------------------------------------------------------------- */

static enum store_result tx_result(enum sql_trouble trouble)
{
  return trouble == SQL_FINE ? STORE_OK : trouble == SQL_FULL ? STORE_FULL : STORE_TEMP;
}

/* An op kept for later stands ahead of those that came after it; but while it rests they pass. */
static void tx_rewrite(struct store *s, struct op *op)
{
  tx_pull(op);
  op->retry = clock_mono_us() + TX_AGAIN;
  tx_push_first(&s->tx.waiting, op, OP_WAITING);
}

/* The open generation is gone, by SQLite's doing or ours. */
static void tx_lost(struct store *s, enum store_result why)
{
  if (s->db && !sqlite3_get_autocommit(s->db)) sql_text_run(s, "ROLLBACK");
  if (s->tx.kind != TX_NONE) {
    log_warn(LOG_STORE, "generation=%llu lost, result=%s", (unsigned long long)s->tx.generation,
             why == STORE_FULL ? "full" : "temp");
    incoming_lost(s, why);
    s->refused.writing = 0;
    tx_left(s);
  }
  struct op *op;
  while ((op = LIST_LAST(&s->tx.written, struct op, link)) != NULL) {
    if (op->kind->rewrite)
      tx_rewrite(s, op);
    else
      tx_decide(s, op, why);
  }
}

/* What cannot ever be written: told so, rather than tried for ever. */
static void tx_give_up(struct store *s, struct op *op, int rc)
{
  log_error(LOG_STORE, "op=%s sqlite=%d cannot be written: %s", op->kind->name, rc,
            s->db ? sqlite3_errmsg(s->db) : "closed");
  tx_decide(s, op, op->kind->rewrite ? STORE_GONE : STORE_TEMP);
}

static void tx_log(struct store *s, int rc, enum sql_trouble trouble)
{
  log_write(LOG_STORE, trouble == SQL_BROKEN || trouble == SQL_BUG ? LOG_ERROR : LOG_WARN,
            "sqlite=%d error=%s", rc, log_q(str_of(s->db ? sqlite3_errmsg(s->db) : "closed")));
}

/* After a failure, op's own if op is given: who is lost with it? */
static void tx_trouble(struct store *s, struct op *op, int rc)
{
  enum sql_trouble trouble = sql_trouble(s, rc);
  tx_log(s, rc, trouble);
  bool alive = s->tx.kind != TX_NONE && !sqlite3_get_autocommit(s->db);
  if (op && alive && trouble != SQL_BROKEN && op->kind->undo &&
      op->kind->undo(s, op) == SQLITE_OK) {
    tx_decide(s, op, tx_result(trouble));
    return;
  }
  if (op && trouble == SQL_BUG)
    tx_give_up(s, op, rc);
  else if (op && op->kind->rewrite)
    tx_rewrite(s, op);
  else if (op)
    tx_decide(s, op, tx_result(trouble));
  tx_lost(s, tx_result(trouble));
  if (trouble == SQL_BROKEN) store_break(s, rc);
}

void tx_failed(struct store *s, int rc)
{
  enum sql_trouble trouble = sql_trouble(s, rc);
  if (trouble == SQL_FINE || trouble == SQL_LATER) return;
  bool alive = s->db && s->tx.kind != TX_NONE && !sqlite3_get_autocommit(s->db);
  if (alive && trouble != SQL_BROKEN)
    tx_log(s, rc, trouble);
  else
    tx_trouble(s, NULL, rc);
}

/* ---- beginning and writing ------------------------------------------------------------------- */

/* Opens one of that kind, or finds one open that will do. False: not now. */
bool tx_open(struct store *s, bool promise)
{
  struct tx *t = &s->tx;
  int64_t now = clock_mono_us();
  if (t->kind == TX_PROMISE || (t->kind == TX_SPILL && !promise)) return true;
  if (!store_ready(s) || t->kind == TX_SPILL || now < t->retry) return false;
  int64_t gap = tx_gap_end(t, now);
  if (gap > now) {
    t->retry = gap;
    return false;
  }
  bool full = promise || !s->wal;
  int rc = promise && dbfile_moved(s) ? SQLITE_READONLY_DBMOVED : SQLITE_OK;
  if (rc == SQLITE_OK && full != t->full_sync) {
    rc = sql_text_run(s, full ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
    if (rc == SQLITE_OK) t->full_sync = full;
  }
  if (rc == SQLITE_OK) rc = sql_run(s, SQL_BEGIN, "");
  if (rc == SQLITE_OK) {
    t->kind = promise ? TX_PROMISE : TX_SPILL;
    tx_taken(t, now);
    store_die_point("begun");
    return true;
  }
  tx_busy(t, now);
  if (sql_trouble(s, rc) != SQL_LATER) tx_trouble(s, NULL, rc);
  return false;
}

static void tx_write(struct store *s, struct op *op)
{
  int rc = op->kind->write(s, op);
  if (rc != SQLITE_OK) {
    tx_trouble(s, op, rc);
    return;
  }
  tx_pull(op);
  if (op->kind->promise) {
    tx_push(&s->tx.written, op, OP_WRITTEN);
    s->tx.ops++;
  } else {
    tx_decide(s, op, STORE_OK); /* a lost spill is found by its generation */
  }
  store_die_point(op->kind->name);
}

void tx_pump(struct store *s)
{
  bool promise = false;
  int64_t now = clock_mono_us();
  LIST_EACH(&s->tx.waiting, struct op, link, op) promise |= op->kind->promise && op->retry <= now;
  LIST_EACH(&s->tx.waiting, struct op, link, op) {
    if (op->retry > now || (op->kind->promise && s->tx.kind == TX_SPILL)) continue;
    if (!tx_open(s, promise)) return;
    uint64_t generation = s->tx.generation;
    tx_write(s, op);
    if (generation != s->tx.generation) return; /* the lists are no longer what they were */
  }
}

void tx_submit_later(struct store *s, struct op *op)
{
  op->since = clock_mono_us();
  op->retry = 0;
  tx_push(&s->tx.waiting, op, OP_WAITING);
}

void tx_submit(struct store *s, struct op *op)
{
  tx_submit_later(s, op);
  if (!store_ready(s) && !op->kind->rewrite)
    tx_decide(s, op, STORE_TEMP);
  else
    tx_pump(s);
}

void tx_refuse(struct store *s, struct op *op, enum store_result result)
{
  tx_decide(s, op, result);
}

void tx_withdraw(struct store *s, struct op *op)
{
  int rc = SQLITE_OK;
  if (op->state == OP_WRITTEN) rc = op->kind->undo ? op->kind->undo(s, op) : SQLITE_ABORT;
  tx_pull(op);
  if (rc != SQLITE_OK) tx_trouble(s, NULL, rc);
}

/* ---- committing ------------------------------------------------------------------------------ */

static void tx_committed(struct store *s)
{
  struct op *op;
  bool promise = s->tx.kind == TX_PROMISE;
  tx_left(s);
  if (promise) refused_written(s);
  while ((op = tx_first(&s->tx.written)) != NULL) {
    s->changed = s->changed || op->kind->promise;
    tx_decide(s, op, STORE_OK);
  }
}

static void tx_commit(struct store *s)
{
  struct tx *t = &s->tx;
  int64_t start = clock_mono_us();
  if (start < t->retry) return;
  if (t->kind == TX_PROMISE) {
    tx_failed(s, refused_write(s));
    if (t->kind == TX_NONE) return;
  }
  store_die_point("commit");
  int rc = sql_run(s, SQL_COMMIT, "");
  int64_t now = clock_mono_us();
  if (rc == SQLITE_OK) {
    store_die_point("committed");
    if (t->kind == TX_PROMISE) {
      t->sync = now - start;
      t->batch = t->ops;
    }
    t->busy_since = 0;
    tx_committed(s);
    return;
  }
  /* Rollback journal only: a reader is in the way. The transaction stays open. */
  if (sql_trouble(s, rc) == SQL_LATER && !sqlite3_get_autocommit(s->db)) {
    tx_busy(t, now);
    if (now - t->busy_since < TX_PATIENCE) return;
  } else {
    incoming_doubt(s);
  }
  tx_trouble(s, NULL, rc);
}

/* Parked too long: nobody is kept waiting for a lock that does not come free. */
static void tx_impatient(struct store *s)
{
  int64_t now = clock_mono_us();
  LIST_EACH(&s->tx.waiting, struct op, link, op) {
    if (op->kind->promise && !op->kind->rewrite && now - op->since >= TX_PATIENCE)
      tx_decide(s, op, STORE_TEMP);
  }
}

/* Now, or are those of the last batch about to come again? */
static void tx_end_promise(struct store *s, bool sleeping)
{
  struct tx *t = &s->tx;
  int64_t window = t->sync < TX_WINDOW ? t->sync : TX_WINDOW;
  int64_t left = t->begun + window - clock_mono_us();
  bool wait = sleeping && left >= TX_MS && t->ops < t->batch;
  t->hold = wait ? t->begun + window : 0;
  if (left <= 0 || (sleeping && !t->hold)) tx_commit(s);
}

void tx_end_turn(struct store *s, bool sleeping)
{
  struct tx *t = &s->tx;
  if (t->waiting.first) tx_pump(s);
  if (t->kind == TX_SPILL) {
    tx_commit(s);
    if (t->kind == TX_NONE && t->waiting.first) tx_pump(s);
  }
  if (t->kind == TX_PROMISE) tx_end_promise(s, sleeping);
  if (t->waiting.first) tx_impatient(s);
}

void tx_settle(struct store *s)
{
  struct op *op;
  while ((op = tx_first(&s->tx.settled)) != NULL) {
    tx_pull(op);
    op->kind->settled(s, op, op->result);
  }
}

int tx_wait_ms(const struct store *s)
{
  const struct tx *t = &s->tx;
  if (t->settled.first) return 0;
  int64_t now = clock_mono_us();
  if (t->kind == TX_PROMISE && t->hold > now) return (int)((t->hold - now + TX_MS - 1) / TX_MS);
  if (t->kind != TX_NONE && now >= t->retry) return 0;
  if (t->kind == TX_NONE && !t->waiting.first) return -1;
  int64_t first = t->kind != TX_NONE ? t->retry : INT64_MAX;
  LIST_EACH(&t->waiting, const struct op, link, op) {
    int64_t at = op->retry > t->retry ? op->retry : t->retry;
    if (at < first) first = at;
  }
  int64_t ms = (first - now + TX_MS - 1) / TX_MS;
  return ms < 0 ? 0 : ms > 1000 ? 1000 : (int)ms;
}

void tx_close(struct store *s)
{
  tx_lost(s, STORE_TEMP);
  LIST_EACH(&s->tx.waiting, struct op, link, op) {
    if (!op->kind->rewrite) tx_decide(s, op, STORE_TEMP);
  }
}

#undef TX_MS
#undef TX_WINDOW
#undef TX_PAUSE
#undef TX_PAUSE_UP
#undef TX_PATIENCE
#undef TX_AGAIN
#undef TX_GAP
#undef TX_GAP_UP
#undef TX_LATELY
