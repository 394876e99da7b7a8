/* tests/guard.c: no test reads or writes what the machine's own mail server has, nor meets its
 * people.
 *
 * Linked into every program of the tests, by ld's --wrap: a call that names a file below one of
 * these ends the program. The test build has its machine below VSMTP_ROOT (path_system), which is
 * tests/machine unless a runner knows better; folders that a configuration leaves out must be
 * given.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void guard_look(const char *call, const char *path)
{
  static const char *const guarded[] = {"/etc/vsmtp",     "/etc/passwd", "/etc/group",
                                        "/etc/aliases",   "/etc/clam",   "/var/spool/vsmtp",
                                        "/var/log/vsmtp", "/var/mail"};

  for (size_t i = 0; path && i < sizeof guarded / sizeof *guarded; i++) {
    if (strncmp(path, guarded[i], strlen(guarded[i])) != 0) continue;
    fprintf(stderr, "guard ERROR: %s(%s): a test reaches for what is the machine's own\n", call,
            path);
    abort();
  }
}

__attribute__((constructor)) static void guard_begin(void)
{
  setenv("VSMTP_ROOT", TESTS_MACHINE, 0);
  setenv("XDG_STATE_HOME", TESTS_MACHINE "/none", 0);
}

#define GUARD_WRAP(type, name, parameters, arguments)                                              \
  type __real_##name parameters;                                                                   \
  type __wrap_##name parameters;                                                                   \
  type __wrap_##name parameters                                                                    \
  {                                                                                                \
    guard_look(#name, path);                                                                       \
    return __real_##name arguments;                                                                \
  }

GUARD_WRAP(int, stat, (const char *path, struct stat *st), (path, st))
GUARD_WRAP(int, lstat, (const char *path, struct stat *st), (path, st))
GUARD_WRAP(int, access, (const char *path, int how), (path, how))
GUARD_WRAP(int, mkdir, (const char *path, mode_t mode), (path, mode))
GUARD_WRAP(DIR *, opendir, (const char *path), (path))
GUARD_WRAP(FILE *, fopen, (const char *path, const char *how), (path, how))

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
  va_list ap;
  mode_t mode = 0;

  guard_look("open", path);
  va_start(ap, flags);
  if (flags & O_CREAT) mode = (mode_t)va_arg(ap, unsigned);
  va_end(ap);
  return __real_open(path, flags, mode);
}
