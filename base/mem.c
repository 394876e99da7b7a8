/* base/mem.c: the program's only door to malloc, and arenas on top of it.
 *
 * In the test build every request is counted and the Nth can be made to fail; otherwise these are
 * thin covers of malloc. An arena is a chain of blocks, newest first; total counts what was handed
 * out, so a limit means the same whatever the block sizes are.
 */
#include "base.h"

#include <stdalign.h>

/* ---- requests -------------------------------------------------------------------------------- */

#ifdef VSMTP_TEST
static size_t mem_alive;
static uint64_t mem_requests, mem_fail_nth;
static bool mem_fail_once, mem_fail_seen, mem_env_read;

void mem_fail_at(uint64_t nth, bool once)
{
  mem_env_read = true;
  mem_requests = 0;
  mem_fail_nth = nth;
  mem_fail_once = once;
  mem_fail_seen = false;
}

static void mem_read_env(void)
{
  uint64_t nth = 0;
  if (str_to_u64(str_of(getenv("VSMTP_FAIL_ALLOC")), &nth, 10)) nth = 0;
  mem_fail_at(nth, true);
}

/* May this request be granted? */
static bool mem_grant(void)
{
  if (!mem_env_read) mem_read_env();
  mem_requests++;
  bool fail =
      mem_fail_nth && (mem_fail_once ? mem_requests == mem_fail_nth : mem_requests >= mem_fail_nth);
  mem_fail_seen |= fail;
  return !fail;
}

static void *mem_counted(void *p)
{
  mem_alive += p != NULL;
  return p;
}

size_t mem_count(void)
{
  return mem_alive;
}

bool mem_failed(void)
{
  return mem_fail_seen;
}
#else
#define mem_grant()    true
#define mem_counted(p) (p)

size_t mem_count(void)
{
  return 0;
}

void mem_fail_at(uint64_t nth, bool once)
{
  (void)nth, (void)once;
}

bool mem_failed(void)
{
  return false;
}
#endif

/* Not zeroed. */
static void *mem_raw(size_t n)
{
  return mem_grant() ? mem_counted(malloc(n ? n : 1)) : NULL;
}

void *mem_alloc(size_t n)
{
  return mem_grant() ? mem_counted(calloc(1, n ? n : 1)) : NULL;
}

void *mem_resize(void *p, size_t n)
{
  if (!p) return mem_alloc(n);
  return mem_grant() ? realloc(p, n ? n : 1) : NULL;
}

void mem_free(void *p)
{
#ifdef VSMTP_TEST
  mem_alive -= p != NULL;
#endif
  free(p);
}

char *mem_strdup(str s)
{
  char *copy = s.n < SIZE_MAX ? mem_raw(s.n + 1) : NULL;
  if (!copy) return NULL;
  if (s.n) memcpy(copy, s.p, s.n);
  copy[s.n] = '\0';
  return copy;
}

void mem_wipe(void *p, size_t n)
{
  if (n) explicit_bzero(p, n);
}

/* ---- arenas ---------------------------------------------------------------------------------- */

#define ARENA_ALIGN       alignof(max_align_t)
#define ARENA_BLOCK_FIRST 1024
#define ARENA_BLOCK_MAX   (32 * 1024)

/* The address sanitizer sees into arenas: what was not handed out, or was given back, is poisoned,
 * and a gap divides neighbours. */
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#define ARENA_GAP ARENA_ALIGN
#else
#define ARENA_GAP                           0
#define __asan_poison_memory_region(p, n)   ((void)(p), (void)(n))
#define __asan_unpoison_memory_region(p, n) ((void)(p), (void)(n))
#endif

struct arena_block {
  struct arena_block *prev;
  size_t size; /* bytes at data */
  alignas(max_align_t) char data[];
};

struct arena {
  struct arena_block *block; /* newest, the only one with room; NULL at first */
  size_t used;               /* bytes used of block */
  size_t total;              /* bytes handed out in all blocks */
  size_t limit;              /* of total; 0: none */
  bool full;
};

struct arena *arena_new(size_t limit)
{
  struct arena *a = mem_alloc(sizeof *a);
  if (a) a->limit = limit;
  return a;
}

/* Takes back what lies behind `used` in the newest block. */
static void arena_trim(struct arena *a, size_t used)
{
  a->used = used;
  if (a->block) __asan_poison_memory_region(a->block->data + used, a->block->size - used);
}

static void arena_pop(struct arena *a)
{
  struct arena_block *dead = a->block;
  a->block = dead->prev;
  mem_free(dead);
}

void arena_free(struct arena *a)
{
  if (!a) return;
  while (a->block) arena_pop(a);
  mem_free(a);
}

void arena_reset(struct arena *a)
{
  struct arena_block *kept = a->block;
  if (kept && kept->size <= ARENA_BLOCK_MAX) {
    a->block = kept->prev;
    kept->prev = NULL;
  } else {
    kept = NULL;
  }
  while (a->block) arena_pop(a);
  a->block = kept;
  a->total = 0;
  a->full = false;
  arena_trim(a, 0);
}

/* Blocks double up to a maximum; a request larger than that gets a block of its own size. */
static int arena_grow(struct arena *a, size_t need)
{
  size_t size = ARENA_BLOCK_FIRST - sizeof(struct arena_block);
  if (a->block && a->block->size < ARENA_BLOCK_MAX / 2)
    size = 2 * a->block->size;
  else if (a->block)
    size = ARENA_BLOCK_MAX - sizeof(struct arena_block);
  if (size < need) size = need;
  if (size > SIZE_MAX - sizeof(struct arena_block)) return -1;
  struct arena_block *block = mem_raw(sizeof *block + size);
  if (!block) return -1;
  *block = (struct arena_block){.prev = a->block, .size = size};
  a->block = block;
  arena_trim(a, 0);
  return 0;
}

void *arena_alloc(struct arena *a, size_t n)
{
  if (n == 0) n = 1;
  if (n > PTRDIFF_MAX) return a->full = true, NULL;
  size_t need = (n + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
  if (a->limit && (need > a->limit || a->total > a->limit - need)) return a->full = true, NULL;
  if (!a->block || a->block->size - a->used < need + ARENA_GAP)
    if (arena_grow(a, need + ARENA_GAP)) return a->full = true, NULL;
  void *p = a->block->data + a->used;
  a->used += need + ARENA_GAP;
  a->total += need;
  __asan_unpoison_memory_region(p, n);
  return memset(p, 0, n);
}

str arena_str(struct arena *a, str s)
{
  char *copy = s.n < SIZE_MAX ? arena_alloc(a, s.n + 1) : NULL;
  if (!copy) return (str){NULL, 0};
  if (s.n) memcpy(copy, s.p, s.n);
  return (str){copy, s.n};
}

str arena_lower(struct arena *a, str s)
{
  str copy = arena_str(a, s);
  for (size_t i = 0; copy.p && i < copy.n; i++) ((char *)(uintptr_t)copy.p)[i] = str_lower(s.p[i]);
  return copy;
}

str arena_printf(struct arena *a, const char *fmt, ...)
{
  va_list ap;
  va_start(ap, fmt);
  int n = vsnprintf(NULL, 0, fmt, ap);
  va_end(ap);
  char *text = n < 0 ? NULL : arena_alloc(a, (size_t)n + 1);
  if (!text) return (str){NULL, 0};
  va_start(ap, fmt);
  vsnprintf(text, (size_t)n + 1, fmt, ap);
  va_end(ap);
  return (str){text, (size_t)n};
}

bool arena_full(const struct arena *a)
{
  return a->full;
}

struct arena_mark arena_note(const struct arena *a)
{
  return (struct arena_mark){.block = a->block, .used = a->used, .total = a->total};
}

void arena_rewind(struct arena *a, struct arena_mark mark)
{
  while (a->block != mark.block) arena_pop(a);
  a->total = mark.total;
  arena_trim(a, mark.used);
}
#undef ARENA_ALIGN
#undef ARENA_GAP
#ifndef __SANITIZE_ADDRESS__
#undef __asan_poison_memory_region
#undef __asan_unpoison_memory_region
#endif
#undef ARENA_BLOCK_FIRST
#undef ARENA_BLOCK_MAX
#undef mem_grant
#undef mem_counted
