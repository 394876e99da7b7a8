/* smtp/sasl/scram.c: the arithmetic of SCRAM-SHA-256 (RFC 5802 §3).
 *
 *   SaltedPassword  = PBKDF2(password, salt, rounds)
 *   ClientKey       = HMAC(SaltedPassword, "Client Key")      StoredKey = H(ClientKey)
 *   ServerKey       = HMAC(SaltedPassword, "Server Key")
 *   ClientProof     = ClientKey XOR HMAC(StoredKey, AuthMessage)
 *   ServerSignature = HMAC(ServerKey, AuthMessage)
 */
#include "sasl.h"

static const str scram_scheme = STR_INIT("SCRAM-SHA-256$");

static str scram_octets(const unsigned char *p, size_t n)
{
  return (str){(const char *)p, n};
}

static int scram_hmac(const unsigned char key[32], str text, unsigned char out[32])
{
  return crypto_hmac(CRYPTO_SHA256, scram_octets(key, 32), text, out);
}

/* ---- a verifier as text ---------------------------------------------------------------------- */

/* min to max octets in base64; their number, or -1. */
static int scram_field(str text, unsigned char *out, size_t min, size_t max)
{
  struct buf b = BUF_INIT(LIMIT_AUTH_SALT);
  int n = -1;
  if (base64_decode(text, &b) == 0 && b.n >= min && b.n <= max) {
    memcpy(out, b.p, b.n);
    n = (int)b.n;
  }
  buf_free(&b);
  return n;
}

int scram_read(str text, struct scram_verifier *out)
{
  str rounds, salt, stored;
  uint64_t count;
  if (!str_starts(text, scram_scheme)) return -1;
  text = str_skip(text, scram_scheme.n);
  if (!str_cut(&text, ':', &rounds) || !text.p || !str_cut(&text, '$', &salt) || !text.p ||
      !str_cut(&text, ':', &stored) || !text.p)
    return -1;
  if (str_to_u64(rounds, &count, 10) || count < 1 || count > UINT32_MAX) return -1;
  int n = scram_field(salt, out->salt, 1, LIMIT_AUTH_SALT);
  if (n < 0 || scram_field(stored, out->stored_key, 32, 32) < 0 ||
      scram_field(text, out->server_key, 32, 32) < 0)
    return -1;
  out->rounds = (uint32_t)count;
  out->salt_n = (size_t)n;
  return 0;
}

void scram_write(const struct scram_verifier *v, struct buf *out)
{
  buf_str_add(out, scram_scheme);
  buf_printf(out, "%u:", v->rounds);
  buf_base64(out, scram_salt(v));
  buf_putc(out, '$');
  buf_base64(out, scram_octets(v->stored_key, sizeof v->stored_key));
  buf_putc(out, ':');
  buf_base64(out, scram_octets(v->server_key, sizeof v->server_key));
}

str scram_salt(const struct scram_verifier *v)
{
  return scram_octets(v->salt, v->salt_n);
}

/* ---- keys and proofs ------------------------------------------------------------------------- */

int scram_keys(const unsigned char salted[32], struct scram_verifier *v)
{
  unsigned char client_key[32];
  int rc = scram_hmac(salted, STR("Client Key"), client_key);
  if (rc == 0)
    rc = crypto_hash(CRYPTO_SHA256, scram_octets(client_key, sizeof client_key), v->stored_key);
  if (rc == 0) rc = scram_hmac(salted, STR("Server Key"), v->server_key);
  mem_wipe(client_key, sizeof client_key);
  return rc;
}

bool scram_fits(const unsigned char salted[32], const struct scram_verifier *v)
{
  struct scram_verifier own;
  bool fits = scram_keys(salted, &own) == 0 && crypto_same(own.stored_key, v->stored_key, 32);
  mem_wipe(&own, sizeof own);
  return fits;
}

int scram_proof(const unsigned char salted[32], str auth_message, unsigned char proof[32])
{
  unsigned char key[32], stored[32], signature[32];
  int rc = scram_hmac(salted, STR("Client Key"), key);
  if (rc == 0) rc = crypto_hash(CRYPTO_SHA256, scram_octets(key, sizeof key), stored);
  if (rc == 0) rc = scram_hmac(stored, auth_message, signature);
  for (size_t i = 0; rc == 0 && i < 32; i++) proof[i] = key[i] ^ signature[i];
  mem_wipe(key, sizeof key);
  mem_wipe(stored, sizeof stored);
  return rc;
}

int scram_server_signature(const unsigned char server_key[32], str auth_message,
                           unsigned char out[32])
{
  return scram_hmac(server_key, auth_message, out);
}

bool scram_proves(const struct scram_verifier *v, str auth_message, const unsigned char proof[32])
{
  unsigned char key[32], hash[32];
  int rc = scram_hmac(v->stored_key, auth_message, key);
  for (size_t i = 0; i < sizeof key; i++) key[i] ^= proof[i];
  if (rc == 0) rc = crypto_hash(CRYPTO_SHA256, scram_octets(key, sizeof key), hash);
  bool proves = rc == 0 && crypto_same(hash, v->stored_key, 32);
  mem_wipe(key, sizeof key);
  return proves;
}
