/* rules/api_service.c: what rules ask of services (rules/README.md#services): cmd_run, get, set,
 * rm, query, execute, scan. The host does it while the fiber sleeps; what cannot be done throws.
 */
#include "api.h"

#define API_SERVICE_ARGS 256 /* of one question */

/* ---- questions ------------------------------------------------------------------------------- */

/* The environment of a call of this method, on a service of that kind. NULL: raised. */
static const struct api_env *api_service_env(struct fiber *f, const struct call *c,
                                             enum rules_service_kind kind, const char *method,
                                             enum stage from)
{
  if (!object_is(c->args[0], &service_type)) {
    fiber_raise(f, VSL_FUNCTION, "%s (%s)", method, value_type_name(c->args[0]));
    return NULL;
  }
  const struct service *s = service_of(c->args[0]);
  if (s->kind != kind) {
    fiber_raise(f, VSL_RUNTIME, "service '" STR_FMT "' is a %s service: it has no '%s'",
                STR_ARG(value_str(s->name)), service_text_of(s->kind), method);
    return NULL;
  }
  const struct api_env *env = api_env_from(f, method, from);
  if (!env || s->number >= 0) return env;
  fiber_raise(f, VSL_RUNTIME,
              "service '" STR_FMT
              "' was declared by a running rule: declare it at the top of a file",
              STR_ARG(value_str(s->name)));
  return NULL;
}

static struct rules_question api_service_question(const struct call *c, enum rules_ask ask)
{
  return (struct rules_question){.ask = ask, .service = (size_t)service_of(c->args[0])->number};
}

static bool api_service_is(const struct rules_answer *a, const char *word)
{
  return str_eq(a->result, str_of(word));
}

/* The elements of an array as datums, each turned by `one`; their number, or -1 raised. */
typedef bool api_service_turn(struct value v, char tmp[4], struct datum *out);
static int api_service_args(struct fiber *f, struct value list, api_service_turn *one,
                            const char *wanted, struct datum *out, char (*tmp)[4])
{
  const struct array *a = list.as.array;
  if (a->n > API_SERVICE_ARGS)
    return fiber_raise(f, VSL_RUNTIME, "there are over %d of them", API_SERVICE_ARGS);
  for (uint32_t i = 0; i < a->n; i++)
    if (!one(a->items[i], tmp[i], &out[i]))
      return fiber_raise(f, VSL_RUNTIME, "expecting an array of %s, element %u is a '%s'", wanted,
                         i, value_type_name(a->items[i]));
  return (int)a->n;
}

static bool api_service_string(struct value v, char tmp[4], struct datum *out)
{
  (void)tmp;
  if (v.type != VALUE_STRING) return false;
  *out = (struct datum){.type = DATUM_TEXT, .text = value_str(v)};
  return true;
}

static bool api_service_text(struct value v, char tmp[4], struct datum *out)
{
  (void)tmp;
  out->type = DATUM_TEXT;
  return object_text(v, &out->text);
}

static bool api_service_any(struct value v, char tmp[4], struct datum *out)
{
  *out = (struct datum){.type = DATUM_TEXT};
  switch (v.type) {
  case VALUE_UNIT: out->type = DATUM_NULL; return true;
  case VALUE_BOOL:
    out->type = DATUM_INT;
    out->integer = v.as.b;
    return true;
  case VALUE_INT:
    out->type = DATUM_INT;
    out->integer = v.as.i;
    return true;
  case VALUE_FLOAT:
    out->type = DATUM_REAL;
    out->real = v.as.f;
    return true;
  case VALUE_CHAR: out->text = value_bytes(v, tmp); return true;
  default: return object_text(v, &out->text);
  }
}

/* ---- scanners -------------------------------------------------------------------------------- */

/* s.scan(): #{ clean: bool, virus: "NAME" }. No verdict throws: nobody is told a mail is clean that
 * was not looked at. */
static int api_service_scan(struct fiber *f, struct call *c)
{
  struct rules_answer a = {.n = 0};
  const struct api_env *env = api_service_env(f, c, RULES_SERVICE_CLAMD, "scan", STAGE_PREQ);
  if (!env) return -1;
  const struct rules_question q = api_service_question(c, RULES_ASK_SCAN);
  const int got = api_ask(f, c, env, &q, &a);
  if (got != NATIVE_DONE) return got;
  const bool clean = api_service_is(&a, "clean");
  if (!clean && !api_service_is(&a, "infected"))
    return fiber_raise(f, VSL_RUNTIME, "scan: there is no verdict");
  struct region *r = fiber_region(f);
  struct value virus = value_of(string_new_lossy(r, a.n ? a.list[0] : STR("")));
  c->out = value_of(dict_new(r, 2));
  if (c->out.type == VALUE_NONE || virus.type == VALUE_NONE) {
    value_release(r, virus);
    value_release(r, value_take(&c->out));
    return fiber_full(f);
  }
  if (dict_put(r, &c->out, STR("clean"), value_bool(clean)) < 0) {
    value_release(r, virus);
    return fiber_full(f);
  }
  return dict_put(r, &c->out, STR("virus"), virus) < 0 ? fiber_full(f) : NATIVE_DONE;
}

/* ---- commands -------------------------------------------------------------------------------- */

/* How a command ended. */
struct api_service_end {
  struct object object;
  bool killed;
  int64_t number; /* the exit code, or the signal */
};

static void api_service_end_text(const struct object *o, bool debug, struct buf *out)
{
  const struct api_service_end *end = (const struct api_service_end *)(const void *)o;
  (void)debug;
  buf_printf(out, "%s %lld", end->killed ? "signal" : "code", (long long)end->number);
}

static int api_service_end_get(struct fiber *f, struct value self, str name, struct value *out)
{
  const struct api_service_end *end = (const struct api_service_end *)(const void *)self.as.object;
  const bool code = str_eq(name, STR("code"));
  if (str_eq(name, STR("has_code")) || str_eq(name, STR("has_signal"))) {
    *out = value_bool(end->killed == (name.n > 8));
    return 1;
  }
  if (!code && !str_eq(name, STR("signal"))) return 0;
  if (code == end->killed)
    return fiber_raise(f, VSL_RUNTIME, "the command ended with %s %lld: it has no '" STR_FMT "'",
                       end->killed ? "signal" : "code", (long long)end->number, STR_ARG(name));
  *out = value_int(end->number);
  return 1;
}

static const struct object_type api_service_end_type = {
    .name = "cmd_result", .text = api_service_end_text, .get = api_service_end_get};

/* The arguments of this call, or those declared. */
static int api_service_run_args(struct fiber *f, const struct call *c, struct datum *out)
{
  char unused[API_SERVICE_ARGS][4];
  if (c->argc > 1)
    return api_service_args(f, c->args[1], api_service_string, "strings", out, unused);
  const struct value *declared =
      dict_get(fiber_region(f), service_of(c->args[0])->options.as.map, STR("args"));
  return declared ? api_service_args(f, *declared, api_service_text, "strings", out, unused) : 0;
}

/* s.cmd_run(), s.cmd_run([args]) */
static int api_service_run(struct fiber *f, struct call *c)
{
  struct datum args[API_SERVICE_ARGS];
  struct rules_answer a = {.n = 0};
  const struct api_env *env = api_service_env(f, c, RULES_SERVICE_CMD, "cmd_run", STAGE_CONNECT);
  if (!env) return -1;
  struct rules_question q = api_service_question(c, RULES_ASK_RUN);
  const int n = api_service_run_args(f, c, args);
  if (n < 0) return -1;
  q.args = args;
  q.n = (size_t)n;
  const int got = api_ask(f, c, env, &q, &a);
  if (got != NATIVE_DONE) return got;
  struct api_service_end *end =
      (struct api_service_end *)object_new(fiber_region(f), &api_service_end_type, sizeof *end);
  if (!end) return fiber_full(f);
  end->killed = api_service_is(&a, "killed");
  end->number = a.number;
  c->out = value_of(end);
  return NATIVE_DONE;
}

/* ---- tables ---------------------------------------------------------------------------------- */

static int api_service_strings(struct fiber *f, struct call *c, const struct rules_answer *a)
{
  struct region *r = fiber_region(f);
  c->out = value_of(array_new(r, a->n));
  if (c->out.type == VALUE_NONE) return fiber_full(f);
  for (size_t i = 0; i < a->n; i++) {
    struct value field = value_of(string_new_lossy(r, a->list[i]));
    if (field.type == VALUE_NONE || array_push(r, &c->out, field) < 0) return fiber_full(f);
  }
  return NATIVE_DONE;
}

/* Is this table open for that? The host is not asked otherwise. */
static int api_service_access(struct fiber *f, const struct call *c, bool write, const char *method)
{
  const struct service *s = service_of(c->args[0]);
  const struct rules_declared d = service_facts(fiber_region(f), s);
  if (write ? d.may_write : d.may_read) return 0;
  return fiber_raise(f, VSL_RUNTIME, "service '" STR_FMT "': its access does not permit '%s'",
                     STR_ARG(d.name), method);
}

static const struct api_env *api_service_table(struct fiber *f, struct call *c, bool write,
                                               const char *method)
{
  const struct api_env *env = api_service_env(f, c, RULES_SERVICE_CSV, method, STAGE_CONNECT);
  return env && api_service_access(f, c, write, method) == 0 ? env : NULL;
}

/* s.get(key): the fields of the first record that begins with the key, or []. */
static int api_service_get(struct fiber *f, struct call *c)
{
  struct rules_answer a = {.n = 0};
  const struct api_env *env = api_service_table(f, c, false, "get");
  if (!env) return -1;
  struct rules_question q = api_service_question(c, RULES_ASK_GET);
  if (api_text(f, c->args[1], &q.name) < 0) return -1;
  const int got = api_ask(f, c, env, &q, &a);
  return got == NATIVE_DONE ? api_service_strings(f, c, &a) : got;
}

/* s.set([fields]): one record more. */
static int api_service_set(struct fiber *f, struct call *c)
{
  struct datum fields[API_SERVICE_ARGS];
  char unused[API_SERVICE_ARGS][4];
  struct rules_answer a = {.n = 0};
  const struct api_env *env = api_service_table(f, c, true, "set");
  if (!env) return -1;
  struct rules_question q = api_service_question(c, RULES_ASK_SET);
  const int n = api_service_args(f, c->args[1], api_service_string, "strings", fields, unused);
  if (n < 0) return -1;
  if (n == 0) return fiber_raise(f, VSL_RUNTIME, "set: a record has at least one field");
  q.args = fields;
  q.n = (size_t)n;
  return api_ask(f, c, env, &q, &a);
}

/* s.rm(key): all records that begin with it. */
static int api_service_remove(struct fiber *f, struct call *c)
{
  struct rules_answer a = {.n = 0};
  const struct api_env *env = api_service_table(f, c, true, "rm");
  if (!env) return -1;
  struct rules_question q = api_service_question(c, RULES_ASK_REMOVE);
  if (api_text(f, c->args[1], &q.name) < 0) return -1;
  return api_ask(f, c, env, &q, &a);
}

/* ---- databases ------------------------------------------------------------------------------- */

/* Asks; what is bound comes from the optional array. */
static int api_service_statement(struct fiber *f, struct call *c, enum rules_ask ask,
                                 const char *method, struct rules_answer *a)
{
  struct datum bound[API_SERVICE_ARGS];
  char tmp[API_SERVICE_ARGS][4];
  const struct api_env *env = api_service_env(f, c, RULES_SERVICE_SQLITE, method, STAGE_CONNECT);
  if (!env || api_service_access(f, c, ask == RULES_ASK_EXECUTE, method) < 0) return -1;
  struct rules_question q = api_service_question(c, ask);
  q.name = value_str(c->args[1]);
  if (c->argc > 2) {
    const int n = api_service_args(f, c->args[2], api_service_any, "numbers, strings, bools and ()",
                                   bound, tmp);
    if (n < 0) return -1;
    q.args = bound;
    q.n = (size_t)n;
  }
  return api_ask(f, c, env, &q, a);
}

static struct value api_service_cell(struct region *r, const struct datum *d)
{
  switch (d->type) {
  case DATUM_INT: return value_int(d->integer);
  case DATUM_REAL: return value_float(d->real);
  case DATUM_TEXT: return value_of(string_new_lossy(r, d->text));
  case DATUM_NULL: break;
  }
  return value_unit();
}

/* A row as a map: column -> value. VALUE_NONE: no memory. */
static struct value api_service_row(struct region *r, const struct rules_answer *a, size_t at)
{
  struct value row = value_of(dict_new(r, a->n));
  for (size_t i = 0; i < a->n && row.type != VALUE_NONE; i++) {
    struct value cell = api_service_cell(r, &a->cells[at + i]);
    if (cell.type != VALUE_NONE && dict_put(r, &row, a->list[i], cell) == 0) continue;
    value_release(r, row);
    row.type = VALUE_NONE;
  }
  return row;
}

/* s.query(sql, [values]): an array of maps. */
static int api_service_query(struct fiber *f, struct call *c)
{
  struct region *r = fiber_region(f);
  struct rules_answer a = {.n = 0};
  const int got = api_service_statement(f, c, RULES_ASK_QUERY, "query", &a);
  if (got != NATIVE_DONE) return got;
  if (fiber_charge(f, a.cell_count) < 0) return -1;
  c->out = value_of(array_new(r, a.n ? a.cell_count / a.n : 0));
  if (c->out.type == VALUE_NONE) return fiber_full(f);
  for (size_t at = 0; a.n && at + a.n <= a.cell_count; at += a.n) {
    struct value row = api_service_row(r, &a, at);
    if (row.type == VALUE_NONE || array_push(r, &c->out, row) < 0) return fiber_full(f);
  }
  return NATIVE_DONE;
}

/* s.execute(sql, [values]): how many rows it changed. */
static int api_service_execute(struct fiber *f, struct call *c)
{
  struct rules_answer a = {.n = 0};
  const int got = api_service_statement(f, c, RULES_ASK_EXECUTE, "execute", &a);
  if (got == NATIVE_DONE) c->out = value_int(a.number);
  return got;
}

const struct native api_service_natives[] = {
    {"scan", "o", NATIVE_STEPS, api_service_scan},
    {"cmd_run", "o|a", NATIVE_STEPS, api_service_run},
    {"shell_run", "o|a", NATIVE_STEPS, api_service_run},
    {"get", "o.", NATIVE_STEPS, api_service_get},
    {"db_query", "o.", NATIVE_STEPS, api_service_get},
    {"set", "oa", NATIVE_STEPS, api_service_set},
    {"db_add", "oa", NATIVE_STEPS, api_service_set},
    {"rm", "o.", NATIVE_STEPS, api_service_remove},
    {"db_rm", "o.", NATIVE_STEPS, api_service_remove},
    {"query", "os|a", NATIVE_STEPS, api_service_query},
    {"execute", "os|a", NATIVE_STEPS, api_service_execute},
};
const size_t api_service_natives_count = BASE_COUNT(api_service_natives);
#undef API_SERVICE_ARGS
