/* rules/vsl/fn.c: function pointers as values, and the natives that make and ask them
 * (rules/README.md#functions-methods-closures). `call` itself is the compiler's business: it is a
 * call.
 */
#include "fiber.h"

str fn_name(struct value fn)
{
  return fn.as.fn->name ? string_str(fn.as.fn->name) : (str){"", 0};
}

int fn_params(struct value fn)
{
  const struct fn *p = fn.as.fn;
  return p->proto ? (int)(p->proto->params + p->proto->captures - p->n) : -1;
}

static bool fn_is_identifier(str s)
{
  bool letter = false;
  for (size_t i = 0; i < s.n; i++) {
    if (!(letter ? str_isalnum(s.p[i]) : str_isalpha(s.p[i])) && s.p[i] != '_') return false;
    letter |= str_isalpha(s.p[i]);
  }
  return letter;
}

/* Fn("name") */
static int fn_native_new(struct fiber *f, struct call *c)
{
  str name = value_str(c->args[0]);
  if (!fn_is_identifier(name)) {
    return fiber_raise(f, VSL_FUNCTION, "'" STR_FMT "' cannot be the name of a function",
                       STR_ARG(name));
  }
  c->out = value_of(fn_new(fiber_region(f), NULL, fiber_home(f), c->args[0].as.string, 0));
  return c->out.type == VALUE_NONE ? (c->out = value_unit(), fiber_full(f)) : NATIVE_DONE;
}

/* p.curry(a, …) */
static int fn_native_curry(struct fiber *f, struct call *c)
{
  const struct fn *old = c->args[0].as.fn;
  uint32_t more = (uint32_t)c->argc - 1;
  struct fn *fn = fn_new(fiber_region(f), old->proto, old->home, old->name, old->n + more);
  if (!fn) return fiber_full(f);
  for (uint32_t i = 0; i < old->n; i++) fn->bound[fn->n++] = value_retain(old->bound[i]);
  for (uint32_t i = 0; i < more; i++) fn->bound[fn->n++] = value_take(&c->args[i + 1]);
  c->out = VALUE_MAKE(VALUE_FN, fn, fn);
  return NATIVE_DONE;
}

static int fn_native_name(struct fiber *f, struct call *c)
{
  c->out = value_string(fiber_region(f), fn_name(c->args[0]));
  return c->out.type == VALUE_NONE ? (c->out = value_unit(), fiber_full(f)) : NATIVE_DONE;
}

static int fn_native_is_anonymous(struct fiber *f, struct call *c)
{
  (void)f;
  c->out = value_bool(!c->args[0].as.fn->name);
  return NATIVE_DONE;
}

static int fn_native_is_def(struct fiber *f, struct call *c)
{
  int64_t params = c->args[1].as.i;
  c->out = value_bool(params >= 0 && params <= INVOKE_ARGC &&
                      module_function(fiber_home(f), value_str(c->args[0]), (size_t)params));
  return NATIVE_DONE;
}

const struct native fn_natives[] = {
    {"Fn", "s", 0, fn_native_new},
    {"curry", "p*", 0, fn_native_curry},
    {"name", "p", NATIVE_PROPERTY, fn_native_name},
    {"is_anonymous", "p", NATIVE_PROPERTY, fn_native_is_anonymous},
    {"is_def_fn", "si", 0, fn_native_is_def},
};
const size_t fn_natives_count = BASE_COUNT(fn_natives);
