/* rules/vsl/vsl.h: the door of rules/vsl/: the language VSL, without any mail in it. Values and the
 * region they live in, what a native sees; programs and the fibers that run them; a registry of
 * natives, to which rooms above add theirs.
 *
 * Laws
 *  1. A struct value is 16 bytes, passed by value. Types from VALUE_STRING on point to a heap
 *     object with a count of references; a value kept anywhere owns one of them.
 *  2. Every run (a rule, the load of a rule set) has one region. All its objects come from there
 *     and die with it at the latest; what loses its last reference is reused at once. Cycles (a
 *     closure that captures itself) wait for the region's end. There is no collector and no global.
 *  3. Value semantics: a heap object with more than one reference, or a frozen one, is never
 *     changed. The xxx_own functions give a place its private copy first; string_, array_ and dict_
 *     functions that take a `struct value *` do so themselves.
 *  4. Frozen objects (constants of the code, everything a rule set made while it loaded) are shared
 *     by all runs, belong to the rule set, and have HEAP_FROZEN references for ever.
 *  5. Values nest without bound, so nothing recurses over them without counting depth
 *     (VALUE_DEPTH_MAX; beyond: ErrorDataTooLarge).
 *
 * Failing memory: functions that allocate return NULL or -1, and the caller gives up with
 * fiber_full(f), which raises ErrorDataTooLarge. Nothing exits, nothing leaks: the region owns all.
 *
 * Nothing here knows mail: object.c, status.c, directive.c, service.c and api*.c of rules/ add
 * their types, words and natives from above.
 */
#ifndef VSL_VSL_H
#define VSL_VSL_H

#include "../../vsmtp.h"

struct fiber;
struct region;
struct proto;
struct module;

#define VALUE_DEPTH_MAX 100

/* ---- values -------------------------------------------------------------------------------------
 * ORDER VALUE_TYPE: value_type_names in value.c. */
enum value_type {
  VALUE_UNIT, /* zeroed memory is () */
  VALUE_BOOL,
  VALUE_INT,
  VALUE_FLOAT,
  VALUE_CHAR,
  VALUE_TIME,   /* a timestamp: as.i microseconds of clock_mono_us */
  VALUE_NONE,   /* inside only: no value at all, e.g. a constant not yet defined */
  VALUE_STRING, /* from here on: heap objects */
  VALUE_ARRAY,
  VALUE_MAP,
  VALUE_FN,
  VALUE_RANGE,
  VALUE_BLOB,
  VALUE_OBJECT, /* anything else, by its struct object_type: ip4, status, ctx()… */
  VALUE_CELL,   /* inside only: a variable shared by closures; natives never see one */
  VALUE_TYPES
};

struct heap {
  uint32_t refs; /* HEAP_FROZEN: immutable and immortal */
  uint8_t type;  /* enum value_type */
  uint8_t flags; /* of the type */
  uint16_t spare;
};
#define HEAP_FROZEN UINT32_MAX

struct value {
  uint8_t type;
  union {
    bool b;
    int64_t i;
    double f;
    uint32_t c; /* code point */
    struct heap *heap;
    struct string *string;
    struct array *array;
    struct dict *map;
    struct fn *fn;
    struct range *range;
    struct object *object;
    struct cell *cell;
  } as;
};

/* UTF-8 always valid. Law: chars == n exactly when all is ASCII, and then indexing is O(1). */
struct string {
  struct heap heap;
  uint32_t n;     /* bytes */
  uint32_t chars; /* code points */
  uint32_t size;  /* bytes the object has room for, without the final NUL */
  uint32_t hash;  /* of the bytes, 0: not yet computed */
  char p[];       /* p[n] is NUL */
};

struct array { /* also VALUE_BLOB, whose items are ints 0…255 */
  struct heap heap;
  uint32_t n, size;
  struct value items[];
};

/* A map. Entries stand in any order until dict_sort; every iteration sorts first, which costs
 * nothing when they are in order already. Beyond DICT_SMALL entries an index by hash is kept. */
struct dict_entry {
  struct string *key;
  struct value value;
};
struct dict {
  struct heap heap;
  uint32_t n, size;
  bool sorted;
  struct dict_entry *entries;
  uint32_t *index; /* entry number + 1, 0 free; NULL while small */
  uint32_t index_size;
};

struct range {
  struct heap heap; /* flags: 1 inclusive */
  int64_t start, end;
};

struct cell {
  struct heap heap; /* flags: 1 constant */
  struct value value;
};

/* ---- other types --------------------------------------------------------------------------------
 * A struct that begins with struct object, made by object_new; the rest of it is its own affair.
 * Every function may be NULL: no such ability. Those with a fiber return -1 after raising. */
struct object {
  struct heap heap;
  uint32_t size; /* of the whole struct */
  const struct object_type *type;
};
struct object_type {
  const char *name;                                                  /* what type_of says */
  void (*text)(const struct object *o, bool debug, struct buf *out); /* default: the name */
  /* a == b where a or b is of this type: 1, 0, -1, or -2: these two cannot be compared, which is
   * an error for == and a difference inside collections. Asked of a's type first, of b's if that is
   * 0 and a different type. NULL: same object only. */
  int (*equals)(struct fiber *f, struct value a, struct value b);
  int (*contains)(struct fiber *f, struct value self, struct value item); /* item in self */
  /* element in self, asked instead of == when self is looked for in an array: `group in list`.
   * 1, 0, -1. */
  int (*within)(struct fiber *f, struct value self, struct value element);
  /* self.name: 1 and *out (owned), 0 no such property, -1. */
  int (*get)(struct fiber *f, struct value self, str name, struct value *out);
  /* for: the element at *cursor (0 at the start, the type's own afterwards): 1, 0 at the end, -1.
   */
  int (*next)(struct fiber *f, struct value self, int64_t *cursor, struct value *out);
  /* Calls visit for every value inside (to release or freeze them); whoever holds values needs it.
   */
  void (*each)(struct object *o, void (*visit)(void *ctx, struct value *v), void *ctx);
};
/* Zeroed behind the head. size is that of the whole struct. NULL: no memory. All it has is the
 * region's: nobody is told when that goes. */
struct object *object_new(struct region *r, const struct object_type *t, size_t size);
static inline bool object_is(struct value v, const struct object_type *t)
{
  return v.type == VALUE_OBJECT && v.as.object->type == t;
}

/* ---- making values --------------------------------------------------------------------------- */
#define VALUE_MAKE(t, field, x) ((struct value){.type = (t), .as.field = (x)})
static inline struct value value_unit(void)
{
  return (struct value){0};
}
static inline struct value value_bool(bool b)
{
  return VALUE_MAKE(VALUE_BOOL, b, b);
}
static inline struct value value_int(int64_t i)
{
  return VALUE_MAKE(VALUE_INT, i, i);
}
static inline struct value value_float(double x)
{
  return VALUE_MAKE(VALUE_FLOAT, f, x);
}
static inline struct value value_char(uint32_t c)
{
  return VALUE_MAKE(VALUE_CHAR, c, c);
}
/* These take over the caller's reference of a fresh object; NULL gives VALUE_NONE. */
struct value value_of(void *heap_object);

static inline bool value_is_heap(struct value v)
{
  return v.type >= VALUE_STRING;
}
static inline bool value_is_number(struct value v)
{
  return v.type == VALUE_INT || v.type == VALUE_FLOAT;
}
/* One more owner; returns v. */
static inline struct value value_retain(struct value v)
{
  if (value_is_heap(v) && v.as.heap->refs != HEAP_FROZEN) v.as.heap->refs++;
  return v;
}
void heap_destroy(struct region *r, struct heap *h); /* iterative: any depth */
static inline void heap_release(struct region *r, struct heap *h)
{
  if (h->refs != HEAP_FROZEN && --h->refs == 0) heap_destroy(r, h);
}
static inline void value_release(struct region *r, struct value v)
{
  if (value_is_heap(v)) heap_release(r, v.as.heap);
}
static inline void value_set(struct region *r, struct value *place, struct value taken)
{
  struct value old = *place;
  *place = taken;
  value_release(r, old);
}
/* Moves out: the place holds () afterwards. */
static inline struct value value_take(struct value *place)
{
  struct value v = *place;
  *place = value_unit();
  return v;
}
/* May this object be changed where it is? */
static inline bool heap_is_own(const struct heap *h)
{
  return h->refs == 1;
}
/* Makes v and all it holds immutable, sorted, hashed and immortal: the load of a rule set is over.
 */
int value_freeze(struct region *r, struct value v);

/* ---- region.c: the memory of a run --------------------------------------------------------------
 * Blocks are aligned to 16. Small ones come from free lists by size, big ones from mem_alloc. */
struct region_limits {
  size_t bytes;    /* 0: none */
  uint32_t string; /* bytes of one string; 0: none (then UINT32_MAX / 2) */
  uint32_t items;  /* of an array or map; 0: none */
};
struct region *region_new(const struct region_limits *l, uint64_t seed); /* NULL: no memory */
void region_free(struct region *r);
void *region_alloc(struct region *r, size_t n); /* not zeroed; NULL: over the limit or no memory */
void *region_resize(struct region *r, void *p, size_t old, size_t n);
void region_give(struct region *r, void *p, size_t n); /* n as allocated */
size_t region_used(const struct region *r);
size_t region_peak(const struct region *r); /* the most it ever was: for the fuzzer */
/* Depth of recursion over objects of other types while they are destroyed: false when too deep
 * (what is inside then waits for the region's end). step is 1 or -1. */
bool region_descend(struct region *r, int step);
uint64_t region_seed(const struct region *r);
uint32_t region_string_max(const struct region *r);
uint32_t region_items_max(const struct region *r);

/* ---- string.c -----------------------------------------------------------------------------------
 * Functions with `struct value *place` change the string there (which must be a string); if it is
 * shared the place gets a new object before. 0, or -1: too long or no memory. */
struct string *string_new(struct region *r, str text);        /* text must be valid UTF-8 */
struct string *string_new_lossy(struct region *r, str bytes); /* ill-formed bytes become U+FFFD */
struct string *string_join(struct region *r, str a, str b);   /* both valid UTF-8 */
struct value value_string(struct region *r, str text);        /* VALUE_NONE: no memory */
static inline str string_str(const struct string *s)
{
  return (str){s->p, s->n};
}
static inline str value_str(struct value v)
{
  return string_str(v.as.string);
} /* a VALUE_STRING */
static inline bool string_is_ascii(const struct string *s)
{
  return s->chars == s->n;
}
int string_reserve(struct region *r, struct value *place,
                   size_t bytes);                                   /* own, room for n + bytes */
int string_append(struct region *r, struct value *place, str text); /* amortised O(1) */
int string_append_char(struct region *r, struct value *place, uint32_t c);
/* [from, to) in bytes is replaced by text; from and to must be borders of code points. */
int string_splice(struct region *r, struct value *place, size_t from, size_t to, str text);
size_t string_offset(const struct string *s,
                     size_t chars); /* byte offset of that code point, ≤ n */
size_t string_chars(str text);      /* code points in valid UTF-8 */
uint32_t string_at(const struct string *s, size_t index); /* the code point; index < chars */
str string_slice(const struct string *s, size_t from,
                 size_t to);                                    /* code points, clipped; borrows */
uint32_t string_hash(const struct region *r, struct string *s); /* keyed, never 0 */
uint32_t string_hash_of(const struct region *r, str text);
bool string_eq(const struct string *a, const struct string *b);

/* ---- array.c: as above; values handed in are taken over, also on failure --------------------- */
struct array *array_new(struct region *r, size_t room);
int array_own(struct region *r, struct value *place);
int array_push(struct region *r, struct value *place, struct value taken);
int array_insert(struct region *r, struct value *place, size_t at, struct value taken); /* at ≤ n */
struct value array_remove(struct region *r, struct value *place, size_t at); /* array must be own */
void array_truncate(struct region *r, struct value *place, size_t n);        /* likewise */
int array_append(struct region *r, struct value *place, const struct value *items, size_t n);
struct array *array_slice(struct region *r, const struct array *a, size_t from, size_t to);

/* ---- dict.c: maps ---------------------------------------------------------------------------- */
struct dict *dict_new(struct region *r, size_t room);
int dict_own(struct region *r, struct value *place);
struct value *dict_get(const struct region *r, const struct dict *m, str key); /* NULL: absent */
struct value *dict_find(const struct region *r, const struct dict *m, struct string *key);
int dict_set(struct region *r, struct value *place, struct string *key, struct value taken);
int dict_put(struct region *r, struct value *place, str key, struct value taken);
bool dict_remove(struct region *r, struct value *place, str key, struct value *out); /* owned map */
void dict_sort(struct region *r, struct dict *m); /* entries in byte order of their keys */

struct range *range_new(struct region *r, int64_t start, int64_t end, bool inclusive);
static inline bool range_is_inclusive(const struct range *r)
{
  return r->heap.flags & 1;
}

/* ---- value.c: operations on values of any type --------------------------------------------------
 * Those with a fiber raise and return -1. */
/* ORDER VALUE_OP: value_op_names. */
enum value_op {
  VALUE_ADD,
  VALUE_SUB,
  VALUE_MUL,
  VALUE_DIV,
  VALUE_MOD,
  VALUE_POW,
  VALUE_SHL,
  VALUE_SHR,
  VALUE_AND,
  VALUE_OR,
  VALUE_XOR,
  VALUE_EQ,
  VALUE_NE,
  VALUE_LT,
  VALUE_LE,
  VALUE_GT,
  VALUE_GE,
  VALUE_RANGE_OP,
  VALUE_RANGE_EQ,
  VALUE_IN,
  VALUE_NEG,
  VALUE_PLUS,
  VALUE_NOT,
  VALUE_OPS
};
double value_to_double(struct value number);
str value_bytes(struct value v, char tmp[4]); /* of a string or a char; borrows v and tmp */
const char *value_type_name(struct value v);  /* what type_of says */
/* As rules/README.md#operators has it; a and b borrowed, *out owned. For unary ones b is ().
 * Undefined: ErrorFunctionNotFound "+ (i64, bool)". */
int value_binary(struct fiber *f, enum value_op op, struct value a, struct value b,
                 struct value *out);
/* *place op= b, the same (in place where that is possible); b borrowed. */
int value_compound(struct fiber *f, enum value_op op, struct value *place, struct value b);
int value_equals(struct fiber *f, struct value a, struct value b); /* 1, 0, -1 */
/* Gives place its own copy of the array, map or blob if others see it too; charged, raises. */
int value_own(struct fiber *f, struct value *place);
int value_matches(struct fiber *f, struct value a, struct value b); /* as in `in`: what cannot be
                                                                       compared is different */
int value_contains(struct fiber *f, struct value container, struct value item);
/* For sort, min, switch: <0, 0, >0 into *order; raises ErrorFunctionNotFound if not comparable. */
int value_compare(struct fiber *f, struct value a, struct value b, int *order);
/* Text forms of 2.1. -1: deeper than VALUE_DEPTH_MAX, or the buffer's cap or memory is over. */
int value_text(struct value v, bool debug, struct buf *out);
int value_append_text(struct fiber *f, struct value *string, struct value v, bool debug);
struct value value_to_string(struct fiber *f, struct value v, bool debug); /* VALUE_NONE: raised */
int value_remove_text(struct fiber *f, struct value *string, str needle);  /* all occurrences */
int value_merge(struct fiber *f, struct value *map, const struct dict *from, bool only_missing);
#define VALUE_TEXT_SHORT 24
/* The display text of (), bools, ints, chars and strings needs no memory; false: another type. */
bool value_text_short(struct value v, char tmp[VALUE_TEXT_SHORT], str *out);
/* value_text.c: a float alone; the entries of a map by key (mem_free it; NULL: no memory). */
void value_text_float(double x, struct buf *out);
const struct dict_entry **value_text_order(const struct dict *m);

/* ---- errors -------------------------------------------------------------------------------------
 * X(enum, class name, catchable) ORDER VSL_ERROR */
#define VSL_ERROR_LIST(X)                                                                          \
  X(SYNTAX, "Syntax", false)                                                                       \
  X(VARIABLE, "ErrorVariableNotFound", true)                                                       \
  X(FUNCTION, "ErrorFunctionNotFound", true)                                                       \
  X(MODULE, "ErrorModuleNotFound", true)                                                           \
  X(CYCLE, "ErrorImportCycle", false)                                                              \
  X(THIS, "ErrorUnboundThis", true)                                                                \
  X(TYPE, "ErrorMismatchDataType", true)                                                           \
  X(ARRAY_BOUNDS, "ErrorArrayBounds", true)                                                        \
  X(STRING_BOUNDS, "ErrorStringBounds", true)                                                      \
  X(BIT_BOUNDS, "ErrorBitFieldBounds", true)                                                       \
  X(INDEXING, "ErrorIndexingType", true)                                                           \
  X(FOR, "ErrorFor", true)                                                                         \
  X(CONSTANT, "ErrorAssignmentToConstant", true)                                                   \
  X(DOT, "ErrorDotExpr", true)                                                                     \
  X(ARITHMETIC, "ErrorArithmetic", true)                                                           \
  X(STACK, "ErrorStackOverflow", false)                                                            \
  X(STEPS, "ErrorTooManyOperations", false)                                                        \
  X(SIZE, "ErrorDataTooLarge", false)                                                              \
  X(STOPPED, "ErrorTerminated", false)                                                             \
  X(RUNTIME, "ErrorRuntime", true)

enum vsl_error {
#define VSL_ERROR_ENUM(upper, name, catchable) VSL_##upper,
  VSL_ERROR_LIST(VSL_ERROR_ENUM)
#undef VSL_ERROR_ENUM
      VSL_ERRORS
};

/* Raises at the place of the running call (its name or operator). Always -1. The text must name the
 * thing: variable, function with types, index and length, both types. */
int fiber_raise(struct fiber *f, enum vsl_error e, const char *fmt, ...) BASE_PRINTF(3, 4);
int fiber_full(struct fiber *f); /* an allocation failed: over the budget, or no memory */
/* More facts for the map a catch block gets ("function", "variable", "index", "property"…): after
 * fiber_raise. value taken. Returns -1. */
int fiber_detail(struct fiber *f, const char *key, struct value taken);
int fiber_throw(struct fiber *f, struct value taken); /* as `throw` */

/* ---- natives ------------------------------------------------------------------------------------
 * Registered in const tables. A call looks for rows of its name whose signature fits the types of
 * its arguments, first row first; none: ErrorFunctionNotFound "name (i64, string)" at the name. A
 * method call x.f(a) is the call f(x, a).
 *
 * A name may be qualified: "sys::next", "toml::server" (with NATIVE_ONLY_PROPERTY and signature ""
 * the value toml::server). Predefined objects are what prelude.vsl declares (registry_set_prelude).
 *
 * Signature: one letter an argument, '|' before the optional ones, '*' at the end for any number
 * more of any type; so sub_string has "si|i" and "sr". At most NATIVE_ARGS_MAX are checked.
 *
 *   . any    u unit   b bool    i int         f float   n int or float
 *   c char   s string k string or char        a array   m map   r range
 *   t timestamp       B blob    o object      p Fn      q Fn or string (its name) */
struct call;
typedef int native_fn(struct fiber *f, struct call *c); /* NATIVE_DONE, NATIVE_CALL… or -1 */

struct native {
  const char *name; /* beginning with '$': for the compiler only, scripts cannot say it */
  const char *signature;
  uint32_t flags;
  native_fn *fn;
};
enum {
  NATIVE_MUTATES = 1,  /* args[0] is the receiver itself: what it is afterwards is written back to
                          the  variable, element or property it came from; refused on constants */
  NATIVE_PROPERTY = 2, /* x.name without () works too (one argument) */
  NATIVE_STEPS = 4,    /* calls back or waits: is called again, with c->steps */
  NATIVE_ONLY_PROPERTY = 8, /* x.name, but not as a call */
  NATIVE_UNBUILT = 32,      /* `check` warns wherever it is called: not built in yet */
  NATIVE_STATUS = 16        /* makes a verdict: `check` warns when an action calls it */
};
#define NATIVE_ARGS_MAX 6

/* What a native gets. args stay the fiber's (borrowed); a mutating native may change args[0], and
 * any native may value_take an argument it wants to keep. */
struct call {
  struct value *args; /* valid until the native returns: found again at every step */
  int argc;
  struct value out;    /* the result: () unless set; owned */
  struct steps *steps; /* only with NATIVE_STEPS */
};

/* A native that calls closures or waits never sits on the C stack meanwhile. It returns
 * NATIVE_CALL or NATIVE_WAIT, and is called again with steps->step one higher and steps->got the
 * result (owned by steps: take it or leave it). Zeroed at step 0. While it is away args[0] of a
 * mutating native is its own copy: a callback sees the receiver as it was, the native's result is
 * written last. Everything in here is released when the fiber dies or an error passes. */
struct steps {
  int step;
  struct value got;      /* result of the callback, or what fiber_resume gave */
  struct value got_this; /* `this` after the callback, if one was given */
  struct value local[4]; /* for the native */
  int64_t i, j, k, n;    /* likewise */
};
enum { NATIVE_ERROR = -1, NATIVE_DONE = 0, NATIVE_CALL = 1, NATIVE_WAIT = 2 };

/* Asks for callee(args…) and returns NATIVE_CALL, to be returned at once; or raises, -1. callee: Fn
 * or the name of a function. The first `least` arguments are passed always, the others only as far
 * as the callee declares parameters. self (NULL: none) becomes `this`; if it is NULL and a closure
 * has no parameters at all, args[0] becomes `this`. All borrowed. */
int fiber_call(struct fiber *f, struct call *c, struct value callee, const struct value *self,
               const struct value *args, int argc, int least);
/* Returns NATIVE_WAIT. cancel(ticket) is called if the fiber dies before somebody calls
 * fiber_resume or fiber_fail (then never). Raises where nothing may wait (load, eval): -1. */
int fiber_wait(struct fiber *f, void (*cancel)(void *ticket), void *ticket);
bool fiber_may_wait(const struct fiber *f);
bool fiber_is_script(const struct fiber *f); /* `vsmtp eval`: not a server that must go on */

/* What natives may ask of the fiber they run on. */
struct region *fiber_region(const struct fiber *f);
void *fiber_host(const struct fiber *f); /* whatever who started the run gave */
/* Work in proportion to a size (copying, searching) is charged: one step per call, and about one
 * for each 64 bytes or 8 elements. -1: the budget of steps is over, raised. */
int fiber_charge(struct fiber *f, uint64_t steps);
void fiber_print(struct fiber *f, str text); /* print(): without the newline */
void fiber_debug(struct fiber *f, str text); /* debug() */
struct place {
  str file; /* as given; lives as long as the rule set */
  int line, column;
};
struct place fiber_place(const struct fiber *f); /* of the running call */
str fn_name(struct value fn);                    /* "" for a closure */
int fn_params(struct value fn);                  /* parameters still free; -1 for a mere name */

/* ---- registry: all natives and predefined constants of a kind of run ------------------------- */
struct registry;
struct registry *registry_new(void);
void registry_free(struct registry *g);
int registry_add(struct registry *g, const struct native *table, size_t n); /* table borrowed */
/* Words after `object NAME`, after `file:`, after `service NAME`, after `db:`; NULL-ended lists.
 * Declarations compile to calls of natives (each returns the value of the declaration):
 *   $object(name, type, content type or (), value)   $service(name, type, format or (), value)
 *   $rule(name, value)   $action(name, value)   $delegate(service, name, value)
 * whose place is that of the value expression. */
struct registry_words {
  const char *const *objects, *const *contents, *const *services, *const *formats;
};
/* Source whose exports (objects, functions) every file sees unless it declares its own; borrowed.
 */
void registry_set_prelude(struct registry *g, str name, str source);
void registry_set_words(struct registry *g, const struct registry_words *w);

int std_add(struct registry *g); /* the standard library */

/* ---- programs -----------------------------------------------------------------------------------
 * A program is a main file with everything it imports: compiled, then evaluated once, then frozen.
 * From then on it is immutable and counted: any number of fibers run it at the same time, and each
 * holds a reference on it. */
struct program;

struct program_options {
  const struct registry *registry; /* borrowed; must outlive the program */
  struct vsl_limits limits;        /* of the load; of runs unless fiber_new is told otherwise */
  bool script; /* `vsmtp eval`: imports with computed paths, sleep(); nothing is frozen */
  str text;    /* the main file as text, borrowed for the program's life; path is then only its
                  name. p NULL: the file is read */
  void *host;  /* what fiber_host gives while the program is loaded */
  /* print() and debug() hand their text here, without a newline. */
  void (*print)(void *ctx, bool debug, str text);
  void *print_ctx;
};

/* Reads and compiles path with all files it imports, then evaluates it. Faults and warnings go to
 * d. NULL after at least one error in d. The program has one reference. */
struct program *program_load(const struct program_options *o, str path, struct diags *d);
/* The value of the main file, until program_freeze; borrowed. */
struct value program_result(const struct program *p);
struct place program_result_place(const struct program *p); /* of the statement that gave it */
struct region *program_region(struct program *p);
/* Makes all its values immutable. keep: those that shall stay usable (directives…), n of them. */
int program_freeze(struct program *p, const struct value *keep, size_t n);
struct program *program_ref(struct program *p);
void program_unref(struct program *p); /* NULL is fine */
/* Where the key stands, if the value of the main file is written as a map; else where that value
 * is. */
struct place program_key_place(const struct program *p, str key);
/* A fault at a place in one of its files, with the source line. */
void program_diag(const struct program *p, struct diags *d, bool warning, struct place at,
                  const char *fmt, ...) BASE_PRINTF(5, 6);

/* ---- fibers -------------------------------------------------------------------------------------
 * FRESH -> RUNNING -> DONE | FAILED, with YIELDED (its slice of steps is used up: run it again
 * when the loop had its turn) and WAITING (a native waits: fiber_resume or fiber_fail, then run
 * again) in between. Only fiber_run runs anything; resume and fail just make the fiber ready. */
enum fiber_state {
  FIBER_FRESH,
  FIBER_YIELDED, /* also: ready after resume or fail */
  FIBER_WAITING,
  FIBER_DONE,
  FIBER_FAILED
};

/* l NULL: those of the program. NULL: no memory. */
struct fiber *fiber_new(struct program *p, const struct vsl_limits *l, void *host);
/* Cancels what it waits for, gives back all memory and the reference on the program. */
void fiber_free(struct fiber *f);
int fiber_start(struct fiber *f,
                struct value callee); /* a pointer without parameters; -1: no memory */
enum fiber_state fiber_run(struct fiber *f);
enum fiber_state fiber_state(const struct fiber *f);
struct value fiber_result(const struct fiber *f); /* when DONE; borrowed, dies with the fiber */
void fiber_resume(struct fiber *f, struct value taken); /* made in fiber_region(f) */
void fiber_fail(struct fiber *f, enum vsl_error e, const char *fmt, ...) BASE_PRINTF(3, 4);
void fiber_stop(struct fiber *f, const char *why); /* the next fiber_run fails: ErrorTerminated */

/* ---- why it FAILED --------------------------------------------------------------------------- */
enum vsl_error fiber_error(const struct fiber *f);
struct place fiber_error_place(const struct fiber *f);
/* The message; for a thrown map with `message` that text. Borrows. */
str fiber_error_text(const struct fiber *f);
/* FILE:LINE:COL: CLASS: message, source line, caret, call trace. */
void fiber_error_report(const struct fiber *f, struct buf *out);
void fiber_error_trace(const struct fiber *f,
                       struct buf *out); /* only the lines of the call trace */
const char *vsl_error_name(enum vsl_error e);

/* What a native may ask beyond value.h. */
bool fiber_is_script(const struct fiber *f); /* `vsmtp eval` */
/* A warning of the load at fiber_place, with its line; nothing when not loading. */
void fiber_warn(struct fiber *f, const char *fmt, ...) BASE_PRINTF(2, 3);

/* ---- the language alone -------------------------------------------------------------------------
 * What std_add gives is the whole library. Sorts what was added; call before the first use. -1: no
 * memory. */
int registry_finish(struct registry *g);
/* `vsmtp eval`: runs a script that needs no mail. Its exit code: 0, 1 an error at run time, 65 one
 * of syntax, 66 no such file; both are told on err as `check` does. */
int vsl_eval_file(const struct registry *g, str path, FILE *out, FILE *err);

#endif
