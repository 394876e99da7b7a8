/* tests/unit/torture.c: a whole conversation in which one allocation after the other fails.
 *
 * Laws: what the client hears is whole replies, 250 for a mail only when it is in the file; nothing
 * stays behind; the server goes on and takes the next mail.
 */
#include "../check.h"
#define SESSION_FUZZ_WAIT 5
#include "../fuzz/session.c" /* its server with real rules and a real store, without a socket */

#include <sqlite3.h>

static const char torture_talk[] = "EHLO me.example\r\n"
                                   "MAIL FROM:<a@x.example>\r\n"
                                   "RCPT TO:<bob@home.example>\r\n"
                                   "RCPT TO:<info@home.example>\r\n"
                                   "DATA\r\n";
static const char torture_mail[] = "From: a@x.example\r\n"
                                   "Subject: hold\r\n"
                                   "\r\n";

static sqlite3 *torture_db;

static int64_t torture_stored(void)
{
  sqlite3_stmt *count = NULL;
  int64_t n = -1;
  if (sqlite3_prepare_v2(torture_db, "SELECT count(*) FROM quarantine", -1, &count, NULL) == 0 &&
      sqlite3_step(count) == SQLITE_ROW)
    n = sqlite3_column_int64(count, 0);
  sqlite3_finalize(count);
  return n;
}

/* Gives text to the session while it lasts and takes what it says. */
static void torture_feed(struct session *s, str text, struct buf *said)
{
  struct session_hub *hub = &session_fuzz_hub;
  while (text.n > 0 && hub->sessions.n && !io_is_closing(s->io)) {
    text = str_skip(text, io_feed(s->io, text));
    session_fuzz_turns(2);
    if (hub->sessions.n) io_taken(s->io, said);
  }
  for (int i = 0; i < 20 && hub->sessions.n; i++) {
    session_fuzz_turns(1);
    if (hub->sessions.n) io_taken(s->io, said);
  }
}

/* One mail of about 100 KB, so that it is spilled; said holds all replies. */
static void torture_converse(uint64_t nth, bool once, struct buf *said)
{
  struct session_hub *hub = &session_fuzz_hub;
  struct netaddr peer;
  struct buf body = BUF_INIT(1 << 20);
  buf_puts(&body, torture_mail);
  while (body.n < 15000) buf_puts(&body, "The quick brown fox jumps over the lazy dog.\r\n");
  buf_puts(&body, ".\r\nQUIT\r\n");
  netaddr_of_ip(STR("192.0.2.7"), 4711, &peer);
  mem_fail_at(nth, once);
  struct session *s = session_begin(hub, SESSION_SMTP, -1, &peer);
  if (s) {
    session_fuzz_turns(2);
    torture_feed(s, str_of(torture_talk), said);
    if (str_find(buf_str(said), STR("\r\n354 ")) >= 0) torture_feed(s, buf_str(&body), said);
    if (hub->sessions.n) io_feed_eof(s->io);
  }
  bool failed = mem_failed();
  mem_fail_at(0, true);
  for (int i = 0; hub->sessions.n && i < 100; i++) session_fuzz_turns(1);
  CHECK(!hub->sessions.n);
  if (!failed) buf_puts(said, "(nothing failed)");
  buf_free(&body);
}

static void torture_open(void)
{
  char path[200];
  if (!session_fuzz_mta.loop) session_fuzz_setup();
  snprintf(path, sizeof path, "%s/queue/vsmtp.db", session_fuzz_folder);
  CHECK_INT(sqlite3_open(path, &torture_db), SQLITE_OK);
}

/* 250 to the dot only for a row in the file; a row whose 250 found no memory may be there. */
static bool torture_once(uint64_t nth, bool once)
{
  struct buf said = BUF_INIT(1 << 20);
  int64_t before = torture_stored();
  torture_converse(nth, once, &said);
  ptrdiff_t data = str_find(buf_str(&said), STR("\r\n354 "));
  str answer = data < 0 ? (str){NULL, 0} : str_skip(buf_str(&said), (size_t)data + 2);
  bool promised = str_find(answer, STR("\r\n250 ")) >= 0;
  bool more = str_find(buf_str(&said), STR("(nothing failed)")) < 0;
  int64_t stored = torture_stored() - before;
  if (!CHECK(stored >= promised && stored <= 1) || !CHECK(more || promised))
    printf("  allocation %llu:\n%s\n", (unsigned long long)nth, buf_cstr(&said));
  buf_free(&said);
  return more;
}

/* Mails that nothing hinders take with them what refused sessions left in memory. */
static size_t torture_settled(void)
{
  for (int i = 0; i < 3; i++) torture_once(0, true);
  return mem_count();
}

TEST(torture_one_allocation)
{
  torture_open();
  size_t memory = torture_settled();
  uint64_t nth = 1;
  while (nth < 100000 && torture_once(nth, true)) nth++;
  CHECK(nth > 50 && nth < 100000);
  CHECK(torture_settled() <= memory + 4);
  CHECK_INT(sqlite3_close(torture_db), SQLITE_OK);
}

/* From one on all fail until the client has gone. */
TEST(torture_all_allocations)
{
  torture_open();
  size_t memory = torture_settled();
  for (uint64_t nth = 1; nth < 100000 && torture_once(nth, false); nth += 1 + nth / 20) continue;
  CHECK(torture_settled() <= memory + 4);
  CHECK_INT(sqlite3_close(torture_db), SQLITE_OK);
}
