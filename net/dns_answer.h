/* net/dns_answer.h: a message of a name server, read. */
#ifndef NET_DNS_ANSWER_H
#define NET_DNS_ANSWER_H

#include "net.h"

/* Reads the answer to a question for `type`: the records of that type at the end of the chain of
 * CNAMEs that begins at the name asked for. Everything is allocated from a. When the chain ends in
 * a name the message says nothing about, *next names it and the status is DNS_NODATA. Malformed:
 * DNS_TEMP. */
void dns_answer_read(str message, enum dns_type type, struct arena *a, struct dns_answer *out,
                     str *next);

#endif
