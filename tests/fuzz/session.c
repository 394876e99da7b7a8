/* tests/fuzz/session.c: a whole conversation: any bytes a client may send, in pieces, to a session
 * with real rules and a real store.
 *
 * Laws: every line the server says is a reply; "250" after a final dot means a row in the database
 * that is there when it is opened again; when the session is over no memory stays behind.
 */
#include "../../smtp/session/auth.h"
#include "../../smtp/queue/queue.h"
#include "../../smtp/session/session_int.h"

#include <fcntl.h>
#include <ftw.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char session_fuzz_rules[] =
    "object inside rg4 = \"10.0.0.0/8\";\n"
    "#{\n"
    "  connect: [ rule \"c\" || next() ],\n"
    "  helo: [ rule \"h\" || if helo() == \"deny.example\" { deny() } else { next() } ],\n"
    "  authenticate: [ rule \"k\" || if auth().type != \"Verify\" { packet(\"x\") }\n"
    "                  else if auth().authid == \"in\" { accept() } else { deny() } ],\n"
    "  mail: [ rule \"m\" || if mail_from() == \"q@x.y\" { quarantine(\"q\") } else { next() },\n"
    "          action \"a\" || append_header(\"X-Seen\", \"1\") ],\n"
    "  rcpt: [ rule \"relay\" || check_relay(inside),\n"
    "          rule \"r\" || if rcpt() == \"info@home.example\" { info(\"450 4.2.0 later\") } else "
    "{\n"
    "            next() } ],\n"
    "  preq: [ rule \"hold\" || if get_header(\"Subject\") == \"hold\" { quarantine(\"demo\") }\n"
    "            else { next() },\n"
    "          action \"b\" || { prepend_header(\"X-B\", get_header(\"From\")); } ],\n"
    "}\n";

static const char session_fuzz_conf[] = "version_requirement = \"*\"\n"
                                        "[server]\n"
                                        "domain = \"home.example\"\n"
                                        "message_size_limit = 20000\n"
                                        "[server.interfaces]\n"
                                        "addr = [\"127.0.0.1:0\"]\n"
                                        "[server.smtp]\n"
                                        "unknown_rcpt = \"accept\"\n"
                                        "rcpt_count_max = 5\n"
                                        "[server.smtp.auth]\n"
                                        "mechanisms = [\"PLAIN\", \"LOGIN\", \"CRAM-MD5\","
                                        " \"SCRAM-SHA-256\", \"ANONYMOUS\"]\n"
                                        "enable_dangerous_mechanism_in_clair = true\n"
                                        "[server.smtp.error]\n"
                                        "soft_count = 5\n"
                                        "hard_count = 10\n"
                                        "delay = \"1ms\"\n"
                                        "[server.queues]\n"
                                        "dirpath = \"queue\"\n"
                                        "[app]\n"
                                        "dirpath = \"app\"\n"
                                        "[app.vsl]\n"
                                        "filepath = \"main.vsl\"\n";

static struct mta session_fuzz_mta;
static struct session_hub session_fuzz_hub = {.mta = &session_fuzz_mta};
static char session_fuzz_folder[] = "/dev/shm/vsmtp-fuzz-XXXXXX"; /* in memory */
static volatile int64_t *session_fuzz_clock;

static int64_t session_fuzz_hook(void *arg, bool idle)
{
  return store_turn(((struct mta *)arg)->store, idle);
}

static void session_fuzz_write(const char *path, const char *text)
{
  FILE *f = fopen(path, "w");

  if (!f || fputs(text, f) < 0 || fclose(f) != 0) abort();
}

/* Time passes when we say so, and nobody waits for it; but in unit tests, which have the time of
 * the machine (SESSION_FUZZ_WAIT: ms a turn may take). */
#ifndef SESSION_FUZZ_WAIT
#define SESSION_FUZZ_WAIT 0
#endif
static void session_fuzz_own_time(const char *path)
{
  int fd = open(path, O_RDWR | O_CREAT, 0600);
  void *map = MAP_FAILED;

  if (fd >= 0 && ftruncate(fd, sizeof *session_fuzz_clock) == 0)
    map = mmap(NULL, sizeof *session_fuzz_clock, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  if (map == MAP_FAILED || setenv("VSMTP_CLOCK", path, 1) < 0) abort();
  session_fuzz_clock = map;
}

static int session_fuzz_unlink(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
  (void)st, (void)kind, (void)ftw;
  return remove(path);
}

static void session_fuzz_remove(void)
{
  nftw(session_fuzz_folder, session_fuzz_unlink, 16, FTW_DEPTH | FTW_PHYS);
}

static struct deliver *session_fuzz_deliver;

static void session_fuzz_changed(void *arg)
{
  (void)arg;
  deliver_wake(session_fuzz_deliver);
}

/* One server for all inputs, in a folder of its own that goes with the process. */
static void session_fuzz_setup(void)
{
  char *folder = session_fuzz_folder, path[100];
  struct mta *s = &session_fuzz_mta;
  struct store_options o = {.server = true, .create = true};
  struct conf *conf;
  struct diags d;
  struct err e;

  if (!mkdtemp(folder) || atexit(session_fuzz_remove) || diags_init(&d) < 0) abort();
  snprintf(path, sizeof path, "%s/clock", folder);
  if (!SESSION_FUZZ_WAIT) session_fuzz_own_time(path);
  snprintf(path, sizeof path, "%s/main.vsl", folder);
  session_fuzz_write(path, session_fuzz_rules);
  snprintf(path, sizeof path, "%s/vsmtp.toml", folder);
  session_fuzz_write(path, session_fuzz_conf);
  for (int t = 0; t < LOG_TARGETS; t++) log_set_level((enum log_target)t, LOG_OFF);
  conf = conf_load(str_of(path), &d);
  if (conf) s->policy = policy_new(conf, &d);
  if (s->policy && policy_load(s->policy, &d) < 0) {
    policy_release(s->policy);
    s->policy = NULL;
  }
  diags_print(&d, stderr);
  diags_free(&d);
  s->loop = loop_new(&e);
  if (!s->policy || !s->loop) abort();
  snprintf(path, sizeof path, "%s/queue", folder);
  if (mkdir(path, 0700) < 0) abort();
  o.dirpath = str_of(path);
  o.changed = session_fuzz_changed;
  s->store = store_open(&o, &e);
  session_fuzz_hub.delegates = delegate_hub_new(s->loop);
  session_fuzz_deliver =
      deliver_new(s, outbound_new(s->loop, LIMIT_OUTBOUND_ALL), session_fuzz_hub.delegates);
  if (!s->store || !session_fuzz_hub.delegates || !session_fuzz_deliver) abort();
  loop_hook(s->loop, session_fuzz_hook, s);
}

/* Every line of the server is a reply: three digits, '-' or ' ', printable text, CRLF; a challenge
 * of AUTH may be long. */
static void session_fuzz_check(str said)
{
  while (said.n > 0) {
    const char *lf = memchr(said.p, '\n', said.n);
    size_t n = lf ? (size_t)(lf - said.p) + 1 : said.n;

    if (!lf || n < 6 || (n > 82 && !str_starts(said, STR("334 "))) || said.p[n - 2] != '\r')
      abort();
    if (said.p[0] < '2' || said.p[0] > '5' || (said.p[3] != ' ' && said.p[3] != '-')) abort();
    for (size_t i = 0; i < n - 2; i++)
      if ((unsigned char)said.p[i] < ' ') abort();
    said = str_skip(said, n);
  }
}

static void session_fuzz_turns(int n)
{
  struct err e;

  while (n-- > 0) {
    if (loop_turn(session_fuzz_mta.loop, SESSION_FUZZ_WAIT, &e) < 0) abort();
    if (session_fuzz_clock) *session_fuzz_clock += 5;
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct session_hub *hub = &session_fuzz_hub;
  struct netaddr peer;
  struct buf said = BUF_INIT(16 << 20);
  struct session *s;
  size_t step = size ? 1 + (size_t)data[0] * 8 : 1;
  str text = {(const char *)data + (size ? 1 : 0), size ? size - 1 : 0};

  if (!hub->mta->loop) session_fuzz_setup();
  if (size > 100000 || netaddr_of_ip(STR("192.0.2.7"), 4711, &peer) < 0) return 0;
  if (step < size / 200) step = size / 200;
  s = session_begin(hub, SESSION_SMTP, -1, &peer);
  if (!s) abort();
  session_fuzz_turns(2);
  while (text.n > 0 && hub->sessions.n && !io_is_closing(s->io)) {
    size_t taken = io_feed(s->io, str_sub(text, 0, step));

    text = str_skip(text, taken);
    session_fuzz_turns(2);
    if (hub->sessions.n) io_taken(s->io, &said);
  }
  if (hub->sessions.n && !io_is_closing(s->io)) {
    session_fuzz_turns(10);
    io_taken(s->io, &said);
    io_feed_eof(s->io);
  }
  for (int i = 0; hub->sessions.n && i < 100; i++) { /* what is not taken is not sent */
    io_taken(s->io, &said);
    if (i == 20) io_abort(s->io); /* its answer is late: a password was wrong */
    session_fuzz_turns(1);
  }
  if (hub->sessions.n) abort();
  session_hub_end(hub); /* every input begins without a past */
  session_fuzz_check(buf_str(&said));
  buf_free(&said);
  return 0;
}
