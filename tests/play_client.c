/* tests/play_client.c: the other end of the wire: lines out, lines in, and what both said. */
#include "play.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#define CLIENT_LINE_MAX (1 << 20)

struct play_client {
  char *name;
  int fd;
  struct buf in; /* read and not yet taken as a line */
  struct buf line;
  bool ended; /* nothing more will come */
};

static struct buf play_client_log = BUF_INIT(1 << 22);

static void play_client_note(const struct play_client *c, const char *mark, str text)
{
  buf_printf(&play_client_log, "  %s %s ", c->name, mark);
  play_show(&play_client_log, text);
  buf_putc(&play_client_log, '\n');
}

void play_client_transcript(struct buf *out)
{
  buf_str_add(out, buf_str(&play_client_log));
}

const char *play_client_name(const struct play_client *c)
{
  return c->name;
}

/* ---- opening and closing --------------------------------------------------------------------- */

static void play_client_bind(int fd, const char *from)
{
  struct sockaddr_in address = {.sin_family = AF_INET};
  if (inet_pton(AF_INET, from, &address.sin_addr) != 1) play_fail("not an IPv4 address: %s", from);
  if (bind(fd, (struct sockaddr *)&address, sizeof address))
    play_fail("cannot use the address %s: %s", from, strerror(errno));
}

struct play_client *play_client_open(const char *name, const char *from, int port)
{
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  struct play_client *c = mem_alloc(sizeof *c);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  c->name = mem_strdup(str_of(name));
  c->in.cap = c->line.cap = CLIENT_LINE_MAX;
  c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (c->fd < 0) play_fail("no socket: %s", strerror(errno));
  if (*from) play_client_bind(c->fd, from);
  if (connect(c->fd, (struct sockaddr *)&address, sizeof address)) {
    play_client_note(c, "cannot connect", STR(""));
    play_client_close(c);
    return NULL;
  }
  fcntl(c->fd, F_SETFL, O_NONBLOCK);
  int on = 1;
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  play_client_note(c, "connects", STR(""));
  return c;
}

void play_client_close(struct play_client *c)
{
  if (!c) return;
  play_client_note(c, "goes", STR(""));
  close(c->fd);
  mem_free(c->name);
  buf_free(&c->in);
  buf_free(&c->line);
  mem_free(c);
}

/* ---- reading --------------------------------------------------------------------------------- */

/* Takes what is there. */
static void play_client_read(struct play_client *c)
{
  char *room = buf_room(&c->in, 16384);
  if (!room) play_fail("%s: a line over %d octets", c->name, CLIENT_LINE_MAX);
  ssize_t got = recv(c->fd, room, 16384, 0);
  if (got > 0)
    buf_grew(&c->in, (size_t)got);
  else if (got == 0 || (errno != EAGAIN && errno != EINTR))
    c->ended = true;
}

/* A server that has died says nothing more, also where the system has forgotten a connection that
 * was made at the moment its listener went. */
static void play_client_wait(struct play_client *c, short events, int64_t until, const char *what)
{
  struct pollfd watch = {.fd = c->fd, .events = events};
  bool dead = play_server_is_dead();
  if (play_now() >= until) play_fail("%s: waited too long %s", c->name, what);
  if (poll(&watch, 1, 500) == 0)
    c->ended = c->ended || dead;
  else if (watch.revents & (POLLIN | POLLERR | POLLHUP) && !c->ended)
    play_client_read(c);
}

bool play_client_line(struct play_client *c, str *line)
{
  int64_t until = play_now() + PLAY_PATIENCE;
  ptrdiff_t end;
  while ((end = str_chr(buf_str(&c->in), '\n')) < 0 && !c->ended)
    play_client_wait(c, POLLIN, until, "for a line");
  if (end < 0 && c->in.n) play_fail("%s: half a line came, then the end", c->name);
  if (end < 0) return false;
  buf_clear(&c->line);
  buf_add(&c->line, c->in.p, (size_t)end + 1);
  buf_shift(&c->in, (size_t)end + 1);
  *line = buf_str(&c->line);
  if (!str_ends(*line, STR("\r\n"))) play_fail("%s: a line without CR LF", c->name);
  line->n -= 2;
  play_client_note(c, "<", *line);
  return true;
}

void play_client_closed(struct play_client *c)
{
  str line;
  if (play_client_line(c, &line)) {
    struct buf text = BUF_INIT(4096);
    play_show(&text, line);
    play_fail("%s: the server says more: %s", c->name, buf_cstr(&text));
  }
}

/* ---- writing --------------------------------------------------------------------------------- */

/* What the server says meanwhile is read, or both would wait for each other. When it has closed the
 * rest is lost, as on a real wire. */
static void play_client_send_all(struct play_client *c, str bytes)
{
  int64_t until = play_now() + PLAY_PATIENCE;
  while (bytes.n && !c->ended) {
    ssize_t done = send(c->fd, bytes.p, bytes.n, MSG_NOSIGNAL);
    if (done > 0)
      bytes = str_skip(bytes, (size_t)done), until = play_now() + PLAY_PATIENCE;
    else if (done < 0 && errno != EAGAIN && errno != EINTR)
      return;
    else
      play_client_wait(c, POLLIN | POLLOUT, until, "to send");
  }
}

static void play_client_note_sent(struct play_client *c, str bytes)
{
  str rest = bytes, line;
  while (str_cut(&rest, '\n', &line)) {
    if (!rest.p && !line.n) return;
    bool whole = rest.p && str_ends(line, STR("\r"));
    if (whole) line.n--;
    play_client_note(c, whole ? ">" : rest.p ? "> (LF alone)" : "> (no end)", line);
  }
}

void play_client_send(struct play_client *c, str bytes, size_t step)
{
  play_client_note_sent(c, bytes);
  if (step == 0) step = bytes.n ? bytes.n : 1;
  while (bytes.n) {
    play_client_send_all(c, str_sub(bytes, 0, step));
    bytes = str_skip(bytes, step);
    if (bytes.n) play_nap(200);
  }
}
#undef CLIENT_LINE_MAX
