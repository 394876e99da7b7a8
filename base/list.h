/* base/list.h: lists, and lines of those who wait for their turn.
 *
 * What is in a list carries its link, so nothing is allocated, and whoever is in one leaves it in
 * one step, whichever it is. All zero is an empty list, and a link that is in none.
 */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stddef.h>

struct list_link {
  struct list_link *prev, *next;
  struct list *in; /* NULL: in none */
};

struct list {
  struct list_link *first, *last;
  size_t n;
};

static inline void list_insert(struct list *l, struct list_link *prev, struct list_link *k,
                               struct list_link *next)
{
  *k = (struct list_link){prev, next, l};
  *(prev ? &prev->next : &l->first) = k;
  *(next ? &next->prev : &l->last) = k;
  l->n++;
}

/* k must be in none. */
static inline void list_add(struct list *l, struct list_link *k)
{
  list_insert(l, l->last, k, NULL);
}

static inline void list_add_first(struct list *l, struct list_link *k)
{
  list_insert(l, NULL, k, l->first);
}

/* In none: nothing happens. */
static inline void list_remove(struct list_link *k)
{
  if (!k->in) return;
  *(k->prev ? &k->prev->next : &k->in->first) = k->next;
  *(k->next ? &k->next->prev : &k->in->last) = k->prev;
  k->in->n--;
  *k = (struct list_link){NULL, NULL, NULL};
}

/* What the link lies in, so many bytes from its beginning; NULL of NULL. */
static inline void *list_item(const struct list_link *k, size_t offset)
{
  return k ? (char *)k - offset : NULL;
}

static inline void *list_item_next(const void *item, size_t offset)
{
  return item ? list_item(((const struct list_link *)((const char *)item + offset))->next, offset)
              : NULL;
}

/* As things of a type whose links are such a member; NULL: there is none. */
#define LIST_FIRST(l, type, member) ((type *)list_item((l)->first, offsetof(type, member)))
#define LIST_LAST(l, type, member)  ((type *)list_item((l)->last, offsetof(type, member)))
#define LIST_NEXT(x, type, member)  ((type *)list_item_next(x, offsetof(type, member)))

/* Each in order. x may leave the list meanwhile, and be freed; the one behind it may not. */
#define LIST_EACH(l, type, member, x)                                                              \
  for (type *x = LIST_FIRST(l, type, member), *x##_next = LIST_NEXT(x, type, member); x;           \
       x = x##_next, x##_next = LIST_NEXT(x, type, member))

/* ---- lines: first come, first served, at most so many at once -----------------------------------
 * Who joins waits; line_call says whose turn it is; list_remove leaves the line, waiting or not. */
struct line {
  struct list waiting, served;
};

static inline void line_join(struct line *l, struct list_link *k)
{
  list_add(&l->waiting, k);
}

/* The first who waits is served from now on. NULL: nobody waits, or `most` are served. */
static inline struct list_link *line_call(struct line *l, size_t most)
{
  struct list_link *k = l->served.n < most ? l->waiting.first : NULL;

  if (!k) return NULL;
  list_remove(k);
  list_add(&l->served, k);
  return k;
}

#define LINE_CALL(l, most, type, member)                                                           \
  ((type *)list_item(line_call(l, most), offsetof(type, member)))

#endif
