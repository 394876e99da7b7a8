/* rules/directive.c: rule, action, delegate (rules/README.md#the-rule-file): a name with a closure
 * that is not run before its stage is. */
#include "api.h"

/* ORDER DIRECTIVE_KIND */
static const char *const directive_names[] = {"rule", "action", "delegate"};

const char *directive_kind_name(enum directive_kind k)
{
  return directive_names[k];
}

static void directive_text(const struct object *o, bool debug, struct buf *out)
{
  const struct directive *d = (const struct directive *)(const void *)o;
  (void)debug;
  buf_printf(out, "%s ", directive_names[d->kind]);
  if (value_text(d->name, true, out) < 0) out->failed = true;
}

static int directive_get(struct fiber *f, struct value self, str name, struct value *out)
{
  const struct directive *d = directive_of(self);
  if (str_eq(name, STR("name")))
    *out = value_retain(d->name);
  else if (str_eq(name, STR("evaluate")))
    *out = value_retain(d->evaluate);
  else if (str_eq(name, STR("type")))
    *out = value_string(fiber_region(f), str_of(directive_names[d->kind]));
  else
    return 0;
  return out->type == VALUE_NONE ? fiber_full(f) : 1;
}

static void directive_each(struct object *o, void (*visit)(void *ctx, struct value *v), void *ctx)
{
  struct directive *d = (struct directive *)(void *)o;
  visit(ctx, &d->name);
  visit(ctx, &d->evaluate);
  visit(ctx, &d->service);
}

const struct object_type directive_type = {
    .name = "directive", .text = directive_text, .get = directive_get, .each = directive_each};

/* The pointer to run: the value itself, or `evaluate` of a map. */
static int directive_evaluate(struct fiber *f, const char *kind, str name, struct value v,
                              struct value *out)
{
  const struct value *inner = NULL;
  if (v.type == VALUE_MAP) {
    inner = dict_get(fiber_region(f), v.as.map, STR("evaluate"));
    if (!inner)
      return fiber_raise(f, VSL_RUNTIME, "%s '" STR_FMT "': the map has no `evaluate`", kind,
                         STR_ARG(name));
    v = *inner;
  }
  if (v.type != VALUE_FN)
    return fiber_raise(f, VSL_RUNTIME, "%s '" STR_FMT "' wants a closure like || { … }, not '%s'",
                       kind, STR_ARG(name), value_type_name(v));
  if (fn_params(v) > 0)
    return fiber_raise(f, VSL_RUNTIME, "the closure of %s '" STR_FMT "' must have no parameters",
                       kind, STR_ARG(name));
  *out = v;
  return 0;
}

static int directive_declare(struct fiber *f, struct call *c, enum directive_kind k,
                             struct value service, struct value name, struct value v)
{
  struct value evaluate;
  if (directive_evaluate(f, directive_names[k], value_str(name), v, &evaluate) < 0) return -1;
  struct directive *d = (struct directive *)object_new(fiber_region(f), &directive_type, sizeof *d);
  if (!d) return fiber_full(f);
  d->kind = k;
  d->name = value_retain(name);
  d->evaluate = value_retain(evaluate);
  d->service = value_retain(service);
  d->place = fiber_place(f);
  c->out = value_of(d);
  return NATIVE_DONE;
}

/* $rule(name, value) */
static int directive_rule(struct fiber *f, struct call *c)
{
  return directive_declare(f, c, DIRECTIVE_RULE, value_unit(), c->args[0], c->args[1]);
}

static int directive_action(struct fiber *f, struct call *c)
{
  return directive_declare(f, c, DIRECTIVE_ACTION, value_unit(), c->args[0], c->args[1]);
}

/* $delegate(service, name, value) */
static int directive_delegate(struct fiber *f, struct call *c)
{
  struct value s = c->args[0];
  if (!object_is(s, &service_type) || service_of(s)->kind != RULES_SERVICE_SMTP)
    return fiber_raise(f, VSL_RUNTIME, "delegate '" STR_FMT "' wants an smtp service, not '%s'",
                       STR_ARG(value_str(c->args[1])), value_type_name(s));
  return directive_declare(f, c, DIRECTIVE_DELEGATE, s, c->args[1], c->args[2]);
}

const struct native directive_natives[] = {
    {"$rule", "s.", 0, directive_rule},
    {"$action", "s.", 0, directive_action},
    {"$delegate", ".s.", 0, directive_delegate},
};
const size_t directive_natives_count = BASE_COUNT(directive_natives);
