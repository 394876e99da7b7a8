/* smtp/helper/helper_process.c: the helper itself.
 *
 * It has a loop of its own: orders come in, children end, deadlines strike. It writes no file,
 * reads no rule and does nothing itself: each order is a child's (helper_child.c). It ends when the
 * server has ended and its children are done; nothing else that is polite makes it end.
 */
#include "helper_int.h"
#include "../conf/conf.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/prctl.h>
#endif

#define HELPER_SOCKET_FD 3
#define HELPER_FDS_MAX   4 /* descriptors taken from one message */

struct helper_child {
  struct helper_self *self;
  pid_t pid; /* 0: free */
  uint32_t id;
  struct timer deadline;
  bool killed;
  bool command;
  struct watch
      leash; /* of a command: our end of the server's pipe, which nobody else keeps open when
                         the command has closed it; when the other end goes the command is killed */
};

struct helper_self {
  int fd;
  struct loop *loop;
  struct watch watch;
  bool orphan; /* the server has ended */
  bool sealed; /* the list of services is complete */
  const struct helper_conf *conf;
  struct helper_child children[LIMIT_HELPER_CHILDREN];
  struct helper_answer *board; /* one for each child */
  struct helper_service_order *services[HELPER_SERVICES_MAX];
  size_t n_services;
};

/* ---- answers --------------------------------------------------------------------------------- */

static void helper_take_answer(struct helper_self *self, const struct helper_answer *a)
{
  while (send(self->fd, a, sizeof *a, MSG_NOSIGNAL) < 0 && errno == EINTR) {}
}

static void helper_refuse(struct helper_self *self, uint32_t id, enum helper_outcome outcome,
                          const char *text)
{
  struct helper_answer a = {.id = id, .outcome = (uint8_t)outcome};
  snprintf(a.text, sizeof a.text, "%s", text);
  helper_take_answer(self, &a);
}

/* ---- children -------------------------------------------------------------------------------- */

static void helper_unleash(struct helper_child *child)
{
  if (!child->leash.slot) return;
  watch_clear(child->self->loop, &child->leash);
  close(child->leash.fd);
}

/* A command leads a session: what it started goes with it. */
static void helper_kill(struct helper_child *child)
{
  if (child->pid <= 0) return;
  child->killed = true;
  kill(child->command ? -child->pid : child->pid, SIGKILL);
  kill(child->pid, SIGKILL); /* too young to lead a session */
}

static void helper_child_late(struct timer *t, void *arg)
{
  (void)t;
  helper_kill(arg);
}

static void helper_leash_cut(struct watch *w, unsigned what, void *arg)
{
  struct helper_child *child = arg;
  (void)w;
  if (!(what & LOOP_GONE)) return;
  helper_unleash(child);
  helper_kill(child);
}

/* What to answer for a child that said nothing. */
static void helper_speak_for(const struct helper_child *child, int status, struct helper_answer *a)
{
  bool signaled = WIFSIGNALED(status);
  a->value = signaled ? WTERMSIG(status) : WEXITSTATUS(status);
  a->signaled = signaled;
  a->ran = child->command;
  a->outcome = child->command ? HELPER_OK : HELPER_TEMP;
  if (child->killed)
    snprintf(a->text, sizeof a->text, "it took too long");
  else if (signaled)
    snprintf(a->text, sizeof a->text, "it died by signal %d", (int)a->value);
  else
    snprintf(a->text, sizeof a->text, "it ended with code %d", (int)a->value);
}

static void helper_child_ended(struct helper_self *self, size_t slot, int status)
{
  struct helper_child *child = &self->children[slot];
  struct helper_answer a = self->board[slot];
  a.id = child->id;
  a.text[sizeof a.text - 1] = 0;
  if (!a.text[0]) helper_speak_for(child, status, &a);
  timer_clear(self->loop, &child->deadline);
  helper_unleash(child);
  child->pid = 0;
  if (!self->orphan) helper_take_answer(self, &a);
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

static void helper_born(struct helper_self *self, struct helper_child *child, pid_t pid,
                        uint32_t id, int64_t deadline)
{
  *child = (struct helper_child){.self = self, .pid = pid, .id = id};
  child->deadline = (struct timer){.fire = helper_child_late, .arg = child};
  timer_set(self->loop, &child->deadline, loop_now(self->loop) + deadline);
}

static void helper_deliver_order(struct helper_self *self, size_t slot, struct helper_order *o,
                                 int mail)
{
  pid_t pid = fork();
  if (pid == 0) helper_child_deliver(self->conf, o, mail, &self->board[slot]);
  if (pid > 0)
    helper_born(self, &self->children[slot], pid, o->id, HELPER_DELIVER_MS);
  else
    helper_refuse(self, o->id, HELPER_TEMP, "cannot fork");
}

/* The leash is a copy of fd: the caller closes that. */
static void helper_order_to_run(struct helper_self *self, size_t slot, struct helper_run_order *o,
                                int fd)
{
  struct helper_service_order *service = self->services[o->service];
  struct helper_child *child = &self->children[slot];
  struct err e;
  int leash = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  pid_t pid = leash < 0 ? -1 : fork();
  if (pid == 0) helper_child_run(self->conf, service, o, o->output ? fd : -1, &self->board[slot]);
  if (pid < 0) {
    if (leash >= 0) close(leash);
    helper_refuse(self, o->id, HELPER_TEMP, "cannot fork");
    return;
  }
  helper_born(self, child, pid, o->id, service->timeout);
  child->command = true;
  child->leash = (struct watch){.ready = helper_leash_cut, .arg = child};
  if (watch_set(self->loop, &child->leash, leash, 0, &e)) {
    close(leash);
    helper_kill(child);
  }
}

/* ---- orders ---------------------------------------------------------------------------------- */

/* Every text ends within its field and is what such a text may be. */
static bool helper_deliver_ok(struct helper_order *o)
{
  o->user[sizeof o->user - 1] = o->local[sizeof o->local - 1] = 0;
  o->domain[sizeof o->domain - 1] = o->name[sizeof o->name - 1] = 0;
  o->sender[sizeof o->sender - 1] = 0;
  if (o->format > HELPER_MBOX || o->into > HELPER_FOLDER || !helper_part_ok(o->name)) return false;
  if (o->into == HELPER_USER) return helper_user_ok(o->user);
  return helper_part_ok(o->local) && helper_part_ok(o->domain);
}

static bool helper_service_ok(struct helper_service_order *o)
{
  o->command[sizeof o->command - 1] = o->user[sizeof o->user - 1] = 0;
  o->group[sizeof o->group - 1] = 0;
  return o->command[0] && o->timeout >= 1 && o->timeout <= HELPER_RUN_MS_MAX &&
         (!o->user[0] || helper_user_ok(o->user)) && (!o->group[0] || helper_user_ok(o->group)) &&
         o->size <= sizeof o->args && helper_args_ok(o->args, o->n_args, o->size, NULL);
}

/* A row that cannot be kept is no row: its place is filled by nothing, and cannot be run. */
static void helper_service_came(struct helper_self *self, struct helper_service_order *o)
{
  if (self->sealed) return;
  if (o->kind == HELPER_SEALED || self->n_services == HELPER_SERVICES_MAX) {
    self->sealed = true;
    return;
  }
  struct helper_service_order *row = helper_service_ok(o) ? mem_alloc(sizeof *row) : NULL;
  if (row) *row = *o;
  self->services[self->n_services++] = row;
}

/* One that is told of already, with arguments only where they are not fixed. */
static bool helper_run_ok(const struct helper_self *self, struct helper_run_order *o)
{
  if (!self->sealed || o->service >= self->n_services || !self->services[o->service]) return false;
  if (self->services[o->service]->fixed) return o->n_args == 0 && o->size == 0;
  return o->size <= sizeof o->args && helper_args_ok(o->args, o->n_args, o->size, NULL);
}

static bool helper_packet_ok(const struct helper_self *self, union helper_packet *p)
{
  return p->kind == HELPER_DELIVER ? helper_deliver_ok(&p->deliver) : helper_run_ok(self, &p->run);
}

static void helper_packet_came(struct helper_self *self, union helper_packet *p, int fd)
{
  uint32_t id = p->kind == HELPER_DELIVER ? p->deliver.id : p->run.id;
  size_t slot = 0;
  if (p->kind == HELPER_SERVICE || p->kind == HELPER_SEALED) {
    helper_service_came(self, &p->service);
    return;
  }
  while (slot < LIMIT_HELPER_CHILDREN && self->children[slot].pid) slot++;
  if (fd < 0 || !helper_packet_ok(self, p)) {
    helper_refuse(self, id, HELPER_PERM, "the helper refuses such an order");
  } else if (slot == LIMIT_HELPER_CHILDREN) {
    helper_refuse(self, id, HELPER_TEMP, "the helper is busy");
  } else {
    memset(&self->board[slot], 0, sizeof self->board[slot]);
    if (p->kind == HELPER_DELIVER)
      helper_deliver_order(self, slot, &p->deliver, fd);
    else
      helper_order_to_run(self, slot, &p->run, fd);
  }
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
  static union helper_packet packet;
  struct helper_self *self = arg;
  union {
    struct cmsghdr align;
    char space[CMSG_SPACE(HELPER_FDS_MAX * sizeof(int))];
  } control;
  struct iovec iov = {.iov_base = &packet, .iov_len = sizeof packet};
  struct msghdr msg = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = control.space,
                       .msg_controllen = sizeof control.space};
  (void)what;
  memset(&packet, 0, sizeof packet);
  ssize_t n = recvmsg(w->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (n < 0 && (errno == EINTR || errno == EAGAIN)) return;
  int fd = n > 0 ? helper_take_fd(&msg) : -1;
  if (n > 0 && (size_t)n == helper_packet_size(packet.kind)) {
    helper_packet_came(self, &packet, fd);
  } else { /* the end, or nonsense: whoever sends that is not served again */
    watch_clear(self->loop, w);
    self->orphan = true;
    helper_orphan_ends(self);
  }
  if (fd >= 0) close(fd);
}

/* ---- life ------------------------------------------------------------------------------------ */

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
  if (*fd != HELPER_SOCKET_FD) dup2(*fd, HELPER_SOCKET_FD);
  *fd = HELPER_SOCKET_FD;
  helper_close_from(HELPER_SOCKET_FD + 1);
  fcntl(*fd, F_SETFD, FD_CLOEXEC);
  (void)!chdir("/");
#ifdef __linux__
  prctl(PR_SET_NAME, "vsmtp-helper", 0, 0, 0);
#endif
}

/* Its own copies of what the server will free, with a NUL behind each. */
static int helper_copy_conf(struct helper_conf *to, const struct helper_conf *from)
{
  to->mailboxes = str_of(mem_strdup(from->mailboxes));
  to->mbox_dir.p = mem_strdup(from->mbox_dir.n ? from->mbox_dir : STR("/var/mail"));
  to->server_user = str_of(mem_strdup(from->server_user));
  to->local_group = str_of(mem_strdup(from->local_group));
  to->passwd = str_of(mem_strdup(from->passwd.n ? from->passwd : str_of(PASSWD_FILE)));
  return to->passwd.p && to->mailboxes.p && to->mbox_dir.p && to->server_user.p && to->local_group.p
             ? 0
             : -1;
}

/* Where the way to mailboxes begins, before anybody could have changed it. */
static void helper_set_anchor(struct helper_conf *own)
{
  int fd = helper_folder_anchor(own, &own->below);
  if (fd >= 0 && fd != HELPER_ANCHOR_FD) {
    dup3(fd, HELPER_ANCHOR_FD, O_CLOEXEC);
    close(fd);
  }
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
  if (helper_copy_conf(&own, conf)) _exit(1);
  helper_set_anchor(&own);
  self.loop = loop_new(&e);
  if (self.board == MAP_FAILED || !self.loop ||
      loop_signal(self.loop, SIGCHLD, helper_reap, &self, &e) ||
      watch_set(self.loop, &self.watch, fd, LOOP_READ, &e) || loop_run(self.loop, &e))
    _exit(1);
  _exit(0);
}

#undef HELPER_SOCKET_FD
#undef HELPER_FDS_MAX
