/* tests/unit/local.c: one mail into a Maildir or an mbox: every byte, every way to fail. */
#include "../../smtp/helper/local.h"
#include "../check.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char path[400];

static int folder(void)
{
  return open(check_folder(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static const char *in_folder(const char *name)
{
  snprintf(path, sizeof path, "%s/%s", check_folder(), name);
  return path;
}

/* A pipe with the mail in it, its writing end closed: or, too large for a pipe, a file. */
static int mail_of(str mail)
{
  int fd = open(in_folder("input"), O_RDWR | O_CREAT | O_TRUNC, 0600);
  CHECK_INT(write(fd, mail.p, mail.n), mail.n);
  lseek(fd, 0, SEEK_SET);
  return fd;
}

static struct local_mail mail_made(str mail)
{
  return (struct local_mail){.in = mail_of(mail),
                             .size = mail.n,
                             .name = "0abc.1",
                             .sender = "",
                             .group = -1,
                             .until = clock_mono() + 20000};
}

static int to_maildir(str mail, struct err *e)
{
  struct local_mail m = mail_made(mail);
  int dir = folder(), result;
  *e = (struct err){.kind = ERR_NONE};
  result = local_maildir(dir, &m, e);
  close(dir);
  close(m.in);
  return result;
}

static int to_mbox(str mail, const char *sender, struct err *e)
{
  struct local_mail m = mail_made(mail);
  int dir = folder(), result;
  *e = (struct err){.kind = ERR_NONE};
  m.sender = sender;
  result = local_mbox(dir, "mbox", &m, e);
  close(dir);
  close(m.in);
  return result;
}

static struct buf content = BUF_INIT(1 << 20);

static str content_of(const char *name)
{
  struct err e;
  buf_free(&content);
  content.cap = 1 << 20;
  if (file_read(str_of(in_folder(name)), 1 << 20, &content, &e)) return STR("<no file>");
  return buf_str(&content);
}

static int entries(const char *name)
{
  int n = 0;
  DIR *dir = opendir(in_folder(name));
  if (!dir) return -1;
  for (struct dirent *entry; (entry = readdir(dir));) n += entry->d_name[0] != '.';
  closedir(dir);
  return n;
}

static void put_file(const char *name, const char *text)
{
  int fd = open(in_folder(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  CHECK_INT(write(fd, text, strlen(text)), strlen(text));
  close(fd);
}

/* ---- Maildir --------------------------------------------------------------------------------- */

TEST(local_maildir_is_made_and_gets_the_mail)
{
  struct err e;
  struct stat st;
  CHECK_INT(to_maildir(STR("Return-Path: <>\r\nA: b\r\n\r\nFrom here\r\n.x\r\n"), &e), 0);
  CHECK_STR(content_of("Maildir/new/0abc.1"), "Return-Path: <>\nA: b\n\nFrom here\n.x\n");
  CHECK_INT(entries("Maildir/tmp"), 0);
  CHECK_INT(entries("Maildir/cur"), 0);
  CHECK_INT(stat(in_folder("Maildir"), &st), 0);
  CHECK_INT(st.st_mode & 0777, 0700);
  CHECK_INT(stat(in_folder("Maildir/new/0abc.1"), &st), 0);
  CHECK_INT(st.st_mode & 0777, 0600);
  CHECK_INT(st.st_nlink, 1);
  buf_free(&content);
}

TEST(local_maildir_second_try_delivers_no_double)
{
  struct err e;
  CHECK_INT(to_maildir(STR("one\r\n"), &e), 0);
  CHECK_INT(to_maildir(STR("two\r\n"), &e), 0);
  CHECK_STR(content_of("Maildir/new/0abc.1"), "one\n");
  char from[400];
  snprintf(from, sizeof from, "%s", in_folder("Maildir/new/0abc.1"));
  CHECK_INT(rename(from, in_folder("Maildir/cur/0abc.1:2,RS")), 0); /* the user read it */
  CHECK_INT(to_maildir(STR("three\r\n"), &e), 0);
  CHECK_INT(entries("Maildir/new"), 0);
  CHECK_INT(entries("Maildir/cur"), 1);
  put_file("Maildir/cur/0abc.12:2,S", ""); /* another mail */
  CHECK_INT(unlink(in_folder("Maildir/cur/0abc.1:2,RS")), 0);
  CHECK_INT(to_maildir(STR("four\r\n"), &e), 0);
  CHECK_STR(content_of("Maildir/new/0abc.1"), "four\n");
  buf_free(&content);
}

TEST(local_maildir_sweeps_what_the_dead_left_and_only_that)
{
  struct err e;
  CHECK_INT(to_maildir(STR("x\r\n"), &e), 0);
  CHECK_INT(unlink(in_folder("Maildir/new/0abc.1")), 0);
  put_file("Maildir/tmp/0abc.1.dead", "half");
  put_file("Maildir/tmp/0abc.1.alive", "half");
  put_file("Maildir/tmp/0abc.10.other", "half");
  int fd = open(in_folder("Maildir/tmp/0abc.1.alive"), O_RDWR);
  CHECK_INT(flock(fd, LOCK_EX), 0);
  CHECK_INT(to_maildir(STR("x\r\n"), &e), 0);
  CHECK_INT(access(in_folder("Maildir/tmp/0abc.1.dead"), F_OK), -1);
  CHECK_INT(access(in_folder("Maildir/tmp/0abc.1.alive"), F_OK), 0);
  CHECK_INT(access(in_folder("Maildir/tmp/0abc.10.other"), F_OK), 0);
  close(fd);
}

TEST(local_maildir_nothing_is_left_of_a_mail_that_broke_off)
{
  struct err e;
  struct local_mail m = mail_made(STR("half a mail"));
  int dir = folder();
  m.size = 1000;
  CHECK_INT(local_maildir(dir, &m, &e), -1);
  CHECK_INT(e.kind, ERR_TEMP);
  CHECK_STR(e.text, "the mail broke off");
  CHECK_INT(entries("Maildir/new"), 0);
  CHECK_INT(entries("Maildir/tmp"), 0);
  close(m.in);
  close(dir);
}

TEST(local_waits_no_longer_than_it_may)
{
  struct err e;
  int fds[2], dir = folder();
  CHECK_INT(pipe(fds), 0);
  struct local_mail m = {.in = fds[0],
                         .size = 5,
                         .name = "a.1",
                         .sender = "",
                         .group = -1,
                         .until = clock_mono() + 30};
  CHECK_INT(local_maildir(dir, &m, &e), -1);
  CHECK_STR(e.text, "the mail did not come in time");
  CHECK_INT(entries("Maildir/tmp"), 0);
  close(fds[0]);
  close(fds[1]);
  close(dir);
}

TEST(local_maildir_follows_no_link)
{
  static const char *const links[] = {"Maildir", "Maildir/tmp", "Maildir/new", "Maildir/cur"};
  struct err e;
  char elsewhere[400];
  snprintf(elsewhere, sizeof elsewhere, "%s", in_folder("elsewhere"));
  CHECK_INT(mkdir(elsewhere, 0700), 0);
  for (size_t i = 0; i < BASE_COUNT(links); i++) {
    CHECK_INT(symlink(elsewhere, in_folder(links[i])), 0);
    CHECK_INT(to_maildir(STR("x\r\n"), &e), -1);
    CHECK(e.kind == ERR_IO);
    CHECK_INT(entries("elsewhere"), 0);
    CHECK_INT(unlink(in_folder(links[i])), 0);
    if (i == 0) CHECK_INT(mkdir(in_folder("Maildir"), 0700), 0);
  }
}

TEST(local_full_disk_leaves_nothing)
{
  struct err e;
  static char big[100000];
  struct rlimit was, small;
  memset(big, 'x', sizeof big);
  put_file("mbox", "From a Sun\n\nold\n\n");
  struct local_mail m = mail_made((str){big, sizeof big});
  int dir = folder();
  fflush(stdout);
  pid_t pid = fork(); /* a limit on the length of files is the nearest to a full disk */
  if (pid == 0) {
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &was);
    small = was;
    small.rlim_cur = 50000;
    setrlimit(RLIMIT_FSIZE, &small);
    int bad = local_maildir(dir, &m, &e) != -1 || e.kind == ERR_PERM;
    lseek(m.in, 0, SEEK_SET);
    bad |= local_mbox(dir, "mbox", &m, &e) != -1 || e.kind == ERR_PERM;
    _exit(bad);
  }
  int status = -1;
  CHECK_INT(waitpid(pid, &status, 0), pid);
  CHECK_INT(status, 0);
  CHECK_INT(entries("Maildir/new"), 0);
  CHECK_INT(entries("Maildir/tmp"), 0);
  CHECK_STR(content_of("mbox"), "From a Sun\n\nold\n\n");
  buf_free(&content);
  close(m.in);
  close(dir);
}

/* ---- bytes ----------------------------------------------------------------------------------- */

/* The same mail, however it is cut into pieces. */
static void through_a_pipe(str mail, size_t piece, const char *want, bool mbox)
{
  struct err e;
  int fds[2], dir = folder();
  CHECK_INT(pipe(fds), 0);
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    close(fds[0]);
    for (size_t at = 0; at < mail.n; at += piece) {
      str part = str_sub(mail, at, at + piece);
      if (write(fds[1], part.p, part.n) != (ssize_t)part.n) _exit(1);
    }
    _exit(0);
  }
  close(fds[1]);
  struct local_mail m = {.in = fds[0],
                         .size = mail.n,
                         .name = "p.1",
                         .sender = "",
                         .group = -1,
                         .until = clock_mono() + 20000};
  unlink(in_folder("Maildir/new/p.1"));
  unlink(in_folder("mbox"));
  CHECK_INT(mbox ? local_mbox(dir, "mbox", &m, &e) : local_maildir(dir, &m, &e), 0);
  CHECK_INT(waitpid(pid, NULL, 0), pid);
  str got = content_of(mbox ? "mbox" : "Maildir/new/p.1");
  ptrdiff_t line = mbox ? str_chr(got, '\n') : -1;
  CHECK_STR(str_skip(got, (size_t)(line + 1)), want);
  buf_free(&content);
  close(fds[0]);
  close(dir);
}

TEST(local_line_ends_and_quotes)
{
  static const struct {
    const char *in, *maildir, *mbox;
  } rows[] = {
      {"", "", "\n"},
      {"a", "a\n", "a\n\n"},
      {"a\r\n", "a\n", "a\n\n"},
      {"a\r\nb\r", "a\nb\r\n", "a\nb\r\n\n"},
      {"a\r\r\n\nb\r\n", "a\r\n\nb\n", "a\r\n\nb\n\n"},
      {"From x\r\n", "From x\n", ">From x\n\n"},
      {"a\r\nFrom x\r\n>From y\r\n>>From z\r\n", "a\nFrom x\n>From y\n>>From z\n",
       "a\n>From x\n>>From y\n>>>From z\n\n"},
      {"Fro\r\nFrom\r\nFromx\r\nfrom \r\n From \r\n", "Fro\nFrom\nFromx\nfrom \n From \n",
       "Fro\nFrom\nFromx\nfrom \n From \n\n"},
      {"> From \r\n>\r\n>F\r\nFFrom \r\n", "> From \n>\n>F\nFFrom \n",
       "> From \n>\n>F\nFFrom \n\n"},
      {"x\r\nFrom", "x\nFrom\n", "x\nFrom\n\n"},
      {"From From \r\n", "From From \n", ">From From \n\n"},
  };
  for (size_t i = 0; i < BASE_COUNT(rows); i++)
    for (size_t piece = 1; piece < 4; piece++) {
      through_a_pipe(str_of(rows[i].in), piece, rows[i].maildir, false);
      through_a_pipe(str_of(rows[i].in), piece, rows[i].mbox, true);
    }
}

/* ---- mbox ------------------------------------------------------------------------------------ */

TEST(local_mbox_appends)
{
  struct err e;
  struct stat st;
  CHECK_INT(to_mbox(STR("A: b\r\n\r\none\r\n"), "bob@home.example", &e), 0);
  CHECK_INT(to_mbox(STR("two"), "", &e), 0);
  str all = content_of("mbox"), line;
  CHECK(str_cut(&all, '\n', &line) && str_starts(line, STR("From bob@home.example ")));
  CHECK_INT(line.n, strlen("From bob@home.example Sun Nov 22 07:39:00 2026"));
  CHECK(str_starts(all, STR("A: b\n\none\n\nFrom MAILER-DAEMON ")));
  CHECK(str_ends(all, STR("\ntwo\n\n")));
  CHECK_INT(stat(in_folder("mbox"), &st), 0);
  CHECK_INT(st.st_mode & 0777, 0600);
  CHECK_INT(to_mbox(STR("x"), "a b\nFrom c\t", &e), 0);
  CHECK(str_find(content_of("mbox"), STR("\nFrom a_b_From_c_ ")) >= 0);
  buf_free(&content);
}

TEST(local_mbox_separates_what_had_no_empty_line)
{
  static const char *const before[] = {"From a\n\nold", "From a\n\nold\n", "From a\n\nold\n\n"};
  struct err e;
  for (size_t i = 0; i < BASE_COUNT(before); i++) {
    put_file("mbox", before[i]);
    CHECK_INT(to_mbox(STR("x\r\n"), "s@x", &e), 0);
    CHECK(str_starts(content_of("mbox"), STR("From a\n\nold\n\nFrom s@x ")));
  }
  put_file("mbox", "\n");
  CHECK_INT(to_mbox(STR("x\r\n"), "s@x", &e), 0);
  CHECK(str_starts(content_of("mbox"), STR("\n\nFrom s@x ")));
  buf_free(&content);
}

TEST(local_mbox_is_cut_back_when_the_mail_breaks_off)
{
  struct err e;
  int dir = folder();
  put_file("mbox", "From a\n\nold\n");
  struct local_mail m = mail_made(STR("half a mail"));
  m.size = 1 << 20;
  CHECK_INT(local_mbox(dir, "mbox", &m, &e), -1);
  CHECK_INT(e.kind, ERR_TEMP);
  CHECK_STR(content_of("mbox"), "From a\n\nold\n");
  buf_free(&content);
  close(m.in);
  close(dir);
}

TEST(local_mbox_waits_for_the_lock_and_gives_up)
{
  struct err e;
  int ready[2], dir = folder(), status;
  char byte;
  put_file("mbox", "");
  CHECK_INT(pipe(ready), 0);
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) { /* a reader with its lock */
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int fd = open(in_folder("mbox"), O_RDWR);
    fcntl(fd, F_SETLKW, &lock);
    (void)!write(ready[1], "x", 1);
    pause();
  }
  CHECK_INT(read(ready[0], &byte, 1), 1);
  struct local_mail m = mail_made(STR("x\r\n"));
  m.until = clock_mono() + 150;
  CHECK_INT(local_mbox(dir, "mbox", &m, &e), -1);
  CHECK_INT(e.kind, ERR_TEMP);
  CHECK_STR(e.text, "the mbox is locked by a reader");
  CHECK_STR(content_of("mbox"), "");
  if (CHECK(pid > 1)) kill(pid, SIGKILL);
  waitpid(pid, &status, 0);
  m.until = clock_mono() + 5000;
  CHECK_INT(local_mbox(dir, "mbox", &m, &e), 0);
  buf_free(&content);
  close(m.in);
  close(ready[0]);
  close(ready[1]);
  close(dir);
}

TEST(local_mbox_must_be_a_plain_file_of_its_owner)
{
  struct err e;
  char other[400];
  snprintf(other, sizeof other, "%s", in_folder("other"));
  put_file("other", "keep");
  CHECK_INT(symlink(other, in_folder("mbox")), 0);
  CHECK_INT(to_mbox(STR("x"), "", &e), -1);
  CHECK_INT(unlink(in_folder("mbox")), 0);
  CHECK_INT(link(other, in_folder("mbox")), 0);
  CHECK_INT(to_mbox(STR("x"), "", &e), -1);
  CHECK_INT(unlink(in_folder("mbox")), 0);
  CHECK_INT(mkfifo(in_folder("mbox"), 0600), 0);
  CHECK_INT(to_mbox(STR("x"), "", &e), -1);
  CHECK_INT(unlink(in_folder("mbox")), 0);
  CHECK_INT(mkdir(in_folder("mbox"), 0700), 0);
  CHECK_INT(to_mbox(STR("x"), "", &e), -1);
  CHECK(e.kind != ERR_PERM);
  CHECK_STR(content_of("other"), "keep");
  buf_free(&content);
}

TEST(local_group_gets_the_files)
{
  struct err e;
  struct stat st;
  struct local_mail m = mail_made(STR("x\r\n"));
  int dir = folder();
  m.group = geteuid() == 0 ? 12345 : (int64_t)getegid();
  CHECK_INT(local_maildir(dir, &m, &e), 0);
  CHECK_INT(stat(in_folder("Maildir/new/0abc.1"), &st), 0);
  CHECK_INT(st.st_gid, m.group);
  CHECK_INT(st.st_mode & 0777, 0640);
  CHECK_INT(stat(in_folder("Maildir/cur"), &st), 0);
  CHECK_INT(st.st_gid, m.group);
  lseek(m.in, 0, SEEK_SET);
  CHECK_INT(local_mbox(dir, "mbox", &m, &e), 0);
  CHECK_INT(stat(in_folder("mbox"), &st), 0);
  CHECK_INT(st.st_gid, m.group);
  CHECK_INT(st.st_mode & 0777, 0660);
  close(m.in);
  close(dir);
}
