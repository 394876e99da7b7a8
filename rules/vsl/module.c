/* rules/vsl/module.c: files: found, read, compiled, evaluated once; programs, which are all of
 * them. */
#include "fiber.h"
#include "lex.h"

#include <errno.h>
#include <limits.h>
#include <sys/stat.h>

const struct object_type module_type = {.name = "module"};

struct value module_value(struct region *r, struct module *m)
{
  struct object *o = object_new(r, &module_type, sizeof(struct module_handle));
  if (o) ((struct module_handle *)o)->module = m;
  return value_of(o);
}

struct place module_place(const struct module *m, uint32_t at)
{
  struct place p = {.file = m->file};
  source_position(m->source, at, &p.line, &p.column);
  return p;
}

void module_fault(const struct module *m, struct diags *d, bool warning, uint32_t at,
                  const char *fmt, ...)
{
  char text[ERR_TEXT_MAX + 64];
  struct place p = module_place(m, at);
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  diags_add(d, warning, m->file, m->source, p.line, p.column, "%s", text);
}

struct function *module_function(const struct module *m, str name, size_t params)
{
  for (uint32_t i = 0; i < m->function_count; i++) {
    struct function *f = &m->functions[i];
    if (f->params == params && str_eq(string_str(f->name), name)) return f;
  }
  return NULL;
}

/* ---- files ----------------------------------------------------------------------------------- */

/* A module for a text that lives as long as the program. NULL: no memory. */
static struct module *module_new(struct program *p, str file, str real, str source)
{
  if (p->module_count == LIMIT_VSL_FILES) return NULL;
  struct module **list = mem_resize(p->modules, (p->module_count + 1) * sizeof *list);
  if (!list) return NULL;
  p->modules = list;
  struct module *m = arena_alloc(p->arena, sizeof *m);
  if (!m) return NULL;
  if (str_starts(source, STR("\xEF\xBB\xBF"))) source = str_skip(source, 3);
  m->program = p;
  m->number = p->module_count;
  m->file = arena_str(p->arena, file);
  m->folder = path_dir(m->file);
  m->real = arena_str(p->arena, real);
  m->source = source;
  m->exports = value_of(dict_new(p->region, 0));
  m->imports = value_of(dict_new(p->region, 0));
  if (!m->file.p || !m->real.p || m->exports.type == VALUE_NONE || m->imports.type == VALUE_NONE) {
    return NULL;
  }
  list[p->module_count++] = m;
  return m;
}

/* 0: *m is the module of that file; 1: there is no such file; -1: e says what is wrong. */
static int module_open(struct program *p, str file, struct module **m, struct err *e)
{
  char real[PATH_MAX];
  struct stat st;
  struct buf text = BUF_INIT(LIMIT_VSL_FILE);
  str path = arena_str(p->arena, file); /* NUL-terminated */
  if (!path.p) return err_nomem(e);
  if (stat(path.p, &st) || !realpath(path.p, real)) {
    if (errno == ENOENT || errno == ENOTDIR || errno == ENAMETOOLONG || errno == ELOOP) return 1;
    return err_sys(e, errno, "cannot open " STR_FMT, STR_ARG(file));
  }
  for (uint32_t i = 0; i < p->module_count; i++) {
    *m = p->modules[i];
    if (str_eq((*m)->real, str_of(real))) return 0;
  }
  if (!S_ISREG(st.st_mode)) return err_set(e, ERR_IO, "'" STR_FMT "' is no file", STR_ARG(file));
  int rc = file_read(path, LIMIT_VSL_FILE, &text, e);
  if (!rc) {
    str source = arena_str(p->arena, buf_str(&text));
    *m = source.p ? module_new(p, path, str_of(real), source) : NULL;
    if (!*m) rc = err_nomem(e);
  }
  buf_free(&text);
  return rc;
}

struct module *module_import(struct module *from, str path, uint32_t at, struct diags *d,
                             bool *missing)
{
  static const char *const endings[] = {".vsl", ".rhai"};
  struct program *p = from->program;
  const str folders[] = {from->folder, p->main->folder};
  struct module *m = NULL;
  struct err e = {0};
  *missing = false;
  for (size_t i = 0; i < BASE_COUNT(folders) * BASE_COUNT(endings); i++) {
    str base = path_join(p->arena, folders[i / BASE_COUNT(endings)], path);
    str file =
        arena_printf(p->arena, STR_FMT "%s", STR_ARG(base), endings[i % BASE_COUNT(endings)]);
    int rc = file.p ? module_open(p, file, &m, &e) : err_nomem(&e);
    if (rc == 0) return m;
    if (rc < 0) {
      module_fault(from, d, false, at, "Syntax: %s", e.text);
      return NULL;
    }
  }
  *missing = true;
  return NULL;
}

int module_compile(struct program *p, struct diags *d)
{
  int rc = 0;
  for (; p->compiled < p->module_count; p->compiled++)
    if (compile_module(p->modules[p->compiled], d)) rc = -1;
  return rc;
}

/* ---- programs -------------------------------------------------------------------------------- */

static void module_program_free(struct program *p)
{
  region_free(p->region);
  arena_free(p->arena);
  mem_free(p->modules);
  mem_free(p);
}

struct program *program_ref(struct program *p)
{
  p->refs++;
  return p;
}

void program_unref(struct program *p)
{
  if (p && !--p->refs) module_program_free(p);
}

static struct program *module_program_new(const struct program_options *o)
{
  uint64_t seed = 0;
  struct region_limits limits = {o->limits.memory, o->limits.string, o->limits.items};
  struct program *p = mem_alloc(sizeof *p);
  if (!p) return NULL;
  random_bytes(&seed, sizeof seed);
  p->refs = 1;
  p->options = *o;
  p->region = region_new(&limits, seed);
  p->arena = arena_new(0);
  if (p->region && p->arena) return p;
  module_program_free(p);
  return NULL;
}

/* Evaluates a file: a fault goes to d with its call trace. */
static int module_evaluate(struct program *p, struct module *m, struct diags *d)
{
  struct fiber *f = fiber_new(p, NULL, p->options.host);
  struct buf trace = BUF_INIT(4096);
  int rc = -1;
  if (!f) {
    diags_add(d, false, m->file, m->source, 0, 0, "there is no memory");
    return -1;
  }
  if (!fiber_start_module(f, m)) {
    while (fiber_run(f) == FIBER_YIELDED) continue;
  }
  if (fiber_state(f) == FIBER_DONE) {
    value_set(p->region, &p->result, value_retain(fiber_result(f)));
    rc = 0;
  } else {
    struct place at = fiber_error_place(f);
    fiber_error_trace(f, &trace);
    if (trace.n) trace.p[--trace.n] = '\0'; /* the list ends each with a newline */
    program_diag(p, d, false, at, "%s: " STR_FMT "%s%s", vsl_error_name(fiber_error(f)),
                 STR_ARG(fiber_error_text(f)), trace.n ? "\n" : "", buf_cstr(&trace));
  }
  buf_free(&trace);
  fiber_free(f);
  return rc;
}

static int module_prelude(struct program *p, struct diags *d)
{
  const struct registry *g = p->options.registry;
  if (!g->prelude.n) return 0;
  struct module *m = module_new(p, g->prelude_name, g->prelude_name, g->prelude);
  if (!m) return -1;
  p->main = m; /* for positions, until there is one */
  if (module_compile(p, d) || module_evaluate(p, m, d)) return -1;
  m->state = MODULE_DONE;
  p->prelude = m;
  return 0;
}

/* Reads the main file. */
static int module_main(struct program *p, str path, struct diags *d)
{
  struct err e = {0};
  struct module *m = NULL;
  int rc = 0;
  if (!p->options.text.p)
    rc = module_open(p, path, &m, &e);
  else if (!(m = module_new(p, path, path, p->options.text)))
    rc = err_nomem(&e);
  if (rc) {
    diags_add(d, false, path, (str){0}, 0, 0, rc > 0 ? "%s" : "Syntax: %s",
              rc > 0 ? "no such file" : e.text);
    return -1;
  }
  p->main = m;
  return module_compile(p, d);
}

struct program *program_open(const struct program_options *o, str path, struct diags *d)
{
  struct program *p = module_program_new(o);
  if (!p) {
    diags_add(d, false, path, (str){0}, 0, 0, "there is no memory");
    return NULL;
  }
  p->diags = d;
  if (!module_prelude(p, d) && !module_main(p, path, d)) return p;
  if (!d->errors) diags_add(d, false, path, (str){0}, 0, 0, "there is no memory");
  program_unref(p);
  return NULL;
}

/* Files imported only where no code ran yet, inside of rules, are evaluated too: a run finds
 * everything done. */
static int module_evaluate_rest(struct program *p, struct diags *d)
{
  struct value result = value_retain(p->result);
  int rc = 0;
  for (uint32_t i = 0; i < p->module_count && !rc; i++) {
    struct module *m = p->modules[i];
    if (m->state != MODULE_READY) continue;
    rc = module_evaluate(p, m, d);
    m->state = MODULE_DONE;
  }
  value_set(p->region, &p->result, result);
  return rc;
}

struct program *program_load(const struct program_options *o, str path, struct diags *d)
{
  struct program *p = program_open(o, path, d);
  if (!p) return NULL;
  p->main->state = MODULE_RUNNING;
  int rc = module_evaluate(p, p->main, d);
  p->main->state = MODULE_DONE;
  if (!rc && !module_evaluate_rest(p, d)) return p;
  program_unref(p);
  return NULL;
}

int program_freeze(struct program *p, const struct value *keep, size_t n)
{
  int rc = 0;
  for (size_t i = 0; i < n; i++) rc |= value_freeze(p->region, keep[i]);
  for (uint32_t i = 0; i < p->module_count; i++) {
    struct module *m = p->modules[i];
    rc |= value_freeze(p->region, m->exports);
    rc |= value_freeze(p->region, m->imports);
    for (uint32_t k = 0; k < m->global_count; k++) rc |= value_freeze(p->region, m->globals[k]);
  }
  value_release(p->region, value_take(&p->result));
  p->loaded = true;
  p->diags = NULL;
  return rc ? -1 : 0;
}

struct value program_result(const struct program *p)
{
  return p->result;
}

struct place program_result_place(const struct program *p)
{
  return module_place(p->main, p->main->result_at);
}

struct region *program_region(struct program *p)
{
  return p->region;
}

void program_diag(const struct program *p, struct diags *d, bool warning, struct place at,
                  const char *fmt, ...)
{
  char text[4096];
  str source = {0};
  va_list ap;
  for (uint32_t i = 0; i < p->module_count; i++)
    if (str_eq(p->modules[i]->file, at.file)) source = p->modules[i]->source;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  diags_add(d, warning, at.file, source, at.line, at.column, "%s", text);
}

struct place program_key_place(const struct program *p, str key)
{
  const struct module *m = p->main;
  struct place place = program_result_place(p);
  struct buf text = BUF_INIT(LIMIT_VSL_FILE);
  struct lex l;
  struct token t, last = {0};
  lex_init(&l, m->source, &text, true);
  l.at = m->result_at;
  for (int depth = 0;; last = t) {
    const bool wanted = depth == 1 && (last.type == TOKEN_IDENT || last.type == TOKEN_STRING) &&
                        str_eq(last.text, key);
    t = lex_next(&l);
    if (wanted && t.type == TOKEN_COLON) {
      place = module_place(m, last.at);
      break;
    }
    depth += (t.type == TOKEN_MAP_OPEN || t.type == TOKEN_BLOCK_OPEN ||
              t.type == TOKEN_INDEX_OPEN || t.type == TOKEN_OPEN);
    depth -= (t.type == TOKEN_BLOCK_CLOSE || t.type == TOKEN_INDEX_CLOSE || t.type == TOKEN_CLOSE);
    if (depth <= 0 || t.type == TOKEN_END || t.type == TOKEN_ERROR || t.type == TOKEN_TEMPLATE)
      break;
  }
  buf_free(&text);
  return place;
}
