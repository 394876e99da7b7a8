/* tests/unit/target.c: the ways a server to forward to may be written. */
#include "../../smtp/conf/conf.h"
#include "../check.h"

struct target_row {
  const char *text, *host;
  int port, tls;
  const char *user, *secret; /* the password, or the file */
};

static str target_secret(const struct target *t)
{
  return t->password.n ? t->password : t->password_file.n ? t->password_file : t->token_file;
}

TEST(target_is_read)
{
  enum { NONE = TARGET_TLS_NONE, MAY, MUST, SURE };
  static const struct target_row rows[] = {
      {"mail.example", "mail.example", 25, MAY, "", ""},
      {"mail.example:2525", "mail.example", 2525, MAY, "", ""},
      {"10.0.0.1", "10.0.0.1", 25, MAY, "", ""},
      {"10.0.0.1:26", "10.0.0.1", 26, MAY, "", ""},
      {"::1", "::1", 25, MAY, "", ""},
      {"[::1]:26", "::1", 26, MAY, "", ""},
      {"[fe80::1%lo]:26", "fe80::1%lo", 26, MAY, "", ""},
      {"smtp://mail.example", "mail.example", 25, MAY, "", ""},
      {"smtp://mail.example:587/", "mail.example", 587, MAY, "", ""},
      {"smtp://joe:pw@mail.example:587?tls=required", "mail.example", 587, MUST, "joe", "pw"},
      {"smtp://joe:pw@mail.example:587", "mail.example", 587, SURE, "joe", "pw"},
      {"smtp://joe:pw@mail.example?tls=none", "mail.example", 25, NONE, "joe", "pw"},
      {"smtps://mail.example", "mail.example", 465, SURE, "", ""},
      {"smtps://joe%40x.example:p%3aw%25@mail.example", "mail.example", 465, SURE, "joe@x.example",
       "p:w%"},
      {"smtps://joe@x.example:a@b@mail.example", "mail.example", 465, SURE, "joe@x.example", "a@b"},
      {"smtp://joe@mail.example?password_file=/etc/pw%20d", "mail.example", 25, SURE, "joe",
       "/etc/pw d"},
      {"smtp://joe@mail.example?auth=login&password_file=/p&tls=required", "mail.example", 25, MUST,
       "joe", "/p"},
      {"smtp://joe@mail.example:587?token_file=/run/token", "mail.example", 587, SURE, "joe",
       "/run/token"},
      {"smtp://[2001:db8::1]:587", "2001:db8::1", 587, MAY, "", ""},
      {"lmtp://localhost", "localhost", 24, MAY, "", ""},
      {"lmtp:unix:/run/dovecot/lmtp", "/run/dovecot/lmtp", 0, NONE, "", ""},
  };

  for (size_t i = 0; i < BASE_COUNT(rows); i++) {
    struct arena *a = arena_new(0);
    struct target t;
    struct err e = {.text = ""};

    if (!CHECK_INT(target_parse(str_of(rows[i].text), a, &t, &e), 0)) printf("%s\n", e.text);
    CHECK_STR(t.host, rows[i].host);
    CHECK_INT(t.port, rows[i].port);
    CHECK_INT((int)t.tls, rows[i].tls);
    CHECK_STR(t.user, rows[i].user);
    CHECK_STR(target_secret(&t), rows[i].secret);
    CHECK_INT(t.lmtp, strncmp(rows[i].text, "lmtp", 4) == 0);
    arena_free(a);
  }
}

TEST(target_is_refused)
{
  static const char *const rows[] = {
      "",
      "a b",
      "-x.example",
      "10.0.0.1:0",
      "10.0.0.1:65536",
      "10.0.0.1:+1",
      "[::1",
      "[::1]25",
      "[x]:25",
      "[10.0.0.1.2]",
      "::1:99999",
      "http://x.example",
      "SMTP://x.example",
      "smtp://",
      "smtp://@x.example",
      "smtp://joe@x.example",
      "smtp://:pw@x.example",
      "smtp://joe:pw@",
      "smtp://x.example?",
      "smtp://x.example?tls",
      "smtp://x.example?tls=maybe",
      "smtp://x.example?tls=none&tls=none",
      "smtp://x.example?color=red",
      "smtp://x.example?password_file=/p",
      "smtp://x.example?auth=plain",
      "smtp://joe:pw@x.example?auth=best",
      "smtp://joe:pw@x.example?auth=xoauth2",
      "smtp://joe:pw@x.example?token_file=/t",
      "smtp://joe:pw@x.example?password_file=/p",
      "smtp://joe@x.example?password_file=p",
      "smtp://joe@x.example?token_command=/usr/bin/oama",
      "smtp://joe:p%0aw@x.example",
      "smtp://joe:p%4@x.example",
      "smtp://joe:p%+4@x.example",
      "smtp://x.example/mail",
      "smtps://x.example?tls=none",
      "lmtp:unix:",
      "lmtp:unix:run",
      "lmtp:unix:/run?tls=required",
      "smtp:unix:/run",
  };

  for (size_t i = 0; i < BASE_COUNT(rows); i++) {
    struct arena *a = arena_new(0);
    struct target t;
    struct err e = {.text = ""};

    if (!CHECK_INT(target_parse(str_of(rows[i]), a, &t, &e), -1)) printf("%s\n", rows[i]);
    CHECK(str_starts(str_of(e.text), STR("cannot forward to '")));
    arena_free(a);
  }
}

/* It lives longer than the configuration it was made of. */
TEST(target_of_a_relay)
{
  struct conf conf = {.server.relay = {.on = true,
                                       .host = STR("x.example:465"),
                                       .user = STR("joe"),
                                       .tls = TARGET_TLS_VERIFIED}};
  str words[] = {STR("oama"), STR("access")};
  struct arena *a = arena_new(0);
  struct target t;
  struct err e;

  conf.server.relay.token_command = (struct conf_strs){words, 2};
  CHECK_INT(conf_relay(&conf, a, &t, &e), 0);
  CHECK(t.user.p != conf.server.relay.user.p);
  CHECK_STR(t.user, "joe");
  CHECK(t.token_command && t.auth == TARGET_AUTH_XOAUTH2 && t.implicit);
  conf.server.relay.token_command.n = 0;
  conf.server.relay.token_file = STR("/t");
  CHECK_INT(conf_relay(&conf, a, &t, &e), 0);
  CHECK_STR(t.token_file, "/t");
  CHECK(!t.token_command && t.auth == TARGET_AUTH_XOAUTH2);
  for (uint64_t nth = 1; nth < 3; nth++) {
    mem_fail_at(nth, true);
    struct arena *b = arena_new(0);
    if (b) conf_relay(&conf, b, &t, &e);
    arena_free(b);
  }
  mem_fail_at(0, true);
  arena_free(a);
}

TEST(target_keeps_its_secret)
{
  static const char *const rows[][2] = {
      {"smtp://joe:secret@x.example:587?tls=none", "smtp://joe:***@x.example:587?tls=none"},
      {"smtp://a:b@c:secret@x.example", "smtp://a:***@x.example"},
      {"smtp://joe@x.example:587", "smtp://joe@x.example:587"},
      {"mail.example:25", "mail.example:25"},
      {"lmtp:unix:/run", "lmtp:unix:/run"},
  };
  struct arena *a = arena_new(0);
  struct target t;
  struct err e;

  for (size_t i = 0; i < BASE_COUNT(rows); i++) {
    struct buf shown = BUF_INIT(256);

    target_show(str_of(rows[i][0]), &shown);
    CHECK_STR(buf_str(&shown), rows[i][1]);
    buf_free(&shown);
  }
  CHECK_INT(target_parse(STR("smtp://joe:secret@x.example?tls=x"), a, &t, &e), -1);
  CHECK(str_find(str_of(e.text), STR("secret")) < 0);
  arena_free(a);
}
