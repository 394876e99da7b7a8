/* base/crypto.c: hashes, HMAC, PBKDF2 in slices: what passwords and signatures need, over mbedTLS
 * 2.28 or 3.6.
 */
#include "base.h"

#include <mbedtls/md.h>
#include <mbedtls/sha256.h>
#include <mbedtls/version.h>

#if MBEDTLS_VERSION_NUMBER < 0x03000000
#define CRYPTO_STEP(step) mbedtls_sha256_##step##_ret
#else
#define CRYPTO_STEP(step) mbedtls_sha256_##step
#endif
#define CRYPTO_BLOCK 64 /* octets SHA-256 takes at a time */

static const struct {
  mbedtls_md_type_t type;
  size_t size;
} crypto_hashes[] = {
    /* ORDER CRYPTO */
    {MBEDTLS_MD_MD5, 16},
    {MBEDTLS_MD_SHA1, 20},
    {MBEDTLS_MD_SHA256, 32},
};

size_t crypto_size(enum crypto_hash h)
{
  return crypto_hashes[h].size;
}

static const unsigned char *crypto_octets(str s)
{
  return (const unsigned char *)(s.p ? s.p : "");
}

int crypto_hash(enum crypto_hash h, str text, unsigned char *out)
{
  const mbedtls_md_info_t *md = mbedtls_md_info_from_type(crypto_hashes[h].type);
  return md && mbedtls_md(md, crypto_octets(text), text.n, out) == 0 ? 0 : -1;
}

int crypto_hmac(enum crypto_hash h, str key, str text, unsigned char *out)
{
  const mbedtls_md_info_t *md = mbedtls_md_info_from_type(crypto_hashes[h].type);
  int rc = -1;
  if (md) rc = mbedtls_md_hmac(md, crypto_octets(key), key.n, crypto_octets(text), text.n, out);
  return rc == 0 ? 0 : -1;
}

bool crypto_same(const void *a, const void *b, size_t n)
{
  const volatile unsigned char *x = a, *y = b;
  unsigned differ = 0;
  for (size_t i = 0; i < n; i++) differ |= (unsigned)(x[i] ^ y[i]);
  return differ == 0;
}

/* ---- PBKDF2 (RFC 8018 §5.2), HMAC-SHA-256, one block ----------------------------------------- */

struct crypto_pbkdf2 {
  mbedtls_sha256_context inner, outer; /* with the key's pad in them: one copy saves one block */
  unsigned char u[32], sum[32];
  uint32_t left;
  bool failed;
};

/* u = HMAC(password, text) */
static void crypto_round(struct crypto_pbkdf2 *k, str text, const unsigned char *tail, size_t n)
{
  mbedtls_sha256_context c;
  int rc;
  mbedtls_sha256_init(&c);
  mbedtls_sha256_clone(&c, &k->inner);
  rc = CRYPTO_STEP(update)(&c, crypto_octets(text), text.n);
  if (rc == 0) rc = CRYPTO_STEP(update)(&c, tail, n);
  if (rc == 0) rc = CRYPTO_STEP(finish)(&c, k->u);
  mbedtls_sha256_clone(&c, &k->outer);
  if (rc == 0) rc = CRYPTO_STEP(update)(&c, k->u, sizeof k->u);
  if (rc == 0) rc = CRYPTO_STEP(finish)(&c, k->u);
  mbedtls_sha256_free(&c);
  if (rc) k->failed = true;
}

static int crypto_pad(mbedtls_sha256_context *c, const unsigned char *key, unsigned char with)
{
  unsigned char block[CRYPTO_BLOCK];
  for (size_t i = 0; i < sizeof block; i++) block[i] = key[i] ^ with;
  int rc = CRYPTO_STEP(starts)(c, 0);
  if (rc == 0) rc = CRYPTO_STEP(update)(c, block, sizeof block);
  mem_wipe(block, sizeof block);
  return rc;
}

struct crypto_pbkdf2 *crypto_pbkdf2_new(str password, str salt, uint32_t rounds)
{
  static const unsigned char first[4] = {0, 0, 0, 1};
  unsigned char key[CRYPTO_BLOCK] = {0};
  struct crypto_pbkdf2 *k = mem_alloc(sizeof *k);
  if (!k) return NULL;
  mbedtls_sha256_init(&k->inner);
  mbedtls_sha256_init(&k->outer);
  if (password.n > sizeof key)
    k->failed = crypto_hash(CRYPTO_SHA256, password, key) < 0;
  else if (password.n)
    memcpy(key, password.p, password.n);
  if (crypto_pad(&k->inner, key, 0x36) || crypto_pad(&k->outer, key, 0x5c)) k->failed = true;
  mem_wipe(key, sizeof key);
  crypto_round(k, salt, first, sizeof first);
  memcpy(k->sum, k->u, sizeof k->sum);
  k->left = rounds ? rounds - 1 : 0;
  return k;
}

bool crypto_pbkdf2_run(struct crypto_pbkdf2 *k, uint32_t rounds)
{
  for (; rounds && k->left; rounds--, k->left--) {
    crypto_round(k, (str){(const char *)k->u, sizeof k->u}, k->u, 0);
    for (size_t i = 0; i < sizeof k->sum; i++) k->sum[i] ^= k->u[i];
  }
  return k->left == 0;
}

int crypto_pbkdf2_key(const struct crypto_pbkdf2 *k, unsigned char out[32])
{
  memcpy(out, k->sum, sizeof k->sum);
  return k->failed || k->left ? -1 : 0;
}

void crypto_pbkdf2_free(struct crypto_pbkdf2 *k)
{
  if (!k) return;
  mbedtls_sha256_free(&k->inner); /* wipes */
  mbedtls_sha256_free(&k->outer);
  mem_wipe(k, sizeof *k);
  mem_free(k);
}
#undef CRYPTO_STEP
#undef CRYPTO_BLOCK
