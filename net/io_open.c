/* net/io_open.c: how connections come about: a descriptor, an address to connect to, or memory.
 */
#include "io_int.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <unistd.h>

static void io_set_nodelay(int fd)
{
  int on = 1; /* fails on what is not TCP: no matter */
  (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

struct io *io_new(struct loop *l, int fd, io_fn *fn, void *arg, struct err *e)
{
  int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || (!(flags & O_NONBLOCK) && fcntl(fd, F_SETFL, flags | O_NONBLOCK))) {
    err_sys(e, errno, "cannot use a connection");
    close(fd);
    return NULL;
  }
  io_set_nodelay(fd);
  return io_make(l, fd, IO_LIFE_OPEN, fn, arg, e);
}

static int io_bind(int fd, const struct netaddr *from)
{
#ifdef IP_BIND_ADDRESS_NO_PORT
  int on = 1; /* the kernel may share a local port among different peers */
  (void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
#endif
  return bind(fd, &from->sa, from->len);
}

struct io *io_connect(struct loop *l, const struct netaddr *to, const struct netaddr *from,
                      int64_t deadline, io_fn *fn, void *arg, struct err *e)
{
  char text[NETADDR_TEXT_MAX];
  int fd = socket(to->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) goto fail;
  if (from && from->len && io_bind(fd, from)) goto fail;
  io_set_nodelay(fd);
  if (connect(fd, &to->sa, to->len) && errno != EINPROGRESS) goto fail;
  /* Also one that stands at once is told when it can be written to: before what the peer says. */
  struct io *io = io_make(l, fd, IO_LIFE_CONNECTING, fn, arg, e);
  if (!io) return NULL;
  if (deadline) io_deadline(io, deadline);
  return io;
fail:
  err_sys(e, errno, "cannot connect to %s", netaddr_text(to, text));
  if (fd >= 0) close(fd);
  return NULL;
}

/* ---- without a descriptor -------------------------------------------------------------------- */

struct io *io_memory(struct loop *l, io_fn *fn, void *arg, struct err *e)
{
  return io_make(l, -1, IO_LIFE_OPEN, fn, arg, e);
}

size_t io_feed(struct io *io, str s)
{
  size_t n = LIMIT_IO_INPUT - io->view.n;
  if (!io_is_usable(io) || io->eof) return 0;
  if (n > s.n) n = s.n;
  io_wait_more(io);
  if (io->in.n) buf_shift(&io->in, (size_t)(io->view.p - io->in.p));
  buf_add(&io->in, s.p, n);
  io->view = buf_str(&io->in);
  io->received += n;
  if (buf_ok(&io->in))
    io_news(io, IO_NEWS_DATA);
  else
    io_fail(io, 0, "no memory for input");
  return n;
}

void io_feed_eof(struct io *io)
{
  io->eof = true;
  io_news(io, IO_NEWS_DATA);
}

void io_taken(struct io *io, struct buf *out)
{
  buf_str_add(out, str_skip(buf_str(&io->out), io->out_at));
  io->out_at = io->out.n;
  io_sent(io);
  loop_late(io->loop, &io->late);
}
