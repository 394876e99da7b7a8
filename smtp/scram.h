/* smtp/scram.h: the arithmetic of SCRAM-SHA-256 (RFC 5802 §3, RFC 7677). */
#ifndef SMTP_SCRAM_H
#define SMTP_SCRAM_H

#include "../vsmtp.h"

#define SCRAM_SALT 16 /* octets of a salt we make */

/* What is kept instead of a password: with it a proof can be checked, but none be made. As text
 * (RFC 5803): SCRAM-SHA-256$ROUNDS:SALT$STOREDKEY:SERVERKEY, all but the number in base64. */
struct scram_verifier {
  uint32_t rounds;
  unsigned char salt[LIMIT_AUTH_SALT];
  size_t salt_n;
  unsigned char stored_key[32], server_key[32];
};
int scram_read(str text, struct scram_verifier *out); /* -1: malformed */
void scram_write(const struct scram_verifier *v, struct buf *out);
str scram_salt(const struct scram_verifier *v); /* borrows */

/* From SaltedPassword, which is PBKDF2(password, salt, rounds): the two keys of v are filled in. */
int scram_keys(const unsigned char salted[32], struct scram_verifier *v); /* -1: no memory */
/* Are these the keys of v? */
bool scram_fits(const unsigned char salted[32], const struct scram_verifier *v);

/* The client's proof for an exchange, and what the server answers to it. -1: no memory. */
int scram_proof(const unsigned char salted[32], str auth_message, unsigned char proof[32]);
int scram_server_signature(const unsigned char server_key[32], str auth_message,
                           unsigned char out[32]);
/* Is it the proof of somebody who knows the password? */
bool scram_proves(const struct scram_verifier *v, str auth_message, const unsigned char proof[32]);

#endif
