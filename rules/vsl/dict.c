/* rules/vsl/dict.c: maps.
 *
 * Entries lie in one array. While there are few they are searched one by one; beyond DICT_SMALL an
 * index by keyed hash finds them (open addressing, linear probing, never over half full). New keys
 * go to the end, so order is lost and found again: dict_sort, which whoever iterates calls first,
 * sorts when a key came out of order since the last time.
 */
#include "vsl.h"

#define DICT_SMALL 8

/* ---- the index ------------------------------------------------------------------------------- */

/* The slot of the index where key is, or the free one where it would go. */
static uint32_t dict_slot(const struct region *r, const struct dict *m, str key, uint32_t hash)
{
  uint32_t mask = m->index_size - 1, at = hash & mask;
  for (; m->index[at]; at = (at + 1) & mask) {
    struct string *other = m->entries[m->index[at] - 1].key;
    if (string_hash(r, other) == hash && str_eq(string_str(other), key)) break;
  }
  return at;
}

static void dict_index_all(const struct region *r, struct dict *m)
{
  memset(m->index, 0, m->index_size * sizeof *m->index);
  uint32_t mask = m->index_size - 1;
  for (uint32_t i = 0; i < m->n; i++) {
    uint32_t at = string_hash(r, m->entries[i].key) & mask;
    while (m->index[at]) at = (at + 1) & mask;
    m->index[at] = i + 1;
  }
}

static int dict_index_grow(struct region *r, struct dict *m)
{
  uint32_t size = m->index_size ? m->index_size : DICT_SMALL;
  while (size / 2 < m->size) size *= 2;
  uint32_t *index = region_alloc(r, size * sizeof *index);
  if (!index) return -1;
  region_give(r, m->index, m->index_size * sizeof *index);
  m->index = index;
  m->index_size = size;
  dict_index_all(r, m);
  return 0;
}

/* Takes slot out; later entries of the probe run move up so that none becomes unreachable. */
static void dict_index_remove(const struct region *r, struct dict *m, uint32_t slot)
{
  uint32_t mask = m->index_size - 1;
  m->index[slot] = 0;
  for (uint32_t at = (slot + 1) & mask; m->index[at]; at = (at + 1) & mask) {
    uint32_t home = string_hash(r, m->entries[m->index[at] - 1].key) & mask;
    if (((at - home) & mask) < ((at - slot) & mask)) continue;
    m->index[slot] = m->index[at];
    m->index[at] = 0;
    slot = at;
  }
}

/* ---- finding --------------------------------------------------------------------------------- */

/* The number of the entry, or -1. */
static ptrdiff_t dict_where(const struct region *r, const struct dict *m, str key, uint32_t hash)
{
  if (m->index) return (ptrdiff_t)m->index[dict_slot(r, m, key, hash)] - 1;
  for (uint32_t i = 0; i < m->n; i++)
    if (str_eq(string_str(m->entries[i].key), key)) return i;
  return -1;
}

static ptrdiff_t dict_where_str(const struct region *r, const struct dict *m, str key)
{
  return dict_where(r, m, key, m->index ? string_hash_of(r, key) : 0);
}

struct value *dict_get(const struct region *r, const struct dict *m, str key)
{
  ptrdiff_t i = dict_where_str(r, m, key);
  return i < 0 ? NULL : &m->entries[i].value;
}

struct value *dict_find(const struct region *r, const struct dict *m, struct string *key)
{
  if (!m->index)
    for (uint32_t i = 0; i < m->n; i++)
      if (m->entries[i].key == key) return &m->entries[i].value;
  ptrdiff_t i = dict_where(r, m, string_str(key), m->index ? string_hash(r, key) : 0);
  return i < 0 ? NULL : &m->entries[i].value;
}

/* ---- making and growing ---------------------------------------------------------------------- */

struct dict *dict_new(struct region *r, size_t room)
{
  if (room > region_items_max(r)) return NULL;
  struct dict *m = region_alloc(r, sizeof *m);
  if (!m) return NULL;
  *m = (struct dict){.heap = {.refs = 1, .type = VALUE_MAP}, .sorted = true};
  if (!room) return m;
  m->entries = region_alloc(r, room * sizeof *m->entries);
  if (!m->entries) {
    region_give(r, m, sizeof *m);
    return NULL;
  }
  m->size = (uint32_t)room;
  if (room > DICT_SMALL && dict_index_grow(r, m)) {
    heap_release(r, &m->heap);
    return NULL;
  }
  return m;
}

int dict_own(struct region *r, struct value *place)
{
  struct dict *m = place->as.map;
  if (heap_is_own(&m->heap)) return 0;
  struct dict *copy = dict_new(r, m->n);
  if (!copy) return -1;
  for (uint32_t i = 0; i < m->n; i++) {
    struct dict_entry *e = &m->entries[i];
    if (e->key->heap.refs != HEAP_FROZEN) e->key->heap.refs++;
    copy->entries[copy->n++] = (struct dict_entry){e->key, value_retain(e->value)};
  }
  copy->sorted = m->sorted;
  if (copy->index) dict_index_all(r, copy);
  place->as.map = copy;
  heap_release(r, &m->heap);
  return 0;
}

static int dict_resize(struct region *r, struct dict *m, size_t size)
{
  struct dict_entry *e = region_resize(r, m->entries, m->size * sizeof *e, size * sizeof *e);
  if (!e) return -1;
  m->entries = e;
  m->size = (uint32_t)size;
  return 0;
}

/* Room for one more entry, with its index if it is no longer small. */
static int dict_grow(struct region *r, struct dict *m)
{
  size_t max = region_items_max(r), size = m->n + m->n / 2 + 4;
  if (m->n >= max) return -1;
  if (size > max) size = max;
  if (m->n == m->size && dict_resize(r, m, size)) return -1;
  if (m->n < DICT_SMALL || m->index_size / 2 >= m->size) return 0;
  return dict_index_grow(r, m);
}

/* The entry of key, made if missing. key borrowed. */
static struct value *dict_make(struct region *r, struct value *place, struct string *key)
{
  if (dict_own(r, place)) return NULL;
  struct dict *m = place->as.map;
  struct value *found = dict_find(r, m, key);
  if (found) return found;
  if (dict_grow(r, m)) return NULL;
  if (key->heap.refs != HEAP_FROZEN) key->heap.refs++;
  if (m->n && str_cmp(string_str(m->entries[m->n - 1].key), string_str(key)) > 0) m->sorted = false;
  m->entries[m->n] = (struct dict_entry){.key = key};
  if (m->index) {
    uint32_t slot = dict_slot(r, m, string_str(key), string_hash(r, key));
    m->index[slot] = m->n + 1;
  }
  return &m->entries[m->n++].value;
}

int dict_set(struct region *r, struct value *place, struct string *key, struct value taken)
{
  struct value *v = dict_make(r, place, key);
  if (!v) {
    value_release(r, taken);
    return -1;
  }
  value_set(r, v, taken);
  return 0;
}

int dict_put(struct region *r, struct value *place, str key, struct value taken)
{
  struct string *s = string_new(r, key);
  if (!s) {
    value_release(r, taken);
    return -1;
  }
  int rc = dict_set(r, place, s, taken);
  heap_release(r, &s->heap);
  return rc;
}

bool dict_remove(struct region *r, struct value *place, str key, struct value *out)
{
  struct dict *m = place->as.map;
  ptrdiff_t at = dict_where_str(r, m, key);
  if (at < 0) return false;
  struct dict_entry gone = m->entries[at], *last = &m->entries[m->n - 1];
  if (m->index) { /* the last entry takes the place of the one that goes */
    dict_index_remove(r, m, dict_slot(r, m, string_str(gone.key), string_hash(r, gone.key)));
    if (last != &m->entries[at]) {
      m->index[dict_slot(r, m, string_str(last->key), string_hash(r, last->key))] =
          (uint32_t)at + 1;
      m->entries[at] = *last;
      m->sorted = false;
    }
  } else {
    memmove(&m->entries[at], &m->entries[at + 1], (size_t)(last - &m->entries[at]) * sizeof *last);
  }
  m->n--;
  *out = gone.value;
  heap_release(r, &gone.key->heap);
  return true;
}

static int dict_by_key(const void *a, const void *b)
{
  const struct dict_entry *x = a, *y = b;
  return str_cmp(string_str(x->key), string_str(y->key));
}

void dict_sort(struct region *r, struct dict *m)
{
  if (m->sorted) return;
  qsort(m->entries, m->n, sizeof *m->entries, dict_by_key);
  m->sorted = true;
  if (m->index) dict_index_all(r, m);
}

#undef DICT_SMALL
