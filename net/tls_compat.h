/* net/tls_compat.h: mbedTLS 2.28 and 3.6 under one set of names.
 *
 * Seen by net/tls*.c alone. What stands in neither branch is the same in both versions.
 */
#ifndef NET_TLS_COMPAT_H
#define NET_TLS_COMPAT_H

#include "net.h"

#include <mbedtls/version.h>

#include <mbedtls/error.h>
#include <mbedtls/oid.h>
#include <mbedtls/pk.h>
#include <mbedtls/ssl.h>
#include <mbedtls/ssl_ticket.h>
#include <mbedtls/x509_crt.h>

#if MBEDTLS_VERSION_NUMBER >= 0x03000000
#include <psa/crypto.h>

#define TLS_COMPAT_RNG(rng)     , rng, NULL /* private keys are used with random masks */
#define TLS_COMPAT_RESTING(ret) ((ret) == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET)

static inline bool tls_compat_init(void)
{
  return psa_crypto_init() == PSA_SUCCESS; /* as often as one likes */
}

static inline void tls_compat_versions(mbedtls_ssl_config *c, unsigned versions)
{
  mbedtls_ssl_conf_min_tls_version(c, versions & TLS_12 ? MBEDTLS_SSL_VERSION_TLS1_2
                                                        : MBEDTLS_SSL_VERSION_TLS1_3);
  mbedtls_ssl_conf_max_tls_version(c, versions & TLS_13 ? MBEDTLS_SSL_VERSION_TLS1_3
                                                        : MBEDTLS_SSL_VERSION_TLS1_2);
}

/* Groups for the exchange of keys, the cheapest first; signatures are modern by default. */
static inline void tls_compat_algorithms(mbedtls_ssl_config *c)
{
  static const uint16_t groups[] = {
      MBEDTLS_SSL_IANA_TLS_GROUP_SECP256R1, MBEDTLS_SSL_IANA_TLS_GROUP_X25519,
      MBEDTLS_SSL_IANA_TLS_GROUP_SECP384R1, MBEDTLS_SSL_IANA_TLS_GROUP_SECP521R1,
      MBEDTLS_SSL_IANA_TLS_GROUP_NONE};

  mbedtls_ssl_conf_groups(c, groups);
#ifdef MBEDTLS_SSL_PROTO_TLS1_3 /* a resumed session has fresh keys as well */
  mbedtls_ssl_conf_tls13_key_exchange_modes(c, MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_EPHEMERAL_ALL);
#endif
}

static inline void tls_compat_order(mbedtls_ssl_config *c, bool ours)
{
  mbedtls_ssl_conf_preference_order(c, ours ? MBEDTLS_SSL_SRV_CIPHERSUITE_ORDER_SERVER
                                            : MBEDTLS_SSL_SRV_CIPHERSUITE_ORDER_CLIENT);
}

#else

#define TLS_COMPAT_RNG(rng)
#define TLS_COMPAT_RESTING(ret) false

static inline bool tls_compat_init(void)
{
  return true;
}

/* Debian's library still knows the versions before 1.2. */
static inline void tls_compat_versions(mbedtls_ssl_config *c, unsigned versions)
{
  (void)versions;
  mbedtls_ssl_conf_min_version(c, MBEDTLS_SSL_MAJOR_VERSION_3, MBEDTLS_SSL_MINOR_VERSION_3);
  mbedtls_ssl_conf_max_version(c, MBEDTLS_SSL_MAJOR_VERSION_3, MBEDTLS_SSL_MINOR_VERSION_3);
}

static inline void tls_compat_algorithms(mbedtls_ssl_config *c)
{
  static const mbedtls_ecp_group_id curves[] = {MBEDTLS_ECP_DP_SECP256R1, MBEDTLS_ECP_DP_CURVE25519,
                                                MBEDTLS_ECP_DP_SECP384R1, MBEDTLS_ECP_DP_SECP521R1,
                                                MBEDTLS_ECP_DP_NONE};
  static const int hashes[] = {MBEDTLS_MD_SHA256, MBEDTLS_MD_SHA384, MBEDTLS_MD_SHA512,
                               MBEDTLS_MD_NONE};

  mbedtls_ssl_conf_curves(c, curves);
  mbedtls_ssl_conf_sig_hashes(c, hashes);
}

static inline void tls_compat_order(mbedtls_ssl_config *c, bool ours)
{
  (void)c; /* the server's order goes first here, always */
  (void)ours;
}

#endif

#endif
