/* tests/unit/file.c: whole files, their limits, and names of files. */
#include "../check.h"

#include <sys/stat.h>

static str file_make(struct arena *a, str content)
{
  str path = path_join(a, str_of(check_folder()), STR("file"));
  FILE *f = fopen(path.p, "w");
  if (!CHECK(f)) return path;
  fwrite(content.p, 1, content.n, f);
  fclose(f);
  return path;
}

TEST(file_read)
{
  struct arena *a = arena_new(0);
  struct buf out = BUF_INIT(0);
  struct err e = {0};
  str path = file_make(a, STR("some\0text\n"));
  CHECK_INT(file_read(path, 10, &out, &e), 0);
  CHECK_STR(&out, STR("some\0text\n"));
  CHECK_INT(file_read(path, 1000, &out, &e), 0);
  CHECK_INT(out.n, 10);
  CHECK_INT(file_read(path, 9, &out, &e), -1);
  CHECK(str_ends(str_of(e.text), STR("larger than 9 bytes")));
  path = file_make(a, STR(""));
  CHECK_INT(file_read(path, 0, &out, &e), 0);
  CHECK_INT(out.n, 0);
  buf_free(&out);
  arena_free(a);
}

TEST(file_read_refuses)
{
  struct buf out = BUF_INIT(0);
  struct err e = {0};
  CHECK_INT(file_read(STR("/nowhere/at/all"), 10, &out, &e), -1);
  CHECK_INT(e.kind, ERR_IO);
  CHECK_STR(e.text, "cannot open /nowhere/at/all: No such file or directory");
  CHECK_INT(file_read(str_of(check_folder()), 10, &out, &e), -1);
  CHECK_INT(file_read(STR("/etc\0x"), 10, &out, &e), -1);
  CHECK_INT(file_read((str){NULL, 0}, 10, &out, &e), -1);
  buf_free(&out);
}

TEST(file_read_large)
{
  struct arena *a = arena_new(0);
  struct buf big = BUF_INIT(1 << 20), out = BUF_INIT(0);
  struct err e = {0};
  while (big.n < 200000) buf_printf(&big, "%zu,", big.n);
  str path = file_make(a, buf_str(&big));
  CHECK_INT(file_read(path, big.n, &out, &e), 0);
  CHECK(str_eq(buf_str(&big), buf_str(&out)));
  CHECK_INT(file_read(path, big.n - 1, &out, &e), -1);
  for (uint64_t nth = 1; nth < 100; nth++) {
    buf_free(&out);
    mem_fail_at(nth, true);
    int rc = file_read(path, 1 << 20, &out, &e);
    if (!mem_failed()) break;
    CHECK_INT(rc, -1);
    CHECK_INT(e.kind, ERR_NOMEM);
  }
  CHECK(str_eq(buf_str(&big), buf_str(&out)));
  buf_free(&big);
  buf_free(&out);
  arena_free(a);
}

TEST(file_path_dir)
{
  CHECK_STR(path_dir(STR("a/b/c.vsl")), "a/b/");
  CHECK_STR(path_dir(STR("/a")), "/");
  CHECK_STR(path_dir(STR("a")), "");
  CHECK_STR(path_dir(STR("./a")), "");
  CHECK_STR(path_dir(STR("././/b/a")), "b/");
  CHECK_STR(path_dir(STR("../a")), "../");
  CHECK_STR(path_dir(STR("a/")), "a/");
  CHECK_STR(path_dir(STR("")), "");
}

TEST(file_path_join)
{
  struct arena *a = arena_new(0);
  CHECK_STR(path_join(a, STR("/etc/"), STR("x")), "/etc/x");
  CHECK_STR(path_join(a, STR("/etc"), STR("x")), "/etc/x");
  CHECK_STR(path_join(a, STR("/etc"), STR("/x")), "/x");
  CHECK_STR(path_join(a, STR(""), STR("x")), "x");
  CHECK_STR(path_join(a, STR("a/"), STR("../x")), "a/../x");
  arena_free(a);
}
