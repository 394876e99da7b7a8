/* base/map.c: slice -> pointer, in order of insertion.
 *
 * Entries stand in an array in the order they came; beside it an open-addressed index of entry
 * numbers. A removed entry leaves its place empty (key.p NULL) and its index slot dead until the
 * next rebuild, which happens only when the array is full. So index_size >= 2 * size bounds the
 * load, dead slots included. Strangers choose keys: the hash is SipHash-1-3 under a random key.
 */
#include "base.h"

#define MAP_FIRST 8
#define MAP_EMPTY 0
#define MAP_DEAD  UINT32_MAX

/* ---- hash ------------------------------------------------------------------------------------ */

static uint64_t map_rotate(uint64_t x, int by)
{
  return x << by | x >> (64 - by);
}

static void map_sip_round(uint64_t v[4])
{
  v[0] += v[1], v[1] = map_rotate(v[1], 13) ^ v[0], v[0] = map_rotate(v[0], 32);
  v[2] += v[3], v[3] = map_rotate(v[3], 16) ^ v[2];
  v[0] += v[3], v[3] = map_rotate(v[3], 21) ^ v[0];
  v[2] += v[1], v[1] = map_rotate(v[1], 17) ^ v[2], v[2] = map_rotate(v[2], 32);
}

/* Up to eight bytes, little-endian. */
static uint64_t map_word(str s)
{
  uint64_t word = 0;
  for (size_t i = s.n < 8 ? s.n : 8; i-- > 0;) word = word << 8 | (unsigned char)s.p[i];
  return word;
}

static void map_sip_word(uint64_t v[4], uint64_t word)
{
  v[3] ^= word;
  map_sip_round(v);
  v[0] ^= word;
}

static uint64_t map_hash(str s)
{
  static uint64_t key[2];
  if (!key[0] && !key[1]) (void)random_bytes(key, sizeof key);
  uint64_t v[4] = {key[0] ^ 0x736f6d6570736575u, key[1] ^ 0x646f72616e646f6du,
                   key[0] ^ 0x6c7967656e657261u, key[1] ^ 0x7465646279746573u};
  uint64_t length = (uint64_t)s.n << 56;
  for (; s.n >= 8; s = str_skip(s, 8)) map_sip_word(v, map_word(s));
  map_sip_word(v, length | map_word(s));
  v[2] ^= 0xff;
  for (int i = 0; i < 3; i++) map_sip_round(v);
  return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* ---- index ----------------------------------------------------------------------------------- */

/* The slot that holds key, or the empty slot where the search ended. */
static uint32_t *map_slot(const struct map *m, str key)
{
  size_t at = (size_t)map_hash(key) & (m->index_size - 1);
  for (;; at = (at + 1) & (m->index_size - 1)) {
    uint32_t *slot = &m->index[at];
    if (*slot == MAP_EMPTY) return slot;
    if (*slot != MAP_DEAD && str_eq(m->entries[*slot - 1].key, key)) return slot;
  }
}

static struct map_entry *map_find(const struct map *m, str key)
{
  uint32_t *slot = m->index_size ? map_slot(m, key) : NULL;
  return slot && *slot ? &m->entries[*slot - 1] : NULL;
}

/* Moves the living to new arrays of the given size, in order. */
static int map_rebuild(struct map *m, size_t size)
{
  struct map fresh = {.size = size, .index_size = 2 * size};
  if (size >= UINT32_MAX / 2) return -1;
  fresh.entries = mem_alloc(size * sizeof *fresh.entries);
  fresh.index = mem_alloc(fresh.index_size * sizeof *fresh.index);
  if (!fresh.entries || !fresh.index) {
    mem_free(fresh.entries);
    mem_free(fresh.index);
    return -1;
  }
  for (size_t i = 0; i < m->n; i++) {
    if (!m->entries[i].key.p) continue;
    fresh.entries[fresh.n++] = m->entries[i];
    *map_slot(&fresh, m->entries[i].key) = (uint32_t)fresh.n;
  }
  fresh.live = fresh.n;
  mem_free(m->entries);
  mem_free(m->index);
  *m = fresh;
  return 0;
}

static int map_grow(struct map *m)
{
  if (m->size == 0) return map_rebuild(m, MAP_FIRST);
  return map_rebuild(m, m->live > m->size / 2 ? 2 * m->size : m->size);
}

/* ---- entries --------------------------------------------------------------------------------- */

void map_free(struct map *m)
{
  for (size_t i = 0; i < m->n; i++) mem_free((void *)(uintptr_t)m->entries[i].key.p);
  mem_free(m->entries);
  mem_free(m->index);
  *m = (struct map){0};
}

void *map_get(const struct map *m, str key)
{
  struct map_entry *entry = map_find(m, key);
  return entry ? entry->value : NULL;
}

bool map_has(const struct map *m, str key)
{
  return map_find(m, key) != NULL;
}

int map_set(struct map *m, str key, void *value)
{
  struct map_entry *entry = map_find(m, key);
  if (entry) return entry->value = value, 0;
  if (m->n == m->size && map_grow(m)) return -1;
  char *copy = mem_strdup(key);
  if (!copy) return -1;
  m->entries[m->n++] = (struct map_entry){.key = {copy, key.n}, .value = value};
  *map_slot(m, key) = (uint32_t)m->n;
  m->live++;
  return 0;
}

void *map_remove(struct map *m, str key)
{
  uint32_t *slot = m->index_size ? map_slot(m, key) : NULL;
  if (!slot || *slot == MAP_EMPTY) return NULL;
  struct map_entry *entry = &m->entries[*slot - 1];
  void *value = entry->value;
  mem_free((void *)(uintptr_t)entry->key.p);
  *entry = (struct map_entry){{NULL, 0}, NULL};
  *slot = MAP_DEAD;
  m->live--;
  return value;
}
#undef MAP_FIRST
#undef MAP_EMPTY
#undef MAP_DEAD
