/* net/io_tls.c: a connection becomes encrypted.
 *
 * While the handshake is under way the connection is open but neither read nor written by io.c:
 * what its owner writes waits. Each time the descriptor has something the connection leaves the
 * watch and gets in line (tls_gate.c); when its turn comes, the library goes on as far as it can.
 */
#include "io_int.h"

static void io_tls_enter(struct io *io, enum io_shake shake)
{
  io->shake = (uint8_t)shake;
  io->off = shake == IO_SHAKE_TURN;
  if (io->off) watch_clear(io->loop, &io->watch); /* it could only repeat itself */
  loop_late(io->loop, &io->late);
}

static void io_tls_turn(struct tls_wait *w, void *arg)
{
  struct io *io = arg;

  (void)w;
  if (!io_is_usable(io)) return;
  switch (tls_shake(io->tls->tls, io->fd)) {
  case TLS_WANTS_READ: io_tls_enter(io, IO_SHAKE_READ); break;
  case TLS_WANTS_WRITE: io_tls_enter(io, IO_SHAKE_WRITE); break;
  case TLS_FAILED: io_fail(io, 0, tls_why(io->tls->tls)); break;
  case TLS_DONE:
    io_tls_enter(io, IO_SHAKE_NONE);
    io_tell(io, IO_CONNECTED);
    break;
  }
}

static void io_tls_line_up(struct io *io)
{
  if (tls_gate_line_up(io->loop, &io->tls->turn) < 0) io_fail(io, 0, "no memory for TLS");
}

static void io_tls_delay_over(struct timer *t, void *arg)
{
  (void)t;
  io_tls_line_up(arg);
}

void io_tls_ready(struct io *io)
{
  struct io_tls *t = io->tls;
  struct netaddr peer;
  int64_t delay = 0;

  if (!t->counted && tls_is_server(t->tls) && netaddr_peer(io->fd, &peer) == 0)
    delay = tls_gate_delay(io->loop, &peer);
  t->counted = true;
  io_tls_enter(io, IO_SHAKE_TURN);
  if (delay)
    timer_set(io->loop, &t->delay, loop_now(io->loop) + delay);
  else
    io_tls_line_up(io);
}

void io_tls_free(struct io *io)
{
  if (!io->tls) return;
  timer_clear(io->loop, &io->tls->delay);
  tls_gate_leave(&io->tls->turn);
  tls_free(io->tls->tls);
  mem_free(io->tls);
}

/* Takes tls (NULL: no memory). */
static void io_tls_begin(struct io *io, struct tls *tls)
{
  struct io_tls *t = NULL;

  if (!io_is_usable(io) || io->tls) {
    tls_free(tls);
    return;
  }
  if (!tls || !(t = mem_alloc(sizeof *t))) {
    tls_free(tls);
    io_fail(io, 0, "no memory for TLS");
    return;
  }
  io_flush(io); /* in clear, the last of it */
  io_discard(io);
  t->tls = tls;
  t->turn.run = io_tls_turn;
  t->turn.arg = io;
  t->delay.fire = io_tls_delay_over;
  t->delay.arg = io;
  io->tls = t;
  if (io->fd < 0)
    io_fail(io, 0, "nothing to encrypt");
  else if (io_pending(io))
    io_fail(io, 0, "the peer does not take what is sent");
  else
    io_tls_enter(io, IO_SHAKE_READ);
}

void io_tls_server(struct io *io, struct tls_server *config)
{
  io_tls_begin(io, tls_new_server(config));
}

void io_tls_client(struct io *io, struct tls_client *config, str name, bool verify)
{
  io_tls_begin(io, tls_new_client(config, name, verify));
  if (!io_is_usable(io)) return;
  io_tls_enter(io, IO_SHAKE_TURN); /* the client speaks first */
  io_tls_line_up(io);
}

const struct tls_info *io_tls_info(const struct io *io)
{
  return io->tls ? tls_info_of(io->tls->tls) : NULL;
}
