/* tests/play_talk.c: a conversation: each line of the file begins with a word of the table at the
 * end. tests/README describes the words.
 */
#include "play.h"

#include <glob.h>
#include <limits.h>
#include <signal.h>
#include <unistd.h>

static struct {
  struct buf source;
  str rest; /* lines not yet played */
  struct buf line, block;
  bool has_block;
  struct play_client *clients[16], *client; /* client: who speaks now */
  char from[64];                            /* source address of the next connection */
  int listener;
  size_t split;
  bool corked; /* in a pipeline: what clients say is collected here */
  struct buf cork;
  struct buf reply;  /* lines of the last whole reply */
  bool in_reply;     /* a reply was begun and is not whole */
  struct map values; /* of `let`, owned strings */
  struct buf out, errors;
  size_t out_at, errors_at; /* how far `out` and `err` have looked */
  int run_status, run_line; /* run_line 0: nobody waits for the verdict on run_status */
  struct buf input;
} talk = {.line = BUF_INIT(1 << 26),
          .block = BUF_INIT(1 << 26),
          .cork = BUF_INIT(1 << 26),
          .reply = BUF_INIT(1 << 22),
          .input = BUF_INIT(1 << 22),
          .out = BUF_INIT(1 << 26),
          .errors = BUF_INIT(1 << 26),
          .listener = 1};

/* ---- reading the file ---------------------------------------------------------------------------
 */

static void play_talk_value(str name, struct buf *out)
{
  int64_t times;
  ptrdiff_t star = str_rchr(name, '*');
  if (star > 0 && str_to_i64(str_skip(name, (size_t)star + 1), &times) == 0) {
    for (; times > 0; times--) buf_str_add(out, str_sub(name, 0, (size_t)star));
    return;
  }
  const char *value = map_get(&talk.values, name);
  if (value)
    buf_puts(out, value);
  else if (str_eq(name, STR("DIR")))
    buf_puts(out, play_server_dir());
  else if (str_eq(name, STR("PORT")))
    buf_printf(out, "%d", play_server_port(talk.listener));
  else
    buf_printf(out, "${" STR_FMT "}", STR_ARG(name));
}

/* ${x*9} is x nine times, ${NAME} what `let` found, ${DIR}, ${PORT}; any other ${…} stays. */
static void play_talk_expand(str text, struct buf *out)
{
  for (;;) {
    ptrdiff_t at = str_find(text, STR("${"));
    ptrdiff_t end = at < 0 ? -1 : str_chr(str_skip(text, (size_t)at), '}');
    if (end < 0) break;
    buf_str_add(out, str_sub(text, 0, (size_t)at));
    play_talk_value(str_sub(text, (size_t)at + 2, (size_t)(at + end)), out);
    text = str_skip(text, (size_t)(at + end) + 1);
  }
  buf_str_add(out, text);
  if (!buf_ok(out)) play_fail("a line too long for the player");
}

static bool play_talk_next_line(str *line)
{
  if (!str_cut(&talk.rest, '\n', line)) return false;
  if (str_ends(*line, STR("\r"))) line->n--;
  play_line++;
  return true;
}

/* A line that ends in "<<" or "<<END" is followed by a block, up to a line "." or "END". */
static void play_talk_read_block(str *line)
{
  ptrdiff_t at = str_rchr(*line, ' ');
  str last = str_skip(*line, (size_t)(at + 1)), inner;
  talk.has_block = str_starts(last, STR("<<"));
  if (!talk.has_block) return;
  str end = last.n > 2 ? str_skip(last, 2) : STR(".");
  int start = play_line;
  *line = str_trim(str_sub(*line, 0, (size_t)(at + 1)));
  buf_clear(&talk.block);
  while (play_talk_next_line(&inner)) {
    if (str_eq(inner, end)) return;
    play_talk_expand(inner, &talk.block);
    buf_putc(&talk.block, '\n');
  }
  play_line = start;
  play_fail("the block has no end");
}

static str play_talk_block(void)
{
  if (!talk.has_block) play_fail("a block must follow: <<");
  return buf_str(&talk.block);
}

static str play_talk_word(str *rest)
{
  str word = {NULL, 0};
  *rest = str_trim(*rest);
  if (rest->n) str_cut(rest, ' ', &word);
  *rest = str_trim(*rest);
  return word;
}

static int64_t play_talk_number(str text)
{
  int64_t number;
  if (str_to_i64(text, &number)) play_fail("a number is missing");
  return number;
}

/* Cuts "left MARK right" at the last mark. */
static bool play_talk_halves(str text, str mark, str *left, str *right)
{
  for (size_t at = text.n; at-- > 0;) {
    if (!str_starts(str_skip(text, at), mark)) continue;
    *left = str_trim(str_sub(text, 0, at));
    *right = str_trim(str_skip(text, at + mark.n));
    return true;
  }
  return false;
}

/* A NUL-terminated copy that lives until the test ends. */
static const char *play_talk_keep(str s)
{
  static struct arena *kept;
  if (!kept) kept = arena_new(0);
  return arena_str(kept, s).p;
}

/* ---- clients ------------------------------------------------------------------------------------
 */

static struct play_client **play_talk_find(str name)
{
  struct play_client **empty = NULL;
  for (size_t i = 0; i < BASE_COUNT(talk.clients); i++) {
    struct play_client **slot = &talk.clients[i];
    if (*slot && str_eq(str_of(play_client_name(*slot)), name)) return slot;
    if (!*slot && !empty) empty = slot;
  }
  if (!empty) play_fail("too many clients");
  return empty;
}

static void play_talk_connect(str name)
{
  struct play_client **slot = play_talk_find(name.n ? name : STR("client"));
  if (!play_server_runs()) play_server_start();
  play_client_close(*slot);
  *slot = NULL;
  *slot = play_client_open(play_talk_keep(name.n ? name : STR("client")), talk.from,
                           play_server_port(talk.listener));
  talk.client = *slot;
  talk.in_reply = false;
}

static struct play_client *play_talk_client(void)
{
  if (!talk.client) play_talk_connect(STR("client"));
  return talk.client;
}

static void play_talk_use(str name)
{
  struct play_client **slot = play_talk_find(name);
  if (!*slot) play_fail("nobody of that name is connected");
  talk.client = *slot;
  talk.in_reply = false;
}

/* The client goes without a word. */
static void play_talk_disconnect(str name)
{
  struct play_client **slot = play_talk_find(name.n ? name : STR("client"));
  if (talk.client == *slot) talk.client = NULL;
  play_client_close(*slot);
  *slot = NULL;
}

static void play_talk_from(str address)
{
  snprintf(talk.from, sizeof talk.from, STR_FMT, STR_ARG(address));
}

static void play_talk_listener(str number)
{
  talk.listener = (int)play_talk_number(number);
}

static void play_talk_split(str number)
{
  talk.split = (size_t)play_talk_number(number);
}

/* ---- sending ------------------------------------------------------------------------------------
 */

static void play_talk_send(str bytes)
{
  if (talk.corked)
    buf_str_add(&talk.cork, bytes);
  else
    play_client_send(play_talk_client(), bytes, talk.split);
}

static void play_talk_c(str line)
{
  struct buf bytes = BUF_INIT(1 << 26);
  buf_str_add(&bytes, line);
  buf_puts(&bytes, "\r\n");
  play_talk_send(buf_str(&bytes));
  buf_free(&bytes);
}

static void play_talk_raw(str text)
{
  struct buf bytes = BUF_INIT(1 << 26);
  play_unescape(text, &bytes);
  play_talk_send(buf_str(&bytes));
  buf_free(&bytes);
}

static void play_talk_stuff(str block, struct buf *out)
{
  str line;
  while (str_cut(&block, '\n', &line)) {
    if (!block.p && !line.n) break;
    if (str_starts(line, STR("."))) buf_putc(out, '.');
    buf_str_add(out, line);
    buf_puts(out, "\r\n");
  }
  buf_puts(out, ".\r\n");
}

static void play_talk_data(str rest)
{
  struct buf bytes = BUF_INIT(1 << 27);
  (void)rest;
  play_talk_stuff(play_talk_block(), &bytes);
  play_talk_send(buf_str(&bytes));
  buf_free(&bytes);
}

static void play_talk_pipeline(str rest)
{
  (void)rest;
  (void)play_talk_client();
  talk.corked = true;
  buf_clear(&talk.cork);
}

static void play_talk_uncork(void)
{
  if (!talk.corked) return;
  talk.corked = false;
  play_talk_send(buf_str(&talk.cork));
}

/* ---- replies ------------------------------------------------------------------------------------
 */

static str play_talk_reply_line(void)
{
  str line;
  if (!play_client_line(play_talk_client(), &line)) play_fail("the server has closed");
  if (!talk.in_reply) buf_clear(&talk.reply);
  buf_str_add(&talk.reply, line);
  buf_putc(&talk.reply, '\n');
  talk.in_reply = line.n > 3 && line.p[3] == '-';
  return line;
}

static void play_talk_mismatch(const char *what, str line)
{
  struct buf text = BUF_INIT(4096);
  play_show(&text, line);
  play_fail("%s: %s", what, buf_cstr(&text));
}

/* "250-…" is one line of a reply; anything else is the last line, and those before it must have the
 * same code. */
static void play_talk_s(str pattern)
{
  str line = play_talk_reply_line(), code = str_sub(pattern, 0, 3);
  bool one = pattern.n > 3 && pattern.p[3] == '-';
  if (str_chr(code, '*') >= 0) code.n = (size_t)str_chr(code, '*');
  while (!one && talk.in_reply) {
    if (!str_starts(line, code)) play_talk_mismatch("another reply came", line);
    line = play_talk_reply_line();
  }
  if (!play_glob_start(pattern, line)) play_talk_mismatch("another reply came", line);
}

/* Does some line of text match? */
static bool play_talk_any(str text, str pattern, bool anywhere)
{
  struct buf wide = BUF_INIT(1 << 20);
  str line;
  bool found = false;
  buf_puts(&wide, anywhere ? "*" : "");
  buf_str_add(&wide, pattern);
  buf_puts(&wide, anywhere ? "*" : "");
  while (!found && str_cut(&text, '\n', &line)) found = play_glob(buf_str(&wide), line);
  buf_free(&wide);
  return found;
}

static bool play_talk_not(str *pattern)
{
  bool negative = str_starts(*pattern, STR("!~"));
  if (!negative && !str_starts(*pattern, STR("~"))) play_fail("~ or !~ is missing");
  *pattern = str_trim(str_skip(*pattern, negative ? 2 : 1));
  return negative;
}

static void play_talk_reply(str pattern)
{
  bool negative = play_talk_not(&pattern);
  if (play_talk_any(buf_str(&talk.reply), pattern, true) == negative)
    play_fail(negative ? "a line of the reply says so" : "no line of the reply says so");
}

static void play_talk_closed(str rest)
{
  (void)rest;
  play_client_closed(play_talk_client());
}

/* ---- a whole mail -------------------------------------------------------------------------------
 */

/* The next reply must be positive. */
static void play_talk_good(void)
{
  str line;
  do line = play_talk_reply_line();
  while (talk.in_reply);
  if (!line.n || (line.p[0] != '2' && line.p[0] != '3')) play_talk_mismatch("refused", line);
}

static void play_talk_say(const char *command, str address)
{
  struct buf line = BUF_INIT(1 << 20);
  buf_puts(&line, command);
  if (address.p) buf_printf(&line, "<" STR_FMT ">", STR_ARG(address));
  buf_puts(&line, "\r\n");
  play_talk_send(buf_str(&line));
  buf_free(&line);
  play_talk_good();
}

/* FROM TO… and a block: one mail, from the banner to QUIT, by a client called `sender`. */
static void play_talk_mail(str rest)
{
  struct play_client *before = talk.client;
  struct buf body = BUF_INIT(1 << 27);
  str from = play_talk_word(&rest), to;
  play_talk_stuff(play_talk_block(), &body);
  play_talk_connect(STR("sender"));
  play_talk_good();
  play_talk_say("EHLO sender.example", (str){NULL, 0});
  play_talk_say("MAIL FROM:", str_eq(from, STR("<>")) ? STR("") : from);
  while ((to = play_talk_word(&rest)).n) play_talk_say("RCPT TO:", to);
  play_talk_say("DATA", (str){NULL, 0});
  play_talk_send(buf_str(&body));
  play_talk_good();
  play_talk_say("QUIT", (str){NULL, 0});
  play_talk_disconnect(STR("sender"));
  talk.client = before;
  buf_free(&body);
}

/* ---- files of the folder ------------------------------------------------------------------------
 */

/* A file beside the test, or the block, becomes a file of the folder. */
static void play_talk_put(str name, str source)
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

static void play_talk_rules(str source)
{
  play_talk_put(STR("main.vsl"), source);
}

static void play_talk_file(str rest)
{
  str name = play_talk_word(&rest);
  play_talk_put(name, rest);
}

static void play_talk_folder(str name)
{
  struct buf path = BUF_INIT(PATH_MAX);
  buf_printf(&path, STR_FMT "/", STR_ARG(name));
  play_server_write(buf_str(&path), STR(""));
  buf_free(&path);
}

static void play_talk_mailbox(str address)
{
  struct buf path = BUF_INIT(PATH_MAX);
  str local, domain = address;
  str_cut(&domain, '@', &local);
  buf_printf(&path, "app/mailboxes/" STR_FMT "/" STR_FMT, STR_ARG(domain), STR_ARG(local));
  play_talk_folder(buf_str(&path));
  buf_free(&path);
}

static void play_talk_config(str rest)
{
  (void)rest;
  play_server_config(play_talk_block());
}

static void play_talk_glob(str pattern, glob_t *found)
{
  char path[PATH_MAX];
  snprintf(path, sizeof path, "%s/" STR_FMT, play_server_dir(), STR_ARG(pattern));
  if (glob(path, 0, NULL, found)) found->gl_pathc = 0;
}

static void play_talk_file_count(str rest)
{
  int64_t until = play_now() + PLAY_PATIENCE;
  str pattern, number;
  glob_t found;
  if (!play_talk_halves(rest, STR(" = "), &pattern, &number)) play_fail("file-count GLOB = NUMBER");
  for (;;) {
    play_talk_glob(pattern, &found);
    size_t n = found.gl_pathc;
    globfree(&found);
    if ((int64_t)n == play_talk_number(number)) return;
    if (play_now() > until) play_fail("there are %zu such files", n);
    play_nap(20000);
  }
}

static bool play_talk_files_hold(str pattern, str text, bool whole)
{
  struct buf content = BUF_INIT(0);
  bool holds = false;
  glob_t found;
  play_talk_glob(pattern, &found);
  for (size_t i = 0; i < found.gl_pathc; i++) {
    play_slurp(found.gl_pathv[i], &content, true);
    str s = buf_str(&content);
    holds |= whole ? str_eq(s, text) : str_find(s, text) >= 0;
  }
  if (found.gl_pathc) globfree(&found);
  buf_free(&content);
  return holds;
}

static void play_talk_file_wait(str pattern, str text, bool whole)
{
  int64_t until = play_now() + PLAY_PATIENCE;
  while (!play_talk_files_hold(pattern, text, whole)) {
    if (play_now() > until) play_fail("no such file has this");
    play_nap(20000);
  }
}

static void play_talk_file_has(str rest)
{
  struct buf text = BUF_INIT(1 << 20);
  str pattern = play_talk_word(&rest);
  play_unescape(rest, &text);
  play_talk_file_wait(pattern, buf_str(&text), false);
  buf_free(&text);
}

static void play_talk_file_is(str pattern)
{
  play_talk_file_wait(pattern, play_talk_block(), true);
}

static void play_talk_file_lacks(str rest)
{
  struct buf text = BUF_INIT(1 << 20);
  str pattern = play_talk_word(&rest);
  play_unescape(rest, &text);
  if (play_talk_files_hold(pattern, buf_str(&text), false)) play_fail("such a file has this");
  buf_free(&text);
}

/* ---- the server ---------------------------------------------------------------------------------
 */

static void play_talk_start(str rest)
{
  (void)rest;
  play_server_start();
}

static void play_talk_stop(str rest)
{
  (void)rest;
  play_server_stop();
}

static void play_talk_restart(str rest)
{
  (void)rest;
  if (play_server_runs()) play_server_stop();
  play_server_start();
}

static void play_talk_kill(str rest)
{
  (void)rest;
  play_server_kill();
}

static void play_talk_died(str rest)
{
  (void)rest;
  play_server_died();
}

static void play_talk_fails(str status)
{
  play_server_exits((int)play_talk_number(status));
}

static void play_talk_signal(str name)
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

static void play_talk_pause(str duration)
{
  int64_t ms;
  if (duration_parse(duration, &ms)) play_fail("not a duration");
  play_server_move_clock(ms);
}

static void play_talk_log(str pattern)
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

/* ---- the database -------------------------------------------------------------------------------
 */

static int play_talk_query(str sql, int wait, struct buf *answer)
{
  char path[PATH_MAX];
  snprintf(path, sizeof path, "%s/queues/vsmtp.db", play_server_dir());
  return play_sql(path, sql, wait, answer);
}

/* Polls SQL until it gives what is wanted, or for patience milliseconds. */
static void play_talk_expect_sql(str rest, int64_t patience)
{
  int64_t until = play_now() + patience;
  struct buf answer = BUF_INIT(1 << 22), text = BUF_INIT(4096), want = BUF_INIT(1 << 20);
  str sql, value;
  bool glob = !play_talk_halves(rest, STR(" = "), &sql, &value);
  if (glob && !play_talk_halves(rest, STR(" ~ "), &sql, &value)) play_fail("SQL = VALUE");
  play_unescape(value, &want);
  for (;;) {
    int rc = play_talk_query(sql, 5000, &answer);
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

static void play_talk_db(str rest)
{
  play_talk_expect_sql(rest, 0);
}

static void play_talk_until(str rest)
{
  play_talk_expect_sql(rest, PLAY_PATIENCE);
}

static void play_talk_sql(str statement)
{
  struct buf answer = BUF_INIT(1 << 22);
  if (play_talk_query(statement, 10000, &answer)) play_fail("SQL error: %s", buf_cstr(&answer));
  buf_free(&answer);
}

static void play_talk_sql_fails(str rest)
{
  struct buf answer = BUF_INIT(1 << 22);
  str statement, pattern;
  if (!play_talk_halves(rest, STR(" ~ "), &statement, &pattern))
    play_fail("sql-fails STATEMENT ~ PATTERN");
  if (!play_talk_query(statement, 10000, &answer)) play_fail("it works");
  if (!play_talk_any(buf_str(&answer), pattern, true)) play_fail("it says: %s", buf_cstr(&answer));
  buf_free(&answer);
}

/* NAME SQL: waits until there is an answer and keeps it as ${NAME}. */
static void play_talk_let(str rest)
{
  int64_t until = play_now() + PLAY_PATIENCE;
  struct buf answer = BUF_INIT(1 << 20);
  str name = play_talk_word(&rest);
  while (play_talk_query(rest, 5000, &answer) || !answer.n) {
    if (play_now() > until) play_fail("no answer: %s", buf_cstr(&answer));
    play_nap(20000);
  }
  map_set(&talk.values, name, (void *)(uintptr_t)play_talk_keep(buf_str(&answer)));
  buf_free(&answer);
}

/* ---- other commands -----------------------------------------------------------------------------
 */

static void play_talk_input(str rest)
{
  (void)rest;
  buf_clear(&talk.input);
  buf_str_add(&talk.input, play_talk_block());
}

/* Words are parted by spaces; "…" keeps them. */
static size_t play_talk_args(str rest, char **argv, size_t max)
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

static void play_talk_execute(char **argv)
{
  talk.run_status = play_server_run(argv, buf_str(&talk.input), &talk.out, &talk.errors);
  talk.run_line = play_line;
  talk.out_at = talk.errors_at = 0;
  buf_clear(&talk.input);
}

static void play_talk_run(str rest)
{
  static char name[] = "vsmtp", option[] = "-c", file[] = "vsmtp.toml";
  char *argv[64] = {name};
  size_t n = 1 + play_talk_args(rest, argv + 1, 60);
  argv[n++] = option;
  argv[n++] = file;
  argv[n] = NULL;
  play_talk_execute(argv);
}

/* NAME ARGS: the program called by that name, with these arguments only. */
static void play_talk_exec(str rest)
{
  char *argv[64];
  argv[play_talk_args(rest, argv, 63)] = NULL;
  if (!argv[0]) play_fail("exec NAME ARGS");
  play_talk_execute(argv);
}

static void play_talk_exit(str number)
{
  if (!talk.run_line) play_fail("nothing was run");
  if (talk.run_status != play_talk_number(number)) play_fail("exit status %d", talk.run_status);
  talk.run_line = 0;
}

/* Lines are looked for in order: each behind the one found before. */
static void play_talk_seek(const struct buf *text, size_t *at, str pattern)
{
  str rest = str_skip(buf_str(text), *at), line;
  if (str_starts(pattern, STR("!~ "))) {
    if (play_talk_any(buf_str(text), str_skip(pattern, 3), true)) play_fail("a line says so");
    return;
  }
  while (rest.n && str_cut(&rest, '\n', &line)) {
    *at = text->n - rest.n;
    if (play_glob_start(pattern, line)) return;
  }
  play_fail("no further line like this");
}

static void play_talk_out(str pattern)
{
  play_talk_seek(&talk.out, &talk.out_at, pattern);
}

static void play_talk_err(str pattern)
{
  play_talk_seek(&talk.errors, &talk.errors_at, pattern);
}

static void play_talk_same(const struct buf *got)
{
  if (str_eq(buf_str(got), play_talk_block())) return;
  play_fail("it is not the same");
}

static void play_talk_out_is(str rest)
{
  (void)rest;
  play_talk_same(&talk.out);
}

static void play_talk_err_is(str rest)
{
  (void)rest;
  play_talk_same(&talk.errors);
}

/* ---- the table ----------------------------------------------------------------------------------
 */

enum {
  PLAY_TALK_SAYS = 1,  /* may stand in a pipeline */
  PLAY_TALK_JUDGES = 2 /* looks at the last run */
};

static const struct play_talk_word {
  str name;
  void (*play)(str rest);
  int flags;
} play_talk_words[] = {
    {STR_INIT("C"), play_talk_c, PLAY_TALK_SAYS},
    {STR_INIT("raw"), play_talk_raw, PLAY_TALK_SAYS},
    {STR_INIT("data"), play_talk_data, PLAY_TALK_SAYS},
    {STR_INIT("S"), play_talk_s, 0},
    {STR_INIT("reply"), play_talk_reply, 0},
    {STR_INIT("closed"), play_talk_closed, 0},
    {STR_INIT("pipeline"), play_talk_pipeline, 0},
    {STR_INIT("split"), play_talk_split, 0},
    {STR_INIT("from"), play_talk_from, 0},
    {STR_INIT("listener"), play_talk_listener, 0},
    {STR_INIT("connect"), play_talk_connect, 0},
    {STR_INIT("use"), play_talk_use, 0},
    {STR_INIT("disconnect"), play_talk_disconnect, 0},
    {STR_INIT("mail"), play_talk_mail, 0},
    {STR_INIT("rules"), play_talk_rules, 0},
    {STR_INIT("file"), play_talk_file, 0},
    {STR_INIT("folder"), play_talk_folder, 0},
    {STR_INIT("mailbox"), play_talk_mailbox, 0},
    {STR_INIT("config"), play_talk_config, 0},
    {STR_INIT("env"), play_server_env, 0},
    {STR_INIT("start"), play_talk_start, 0},
    {STR_INIT("stop"), play_talk_stop, 0},
    {STR_INIT("restart"), play_talk_restart, 0},
    {STR_INIT("kill"), play_talk_kill, 0},
    {STR_INIT("died"), play_talk_died, 0},
    {STR_INIT("fails"), play_talk_fails, 0},
    {STR_INIT("signal"), play_talk_signal, 0},
    {STR_INIT("pause"), play_talk_pause, 0},
    {STR_INIT("log"), play_talk_log, 0},
    {STR_INIT("db"), play_talk_db, 0},
    {STR_INIT("until"), play_talk_until, 0},
    {STR_INIT("sql"), play_talk_sql, 0},
    {STR_INIT("sql-fails"), play_talk_sql_fails, 0},
    {STR_INIT("let"), play_talk_let, 0},
    {STR_INIT("file-count"), play_talk_file_count, 0},
    {STR_INIT("file-has"), play_talk_file_has, 0},
    {STR_INIT("file-is"), play_talk_file_is, 0},
    {STR_INIT("file-lacks"), play_talk_file_lacks, 0},
    {STR_INIT("input"), play_talk_input, 0},
    {STR_INIT("run"), play_talk_run, 0},
    {STR_INIT("exec"), play_talk_exec, 0},
    {STR_INIT("exit"), play_talk_exit, PLAY_TALK_JUDGES},
    {STR_INIT("out"), play_talk_out, PLAY_TALK_JUDGES},
    {STR_INIT("err"), play_talk_err, PLAY_TALK_JUDGES},
    {STR_INIT("out-is"), play_talk_out_is, PLAY_TALK_JUDGES},
    {STR_INIT("err-is"), play_talk_err_is, PLAY_TALK_JUDGES},
    {STR_INIT("skip"), play_skip, 0},
};

static const struct play_talk_word *play_talk_lookup(str name)
{
  for (size_t i = 0; i < BASE_COUNT(play_talk_words); i++)
    if (str_eq(play_talk_words[i].name, name)) return &play_talk_words[i];
  play_fail("unknown word " STR_FMT, STR_ARG(name));
}

/* A run that nobody asked about must have succeeded. */
static void play_talk_judge_run(void)
{
  if (talk.run_line && talk.run_status) {
    play_line = talk.run_line;
    play_fail("exit status %d", talk.run_status);
  }
  talk.run_line = 0;
}

static void play_talk_play_line(str line)
{
  str name;
  if (!str_trim(line).n || str_starts(line, STR("#"))) return;
  play_talk_read_block(&line);
  buf_clear(&talk.line);
  str_cut(&line, ' ', &name);
  const struct play_talk_word *word = play_talk_lookup(name);
  if (!(word->flags & PLAY_TALK_SAYS)) play_talk_uncork();
  if (!(word->flags & PLAY_TALK_JUDGES)) play_talk_judge_run();
  play_talk_expand(line, &talk.line);
  str rest = buf_str(&talk.line);
  word->play(word->flags & PLAY_TALK_SAYS ? rest : str_trim(rest));
}

static void play_talk_show(void)
{
  struct buf text = BUF_INIT(1 << 22);
  play_client_transcript(&text);
  if (talk.out.n) buf_printf(&text, "  -- standard output of the last run:\n%s", talk.out.p);
  if (talk.errors.n) buf_printf(&text, "  -- its standard error:\n%s", talk.errors.p);
  printf("%s", buf_cstr(&text));
  buf_free(&text);
  play_server_show();
}

void play_talk(const char *path)
{
  str line;
  play_slurp(path, &talk.source, false);
  talk.rest = buf_str(&talk.source);
  play_server_init();
  play_on_fail = play_talk_show;
  while (play_talk_next_line(&line)) play_talk_play_line(line);
  play_talk_uncork();
  play_talk_judge_run();
  play_server_finish();
  if (play_verbose) {
    struct buf text = BUF_INIT(1 << 22);
    play_client_transcript(&text);
    printf("%s", buf_cstr(&text));
    buf_free(&text);
  }
}
