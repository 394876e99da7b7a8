/* base/clock.c: what time it is, and random bytes: all the program takes from the outside world
 * that is not a file or a socket.
 */
#include "base.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define CLOCK_FIRST_MS (-INT64_C(62135596800000)) /* 0001-01-01 */
#define CLOCK_LAST_MS  INT64_C(253402300799999)   /* 9999-12-31 */

/* ---- moved time ------------------------------------------------------------------------------ */

#ifdef VSMTP_TEST
/* The test's file, shared with the player, which stores a new offset whenever time shall pass. */
static const volatile int64_t *clock_file(void)
{
  static const volatile int64_t *offset;
  static bool looked;
  if (looked) return offset;
  looked = true;
  const char *path = getenv("VSMTP_CLOCK");
  int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  if (fd < 0) return NULL;
  void *map = mmap(NULL, sizeof *offset, PROT_READ, MAP_SHARED, fd, 0);
  close(fd);
  if (map != MAP_FAILED) offset = map;
  return offset;
}

static int64_t clock_offset(void)
{
  const volatile int64_t *offset = clock_file();
  return offset ? *offset : 0;
}

bool clock_is_moved(void)
{
  return clock_file() != NULL;
}
#else
#define clock_offset() 0

bool clock_is_moved(void)
{
  return false;
}
#endif

/* ---- now ------------------------------------------------------------------------------------- */

static int64_t clock_read(clockid_t id)
{
  struct timespec now;
  clock_gettime(id, &now);
  return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t clock_mono_us(void)
{
  return clock_read(CLOCK_MONOTONIC) + clock_offset() * 1000;
}

int64_t clock_mono(void)
{
  return clock_mono_us() / 1000;
}

int64_t clock_wall(void)
{
  return clock_read(CLOCK_REALTIME) / 1000 + clock_offset();
}

/* ---- as text --------------------------------------------------------------------------------- */

static struct tm clock_split(int64_t wall_ms)
{
  struct tm tm = {0};
  if (wall_ms < CLOCK_FIRST_MS) wall_ms = CLOCK_FIRST_MS;
  if (wall_ms > CLOCK_LAST_MS) wall_ms = CLOCK_LAST_MS;
  time_t seconds = (time_t)(wall_ms / 1000 - (wall_ms % 1000 < 0));
  gmtime_r(&seconds, &tm);
  return tm;
}

/* strftime would follow the locale; the caller's arrays are long enough for any clipped year. */
const char *clock_utc(int64_t wall_ms, char out[CLOCK_TEXT_MAX])
{
  struct tm tm = clock_split(wall_ms);
  snprintf(out, CLOCK_TEXT_MAX, "%04u-%02u-%02uT%02u:%02u:%02uZ", (tm.tm_year + 1900u) % 10000u,
           (tm.tm_mon + 1u) % 100u, tm.tm_mday % 100u, tm.tm_hour % 100u, tm.tm_min % 100u,
           tm.tm_sec % 100u);
  return out;
}

const char *clock_rfc5322(int64_t wall_ms, char out[40])
{
  static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  struct tm tm = clock_split(wall_ms);
  snprintf(out, 40, "%s, %u %s %04u %02u:%02u:%02u +0000", days[tm.tm_wday % 7], tm.tm_mday % 100u,
           months[tm.tm_mon % 12], (tm.tm_year + 1900u) % 10000u, tm.tm_hour % 100u,
           tm.tm_min % 100u, tm.tm_sec % 100u);
  return out;
}

/* ---- chance ---------------------------------------------------------------------------------- */

int random_bytes(void *p, size_t n)
{
  char *at = p;
  while (n) {
    ssize_t got = getrandom(at, n, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return -1;
    at += got;
    n -= (size_t)got;
  }
  return 0;
}
#undef CLOCK_FIRST_MS
#undef CLOCK_LAST_MS
#undef clock_offset
