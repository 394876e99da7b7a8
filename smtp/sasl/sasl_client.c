/* smtp/sasl/sasl_client.c: the client's side of an exchange. */
#include "sasl.h"

#define SASL_SLICE 2000 /* rounds at a time: some milliseconds */

int sasl_client_init(struct sasl_client *c, enum sasl_mech mech, str user, str secret, str nonce)
{
  *c = (struct sasl_client){.mech = mech,
                            .user = BUF_INIT(LIMIT_AUTH_USER),
                            .secret = BUF_INIT(LIMIT_AUTH_LINE),
                            .nonce = BUF_INIT(LIMIT_AUTH_LINE),
                            .bare = BUF_INIT(LIMIT_AUTH_LINE),
                            .auth_message = BUF_INIT(4 * LIMIT_AUTH_LINE)};
  buf_str_add(&c->user, user);
  buf_str_add(&c->secret, secret);
  sasl_nonce(nonce, &c->nonce);
  return buf_ok(&c->user) && buf_ok(&c->secret) && buf_ok(&c->nonce) ? 0 : -1;
}

void sasl_client_end(struct sasl_client *c)
{
  buf_free(&c->user);
  buf_wipe(&c->secret);
  buf_free(&c->nonce);
  buf_free(&c->bare);
  buf_free(&c->auth_message);
  crypto_pbkdf2_free(c->work);
  mem_wipe(c->salted, sizeof c->salted);
  *c = (struct sasl_client){.mech = SASL_PLAIN};
}

static enum sasl_next sasl_client_say(const struct buf *out)
{
  return buf_ok(out) ? SASL_CHALLENGE : SASL_NOMEM;
}

/* RFC 5802 §5.1: in a name "," is "=2C" and "=" is "=3D". */
static void sasl_client_name(struct buf *out, str name)
{
  for (size_t i = 0; i < name.n; i++) {
    if (name.p[i] == ',')
      buf_puts(out, "=2C");
    else if (name.p[i] == '=')
      buf_puts(out, "=3D");
    else
      buf_putc(out, name.p[i]);
  }
}

static void sasl_client_scram_first(struct sasl_client *c, struct buf *out)
{
  buf_puts(&c->bare, "n=");
  sasl_client_name(&c->bare, buf_str(&c->user));
  buf_printf(&c->bare, ",r=" STR_FMT, STR_ARG(buf_str(&c->nonce)));
  buf_printf(out, "n,," STR_FMT, STR_ARG(buf_str(&c->bare)));
  if (!buf_ok(&c->bare)) out->failed = true;
}

enum sasl_next sasl_client_begin(struct sasl_client *c, struct buf *out, bool *initial)
{
  str user = buf_str(&c->user), secret = buf_str(&c->secret);
  buf_clear(out);
  *initial = c->mech != SASL_LOGIN;
  if (c->mech == SASL_PLAIN) {
    buf_putc(out, '\0');
    buf_str_add(out, user);
    buf_putc(out, '\0');
    buf_str_add(out, secret);
  } else if (c->mech == SASL_XOAUTH2) {
    buf_printf(out,
               "user=" STR_FMT "\x01"
               "auth=Bearer " STR_FMT "\x01\x01",
               STR_ARG(user), STR_ARG(secret));
  } else if (c->mech == SASL_SCRAM_SHA_256) {
    sasl_client_scram_first(c, out);
  }
  return sasl_client_say(out);
}

/* ---- SCRAM-SHA-256 --------------------------------------------------------------------------- */

static bool sasl_client_attribute(str *rest, char name, str *value)
{
  str part;
  if (!str_cut(rest, ',', &part) || part.n < 2 || part.p[0] != name || part.p[1] != '=')
    return false;
  *value = str_skip(part, 2);
  return true;
}

/* "r=NONCE,s=SALT,i=ROUNDS": the nonce begins with ours and goes on. */
static int sasl_client_server_first(struct sasl_client *c, str challenge, str *nonce)
{
  str rest = challenge, salt, rounds;
  struct buf bytes = BUF_INIT(LIMIT_AUTH_SALT);
  uint64_t n;
  int rc = -1;
  if (sasl_client_attribute(&rest, 'r', nonce) && str_starts(*nonce, buf_str(&c->nonce)) &&
      nonce->n > c->nonce.n && sasl_client_attribute(&rest, 's', &salt) &&
      sasl_client_attribute(&rest, 'i', &rounds) && base64_decode(salt, &bytes) == 0 && bytes.n &&
      str_to_u64(rounds, &n, 10) == 0 && n >= 1 && n <= LIMIT_AUTH_ROUNDS_THERE) {
    memcpy(c->v.salt, bytes.p, bytes.n);
    c->v.salt_n = bytes.n;
    c->v.rounds = (uint32_t)n;
    rc = 0;
  }
  buf_free(&bytes);
  return rc;
}

static enum sasl_next sasl_client_scram_start(struct sasl_client *c, str challenge)
{
  struct buf password = BUF_INIT(LIMIT_AUTH_LINE);
  str nonce, secret = buf_str(&c->secret);
  if (sasl_client_server_first(c, challenge, &nonce) < 0) return SASL_MALFORMED;
  if (sasl_prepare(secret, &password) == 0) secret = buf_str(&password);
  c->work = crypto_pbkdf2_new(secret, scram_salt(&c->v), c->v.rounds);
  buf_wipe(&password);
  /* c=biws: our header "n,,", in base64 */
  buf_printf(&c->auth_message, STR_FMT "," STR_FMT ",c=biws,r=" STR_FMT, STR_ARG(buf_str(&c->bare)),
             STR_ARG(challenge), STR_ARG(nonce));
  buf_clear(&c->nonce);
  buf_str_add(&c->nonce, nonce);
  return c->work && buf_ok(&c->auth_message) && buf_ok(&c->nonce) ? SASL_WORK : SASL_NOMEM;
}

enum sasl_next sasl_client_work(struct sasl_client *c, struct buf *out)
{
  unsigned char proof[32];
  buf_clear(out);
  if (!crypto_pbkdf2_run(c->work, SASL_SLICE)) return SASL_WORK;
  if (crypto_pbkdf2_key(c->work, c->salted) < 0 ||
      scram_proof(c->salted, buf_str(&c->auth_message), proof) < 0 ||
      scram_keys(c->salted, &c->v) < 0)
    return SASL_NOMEM;
  crypto_pbkdf2_free(c->work);
  c->work = NULL;
  buf_printf(out, "c=biws,r=" STR_FMT ",p=", STR_ARG(buf_str(&c->nonce)));
  buf_base64(out, (str){(const char *)proof, sizeof proof});
  return sasl_client_say(out);
}

/* "v=SIGNATURE": the server knows the password, or what can be made of it only. */
static enum sasl_next sasl_client_scram_end(struct sasl_client *c, str challenge)
{
  unsigned char want[32];
  struct buf bytes = BUF_INIT(64);
  str rest = challenge, text;
  enum sasl_next next = SASL_FAILED;
  if (scram_server_signature(c->v.server_key, buf_str(&c->auth_message), want) < 0)
    return SASL_NOMEM;
  if (!sasl_client_attribute(&rest, 'v', &text) || base64_decode(text, &bytes) < 0)
    next = SASL_MALFORMED;
  else if (bytes.n == sizeof want && crypto_same(bytes.p, want, sizeof want))
    next = SASL_PROVEN;
  buf_free(&bytes);
  return next;
}

static enum sasl_next sasl_client_scram(struct sasl_client *c, str challenge)
{
  enum sasl_next next;
  switch (c->step) {
  case 1: return sasl_client_scram_start(c, challenge);
  case 2:
    next = sasl_client_scram_end(c, challenge);
    c->proven = next == SASL_PROVEN;
    return next;
  default: return SASL_MALFORMED;
  }
}

/* ---- a step ---------------------------------------------------------------------------------- */

static enum sasl_next sasl_client_login(struct sasl_client *c, struct buf *out)
{
  if (c->step > 2) return SASL_MALFORMED;
  buf_str_add(out, buf_str(c->step == 1 ? &c->user : &c->secret));
  return sasl_client_say(out);
}

enum sasl_next sasl_client_step(struct sasl_client *c, str challenge, struct buf *out)
{
  buf_clear(out);
  c->step++;
  switch (c->mech) {
  case SASL_LOGIN: return sasl_client_login(c, out); /* whatever the prompts say */
  case SASL_SCRAM_SHA_256: return sasl_client_scram(c, challenge);
  case SASL_XOAUTH2: /* why it was refused, in JSON: the empty answer brings the reply */
    return c->step == 1 ? SASL_CHALLENGE : SASL_MALFORMED;
  case SASL_PLAIN:
  case SASL_CRAM_MD5:
  case SASL_ANONYMOUS:
  case SASL_MECHS: break;
  }
  return SASL_MALFORMED;
}

bool sasl_client_done(const struct sasl_client *c)
{
  switch (c->mech) {
  case SASL_SCRAM_SHA_256: return c->proven;
  case SASL_LOGIN: return c->step == 2;
  default: return true;
  }
}
#undef SASL_SLICE
