/* tests/unit/mail.c: the mail a session gathers, and the guards. */
#include "../../smtp/policy/policy.h"
#include "../check.h"

static const char mail_test_conf[] = "version_requirement = \"*\"\n"
                                     "[server]\n"
                                     "domain = \"home.example\"\n"
                                     "[server.virtual.\"second.example\"]\n"
                                     "[server.smtp]\n"
                                     "unknown_rcpt = \"accept\"\n"
                                     "[app]\n"
                                     "dirpath = \"/nonexistent\"\n";

static struct conf *mail_test_parse(const char *source)
{
  struct conf_world world = {
      STR("/nonexistent"), STR("/nonexistent"), STR("mx.test"), false, {NULL, 0}};
  struct diags d;
  struct conf *c;

  diags_init(&d);
  c = conf_parse(STR("test.toml"), str_of(source), &world, &d);
  if (!c) diags_print(&d, stdout);
  diags_free(&d);
  return c;
}

static struct mail *mail_test_new(struct arena *a, const struct conf *c)
{
  struct mail *m = mail_new(a, c, NULL);

  m->facts.client_ip = STR("203.0.113.9");
  m->facts.server_ip = STR("192.0.2.1");
  m->facts.helo = STR("client.example");
  m->facts.server_name = c->server.domain;
  m->facts.message_id = STR("0123456789abcdefghijklmnop");
  m->esmtp = true;
  return m;
}

TEST(mail_pending_fields_go_in_front_or_replace)
{
  struct conf *c = mail_test_parse(mail_test_conf);
  struct arena *a = arena_new(0);
  struct mail *parent = mail_test_new(a, c), *m;
  struct buf out = BUF_INIT(10000);
  struct err e;

  CHECK_INT(host_functions.header_append(parent, STR("X-One"), STR("1"), &e), 0);
  m = mail_new(a, c, parent);
  CHECK_INT(host_functions.header_set(m, STR("Subject"), STR("new"), &e), 0);
  CHECK_INT(host_functions.header_prepend(m, STR("X-Two"), STR("2"), &e), 0);
  CHECK_INT(mail_rcpt_add(m, STR("bob@home.example"), true, &e), 0);
  CHECK_INT(mail_arrive(m, STR("From: a@b\r\nsubject: old\r\n"), true, &e), 0);
  CHECK_INT(mail_header(m, &out, &e), 0);
  CHECK(str_starts(buf_str(&out), STR("X-Two: 2\r\nX-One: 1\r\nReceived: from client.example "
                                      "([203.0.113.9])\r\n\tby home.example with ESMTP id "
                                      "0123456789abcdefghijklmnop\r\n\tfor <bob@home.example>;")));
  CHECK(str_ends(buf_str(&out), STR("\r\nFrom: a@b\r\nSubject: new\r\n\r\n")));
  CHECK_INT(parent->header.n, 1);
  buf_free(&out);
  arena_free(a);
  conf_free(c);
}

TEST(mail_context_survives_the_store)
{
  struct conf *c = mail_test_parse(mail_test_conf);
  struct arena *a = arena_new(0);
  struct mail *m = mail_test_new(a, c), *again;
  struct store_rcpt *rows;
  struct store_mail row;
  struct buf context = BUF_INIT(10000);
  struct err e;

  m->facts.client_port = 4711;
  m->facts.server_port = 25;
  m->facts.connected_at = 1234567890123;
  m->facts.authenticated = true;
  m->facts.mail_from = STR("a \"quoted\" one@b.example");
  m->skip = RULES_FACCEPT;
  mail_rcpt_add(m, STR("bob@home.example"), true, &e);
  mail_rcpt_add(m, STR("out@elsewhere.example"), false, &e);
  host_functions.rcpt_transport(m, 1, TRANSPORT_FORWARD, STR("192.0.2.9:25"), &e);
  CHECK_INT(mail_context_write(m, &context), 0);
  rows = mail_rcpt_rows(m, a, 77);
  CHECK_INT(rows[0].transport, TRANSPORT_MAILDIR);
  CHECK_INT(rows[1].transport, TRANSPORT_FORWARD);
  row = (struct store_mail){.id = m->facts.message_id,
                            .mail_from = m->facts.mail_from,
                            .client_ip = m->facts.client_ip,
                            .helo = m->facts.helo,
                            .context = buf_str(&context),
                            .rcpt = rows,
                            .rcpt_count = 2};
  again = mail_restore(a, c, &row, STR("From: a@b\r\n\r\n"), false, &e);
  if (CHECK(again != NULL)) {
    CHECK_INT(again->facts.client_port, 4711);
    CHECK_INT(again->facts.connected_at, 1234567890123);
    CHECK(again->facts.authenticated);
    CHECK_STR(again->facts.server_name, "home.example");
    CHECK_INT(again->skip, RULES_FACCEPT);
    CHECK_INT(again->rcpt_count, 2);
    CHECK(again->rcpt[0].by_client && !again->rcpt[1].by_client);
    CHECK_INT(again->rcpt[1].transport, TRANSPORT_FORWARD);
    CHECK_INT(again->header.n, 1);
  }
  buf_free(&context);
  arena_free(a);
  conf_free(c);
}

/* The list of open relay tests that nmap and others send. */
TEST(guard_nobody_relays)
{
  static const char *const rows[] = {
      "v@evil.test",
      "v%evil.test@[192.0.2.1]",
      "v%evil.test@home.example",
      "\"v@evil.test\"@[192.0.2.1]",
      "\"v@evil.test\"@home.example",
      "evil.test!v@[192.0.2.1]",
      "evil.test!v@home.example",
      "v@EVIL.TEST",
      "v@[IPv6:::1]",
      "v@home.example.evil.test",
      "v@[192.0.2.2]",
      "v@xn--home-example",
  };
  struct conf *c = mail_test_parse(mail_test_conf);
  struct arena *a = arena_new(0);
  struct mail *m = mail_test_new(a, c);
  struct err e;

  for (size_t i = 0; i < BASE_COUNT(rows); i++) {
    mail_rcpt_add(m, str_of(rows[i]), true, &e);
    m->rcpt[i].address = guard_normal_rcpt(m, m->rcpt[i].address);
    enum reply_id r = guard_rcpt(m, i, false);
    if (!CHECK(r == REPLY_RELAY_DENIED || r == REPLY_ODD_LOCAL_PART)) printf("  %s\n", rows[i]);
  }
  arena_free(a);
  conf_free(c);
}

TEST(guard_who_may)
{
  struct conf *c = mail_test_parse(mail_test_conf);
  struct arena *a = arena_new(0);
  struct mail *m = mail_test_new(a, c);
  struct err e;

  mail_rcpt_add(m, STR("v@evil.test"), true, &e);
  mail_rcpt_add(m, STR("bob@SECOND.example"), true, &e);
  mail_rcpt_add(m, STR("postmaster"), true, &e);
  m->rcpt[2].address = guard_normal_rcpt(m, m->rcpt[2].address);
  CHECK_STR(m->rcpt[2].address, "postmaster@home.example");
  CHECK_INT(guard_rcpt(m, 0, false), REPLY_RELAY_DENIED);
  CHECK_INT(guard_rcpt(m, 0, true), REPLY_DONE);
  CHECK_INT(guard_rcpt(m, 1, false), REPLY_DONE);
  CHECK_INT(guard_rcpt(m, 2, false), REPLY_DONE);
  m->rcpt[0].permitted = true;
  CHECK_INT(guard_rcpt(m, 0, false), REPLY_DONE);
  m->rcpt[0].permitted = false;
  m->facts.authenticated = true;
  CHECK_INT(guard_rcpt(m, 0, false), REPLY_DONE);
  c->server.smtp.unknown_rcpt = CONF_RCPT_REFUSE;
  CHECK_INT(guard_rcpt(m, 1, false), REPLY_DONE);
  CHECK_INT(rcpt_expand_rcpt(m, 1), REPLY_UNKNOWN_RCPT);
  m->rcpt[1].transport = TRANSPORT_MAILDIR;
  CHECK_INT(rcpt_expand_rcpt(m, 1), REPLY_DONE);
  arena_free(a);
  conf_free(c);
}
