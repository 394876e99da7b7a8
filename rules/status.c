/* rules/status.c: what a directive answers: next() … packet() (rules/README.md#statuses).
 * Making one does nothing; only what a rule returns counts. */
#include "api.h"

#define STATUS_QUEUE_MAX 128 /* characters of a quarantine's name */

/* The reply as it would be sent, the configured default where none was given. */
static struct rules_code status_code(struct fiber *f, const struct status *s)
{
  struct rules_code code = {0};
  const struct api_env *env = api_env_of(f);
  if (s->code.type == VALUE_OBJECT)
    object_code_parts(s->code, &code);
  else
    code = rules_default_code(env ? env->rules : NULL, s->kind);
  return code;
}

static int status_equals(struct fiber *f, struct value a, struct value b)
{
  if (!object_is(a, &status_type) || !object_is(b, &status_type)) return 0;
  const struct status *x = status_of(a), *y = status_of(b);
  if (x->kind != y->kind) return 0;
  if (x->text.type == VALUE_STRING && !string_eq(x->text.as.string, y->text.as.string)) return 0;
  const struct rules_code p = status_code(f, x), q = status_code(f, y);
  return p.basic == q.basic && str_eq(p.enhanced, q.enhanced) && str_eq(p.text, q.text);
}

static void status_text(const struct object *o, bool debug, struct buf *out)
{
  (void)debug;
  buf_puts(out, rules_kind_name(((const struct status *)(const void *)o)->kind));
}

static void status_each(struct object *o, void (*visit)(void *ctx, struct value *v), void *ctx)
{
  struct status *s = (struct status *)(void *)o;
  visit(ctx, &s->code);
  visit(ctx, &s->text);
}

const struct object_type status_type = {
    .name = "status", .text = status_text, .equals = status_equals, .each = status_each};

struct value status_new(struct fiber *f, enum rules_kind k, struct value code)
{
  struct status *s = NULL;
  if (code.type != VALUE_NONE)
    s = (struct status *)object_new(fiber_region(f), &status_type, sizeof *s);
  if (!s) {
    value_release(fiber_region(f), code);
    fiber_full(f);
    return (struct value){.type = VALUE_NONE};
  }
  s->kind = k;
  s->code = code;
  return value_of(s);
}

struct value status_with(struct fiber *f, enum rules_kind k, int basic, str enhanced, str text)
{
  return status_new(f, k,
                    object_of_code(fiber_region(f), (struct rules_code){basic, enhanced, text}));
}

/* ---- constructors ---------------------------------------------------------------------------- */

static int status_make(struct fiber *f, struct call *c, enum rules_kind k, int min, int max)
{
  struct value code = value_unit();
  struct value *a = api_args(f, c, rules_kind_name(k), min, max);
  if (!a) return -1;
  if (api_argc(c) > 0) code = object_code(f, a[0]);
  if (code.type == VALUE_NONE) return -1;
  c->out = status_new(f, k, code);
  return c->out.type == VALUE_NONE ? -1 : NATIVE_DONE;
}

static int status_next(struct fiber *f, struct call *c)
{
  return status_make(f, c, RULES_NEXT, 0, 0);
}

static int status_accept(struct fiber *f, struct call *c)
{
  return status_make(f, c, RULES_ACCEPT, 0, 1);
}

static int status_faccept(struct fiber *f, struct call *c)
{
  return status_make(f, c, RULES_FACCEPT, 0, 1);
}

static int status_deny(struct fiber *f, struct call *c)
{
  return status_make(f, c, RULES_DENY, 0, 1);
}

static int status_info(struct fiber *f, struct call *c)
{
  return status_make(f, c, RULES_INFO, 1, 1);
}

/* The name of a quarantine (rules/README.md#statuses): free text, but never that of a queue of
 * ours. */
static int status_check_queue(struct fiber *f, str name)
{
  static const char *const ours[] = {"incoming", "working",  "delegated",
                                     "deliver",  "deferred", "dead"};
  if (name.n == 0) return fiber_raise(f, VSL_RUNTIME, "a quarantine needs a name");
  if (utf8_len(name) > STATUS_QUEUE_MAX)
    return fiber_raise(f, VSL_RUNTIME, "the name of a quarantine has at most %d characters",
                       STATUS_QUEUE_MAX);
  for (size_t i = 0; i < name.n; i++)
    if ((unsigned char)name.p[i] < ' ' || name.p[i] == 127)
      return fiber_raise(f, VSL_RUNTIME, "the name of a quarantine holds a control character");
  for (size_t i = 0; i < BASE_COUNT(ours); i++)
    if (str_ieq(name, str_of(ours[i])))
      return fiber_raise(f, VSL_RUNTIME, "'%s' is a queue of the server, not a quarantine",
                         ours[i]);
  return 0;
}

static int status_with_text(struct fiber *f, struct call *c, enum rules_kind k)
{
  str text;
  struct value *a = api_args(f, c, rules_kind_name(k), 1, 1);
  if (!a || api_text(f, a[0], &text) < 0) return -1;
  if (k == RULES_QUARANTINE && status_check_queue(f, text) < 0) return -1;
  struct value copy = value_string(fiber_region(f), text);
  if (copy.type == VALUE_NONE) return fiber_full(f);
  struct value v = status_new(f, k, value_unit());
  if (v.type == VALUE_NONE) {
    value_release(fiber_region(f), copy);
    return -1;
  }
  ((struct status *)(void *)v.as.object)->text = copy;
  c->out = v;
  return NATIVE_DONE;
}

static int status_quarantine(struct fiber *f, struct call *c)
{
  return status_with_text(f, c, RULES_QUARANTINE);
}

static int status_packet(struct fiber *f, struct call *c)
{
  return status_with_text(f, c, RULES_PACKET);
}

#define STATUS_ROWS(name, signature, fn)                                                           \
  {name, signature, NATIVE_STATUS, fn},                                                            \
  {                                                                                                \
    "sys::" name, signature, NATIVE_STATUS, fn                                                     \
  }
const struct native status_natives[] = {
    STATUS_ROWS("next", "|.", status_next),
    STATUS_ROWS("accept", "|..", status_accept),
    STATUS_ROWS("faccept", "|..", status_faccept),
    STATUS_ROWS("deny", "|..", status_deny),
    STATUS_ROWS("info", ".|.", status_info),
    STATUS_ROWS("quarantine", ".|.", status_quarantine),
    STATUS_ROWS("packet", ".|.", status_packet),
};
const size_t status_natives_count = BASE_COUNT(status_natives);

#undef STATUS_QUEUE_MAX
#undef STATUS_ROWS
