/* tests/unit/drop_file.c: the file of a mail in the drop folder: written, read back, damaged. */
#include "../../smtp/format/format.h"

#include "../check.h"

static int dropfile_read(str all, struct arena *a, struct drop_file *d)
{
  size_t from = all.n > DROP_FILE_END ? all.n - DROP_FILE_END : 0;
  struct err e;

  return drop_file_parse(str_sub(all, 0, DROP_FILE_HEAD_MAX), str_skip(all, from), all.n, a, d, &e);
}

static void dropfile_make(const struct drop_file *d, str message, struct buf *out)
{
  drop_file_write_head(d, out);
  buf_str_add(out, message);
  drop_file_write_end(message.n, out);
}

TEST(drop_file_reads_what_it_wrote)
{
  str to[] = {STR_INIT("root"), STR_INIT("\"a b\"@c.example")};
  struct drop_file in = {.has_uid = true,
                         .uid = 4294967295,
                         .has_from = true,
                         .from = STR("alice@home.example"),
                         .to = to,
                         .to_count = 2,
                         .envid = STR("x+2By"),
                         .ret = STR("HDRS"),
                         .notify = STR("SUCCESS,FAILURE")},
                   d;
  struct buf out = BUF_INIT(1 << 16);
  struct arena *a = arena_new(0);

  dropfile_make(&in, STR("Subject: x\r\n\r\nvsmtp drop end 5\n"), &out);
  CHECK_INT(dropfile_read(buf_str(&out), a, &d), 0);
  CHECK(d.has_uid && d.uid == 4294967295);
  CHECK(d.has_from);
  CHECK_STR(d.from, "alice@home.example");
  CHECK_INT(d.to_count, 2);
  CHECK_STR(d.to[0], "root");
  CHECK_STR(d.to[1], "\"a b\"@c.example");
  CHECK_STR(d.envid, "x+2By");
  CHECK_STR(d.ret, "HDRS");
  CHECK_STR(d.notify, "SUCCESS,FAILURE");
  CHECK_STR(str_sub(buf_str(&out), d.at, d.at + d.octets), "Subject: x\r\n\r\nvsmtp drop end 5\n");
  /* Every shorter file is not whole, every longer one is none of ours. */
  for (size_t n = 0; n < out.n; n++)
    CHECK_INT(dropfile_read(str_sub(buf_str(&out), 0, n), a, &d), -1);
  buf_putc(&out, 'x');
  CHECK_INT(dropfile_read(buf_str(&out), a, &d), -1);
  buf_free(&out);
  arena_free(a);
}

TEST(drop_file_sender)
{
  str to[] = {STR_INIT("b")};
  struct drop_file in = {.to = to, .to_count = 1}, d;
  struct buf out = BUF_INIT(1 << 16);
  struct arena *a = arena_new(0);

  dropfile_make(&in, STR(""), &out);
  CHECK_INT(dropfile_read(buf_str(&out), a, &d), 0);
  CHECK(!d.has_from && !d.has_uid);
  buf_clear(&out);
  in.has_from = true; /* the null sender */
  dropfile_make(&in, STR(""), &out);
  CHECK_INT(dropfile_read(buf_str(&out), a, &d), 0);
  CHECK(d.has_from);
  CHECK_STR(d.from, "");
  buf_free(&out);
  arena_free(a);
}

TEST(drop_file_refuses)
{
  static const char *const heads[] = {
      "",
      "vsmtp drop 2\nto a\n\n",
      "vsmtp drop 1\n\n",                           /* nobody */
      "vsmtp drop 1\nto \n\n",                      /* */
      "vsmtp drop 1\nto a\n",                       /* the head does not end */
      "vsmtp drop 1\nto a> SIZE=1\n\n",             /* a parameter smuggled in */
      "vsmtp drop 1\nto a\rb\n\n",                  /* a line smuggled in */
      "vsmtp drop 1\nto a\nfrom b\nfrom c\n\n",     /* twice */
      "vsmtp drop 1\nto a\nnotify NEVER ORCPT\n\n", /* */
      "vsmtp drop 1\nto a\nword\n\n",
      "vsmtp drop 1\nto a\nstrange b\n\n",
      "vsmtp drop 1\nfor 0\nfor 0\nto a\n\n",
      "vsmtp drop 1\nfor root\nto a\n\n",
      "vsmtp drop 1\nfor 4294967296\nto a\n\n",
  };
  struct arena *a = arena_new(0);

  for (size_t i = 0; i < BASE_COUNT(heads); i++) {
    struct buf out = BUF_INIT(1 << 16);
    struct drop_file d;

    buf_puts(&out, heads[i]);
    drop_file_write_end(0, &out);
    CHECK_INT(dropfile_read(buf_str(&out), a, &d), -1);
    buf_free(&out);
  }
  arena_free(a);
}

TEST(drop_file_has_at_most_a_thousand_recipients)
{
  struct buf out = BUF_INIT(1 << 20);
  struct arena *a = arena_new(0);
  struct drop_file d;

  for (int more = 0; more < 2; more++) {
    buf_clear(&out);
    buf_puts(&out, "vsmtp drop 1\n");
    for (int i = 0; i < LIMIT_DROP_RCPT + more; i++) buf_printf(&out, "to %d@b.example\n", i);
    buf_puts(&out, "\nx\r\n");
    drop_file_write_end(3, &out);
    CHECK_INT(dropfile_read(buf_str(&out), a, &d), more ? -1 : 0);
  }
  buf_free(&out);
  arena_free(a);
}
