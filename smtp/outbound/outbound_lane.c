/* smtp/outbound/outbound_lane.c: one destination: its waiting mails, its addresses, what it failed
 * of and until when it rests. */
#include "../format/format.h"
#include "outbound_int.h"
#include "outbound.h"

#define OUTBOUND_SILENT 300000 /* ms an address that failed is passed over, at most */
#define OUTBOUND_FRESH  300000 /* ms for which addresses are good */

/* ---- the line -------------------------------------------------------------------------------- */

void outbound_lane_stir(struct outbound_lane *lane)
{
  if (!lane->hub->stopped) loop_ready(lane->hub->loop, &lane->task);
}

struct outbound *outbound_lane_first(const struct outbound_lane *lane)
{
  return LIST_FIRST(&lane->waiting, struct outbound, in_line);
}

void outbound_lane_leave(struct outbound *o)
{
  list_remove(&o->in_line);
}

void outbound_lane_join(struct outbound *o, bool front)
{
  struct outbound_lane *lane = o->lane;

  if (!lane->waiting.first) lane->since = outbound_now(lane->hub);
  if (front)
    list_add_first(&lane->waiting, &o->in_line);
  else
    list_add(&lane->waiting, &o->in_line);
}

/* Takes it out of everything, then tells its owner, who may free it. */
void outbound_lane_end(struct outbound *o, const struct outbound_end *end)
{
  if (o->link)
    o->link->busy = NULL;
  else
    outbound_lane_leave(o);
  o->link = NULL;
  o->lane = NULL;
  o->ended(o, end);
}

void outbound_lane_end_all(struct outbound_lane *lane, const struct outbound_end *end)
{
  struct outbound *o;

  while ((o = outbound_lane_first(lane)) != NULL) outbound_lane_end(o, end);
}

/* ---- failing --------------------------------------------------------------------------------- */

/* who: the server that said so, or of which it is said; NULL: it is our own business. */
void outbound_lane_say_why(struct outbound_lane *lane, const char *who, str why)
{
  buf_clear(&lane->why);
  buf_clear(&lane->who);
  lane->why.cap = LIMIT_REPLY_TEXT;
  lane->who.cap = LIMIT_DOMAIN;
  buf_str_add(&lane->why, why);
  if (who) buf_puts(&lane->who, who);
}

/* All its servers failed, or none could be found: it rests. */
void outbound_lane_fail(struct outbound_lane *lane)
{
  int64_t now = clock_wall();
  struct outbound_end end = {.how = OUTBOUND_DEFERRED};

  if (lane->target.token_command) relay_token_forget_unproved(&lane->hub->bearer);
  lane->until = retry_at(lane->policy->conf, lane->fails++, now);
  lane->proved = false;
  lane->breaks = 0;
  end.text = buf_str(&lane->why);
  end.remote = buf_str(&lane->who);
  end.retry_at = lane->until;
  log_info(LOG_DELIVERY, "lane=%s failed=%d rests=%llds: %s", log_q(buf_str(&lane->shown)),
           lane->fails, (long long)(lane->until - now) / 1000, log_q(end.text));
  outbound_lane_end_all(lane, &end);
}

struct outbound_peer *outbound_lane_peer(struct outbound_hub *hub, const struct route_hop *hop)
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

static int64_t outbound_lane_pause(const struct outbound_lane *lane)
{
  int64_t period = lane->policy->conf->server.queues.delivery.deferred_retry_period;

  return clock_wall() + (period < OUTBOUND_SILENT ? period : OUTBOUND_SILENT);
}

/* Passed over for a while, which is shorter than any back-off: by all lanes, because nobody is
 * there, or by this one, which wants more than it gives. */
void outbound_lane_silence(struct outbound_lane *lane, struct outbound_peer *peer)
{
  peer->silent_until = outbound_lane_pause(lane);
}

void outbound_lane_shun(struct outbound_lane *lane, struct outbound_peer *peer)
{
  for (size_t i = 0; i < lane->hop_count; i++)
    if (outbound_lane_peer(lane->hub, &lane->hops[i]) == peer)
      lane->shunned[i] = outbound_lane_pause(lane);
}

/* ---- addresses ------------------------------------------------------------------------------- */

static void outbound_lane_forget_hops(struct outbound_lane *lane)
{
  arena_free(lane->names);
  lane->names = NULL;
  lane->hops = NULL;
  lane->hop_count = 0;
}

static int outbound_lane_set_hops(struct outbound_lane *lane, const struct route_hop *hops,
                                  size_t n)
{
  outbound_lane_forget_hops(lane);
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

static void outbound_lane_found(void *arg, const struct lookup_result *r)
{
  struct outbound_lane *lane = arg;
  struct outbound_end end = {.how = OUTBOUND_FAILED, .text = r->why};

  lane->lookup = NULL;
  lane->since = outbound_now(lane->hub);
  if (r->verdict == LOOKUP_PERM) {
    outbound_lane_end_all(lane, &end);
  } else if (r->verdict == LOOKUP_TEMP || outbound_lane_set_hops(lane, r->hops, r->n) < 0) {
    outbound_lane_say_why(lane, NULL,
                          r->verdict == LOOKUP_TEMP ? r->why : STR("4.3.0 out of memory"));
    outbound_lane_fail(lane);
  }
  outbound_lane_stir(lane);
}

/* A host that somebody wrote down, of whom no name server need know (RFC 6761 §6.3). */
static bool outbound_lane_is_here(const struct outbound_lane *lane)
{
  return lane->way != OUTBOUND_MX && str_ieq(lane->target.host, STR("localhost"));
}

/* An address that needs no look-up: an IP, this machine, or a socket of it. */
static int outbound_lane_fixed(struct outbound_lane *lane, struct err *e)
{
  struct target *t = &lane->target;
  struct route_hop hop = {.name = t->host};
  str at = outbound_lane_is_here(lane) ? STR("127.0.0.1") : t->host;
  const char *format = t->local ? "unix:%.*s" : str_chr(at, ':') >= 0 ? "[%.*s]" : "%.*s";
  str text = arena_printf(lane->arena, format, STR_ARG(at));

  if (!text.p) return err_nomem(e);
  if (netaddr_parse(text, t->local ? -1 : t->port, &hop.to, e) < 0) return -1;
  if (lane->way == OUTBOUND_MX && lookup_is_ours(lane->policy->conf, &hop))
    return err_set(e, ERR_PERM, "5.4.6 that is the address of this server");
  if (outbound_lane_set_hops(lane, &hop, 1) < 0) return err_nomem(e);
  lane->hops_until = INT64_MAX;
  return 0;
}

/* Finds the addresses, now or later. */
void outbound_lane_look(struct outbound_lane *lane)
{
  struct lookup_order o = {.conf = lane->policy->conf,
                           .name = lane->target.host,
                           .port = lane->target.port,
                           .mx = lane->way == OUTBOUND_MX};
  struct outbound_end never = {.how = OUTBOUND_FAILED};
  struct err e = {.kind = ERR_NOMEM, .text = "out of memory"};

  if (lane->target.ip || lane->target.local || outbound_lane_is_here(lane)) {
    if (outbound_lane_fixed(lane, &e) == 0) return;
    if (e.kind == ERR_PERM) {
      never.text = str_of(e.text);
      outbound_lane_end_all(lane, &never);
      return;
    }
  } else if ((o.dns = policy_dns(lane->policy, lane->hub->loop, &e)) != NULL) {
    lane->lookup = lookup_new(&o, outbound_lane_found, lane);
    if (lane->lookup) return;
  }
  outbound_lane_say_why(lane, NULL, str_of(e.text));
  outbound_lane_fail(lane);
}

/* ---- its token ------------------------------------------------------------------------------- */

static void outbound_lane_token_told(void *arg, const struct err *e)
{
  struct outbound_lane *lane = arg;

  lane->asking = NULL;
  lane->since = outbound_now(lane->hub);
  if (e) {
    outbound_lane_say_why(lane, NULL, str_of(e->text));
    outbound_lane_fail(lane);
  }
  outbound_lane_stir(lane);
}

/* Asks the command that prints the token, where one does and none is there. */
bool outbound_lane_may_log_in(struct outbound_lane *lane)
{
  struct outbound_hub *hub = lane->hub;
  struct err e;

  if (lane->asking) return false;
  if (!lane->target.token_command || relay_token_is_here(&hub->bearer, outbound_now(hub)))
    return true;
  lane->asking = relay_token_get(&hub->bearer, lane->policy->commands, lane->policy->conf,
                                 outbound_lane_token_told, lane, &e);
  if (!lane->asking) {
    outbound_lane_say_why(lane, NULL, str_of(e.text));
    outbound_lane_fail(lane);
  }
  return false;
}

/* ---- beginning and end ----------------------------------------------------------------------- */

void outbound_lane_free(struct outbound_lane *lane)
{
  map_remove(&lane->hub->lanes, lane->key);
  loop_unready(&lane->task);
  lookup_cancel(lane->lookup);
  relay_token_cancel(lane->asking);
  outbound_lane_forget_hops(lane);
  policy_release(lane->policy);
  buf_free(&lane->shown);
  buf_free(&lane->why);
  buf_free(&lane->who);
  arena_free(lane->arena);
  mem_free(lane);
}

/* Two mails of the same key may share a connection. */
str outbound_lane_key(const struct outbound *o, struct arena *a)
{
  const struct conf *conf = o->policy->conf;
  str key;

  switch (o->way) {
  case OUTBOUND_MX:
    key = arena_lower(a, o->where);
    return key.p ? arena_printf(a, "mx " STR_FMT " %d", STR_ARG(key), (int)o->tls) : key;
  case OUTBOUND_TARGET: return arena_printf(a, "to " STR_FMT, STR_ARG(o->where));
  case OUTBOUND_RELAY: break;
  }
  return arena_printf(a, "relay " STR_FMT " " STR_FMT " " STR_FMT " " STR_FMT " %d %d",
                      STR_ARG(conf->server.relay.host), STR_ARG(conf->server.relay.user),
                      STR_ARG(conf->server.relay.password_file),
                      STR_ARG(conf->server.relay.token_file),
                      conf->server.relay.token_command.n > 0, (int)conf->server.relay.tls);
}

/* The domain of an address; a literal is the address it stands for. */
static int outbound_lane_mx_target(struct outbound_lane *lane, const struct outbound *o,
                                   struct err *e)
{
  struct target *t = &lane->target;
  char ip[ADDR_IP_MAX];

  t->ip = addr_literal(o->where, ip) == 0;
  t->host = arena_str(lane->arena, t->ip ? str_of(ip) : o->where);
  t->port = outbound_port();
  t->tls = (enum target_tls)o->tls;
  return t->host.p ? 0 : err_nomem(e);
}

static int outbound_lane_aim(struct outbound_lane *lane, const struct outbound *o, struct err *e)
{
  lane->shown.cap = LIMIT_COMMAND_LINE;
  switch (o->way) {
  case OUTBOUND_MX: buf_str_add(&lane->shown, o->where); return outbound_lane_mx_target(lane, o, e);
  case OUTBOUND_TARGET:
    target_show(o->where, &lane->shown);
    return target_parse(o->where, lane->arena, &lane->target, e);
  case OUTBOUND_RELAY: break;
  }
  buf_str_add(&lane->shown, o->policy->conf->server.relay.host);
  return conf_relay(o->policy->conf, lane->arena, &lane->target, e);
}

struct outbound_lane *outbound_lane_new(struct outbound_hub *hub, const struct outbound *o, str key,
                                        struct err *e)
{
  struct outbound_lane *lane = mem_alloc(sizeof *lane);

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
  if (outbound_lane_aim(lane, o, e) == 0) {
    if (lane->key.p && map_set(&hub->lanes, lane->key, lane) == 0) return lane;
    err_nomem(e);
  }
  outbound_lane_free(lane);
  return NULL;
}

/* The newest configuration counts, and its name servers. */
void outbound_lane_renew(struct outbound_lane *lane, struct policy *policy)
{
  if (lane->policy == policy || lane->lookup) return;
  policy_release(lane->policy);
  lane->policy = policy_hold(policy);
  outbound_lane_forget_hops(lane);
}
#undef OUTBOUND_SILENT
#undef OUTBOUND_FRESH
