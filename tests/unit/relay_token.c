/* tests/unit/relay_token.c: the token that a command prints: read, kept, asked for, without memory.
 */
#include "../../smtp/outbound/relay_token.h"
#include "../check.h"

#include <sys/wait.h>

TEST(relay_token_is_one_line)
{
  static const struct {
    str output;
    const char *token, *why;
  } rows[] = {
      {STR_INIT("ya29.a-b_c~+/=="), "ya29.a-b_c~+/==", NULL},
      {STR_INIT("abc\n"), "abc", NULL},
      {STR_INIT("abc\r\n"), "abc", NULL},
      {STR_INIT("\n  abc\t\n\n"), "abc", NULL},
      {STR_INIT(""), NULL, "it printed nothing"},
      {STR_INIT("\r\n \n"), NULL, "it printed nothing"},
      {STR_INIT("abc\ndef\n"), NULL, "it printed more than one line"},
      {STR_INIT("abc\0\n"), NULL, "it printed something with spaces or control characters in it"},
      {STR_INIT("a\0bc"), NULL, "it printed something with spaces or control characters in it"},
      {STR_INIT("\0"), NULL, "it printed something with spaces or control characters in it"},
      {STR_INIT("error: no token"), NULL,
       "it printed something with spaces or control characters in it"},
      {STR_INIT("abc\1auth=Bearer x"), NULL,
       "it printed something with spaces or control characters in it"},
      {STR_INIT("abc\rdef"), NULL, "it printed something with spaces or control characters in it"},
      {STR_INIT("t\xc3\xb6ken"), NULL,
       "it printed something with spaces or control characters in it"},
      {STR_INIT("abc\x7f"), NULL, "it printed something with spaces or control characters in it"},
  };
  static char big[LIMIT_TOKEN + 1];
  struct err e;
  str token = STR("");

  for (size_t i = 0; i < BASE_COUNT(rows); i++) {
    CHECK_INT(relay_token_read(rows[i].output, &token, &e), rows[i].token ? 0 : -1);
    if (rows[i].token)
      CHECK_STR(token, rows[i].token);
    else
      CHECK_STR(e.text, rows[i].why);
  }
  memset(big, 'x', sizeof big);
  CHECK_INT(relay_token_read((str){big, LIMIT_TOKEN}, &token, &e), 0);
  CHECK_INT(token.n, LIMIT_TOKEN);
  CHECK_INT(relay_token_read((str){big, sizeof big}, &token, &e), -1);
}

/* ---- one that a command prints --------------------------------------------------------------- */

static struct loop *l;
static struct helper *h;
static struct commands *c;
static struct conf conf;
static str words[] = {STR_INIT("sh"), STR_INIT("-c"), {NULL, 0}};
static int told;
static struct err told_why;

static void bearer_told(void *arg, const struct err *e)
{
  (void)arg;
  told++;
  told_why = e ? *e : (struct err){.kind = ERR_NONE};
}

/* A helper that knows this script, and the services of no rules. */
static bool begin(const char *script)
{
  struct err e = {.kind = ERR_NONE};
  struct helper_conf helper = {.server_user = STR("root")};
  struct diags d;
  struct rules *r = NULL;

  words[2] = str_of(script);
  conf.server.relay.on = true;
  conf.server.relay.token_command = (struct conf_strs){words, BASE_COUNT(words)};
  CHECK_INT(diags_init(&d), 0);
  h = helper_start(&helper, &e);
  l = loop_new(&e);
  if (CHECK(h && l) && CHECK_INT(helper_attach(h, l, &e), 0)) {
    r = rules_load(STR(""), &(struct rules_options){.limits = vsl_limits_default()}, &d);
    c = r ? commands_new(l, h, &conf, r, &e) : NULL;
  }
  rules_release(r);
  diags_free(&d);
  return CHECK(c);
}

static void finish(void)
{
  struct err e;

  helper_free(h);
  commands_free(c);
  while (waitpid(-1, NULL, 0) > 0) {}
  loop_turn(l, 0, &e);
  loop_free(l);
}

static void wait_told(void)
{
  struct err e;

  for (int64_t stop = clock_mono() + 20000; !told && clock_mono() < stop;) loop_turn(l, 100, &e);
  CHECK_INT(told, 1);
}

TEST(relay_token_is_asked_for_and_kept)
{
  struct relay_token t = {.text = NULL};
  struct err e;
  unsigned first;

  if (!begin("echo secret")) return;
  CHECK(!relay_token_is_here(&t, 0));
  told = 0;
  CHECK(relay_token_get(&t, c, &conf, bearer_told, NULL, &e));
  CHECK(!relay_token_is_here(&t, 0));
  wait_told();
  CHECK_INT(told_why.kind, ERR_NONE);
  CHECK(relay_token_is_here(&t, 0) && t.number != 0);
  if (t.text) CHECK_STR(t.text, "secret");
  first = t.number;
  relay_token_proved(&t, first + 1, 0); /* of another one */
  CHECK(!t.proved);
  relay_token_proved(&t, first, 1000);
  CHECK(relay_token_is_here(&t, 1000 + LIMIT_TOKEN_KEEP - 1));
  CHECK(!relay_token_is_here(&t, 1000 + LIMIT_TOKEN_KEEP));
  relay_token_forget_unproved(&t);
  CHECK(t.text != NULL);
  CHECK(relay_token_refused(&t, first)); /* it was good: another try */
  CHECK(!t.text);
  CHECK(relay_token_refused(&t, first)); /* a second connection with it, before there is another */
  told = 0;
  CHECK(relay_token_get(&t, c, &conf, bearer_told, NULL, &e));
  wait_told();
  CHECK(t.number != first);
  CHECK(relay_token_refused(&t, first)); /* long since another */
  CHECK(t.text != NULL);
  CHECK(!relay_token_refused(&t, t.number)); /* just asked for */
  CHECK(!t.text);
  relay_token_forget_unproved(&t);
  finish();
}

TEST(relay_token_is_not_to_be_had)
{
  static const char *const rows[][2] = {
      {"echo secret; exit 1", "it ended with code 1"},
      {"echo secret; kill -11 $$", "it died by signal 11"},
      {"exit 0", "it printed nothing"},
      {"echo secret; echo more", "it printed more than one line"},
      {"exec 2>&1; echo 'no such account'", "it printed something with spaces or control"},
      {"printf 'sec\\0ret'", "it printed something with spaces or control"},
      {"yes secret", "it printed more than 8192 octets"},
      {"echo secret; sleep 60", "it took too long"},
  };
  struct relay_token t = {.text = NULL};
  struct err e;

  for (size_t i = 0; i < BASE_COUNT(rows); i++) {
    if (!begin(rows[i][0])) return;
    told = 0;
    CHECK(relay_token_get(&t, c, &conf, bearer_told, NULL, &e));
    wait_told();
    CHECK(!relay_token_is_here(&t, 0));
    CHECK(str_starts(str_of(told_why.text), STR("4.7.0 server.relay.token_command: ")));
    if (!CHECK(strstr(told_why.text, rows[i][1]))) printf("     %s\n", told_why.text);
    CHECK(!strstr(told_why.text, "secret"));
    finish();
  }
}

TEST(relay_token_needs_a_command_the_helper_knows)
{
  struct relay_token t = {.text = NULL};
  struct err e;

  if (!begin("echo secret")) return;
  words[2] = STR("echo other");
  CHECK(!relay_token_get(&t, c, &conf, bearer_told, NULL, &e));
  CHECK(strstr(e.text, "after a restart"));
  CHECK(!relay_token_get(&t, NULL, &conf, bearer_told, NULL, &e));
  CHECK(strstr(e.text, "no command can be run here"));
  words[2] = STR("echo secret");
  told = 0;
  struct relay_token_ask *ask = relay_token_get(&t, c, &conf, bearer_told, NULL, &e);
  CHECK(ask != NULL);
  relay_token_cancel(ask); /* in line */
  ask = relay_token_get(&t, c, &conf, bearer_told, NULL, &e);
  loop_turn(l, 0, &e);
  relay_token_cancel(ask); /* under way */
  for (int64_t stop = clock_mono() + 5000;
       helper_room(h) < LIMIT_HELPER_CHILDREN && clock_mono() < stop;)
    loop_turn(l, 50, &e);
  CHECK_INT(told, 0);
  CHECK(!t.text);
  finish();
}

TEST(relay_token_without_memory)
{
  struct relay_token t = {.text = NULL};
  struct err e;

  if (!begin("echo secret")) return;
  for (uint64_t nth = 1; nth < 12; nth++) {
    told = 0;
    mem_fail_at(nth, true);
    struct relay_token_ask *ask = relay_token_get(&t, c, &conf, bearer_told, NULL, &e);
    if (ask) wait_told();
    mem_fail_at(0, true);
    relay_token_forget(&t);
  }
  finish();
}
