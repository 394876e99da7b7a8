/* smtp/queue/attempt_int.h: the cellar of attempt.c: an attempt, and the two ways recipients are
 * tried. */
#ifndef QUEUE_ATTEMPT_INT_H
#define QUEUE_ATTEMPT_INT_H

#include "bounce.h"
#include "deliver_int.h"
#include "../outbound/outbound.h"

/* The stored mail as it is sent; there may be several at a time. */
struct attempt_text {
  struct mail_stream mail;
  bool lost; /* a part of it is not there any more */
};

struct attempt {
  struct deliver_job *job;
  size_t under_way; /* groups, and the mailboxes as one */
  bool draining;    /* no mailbox is begun any more */
  /* attempt_send.c's own */
  struct attempt_group *groups;
  /* attempt_local.c's own */
  size_t at;             /* index of the recipient being tried */
  struct list_link link; /* in line for the helper */
  struct helper_job *helper;
  struct attempt_text text;
  /* outcomes that are not written yet */
  struct store_outcome *outcomes;
  struct bounce_more *more;
  size_t count;
  struct store_trace *trace;
  size_t trace_count;
};

static inline const struct store_rcpt *attempt_rcpt(const struct attempt *a, size_t i)
{
  return &a->job->claim->mail.rcpt[i];
}

/* attempt.c. What became of recipient i. tried: it counts as an attempt; end: what outbound.c says
 * of it, NULL for a mailbox. Texts are copied. */
void attempt_outcome(struct attempt *a, size_t i, enum store_status status, bool tried, str reply,
                     const struct outbound_end *end);
/* Whenever something ended: writes what must be now, or in the end all, so that there is one report
 * for all who failed. The job may be gone afterwards. */
void attempt_go_on(struct attempt *a);

/* The header is there, and the text begins; -1: it cannot be read. */
int attempt_open(struct attempt *a, struct attempt_text *t, struct err *e);
/* Up to n octets of the mail from `at` on; -1: it cannot be read. */
ptrdiff_t attempt_read(struct attempt *a, struct attempt_text *t, uint64_t at, char *p, size_t n);

/* attempt_local.c */
bool attempt_is_local(const struct store_rcpt *r);
void attempt_local_on(struct attempt *a);   /* goes on with the next mailbox */
void attempt_local_next(struct deliver *d); /* a place at the helper may be free */
void attempt_local_drain(struct attempt *a);
void attempt_local_cancel(struct attempt *a);

/* attempt_send.c */
void attempt_send_add(struct attempt *a, size_t i); /* one more who is elsewhere */
void attempt_send(struct attempt *a);               /* all were added */
void attempt_send_drain(struct attempt *a);
void attempt_send_cancel(struct attempt *a);

#endif
