/* tests/crash_torture.c: three clients and a delivery, interleaved, while everything that can fail
 * fails, one request after the other.
 *
 * Laws: what was answered OK is in the file, whole; what was answered otherwise is not; the
 * delivered message is gone, its outcome is not forgotten; the store goes on and takes the next.
 */
#include "crash_vfs.h"
#include "store_kit.h"

#include <unistd.h>

#define TORTURE_CLIENTS 3

static const size_t torture_sizes[TORTURE_CLIENTS] = {1500, 200000, 70000};

struct torture {
  const char *folder;
  struct store *s;
  struct kit_mail client[TORTURE_CLIENTS];
  char delivered[ID_LENGTH + 1];
  struct kit_said told;
};

static void torture_turns(struct torture *t, int n)
{
  while (n-- > 0) store_turn(t->s, true);
}

/* A piece to each in turn; the shorter ones end, and are parked, while the others go on. */
static void torture_feed(struct torture *t)
{
  static char piece[LIMIT_IO_INPUT];
  for (size_t round = 0; round < 14; round++) {
    for (int i = 0; i < TORTURE_CLIENTS; i++) {
      struct kit_mail *m = &t->client[i];
      size_t at = round * sizeof piece, left = at < torture_sizes[i] ? torture_sizes[i] - at : 0;
      if (left > sizeof piece) left = sizeof piece;
      memset(piece, 'a' + i, sizeof piece);
      if (!m->in || at > torture_sizes[i]) continue;
      for (int wait = 0; incoming_state(m->in) == INCOMING_WAIT && wait < 50; wait++) {
        torture_turns(t, 1);
        usleep(1000);
      }
      incoming_body(m->in, (str){piece, left});
      if (at + left >= torture_sizes[i] && !m->mail.last_reply.n) {
        m->mail.last_reply = STR("parked"); /* a mark of ours: once only */
        kit_accept(m);
      }
    }
    if (round % 4 == 3) torture_turns(t, 1);
    if (round % 4 == 1 && t->s->db)
      sqlite3_db_release_memory(t->s->db); /* so that pages are read again */
  }
}

/* It fails, and the sender is told: one transaction, or nothing. */
#define TORTURE_REPORT "0000000000000000000report0"
static void torture_deliver(struct torture *t, struct store_claim **claim)
{
  struct err e;
  struct store_outcome o = {.n = 1, .status = STORE_FAILED, .tried = true};
  struct store_rcpt to = {.address = STR("alice@home.example"), .transport = TRANSPORT_MAILDIR};
  struct store_mail mail = {.id = STR(TORTURE_REPORT),
                            .queue = STORE_DELIVER,
                            .header = STR(KIT_HEADER),
                            .rcpt = &to,
                            .rcpt_count = 1};
  struct store_report report = {&mail, STR("no\r\n")};
  if (!*claim && queue_next(t->s, STORE_DELIVER, clock_wall(), claim, &e) != 1) return;
  if (!*claim || t->told.times) return;
  if (queue_record(t->s, *claim, &o, 1, NULL, 0, 0, &report, kit_say, &t->told)) return;
  queue_release(t->s, *claim);
  *claim = NULL;
}

/* The work itself: begins with a store at rest that holds one message to deliver. */
static void torture_work(struct torture *t)
{
  struct store_claim *claim = NULL;
  struct store_trace line = {.stage = STR("connect"), .kind = STR("rule"), .status = STR("deny")};
  torture_deliver(t, &claim);
  for (int i = 0; i < TORTURE_CLIENTS; i++) kit_new(&t->client[i], t->s);
  refused_add(t->s, STR("session"), &line, 1);
  torture_feed(t);
  for (int i = 0; i < 50; i++) {
    if (claim) torture_deliver(t, &claim);
    torture_turns(t, 1);
    bool busy = t->s->tx.waiting.first || t->s->tx.kind != TX_NONE || claim;
    if (!busy) break;
    usleep(500);
  }
  queue_release(t->s, claim);
}

/* The fault is over: does it come to rest, and take another? */
static void torture_recover(struct torture *t)
{
  for (int i = 0; i < 400; i++) {
    if (!store_ready(t->s)) t->s->opened = INT64_MIN / 2; /* a minute has passed */
    LIST_EACH(&t->s->tx.waiting, struct op, link, op) op->retry = 0;
    t->s->keep.work_at = 0;
    int ms = store_turn(t->s, true);
    if (ms > 60 && store_ready(t->s)) break;
    kit_sleep(ms > 20 ? 20 : ms);
  }
  kit_run(t->s);
}

static const char *torture_count(const struct torture *t, const char *id, size_t size)
{
  char sql[256];
  snprintf(sql, sizeof sql, "SELECT count(*) FROM message WHERE id = '%s' AND octets = %zu", id,
           size);
  return kit_ask(t->folder, sql);
}

static bool torture_judge(struct torture *t)
{
  char sql[256];
  bool fine = CHECK_STR(str_of(kit_laws(t->folder)), "");
  for (int i = 0; i < TORTURE_CLIENTS; i++) {
    struct kit_mail *m = &t->client[i];
    if (!m->in) continue;
    fine &= CHECK_INT(m->said.times, 1);
    bool kept = m->said.result == STORE_OK;
    fine &= CHECK_STR(str_of(torture_count(t, m->id, torture_sizes[i])), kept ? "1" : "0");
  }
  snprintf(sql, sizeof sql,
           "SELECT count(*) || '/' || (SELECT count(*) FROM message WHERE id = '" TORTURE_REPORT
           "') FROM message WHERE id = '%s' AND queue = 'dead'",
           t->delivered);
  const char *both = kit_ask(t->folder, sql);
  fine &= CHECK(strcmp(both, "1/1") == 0 || (!t->told.times && strcmp(both, "0/0") == 0));
  for (int i = 0; i < TORTURE_CLIENTS; i++) kit_free(&t->client[i]);
  return fine;
}

/* A file with one message to deliver; each run begins with a copy of nothing: a new folder. */
static bool torture_begin(struct torture *t, const char *folder)
{
  char path[512];
  static const char *const ends[] = {"", "-wal", "-shm"};
  for (int i = 0; i < 3; i++) {
    snprintf(path, sizeof path, "%s/vsmtp.db%s", folder, ends[i]);
    unlink(path);
  }
  *t = (struct torture){.folder = folder, .s = kit_open(folder)};
  if (!t->s) return false;
  bool sent = kit_send(t->s, 500, STORE_DELIVER, t->delivered) == STORE_OK;
  kit_run(t->s);
  return sent;
}

static bool torture_end(struct torture *t, bool for_good)
{
  bool fine = for_good || CHECK_INT(kit_send(t->s, 1000, STORE_WORKING, NULL), STORE_OK);
  store_close(t->s);
  return fine;
}

/* Fails the nth of a kind, n growing by and by, until the work runs through without meeting it. */
static void torture_fault(enum crash_fault fault, bool forever)
{
  const char *folder = check_folder();
  struct torture t;
  long runs = 0;
  bool met = true, fine = true;
  for (long nth = 1; met && fine; nth += 1 + nth / 20) {
    if (!CHECK(torture_begin(&t, folder))) return;
    crash_vfs_fail(fault, nth, forever);
    torture_work(&t);
    met = crash_vfs_calm();
    torture_recover(&t);
    if (t.s->closed_for_good) { /* two failed syncs: another process must take over */
      for (int i = 0; i < TORTURE_CLIENTS; i++) CHECK_INT(t.client[i].said.times, 1);
    }
    fine = torture_judge(&t);
    fine &= torture_end(&t, t.s->closed_for_good);
    if (!fine)
      printf("  %s number %ld%s\n", crash_fault_name(fault), nth, forever ? " and on" : "");
    runs++;
  }
  CHECK(runs > 1);
}

TEST(torture_full_disk)
{
  torture_fault(CRASH_FULL, false);
}
TEST(torture_full_disk_stays)
{
  torture_fault(CRASH_FULL, true);
}
TEST(torture_write)
{
  torture_fault(CRASH_WRITE, false);
}
TEST(torture_write_stays)
{
  torture_fault(CRASH_WRITE, true);
}
TEST(torture_sync)
{
  torture_fault(CRASH_SYNC, false);
}
TEST(torture_sqlite_memory)
{
  torture_fault(CRASH_MEMORY, false);
}
TEST(torture_sqlite_memory_stays)
{
  torture_fault(CRASH_MEMORY, true);
}

TEST(torture_read)
{
  torture_fault(CRASH_READ, false);
}

/* A disk that lost writes once is opened again; twice, never. */
TEST(torture_second_failed_sync)
{
  const char *folder = check_folder();
  struct torture t;
  char id[ID_LENGTH + 1];
  if (!CHECK(torture_begin(&t, folder))) return;
  for (int i = 0; i < 2; i++) {
    CHECK(store_ready(t.s));
    crash_vfs_fail(CRASH_SYNC, 1, true);
    CHECK_INT(kit_send(t.s, 100, STORE_WORKING, id), STORE_TEMP);
    CHECK(crash_vfs_calm());
    CHECK(!store_ready(t.s));
    store_turn(t.s, true);
    CHECK(!store_ready(t.s)); /* not twice a minute */
    t.s->opened = INT64_MIN / 2;
    store_turn(t.s, true);
    CHECK(store_ready(t.s) == (i == 0));
  }
  CHECK_INT(kit_send(t.s, 100, STORE_WORKING, NULL), STORE_TEMP);
  store_close(t.s);
  CHECK_STR(str_of(kit_laws(folder)), "");
  t.s = kit_open(folder);
  if (!CHECK(t.s != NULL)) return;
  CHECK_INT(kit_send(t.s, 100, STORE_WORKING, NULL), STORE_OK);
  store_close(t.s);
}

/* Our own memory. */
TEST(torture_memory)
{
  const char *folder = check_folder();
  struct torture t;
  bool met = true, fine = true;
  for (uint64_t nth = 1; met && fine; nth++) {
    if (!CHECK(torture_begin(&t, folder))) return;
    mem_fail_at(nth, true);
    torture_work(&t);
    met = mem_failed();
    mem_fail_at(0, false);
    torture_recover(&t);
    fine = torture_judge(&t);
    fine &= torture_end(&t, false);
    if (!fine) printf("  request %llu\n", (unsigned long long)nth);
  }
}

/* Another text for a message: it is there whole, or the old one is, as was said. A commit that
 * failed may be found done, whole too. */
static bool torture_replaced(struct torture *t, const struct kit_said *said)
{
  bool fine = CHECK_INT(said->times, 1);
  fine &= CHECK_STR(str_of(kit_laws(t->folder)), "");
  const char *octets =
      kit_ask(t->folder, "SELECT octets || ' ' || step FROM message WHERE queue = 'working'");
  if (said->result == STORE_OK || strcmp(octets, "70000 0") != 0)
    fine &= CHECK_STR(str_of(octets), "200000 7");
  return fine;
}

static void torture_replace(enum crash_fault fault)
{
  const char *folder = check_folder();
  struct store_mail mail = {.header = STR("Subject: new\r\n\r\n"), .step = 7};
  struct torture t;
  struct err e;
  bool met = true, fine = true;
  long runs = 0;
  for (long nth = 1; met && fine; nth += 1 + nth / 20, runs++) {
    struct store_claim *c = NULL;
    struct kit_said said = {0};
    struct kit_mail m;
    if (!CHECK(torture_begin(&t, folder))) return;
    CHECK_INT(kit_send(t.s, 70000, STORE_WORKING, NULL), STORE_OK);
    if (!CHECK_INT(queue_next(t.s, STORE_WORKING, clock_wall(), &c, &e), 1)) return;
    kit_new(&m, t.s);
    crash_vfs_fail(fault, nth, false);
    kit_feed(&m, t.s, 200000);
    CHECK_INT(queue_replace(t.s, c, &mail, m.in, kit_say, &said), 0);
    for (int i = 0; i < 12 && !said.times && store_ready(t.s); i++) { /* a commit takes its time */
      int ms = store_turn(t.s, true);
      kit_sleep(ms > 20 ? 20 : ms);
    }
    met = crash_vfs_calm();
    torture_recover(&t);
    fine = torture_replaced(&t, &said);
    queue_release(t.s, c);
    kit_run(t.s);
    fine &= CHECK_STR(str_of(kit_ask(folder, "SELECT count(*) FROM loose")), "0");
    fine &= torture_end(&t, false);
    if (!fine) printf("  %s number %ld\n", crash_fault_name(fault), nth);
  }
  CHECK(runs > 1);
}

TEST(torture_replace_full_disk)
{
  torture_replace(CRASH_FULL);
}
TEST(torture_replace_write)
{
  torture_replace(CRASH_WRITE);
}
TEST(torture_replace_sync)
{
  torture_replace(CRASH_SYNC);
}
TEST(torture_replace_memory)
{
  torture_replace(CRASH_MEMORY);
}

/* Opening: whatever fails is said, and the next try works. */
static void torture_opening(enum crash_fault fault)
{
  const char *folder = check_folder();
  struct torture t;
  bool met = true;
  long runs = 0;
  for (long nth = 1; met; nth += 1 + nth / 20, runs++) {
    if (!CHECK(torture_begin(&t, folder))) return;
    store_close(t.s);
    struct err e = {.kind = ERR_NONE};
    struct store_options o = {.dirpath = str_of(folder), .server = true, .create = true};
    crash_vfs_fail(fault, nth, false);
    t.s = store_open(&o, &e);
    met = crash_vfs_calm();
    CHECK(t.s || (met && e.text[0]));
    store_close(t.s);
    t.s = kit_open(folder);
    if (!CHECK(t.s != NULL)) return;
    CHECK_STR(str_of(torture_count(&t, t.delivered, 500)), "1");
    if (!torture_end(&t, false)) printf("  %s number %ld\n", crash_fault_name(fault), nth);
  }
  CHECK(runs > 1);
}

TEST(torture_opening_files)
{
  torture_opening(CRASH_OPEN);
}
TEST(torture_opening_memory)
{
  torture_opening(CRASH_MEMORY);
}
TEST(torture_opening_read)
{
  torture_opening(CRASH_READ);
}

/* A file system without shared memory (jffs2): no WAL, everything else as ever. */
TEST(torture_without_shared_memory)
{
  const char *folder = check_folder();
  struct torture t = {.folder = folder};
  crash_vfs_fail(CRASH_SHARED, 1, true);
  t.s = kit_open(folder);
  if (!CHECK(t.s != NULL)) return;
  CHECK(!t.s->wal);
  CHECK_INT(kit_send(t.s, 500, STORE_DELIVER, t.delivered), STORE_OK);
  torture_work(&t);
  torture_recover(&t);
  for (int i = 0; i < TORTURE_CLIENTS; i++) CHECK_INT(t.client[i].said.result, STORE_OK);
  CHECK_INT(t.told.result, STORE_OK);
  torture_judge(&t);
  KIT_ASK(folder, "PRAGMA journal_mode", "delete"); /* what a new connection says of no WAL */
  CHECK(crash_vfs_calm());
  store_close(t.s);
}
