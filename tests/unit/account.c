/* tests/unit/account.c: accounts are there from one commit to another, whoever made it. */
#include "../store_kit.h"

static bool account_row(void *arg, const struct store_cell *cell, size_t n)
{
  buf_printf(arg, STR_FMT "%zu ", STR_ARG(cell[0].text), n);
  return true;
}

TEST(account_comes_and_goes)
{
  const char *folder = check_folder();
  struct store *server = kit_open(folder), *command = kit_command(folder);
  struct buf v = BUF_INIT(100), list = BUF_INIT(100);
  struct err e;
  if (!CHECK(server && command)) return;
  CHECK_INT(account_exists(server, STR("a@b.example")), 0);
  CHECK_INT(account_set(command, STR("a@b.example"), STR("v1"), &e), 0);
  CHECK_INT(account_add(command, STR("a@b.example"), STR("v1"), &e), 1);
  CHECK_INT(account_add(command, STR("a@b.example"), STR("other"), &e), 0);
  CHECK_INT(account_add(command, STR("Z@b.example"), STR("v"), &e), 1);
  CHECK_INT(account_get(server, STR("a@b.example"), &v, &e), 1); /* at once */
  CHECK_STR(&v, "v1");
  buf_clear(&v);
  CHECK_INT(account_set(command, STR("a@b.example"), STR("v2"), &e), 1);
  CHECK_INT(account_get(server, STR("a@b.example"), &v, &e), 1);
  CHECK_STR(&v, "v2");
  CHECK_INT(view_rows(command, VIEW_ACCOUNT, STR(""), STR(""), account_row, &list, &e), 0);
  CHECK_STR(&list, "Z@b.example3 a@b.example3 ");
  KIT_ASK(folder, "SELECT made_at <= changed_at FROM account WHERE verifier = 'v2'", "1");
  CHECK_INT(account_remove(command, STR("a@b.example"), &e), 1);
  CHECK_INT(account_remove(command, STR("a@b.example"), &e), 0);
  CHECK_INT(account_exists(server, STR("a@b.example")), 0);
  buf_free(&v);
  buf_free(&list);
  store_close(command);
  store_close(server);
}

TEST(account_without_a_database)
{
  const char *folder = check_folder();
  struct store *s = kit_open(folder);
  struct err e;
  if (!CHECK(s != NULL)) return;
  dbfile_close(s);
  CHECK_INT(account_get(s, STR("a@b.example"), NULL, &e), -1);
  CHECK_INT(e.kind, ERR_TEMP);
  CHECK_INT(account_exists(s, STR("a@b.example")), -1);
  store_close(s);
}
