/* tests/play_vsl.c: one script through `eval`, held against the expectations in its comments.
 *
 *   print("x");        // expect: x
 *   1 / 0;             // expect error ErrorArithmetic 3:5: division by zero
 *                      // expect exit 1
 *                      // skip: why it cannot run here
 *
 * Standard output must be the expected lines and nothing else. Without an error expected the exit
 * status is 0; with one it is 1, or 65 for class Syntax, and the first line on standard error is
 * FILE:LINE:COLUMN: CLASS: message.
 */
#include "play.h"

#include <limits.h>
#include <sys/wait.h>
#include <unistd.h>

#define VSL_SECONDS 120

static struct {
  struct buf source, want, got, errors;
  int lines[4096]; /* where each wanted line stands in the script */
  size_t n;
  str class, place, message; /* the error expected; class.p NULL: none */
  int error_line;
  int status;
  pid_t pid;
} vsl = {.want = BUF_INIT(SIZE_MAX), .got = BUF_INIT(SIZE_MAX), .errors = BUF_INIT(SIZE_MAX)};

bool play_vsl_is_test(const char *path)
{
  struct buf text = BUF_INIT(0);
  struct err e;
  bool found = !file_read(str_of(path), 1 << 24, &text, &e) &&
               (str_find(buf_str(&text), STR("// expect")) >= 0 ||
                str_find(buf_str(&text), STR("// skip:")) >= 0);
  buf_free(&text);
  return found;
}

/* ---- expectations ---------------------------------------------------------------------------- */

static void play_vsl_error(str text)
{
  text = str_trim(text);
  if (!str_cut(&text, ' ', &vsl.class) || !text.p) play_fail("expect error CLASS LINE[:COLUMN]");
  ptrdiff_t colon = str_find(text, STR(": "));
  vsl.place = colon < 0 ? text : str_sub(text, 0, (size_t)colon);
  vsl.message = colon < 0 ? STR("") : str_trim(str_skip(text, (size_t)colon + 2));
  vsl.error_line = play_line;
  vsl.status = str_eq(vsl.class, STR("Syntax")) ? 65 : 1;
}

static bool play_vsl_comment(str line, str mark, str *rest)
{
  ptrdiff_t at = str_find(line, mark);
  if (at >= 0) *rest = str_skip(line, (size_t)at + mark.n);
  return at >= 0;
}

static void play_vsl_line(str line)
{
  str rest;
  if (str_ends(line, STR("\r"))) line.n--;
  if (play_vsl_comment(line, STR("// skip:"), &rest)) play_skip(str_trim(rest));
  if (play_vsl_comment(line, STR("// expect:"), &rest)) {
    if (vsl.n == BASE_COUNT(vsl.lines)) play_fail("too many expectations");
    if (str_starts(rest, STR(" "))) rest = str_skip(rest, 1);
    buf_str_add(&vsl.want, rest);
    buf_putc(&vsl.want, '\n');
    vsl.lines[vsl.n++] = play_line;
  } else if (play_vsl_comment(line, STR("// expect error "), &rest)) {
    play_vsl_error(rest);
  } else if (play_vsl_comment(line, STR("// expect exit "), &rest)) {
    int64_t status;
    if (str_to_i64(str_trim(rest), &status)) play_fail("expect exit NUMBER");
    vsl.status = (int)status;
  } else if (str_find(line, STR("// expect")) >= 0) {
    play_fail("an expectation I do not understand");
  }
}

static void play_vsl_read(const char *path)
{
  str line, rest;
  play_slurp(path, &vsl.source, false);
  rest = buf_str(&vsl.source);
  for (play_line = 1; str_cut(&rest, '\n', &line); play_line++) play_vsl_line(line);
  play_line = 0;
}

/* ---- running --------------------------------------------------------------------------------- */

static void play_vsl_slurp(FILE *f, struct buf *out)
{
  char text[8192];
  size_t n;
  rewind(f);
  while ((n = fread(text, 1, sizeof text, f)) > 0) buf_add(out, text, n);
  fclose(f);
}

static int play_vsl_run(const char *path)
{
  FILE *out = tmpfile(), *errors = tmpfile();
  if (!out || !errors) play_fail("no temporary files");
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    if (!freopen("/dev/null", "r", stdin)) _exit(126);
    dup2(fileno(out), STDOUT_FILENO);
    dup2(fileno(errors), STDERR_FILENO);
    alarm(VSL_SECONDS);
    execl(play_bin, "vsmtp", "eval", path, (char *)NULL);
    _exit(127);
  }
  int status = -1;
  if (pid < 0 || waitpid(pid, &status, 0) != pid) play_fail("cannot run %s", play_bin);
  play_vsl_slurp(out, &vsl.got);
  play_vsl_slurp(errors, &vsl.errors);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}

/* ---- judging --------------------------------------------------------------------------------- */

static void play_vsl_show(void)
{
  if (vsl.errors.n)
    printf("  its standard error:\n" STR_FMT "\n",
           STR_ARG(str_trim(str_sub(buf_str(&vsl.errors), 0, 4000))));
}

static void play_vsl_check_output(void)
{
  str want_rest = buf_str(&vsl.want), got_rest = buf_str(&vsl.got), want, got;
  for (size_t i = 0;; i++) {
    bool more_want = str_cut(&want_rest, '\n', &want) && (want.n || want_rest.p);
    bool more_got = str_cut(&got_rest, '\n', &got) && (got.n || got_rest.p);
    if (!more_want && !more_got) return;
    struct buf a = BUF_INIT(4096), b = BUF_INIT(4096);
    play_show(&a, more_want ? want : (str){NULL, 0});
    play_show(&b, more_got ? got : (str){NULL, 0});
    play_line = i < vsl.n ? vsl.lines[i] : 0;
    if (!more_got) play_fail("expected: %s\n  but the output ended", buf_cstr(&a));
    if (!more_want) play_fail("more output than expected: %s", buf_cstr(&b));
    if (!str_eq(want, got)) play_fail("expected: %s\n       got: %s", buf_cstr(&a), buf_cstr(&b));
    buf_free(&a);
    buf_free(&b);
  }
}

/* Cuts the piece behind the last ':' off s. */
static str play_vsl_last(str *s)
{
  ptrdiff_t colon = str_rchr(*s, ':');
  str last = str_skip(*s, (size_t)(colon + 1));
  *s = str_sub(*s, 0, colon < 0 ? 0 : (size_t)colon);
  return last;
}

/* Does FILE:LINE:COLUMN agree with the [FILE:]LINE[:COLUMN] expected? */
static bool play_vsl_same_place(str got, str want)
{
  str column = play_vsl_last(&got), line = play_vsl_last(&got), first = {NULL, 0};
  if (want.n && !str_isdigit(want.p[0])) {
    str_cut(&want, ':', &first);
    if (!str_ends(got, first)) return false;
  }
  str want_line = {NULL, 0}, want_column = {NULL, 0};
  str_cut(&want, ':', &want_line);
  bool any_column = !str_cut(&want, ':', &want_column);
  return str_eq(line, want_line) && (any_column || str_eq(column, want_column));
}

/* The first line is FILE:LINE:COLUMN: CLASS: message. */
static void play_vsl_check_error(void)
{
  str rest = buf_str(&vsl.errors), line;
  play_line = vsl.error_line;
  if (!rest.n || !str_cut(&rest, '\n', &line)) play_fail("no error came");
  ptrdiff_t space = str_find(line, STR(": "));
  str place = str_sub(line, 0, space < 0 ? 0 : (size_t)space);
  str tail = str_skip(line, place.n + 2);
  ptrdiff_t end = str_chr(tail, ':');
  if (!str_eq(str_sub(tail, 0, end < 0 ? tail.n : (size_t)end), vsl.class))
    play_fail("expected an error of class " STR_FMT, STR_ARG(vsl.class));
  if (!play_vsl_same_place(place, vsl.place))
    play_fail("expected the error at " STR_FMT, STR_ARG(vsl.place));
  if (str_find(tail, vsl.message) < 0)
    play_fail("expected the error to say: " STR_FMT, STR_ARG(vsl.message));
}

void play_vsl(const char *path)
{
  play_on_fail = play_vsl_show;
  play_vsl_read(path);
  int status = play_vsl_run(path);
  if (str_find(buf_str(&vsl.errors), STR("Sanitizer")) >= 0 ||
      str_find(buf_str(&vsl.errors), STR("runtime error:")) >= 0)
    play_fail("a sanitizer complains");
  play_vsl_check_output();
  if (vsl.class.p) play_vsl_check_error();
  play_line = 0;
  if (status != vsl.status) play_fail("exit status %d, not %d", status, vsl.status);
}
#undef VSL_SECONDS
