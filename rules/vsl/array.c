/* rules/vsl/array.c: arrays: a run of values that grows by half its size, so pushing is amortised
 * O(1). */
#include "vsl.h"

#define ARRAY_BYTES(size) (sizeof(struct array) + (size) * sizeof(struct value))

struct array *array_new(struct region *r, size_t room)
{
  if (room > region_items_max(r)) return NULL;
  struct array *a = region_alloc(r, ARRAY_BYTES(room));
  if (!a) return NULL;
  *a = (struct array){.heap = {.refs = 1, .type = VALUE_ARRAY}, .size = (uint32_t)room};
  return a;
}

struct array *array_slice(struct region *r, const struct array *a, size_t from, size_t to)
{
  if (to > a->n) to = a->n;
  if (from > to) from = to;
  struct array *copy = array_new(r, to - from);
  if (!copy) return NULL;
  copy->heap.type = a->heap.type;
  for (size_t i = from; i < to; i++) copy->items[copy->n++] = value_retain(a->items[i]);
  return copy;
}

static int array_resize(struct region *r, struct value *place, size_t size)
{
  struct array *a = place->as.array;
  a = region_resize(r, a, ARRAY_BYTES(a->size), ARRAY_BYTES(size));
  if (!a) return -1;
  a->size = (uint32_t)size;
  place->as.array = a;
  return 0;
}

/* Own, with room for n more. */
static int array_reserve(struct region *r, struct value *place, size_t n)
{
  if (array_own(r, place)) return -1;
  struct array *a = place->as.array;
  size_t max = region_items_max(r);
  if (n > max || a->n > max - n) return -1;
  size_t need = a->n + n, size = need + need / 2 + 4;
  if (need <= a->size) return 0;
  if (size > max) size = max;
  if (!array_resize(r, place, size)) return 0;
  return size > need ? array_resize(r, place, need) : -1; /* near the budget */
}

int array_own(struct region *r, struct value *place)
{
  struct array *a = place->as.array;
  if (heap_is_own(&a->heap)) return 0;
  struct array *copy = array_slice(r, a, 0, a->n);
  if (!copy) return -1;
  place->as.array = copy;
  heap_release(r, &a->heap);
  return 0;
}

int array_push(struct region *r, struct value *place, struct value taken)
{
  struct array *a = place->as.array;
  if (!heap_is_own(&a->heap) || a->n == a->size) {
    if (array_reserve(r, place, 1)) {
      value_release(r, taken);
      return -1;
    }
    a = place->as.array;
  }
  a->items[a->n++] = taken;
  return 0;
}

int array_insert(struct region *r, struct value *place, size_t at, struct value taken)
{
  if (array_push(r, place, taken)) return -1;
  struct array *a = place->as.array;
  memmove(a->items + at + 1, a->items + at, (a->n - 1 - at) * sizeof *a->items);
  a->items[at] = taken;
  return 0;
}

struct value array_remove(struct region *r, struct value *place, size_t at)
{
  (void)r;
  struct array *a = place->as.array;
  struct value gone = a->items[at];
  memmove(a->items + at, a->items + at + 1, (a->n - 1 - at) * sizeof *a->items);
  a->n--;
  return gone;
}

void array_truncate(struct region *r, struct value *place, size_t n)
{
  struct array *a = place->as.array;
  while (a->n > n) value_release(r, a->items[--a->n]);
}

int array_append(struct region *r, struct value *place, const struct value *items, size_t n)
{
  struct array *a = place->as.array;
  bool inside = items >= a->items && items <= a->items + a->n; /* a += a */
  if (inside) value_retain(*place);
  int rc = array_reserve(r, place, n);
  struct array *own = place->as.array;
  for (size_t i = 0; !rc && i < n; i++) own->items[own->n++] = value_retain(items[i]);
  if (inside) heap_release(r, &a->heap);
  return rc;
}

#undef ARRAY_BYTES
