/* smtp/server/server.c: who may come, how many at a time, and stopping in good order. */
#include "server.h"
#include "../outbound/outbound.h"
#include "../queue/queue.h"

#include <errno.h>
#include <sys/resource.h>
#include <unistd.h>

#include "sd_notify.h"
#include "ports.h"
#include "../format/format.h"

#define SERVER_STOP_PATIENCE     5000 /* milliseconds all get to end what they are at */
#define SERVER_CERTS_LOOK        60000
#define SERVER_SPARE_DESCRIPTORS (64 + 3 * LIMIT_DELEGATE_FLYING)
#define SERVER_DESCRIPTORS_MAX   (1 << 20) /* Linux gives no process more, unless told to */
#define SERVER_RETURNS           (2 * LIMIT_DELEGATE_FLYING) /* for filters that keep theirs */

/* ---- who may come ---------------------------------------------------------------------------- */

static bool server_is_full(const struct server *s, int fd, const struct netaddr *peer)
{
  const struct conf *conf = s->mta.policy->conf;
  struct netaddr local;
  int64_t all = conf->server.client_count_max, one = conf->server.client_count_max_per_ip;

  if (netaddr_local(fd, &local) == 0 && delegate_receives(s->mta.policy->rules, &local))
    return s->sessions.counts[SESSION_RETURN] >= SERVER_RETURNS;
  if (all >= 0 && (int64_t)s->sessions.counts[SESSION_CLIENT] >= all) return true;
  return one >= 0 && !netaddr_is_loopback(peer) &&
         (int64_t)session_count(&s->sessions, peer) >= one;
}

/* One line to somebody who gets no session; the socket's buffer always has room for it. */
static void server_turn_away(int fd, struct reply r)
{
  struct buf out = BUF_INIT(1024);

  reply_put(&out, r);
  if (write(fd, buf_cstr(&out), out.n) < 0) trace(TRACE_SMTP, "cannot turn a client away");
  buf_free(&out);
  close(fd);
}

void server_accept(struct server *s, enum session_port port, int fd, const struct netaddr *peer)
{
  char text[NETADDR_TEXT_MAX];

  if (port == SESSION_SUBMISSIONS &&
      (server_is_full(s, fd, peer) || !store_ready(s->mta.store) || !s->mta.policy->certs->tls)) {
    close(fd); /* there is no way to say a word before the handshake */
  } else if (server_is_full(s, fd, peer)) {
    log_warn(LOG_RECEIVER, "client=%s turned away: too many clients", netaddr_ip(peer, text));
    server_turn_away(fd, conf_reply(s->mta.policy->conf, CODE_CONNECTION_MAX_REACHED, ""));
  } else if (!store_ready(s->mta.store)) {
    server_turn_away(fd, reply_of(REPLY_STORE_DOWN));
  } else {
    session_begin(&s->sessions, port, fd, peer);
  }
}

/* A quarter of all files at least, whatever clients there are. */
size_t server_outbound_most(const struct conf *conf)
{
  int64_t clients = conf->server.client_count_max;
  struct rlimit limit;

  if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return LIMIT_OUTBOUND_ALL;
  rlim_t all = limit.rlim_cur;
  rlim_t others = (clients < 0 ? all / 2 : (rlim_t)clients) + SERVER_SPARE_DESCRIPTORS;
  rlim_t left = all > others + all / 4 ? all - others : all / 4;
  return left < LIMIT_OUTBOUND_ALL ? (size_t)left : LIMIT_OUTBOUND_ALL;
}

/* How many files we may open from now on: as many as wanted, or what the system allows. */
static rlim_t server_set_descriptors(const struct rlimit *now, rlim_t want)
{
  const struct rlimit tries[] = {
      {want, want > now->rlim_max ? want : now->rlim_max}, /* more than rlim_max: as root only */
      {want < now->rlim_max ? want : now->rlim_max, now->rlim_max}};

  if (now->rlim_cur >= want) return now->rlim_cur;
  for (size_t i = 0; i < BASE_COUNT(tries); i++)
    if (setrlimit(RLIMIT_NOFILE, &tries[i]) == 0) return tries[i].rlim_cur;
  return now->rlim_cur;
}

int server_raise_descriptors(struct server *s, struct conf *conf, struct err *e)
{
  int64_t *clients = &conf->server.client_count_max, asked = *clients;
  const rlim_t others = SERVER_SPARE_DESCRIPTORS + LIMIT_OUTBOUND_ALL;
  struct rlimit now;

  if (getrlimit(RLIMIT_NOFILE, &now) < 0) return err_sys(e, errno, "cannot ask for limits");
  rlim_t want = asked < 0 ? now.rlim_max : (rlim_t)asked + others;
  if (want > SERVER_DESCRIPTORS_MAX) want = SERVER_DESCRIPTORS_MAX;
  rlim_t got = server_set_descriptors(&now, want);
  rlim_t kept = got >= want ? others : SERVER_SPARE_DESCRIPTORS;
  int64_t most = (int64_t)(got > 2 * kept ? got - kept : got / 2);
  if (asked < 0 || asked > most) *clients = most;
  if (got < want && s->files_wanted != want)
    log_warn(
        LOG_SERVER,
        "the system allows %llu open files, and client_count_max = %lld may need %llu: no more "
        "than %lld clients and %zu connections to other servers at the same time. For more, "
        "as root: LimitNOFILE=%llu in systemd's unit, rc_ulimit=\"-n %llu\" with OpenRC, else "
        "ulimit -n %llu before the start",
        (unsigned long long)got, (long long)asked, (unsigned long long)want, (long long)*clients,
        server_outbound_most(conf), (unsigned long long)want, (unsigned long long)want,
        (unsigned long long)want);
  s->files_wanted = want;
  return 0;
}

/* ---- certificates ---------------------------------------------------------------------------- */

static void server_look_at_certificates(struct timer *t, void *arg)
{
  struct server *s = arg;

  loop_cause(s->mta.loop, "reading certificates");
  certs_renew(s->mta.policy->certs, s->mta.policy->conf);
  timer_set(s->mta.loop, t, loop_now(s->mta.loop) + SERVER_CERTS_LOOK);
}

void server_watch_certificates(struct server *s)
{
  s->certs.fire = server_look_at_certificates;
  s->certs.arg = s;
  timer_set(s->mta.loop, &s->certs, loop_now(s->mta.loop) + SERVER_CERTS_LOOK);
}

/* ---- the end --------------------------------------------------------------------------------- */

/* Connections that bring mails back matter only while somebody waits for one. */
static bool server_is_idle(const struct server *s)
{
  return s->sessions.counts[SESSION_CLIENT] + s->sessions.counts[SESSION_DROPPED] == 0 &&
         deliver_count(s->deliver) == 0;
}

static void server_check_stopped(struct timer *t, void *arg)
{
  struct server *s = arg;

  if (server_is_idle(s) || loop_now(s->mta.loop) >= s->stop_at)
    loop_stop(s->mta.loop);
  else
    timer_set(s->mta.loop, t, loop_now(s->mta.loop) + 20);
}

void server_stop(struct server *s)
{
  s->stop_at = loop_now(s->mta.loop);
  if (s->stopping) return;
  s->stopping = true;
  deliver_drain(s->deliver);
  log_info(LOG_SERVER, "stopping sessions=%zu deliveries=%zu", s->sessions.counts[SESSION_CLIENT],
           deliver_count(s->deliver));
  sd_notify_stopping(s->notify);
  ports_close_but_receivers(s);
  session_stop_all(&s->sessions);
  s->stop_at += SERVER_STOP_PATIENCE;
  s->stop.fire = server_check_stopped;
  s->stop.arg = s;
  timer_set(s->mta.loop, &s->stop, loop_now(s->mta.loop));
}

void server_close(struct server *s)
{
  struct err e;

  timer_clear(s->mta.loop, &s->stop);
  timer_clear(s->mta.loop, &s->certs);
  ports_close(s);
  delegate_hub_stop(s->delegates);
  outbound_stop(s->outbounds);
  session_abort_all(&s->sessions);
  if (loop_turn(s->mta.loop, 0, &e) < 0) log_error(LOG_SERVER, "at the end: %s", e.text);
  delegate_hub_free(s->delegates);
  outbound_free(s->outbounds);
  session_hub_end(&s->sessions);
  s->delegates = NULL;
  s->outbounds = NULL;
}
#undef SERVER_STOP_PATIENCE
#undef SERVER_CERTS_LOOK
#undef SERVER_SPARE_DESCRIPTORS
#undef SERVER_DESCRIPTORS_MAX
#undef SERVER_RETURNS
