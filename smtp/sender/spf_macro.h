/* smtp/sender/spf_macro.h: the macro language of SPF records (RFC 7208 §7). */
#ifndef SENDER_SPF_MACRO_H
#define SENDER_SPF_MACRO_H

#include "../../base/base.h"

/* Which macro letters a text may use: c, r and t only make sense in an explanation. */
#define SPF_MACRO_LETTERS     "slodiphv"
#define SPF_MACRO_LETTERS_EXP SPF_MACRO_LETTERS "crt"

/* macro-string of the grammar; with spaces: explain-string. */
bool spf_macro_string_ok(str text, const char *letters, bool spaces);
/* domain-spec of the grammar: it ends in a top label or a macro. */
bool spf_macro_domain_ok(str text);
/* Does the macro of that small letter occur in a text that is ok? */
bool spf_macro_uses(str text, char letter);

struct spf_macro_facts {
  str sender, local, sender_domain; /* s, l, o */
  str domain, helo, receiver;       /* d, h, r */
  str validated;                    /* p; of use only if the text uses it */
  bool v6;
  uint8_t ip[16]; /* 4 or 16 octets */
  int64_t now;    /* seconds since 1970 */
};
/* Adds the text, which is ok, with its macros replaced. */
void spf_macro_expand(str text, const struct spf_macro_facts *facts, struct buf *out);

#endif
