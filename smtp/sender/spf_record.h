/* smtp/sender/spf_record.h: an SPF record: checked whole, then read term by term (RFC 7208 §4.5,
 * §12). */
#ifndef SENDER_SPF_RECORD_H
#define SENDER_SPF_RECORD_H

#include "../../base/base.h"

/* ORDER SPF_RECORD: spf_record_mechanisms in spf_record.c. */
enum spf_record_kind {
  SPF_RECORD_ALL,
  SPF_RECORD_INCLUDE,
  SPF_RECORD_A,
  SPF_RECORD_MX,
  SPF_RECORD_PTR,
  SPF_RECORD_IP4,
  SPF_RECORD_IP6,
  SPF_RECORD_EXISTS
};

/* A directive. Slices point into the record. */
struct spf_term {
  enum spf_record_kind kind;
  char qualifier;   /* + - ~ ? */
  str text;         /* as it stands there */
  str domain;       /* domain-spec, macros not expanded; empty: none given */
  int cidr4, cidr6; /* 32 and 128 when not given */
  uint8_t ip[16];   /* ip4 (4), ip6 (16) */
};

/* Borrows its text. */
struct spf_record {
  str text;
  size_t at;         /* where the next directive is looked for */
  str redirect, exp; /* domain-specs; p NULL: there is no such modifier */
};

bool spf_record_is(str txt); /* is this TXT record an SPF record at all? §4.5 */
/* Checks every octet of a text that is one. -1: e says what is wrong with it. */
int spf_record_parse(str txt, struct spf_record *out, struct err *e);
bool spf_record_next(struct spf_record *r, struct spf_term *out); /* false: that were all */

#endif
