/* smtp/helper_process.c: the helper itself, and its children.
 *
 * The helper has a loop of its own: orders come in, children end, deadlines strike. It writes no
 * file and reads no rule. A child finds out who owns the mailbox, becomes that user and only then
 * touches anything in it; it leaves its outcome on the board, memory shared with the helper, and
 * ends. Who is never acted for: root, and nobody, and, without a mailbox folder, system users.
 */
#include "helper_int.h"
#include "local.h"
#include "passwd.h"
#include "privilege.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/prctl.h>
#include <sys/syscall.h>
#endif

#define HELPER_FOLDER_FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC)
#define HELPER_MAIL_FD      3 /* where a child has its mail */
#define HELPER_MAX_FD       65536

struct helper_child {
  pid_t pid; /* 0: free */
  uint32_t id;
  struct timer deadline;
  bool killed;
};

struct helper_self {
  int fd;
  struct loop *loop;
  struct watch watch;
  bool orphan; /* the server has ended */
  const struct helper_conf *conf;
  struct helper_child children[LIMIT_HELPER_CHILDREN];
  struct helper_answer *board; /* one for each child */
};

/* ---- a child --------------------------------------------------------------------------------- */

/* Whose mailbox it is. */
struct helper_owner {
  uint32_t uid, gid;
  uint32_t groups[2];
  size_t n_groups;
  int64_t local_group; /* or -1 */
  int dir;             /* descriptor of the mailbox folder, -1: open path */
  const char *path;    /* folder to open after becoming the owner */
};

static void helper_close_from(int first)
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

static void helper_take_local_group(struct helper_owner *o, str name)
{
  uint32_t gid;
  struct err ignored;
  o->local_group = -1;
  if (!name.n || passwd_group(STR(PASSWD_GROUP), name, &gid, &ignored)) return;
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

/* Mailbox folders that root made by hand are the server's. */
static int helper_adopt(int dir, const struct helper_conf *conf, struct arena *a, struct stat *st,
                        struct err *e)
{
  struct passwd_entry p;
  if (st->st_uid != 0 || geteuid() != 0) return 0;
  if (!conf->server_user.n || passwd_user(conf->passwd, conf->server_user, a, &p, e) || p.uid == 0)
    return err_set(e, ERR_TEMP, "the mailbox folder belongs to root: give it to a user");
  if (fchown(dir, p.uid, p.gid)) return err_sys(e, errno, "cannot give the mailbox folder away");
  st->st_uid = p.uid;
  st->st_gid = p.gid;
  return 0;
}

/* mailboxes/<domain>/<local>, step by step and never through a symbolic link below mailboxes. */
static int helper_find_folder(const struct helper_order *order, const struct helper_conf *conf,
                              struct arena *a, struct helper_owner *o, struct err *e)
{
  struct stat st;
  int domain = -1, root = open(conf->mailboxes.p, HELPER_FOLDER_FLAGS);
  if (root < 0) return err_sys(e, errno, "cannot open the folder of mailboxes");
  domain = openat(root, order->domain, HELPER_FOLDER_FLAGS | O_NOFOLLOW);
  if (domain >= 0) o->dir = openat(domain, order->local, HELPER_FOLDER_FLAGS | O_NOFOLLOW);
  int errnum = errno;
  close(root);
  if (domain >= 0) close(domain);
  if (o->dir < 0 && errnum == ENOENT) return err_set(e, ERR_PERM, "there is no such mailbox");
  if (o->dir < 0) return err_sys(e, errnum, "cannot open the mailbox folder");
  if (fstat(o->dir, &st)) return err_sys(e, errno, "cannot read the mailbox folder");
  if (helper_adopt(o->dir, conf, a, &st, e)) return -1;
  o->uid = st.st_uid;
  o->gid = st.st_gid;
  return 0;
}

/* Becomes the owner for good and enters the folder with the owner's rights. */
static int helper_enter(struct helper_owner *o, struct err *e)
{
  umask(077);
  if (geteuid() == 0) {
    if (o->uid == 0) return err_set(e, ERR_PERM, "root has no mailbox: make an alias");
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
  if ((order->place == HELPER_USER ? helper_find_user(order, conf, a, &o, e)
                                   : helper_find_folder(order, conf, a, &o, e)) ||
      helper_enter(&o, e))
    return -1;
  if (order->format == HELPER_MAILDIR) return local_maildir(o.dir, &m, e);
  return local_mbox(o.dir, order->place == HELPER_USER ? order->user : "mbox", &m, e);
}

static _Noreturn void helper_child_main(const struct helper_self *self,
                                        const struct helper_order *order, int mail,
                                        struct helper_answer *answer)
{
  struct err e = {.kind = ERR_NONE};
  int result = -1;
  if (mail != HELPER_MAIL_FD && dup2(mail, HELPER_MAIL_FD) < 0)
    err_sys(&e, errno, "cannot take the mail");
  else {
    helper_close_from(HELPER_MAIL_FD + 1);
    result = helper_do_deliver(order, self->conf, &e);
  }
  answer->outcome = (uint8_t)helper_outcome_of(result, &e);
  snprintf(answer->text, sizeof answer->text, "%.*s", HELPER_TEXT_MAX - 1,
           result ? e.text : "delivered");
  _exit(0);
}

/* ---- the helper ------------------------------------------------------------------------------ */

static void helper_answer(struct helper_self *self, const struct helper_answer *a)
{
  while (send(self->fd, a, sizeof *a, MSG_NOSIGNAL) < 0 && errno == EINTR) {}
}

static void helper_refuse(struct helper_self *self, uint32_t id, enum helper_outcome outcome,
                          const char *text)
{
  struct helper_answer a = {.id = id, .outcome = (uint8_t)outcome};
  snprintf(a.text, sizeof a.text, "%s", text);
  helper_answer(self, &a);
}

static void helper_child_late(struct timer *t, void *arg)
{
  struct helper_child *child = arg;
  (void)t;
  child->killed = true;
  kill(child->pid, SIGKILL);
}

/* A child has ended. Its word counts only if it ended of its own will. */
static void helper_child_ended(struct helper_self *self, size_t slot, int status)
{
  struct helper_child *child = &self->children[slot];
  struct helper_answer a = self->board[slot];
  a.id = child->id;
  a.text[sizeof a.text - 1] = 0;
  timer_clear(self->loop, &child->deadline);
  if (!WIFEXITED(status) || WEXITSTATUS(status)) {
    a.outcome = HELPER_TEMP;
    if (child->killed)
      snprintf(a.text, sizeof a.text, "the delivery took too long");
    else
      snprintf(a.text, sizeof a.text, "the delivery died by signal %d",
               WIFSIGNALED(status) ? WTERMSIG(status) : 0);
  }
  child->pid = 0;
  if (!self->orphan) helper_answer(self, &a);
}

static void helper_orphan_ends(struct helper_self *self)
{
  if (!self->orphan) return;
  for (size_t i = 0; i < LIMIT_HELPER_CHILDREN; i++)
    if (self->children[i].pid) return;
  loop_stop(self->loop);
}

static void helper_reap(int signo, void *arg)
{
  struct helper_self *self = arg;
  int status;
  pid_t pid;
  (void)signo;
  while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
    for (size_t i = 0; i < LIMIT_HELPER_CHILDREN; i++)
      if (self->children[i].pid == pid) helper_child_ended(self, i, status);
  helper_orphan_ends(self);
}

static void helper_spawn(struct helper_self *self, size_t slot, const struct helper_order *order,
                         int mail)
{
  struct helper_child *child = &self->children[slot];
  memset(&self->board[slot], 0, sizeof self->board[slot]);
  self->board[slot].outcome = HELPER_TEMP;
  pid_t pid = fork();
  if (pid == 0) helper_child_main(self, order, mail, &self->board[slot]);
  if (pid < 0) {
    helper_refuse(self, order->id, HELPER_TEMP, "cannot fork");
    return;
  }
  *child = (struct helper_child){.pid = pid, .id = order->id};
  child->deadline = (struct timer){.fire = helper_child_late, .arg = child};
  timer_set(self->loop, &child->deadline, loop_now(self->loop) + HELPER_DELIVER_MS);
}

/* Every text ends within its field and is what such a text may be. */
static bool helper_order_ok(struct helper_order *o)
{
  o->user[sizeof o->user - 1] = o->local[sizeof o->local - 1] = 0;
  o->domain[sizeof o->domain - 1] = o->name[sizeof o->name - 1] = 0;
  o->sender[sizeof o->sender - 1] = 0;
  if (o->format > HELPER_MBOX || o->place > HELPER_FOLDER || !helper_part_ok(o->name)) return false;
  if (o->place == HELPER_USER) return helper_user_ok(o->user);
  return helper_part_ok(o->local) && helper_part_ok(o->domain);
}

static void helper_order_came(struct helper_self *self, struct helper_order *o, int mail)
{
  size_t slot = 0;
  while (slot < LIMIT_HELPER_CHILDREN && self->children[slot].pid) slot++;
  if (mail < 0 || !helper_order_ok(o))
    helper_refuse(self, o->id, HELPER_PERM, "the helper refuses such an order");
  else if (slot == LIMIT_HELPER_CHILDREN)
    helper_refuse(self, o->id, HELPER_TEMP, "the helper is busy");
  else
    helper_spawn(self, slot, o, mail);
}

/* Takes the descriptors of a message; all but the first are closed. */
static int helper_take_fd(struct msghdr *msg)
{
  int first = -1, fd;
  for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
    for (size_t at = 0; at + sizeof fd <= c->cmsg_len - CMSG_LEN(0); at += sizeof fd) {
      memcpy(&fd, CMSG_DATA(c) + at, sizeof fd);
      if (first < 0)
        first = fd;
      else
        close(fd);
    }
  }
  return first;
}

static void helper_ordered(struct watch *w, unsigned what, void *arg)
{
  struct helper_self *self = arg;
  struct helper_order o;
  union {
    struct cmsghdr align;
    char space[CMSG_SPACE(4 * sizeof(int))];
  } control;
  struct iovec iov = {.iov_base = &o, .iov_len = sizeof o};
  struct msghdr msg = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = control.space,
                       .msg_controllen = sizeof control.space};
  (void)what;
  memset(&o, 0, sizeof o);
  ssize_t n = recvmsg(w->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (n < 0 && (errno == EINTR || errno == EAGAIN)) return;
  int mail = n > 0 ? helper_take_fd(&msg) : -1;
  if (n == (ssize_t)sizeof o) {
    helper_order_came(self, &o, mail);
  } else { /* the end, or nonsense: whoever sends that is not served again */
    watch_clear(self->loop, w);
    self->orphan = true;
    helper_orphan_ends(self);
  }
  if (mail >= 0) close(mail);
}

/* Nothing of the server but its socket and the standard descriptors, which lead nowhere. What a
 * terminal or a service manager sends to all is for the server: the helper ends when that has. */
static void helper_detach(int *fd)
{
  static const int deaf[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGPIPE};
  struct sigaction act = {.sa_handler = SIG_DFL};
  sigset_t none;
  int null = open("/dev/null", O_RDWR);
  sigemptyset(&act.sa_mask);
  for (int i = 1; i < 32; i++) sigaction(i, &act, NULL);
  act.sa_handler = SIG_IGN;
  for (size_t i = 0; i < BASE_COUNT(deaf); i++) sigaction(deaf[i], &act, NULL);
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  for (int i = 0; null >= 0 && i < 3; i++)
#ifdef VSMTP_TEST
    if (i < 2) /* what a sanitizer says is wanted */
#endif
      dup2(null, i);
  if (*fd != HELPER_MAIL_FD) dup2(*fd, HELPER_MAIL_FD);
  *fd = HELPER_MAIL_FD;
  helper_close_from(HELPER_MAIL_FD + 1);
  fcntl(*fd, F_SETFD, FD_CLOEXEC);
  (void)!chdir("/");
#ifdef __linux__
  prctl(PR_SET_NAME, "vsmtp-helper", 0, 0, 0);
#endif
}

/* Its own copies of what the server will free, with a NUL behind each. */
static int helper_copy_conf(struct helper_conf *to, const struct helper_conf *from)
{
  to->mailboxes.p = mem_strdup(from->mailboxes);
  to->mbox_dir.p = mem_strdup(from->mbox_dir.n ? from->mbox_dir : STR("/var/mail"));
  to->server_user = str_of(mem_strdup(from->server_user));
  to->local_group = str_of(mem_strdup(from->local_group));
  to->passwd = str_of(mem_strdup(from->passwd.n ? from->passwd : STR(PASSWD_FILE)));
  return to->passwd.p && to->mailboxes.p && to->mbox_dir.p && to->server_user.p && to->local_group.p
             ? 0
             : -1;
}

_Noreturn void helper_process(int fd, const struct helper_conf *conf)
{
  static struct helper_self self;
  static struct helper_conf own;
  struct err e;
  helper_detach(&fd);
  self.fd = fd;
  self.conf = &own;
  self.watch = (struct watch){.ready = helper_ordered, .arg = &self};
  self.board = mmap(NULL, sizeof *self.board * LIMIT_HELPER_CHILDREN, PROT_READ | PROT_WRITE,
                    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  self.loop = loop_new(&e);
  if (self.board == MAP_FAILED || !self.loop || helper_copy_conf(&own, conf) ||
      loop_signal(self.loop, SIGCHLD, helper_reap, &self, &e) ||
      watch_set(self.loop, &self.watch, fd, LOOP_READ, &e) || loop_run(self.loop, &e))
    _exit(1);
  _exit(0);
}

#undef HELPER_FOLDER_FLAGS
#undef HELPER_MAIL_FD
#undef HELPER_MAX_FD
