/* rules/vsl/code.h: what the compiler makes and the VM runs.
 *
 * All of it lives in the program's arena; values in it (constants, exports) are frozen or belong to
 * the program's region. A position is a byte offset into the module's source: lines and columns
 * are counted only when somebody asks.
 */
#ifndef VSL_CODE_H
#define VSL_CODE_H

#include "vsl.h"

enum opcode {
#define OPCODE(name, effect) OP_##name,
#define VARIES               0
#include "opcode.h"
#undef OPCODE
  OPCODES
};

/* Where a path starts. */
enum path_root { PATH_LOCAL, PATH_LOCAL_CONST, PATH_THIS, PATH_TEMP, PATH_TEMP_CONST };
/* A step's word is kind:8 | k:24; a property has a second: its set of natives, or CODE_NONE. */
enum path_step { PATH_PROPERTY, PATH_INDEX };
#define PATH_STEPS_MAX 24
#define CODE_NONE      UINT32_MAX

/* Extra of INVOKE. */
enum {
  INVOKE_ARGC = 127,
  INVOKE_NATIVE = 128 /* written as f(x, …): only a native is meant */
};

struct switch_label {
  struct value low, high; /* high VALUE_NONE: an exact label; else ints of a range */
  bool inclusive;
  uint32_t target; /* words from the SWITCH */
};
struct switch_table {
  struct switch_label *labels; /* exact ones first, then ranges; each in order of the source */
  uint32_t n, otherwise;
  uint32_t slot; /* the value; slot + 1: an int, labels already tried */
};

enum proto_kind { PROTO_MAIN, PROTO_FN, PROTO_CLOSURE };
struct proto {
  enum proto_kind kind;
  struct module *module;
  struct string *name; /* frozen; NULL: a closure */
  uint32_t at;         /* where it is written */
  bool is_private;
  uint32_t *code, *places; /* a position for each word */
  uint32_t n;
  struct value *consts;
  uint32_t const_count;
  struct proto **protos;
  uint32_t proto_count;
  struct switch_table *switches;
  uint32_t switch_count;
  uint32_t params; /* slots 0… */
  uint32_t slots;  /* all variables, hidden ones included */
  uint32_t stack;  /* most values above them */
  uint32_t captures;
  uint32_t *capture_from, *capture_to; /* slot of the maker, own slot */
};

struct function {
  struct string *name;
  uint32_t params, at;
  bool is_private;
  struct proto *proto;
};

/* What may be reached by `global::NAME`, by its plain name in functions, as `NAME::`. */
enum global_kind { GLOBAL_CONST, GLOBAL_OBJECT, GLOBAL_IMPORT };

enum module_state { MODULE_READY, MODULE_RUNNING, MODULE_DONE };
struct module {
  struct program *program;
  uint32_t number;
  str file;   /* as shown */
  str folder; /* of file, with its '/' */
  str real;   /* resolved: what makes it the same file */
  str source;
  struct proto *main;
  struct function *functions;
  uint32_t function_count;
  struct string **global_names; /* constants and imports of the top level */
  uint8_t *global_kinds;        /* enum global_kind */
  struct value *globals;        /* VALUE_NONE: not defined yet */
  uint32_t global_count;
  struct value exports; /* a map */
  struct value imports; /* a map: alias -> module */
  uint32_t result_at;   /* of the statement whose value the file has */
  uint32_t depth;       /* of imports, while it runs */
  enum module_state state;
};

/* A module as a value: what an import binds. */
struct module_handle {
  struct object object;
  struct module *module;
};
extern const struct object_type module_type;

/* A function pointer. A closure has a proto, a mere name has none. */
struct fn {
  struct heap heap;
  uint32_t n, size; /* values in bound; allocated */
  struct proto *proto;
  struct module *home;  /* where a name is looked up */
  struct string *name;  /* owned; NULL: closure */
  struct value bound[]; /* proto->captures cells, then curried arguments */
};
struct fn *fn_new(struct region *r, struct proto *p, struct module *home, struct string *name,
                  size_t bound);

struct program {
  uint32_t refs;
  struct program_options options;
  struct region *region;
  struct arena *arena;
  struct module **modules;         /* by number; owns the table, the arena the rest */
  uint32_t module_count, compiled; /* how many of them are compiled */
  struct module *prelude, *main;
  struct value result;
  bool loaded;         /* from now on nothing is compiled, all values are frozen */
  struct diags *diags; /* while loading */
};

/* ---- native.c -------------------------------------------------------------------------------- */
struct native_row {
  const struct native *native;
  uint8_t min, max;                /* arguments; max UINT8_MAX: any number */
  uint8_t checked;                 /* letters in the signature */
  uint32_t order;                  /* of registration: the first that fits is taken */
  uint32_t masks[NATIVE_ARGS_MAX]; /* bit 1 << enum value_type */
};
struct native_set { /* all rows of a name */
  str name;
  uint32_t first, n;
  uint32_t flags, common; /* of any, of all of them */
};
struct registry {
  struct native_row *rows;
  size_t row_count;
  struct native_set *sets; /* sorted by name */
  size_t set_count;
  bool sorted;
  struct registry_words words;
  str prelude_name, prelude;
};
uint32_t registry_find(const struct registry *g, str name); /* CODE_NONE: no such */
/* The row of the set that takes these arguments; property: only what may stand without (). */
const struct native_row *registry_pick(const struct registry *g, uint32_t set,
                                       const struct value *args, size_t argc, bool property);

/* ---- fn.c: Fn, curry, name… ------------------------------------------------------------------ */
extern const struct native fn_natives[];
extern const size_t fn_natives_count;

/* ---- module.c -------------------------------------------------------------------------------- */
/* The module of a path as written in an importing file at that place; a new one is queued to be
 * compiled (module_compile). NULL: *missing, or a fault in d. */
struct module *module_import(struct module *from, str path, uint32_t at, struct diags *d,
                             bool *missing);
int module_compile(struct program *p, struct diags *d); /* all that are queued */
struct function *module_function(const struct module *m, str name, size_t params); /* or NULL */
struct value module_value(struct region *r, struct module *m); /* VALUE_NONE: no memory */
struct place module_place(const struct module *m, uint32_t at);
void module_fault(const struct module *m, struct diags *d, bool warning, uint32_t at,
                  const char *fmt, ...) BASE_PRINTF(5, 6);

/* The first half of program_load: everything is compiled, nothing evaluated. */
struct program *program_open(const struct program_options *o, str path, struct diags *d);

/* ---- compile.c ------------------------------------------------------------------------------- */
int compile_module(struct module *m, struct diags *d); /* -1: a fault was added */

/* ---- value helpers of the core --------------------------------------------------------------- */
struct cell *cell_new(struct region *r, struct value taken);

#endif
