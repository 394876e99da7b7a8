/* tests/unit/store.c: receiving and accepting: what is in the file, when it is answered, who is
 * told what when something fails. The database is looked at through sqlite itself, as a shell
 * would.
 */
#include "../../sqlite/store_int.h"
#include "../check.h"

#include <unistd.h>

/* ---- the world of a test ---------------------------------------------------------------------- */

static struct store *store_here(const char *folder)
{
  struct err e = {.kind = ERR_NONE};
  struct store_options o = {.dirpath = str_of(folder), .server = true, .create = true};
  struct store *s = store_open(&o, &e);
  if (!s) printf("%s\n", e.text);
  return s;
}

/* What another program reads: the first column of the first row. */
static const char *store_ask(const char *folder, const char *sql)
{
  static char text[4096];
  char path[512];
  sqlite3 *db = NULL;
  sqlite3_stmt *stmt = NULL;
  snprintf(path, sizeof path, "%s/vsmtp.db", folder);
  snprintf(text, sizeof text, "(no row)");
  if (sqlite3_open(path, &db) == SQLITE_OK) sqlite3_busy_timeout(db, 1000);
  if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK ||
      (sqlite3_step(stmt) != SQLITE_ROW && sqlite3_errcode(db) != SQLITE_DONE))
    snprintf(text, sizeof text, "%s", sqlite3_errmsg(db));
  else if (sqlite3_column_count(stmt) && sqlite3_column_bytes(stmt, 0) >= 0 &&
           sqlite3_data_count(stmt))
    snprintf(text, sizeof text, "%s", (const char *)sqlite3_column_text(stmt, 0));
  sqlite3_finalize(stmt);
  sqlite3_close(db);
  return text;
}

struct store_said {
  int times;
  enum store_result result;
};

static void store_say(void *arg, enum store_result result)
{
  struct store_said *said = arg;
  said->times++;
  said->result = result;
}

/* Turns until the store has nothing left to do at once. */
static void store_run(struct store *s)
{
  for (int i = 0; i < 1000; i++) {
    int ms = store_turn(s, true);
    if (ms > 60) return;
    if (ms > 0) usleep((useconds_t)ms * 1000);
  }
}

static const struct store_rcpt store_bob = {.address = STR_INIT("bob@home.example"),
                                            .transport = STR_INIT("maildir")};
static const struct store_trace store_line = {.stage = STR_INIT("preq"),
                                              .directive = STR_INIT("hold it"),
                                              .kind = STR_INIT("rule"),
                                              .status = STR_INIT("next")};

static struct store_mail store_mail_of(const char *id)
{
  return (struct store_mail){.id = str_of(id),
                             .queue = STORE_DELIVER,
                             .received_at = clock_wall(),
                             .client_ip = STR("192.0.2.1"),
                             .helo = STR("client.example"),
                             .mail_from = STR("alice@example.net"),
                             .subject = STR("Hello"),
                             .context = STR("{}"),
                             .rcpt = &store_bob,
                             .rcpt_count = 1,
                             .header = STR("Subject: Hello\r\n\r\n"),
                             .trace = &store_line,
                             .trace_count = 1};
}

/* A body of n octets whose every place is known. */
static int store_feed(struct incoming *in, size_t n, struct store *s)
{
  char piece[1000];
  for (size_t at = 0; at < n;) {
    size_t len = n - at < sizeof piece ? n - at : sizeof piece;
    for (size_t i = 0; i < len; i++) piece[i] = (char)('a' + (at + i) % 23);
    enum incoming_state state = incoming_body(in, (str){piece, len});
    if (state == INCOMING_TEMP || state == INCOMING_FULL) return -1;
    if (state == INCOMING_WAIT) store_run(s);
    at += len;
  }
  return 0;
}

/* ---- tests ------------------------------------------------------------------------------------ */

TEST(store_accepts_after_the_commit)
{
  const char *folder = check_folder();
  struct store *s = store_here(folder);
  if (!CHECK(s != NULL)) return;
  char id[ID_LENGTH + 1];
  struct incoming *in = incoming_new(s, str_of(id_new(id)));
  struct store_mail mail = store_mail_of(id);
  struct store_said said = {0};
  CHECK_INT(store_feed(in, 5000, s), 0);
  incoming_accept(in, &mail, store_say, &said);
  CHECK_STR(str_of(store_ask(folder, "SELECT count(*) FROM queue")), "0");
  CHECK_INT(said.times, 0);
  store_run(s);
  CHECK_INT(said.times, 1);
  CHECK_INT(said.result, STORE_OK);
  incoming_free(in);
  CHECK_STR(str_of(store_ask(folder, "SELECT id FROM queue WHERE queue = 'deliver' AND mail_from ="
                                     " 'alice@example.net' AND rcpt_left = 1 AND size = 5018")),
            id);
  CHECK_STR(str_of(store_ask(folder, "SELECT length(message) FROM mail")), "5018");
  CHECK_STR(str_of(store_ask(folder, "SELECT directive FROM trace")), "hold it");
  CHECK_STR(str_of(store_ask(folder, "PRAGMA auto_vacuum")), "2");
  store_close(s);
}

TEST(store_gives_a_large_body_back)
{
  const char *folder = check_folder();
  struct store *s = store_here(folder);
  if (!CHECK(s != NULL)) return;
  char id[ID_LENGTH + 1];
  struct incoming *in = incoming_new(s, str_of(id_new(id)));
  struct store_mail mail = store_mail_of(id);
  struct store_said said = {0};
  size_t n = 3 * LIMIT_CHUNK + 777;
  CHECK_INT(store_feed(in, n, s), 0);
  struct buf piece = BUF_INIT(LIMIT_CHUNK);
  struct err e;
  size_t at = 0;
  for (size_t i = 0; incoming_read(in, i, &piece, &e) == 1; i++, buf_clear(&piece))
    for (size_t k = 0; k < piece.n; k++, at++) {
      if (piece.p[k] != (char)('a' + at % 23)) CHECK(false);
    }
  CHECK_INT(at, n);
  buf_free(&piece);
  incoming_accept(in, &mail, store_say, &said);
  store_run(s);
  CHECK_INT(said.result, STORE_OK);
  CHECK_INT(said.times, 1);
  incoming_free(in);
  CHECK_STR(str_of(store_ask(folder, "SELECT count(*) FROM body")), "5");
  CHECK_STR(str_of(store_ask(folder, "SELECT count(*) FROM loose")), "0");
  char want[32];
  snprintf(want, sizeof want, "%zu", n + 18);
  CHECK_STR(str_of(store_ask(folder, "SELECT length(message) FROM mail")), want);
  store_close(s);
}
