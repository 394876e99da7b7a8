/* tests/unit/dsn.c: what a client asks to be told of his mail. */
#include "../../smtp/format/format.h"
#include "../check.h"

TEST(dsn_envid)
{
  char long_id[101];

  CHECK(dsn_envid_ok(STR("QQ314159")));
  CHECK(dsn_envid_ok(STR("a+20b+2B+3D")));
  CHECK(!dsn_envid_ok(STR("")));
  CHECK(!dsn_envid_ok(STR("a b")));
  CHECK(!dsn_envid_ok(STR("a=b")));
  CHECK(!dsn_envid_ok(STR("a+")));
  CHECK(!dsn_envid_ok(STR("a+4")));
  CHECK(!dsn_envid_ok(STR("a+2b")));
  CHECK(!dsn_envid_ok(STR("a+0D+0ABcc: x")));
  CHECK(!dsn_envid_ok(STR("a+7F")));
  CHECK(!dsn_envid_ok(STR("\xc3\xa9")));
  memset(long_id, 'a', sizeof long_id);
  CHECK(dsn_envid_ok((str){long_id, 100}));
  CHECK(!dsn_envid_ok((str){long_id, 101}));
}

TEST(dsn_orcpt_of_utf8)
{
  CHECK(dsn_orcpt_ok(STR("utf-8;j\\x{F6}rg@example.com"), false));
  CHECK(dsn_orcpt_ok(STR("UTF-8;j\xc3\xb6rg@example.com"), true));
  CHECK(!dsn_orcpt_ok(STR("utf-8;j\xc3\xb6rg@example.com"), false));
  CHECK(!dsn_orcpt_ok(STR("utf-8;j\\x{D800}@example.com"), true));
  CHECK(!dsn_orcpt_ok(STR("utf-8;j\\x{0A}@example.com"), true));
  CHECK(!dsn_orcpt_ok(STR("utf-8;j\\x{85}@example.com"), true));
  CHECK(!dsn_orcpt_ok(STR("utf-8;j\\x{}@example.com"), true));
  CHECK(!dsn_orcpt_ok(STR("utf-8;j\\x{1234567}@example.com"), true));
  CHECK(!dsn_orcpt_ok(STR("utf-8;j\\@example.com"), true));
  CHECK(!dsn_orcpt_ok(STR("utf-8;j\xc3@example.com"), true));
  CHECK(!dsn_orcpt_ok(STR("utf-8;j\xc2\x85@example.com"), true));
}

TEST(dsn_texts_are_read_again)
{
  struct arena *a = arena_new(0);
  struct dsn d;
  str text = dsn_rcpt_text(STR("success,DELAY"), STR("rfc822;a+2Bb@example.com"), a);

  CHECK_STR(text, "NOTIFY=success,DELAY ORCPT=rfc822;a+2Bb@example.com");
  CHECK_INT(dsn_read(text, a, &d), 0);
  CHECK_INT(d.notify, DSN_SUCCESS | DSN_DELAY);
  CHECK_STR(d.orcpt_type, "rfc822");
  CHECK_STR(d.orcpt, "a+b@example.com");
  text = dsn_mail_text(STR("Full"), STR("x+20y"), a);
  CHECK_STR(text, "RET=Full ENVID=x+20y");
  CHECK_INT(dsn_read(text, a, &d), 0);
  CHECK(d.full);
  CHECK_STR(d.envid, "x y");
  CHECK_INT(d.notify, DSN_FAILURE | DSN_DELAY);
  CHECK_STR(dsn_mail_text(STR(""), STR("x"), a), "ENVID=x");
  text = dsn_rcpt_text(STR(""), STR("utf-8;j\xc3\xb6rg@\xf0\x9f\x98\x80.example"), a);
  CHECK_STR(text, "ORCPT=utf-8;j\\x{F6}rg@\\x{1F600}.example");
  CHECK_INT(dsn_read(text, a, &d), 0);
  CHECK_STR(d.orcpt, "j\\x{F6}rg@\\x{1F600}.example");
  CHECK_STR(dsn_mail_text(STR(""), STR(""), a), "");
  arena_free(a);
}

/* Whatever stands in the database, nothing of it breaks a line of a report. */
TEST(dsn_read_takes_nothing_malformed)
{
  struct arena *a = arena_new(0);
  struct dsn d;

  CHECK_INT(dsn_read(STR("NOTIFY=ALWAYS ORCPT=rfc822;a+0Ab ENVID=+0D  RET"), a, &d), 0);
  CHECK_INT(d.notify, DSN_FAILURE | DSN_DELAY);
  CHECK(!d.full && d.envid.n == 0 && d.orcpt.n == 0 && d.orcpt_type.n == 0);
  arena_free(a);
}

TEST(dsn_unsuccessful_asks_for_no_success)
{
  struct arena *a = arena_new(0);

  CHECK_STR(dsn_unsuccessful(STR(""), a), "");
  CHECK_STR(dsn_unsuccessful(STR("NOTIFY=FAILURE ORCPT=x;y"), a), "NOTIFY=FAILURE ORCPT=x;y");
  CHECK_STR(dsn_unsuccessful(STR("NOTIFY=SUCCESS,FAILURE ORCPT=x;y"), a),
            "NOTIFY=FAILURE ORCPT=x;y");
  CHECK_STR(dsn_unsuccessful(STR("NOTIFY=SUCCESS"), a), "NOTIFY=NEVER");
  CHECK_STR(dsn_unsuccessful(STR("NOTIFY=DELAY,SUCCESS"), a), "NOTIFY=DELAY");
  arena_free(a);
}

TEST(dsn_of_a_context)
{
  struct arena *a = arena_new(0);

  CHECK_STR(dsn_of_context(STR("auth = 1\ndsn = \"RET=HDRS\"\n"), a), "RET=HDRS");
  CHECK_STR(dsn_of_context(STR("auth = 1\n"), a), "");
  CHECK_STR(dsn_of_context(STR("x = 'dsn = '\n"), a), "");
  CHECK_STR(dsn_of_context(STR("dsn = broken\n"), a), "");
  arena_free(a);
}

TEST(dsn_xtext_of_any_text)
{
  struct buf out = BUF_INIT(100);

  dsn_xtext(&out, STR("a+b=c d\xc3\xa9\n"));
  CHECK_STR(buf_str(&out), "a+2Bb+3Dc+20d+C3+A9+0A");
  buf_free(&out);
}
