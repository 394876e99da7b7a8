/* net/tls.c: what encrypted connections share: certificates and keys, versions, suites, tickets;
 * the authorities that vouch for others.
 *
 * A server configuration is made whole or not at all, so a faulty certificate never takes the place
 * of a good one. Library errors get our words where an operator can do something about them.
 */
#include "tls_config.h"

#include <time.h>

#define TLS_AUTHORITIES "/etc/ssl/certs/ca-certificates.crt"
#define TLS_TICKET_LIFE (24 * 3600) /* seconds */
#define TLS_NAMES_MAX   100         /* of one certificate */

unsigned tls_versions(void)
{
#ifdef MBEDTLS_SSL_PROTO_TLS1_3
  return TLS_12 | TLS_13;
#else
  return TLS_12;
#endif
}

const char *tls_library_version(void)
{
  static char text[18];

  mbedtls_version_get_string(text);
  return text;
}

int tls_random(void *unused, unsigned char *p, size_t n)
{
  (void)unused;
  return random_bytes(p, n) < 0 ? MBEDTLS_ERR_PK_BAD_INPUT_DATA : 0;
}

/* ---- suites ---------------------------------------------------------------------------------- */

/* As server.tls.cipher_suite has them, and their numbers (IANA, TLS Cipher Suites). */
static const struct tls_suite {
  str name;
  int id;
} tls_suites[] = {
    {STR_INIT("TLS_AES_256_GCM_SHA384"), 0x1302},
    {STR_INIT("TLS_AES_128_GCM_SHA256"), 0x1301},
    {STR_INIT("TLS_CHACHA20_POLY1305_SHA256"), 0x1303},
    {STR_INIT("ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"), 0xC02C},
    {STR_INIT("ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"), 0xC02B},
    {STR_INIT("ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"), 0xCCA9},
    {STR_INIT("ECDHE_RSA_WITH_AES_256_GCM_SHA384"), 0xC030},
    {STR_INIT("ECDHE_RSA_WITH_AES_128_GCM_SHA256"), 0xC02F},
    {STR_INIT("ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"), 0xCCA8},
};

/* As a client: old servers that know no better are still better spoken to under TLS 1.2. The last
 * four keep no secrets once the key leaks, but no third party can read them now. */
static const int tls_client_suites[] = {0x1302, 0x1301, 0x1303, 0xC02C, 0xC02B, 0xCCA9,
                                        0xC030, 0xC02F, 0xCCA8, 0x009F, 0x009E, 0x009D,
                                        0x009C, 0xC028, 0xC027, 0};

static int tls_read_suites(struct tls_server *t, const struct tls_server_options *o, struct err *e)
{
  size_t n = 0;

  for (size_t i = 0; i < o->suite_count; i++)
    for (size_t k = 0; k < BASE_COUNT(tls_suites) && n < TLS_SUITES_MAX - 1; k++)
      if (str_eq(o->suites[i], tls_suites[k].name) &&
          mbedtls_ssl_ciphersuite_from_id(tls_suites[k].id)) /* one it lacks it may still choose */
        t->suites[n++] = tls_suites[k].id;
  return n > 0 ? 0 : err_set(e, ERR_PERM, "no cipher suite is left");
}

/* ---- certificates and keys ------------------------------------------------------------------- */

/* The library reads PEM only with its NUL, which a borrowed text does not have. */
static unsigned char *tls_pem(str text, struct err *e)
{
  unsigned char *p = mem_alloc(text.n + 1);

  if (!p)
    err_nomem(e);
  else if (text.n)
    memcpy(p, text.p, text.n);
  return p;
}

static int tls_fail(struct err *e, int ret, const char *what)
{
  char text[160] = "";

  if (ret == MBEDTLS_ERR_X509_ALLOC_FAILED || ret == MBEDTLS_ERR_PK_ALLOC_FAILED ||
      ret == MBEDTLS_ERR_SSL_ALLOC_FAILED)
    return err_nomem(e);
  mbedtls_strerror(ret, text, sizeof text);
  return err_set(e, ERR_PERM, "%s (%s)", what, text);
}

static int tls_read_chain(mbedtls_x509_crt *chain, str text, struct err *e)
{
  unsigned char *pem = tls_pem(text, e);
  int ret;

  if (!pem) return -1;
  ret = mbedtls_x509_crt_parse(chain, pem, text.n + 1);
  mem_free(pem);
  if (str_find(text, STR("-----BEGIN CERTIFICATE-----")) < 0)
    return err_set(e, ERR_SYNTAX, "there is no certificate in it (no \"BEGIN CERTIFICATE\")");
  if (ret > 0) return err_set(e, ERR_SYNTAX, "%d certificates of it cannot be understood", ret);
  return ret == 0 ? 0 : tls_fail(e, ret, "this certificate cannot be understood");
}

static int tls_read_key(mbedtls_pk_context *key, str text, struct err *e)
{
  unsigned char *pem = tls_pem(text, e);
  int ret;

  if (!pem) return -1;
  ret = mbedtls_pk_parse_key(key, pem, text.n + 1, NULL, 0 TLS_COMPAT_RNG(tls_random));
  mem_wipe(pem, text.n + 1);
  mem_free(pem);
  if (ret == MBEDTLS_ERR_PK_PASSWORD_REQUIRED)
    return err_set(e, ERR_PERM, "this key is encrypted; nobody is there to type its password");
  if (ret && str_find(text, STR("PRIVATE KEY-----")) < 0)
    return err_set(e, ERR_SYNTAX, "there is no key in it (no \"BEGIN PRIVATE KEY\")");
  return ret == 0 ? 0 : tls_fail(e, ret, "this key cannot be understood");
}

/* Which certificate of the chain is the key's? -1: none. */
static int tls_key_index(struct tls_identity *i)
{
  int place = 0;

  for (mbedtls_x509_crt *c = &i->chain; c; c = c->next, place++)
    if (mbedtls_pk_check_pair(&c->pk, &i->key TLS_COMPAT_RNG(tls_random)) == 0) return place;
  return -1;
}

static int tls_match(struct tls_identity *i, struct err *e)
{
  int place = tls_key_index(i);

  if (place < 0) return err_set(e, ERR_PERM, "this key is not that of the certificate");
  if (place > 0)
    return err_set(e, ERR_PERM,
                   "this key is that of certificate %d of the file, which must be the first",
                   place + 1);
  return 0;
}

/* ---- what a certificate says ----------------------------------------------------------------- */

static int64_t tls_seconds(const mbedtls_x509_time *t)
{
  struct tm tm = {.tm_year = t->year - 1900,
                  .tm_mon = t->mon - 1,
                  .tm_mday = t->day,
                  .tm_hour = t->hour,
                  .tm_min = t->min,
                  .tm_sec = t->sec};

  return (int64_t)timegm(&tm);
}

static str tls_common_name(const mbedtls_x509_crt *c)
{
  for (const mbedtls_asn1_named_data *d = &c->subject; d; d = d->next)
    if (d->oid.p && str_eq((str){(const char *)d->oid.p, d->oid.len}, STR(MBEDTLS_OID_AT_CN)))
      return (str){(const char *)d->val.p, d->val.len};
  return STR("");
}

/* RFC 6125 §6.4.4: the common name counts only where there is no subjectAltName. */
static int tls_read_names(struct tls_server *t, struct tls_identity *i, struct err *e)
{
  str *names = arena_alloc(t->arena, TLS_NAMES_MAX * sizeof *names);
  size_t n = 0;

  if (!names) return err_nomem(e);
  for (const mbedtls_x509_sequence *s = &i->chain.subject_alt_names; s; s = s->next) {
    if ((s->buf.tag & 0x1f) != 2 || !s->buf.len || n == TLS_NAMES_MAX) continue; /* dNSName */
    names[n] = arena_lower(t->arena, (str){(const char *)s->buf.p, s->buf.len});
    if (!names[n++].p) return err_nomem(e);
  }
  if (n == 0 && tls_common_name(&i->chain).n) {
    names[n] = arena_lower(t->arena, tls_common_name(&i->chain));
    if (!names[n++].p) return err_nomem(e);
  }
  i->certificate.names = names;
  i->certificate.name_count = n;
  return 0;
}

static bool tls_same_name(const mbedtls_x509_buf *a, const mbedtls_x509_buf *b)
{
  return a->len == b->len && memcmp(a->p, b->p, a->len) == 0;
}

/* RFC 8446 §4.4.2: each certificate is followed by that of its signer; a root may be left out. */
static const char *tls_chain_fault(const mbedtls_x509_crt *c)
{
  if (!c->next && !tls_same_name(&c->issuer_raw, &c->subject_raw))
    return "it stands alone in its file; unless a root authority signed it, others will not trust "
           "it "
           "without its chain (certbot calls that file fullchain.pem)";
  for (; c->next; c = c->next)
    if (!tls_same_name(&c->issuer_raw, &c->next->subject_raw))
      return "the chain is not in order: each certificate must be followed by that of its signer";
  return NULL;
}

static int tls_describe(struct tls_server *t, struct tls_identity *i, struct err *e)
{
  struct tls_certificate *c = &i->certificate;

  c->from = tls_seconds(&i->chain.valid_from);
  c->until = tls_seconds(&i->chain.valid_to);
  c->key = mbedtls_pk_can_do(&i->chain.pk, MBEDTLS_PK_RSA) ? "RSA" : "EC";
  c->bits = (unsigned)mbedtls_pk_get_bitlen(&i->chain.pk);
  c->fault = tls_chain_fault(&i->chain);
  return tls_read_names(t, i, e);
}

/* ---- the server's configuration -------------------------------------------------------------- */

/* "*.example.com" is any one label before it (RFC 6125 §6.4.3). */
static bool tls_name_fits(str pattern, str name)
{
  ptrdiff_t dot = str_chr(name, '.');

  if (!str_starts(pattern, STR("*."))) return str_ieq(pattern, name);
  return dot > 0 && str_ieq(str_skip(pattern, 1), str_skip(name, (size_t)dot));
}

static bool tls_certifies(const struct tls_identity *i, str name)
{
  for (size_t n = 0; n < i->certificate.name_count; n++)
    if (tls_name_fits(i->certificate.names[n], name)) return true;
  return false;
}

const struct tls_identity *tls_server_find(const struct tls_server *t, str name)
{
  for (size_t i = 0; i < t->n; i++)
    if (str_eq(t->pairs[i].name, name)) return &t->pairs[i];
  for (size_t i = 0; i < t->n; i++)
    if (tls_certifies(&t->pairs[i], name)) return &t->pairs[i];
  return NULL;
}

/* A client never presents a certificate: whoever it is, it says so by AUTH. */
static int tls_server_defaults(struct tls_server *t, const struct tls_server_options *o,
                               struct err *e)
{
  unsigned versions = 0;
  int ret = mbedtls_ssl_config_defaults(&t->conf, MBEDTLS_SSL_IS_SERVER,
                                        MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT);

  for (size_t i = 0; i < o->pair_count; i++) versions |= o->pairs[i].versions;
  if (!(versions & tls_versions()))
    return err_set(e, ERR_PERM, "mbed TLS %s cannot speak TLSv1.3; add TLSv1.2",
                   tls_library_version());
  if (ret == 0)
    ret = mbedtls_ssl_ticket_setup(&t->tickets, tls_random, NULL, MBEDTLS_CIPHER_AES_256_GCM,
                                   TLS_TICKET_LIFE);
  if (ret) return tls_fail(e, ret, "cannot prepare TLS");
  mbedtls_ssl_conf_rng(&t->conf, tls_random, NULL);
  mbedtls_ssl_conf_authmode(&t->conf, MBEDTLS_SSL_VERIFY_NONE);
  mbedtls_ssl_conf_ciphersuites(&t->conf, t->suites);
  mbedtls_ssl_conf_sni(&t->conf, tls_asked, NULL);
  mbedtls_ssl_conf_session_tickets_cb(&t->conf, mbedtls_ssl_ticket_write, mbedtls_ssl_ticket_parse,
                                      &t->tickets);
#ifdef MBEDTLS_SSL_RENEGOTIATION
  mbedtls_ssl_conf_renegotiation(&t->conf, MBEDTLS_SSL_RENEGOTIATION_DISABLED);
#endif
  tls_compat_versions(&t->conf, versions & tls_versions());
  tls_compat_algorithms(&t->conf);
  tls_compat_order(&t->conf, o->our_order);
  return 0;
}

static int tls_add_pair(struct tls_server *t, const struct tls_pair *p, bool *key, struct err *e)
{
  struct tls_identity *i = &t->pairs[t->n++];
  int ret;

  mbedtls_x509_crt_init(&i->chain);
  mbedtls_pk_init(&i->key);
  *key = false;
  i->name = arena_lower(t->arena, p->name);
  i->versions = p->versions;
  if (!i->name.p) return err_nomem(e);
  if (tls_read_chain(&i->chain, p->certificate, e) < 0 || tls_describe(t, i, e) < 0) return -1;
  *key = true;
  if (tls_read_key(&i->key, p->key, e) < 0 || tls_match(i, e) < 0) return -1;
  if (t->n > 1) return 0; /* the others are given out by name */
  ret = mbedtls_ssl_conf_own_cert(&t->conf, &i->chain, &i->key);
  return ret == 0 ? 0 : tls_fail(e, ret, "this key cannot be used");
}

static int tls_server_fill(struct tls_server *t, const struct tls_server_options *o, size_t *which,
                           bool *key, struct err *e)
{
  *which = 0;
  *key = false;
  if (!tls_compat_init()) return err_set(e, ERR_BUG, "cannot prepare cryptography");
  if (tls_server_defaults(t, o, e) < 0 || tls_read_suites(t, o, e) < 0) return -1;
  for (*which = 0; *which < o->pair_count; ++*which)
    if (tls_add_pair(t, &o->pairs[*which], key, e) < 0) return -1;
  return 0;
}

struct tls_server *tls_server_new(const struct tls_server_options *o, size_t *which, bool *key,
                                  struct err *e)
{
  struct tls_server *t = mem_alloc(sizeof *t);
  size_t pair;
  bool fault;

  if (!t) {
    err_nomem(e);
    return NULL;
  }
  t->refs = 1;
  mbedtls_ssl_config_init(&t->conf);
  mbedtls_ssl_ticket_init(&t->tickets);
  t->arena = arena_new(0);
  t->pairs = mem_alloc(o->pair_count * sizeof *t->pairs);
  if (!t->arena || !t->pairs)
    err_nomem(e);
  else if (tls_server_fill(t, o, which ? which : &pair, key ? key : &fault, e) == 0)
    return t;
  tls_server_release(t);
  return NULL;
}

struct tls_server *tls_server_hold(struct tls_server *t)
{
  t->refs++;
  return t;
}

void tls_server_release(struct tls_server *t)
{
  if (!t || --t->refs > 0) return;
  mbedtls_ssl_config_free(&t->conf);
  mbedtls_ssl_ticket_free(&t->tickets);
  for (size_t i = 0; i < t->n; i++) {
    mbedtls_x509_crt_free(&t->pairs[i].chain);
    mbedtls_pk_free(&t->pairs[i].key);
  }
  mem_free(t->pairs);
  arena_free(t->arena);
  mem_free(t);
}

size_t tls_server_pairs(const struct tls_server *t)
{
  return t->n;
}

const struct tls_certificate *tls_server_certificate(const struct tls_server *t, size_t pair)
{
  return &t->pairs[pair].certificate;
}

/* ---- the client's configuration -------------------------------------------------------------- */

static int tls_client_fill(mbedtls_ssl_config *c, int authmode)
{
  int ret = mbedtls_ssl_config_defaults(c, MBEDTLS_SSL_IS_CLIENT, MBEDTLS_SSL_TRANSPORT_STREAM,
                                        MBEDTLS_SSL_PRESET_DEFAULT);

  if (ret) return -1;
  mbedtls_ssl_conf_rng(c, tls_random, NULL);
  mbedtls_ssl_conf_authmode(c, authmode);
  mbedtls_ssl_conf_ciphersuites(c, tls_client_suites);
#ifdef MBEDTLS_SSL_RENEGOTIATION
  mbedtls_ssl_conf_renegotiation(c, MBEDTLS_SSL_RENEGOTIATION_DISABLED);
#endif
  tls_compat_versions(c, tls_versions());
  tls_compat_algorithms(c);
  return 0;
}

struct tls_client *tls_client_new(str authorities)
{
  struct tls_client *t = mem_alloc(sizeof *t);

  if (!t) return NULL;
  t->refs = 1;
  mbedtls_x509_crt_init(&t->authorities);
  mbedtls_ssl_config_init(&t->any);
  mbedtls_ssl_config_init(&t->verified);
  t->path = mem_strdup(authorities.n ? authorities : STR(TLS_AUTHORITIES));
  if (t->path && tls_compat_init() && tls_client_fill(&t->any, MBEDTLS_SSL_VERIFY_NONE) == 0 &&
      tls_client_fill(&t->verified, MBEDTLS_SSL_VERIFY_REQUIRED) == 0)
    return t;
  tls_client_release(t);
  return NULL;
}

/* A bundle may hold a certificate of a kind the library does not know: the others count. */
int tls_client_load(struct tls_client *t, struct err *e)
{
  int ret;

  if (t->loaded) return 0;
  ret = mbedtls_x509_crt_parse_file(&t->authorities, t->path);
  if (ret < 0 || t->authorities.raw.len == 0) {
    tls_fail(e, ret, "cannot be used as a list of authorities");
    return err_context(e, "%s", t->path);
  }
  mbedtls_ssl_conf_ca_chain(&t->verified, &t->authorities, NULL);
  t->loaded = true;
  return 0;
}

struct tls_client *tls_client_hold(struct tls_client *t)
{
  t->refs++;
  return t;
}

void tls_client_release(struct tls_client *t)
{
  if (!t || --t->refs > 0) return;
  mbedtls_ssl_config_free(&t->any);
  mbedtls_ssl_config_free(&t->verified);
  mbedtls_x509_crt_free(&t->authorities);
  mem_free(t->path);
  mem_free(t);
}
#undef TLS_AUTHORITIES
#undef TLS_TICKET_LIFE
#undef TLS_NAMES_MAX
