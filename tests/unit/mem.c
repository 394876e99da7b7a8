/* tests/unit/mem.c: counted allocations, arenas, marks. */
#include "../check.h"

TEST(mem_counts_blocks)
{
  size_t before = mem_count();
  char *a = mem_alloc(0), *b = mem_strdup(STR("x\0y"));
  CHECK(a && b);
  CHECK_INT(mem_count(), before + 2);
  CHECK_INT(memcmp(b, "x\0y", 4), 0);
  char *c = mem_resize(NULL, 10);
  CHECK_INT(mem_count(), before + 3);
  if (CHECK(c)) CHECK_INT(c[9], 0);
  c = mem_resize(c, 1000);
  CHECK_INT(mem_count(), before + 3);
  mem_free(a), mem_free(b), mem_free(c), mem_free(NULL);
  CHECK_INT(mem_count(), before);
}

TEST(mem_fails_where_told)
{
  mem_fail_at(2, true);
  char *a = mem_alloc(1), *b = mem_alloc(1), *c = mem_alloc(1);
  CHECK(a && !b && c);
  CHECK(mem_failed());
  mem_fail_at(2, false);
  CHECK(!mem_failed());
  char *d = mem_alloc(1), *e = mem_alloc(1), *f = mem_resize(NULL, 1);
  CHECK(d && !e && !f);
  CHECK(!mem_resize(d, 100)); /* d stays as it was */
  mem_fail_at(0, true);
  mem_free(a), mem_free(c), mem_free(d);
}

TEST(mem_wipe)
{
  char secret[] = "secret";
  mem_wipe(secret, sizeof secret);
  for (size_t i = 0; i < sizeof secret; i++) CHECK_INT(secret[i], 0);
  mem_wipe(NULL, 0);
}

TEST(mem_arena_aligned_and_zeroed)
{
  struct arena *a = arena_new(0);
  if (!CHECK(a)) return;
  size_t used = 0;
  for (size_t n = 0; n < 3000; n += 7) {
    unsigned char *p = arena_alloc(a, n);
    if (!CHECK(p)) break;
    CHECK_INT((uintptr_t)p % _Alignof(max_align_t), 0);
    for (size_t i = 0; i < n; i++)
      if (p[i]) CHECK_INT(p[i], 0);
    memset(p, 0xaa, n);
    CHECK(arena_note(a).total >= used + n);
    used = arena_note(a).total;
  }
  arena_reset(a);
  CHECK_INT(arena_note(a).total, 0);
  unsigned char *p = arena_alloc(a, 900);
  for (size_t i = 0; p && i < 900; i++)
    if (p[i]) CHECK_INT(p[i], 0);
  CHECK(p);
  CHECK(!arena_full(a));
  arena_free(a);
  arena_free(NULL);
}

TEST(mem_arena_limit)
{
  struct arena *a = arena_new(4096);
  if (!CHECK(a)) return;
  CHECK(!arena_alloc(a, 4097));
  CHECK(arena_full(a));
  CHECK(arena_alloc(a, 4096)); /* full is a memory, not a lock */
  CHECK(arena_full(a));
  CHECK(!arena_alloc(a, 1));
  arena_reset(a);
  CHECK(!arena_full(a));
  for (int i = 0; i < 256; i++) CHECK(arena_alloc(a, 16));
  CHECK_INT(arena_note(a).total, 4096);
  CHECK(!arena_alloc(a, 0));
  CHECK(!arena_alloc(a, SIZE_MAX));
  CHECK(!arena_alloc(a, SIZE_MAX - 8));
  arena_free(a);
}

TEST(mem_arena_reset_keeps_one_block)
{
  size_t before = mem_count();
  struct arena *a = arena_new(0);
  if (!CHECK(a)) return;
  for (int i = 0; i < 100; i++) arena_alloc(a, 1000);
  CHECK(mem_count() > before + 2);
  arena_reset(a);
  CHECK_INT(mem_count(), before + 2);
  arena_alloc(a, 1 << 20);
  arena_reset(a); /* a giant is not kept */
  CHECK(mem_count() <= before + 2);
  arena_free(a);
  CHECK_INT(mem_count(), before);
}

TEST(mem_arena_text)
{
  struct arena *a = arena_new(0);
  if (!CHECK(a)) return;
  char text[] = "borrowed";
  str copy = arena_str(a, str_of(text));
  text[0] = 'X';
  CHECK_STR(copy, "borrowed");
  CHECK_INT(copy.p[copy.n], 0);
  str empty = arena_str(a, (str){NULL, 0});
  CHECK(empty.p && empty.n == 0 && !empty.p[0]);
  CHECK_STR(arena_printf(a, "%d-%s", 7, "x"), "7-x");
  CHECK_INT(arena_printf(a, "%5000s", "").n, 5000);
  CHECK(arena_printf(a, "%s", "").p != NULL);
  arena_free(a);
}

TEST(mem_arena_rewind)
{
  struct arena *a = arena_new(0);
  if (!CHECK(a)) return;
  struct arena_mark start = arena_note(a);
  str first = arena_str(a, STR("stays"));
  size_t used = arena_note(a).total, blocks = mem_count();
  struct arena_mark mark = arena_note(a);
  for (int i = 0; i < 100; i++) memset(arena_alloc(a, 700), 0xff, 700);
  arena_rewind(a, mark);
  CHECK_INT(arena_note(a).total, used);
  CHECK_INT(mem_count(), blocks);
  CHECK_STR(first, "stays");
  const unsigned char *again = arena_alloc(a, 700);
  for (size_t i = 0; again && i < 700; i++)
    if (again[i]) CHECK_INT(again[i], 0);
  arena_rewind(a, start);
  CHECK_INT(arena_note(a).total, 0);
  CHECK(arena_alloc(a, 10));
  arena_free(a);
}

static void mem_arena_work(void)
{
  struct arena *a = arena_new(0);
  if (!a) return;
  for (size_t i = 0; i < 50; i++) (void)arena_printf(a, "%zu %300s", i, "");
  arena_free(a);
}

TEST(mem_arena_torture)
{
  check_torture(mem_arena_work);
  mem_fail_at(2, true);
  struct arena *a = arena_new(0);
  CHECK(a && !arena_alloc(a, 1) && arena_full(a));
  arena_free(a);
}
