/* tests/unit/quarantine.c: what people see and do: each sentence of the triggers, the commands'
 * side, the rows the views give. All of it with the server's store open beside. */
#include "../store_kit.h"

TEST(quarantine_released_by_sql)
{
  const char *folder = check_folder();
  struct store *s = kit_open(folder);
  char id[ID_LENGTH + 1], sql[256];
  if (!CHECK(s != NULL)) return;
  CHECK_INT(kit_send(s, 100, STORE_QUARANTINE, id), STORE_OK);
  CHECK_INT(kit_send(s, 100, STORE_QUARANTINE, NULL), STORE_OK);
  KIT_ASK(folder, "SELECT count(*) FROM queue", "0");
  KIT_ASK(folder, "SELECT count(*) FROM recipient WHERE next_attempt_at IS NULL", "2");
  snprintf(sql, sizeof sql, "UPDATE quarantine SET queue = 'deliver' WHERE id = '%s'", id);
  KIT_ASK(folder, sql, "");
  KIT_ASK(folder, "SELECT id FROM queue WHERE queue = 'deliver' AND next_attempt_at IS NOT NULL",
          id);
  KIT_ASK(folder, "SELECT count(*) FROM quarantine", "1");
  KIT_ASK(folder, "UPDATE quarantine SET queue = 'other q'", "");
  KIT_ASK(folder, "SELECT queue FROM quarantine", "other q");
  CHECK_STR(str_of(kit_laws(folder)), "");
  KIT_ASK(folder, "DELETE FROM quarantine WHERE queue = 'other q'", "");
  KIT_ASK(folder, "SELECT count(*) FROM quarantine", "0");
  KIT_ASK(folder, "SELECT count(*) FROM mail", "1");
  KIT_ASK(folder, "SELECT count(*) FROM recipient", "1");
  KIT_ASK(folder, "SELECT count(*) FROM message", "2"); /* until the server sees it */
  kit_sleep(1100);
  kit_run(s);
  KIT_ASK(folder, "SELECT count(*) FROM message", "1");
  KIT_ASK(folder, "SELECT detail FROM trace WHERE status = 'removed'", "from other q");
  CHECK_STR(str_of(kit_laws(folder)), "");
  store_close(s);
}

TEST(quarantine_triggers_explain_themselves)
{
  static const char only[] = "of a message in quarantine only the column queue can be changed",
                    where[] = "a message in quarantine can go to deliver or to another quarantine,"
                              " not to another queue",
                    name[] = "the name of a quarantine is a text of 1 to 128 characters without"
                             " control characters";
  static const struct {
    const char *sql, *says;
  } cases[] = {
      {"UPDATE quarantine SET mail_from = 'x@y'", only},
      {"UPDATE quarantine SET id = 'x'", only},
      {"UPDATE quarantine SET received_at = 'x'", only},
      {"UPDATE quarantine SET client_ip = 'x'", only},
      {"UPDATE quarantine SET helo = 'x', queue = 'deliver'", only},
      {"UPDATE quarantine SET rcpt_to = 'x'", only},
      {"UPDATE quarantine SET subject = 'x'", only},
      {"UPDATE quarantine SET size = 1", only},
      {"UPDATE quarantine SET stage = 'x'", only},
      {"UPDATE quarantine SET rule = 'x'", only},
      {"UPDATE quarantine SET reason = 'x'", only},
      {"UPDATE quarantine SET queue = 'dead'", where},
      {"UPDATE quarantine SET queue = 'working'", where},
      {"UPDATE quarantine SET queue = 'delegated'", where},
      {"UPDATE quarantine SET queue = 'deferred'", where},
      {"UPDATE quarantine SET queue = '(incoming)'", where},
      {"UPDATE quarantine SET queue = 'Deliver'", where},
      {"UPDATE quarantine SET queue = ''", name},
      {"UPDATE quarantine SET queue = NULL", name},
      {"UPDATE quarantine SET queue = x'41'", name},
      {"UPDATE quarantine SET queue = 'a' || char(10)", name},
      {"UPDATE quarantine SET queue = 'a' || char(0) || 'b'", name},
      {"UPDATE quarantine SET queue = char(127)", name},
      {"UPDATE quarantine SET queue = printf('%0129d', 0)", name},
      {"INSERT INTO quarantine(id) VALUES('x')",
       "nothing can be inserted into quarantine: rules put messages there"},
      {"UPDATE queue SET queue = 'dead'",
       "the view queue is read only: use vsmtp queue move, hold or retry"},
      {"DELETE FROM queue", "the view queue is read only: use vsmtp queue remove"},
      {"INSERT INTO queue(id) VALUES('x')", "the view queue is read only: mail comes in by SMTP"},
      {"UPDATE recipient SET status = 'done'", "the view recipient is read only"},
      {"DELETE FROM recipient", "the view recipient is read only"},
      {"INSERT INTO recipient(id) VALUES('x')", "the view recipient is read only"},
      {"UPDATE trace SET status = 'x'", "the view trace is read only"},
      {"DELETE FROM trace", "the view trace is read only"},
      {"INSERT INTO trace(id) VALUES('x')", "the view trace is read only"},
      {"DELETE FROM mail", "cannot modify mail because it is a view"},
  };
  const char *folder = check_folder();
  struct store *s = kit_open(folder);
  if (!CHECK(s != NULL)) return;
  CHECK_INT(kit_send(s, 100, STORE_QUARANTINE, NULL), STORE_OK);
  CHECK_INT(kit_send(s, 100, STORE_DELIVER, NULL), STORE_OK);
  for (size_t i = 0; i < BASE_COUNT(cases); i++)
    if (!KIT_ASK(folder, cases[i].sql, cases[i].says)) printf("  %s\n", cases[i].sql);
  KIT_ASK(folder, "SELECT queue FROM quarantine", "virus_q");
  KIT_ASK(folder, "UPDATE quarantine SET queue = printf('%0128d', 0)", "");
  KIT_ASK(folder, "UPDATE quarantine SET queue = 'a-]^[b'", "");
  KIT_ASK(folder, "UPDATE quarantine SET queue = 'virus_q', size = size", "");
  CHECK_STR(str_of(kit_laws(folder)), "");
  store_close(s);
}

TEST(quarantine_loses_nothing_without_recipients)
{
  const char *folder = check_folder();
  struct store *s = kit_open(folder);
  struct kit_mail m;
  if (!CHECK(s != NULL)) return;
  kit_new(&m, s);
  m.rcpt.status = STORE_REMOVED;
  m.mail.queue = STORE_QUARANTINE;
  m.mail.quarantine = STR("q");
  kit_accept(&m);
  kit_run(s);
  kit_free(&m);
  KIT_ASK(folder, "UPDATE quarantine SET queue = 'deliver'", "");
  KIT_ASK(folder, "SELECT queue || ': ' || last_reply FROM queue",
          "dead: released, but no recipient is pending");
  CHECK_STR(str_of(kit_laws(folder)), "");
  store_close(s);
}

TEST(quarantine_view_of_large_mail_is_cheap)
{
  const char *folder = check_folder();
  struct store *s = kit_open(folder);
  if (!CHECK(s != NULL)) return;
  KIT_ASK(folder,
          "SELECT count(*) FROM sqlite_master AS v JOIN sqlite_master AS t ON t.tbl_name = v.name"
          " WHERE v.type = 'view' AND t.type = 'trigger' AND v.sql LIKE '%octets%'",
          "0");
  store_close(s);
}

/* ---- the commands ---------------------------------------------------------------------------- */

TEST(quarantine_verbs_move_everything)
{
  const char *folder = check_folder();
  struct store *s = kit_open(folder), *command;
  struct err e;
  char held[ID_LENGTH + 1], queued[ID_LENGTH + 1];
  if (!CHECK(s != NULL)) return;
  CHECK_INT(kit_send(s, 100, STORE_QUARANTINE, held), STORE_OK);
  CHECK_INT(kit_send(s, 100, STORE_DELIVER, queued), STORE_OK);
  command = kit_command(folder);
  if (!CHECK(command != NULL)) return;
  CHECK_INT(quarantine_release(command, STR("nobody"), &e), 0);
  CHECK_INT(quarantine_release(command, str_of(queued), &e), -1);
  CHECK_INT(e.kind, ERR_PERM);
  CHECK_INT(quarantine_retry(command, str_of(held), &e), -1);
  CHECK_INT(quarantine_remove(command, str_of(queued), true, &e), 0);
  CHECK_INT(quarantine_release(command, str_of(held), &e), 1);
  KIT_ASK(folder, "SELECT count(*) FROM queue WHERE queue = 'deliver'", "2");
  static const char *const no[] = {"deferred", "delegated", "", "Dead", "a\nb"};
  for (size_t i = 0; i < BASE_COUNT(no); i++) {
    CHECK_INT(quarantine_move(command, str_of(held), str_of(no[i]), &e), -1);
    CHECK_INT(e.kind, ERR_PERM);
  }
  CHECK_INT(quarantine_move(command, str_of(held), STR("working"), &e), 1);
  KIT_ASK(folder, "SELECT count(*) FROM queue WHERE queue = 'working' AND next_attempt_at IS NULL",
          "1");
  CHECK_INT(quarantine_move(command, str_of(held), STR("dead"), &e), 1);
  CHECK_STR(str_of(kit_laws(folder)), "");
  CHECK_INT(quarantine_move(command, str_of(held), STR("deliver"), &e), 1);
  KIT_ASK(folder, "SELECT count(*) FROM queue WHERE queue = 'deliver'", "2");
  CHECK_INT(quarantine_move(command, str_of(queued), STR("hold"), &e), 1);
  KIT_ASK(folder, "SELECT id FROM quarantine WHERE queue = 'hold'", queued);
  CHECK_STR(str_of(kit_laws(folder)), "");
  CHECK_INT(quarantine_remove(command, str_of(queued), true, &e), 1);
  CHECK_INT(quarantine_remove(command, str_of(queued), true, &e), 0);
  CHECK_INT(quarantine_remove(command, str_of(held), false, &e), 1);
  KIT_ASK(folder, "SELECT count(*) FROM mail", "0");
  store_close(command);
  kit_sleep(1100);
  kit_run(s);
  KIT_ASK(folder, "SELECT count(*) FROM message", "0");
  KIT_ASK(folder, "SELECT count(*) FROM body", "0");
  store_close(s);
}

TEST(quarantine_retry_revives_the_dead)
{
  const char *folder = check_folder();
  struct store *s = kit_open(folder), *command;
  struct err e;
  struct store_claim *c = NULL;
  char id[ID_LENGTH + 1];
  if (!CHECK(s != NULL)) return;
  CHECK_INT(kit_send(s, 100, STORE_DELIVER, id), STORE_OK);
  CHECK_INT(queue_next(s, STORE_DELIVER, clock_wall(), &c, &e), 1);
  struct store_outcome o = {.n = 1, .status = STORE_FAILED, .tried = true};
  queue_record(s, c, &o, 1, NULL, 0, 0, NULL, NULL, NULL);
  queue_release(s, c);
  kit_run(s);
  KIT_ASK(folder, "SELECT queue FROM queue", "dead");
  command = kit_command(folder);
  CHECK_INT(quarantine_retry(command, str_of(id), &e), 1);
  KIT_ASK(folder, "SELECT queue || rcpt_left FROM queue", "deliver1");
  CHECK_STR(str_of(kit_laws(folder)), "");
  KIT_ASK(folder, "UPDATE rcpt SET next_at = 9000000000000", "");
  KIT_ASK(folder, "SELECT queue FROM queue", "deferred");
  CHECK_INT(quarantine_retry(command, STR(""), &e), 1);
  KIT_ASK(folder, "SELECT queue FROM queue", "deliver");
  KIT_ASK(folder, "UPDATE rcpt SET next_at = 9000000000000", "");
  CHECK_INT(quarantine_retry(command, str_of(id), &e), 1);
  KIT_ASK(folder, "SELECT queue FROM queue", "deliver");
  store_close(command);
  store_close(s);
}

/* ---- rows and whole mails -------------------------------------------------------------------- */

struct quarantine_rows {
  struct buf text;
  int rows, stop_at;
};

static bool quarantine_row(void *arg, const struct store_cell *cell, size_t count)
{
  struct quarantine_rows *r = arg;
  for (size_t i = 0; i < count; i++) {
    const char *column = cell[i].column;
    if (strcmp(column, "id") == 0 || str_ends(str_of(column), STR("at"))) continue;
    if (cell[i].type == CELL_NULL)
      buf_printf(&r->text, "%s:- ", cell[i].column);
    else
      buf_printf(&r->text, "%s:" STR_FMT " ", cell[i].column, STR_ARG(cell[i].text));
  }
  return ++r->rows != r->stop_at;
}

TEST(quarantine_views_give_rows)
{
  const char *folder = check_folder();
  struct store *s = kit_open(folder), *command;
  struct quarantine_rows r = {.text = BUF_INIT(4096)};
  struct err e;
  char id[ID_LENGTH + 1];
  if (!CHECK(s != NULL)) return;
  CHECK_INT(kit_send(s, 100, STORE_QUARANTINE, id), STORE_OK);
  CHECK_INT(kit_send(s, 100, STORE_DELIVER, NULL), STORE_OK);
  CHECK_INT(kit_send(s, 100, STORE_WORKING, NULL), STORE_OK);
  command = kit_command(folder);
  CHECK_INT(view_rows(command, VIEW_QUEUE, STR(""), STR(""), quarantine_row, &r, &e), 0);
  CHECK_INT(r.rows, 2);
  r.stop_at = 3;
  CHECK_INT(view_rows(command, VIEW_QUEUE, STR(""), STR(""), quarantine_row, &r, &e), 0);
  CHECK_INT(r.rows, 3);
  buf_clear(&r.text);
  r.stop_at = 0;
  CHECK_INT(view_rows(command, VIEW_QUEUE, STR(""), STR("working"), quarantine_row, &r, &e), 0);
  CHECK_STR(&r.text,
            "queue:working client_ip:192.0.2.1 helo:client.example mail_from:alice@example.net"
            " auth_user: subject:Hello size:118 rcpt_total:1 rcpt_left:1 attempts:0 last_reply: ");
  buf_clear(&r.text);
  CHECK_INT(view_rows(command, VIEW_QUARANTINE, str_of(id), STR(""), quarantine_row, &r, &e), 0);
  CHECK_STR(&r.text, "queue:virus_q client_ip:192.0.2.1 helo:client.example"
                     " mail_from:alice@example.net rcpt_to:bob@home.example subject:Hello size:118"
                     " stage:preq rule:hold it reason: ");
  buf_clear(&r.text);
  CHECK_INT(view_rows(command, VIEW_RECIPIENT, str_of(id), STR(""), quarantine_row, &r, &e), 0);
  CHECK_STR(&r.text, "address:bob@home.example transport:maildir target: status:pending attempts:0"
                     " last_reply: ");
  buf_clear(&r.text);
  CHECK_INT(view_rows(command, VIEW_TRACE, str_of(id), STR(""), quarantine_row, &r, &e), 0);
  CHECK_STR(&r.text, "stage:preq directive:hold it kind:rule status:next detail: ");
  buf_free(&r.text);
  store_close(command);
  store_close(s);
}

struct quarantine_octets {
  size_t n;
  bool wrong;
};

static bool quarantine_put(void *arg, str octets)
{
  struct quarantine_octets *o = arg;
  for (size_t i = 0; i < octets.n; i++, o->n++) {
    size_t at = o->n - KIT_HEADER_SIZE;
    o->wrong |=
        o->n < KIT_HEADER_SIZE ? octets.p[i] != KIT_HEADER[o->n] : !kit_octet(at, octets.p[i]);
  }
  return true;
}

TEST(quarantine_gives_the_whole_mail)
{
  const char *folder = check_folder();
  struct store *s = kit_open(folder);
  struct quarantine_octets o = {0};
  struct err e;
  char id[ID_LENGTH + 1];
  if (!CHECK(s != NULL)) return;
  CHECK_INT(kit_send(s, 5 * LIMIT_CHUNK + 1, STORE_QUARANTINE, id), STORE_OK);
  struct store *command = kit_command(folder);
  CHECK_INT(view_mail(command, str_of(id), quarantine_put, &o, &e), 1);
  CHECK_INT(o.n, 5 * LIMIT_CHUNK + 1 + KIT_HEADER_SIZE);
  CHECK(!o.wrong);
  CHECK_INT(view_mail(command, STR("nobody"), quarantine_put, &o, &e), 0);
  store_close(command);
  store_close(s);
}
