/* smtp/policy/policy.h: one mail and its rules: what they may ask and do, what no rule can forget.
 */
#ifndef SMTP_POLICY_H
#define SMTP_POLICY_H

#include "../../net/net.h"
#include "../../rules/rules.h"
#include "../../sqlite/store.h"
#include "../../vsmtp.h"
#include "../conf/conf.h"
#include "../format/format.h"
#include "../helper/helper.h"

/* ---- deliver_step.c -----------------------------------------------------------------------------
 * How far the rules of a stored mail have come: the number in its column
 * `step`.
 *
 * It names a stage, a directive of it, and what about that. The directive's name stands in the
 * column `rule` beside it, because rules may be others by then. 0: from the start of `postq`. */
enum deliver_at {
  DELIVER_FROM,     /* the directive is asked */
  DELIVER_RETURNED, /* it delegates, and the mail has come back: its body is asked */
  DELIVER_AFTER     /* the one behind it is asked */
};
int deliver_step(enum stage stage, size_t directive, enum deliver_at at);

/* Steps behind all rules. */
#define DELIVER_RULED (STAGE_COUNT << 16) /* none is asked any more */
#define DELIVER_ASKED (DELIVER_RULED | 1) /* none is left for the attempt that comes, */
#define DELIVER_AGAIN (DELIVER_RULED | 2) /* before the next one `delivery` is asked again */

/* A step read back; any number is one. */
struct deliver_point {
  enum stage stage; /* STAGE_COUNT: behind all rules */
  bool inside;      /* not at the start of the stage */
  enum deliver_at at;
};
struct deliver_point deliver_point_of(int step);

/* ---- inbox.c ------------------------------------------------------------------------------------
 * Which mailbox of this machine a recipient has. */
struct inbox {
  enum helper_into into;
  str user;          /* HELPER_USER: the system user's name */
  str local, domain; /* HELPER_FOLDER: parts of its path, in small letters */
  bool to_make;      /* an account whose folder is not there yet: see inbox_make */
};

/* A label behind '+' is looked at only if there is a mailbox with it. 1: found; 0: there is no such
 * mailbox; -1: it cannot be told now (no memory, no descriptor, no right to look), so nobody may be
 * refused for ever. The folders and /etc/passwd are asked each time, so a mailbox exists from the
 * moment its folder is made. store has the accounts; NULL: there are none. Texts in out come from
 * a. */
int inbox_mailbox(const struct conf *conf, struct store *store, str address, struct arena *a,
                  struct inbox *out);

/* Makes the folder of a mailbox that was found, if it must be. */
int inbox_make(const struct conf *conf, const struct inbox *where, struct arena *a, struct err *e);

/* The same for the postmaster of server.domain, whom every server must have. */
int inbox_make_postmaster(const struct conf *conf, struct err *e);

/* Is there such a system user, with a uid from 1000 on? */
bool inbox_system_user(str name);

/* The folder that holds all mailboxes, app.dirpath/mailboxes; in a. */
str inbox_root(const struct conf *conf, struct arena *a);
/* And in it that of a domain. */
str inbox_domain_folder(const struct conf *conf, str domain, struct arena *a);

/* ---- srs.c --------------------------------------------------------------------------------------
 * Senders rewritten for mail that is sent on (SRS, the Sender Rewriting Scheme).
 *
 * A server that looks at SPF takes mail of alice@far.example from us only if the sender is ours:
 *
 *   SRS0=HASH=TT=far.example=alice@home.example
 *   SRS1=HASH=host.example==HASH=TT=far.example=alice@home.example   of a sender that was one
 *
 * A bounce to it comes back here and goes on to alice, if the hash is ours and TT, a day, not over
 * 21 days ago. As libsrs2 and postsrsd have it: HMAC-SHA1 over the lower-case parts, the beginning
 * of its base64, days and base32 letters; but where a part ends is signed too. Pure functions but
 * for srs_load. */
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

/* ---- spool.c ------------------------------------------------------------------------------------
 * The folders a server needs: made before it serves, and looked at in case somebody
 * else made them.
 *
 * The law: no path that root uses ends in a folder of somebody else, who could have put a link
 * there. As root a thing is done only where every folder on the way is root's alone; all else is
 * done as the server's user (privilege_lend). */
/* Is nobody but root able to change what this folder holds, or any above it? It may not be there
 * yet. */
bool spool_is_roots(str folder);

/* Makes a folder, and those above it that are missing. What root makes is given to the server's
 * user; those above are for everybody to enter. */
int spool_make_folder(const struct conf *conf, str path, mode_t mode, struct err *e);

/* The queue's folder with the one of `sendmail`, the rules' folder, and in that the mailboxes' with
 * the one of the postmaster, whom every domain must have (RFC 5321 §4.5.1). For the server, and for
 * a command that comes before its first start. */
int spool_make(const struct conf *conf, struct err *e);

/* Looks at those that are there, as whoever calls: each that he cannot use is said, with its owner
 * and what to type. About file as a whole. Gives how many faults it found, warnings aside. */
size_t spool_judge(const struct conf *conf, str file, struct diags *d);

/* ---- mail.c -------------------------------------------------------------------------------------
 * One mail on its way: envelope, header, what the rules said so far.
 *
 * The same struct serves a session (the mail is coming in) and the queue runner (it is stored).
 * A session has a chain of them, each beginning as a copy of what the one before gathered: the
 * connection's, the greeting's, the transaction's. So what a rule did at `connect` reaches every
 * message of the connection, and RSET forgets only the last. */
struct mail_rcpt {
  str address;  /* where it goes */
  str original; /* as the client gave it; empty: a rule added it */
  bool by_client;
  bool permitted; /* a relay check ran for this recipient and found the client in its hosts */
  bool rewritten; /* by a rule: no longer judged by the guard of known recipients */
  bool expanded;  /* aliases were looked up, and it is no alias (rcpt_expand.h) */
  enum transport transport;
  str target; /* of forward */
  str dsn;    /* what the client wants to be told of it (dsn.h) */
  int row;    /* of a stored mail, its number there; 0: a rule added it since */
};

struct judge;

/* Piece n of a body is added to out, as incoming_read and queue_body do it: 1, 0 none is left, -1
 * with e. */
typedef int mail_body_fn(void *source, size_t n, struct buf *out, struct err *e);

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
  bool again; /* stored, and its rules were asked before: who it is for is decided */
  str mark;   /* for the Subject, once the message is there; p NULL: none */
  /* What keeps later stages from running (rules/README.md#statuses); RULES_NEXT: nothing does. */
  enum rules_kind skip;
  struct rules_code reply; /* what the client is told in the end; basic 0: the configured Ok */
  str quarantine;          /* with RULES_QUARANTINE: the queue */
  enum stage decided;      /* who decided that, */
  str directive, reason;
  struct store_trace *trace;
  size_t trace_count, trace_size;
  mail_body_fn *body; /* NULL: none yet */
  void *source;
  struct judge *judge; /* who runs the rules over it just now, for their questions */
};

/* ---- mail_stream.c: header and body as one run of octets ----------------------------------------
 * Lives in its owner's struct, zeroed but for what is borrowed until mail_stream_free. */
struct mail_stream {
  str head;           /* the block with its empty line; or empty: the body alone */
  mail_body_fn *body; /* NULL: there is none */
  void *source;
  struct buf piece;  /* mail_stream.c's own: of the body, */
  uint64_t piece_at; /* where in the run it begins, */
  size_t next;       /* and the number of the next */
};
/* The octets from `at` on that are at hand, until the next call; empty: the mail ends there. p NULL
 * with e: they cannot be read. Reading on costs little, going back begins at the first piece. */
str mail_stream_at(struct mail_stream *s, uint64_t at, struct err *e);
/* The same copied, at most n: how many, or -1. */
ptrdiff_t mail_stream_read(struct mail_stream *s, uint64_t at, char *p, size_t n, struct err *e);
void mail_stream_free(struct mail_stream *s); /* its piece; it can be read again */

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
enum transport mail_default_transport(const struct conf *conf, str address);
/* The rows of its recipients, in a. next_at: when the first attempt is due. NULL: no memory. */
struct store_rcpt *mail_rcpt_rows(const struct mail *m, struct arena *a, int64_t next_at);

extern const struct rules_host host_functions; /* host.c: tx is a struct mail */

/* ---- table.c ------------------------------------------------------------------------------------
 * The file of a `db:csv` service (rules/README.md#services).
 *
 * Every use of the file holds flock(2) on it, shared or exclusive, so that another program that
 * does the same can change it meanwhile. A record is added at the end in one write; removing writes
 * the file anew beside the old one, syncs it and puts it in its place. */
struct table;

struct table_options {
  str path; /* absolute */
  str own;  /* the folder of our database, whose files no rule may open */
  char delimiter;
  bool always; /* read for each question; else once, at the first */
};
struct table *table_new(const struct table_options *o); /* copies; NULL: no memory */
void table_free(struct table *t);

enum table_done { TABLE_FAILED = -1, TABLE_NONE, TABLE_DONE, TABLE_BUSY };
/* The first record whose first field is the key. NONE: there is none; BUSY: another program has the
 * file locked. */
enum table_done table_get(struct table *t, str key, struct csv_record *r, struct err *e);
enum table_done table_add(struct table *t, const struct datum *fields, size_t n, struct err *e);
enum table_done table_remove(struct table *t, str key, struct err *e);

/* ---- commands.c ---------------------------------------------------------------------------------
 * The commands of rules and configuration: told to the helper once, then run by
 * it.
 *
 * The helper runs what it was told of when the server started and nothing else, whatever becomes of
 * the server later. So a reload can drop a `cmd` service or bring one back, but a new one, or one
 * whose command, user, group or timeout changed, waits for a restart; and so does token_command
 * with each of its words.
 *
 * LIMIT_COMMANDS run at once; the others wait in line. */
/* What is run for a `cmd` service, and for server.relay.token_command, which must be there. They
 * borrow from what they are made of. */
struct helper_service commands_of_rules(const struct rules_declared *d);
struct helper_service commands_of_relay(const struct conf *conf);

struct commands;
/* Tells the helper, which is attached, all commands of this configuration and these rules. NULL
 * with e. */
struct commands *commands_new(struct loop *l, struct helper *h, const struct conf *conf,
                              const struct rules *r, struct err *e);
void commands_free(struct commands *c); /* its calls were cancelled or are over; NULL is fine */
/* Does the helper know this one? */
bool commands_knows(const struct commands *c, const struct helper_service *s);

struct commands_call;
/* Runs it with these arguments (copied); output as in helper_run. Once, from the loop, ran is
 * called. NULL with e: ERR_PERM the helper does not know it, ERR_NOMEM. */
struct commands_call *commands_run(struct commands *c, const struct helper_service *s,
                                   const struct datum *args, size_t n, size_t output,
                                   helper_ran_fn *ran, void *arg, struct err *e);
/* ran will not be called; what runs is killed. NULL is fine. */
void commands_cancel(struct commands_call *call);

/* ---- policy.c -----------------------------------------------------------------------------------
 * A configuration with its certificates and rules: loaded as one, swapped as one.
 *
 * Whoever works by a policy holds it, so a reload changes nothing under anybody's feet. */
struct commands;
struct helper;
struct services;
struct store;

struct policy {
  unsigned refs;
  struct conf *conf;
  struct certs *certs;
  struct rules *rules;
  struct dns *dns; /* once somebody asked; gone with the policy, which must not outlive the loop */
  struct commands *commands; /* borrows: those the rules may run; NULL: none */
  struct services *outside;  /* like dns */
};

/* In two steps, because certificates are read before the rights of root end, rules afterwards.
 * Faults and warnings go to d. First conf, which is taken, also on failure, and its certificates;
 * NULL when a fault is an error. */
struct policy *policy_new(struct conf *conf, struct diags *d);
/* Then its rules; -1 when a fault is an error: release it. */
int policy_load(struct policy *p, struct diags *d);
struct policy *policy_hold(struct policy *p); /* one more reference; returns p */
void policy_release(struct policy *p);        /* NULL is fine */

/* The name servers it asks. NULL with e. */
struct dns *policy_dns(struct policy *p, struct loop *l, struct err *e);
/* The services its rules call. NULL with e. */
struct services *policy_outside(struct policy *p, struct loop *l, struct err *e);

/* One mail transfer agent at work: what all its parts have, and its server makes. */
struct mta {
  struct loop *loop;
  struct store *store; /* NULL while it is closed: at the start and at the end */
  struct helper *helper;
  struct policy *policy; /* of today: sessions and deliveries hold the one they began with */
  struct srs srs;        /* keys for senders of mail that is sent on */
};

/* The rules that conf names, alone (for `check`). */
struct rules *policy_rules(const struct conf *conf, struct diags *d);

/* ---- host_wait.c --------------------------------------------------------------------------------
 * What rules ask that takes time: SPF, names of the DNS, services. */
struct host_wait;
/* Called once, by the loop, never from inside host_wait_start; the question is over then. e, with a
 * NULL: why there is no answer. */
typedef void host_wait_fn(void *arg, const struct rules_answer *a, const struct err *e);

/* Asks the name servers or services of the policy, which is borrowed for as long as it takes, about
 * what the rule wants to know of m, likewise. NULL with e. */
struct host_wait *host_wait_start(struct loop *l, struct policy *p, const struct mail *m,
                                  const struct rules_question *q, host_wait_fn *fn, void *arg,
                                  struct err *e);
void host_wait_cancel(struct host_wait *a); /* fn will not be called; NULL is fine */

/* ---- router.c -----------------------------------------------------------------------------------
 * The router of this network, behind which strangers may hide. */
bool router_is(str ip);                               /* asks the kernel's tables */
bool router_find(str table, const struct netaddr *a); /* the text of the one for its family */

/* ---- judge.c ------------------------------------------------------------------------------------
 * The rules of one stage run over one mail, for sessions and the queue runner. */
/* What is asked, of which mail, and who hears the verdict. */
struct judge_order {
  struct loop *loop;
  struct policy *policy; /* borrows, as the mail */
  struct mail *mail;
  enum stage stage;
  size_t from;   /* the first directive; */
  bool returned; /* a delegate, whose message has come back: its body runs */
  void (*done)(void *arg, const struct rules_verdict *v);
  void *arg;
};

/* Lives in its owner's struct, zeroed before first use. */
struct judge {
  struct judge_order o;
  struct rules_run *run;
  struct host_wait *ask; /* what the run waits for, */
  bool of_the_sender;    /* which is whether SPF lets the client send for mail_from */
  struct task task;
  struct timer limit;           /* the time of a directive that waits */
  struct rules_verdict skipped; /* what a skip state or an empty stage stands for */
};

/* Begins a stage. When the verdict is known at once it is returned; otherwise NULL, and done is
 * called from the loop. A skip state of the mail decides without running anything, and a verdict
 * that makes one is kept in the mail. Call judge_end when the verdict was used. */
const struct rules_verdict *judge_start(struct judge *s, const struct judge_order *o);
/* Ends it, also while it runs or waits: then done is never called. */
void judge_end(struct judge *s);
extern const struct rules_verdict judge_no_memory; /* of who cannot act on another one */

/* Of host.c: begins what the run asks and will wait for. -1 with e. */
int judge_ask(struct judge *s, const struct rules_question *q, struct err *e);

/* ---- guard.c ------------------------------------------------------------------------------------
 * What no rule can forget (rules/README.md#what-no-rule-can-forget): no relay by
 * omission, no backscatter. */
/* Judges recipient i, given by a client, after the rules of stage rcpt. faccept: a rule said so.
 * Who may not relay and does not prove by SPF to be the sender hears of no success: he could have
 * reports sent to anybody. REPLY_DONE lets it pass; any other reply refuses it. */
enum reply_id guard_rcpt(struct mail *m, size_t i, bool faccept);

/* A recipient as the rules shall see it: "postmaster" gets our domain, and an address literal that
 * is our end of the connection is our domain (RFC 5321 §4.1.3). In the mail's arena. */
str guard_normal_rcpt(const struct mail *m, str address);

/* ---- rcpt_expand.c ------------------------------------------------------------------------------
 * Recipients become who they stand for.
 *
 * What a client gives is expanded when the rules of stage rcpt and the guard let it pass; what
 * rules add or rewrite later, when a stage from preq on is over. A recipient for whom a rule chose
 * a transport stays as he is: the rule knows better. So rules see at rcpt what the client gave, and
 * from preq on who gets the mail. */
/* Recipient i, whom the rules and the guard let pass. He is gone then; those he stands for, if they
 * are not there already, stand last. REPLY_DONE, or why he must be refused; then he is still
 * there. */
enum reply_id rcpt_expand_rcpt(struct mail *m, size_t i);

/* All that are not expanded yet; nobody is refused. Nothing to do when rules are asked again: whom
 * they name then was in the mail before. -1 with e: no memory. */
int rcpt_expand_all(struct mail *m, enum stage stage, struct err *e);

/* Marks a mail that goes on to addresses elsewhere, if it came to one address only, so that it is
 * known again when it comes back: Delivered-To, before anything else in its header. */
int rcpt_expand_mark(struct mail *m, struct err *e);

#endif
