/* tests/unit/dropped.c: drop files accepted once, and the message that comes with another. */
#include "../store_kit.h"

static const char dropped_name[] = "0123456789abcdefghijklmnop";

/* A mail without body to one recipient. */
static void dropped_also(struct kit_mail *m, struct store_mail *also)
{
  *also = m->mail;
  also->id = STR("zzzzzzzzzzzzzzzzzzzzzzzzzz");
  also->dropped = (str){"", 0};
  also->also = NULL;
}

TEST(dropped_is_known_with_its_message)
{
  const char *folder = check_folder();
  struct store *s = kit_open(folder);
  struct store_mail also;
  struct kit_mail m;
  struct err e;
  if (!CHECK(s != NULL)) return;
  CHECK_INT(dropped_known(s, str_of(dropped_name), &e), 0);
  kit_new(&m, s);
  CHECK_INT(kit_feed(&m, s, 200000), 0);
  dropped_also(&m, &also);
  m.mail.dropped = str_of(dropped_name);
  m.mail.also = &also;
  kit_accept(&m);
  KIT_ASK(folder, "SELECT count(*) FROM dropped", "0");
  kit_run(s);
  CHECK_INT(m.said.result, STORE_OK);
  kit_free(&m);
  CHECK_INT(dropped_known(s, str_of(dropped_name), &e), 1);
  KIT_ASK(folder, "SELECT id = (SELECT min(id) FROM queue) FROM dropped", "1");
  KIT_ASK(folder, "SELECT group_concat(size) FROM (SELECT size FROM queue ORDER BY id)",
          "200018,18");
  CHECK_STR(str_of(kit_laws(folder)), "");
  store_close(s);
}

/* Nobody is told 250 before the commit, so who gives up then leaves nothing: neither name nor
 * mail. */
TEST(dropped_is_undone_with_its_message)
{
  const char *folder = check_folder();
  struct store *s = kit_open(folder);
  struct store_mail also;
  struct kit_mail m;
  struct err e;
  if (!CHECK(s != NULL)) return;
  kit_new(&m, s);
  CHECK_INT(kit_feed(&m, s, 100), 0);
  dropped_also(&m, &also);
  m.mail.dropped = str_of(dropped_name);
  m.mail.also = &also;
  kit_accept(&m);
  kit_free(&m);
  kit_run(s);
  CHECK_INT(dropped_known(s, str_of(dropped_name), &e), 0);
  KIT_ASK(folder, "SELECT count(*) FROM queue", "0");
  CHECK_STR(str_of(kit_laws(folder)), "");
  store_close(s);
}

/* The rules took every recipient away: no message, but the file must not come again. */
TEST(dropped_is_known_without_a_message)
{
  const char *folder = check_folder();
  struct store *s = kit_open(folder);
  struct kit_mail m;
  struct err e;
  if (!CHECK(s != NULL)) return;
  kit_new(&m, s);
  m.mail.dropped = str_of(dropped_name);
  m.mail.rcpt_count = 0;
  kit_accept(&m);
  kit_run(s);
  CHECK_INT(m.said.result, STORE_OK);
  kit_free(&m);
  CHECK_INT(dropped_known(s, str_of(dropped_name), &e), 1);
  KIT_ASK(folder, "SELECT count(*) FROM queue", "0");
  store_close(s);
}

TEST(dropped_secret_keeps_the_one_before)
{
  const char *folder = check_folder();
  struct store *s = kit_open(folder);
  struct buf key = BUF_INIT(64);
  int64_t at = 0;
  struct err e;
  if (!CHECK(s != NULL)) return;
  CHECK_INT(secret_get(s, STR("srs"), &key, &at, &e), 0);
  CHECK_INT(secret_set(s, STR("srs"), STR("one"), &e), 0);
  kit_run(s);
  CHECK_INT(secret_set(s, STR("srs"), STR("two"), &e), 0);
  kit_run(s);
  CHECK_INT(secret_get(s, STR("srs"), &key, &at, &e), 1);
  CHECK_STR(buf_str(&key), "two");
  CHECK(at > 0);
  buf_clear(&key);
  CHECK_INT(secret_get(s, STR("srs.previous"), &key, &at, &e), 1);
  CHECK_STR(buf_str(&key), "one");
  buf_free(&key);
  store_close(s);
}
