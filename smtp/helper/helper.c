/* smtp/helper/helper.c: the server's side of the helper: orders out, mails down their pipes,
 * answers in.
 *
 * A job occupies its slot from the order to the answer, cancelled or not: the helper counts the
 * same children. The mail is pulled from its owner when the pipe takes more, straight into the
 * pipe; nothing is kept here. What a command writes is kept until its end, if somebody wants it.
 */
#include "helper.h"
#include "helper_int.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define HELPER_BLOCK 16384

struct helper_job {
  struct helper *helper;
  uint32_t id; /* 0: the slot is free */
  int pipe;    /* our end of it; -1: nothing more to send or to hear */
  struct watch watch;
  struct buf head;
  uint64_t at, size; /* of head and mail together */
  helper_body_fn *body;
  helper_done_fn *done; /* of a delivery; NULL: cancelled */
  helper_ran_fn *ran;   /* of a command; likewise */
  char *heard;          /* of a command, owned: what it wrote; NULL: nobody wants it */
  size_t heard_n, heard_max;
  bool flood; /* that was more */
  void *arg;
};

struct helper {
  int fd;
  pid_t pid;
  bool dead;
  bool sealed; /* it was given the list of commands */
  void (*died)(void *arg);
  void *died_arg;
  uint32_t last_id;
  struct loop *loop;
  struct watch watch;
  struct helper_job jobs[LIMIT_HELPER_CHILDREN];
};

/* ---- orders ---------------------------------------------------------------------------------- */

/* Copies text into a field of an order; false when it is too long or holds a NUL. */
static bool helper_field(char *out, size_t size, str text, bool lower)
{
  if (text.n >= size || (text.n && memchr(text.p, 0, text.n))) return false;
  for (size_t i = 0; i < text.n; i++) out[i] = lower ? str_lower(text.p[i]) : text.p[i];
  out[text.n] = 0;
  return true;
}

static int helper_fill(struct helper_order *o, const struct helper_delivery *what, struct err *e)
{
  o->into = (uint8_t)what->into;
  o->format = (uint8_t)what->format;
  o->first = what->first;
  o->size = what->head.n + what->size;
  if (what->into == HELPER_USER &&
      (!helper_field(o->user, sizeof o->user, what->user, false) || !helper_user_ok(o->user)))
    return err_set(e, ERR_PERM, "there can be no user %s", log_q(what->user));
  if (what->into == HELPER_FOLDER &&
      (!helper_field(o->local, sizeof o->local, what->local, true) || !helper_part_ok(o->local) ||
       !helper_field(o->domain, sizeof o->domain, what->domain, true) ||
       !helper_part_ok(o->domain)))
    return err_set(e, ERR_PERM, "there can be no mailbox folder of that name");
  if (!helper_field(o->name, sizeof o->name, what->name, false) || !helper_part_ok(o->name))
    return err_set(e, ERR_BUG, "cannot name a file %s", log_q(what->name));
  if (!helper_field(o->sender, sizeof o->sender, what->sender, false)) o->sender[0] = 0;
  if (what->head.n > HELPER_HEAD_MAX) return err_set(e, ERR_BUG, "too many lines on top");
  return 0;
}

/* ---- jobs ------------------------------------------------------------------------------------ */

static void helper_hang_up(struct helper_job *job)
{
  if (job->pipe < 0) return;
  watch_clear(job->helper->loop, &job->watch);
  close(job->pipe);
  job->pipe = -1;
  buf_free(&job->head);
}

/* ---- what a command writes ------------------------------------------------------------------- */

static void helper_forget(struct helper_job *job)
{
  if (job->heard) mem_wipe(job->heard, job->heard_n);
  mem_free(job->heard);
  job->heard = NULL;
}

/* All there is to read now. More than is wanted: the pipe is closed, which kills the writer. */
static void helper_hear(struct helper_job *job)
{
  while (job->pipe >= 0) {
    ssize_t n = read(job->pipe, job->heard + job->heard_n, job->heard_max + 1 - job->heard_n);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    job->heard_n += (size_t)n;
    job->flood = job->heard_n > job->heard_max;
    if (job->flood) helper_hang_up(job);
  }
}

static void helper_hears(struct watch *w, unsigned what, void *arg)
{
  struct helper_job *job = arg;
  (void)w, (void)what;
  loop_cause(job->helper->loop, "output of a command");
  helper_hear(job);
}

/* ---- the end of a job ------------------------------------------------------------------------ */

static void helper_tell_ran(const struct helper_job *job, const struct helper_answer *a,
                            enum helper_outcome outcome)
{
  struct helper_ran r = {.how = !a->ran       ? HELPER_NOT_RUN
                                : a->signaled ? HELPER_KILLED
                                              : HELPER_EXITED,
                         .value = a->ran ? (int)a->value : (int)outcome,
                         .text = str_of(a->text),
                         .flood = job->flood};
  if (job->heard && !job->flood) r.output = (str){job->heard, job->heard_n};
  job->ran(job->arg, &r);
}

/* The slot is free before its owner hears of the end, who may order again. */
static void helper_end(struct helper_job *slot, const struct helper_answer *a)
{
  enum helper_outcome outcome = a->outcome <= HELPER_PERM ? a->outcome : HELPER_TEMP;
  if (slot->heard) helper_hear(slot);
  helper_hang_up(slot);
  struct helper_job job = *slot;
  *slot = (struct helper_job){.helper = job.helper, .pipe = -1};
  trace(TRACE_DELIVER, "helper outcome=%d value=%d %s", (int)outcome, (int)a->value, a->text);
  if (job.done) job.done(job.arg, outcome, str_of(a->text));
  if (job.ran) helper_tell_ran(&job, a, outcome);
  helper_forget(&job);
}

void helper_cancel(struct helper_job *job)
{
  if (!job) return;
  helper_hang_up(job);
  helper_forget(job);
  job->done = NULL;
  job->ran = NULL;
}

/* wait: it is ending for sure, so its status will come. */
static void helper_died(struct helper *h, bool wait)
{
  struct helper_answer end = {.outcome = HELPER_TEMP, .text = "the helper has ended"};
  int status = 0;
  if (h->dead) return;
  h->dead = true;
  watch_clear(h->loop, &h->watch);
  if (waitpid(h->pid, &status, wait ? 0 : WNOHANG) == h->pid && WIFSIGNALED(status))
    log_error(LOG_DELIVERY, "the helper died by signal %d: no local delivery until a restart",
              WTERMSIG(status));
  else
    log_error(LOG_DELIVERY, "the helper has ended: no local delivery until a restart");
  for (size_t i = 0; i < LIMIT_HELPER_CHILDREN; i++)
    if (h->jobs[i].id) helper_end(&h->jobs[i], &end);
  if (h->died) h->died(h->died_arg);
}

/* ---- the mail -------------------------------------------------------------------------------- */

/* Gives the next bytes of head and mail; 0 at the end, -1 when the owner gives up. */
static ptrdiff_t helper_next(struct helper_job *job, char block[HELPER_BLOCK])
{
  uint64_t left = job->size - job->at;
  if (left == 0) return 0;
  if (job->at < job->head.n) {
    memcpy(block, job->head.p + job->at, job->head.n - (size_t)job->at);
    return (ptrdiff_t)(job->head.n - (size_t)job->at);
  }
  if (!job->done) return -1;
  ptrdiff_t n = job->body(job->arg, job->at - job->head.n, block,
                          left < HELPER_BLOCK ? (size_t)left : HELPER_BLOCK);
  return n > 0 && n <= HELPER_BLOCK && (uint64_t)n <= left ? n : -1;
}

/* Down the pipe until it is full. A reader that is gone has told, or will tell, why. */
static void helper_feed(struct watch *w, unsigned what, void *arg)
{
  struct helper_job *job = arg;
  char block[HELPER_BLOCK];
  (void)w, (void)what;
  loop_cause(job->helper->loop, "mail to the helper");
  for (;;) {
    ptrdiff_t n = helper_next(job, block);
    ssize_t put = n > 0 ? write(job->pipe, block, (size_t)n) : 0;
    if (put > 0) job->at += (uint64_t)put;
    if (n > 0 && put < 0 && errno == EINTR) continue;
    if (n > 0 && put < 0 && errno == EAGAIN) return;
    if (n > 0 && put >= 0) continue;
    helper_hang_up(job);
    return;
  }
}

/* ---- orders and answers ---------------------------------------------------------------------- */

static struct helper_job *helper_by_id(struct helper *h, uint32_t id)
{
  for (size_t i = 0; id && i < LIMIT_HELPER_CHILDREN; i++)
    if (h->jobs[i].id == id) return &h->jobs[i];
  return NULL;
}

static void helper_ready(struct watch *w, unsigned what, void *arg)
{
  struct helper *h = arg;
  struct helper_answer a;
  (void)what;
  loop_cause(h->loop, "answer of the helper");
  for (;;) {
    ssize_t n = recv(w->fd, &a, sizeof a, MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    if (n != sizeof a) {
      helper_died(h, n <= 0);
      return;
    }
    a.text[sizeof a.text - 1] = 0;
    struct helper_job *job = helper_by_id(h, a.id);
    if (job) helper_end(job, &a);
    if (h->dead) return;
  }
}

/* A packet, and with it the helper's end of a pipe (-1: none). */
static int helper_send(int fd, const void *packet, size_t size, int pipe, int flags, struct err *e)
{
  union {
    struct cmsghdr align;
    char space[CMSG_SPACE(sizeof(int))];
  } control;
  struct iovec iov = {.iov_base = (void *)(uintptr_t)packet, .iov_len = size};
  struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
  memset(&control, 0, sizeof control);
  if (pipe >= 0) {
    msg.msg_control = control.space;
    msg.msg_controllen = sizeof control.space;
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &pipe, sizeof pipe);
  }
  ssize_t n;
  do n = sendmsg(fd, &msg, flags | MSG_NOSIGNAL);
  while (n < 0 && errno == EINTR);
  if (n == (ssize_t)size) return 0;
  err_sys(e, errno, "cannot reach the helper");
  e->kind = ERR_TEMP;
  return -1;
}

size_t helper_room(const struct helper *h)
{
  size_t n = 0;
  for (size_t i = 0; i < LIMIT_HELPER_CHILDREN; i++) n += h->jobs[i].id == 0;
  return n;
}

static struct helper_job *helper_free_slot(struct helper *h)
{
  for (size_t i = 0; i < LIMIT_HELPER_CHILDREN; i++)
    if (h->jobs[i].id == 0) return &h->jobs[i];
  return NULL;
}

/* Takes a slot and makes its pipe, in which we write or read; *theirs is the end for the helper.
 * NULL with e: none. */
static struct helper_job *helper_open_job(struct helper *h, bool write, int *theirs, struct err *e)
{
  int fds[2];
  struct helper_job *job = helper_free_slot(h);
  if (h->dead) {
    err_set(e, ERR_TEMP, "the helper has ended: restart the server");
    return NULL;
  }
  if (!job || !h->loop) {
    err_set(e, ERR_TEMP, "the helper is busy");
    return NULL;
  }
  if (pipe2(fds, O_CLOEXEC)) {
    err_sys(e, errno, "cannot make a pipe for the helper");
    e->kind = ERR_TEMP;
    return NULL;
  }
  *job = (struct helper_job){.helper = h, .pipe = fds[write], .head = BUF_INIT(HELPER_HEAD_MAX)};
  job->watch = (struct watch){.ready = write ? helper_feed : helper_hears, .arg = job};
  *theirs = fds[!write];
  fcntl(job->pipe, F_SETFL, O_NONBLOCK);
  return job;
}

/* Sends the order of a job, with their end of its pipe; on failure the slot is free again. */
static int helper_take_order(struct helper_job *job, const void *packet, size_t size, int theirs,
                             struct err *e)
{
  int result = helper_send(job->helper->fd, packet, size, theirs, MSG_DONTWAIT, e);
  if (result) helper_cancel(job);
  close(theirs);
  return result;
}

static uint32_t helper_next_id(struct helper *h)
{
  if (++h->last_id == 0) h->last_id = 1;
  return h->last_id;
}

int helper_deliver(struct helper *h, const struct helper_delivery *what, helper_body_fn *body,
                   helper_done_fn *done, void *arg, struct helper_job **out, struct err *e)
{
  struct helper_order o = {.kind = HELPER_DELIVER};
  int theirs;
  if (helper_fill(&o, what, e)) return -1;
  struct helper_job *job = helper_open_job(h, true, &theirs, e);
  if (!job) return -1;
  o.id = helper_next_id(h);
  buf_str_add(&job->head, what->head);
  if (!buf_ok(&job->head) || watch_set(h->loop, &job->watch, job->pipe, LOOP_WRITE, e)) {
    helper_cancel(job);
    close(theirs);
    return err_set(e, ERR_TEMP, "no memory for a delivery");
  }
  if (helper_take_order(job, &o, sizeof o, theirs, e)) return -1;
  job->id = o.id;
  job->size = o.size;
  job->body = body;
  job->done = done;
  job->arg = arg;
  if (out) *out = job;
  return 0;
}

/* ---- commands -------------------------------------------------------------------------------- */

/* Copies texts into room, a NUL behind each; the octets used, or -1 when they do not fit or hold
 * one. */
static ptrdiff_t helper_fill_args(char *room, size_t size, const str *args, size_t n)
{
  size_t at = 0;
  for (size_t i = 0; i < n; i++) {
    if (at >= size || !helper_field(room + at, size - at, args[i], false)) return -1;
    at += args[i].n + 1;
  }
  return (ptrdiff_t)at;
}

/* A row that cannot be keeps its place in the list, and is refused. */
static struct helper_service_order helper_row(const struct helper_service *s)
{
  struct helper_service_order o = {.kind = HELPER_SERVICE,
                                   .fixed = s->fixed,
                                   .n_args = (uint32_t)s->n_words,
                                   .timeout = s->timeout};
  ptrdiff_t size = helper_fill_args(o.args, sizeof o.args, s->words, s->n_words);
  o.size = (uint32_t)size;
  if (size < 0 || !helper_field(o.command, sizeof o.command, s->command, false) ||
      !helper_field(o.user, sizeof o.user, s->user, false) ||
      !helper_field(o.group, sizeof o.group, s->group, false))
    o.command[0] = 0;
  return o;
}

int helper_services(struct helper *h, const struct helper_service *list, size_t n, struct err *e)
{
  struct helper_service_order o;
  if (h->sealed) return err_set(e, ERR_PERM, "the commands of a running server cannot be changed");
  if (n > HELPER_SERVICES_MAX)
    return err_set(e, ERR_PERM, "there are over %d commands", HELPER_SERVICES_MAX);
  h->sealed = true;
  for (size_t i = 0; i < n; i++) {
    o = helper_row(&list[i]);
    if (helper_send(h->fd, &o, sizeof o, -1, 0, e)) return -1;
  }
  o = (struct helper_service_order){.kind = HELPER_SEALED};
  return helper_send(h->fd, &o, sizeof o, -1, 0, e);
}

static int helper_fill_run(struct helper_run_order *o, const struct helper_command *what,
                           struct err *e)
{
  ptrdiff_t size = helper_fill_args(o->args, sizeof o->args, what->args, what->n);
  if (what->service >= HELPER_SERVICES_MAX) return err_set(e, ERR_BUG, "no such command");
  if (size < 0)
    return err_set(e, ERR_PERM, "the arguments of a command hold a NUL or over %d octets",
                   LIMIT_PROGRAM_ARGS);
  o->service = (uint32_t)what->service;
  o->output = what->output > 0;
  o->n_args = (uint32_t)what->n;
  o->size = (uint32_t)size;
  return 0;
}

/* Whoever wants the output has room for one octet more, which tells that it is too long. */
static int helper_open_ear(struct helper_job *job, size_t output, struct err *e)
{
  if (output == 0) return 0;
  job->heard = mem_alloc(output + 1);
  job->heard_max = output;
  if (!job->heard) return err_nomem(e);
  return watch_set(job->helper->loop, &job->watch, job->pipe, LOOP_READ, e);
}

int helper_run(struct helper *h, const struct helper_command *what, helper_ran_fn *done, void *arg,
               struct helper_job **out, struct err *e)
{
  struct helper_run_order o = {.kind = HELPER_RUN};
  int theirs;
  if (helper_fill_run(&o, what, e)) return -1;
  struct helper_job *job = helper_open_job(h, false, &theirs, e);
  if (!job) return -1;
  o.id = helper_next_id(h);
  if (helper_open_ear(job, what->output, e)) {
    helper_cancel(job);
    close(theirs);
    return -1;
  }
  if (helper_take_order(job, &o, sizeof o, theirs, e)) return -1;
  job->id = o.id;
  job->ran = done;
  job->arg = arg;
  if (out) *out = job;
  return 0;
}

int helper_try(const struct helper_conf *conf, const struct helper_service *s, struct err *e)
{
  struct helper_service_order o = helper_row(s);
  struct helper_answer *a =
      mmap(NULL, sizeof *a, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  int result = -1;
  if (a == MAP_FAILED) return err_sys(e, errno, "cannot share memory");
  fflush(NULL);
  pid_t pid = fork();
  if (pid == 0) helper_child_try(conf, &o, a);
  if (pid < 0 || waitpid(pid, NULL, 0) != pid)
    err_sys(e, errno, "cannot fork");
  else if (a->text[0] && a->outcome == HELPER_OK)
    result = 0;
  else
    err_set(e, a->outcome == HELPER_PERM ? ERR_PERM : ERR_TEMP, "%.*s", HELPER_TEXT_MAX - 1,
            a->text);
  munmap(a, sizeof *a);
  return result;
}

/* ---- life ------------------------------------------------------------------------------------ */

struct helper *helper_start(const struct helper_conf *conf, struct err *e)
{
  int fds[2];
  struct helper *h = mem_alloc(sizeof *h);
  if (!h) {
    err_nomem(e);
    return NULL;
  }
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds)) {
    err_sys(e, errno, "cannot make sockets for the helper");
    mem_free(h);
    return NULL;
  }
  fflush(NULL);
  h->pid = fork();
  if (h->pid == 0) helper_process(fds[1], conf);
  close(fds[1]);
  h->fd = fds[0];
  for (size_t i = 0; i < LIMIT_HELPER_CHILDREN; i++) h->jobs[i].pipe = -1;
  if (h->pid > 0) return h;
  err_sys(e, errno, "cannot start the helper");
  close(h->fd);
  mem_free(h);
  return NULL;
}

int helper_attach(struct helper *h, struct loop *l, struct err *e)
{
  h->loop = l;
  h->watch = (struct watch){.ready = helper_ready, .arg = h};
  return watch_set(l, &h->watch, h->fd, LOOP_READ, e);
}

void helper_on_death(struct helper *h, void (*fn)(void *arg), void *arg)
{
  h->died = fn;
  h->died_arg = arg;
}

void helper_free(struct helper *h)
{
  if (!h) return;
  for (size_t i = 0; i < LIMIT_HELPER_CHILDREN; i++) helper_cancel(&h->jobs[i]);
  if (h->loop) watch_clear(h->loop, &h->watch);
  close(h->fd);
  if (!h->dead) waitpid(h->pid, NULL, WNOHANG); /* it may still be syncing: then init reaps it */
  mem_free(h);
}

#undef HELPER_BLOCK
