/* smtp/mail.h: one mail on its way: envelope, header, what the rules said so far.
 *
 * The same struct serves a session (the mail is coming in) and the queue runner (it is stored).
 * A session has a chain of them, each beginning as a copy of what the one before gathered: the
 * connection's, the greeting's, the transaction's. So what a rule did at `connect` reaches every
 * message of the connection, and RSET forgets only the last.
 */
#ifndef SMTP_MAIL_H
#define SMTP_MAIL_H

#include "../rules/rules.h"
#include "../sqlite/store.h"
#include "conf.h"
#include "header.h"

struct mail_rcpt {
  str address;  /* where it goes */
  str original; /* as the client gave it; empty: a rule added it */
  bool by_client;
  bool permitted; /* a relay check ran for this recipient and found the client in its hosts */
  bool rewritten; /* by a rule: no longer judged by the guard of known recipients */
  bool settled;   /* aliases were looked up, and it is no alias (settle.h) */
  enum rules_transport transport;
  str target; /* of forward */
  str dsn;    /* what the client wants to be told of it (dsn.h) */
  int row;    /* of a stored mail, its number there; 0: a rule added it since */
};

struct judge;

struct mail {
  struct arena *arena;     /* borrows: owns all texts and lists below */
  const struct conf *conf; /* borrows */
  struct store *store;     /* borrows: its accounts are recipients; NULL: there are none */
  struct rules_facts facts;
  bool esmtp, utf8; /* for the Received field */
  str tls;          /* likewise: suite and version; empty: it came in clear */
  bool dropped;     /* left in the drop folder, not sent by a client; by whom */
  uint32_t dropped_by;
  str dsn;            /* RET and ENVID (dsn.h) */
  bool sender_proved; /* SPF: the client may send for mail_from */
  struct mail_rcpt *rcpt;
  size_t rcpt_count, rcpt_size;
  struct header header; /* until the message arrived: what rules want added to it */
  bool arrived;
  bool again; /* stored, and its rules were asked before: who it is for is settled */
  str mark;   /* for the Subject, once the message is there; p NULL: none */
  /* What keeps later stages from running (rules/README.md#statuses); RULES_NEXT: nothing does. */
  enum rules_kind skip;
  struct rules_code reply; /* what the client is told in the end; basic 0: the configured Ok */
  str quarantine;          /* with RULES_QUARANTINE: the queue */
  enum stage decided;      /* who decided that, */
  str directive, reason;
  struct store_trace *trace;
  size_t trace_count, trace_size;
  /* The body, piece by piece, as incoming_read and queue_body give it; NULL: none yet. */
  int (*body)(void *source, size_t n, struct buf *out, struct err *e);
  void *source;
  struct judge *judge; /* who runs the rules over it just now, for their questions */
};

/* A mail that begins with nothing, or as parent left it (facts, pending header and recipients,
 * skip state, trace). NULL: no memory. */
struct mail *mail_new(struct arena *a, const struct conf *conf, const struct mail *parent);

int mail_rcpt_add(struct mail *m, str address, bool by_client, struct err *e);
void mail_rcpt_remove(struct mail *m, size_t i);
/* One mailbox: domains, and all of our own addresses, are the same in capitals and small
 * letters. */
bool mail_rcpt_same(const struct conf *conf, str a, str b);

/* The message came: its header block, to which what rules had pending is joined, in front. trace:
 * it comes from outside, so a Received field is put between the two (RFC 5321 §4.4), and results it
 * claims to have from us are removed. */
int mail_arrive(struct mail *m, str block, bool trace, struct err *e);
/* Puts the mark before the Subject unless it begins so; if the message has not come yet, then. */
int mail_mark_subject(struct mail *m, str mark, struct err *e);
/* The Subject without its encodings, for people. */
str mail_subject(const struct mail *m);
/* The header block with its empty line, as it is sent and stored. */
int mail_header(const struct mail *m, struct buf *out, struct err *e);

/* A decision is noted; texts are copied. Without memory it is lost, not the mail. */
void mail_trace(struct mail *m, enum stage stage, str directive, const char *kind, str status,
                str detail);
/* What the client is told when it was accepted; basic 0: the configured Ok. */
void mail_set_reply(struct mail *m, const struct rules_code *code);
str mail_stage_name(enum stage s);
/* Keeps a verdict that bars later stages. */
void mail_set_skip(struct mail *m, enum stage stage, const struct rules_verdict *v);

/* What a stored mail remembers of its session, for rules that run after the queue: text of the
 * column `context`, TOML. */
int mail_context_write(const struct mail *m, struct buf *out);
/* A stored mail again, with the recipients that are pending, or, when rules are asked again, with
 * all whom they may name; header is its block with the empty line. NULL with e. */
struct mail *mail_restore(struct arena *a, const struct conf *conf, const struct store_mail *stored,
                          str header, bool again, struct err *e);
/* Mail for one of our domains goes to its mailbox unless a rule chose otherwise
 * (rules/README.md#how-it-is-delivered). */
const char *mail_default_transport(const struct conf *conf, str address);
/* The rows of its recipients, in a. next_at: when the first attempt is due. NULL: no memory. */
struct store_rcpt *mail_rcpt_rows(const struct mail *m, struct arena *a, int64_t next_at);

extern const struct rules_host host_functions; /* host.c: tx is a struct mail */

#endif
