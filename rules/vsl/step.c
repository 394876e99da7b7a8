/* rules/vsl/step.c: the instructions that are more than a line of vm_run: names, closures, switch,
 * for, try, imports. Each returns 0, or -1 after raising, unless it says otherwise. */
#include "fiber.h"

/* ---- variables ------------------------------------------------------------------------------- */

/* slot = taken, through a shared variable. */
int step_assign(struct fiber *f, struct value *slot, struct value taken)
{
  struct value *place = lvalue_slot(f, slot);
  if (!place) {
    value_release(f->region, taken);
    return -1;
  }
  value_set(f->region, place, taken);
  return 0;
}

static int step_no_variable(struct fiber *f, str name)
{
  fiber_raise(f, VSL_VARIABLE, STR_FMT, STR_ARG(name));
  return fiber_detail(f, "variable", value_of(string_new_lossy(f->region, name)));
}

static struct value *step_prelude(const struct fiber *f, str name)
{
  const struct module *m = f->program->prelude;
  return m ? dict_get(f->region, m->exports.as.map, name) : NULL;
}

int step_global(struct fiber *f, uint32_t number, struct value *out)
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
  struct value *found = m->global_kinds[number] == GLOBAL_OBJECT ? step_prelude(f, name) : NULL;
  if (!found) return step_no_variable(f, name);
  *out = value_retain(*found);
  return 0;
}

/* A name that is no variable was assigned to. */
int step_no_assign(struct fiber *f, str name)
{
  const struct module *m = fiber_frame(f)->proto->module;
  bool known = step_prelude(f, name);
  for (uint32_t i = 0; i < m->global_count; i++)
    known |= m->global_kinds[i] == GLOBAL_OBJECT && m->globals[i].type != VALUE_NONE &&
             str_eq(string_str(m->global_names[i]), name);
  if (!known) return step_no_variable(f, name);
  return fiber_raise(f, VSL_CONSTANT, "'" STR_FMT "' is a constant", STR_ARG(name));
}

/* module::name, or the module it imports by that name. */
int step_member(struct fiber *f, struct value module, struct string *name, bool sub,
                struct value *out)
{
  struct module *m = ((struct module_handle *)module.as.object)->module;
  struct value *found = dict_find(f->region, sub ? m->imports.as.map : m->exports.as.map, name);
  if (found) {
    *out = value_retain(*found);
    return 0;
  }
  str full = fiber_written_name(f);
  if (!sub) return step_no_variable(f, full);
  return fiber_raise(f, VSL_MODULE, STR_FMT, STR_ARG(full));
}

/* ---- closures -------------------------------------------------------------------------------- */

/* A variable that is captured moves into a cell, which its slot then holds. */
static struct value step_share(struct fiber *f, struct value *slot)
{
  if (slot->type != VALUE_CELL) {
    struct value v = value_take(slot);
    struct cell *cell = cell_new(f->region, v);
    if (!cell) return (struct value){.type = VALUE_NONE};
    *slot = VALUE_MAKE(VALUE_CELL, cell, cell);
  }
  return value_retain(*slot);
}

int step_closure(struct fiber *f, struct proto *p, struct value *base, struct value *out)
{
  struct fn *fn = fn_new(f->region, p, p->module, NULL, p->captures);
  if (!fn) return fiber_full(f);
  *out = VALUE_MAKE(VALUE_FN, fn, fn);
  for (uint32_t i = 0; i < p->captures; i++) {
    struct value cell = step_share(f, &base[p->capture_from[i]]);
    if (cell.type == VALUE_NONE) {
      value_release(f->region, *out);
      return fiber_full(f);
    }
    fn->bound[fn->n++] = cell;
  }
  return 0;
}

/* slot op= b */
int step_compound(struct fiber *f, enum value_op op, struct value *slot, struct value b)
{
  struct value *place = lvalue_slot(f, slot);
  return place ? value_compound(f, op, place, b) : -1;
}

/* slot[key] = taken */
int step_set_index(struct fiber *f, struct value *slot, struct value key, struct value taken)
{
  struct value *place = lvalue_slot(f, slot);
  if (place) return lvalue_set_index(f, place, key, taken);
  value_release(f->region, taken);
  return -1;
}

int step_export(struct fiber *f, struct value *map, struct string *name, struct value taken)
{
  return dict_set(f->region, map, name, taken) ? fiber_full(f) : 0;
}

/* ---- collections ----------------------------------------------------------------------------- */

int step_array(struct fiber *f, struct value *items, uint32_t n, struct value *out)
{
  struct array *a = array_new(f->region, n);
  if (!a) return fiber_full(f);
  if (n) memcpy(a->items, items, n * sizeof *items);
  a->n = n;
  *out = VALUE_MAKE(VALUE_ARRAY, array, a);
  return 0;
}

/* ---- switch ---------------------------------------------------------------------------------- */

/* Does a label match? By type and value; a range also matches a float inside it. 1, 0, -1. */
static int step_label(struct fiber *f, const struct switch_label *l, struct value v)
{
  if (l->high.type == VALUE_NONE) return l->low.type == v.type ? value_equals(f, l->low, v) : 0;
  double low = (double)l->low.as.i, high = (double)l->high.as.i;
  if (v.type == VALUE_FLOAT)
    return v.as.f >= low && (v.as.f < high || (l->inclusive && v.as.f == high));
  if (v.type != VALUE_INT || v.as.i < l->low.as.i) return 0;
  return v.as.i < l->high.as.i || (l->inclusive && v.as.i == l->high.as.i);
}

/* Words to go on from the SWITCH, or -1. */
int64_t step_switch(struct fiber *f, const struct switch_table *t, struct value *base)
{
  struct value *v = &base[t->slot], *tried = &base[t->slot + 1];
  for (int64_t i = tried->as.i; i < t->n; i++) {
    int rc = step_label(f, &t->labels[i], *v);
    if (rc < 0) return -1;
    tried->as.i = i + 1;
    if (rc) return t->labels[i].target;
  }
  return t->otherwise;
}

/* ---- for ----------------------------------------------------------------------------------------
 * Slots: what it goes over, cursor, count; x, i. An int as the first is the last of a range, the
 * cursor then the next number; VALUE_NONE: at the end. */

int step_for(struct fiber *f, struct value over, struct value *slots)
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
static int step_for_next(struct fiber *f, struct value *slots, struct value *out)
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

int step_for_step(struct fiber *f, struct value *slots, bool index)
{
  struct value next;
  int rc = step_for_next(f, slots, &next);
  if (rc <= 0) return rc;
  if (step_assign(f, &slots[3], next)) return -1;
  if (index && step_assign(f, &slots[4], slots[2])) return -1;
  slots[2].as.i++;
  return 1;
}

/* ---- errors ---------------------------------------------------------------------------------- */

int step_try(struct fiber *f, const uint32_t *pc)
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

int step_catch(struct fiber *f, struct value *slots)
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

/* ---- imports --------------------------------------------------------------------------------- */

/* A computed path: only `vsmtp eval` compiles while it runs. */
struct module *step_import_path(struct fiber *f, struct value path)
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
