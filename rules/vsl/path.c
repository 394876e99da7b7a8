/* rules/vsl/path.c: paths: a variable with steps behind it, read, written, or called upon.
 *
 * A path is kept as it is until it is clear what it is for: `m.a[2]` may be read, assigned to, or
 * be the receiver of a method that changes it in place. Only keys of [ ] are computed on the way.
 */
#include "compile.h"

static uint32_t path_is_temp(const struct operand *o)
{
  return o->root == PATH_TEMP || o->root == PATH_TEMP_CONST;
}

/* What a path has on the stack: its keys, and the root if that is no variable. */
static uint32_t path_height(const struct operand *o)
{
  return o->keys + path_is_temp(o);
}

static void path_words(struct compiler *c, const struct operand *o, enum opcode op, uint32_t extra,
                       uint32_t at)
{
  emit_ab(c, op, o->n, (uint32_t)o->root | extra << 8, at);
  emit_word(c, o->slot, o->root_at);
  for (uint32_t i = 0; i < o->n; i++) {
    emit_word(c, (uint32_t)o->steps[i].kind | o->steps[i].k << 8, o->steps[i].at);
    if (o->steps[i].kind == PATH_PROPERTY) emit_word(c, o->steps[i].set, o->steps[i].at);
  }
}

static void path_on_stack(struct operand *o)
{
  o->kind = OPERAND_STACK;
  o->is_const = o->leaves_rule = false;
  o->n = o->keys = 0;
}

/* v.name and a[i] with both in slots have instructions of their own. */
static bool path_load_short(struct compiler *c, const struct operand *o)
{
  uint32_t word;
  if (o->n != 1 || (o->root != PATH_LOCAL && o->root != PATH_LOCAL_CONST) || o->slot > 0xFF) {
    return false;
  }
  if (o->steps[0].kind == PATH_PROPERTY) {
    if (o->steps[0].k > 0xFFFF) return false;
    emit_ab(c, OP_PROPERTY_L, o->slot, o->steps[0].k, o->steps[0].at);
    emit_word(c, o->steps[0].set, o->steps[0].at);
    return true;
  }
  if (!emit_last_is(c, OP_GET, &word) || word >> 8 > 0xFFFF) return false;
  emit_unget(c);
  emit_ab(c, OP_INDEX_LL, o->slot, word >> 8, o->steps[0].at);
  return true;
}

/* [o -- value] */
void path_load(struct compiler *c, struct operand *o)
{
  if (o->kind == OPERAND_PATH) {
    if (!o->n && o->root == PATH_THIS) {
      emit_op(c, OP_THIS, 0, o->root_at);
    } else if (!o->n && !path_is_temp(o)) {
      emit_op(c, OP_GET, o->slot, o->root_at);
    } else if (o->n && !path_load_short(c, o)) {
      path_words(c, o, OP_PATH_GET, 0, o->root_at);
      emit_effect(c, 1 - (int64_t)path_height(o));
    }
  }
  if (o->safe != CODE_NONE) emit_patch_chain(c, o->safe);
  o->safe = CODE_NONE;
  path_on_stack(o);
}

/* [o -- o] */
void path_take_step(struct compiler *c, struct operand *o)
{
  if (o->kind == OPERAND_PATH && o->n == PATH_STEPS_MAX) {
    bool is_const = o->is_const;
    uint32_t safe = o->safe;
    o->safe = CODE_NONE;
    path_load(c, o);
    o->is_const = is_const;
    o->safe = safe;
  }
  if (o->kind == OPERAND_PATH) return;
  o->kind = OPERAND_PATH;
  o->root = o->is_const ? PATH_TEMP_CONST : PATH_TEMP;
  o->literal = LITERAL_NO;
  o->slot = 0;
}

static void path_add(struct operand *o, enum path_step kind, uint32_t k, uint32_t set, uint32_t at)
{
  o->steps[o->n].kind = kind;
  o->steps[o->n].k = k;
  o->steps[o->n].set = set;
  o->steps[o->n++].at = at;
}

/* A constant with that text; 0 after a fault. */
static uint32_t path_text(struct compiler *c, str text)
{
  struct string *s = compile_string(c, text);
  return s ? emit_const(c, VALUE_MAKE(VALUE_STRING, string, s)) : 0;
}

/* [o -- o] */
void path_property(struct compiler *c, struct operand *o, str name, uint32_t at)
{
  path_take_step(c, o);
  path_add(o, PATH_PROPERTY, path_text(c, name), registry_find(c->program->options.registry, name),
           at);
}

/* [o key -- o] */
void path_index(struct compiler *c, struct operand *o, uint32_t at)
{
  (void)c;
  path_add(o, PATH_INDEX, 0, CODE_NONE, at);
  o->keys++;
}

/* [o -- o], and jumps with [()] instead. */
void path_test(struct compiler *c, struct operand *o, uint32_t at)
{
  path_take_step(c, o);
  path_words(c, o, OP_PATH_TEST, 0, at);
  emit_chain(c, OP_JUMP, &o->safe, at);
}

/* Does INVOKE find the receiver at its place among the arguments already? */
static bool path_is_argument(const struct operand *o)
{
  return path_is_temp(o) && !o->n;
}

/* [o -- o r], r being the place of the receiver; no r if o is that value itself. */
void path_ready(struct compiler *c, struct operand *o)
{
  path_take_step(c, o);
  if (!path_is_argument(o)) emit_op(c, OP_UNIT, 0, o->at);
  emit_here(c); /* the placeholder must not be fused away */
}

static void path_warn(struct compiler *c, const struct operand *o)
{
  if (o->leaves_rule)
    compile_warning(c, o->root_at, "changes to " STR_FMT " are lost when the rule ends",
                    STR_ARG(o->name));
}

/* [o r a1 … an -- result] */
void path_invoke(struct compiler *c, struct operand *o, str name, uint32_t argc, bool native,
                 uint32_t at)
{
  const struct registry *g = c->program->options.registry;
  uint32_t k = path_text(c, name), fn = CODE_NONE, set = registry_find(g, name);
  struct function *f = native ? NULL : compile_function(c, name, argc);
  if (f) fn = (uint32_t)(f - COMPILE_LIST(c->functions, struct function));
  if (!f && set != CODE_NONE && g->sets[set].common & NATIVE_MUTATES) path_warn(c, o);
  if (argc > INVOKE_ARGC) compile_error(c, at, "a call has too many arguments");
  path_words(c, o, OP_INVOKE, (argc & INVOKE_ARGC) | (native ? INVOKE_NATIVE : 0), at);
  emit_word(c, k, at);
  emit_word(c, fn, at);
  emit_word(c, set, at);
  emit_effect(c, 1 - (int64_t)path_height(o) - !path_is_argument(o) - argc);
  path_on_stack(o);
  o->literal = LITERAL_NO;
}

/* A target that may be written to at all. */
static bool path_writable(struct compiler *c, const struct operand *o)
{
  if (o->root == PATH_LOCAL_CONST) {
    compile_error(c, o->root_at, "cannot assign to the constant '" STR_FMT "'", STR_ARG(o->name));
    return false;
  }
  if (o->kind == OPERAND_STACK && o->is_const && o->name.n) return true; /* throws when it runs */
  if (o->kind == OPERAND_STACK || path_is_argument(o)) {
    compile_error(c, o->at, "this cannot be assigned to");
    return false;
  }
  path_warn(c, o);
  return true;
}

/* The rest of an assignment through `?.`: where it stopped, the value and the () are dropped. */
static void path_safe_end(struct compiler *c, struct operand *o)
{
  if (o->safe == CODE_NONE) return;
  uint32_t over = emit_jump(c, OP_JUMP, o->at);
  emit_patch_chain(c, o->safe);
  o->safe = CODE_NONE;
  emit_effect(c, 2);
  emit_op(c, OP_POP, 0, o->at);
  emit_op(c, OP_POP, 0, o->at);
  emit_patch(c, over);
}

static bool path_set_short(struct compiler *c, const struct operand *o)
{
  uint32_t word;
  if (!o->n && o->root == PATH_LOCAL) {
    emit_op(c, OP_SET, o->slot, o->root_at);
    return true;
  }
  if (o->n != 1 || o->root != PATH_LOCAL || o->slot > 0xFF || o->steps[0].kind != PATH_INDEX ||
      !emit_last_is(c, OP_GET, &word) || word >> 8 > 0xFFFF) {
    return false;
  }
  emit_unget(c);
  emit_ab(c, OP_INDEX_SET_LL, o->slot, word >> 8, o->steps[0].at);
  return true;
}

/* [value o -- ] */
void path_set(struct compiler *c, struct operand *o)
{
  if (!path_writable(c, o)) return;
  path_take_step(c, o);
  if (!path_set_short(c, o)) {
    path_words(c, o, OP_PATH_SET, 0, o->root_at);
    emit_effect(c, -1 - (int64_t)path_height(o));
  }
  path_safe_end(c, o);
}

/* [value o -- ] */
void path_compound(struct compiler *c, struct operand *o, enum value_op op, uint32_t at)
{
  if (!path_writable(c, o)) return;
  path_take_step(c, o);
  if (!o->n && o->root == PATH_LOCAL) {
    emit_compound(c, op, o->slot, at);
    return;
  }
  path_words(c, o, OP_PATH_COMPOUND, op, at);
  emit_effect(c, -1 - (int64_t)path_height(o));
  path_safe_end(c, o);
}
