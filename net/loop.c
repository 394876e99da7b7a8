/* net/loop.c: one turn after another: poll, I/O, ready tasks, timers, what was put off, the hook.
 *
 * Loop time is the monotonic clock less what was lost. Time is lost when one callback takes over
 * LOOP_LOST ms; since every deadline is in loop time, all of them wait that much longer without
 * being touched. A sleep is never a loss. Under a clock that a test moves nothing counts as lost.
 */
#include "loop.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#define LOOP_LOST      50  /* ms: a callback longer than this stops loop time */
#define LOOP_STALL     100 /* ms: and longer than this it is logged */
#define LOOP_MOVED_CAP 20  /* ms: longest sleep when a test may move the clock */
#define LOOP_SIGNALS   65

struct loop {
  struct timers timers;
  struct watches *watches;
  struct list ready, late; /* tasks */
  int64_t now;             /* loop time */
  int64_t mark;            /* monotonic clock when the running callback began */
  int64_t lost;            /* ms that loop time is behind the clock */
  const char *cause;
  loop_hook_fn *hook;
  void *hook_arg;
  int64_t limit; /* what the hook answered */
  bool stopping;
  char *scratch;
  struct tls_gate *gate;
  struct watch signal_watch;
  struct {
    void (*fn)(int signo, void *arg);
    void *arg;
  } signals[LOOP_SIGNALS];
};

struct timers *loop_timers(struct loop *l)
{
  return &l->timers;
}

struct watches *loop_watches(struct loop *l)
{
  return l->watches;
}

char *loop_scratch(struct loop *l)
{
  if (!l->scratch) l->scratch = mem_alloc(LIMIT_IO_INPUT);
  return l->scratch;
}

struct tls_gate **loop_gate(struct loop *l)
{
  return &l->gate;
}

/* ---- time ------------------------------------------------------------------------------------ */

int64_t loop_now(const struct loop *l)
{
  return l->now;
}

void loop_cause(struct loop *l, const char *cause)
{
  l->cause = cause;
}

/* The clock is read anew without holding anybody to account: after a sleep. */
static void loop_wake(struct loop *l)
{
  l->mark = clock_mono();
  l->now = l->mark - l->lost;
}

/* A callback is over: what did it cost? */
static void loop_account(struct loop *l)
{
  int64_t clock = clock_mono(), spent = clock - l->mark;
  if (spent > LOOP_LOST && !clock_is_moved()) {
    l->lost += spent;
    if (spent > LOOP_STALL)
      log_warn(LOG_SERVER, "the loop stood still for %lld ms cause=%s", (long long)spent, l->cause);
  }
  l->mark = clock;
  l->now = clock - l->lost;
}

/* ---- tasks ----------------------------------------------------------------------------------- */

void loop_unready(struct task *t)
{
  list_remove(&t->link);
}

void loop_ready(struct loop *l, struct task *t)
{
  if (!t->link.in) list_add(&l->ready, &t->link);
}

void loop_late(struct loop *l, struct task *t)
{
  if (!t->link.in) list_add(&l->late, &t->link);
}

static void loop_run_tasks(struct loop *l, struct list *tasks, const struct list_link *end,
                           const char *cause)
{
  while (tasks->first != end) {
    struct task *t = LIST_FIRST(tasks, struct task, link);
    loop_unready(t);
    l->cause = cause;
    t->run(t, t->arg);
    loop_account(l);
  }
}

/* Those that are ready now; what they make ready waits for the next turn. */
static void loop_run_ready(struct loop *l)
{
  struct list_link end = {NULL, NULL, NULL};
  if (!l->ready.first) return;
  list_add(&l->ready, &end);
  loop_run_tasks(l, &l->ready, &end, "task");
  list_remove(&end);
}

/* ---- signals --------------------------------------------------------------------------------- */

/* The handler marks the signal and writes a byte to a pipe that the loop watches: no signal mask
 * that a child would inherit. */

static volatile sig_atomic_t loop_signal_seen[LOOP_SIGNALS];
static volatile int loop_signal_pipe[2] = {-1, -1};

static void loop_signal_came(int signo)
{
  int saved = errno;
  loop_signal_seen[signo] = 1;
  ssize_t n = write(loop_signal_pipe[1], "", 1); /* full: then a byte is waiting anyway */
  (void)n;
  errno = saved;
}

static void loop_signal_ready(struct watch *w, unsigned what, void *arg)
{
  struct loop *l = arg;
  char bytes[64];
  (void)what;
  while (read(w->fd, bytes, sizeof bytes) == sizeof bytes) {}
  for (int i = 1; i < LOOP_SIGNALS; i++) {
    if (!loop_signal_seen[i]) continue;
    loop_signal_seen[i] = 0;
    if (l->signals[i].fn) l->signals[i].fn(i, l->signals[i].arg);
  }
}

static int loop_signal_open(struct loop *l, struct err *e)
{
  int fds[2];
  if (l->signal_watch.slot) return 0;
  if (pipe2(fds, O_NONBLOCK | O_CLOEXEC))
    return err_sys(e, errno, "cannot make a pipe for signals");
  l->signal_watch = (struct watch){.ready = loop_signal_ready, .arg = l};
  if (watch_set(l, &l->signal_watch, fds[0], LOOP_READ, e)) {
    close(fds[0]);
    close(fds[1]);
    return -1;
  }
  loop_signal_pipe[0] = fds[0];
  loop_signal_pipe[1] = fds[1];
  return 0;
}

static void loop_signal_close(struct loop *l)
{
  if (!l->signal_watch.slot) return;
  for (int i = 1; i < LOOP_SIGNALS; i++)
    if (l->signals[i].fn) signal(i, SIG_DFL);
  watch_clear(l, &l->signal_watch);
  close(loop_signal_pipe[0]);
  close(loop_signal_pipe[1]);
  loop_signal_pipe[0] = loop_signal_pipe[1] = -1;
}

int loop_signal(struct loop *l, int signo, void (*fn)(int signo, void *arg), void *arg,
                struct err *e)
{
  struct sigaction act = {.sa_handler = loop_signal_came, .sa_flags = SA_RESTART | SA_NOCLDSTOP};
  if (signo < 1 || signo >= LOOP_SIGNALS) return err_set(e, ERR_BUG, "no signal %d", signo);
  if (loop_signal_open(l, e)) return -1;
  l->signals[signo].fn = fn;
  l->signals[signo].arg = arg;
  sigemptyset(&act.sa_mask);
  if (sigaction(signo, &act, NULL)) return err_sys(e, errno, "cannot catch signal %d", signo);
  return 0;
}

/* ---- turns ----------------------------------------------------------------------------------- */

void loop_hook(struct loop *l, loop_hook_fn *fn, void *arg)
{
  l->hook = fn;
  l->hook_arg = arg;
  l->limit = 0; /* it may have work already */
}

static void loop_call_hook(struct loop *l, bool idle)
{
  l->limit = -1;
  if (!l->hook) return;
  l->cause = "commit";
  l->limit = l->hook(l->hook_arg, idle);
  loop_account(l);
  loop_run_tasks(l, &l->late, NULL, "flush");
}

static int64_t loop_least(int64_t a, int64_t b)
{
  return a < 0 || (b >= 0 && b < a) ? b : a; /* negative: no limit */
}

/* How long nothing will be due, in ms; -1: for ever. */
static int64_t loop_quiet(struct loop *l)
{
  if (l->stopping || l->ready.first) return 0;
  int64_t first = timer_next(&l->timers, l->now);
  if (first == INT64_MAX) return -1;
  return first > l->now ? first - l->now : 0;
}

/* Waits for events; *due is the clock the timers are held against. */
static int loop_poll(struct loop *l, int64_t max_wait, int64_t *due, struct err *e)
{
  int n = 0;
  int64_t quiet = loop_quiet(l);
  *due = l->now;
  if (l->limit == 0 && quiet != 0) {
    n = watch_wait(l->watches, 0, e);
    loop_wake(l);
    if (n != 0) return n;
    loop_call_hook(l, true);
    quiet = loop_quiet(l);
    *due = l->now;
  }
  int64_t wait = loop_least(loop_least(quiet, l->limit), max_wait);
  if (clock_is_moved()) wait = loop_least(wait, LOOP_MOVED_CAP);
  n = watch_wait(l->watches, wait > 3600000 ? 3600000 : (int)wait, e);
  loop_wake(l);
  return n;
}

int loop_turn(struct loop *l, int64_t max_wait_ms, struct err *e)
{
  int64_t due;
  struct watch *w;
  struct timer *t;
  unsigned what;
  loop_wake(l);
  loop_run_tasks(l, &l->late, NULL,
                 "flush"); /* written since the last turn, by nobody the loop called */
  if (loop_poll(l, max_wait_ms, &due, e) < 0) return -1;
  while (watch_next(l->watches, &w, &what)) {
    l->cause = "io";
    w->ready(w, what, w->arg);
    loop_account(l);
  }
  loop_run_ready(l);
  while ((t = timer_due(&l->timers, due))) {
    l->cause = "timer";
    t->fire(t, t->arg);
    loop_account(l);
  }
  loop_run_tasks(l, &l->late, NULL, "flush");
  loop_call_hook(l, false);
  return 0;
}

int loop_run(struct loop *l, struct err *e)
{
  l->stopping = false;
  loop_wake(l);
  while (!l->stopping)
    if (loop_turn(l, -1, e)) return -1;
  return 0;
}

void loop_stop(struct loop *l)
{
  l->stopping = true;
}

struct loop *loop_new(struct err *e)
{
  struct loop *l = mem_alloc(sizeof *l);
  if (!l) {
    err_nomem(e);
    return NULL;
  }
  l->watches = watch_open(e);
  if (!l->watches) {
    mem_free(l);
    return NULL;
  }
  signal(SIGPIPE, SIG_IGN); /* a peer that is gone is an error of one write */
  l->limit = -1;
  l->cause = "start";
  loop_wake(l);
  l->timers.struck = l->now - 1;
  return l;
}

void loop_free(struct loop *l)
{
  if (!l) return;
  loop_signal_close(l);
  watch_close(l->watches);
  mem_free(l->scratch);
  mem_free(l->gate);
  mem_free(l);
}

#undef LOOP_LOST
#undef LOOP_STALL
#undef LOOP_MOVED_CAP
#undef LOOP_SIGNALS
