/* tests/unit/io_kit.h: one end of a connection in a loop, and the other as a plain descriptor. */
#ifndef TESTS_UNIT_IO_KIT_H
#define TESTS_UNIT_IO_KIT_H

#include "../../net/net.h"
#include "../check.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* One end under test. Its events are noted as letters: c onnected, d ata, e of, h angup, r drained,
 * t imeout, s low, x error, . closed. */
struct end {
  struct io *io;
  char events[64];
  size_t n;
  char text[256]; /* lines, or data as it came */
  size_t text_n;
  void (*act)(struct end *t, enum io_event event);
  uint64_t left, got; /* of a stream */
  uint64_t sum;
  bool gone;
};

static struct loop *l;
static int peer = -1; /* the test's own end: a plain descriptor */

static inline void end_event(struct io *io, enum io_event event, void *arg)
{
  static const char letters[] = "cdehrtsx.";
  struct end *t = arg;
  CHECK(io == t->io && !t->gone);
  if (t->n < sizeof t->events - 1) t->events[t->n++] = letters[event];
  if (t->act) t->act(t, event);
  if (event == IO_CLOSED) t->gone = true;
}

static inline void turn(int64_t ms)
{
  struct err e = {.kind = ERR_NONE};
  if (!CHECK_INT(loop_turn(l, ms, &e), 0)) printf("%s\n", e.text);
}

/* Turns until the condition holds, at most ms. */
#define UNTIL(condition, ms)                                                                       \
  do {                                                                                             \
    for (int64_t stop_ = clock_mono() + (ms); !(condition) && clock_mono() < stop_;) turn(5);      \
    CHECK(condition);                                                                              \
  } while (0)

static inline void begin(struct end *t)
{
  struct err e;
  int fds[2];
  *t = (struct end){.io = NULL};
  l = loop_new(&e);
  CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
  peer = fds[1];
  t->io = io_new(l, fds[0], end_event, t, &e);
  CHECK(t->io);
}

static inline void finish(struct end *t)
{
  if (peer >= 0) close(peer);
  peer = -1;
  if (!t->gone) io_abort(t->io);
  turn(0);
  CHECK(t->gone);
  loop_free(l);
}

static inline void say(const char *text)
{
  CHECK_INT(write(peer, text, strlen(text)), strlen(text));
}

/* What the peer can read now. */
static inline const char *heard(void)
{
  static char text[4096];
  ssize_t n = recv(peer, text, sizeof text - 1, MSG_DONTWAIT);
  text[n > 0 ? n : 0] = 0;
  return n == 0 ? "<end>" : n < 0 ? errno == EAGAIN ? "" : "<error>" : text;
}

static inline int open_fds(void)
{
  int n = 0;
  DIR *dir = opendir("/proc/self/fd");
  if (!dir) return -1;
  while (readdir(dir)) n++;
  closedir(dir);
  return n;
}

/* Each line as the io gave it, a bad one behind ! and a long one as #. */
static size_t line_limit = 64;

static inline void act_lines(struct end *t, enum io_event event)
{
  static const char *const marks[] = {"", "", "!", "#"};
  enum io_line got;
  str line;
  if (event != IO_DATA) return;
  while ((got = io_line(t->io, line_limit, &line)) != IO_LINE_NONE) {
    int n = snprintf(t->text + t->text_n, sizeof t->text - t->text_n, "%s" STR_FMT "|", marks[got],
                     STR_ARG(line));
    t->text_n += (size_t)n;
  }
}

#endif
