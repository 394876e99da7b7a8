/* net/dns_name.h: names of the DNS, as text and as a message holds them. */
#ifndef NET_DNS_NAME_H
#define NET_DNS_NAME_H

#include "net.h"

#define DNS_NAME_WIRE 255  /* octets of a name in a message (RFC 1035 §2.3.4) */
#define DNS_NAME_MAX  1024 /* its text: each octet may be "\\ddd" */

/* The text, with or without final dot, as a message holds it. Octets written; 0: it can be no name
 * (a label that is empty or over 63 octets, a NUL, a bad escape, too long). */
size_t dns_name_write(str text, unsigned char out[DNS_NAME_WIRE]);
/* Reads the name that begins at `at`: the length of its text, which has no final dot; *used is what
 * the name takes up there. -1: malformed. */
int dns_name_read(str message, size_t at, char out[DNS_NAME_MAX + 1], size_t *used);
bool dns_name_is_plain(str text);   /* letters, digits and - _ / * alone, nothing escaped */
bool dns_name_is_private(str text); /* is it of a domain that no name server may be asked about? */
str dns_name_undotted(str text);    /* without its final dot, unless that is escaped */

#endif
