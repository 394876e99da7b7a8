/* net/tls_stream.c: TLS on one connection.
 *
 * Looks like read(2) and write(2) to io.c. An end or a failure is told for ever once it was met:
 * what a peer sends in clear behind the end of its encrypted text is never read.
 *
 * No more of the record layer is kept than the library's two buffers, and those only from the first
 * byte of a handshake on.
 *
 * The library reads on as long as records come that give nothing to the reader, such as warnings:
 * so tls_pull has an allowance, for the handshake as a whole and then for each tls_recv.
 */
#include "tls_config.h"

#include <errno.h>
#include <unistd.h>

struct tls {
  mbedtls_ssl_context ssl;
  struct tls_server *server; /* one of the two */
  struct tls_client *client;
  const struct tls_identity *identity; /* as server: the pair in use */
  char *name;                          /* as client: of the peer. As server: what it asked for */
  bool verify;
  bool set_up;
  bool eof, failed; /* once and for all */
  int fd;
  int errnum;     /* of the descriptor's failure; 0: the library's */
  size_t writing; /* octets the library has begun to send */
  size_t may;     /* octets it may still read now */
  char why[200];
  char cipher[64];
  struct tls_info info;
};

/* ---- bytes of the descriptor ----------------------------------------------------------------- */

static int tls_errno(struct tls *t, int wants)
{
  if (errno == EAGAIN || errno == EWOULDBLOCK) return wants;
  t->errnum = errno;
  return MBEDTLS_ERR_SSL_INTERNAL_ERROR;
}

static int tls_pull(void *arg, unsigned char *p, size_t n)
{
  struct tls *t = arg;
  ssize_t got;

  if (t->may == 0) return MBEDTLS_ERR_SSL_WANT_READ;
  do got = read(t->fd, p, n < t->may ? n : t->may);
  while (got < 0 && errno == EINTR);
  if (got > 0) t->may -= (size_t)got;
  return got < 0 ? tls_errno(t, MBEDTLS_ERR_SSL_WANT_READ) : (int)got;
}

static int tls_push(void *arg, const unsigned char *p, size_t n)
{
  struct tls *t = arg;
  ssize_t put;

  do put = write(t->fd, p, n);
  while (put < 0 && errno == EINTR);
  return put < 0 ? tls_errno(t, MBEDTLS_ERR_SSL_WANT_WRITE) : (int)put;
}

/* ---- failures -------------------------------------------------------------------------------- */

/* What the peer's certificate lacks, without the library's line end. */
static void tls_why_untrusted(struct tls *t)
{
  char text[80];
  uint32_t flags = mbedtls_ssl_get_verify_result(&t->ssl);

  if (mbedtls_x509_crt_verify_info(text, sizeof text, "", flags) < 0) text[0] = '\0';
  text[strcspn(text, "\n")] = '\0';
  snprintf(t->why, sizeof t->why, "cannot trust the certificate of %.60s: %s", t->name, text);
}

static void tls_fault(struct tls *t, int ret)
{
  char text[120] = "";

  t->failed = true;
  if (t->errnum) {
    snprintf(t->why, sizeof t->why, "%s", strerror(t->errnum));
  } else if (ret == MBEDTLS_ERR_SSL_CONN_EOF || ret == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY) {
    snprintf(t->why, sizeof t->why, "the peer closed in the handshake");
  } else if (ret == MBEDTLS_ERR_X509_CERT_VERIFY_FAILED) {
    tls_why_untrusted(t);
  } else {
    mbedtls_strerror(ret, text, sizeof text);
    snprintf(t->why, sizeof t->why, "TLS: %s (-0x%04x)", text, (unsigned)-ret);
  }
  trace(TRACE_TLS, "fd=%d failed: %s", t->fd, t->why);
}

const char *tls_why(const struct tls *t)
{
  return t->why;
}

/* ---- the handshake --------------------------------------------------------------------------- */

int tls_asked(void *unused, mbedtls_ssl_context *ssl, const unsigned char *p, size_t n)
{
  struct tls *t = (struct tls *)((char *)ssl - offsetof(struct tls, ssl));
  char name[LIMIT_DOMAIN + 1];
  const struct tls_identity *found;

  (void)unused;
  if (n > LIMIT_DOMAIN) return 0;
  for (size_t i = 0; i < n; i++) name[i] = str_lower((char)p[i]);
  found = tls_server_find(t->server, (str){name, n});
  trace(TRACE_TLS, "fd=%d asked for %s: %s", t->fd, log_q((str){name, n}),
        found ? "known" : "unknown");
  if (!found) return 0;
  mem_free(t->name);
  t->name = mem_strdup((str){name, n});
  t->identity = found;
  return mbedtls_ssl_set_hs_own_cert(ssl, (mbedtls_x509_crt *)&found->chain,
                                     (mbedtls_pk_context *)&found->key);
}

static int tls_prepare_verify(struct tls *t, struct err *e)
{
  if (!t->verify) return 0;
  if (!t->name[0]) return err_set(e, ERR_BUG, "cannot verify a peer without a name");
  return tls_client_load(t->client, e);
}

/* SNI is for names alone (RFC 6066 §3); an address can still be what a certificate must be for. */
static int tls_set_up_client(struct tls *t)
{
  struct netaddr address;
  bool is_name = t->name[0] && netaddr_of_ip(str_of(t->name), 0, &address) < 0;
  struct err e;
  int ret;

  if (tls_prepare_verify(t, &e) < 0) {
    snprintf(t->why, sizeof t->why, "%.150s", e.text);
    return MBEDTLS_ERR_X509_FILE_IO_ERROR;
  }
  ret = mbedtls_ssl_setup(&t->ssl, t->verify ? &t->client->verified : &t->client->any);
  if (ret) return ret;
  return mbedtls_ssl_set_hostname(&t->ssl, is_name || t->verify ? t->name : NULL);
}

static int tls_set_up(struct tls *t, int fd)
{
  int ret = t->server ? mbedtls_ssl_setup(&t->ssl, &t->server->conf) : tls_set_up_client(t);

  t->fd = fd;
  t->may = LIMIT_TLS_HANDSHAKE;
  mbedtls_ssl_set_bio(&t->ssl, t, tls_push, tls_pull, NULL);
  t->set_up = true;
  return ret;
}

static bool tls_is_13(const struct tls *t)
{
  return str_eq(str_of(mbedtls_ssl_get_version(&t->ssl)), STR("TLSv1.3"));
}

/* The library's "TLS-ECDHE-…" and "TLS1-3-AES-…" by the names of IANA. */
static void tls_name_cipher(struct tls *t)
{
  str name = str_of(mbedtls_ssl_get_ciphersuite(&t->ssl));

  name = str_skip(name, str_starts(name, STR("TLS1-3-")) ? 7 : 4);
  snprintf(t->cipher, sizeof t->cipher, "TLS_" STR_FMT, STR_ARG(name));
  for (char *p = t->cipher; *p; p++)
    if (*p == '-') *p = '_';
}

static enum tls_step tls_shaken(struct tls *t)
{
  if (t->server && !tls_is_13(t) && !(t->identity->versions & TLS_12)) {
    t->failed = true;
    snprintf(t->why, sizeof t->why, "TLSv1.2 is too old for %.100s", t->name ? t->name : "us");
    return TLS_FAILED;
  }
  tls_name_cipher(t);
  t->info = (struct tls_info){.version = tls_is_13(t) ? "TLSv1.3" : "TLSv1.2",
                              .cipher = t->cipher,
                              .name = str_of(t->server ? t->name : NULL),
                              .verified = t->client && t->verify};
  trace(TRACE_TLS, "fd=%d %s %s", t->fd, t->info.version, t->info.cipher);
  return TLS_DONE;
}

enum tls_step tls_shake(struct tls *t, int fd)
{
  int ret = t->set_up ? 0 : tls_set_up(t, fd);

  if (ret == 0) {
    do ret = mbedtls_ssl_handshake(&t->ssl);
    while (TLS_COMPAT_RESTING(ret));
  }
  if (ret == 0) return tls_shaken(t);
  if (ret == MBEDTLS_ERR_SSL_WANT_READ && t->may > 0) return TLS_WANTS_READ;
  if (ret == MBEDTLS_ERR_SSL_WANT_WRITE) return TLS_WANTS_WRITE;
  if (t->may == 0) snprintf(t->why, sizeof t->why, "the handshake does not end");
  if (t->why[0])
    t->failed = true; /* said already */
  else
    tls_fault(t, ret);
  return TLS_FAILED;
}

/* ---- text ------------------------------------------------------------------------------------ */

static bool tls_would_block(int ret)
{
  return ret == MBEDTLS_ERR_SSL_WANT_READ || ret == MBEDTLS_ERR_SSL_WANT_WRITE ||
         TLS_COMPAT_RESTING(ret);
}

/* An end without the word for it is an end: SMTP knows by itself whether a mail was whole. */
static void tls_over(struct tls *t, int ret)
{
  t->eof = ret == 0 || ret == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY || ret == MBEDTLS_ERR_SSL_CONN_EOF;
  if (!t->eof) tls_fault(t, ret);
}

/* Small records come many at a time: they are one piece to the reader. */
ssize_t tls_recv(struct tls *t, char *p, size_t n)
{
  size_t got = 0;

  t->may = LIMIT_TLS_TURN;
  while (!t->eof && !t->failed && got < n) {
    int ret = mbedtls_ssl_read(&t->ssl, (unsigned char *)p + got, n - got);
    if (ret > 0) {
      got += (size_t)ret;
    } else if (tls_would_block(ret)) {
      if (got) break;
      errno = EAGAIN;
      return -1;
    } else {
      tls_over(t, ret);
    }
  }
  if (got || t->eof) return (ssize_t)got;
  errno = EPROTO;
  return -1;
}

ssize_t tls_send(struct tls *t, const char *p, size_t n)
{
  int ret;

  if (t->writing) n = t->writing;
  ret = t->failed ? 0 : mbedtls_ssl_write(&t->ssl, (const unsigned char *)p, n);
  t->writing = 0;
  if (ret > 0) return ret;
  if (!t->failed && tls_would_block(ret)) {
    t->writing = n;
    errno = EAGAIN;
    return -1;
  }
  if (!t->failed) tls_fault(t, ret);
  errno = EPROTO;
  return -1;
}

bool tls_pending(const struct tls *t)
{
  return t->eof || t->failed || mbedtls_ssl_check_pending(&t->ssl);
}

void tls_say_end(struct tls *t)
{
  if (t->set_up && !t->failed) (void)mbedtls_ssl_close_notify(&t->ssl);
}

/* ---- life ------------------------------------------------------------------------------------ */

const struct tls_info *tls_info_of(const struct tls *t)
{
  return t->info.version ? &t->info : NULL;
}

bool tls_is_server(const struct tls *t)
{
  return t->server != NULL;
}

static struct tls *tls_new(void)
{
  struct tls *t = mem_alloc(sizeof *t);

  if (t) mbedtls_ssl_init(&t->ssl);
  return t;
}

struct tls *tls_new_server(struct tls_server *config)
{
  struct tls *t = tls_new();

  if (!t) return NULL;
  t->server = tls_server_hold(config);
  t->identity = &config->pairs[0];
  return t;
}

struct tls *tls_new_client(struct tls_client *config, str name, bool verify)
{
  struct tls *t = tls_new();

  if (!t) return NULL;
  t->client = tls_client_hold(config);
  t->verify = verify;
  if (str_ends(name, STR("."))) name.n--;
  t->name = mem_strdup(name);
  if (t->name) return t;
  tls_free(t);
  return NULL;
}

void tls_free(struct tls *t)
{
  if (!t) return;
  mbedtls_ssl_free(&t->ssl);
  tls_server_release(t->server);
  tls_client_release(t->client);
  mem_free(t->name);
  mem_free(t);
}
