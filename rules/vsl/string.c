/* rules/vsl/string.c: strings: UTF-8 bytes that count in code points.
 *
 * An object has its bytes inside, so growing may move it; the place that holds it gets the new one.
 * A string nobody else sees grows by half its size again, hence appending in a loop is linear.
 */
#include "vsl.h"

#define STRING_BYTES(size) (sizeof(struct string) + (size) + 1)

size_t string_chars(str text)
{
  size_t n = 0;
  for (size_t i = 0; i < text.n; i++) n += ((unsigned char)text.p[i] & 0xC0) != 0x80;
  return n;
}

/* An object with room, empty. */
static struct string *string_raw(struct region *r, size_t size)
{
  if (size > region_string_max(r)) return NULL;
  struct string *s = region_alloc(r, STRING_BYTES(size));
  if (!s) return NULL;
  *s = (struct string){.heap = {.refs = 1, .type = VALUE_STRING}, .size = (uint32_t)size};
  s->p[0] = '\0';
  return s;
}

/* Adds bytes for which there is room. */
static void string_put(struct string *s, str text, size_t chars)
{
  if (text.n) memcpy(s->p + s->n, text.p, text.n);
  s->n += (uint32_t)text.n;
  s->chars += (uint32_t)chars;
  s->hash = 0;
  s->p[s->n] = '\0';
}

struct string *string_new(struct region *r, str text)
{
  struct string *s = string_raw(r, text.n);
  if (s) string_put(s, text, string_chars(text));
  return s;
}

struct string *string_join(struct region *r, str a, str b)
{
  if (b.n > SIZE_MAX - a.n) return NULL;
  struct string *s = string_raw(r, a.n + b.n);
  if (!s) return NULL;
  string_put(s, a, string_chars(a));
  string_put(s, b, string_chars(b));
  return s;
}

struct string *string_new_lossy(struct region *r, str bytes)
{
  if (utf8_valid(bytes)) return string_new(r, bytes);
  size_t size = 0;
  for (str rest = bytes; rest.n;) {
    const char *from = rest.p;
    size += utf8_next(&rest) < 0 ? 3 : (size_t)(rest.p - from);
  }
  struct string *s = string_raw(r, size);
  if (!s) return NULL;
  for (str rest = bytes; rest.n;) {
    const char *from = rest.p;
    bool good = utf8_next(&rest) >= 0;
    string_put(s, good ? (str){from, (size_t)(rest.p - from)} : STR("\xEF\xBF\xBD"), 1);
  }
  return s;
}

struct value value_string(struct region *r, str text)
{
  return value_of(string_new(r, text));
}

/* The same text in an object of that size, replacing the place's. */
static int string_move(struct region *r, struct value *place, size_t size)
{
  struct string *old = place->as.string;
  if (heap_is_own(&old->heap)) {
    struct string *s = region_resize(r, old, STRING_BYTES(old->size), STRING_BYTES(size));
    if (!s) return -1;
    s->size = (uint32_t)size;
    place->as.string = s;
    return 0;
  }
  struct string *s = string_raw(r, size);
  if (!s) return -1;
  string_put(s, string_str(old), old->chars);
  place->as.string = s;
  heap_release(r, &old->heap);
  return 0;
}

int string_reserve(struct region *r, struct value *place, size_t bytes)
{
  struct string *s = place->as.string;
  size_t max = region_string_max(r);
  if (bytes > max || s->n > max - bytes) return -1;
  size_t need = s->n + bytes;
  bool own = heap_is_own(&s->heap);
  if (own && need <= s->size) return 0;
  size_t size = bytes ? need + need / 2 + 8 : need;
  if (size > max) size = max;
  if (!string_move(r, place, size)) return 0;
  return size > need ? string_move(r, place, need) : -1; /* near the budget: just what is needed */
}

int string_append(struct region *r, struct value *place, str text)
{
  struct string *s = place->as.string;
  bool inside = text.p >= s->p && text.p <= s->p + s->n; /* s += s, or a part of it */
  size_t offset = inside ? (size_t)(text.p - s->p) : 0;
  if (inside) value_retain(*place); /* keeps the bytes where they are */
  int rc = string_reserve(r, place, text.n);
  if (!rc) {
    if (inside) text.p = s->p + offset;
    string_put(place->as.string, text, string_chars(text));
  }
  if (inside) heap_release(r, &s->heap);
  return rc;
}

int string_append_char(struct region *r, struct value *place, uint32_t c)
{
  char bytes[4];
  return string_append(r, place, (str){bytes, utf8_put(bytes, (int32_t)c)});
}

int string_splice(struct region *r, struct value *place, size_t from, size_t to, str text)
{
  struct string *s = place->as.string;
  size_t chars = string_chars(text);
  size_t gone = string_chars((str){s->p + from, to - from});
  if (text.n > SIZE_MAX / 2) return -1;
  size_t n = s->n - (to - from) + text.n;
  struct string *fresh = string_raw(r, n); /* a splice is O(n) anyway, and text may lie in s */
  if (!fresh) return -1;
  string_put(fresh, (str){s->p, from}, 0);
  string_put(fresh, text, 0);
  string_put(fresh, (str){s->p + to, s->n - to}, s->chars - gone + chars);
  place->as.string = fresh;
  heap_release(r, &s->heap);
  return 0;
}

size_t string_offset(const struct string *s, size_t chars)
{
  if (chars >= s->chars) return s->n;
  if (string_is_ascii(s)) return chars;
  size_t at = 0;
  for (; at < s->n; at++)
    if (((unsigned char)s->p[at] & 0xC0) != 0x80 && chars-- == 0) break;
  return at;
}

uint32_t string_at(const struct string *s, size_t index)
{
  if (string_is_ascii(s)) return (unsigned char)s->p[index];
  size_t at = string_offset(s, index);
  str rest = {s->p + at, s->n - at};
  return (uint32_t)utf8_next(&rest);
}

str string_slice(const struct string *s, size_t from, size_t to)
{
  if (to < from) to = from;
  size_t a = string_offset(s, from);
  if (string_is_ascii(s)) return (str){s->p + a, string_offset(s, to) - a};
  size_t b = a;
  for (size_t left = to - from; b < s->n; b++)
    if (((unsigned char)s->p[b] & 0xC0) != 0x80 && left-- == 0) break;
  return (str){s->p + a, b - a};
}

/* Keyed: both the start and the multiplier depend on the region's seed, which no stranger knows. */
uint32_t string_hash_of(const struct region *r, str text)
{
  uint64_t seed = region_seed(r), h = seed ^ text.n, k = (seed * 0x9E3779B97F4A7C15u) | 1;
  for (; text.n >= 8; text = str_skip(text, 8)) {
    uint64_t word;
    memcpy(&word, text.p, 8);
    h = (h ^ word) * k;
    h ^= h >> 32;
  }
  uint64_t word = 0;
  if (text.n) memcpy(&word, text.p, text.n);
  h = (h ^ word) * k;
  h ^= h >> 29;
  h *= 0xBF58476D1CE4E5B9u;
  uint32_t hash = (uint32_t)(h >> 32);
  return hash ? hash : 1;
}

uint32_t string_hash(const struct region *r, struct string *s)
{
  if (s->hash) return s->hash;
  s->hash = string_hash_of(r, string_str(s));
  return s->hash;
}

bool string_eq(const struct string *a, const struct string *b)
{
  return a == b || (a->n == b->n && memcmp(a->p, b->p, a->n) == 0);
}

#undef STRING_BYTES
