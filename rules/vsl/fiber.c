/* rules/vsl/fiber.c: fibers: made, budgeted, waiting, failing, ended.
 *
 * Law: a fault whose class cannot be caught, or that no try is around, leaves stack and frames as
 * they were, so that the report can still walk them. Everything is given back by fiber_free alone.
 */
#include "fiber.h"

#define FIBER_STACK_FIRST 64
#define FIBER_FRAME_FIRST 8

struct fiber *fiber_new(struct program *p, const struct vsl_limits *l, void *host)
{
  struct fiber *f = mem_alloc(sizeof *f);
  if (!f) return NULL;
  f->limits = l ? *l : p->options.limits;
  if (!f->limits.depth) f->limits.depth = LIMIT_VSL_DEPTH;
  f->program = p;
  f->host = host;
  f->fault.value.type = VALUE_NONE;
  f->own_region = p->loaded;
  f->loading = !p->loaded;
  struct region_limits limits = {f->limits.memory, f->limits.string, f->limits.items};
  f->region = p->loaded ? region_new(&limits, region_seed(p->region)) : p->region;
  if (!f->region) {
    mem_free(f);
    return NULL;
  }
  fiber_refuel(f);
  program_ref(p);
  return f;
}

static void fiber_forget_fault(struct fiber *f)
{
  for (uint32_t i = 0; i < f->fault.n; i++)
    value_release(f->region, value_take(&f->fault.details[i].value));
  value_release(f->region, f->fault.value);
  f->fault = (struct fault){.value = {.type = VALUE_NONE}};
}

void fiber_free(struct fiber *f)
{
  if (!f) return;
  if (f->state == FIBER_WAITING && f->cancel) f->cancel(f->ticket);
  struct program *p = f->program;
  if (f->own_region) {
    region_free(f->region);
  } else { /* the load: its values stay with the program */
    fiber_unwind(f, 0);
    fiber_forget_fault(f);
    value_release(f->region, f->hold);
    value_release(f->region, f->result);
    size_t size = (size_t)(f->end - f->stack) * sizeof *f->stack;
    region_give(f->region, f->stack, size);
    region_give(f->region, f->frames, f->frame_size * sizeof *f->frames);
    region_give(f->region, f->handlers, f->handler_size * sizeof *f->handlers);
  }
  mem_free(f);
  program_unref(p);
}

/* ---- stack and frames ------------------------------------------------------------------------ */

int fiber_reserve(struct fiber *f, size_t values)
{
  if ((size_t)(f->end - f->top) >= values) return 0;
  size_t used = (size_t)(f->top - f->stack), old = (size_t)(f->end - f->stack);
  size_t size = old ? old : FIBER_STACK_FIRST;
  while (size - used < values) size *= 2;
  struct value *stack =
      region_resize(f->region, f->stack, old * sizeof *stack, size * sizeof *stack);
  if (!stack) return fiber_full(f);
  f->stack = stack;
  f->top = stack + used;
  f->end = stack + size;
  return 0;
}

struct frame *fiber_push_frame(struct fiber *f)
{
  if (f->frame_count == f->frame_size) {
    uint32_t size = f->frame_size ? f->frame_size * 2 : FIBER_FRAME_FIRST;
    struct frame *frames =
        region_resize(f->region, f->frames, f->frame_size * sizeof *frames, size * sizeof *frames);
    if (!frames) {
      fiber_full(f);
      return NULL;
    }
    f->frames = frames;
    f->frame_size = size;
  }
  return &f->frames[f->frame_count++];
}

static void fiber_free_steps(struct fiber *f, struct steps *s)
{
  if (!s) return;
  value_release(f->region, s->got);
  value_release(f->region, s->got_this);
  for (size_t i = 0; i < BASE_COUNT(s->local); i++) value_release(f->region, s->local[i]);
  region_give(f->region, s, sizeof *s);
}

/* Takes the top frame off without its ceremony. */
static void fiber_pop_frame(struct fiber *f)
{
  struct frame *frame = fiber_frame(f);
  struct value self = frame->self;
  uint32_t bottom = frame->bottom;
  if (frame->flags & FRAME_IMPORT && frame->module->state == MODULE_RUNNING) {
    frame->module->state = MODULE_READY; /* it failed: whoever imports it again tries again */
  }
  if (frame->proto && frame->proto->kind != PROTO_MAIN) f->depth--;
  fiber_free_steps(f, frame->steps);
  f->frame_count--;
  value_release(f->region, self);
  fiber_pop_to(f, f->stack + bottom);
}

/* A method that fails has changed `this` all the same. */
static void fiber_save_this(struct fiber *f)
{
  struct frame *frame = fiber_frame(f);
  if (!(frame->flags & FRAME_CHANGED) || !frame->path) return;
  struct value self = value_take(&frame->self);
  struct fault fault = f->fault;
  const uint32_t *path = frame->path;
  struct value *at = f->stack + frame->bottom;
  f->fault = (struct fault){.value = {.type = VALUE_NONE}};
  f->frame_count--; /* paths are those of the caller */
  if (lvalue_write(f, path, at, self)) fiber_forget_fault(f);
  f->frame_count++;
  f->fault = fault;
}

void fiber_unwind(struct fiber *f, uint32_t frames)
{
  while (f->frame_count > frames) {
    if (frames) fiber_save_this(f);
    fiber_pop_frame(f);
  }
  while (f->handler_count && f->handlers[f->handler_count - 1].frame >= frames) f->handler_count--;
}

/* ---- budgets --------------------------------------------------------------------------------- */

int fiber_refuel(struct fiber *f)
{
  uint64_t limit = f->limits.steps, slice = f->limits.slice;
  if (f->fuel < 0) f->spent += (uint64_t)-f->fuel; /* charged beyond the slice */
  if (limit && f->spent >= limit) {
    return fiber_raise(f, VSL_STEPS, "the rule made more than %llu steps",
                       (unsigned long long)limit);
  }
  bool first = f->spent == 0;
  uint64_t fuel = limit ? limit - f->spent : INT64_MAX / 2;
  if (slice && slice < fuel) fuel = slice;
  if (fuel > INT64_MAX / 2) fuel = INT64_MAX / 2;
  f->fuel = (int64_t)fuel;
  f->spent += fuel;
  return !first && slice;
}

int fiber_charge(struct fiber *f, uint64_t steps)
{
  if (steps > INT64_MAX / 4) steps = INT64_MAX / 4;
  f->fuel -= (int64_t)steps;
  if (f->fuel >= 0 || !f->limits.steps) return 0;
  if (f->spent + (uint64_t)-f->fuel < f->limits.steps) return 0;
  return fiber_raise(f, VSL_STEPS, "the rule made more than %llu steps",
                     (unsigned long long)f->limits.steps);
}

/* ---- faults ---------------------------------------------------------------------------------- */

static const struct {
  const char *name;
  bool catchable;
} fiber_errors[VSL_ERRORS] = {/* ORDER VSL_ERROR */
#define FIBER_ERROR(upper, name, catchable) {name, catchable},
                              VSL_ERROR_LIST(FIBER_ERROR)
#undef FIBER_ERROR
};

const char *vsl_error_name(enum vsl_error e)
{
  return fiber_errors[e].name;
}

/* The innermost frame of code at or below frame i. */
static const struct frame *fiber_code_frame(const struct fiber *f, uint32_t i)
{
  for (; i-- > 0;)
    if (f->frames[i].proto) return &f->frames[i];
  return NULL;
}

static uint32_t fiber_frame_at(const struct frame *frame)
{
  const struct proto *p = frame->proto;
  return frame->pc > p->code ? p->places[frame->pc - p->code - 1] : p->at;
}

struct module *fiber_home(const struct fiber *f)
{
  const struct frame *frame = fiber_code_frame(f, f->frame_count);
  return frame ? frame->proto->module : f->program->main;
}

str fiber_written_name(const struct fiber *f)
{
  const struct frame *frame = fiber_code_frame(f, f->frame_count);
  if (!frame) return (str){0};
  str source = frame->proto->module->source;
  size_t from = fiber_frame_at(frame), to = from;
  while (from && (str_isalnum(source.p[from - 1]) || source.p[from - 1] == '_' ||
                  source.p[from - 1] == ':'))
    from--;
  while (to < source.n && (str_isalnum(source.p[to]) || source.p[to] == '_')) to++;
  return str_sub(source, from, to);
}

static void fiber_blame(struct fiber *f)
{
  const struct frame *frame = fiber_code_frame(f, f->frame_count);
  f->fault.module = frame ? frame->proto->module : f->program->main;
  f->fault.at = frame ? fiber_frame_at(frame) : 0;
  if (frame && f->spot) f->fault.at = frame->proto->places[f->spot - frame->proto->code];
  f->spot = NULL;
}

static void fiber_set_fault(struct fiber *f, enum vsl_error e, const char *fmt, va_list ap)
{
  fiber_forget_fault(f);
  f->fault.error = e;
  vsnprintf(f->fault.text, sizeof f->fault.text, fmt, ap);
  fiber_blame(f);
}

int fiber_raise(struct fiber *f, enum vsl_error e, const char *fmt, ...)
{
  va_list ap;
  va_start(ap, fmt);
  fiber_set_fault(f, e, fmt, ap);
  va_end(ap);
  return -1;
}

int fiber_full(struct fiber *f)
{
  return fiber_raise(f, VSL_SIZE,
                     "a string, array or map is too large, or the memory of the run "
                     "(%zu bytes used) is over",
                     region_used(f->region));
}

int fiber_detail(struct fiber *f, const char *key, struct value taken)
{
  if (f->fault.n == FIBER_DETAILS) {
    value_release(f->region, taken);
    return -1;
  }
  f->fault.details[f->fault.n].key = key;
  f->fault.details[f->fault.n++].value = taken;
  return -1;
}

int fiber_throw(struct fiber *f, struct value taken)
{
  struct buf text = BUF_INIT(ERR_TEXT_MAX - 1);
  value_text(taken, true, &text);
  fiber_raise(f, VSL_RUNTIME, "%s", text.n ? buf_cstr(&text) : "a value was thrown");
  buf_free(&text);
  f->fault.value = taken;
  return -1;
}

/* ---- catching -------------------------------------------------------------------------------- */

static int fiber_put(struct fiber *f, struct value *map, const char *key, struct value v)
{
  if (v.type == VALUE_NONE) return -1;
  return dict_put(f->region, map, str_of(key), v);
}

/* What the name of a catch block holds (rules/README.md#statements). VALUE_NONE: no memory. */
static struct value fiber_caught(struct fiber *f)
{
  struct fault *fault = &f->fault;
  if (fault->value.type != VALUE_NONE) return value_retain(fault->value);
  struct place place = module_place(fault->module, fault->at);
  struct value map = value_of(dict_new(f->region, 6));
  bool bad = map.type == VALUE_NONE;
  bad = bad || fiber_put(f, &map, "error",
                         value_string(f->region, str_of(fiber_errors[fault->error].name)));
  bad = bad ||
        fiber_put(f, &map, "message", value_of(string_new_lossy(f->region, str_of(fault->text))));
  bad = bad || fiber_put(f, &map, "line", value_int(place.line));
  bad = bad || fiber_put(f, &map, "position", value_int(place.column));
  bad = bad || fiber_put(f, &map, "source", value_of(string_new_lossy(f->region, place.file)));
  for (uint32_t i = 0; i < fault->n && !bad; i++)
    bad = fiber_put(f, &map, fault->details[i].key, value_retain(fault->details[i].value));
  if (!bad) return map;
  value_release(f->region, map);
  return (struct value){.type = VALUE_NONE};
}

bool fiber_catch(struct fiber *f)
{
  if (!fiber_errors[f->fault.error].catchable || !f->handler_count) return false;
  struct value caught = fiber_caught(f);
  if (caught.type == VALUE_NONE) {
    fiber_full(f);
    return false;
  }
  struct handler h = f->handlers[--f->handler_count];
  fiber_unwind(f, h.frame + 1);
  fiber_pop_to(f, f->stack + h.height);
  *f->top++ = caught; /* the compiler counted it into the frame's height */
  fiber_frame(f)->pc = h.pc;
  return true;
}

/* A caught fault as a value: what `throw;` in its catch block raises again. */
struct fiber_fault_object {
  struct object object;
  struct fault fault;
};

static void fiber_fault_each(struct object *o, void (*visit)(void *ctx, struct value *v), void *ctx)
{
  struct fault *fault = &((struct fiber_fault_object *)o)->fault;
  visit(ctx, &fault->value);
  for (uint32_t i = 0; i < fault->n; i++) visit(ctx, &fault->details[i].value);
}

static const struct object_type fiber_fault_type = {.name = "error", .each = fiber_fault_each};

struct value fiber_error_object(struct fiber *f)
{
  struct object *o = object_new(f->region, &fiber_fault_type, sizeof(struct fiber_fault_object));
  if (!o) {
    fiber_full(f);
    return (struct value){.type = VALUE_NONE};
  }
  ((struct fiber_fault_object *)o)->fault = f->fault; /* with its values */
  f->fault = (struct fault){.value = {.type = VALUE_NONE}};
  return value_of(o);
}

int fiber_rethrow(struct fiber *f, struct value error_object)
{
  const struct fault *fault = &((struct fiber_fault_object *)error_object.as.object)->fault;
  fiber_forget_fault(f);
  f->fault = *fault;
  value_retain(f->fault.value);
  for (uint32_t i = 0; i < fault->n; i++) value_retain(fault->details[i].value);
  return -1;
}

/* ---- running --------------------------------------------------------------------------------- */

int fiber_start(struct fiber *f, struct value callee)
{
  struct frame how = {.flags = FRAME_BOTTOM, .self = {.type = VALUE_NONE}};
  enum invoked rc = fiber_reserve(f, 1) ? INVOKED_ERROR : invoke_value(f, callee, 0, how);
  if (rc == INVOKED_FRAME) return 0;
  f->state = rc == INVOKED_END ? FIBER_DONE : FIBER_FAILED; /* a plain native is done already */
  return f->state == FIBER_DONE ? 0 : -1;
}

enum fiber_state fiber_run(struct fiber *f)
{
  if (f->state == FIBER_FRESH || f->state == FIBER_YIELDED) {
    if (f->fuel <= 0 && !f->failing && fiber_refuel(f) < 0) f->failing = true;
    f->state = vm_run(f);
  }
  return f->state;
}

enum fiber_state fiber_state(const struct fiber *f)
{
  return f->state;
}

struct value fiber_result(const struct fiber *f)
{
  return f->result;
}

bool fiber_may_wait(const struct fiber *f)
{
  return !f->loading && !f->program->options.script;
}

int fiber_wait(struct fiber *f, void (*cancel)(void *ticket), void *ticket)
{
  if (!fiber_may_wait(f)) {
    return fiber_raise(f, VSL_RUNTIME, "this has to wait, and nothing may wait here");
  }
  f->cancel = cancel;
  f->ticket = ticket;
  return NATIVE_WAIT;
}

void fiber_resume(struct fiber *f, struct value taken)
{
  struct frame *frame = fiber_frame(f);
  if (f->state != FIBER_WAITING) {
    value_release(f->region, taken);
    return;
  }
  value_set(f->region, &frame->steps->got, taken);
  f->cancel = NULL;
  f->state = FIBER_YIELDED;
}

void fiber_fail(struct fiber *f, enum vsl_error e, const char *fmt, ...)
{
  va_list ap;
  if (f->state != FIBER_WAITING) return;
  va_start(ap, fmt);
  fiber_set_fault(f, e, fmt, ap);
  va_end(ap);
  f->failing = true;
  f->cancel = NULL;
  f->state = FIBER_YIELDED;
}

void fiber_stop(struct fiber *f, const char *why)
{
  if (f->state == FIBER_DONE || f->state == FIBER_FAILED) return;
  if (f->state == FIBER_WAITING && f->cancel) f->cancel(f->ticket);
  f->cancel = NULL;
  fiber_raise(f, VSL_STOPPED, "%s", why);
  f->failing = true;
  f->state = FIBER_YIELDED;
}

/* ---- what natives ask ------------------------------------------------------------------------ */

struct region *fiber_region(const struct fiber *f)
{
  return f->region;
}
void *fiber_host(const struct fiber *f)
{
  return f->host;
}
bool fiber_is_script(const struct fiber *f)
{
  return f->program->options.script;
}

void fiber_print(struct fiber *f, str text)
{
  const struct program_options *o = &f->program->options;
  if (o->print) o->print(o->print_ctx, false, text);
}

void fiber_debug(struct fiber *f, str text)
{
  const struct program_options *o = &f->program->options;
  if (o->print) o->print(o->print_ctx, true, text);
}

struct place fiber_place(const struct fiber *f)
{
  const struct frame *frame = fiber_code_frame(f, f->frame_count);
  if (!frame) return module_place(f->program->main, 0);
  return module_place(frame->proto->module, fiber_frame_at(frame));
}

void fiber_warn(struct fiber *f, const char *fmt, ...)
{
  const struct frame *frame = fiber_code_frame(f, f->frame_count);
  char text[ERR_TEXT_MAX];
  va_list ap;
  if (!f->program->diags || !frame) return;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  module_fault(frame->proto->module, f->program->diags, true, fiber_frame_at(frame), "%s", text);
}

/* ---- the report ------------------------------------------------------------------------------ */

enum vsl_error fiber_error(const struct fiber *f)
{
  return f->fault.error;
}

struct place fiber_error_place(const struct fiber *f)
{
  return module_place(f->fault.module, f->fault.at);
}

str fiber_error_text(const struct fiber *f)
{
  struct value v = f->fault.value;
  struct value *m = v.type == VALUE_MAP ? dict_get(f->region, v.as.map, STR("message")) : NULL;
  return m && m->type == VALUE_STRING ? value_str(*m) : str_of(f->fault.text);
}

static void fiber_trace_line(const struct fiber *f, uint32_t i, struct buf *out)
{
  const struct frame *frame = &f->frames[i], *caller = fiber_code_frame(f, i);
  struct place at = {.file = STR("?")};
  if (caller) at = module_place(caller->proto->module, fiber_frame_at(caller));
  if (frame->proto && frame->proto->kind == PROTO_CLOSURE) {
    at = module_place(frame->proto->module, frame->proto->at);
    buf_puts(out, "  in call to closure");
  } else if (frame->proto && frame->proto->kind == PROTO_MAIN) {
    buf_printf(out, "  in import of '" STR_FMT "'", STR_ARG(frame->proto->module->file));
  } else {
    str name = frame->proto ? string_str(frame->proto->name) : str_of(frame->native->name);
    buf_printf(out, "  in call to function '" STR_FMT "'", STR_ARG(name));
  }
  buf_printf(out, " at " STR_FMT ":%d:%d\n", STR_ARG(at.file), at.line, at.column);
}

void fiber_error_trace(const struct fiber *f, struct buf *out)
{
  for (uint32_t i = f->frame_count; i-- > 1;) fiber_trace_line(f, i, out);
}

void fiber_error_report(const struct fiber *f, struct buf *out)
{
  struct place at = fiber_error_place(f);
  struct diag d = {.file = at.file,
                   .line = at.line,
                   .column = at.column,
                   .source = source_line(f->fault.module->source, at.line)};
  char text[ERR_TEXT_MAX + 64];
  snprintf(text, sizeof text, "%s: %s", fiber_errors[f->fault.error].name, f->fault.text);
  d.text = str_of(text);
  diag_text(&d, out);
  fiber_error_trace(f, out);
}

#undef FIBER_STACK_FIRST
#undef FIBER_FRAME_FIRST
