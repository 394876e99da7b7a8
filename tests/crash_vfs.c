/* tests/crash_vfs.c: a disk that misbehaves on demand. */
#include "crash_vfs.h"
#include "check.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#define CRASH_FILES 16

struct crash_change {
  struct crash_change *next;
  sqlite3_int64 at;
  int n; /* -1: truncated to at */
  char bytes[];
};

/* An open file: sqlite sees base, behind it stands the real one. */
struct crash_file {
  sqlite3_file base;
  struct crash_shadow *shadow;
  sqlite3_file *real;
};

/* What is on the disk of a path, and what is not yet, in order. Kept over closing and opening. */
struct crash_shadow {
  char path[256];
  struct crash_change *first, *last;
};

static struct {
  sqlite3_vfs vfs, *real;
  sqlite3_mem_methods memory;
  enum crash_fault fault;
  long left;
  bool forever, failed, shadow;
  unsigned seed;
  struct crash_shadow files[CRASH_FILES];
  int count;
} crash;

const char *crash_fault_name(enum crash_fault fault)
{
  static const char *const names[] = {"none", "full",          "write",  "read", "sync",
                                      "open", "shared memory", "memory", "power"};
  return names[fault];
}

void crash_vfs_fail(enum crash_fault fault, long nth, bool forever)
{
  crash.fault = fault;
  crash.left = nth;
  crash.forever = forever;
  crash.failed = false;
}

bool crash_vfs_calm(void)
{
  crash.fault = CRASH_NONE;
  return crash.failed;
}

void crash_vfs_shadow(bool on)
{
  crash.shadow = on;
}

void crash_vfs_seed(unsigned seed)
{
  crash.seed = seed;
}

/* Is it this one's turn to fail? */
static bool crash_hit(enum crash_fault fault)
{
  if (crash.fault != fault) return false;
  if (crash.left > 0 && --crash.left > 0) return false;
  if (crash.failed && !crash.forever) return false;
  return crash.failed = true;
}

/* ---- the power ------------------------------------------------------------------------------- */

static struct crash_shadow *crash_shadow_of(const char *path)
{
  for (int i = 0; i < crash.count; i++)
    if (strcmp(crash.files[i].path, path) == 0) return &crash.files[i];
  if (crash.count == CRASH_FILES) abort();
  struct crash_shadow *s = &crash.files[crash.count++];
  snprintf(s->path, sizeof s->path, "%s", path);
  return s;
}

static void crash_note(struct crash_file *f, sqlite3_int64 at, const void *bytes, int n)
{
  if (!f->shadow) return;
  struct crash_change *c = malloc(sizeof *c + (n > 0 ? (size_t)n : 0));
  *c = (struct crash_change){.at = at, .n = n};
  if (n > 0) memcpy(c->bytes, bytes, (size_t)n);
  *(f->shadow->last ? &f->shadow->last->next : &f->shadow->first) = c;
  f->shadow->last = c;
}

static int crash_disk(const struct crash_shadow *s)
{
  char path[300];
  snprintf(path, sizeof path, "%s.disk", s->path);
  return open(path, O_RDWR | O_CREAT, 0600);
}

/* Takes the noted changes to the disk: all, or those that luck chooses. */
static void crash_flush(struct crash_shadow *s, bool all)
{
  int fd = crash_disk(s);
  for (struct crash_change *c; (c = s->first);) {
    bool kept = all || (crash.seed = crash.seed * 1103515245 + 12345) & 0x10000;
    if (kept && c->n < 0 && ftruncate(fd, c->at)) abort();
    if (kept && c->n > 0 && pwrite(fd, c->bytes, (size_t)c->n, c->at) != c->n) abort();
    s->first = c->next;
    free(c);
  }
  s->last = NULL;
  close(fd);
}

static void crash_power(void)
{
  char path[300], gone[300];
  for (int i = 0; i < crash.count; i++) {
    struct crash_shadow *s = &crash.files[i];
    if (access(s->path, F_OK)) continue; /* deleted: a folder's entry is taken as safe at once */
    crash_flush(s, false);
    snprintf(path, sizeof path, "%s.disk", s->path);
    snprintf(gone, sizeof gone, "%s-shm", s->path);
    if (rename(path, s->path)) abort();
    unlink(gone);
  }
  _exit(7);
}

/* ---- a file ---------------------------------------------------------------------------------- */

static struct crash_file *crash_of(sqlite3_file *file)
{
  return (struct crash_file *)(void *)file;
}

static int crash_close(sqlite3_file *file)
{
  return crash_of(file)->real->pMethods->xClose(crash_of(file)->real);
}

static int crash_read(sqlite3_file *file, void *p, int n, sqlite3_int64 at)
{
  if (crash_hit(CRASH_READ)) return SQLITE_IOERR_READ;
  return crash_of(file)->real->pMethods->xRead(crash_of(file)->real, p, n, at);
}

static int crash_write(sqlite3_file *file, const void *p, int n, sqlite3_int64 at)
{
  struct crash_file *f = crash_of(file);
  if (crash_hit(CRASH_POWER)) crash_power();
  if (crash_hit(CRASH_FULL)) return SQLITE_FULL;
  if (crash_hit(CRASH_WRITE)) return SQLITE_IOERR_WRITE;
  crash_note(f, at, p, n);
  return f->real->pMethods->xWrite(f->real, p, n, at);
}

static int crash_truncate(sqlite3_file *file, sqlite3_int64 size)
{
  struct crash_file *f = crash_of(file);
  if (crash_hit(CRASH_POWER)) crash_power();
  crash_note(f, size, NULL, -1);
  return f->real->pMethods->xTruncate(f->real, size);
}

/* The disk is not really asked: what survives a cut is ours to decide. */
static int crash_sync(sqlite3_file *file, int flags)
{
  struct crash_file *f = crash_of(file);
  (void)flags;
  if (crash_hit(CRASH_POWER)) crash_power();
  if (crash_hit(CRASH_SYNC)) return SQLITE_IOERR_FSYNC;
  if (f->shadow) crash_flush(f->shadow, true);
  return SQLITE_OK;
}

static int crash_size(sqlite3_file *file, sqlite3_int64 *size)
{
  return crash_of(file)->real->pMethods->xFileSize(crash_of(file)->real, size);
}

static int crash_lock(sqlite3_file *file, int level)
{
  return crash_of(file)->real->pMethods->xLock(crash_of(file)->real, level);
}

static int crash_unlock(sqlite3_file *file, int level)
{
  return crash_of(file)->real->pMethods->xUnlock(crash_of(file)->real, level);
}

static int crash_reserved(sqlite3_file *file, int *out)
{
  return crash_of(file)->real->pMethods->xCheckReservedLock(crash_of(file)->real, out);
}

static int crash_control(sqlite3_file *file, int op, void *arg)
{
  return crash_of(file)->real->pMethods->xFileControl(crash_of(file)->real, op, arg);
}

static int crash_sector(sqlite3_file *file)
{
  return crash_of(file)->real->pMethods->xSectorSize(crash_of(file)->real);
}

/* No promise of the real disk is passed on, "safe append" and the like. */
static int crash_traits(sqlite3_file *file)
{
  (void)file;
  return 0;
}

static int crash_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **out)
{
  if (extend && crash_hit(CRASH_SHARED)) return SQLITE_IOERR_SHMSIZE;
  return crash_of(file)->real->pMethods->xShmMap(crash_of(file)->real, page, size, extend, out);
}

static int crash_shm_lock(sqlite3_file *file, int at, int n, int flags)
{
  return crash_of(file)->real->pMethods->xShmLock(crash_of(file)->real, at, n, flags);
}

static void crash_shm_barrier(sqlite3_file *file)
{
  crash_of(file)->real->pMethods->xShmBarrier(crash_of(file)->real);
}

static int crash_shm_unmap(sqlite3_file *file, int remove)
{
  return crash_of(file)->real->pMethods->xShmUnmap(crash_of(file)->real, remove);
}

static const sqlite3_io_methods crash_methods = {
    .iVersion = 2,
    .xClose = crash_close,
    .xRead = crash_read,
    .xWrite = crash_write,
    .xTruncate = crash_truncate,
    .xSync = crash_sync,
    .xFileSize = crash_size,
    .xLock = crash_lock,
    .xUnlock = crash_unlock,
    .xCheckReservedLock = crash_reserved,
    .xFileControl = crash_control,
    .xSectorSize = crash_sector,
    .xDeviceCharacteristics = crash_traits,
    .xShmMap = crash_shm_map,
    .xShmLock = crash_shm_lock,
    .xShmBarrier = crash_shm_barrier,
    .xShmUnmap = crash_shm_unmap,
};

static int crash_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags, int *out)
{
  struct crash_file *f = crash_of(file);
  (void)vfs;
  *f = (struct crash_file){.real = (sqlite3_file *)(void *)(f + 1)};
  if (crash_hit(CRASH_OPEN)) return SQLITE_CANTOPEN;
  int rc = crash.real->xOpen(crash.real, path, f->real, flags, out);
  if (rc != SQLITE_OK) return rc;
  f->base.pMethods = &crash_methods;
  if (crash.shadow && path) f->shadow = crash_shadow_of(path);
  return rc;
}

static int crash_delete(sqlite3_vfs *vfs, const char *path, int sync)
{
  char disk[300];
  (void)vfs;
  if (crash.shadow) {
    struct crash_shadow *s = crash_shadow_of(path);
    snprintf(disk, sizeof disk, "%s.disk", path);
    crash_flush(s, true);
    unlink(disk);
  }
  return crash.real->xDelete(crash.real, path, sync);
}

/* ---- sqlite's memory ------------------------------------------------------------------------- */

static void *crash_malloc(int n)
{
  return crash_hit(CRASH_MEMORY) ? NULL : crash.memory.xMalloc(n);
}

static void *crash_realloc(void *p, int n)
{
  return crash_hit(CRASH_MEMORY) ? NULL : crash.memory.xRealloc(p, n);
}

__attribute__((constructor)) static void crash_install(void)
{
  sqlite3_config(SQLITE_CONFIG_GETMALLOC, &crash.memory);
  sqlite3_mem_methods memory = crash.memory;
  memory.xMalloc = crash_malloc;
  memory.xRealloc = crash_realloc;
  sqlite3_config(SQLITE_CONFIG_MALLOC, &memory);
  sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0); /* or most requests never came by here */
  crash.real = sqlite3_vfs_find(NULL);
  crash.vfs = *crash.real;
  crash.vfs.zName = "crash";
  crash.vfs.szOsFile = (int)sizeof(struct crash_file) + crash.real->szOsFile;
  crash.vfs.xOpen = crash_open;
  crash.vfs.xDelete = crash_delete;
  sqlite3_vfs_register(&crash.vfs, 1);
}
