/* smtp/helper/local.c: one mail into a Maildir or an mbox.
 *
 * Maildir: the mail is written to tmp/ under a name nobody else uses and synced, then linked to its
 * true name in new/, which is made of message id and recipient number, and new/ is synced. The link
 * is the delivery: it is there whole or not at all, and the second try of a delivery whose outcome
 * a crash took away finds the name and does nothing. A writer holds a lock on its tmp file, so the
 * next try can tell rubbish from work in progress.
 *
 * mbox: under an fcntl lock the mail is appended and synced; whatever goes wrong, the file is cut
 * back to its old length. The variant is mboxrd: ">From " is quoted too, so nothing is lost.
 *
 * Nothing below dir is ever reached through a symbolic link.
 */
#include "local.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LOCAL_FOLDER (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define LOCAL_BLOCK  32768
#define LOCAL_RETRY  100 /* ms between two tries for a lock */
#define LOCAL_NAME   512

/* ---- bytes from the pipe to the file, line ends and From_ changed on the way ----------------- */

struct local_copy {
  int fd;
  bool mbox;  /* quote From_ lines */
  bool cr;    /* a CR was seen and not written */
  int from;   /* octets of "From " matched since the line began (or its '>'); -1: no more */
  char last;  /* octet written last, LF at the begin */
  int errnum; /* of the first write that failed */
  size_t n;
  char block[LOCAL_BLOCK];
};

static void local_flush(struct local_copy *c)
{
  for (size_t at = 0; at < c->n && !c->errnum;) {
    ssize_t put = write(c->fd, c->block + at, c->n - at);
    if (put >= 0)
      at += (size_t)put;
    else if (errno != EINTR)
      c->errnum = errno;
  }
  c->n = 0;
}

static void local_put(struct local_copy *c, char ch)
{
  if (c->n == LOCAL_BLOCK) local_flush(c);
  c->block[c->n++] = ch;
  c->last = ch;
}

static void local_puts(struct local_copy *c, const char *text)
{
  while (*text) local_put(c, *text++);
}

/* Holds back what may become "From " at the begin of a line; '>' before it go through, one more
 * beside them is as good as before them. */
static void local_quote(struct local_copy *c, char ch)
{
  static const char from[] = "From ";
  if (c->from >= 0 && ch == from[c->from]) {
    if (from[++c->from]) return;
    local_put(c, '>');
    local_puts(c, from);
    c->from = -1;
    return;
  }
  for (int i = 0; i < c->from; i++) local_put(c, from[i]);
  if (ch == '\n')
    c->from = 0;
  else if (ch != '>' || c->from != 0)
    c->from = -1;
  local_put(c, ch);
}

static void local_byte(struct local_copy *c, char ch)
{
  if (c->mbox)
    local_quote(c, ch);
  else
    local_put(c, ch);
}

static void local_convert(struct local_copy *c, str s)
{
  for (size_t i = 0; i < s.n; i++) {
    if (c->cr && s.p[i] != '\n') local_byte(c, '\r');
    c->cr = s.p[i] == '\r';
    if (!c->cr) local_byte(c, s.p[i]);
  }
}

/* Whatever is held back; and a last line without an end gets one. */
static void local_finish(struct local_copy *c)
{
  if (c->cr) local_byte(c, '\r');
  c->cr = false;
  if (c->last != '\n' || c->from > 0) local_byte(c, '\n');
  local_flush(c);
}

/* Octets read; 0: the end; -1 with e. Never waits beyond until. */
static ssize_t local_read(const struct local_mail *m, char *p, size_t n, struct err *e)
{
  for (;;) {
    int64_t left = m->until - clock_mono();
    struct pollfd fd = {.fd = m->in, .events = POLLIN};
    int ready = left > 0 ? poll(&fd, 1, left > 60000 ? 60000 : (int)left) : 0;
    if (left <= 0) return err_set(e, ERR_TEMP, "the mail did not come in time");
    if (ready < 0 && errno != EINTR) return err_sys(e, errno, "cannot read the mail");
    if (ready <= 0) continue;
    ssize_t got = read(m->in, p, n);
    if (got >= 0) return got;
    if (errno != EINTR && errno != EAGAIN) return err_sys(e, errno, "cannot read the mail");
  }
}

/* The whole mail, or -1: a pipe that ends early means that the server gave up or died. */
static int local_copy_mail(struct local_copy *c, const struct local_mail *m, struct err *e)
{
  char in[LOCAL_BLOCK];
  uint64_t left = m->size;
  while (left && !c->errnum) {
    ssize_t got = local_read(m, in, left < sizeof in ? (size_t)left : sizeof in, e);
    if (got < 0) return -1;
    if (got == 0) return err_set(e, ERR_TEMP, "the mail broke off");
    local_convert(c, (str){in, (size_t)got});
    left -= (uint64_t)got;
  }
  local_finish(c);
  return c->errnum ? err_sys(e, c->errnum, "cannot write the mail") : 0;
}

/* Data and length are on the disk, or -1. */
static int local_sync(int fd, struct err *e)
{
  while (fsync(fd))
    if (errno != EINTR) return err_sys(e, errno, "cannot sync the mail");
  return 0;
}

/* The name is on the disk. Some file systems have no sync of folders: they say EINVAL. */
static int local_sync_folder(int fd, struct err *e)
{
  while (fsync(fd)) {
    if (errno == EINVAL) return 0;
    if (errno != EINTR) return err_sys(e, errno, "cannot sync the mailbox");
  }
  return 0;
}

static int local_give(int fd, const struct local_mail *m, mode_t mode, struct err *e)
{
  if (m->group < 0) return 0;
  if (fchown(fd, (uid_t)-1, (gid_t)m->group) || fchmod(fd, mode))
    return err_sys(e, errno, "cannot give the mail to the group");
  return 0;
}

/* ---- Maildir --------------------------------------------------------------------------------- */

struct local_box {
  int root, tmp, new, cur;
};

/* Opens a folder of ours, making it. */
static int local_folder(int dir, const char *name, const struct local_mail *m, struct err *e)
{
  int fd = openat(dir, name, LOCAL_FOLDER);
  if (fd < 0 && errno == ENOENT) {
    if (mkdirat(dir, name, 0700) && errno != EEXIST)
      return err_sys(e, errno, "cannot make the folder %s", name);
    fd = openat(dir, name, LOCAL_FOLDER);
    if (fd >= 0 && (local_give(fd, m, 0750, e) || local_sync_folder(dir, e))) {
      close(fd);
      return -1;
    }
  }
  return fd < 0 ? err_sys(e, errno, "cannot open the folder %s", name) : fd;
}

static void local_box_close(struct local_box *box)
{
  if (box->root >= 0) close(box->root);
  if (box->tmp >= 0) close(box->tmp);
  if (box->new >= 0) close(box->new);
  if (box->cur >= 0) close(box->cur);
}

static int local_box_open(struct local_box *box, int dir, const struct local_mail *m, struct err *e)
{
  *box = (struct local_box){-1, -1, -1, -1};
  if ((box->root = local_folder(dir, "Maildir", m, e)) < 0) return -1;
  if ((box->tmp = local_folder(box->root, "tmp", m, e)) < 0) return -1;
  if ((box->new = local_folder(box->root, "new", m, e)) < 0) return -1;
  return (box->cur = local_folder(box->root, "cur", m, e)) < 0 ? -1 : 0;
}

/* Calls what for every entry that is name, or name, mark and more; stops when it answers true. */
static bool local_each(int dir, const char *name, char mark, bool (*what)(int dir, const char *))
{
  size_t n = strlen(name);
  int fd = openat(dir, ".", LOCAL_FOLDER);
  DIR *list = fd < 0 ? NULL : fdopendir(fd);
  struct dirent *entry;
  bool found = false;
  if (!list) {
    if (fd >= 0) close(fd);
    return false;
  }
  while (!found && (entry = readdir(list)))
    if (strncmp(entry->d_name, name, n) == 0 && (!entry->d_name[n] || entry->d_name[n] == mark))
      found = what(dir, entry->d_name);
  closedir(list);
  return found;
}

static bool local_is_there(int dir, const char *name)
{
  (void)dir, (void)name;
  return true;
}

/* What a dead writer left in tmp. */
static bool local_sweep(int tmp, const char *name)
{
  int fd = openat(tmp, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0) unlinkat(tmp, name, 0);
  if (fd >= 0) close(fd);
  return false;
}

/* Was it delivered before? A reader moves mails from new to cur and adds ":2," and flags. */
static bool local_delivered(const struct local_box *box, const struct local_mail *m)
{
  struct stat st;
  if (fstatat(box->new, m->name, &st, AT_SYMLINK_NOFOLLOW) == 0) return true;
  if (m->first) return false;
  local_each(box->tmp, m->name, '.', local_sweep);
  return local_each(box->cur, m->name, ':', local_is_there);
}

static int local_write_tmp(int tmp, const char *name, const struct local_mail *m, struct err *e)
{
  struct local_copy c = {.last = '\n'};
  c.fd = openat(tmp, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (c.fd < 0) return err_sys(e, errno, "cannot create a file in Maildir/tmp");
  (void)flock(c.fd, LOCK_EX | LOCK_NB); /* nobody else knows the file; without locks no sweeping */
  if (local_copy_mail(&c, m, e) || local_give(c.fd, m, 0640, e) || local_sync(c.fd, e)) {
    close(c.fd);
    return -1;
  }
  return c.fd;
}

/* The moment of delivery. Where there are no hard links rename does it. */
static int local_publish(const struct local_box *box, const char *tmp, const char *name,
                         struct err *e)
{
  if (linkat(box->tmp, tmp, box->new, name, 0) && errno != EEXIST) {
    if (errno != EPERM && errno != EOPNOTSUPP && errno != ENOSYS && errno != EMLINK)
      return err_sys(e, errno, "cannot name the mail in Maildir/new");
    if (renameat(box->tmp, tmp, box->new, name))
      return err_sys(e, errno, "cannot name the mail in Maildir/new");
  }
  return local_sync_folder(box->new, e);
}

static int local_store(const struct local_box *box, const struct local_mail *m, struct err *e)
{
  char tmp[LOCAL_NAME];
  uint64_t random;
  if (random_bytes(&random, sizeof random)) return err_set(e, ERR_IO, "cannot get random bytes");
  int n = snprintf(tmp, sizeof tmp, "%s.%016llx", m->name, (unsigned long long)random);
  if (n < 0 || (size_t)n >= sizeof tmp) return err_set(e, ERR_PERM, "the name is too long");
  int fd = local_write_tmp(box->tmp, tmp, m, e);
  int result = fd < 0 ? -1 : local_publish(box, tmp, m->name, e);
  unlinkat(box->tmp, tmp, 0);
  if (fd >= 0) close(fd);
  return result;
}

int local_maildir(int dir, const struct local_mail *m, struct err *e)
{
  struct local_box box;
  int result = -1;
  if (local_box_open(&box, dir, m, e) == 0)
    result = local_delivered(&box, m) ? local_sync_folder(box.new, e) : local_store(&box, m, e);
  local_box_close(&box);
  return result;
}

/* ---- mbox ------------------------------------------------------------------------------------ */

/* Only a plain file of our own, with one name: else somebody could make us write elsewhere. */
static int local_mbox_open(int dir, const char *file, struct stat *st, struct err *e)
{
  int fd = openat(dir, file, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
  if (fd < 0) return err_sys(e, errno, "cannot open the mbox %s", file);
  if (fstat(fd, st) == 0 && S_ISREG(st->st_mode) && st->st_uid == geteuid() && st->st_nlink == 1)
    return fd;
  close(fd);
  return err_set(e, ERR_TEMP, "the mbox %s is not a plain file of its user", file);
}

static int local_lock(int fd, const struct local_mail *m, struct err *e)
{
  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  while (fcntl(fd, F_SETLK, &lock)) {
    if (errno != EAGAIN && errno != EACCES && errno != EINTR)
      return err_sys(e, errno, "cannot lock the mbox");
    if (clock_mono() >= m->until) return err_set(e, ERR_TEMP, "the mbox is locked by a reader");
    poll(NULL, 0, LOCAL_RETRY);
  }
  return 0;
}

/* Ends what was there with an empty line. */
static void local_gap(struct local_copy *c, off_t size)
{
  char tail[2] = "\n";
  if (size == 0) return;
  ssize_t n = pread(c->fd, tail, 2, size < 2 ? 0 : size - 2);
  if (n < 1) return;
  if (tail[n - 1] != '\n')
    local_puts(c, "\n\n");
  else if (n < 2 || tail[0] != '\n')
    local_put(c, '\n');
}

/* "From sender Sun Nov 22 07:39:00 2026": the sender is one word, the time is UTC (RFC 4155). */
static void local_from(struct local_copy *c, const char *sender)
{
  char at[64];
  time_t now = (time_t)(clock_wall() / 1000);
  struct tm tm;
  if (!gmtime_r(&now, &tm) || !strftime(at, sizeof at, " %a %b %e %H:%M:%S %Y\n", &tm))
    snprintf(at, sizeof at, " Thu Jan  1 00:00:00 1970\n");
  local_puts(c, "From ");
  for (const char *p = sender[0] ? sender : "MAILER-DAEMON"; *p; p++)
    local_put(c, (unsigned char)*p <= ' ' || *p == 0x7f ? '_' : *p);
  local_puts(c, at);
}

static int local_append(int fd, off_t size, const struct local_mail *m, struct err *e)
{
  struct local_copy c = {.fd = fd, .mbox = true, .last = '\n'};
  if (lseek(fd, size, SEEK_SET) != size) return err_sys(e, errno, "cannot write the mbox");
  local_gap(&c, size);
  local_from(&c, m->sender);
  c.from = 0;
  if (local_copy_mail(&c, m, e)) return -1;
  local_put(&c, '\n');
  local_flush(&c);
  if (c.errnum) return err_sys(e, c.errnum, "cannot write the mbox");
  return local_sync(fd, e);
}

int local_mbox(int dir, const char *file, const struct local_mail *m, struct err *e)
{
  struct stat st;
  struct err ignored;
  int result = -1, fd = local_mbox_open(dir, file, &st, e);
  if (fd < 0) return -1;
  if (local_lock(fd, m, e)) goto out;
  if (fstat(fd, &st)) { /* its length now */
    err_sys(e, errno, "cannot read the mbox");
    goto out;
  }
  /* A file that is new is synced first: once the mail is in it, nothing may fail any more. */
  if (st.st_size == 0 && (local_give(fd, m, 0660, e) || local_sync_folder(dir, e))) goto out;
  result = local_append(fd, st.st_size, m, e);
  if (result && ftruncate(fd, st.st_size) == 0) local_sync(fd, &ignored);
out:
  close(fd);
  return result;
}

#undef LOCAL_FOLDER
#undef LOCAL_BLOCK
#undef LOCAL_RETRY
#undef LOCAL_NAME
