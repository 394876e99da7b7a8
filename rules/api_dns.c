/* rules/api_dns.c: what rules ask of name servers: dns_lookup, rdns, check_null_mx_sender. */
#include "api.h"

static bool api_dns_is_temporary(const struct rules_answer *a)
{
  return str_eq(a->result, STR("temperror"));
}

static int api_dns_list(struct fiber *f, struct call *c, const struct rules_answer *a)
{
  struct region *r = fiber_region(f);
  struct array *list = array_new(r, a->n);
  if (!list) return fiber_full(f);
  c->out = value_of(list);
  for (size_t i = 0; i < a->n; i++) {
    struct value text = value_of(string_new_lossy(r, a->list[i]));
    if (text.type == VALUE_NONE || array_push(r, &c->out, text) < 0) {
      value_release(r, c->out);
      c->out = value_unit();
      return fiber_full(f);
    }
  }
  return NATIVE_DONE;
}

/* dns_lookup(name, type): an array of strings, empty when there is nothing. No answer throws. */
static int api_dns_lookup(struct fiber *f, struct call *c)
{
  static const char *const types[] = {"A", "AAAA", "MX", "PTR", "TXT"};
  struct rules_question q = {.ask = RULES_ASK_DNS};
  struct rules_answer answer = {.n = 0};
  str type;
  const struct value *a = api_args(f, c, "dns_lookup", 2, 2);
  const struct api_env *env = a ? api_env_from(f, "dns_lookup", STAGE_CONNECT) : NULL;
  if (!env || api_text(f, a[0], &q.name) < 0 || api_text(f, a[1], &type) < 0) return -1;
  for (size_t i = 0; i < BASE_COUNT(types); i++)
    if (str_ieq(type, str_of(types[i]))) q.type = str_of(types[i]);
  if (!q.type.p)
    return fiber_raise(f, VSL_RUNTIME,
                       "dns_lookup: the type is one of 'A', 'AAAA', 'MX', 'PTR', 'TXT', not '%s'",
                       log_q(type));
  const int got = api_ask(f, c, env, &q, &answer);
  if (got != NATIVE_DONE) return got;
  if (api_dns_is_temporary(&answer))
    return fiber_raise(f, VSL_RUNTIME, "dns_lookup: no answer for %s", log_q(q.name));
  return api_dns_list(f, c, &answer);
}

/* rdns(ip): the name of the IP whose addresses have it, or "". No answer throws. */
static int api_dns_reverse(struct fiber *f, struct call *c)
{
  struct rules_question q = {.ask = RULES_ASK_REVERSE};
  struct rules_answer answer = {.n = 0};
  const struct value *a = api_args(f, c, "rdns", 1, 1);
  const struct api_env *env = a ? api_env_from(f, "rdns", STAGE_CONNECT) : NULL;
  if (!env || api_text(f, a[0], &q.name) < 0) return -1;
  const int got = api_ask(f, c, env, &q, &answer);
  if (got != NATIVE_DONE) return got;
  if (api_dns_is_temporary(&answer))
    return fiber_raise(f, VSL_RUNTIME, "rdns: no answer for %s", log_q(q.name));
  return api_give(f, c, answer.n ? answer.list[0] : STR(""));
}

/* RFC 7505: "MX 0 ." says that a domain sends and takes no mail. */
static bool api_dns_is_null_mx(const struct rules_answer *a)
{
  return a->n == 1 && str_ends(a->list[0], STR(" ."));
}

static int api_dns_null_mx_sender(struct fiber *f, struct call *c)
{
  struct rules_answer answer = {.n = 0};
  const struct value *a = api_args(f, c, "check_null_mx_sender", 0, 0);
  const struct api_env *env = a ? api_env_from(f, "check_null_mx_sender", STAGE_MAIL) : NULL;
  if (!env) return -1;
  const str from = env->host->facts(env->tx)->mail_from;
  const ptrdiff_t at = str_rchr(from, '@');
  const struct rules_question q = {
      .ask = RULES_ASK_DNS, .name = str_skip(from, (size_t)at + 1), .type = STR("MX")};
  const int got = at < 0 ? NATIVE_DONE : api_ask(f, c, env, &q, &answer);
  if (got != NATIVE_DONE) return got;
  c->out = api_dns_is_null_mx(&answer)
               ? status_with(f, RULES_DENY, 550, STR("5.7.27"), STR("Sender address has null MX"))
               : status_new(f, RULES_NEXT, value_unit());
  return c->out.type == VALUE_NONE ? -1 : NATIVE_DONE;
}

const struct native api_dns_natives[] = {
    {"dns_lookup", "..|.", NATIVE_STEPS, api_dns_lookup},
    {"rdns", ".|.", NATIVE_STEPS, api_dns_reverse},
    {"check_null_mx_sender", "|o", NATIVE_STEPS, api_dns_null_mx_sender},
};
const size_t api_dns_natives_count = BASE_COUNT(api_dns_natives);
