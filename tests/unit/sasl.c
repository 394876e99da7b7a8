/* tests/unit/sasl.c: the exchanges of AUTH: vectors of the RFCs, both sides against each other, and
 * what a hostile client sends.
 */
#include "../../smtp/sasl/sasl.h"
#include "../check.h"

static const char sasl_c_nonce[] = "rOprNGfwEbeRWgbNEkqO";
static const char sasl_s_nonce[] = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
static const char sasl_s_first[] = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
                                   "s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
static const char sasl_c_final[] = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
                                   "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
static const char sasl_s_final[] = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";
/* of the same password, salt and rounds */
static const char sasl_verifier[] =
    "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"
    "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";

static enum sasl_next sasl_say(struct sasl_server *s, const char *text, struct buf *out)
{
  str given = str_of(text);
  return sasl_server_step(s, text ? &given : NULL, out);
}

TEST(sasl_names)
{
  CHECK_INT(sasl_find(STR("scram-sha-256")), SASL_SCRAM_SHA_256);
  CHECK_INT(sasl_find(STR("Plain")), SASL_PLAIN);
  CHECK_INT(sasl_find(STR("GSSAPI")), SASL_MECHS);
  CHECK_INT(sasl_find(STR("")), SASL_MECHS);
  CHECK_STR(str_of(sasl_name(SASL_CRAM_MD5)), "CRAM-MD5");
}

TEST(sasl_plain)
{
  static const struct {
    str message;
    enum sasl_next next;
  } cases[] = {
      {STR_INIT("\0tim\0tanstaaftanstaaf"), SASL_PASSWORD},
      {STR_INIT("tim\0tim\0x"), SASL_PASSWORD},
      {STR_INIT("Ursel\0Kurt\0xipj3plmq"), SASL_FAILED}, /* for somebody else */
      {STR_INIT(""), SASL_MALFORMED},
      {STR_INIT("tim"), SASL_MALFORMED},
      {STR_INIT("\0tim"), SASL_MALFORMED},
      {STR_INIT("\0tim\0a\0b"), SASL_MALFORMED},
      {STR_INIT("\0tim\0"), SASL_FAILED},
      {STR_INIT("\0\0x"), SASL_FAILED},
      {STR_INIT("\0\0"), SASL_FAILED},
      {STR_INIT("\0t\xff\0x"), SASL_MALFORMED},
      {STR_INIT("\0t\r\nX: y\0x"), SASL_MALFORMED},
      {STR_INIT("\0t\0\xc0\x80"), SASL_MALFORMED},
  };
  for (size_t i = 0; i < BASE_COUNT(cases); i++) {
    struct sasl_server s;
    struct buf out = BUF_INIT(1000);
    CHECK_INT(sasl_server_init(&s, SASL_PLAIN, STR("h"), STR("")), 0);
    if (i % 2) {
      CHECK_INT(sasl_say(&s, NULL, &out), SASL_CHALLENGE);
      CHECK_STR(&out, "");
    }
    CHECK_INT(sasl_server_step(&s, &cases[i].message, &out), cases[i].next);
    if (cases[i].next == SASL_PASSWORD) CHECK_STR(&s.user, "tim");
    sasl_server_end(&s);
    buf_free(&out);
  }
}

TEST(sasl_plain_too_long)
{
  static char text[LIMIT_AUTH_PASSWORD + 20] = "\0u\0";
  struct sasl_server s;
  struct buf out = BUF_INIT(1000);
  memset(text + 3, 'p', sizeof text - 3);
  str longest = {text, 3 + LIMIT_AUTH_PASSWORD}, longer = {text, 4 + LIMIT_AUTH_PASSWORD};
  CHECK_INT(sasl_server_init(&s, SASL_PLAIN, STR("h"), STR("")), 0);
  CHECK_INT(sasl_server_step(&s, &longest, &out), SASL_PASSWORD);
  CHECK_INT(sasl_server_step(&s, &longer, &out), SASL_FAILED);
  sasl_server_end(&s);
  buf_free(&out);
}

TEST(sasl_login)
{
  for (int initial = 0; initial <= 1; initial++) {
    struct sasl_server s;
    struct buf out = BUF_INIT(1000);
    CHECK_INT(sasl_server_init(&s, SASL_LOGIN, STR("h"), STR("")), 0);
    if (!initial) {
      CHECK_INT(sasl_say(&s, NULL, &out), SASL_CHALLENGE);
      CHECK_STR(&out, "Username:");
    }
    CHECK_INT(sasl_say(&s, "tim", &out), SASL_CHALLENGE);
    CHECK_STR(&out, "Password:");
    CHECK_INT(sasl_say(&s, "secret", &out), SASL_PASSWORD);
    CHECK_STR(&s.user, "tim");
    CHECK_STR(&s.password, "secret");
    sasl_server_end(&s);
    buf_free(&out);
  }
}

/* RFC 2195 §2 */
TEST(sasl_cram_md5)
{
  struct sasl_server s;
  struct buf out = BUF_INIT(1000);
  CHECK_INT(sasl_server_init(&s, SASL_CRAM_MD5, STR("h"), STR("n")), 0);
  CHECK_INT(sasl_say(&s, "tim x", &out), SASL_TOO_EARLY);
  CHECK_INT(sasl_say(&s, NULL, &out), SASL_CHALLENGE);
  CHECK(str_starts(buf_str(&out), STR("<n.")) && str_ends(buf_str(&out), STR("@h>")));
  buf_clear(&s.first);
  buf_puts(&s.first, "<1896.697170952@postoffice.reston.mci.net>");
  CHECK_INT(sasl_say(&s, "tim b913a602c7eda7a495b4e6e7334d3890", &out), SASL_SECRET);
  CHECK_STR(&s.user, "tim");
  CHECK_INT(sasl_server_secret(&s, STR("tanstaaftanstaaf")), SASL_PROVEN);
  CHECK_INT(sasl_server_secret(&s, STR("tanstaaftanstaa")), SASL_FAILED);
  CHECK_INT(sasl_server_secret(&s, STR("")), SASL_FAILED);
  sasl_server_end(&s);
  static const char *const bad[] = {"",
                                    " ",
                                    "tim",
                                    "tim b913",
                                    "b913a602c7eda7a495b4e6e7334d3890",
                                    " b913a602c7eda7a495b4e6e7334d3890",
                                    "t\xff b913a602c7eda7a495b4e6e7334d3890"};
  for (size_t i = 0; i < BASE_COUNT(bad); i++) {
    CHECK_INT(sasl_server_init(&s, SASL_CRAM_MD5, STR("h"), STR("n")), 0);
    sasl_say(&s, NULL, &out);
    CHECK_INT(sasl_say(&s, bad[i], &out), SASL_MALFORMED);
    sasl_server_end(&s);
  }
  buf_free(&out);
}

TEST(sasl_anonymous)
{
  struct sasl_server s;
  struct buf out = BUF_INIT(1000);
  CHECK_INT(sasl_server_init(&s, SASL_ANONYMOUS, STR("h"), STR("")), 0);
  CHECK_INT(sasl_say(&s, "", &out), SASL_TOKEN);
  CHECK_INT(sasl_say(&s, "sirhc", &out), SASL_TOKEN);
  CHECK_STR(&s.token, "sirhc");
  sasl_server_end(&s);
  buf_free(&out);
}

/* RFC 7677 §3 */
TEST(sasl_scram_vector_of_the_server)
{
  struct sasl_server s;
  struct scram_verifier v;
  struct buf out = BUF_INIT(LIMIT_AUTH_LINE);
  CHECK_INT(scram_read(str_of(sasl_verifier), &v), 0);
  CHECK_INT(sasl_server_init(&s, SASL_SCRAM_SHA_256, STR("h"), str_of(sasl_s_nonce)), 0);
  CHECK_INT(sasl_say(&s, "n,,n=user,r=rOprNGfwEbeRWgbNEkqO", &out), SASL_SECRET);
  CHECK_STR(&s.user, "user");
  CHECK_INT(sasl_server_verifier(&s, &v, true, &out), SASL_CHALLENGE);
  CHECK_STR(&out, sasl_s_first);
  CHECK_INT(sasl_say(&s, sasl_c_final, &out), SASL_CHALLENGE);
  CHECK_STR(&out, sasl_s_final);
  CHECK_INT(sasl_say(&s, "", &out), SASL_PROVEN);
  sasl_server_end(&s);
  buf_free(&out);
}

TEST(sasl_scram_vector_of_the_client)
{
  struct sasl_client c;
  struct buf out = BUF_INIT(LIMIT_AUTH_LINE);
  bool initial;
  CHECK_INT(
      sasl_client_init(&c, SASL_SCRAM_SHA_256, STR("user"), STR("pencil"), str_of(sasl_c_nonce)),
      0);
  CHECK_INT(sasl_client_begin(&c, &out, &initial), SASL_CHALLENGE);
  CHECK_STR(&out, "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
  CHECK(initial && !sasl_client_done(&c));
  CHECK_INT(sasl_client_step(&c, str_of(sasl_s_first), &out), SASL_WORK);
  enum sasl_next next = SASL_WORK;
  int slices = 0;
  for (; next == SASL_WORK; slices++) next = sasl_client_work(&c, &out);
  CHECK(slices > 1);
  CHECK_INT(next, SASL_CHALLENGE);
  CHECK_STR(&out, sasl_c_final);
  CHECK(!sasl_client_done(&c));
  CHECK_INT(sasl_client_step(&c, str_of(sasl_s_final), &out), SASL_PROVEN);
  CHECK_STR(&out, "");
  CHECK(sasl_client_done(&c));
  sasl_client_end(&c);
  buf_free(&out);
}

/* What the password is kept as comes from the same arithmetic. */
TEST(sasl_scram_keys)
{
  unsigned char salted[32], proof[32];
  struct scram_verifier v, made;
  struct buf text = BUF_INIT(400);
  CHECK_INT(scram_read(str_of(sasl_verifier), &v), 0);
  struct crypto_pbkdf2 *k = crypto_pbkdf2_new(STR("pencil"), scram_salt(&v), v.rounds);
  crypto_pbkdf2_run(k, UINT32_MAX);
  CHECK_INT(crypto_pbkdf2_key(k, salted), 0);
  crypto_pbkdf2_free(k);
  made = v;
  memset(made.stored_key, 0, 32);
  memset(made.server_key, 0, 32);
  CHECK(!scram_fits(salted, &made));
  CHECK_INT(scram_keys(salted, &made), 0);
  CHECK(scram_fits(salted, &v));
  scram_write(&made, &text);
  CHECK_STR(&text, sasl_verifier);
  CHECK_INT(scram_proof(salted, STR("m"), proof), 0);
  CHECK(scram_proves(&v, STR("m"), proof));
  CHECK(!scram_proves(&v, STR("n"), proof));
  proof[7] ^= 1;
  CHECK(!scram_proves(&v, STR("m"), proof));
  buf_free(&text);
}

TEST(sasl_scram_verifier_text)
{
  static const char *const bad[] = {
      "",
      "SCRAM-SHA-256$",
      "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==",
      "SCRAM-SHA-1$4096:W22ZaJ0SNY7soEsUEjb6gQ==$x:y",
      "SCRAM-SHA-256$0:AAAA$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"
      "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
      "SCRAM-SHA-256$5000000000:AAAA$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"
      "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
      "SCRAM-SHA-256$1:$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"
      "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
      "SCRAM-SHA-256$1:AAAA$WG5d:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
      "SCRAM-SHA-256$1:AAAA$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:",
  };
  struct scram_verifier v;
  for (size_t i = 0; i < BASE_COUNT(bad); i++) CHECK_INT(scram_read(str_of(bad[i]), &v), -1);
}

TEST(sasl_scram_first_of_a_hostile_client)
{
  static const struct {
    const char *message;
    enum sasl_next next;
  } cases[] = {
      {"n,,n=user,r=abc", SASL_SECRET},
      {"y,,n=user,r=abc,x=whatever", SASL_SECRET},
      {"n,a=user,n=user,r=abc", SASL_SECRET},
      {"n,a=root,n=user,r=abc", SASL_FAILED},
      {"p=tls-unique,,n=user,r=abc", SASL_MALFORMED},
      {"n,,m=ext,n=user,r=abc", SASL_MALFORMED},
      {"n,,n=,r=abc", SASL_FAILED},
      {"n,,n=us=er,r=abc", SASL_MALFORMED},
      {"n,,n=us=,r=abc", SASL_MALFORMED},
      {"n,,n=user", SASL_MALFORMED},
      {"n,,n=user,r=", SASL_MALFORMED},
      {"n,,n=user,r=a b", SASL_MALFORMED},
      {"n,,r=abc,n=user", SASL_MALFORMED},
      {"n,,", SASL_MALFORMED},
      {"n", SASL_MALFORMED},
      {"", SASL_MALFORMED},
      {",,,,,,", SASL_MALFORMED},
      {"n,b=c,n=user,r=abc", SASL_MALFORMED},
      {"n,,n=us\xffr,r=abc", SASL_MALFORMED},
      {"n,,n=us\nr,r=abc", SASL_MALFORMED},
  };
  for (size_t i = 0; i < BASE_COUNT(cases); i++) {
    struct sasl_server s;
    struct buf out = BUF_INIT(LIMIT_AUTH_LINE);
    CHECK_INT(sasl_server_init(&s, SASL_SCRAM_SHA_256, STR("h"), STR("")), 0);
    if (!CHECK_INT(sasl_say(&s, cases[i].message, &out), cases[i].next))
      printf("  %s\n", cases[i].message);
    sasl_server_end(&s);
    buf_free(&out);
  }
}

/* One wrong octet anywhere. */
TEST(sasl_scram_final_of_a_hostile_client)
{
  static const struct {
    const char *message;
    enum sasl_next next;
  } cases[] = {
      {"", SASL_MALFORMED},
      {"c=biws", SASL_MALFORMED},
      {"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0", SASL_MALFORMED},
      {"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=AAAA", SASL_MALFORMED},
      {"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjf"
       "MHgsqmmiz7AndVR=",
       SASL_MALFORMED}, /* loose bits */
      {"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjf"
       "MHgsqmmiz7AndVA=",
       SASL_FAILED},
      {"c=eSws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjf"
       "MHgsqmmiz7AndVQ=",
       SASL_FAILED}, /* another header than in the beginning */
      {"c=biws,r=rOprNGfwEbeRWgbNEkqO,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=", SASL_FAILED},
      {"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjf"
       "MHgsqmmiz7AndVQ=",
       SASL_MALFORMED},
      {sasl_c_final, SASL_FAILED}, /* right, but there is no such account */
  };
  struct scram_verifier v;
  CHECK_INT(scram_read(str_of(sasl_verifier), &v), 0);
  for (size_t i = 0; i < BASE_COUNT(cases); i++) {
    struct sasl_server s;
    struct buf out = BUF_INIT(LIMIT_AUTH_LINE);
    CHECK_INT(sasl_server_init(&s, SASL_SCRAM_SHA_256, STR("h"), str_of(sasl_s_nonce)), 0);
    CHECK_INT(sasl_say(&s, "n,,n=user,r=rOprNGfwEbeRWgbNEkqO", &out), SASL_SECRET);
    sasl_server_verifier(&s, &v, i + 1 < BASE_COUNT(cases), &out);
    if (!CHECK_INT(sasl_say(&s, cases[i].message, &out), cases[i].next))
      printf("  %s\n", cases[i].message);
    sasl_server_end(&s);
    buf_free(&out);
  }
}

TEST(sasl_scram_servers_a_client_does_not_believe)
{
  static const char *const firsts[] = {"",
                                       "r=other,s=AAAA,i=4096",
                                       "r=rOprNGfwEbeRWgbNEkqO,s=AAAA,i=4096",
                                       "r=rOprNGfwEbeRWgbNEkqOx,s=,i=4096",
                                       "r=rOprNGfwEbeRWgbNEkqOx,s=AAAA,i=0",
                                       "r=rOprNGfwEbeRWgbNEkqOx,s=AAAA,i=4000000000",
                                       "r=rOprNGfwEbeRWgbNEkqOx,s=AAAA",
                                       "r=rOprNGfwEbeRWgbNEkqOx,s=A,i=4096",
                                       "e=unknown-user"};
  static const struct {
    const char *final;
    enum sasl_next next;
  } finals[] = {{"v=AAAA", SASL_FAILED},
                {"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95GA=", SASL_FAILED},
                {"e=other-error", SASL_MALFORMED},
                {"", SASL_MALFORMED}};
  struct buf out = BUF_INIT(LIMIT_AUTH_LINE);
  struct sasl_client c;
  bool initial;
  for (size_t i = 0; i < BASE_COUNT(firsts); i++) {
    sasl_client_init(&c, SASL_SCRAM_SHA_256, STR("user"), STR("pencil"), str_of(sasl_c_nonce));
    sasl_client_begin(&c, &out, &initial);
    CHECK_INT(sasl_client_step(&c, str_of(firsts[i]), &out), SASL_MALFORMED);
    sasl_client_end(&c);
  }
  for (size_t i = 0; i < BASE_COUNT(finals); i++) {
    sasl_client_init(&c, SASL_SCRAM_SHA_256, STR("user"), STR("pencil"), str_of(sasl_c_nonce));
    sasl_client_begin(&c, &out, &initial);
    sasl_client_step(&c, str_of(sasl_s_first), &out);
    while (sasl_client_work(&c, &out) == SASL_WORK) continue;
    CHECK_INT(sasl_client_step(&c, str_of(finals[i].final), &out), finals[i].next);
    CHECK(!sasl_client_done(&c));
    sasl_client_end(&c);
  }
  buf_free(&out);
}

/* Our client talks to our server: every mechanism both have, names that need care. */
static enum sasl_next sasl_talk(enum sasl_mech mech, str user, str password)
{
  struct sasl_client c;
  struct sasl_server s;
  struct scram_verifier v;
  struct buf a = BUF_INIT(LIMIT_AUTH_LINE), b = BUF_INIT(LIMIT_AUTH_LINE);
  enum sasl_next said = SASL_CHALLENGE;
  bool initial;
  scram_read(str_of(sasl_verifier), &v);
  sasl_client_init(&c, mech, user, password, STR(""));
  sasl_server_init(&s, mech, STR("h"), STR(""));
  sasl_client_begin(&c, &a, &initial);
  str first = buf_str(&a);
  said = sasl_server_step(&s, initial ? &first : NULL, &b);
  for (int i = 0; i < 9 && (said == SASL_CHALLENGE || said == SASL_SECRET); i++) {
    if (said == SASL_SECRET) {
      CHECK(str_eq(buf_str(&s.user), user));
      said = sasl_server_verifier(&s, &v, true, &b);
      continue;
    }
    enum sasl_next next = sasl_client_step(&c, buf_str(&b), &a);
    while (next == SASL_WORK) next = sasl_client_work(&c, &a);
    str answer = buf_str(&a);
    said = sasl_server_step(&s, &answer, &b);
  }
  if (said == SASL_PASSWORD)
    CHECK(str_eq(buf_str(&s.user), user) && str_eq(buf_str(&s.password), password));
  if (said == SASL_PASSWORD || said == SASL_PROVEN) CHECK(sasl_client_done(&c));
  sasl_client_end(&c);
  sasl_server_end(&s);
  buf_free(&a);
  buf_free(&b);
  return said;
}

TEST(sasl_both_sides)
{
  CHECK_INT(sasl_talk(SASL_PLAIN, STR("user"), STR("pencil")), SASL_PASSWORD);
  CHECK_INT(sasl_talk(SASL_LOGIN, STR("user"), STR("pencil")), SASL_PASSWORD);
  CHECK_INT(sasl_talk(SASL_SCRAM_SHA_256, STR("user"), STR("pencil")), SASL_PROVEN);
  CHECK_INT(sasl_talk(SASL_SCRAM_SHA_256, STR("a=b,c@d"), STR("pencil")), SASL_PROVEN);
  CHECK_INT(sasl_talk(SASL_SCRAM_SHA_256, STR("=,"),
                      STR("pen\xc2\xad"
                          "cil")),
            SASL_PROVEN);
  CHECK_INT(sasl_talk(SASL_SCRAM_SHA_256, STR("user"), STR("pencils")), SASL_FAILED);
}

TEST(sasl_xoauth2)
{
  struct sasl_client c;
  struct buf out = BUF_INIT(1000);
  bool initial;
  CHECK_INT(sasl_client_init(&c, SASL_XOAUTH2, STR("me@x.example"), STR("token"), STR("")), 0);
  CHECK_INT(sasl_client_begin(&c, &out, &initial), SASL_CHALLENGE);
  CHECK_STR(&out, "user=me@x.example\x01"
                  "auth=Bearer token\x01\x01");
  CHECK_INT(sasl_client_step(&c, STR("{\"status\":\"400\"}"), &out), SASL_CHALLENGE);
  CHECK_STR(&out, "");
  CHECK_INT(sasl_client_step(&c, STR(""), &out), SASL_MALFORMED);
  sasl_client_end(&c);
  buf_free(&out);
}

/* RFC 4013 §3, but for its normal form; more of RFC 3454. */
TEST(sasl_prepare)
{
  static const struct {
    const char *in, *want;
  } cases[] = {
      {"I\xc2\xadX", "IX"},
      {"user", "user"},
      {"USER", "USER"},
      {"caf\xc3\xa9", "caf\xc3\xa9"},
      {"a\xc2\xa0"
       "b\xe3\x80\x80"
       "c d",
       "a b c d"},
      {"a\xe2\x80\x8b\xef\xbb\xbf"
       "b",
       "ab"},
      {"\xd8\xa7\xd8\xa8", "\xd8\xa7\xd8\xa8"},
      {"\x07", NULL},
      {"a\x7f", NULL},
      {"a\xc2\x85", NULL},
      {"\xee\x80\x80", NULL},
      {"\xef\xbf\xbf", NULL},
      {"\xe2\x80\xae"
       "abc",
       NULL},
      {"\xf3\xa0\x80\x81", NULL},
      {"\xd8\xa7"
       "1",
       NULL},
      {"\xd8\xa7"
       "a\xd8\xa7",
       NULL},
      {"", NULL},
      {"\xc2\xad", NULL},
      {"\xff", NULL},
      {"\xed\xa0\x80", NULL},
  };
  for (size_t i = 0; i < BASE_COUNT(cases); i++) {
    struct buf out = BUF_INIT(100);
    if (!CHECK_INT(sasl_prepare(str_of(cases[i].in), &out), cases[i].want ? 0 : -1))
      printf("  case %zu\n", i);
    if (cases[i].want) CHECK_STR(&out, cases[i].want);
    buf_free(&out);
  }
}

TEST(sasl_decode)
{
  struct buf out = BUF_INIT(100);
  CHECK_INT(sasl_decode(STR("="), &out), 0);
  CHECK_STR(&out, "");
  CHECK_INT(sasl_decode(STR("dGlt"), &out), 0);
  CHECK_STR(&out, "tim");
  CHECK_INT(sasl_decode(STR("*"), &out), -1);
  CHECK_INT(sasl_decode(STR("=="), &out), -1);
  CHECK_INT(sasl_decode(STR("dGlt\r"), &out), -1);
  buf_free(&out);
}

TEST(sasl_torture)
{
  struct sasl_server s;
  struct buf out = BUF_INIT(LIMIT_AUTH_LINE);
  struct scram_verifier v;
  scram_read(str_of(sasl_verifier), &v);
  for (uint64_t n = 1; n < 20; n++) {
    mem_fail_at(n, true);
    if (sasl_server_init(&s, SASL_SCRAM_SHA_256, STR("h"), str_of(sasl_s_nonce)) == 0 &&
        sasl_say(&s, "n,,n=user,r=rOprNGfwEbeRWgbNEkqO", &out) == SASL_SECRET &&
        sasl_server_verifier(&s, &v, true, &out) == SASL_CHALLENGE)
      CHECK(sasl_say(&s, sasl_c_final, &out) != SASL_FAILED);
    mem_fail_at(0, true);
    sasl_server_end(&s);
    buf_free(&out);
  }
}
