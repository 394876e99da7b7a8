/* rules/vsl/native.c: the registry: all natives by name, and which row takes which arguments.
 */
#include "code.h"

static const struct {
  char letter;
  uint32_t mask;
} native_letters[] = {
    {'u', 1u << VALUE_UNIT},
    {'b', 1u << VALUE_BOOL},
    {'i', 1u << VALUE_INT},
    {'f', 1u << VALUE_FLOAT},
    {'n', 1u << VALUE_INT | 1u << VALUE_FLOAT},
    {'c', 1u << VALUE_CHAR},
    {'s', 1u << VALUE_STRING},
    {'k', 1u << VALUE_STRING | 1u << VALUE_CHAR},
    {'a', 1u << VALUE_ARRAY},
    {'m', 1u << VALUE_MAP},
    {'r', 1u << VALUE_RANGE},
    {'t', 1u << VALUE_TIME},
    {'p', 1u << VALUE_FN},
    {'q', 1u << VALUE_FN | 1u << VALUE_STRING},
    {'B', 1u << VALUE_BLOB},
    {'o', 1u << VALUE_OBJECT},
    {'.', UINT32_MAX},
};

struct registry *registry_new(void)
{
  return mem_alloc(sizeof(struct registry));
}

void registry_free(struct registry *g)
{
  if (!g) return;
  mem_free(g->rows);
  mem_free(g->sets);
  mem_free(g);
}

static void native_parse(struct native_row *row, const struct native *n)
{
  bool optional = false;
  *row = (struct native_row){.native = n};
  for (const char *p = n->signature; *p; p++) {
    if (*p == '|') {
      optional = true;
    } else if (*p == '*') {
      row->max = UINT8_MAX;
    } else {
      uint32_t mask = 0;
      for (size_t i = 0; i < BASE_COUNT(native_letters); i++)
        if (native_letters[i].letter == *p) mask = native_letters[i].mask;
      if (row->checked < NATIVE_ARGS_MAX) row->masks[row->checked++] = mask;
      row->max++;
      if (!optional) row->min++;
    }
  }
}

int registry_add(struct registry *g, const struct native *table, size_t n)
{
  struct native_row *rows = mem_resize(g->rows, (g->row_count + n + 1) * sizeof *rows);
  if (!rows) return -1;
  g->rows = rows;
  for (size_t i = 0; i < n; i++) {
    native_parse(&rows[g->row_count + i], &table[i]);
    rows[g->row_count + i].order = (uint32_t)(g->row_count + i);
  }
  g->row_count += n;
  return 0;
}

void registry_set_words(struct registry *g, const struct registry_words *w)
{
  g->words = *w;
}

void registry_set_prelude(struct registry *g, str name, str source)
{
  g->prelude_name = name;
  g->prelude = source;
}

static int native_by_name(const void *a, const void *b)
{
  const struct native_row *x = a, *y = b;
  int order = strcmp(x->native->name, y->native->name);
  return order ? order : x->order < y->order ? -1 : 1;
}

int registry_finish(struct registry *g)
{
  if (g->sets) return 0;
  g->sets = mem_alloc((g->row_count + 1) * sizeof *g->sets);
  if (!g->sets) return -1;
  if (g->row_count) qsort(g->rows, g->row_count, sizeof *g->rows, native_by_name);
  for (size_t i = 0; i < g->row_count; i++) {
    str name = str_of(g->rows[i].native->name);
    struct native_set *last = g->set_count ? &g->sets[g->set_count - 1] : NULL;
    if (!last || !str_eq(last->name, name)) {
      last = &g->sets[g->set_count++];
      *last = (struct native_set){.name = name, .first = (uint32_t)i, .common = UINT32_MAX};
    }
    last->n++;
    last->flags |= g->rows[i].native->flags;
    last->common &= g->rows[i].native->flags;
  }
  return 0;
}

uint32_t registry_find(const struct registry *g, str name)
{
  size_t low = 0, high = g->set_count;
  while (low < high) {
    size_t mid = low + (high - low) / 2;
    int order = str_cmp(g->sets[mid].name, name);
    if (order == 0) return (uint32_t)mid;
    if (order < 0)
      low = mid + 1;
    else
      high = mid;
  }
  return CODE_NONE;
}

static bool native_takes(const struct native_row *row, const struct value *args, size_t argc)
{
  if (argc < row->min || (argc > row->max && row->max != UINT8_MAX)) return false;
  for (size_t i = 0; i < argc && i < row->checked; i++)
    if (!(row->masks[i] & 1u << args[i].type)) return false;
  return true;
}

const struct native_row *registry_pick(const struct registry *g, uint32_t set,
                                       const struct value *args, size_t argc, bool property)
{
  if (set == CODE_NONE) return NULL;
  const struct native_set *s = &g->sets[set];
  for (uint32_t i = s->first; i < s->first + s->n; i++) {
    const struct native_row *row = &g->rows[i];
    uint32_t flags = row->native->flags;
    if (property ? !(flags & (NATIVE_PROPERTY | NATIVE_ONLY_PROPERTY))
                 : flags & NATIVE_ONLY_PROPERTY)
      continue;
    if (native_takes(row, args, argc)) return row;
  }
  return NULL;
}
