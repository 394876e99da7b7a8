/* net/timer.c: the timers of a loop: a pairing heap whose nodes live in their owners.
 *
 * No memory is asked for, so setting a timer cannot fail. A node's place follows its `key`; its
 * deadline `at` may be later than that: a connection that moves its deadline at every command pays
 * a store, and the node sinks to its new place when its old turn comes (timer_due).
 *
 * Whoever sets itself again for a time that has struck waits for the next turn, else a turn might
 * not end.
 *
 * A node's `child` is the first of its children, `next` its younger sibling, `link` what points to
 * it: the root pointer, the parent's child or the elder sibling's next. Not in the heap: NULL.
 */
#include "loop.h"

static struct timer *timer_meld(struct timer *a, struct timer *b)
{
  if (!a) return b;
  if (!b) return a;
  if (b->key < a->key) {
    struct timer *swap = a;
    a = b;
    b = swap;
  }
  b->next = a->child;
  if (b->next) b->next->link = &b->next;
  b->link = &a->child;
  a->child = b;
  return a;
}

/* Melds a list of siblings into one tree: pairs from left to right, then all from right to left,
 * which is what makes removal O(log n) amortised. */
static struct timer *timer_join(struct timer *list)
{
  struct timer *pairs = NULL, *tree = NULL;
  while (list) {
    struct timer *a = list, *b = list->next;
    list = b ? b->next : NULL;
    a->next = NULL;
    if (b) b->next = NULL;
    a = timer_meld(a, b);
    a->next = pairs;
    pairs = a;
  }
  while (pairs) {
    struct timer *a = pairs;
    pairs = a->next;
    a->next = NULL;
    tree = timer_meld(a, tree);
  }
  return tree;
}

static void timer_root(struct timers *heap, struct timer *tree)
{
  heap->root = tree;
  if (!tree) return;
  tree->link = &heap->root;
  tree->next = NULL;
}

static void timer_insert(struct timers *heap, struct timer *t)
{
  t->key = t->at;
  t->child = t->next = NULL;
  timer_root(heap, timer_meld(heap->root, t));
}

static void timer_remove(struct timers *heap, struct timer *t)
{
  struct timer *tree = timer_join(t->child);
  *t->link = t->next;
  if (t->next) t->next->link = t->link;
  t->child = t->next = NULL;
  t->link = NULL;
  timer_root(heap, timer_meld(heap->root, tree));
}

bool timer_is_set(const struct timer *t)
{
  return t->link != NULL;
}

void timer_set(struct loop *l, struct timer *t, int64_t at)
{
  struct timers *heap = loop_timers(l);
  t->at = at > heap->struck ? at : heap->struck + 1;
  if (t->link && t->at >= t->key) return;
  if (t->link) timer_remove(heap, t);
  timer_insert(heap, t);
}

void timer_clear(struct loop *l, struct timer *t)
{
  if (t->link) timer_remove(loop_timers(l), t);
}

/* The timer that is first due, its key put right; NULL when there is none. */
static struct timer *timer_first(struct timers *heap, int64_t now)
{
  struct timer *t;
  while ((t = heap->root) && t->key <= now && t->at > t->key) {
    timer_remove(heap, t);
    timer_insert(heap, t);
  }
  return t;
}

struct timer *timer_due(struct timers *heap, int64_t now)
{
  struct timer *t = timer_first(heap, now);
  heap->struck = now;
  if (!t || t->at > now) return NULL;
  timer_remove(heap, t);
  return t;
}

int64_t timer_next(struct timers *heap, int64_t now)
{
  struct timer *t = timer_first(heap, now);
  return t ? t->key : INT64_MAX;
}
