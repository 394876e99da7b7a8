/* smtp/helper/helper_child.c: what a child of the helper does.
 *
 * It finds out whom to act for, becomes that user and only then touches anything of the mailbox or
 * runs anything. Its outcome goes onto the board it shares with the helper. Who is never acted for:
 * root (unless the server is root), nobody, and, without a mailbox folder, system users.
 */
#include "helper_int.h"
#include "local.h"
#include "../conf/conf.h"
#include "helper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/prctl.h>
#include <sys/syscall.h>
#endif

#define HELPER_FOLDER_FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC)
#define HELPER_MAIL_FD      3 /* where a child has its mail: behind it, the anchor */
#define HELPER_MAX_FD       65536
#define HELPER_PATH         "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define HELPER_MAX_ARGS     (LIMIT_PROGRAM_ARGS / 2)

void helper_close_from(int first)
{
#ifdef SYS_close_range
  if (syscall(SYS_close_range, (unsigned)first, ~0u, 0u) == 0) return;
#endif
  long max = sysconf(_SC_OPEN_MAX);
  for (int fd = first; fd < (max > 0 && max < HELPER_MAX_FD ? max : HELPER_MAX_FD); fd++) close(fd);
}

/* The text of e without its kind: PERM is for ever, everything else may pass. */
static enum helper_outcome helper_outcome_of(int result, const struct err *e)
{
  if (result == 0) return HELPER_OK;
  return e->kind == ERR_PERM ? HELPER_PERM : HELPER_TEMP;
}

/* The last word. A command that is run well has none: it overwrites itself. */
static _Noreturn void helper_leave(struct helper_answer *answer, int result, const struct err *e)
{
  answer->outcome = (uint8_t)helper_outcome_of(result, e);
  snprintf(answer->text, sizeof answer->text, "%.*s", HELPER_TEXT_MAX - 1,
           result ? e->text : "done");
  _exit(0);
}

/* ---- deliveries ------------------------------------------------------------------------------ */

/* Whose mailbox it is. */
struct helper_owner {
  uint32_t uid, gid;
  uint32_t groups[2];
  size_t n_groups;
  int64_t local_group; /* or -1 */
  int dir;             /* descriptor of the mailbox folder, -1: open path */
  const char *path;    /* folder to open after becoming the owner */
  bool may_be_root;
};

static void helper_take_local_group(struct helper_owner *o, str name)
{
  uint32_t gid;
  struct err ignored;
  o->local_group = -1;
  if (!name.n || passwd_group(str_of(PASSWD_GROUP), name, &gid, &ignored)) return;
  o->local_group = gid;
  o->groups[o->n_groups++] = gid;
}

/* A user's mbox lies in a folder that only a group may write to: that group is taken along. */
static int helper_find_mbox(const char *dir, struct helper_owner *o, struct err *e)
{
  struct stat st;
  if (stat(dir, &st)) return err_sys(e, errno, "cannot use the folder %s", dir);
  if (st.st_gid != 0) o->groups[o->n_groups++] = st.st_gid;
  o->path = dir;
  return 0;
}

static int helper_find_user(const struct helper_order *order, const struct helper_conf *conf,
                            struct arena *a, struct helper_owner *o, struct err *e)
{
  struct passwd_entry p;
  int found = passwd_user(conf->passwd, str_of(order->user), a, &p, e);
  if (found < 0) return -1;
  if (found) return err_set(e, ERR_PERM, "there is no user %s", order->user);
  if (p.uid < HELPER_UID_MIN || p.uid == HELPER_UID_NOBODY)
    return err_set(e, ERR_PERM, "%s is no person and has no mailbox", order->user);
  if (geteuid() != 0 && p.uid != geteuid())
    return err_set(e, ERR_TEMP, "cannot become %s: the server was not started as root",
                   order->user);
  o->uid = p.uid;
  o->gid = p.gid;
  if (order->format == HELPER_MBOX) return helper_find_mbox(conf->mbox_dir.p, o, e);
  if (!p.home.n) return err_set(e, ERR_TEMP, "%s has no home", order->user);
  o->path = p.home.p;
  return 0;
}

/* mailboxes/<domain>/<local>: the mail is written by whoever owns that folder. */
static int helper_find_folder(const struct helper_order *order, const struct helper_conf *conf,
                              struct arena *a, struct helper_owner *o, struct err *e)
{
  struct passwd_entry p;
  o->dir = helper_folder_open(conf, HELPER_ANCHOR_FD, order->domain, order->local, e);
  if (o->dir < 0 || helper_folder_owner(conf, order, o->dir, a, &p, e)) return -1;
  o->uid = p.uid;
  o->gid = p.gid;
  o->may_be_root = helper_root_serves(conf);
  return 0;
}

/* Becomes the owner for good and enters the folder with the owner's rights. */
static int helper_enter(struct helper_owner *o, struct err *e)
{
  umask(077);
  if (geteuid() == 0) {
    if (o->uid == 0 && !o->may_be_root)
      return err_set(e, ERR_PERM, "root has no mailbox: make an alias");
    if (privilege_become(o->uid, o->gid, o->groups, o->n_groups, e)) return -1;
  }
#ifdef __linux__
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
#endif
  if (o->dir < 0) o->dir = open(o->path, HELPER_FOLDER_FLAGS);
  if (o->dir < 0) return err_sys(e, errno, "cannot open %s", o->path);
  if (fchdir(o->dir)) return err_sys(e, errno, "cannot enter the mailbox folder");
  return 0;
}

static int helper_do_deliver(const struct helper_order *order, const struct helper_conf *conf,
                             struct err *e)
{
  struct arena *a = arena_new(0);
  struct helper_owner o = {.dir = -1};
  struct local_mail m = {.in = HELPER_MAIL_FD,
                         .size = order->size,
                         .name = order->name,
                         .sender = order->sender,
                         .first = order->first,
                         .until = clock_mono() + HELPER_GIVE_UP_MS};
  if (!a) return err_nomem(e);
  helper_take_local_group(&o, conf->local_group);
  m.group = o.local_group;
  if ((order->into == HELPER_USER ? helper_find_user(order, conf, a, &o, e)
                                  : helper_find_folder(order, conf, a, &o, e)) ||
      helper_enter(&o, e))
    return -1;
  if (order->format == HELPER_MAILDIR) return local_maildir(o.dir, &m, e);
  return local_mbox(o.dir, order->into == HELPER_USER ? order->user : "mbox", &m, e);
}

_Noreturn void helper_child_deliver(const struct helper_conf *conf, const struct helper_order *o,
                                    int mail, struct helper_answer *answer)
{
  struct err e = {.kind = ERR_NONE};
  int result = -1;
  if (mail != HELPER_MAIL_FD && dup2(mail, HELPER_MAIL_FD) < 0) {
    err_sys(&e, errno, "cannot take the mail");
  } else {
    helper_close_from(HELPER_ANCHOR_FD + 1);
    result = helper_do_deliver(o, conf, &e);
  }
  helper_leave(answer, result, &e);
}

/* ---- commands -------------------------------------------------------------------------------- */

/* The service's user, else the server's; and its group, else that user's. */
static int helper_find_runner(const struct helper_conf *conf,
                              const struct helper_service_order *service, struct arena *a,
                              struct passwd_entry *p, struct err *e)
{
  str user = service->user[0] ? str_of(service->user) : conf->server_user;
  int found = passwd_user(conf->passwd, user, a, p, e);
  if (found < 0) return -1;
  if (found) return err_set(e, ERR_PERM, "there is no user " STR_FMT, STR_ARG(user));
  if (p->uid == 0 && !helper_root_serves(conf))
    return err_set(e, ERR_PERM, "no command is run as root");
  if (!service->group[0]) return 0;
  found = passwd_group(str_of(PASSWD_GROUP), str_of(service->group), &p->gid, e);
  return found > 0 ? err_set(e, ERR_PERM, "there is no group %s", service->group) : found;
}

/* Not started as root: whoever we are, also when no file knows us, and nobody else. */
static int helper_become_runner(const struct helper_conf *conf,
                                const struct helper_service_order *service, struct arena *a,
                                struct passwd_entry *p, struct err *e)
{
  *p = (struct passwd_entry){.home = STR_INIT("/")};
  if (geteuid() != 0 && !service->user[0] && !service->group[0]) {
    if (passwd_uid(conf->passwd, geteuid(), a, p, e) || !p->home.n) p->home = STR("/");
    return 0;
  }
  if (helper_find_runner(conf, service, a, p, e)) return -1;
  if (geteuid() == 0) return privilege_become(p->uid, p->gid, NULL, 0, e);
  if (p->uid == geteuid() && (!service->group[0] || p->gid == getegid())) return 0;
  return err_set(e, ERR_TEMP, "cannot become another user: the server was not started as root");
}

bool helper_args_ok(char *args, uint32_t n, uint32_t size, char **argv)
{
  size_t at = 0;
  if (n > HELPER_MAX_ARGS) return false;
  for (uint32_t i = 0; i < n; i++) {
    size_t length = strnlen(args + at, size - at);
    if (at + length >= size) return false;
    if (argv) *argv++ = args + at;
    at += length + 1;
  }
  if (argv) *argv = NULL;
  return at == size;
}

/* As if a shell had started it: nothing ignored, a session of its own, so that its children can be
 * killed with it. */
static void helper_fresh(int output)
{
  struct sigaction act = {.sa_handler = SIG_DFL};
  sigemptyset(&act.sa_mask);
  for (int i = 1; i < 32; i++) sigaction(i, &act, NULL);
  setsid();
  if (output >= 0) dup2(output, 1);
  dup2(0, 2);
  helper_close_from(3);
  umask(077);
}

_Noreturn void helper_child_run(const struct helper_conf *conf,
                                struct helper_service_order *service, struct helper_run_order *o,
                                int output, struct helper_answer *answer)
{
  static char *argv[HELPER_MAX_ARGS + 2];
  struct err e = {.kind = ERR_NONE};
  struct arena *a = arena_new(0);
  struct passwd_entry p;
  char command[LIMIT_PROGRAM_PATH], home[LIMIT_PROGRAM_PATH];
  snprintf(command, sizeof command, "%s", service->command);
  helper_fresh(output);
  argv[0] = command;
  if (service->fixed)
    helper_args_ok(service->args, service->n_args, service->size, argv + 1);
  else
    helper_args_ok(o->args, o->n_args, o->size, argv + 1);
  if (!a)
    err_nomem(&e);
  else if (helper_become_runner(conf, service, a, &p, &e) == 0) {
    int n = snprintf(home, sizeof home, "HOME=" STR_FMT, STR_ARG(p.home));
    char path[] = "PATH=" HELPER_PATH, *env[] = {path, n < (int)sizeof home ? home : NULL, NULL};
    setenv("PATH", HELPER_PATH, 1); /* where execvpe looks */
    execvpe(command, argv, env);
    err_sys(&e, errno, "cannot run %.200s", command);
  }
  helper_leave(answer, -1, &e);
}

/* ---- looking --------------------------------------------------------------------------------- */

static int helper_look_at(const char *path, struct err *e)
{
  struct stat st;
  if (stat(path, &st)) return err_sys(e, errno, "cannot run %.200s", path);
  if (!S_ISREG(st.st_mode)) return err_set(e, ERR_PERM, "cannot run %.200s: no file", path);
  return access(path, X_OK) ? err_sys(e, errno, "cannot run %.200s", path) : 0;
}

/* As execvpe looks: the first one that could be run. */
static int helper_look(const char *command, struct err *e)
{
  char path[LIMIT_PROGRAM_PATH + 64];
  str folders = STR(HELPER_PATH), folder;
  struct err why;
  bool denied = false;
  if (!command[0]) return err_set(e, ERR_PERM, "there can be no such command");
  if (strchr(command, '/')) return helper_look_at(command, e);
  while (str_cut(&folders, ':', &folder)) {
    snprintf(path, sizeof path, STR_FMT "/%s", STR_ARG(folder), command);
    if (helper_look_at(path, &why) == 0) return 0;
    if (!str_ends(str_of(why.text), str_of(strerror(EACCES)))) continue;
    denied = true;
    *e = why;
  }
  if (denied) return -1;
  return err_set(e, ERR_PERM, "there is no %.200s in " HELPER_PATH, command);
}

_Noreturn void helper_child_try(const struct helper_conf *conf,
                                const struct helper_service_order *service,
                                struct helper_answer *answer)
{
  struct err e = {.kind = ERR_NONE};
  struct arena *a = arena_new(0);
  struct passwd_entry p;
  struct helper_conf own = *conf;
  int result = -1;
  if (!own.passwd.n) own.passwd = str_of(PASSWD_FILE);
  if (!a)
    err_nomem(&e);
  else if (helper_become_runner(&own, service, a, &p, &e) == 0) {
    result = helper_look(service->command, &e);
    if (result && e.kind == ERR_IO) e.kind = ERR_PERM;
  }
  helper_leave(answer, result, &e);
}

#undef HELPER_FOLDER_FLAGS
#undef HELPER_MAIL_FD
#undef HELPER_MAX_FD
#undef HELPER_PATH
#undef HELPER_MAX_ARGS
