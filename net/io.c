/* net/io.c: buffered connections.
 *
 * Input. All connections read into one memory of the loop (loop_scratch): what the connection had
 * left over is copied to its front, new bytes follow, the callback sees both as `view`, and only
 * what it leaves is copied into the connection's own `in`. So an idle connection holds no buffer,
 * and a line is always in one piece.
 *
 * Output. Writes gather in `out`, which the late task hands to the kernel at the end of the turn
 * (that is what makes the replies to a pipeline one segment) and frees when it is empty.
 *
 * Every event is told from the loop: from the descriptor's watch, a timer, or the `soon` task,
 * which tells what the `news` bits ask for. Life ends in the late task: open -> closing (sending
 * what is left) -> lingering (waiting for the peer's end) -> IO_CLOSED and freed.
 *
 * Encryption: io_recv and io_send are the only places that know of it, the handshake aside
 * (io_tls.c), during which the connection neither reads nor sends.
 */
#include "io_int.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <unistd.h>

#define IO_CLOSE_MS  5000 /* for sending what is left */
#define IO_LINGER_MS 2000 /* for the peer's end after that */

static const char *const io_life_names[] = {/* ORDER IO_LIFE */
                                            "connecting", "open",   "dead",
                                            "closing",    "linger", "gone"};

static void io_enter(struct io *io, enum io_life life)
{
  trace(TRACE_IO, "fd=%d %s -> %s", io->fd, io_life_names[io->life], io_life_names[life]);
  io->life = (uint8_t)life;
}

bool io_is_closing(const struct io *io)
{
  return io->life >= IO_LIFE_CLOSING;
}

bool io_is_usable(const struct io *io)
{
  return io->life <= IO_LIFE_OPEN;
}

void io_tell(struct io *io, enum io_event event)
{
  if (!io_is_closing(io)) io->fn(io, event, io->arg);
}

void io_news(struct io *io, unsigned news)
{
  io->news |= (uint8_t)news;
  loop_ready(io->loop, &io->soon);
}

/* The connection is lost; the owner hears it in a moment and closes. */
void io_fail(struct io *io, int errnum, const char *why)
{
  if (!io_is_usable(io)) {
    if (io_is_closing(io)) io_enter(io, IO_LIFE_GONE);
    loop_late(io->loop, &io->late);
    return;
  }
  io->errnum = errnum;
  io->why = why;
  io_enter(io, IO_LIFE_DEAD);
  watch_clear(io->loop, &io->watch);
  io->off = true;
  buf_free(&io->out);
  io->out_at = 0;
  io_news(io, IO_NEWS_ERROR);
}

const char *io_why(const struct io *io)
{
  return io->why ? io->why : io->errnum ? strerror(io->errnum) : "no error";
}

/* ---- the descriptor's bytes ------------------------------------------------------------------ */

static ssize_t io_recv_raw(struct io *io, char *p, size_t n)
{
  ssize_t got;
  do got = read(io->fd, p, n);
  while (got < 0 && errno == EINTR);
  return got;
}

static ssize_t io_recv(struct io *io, char *p, size_t n)
{
  return io->tls ? tls_recv(io->tls->tls, p, n) : io_recv_raw(io, p, n);
}

static ssize_t io_send(struct io *io, const char *p, size_t n)
{
  ssize_t put;
  if (io->tls) return tls_send(io->tls->tls, p, n);
  do put = write(io->fd, p, n);
  while (put < 0 && errno == EINTR);
  return put;
}

static bool io_would_block(int errnum)
{
  return errnum == EAGAIN || errnum == EWOULDBLOCK;
}

/* Reading or writing failed; of encryption errno says no more than that. */
static void io_lost(struct io *io)
{
  bool inside = io->tls && errno == EPROTO;
  io_fail(io, inside ? 0 : errno, inside ? tls_why(io->tls->tls) : NULL);
}

/* Who sends commands without taking the answers is not heard until it does. */
static bool io_is_listening(const struct io *io)
{
  return !io->paused && !io->eof && io->view.n < LIMIT_IO_INPUT &&
         io->out.n - io->out_at <= LIMIT_IO_OUTPUT / 2;
}

/* What the watch shall tell in the state the connection is in now. */
static unsigned io_wants(const struct io *io)
{
  if (io->shake) return io->shake == IO_SHAKE_WRITE ? LOOP_WRITE : LOOP_READ;
  unsigned want = io->out.n > io->out_at || io->life == IO_LIFE_CONNECTING ? LOOP_WRITE : 0u;
  if (io->life == IO_LIFE_LINGER) return LOOP_READ;
  if (io->life != IO_LIFE_OPEN) return want;
  /* A pause costs no system call as long as the peer is silent, as most are who wait for a
   * reply. */
  if (io->paused && !io->stirred && io->watch.want & LOOP_READ) return want | LOOP_READ;
  if (io_is_listening(io)) return want | LOOP_READ;
  return want | (io->paused && !io->hup_told && !io->eof ? LOOP_HALF : 0u);
}

static void io_rewatch(struct io *io)
{
  struct err e;
  if (io->fd < 0 || io->off) return;
  if (watch_set(io->loop, &io->watch, io->fd, io_wants(io), &e)) io_fail(io, ENOMEM, NULL);
}

/* ---- output ---------------------------------------------------------------------------------- */

size_t io_pending(const struct io *io)
{
  return io->out.n - io->out_at;
}

/* The room in front, of what was sent, is used before more memory is asked for. */
static void io_pack(struct io *io, size_t n)
{
  if (!io->out_at || io->out.n + n < io->out.size) return;
  buf_shift(&io->out, io->out_at);
  io->out_at = 0;
}

static void io_wrote(struct io *io)
{
  if (!buf_ok(&io->out))
    io_fail(io, 0, "no memory for output");
  else
    loop_late(io->loop, &io->late);
}

void io_write(struct io *io, str s)
{
  if (!io_is_usable(io) || !s.n) return;
  if (s.n > LIMIT_IO_OUTPUT - io_pending(io)) {
    io_fail(io, 0, "the peer does not take what is sent");
    return;
  }
  io_pack(io, s.n);
  buf_str_add(&io->out, s);
  io_wrote(io);
}

void io_printf(struct io *io, const char *fmt, ...)
{
  char line[1024];
  va_list ap;
  va_start(ap, fmt);
  int n = vsnprintf(line, sizeof line, fmt, ap);
  va_end(ap);
  if (n >= 0 && (size_t)n < sizeof line) {
    io_write(io, (str){line, (size_t)n});
    return;
  }
  struct buf text = BUF_INIT(LIMIT_IO_OUTPUT);
  va_start(ap, fmt);
  buf_vprintf(&text, fmt, ap);
  va_end(ap);
  if (buf_ok(&text))
    io_write(io, buf_str(&text));
  else if (io_is_usable(io))
    io_fail(io, 0, "no memory for output");
  buf_free(&text);
}

void io_sent(struct io *io)
{
  if (!io_pending(io)) {
    buf_free(&io->out);
    io->out_at = 0;
  }
  if (!io->draining || io_pending(io) > io->drain_at) return;
  io->draining = false;
  io_news(io, IO_NEWS_DRAINED);
}

void io_drain(struct io *io, size_t at_most)
{
  io->draining = true;
  io->drain_at = at_most;
  if (io_is_usable(io)) io_sent(io);
}

void io_flush(struct io *io)
{
  if (io->fd < 0 || io->life == IO_LIFE_CONNECTING || io->shake) return;
  while (io_pending(io)) {
    ssize_t put = io_send(io, io->out.p + io->out_at, io_pending(io));
    if (put < 0) {
      if (!io_would_block(errno)) io_lost(io);
      break;
    }
    io->out_at += (size_t)put;
  }
  io_sent(io);
}

/* ---- input ----------------------------------------------------------------------------------- */

void io_pause(struct io *io)
{
  io->paused = io->rate_paused = true;
  loop_late(io->loop, &io->late);
}

void io_resume(struct io *io)
{
  if (!io->paused || !io_is_usable(io)) return;
  io->paused = io->stirred = io->off = false;
  if (io->view.n || io->eof) io_news(io, IO_NEWS_DATA);
  loop_late(io->loop, &io->late);
}

/* Keeps what is unused, and nothing else, until there is more. */
void io_wait_more(struct io *io)
{
  bool own = io->in.p && io->view.p >= io->in.p && io->view.p <= io->in.p + io->in.n;
  if (!io->view.n) {
    buf_free(&io->in);
    io->view = (str){NULL, 0};
  } else if (!own) {
    buf_clear(&io->in);
    buf_str_add(&io->in, io->view);
    io->view = buf_str(&io->in);
    if (!buf_ok(&io->in)) io_fail(io, 0, "no memory for input");
  }
}

static void io_tell_eof(struct io *io)
{
  if (!io->eof || io->eof_told || io->paused) return;
  io->eof_told = true;
  io_tell(io, IO_EOF);
}

static void io_read(struct io *io)
{
  char *mem = loop_scratch(io->loop);
  size_t left = io->view.n;
  if (!mem) {
    io_fail(io, 0, "no memory for input");
    return;
  }
  if (left) memcpy(mem, io->view.p, left);
  ssize_t got = io_recv(io, mem + left, LIMIT_IO_INPUT - left);
  if (got < 0) {
    if (!io_would_block(errno)) io_lost(io);
  } else if (got == 0) {
    io->eof = true;
    io_tell_eof(io);
  } else {
    io->received += (uint64_t)got;
    io->view = (str){mem, left + (size_t)got};
    io_tell(io, IO_DATA);
    io_wait_more(io);
  }
}

/* After the last word: the peer's bytes are thrown away until it closes too. */
static void io_linger(struct io *io)
{
  char *mem = loop_scratch(io->loop);
  ssize_t got = mem ? io_recv_raw(io, mem, LIMIT_IO_INPUT) : 0;
  if (got > 0) io->received += (uint64_t)got;
  if (got < 0 && io_would_block(errno)) return;
  if (got > 0 && io->received < io->rate_from + LIMIT_IO_LINGER) return;
  io_enter(io, IO_LIFE_GONE);
  loop_late(io->loop, &io->late);
}

/* ---- what the loop calls --------------------------------------------------------------------- */

static int io_socket_error(const struct io *io)
{
  int errnum = 0;
  socklen_t len = sizeof errnum;
  return getsockopt(io->fd, SOL_SOCKET, SO_ERROR, &errnum, &len) ? 0 : errnum;
}

static void io_connected(struct io *io)
{
  int errnum = io_socket_error(io);
  if (errnum) {
    io_fail(io, errnum, NULL);
    return;
  }
  io_enter(io, IO_LIFE_OPEN);
  io_tell(io, IO_CONNECTED);
  loop_late(io->loop, &io->late);
}

/* Nobody is at the other end any more, and the kernel would repeat it for ever. What was sent
 * before may still be unread: then the watch rests until reading is resumed. */
static void io_hung_up(struct io *io)
{
  int errnum = io_socket_error(io);
  if (errnum || io->eof || io->life != IO_LIFE_OPEN) {
    io_fail(io, errnum ? errnum : EPIPE, NULL);
    return;
  }
  watch_clear(io->loop, &io->watch);
  io->off = true;
}

static void io_ready(struct watch *w, unsigned what, void *arg)
{
  struct io *io = arg;
  loop_cause(io->loop, "connection");
  if (io->life == IO_LIFE_GONE) return; /* another callback of this turn aborted it */
  if (io->life == IO_LIFE_CONNECTING) {
    io_connected(io);
    return;
  }
  if (io->shake && io_is_usable(io)) {
    io_tls_ready(io);
    return;
  }
  if (what & LOOP_WRITE) io_flush(io);
  bool reads = io->life == IO_LIFE_OPEN && !io->paused && w->want & LOOP_READ;
  if (io->life == IO_LIFE_LINGER)
    io_linger(io);
  else if (reads && what & (LOOP_READ | LOOP_GONE))
    io_read(io);
  else if (what & LOOP_GONE)
    io_hung_up(io);
  else if (what & LOOP_READ)
    io->stirred = true;
  if (what & (LOOP_HALF | LOOP_GONE) && io->paused && !io->hup_told && !io->eof &&
      io->life == IO_LIFE_OPEN) {
    io->hup_told = true;
    io_tell(io, IO_HANGUP);
  }
  loop_late(io->loop, &io->late);
}

static void io_soon(struct task *t, void *arg)
{
  struct io *io = arg;
  unsigned news = io->news;
  (void)t;
  io->news = 0;
  if (news & IO_NEWS_ERROR) io_tell(io, IO_ERROR);
  if (!io_is_usable(io)) return;
  if (news & IO_NEWS_DATA && io->view.n && !io->paused) io_tell(io, IO_DATA);
  if (news & IO_NEWS_DATA) io_tell_eof(io);
  if (news & IO_NEWS_READ && io->life == IO_LIFE_OPEN && io_is_listening(io)) io_read(io);
  if (news & IO_NEWS_DRAINED) io_tell(io, IO_DRAINED);
  loop_late(io->loop, &io->late);
}

static void io_deadline_fired(struct timer *t, void *arg)
{
  struct io *io = arg;
  (void)t;
  loop_cause(io->loop, "deadline of a connection");
  if (io_is_closing(io)) {
    io_enter(io, IO_LIFE_GONE);
    loop_late(io->loop, &io->late);
  } else if (io_is_usable(io)) {
    io_tell(io, IO_TIMEOUT);
  }
}

void io_deadline(struct io *io, int64_t at)
{
  if (!io_is_usable(io)) return;
  if (at)
    timer_set(io->loop, &io->deadline, at);
  else
    timer_clear(io->loop, &io->deadline);
}

static void io_rate_begin(struct io *io)
{
  io->rate_from = io->received;
  io->rate_paused = io->paused;
  timer_set(io->loop, &io->rate, loop_now(io->loop) + io->rate_ms);
}

static void io_rate_fired(struct timer *t, void *arg)
{
  struct io *io = arg;
  bool slow = !io->rate_paused && io->received - io->rate_from < io->rate_bytes;
  (void)t;
  if (!io_is_usable(io) || io->eof) return;
  io_rate_begin(io);
  if (slow) io_tell(io, IO_SLOW);
}

void io_min_rate(struct io *io, size_t bytes, int64_t per_ms)
{
  io->rate_bytes = bytes;
  io->rate_ms = per_ms;
  if (!io_is_usable(io)) return;
  if (bytes && per_ms)
    io_rate_begin(io);
  else
    timer_clear(io->loop, &io->rate);
}

/* ---- life ------------------------------------------------------------------------------------ */

static void io_free(struct io *io)
{
  struct loop *l = io->loop;
  timer_clear(l, &io->deadline);
  timer_clear(l, &io->rate);
  watch_clear(l, &io->watch);
  if (io->fd >= 0) close(io->fd);
  io->fd = -1;
  io->fn(io, IO_CLOSED, io->arg);
  loop_unready(&io->soon); /* last: the callback may have written */
  loop_unready(&io->late);
  io_tls_free(io);
  buf_free(&io->in);
  buf_free(&io->out);
  mem_free(io);
}

/* All is sent. The peer hears the end at once; closing now, with bytes of it unread, would make the
 * kernel send a reset that can overtake our last reply (RFC 1122 §4.2.2.13). */
static void io_say_end(struct io *io)
{
  if (io->tls) tls_say_end(io->tls->tls);
  if (io->fd < 0 || io->eof || shutdown(io->fd, SHUT_WR)) {
    io_enter(io, IO_LIFE_GONE);
    return;
  }
  io_enter(io, IO_LIFE_LINGER);
  io->off = false;
  io->rate_from = io->received;
  timer_set(io->loop, &io->deadline, loop_now(io->loop) + IO_LINGER_MS);
}

static void io_late(struct task *t, void *arg)
{
  struct io *io = arg;
  (void)t;
  if (io->life == IO_LIFE_OPEN || io->life == IO_LIFE_CLOSING) io_flush(io);
  if (io->life == IO_LIFE_CLOSING && !io_pending(io)) io_say_end(io);
  if (io->life == IO_LIFE_GONE) {
    io_free(io);
    return;
  }
  io_wait_more(io);
  if (io->life == IO_LIFE_OPEN && io->tls && !io->shake && io_is_listening(io) &&
      tls_pending(io->tls->tls))
    io_news(io, IO_NEWS_READ);
  io_rewatch(io);
}

/* No more news but the end. */
static void io_leave(struct io *io, enum io_life life)
{
  io_enter(io, life);
  timer_clear(io->loop, &io->rate);
  timer_set(io->loop, &io->deadline, loop_now(io->loop) + IO_CLOSE_MS);
  loop_unready(&io->soon);
  loop_late(io->loop, &io->late);
}

/* Is there a last word to wait for? Where TLS failed that is the alert, which is on its way. */
static bool io_has_last_word(const struct io *io)
{
  if (io->life == IO_LIFE_DEAD) return io->tls && !io->errnum;
  return io->life == IO_LIFE_OPEN && !io->shake;
}

void io_close(struct io *io)
{
  if (!io || io_is_closing(io)) return;
  io_leave(io, io_has_last_word(io) ? IO_LIFE_CLOSING : IO_LIFE_GONE);
}

void io_abort(struct io *io)
{
  if (io && io->life != IO_LIFE_GONE) io_leave(io, IO_LIFE_GONE);
}

int io_fd(const struct io *io)
{
  return io->fd;
}

/* Takes fd (-1: none), which is non-blocking already. */
struct io *io_make(struct loop *l, int fd, enum io_life life, io_fn *fn, void *arg, struct err *e)
{
  struct io *io = mem_alloc(sizeof *io);
  if (!io) {
    err_nomem(e);
    goto fail;
  }
  *io = (struct io){.loop = l,
                    .fn = fn,
                    .arg = arg,
                    .fd = fd,
                    .life = (uint8_t)life,
                    .in = BUF_INIT(LIMIT_IO_INPUT),
                    .out = BUF_INIT(LIMIT_IO_OUTPUT)};
  io->watch = (struct watch){.ready = io_ready, .arg = io};
  io->deadline = (struct timer){.fire = io_deadline_fired, .arg = io};
  io->rate = (struct timer){.fire = io_rate_fired, .arg = io};
  io->soon = (struct task){.run = io_soon, .arg = io};
  io->late = (struct task){.run = io_late, .arg = io};
  if (fd >= 0 && watch_set(l, &io->watch, fd, io_wants(io), e)) goto fail;
  return io;
fail:
  if (fd >= 0) close(fd);
  mem_free(io);
  return NULL;
}

#undef IO_CLOSE_MS
#undef IO_LINGER_MS
