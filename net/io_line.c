/* net/io_line.c: what an owner takes from the input of a connection: bytes, or lines.
 *
 * Input is one piece of memory (io.c says which), so a line is always whole and never copied.
 */
#include "io_int.h"

#include <netinet/tcp.h>

str io_input(const struct io *io)
{
  return io->view;
}

void io_consume(struct io *io, size_t n)
{
  io->view = str_skip(io->view, n);
  io->seen = io->seen > n ? io->seen - n : 0;
  if (n && io_is_usable(io)) io->off = false;
  loop_late(io->loop, &io->late);
}

void io_discard(struct io *io)
{
  io_consume(io, io->view.n);
  io->discarding = false;
}

void io_hurry(struct io *io)
{
  int on = 1;

  if (io->fd >= 0) (void)setsockopt(io->fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
}

/* Throws the rest of a bad line away, up to a true CRLF; true when that was there. */
static bool io_line_discard(struct io *io)
{
  ptrdiff_t end = str_find(io->view, STR("\r\n"));
  size_t all = str_ends(io->view, STR("\r")) ? io->view.n - 1 : io->view.n;
  io_consume(io, end < 0 ? all : (size_t)end + 2);
  io->discarding = end < 0;
  return end >= 0;
}

static enum io_line io_line_bad(struct io *io, enum io_line what)
{
  io_line_discard(io);
  return what;
}

enum io_line io_line(struct io *io, size_t limit, str *line)
{
  *line = (str){NULL, 0};
  if (io->discarding && !io_line_discard(io)) return IO_LINE_NONE;
  ptrdiff_t found = str_chr(str_skip(io->view, io->seen), '\n');
  size_t lf = io->seen + (size_t)found;
  if (found < 0) {
    io->seen = io->view.n;
    return io->view.n >= limit ? io_line_bad(io, IO_LINE_LONG) : IO_LINE_NONE;
  }
  io->seen = lf;
  if (lf >= limit) return io_line_bad(io, IO_LINE_LONG);
  bool crlf = lf > 0 && io->view.p[lf - 1] == '\r';
  *line = str_sub(io->view, 0, crlf ? lf - 1 : lf);
  io_consume(io, lf + 1);
  if (!crlf) return io_line_bad(io, IO_LINE_BARE);
  return str_chr(*line, '\r') < 0 ? IO_LINE_OK : IO_LINE_BARE;
}
