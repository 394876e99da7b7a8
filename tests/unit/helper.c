/* tests/unit/helper.c: the helper as a process: deliveries, refusals, deaths. As root (then children
 * become other users, from a passwd file of the test) and as an ordinary user. */
#include "../../smtp/helper.h"
#include "../../smtp/helper_int.h"
#include "../check.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { OWNER = 12345, OTHER = 12346 };

static struct loop *l;
static struct helper *h;
static char path[500];

static const char *in_folder(const char *name)
{
  snprintf(path, sizeof path, "%s/%s", check_folder(), name);
  return path;
}

static void make_folder(const char *name, uint32_t uid)
{
  CHECK_INT(mkdir(in_folder(name), 0700), 0);
  if (geteuid() == 0) CHECK_INT(chown(path, uid, uid), 0);
}

/* Users p (a person), s (a system user), r (root by another name), n (nobody). */
static void make_passwd(void)
{
  FILE *f = fopen(in_folder("passwd"), "w");
  uint32_t uid = geteuid() ? geteuid() : OWNER;
  fprintf(f, "p:x:%u:%u::%s/home:/bin/sh\n", uid, geteuid() ? getegid() : OWNER, check_folder());
  fprintf(f, "q:x:%u:%u::%s/home:/bin/sh\n", OTHER, OTHER, check_folder());
  fprintf(f, "s:x:999:999::%s/home:/bin/sh\nr:x:0:0::%s/home:/bin/sh\n", check_folder(),
          check_folder());
  fprintf(f, "n:x:65534:65534::%s/home:/bin/sh\n", check_folder());
  fclose(f);
}

static const char *server_user = "q";

static bool begin(void)
{
  struct err e = {.kind = ERR_NONE};
  static char boxes[400], passwd[400], spool[400];
  chmod(check_folder(), 0755);
  snprintf(boxes, sizeof boxes, "%s/mailboxes", check_folder());
  snprintf(passwd, sizeof passwd, "%s/passwd", check_folder());
  snprintf(spool, sizeof spool, "%s/spool", check_folder());
  make_passwd();
  make_folder("home", OWNER);
  make_folder("spool", OWNER);
  make_folder("mailboxes", 0);
  make_folder("mailboxes/home.example", 0);
  make_folder("mailboxes/home.example/alice", OWNER);
  struct helper_conf conf = {.mailboxes = str_of(boxes),
                             .mbox_dir = str_of(spool),
                             .server_user = str_of(server_user),
                             .passwd = str_of(passwd)};
  h = helper_start(&conf, &e);
  l = loop_new(&e);
  return CHECK(h && l) && CHECK_INT(helper_attach(h, l, &e), 0);
}

static void finish(void)
{
  struct err e;
  helper_free(h);
  while (waitpid(-1, NULL, 0) > 0) {} /* it ends by itself */
  loop_turn(l, 0, &e);
  loop_free(l);
}

/* One delivery and what became of it. */
struct mail {
  const char *text;
  uint64_t size;
  uint64_t fails_at; /* the owner gives up here; 0: never */
  struct helper_job *job;
  int done;
  enum helper_outcome outcome;
  char why[HELPER_TEXT_MAX];
};

static ptrdiff_t mail_body(void *arg, uint64_t at, char *p, size_t n)
{
  struct mail *m = arg;
  size_t len = strlen(m->text);
  if (m->fails_at && at >= m->fails_at) return -1;
  if (n > m->size - at) n = (size_t)(m->size - at);
  for (size_t i = 0; i < n; i++) p[i] = m->text[(at + i) % len];
  return (ptrdiff_t)n;
}

static void mail_done(void *arg, enum helper_outcome outcome, str text)
{
  struct mail *m = arg;
  m->done++;
  m->outcome = outcome;
  m->job = NULL;
  snprintf(m->why, sizeof m->why, STR_FMT, STR_ARG(text));
}

static struct mail mail_of(const char *text)
{
  return (struct mail){.text = text, .size = strlen(text)};
}

static struct helper_delivery to_alice(const struct mail *m)
{
  return (struct helper_delivery){.place = HELPER_FOLDER,
                                  .format = HELPER_MAILDIR,
                                  .local = STR("alice"),
                                  .domain = STR("home.example"),
                                  .name = STR("0m.1"),
                                  .sender = STR("s@x"),
                                  .head = STR("Return-Path: <s@x>\r\n"),
                                  .size = m->size};
}

static struct helper_delivery to_user(const struct mail *m, const char *user)
{
  struct helper_delivery d = to_alice(m);
  d.place = HELPER_USER;
  d.user = str_of(user);
  return d;
}

static void wait_for(struct mail *m)
{
  struct err e;
  for (int64_t stop = clock_mono() + 10000; !m->done && clock_mono() < stop;) loop_turn(l, 100, &e);
  CHECK_INT(m->done, 1);
}

static bool order(struct mail *m, const struct helper_delivery *d)
{
  struct err e = {.kind = ERR_NONE};
  int result = helper_deliver(h, d, mail_body, mail_done, m, &m->job, &e);
  if (result) snprintf(m->why, sizeof m->why, "%.200s", e.text);
  m->outcome = e.kind == ERR_PERM ? HELPER_PERM : HELPER_TEMP;
  return result == 0;
}

static enum helper_outcome deliver(struct mail *m, const struct helper_delivery *d)
{
  m->done = 0;
  if (order(m, d)) wait_for(m);
  return m->outcome;
}

static struct buf content = BUF_INIT(1 << 20);

static str content_of(const char *name)
{
  struct err e;
  buf_free(&content);
  if (file_read(str_of(in_folder(name)), 1 << 20, &content, &e)) return STR("<no file>");
  return buf_str(&content);
}

#define ALICE "mailboxes/home.example/alice"

TEST(helper_delivers_to_a_folder)
{
  struct mail m = mail_of("A: b\r\n\r\nhello\r\n");
  struct helper_delivery d = to_alice(&m);
  struct stat st;
  if (!begin()) return;
  d.domain = STR("Home.EXAMPLE");
  CHECK_INT(helper_room(h), LIMIT_HELPER_CHILDREN);
  if (!CHECK_INT(deliver(&m, &d), HELPER_OK)) printf("%s\n", m.why);
  CHECK_STR(content_of(ALICE "/Maildir/new/0m.1"), "Return-Path: <s@x>\nA: b\n\nhello\n");
  CHECK_INT(stat(in_folder(ALICE "/Maildir/new/0m.1"), &st), 0);
  CHECK_INT(st.st_uid, geteuid() ? geteuid() : OWNER);
  CHECK_INT(helper_room(h), LIMIT_HELPER_CHILDREN);
  CHECK_INT(deliver(&m, &d), HELPER_OK); /* a second time changes nothing */
  d.format = HELPER_MBOX;
  CHECK_INT(deliver(&m, &d), HELPER_OK);
  CHECK(str_ends(content_of(ALICE "/mbox"), STR("hello\n\n")));
  buf_free(&content);
  finish();
}

TEST(helper_delivers_to_a_user)
{
  struct mail m = mail_of("hello\r\n");
  struct helper_delivery d = to_user(&m, "p");
  struct stat st;
  if (!begin()) return;
  if (!CHECK_INT(deliver(&m, &d), HELPER_OK)) printf("%s\n", m.why);
  CHECK(str_ends(content_of("home/Maildir/new/0m.1"), STR("hello\n")));
  CHECK_INT(stat(in_folder("home/Maildir"), &st), 0);
  CHECK_INT(st.st_uid, geteuid() ? geteuid() : OWNER);
  CHECK_INT(st.st_gid, geteuid() ? getegid() : OWNER);
  d.format = HELPER_MBOX;
  if (!CHECK_INT(deliver(&m, &d), HELPER_OK)) printf("%s\n", m.why);
  CHECK(str_starts(content_of("spool/p"), STR("From s@x ")));
  buf_free(&content);
  finish();
}

TEST(helper_refuses)
{
  static const struct {
    const char *user;
    enum helper_outcome want;
  } users[] = {{"s", HELPER_PERM},      {"r", HELPER_PERM}, {"n", HELPER_PERM},
               {"nobody", HELPER_PERM}, {"", HELPER_PERM},  {"../p", HELPER_PERM},
               {"p:x", HELPER_PERM}};
  static const char *const parts[] = {"", ".", "..", ".alice", "a/b", "a b", "a%b", "a\nb", "\x80"};
  struct mail m = mail_of("hello\r\n");
  struct helper_delivery d;
  if (!begin()) return;
  for (size_t i = 0; i < BASE_COUNT(users); i++) {
    d = to_user(&m, users[i].user);
    if (!CHECK_INT(deliver(&m, &d), users[i].want)) printf("%s: %s\n", users[i].user, m.why);
  }
  for (size_t i = 0; i < BASE_COUNT(parts); i++) {
    d = to_alice(&m);
    d.local = str_of(parts[i]);
    CHECK_INT(deliver(&m, &d), HELPER_PERM);
    d = to_alice(&m);
    d.domain = str_of(parts[i]);
    CHECK_INT(deliver(&m, &d), HELPER_PERM);
  }
  d = to_alice(&m);
  d.local = STR("bob"); /* nobody made the folder */
  CHECK_INT(deliver(&m, &d), HELPER_PERM);
  CHECK_STR(m.why, "there is no such mailbox");
  CHECK_INT(access(in_folder("mailboxes/home.example/bob"), F_OK), -1);
  d = to_user(&m, "q"); /* the home of another */
  CHECK_INT(deliver(&m, &d), HELPER_TEMP);
  finish();
}

TEST(helper_follows_no_link_to_a_mailbox)
{
  struct mail m = mail_of("hello\r\n");
  struct helper_delivery d = to_alice(&m);
  char target[500];
  if (!begin()) return;
  snprintf(target, sizeof target, "%s", in_folder("home"));
  CHECK_INT(symlink(target, in_folder("mailboxes/home.example/eve")), 0);
  CHECK_INT(symlink("home.example", in_folder("mailboxes/evil.example")), 0);
  d.local = STR("eve");
  CHECK_INT(deliver(&m, &d), HELPER_TEMP);
  d = to_alice(&m);
  d.domain = STR("evil.example");
  CHECK_INT(deliver(&m, &d), HELPER_TEMP);
  CHECK_INT(access(in_folder("home/Maildir"), F_OK), -1);
  finish();
}

TEST(helper_gives_folders_that_root_made_to_the_server)
{
  struct mail m = mail_of("hello\r\n");
  struct helper_delivery d = to_alice(&m);
  struct stat st;
  if (geteuid() != 0) {
    printf("skip helper_gives_folders_that_root_made_to_the_server: not root\n");
    return;
  }
  if (!begin()) return;
  make_folder("mailboxes/home.example/carol", 0);
  d.local = STR("carol");
  if (!CHECK_INT(deliver(&m, &d), HELPER_OK)) printf("%s\n", m.why);
  CHECK_INT(stat(in_folder("mailboxes/home.example/carol/Maildir/new/0m.1"), &st), 0);
  CHECK_INT(st.st_uid, OTHER);
  finish();
}

TEST(helper_of_a_server_that_is_root_keeps_its_folders)
{
  struct mail m = mail_of("hello\r\n");
  struct helper_delivery d = to_alice(&m);
  struct stat st;
  if (geteuid() != 0) {
    printf("skip helper_of_a_server_that_is_root_keeps_its_folders: not root\n");
    return;
  }
  server_user = "root";
  if (!begin()) return;
  make_folder("mailboxes/home.example/carol", 0);
  d.local = STR("carol");
  if (!CHECK_INT(deliver(&m, &d), HELPER_OK)) printf("%s\n", m.why);
  CHECK_INT(stat(in_folder("mailboxes/home.example/carol/Maildir/new/0m.1"), &st), 0);
  CHECK_INT(st.st_uid, 0);
  d = to_user(&m, "r");
  CHECK_INT(deliver(&m, &d), HELPER_PERM);
  server_user = "q";
  finish();
}

TEST(helper_delivers_many_and_large_at_once)
{
  struct mail m[LIMIT_HELPER_CHILDREN + 1];
  struct helper_delivery d;
  struct err e;
  struct stat st;
  char names[LIMIT_HELPER_CHILDREN + 1][20];
  if (!begin()) return;
  for (int i = 0; i <= LIMIT_HELPER_CHILDREN; i++) {
    m[i] = mail_of("0123456789\n");
    m[i].size = 3000000;
    d = to_alice(&m[i]);
    snprintf(names[i], sizeof names[i], "0m.%d", i + 1);
    d.name = str_of(names[i]);
    CHECK(order(&m[i], &d) == (i < LIMIT_HELPER_CHILDREN));
  }
  CHECK_INT(helper_room(h), 0);
  CHECK_STR(m[LIMIT_HELPER_CHILDREN].why, "the helper is busy");
  CHECK_INT(m[LIMIT_HELPER_CHILDREN].outcome, HELPER_TEMP);
  for (int i = 0; i < LIMIT_HELPER_CHILDREN; i++) {
    wait_for(&m[i]);
    if (!CHECK_INT(m[i].outcome, HELPER_OK)) printf("%s\n", m[i].why);
    snprintf(path, sizeof path, "%s/" ALICE "/Maildir/new/%s", check_folder(), names[i]);
    CHECK_INT(stat(path, &st), 0);
    /* 3000000 octets end within a line, which gets its end; one CR of the head is gone */
    CHECK_INT(st.st_size, 3000000 + 20 - 1 + 1);
  }
  CHECK_INT(helper_deliver(h, &d, mail_body, mail_done, &m[8], NULL, &e), 0);
  wait_for(&m[8]);
  finish();
}

TEST(helper_keeps_nothing_of_a_mail_its_owner_gives_up)
{
  struct mail m = mail_of("0123456789");
  struct helper_delivery d;
  struct err e;
  if (!begin()) return;
  m.size = 1000000;
  m.fails_at = 500000;
  d = to_alice(&m);
  CHECK_INT(deliver(&m, &d), HELPER_TEMP);
  CHECK_STR(m.why, "the mail broke off");
  m = mail_of("0123456789"); /* cancelled: no callback, but the slot comes back */
  m.size = 1000000;
  d = to_alice(&m);
  CHECK(order(&m, &d));
  loop_turn(l, 0, &e);
  helper_cancel(m.job);
  CHECK_INT(helper_room(h), LIMIT_HELPER_CHILDREN - 1);
  for (int64_t stop = clock_mono() + 5000;
       helper_room(h) < LIMIT_HELPER_CHILDREN && clock_mono() < stop;)
    loop_turn(l, 50, &e);
  CHECK_INT(helper_room(h), LIMIT_HELPER_CHILDREN);
  CHECK_INT(m.done, 0);
  CHECK_INT(rmdir(in_folder(ALICE "/Maildir/tmp")), 0);
  CHECK_INT(rmdir(in_folder(ALICE "/Maildir/new")), 0);
  finish();
}

TEST(helper_reports_why_a_mailbox_cannot_be_written)
{
  struct mail m = mail_of("hello\r\n");
  struct helper_delivery d = to_alice(&m);
  if (!begin()) return;
  int fd = open(in_folder(ALICE "/Maildir"), O_CREAT | O_WRONLY, 0600); /* a file in the way */
  close(fd);
  CHECK_INT(deliver(&m, &d), HELPER_TEMP);
  CHECK(strstr(m.why, "cannot open the folder Maildir") == m.why);
  finish();
}

TEST(helper_order_without_memory)
{
  if (!begin()) return;
  for (uint64_t nth = 1; nth < 4; nth++) {
    struct mail m = mail_of("hello\r\n");
    struct helper_delivery d = to_alice(&m);
    mem_fail_at(nth, true);
    bool taken = order(&m, &d);
    mem_fail_at(0, true);
    if (taken) wait_for(&m);
    CHECK_INT(helper_room(h), LIMIT_HELPER_CHILDREN);
  }
  finish();
}

/* ---- commands -------------------------------------------------------------------------------- */

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
  static char huge[HELPER_WORDS_MAX];
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
  static char big[HELPER_ARGS_MAX + 1];
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
      {"/etc/passwd", "", "cannot run /etc/passwd: ", false},
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

/* ---- deaths ---------------------------------------------------------------------------------- */

/* The youngest child of a process, 0 if there is none. */
static pid_t child_of(pid_t pid)
{
  char name[80], text[256] = "";
  snprintf(name, sizeof name, "/proc/%d/task/%d/children", (int)pid, (int)pid);
  int fd = open(name, O_RDONLY);
  if (fd < 0) return 0;
  ssize_t n = read(fd, text, sizeof text - 1);
  close(fd);
  str list = str_trim((str){text, n > 0 ? (size_t)n : 0}), word = list;
  int64_t child = 0;
  while (str_cut(&list, ' ', &word)) {}
  return str_to_i64(word, &child) ? 0 : (pid_t)child;
}

/* Never 0 or -1: that would be everybody. */
static void stop(pid_t pid, int signo)
{
  if (CHECK(pid > 1)) kill(pid, signo);
}

/* A delivery that hangs, because a reader holds the mbox. Gives the reader's pid. */
static pid_t hang(struct mail *m, pid_t *helper, pid_t *child)
{
  struct helper_delivery d;
  struct err e;
  int ready[2];
  char byte;
  *m = mail_of("hello\r\n");
  d = to_alice(m);
  d.format = HELPER_MBOX;
  CHECK_INT(deliver(m, &d), HELPER_OK);
  m->done = 0;
  CHECK_INT(pipe(ready), 0);
  fflush(stdout);
  *helper = child_of(getpid());
  pid_t reader = fork();
  if (reader == 0) {
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int fd = open(in_folder(ALICE "/mbox"), O_RDWR);
    fcntl(fd, F_SETLKW, &lock);
    (void)!write(ready[1], "x", 1);
    for (;;) pause();
  }
  CHECK_INT(read(ready[0], &byte, 1), 1);
  close(ready[0]);
  close(ready[1]);
  CHECK(order(m, &d));
  *child = 0;
  for (int i = 0; i < 100 && *child <= 0; i++) {
    loop_turn(l, 10, &e);
    *child = child_of(*helper);
  }
  CHECK(*child > 0);
  return reader;
}

TEST(helper_survives_the_death_of_a_child)
{
  struct mail m;
  pid_t helper, child;
  if (!begin()) return;
  pid_t reader = hang(&m, &helper, &child);
  stop(child, SIGKILL);
  wait_for(&m);
  CHECK_INT(m.outcome, HELPER_TEMP);
  CHECK_STR(m.why, "it died by signal 9");
  stop(reader, SIGKILL);
  waitpid(reader, NULL, 0);
  struct helper_delivery d = to_alice(&m);
  CHECK_INT(deliver(&m, &d), HELPER_OK);
  finish();
}

TEST(helper_that_dies_fails_all_deliveries)
{
  struct mail m, again;
  pid_t helper, child;
  enum log_level level = log_get_level(LOG_DELIVERY);
  if (!begin()) return;
  log_set_level(LOG_DELIVERY, LOG_OFF);
  pid_t reader = hang(&m, &helper, &child);
  stop(helper, SIGTERM); /* not for the helper */
  stop(helper, SIGINT);
  stop(helper, SIGKILL);
  wait_for(&m);
  CHECK_INT(m.outcome, HELPER_TEMP);
  CHECK_STR(m.why, "the helper has ended");
  again = mail_of("x");
  struct helper_delivery d = to_alice(&again);
  CHECK_INT(deliver(&again, &d), HELPER_TEMP);
  CHECK(strstr(again.why, "restart") != NULL);
  CHECK(helper_room(h) > 0);
  stop(reader, SIGKILL);
  stop(child, SIGKILL);
  waitpid(reader, NULL, 0);
  log_set_level(LOG_DELIVERY, level);
  finish();
}

TEST(helper_ends_when_the_server_has)
{
  int status, pids[2];
  pid_t helper = 0;
  CHECK_INT(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
  CHECK_INT(pipe(pids), 0);
  check_folder(); /* ours, not the child's */
  fflush(stdout);
  pid_t server = fork();
  if (server == 0) {
    if (begin()) helper = child_of(getpid());
    (void)!write(pids[1], &helper, sizeof helper);
    kill(getpid(), SIGKILL);
  }
  CHECK_INT(waitpid(server, &status, 0), server);
  CHECK_INT(read(pids[0], &helper, sizeof helper), sizeof helper);
  CHECK(helper > 0);
  pid_t got = 0;
  for (int i = 0; i < 500 && got == 0; i++) {
    got = waitpid(helper, &status, WNOHANG);
    poll(NULL, 0, 10);
  }
  CHECK_INT(got, helper);
  CHECK_INT(status, 0);
  close(pids[0]);
  close(pids[1]);
  prctl(PR_SET_CHILD_SUBREAPER, 0);
}

/* ---- a server that was taken over ------------------------------------------------------------ */

/* Speaks to a helper of its own in raw packets; the outcome, or -1 when the helper hung up. */
static int raw(const void *packet, size_t n, bool with_pipe)
{
  int fds[2], mail = -1, result = -1;
  struct helper_conf conf = {.mailboxes = str_of(in_folder("mailboxes"))};
  struct helper_answer a;
  CHECK_INT(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds), 0);
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) helper_process(fds[1], &conf);
  close(fds[1]);
  if (with_pipe) mail = open("/dev/null", O_RDONLY);
  union {
    struct cmsghdr align;
    char space[CMSG_SPACE(sizeof(int))];
  } control = {.space = ""};
  struct iovec iov = {.iov_base = (void *)(uintptr_t)packet, .iov_len = n};
  struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
  if (with_pipe) {
    msg.msg_control = control.space;
    msg.msg_controllen = sizeof control.space;
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof mail);
    memcpy(CMSG_DATA(c), &mail, sizeof mail);
  }
  CHECK_INT(sendmsg(fds[0], &msg, 0), n);
  if (recv(fds[0], &a, sizeof a, 0) == sizeof a) result = a.outcome;
  if (mail >= 0) close(mail);
  close(fds[0]);
  CHECK_INT(waitpid(pid, NULL, 0), pid);
  return result;
}

TEST(helper_believes_nothing_of_an_order)
{
  struct helper_order good = {.kind = HELPER_DELIVER,
                              .id = 7,
                              .place = HELPER_FOLDER,
                              .format = HELPER_MAILDIR,
                              .local = "alice",
                              .domain = "home.example",
                              .name = "a.1"};
  struct helper_order o;
  CHECK_INT(raw(&good, sizeof good, false), HELPER_PERM);
  o = good;
  snprintf(o.local, sizeof o.local, "../x");
  CHECK_INT(raw(&o, sizeof o, true), HELPER_PERM);
  o = good;
  snprintf(o.name, sizeof o.name, "../../x");
  CHECK_INT(raw(&o, sizeof o, true), HELPER_PERM);
  o = good;
  memset(o.domain, 'a', sizeof o.domain);
  memset(o.sender, 'a', sizeof o.sender);
  CHECK_INT(raw(&o, sizeof o, true),
            HELPER_TEMP); /* cut to its field; no such folder of mailboxes */
  o = good;
  o.place = 9;
  CHECK_INT(raw(&o, sizeof o, true), HELPER_PERM);
  o = good;
  o.place = HELPER_USER;
  snprintf(o.user, sizeof o.user, "root");
  CHECK_INT(raw(&o, sizeof o, true), HELPER_PERM);
  struct helper_run_order run = {.kind = HELPER_RUN, .id = 7};
  CHECK_INT(raw(&run, sizeof run, true), HELPER_PERM);
  run.service = UINT32_MAX;
  CHECK_INT(raw(&run, sizeof run, true), HELPER_PERM);
  CHECK_INT(raw("nonsense", 8, true), -1);
  CHECK_INT(raw(&good, sizeof good - 1, true), -1);
}

/* ---- not root -------------------------------------------------------------------------------- */

TEST(helper_not_started_as_root)
{
  if (geteuid() != 0) return; /* all the other tests were run so */
  char top[] = "/tmp/helper.XXXXXX";
  int status = -1;
  CHECK(mkdtemp(top));
  CHECK_INT(chown(top, OWNER, OWNER), 0);
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    char self[300];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    self[n > 0 ? n : 0] = 0;
    if (setresgid(OWNER, OWNER, OWNER) || setresuid(OWNER, OWNER, OWNER)) _exit(2);
    setenv("TMPDIR", top, 1);
    execl(self, self, "helper_", (char *)NULL);
    _exit(3);
  }
  CHECK_INT(waitpid(pid, &status, 0), pid);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 3)
    printf("skip helper_not_started_as_root: another user may not run this binary\n");
  else
    CHECK_INT(status, 0);
  CHECK_INT(rmdir(top), 0);
}
