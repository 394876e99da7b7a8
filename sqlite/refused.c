/* sqlite/refused.c: decisions of sessions that left no message, the newest 1000.
 *
 * A refusal must not cost a write of its own, or strangers could wear out a memory card: the rows
 * wait in a ring in memory and go to the file in a promise commit that happens anyway, a few at a
 * time, and at the end.
 */
#include "store_int.h"

#define REFUSED_TEXT  200 /* octets kept of each text */
#define REFUSED_SLICE 100 /* rows a commit takes along */

/* ORDER REFUSED: the texts of a row, in the order of the statement, each ending with a NUL. */
static char *refused_pack(str sid, const struct store_trace *t)
{
  str part[] = {sid, t->stage, t->directive, t->kind, t->status, t->detail};
  struct buf b = BUF_INIT(BASE_COUNT(part) * (REFUSED_TEXT + 1));
  for (size_t i = 0; i < BASE_COUNT(part); i++) {
    str cut = str_sub(part[i], 0, REFUSED_TEXT);
    if (str_chr(cut, '\0') >= 0) cut.n = (size_t)str_chr(cut, '\0');
    buf_str_add(&b, cut);
    buf_putc(&b, '\0');
  }
  if (buf_ok(&b)) return b.p;
  buf_free(&b);
  return NULL;
}

static void refused_one(struct refused *r, str sid, const struct store_trace *t)
{
  if (r->count == LIMIT_REFUSED) { /* the oldest makes room */
    mem_free(r->row[r->first].text);
    r->first = (r->first + 1) % LIMIT_REFUSED;
    r->count--;
    if (r->writing) r->writing--;
  }
  struct refused_row *row = &r->row[(r->first + r->count) % LIMIT_REFUSED];
  row->text = refused_pack(sid, t);
  row->at = t->at ? t->at : clock_wall();
  if (row->text) r->count++;
}

void refused_add(struct store *s, str sid, const struct store_trace *trace, size_t count)
{
  struct refused *r = &s->refused;
  if (!r->row) r->row = mem_alloc(LIMIT_REFUSED * sizeof *r->row);
  for (size_t i = 0; r->row && i < count; i++) refused_one(r, sid, &trace[i]);
}

static int refused_write_one(struct store *s, const struct refused_row *row)
{
  str part[6];
  const char *p = row->text;
  for (size_t i = 0; i < BASE_COUNT(part); i++) {
    part[i] = str_of(p);
    p += part[i].n + 1;
  }
  return sql_run(s, SQL_REFUSED_ADD, "sisssss", part[0], row->at, part[1], part[2], part[3],
                 part[4], part[5]);
}

int refused_write(struct store *s)
{
  struct refused *r = &s->refused;
  int rc = SQLITE_OK;
  if (r->writing) return rc; /* a COMMIT that is tried again */
  while (rc == SQLITE_OK && r->writing < r->count && r->writing < REFUSED_SLICE)
    rc = refused_write_one(s, &r->row[(r->first + r->writing++) % LIMIT_REFUSED]);
  if (rc == SQLITE_OK && r->writing) rc = sql_run(s, SQL_REFUSED_TRIM, "");
  return rc;
}

void refused_written(struct store *s)
{
  struct refused *r = &s->refused;
  for (; r->writing; r->writing--, r->count--) {
    mem_free(r->row[r->first].text);
    r->first = (r->first + 1) % LIMIT_REFUSED;
  }
}

void refused_free(struct store *s)
{
  struct refused *r = &s->refused;
  for (size_t i = 0; i < r->count; i++) mem_free(r->row[(r->first + i) % LIMIT_REFUSED].text);
  mem_free(r->row);
  *r = (struct refused){.row = NULL};
}

#undef REFUSED_TEXT
#undef REFUSED_SLICE
