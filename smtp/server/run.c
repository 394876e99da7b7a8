/* smtp/server/run.c: serve until SIGTERM or SIGINT. What start and end do stands here in order.
 *
 * The order is a law: the helper is forked before anything a stranger or a rule could influence,
 * sockets are bound, logs opened and keys read while there is the right to, then every privilege is
 * dropped, and only then are rules read and the database opened.
 */
#include "../policy/policy.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "../helper/helper.h"
#include "../queue/queue.h"
#include "drop_pickup.h"
#include "sd_notify.h"
#include "../outbound/outbound.h"
#include "ports.h"
#include "reload.h"
#include "server.h"

struct run_options {
  const char *config;
  bool daemon, to_stdout;
  int64_t timeout; /* milliseconds; 0: none */
  uint32_t trace;
  struct ports_given given; /* sockets of a supervisor */
};

/* ---- options --------------------------------------------------------------------------------- */

static int run_usage(const char *why)
{
  fprintf(stderr,
          "vsmtp: %s\n"
          "usage: vsmtp [run] [-c FILE] [--daemon] [-n] [-t DURATION] [--stdout] [-T TOPICS]\n",
          why);
  return EX_USAGE;
}

static int run_read_options(int argc, char **argv, struct run_options *o)
{
  static const struct option longs[] = {
      {"config", required_argument, NULL, 'c'}, {"daemon", no_argument, NULL, 'd'},
      {"no-daemon", no_argument, NULL, 'n'},    {"timeout", required_argument, NULL, 't'},
      {"stdout", no_argument, NULL, 'o'},       {NULL, 0, NULL, 0},
  };
  int c;

  optind = 1;
  opterr = 0;
  while ((c = getopt_long(argc, argv, "c:nt:T:", longs, NULL)) != -1) {
    switch (c) {
    case 'c': o->config = optarg; break;
    case 'd': o->daemon = true; break;
    case 'n': break; /* the foreground is the default */
    case 'o': o->to_stdout = true; break;
    case 't':
      if (duration_parse(str_of(optarg), &o->timeout) < 0 || o->timeout <= 0)
        return run_usage("-t wants a duration such as 10s");
      break;
    case 'T':
      if (trace_parse(str_of(optarg), &o->trace) < 0) return run_usage("-T: unknown topic");
      break;
    default: return run_usage("unknown option");
    }
  }
  return optind < argc ? run_usage("too many arguments") : EX_OK;
}

/* ---- folders --------------------------------------------------------------------------------- */

/* Made, and looked at as the server's user: he has to work in what root may have made by hand. */
static int run_make_folders(const struct conf *conf, struct diags *d, struct err *e)
{
  int rc = spool_make(conf, e);
  size_t faults;
  struct err back;

  if (privilege_lend(conf, rc < 0 ? &back : e) < 0) return -1;
  faults = spool_judge(conf, conf->file.n ? conf->file : STR("defaults"), d);
  if (privilege_resume(conf, rc < 0 ? &back : e) < 0) return -1;
  if (faults) return err_set(e, ERR_RULE, "cannot work in folders of somebody else");
  return rc;
}

/* What root made must stay usable when the server is root no more: logs are rotated and
 * reopened. */
static int run_give(const struct conf *conf, str path, struct err *e)
{
  char text[4096];

  if (!conf->server.system.resolved || path.n >= sizeof text) return 0;
  snprintf(text, sizeof text, STR_FMT, STR_ARG(path));
  if (lchown(text, conf->server.system.uid, conf->server.system.gid) < 0)
    return err_sys(e, errno, "cannot give %s to the server's user", text);
  return 0;
}

/* ---- logs ------------------------------------------------------------------------------------ */

/* In a folder of root's alone root makes the file and gives it away; else the server's user does.
 */
static int run_open_log_file(const struct conf *conf, const struct conf_logs *logs, bool app,
                             struct err *e)
{
  bool roots = geteuid() == 0 && spool_is_roots(path_dir(logs->filepath));
  int rc;

  if (!roots && privilege_lend(conf, e) < 0) return -1;
  rc = log_open(app, logs->filepath, (uint64_t)logs->size_limit, (int)logs->archive_count, e);
  if (roots) return rc < 0 ? -1 : run_give(conf, logs->filepath, e);
  return privilege_resume(conf, rc < 0 ? NULL : e) < 0 ? -1 : rc;
}

/* A log nobody configured may be missing its folder: then it goes to standard error. */
static int run_open_log(const struct conf *conf, const struct conf_logs *logs, bool app,
                        struct err *e)
{
  struct err ignored;

  if (spool_make_folder(conf, path_dir(logs->filepath), 0750, &ignored) < 0 && logs->filepath_given)
    trace(TRACE_IO, "%s", ignored.text);
  if (run_open_log_file(conf, logs, app, e) == 0) return 0;
  if (logs->filepath_given) return -1;
  log_warn(LOG_SERVER, "%s: logging to standard error", e->text);
  return log_open(app, STR(""), 0, 0, e);
}

static int run_open_logs(const struct conf *conf, const struct run_options *o, struct err *e)
{
  reload_log_levels(conf);
  log_stdout(o->to_stdout);
  trace_mask = o->trace;
  if (run_open_log(conf, &conf->server.logs, false, e) < 0) return -1;
  return run_open_log(conf, &conf->app.logs, true, e);
}

/* ---- signals --------------------------------------------------------------------------------- */

static void run_signal(int signo, void *arg)
{
  struct server *s = arg;

  switch (signo) {
  case SIGHUP: reload_run(s); break;
  case SIGUSR1: deliver_flush(s->deliver); break;
  case SIGUSR2: trace_mask = trace_mask ? 0 : UINT32_MAX; break;
  default: server_stop(s); break;
  }
}

static int run_set_signals(struct server *s, struct err *e)
{
  static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2};

  for (size_t i = 0; i < BASE_COUNT(signals); i++)
    if (loop_signal(s->mta.loop, signals[i], run_signal, s, e) < 0) return -1;
  return 0;
}

/* ---- the parts, in order --------------------------------------------------------------------- */

static int64_t run_hook(void *arg, bool idle)
{
  return store_turn(((struct server *)arg)->mta.store, idle);
}

static void run_queue_changed(void *arg)
{
  struct server *s = arg;

  if (s->deliver) deliver_wake(s->deliver);
}

/* Whoever asks for a retry wants it now, whatever failed before. */
static void run_queue_touched(void *arg)
{
  outbound_flush(((struct server *)arg)->outbounds);
}

static int run_open_store(struct server *s, struct err *e)
{
  const struct conf *conf = s->mta.policy->conf;
  struct store_options o = {.dirpath = conf->server.queues.dirpath,
                            .server = true,
                            .create = true,
                            .keep_dead = conf->server.queues.keep.dead,
                            .keep_trace = conf->server.queues.keep.trace,
                            .keep_quarantine = conf->server.queues.keep.quarantine,
                            .changed = run_queue_changed,
                            .touched = run_queue_touched,
                            .arg = s};

  s->mta.store = store_open(&o, e);
  if (!s->mta.store) return -1;
  loop_hook(s->mta.loop, run_hook, s);
  return 0;
}

static int run_start_helper(struct server *s, const struct conf *conf, struct err *e)
{
  struct arena *a = arena_new(LIMIT_CHUNK);
  struct helper_conf h = {.server_user = conf->server.system.user,
                          .local_group = conf->server.system.group_local};

  if (!a) return err_nomem(e);
  h.mailboxes = inbox_root(conf, a);
  s->mta.helper = h.mailboxes.p ? helper_start(&h, e) : NULL;
  arena_free(a);
  return s->mta.helper ? 0 : -1;
}

/* Takes conf. Keys may be for root alone. */
static int run_load_certificates(struct server *s, struct conf *conf, struct diags *d,
                                 struct err *e)
{
  s->mta.policy = policy_new(conf, d);
  return s->mta.policy ? 0 : err_set(e, ERR_RULE, "cannot use the certificates");
}

/* Rights end here; rules are the first thing read without them. */
static int run_load_rules(struct server *s, struct diags *d, struct err *e)
{
  if (privilege_give_up(s->mta.policy->conf, e) < 0) return -1;
  return policy_load(s->mta.policy, d) == 0 ? 0 : err_set(e, ERR_RULE, "cannot load the rules");
}

/* Only root could make another helper, and that this is no more. Whoever watches over the server
 * starts it anew, with a helper; one that left its terminal goes on, and what is for mailboxes of
 * this machine waits in the queue. Either way nothing is lost. */
static void run_helper_died(void *arg)
{
  struct server *s = arg;

  if (s->stopping) return;
  s->broken = !s->detached;
  log_error(LOG_SERVER, s->broken ? "stopping, to be started anew with a helper"
                                  : "start the server anew: mail for mailboxes here waits");
  if (s->broken) server_stop(s);
}

/* Before anything that others may have written is read: what the helper is told now stays. */
static int run_tell_commands(struct server *s, struct err *e)
{
  if (helper_attach(s->mta.helper, s->mta.loop, e) < 0) return -1;
  helper_on_death(s->mta.helper, run_helper_died, s);
  s->commands =
      commands_new(s->mta.loop, s->mta.helper, s->mta.policy->conf, s->mta.policy->rules, e);
  s->mta.policy->commands = s->commands;
  return s->commands ? 0 : -1;
}

/* What sessions and deliveries share, on top of an agent that is whole. */
static int run_make_parts(struct server *s, struct err *e)
{
  s->outbounds = outbound_new(s->mta.loop, server_outbound_most(s->mta.policy->conf));
  s->delegates = delegate_hub_new(s->mta.loop);
  if (!s->outbounds || !s->delegates) return err_nomem(e);
  s->deliver = deliver_new(&s->mta, s->outbounds, s->delegates);
  s->sessions = (struct session_hub){.mta = &s->mta, .delegates = s->delegates};
  s->drop = s->deliver ? drop_new(s) : NULL;
  return s->drop ? 0 : err_nomem(e);
}

static void run_timeout(struct timer *t, void *arg)
{
  (void)t;
  server_stop(arg);
}

static int run_bind(struct server *s, struct run_options *o, struct err *e)
{
  const struct toml *at;
  int rc = ports_prepare(s, s->mta.policy->conf, &o->given, &at, e);

  if (rc == 0) ports_close_given(&o->given);
  return rc;
}

static int run_serve(struct server *s, const struct run_options *o, struct err *e)
{
  struct timer limit = {.fire = run_timeout, .arg = s};
  int rc;

  if (o->timeout) timer_set(s->mta.loop, &limit, loop_now(s->mta.loop) + o->timeout);
  ports_commit(s);
  sd_notify_ready(s->notify);
  server_watch_certificates(s);
  log_info(LOG_SERVER, "serving version=%s", VSMTP_VERSION);
  rc = loop_run(s->mta.loop, e);
  timer_clear(s->mta.loop, &limit);
  if (rc == 0 && s->broken) rc = err_set(e, ERR_PERM, "the helper has died");
  return rc;
}

/* All is over: a signal that comes a moment late shall not make a failure of it. */
static void run_deafen(void)
{
  sigset_t all;

  sigfillset(&all);
  sigprocmask(SIG_BLOCK, &all, NULL);
}

static void run_end(struct server *s)
{
  struct err e;

  drop_stop(s->drop);
  deliver_stop(s->deliver);
  if (s->mta.loop) server_close(s);
  if (s->mta.loop) loop_hook(s->mta.loop, NULL, NULL);
  if (s->mta.store) store_close(s->mta.store);
  s->mta.store = NULL;
  drop_free(s->drop);
  deliver_free(s->deliver);
  helper_free(s->mta.helper);
  commands_free(s->commands);
  if (s->mta.loop && loop_turn(s->mta.loop, 0, &e) < 0)
    log_error(LOG_SERVER, "at the end: %s", e.text);
  policy_release(s->mta.policy);
  run_deafen();
  loop_free(s->mta.loop);
  if (s->notify >= 0) close(s->notify);
  log_close();
}

/* Which exit code says best why the server did not start or stopped (sysexits.h). */
static int run_exit_code(const struct err *e)
{
  switch (e->kind) {
  case ERR_TEMP: return EX_TEMPFAIL;
  case ERR_IO:
  case ERR_FULL: return EX_IOERR;
  case ERR_RULE: return EX_CONFIG;
  case ERR_NONE:
  case ERR_NOMEM:
  case ERR_PERM:
  case ERR_SYNTAX:
  case ERR_BUG: break;
  }
  return EX_OSERR;
}

/* Everything from a good configuration to the end of service. */
static int run_all(struct conf *conf, struct run_options *o, struct diags *d, int ready_fd)
{
  struct server s = {.notify = sd_notify_open(), .detached = o->daemon};
  struct err e = {.kind = ERR_NONE};
  int code = -1;

  if (run_start_helper(&s, conf, &e) < 0 || run_make_folders(conf, d, &e) < 0 ||
      run_open_logs(conf, o, &e) < 0 || !(s.mta.loop = loop_new(&e))) {
    conf_free(conf);
  } else if (run_load_certificates(&s, conf, d, &e) == 0 && run_bind(&s, o, &e) == 0 &&
             server_raise_descriptors(&s, conf, &e) == 0 && run_load_rules(&s, d, &e) == 0 &&
             run_tell_commands(&s, &e) == 0 && run_open_store(&s, &e) == 0 &&
             srs_load(&s.mta.srs, s.mta.store, &e) == 0 && run_make_parts(&s, &e) == 0 &&
             run_set_signals(&s, &e) == 0) {
    diags_print(d, stderr);
    reload_log_faults(d);
    if (ready_fd >= 0) daemon_ready(ready_fd);
    code = run_serve(&s, o, &e) == 0 ? EX_OK : run_exit_code(&e);
  }
  if (code < 0) {
    code = run_exit_code(&e);
    diags_print(d, stderr);
  }
  if (code != EX_OK) fprintf(stderr, "ERROR: cannot serve\nbecause: %s\n", e.text);
  run_end(&s);
  return code;
}

int server_run(int argc, char **argv)
{
  struct run_options o = {.config = ""};
  int code = run_read_options(argc, argv, &o), ready_fd = -1;
  struct conf *conf;
  struct diags d;

  if (code != EX_OK) return code;
  ports_take_given(&o.given);
  if (o.daemon && (ready_fd = daemon_begin(&code)) < 0) return code;
  if (diags_init(&d) < 0) return EX_OSERR;
  conf = conf_load(str_of(o.config), &d);
  if (conf) {
    code = run_all(conf, &o, &d, ready_fd);
  } else {
    diags_print(&d, stderr);
    code = EX_CONFIG;
  }
  diags_free(&d);
  return code;
}
