/* rules/api_tool.c: utilities (rules/README.md#utilities), the configuration as toml::, and what is
 * not built in. */
#include "api.h"

#include <unistd.h>

#define API_TOOL_LINE 100   /* steps a line of the log costs, */
#define API_TOOL_FILE 10000 /* and a file */

/* ---- log, date, time, hostname --------------------------------------------------------------- */

/* log(level, text): any text; an unknown level is written as a warning with a note. */
static int api_tool_log(struct fiber *f, struct call *c)
{
  enum log_level level = LOG_WARN;
  str word;
  struct value *a = api_args(f, c, "log", 2, 2);
  const struct api_env *env = api_env_of(f);
  if (!a || api_text(f, a[0], &word) < 0) return -1;
  struct buf text = BUF_INIT(LIMIT_VSL_STRING);
  const bool known = log_level_parse(word, &level) == 0;
  if (value_text(a[1], false, &text) < 0) {
    buf_free(&text);
    return fiber_full(f);
  }
  if (fiber_charge(f, API_TOOL_LINE + text.n / 64) < 0) {
    buf_free(&text);
    return -1;
  }
  if (!known) buf_printf(&text, " (logged with the unknown level '%s')", log_q(word));
  if (env && env->host)
    env->host->log(env->tx, LOG_APP, level, buf_str(&text));
  else
    log_write(LOG_APP, level, STR_FMT, STR_ARG(buf_str(&text)));
  buf_free(&text);
  return NATIVE_DONE;
}

/* Now, as clock_utc writes it, cut to [from, to). */
static int api_tool_now(struct fiber *f, struct call *c, const char *name, size_t from, size_t to)
{
  char text[CLOCK_TEXT_MAX];
  if (!api_args(f, c, name, 0, 0)) return -1;
  return api_give(f, c, str_sub(str_of(clock_utc(clock_wall(), text)), from, to));
}

static int api_tool_date(struct fiber *f, struct call *c)
{
  return api_tool_now(f, c, "date", 0, 10);
}

static int api_tool_time(struct fiber *f, struct call *c)
{
  return api_tool_now(f, c, "time", 11, 19);
}

static int api_tool_hostname(struct fiber *f, struct call *c)
{
  char name[256];
  if (!api_args(f, c, "hostname", 0, 0)) return -1;
  if (gethostname(name, sizeof name) < 0)
    return fiber_raise(f, VSL_RUNTIME, "cannot read the host name");
  name[sizeof name - 1] = 0;
  return api_give(f, c, str_of(name));
}

static int api_tool_user_exist(struct fiber *f, struct call *c)
{
  str name;
  struct value *a = api_args(f, c, "user_exist", 1, 1);
  const struct api_env *env = api_env_from(f, "user_exist", STAGE_CONNECT);
  if (!a || !env || api_text(f, a[0], &name) < 0) return -1;
  if (object_is_kind(a[0], OBJECT_ADDRESS)) {
    str domain;
    object_address_parts(a[0], &name, &domain);
  }
  c->out = value_bool(env->host->user_exist(env->tx, name));
  return NATIVE_DONE;
}

/* ---- files below app.dirpath ----------------------------------------------------------------- */

/* A folder a script names (rules/README.md#utilities): relative, and it does not lead out. */
static int api_tool_folder(struct fiber *f, struct value v, str *out)
{
  str rest, part;
  if (api_text(f, v, out) < 0) return -1;
  if (out->n == 0 || out->n > 1024 || out->p[0] == '/')
    return fiber_raise(f, VSL_RUNTIME, "'%s' must be a folder relative to app.dirpath",
                       log_q(*out));
  for (size_t i = 0; i < out->n; i++)
    if ((unsigned char)out->p[i] < ' ' || out->p[i] == 127)
      return fiber_raise(f, VSL_RUNTIME, "the folder '%s' holds a control character", log_q(*out));
  for (rest = *out; str_cut(&rest, '/', &part);)
    if (part.n > 255 || str_eq(part, STR("..")) || str_eq(part, STR(".")))
      return fiber_raise(f, VSL_RUNTIME, "the folder '%s' would lead out of app.dirpath",
                         log_q(*out));
  return 0;
}

static int api_tool_write(struct fiber *f, struct call *c)
{
  str dir;
  struct err e = {0};
  struct value *a = api_args(f, c, "write", 1, 1);
  const struct api_env *env = api_env_from(f, "write", STAGE_MAIL);
  if (!a || !env || api_tool_folder(f, a[0], &dir) < 0 || fiber_charge(f, API_TOOL_FILE) < 0)
    return -1;
  if (env->host->write_message(env->tx, dir, STR(".eml"), &e) < 0) return api_refused(f, &e);
  return NATIVE_DONE;
}

static void api_tool_json(struct buf *out, const char *key, str value)
{
  buf_printf(out, "  \"%s\": ", key);
  buf_json(out, value);
  buf_puts(out, ",\n");
}

static void api_tool_json_time(struct buf *out, const char *key, int64_t ms)
{
  char text[CLOCK_TEXT_MAX];
  api_tool_json(out, key, ms ? str_of(clock_utc(ms, text)) : STR(""));
}

/* The whole context; a password never is in it. */
static void api_tool_context(const struct api_env *env, struct buf *out)
{
  const struct rules_facts *t = env->host->facts(env->tx);
  struct rules_rcpt rcpt;
  buf_puts(out, "{\n");
  api_tool_json(out, "message_id", t->message_id);
  api_tool_json(out, "client_ip", t->client_ip);
  buf_printf(out, "  \"client_port\": %d,\n", t->client_port);
  api_tool_json(out, "server_ip", t->server_ip);
  buf_printf(out, "  \"server_port\": %d,\n", t->server_port);
  api_tool_json(out, "server_name", t->server_name);
  api_tool_json_time(out, "connection_timestamp", t->connected_at);
  buf_printf(out, "  \"is_secured\": %s,\n", t->secured ? "true" : "false");
  buf_printf(out, "  \"is_authenticated\": %s,\n", t->authenticated ? "true" : "false");
  api_tool_json(out, "auth", t->auth_id);
  api_tool_json(out, "helo", t->helo);
  api_tool_json(out, "mail_from", t->mail_from);
  api_tool_json_time(out, "mail_timestamp", t->mail_at);
  buf_puts(out, "  \"rcpt\": [");
  const size_t n = env->host->rcpt_count(env->tx);
  for (size_t i = 0; i < n; i++) {
    env->host->rcpt_get(env->tx, i, &rcpt);
    buf_puts(out, i ? ",\n    { \"address\": " : "\n    { \"address\": ");
    buf_json(out, rcpt.address);
    buf_printf(out, ", \"transport\": \"%s\", \"target\": ", transport_name(rcpt.transport));
    buf_json(out, rcpt.target);
    buf_puts(out, " }");
  }
  buf_puts(out, n ? "\n  ]\n}\n" : "]\n}\n");
}

static int api_tool_dump(struct fiber *f, struct call *c)
{
  str dir;
  struct err e = {0};
  struct value *a = api_args(f, c, "dump", 1, 1);
  const struct api_env *env = api_env_from(f, "dump", STAGE_MAIL);
  if (!a || !env || api_tool_folder(f, a[0], &dir) < 0 || fiber_charge(f, API_TOOL_FILE) < 0)
    return -1;
  struct buf json = BUF_INIT(LIMIT_VSL_STRING);
  api_tool_context(env, &json);
  int got = buf_ok(&json) ? NATIVE_DONE : fiber_full(f);
  if (got == NATIVE_DONE &&
      env->host->write_text(env->tx, dir, STR(".json"), buf_str(&json), &e) < 0)
    got = api_refused(f, &e);
  buf_free(&json);
  return got;
}

/* ---- toml:: ---------------------------------------------------------------------------------- */

static int api_tool_toml(struct fiber *f, struct call *c, bool app)
{
  const struct api_env *env = api_env_of(f);
  c->out = env ? rules_toml(env->rules, fiber_region(f), app) : value_unit();
  if (c->out.type == VALUE_NONE) return fiber_full(f);
  if (c->out.type == VALUE_MAP) return NATIVE_DONE;
  return fiber_raise(f, VSL_RUNTIME, "there is no configuration here, so no toml::%s",
                     app ? "app" : "server");
}

static int api_tool_toml_server(struct fiber *f, struct call *c)
{
  return api_tool_toml(f, c, false);
}

static int api_tool_toml_app(struct fiber *f, struct call *c)
{
  return api_tool_toml(f, c, true);
}

/* ---- what vSMTP has and this program has not ------------------------------------------------- */

static int api_tool_dkim(struct fiber *f, struct call *c)
{
  (void)c;
  return fiber_raise(f, VSL_RUNTIME, "DKIM is not built in");
}

static int api_tool_send_mail(struct fiber *f, struct call *c)
{
  (void)c;
  return fiber_raise(f, VSL_RUNTIME,
                     "send_mail is not supported: add a recipient with "
                     "add_rcpt_envelop, or run a program with a cmd service");
}

const struct native api_tool_natives[] = {
    {"log", "s.", 0, api_tool_log},
    {"log", "o.", 0, api_tool_log},
    {"log", "o..", 0, api_tool_log},
    {"sys::log", "..|.", 0, api_tool_log},
    {"date", "|o", 0, api_tool_date},
    {"sys::date", "|o", 0, api_tool_date},
    {"time", "|o", 0, api_tool_time},
    {"sys::time", "|o", 0, api_tool_time},
    {"hostname", "|o", 0, api_tool_hostname},
    {"sys::hostname", "|o", 0, api_tool_hostname},
    {"user_exist", ".|.", 0, api_tool_user_exist},
    {"sys::user_exist", ".|.", 0, api_tool_user_exist},
    {"write", ".|.", 0, api_tool_write},
    {"dump", ".|.", 0, api_tool_dump},
    {"toml::server", "", NATIVE_ONLY_PROPERTY, api_tool_toml_server},
    {"toml::app", "", NATIVE_ONLY_PROPERTY, api_tool_toml_app},
    {"dkim_verify", "|o", NATIVE_UNBUILT, api_tool_dkim},
    {"dkim_sign", "*", NATIVE_UNBUILT, api_tool_dkim},
    {"send_mail", "*", 0, api_tool_send_mail},
};
const size_t api_tool_natives_count = BASE_COUNT(api_tool_natives);

#undef API_TOOL_LINE
#undef API_TOOL_FILE
