/* rules/vsl/std.c: the standard library: what it shares, and what belongs to no type
 * (rules/README.md#library): printing, type names, time, ranges, blobs.
 */
#include "code.h"
#include "json.h"
#include "std.h"

#include <math.h>
#include <time.h>

/* ---- shared ---------------------------------------------------------------------------------- */

struct std_span std_clip(size_t size, int64_t from, int64_t n)
{
  struct std_span s = {size, 0};
  if (from < 0)
    s.from = -(uint64_t)from > size ? 0 : size - (size_t)(-(uint64_t)from);
  else if ((uint64_t)from < size)
    s.from = (size_t)from;
  size_t left = size - s.from;
  if (n > 0) s.n = (uint64_t)n > left ? left : (size_t)n;
  return s;
}

struct std_span std_clip_range(size_t size, const struct range *r)
{
  int64_t from = r->start, end = r->end;
  if (range_is_inclusive(r) && end < INT64_MAX) end++;
  if (from < 0) from = -(uint64_t)from > size ? 0 : (int64_t)size + from;
  return std_clip(size, from, end > from ? end - from : 0);
}

struct std_span std_span_of(size_t size, const struct call *c, int at)
{
  if (c->args[at].type == VALUE_RANGE) return std_clip_range(size, c->args[at].as.range);
  return std_clip(size, c->args[at].as.i, c->argc > at + 1 ? c->args[at + 1].as.i : INT64_MAX);
}

bool std_index(size_t size, int64_t i, size_t *at)
{
  if (i < 0 ? -(uint64_t)i > size : (uint64_t)i >= size) return false;
  *at = i < 0 ? size - (size_t)(-(uint64_t)i) : (size_t)i;
  return true;
}

int std_charge_bytes(struct fiber *f, size_t n)
{
  return fiber_charge(f, n / 64);
}
int std_charge_items(struct fiber *f, size_t n)
{
  return fiber_charge(f, n / 8);
}

int std_give_value(struct fiber *f, struct call *c, struct value taken)
{
  if (taken.type == VALUE_NONE) return fiber_full(f);
  c->out = taken;
  return NATIVE_DONE;
}

int std_give(struct fiber *f, struct call *c, void *heap_object)
{
  return std_give_value(f, c, value_of(heap_object));
}

int std_give_int(struct call *c, int64_t i)
{
  c->out = value_int(i);
  return NATIVE_DONE;
}

int std_give_float(struct call *c, double x)
{
  c->out = value_float(x);
  return NATIVE_DONE;
}

int std_give_bool(struct call *c, bool b)
{
  c->out = value_bool(b);
  return NATIVE_DONE;
}

/* ---- text and types -------------------------------------------------------------------------- */

static int std_print(struct fiber *f, struct call *c)
{
  if (!c->argc) {
    fiber_print(f, STR(""));
    return NATIVE_DONE;
  }
  struct value text = value_to_string(f, c->args[0], false);
  if (text.type == VALUE_NONE) return -1;
  fiber_print(f, value_str(text));
  value_release(fiber_region(f), text);
  return NATIVE_DONE;
}

static int std_debug(struct fiber *f, struct call *c)
{
  struct value text = value_to_string(f, c->args[0], true);
  if (text.type == VALUE_NONE) return -1;
  struct place at = fiber_place(f);
  struct buf line = BUF_INIT(text.as.string->n + at.file.n + 64);
  buf_printf(&line, STR_FMT ":%d:%d: ", STR_ARG(at.file), at.line, at.column);
  buf_str_add(&line, value_str(text));
  fiber_debug(f, buf_str(&line));
  buf_free(&line);
  value_release(fiber_region(f), text);
  return NATIVE_DONE;
}

static int std_type_of(struct fiber *f, struct call *c)
{
  return std_give_value(f, c, value_string(fiber_region(f), str_of(value_type_name(c->args[0]))));
}

/* value_to_string has raised already. */
static int std_told(struct call *c, struct value text)
{
  if (text.type == VALUE_NONE) return -1;
  c->out = text;
  return NATIVE_DONE;
}

static int std_to_string(struct fiber *f, struct call *c)
{
  return std_told(c, value_to_string(f, c->args[0], false));
}

static int std_to_debug(struct fiber *f, struct call *c)
{
  return std_told(c, value_to_string(f, c->args[0], true));
}

static int std_contains(struct fiber *f, struct call *c)
{
  int found = value_contains(f, c->args[0], c->args[1]);
  return found < 0 ? -1 : std_give_bool(c, found == 1);
}

/* ---- time ------------------------------------------------------------------------------------ */

static int std_timestamp(struct fiber *f, struct call *c)
{
  (void)f;
  c->out = VALUE_MAKE(VALUE_TIME, i, clock_mono_us());
  return NATIVE_DONE;
}

static int std_elapsed(struct fiber *f, struct call *c)
{
  (void)f;
  return std_give_float(c, (double)(clock_mono_us() - c->args[0].as.i) / 1e6);
}

/* Only a script by itself may stop the program for a while. */
static int std_sleep(struct fiber *f, struct call *c)
{
  if (!fiber_is_script(f)) return fiber_raise(f, VSL_RUNTIME, "sleep: a rule may not sleep");
  double s = value_to_double(c->args[0]);
  if (!(s > 0)) return NATIVE_DONE;
  if (s > 1e9) s = 1e9;
  struct timespec t = {.tv_sec = (time_t)s, .tv_nsec = (long)((s - floor(s)) * 1e9)};
  while (nanosleep(&t, &t)) {}
  return NATIVE_DONE;
}

/* ---- ranges ---------------------------------------------------------------------------------- */

static int std_start(struct fiber *f, struct call *c)
{
  (void)f;
  return std_give_int(c, c->args[0].as.range->start);
}

static int std_end(struct fiber *f, struct call *c)
{
  (void)f;
  return std_give_int(c, c->args[0].as.range->end);
}

static int std_range_is_empty(struct fiber *f, struct call *c)
{
  (void)f;
  const struct range *r = c->args[0].as.range;
  return std_give_bool(c, range_is_inclusive(r) ? r->start > r->end : r->start >= r->end);
}

static int std_is_inclusive(struct fiber *f, struct call *c)
{
  (void)f;
  return std_give_bool(c, range_is_inclusive(c->args[0].as.range));
}

static int std_is_exclusive(struct fiber *f, struct call *c)
{
  (void)f;
  return std_give_bool(c, !range_is_inclusive(c->args[0].as.range));
}

static int std_range(struct fiber *f, struct call *c)
{
  return std_give(f, c, range_new(fiber_region(f), c->args[0].as.i, c->args[1].as.i, false));
}

/* range(a, b, step): what a for loop gets, one number a round. */
struct std_walk {
  struct object object;
  bool is_float;
  int64_t start, step;
  uint64_t n; /* rounds, ints only */
  double from, to, by;
};

static int std_walk_next(struct fiber *f, struct value self, int64_t *cursor, struct value *out)
{
  (void)f;
  const struct std_walk *w = (const void *)self.as.object;
  int64_t round = (*cursor)++;
  if (!w->is_float) {
    if ((uint64_t)round >= w->n) return 0;
    *out = value_int((int64_t)((uint64_t)w->start + (uint64_t)round * (uint64_t)w->step));
    return 1;
  }
  double x = w->from + (double)round * w->by;
  *out = value_float(x);
  return w->by > 0 ? x < w->to : x > w->to;
}

static const struct object_type std_walk_type = {.name = "iterator", .next = std_walk_next};

/* Rounds from a to before b; the differences fit 64 bits without sign. */
static uint64_t std_rounds(int64_t a, int64_t b, int64_t step)
{
  if (step > 0 ? a >= b : a <= b) return 0;
  uint64_t way = step > 0 ? (uint64_t)b - (uint64_t)a : (uint64_t)a - (uint64_t)b;
  uint64_t by = step > 0 ? (uint64_t)step : -(uint64_t)step;
  return way / by + (way % by != 0);
}

static int std_range_step(struct fiber *f, struct call *c)
{
  const struct value *v = c->args;
  if (value_to_double(v[2]) == 0) return fiber_raise(f, VSL_ARITHMETIC, "range with a step of 0");
  struct std_walk *w = (void *)object_new(fiber_region(f), &std_walk_type, sizeof *w);
  if (!w) return fiber_full(f);
  w->is_float = v[0].type == VALUE_FLOAT || v[1].type == VALUE_FLOAT || v[2].type == VALUE_FLOAT;
  if (w->is_float) {
    w->from = value_to_double(v[0]);
    w->to = value_to_double(v[1]);
    w->by = value_to_double(v[2]);
  } else {
    w->start = v[0].as.i;
    w->step = v[2].as.i;
    w->n = std_rounds(v[0].as.i, v[1].as.i, v[2].as.i);
  }
  return std_give(f, c, w);
}

/* ---- blobs ----------------------------------------------------------------------------------- */

static int std_blob(struct fiber *f, struct call *c)
{
  struct region *r = fiber_region(f);
  int64_t n = c->argc ? c->args[0].as.i : 0, byte = c->argc > 1 ? c->args[1].as.i & 0xff : 0;
  if (n < 0) n = 0;
  if ((uint64_t)n > region_items_max(r)) return fiber_full(f);
  if (std_charge_items(f, (size_t)n)) return -1;
  struct array *a = array_new(r, (size_t)n);
  if (!a) return fiber_full(f);
  a->heap.type = VALUE_BLOB;
  while (a->n < n) a->items[a->n++] = value_int(byte);
  return std_give(f, c, a);
}

static int std_blob_len(struct fiber *f, struct call *c)
{
  (void)f;
  return std_give_int(c, c->args[0].as.array->n);
}

static const struct native std_table[] = {
    {"print", "", 0, std_print},
    {"print", ".", 0, std_print},
    {"debug", ".", 0, std_debug},
    {"type_of", ".", 0, std_type_of},
    {"to_string", ".", 0, std_to_string},
    {"to_debug", ".", 0, std_to_debug},
    {"contains", "..", 0, std_contains},
    {"timestamp", "", 0, std_timestamp},
    {"elapsed", "t", NATIVE_PROPERTY, std_elapsed},
    {"sleep", "n", 0, std_sleep},
    {"range", "ii", 0, std_range},
    {"range", "nnn", 0, std_range_step},
    {"start", "r", NATIVE_PROPERTY, std_start},
    {"end", "r", NATIVE_PROPERTY, std_end},
    {"is_empty", "r", 0, std_range_is_empty},
    {"is_inclusive", "r", 0, std_is_inclusive},
    {"is_exclusive", "r", 0, std_is_exclusive},
    {"blob", "|ii", 0, std_blob},
    {"len", "B", NATIVE_PROPERTY, std_blob_len},
};

int std_add(struct registry *g)
{
  if (registry_add(g, std_table, BASE_COUNT(std_table))) return -1;
  if (std_number_add(g) || std_string_add(g)) return -1;
  if (std_each_add(g) || std_array_add(g)) return -1; /* index_of(f) is asked before index_of(v) */
  if (std_sort_add(g) || std_map_add(g) || json_add(g)) return -1;
  return registry_add(g, fn_natives, fn_natives_count);
}
