/* sqlite/store.h: the door of sqlite/: the one file on disk that holds every message.
 *
 * The store knows rows, not sockets and not mail: what a rule or a reply means is smtp's affair.
 * It never waits, except for the database's own sync. The loop calls store_turn once a turn; every
 * answer to a request comes through a callback, and callbacks are called by store_turn (and by
 * store_close) alone, never inside another function of this door. A callback may call any function
 * here except store_turn and store_close.
 *
 * Times are wall-clock milliseconds (clock_wall), 0 meaning none. Slices given to a function are
 * borrowed until it returns, unless it says "until the callback".
 * The words of the database (queue names, transports, states) are those of sqlite/README.md.
 */
#ifndef SQLITE_STORE_H
#define SQLITE_STORE_H

#include "../vsmtp.h"

struct store;
struct incoming; /* a message being received */

enum store_result {
  STORE_OK,   /* it is in the file, synced */
  STORE_TEMP, /* it is not: 451 4.3.0 */
  STORE_FULL, /* it is not: 452 4.3.1 */
  STORE_GONE  /* the message left or was moved by somebody else meanwhile; nothing was changed */
};
typedef void store_done(void *arg, enum store_result result);

/* ---- id.c ---------------------------------------------------------------------------------------
 * 26 characters of [0-9a-z] that sort by time within this process, also between processes if their
 * clocks agree; 72 bits of each are random. For messages and sessions. */
#define ID_LENGTH 26
const char *id_new(char out[ID_LENGTH + 1]); /* NUL-terminated; returns out */
bool id_valid(str id);

/* ---- store.c: opening, the turn, closing ----------------------------------------------------- */

struct store_options {
  str dirpath; /* vsmtp.db lies here; the folder exists */
  bool server; /* takes vsmtp.lock for life, removes what a crash left half received, cleans and
                  checkpoints. Else: a command beside it, which waits up to 10 s for a lock */
  bool create; /* make the file, or migrate an older schema; else both are errors */
  int64_t keep_dead, keep_trace, keep_quarantine; /* milliseconds, 0: for ever */
  void (*changed)(void *arg); /* server: there may be new work in the queue, ask queue_* again.
                                 Called by store_turn; NULL: nobody wants to know */
  void (*touched)(void *arg); /* server: a person or a command changed the file; then changed too */
  void *arg;
};
/* NULL: e says why: ERR_TEMP another server holds the lock or the file stayed locked, ERR_PERM not
 * our file, a newer schema, no right to it, ERR_IO the disk failed or the file is damaged,
 * ERR_FULL, ERR_NOMEM. ERR_SYNTAX: there is no file (and create is not set). */
struct store *store_open(const struct store_options *options, struct err *e);
/* Writes the refused sessions and any outcome still in memory (for 2 s at most), checkpoints,
 * closes. Every incoming was freed before; claims die with it. */
void store_close(struct store *s);
/* Is the file there, ours, and of our schema? Creates and changes nothing. 0 also when the file
 * does not exist yet (*exists false). */
int store_check(str dirpath, bool *exists, struct err *e);
void store_keep(struct store *s, int64_t dead, int64_t trace, int64_t quarantine); /* on reload */

/* Once a turn, after I/O and fibers. sleeping: the loop found nothing ready and would now wait.
 * Commits what is due, answers, retries, cleans. Returns the milliseconds until it wants to be
 * called again: 0 at once (poll without waiting, then call again), never over 1000. Call it with
 * sleeping false whenever there is other work: that is how a hundred clients share one sync.
 *   for (;;) { int wait = store_turn(s, false); ready = poll(0); … serve …;
 *              if (nothing was ready) { wait = store_turn(s, true); poll(wait); } } */
int store_turn(struct store *s, bool sleeping);

/* False while the file is closed after an I/O error or damage: listeners answer 421 4.3.0. The
 * store opens it again by itself, at most once a minute. */
bool store_ready(const struct store *s);
/* Room for octets more and the reserve? False: 452 4.3.1. Asked at MAIL, with its SIZE, and by
 * incoming_body at each MiB. */
bool store_space(struct store *s, uint64_t octets);

/* Versions for --version. */
int store_schema_version(void);
const char *store_library_version(void);

/* ---- what the store keeps of a message ------------------------------------------------------- */

/* ORDER QUEUE: row_queues in row.c. */
enum store_queue {
  STORE_WORKING,   /* accepted, postq not run. Without a postq stage accept into STORE_DELIVER */
  STORE_DELEGATED, /* handed to a service after the queue */
  STORE_DELIVER,   /* recipients have their own times: shown as deliver or deferred */
  STORE_DEAD,
  STORE_QUARANTINE /* then quarantine is its name */
};

enum store_status { STORE_PENDING, STORE_DONE, STORE_FAILED, STORE_REMOVED }; /* ORDER STATUS */

struct store_rcpt {
  int n;        /* its number in the message, from 1; given by the store, ignored when writing */
  str address;  /* where it goes */
  str original; /* as the client gave it; empty: the same */
  enum transport transport;
  str target; /* of forward; empty otherwise */
  enum store_status status;
  int attempts;
  int64_t next_at; /* pending: when it is due */
  str last_reply;
  str dsn;     /* smtp's own: NOTIFY= and ORCPT= as the client gave them; empty: neither */
  bool warned; /* the sender was told that it takes long */
  int by_hand; /* of the attempts those that people wanted: they make no pause longer */
};

/* One decision; rows of a message are numbered in the order given. Longer texts are cut. */
struct store_trace {
  int64_t at;    /* 0: now */
  str stage;     /* connect helo … delivery */
  str directive; /* its name and place, or empty */
  str kind;      /* rule action delegate delivery server */
  str status;
  str detail;
};

struct store_mail {
  str id;
  enum store_queue queue;
  str quarantine;          /* name, when queue is STORE_QUARANTINE */
  str stage, rule, reason; /* why it is in quarantine or dead */
  int64_t received_at;
  str client_ip;
  str helo;
  str mail_from; /* without angle brackets; empty: the null sender */
  str auth_user;
  str subject;    /* decoded, for people; cut at 256 octets */
  str context;    /* smtp's own: the facts later rules need; any bytes */
  int step;       /* smtp's own: where the rules go on */
  str last_reply; /* of the message as a whole; empty: its recipients' */
  const struct store_rcpt *rcpt;
  size_t rcpt_count;
  str header;      /* whole header block as it will be sent, with the empty line's CRLF.
                      Writing only: read it with queue_header */
  uint64_t octets; /* of the body; reading only */
  uint32_t chunks; /* likewise */
  const struct store_trace *trace; /* writing only */
  size_t trace_count;
  /* Of incoming_accept only: */
  str dropped;                   /* the drop file it was: noted in the same transaction */
  const struct store_mail *also; /* a second message of that transaction, which has no body */
};

/* Legal name of a quarantine: 1..128 characters, no control character, not a queue's name. */
bool store_quarantine_name(str name);

/* ---- incoming.c: receiving ----------------------------------------------------------------------
 * One struct incoming from DATA (or MAIL) to its answer. The body, which is everything behind the
 * empty line of the header, dots unstuffed, lines CRLF, is given as it arrives; up to LIMIT_CHUNK
 * of it stays in memory, the rest goes into the file. */

struct incoming *incoming_new(struct store *s, str id); /* NULL: no memory */

enum incoming_state {
  INCOMING_GO,   /* give more */
  INCOMING_WAIT, /* taken, but give nothing more until the ready function was called */
  INCOMING_TEMP, /* lost: read on to the dot, answer 451 4.3.0; further octets are dropped */
  INCOMING_FULL  /* likewise 452 4.3.1 */
};
/* At most LIMIT_IO_INPUT octets a call. ready is called by store_turn once after INCOMING_WAIT. */
void incoming_on_ready(struct incoming *in, void (*ready)(void *arg), void *arg);
enum incoming_state incoming_body(struct incoming *in, str octets);
enum incoming_state incoming_state(const struct incoming *in);
uint64_t incoming_octets(const struct incoming *in); /* of the body so far */

/* The body again, piece by piece: appends piece number n (from 0; each at most LIMIT_CHUNK octets)
 * to out. 1: there was one; 0: there is none, the body is complete; -1: cannot be read now. */
int incoming_read(struct incoming *in, size_t n, struct buf *out, struct err *e);

/* Parks the message: mail (borrowed until the callback, with all it points to) and the body become
 * rows, and after the synced commit done is called. mail->id must be the one given to incoming_new.
 * For STORE_DELIVER without any pending recipient only the trace is kept, and it is STORE_OK.
 * Before the callback the client may still give up: incoming_free. */
void incoming_accept(struct incoming *in, const struct store_mail *mail, store_done *done,
                     void *arg);
/* Ends it at any time, NULL is fine. Not answered STORE_OK before: nothing of it stays, and done is
 * not called any more. Always needed, after the callback too. */
void incoming_free(struct incoming *in);

/* ---- queue.c: running the queue -----------------------------------------------------------------
 * Who works on a message holds a claim, in memory: nobody else is given it. A claim ends with
 * queue_release; a crash ends all. */

struct store_claim {
  struct store_mail mail; /* all it points to lives as long as the claim; rcpt: every recipient */
};
/* The next unclaimed message of the queue WORKING or DELEGATED; or in DELIVER the one with the
 * recipient longest due at now. *claim is owned by the caller. 1 got one, 0 none, -1 cannot now. */
int queue_next(struct store *s, enum store_queue queue, int64_t now, struct store_claim **claim,
               struct err *e);
/* When the next unclaimed recipient is due: a wall time, maybe past; 0: none at all. */
int64_t queue_due_at(struct store *s);
void queue_release(struct store *s, struct store_claim *claim); /* NULL is fine */

int queue_header(struct store *s, const struct store_claim *claim, struct buf *out, struct err *e);
/* As incoming_read. The end (0) is only given when chunks and octets equal what was recorded: send
 * the final dot only then. -1 with ERR_BUG: they do not. */
int queue_body(struct store *s, struct store_claim *claim, size_t n, struct buf *out,
               struct err *e);

/* What became of recipients. The whole call is one transaction: when nobody is pending any more
 * the message leaves the file (all done or removed), or goes to dead (somebody failed). Copied at
 * once, -1: no memory, nothing was recorded: keep the claim and call again later. An error of the
 * disk keeps it in memory and it is written again, so the callback says only STORE_OK or
 * STORE_GONE; STORE_TEMP only within store_close. done may be NULL. The claim may be released at
 * once. */
struct store_outcome {
  int n; /* the recipient's number */
  enum store_status status;
  bool tried;      /* counts as an attempt */
  int64_t next_at; /* of a pending one */
  str last_reply;
  bool warned; /* the sender is told now that it takes long */
};
/* A mail of our own, a report to the sender, that appears in the same transaction: there is one of
 * it exactly when the rest is recorded. mail as for incoming_accept. */
struct store_report {
  const struct store_mail *mail;
  str body;
};
/* report may be NULL. */
int queue_record(struct store *s, const struct store_claim *claim,
                 const struct store_outcome *outcome, size_t count, const struct store_trace *trace,
                 size_t trace_count, int step, const struct store_report *report, store_done *done,
                 void *arg);

/* What rules made of a message after the queue: mail_from, context, step, queue (with quarantine,
 * stage, rule, reason), subject, last_reply and all recipients are taken from mail; header too when
 * it is not empty. Copied at once; as queue_record. A message without any pending recipient leaves
 * the file. */
int queue_change(struct store *s, const struct store_claim *claim, const struct store_mail *mail,
                 const struct store_report *report, store_done *done, void *arg);

/* Another header and body take the place of the message's, in one transaction: of mail only header,
 * step and trace count. body has all its octets; it is taken, also on -1. When done says STORE_OK
 * the claim knows the new one; STORE_TEMP or STORE_FULL: the message is as it was. */
int queue_replace(struct store *s, const struct store_claim *claim, const struct store_mail *mail,
                  struct incoming *body, store_done *done, void *arg);

/* ---- refused.c: sessions that left no message ---------------------------------------------------
 * The newest 1000 rows are kept in memory and reach the file in a commit that happens anyway. */
void refused_add(struct store *s, str sid, const struct store_trace *trace, size_t count);

/* ---- dropped.c: files of the drop folder --------------------------------------------------------
 * Was the file of that name accepted already (store_mail.dropped)? 1, 0, -1 cannot be told now.
 * Asked again a week later it may be forgotten. */
int dropped_known(struct store *s, str name, struct err *e);

/* ---- account.c: who may log in ------------------------------------------------------------------
 * A name is local@domain in small letters; a verifier is text that proves a password without
 * telling it (smtp/sasl/sasl.h). Looking waits for nothing and sees what was committed last. */

/* 1: there is such an account (its verifier is appended, unless NULL); 0: none; -1: cannot be told
 * now. */
int account_get(struct store *s, str name, struct buf *verifier, struct err *e);
int account_exists(struct store *s, str name);
int account_first(struct store *s, struct arena *a, str *name,
                  struct err *e); /* the oldest; in a */
/* For commands, which wait for the lock. 1 done, 0: there is one already (add) or none, -1. */
int account_add(struct store *s, str name, str verifier, struct err *e);
int account_set(struct store *s, str name, str verifier, struct err *e);
int account_remove(struct store *s, str name, struct err *e);
/* They are listed by view_rows, VIEW_ACCOUNT: name, made_at, changed_at. */

/* ---- secret.c: keys the server made for itself --------------------------------------------------
 * 1: its value is appended to out; 0: there is none; -1. */
int secret_get(struct store *s, str name, struct buf *out, int64_t *made_at, struct err *e);
/* Replaces it, in one of the next commits; the one it replaces becomes NAME.previous. Copied. */
int secret_set(struct store *s, str name, str value, struct err *e);

/* ---- view.c: rows for people; commands ------------------------------------------------------- */

/* ORDER VIEW */
enum store_view { VIEW_QUEUE, VIEW_RECIPIENT, VIEW_QUARANTINE, VIEW_TRACE, VIEW_ACCOUNT };
enum store_type { CELL_NULL, CELL_INT, CELL_TEXT };
struct store_cell {
  const char *column;
  enum store_type type;
  int64_t i;
  str text; /* also of an integer; lives during the call */
};
/* Calls row for each row of the view, in order of id: all, those of one message (id not empty), or
 * those of one queue (queue not empty). row returns false to stop. */
int view_rows(struct store *s, enum store_view view, str id, str queue,
              bool (*row)(void *arg, const struct store_cell *cell, size_t count), void *arg,
              struct err *e);
/* Gives the whole mail in pieces to put. 1 done, 0 no such message. */
int view_mail(struct store *s, str id, bool (*put)(void *arg, str octets), void *arg,
              struct err *e);

/* ---- quarantine.c: what people do to messages ---------------------------------------------------
 * For commands. The same rows change as by SQL on the views; a server running beside notices within
 * a second. 1 done, 0 no such message (there), -1 error: ERR_PERM not allowed for that message. */
int quarantine_release(struct store *s, str id, struct err *e);         /* only from a quarantine */
int quarantine_move(struct store *s, str id, str queue, struct err *e); /* any queue, any message:
                        working deliver dead or a quarantine; deferred and delegated: ERR_PERM */
int quarantine_retry(struct store *s, str id, struct err *e); /* due now; failed ones pending again;
                        id empty: every message that is not in a quarantine or dead */
int quarantine_remove(struct store *s, str id, bool only_quarantine, struct err *e);

/* ---- die points: test build only ----------------------------------------------------------------
 * The process kills itself when it passes the point named by VSMTP_DIE_AT=name[:nth]. */
#ifdef VSMTP_TEST
void store_die_point(const char *name);
#else
#define store_die_point(name) ((void)0)
#endif

/* ---- foreign.c: SQLite databases of others, which rules ask -------------------------------------
 * One connection each, opened when it is first asked and again when the file was replaced. A
 * statement is compiled, run to its end and forgotten within one call, LIMIT_QUERY_TIME at most; it
 * may look at tables and, where that is permitted, change their rows: no ATTACH, no PRAGMA, no
 * schema change, no transaction that stays open, and never a file of our own database. */

/* Is the file at this path one of the database in dirpath, by whatever name? Opens nothing. */
bool store_owns(str dirpath, const char *path);

struct foreign;
/* path and dirpath (that of our own database) are copied. NULL: no memory. */
struct foreign *foreign_new(str path, str dirpath, bool write);
void foreign_free(struct foreign *f);

/* Valid until the next call. */
struct foreign_result {
  const str *names; /* of the columns */
  size_t columns;
  const struct datum *cells; /* row after row */
  size_t cell_count;
  int64_t changed; /* rows */
};
enum foreign_done {
  FOREIGN_FAILED = -1,
  FOREIGN_DONE,
  FOREIGN_BUSY /* locked by another program */
};
/* Runs one statement; write false: it must be one that only reads. */
enum foreign_done foreign_run(struct foreign *f, str sql, const struct datum *bound, size_t n,
                              bool write, struct foreign_result *out, struct err *e);

#endif
