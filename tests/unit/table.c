/* tests/unit/table.c: real files behind `db:csv` services. */
#include "../../smtp/policy/policy.h"
#include "../check.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

struct table_test {
  char path[512], own[512];
  struct table *table;
  struct err e;
  char got[1024];
};

static void table_put(const char *path, const char *text)
{
  FILE *f = fopen(path, "w");
  if (!CHECK(f != NULL)) return;
  fputs(text, f);
  fclose(f);
}

static void table_open_test(struct table_test *t, const char *text, bool always)
{
  const char *folder = check_folder();
  snprintf(t->path, sizeof t->path, "%s/t.csv", folder);
  snprintf(t->own, sizeof t->own, "%s", folder);
  table_put(t->path, text);
  t->table = table_new(&(struct table_options){
      .path = str_of(t->path), .own = str_of(t->own), .delimiter = ',', .always = always});
  CHECK(t->table != NULL);
}

static const char *table_ask(struct table_test *t, const char *key)
{
  struct csv_record r = {.text = BUF_INIT(4096)};
  struct buf out = BUF_INIT(sizeof t->got - 1);
  const enum table_done done = table_get(t->table, str_of(key), &r, &t->e);
  for (size_t i = 0; done == TABLE_DONE && i < r.n; i++)
    buf_printf(&out, "%s" STR_FMT, i ? "|" : "", STR_ARG(csv_field(&r, i)));
  if (done != TABLE_DONE)
    buf_puts(&out, done == TABLE_NONE ? "none" : done == TABLE_BUSY ? "busy" : t->e.text);
  snprintf(t->got, sizeof t->got, "%s", buf_cstr(&out));
  buf_free(&out);
  csv_free(&r);
  return t->got;
}

static enum table_done table_put_record(struct table_test *t, const char *a, const char *b)
{
  const struct datum fields[] = {{.type = DATUM_TEXT, .text = str_of(a)},
                                 {.type = DATUM_TEXT, .text = str_of(b)}};
  return table_add(t->table, fields, 2, &t->e);
}

static const char *table_text(struct table_test *t)
{
  struct buf text = BUF_INIT(0);
  if (file_read(str_of(t->path), sizeof t->got - 1, &text, &t->e) < 0) return "?";
  snprintf(t->got, sizeof t->got, "%s", buf_cstr(&text));
  buf_free(&text);
  return t->got;
}

TEST(table_reads_each_time_or_once)
{
  for (int always = 0; always < 2; always++) {
    struct table_test t;
    table_open_test(&t, "bob,1\namy,2\nbob,3\n", always);
    CHECK_STR(table_ask(&t, "bob"), "bob|1");
    CHECK_STR(table_ask(&t, "amy"), "amy|2");
    CHECK_STR(table_ask(&t, "bo"), "none");
    table_put(t.path, "bob,9\n");
    CHECK_STR(table_ask(&t, "bob"), always ? "bob|9" : "bob|1");
    table_free(t.table);
  }
}

TEST(table_changes)
{
  for (int always = 0; always < 2; always++) {
    struct table_test t;
    struct stat st;
    table_open_test(&t, "bob,1\namy,2", always);
    chmod(t.path, 0640);
    CHECK_STR(table_ask(&t, "eve"), "none");
    CHECK_INT(table_put_record(&t, "eve", "a, b"), TABLE_DONE);
    CHECK_STR(table_text(&t), "bob,1\namy,2\neve,\"a, b\"\n");
    CHECK_STR(table_ask(&t, "eve"), "eve|a, b");
    CHECK_INT(table_put_record(&t, "bob", "3"), TABLE_DONE);
    CHECK_INT(table_remove(t.table, STR("bob"), &t.e), TABLE_DONE);
    CHECK_STR(table_text(&t), "amy,2\neve,\"a, b\"\n");
    CHECK_STR(table_ask(&t, "bob"), "none");
    CHECK_STR(table_ask(&t, "amy"), "amy|2");
    CHECK_INT(table_remove(t.table, STR("a"), &t.e), TABLE_DONE);
    CHECK_STR(table_text(&t), "amy,2\neve,\"a, b\"\n");
    CHECK(stat(t.path, &st) == 0 && (st.st_mode & 07777) == 0640);
    table_free(t.table);
  }
}

/* Who has the file locked is waited for, by whoever asks. */
TEST(table_locked)
{
  struct table_test t;
  table_open_test(&t, "a,1\n", true);
  int fd = open(t.path, O_RDONLY);
  CHECK(flock(fd, LOCK_EX) == 0);
  CHECK_STR(table_ask(&t, "a"), "busy");
  CHECK_INT(table_put_record(&t, "b", "2"), TABLE_BUSY);
  CHECK_INT(table_remove(t.table, STR("a"), &t.e), TABLE_BUSY);
  CHECK(flock(fd, LOCK_SH) == 0);
  CHECK_STR(table_ask(&t, "a"), "a|1");
  CHECK_INT(table_put_record(&t, "b", "2"), TABLE_BUSY);
  close(fd);
  CHECK_INT(table_put_record(&t, "b", "2"), TABLE_DONE);
  table_free(t.table);
}

TEST(table_faults)
{
  struct table_test t;
  char want[1200];
  table_open_test(&t, "a,\"1\n", true);
  snprintf(want, sizeof want, "%s: line 1: a quote is not closed", t.path);
  CHECK_STR(table_ask(&t, "b"), want);
  CHECK_INT(table_remove(t.table, STR("a"), &t.e), TABLE_FAILED);
  CHECK_STR(table_text(&t), "a,\"1\n");
  unlink(t.path);
  snprintf(want, sizeof want, "cannot open %s: No such file or directory", t.path);
  CHECK_STR(table_ask(&t, "b"), want);
  CHECK(mkfifo(t.path, 0600) == 0);
  snprintf(want, sizeof want, "%s is no file", t.path);
  CHECK_STR(table_ask(&t, "b"), want);
  unlink(t.path);
  table_free(t.table);
}

/* Not even by a symbolic or a hard link. */
TEST(table_of_our_database)
{
  struct table_test t;
  char db[600], want[1200];
  table_open_test(&t, "a,1\n", true);
  snprintf(db, sizeof db, "%s/vsmtp.db", t.own);
  table_put(db, "a,2\n");
  snprintf(want, sizeof want, "%s belongs to the server's own database", t.path);
  unlink(t.path);
  CHECK(symlink(db, t.path) == 0);
  CHECK_STR(table_ask(&t, "a"), want);
  unlink(t.path);
  CHECK(link(db, t.path) == 0);
  CHECK_STR(table_ask(&t, "a"), want);
  CHECK_INT(table_put_record(&t, "b", "2"), TABLE_FAILED);
  table_free(t.table);
}

TEST(table_too_large)
{
  struct table_test t;
  char want[1200];
  table_open_test(&t, "", true);
  CHECK(truncate(t.path, LIMIT_CSV_FILE + 1) == 0);
  snprintf(want, sizeof want, "%s is larger than %d octets", t.path, LIMIT_CSV_FILE);
  CHECK_STR(table_ask(&t, "a"), want);
  CHECK(truncate(t.path, LIMIT_CSV_FILE) == 0);
  CHECK_INT(table_put_record(&t, "b", "2"), TABLE_FAILED);
  table_free(t.table);
}

/* Whatever cannot be done for want of memory, the file holds whole records. */
static char table_torture_path[512], table_torture_own[512];

static void table_tortured(void)
{
  struct csv_record r = {.text = BUF_INIT(4096)};
  const struct datum fields[] = {{.type = DATUM_TEXT, .text = STR("b")}};
  struct err e;
  struct table *t = table_new(&(struct table_options){
      .path = str_of(table_torture_path), .own = str_of(table_torture_own), .delimiter = ','});
  if (!t) return;
  table_get(t, STR("a"), &r, &e);
  table_add(t, fields, 1, &e);
  table_remove(t, STR("b"), &e);
  table_free(t);
  csv_free(&r);
}

TEST(table_without_memory)
{
  struct table_test t;
  table_open_test(&t, "a,1\n", true);
  snprintf(table_torture_path, sizeof table_torture_path, "%s", t.path);
  snprintf(table_torture_own, sizeof table_torture_own, "%s", t.own);
  check_torture(table_tortured);
  CHECK_STR(table_ask(&t, "a"), "a|1");
  table_free(t.table);
}
