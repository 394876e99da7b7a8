/* smtp/srs.h: senders rewritten for mail that is sent on (SRS, the Sender Rewriting Scheme).
 *
 * A server that looks at SPF takes mail of alice@far.example from us only if the sender is ours:
 *
 *   SRS0=HASH=TT=far.example=alice@home.example
 *   SRS1=HASH=host.example==HASH=TT=far.example=alice@home.example   of a sender that was one
 *
 * A bounce to it comes back here and goes on to alice, if the hash is ours and TT, a day, not over
 * 21 days ago. As libsrs2 and postsrsd have it: HMAC-SHA1 over the lower-case parts, the beginning
 * of its base64, days and base32 letters; but where a part ends is signed too. Pure functions but
 * for srs_load.
 */
#ifndef SMTP_SRS_H
#define SMTP_SRS_H

#include "conf.h"

struct store;

#define SRS_KEY 32
struct srs {
  unsigned char key[SRS_KEY], previous[SRS_KEY];
  bool on, has_previous; /* not on: nothing is rewritten, nothing is known */
};

/* The keys of the store; one is made if there is none, or an old one. -1 with e. */
int srs_load(struct srs *s, struct store *store, struct err *e);

/* The sender for a copy to rcpt: mail_from itself, or its rewritten form when neither is ours.
 * Where that cannot be (it would be too long, the local part is quoted) it stays. In a. */
str srs_sender(const struct srs *s, const struct conf *conf, str mail_from, str rcpt,
               struct arena *a);
/* Whom a bounce to this address of ours is for; false: it is no rewritten one, or its hash or its
 * day is wrong. In a. */
bool srs_recipient(const struct srs *s, const struct conf *conf, str rcpt, struct arena *a,
                   str *out);

/* ---- the parts, for tests -----------------------------------------------------------------------
 * now is a wall time; key may have any length. -1: it cannot be rewritten; it is none of ours. */
int srs_forward(str key, str sender, str domain, int64_t now, struct arena *a, str *out);
int srs_reverse(str key, str local, int64_t now, struct arena *a, str *out);

#endif
