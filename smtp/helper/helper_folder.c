/* smtp/helper/helper_folder.c: the way to a mailbox folder, and whose it is.
 *
 * The folder of mailboxes lies in one of the server's user, who may have been taken over. So root
 * follows links only in folders that are root's alone, once, when the helper starts, and keeps the
 * last of them, or what it leads to, open: the anchor. From there it goes step by step and through
 * no link at all. Where that leads matters little then: the mail is written by the owner of the
 * folder, who must be the server's user or a person, and nothing ever changes its owner.
 */
#include "helper_int.h"
#include "../conf/conf.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/syscall.h>
#endif
#ifdef SYS_openat2
#include <linux/openat2.h>
#endif

#define HELPER_FOLDER_FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC)

/* ---- the anchor ------------------------------------------------------------------------------ */

static bool helper_is_roots(int dir)
{
  struct stat st;
  return fstat(dir, &st) == 0 && st.st_uid == 0 && !(st.st_mode & (S_IWGRP | S_IWOTH));
}

int helper_folder_anchor(const struct helper_conf *conf, str *below)
{
  str rest = conf->mailboxes, name, from;
  char text[NAME_MAX + 1];
  int dir = open("/", HELPER_FOLDER_FLAGS);
  while (dir >= 0 && helper_is_roots(dir)) {
    from = rest;
    if (!str_cut(&rest, '/', &name)) break;
    if (name.n == 0) continue;
    snprintf(text, sizeof text, STR_FMT, STR_ARG(name));
    int next = name.n < sizeof text ? openat(dir, text, HELPER_FOLDER_FLAGS) : -1;
    if (next < 0) { /* not there yet */
      rest = from;
      break;
    }
    close(dir);
    dir = next;
  }
  *below = rest;
  return dir;
}

/* ---- the way --------------------------------------------------------------------------------- */

/* A path below dir, through no link and nothing that leads out of dir. */
static int helper_walk(int dir, str path)
{
  char text[NAME_MAX + 1];
  str name;
  int at = fcntl(dir, F_DUPFD_CLOEXEC, 0);
  while (at >= 0 && str_cut(&path, '/', &name)) {
    if (name.n == 0) continue;
    bool up = str_eq(name, STR("..")), fits = name.n < sizeof text;
    snprintf(text, sizeof text, STR_FMT, STR_ARG(name));
    int next = up || !fits ? -1 : openat(at, text, HELPER_FOLDER_FLAGS | O_NOFOLLOW);
    int errnum = up ? EXDEV : fits ? errno : ENAMETOOLONG;
    close(at);
    at = next;
    errno = errnum;
  }
  return at;
}

static int helper_open_below(int dir, const char *path)
{
#ifdef SYS_openat2
  struct open_how how = {.flags = HELPER_FOLDER_FLAGS,
                         .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
  int fd = (int)syscall(SYS_openat2, dir, path, &how, sizeof how);
  if (fd >= 0 || (errno != ENOSYS && errno != EPERM)) return fd; /* EPERM: a filter's word */
#endif
  return helper_walk(dir, str_of(path));
}

int helper_folder_open(const struct helper_conf *conf, int anchor, const char *domain,
                       const char *local, struct err *e)
{
  char path[NAME_MAX * 2 + 2];
  bool far = geteuid() == 0 && !helper_root_serves(conf);
  int top = far ? helper_open_below(anchor, conf->below.n ? conf->below.p : ".")
                : open(conf->mailboxes.p, HELPER_FOLDER_FLAGS);
  if (top < 0) return err_sys(e, errno, "cannot open the folder of mailboxes");
  int n = snprintf(path, sizeof path, "%s/%s", domain, local);
  int fd = n < (int)sizeof path ? helper_open_below(top, path) : -1;
  int errnum = n < (int)sizeof path ? errno : ENAMETOOLONG;
  close(top);
  if (fd < 0 && errnum == ENOENT) return err_set(e, ERR_PERM, "there is no such mailbox");
  return fd < 0 ? err_sys(e, errnum, "cannot open the mailbox folder") : fd;
}

/* ---- whose it is ----------------------------------------------------------------------------- */

bool helper_root_serves(const struct helper_conf *conf)
{
  return str_eq(conf->server_user, STR("root"));
}

/* He is told to whoever looks into the log. */
static int helper_folder_refuse(const struct helper_conf *conf, const char *domain,
                                const char *local, uint32_t uid, struct err *e)
{
  return err_set(e, ERR_TEMP,
                 "the mailbox folder belongs to %s (uid %u); type: chown -R " STR_FMT ": " STR_FMT
                 "/%s/%s",
                 uid ? "no person" : "root", (unsigned)uid, STR_ARG(conf->server_user),
                 STR_ARG(conf->mailboxes), domain, local);
}

int helper_folder_owner(const struct helper_conf *conf, const struct helper_order *order, int dir,
                        struct arena *a, struct passwd_entry *p, struct err *e)
{
  struct passwd_entry server;
  struct stat st;
  if (fstat(dir, &st)) return err_sys(e, errno, "cannot read the mailbox folder");
  *p = (struct passwd_entry){.uid = st.st_uid, .gid = st.st_gid};
  if (geteuid() != 0) return 0; /* whoever it is, nobody else can be acted for */
  if (st.st_uid == 0 && helper_root_serves(conf)) return 0;
  bool servers =
      passwd_user(conf->passwd, conf->server_user, a, &server, e) == 0 && server.uid == st.st_uid;
  bool person = st.st_uid >= HELPER_UID_MIN && st.st_uid != HELPER_UID_NOBODY;
  if (!person && !servers)
    return helper_folder_refuse(conf, order->domain, order->local, st.st_uid, e);
  /* The group of the folder may be anybody's; his own is not. */
  int found = passwd_uid(conf->passwd, st.st_uid, a, p, e);
  if (found < 0) return -1;
  if (found == 0) return 0;
  *p = (struct passwd_entry){.uid = st.st_uid, .gid = st.st_gid};
  if (st.st_gid >= HELPER_UID_MIN) return 0;
  return err_set(e, ERR_TEMP, "the mailbox folder belongs to uid %u, who is in no passwd file",
                 (unsigned)st.st_uid);
}
#undef HELPER_FOLDER_FLAGS
