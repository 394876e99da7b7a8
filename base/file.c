/* base/file.c: whole files and their names.
 */
#include "base.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_STEP 16384

static int file_open(str path, struct err *e)
{
  if (str_chr(path, '\0') >= 0)
    return err_set(e, ERR_SYNTAX, "cannot open " STR_FMT ": a NUL in its name", STR_ARG(path));
  char *name = mem_strdup(path);
  if (!name) return err_nomem(e);
  int fd = open(name, O_RDONLY | O_CLOEXEC);
  int errnum = errno;
  mem_free(name);
  return fd < 0 ? err_sys(e, errnum, "cannot open " STR_FMT, STR_ARG(path)) : fd;
}

/* Reads until the end; one byte beyond the limit is asked for to see that there is none. */
static int file_drain(int fd, str path, size_t limit, struct buf *out, struct err *e)
{
  for (;;) {
    size_t left = limit - out->n;
    size_t step = left < FILE_STEP ? left : FILE_STEP;
    char extra;
    char *room = step ? buf_room(out, step) : &extra;
    if (!room) return err_nomem(e);
    ssize_t got = read(fd, room, step ? step : 1);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return err_sys(e, errno, "cannot read " STR_FMT, STR_ARG(path));
    if (got == 0) return 0;
    if (step == 0)
      return err_set(e, ERR_PERM, "cannot read " STR_FMT ": larger than %zu bytes", STR_ARG(path),
                     limit);
    buf_grew(out, (size_t)got);
  }
}

int file_read(str path, size_t limit, struct buf *out, struct err *e)
{
  int fd = file_open(path, e);
  if (fd < 0) return -1;
  buf_clear(out);
  out->cap = limit;
  int rc = file_drain(fd, path, limit, out, e);
  close(fd);
  return rc;
}

str path_dir(str path)
{
  while (str_starts(path, STR("./"))) {
    path = str_skip(path, 2);
    while (str_starts(path, STR("/"))) path = str_skip(path, 1);
  }
  return str_sub(path, 0, (size_t)(str_rchr(path, '/') + 1));
}

str path_join(struct arena *a, str dir, str name)
{
  if (str_starts(name, STR("/"))) return arena_str(a, name);
  const char *slash = dir.n && !str_ends(dir, STR("/")) ? "/" : "";
  return arena_printf(a, STR_FMT "%s" STR_FMT, STR_ARG(dir), slash, STR_ARG(name));
}

#ifdef VSMTP_TEST
const char *path_system(const char *path)
{
  static struct {
    const char *path;
    char there[1024];
  } known[16];
  const char *root = getenv("VSMTP_ROOT");
  size_t i = 0;
  if (!root) return path;
  while (i < BASE_COUNT(known) - 1 && known[i].path && strcmp(known[i].path, path) != 0) i++;
  known[i].path = path;
  snprintf(known[i].there, sizeof known[i].there, "%s%s", root, path);
  return known[i].there;
}
#else
const char *path_system(const char *path)
{
  return path;
}
#endif
#undef FILE_STEP
