/* tests/unit/privilege.c: after the drop there is no way back. Each in a process of its own. */
#include "../../smtp/helper/helper.h"
#include "../check.h"

#include <grp.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { USER = 12345, GROUP = 12346 };

/* The exit code of a process that drops to this configuration and is then looked at. */
static int in_a_process(const struct conf *conf, int (*look)(int result, const struct err *e))
{
  int status = -1;
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    struct err e = {.kind = ERR_NONE};
    int result = privilege_give_up(conf, &e);
    _exit(look(result, &e));
  }
  CHECK_INT(waitpid(pid, &status, 0), pid);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* The number of the first thing that is not as it must be. */
static int look_dropped(int result, const struct err *e)
{
  uid_t r, eff, s;
  gid_t groups[8];
  (void)e;
  if (result) return 1;
  if (getresuid(&r, &eff, &s) || r != USER || eff != USER || s != USER) return 2;
  if (getgid() != GROUP || getegid() != GROUP) return 3;
  if (getgroups(8, groups) != 1 || groups[0] != GROUP) return 4;
  if (setuid(0) == 0 || seteuid(0) == 0 || setgid(0) == 0) return 5;
  if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1) return 6;
  if (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0) return 7;
  if (access("/root", W_OK) == 0) return 8;
  return 0;
}

static int look_refused(int result, const struct err *e)
{
  if (result == 0) return 1;
  if (e->kind != ERR_PERM) return 2;
  return geteuid() == 0 ? 0 : 3;
}

static int look_same(int result, const struct err *e)
{
  (void)e;
  if (result) return 1;
  return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 0 : 2;
}

TEST(privilege_give_up)
{
  struct conf conf;
  memset(&conf, 0, sizeof conf);
  conf.server.system.user = STR("somebody");
  if (geteuid() != 0) {
    CHECK_INT(in_a_process(&conf, look_same), 0);
    printf("skip privilege_give_up: not root, so there is little to drop\n");
    return;
  }
  CHECK_INT(in_a_process(&conf, look_refused), 0); /* nobody knows that user */
  conf.server.system.resolved = true;
  CHECK_INT(in_a_process(&conf, look_refused), 0); /* root by another name */
  conf.server.system.uid = USER;
  conf.server.system.gid = GROUP;
  CHECK_INT(in_a_process(&conf, look_dropped), 0);
  conf.server.system.user = STR("root");
  conf.server.system.uid = conf.server.system.gid = 0;
  CHECK_INT(in_a_process(&conf, look_same), 0); /* root because somebody wants it so */
}
