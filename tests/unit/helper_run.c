/* tests/unit/helper_run.c: the commands that the helper runs. */
#include "helper_kit.h"

struct run {
  int done, value;
  enum helper_how how;
  char why[HELPER_TEXT_MAX];
  bool flood;
  size_t n; /* of out; what is longer is cut */
  char out[100];
  struct helper_job *job;
};

static void run_done(void *arg, const struct helper_ran *ran)
{
  struct run *r = arg;
  r->done++;
  r->how = ran->how;
  r->value = ran->value;
  r->flood = ran->flood;
  r->n = ran->output.n;
  if (r->n) memcpy(r->out, ran->output.p, r->n < sizeof r->out ? r->n : sizeof r->out);
  snprintf(r->why, sizeof r->why, STR_FMT, STR_ARG(ran->text));
}

/* In one word what helper_run wants. */
static int run_order(size_t service, const str *args, size_t n, size_t output, struct run *r)
{
  struct err e;
  struct helper_command what = {.service = service, .args = args, .n = n, .output = output};
  return helper_run(h, &what, run_done, r, &r->job, &e);
}

static void run_wait(struct run *r)
{
  struct err e;
  for (int64_t stop = clock_mono() + 10000; !r->done && clock_mono() < stop;) loop_turn(l, 100, &e);
  CHECK_INT(r->done, 1);
}

static struct run run_hear(size_t service, const char *const *args, size_t n, size_t output)
{
  struct run r = {.done = 0};
  str list[8];
  for (size_t i = 0; i < n; i++) list[i] = str_of(args[i]);
  if (CHECK_INT(run_order(service, list, n, output, &r), 0)) run_wait(&r);
  return r;
}

static struct run run(size_t service, const char *const *args, size_t n)
{
  return run_hear(service, args, n, 0);
}

enum { SH, TRUE, NONE, SLOW, AS_ROOT, AS_P, AS_NOBODY_KNOWN, BAD_TIME, FIXED, FIXED_BAD, LAST };

static void give_services(void)
{
  struct err e;
  static const str words[] = {STR_INIT("-c"), STR_INIT("printf '%s|' \"$@\""),
                              STR_INIT("-"),  STR_INIT(" a"),
                              STR_INIT(""),   STR_INIT("$(b)")};
  static char huge[LIMIT_PROGRAM_WORDS];
  static const str too_long[] = {{huge, sizeof huge}};
  static const struct helper_service list[LAST] = {
      [SH] = {.command = STR_INIT("sh"), .timeout = 10000},
      [TRUE] = {.command = STR_INIT("/bin/true"), .timeout = 10000},
      [NONE] = {.command = STR_INIT("/no/such/program"), .timeout = 10000},
      [SLOW] = {.command = STR_INIT("sh"), .timeout = 150},
      [AS_ROOT] = {.command = STR_INIT("true"), .user = STR_INIT("r"), .timeout = 10000},
      [AS_P] = {.command = STR_INIT("sh"), .user = STR_INIT("p"), .timeout = 10000},
      [AS_NOBODY_KNOWN] = {.command = STR_INIT("true"), .user = STR_INIT("zz"), .timeout = 10000},
      [BAD_TIME] = {.command = STR_INIT("true"), .timeout = 0},
      [FIXED] = {.command = STR_INIT("sh"),
                 .fixed = true,
                 .words = words,
                 .n_words = 6,
                 .timeout = 10000},
      [FIXED_BAD] = {.command = STR_INIT("true"),
                     .fixed = true,
                     .words = too_long,
                     .n_words = 1,
                     .timeout = 10000},
  };
  memset(huge, 'x', sizeof huge);
  CHECK_INT(helper_services(h, list, LAST, &e), 0);
  CHECK_INT(helper_services(h, list, LAST, &e), -1); /* once */
  CHECK_INT(e.kind, ERR_PERM);
}

TEST(helper_runs_commands)
{
  char script[600];
  struct run r;
  if (!begin()) return;
  give_services();
  r = run(TRUE, NULL, 0);
  CHECK(r.how == HELPER_EXITED && r.value == 0);
  r = run(SH, (const char *[]){"-c", "exit 7"}, 2);
  CHECK(r.how == HELPER_EXITED && r.value == 7);
  r = run(SH, (const char *[]){"-c", "kill -15 $$"}, 2);
  CHECK(r.how == HELPER_KILLED && r.value == SIGTERM);
  r = run(SH,
          (const char *[]){"-c", "test \"$1,$2\" = ' a;b,$(x)' && test $# = 3", "-", " a;b", "$(x)",
                           ""},
          6);
  CHECK(r.how == HELPER_EXITED && r.value == 0); /* each argument as it is */
  r = run(SH, (const char *[]){"-c", "read x && exit 1; ls /proc/self/fd | wc -l | grep -qx 4"}, 2);
  CHECK(r.how == HELPER_EXITED && r.value == 0); /* no input, no descriptor of ours */
  snprintf(script, sizeof script, "id -u >%s/home/id; env >>%s/home/id", check_folder(),
           check_folder());
  r = run(AS_P, (const char *[]){"-c", script}, 2);
  if (!CHECK(r.how == HELPER_EXITED && r.value == 0)) printf("%s\n", r.why);
  str text = content_of("home/id"), line;
  snprintf(script, sizeof script, "%u", geteuid() ? (unsigned)geteuid() : OWNER);
  CHECK(str_cut(&text, '\n', &line));
  CHECK_STR(line, script);
  CHECK(str_find(text, STR("PATH=/usr/local/sbin:")) >= 0);
  snprintf(script, sizeof script, "HOME=%s/home", check_folder());
  CHECK(str_find(text, str_of(script)) >= 0);
  CHECK(str_find(text, STR("TMPDIR")) < 0);
  buf_free(&content);
  finish();
}

TEST(helper_runs_nothing_else)
{
  struct run r;
  str args[2] = {STR("a"), {"x\0y", 3}};
  static char big[LIMIT_PROGRAM_ARGS + 1];
  if (!begin()) return;
  r = run(TRUE, NULL, 0); /* nobody has given the list */
  CHECK(r.how == HELPER_NOT_RUN && r.value == HELPER_PERM);
  give_services();
  r = run(NONE, NULL, 0);
  CHECK(r.how == HELPER_NOT_RUN && strstr(r.why, "cannot run /no/such/program") == r.why);
  r = run(AS_ROOT, NULL, 0);
  CHECK(r.how == HELPER_NOT_RUN);
  CHECK(geteuid() || strstr(r.why, "as root"));
  r = run(AS_NOBODY_KNOWN, NULL, 0);
  CHECK(r.how == HELPER_NOT_RUN && strstr(r.why, "no user zz"));
  r = run(BAD_TIME, NULL, 0);
  CHECK(r.how == HELPER_NOT_RUN && r.value == HELPER_PERM);
  r = run(LAST, NULL, 0);
  CHECK(r.how == HELPER_NOT_RUN && r.value == HELPER_PERM);
  CHECK_INT(run_order(9999, NULL, 0, 0, &r), -1);
  CHECK_INT(run_order(TRUE, args, 2, 0, &r), -1);
  memset(big, 'x', sizeof big);
  args[0] = (str){big, sizeof big};
  CHECK_INT(run_order(TRUE, args, 1, 0, &r), -1);
  CHECK_INT(helper_room(h), LIMIT_HELPER_CHILDREN);
  finish();
}

TEST(helper_kills_commands_with_all_they_started)
{
  char script[600];
  struct run r = {.done = 0};
  struct err e;
  if (!begin()) return;
  give_services();
  chmod(in_folder("home"), 0777);
  snprintf(script, sizeof script, "(sleep 1; : >%s/home/alive) & wait", check_folder());
  str args[2] = {STR("-c"), str_of(script)};
  r = run(SLOW, (const char *[]){"-c", script}, 2);
  CHECK(r.how == HELPER_KILLED && r.value == SIGKILL);
  r = (struct run){.done = 0};
  CHECK_INT(run_order(SH, args, 2, 0, &r), 0);
  for (int i = 0; i < 10; i++) loop_turn(l, 10, &e);
  helper_cancel(r.job);
  for (int64_t stop = clock_mono() + 5000;
       helper_room(h) < LIMIT_HELPER_CHILDREN && clock_mono() < stop;)
    loop_turn(l, 50, &e);
  CHECK_INT(helper_room(h), LIMIT_HELPER_CHILDREN);
  CHECK_INT(r.done, 0);
  poll(NULL, 0, 1100);
  CHECK_INT(access(in_folder("home/alive"), F_OK), -1);
  finish();
}

TEST(helper_hears_commands)
{
  struct run r;
  if (!begin()) return;
  give_services();
  r = run_hear(SH, (const char *[]){"-c", "printf 'a\\0b\\n'"}, 2, 100);
  CHECK(r.how == HELPER_EXITED && r.value == 0 && !r.flood);
  CHECK_STR(((str){r.out, r.n}), ((str){"a\0b\n", 4}));
  r = run_hear(SH, (const char *[]){"-c", "echo some; echo >&2 lost; exit 3"}, 2, 100);
  CHECK(r.how == HELPER_EXITED && r.value == 3);
  CHECK_STR(((str){r.out, r.n}), "some\n");
  r = run_hear(SH, (const char *[]){"-c", "echo half; kill -9 $$"}, 2, 100);
  CHECK(r.how == HELPER_KILLED && r.value == SIGKILL && r.n == 5);
  r = run_hear(TRUE, NULL, 0, 100);
  CHECK(r.how == HELPER_EXITED && r.n == 0);
  r = run_hear(SH, (const char *[]){"-c", "exec >&-; sleep 0.1; exit 4"}, 2,
               100); /* closed early */
  CHECK(r.how == HELPER_EXITED && r.value == 4 && r.n == 0);
  r = run_hear(SH, (const char *[]){"-c", "(sleep 3; echo late) & echo now"}, 2,
               100); /* left behind */
  CHECK(r.how == HELPER_EXITED && r.value == 0);
  CHECK_STR(((str){r.out, r.n}), "now\n");
  r = run_hear(SH, (const char *[]){"-c", "printf %100s x"}, 2, 100);
  CHECK(r.how == HELPER_EXITED && r.n == 100 && !r.flood && r.out[99] == 'x');
  r = run_hear(SH, (const char *[]){"-c", "printf %101s x; sleep 9"}, 2, 100);
  CHECK(r.how == HELPER_KILLED && r.flood && r.n == 0);
  r = run_hear(SH, (const char *[]){"-c", "printf %101s x"}, 2, 100);
  CHECK(r.flood && r.n == 0);
  r = run_hear(SH, (const char *[]){"-c", "yes"}, 2, 100);
  CHECK(r.flood && r.n == 0);
  r = run_hear(SLOW, (const char *[]){"-c", "echo x; sleep 9"}, 2, 100);
  CHECK(r.how == HELPER_KILLED && !r.flood);
  CHECK_STR(r.why, "it took too long");
  r = run_hear(NONE, NULL, 0, 100);
  CHECK(r.how == HELPER_NOT_RUN && r.n == 0);
  CHECK_INT(helper_room(h), LIMIT_HELPER_CHILDREN);
  finish();
}

TEST(helper_runs_what_is_fixed_as_it_is)
{
  struct run r;
  if (!begin()) return;
  give_services();
  r = run_hear(FIXED, NULL, 0, 100);
  CHECK(r.how == HELPER_EXITED && r.value == 0);
  CHECK_STR(((str){r.out, r.n}), " a||$(b)|");
  r = run_hear(FIXED, (const char *[]){"more"}, 1, 100);
  CHECK(r.how == HELPER_NOT_RUN && r.value == HELPER_PERM);
  r = run_hear(FIXED_BAD, NULL, 0, 100);
  CHECK(r.how == HELPER_NOT_RUN && r.value == HELPER_PERM);
  finish();
}

TEST(helper_run_without_memory)
{
  if (!begin()) return;
  give_services();
  for (uint64_t nth = 1; nth < 4; nth++) {
    struct run r = {.done = 0};
    str args[] = {STR("-c"), STR("echo x")};
    mem_fail_at(nth, true);
    bool taken = run_order(SH, args, 2, 100, &r) == 0;
    mem_fail_at(0, true);
    if (taken) run_wait(&r);
    if (taken) CHECK_INT(r.n, 2);
    CHECK_INT(helper_room(h), LIMIT_HELPER_CHILDREN);
  }
  finish();
}

TEST(helper_tries_commands)
{
  static const struct {
    const char *command, *user, *why;
    bool root_alone;
  } cases[] = {
      {"true", "", NULL, false},
      {"/bin/true", "", NULL, false},
      {"no-such-program", "", "there is no no-such-program in ", false},
      {"/no/such", "", "cannot run /no/such: ", false},
      {"/etc", "", "cannot run /etc: no file", false},
      {"/proc/version", "", "cannot run /proc/version: ", false},
      {"true", "r", "no command is run as root", true},
      {"true", "zz", "there is no user zz", false},
      {"", "", "there can be no such command", false},
  };
  struct helper_conf conf = {.server_user = STR("q")};
  struct err e;
  char passwd[400];
  chmod(check_folder(), 0755);
  make_passwd();
  snprintf(passwd, sizeof passwd, "%s/passwd", check_folder());
  conf.passwd = str_of(passwd);
  for (size_t i = 0; i < BASE_COUNT(cases); i++) {
    struct helper_service s = {
        .command = str_of(cases[i].command), .user = str_of(cases[i].user), .timeout = 1};
    int result = helper_try(&conf, &s, &e);
    if (cases[i].root_alone && geteuid() != 0) continue;
    CHECK_INT(result, cases[i].why ? -1 : 0);
    if (cases[i].why && !CHECK(strstr(e.text, cases[i].why) == e.text)) printf("%s\n", e.text);
    if (cases[i].why) CHECK_INT(e.kind, ERR_PERM);
  }
}
