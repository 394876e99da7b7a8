/* smtp/policy/table.c: the file of a `db:csv` service. */
#include "policy.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../sqlite/store.h"

#define TABLE_SUFFIX ".vsmtp-new"

struct table {
  char *path, *own; /* owned */
  char delimiter;
  bool always, loaded;
  struct buf text;  /* what was read; with always: of the last question */
  struct map index; /* of a file read once: first field -> offset of its record, plus 1 */
};

struct table *table_new(const struct table_options *o)
{
  struct table *t = mem_alloc(sizeof *t);

  if (!t) return NULL;
  *t = (struct table){.delimiter = o->delimiter, .always = o->always};
  t->text.cap = LIMIT_CSV_FILE;
  t->path = mem_strdup(o->path);
  t->own = mem_strdup(o->own);
  if (t->path && t->own) return t;
  table_free(t);
  return NULL;
}

static void table_forget(struct table *t)
{
  map_free(&t->index);
  t->index = (struct map){0};
  buf_free(&t->text);
  t->loaded = false;
}

void table_free(struct table *t)
{
  if (!t) return;
  table_forget(t);
  mem_free(t->path);
  mem_free(t->own);
  mem_free(t);
}

/* ---- the file -------------------------------------------------------------------------------- */

/* Opens and locks it. Nothing is opened that could block, and never a file of our database: closing
 * that would give up the locks of the whole process on it (fcntl(2)). */
static enum table_done table_open(const struct table *t, bool write, int *fd, struct err *e)
{
  struct stat at, in;

  if (store_owns(str_of(t->own), t->path))
    return err_set(e, ERR_PERM, "%s belongs to the server's own database", t->path);
  if (stat(t->path, &at) < 0) return err_sys(e, errno, "cannot open %s", t->path);
  if (!S_ISREG(at.st_mode)) return err_set(e, ERR_PERM, "%s is no file", t->path);
  *fd = open(t->path, (write ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NONBLOCK);
  if (*fd < 0) return err_sys(e, errno, "cannot open %s", t->path);
  bool locked = flock(*fd, (write ? LOCK_EX : LOCK_SH) | LOCK_NB) == 0;
  int errnum = errno;
  /* somebody may have put another file in its place while we came to the lock */
  if (locked && fstat(*fd, &in) == 0 && in.st_dev == at.st_dev && in.st_ino == at.st_ino)
    return TABLE_DONE;
  close(*fd);
  if (locked || errnum == EWOULDBLOCK) return TABLE_BUSY;
  return err_sys(e, errnum, "cannot lock %s", t->path);
}

static int table_slurp(const struct table *t, int fd, struct buf *out, struct err *e)
{
  char block[16384];

  buf_clear(out);
  for (;;) {
    ssize_t n = read(fd, block, sizeof block);

    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return err_sys(e, errno, "cannot read %s", t->path);
    if (n == 0) return 0;
    if (out->n + (size_t)n > out->cap)
      return err_set(e, ERR_PERM, "%s is larger than %d octets", t->path, LIMIT_CSV_FILE);
    buf_add(out, block, (size_t)n);
    if (!buf_ok(out)) return err_nomem(e);
  }
}

static int table_write(const struct table *t, int fd, str text, struct err *e)
{
  while (text.n > 0) {
    ssize_t n = write(fd, text.p, text.n);

    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return err_sys(e, errno, "cannot write %s", t->path);
    text = str_skip(text, (size_t)n);
  }
  return 0;
}

/* ---- what is in it --------------------------------------------------------------------------- */

static int table_next(const struct table *t, size_t *at, struct csv_record *r, struct err *e)
{
  int got = csv_next(buf_str(&t->text), t->delimiter, at, r, e);

  return got < 0 ? err_context(e, "%s", t->path) : got;
}

/* Where the first record of each key stands. */
static int table_make_index(struct table *t, struct err *e)
{
  struct csv_record *r = mem_alloc(sizeof *r);
  size_t at = 0;
  int got = r ? 1 : err_nomem(e);

  map_free(&t->index);
  t->index = (struct map){0};
  if (r) r->text.cap = LIMIT_CSV_FILE;
  while (got > 0 && (got = table_next(t, &at, r, e)) > 0) {
    str key = csv_field(r, 0);

    if (map_has(&t->index, key)) continue;
    if (map_set(&t->index, key, (void *)(uintptr_t)(r->from + 1)) < 0) got = err_nomem(e);
  }
  if (r) csv_free(r);
  mem_free(r);
  return got;
}

static enum table_done table_load(struct table *t, struct err *e)
{
  int fd;
  enum table_done done = t->loaded ? TABLE_NONE : table_open(t, false, &fd, e);

  if (done != TABLE_DONE) return done == TABLE_NONE ? TABLE_DONE : done;
  if (table_slurp(t, fd, &t->text, e) < 0 || (!t->always && table_make_index(t, e) < 0))
    done = TABLE_FAILED;
  close(fd);
  if (done == TABLE_DONE)
    t->loaded = !t->always;
  else
    table_forget(t);
  return done;
}

static enum table_done table_find(const struct table *t, str key, struct csv_record *r,
                                  struct err *e)
{
  size_t at = 0;
  int got = 1;

  if (!t->always) {
    at = (size_t)(uintptr_t)map_get(&t->index, key);
    if (at-- == 0) return TABLE_NONE;
  }
  while (got > 0) {
    got = table_next(t, &at, r, e);
    if (got > 0 && str_eq(csv_field(r, 0), key)) return TABLE_DONE;
  }
  return got < 0 ? TABLE_FAILED : TABLE_NONE;
}

enum table_done table_get(struct table *t, str key, struct csv_record *r, struct err *e)
{
  enum table_done done = table_load(t, e);

  if (done == TABLE_DONE) done = table_find(t, key, r, e);
  if (t->always) table_forget(t);
  return done;
}

/* ---- changes --------------------------------------------------------------------------------- */

/* A copy read once sees our own changes: what the file holds now it holds too. */
static enum table_done table_learn(struct table *t, struct buf *now, struct err *e)
{
  if (!t->loaded) return TABLE_DONE;
  buf_free(&t->text);
  t->text = *now;
  *now = (struct buf)BUF_INIT(LIMIT_CSV_FILE);
  if (table_make_index(t, e) == 0) return TABLE_DONE;
  table_forget(t);
  return TABLE_FAILED;
}

/* One more line, whole or not at all. */
static int table_append(const struct table *t, int fd, struct buf *all, str line, struct err *e)
{
  const size_t before = all->n;
  struct buf added = BUF_INIT(LIMIT_CSV_FILE);
  int rc = -1;

  if (before > 0 && all->p[before - 1] != '\n') buf_putc(&added, '\n');
  buf_str_add(&added, line);
  buf_str_add(all, buf_str(&added));
  if (!buf_ok(&added) || !buf_ok(all))
    err_set(e, ERR_PERM, "%s would be larger than %d octets", t->path, LIMIT_CSV_FILE);
  else
    rc = table_write(t, fd, buf_str(&added), e);
  if (rc < 0 && ftruncate(fd, (off_t)before) < 0)
    log_error(LOG_APP, "%s may end with half a record", t->path);
  buf_free(&added);
  return rc;
}

enum table_done table_add(struct table *t, const struct datum *fields, size_t n, struct err *e)
{
  struct buf line = BUF_INIT(LIMIT_CSV_FILE), all = BUF_INIT(LIMIT_CSV_FILE);
  enum table_done done = TABLE_FAILED;
  int fd = -1;

  if (csv_put(&line, t->delimiter, fields, n, e) == 0) done = table_open(t, true, &fd, e);
  if (done == TABLE_DONE) {
    if (table_slurp(t, fd, &all, e) < 0 || table_append(t, fd, &all, buf_str(&line), e) < 0 ||
        table_learn(t, &all, e) < 0)
      done = TABLE_FAILED;
    close(fd);
  }
  buf_free(&line);
  buf_free(&all);
  return done;
}

/* All of `all` but the records of the key. Their number, or -1. */
static int table_without(const struct table *t, str all, str key, struct buf *out, struct err *e)
{
  struct csv_record *r = mem_alloc(sizeof *r);
  size_t at = 0, kept = 0;
  int got = r ? 1 : err_nomem(e), removed = 0;

  if (r) r->text.cap = LIMIT_CSV_FILE;
  while (got > 0 && (got = csv_next(all, t->delimiter, &at, r, e)) > 0) {
    if (!str_eq(csv_field(r, 0), key)) continue;
    buf_str_add(out, str_sub(all, kept, r->from));
    kept = r->to;
    removed++;
  }
  buf_str_add(out, str_skip(all, kept));
  if (r) csv_free(r);
  mem_free(r);
  if (got == 0 && !buf_ok(out)) return err_nomem(e);
  return got < 0 ? err_context(e, "%s", t->path) : removed;
}

/* The new text in the place of the old file, with its rights. Who reads sees one or the other. */
static int table_replace(const struct table *t, int old, str text, struct err *e)
{
  char real[PATH_MAX], fresh[PATH_MAX + sizeof TABLE_SUFFIX];
  struct stat st;

  if (!realpath(t->path, real) || fstat(old, &st) < 0)
    return err_sys(e, errno, "cannot open %s", t->path);
  snprintf(fresh, sizeof fresh, "%s" TABLE_SUFFIX, real);
  unlink(fresh); /* of a crash: the lock is ours */
  int fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0) return err_sys(e, errno, "cannot make %s", fresh);
  int rc = table_write(t, fd, text, e);
  /* owner and group as far as we may; another group than the old one gets no right */
  if (fchown(fd, st.st_uid, (gid_t)-1) < 0) trace(TRACE_RULES, "%s: another owner", fresh);
  if (fchown(fd, (uid_t)-1, st.st_gid) < 0) st.st_mode &= ~(mode_t)070;
  if (rc == 0 && (fchmod(fd, st.st_mode & 07777) < 0 || fdatasync(fd) < 0))
    rc = err_sys(e, errno, "cannot write %s", fresh);
  close(fd);
  if (rc == 0 && rename(fresh, real) < 0) rc = err_sys(e, errno, "cannot replace %s", real);
  if (rc < 0) unlink(fresh);
  return rc;
}

enum table_done table_remove(struct table *t, str key, struct err *e)
{
  struct buf all = BUF_INIT(LIMIT_CSV_FILE), rest = BUF_INIT(LIMIT_CSV_FILE);
  int fd = -1, removed = -1;
  enum table_done done = table_open(t, true, &fd, e);

  if (done == TABLE_DONE) {
    if (table_slurp(t, fd, &all, e) == 0) removed = table_without(t, buf_str(&all), key, &rest, e);
    if (removed < 0 || (removed > 0 && table_replace(t, fd, buf_str(&rest), e) < 0) ||
        table_learn(t, &rest, e) < 0)
      done = TABLE_FAILED;
    close(fd);
  }
  buf_free(&all);
  buf_free(&rest);
  return done;
}
#undef TABLE_SUFFIX
