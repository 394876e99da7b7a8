/* smtp/outbound.c: mails on their way to other servers.
 *
 *   lane    one destination: its waiting mails, its addresses, its connections, its back-off
 *   peer    one address, whichever lanes lead to it: how many connections, silent until when
 *   link    one connection of a lane to a peer: opening, busy with a mail, or idle
 *
 * outbound_pump is the one place that moves a lane on; whatever happens makes its task ready. While a
 * lane has not been answered yet, one connection tries its addresses, best first; those that fail are
 * passed over for a while, and when none is left the lane rests, each time longer. An answer proves it
 * alive: then it opens as many connections as there is work for.
 */
#include "outbound.h"

#include "addr.h"
#include "deliver.h"
#include "lookup.h"
#include "target.h"

#define OUTBOUND_PATIENCE 30000  /* ms for a connection and its greeting, */
#define OUTBOUND_HASTE    5000   /* if others need the place */
#define OUTBOUND_IDLE     5000   /* ms a connection is kept for the next mail */
#define OUTBOUND_SILENT   300000 /* ms an address that failed is passed over, at most */
#define OUTBOUND_FRESH    300000 /* ms for which addresses are good */
#define OUTBOUND_WAIT     5000   /* ms a mail may wait for a slow server when places are short */
#define OUTBOUND_TRIES    3      /* connections lost under one mail before it is put off */
#define OUTBOUND_LANES    4096   /* destinations remembered */
#define OUTBOUND_BREAKS   3      /* connections lost in a row under mails before the lane rests */
#define OUTBOUND_HOUR     3600000
#define OUTBOUND_SECRET   8192 /* octets of a password or token */

struct outbound_peer {
  size_t flying, ready; /* connections, and those of them that were greeted */
  size_t cap;           /* it refused more than so many; 0: it never did */
  int64_t silent_until; /* wall time until which it is passed over */
  int64_t plain_until;  /* its TLS is broken */
};

struct outbound_hub {
  struct server *server;
  struct map lanes, peers;
  struct tls_client *tls;      /* once needed */
  struct outbound_link *links; /* all, until their sockets are closed */
  size_t flying;
  bool starved; /* a lane waits for one of them to end */
  bool stopped;
};

struct outbound_lane {
  struct outbound_hub *hub;
  str key; /* may hold a password */
  struct buf shown;
  struct policy *policy; /* of the newest mail */
  enum outbound_way way;
  struct arena *arena;  /* of target and key */
  struct target target; /* of OUTBOUND_MX: the domain, its port and policy */
  struct task task;
  struct outbound *first, *last; /* who waits */
  size_t waiting;
  struct outbound_link *links; /* those that serve, or will */
  size_t link_count, opening;
  struct lookup *lookup;
  struct arena *names;    /* of hops */
  struct route_hop *hops; /* NULL: not looked up */
  size_t hop_count;
  int64_t shunned[LIMIT_ROUTE_HOPS]; /* wall time until which a hop is nothing for this lane */
  int64_t hops_until;                /* loop time */
  bool proved;                       /* it answered, and has not failed since */
  unsigned breaks;                   /* connections lost under mails, in a row */
  int fails;                         /* times in a row that every address failed */
  int64_t until;                     /* wall time its back-off ends */
  int64_t since;                     /* loop time of the last progress */
  int64_t pace;                      /* ms from mail to mail */
  int64_t slot;                      /* wall time given to the last one put off */
  struct buf why, who;               /* what it failed of, and the server that told */
};

struct outbound_link {
  struct outbound_link *next, **link; /* of the hub */
  struct outbound_link *lane_next, **lane_link;
  struct outbound_hub *hub;
  struct outbound_lane *lane; /* NULL: it is only said good-bye */
  struct outbound_peer *peer;
  struct client *client;
  struct outbound *busy;
  char *name; /* of the host, owned */
  bool ready;
  size_t served; /* mails */
  int64_t began; /* loop time */
  struct timer idle;
};

uint16_t outbound_port(void)
{
#ifdef VSMTP_TEST
  const char *port = getenv("VSMTP_MX_PORT");
  uint64_t n;

  if (port && str_to_u64(str_of(port), &n, 10) == 0 && n <= UINT16_MAX) return (uint16_t)n;
#endif
  return 25;
}

static int64_t outbound_now(const struct outbound_hub *hub)
{
  return loop_now(hub->server->loop);
}

static void outbound_stir(struct outbound_lane *lane)
{
  if (!lane->hub->stopped) loop_ready(lane->hub->server->loop, &lane->task);
}

/* ---- the line of a lane ------------------------------------------------------------------------ */

static void outbound_leave(struct outbound *o)
{
  struct outbound_lane *lane = o->lane;

  *(o->prev ? &o->prev->next : &lane->first) = o->next;
  *(o->next ? &o->next->prev : &lane->last) = o->prev;
  o->next = o->prev = NULL;
  lane->waiting--;
}

static void outbound_join(struct outbound *o, bool front)
{
  struct outbound_lane *lane = o->lane;

  if (!lane->first) lane->since = outbound_now(lane->hub);
  o->prev = front ? NULL : lane->last;
  o->next = front ? lane->first : NULL;
  *(o->prev ? &o->prev->next : &lane->first) = o;
  *(o->next ? &o->next->prev : &lane->last) = o;
  lane->waiting++;
}

/* Takes it out of everything, then tells its owner, who may free it. */
static void outbound_settle(struct outbound *o, const struct outbound_end *end)
{
  if (o->link)
    o->link->busy = NULL;
  else
    outbound_leave(o);
  o->link = NULL;
  o->lane = NULL;
  o->settled(o, end);
}

static void outbound_settle_all(struct outbound_lane *lane, const struct outbound_end *end)
{
  while (lane->first) outbound_settle(lane->first, end);
}

/* ---- failing ----------------------------------------------------------------------------------- */

/* who: the server that said so, or of which it is said; NULL: it is our own business. */
static void outbound_say_why(struct outbound_lane *lane, const char *who, str why)
{
  buf_clear(&lane->why);
  buf_clear(&lane->who);
  lane->why.cap = LIMIT_REPLY_TEXT;
  lane->who.cap = LIMIT_DOMAIN;
  buf_str_add(&lane->why, why);
  if (who) buf_puts(&lane->who, who);
}

/* All its servers failed, or none could be found: it rests. */
static void outbound_fail(struct outbound_lane *lane)
{
  int64_t now = clock_wall();
  struct outbound_end end = {.how = OUTBOUND_DEFERRED};

  lane->until = attempt_next(lane->policy->conf, lane->fails++, now);
  lane->proved = false;
  lane->breaks = 0;
  end.text = buf_str(&lane->why);
  end.remote = buf_str(&lane->who);
  end.retry_at = lane->until;
  log_info(LOG_DELIVERY, "lane=%s failed=%d rests=%llds: %s", log_q(buf_str(&lane->shown)),
           lane->fails, (long long)(lane->until - now) / 1000, log_q(end.text));
  outbound_settle_all(lane, &end);
}

static struct outbound_peer *outbound_peer(struct outbound_hub *hub, const struct route_hop *hop)
{
  char text[NETADDR_TEXT_MAX];
  str key = str_of(netaddr_text(&hop->to, text));
  struct outbound_peer *p = map_get(&hub->peers, key);

  if (p) return p;
  p = mem_alloc(sizeof *p);
  if (p && map_set(&hub->peers, key, p) == 0) return p;
  mem_free(p);
  return NULL;
}

static int64_t outbound_pause(const struct outbound_lane *lane)
{
  int64_t period = lane->policy->conf->server.queues.delivery.deferred_retry_period;

  return clock_wall() + (period < OUTBOUND_SILENT ? period : OUTBOUND_SILENT);
}

/* Passed over for a while, which is shorter than any back-off: by all lanes, because nobody is there, or
 * by this one, which wants more than it gives. */
static void outbound_silence(struct outbound_lane *lane, struct outbound_peer *peer)
{
  peer->silent_until = outbound_pause(lane);
}

static void outbound_shun(struct outbound_lane *lane, struct outbound_peer *peer)
{
  for (size_t i = 0; i < lane->hop_count; i++)
    if (outbound_peer(lane->hub, &lane->hops[i]) == peer) lane->shunned[i] = outbound_pause(lane);
}

/* ---- addresses --------------------------------------------------------------------------------- */

static void outbound_forget_hops(struct outbound_lane *lane)
{
  arena_free(lane->names);
  lane->names = NULL;
  lane->hops = NULL;
  lane->hop_count = 0;
}

static int outbound_keep_hops(struct outbound_lane *lane, const struct route_hop *hops, size_t n)
{
  outbound_forget_hops(lane);
  lane->names = arena_new(0);
  if (lane->names) lane->hops = arena_alloc(lane->names, n * sizeof *hops);
  if (!lane->hops) return -1;
  memcpy(lane->hops, hops, n * sizeof *hops);
  memset(lane->shunned, 0, sizeof lane->shunned);
  for (size_t i = 0; i < n; i++) lane->hops[i].name = arena_str(lane->names, hops[i].name);
  if (arena_full(lane->names)) return -1;
  lane->hop_count = n;
  lane->hops_until = outbound_now(lane->hub) + OUTBOUND_FRESH;
  return 0;
}

static void outbound_found(void *arg, const struct lookup_result *r)
{
  struct outbound_lane *lane = arg;
  struct outbound_end end = {.how = OUTBOUND_FAILED, .text = r->why};

  lane->lookup = NULL;
  lane->since = outbound_now(lane->hub);
  if (r->verdict == LOOKUP_PERM) {
    outbound_settle_all(lane, &end);
  } else if (r->verdict == LOOKUP_TEMP || outbound_keep_hops(lane, r->hops, r->n) < 0) {
    outbound_say_why(lane, NULL, r->verdict == LOOKUP_TEMP ? r->why : STR("4.3.0 out of memory"));
    outbound_fail(lane);
  }
  outbound_stir(lane);
}

/* An address that needs no look-up: an IP, or a socket of this machine. */
static int outbound_fixed(struct outbound_lane *lane, struct err *e)
{
  struct target *t = &lane->target;
  struct route_hop hop = {.name = t->host};
  const char *format = t->local ? "unix:%.*s" : str_chr(t->host, ':') >= 0 ? "[%.*s]" : "%.*s";
  str text = arena_printf(lane->arena, format, STR_ARG(t->host));

  if (!text.p) return err_nomem(e);
  if (netaddr_parse(text, t->local ? -1 : t->port, &hop.to, e) < 0) return -1;
  if (lane->way == OUTBOUND_MX && lookup_is_ours(lane->policy->conf, &hop))
    return err_set(e, ERR_PERM, "5.4.6 that is the address of this server");
  if (outbound_keep_hops(lane, &hop, 1) < 0) return err_nomem(e);
  lane->hops_until = INT64_MAX;
  return 0;
}

/* Finds the addresses, now or later. */
static void outbound_look(struct outbound_lane *lane)
{
  struct lookup_order o = {.conf = lane->policy->conf,
                           .name = lane->target.host,
                           .port = lane->target.port,
                           .mx = lane->way == OUTBOUND_MX};
  struct outbound_end never = {.how = OUTBOUND_FAILED};
  struct err e = {.kind = ERR_NOMEM, .text = "out of memory"};

  if (lane->target.ip || lane->target.local) {
    if (outbound_fixed(lane, &e) == 0) return;
    if (e.kind == ERR_PERM) {
      never.text = str_of(e.text);
      outbound_settle_all(lane, &never);
      return;
    }
  } else if ((o.dns = policy_dns(lane->policy, lane->hub->server->loop, &e)) != NULL) {
    lane->lookup = lookup_new(&o, outbound_found, lane);
    if (lane->lookup) return;
  }
  outbound_say_why(lane, NULL, str_of(e.text));
  outbound_fail(lane);
}

/* ---- connections ------------------------------------------------------------------------------- */

/* From now on it serves nobody; it is freed when its socket is closed. */
static void outbound_detach(struct outbound_link *k)
{
  struct outbound_lane *lane = k->lane;

  timer_clear(k->hub->server->loop, &k->idle);
  if (k->ready)
    k->peer->ready--;
  else
    lane->opening--;
  *k->lane_link = k->lane_next;
  if (k->lane_next) k->lane_next->lane_link = k->lane_link;
  lane->link_count--;
  k->lane = NULL;
  outbound_stir(lane);
}

static void outbound_drop(struct outbound_link *k)
{
  outbound_detach(k);
  client_end(k->client);
}

static void outbound_gone(void *arg)
{
  struct outbound_link *k = arg;
  struct outbound_hub *hub = k->hub;

  k->peer->flying--;
  hub->flying--;
  *k->link = k->next;
  if (k->next) k->next->link = k->link;
  mem_free(k->name);
  mem_free(k);
  if (!hub->starved || hub->stopped) return;
  hub->starved = false;
  for (size_t i = 0; i < hub->lanes.n; i++)
    if (hub->lanes.entries[i].key.p) outbound_stir(hub->lanes.entries[i].value);
}

static void outbound_idle(struct timer *t, void *arg)
{
  (void)t;
  outbound_drop(arg);
}

/* A server that says it is us: what we hand it comes back (RFC 5321 §6.3). */
static bool outbound_is_mirror(const struct outbound_link *k)
{
  return k->lane->way == OUTBOUND_MX &&
         str_ieq(client_peer(k->client), k->lane->policy->conf->server.domain);
}

static void outbound_ready(void *arg)
{
  struct outbound_link *k = arg;
  struct outbound_lane *lane = k->lane;
  struct outbound_end end = {.how = OUTBOUND_FAILED,
                             .text = STR("5.4.6 its mail server says that it is this one")};

  if (k->ready) return;
  k->ready = true;
  lane->opening--;
  k->peer->ready++;
  k->peer->silent_until = 0;
  lane->proved = true;
  lane->fails = 0;
  lane->since = outbound_now(lane->hub);
  if (outbound_is_mirror(k)) {
    outbound_settle_all(lane, &end);
    outbound_drop(k);
  } else {
    timer_set(k->hub->server->loop, &k->idle, lane->since + OUTBOUND_IDLE);
    outbound_stir(lane);
  }
}

/* It was not greeted. One that takes no more at once than it has already is alive. */
static void outbound_not_ready(struct outbound_link *k, int code, str why)
{
  struct outbound_peer *peer = k->peer;
  const struct target *t = &k->lane->target;

  if (client_tls_failed(k->client) && t->tls == CONF_RELAY_OPPORTUNISTIC && !t->user.n) {
    log_info(LOG_DELIVERY, "lane=%s relay=%s speaks no TLS that works: %s",
             log_q(buf_str(&k->lane->shown)), k->name, log_q(why));
    peer->plain_until = clock_wall() + OUTBOUND_HOUR;
  } else if (code && peer->ready > 0) {
    peer->cap = peer->ready;
  } else {
    outbound_say_why(k->lane, k->name, why);
    if (client_peer(k->client).n)
      outbound_shun(k->lane, peer);
    else
      outbound_silence(k->lane, peer);
  }
  outbound_drop(k);
}

static void outbound_failed(void *arg, int code, str why)
{
  struct outbound_link *k = arg;

  if (!k->ready)
    outbound_not_ready(k, code, why);
  else
    outbound_drop(k);
}

static void outbound_attach(struct outbound_lane *lane, struct outbound_link *k)
{
  struct outbound_hub *hub = lane->hub;

  k->next = hub->links;
  k->link = &hub->links;
  if (k->next) k->next->link = &k->next;
  hub->links = k;
  k->lane_next = lane->links;
  k->lane_link = &lane->links;
  if (k->lane_next) k->lane_next->lane_link = &k->lane_next;
  lane->links = k;
  lane->link_count++;
  lane->opening++;
  k->peer->flying++;
  hub->flying++;
}

/* The first line of a file with a password or a token. */
static int outbound_read_secret(str path, struct buf *secret, struct err *e)
{
  str line, rest;

  if (file_read(path, OUTBOUND_SECRET, secret, e) < 0) return -1;
  rest = buf_str(secret);
  if (!str_cut(&rest, '\n', &line) || str_trim(line).n == 0)
    return err_set(e, ERR_PERM, "there is nothing in " STR_FMT, STR_ARG(path));
  line = str_trim(line);
  buf_drop(secret, (size_t)(line.p - secret->p));
  secret->n = line.n;
  return 0;
}

/* Read anew for each connection: tokens and passwords change. */
static int outbound_secret(const struct target *t, struct buf *secret, struct err *e)
{
  if (t->password_file.n) return outbound_read_secret(t->password_file, secret, e);
  if (t->token_file.n) return outbound_read_secret(t->token_file, secret, e);
  secret->cap = OUTBOUND_SECRET;
  buf_str_add(secret, t->password);
  return buf_ok(secret) ? 0 : err_nomem(e);
}

/* The authorities that may vouch for servers are those of the system, or of SSL_CERT_FILE as with many
 * other programs. */
static struct tls_client *outbound_tls(struct outbound_hub *hub)
{
  if (!hub->tls) hub->tls = tls_client_new(str_of(getenv("SSL_CERT_FILE")));
  return hub->tls;
}

static enum sasl_mech outbound_mech(enum target_auth auth)
{
  static const enum sasl_mech mechs[] = {SASL_MECHS, SASL_PLAIN, SASL_LOGIN, SASL_SCRAM_SHA_256,
                                         SASL_XOAUTH2}; /* ORDER TARGET_AUTH */

  return mechs[auth];
}

static int outbound_client_options(struct outbound_lane *lane, const struct outbound_peer *peer,
                                   const struct route_hop *hop, struct buf *secret,
                                   struct client_options *o, struct err *e)
{
  struct outbound_hub *hub = lane->hub;
  const struct target *t = &lane->target;
  bool plain = t->tls == CONF_RELAY_OPPORTUNISTIC && peer->plain_until > clock_wall();

  o->to = hop->to;
  o->helo = lane->policy->conf->server.domain;
  o->name = hop->name;
  o->greeting = hub->flying > LIMIT_OUTBOUND_ALL / 2 ? OUTBOUND_HASTE : OUTBOUND_PATIENCE;
  o->lmtp = t->lmtp;
  o->implicit = t->implicit;
  o->tls = plain && !t->user.n ? CLIENT_TLS_NONE : (enum client_tls)t->tls;
  o->greeted = outbound_ready;
  o->failed = outbound_failed;
  o->gone = outbound_gone;
  if (o->tls != CLIENT_TLS_NONE && !(o->tls_config = outbound_tls(hub))) return err_nomem(e);
  if (!t->user.n) return 0;
  if (outbound_secret(t, secret, e) < 0) return -1;
  o->user = t->user;
  o->secret = buf_str(secret);
  o->mech = outbound_mech(t->auth);
  return 0;
}

static struct outbound_link *outbound_link_new(struct outbound_lane *lane,
                                               struct outbound_peer *peer,
                                               const struct route_hop *hop)
{
  struct outbound_link *k = mem_alloc(sizeof *k);

  if (k) k->name = mem_strdup(hop->name);
  if (!k || !k->name) {
    mem_free(k);
    return NULL;
  }
  k->hub = lane->hub;
  k->lane = lane;
  k->peer = peer;
  k->began = outbound_now(lane->hub);
  k->idle = (struct timer){.fire = outbound_idle, .arg = k};
  return k;
}

static int outbound_connect(struct outbound_lane *lane, struct outbound_peer *peer,
                            const struct route_hop *hop, struct err *e)
{
  struct outbound_link *k = outbound_link_new(lane, peer, hop);
  struct client_options o = {.arg = k};
  struct buf secret = {0};

  if (!k) return err_nomem(e);
  if (outbound_client_options(lane, peer, hop, &secret, &o, e) == 0)
    k->client = client_new(lane->hub->server->loop, &o, e);
  if (secret.p) mem_wipe(secret.p, secret.size);
  buf_free(&secret);
  if (k->client) {
    outbound_attach(lane, k);
    return 0;
  }
  mem_free(k->name);
  mem_free(k);
  return -1;
}

/* Lets go of a connection that only waits for more mail. */
static void outbound_steal(struct outbound_hub *hub, const struct outbound_peer *peer)
{
  hub->starved = true;
  for (struct outbound_link *k = hub->links; k; k = k->next) {
    if (!k->lane || !k->ready || k->busy || (peer && k->peer != peer)) continue;
    outbound_drop(k);
    return;
  }
}

/* One more connection, to the best address that has not failed just now. False: none can be. */
static bool outbound_open(struct outbound_lane *lane)
{
  struct err e;

  for (size_t i = 0; i < lane->hop_count; i++) {
    struct route_hop *hop = &lane->hops[i];
    struct outbound_peer *peer = outbound_peer(lane->hub, hop);

    if (!peer) return false;
    if (peer->silent_until > clock_wall() || lane->shunned[i] > clock_wall()) {
      if (!lane->why.n)
        outbound_say_why(lane, hop->name.p, STR("4.4.1 it did not answer just now"));
      continue;
    }
    if (peer->flying >= (peer->cap ? peer->cap : LIMIT_OUTBOUND_HOST)) {
      outbound_steal(lane->hub, peer);
      return false;
    }
    if (outbound_connect(lane, peer, hop, &e) == 0) return true;
    outbound_silence(lane, peer);
    err_context(&e, "4.3.0 " STR_FMT, STR_ARG(hop->name));
    outbound_say_why(lane, NULL, str_of(e.text));
  }
  if (lane->link_count == 0) outbound_fail(lane);
  return false;
}

/* ---- mails ------------------------------------------------------------------------------------- */

static void outbound_pace(struct outbound_lane *lane)
{
  int64_t now = outbound_now(lane->hub);

  lane->pace = (lane->pace * 3 + (now - lane->since)) / 4;
  lane->since = now;
}

/* The connection was lost under mail after mail: to try the others one by one would be no better. */
static void outbound_broke(struct outbound_link *k, str why)
{
  if (++k->lane->breaks < OUTBOUND_BREAKS) return;
  outbound_silence(k->lane, k->peer);
  outbound_say_why(k->lane, k->name, why);
  k->lane->proved = false;
}

static void outbound_done(void *arg, int code, str reply)
{
  struct outbound *o = arg;
  struct outbound_link *k = o->link;
  struct outbound_lane *lane = k->lane;
  struct outbound_end end = {.how = OUTBOUND_ANSWERED, .remote = str_of(k->name)};

  k->busy = NULL;
  outbound_pace(lane);
  if (code == 0 && k->served > 0 && !client_may_have_sent(k->client) &&
      o->tries++ < OUTBOUND_TRIES) { /* closed while it was idle */
    o->link = NULL;
    outbound_join(o, true);
    outbound_drop(k);
    return;
  }
  end.dsn = client_offers_dsn(k->client);
  end.tls = client_tls_version(k->client);
  k->served++;
  if (code == 0)
    outbound_broke(k, reply);
  else
    lane->breaks = 0;
  outbound_settle(o, &end);
  if (client_is_open(k->client) && (lane->first || !lane->hub->starved)) {
    timer_set(k->hub->server->loop, &k->idle, lane->since + OUTBOUND_IDLE);
    outbound_stir(lane);
  } else {
    outbound_drop(k);
  }
}

/* It cannot be sent as it is: it is not sent at all. */
static void outbound_refuse(struct outbound_link *k, struct outbound *o, str why)
{
  struct outbound_end end = {.how = OUTBOUND_FAILED, .text = why, .remote = str_of(k->name)};

  outbound_settle(o, &end);
}

static void outbound_give(struct outbound_link *k, struct outbound *o)
{
  struct outbound_end end = {.how = OUTBOUND_PUT_OFF};
  struct err e;
  str unfit;

  if (o->prepare(o, &e) < 0) {
    end.text = str_of(e.text);
    end.retry_at = clock_wall() + OUTBOUND_WAIT;
    outbound_settle(o, &end);
    return;
  }
  o->mail.arg = o;
  unfit = client_unfit(k->client, &o->mail);
  if (unfit.n) {
    outbound_refuse(k, o, unfit);
    return;
  }
  outbound_leave(o);
  timer_clear(k->hub->server->loop, &k->idle);
  o->mail.done = outbound_done;
  o->link = k;
  k->busy = o;
  client_send(k->client, &o->mail);
}

/* ---- the pump ---------------------------------------------------------------------------------- */

static void outbound_lane_free(struct outbound_lane *lane)
{
  map_remove(&lane->hub->lanes, lane->key);
  loop_unready(&lane->task);
  lookup_cancel(lane->lookup);
  outbound_forget_hops(lane);
  policy_release(lane->policy);
  buf_free(&lane->shown);
  buf_free(&lane->why);
  buf_free(&lane->who);
  arena_free(lane->arena);
  mem_free(lane);
}

static bool outbound_is_unused(const struct outbound_lane *lane)
{
  return !lane->first && !lane->links && !lane->lookup;
}

/* Work, places, and no attempt under way whose end would tell more. */
static bool outbound_wants(struct outbound_lane *lane)
{
  if (lane->waiting <= lane->opening) return false;
  if (!lane->proved && lane->opening > 0) return false;
  if (lane->hub->flying < LIMIT_OUTBOUND_ALL) return true;
  outbound_steal(lane->hub, NULL);
  return false;
}

static struct outbound_link *outbound_find_idle(const struct outbound_lane *lane)
{
  struct outbound_link *k = lane->links;

  while (k && (!k->ready || k->busy)) k = k->lane_next;
  return k;
}

static void outbound_use_idle(struct outbound_lane *lane)
{
  struct outbound_link *k;

  while (lane->first && (k = outbound_find_idle(lane)) != NULL) outbound_give(k, lane->first);
}

static void outbound_pump(struct task *t, void *arg)
{
  struct outbound_lane *lane = arg;
  struct outbound_end off = {.how = OUTBOUND_PUT_OFF};

  (void)t;
  outbound_use_idle(lane);
  if (lane->first && lane->until > clock_wall() && !lane->proved) {
    off.text = buf_str(&lane->why);
    off.remote = buf_str(&lane->who);
    off.retry_at = lane->until;
    outbound_settle_all(lane, &off);
  }
  if (lane->first && !lane->lookup) {
    if (!lane->hops || lane->hops_until <= outbound_now(lane->hub)) outbound_look(lane);
    while (lane->hops && outbound_wants(lane) && outbound_open(lane)) continue;
  }
  if (outbound_is_unused(lane) && lane->fails == 0) outbound_lane_free(lane);
}

/* ---- lanes ------------------------------------------------------------------------------------- */

static struct outbound_hub *outbound_hub(struct server *s)
{
  if (!s->outbounds) s->outbounds = mem_alloc(sizeof *s->outbounds);
  if (s->outbounds) s->outbounds->server = s;
  return s->outbounds;
}

/* Forgets half of what nobody uses, the oldest first. */
static void outbound_sweep(struct outbound_hub *hub)
{
  size_t most = OUTBOUND_LANES / 2;

  for (size_t i = 0; i < hub->lanes.n && most > 0; i++) {
    struct outbound_lane *lane = hub->lanes.entries[i].value;

    if (!hub->lanes.entries[i].key.p || !outbound_is_unused(lane)) continue;
    outbound_lane_free(lane);
    most--;
  }
  for (size_t i = 0; i < hub->peers.n; i++) {
    struct outbound_peer *peer = hub->peers.entries[i].value;

    if (!hub->peers.entries[i].key.p || peer->flying > 0) continue;
    map_remove(&hub->peers, hub->peers.entries[i].key);
    mem_free(peer);
  }
}

/* Two mails of the same key may share a connection. */
static str outbound_key(const struct outbound *o, struct arena *a)
{
  const struct conf *conf = o->policy->conf;
  str key;

  switch (o->way) {
  case OUTBOUND_MX:
    key = arena_printf(a, "mx " STR_FMT " %d", STR_ARG(o->where), (int)o->tls);
    for (size_t i = 0; key.p && i < key.n; i++) ((char *)(uintptr_t)key.p)[i] = str_lower(key.p[i]);
    return key;
  case OUTBOUND_TARGET: return arena_printf(a, "to " STR_FMT, STR_ARG(o->where));
  case OUTBOUND_RELAY: break;
  }
  return arena_printf(a, "relay " STR_FMT " " STR_FMT " " STR_FMT " %d",
                      STR_ARG(conf->server.relay.host), STR_ARG(conf->server.relay.user),
                      STR_ARG(conf->server.relay.password_file), (int)conf->server.relay.tls);
}

/* The domain of an address; a literal is the address it stands for. */
static int outbound_mx_target(struct outbound_lane *lane, const struct outbound *o, struct err *e)
{
  struct target *t = &lane->target;
  char ip[ADDR_IP_MAX];

  t->ip = addr_literal(o->where, ip) == 0;
  t->host = arena_str(lane->arena, t->ip ? str_of(ip) : o->where);
  t->port = outbound_port();
  t->tls = (enum conf_relay_tls)o->tls;
  return t->host.p ? 0 : err_nomem(e);
}

static int outbound_aim(struct outbound_lane *lane, const struct outbound *o, struct err *e)
{
  lane->shown.cap = LIMIT_COMMAND_LINE;
  switch (o->way) {
  case OUTBOUND_MX: buf_str_add(&lane->shown, o->where); return outbound_mx_target(lane, o, e);
  case OUTBOUND_TARGET:
    target_show(o->where, &lane->shown);
    return target_parse(o->where, lane->arena, &lane->target, e);
  case OUTBOUND_RELAY: break;
  }
  buf_str_add(&lane->shown, o->policy->conf->server.relay.host);
  return target_of_relay(o->policy->conf, lane->arena, &lane->target, e);
}

static struct outbound_lane *outbound_lane_new(struct outbound_hub *hub, const struct outbound *o,
                                               str key, struct err *e)
{
  struct outbound_lane *lane = mem_alloc(sizeof *lane);

  if (hub->lanes.live >= OUTBOUND_LANES || hub->peers.live >= OUTBOUND_LANES) outbound_sweep(hub);
  if (lane) lane->arena = arena_new(0);
  if (!lane || !lane->arena) {
    mem_free(lane);
    err_nomem(e);
    return NULL;
  }
  lane->hub = hub;
  lane->way = o->way;
  lane->policy = policy_hold(o->policy);
  lane->task = (struct task){.run = outbound_pump, .arg = lane};
  lane->key = arena_str(lane->arena, key);
  if (outbound_aim(lane, o, e) == 0) {
    if (lane->key.p && map_set(&hub->lanes, lane->key, lane) == 0) return lane;
    err_nomem(e);
  }
  outbound_lane_free(lane);
  return NULL;
}

/* The newest configuration counts, and its name servers. */
static void outbound_renew(struct outbound_lane *lane, struct policy *policy)
{
  if (lane->policy == policy || lane->lookup) return;
  policy_release(lane->policy);
  lane->policy = policy_hold(policy);
  outbound_forget_hops(lane);
}

int outbound_send(struct server *s, struct outbound *o, struct err *e)
{
  struct outbound_hub *hub = outbound_hub(s);
  struct arena *a = arena_new(0);
  struct outbound_lane *lane = NULL;
  str key = {NULL, 0};

  if (hub && a) key = outbound_key(o, a);
  if (key.p) {
    lane = map_get(&hub->lanes, key);
    if (!lane) lane = outbound_lane_new(hub, o, key, e);
  } else {
    err_nomem(e);
  }
  arena_free(a);
  if (!lane) return -1;
  outbound_renew(lane, o->policy);
  o->lane = lane;
  o->link = NULL;
  o->tries = 0;
  outbound_join(o, false);
  outbound_stir(lane);
  return 0;
}

void outbound_cancel(struct outbound *o)
{
  struct outbound_link *k = o->link;

  if (!o->lane) return;
  if (k) {
    k->busy = NULL;
    outbound_drop(k);
  } else {
    outbound_leave(o);
  }
  o->lane = NULL;
  o->link = NULL;
}

/* ---- when places are short ----------------------------------------------------------------------- */

/* Who would wait for over OUTBOUND_WAIT, at the speed of this lane, comes back when it is his turn. */
static void outbound_thin(struct outbound_lane *lane)
{
  int64_t now = clock_wall(), each = outbound_now(lane->hub) - lane->since;
  struct outbound_end end = {.how = OUTBOUND_PUT_OFF,
                             .text = STR("4.4.1 other mails to this server go first")};
  size_t keep;

  if (each < lane->pace) each = lane->pace;
  if (each < 1) each = 1;
  keep = 1 + (size_t)(OUTBOUND_WAIT / each);
  if (lane->slot < now + OUTBOUND_WAIT) lane->slot = now + OUTBOUND_WAIT;
  while (lane->waiting > keep) {
    if (lane->slot < now + OUTBOUND_HOUR) lane->slot += each;
    end.retry_at = lane->slot;
    outbound_settle(lane->last, &end);
  }
}

static void outbound_hasten(struct outbound_lane *lane)
{
  int64_t since = outbound_now(lane->hub) - OUTBOUND_HASTE;

  for (struct outbound_link *k = lane->links, *next; k; k = next) {
    next = k->lane_next;
    if (!k->ready && k->began < since)
      outbound_not_ready(k, 0, STR("4.4.1 no answer in 5 s, and others need the place"));
  }
}

void outbound_relieve(struct server *s)
{
  struct outbound_hub *hub = s->outbounds;

  for (size_t i = 0; hub && i < hub->lanes.n; i++) {
    if (!hub->lanes.entries[i].key.p) continue;
    outbound_thin(hub->lanes.entries[i].value);
    outbound_hasten(hub->lanes.entries[i].value);
  }
}

static void outbound_wake(struct outbound_lane *lane)
{
  lane->until = 0;
  memset(lane->shunned, 0, sizeof lane->shunned);
}

void outbound_flush(struct server *s)
{
  struct outbound_hub *hub = s->outbounds;

  for (size_t i = 0; hub && i < hub->lanes.n; i++)
    if (hub->lanes.entries[i].key.p) outbound_wake(hub->lanes.entries[i].value);
  for (size_t i = 0; hub && i < hub->peers.n; i++)
    if (hub->peers.entries[i].key.p)
      ((struct outbound_peer *)hub->peers.entries[i].value)->silent_until = 0;
}

/* ---- the end ------------------------------------------------------------------------------------- */

static void outbound_forget(struct outbound_lane *lane)
{
  while (lane->first) {
    struct outbound *o = lane->first;

    outbound_leave(o);
    o->lane = NULL;
  }
}

void outbound_stop(struct server *s)
{
  struct outbound_hub *hub = s->outbounds;

  if (!hub || hub->stopped) return;
  hub->stopped = true;
  for (size_t i = 0; i < hub->lanes.n; i++)
    if (hub->lanes.entries[i].key.p) outbound_forget(hub->lanes.entries[i].value);
  for (struct outbound_link *k = hub->links, *next; k; k = next) {
    next = k->next;
    if (k->busy) k->busy->lane = NULL;
    if (k->busy) k->busy->link = NULL;
    k->busy = NULL;
    if (k->lane) outbound_detach(k);
    client_abort(k->client);
  }
}

void outbound_end(struct server *s)
{
  struct outbound_hub *hub = s->outbounds;

  for (size_t i = 0; hub && i < hub->lanes.n; i++)
    if (hub->lanes.entries[i].key.p) outbound_lane_free(hub->lanes.entries[i].value);
  for (size_t i = 0; hub && i < hub->peers.n; i++)
    if (hub->peers.entries[i].key.p) mem_free(hub->peers.entries[i].value);
  if (hub) map_free(&hub->lanes);
  if (hub) map_free(&hub->peers);
  if (hub) tls_client_release(hub->tls);
  mem_free(hub);
  s->outbounds = NULL;
}
#undef OUTBOUND_PATIENCE
#undef OUTBOUND_HASTE
#undef OUTBOUND_IDLE
#undef OUTBOUND_SILENT
#undef OUTBOUND_FRESH
#undef OUTBOUND_WAIT
#undef OUTBOUND_TRIES
#undef OUTBOUND_LANES
#undef OUTBOUND_BREAKS
#undef OUTBOUND_HOUR
#undef OUTBOUND_SECRET
