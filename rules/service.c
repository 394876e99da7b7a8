/* rules/service.c: services (rules/README.md#services): their declarations, checked, and listed
 * for the host.
 *
 * The options are a table; what is not in it is reported as a warning. What rules may ask of a
 * service stands in api_service.c.
 */
#include "api.h"
#include "field.h"
#include "ip.h"
#include "vsl/vsl.h"

#include <errno.h>
#include <sys/stat.h>

#define SERVICE_RUN_MAX  3600000 /* ms a command may be given */
#define SERVICE_PATH_MAX 4096
#define SERVICE_UNIX_MAX 107 /* octets of a socket's path */

const char *const service_words[] = {"cmd", "shell", "db", "smtp", "clamd", NULL};
const char *const service_format_words[] = {"csv", "sqlite", NULL};

/* ORDER RULES_SERVICE */
static const char *const service_texts[] = {"cmd", "csv-database", "sqlite-database", "smtp",
                                            "clamd"};

const char *service_text_of(enum rules_service_kind k)
{
  return service_texts[k];
}

/* ---- options --------------------------------------------------------------------------------- */

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

static int service_is_run_time(struct service_check *s, struct value v)
{
  int64_t ms;
  if (service_is_duration(s, v) < 0) return -1;
  if (duration_parse(value_str(v), &ms) == 0 && ms <= SERVICE_RUN_MAX) return 0;
  return service_wants(s, "at most \"1h\"", v);
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

/* The path as the host shall open it: a relative one begins at the folder of the rules. */
static void service_path(struct fiber *f, str name, struct buf *path)
{
  if (!str_starts(name, STR("/"))) buf_str_add(path, path_dir(fiber_place(f).file));
  buf_str_add(path, name);
}

static int service_is_file(struct service_check *s, struct value v)
{
  if (service_is_string(s, v) < 0) return -1;
  struct buf path = BUF_INIT(SERVICE_PATH_MAX);
  const str name = value_str(v);
  struct stat st;
  service_path(s->f, name, &path);
  errno = ENOENT;
  const bool there = buf_ok(&path) && !memchr(name.p, 0, name.n) &&
                     stat(buf_cstr(&path), &st) == 0 && S_ISREG(st.st_mode);
  const bool denied = !there && errno == EACCES;
  buf_free(&path);
  if (denied)
    return service_wants(s, "the path of a file in a folder that may be read (permission denied)",
                         v);
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
  if (v.type == VALUE_CHAR && v.as.c < 0x7f && v.as.c != '"' && (v.as.c >= ' ' || v.as.c == '\t'))
    return 0;
  return service_wants(s, "one ASCII character like ','", v);
}

static int service_is_socket(struct service_check *s, struct value v)
{
  if (v.type == VALUE_STRING && ip_socket_parse(value_str(v), NULL, NULL, NULL) == 0) return 0;
  return service_wants(s, "an address like \"127.0.0.1:10026\"", v);
}

static int service_is_scanner(struct service_check *s, struct value v)
{
  const str text = v.type == VALUE_STRING ? value_str(v) : STR("");
  const str path = str_starts(text, STR("unix:/")) ? str_skip(text, 5) : STR("");
  if (path.n > 1 && path.n <= SERVICE_UNIX_MAX && !memchr(path.p, 0, path.n)) return 0;
  if (ip_socket_parse(text, NULL, NULL, NULL) == 0) return 0;
  return service_wants(s, "an address like \"127.0.0.1:3310\" or \"unix:/run/clamav/clamd.ctl\"",
                       v);
}

static int service_is_receiver(struct service_check *s, struct value v)
{
  struct ip ip;
  if (service_is_socket(s, v) < 0) return -1;
  const struct api_env *env = api_env_of(s->f);
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
    {"command", true, service_is_string},  {"timeout", true, service_is_run_time},
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
static const struct service_option service_sqlite[] = {
    {"connector", true, service_is_file},
    {"access", false, service_is_access},
    {"timeout", false, service_is_duration},
    {NULL, false, NULL},
};
static const struct service_option service_clamd[] = {
    {"address", true, service_is_scanner},
    {"timeout", false, service_is_duration},
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

/* ORDER RULES_SERVICE */
static const struct service_option *const service_options[] = {
    service_cmd, service_csv, service_sqlite, service_smtp, service_clamd};
/* Of those that do without the option. ORDER RULES_SERVICE */
static const int64_t service_timeouts[] = {60000, 0, 1000, 60000, 30000};

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

/* ---- the declaration ------------------------------------------------------------------------- */

static enum rules_service_kind service_kind_of(str type, struct value format)
{
  if (str_eq(type, STR("smtp"))) return RULES_SERVICE_SMTP;
  if (str_eq(type, STR("clamd"))) return RULES_SERVICE_CLAMD;
  if (!str_eq(type, STR("db"))) return RULES_SERVICE_CMD;
  return str_eq(value_str(format), STR("csv")) ? RULES_SERVICE_CSV : RULES_SERVICE_SQLITE;
}

/* The time-out in the map m, or otherwise. */
static int64_t service_timeout(const struct region *r, struct value m, int64_t otherwise)
{
  const struct value *v = m.type == VALUE_MAP ? dict_get(r, m.as.map, STR("timeout")) : NULL;
  int64_t ms;
  return v && v->type == VALUE_STRING && duration_parse(value_str(*v), &ms) == 0 ? ms : otherwise;
}

static struct value service_option_of(const struct region *r, const struct service *s, str key)
{
  const struct value *v = dict_get(r, s->options.as.map, key);
  return v ? *v : value_unit();
}

static str service_text_option(const struct region *r, const struct service *s, str key)
{
  const struct value v = service_option_of(r, s, key);
  return v.type == VALUE_STRING ? value_str(v) : STR("");
}

/* The file a database is in, resolved once: later nobody knows which file of rules named it. */
static int service_resolve(struct fiber *f, struct service *s)
{
  struct region *r = fiber_region(f);
  const str name = service_text_option(r, s, STR("connector"));
  if (name.n == 0) return 0;
  struct buf path = BUF_INIT(SERVICE_PATH_MAX);
  service_path(f, name, &path);
  s->path = value_of(string_new_lossy(r, buf_str(&path)));
  buf_free(&path);
  return s->path.type == VALUE_NONE ? fiber_full(f) : 0;
}

/* What a set was loaded with is listed: the host prepares itself for it. What a rule that runs
 * declares is a value and can do nothing. */
static int service_list(struct fiber *f, struct service *s)
{
  const struct api_env *env = api_env_of(f);
  s->number = -1;
  if (!env || !env->loading) return 0;
  s->number = rules_declare(env->loading, s);
  return s->number >= 0 ? 0
                        : fiber_raise(f, VSL_RUNTIME, "service '" STR_FMT "': there are over %d",
                                      STR_ARG(value_str(s->name)), LIMIT_SERVICES);
}

/* $service(name, type, format or (), value) */
static int service_declare(struct fiber *f, struct call *c)
{
  struct region *r = fiber_region(f);
  const str name = value_str(c->args[0]);
  struct service_check check = {f, name, "options"};
  const enum rules_service_kind kind = service_kind_of(value_str(c->args[1]), c->args[2]);
  struct value options = c->args[3];
  if (options.type != VALUE_MAP)
    return fiber_raise(f, VSL_TYPE, "service '" STR_FMT "' wants a map of options, not '%s'",
                       STR_ARG(name), value_type_name(options));
  if (service_check_map(&check, service_options[kind], options.as.map) < 0) return -1;
  struct service *s = (struct service *)object_new(r, &service_type, sizeof *s);
  if (!s) return fiber_full(f);
  c->out = value_of(s);
  s->kind = kind;
  s->name = value_retain(c->args[0]);
  s->options = value_retain(options);
  s->place = fiber_place(f);
  s->timeout = service_timeout(r, options, service_timeouts[kind]);
  s->timeout = service_timeout(r, service_option_of(r, s, STR("delegator")), s->timeout);
  return service_resolve(f, s) < 0 || service_list(f, s) < 0 ? -1 : NATIVE_DONE;
}

str service_mark(const struct region *r, const struct service *s, size_t n)
{
  const struct value marks = service_option_of(r, s, STR("marks"));
  return n < marks.as.array->n ? value_str(marks.as.array->items[n]) : STR("");
}

struct rules_declared service_facts(const struct region *r, const struct service *s)
{
  const str access = service_text_option(r, s, STR("access"));
  const struct value delimiter = service_option_of(r, s, STR("delimiter"));
  const struct value delegator = service_option_of(r, s, STR("delegator"));
  const struct value marks = service_option_of(r, s, STR("marks"));
  struct rules_declared d = {
      .kind = s->kind,
      .name = value_str(s->name),
      .timeout = s->timeout,
      .command = service_text_option(r, s, STR("command")),
      .user = service_text_option(r, s, STR("user")),
      .group = service_text_option(r, s, STR("group")),
      .path = s->path.type == VALUE_STRING ? value_str(s->path) : STR(""),
      .may_read = !str_eq(access, STR("O_WRONLY")),
      .may_write = str_eq(access, STR("O_WRONLY")) || str_eq(access, STR("O_RDWR")),
      .always = str_eq(service_text_option(r, s, STR("refresh")), STR("always")),
      .delimiter = delimiter.type == VALUE_CHAR ? (char)delimiter.as.c : 0,
      .address = service_text_option(r, s, STR("address")),
      .receiver = service_text_option(r, s, STR("receiver")),
      .marked = marks.type == VALUE_ARRAY,
      .mark_count = marks.type == VALUE_ARRAY ? marks.as.array->n : 0,
  };
  if (delegator.type == VALUE_MAP) {
    const struct value *address = dict_get(r, delegator.as.map, STR("address"));
    if (address) d.address = value_str(*address);
  }
  return d;
}

/* ---- what the language asks ------------------------------------------------------------------ */

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
  if (s->kind != RULES_SERVICE_SMTP)
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
  visit(ctx, &s->path);
}

const struct object_type service_type = {.name = "service",
                                         .text = service_text,
                                         .equals = service_equals,
                                         .get = service_get,
                                         .each = service_each};

const struct native service_natives[] = {
    {"$service", "ss..", 0, service_declare},
};
const size_t service_natives_count = BASE_COUNT(service_natives);

#undef SERVICE_RUN_MAX
#undef SERVICE_PATH_MAX
#undef SERVICE_UNIX_MAX
