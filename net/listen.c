/* net/listen.c: sockets that accept.
 *
 * When descriptors or memory run out, accepting rests LISTEN_REST ms: the waiting clients stay in
 * the kernel's queue and are served when somebody has left. Without the rest the level-triggered
 * watch would spin.
 */
#include "loop.h"

#include <errno.h>
#include <unistd.h>

#define LISTEN_BATCH   32 /* accepted in one turn; others want their turn too */
#define LISTEN_BACKLOG 511
#define LISTEN_REST    100
#define LISTEN_SILENCE 60000 /* ms between two log lines about it */

struct listener {
  struct loop *loop;
  listen_fn *fn;
  void *arg;
  struct netaddr addr;
  struct watch watch;
  struct timer rest;
  int fd;
  bool paused;
  bool freed;          /* while fn runs: listen_free was called */
  bool busy;           /* fn runs */
  int64_t quiet_until; /* loop time; until then no further log line */
};

static void listen_rewatch(struct listener *l)
{
  struct err e;
  bool rests = l->paused || timer_is_set(&l->rest);
  if (watch_set(l->loop, &l->watch, l->fd, rests ? 0 : LOOP_READ, &e) && !l->paused)
    timer_set(l->loop, &l->rest, loop_now(l->loop) + LISTEN_REST);
}

static void listen_rested(struct timer *t, void *arg)
{
  (void)t;
  listen_rewatch(arg);
}

static void listen_short(struct listener *l, int errnum)
{
  int64_t now = loop_now(l->loop);
  char text[NETADDR_TEXT_MAX];
  if (now >= l->quiet_until) {
    log_warn(LOG_RECEIVER, "addr=%s cannot accept, clients wait: %s", netaddr_text(&l->addr, text),
             strerror(errnum));
    l->quiet_until = now + LISTEN_SILENCE;
  }
  timer_set(l->loop, &l->rest, now + LISTEN_REST);
  listen_rewatch(l);
}

/* Errors of the one connection that was being accepted (accept(2)): the next may be fine. */
static bool listen_is_passing(int errnum)
{
  switch (errnum) {
  case EINTR:
  case ECONNABORTED:
  case EPROTO:
  case ENETDOWN:
  case ENOPROTOOPT:
  case EHOSTDOWN:
  case EHOSTUNREACH:
  case EOPNOTSUPP:
  case ENETUNREACH:
  case EPERM: return true;
  default: return false;
  }
}

/* False when there is nothing more to accept now. */
static bool listen_accept(struct listener *l)
{
  union {
    struct sockaddr_storage ss;
    struct sockaddr sa;
  } u;
  socklen_t len = sizeof u;
  struct netaddr peer;
  memset(&u, 0, sizeof u);
  int fd = accept4(l->fd, &u.sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0) {
    if (errno == EAGAIN || errno == EWOULDBLOCK) return false;
    if (listen_is_passing(errno)) return true;
    listen_short(l, errno);
    return false;
  }
  if (netaddr_of_sa(&u.sa, len, &peer)) {
    close(fd);
    return true;
  }
  l->fn(l, fd, &peer, l->arg);
  return true;
}

static void listen_close(struct listener *l)
{
  timer_clear(l->loop, &l->rest);
  watch_clear(l->loop, &l->watch);
  if (l->fd >= 0) close(l->fd);
  mem_free(l);
}

static void listen_ready(struct watch *w, unsigned what, void *arg)
{
  struct listener *l = arg;
  (void)w, (void)what;
  loop_cause(l->loop, "accept");
  l->busy = true;
  for (int i = 0; i < LISTEN_BATCH && !l->paused && !l->freed; i++)
    if (!listen_accept(l)) break;
  l->busy = false;
  if (l->freed) listen_close(l);
}

void listen_pause(struct listener *l)
{
  l->paused = true;
  listen_rewatch(l);
}

void listen_resume(struct listener *l)
{
  l->paused = false;
  listen_rewatch(l);
}

const struct netaddr *listen_addr(const struct listener *l)
{
  return &l->addr;
}

void listen_free(struct listener *l)
{
  if (!l) return;
  if (l->busy)
    l->freed = true;
  else
    listen_close(l);
}

static int listen_open(const struct netaddr *at, struct err *e)
{
  int on = 1, fd = socket(at->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  char text[NETADDR_TEXT_MAX];
  if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
      (at->sa.sa_family != AF_INET6 ||
       setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) == 0) &&
      bind(fd, &at->sa, at->len) == 0 && listen(fd, LISTEN_BACKLOG) == 0)
    return fd;
  err_sys(e, errno, "cannot listen on %s", netaddr_text(at, text));
  if (fd >= 0) close(fd);
  return -1;
}

struct listener *listen_adopt(struct loop *loop, int fd, listen_fn *fn, void *arg, struct err *e)
{
  struct listener *l = mem_alloc(sizeof *l);
  if (!l) {
    err_nomem(e);
    close(fd);
    return NULL;
  }
  *l = (struct listener){.loop = loop, .fn = fn, .arg = arg, .fd = fd};
  l->watch = (struct watch){.ready = listen_ready, .arg = l};
  l->rest = (struct timer){.fire = listen_rested, .arg = l};
  if (netaddr_local(fd, &l->addr)) {
    err_sys(e, errno, "cannot tell where a socket listens");
    goto fail;
  }
  if (watch_set(loop, &l->watch, l->fd, LOOP_READ, e)) goto fail;
  return l;
fail:
  listen_close(l);
  return NULL;
}

struct listener *listen_new(struct loop *loop, const struct netaddr *at, listen_fn *fn, void *arg,
                            struct err *e)
{
  int fd = listen_open(at, e);
  return fd < 0 ? NULL : listen_adopt(loop, fd, fn, arg, e);
}

#undef LISTEN_BATCH
#undef LISTEN_BACKLOG
#undef LISTEN_REST
#undef LISTEN_SILENCE
