/* net/watch.c: which descriptors are ready: epoll(7) on Linux, poll(2) elsewhere (or built with
 * -DWATCH_POLL, as the tests do to try it).
 *
 * Invariant: what one wait reported is called one by one, and a callback may clear or reuse any
 * watch, so clearing a watch strikes it from what is still to be called.
 */
#include "loop.h"

#include <errno.h>
#include <unistd.h>

#if defined(__linux__) && !defined(WATCH_POLL)
#define WATCH_EPOLL
#include <sys/epoll.h>
#else
#include <poll.h>
#endif

#ifdef WATCH_EPOLL

#define WATCH_BATCH 128

struct watches {
  int fd;
  int n, at; /* of got: how many there are, how many were called */
  struct epoll_event got[WATCH_BATCH];
};

static uint32_t watch_events(unsigned want)
{
  return (want & LOOP_READ ? EPOLLIN : 0u) | (want & LOOP_WRITE ? EPOLLOUT : 0u) |
         (want & LOOP_HALF ? EPOLLRDHUP : 0u);
}

static unsigned watch_what(uint32_t events)
{
  return (events & EPOLLIN ? LOOP_READ : 0u) | (events & EPOLLOUT ? LOOP_WRITE : 0u) |
         (events & EPOLLRDHUP ? LOOP_HALF : 0u) | (events & (EPOLLERR | EPOLLHUP) ? LOOP_GONE : 0u);
}

struct watches *watch_open(struct err *e)
{
  struct watches *ws = mem_alloc(sizeof *ws);
  if (!ws) {
    err_nomem(e);
    return NULL;
  }
  ws->fd = epoll_create1(EPOLL_CLOEXEC);
  if (ws->fd >= 0) return ws;
  err_sys(e, errno, "cannot make an event queue");
  mem_free(ws);
  return NULL;
}

void watch_close(struct watches *ws)
{
  if (ws) close(ws->fd);
  mem_free(ws);
}

int watch_set(struct loop *l, struct watch *w, int fd, unsigned want, struct err *e)
{
  struct epoll_event ev = {.events = watch_events(want), .data.ptr = w};
  if (w->slot && w->fd == fd && w->want == want) return 0;
  if (epoll_ctl(loop_watches(l)->fd, w->slot ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &ev))
    return err_sys(e, errno, "cannot watch a descriptor");
  w->fd = fd;
  w->want = want;
  w->slot = 1;
  return 0;
}

void watch_clear(struct loop *l, struct watch *w)
{
  struct watches *ws = loop_watches(l);
  if (!w->slot) return;
  epoll_ctl(ws->fd, EPOLL_CTL_DEL, w->fd, NULL);
  for (int i = ws->at; i < ws->n; i++)
    if (ws->got[i].data.ptr == w) ws->got[i].data.ptr = NULL;
  w->slot = 0;
}

int watch_wait(struct watches *ws, int ms, struct err *e)
{
  ws->at = 0;
  ws->n = epoll_wait(ws->fd, ws->got, WATCH_BATCH, ms);
  if (ws->n >= 0) return ws->n;
  ws->n = 0;
  return errno == EINTR ? 0 : err_sys(e, errno, "cannot wait for events");
}

bool watch_next(struct watches *ws, struct watch **w, unsigned *what)
{
  while (ws->at < ws->n) {
    struct epoll_event *ev = &ws->got[ws->at++];
    if (!ev->data.ptr) continue;
    *w = ev->data.ptr;
    *what = watch_what(ev->events);
    return true;
  }
  return false;
}

#undef WATCH_BATCH

#else

/* Two parallel tables; a watch's slot is its place in them plus one. */
struct watches {
  struct pollfd *fds;
  struct watch **who;
  size_t n, size;
  size_t at; /* places before it were called */
};

#ifndef POLLRDHUP
#define POLLRDHUP 0
#endif

static short watch_events(unsigned want)
{
  return (short)((want & LOOP_READ ? POLLIN : 0) | (want & LOOP_WRITE ? POLLOUT : 0) |
                 (want & LOOP_HALF ? POLLRDHUP : 0));
}

static unsigned watch_what(short events)
{
  return (events & POLLIN ? LOOP_READ : 0u) | (events & POLLOUT ? LOOP_WRITE : 0u) |
         (events & POLLRDHUP ? LOOP_HALF : 0u) |
         (events & (POLLERR | POLLHUP | POLLNVAL) ? LOOP_GONE : 0u);
}

struct watches *watch_open(struct err *e)
{
  struct watches *ws = mem_alloc(sizeof *ws);
  if (!ws) err_nomem(e);
  return ws;
}

void watch_close(struct watches *ws)
{
  if (!ws) return;
  mem_free(ws->fds);
  mem_free(ws->who);
  mem_free(ws);
}

static int watch_grow(struct watches *ws, struct err *e)
{
  size_t size = ws->size ? ws->size * 2 : 16;
  struct pollfd *fds = mem_resize(ws->fds, size * sizeof *fds);
  if (!fds) return err_nomem(e);
  ws->fds = fds;
  struct watch **who = mem_resize(ws->who, size * sizeof *who);
  if (!who) return err_nomem(e);
  ws->who = who;
  ws->size = size;
  return 0;
}

int watch_set(struct loop *l, struct watch *w, int fd, unsigned want, struct err *e)
{
  struct watches *ws = loop_watches(l);
  if (!w->slot) {
    if (ws->n == ws->size && watch_grow(ws, e)) return -1;
    ws->who[ws->n] = w;
    ws->fds[ws->n] = (struct pollfd){.fd = fd};
    w->slot = ++ws->n;
  }
  w->fd = fd;
  w->want = want;
  ws->fds[w->slot - 1].events = watch_events(want);
  return 0;
}

/* The last one takes the place of the one that leaves; it may be called a turn late, which the
 * level-triggered poll makes good. */
void watch_clear(struct loop *l, struct watch *w)
{
  struct watches *ws = loop_watches(l);
  if (!w->slot) return;
  size_t hole = w->slot - 1;
  ws->n--;
  ws->fds[hole] = ws->fds[ws->n];
  ws->who[hole] = ws->who[ws->n];
  ws->who[hole]->slot = hole + 1;
  w->slot = 0;
}

int watch_wait(struct watches *ws, int ms, struct err *e)
{
  ws->at = 0;
  int n = poll(ws->fds, (nfds_t)ws->n, ms);
  if (n >= 0) return n;
  for (size_t i = 0; i < ws->n; i++) ws->fds[i].revents = 0;
  return errno == EINTR ? 0 : err_sys(e, errno, "cannot wait for events");
}

bool watch_next(struct watches *ws, struct watch **w, unsigned *what)
{
  for (; ws->at < ws->n; ws->at++) {
    *what = watch_what(ws->fds[ws->at].revents);
    if (!*what) continue;
    ws->fds[ws->at].revents = 0;
    *w = ws->who[ws->at++];
    return true;
  }
  return false;
}

#endif
#undef WATCH_EPOLL
