/* smtp/helper/privilege.c: giving up privileges.
 *
 * The order is the law: supplementary groups while root may set them, then the group, then the
 * user; saved ids too (setres…), or a hole in the program could take them back.
 */
#include "helper.h"

#include <errno.h>
#include <grp.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/prctl.h>
#endif

#define PRIVILEGE_GROUPS 8

static bool privilege_is(uint32_t uid, uint32_t gid)
{
  uid_t r, e, s;
  gid_t rg, eg, sg;
  if (getresuid(&r, &e, &s) || getresgid(&rg, &eg, &sg)) return false;
  return r == uid && e == uid && s == uid && rg == gid && eg == gid && sg == gid;
}

int privilege_become(uint32_t uid, uint32_t gid, const uint32_t *more, size_t n, struct err *e)
{
  gid_t groups[PRIVILEGE_GROUPS];
  if (n >= PRIVILEGE_GROUPS) return err_set(e, ERR_BUG, "cannot take so many groups");
  groups[0] = gid;
  for (size_t i = 0; i < n; i++) groups[i + 1] = more[i];
  if (setgroups(n + 1, groups)) return err_sys(e, errno, "cannot set groups");
  if (setresgid(gid, gid, gid)) return err_sys(e, errno, "cannot become group %u", (unsigned)gid);
  if (setresuid(uid, uid, uid)) return err_sys(e, errno, "cannot become user %u", (unsigned)uid);
  if (!privilege_is(uid, gid) || (uid != 0 && setresuid(-1, 0, -1) == 0))
    return err_set(e, ERR_PERM, "cannot become user %u: the system did not do it", (unsigned)uid);
  return 0;
}

int privilege_give_up(const struct conf *conf, struct err *e)
{
  bool root = geteuid() == 0, stay = str_eq(conf->server.system.user, STR("root"));
  if (root && !stay) {
    if (!conf->server.system.resolved || conf->server.system.uid == 0)
      return err_set(e, ERR_PERM,
                     "cannot serve as root: name another server.system.user, or \"root\" if it "
                     "must be");
    if (privilege_become(conf->server.system.uid, conf->server.system.gid, NULL, 0, e)) return -1;
  }
#ifdef __linux__
  if (root && !stay && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
    return err_sys(e, errno, "cannot forbid core dumps");
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) && errno != EINVAL) /* EINVAL: before Linux 3.5 */
    return err_sys(e, errno, "cannot give up gaining privileges");
#endif
  return 0;
}

/* The saved ids stay root's: that is the way back. */
int privilege_lend(const struct conf *conf, struct err *e)
{
  gid_t gid = conf->server.system.gid;
  if (geteuid() != 0 || !conf->server.system.resolved || conf->server.system.uid == 0) return 0;
  if (setgroups(1, &gid) || setegid(gid) || seteuid(conf->server.system.uid))
    return err_sys(e, errno, "cannot act as user " STR_FMT, STR_ARG(conf->server.system.user));
  return 0;
}

int privilege_resume(const struct conf *conf, struct err *e)
{
  if (getuid() != 0 || !conf->server.system.resolved || conf->server.system.uid == 0) return 0;
  if (seteuid(0) || setegid(0)) return err_sys(e, errno, "cannot act as root again");
  return 0;
}

#undef PRIVILEGE_GROUPS
