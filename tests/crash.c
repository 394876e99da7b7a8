/* tests/crash.c: the process is killed, or the power goes, anywhere; then the file is opened again.
 *
 * A child takes in mail small and large, delivers, quarantines, gives up and is refused, and says
 * on a pipe what it was promised: "+ID" after a message was answered OK, "?ID" before a delivery's
 * outcome is given to the store, "-ID" after that was answered. Law (schema.sql law 7): what was
 * promised and not delivered is there, whole; what was delivered is not there any more; nothing
 * else is half there. What was not promised may be there, whole, when the end came between commit
 * and answer.
 */
#include "crash_vfs.h"
#include "store_kit.h"

#include <sys/wait.h>
#include <unistd.h>

#define CRASH_SAID (1 << 16)

static int crash_pipe;

static void crash_say(char sign, const char *id)
{
  char line[ID_LENGTH + 3];
  int n = snprintf(line, sizeof line, "%c%s\n", sign, id);
  if (write(crash_pipe, line, (size_t)n) != n) _exit(3);
}

static void crash_accepted(void *arg, enum store_result result)
{
  struct kit_mail *m = arg;
  kit_say(&m->said, result);
  if (result == STORE_OK) crash_say('+', m->id);
}

struct crash_delivery {
  char id[ID_LENGTH + 1];
};

static void crash_delivered(void *arg, enum store_result result)
{
  struct crash_delivery *d = arg;
  if (result == STORE_OK) crash_say('-', d->id);
}

/* ---- the child ------------------------------------------------------------------------------- */

static void crash_deliver(struct store *s, struct crash_delivery *d)
{
  struct err e;
  struct store_claim *c = NULL;
  struct store_outcome o = {.n = 1, .status = STORE_DONE, .tried = true};
  if (queue_next(s, STORE_DELIVER, clock_wall(), &c, &e) != 1) return;
  snprintf(d->id, sizeof d->id, STR_FMT, STR_ARG(c->mail.id));
  crash_say('?', d->id);
  queue_record(s, c, &o, 1, NULL, 0, 0, NULL, crash_delivered, d);
  queue_release(s, c);
}

static void crash_change(struct store *s)
{
  struct err e;
  struct store_claim *c = NULL;
  if (queue_next(s, STORE_WORKING, clock_wall(), &c, &e) != 1) return;
  struct store_mail mail = c->mail;
  mail.queue = STORE_QUARANTINE;
  mail.quarantine = STR("changed");
  mail.header = STR("Subject: changed\r\n\r\n");
  queue_change(s, c, &mail, NULL, NULL, NULL);
  queue_release(s, c);
}

#define CRASH_NEW_HEADER "Subject: replaced\r\n\r\n"
#define CRASH_NEW_OCTETS 150000

static void crash_replace(struct store *s)
{
  struct err e;
  struct store_claim *c = NULL;
  struct kit_mail m;
  struct store_mail mail = {.header = STR(CRASH_NEW_HEADER), .step = 7};
  if (queue_next(s, STORE_WORKING, clock_wall(), &c, &e) != 1) return;
  kit_new(&m, s);
  kit_feed(&m, s, CRASH_NEW_OCTETS);
  queue_replace(s, c, &mail, m.in, NULL, NULL);
  queue_release(s, c);
}

/* Rounds of everything a store does. Ends by itself only when nothing kills it. */
static void crash_child(const char *folder, int rounds)
{
  static const size_t sizes[] = {100, 5000, 150000, 70000, 900000};
  static const enum store_queue queues[] = {STORE_DELIVER, STORE_WORKING, STORE_DELIVER,
                                            STORE_QUARANTINE, STORE_DELIVER};
  struct store *s = kit_open(folder);
  struct crash_delivery delivery[2];
  struct store_trace line = {.stage = STR("connect"), .kind = STR("rule"), .status = STR("deny")};
  if (!s) _exit(4);
  for (int round = 0; round < rounds; round++) {
    struct kit_mail m[BASE_COUNT(sizes)];
    crash_replace(s);
    if (round == 1) kit_run(s);
    crash_change(s);
    kit_run(s);
    crash_deliver(s, &delivery[0]);
    for (size_t i = 0; i < BASE_COUNT(sizes); i++) {
      kit_new(&m[i], s);
      m[i].mail.queue = queues[i];
      m[i].mail.quarantine = STR("q");
      kit_feed(&m[i], s, sizes[i]);
      if (i == 1) kit_free(&m[3 - i - 2]); /* the first gives up now and then */
      if (i == 1) kit_new(&m[0], s);
      incoming_accept(m[i].in, &m[i].mail, crash_accepted, &m[i]);
      if (i != 2) store_turn(s, i % 2 == 0);
    }
    refused_add(s, STR("refused"), &line, 1);
    incoming_accept(m[0].in, &m[0].mail, crash_accepted, &m[0]);
    kit_run(s);
    crash_deliver(s, &delivery[1]);
    kit_run(s);
    for (size_t i = 0; i < BASE_COUNT(sizes); i++) kit_free(&m[i]);
  }
  refused_add(s, STR("last"), &line, 1);
  store_close(s);
  _exit(0);
}

/* A new body comes with its header and step, or not at all. */
#define CRASH_HALF_REPLACED                                                                        \
  "SELECT count(*) FROM message WHERE queue = 'working' AND (octets = 150000) <>"                  \
  " ((SELECT octets FROM body WHERE at = key) = CAST('Subject: replaced' || char(13, 10, 13, 10)"  \
  " AS BLOB) AND step = 7)"

/* ---- the parent ------------------------------------------------------------------------------ */

/* Reads all a dying child said; its end is the wait status. */
static int crash_run(const char *folder, int rounds, char said[CRASH_SAID])
{
  int fd[2], status = 0;
  ssize_t n = 0, got = 0;
  if (!CHECK_INT(pipe(fd), 0)) return -1;
  pid_t pid = fork();
  if (pid == 0) {
    close(fd[0]);
    crash_pipe = fd[1];
    crash_child(folder, rounds);
  }
  close(fd[1]);
  while (n < CRASH_SAID - 1 && (got = read(fd[0], said + n, (size_t)(CRASH_SAID - 1 - n))) > 0)
    n += got;
  said[n] = '\0';
  close(fd[0]);
  waitpid(pid, &status, 0);
  return status;
}

static bool crash_there(const char *folder, const char *id)
{
  char sql[128];
  snprintf(sql, sizeof sql, "SELECT count(*) FROM mail WHERE id = '%s'", id);
  return *kit_ask(folder, sql) == '1';
}

static bool crash_said(const char *said, char sign, const char *id)
{
  char line[ID_LENGTH + 2];
  snprintf(line, sizeof line, "%c%s", sign, id);
  return strstr(said, line) != NULL;
}

/* Opens what is left and holds it against what was promised. */
static bool crash_judge(const char *folder, const char *said)
{
  struct store *s = kit_open(folder);
  if (!CHECK(s != NULL)) return false;
  kit_run(s);
  bool fine = CHECK_STR(str_of(kit_laws(folder)), "");
  fine &= KIT_ASK(folder, "SELECT count(*) FROM loose", "0");
  fine &= KIT_ASK(folder, CRASH_HALF_REPLACED, "0");
  for (const char *p = said; *p; p += ID_LENGTH + 2) {
    char id[ID_LENGTH + 1];
    snprintf(id, sizeof id, "%.*s", ID_LENGTH, p + 1);
    bool there = crash_there(folder, id), gone = crash_said(said, '-', id);
    if (*p == '+') fine &= CHECK(there || crash_said(said, '?', id));
    fine &= CHECK(!there || !gone);
  }
  fine &= CHECK_INT(kit_send(s, 100, STORE_DELIVER, NULL), STORE_OK);
  store_close(s);
  return fine;
}

static void crash_clean(const char *folder)
{
  static const char *const ends[] = {"", "-wal", "-shm", ".disk", "-wal.disk"};
  char path[512];
  for (size_t i = 0; i < BASE_COUNT(ends); i++) {
    snprintf(path, sizeof path, "%s/vsmtp.db%s", folder, ends[i]);
    unlink(path);
  }
}

/* ---- killed ---------------------------------------------------------------------------------- */

TEST(crash_killed_at_every_point)
{
  static const char *const points[] = {"begun",   "spill",  "accept",    "record", "change",
                                       "replace", "commit", "committed", "keep",   "stop"};
  static char said[CRASH_SAID];
  const char *folder = check_folder();
  for (size_t i = 0; i < BASE_COUNT(points); i++) {
    int killed = 0;
    for (int nth = 1; nth <= 8; nth++) {
      char at[32];
      snprintf(at, sizeof at, "%s:%d", points[i], nth);
      crash_clean(folder);
      setenv("VSMTP_DIE_AT", at, 1);
      int status = crash_run(folder, 2, said);
      unsetenv("VSMTP_DIE_AT");
      killed += WIFSIGNALED(status);
      if (!crash_judge(folder, said)) printf("  killed at %s\n", at);
    }
    if (!CHECK(killed > 0)) printf("  never at %s\n", points[i]);
  }
}

/* ---- the power goes -------------------------------------------------------------------------- */

TEST(crash_power_goes_anywhere)
{
  static char said[CRASH_SAID];
  const char *folder = check_folder();
  int status = 0;
  long cuts = 0;
  for (long nth = 1; !(WIFEXITED(status) && WEXITSTATUS(status) == 0 && cuts > 0); cuts++) {
    crash_clean(folder);
    crash_vfs_seed((unsigned)nth * 7919);
    crash_vfs_shadow(true);
    crash_vfs_fail(CRASH_POWER, nth, false);
    status = crash_run(folder, 2, said);
    crash_vfs_calm();
    crash_vfs_shadow(false);
    if (!crash_judge(folder, said)) printf("  power gone at %ld\n", nth);
    nth += 1 + nth / 15;
  }
  CHECK(cuts > 20);
}
