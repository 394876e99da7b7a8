/* smtp/server/reload.c: SIGHUP: configuration, certificates and rules again, as one step.
 *
 * Whatever may fail comes first and leaves no mark: reading, compiling, opening sockets and logs.
 * The server has given up root by then, so a key for root alone or a new port below 1024 fails the
 * whole reload, with the line and what to type. Then everything is swapped, which cannot fail.
 */
#include "reload.h"

#include "../outbound/outbound.h"
#include "../policy/policy.h"
#include "../conf/conf.h"
#include "sd_notify.h"
#include "ports.h"

/* What the helper, the lock and the open database were made by. */
static const char *const reload_fixed[] = {"server.system.user", "server.system.group",
                                           "server.system.group_local", "server.queues.dirpath",
                                           "app.dirpath"};

/* ---- faults ---------------------------------------------------------------------------------- */

void reload_log_faults(const struct diags *d)
{
  for (size_t i = 0; i < d->n; i++) {
    const struct diag *g = &d->list[i];
    enum log_level level = g->warning ? LOG_WARN : LOG_ERROR;

    if (g->line)
      log_write(LOG_SERVER, level, STR_FMT ":%d:%d: " STR_FMT, STR_ARG(g->file), g->line, g->column,
                STR_ARG(g->text));
    else
      log_write(LOG_SERVER, level, STR_FMT ": " STR_FMT, STR_ARG(g->file), STR_ARG(g->text));
  }
}

static void reload_fail(struct diags *d, const struct conf *conf, const struct toml *at,
                        const char *text)
{
  diags_add(d, false, conf->file, (str){NULL, 0}, at ? at->line : 0, at ? at->column : 0, "%s",
            text);
}

/* ---- what may fail --------------------------------------------------------------------------- */

static str reload_text(const struct conf *conf, const char *path)
{
  const struct toml *node = conf_find(conf->tree, path);
  return node && node->type == TOML_STRING ? node->text : (str){"", 0};
}

static int reload_check_fixed(const struct conf *now, const struct conf *fresh, struct diags *d)
{
  size_t before = d->errors;

  for (size_t i = 0; i < BASE_COUNT(reload_fixed); i++) {
    const char *path = reload_fixed[i];
    struct err e;

    if (str_eq(reload_text(now, path), reload_text(fresh, path))) continue;
    err_set(&e, ERR_PERM, "%s cannot change while the server runs: start it anew", path);
    reload_fail(d, fresh, conf_find(fresh->tree, path), e.text);
  }
  return d->errors == before ? 0 : -1;
}

/* The domain may be another: it needs its postmaster. */
static int reload_postmaster(const struct conf *fresh, struct diags *d)
{
  struct err e;

  if (inbox_make_postmaster(fresh, &e) == 0) return 0;
  reload_fail(d, fresh, conf_find(fresh->tree, "server.domain"), e.text);
  return -1;
}

static int reload_ports(struct server *s, const struct conf *fresh, struct diags *d)
{
  const struct toml *at = NULL;
  struct err e;

  if (ports_prepare(s, fresh, NULL, &at, &e) == 0) return 0;
  reload_fail(d, fresh, at, e.text);
  return -1;
}

static bool reload_same_log(const struct conf_logs *a, const struct conf_logs *b)
{
  return str_eq(a->filepath, b->filepath) && a->size_limit == b->size_limit &&
         a->archive_count == b->archive_count;
}

static int reload_log(bool app, const struct conf_logs *logs, struct err *e)
{
  return log_open(app, logs->filepath, (uint64_t)logs->size_limit, (int)logs->archive_count, e);
}

/* Logs that moved; the first goes back where it was when the second cannot be had. */
static int reload_logs(const struct conf *now, const struct conf *fresh, struct diags *d)
{
  bool server = !reload_same_log(&now->server.logs, &fresh->server.logs);
  bool app = !reload_same_log(&now->app.logs, &fresh->app.logs);
  const char *path = "server.logs.filepath";
  struct err e, ignored;

  if (!server || reload_log(false, &fresh->server.logs, &e) == 0) {
    if (!app || reload_log(true, &fresh->app.logs, &e) == 0) return 0;
    path = "app.logs.filepath";
    if (server) reload_log(false, &now->server.logs, &ignored);
  }
  reload_fail(d, fresh, conf_find(fresh->tree, path), e.text);
  return -1;
}

/* The policy to go on with, its ports opened; or NULL, and nothing changed. */
static struct policy *reload_prepare(struct server *s, struct diags *d)
{
  const struct conf *now = s->mta.policy->conf;
  struct conf *conf = conf_load(now->file, d);
  struct policy *fresh;

  if (conf && reload_check_fixed(now, conf, d) < 0) {
    conf_free(conf);
    conf = NULL;
  }
  fresh = conf ? policy_new(conf, d) : NULL;
  if (fresh && policy_load(fresh, d) == 0 && reload_postmaster(conf, d) == 0 &&
      reload_ports(s, conf, d) == 0) {
    if (reload_logs(now, conf, d) == 0) return fresh;
    ports_abandon(s);
  }
  policy_release(fresh);
  return NULL;
}

/* ---- what cannot fail ------------------------------------------------------------------------ */

void reload_log_levels(const struct conf *conf)
{
  for (int t = 0; t < LOG_TARGETS; t++)
    log_set_level((enum log_target)t, conf->server.logs.level[t]);
}

/* The helper knows the commands that were declared when the server started. */
void reload_use_commands(const struct server *s, struct policy *p)
{
  p->commands = s->commands;
  if (p->conf->server.relay.on && p->conf->server.relay.token_command.n) {
    const struct helper_service token = commands_of_relay(p->conf);

    if (!commands_knows(s->commands, &token))
      log_warn(LOG_SERVER,
               "server.relay.token_command is new or changed: it can be run after a restart");
  }
  for (size_t i = 0; i < rules_declared_count(p->rules); i++) {
    const struct rules_declared d = rules_declared_at(p->rules, i);
    const struct helper_service service = commands_of_rules(&d);

    if (d.kind == RULES_SERVICE_CMD && !commands_knows(s->commands, &service))
      log_warn(LOG_SERVER, "service '" STR_FMT "' is new or changed: it can be run after a restart",
               STR_ARG(d.name));
  }
}

static void reload_swap(struct server *s, struct policy *fresh)
{
  const struct conf *conf = fresh->conf;

  reload_use_commands(s, fresh);
  policy_release(s->mta.policy);
  s->mta.policy = fresh;
  outbound_set_most(s->outbounds, server_outbound_most(conf));
  ports_commit(s);
  reload_log_levels(conf);
  store_keep(s->mta.store, conf->server.queues.keep.dead, conf->server.queues.keep.trace,
             conf->server.queues.keep.quarantine);
}

void reload_run(struct server *s)
{
  struct policy *fresh = NULL;
  struct diags d;
  struct err e;

  if (s->stopping) return;
  sd_notify_reloading(s->notify);
  if (log_reopen(&e) < 0) log_error(LOG_SERVER, "%s", e.text);
  if (diags_init(&d) == 0) {
    fresh = reload_prepare(s, &d);
    reload_log_faults(&d);
    diags_free(&d);
  }
  if (fresh && server_raise_descriptors(s, fresh->conf, &e) < 0)
    log_error(LOG_SERVER, "%s", e.text);
  if (fresh) {
    reload_swap(s, fresh);
    log_info(LOG_SERVER, "reloaded configuration, certificates and rules");
  } else {
    log_error(LOG_SERVER, "reload failed: the running configuration, certificates and rules stay");
  }
  sd_notify_ready(s->notify);
}
