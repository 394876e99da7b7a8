/* rules/vsl/vm.c: the loop that runs code.
 *
 * The hot parts of a fiber (pc, top of the stack, base of the frame) live in locals; SAVE writes
 * them back before anything that may raise, call or move the stack, LOAD reads them again. Ints and
 * floats among themselves are done here; all other operands go to value.c.
 */
#include "fiber.h"

#include <math.h>

/* ---- the loop -------------------------------------------------------------------------------- */

#define A24(word) ((word) >> 8)
#define S24(word) ((int32_t)(word) >> 8)
#define A8(word)  ((word) >> 8 & 0xFF)
#define B16(word) ((word) >> 16)
#define SAVE()    (frame->pc = pc, f->top = top)
#define LOAD()                                                                                     \
  (frame = fiber_frame(f), pc = frame->pc, base = f->stack + frame->base, top = f->top,            \
   consts = frame->proto->consts)
#define RAISE_IF(bad)                                                                              \
  do {                                                                                             \
    if (bad) goto raise;                                                                           \
  } while (0)
#define RELEASE(v) value_release(f->region, v)

/* An operator on ints done here, or left to value.c. left and right are borrowed; `drop` of them
 * lie on the stack. */
#define ARITHMETIC(left, right, drop, op, builtin)                                                 \
  do {                                                                                             \
    struct value l = (left), r = (right), out;                                                     \
    if (l.type == VALUE_INT && r.type == VALUE_INT && !builtin(l.as.i, r.as.i, &out.as.i)) {       \
      top -= drop;                                                                                 \
      top->type = VALUE_INT;                                                                       \
      (top++)->as.i = out.as.i;                                                                    \
      NEXT;                                                                                        \
    }                                                                                              \
    if (l.type == VALUE_FLOAT && r.type == VALUE_FLOAT && vm_float(op, l.as.f, r.as.f, &out)) {    \
      top -= drop;                                                                                 \
      *top++ = out;                                                                                \
      NEXT;                                                                                        \
    }                                                                                              \
    SAVE();                                                                                        \
    RAISE_IF(vm_binary(f, op, step_read(f, l), step_read(f, r), drop));                            \
    top = f->top;                                                                                  \
    NEXT;                                                                                          \
  } while (0)

/* A comparison; when a conditional jump follows it is done at once. */
#define COMPARE(left, right, drop, op, sign)                                                       \
  do {                                                                                             \
    struct value l = (left), r = (right);                                                          \
    bool yes;                                                                                      \
    if (l.type == VALUE_INT && r.type == VALUE_INT) {                                              \
      yes = l.as.i sign r.as.i;                                                                    \
      top -= drop;                                                                                 \
    } else if (l.type == VALUE_FLOAT && r.type == VALUE_FLOAT) {                                   \
      yes = l.as.f sign r.as.f;                                                                    \
      top -= drop;                                                                                 \
    } else {                                                                                       \
      SAVE();                                                                                      \
      RAISE_IF(vm_binary(f, op, step_read(f, l), step_read(f, r), drop));                          \
      top = f->top - 1;                                                                            \
      yes = top->as.b;                                                                             \
    }                                                                                              \
    if ((*pc & 0xFF) == OP_JUMP_FALSE) {                                                           \
      pc += yes ? 1 : S24(*pc) + 1;                                                                \
    } else {                                                                                       \
      *top++ = value_bool(yes);                                                                    \
    }                                                                                              \
    NEXT;                                                                                          \
  } while (0)

/* The five forms of a binary operator. ORDER OPCODE_BINARY. */
#define BINARY(name, how, op, with)                                                                \
  CASE(name##_SS) how(top[-2], top[-1], 2, op, with);                                              \
  CASE(name##_LL) how(base[A8(word)], base[B16(word)], 0, op, with);                               \
  CASE(name##_LK) how(base[A8(word)], consts[B16(word)], 0, op, with);                             \
  CASE(name##_SL) how(top[-1], base[A24(word)], 1, op, with);                                      \
  CASE(name##_SK) how(top[-1], consts[A24(word)], 1, op, with)

/* op is a constant where this is called, so that only its line stays. */
static inline bool vm_float(enum value_op op, double a, double b, struct value *out)
{
  switch (op) {
  case VALUE_ADD: *out = value_float(a + b); return true;
  case VALUE_SUB: *out = value_float(a - b); return true;
  case VALUE_MUL: *out = value_float(a * b); return true;
  case VALUE_DIV: *out = value_float(a / b); return true;
  default: return false;
  }
}

static bool vm_div(int64_t a, int64_t b, int64_t *out)
{
  if (b == 0 || (b == -1 && a == INT64_MIN)) return true;
  *out = a / b;
  return false;
}

static bool vm_mod(int64_t a, int64_t b, int64_t *out)
{
  if (b == 0 || b == -1) return true;
  *out = a % b;
  return false;
}

/* The result replaces the topmost `drop` values. A string on the stack nobody else has grows in
 * place, so "a" + b + c is linear. */
static int vm_binary(struct fiber *f, enum value_op op, struct value a, struct value b, int drop)
{
  struct value out;
  if (op == VALUE_ADD && drop && a.type == VALUE_STRING && a.as.heap->refs == 1) {
    if (value_compound(f, op, &f->top[-drop], b)) return -1;
    if (drop == 2) RELEASE(*--f->top);
    return 0;
  }
  if (value_binary(f, op, a, b, &out)) return -1;
  for (; drop; drop--) RELEASE(*--f->top);
  *f->top++ = out;
  return 0;
}

#define CASE(name) DO_##name:
#define NEXT                                                                                       \
  do {                                                                                             \
    word = *pc++;                                                                                  \
    goto *labels[word & 0xFF];                                                                     \
  } while (0)

enum fiber_state vm_run(struct fiber *f)
{
  static const void *const labels[OPCODES] = {
#define OPCODE(name, effect) &&DO_##name,
#include "opcode.h"
#undef OPCODE
  };
  struct frame *frame = NULL; /* all are set by LOAD */
  const uint32_t *pc = NULL;
  struct value *base = NULL, *top = NULL, *consts = NULL;
  uint32_t word;
  enum invoked invoked;

  if (f->failing) {
    f->failing = false;
    goto raise;
  }
  invoked = invoke_drive(f); /* a native may be what goes on */
  goto invoked;

  CASE(CONST)
  {
    *top++ = consts[A24(word)];
    NEXT; /* frozen: no count */
  }
  CASE(INT)
  {
    *top++ = value_int(S24(word));
    NEXT;
  }
  CASE(UNIT)
  {
    *top++ = value_unit();
    NEXT;
  }
  CASE(TRUE)
  {
    *top++ = value_bool(true);
    NEXT;
  }
  CASE(FALSE)
  {
    *top++ = value_bool(false);
    NEXT;
  }
  CASE(POP)
  {
    --top;
    RELEASE(*top);
    NEXT;
  }
  CASE(GET)
  {
    struct value v = base[A24(word)];
    if (value_is_heap(v)) v = value_retain(step_read(f, v));
    *top++ = v;
    NEXT;
  }
  CASE(SET)
  {
    struct value *slot = &base[A24(word)];
    if (!value_is_heap(*slot)) {
      *slot = *--top;
      NEXT;
    }
    top--;
    SAVE();
    RAISE_IF(step_assign(f, slot, *top));
    NEXT;
  }
  CASE(INIT)
  {
    struct value *slot = &base[A24(word)];
    --top;
    value_set(f->region, slot, *top);
    NEXT;
  }
  CASE(CLEAR)
  {
    struct value *slot = &base[B16(word)];
    for (uint32_t n = A8(word); n; n--, slot++) RELEASE(value_take(slot));
    NEXT;
  }
  CASE(THIS)
  {
    SAVE();
    if (frame->self.type == VALUE_NONE) {
      fiber_raise(f, VSL_THIS, "'this' is not bound to anything here");
      goto raise;
    }
    *top++ = value_retain(frame->self);
    NEXT;
  }
  CASE(GLOBAL)
  {
    SAVE();
    RAISE_IF(step_global(f, A24(word), top));
    top++;
    NEXT;
  }
  CASE(GLOBAL_SET)
  {
    --top;
    value_set(f->region, &frame->proto->module->globals[A24(word)], *top);
    if (object_is(*top, &module_type)) {
      SAVE();
      RAISE_IF(step_export(f, &frame->proto->module->imports,
                           frame->proto->module->global_names[A24(word)], value_retain(*top)));
    }
    NEXT;
  }
  CASE(MEMBER) CASE(SUBMODULE)
  {
    struct value out;
    SAVE();
    RAISE_IF(
        step_member(f, top[-1], consts[A24(word)].as.string, (word & 0xFF) == OP_SUBMODULE, &out));
    value_set(f->region, &top[-1], out);
    NEXT;
  }
  CASE(NO_ASSIGN)
  {
    SAVE();
    step_no_assign(f, value_str(consts[A24(word)]));
    goto raise;
  }

  BINARY(ADD, ARITHMETIC, VALUE_ADD, __builtin_add_overflow);
  BINARY(SUB, ARITHMETIC, VALUE_SUB, __builtin_sub_overflow);
  BINARY(MUL, ARITHMETIC, VALUE_MUL, __builtin_mul_overflow);
  BINARY(DIV, ARITHMETIC, VALUE_DIV, vm_div);
  BINARY(MOD, ARITHMETIC, VALUE_MOD, vm_mod);
  BINARY(EQ, COMPARE, VALUE_EQ, ==);
  BINARY(NE, COMPARE, VALUE_NE, !=);
  BINARY(LT, COMPARE, VALUE_LT, <);
  BINARY(LE, COMPARE, VALUE_LE, <=);
  BINARY(GT, COMPARE, VALUE_GT, >);
  BINARY(GE, COMPARE, VALUE_GE, >=);
  CASE(BINARY)
  {
    SAVE();
    RAISE_IF(vm_binary(f, (enum value_op)A24(word), top[-2], top[-1], 2));
    top = f->top;
    NEXT;
  }
  CASE(UNARY)
  {
    struct value out;
    SAVE();
    RAISE_IF(value_binary(f, (enum value_op)A24(word), top[-1], value_unit(), &out));
    value_set(f->region, &top[-1], out);
    NEXT;
  }

  CASE(JUMP)
  {
    pc += S24(word);
    NEXT;
  }
  CASE(LOOP)
  {
    if (--f->fuel >= 0) {
      pc += S24(word);
      NEXT;
    }
    SAVE();
    int rc = fiber_refuel(f);
    RAISE_IF(rc < 0);
    frame->pc = pc += S24(word);
    if (rc) return FIBER_YIELDED;
    NEXT;
  }
  CASE(JUMP_FALSE)
  {
    if (top[-1].type != VALUE_BOOL) goto not_bool;
    if (!(--top)->as.b) pc += S24(word);
    NEXT;
  }
  CASE(JUMP_TRUE)
  {
    if (top[-1].type != VALUE_BOOL) goto not_bool;
    if ((--top)->as.b) pc += S24(word);
    NEXT;
  }
  CASE(AND)
  {
    if (top[-1].type != VALUE_BOOL) goto not_bool;
    if (!top[-1].as.b)
      pc += S24(word);
    else
      top--;
    NEXT;
  }
  CASE(OR)
  {
    if (top[-1].type != VALUE_BOOL) goto not_bool;
    if (top[-1].as.b)
      pc += S24(word);
    else
      top--;
    NEXT;
  }
  CASE(BOOL)
  {
    if (top[-1].type != VALUE_BOOL) goto not_bool;
    NEXT;
  }
  CASE(COALESCE)
  {
    if (top[-1].type != VALUE_UNIT)
      pc += S24(word);
    else
      top--;
    NEXT;
  }

  CASE(ADD_TO)
  {
    struct value *slot = &base[A24(word)];
    if (slot->type == VALUE_INT && top[-1].type == VALUE_INT &&
        !__builtin_add_overflow(slot->as.i, top[-1].as.i, &slot->as.i)) {
      top--;
      NEXT;
    }
    SAVE();
    RAISE_IF(step_compound(f, VALUE_ADD, slot, top[-1]));
    RELEASE(*--top);
    NEXT;
  }
  CASE(ADD_TO_K) CASE(SUB_TO_K)
  {
    struct value *slot = &base[B16(word)], *k = &consts[A8(word)];
    bool add = (word & 0xFF) == OP_ADD_TO_K;
    int64_t sum;
    if (slot->type == VALUE_INT && k->type == VALUE_INT &&
        !(add ? __builtin_add_overflow(slot->as.i, k->as.i, &sum)
              : __builtin_sub_overflow(slot->as.i, k->as.i, &sum))) {
      slot->as.i = sum;
      NEXT;
    }
    SAVE();
    RAISE_IF(step_compound(f, add ? VALUE_ADD : VALUE_SUB, slot, *k));
    NEXT;
  }
  CASE(COMPOUND)
  {
    SAVE();
    RAISE_IF(step_compound(f, (enum value_op)A8(word), &base[B16(word)], top[-1]));
    RELEASE(*--top);
    NEXT;
  }

  CASE(PATH_GET)
  {
    struct value out, *at = top - lvalue_height(pc - 1);
    SAVE();
    RAISE_IF(lvalue_read(f, pc - 1, at, &out));
    pc = lvalue_end(pc - 1);
    while (top > at) RELEASE(*--top);
    *top++ = out;
    NEXT;
  }
  CASE(PATH_SET)
  {
    struct value *at = top - lvalue_height(pc - 1);
    SAVE();
    RAISE_IF(lvalue_write(f, pc - 1, at, value_take(&at[-1])));
    pc = lvalue_end(pc - 1);
    while (top >= at) RELEASE(*--top);
    NEXT;
  }
  CASE(PATH_COMPOUND)
  {
    struct value *at = top - lvalue_height(pc - 1);
    SAVE();
    RAISE_IF(lvalue_compound(f, pc - 1, at, (enum value_op)(word >> 24), at[-1]));
    pc = lvalue_end(pc - 1);
    while (top >= at) RELEASE(*--top);
    NEXT;
  }
  CASE(PATH_TEST)
  {
    struct value out, *at = top - lvalue_height(pc - 1);
    SAVE();
    RAISE_IF(lvalue_read(f, pc - 1, at, &out));
    pc = lvalue_end(pc - 1);
    if (out.type == VALUE_UNIT) { /* the jump that comes next leaves the chain */
      while (top > at) RELEASE(*--top);
      *top++ = out;
      NEXT;
    }
    RELEASE(out);
    pc++;
    NEXT;
  }
  CASE(INDEX_LL)
  {
    struct value a = base[A8(word)], i = base[B16(word)];
    if (a.type == VALUE_ARRAY && i.type == VALUE_INT && (uint64_t)i.as.i < a.as.array->n) {
      *top++ = value_retain(a.as.array->items[i.as.i]);
      NEXT;
    }
    SAVE();
    RAISE_IF(lvalue_index(f, step_read(f, a), step_read(f, i), top));
    top++;
    NEXT;
  }
  CASE(INDEX_SET_LL)
  {
    struct value *a = &base[A8(word)], i = base[B16(word)];
    top--;
    if (a->type == VALUE_ARRAY && i.type == VALUE_INT && heap_is_own(a->as.heap) &&
        (uint64_t)i.as.i < a->as.array->n) {
      value_set(f->region, &a->as.array->items[i.as.i], *top);
      NEXT;
    }
    SAVE();
    RAISE_IF(step_set_index(f, a, step_read(f, i), *top));
    NEXT;
  }
  CASE(PROPERTY_L)
  {
    SAVE();
    RAISE_IF(
        lvalue_property(f, step_read(f, base[A8(word)]), consts[B16(word)].as.string, *pc, top));
    top++;
    pc++;
    NEXT;
  }

  CASE(CALL_FN)
  {
    SAVE();
    struct frame how = {.bottom = (uint32_t)(top - f->stack) - A8(word),
                        .self = {.type = VALUE_NONE}};
    invoked =
        invoke_proto(f, frame->proto->module->functions[B16(word)].proto, NULL, A8(word), how);
    goto invoked;
  }
  CASE(CALL_PRELUDE)
  {
    SAVE();
    struct frame how = {.bottom = (uint32_t)(top - f->stack) - A8(word),
                        .self = {.type = VALUE_NONE}};
    invoked = invoke_proto(f, f->program->prelude->functions[B16(word)].proto, NULL, A8(word), how);
    goto invoked;
  }
  CASE(CALL_NATIVE)
  {
    SAVE();
    invoked = invoke_set(f, B16(word), A8(word));
    goto invoked;
  }
  CASE(CALL_MEMBER)
  {
    SAVE();
    invoked = invoke_member(f, consts[B16(word)].as.string, A8(word));
    goto invoked;
  }
  CASE(INVOKE)
  {
    SAVE();
    const uint32_t *path = pc - 1;
    frame->pc = lvalue_end(path) + 3; /* its last word has the place of the name */
    invoked = invoke_call_method(f, path);
    goto invoked;
  }
  CASE(NO_FUNCTION)
  {
    SAVE();
    invoke_no_function(f, value_str(consts[B16(word)]), top - A8(word), A8(word));
    goto raise;
  }
  CASE(CLOSURE)
  {
    SAVE();
    RAISE_IF(step_closure(f, frame->proto->protos[A24(word)], base, top));
    top++;
    NEXT;
  }
  CASE(IS_SHARED)
  {
    *top++ = value_bool(base[A24(word)].type == VALUE_CELL);
    NEXT;
  }
  CASE(ARRAY)
  {
    struct value out;
    SAVE();
    RAISE_IF(step_array(f, top - A24(word), A24(word), &out));
    top -= A24(word);
    *top++ = out;
    NEXT;
  }
  CASE(ARRAY_ADD)
  {
    SAVE();
    uint32_t n = A24(word);
    if (array_append(f->region, &top[-1 - (int64_t)n], top - n, n)) goto full;
    while (n--) RELEASE(*--top);
    NEXT;
  }
  CASE(MAP)
  {
    SAVE();
    struct dict *m = dict_new(f->region, A24(word));
    if (!m) goto full;
    *top++ = VALUE_MAKE(VALUE_MAP, map, m);
    NEXT;
  }
  CASE(MAP_SET)
  {
    top--;
    SAVE();
    if (dict_set(f->region, &top[-1], consts[A24(word)].as.string, *top)) goto full;
    NEXT;
  }
  CASE(TEXT)
  {
    SAVE();
    RAISE_IF(value_append_text(f, &top[-2], top[-1], false));
    RELEASE(*--top);
    NEXT;
  }

  CASE(SWITCH)
  {
    SAVE();
    int64_t to = step_switch(f, &frame->proto->switches[A24(word)], base);
    RAISE_IF(to < 0);
    pc += to - 1;
    NEXT;
  }
  CASE(FOR)
  {
    top--;
    SAVE();
    RAISE_IF(step_for(f, *top, &base[A24(word)]));
    NEXT;
  }
  CASE(FOR_NEXT)
  {
    struct value *slots = &base[B16(word)];
    if (slots[0].type == VALUE_INT && slots[1].as.i != slots[0].as.i && !A8(word) &&
        !value_is_heap(slots[3])) { /* a range, not at its last */
      slots[3] = value_int(slots[1].as.i++);
      pc++;
      NEXT;
    }
    SAVE();
    int rc = step_for_step(f, slots, A8(word));
    RAISE_IF(rc < 0);
    pc += rc; /* over the jump to the end */
    NEXT;
  }
  CASE(TRY)
  {
    SAVE();
    RAISE_IF(step_try(f, pc + S24(word)));
    NEXT;
  }
  CASE(TRY_END)
  {
    f->handler_count--;
    NEXT;
  }
  CASE(CATCH)
  {
    SAVE();
    RAISE_IF(step_catch(f, &base[A24(word)]));
    top = f->top;
    NEXT;
  }
  CASE(THROW)
  {
    top--;
    SAVE();
    fiber_throw(f, *top);
    goto raise;
  }
  CASE(RETHROW)
  {
    SAVE();
    fiber_rethrow(f, base[A24(word)]);
    goto raise;
  }
  CASE(RETURN)
  {
    struct value out = *--top;
    SAVE();
    if (frame->flags) {
      invoked = invoke_return(f, out);
      goto invoked;
    }
    struct value *bottom = f->stack + frame->bottom; /* an ordinary call returns */
    while (top > bottom) RELEASE(*--top);
    RELEASE(frame->self);
    *top++ = out;
    f->top = top;
    f->depth--;
    f->frame_count--;
    LOAD();
    NEXT;
  }
  CASE(IMPORT)
  {
    SAVE();
    invoked = invoke_import(f, f->program->modules[A24(word)]);
    goto invoked;
  }
  CASE(IMPORT_PATH)
  {
    SAVE();
    struct module *m = step_import_path(f, top[-1]);
    RAISE_IF(!m);
    RELEASE(*--f->top);
    invoked = invoke_import(f, m);
    goto invoked;
  }
  CASE(EXPORT)
  {
    top--;
    SAVE();
    RAISE_IF(step_export(f, &frame->proto->module->exports, consts[A24(word)].as.string, *top));
    NEXT;
  }

not_bool:
  SAVE();
  fiber_raise(f, VSL_TYPE, "expecting bool, got %s", value_type_name(top[-1]));
  goto raise;
full:
  fiber_full(f);
  goto raise;
invoked:
  switch (invoked) {
  case INVOKED_FRAME:
    f->spot = NULL;
    if (!fiber_frame(f)->proto) {
      invoked = invoke_drive(f);
      goto invoked;
    }
    /* fall through */
  case INVOKED_DONE:
    f->spot = NULL;
    LOAD();
    if (f->fuel >= 0) NEXT;
    goto refuel;
  case INVOKED_WAIT: return FIBER_WAITING;
  case INVOKED_END: return FIBER_DONE;
  case INVOKED_ERROR: goto raise;
  }
refuel:
  SAVE();
  switch (fiber_refuel(f)) {
  case 0: NEXT;
  case 1: return FIBER_YIELDED;
  default: break;
  }
raise:
  if (!fiber_catch(f)) return FIBER_FAILED;
  LOAD();
  NEXT;
}

#undef A24
#undef S24
#undef A8
#undef B16
#undef SAVE
#undef LOAD
#undef RAISE_IF
#undef RELEASE
#undef ARITHMETIC
#undef COMPARE
#undef BINARY
#undef CASE
#undef NEXT
