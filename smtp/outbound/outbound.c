/* smtp/outbound/outbound.c: mails on their way to other servers.
 *
 *   lane    one destination: its waiting mails, its addresses, its connections, its back-off
 *   peer    one address, whichever lanes lead to it: how many connections, silent until when
 *   link    one connection of a lane to a peer: opening, busy with a mail, or idle
 *
 * outbound_pump is the one place that moves a lane on; whatever happens makes its task ready. While
 * a lane has not been answered yet, one connection tries its addresses, best first; those that fail
 * are passed over for a while, and when none is left the lane rests, each time longer. An answer
 * proves it alive: then it opens as many connections as there is work for.
 */
#include "outbound_int.h"

#define OUTBOUND_WAIT   5000 /* ms a mail may wait for a slow server when places are short */
#define OUTBOUND_TRIES  3    /* connections lost under one mail before it is put off */
#define OUTBOUND_BREAKS 3    /* connections lost in a row under mails before the lane rests */

uint16_t outbound_port(void)
{
#ifdef VSMTP_TEST
  const char *port = getenv("VSMTP_MX_PORT");
  uint64_t n;

  if (port && str_to_u64(str_of(port), &n, 10) == 0 && n <= UINT16_MAX) return (uint16_t)n;
#endif
  return 25;
}

/* ---- mails ----------------------------------------------------------------------------------- */

static void outbound_pace(struct outbound_lane *lane)
{
  int64_t now = outbound_now(lane->hub);

  lane->pace = (lane->pace * 3 + (now - lane->since)) / 4;
  lane->since = now;
}

/* The connection was lost under mail after mail: to try the others one by one would be no
 * better. */
static void outbound_broke(struct outbound_link *k, str why)
{
  if (++k->lane->breaks < OUTBOUND_BREAKS) return;
  outbound_lane_silence(k->lane, k->peer);
  outbound_lane_say_why(k->lane, k->name, why);
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
  if (code == 0 && k->served > 0 && !client_may_have_sent(k->client) && !k->hub->draining &&
      o->tries++ < OUTBOUND_TRIES) { /* closed while it was idle */
    o->link = NULL;
    outbound_lane_join(o, true);
    outbound_link_close(k);
    return;
  }
  end.dsn = client_offers_dsn(k->client);
  end.tls = client_tls_version(k->client);
  k->served++;
  if (code == 0 && !o->unread)
    outbound_broke(k, reply);
  else
    lane->breaks = 0;
  outbound_lane_end(o, &end);
  if (client_is_open(k->client) && !k->hub->draining &&
      (lane->waiting.first || !lane->hub->starved)) {
    timer_set(k->hub->loop, &k->idle, lane->since + OUTBOUND_IDLE);
    outbound_lane_stir(lane);
  } else {
    outbound_link_close(k);
  }
}

/* It cannot be sent as it is: it is not sent at all. */
static void outbound_refuse(struct outbound_link *k, struct outbound *o, str why)
{
  struct outbound_end end = {.how = OUTBOUND_FAILED, .text = why, .remote = str_of(k->name)};

  outbound_lane_end(o, &end);
}

static void outbound_give(struct outbound_link *k, struct outbound *o)
{
  struct outbound_end end = {.how = OUTBOUND_PUT_OFF};
  struct err e;
  str unfit;

  if (o->prepare(o, &e) < 0) {
    end.text = str_of(e.text);
    end.retry_at = clock_wall() + OUTBOUND_WAIT;
    outbound_lane_end(o, &end);
    return;
  }
  o->mail.arg = o;
  unfit = client_unfit(k->client, &o->mail);
  if (unfit.n) {
    outbound_refuse(k, o, unfit);
    return;
  }
  outbound_lane_leave(o);
  timer_clear(k->hub->loop, &k->idle);
  o->mail.done = outbound_done;
  o->link = k;
  k->busy = o;
  client_send(k->client, &o->mail);
}

/* ---- the pump -------------------------------------------------------------------------------- */

static bool outbound_is_unused(const struct outbound_lane *lane)
{
  return !lane->waiting.first && !lane->links.first && !lane->lookup && !lane->asking;
}

/* Work, places, and no attempt under way whose end would tell more. */
static bool outbound_wants(struct outbound_lane *lane)
{
  if (lane->waiting.n <= lane->opening) return false;
  if (!lane->proved && lane->opening > 0) return false;
  if (lane->hub->links.n < lane->hub->most) return true;
  outbound_link_steal(lane->hub, NULL);
  return false;
}

static struct outbound_link *outbound_find_idle(const struct outbound_lane *lane)
{
  LIST_EACH(&lane->links, struct outbound_link, in_lane, k)
    if (k->ready && !k->busy) return k;
  return NULL;
}

static void outbound_use_idle(struct outbound_lane *lane)
{
  struct outbound_link *k;

  while (lane->waiting.first && (k = outbound_find_idle(lane)) != NULL)
    outbound_give(k, outbound_lane_first(lane));
}

void outbound_pump(struct task *t, void *arg)
{
  struct outbound_lane *lane = arg;
  struct outbound_end off = {.how = OUTBOUND_PUT_OFF};

  (void)t;
  outbound_use_idle(lane);
  if (lane->waiting.first && lane->until > clock_wall() && !lane->proved) {
    off.text = buf_str(&lane->why);
    off.remote = buf_str(&lane->who);
    off.retry_at = lane->until;
    outbound_lane_end_all(lane, &off);
  }
  if (lane->waiting.first && !lane->lookup) {
    if (!lane->hops || lane->hops_until <= outbound_now(lane->hub)) outbound_lane_look(lane);
    while (lane->hops && outbound_wants(lane) && outbound_link_open(lane)) continue;
  }
  if (outbound_is_unused(lane) && lane->fails == 0) outbound_lane_free(lane);
}

/* ---- the door -------------------------------------------------------------------------------- */

struct outbound_hub *outbound_new(struct loop *l, size_t most)
{
  struct outbound_hub *hub = mem_alloc(sizeof *hub);

  if (!hub) return NULL;
  hub->loop = l;
  hub->most = most;
  return hub;
}

void outbound_set_most(struct outbound_hub *hub, size_t most)
{
  hub->most = most;
}

/* Forgets half of what nobody uses, the oldest first. */
static void outbound_sweep(struct outbound_hub *hub)
{
  size_t most = LIMIT_OUTBOUND_LANES / 2;

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

/* One more destination. A mail may have a thousand of them, and there may be many such. */
static struct outbound_lane *outbound_lane_add(struct outbound_hub *hub, const struct outbound *o,
                                               str key, struct err *e)
{
  if (hub->lanes.live >= LIMIT_OUTBOUND_LANES || hub->peers.live >= LIMIT_OUTBOUND_LANES)
    outbound_sweep(hub);
  if (hub->lanes.live < LIMIT_OUTBOUND_LANES) return outbound_lane_new(hub, o, key, e);
  err_set(e, ERR_FULL, "4.3.1 mails to too many other destinations are on their way");
  return NULL;
}

int outbound_send(struct outbound_hub *hub, struct outbound *o, struct err *e)
{
  struct arena *a = arena_new(0);
  struct outbound_lane *lane = NULL;
  str key = {NULL, 0};

  if (a) key = outbound_lane_key(o, a);
  if (key.p) {
    lane = map_get(&hub->lanes, key);
    if (!lane) lane = outbound_lane_add(hub, o, key, e);
  } else {
    err_nomem(e);
  }
  arena_free(a);
  if (!lane) return -1;
  outbound_lane_renew(lane, o->policy);
  o->lane = lane;
  o->link = NULL;
  o->tries = 0;
  outbound_lane_join(o, false);
  outbound_lane_stir(lane);
  return 0;
}

bool outbound_cancel(struct outbound *o)
{
  struct outbound_link *k = o->link;

  if (!o->lane) return false;
  if (k) {
    k->busy = NULL;
    outbound_link_close(k);
  } else {
    outbound_lane_leave(o);
  }
  o->lane = NULL;
  o->link = NULL;
  return true;
}

bool outbound_is_at_text(const struct outbound *o)
{
  return o->link && client_is_at_text(o->link->client);
}

/* ---- when places are short ------------------------------------------------------------------- */

/* Who would wait for over OUTBOUND_WAIT, at the speed of this lane, comes back when it is his
 * turn. */
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
  while (lane->waiting.n > keep) {
    if (lane->slot < now + OUTBOUND_HOUR) lane->slot += each;
    end.retry_at = lane->slot;
    outbound_lane_end(LIST_LAST(&lane->waiting, struct outbound, in_line), &end);
  }
}

static void outbound_hasten(struct outbound_lane *lane)
{
  int64_t since = outbound_now(lane->hub) - OUTBOUND_HASTE;

  LIST_EACH(&lane->links, struct outbound_link, in_lane, k) {
    if (!k->ready && k->began < since)
      outbound_link_not_ready(k, 0, STR("4.4.1 no answer in 5 s, and others need the place"));
    else if (k->busy)
      client_hasten(k->client, OUTBOUND_STALL);
  }
}

void outbound_relieve(struct outbound_hub *hub)
{
  for (size_t i = 0; hub && i < hub->lanes.n; i++) {
    if (!hub->lanes.entries[i].key.p) continue;
    outbound_thin(hub->lanes.entries[i].value);
    outbound_hasten(hub->lanes.entries[i].value);
  }
}

/* What is tried by hand and fails again does not make the next pause longer. */
static void outbound_wake(struct outbound_lane *lane)
{
  if (lane->fails > 0 && lane->until > clock_wall()) lane->fails--;
  lane->until = 0;
  memset(lane->shunned, 0, sizeof lane->shunned);
}

void outbound_flush(struct outbound_hub *hub)
{
  for (size_t i = 0; hub && i < hub->lanes.n; i++)
    if (hub->lanes.entries[i].key.p) outbound_wake(hub->lanes.entries[i].value);
  for (size_t i = 0; hub && i < hub->peers.n; i++)
    if (hub->peers.entries[i].key.p)
      ((struct outbound_peer *)hub->peers.entries[i].value)->silent_until = 0;
}

/* ---- the end --------------------------------------------------------------------------------- */

static void outbound_forget(struct outbound_lane *lane)
{
  LIST_EACH(&lane->waiting, struct outbound, in_line, o) {
    outbound_lane_leave(o);
    o->lane = NULL;
  }
}

void outbound_drain(struct outbound_hub *hub)
{
  if (!hub) return;
  hub->draining = true;
  LIST_EACH(&hub->links, struct outbound_link, link, k) {
    if (k->lane && !k->busy) outbound_link_close(k);
  }
}

void outbound_stop(struct outbound_hub *hub)
{
  if (!hub || hub->stopped) return;
  hub->stopped = true;
  for (size_t i = 0; i < hub->lanes.n; i++)
    if (hub->lanes.entries[i].key.p) outbound_forget(hub->lanes.entries[i].value);
  LIST_EACH(&hub->links, struct outbound_link, link, k) {
    if (k->busy) k->busy->lane = NULL;
    if (k->busy) k->busy->link = NULL;
    k->busy = NULL;
    if (k->lane) outbound_link_detach(k);
    client_abort(k->client);
  }
}

void outbound_free(struct outbound_hub *hub)
{
  if (!hub) return;
  for (size_t i = 0; i < hub->lanes.n; i++)
    if (hub->lanes.entries[i].key.p) outbound_lane_free(hub->lanes.entries[i].value);
  for (size_t i = 0; i < hub->peers.n; i++)
    if (hub->peers.entries[i].key.p) mem_free(hub->peers.entries[i].value);
  map_free(&hub->lanes);
  map_free(&hub->peers);
  tls_client_release(hub->tls);
  relay_token_forget(&hub->bearer);
  mem_free(hub);
}
#undef OUTBOUND_WAIT
#undef OUTBOUND_TRIES
#undef OUTBOUND_BREAKS
