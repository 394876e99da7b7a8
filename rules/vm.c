/* rules/vm.c: the loop that runs code.
 *
 * The hot parts of a fiber (pc, top of the stack, base of the frame) live in locals; SAVE writes
 * them back before anything that may raise, call or move the stack, LOAD reads them again. Ints and
 * floats among themselves are done here; all other operands go to value.c.
 */
#include "fiber.h"

#include <math.h>

/* ---- variables ----------------------------------------------------------------------------------
 */

/* slot = taken, through a shared variable. */
static int vm_assign(struct fiber *f, struct value *slot, struct value taken)
{
  struct value *place = place_slot(f, slot);
  if (!place) {
    value_release(f->region, taken);
    return -1;
  }
  value_set(f->region, place, taken);
  return 0;
}

static struct value vm_read(const struct fiber *f, struct value slot)
{
  return slot.type == VALUE_CELL ? place_cell(f, slot.as.cell) : slot;
}

static int vm_no_variable(struct fiber *f, str name)
{
  fiber_raise(f, VSL_VARIABLE, STR_FMT, STR_ARG(name));
  return fiber_detail(f, "variable", value_of(string_new_lossy(f->region, name)));
}

static struct value *vm_prelude(const struct fiber *f, str name)
{
  const struct module *m = f->program->prelude;
  return m ? dict_get(f->region, m->exports.as.map, name) : NULL;
}

static int vm_global(struct fiber *f, uint32_t number, struct value *out)
{
  const struct module *m = fiber_frame(f)->proto->module;
  *out = m->globals[number];
  if (out->type != VALUE_NONE) {
    value_retain(*out);
    return 0;
  }
  str name = string_str(m->global_names[number]);
  if (m->global_kinds[number] == GLOBAL_IMPORT) {
    fiber_raise(f, VSL_MODULE, STR_FMT, STR_ARG(name));
    return fiber_detail(f, "module", value_of(string_new_lossy(f->region, name)));
  }
  struct value *found = m->global_kinds[number] == GLOBAL_OBJECT ? vm_prelude(f, name) : NULL;
  if (!found) return vm_no_variable(f, name);
  *out = value_retain(*found);
  return 0;
}

/* A name that is no variable was assigned to. */
static int vm_no_assign(struct fiber *f, str name)
{
  const struct module *m = fiber_frame(f)->proto->module;
  bool known = vm_prelude(f, name);
  for (uint32_t i = 0; i < m->global_count; i++)
    known |= m->global_kinds[i] == GLOBAL_OBJECT && m->globals[i].type != VALUE_NONE &&
             str_eq(string_str(m->global_names[i]), name);
  if (!known) return vm_no_variable(f, name);
  return fiber_raise(f, VSL_CONSTANT, "'" STR_FMT "' is a constant", STR_ARG(name));
}

/* module::name, or the module it imports by that name. */
static int vm_member(struct fiber *f, struct value module, struct string *name, bool sub,
                     struct value *out)
{
  struct module *m = ((struct module_handle *)module.as.object)->module;
  struct value *found = dict_find(f->region, sub ? m->imports.as.map : m->exports.as.map, name);
  if (found) {
    *out = value_retain(*found);
    return 0;
  }
  struct buf full = BUF_INIT(ERR_TEXT_MAX);
  buf_printf(&full, STR_FMT "::" STR_FMT, STR_ARG(m->file), STR_ARG(string_str(name)));
  if (sub)
    fiber_raise(f, VSL_MODULE, "%s", buf_cstr(&full));
  else
    vm_no_variable(f, buf_str(&full));
  buf_free(&full);
  return -1;
}

/* ---- closures -----------------------------------------------------------------------------------
 */

/* A variable that is captured moves into a cell, which its slot then holds. */
static struct value vm_share(struct fiber *f, struct value *slot)
{
  if (slot->type != VALUE_CELL) {
    struct value v = value_take(slot);
    struct cell *cell = cell_new(f->region, v);
    if (!cell) return (struct value){.type = VALUE_NONE};
    *slot = VALUE_MAKE(VALUE_CELL, cell, cell);
  }
  return value_retain(*slot);
}

static int vm_closure(struct fiber *f, struct proto *p, struct value *base, struct value *out)
{
  struct fn *fn = fn_new(f->region, p, p->module, NULL, p->captures);
  if (!fn) return fiber_full(f);
  *out = VALUE_MAKE(VALUE_FN, fn, fn);
  for (uint32_t i = 0; i < p->captures; i++) {
    struct value cell = vm_share(f, &base[p->capture_from[i]]);
    if (cell.type == VALUE_NONE) {
      value_release(f->region, *out);
      return fiber_full(f);
    }
    fn->bound[fn->n++] = cell;
  }
  return 0;
}

/* slot op= b */
static int vm_compound(struct fiber *f, enum value_op op, struct value *slot, struct value b)
{
  struct value *place = place_slot(f, slot);
  return place ? value_compound(f, op, place, b) : -1;
}

/* slot[key] = taken */
static int vm_set_index(struct fiber *f, struct value *slot, struct value key, struct value taken)
{
  struct value *place = place_slot(f, slot);
  if (place) return place_set_index(f, place, key, taken);
  value_release(f->region, taken);
  return -1;
}

static int vm_export(struct fiber *f, struct value *map, struct string *name, struct value taken)
{
  return dict_set(f->region, map, name, taken) ? fiber_full(f) : 0;
}

/* ---- collections --------------------------------------------------------------------------------
 */

static int vm_array(struct fiber *f, struct value *items, uint32_t n, struct value *out)
{
  struct array *a = array_new(f->region, n);
  if (!a) return fiber_full(f);
  if (n) memcpy(a->items, items, n * sizeof *items);
  a->n = n;
  *out = VALUE_MAKE(VALUE_ARRAY, array, a);
  return 0;
}

/* ---- switch -------------------------------------------------------------------------------------
 */

/* Does a label match? By type and value; a range also matches a float inside it. 1, 0, -1. */
static int vm_label(struct fiber *f, const struct switch_label *l, struct value v)
{
  if (l->high.type == VALUE_NONE) return l->low.type == v.type ? value_equals(f, l->low, v) : 0;
  double low = (double)l->low.as.i, high = (double)l->high.as.i;
  if (v.type == VALUE_FLOAT)
    return v.as.f >= low && (v.as.f < high || (l->inclusive && v.as.f == high));
  if (v.type != VALUE_INT || v.as.i < l->low.as.i) return 0;
  return v.as.i < l->high.as.i || (l->inclusive && v.as.i == l->high.as.i);
}

/* Words to go on from the SWITCH, or -1. */
static int64_t vm_switch(struct fiber *f, const struct switch_table *t, struct value *base)
{
  struct value *v = &base[t->slot], *tried = &base[t->slot + 1];
  for (int64_t i = tried->as.i; i < t->n; i++) {
    int rc = vm_label(f, &t->labels[i], *v);
    if (rc < 0) return -1;
    tried->as.i = i + 1;
    if (rc) return t->labels[i].target;
  }
  return t->otherwise;
}

/* ---- for ----------------------------------------------------------------------------------------
 * Slots: what it goes over, cursor, count; x, i. An int as the first is the last of a range, the
 * cursor then the next number; VALUE_NONE: at the end. */

static int vm_for(struct fiber *f, struct value over, struct value *slots)
{
  struct region *r = f->region;
  struct value first = over, cursor = value_int(0);
  switch (over.type) {
  case VALUE_RANGE: {
    const struct range *g = over.as.range;
    bool empty = range_is_inclusive(g) ? g->start > g->end : g->start >= g->end;
    first = empty ? (struct value){.type = VALUE_NONE}
                  : value_int(range_is_inclusive(g) ? g->end : g->end - 1);
    cursor = value_int(g->start);
    value_release(r, over);
    break;
  }
  case VALUE_ARRAY:
  case VALUE_BLOB:
  case VALUE_STRING: break;
  case VALUE_OBJECT:
    if (over.as.object->type->next) break;
    /* fall through */
  default:
    fiber_raise(f, VSL_FOR, "a value of type '%s' cannot be iterated over", value_type_name(over));
    value_release(r, over);
    return -1;
  }
  value_set(r, &slots[0], first);
  value_set(r, &slots[1], cursor);
  value_set(r, &slots[2], value_int(0));
  value_set(r, &slots[3], value_unit()); /* new variables for the whole loop */
  value_set(r, &slots[4], value_unit());
  return 0;
}

/* The next element into *out: 1, 0 at the end, -1. */
static int vm_for_next(struct fiber *f, struct value *slots, struct value *out)
{
  int64_t *cursor = &slots[1].as.i;
  switch (slots[0].type) {
  case VALUE_INT:
    *out = value_int(*cursor);
    if (*cursor == slots[0].as.i)
      slots[0].type = VALUE_NONE;
    else
      ++*cursor;
    return 1;
  case VALUE_ARRAY:
  case VALUE_BLOB:
    if (*cursor >= slots[0].as.array->n) return 0;
    *out = value_retain(slots[0].as.array->items[(*cursor)++]);
    return 1;
  case VALUE_STRING: {
    str rest = str_skip(value_str(slots[0]), (size_t)*cursor);
    if (!rest.n) return 0;
    *out = value_char((uint32_t)utf8_next(&rest));
    *cursor = rest.p - slots[0].as.string->p;
    return 1;
  }
  case VALUE_OBJECT: return slots[0].as.object->type->next(f, slots[0], cursor, out);
  default: return 0;
  }
}

static int vm_for_step(struct fiber *f, struct value *slots, bool index)
{
  struct value next;
  int rc = vm_for_next(f, slots, &next);
  if (rc <= 0) return rc;
  if (vm_assign(f, &slots[3], next)) return -1;
  if (index && vm_assign(f, &slots[4], slots[2])) return -1;
  slots[2].as.i++;
  return 1;
}

/* ---- errors -------------------------------------------------------------------------------------
 */

static int vm_try(struct fiber *f, const uint32_t *pc)
{
  if (f->handler_count == f->handler_size) {
    uint32_t size = f->handler_size ? f->handler_size * 2 : 4;
    struct handler *list =
        region_resize(f->region, f->handlers, f->handler_size * sizeof *list, size * sizeof *list);
    if (!list) return fiber_full(f);
    f->handlers = list;
    f->handler_size = size;
  }
  f->handlers[f->handler_count++] =
      (struct handler){f->frame_count - 1, (uint32_t)(f->top - f->stack), pc};
  return 0;
}

static int vm_catch(struct fiber *f, struct value *slots)
{
  struct value name = *--f->top, error = fiber_error_object(f);
  if (error.type == VALUE_NONE) {
    value_release(f->region, name);
    return -1;
  }
  value_set(f->region, &slots[0], error);
  value_set(f->region, &slots[1], name);
  return 0;
}

/* ---- imports ------------------------------------------------------------------------------------
 */

/* A computed path: only `vsmtp eval` compiles while it runs. */
static struct module *vm_import_path(struct fiber *f, struct value path)
{
  struct program *p = f->program;
  bool missing = false;
  if (path.type != VALUE_STRING) {
    fiber_raise(f, VSL_TYPE, "expecting string as path of an import, got %s",
                value_type_name(path));
    return NULL;
  }
  if (p->loaded || !p->options.script) {
    fiber_raise(f, VSL_MODULE, "'" STR_FMT "': only paths written as literals can be imported here",
                STR_ARG(value_str(path)));
    return NULL;
  }
  struct module *m = module_import(fiber_home(f), value_str(path), 0, p->diags, &missing);
  if (missing) {
    fiber_raise(f, VSL_MODULE, STR_FMT, STR_ARG(value_str(path)));
    fiber_detail(f, "module", value_retain(path));
    return NULL;
  }
  if (m && !module_compile(p, p->diags)) return m;
  fiber_raise(f, VSL_SYNTAX, "a file imported here has faults");
  return NULL;
}

/* ---- the loop -----------------------------------------------------------------------------------
 */

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
    RAISE_IF(vm_binary(f, op, vm_read(f, l), vm_read(f, r), drop));                                \
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
      RAISE_IF(vm_binary(f, op, vm_read(f, l), vm_read(f, r), drop));                              \
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
  CASE(name##_SS) : how(top[-2], top[-1], 2, op, with);                                            \
  CASE(name##_LL) : how(base[A8(word)], base[B16(word)], 0, op, with);                             \
  CASE(name##_LK) : how(base[A8(word)], consts[B16(word)], 0, op, with);                           \
  CASE(name##_SL) : how(top[-1], base[A24(word)], 1, op, with);                                    \
  CASE(name##_SK) : how(top[-1], consts[A24(word)], 1, op, with)

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

#define CASE(name) DO_##name
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

  CASE(CONST) : *top++ = consts[A24(word)];
  NEXT; /* frozen: no count */
  CASE(INT) : *top++ = value_int(S24(word));
  NEXT;
  CASE(UNIT) : *top++ = value_unit();
  NEXT;
  CASE(TRUE) : *top++ = value_bool(true);
  NEXT;
  CASE(FALSE) : *top++ = value_bool(false);
  NEXT;
  CASE(POP) : --top;
  RELEASE(*top);
  NEXT;
  CASE(GET) :
  {
    struct value v = base[A24(word)];
    if (value_is_heap(v)) v = value_retain(vm_read(f, v));
    *top++ = v;
    NEXT;
  }
  CASE(SET) :
  {
    struct value *slot = &base[A24(word)];
    if (!value_is_heap(*slot)) {
      *slot = *--top;
      NEXT;
    }
    top--;
    SAVE();
    RAISE_IF(vm_assign(f, slot, *top));
    NEXT;
  }
  CASE(INIT) :
  {
    struct value *slot = &base[A24(word)];
    --top;
    value_set(f->region, slot, *top);
    NEXT;
  }
  CASE(CLEAR) :
  {
    struct value *slot = &base[B16(word)];
    for (uint32_t n = A8(word); n; n--, slot++) RELEASE(value_take(slot));
    NEXT;
  }
  CASE(THIS) :
  {
    SAVE();
    if (frame->self.type == VALUE_NONE) {
      fiber_raise(f, VSL_THIS, "'this' is not bound to anything here");
      goto raise;
    }
    *top++ = value_retain(frame->self);
    NEXT;
  }
  CASE(GLOBAL) : SAVE();
  RAISE_IF(vm_global(f, A24(word), top));
  top++;
  NEXT;
  CASE(GLOBAL_SET) :
  {
    --top;
    value_set(f->region, &frame->proto->module->globals[A24(word)], *top);
    if (object_is(*top, &module_type)) {
      SAVE();
      RAISE_IF(vm_export(f, &frame->proto->module->imports,
                         frame->proto->module->global_names[A24(word)], value_retain(*top)));
    }
    NEXT;
  }
  CASE(MEMBER) : CASE(SUBMODULE) :
  {
    struct value out;
    SAVE();
    RAISE_IF(
        vm_member(f, top[-1], consts[A24(word)].as.string, (word & 0xFF) == OP_SUBMODULE, &out));
    value_set(f->region, &top[-1], out);
    NEXT;
  }
  CASE(NO_ASSIGN) : SAVE();
  vm_no_assign(f, value_str(consts[A24(word)]));
  goto raise;

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
  CASE(BINARY) :
  {
    SAVE();
    RAISE_IF(vm_binary(f, (enum value_op)A24(word), top[-2], top[-1], 2));
    top = f->top;
    NEXT;
  }
  CASE(UNARY) :
  {
    struct value out;
    SAVE();
    RAISE_IF(value_binary(f, (enum value_op)A24(word), top[-1], value_unit(), &out));
    value_set(f->region, &top[-1], out);
    NEXT;
  }

  CASE(JUMP) : pc += S24(word);
  NEXT;
  CASE(LOOP) :
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
  CASE(JUMP_FALSE) :
  {
    if (top[-1].type != VALUE_BOOL) goto not_bool;
    if (!(--top)->as.b) pc += S24(word);
    NEXT;
  }
  CASE(JUMP_TRUE) :
  {
    if (top[-1].type != VALUE_BOOL) goto not_bool;
    if ((--top)->as.b) pc += S24(word);
    NEXT;
  }
  CASE(AND) :
  {
    if (top[-1].type != VALUE_BOOL) goto not_bool;
    if (!top[-1].as.b)
      pc += S24(word);
    else
      top--;
    NEXT;
  }
  CASE(OR) :
  {
    if (top[-1].type != VALUE_BOOL) goto not_bool;
    if (top[-1].as.b)
      pc += S24(word);
    else
      top--;
    NEXT;
  }
  CASE(BOOL) :
  {
    if (top[-1].type != VALUE_BOOL) goto not_bool;
    NEXT;
  }
  CASE(COALESCE) :
  {
    if (top[-1].type != VALUE_UNIT)
      pc += S24(word);
    else
      top--;
    NEXT;
  }

  CASE(ADD_TO) :
  {
    struct value *slot = &base[A24(word)];
    if (slot->type == VALUE_INT && top[-1].type == VALUE_INT &&
        !__builtin_add_overflow(slot->as.i, top[-1].as.i, &slot->as.i)) {
      top--;
      NEXT;
    }
    SAVE();
    RAISE_IF(vm_compound(f, VALUE_ADD, slot, top[-1]));
    RELEASE(*--top);
    NEXT;
  }
  CASE(ADD_TO_K) : CASE(SUB_TO_K) :
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
    RAISE_IF(vm_compound(f, add ? VALUE_ADD : VALUE_SUB, slot, *k));
    NEXT;
  }
  CASE(COMPOUND) :
  {
    SAVE();
    RAISE_IF(vm_compound(f, (enum value_op)A8(word), &base[B16(word)], top[-1]));
    RELEASE(*--top);
    NEXT;
  }

  CASE(PATH_GET) :
  {
    struct value out, *at = top - place_height(pc - 1);
    SAVE();
    RAISE_IF(place_read(f, pc - 1, at, &out));
    pc = place_end(pc - 1);
    while (top > at) RELEASE(*--top);
    *top++ = out;
    NEXT;
  }
  CASE(PATH_SET) :
  {
    struct value *at = top - place_height(pc - 1);
    SAVE();
    RAISE_IF(place_write(f, pc - 1, at, value_take(&at[-1])));
    pc = place_end(pc - 1);
    while (top >= at) RELEASE(*--top);
    NEXT;
  }
  CASE(PATH_COMPOUND) :
  {
    struct value *at = top - place_height(pc - 1);
    SAVE();
    RAISE_IF(place_compound(f, pc - 1, at, (enum value_op)(word >> 24), at[-1]));
    pc = place_end(pc - 1);
    while (top >= at) RELEASE(*--top);
    NEXT;
  }
  CASE(PATH_TEST) :
  {
    struct value out, *at = top - place_height(pc - 1);
    SAVE();
    RAISE_IF(place_read(f, pc - 1, at, &out));
    pc = place_end(pc - 1);
    if (out.type == VALUE_UNIT) { /* the jump that comes next leaves the chain */
      while (top > at) RELEASE(*--top);
      *top++ = out;
      NEXT;
    }
    RELEASE(out);
    pc++;
    NEXT;
  }
  CASE(INDEX_LL) :
  {
    struct value a = base[A8(word)], i = base[B16(word)];
    if (a.type == VALUE_ARRAY && i.type == VALUE_INT && (uint64_t)i.as.i < a.as.array->n) {
      *top++ = value_retain(a.as.array->items[i.as.i]);
      NEXT;
    }
    SAVE();
    RAISE_IF(place_index(f, vm_read(f, a), vm_read(f, i), top));
    top++;
    NEXT;
  }
  CASE(INDEX_SET_LL) :
  {
    struct value *a = &base[A8(word)], i = base[B16(word)];
    top--;
    if (a->type == VALUE_ARRAY && i.type == VALUE_INT && heap_is_own(a->as.heap) &&
        (uint64_t)i.as.i < a->as.array->n) {
      value_set(f->region, &a->as.array->items[i.as.i], *top);
      NEXT;
    }
    SAVE();
    RAISE_IF(vm_set_index(f, a, vm_read(f, i), *top));
    NEXT;
  }
  CASE(PROPERTY_L) :
  {
    SAVE();
    RAISE_IF(place_property(f, vm_read(f, base[A8(word)]), consts[B16(word)].as.string, *pc, top));
    top++;
    pc++;
    NEXT;
  }

  CASE(CALL_FN) :
  {
    SAVE();
    struct frame how = {.bottom = (uint32_t)(top - f->stack) - A8(word),
                        .self = {.type = VALUE_NONE}};
    invoked =
        invoke_proto(f, frame->proto->module->functions[B16(word)].proto, NULL, A8(word), how);
    goto invoked;
  }
  CASE(CALL_PRELUDE) :
  {
    SAVE();
    struct frame how = {.bottom = (uint32_t)(top - f->stack) - A8(word),
                        .self = {.type = VALUE_NONE}};
    invoked = invoke_proto(f, f->program->prelude->functions[B16(word)].proto, NULL, A8(word), how);
    goto invoked;
  }
  CASE(CALL_NATIVE) :
  {
    SAVE();
    invoked = invoke_set(f, B16(word), A8(word));
    goto invoked;
  }
  CASE(CALL_MEMBER) :
  {
    SAVE();
    invoked = invoke_member(f, consts[B16(word)].as.string, A8(word));
    goto invoked;
  }
  CASE(INVOKE) :
  {
    SAVE();
    const uint32_t *path = pc - 1;
    frame->pc = place_end(path) + 3; /* its last word has the place of the name */
    invoked = invoke_method(f, path);
    goto invoked;
  }
  CASE(NO_FUNCTION) :
  {
    SAVE();
    invoke_no_function(f, value_str(consts[B16(word)]), top - A8(word), A8(word));
    goto raise;
  }
  CASE(CLOSURE) :
  {
    SAVE();
    RAISE_IF(vm_closure(f, frame->proto->protos[A24(word)], base, top));
    top++;
    NEXT;
  }
  CASE(IS_SHARED) : *top++ = value_bool(base[A24(word)].type == VALUE_CELL);
  NEXT;
  CASE(ARRAY) :
  {
    struct value out;
    SAVE();
    RAISE_IF(vm_array(f, top - A24(word), A24(word), &out));
    top -= A24(word);
    *top++ = out;
    NEXT;
  }
  CASE(ARRAY_ADD) :
  {
    SAVE();
    uint32_t n = A24(word);
    if (array_append(f->region, &top[-1 - (int64_t)n], top - n, n)) goto full;
    while (n--) RELEASE(*--top);
    NEXT;
  }
  CASE(MAP) :
  {
    SAVE();
    struct dict *m = dict_new(f->region, A24(word));
    if (!m) goto full;
    *top++ = VALUE_MAKE(VALUE_MAP, map, m);
    NEXT;
  }
  CASE(MAP_SET) :
  {
    top--;
    SAVE();
    if (dict_set(f->region, &top[-1], consts[A24(word)].as.string, *top)) goto full;
    NEXT;
  }
  CASE(TEXT) :
  {
    SAVE();
    RAISE_IF(value_append_text(f, &top[-2], top[-1], false));
    RELEASE(*--top);
    NEXT;
  }

  CASE(SWITCH) :
  {
    SAVE();
    int64_t to = vm_switch(f, &frame->proto->switches[A24(word)], base);
    RAISE_IF(to < 0);
    pc += to - 1;
    NEXT;
  }
  CASE(FOR) :
  {
    top--;
    SAVE();
    RAISE_IF(vm_for(f, *top, &base[A24(word)]));
    NEXT;
  }
  CASE(FOR_NEXT) :
  {
    struct value *slots = &base[B16(word)];
    if (slots[0].type == VALUE_INT && slots[1].as.i != slots[0].as.i && !A8(word) &&
        !value_is_heap(slots[3])) { /* a range, not at its last */
      slots[3] = value_int(slots[1].as.i++);
      pc++;
      NEXT;
    }
    SAVE();
    int rc = vm_for_step(f, slots, A8(word));
    RAISE_IF(rc < 0);
    pc += rc; /* over the jump to the end */
    NEXT;
  }
  CASE(TRY) : SAVE();
  RAISE_IF(vm_try(f, pc + S24(word)));
  NEXT;
  CASE(TRY_END) : f->handler_count--;
  NEXT;
  CASE(CATCH) :
  {
    SAVE();
    RAISE_IF(vm_catch(f, &base[A24(word)]));
    top = f->top;
    NEXT;
  }
  CASE(THROW) :
  {
    top--;
    SAVE();
    fiber_throw(f, *top);
    goto raise;
  }
  CASE(RETHROW) : SAVE();
  fiber_rethrow(f, base[A24(word)]);
  goto raise;
  CASE(RETURN) :
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
  CASE(IMPORT) :
  {
    SAVE();
    invoked = invoke_import(f, f->program->modules[A24(word)]);
    goto invoked;
  }
  CASE(IMPORT_PATH) :
  {
    SAVE();
    struct module *m = vm_import_path(f, top[-1]);
    RAISE_IF(!m);
    RELEASE(*--f->top);
    invoked = invoke_import(f, m);
    goto invoked;
  }
  CASE(EXPORT) :
  {
    top--;
    SAVE();
    RAISE_IF(vm_export(f, &frame->proto->module->exports, consts[A24(word)].as.string, *top));
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
