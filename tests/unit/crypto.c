/* tests/unit/crypto.c: known answers: FIPS 180, RFC 2202, RFC 4231, RFC 7914 §11. */
#include "../check.h"

static struct buf crypto_text = BUF_INIT(200); /* of the last answer, in hex */

static str crypto_hex(const unsigned char *out, size_t n)
{
  buf_clear(&crypto_text);
  buf_hex(&crypto_text, out, n);
  return buf_str(&crypto_text);
}

TEST(crypto_hashes)
{
  static const struct {
    enum crypto_hash hash;
    const char *text, *want;
  } known[] = {
      {CRYPTO_MD5, "", "d41d8cd98f00b204e9800998ecf8427e"},
      {CRYPTO_MD5, "message digest", "f96b697d7cb7938d525a2f31aaf161d0"},
      {CRYPTO_SHA1, "abc", "a9993e364706816aba3e25717850c26c9cd0d89d"},
      {CRYPTO_SHA256, "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
      {CRYPTO_SHA256, "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
      {CRYPTO_SHA256, "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
       "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
  };
  for (size_t i = 0; i < BASE_COUNT(known); i++) {
    unsigned char out[CRYPTO_SIZE_MAX];
    CHECK_INT(crypto_hash(known[i].hash, str_of(known[i].text), out), 0);
    CHECK_STR(crypto_hex(out, crypto_size(known[i].hash)), known[i].want);
  }
  unsigned char out[CRYPTO_SIZE_MAX];
  CHECK_INT(crypto_hash(CRYPTO_SHA256, (str){NULL, 0}, out), 0);
  CHECK_STR(crypto_hex(out, 4), "e3b0c442");
  buf_free(&crypto_text);
}

TEST(crypto_hmacs)
{
  static const char long_key[131 + 1] = {[0 ... 130] = '\xaa'};
  static const struct {
    enum crypto_hash hash;
    const char *key, *text, *want;
  } known[] = {
      {CRYPTO_MD5, "Jefe", "what do ya want for nothing?", "750c783e6ab0b503eaa86e310a5db738"},
      {CRYPTO_SHA1, "Jefe", "what do ya want for nothing?",
       "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"},
      {CRYPTO_SHA256, "Jefe", "what do ya want for nothing?",
       "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
      {CRYPTO_SHA256, long_key, "Test Using Larger Than Block-Size Key - Hash Key First",
       "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
  };
  for (size_t i = 0; i < BASE_COUNT(known); i++) {
    unsigned char out[CRYPTO_SIZE_MAX];
    CHECK_INT(crypto_hmac(known[i].hash, str_of(known[i].key), str_of(known[i].text), out), 0);
    CHECK_STR(crypto_hex(out, crypto_size(known[i].hash)), known[i].want);
  }
  buf_free(&crypto_text);
}

TEST(crypto_same)
{
  CHECK(crypto_same("abc", "abc", 3));
  CHECK(!crypto_same("abc", "abd", 3));
  CHECK(!crypto_same("bbc", "abc", 3));
  CHECK(crypto_same("x", "y", 0));
}

/* The key, computed some rounds at a time. */
static str crypto_key(str password, str salt, uint32_t rounds, uint32_t slice)
{
  unsigned char key[32] = {0};
  struct crypto_pbkdf2 *k = crypto_pbkdf2_new(password, salt, rounds);
  if (!CHECK(k != NULL)) return STR("");
  if (rounds > 1) CHECK_INT(crypto_pbkdf2_key(k, key), -1); /* not yet */
  while (!crypto_pbkdf2_run(k, slice)) continue;
  CHECK_INT(crypto_pbkdf2_key(k, key), 0);
  crypto_pbkdf2_free(k);
  return crypto_hex(key, sizeof key);
}

TEST(crypto_pbkdf2)
{
  static const char long_password[100 + 1] = {[0 ... 99] = 'p'};
  CHECK_STR(crypto_key(STR("passwd"), STR("salt"), 1, 1),
            "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc");
  CHECK_STR(crypto_key(STR("password"), STR("salt"), 2, 1),
            "ae4d0c95af6b46d32d0adff928f06dd02a303f8ef3c251dfd6e2d85a95474c43");
  CHECK_STR(crypto_key(STR("password"), STR("salt"), 4096, 7),
            "c5e478d59288c841aa530db6845c4c8d962893a001ce4e11a4963873aa98134a");
  CHECK_STR(crypto_key(STR("password"), STR("salt"), 4096, UINT32_MAX),
            "c5e478d59288c841aa530db6845c4c8d962893a001ce4e11a4963873aa98134a");
  CHECK_STR(crypto_key(STR("pass\0word"), STR("sa\0lt"), 4096, 1000),
            "89b69d0516f829893c696226650a86878c029ac13ee276509d5ae58b6466a724");
  CHECK_STR(crypto_key(str_of(long_password), STR("salt"), 10, 3),
            "3303d1346208073555be0e8c697a7d18ae0498c96ec22f3070f7a72eaa3925fe");
  buf_free(&crypto_text);
}

static void crypto_work(void)
{
  struct crypto_pbkdf2 *k = crypto_pbkdf2_new(STR("p"), STR("s"), 3);
  if (k) crypto_pbkdf2_run(k, 1);
  crypto_pbkdf2_free(k);
}

TEST(crypto_torture)
{
  check_torture(crypto_work);
}
