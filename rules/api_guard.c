/* rules/api_guard.c: who may send what through here (rules/README.md#security). SPF is in
 * api_spf.c. */
#include "api.h"
#include "mailbox.h"

/* ---- our domains ----------------------------------------------------------------------------- */

/* What follows the @, or the whole of it. */
static bool api_guard_is_ours(const struct api_env *env, str s)
{
  const ptrdiff_t at = str_rchr(s, '@');
  const str domain = at < 0 ? s : str_skip(s, (size_t)at + 1);
  return domain.n > 0 && env->host->in_domain(env->tx, domain);
}

static int api_guard_in_domain(struct fiber *f, struct call *c)
{
  str text;
  struct value *a = api_args(f, c, "in_domain", 1, 1);
  const struct api_env *env = api_env_from(f, "in_domain", STAGE_CONNECT);
  if (!a || !env) return -1;
  c->out = value_bool(object_text(a[0], &text) && api_guard_is_ours(env, text));
  return NATIVE_DONE;
}

/* ---- relaying -------------------------------------------------------------------------------- */

/* Do hosts name this address alone, not in a range? Groups are nested as deep as object.h says. */
static bool api_guard_names(struct value hosts, const struct ip *ip)
{
  struct ip_range range;
  struct ip one;
  str text;
  if (hosts.type == VALUE_ARRAY) {
    bool named = false;
    for (uint32_t i = 0; !named && i < hosts.as.array->n; i++)
      named = hosts.as.array->items[i].type != VALUE_ARRAY &&
              api_guard_names(hosts.as.array->items[i], ip);
    return named;
  }
  if (object_is_kind(hosts, OBJECT_GROUP) || object_is_kind(hosts, OBJECT_FILE))
    return api_guard_names(object_thing(hosts)->items, ip);
  if (!object_text(hosts, &text)) return false;
  if (ip_parse(text, &one) == 0) return ip_equal(&one, ip);
  return ip_range_parse(text, ip->v6, &range) == 0 && range.bits == (ip->v6 ? 128 : 32) &&
         ip_within(ip, &range);
}

/* A router that is in a range only: whoever comes from there may be any stranger. */
static bool api_guard_is_router(const struct api_env *env, struct value hosts)
{
  struct ip ip;
  return ip_parse(env->host->facts(env->tx)->client_ip, &ip) == 0 && !api_guard_names(hosts, &ip) &&
         env->host->is_router(env->tx);
}

/* Is the client one that may relay: authenticated, or among hosts? 1, 0, -1 raised. */
static int api_guard_is_known(struct fiber *f, const struct api_env *env, struct value hosts)
{
  const struct rules_facts *t = env->host->facts(env->tx);
  struct value ip = value_of(string_new_lossy(fiber_region(f), t->client_ip));
  const bool authenticated = t->authenticated;
  if (ip.type == VALUE_NONE) return fiber_full(f);
  const int among = match_among(f, ip, hosts);
  value_release(fiber_region(f), ip);
  if (among > 0 && !authenticated && api_guard_is_router(env, hosts)) return 0;
  return among < 0 ? -1 : among || authenticated;
}

static int api_guard_verdict(struct fiber *f, struct call *c, enum rules_kind k)
{
  c->out = k == RULES_NEXT ? status_new(f, k, value_unit())
                           : status_with(f, k, 554, STR("5.7.1"), STR("Relay access denied"));
  return c->out.type == VALUE_NONE ? -1 : NATIVE_DONE;
}

/* In `rcpt`: the last recipient. It leaves the list when it is neither ours nor known's. */
static int api_guard_last(struct fiber *f, struct call *c, const struct api_env *env, bool known,
                          enum rules_kind refusal)
{
  struct rules_rcpt rcpt;
  struct err e = {0};
  const size_t n = env->host->rcpt_count(env->tx);
  if (n == 0) return fiber_raise(f, VSL_RUNTIME, "there is no recipient to judge");
  if (known) {
    env->host->rcpt_permit(env->tx, n - 1);
    return api_guard_verdict(f, c, RULES_NEXT);
  }
  env->host->rcpt_get(env->tx, n - 1, &rcpt);
  if (api_guard_is_ours(env, rcpt.address)) return api_guard_verdict(f, c, RULES_NEXT);
  if (env->host->rcpt_remove(env->tx, n - 1, &e) < 0) return api_refused(f, &e);
  return api_guard_verdict(f, c, refusal);
}

/* Later: one foreign recipient that the client gave is enough to refuse the message. */
static int api_guard_all(struct fiber *f, struct call *c, const struct api_env *env, bool known)
{
  struct rules_rcpt rcpt;
  const size_t n = known ? 0 : env->host->rcpt_count(env->tx);
  if (fiber_charge(f, n / 8) < 0) return -1;
  for (size_t i = 0; i < n; i++) {
    env->host->rcpt_get(env->tx, i, &rcpt);
    if (rcpt.by_client && !api_guard_is_ours(env, rcpt.address))
      return api_guard_verdict(f, c, RULES_DENY);
  }
  return api_guard_verdict(f, c, RULES_NEXT);
}

static int api_guard_rcpt(struct fiber *f, struct call *c, const char *name,
                          enum rules_kind refusal)
{
  struct value *a = api_args(f, c, name, 1, 1);
  const struct api_env *env = api_env_from(f, name, STAGE_RCPT);
  const int known = a && env ? api_guard_is_known(f, env, a[0]) : -1;
  if (known < 0) return -1;
  return env->stage == STAGE_RCPT ? api_guard_last(f, c, env, known, refusal)
                                  : api_guard_all(f, c, env, known);
}

static int api_guard_check_relay(struct fiber *f, struct call *c)
{
  return api_guard_rcpt(f, c, "check_relay", RULES_DENY);
}

static int api_guard_check_rcpt_relay(struct fiber *f, struct call *c)
{
  return api_guard_rcpt(f, c, "check_rcpt_relay", RULES_INFO);
}

/* Nobody from outside may use one of our addresses as sender. */
static int api_guard_check_mail_relay(struct fiber *f, struct call *c)
{
  struct value *a = api_args(f, c, "check_mail_relay", 1, 1);
  const struct api_env *env = api_env_from(f, "check_mail_relay", STAGE_MAIL);
  const int known = a && env ? api_guard_is_known(f, env, a[0]) : -1;
  if (known < 0) return -1;
  const bool ours = api_guard_is_ours(env, env->host->facts(env->tx)->mail_from);
  return api_guard_verdict(f, c, ours && !known ? RULES_DENY : RULES_NEXT);
}

const struct native api_guard_natives[] = {
    {"in_domain", ".|.", 0, api_guard_in_domain},
    {"check_relay", ".|.", 0, api_guard_check_relay},
    {"check_rcpt_relay", ".|.", 0, api_guard_check_rcpt_relay},
    {"check_mail_relay", ".|.", 0, api_guard_check_mail_relay},
};
const size_t api_guard_natives_count = BASE_COUNT(api_guard_natives);
