/* tests/check.c: runs the unit tests: `unit [-v] [-s I/N] [PATTERN…]` runs what contains a pattern;
 * with -s each Nth of them, from the Ith. -v tells their names, and how long each has taken. */
#include "check.h"

#include <ftw.h>
#include <time.h>
#include <unistd.h>

static struct {
  struct check_test *list;
  const char *running;
  size_t failures; /* failed checks of the running test */
  size_t passed, failed;
  bool verbose;
  char folder[256]; /* "" until the test asks for one */
} check;

void check_register(struct check_test *test)
{
  struct check_test **at = &check.list;
  while (*at && strcmp((*at)->name, test->name) < 0) at = &(*at)->next;
  test->next = *at;
  *at = test;
}

/* ---- checks ---------------------------------------------------------------------------------- */

static void check_fail(const char *file, int line)
{
  check.failures++;
  printf("FAIL %s %s:%d ", check.running, file, line);
}

bool check_true(const char *file, int line, const char *what, bool passed)
{
  if (passed) return true;
  check_fail(file, line);
  printf("%s\n", what);
  return false;
}

bool check_int(const char *file, int line, const char *what, int64_t got, int64_t want)
{
  if (got == want) return true;
  check_fail(file, line);
  printf("%s is %lld, not %lld\n", what, (long long)got, (long long)want);
  return false;
}

static void check_show(str s)
{
  struct buf text = BUF_INIT(SIZE_MAX);
  buf_json(&text, s);
  printf("%s", buf_cstr(&text));
  buf_free(&text);
}

bool check_str(const char *file, int line, const char *what, str got, str want)
{
  if (str_eq(got, want)) return true;
  mem_fail_at(0, true);
  check_fail(file, line);
  printf("%s is ", what);
  check_show(got);
  printf(", not ");
  check_show(want);
  printf("\n");
  return false;
}

str check_slice(str s)
{
  return s;
}

str check_slice_buf(const struct buf *b)
{
  return buf_str(b);
}

void check_torture(void (*work)(void))
{
  size_t before = mem_count();
  for (uint64_t nth = 1; nth < 100000; nth++) {
    mem_fail_at(nth, true);
    work();
    bool failed = mem_failed();
    mem_fail_at(0, true);
    if (!CHECK_INT(mem_count(), before) || !failed) return;
  }
  check_true(__FILE__, __LINE__, "an end to the allocations", false);
}

/* ---- folders --------------------------------------------------------------------------------- */

static int check_unlink(const char *path, const struct stat *st, int type, struct FTW *at)
{
  (void)st, (void)type, (void)at;
  return remove(path);
}

const char *check_folder(void)
{
  if (check.folder[0]) return check.folder;
  const char *top = getenv("TMPDIR");
  int n = snprintf(check.folder, sizeof check.folder, "%s/unit.XXXXXX", top ? top : "/tmp");
  if (n < 0 || (size_t)n >= sizeof check.folder || !mkdtemp(check.folder)) {
    perror("unit: cannot make a folder");
    exit(1);
  }
  return check.folder;
}

static void check_folder_remove(void)
{
  if (check.folder[0]) nftw(check.folder, check_unlink, 8, FTW_DEPTH | FTW_PHYS);
  check.folder[0] = '\0';
}

/* ---- main ------------------------------------------------------------------------------------ */

/* The machine's time: tests change the program's. */
static double check_seconds(void)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void check_run(const struct check_test *test)
{
  double began = check_seconds();
  check.running = test->name;
  check.failures = 0;
  if (check.verbose) printf("     %s\n", test->name);
  fflush(stdout);
  test->run();
  mem_fail_at(0, true);
  check_folder_remove();
  *(check.failures ? &check.failed : &check.passed) += 1;
  if (check.verbose && !check.failures)
    printf("ok %s: %.2f s\n", test->name, check_seconds() - began);
}

static bool check_wanted(const struct check_test *test, char **patterns)
{
  for (char **pattern = patterns; *pattern; pattern++)
    if (strstr(test->name, *pattern)) return true;
  return !*patterns;
}

int main(int argc, char **argv)
{
  unsigned nth = 1, of = 1, at = 0;
  int option;
  while ((option = getopt(argc, argv, "vs:")) > 0) {
    check.verbose |= option == 'v';
    if (option == '?' || (option == 's' && (sscanf(optarg, "%u/%u", &nth, &of) != 2 || !of))) {
      fprintf(stderr, "usage: unit [-v] [-s I/N] [PATTERN...]\n");
      return 64;
    }
  }
  char **patterns = argv + optind; /* before a test asks for options, too */
  for (const struct check_test *test = check.list; test; test = test->next)
    if (check_wanted(test, patterns) && at++ % of == nth % of) check_run(test);
  printf("unit %zu passed, %zu failed\n", check.passed, check.failed);
  return check.failed ? 1 : 0;
}
