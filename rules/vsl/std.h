/* rules/vsl/std.h: what the files of the standard library (rules/README.md#library) share. A
 * cellar.
 *
 * Each file ends with its table of natives. Whatever takes time in proportion to a size is charged
 * to the budget of steps before it is done.
 */
#ifndef VSL_STD_H
#define VSL_STD_H

#include "vsl.h"

/* A part of something with positions: always inside it. */
struct std_span {
  size_t from, n;
};
/* n elements from a position; a negative one counts from the end; all clipped. */
struct std_span std_clip(size_t size, int64_t from, int64_t n);
struct std_span std_clip_range(size_t size, const struct range *r);
/* What the arguments from args[at] on say: a range, or a start and optionally a length. */
struct std_span std_span_of(size_t size, const struct call *c, int at);
/* The place of element i, from the end if negative; false: there is none. */
bool std_index(size_t size, int64_t i, size_t *at);

int std_charge_bytes(struct fiber *f, size_t n);
int std_charge_items(struct fiber *f, size_t n);

/* Results: each returns what the native returns. A NULL object or VALUE_NONE is raised as full. */
int std_give(struct fiber *f, struct call *c, void *heap_object);
int std_give_value(struct fiber *f, struct call *c, struct value taken);
int std_give_int(struct call *c, int64_t i);
int std_give_float(struct call *c, double x);
int std_give_bool(struct call *c, bool b);

int std_number_add(struct registry *g);
int std_string_add(struct registry *g);
int std_array_add(struct registry *g);
int std_each_add(struct registry *g);
int std_sort_add(struct registry *g);
int std_map_add(struct registry *g);

#endif
