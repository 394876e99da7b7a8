/* sqlite/incoming.c: a message while it is being received.
 *
 * The header stays with smtp; the body comes here. Up to a chunk of it is kept in memory, and what
 * fits there never touches the disk before it is accepted. Beyond, full chunks are *spilled* into
 * body rows under a key that stands in `loose`, so a crash leaves nothing that is not found again.
 *
 * States of an incoming, told apart by its op:
 *   idle            octets arrive
 *   op = spill      a chunk waits for the transaction: INCOMING_WAIT
 *   op = accept     parked, until done is called
 * and lost (INCOMING_TEMP, INCOMING_FULL), which is for ever. A generation that is lost takes all
 * with it that wrote a row in it.
 */
#include "store_int.h"

#include <stddef.h>

#define INCOMING_MIB (1024 * 1024)

struct incoming {
  struct store *s;
  struct list_link link; /* of all */
  char id[ID_LENGTH + 1];
  int64_t key;
  struct buf tail;     /* octets not spilled */
  uint32_t chunks;     /* spilled, each of LIMIT_CHUNK octets */
  uint64_t octets;     /* in all */
  uint64_t generation; /* the last it wrote a row in; 0: none */
  bool loose;          /* has, or had, a row there */
  bool kept;           /* accepted and committed: its rows are a message */
  enum incoming_state state;
  struct op op;
  void (*ready)(void *arg);
  void *ready_arg;
  const struct store_mail *mail; /* parked: borrowed */
  uint32_t rows;                 /* parked: body rows in all */
  char also[ID_LENGTH + 1];      /* parked: id of the second message, or empty; */
  int64_t also_key;              /* its key */
  store_done *done;
  void *done_arg;
};

static struct incoming *incoming_of(struct op *op)
{
  return (struct incoming *)(void *)((char *)op - offsetof(struct incoming, op));
}

/* Lost: nothing more is kept in memory either. */
static void incoming_poison(struct incoming *in, enum store_result why)
{
  if (in->state == INCOMING_TEMP || in->state == INCOMING_FULL) return;
  in->state = why == STORE_FULL ? INCOMING_FULL : INCOMING_TEMP;
  buf_free(&in->tail);
}

/* ---- spilling -------------------------------------------------------------------------------- */

static int incoming_write_chunk(struct incoming *in)
{
  struct store *s = in->s;
  int rc = SQLITE_OK;
  if (!in->loose) rc = sql_run(s, SQL_LOOSE_ADD, "i", in->key);
  if (rc != SQLITE_OK) return rc;
  in->loose = true;
  in->generation = s->tx.generation;
  rc = sql_run(s, SQL_BODY_ADD, "ib", in->key + 1 + in->chunks,
               str_sub(buf_str(&in->tail), 0, LIMIT_CHUNK));
  if (rc != SQLITE_OK) return rc;
  in->chunks++;
  buf_shift(&in->tail, LIMIT_CHUNK);
  return SQLITE_OK;
}

static int incoming_spill_write(struct store *s, struct op *op)
{
  (void)s;
  return incoming_write_chunk(incoming_of(op));
}

/* A failed INSERT left nothing; rows of earlier chunks go when the incoming is freed. */
static int incoming_spill_undo(struct store *s, struct op *op)
{
  (void)s, (void)op;
  return SQLITE_OK;
}

static void incoming_spill_settled(struct store *s, struct op *op, enum store_result result)
{
  struct incoming *in = incoming_of(op);
  (void)s;
  if (result != STORE_OK)
    incoming_poison(in, result);
  else if (in->state == INCOMING_WAIT)
    in->state = INCOMING_GO;
  if (in->ready) in->ready(in->ready_arg);
}

static const struct op_kind incoming_spill = {
    .name = "spill",
    .write = incoming_spill_write,
    .undo = incoming_spill_undo,
    .settled = incoming_spill_settled,
};

/* A chunk is full: into the open transaction if it can be had, else it waits for it. */
static void incoming_spill_now(struct incoming *in)
{
  struct store *s = in->s;
  if (!tx_open(s, false)) {
    if (!store_ready(s)) {
      incoming_poison(in, STORE_TEMP);
      return;
    }
    in->state = INCOMING_WAIT;
    in->op.kind = &incoming_spill;
    tx_submit(s, &in->op);
    return;
  }
  int rc = incoming_write_chunk(in);
  if (rc == SQLITE_OK) {
    store_die_point("spill");
    return;
  }
  incoming_poison(in, sql_trouble(s, rc) == SQL_FULL ? STORE_FULL : STORE_TEMP);
  tx_failed(s, rc);
}

/* ---- the door: octets ------------------------------------------------------------------------ */

struct incoming *incoming_new(struct store *s, str id)
{
  struct incoming *in = mem_alloc(sizeof *in);
  if (!in) return NULL;
  in->s = s;
  in->tail = (struct buf)BUF_INIT(LIMIT_CHUNK + LIMIT_IO_INPUT);
  memcpy(in->id, id.p, id.n < ID_LENGTH ? id.n : ID_LENGTH);
  in->key = s->key += ROW_KEY_STEP;
  if (!store_ready(s)) in->state = INCOMING_TEMP;
  list_add(&s->incoming, &in->link);
  return in;
}

void incoming_on_ready(struct incoming *in, void (*ready)(void *arg), void *arg)
{
  in->ready = ready;
  in->ready_arg = arg;
}

enum incoming_state incoming_body(struct incoming *in, str octets)
{
  if (in->state == INCOMING_TEMP || in->state == INCOMING_FULL) return in->state;
  buf_str_add(&in->tail, octets);
  if (!buf_ok(&in->tail)) {
    incoming_poison(in, STORE_TEMP);
    return in->state;
  }
  uint64_t before = in->octets;
  in->octets += octets.n;
  if (before / INCOMING_MIB != in->octets / INCOMING_MIB && !store_space(in->s, 0)) {
    incoming_poison(in, STORE_FULL);
    return in->state;
  }
  if (in->chunks + 2 >= ROW_KEY_STEP)
    incoming_poison(in, STORE_TEMP);
  else if (in->state == INCOMING_GO && in->tail.n >= LIMIT_CHUNK)
    incoming_spill_now(in);
  return in->state;
}

enum incoming_state incoming_state(const struct incoming *in)
{
  return in->state;
}

uint64_t incoming_octets(const struct incoming *in)
{
  return in->octets;
}

int incoming_read(struct incoming *in, size_t n, struct buf *out, struct err *e)
{
  struct store *s = in->s;
  if (in->state == INCOMING_TEMP || in->state == INCOMING_FULL)
    return err_set(e, ERR_TEMP, "cannot read the message back: it is lost");
  if (n >= in->chunks) {
    size_t from = (n - in->chunks) * LIMIT_CHUNK;
    if (from >= in->tail.n) return 0;
    buf_str_add(out, str_sub(buf_str(&in->tail), from, from + LIMIT_CHUNK));
    return buf_ok(out) ? 1 : err_nomem(e);
  }
  int rc = sql_query(s, SQL_BODY_GET, "i", in->key + 1 + (int64_t)n);
  if (rc == SQLITE_ROW) buf_str_add(out, sql_text(s, SQL_BODY_GET, 0));
  sql_end(s, SQL_BODY_GET);
  if (rc == SQLITE_ROW) return buf_ok(out) ? 1 : err_nomem(e);
  if (rc == SQLITE_DONE)
    return err_set(e, ERR_BUG, "cannot read the message back: a chunk is gone");
  tx_failed(s, rc);
  return sql_err(s, rc, e, "read the message back");
}

/* ---- accepting ------------------------------------------------------------------------------- */

/* What was spilled must be all there: count and octets. */
static int incoming_verify(struct incoming *in)
{
  if (!in->chunks) return SQLITE_OK;
  struct store *s = in->s;
  int rc = sql_query(s, SQL_BODY_SUM, "i", in->key);
  bool same = rc == SQLITE_ROW && sql_int(s, SQL_BODY_SUM, 0) == in->chunks &&
              (uint64_t)sql_int(s, SQL_BODY_SUM, 1) == (uint64_t)in->chunks * LIMIT_CHUNK;
  sql_end(s, SQL_BODY_SUM);
  if (rc != SQLITE_ROW) return rc;
  if (!same) log_error(LOG_STORE, "mid=%s what was spilled is not all there", in->id);
  return same ? SQLITE_OK : SQLITE_CONSTRAINT;
}

static int incoming_write_tail(struct incoming *in)
{
  int rc = SQLITE_OK;
  in->rows = in->chunks;
  for (size_t from = 0; from < in->tail.n && rc == SQLITE_OK; from += LIMIT_CHUNK) {
    in->rows++;
    rc = sql_run(in->s, SQL_BODY_ADD, "ib", in->key + in->rows,
                 str_sub(buf_str(&in->tail), from, from + LIMIT_CHUNK));
  }
  return rc;
}

/* Rules may have taken every recipient away: then only the trace is kept, as if the message had
 * left already. What was spilled goes with the incoming. */
static bool incoming_for_nobody(const struct store_mail *mail)
{
  for (size_t i = 0; i < mail->rcpt_count; i++)
    if (mail->rcpt[i].status == STORE_PENDING) return false;
  return mail->queue == STORE_DELIVER;
}

/* What comes with the message: its drop file, and the message about those it was refused for. */
static int incoming_write_more(struct incoming *in)
{
  const struct store_mail *mail = in->mail;
  int rc = SQLITE_OK;
  if (mail->dropped.n)
    rc = sql_run(in->s, SQL_DROPPED_ADD, "ssi", mail->dropped, mail->id, clock_wall());
  if (rc == SQLITE_OK && mail->also) rc = row_add(in->s, mail->also, in->also_key, 0, 0);
  return rc;
}

/* All of the body that is not in the file yet; then it is loose no more. */
static int incoming_write_rest(struct incoming *in)
{
  in->generation = in->s->tx.generation;
  int rc = incoming_verify(in);
  if (rc == SQLITE_OK) rc = incoming_write_tail(in);
  if (rc == SQLITE_OK && in->loose) rc = sql_run(in->s, SQL_LOOSE_DROP, "i", in->key);
  return rc;
}

static int incoming_accept_write(struct store *s, struct op *op)
{
  struct incoming *in = incoming_of(op);
  in->generation = s->tx.generation;
  int rc = incoming_write_more(in);
  if (rc == SQLITE_OK && incoming_for_nobody(in->mail))
    return row_decisions(s, in->mail->id, in->mail->trace, in->mail->trace_count);
  if (rc == SQLITE_OK) rc = incoming_write_rest(in);
  if (rc == SQLITE_OK) rc = row_add(s, in->mail, in->key, in->octets, in->rows);
  return rc;
}

/* The body rows too: whoever is undone has lost them. */
static int incoming_erase(struct store *s, const char *id, int64_t key, uint32_t rows,
                          const char *also, int64_t also_key)
{
  int rc = row_undo(s, str_of(id), key, rows);
  if (rc == SQLITE_OK) rc = sql_run(s, SQL_DROPPED_UNDO, "s", str_of(id));
  if (rc == SQLITE_OK && also[0]) rc = row_undo(s, str_of(also), also_key, 0);
  return rc;
}

static int incoming_accept_undo(struct store *s, struct op *op)
{
  struct incoming *in = incoming_of(op);
  return incoming_erase(s, in->id, in->key, in->rows, in->also, in->also_key);
}

static void incoming_accept_settled(struct store *s, struct op *op, enum store_result result)
{
  struct incoming *in = incoming_of(op);
  (void)s;
  if (result == STORE_OK)
    in->kept = !incoming_for_nobody(in->mail);
  else
    incoming_poison(in, result);
  in->mail = NULL;
  if (in->done) in->done(in->done_arg, result);
}

static const struct op_kind incoming_accepting = {
    .name = "accept",
    .promise = true,
    .write = incoming_accept_write,
    .undo = incoming_accept_undo,
    .settled = incoming_accept_settled,
};

/* No more octets come. */
bool incoming_end(struct incoming *in)
{
  tx_withdraw(in->s, &in->op); /* a chunk still waiting is written with the rest */
  if (in->state == INCOMING_WAIT) in->state = INCOMING_GO;
  return in->state == INCOMING_GO;
}

void incoming_accept(struct incoming *in, const struct store_mail *mail, store_done *done,
                     void *arg)
{
  struct store *s = in->s;
  in->mail = mail;
  if (mail->also) {
    snprintf(in->also, sizeof in->also, STR_FMT, STR_ARG(mail->also->id));
    in->also_key = s->key += ROW_KEY_STEP;
  }
  in->done = done;
  in->done_arg = arg;
  bool whole = incoming_end(in);
  in->op.kind = &incoming_accepting;
  if (whole)
    tx_submit(s, &in->op);
  else
    tx_refuse(s, &in->op, in->state == INCOMING_FULL ? STORE_FULL : STORE_TEMP);
}

/* ---- a body that takes the place of another -------------------------------------------------- */

int incoming_move(struct incoming *in, int64_t *key, uint32_t *chunks)
{
  int rc = incoming_write_rest(in);
  *key = in->key;
  *chunks = in->rows;
  return rc;
}

void incoming_moved(struct incoming *in)
{
  in->kept = true;
}

/* ---- the doubt ----------------------------------------------------------------------------------
 * A COMMIT that failed may yet be found whole on the disk after a crash or when the file is opened
 * again. Its clients were told 4xx and come again, so what they left is deleted by name. */

struct incoming_doubted {
  struct op op;
  char id[ID_LENGTH + 1], also[ID_LENGTH + 1];
  int64_t key, also_key;
  uint32_t rows;
};

static int incoming_doubt_write(struct store *s, struct op *op)
{
  struct incoming_doubted *d = (struct incoming_doubted *)(void *)op;
  return incoming_erase(s, d->id, d->key, d->rows, d->also, d->also_key);
}

static void incoming_doubt_settled(struct store *s, struct op *op, enum store_result result)
{
  (void)s, (void)result;
  mem_free(op);
}

static const struct op_kind incoming_doubting = {
    .name = "doubt",
    .promise = true,
    .rewrite = true,
    .write = incoming_doubt_write,
    .settled = incoming_doubt_settled,
};

static void incoming_doubt_one(struct incoming *in)
{
  struct incoming_doubted *d = mem_alloc(sizeof *d);
  if (!d) {
    log_warn(LOG_STORE, "mid=%s answered 4xx, but may be found in the file later", in->id);
    return;
  }
  d->op.kind = &incoming_doubting;
  memcpy(d->id, in->id, sizeof d->id);
  memcpy(d->also, in->also, sizeof d->also);
  d->key = in->key;
  d->also_key = in->also_key;
  d->rows = in->rows;
  tx_submit_later(in->s, &d->op);
}

void incoming_doubt(struct store *s)
{
  LIST_EACH(&s->tx.written, struct op, link, op)
    if (op->kind == &incoming_accepting) incoming_doubt_one(incoming_of(op));
}

/* ---- the end --------------------------------------------------------------------------------- */

void incoming_free(struct incoming *in)
{
  if (!in) return;
  struct store *s = in->s;
  /* Committed, but gone before it was told so: it comes again. */
  if (in->op.state == OP_SETTLED && in->op.kind == &incoming_accepting && in->op.result == STORE_OK)
    incoming_doubt_one(in);
  tx_withdraw(s, &in->op);
  if (in->loose && !in->kept) housekeep_loose(s);
  list_remove(&in->link);
  buf_free(&in->tail);
  mem_free(in);
}

void incoming_lost(struct store *s, enum store_result why)
{
  LIST_EACH(&s->incoming, struct incoming, link, in)
    if (in->generation == s->tx.generation) incoming_poison(in, why);
}

void incoming_closed(struct store *s)
{
  LIST_EACH(&s->incoming, struct incoming, link, in)
    if (!in->kept) incoming_poison(in, STORE_TEMP);
}

bool incoming_owns(const struct store *s, int64_t key)
{
  LIST_EACH(&s->incoming, const struct incoming, link, in)
    if (in->key == key) return true;
  return false;
}

#undef INCOMING_MIB
