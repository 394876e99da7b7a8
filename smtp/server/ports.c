/* smtp/server/ports.c: where the server listens. */
#include "ports.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../conf/conf.h"
#include "../filter/filter.h"
#include "server.h"

#define PORTS_GIVEN_FIRST 3 /* SD_LISTEN_FDS_START */

struct port {
  struct server *server;
  struct list_link link; /* of all */
  struct listener *listener;
  struct netaddr at; /* as configured: its port may be 0 */
  enum session_port kind, next_kind;
  bool open;   /* it accepts */
  bool wanted; /* by the configuration that is being prepared */
};

/* ---- sockets of a supervisor ----------------------------------------------------------------- */

static uint64_t ports_number(const char *name)
{
  uint64_t n = 0;
  const char *text = getenv(name);

  return text && str_to_u64(str_of(text), &n, 10) == 0 ? n : 0;
}

void ports_take_given(struct ports_given *out)
{
  uint64_t n = ports_number("LISTEN_FDS");

  out->n = 0;
  if (ports_number("LISTEN_PID") == (uint64_t)getpid())
    for (int fd = PORTS_GIVEN_FIRST; n > 0 && out->n < PORTS_GIVEN_MAX; n--, fd++)
      if (fcntl(fd, F_SETFD, FD_CLOEXEC) == 0) out->fd[out->n++] = fd;
  unsetenv("LISTEN_PID");
  unsetenv("LISTEN_FDS");
  unsetenv("LISTEN_FDNAMES");
}

void ports_close_given(struct ports_given *given)
{
  char text[NETADDR_TEXT_MAX];
  struct netaddr at;

  for (size_t i = 0; i < given->n; i++) {
    if (given->fd[i] < 0) continue;
    log_warn(LOG_SERVER, "the socket %s of the supervisor is in no server.interfaces: closed",
             netaddr_local(given->fd[i], &at) == 0 ? netaddr_text(&at, text) : "of no address");
    close(given->fd[i]);
  }
  given->n = 0;
}

/* The given socket that listens at this address, or -1. */
static int ports_find_given(struct ports_given *given, const struct netaddr *at)
{
  struct netaddr local;
  int listens = 0, fd;
  socklen_t size = sizeof listens;

  for (size_t i = 0; given && i < given->n; i++) {
    fd = given->fd[i];
    if (fd < 0 || netaddr_local(fd, &local) < 0 || !netaddr_eq(&local, at)) continue;
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) < 0 || !listens) continue;
    if (fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK) < 0) continue;
    given->fd[i] = -1;
    return fd;
  }
  return -1;
}

/* ---- one port -------------------------------------------------------------------------------- */

static void ports_accept(struct listener *l, int fd, const struct netaddr *peer, void *arg)
{
  struct port *p = arg;

  (void)l;
  server_accept(p->server, p->kind, fd, peer);
}

static void ports_free(struct port *p)
{
  listen_free(p->listener);
  list_remove(&p->link);
  mem_free(p);
}

/* "Any free port" of one kind is not that of another. */
static struct port *ports_known(const struct server *s, const struct netaddr *at,
                                enum session_port kind)
{
  LIST_EACH(&s->ports, struct port, link, p)
    if (!p->wanted && netaddr_eq(&p->at, at) && (netaddr_port(at) || p->kind == kind)) return p;
  return NULL;
}

static int ports_open(struct server *s, const struct conf_addr *addr, struct ports_given *given,
                      struct port **out, struct err *e)
{
  struct port *p = mem_alloc(sizeof *p);
  int fd;

  if (!p) return err_nomem(e);
  *p = (struct port){.server = s, .at = addr->addr};
  fd = ports_find_given(given, &addr->addr);
  p->listener = fd >= 0 ? listen_adopt(s->mta.loop, fd, ports_accept, p, e)
                        : listen_new(s->mta.loop, &addr->addr, ports_accept, p, e);
  if (!p->listener) {
    mem_free(p);
    return -1;
  }
  listen_pause(p->listener);
  list_add_first(&s->ports, &p->link);
  *out = p;
  return 0;
}

/* What the operator can do about it. */
static void ports_advise(const struct conf_addr *addr, struct err *e)
{
  size_t n = strlen(e->text);
  uint16_t port = netaddr_port(&addr->addr);

  if (str_ends(str_of(e->text), str_of(strerror(EADDRINUSE)))) {
    taken_advise(&addr->addr, e);
    return;
  }
  if (geteuid() == 0 || port == 0 || port >= 1024 || n >= sizeof e->text) return;
  snprintf(e->text + n, sizeof e->text - n,
           "; a port below 1024 is for root, who this is not (any more): start the server anew, as "
           "root or by a supervisor that gives it the socket (systemctl restart vsmtp)");
}

/* ---- all of them ----------------------------------------------------------------------------- */

static int ports_prepare_list(struct server *s, const struct conf_addrs *list,
                              enum session_port kind, struct ports_given *given, size_t *failed,
                              struct err *e)
{
  for (size_t i = list->n; i-- > 0;) {
    struct port *p = ports_known(s, &list->list[i].addr, kind);

    *failed = i;
    if (!p && ports_open(s, &list->list[i], given, &p, e) < 0) {
      ports_advise(&list->list[i], e);
      return -1;
    }
    p->wanted = true;
    p->next_kind = kind;
  }
  return 0;
}

static const struct toml *ports_place(const struct conf *conf, const char *path, size_t i)
{
  const struct toml *node = conf_find(conf->tree, path);

  for (node = node ? node->child : NULL; node && i > 0; i--) node = node->next;
  return node;
}

int ports_prepare(struct server *s, const struct conf *conf, struct ports_given *given,
                  const struct toml **at, struct err *e)
{
  const struct {
    const char *path;
    const struct conf_addrs *list;
    enum session_port kind;
  } lists[] = {
      {"server.interfaces.addr_submissions", &conf->server.interfaces.addr_submissions,
       SESSION_SUBMISSIONS},
      {"server.interfaces.addr_submission", &conf->server.interfaces.addr_submission,
       SESSION_SUBMISSION},
      {"server.interfaces.addr", &conf->server.interfaces.addr, SESSION_SMTP},
  };
  size_t failed = 0;

  for (size_t i = 0; i < BASE_COUNT(lists); i++) {
    if (ports_prepare_list(s, lists[i].list, lists[i].kind, given, &failed, e) == 0) continue;
    *at = ports_place(conf, lists[i].path, failed);
    ports_abandon(s);
    return -1;
  }
  return 0;
}

void ports_commit(struct server *s)
{
  char text[NETADDR_TEXT_MAX];

  LIST_EACH(&s->ports, struct port, link, p) {
    if (!p->wanted) {
      log_info(LOG_SERVER, "no longer listening on %s",
               netaddr_text(listen_addr(p->listener), text));
      ports_free(p);
      continue;
    }
    p->kind = p->next_kind;
    p->wanted = false;
    if (!p->open) {
      listen_resume(p->listener);
      printf("listening on %s\n", netaddr_text(listen_addr(p->listener), text));
      log_info(LOG_SERVER, "listening on %s", netaddr_text(listen_addr(p->listener), text));
    }
    p->open = true;
  }
  fflush(stdout);
}

void ports_abandon(struct server *s)
{
  LIST_EACH(&s->ports, struct port, link, p) {
    p->wanted = false;
    if (!p->open) ports_free(p);
  }
}

void ports_close_but_receivers(struct server *s)
{
  LIST_EACH(&s->ports, struct port, link, p)
    if (!delegate_receives(s->mta.policy->rules, listen_addr(p->listener))) ports_free(p);
}

void ports_close(struct server *s)
{
  LIST_EACH(&s->ports, struct port, link, p) ports_free(p);
}
#undef PORTS_GIVEN_FIRST
