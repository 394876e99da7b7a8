#include "../../smtp/conf/conf.h"
#include "../check.h"

/* What was read, "name=target|target;…", or the first fault as "line:column: text". */
static const char *alias_file_test(const char *source)
{
  static char out[4096];
  struct arena *a = arena_new(0);
  struct aliases t = {.n = 0};
  struct diags d;
  size_t n = 0;

  diags_init(&d);
  out[0] = '\0';
  int rc = alias_file_parse(&t, STR("aliases"), str_of(source), a, &d);
  CHECK_INT(rc, d.errors ? -1 : 0);
  if (rc < 0)
    snprintf(out, sizeof out, "%d:%d: " STR_FMT, d.list[0].line, d.list[0].column,
             STR_ARG(d.list[0].text));
  for (size_t i = 0; rc == 0 && i < t.n; i++) {
    n += (size_t)snprintf(out + n, sizeof out - n, STR_FMT "=", STR_ARG(t.list[i].address));
    for (size_t k = 0; k < t.list[i].n; k++)
      n += (size_t)snprintf(out + n, sizeof out - n, STR_FMT "%s", STR_ARG(t.list[i].targets[k]),
                            k + 1 < t.list[i].n ? "|" : ";");
  }
  diags_free(&d);
  arena_free(a);
  return out;
}

TEST(alias_file_forms)
{
  static const struct {
    const char *source, *read;
  } table[] = {
      {"", ""},
      {"# nothing\n\n   \n", ""},
      {"root: alice\n", "root=alice;"},
      {"root: alice", "root=alice;"},
      {"root:alice,bob", "root=alice|bob;"},
      {"root : alice , bob ,\r\n", "root=alice|bob;"},
      {"root: alice,\n\tbob\n  , carol\nx: y\n", "root=alice|bob|carol;x=y;"},
      {"root:\n# between\n\n alice\n", "root=alice;"},
      {"\"root\": \"alice\", \"b@c\"\n", "root=alice|b@c;"},
      {"\"joe smith\": \"joe smith\"@c\n", "\"joe smith\"=\"joe smith\"@c;"},
      {"root: (the (old) one) alice (x)\n", "root=alice;"},
      {"alice: \\alice, bob\n", "alice=\\alice|bob;"},
      {"@old.example: @new.example\n", "@old.example=@new.example;"},
      {"a@b.example: c\n", "a@b.example=c;"},
  };

  for (size_t i = 0; i < BASE_COUNT(table); i++)
    CHECK_STR(alias_file_test(table[i].source), table[i].read);
}

TEST(alias_file_faults)
{
  static const struct {
    const char *source, *fault;
  } table[] = {
      {" a: b\n", "1:1: a line that begins with white space goes on with the one before, and "
                  "there is none"},
      {"a\n", "1:1: an alias has the form \"name: target, target\""},
      {"a b: c\n", "1:1: an alias has the form \"name: target, target\""},
      {"a:\n", "1:1: mail for a would go nowhere"},
      {"x: y\na: , ,\n", "2:1: mail for a would go nowhere"},
      {"a: b c\n", "1:6: a comma is missing before this; a comment needs a line of its own"},
      {"a: b\n  c\n", "2:3: a comma is missing before this; a comment needs a line of its own"},
      {"a: b # c\n", "1:6: a comma is missing before this; a comment needs a line of its own"},
      {"a: \"b\n", "1:4: a quote does not end in its line"},
      {"a: (b\n", "1:4: a remark in parentheses does not end in its line"},
      {"a: <b@c>\n", "1:4: write the address alone, without name and angle brackets"},
      {"a: |b\n", "1:4: no alias runs a program: declare a service of type cmd and call it in a "
                  "rule"},
      {"a: b, \"|c d\"\n",
       "1:7: no alias runs a program: declare a service of type cmd and call it in a rule"},
      {"a: /b\n", "1:4: no alias writes into a file: use a mailbox, or a rule with write()"},
      {"a: :include:/b\n", "1:4: lists in other files are not read: write their addresses here"},
      {"a: /dev/null\n", "1:4: no alias throws mail away: write a rule with disable_delivery()"},
      {"a: @b.example\n", "1:4: only a whole domain, \"@old.example\", can stand for another"},
      {"a: b@c@d\n", "1:4: \"b@c@d\" is no address"},
      {"a@b@c: d\n", "1:1: \"a@b@c\" is no address"},
  };

  for (size_t i = 0; i < BASE_COUNT(table); i++)
    CHECK_STR(alias_file_test(table[i].source), table[i].fault);
}

static void alias_file_work(void)
{
  struct arena *a = arena_new(0);
  struct aliases t = {.n = 0};
  struct diags d = {.n = 0};

  if (a && diags_init(&d) == 0)
    alias_file_parse(&t, STR("x"), STR("a: b, \"c\"\n \"d e\"@f\ng: |h\n"), a, &d);
  diags_free(&d);
  arena_free(a);
}

TEST(alias_file_without_memory)
{
  check_torture(alias_file_work);
}
