/* smtp/verb_check.c: `vsmtp check`: reads what the server would read, in the order of config.md 6,
 * as the user the server would be. Starts nothing, creates nothing.
 */
#include "conf.h"
#include "options.h"
#include "policy.h"
#include "privilege.h"
#include "smtp.h"

#include "../sqlite/store.h"

#include <errno.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

/* ---- folders and logs ------------------------------------------------------------------------ */

/* May we use this folder, or make it where it is missing? Root makes it anywhere. */
static int verb_check_folder(str path, bool root, struct err *e)
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
  if ((exists || !root) && access(text, W_OK | X_OK) < 0)
    return err_sys(e, errno, exists ? "cannot write in %s" : "cannot make a folder in %s", text);
  return 0;
}

static int verb_check_log(str path, bool root, struct err *e)
{
  char text[4096];
  snprintf(text, sizeof text, STR_FMT, STR_ARG(path));
  if (access(text, F_OK) < 0) return verb_check_folder(path_dir(path), root, e);
  return access(text, W_OK) < 0 ? err_sys(e, errno, "cannot write %s", text) : 0;
}

/* About the file as a whole: what is missing stands in no line. */
static void verb_check_say(const struct conf *c, bool warning, const char *key, const struct err *e,
                           struct diags *d)
{
  diags_add(d, warning, c->file.n ? c->file : STR("defaults"), (str){NULL, 0}, 0, 0, "%s: %s", key,
            e->text);
}

static void verb_check_paths(const struct conf *c, bool root, struct diags *d)
{
  struct err e;
  /* Who checks as himself a server that root will start cannot write in the default folders; and a
   * log that nobody configured goes to standard error instead. */
  if (verb_check_folder(c->server.queues.dirpath, root, &e))
    verb_check_say(c, !c->server.queues.dirpath_given, "server.queues.dirpath", &e, d);
  if (verb_check_folder(c->app.dirpath, root, &e))
    verb_check_say(c, !c->app.dirpath_given, "app.dirpath", &e, d);
  if (verb_check_log(c->server.logs.filepath, root, &e))
    verb_check_say(c, !c->server.logs.filepath_given, "server.logs.filepath", &e, d);
  if (verb_check_log(c->app.logs.filepath, root, &e))
    verb_check_say(c, !c->app.logs.filepath_given, "app.logs.filepath", &e, d);
}

static void verb_check_store(const struct conf *c, struct diags *d)
{
  struct err e;
  bool exists;
  if (store_check(c->server.queues.dirpath, &exists, &e))
    verb_check_say(c, false, "database", &e, d);
}

/* ---- the verb -------------------------------------------------------------------------------- */

/* Becomes the server's user, and reads the configuration again: what root may read he perhaps may
 * not, and a reload is done by him. */
static struct conf *verb_check_as_user(struct conf *c, struct diags *d)
{
  struct diags again;
  struct err e;
  if (privilege_drop(c, &e)) {
    verb_check_say(c, false, "server.system.user", &e, d);
    return c;
  }
  if (diags_init(&again)) return c;
  struct conf *mine = conf_load(c->file, &again);
  for (size_t i = 0; i < again.n; i++)
    if (!again.list[i].warning)
      diags_add(d, false, again.list[i].file, (str){NULL, 0}, 0, 0,
                STR_FMT " (as user " STR_FMT ")", STR_ARG(again.list[i].text),
                STR_ARG(c->server.system.user));
  conf_free(mine);
  diags_free(&again);
  return c;
}

static void verb_check_all(str path, struct diags *d)
{
  bool root = geteuid() == 0;
  struct conf *c = conf_load(path, d);
  if (!c) return;
  if (c->server.system.resolved && c->server.system.uid != 0) c = verb_check_as_user(c, d);
  verb_check_paths(c, root, d);
  rules_release(policy_rules(c, d));
  verb_check_store(c, d);
  conf_free(c);
}

int verb_check(int argc, char **argv)
{
  struct options o;
  struct diags d;
  int code = options_read(argc, argv, false, 0, "usage: vsmtp check [-c FILE]", &o);
  if (code != OPTIONS_GO) return code;
  if (diags_init(&d)) return EX_OSERR;
  verb_check_all(o.config, &d);
  diags_print(&d, stderr);
  code = d.errors > 0 ? EX_CONFIG : EX_OK;
  diags_free(&d);
  return code;
}
