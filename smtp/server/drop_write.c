/* smtp/server/drop_write.c: a mail left in the drop folder.
 *
 * The file has its name from the beginning and its last line at the end. Until then it is locked:
 * what has no last line and no lock was left by a program that died, and the server removes it
 * after an hour. The folder is one that nobody may list, so a name cannot be guessed: though the
 * file can be read by everybody, as it must be for the server's user, nobody but he will find it.
 */
#include "server.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../sqlite/store.h"

#define DROP_WRITE_OUT (LIMIT_HEADER_BYTES + DROP_FILE_HEAD_MAX + 8 * LIMIT_IO_INPUT)

void drop_write_begin(struct drop_write *l, const struct drop_write_options *o, struct arena *a)
{
  *l = (struct drop_write){.o = o, .arena = a, .out = BUF_INIT(DROP_WRITE_OUT), .fd = -1};
  submit_begin(&l->submit, &o->submit, a);
}

/* The server looks for the lock by taking it, for a moment. */
static int drop_write_lock(int fd)
{
  int rc;

  do rc = flock(fd, LOCK_EX);
  while (rc < 0 && errno == EINTR);
  return rc;
}

static int drop_write_open(struct drop_write *l, struct err *e)
{
  char name[ID_LENGTH + 1];
  struct buf path = BUF_INIT(4096);

  buf_printf(&path, STR_FMT "/%s", STR_ARG(l->o->folder), id_new(name));
  l->path = buf_ok(&path) ? mem_strdup(buf_str(&path)) : NULL;
  buf_free(&path);
  if (!l->path) return err_nomem(e);
  l->fd = open(l->path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
  if (l->fd >= 0 && drop_write_lock(l->fd) == 0 && fchmod(l->fd, 0644) == 0) return 0;
  if (l->fd >= 0) return err_sys(e, errno, "cannot lock the mail");
  err_sys(e, errno, "cannot leave the mail in " STR_FMT, STR_ARG(l->o->folder));
  if (errno == EACCES || errno == EPERM) e->kind = ERR_PERM;
  if (errno == ENOENT) e->kind = ERR_TEMP; /* the server makes it when it starts */
  mem_free(l->path);
  l->path = NULL;
  return -1;
}

static int drop_write_write(struct drop_write *l, struct err *e)
{
  str left = buf_str(&l->out);

  if (!buf_ok(&l->out)) return err_nomem(e);
  while (left.n > 0) {
    ssize_t n = write(l->fd, left.p, left.n);

    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return err_sys(e, errno, "cannot write the mail");
    left = str_skip(left, (size_t)n);
  }
  buf_clear(&l->out);
  return 0;
}

/* The recipients are known: what stands before the message is written. */
static int drop_write_write_head(struct drop_write *l, struct err *e)
{
  struct drop_file head = l->o->envelope;
  size_t n = head.to_count + l->submit.to_count;
  str *to = arena_alloc(l->arena, (n + 1) * sizeof *to);
  struct buf message = l->out;
  int rc;

  if (n == 0) return err_set(e, ERR_SYNTAX, "no recipient is named");
  if (n > LIMIT_DROP_RCPT)
    return err_set(e, ERR_SYNTAX, "more than %d recipients", LIMIT_DROP_RCPT);
  if (!to) return err_nomem(e);
  if (head.to_count) memcpy(to, head.to, head.to_count * sizeof *to);
  if (l->submit.to_count) memcpy(to + head.to_count, l->submit.to, l->submit.to_count * sizeof *to);
  head.to = to;
  head.to_count = n;
  if (drop_write_open(l, e) < 0) return -1;
  l->out = (struct buf)BUF_INIT(DROP_FILE_HEAD_MAX);
  drop_file_write_head(&head, &l->out);
  rc = drop_write_write(l, e);
  buf_free(&l->out);
  l->out = message;
  return rc;
}

/* What the text made, into the file. */
static int drop_write_flush(struct drop_write *l, struct err *e)
{
  if (l->submit.state == SUBMIT_HEADER) return 0;
  if (l->fd < 0 && drop_write_write_head(l, e) < 0) return -1;
  l->octets += l->out.n;
  return drop_write_write(l, e);
}

int drop_write_text(struct drop_write *l, str text, struct err *e)
{
  while (text.n > 0 && !drop_write_is_over(l)) {
    str piece = str_sub(text, 0, LIMIT_IO_INPUT);

    text = str_skip(text, piece.n);
    if (submit_text(&l->submit, piece, &l->out, e) < 0 || drop_write_flush(l, e) < 0) return -1;
  }
  return 0;
}

bool drop_write_is_over(const struct drop_write *l)
{
  return l->submit.state == SUBMIT_OVER;
}

/* The entry in the folder reaches the disk with the file on every file system in use on Linux; who
 * may open the folder (the server's user, root) makes sure. */
static void drop_write_sync_folder(const struct drop_write *l)
{
  char *folder = mem_strdup(l->o->folder);
  int fd = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

  if (fd >= 0 && fsync(fd) < 0) log_debug(LOG_SERVER, "cannot sync %s", folder);
  if (fd >= 0) close(fd);
  mem_free(folder);
}

int drop_write_end(struct drop_write *l, struct err *e)
{
  struct stat st;
  int fd;

  if (!drop_write_is_over(l) && submit_end(&l->submit, &l->out, e) < 0) return -1;
  if (drop_write_flush(l, e) < 0) return -1;
  if (fstat(l->fd, &st) < 0 || st.st_nlink != 1)
    return err_set(e, ERR_TEMP, "the mail was removed while it was written");
  drop_file_write_end(l->octets, &l->out);
  if (drop_write_write(l, e) < 0) return -1;
  if (fsync(l->fd) < 0) return err_sys(e, errno, "cannot write the mail");
  fd = l->fd;
  l->fd = -1;
  if (close(fd) < 0) return err_sys(e, errno, "cannot write the mail");
  drop_write_sync_folder(l);
  mem_free(l->path);
  l->path = NULL;
  return 0;
}

void drop_write_free(struct drop_write *l)
{
  if (l->fd >= 0) close(l->fd);
  if (l->path) unlink(l->path);
  mem_free(l->path);
  submit_free(&l->submit);
  buf_free(&l->out);
  *l = (struct drop_write){.fd = -1};
}
#undef DROP_WRITE_OUT
