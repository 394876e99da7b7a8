/* tests/unit/password.c: names of accounts, the line of questions, what is remembered. */
#include "../../smtp/session/session.h"
#include "../store_kit.h"

TEST(password_account_names)
{
  static const struct {
    const char *given, *want;
  } cases[] = {
      {"bob", "bob@d.example"},
      {"Bob@D.Example", "bob@d.example"},
      {"bob@other.example", "bob@other.example"},
      {"b\xc2\xad"
       "ob",
       "bob@d.example"},
      {"\"b@c\"@d.example", "\"b@c\"@d.example"},
      {"", NULL},
      {"b\x01", NULL},
      {"\xff", NULL},
  };
  struct conf conf = {.server.domain = STR("d.example")};
  for (size_t i = 0; i < BASE_COUNT(cases); i++) {
    struct buf out = BUF_INIT(PASSWORD_ACCOUNT_MAX);
    CHECK_INT(password_account(&conf, str_of(cases[i].given), &out), cases[i].want ? 0 : -1);
    if (cases[i].want) CHECK_STR(&out, cases[i].want);
    buf_free(&out);
  }
}

struct password_world {
  struct loop *loop;
  struct store *store;
  struct passwords *all;
};

static bool password_open(struct password_world *w, const char *folder)
{
  struct err e;
  struct scram_verifier v;
  struct buf text = BUF_INIT(400);
  w->loop = loop_new(&e);
  w->store = kit_open(folder);
  if (!CHECK(w->loop && w->store)) return false;
  CHECK_INT(password_make_now(STR("secret"), &v), 0);
  scram_write(&v, &text);
  CHECK_INT(account_add(w->store, STR("bob@d.example"), buf_str(&text), &e), 1);
  buf_free(&text);
  w->all = password_new(w->loop, w->store);
  return CHECK(w->all != NULL);
}

static void password_close(struct password_world *w)
{
  password_free(w->all);
  kit_run(w->store);
  store_close(w->store);
  loop_free(w->loop);
}

static void password_said(void *arg, enum password_answer answer)
{
  *(int *)arg = answer == PASSWORD_RIGHT;
}

/* Asks, and turns until it is known. turns: how many slices it took. */
static int password_try(struct password_world *w, const char *account, const char *password,
                        int *turns)
{
  struct password_check c = {.known = false};
  struct ban_key who = {{1}};
  struct err e;
  int said = -1;
  enum password_answer answer =
      password_begin(w->all, &c, who, str_of(account), str_of(password), password_said, &said);
  *turns = 0;
  if (answer != PASSWORD_WAIT) return answer == PASSWORD_RIGHT;
  while (said < 0) {
    CHECK_INT(loop_turn(w->loop, 0, &e), 0);
    ++*turns;
  }
  password_end(&c);
  return said;
}

TEST(password_right_and_wrong)
{
  struct password_world w;
  int turns;
  if (!password_open(&w, check_folder())) return;
  CHECK_INT(password_try(&w, "bob@d.example", "secret", &turns), 1);
  CHECK(turns > 1);
  CHECK_INT(password_try(&w, "bob@d.example", "secret", &turns), 1);
  CHECK_INT(turns, 0); /* remembered */
  CHECK_INT(password_try(&w, "bob@d.example", "secre", &turns), 0);
  CHECK(turns > 1);
  CHECK_INT(password_try(&w, "bob@d.example", "sec\xc2\xadret", &turns),
            1); /* the same, prepared */
  CHECK_INT(password_try(&w, "eve@d.example", "secret", &turns), 0);
  CHECK(turns > 1); /* as long as for one that is there */
  CHECK_INT(password_try(&w, "eve@d.example", "secret", &turns), 0);
  CHECK(turns > 1);
  CHECK_INT(password_try(&w, "bob@d.example", "sec\x01", &turns), 0);
  CHECK(turns > 1);
  CHECK_INT(password_try(&w, "", "secret", &turns), 0);
  password_close(&w);
}

TEST(password_remembered_no_more_when_changed)
{
  const char *folder = check_folder();
  struct password_world w;
  struct scram_verifier v;
  struct buf text = BUF_INIT(400);
  struct err e;
  int turns;
  if (!password_open(&w, folder)) return;
  CHECK_INT(password_try(&w, "bob@d.example", "secret", &turns), 1);
  CHECK_INT(password_make_now(STR("other"), &v), 0);
  scram_write(&v, &text);
  CHECK_INT(account_set(w.store, STR("bob@d.example"), buf_str(&text), &e), 1);
  CHECK_INT(password_try(&w, "bob@d.example", "secret", &turns), 0);
  CHECK_INT(password_try(&w, "bob@d.example", "other", &turns), 1);
  CHECK_INT(account_set(w.store, STR("bob@d.example"), STR("damaged"), &e), 1);
  CHECK_INT(password_try(&w, "bob@d.example", "other", &turns), 0);
  CHECK_INT(account_remove(w.store, STR("bob@d.example"), &e), 1);
  CHECK_INT(password_try(&w, "bob@d.example", "other", &turns), 0);
  buf_free(&text);
  password_close(&w);
}

TEST(password_line_is_short)
{
  struct password_world w;
  struct password_check c[LIMIT_AUTH_WAITING + 1];
  int said[LIMIT_AUTH_WAITING + 1];
  struct err e;
  if (!password_open(&w, check_folder())) return;
  memset(c, 0, sizeof c);
  for (int i = 0; i <= LIMIT_AUTH_WAITING; i++) {
    struct ban_key who = {{(unsigned char)i}};
    said[i] = -1;
    CHECK_INT(password_begin(w.all, &c[i], who, STR("bob@d.example"), STR("secret"), password_said,
                             &said[i]),
              i < LIMIT_AUTH_WAITING ? PASSWORD_WAIT : PASSWORD_BUSY);
  }
  struct password_check again = {.known = false};
  struct ban_key first = {{0}};
  password_end(&c[1]); /* one goes: there is room, but for one of each address */
  CHECK_INT(
      password_begin(w.all, &again, first, STR("bob@d.example"), STR("x"), password_said, &said[1]),
      PASSWORD_BUSY);
  password_end(&c[0]); /* the one that is worked on */
  while (said[LIMIT_AUTH_WAITING - 1] < 0) CHECK_INT(loop_turn(w.loop, 0, &e), 0);
  CHECK_INT(said[0], -1);
  CHECK_INT(said[1], -1);
  for (int i = 2; i < LIMIT_AUTH_WAITING; i++) CHECK_INT(said[i], 1);
  password_close(&w);
}

TEST(password_makes_a_verifier)
{
  struct password_world w;
  struct password_check c = {.known = false};
  struct ban_key who = {{1}};
  struct err e;
  int said = -1;
  if (!password_open(&w, check_folder())) return;
  CHECK_INT(password_make(w.all, &c, who, STR("eve"), STR("open"), password_said, &said),
            PASSWORD_WAIT);
  while (said < 0) CHECK_INT(loop_turn(w.loop, 0, &e), 0);
  CHECK_INT(said, 1);
  unsigned char salted[32];
  struct crypto_pbkdf2 *k =
      crypto_pbkdf2_new(STR("open"), scram_salt(&c.verifier), c.verifier.rounds);
  crypto_pbkdf2_run(k, UINT32_MAX);
  CHECK_INT(crypto_pbkdf2_key(k, salted), 0);
  CHECK(scram_fits(salted, &c.verifier));
  crypto_pbkdf2_free(k);
  password_close(&w);
}

/* Of an account that is not there always the same is told, also by the next process. */
TEST(password_salts_stay)
{
  const char *folder = check_folder();
  struct password_world w;
  struct scram_verifier a, b, c;
  if (!password_open(&w, folder)) return;
  CHECK_INT(password_verifier(w.all, STR("eve@d.example"), &a), 0);
  CHECK_INT(password_verifier(w.all, STR("eva@d.example"), &b), 0);
  CHECK(memcmp(a.salt, b.salt, SCRAM_SALT) != 0);
  CHECK_INT(password_verifier(w.all, STR("bob@d.example"), &b), 1);
  password_free(w.all);
  kit_run(w.store);
  w.all = password_new(w.loop, w.store);
  CHECK_INT(password_verifier(w.all, STR("eve@d.example"), &c), 0);
  CHECK(memcmp(a.salt, c.salt, SCRAM_SALT) == 0);
  CHECK_INT((int)c.rounds, LIMIT_AUTH_ROUNDS);
  password_close(&w);
}
