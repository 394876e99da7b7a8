/* rules/vsl/expr.c: expressions (rules/README.md#operators): operators by precedence, literals,
 * calls, closures.
 *
 * Chains of operators of one level are loops; only what nests recurses, and is counted.
 *
 * What each leaves on the stack stands in brackets, as explained at the head of emit.c.
 */
#include "compile.h"

static struct operand expr_binary(struct compiler *c, uint32_t least);
static struct operand expr_operand(struct compiler *c);

static struct operand expr_on_stack(uint32_t at, enum literal literal)
{
  return (struct operand){
      .kind = OPERAND_STACK, .literal = literal, .at = at, .root_at = at, .safe = CODE_NONE};
}

static struct operand expr_variable(uint32_t at, str name, const struct resolved *r)
{
  return (struct operand){.kind = OPERAND_PATH,
                          .at = at,
                          .root = r->is_const ? PATH_LOCAL_CONST : PATH_LOCAL,
                          .is_const = r->is_const,
                          .leaves_rule = r->leaves_rule,
                          .slot = r->slot,
                          .root_at = at,
                          .name = name,
                          .safe = CODE_NONE};
}

/* [ -- text] */
static void expr_text(struct compiler *c, str text, uint32_t at)
{
  struct string *s = compile_string(c, text);
  if (s) emit_value(c, VALUE_MAKE(VALUE_STRING, string, s), at);
}

/* ---- literals -------------------------------------------------------------------------------- */

/* `…${ statements }…`: the first piece is the current token. [ -- text] */
static void expr_template(struct compiler *c)
{
  uint32_t opened = c->token.at;
  struct unit_loop *loop = c->unit->loop;
  c->unit->loop = NULL; /* break and continue do not reach out */
  expr_text(c, c->token.text, opened);
  while (c->token.type == TOKEN_TEMPLATE && compile_enter(c)) {
    struct scope s = scope_begin(c);
    uint32_t at = c->token.end;
    compile_advance(c);
    stmt_list(c, TOKEN_BLOCK_CLOSE, true);
    if (c->token.type != TOKEN_BLOCK_CLOSE) compile_unexpected(c, "'}'");
    scope_end(c, s);
    emit_op(c, OP_TEXT, 0, at);
    compile_leave(c);
    if (c->failed) break;
    c->token = lex_template(&c->lex, opened);
    if (c->token.type == TOKEN_ERROR) compile_error(c, c->token.at, "%s", c->lex.error);
    if (!c->token.text.n || c->failed) continue;
    expr_text(c, c->token.text, opened);
    emit_op(c, OP_TEXT, 0, at);
  }
  c->unit->loop = loop;
  compile_advance(c);
}

#define EXPR_BATCH 32 /* elements on the stack at a time */

/* Behind an element: a separator was read, or the closing bracket is next. */
static void expr_separator(struct compiler *c, bool directive)
{
  if (directive && c->token.type == TOKEN_SEMICOLON) {
    while (compile_accept(c, TOKEN_SEMICOLON) || compile_accept(c, TOKEN_COMMA)) continue;
  } else if (c->token.type != TOKEN_INDEX_CLOSE) {
    if (c->token.type != TOKEN_COMMA) compile_unexpected(c, "',' or ']'");
    compile_advance(c);
    if (!directive) return;
    while (compile_accept(c, TOKEN_SEMICOLON) || compile_accept(c, TOKEN_COMMA)) continue;
  }
}

/* [ -- array] */
static void expr_array(struct compiler *c)
{
  uint32_t at = c->token.at, n = 0;
  bool begun = false;
  compile_advance(c);
  while (c->token.type != TOKEN_INDEX_CLOSE && !c->failed) {
    bool directive = decl_directive(c);
    expr(c);
    n++;
    expr_separator(c, directive);
    if (n < EXPR_BATCH) continue;
    emit_op(c, begun ? OP_ARRAY_ADD : OP_ARRAY, n, at);
    emit_effect(c, begun ? -(int64_t)n : 1 - (int64_t)n);
    begun = true;
    n = 0;
  }
  compile_expect(c, TOKEN_INDEX_CLOSE);
  if (begun && !n) return;
  emit_op(c, begun ? OP_ARRAY_ADD : OP_ARRAY, n, at);
  emit_effect(c, begun ? -(int64_t)n : 1 - (int64_t)n);
}

#undef EXPR_BATCH

/* The key of an entry, which is the current token. NULL: a fault. */
static struct string *expr_key(struct compiler *c, struct map *seen)
{
  struct string *key = NULL;
  bool good = c->token.type == TOKEN_IDENT || (c->token.type == TOKEN_STRING && c->token.plain);
  if (!good)
    compile_unexpected(c, "a property name");
  else
    key = compile_string(c, c->token.text);
  if (!key) return NULL;
  if (map_has(seen, string_str(key))) {
    compile_error(c, c->token.at, "property '" STR_FMT "' occurs twice", STR_ARG(string_str(key)));
  } else if (map_set(seen, string_str(key), key)) {
    compile_nomem(c);
  }
  compile_advance(c);
  compile_expect(c, TOKEN_COLON);
  return key;
}

/* [ -- map] */
static void expr_map(struct compiler *c)
{
  struct map seen = {0};
  uint32_t at = c->token.at;
  emit_op(c, OP_MAP, 0, at);
  compile_advance(c);
  while (c->token.type != TOKEN_BLOCK_CLOSE && !c->failed) {
    uint32_t key_at = c->token.at;
    struct string *key = expr_key(c, &seen);
    expr(c);
    if (key) emit_op(c, OP_MAP_SET, emit_const(c, VALUE_MAKE(VALUE_STRING, string, key)), key_at);
    if (c->token.type != TOKEN_BLOCK_CLOSE) {
      if (c->token.type != TOKEN_COMMA) compile_unexpected(c, "',' or '}'");
      compile_advance(c);
    }
  }
  compile_expect(c, TOKEN_BLOCK_CLOSE);
  map_free(&seen);
}

/* ---- closures -------------------------------------------------------------------------------- */

static void expr_parameters(struct compiler *c)
{
  if (compile_accept(c, TOKEN_OR_OR)) return;
  compile_expect(c, TOKEN_OR);
  while (c->token.type != TOKEN_OR && !c->failed) {
    uint32_t at = c->token.at;
    str name = compile_name(c);
    struct variable *list = COMPILE_LIST(c->unit->variables, struct variable);
    for (uint32_t i = 0; i < c->unit->proto->params; i++)
      if (str_eq(list[i].name, name)) compile_error(c, at, "two parameters have the same name");
    scope_declare(c, name, scope_slots(c, 1), false, false);
    c->unit->proto->params++;
    if (c->token.type != TOKEN_OR) compile_expect(c, TOKEN_COMMA);
  }
  compile_expect(c, TOKEN_OR);
}

/* [ -- closure] */
static void expr_closure(struct compiler *c)
{
  struct unit u;
  uint32_t at = c->token.at;
  bool is_rule = c->rule_next;
  c->rule_next = false;
  unit_begin(c, &u, PROTO_CLOSURE, at);
  u.is_rule = is_rule;
  expr_parameters(c);
  if (compile_enter(c)) stmt_body(c, true);
  compile_leave(c);
  struct proto *p = unit_end(c);
  c->rule_next = is_rule;
  compile_add(c, &c->unit->protos, &p, sizeof p);
  emit_op(c, OP_CLOSURE, COMPILE_COUNT(c->unit->protos, struct proto *) - 1, at);
}

/* ---- calls ----------------------------------------------------------------------------------- */

/* [ -- a1 … an] */
uint32_t expr_arguments(struct compiler *c)
{
  uint32_t argc = 0;
  if (compile_enter(c)) {
    while (c->token.type != TOKEN_CLOSE && !c->failed) {
      expr(c);
      argc++;
      if (c->token.type != TOKEN_CLOSE) {
        if (c->token.type != TOKEN_COMMA) compile_unexpected(c, "',' or ')'");
        compile_advance(c);
      }
    }
    if (argc > INVOKE_ARGC) compile_error(c, c->token.at, "a call has too many arguments");
    compile_expect(c, TOKEN_CLOSE);
  }
  compile_leave(c);
  return argc;
}

/* is_shared(x): the ( is behind us. [ -- bool] */
static void expr_is_shared(struct compiler *c)
{
  struct resolved r = {0};
  if (c->token.type == TOKEN_IDENT) r = scope_find(c, c->token.text, false);
  uint32_t at = c->token.at;
  expr(c);
  uint32_t word;
  bool variable = r.found && emit_last_is(c, OP_GET, &word) && word >> 8 == r.slot;
  if (variable)
    emit_unget(c);
  else
    emit_op(c, OP_POP, 0, at);
  emit_op(c, variable ? OP_IS_SHARED : OP_FALSE, variable ? r.slot : 0, at);
  compile_accept(c, TOKEN_COMMA);
  compile_expect(c, TOKEN_CLOSE);
}

static bool expr_name_is_known(struct compiler *c, str name)
{
  if (scope_find(c, name, false).found) return true;
  if (compile_find(c, 'g', GLOBAL_OBJECT, name) != CODE_NONE) return true;
  struct module *prelude = c->program->prelude;
  return prelude && prelude->exports.type == VALUE_MAP &&
         dict_get(c->program->region, prelude->exports.as.map, name);
}

/* is_def_var("x"): names are the compiler's business, so the text must be written there.
 * [ -- bool] */
static void expr_is_def_var(struct compiler *c, uint32_t at)
{
  bool literal = c->token.type == TOKEN_STRING;
  bool known = literal && expr_name_is_known(c, c->token.text);
  if (!literal) compile_error(c, at, "is_def_var wants a string literal");
  compile_advance(c);
  compile_accept(c, TOKEN_COMMA);
  compile_expect(c, TOKEN_CLOSE);
  emit_op(c, known ? OP_TRUE : OP_FALSE, 0, at);
}

/* What `check` says about a call of these natives. */
static void expr_warn_native(struct compiler *c, uint32_t set, str name, uint32_t at)
{
  uint32_t flags = c->program->options.registry->sets[set].flags;
  if (flags & NATIVE_UNBUILT) {
    compile_warning(c, at, "'" STR_FMT "' is not built in yet: it throws", STR_ARG(name));
  }
  if (flags & NATIVE_STATUS && c->in_action) {
    compile_warning(c, at, "'" STR_FMT "' does nothing in an action", STR_ARG(name));
  }
}

/* [a1 … an -- result] */
static void expr_call_known(struct compiler *c, str name, uint32_t argc, uint32_t at)
{
  struct function *f = compile_function(c, name, argc);
  uint32_t set = registry_find(c->program->options.registry, name);
  struct module *prelude = c->program->prelude;
  if (f) {
    emit_ab(c, OP_CALL_FN, argc, (uint32_t)(f - COMPILE_LIST(c->functions, struct function)), at);
  } else if (set != CODE_NONE) {
    expr_warn_native(c, set, name, at);
    emit_ab(c, OP_CALL_NATIVE, argc, set, at);
  } else if (prelude && prelude != c->module && module_function(prelude, name, argc)) {
    emit_ab(c, OP_CALL_PRELUDE, argc,
            (uint32_t)(module_function(prelude, name, argc) - prelude->functions), at);
  } else {
    struct string *s = compile_string(c, name);
    if (s) emit_ab(c, OP_NO_FUNCTION, argc, emit_const(c, VALUE_MAKE(VALUE_STRING, string, s)), at);
  }
  emit_effect(c, 1 - (int64_t)argc);
}

/* The rest of an argument list of which the first is the receiver o. [o -- result] */
static struct operand expr_call_receiver(struct compiler *c, struct operand o, str name,
                                         bool native, uint32_t at)
{
  path_ready(c, &o);
  if (c->token.type != TOKEN_CLOSE) compile_expect(c, TOKEN_COMMA);
  uint32_t argc = expr_arguments(c);
  path_invoke(c, &o, name, argc, native, at);
  return o;
}

/* f(x, …) where f changes x: x is compiled as the receiver it is, if it is a variable.
 * [ -- result] */
static struct operand expr_call_mutating(struct compiler *c, str name, uint32_t at)
{
  struct operand first = expr_operand(c);
  bool whole = c->token.type == TOKEN_COMMA || c->token.type == TOKEN_CLOSE;
  if (whole && first.kind == OPERAND_PATH) {
    first.at = at;
    return expr_call_receiver(c, first, name, true, at);
  }
  first = expr_rest(c, first, 0);
  path_load(c, &first);
  if (c->token.type != TOKEN_CLOSE) compile_expect(c, TOKEN_COMMA);
  expr_call_known(c, name, expr_arguments(c) + 1, at);
  return expr_on_stack(at, LITERAL_NO);
}

/* name( … ): the ( is the current token. [ -- result] */
static struct operand expr_call(struct compiler *c, str name, uint32_t at)
{
  const struct registry *g = c->program->options.registry;
  uint32_t set = registry_find(g, name);
  compile_advance(c);
  bool any = c->token.type != TOKEN_CLOSE;
  if (any && str_eq(name, STR("call"))) {
    struct operand p = expr(c);
    return expr_call_receiver(c, p, name, false, at);
  }
  if (any && str_eq(name, STR("is_shared"))) {
    expr_is_shared(c);
  } else if (any && str_eq(name, STR("is_def_var"))) {
    expr_is_def_var(c, at);
  } else if (any && set != CODE_NONE && g->sets[set].flags & NATIVE_MUTATES &&
             compile_find(c, 'F', 0, name) == CODE_NONE) {
    return expr_call_mutating(c, name, at);
  } else {
    expr_call_known(c, name, expr_arguments(c), at);
  }
  return expr_on_stack(at, LITERAL_NO);
}

/* ---- qualified names ------------------------------------------------------------------------- */

/* A native or native constant that is called `alias::name`. */
static uint32_t expr_qualified_native(struct compiler *c, str alias, str name)
{
  struct buf full = BUF_INIT(128);
  buf_str_add(&full, alias);
  buf_puts(&full, "::");
  buf_str_add(&full, name);
  uint32_t set =
      buf_ok(&full) ? registry_find(c->program->options.registry, buf_str(&full)) : CODE_NONE;
  buf_free(&full);
  return set;
}

/* [ -- module] */
static void expr_module(struct compiler *c, str alias, uint32_t at)
{
  struct resolved r = scope_find(c, alias, true);
  if (r.found)
    emit_op(c, OP_GET, r.slot, at);
  else
    emit_op(c, OP_GLOBAL, scope_global(c, GLOBAL_IMPORT, alias), at);
}

/* The module lies on the stack; name is the last of the path. [module -- value] */
static struct operand expr_member(struct compiler *c, str name, uint32_t at)
{
  struct operand o = expr_on_stack(at, LITERAL_NO);
  struct string *s = compile_string(c, name);
  uint32_t k = s ? emit_const(c, VALUE_MAKE(VALUE_STRING, string, s)) : 0;
  if (compile_accept(c, TOKEN_OPEN)) {
    uint32_t argc = expr_arguments(c);
    emit_ab(c, OP_CALL_MEMBER, argc, k, at);
    emit_effect(c, -(int64_t)argc);
  } else {
    emit_op(c, OP_MEMBER, k, at);
    o.is_const = true;
    o.name = name;
  }
  return o;
}

/* alias::…: the :: is the current token. [ -- value] */
static struct operand expr_qualified(struct compiler *c, str alias, uint32_t at)
{
  bool begun = false;
  for (;;) {
    compile_expect(c, TOKEN_PATH);
    str name = c->token.text;
    uint32_t name_at = c->token.at;
    if (c->token.type != TOKEN_IDENT) compile_unexpected(c, "a name");
    if (c->failed) return expr_on_stack(at, LITERAL_NO);
    compile_advance(c);
    uint32_t set = begun || scope_find(c, alias, true).found
                       ? CODE_NONE
                       : expr_qualified_native(c, alias, name);
    if (set != CODE_NONE) {
      uint32_t argc = compile_accept(c, TOKEN_OPEN) ? expr_arguments(c) : 0;
      expr_warn_native(c, set, name, name_at);
      emit_ab(c, OP_CALL_NATIVE, argc, set, name_at);
      emit_effect(c, 1 - (int64_t)argc);
      struct operand o = expr_on_stack(at, LITERAL_NO);
      o.is_const = c->program->options.registry->sets[set].flags & NATIVE_ONLY_PROPERTY;
      return o;
    }
    if (!begun) expr_module(c, alias, at);
    begun = true;
    if (c->token.type != TOKEN_PATH) {
      struct operand o = expr_member(c, name, name_at);
      o.root_at = name_at;
      o.at = at;
      return o;
    }
    struct string *s = compile_string(c, name);
    if (s) emit_op(c, OP_SUBMODULE, emit_const(c, VALUE_MAKE(VALUE_STRING, string, s)), name_at);
  }
}

/* global::NAME: `global` is the current token. [ -- value] */
static struct operand expr_global(struct compiler *c)
{
  uint32_t at = c->token.at;
  compile_advance(c);
  compile_expect(c, TOKEN_PATH);
  struct operand o = expr_on_stack(at, LITERAL_NO);
  if (c->token.type != TOKEN_IDENT) compile_unexpected(c, "a name");
  if (c->failed) return o;
  o.root_at = c->token.at;
  o.name = c->token.text;
  o.is_const = true;
  emit_op(c, OP_GLOBAL, scope_global(c, GLOBAL_CONST, c->token.text), c->token.at);
  compile_advance(c);
  return o;
}

/* ---- primaries and what hangs on them -------------------------------------------------------- */

/* [ -- o] */
static struct operand expr_identifier(struct compiler *c)
{
  str name = c->token.text;
  uint32_t at = c->token.at;
  compile_advance(c);
  if (c->token.type == TOKEN_PATH) return expr_qualified(c, name, at);
  if (c->token.type == TOKEN_OPEN) return expr_call(c, name, at);
  struct resolved r = scope_find(c, name, false);
  if (r.found) return expr_variable(at, name, &r);
  struct operand o = expr_on_stack(at, LITERAL_NO);
  o.is_const = true;
  o.name = name;
  emit_op(c, OP_GLOBAL, scope_global(c, GLOBAL_OBJECT, name), at);
  return o;
}

/* [ -- value] */
static struct operand expr_parenthesis(struct compiler *c)
{
  uint32_t at = c->token.at;
  compile_advance(c);
  if (compile_accept(c, TOKEN_CLOSE)) {
    emit_op(c, OP_UNIT, 0, at);
    return expr_on_stack(at, LITERAL_OTHER);
  }
  struct operand o = expr(c);
  compile_expect(c, TOKEN_CLOSE);
  return expr_on_stack(at, o.literal);
}

/* What has brackets of its own; nesting was counted. [ -- value] */
static struct operand expr_bracketed(struct compiler *c)
{
  uint32_t at = c->token.at;
  enum literal literal = LITERAL_NO;
  switch (c->token.type) {
  case TOKEN_OPEN: return expr_parenthesis(c);
  case TOKEN_INDEX_OPEN: literal = LITERAL_ARRAY, expr_array(c); break;
  case TOKEN_MAP_OPEN: literal = LITERAL_OTHER, expr_map(c); break;
  case TOKEN_TEMPLATE: literal = LITERAL_STRING, expr_template(c); break;
  case TOKEN_OR:
  case TOKEN_OR_OR: expr_closure(c); break;
  case TOKEN_IF: stmt_if(c, true); break;
  case TOKEN_SWITCH: stmt_switch(c, true); break;
  case TOKEN_BLOCK_OPEN: stmt_block(c, true); break;
  default:
    if (decl_here(c))
      decl_expr(c);
    else if (stmt_at_loop(c))
      stmt_loop(c, true);
    else
      compile_unexpected(c, "an expression");
  }
  return expr_on_stack(at, literal);
}

/* [ -- o] */
static struct operand expr_primary(struct compiler *c)
{
  uint32_t at = c->token.at;
  struct operand o = expr_on_stack(at, LITERAL_OTHER);
  switch (c->token.type) {
  case TOKEN_INT: emit_int(c, c->token.i, at); break;
  case TOKEN_FLOAT: emit_value(c, value_float(c->token.f), at); break;
  case TOKEN_CHAR: emit_value(c, value_char((uint32_t)c->token.i), at); break;
  case TOKEN_STRING:
    expr_text(c, c->token.text, at);
    o.literal = LITERAL_STRING;
    break;
  case TOKEN_TRUE:
  case TOKEN_FALSE:
    emit_op(c, c->token.type == TOKEN_TRUE ? OP_TRUE : OP_FALSE, 0, at);
    o.literal = LITERAL_BOOL;
    break;
  case TOKEN_THIS:
    o.kind = OPERAND_PATH;
    o.literal = LITERAL_NO;
    o.root = PATH_THIS;
    o.name = STR("this");
    break;
  case TOKEN_GLOBAL: return expr_global(c);
  case TOKEN_IDENT:
    if (!decl_here(c)) return expr_identifier(c);
    /* fall through */
  default:
    if (compile_enter(c)) o = expr_bracketed(c);
    compile_leave(c);
    return o;
  }
  compile_advance(c);
  return o;
}

/* .name or .name( … ), behind the dot. [o -- o] */
static void expr_dot(struct compiler *c, struct operand *o)
{
  str name = c->token.text;
  uint32_t at = c->token.at;
  if (c->token.type != TOKEN_IDENT) compile_unexpected(c, "a property or method name");
  if (c->failed) return;
  compile_advance(c);
  if (c->token.type != TOKEN_OPEN) {
    path_property(c, o, name, at);
    return;
  }
  path_ready(c, o);
  compile_advance(c);
  uint32_t argc = expr_arguments(c);
  path_invoke(c, o, name, argc, false, at);
}

/* [key], behind the bracket. [o -- o] */
static void expr_index(struct compiler *c, struct operand *o)
{
  uint32_t at = c->token.at;
  path_take_step(c, o);
  if (compile_enter(c)) expr(c);
  compile_leave(c);
  compile_expect(c, TOKEN_INDEX_CLOSE);
  path_index(c, o, at);
}

/* [ -- o] */
static struct operand expr_operand(struct compiler *c)
{
  struct operand o = expr_primary(c);
  while (!c->failed) {
    enum token_type t = c->token.type;
    uint32_t at = c->token.at;
    if (t != TOKEN_DOT && t != TOKEN_SAFE_DOT && t != TOKEN_INDEX_OPEN && t != TOKEN_SAFE_INDEX) {
      break;
    }
    compile_advance(c);
    if (t == TOKEN_SAFE_DOT || t == TOKEN_SAFE_INDEX) path_test(c, &o, at);
    if (t == TOKEN_DOT || t == TOKEN_SAFE_DOT)
      expr_dot(c, &o);
    else
      expr_index(c, &o);
    o.literal = LITERAL_NO;
  }
  return o;
}

/* [ -- o] */
struct operand expr_target(struct compiler *c)
{
  return expr_operand(c);
}

/* [ -- value] */
struct operand expr_postfix(struct compiler *c)
{
  struct operand o = expr_operand(c);
  path_load(c, &o);
  return o;
}

/* ---- operators ------------------------------------------------------------------------------- */

/* [ -- o] */
static struct operand expr_unary(struct compiler *c)
{
  static const uint8_t ops[TOKEN_TYPES] = {
      [TOKEN_SUB] = VALUE_NEG, [TOKEN_ADD] = VALUE_PLUS, [TOKEN_NOT] = VALUE_NOT};
  enum value_op op = ops[c->token.type];
  if (!op) return expr_operand(c);
  uint32_t at = c->token.at;
  compile_advance(c);
  if (compile_enter(c)) {
    struct operand o = expr_unary(c);
    path_load(c, &o);
  }
  compile_leave(c);
  emit_op(c, OP_UNARY, op, at);
  return expr_on_stack(at, LITERAL_NO);
}

enum expr_form { EXPR_NONE, EXPR_PLAIN, EXPR_NOT_IN, EXPR_AND, EXPR_OR, EXPR_COALESCE };
struct expr_operator {
  uint8_t form, level, op;
};
#define EXPR_RANGE_LEVEL 140
#define EXPR_POW_LEVEL   190
static const struct expr_operator expr_operators[TOKEN_TYPES] = {
    [TOKEN_SHL] = {EXPR_PLAIN, 210, VALUE_SHL},
    [TOKEN_SHR] = {EXPR_PLAIN, 210, VALUE_SHR},
    [TOKEN_POW] = {EXPR_PLAIN, EXPR_POW_LEVEL, VALUE_POW},
    [TOKEN_MUL] = {EXPR_PLAIN, 180, VALUE_MUL},
    [TOKEN_DIV] = {EXPR_PLAIN, 180, VALUE_DIV},
    [TOKEN_MOD] = {EXPR_PLAIN, 180, VALUE_MOD},
    [TOKEN_ADD] = {EXPR_PLAIN, 150, VALUE_ADD},
    [TOKEN_SUB] = {EXPR_PLAIN, 150, VALUE_SUB},
    [TOKEN_RANGE] = {EXPR_PLAIN, EXPR_RANGE_LEVEL, VALUE_RANGE_OP},
    [TOKEN_RANGE_EQ] = {EXPR_PLAIN, EXPR_RANGE_LEVEL, VALUE_RANGE_EQ},
    [TOKEN_COALESCE] = {EXPR_COALESCE, 135, 0},
    [TOKEN_LT] = {EXPR_PLAIN, 130, VALUE_LT},
    [TOKEN_LE] = {EXPR_PLAIN, 130, VALUE_LE},
    [TOKEN_GT] = {EXPR_PLAIN, 130, VALUE_GT},
    [TOKEN_GE] = {EXPR_PLAIN, 130, VALUE_GE},
    [TOKEN_IN] = {EXPR_PLAIN, 110, VALUE_IN},
    [TOKEN_NOT_IN] = {EXPR_NOT_IN, 110, VALUE_IN},
    [TOKEN_EQ] = {EXPR_PLAIN, 90, VALUE_EQ},
    [TOKEN_NE] = {EXPR_PLAIN, 90, VALUE_NE},
    [TOKEN_AND_AND] = {EXPR_AND, 60, 0},
    [TOKEN_AND] = {EXPR_PLAIN, 60, VALUE_AND},
    [TOKEN_OR_OR] = {EXPR_OR, 30, 0},
    [TOKEN_OR] = {EXPR_PLAIN, 30, VALUE_OR},
    [TOKEN_XOR] = {EXPR_PLAIN, 30, VALUE_XOR},
};

static void expr_expect_bool(struct compiler *c, const struct operand *o)
{
  if (o->literal != LITERAL_NO && o->literal != LITERAL_BOOL) {
    compile_error(c, o->at, "expecting a boolean");
  }
}

/* The right operand and the operator itself; the left one is on the stack. [left -- value] */
static void expr_right(struct compiler *c, const struct expr_operator *op,
                       const struct operand *left, uint32_t at)
{
  static const uint8_t jumps[] = {
      [EXPR_AND] = OP_AND, [EXPR_OR] = OP_OR, [EXPR_COALESCE] = OP_COALESCE};
  bool lazy = op->form == EXPR_AND || op->form == EXPR_OR || op->form == EXPR_COALESCE;
  bool logic = lazy && op->form != EXPR_COALESCE;
  if (logic) expr_expect_bool(c, left);
  uint32_t jump = lazy ? emit_jump(c, jumps[op->form], logic ? left->at : at) : 0;
  bool right_assoc = op->level == EXPR_POW_LEVEL;
  if (!right_assoc || compile_enter(c)) {
    struct operand right = expr_binary(c, right_assoc ? op->level : op->level + 1u);
    path_load(c, &right);
    if (logic) {
      expr_expect_bool(c, &right);
      emit_op(c, OP_BOOL, 0, right.at);
    }
  }
  if (right_assoc) compile_leave(c);
  if (lazy)
    emit_patch(c, jump);
  else
    emit_binary(c, op->op, at);
  if (op->form == EXPR_NOT_IN) emit_op(c, OP_UNARY, VALUE_NOT, at);
}

/* [o -- o] */
struct operand expr_rest(struct compiler *c, struct operand left, uint32_t least)
{
  while (!c->failed) {
    const struct expr_operator *op = &expr_operators[c->token.type];
    if (op->form == EXPR_NONE || op->level < least) break;
    uint32_t at = c->token.at;
    path_load(c, &left);
    compile_advance(c);
    expr_right(c, op, &left, at);
    left = expr_on_stack(left.at, LITERAL_NO);
    if (op->level == EXPR_RANGE_LEVEL && expr_operators[c->token.type].level == op->level) {
      compile_unexpected(c, "an end of the range");
    }
  }
  return left;
}

/* [ -- o] */
static struct operand expr_binary(struct compiler *c, uint32_t least)
{
  struct operand left = expr_unary(c);
  return expr_rest(c, left, least);
}

/* [ -- value] */
struct operand expr(struct compiler *c)
{
  struct operand o = expr_binary(c, 0);
  path_load(c, &o);
  return o;
}

/* [ -- value] */
struct operand expr_condition(struct compiler *c)
{
  struct operand o = expr(c);
  expr_expect_bool(c, &o);
  return o;
}

#undef EXPR_RANGE_LEVEL
#undef EXPR_POW_LEVEL

/* ---- constants of switch labels -------------------------------------------------------------- */

static int expr_constant_array(struct compiler *c, struct value *out)
{
  struct region *r = c->program->region;
  *out = value_of(array_new(r, 0));
  while (out->type != VALUE_NONE && c->token.type != TOKEN_INDEX_CLOSE && !c->failed) {
    struct value item;
    if (expr_constant(c, &item)) return -1;
    if (array_push(r, out, item)) compile_nomem(c);
    if (c->token.type != TOKEN_INDEX_CLOSE) compile_expect(c, TOKEN_COMMA);
  }
  compile_expect(c, TOKEN_INDEX_CLOSE);
  return 0;
}

static int expr_constant_map(struct compiler *c, struct value *out)
{
  struct region *r = c->program->region;
  struct map seen = {0};
  *out = value_of(dict_new(r, 0));
  while (out->type != VALUE_NONE && c->token.type != TOKEN_BLOCK_CLOSE && !c->failed) {
    struct value item;
    struct string *key = expr_key(c, &seen);
    if (!key || expr_constant(c, &item)) break;
    if (dict_set(r, out, key, item)) compile_nomem(c);
    if (c->token.type != TOKEN_BLOCK_CLOSE) compile_expect(c, TOKEN_COMMA);
  }
  map_free(&seen);
  compile_expect(c, TOKEN_BLOCK_CLOSE);
  return 0;
}

static int expr_constant_text(struct compiler *c, struct value *out)
{
  struct string *s = compile_string(c, c->token.text);
  if (s) *out = VALUE_MAKE(VALUE_STRING, string, s);
  compile_advance(c);
  return 0;
}

int expr_constant(struct compiler *c, struct value *out)
{
  *out = value_unit();
  bool negative = compile_accept(c, TOKEN_SUB); /* behind a } it is a token of its own */
  struct token t = c->token;
  if (negative && t.type != TOKEN_INT && t.type != TOKEN_FLOAT) {
    compile_unexpected(c, "a literal");
    return -1;
  }
  switch (t.type) {
  case TOKEN_STRING: return expr_constant_text(c, out);
  case TOKEN_INT: *out = value_int((int64_t)(negative ? 0 - (uint64_t)t.i : (uint64_t)t.i)); break;
  case TOKEN_FLOAT: *out = value_float(negative ? -t.f : t.f); break;
  case TOKEN_CHAR: *out = value_char((uint32_t)t.i); break;
  case TOKEN_TRUE:
  case TOKEN_FALSE: *out = value_bool(t.type == TOKEN_TRUE); break;
  case TOKEN_OPEN:
    compile_advance(c);
    compile_expect(c, TOKEN_CLOSE);
    return c->failed ? -1 : 0;
  case TOKEN_INDEX_OPEN:
  case TOKEN_MAP_OPEN:
    compile_advance(c);
    if (compile_enter(c)) {
      if (t.type == TOKEN_MAP_OPEN)
        expr_constant_map(c, out);
      else
        expr_constant_array(c, out);
    }
    compile_leave(c);
    if (!c->failed && value_freeze(c->program->region, *out)) compile_nomem(c);
    return c->failed ? -1 : 0;
  default: compile_unexpected(c, "a literal"); return -1;
  }
  compile_advance(c);
  return c->failed ? -1 : 0;
}
