/* smtp/policy/services.c: the services that rules call.
 *
 * A call keeps its question in an arena of its own. Scanners and commands answer when they like;
 * tables and databases are files, asked from a timer: at once, and where another program has the
 * file locked again and again until the service's patience is over.
 */
#include "services.h"

#include "clamd.h"
#include "policy.h"

#define SERVICES_AGAIN 20 /* ms until a locked file is tried again */

/* What one service keeps; made when it is first asked. */
struct services_service {
  struct clamd *clamd;
  struct table *table;
  struct foreign *foreign;
};

struct services {
  struct loop *loop;
  const struct conf *conf;
  const struct rules *rules;
  struct commands *commands;
  size_t n;
  struct services_service *services;
};

struct services_call {
  struct services *outside;
  struct arena *arena; /* owns itself */
  struct rules_question q;
  struct rules_declared service;
  const struct mail *mail;
  services_fn *fn;
  void *arg;
  struct clamd_scan *scan;
  struct commands_call *run;
  struct timer timer; /* of a file */
  int64_t until;      /* loop time */
};

/* ---- the end of a call ----------------------------------------------------------------------- */

static void services_end(struct services_call *c)
{
  struct arena *a = c->arena;

  timer_clear(c->outside->loop, &c->timer);
  arena_free(a);
}

static void services_tell(struct services_call *c, const struct rules_answer *a,
                          const struct err *e)
{
  services_fn *fn = c->fn;
  void *arg = c->arg;

  fn(arg, a, e);
  services_end(c);
}

/* Errors name the service: a rule file may have many. */
static void services_fail(struct services_call *c, struct err *e)
{
  err_context(e, "service '" STR_FMT "'", STR_ARG(c->service.name));
  services_tell(c, NULL, e);
}

/* ---- scanners -------------------------------------------------------------------------------- */

static void services_scanned(void *arg, enum clamd_verdict v, str virus, const char *why)
{
  struct services_call *c = arg;
  const struct rules_answer a = {
      .result = v == CLAMD_CLEAN ? STR("clean") : STR("infected"), .list = &virus, .n = 1};
  struct err e;

  c->scan = NULL;
  if (v != CLAMD_NONE) {
    services_tell(c, &a, NULL);
    return;
  }
  err_set(&e, ERR_TEMP, "%s", why);
  services_fail(c, &e);
}

static int services_scan(struct services_call *c, struct err *e)
{
  struct services *o = c->outside;
  struct services_service *s = &o->services[c->q.service];
  struct netaddr to;

  if (!s->clamd) {
    if (netaddr_parse(c->service.address, -1, &to, e) < 0) return -1;
    s->clamd = clamd_new(o->loop, &to, c->service.timeout);
  }
  c->scan = s->clamd ? clamd_start(s->clamd, c->mail, services_scanned, c) : NULL;
  return c->scan ? 0 : err_nomem(e);
}

/* ---- commands -------------------------------------------------------------------------------- */

static void services_ran(void *arg, const struct helper_ran *ran)
{
  struct services_call *c = arg;
  const struct rules_answer a = {
      .result = ran->how == HELPER_KILLED ? STR("killed") : STR("exited"), .number = ran->value};
  struct err e;

  c->run = NULL;
  if (ran->how != HELPER_NOT_RUN) {
    services_tell(c, &a, NULL);
    return;
  }
  err_set(&e, ERR_TEMP, STR_FMT, STR_ARG(ran->text));
  services_fail(c, &e);
}

static int services_run(struct services_call *c, struct err *e)
{
  const struct helper_service s = commands_of_rules(&c->service);

  if (!c->outside->commands) return err_set(e, ERR_PERM, "no command can be run here");
  c->run = commands_run(c->outside->commands, &s, c->q.args, c->q.n, 0, services_ran, c, e);
  return c->run ? 0 : -1;
}

/* ---- files ----------------------------------------------------------------------------------- */

enum services_got { SERVICES_FAILED = -1, SERVICES_DONE, SERVICES_BUSY };

static struct table *services_table(struct services_call *c)
{
  struct services_service *s = &c->outside->services[c->q.service];
  const struct table_options o = {.path = c->service.path,
                                  .own = c->outside->conf->server.queues.dirpath,
                                  .delimiter = c->service.delimiter,
                                  .always = c->service.always};

  if (!s->table) s->table = table_new(&o);
  return s->table;
}

static enum table_done services_get(struct services_call *c, struct table *t,
                                    struct rules_answer *a, struct err *e)
{
  struct csv_record *r = arena_alloc(c->arena, sizeof *r);
  str *list = arena_alloc(c->arena, LIMIT_CSV_FIELDS * sizeof *list);
  enum table_done done;

  if (!r || !list) return err_nomem(e);
  r->text.cap = LIMIT_CSV_FILE;
  done = table_get(t, c->q.name, r, e);
  for (size_t i = 0; done == TABLE_DONE && i < r->n; i++)
    list[i] = arena_str(c->arena, csv_field(r, i));
  if (done == TABLE_DONE) *a = (struct rules_answer){STR("found"), .list = list, .n = r->n};
  csv_free(r);
  return arena_full(c->arena) ? err_nomem(e) : done;
}

static enum services_got services_ask_table(struct services_call *c, struct rules_answer *a,
                                            struct err *e)
{
  struct table *t = services_table(c);
  enum table_done done;

  if (!t) return err_nomem(e);
  a->result = STR("none");
  if (c->q.ask == RULES_ASK_GET)
    done = services_get(c, t, a, e);
  else if (c->q.ask == RULES_ASK_SET)
    done = table_add(t, c->q.args, c->q.n, e);
  else
    done = table_remove(t, c->q.name, e);
  return done == TABLE_BUSY     ? SERVICES_BUSY
         : done == TABLE_FAILED ? SERVICES_FAILED
                                : SERVICES_DONE;
}

static enum services_got services_ask_database(struct services_call *c, struct rules_answer *a,
                                               struct err *e)
{
  struct services_service *s = &c->outside->services[c->q.service];
  struct foreign_result r;
  enum foreign_done done;

  if (!s->foreign)
    s->foreign =
        foreign_new(c->service.path, c->outside->conf->server.queues.dirpath, c->service.may_write);
  if (!s->foreign) return err_nomem(e);
  done =
      foreign_run(s->foreign, c->q.name, c->q.args, c->q.n, c->q.ask == RULES_ASK_EXECUTE, &r, e);
  if (done == FOREIGN_DONE)
    *a = (struct rules_answer){.list = r.names,
                               .n = r.columns,
                               .cells = r.cells,
                               .cell_count = r.cell_count,
                               .number = r.changed};
  return done == FOREIGN_BUSY ? SERVICES_BUSY : done < 0 ? SERVICES_FAILED : SERVICES_DONE;
}

static void services_try_file(struct timer *t, void *arg)
{
  struct services_call *c = arg;
  struct loop *l = c->outside->loop;
  struct rules_answer a = {.n = 0};
  struct err e = {.kind = ERR_NONE};
  enum services_got got;

  loop_cause(l, "a service of the rules");
  got = c->service.kind == RULES_SERVICE_CSV ? services_ask_table(c, &a, &e)
                                             : services_ask_database(c, &a, &e);
  if (got == SERVICES_DONE) {
    services_tell(c, &a, NULL);
  } else if (got == SERVICES_BUSY && loop_now(l) < c->until) {
    timer_set(l, t, loop_now(l) + SERVICES_AGAIN);
  } else {
    if (got == SERVICES_BUSY) err_set(&e, ERR_TEMP, "another program has the file locked");
    services_fail(c, &e);
  }
}

static int services_file(struct services_call *c)
{
  struct loop *l = c->outside->loop;

  c->timer = (struct timer){.fire = services_try_file, .arg = c};
  c->until = loop_now(l) + (c->service.timeout ? c->service.timeout : LIMIT_SERVICE_WAIT);
  timer_set(l, &c->timer, loop_now(l));
  return 0;
}

/* ---- a call ---------------------------------------------------------------------------------- */

static int services_copy(struct services_call *c, const struct rules_question *q)
{
  struct datum *args = arena_alloc(c->arena, (q->n + 1) * sizeof *args);

  c->q = *q;
  c->q.args = args;
  c->q.name = arena_str(c->arena, q->name);
  for (size_t i = 0; args && i < q->n; i++) {
    args[i] = q->args[i];
    args[i].text = arena_str(c->arena, q->args[i].text);
  }
  return arena_full(c->arena) || !args || !c->q.name.p ? -1 : 0;
}

static int services_begin(struct services_call *c, struct err *e)
{
  switch (c->service.kind) {
  case RULES_SERVICE_CLAMD: return services_scan(c, e);
  case RULES_SERVICE_CMD: return services_run(c, e);
  case RULES_SERVICE_CSV:
  case RULES_SERVICE_SQLITE: return services_file(c);
  case RULES_SERVICE_SMTP: break;
  }
  return err_set(e, ERR_BUG, "there is nothing to ask");
}

struct services_call *services_ask(struct services *o, const struct mail *m,
                                   const struct rules_question *q, services_fn *fn, void *arg,
                                   struct err *e)
{
  struct arena *a = q->service < o->n ? arena_new(0) : NULL;
  struct services_call *c = a ? arena_alloc(a, sizeof *c) : NULL;

  if (!c) {
    err_nomem(e);
    arena_free(a);
    return NULL;
  }
  *c = (struct services_call){.outside = o, .arena = a, .mail = m, .fn = fn, .arg = arg};
  c->service = rules_declared_at(o->rules, q->service);
  if (services_copy(c, q) < 0)
    err_nomem(e);
  else if (services_begin(c, e) == 0)
    return c;
  err_context(e, "service '" STR_FMT "'", STR_ARG(c->service.name));
  services_end(c);
  return NULL;
}

void services_cancel(struct services_call *c)
{
  if (!c) return;
  clamd_cancel(c->scan);
  commands_cancel(c->run);
  services_end(c);
}

/* ---- the services of a rule set -------------------------------------------------------------- */

struct services *services_new(struct loop *l, const struct conf *conf, const struct rules *r,
                              struct commands *commands)
{
  struct services *o = mem_alloc(sizeof *o);

  if (!o) return NULL;
  *o = (struct services){.loop = l, .conf = conf, .rules = r, .commands = commands};
  o->n = rules_declared_count(r);
  o->services = mem_alloc((o->n + 1) * sizeof *o->services);
  if (o->services) return o;
  mem_free(o);
  return NULL;
}

void services_free(struct services *o)
{
  if (!o) return;
  for (size_t i = 0; i < o->n; i++) {
    clamd_free(o->services[i].clamd);
    table_free(o->services[i].table);
    foreign_free(o->services[i].foreign);
  }
  mem_free(o->services);
  mem_free(o);
}
#undef SERVICES_AGAIN
