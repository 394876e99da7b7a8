/* smtp/certs.h: the certificates of a configuration: read with their keys, checked, and read again
 * when their files change.
 */
#ifndef SMTP_CERTS_H
#define SMTP_CERTS_H

#include "conf.h"

struct certs {
  struct tls_server *tls;     /* what connections share; NULL: there is no [server.tls] */
  struct certs_stamp *stamps; /* what the files were like, in the order of certs.c */
  size_t n;
  int64_t warned_at; /* wall clock; of certificates that expire */
};

/* Reads every file that conf names, while there is still the right to: keys may be for root alone.
 * Faults and warnings go to d; NULL when one of them is an error. */
struct certs *certs_load(const struct conf *conf, struct diags *d);
void certs_free(struct certs *c); /* NULL is fine; connections keep what they began with */

/* If a file changed, reads all anew: new ones take the place of the old, faulty ones are logged
 * once and change nothing. Says once a day which of them expire soon. For a timer. */
void certs_renew(struct certs *c, const struct conf *conf);

/* One line for each: whose it is, its names, how long it is valid. For `check`. */
void certs_describe(const struct certs *c, const struct conf *conf, struct buf *out);

#endif
