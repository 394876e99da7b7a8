/* tests/check.h: the unit harness: tests that register themselves, checks that say what differed.
 *
 *   TEST(str_trim_keeps_the_middle) { CHECK_STR(str_trim(STR(" a b ")), "a b"); }
 *
 * A failed check is reported and the test goes on; every check is an expression with the value
 * "passed", so `if (!CHECK(p)) return;` ends a test that cannot. Name tests after their file.
 */
#ifndef TESTS_CHECK_H
#define TESTS_CHECK_H

#include "../base/base.h"

struct check_test {
  const char *name;
  void (*run)(void);
  struct check_test *next;
};
void check_register(struct check_test *test);

#define TEST(test)                                                                                 \
  static void test_##test(void);                                                                   \
  __attribute__((constructor)) static void check_register_##test(void)                             \
  {                                                                                                \
    static struct check_test self = {.name = #test, .run = test_##test};                           \
    check_register(&self);                                                                         \
  }                                                                                                \
  static void test_##test(void)

/* got and want of CHECK_STR: a str, a C string or a struct buf *. */
#define CHECK(condition)     check_true(__FILE__, __LINE__, #condition, (condition))
#define CHECK_INT(got, want) check_int(__FILE__, __LINE__, #got, (int64_t)(got), (int64_t)(want))
#define CHECK_STR(got, want)                                                                       \
  check_str(__FILE__, __LINE__, #got, CHECK_SLICE(got), CHECK_SLICE(want))
#define CHECK_SLICE(x)                                                                             \
  _Generic((x),                                                                                    \
      str: check_slice,                                                                            \
      struct buf *: check_slice_buf,                                                               \
      const struct buf *: check_slice_buf,                                                         \
      default: str_of)(x)

bool check_true(const char *file, int line, const char *what, bool passed);
bool check_int(const char *file, int line, const char *what, int64_t got, int64_t want);
bool check_str(const char *file, int line, const char *what, str got, str want);
str check_slice(str s);
str check_slice_buf(const struct buf *b);

/* Runs work once for each allocation it makes, which then fails, until it runs through; checks that
 * no memory stays behind. work must not check what it may lose for want of memory. */
void check_torture(void (*work)(void));

/* A new empty folder for this test, removed with all in it when the test ends. */
const char *check_folder(void);

#endif
