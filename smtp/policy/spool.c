/* smtp/policy/spool.c: the folders a server needs: made, and looked at. */
#include "policy.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../conf/conf.h"
#include "../helper/helper.h"

#define SPOOL_MAILBOXES 1000 /* looked at, more are not named */
#define SPOOL_UID_MIN   1000 /* people, as for the helper */
#define SPOOL_NOBODY    65534

/* ---- whose is it? ---------------------------------------------------------------------------- */

#define SPOOL_LINKS 40 /* followed, as the kernel does */

/* Others may put files into a sticky folder, but not touch those of root that are there. */
static bool spool_is_safe(const struct stat *st, bool last)
{
  mode_t others = st->st_gid != 0 ? S_IWOTH | S_IWGRP : S_IWOTH;

  if (st->st_uid != 0) return false;
  return S_ISLNK(st->st_mode) || !(st->st_mode & others) || (!last && (st->st_mode & S_ISVTX));
}

/* A way through folders: where it has come to, by no link, and what is left of it. */
struct spool_way {
  char at[PATH_MAX], rest[PATH_MAX];
  int links;
};

static bool spool_set(char out[PATH_MAX], const char *fmt, const char *a, const char *b)
{
  char text[2 * PATH_MAX];
  int n = snprintf(text, sizeof text, fmt, a, b);

  if (n >= 0 && n < PATH_MAX) memcpy(out, text, (size_t)n + 1);
  return n >= 0 && n < PATH_MAX;
}

/* Takes the first word of what is left; false: there is none. */
static bool spool_word(struct spool_way *w, char word[PATH_MAX])
{
  str rest = str_of(w->rest), piece = {NULL, 0};

  while (rest.n && piece.n == 0 && str_cut(&rest, '/', &piece)) continue;
  if (piece.n == 0) return false;
  memcpy(word, piece.p, piece.n);
  word[piece.n] = '\0';
  memmove(w->rest, rest.n ? rest.p : "", rest.n);
  w->rest[rest.n] = '\0';
  return true;
}

/* A link of root's leads on; what it says stands before the rest. */
static bool spool_follow(struct spool_way *w, const char *link)
{
  char target[PATH_MAX];
  ssize_t n = readlink(link, target, sizeof target - 1);

  if (n <= 0 || ++w->links > SPOOL_LINKS) return false;
  target[n] = '\0';
  if (target[0] == '/') snprintf(w->at, sizeof w->at, "/");
  return spool_set(w->rest, "%s/%s", target, w->rest);
}

bool spool_is_roots(str folder)
{
  struct spool_way w = {.at = "/"};
  char word[PATH_MAX], next[PATH_MAX];
  struct stat st;

  if (folder.n == 0 || folder.n >= sizeof w.rest || folder.p[0] != '/') return false;
  snprintf(w.rest, sizeof w.rest, STR_FMT, STR_ARG(folder));
  if (lstat(w.at, &st) < 0 || !spool_is_safe(&st, false)) return false;
  while (spool_word(&w, word)) {
    if (strcmp(word, ".") == 0) continue;
    if (strcmp(word, "..") == 0) return false; /* nobody writes that here: no need to be clever */
    if (!spool_set(next, "%s/%s", strcmp(w.at, "/") ? w.at : "", word)) return false;
    if (lstat(next, &st) < 0) break;
    if (!spool_is_safe(&st, false)) return false;
    if (S_ISLNK(st.st_mode) ? !spool_follow(&w, next) : !spool_set(w.at, "%s%s", next, ""))
      return false;
  }
  return lstat(w.at, &st) == 0 && S_ISDIR(st.st_mode) && spool_is_safe(&st, true);
}

/* ---- making ---------------------------------------------------------------------------------- */

/* One folder, by root in a folder of root's. The last of a path is for the server's user. */
static int spool_make_as_root(const struct conf *conf, const char *path, mode_t mode, bool last,
                              struct err *e)
{
  if (mkdir(path, mode) < 0)
    return errno == EEXIST ? 0 : err_sys(e, errno, "cannot make folder %s", path);
  if (chmod(path, mode) < 0) return err_sys(e, errno, "cannot change the mode of %s", path);
  if (last && conf->server.system.resolved &&
      lchown(path, conf->server.system.uid, conf->server.system.gid) < 0)
    return err_sys(e, errno, "cannot give folder %s to the server's user", path);
  return 0;
}

static int spool_make_as_user(const struct conf *conf, const char *path, mode_t mode, struct err *e)
{
  int rc = 0;

  if (privilege_lend(conf, e) < 0) return -1;
  if (mkdir(path, mode) < 0 && errno != EEXIST)
    rc = err_sys(e, errno, "cannot make folder %s", path);
  return privilege_resume(conf, rc < 0 ? NULL : e) < 0 ? -1 : rc;
}

int spool_make_folder(const struct conf *conf, str path, mode_t mode, struct err *e)
{
  char text[PATH_MAX];
  struct stat st;
  int rc = 0;

  while (path.n > 1 && str_ends(path, STR("/"))) path.n--;
  if (path.n == 0 || path.n >= sizeof text) return err_set(e, ERR_PERM, "cannot use this path");
  for (size_t i = 1; rc == 0 && i <= path.n; i++) {
    bool last = i == path.n;
    if (!last && path.p[i] != '/') continue;
    memcpy(text, path.p, i);
    text[i] = '\0';
    if (stat(text, &st) == 0) {
      if (!S_ISDIR(st.st_mode))
        rc = err_sys(e, ENOTDIR, "cannot make folder " STR_FMT, STR_ARG(path));
    } else if (errno != ENOENT) {
      rc = err_sys(e, errno, "cannot make folder " STR_FMT, STR_ARG(path));
    } else if (geteuid() == 0 && spool_is_roots(path_dir(str_of(text)))) {
      rc = spool_make_as_root(conf, text, last ? mode : 0755, last, e);
    } else {
      rc = spool_make_as_user(conf, text, last ? mode : 0755, e);
    }
  }
  return rc;
}

/* Gives a folder just these rights, or those beside the ones it has, whatever the umask was when it
 * was made. The last part of the path may be a link only where `links` says that nobody else made
 * it. */
static int spool_permit_path(const char *path, mode_t mode, bool beside, bool links, struct err *e)
{
  int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (links ? 0 : O_NOFOLLOW)), rc = 0;
  struct stat st = {.st_mode = 0};
  mode_t want = mode;

  if (fd < 0 || fstat(fd, &st) < 0) rc = -1;
  if (beside) want |= st.st_mode & 07777;
  if (rc == 0 && (st.st_mode & 07777) != want) rc = fchmod(fd, want);
  if (rc < 0) err_sys(e, errno, "cannot change the mode of %s", path);
  if (fd >= 0) close(fd);
  return rc;
}

static int spool_permit(const struct conf *conf, const char *path, mode_t mode, bool beside,
                        bool links, struct err *e)
{
  bool lend = !spool_is_roots(path_dir(str_of(path)));
  int rc;

  if (lend && privilege_lend(conf, e) < 0) return -1;
  rc = spool_permit_path(path, mode, beside, links, e);
  return lend && privilege_resume(conf, rc < 0 ? NULL : e) < 0 ? -1 : rc;
}

/* Everybody of this machine may leave a mail in it, nobody may see those of others (drop_write.c).
 */
static int spool_make_drop(const struct conf *conf, struct arena *a, struct err *e)
{
  str spool = arena_str(a, conf->server.queues.dirpath), drop = path_join(a, spool, STR("drop"));

  if (!spool.p || !drop.p) return err_nomem(e);
  if (spool_make_folder(conf, drop, 0700, e) < 0) return -1;
  if (spool_permit(conf, drop.p, 01733, false, false, e) < 0) return -1;
  return spool_permit(conf, spool.p, 0711, true, true, e);
}

int spool_make(const struct conf *conf, struct err *e)
{
  struct arena *a = arena_new(LIMIT_CHUNK);
  str root, domain, postmaster;
  int rc = -1;

  if (!a) return err_nomem(e);
  root = inbox_root(conf, a);
  domain = inbox_domain_folder(conf, conf->server.domain, a);
  postmaster = arena_printf(a, STR_FMT "/postmaster", STR_ARG(domain));
  if (!root.p || !domain.p || !postmaster.p)
    err_nomem(e);
  else if (spool_make_folder(conf, conf->server.queues.dirpath, 0711, e) == 0 &&
           spool_make_drop(conf, a, e) == 0 &&
           spool_make_folder(conf, conf->app.dirpath, 0700, e) == 0 &&
           spool_make_folder(conf, root, 0700, e) == 0 &&
           spool_make_folder(conf, domain, 0700, e) == 0 &&
           spool_make_folder(conf, postmaster, 0700, e) == 0)
    rc = 0;
  arena_free(a);
  return rc;
}

/* ---- looking --------------------------------------------------------------------------------- */

struct spool_look {
  const struct conf *conf;
  str file;
  struct diags *diags;
  struct arena *arena;
  bool root;  /* the server is started as root, and becomes somebody else */
  str as, to; /* who looks; what chown wants for an owner */
  size_t faults;
};

static str spool_owner(struct spool_look *l, uint32_t uid)
{
  struct passwd_entry p;
  struct err ignored;

  if (passwd_uid(str_of(PASSWD_FILE), uid, l->arena, &p, &ignored) == 0) return p.name;
  return arena_printf(l->arena, "user %u", (unsigned)uid);
}

/* A group of the configuration may be missing where nobody made the user vsmtp. */
static void spool_begin(struct spool_look *l)
{
  const struct conf_system *system = &l->conf->server.system;
  struct err ignored;
  uint32_t gid;
  bool group;

  l->root = system->resolved;
  l->as = l->root ? system->user : spool_owner(l, geteuid());
  group = l->root && passwd_group(str_of(PASSWD_GROUP), system->group, &gid, &ignored) == 0;
  l->to = arena_printf(l->arena, STR_FMT ":" STR_FMT, STR_ARG(l->as),
                       STR_ARG(group ? system->group : STR("")));
}

enum spool_level { SPOOL_FAULT, SPOOL_WARNING };

static bool spool_is_servers(struct spool_look *l, uint32_t uid)
{
  struct passwd_entry p;
  struct err ignored;

  return uid != geteuid() &&
         passwd_user(str_of(PASSWD_FILE), l->conf->server.system.user, l->arena, &p, &ignored) ==
             0 &&
         p.uid == uid;
}

/* What cannot be done with it, and what to type. */
static void spool_say(struct spool_look *l, enum spool_level level, const char *key,
                      const char *deed, const char *path, const char *option)
{
  struct buf advice = BUF_INIT(ERR_TEXT_MAX);
  struct stat st;

  if (stat(path, &st) == 0 && !l->root && spool_is_servers(l, st.st_uid))
    buf_printf(&advice,
               "; it belongs to " STR_FMT ", whom a server becomes that root starts: ask as root",
               STR_ARG(l->conf->server.system.user));
  else if (stat(path, &st) == 0 && st.st_uid != geteuid())
    buf_printf(&advice, "; it belongs to " STR_FMT ", so type%s: chown %s" STR_FMT " %s",
               STR_ARG(spool_owner(l, st.st_uid)), l->root ? "" : " as root", option,
               STR_ARG(l->to), path);
  else
    buf_printf(&advice, "; type: chmod u+rwX %s", path);
  diags_add(l->diags, level == SPOOL_WARNING, l->file, (str){NULL, 0}, 0, 0,
            "%s: cannot %s %s: %s (as user " STR_FMT ")%s", key, deed, path, strerror(EACCES),
            STR_ARG(l->as), buf_cstr(&advice));
  l->faults += level == SPOOL_FAULT;
  buf_free(&advice);
}

static bool spool_may(const char *path, int mode)
{
  return faccessat(AT_FDCWD, path, mode, AT_EACCESS) == 0;
}

/* Whether one can go on below it. What is not there will be made, or is told by who needs it. */
static bool spool_look_folder(struct spool_look *l, enum spool_level level, const char *key,
                              const char *path, const char *option)
{
  struct stat st;

  if (stat(path, &st) < 0 || !S_ISDIR(st.st_mode)) return false;
  if (spool_may(path, R_OK | W_OK | X_OK)) return true;
  spool_say(l, level, key, "write in", path, option);
  return spool_may(path, R_OK | X_OK) && *option == '\0';
}

static void spool_look_files(struct spool_look *l, str dirpath)
{
  static const char *const names[] = {"vsmtp.db", "vsmtp.db-wal", "vsmtp.db-shm", "vsmtp.lock"};
  char path[PATH_MAX];

  for (size_t i = 0; i < BASE_COUNT(names); i++) {
    snprintf(path, sizeof path, STR_FMT "/%s", STR_ARG(dirpath), names[i]);
    if (spool_may(path, F_OK) && !spool_may(path, R_OK | W_OK))
      spool_say(l, SPOOL_FAULT, "database", "open", path, "");
  }
  snprintf(path, sizeof path, STR_FMT "/drop", STR_ARG(dirpath));
  spool_look_folder(l, SPOOL_FAULT, "server.queues.dirpath", path, "-R ");
}

/* ---- mailboxes ------------------------------------------------------------------------------- */

/* One that is neither the server's nor a person's cannot be delivered to, whoever made it. */
static void spool_look_mailbox(struct spool_look *l, const char *path)
{
  char below[PATH_MAX + 8];
  struct stat st, maildir;

  if (lstat(path, &st) < 0 || !S_ISDIR(st.st_mode)) return;
  snprintf(below, sizeof below, "%s/Maildir", path);
  if (st.st_uid != geteuid() && (st.st_uid < SPOOL_UID_MIN || st.st_uid == SPOOL_NOBODY))
    spool_say(l, SPOOL_WARNING, "app.dirpath", "deliver into", path, "-R ");
  else if (lstat(below, &maildir) == 0 && maildir.st_uid == 0 && geteuid() != 0)
    spool_say(l, SPOOL_WARNING, "app.dirpath", "deliver into", below, "-R ");
}

/* Calls what for each folder in one, hidden ones aside. */
static void spool_each(struct spool_look *l, const char *path,
                       void (*what)(struct spool_look *l, const char *path))
{
  char below[PATH_MAX];
  DIR *list = opendir(path);
  struct dirent *entry;

  for (int n = 0; list && n < SPOOL_MAILBOXES && (entry = readdir(list)) != NULL; n++) {
    if (entry->d_name[0] == '.') continue;
    if (snprintf(below, sizeof below, "%s/%s", path, entry->d_name) < (int)sizeof below)
      what(l, below);
  }
  if (list) closedir(list);
}

static void spool_look_domain(struct spool_look *l, const char *path)
{
  if (spool_look_folder(l, SPOOL_FAULT, "app.dirpath", path, ""))
    spool_each(l, path, spool_look_mailbox);
}

/* ---- logs ------------------------------------------------------------------------------------ */

/* Is there anything in the folder but these logs and what was kept of them? */
static bool spool_is_shared(const char *folder, str log, str other)
{
  DIR *list = opendir(folder);
  struct dirent *entry;
  bool shared = !list;

  while (!shared && (entry = readdir(list)) != NULL)
    shared = entry->d_name[0] != '.' && !str_starts(str_of(entry->d_name), log) &&
             !str_starts(str_of(entry->d_name), other);
  if (list) closedir(list);
  return shared;
}

static str spool_name(str path)
{
  return str_skip(path, path_dir(path).n);
}

/* A log that can be written, but not be put aside when it is full, grows for ever. */
static void spool_look_log(struct spool_look *l, const char *key, const struct conf_logs *logs,
                           const struct conf_logs *other)
{
  enum spool_level level = logs->filepath_given ? SPOOL_FAULT : SPOOL_WARNING;
  char path[PATH_MAX], folder[PATH_MAX];
  str dir = path_dir(logs->filepath);
  struct stat st;

  while (dir.n > 1 && str_ends(dir, STR("/"))) dir.n--;
  snprintf(path, sizeof path, STR_FMT, STR_ARG(logs->filepath));
  snprintf(folder, sizeof folder, STR_FMT, STR_ARG(dir));
  if (spool_may(path, F_OK) && !spool_may(path, W_OK)) spool_say(l, level, key, "write", path, "");
  if (stat(folder, &st) < 0 || spool_may(folder, W_OK | X_OK)) return;
  if (!spool_may(folder, X_OK) ||
      !spool_is_shared(folder, spool_name(logs->filepath), spool_name(other->filepath)))
    spool_say(l, l->root || spool_may(path, W_OK) ? SPOOL_WARNING : level, key, "put logs in",
              folder, "");
  else if (logs->size_limit && spool_may(path, W_OK))
    diags_add(l->diags, true, l->file, (str){NULL, 0}, 0, 0,
              "%s: %s cannot be put aside when it is full: let it have a folder of its own", key,
              path);
}

size_t spool_judge(const struct conf *conf, str file, struct diags *d)
{
  struct spool_look l = {.conf = conf, .file = file, .diags = d, .arena = arena_new(LIMIT_CHUNK)};
  const struct conf_logs *logs = &conf->server.logs, *app = &conf->app.logs;
  str dirpath, own, mailboxes;

  if (!l.arena) return 0;
  spool_begin(&l);
  dirpath = arena_str(l.arena, conf->server.queues.dirpath);
  own = arena_str(l.arena, conf->app.dirpath);
  mailboxes = inbox_root(conf, l.arena);
  if (dirpath.p && own.p && mailboxes.p) {
    bool below = spool_look_folder(
        &l, l.root || conf->server.queues.dirpath_given ? SPOOL_FAULT : SPOOL_WARNING,
        "server.queues.dirpath", dirpath.p, "-R ");
    if (below) spool_look_files(&l, dirpath);
    if ((below || !str_starts(own, dirpath)) &&
        spool_look_folder(&l, l.root || conf->app.dirpath_given ? SPOOL_FAULT : SPOOL_WARNING,
                          "app.dirpath", own.p, "-R ") &&
        spool_look_folder(&l, SPOOL_FAULT, "app.dirpath", mailboxes.p, "-R "))
      spool_each(&l, mailboxes.p, spool_look_domain);
    spool_look_log(&l, "server.logs.filepath", logs, app);
    spool_look_log(&l, "app.logs.filepath", app, logs);
  }
  arena_free(l.arena);
  return l.faults;
}
#undef SPOOL_LINKS
#undef SPOOL_MAILBOXES
#undef SPOOL_UID_MIN
#undef SPOOL_NOBODY
