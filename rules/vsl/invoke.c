/* rules/vsl/invoke.c: calls of every kind: functions, closures, methods, natives, imports.
 *
 * Arguments are the topmost values of the stack and become the first slots of the callee. A frame
 * remembers its bottom, from where all goes when it ends: the keys of the path its receiver was
 * found by lie there, so that a changed `this` finds its way back.
 */
#include "fiber.h"

#define INVOKE_FRAMES(f) ((f)->limits.depth * 4 + 64) /* frames of natives and imports included */

int invoke_no_function(struct fiber *f, str name, const struct value *args, uint32_t argc)
{
  struct buf text = BUF_INIT(ERR_TEXT_MAX - 1);
  buf_printf(&text, STR_FMT " (", STR_ARG(name));
  for (uint32_t i = 0; i < argc; i++)
    buf_printf(&text, "%s%s", i ? ", " : "", value_type_name(args[i]));
  buf_puts(&text, ")");
  fiber_raise(f, VSL_FUNCTION, "%s", buf_cstr(&text));
  buf_free(&text);
  return fiber_detail(f, "function", value_of(string_new_lossy(f->region, name)));
}

/* Gives back what a call that did not come about would have taken. */
static enum invoked invoke_failed(struct fiber *f, struct frame how)
{
  value_release(f->region, how.self);
  return INVOKED_ERROR;
}

static int invoke_count(struct fiber *f)
{
  f->fuel--;
  if (f->depth < f->limits.depth && f->frame_count < INVOKE_FRAMES(f)) return 0;
  return fiber_raise(f, VSL_STACK, "more than %u calls inside calls", f->limits.depth);
}

enum invoked invoke_proto(struct fiber *f, struct proto *p, const struct fn *fn, uint32_t argc,
                          struct frame how)
{
  if (p->kind != PROTO_MAIN && invoke_count(f)) return invoke_failed(f, how);
  if (fiber_reserve(f, (size_t)p->slots + p->stack + 1)) return invoke_failed(f, how);
  struct frame *frame = fiber_push_frame(f);
  if (!frame) return invoke_failed(f, how);
  uint32_t base = (uint32_t)(f->top - f->stack) - argc;
  *frame = how;
  frame->proto = p;
  frame->pc = p->code;
  frame->base = base;
  for (uint32_t i = argc; i < p->slots; i++) *f->top++ = value_unit();
  for (uint32_t i = 0; i < p->captures; i++)
    f->stack[base + p->capture_to[i]] = value_retain(fn->bound[i]);
  f->depth += p->kind != PROTO_MAIN;
  return INVOKED_FRAME;
}

/* ---- natives --------------------------------------------------------------------------------- */

/* The result of a frame, or of a plain native called in its place. */
static enum invoked invoke_deliver(struct fiber *f, uint32_t flags, struct value taken)
{
  if (flags & FRAME_BOTTOM) {
    value_set(f->region, &f->result, taken);
    return INVOKED_END;
  }
  if (flags & FRAME_CALLBACK) {
    value_set(f->region, &fiber_frame(f)->steps->got, taken);
  } else {
    *f->top++ = taken;
  }
  return INVOKED_DONE;
}

/* A mutating native on a receiver that has a place: it is moved out, changed, moved in, so a value
 * nobody else has is never copied. */
static int invoke_in_place(struct fiber *f, const struct native *n, struct call *c,
                           const struct frame *how)
{
  struct value *at = f->stack + how->bottom;
  struct value *place = lvalue_find(f, how->path, at, how->path[0] >> 8 & 0xFF);
  if (!place) return -1;
  value_release(f->region, c->args[0]);
  c->args[0] = value_take(place);
  int rc = n->fn(f, c);
  value_set(f->region, place, value_take(&c->args[0]));
  return rc;
}

static enum invoked invoke_plain(struct fiber *f, const struct native *n, uint32_t argc,
                                 struct frame how)
{
  struct call c = {.args = f->top - argc, .argc = (int)argc};
  bool in_place = n->flags & NATIVE_MUTATES && how.path;
  int rc = in_place ? invoke_in_place(f, n, &c, &how) : n->fn(f, &c);
  value_release(f->region, how.self);
  if (rc) {
    value_release(f->region, c.out);
    return INVOKED_ERROR;
  }
  fiber_pop_to(f, f->stack + how.bottom);
  return invoke_deliver(f, how.flags, c.out);
}

/* A native that comes back for more gets a frame. */
static enum invoked invoke_steps(struct fiber *f, const struct native *n, uint32_t argc,
                                 struct frame how)
{
  if (n->flags & NATIVE_MUTATES && how.path && lvalue_is_const(how.path)) {
    fiber_raise(f, VSL_CONSTANT, "a constant cannot be changed by '%s'", n->name);
    return invoke_failed(f, how);
  }
  if (f->frame_count >= INVOKE_FRAMES(f)) {
    fiber_raise(f, VSL_STACK, "more than %u calls inside calls", f->limits.depth);
    return invoke_failed(f, how);
  }
  struct steps *steps = region_alloc(f->region, sizeof *steps);
  if (!steps) {
    fiber_full(f);
    return invoke_failed(f, how);
  }
  memset(steps, 0, sizeof *steps);
  struct frame *frame = fiber_push_frame(f);
  if (!frame) {
    region_give(f->region, steps, sizeof *steps);
    return invoke_failed(f, how);
  }
  *frame = how;
  frame->native = n;
  frame->steps = steps;
  frame->argc = argc;
  frame->base = (uint32_t)(f->top - f->stack) - argc;
  return INVOKED_FRAME;
}

enum invoked invoke_native(struct fiber *f, const struct native *n, uint32_t argc, struct frame how)
{
  if (fiber_reserve(f, 2)) return invoke_failed(f, how);
  return n->flags & NATIVE_STEPS ? invoke_steps(f, n, argc, how) : invoke_plain(f, n, argc, how);
}

/* The changed receiver of a native with steps goes back where it came from. */
static int invoke_write_back(struct fiber *f, const struct frame *frame, struct value taken)
{
  const uint32_t *path = frame->path;
  struct value *at = f->stack + frame->bottom;
  f->frame_count--; /* paths are those of the caller */
  int rc = lvalue_write(f, path, at, taken);
  f->frame_count++;
  return rc;
}

static enum invoked invoke_end_steps(struct fiber *f, struct value taken)
{
  struct frame frame = *fiber_frame(f);
  if (frame.native->flags & NATIVE_MUTATES && frame.path &&
      invoke_write_back(f, &frame, value_take(&f->stack[frame.base]))) {
    value_release(f->region, taken);
    return INVOKED_ERROR;
  }
  fiber_unwind(f, f->frame_count - 1);
  return invoke_deliver(f, frame.flags, taken);
}

enum invoked invoke_drive(struct fiber *f)
{
  while (!fiber_frame(f)->proto) {
    struct frame *frame = fiber_frame(f);
    uint32_t count = f->frame_count;
    struct steps *steps = frame->steps;
    struct call c = {.args = f->stack + frame->base, .argc = (int)frame->argc, .steps = steps};
    f->fuel--;
    int rc = frame->native->fn(f, &c);
    steps->step++; /* alive: only the end of its frame gives it back */
    if (rc == NATIVE_ERROR) {
      value_release(f->region, c.out);
      return INVOKED_ERROR;
    }
    if (rc == NATIVE_WAIT) return INVOKED_WAIT;
    if (rc == NATIVE_CALL && f->frame_count == count && fiber_charge(f, 1)) return INVOKED_ERROR;
    if (rc == NATIVE_CALL) continue; /* the callback has a frame, or was a plain native */
    enum invoked done = invoke_end_steps(f, c.out);
    if (done != INVOKED_DONE) return done;
  }
  return INVOKED_FRAME;
}

enum invoked invoke_set(struct fiber *f, uint32_t set, uint32_t argc)
{
  const struct registry *g = f->program->options.registry;
  const struct native_row *row = registry_pick(g, set, f->top - argc, argc, false);
  if (!row && !argc) row = registry_pick(g, set, NULL, 0, true); /* toml::server */
  struct frame how = {.bottom = (uint32_t)(f->top - f->stack) - argc, .self = {.type = VALUE_NONE}};
  if (row) return invoke_native(f, row->native, argc, how);
  invoke_no_function(f, g->sets[set].name, f->top - argc, argc);
  return INVOKED_ERROR;
}

/* ---- pointers -------------------------------------------------------------------------------- */

/* Puts the curried arguments before the others; how many there are now, or -1. */
static int64_t invoke_curried(struct fiber *f, const struct fn *fn, uint32_t argc)
{
  uint32_t captures = fn->proto ? fn->proto->captures : 0, more = fn->n - captures;
  if (!more) return argc;
  if (fiber_reserve(f, more)) return -1;
  struct value *args = f->top - argc;
  memmove(args + more, args, argc * sizeof *args);
  for (uint32_t i = 0; i < more; i++) args[i] = value_retain(fn->bound[captures + i]);
  f->top += more;
  return (int64_t)argc + more;
}

static enum invoked invoke_named(struct fiber *f, const struct fn *fn, uint32_t argc,
                                 struct frame how)
{
  const struct registry *g = f->program->options.registry;
  str name = string_str(fn->name);
  struct function *function = module_function(fn->home, name, argc);
  if (function) return invoke_proto(f, function->proto, NULL, argc, how);
  const struct native_row *row =
      registry_pick(g, registry_find(g, name), f->top - argc, argc, false);
  if (row && name.p[0] != '$') return invoke_native(f, row->native, argc, how);
  invoke_no_function(f, name, f->top - argc, argc);
  return invoke_failed(f, how);
}

enum invoked invoke_value(struct fiber *f, struct value callee, uint32_t argc, struct frame how)
{
  if (callee.type != VALUE_FN) {
    fiber_raise(f, VSL_TYPE, "expecting Fn, got %s", value_type_name(callee));
    return invoke_failed(f, how);
  }
  const struct fn *fn = callee.as.fn;
  int64_t all = invoke_curried(f, fn, argc);
  if (all < 0) return invoke_failed(f, how);
  if (!fn->proto) return invoke_named(f, fn, (uint32_t)all, how);
  if (fn->proto->params == (uint32_t)all) {
    return invoke_proto(f, fn->proto, fn, (uint32_t)all, how);
  }
  struct place at = module_place(fn->proto->module, fn->proto->at);
  fiber_raise(f, VSL_FUNCTION,
              "the closure at " STR_FMT ":%d:%d takes %u arguments, %lld were given",
              STR_ARG(at.file), at.line, at.column, fn->proto->params, (long long)all);
  return invoke_failed(f, how);
}

/* How many of argc arguments a callback by that name takes, at least `least`; -1: none fits. */
static int invoke_named_args(struct fiber *f, struct module *home, str name,
                             const struct value *args, int argc, int least, uint32_t curried)
{
  const struct registry *g = f->program->options.registry;
  uint32_t set = registry_find(g, name);
  for (int n = argc; n >= least; n--) {
    if (module_function(home, name, (uint32_t)n + curried)) return n;
    if (!curried && registry_pick(g, set, args, (size_t)n, false)) return n;
  }
  return curried ? argc : -1;
}

/* A function's name as a pointer of the running file; owned. */
static struct value invoke_pointer(struct fiber *f, struct value callee)
{
  if (callee.type != VALUE_STRING) return value_retain(callee);
  struct value fn = value_of(fn_new(f->region, NULL, fiber_home(f), callee.as.string, 0));
  if (fn.type == VALUE_NONE) fiber_full(f);
  return fn;
}

static int invoke_callback_args(struct fiber *f, const struct fn *fn, const struct value *args,
                                int argc, int least)
{
  uint32_t captures = fn->proto ? fn->proto->captures : 0, curried = fn->n - captures;
  if (!fn->proto) {
    int n = invoke_named_args(f, fn->home, string_str(fn->name), args, argc, least, curried);
    return n < 0 ? argc : n;
  }
  int64_t free_params = (int64_t)fn->proto->params - curried;
  if (free_params < least) return least; /* too few: the call says so */
  return free_params < argc ? (int)free_params : argc;
}

int fiber_call(struct fiber *f, struct call *c, struct value callee, const struct value *self,
               const struct value *args, int argc, int least)
{
  (void)c;
  struct value pointer = invoke_pointer(f, callee);
  if (pointer.type == VALUE_NONE) return -1;
  struct frame how = {.flags = FRAME_CALLBACK,
                      .bottom = (uint32_t)(f->top - f->stack),
                      .self = {.type = VALUE_NONE}};
  int n = 0;
  if (pointer.type == VALUE_FN) {
    const struct fn *fn = pointer.as.fn;
    bool bare = fn->proto && !fn->proto->params && !self && argc > 0;
    n = bare ? 0 : invoke_callback_args(f, fn, args, argc, least);
    if (bare) self = &args[0];
  }
  enum invoked rc = INVOKED_ERROR;
  /* args may lie on the stack, which fiber_reserve may move: keep them first. */
  struct value kept[NATIVE_ARGS_MAX];
  if (n > NATIVE_ARGS_MAX) n = NATIVE_ARGS_MAX;
  for (int i = 0; i < n; i++) kept[i] = value_retain(args[i]);
  if (self) how.self = value_retain(*self);
  if (!fiber_reserve(f, (size_t)n + 1)) {
    for (int i = 0; i < n; i++) *f->top++ = kept[i];
    rc = invoke_value(f, pointer, (uint32_t)n, how);
  }
  value_release(f->region, pointer);
  return rc == INVOKED_ERROR ? NATIVE_ERROR : NATIVE_CALL;
}

/* ---- methods --------------------------------------------------------------------------------- */

struct invoke_method { /* INVOKE, decoded */
  const uint32_t *path;
  struct string *name;
  uint32_t argc, fn, set;
  struct value *at, *args; /* keys and receiver; args[0] is the receiver */
  struct frame how;
};

/* obj.call(p, …) and p.call(…). */
static enum invoked invoke_run_method(struct fiber *f, struct invoke_method *m)
{
  if (m->args[0].type == VALUE_FN) {
    struct value pointer = value_take(&m->args[0]);
    m->how.path = NULL;
    enum invoked rc = invoke_value(f, pointer, m->argc, m->how);
    value_release(f->region, pointer);
    return rc;
  }
  if (!m->argc || m->args[1].type != VALUE_FN) {
    fiber_raise(f, VSL_TYPE, "expecting Fn, got %s", value_type_name(m->args[m->argc ? 1 : 0]));
    return INVOKED_ERROR;
  }
  struct value pointer = value_take(&m->args[1]);
  m->how.self = value_take(&m->args[0]);
  memmove(m->args + 1, m->args + 2, (m->argc - 1) * sizeof *m->args);
  f->top--;
  enum invoked rc = invoke_value(f, pointer, m->argc - 1, m->how);
  value_release(f->region, pointer);
  return rc;
}

/* m.f(…) where property f of the map holds a pointer. */
static bool invoke_map_method(struct fiber *f, struct invoke_method *m, enum invoked *rc)
{
  if (m->args[0].type != VALUE_MAP) return false;
  struct value *found = dict_find(f->region, m->args[0].as.map, m->name);
  if (!found || found->type != VALUE_FN) return false;
  struct value pointer = value_retain(*found);
  m->how.self = value_take(&m->args[0]);
  *rc = invoke_value(f, pointer, m->argc, m->how);
  value_release(f->region, pointer);
  return true;
}

static enum invoked invoke_dispatch(struct fiber *f, struct invoke_method *m, bool native_only)
{
  enum invoked rc;
  if (!native_only && invoke_map_method(f, m, &rc)) return rc;
  if (m->fn != CODE_NONE) {
    m->how.self = value_take(&m->args[0]);
    struct module *home = fiber_frame(f)->proto->module;
    return invoke_proto(f, home->functions[m->fn].proto, NULL, m->argc, m->how);
  }
  const struct native_row *row =
      registry_pick(f->program->options.registry, m->set, m->args, m->argc + 1, false);
  if (row) return invoke_native(f, row->native, m->argc + 1, m->how);
  if (str_eq(string_str(m->name), STR("call"))) return invoke_run_method(f, m);
  invoke_no_function(f, string_str(m->name), m->args, m->argc + 1);
  return INVOKED_ERROR;
}

enum invoked invoke_call_method(struct fiber *f, const uint32_t *path)
{
  const uint32_t *tail = lvalue_end(path);
  uint32_t extra = path[0] >> 24, height = lvalue_height(path);
  bool bare = height && tail == path + 2; /* the receiver is among the arguments already */
  struct invoke_method m = {.path = path,
                            .name = fiber_frame(f)->proto->consts[tail[0]].as.string,
                            .argc = extra & INVOKE_ARGC,
                            .fn = tail[1],
                            .set = tail[2]};
  m.args = f->top - m.argc - 1;
  m.at = bare ? m.args : m.args - height;
  m.how = (struct frame){.bottom = (uint32_t)(m.at - f->stack),
                         .self = {.type = VALUE_NONE},
                         .path = bare && !lvalue_is_const(path) ? NULL : path};
  if (!bare && lvalue_read(f, path, m.at, &m.args[0])) {
    m.args[0] = value_unit();
    return INVOKED_ERROR;
  }
  return invoke_dispatch(f, &m, extra & INVOKE_NATIVE);
}

/* ---- modules --------------------------------------------------------------------------------- */

/* module::name(args): the module lies below the arguments. */
enum invoked invoke_member(struct fiber *f, struct string *name, uint32_t argc)
{
  struct value *args = f->top - argc;
  struct module *m = ((struct module_handle *)args[-1].as.object)->module;
  struct function *function = module_function(m, string_str(name), argc);
  struct frame how = {.bottom = (uint32_t)(args - 1 - f->stack), .self = {.type = VALUE_NONE}};
  if (function && !function->is_private) {
    return invoke_proto(f, function->proto, NULL, argc, how);
  }
  invoke_no_function(f, fiber_written_name(f), args, argc);
  return INVOKED_ERROR;
}

/* The chain of files being imported, for the message. */
static int invoke_cycle(struct fiber *f, const struct module *m, const char *why)
{
  struct buf chain = BUF_INIT(ERR_TEXT_MAX - 64);
  for (uint32_t i = 0; i < f->frame_count; i++) {
    const struct frame *frame = &f->frames[i];
    if (frame->proto && frame->proto->kind == PROTO_MAIN)
      buf_printf(&chain, STR_FMT " -> ", STR_ARG(frame->proto->module->file));
  }
  buf_str_add(&chain, m->file);
  fiber_raise(f, VSL_CYCLE, "%s: " STR_FMT, why, STR_ARG(buf_str(&chain)));
  buf_free(&chain);
  return INVOKED_ERROR;
}

enum invoked invoke_import(struct fiber *f, struct module *m)
{
  struct module *from = fiber_home(f);
  struct frame how = {.flags = FRAME_IMPORT,
                      .bottom = (uint32_t)(f->top - f->stack),
                      .self = {.type = VALUE_NONE},
                      .module = m};
  if (fiber_reserve(f, 1)) return INVOKED_ERROR;
  if (m->state == MODULE_DONE) {
    struct value handle = module_value(f->region, m);
    if (handle.type == VALUE_NONE) return fiber_full(f), INVOKED_ERROR;
    *f->top++ = handle;
    return INVOKED_DONE;
  }
  if (m->state == MODULE_RUNNING) return invoke_cycle(f, m, "a file imports itself");
  if (from->depth + 1 > LIMIT_VSL_IMPORTS) return invoke_cycle(f, m, "imports are too deep");
  enum invoked rc = invoke_proto(f, m->main, NULL, 0, how);
  if (rc != INVOKED_FRAME) return rc;
  m->state = MODULE_RUNNING;
  m->depth = from->depth + 1;
  return rc;
}

int fiber_start_module(struct fiber *f, struct module *m)
{
  struct frame how = {.flags = FRAME_BOTTOM, .self = {.type = VALUE_NONE}};
  if (invoke_proto(f, m->main, NULL, 0, how) == INVOKED_FRAME) return 0;
  f->state = FIBER_FAILED;
  return -1;
}

/* ---- returning ------------------------------------------------------------------------------- */

/* The value an import has is its module. */
static struct value invoke_imported(struct fiber *f, struct module *m, struct value taken)
{
  m->state = MODULE_DONE;
  value_release(f->region, taken);
  struct value handle = module_value(f->region, m);
  if (handle.type == VALUE_NONE) fiber_full(f);
  return handle;
}

enum invoked invoke_return(struct fiber *f, struct value taken)
{
  struct frame frame = *fiber_frame(f);
  if (frame.flags & FRAME_CHANGED && frame.path &&
      invoke_write_back(f, &frame, value_retain(frame.self))) {
    value_release(f->region, taken);
    return INVOKED_ERROR;
  }
  if (frame.flags & FRAME_IMPORT) {
    taken = invoke_imported(f, frame.module, taken);
    if (taken.type == VALUE_NONE) return INVOKED_ERROR;
  }
  struct value self = value_take(&fiber_frame(f)->self);
  fiber_frame(f)->flags &= ~(uint32_t)FRAME_CHANGED;
  fiber_unwind(f, f->frame_count - 1);
  if (frame.flags & FRAME_CALLBACK) {
    value_set(f->region, &fiber_frame(f)->steps->got_this,
              self.type == VALUE_NONE ? value_unit() : self);
  } else {
    value_release(f->region, self);
  }
  enum invoked rc = invoke_deliver(f, frame.flags, taken);
  return rc == INVOKED_DONE ? invoke_drive(f) : rc;
}

#undef INVOKE_FRAMES
