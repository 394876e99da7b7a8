/* tests/unit/regex.c: patterns are bounded whatever they are and whatever they meet. */
#include "../../rules/regex.h"
#include "../check.h"

static struct region *regex_region(void)
{
  const struct region_limits none = {0};
  return region_new(&none, 1);
}

/* 1, 0, -1; -2: the pattern does not compile. */
static int search(const char *pattern, str subject)
{
  struct err e;
  size_t offset;
  struct region *r = regex_region();
  struct regex *x = regex_new(r, str_of(pattern), &offset, &e);
  const int got = x ? regex_search(x, subject, &e) : -2;
  region_free(r);
  return got;
}

TEST(regex_searches_anywhere)
{
  CHECK_INT(search("b+", STR("aabbcc")), 1);
  CHECK_INT(search("^b", STR("aab")), 0);
  CHECK_INT(search("c$", STR("aabc")), 1);
  CHECK_INT(search("^$", STR("")), 1);
  CHECK_INT(search("", STR("x")), 1);
  CHECK_INT(search("(?i)HELLO", STR("say hello")), 1);
  CHECK_INT(search("^.$", STR("\xc3\xa4")), 1); /* a code point, not a byte */
  CHECK_INT(search("(?i)\xc3\x84", STR("\xc3\xa4")), 1);
  CHECK_INT(search("(a)(b)\\2", STR("abb")), 1);
}

TEST(regex_faults)
{
  struct err e;
  size_t offset;
  struct region *r = regex_region();
  CHECK(!regex_new(r, STR("a(b"), &offset, &e));
  CHECK_INT(e.kind, ERR_SYNTAX);
  CHECK_INT(offset, 3);
  CHECK(!regex_new(r, STR("[z-a]"), &offset, &e));
  CHECK(!regex_new(r, STR("\\C"), &offset, &e));
  region_free(r);
  CHECK_INT(search("x", STR("\xff")), -1);
}

/* In windows of 1024 positions: what lies on a border is found. */
TEST(regex_long_texts)
{
  struct buf text = BUF_INIT(1 << 21);
  for (int i = 0; i < 30000; i++) buf_puts(&text, "\xc3\xa4x");
  CHECK_INT(search("needle", buf_str(&text)), 0);
  CHECK_INT(search("x\xc3\xa4y", buf_str(&text)), 0);
  buf_puts(&text, "needle");
  CHECK_INT(search("needle", buf_str(&text)), 1);
  CHECK_INT(search("needle$", buf_str(&text)), 1);
  CHECK_INT(search("^needle", buf_str(&text)), 0);
  buf_free(&text);
}

TEST(regex_evil_patterns_end_soon)
{
  static const char *const evil[] = {"(a+)+$", "(a|aa)+$",  "(a*)*b", "^(([a-z])+.)+[A-Z]([a-z])+$",
                                     "(.*)*x", "((a|a)*)*y"};
  struct buf text = BUF_INIT(1 << 20);
  for (int i = 0; i < 100000; i++) buf_putc(&text, 'a');
  buf_putc(&text, '!');
  for (size_t i = 0; i < BASE_COUNT(evil); i++) {
    const int64_t before = clock_mono();
    const int got = search(evil[i], buf_str(&text));
    CHECK(got == -1 || got == 0);
    if (!CHECK(clock_mono() - before < 5000)) printf("  %s\n", evil[i]);
  }
  buf_free(&text);
}

static void regex_work(void)
{
  struct err e;
  size_t offset;
  struct region *r = regex_region();
  if (!r) return;
  struct regex *x = regex_new(r, STR("(a|b)*c(?<n>d)"), &offset, &e);
  if (x) regex_search(x, STR("aabbabcd"), &e);
  region_free(r);
}

TEST(regex_without_memory)
{
  check_torture(regex_work);
}
