/* rules/mailbox.h: domains and mailboxes as rules write them (RFC 5321 §4.1.2, RFC 6531). */
#ifndef RULES_MAILBOX_H
#define RULES_MAILBOX_H

#include "../base/base.h"

bool mailbox_domain_valid(str s); /* a domain name; one dot at the end is allowed */
bool mailbox_valid(str s);        /* local@domain, the domain a name or an address literal */
/* Splits at the last @ outside quotes, without judging the parts. Without @ all is local part. */
void mailbox_split(str s, str *local, str *domain);

#endif
