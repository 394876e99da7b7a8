/* smtp/sasl/sasl.h: the exchanges of AUTH, both sides. */
#ifndef SMTP_SASL_H
#define SMTP_SASL_H

#include "../../vsmtp.h"

/* ---- scram.c ------------------------------------------------------------------------------------
 * The arithmetic of SCRAM-SHA-256 (RFC 5802 §3, RFC 7677). */
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

/* ---- sasl.c -------------------------------------------------------------------------------------
 * The exchanges of AUTH, both sides: pure machines, bytes in and bytes out.
 *
 * They know no line of SMTP: what goes over the wire is base64, "=" and "*" of RFC 4954, which is
 * the caller's part (sasl_decode helps). Nothing here waits; what takes long (a password hashed
 * many times) is run by the caller in slices. */
/* ORDER CONF_MECH, XOAUTH2 aside, which only the client side speaks. ORDER SASL: sasl_names */
enum sasl_mech {
  SASL_PLAIN,         /* RFC 4616 */
  SASL_LOGIN,         /* draft-murchison-sasl-login */
  SASL_CRAM_MD5,      /* RFC 2195; server only */
  SASL_SCRAM_SHA_256, /* RFC 5802, RFC 7677 */
  SASL_ANONYMOUS,     /* RFC 4505; server only */
  SASL_XOAUTH2,       /* Google's and Microsoft's; client only */
  SASL_MECHS
};
const char *sasl_name(enum sasl_mech m);
enum sasl_mech sasl_find(str name); /* any case; SASL_MECHS: none of them */

/* A response or challenge as it stands on the line: "=" is the empty one, else strict base64. -1:
 * it is not. */
int sasl_decode(str line, struct buf *out);

/* Appends a nonce: the given one, else one by chance. Without a comma, printable, and nothing but
 * base64 in it: what SCRAM and CRAM-MD5 both allow. */
void sasl_nonce(str given, struct buf *out);

/* RFC 4013 of a user's name or password, but for its normal form: characters count as they are
 * composed. Spaces become SPACE, what is invisible goes. -1: holds what is prohibited, or is not
 * UTF-8, or no memory; also when nothing is left. */
int sasl_prepare(str in, struct buf *out);

enum sasl_next {
  SASL_CHALLENGE, /* send what is in out (maybe empty), and step with the answer */
  SASL_PASSWORD,  /* server: user and password are there; the caller judges them. The end */
  SASL_SECRET,    /* server: the secret of user is wanted: sasl_server_verifier or _secret */
  SASL_TOKEN,     /* server: ANONYMOUS; its trace is in token. The end */
  SASL_WORK,      /* client: sasl_client_work until it says something else */
  SASL_PROVEN,    /* server: 235, the end. Client: the server proved itself; send an empty line, and
                     235 follows */
  SASL_FAILED,    /* the end: a proof was wrong. Of a client: the server's */
  SASL_MALFORMED, /* the end: this is no message of the mechanism */
  SASL_TOO_EARLY, /* the end: the server begins in this mechanism (RFC 4954 §4) */
  SASL_NOMEM      /* the end */
};

/* ---- sasl_server.c --------------------------------------------------------------------------- */

struct sasl_server {
  enum sasl_mech mech;
  struct buf user, password, token; /* as the client gave them */
  int step;                         /* the rest is its own */
  struct buf gs2, bare, first, nonce;
  struct scram_verifier verifier;
  bool known; /* the verifier is of an account */
};

/* host: for CRAM-MD5's challenge. nonce: its and SCRAM's random part; empty: chance makes one. */
int sasl_server_init(struct sasl_server *s, enum sasl_mech mech, str host,
                     str nonce); /* -1: nomem */
/* response NULL: the client gave no initial response. What is to be sent replaces out. */
enum sasl_next sasl_server_step(struct sasl_server *s, const str *response, struct buf *out);
/* After SASL_SECRET of SCRAM. known false: there is no such account; v is made up, and whatever the
 * client proves is wrong. */
enum sasl_next sasl_server_verifier(struct sasl_server *s, const struct scram_verifier *v,
                                    bool known, struct buf *out);
/* After SASL_SECRET of CRAM-MD5: the password itself. */
enum sasl_next sasl_server_secret(struct sasl_server *s, str password);
void sasl_server_end(struct sasl_server *s); /* wipes and frees; zeroed is fine */

/* ---- sasl_client.c --------------------------------------------------------------------------- */

struct sasl_client {
  enum sasl_mech mech;
  struct buf user, secret; /* secret: password, or XOAUTH2's token */
  int step;                /* the rest is its own */
  struct buf nonce, bare, auth_message;
  struct crypto_pbkdf2 *work;
  unsigned char salted[32];
  struct scram_verifier v; /* of the server's answer: salt and rounds */
  bool proven;
};
int sasl_client_init(struct sasl_client *c, enum sasl_mech mech, str user, str secret, str nonce);
/* SASL_CHALLENGE with true: out is an initial response, "AUTH MECH BASE64". With false: "AUTH
 * MECH". */
enum sasl_next sasl_client_begin(struct sasl_client *c, struct buf *out, bool *initial);
/* A 334 came: what to answer is put in place of out. */
enum sasl_next sasl_client_step(struct sasl_client *c, str challenge, struct buf *out);
/* SCRAM's password, some milliseconds of it: SASL_WORK again, or SASL_CHALLENGE: out is the
 * answer. */
enum sasl_next sasl_client_work(struct sasl_client *c, struct buf *out);
/* May a 235 be believed now? SCRAM's server must have proved itself before. */
bool sasl_client_done(const struct sasl_client *c);
void sasl_client_end(struct sasl_client *c); /* wipes and frees; zeroed is fine */

/* ---- login.c ------------------------------------------------------------------------------------
 * The client's side of AUTH (RFC 4954): lines in, lines out. Does no I/O. */
struct login {
  struct sasl_client sasl;
  char *user, *secret; /* owned, wiped in the end; user NULL: nobody logs in */
  enum sasl_mech mech; /* the one wanted; SASL_MECHS: the best that is offered */
};

enum login_next {
  LOGIN_SAY,     /* the line, without CRLF, and hear what comes */
  LOGIN_WORK,    /* login_work in the next turn */
  LOGIN_DONE,    /* the server let us in, and proved itself where the mechanism can */
  LOGIN_REFUSED, /* it said so */
  LOGIN_NONE,    /* it offers nothing we could use */
  LOGIN_BROKEN   /* it does not keep to the mechanism, or gave a false proof, or memory is out */
};

/* Copies. -1: no memory. */
int login_init(struct login *l, str user, str secret, enum sasl_mech mech);
/* offered: a bit for each enum sasl_mech, 1 << mech. */
enum login_next login_begin(struct login *l, unsigned offered, struct buf *line);
/* A reply: its code, and the text of its last line. */
enum login_next login_heard(struct login *l, int code, str text, struct buf *line);
enum login_next login_work(struct login *l, struct buf *line);
void login_end(struct login *l); /* zeroed is fine */

#endif
