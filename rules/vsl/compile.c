/* rules/vsl/compile.c: a whole file to code; tokens and faults for the rest of the compiler.
 */
#include "compile.h"

/* ---- faults ---------------------------------------------------------------------------------- */

void compile_error(struct compiler *c, uint32_t at, const char *fmt, ...)
{
  char text[ERR_TEXT_MAX];
  va_list ap;
  if (c->failed) return;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  module_fault(c->module, c->diags, false, at, "Syntax: %s", text);
  c->failed = true;
  c->token.type = TOKEN_ERROR;
}

void compile_warning(struct compiler *c, uint32_t at, const char *fmt, ...)
{
  char text[ERR_TEXT_MAX];
  va_list ap;
  if (c->failed) return;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  module_fault(c->module, c->diags, true, at, "%s", text);
}

void compile_nomem(struct compiler *c)
{
  compile_error(c, c->token.at, "the program is too large, or there is no memory");
}

void compile_unexpected(struct compiler *c, const char *expecting)
{
  struct token t = c->token;
  if (t.type == TOKEN_ERROR && !c->failed) {
    compile_error(c, t.at, "%s", c->lex.error);
  } else if (t.type == TOKEN_IDENT) {
    compile_error(c, t.at, "expecting %s, found '" STR_FMT "'", expecting, STR_ARG(t.text));
  } else {
    compile_error(c, t.at, "expecting %s, found %s", expecting, token_name(t.type));
  }
}

/* ---- tokens ---------------------------------------------------------------------------------- */

void compile_advance(struct compiler *c)
{
  if (c->failed) return;
  c->token = lex_next(&c->lex);
  if (c->token.type == TOKEN_ERROR) compile_error(c, c->token.at, "%s", c->lex.error);
}

bool compile_accept(struct compiler *c, enum token_type t)
{
  if (c->token.type != t) return false;
  compile_advance(c);
  return true;
}

void compile_expect(struct compiler *c, enum token_type t)
{
  if (c->token.type != t)
    compile_unexpected(c, token_name(t));
  else
    compile_advance(c);
}

bool compile_enter(struct compiler *c)
{
  struct unit *u = c->unit;
  uint32_t limit = u->proto->kind == PROTO_MAIN ? COMPILE_DEPTH_MAIN : COMPILE_DEPTH_FN;
  bool deep = u->level++ >= limit;
  deep |= c->depth++ >= COMPILE_DEPTH_TOTAL;
  if (deep) compile_error(c, c->token.at, "too deeply nested");
  return !deep && !c->failed;
}

void compile_leave(struct compiler *c)
{
  c->unit->level--;
  c->depth--;
}

bool compile_is_word(const struct compiler *c, const char *word)
{
  return c->token.type == TOKEN_IDENT && str_eq(c->token.text, str_of(word));
}

str compile_name(struct compiler *c)
{
  static const char *const fixed[] = {"Fn",     "call",       "curry",     "type_of",   "print",
                                      "debug",  "is_def_var", "is_def_fn", "is_shared", "rule",
                                      "action", "delegate",   "object",    "service"};
  str name = c->token.text;
  if (c->token.type != TOKEN_IDENT) compile_unexpected(c, "a name");
  for (size_t i = 0; i < BASE_COUNT(fixed); i++)
    if (compile_is_word(c, fixed[i])) {
      compile_error(c, c->token.at, "'%s' cannot be used as a name", fixed[i]);
    }
  if (c->failed) return (str){0};
  compile_advance(c);
  return name;
}

/* ---- lists and tables ------------------------------------------------------------------------ */

void compile_add(struct compiler *c, struct buf *list, const void *item, size_t n)
{
  if (c->failed) return;
  buf_add(list, item, n);
  if (!buf_ok(list)) compile_nomem(c);
}

struct string *compile_string(struct compiler *c, str text)
{
  struct string *s = map_get(&c->strings, text);
  if (s || c->failed) return s;
  s = string_new(c->program->region, text);
  if (!s || value_freeze(c->program->region, VALUE_MAKE(VALUE_STRING, string, s)) ||
      map_set(&c->strings, text, s)) {
    compile_nomem(c);
    return NULL;
  }
  return s;
}

/* The key of an entry of a list in c->index: what list, which variant, the name. */
static str compile_key(char key[COMPILE_KEY_MAX], char list, uint32_t variant, str name)
{
  int n = snprintf(key, COMPILE_KEY_MAX, "%c%u " STR_FMT, list, variant, STR_ARG(name));
  return (str){key, n < COMPILE_KEY_MAX ? (size_t)n : COMPILE_KEY_MAX - 1};
}

uint32_t compile_find(const struct compiler *c, char list, uint32_t variant, str name)
{
  char key[COMPILE_KEY_MAX];
  uintptr_t found = (uintptr_t)map_get(&c->index, compile_key(key, list, variant, name));
  return found ? (uint32_t)(found - 1) : CODE_NONE;
}

void compile_index(struct compiler *c, char list, uint32_t variant, str name, uint32_t number)
{
  char key[COMPILE_KEY_MAX];
  if (name.n > COMPILE_KEY_MAX - 16) compile_error(c, c->token.at, "the name is too long");
  if (c->failed) return;
  void *value = (void *)((uintptr_t)number + 1);
  if (map_set(&c->index, compile_key(key, list, variant, name), value)) compile_nomem(c);
}

struct function *compile_function(struct compiler *c, str name, uint32_t params)
{
  uint32_t i = compile_find(c, 'f', params, name);
  return i == CODE_NONE ? NULL : &COMPILE_LIST(c->functions, struct function)[i];
}

/* ---- a file ---------------------------------------------------------------------------------- */

/* What every way out of the file passes: exports, then the result. */
static void compile_epilogue(struct compiler *c)
{
  struct unit *u = c->unit;
  emit_op(c, OP_INIT, u->result_slot, c->token.at);
  emit_patch_chain(c, u->returns);
  struct export *list = COMPILE_LIST(c->exports, struct export);
  for (uint32_t i = 0; i < COMPILE_COUNT(c->exports, struct export) && !c->failed; i++) {
    struct string *s = compile_string(c, list[i].name);
    if (!s) break;
    emit_op(c, OP_GET, list[i].slot, c->token.at);
    emit_op(c, OP_EXPORT, emit_const(c, VALUE_MAKE(VALUE_STRING, string, s)), c->token.at);
  }
  emit_op(c, OP_GET, u->result_slot, c->token.at);
}

static void compile_main(struct compiler *c)
{
  struct unit u;
  unit_begin(c, &u, PROTO_MAIN, 0);
  u.result_slot = scope_slots(c, 1);
  compile_advance(c);
  stmt_list(c, TOKEN_END, true);
  compile_epilogue(c);
  c->module->main = unit_end(c);
}

/* Functions and globals of the file, for good. */
static void compile_copy(struct compiler *c)
{
  struct module *m = c->module;
  struct arena *a = c->program->arena;
  struct global *globals = COMPILE_LIST(c->globals, struct global);
  m->function_count = COMPILE_COUNT(c->functions, struct function);
  m->global_count = COMPILE_COUNT(c->globals, struct global);
  m->functions = arena_alloc(a, c->functions.n + 1);
  m->global_names = arena_alloc(a, m->global_count * sizeof *m->global_names + 1);
  m->global_kinds = arena_alloc(a, m->global_count + 1);
  m->globals = arena_alloc(a, m->global_count * sizeof *m->globals + 1);
  if (!m->functions || !m->global_names || !m->global_kinds || !m->globals) {
    compile_nomem(c);
    return;
  }
  if (c->functions.n) memcpy(m->functions, c->functions.p, c->functions.n);
  for (uint32_t i = 0; i < m->global_count; i++) {
    m->global_names[i] = globals[i].name;
    m->global_kinds[i] = (uint8_t)globals[i].kind;
    m->globals[i] = (struct value){.type = VALUE_NONE};
  }
}

/* Bytes no file may hold. */
static void compile_check_bytes(struct compiler *c)
{
  str source = c->module->source;
  const char *nul = source.n ? memchr(source.p, '\0', source.n) : NULL;
  if (nul) compile_error(c, (uint32_t)(nul - source.p), "a NUL byte");
  for (str rest = source; rest.n && !c->failed;) {
    uint32_t at = (uint32_t)(rest.p - source.p);
    if (utf8_next(&rest) < 0) compile_error(c, at, "this is not UTF-8");
  }
}

int compile_module(struct module *m, struct diags *d)
{
  struct buf list = BUF_INIT((size_t)LIMIT_VSL_FILE * 64);
  struct compiler c = {.program = m->program,
                       .module = m,
                       .diags = d,
                       .text = BUF_INIT(LIMIT_VSL_FILE),
                       .functions = list,
                       .globals = list,
                       .exports = list};
  compile_check_bytes(&c);
  if (!c.failed) {
    lex_init(&c.lex, m->source, &c.text, m == m->program->main);
    scan_functions(&c);
    compile_main(&c);
    if (!c.failed) compile_copy(&c);
  }
  buf_free(&c.text);
  buf_free(&c.functions);
  buf_free(&c.globals);
  buf_free(&c.exports);
  map_free(&c.strings);
  map_free(&c.index);
  return c.failed ? -1 : 0;
}
