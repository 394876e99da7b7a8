/* smtp/clamd_reply.h: what clamd answers to INSTREAM. Pure. */
#ifndef SMTP_CLAMD_REPLY_H
#define SMTP_CLAMD_REPLY_H

#include "../vsmtp.h"

enum clamd_verdict {
  CLAMD_NONE, /* no verdict: an error, or nothing clamd ever says */
  CLAMD_CLEAN,
  CLAMD_FOUND
};
/* reply: all up to the NUL that ends it. *name: the virus (FOUND), printable ASCII, or what is
 * wrong (NONE), any octets; borrows. Only the two sentences clamd has for a verdict are one. */
enum clamd_verdict clamd_reply(str reply, str *name);

#endif
