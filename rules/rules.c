/* rules/rules.c: rule sets: a rule file loaded, the map it ends with checked, and frozen
 * (rules/README.md#the-rule-file). What is found here stays as it is until the last reference
 * goes. */
#include "api.h"
#include "regex.h"

#define RULES_MAX_TIME 60000 /* milliseconds of a directive when nobody says */

static const char rules_prelude[] =
#include "rules/prelude.vsl.inc"
    ;

struct rules_stage {
  const struct directive **list;
  size_t n;
};

struct rules {
  uint32_t refs;
  struct registry *registry;
  struct program *program; /* NULL: the built-in set that refuses everything */
  struct arena *arena;     /* texts of the options, the lists */
  int64_t max_time;
  struct vsl_limits limits; /* of a directive */
  struct rules_code ok, denied;
  const struct toml *toml; /* while it loads */
  struct value toml_server, toml_app;
  str *listeners;
  size_t listener_count;
  struct rules_stage stages[STAGE_COUNT];
  struct value services[LIMIT_SERVICES]; /* as they were declared */
  size_t service_count;
};

/* ORDER STAGE */
static const char *const rules_stage_names[] = {
#define RULES_STAGE_NAME(upper, name) name,
    STAGE_LIST(RULES_STAGE_NAME)
#undef RULES_STAGE_NAME
};

const char *rules_stage_name(enum stage s)
{
  return rules_stage_names[s];
}

/* ORDER RULES_KIND */
static const char *const rules_kind_names[] = {"next", "accept",     "faccept", "deny",
                                               "info", "quarantine", "packet",  "delegated"};

const char *rules_kind_name(enum rules_kind k)
{
  return rules_kind_names[k];
}

const char *transport_name(enum transport t)
{
  static const char *const names[] = {
#define TRANSPORT_NAME(upper, name) name,
      TRANSPORT_LIST(TRANSPORT_NAME)
#undef TRANSPORT_NAME
  };
  return names[t];
}

struct vsl_limits vsl_limits_default(void)
{
  return (struct vsl_limits){.steps = LIMIT_VSL_STEPS,
                             .slice = LIMIT_VSL_SLICE,
                             .memory = LIMIT_VSL_MEMORY,
                             .depth = LIMIT_VSL_DEPTH,
                             .string = LIMIT_VSL_STRING,
                             .items = LIMIT_VSL_ITEMS};
}

const char *rules_library_version(void)
{
  return regex_version();
}

/* ---- the registry ---------------------------------------------------------------------------- */

struct registry *rules_registry(void)
{
  static const struct registry_words words = {object_words, object_content_words, service_words,
                                              service_format_words};
  struct registry *g = registry_new();
  if (!g) return NULL;
  if (std_add(g) < 0) goto fail;
#define RULES_TABLE_ADD(table)                                                                     \
  if (registry_add(g, table, table##_count) < 0) goto fail;
  API_TABLES(RULES_TABLE_ADD)
#undef RULES_TABLE_ADD
  registry_set_words(g, &words);
  registry_set_prelude(g, STR("prelude.vsl"), str_of(rules_prelude));
  if (registry_finish(g) == 0) return g;
fail:
  registry_free(g);
  return NULL;
}

/* ---- the configuration as values ------------------------------------------------------------- */

static struct value rules_toml_value(struct region *r, const struct toml *t);

static struct value rules_toml_array(struct region *r, const struct toml *t)
{
  struct value v = value_of(array_new(r, t->n));
  for (const struct toml *c = t->child; c && v.type != VALUE_NONE; c = c->next) {
    struct value item = rules_toml_value(r, c);
    if (item.type != VALUE_NONE && array_push(r, &v, item) == 0) continue;
    value_release(r, v);
    v.type = VALUE_NONE;
  }
  return v;
}

static struct value rules_toml_table(struct region *r, const struct toml *t)
{
  struct value v = value_of(dict_new(r, t->n));
  for (const struct toml *c = t->child; c && v.type != VALUE_NONE; c = c->next) {
    struct value item = rules_toml_value(r, c);
    if (item.type != VALUE_NONE && dict_put(r, &v, c->key, item) == 0) continue;
    value_release(r, v);
    v.type = VALUE_NONE;
  }
  return v;
}

/* The tree is our own and no deeper than the TOML reader allows. */
static struct value rules_toml_value(struct region *r, const struct toml *t)
{
  switch (t->type) {
  case TOML_INT: return value_int(t->integer);
  case TOML_FLOAT: return value_float(t->real);
  case TOML_BOOL: return value_bool(t->boolean);
  case TOML_ARRAY: return rules_toml_array(r, t);
  case TOML_TABLE: return rules_toml_table(r, t);
  default: return value_of(string_new_lossy(r, t->text));
  }
}

struct value rules_toml(const struct rules *r, struct region *region, bool app)
{
  const struct value *frozen = app ? &r->toml_app : &r->toml_server;
  if (frozen->type != VALUE_UNIT) return value_retain(*frozen);
  const struct toml *t = r->toml ? toml_get(r->toml, app ? STR("app") : STR("server")) : NULL;
  return t ? rules_toml_value(region, t) : value_unit();
}

/* ---- what natives ask of a set --------------------------------------------------------------- */

struct rules_code rules_default_code(const struct rules *r, enum rules_kind k)
{
  static const struct rules_code ok = {250, {"", 0}, STR_INIT("Ok")};
  static const struct rules_code denied = {554, STR_INIT("5.7.1"),
                                           STR_INIT("permanent problems with the remote server")};
  if (k == RULES_DENY) return r && r->denied.basic ? r->denied : denied;
  if (k == RULES_ACCEPT || k == RULES_FACCEPT) return r && r->ok.basic ? r->ok : ok;
  return (struct rules_code){0};
}

bool rules_listens(const struct rules *r, str address)
{
  for (size_t i = 0; i < r->listener_count; i++)
    if (str_ieq(r->listeners[i], address)) return true;
  return false;
}

const struct directive *rules_directive(const struct rules *r, enum stage s, size_t i)
{
  return r->stages[s].list[i];
}

struct program *rules_program(const struct rules *r)
{
  return r->program;
}

const struct vsl_limits *rules_limits_of(const struct rules *r)
{
  return &r->limits;
}

int64_t rules_max_time(const struct rules *r)
{
  return r->max_time;
}

/* ---- references ------------------------------------------------------------------------------ */

struct rules *rules_hold(struct rules *r)
{
  r->refs++;
  return r;
}

void rules_release(struct rules *r)
{
  if (!r || --r->refs > 0) return;
  program_unref(r->program);
  registry_free(r->registry);
  arena_free(r->arena);
  mem_free(r);
}

size_t rules_count(const struct rules *r, enum stage s)
{
  if (!r->program) return s == STAGE_CONNECT;
  return r->stages[s].n;
}

ptrdiff_t rules_find(const struct rules *r, enum stage s, str directive)
{
  for (size_t i = 0; i < r->stages[s].n; i++)
    if (str_eq(value_str(r->stages[s].list[i]->name), directive)) return (ptrdiff_t)i;
  return -1;
}

/* ---- the map of stages ----------------------------------------------------------------------- */

struct rules_check {
  struct rules *rules;
  struct diags *diags;
  struct place place; /* of the file's value */
  struct map names;   /* directive names seen -> directive */
};

static void rules_fault_text(struct rules_check *c, struct place at, const char *text)
{
  program_diag(c->rules->program, c->diags, false, at, "%s", text);
}

static int rules_stage_of(str word)
{
  for (int s = 0; s < STAGE_COUNT; s++)
    if (str_eq(word, str_of(rules_stage_names[s]))) return s;
  return -1;
}

/* "'data' is no stage: …", with a word for what the original accepts and never runs. */
static void rules_unknown_stage(struct rules_check *c, str word)
{
  struct buf text = BUF_INIT(1024);
  buf_printf(&text, "there is no stage '%s'; the stages are", log_q(word));
  for (int s = 0; s < STAGE_COUNT; s++)
    buf_printf(&text, "%s %s", s ? "," : "", rules_stage_names[s]);
  rules_fault_text(c, program_key_place(c->rules->program, word), buf_cstr(&text));
  buf_free(&text);
}

/* Names are unique over all stages. */
static void rules_check_name(struct rules_check *c, const struct directive *d)
{
  const str name = value_str(d->name);
  const struct directive *first = map_get(&c->names, name);
  if (!first) {
    if (map_set(&c->names, name, (void *)(uintptr_t)d) < 0)
      rules_fault_text(c, d->place, "no memory");
    return;
  }
  program_diag(c->rules->program, c->diags, false, d->place,
               "the name '%s' is already that of the %s at " STR_FMT ":%d:%d", log_q(name),
               directive_kind_name(first->kind), STR_ARG(first->place.file), first->place.line,
               first->place.column);
}

static void rules_check_directive(struct rules_check *c, enum stage s, const struct directive *d)
{
  rules_check_name(c, d);
  if (d->kind == DIRECTIVE_DELEGATE && s != STAGE_PREQ && s != STAGE_POSTQ && s != STAGE_DELIVERY)
    program_diag(c->rules->program, c->diags, false, d->place,
                 "delegate '%s': only the stages preq, postq and delivery can delegate, not '%s'",
                 log_q(value_str(d->name)), rules_stage_names[s]);
}

static void rules_check_stage(struct rules_check *c, enum stage s, struct value v)
{
  struct program *p = c->rules->program;
  struct rules_stage *stage = &c->rules->stages[s];
  const struct place at = program_key_place(c->rules->program, str_of(rules_stage_names[s]));
  if (v.type != VALUE_ARRAY) {
    program_diag(p, c->diags, false, at, "stage '%s' must hold an array of directives, not '%s'",
                 rules_stage_names[s], value_type_name(v));
    return;
  }
  const struct array *a = v.as.array;
  stage->list = arena_alloc(c->rules->arena, (a->n + 1) * sizeof *stage->list);
  if (!stage->list) {
    rules_fault_text(c, at, "no memory");
    return;
  }
  for (uint32_t i = 0; i < a->n; i++) {
    if (!object_is(a->items[i], &directive_type)) {
      program_diag(p, c->diags, false, at,
                   "element %u of stage '%s' is a '%s', not a rule, action or delegate", i,
                   rules_stage_names[s], value_type_name(a->items[i]));
      continue;
    }
    stage->list[stage->n++] = directive_of(a->items[i]);
    rules_check_directive(c, s, directive_of(a->items[i]));
  }
}

static void rules_check_map(struct rules *r, struct value v, struct diags *d)
{
  struct rules_check c = {r, d, program_result_place(r->program), {0}};
  if (v.type != VALUE_MAP) {
    program_diag(r->program, d, false, c.place,
                 "a rule file ends with a map of stages, like #{ rcpt: [ … ] }; this is a '%s'",
                 value_type_name(v));
    return;
  }
  dict_sort(program_region(r->program), v.as.map);
  for (int s = 0; s < STAGE_COUNT; s++) {
    const struct value *stage =
        dict_get(program_region(r->program), v.as.map, str_of(rules_stage_names[s]));
    if (stage) rules_check_stage(&c, (enum stage)s, *stage);
  }
  for (uint32_t i = 0; i < v.as.map->n; i++)
    if (rules_stage_of(string_str(v.as.map->entries[i].key)) < 0)
      rules_unknown_stage(&c, string_str(v.as.map->entries[i].key));
  map_free(&c.names);
}

/* ---- services -------------------------------------------------------------------------------- */

int rules_declare(struct rules *r, struct service *s)
{
  if (r->service_count == LIMIT_SERVICES) return -1;
  r->services[r->service_count] = value_retain(VALUE_MAKE(VALUE_OBJECT, object, &s->object));
  return (int)r->service_count++;
}

size_t rules_declared_count(const struct rules *r)
{
  return r->service_count;
}

struct rules_declared rules_declared_at(const struct rules *r, size_t service)
{
  return service_facts(program_region(r->program), service_of(r->services[service]));
}

str rules_declared_mark(const struct rules *r, size_t service, size_t n)
{
  return service_mark(program_region(r->program), service_of(r->services[service]), n);
}

void rules_warn(const struct rules *r, size_t service, struct diags *d, const char *fmt, ...)
{
  struct buf text = BUF_INIT(ERR_TEXT_MAX);
  va_list ap;
  va_start(ap, fmt);
  buf_vprintf(&text, fmt, ap);
  va_end(ap);
  program_diag(r->program, d, true, service_of(r->services[service])->place, "%s", buf_cstr(&text));
  buf_free(&text);
}

/* ---- services of delegates ------------------------------------------------------------------- */

static const struct value *rules_service_option(const struct rules *r, enum stage s, size_t i,
                                                str key)
{
  const struct directive *d = r->program && i < rules_count(r, s) ? rules_directive(r, s, i) : NULL;
  if (!d || d->kind != DIRECTIVE_DELEGATE) return NULL;
  return dict_get(program_region(r->program), service_of(d->service)->options.as.map, key);
}

static str rules_service_text(const struct value *v)
{
  return v && v->type == VALUE_STRING ? value_str(*v) : STR("");
}

bool rules_service_at(const struct rules *r, enum stage s, size_t i, struct rules_service *out)
{
  const struct value *delegator = rules_service_option(r, s, i, STR("delegator"));
  const struct value *marks = rules_service_option(r, s, i, STR("marks"));
  if (!delegator) return false;
  const struct directive *d = rules_directive(r, s, i);
  *out = (struct rules_service){
      .directive = value_str(d->name),
      .name = value_str(service_of(d->service)->name),
      .timeout = service_of(d->service)->timeout,
      .receiver = rules_service_text(rules_service_option(r, s, i, STR("receiver"))),
      .marked = marks != NULL,
      .mark_count = marks ? marks->as.array->n : 0};
  out->address =
      rules_service_text(dict_get(program_region(r->program), delegator->as.map, STR("address")));
  return true;
}

str rules_service_mark(const struct rules *r, enum stage s, size_t i, size_t n)
{
  const struct value *marks = rules_service_option(r, s, i, STR("marks"));
  return marks && n < marks->as.array->n ? value_str(marks->as.array->items[n]) : STR("");
}

/* ---- loading --------------------------------------------------------------------------------- */

static struct rules_code rules_code_copy(struct arena *a, struct rules_code c)
{
  return (struct rules_code){c.basic, arena_str(a, c.enhanced), arena_str(a, c.text)};
}

static int rules_copy_options(struct rules *r, const struct rules_options *opt)
{
  r->arena = arena_new(0);
  if (!r->arena) return -1;
  r->max_time = opt->max_time ? opt->max_time : RULES_MAX_TIME;
  r->limits = opt->limits;
  r->ok = rules_code_copy(r->arena, opt->ok);
  r->denied = rules_code_copy(r->arena, opt->denied);
  r->toml = opt->toml;
  r->listeners = arena_alloc(r->arena, (opt->listener_count + 1) * sizeof *r->listeners);
  if (!r->listeners) return -1;
  for (size_t i = 0; i < opt->listener_count; i++) {
    r->listeners[i] = arena_str(r->arena, opt->listeners[i]);
    if (!r->listeners[i].p) return -1;
  }
  r->listener_count = opt->listener_count;
  return r->ok.text.p && r->denied.text.p ? 0 : -1;
}

/* Everything of the load that runs will read becomes immutable. */
static int rules_freeze(struct rules *r)
{
  struct region *region = program_region(r->program);
  r->toml_server = rules_toml(r, region, false);
  r->toml_app = rules_toml(r, region, true);
  r->toml = NULL;
  struct value keep[3 + LIMIT_SERVICES] = {program_result(r->program), r->toml_server, r->toml_app};
  for (size_t i = 0; i < 3; i++)
    if (keep[i].type == VALUE_NONE) return -1;
  memcpy(keep + 3, r->services, r->service_count * sizeof *keep);
  return program_freeze(r->program, keep, 3 + r->service_count);
}

static void rules_fault(struct diags *d, str path, const char *text)
{
  diags_add(d, false, path, STR(""), 0, 0, "%s", text);
}

static int rules_load_file(struct rules *r, str path, const struct rules_options *opt,
                           struct diags *d)
{
  struct api_env env = {.rules = r, .loading = r};
  r->registry = rules_registry();
  if (!r->registry) {
    rules_fault(d, path, "no memory");
    return -1;
  }
  struct program_options options = {
      .registry = r->registry, .limits = opt->limits, .host = &env, .print = stage_print};
  if (options.limits.memory) options.limits.memory = LIMIT_VSL_RULES;
  r->program = program_load(&options, path, d);
  if (!r->program) return -1;
  const size_t before = d->errors;
  rules_check_map(r, program_result(r->program), d);
  if (d->errors > before) return -1;
  if (rules_freeze(r) == 0) return 0;
  rules_fault(d, path, "no memory");
  return -1;
}

struct rules *rules_load(str path, const struct rules_options *opt, struct diags *d)
{
  struct rules *r = mem_alloc(sizeof *r);
  if (!r) {
    rules_fault(d, path, "no memory");
    return NULL;
  }
  r->refs = 1;
  if (rules_copy_options(r, opt) < 0) {
    rules_fault(d, path, "no memory");
  } else if (path.n == 0) {
    diags_add(d, true, STR("app.vsl.filepath"), STR(""), 0, 0,
              "no rule file: every connection is refused");
    return r;
  } else if (rules_load_file(r, path, opt, d) == 0) {
    return r;
  }
  rules_release(r);
  return NULL;
}

int rules_eval_file(str path, FILE *out, FILE *err)
{
  struct registry *g = rules_registry();
  int rc = g ? vsl_eval_file(g, path, out, err) : 1;
  registry_free(g);
  return rc;
}
#undef RULES_MAX_TIME
