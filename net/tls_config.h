/* net/tls_config.h: what tls.c makes and tls_stream.c uses, in the library's own types. */
#ifndef NET_TLS_CONFIG_H
#define NET_TLS_CONFIG_H

#include "tls_compat.h"
#include "tls_int.h"

#define TLS_SUITES_MAX 16

/* Frozen once made, but for the library's ticket keys, which it renews. */
struct tls_server {
  unsigned refs;
  struct arena *arena; /* owns the texts */
  mbedtls_ssl_config conf;
  mbedtls_ssl_ticket_context tickets;
  int suites[TLS_SUITES_MAX]; /* ends with 0 */
  struct tls_identity {
    str name;
    unsigned versions;
    mbedtls_x509_crt chain;
    mbedtls_pk_context key;
    struct tls_certificate certificate;
  } * pairs;
  size_t n;
};

struct tls_client {
  unsigned refs;
  char *path; /* of the authorities */
  bool loaded;
  mbedtls_x509_crt authorities;
  mbedtls_ssl_config any, verified; /* the peer may be anybody, or must be who it says */
};

/* The pair for the name a client asks for, in lower case; NULL: none has it. */
const struct tls_identity *tls_server_find(const struct tls_server *t, str name);
/* Reads the authorities, once. Nobody can be verified by a bundle that cannot be read. */
int tls_client_load(struct tls_client *t, struct err *e);
/* tls_stream.c: a client asks for a name. */
int tls_asked(void *unused, mbedtls_ssl_context *ssl, const unsigned char *p, size_t n);
int tls_random(void *unused, unsigned char *p, size_t n);

#endif
