/* rules/api_rcpt.c: what a rule does to the envelope: sender, recipients, how each is delivered
 * (rules/README.md#the-envelope). */
#include "api.h"
#include "mailbox.h"

static bool api_rcpt_same(str a, str b)
{
  str la, da, lb, db;
  mailbox_split(a, &la, &da);
  mailbox_split(b, &lb, &db);
  return str_eq(la, lb) && str_ieq(da, db);
}

/* Index of the first recipient of that address, or the count. */
static size_t api_rcpt_find(const struct api_env *env, str address, size_t *count)
{
  struct rules_rcpt rcpt;
  *count = env->host->rcpt_count(env->tx);
  for (size_t i = 0; i < *count; i++) {
    env->host->rcpt_get(env->tx, i, &rcpt);
    if (api_rcpt_same(rcpt.address, address)) return i;
  }
  return *count;
}

static int api_rcpt_result(struct fiber *f, int got, const struct err *e)
{
  return got < 0 ? api_refused(f, e) : NATIVE_DONE;
}

/* ---- who ------------------------------------------------------------------------------------- */

static int api_rcpt_sender(struct fiber *f, struct call *c)
{
  str address;
  struct err e = {0};
  struct value *a = api_args(f, c, "rewrite_mail_from_envelop", 1, 1);
  const struct api_env *env = api_env_from(f, "rewrite_mail_from_envelop", STAGE_MAIL);
  if (!a || !env || api_address(f, a[0], &address) < 0) return -1;
  return api_rcpt_result(f, env->host->mail_from_set(env->tx, address, &e), &e);
}

static int api_rcpt_add(struct fiber *f, struct call *c)
{
  str address;
  struct err e = {0};
  struct value *a = api_args(f, c, "add_rcpt_envelop", 1, 1);
  const struct api_env *env = api_env_from(f, "add_rcpt_envelop", STAGE_CONNECT);
  if (!a || !env || api_address(f, a[0], &address) < 0) return -1;
  return api_rcpt_result(f, env->host->rcpt_add(env->tx, address, &e), &e);
}

static int api_rcpt_remove(struct fiber *f, struct call *c)
{
  str address;
  size_t n;
  struct err e = {0};
  struct value *a = api_args(f, c, "remove_rcpt_envelop", 1, 1);
  const struct api_env *env = api_env_from(f, "remove_rcpt_envelop", STAGE_CONNECT);
  if (!a || !env || api_address(f, a[0], &address) < 0) return -1;
  const size_t i = api_rcpt_find(env, address, &n);
  if (fiber_charge(f, n / 8) < 0) return -1;
  return i == n ? NATIVE_DONE : api_rcpt_result(f, env->host->rcpt_remove(env->tx, i, &e), &e);
}

static int api_rcpt_rewrite(struct fiber *f, struct call *c)
{
  str old, new;
  size_t n;
  struct err e = {0};
  struct value *a = api_args(f, c, "rewrite_rcpt_envelop", 2, 2);
  const struct api_env *env = api_env_from(f, "rewrite_rcpt_envelop", STAGE_RCPT);
  if (!a || !env || api_address(f, a[0], &old) < 0 || api_address(f, a[1], &new) < 0) return -1;
  const size_t i = api_rcpt_find(env, old, &n);
  if (fiber_charge(f, n / 8) < 0) return -1;
  const int got =
      i < n ? env->host->rcpt_rewrite(env->tx, i, new, &e) : env->host->rcpt_add(env->tx, new, &e);
  return api_rcpt_result(f, got, &e);
}

/* ---- how ------------------------------------------------------------------------------------- */

static int api_rcpt_one(struct fiber *f, const struct api_env *env, str address, enum transport t,
                        str target)
{
  size_t n;
  struct err e = {0};
  const size_t i = api_rcpt_find(env, address, &n);
  if (fiber_charge(f, n / 8) < 0) return -1;
  if (i == n) return fiber_raise(f, VSL_RUNTIME, "could not find rcpt '%s'", log_q(address));
  return api_rcpt_result(f, env->host->rcpt_transport(env->tx, i, t, target, &e), &e);
}

static int api_rcpt_all(struct fiber *f, const struct api_env *env, enum transport t, str target)
{
  struct err e = {0};
  const size_t n = env->host->rcpt_count(env->tx);
  if (fiber_charge(f, n) < 0) return -1;
  for (size_t i = 0; i < n; i++)
    if (env->host->rcpt_transport(env->tx, i, t, target, &e) < 0) return api_refused(f, &e);
  return NATIVE_DONE;
}

/* name(rcpt), name(rcpt, target), name_all(), name_all(target) */
static int api_rcpt_choose(struct fiber *f, struct call *c, const char *name, enum transport t,
                           bool all)
{
  str address = {NULL, 0}, target = {NULL, 0};
  const bool aimed = t == TRANSPORT_FORWARD;
  const int argc = !all + aimed;
  struct err e = {0};
  struct value *a = api_args(f, c, name, argc, argc);
  const struct api_env *env = api_env_from(f, name, STAGE_CONNECT);
  if (!a || !env || (!all && api_address(f, a[0], &address) < 0)) return -1;
  if (aimed) {
    if (api_text(f, a[argc - 1], &target) < 0) return -1;
    if (env->host->target_check(env->tx, target, &e) < 0) return api_refused(f, &e);
  }
  return all ? api_rcpt_all(f, env, t, target) : api_rcpt_one(f, env, address, t, target);
}

/* X(name, transport) */
#define API_RCPT_METHODS(X)                                                                        \
  X(deliver, DELIVER)                                                                              \
  X(forward, FORWARD)                                                                              \
  X(mbox, MBOX)                                                                                    \
  X(maildir, MAILDIR)                                                                              \
  X(disable_delivery, NONE)
#define API_RCPT_METHOD(name, t)                                                                   \
  static int api_rcpt_##name(struct fiber *f, struct call *c)                                      \
  {                                                                                                \
    return api_rcpt_choose(f, c, #name, TRANSPORT_##t, false);                                     \
  }                                                                                                \
  static int api_rcpt_##name##_all(struct fiber *f, struct call *c)                                \
  {                                                                                                \
    return api_rcpt_choose(f, c, #name "_all", TRANSPORT_##t, true);                               \
  }
API_RCPT_METHODS(API_RCPT_METHOD)
#undef API_RCPT_METHOD

const struct native api_rcpt_natives[] = {{"rewrite_mail_from_envelop", ".|.", 0, api_rcpt_sender},
                                          {"add_rcpt_envelop", ".|.", 0, api_rcpt_add},
                                          {"add_rcpt", ".|.", 0, api_rcpt_add},
                                          {"bcc", ".|.", 0, api_rcpt_add},
                                          {"remove_rcpt_envelop", ".|.", 0, api_rcpt_remove},
                                          {"remove_rcpt", ".|.", 0, api_rcpt_remove},
                                          {"rewrite_rcpt_envelop", "..|.", 0, api_rcpt_rewrite},
                                          {"rewrite_rcpt", "..|.", 0, api_rcpt_rewrite},
#define API_RCPT_ROWS(name, t)                                                                     \
  {#name, "|...", 0, api_rcpt_##name}, {#name "_all", "|..", 0, api_rcpt_##name##_all},
                                          API_RCPT_METHODS(API_RCPT_ROWS)
#undef API_RCPT_ROWS
};
const size_t api_rcpt_natives_count = BASE_COUNT(api_rcpt_natives);

#undef API_RCPT_METHODS
