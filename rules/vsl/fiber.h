/* rules/vsl/fiber.h: a running fiber from inside: its stack, frames, budgets and its error.
 *
 * The stack holds values; a frame is a range of it: arguments and variables (slots), then what
 * expressions are working on. Frames of natives that call back stand among the frames of code, so
 * nothing of a run is ever on the C stack when the fiber stops.
 */
#ifndef VSL_FIBER_H
#define VSL_FIBER_H

#include "code.h"

enum {
  FRAME_CALLBACK = 1, /* the result goes to the native in the frame below */
  FRAME_IMPORT = 2,   /* the file of `module` is evaluated: the result is the module */
  FRAME_BOTTOM = 4,   /* the fiber ends with this one */
  FRAME_CHANGED = 8   /* `this` was written to */
};

struct frame {
  struct proto *proto; /* NULL: a native */
  const uint32_t *pc;  /* behind the first word of what is being done */
  uint32_t base;       /* first argument */
  uint32_t bottom;     /* everything from here on goes when the frame ends */
  uint32_t argc;
  uint32_t flags;
  struct value self;    /* `this`, or VALUE_NONE */
  const uint32_t *path; /* where `this` or args[0] is written back to, in the caller's code; its
                           keys lie at bottom. NULL: nowhere */
  struct module *module;
  const struct native *native;
  struct steps *steps;
};

struct handler { /* an active try */
  uint32_t frame, height;
  const uint32_t *pc;
};

#define FIBER_DETAILS 4
struct fault {
  enum vsl_error error;
  struct module *module; /* where it arose */
  uint32_t at;
  struct value value; /* thrown; VALUE_NONE: none */
  char text[ERR_TEXT_MAX];
  struct {
    const char *key;
    struct value value;
  } details[FIBER_DETAILS];
  uint32_t n;
};

struct overlay { /* a frozen variable this fiber wrote to, and its own copy */
  const struct cell *frozen;
  struct cell *own;
};

struct fiber {
  struct program *program;
  struct region *region;
  struct vsl_limits limits;
  void *host;
  enum fiber_state state;
  bool own_region, loading;
  bool failing; /* fault is set and not yet raised: fiber_fail, fiber_stop */
  struct value *stack, *top, *end;
  struct frame *frames;
  uint32_t frame_count, frame_size;
  uint32_t depth; /* frames of functions and closures */
  struct handler *handlers;
  uint32_t handler_count, handler_size;
  struct overlay *overlays;
  uint32_t overlay_count, overlay_size;
  int64_t fuel;   /* steps left of this slice */
  uint64_t spent; /* steps of the slices before, this one's included */
  struct value result;
  struct value hold;    /* keeps what a path goes through when that is no variable */
  const uint32_t *spot; /* the word that is to blame, when not the one at pc */
  struct fault fault;
  void (*cancel)(void *ticket); /* while WAITING */
  void *ticket;
};

/* What invoking something came to. */
enum invoked {
  INVOKED_ERROR = -1,
  INVOKED_DONE,  /* the result is on the stack, or with the native that asked */
  INVOKED_FRAME, /* a frame was pushed */
  INVOKED_WAIT,
  INVOKED_END /* the bottom frame returned */
};

/* ---- fiber.c --------------------------------------------------------------------------------- */
int fiber_reserve(struct fiber *f, size_t values); /* room above the top; raises */
bool fiber_catch(struct fiber *f); /* unwinds to the innermost try; false: the error stays */
int fiber_refuel(struct fiber *f); /* 1: the slice is over; -1: the budget is, raised */
void fiber_unwind(struct fiber *f, uint32_t frames); /* drops all frames above so many */
static inline struct frame *fiber_frame(struct fiber *f)
{
  return &f->frames[f->frame_count - 1];
}
static inline void fiber_pop_to(struct fiber *f, struct value *down_to)
{
  while (f->top > down_to) value_release(f->region, *--f->top);
}
struct frame *fiber_push_frame(struct fiber *f);  /* to be filled; NULL: raised */
struct value fiber_error_object(struct fiber *f); /* what CATCH keeps to rethrow */
int fiber_rethrow(struct fiber *f, struct value error_object);
struct module *fiber_home(const struct fiber *f); /* of the running code */
str fiber_written_name(const struct fiber *f);    /* module::name at the running place; borrows */

/* ---- lvalue.c: variables, elements, properties ----------------------------------------------- */
struct value *lvalue_slot(struct fiber *f, struct value *slot);        /* to write; NULL: raised */
struct value lvalue_cell(const struct fiber *f, const struct cell *c); /* borrowed */
const uint32_t *lvalue_end(const uint32_t *path);                      /* behind its last step */
uint32_t lvalue_height(const uint32_t *path);                          /* values on the stack */
/* at: the first of those values. n: so many steps. *out owned. */
int lvalue_read(struct fiber *f, const uint32_t *path, struct value *at, struct value *out);
struct value *lvalue_find(struct fiber *f, const uint32_t *path, struct value *at, uint32_t n);
int lvalue_write(struct fiber *f, const uint32_t *path, struct value *at, struct value taken);
int lvalue_compound(struct fiber *f, const uint32_t *path, struct value *at, enum value_op op,
                    struct value b);
int lvalue_property(struct fiber *f, struct value base, struct string *name, uint32_t set,
                    struct value *out);
int lvalue_index(struct fiber *f, struct value base, struct value key, struct value *out);
int lvalue_set_index(struct fiber *f, struct value *base, struct value key, struct value taken);
bool lvalue_is_const(const uint32_t *path);

/* ---- invoke.c: calls; the arguments are the topmost values ----------------------------------- */
enum invoked invoke_proto(struct fiber *f, struct proto *p, const struct fn *fn, uint32_t argc,
                          struct frame how);
enum invoked invoke_value(struct fiber *f, struct value callee, uint32_t argc, struct frame how);
enum invoked invoke_native(struct fiber *f, const struct native *n, uint32_t argc,
                           struct frame how);
enum invoked invoke_set(struct fiber *f, uint32_t set, uint32_t argc);
enum invoked invoke_call_method(struct fiber *f, const uint32_t *path);
enum invoked invoke_member(struct fiber *f, struct string *name, uint32_t argc);
int fiber_start_module(struct fiber *f, struct module *m); /* evaluates a file */
enum invoked invoke_import(struct fiber *f, struct module *m);
enum invoked invoke_return(struct fiber *f, struct value taken); /* of the top frame */
enum invoked invoke_drive(struct fiber *f); /* while a native's frame is on top */
int invoke_no_function(struct fiber *f, str name, const struct value *args, uint32_t argc);

/* ---- step.c: what vm_run does not do itself -------------------------------------------------- */
int step_assign(struct fiber *f, struct value *slot, struct value taken);
static inline struct value step_read(const struct fiber *f, struct value slot)
{
  return slot.type == VALUE_CELL ? lvalue_cell(f, slot.as.cell) : slot;
}
int step_global(struct fiber *f, uint32_t number, struct value *out);
int step_no_assign(struct fiber *f, str name);
int step_member(struct fiber *f, struct value module, struct string *name, bool sub,
                struct value *out);
int step_closure(struct fiber *f, struct proto *p, struct value *base, struct value *out);
int step_compound(struct fiber *f, enum value_op op, struct value *slot, struct value b);
int step_set_index(struct fiber *f, struct value *slot, struct value key, struct value taken);
int step_export(struct fiber *f, struct value *map, struct string *name, struct value taken);
int step_array(struct fiber *f, struct value *items, uint32_t n, struct value *out);
int64_t step_switch(struct fiber *f, const struct switch_table *t, struct value *base);
int step_for(struct fiber *f, struct value over, struct value *slots);
int step_for_step(struct fiber *f, struct value *slots, bool index);
int step_try(struct fiber *f, const uint32_t *pc);
int step_catch(struct fiber *f, struct value *slots);
struct module *step_import_path(struct fiber *f, struct value path);

/* ---- vm.c ------------------------------------------------------------------------------------ */
enum fiber_state vm_run(struct fiber *f);

#endif
