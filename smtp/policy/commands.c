/* smtp/policy/commands.c: the commands of rules and configuration. */
#include "policy.h"

#define COMMANDS_AGAIN 50 /* ms until a helper without room is asked again */

struct commands {
  struct loop *loop;
  struct helper *helper;
  struct arena *arena; /* owns the texts of the list */
  struct helper_service list[HELPER_SERVICES_MAX];
  size_t n;
  struct line line;
  struct timer retry;
};

struct commands_call {
  struct commands *commands;
  struct list_link link;
  struct arena *arena; /* owns itself */
  size_t service;      /* of the list */
  str *args;
  size_t n, output;
  helper_ran_fn *ran;
  void *arg;
  struct helper_job *job; /* NULL: in line */
};

/* ---- the list -------------------------------------------------------------------------------- */

struct helper_service commands_of_rules(const struct rules_declared *d)
{
  return (struct helper_service){
      .command = d->command, .user = d->user, .group = d->group, .timeout = d->timeout};
}

struct helper_service commands_of_relay(const struct conf *conf)
{
  const struct conf_strs *words = &conf->server.relay.token_command;

  return (struct helper_service){.command = words->list[0],
                                 .fixed = true,
                                 .words = words->list + 1,
                                 .n_words = words->n - 1,
                                 .user = conf->server.relay.token_user,
                                 .timeout = LIMIT_TOKEN_TIME};
}

static bool commands_same(const struct helper_service *a, const struct helper_service *b)
{
  if (!str_eq(a->command, b->command) || !str_eq(a->user, b->user) || !str_eq(a->group, b->group) ||
      a->timeout != b->timeout || a->fixed != b->fixed || a->n_words != b->n_words)
    return false;
  for (size_t i = 0; i < a->n_words; i++)
    if (!str_eq(a->words[i], b->words[i])) return false;
  return true;
}

static ptrdiff_t commands_find(const struct commands *c, const struct helper_service *s)
{
  for (size_t i = 0; i < c->n; i++)
    if (commands_same(&c->list[i], s)) return (ptrdiff_t)i;
  return -1;
}

bool commands_knows(const struct commands *c, const struct helper_service *s)
{
  return commands_find(c, s) >= 0;
}

static int commands_add(struct commands *c, const struct helper_service *s)
{
  struct helper_service *own = &c->list[c->n];
  str *words = arena_alloc(c->arena, (s->n_words + 1) * sizeof *words);

  for (size_t i = 0; words && i < s->n_words; i++) words[i] = arena_str(c->arena, s->words[i]);
  *own = *s;
  own->words = words;
  own->command = arena_str(c->arena, s->command);
  own->user = arena_str(c->arena, s->user);
  own->group = arena_str(c->arena, s->group);
  c->n++;
  return arena_full(c->arena) || !words || !own->command.p || !own->user.p || !own->group.p ? -1
                                                                                            : 0;
}

static int commands_list(struct commands *c, const struct conf *conf, const struct rules *r)
{
  struct helper_service s;

  if (conf->server.relay.on && conf->server.relay.token_command.n) {
    s = commands_of_relay(conf);
    if (commands_add(c, &s) < 0) return -1;
  }
  for (size_t i = 0; i < rules_declared_count(r); i++) {
    const struct rules_declared d = rules_declared_at(r, i);

    s = commands_of_rules(&d);
    if (d.kind != RULES_SERVICE_CMD || commands_knows(c, &s)) continue;
    if (commands_add(c, &s) < 0) return -1;
  }
  return 0;
}

/* ---- the line -------------------------------------------------------------------------------- */

static void commands_ran(void *arg, const struct helper_ran *ran);

static void commands_tell(struct commands_call *call, const struct helper_ran *ran)
{
  list_remove(&call->link);
  call->ran(call->arg, ran);
  arena_free(call->arena); /* and the call with it */
}

static int commands_begin(struct commands_call *call, struct err *e)
{
  struct helper_command what = {
      .service = call->service, .args = call->args, .n = call->n, .output = call->output};

  return helper_run(call->commands->helper, &what, commands_ran, call, &call->job, e);
}

/* Begins what may begin; called by the loop alone. Who has no room asks again. */
static void commands_pump(struct timer *t, void *arg)
{
  struct commands *c = arg;

  (void)t;
  while (c->line.waiting.first && helper_room(c->helper) > 0) {
    struct helper_ran not_run = {.how = HELPER_NOT_RUN, .value = HELPER_TEMP};
    struct commands_call *call = LINE_CALL(&c->line, LIMIT_COMMANDS, struct commands_call, link);
    struct err e;

    if (!call) return; /* who ends wakes the next */
    if (commands_begin(call, &e) == 0) continue;
    not_run.text = str_of(e.text);
    commands_tell(call, &not_run);
  }
  if (c->line.waiting.first) timer_set(c->loop, &c->retry, loop_now(c->loop) + COMMANDS_AGAIN);
}

static void commands_wake(struct commands *c)
{
  if (c->line.waiting.first) timer_set(c->loop, &c->retry, loop_now(c->loop));
}

static void commands_ran(void *arg, const struct helper_ran *ran)
{
  struct commands_call *call = arg;

  list_remove(&call->link);
  commands_wake(call->commands);
  commands_tell(call, ran);
}

/* ---- the door -------------------------------------------------------------------------------- */

struct commands *commands_new(struct loop *l, struct helper *h, const struct conf *conf,
                              const struct rules *r, struct err *e)
{
  struct commands *c = mem_alloc(sizeof *c);

  if (c) {
    *c = (struct commands){.loop = l, .helper = h, .arena = arena_new(0)};
    c->retry = (struct timer){.fire = commands_pump, .arg = c};
  }
  if (!c || !c->arena || commands_list(c, conf, r) < 0)
    err_nomem(e);
  else if (helper_services(h, c->list, c->n, e) == 0)
    return c;
  commands_free(c);
  return NULL;
}

void commands_free(struct commands *c)
{
  if (!c) return;
  timer_clear(c->loop, &c->retry);
  arena_free(c->arena);
  mem_free(c);
}

struct commands_call *commands_run(struct commands *c, const struct helper_service *s,
                                   const struct datum *args, size_t n, size_t output,
                                   helper_ran_fn *ran, void *arg, struct err *e)
{
  const ptrdiff_t service = commands_find(c, s);
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
                                 .output = output,
                                 .ran = ran,
                                 .arg = arg};
  line_join(&c->line, &call->link);
  commands_wake(c);
  return call;
}

void commands_cancel(struct commands_call *call)
{
  if (!call) return;
  if (call->job) helper_cancel(call->job);
  list_remove(&call->link);
  commands_wake(call->commands);
  arena_free(call->arena);
}
#undef COMMANDS_AGAIN
