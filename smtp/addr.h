/* smtp/addr.h: mailboxes, paths and domains of RFC 5321 §4.1.2. Pure functions. */
#ifndef SMTP_ADDR_H
#define SMTP_ADDR_H

#include "../vsmtp.h"

/* A mailbox in its one canonical spelling: quotes only where the local part needs them. */
struct addr {
  str text;   /* local@domain; "" is the null reverse-path; no '@' when there is no domain */
  str local;  /* with its quotes, if any */
  str domain; /* as written, an address literal with its brackets; "" if there is none */
};

enum addr_fault {
  ADDR_OK,
  ADDR_SYNTAX,     /* not a path at all */
  ADDR_BAD_LOCAL,  /* malformed local part */
  ADDR_BAD_DOMAIN, /* malformed domain or address literal */
  ADDR_TOO_LONG,   /* over the sizes of §4.5.3.1 */
  ADDR_NEEDS_UTF8, /* not ASCII, and SMTPUTF8 was not asked for */
  ADDR_NOMEM
};

/* Parses a path "<" [source route ":"] [mailbox | local-part] ">" at the start of *in and moves *in
 * behind it. The source route is ignored, as §3.6.1 wants. out is allocated from a. "<>" gives
 * an empty text; a mailbox without domain gives an empty domain: the caller knows where they are
 * legal. */
enum addr_fault addr_path(str *in, bool utf8, struct arena *a, struct addr *out);

/* The whole of s is a mailbox with a domain, without angle brackets. */
enum addr_fault addr_mailbox(str s, bool utf8, struct arena *a, struct addr *out);

/* A domain of §4.1.2 (an underscore is let pass, as it is in use), without trailing dot. */
bool addr_domain_ok(str domain, bool utf8);

/* The address an address literal "[192.0.2.1]" or "[IPv6:2001:db8::1]" stands for, as canonical
 * text in out; -1 if domain is no such literal. */
#define ADDR_IP_MAX 48
int addr_literal(str domain, char out[ADDR_IP_MAX]);

/* Of an address that was read already: what stands behind and before its last "@". Without one
 * there is no domain. */
str addr_domain(str address);
str addr_local(str address);

bool addr_is_ascii(str s);

/* What the local part says without its quotes and backslashes; result in a. */
str addr_unquote(str local, struct arena *a);

#endif
