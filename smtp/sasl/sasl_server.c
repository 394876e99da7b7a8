/* smtp/sasl/sasl_server.c: the server's side of an exchange. */
#include "sasl.h"

int sasl_server_init(struct sasl_server *s, enum sasl_mech mech, str host, str nonce)
{
  *s = (struct sasl_server){.mech = mech,
                            .user = BUF_INIT(LIMIT_AUTH_USER),
                            .password = BUF_INIT(LIMIT_AUTH_PASSWORD),
                            .token = BUF_INIT(LIMIT_AUTH_USER),
                            .gs2 = BUF_INIT(LIMIT_AUTH_LINE),
                            .bare = BUF_INIT(LIMIT_AUTH_LINE),
                            .first = BUF_INIT(2 * LIMIT_AUTH_LINE),
                            .nonce = BUF_INIT(LIMIT_AUTH_LINE)};
  sasl_nonce(nonce, &s->nonce);
  if (mech == SASL_CRAM_MD5) /* RFC 2195 §2: the form of a message id */
    buf_printf(&s->first, "<" STR_FMT ".%lld@" STR_FMT ">", STR_ARG(buf_str(&s->nonce)),
               (long long)clock_wall(), STR_ARG(host));
  return buf_ok(&s->nonce) && buf_ok(&s->first) ? 0 : -1;
}

void sasl_server_end(struct sasl_server *s)
{
  buf_wipe(&s->password);
  buf_free(&s->user);
  buf_free(&s->token);
  buf_free(&s->gs2);
  buf_free(&s->bare);
  buf_free(&s->first);
  buf_free(&s->nonce);
  *s = (struct sasl_server){.mech = SASL_PLAIN};
}

/* No name of anybody, and nothing that may reach a log or a header. */
static bool sasl_server_is_control(char c)
{
  return (unsigned char)c < 0x20 || c == 0x7f;
}

/* A text the client gave, as a whole; one that is empty or too long is nobody's. */
static enum sasl_next sasl_server_take(struct buf *to, str text, enum sasl_next then)
{
  buf_clear(to);
  if (text.n == 0 || text.n > to->cap) return SASL_FAILED;
  for (size_t i = 0; i < text.n; i++)
    if (sasl_server_is_control(text.p[i])) return SASL_MALFORMED;
  buf_str_add(to, text);
  return buf_ok(to) ? then : SASL_NOMEM;
}

/* ---- PLAIN, LOGIN, ANONYMOUS ----------------------------------------------------------------- */

/* RFC 4616 §2: [authzid] NUL authcid NUL passwd. To act for somebody else is not offered. */
static enum sasl_next sasl_server_plain(struct sasl_server *s, str message)
{
  str acts_for, user;
  if (!str_cut(&message, '\0', &acts_for) || !message.p || !str_cut(&message, '\0', &user) ||
      !message.p || str_chr(message, '\0') >= 0)
    return SASL_MALFORMED;
  if (!utf8_valid(acts_for) || !utf8_valid(user) || !utf8_valid(message)) return SASL_MALFORMED;
  enum sasl_next next = sasl_server_take(&s->user, user, SASL_PASSWORD);
  if (next == SASL_PASSWORD) next = sasl_server_take(&s->password, message, SASL_PASSWORD);
  return acts_for.n && !str_eq(acts_for, user) ? SASL_FAILED : next;
}

static enum sasl_next sasl_server_login(struct sasl_server *s, str message, struct buf *out)
{
  if (str_chr(message, '\0') >= 0 || !utf8_valid(message)) return SASL_MALFORMED;
  if (s->step > 1) return sasl_server_take(&s->password, message, SASL_PASSWORD);
  s->step = 2;
  buf_puts(out, "Password:");
  return sasl_server_take(&s->user, message, SASL_CHALLENGE);
}

static enum sasl_next sasl_server_anonymous(struct sasl_server *s, str message)
{
  if (str_chr(message, '\0') >= 0 || !utf8_valid(message)) return SASL_MALFORMED;
  if (message.n == 0) return SASL_TOKEN; /* RFC 4505 §2: a trace may be left out */
  return sasl_server_take(&s->token, message, SASL_TOKEN);
}

/* ---- CRAM-MD5 -------------------------------------------------------------------------------- */

/* "user digest", the digest being 32 hex digits; a user's name may hold spaces. */
static enum sasl_next sasl_server_cram(struct sasl_server *s, str message)
{
  ptrdiff_t space = str_rchr(message, ' ');
  if (space <= 0 || message.n - (size_t)space - 1 != 32 || !utf8_valid(message) ||
      str_chr(message, '\0') >= 0)
    return SASL_MALFORMED;
  buf_str_add(&s->bare, str_skip(message, (size_t)space + 1));
  if (!buf_ok(&s->bare)) return SASL_NOMEM;
  return sasl_server_take(&s->user, str_sub(message, 0, (size_t)space), SASL_SECRET);
}

enum sasl_next sasl_server_secret(struct sasl_server *s, str password)
{
  unsigned char digest[CRYPTO_SIZE_MAX];
  struct buf want = BUF_INIT(64);
  enum sasl_next next = SASL_NOMEM;
  if (crypto_hmac(CRYPTO_MD5, password, buf_str(&s->first), digest) == 0) {
    buf_hex(&want, digest, crypto_size(CRYPTO_MD5));
    for (size_t i = 0; i < s->bare.n; i++) s->bare.p[i] = str_lower(s->bare.p[i]);
    if (buf_ok(&want))
      next =
          s->bare.n == want.n && crypto_same(want.p, s->bare.p, want.n) ? SASL_PROVEN : SASL_FAILED;
  }
  buf_wipe(&want);
  return next;
}

/* ---- SCRAM-SHA-256 --------------------------------------------------------------------------- */

/* "x=VALUE": the value; false when the attribute is another. */
static bool sasl_server_attribute(str part, char name, str *value)
{
  if (part.n < 2 || part.p[0] != name || part.p[1] != '=') return false;
  *value = str_skip(part, 2);
  return true;
}

/* RFC 5802 §5.1: in a name "," is "=2C" and "=" is "=3D". */
static int sasl_server_name(str text, struct buf *out)
{
  while (text.n) {
    if (sasl_server_is_control(text.p[0])) return -1;
    if (text.p[0] != '=') {
      buf_putc(out, text.p[0]);
      text = str_skip(text, 1);
    } else if (str_istarts(text, STR("=2c")) || str_istarts(text, STR("=3d"))) {
      buf_putc(out, text.p[1] == '2' ? ',' : '=');
      text = str_skip(text, 3);
    } else {
      return -1;
    }
  }
  return 0;
}

static bool sasl_server_nonce_ok(str nonce)
{
  for (size_t i = 0; i < nonce.n; i++)
    if (nonce.p[i] < 0x21 || nonce.p[i] > 0x7e || nonce.p[i] == ',') return false;
  return nonce.n > 0;
}

/* gs2-header: "n" or "y" (we offer no channel binding, so both are true), an authzid. Its length,
 * or -1. */
static ptrdiff_t sasl_server_gs2(struct sasl_server *s, str message, struct buf *acts_for)
{
  str rest = message, flag, authzid, name;
  if (!str_cut(&rest, ',', &flag) || !rest.p || !str_cut(&rest, ',', &authzid) || !rest.p)
    return -1;
  if (!str_eq(flag, STR("n")) && !str_eq(flag, STR("y"))) return -1;
  if (authzid.n &&
      (!sasl_server_attribute(authzid, 'a', &name) || sasl_server_name(name, acts_for) < 0))
    return -1;
  size_t n = message.n - rest.n;
  buf_str_add(&s->gs2, str_sub(message, 0, n));
  return (ptrdiff_t)n;
}

static enum sasl_next sasl_server_first_bare(struct sasl_server *s, str bare)
{
  str rest = bare, user, nonce, name;
  buf_str_add(&s->bare, bare);
  if (!str_cut(&rest, ',', &user) || !rest.p || !sasl_server_attribute(user, 'n', &name))
    return SASL_MALFORMED; /* "m=", an extension we must understand and do not, too */
  if (!str_cut(&rest, ',', &nonce) || !sasl_server_attribute(nonce, 'r', &nonce) ||
      !sasl_server_nonce_ok(nonce) || sasl_server_name(name, &s->user) < 0)
    return SASL_MALFORMED;
  struct buf whole = BUF_INIT(LIMIT_AUTH_LINE);
  buf_str_add(&whole, nonce);
  buf_str_add(&whole, buf_str(&s->nonce));
  buf_free(&s->nonce);
  s->nonce = whole;
  if (s->user.failed || s->user.n == 0) return SASL_FAILED;
  return buf_ok(&s->nonce) && buf_ok(&s->bare) && buf_ok(&s->gs2) ? SASL_SECRET : SASL_NOMEM;
}

static enum sasl_next sasl_server_scram_first(struct sasl_server *s, str message)
{
  struct buf acts_for = BUF_INIT(LIMIT_AUTH_USER);
  enum sasl_next next = SASL_MALFORMED;
  ptrdiff_t n = utf8_valid(message) ? sasl_server_gs2(s, message, &acts_for) : -1;
  if (n >= 0) next = sasl_server_first_bare(s, str_skip(message, (size_t)n));
  if (next == SASL_SECRET &&
      (!buf_ok(&acts_for) || (acts_for.n && !str_eq(buf_str(&acts_for), buf_str(&s->user)))))
    next = SASL_FAILED;
  buf_free(&acts_for);
  return next;
}

enum sasl_next sasl_server_verifier(struct sasl_server *s, const struct scram_verifier *v,
                                    bool known, struct buf *out)
{
  s->verifier = *v;
  s->known = known;
  s->step = 2;
  buf_clear(out);
  buf_printf(&s->first, "r=" STR_FMT ",s=", STR_ARG(buf_str(&s->nonce)));
  buf_base64(&s->first, scram_salt(v));
  buf_printf(&s->first, ",i=%u", v->rounds);
  buf_str_add(out, buf_str(&s->first));
  return buf_ok(&s->first) && buf_ok(out) ? SASL_CHALLENGE : SASL_NOMEM;
}

/* "c=BASE64,r=NONCE[,extensions],p=BASE64": without the proof, and the proof. */
static enum sasl_next sasl_server_scram_parts(const struct sasl_server *s, str message,
                                              str *without, unsigned char proof[32])
{
  ptrdiff_t comma = str_rchr(message, ',');
  struct buf bytes = BUF_INIT(LIMIT_AUTH_LINE);
  str rest = message, binding, nonce, text;
  enum sasl_next next = SASL_MALFORMED;
  if (comma < 0 || !sasl_server_attribute(str_skip(message, (size_t)comma + 1), 'p', &text))
    return SASL_MALFORMED;
  *without = str_sub(message, 0, (size_t)comma);
  if (base64_decode(text, &bytes) < 0 || bytes.n != 32) goto out;
  memcpy(proof, bytes.p, 32);
  buf_clear(&bytes);
  if (!str_cut(&rest, ',', &binding) || !sasl_server_attribute(binding, 'c', &binding) ||
      !str_cut(&rest, ',', &nonce) || !sasl_server_attribute(nonce, 'r', &nonce) ||
      base64_decode(binding, &bytes) < 0)
    goto out;
  next = str_eq(buf_str(&bytes), buf_str(&s->gs2)) && str_eq(nonce, buf_str(&s->nonce))
             ? SASL_PROVEN
             : SASL_FAILED;
out:
  buf_free(&bytes);
  return next;
}

static enum sasl_next sasl_server_scram_final(struct sasl_server *s, str message, struct buf *out)
{
  unsigned char proof[32], signature[32];
  struct buf all = BUF_INIT(4 * LIMIT_AUTH_LINE);
  str without;
  enum sasl_next next = sasl_server_scram_parts(s, message, &without, proof);
  if (next != SASL_PROVEN) return next;
  buf_printf(&all, STR_FMT "," STR_FMT "," STR_FMT, STR_ARG(buf_str(&s->bare)),
             STR_ARG(buf_str(&s->first)), STR_ARG(without));
  if (!buf_ok(&all) || scram_server_signature(s->verifier.server_key, buf_str(&all), signature) < 0)
    next = SASL_NOMEM;
  else if (!scram_proves(&s->verifier, buf_str(&all), proof) || !s->known)
    next = SASL_FAILED;
  buf_free(&all);
  if (next != SASL_PROVEN) return next;
  s->step = 3; /* RFC 4954 §4: 235 carries no data, so this is one more challenge */
  buf_puts(out, "v=");
  buf_base64(out, (str){(const char *)signature, sizeof signature});
  return buf_ok(out) ? SASL_CHALLENGE : SASL_NOMEM;
}

static enum sasl_next sasl_server_scram(struct sasl_server *s, str message, struct buf *out)
{
  switch (s->step) {
  case 1: return sasl_server_scram_first(s, message);
  case 2: return sasl_server_scram_final(s, message, out);
  default: return message.n ? SASL_MALFORMED : SASL_PROVEN;
  }
}

/* ---- a step ---------------------------------------------------------------------------------- */

/* The client waits for the first challenge. */
static enum sasl_next sasl_server_begin(struct sasl_server *s, struct buf *out)
{
  s->step = 1;
  if (s->mech == SASL_LOGIN) buf_puts(out, "Username:");
  if (s->mech == SASL_CRAM_MD5) buf_str_add(out, buf_str(&s->first));
  return buf_ok(out) ? SASL_CHALLENGE : SASL_NOMEM;
}

enum sasl_next sasl_server_step(struct sasl_server *s, const str *response, struct buf *out)
{
  buf_clear(out);
  if (!response) return sasl_server_begin(s, out);
  if (s->step == 0 && s->mech == SASL_CRAM_MD5) return SASL_TOO_EARLY;
  if (s->step == 0) s->step = 1;
  switch (s->mech) {
  case SASL_PLAIN: return sasl_server_plain(s, *response);
  case SASL_LOGIN: return sasl_server_login(s, *response, out);
  case SASL_CRAM_MD5: return sasl_server_cram(s, *response);
  case SASL_SCRAM_SHA_256: return sasl_server_scram(s, *response, out);
  case SASL_ANONYMOUS: return sasl_server_anonymous(s, *response);
  case SASL_XOAUTH2:
  case SASL_MECHS: break;
  }
  return SASL_MALFORMED;
}
