/* tests/unit/queue.c: the runner's side of the store: claims, what is due when, outcomes, changes
 * by rules, and what a person does to a message meanwhile.
 */
#include "../store_kit.h"

#include <sys/wait.h>
#include <unistd.h>

static struct store_claim *queue_take(struct store *s, enum store_queue queue, int64_t now)
{
  struct err e = {.kind = ERR_NONE};
  struct store_claim *c = NULL;
  int r = queue_next(s, queue, now, &c, &e);
  if (r < 0) printf("%s\n", e.text);
  return r == 1 ? c : NULL;
}

static struct kit_said queue_told(struct store *s, struct store_claim *c, enum store_status status,
                                  int64_t next_at, const char *reply)
{
  struct kit_said said = {0};
  struct store_outcome o = {
      .n = 1, .status = status, .tried = true, .next_at = next_at, .last_reply = str_of(reply)};
  struct store_trace t = {.stage = STR("delivery"), .kind = STR("delivery"), .status = STR("x")};
  CHECK_INT(queue_record(s, c, &o, 1, &t, 1, c->mail.step, NULL, kit_say, &said), 0);
  queue_release(s, c);
  kit_run(s);
  return said;
}

TEST(queue_gives_out_what_is_committed)
{
  const char *folder = check_folder();
  struct store *s = kit_open(folder);
  struct kit_mail m;
  if (!CHECK(s != NULL)) return;
  kit_run(s);
  kit_new(&m, s);
  kit_accept(&m);
  CHECK(queue_take(s, STORE_DELIVER, clock_wall()) == NULL);
  kit_run(s);
  kit_free(&m);
  CHECK(queue_due_at(s) > 0 && queue_due_at(s) <= clock_wall());
  struct store_claim *c = queue_take(s, STORE_DELIVER, clock_wall());
  if (!CHECK(c != NULL)) return;
  CHECK_STR(c->mail.id, m.id);
  CHECK_STR(c->mail.mail_from, "alice@example.net");
  CHECK_STR(c->mail.helo, "client.example");
  CHECK_STR(c->mail.client_ip, "192.0.2.1");
  CHECK_STR(c->mail.subject, "Hello");
  CHECK_STR(c->mail.context, "{}");
  CHECK_INT(c->mail.queue, STORE_DELIVER);
  CHECK_INT(c->mail.rcpt_count, 1);
  CHECK_STR(c->mail.rcpt[0].address, "bob@home.example");
  CHECK_INT(c->mail.rcpt[0].transport, TRANSPORT_MAILDIR);
  CHECK_INT(c->mail.rcpt[0].n, 1);
  CHECK_INT(c->mail.rcpt[0].status, STORE_PENDING);
  CHECK(queue_take(s, STORE_DELIVER, clock_wall()) == NULL); /* nobody else gets it */
  CHECK_INT(queue_due_at(s), 0);
  queue_release(s, c);
  c = queue_take(s, STORE_DELIVER, clock_wall());
  CHECK(c != NULL);
  queue_release(s, c);
  store_close(s);
}

TEST(queue_reads_header_and_body)
{
  const char *folder = check_folder();
  struct store *s = kit_open(folder);
  struct buf b = BUF_INIT(1 << 20);
  struct err e;
  size_t size = 3 * LIMIT_CHUNK + 5, at = 0;
  if (!CHECK(s != NULL)) return;
  CHECK_INT(kit_send(s, size, STORE_DELIVER, NULL), STORE_OK);
  struct store_claim *c = queue_take(s, STORE_DELIVER, clock_wall());
  if (!CHECK(c != NULL)) return;
  CHECK_INT(queue_header(s, c, &b, &e), 0);
  CHECK_STR(&b, KIT_HEADER);
  int r = 1;
  for (size_t n = 0; r == 1; n++) {
    buf_clear(&b);
    r = queue_body(s, c, n, &b, &e);
    for (size_t i = 0; i < b.n; i++, at++)
      if (!kit_octet(at, b.p[i])) r = -2;
  }
  CHECK_INT(r, 0);
  CHECK_INT(at, size);
  /* A body that lost octets never ends well: no final dot is sent. */
  KIT_ASK(folder, "UPDATE body SET octets = x'00' WHERE at = (SELECT max(at) FROM body)", "");
  for (r = 1, at = 0; r == 1; at++) r = queue_body(s, c, at, &b, &e);
  CHECK_INT(r, -1);
  CHECK_INT(e.kind, ERR_BUG);
  KIT_ASK(folder, "DELETE FROM body WHERE at = (SELECT max(at) - 1 FROM body)", "");
  for (r = 1, at = 0; r == 1; at++) r = queue_body(s, c, at, &b, &e);
  CHECK_INT(r, -1);
  queue_release(s, c);
  buf_free(&b);
  store_close(s);
}

TEST(queue_forgets_what_is_delivered)
{
  const char *folder = check_folder();
  struct store *s = kit_open(folder);
  char id[ID_LENGTH + 1];
  if (!CHECK(s != NULL)) return;
  CHECK_INT(kit_send(s, 20 * LIMIT_CHUNK, STORE_DELIVER, id), STORE_OK);
  struct store_claim *c = queue_take(s, STORE_DELIVER, clock_wall());
  if (!CHECK(c != NULL)) return;
  struct kit_said said = queue_told(s, c, STORE_DONE, 0, "250 stored");
  CHECK_INT(said.times, 1);
  CHECK_INT(said.result, STORE_OK);
  KIT_ASK(folder, "SELECT count(*) FROM queue", "0");
  KIT_ASK(folder, "SELECT count(*) FROM body", "0");
  KIT_ASK(folder, "SELECT count(*) FROM loose", "0");
  KIT_ASK(folder, "SELECT count(*) FROM trace", "2"); /* stays behind */
  CHECK_STR(str_of(kit_laws(folder)), "");
  CHECK_INT(queue_due_at(s), 0);
  store_close(s);
}

TEST(queue_defers_and_gives_up)
{
  const char *folder = check_folder();
  struct store *s = kit_open(folder);
  char id[ID_LENGTH + 1];
  if (!CHECK(s != NULL)) return;
  CHECK_INT(kit_send(s, 100, STORE_DELIVER, id), STORE_OK);
  int64_t later = clock_wall() + 3600000;
  struct store_claim *c = queue_take(s, STORE_DELIVER, clock_wall());
  if (!CHECK(c != NULL)) return;
  CHECK_INT(queue_told(s, c, STORE_PENDING, later, "451 later").result, STORE_OK);
  KIT_ASK(folder,
          "SELECT count(*) FROM queue WHERE queue = 'deferred' AND attempts = 1 AND last_reply ="
          " '451 later' AND rcpt_left = 1",
          "1");
  CHECK(queue_take(s, STORE_DELIVER, clock_wall()) == NULL);
  CHECK_INT(queue_due_at(s), later);
  CHECK_STR(str_of(kit_laws(folder)), "");
  c = queue_take(s, STORE_DELIVER, later);
  if (!CHECK(c != NULL)) return;
  CHECK_INT(c->mail.rcpt[0].attempts, 1);
  CHECK_STR(c->mail.rcpt[0].last_reply, "451 later");
  CHECK_INT(queue_told(s, c, STORE_FAILED, 0, "550 no such user").result, STORE_OK);
  KIT_ASK(folder, "SELECT queue || attempts || last_reply FROM queue", "dead2550 no such user");
  KIT_ASK(folder, "SELECT status FROM recipient", "failed");
  CHECK_STR(str_of(kit_laws(folder)), "");
  CHECK_INT(queue_due_at(s), 0);
  store_close(s);
}

TEST(queue_counts_recipients_one_by_one)
{
  const char *folder = check_folder();
  struct store *s = kit_open(folder);
  struct kit_mail m;
  struct store_rcpt rcpt[3];
  struct kit_said said = {0};
  if (!CHECK(s != NULL)) return;
  kit_new(&m, s);
  for (int i = 0; i < 3; i++) rcpt[i] = m.rcpt;
  m.mail.rcpt = rcpt;
  m.mail.rcpt_count = 3;
  kit_accept(&m);
  kit_run(s);
  kit_free(&m);
  struct store_claim *c = queue_take(s, STORE_DELIVER, clock_wall());
  if (!CHECK(c != NULL)) return;
  struct store_outcome o[] = {
      {.n = 1, .status = STORE_DONE, .tried = true},
      {.n = 2, .status = STORE_FAILED, .tried = true, .last_reply = STR("550 no")},
      {.n = 3, .status = STORE_PENDING, .tried = true, .next_at = clock_wall() + 99999}};
  CHECK_INT(queue_record(s, c, o, 2, NULL, 0, 7, NULL, kit_say, &said), 0);
  kit_run(s);
  KIT_ASK(folder, "SELECT rcpt_left || '/' || rcpt_total || queue FROM queue", "1/3deliver");
  CHECK_INT(queue_record(s, c, o + 2, 1, NULL, 0, 8, NULL, kit_say, &said), 0);
  queue_release(s, c); /* before it is written */
  CHECK(queue_take(s, STORE_DELIVER, clock_wall() + 999999) == NULL);
  kit_run(s);
  CHECK_INT(said.times, 2);
  KIT_ASK(folder, "SELECT rcpt_left || '/' || rcpt_total || queue FROM queue", "1/3deferred");
  KIT_ASK(folder, "SELECT step FROM message", "8");
  c = queue_take(s, STORE_DELIVER, clock_wall() + 999999);
  if (!CHECK(c != NULL)) return;
  o[2] = (struct store_outcome){.n = 3, .status = STORE_DONE, .tried = true};
  CHECK_INT(queue_record(s, c, o + 2, 1, NULL, 0, 8, NULL, kit_say, &said), 0);
  queue_release(s, c);
  kit_run(s);
  KIT_ASK(folder, "SELECT queue FROM queue", "dead"); /* number 2 failed */
  CHECK_STR(str_of(kit_laws(folder)), "");
  store_close(s);
}

/* A recipient fails, and in the same transaction there is a report of any length. */
TEST(queue_records_with_a_report)
{
  const char *folder = check_folder();
  struct store *s = kit_open(folder);
  struct kit_said said = {0};
  struct buf body = BUF_INIT(1 << 20);
  if (!CHECK(s != NULL)) return;
  CHECK_INT(kit_send(s, 1000, STORE_DELIVER, NULL), STORE_OK);
  struct store_claim *c = queue_take(s, STORE_DELIVER, clock_wall());
  if (!CHECK(c != NULL)) return;
  char id[ID_LENGTH + 1];
  struct store_rcpt to = {.address = STR("alice@example.net"), .transport = TRANSPORT_DELIVER};
  struct store_trace about = {.stage = STR("delivery"), .kind = STR("server"), .status = STR("x")};
  struct store_mail mail = {.id = str_of(id_new(id)),
                            .queue = STORE_DELIVER,
                            .step = 9,
                            .subject = STR("No"),
                            .header = STR("Subject: No\r\n\r\n"),
                            .rcpt = &to,
                            .rcpt_count = 1,
                            .trace = &about,
                            .trace_count = 1};
  while (body.n < LIMIT_CHUNK * 2 + 100) buf_puts(&body, "Nobody of that name.\r\n");
  struct store_report report = {&mail, buf_str(&body)};
  struct store_outcome o = {.n = 1, .status = STORE_FAILED, .tried = true, .last_reply = STR("5")};
  CHECK_INT(queue_record(s, c, &o, 1, NULL, 0, 7, &report, kit_say, &said), 0);
  queue_release(s, c);
  kit_run(s);
  CHECK_INT(said.result, STORE_OK);
  CHECK_STR(str_of(kit_laws(folder)), "");
  KIT_ASK(folder,
          "SELECT group_concat(queue || '<' || mail_from || '>', ' ') FROM queue"
          " WHERE subject = 'Hello'",
          "dead<alice@example.net>");
  KIT_ASK(folder, "SELECT queue || '<' || mail_from || '>' FROM queue WHERE subject = 'No'",
          "deliver<>");
  KIT_ASK(folder, "SELECT status FROM trace WHERE stage = 'delivery' AND kind = 'server'", "x");
  c = queue_take(s, STORE_DELIVER, clock_wall());
  if (!CHECK(c != NULL)) return;
  CHECK_STR(c->mail.id, id);
  CHECK_INT(c->mail.octets, body.n);
  CHECK_INT(c->mail.chunks, 3);
  o = (struct store_outcome){.n = 1, .status = STORE_PENDING, .next_at = 1, .warned = true};
  CHECK_INT(queue_record(s, c, &o, 1, NULL, 0, 7, NULL, kit_say, &said), 0);
  o.warned = false;
  CHECK_INT(queue_record(s, c, &o, 1, NULL, 0, 7, NULL, kit_say, &said), 0);
  queue_release(s, c);
  kit_run(s);
  c = queue_take(s, STORE_DELIVER, clock_wall());
  if (!CHECK(c != NULL)) return;
  CHECK(c->mail.rcpt[0].warned); /* once said it stays */
  queue_release(s, c);
  buf_free(&body);
  store_close(s);
}

TEST(queue_changes_what_rules_changed)
{
  const char *folder = check_folder();
  struct store *s = kit_open(folder);
  struct kit_said said = {0};
  if (!CHECK(s != NULL)) return;
  CHECK_INT(kit_send(s, 1000, STORE_WORKING, NULL), STORE_OK);
  CHECK_INT(queue_due_at(s), 0);
  CHECK(queue_take(s, STORE_DELIVER, clock_wall()) == NULL);
  struct store_claim *c = queue_take(s, STORE_WORKING, clock_wall());
  if (!CHECK(c != NULL)) return;
  CHECK(queue_take(s, STORE_WORKING, clock_wall()) == NULL);
  struct store_rcpt rcpt[] = {
      {.address = STR("carol@home.example"), .transport = TRANSPORT_MBOX},
      {.address = STR("dave@far.example"),
       .transport = TRANSPORT_FORWARD,
       .target = STR("[::1]:25")},
      {.address = STR("gone@home.example"), .transport = TRANSPORT_NONE, .status = STORE_REMOVED}};
  struct store_mail mail = c->mail;
  mail.queue = STORE_DELIVER;
  mail.mail_from = STR("");
  mail.rcpt = rcpt;
  mail.rcpt_count = 3;
  mail.header = STR("X-Longer: yes\r\nSubject: Hi\r\n\r\n");
  mail.subject = STR("Hi");
  mail.step = 3;
  CHECK_INT(queue_change(s, c, &mail, NULL, kit_say, &said), 0);
  queue_release(s, c);
  kit_run(s);
  CHECK_INT(said.result, STORE_OK);
  CHECK_STR(str_of(kit_laws(folder)), "");
  KIT_ASK(folder,
          "SELECT queue || '<' || mail_from || '>' || subject || size || rcpt_left FROM queue",
          "deliver<>Hi10302");
  KIT_ASK(folder,
          "SELECT group_concat(address || ' ' || transport || ' ' || target || status, ', ')"
          " FROM recipient",
          "carol@home.example mbox pending, dave@far.example forward [::1]:25pending,"
          " gone@home.example none removed");
  KIT_ASK(folder, "SELECT substr(CAST(message AS TEXT), 1, 13) FROM mail", "X-Longer: yes");
  c = queue_take(s, STORE_DELIVER, clock_wall());
  if (!CHECK(c != NULL)) return;
  mail = c->mail;
  mail.queue = STORE_QUARANTINE;
  mail.quarantine = STR("virus/q");
  mail.stage = STR("delivery");
  mail.rule = STR("av");
  mail.reason = STR("EICAR");
  CHECK_INT(queue_change(s, c, &mail, NULL, kit_say, &said), 0);
  queue_release(s, c);
  kit_run(s);
  CHECK_INT(said.times, 2);
  KIT_ASK(folder, "SELECT queue || stage || rule || reason || rcpt_to FROM quarantine",
          "virus/qdeliveryavEICARcarol@home.example,dave@far.example,gone@home.example");
  KIT_ASK(folder, "SELECT size FROM quarantine", "1030");
  CHECK_STR(str_of(kit_laws(folder)), "");
  store_close(s);
}

TEST(queue_drops_a_message_without_recipients)
{
  const char *folder = check_folder();
  struct store *s = kit_open(folder);
  struct kit_said said = {0};
  if (!CHECK(s != NULL)) return;
  CHECK_INT(kit_send(s, 1000, STORE_WORKING, NULL), STORE_OK);
  struct store_claim *c = queue_take(s, STORE_WORKING, clock_wall());
  if (!CHECK(c != NULL)) return;
  struct store_rcpt none = {.address = STR("a@b"), .status = STORE_REMOVED};
  struct store_mail mail = c->mail;
  mail.queue = STORE_DELIVER;
  mail.rcpt = &none;
  CHECK_INT(queue_change(s, c, &mail, NULL, kit_say, &said), 0);
  queue_release(s, c);
  kit_run(s);
  KIT_ASK(folder, "SELECT count(*) FROM message", "0");
  KIT_ASK(folder, "SELECT count(*) FROM body", "0");
  CHECK_STR(str_of(kit_laws(folder)), "");
  store_close(s);
}

/* ---- a person is faster ---------------------------------------------------------------------- */

TEST(queue_respects_what_a_person_did)
{
  const char *folder = check_folder();
  struct store *s = kit_open(folder), *command;
  struct err e;
  char id[ID_LENGTH + 1];
  if (!CHECK(s != NULL)) return;
  /* Held while it is being delivered: it stays held, the delivered one is not delivered again. */
  CHECK_INT(kit_send(s, 100, STORE_DELIVER, id), STORE_OK);
  struct store_claim *c = queue_take(s, STORE_DELIVER, clock_wall());
  if (!CHECK(c != NULL)) return;
  command = kit_command(folder);
  CHECK_INT(quarantine_move(command, str_of(id), STR("hold"), &e), 1);
  CHECK_INT(queue_told(s, c, STORE_PENDING, clock_wall() + 1000, "451 no").result, STORE_OK);
  KIT_ASK(folder, "SELECT queue FROM quarantine", "hold");
  CHECK_STR(str_of(kit_laws(folder)), "");
  CHECK_INT(queue_due_at(s), 0);
  CHECK_INT(quarantine_release(command, str_of(id), &e), 1);
  kit_run(s);
  c = queue_take(s, STORE_DELIVER, clock_wall());
  if (!CHECK(c != NULL)) return;
  /* Removed while it is being delivered. */
  CHECK_INT(quarantine_remove(command, str_of(id), false, &e), 1);
  KIT_ASK(folder, "SELECT count(*) FROM queue", "0");
  CHECK_INT(queue_told(s, c, STORE_DONE, 0, "250").result, STORE_GONE);
  kit_sleep(1100);
  kit_run(s);
  KIT_ASK(folder, "SELECT count(*) FROM message", "0");
  KIT_ASK(folder, "SELECT count(*) FROM body", "0");
  KIT_ASK(folder, "SELECT group_concat(status) FROM trace WHERE kind = 'server'",
          "moved,released,removed");
  CHECK_STR(str_of(kit_laws(folder)), "");
  store_close(command);
  store_close(s);
}

TEST(queue_change_is_void_after_a_person)
{
  const char *folder = check_folder();
  struct store *s = kit_open(folder), *command;
  struct kit_said said = {0};
  struct err e;
  char id[ID_LENGTH + 1];
  if (!CHECK(s != NULL)) return;
  CHECK_INT(kit_send(s, 100, STORE_WORKING, id), STORE_OK);
  struct store_claim *c = queue_take(s, STORE_WORKING, clock_wall());
  if (!CHECK(c != NULL)) return;
  command = kit_command(folder);
  CHECK_INT(quarantine_move(command, str_of(id), STR("hold"), &e), 1);
  store_close(command);
  struct store_mail mail = c->mail;
  mail.queue = STORE_DELIVER;
  CHECK_INT(queue_change(s, c, &mail, NULL, kit_say, &said), 0);
  queue_release(s, c);
  kit_run(s);
  CHECK_INT(said.result, STORE_GONE);
  KIT_ASK(folder, "SELECT queue FROM quarantine", "hold");
  CHECK_STR(str_of(kit_laws(folder)), "");
  store_close(s);
}

/* The body of a message that kit_send wrote with old octets becomes that of a kit_mail of n. */
static struct kit_said queue_replace_by(struct store *s, struct store_claim *c, struct kit_mail *m,
                                        size_t n)
{
  struct kit_said said = {0};
  struct store_mail mail = {.header = STR("Subject: new\r\n\r\n"), .step = 9};
  kit_new(m, s);
  kit_feed(m, s, n);
  CHECK_INT(queue_replace(s, c, &mail, m->in, kit_say, &said), 0);
  kit_run(s);
  CHECK_INT(said.times, 1);
  return said;
}

TEST(queue_replaces_header_and_body)
{
  static const size_t sizes[][2] = {{100, 5000}, {100, 700000}, {900000, 0}, {200000, 300000}};
  const char *folder = check_folder();
  struct store *s = kit_open(folder);
  struct err e;
  if (!CHECK(s != NULL)) return;
  for (size_t i = 0; i < BASE_COUNT(sizes); i++) {
    struct kit_mail m;
    struct buf all = BUF_INIT(1 << 20);
    CHECK_INT(kit_send(s, sizes[i][0], STORE_WORKING, NULL), STORE_OK);
    struct store_claim *c = queue_take(s, STORE_WORKING, clock_wall());
    if (!CHECK(c != NULL)) break;
    CHECK_INT(queue_replace_by(s, c, &m, sizes[i][1]).result, STORE_OK);
    CHECK_INT(c->mail.octets, sizes[i][1]);
    CHECK_INT(c->mail.step, 9);
    CHECK_INT(queue_header(s, c, &all, &e), 0);
    CHECK_STR(&all, "Subject: new\r\n\r\n");
    buf_clear(&all);
    for (size_t n = 0; queue_body(s, c, n, &all, &e) == 1; n++) continue;
    CHECK_INT(all.n, sizes[i][1]);
    for (size_t at = 0; at < all.n; at += 997) CHECK(kit_octet(at, all.p[at]));
    CHECK_STR(str_of(kit_laws(folder)), "");
    struct store_mail mail = c->mail;
    mail.queue = STORE_DELIVER;
    CHECK_INT(queue_change(s, c, &mail, NULL, NULL, NULL), 0);
    queue_release(s, c);
    kit_run(s);
    c = queue_take(s, STORE_DELIVER, clock_wall());
    if (!CHECK(c != NULL)) break;
    CHECK_INT(queue_told(s, c, STORE_DONE, 0, "250").result, STORE_OK);
    KIT_ASK(folder, "SELECT count(*) FROM body", "0");
    KIT_ASK(folder, "SELECT count(*) FROM loose", "0");
    buf_free(&all);
  }
  store_close(s);
}

TEST(queue_replace_is_void_after_a_person)
{
  const char *folder = check_folder();
  struct store *s = kit_open(folder), *command;
  struct kit_mail m;
  struct err e;
  char id[ID_LENGTH + 1];
  if (!CHECK(s != NULL)) return;
  CHECK_INT(kit_send(s, 100000, STORE_WORKING, id), STORE_OK);
  struct store_claim *c = queue_take(s, STORE_WORKING, clock_wall());
  if (!CHECK(c != NULL)) return;
  command = kit_command(folder);
  CHECK_INT(quarantine_move(command, str_of(id), STR("hold"), &e), 1);
  store_close(command);
  CHECK_INT(queue_replace_by(s, c, &m, 200000).result, STORE_GONE);
  queue_release(s, c);
  kit_run(s);
  KIT_ASK(folder, "SELECT octets FROM message", "100000");
  KIT_ASK(folder, "SELECT count(*) FROM loose", "0");
  CHECK_STR(str_of(kit_laws(folder)), "");
  store_close(s);
}

struct queue_told_of_change {
  int times;
};

static void queue_changed(void *arg)
{
  ((struct queue_told_of_change *)arg)->times++;
}

TEST(queue_notices_a_shell_within_a_second)
{
  const char *folder = check_folder();
  struct queue_told_of_change told = {0};
  struct err e;
  struct store_options o = {.dirpath = str_of(folder),
                            .server = true,
                            .create = true,
                            .changed = queue_changed,
                            .arg = &told};
  struct store *s = store_open(&o, &e);
  if (!CHECK(s != NULL)) return;
  CHECK_INT(kit_send(s, 100, STORE_QUARANTINE, NULL), STORE_OK);
  kit_run(s);
  kit_sleep(1100);
  kit_run(s);
  int before = told.times;
  KIT_ASK(folder, "UPDATE quarantine SET queue = 'deliver' WHERE mail_from LIKE '%alice%'", "");
  for (int i = 0; i < 11 && told.times == before; i++) {
    kit_sleep(100);
    store_turn(s, true);
  }
  CHECK(told.times > before);
  struct store_claim *c = queue_take(s, STORE_DELIVER, clock_wall());
  if (!CHECK(c != NULL)) return;
  CHECK_INT(queue_told(s, c, STORE_DONE, 0, "250").result, STORE_OK);
  KIT_ASK(folder, "SELECT group_concat(status || ' ' || detail) FROM trace WHERE kind = 'server'",
          "released virus_q");
  store_close(s);
}

/* ---- after a crash --------------------------------------------------------------------------- */

TEST(queue_starts_again_after_a_crash)
{
  const char *folder = check_folder();
  int status;
  pid_t pid = fork();
  if (pid == 0) {
    struct store *s = kit_open(folder);
    struct kit_mail m;
    kit_send(s, 100, STORE_WORKING, NULL);
    kit_send(s, 100, STORE_DELEGATED, NULL);
    kit_send(s, 100, STORE_DELIVER, NULL);
    kit_send(s, 100, STORE_QUARANTINE, NULL);
    kit_new(&m, s);
    kit_feed(&m, s, 20 * LIMIT_CHUNK);
    kit_run(s);
    queue_take(s, STORE_WORKING, clock_wall());
    queue_take(s, STORE_DELEGATED, clock_wall());
    queue_take(s, STORE_DELIVER, clock_wall());
    _exit(9);
  }
  waitpid(pid, &status, 0);
  KIT_ASK(folder, "SELECT count(*) FROM loose", "1");
  struct store *s = kit_open(folder);
  if (!CHECK(s != NULL)) return;
  kit_run(s);
  KIT_ASK(folder, "SELECT count(*) FROM loose", "0");
  KIT_ASK(folder, "SELECT count(*) FROM body", "8");
  CHECK_STR(str_of(kit_laws(folder)), "");
  static const enum store_queue all[] = {STORE_WORKING, STORE_DELEGATED, STORE_DELIVER};
  for (int i = 0; i < 3; i++) {
    struct store_claim *c = queue_take(s, all[i], clock_wall());
    CHECK(c != NULL);
    queue_release(s, c);
  }
  KIT_ASK(folder, "SELECT count(*) FROM quarantine", "1");
  store_close(s);
}

/* ---- what is too old ------------------------------------------------------------------------- */

static void queue_walk(struct store *s)
{
  s->keep.walk_at = 0;
  kit_run(s);
}

TEST(queue_cleans_what_is_too_old)
{
  const char *folder = check_folder();
  struct store *s = kit_open(folder);
  char id[ID_LENGTH + 1];
  if (!CHECK(s != NULL)) return;
  CHECK_INT(kit_send(s, 100, STORE_QUARANTINE, NULL), STORE_OK);
  CHECK_INT(kit_send(s, 100, STORE_DEAD, id), STORE_OK);
  CHECK_INT(kit_send(s, 100, STORE_DELIVER, NULL), STORE_OK);
  kit_sleep(5);
  queue_walk(s);
  KIT_ASK(folder, "SELECT count(*) FROM message", "3"); /* 0: for ever */
  store_keep(s, 3600000, 3600000, 3600000);
  queue_walk(s);
  KIT_ASK(folder, "SELECT count(*) FROM message", "3");
  store_keep(s, 1, 0, 0);
  queue_walk(s);
  KIT_ASK(folder, "SELECT count(*) FROM queue WHERE queue = 'dead'", "0");
  KIT_ASK(folder, "SELECT count(*) FROM message", "2");
  KIT_ASK(folder, "SELECT count(*) FROM trace", "4"); /* it says that it expired */
  store_keep(s, 0, 0, 1);
  queue_walk(s);
  KIT_ASK(folder, "SELECT queue FROM queue", "deliver");
  KIT_ASK(folder, "SELECT count(*) FROM message", "1");
  kit_sleep(5);
  store_keep(s, 0, 1, 0);
  queue_walk(s);
  KIT_ASK(folder, "SELECT count(*) FROM trace", "1"); /* of the message that is there */
  CHECK_STR(str_of(kit_laws(folder)), "");
  store_close(s);
}

TEST(queue_gives_space_back)
{
  const char *folder = check_folder();
  struct store *s = kit_open(folder);
  if (!CHECK(s != NULL)) return;
  CHECK_INT(kit_send(s, 160 * LIMIT_CHUNK, STORE_QUARANTINE, NULL), STORE_OK);
  KIT_ASK(folder, "SELECT page_count > 2000 FROM pragma_page_count", "1");
  KIT_ASK(folder, "DELETE FROM quarantine", "");
  kit_sleep(1100);
  kit_run(s);
  KIT_ASK(folder, "SELECT count(*) FROM body", "0");
  KIT_ASK(folder, "SELECT page_count <= 1100 FROM pragma_page_count", "1");
  CHECK_STR(str_of(kit_laws(folder)), "");
  store_close(s);
}

TEST(queue_checkpoints_when_idle)
{
  const char *folder = check_folder();
  struct store *s = kit_open(folder);
  if (!CHECK(s != NULL)) return;
  CHECK_INT(kit_send(s, 40 * LIMIT_CHUNK, STORE_DELIVER, NULL), STORE_OK);
  kit_run(s);
  s->keep.checkpoint_at = 0;
  kit_run(s);
  CHECK(!s->keep.wal_dirty);
  store_close(s);
}
