/* tests/play_talk.c: plays a conversation: each line of the file begins with a word of the table at
 * the end. tests/README describes the words.
 */
#include "play_talk.h"

static struct {
  struct buf source;
  str rest; /* lines not yet played */
  struct buf line, block;
  bool has_block;
  struct map values; /* of `let`; the strings are kept */
} talk = {.line = BUF_INIT(1 << 26), .block = BUF_INIT(1 << 26)};

/* ---- reading the file ------------------------------------------------------------------------ */

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
    buf_printf(out, "%d", play_wire_port());
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

str play_talk_block(void)
{
  if (!talk.has_block) play_fail("a block must follow: <<");
  return buf_str(&talk.block);
}

str play_talk_word(str *rest)
{
  str word = {NULL, 0};
  *rest = str_trim(*rest);
  if (rest->n) str_cut(rest, ' ', &word);
  *rest = str_trim(*rest);
  return word;
}

int64_t play_talk_number(str text)
{
  int64_t number;
  if (str_to_i64(text, &number)) play_fail("a number is missing");
  return number;
}

bool play_talk_halves(str text, str mark, str *left, str *right)
{
  for (size_t at = text.n; at-- > 0;) {
    if (!str_starts(str_skip(text, at), mark)) continue;
    *left = str_trim(str_sub(text, 0, at));
    *right = str_trim(str_skip(text, at + mark.n));
    return true;
  }
  return false;
}

const char *play_talk_keep(str s)
{
  static struct arena *kept;
  if (!kept) kept = arena_new(0);
  return arena_str(kept, s).p;
}

void play_talk_set(str name, str text)
{
  if (map_set(&talk.values, name, (void *)(uintptr_t)play_talk_keep(text))) play_fail("no memory");
}

void play_talk_mismatch(const char *what, str line)
{
  struct buf text = BUF_INIT(4096);
  play_show(&text, line);
  play_fail("%s: %s", what, buf_cstr(&text));
}

bool play_talk_any(str text, str pattern, bool anywhere)
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

bool play_talk_not(str *pattern)
{
  bool negative = str_starts(*pattern, STR("!~"));
  if (!negative && !str_starts(*pattern, STR("~"))) play_fail("~ or !~ is missing");
  *pattern = str_trim(str_skip(*pattern, negative ? 2 : 1));
  return negative;
}

/* ---- the table ------------------------------------------------------------------------------- */

enum {
  PLAY_TALK_SAYS = 1,  /* may stand in a pipeline */
  PLAY_TALK_JUDGES = 2 /* looks at the last run */
};

static const struct play_talk_word {
  str name;
  void (*play)(str rest);
  int flags;
} play_talk_words[] = {
    {STR_INIT("C"), play_wire_c, PLAY_TALK_SAYS},
    {STR_INIT("raw"), play_wire_raw, PLAY_TALK_SAYS},
    {STR_INIT("data"), play_wire_data, PLAY_TALK_SAYS},
    {STR_INIT("S"), play_wire_s, 0},
    {STR_INIT("reply"), play_wire_reply, 0},
    {STR_INIT("closed"), play_wire_closed, 0},
    {STR_INIT("pipeline"), play_wire_pipeline, 0},
    {STR_INIT("split"), play_wire_split, 0},
    {STR_INIT("from"), play_wire_from, 0},
    {STR_INIT("listener"), play_wire_listener, 0},
    {STR_INIT("connect"), play_wire_connect, 0},
    {STR_INIT("use"), play_wire_use, 0},
    {STR_INIT("disconnect"), play_wire_disconnect, 0},
    {STR_INIT("mail"), play_wire_mail, 0},
    {STR_INIT("try"), play_wire_try, 0},
    {STR_INIT("rules"), play_world_rules, 0},
    {STR_INIT("file"), play_world_file, 0},
    {STR_INIT("folder"), play_world_folder, 0},
    {STR_INIT("mailbox"), play_world_mailbox, 0},
    {STR_INIT("config"), play_world_config, 0},
    {STR_INIT("env"), play_server_env, 0},
    {STR_INIT("start"), play_world_start, 0},
    {STR_INIT("stop"), play_world_stop, 0},
    {STR_INIT("restart"), play_world_restart, 0},
    {STR_INIT("kill"), play_world_kill, 0},
    {STR_INIT("died"), play_world_died, 0},
    {STR_INIT("fails"), play_world_fails, 0},
    {STR_INIT("signal"), play_world_signal, 0},
    {STR_INIT("pause"), play_world_pause, 0},
    {STR_INIT("log"), play_world_log, 0},
    {STR_INIT("db"), play_world_db, 0},
    {STR_INIT("until"), play_world_until, 0},
    {STR_INIT("sql"), play_world_sql, 0},
    {STR_INIT("sql-fails"), play_world_sql_fails, 0},
    {STR_INIT("let"), play_world_let, 0},
    {STR_INIT("file-count"), play_world_file_count, 0},
    {STR_INIT("file-has"), play_world_file_has, 0},
    {STR_INIT("file-is"), play_world_file_is, 0},
    {STR_INIT("file-lacks"), play_world_file_lacks, 0},
    {STR_INIT("input"), play_run_input, 0},
    {STR_INIT("run"), play_run_run, 0},
    {STR_INIT("exec"), play_run_exec, 0},
    {STR_INIT("exit"), play_run_exit, PLAY_TALK_JUDGES},
    {STR_INIT("out"), play_run_out, PLAY_TALK_JUDGES},
    {STR_INIT("err"), play_run_err, PLAY_TALK_JUDGES},
    {STR_INIT("out-is"), play_run_out_is, PLAY_TALK_JUDGES},
    {STR_INIT("err-is"), play_run_err_is, PLAY_TALK_JUDGES},
    {STR_INIT("skip"), play_skip, 0},
};

static const struct play_talk_word *play_talk_lookup(str name)
{
  for (size_t i = 0; i < BASE_COUNT(play_talk_words); i++)
    if (str_eq(play_talk_words[i].name, name)) return &play_talk_words[i];
  play_fail("unknown word " STR_FMT, STR_ARG(name));
}

static void play_talk_play_line(str line);

/* "each NAME VALUES... <<END": the lines up to END once for each value, which is ${NAME} in
 * them. */
static void play_talk_each(str rest)
{
  str name = play_talk_word(&rest), values, mark, value, line = {NULL, 0}, after;
  if (!play_talk_halves(rest, STR("<<"), &values, &mark) || !mark.n) play_fail("<<END is missing");
  str block = talk.rest;
  int start = play_line;
  while (!str_eq(line, mark))
    if (!play_talk_next_line(&line)) play_fail("the block has no end");
  int end = play_line;
  after = talk.rest;
  while ((value = play_talk_word(&values)).n) {
    play_talk_set(name, value);
    play_line = start;
    talk.rest = block;
    while (play_line + 1 < end && play_talk_next_line(&line)) play_talk_play_line(line);
  }
  play_line = end;
  talk.rest = after;
}

/* "include FILE NAME=VALUE…": the lines of a file, named from the folder of this one, with these
 * values. */
static void play_talk_include(str rest)
{
  static int depth;
  struct buf path = BUF_INIT(4096), source = BUF_INIT(1 << 20);
  str file = play_talk_word(&rest), here = str_of(play_file), word, name, line, after = talk.rest;
  const char *outer = play_file;
  int start = play_line;
  if (!file.n || depth == 4) play_fail("include FILE NAME=VALUE…");
  while ((word = play_talk_word(&rest)).n) {
    if (!str_cut(&word, '=', &name)) play_fail("include FILE NAME=VALUE…");
    play_talk_set(name, word);
  }
  buf_str_add(&path, str_sub(here, 0, (size_t)(str_rchr(here, '/') + 1)));
  buf_str_add(&path, file);
  play_file = play_talk_keep(buf_str(&path));
  play_slurp(play_file, &source, false);
  play_line = 0;
  talk.rest = buf_str(&source);
  depth++;
  while (play_talk_next_line(&line)) play_talk_play_line(line);
  depth--;
  play_file = outer;
  play_line = start;
  talk.rest = after;
  buf_free(&path);
  buf_free(&source);
}

static void play_talk_play_line(str line)
{
  str name;
  if (!str_trim(line).n || str_starts(line, STR("#"))) return;
  if (str_starts(line, STR("each "))) {
    play_talk_each(str_skip(line, STR("each ").n));
    return;
  }
  if (str_starts(line, STR("include "))) {
    play_talk_include(str_skip(line, STR("include ").n));
    return;
  }
  play_talk_read_block(&line);
  buf_clear(&talk.line);
  str_cut(&line, ' ', &name);
  const struct play_talk_word *word = play_talk_lookup(name);
  if (!(word->flags & PLAY_TALK_SAYS)) play_wire_uncork();
  if (!(word->flags & PLAY_TALK_JUDGES)) play_run_judge();
  play_talk_expand(line, &talk.line);
  str rest = buf_str(&talk.line);
  word->play(word->flags & PLAY_TALK_SAYS ? rest : str_trim(rest));
}

static void play_talk_show(void)
{
  struct buf text = BUF_INIT(1 << 22);
  play_client_transcript(&text);
  play_run_show(&text);
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
  play_wire_uncork();
  play_run_judge();
  play_wire_end();
  play_server_finish();
  if (play_verbose) {
    struct buf text = BUF_INIT(1 << 22);
    play_client_transcript(&text);
    printf("%s", buf_cstr(&text));
    buf_free(&text);
  }
}
