/* tests/unit/log.c: levels, lines, quoting, rotation, full disks, traces. */
#include "../check.h"

#include <fcntl.h>
#include <unistd.h>
#include <sys/stat.h>

static str log_path(struct arena *a, const char *name)
{
  return path_join(a, str_of(check_folder()), str_of(name));
}

static void log_slurp(str path, struct buf *out)
{
  struct err e;
  if (!CHECK_INT(file_read(path, 1 << 20, out, &e), 0)) printf("  %s\n", e.text);
}

/* What stands behind the time stamp of the first line. */
static str log_behind_stamp(const struct buf *file)
{
  str line, rest = buf_str(file);
  if (!str_cut(&rest, '\n', &line) || line.n < 25) return (str){NULL, 0};
  return str_skip(line, 25);
}

static size_t log_lines(const struct buf *file)
{
  size_t n = 0;
  for (size_t i = 0; i < file->n; i++) n += file->p[i] == '\n';
  return n;
}

TEST(log_names)
{
  enum log_level level = LOG_OFF;
  enum log_target target = LOG_TARGETS;
  CHECK_INT(log_level_parse(STR("WaRn"), &level), 0);
  CHECK_INT(level, LOG_WARN);
  CHECK_INT(log_level_parse(STR("off"), &level), 0);
  CHECK_INT(log_level_parse(STR("warning"), &level), -1);
  CHECK_INT(log_level_parse(STR(""), &level), -1);
  CHECK_STR(log_level_name(LOG_TRACE), "trace");
  CHECK_INT(log_target_parse(STR("receiver"), &target), 0);
  CHECK_INT(target, LOG_RECEIVER);
  CHECK_INT(log_target_parse(STR("rule_engine"), &target), 0);
  CHECK_INT(target, LOG_RULES);
  CHECK_INT(log_target_parse(STR("vsmtp_rule_engine"), &target), 0);
  CHECK_INT(target, LOG_RULES);
  CHECK_INT(log_target_parse(STR("dns::resolver"), &target), 0);
  CHECK_INT(target, LOG_DNS);
  CHECK_INT(log_target_parse(STR("default"), &target), -1);
  CHECK_INT(log_target_parse(STR("nobody"), &target), -1);
}

TEST(log_line_form)
{
  struct arena *a = arena_new(0);
  struct buf out = BUF_INIT(0);
  struct err e;
  str path = log_path(a, "log");
  CHECK_INT(log_open(false, path, 0, 0, &e), 0);
  log_warn(LOG_RULES, "sid=%d text=%s", 7, "a\nb\r\t\x1b[1m\x7f\xc2\x85\xff\xc3\xa9");
  log_info(LOG_RULES, "below the level");
  log_slurp(path, &out);
  CHECK_INT(log_lines(&out), 1);
  CHECK_STR(log_behind_stamp(&out),
            "WARN rule_engine: sid=7 text=a\\nb\\r\\t\\x1b[1m\\x7f\\xc2\\x85\\xff\xc3\xa9");
  CHECK_INT(out.p[10], 'T');
  CHECK_INT(out.p[19], '.');
  CHECK_INT(out.p[23], 'Z');
  log_close();
  buf_free(&out);
  arena_free(a);
}

TEST(log_levels_by_target)
{
  struct arena *a = arena_new(0);
  struct buf out = BUF_INIT(0);
  struct err e;
  str path = log_path(a, "log");
  CHECK_INT(log_open(false, path, 0, 0, &e), 0);
  CHECK_INT(log_get_level(LOG_DNS), LOG_WARN);
  log_set_level(LOG_DNS, LOG_DEBUG);
  log_set_level(LOG_TLS, LOG_OFF);
  log_debug(LOG_DNS, "seen");
  log_write(LOG_DNS, LOG_TRACE, "unseen");
  log_error(LOG_TLS, "unseen");
  log_set_level(LOG_DNS, LOG_WARN);
  log_set_level(LOG_TLS, LOG_WARN);
  log_slurp(path, &out);
  CHECK_INT(log_lines(&out), 1);
  CHECK_STR(log_behind_stamp(&out), "DEBUG dns: seen");
  log_close();
  buf_free(&out);
  arena_free(a);
}

TEST(log_application_has_its_own_file)
{
  struct arena *a = arena_new(0);
  struct buf out = BUF_INIT(0);
  struct err e;
  str server = log_path(a, "server"), app = log_path(a, "app");
  CHECK_INT(log_open(false, server, 0, 0, &e), 0);
  CHECK_INT(log_open(true, app, 0, 0, &e), 0);
  log_warn(LOG_APP, "from a rule");
  log_warn(LOG_SERVER, "from the server");
  log_slurp(app, &out);
  CHECK_STR(log_behind_stamp(&out), "WARN app: from a rule");
  log_slurp(server, &out);
  CHECK_STR(log_behind_stamp(&out), "WARN server: from the server");
  log_close();
  buf_free(&out);
  arena_free(a);
}

TEST(log_long_lines_are_cut)
{
  struct arena *a = arena_new(0);
  struct buf out = BUF_INIT(0), text = BUF_INIT(20000);
  struct err e;
  str path = log_path(a, "log");
  CHECK_INT(log_open(false, path, 0, 0, &e), 0);
  for (int i = 0; i < 20000; i++) buf_putc(&text, i < 10000 ? 'x' : '\x01');
  log_warn(LOG_SERVER, "%s", buf_cstr(&text));
  log_warn(LOG_SERVER, "%s", buf_cstr(&text) + 10000);
  log_slurp(path, &out);
  CHECK_INT(log_lines(&out), 2);
  CHECK(str_ends(buf_str(&out), STR("\\x01...\n")));
  CHECK(out.n < 10000);
  log_close();
  buf_free(&out);
  buf_free(&text);
  arena_free(a);
}

TEST(log_rotates)
{
  struct arena *a = arena_new(0);
  struct buf out = BUF_INIT(0);
  struct err e;
  str path = log_path(a, "log");
  CHECK_INT(log_open(false, path, 200, 2, &e), 0);
  for (int i = 0; i < 40; i++) log_warn(LOG_SERVER, "line number %d", i);
  log_slurp(path, &out);
  CHECK(out.n <= 200);
  CHECK(str_find(buf_str(&out), STR("number 39")) >= 0);
  log_slurp(log_path(a, "log.1"), &out);
  CHECK(out.n <= 200 && out.n > 100);
  log_slurp(log_path(a, "log.2"), &out);
  CHECK(out.n <= 200 && out.n > 100);
  CHECK(access(log_path(a, "log.3").p, F_OK) != 0);
  log_close();
  CHECK_INT(log_open(false, path, 200, 2, &e), 0); /* goes on where it stopped */
  log_warn(LOG_SERVER, "%150s", "");
  log_slurp(log_path(a, "log.1"), &out);
  CHECK(str_find(buf_str(&out), STR("number 39")) >= 0);
  log_close();
  buf_free(&out);
  arena_free(a);
}

TEST(log_rotates_without_archives)
{
  struct arena *a = arena_new(0);
  struct buf out = BUF_INIT(0);
  struct err e;
  str path = log_path(a, "log");
  CHECK_INT(log_open(false, path, 100, 0, &e), 0);
  for (int i = 0; i < 40; i++) log_warn(LOG_SERVER, "line number %d", i);
  log_slurp(path, &out);
  CHECK(out.n <= 100);
  CHECK(access(log_path(a, "log.1").p, F_OK) != 0);
  log_close();
  buf_free(&out);
  arena_free(a);
}

TEST(log_reopens)
{
  struct arena *a = arena_new(0);
  struct buf out = BUF_INIT(0);
  struct err e;
  str path = log_path(a, "log"), old = log_path(a, "old");
  CHECK_INT(log_open(false, path, 0, 0, &e), 0);
  log_warn(LOG_SERVER, "first");
  CHECK_INT(rename(path.p, old.p), 0);
  log_warn(LOG_SERVER, "second");
  CHECK_INT(log_reopen(&e), 0);
  log_warn(LOG_SERVER, "third");
  log_slurp(old, &out);
  CHECK_INT(log_lines(&out), 2);
  log_slurp(path, &out);
  CHECK_STR(log_behind_stamp(&out), "WARN server: third");
  log_close();
  buf_free(&out);
  arena_free(a);
}

TEST(log_open_fails_and_keeps_the_old)
{
  struct arena *a = arena_new(0);
  struct buf out = BUF_INIT(0);
  struct err e;
  str path = log_path(a, "log");
  CHECK_INT(log_open(false, path, 0, 0, &e), 0);
  CHECK_INT(log_open(false, STR("/nowhere/at/all"), 0, 0, &e), -1);
  CHECK_STR(e.text, "cannot open log file /nowhere/at/all: No such file or directory");
  mem_fail_at(1, true);
  CHECK_INT(log_open(false, path, 0, 0, &e), -1);
  CHECK_INT(e.kind, ERR_NOMEM);
  log_warn(LOG_SERVER, "still there");
  log_slurp(path, &out);
  CHECK_STR(log_behind_stamp(&out), "WARN server: still there");
  log_close();
  buf_free(&out);
  arena_free(a);
}

/* Who may write in its folder can put a pipe there, to stop us or to read along. */
TEST(log_is_no_pipe)
{
  struct arena *a = arena_new(0);
  struct err e;
  str path = log_path(a, "pipe");
  CHECK_INT(mkfifo(path.p, 0600), 0);
  CHECK_INT(log_open(false, path, 0, 0, &e), -1); /* and it does not wait for a reader */
  int reader = open(path.p, O_RDONLY | O_NONBLOCK);
  CHECK_INT(log_open(false, path, 0, 0, &e), -1);
  CHECK(str_ends(str_of(e.text), STR("Invalid argument")));
  close(reader);
  CHECK_INT(log_open(false, STR("/dev/null"), 0, 0, &e), 0);
  log_close();
  arena_free(a);
}

/* /dev/full refuses every write; the program goes on, and later lines say what was lost. */
TEST(log_full_disk)
{
  struct arena *a = arena_new(0);
  struct buf out = BUF_INIT(0);
  struct err e;
  str path = log_path(a, "log");
  if (access("/dev/full", W_OK)) return;
  CHECK_INT(symlink("/dev/full", path.p), 0);
  CHECK_INT(log_open(false, path, 0, 0, &e), 0);
  log_warn(LOG_SERVER, "lost");
  log_warn(LOG_SERVER, "lost too");
  CHECK_INT(unlink(path.p), 0);
  CHECK_INT(log_reopen(&e), 0);
  log_warn(LOG_SERVER, "there");
  log_slurp(path, &out);
  CHECK(str_starts(buf_str(&out), STR("(2 lines of this log were lost)\n")));
  CHECK_INT(log_lines(&out), 2);
  log_close();
  buf_free(&out);
  arena_free(a);
}

TEST(log_quotes)
{
  CHECK_STR(log_q(STR("plain@home.example")), "plain@home.example");
  CHECK_STR(log_q(STR("")), "\"\"");
  CHECK_STR(log_q((str){NULL, 0}), "\"\"");
  CHECK_STR(log_q(STR("two words")), "\"two words\"");
  CHECK_STR(log_q(STR("say \"hi\\\"")), "\"say \\\"hi\\\\\\\"\"");
  CHECK_STR(log_q(STR("a\r\nb\0c")), "a\\r\\nb\\x00c");
  char text[301];
  memset(text, '\xff', 300);
  text[300] = '\0';
  str cut = str_of(log_q((str){text, 300}));
  CHECK_INT(cut.n, 800 + 3);
  memset(text, '"', 300);
  CHECK_INT(strlen(log_q((str){text, 300})), 400 + 2 + 3);
  for (int i = 0; i < 100; i++) memcpy(text + 3 * i, "\xe2\x82\xac", 3);
  CHECK_INT(strlen(log_q((str){text, 300})), 198 + 3);
}

TEST(log_quotes_live_for_eight)
{
  const char *first = log_q(STR("first"));
  for (int i = 0; i < 7; i++) (void)log_q(STR("other"));
  CHECK_STR(first, "first");
}

TEST(log_trace)
{
  uint32_t mask = 0;
  CHECK_INT(trace_parse(STR("smtp, DNS"), &mask), 0);
  CHECK_INT(mask, 1 << TRACE_SMTP | 1 << TRACE_DNS);
  CHECK_INT(trace_parse(STR("all"), &mask), 0);
  CHECK_INT(mask, (1 << TRACE_TOPICS) - 1);
  CHECK_INT(trace_parse(STR("deliver"), &mask), 0);
  CHECK_INT(mask, 1 << TRACE_DELIVER);
  CHECK_INT(trace_parse(STR("smtp,nothing"), &mask), -1);
  CHECK_INT(mask, 1 << TRACE_DELIVER);
  CHECK_INT(trace_parse(STR(""), &mask), 0);
  CHECK_INT(mask, 0);
  struct arena *a = arena_new(0);
  struct buf out = BUF_INIT(0);
  struct err e;
  str path = log_path(a, "log");
  CHECK_INT(log_open(false, path, 0, 0, &e), 0);
  trace_mask = 1 << TRACE_VM;
  trace(TRACE_VM, "step %d", 1);
  trace(TRACE_IO, "unseen");
  trace_mask = 0;
  log_slurp(path, &out);
  CHECK_STR(log_behind_stamp(&out), "TRACE vm: step 1");
  CHECK_INT(log_lines(&out), 1);
  log_close();
  buf_free(&out);
  arena_free(a);
}
