/* tests/unit/map.c: order, replacing, removing, many keys, no memory. */
#include "../check.h"

static char map_values[8];

static str map_key(char out[32], int i)
{
  int n = snprintf(out, 32, "key-%d", i);
  return (str){out, (size_t)n};
}

TEST(map_zeroed_is_empty)
{
  struct map m = {0};
  CHECK(!map_get(&m, STR("x")));
  CHECK(!map_has(&m, (str){NULL, 0}));
  CHECK(!map_remove(&m, STR("x")));
  map_free(&m);
}

TEST(map_set_get_replace)
{
  struct map m = {0};
  char key[] = "abc";
  CHECK_INT(map_set(&m, str_of(key), &map_values[0]), 0);
  key[0] = 'X'; /* the map has its own copy */
  CHECK(map_get(&m, STR("abc")) == &map_values[0]);
  CHECK(!map_get(&m, STR("ab")));
  CHECK(!map_get(&m, STR("abc\0")));
  CHECK_INT(map_set(&m, STR("abc"), &map_values[1]), 0);
  CHECK(map_get(&m, STR("abc")) == &map_values[1]);
  CHECK_INT(m.live, 1);
  CHECK_INT(map_set(&m, (str){NULL, 0}, NULL), 0);
  CHECK(map_has(&m, STR("")));
  CHECK(!map_get(&m, STR("")));
  CHECK(m.entries[1].key.p != NULL);
  CHECK_INT(map_set(&m, STR("a\0b"), &map_values[2]), 0);
  CHECK(map_get(&m, STR("a\0b")) == &map_values[2]);
  CHECK(!map_has(&m, STR("a\0c")));
  map_free(&m);
  CHECK_INT(m.n, 0);
}

TEST(map_keeps_order)
{
  struct map m = {0};
  char key[32];
  for (int i = 0; i < 100; i++) map_set(&m, map_key(key, i), NULL);
  for (int i = 0; i < 100; i += 3) map_remove(&m, map_key(key, i));
  for (int i = 0; i < 100; i += 6) map_set(&m, map_key(key, i), NULL);
  int last = -1, round = 0;
  size_t live = 0;
  for (size_t at = 0; at < m.n; at++) {
    if (!m.entries[at].key.p) continue;
    int64_t i = -1;
    str_to_i64(str_skip(m.entries[at].key, 4), &i);
    if (i < last) round++;
    last = (int)i;
    live++;
  }
  CHECK_INT(round, 1); /* those set again stand behind the others */
  CHECK_INT(live, m.live);
  CHECK_INT(live, 66 + 17);
  map_free(&m);
}

TEST(map_hundred_thousand)
{
  enum { COUNT = 100000 };
  struct map m = {0};
  char key[32];
  size_t before = mem_count();
  for (int i = 0; i < COUNT; i++)
    if (map_set(&m, map_key(key, i), &map_values[i % 8])) CHECK_INT(i, -1);
  CHECK_INT(m.live, COUNT);
  for (int i = 0; i < COUNT; i += 2)
    if (map_remove(&m, map_key(key, i)) != &map_values[i % 8]) CHECK_INT(i, -1);
  CHECK_INT(m.live, COUNT / 2);
  for (int i = 0; i < COUNT; i++)
    if (map_has(&m, map_key(key, i)) != (i % 2 == 1)) CHECK_INT(i, -1);
  for (int i = COUNT; i < COUNT + COUNT / 2; i++) map_set(&m, map_key(key, i), &map_values[i % 8]);
  for (int i = 1; i < COUNT; i += 2)
    if (map_get(&m, map_key(key, i)) != &map_values[i % 8]) CHECK_INT(i, -1);
  CHECK_INT(m.live, COUNT);
  map_free(&m);
  CHECK_INT(mem_count(), before);
}

/* A table in which keys come and go does not grow. */
TEST(map_churn_stays_small)
{
  struct map m = {0};
  char key[32];
  for (int i = 0; i < 50000; i++) {
    map_set(&m, map_key(key, i), &map_values[0]);
    if (i >= 10) CHECK(map_remove(&m, map_key(key, i - 10)) == &map_values[0]);
  }
  CHECK_INT(m.live, 10);
  CHECK(m.size <= 64);
  CHECK(!map_has(&m, STR("key-3")));
  map_free(&m);
}

static void map_work(void)
{
  struct map m = {0};
  char key[32];
  size_t set = 0;
  for (int i = 0; i < 60; i++) {
    if (map_set(&m, map_key(key, i), &map_values[1]) == 0)
      set++;
    else
      CHECK(!map_has(&m, map_key(key, i)));
    if (i % 4 == 0) set -= map_remove(&m, map_key(key, i)) != NULL;
  }
  CHECK_INT(m.live, set);
  map_free(&m);
}

TEST(map_torture)
{
  check_torture(map_work);
}
