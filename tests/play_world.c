/* tests/play_world.c: words of a conversation about the server and what it keeps: its files, its
 * life, its clock, its log, its database.
 */
#include "play_talk.h"

#include <glob.h>
#include <limits.h>
#include <signal.h>

/* ---- files of the folder --------------------------------------------------------------------- */

/* A file beside the test, or the block, becomes a file of the folder. */
static void play_world_put(str name, str source)
{
  char path[PATH_MAX];
  struct buf text = BUF_INIT(0);
  if (!source.n) {
    play_server_write(name, play_talk_block());
    return;
  }
  str dir = path_dir(str_of(play_file));
  snprintf(path, sizeof path, STR_FMT STR_FMT, STR_ARG(dir), STR_ARG(source));
  play_slurp(path, &text, false);
  play_server_write(name, buf_str(&text));
  buf_free(&text);
}

void play_world_rules(str source)
{
  play_world_put(STR("main.vsl"), source);
}

void play_world_file(str rest)
{
  str name = play_talk_word(&rest);
  play_world_put(name, rest);
}

void play_world_folder(str name)
{
  struct buf path = BUF_INIT(PATH_MAX);
  buf_printf(&path, STR_FMT "/", STR_ARG(name));
  play_server_write(buf_str(&path), STR(""));
  buf_free(&path);
}

void play_world_mailbox(str address)
{
  struct buf path = BUF_INIT(PATH_MAX);
  str local, domain = address;
  str_cut(&domain, '@', &local);
  buf_printf(&path, "app/mailboxes/" STR_FMT "/" STR_FMT, STR_ARG(domain), STR_ARG(local));
  play_world_folder(buf_str(&path));
  buf_free(&path);
}

void play_world_config(str rest)
{
  (void)rest;
  play_server_config(play_talk_block());
}

static void play_world_glob(str pattern, glob_t *found)
{
  char path[PATH_MAX];
  snprintf(path, sizeof path, "%s/" STR_FMT, play_server_dir(), STR_ARG(pattern));
  if (glob(path, 0, NULL, found)) found->gl_pathc = 0;
}

void play_world_file_count(str rest)
{
  int64_t until = play_now() + PLAY_PATIENCE;
  str pattern, number;
  glob_t found;
  if (!play_talk_halves(rest, STR(" = "), &pattern, &number)) play_fail("file-count GLOB = NUMBER");
  for (;;) {
    play_world_glob(pattern, &found);
    size_t n = found.gl_pathc;
    globfree(&found);
    if ((int64_t)n == play_talk_number(number)) return;
    if (play_now() > until) play_fail("there are %zu such files", n);
    play_nap(20000);
  }
}

static bool play_world_files_hold(str pattern, str text, bool whole)
{
  struct buf content = BUF_INIT(0);
  bool holds = false;
  glob_t found;
  play_world_glob(pattern, &found);
  for (size_t i = 0; i < found.gl_pathc; i++) {
    play_slurp(found.gl_pathv[i], &content, true);
    str s = buf_str(&content);
    holds |= whole ? str_eq(s, text) : str_find(s, text) >= 0;
  }
  if (found.gl_pathc) globfree(&found);
  buf_free(&content);
  return holds;
}

static void play_world_file_wait(str pattern, str text, bool whole)
{
  int64_t until = play_now() + PLAY_PATIENCE;
  while (!play_world_files_hold(pattern, text, whole)) {
    if (play_now() > until) play_fail("no such file has this");
    play_nap(20000);
  }
}

void play_world_file_has(str rest)
{
  struct buf text = BUF_INIT(1 << 20);
  str pattern = play_talk_word(&rest);
  play_unescape(rest, &text);
  play_world_file_wait(pattern, buf_str(&text), false);
  buf_free(&text);
}

void play_world_file_is(str pattern)
{
  play_world_file_wait(pattern, play_talk_block(), true);
}

void play_world_file_lacks(str rest)
{
  struct buf text = BUF_INIT(1 << 20);
  str pattern = play_talk_word(&rest);
  play_unescape(rest, &text);
  if (play_world_files_hold(pattern, buf_str(&text), false)) play_fail("such a file has this");
  buf_free(&text);
}

/* ---- the server ------------------------------------------------------------------------------ */

void play_world_start(str rest)
{
  (void)rest;
  play_server_start();
}

void play_world_stop(str rest)
{
  (void)rest;
  play_server_stop();
}

void play_world_restart(str rest)
{
  (void)rest;
  if (play_server_runs()) play_server_stop();
  play_server_start();
}

void play_world_kill(str rest)
{
  (void)rest;
  play_server_kill();
}

void play_world_died(str rest)
{
  (void)rest;
  play_server_died();
}

void play_world_fails(str status)
{
  play_server_exits((int)play_talk_number(status));
}

void play_world_signal(str name)
{
  static const struct {
    str name;
    int number;
  } signals[] = {{STR_INIT("HUP"), SIGHUP},   {STR_INIT("INT"), SIGINT},
                 {STR_INIT("USR1"), SIGUSR1}, {STR_INIT("USR2"), SIGUSR2},
                 {STR_INIT("STOP"), SIGSTOP}, {STR_INIT("CONT"), SIGCONT}};
  for (size_t i = 0; i < BASE_COUNT(signals); i++)
    if (str_eq(signals[i].name, name)) {
      play_server_signal(signals[i].number);
      return;
    }
  play_fail("unknown signal");
}

void play_world_pause(str duration)
{
  int64_t ms;
  if (duration_parse(duration, &ms)) play_fail("not a duration");
  play_server_move_clock(ms);
}

void play_world_log(str pattern)
{
  bool negative = play_talk_not(&pattern), found = false;
  int64_t until = play_now() + (negative ? 0 : PLAY_PATIENCE / 2);
  struct buf log = BUF_INIT(0);
  do {
    play_server_log(&log);
    found = play_talk_any(buf_str(&log), pattern, true);
    if (!found && !negative) play_nap(10000);
  } while (!found && play_now() < until);
  buf_free(&log);
  if (found == negative)
    play_fail(negative ? "a line of the log says so" : "no line of the log says so");
}

/* ---- the database ---------------------------------------------------------------------------- */

static int play_world_query(str sql, int wait, struct buf *answer)
{
  char path[PATH_MAX];
  snprintf(path, sizeof path, "%s/queues/vsmtp.db", play_server_dir());
  return play_sql(path, sql, wait, answer);
}

/* Polls SQL until it gives what is wanted, or for patience milliseconds. */
static void play_world_expect_sql(str rest, int64_t patience)
{
  int64_t until = play_now() + patience;
  struct buf answer = BUF_INIT(1 << 22), text = BUF_INIT(4096), want = BUF_INIT(1 << 20);
  str sql, value;
  bool glob = !play_talk_halves(rest, STR(" = "), &sql, &value);
  if (glob && !play_talk_halves(rest, STR(" ~ "), &sql, &value)) play_fail("SQL = VALUE");
  play_unescape(value, &want);
  for (;;) {
    int rc = play_world_query(sql, 5000, &answer);
    value = buf_str(&want);
    if (rc == 0 && (glob ? play_glob(value, buf_str(&answer)) : str_eq(value, buf_str(&answer))))
      break;
    if (play_now() >= until) {
      play_show(&text, buf_str(&answer));
      play_fail("%s: %s", rc ? "SQL error" : "the answer is", buf_cstr(&text));
    }
    play_nap(20000);
  }
  buf_free(&answer);
  buf_free(&want);
  buf_free(&text);
}

void play_world_db(str rest)
{
  play_world_expect_sql(rest, 0);
}

void play_world_until(str rest)
{
  play_world_expect_sql(rest, PLAY_PATIENCE);
}

void play_world_sql(str statement)
{
  struct buf answer = BUF_INIT(1 << 22);
  if (play_world_query(statement, 10000, &answer)) play_fail("SQL error: %s", buf_cstr(&answer));
  buf_free(&answer);
}

void play_world_sql_fails(str rest)
{
  struct buf answer = BUF_INIT(1 << 22);
  str statement, pattern;
  if (!play_talk_halves(rest, STR(" ~ "), &statement, &pattern))
    play_fail("sql-fails STATEMENT ~ PATTERN");
  if (!play_world_query(statement, 10000, &answer)) play_fail("it works");
  if (!play_talk_any(buf_str(&answer), pattern, true)) play_fail("it says: %s", buf_cstr(&answer));
  buf_free(&answer);
}

/* NAME SQL: waits until there is an answer and keeps it as ${NAME}. */
void play_world_let(str rest)
{
  int64_t until = play_now() + PLAY_PATIENCE;
  struct buf answer = BUF_INIT(1 << 20);
  str name = play_talk_word(&rest);
  while (play_world_query(rest, 5000, &answer) || !answer.n) {
    if (play_now() > until) play_fail("no answer: %s", buf_cstr(&answer));
    play_nap(20000);
  }
  play_talk_set(name, buf_str(&answer));
  buf_free(&answer);
}
