/* tests/fuzz/driver.c: runs a fuzz target (LLVMFuzzerTestOneInput) without libFuzzer.
 *
 *   fuzz-X FILE-or-FOLDER…                        every input once, in order of name
 *   fuzz-X -mutate SECONDS SEED [-dict FILE] …    then changed inputs until the time is over
 *
 * The dictionary has one token a line, with the escapes \n \r \t \0 \\ \xNN. Compiled with
 * -fsanitize-coverage=trace-pc, inputs that reach new code are kept as seeds for the rest of the
 * run. The input that ends the process is left in the current folder as fuzz-failure.
 */
#include "../../base/base.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define DRIVER_INPUT_MAX (1 << 20) /* bytes of a file */
#define DRIVER_GROWN_MAX (1 << 16) /* bytes of a changed input */
#define DRIVER_HANG      20        /* seconds one input may take */
#ifdef __clang__
#define DRIVER_UNSEEN __attribute__((no_sanitize("coverage", "address", "undefined")))
#else
#define DRIVER_UNSEEN __attribute__((no_sanitize_coverage, no_sanitize("address", "undefined")))
#endif

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
__attribute__((weak)) void __sanitizer_set_death_callback(void (*callback)(void));
void __sanitizer_cov_trace_pc(void);

struct driver_list {
  str *items; /* owned copies */
  size_t n, size;
};

static struct {
  struct driver_list seeds, tokens;
  const char *name; /* of the running input */
  str input;        /* the running input */
  uint64_t random;
  size_t runs;
} driver;

/* ---- coverage -------------------------------------------------------------------------------- */

static uint8_t driver_seen[1 << 16];
static bool driver_watching;
static size_t driver_news;

DRIVER_UNSEEN void __sanitizer_cov_trace_pc(void)
{
  if (!driver_watching) return;
  uint64_t pc = (uint64_t)(uintptr_t)__builtin_return_address(0);
  size_t at = (size_t)(pc * 0x9e3779b97f4a7c15u >> 48);
  if (driver_seen[at]) return;
  driver_seen[at] = 1;
  driver_news++;
}

/* ---- one input ------------------------------------------------------------------------------- */

/* Called when the process is about to die, maybe from a signal handler: write(2) only. */
static void driver_dying(void)
{
  static bool again;
  if (again) return;
  again = true;
  int fd = open("fuzz-failure", O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (fd >= 0 && write(fd, driver.input.p, driver.input.n) < 0) return;
  static const char text[] = " ended the process, its bytes are in ./fuzz-failure\n";
  if (write(STDOUT_FILENO, "FAIL ", 5) < 0) return;
  if (write(STDOUT_FILENO, driver.name, strlen(driver.name)) < 0) return;
  if (write(STDOUT_FILENO, text, sizeof text - 1) < 0) return;
}

static void driver_signal(int number)
{
  driver_dying();
  signal(number, SIG_DFL);
  raise(number == SIGALRM ? SIGABRT : number);
}

/* The target gets a copy of just the right size, so that reading beyond it is found. */
static void driver_run(const char *name, str input)
{
  uint8_t *copy = malloc(input.n ? input.n : 1);
  if (!copy) abort();
  if (input.n) memcpy(copy, input.p, input.n);
  driver.name = name;
  driver.input = input;
  driver.runs++;
  alarm(DRIVER_HANG);
  driver_watching = true;
  (void)LLVMFuzzerTestOneInput(copy, input.n);
  driver_watching = false;
  alarm(0);
  free(copy);
}

/* ---- files ----------------------------------------------------------------------------------- */

static void driver_keep(struct driver_list *list, str s)
{
  if (list->n == list->size) {
    list->size = list->size ? 2 * list->size : 64;
    list->items = realloc(list->items, list->size * sizeof *list->items);
    if (!list->items) abort();
  }
  char *copy = malloc(s.n ? s.n : 1);
  if (!copy) abort();
  if (s.n) memcpy(copy, s.p, s.n);
  list->items[list->n++] = (str){copy, s.n};
}

static void driver_forget(struct driver_list *list)
{
  for (size_t i = 0; i < list->n; i++) free((void *)(uintptr_t)list->items[i].p);
  free(list->items);
}

static void driver_file(const char *path)
{
  struct buf text = BUF_INIT(0);
  struct err e;
  if (file_read(str_of(path), DRIVER_INPUT_MAX, &text, &e)) {
    fprintf(stderr, "%s\n", e.text);
    exit(66);
  }
  driver_keep(&driver.seeds, buf_str(&text));
  driver_run(path, buf_str(&text));
  buf_free(&text);
}

static void driver_path(const char *path)
{
  struct stat st;
  if (stat(path, &st) || !S_ISDIR(st.st_mode)) {
    driver_file(path);
    return;
  }
  struct dirent **entries;
  int n = scandir(path, &entries, NULL, alphasort);
  for (int i = 0; i < n; i++) {
    char inner[4096];
    int length = snprintf(inner, sizeof inner, "%s/%s", path, entries[i]->d_name);
    if (entries[i]->d_name[0] != '.' && length < (int)sizeof inner) driver_path(inner);
    free(entries[i]);
  }
  if (n >= 0) free(entries);
}

/* ---- dictionary ------------------------------------------------------------------------------ */

static char driver_escape(str *s)
{
  static const char named[] = "n\nr\rt\t0\0\\\\";
  uint64_t code;
  char c = s->p[0];
  *s = str_skip(*s, 1);
  if (c == 'x' && s->n >= 2 && !str_to_u64(str_sub(*s, 0, 2), &code, 16))
    return *s = str_skip(*s, 2), (char)code;
  for (size_t i = 0; i + 1 < sizeof named; i += 2)
    if (named[i] == c) return named[i + 1];
  return c;
}

static void driver_dictionary(const char *path)
{
  struct buf text = BUF_INIT(0), token = BUF_INIT(4096);
  struct err e;
  if (file_read(str_of(path), DRIVER_INPUT_MAX, &text, &e)) {
    fprintf(stderr, "%s\n", e.text);
    exit(66);
  }
  str rest = buf_str(&text), line;
  while (str_cut(&rest, '\n', &line)) {
    buf_clear(&token);
    while (line.n) {
      char c = line.p[0];
      line = str_skip(line, 1);
      buf_putc(&token, c == '\\' && line.n ? driver_escape(&line) : c);
    }
    if (token.n) driver_keep(&driver.tokens, buf_str(&token));
  }
  buf_free(&text);
  buf_free(&token);
}

/* ---- changing inputs ------------------------------------------------------------------------- */

static size_t driver_random(size_t below)
{
  driver.random ^= driver.random << 13;
  driver.random ^= driver.random >> 7;
  driver.random ^= driver.random << 17;
  return below ? (size_t)(driver.random >> 11) % below : 0;
}

static str driver_pick(const struct driver_list *list)
{
  return list->n ? list->items[driver_random(list->n)] : (str){NULL, 0};
}

/* A piece of s, mostly short. */
static str driver_piece(str s)
{
  size_t from = driver_random(s.n + 1);
  size_t most = driver_random(4) ? 16 : s.n + 1;
  return str_sub(s, from, from + driver_random(most) + 1);
}

/* Replaces [at, at + gone) of b by s. */
static void driver_splice(struct buf *b, size_t at, size_t gone, str s)
{
  struct buf fresh = BUF_INIT(DRIVER_GROWN_MAX);
  str old = buf_str(b);
  buf_str_add(&fresh, str_sub(old, 0, at));
  buf_str_add(&fresh, s);
  buf_str_add(&fresh, str_skip(old, at + gone));
  if (buf_ok(&fresh)) {
    buf_free(b);
    *b = fresh;
  } else {
    buf_free(&fresh);
  }
}

static void driver_change(struct buf *b)
{
  static const char odd[] = "\0\x01\t\n\r \"'().,:;<>@[]\\{}\x7f\x80\xc3\xff";
  size_t at = driver_random(b->n + 1);
  char c = (char)driver_random(256);
  switch (driver_random(9)) {
  case 0:
    if (at < b->n) b->p[at] = (char)(b->p[at] ^ 1 << driver_random(8));
    break;
  case 1:
    if (at < b->n) b->p[at] = odd[driver_random(sizeof odd - 1)];
    break;
  case 2: driver_splice(b, at, 0, (str){&odd[driver_random(sizeof odd - 1)], 1}); break;
  case 3: driver_splice(b, at, driver_random(16), (str){NULL, 0}); break;
  case 4: driver_splice(b, at, driver_random(2), (str){&c, 1}); break;
  case 5: driver_splice(b, at, 0, driver_piece(buf_str(b))); break;
  case 6: driver_splice(b, at, driver_random(16), driver_piece(driver_pick(&driver.seeds))); break;
  default: driver_splice(b, at, driver_random(2) * 4, driver_pick(&driver.tokens)); break;
  }
}

static void driver_mutate(int64_t seconds)
{
  time_t end = time(NULL) + (time_t)seconds;
  if (driver.seeds.n == 0) driver_keep(&driver.seeds, STR(""));
  while (time(NULL) < end) {
    struct buf b = BUF_INIT(DRIVER_GROWN_MAX);
    buf_str_add(&b, str_sub(driver_pick(&driver.seeds), 0, DRIVER_GROWN_MAX));
    for (size_t i = driver_random(8) + 1; i > 0; i--) driver_change(&b);
    size_t before = driver_news;
    driver_run("a changed input", buf_str(&b));
    if (driver_news > before) driver_keep(&driver.seeds, buf_str(&b));
    buf_free(&b);
  }
}

/* ---- main ------------------------------------------------------------------------------------ */

static int64_t driver_number(const char *text)
{
  int64_t number = -1;
  if (!text || str_to_i64(str_of(text), &number) || number < 0) {
    fprintf(stderr, "usage: [-mutate SECONDS SEED] [-dict FILE] FILE-or-FOLDER...\n");
    exit(64);
  }
  return number;
}

int main(int argc, char **argv)
{
  int64_t seconds = 0;
  (void)argc;
  signal(SIGABRT, driver_signal);
  signal(SIGALRM, driver_signal);
  if (__sanitizer_set_death_callback) __sanitizer_set_death_callback(driver_dying);
  for (argv++; *argv; argv++) {
    if (strcmp(*argv, "-mutate") == 0) {
      seconds = driver_number(argv[1]);
      driver.random = (uint64_t)driver_number(argv[1] ? argv[2] : NULL) * 0x9e3779b97f4a7c15u + 1;
      argv += 2;
    } else if (strcmp(*argv, "-dict") == 0 && argv[1]) {
      driver_dictionary(*++argv);
    } else {
      driver_path(*argv);
    }
  }
  driver_mutate(seconds);
  if (driver_news) printf("%zu places of code reached\n", driver_news);
  printf("%zu inputs\n%zu passed, 0 failed\n", driver.runs, driver.runs);
  driver_forget(&driver.seeds);
  driver_forget(&driver.tokens);
  return 0;
}
