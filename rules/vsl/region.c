/* rules/vsl/region.c: the memory of a run.
 *
 * Small blocks are cut from chunks and go back to a list of their size class, so a loop that makes
 * garbage reuses it; big blocks are mem_alloc's own. The budget counts what was taken from the
 * system, lists included: what a run can cost the machine is what counts.
 */
#include "vsl.h"

#define REGION_STEP    16 /* classes up to REGION_FINE are multiples of it */
#define REGION_FINE    256
#define REGION_TOP     2048 /* above REGION_FINE: four classes each doubling */
#define REGION_CLASSES (REGION_FINE / REGION_STEP + 12)
#ifdef VSMTP_TEST
#define REGION_SMALL_MAX 0 /* every block alone, so that the sanitizer sees each wrong access */
#else
#define REGION_SMALL_MAX REGION_TOP
#endif
#define REGION_CHUNK_FIRST 4096
#define REGION_CHUNK_MAX   (64 * 1024)

struct region_chunk {
  struct region_chunk *next;
  size_t size;
};

struct region_big {
  struct region_big *next, *prev;
};

struct region_free_block {
  struct region_free_block *next;
};

struct region {
  struct region_limits limits;
  uint64_t seed;
  size_t used, peak; /* bytes taken from the system */
  char *at, *end;    /* what is left of the newest chunk */
  size_t chunk;      /* size of the next one */
  struct region_chunk *chunks;
  struct region_big *bigs;
  int depth; /* of region_descend */
  struct region_free_block *free[REGION_CLASSES];
};

/* Head of chunks and big blocks, rounded so that what follows is aligned for anything. */
#define REGION_HEAD 16

struct region *region_new(const struct region_limits *l, uint64_t seed)
{
  struct region *r = mem_alloc(sizeof *r);
  if (!r) return NULL;
  r->limits = *l;
  if (!r->limits.string) r->limits.string = UINT32_MAX / 2;
  if (!r->limits.items) r->limits.items = UINT32_MAX / 64;
  r->seed = seed;
  r->chunk = REGION_CHUNK_FIRST;
  return r;
}

void region_free(struct region *r)
{
  if (!r) return;
  for (struct region_big *b = r->bigs, *next; b; b = next) {
    next = b->next;
    mem_free(b);
  }
  for (struct region_chunk *c = r->chunks, *next; c; c = next) {
    next = c->next;
    mem_free(c);
  }
  mem_free(r);
}

/* Counts n more bytes from the system, or refuses. */
static bool region_take(struct region *r, size_t n)
{
  if (r->limits.bytes && (n > r->limits.bytes || r->used > r->limits.bytes - n)) return false;
  r->used += n;
  if (r->used > r->peak) r->peak = r->used;
  return true;
}

/* The class of a small size, and the bytes a block of it has. */
static unsigned region_class(size_t n, size_t *bytes)
{
  if (n <= REGION_FINE) {
    unsigned c = n ? (unsigned)((n - 1) / REGION_STEP) : 0;
    *bytes = (c + 1) * (size_t)REGION_STEP;
    return c;
  }
  unsigned class = REGION_FINE / REGION_STEP;
  for (size_t base = REGION_FINE;; base *= 2)
    for (size_t quarter = 1; quarter <= 4; quarter++, class ++)
      if (n <= base + quarter * (base / 4)) {
        *bytes = base + quarter * (base / 4);
        return class;
      }
}

static bool region_chunk_new(struct region *r, size_t least)
{
  size_t size = r->chunk;
  if (!region_take(r, size)) {
    size = least + REGION_HEAD; /* near the limit: just what is needed */
    if (!region_take(r, size)) return false;
  }
  struct region_chunk *c = mem_alloc(size);
  if (!c) {
    r->used -= size;
    return false;
  }
  if (r->chunk < REGION_CHUNK_MAX) r->chunk *= 2;
  c->next = r->chunks;
  c->size = size;
  r->chunks = c;
  r->at = (char *)c + REGION_HEAD;
  r->end = (char *)c + size;
  return true;
}

/* What is left of the newest chunk goes to the lists before another is opened. */
static void region_use_up(struct region *r)
{
  while ((size_t)(r->end - r->at) >= REGION_STEP) {
    size_t left = (size_t)(r->end - r->at), bytes;
    if (left > REGION_FINE) left = REGION_FINE;
    unsigned class = region_class(left - left % REGION_STEP, &bytes);
    struct region_free_block *b = (void *)r->at;
    r->at += bytes;
    b->next = r->free[class];
    r->free[class] = b;
  }
}

static void *region_alloc_big(struct region *r, size_t n)
{
  if (n > SIZE_MAX / 2 || !region_take(r, n + REGION_HEAD)) return NULL;
  struct region_big *b = mem_alloc(n + REGION_HEAD);
  if (!b) {
    r->used -= n + REGION_HEAD;
    return NULL;
  }
  b->next = r->bigs;
  if (r->bigs) r->bigs->prev = b;
  r->bigs = b;
  return (char *)b + REGION_HEAD;
}

void *region_alloc(struct region *r, size_t n)
{
  if (n > REGION_SMALL_MAX) return region_alloc_big(r, n);
  size_t bytes;
  unsigned class = region_class(n, &bytes);
  struct region_free_block *b = r->free[class];
  if (b) {
    r->free[class] = b->next;
    return b;
  }
  if ((size_t)(r->end - r->at) < bytes) {
    region_use_up(r);
    if (!region_chunk_new(r, bytes)) return NULL;
  }
  void *p = r->at;
  r->at += bytes;
  return p;
}

static void region_give_big(struct region *r, void *p, size_t n)
{
  struct region_big *b = (void *)((char *)p - REGION_HEAD);
  if (b->next) b->next->prev = b->prev;
  if (b->prev)
    b->prev->next = b->next;
  else
    r->bigs = b->next;
  r->used -= n + REGION_HEAD;
  mem_free(b);
}

void region_give(struct region *r, void *p, size_t n)
{
  if (!p) return;
  if (n > REGION_SMALL_MAX) {
    region_give_big(r, p, n);
    return;
  }
  size_t bytes;
  struct region_free_block *b = p;
  unsigned class = region_class(n, &bytes);
  b->next = r->free[class];
  r->free[class] = b;
}

static void *region_resize_big(struct region *r, void *p, size_t old, size_t n)
{
  if (n > SIZE_MAX / 2) return NULL;
  if (n > old && !region_take(r, n - old)) return NULL;
  struct region_big *b = mem_resize((char *)p - REGION_HEAD, n + REGION_HEAD);
  if (!b) {
    if (n > old) r->used -= n - old;
    return NULL;
  }
  if (n < old) r->used -= old - n;
  if (b->next) b->next->prev = b;
  if (b->prev)
    b->prev->next = b;
  else
    r->bigs = b;
  return (char *)b + REGION_HEAD;
}

void *region_resize(struct region *r, void *p, size_t old, size_t n)
{
  if (p && old > REGION_SMALL_MAX && n > REGION_SMALL_MAX) return region_resize_big(r, p, old, n);
  void *fresh = region_alloc(r, n);
  if (!fresh || !p) return fresh;
  memcpy(fresh, p, old < n ? old : n);
  region_give(r, p, old);
  return fresh;
}

size_t region_used(const struct region *r)
{
  return r->used;
}
size_t region_peak(const struct region *r)
{
  return r->peak;
}
bool region_descend(struct region *r, int step)
{
  if (step > 0 && r->depth >= VALUE_DEPTH_MAX) return false;
  r->depth += step;
  return true;
}

uint64_t region_seed(const struct region *r)
{
  return r->seed;
}
uint32_t region_string_max(const struct region *r)
{
  return r->limits.string;
}
uint32_t region_items_max(const struct region *r)
{
  return r->limits.items;
}

#undef REGION_STEP
#undef REGION_FINE
#undef REGION_SMALL_MAX
#undef REGION_TOP
#undef REGION_CLASSES
#undef REGION_CHUNK_FIRST
#undef REGION_CHUNK_MAX
#undef REGION_HEAD
