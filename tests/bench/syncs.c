/* tests/bench/syncs.c: preloaded into a server: counts its syncs, and can make each take longer.
 *
 * SYNCS_COUNT names a file of 8 bytes that all processes of the server share: syncs so far.
 * SYNCS_DELAY is a number of microseconds every sync sleeps before it is done.
 */
#define _GNU_SOURCE 1
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static uint64_t *syncs_count;
static long syncs_delay;

__attribute__((constructor)) static void syncs_start(void)
{
  const char *path = getenv("SYNCS_COUNT"), *delay = getenv("SYNCS_DELAY");
  if (delay) syncs_delay = strtol(delay, NULL, 10);
  int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
  if (fd < 0) return;
  void *p = mmap(NULL, 8, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (p != MAP_FAILED) syncs_count = p;
  close(fd);
}

static int syncs_do(const char *name, int fd)
{
  struct timespec t = {syncs_delay / 1000000, syncs_delay % 1000000 * 1000};
  int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
  if (syncs_count) __atomic_fetch_add(syncs_count, 1, __ATOMIC_RELAXED);
  while (syncs_delay && nanosleep(&t, &t)) {}
  return real ? real(fd) : -1;
}

int fsync(int fd)
{
  return syncs_do("fsync", fd);
}

int fdatasync(int fd)
{
  return syncs_do("fdatasync", fd);
}
