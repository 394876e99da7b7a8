/* sqlite/secret.c: keys the server made for itself; the one before the last is kept as
 * NAME.previous.
 */
#include "store_int.h"

int secret_get(struct store *s, str name, struct buf *out, int64_t *made_at, struct err *e)
{
  if (!store_ready(s)) return err_set(e, ERR_TEMP, "cannot read a key: the database is closed");
  int rc = sql_query(s, SQL_SECRET_GET, "s", name);
  if (rc == SQLITE_ROW) {
    buf_str_add(out, sql_text(s, SQL_SECRET_GET, 0));
    *made_at = sql_int(s, SQL_SECRET_GET, 1);
  }
  sql_end(s, SQL_SECRET_GET);
  if (rc == SQLITE_DONE) return 0;
  if (rc == SQLITE_ROW) return buf_ok(out) ? 1 : err_nomem(e);
  tx_failed(s, rc);
  return sql_err(s, rc, e, "read a key");
}

/* ---- a new one ------------------------------------------------------------------------------- */

struct secret_order {
  struct op op;
  int64_t made_at;
  struct buf name, value;
};

static int secret_write(struct store *s, struct op *op)
{
  struct secret_order *o = (struct secret_order *)(void *)op;
  int rc = sql_run(s, SQL_SECRET_KEEP, "s", buf_str(&o->name));
  if (rc == SQLITE_OK)
    rc = sql_run(s, SQL_SECRET_SET, "sbi", buf_str(&o->name), buf_str(&o->value), o->made_at);
  return rc;
}

static void secret_free(struct secret_order *o)
{
  buf_free(&o->name);
  buf_wipe(&o->value);
  mem_free(o);
}

static void secret_settled(struct store *s, struct op *op, enum store_result result)
{
  struct secret_order *o = (struct secret_order *)(void *)op;
  if (result != STORE_OK)
    log_error(LOG_STORE, "path=%s the key %s could not be kept: it lasts until the server stops",
              s->path, buf_cstr(&o->name));
  secret_free(o);
}

static const struct op_kind secret_writing = {
    .name = "secret",
    .promise = true,
    .rewrite = true,
    .write = secret_write,
    .settled = secret_settled,
};

int secret_set(struct store *s, str name, str value, struct err *e)
{
  struct secret_order *o = mem_alloc(sizeof *o);
  if (!o) return err_nomem(e);
  o->op.kind = &secret_writing;
  o->name.cap = name.n;
  o->value.cap = value.n;
  o->made_at = clock_wall();
  buf_str_add(&o->name, name);
  buf_str_add(&o->value, value);
  if (!buf_ok(&o->name) || !buf_ok(&o->value)) {
    secret_free(o);
    return err_nomem(e);
  }
  tx_submit_later(s, &o->op);
  return 0;
}
