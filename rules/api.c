/* rules/api.c: what a rule reads (rules/README.md#what-a-rule-can-ask): the facts of the connection
 * and the envelope, as functions and as properties of ctx(); the handles ctx(), srv(), msg().
 *
 * A fact is a row of API_FACTS: its name, the stage from which it is known, how it becomes a value.
 * All else is generated from that list.
 */
#include "api.h"
#include "mailbox.h"

/* ---- what all natives of the API share ------------------------------------------------------- */

static const char *const api_stage_names[] = {
#define API_STAGE_NAME(upper, name) name,
    STAGE_LIST(API_STAGE_NAME)
#undef API_STAGE_NAME
};

const struct api_env *api_env_from(struct fiber *f, const char *name, enum stage from)
{
  const struct api_env *env = api_env_of(f);
  if (!env || !env->host) {
    fiber_raise(f, VSL_RUNTIME, "'%s' is only available while a rule runs on a mail", name);
    return NULL;
  }
  if (env->stage >= from) return env;
  fiber_raise(f, VSL_RUNTIME, "field '%s' is only available from the '%s' stage, this is '%s'",
              name, api_stage_names[from], api_stage_names[env->stage]);
  return NULL;
}

static bool api_is_handle(struct value v);

int api_argc(const struct call *c)
{
  return c->argc - (c->argc > 0 && api_is_handle(c->args[0]));
}

/* "name (i64, string)", as the core reports a call that fits nothing. */
static void api_no_such_call(struct fiber *f, const struct call *c, const char *name)
{
  struct buf types = BUF_INIT(512);
  for (int i = 0; i < c->argc; i++)
    buf_printf(&types, "%s%s", i ? ", " : "", value_type_name(c->args[i]));
  fiber_raise(f, VSL_FUNCTION, "%s (%s)", name, buf_cstr(&types));
  buf_free(&types);
}

struct value *api_args(struct fiber *f, struct call *c, const char *name, int min, int max)
{
  const int argc = api_argc(c);
  if (argc >= min && argc <= max) return c->args + (c->argc - argc);
  api_no_such_call(f, c, name);
  return NULL;
}

int api_text(struct fiber *f, struct value v, str *out)
{
  if (object_text(v, out)) return 0;
  return fiber_raise(f, VSL_RUNTIME, "expecting a string or an object, not '%s'",
                     value_type_name(v));
}

int api_address(struct fiber *f, struct value v, str *out)
{
  if (api_text(f, v, out) < 0) return -1;
  if (object_is_kind(v, OBJECT_ADDRESS) || mailbox_valid(*out)) return 0;
  return fiber_raise(f, VSL_RUNTIME, "invalid type conversion expected: `address`, got '%s'",
                     log_q(*out));
}

int api_give(struct fiber *f, struct call *c, str bytes)
{
  c->out = value_of(string_new_lossy(fiber_region(f), bytes));
  return c->out.type == VALUE_NONE ? fiber_full(f) : NATIVE_DONE;
}

int api_refused(struct fiber *f, const struct err *e)
{
  return e->kind == ERR_NOMEM ? fiber_full(f) : fiber_raise(f, VSL_RUNTIME, "%s", e->text);
}

int api_ask(struct fiber *f, struct call *c, const struct api_env *env,
            const struct rules_question *q, struct rules_answer *a)
{
  struct err e = {0};
  if (c->steps->i++ > 0) {
    *a = *stage_answer(env->run);
    return NATIVE_DONE;
  }
  switch (stage_ask(env->run, q, a, &e)) {
  case RULES_ASKED_REFUSED: return api_refused(f, &e);
  case RULES_ASKED_WAIT: return stage_wait(env->run, f);
  default: return NATIVE_DONE;
  }
}

/* ---- facts ----------------------------------------------------------------------------------- */

/* How a fact becomes a value: 1, or -1 raised. */
typedef int api_fact(struct fiber *f, const struct api_env *env, struct value *out);

static int api_out(struct fiber *f, struct value v, struct value *out)
{
  *out = v;
  return v.type == VALUE_NONE ? fiber_full(f) : 1;
}

static int api_out_text(struct fiber *f, str s, struct value *out)
{
  return api_out(f, value_of(string_new_lossy(fiber_region(f), s)), out);
}

/* ip:port, IPv6 in brackets. */
static int api_out_socket(struct fiber *f, str ip, int port, struct value *out)
{
  char text[128];
  const char *open = str_chr(ip, ':') >= 0 ? "[" : "", *close = open[0] ? "]" : "";
  snprintf(text, sizeof text, "%s" STR_FMT "%s:%d", open, STR_ARG(str_sub(ip, 0, 64)), close, port);
  return api_out_text(f, str_of(text), out);
}

/* An address of the envelope. Its text is checked only for being UTF-8. */
static int api_out_address(struct fiber *f, str text, struct value *out)
{
  struct region *r = fiber_region(f);
  struct string *s = string_new_lossy(r, text);
  if (!s) return fiber_full(f);
  struct value v = object_address(r, string_str(s));
  heap_release(r, &s->heap);
  return api_out(f, v, out);
}

static int api_out_rcpt(struct fiber *f, const struct api_env *env, struct value *out)
{
  struct rules_rcpt rcpt;
  const size_t n = env->host->rcpt_count(env->tx);
  if (n == 0) return fiber_raise(f, VSL_RUNTIME, "there is no recipient");
  env->host->rcpt_get(env->tx, n - 1, &rcpt);
  return api_out_address(f, rcpt.address, out);
}

static int api_out_rcpt_list(struct fiber *f, const struct api_env *env, struct value *out)
{
  struct region *r = fiber_region(f);
  struct rules_rcpt rcpt;
  const size_t n = env->stage >= STAGE_RCPT ? env->host->rcpt_count(env->tx) : 0;
  struct value list = value_of(array_new(r, n));
  if (list.type == VALUE_NONE) return fiber_full(f);
  if (fiber_charge(f, n / 8) < 0) goto fail;
  for (size_t i = 0; i < n; i++) {
    struct value v;
    env->host->rcpt_get(env->tx, i, &rcpt);
    if (api_out_address(f, rcpt.address, &v) < 0) goto fail;
    if (array_push(r, &list, v) < 0) {
      fiber_full(f);
      goto fail;
    }
  }
  *out = list;
  return 1;
fail:
  value_release(r, list);
  return -1;
}

struct value api_message_text(struct fiber *f, const struct api_env *env)
{
  struct region *r = fiber_region(f);
  struct err e = {0};
  struct value v = {.type = VALUE_NONE};
  size_t max = region_string_max(r);
  if (max == 0 || max > LIMIT_VSL_STRING) max = LIMIT_VSL_STRING;
  struct buf text = BUF_INIT(max);
  if (fiber_charge(f, max / 64) < 0) return v;
  if (env->host->message_read(env->tx, &text, &e) < 0) {
    api_refused(f, &e);
  } else {
    str s = buf_str(&text);
    if (!utf8_valid(s) && s.n > max / 3) s.n = max / 3; /* a bad byte becomes three */
    v = value_of(string_new_lossy(r, s));
    if (v.type == VALUE_NONE) fiber_full(f);
  }
  buf_free(&text);
  return v;
}

static int api_out_mail(struct fiber *f, const struct api_env *env, struct value *out)
{
  *out = api_message_text(f, env);
  return out->type == VALUE_NONE ? -1 : 1;
}

static int api_out_auth(struct fiber *f, const struct api_env *env, struct value *out);

/* X(name, first stage, how) with t: the facts, f: the fiber, out: the result. */
#define API_FACTS(X)                                                                               \
  X(client_address, CONNECT, api_out_socket(f, t->client_ip, t->client_port, out))                 \
  X(client_ip, CONNECT, api_out_text(f, t->client_ip, out))                                        \
  X(client_port, CONNECT, api_out(f, value_int(t->client_port), out))                              \
  X(server_address, CONNECT, api_out_socket(f, t->server_ip, t->server_port, out))                 \
  X(server_ip, CONNECT, api_out_text(f, t->server_ip, out))                                        \
  X(server_port, CONNECT, api_out(f, value_int(t->server_port), out))                              \
  X(server_name, CONNECT, api_out_text(f, t->server_name, out))                                    \
  X(connection_timestamp, CONNECT, api_out(f, value_int(t->connected_at / 1000), out))             \
  X(is_secured, CONNECT, api_out(f, value_bool(t->secured), out))                                  \
  X(is_authenticated, CONNECT, api_out(f, value_bool(t->authenticated), out))                      \
  X(auth, CONNECT, api_out_auth(f, env, out))                                                      \
  X(helo, HELO, api_out_text(f, t->helo, out))                                                     \
  X(mail_from, MAIL, api_out_address(f, t->mail_from, out))                                        \
  X(mail_timestamp, MAIL, api_out(f, value_int(t->mail_at / 1000), out))                           \
  X(message_id, MAIL, api_out_text(f, t->message_id, out))                                         \
  X(rcpt, RCPT, api_out_rcpt(f, env, out))                                                         \
  X(rcpt_list, CONNECT, api_out_rcpt_list(f, env, out))

#define API_FACT_FUNCTION(fact, from, how)                                                         \
  static int api_fact_##fact(struct fiber *f, const struct api_env *env, struct value *out)        \
  {                                                                                                \
    const struct rules_facts *t = env->host->facts(env->tx);                                       \
    (void)t;                                                                                       \
    return how;                                                                                    \
  }
API_FACTS(API_FACT_FUNCTION)
#undef API_FACT_FUNCTION

struct api_fact_row {
  const char *name;
  enum stage from;
  api_fact *how;
};
static const struct api_fact_row api_facts[] = {
#define API_FACT_ROW(fact, from, how) {#fact, STAGE_##from, api_fact_##fact},
    API_FACTS(API_FACT_ROW)
#undef API_FACT_ROW
        {"mail", STAGE_PREQ, api_out_mail}, /* a property of ctx() and msg(), no function */
};

static int api_call_fact(struct fiber *f, struct call *c, const char *name, enum stage from,
                         api_fact *how)
{
  if (!api_args(f, c, name, 0, 0)) return -1;
  const struct api_env *env = api_env_from(f, name, from);
  return env && how(f, env, &c->out) > 0 ? NATIVE_DONE : -1;
}

#define API_FACT_CALL(fact, from, how)                                                             \
  static int api_call_##fact(struct fiber *f, struct call *c)                                      \
  {                                                                                                \
    return api_call_fact(f, c, #fact, STAGE_##from, api_fact_##fact);                              \
  }
API_FACTS(API_FACT_CALL)
#undef API_FACT_CALL

/* ---- credentials ----------------------------------------------------------------------------- */

struct api_auth {
  struct object object;
  enum rules_auth kind;
  struct value id, pass, token; /* strings, or () */
};

/* ORDER RULES_AUTH */
static const char *const api_auth_names[] = {"", "Verify", "Query", "AnonymousToken"};

static void api_auth_text(const struct object *o, bool debug, struct buf *out)
{
  (void)debug;
  buf_puts(out, api_auth_names[((const struct api_auth *)(const void *)o)->kind]);
}

static int api_auth_get(struct fiber *f, struct value self, str name, struct value *out)
{
  const struct api_auth *a = (const struct api_auth *)(const void *)self.as.object;
  const struct value *v = NULL;
  if (str_eq(name, STR("type"))) return api_out_text(f, str_of(api_auth_names[a->kind]), out);
  if (str_eq(name, STR("authid")))
    v = &a->id;
  else if (str_eq(name, STR("authpass")))
    v = &a->pass;
  else if (str_eq(name, STR("anonymous_token")))
    v = &a->token;
  if (!v) return 0;
  if (v->type != VALUE_STRING)
    return fiber_raise(f, VSL_RUNTIME, "credentials of type '%s' have no '" STR_FMT "'",
                       api_auth_names[a->kind], STR_ARG(name));
  *out = value_retain(*v);
  return 1;
}

static void api_auth_each(struct object *o, void (*visit)(void *ctx, struct value *v), void *ctx)
{
  struct api_auth *a = (struct api_auth *)(void *)o;
  visit(ctx, &a->id);
  visit(ctx, &a->pass);
  visit(ctx, &a->token);
}

static const struct object_type api_auth_type = {
    .name = "Credentials", .text = api_auth_text, .get = api_auth_get, .each = api_auth_each};

static int api_out_auth(struct fiber *f, const struct api_env *env, struct value *out)
{
  const struct rules_facts *t = env->host->facts(env->tx);
  if (t->auth == RULES_AUTH_NONE)
    return fiber_raise(f, VSL_RUNTIME, "the client has not authenticated: there is no 'auth'");
  struct api_auth *a = (struct api_auth *)object_new(fiber_region(f), &api_auth_type, sizeof *a);
  if (!a) return fiber_full(f);
  struct value v = value_of(a);
  int got = 1;
  a->kind = t->auth;
  if (t->auth == RULES_AUTH_ANONYMOUS)
    got = api_out_text(f, t->auth_token, &a->token);
  else
    got = api_out_text(f, t->auth_id, &a->id);
  if (got > 0 && t->auth == RULES_AUTH_VERIFY && env->stage == STAGE_AUTHENTICATE)
    got = api_out_text(f, t->auth_pass, &a->pass);
  if (got > 0)
    *out = v;
  else
    value_release(fiber_region(f), v);
  return got;
}

/* ---- handles --------------------------------------------------------------------------------- */

static int api_context_get(struct fiber *f, struct value self, str name, struct value *out)
{
  (void)self;
  for (size_t i = 0; i < BASE_COUNT(api_facts); i++) {
    const struct api_fact_row *row = &api_facts[i];
    if (!str_eq(name, str_of(row->name))) continue;
    const struct api_env *env = api_env_from(f, row->name, row->from);
    return env ? row->how(f, env, out) : -1;
  }
  return 0;
}

static int api_message_get(struct fiber *f, struct value self, str name, struct value *out)
{
  return str_eq(name, STR("mail")) ? api_context_get(f, self, name, out) : 0;
}

/* The message itself, once there is one. The handle never outlives its rule, so the environment it
 * points to is alive. */
struct api_message {
  struct object object;
  const struct api_env *env;
};

static void api_message_show(const struct object *o, bool debug, struct buf *out)
{
  const struct api_env *env = ((const struct api_message *)(const void *)o)->env;
  struct err e = {0};
  struct buf text = BUF_INIT(LIMIT_VSL_STRING);
  (void)debug;
  if (env->stage < STAGE_PREQ) {
    buf_puts(out, o->type->name);
    return;
  }
  if (env->host->message_read(env->tx, &text, &e) < 0) out->failed = true;
  str s = buf_str(&text);
  while (s.n > 0) {
    const int32_t c = utf8_next(&s);
    buf_utf8(out, c < 0 ? 0xFFFD : c);
  }
  buf_free(&text);
}

static const struct object_type api_context_type = {.name = "MailContext", .get = api_context_get};
static const struct object_type api_server_type = {.name = "Server"};
static const struct object_type api_message_type = {
    .name = "Message", .text = api_message_show, .get = api_message_get};

static bool api_is_handle(struct value v)
{
  return object_is(v, &api_context_type) || object_is(v, &api_message_type) ||
         object_is(v, &api_server_type);
}

static int api_handle(struct fiber *f, struct call *c, const struct object_type *type,
                      const char *name)
{
  if (!api_env_from(f, name, STAGE_CONNECT)) return -1;
  c->out = value_of(object_new(fiber_region(f), type, sizeof(struct object)));
  return c->out.type == VALUE_NONE ? fiber_full(f) : NATIVE_DONE;
}

static int api_ctx(struct fiber *f, struct call *c)
{
  return api_handle(f, c, &api_context_type, "ctx");
}

static int api_srv(struct fiber *f, struct call *c)
{
  return api_handle(f, c, &api_server_type, "srv");
}

static int api_msg(struct fiber *f, struct call *c)
{
  const struct api_env *env = api_env_from(f, "msg", STAGE_CONNECT);
  if (!env) return -1;
  struct api_message *m =
      (struct api_message *)object_new(fiber_region(f), &api_message_type, sizeof *m);
  if (!m) return fiber_full(f);
  m->env = env;
  c->out = value_of(m);
  return NATIVE_DONE;
}

const struct native api_natives[] = {
#define API_FACT_NATIVE(fact, from, how) {#fact, "|o", 0, api_call_##fact},
    API_FACTS(API_FACT_NATIVE)
#undef API_FACT_NATIVE
        {"ctx", "", 0, api_ctx},
    {"srv", "", 0, api_srv},
    {"msg", "", 0, api_msg},
};
const size_t api_natives_count = BASE_COUNT(api_natives);

#undef API_FACTS
