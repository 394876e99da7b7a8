/* smtp/policy/inbox.c: which mailbox of this machine a recipient has. */
#include "policy.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../conf/conf.h"

#define INBOX_UID_MIN 1000 /* people, by the custom of Debian, Alpine and OpenWrt */
#define INBOX_NOBODY  65534

str inbox_root(const struct conf *conf, struct arena *a)
{
  return path_join(a, conf->app.dirpath, STR("mailboxes"));
}

str inbox_domain_folder(const struct conf *conf, str domain, struct arena *a)
{
  str root = inbox_root(conf, a), small = arena_lower(a, domain);

  if (!root.p || !small.p) return (str){NULL, 0};
  return arena_printf(a, STR_FMT "/" STR_FMT, STR_ARG(root), STR_ARG(small));
}

/* A part of a path nobody can climb out of, the same as the helper accepts. */
static bool inbox_part_ok(str part)
{
  if (part.n == 0 || part.n > LIMIT_LOCAL_PART + LIMIT_DOMAIN || part.p[0] == '.') return false;
  for (size_t i = 0; i < part.n; i++)
    if (!str_isalnum(part.p[i]) && !memchr("._+-", part.p[i], 4)) return false;
  return true;
}

/* The errors that say: no file of this name. Any other may pass. */
static bool inbox_is_absence(int errnum)
{
  return errnum == ENOENT || errnum == ENOTDIR || errnum == ENAMETOOLONG || errnum == ELOOP;
}

/* May the helper act for the owner of this folder? A server that was not started as root has nobody
 * else. */
static bool inbox_owner_ok(const struct conf *conf, const struct stat *st)
{
  const struct conf_system *system = &conf->server.system;

  return !system->resolved || st->st_uid == system->uid ||
         (st->st_uid >= INBOX_UID_MIN && st->st_uid != INBOX_NOBODY);
}

static int inbox_folder(const struct conf *conf, str local, str domain, struct arena *a,
                        struct inbox *out)
{
  struct stat st;
  str folder, path;

  if (!inbox_part_ok(local) || !inbox_part_ok(domain)) return 0;
  folder = inbox_domain_folder(conf, domain, a);
  path = arena_printf(a, STR_FMT "/" STR_FMT, STR_ARG(folder), STR_ARG(local));
  if (!folder.p || !path.p) return -1;
  if (lstat(path.p, &st) < 0) /* the helper follows no link either */
    return inbox_is_absence(errno) ? 0 : -1;
  if (!S_ISDIR(st.st_mode)) return 0;
  if (!inbox_owner_ok(conf, &st)) {
    log_error(LOG_DELIVERY,
              "mail for " STR_FMT "@" STR_FMT " waits: its folder belongs to uid %u;"
              " type: chown -R " STR_FMT ": %s",
              STR_ARG(local), STR_ARG(domain), (unsigned)st.st_uid,
              STR_ARG(conf->server.system.user), path.p);
    return -1;
  }
  out->into = HELPER_FOLDER;
  out->local = local;
  out->domain = domain;
  return 1;
}

/* 1, 0, -1 as above. A machine without the file has no people. */
static int inbox_person(str name, struct arena *a)
{
  struct passwd_entry user;
  struct err e;
  int rc = passwd_user(str_of(PASSWD_FILE), name, a, &user, &e);

  if (rc < 0) return access(PASSWD_FILE, F_OK) < 0 && inbox_is_absence(errno) ? 0 : -1;
  return rc == 0 && user.uid >= INBOX_UID_MIN && user.uid != INBOX_NOBODY;
}

bool inbox_system_user(str name)
{
  struct arena *a = arena_new(LIMIT_CHUNK);
  bool found = a && inbox_person(name, a) > 0;

  arena_free(a);
  return found;
}

/* The system user of this name, as written or in small letters. */
static int inbox_user(str local, str small, struct arena *a, struct inbox *out)
{
  int found = inbox_person(local, a);

  out->into = HELPER_USER;
  out->user = found > 0 ? local : small;
  return found == 0 && !str_eq(local, small) ? inbox_person(small, a) : found;
}

/* An account has its folder from its first mail on. */
static int inbox_account(struct store *store, str local, str domain, struct arena *a,
                         struct inbox *out)
{
  str name = arena_printf(a, STR_FMT "@" STR_FMT, STR_ARG(local), STR_ARG(domain));
  int found;

  if (!store || !inbox_part_ok(local) || !inbox_part_ok(domain)) return 0;
  found = name.p ? account_exists(store, name) : -1;
  if (found > 0)
    *out = (struct inbox){.into = HELPER_FOLDER, .local = local, .domain = domain, .to_make = true};
  return found;
}

/* A name as it is written: of a person, a folder, an account. */
static int inbox_name(const struct conf *conf, struct store *store, str local, str domain,
                      struct arena *a, struct inbox *out)
{
  str small = arena_lower(a, local);
  int found = 0;

  if (!small.p) return -1;
  if (str_ieq(domain, conf->server.domain)) found = inbox_user(local, small, a, out);
  if (found == 0) found = inbox_folder(conf, small, domain, a, out);
  return found == 0 ? inbox_account(store, small, domain, a, out) : found;
}

int inbox_mailbox(const struct conf *conf, struct store *store, str address, struct arena *a,
                  struct inbox *out)
{
  ptrdiff_t at = str_rchr(address, '@');
  str local = at < 0 ? address : str_sub(address, 0, (size_t)at);
  str domain = at < 0 ? conf->server.domain : str_skip(address, (size_t)at + 1);
  ptrdiff_t plus = str_chr(local, '+');
  str home = arena_lower(a, conf->server.domain);
  int found;

  *out = (struct inbox){.user = {NULL, 0}};
  domain = arena_lower(a, domain);
  if (!domain.p || !home.p) return -1;
  found = inbox_name(conf, store, local, domain, a, out);
  if (found == 0 && plus > 0)
    found = inbox_name(conf, store, str_sub(local, 0, (size_t)plus), domain, a, out);
  /* RFC 5321 §4.5.1: postmaster of every domain of ours has a mailbox, made at start. */
  if (found == 0 && str_ieq(local, STR("postmaster")))
    found = inbox_folder(conf, STR("postmaster"), home, a, out);
  return found;
}

/* A mail that was answered 250 is gone with its folder, if that is not on the disk. */
static int inbox_make_folder(const char *parent, const char *path, struct err *e)
{
  int fd, rc;

  if (mkdir(path, 0700) < 0)
    return errno == EEXIST ? 0 : err_sys(e, errno, "cannot make the mailbox %s", path);
  fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  rc = fd < 0 || fsync(fd) < 0 ? err_sys(e, errno, "cannot sync %s", parent) : 0;
  if (fd >= 0) close(fd);
  return rc;
}

int inbox_make(const struct conf *conf, const struct inbox *where, struct arena *a, struct err *e)
{
  str domain, path, root = inbox_root(conf, a);

  if (!where->to_make) return 0;
  domain = inbox_domain_folder(conf, where->domain, a);
  path = arena_printf(a, STR_FMT "/" STR_FMT, STR_ARG(domain), STR_ARG(where->local));
  if (!root.p || !domain.p || !path.p) return err_nomem(e);
  if (inbox_make_folder(root.p, domain.p, e) < 0) return -1;
  return inbox_make_folder(domain.p, path.p, e);
}

int inbox_make_postmaster(const struct conf *conf, struct err *e)
{
  struct arena *a = arena_new(LIMIT_CHUNK);
  struct inbox where = {.to_make = true, .local = STR_INIT("postmaster")};
  int rc;

  if (!a) return err_nomem(e);
  where.domain = arena_lower(a, conf->server.domain);
  rc = where.domain.p ? inbox_make(conf, &where, a, e) : err_nomem(e);
  arena_free(a);
  return rc;
}
#undef INBOX_UID_MIN
#undef INBOX_NOBODY
