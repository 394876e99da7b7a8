/* tests/unit/store.c: receiving and accepting: what is in the file and when, who is told what, what
 * a crash leaves, how the file is opened.
 */
#include "../store_kit.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- accepting ------------------------------------------------------------------------------- */

TEST(store_accepts_after_the_commit)
{
  const char *folder = check_folder();
  struct store *s = kit_open(folder);
  struct kit_mail m;
  if (!CHECK(s != NULL)) return;
  kit_new(&m, s);
  CHECK_INT(kit_feed(&m, s, 5000), 0);
  kit_accept(&m);
  KIT_ASK(folder, "SELECT count(*) FROM queue", "0");
  CHECK_INT(m.said.times, 0);
  kit_run(s);
  CHECK_INT(m.said.times, 1);
  CHECK_INT(m.said.result, STORE_OK);
  kit_free(&m);
  KIT_ASK(folder,
          "SELECT id FROM queue WHERE queue = 'deliver' AND mail_from = 'alice@example.net' AND"
          " rcpt_left = 1 AND rcpt_total = 1 AND size = 5018 AND attempts = 0 AND helo ="
          " 'client.example' AND client_ip = '192.0.2.1' AND subject = 'Hello' AND auth_user = ''"
          " AND next_attempt_at IS NOT NULL",
          m.id);
  KIT_ASK(folder, "SELECT length(message) FROM mail", "5018");
  KIT_ASK(folder, "SELECT directive || kind || status || stage FROM trace", "hold itrulenextpreq");
  KIT_ASK(folder, "SELECT address || transport || status FROM recipient",
          "bob@home.examplemaildirpending");
  CHECK_STR(str_of(kit_laws(folder)), "");
  store_close(s);
}

TEST(store_made_as_it_should_be)
{
  const char *folder = check_folder();
  struct store *s = kit_open(folder);
  struct stat st;
  char path[512];
  if (!CHECK(s != NULL)) return;
  KIT_ASK(folder, "PRAGMA auto_vacuum", "2");
  KIT_ASK(folder, "PRAGMA page_size", "4096");
  KIT_ASK(folder, "PRAGMA encoding", "UTF-8");
  KIT_ASK(folder, "PRAGMA journal_mode", "wal");
  KIT_ASK(folder, "SELECT application_id > 0 FROM pragma_application_id", "1");
  KIT_ASK(folder, "PRAGMA user_version", "4");
  for (int i = 0; i < 3; i++) {
    static const char *const ends[] = {"", "-wal", "-shm"};
    snprintf(path, sizeof path, "%s/vsmtp.db%s", folder, ends[i]);
    CHECK_INT(stat(path, &st), 0);
    CHECK_INT(st.st_mode & 0777, 0600);
  }
  store_close(s);
}

/* The pieces of a body, one after the other, against what was fed. */
static size_t store_read_back(struct incoming *in)
{
  struct buf piece = BUF_INIT(LIMIT_CHUNK);
  struct err e;
  size_t at = 0;
  int r = 1;
  for (size_t n = 0; (r = incoming_read(in, n, &piece, &e)) == 1; n++, buf_clear(&piece))
    for (size_t i = 0; i < piece.n; i++, at++)
      if (!kit_octet(at, piece.p[i])) r = -1;
  CHECK_INT(r, 0);
  buf_free(&piece);
  return at;
}

TEST(store_streams_a_large_body)
{
  const char *folder = check_folder();
  struct store *s = kit_open(folder);
  struct kit_mail m;
  char want[32];
  size_t n = 20 * LIMIT_CHUNK + 777;
  if (!CHECK(s != NULL)) return;
  kit_new(&m, s);
  CHECK_INT(kit_feed(&m, s, n), 0);
  CHECK_INT(store_read_back(m.in), n);
  kit_run(s);
  KIT_ASK(folder, "SELECT count(*) FROM loose", "1");
  KIT_ASK(folder, "SELECT count(*) FROM mail", "0");
  kit_accept(&m);
  kit_run(s);
  CHECK_INT(m.said.result, STORE_OK);
  CHECK_INT(m.said.times, 1);
  kit_free(&m);
  snprintf(want, sizeof want, "%zu", n + KIT_HEADER_SIZE);
  KIT_ASK(folder, "SELECT length(message) FROM mail", want);
  CHECK_STR(str_of(kit_laws(folder)), "");
  KIT_ASK(folder, "SELECT count(*) FROM loose", "0");
  store_close(s);
}

TEST(store_keeps_a_mail_without_body)
{
  const char *folder = check_folder();
  struct store *s = kit_open(folder);
  if (!CHECK(s != NULL)) return;
  CHECK_INT(kit_send(s, 0, STORE_WORKING, NULL), STORE_OK);
  KIT_ASK(folder, "SELECT CAST(message AS TEXT) FROM mail WHERE queue = 'working'", KIT_HEADER);
  CHECK_STR(str_of(kit_laws(folder)), "");
  store_close(s);
}

TEST(store_shares_a_commit)
{
  struct kit_mail m[50];
  const char *folder = check_folder();
  struct store *s = kit_open(folder);
  if (!CHECK(s != NULL)) return;
  kit_run(s);
  uint64_t before = s->tx.generation;
  s->tx.sync = 1000000; /* a slow disk: the window is 5 ms */
  for (int i = 0; i < 50; i++) {
    kit_new(&m[i], s);
    kit_feed(&m[i], s, 100);
    kit_accept(&m[i]);
  }
  kit_run(s);
  CHECK(s->tx.generation - before <= 3);
  for (int i = 0; i < 50; i++) {
    CHECK_INT(m[i].said.times, 1);
    CHECK_INT(m[i].said.result, STORE_OK);
    kit_free(&m[i]);
  }
  KIT_ASK(folder, "SELECT count(*) FROM queue", "50");
  store_close(s);
}

/* The clock of the window: a busy loop never says "sleeping". */
TEST(store_commits_a_busy_loop_too)
{
  const char *folder = check_folder();
  struct store *s = kit_open(folder);
  struct kit_mail m;
  if (!CHECK(s != NULL)) return;
  kit_run(s);
  kit_new(&m, s);
  kit_accept(&m);
  int64_t start = clock_mono();
  while (!m.said.times && clock_mono() - start < 60000) store_turn(s, false);
  CHECK_INT(m.said.times, 1);
  CHECK_INT(m.said.result, STORE_OK);
  kit_free(&m);
  store_close(s);
}

/* The process was frozen, or the disk stood still, in the middle of a transaction. */
TEST(store_goes_on_after_hours_in_a_transaction)
{
  const char *folder = check_folder();
  struct store *s = kit_open(folder);
  struct kit_mail m;
  if (!CHECK(s != NULL)) return;
  kit_run(s);
  kit_new(&m, s);
  kit_accept(&m);
  s->tx.begun -= INT64_C(7200) * 1000000;
  kit_run(s);
  CHECK_INT(m.said.result, STORE_OK);
  kit_free(&m);
  kit_new(&m, s);
  kit_accept(&m);
  int64_t start = clock_mono();
  while (!m.said.times && clock_mono() - start < 60000) kit_sleep(store_turn(s, true));
  CHECK_INT(m.said.times, 1);
  CHECK_INT(m.said.result, STORE_OK);
  kit_free(&m);
  store_close(s);
}

TEST(store_refuses_the_same_id_twice)
{
  const char *folder = check_folder();
  struct store *s = kit_open(folder);
  struct kit_mail m;
  char id[ID_LENGTH + 1];
  if (!CHECK(s != NULL)) return;
  CHECK_INT(kit_send(s, 1000, STORE_DELIVER, id), STORE_OK);
  kit_new(&m, s);
  memcpy(m.id, id, sizeof id);
  kit_feed(&m, s, 70000);
  kit_accept(&m);
  kit_run(s);
  CHECK_INT(m.said.result, STORE_TEMP);
  kit_free(&m);
  kit_run(s);
  KIT_ASK(folder, "SELECT size FROM queue", "1018");
  KIT_ASK(folder, "SELECT count(*) FROM trace", "1");
  CHECK_STR(str_of(kit_laws(folder)), "");
  KIT_ASK(folder, "SELECT count(*) FROM body", "2");
  store_close(s);
}

TEST(store_keeps_only_the_trace_for_nobody)
{
  const char *folder = check_folder();
  struct store *s = kit_open(folder);
  struct kit_mail m;
  if (!CHECK(s != NULL)) return;
  kit_new(&m, s);
  m.rcpt.status = STORE_REMOVED;
  kit_feed(&m, s, 12 * LIMIT_CHUNK);
  kit_accept(&m);
  kit_run(s);
  CHECK_INT(m.said.result, STORE_OK);
  kit_free(&m);
  kit_run(s);
  KIT_ASK(folder, "SELECT count(*) FROM message", "0");
  KIT_ASK(folder, "SELECT count(*) FROM body", "0");
  KIT_ASK(folder, "SELECT id FROM trace", m.id);
  CHECK_STR(str_of(kit_laws(folder)), "");
  store_close(s);
}

/* ---- giving up ------------------------------------------------------------------------------- */

TEST(store_forgets_who_gives_up)
{
  const char *folder = check_folder();
  struct store *s = kit_open(folder);
  struct kit_mail m[4];
  if (!CHECK(s != NULL)) return;
  for (int i = 0; i < 4; i++) kit_new(&m[i], s);
  kit_feed(&m[0], s, 100);              /* in memory */
  kit_feed(&m[1], s, 30 * LIMIT_CHUNK); /* spilled */
  kit_feed(&m[2], s, 3 * LIMIT_CHUNK);  /* parked, written */
  kit_run(s);
  kit_feed(&m[3], s, 5);
  kit_accept(&m[2]);
  kit_accept(&m[3]);
  kit_free(&m[0]);
  kit_free(&m[1]);
  kit_free(&m[2]);
  kit_run(s);
  CHECK_INT(m[2].said.times, 0);
  CHECK_INT(m[3].said.result, STORE_OK); /* the one beside it is not disturbed */
  KIT_ASK(folder, "SELECT count(*) FROM queue", "1");
  KIT_ASK(folder, "SELECT count(*) FROM body", "2");
  KIT_ASK(folder, "SELECT count(*) FROM loose", "0");
  CHECK_STR(str_of(kit_laws(folder)), "");
  kit_free(&m[3]);
  store_close(s);
}

struct store_quitter {
  struct kit_mail mail[2];
};

static void store_quit_other(void *arg, enum store_result result)
{
  struct store_quitter *q = arg;
  kit_say(&q->mail[0].said, result);
  kit_free(&q->mail[1]);
}

/* Committed, but its client is gone before it was told: it will come again. */
TEST(store_takes_back_what_nobody_was_told)
{
  const char *folder = check_folder();
  struct store *s = kit_open(folder);
  struct store_quitter q;
  if (!CHECK(s != NULL)) return;
  kit_new(&q.mail[0], s);
  kit_new(&q.mail[1], s);
  incoming_accept(q.mail[0].in, &q.mail[0].mail, store_quit_other, &q);
  kit_accept(&q.mail[1]);
  kit_run(s);
  CHECK_INT(q.mail[0].said.result, STORE_OK);
  CHECK_INT(q.mail[1].said.times, 0);
  KIT_ASK(folder, "SELECT id FROM queue", q.mail[0].id);
  KIT_ASK(folder, "SELECT count(*) FROM queue", "1");
  CHECK_STR(str_of(kit_laws(folder)), "");
  kit_free(&q.mail[0]);
  store_close(s);
}

/* ---- another process holds the lock -------------------------------------------------------------
 * A lock of our own process would not do: sqlite's locks belong to processes. */

struct store_holder {
  pid_t pid;
  int go[2], held[2];
};

static void store_hold(struct store_holder *h, const char *folder, const char *sql)
{
  char c = 0;
  CHECK_INT(pipe(h->go) + pipe(h->held), 0);
  h->pid = fork();
  if (h->pid == 0) {
    char path[512];
    sqlite3 *db;
    snprintf(path, sizeof path, "%s/vsmtp.db", folder);
    int rc = sqlite3_open(path, &db);
    sqlite3_busy_timeout(db, 5000);
    if (rc == SQLITE_OK) rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
    c = rc == SQLITE_OK ? 'y' : 'n';
    if (write(h->held[1], &c, 1) != 1) _exit(1);
    if (read(h->go[0], &c, 1) != 1) _exit(1);
    sqlite3_close(db);
    _exit(0);
  }
  CHECK_INT(read(h->held[0], &c, 1), 1);
  CHECK_INT(c, 'y');
}

static void store_let_go(struct store_holder *h)
{
  int status;
  CHECK_INT(write(h->go[1], "x", 1), 1);
  waitpid(h->pid, &status, 0);
  close(h->go[0]), close(h->go[1]), close(h->held[0]), close(h->held[1]);
}

TEST(store_waits_for_a_shell_without_blocking)
{
  const char *folder = check_folder();
  struct store *s = kit_open(folder);
  struct store_holder h;
  struct kit_mail m;
  if (!CHECK(s != NULL)) return;
  kit_run(s);
  store_hold(&h, folder, "BEGIN IMMEDIATE");
  kit_new(&m, s);
  kit_feed(&m, s, 100);
  kit_accept(&m);
  for (int64_t start = clock_mono(); clock_mono() - start < 200;) {
    int64_t before = clock_mono();
    int ms = store_turn(s, true);
    CHECK(clock_mono() - before < 2000); /* SQLite's own waiting is longer */
    kit_sleep(ms);
  }
  CHECK_INT(m.said.times, 0);
  store_let_go(&h);
  kit_run(s);
  CHECK_INT(m.said.result, STORE_OK);
  CHECK_INT(m.said.times, 1);
  kit_free(&m);
  store_close(s);
}

TEST(store_tells_who_waited_five_seconds)
{
  const char *folder = check_folder();
  struct store *s = kit_open(folder);
  struct store_holder h;
  struct kit_mail m;
  if (!CHECK(s != NULL)) return;
  kit_run(s);
  store_hold(&h, folder, "BEGIN IMMEDIATE");
  kit_new(&m, s);
  kit_accept(&m);
  int64_t start = clock_mono();
  while (!m.said.times && clock_mono() - start < 60000) kit_sleep(store_turn(s, true));
  CHECK(clock_mono() - start >= 4900);
  CHECK_INT(m.said.result, STORE_TEMP);
  kit_free(&m);
  store_let_go(&h);
  CHECK_INT(kit_send(s, 10, STORE_DELIVER, NULL), STORE_OK);
  KIT_ASK(folder, "SELECT count(*) FROM queue", "1");
  store_close(s);
}

TEST(store_stops_reading_while_busy)
{
  const char *folder = check_folder();
  struct store *s = kit_open(folder);
  struct store_holder h;
  struct kit_mail m;
  static char piece[LIMIT_IO_INPUT];
  if (!CHECK(s != NULL)) return;
  kit_run(s);
  store_hold(&h, folder, "BEGIN IMMEDIATE");
  kit_new(&m, s);
  memset(piece, 'x', sizeof piece);
  size_t given = 0;
  while (incoming_body(m.in, (str){piece, sizeof piece}) == INCOMING_GO) given += sizeof piece;
  CHECK(given < LIMIT_CHUNK + sizeof piece);
  CHECK_INT(incoming_state(m.in), INCOMING_WAIT);
  store_let_go(&h);
  kit_run(s);
  CHECK_INT(incoming_state(m.in), INCOMING_GO);
  kit_accept(&m);
  kit_run(s);
  CHECK_INT(m.said.result, STORE_OK);
  CHECK_STR(str_of(kit_laws(folder)), "");
  kit_free(&m);
  store_close(s);
}

/* A message that ends while its chunk still waits for the lock. */
TEST(store_accepts_with_a_chunk_waiting)
{
  const char *folder = check_folder();
  struct store *s = kit_open(folder);
  struct store_holder h;
  struct kit_mail m;
  static char piece[LIMIT_IO_INPUT];
  if (!CHECK(s != NULL)) return;
  kit_run(s);
  store_hold(&h, folder, "BEGIN IMMEDIATE");
  kit_new(&m, s);
  memset(piece, 'x', sizeof piece);
  while (incoming_body(m.in, (str){piece, sizeof piece}) == INCOMING_GO)
    ;
  uint64_t octets = incoming_octets(m.in);
  kit_accept(&m);
  for (int i = 0; i < 5; i++) kit_sleep(store_turn(s, true));
  CHECK_INT(m.said.times, 0);
  store_let_go(&h);
  kit_run(s);
  CHECK_INT(m.said.result, STORE_OK);
  CHECK_STR(str_of(kit_laws(folder)), "");
  char want[32];
  snprintf(want, sizeof want, "%llu", (unsigned long long)octets);
  KIT_ASK(folder, "SELECT octets FROM message", want);
  kit_free(&m);
  store_close(s);
}

/* ---- opening --------------------------------------------------------------------------------- */

static enum err_kind store_open_kind(const char *folder, bool server, bool create)
{
  struct err e = {.kind = ERR_NONE};
  struct store_options o = {.dirpath = str_of(folder), .server = server, .create = create};
  struct store *s = store_open(&o, &e);
  store_close(s);
  return s ? ERR_NONE : e.kind;
}

TEST(store_opens_only_what_is_ours)
{
  const char *folder = check_folder();
  struct err e;
  bool exists = true;
  CHECK_INT(store_check(str_of(folder), &exists, &e), 0);
  CHECK(!exists);
  CHECK_INT(store_open_kind(folder, false, false), ERR_SYNTAX);
  KIT_ASK(folder, "CREATE TABLE theirs(x)", "");
  CHECK_INT(store_open_kind(folder, true, true), ERR_PERM);
  CHECK_INT(store_check(str_of(folder), &exists, &e), -1);
  CHECK(exists);
  KIT_ASK(folder, "SELECT count(*) FROM sqlite_master", "1");
}

TEST(store_refuses_a_newer_schema)
{
  const char *folder = check_folder();
  struct err e;
  bool exists;
  CHECK_INT(store_open_kind(folder, true, true), ERR_NONE);
  CHECK_INT(store_check(str_of(folder), &exists, &e), 0);
  CHECK(exists);
  KIT_ASK(folder, "PRAGMA user_version = 99", "");
  CHECK_INT(store_open_kind(folder, true, true), ERR_PERM);
  CHECK_INT(store_open_kind(folder, false, false), ERR_PERM);
  CHECK_INT(store_check(str_of(folder), &exists, &e), -1);
  CHECK(str_find(str_of(e.text), STR("version 99")) > 0);
}

/* The folder then holds a database as the programs of that version made it, with one mail. */
static void store_make_version(const char *folder, int version)
{
  struct buf text = BUF_INIT(0);
  struct err e;
  char path[512], source[64];
  sqlite3 *db = NULL;
  snprintf(path, sizeof path, "%s/vsmtp.db", folder);
  snprintf(source, sizeof source, "tests/unit/schema_%d.sql", version);
  if (!CHECK_INT(file_read(str_of(source), 1 << 20, &text, &e), 0)) return;
  buf_printf(&text,
             "PRAGMA application_id = 1987276148; PRAGMA user_version = %d;"
             "INSERT INTO message VALUES('00000000000000000000000001', 1048576,"
             " 'deliver', '', 0, 0, '192.0.2.1', 'h', 'a@b.example', '', 's', 12, 2, 1,"
             " '', '', '', 0, '', x''),"
             " ('00000000000000000000000002', 2097152, 'virus_q', 'deliver', 7, 0, '192.0.2.1',"
             " 'h', 'a@b.example', '', 'infected', 17, 0, 0, '', '', '', 0, '', x'');"
             "INSERT INTO rcpt(id, n, address, original, transport, target, status, attempts,"
             " next_at, last_reply) VALUES('00000000000000000000000001', 1, 'b@b.example',"
             " '', 'maildir', '', 'pending', 3, 1, 'later'),"
             " ('00000000000000000000000001', 2, 'c@b.example', '', 'none', %s,"
             " 'pending', 0, 1, %s),"
             " ('00000000000000000000000002', 1, 'd@b.example', '', 'maildir', '', 'pending', 0,"
             " NULL, '');"
             "INSERT INTO body VALUES(1048576, 'Subject: s'), (1048577, 'hi'),"
             " (2097152, 'Subject: infected')",
             version, version < 3 ? "'550 no'" : "''", version < 3 ? "''" : "'550 no'");
  CHECK_INT(sqlite3_open(path, &db), SQLITE_OK);
  CHECK_INT(sqlite3_exec(db, buf_cstr(&text), NULL, NULL, NULL), SQLITE_OK);
  sqlite3_close(db);
  buf_free(&text);
}

/* Every column of every table and view, and the text of indexes and triggers. */
#define STORE_SHAPE                                                                                \
  "SELECT group_concat(x, ' ') FROM (SELECT m.name || '.' || t.cid || t.name || t.type ||"         \
  " t.\"notnull\" || ifnull(t.dflt_value, '') || t.pk AS x FROM sqlite_master AS m,"               \
  " pragma_table_info(m.name) AS t ORDER BY m.name, t.cid)"
#define STORE_OTHERS                                                                               \
  "SELECT total(length(sql)) || ':' || count(*) FROM sqlite_master WHERE type <> 'table'"

/* The claim of the one mail that is to be delivered holds what the old file said of it. */
static void store_check_migrated(struct store *s)
{
  struct store_claim *claim = NULL;
  struct err e;
  CHECK_INT(queue_next(s, STORE_DELIVER, clock_wall(), &claim, &e), 1);
  if (CHECK(claim && claim->mail.rcpt_count == 2)) {
    CHECK_STR(claim->mail.rcpt[0].last_reply, "later");
    CHECK_STR(claim->mail.rcpt[1].last_reply, "550 no"); /* stood in target before version 3 */
    CHECK_STR(claim->mail.rcpt[1].target, "");
    CHECK_STR(claim->mail.rcpt[0].dsn, "");
    CHECK(!claim->mail.rcpt[0].warned);
  }
  queue_release(s, claim);
}

static void store_migrates(const char *folder, int version)
{
  char old[512], fresh[512];
  snprintf(old, sizeof old, "%s/%d", folder, version);
  snprintf(fresh, sizeof fresh, "%s/fresh_%d", folder, version);
  CHECK_INT(mkdir(old, 0700), 0);
  CHECK_INT(mkdir(fresh, 0700), 0);
  store_make_version(old, version);
  CHECK_INT(store_open_kind(old, false, false), ERR_PERM); /* a command does not migrate */
  struct store *s = kit_open(old), *other = kit_open(fresh);
  if (!CHECK(s && other)) return;
  KIT_ASK(old, "PRAGMA user_version", "4");
  CHECK_STR(str_of(kit_ask(old, STORE_SHAPE)), kit_ask(fresh, STORE_SHAPE));
  CHECK_STR(str_of(kit_ask(old, STORE_OTHERS)), kit_ask(fresh, STORE_OTHERS));
  CHECK_STR(str_of(kit_laws(old)), "");
  store_check_migrated(s);
  /* The triggers and indexes of today, over the rows of then. */
  KIT_ASK(old, "SELECT id || queue || subject FROM quarantine",
          "00000000000000000000000002virus_qinfected");
  KIT_ASK(old, "UPDATE quarantine SET queue = 'deliver'", "");
  KIT_ASK(old, "SELECT queue || came_from FROM message WHERE subject = 'infected'",
          "delivervirus_q");
  CHECK_STR(str_of(kit_laws(old)), "");
  store_close(s);
  store_close(other);
}

TEST(store_migrates_every_version)
{
  const char *folder = check_folder();
  for (int version = 1; version < store_schema_version(); version++)
    store_migrates(folder, version);
}

TEST(store_shows_no_password)
{
  static const struct {
    const char *target, *shown;
  } rows[] = {
      {"smtp://joe:secret@x.example:587?tls=none", "smtp://joe:***@x.example:587?tls=none"},
      {"smtps://a:b@c:sec:ret@x.example", "smtps://a:***@x.example"},
      {"smtps://joe:@@@x.example", "smtps://joe:***@x.example"},
      {"smtp://joe@x.example:25?password_file=/p", "smtp://joe@x.example:25?password_file=/p"},
      {"smtp://x.example:25", "smtp://x.example:25"},
      {"lmtp:unix:/run/a@b:c", "lmtp:unix:/run/a@b:c"},
      {"[::1]:25", "[::1]:25"},
      {"", ""},
  };
  const char *folder = check_folder();
  struct store *s = kit_open(folder);
  struct kit_mail m;
  char ask[256];
  if (!CHECK(s != NULL)) return;
  kit_new(&m, s);
  kit_accept(&m);
  kit_run(s);
  for (size_t i = 0; i < BASE_COUNT(rows); i++) {
    snprintf(ask, sizeof ask, "UPDATE rcpt SET target = '%s'", rows[i].target);
    KIT_ASK(folder, ask, "");
    KIT_ASK(folder, "SELECT target FROM recipient", rows[i].shown);
  }
  kit_free(&m);
  store_close(s);
}

TEST(store_keeps_what_a_recipient_asked_for)
{
  const char *folder = check_folder();
  struct store *s = kit_open(folder);
  struct store_claim *claim = NULL;
  struct kit_mail m;
  struct err e;
  if (!CHECK(s != NULL)) return;
  kit_new(&m, s);
  m.rcpt.dsn = STR("NOTIFY=NEVER ORCPT=rfc822;b@x");
  m.rcpt.warned = true;
  kit_accept(&m);
  kit_run(s);
  CHECK_INT(m.said.result, STORE_OK);
  CHECK_INT(queue_next(s, STORE_DELIVER, clock_wall() + 1, &claim, &e), 1);
  if (!CHECK(claim && claim->mail.rcpt_count == 1)) return;
  CHECK_STR(claim->mail.rcpt[0].dsn, "NOTIFY=NEVER ORCPT=rfc822;b@x");
  CHECK(claim->mail.rcpt[0].warned);
  CHECK_INT(queue_change(s, claim, &claim->mail, NULL, NULL, NULL), 0);
  queue_release(s, claim);
  kit_run(s);
  KIT_ASK(folder, "SELECT dsn || warned FROM rcpt", "NOTIFY=NEVER ORCPT=rfc822;b@x1");
  kit_free(&m);
  store_close(s);
}

TEST(store_is_served_by_one_alone)
{
  const char *folder = check_folder();
  struct store *s = kit_open(folder);
  CHECK_INT(store_open_kind(folder, true, true), ERR_TEMP);
  CHECK_INT(store_open_kind(folder, false, false), ERR_NONE);
  store_close(s);
  CHECK_INT(store_open_kind(folder, true, true), ERR_NONE);
}

TEST(store_refuses_what_is_no_database)
{
  const char *folder = check_folder();
  char path[512];
  snprintf(path, sizeof path, "%s/vsmtp.db", folder);
  FILE *f = fopen(path, "w");
  if (!CHECK(f != NULL)) return;
  for (int i = 0; i < 1000; i++) fputs("this is no database\n", f);
  fclose(f);
  CHECK_INT(store_open_kind(folder, true, true), ERR_IO);
  bool exists;
  struct err e;
  CHECK_INT(store_check(str_of(folder), &exists, &e), -1);
}

/* The file goes away under us: no 250 for what nobody would find again. What was accepted before is
 * in the file that went, and after a minute there is a new one. */
TEST(store_sees_its_file_moved)
{
  const char *folder = check_folder();
  struct store *s = kit_open(folder);
  char path[512], away[512], id[ID_LENGTH + 1];
  snprintf(path, sizeof path, "%s/vsmtp.db", folder);
  snprintf(away, sizeof away, "%s/away", folder);
  CHECK_INT(mkdir(away, 0700), 0);
  snprintf(away, sizeof away, "%s/away/vsmtp.db", folder);
  CHECK_INT(kit_send(s, 10, STORE_DELIVER, id), STORE_OK);
  CHECK_INT(rename(path, away), 0);
  CHECK_INT(kit_send(s, 10, STORE_DELIVER, NULL), STORE_TEMP);
  store_turn(s, true);
  CHECK(!store_ready(s));
  CHECK(access(path, F_OK) < 0);
  s->opened -= 60000;
  store_turn(s, true);
  CHECK(store_ready(s));
  CHECK_INT(kit_send(s, 10, STORE_DELIVER, NULL), STORE_OK);
  KIT_ASK(folder, "SELECT count(*) FROM queue", "1");
  store_close(s);
  snprintf(away, sizeof away, "%s/away", folder);
  KIT_ASK(away, "SELECT id FROM queue", id);
}

/* ---- refused sessions ------------------------------------------------------------------------ */

TEST(store_keeps_the_newest_refusals)
{
  const char *folder = check_folder();
  struct store *s = kit_open(folder);
  struct store_trace t = {.stage = STR("connect"), .kind = STR("rule"), .status = STR("deny")};
  char text[32];
  if (!CHECK(s != NULL)) return;
  kit_run(s);
  for (int i = 0; i < 1500; i++) {
    snprintf(text, sizeof text, "number %d", i);
    t.detail = str_of(text);
    refused_add(s, STR("0000000000000000000session"), &t, 1);
  }
  kit_run(s);
  KIT_ASK(folder, "SELECT count(*) FROM trace", "0"); /* a refusal alone writes nothing */
  CHECK_INT(kit_send(s, 10, STORE_DELIVER, NULL), STORE_OK);
  KIT_ASK(folder, "SELECT count(*) > 0 FROM refused", "1");
  store_close(s);
  KIT_ASK(folder, "SELECT count(*) FROM refused", "1000");
  KIT_ASK(folder, "SELECT detail FROM trace WHERE kind = 'rule' AND status = 'deny' LIMIT 1",
          "number 500");
  s = kit_open(folder);
  refused_add(s, STR("s"), &t, 1);
  store_close(s);
  KIT_ASK(folder, "SELECT count(*) FROM refused", "1000");
  KIT_ASK(folder, "SELECT count(*) FROM trace WHERE id = 's' AND detail = 'number 1499'", "1");
}

/* ---- what others see ------------------------------------------------------------------------- */

TEST(store_says_whether_there_is_room)
{
  const char *folder = check_folder();
  struct store *s = kit_open(folder);
  if (!CHECK(s != NULL)) return;
  CHECK(store_space(s, 0));
  CHECK(!store_space(s, UINT64_MAX / 2));
  store_close(s);
}

TEST(store_ids_sort_by_time)
{
  char last[ID_LENGTH + 1] = "", id[ID_LENGTH + 1];
  for (int i = 0; i < 100000; i++) {
    id_new(id);
    if (strcmp(last, id) >= 0) CHECK_STR(str_of(id), last);
    memcpy(last, id, sizeof id);
  }
  CHECK(id_valid(str_of(id)));
  CHECK(!id_valid(STR("")));
  CHECK(!id_valid(STR("0000000000000000000000000A")));
  CHECK(!id_valid(STR("00000000000000000000000000a")));
  char floor[ID_LENGTH + 1];
  id_floor(clock_wall() + 10000, floor);
  CHECK(strcmp(floor, id) > 0);
  id_floor(clock_wall() - 10000, floor);
  CHECK(strcmp(floor, id) < 0);
}

TEST(store_names_quarantines)
{
  static const char *const good[] = {"virus_q", "doe/virus", "hold", "a b", "grün", "x"};
  static const char *const bad[] = {"", "dead", "Deliver", "deferred", "a\nb", "\x7f", "\xff"};
  char longest[130];
  for (size_t i = 0; i < BASE_COUNT(good); i++) CHECK(store_quarantine_name(str_of(good[i])));
  for (size_t i = 0; i < BASE_COUNT(bad); i++) CHECK(!store_quarantine_name(str_of(bad[i])));
  memset(longest, 'q', sizeof longest);
  CHECK(store_quarantine_name((str){longest, 128}));
  CHECK(!store_quarantine_name((str){longest, 129}));
}
