#include "../../smtp/conf/conf.h"
#include "../check.h"

#include <sys/stat.h>

/* Mailboxes alice and bob, and these aliases. */
static struct conf *alias_test_conf(const char *aliases, struct diags *d)
{
  static const char *const levels[] = {"mailboxes", "mailboxes/home.example",
                                       "mailboxes/home.example/alice",
                                       "mailboxes/home.example/bob"};
  struct conf_world world = {
      STR("/nonexistent"), STR("/nonexistent"), STR("mx.test"), false, {NULL, 0}};
  struct buf source = BUF_INIT(16384);
  const char *folder = check_folder();
  char path[512];
  struct conf *c;

  for (size_t i = 0; i < BASE_COUNT(levels); i++) {
    snprintf(path, sizeof path, "%s/%s", folder, levels[i]);
    mkdir(path, 0700);
  }
  diags_init(d);
  buf_printf(&source,
             "version_requirement = \"*\"\n[server]\ndomain = \"home.example\"\n"
             "[server.virtual.\"shop.example\"]\n[app]\ndirpath = \"%s\"\n[app.aliases]\n%s",
             folder, aliases);
  c = conf_parse(STR("test.toml"), buf_str(&source), &world, d);
  buf_free(&source);
  return c;
}

/* The ends as a text, "alice@home.example bob@home.example?" where '?' is nobody. */
static const char *alias_test_ends(struct conf *c, const char *address)
{
  static char text[4096];
  struct arena *a = arena_new(0);
  struct alias_ends ends = {.n = 0};
  struct err e;
  size_t n = 0;

  text[0] = '\0';
  if (a && alias_expand(c, NULL, str_of(address), a, &ends, &e) < 0)
    snprintf(text, sizeof text, "%s", e.text);
  for (size_t i = 0; i < ends.n; i++)
    n += (size_t)snprintf(text + n, sizeof text - n, "%s" STR_FMT "%s", i ? " " : "",
                          STR_ARG(ends.end[i].address), ends.end[i].known == 1 ? "" : "?");
  arena_free(a);
  return text;
}

TEST(alias_who_is_at_the_end)
{
  static const struct {
    const char *address, *ends;
  } table[] = {
      {"alice@home.example", "alice@home.example"},
      {"x@far.example", "x@far.example"},
      {"nobody@home.example", "nobody@home.example?"},
      {"Sales@HOME.example", "alice@home.example Bob@home.example"},
      {"deep@home.example", "x@far.example alice@home.example Bob@home.example"},
      {"bob@home.example", "bob@home.example alice@home.example"},
      {"circle@home.example", "circle@home.example?"},
      {"final@home.example", "bob@home.example"},
      {"sales+tag@home.example", "alice@home.example Bob@home.example"},
      {"exact+tag@home.example", "alice@home.example"},
      {"alice+tag@home.example", "alice+tag@home.example"},
      {"who@shop.example", "who@home.example?"},
      {"alice@shop.example", "alice@home.example"},
      {"own@shop.example", "alice@home.example"},
      {"postmaster@shop.example", "alice@home.example"},
  };
  struct diags d;
  struct conf *c = alias_test_conf("sales = ['alice', 'Bob@home.example']\n"
                                   "deep = ['x@far.example', 'sales', 'x@far.example']\n"
                                   "bob = ['bob', 'alice']\n"
                                   "circle = ['circle2']\ncircle2 = ['circle']\n"
                                   "final = ['\\bob']\n"
                                   "'exact+tag' = ['alice']\n"
                                   "'@shop.example' = ['@home.example']\n"
                                   "'own@shop.example' = ['alice']\n"
                                   "postmaster = ['alice']\n",
                                   &d);

  CHECK(c != NULL);
  /* sales names Bob, who has an alias of his own: Alice is there already, Bob keeps a copy. */
  for (size_t i = 0; c && i < BASE_COUNT(table); i++)
    CHECK_STR(alias_test_ends(c, table[i].address), table[i].ends);
  conf_free(c);
  diags_free(&d);
}

TEST(alias_too_many_ends)
{
  struct buf text = BUF_INIT(8192);
  struct diags d;
  struct conf *c;

  buf_puts(&text, "all = ['alice'");
  for (int i = 0; i < 400; i++) buf_printf(&text, ",'a%d@b'", i);
  buf_puts(&text, "]\n");
  c = alias_test_conf(buf_cstr(&text), &d);
  CHECK(c != NULL);
  CHECK(strlen(alias_test_ends(c, "all@home.example")) > 400);
  buf_free(&text);
  conf_free(c);
  diags_free(&d);
}

TEST(alias_leads_to_an_account)
{
  struct diags d;
  struct conf *c = alias_test_conf("sales = ['alice', 'team']\nteam = ['bob']\n"
                                   "'@home.example' = ['bob']\n",
                                   &d);

  CHECK(alias_leads_to(c, STR("Alice@home.example"), STR("alice@home.example")));
  CHECK(alias_leads_to(c, STR("alice+x@home.example"), STR("alice@home.example")));
  CHECK(alias_leads_to(c, STR("sales@home.example"), STR("bob@home.example")));
  CHECK(alias_leads_to(c, STR("Sales+x@home.example"), STR("alice@home.example")));
  CHECK(!alias_leads_to(c, STR("team@home.example"), STR("alice@home.example")));
  CHECK(!alias_leads_to(c, STR("carl@home.example"), STR("bob@home.example")));
  CHECK(!alias_leads_to(c, STR("alicex@home.example"), STR("alice@home.example")));
  CHECK(!alias_leads_to(c, STR(""), STR("alice@home.example")));
  conf_free(c);
  diags_free(&d);
}

TEST(alias_given_twice)
{
  struct diags d;
  struct conf *c = alias_test_conf("sales = ['alice']\n'Sales@home.example' = ['bob']\n", &d);

  CHECK(c == NULL);
  CHECK_INT(d.errors, 1);
  CHECK_INT(d.list[0].line, 9);
  CHECK_STR(d.list[0].text,
            "mail for Sales@home.example has an alias already: write all its targets behind one");
  diags_free(&d);
}

static struct conf *alias_tortured;

static void alias_test_work(void)
{
  alias_test_ends(alias_tortured, "sales@home.example");
  alias_leads_to(alias_tortured, STR("sales@home.example"), STR("bob@home.example"));
}

TEST(alias_without_memory)
{
  struct diags d;

  alias_tortured = alias_test_conf("sales = ['alice', 'team']\nteam = ['bob']\n", &d);
  CHECK(alias_tortured != NULL);
  if (alias_tortured) check_torture(alias_test_work);
  conf_free(alias_tortured);
  diags_free(&d);
}
