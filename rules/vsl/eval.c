/* rules/vsl/eval.c: `vsmtp eval`: a script that needs no mail, from its text to its exit code.
 */
#include "fiber.h"

#include <errno.h>

enum { EVAL_FAULT = 1, EVAL_SYNTAX = 65, EVAL_NO_INPUT = 66 };

struct eval {
  FILE *out, *err;
};

static void eval_print(void *ctx, bool debug, str text)
{
  const struct eval *e = ctx;
  FILE *to = debug ? e->err : e->out;
  fwrite(text.p ? text.p : "", 1, text.n, to);
  fputc('\n', to);
}

static void eval_report(const struct eval *e, const struct fiber *f)
{
  struct buf text = BUF_INIT(64 * 1024);
  fiber_error_report(f, &text);
  fwrite(buf_cstr(&text), 1, text.n, e->err);
  buf_free(&text);
}

static int eval_run(const struct eval *e, struct program *p, struct diags *d)
{
  int rc = EVAL_FAULT;
  struct fiber *f = fiber_new(p, NULL, NULL);
  if (!f) return EVAL_FAULT;
  p->main->state = MODULE_RUNNING;
  if (!fiber_start_module(f, p->main))
    while (fiber_run(f) == FIBER_YIELDED) continue;
  if (fiber_state(f) == FIBER_DONE) {
    rc = 0;
  } else if (fiber_error(f) == VSL_SYNTAX) {
    diags_print(d, e->err); /* of a file imported while it ran */
    rc = EVAL_SYNTAX;
  } else {
    eval_report(e, f);
  }
  fiber_free(f);
  return rc;
}

static int eval_file(const struct eval *e, const struct registry *g, str path)
{
  struct diags d;
  struct program_options o = {.registry = g,
                              .limits = {.depth = LIMIT_VSL_DEPTH},
                              .script = true,
                              .print = eval_print,
                              .print_ctx = (void *)(uintptr_t)e};
  if (diags_init(&d)) return EVAL_FAULT;
  struct program *p = program_open(&o, path, &d);
  int rc = EVAL_SYNTAX;
  if (p)
    rc = eval_run(e, p, &d);
  else
    diags_print(&d, e->err);
  program_unref(p);
  diags_free(&d);
  return rc;
}

int vsl_eval_file(const struct registry *g, str path, FILE *out, FILE *err)
{
  struct eval e = {out, err};
  struct buf name = BUF_INIT(64 * 1024);
  buf_str_add(&name, path);
  FILE *exists = fopen(buf_cstr(&name), "rb");
  int errnum = errno;
  buf_free(&name);
  if (!exists && errnum != ENOENT) {
    fprintf(err, "vsmtp: cannot open '" STR_FMT "': %s\n", STR_ARG(path), strerror(errnum));
    return EVAL_NO_INPUT;
  }
  if (!exists) {
    fprintf(err, "vsmtp: no file '" STR_FMT "'\n", STR_ARG(path));
    return EVAL_NO_INPUT;
  }
  fclose(exists);
  int rc = eval_file(&e, g, path);
  fflush(out);
  return rc;
}
