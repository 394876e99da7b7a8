/* smtp/target.h: the server a mail is handed to, as rules and configuration write it. Pure
 * functions.
 *
 *   HOST  IP  HOST:PORT  IP:PORT  [IP6]:PORT  [IP6%INTERFACE]:PORT
 *   SCHEME://[USER[:PASSWORD]@]HOST[:PORT][?KEY=VALUE&…]      smtp smtps lmtp
 *   lmtp:unix:/PATH[?KEY=VALUE&…]
 *
 *   tls=none|opportunistic|required|verified   auth=plain|login|scram-sha-256|xoauth2
 *   password_file=/PATH   token_file=/PATH
 *
 * User, password and values may hold octets as %XX. A HOST is not looked up for MX.
 *
 * The command that prints a token stands in [server.relay] alone: a rule may put an address into a
 * target, and what a stranger wrote must never become a program's argument.
 */
#ifndef SMTP_TARGET_H
#define SMTP_TARGET_H

#include "../net/net.h"
#include "../vsmtp.h"

/* How much encryption a server must speak. ORDER TARGET_TLS: conf_keys.c and target.c have the
 * words */
enum target_tls {
  TARGET_TLS_NONE,
  TARGET_TLS_OPPORTUNISTIC, /* if it offers STARTTLS, whoever it is */
  TARGET_TLS_REQUIRED,
  TARGET_TLS_VERIFIED /* and it must prove that it is `host` */
};

/* ORDER TARGET_AUTH: target_auths in target.c. */
enum target_auth {
  TARGET_AUTH_BEST,
  TARGET_AUTH_PLAIN,
  TARGET_AUTH_LOGIN,
  TARGET_AUTH_SCRAM_SHA_256,
  TARGET_AUTH_XOAUTH2
};

struct target {
  str host;   /* a name, or an IP without brackets; of a socket its path */
  bool local; /* a socket of this machine */
  bool ip;
  bool lmtp;
  bool implicit; /* TLS from the first octet */
  uint16_t port;
  enum target_tls tls;
  enum target_auth auth;
  str user;                                /* empty: nobody logs in */
  str password, password_file, token_file; /* with a user one of them, */
  bool token_command;                      /* or the one of [server.relay] */
};

/* The texts of out lie in a. -1 with e, whose text never holds a password. A password goes to
 * nobody but a server that proved its name, unless tls says otherwise. */
int target_parse(str text, struct arena *a, struct target *out, struct err *e);
/* HOST[:PORT], IP[:PORT] or [IP6]:PORT alone: fills host, ip and port, which keeps its value where
 * none is given. What out points to lies where text does. */
int target_parse_host(str text, struct target *out, struct err *e);
/* text as it may be shown: without a password. */
void target_show(str text, struct buf *out);

#endif
