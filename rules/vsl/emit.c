/* rules/vsl/emit.c: instructions, one after the other, and jumps between them.
 *
 * A few are fused as they come: two loads and an operator become one word. That is legal only when
 * no jump lands between them, so every place a jump may go to is a label, and nothing before the
 * newest label is touched.
 *
 * THE STACK. [a b -- c] behind an emitter says what the code it emits does when it runs: a and b
 * lay on top of the stack, b uppermost, and c lies there instead; below nothing changes. The height
 * at every instruction is known here (unit.depth, by emit_effect). Where ways meet they have the
 * same height, and emit_effect takes back what the other way left.
 *
 *   v?       the value of a statement, if `want` is set; else nothing
 *   o        an operand that is not loaded yet: for a variable or `this` without keys nothing; for
 *            one with index steps its keys, in order; for any other its value (the root) under them
 *   a1 … an  arguments, as many as are returned or given
 *   …        all above what lay there when the loop began
 */
#include "compile.h"

static const int8_t emit_effects[OPCODES] = {
#define OPCODE(name, effect) effect,
#include "opcode.h"
#undef OPCODE
};

/* Operators with fused forms, by their _SS opcode. 0: there are none. */
static const uint8_t emit_fused[VALUE_OPS] = {
    [VALUE_ADD] = OP_ADD_SS, [VALUE_SUB] = OP_SUB_SS, [VALUE_MUL] = OP_MUL_SS,
    [VALUE_DIV] = OP_DIV_SS, [VALUE_MOD] = OP_MOD_SS, [VALUE_EQ] = OP_EQ_SS,
    [VALUE_NE] = OP_NE_SS,   [VALUE_LT] = OP_LT_SS,   [VALUE_LE] = OP_LE_SS,
    [VALUE_GT] = OP_GT_SS,   [VALUE_GE] = OP_GE_SS};
enum { EMIT_SS, EMIT_LL, EMIT_LK, EMIT_SL, EMIT_SK }; /* ORDER OPCODE_BINARY */

static uint32_t *emit_code(const struct compiler *c)
{
  return COMPILE_LIST(c->unit->code, uint32_t);
}

uint32_t emit_count(const struct compiler *c)
{
  return COMPILE_COUNT(c->unit->code, uint32_t);
}

void emit_word(struct compiler *c, uint32_t word, uint32_t at)
{
  compile_add(c, &c->unit->code, &word, sizeof word);
  compile_add(c, &c->unit->places, &at, sizeof at);
}

void emit_effect(struct compiler *c, int64_t delta)
{
  struct unit *u = c->unit;
  u->depth = (uint32_t)((int64_t)u->depth + delta);
  if (u->depth > u->stack && u->depth < UINT32_MAX / 2) u->stack = u->depth;
}

static void emit_instruction(struct compiler *c, enum opcode op, uint32_t operands, uint32_t at)
{
  struct unit *u = c->unit;
  u->before = u->last;
  u->last = emit_count(c);
  emit_word(c, (uint32_t)op | operands << 8, at);
  emit_effect(c, emit_effects[op]);
}

void emit_op(struct compiler *c, enum opcode op, int64_t a, uint32_t at)
{
  if (a < -(1 << 23) || a >= 1 << 24) compile_error(c, at, "the code is too large");
  emit_instruction(c, op, (uint32_t)a & 0xFFFFFF, at);
}

void emit_ab(struct compiler *c, enum opcode op, uint32_t a, uint32_t b, uint32_t at)
{
  if (a > 0xFF || b > 0xFFFF) compile_error(c, at, "the code is too large");
  emit_instruction(c, op, (a & 0xFF) | (b & 0xFFFF) << 8, at);
}

/* ---- jumps ----------------------------------------------------------------------------------- */

uint32_t emit_here(struct compiler *c)
{
  c->unit->label = emit_count(c);
  return c->unit->label;
}

static void emit_set_jump(struct compiler *c, uint32_t jump, int64_t distance)
{
  if (c->failed) return;
  if (distance < -(1 << 23) || distance >= 1 << 23) {
    compile_error(c, COMPILE_LIST(c->unit->places, uint32_t)[jump], "the code is too large");
    return;
  }
  uint32_t *word = &emit_code(c)[jump];
  *word = (*word & 0xFF) | ((uint32_t)distance & 0xFFFFFF) << 8;
}

uint32_t emit_jump(struct compiler *c, enum opcode op, uint32_t at)
{
  emit_op(c, op, 0, at);
  return emit_count(c) - 1;
}

void emit_patch(struct compiler *c, uint32_t jump)
{
  emit_set_jump(c, jump, (int64_t)emit_here(c) - jump - 1);
}

/* A link of a chain holds how far back the one before it is, 0 at its end. */
void emit_chain(struct compiler *c, enum opcode op, uint32_t *chain, uint32_t at)
{
  uint32_t jump = emit_jump(c, op, at);
  emit_set_jump(c, jump, *chain == CODE_NONE ? 0 : jump - *chain);
  *chain = jump;
}

void emit_patch_chain(struct compiler *c, uint32_t chain)
{
  while (chain != CODE_NONE && !c->failed) {
    uint32_t back = emit_code(c)[chain] >> 8;
    emit_patch(c, chain);
    chain = back ? chain - back : CODE_NONE;
  }
}

void emit_jump_to(struct compiler *c, enum opcode op, uint32_t target, uint32_t at)
{
  uint32_t jump = emit_jump(c, op, at);
  emit_set_jump(c, jump, (int64_t)target - jump - 1);
}

/* ---- loads ----------------------------------------------------------------------------------- */

static bool emit_same(struct value a, struct value b)
{
  if (a.type != b.type) return false;
  if (value_is_heap(a)) return a.as.heap == b.as.heap;
  if (a.type == VALUE_FLOAT) return memcmp(&a.as.f, &b.as.f, sizeof a.as.f) == 0;
  return a.type == VALUE_INT ? a.as.i == b.as.i : a.type == VALUE_CHAR && a.as.c == b.as.c;
}

uint32_t emit_const(struct compiler *c, struct value frozen)
{
  struct value *list = COMPILE_LIST(c->unit->consts, struct value);
  uint32_t n = COMPILE_COUNT(c->unit->consts, struct value);
  for (uint32_t i = 0; i < n && i < 256; i++)
    if (emit_same(list[i], frozen)) return i;
  compile_add(c, &c->unit->consts, &frozen, sizeof frozen);
  return n;
}

void emit_value(struct compiler *c, struct value frozen, uint32_t at)
{
  emit_op(c, OP_CONST, emit_const(c, frozen), at);
}

void emit_int(struct compiler *c, int64_t i, uint32_t at)
{
  if (i >= -(1 << 23) && i < 1 << 23)
    emit_op(c, OP_INT, i, at);
  else
    emit_value(c, value_int(i), at);
}

bool emit_last_is(const struct compiler *c, enum opcode op, uint32_t *word)
{
  const struct unit *u = c->unit;
  if (c->failed || u->last == CODE_NONE || u->last < u->label || u->last + 1 != emit_count(c)) {
    return false;
  }
  *word = emit_code(c)[u->last];
  return (*word & 0xFF) == op;
}

void emit_unget(struct compiler *c)
{
  struct unit *u = c->unit;
  u->code.n -= sizeof(uint32_t);
  u->places.n -= sizeof(uint32_t);
  u->last = u->before;
  u->before = CODE_NONE;
  u->depth--;
}

/* The constant the last instruction loads. */
static bool emit_last_const(struct compiler *c, uint32_t *k)
{
  uint32_t word;
  if (emit_last_is(c, OP_CONST, &word))
    *k = word >> 8;
  else if (emit_last_is(c, OP_INT, &word))
    *k = emit_const(c, value_int((int32_t)word >> 8));
  else
    return false;
  return *k <= 0xFFFF;
}

/* The slot it loads, at most max. */
static bool emit_last_slot(struct compiler *c, uint32_t max, uint32_t *slot)
{
  uint32_t word;
  if (!emit_last_is(c, OP_GET, &word)) return false;
  *slot = word >> 8;
  return *slot <= max;
}

void emit_binary(struct compiler *c, enum value_op op, uint32_t at)
{
  uint32_t base = emit_fused[op], right, left;
  if (!base) {
    emit_op(c, OP_BINARY, op, at);
    return;
  }
  bool is_const = emit_last_const(c, &right);
  if (!is_const && !emit_last_slot(c, 0xFFFF, &right)) {
    emit_op(c, (enum opcode)base, 0, at);
    return;
  }
  emit_unget(c);
  if (emit_last_slot(c, 0xFF, &left)) {
    emit_unget(c);
    emit_ab(c, (enum opcode)(base + (is_const ? EMIT_LK : EMIT_LL)), left, right, at);
  } else {
    emit_op(c, (enum opcode)(base + (is_const ? EMIT_SK : EMIT_SL)), right, at);
  }
}

void emit_compound(struct compiler *c, enum value_op op, uint32_t slot, uint32_t at)
{
  uint32_t k;
  if ((op == VALUE_ADD || op == VALUE_SUB) && emit_last_const(c, &k) && k <= 0xFF) {
    emit_unget(c);
    emit_ab(c, op == VALUE_ADD ? OP_ADD_TO_K : OP_SUB_TO_K, k, slot, at);
  } else if (op == VALUE_ADD) {
    emit_op(c, OP_ADD_TO, slot, at);
  } else {
    emit_ab(c, OP_COMPOUND, op, slot, at);
  }
}

void emit_pop(struct compiler *c)
{
  static const uint8_t pushes[] = {OP_CONST, OP_INT, OP_UNIT, OP_TRUE, OP_FALSE, OP_GET};
  uint32_t word;
  for (size_t i = 0; i < BASE_COUNT(pushes); i++)
    if (emit_last_is(c, pushes[i], &word)) {
      emit_unget(c);
      return;
    }
  emit_op(c, OP_POP, 0, c->token.at);
}
