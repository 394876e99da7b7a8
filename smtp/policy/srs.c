/* smtp/policy/srs.c: senders rewritten for mail that is sent on (SRS, the Sender Rewriting Scheme).
 */
#include "policy.h"

#include "../../sqlite/store.h"
#include "../format/format.h"

#define SRS_HASH     8                 /* characters: 48 bits */
#define SRS_AGE      21                /* days a rewritten address is good for */
#define SRS_DAYS     1024              /* then the two characters of a day begin again */
#define SRS_DAY      86400000          /* milliseconds */
#define SRS_KEY_LIFE (180LL * SRS_DAY) /* milliseconds until the next key is made */

static const char srs_base32[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/* ---- hash and day ---------------------------------------------------------------------------- */

/* The characters of the hash over all parts, without regard to case. Each ends with LF, which none
 * can hold: whoever has a hash of b.c and om has none of b.com. -1: no memory. */
static int srs_hash(str key, const str *part, size_t n, char out[SRS_HASH])
{
  unsigned char mac[CRYPTO_SIZE_MAX];
  struct buf text = BUF_INIT(LIMIT_COMMAND_LINE), code = BUF_INIT(64);
  int rc = -1;

  for (size_t i = 0; i < n; i++) {
    for (size_t k = 0; k < part[i].n; k++) buf_putc(&text, str_lower(part[i].p[k]));
    buf_putc(&text, '\n');
  }
  if (buf_ok(&text) && crypto_hmac(CRYPTO_SHA1, key, buf_str(&text), mac) == 0) {
    buf_base64(&code, (str){(const char *)mac, crypto_size(CRYPTO_SHA1)});
    if (buf_ok(&code)) rc = 0;
  }
  if (rc == 0) memcpy(out, code.p, SRS_HASH);
  buf_free(&text);
  buf_free(&code);
  return rc;
}

/* Letters may have changed their case on the way. */
static bool srs_hash_is(str key, const str *part, size_t n, str given)
{
  char want[SRS_HASH];
  unsigned differ = 0;

  if (given.n != SRS_HASH || srs_hash(key, part, n, want) < 0) return false;
  for (size_t i = 0; i < SRS_HASH; i++)
    differ |= (unsigned)(unsigned char)str_lower(given.p[i]) ^ (unsigned char)str_lower(want[i]);
  return differ == 0;
}

static void srs_day(int64_t now, char out[2])
{
  int64_t day = now / SRS_DAY;

  out[0] = srs_base32[(day >> 5) & 31];
  out[1] = srs_base32[day & 31];
}

static bool srs_day_is_good(str given, int64_t now)
{
  int64_t day = 0, age;

  if (given.n != 2) return false;
  for (size_t i = 0; i < 2; i++) {
    const char *at = given.p[i] ? strchr(srs_base32, str_upper(given.p[i])) : NULL;

    if (!at) return false;
    day = day << 5 | (at - srs_base32);
  }
  age = (now / SRS_DAY - day) & (SRS_DAYS - 1);
  return age <= SRS_AGE;
}

/* ---- forward --------------------------------------------------------------------------------- */

static bool srs_separates(str s)
{
  return s.n > 1 && (s.p[0] == '=' || s.p[0] == '+' || s.p[0] == '-');
}

/* "SRS0" or "SRS1" and a separator; *rest is what follows the word. */
static bool srs_word(str local, const char *word, str *rest)
{
  if (!str_istarts(local, str_of(word))) return false;
  *rest = str_skip(local, 4);
  return srs_separates(*rest);
}

/* A rewritten sender of others is not rewritten whole: that would never end. host: who made it;
 * user: its local part behind "SRS0", with the separator. */
static bool srs_is_rewritten(str sender, str *host, str *user)
{
  str local = addr_local(sender), rest, hash;

  *host = addr_domain(sender);
  if (srs_word(local, "SRS0", user)) return true;
  if (!srs_word(local, "SRS1", &rest)) return false;
  rest = str_skip(rest, 1);
  if (!str_cut(&rest, '=', &hash) || !str_cut(&rest, '=', host) || !rest.p) return false;
  *user = rest;
  return srs_separates(rest) && addr_domain_ok(*host, true);
}

int srs_forward(str key, str sender, str domain, int64_t now, struct arena *a, str *out)
{
  char hash[SRS_HASH], day[2];
  str host, user, part[3];
  struct addr parsed;

  if (srs_is_rewritten(sender, &host, &user)) {
    part[0] = host;
    part[1] = user;
    if (srs_hash(key, part, 2, hash) < 0) return -1;
    *out = arena_printf(a, "SRS1=%.*s=" STR_FMT "=" STR_FMT "@" STR_FMT, SRS_HASH, hash,
                        STR_ARG(host), STR_ARG(user), STR_ARG(domain));
  } else {
    srs_day(now, day);
    part[0] = (str){day, 2};
    part[1] = addr_domain(sender);
    part[2] = addr_local(sender);
    if (srs_hash(key, part, 3, hash) < 0) return -1;
    *out = arena_printf(a, "SRS0=%.*s=%.2s=" STR_FMT "=" STR_FMT "@" STR_FMT, SRS_HASH, hash, day,
                        STR_ARG(part[1]), STR_ARG(part[2]), STR_ARG(domain));
  }
  if (!out->p || out->n + 2 > LIMIT_PATH || addr_domain(sender).n == 0) return -1;
  return addr_mailbox(*out, true, a, &parsed) == ADDR_OK ? 0 : -1;
}

str srs_sender(const struct srs *s, const struct conf *conf, str mail_from, str rcpt,
               struct arena *a)
{
  str key = {(const char *)s->key, SRS_KEY}, out;

  if (!s->on || !conf->server.srs || mail_from.n == 0) return mail_from;
  if (conf_is_ours(conf, addr_domain(mail_from)) || conf_is_ours(conf, addr_domain(rcpt)))
    return mail_from;
  if (srs_forward(key, mail_from, conf->server.domain, clock_wall(), a, &out) < 0) return mail_from;
  return out;
}

/* ---- back ------------------------------------------------------------------------------------ */

int srs_reverse(str key, str local, int64_t now, struct arena *a, str *out)
{
  str rest, hash, part[3];
  struct addr parsed;

  if (srs_word(local, "SRS1", &rest)) {
    rest = str_skip(rest, 1);
    if (!str_cut(&rest, '=', &hash) || !str_cut(&rest, '=', &part[0]) || !rest.p) return -1;
    part[1] = rest;
    if (!srs_hash_is(key, part, 2, hash)) return -1;
    *out = arena_printf(a, "SRS0" STR_FMT "@" STR_FMT, STR_ARG(part[1]), STR_ARG(part[0]));
  } else if (srs_word(local, "SRS0", &rest)) {
    rest = str_skip(rest, 1);
    if (!str_cut(&rest, '=', &hash) || !str_cut(&rest, '=', &part[0]) ||
        !str_cut(&rest, '=', &part[1]) || !rest.p)
      return -1;
    part[2] = rest;
    if (!srs_hash_is(key, part, 3, hash) || !srs_day_is_good(part[0], now)) return -1;
    *out = arena_printf(a, STR_FMT "@" STR_FMT, STR_ARG(part[2]), STR_ARG(part[1]));
  } else {
    return -1;
  }
  return out->p && addr_mailbox(*out, true, a, &parsed) == ADDR_OK ? 0 : -1;
}

bool srs_recipient(const struct srs *s, const struct conf *conf, str rcpt, struct arena *a,
                   str *out)
{
  str key = {(const char *)s->key, SRS_KEY}, previous = {(const char *)s->previous, SRS_KEY};
  str local = addr_local(rcpt);

  if (!s->on || !conf_is_ours(conf, addr_domain(rcpt))) return false;
  if (srs_reverse(key, local, clock_wall(), a, out) == 0) return true;
  return s->has_previous && srs_reverse(previous, local, clock_wall(), a, out) == 0;
}

/* ---- keys ------------------------------------------------------------------------------------ */

/* 1: it is there and has the right size; 0: it is not; -1 with e. */
static int srs_key(struct store *store, const char *name, unsigned char out[SRS_KEY],
                   int64_t *made_at, struct err *e)
{
  struct buf value = BUF_INIT(SRS_KEY);
  int rc = secret_get(store, str_of(name), &value, made_at, e);

  if (rc == 1 && value.n != SRS_KEY) rc = 0;
  if (rc == 1) memcpy(out, value.p, SRS_KEY);
  buf_wipe(&value);
  return rc;
}

int srs_load(struct srs *s, struct store *store, struct err *e)
{
  int64_t made_at = 0, previous_at;
  int found = srs_key(store, "srs", s->key, &made_at, e);
  int before = found < 0 ? -1 : srs_key(store, "srs.previous", s->previous, &previous_at, e);

  if (found < 0 || before < 0) return -1;
  s->has_previous = before == 1;
  s->on = true;
  if (found && clock_wall() - made_at < SRS_KEY_LIFE) return 0;
  if (found) memcpy(s->previous, s->key, SRS_KEY);
  s->has_previous = s->has_previous || found;
  if (random_bytes(s->key, SRS_KEY) < 0) return err_set(e, ERR_IO, "cannot make a key");
  return secret_set(store, STR("srs"), (str){(const char *)s->key, SRS_KEY}, e);
}
#undef SRS_HASH
#undef SRS_AGE
#undef SRS_DAYS
#undef SRS_DAY
#undef SRS_KEY_LIFE
