/* rules/vsl/stmt.c: statements (rules/README.md#statements).
 *
 * Every statement may leave a value or not; `want` says whether the last one of its list should.
 * What is not last is popped when the next one begins. What each leaves on the stack stands in
 * brackets, as explained at the head of emit.c.
 */
#include "compile.h"

static bool stmt_one(struct compiler *c, bool want, bool *closed);

/* [ -- v?] */
void stmt_list(struct compiler *c, enum token_type end, bool want)
{
  bool have = false, is_main = end == TOKEN_END;
  while (c->token.type != end && !c->failed) {
    if (compile_accept(c, TOKEN_SEMICOLON)) continue;
    if (have) emit_pop(c);
    if (is_main) c->module->result_at = c->token.at;
    bool closed = false;
    have = stmt_one(c, want, &closed);
    if (c->token.type != end && c->token.type != TOKEN_SEMICOLON && !closed) {
      compile_unexpected(c, end == TOKEN_BLOCK_CLOSE ? "';' or '}'" : "';'");
    }
  }
  if (want && !have) emit_op(c, OP_UNIT, 0, c->token.at);
}

/* [ -- v?] */
void stmt_block(struct compiler *c, bool want)
{
  compile_expect(c, TOKEN_BLOCK_OPEN);
  if (compile_enter(c)) {
    struct scope s = scope_begin(c);
    stmt_list(c, TOKEN_BLOCK_CLOSE, want);
    compile_expect(c, TOKEN_BLOCK_CLOSE);
    scope_end(c, s);
  }
  compile_leave(c);
}

/* [ -- v?] */
bool stmt_body(struct compiler *c, bool want)
{
  bool closed = false;
  struct scope s = scope_begin(c);
  bool have = stmt_one(c, want, &closed);
  if (want && !have) emit_op(c, OP_UNIT, 0, c->token.at);
  scope_end(c, s);
  return closed;
}

/* ---- if -------------------------------------------------------------------------------------- */

/* [ -- v?] */
void stmt_if(struct compiler *c, bool want)
{
  uint32_t ends = CODE_NONE;
  while (compile_accept(c, TOKEN_IF)) { /* an else-if chain is a loop, not a nesting */
    struct operand condition = expr_condition(c);
    uint32_t otherwise = emit_jump(c, OP_JUMP_FALSE, condition.at);
    stmt_block(c, want);
    bool more = c->token.type == TOKEN_ELSE;
    if (more || want) {
      emit_chain(c, OP_JUMP, &ends, c->token.at);
      emit_effect(c, -(int64_t)want);
    }
    emit_patch(c, otherwise);
    if (!more) {
      if (want) emit_op(c, OP_UNIT, 0, c->token.at);
      break;
    }
    compile_advance(c);
    if (c->token.type == TOKEN_IF) continue;
    stmt_block(c, want);
    break;
  }
  emit_patch_chain(c, ends);
}

/* ---- switch ---------------------------------------------------------------------------------- */

struct stmt_cases {
  struct buf exact, ranges; /* struct switch_label */
  uint32_t begin;           /* the SWITCH */
  uint32_t otherwise;       /* CODE_NONE: no _ yet */
};

static bool stmt_is_number(struct value v)
{
  return v.type == VALUE_INT || v.type == VALUE_FLOAT;
}

/* One label: a literal or a range of integers. */
static void stmt_label(struct compiler *c, struct stmt_cases *s)
{
  uint32_t at = c->token.at;
  struct switch_label label = {.high = {.type = VALUE_NONE}, .target = emit_here(c) - s->begin};
  if (expr_constant(c, &label.low)) return;
  bool range = c->token.type == TOKEN_RANGE || c->token.type == TOKEN_RANGE_EQ;
  if (range) {
    label.inclusive = c->token.type == TOKEN_RANGE_EQ;
    compile_advance(c);
    uint32_t high_at = c->token.at;
    if (expr_constant(c, &label.high)) return;
    if (label.low.type != VALUE_INT) compile_error(c, at, "a range wants integers");
    if (label.high.type != VALUE_INT) compile_error(c, high_at, "a range wants integers");
  } else if (s->ranges.n && stmt_is_number(label.low)) {
    compile_error(c, at, "a number must come before the ranges");
  }
  compile_add(c, range ? &s->ranges : &s->exact, &label, sizeof label);
}

/* `_` or labels between |, with a guard. [ -- ] */
static void stmt_case_head(struct compiler *c, struct stmt_cases *s)
{
  if (s->otherwise != CODE_NONE) compile_error(c, s->otherwise, "'_' must be the last case");
  if (c->token.type == TOKEN_UNDERSCORE) {
    s->otherwise = c->token.at;
    emit_here(c);
    compile_advance(c);
    if (c->token.type == TOKEN_IF) compile_error(c, c->token.at, "'_' cannot have a condition");
    return;
  }
  do stmt_label(c, s);
  while (compile_accept(c, TOKEN_OR));
  if (!compile_accept(c, TOKEN_IF)) return;
  struct operand guard = expr_condition(c);
  emit_jump_to(c, OP_JUMP_FALSE, s->begin, guard.at); /* goes on with the labels not tried yet */
}

static void stmt_switch_table(struct compiler *c, struct stmt_cases *s, uint32_t slot,
                              uint32_t otherwise)
{
  uint32_t n =
      COMPILE_COUNT(s->exact, struct switch_label) + COMPILE_COUNT(s->ranges, struct switch_label);
  struct switch_table table = {.n = n, .otherwise = otherwise - s->begin, .slot = slot};
  table.labels = arena_alloc(c->program->arena, n * sizeof *table.labels + 1);
  if (!table.labels) {
    compile_nomem(c);
    return;
  }
  if (s->exact.n) memcpy(table.labels, s->exact.p, s->exact.n);
  if (s->ranges.n) memcpy((char *)table.labels + s->exact.n, s->ranges.p, s->ranges.n);
  compile_add(c, &c->unit->switches, &table, sizeof table);
}

/* [ -- v?] */
static void stmt_read_cases(struct compiler *c, struct stmt_cases *s, uint32_t slot, bool want)
{
  uint32_t ends = CODE_NONE, otherwise = CODE_NONE;
  while (c->token.type != TOKEN_BLOCK_CLOSE && !c->failed) {
    stmt_case_head(c, s);
    compile_expect(c, TOKEN_ARROW);
    if (s->otherwise != CODE_NONE && otherwise == CODE_NONE) otherwise = emit_here(c);
    bool closed = stmt_body(c, want);
    emit_chain(c, OP_JUMP, &ends, c->token.at);
    emit_effect(c, -(int64_t)want);
    if (c->token.type == TOKEN_BLOCK_CLOSE) break;
    if (!compile_accept(c, TOKEN_COMMA) && !closed) compile_unexpected(c, "',' or '}'");
  }
  compile_expect(c, TOKEN_BLOCK_CLOSE);
  if (otherwise != CODE_NONE) {
    emit_effect(c, want);
  } else {
    otherwise = emit_here(c);
    if (want) emit_op(c, OP_UNIT, 0, c->token.at);
  }
  emit_patch_chain(c, ends);
  stmt_switch_table(c, s, slot, otherwise);
}

/* [ -- v?] */
void stmt_switch(struct compiler *c, bool want)
{
  struct buf list = BUF_INIT((size_t)LIMIT_VSL_FILE * 64);
  struct stmt_cases s = {.exact = list, .ranges = list, .otherwise = CODE_NONE};
  struct scope scope = scope_begin(c);
  uint32_t slot = scope_slots(c, 2), at = c->token.at;
  compile_advance(c);
  expr(c);
  emit_op(c, OP_INIT, slot, at);
  emit_op(c, OP_INT, 0, at);
  emit_op(c, OP_INIT, slot + 1, at);
  s.begin = emit_here(c);
  emit_op(c, OP_SWITCH, COMPILE_COUNT(c->unit->switches, struct switch_table), at);
  /* Tables of inner switches come first into the list: keep this one's place. */
  uint32_t number = COMPILE_COUNT(c->unit->switches, struct switch_table);
  struct switch_table reserved = {0};
  compile_add(c, &c->unit->switches, &reserved, sizeof reserved);
  compile_expect(c, TOKEN_BLOCK_OPEN);
  if (compile_enter(c)) stmt_read_cases(c, &s, slot, want);
  compile_leave(c);
  if (!c->failed) {
    struct switch_table *tables = COMPILE_LIST(c->unit->switches, struct switch_table);
    uint32_t last = COMPILE_COUNT(c->unit->switches, struct switch_table) - 1;
    tables[number] = tables[last];
    c->unit->switches.n -= sizeof(struct switch_table);
  }
  scope_end(c, scope);
  buf_free(&s.exact);
  buf_free(&s.ranges);
}

/* ---- loops ----------------------------------------------------------------------------------- */

static void stmt_loop_begin(struct compiler *c, struct unit_loop *l, bool want)
{
  struct unit *u = c->unit;
  *l = (struct unit_loop){.outer = u->loop,
                          .start = CODE_NONE,
                          .breaks = CODE_NONE,
                          .continues = CODE_NONE,
                          .depth = u->depth,
                          .tries = u->tries,
                          .want = want};
  u->loop = l;
}

/* The loop came to its natural end. [ -- v?], as every jump of its chain of breaks does. */
static void stmt_loop_end(struct compiler *c, struct unit_loop *l)
{
  c->unit->loop = l->outer;
  if (l->want) emit_op(c, OP_UNIT, 0, c->token.at);
  emit_patch_chain(c, l->breaks);
}

/* [ -- v?] */
static void stmt_while(struct compiler *c, bool want)
{
  struct unit_loop l;
  uint32_t at = c->token.at;
  bool endless = c->token.type == TOKEN_LOOP;
  compile_advance(c);
  stmt_loop_begin(c, &l, want);
  l.start = emit_here(c);
  uint32_t out = CODE_NONE;
  if (!endless) {
    struct operand condition = expr_condition(c);
    out = emit_jump(c, OP_JUMP_FALSE, condition.at);
  }
  stmt_block(c, false);
  emit_jump_to(c, OP_LOOP, l.start, at);
  if (!endless)
    emit_patch(c, out);
  else
    emit_here(c);
  stmt_loop_end(c, &l);
}

/* [ -- v?] */
static void stmt_do(struct compiler *c, bool want)
{
  struct unit_loop l;
  uint32_t at = c->token.at;
  compile_advance(c);
  stmt_loop_begin(c, &l, want);
  uint32_t start = emit_here(c);
  stmt_block(c, false);
  emit_patch_chain(c, l.continues);
  l.continues = CODE_NONE;
  bool until = c->token.type == TOKEN_UNTIL;
  if (!until && c->token.type != TOKEN_WHILE) compile_unexpected(c, "'while' or 'until'");
  compile_advance(c);
  c->unit->loop = l.outer; /* the condition is no longer inside */
  struct operand condition = expr_condition(c);
  c->unit->loop = &l;
  uint32_t out = emit_jump(c, until ? OP_JUMP_TRUE : OP_JUMP_FALSE, condition.at);
  emit_jump_to(c, OP_LOOP, start, at);
  emit_patch(c, out);
  stmt_loop_end(c, &l);
}

/* `x` or `(x, i)`. */
static void stmt_for_names(struct compiler *c, str *name, str *index)
{
  bool both = compile_accept(c, TOKEN_OPEN);
  *name = compile_name(c);
  *index = (str){0};
  if (!both) return;
  compile_expect(c, TOKEN_COMMA);
  uint32_t at = c->token.at;
  *index = compile_name(c);
  if (str_eq(*name, *index)) compile_error(c, at, "two variables have the same name");
  compile_expect(c, TOKEN_CLOSE);
}

#define STMT_FOR_SLOTS 5 /* what it goes over, cursor, count; then the two variables */

/* [ -- v?] */
static void stmt_for(struct compiler *c, bool want)
{
  struct unit_loop l;
  str name, index;
  uint32_t at = c->token.at;
  struct scope scope = scope_begin(c);
  compile_advance(c);
  stmt_for_names(c, &name, &index);
  compile_expect(c, TOKEN_IN);
  struct operand over = expr(c);
  if (over.literal == LITERAL_BOOL || over.literal == LITERAL_OTHER) {
    compile_error(c, over.at, "this cannot be iterated over");
  }
  uint32_t slot = scope_slots(c, STMT_FOR_SLOTS);
  emit_op(c, OP_FOR, slot, over.at);
  scope_declare(c, name, slot + 3, false, false);
  if (index.n) scope_declare(c, index, slot + 4, false, false);
  stmt_loop_begin(c, &l, want);
  l.start = emit_here(c);
  emit_ab(c, OP_FOR_NEXT, index.n > 0, slot, over.at);
  uint32_t out = emit_jump(c, OP_JUMP, at); /* skipped while there is a next one */
  emit_here(c);
  stmt_block(c, false);
  emit_jump_to(c, OP_LOOP, l.start, at);
  emit_patch(c, out);
  stmt_loop_end(c, &l);
  scope_end(c, scope);
}

#undef STMT_FOR_SLOTS

bool stmt_at_loop(const struct compiler *c)
{
  enum token_type t = c->token.type;
  return t == TOKEN_WHILE || t == TOKEN_LOOP || t == TOKEN_DO || t == TOKEN_FOR;
}

/* [ -- v?] */
void stmt_loop(struct compiler *c, bool want)
{
  if (c->token.type == TOKEN_FOR)
    stmt_for(c, want);
  else if (c->token.type == TOKEN_DO)
    stmt_do(c, want);
  else
    stmt_while(c, want);
}

/* ---- leaving --------------------------------------------------------------------------------- */

/* Is there an expression behind break, return or throw? */
static bool stmt_has_value(const struct compiler *c)
{
  switch (c->token.type) {
  case TOKEN_SEMICOLON:
  case TOKEN_BLOCK_CLOSE:
  case TOKEN_CLOSE:
  case TOKEN_INDEX_CLOSE:
  case TOKEN_COMMA:
  case TOKEN_END: return false;
  default: return true;
  }
}

/* [ -- ] */
static void stmt_end_tries(struct compiler *c, uint32_t down_to, uint32_t at)
{
  for (uint32_t i = c->unit->tries; i > down_to; i--) emit_op(c, OP_TRY_END, 0, at);
}

/* Drops what an expression around the loop's body has on the stack, under the value if there is
 * one. [… v? -- v?] */
static void stmt_unwind(struct compiler *c, const struct unit_loop *l, bool value, uint32_t at)
{
  uint32_t height = c->unit->depth - value;
  if (c->failed || height <= l->depth) return;
  uint32_t slot = scope_slots(c, 1);
  if (value) emit_op(c, OP_INIT, slot, at);
  for (uint32_t i = height; i > l->depth; i--) emit_op(c, OP_POP, 0, at);
  if (value) emit_op(c, OP_GET, slot, at);
}

/* [ -- ]; what it jumps with is [… -- v?], v? being that of the loop. */
static void stmt_break(struct compiler *c)
{
  uint32_t at = c->token.at;
  struct unit_loop *l = c->unit->loop;
  bool leave = c->token.type == TOKEN_BREAK;
  if (!l) compile_error(c, at, "'%s' outside of a loop", leave ? "break" : "continue");
  if (c->failed) return;
  compile_advance(c);
  uint32_t depth = c->unit->depth;
  bool value = leave && l->want;
  if (leave && stmt_has_value(c)) {
    expr(c);
    if (!value) emit_op(c, OP_POP, 0, at);
  } else if (value) {
    emit_op(c, OP_UNIT, 0, at);
  }
  stmt_end_tries(c, l->tries, at);
  stmt_unwind(c, l, value, at);
  if (leave)
    emit_chain(c, OP_JUMP, &l->breaks, at);
  else if (l->start != CODE_NONE)
    emit_jump_to(c, OP_LOOP, l->start, at);
  else
    emit_chain(c, OP_JUMP, &l->continues, at);
  c->unit->depth = depth; /* what follows is not reached: the height goes on as it was */
}

/* [ -- ], and leaves with the value. */
static void stmt_return(struct compiler *c)
{
  struct unit *u = c->unit;
  uint32_t at = c->token.at;
  compile_advance(c);
  if (stmt_has_value(c))
    expr(c);
  else
    emit_op(c, OP_UNIT, 0, at);
  stmt_end_tries(c, 0, at);
  if (u->proto->kind != PROTO_MAIN) {
    emit_op(c, OP_RETURN, 0, at);
    return;
  }
  c->module->result_at = at;
  emit_op(c, OP_INIT, u->result_slot, at); /* a file still has its exports to do */
  emit_chain(c, OP_JUMP, &u->returns, at);
}

/* [ -- ], and leaves with the error. */
static void stmt_throw(struct compiler *c)
{
  uint32_t at = c->token.at;
  compile_advance(c);
  if (stmt_has_value(c)) {
    expr(c);
    emit_op(c, OP_THROW, 0, at);
  } else if (c->unit->catch_slot != CODE_NONE) {
    emit_op(c, OP_RETHROW, c->unit->catch_slot, at);
  } else {
    emit_op(c, OP_UNIT, 0, at);
    emit_op(c, OP_THROW, 0, at);
  }
}

/* [error -- ] */
static void stmt_catch(struct compiler *c)
{
  struct unit *u = c->unit;
  uint32_t outer = u->catch_slot;
  struct scope scope = scope_begin(c);
  uint32_t slot = scope_slots(c, 2);
  emit_effect(c, 1); /* the VM pushes what was caught */
  emit_op(c, OP_CATCH, slot, c->token.at);
  u->catch_slot = slot;
  if (compile_accept(c, TOKEN_OPEN)) {
    scope_declare(c, compile_name(c), slot + 1, false, false);
    compile_expect(c, TOKEN_CLOSE);
  }
  stmt_block(c, false);
  u->catch_slot = outer;
  scope_end(c, scope);
}

/* [ -- ] */
static void stmt_try(struct compiler *c)
{
  uint32_t at = c->token.at;
  compile_advance(c);
  uint32_t caught = emit_jump(c, OP_TRY, at);
  c->unit->tries++;
  stmt_block(c, false);
  c->unit->tries--;
  emit_op(c, OP_TRY_END, 0, at);
  uint32_t over = emit_jump(c, OP_JUMP, at);
  emit_patch(c, caught);
  compile_expect(c, TOKEN_CATCH);
  stmt_catch(c);
  emit_patch(c, over);
}

/* ---- assignment ------------------------------------------------------------------------------ */

static enum value_op stmt_compound_op(enum token_type t)
{
  static const uint8_t ops[TOKEN_TYPES] = {
      [TOKEN_ADD_SET] = VALUE_ADD, [TOKEN_SUB_SET] = VALUE_SUB, [TOKEN_MUL_SET] = VALUE_MUL,
      [TOKEN_DIV_SET] = VALUE_DIV, [TOKEN_MOD_SET] = VALUE_MOD, [TOKEN_POW_SET] = VALUE_POW,
      [TOKEN_SHL_SET] = VALUE_SHL, [TOKEN_SHR_SET] = VALUE_SHR, [TOKEN_AND_SET] = VALUE_AND,
      [TOKEN_OR_SET] = VALUE_OR,   [TOKEN_XOR_SET] = VALUE_XOR};
  return ops[t];
}

/* A name nobody declared: not found, or a predefined constant; the VM says which. [value -- ] */
static bool stmt_assign_unknown(struct compiler *c)
{
  struct lex ahead = c->lex;
  enum token_type next = lex_next(&ahead).type;
  if (c->token.type != TOKEN_IDENT || next == TOKEN_DOT || next == TOKEN_SAFE_DOT ||
      next == TOKEN_INDEX_OPEN || next == TOKEN_SAFE_INDEX || next == TOKEN_PATH ||
      next == TOKEN_OPEN || scope_find(c, c->token.text, false).found) {
    return false;
  }
  struct string *s = compile_string(c, c->token.text);
  if (!s) return true;
  emit_op(c, OP_NO_ASSIGN, emit_const(c, VALUE_MAKE(VALUE_STRING, string, s)), c->token.at);
  return true;
}

/* target op= value: the value is compiled first, then the lexer goes back to the target. `after`
 * stands behind the operator. [ -- ] */
static void stmt_assign(struct compiler *c, enum token_type op, const struct lex *after)
{
  struct lex target = c->lex;
  struct token first = c->token;
  c->lex = *after;
  uint32_t op_at = after->at - (uint32_t)strlen(token_name(op)) + 2; /* without its quotes */
  compile_advance(c);
  expr(c);
  struct lex rest = c->lex;
  struct token next = c->token;
  if (c->failed) return;
  c->lex = target;
  c->token = first;
  if (!stmt_assign_unknown(c)) {
    struct operand o = expr_target(c);
    if (op == TOKEN_SET)
      path_set(c, &o);
    else
      path_compound(c, &o, stmt_compound_op(op), op_at);
  }
  if (c->failed) return;
  c->lex = rest;
  c->token = next;
  if (next.type == TOKEN_STRING || next.type == TOKEN_TEMPLATE) {
    compile_unexpected(c, "';'"); /* its text is gone; it would be wrong here anyway */
  }
}

/* Likewise: an assignment has no value. */
static bool stmt_expression(struct compiler *c, bool want)
{
  struct lex after;
  bool maybe = c->token.type == TOKEN_THIS || c->token.type == TOKEN_GLOBAL ||
               (c->token.type == TOKEN_IDENT && !decl_here(c));
  enum token_type op = maybe ? scan_assignment(c, &after) : TOKEN_END;
  if (op != TOKEN_END) {
    stmt_assign(c, op, &after);
    return false;
  }
  expr(c);
  if (!want) emit_pop(c);
  return want;
}

/* ---- one statement --------------------------------------------------------------------------- */

/* True: a value was left (only if wanted). *closed: it needs no ; behind it. [ -- v?], but [ -- ]
 * when it says false. */
static bool stmt_one(struct compiler *c, bool want, bool *closed)
{
  *closed = true;
  switch (c->token.type) {
  case TOKEN_IF: stmt_if(c, want); return want;
  case TOKEN_SWITCH: stmt_switch(c, want); return want;
  case TOKEN_BLOCK_OPEN: stmt_block(c, want); return want;
  case TOKEN_WHILE:
  case TOKEN_LOOP:
  case TOKEN_FOR: stmt_loop(c, want); return want;
  case TOKEN_TRY: stmt_try(c); return false;
  case TOKEN_FN:
  case TOKEN_PRIVATE: decl_fn(c); return false;
  default: break;
  }
  *closed = false;
  switch (c->token.type) {
  case TOKEN_DO: stmt_loop(c, want); return want;
  case TOKEN_LET:
  case TOKEN_CONST: decl_let(c, false); return false;
  case TOKEN_IMPORT: decl_import(c); return false;
  case TOKEN_EXPORT: decl_export(c); return false;
  case TOKEN_RETURN: stmt_return(c); return false;
  case TOKEN_THROW: stmt_throw(c); return false;
  case TOKEN_BREAK:
  case TOKEN_CONTINUE: stmt_break(c); return false;
  default: return stmt_expression(c, want);
  }
}
