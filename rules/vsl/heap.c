/* rules/vsl/heap.c: objects of every type: made, counted, destroyed, frozen.
 *
 * Nesting has no bound, so destroying turns pointers round instead of recursing: an object being
 * taken apart keeps the one it was found in where its last value stood.
 */
#include "code.h"

struct value value_of(void *heap_object)
{
  struct heap *h = heap_object;
  if (!h) return (struct value){.type = VALUE_NONE};
  return VALUE_MAKE(h->type, heap, h);
}

struct object *object_new(struct region *r, const struct object_type *t, size_t size)
{
  struct object *o = region_alloc(r, size);
  if (!o) return NULL;
  memset(o, 0, size);
  o->heap = (struct heap){.refs = 1, .type = VALUE_OBJECT};
  o->size = (uint32_t)size;
  o->type = t;
  return o;
}

struct range *range_new(struct region *r, int64_t start, int64_t end, bool inclusive)
{
  struct range *range = region_alloc(r, sizeof *range);
  if (!range) return NULL;
  *range = (struct range){
      .heap = {.refs = 1, .type = VALUE_RANGE, .flags = inclusive}, .start = start, .end = end};
  return range;
}

struct cell *cell_new(struct region *r, struct value taken)
{
  struct cell *c = region_alloc(r, sizeof *c);
  if (!c) {
    value_release(r, taken);
    return NULL;
  }
  *c = (struct cell){.heap = {.refs = 1, .type = VALUE_CELL}, .value = taken};
  return c;
}

#define HEAP_FN_BYTES(size) (sizeof(struct fn) + (size) * sizeof(struct value))

struct fn *fn_new(struct region *r, struct proto *p, struct module *home, struct string *name,
                  size_t bound)
{
  struct fn *fn = region_alloc(r, HEAP_FN_BYTES(bound));
  if (!fn) return NULL;
  *fn = (struct fn){.heap = {.refs = 1, .type = VALUE_FN},
                    .size = (uint32_t)bound,
                    .proto = p,
                    .home = home,
                    .name = name};
  if (name && name->heap.refs != HEAP_FROZEN) name->heap.refs++;
  return fn;
}

/* ---- destroying ------------------------------------------------------------------------------ */

/* The last value the object still holds, or NULL. */
static struct value *heap_last(struct heap *h)
{
  switch (h->type) {
  case VALUE_ARRAY:
  case VALUE_BLOB: {
    struct array *a = (struct array *)h;
    while (a->n && !value_is_heap(a->items[a->n - 1])) a->n--;
    return a->n ? &a->items[a->n - 1] : NULL;
  }
  case VALUE_MAP: {
    struct dict *m = (struct dict *)h;
    return m->n ? &m->entries[m->n - 1].value : NULL;
  }
  case VALUE_FN: {
    struct fn *fn = (struct fn *)h;
    return fn->n ? &fn->bound[fn->n - 1] : NULL;
  }
  case VALUE_CELL: {
    struct cell *c = (struct cell *)h;
    return value_is_heap(c->value) ? &c->value : NULL;
  }
  default: return NULL;
  }
}

/* Forgets the last value, which is dealt with. */
static void heap_pop(struct region *r, struct heap *h)
{
  switch (h->type) {
  case VALUE_ARRAY:
  case VALUE_BLOB: ((struct array *)h)->n--; break;
  case VALUE_MAP: {
    struct dict *m = (struct dict *)h;
    heap_release(r, &m->entries[--m->n].key->heap); /* a string: no recursion */
    break;
  }
  case VALUE_FN: ((struct fn *)h)->n--; break;
  case VALUE_CELL: ((struct cell *)h)->value = value_unit(); break;
  default: break;
  }
}

static void heap_visit_release(void *ctx, struct value *v)
{
  value_release(ctx, value_take(v));
}

/* Gives the bytes of an object back that holds no values any more. */
static void heap_give(struct region *r, struct heap *h)
{
  switch (h->type) {
  case VALUE_STRING:
    region_give(r, h, sizeof(struct string) + ((struct string *)h)->size + 1);
    break;
  case VALUE_ARRAY:
  case VALUE_BLOB:
    region_give(r, h, sizeof(struct array) + ((struct array *)h)->size * sizeof(struct value));
    break;
  case VALUE_MAP: {
    struct dict *m = (struct dict *)h;
    if (m->entries) region_give(r, m->entries, m->size * sizeof *m->entries);
    if (m->index) region_give(r, m->index, m->index_size * sizeof *m->index);
    region_give(r, m, sizeof *m);
    break;
  }
  case VALUE_FN: {
    struct fn *fn = (struct fn *)h;
    if (fn->name) heap_release(r, &fn->name->heap);
    region_give(r, fn, HEAP_FN_BYTES(fn->size));
    break;
  }
  case VALUE_RANGE: region_give(r, h, sizeof(struct range)); break;
  case VALUE_CELL: region_give(r, h, sizeof(struct cell)); break;
  case VALUE_OBJECT: {
    struct object *o = (struct object *)h;
    if (o->type->each && region_descend(r, 1)) {
      o->type->each(o, heap_visit_release, r);
      region_descend(r, -1);
    }
    region_give(r, o, o->size);
    break;
  }
  default: break;
  }
}

void heap_destroy(struct region *r, struct heap *h)
{
  struct heap *outer = NULL;
  for (;;) {
    struct value *slot = heap_last(h);
    if (slot) {
      struct value child = *slot;
      if (!value_is_heap(child) || child.as.heap->refs == HEAP_FROZEN || --child.as.heap->refs) {
        heap_pop(r, h);
      } else { /* the child dies too: go in */
        slot->as.heap = outer;
        outer = h;
        h = child.as.heap;
      }
      continue;
    }
    heap_give(r, h);
    if (!outer) return;
    h = outer;
    outer = heap_last(h)->as.heap;
    heap_pop(r, h);
  }
}

/* ---- freezing -------------------------------------------------------------------------------- */

struct heap_queue {
  struct region *region;
  struct heap **list;
  size_t n, size;
  bool failed;
};

/* Marks an object and remembers to look into it. Marked ones are not queued again: cycles end. */
static void heap_mark(struct heap_queue *q, struct heap *h)
{
  if (h->refs == HEAP_FROZEN || q->failed) return;
  if (q->n == q->size) {
    size_t size = q->size ? q->size * 2 : 64;
    struct heap **list = mem_resize(q->list, size * sizeof *list);
    if (!list) {
      q->failed = true;
      return;
    }
    q->list = list;
    q->size = size;
  }
  h->refs = HEAP_FROZEN;
  q->list[q->n++] = h;
}

static void heap_visit_mark(void *ctx, struct value *v)
{
  if (value_is_heap(*v)) heap_mark(ctx, v->as.heap);
}

static void heap_mark_all(struct heap_queue *q, struct value *values, size_t n)
{
  for (size_t i = 0; i < n; i++) heap_visit_mark(q, &values[i]);
}

static void heap_mark_inside(struct heap_queue *q, struct heap *h)
{
  switch (h->type) {
  case VALUE_STRING: string_hash(q->region, (struct string *)h); break;
  case VALUE_ARRAY: heap_mark_all(q, ((struct array *)h)->items, ((struct array *)h)->n); break;
  case VALUE_MAP: {
    struct dict *m = (struct dict *)h;
    dict_sort(q->region, m);
    for (uint32_t i = 0; i < m->n; i++) {
      heap_mark(q, &m->entries[i].key->heap);
      heap_visit_mark(q, &m->entries[i].value);
    }
    break;
  }
  case VALUE_FN: {
    struct fn *fn = (struct fn *)h;
    if (fn->name) heap_mark(q, &fn->name->heap);
    heap_mark_all(q, fn->bound, fn->n);
    break;
  }
  case VALUE_CELL: heap_visit_mark(q, &((struct cell *)h)->value); break;
  case VALUE_OBJECT: {
    struct object *o = (struct object *)h;
    if (o->type->each) o->type->each(o, heap_visit_mark, q);
    break;
  }
  default: break;
  }
}

int value_freeze(struct region *r, struct value v)
{
  struct heap_queue q = {.region = r};
  heap_visit_mark(&q, &v);
  while (q.n) heap_mark_inside(&q, q.list[--q.n]);
  mem_free(q.list);
  return q.failed ? -1 : 0;
}

#undef HEAP_FN_BYTES
