/* rules/service.c: services (vsl-api 3): the declarations of cmd, db:csv and smtp, checked.
 *
 * What a service does is not built yet: calling it says so. The options are a table; what is not in
 * it is reported as a warning.
 */
#include "api.h"
#include "field.h"
#include "ip.h"
#include "vm.h"

#include <unistd.h>

const char *const service_words[] = {"cmd", "shell", "db", "smtp", NULL};
const char *const service_format_words[] = {"csv", NULL};

/* ORDER SERVICE_KIND */
static const char *const service_texts[] = {"cmd", "csv-database", "smtp"};

/* ---- options ------------------------------------------------------------------------------- */

/* One declaration being checked. */
struct service_check {
  struct fiber *f;
  str service; /* its name */
  const char *key;
};
typedef int service_test(struct service_check *s, struct value v); /* -1 raised */

static int service_wants(struct service_check *s, const char *wanted, struct value v)
{
  return fiber_raise(s->f, VSL_RUNTIME, "service '" STR_FMT "': '%s' must be %s, not %s%s%s",
                     STR_ARG(s->service), s->key, wanted, v.type == VALUE_STRING ? "'" : "",
                     v.type == VALUE_STRING ? log_q(value_str(v)) : value_type_name(v),
                     v.type == VALUE_STRING ? "'" : "");
}

static int service_is_string(struct service_check *s, struct value v)
{
  if (v.type == VALUE_STRING && value_str(v).n > 0) return 0;
  return service_wants(s, "a string", v);
}

static int service_is_duration(struct service_check *s, struct value v)
{
  int64_t ms;
  if (v.type == VALUE_STRING && duration_parse(value_str(v), &ms) == 0 && ms > 0) return 0;
  return service_wants(s, "a duration like \"10s\"", v);
}

static int service_is_arguments(struct service_check *s, struct value v)
{
  str unused;
  if (v.type != VALUE_ARRAY) return service_wants(s, "an array of strings", v);
  for (uint32_t i = 0; i < v.as.array->n; i++)
    if (!object_text(v.as.array->items[i], &unused))
      return service_wants(s, "an array of strings", v.as.array->items[i]);
  return 0;
}

static int service_is_file(struct service_check *s, struct value v)
{
  if (service_is_string(s, v) < 0) return -1;
  struct buf path = BUF_INIT(4096);
  const str name = value_str(v);
  if (!str_starts(name, STR("/"))) buf_str_add(&path, path_dir(fiber_place(s->f).file));
  buf_str_add(&path, name);
  const bool there =
      buf_ok(&path) && !memchr(name.p, 0, name.n) && access(buf_cstr(&path), F_OK) == 0;
  buf_free(&path);
  return there ? 0 : service_wants(s, "the path of an existing file", v);
}

static int service_is_access(struct service_check *s, struct value v)
{
  if (v.type == VALUE_STRING &&
      (str_eq(value_str(v), STR("O_RDONLY")) || str_eq(value_str(v), STR("O_WRONLY")) ||
       str_eq(value_str(v), STR("O_RDWR"))))
    return 0;
  return service_wants(s, "\"O_RDONLY\", \"O_WRONLY\" or \"O_RDWR\"", v);
}

static int service_is_refresh(struct service_check *s, struct value v)
{
  if (v.type == VALUE_STRING &&
      (str_eq(value_str(v), STR("always")) || str_eq(value_str(v), STR("no"))))
    return 0;
  return service_wants(s, "\"always\" or \"no\"", v);
}

static int service_is_delimiter(struct service_check *s, struct value v)
{
  if (v.type == VALUE_CHAR && v.as.c < 0x80 && v.as.c != '"' && v.as.c != '\n' && v.as.c != '\r')
    return 0;
  return service_wants(s, "one ASCII character like ','", v);
}

static int service_is_socket(struct service_check *s, struct value v)
{
  if (v.type == VALUE_STRING && ip_socket_parse(value_str(v), NULL, NULL, NULL) == 0) return 0;
  return service_wants(s, "an address like \"127.0.0.1:10026\"", v);
}

static int service_is_receiver(struct service_check *s, struct value v)
{
  struct ip ip;
  if (service_is_socket(s, v) < 0) return -1;
  const struct api_env *env = api_env(s->f);
  if (ip_socket_parse(value_str(v), &ip, NULL, NULL) == 0 && !ip_is_loopback(&ip))
    fiber_warn(s->f,
               "service '" STR_FMT "': the receiver " STR_FMT " is not a loopback address: whoever "
               "reaches it can try to hand in results",
               STR_ARG(s->service), STR_ARG(value_str(v)));
  if (env && !rules_listens(env->rules, value_str(v)))
    fiber_warn(s->f,
               "service '" STR_FMT "': the receiver " STR_FMT " is not in server.interfaces, so "
               "no result can come back",
               STR_ARG(s->service), STR_ARG(value_str(v)));
  return 0;
}

/* Header names, none twice. */
static int service_is_marks(struct service_check *s, struct value v)
{
  if (v.type != VALUE_ARRAY) return service_wants(s, "an array of header names", v);
  for (uint32_t i = 0; i < v.as.array->n; i++) {
    struct value name = v.as.array->items[i];
    if (name.type != VALUE_STRING || !field_name_valid(value_str(name)))
      return service_wants(s, "an array of header names", name);
  }
  return 0;
}

static int service_is_delegator(struct service_check *s, struct value v);

struct service_option {
  const char *key;
  bool required;
  service_test *test;
};

static const struct service_option service_cmd[] = {
    {"command", true, service_is_string},  {"timeout", true, service_is_duration},
    {"args", false, service_is_arguments}, {"user", false, service_is_string},
    {"group", false, service_is_string},   {NULL, false, NULL},
};
static const struct service_option service_csv[] = {
    {"connector", true, service_is_file},
    {"access", true, service_is_access},
    {"refresh", true, service_is_refresh},
    {"delimiter", true, service_is_delimiter},
    {NULL, false, NULL},
};
static const struct service_option service_smtp[] = {
    {"delegator", true, service_is_delegator},
    {"receiver", true, service_is_receiver},
    {"timeout", false, service_is_duration},
    {"marks", false, service_is_marks},
    {NULL, false, NULL},
};
static const struct service_option service_delegator[] = {
    {"address", true, service_is_socket},
    {"timeout", false, service_is_duration},
    {NULL, false, NULL},
};

/* ORDER SERVICE_KIND */
static const struct service_option *const service_options[] = {service_cmd, service_csv,
                                                               service_smtp};

static bool service_knows(const struct service_option *table, str key)
{
  for (; table->key; table++)
    if (str_eq(key, str_of(table->key))) return true;
  return false;
}

/* A map against a table: required keys there, each value right, others warned of. */
static int service_check_map(struct service_check *s, const struct service_option *table,
                             const struct dict *m)
{
  const struct region *r = fiber_region(s->f);
  for (const struct service_option *o = table; o->key; o++) {
    const struct value *v = dict_get(r, m, str_of(o->key));
    s->key = o->key;
    if (!v && o->required)
      return fiber_raise(s->f, VSL_RUNTIME, "service '" STR_FMT "': option '%s' is missing",
                         STR_ARG(s->service), o->key);
    if (v && o->test(s, *v) < 0) return -1;
  }
  for (uint32_t i = 0; i < m->n; i++)
    if (!service_knows(table, string_str(m->entries[i].key)))
      fiber_warn(s->f, "service '" STR_FMT "': unknown option '" STR_FMT "' is ignored",
                 STR_ARG(s->service), STR_ARG(string_str(m->entries[i].key)));
  return 0;
}

static int service_is_delegator(struct service_check *s, struct value v)
{
  if (v.type != VALUE_MAP) return service_wants(s, "a map with `address`", v);
  return service_check_map(s, service_delegator, v.as.map);
}

/* ---- the declaration ----------------------------------------------------------------------- */

static enum service_kind service_kind_of(str type)
{
  if (str_eq(type, STR("db"))) return SERVICE_CSV;
  return str_eq(type, STR("smtp")) ? SERVICE_SMTP : SERVICE_CMD;
}

/* The time-out in the map m, or otherwise. */
static int64_t service_timeout(const struct region *r, struct value m, int64_t otherwise)
{
  const struct value *v = m.type == VALUE_MAP ? dict_get(r, m.as.map, STR("timeout")) : NULL;
  int64_t ms;
  return v && v->type == VALUE_STRING && duration_parse(value_str(*v), &ms) == 0 ? ms : otherwise;
}

/* $service(name, type, format or (), value) */
static int service_declare(struct fiber *f, struct call *c)
{
  struct region *r = fiber_region(f);
  const str name = value_str(c->args[0]);
  struct service_check check = {f, name, "options"};
  const enum service_kind kind = service_kind_of(value_str(c->args[1]));
  struct value options = c->args[3];
  if (options.type != VALUE_MAP)
    return fiber_raise(f, VSL_TYPE, "service '" STR_FMT "' wants a map of options, not '%s'",
                       STR_ARG(name), value_type_name(options));
  if (service_check_map(&check, service_options[kind], options.as.map) < 0) return -1;
  struct service *s = (struct service *)object_new(r, &service_type, sizeof *s);
  if (!s) return fiber_full(f);
  s->kind = kind;
  s->name = value_retain(c->args[0]);
  s->options = value_retain(options);
  s->timeout = service_timeout(r, options, 60000);
  const struct value *delegator = dict_get(r, options.as.map, STR("delegator"));
  if (delegator) s->timeout = service_timeout(r, *delegator, s->timeout);
  c->out = value_of(s);
  return NATIVE_DONE;
}

/* ---- methods ------------------------------------------------------------------------------- */

static int service_call(struct fiber *f, struct call *c, enum service_kind kind, const char *method)
{
  if (!object_is(c->args[0], &service_type))
    return fiber_raise(f, VSL_FUNCTION, "%s (%s)", method, value_type_name(c->args[0]));
  const struct service *s = service_of(c->args[0]);
  if (s->kind != kind)
    return fiber_raise(f, VSL_RUNTIME, "service '" STR_FMT "' is a %s service: it has no '%s'",
                       STR_ARG(value_str(s->name)), service_texts[s->kind], method);
  return fiber_raise(f, VSL_RUNTIME,
                     "'%s' of service '" STR_FMT "': %s services are not built in "
                     "yet",
                     method, STR_ARG(value_str(s->name)), service_texts[kind]);
}

static int service_cmd_run(struct fiber *f, struct call *c)
{
  return service_call(f, c, SERVICE_CMD, "cmd_run");
}

static int service_db_get(struct fiber *f, struct call *c)
{
  return service_call(f, c, SERVICE_CSV, "get");
}

static int service_db_set(struct fiber *f, struct call *c)
{
  return service_call(f, c, SERVICE_CSV, "set");
}

static int service_db_rm(struct fiber *f, struct call *c)
{
  return service_call(f, c, SERVICE_CSV, "rm");
}

/* ---- what the language asks ---------------------------------------------------------------- */

static void service_text(const struct object *o, bool debug, struct buf *out)
{
  (void)debug;
  buf_puts(out, service_texts[((const struct service *)(const void *)o)->kind]);
}

static int service_equals(struct fiber *f, struct value a, struct value b)
{
  if (!object_is(a, &service_type) || !object_is(b, &service_type)) return 0;
  return fiber_raise(f, VSL_FUNCTION, "== (service, service)");
}

static int service_get(struct fiber *f, struct value self, str name, struct value *out)
{
  const struct service *s = service_of(self);
  if (!str_eq(name, STR("receiver_address"))) return 0;
  if (s->kind != SERVICE_SMTP)
    return fiber_raise(f, VSL_RUNTIME, "service '" STR_FMT "' is a %s service: it has no receiver",
                       STR_ARG(value_str(s->name)), service_texts[s->kind]);
  const struct value *v = dict_get(fiber_region(f), s->options.as.map, STR("receiver"));
  *out = v ? value_retain(*v) : value_unit();
  return 1;
}

static void service_each(struct object *o, void (*visit)(void *ctx, struct value *v), void *ctx)
{
  struct service *s = (struct service *)(void *)o;
  visit(ctx, &s->name);
  visit(ctx, &s->options);
}

const struct object_type service_type = {.name = "service",
                                         .text = service_text,
                                         .equals = service_equals,
                                         .get = service_get,
                                         .each = service_each};

const struct native service_natives[] = {
    {"$service", "ss..", 0, service_declare},
    {"cmd_run", "o|a", NATIVE_UNBUILT, service_cmd_run},
    {"shell_run", "o|a", NATIVE_UNBUILT, service_cmd_run},
    {"get", "o.", 0, service_db_get},
    {"db_query", "o.", NATIVE_UNBUILT, service_db_get},
    {"set", "oa", 0, service_db_set},
    {"db_add", "oa", NATIVE_UNBUILT, service_db_set},
    {"rm", "o.", 0, service_db_rm},
    {"db_rm", "o.", NATIVE_UNBUILT, service_db_rm},
};
const size_t service_natives_count = BASE_COUNT(service_natives);
