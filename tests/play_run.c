/* tests/play_run.c: words of a conversation about other runs of the program. */
#include "play_talk.h"

static struct {
  struct buf input; /* of the next run */
  struct buf out, errors;
  size_t out_at, errors_at; /* how far `out` and `err` have looked */
  int status, line;         /* line 0: nobody waits for the verdict on status */
} run = {.input = BUF_INIT(1 << 22), .out = BUF_INIT(1 << 26), .errors = BUF_INIT(1 << 26)};

/* ---- other commands -------------------------------------------------------------------------- */

void play_run_input(str rest)
{
  (void)rest;
  buf_clear(&run.input);
  buf_str_add(&run.input, play_talk_block());
}

/* Words are parted by spaces; "…" keeps them. */
static size_t play_run_args(str rest, char **argv, size_t max)
{
  size_t n = 0;
  while ((rest = str_trim(rest)).n && n < max) {
    bool quoted = rest.p[0] == '"';
    str word;
    if (quoted) rest = str_skip(rest, 1);
    if (!str_cut(&rest, quoted ? '"' : ' ', &word)) break;
    argv[n++] = (char *)(uintptr_t)play_talk_keep(word);
  }
  return n;
}

static void play_run_execute(char **argv)
{
  run.status = play_server_run(argv, buf_str(&run.input), &run.out, &run.errors);
  run.line = play_line;
  run.out_at = run.errors_at = 0;
  buf_clear(&run.input);
}

void play_run_run(str rest)
{
  static char name[] = "vsmtp", option[] = "-c", file[] = "vsmtp.toml";
  char *argv[64] = {name};
  size_t n = 1 + play_run_args(rest, argv + 1, 60);
  argv[n++] = option;
  argv[n++] = file;
  argv[n] = NULL;
  play_run_execute(argv);
}

/* NAME ARGS: the program called by that name, with these arguments only. */
void play_run_exec(str rest)
{
  char *argv[64];
  argv[play_run_args(rest, argv, 63)] = NULL;
  if (!argv[0]) play_fail("exec NAME ARGS");
  play_run_execute(argv);
}

void play_run_exit(str number)
{
  if (!run.line) play_fail("nothing was run");
  if (run.status != play_talk_number(number)) play_fail("exit status %d", run.status);
  run.line = 0;
}

/* Lines are looked for in order: each behind the one found before. */
static void play_run_seek(const struct buf *text, size_t *at, str pattern)
{
  str rest = str_skip(buf_str(text), *at), line;
  if (str_starts(pattern, STR("!~ "))) {
    if (play_talk_any(buf_str(text), str_skip(pattern, 3), true)) play_fail("a line says so");
    return;
  }
  while (rest.n && str_cut(&rest, '\n', &line)) {
    *at = text->n - rest.n;
    if (str_ends(line, STR("\r"))) line.n--;
    if (play_glob_start(pattern, line)) return;
  }
  play_fail("no further line like this");
}

void play_run_out(str pattern)
{
  play_run_seek(&run.out, &run.out_at, pattern);
}

void play_run_err(str pattern)
{
  play_run_seek(&run.errors, &run.errors_at, pattern);
}

static void play_run_same(const struct buf *got)
{
  if (str_eq(buf_str(got), play_talk_block())) return;
  play_fail("it is not the same");
}

void play_run_out_is(str rest)
{
  (void)rest;
  play_run_same(&run.out);
}

void play_run_err_is(str rest)
{
  (void)rest;
  play_run_same(&run.errors);
}

void play_run_judge(void)
{
  if (run.line && run.status) {
    play_line = run.line;
    play_fail("exit status %d", run.status);
  }
  run.line = 0;
}

void play_run_show(struct buf *out)
{
  if (run.out.n) buf_printf(out, "  -- standard output of the last run:\n%s", run.out.p);
  if (run.errors.n) buf_printf(out, "  -- its standard error:\n%s", run.errors.p);
}
