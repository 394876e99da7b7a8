/* smtp/cli/cli_check.c: `vsmtp check`: reads what the server would read, in the same order and as
 * the user the server would be. Starts nothing, creates nothing.
 */
#include "../policy/policy.h"
#include "../conf/conf.h"
#include "options.h"
#include "pitfall.h"
#include "../helper/helper.h"
#include "cli.h"
#include "../server/server.h"

#include "../../sqlite/store.h"

#include <errno.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

/* ---- folders and logs ------------------------------------------------------------------------ */

/* Can this folder be made where it is missing? Root makes it anywhere. One that is there was looked
 * at with all that is in it (spool.h). */
static int cli_check_folder(str path, bool root, struct err *e)
{
  char text[4096];
  struct stat st;
  size_t n = path.n;
  if (n == 0 || n >= sizeof text) return err_set(e, ERR_PERM, "cannot use such a path");
  memcpy(text, path.p, n);
  for (;; n = n > 1 ? n : 1) {
    text[n] = '\0';
    if (stat(text, &st) == 0) break;
    if (errno != ENOENT || n == 1) return err_sys(e, errno, "cannot use %s", text);
    while (n > 1 && text[n - 1] != '/') n--;
    while (n > 1 && text[n - 1] == '/') n--;
  }
  if (!S_ISDIR(st.st_mode)) return err_sys(e, ENOTDIR, "cannot use %s", text);
  bool exists = str_eq(str_of(text), path) || n + 1 >= path.n;
  if (!exists && !root && access(text, W_OK | X_OK) < 0)
    return err_sys(e, errno, "cannot make a folder in %s", text);
  return 0;
}

static int cli_check_log(str path, bool root, struct err *e)
{
  char text[4096];
  snprintf(text, sizeof text, STR_FMT, STR_ARG(path));
  return access(text, F_OK) < 0 ? cli_check_folder(path_dir(path), root, e) : 0;
}

/* ---- what is tried --------------------------------------------------------------------------- */

struct cli_check_run {
  const struct conf *conf;
  struct diags *diags;
  str file;  /* as the operator named it */
  bool root; /* was this started as root? */
};

/* About the file as a whole: what is missing stands in no line. Says as whom it was tried. */
static void cli_check_say(struct cli_check_run *v, bool warning, const char *what,
                          const struct err *e)
{
  const struct conf_system *system = &v->conf->server.system;
  bool other = v->root && geteuid() != 0;
  diags_add(v->diags, warning, v->file, (str){NULL, 0}, 0, 0, "%s: %s%s" STR_FMT "%s", what,
            e->text, other ? " (as user " : "", STR_ARG(other ? system->user : STR("")),
            other ? ")" : "");
}

/* Who checks as himself a server that root will start cannot write in the default folders; and a
 * log that nobody configured goes to standard error instead: such faults are warnings. */
static void cli_check_paths(struct cli_check_run *v)
{
  const struct conf *c = v->conf;
  struct err e;
  bool exists;
  size_t faults = spool_judge(c, v->file, v->diags);
  if (cli_check_folder(c->server.queues.dirpath, v->root, &e))
    cli_check_say(v, !c->server.queues.dirpath_given, "server.queues.dirpath", &e);
  else if (!faults && store_check(c->server.queues.dirpath, &exists, &e))
    cli_check_say(v, false, "database", &e);
  if (cli_check_folder(c->app.dirpath, v->root, &e))
    cli_check_say(v, !c->app.dirpath_given, "app.dirpath", &e);
  if (cli_check_log(c->server.logs.filepath, v->root, &e))
    cli_check_say(v, !c->server.logs.filepath_given, "server.logs.filepath", &e);
  if (cli_check_log(c->app.logs.filepath, v->root, &e))
    cli_check_say(v, !c->app.logs.filepath_given, "app.logs.filepath", &e);
}

/* Of what was found from the given one on: the errors, as faults of a reload. Its warnings were
 * said before. */
static void cli_check_cut_warnings(struct cli_check_run *v, size_t from)
{
  struct diags *d = v->diags;
  size_t kept = from;
  for (size_t i = from; i < d->n; i++) {
    struct diag *g = &d->list[i];
    d->warnings -= g->warning;
    if (g->warning) continue;
    str text = arena_printf(d->arena, "reload: " STR_FMT " (as user " STR_FMT ")", STR_ARG(g->text),
                            STR_ARG(v->conf->server.system.user));
    if (text.p) g->text = text;
    if (str_eq(g->file, v->conf->file)) g->file = v->file;
    d->list[kept++] = *g;
  }
  d->n = kept;
}

/* Becomes the server's user, and reads the configuration again: what root may read he perhaps may
 * not, and a reload is done by him. */
static void cli_check_as_user(struct cli_check_run *v)
{
  size_t before = v->diags->n;
  struct err e;
  if (privilege_give_up(v->conf, &e)) {
    cli_check_say(v, false, "server.system.user", &e);
    return;
  }
  conf_free(conf_load(v->conf->file, v->diags));
  cli_check_cut_warnings(v, before);
}

/* The command that prints the token, tried by whoever will run it. Who checks as himself a server
 * that root will start cannot become that user. */
static void cli_check_token(struct cli_check_run *v)
{
  const struct toml *at = conf_find(v->conf->tree, "server.relay.token_command");
  const struct helper_conf helper = {.server_user = v->conf->server.system.user};
  struct helper_service s;
  struct err e;
  if (!at) return;
  s = commands_of_relay(v->conf);
  if (helper_try(&helper, &s, &e) == 0) return;
  str user = s.user.n ? s.user : helper.server_user;
  bool other = v->root && !str_eq(user, STR("root"));
  diags_add(v->diags, e.kind == ERR_TEMP, v->file, (str){NULL, 0}, at->line, at->column,
            "server.relay.token_command: %s%s" STR_FMT "%s", e.text, other ? " (as user " : "",
            STR_ARG(other ? user : STR("")), other ? ")" : "");
}

/* Ports that another program has. A server of ours that runs meanwhile is no fault, nor is a
 * supervisor that holds them for us. */
static void cli_check_ports(struct cli_check_run *v)
{
  static const char *const paths[] = {"server.interfaces.addr", "server.interfaces.addr_submission",
                                      "server.interfaces.addr_submissions"};
  const struct conf_addrs *lists[] = {&v->conf->server.interfaces.addr,
                                      &v->conf->server.interfaces.addr_submission,
                                      &v->conf->server.interfaces.addr_submissions};
  struct taken by;
  for (size_t l = 0; l < BASE_COUNT(lists); l++) {
    const struct toml *at = conf_find(v->conf->tree, paths[l]);
    at = at ? at->child : NULL;
    for (size_t i = 0; i < lists[l]->n && at; i++, at = at->next)
      if (netaddr_port(&lists[l]->list[i].addr) && taken_by(&lists[l]->list[i].addr, &by) &&
          by.sure && by.pid > 1 && !str_starts(str_of(by.name), STR("vsmtp")))
        diags_add(v->diags, true, v->file, (str){NULL, 0}, at->line, at->column,
                  "%s: " STR_FMT " is in use by %s (process %d)", paths[l],
                  STR_ARG(lists[l]->list[i].text), by.name, by.pid);
  }
}

/* Aliases that lead to nobody. Whoever may not look says nothing. */
static void cli_check_aliases(struct cli_check_run *v)
{
  str dirpath = v->conf->server.queues.dirpath;
  struct store *store = NULL;
  bool exists = false;
  struct err e;
  if (!v->conf->app.aliases.n || store_check(dirpath, &exists, &e)) return;
  if (exists && !(store = store_open(&(struct store_options){.dirpath = dirpath}, &e))) return;
  alias_check(v->conf, store, v->diags);
  store_close(store);
}

/* While there is the right to, as the server does it; and shows whose they are. */
static void cli_check_certificates(struct cli_check_run *v)
{
  struct buf text = BUF_INIT(1 << 20);
  struct certs *certs = certs_load(v->conf, v->diags);
  if (certs) certs_describe(certs, v->conf, &text);
  fputs(buf_cstr(&text), stdout);
  certs_free(certs);
  buf_free(&text);
}

static void cli_check_all(struct cli_check_run *v)
{
  struct conf *c = conf_load(v->file, v->diags);
  if (!c) return;
  v->conf = c;
  v->file = v->file.n ? v->file : c->file.n ? c->file : STR("defaults");
  cli_check_certificates(v);
  cli_check_token(v);
  cli_check_ports(v);
  if (c->server.system.resolved && c->server.system.uid != 0) cli_check_as_user(v);
  cli_check_paths(v);
  cli_check_aliases(v);
  struct rules *rules = policy_rules(c, v->diags);
  if (rules) pitfall_look(c, rules, v->diags);
  rules_release(rules);
  conf_free(c);
}

/* ---- the command ----------------------------------------------------------------------------- */

int cli_check(int argc, char **argv)
{
  struct options o;
  struct diags d;
  int code = options_read(argc, argv, false, 0, "usage: vsmtp check [-c FILE]", &o);
  if (code != OPTIONS_GO) return code;
  if (diags_init(&d)) return EX_OSERR;
  struct cli_check_run v = {.diags = &d, .file = o.config, .root = geteuid() == 0};
  cli_check_all(&v);
  diags_print(&d, stderr);
  code = d.errors > 0 ? EX_CONFIG : EX_OK;
  diags_free(&d);
  return code;
}
