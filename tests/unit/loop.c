/* tests/unit/loop.c: turns, timers, tasks, watches, signals, the hook. */
#include "../../net/net.h"
#include "../check.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* What happened, in order: one character an event. */
static struct {
  struct loop *l;
  char order[64];
  size_t n;
} seen;

static void note(char c)
{
  if (seen.n < sizeof seen.order - 1) seen.order[seen.n++] = c;
}

static struct loop *start(void)
{
  struct err e;
  memset(&seen, 0, sizeof seen);
  seen.l = loop_new(&e);
  CHECK(seen.l);
  return seen.l;
}

static void turn(struct loop *l, int64_t ms)
{
  struct err e = {.kind = ERR_NONE};
  if (!CHECK_INT(loop_turn(l, ms, &e), 0)) printf("%s\n", e.text);
}

static void sleep_ms(int ms)
{
  poll(NULL, 0, ms);
}

/* ---- timers ---------------------------------------------------------------------------------- */

enum { MANY = 5000 };

struct one {
  struct timer timer;
  int64_t wanted, fired;
};

static int64_t last_fired;
static size_t fired;

static void fire_in_order(struct timer *t, void *arg)
{
  struct one *one = arg;
  (void)t;
  CHECK(one->wanted >= last_fired);
  last_fired = one->wanted;
  one->fired++;
  fired++;
}

static uint32_t rnd(uint32_t *state)
{
  *state = *state * 1664525 + 1013904223;
  return *state >> 8;
}

TEST(loop_fires_thousands_of_timers_in_order)
{
  struct loop *l = start();
  struct one *all = calloc(MANY, sizeof *all);
  uint32_t state = 7;
  int64_t begin = loop_now(l) + 1;
  for (size_t i = 0; i < MANY; i++) {
    all[i].timer = (struct timer){.fire = fire_in_order, .arg = &all[i]};
    all[i].wanted = begin + rnd(&state) % 60;
    timer_set(l, &all[i].timer, all[i].wanted);
  }
  for (size_t i = 0; i < MANY; i++) { /* earlier, later, off */
    uint32_t what = rnd(&state) % 4;
    if (what == 0) all[i].wanted = begin + rnd(&state) % 60;
    if (what < 2) timer_set(l, &all[i].timer, all[i].wanted);
    if (what == 2) timer_clear(l, &all[i].timer);
    if (what == 2) all[i].wanted = 0;
  }
  size_t want = 0;
  for (size_t i = 0; i < MANY; i++) want += all[i].wanted != 0;
  last_fired = 0;
  fired = 0;
  for (int64_t until = begin + 2000; fired < want && loop_now(l) < until;) turn(l, -1);
  CHECK_INT(fired, want);
  for (size_t i = 0; i < MANY; i++) {
    CHECK_INT(all[i].fired, all[i].wanted != 0);
    CHECK(!timer_is_set(&all[i].timer));
  }
  free(all);
  loop_free(l);
}

static void fire_note(struct timer *t, void *arg)
{
  (void)t;
  note(*(const char *)arg);
}

static struct timer other;

static void fire_clears_other(struct timer *t, void *arg)
{
  fire_note(t, arg);
  timer_clear(seen.l, &other);
}

TEST(loop_timer_cancelled_by_another_does_not_fire)
{
  struct loop *l = start();
  struct timer first = {.fire = fire_clears_other, .arg = "1"};
  other = (struct timer){.fire = fire_note, .arg = "2"};
  timer_set(l, &first, loop_now(l) + 1);
  timer_set(l, &other, loop_now(l) + 1);
  sleep_ms(5);
  turn(l, 0);
  turn(l, 0);
  CHECK_STR(seen.order, "1");
  timer_clear(l, &other); /* twice is fine */
  loop_free(l);
}

static void fire_again_at_once(struct timer *t, void *arg)
{
  fire_note(t, arg);
  timer_set(seen.l, t, 0);
}

TEST(loop_timer_set_in_the_past_waits_for_the_next_turn)
{
  struct loop *l = start();
  struct timer t = {.fire = fire_again_at_once, .arg = "x"};
  timer_set(l, &t, 1);
  for (int i = 0; i < 3; i++) {
    sleep_ms(2);
    turn(l, 0);
    CHECK_INT(seen.n, i + 1);
  }
  timer_clear(l, &t);
  loop_free(l);
}

TEST(loop_moving_a_deadline_later_does_not_fire_early)
{
  struct loop *l = start();
  struct timer t = {.fire = fire_note, .arg = "x"};
  int64_t begin = loop_now(l);
  for (int i = 1; i <= 10; i++) timer_set(l, &t, begin + 2 * i);
  while (!seen.n) turn(l, -1);
  CHECK(loop_now(l) >= begin + 20);
  timer_set(l, &t, loop_now(l) + 1000);
  timer_set(l, &t, loop_now(l) + 2); /* and earlier */
  begin = loop_now(l);
  while (seen.n < 2) turn(l, -1);
  CHECK(loop_now(l) < begin + 500);
  loop_free(l);
}

/* ---- order of a turn ------------------------------------------------------------------------- */

static void run_note(struct task *t, void *arg)
{
  (void)t;
  note(*(const char *)arg);
}

static void ready_note(struct watch *w, unsigned what, void *arg)
{
  char c;
  if (what & LOOP_READ) CHECK_INT(read(w->fd, &c, 1), 1);
  note(*(const char *)arg);
}

static int64_t hook_note(void *arg, bool idle)
{
  (void)arg;
  note(idle ? 'H' : 'h');
  return -1;
}

TEST(loop_turn_is_io_then_tasks_then_timers_then_late_then_hook)
{
  struct err e;
  struct loop *l = start();
  int fds[2];
  CHECK_INT(pipe(fds), 0);
  struct watch w = {.ready = ready_note, .arg = "i"};
  struct task task = {.run = run_note, .arg = "r"}, late = {.run = run_note, .arg = "l"};
  struct timer t = {.fire = fire_note, .arg = "t"};
  CHECK_INT(watch_set(l, &w, fds[0], LOOP_READ, &e), 0);
  timer_set(l, &t, loop_now(l) + 1);
  sleep_ms(3);
  turn(l, 0); /* so that what is due now was due before the next poll */
  seen.n = 0;
  memset(seen.order, 0, sizeof seen.order);
  timer_set(l, &t, loop_now(l) + 1);
  sleep_ms(3);
  CHECK_INT(write(fds[1], "x", 1), 1);
  loop_ready(l, &task);
  loop_ready(l, &task); /* twice is once */
  loop_hook(l, hook_note, NULL);
  turn(l, 0);
  CHECK_STR(seen.order, "irth");
  loop_late(l, &late);
  turn(l, 0);
  CHECK_STR(seen.order, "irthlh");
  watch_clear(l, &w);
  close(fds[0]);
  close(fds[1]);
  loop_free(l);
}

static struct task again;

static void run_again(struct task *t, void *arg)
{
  run_note(t, arg);
  loop_ready(seen.l, &again);
}

TEST(loop_task_made_ready_by_a_task_waits_for_the_next_turn)
{
  struct loop *l = start();
  struct task first = {.run = run_again, .arg = "1"};
  again = (struct task){.run = run_note, .arg = "2"};
  loop_ready(l, &first);
  turn(l, 0);
  CHECK_STR(seen.order, "1");
  turn(l, -1); /* does not sleep */
  CHECK_STR(seen.order, "12");
  loop_ready(l, &first);
  loop_unready(&first);
  loop_unready(&first);
  turn(l, 0);
  CHECK_STR(seen.order, "12");
  loop_free(l);
}

static struct watch victim;

static void ready_clears_both(struct watch *w, unsigned what, void *arg)
{
  (void)what;
  note(*(const char *)arg);
  watch_clear(seen.l, w);
  watch_clear(seen.l, &victim);
}

TEST(loop_watch_cleared_by_another_is_not_called)
{
  struct err e;
  struct loop *l = start();
  int fds[2];
  CHECK_INT(pipe(fds), 0);
  struct watch w[2];
  for (int i = 0; i < 8; i++) { /* whichever is told first */
    int copy = dup(fds[1]);
    w[0] = (struct watch){.ready = ready_clears_both, .arg = "a"};
    victim = (struct watch){.ready = ready_clears_both, .arg = "a"};
    CHECK_INT(watch_set(l, &w[0], fds[1], LOOP_WRITE, &e), 0);
    CHECK_INT(watch_set(l, &victim, copy, LOOP_WRITE, &e), 0);
    seen.n = 0;
    turn(l, 0);
    CHECK_INT(seen.n, 1);
    watch_clear(l, &w[0]);
    watch_clear(l, &victim);
    close(copy);
  }
  close(fds[0]);
  close(fds[1]);
  loop_free(l);
}

TEST(loop_watch_of_a_bad_descriptor_is_an_error)
{
  struct err e;
  struct loop *l = start();
  struct watch w = {.ready = ready_note, .arg = "a"};
#if defined(__linux__) && !defined(WATCH_POLL)
  CHECK_INT(watch_set(l, &w, 999999, LOOP_READ, &e), -1);
#else
  (void)e;
#endif
  watch_clear(l, &w);
  loop_free(l);
}

/* ---- the hook -------------------------------------------------------------------------------- */

static int hook_parked;

static int64_t hook_commits(void *arg, bool idle)
{
  (void)arg;
  if (!hook_parked) return -1;
  if (!idle) return 0;
  note('C');
  hook_parked = 0;
  loop_ready(seen.l, &again);
  return -1;
}

TEST(loop_commits_when_it_would_sleep_and_not_before)
{
  struct err e;
  struct loop *l = start();
  int fds[2];
  CHECK_INT(pipe(fds), 0);
  struct watch w = {.ready = ready_note, .arg = "i"};
  CHECK_INT(watch_set(l, &w, fds[0], LOOP_READ, &e), 0);
  again = (struct task){.run = run_note, .arg = "a"};
  loop_hook(l, hook_commits, NULL);
  turn(l, 0);
  hook_parked = 1;
  loop_ready(l, &again);
  turn(l, -1);
  CHECK_STR(seen.order, "a"); /* somebody was ready */
  CHECK_INT(write(fds[1], "xy", 2), 2);
  turn(l, -1);
  turn(l, -1);
  CHECK_STR(seen.order, "aii"); /* somebody wrote */
  turn(l, -1);
  CHECK_STR(seen.order, "aiiCa"); /* nobody: commit, and the one it answers runs in this turn */
  watch_clear(l, &w);
  close(fds[0]);
  close(fds[1]);
  loop_free(l);
}

static int64_t hook_limits(void *arg, bool idle)
{
  (void)arg, (void)idle;
  return 7;
}

TEST(loop_sleeps_no_longer_than_the_hook_allows)
{
  struct loop *l = start();
  loop_hook(l, hook_limits, NULL);
  int64_t begin = loop_now(l);
  turn(l, -1);
  turn(l, -1);
  CHECK(loop_now(l) - begin >= 6);
  CHECK(loop_now(l) - begin < 1000);
  loop_free(l);
}

/* ---- time ------------------------------------------------------------------------------------ */

static void fire_stalls(struct timer *t, void *arg)
{
  (void)arg;
  (void)t;
  loop_cause(seen.l, "test");
  sleep_ms(120);
}

TEST(loop_time_stands_still_during_a_stall)
{
  struct loop *l = start();
  struct timer stall = {.fire = fire_stalls}, t = {.fire = fire_note, .arg = "t"};
  enum log_level before = log_get_level(LOG_SERVER);
  log_set_level(LOG_SERVER, LOG_OFF);
  int64_t begin = loop_now(l), clock = clock_mono();
  timer_set(l, &stall, begin + 1);
  timer_set(l, &t, begin + 60);
  sleep_ms(3);
  turn(l, 0);
  CHECK(clock_mono() - clock >= 120);
  CHECK(loop_now(l) - begin < 60);
  turn(l, 0);
  CHECK_STR(seen.order, ""); /* by the clock it is late, by loop time it is not due */
  while (!seen.n) turn(l, -1);
  CHECK(clock_mono() - clock >= 60 + 115);
  log_set_level(LOG_SERVER, before);
  loop_free(l);
}

static struct timer beaten;

static void ready_beats_timer(struct watch *w, unsigned what, void *arg)
{
  ready_note(w, what, arg);
  timer_clear(seen.l, &beaten);
}

TEST(loop_hears_what_came_in_time_before_the_deadline_strikes)
{
  struct err e;
  struct loop *l = start();
  int fds[2];
  CHECK_INT(pipe(fds), 0);
  struct watch w = {.ready = ready_beats_timer, .arg = "i"};
  beaten = (struct timer){.fire = fire_note, .arg = "t"};
  CHECK_INT(watch_set(l, &w, fds[0], LOOP_READ, &e), 0);
  timer_set(l, &beaten, loop_now(l) + 2);
  CHECK_INT(write(fds[1], "x", 1), 1);
  sleep_ms(10); /* the process did not get the processor */
  turn(l, -1);
  turn(l, 0);
  CHECK_STR(seen.order, "i");
  watch_clear(l, &w);
  close(fds[0]);
  close(fds[1]);
  loop_free(l);
}

/* ---- signals, stopping ----------------------------------------------------------------------- */

static void signal_note(int signo, void *arg)
{
  (void)arg;
  note(signo == SIGUSR1 ? '1' : signo == SIGUSR2 ? '2' : '?');
  if (signo == SIGUSR2) loop_stop(seen.l);
}

TEST(loop_hears_signals_and_stops)
{
  struct err e;
  struct loop *l = start();
  CHECK_INT(loop_signal(l, SIGUSR1, signal_note, NULL, &e), 0);
  CHECK_INT(loop_signal(l, SIGUSR2, signal_note, NULL, &e), 0);
  CHECK_INT(loop_signal(l, 9999, signal_note, NULL, &e), -1);
  raise(SIGUSR1);
  raise(SIGUSR1);
  turn(l, 0);
  CHECK_STR(seen.order, "1");
  pid_t pid = fork();
  if (pid == 0) {
    sleep_ms(20);
    kill(getppid(), SIGUSR2);
    _exit(0);
  }
  CHECK_INT(loop_run(l, &e), 0);
  CHECK_STR(seen.order, "12");
  CHECK_INT(waitpid(pid, NULL, 0), pid);
  loop_free(l);
  struct sigaction act;
  sigaction(SIGUSR1, NULL, &act);
  CHECK(act.sa_handler == SIG_DFL);
}

/* ---- a moved clock: in a process of its own, because the clock looks for its file once ------- */

TEST(loop_follows_a_moved_clock)
{
  char path[300], binary[300], c;
  int64_t offset = 0;
  int said[2];
  if (getenv("VSMTP_CLOCK")) return; /* we are the child below, which runs the next test */
  snprintf(path, sizeof path, "%s/clock", check_folder());
  int fd = open(path, O_RDWR | O_CREAT, 0600);
  CHECK_INT(write(fd, &offset, sizeof offset), sizeof offset);
  ssize_t n = readlink("/proc/self/exe", binary, sizeof binary - 1);
  if (!CHECK(n > 0)) return;
  binary[n] = 0;
  fflush(stdout);
  CHECK_INT(pipe(said), 0);
  pid_t pid = fork();
  if (pid == 0) {
    setenv("VSMTP_CLOCK", path, 1);
    dup2(said[1], 1);
    execl(binary, binary, "loop_child_of_the_moved_clock", (char *)NULL);
    _exit(127);
  }
  int status = -1;
  close(said[1]);
  CHECK_INT(read(said[0], &c, 1), 1);
  offset = 3600000;
  CHECK_INT(pwrite(fd, &offset, sizeof offset, 0), sizeof offset);
  CHECK_INT(waitpid(pid, &status, 0), pid);
  CHECK_INT(status, 0);
  close(said[0]);
  close(fd);
}

TEST(loop_child_of_the_moved_clock)
{
  if (!getenv("VSMTP_CLOCK") || !clock_is_moved()) return;
  struct loop *l = start();
  struct timer t = {.fire = fire_note, .arg = "t"};
  timer_set(l, &t, loop_now(l) + 3600000);
  CHECK_INT(write(1, "!", 1), 1); /* our time stands: it may be moved */
  alarm(60);                      /* nobody moved it: die */
  while (!seen.n) turn(l, -1);
  alarm(0);
  loop_free(l);
}

/* ---- no memory ------------------------------------------------------------------------------- */

static void torture_loop(void)
{
  struct err e;
  struct loop *l = loop_new(&e);
  if (!l) return;
  int fds[2];
  struct watch w = {.ready = ready_note, .arg = "x"};
  if (pipe(fds) == 0) {
    if (watch_set(l, &w, fds[0], LOOP_READ, &e) == 0) loop_turn(l, 0, &e);
    watch_clear(l, &w);
    close(fds[0]);
    close(fds[1]);
  }
  loop_free(l);
}

TEST(loop_survives_without_memory)
{
  check_torture(torture_loop);
}
