/* smtp/conf/conf_cross.c: what each key alone cannot know: users of the machine, and keys that must
 * fit together. Looked at when all keys are read. */
#include "conf.h"

#include <unistd.h>

/* ---- user and group -------------------------------------------------------------------------- */

static bool conf_cross_group(struct conf_reader *r, const char *path, str name, uint32_t *gid)
{
  struct toml *node = conf_find(r->conf->tree, path);
  struct err e;
  int found = passwd_group(r->world->group, name, gid, &e);
  if (found < 0) conf_fail(r, node, "%s: %s", path, e.text);
  if (found > 0 && conf_is_given(node))
    conf_fail(r, node, "%s: there is no group " STR_FMT, path, STR_ARG(name));
  return found == 0;
}

/* A machine where nobody made the user vsmtp still serves, without any right. */
static bool conf_cross_fallback(struct conf_reader *r, struct passwd_entry *user)
{
  struct err e;
  const char *advice = "make it (adduser --system --group vsmtp) or set server.system.user";
  if (passwd_user(r->world->passwd, STR("nobody"), r->arena, user, &e) == 0 && user->uid != 0) {
    conf_warn(r, NULL, "there is no user vsmtp, so the server runs as nobody; %s", advice);
    return true;
  }
  conf_fail(r, NULL, "there is no user vsmtp; %s", advice);
  return false;
}

/* Only a server started as root becomes somebody else. */
static void conf_cross_user(struct conf_reader *r)
{
  struct conf *c = r->conf;
  struct toml *node = conf_find(c->tree, "server.system.user");
  struct passwd_entry user;
  struct err e;
  if (!r->world->root || !node) return;
  int found = passwd_user(r->world->passwd, c->server.system.user, r->arena, &user, &e);
  if (found < 0) {
    conf_fail(r, node, "server.system.user: %s", e.text);
  } else if (found > 0 && conf_is_given(node)) {
    conf_fail(r, node, "server.system.user: there is no user " STR_FMT,
              STR_ARG(c->server.system.user));
  } else if (found == 0 || conf_cross_fallback(r, &user)) {
    c->server.system.user = user.name;
    c->server.system.uid = user.uid;
    c->server.system.resolved = true;
    if (!conf_cross_group(r, "server.system.group", c->server.system.group, &c->server.system.gid))
      c->server.system.gid = user.gid;
  }
  if (c->server.system.group_local.n)
    conf_cross_group(r, "server.system.group_local", c->server.system.group_local,
                     &c->server.system.gid_local);
}

/* ---- addresses ------------------------------------------------------------------------------- */

static bool conf_cross_seen(const struct conf_addrs *const *lists, size_t list, size_t i)
{
  const struct netaddr *a = &lists[list]->list[i].addr;
  if (netaddr_port(a) == 0) return false; /* each gets a port of its own */
  for (size_t l = 0; l <= list; l++)
    for (size_t k = 0; k < (l == list ? i : lists[l]->n); k++)
      if (netaddr_eq(a, &lists[l]->list[k].addr)) return true;
  return false;
}

static void conf_cross_interfaces(struct conf_reader *r)
{
  static const char *const paths[] = {"server.interfaces.addr", "server.interfaces.addr_submission",
                                      "server.interfaces.addr_submissions"};
  struct conf *c = r->conf;
  struct toml *table = conf_find(c->tree, "server.interfaces");
  struct conf_addrs *tls_only = &c->server.interfaces.addr_submissions;
  const struct conf_addrs *const lists[] = {&c->server.interfaces.addr,
                                            &c->server.interfaces.addr_submission, tls_only};
  for (size_t l = 0; l < BASE_COUNT(lists); l++) {
    struct toml *node = conf_find(c->tree, paths[l]);
    node = node ? node->child : NULL;
    for (size_t i = 0; i < lists[l]->n && node; i++, node = node->next)
      if (conf_cross_seen(lists, l, i))
        conf_fail(r, node, "%s: " STR_FMT " is already listened on", paths[l], STR_ARG(node->text));
  }
  if (tls_only->n > 0 && !c->server.tls.on) {
    if (conf_is_given(table))
      conf_warn(r, conf_find(c->tree, paths[2]),
                "server.interfaces.addr_submissions: nothing listens there without [server.tls]");
    tls_only->n = 0;
  }
  if (lists[0]->n + lists[1]->n + tls_only->n == 0)
    conf_fail(r, table,
              "server.interfaces: the server listens nowhere; set addr = [\"0.0.0.0:25\"]");
}

/* AUTH is demanded, but a password is never taken in clear. */
static void conf_cross_auth(struct conf_reader *r)
{
  const struct conf *c = r->conf;
  const struct toml *submission = conf_find(c->tree, "server.interfaces.addr_submission");
  const struct toml *must = conf_find(c->tree, "server.smtp.auth.must_be_authenticated");
  if (c->server.tls.on || c->server.smtp.auth.enable_dangerous_mechanism_in_clair) return;
  if (c->server.interfaces.addr_submission.n > 0 && conf_is_given(submission))
    conf_warn(r, submission,
              "server.interfaces.addr_submission: nobody can log in there without [server.tls]");
  if (c->server.smtp.auth.on && c->server.smtp.auth.must_be_authenticated)
    conf_warn(r, must,
              "server.smtp.auth.must_be_authenticated: nobody can log in without [server.tls]");
}

/* ---- encryption ------------------------------------------------------------------------------ */

static bool conf_cross_suite_fits(const struct conf_tls *tls)
{
  for (size_t i = 0; i < tls->cipher_suite.n; i++) {
    bool newer = str_starts(tls->cipher_suite.list[i], STR("TLS_"));
    if (tls->protocol_version & (newer ? CONF_TLS13 : CONF_TLS12)) return true;
  }
  return false;
}

static void conf_cross_tls(struct conf_reader *r)
{
  struct conf *c = r->conf;
  const struct conf_tls *tls = &c->server.tls;
  if (tls->on && tls->security_level == CONF_DANE)
    conf_warn(r, conf_find(c->tree, "server.tls.security_level"),
              "server.tls.security_level: DANE is for sending; for clients it is taken as \"May\"");
  if (tls->on && tls->protocol_version && !conf_cross_suite_fits(tls))
    conf_fail(r, conf_find(c->tree, "server.tls.cipher_suite"),
              "server.tls.cipher_suite: no suite of protocol_version is left");
  struct toml *domain = conf_find(c->tree, "server.virtual");
  for (domain = domain ? domain->child : NULL; domain; domain = domain->next) {
    const struct toml *virtual_tls = toml_get(domain, STR("tls"));
    if (virtual_tls && !tls->on)
      conf_fail_key(r, virtual_tls, "server.virtual.\"" STR_FMT "\".tls needs [server.tls]",
                    STR_ARG(domain->key));
  }
}

/* ---- DNS ------------------------------------------------------------------------------------- */

static void conf_cross_dns(struct conf_reader *r, struct toml *table, const struct conf_dns *dns)
{
  const struct toml *config = toml_get(table, STR("config"));
  const struct toml *options = toml_get(table, STR("options"));
  const struct toml *dnssec = toml_get(options, STR("dnssec"));
  if (!dns->on || !table) return;
  if (dns->type == CONF_DNS_CUSTOM && !config)
    conf_fail(r, table, "dns of type custom needs config = { name_servers = [\"192.0.2.53:53\"] }");
  if (dns->type != CONF_DNS_CUSTOM && config)
    conf_fail_key(r, config, "config is for dns of type custom only");
  if (dns->type == CONF_DNS_SYSTEM && conf_is_given(options))
    conf_fail_key(r, options, "dns of type system takes its options from resolv.conf");
  if (config && dns->config.name_server_count == 0)
    conf_warn(r, config, "without name_servers no name can be resolved");
  if (dns->options.dnssec)
    conf_fail(r, dnssec,
              "dnssec: this program does not check signatures; ask a resolver that does");
}

static void conf_cross_all_dns(struct conf_reader *r)
{
  struct conf *c = r->conf;
  struct toml *domain = conf_find(c->tree, "server.virtual");
  domain = domain ? domain->child : NULL;
  for (size_t i = 0; i < c->server.virtual_count && domain; i++, domain = domain->next)
    conf_cross_dns(r, toml_get(domain, STR("dns")), &c->server.virtual[i].dns);
  conf_cross_dns(r, conf_find(c->tree, "server.dns"), &c->server.dns);
}

/* ---- the rest -------------------------------------------------------------------------------- */

/* Of the ways to have a secret how many are taken; the second one is a fault. */
static size_t conf_cross_secrets(struct conf_reader *r)
{
  static const char *const ways[] = {"password_file", "token_file", "token_command"};
  const struct toml *relay = conf_find(r->conf->tree, "server.relay"), *first = NULL;
  size_t n = 0;
  for (size_t i = 0; i < BASE_COUNT(ways); i++) {
    const struct toml *way = toml_get(relay, str_of(ways[i]));
    if (!way) continue;
    if (++n == 1)
      first = way;
    else
      conf_fail_key(r, way, "server.relay.%s: there is a " STR_FMT " already, and only one is used",
                    ways[i], STR_ARG(first->key));
  }
  return n;
}

/* Whoever runs the command that prints the token. */
static void conf_cross_token_user(struct conf_reader *r)
{
  const struct conf *c = r->conf;
  const struct toml *node = conf_find(c->tree, "server.relay.token_user");
  struct passwd_entry user;
  struct err e;
  if (!c->server.relay.token_user.n) return;
  if (!toml_get(conf_find(c->tree, "server.relay"), STR("token_command"))) {
    conf_fail_key(r, node, "server.relay.token_user: there is no token_command to run");
    return;
  }
  int found = passwd_user(r->world->passwd, c->server.relay.token_user, r->arena, &user, &e);
  if (found < 0)
    conf_fail(r, node, "server.relay.token_user: %s", e.text);
  else if (found > 0)
    conf_fail(r, node, "server.relay.token_user: there is no user " STR_FMT,
              STR_ARG(c->server.relay.token_user));
  else if (user.uid == 0 && !str_eq(c->server.system.user, STR("root")))
    conf_fail(r, node, "server.relay.token_user: no command is run as root");
}

/* A password goes to a server that proved its name, unless tls says otherwise. */
static void conf_cross_relay(struct conf_reader *r)
{
  struct conf *c = r->conf;
  struct toml *relay = conf_find(c->tree, "server.relay");
  struct toml *tls = conf_find(c->tree, "server.relay.tls");
  if (!c->server.relay.on) return;
  conf_cross_token_user(r);
  if ((conf_cross_secrets(r) > 0) != (c->server.relay.user.n > 0)) {
    conf_fail(r, relay,
              "server.relay: user goes with one of password_file, token_file and token_command");
  } else if (c->server.relay.user.n && tls && !conf_is_given(tls)) {
    c->server.relay.tls = TARGET_TLS_VERIFIED;
    tls->text = STR("verified");
  } else if (c->server.relay.user.n && c->server.relay.tls == TARGET_TLS_NONE) {
    conf_warn(r, relay, "server.relay: the password crosses the network unencrypted");
  }
}

static void conf_cross_logs(struct conf_reader *r)
{
  struct conf *c = r->conf;
  struct toml *server = conf_find(c->tree, "server.logs.filepath");
  struct toml *app = conf_find(c->tree, "app.logs.filepath");
  if (c->server.logs.filepath.n && str_eq(c->server.logs.filepath, c->app.logs.filepath))
    conf_fail(r, conf_is_given(app) ? app : server,
              "server.logs.filepath and app.logs.filepath must differ");
  if (c->server.logs.format.n || c->app.logs.format.n)
    log_debug(LOG_PARSER, "logs.format has no effect: lines have one form");
  c->server.logs.filepath_given = conf_is_given(server);
  c->app.logs.filepath_given = conf_is_given(app);
  /* The level of the application log stands in either list; the closer one wins. */
  if (c->server.logs.level_app_given && !conf_is_given(conf_find(c->tree, "app.logs.level")))
    c->app.logs.level[LOG_APP] = c->server.logs.level[LOG_APP];
  c->server.logs.level[LOG_APP] = c->app.logs.level[LOG_APP];
}

static void conf_cross_policy(struct conf_reader *r)
{
  struct conf *c = r->conf;
  c->domain_forgotten =
      !conf_is_given(conf_find(c->tree, "server.domain")) && c->server.virtual_count == 0;
  if (c->domain_forgotten)
    conf_warn(r, NULL, "mail for which domain? set server.domain (taken for now: " STR_FMT ")",
              STR_ARG(c->server.domain));
  if (c->server.smtp.open_relay)
    conf_warn(r, conf_find(c->tree, "server.smtp.open_relay"),
              "server.smtp.open_relay: this server relays for everybody whom no rule refuses");
  if (c->server.smtp.unknown_rcpt == CONF_RCPT_ACCEPT)
    conf_warn(r, conf_find(c->tree, "server.smtp.unknown_rcpt"),
              "server.smtp.unknown_rcpt: mail for nobody is accepted and must be bounced later");
}

/* Read and checked already, but without effect before its own part of the program is there. */
static void conf_cross_later(struct conf_reader *r)
{
  static const char *const paths[] = {"server.dkim"};
  for (size_t i = 0; i < BASE_COUNT(paths); i++) {
    const struct toml *node = conf_find(r->conf->tree, paths[i]);
    if (conf_is_given(node)) conf_warn(r, node, "%s is read, but not built in yet", paths[i]);
  }
}

/* Not root, and the system's folder cannot be ours: what was not configured goes to the state
 * folder of whoever starts the server, so that a file that names no folder still serves. */
static void conf_cross_folders(struct conf_reader *r)
{
  struct conf *c = r->conf;
  struct toml *queues = conf_find(c->tree, "server.queues.dirpath");
  struct toml *own = conf_find(c->tree, "app.dirpath");
  str state = r->world->state, app;
  if (!queues || !own) return; /* a fault above them was told already */
  c->server.queues.dirpath_given = conf_is_given(queues);
  c->app.dirpath_given = conf_is_given(own);
  if (!state.n || c->server.queues.dirpath_given || access(path_system(CONF_SPOOL), W_OK) == 0)
    return;
  state = arena_str(r->arena, state);
  app = arena_printf(r->arena, STR_FMT "/app", STR_ARG(state));
  if (!state.p || !app.p) {
    conf_nomem(r);
    return;
  }
  c->server.queues.dirpath = queues->text = state;
  if (!c->app.dirpath_given) c->app.dirpath = own->text = app;
  conf_warn(r, NULL, "server.queues.dirpath: not started as root, so mail is kept in " STR_FMT,
            STR_ARG(state));
}

void conf_cross_check(struct conf_reader *r)
{
  conf_cross_user(r);
  conf_cross_logs(r);
  conf_cross_interfaces(r);
  conf_cross_auth(r);
  conf_cross_tls(r);
  conf_cross_all_dns(r);
  conf_cross_relay(r);
  conf_cross_policy(r);
  conf_cross_later(r);
  conf_cross_folders(r);
}
