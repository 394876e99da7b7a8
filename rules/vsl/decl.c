/* rules/vsl/decl.c: declarations: let and const, functions, imports and exports, and what VSL adds:
 * objects, services and directives (rules/README.md#the-rule-file), which compile to calls of
 * natives.
 */
#include "compile.h"

static const char *const decl_words[] = {"rule", "action", "delegate", "object", "service"};

/* Index in decl_words of the word the current token is, or -1. */
static int decl_word(const struct compiler *c)
{
  for (int i = 0; i < (int)BASE_COUNT(decl_words); i++)
    if (compile_is_word(c, decl_words[i])) return i;
  return -1;
}

bool decl_here(const struct compiler *c)
{
  return decl_word(c) >= 0;
}

bool decl_directive(const struct compiler *c)
{
  return decl_word(c) >= 0 && decl_word(c) < 3;
}

/* [ -- text] */
static void decl_text(struct compiler *c, str text, uint32_t at)
{
  struct string *s = compile_string(c, text);
  if (s) emit_value(c, VALUE_MAKE(VALUE_STRING, string, s), at);
}

/* [a1 … an -- result] */
static void decl_call(struct compiler *c, const char *native, uint32_t argc, uint32_t at)
{
  uint32_t set = registry_find(c->program->options.registry, str_of(native));
  if (set == CODE_NONE)
    compile_error(c, at, "declarations are not known here");
  else
    emit_ab(c, OP_CALL_NATIVE, argc, set, at);
  emit_effect(c, 1 - (int64_t)argc);
}

/* A constant of the current block; its value is taken from the stack. At top level also reachable
 * from functions: by global::name, and an object by its name. [value -- ] */
static void decl_define(struct compiler *c, str name, bool object, uint32_t at)
{
  uint32_t slot = scope_slots(c, 1);
  emit_op(c, OP_INIT, slot, at);
  scope_declare(c, name, slot, true, false);
  if (!scope_is_top(c)) return;
  for (int k = GLOBAL_CONST; k <= (object ? GLOBAL_OBJECT : GLOBAL_CONST); k++) {
    emit_op(c, OP_GET, slot, at);
    emit_here(c);
    emit_op(c, OP_GLOBAL_SET, scope_global(c, (enum global_kind)k, name), at);
  }
  struct export e = {slot, name};
  if (object) compile_add(c, &c->exports, &e, sizeof e);
}

/* ---- objects and services -------------------------------------------------------------------- */

/* The word that is the current token, which must be one of the list; skips it. */
static str decl_type_word(struct compiler *c, const char *const *list, const char *what)
{
  str word = c->token.text;
  if (c->token.type != TOKEN_IDENT) {
    compile_unexpected(c, what);
    return (str){0};
  }
  for (; list && *list; list++)
    if (str_eq(word, str_of(*list))) {
      compile_advance(c);
      return word;
    }
  compile_error(c, c->token.at, "'" STR_FMT "' is not %s", STR_ARG(word), what);
  return (str){0};
}

/* object NAME TYPE = EXPR, service NAME TYPE = EXPR. */
static void decl_object(struct compiler *c, bool service)
{
  const struct registry_words *w = &c->program->options.registry->words;
  compile_advance(c);
  uint32_t name_at = c->token.at;
  str name = compile_name(c);
  decl_text(c, name, name_at);
  uint32_t type_at = c->token.at;
  str type = decl_type_word(c, service ? w->services : w->objects,
                            service ? "a type of service" : "a type of object");
  decl_text(c, type, type_at);
  if (str_eq(type, service ? STR("db") : STR("file"))) {
    if (c->token.type != TOKEN_COLON) compile_unexpected(c, service ? "':csv'" : "':' and a type");
    compile_advance(c);
    decl_text(c,
              decl_type_word(c, service ? w->formats : w->contents,
                             service ? "a database format" : "a type a file can hold"),
              type_at);
  } else {
    emit_op(c, OP_UNIT, 0, type_at);
  }
  compile_expect(c, TOKEN_SET);
  uint32_t value_at = c->token.at;
  expr(c);
  decl_call(c, service ? "$service" : "$object", 4, value_at);
  if (c->failed) return;
  decl_define(c, name, true, name_at);
  struct resolved r = scope_find(c, name, false);
  emit_op(c, OP_GET, r.slot, name_at);
}

/* ---- directives ------------------------------------------------------------------------------ */

static void decl_rule(struct compiler *c, int word)
{
  bool delegate = word == 2;
  compile_advance(c);
  if (delegate) expr_postfix(c);
  if (c->token.type != TOKEN_STRING || !c->token.plain) compile_unexpected(c, "a name in quotes");
  if (c->failed) return;
  decl_text(c, c->token.text, c->token.at);
  compile_advance(c);
  uint32_t at = c->token.at;
  bool in_action = c->in_action, rule_next = c->rule_next;
  c->in_action = word == 1;
  c->rule_next = true;
  expr(c);
  c->rule_next = rule_next;
  c->in_action = in_action;
  decl_call(c, delegate ? "$delegate" : word ? "$action" : "$rule", delegate ? 3 : 2, at);
}

void decl_expr(struct compiler *c)
{
  int word = decl_word(c);
  if (word < 3)
    decl_rule(c, word);
  else
    decl_object(c, word == 4);
}

/* ---- let, const ------------------------------------------------------------------------------ */

void decl_let(struct compiler *c, bool exported)
{
  bool is_const = c->token.type == TOKEN_CONST;
  compile_advance(c);
  uint32_t at = c->token.at;
  str name = compile_name(c);
  if (compile_accept(c, TOKEN_SET))
    expr(c);
  else
    emit_op(c, OP_UNIT, 0, at);
  if (is_const) {
    decl_define(c, name, false, at);
  } else {
    uint32_t slot = scope_slots(c, 1);
    emit_op(c, OP_INIT, slot, at);
    scope_declare(c, name, slot, false, false);
  }
  if (!exported || c->failed) return;
  struct export e = {scope_find(c, name, false).slot, name};
  compile_add(c, &c->exports, &e, sizeof e);
}

/* ---- functions ------------------------------------------------------------------------------- */

/* The entry scan.c made for the definition at that place. */
static struct function *decl_function_at(struct compiler *c, uint32_t at)
{
  struct function *list = COMPILE_LIST(c->functions, struct function);
  if (c->functions_done >= COMPILE_COUNT(c->functions, struct function)) return NULL;
  struct function *f = &list[c->functions_done];
  if (f->at != at) return NULL;
  c->functions_done++;
  return f;
}

static void decl_parameters(struct compiler *c)
{
  compile_expect(c, TOKEN_OPEN);
  while (c->token.type != TOKEN_CLOSE && !c->failed) {
    uint32_t at = c->token.at;
    str name = compile_name(c);
    if (scope_find(c, name, false).found) {
      compile_error(c, at, "two parameters have the same name");
    }
    scope_declare(c, name, scope_slots(c, 1), false, false);
    c->unit->proto->params++;
    if (c->token.type != TOKEN_CLOSE) compile_expect(c, TOKEN_COMMA);
  }
  compile_expect(c, TOKEN_CLOSE);
}

void decl_fn(struct compiler *c)
{
  bool top = scope_is_top(c);
  if (c->token.type == TOKEN_PRIVATE) compile_advance(c);
  uint32_t at = c->token.at;
  if (c->token.type != TOKEN_FN)
    compile_unexpected(c, "'fn'");
  else if (!top)
    compile_error(c, at, "functions can only be defined at the top level of a file");
  if (c->failed) return;
  struct function *f = decl_function_at(c, at);
  struct unit u;
  unit_begin(c, &u, PROTO_FN, at);
  compile_advance(c);
  compile_name(c);
  decl_parameters(c);
  stmt_block(c, true);
  struct proto *p = unit_end(c);
  if (!p || !f) return;
  p->name = f->name;
  p->is_private = f->is_private;
  f->proto = p;
}

/* ---- imports and exports --------------------------------------------------------------------- */

/* The path is a literal if the code of the expression is one constant. */
static bool decl_import_literal(struct compiler *c, str *path)
{
  uint32_t word;
  if (!emit_last_is(c, OP_CONST, &word)) return false;
  struct value v = COMPILE_LIST(c->unit->consts, struct value)[word >> 8];
  if (v.type != VALUE_STRING) return false;
  *path = value_str(v);
  return true;
}

static void decl_import_path(struct compiler *c)
{
  str path;
  bool missing = false;
  uint32_t before = emit_here(c);
  struct operand o = expr(c);
  bool literal = emit_count(c) == before + 1 && decl_import_literal(c, &path);
  struct module *m = literal ? module_import(c->module, path, o.at, c->diags, &missing) : NULL;
  if (m) {
    emit_unget(c);
    emit_op(c, OP_IMPORT, m->number, o.at);
    return;
  }
  if (literal && missing) compile_warning(c, o.at, "no file '" STR_FMT "' is here", STR_ARG(path));
  if (literal && !missing) c->failed = true; /* the fault was told in that file */
  if (!literal && !c->program->options.script) {
    compile_warning(c, o.at, "a computed path cannot be imported: this throws");
  }
  emit_op(c, OP_IMPORT_PATH, 0, o.at);
}

void decl_import(struct compiler *c)
{
  compile_advance(c);
  decl_import_path(c);
  if (!compile_accept(c, TOKEN_AS)) {
    emit_op(c, OP_POP, 0, c->token.at);
    return;
  }
  uint32_t at = c->token.at, slot;
  str name = compile_name(c);
  slot = scope_slots(c, 1);
  emit_op(c, OP_INIT, slot, at);
  scope_declare(c, name, slot, true, true);
  if (!scope_is_top(c)) return;
  emit_op(c, OP_GET, slot, at);
  emit_here(c);
  emit_op(c, OP_GLOBAL_SET, scope_global(c, GLOBAL_IMPORT, name), at);
}

void decl_export(struct compiler *c)
{
  if (!scope_is_top(c)) {
    compile_error(c, c->token.at, "'export' is for the top level of a file");
    return;
  }
  compile_advance(c);
  if (c->token.type == TOKEN_LET || c->token.type == TOKEN_CONST) {
    decl_let(c, true);
    return;
  }
  str name = c->token.text;
  uint32_t at = c->token.at;
  if (c->token.type != TOKEN_IDENT) compile_unexpected(c, "the name of a variable");
  if (c->failed) return;
  compile_advance(c);
  struct resolved r = scope_find(c, name, false);
  if (!r.found) { /* an error when it runs, as everywhere */
    emit_op(c, OP_GLOBAL, scope_global(c, GLOBAL_OBJECT, name), at);
    emit_op(c, OP_POP, 0, at);
  }
  if (compile_accept(c, TOKEN_AS)) name = compile_name(c);
  if (!r.found) return;
  struct export e = {r.slot, name};
  compile_add(c, &c->exports, &e, sizeof e);
}
