/* smtp/outbound/outbound_link.c: one connection of a lane to a peer: opened, greeted or not, kept,
 * given up.
 *
 * Of the addresses of a lane the best is taken that has not failed just now. Who is greeted proves
 * that the lane is alive; who is not has his address passed over for a while.
 */
#include "outbound_int.h"

#define OUTBOUND_PATIENCE 30000 /* ms for a connection and its greeting, */

/* ---- its end --------------------------------------------------------------------------------- */

/* From now on it serves nobody; it is freed when its socket is closed. */
void outbound_link_detach(struct outbound_link *k)
{
  struct outbound_lane *lane = k->lane;

  timer_clear(k->hub->loop, &k->idle);
  if (k->ready)
    k->peer->ready--;
  else
    lane->opening--;
  list_remove(&k->in_lane);
  k->lane = NULL;
  outbound_lane_stir(lane);
}

void outbound_link_close(struct outbound_link *k)
{
  outbound_link_detach(k);
  client_end(k->client);
}

static void outbound_link_gone(void *arg)
{
  struct outbound_link *k = arg;
  struct outbound_hub *hub = k->hub;

  k->peer->flying--;
  list_remove(&k->link);
  mem_free(k->name);
  mem_free(k);
  if (!hub->starved || hub->stopped) return;
  hub->starved = false;
  for (size_t i = 0; i < hub->lanes.n; i++)
    if (hub->lanes.entries[i].key.p) outbound_lane_stir(hub->lanes.entries[i].value);
}

static void outbound_link_idle(struct timer *t, void *arg)
{
  (void)t;
  outbound_link_close(arg);
}

/* ---- greeted, or not ------------------------------------------------------------------------- */

/* A server that says it is us: what we hand it comes back (RFC 5321 §6.3). */
static bool outbound_link_is_mirror(const struct outbound_link *k)
{
  return k->lane->way == OUTBOUND_MX &&
         str_ieq(client_peer(k->client), k->lane->policy->conf->server.domain);
}

static void outbound_link_ready(void *arg)
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
  relay_token_proved(&lane->hub->bearer, k->token, outbound_now(lane->hub));
  lane->proved = true;
  lane->fails = 0;
  lane->since = outbound_now(lane->hub);
  if (outbound_link_is_mirror(k)) {
    outbound_lane_end_all(lane, &end);
    outbound_link_close(k);
  } else {
    timer_set(k->hub->loop, &k->idle, lane->since + OUTBOUND_IDLE);
    outbound_lane_stir(lane);
  }
}

/* Its token was good once: a new one is tried, before anybody is blamed (RFC 4954 §6). */
static bool outbound_link_is_stale(const struct outbound_link *k, int code)
{
  return k->token && code == 535 && relay_token_refused(&k->hub->bearer, k->token);
}

/* It was not greeted, or not let in. Who takes no more at once than he has already is alive. */
void outbound_link_not_ready(struct outbound_link *k, int code, str why)
{
  struct outbound_peer *peer = k->peer;
  const struct target *t = &k->lane->target;

  if (outbound_link_is_stale(k, code)) {
    log_info(LOG_DELIVERY, "lane=%s relay=%s refuses a token that was good: %s",
             log_q(buf_str(&k->lane->shown)), k->name, log_q(why));
  } else if (client_tls_failed(k->client) && t->tls == TARGET_TLS_OPPORTUNISTIC && !t->user.n) {
    log_info(LOG_DELIVERY, "lane=%s relay=%s speaks no TLS that works: %s",
             log_q(buf_str(&k->lane->shown)), k->name, log_q(why));
    peer->plain_until = clock_wall() + OUTBOUND_HOUR;
  } else if (code && peer->ready > 0 && !client_peer(k->client).n) {
    peer->cap = peer->ready;
    peer->cap_until = clock_wall() + OUTBOUND_HOUR;
  } else {
    outbound_lane_say_why(k->lane, k->name, why);
    if (client_peer(k->client).n)
      outbound_lane_shun(k->lane, peer);
    else
      outbound_lane_silence(k->lane, peer);
  }
  outbound_link_close(k);
}

static void outbound_link_failed(void *arg, int code, str why)
{
  struct outbound_link *k = arg;

  if (!k->ready)
    outbound_link_not_ready(k, code, why);
  else
    outbound_link_close(k);
}

/* ---- who we are ------------------------------------------------------------------------------ */

/* The first line of a file with a password or a token. */
static int outbound_link_read_secret(str path, struct buf *secret, struct err *e)
{
  str line, rest;

  if (file_read(path, LIMIT_TOKEN, secret, e) < 0) return -1;
  rest = buf_str(secret);
  if (!str_cut(&rest, '\n', &line) || str_trim(line).n == 0)
    return err_set(e, ERR_PERM, "there is nothing in " STR_FMT, STR_ARG(path));
  line = str_trim(line);
  buf_shift(secret, (size_t)(line.p - secret->p));
  secret->n = line.n;
  return 0;
}

/* Read anew for each connection: tokens and passwords change. The token of a command is there. */
static int outbound_link_secret(const struct outbound_lane *lane, struct buf *secret, struct err *e)
{
  const struct target *t = &lane->target;

  if (t->password_file.n) return outbound_link_read_secret(t->password_file, secret, e);
  if (t->token_file.n) return outbound_link_read_secret(t->token_file, secret, e);
  secret->cap = LIMIT_TOKEN;
  buf_str_add(secret, t->token_command ? str_of(lane->hub->bearer.text) : t->password);
  return buf_ok(secret) ? 0 : err_nomem(e);
}

static enum sasl_mech outbound_link_mech(enum target_auth auth)
{
  static const enum sasl_mech mechs[] = {SASL_MECHS, SASL_PLAIN, SASL_LOGIN, SASL_SCRAM_SHA_256,
                                         SASL_XOAUTH2}; /* ORDER TARGET_AUTH */

  return mechs[auth];
}

/* ---- its beginning --------------------------------------------------------------------------- */

static void outbound_link_attach(struct outbound_lane *lane, struct outbound_link *k)
{
  struct outbound_hub *hub = lane->hub;

  list_add_first(&hub->links, &k->link);
  list_add_first(&lane->links, &k->in_lane);
  lane->opening++;
  k->peer->flying++;
}

/* The authorities that may vouch for servers are those of the system, or of SSL_CERT_FILE as with
 * many other programs. */
static struct tls_client *outbound_link_tls(struct outbound_hub *hub)
{
  if (!hub->tls) hub->tls = tls_client_new(str_of(getenv("SSL_CERT_FILE")));
  return hub->tls;
}

static int outbound_link_client_options(struct outbound_lane *lane,
                                        const struct outbound_peer *peer,
                                        const struct route_hop *hop, struct buf *secret,
                                        struct client_options *o, struct err *e)
{
  struct outbound_hub *hub = lane->hub;
  const struct target *t = &lane->target;
  bool plain = t->tls == TARGET_TLS_OPPORTUNISTIC && peer->plain_until > clock_wall();

  o->to = hop->to;
  o->helo = lane->policy->conf->server.domain;
  o->name = hop->name;
  o->greeting = hub->links.n > hub->most / 2 ? OUTBOUND_HASTE : OUTBOUND_PATIENCE;
  o->lmtp = t->lmtp;
  o->implicit = t->implicit;
  o->tls = plain && !t->user.n ? TARGET_TLS_NONE : (enum target_tls)t->tls;
  o->greeted = outbound_link_ready;
  o->failed = outbound_link_failed;
  o->gone = outbound_link_gone;
  if (o->tls != TARGET_TLS_NONE && !(o->tls_config = outbound_link_tls(hub))) return err_nomem(e);
  if (!t->user.n) return 0;
  if (outbound_link_secret(lane, secret, e) < 0) return -1;
  o->user = t->user;
  o->secret = buf_str(secret);
  o->mech = outbound_link_mech(t->auth);
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
  k->idle = (struct timer){.fire = outbound_link_idle, .arg = k};
  k->token = lane->target.token_command ? lane->hub->bearer.number : 0;
  return k;
}

static int outbound_link_connect(struct outbound_lane *lane, struct outbound_peer *peer,
                                 const struct route_hop *hop, struct err *e)
{
  struct outbound_link *k = outbound_link_new(lane, peer, hop);
  struct client_options o = {.arg = k};
  struct buf secret = {0};

  if (!k) return err_nomem(e);
  if (outbound_link_client_options(lane, peer, hop, &secret, &o, e) == 0)
    k->client = client_new(lane->hub->loop, &o, e);
  buf_wipe(&secret);
  if (k->client) {
    outbound_link_attach(lane, k);
    return 0;
  }
  mem_free(k->name);
  mem_free(k);
  return -1;
}

/* Lets go of a connection that only waits for more mail. */
void outbound_link_steal(struct outbound_hub *hub, const struct outbound_peer *peer)
{
  hub->starved = true;
  LIST_EACH(&hub->links, struct outbound_link, link, k) {
    if (!k->lane || !k->ready || k->busy || (peer && k->peer != peer)) continue;
    outbound_link_close(k);
    return;
  }
}

static bool outbound_link_is_full(const struct outbound_peer *peer)
{
  return peer->flying >= (peer->cap_until > clock_wall() ? peer->cap : LIMIT_OUTBOUND_HOST);
}

/* One more connection, to the best address that has not failed just now. False: none can be. */
bool outbound_link_open(struct outbound_lane *lane)
{
  struct err e;

  for (size_t i = 0; i < lane->hop_count; i++) {
    struct route_hop *hop = &lane->hops[i];
    struct outbound_peer *peer = outbound_lane_peer(lane->hub, hop);

    if (!peer) return false;
    if (peer->silent_until > clock_wall() || lane->shunned[i] > clock_wall()) {
      err_set(&e, ERR_TEMP, "4.4.1 " STR_FMT " did not answer just now", STR_ARG(hop->name));
      if (!lane->why.n) outbound_lane_say_why(lane, hop->name.p, str_of(e.text));
      continue;
    }
    if (outbound_link_is_full(peer)) {
      outbound_link_steal(lane->hub, peer);
      return false;
    }
    if (!outbound_lane_may_log_in(lane)) return false;
    if (outbound_link_connect(lane, peer, hop, &e) == 0) return true;
    outbound_lane_silence(lane, peer);
    err_context(&e, "4.3.0 " STR_FMT, STR_ARG(hop->name));
    outbound_lane_say_why(lane, NULL, str_of(e.text));
  }
  if (lane->links.n == 0) outbound_lane_fail(lane);
  return false;
}
#undef OUTBOUND_PATIENCE
