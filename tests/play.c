/* tests/play.c: plays test files: `.vsl` scripts through `eval`, `.t` conversations with a server.
 *
 *   play BIN=PROGRAM [T=WORD] [-v] [-j N] FILE-or-FOLDER… [WORD…]
 *
 * Runs those whose path contains every WORD, several at once, each in a process of its own. Names
 * beginning with '_' or '.' in a folder are not tests. tests/README describes the files.
 */
#include "play.h"

#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PLAY_SECONDS 300 /* a test that takes longer is ended */

const char *play_bin, *play_file;
bool play_verbose;
int play_line;
void (*play_on_fail)(void);

/* ---- for the parts --------------------------------------------------------------------------- */

void play_fail(const char *fmt, ...)
{
  static bool again;
  va_list ap;
  if (play_line > 0)
    printf("FAIL %s:%d ", play_file, play_line);
  else
    printf("FAIL %s ", play_file);
  va_start(ap, fmt);
  vprintf(fmt, ap);
  va_end(ap);
  printf("\n");
  if (play_on_fail && !again) {
    again = true;
    play_on_fail();
  }
  fflush(stdout);
  _exit(PLAY_FAILED);
}

void play_skip(str why)
{
  printf("skip %s: " STR_FMT "\n", play_file, STR_ARG(why));
  fflush(stdout);
  _exit(PLAY_SKIPPED);
}

bool play_glob(str pattern, str text)
{
  str retry_pattern = {NULL, 0}, retry_text = {NULL, 0};
  for (;;) {
    if (pattern.n && pattern.p[0] == '*') {
      retry_pattern = pattern = str_skip(pattern, 1);
      retry_text = text;
    } else if (pattern.n && text.n && pattern.p[0] == text.p[0]) {
      pattern = str_skip(pattern, 1);
      text = str_skip(text, 1);
    } else if (!pattern.n && !text.n) {
      return true;
    } else if (retry_pattern.p && retry_text.n) {
      pattern = retry_pattern;
      text = retry_text = str_skip(retry_text, 1);
    } else {
      return false;
    }
  }
}

bool play_glob_start(str pattern, str text)
{
  if (play_glob(pattern, text)) return true;
  struct buf longer = BUF_INIT(SIZE_MAX);
  buf_str_add(&longer, pattern);
  buf_puts(&longer, " *");
  bool matches = play_glob(buf_str(&longer), text);
  buf_free(&longer);
  return matches;
}

void play_slurp(const char *path, struct buf *out, bool may_be_absent)
{
  struct err e;
  buf_clear(out);
  if (file_read(str_of(path), (size_t)1 << 30, out, &e) && !may_be_absent) play_fail("%s", e.text);
}

static char play_escape(str *s)
{
  static const char named[] = "n\nr\rt\t0\0\\\\\"\"";
  uint64_t code;
  char c = s->p[0];
  *s = str_skip(*s, 1);
  if (c == 'x' && s->n >= 2 && !str_to_u64(str_sub(*s, 0, 2), &code, 16)) {
    *s = str_skip(*s, 2);
    return (char)code;
  }
  for (size_t i = 0; i + 1 < sizeof named; i += 2)
    if (named[i] == c) return named[i + 1];
  play_fail("unknown escape \\%c", c);
}

void play_unescape(str text, struct buf *out)
{
  if (text.n < 2 || text.p[0] != '"' || text.p[text.n - 1] != '"') {
    buf_str_add(out, text);
    return;
  }
  text = str_sub(text, 1, text.n - 1);
  while (text.n) {
    char c = text.p[0];
    text = str_skip(text, 1);
    buf_putc(out, c == '\\' && text.n ? play_escape(&text) : c);
  }
}

void play_show(struct buf *out, str s)
{
  size_t n = s.n;
  if (s.n > 200) s.n = 200;
  while (s.n) {
    str at = s;
    int32_t c = utf8_next(&s);
    if (c >= 0x20 && c != 0x7f)
      buf_add(out, at.p, at.n - s.n);
    else
      buf_printf(out, "\\x%02x", (unsigned char)at.p[0]);
  }
  if (n > 200) buf_printf(out, "... (%zu octets)", n);
}

int64_t play_now(void)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void play_nap(int64_t micros)
{
  struct timespec nap = {(time_t)(micros / 1000000), (long)(micros % 1000000 * 1000)};
  nanosleep(&nap, NULL);
}

/* ---- the tests ------------------------------------------------------------------------------- */

static const struct play_kind {
  str suffix;
  const char *name; /* in the last line */
  void (*play)(const char *path);
} play_kinds[] = {{STR_INIT(".vsl"), "vsl", play_vsl},
                  {STR_INIT(".t"), "conversations", play_talk}};

struct play_test {
  char *path;
  const struct play_kind *kind;
  pid_t pid; /* while it runs */
  int64_t began;
  FILE *output; /* of the test's process */
};

static struct {
  struct play_test *tests;
  size_t n, size;
  const char *words[16];
  size_t word_count;
  size_t passed[BASE_COUNT(play_kinds)], failed[BASE_COUNT(play_kinds)];
  bool found[BASE_COUNT(play_kinds)];
  bool drop; /* started as root: tests run as nobody */
} play;

static bool play_wanted(const char *path)
{
  for (size_t i = 0; i < play.word_count; i++)
    if (!strstr(path, play.words[i])) return false;
  return true;
}

static void play_add(const char *path)
{
  for (size_t i = 0; i < BASE_COUNT(play_kinds); i++) {
    const struct play_kind *kind = &play_kinds[i];
    if (!str_ends(str_of(path), kind->suffix)) continue;
    if (kind->play == play_vsl && !play_vsl_is_test(path)) return;
    play.found[i] = true;
    if (!play_wanted(path)) return;
    if (play.n == play.size) {
      play.size = play.size ? 2 * play.size : 256;
      play.tests = realloc(play.tests, play.size * sizeof *play.tests);
      if (!play.tests) abort();
    }
    play.tests[play.n++] = (struct play_test){.path = strdup(path), .kind = kind};
  }
}

static void play_collect(const char *path)
{
  struct stat st;
  if (stat(path, &st) || !S_ISDIR(st.st_mode)) {
    play_add(path);
    return;
  }
  struct dirent **entries;
  int n = scandir(path, &entries, NULL, alphasort);
  for (int i = 0; i < n; i++) {
    const char *name = entries[i]->d_name;
    char inner[PATH_MAX];
    int length = snprintf(inner, sizeof inner, "%s/%s", path, name);
    if (name[0] != '.' && name[0] != '_' && length < PATH_MAX) play_collect(inner);
    free(entries[i]);
  }
  if (n >= 0) free(entries);
}

/* ---- running them ---------------------------------------------------------------------------- */

/* A test must mean the same for root as for everybody else. */
static int play_become_nobody(void)
{
  return setgroups(0, NULL) || setgid(65534) || setuid(65534);
}

/* Can nobody run the program? In a folder of root's alone it cannot. */
static bool play_nobody_may(void)
{
  if (geteuid() != 0) return false;
  pid_t pid = fork();
  if (pid == 0) _exit(play_become_nobody() || access(play_bin, R_OK | X_OK));
  int status = 1;
  return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static void play_start(struct play_test *test)
{
  test->output = tmpfile();
  test->began = play_now();
  fflush(stdout);
  test->pid = test->output ? fork() : -1;
  if (test->pid < 0) {
    perror("play");
    exit(71);
  }
  if (test->pid > 0) return;
  dup2(fileno(test->output), STDOUT_FILENO);
  dup2(fileno(test->output), STDERR_FILENO);
  alarm(PLAY_SECONDS);
  play_file = test->path;
  if (play.drop && play_become_nobody()) play_fail("cannot become nobody");
  test->kind->play(test->path);
  fflush(stdout);
  _exit(PLAY_PASSED);
}

static void play_report(struct play_test *test, int status)
{
  char text[65536];
  size_t kind = (size_t)(test->kind - play_kinds), n;
  bool skipped = WIFEXITED(status) && WEXITSTATUS(status) == PLAY_SKIPPED;
  if (!skipped) *(status ? &play.failed[kind] : &play.passed[kind]) += 1;
  if (play_verbose && !skipped && !status)
    printf("ok %s: %.2f s\n", test->path, (double)(play_now() - test->began) / 1000);
  else if (play_verbose)
    printf("%s %s\n", skipped ? "----" : "BAD ", test->path);
  rewind(test->output);
  while ((n = fread(text, 1, sizeof text, test->output)) > 0) fwrite(text, 1, n, stdout);
  if (WIFSIGNALED(status))
    printf("FAIL %s ended by signal %d%s\n", test->path, WTERMSIG(status),
           WTERMSIG(status) == SIGALRM ? " (too long)" : "");
  else if (WIFEXITED(status) && WEXITSTATUS(status) > PLAY_SKIPPED)
    printf("FAIL %s the player ended with status %d\n", test->path, WEXITSTATUS(status));
  fclose(test->output);
  test->pid = 0;
}

static void play_run(size_t jobs)
{
  size_t next = 0, running = 0;
  while (next < play.n || running) {
    for (; next < play.n && running < jobs; running++) play_start(&play.tests[next++]);
    int status;
    pid_t pid = waitpid(-1, &status, 0);
    if (pid < 0 && errno != EINTR) return;
    for (size_t i = 0; i < next; i++)
      if (pid > 0 && play.tests[i].pid == pid) play_report(&play.tests[i], status), running--;
  }
}

/* ---- main ------------------------------------------------------------------------------------ */

static bool play_is_path(const char *arg)
{
  struct stat st;
  bool named =
      strchr(arg, '/') || str_ends(str_of(arg), STR(".t")) || str_ends(str_of(arg), STR(".vsl"));
  return named && stat(arg, &st) == 0;
}

static void play_word(const char *word)
{
  if (*word && play.word_count < BASE_COUNT(play.words)) play.words[play.word_count++] = word;
}

static size_t play_options(char **args)
{
  static char bin[PATH_MAX];
  size_t jobs = 2 * (size_t)sysconf(_SC_NPROCESSORS_ONLN);
  for (size_t i = 0; args[i]; i++) {
    uint64_t number;
    if (strncmp(args[i], "BIN=", 4) == 0)
      play_bin = realpath(args[i] + 4, bin);
    else if (strncmp(args[i], "T=", 2) == 0)
      play_word(args[i] + 2);
    else if (strcmp(args[i], "-v") == 0)
      play_verbose = true;
    else if (strcmp(args[i], "-j") == 0 && args[i + 1] &&
             !str_to_u64(str_of(args[++i]), &number, 10))
      jobs = (size_t)number;
    else if (!play_is_path(args[i]))
      play_word(args[i]);
  }
  return jobs ? jobs : 1;
}

int main(int argc, char **argv)
{
  (void)argc;
  size_t jobs = play_options(argv + 1), failed = 0;
  if (!play_bin) {
    fprintf(stderr, "usage: play BIN=PROGRAM [T=WORD] [-v] [-j N] FILE-or-FOLDER... [WORD...]\n");
    return 64;
  }
  for (char **arg = argv + 1; *arg; arg++)
    if (play_is_path(*arg) && strncmp(*arg, "BIN=", 4) != 0) play_collect(*arg);
  play.drop = play_nobody_may();
  play_run(jobs);
  for (size_t i = 0; i < BASE_COUNT(play_kinds); i++) {
    if (play.found[i])
      printf("%s %zu passed, %zu failed\n", play_kinds[i].name, play.passed[i], play.failed[i]);
    failed += play.failed[i];
  }
  if (!play.found[0] && !play.found[1]) printf("play 0 passed, 0 failed\n");
  for (size_t i = 0; i < play.n; i++) free(play.tests[i].path);
  free(play.tests);
  return failed != 0;
}
