#include "../../smtp/policy/policy.h"
#include "../check.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* A configuration with one mailbox, alice@home.example, below folder. */
static struct conf *locate_test_conf(const char *folder)
{
  static const char *const levels[] = {"mailboxes", "mailboxes/home.example",
                                       "mailboxes/home.example/alice"};
  struct conf_world world = {
      STR("/nonexistent"), STR("/nonexistent"), STR("mx.test"), false, {NULL, 0}};
  struct buf source = BUF_INIT(4096);
  struct diags d;
  struct conf *c;
  char path[512];

  for (size_t i = 0; i < BASE_COUNT(levels); i++) {
    snprintf(path, sizeof path, "%s/%s", folder, levels[i]);
    mkdir(path, 0700);
  }
  diags_init(&d);
  buf_printf(&source,
             "version_requirement = \"*\"\n[server]\ndomain = \"home.example\"\n"
             "[app]\ndirpath = \"%s\"\n",
             folder);
  c = conf_parse(STR("test.toml"), buf_str(&source), &world, &d);
  if (!c) diags_print(&d, stdout);
  diags_free(&d);
  buf_free(&source);
  return c;
}

TEST(inbox_folder_of_a_mailbox)
{
  struct conf *c = locate_test_conf(check_folder());
  struct arena *a = arena_new(0);
  struct inbox where;

  CHECK_INT(inbox_mailbox(c, NULL, STR("Alice@HOME.example"), a, &where), 1);
  CHECK_INT(where.into, HELPER_FOLDER);
  CHECK_STR(where.local, "alice");
  CHECK_STR(where.domain, "home.example");
  CHECK_INT(inbox_mailbox(c, NULL, STR("carol@home.example"), a, &where), 0);
  CHECK_INT(inbox_mailbox(c, NULL, STR("../alice@home.example"), a, &where), 0);
  CHECK_INT(inbox_mailbox(c, NULL, STR("alice/x@home.example"), a, &where), 0);
  CHECK_INT(inbox_mailbox(c, NULL, STR("root@home.example"), a, &where), 0);
  arena_free(a);
  conf_free(c);
}

/* "No such mailbox" is for ever; for want of memory or descriptors nobody may say it. */
TEST(inbox_cannot_tell_without_memory)
{
  struct conf *c = locate_test_conf(check_folder());
  struct arena *a = arena_new(LIMIT_CHUNK);
  struct inbox where;

  while (arena_alloc(a, 16)) {}
  CHECK_INT(inbox_mailbox(c, NULL, STR("alice@home.example"), a, &where), -1);
  CHECK_INT(inbox_mailbox(c, NULL, STR("carol@home.example"), a, &where), -1);
  arena_free(a);
  conf_free(c);
}

TEST(inbox_cannot_tell_without_descriptors)
{
  struct conf *c = locate_test_conf(check_folder());
  struct arena *a = arena_new(0);
  struct inbox where;
  struct rlimit old, none;

  getrlimit(RLIMIT_NOFILE, &old);
  none = (struct rlimit){0, old.rlim_max};
  setrlimit(RLIMIT_NOFILE, &none);
  CHECK_INT(inbox_mailbox(c, NULL, STR("somebody@home.example"), a, &where), -1);
  setrlimit(RLIMIT_NOFILE, &old);
  CHECK_INT(inbox_mailbox(c, NULL, STR("somebody@home.example"), a, &where), 0);
  arena_free(a);
  conf_free(c);
}
