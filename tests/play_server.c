/* tests/play_server.c: the program under test, in a folder of its own.
 *
 *   DIR/vsmtp.toml   the configuration: below, with what the test adds
 *   DIR/log          its standard output, which has a copy of both logs; DIR/errors the other one
 *   DIR/clock        8 bytes: how far its clock is ahead
 *   DIR/queues/      with vsmtp.db; DIR/app/
 *
 * The server leads a process group, so that whoever it leaves behind is noticed and ended.
 */
#include "play.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct {
  char dir[PATH_MAX / 2];
  pid_t pid;          /* 0: not running */
  size_t log_from;    /* where the log of this start begins */
  size_t errors_seen; /* bytes of its error output already searched */
  char *env[32];
  size_t env_count;
  struct buf config; /* what the test adds */
  volatile int64_t *clock;
} server = {.config = BUF_INIT(1 << 20)};

const char *play_server_dir(void)
{
  return server.dir;
}

static const char *play_server_path(const char *name)
{
  static char path[PATH_MAX];
  snprintf(path, sizeof path, "%s/%s", server.dir, name);
  return path;
}

/* ---- files ----------------------------------------------------------------------------------- */

void play_server_write(str name, str content)
{
  char path[PATH_MAX];
  snprintf(path, sizeof path, "%s/" STR_FMT, server.dir, STR_ARG(name));
  for (char *slash = path + strlen(server.dir) + 1; (slash = strchr(slash, '/')); slash++) {
    *slash = '\0';
    if (mkdir(path, 0755) && errno != EEXIST) play_fail("cannot make %s", path);
    *slash = '/';
  }
  if (str_ends(name, STR("/"))) return;
  FILE *f = fopen(path, "w");
  if (!f || fwrite(content.p ? content.p : "", 1, content.n, f) != content.n || fclose(f))
    play_fail("cannot write %s", path);
}

/* Opened for appending, in a child. */
static int play_server_open(const char *name)
{
  return open(play_server_path(name), O_WRONLY | O_CREAT | O_APPEND, 0644);
}

void play_server_log(struct buf *out)
{
  play_slurp(play_server_path("log"), out, true);
}

/* ---- configuration --------------------------------------------------------------------------- */

static const struct play_server_table {
  str header;
  const char *lines[3]; /* each is left out when the test has that key in that table */
} play_server_tables[] = {
    {STR_INIT(""), {"version_requirement = \">=1.0.0\""}},
    {STR_INIT("[server]"), {"domain = \"home.example\""}},
    {STR_INIT("[server.system]"), {NULL}},
    {STR_INIT("[server.interfaces]"), {"addr = [\"127.0.0.1:0\"]"}},
    {STR_INIT("[server.logs]"), {"filepath = \"server.log\"", "level = [\"info\"]"}},
    {STR_INIT("[server.queues]"), {"dirpath = \"queues\""}},
    /* nobody is there: no test asks the world, and mail for others waits */
    {STR_INIT("[server.dns]"),
     {"type = \"custom\"", "config = { name_servers = [\"127.0.0.1:9\"] }",
      "options = { timeout = \"200ms\", attempts = 1 }"}},
    {STR_INIT("[app]"), {"dirpath = \"app\""}},
    {STR_INIT("[app.logs]"), {"filepath = \"app.log\"", "level = \"info\""}},
    {STR_INIT("[app.vsl]"), {"filepath = \"main.vsl\""}},
};

void play_server_config(str more)
{
  buf_str_add(&server.config, more);
}

/* Takes the next table off text: its header ("" for what stands before the first) and its lines. */
static bool play_server_section(str *text, str *header, str *body)
{
  str line, rest = *text;
  if (!text->n) return false;
  *header = (str){NULL, 0};
  if (text->p[0] == '[') {
    str_cut(&rest, '\n', header);
    *header = str_trim(*header);
  }
  *body = rest.p ? rest : (str){text->p, 0};
  str start = *body;
  while (rest.n && rest.p[0] != '[') str_cut(&rest, '\n', &line);
  body->n = start.n - rest.n;
  *text = rest.p ? rest : (str){start.p, 0};
  return true;
}

static bool play_server_sets(str body, const char *default_line)
{
  str key = str_of(default_line), line;
  key.n = (size_t)str_chr(key, ' ');
  while (str_cut(&body, '\n', &line))
    if (str_starts(line, key) && (line.n == key.n || strchr(" =.", line.p[key.n]))) return true;
  return false;
}

static void play_server_merge(struct buf *out, const struct play_server_table *t)
{
  struct buf own = BUF_INIT(1 << 20);
  str text = buf_str(&server.config), header, body;
  while (play_server_section(&text, &header, &body))
    if (str_eq(header, t->header)) buf_str_add(&own, body);
  bool no_rules = t->header.n && str_eq(t->header, STR("[app.vsl]")) &&
                  access(play_server_path("main.vsl"), F_OK) != 0;
  buf_printf(out, STR_FMT "\n", STR_ARG(t->header));
  for (size_t i = 0; i < BASE_COUNT(t->lines) && t->lines[i] && !no_rules; i++)
    if (!play_server_sets(buf_str(&own), t->lines[i])) buf_printf(out, "%s\n", t->lines[i]);
  if (geteuid() == 0 && str_eq(t->header, STR("[server.system]")) && !own.n)
    buf_puts(out, "user = \"root\"\ngroup = \"root\"\n");
  buf_printf(out, "%s\n", buf_cstr(&own));
  buf_free(&own);
}

static bool play_server_is_default(str header)
{
  for (size_t i = 0; i < BASE_COUNT(play_server_tables); i++)
    if (str_eq(play_server_tables[i].header, header)) return true;
  return false;
}

static void play_server_write_config(void)
{
  struct buf out = BUF_INIT(1 << 20);
  str text = buf_str(&server.config), header, body;
  for (size_t i = 0; i < BASE_COUNT(play_server_tables); i++)
    play_server_merge(&out, &play_server_tables[i]);
  while (play_server_section(&text, &header, &body))
    if (!play_server_is_default(header))
      buf_printf(&out, STR_FMT "\n" STR_FMT, STR_ARG(header), STR_ARG(body));
  play_server_write(STR("vsmtp.toml"), buf_str(&out));
  buf_free(&out);
}

/* ---- processes ------------------------------------------------------------------------------- */

void play_server_env(str assignment)
{
  ptrdiff_t eq = str_chr(assignment, '=');
  if (eq <= 0) play_fail("env NAME=VALUE");
  for (size_t i = 0; i < server.env_count; i++)
    if (strncmp(server.env[i], assignment.p, (size_t)eq + 1) == 0) {
      mem_free(server.env[i]);
      server.env[i--] = server.env[--server.env_count];
    }
  if (server.env_count == BASE_COUNT(server.env)) play_fail("too many variables");
  if ((size_t)eq + 1 < assignment.n) server.env[server.env_count++] = mem_strdup(assignment);
}

/* In the child, before exec. */
static void play_server_child_env(void)
{
  setenv("VSMTP_CLOCK", play_server_path("clock"), 1);
  setenv("TMPDIR", server.dir, 1);
  for (size_t i = 0; i < server.env_count; i++) putenv(server.env[i]);
  if (chdir(server.dir)) _exit(126);
}

static void play_server_exec(void)
{
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  int in = open("/dev/null", O_RDONLY), log = play_server_open("log");
  int errors = play_server_open("errors");
  if (in < 0 || log < 0 || errors < 0) _exit(126);
  dup2(in, STDIN_FILENO);
  dup2(log, STDOUT_FILENO);
  dup2(errors, STDERR_FILENO);
  play_server_child_env();
  alarm(0);
  execl(play_bin, "vsmtp", "run", "-c", "vsmtp.toml", "--stdout", (char *)NULL);
  _exit(127);
}

static void play_server_spawn(void)
{
  struct buf log = BUF_INIT(0);
  if (server.pid) play_fail("the server runs already");
  play_server_write_config();
  play_server_log(&log);
  server.log_from = log.n;
  buf_free(&log);
  fflush(stdout);
  server.pid = fork();
  if (server.pid < 0) play_fail("cannot fork");
  if (server.pid == 0) play_server_exec();
  setpgid(server.pid, server.pid);
}

static void play_server_check_errors(void)
{
  struct buf errors = BUF_INIT(0);
  play_slurp(play_server_path("errors"), &errors, true);
  str fresh = str_skip(buf_str(&errors), server.errors_seen);
  server.errors_seen = errors.n;
  bool bad = str_find(fresh, STR("Sanitizer")) >= 0 || str_find(fresh, STR("runtime error:")) >= 0;
  buf_free(&errors);
  if (bad) play_fail("a sanitizer complains about the server");
}

/* How it ended, as a shell would say: exit status, or 128 and the signal. */
static int play_server_reap(int options)
{
  int status;
  pid_t pid = waitpid(server.pid, &status, options);
  if (pid != server.pid) return -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool play_server_is_dead(void)
{
  siginfo_t info = {0};
  return server.pid && waitid(P_PID, (id_t)server.pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
         info.si_pid;
}

static int play_server_wait(const char *what)
{
  int64_t until = play_now() + PLAY_PATIENCE;
  int status;
  while ((status = play_server_reap(WNOHANG)) < 0) {
    if (play_now() > until) play_fail("the server does not end %s", what);
    play_nap(3000);
  }
  return status;
}

/* The helper and its children must follow the server soon. Orphans come to us, the subreaper: the
 * init of some machines lets them lie for seconds. */
static void play_server_alone(void)
{
  pid_t group = server.pid;
  int64_t until = play_now() + PLAY_PATIENCE;
  server.pid = 0;
  for (;;) {
    while (waitpid(-group, NULL, WNOHANG) > 0) continue;
    if (kill(-group, 0)) break;
    if (play_now() > until) {
      kill(-group, SIGKILL);
      play_fail("processes of the server go on after its end");
    }
    play_nap(3000);
  }
  play_server_check_errors();
}

bool play_server_runs(void)
{
  return server.pid != 0;
}

void play_server_signal(int number)
{
  if (!server.pid || kill(server.pid, number)) play_fail("the server does not run");
}

void play_server_kill(void)
{
  play_server_signal(SIGKILL);
  (void)play_server_wait("when killed");
  play_server_alone();
}

void play_server_stop(void)
{
  play_server_signal(SIGTERM);
  int status = play_server_wait("on SIGTERM");
  play_server_alone();
  if (status) play_fail("the server ended with status %d", status);
}

void play_server_died(void)
{
  if (!server.pid) play_fail("the server does not run");
  (void)play_server_wait("by itself");
  play_server_alone();
}

void play_server_exits(int want)
{
  play_server_spawn();
  int status = play_server_wait("as expected");
  play_server_alone();
  if (status != want) play_fail("the server ended with status %d, not %d", status, want);
}

/* ---- listening ------------------------------------------------------------------------------- */

/* 0: not there yet. */
static int play_server_find_port(int nth)
{
  struct buf log = BUF_INIT(0);
  play_server_log(&log);
  str rest = str_skip(buf_str(&log), server.log_from), line;
  uint64_t port = 0;
  while (nth > 0 && str_cut(&rest, '\n', &line)) {
    if (!rest.p || !str_starts(line, STR("listening on "))) continue;
    if (--nth == 0 && str_to_u64(str_skip(line, (size_t)str_rchr(line, ':') + 1), &port, 10))
      play_fail("cannot read its port: " STR_FMT, STR_ARG(line));
  }
  buf_free(&log);
  return (int)port;
}

/* 0: the server has ended. */
static int play_server_await_port(int nth)
{
  int64_t until = play_now() + PLAY_PATIENCE;
  int port;
  while (!(port = play_server_find_port(nth))) {
    siginfo_t ended = {0};
    if (waitid(P_PID, (id_t)server.pid, &ended, WEXITED | WNOHANG | WNOWAIT) || ended.si_pid)
      return 0;
    if (play_now() > until) play_fail("the server has no listener %d", nth);
    play_nap(3000);
  }
  return port;
}

int play_server_port(int nth)
{
  int port = play_server_await_port(nth);
  if (port) return port;
  int status = play_server_wait("by itself");
  play_server_alone();
  play_fail("the server ended with status %d before it listened", status);
}

bool play_server_try_start(void)
{
  play_server_spawn();
  return play_server_await_port(1) != 0;
}

void play_server_start(void)
{
  play_server_spawn();
  (void)play_server_port(1);
}

/* ---- other runs of the program --------------------------------------------------------------- */

static FILE *play_server_scratch(str content)
{
  FILE *f = tmpfile();
  if (!f || fwrite(content.p ? content.p : "", 1, content.n, f) != content.n || fflush(f))
    play_fail("no temporary file");
  rewind(f);
  return f;
}

static void play_server_collect(FILE *f, struct buf *out)
{
  char text[8192];
  size_t n;
  buf_clear(out);
  rewind(f);
  while ((n = fread(text, 1, sizeof text, f)) > 0) buf_add(out, text, n);
  fclose(f);
}

int play_server_run(char *const *argv, str input, struct buf *out, struct buf *errors)
{
  FILE *in = play_server_scratch(input), *o = play_server_scratch(STR(""));
  FILE *e = play_server_scratch(STR(""));
  play_server_write_config();
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    dup2(fileno(in), STDIN_FILENO);
    dup2(fileno(o), STDOUT_FILENO);
    dup2(fileno(e), STDERR_FILENO);
    play_server_child_env();
    alarm(60);
    execv(play_bin, argv);
    _exit(127);
  }
  int status = -1;
  if (pid < 0 || waitpid(pid, &status, 0) != pid) play_fail("cannot run %s", play_bin);
  fclose(in);
  play_server_collect(o, out);
  play_server_collect(e, errors);
  if (str_find(buf_str(errors), STR("Sanitizer")) >= 0 ||
      str_find(buf_str(errors), STR("runtime error:")) >= 0)
    play_fail("a sanitizer complains:\n%s", buf_cstr(errors));
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* ---- beginning and end ----------------------------------------------------------------------- */

void play_server_init(void)
{
  const char *top = getenv("TMPDIR");
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  snprintf(server.dir, sizeof server.dir, "%s/vsmtp-play.XXXXXX", top && *top ? top : "/tmp");
  if (!mkdtemp(server.dir) || chmod(server.dir, 0755)) play_fail("cannot make %s", server.dir);
  play_server_write(STR("clock"), (str){"\0\0\0\0\0\0\0", 8});
  int fd = open(play_server_path("clock"), O_RDWR | O_CLOEXEC);
  void *map = mmap(NULL, sizeof *server.clock, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (fd < 0 || map == MAP_FAILED) play_fail("cannot map the clock");
  close(fd);
  server.clock = map;
}

/* Has the server a socket with bytes it has not read? */
static bool play_server_has_input(void)
{
  struct buf table = BUF_INIT(0);
  char port[16];
  bool found = false;
  snprintf(port, sizeof port, ":%04X", (unsigned)play_server_port(1));
  play_slurp("/proc/net/tcp", &table, true);
  str rest = buf_str(&table), line, word = {NULL, 0};
  while (!found && str_cut(&rest, '\n', &line)) {
    str words[5] = {{NULL, 0}}; /* number, local, remote, state, queues */
    for (size_t n = 0; n < 5 && (line = str_trim(line)).n && str_cut(&line, ' ', &word); n++)
      words[n] = word;
    found = str_ends(words[1], str_of(port)) && str_eq(words[3], STR("01")) &&
            !str_ends(words[4], STR(":00000000"));
  }
  buf_free(&table);
  return found;
}

/* What was said before the clock moves shall have been heard before it moves. A server that will
 * not read now is not waited for. */
void play_server_move_clock(int64_t ms)
{
  int64_t until = play_now() + 200;
  while (server.pid && play_server_has_input() && play_now() < until) play_nap(1000);
  play_nap(5000);
  *server.clock += ms;
}

static void play_server_tail(const char *name, size_t lines)
{
  struct buf text = BUF_INIT(0);
  play_slurp(play_server_path(name), &text, true);
  str all = str_trim(buf_str(&text));
  size_t from = all.n;
  while (from > 0 && lines > 0) lines -= all.p[--from] == '\n';
  if (all.n)
    printf("  -- end of %s/%s:\n" STR_FMT "\n", server.dir, name,
           STR_ARG(str_trim(str_skip(all, from))));
  buf_free(&text);
}

void play_server_show(void)
{
  int status = server.pid ? play_server_reap(WNOHANG) : -1;
  if (status >= 0)
    printf("  the server had ended with status %d\n", status);
  else if (server.pid)
    kill(-server.pid, SIGKILL);
  play_server_tail("log", 20);
  play_server_tail("errors", 60);
  printf("  kept: %s\n", server.dir);
}

static int play_server_unlink(const char *path, const struct stat *st, int type, struct FTW *at)
{
  (void)st, (void)type, (void)at;
  return remove(path);
}

void play_server_finish(void)
{
  struct buf answer = BUF_INIT(1 << 16);
  if (server.pid) play_server_stop();
  if (access(play_server_path("queues/vsmtp.db"), F_OK) == 0) {
    int rc = play_sql(play_server_path("queues/vsmtp.db"), STR("PRAGMA integrity_check"), 10000,
                      &answer);
    if (rc || !str_eq(buf_str(&answer), STR("ok")))
      play_fail("the database is damaged: %s", buf_cstr(&answer));
  }
  buf_free(&answer);
  nftw(server.dir, play_server_unlink, 16, FTW_DEPTH | FTW_PHYS);
}
