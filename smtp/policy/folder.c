/* smtp/policy/folder.c: files that rules write below app.dirpath.
 *
 * Every step is taken with openat and O_NOFOLLOW from a folder already open, so a symbolic link put
 * there by somebody else leads nowhere.
 */
#include "folder.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER_FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC)

/* Opens the folder name in dir, making it if it is missing. */
static int folder_enter(int dir, str name, struct err *e)
{
  char text[256];
  int fd;

  if (name.n == 0 || name.n >= sizeof text || str_eq(name, STR("..")) || str_eq(name, STR(".")))
    return err_set(e, ERR_PERM, "cannot use folder name \"" STR_FMT "\"", STR_ARG(name));
  memcpy(text, name.p, name.n);
  text[name.n] = '\0';
  if (mkdirat(dir, text, 0700) < 0 && errno != EEXIST)
    return err_sys(e, errno, "cannot make folder %s", text);
  fd = openat(dir, text, FOLDER_FLAGS | O_NOFOLLOW);
  return fd < 0 ? err_sys(e, errno, "cannot open folder %s", text) : fd;
}

static int folder_open_root(str root, struct err *e)
{
  char *path = mem_strdup(root);
  int fd = -1;

  if (!path) return err_nomem(e);
  if (mkdir(path, 0700) < 0 && errno != EEXIST)
    err_sys(e, errno, "cannot make folder %s", path);
  else if ((fd = open(path, FOLDER_FLAGS)) < 0)
    err_sys(e, errno, "cannot open folder %s", path);
  mem_free(path);
  return fd;
}

static int folder_open(str root, str dir, struct err *e)
{
  int fd = folder_open_root(root, e);
  str name;

  while (fd >= 0 && str_cut(&dir, '/', &name)) {
    if (name.n == 0) continue;
    int next = folder_enter(fd, name, e);

    close(fd);
    fd = next;
  }
  return fd;
}

int folder_create(struct folder_file *f, str root, str dir, str name, str suffix, struct err *e)
{
  f->fd = -1;
  if (name.n == 0 || name.n + suffix.n >= sizeof f->name)
    return err_set(e, ERR_PERM, "there is no message to write yet");
  snprintf(f->name, sizeof f->name, STR_FMT STR_FMT, STR_ARG(name), STR_ARG(suffix));
  snprintf(f->tmp, sizeof f->tmp, ".%s.tmp", f->name);
  f->dir = folder_open(root, dir, e);
  if (f->dir < 0) return -1;
  f->fd = openat(f->dir, f->tmp, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (f->fd >= 0) return 0;
  err_sys(e, errno, "cannot create %s", f->name);
  close(f->dir);
  return -1;
}

int folder_write(struct folder_file *f, str text, struct err *e)
{
  while (text.n > 0) {
    ssize_t n = write(f->fd, text.p, text.n);

    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return err_sys(e, errno, "cannot write %s", f->name);
    text = str_skip(text, (size_t)n);
  }
  return 0;
}

int folder_finish(struct folder_file *f, bool keep, struct err *e)
{
  int rc = keep ? 0 : -1;

  if (close(f->fd) < 0 && keep) rc = err_sys(e, errno, "cannot write %s", f->name);
  if (rc == 0 && renameat(f->dir, f->tmp, f->dir, f->name) < 0)
    rc = err_sys(e, errno, "cannot name %s", f->name);
  if (rc < 0) unlinkat(f->dir, f->tmp, 0);
  close(f->dir);
  return rc;
}
#undef FOLDER_FLAGS
