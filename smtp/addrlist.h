/* smtp/addrlist.h: the addresses in a field such as To (RFC 5322 §3.4). Pure. */
#ifndef SMTP_ADDRLIST_H
#define SMTP_ADDRLIST_H

#include "../vsmtp.h"

/* The next address of a list from the front of *rest, as it stands in the text: what is between "<"
 * and ">", or a bare one. Names, comments and groups around it are passed over. False when there is
 * none left. It is not checked: words that make no address come out as they are. */
bool addrlist_next(str *rest, str *address);

#endif
