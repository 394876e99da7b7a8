/* smtp/commands.c: the commands that rules may run. */
#include "commands.h"

#define COMMANDS_AGAIN 50 /* ms until a helper without room is asked again */

struct commands {
  struct loop *loop;
  struct helper *helper;
  struct arena *arena; /* owns the texts of the list */
  struct helper_service list[LIMIT_SERVICES];
  size_t n;
  unsigned flying;
  struct commands_call *first, **last; /* who waits */
  struct timer again;
};

struct commands_call {
  struct commands *commands;
  struct commands_call *behind; /* in line */
  struct arena *arena;          /* owns itself */
  size_t service;               /* of the list */
  str *args;
  size_t n;
  helper_ran_fn *ran;
  void *arg;
  struct helper_job *job; /* NULL: in line */
};

/* ---- the list -------------------------------------------------------------------------------- */

static ptrdiff_t commands_find(const struct commands *c, const struct rules_declared *d)
{
  for (size_t i = 0; i < c->n; i++) {
    const struct helper_service *s = &c->list[i];

    if (str_eq(s->command, d->command) && str_eq(s->user, d->user) && str_eq(s->group, d->group) &&
        s->timeout == d->timeout)
      return (ptrdiff_t)i;
  }
  return -1;
}

bool commands_knows(const struct commands *c, const struct rules_declared *d)
{
  return commands_find(c, d) >= 0;
}

static int commands_list(struct commands *c, const struct rules *r)
{
  for (size_t i = 0; i < rules_declared_count(r); i++) {
    const struct rules_declared d = rules_declared(r, i);
    struct helper_service *s = &c->list[c->n];

    if (d.kind != RULES_SERVICE_CMD || commands_knows(c, &d)) continue;
    *s = (struct helper_service){.command = arena_str(c->arena, d.command),
                                 .user = arena_str(c->arena, d.user),
                                 .group = arena_str(c->arena, d.group),
                                 .timeout = d.timeout};
    if (!s->command.p || !s->user.p || !s->group.p) return -1;
    c->n++;
  }
  return 0;
}

/* ---- the line -------------------------------------------------------------------------------- */

static void commands_ran(void *arg, enum helper_how how, int value, str text);

static void commands_tell(struct commands_call *call, enum helper_how how, int value, str text)
{
  call->ran(call->arg, how, value, text);
  arena_free(call->arena); /* and the call with it */
}

static void commands_leave_line(struct commands *c, struct commands_call *call)
{
  struct commands_call **at = &c->first;

  while (*at != call) at = &(*at)->behind;
  *at = call->behind;
  if (c->last == &call->behind) c->last = at;
}

/* Begins what may begin; called by the loop alone. Who has no room asks again. */
static void commands_pump(struct timer *t, void *arg)
{
  struct commands *c = arg;

  (void)t;
  while (c->first && c->flying < LIMIT_COMMANDS) {
    struct commands_call *call = c->first;
    struct err e;

    if (helper_room(c->helper) == 0) {
      timer_set(c->loop, &c->again, loop_now(c->loop) + COMMANDS_AGAIN);
      return;
    }
    commands_leave_line(c, call);
    if (helper_run(c->helper, call->service, call->args, call->n, commands_ran, call, &call->job,
                   &e) < 0)
      commands_tell(call, HELPER_NOT_RUN, HELPER_TEMP, str_of(e.text));
    else
      c->flying++;
  }
}

static void commands_wake(struct commands *c)
{
  if (c->first) timer_set(c->loop, &c->again, loop_now(c->loop));
}

static void commands_ran(void *arg, enum helper_how how, int value, str text)
{
  struct commands_call *call = arg;
  struct commands *c = call->commands;

  c->flying--;
  commands_wake(c);
  commands_tell(call, how, value, text);
}

/* ---- the door -------------------------------------------------------------------------------- */

struct commands *commands_new(struct loop *l, struct helper *h, const struct rules *r,
                              struct err *e)
{
  struct commands *c = mem_alloc(sizeof *c);

  if (c) {
    *c = (struct commands){.loop = l, .helper = h, .arena = arena_new(0)};
    c->last = &c->first;
    c->again = (struct timer){.fire = commands_pump, .arg = c};
  }
  if (!c || !c->arena || commands_list(c, r) < 0)
    err_nomem(e);
  else if (helper_services(h, c->list, c->n, e) == 0)
    return c;
  commands_free(c);
  return NULL;
}

void commands_free(struct commands *c)
{
  if (!c) return;
  timer_clear(c->loop, &c->again);
  arena_free(c->arena);
  mem_free(c);
}

struct commands_call *commands_run(struct commands *c, const struct rules_declared *d,
                                   const struct datum *args, size_t n, helper_ran_fn *ran,
                                   void *arg, struct err *e)
{
  const ptrdiff_t service = commands_find(c, d);
  struct arena *a = service < 0 ? NULL : arena_new(0);
  struct commands_call *call = a ? arena_alloc(a, sizeof *call) : NULL;
  str *texts = a ? arena_alloc(a, (n + 1) * sizeof *texts) : NULL;

  for (size_t i = 0; texts && i < n; i++) texts[i] = arena_str(a, args[i].text);
  if (service < 0) {
    err_set(e, ERR_PERM,
            "the command is new or changed: it can be run after a restart of the server");
    return NULL;
  }
  if (!call || !texts || arena_full(a)) {
    err_nomem(e);
    arena_free(a);
    return NULL;
  }
  *call = (struct commands_call){.commands = c,
                                 .arena = a,
                                 .service = (size_t)service,
                                 .args = texts,
                                 .n = n,
                                 .ran = ran,
                                 .arg = arg};
  *c->last = call;
  c->last = &call->behind;
  commands_wake(c);
  return call;
}

void commands_cancel(struct commands_call *call)
{
  if (!call) return;
  struct commands *c = call->commands;

  if (call->job) {
    helper_cancel(call->job);
    c->flying--;
    commands_wake(c);
  } else {
    commands_leave_line(c, call);
  }
  arena_free(call->arena);
}
#undef COMMANDS_AGAIN
