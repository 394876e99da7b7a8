/* rules/vm.h: the cellar's second half: programs and the fibers that run them.
 *
 * A program is a main file with everything it imports: compiled, then evaluated once, then frozen.
 * From then on it is immutable and counted: any number of fibers run it at the same time, and each
 * holds a reference on it.
 */
#ifndef RULES_VM_H
#define RULES_VM_H

#include "value.h"

struct program;

struct program_options {
  const struct registry *registry; /* borrowed; must outlive the program */
  struct rules_limits limits;      /* of the load; of runs unless fiber_new is told otherwise */
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
struct fiber *fiber_new(struct program *p, const struct rules_limits *l, void *host);
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

#endif
