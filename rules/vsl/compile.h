/* rules/vsl/compile.h: what the files of the compiler share.
 *
 * One pass: the parser emits code as it reads. Files: scan.c (looking ahead), emit.c (code),
 * scope.c (names), expr.c, path.c (paths and calls), stmt.c, decl.c, compile.c (a whole file).
 * After the first fault everything runs to the end without effect: the current token is then
 * TOKEN_ERROR for ever, which no rule of the grammar accepts.
 */
#ifndef VSL_COMPILE_H
#define VSL_COMPILE_H

#include "code.h"
#include "lex.h"

#define COMPILE_DEPTH_MAIN  64  /* nesting at top level (rules/README.md#limits) */
#define COMPILE_DEPTH_FN    32  /* in functions and closures */
#define COMPILE_DEPTH_TOTAL 200 /* all open constructs: bounds our own stack */

struct variable {
  str name;
  uint32_t slot;
  bool is_const, is_import;
};

struct capture {
  str name;
  uint32_t from, slot; /* of the maker, own */
  bool is_const, is_import;
  bool leaves_rule; /* belongs to code outside of the directive this is in */
};

/* A loop being compiled. Jumps not yet patched are chained through their operands. */
struct unit_loop {
  struct unit_loop *outer;
  uint32_t start; /* where `continue` goes; CODE_NONE: to the end of the chain */
  uint32_t breaks, continues;
  uint32_t depth, tries; /* height of the stack, active handlers */
  bool want;             /* its value is used */
};

/* A function being compiled. */
struct unit {
  struct unit *outer;
  struct proto *proto;
  bool is_rule;            /* the closure of a directive: what it assigns outside is lost */
  struct buf code, places; /* uint32_t each */
  struct buf consts, protos, switches, variables, captures;
  uint32_t next_slot, slots;
  uint32_t depth, stack; /* height now, highest */
  uint32_t label;        /* no instruction before this word may be fused away */
  uint32_t last, before; /* words where the last two instructions begin */
  uint32_t block;        /* nesting of blocks, 0 at the outermost */
  uint32_t level, tries;
  uint32_t catch_slot;           /* of the caught error, CODE_NONE outside catch */
  uint32_t result_slot, returns; /* main: where `return` leaves its value, its jumps */
  struct unit_loop *loop;
};

struct global {
  enum global_kind kind;
  struct string *name;
};
struct export
{
  uint32_t slot;
  str name;
};

struct compiler {
  struct program *program;
  struct module *module;
  struct diags *diags;
  struct lex lex;
  struct token token; /* the current one */
  struct buf text;    /* the lexer's */
  struct unit *unit;
  struct map strings;      /* text -> struct string, frozen */
  struct map index;        /* of the lists below, by name: see compile_find */
  uint32_t functions_done; /* definitions passed; they come in the order they were found */
  struct buf functions, globals, exports; /* struct function, global, export */
  uint32_t depth;                         /* of all open constructs */
  bool rule_next;                         /* the closure that comes is the body of a directive */
  bool in_action;                         /* of an action: what it returns is ignored */
  bool failed;
  struct proto nowhere; /* stands in where there was no memory for one; never run */
};

/* ---- compile.c: errors and tokens ------------------------------------------------------------ */
void compile_error(struct compiler *c, uint32_t at, const char *fmt, ...) BASE_PRINTF(3, 4);
void compile_warning(struct compiler *c, uint32_t at, const char *fmt, ...) BASE_PRINTF(3, 4);
void compile_nomem(struct compiler *c);
void compile_advance(struct compiler *c);
void compile_unexpected(struct compiler *c, const char *expecting);
bool compile_accept(struct compiler *c, enum token_type t);
void compile_expect(struct compiler *c, enum token_type t);
/* Opens one more construct; false (and a fault) when it is one too many. Always leave again. */
bool compile_enter(struct compiler *c);
void compile_leave(struct compiler *c);
/* The identifier that is the current token, as a new name; skips it. Empty: a fault. */
str compile_name(struct compiler *c);
bool compile_is_word(const struct compiler *c,
                     const char *word);                      /* the current token is that name */
struct string *compile_string(struct compiler *c, str text); /* interned; NULL: a fault */
/* Words of a growing list in a buf. */
#define COMPILE_LIST(buf, type)  ((type *)(void *)(buf).p)
#define COMPILE_COUNT(buf, type) ((uint32_t)((buf).n / sizeof(type)))
void compile_add(struct compiler *c, struct buf *list, const void *item, size_t n);
/* Numbers of functions ('f', by parameters; 'F', by name alone) and globals ('g', by kind). */
#define COMPILE_KEY_MAX 512
uint32_t compile_find(const struct compiler *c, char list, uint32_t variant, str name);
void compile_index(struct compiler *c, char list, uint32_t variant, str name, uint32_t number);
struct function *compile_function(struct compiler *c, str name, uint32_t params); /* or NULL */

/* ---- scan.c: reading ahead without a parser -------------------------------------------------- */
struct scan {
  struct lex lex;
  struct token token;
  uint32_t nest; /* open brackets */
  uint32_t templates;
  struct {
    uint32_t nest, opened;
  } open[COMPILE_DEPTH_TOTAL];
  bool failed;
};
void scan_from(struct scan *s, const struct lex *l, struct token t, struct buf *text);
void scan_next(struct scan *s);
/* Does a path with an assignment behind it begin here? The operator's type, else TOKEN_END. */
enum token_type scan_assignment(const struct compiler *c, struct lex *after);
/* Adds the functions of the file to c->functions. */
void scan_functions(struct compiler *c);

/* ---- emit.c: instructions -------------------------------------------------------------------- */
void emit_op(struct compiler *c, enum opcode op, int64_t a, uint32_t at);
void emit_ab(struct compiler *c, enum opcode op, uint32_t a, uint32_t b, uint32_t at);
void emit_word(struct compiler *c, uint32_t word, uint32_t at); /* more of the last instruction */
void emit_effect(struct compiler *c, int64_t delta);            /* on the height of the stack */
uint32_t emit_here(struct compiler *c);                         /* and a label there */
uint32_t emit_count(const struct compiler *c);                  /* words so far, no label */
uint32_t emit_jump(struct compiler *c, enum opcode op, uint32_t at); /* to be patched */
void emit_patch(struct compiler *c, uint32_t jump);                  /* to here */
/* A chain of jumps to one place not yet known; begins as CODE_NONE. */
void emit_chain(struct compiler *c, enum opcode op, uint32_t *chain, uint32_t at);
void emit_patch_chain(struct compiler *c, uint32_t chain);
void emit_jump_to(struct compiler *c, enum opcode op, uint32_t target, uint32_t at);
uint32_t emit_const(struct compiler *c, struct value frozen); /* its number */
void emit_value(struct compiler *c, struct value frozen, uint32_t at);
void emit_int(struct compiler *c, int64_t i, uint32_t at);
void emit_binary(struct compiler *c, enum value_op op, uint32_t at); /* fuses operands */
void emit_pop(struct compiler *c);
/* The last instruction, if it is this one and stands alone after every label; its word. */
bool emit_last_is(const struct compiler *c, enum opcode op, uint32_t *word);
void emit_unget(struct compiler *c); /* takes the last instruction, a push, back */
void emit_compound(struct compiler *c, enum value_op op, uint32_t slot, uint32_t at);

/* ---- scope.c: names -------------------------------------------------------------------------- */
struct resolved {
  bool found, is_const, leaves_rule;
  uint32_t slot;
};
struct resolved scope_find(struct compiler *c, str name, bool is_import);
uint32_t scope_slots(struct compiler *c, uint32_t n); /* fresh ones side by side, for this block */
void scope_declare(struct compiler *c, str name, uint32_t slot, bool is_const, bool is_import);
/* A block of names; end gives its slots back and forgets what is in them. */
struct scope {
  uint32_t variables, slot;
};
struct scope scope_begin(struct compiler *c);
void scope_end(struct compiler *c, struct scope s);
uint32_t scope_global(struct compiler *c, enum global_kind k, str name); /* its number */
bool scope_is_top(const struct compiler *c);                             /* top level of the file */
void unit_begin(struct compiler *c, struct unit *u, enum proto_kind k, uint32_t at);
struct proto *unit_end(struct compiler *c); /* emits the last RETURN; NULL after a fault */

/* ---- path.c: paths --------------------------------------------------------------------------- */
enum operand_kind { OPERAND_STACK, OPERAND_PATH };
enum literal { LITERAL_NO, LITERAL_BOOL, LITERAL_STRING, LITERAL_ARRAY, LITERAL_OTHER };
/* What an expression is before it is loaded. Keys of index steps are on the stack already. */
struct operand {
  enum operand_kind kind;
  enum literal literal;
  uint32_t at;      /* where it begins */
  bool is_const;    /* its root may not change */
  bool leaves_rule; /* its root is outside of the directive */
  enum path_root root;
  uint32_t slot, root_at;
  str name; /* of the root */
  uint32_t n, keys;
  struct {
    enum path_step kind;
    uint32_t k, set, at;
  } steps[PATH_STEPS_MAX];
  uint32_t safe; /* chain of PATH_TESTs, to be patched where the value is */
};
void path_load(struct compiler *c, struct operand *o);
void path_take_step(struct compiler *c, struct operand *o); /* before a step: now it is a path */
void path_property(struct compiler *c, struct operand *o, str name, uint32_t at);
void path_index(struct compiler *c, struct operand *o, uint32_t at); /* key on the stack */
void path_test(struct compiler *c, struct operand *o, uint32_t at);  /* `?.` and `?[` */
void path_ready(struct compiler *c, struct operand *o); /* as the receiver of a method */
void path_invoke(struct compiler *c, struct operand *o, str name, uint32_t argc, bool native,
                 uint32_t at);
void path_set(struct compiler *c, struct operand *o);
void path_compound(struct compiler *c, struct operand *o, enum value_op op, uint32_t at);

/* ---- expr.c ---------------------------------------------------------------------------------- */
/* Leaves the value on the stack. */
struct operand expr(struct compiler *c);
/* Operators of at least that level behind an operand just read; not loaded. */
struct operand expr_rest(struct compiler *c, struct operand left, uint32_t least);
struct operand expr_condition(struct compiler *c); /* a literal must be a bool */
struct operand expr_target(struct compiler *c);    /* a path, not loaded */
struct operand expr_postfix(struct compiler *c);   /* an operand without operators, loaded */
uint32_t expr_arguments(struct compiler *c);       /* from behind the ( to behind the ); how many */
int expr_constant(struct compiler *c, struct value *out); /* a literal of a switch label, frozen */

/* ---- stmt.c: want says whether a value is left on the stack ---------------------------------- */
void stmt_block(struct compiler *c, bool want);
void stmt_list(struct compiler *c, enum token_type end, bool want);
/* One statement as a body of its own (closure, switch case). True: it ended with its own brace. */
bool stmt_body(struct compiler *c, bool want);
void stmt_if(struct compiler *c, bool want);
void stmt_switch(struct compiler *c, bool want);
void stmt_loop(struct compiler *c, bool want); /* while, loop, do, for */
bool stmt_at_loop(const struct compiler *c);

/* ---- decl.c ---------------------------------------------------------------------------------- */
bool decl_here(const struct compiler *c);      /* a declaration begins */
bool decl_directive(const struct compiler *c); /* it is a rule, action or delegate */
void decl_expr(struct compiler *c);            /* leaves its value */
void decl_import(struct compiler *c);
void decl_export(struct compiler *c);
void decl_let(struct compiler *c, bool exported);
void decl_fn(struct compiler *c);

#endif
