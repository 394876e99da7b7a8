/* tests/store_kit.c: what all tests of the store share. */
#include "store_kit.h"

#include <time.h>

static struct store *kit_open_as(const char *folder, bool server)
{
  struct err e = {.kind = ERR_NONE};
  struct store_options o = {.dirpath = str_of(folder), .server = server, .create = server};
  struct store *s = store_open(&o, &e);
  if (!s) printf("cannot open the store: %s\n", e.text);
  return s;
}

struct store *kit_open(const char *folder)
{
  return kit_open_as(folder, true);
}

struct store *kit_command(const char *folder)
{
  return kit_open_as(folder, false);
}

const char *kit_ask(const char *folder, const char *sql)
{
  static char texts[8][4096];
  static unsigned next;
  char *text = texts[next++ % 8];
  char path[512];
  sqlite3 *db = NULL;
  sqlite3_stmt *stmt = NULL;
  snprintf(path, sizeof path, "%s/vsmtp.db", folder);
  text[0] = '\0';
  int rc = sqlite3_open(path, &db);
  sqlite3_busy_timeout(db, 2000);
  if (rc == SQLITE_OK) rc = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);
  if (rc == SQLITE_OK) rc = sqlite3_step(stmt);
  if (rc == SQLITE_ROW && sqlite3_column_type(stmt, 0) != SQLITE_NULL)
    snprintf(text, sizeof texts[0], "%s", (const char *)sqlite3_column_text(stmt, 0));
  else if (rc != SQLITE_DONE && rc != SQLITE_ROW)
    snprintf(text, sizeof texts[0], "%s", sqlite3_errmsg(db));
  sqlite3_finalize(stmt);
  sqlite3_close(db);
  return text;
}

void kit_sleep(int ms)
{
  struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000};
  if (ms > 0) nanosleep(&t, NULL);
}

void kit_run(struct store *s)
{
  for (int i = 0; i < 100000; i++) {
    int ms = store_turn(s, true);
    if (ms > 60) return;
    kit_sleep(ms);
  }
  printf("the store never comes to rest\n");
}

void kit_say(void *arg, enum store_result result)
{
  struct kit_said *said = arg;
  said->times++;
  said->result = result;
}

/* ---- mail ------------------------------------------------------------------------------------ */

void kit_new(struct kit_mail *m, struct store *s)
{
  *m = (struct kit_mail){.in = NULL};
  id_new(m->id);
  m->in = incoming_new(s, str_of(m->id));
  m->rcpt = (struct store_rcpt){.address = STR("bob@home.example"), .transport = TRANSPORT_MAILDIR};
  m->line = (struct store_trace){.stage = STR("preq"),
                                 .directive = STR("hold it"),
                                 .kind = STR("rule"),
                                 .status = STR("next")};
  m->mail = (struct store_mail){.id = str_of(m->id),
                                .queue = STORE_DELIVER,
                                .received_at = clock_wall(),
                                .client_ip = STR("192.0.2.1"),
                                .helo = STR("client.example"),
                                .mail_from = STR("alice@example.net"),
                                .subject = STR("Hello"),
                                .context = STR("{}"),
                                .rcpt = &m->rcpt,
                                .rcpt_count = 1,
                                .header = STR(KIT_HEADER),
                                .trace = &m->line,
                                .trace_count = 1};
}

static char kit_at(size_t at)
{
  return (char)('a' + (at + at / 1009) % 26);
}

bool kit_octet(size_t at, char c)
{
  return c == kit_at(at);
}

int kit_feed(struct kit_mail *m, struct store *s, size_t n)
{
  char piece[LIMIT_IO_INPUT];
  if (!m->in) return -1;
  for (size_t end = incoming_octets(m->in) + n; incoming_octets(m->in) < end;) {
    size_t at = incoming_octets(m->in), len = end - at < sizeof piece ? end - at : sizeof piece;
    for (size_t i = 0; i < len; i++) piece[i] = kit_at(at + i);
    enum incoming_state state = incoming_body(m->in, (str){piece, len});
    for (int i = 0; state == INCOMING_WAIT && i < 2000; i++) {
      kit_sleep(store_turn(s, true) > 0 ? 1 : 0);
      state = incoming_state(m->in);
    }
    if (state != INCOMING_GO) return -1;
  }
  return 0;
}

void kit_accept(struct kit_mail *m)
{
  if (m->in) incoming_accept(m->in, &m->mail, kit_say, &m->said);
}

void kit_free(struct kit_mail *m)
{
  incoming_free(m->in);
  m->in = NULL;
}

enum store_result kit_send(struct store *s, size_t n, enum store_queue queue,
                           char id[ID_LENGTH + 1])
{
  struct kit_mail m;
  kit_new(&m, s);
  m.mail.queue = queue;
  m.mail.quarantine = STR("virus_q");
  m.mail.stage = STR("preq");
  m.mail.rule = STR("hold it");
  kit_feed(&m, s, n);
  kit_accept(&m);
  kit_run(s);
  kit_free(&m);
  if (id) memcpy(id, m.id, sizeof m.id);
  return m.said.times == 1 ? m.said.result : STORE_GONE;
}

/* ---- laws ------------------------------------------------------------------------------------ */

const char *kit_laws(const char *folder)
{
  static const struct {
    const char *what, *sql; /* sql gives a row when the law is broken */
  } laws[] = {
      {"damaged", "SELECT * FROM pragma_integrity_check WHERE integrity_check <> 'ok'"},
      {"a message without recipients",
       "SELECT id FROM message WHERE id NOT IN (SELECT id FROM rcpt)"},
      {"a recipient without message",
       "SELECT id FROM rcpt WHERE id NOT IN (SELECT id FROM message)"},
      {"a message without header", "SELECT id FROM message WHERE key NOT IN (SELECT at FROM body)"},
      {"octets not as recorded",
       "SELECT id FROM message AS m WHERE octets <> (SELECT ifnull(sum(length(octets)), 0) FROM"
       " body WHERE at > m.key AND at < m.key + 1048576)"},
      {"chunks not as recorded",
       "SELECT id FROM message AS m WHERE chunks <> (SELECT count(*) FROM body WHERE at > m.key"
       " AND at < m.key + 1048576)"},
      {"size is not header and body",
       "SELECT id FROM message AS m WHERE size <> (SELECT sum(length(octets)) FROM body WHERE at"
       " >= m.key AND at < m.key + 1048576)"},
      {"a body of nobody",
       "SELECT at FROM body WHERE at - at % 1048576 NOT IN (SELECT key FROM message UNION SELECT"
       " key FROM loose)"},
      {"a body of two", "SELECT key FROM loose WHERE key IN (SELECT key FROM message)"},
      {"due, but not to be delivered",
       "SELECT r.id FROM rcpt AS r JOIN message AS m ON m.id = r.id WHERE (r.next_at IS NOT NULL)"
       " <> (m.queue = 'deliver' AND r.status = 'pending')"},
      {"in the queue with nobody pending",
       "SELECT id FROM message AS m WHERE queue IN ('working', 'delegated', 'deliver') AND NOT"
       " EXISTS (SELECT 1 FROM rcpt WHERE id = m.id AND status = 'pending')"},
  };
  for (size_t i = 0; i < BASE_COUNT(laws); i++)
    if (*kit_ask(folder, laws[i].sql)) return laws[i].what;
  return "";
}
