/* tests/unit/header.c: the header block, read and edited. */
#include "../../smtp/format/format.h"
#include "../check.h"

static const char header_test_block[] = "From: a@b\r\nSubject: one\r\n two\r\nX-A: 1\r\nx-a: 2\r\n";

static struct header header_test(struct arena *a)
{
  struct header h = {.arena = a};
  struct err e;

  CHECK_INT(header_parse(&h, str_of(header_test_block), &e), 0);
  return h;
}

TEST(header_reads_and_writes_what_came)
{
  struct arena *a = arena_new(0);
  struct header h = header_test(a);
  struct buf out = BUF_INIT(1000);

  CHECK_INT(h.n, 4);
  CHECK_INT(header_count(&h, STR("X-a")), 2);
  CHECK_STR(header_value(header_find(&h, STR("subject"), 0), a), "one two");
  CHECK_STR(header_value(header_find(&h, STR("X-A"), 1), a), "2");
  CHECK(header_find(&h, STR("X-A"), 2) == NULL);
  header_write(&h, &out);
  CHECK_STR(&out, header_test_block);
  CHECK_INT(h.octets, out.n);
  buf_free(&out);
  arena_free(a);
}

TEST(header_edits)
{
  struct arena *a = arena_new(0);
  struct header h = header_test(a), front = {.arena = a};
  struct buf out = BUF_INIT(1000);
  struct err e;

  CHECK_INT(header_set(&h, STR("subject"), STR("new"), &e), 0);
  CHECK_INT(header_append(&h, STR("Last"), STR("l"), &e), 0);
  CHECK_INT(header_prepend(&front, STR("First"), STR("f"), &e), 0);
  CHECK_INT(header_join(&front, &h, &e), 0);
  CHECK_INT(header_remove(&h, STR("X-A")), 2);
  header_write(&h, &out);
  CHECK_STR(&out, "First: f\r\nFrom: a@b\r\nsubject: new\r\nLast: l\r\n");
  CHECK_INT(h.octets, out.n);
  buf_free(&out);
  arena_free(a);
}

TEST(header_limits_and_faults)
{
  struct arena *a = arena_new(0);
  struct header h = {.arena = a};
  struct err e;

  CHECK_INT(header_parse(&h, STR("no field\r\n"), &e), -1);
  CHECK_INT(e.kind, ERR_SYNTAX);
  for (int i = 0; i < LIMIT_HEADER_FIELDS; i++)
    if (header_append(&h, STR("A"), STR("b"), &e) < 0) break;
  CHECK_INT(h.n, LIMIT_HEADER_FIELDS);
  CHECK_INT(header_append(&h, STR("A"), STR("b"), &e), -1);
  CHECK_INT(e.kind, ERR_PERM);
  arena_free(a);
}
