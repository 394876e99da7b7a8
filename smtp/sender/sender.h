/* smtp/sender/sender.h: is the sender who he says he is? */
#ifndef SMTP_SENDER_H
#define SMTP_SENDER_H

#include "../../net/net.h"

/* ---- spf.c --------------------------------------------------------------------------------------
 * May this client send for this domain? An evaluation of RFC 7208, check_host(). */
/* What is asked. Copied. */
struct spf_request {
  str ip;       /* of the client */
  str helo;     /* as it said */
  str sender;   /* of MAIL FROM; empty: the null sender, and the identity HELO: postmaster@helo */
  str receiver; /* our name, for explanations */
};

/* Slices live during the callback. */
struct spf_result {
  str word;        /* "none", "neutral", "pass", "fail", "softfail", "temperror", "permerror" */
  str mechanism;   /* the directive that decided, or "default"; empty: none did */
  str problem;     /* of none, temperror, permerror: what the trouble was */
  str explanation; /* of fail: what the domain's owner has to say (printable ASCII), or empty */
};

struct spf;
/* Called once, by the loop, never from inside spf_start; the evaluation is over then. */
typedef void spf_fn(void *arg, const struct spf_result *r);

/* Begins an evaluation. It takes LIMIT_SPF_TIME at most, blocks nobody, and asks d's name servers.
 * NULL with e: no memory, or the ip is none. */
struct spf *spf_start(struct loop *l, struct dns *d, const struct spf_request *rq, spf_fn *fn,
                      void *arg, struct err *e);
void spf_cancel(struct spf *s); /* fn will not be called; NULL is fine */
const char *spf_library_version(void);

#endif
