/* tests/unit/helper.c: the helper as a process: deliveries, refusals, deaths. As root (then
 * children become other users, from a passwd file of the test) and as an ordinary user. */
#include "helper_kit.h"

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
  return (struct helper_delivery){.into = HELPER_FOLDER,
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
  d.into = HELPER_USER;
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

/* Root's law: what another made of the folders, root neither follows nor adopts. */
TEST(helper_acts_for_the_server_and_for_people_alone)
{
  static const struct {
    uint32_t uid;
    enum helper_outcome want;
  } rows[] = {{0, HELPER_TEMP},     {33, HELPER_TEMP},  {999, HELPER_TEMP},
              {65534, HELPER_TEMP}, {OTHER, HELPER_OK}, {OWNER, HELPER_OK}};
  struct mail m = mail_of("hello\r\n");
  struct helper_delivery d = to_alice(&m);
  struct stat st;
  char name[100];
  if (geteuid() != 0) {
    printf("skip helper_acts_for_the_server_and_for_people_alone: not root\n");
    return;
  }
  if (!begin()) return;
  for (size_t i = 0; i < BASE_COUNT(rows); i++) {
    snprintf(name, sizeof name, "mailboxes/home.example/u%u", (unsigned)rows[i].uid);
    make_folder(name, rows[i].uid);
    d.local = str_skip(str_of(name), sizeof "mailboxes/home.example");
    if (!CHECK_INT(deliver(&m, &d), rows[i].want)) printf("%u: %s\n", rows[i].uid, m.why);
    CHECK_INT(stat(in_folder(name), &st), 0);
    CHECK_INT(st.st_uid, rows[i].uid);
    if (rows[i].uid == 0) CHECK(strstr(m.why, "type: chown -R q: "));
  }
  finish();
}

/* The server's user has the folder that holds the mailboxes, and puts something else there. */
TEST(helper_walks_from_what_was_there_at_its_start)
{
  struct mail m = mail_of("hello\r\n");
  struct helper_delivery d = to_alice(&m);
  struct stat st;
  char target[500], was[500];
  if (geteuid() != 0) {
    printf("skip helper_walks_from_what_was_there_at_its_start: not root\n");
    return;
  }
  if (!begin()) return;
  CHECK_INT(deliver(&m, &d), HELPER_OK);
  make_folder("etc", 0);
  make_folder("etc/home.example", 0);
  make_folder("etc/home.example/alice", OWNER);
  make_folder("etc/home.example/cron.d", 0);
  snprintf(was, sizeof was, "%s", in_folder("mailboxes"));
  snprintf(target, sizeof target, "%s", in_folder("etc"));
  CHECK_INT(rename(was, in_folder("boxes")), 0);
  CHECK_INT(symlink(target, was), 0);
  d.name = STR("0m.2");
  CHECK_INT(deliver(&m, &d), HELPER_TEMP);
  d.local = STR("cron.d");
  CHECK_INT(deliver(&m, &d), HELPER_TEMP);
  CHECK_INT(access(in_folder("etc/home.example/alice/Maildir"), F_OK), -1);
  CHECK_INT(unlink(was), 0);
  CHECK_INT(rename(target, was), 0); /* a folder in its place, then: root's stays root's */
  CHECK_INT(deliver(&m, &d), HELPER_TEMP);
  CHECK_INT(stat(in_folder("mailboxes/home.example/cron.d"), &st), 0);
  CHECK_INT(st.st_uid, 0);
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
                              .into = HELPER_FOLDER,
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
  o.into = 9;
  CHECK_INT(raw(&o, sizeof o, true), HELPER_PERM);
  o = good;
  o.into = HELPER_USER;
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
