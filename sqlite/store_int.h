/* sqlite/store_int.h: what the files of sqlite/ know of the store beyond its door.
 *
 * The parts, bottom-up:
 *   sql.c       every statement the server runs, prepared once; binding; what an error means
 *   dbfile.c    the file: lock, creation, migration, settings
 *   tx.c        the one transaction all clients share: when it begins, commits, is lost
 *   row.c       a message as rows: written and deleted, in one place each
 *   incoming.c  receiving; queue.c  the runner's side; refused.c  the ring; housekeep.c  cleaning
 *   account.c   who may log in;  dropped.c  drop files accepted;  secret.c  the server's own keys
 *   store.c     opening, the turn, degraded state, space
 *   view.c, quarantine.c   what people see and do
 */
#ifndef SQLITE_STORE_INT_H
#define SQLITE_STORE_INT_H

#include "store.h"

#include <sqlite3.h>

/* ---- sql.c ----------------------------------------------------------------------------------- */

/* X(enum, text). The columns of MESSAGE_GET and RCPT_ALL are read by number in queue.c:
 * ORDER MESSAGE_GET, ORDER RCPT_ALL. */
#define SQL_LIST(X)                                                                                \
  X(COMMIT, "COMMIT")                                                                              \
  X(BEGIN, "BEGIN IMMEDIATE")                                                                      \
  X(DATA_VERSION, "PRAGMA data_version")                                                           \
  X(FREE_PAGES, "SELECT freelist_count, page_count FROM pragma_freelist_count, pragma_page_count") \
  X(BODY_ADD, "INSERT INTO body(at, octets) VALUES(?, ?)")                                         \
  X(BODY_GET, "SELECT octets FROM body WHERE at = ?")                                              \
  X(BODY_SET, "UPDATE body SET octets = ?2 WHERE at = ?1")                                         \
  X(BODY_SUM, "SELECT count(*), ifnull(sum(length(octets)), 0) FROM body"                          \
              " WHERE at > ?1 AND at < ?1 + 1048576")                                              \
  X(BODY_DROP, "DELETE FROM body WHERE at >= ?1 AND at < ?1 + 1048576")                            \
  X(BODY_DROP_SOME, "DELETE FROM body WHERE at IN (SELECT at FROM body"                            \
                    " WHERE at >= ?1 AND at < ?1 + 1048576 LIMIT 16)")                             \
  X(LOOSE_ADD, "INSERT OR IGNORE INTO loose(key) VALUES(?)")                                       \
  X(LOOSE_DROP, "DELETE FROM loose WHERE key = ?")                                                 \
  X(LAST_KEY, "SELECT max(ifnull((SELECT max(at) FROM body), 0),"                                  \
              " ifnull((SELECT max(key) FROM loose), 0))")                                         \
  X(LOOSE_NEXT, "SELECT key FROM loose WHERE key > ? ORDER BY key LIMIT 1")                        \
  X(MESSAGE_ADD, "INSERT INTO message(id, key, queue, came_from, since, received_at, client_ip,"   \
                 " helo, mail_from, auth_user, subject, size, octets, chunks, stage, rule,"        \
                 " reason, step, last_reply, context)"                                             \
                 " VALUES(?, ?, ?, '', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")           \
  X(MESSAGE_GET, "SELECT key, queue, came_from, received_at, client_ip, helo, mail_from,"          \
                 " auth_user, subject, octets, chunks, stage, rule, reason, step, last_reply,"     \
                 " context FROM message WHERE id = ?")                                             \
  X(MESSAGE_SET, "UPDATE message SET queue = ?2, came_from = '',"                                  \
                 " since = CASE WHEN queue = ?2 THEN since ELSE ?3 END, mail_from = ?4,"           \
                 " subject = ?5, stage = ?6, rule = ?7, reason = ?8, step = ?9, last_reply = ?10," \
                 " context = ?11 WHERE id = ?1")                                                   \
  X(MESSAGE_BODY, "UPDATE message SET key = ?2, octets = ?3, chunks = ?4, size = ?3 + ?5"          \
                  " WHERE id = ?1")                                                                \
  X(MESSAGE_SIZE, "UPDATE message SET size = octets + ?2 WHERE id = ?1")                           \
  X(MESSAGE_STEP, "UPDATE message SET step = ?2, came_from = ''"                                   \
                  " WHERE id = ?1 AND (step <> ?2 OR came_from <> '')")                            \
  X(MESSAGE_DEAD, "UPDATE message SET queue = 'dead', since = ?2, last_reply ="                    \
                  " (SELECT last_reply FROM rcpt WHERE id = ?1 AND status = 'failed'"              \
                  " ORDER BY n LIMIT 1) WHERE id = ?1")                                            \
  X(MESSAGE_DROP, "DELETE FROM message WHERE id = ?")                                              \
  X(QUEUE_GET, "SELECT queue, key, chunks FROM message WHERE id = ?")                              \
  X(WORKING_NEXT, "SELECT id FROM message WHERE queue = 'working' ORDER BY id")                    \
  X(DELEGATED_NEXT, "SELECT id FROM message WHERE queue = 'delegated' ORDER BY id")                \
  X(REMOVED_NEXT, "SELECT id, key, chunks, came_from FROM message WHERE queue = '' LIMIT 1")       \
  X(OLD_NEXT, "SELECT id, queue, since, key, chunks FROM message WHERE id > ?1 AND id < ?2"        \
              " ORDER BY id LIMIT 1")                                                              \
  X(RCPT_ADD, "INSERT INTO rcpt(id, n, address, original, transport, target, status, attempts,"    \
              " next_at, last_reply, dsn, warned, by_hand)"                                        \
              " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")                                    \
  X(RCPT_ALL,                                                                                      \
    "SELECT n, address, original, transport, target, status, attempts,"                            \
    " ifnull(next_at, 0), last_reply, dsn, warned, by_hand FROM rcpt WHERE id = ? ORDER BY n")     \
  X(RCPT_SET, "UPDATE rcpt SET status = ?3, attempts = attempts + ?4, next_at = ?5,"               \
              " last_reply = ?6, warned = warned OR ?7 WHERE id = ?1 AND n = ?2")                  \
  X(RCPT_COUNT, "SELECT ifnull(sum(status = 'pending'), 0), ifnull(sum(status = 'failed'), 0)"     \
                " FROM rcpt WHERE id = ?")                                                         \
  X(RCPT_DROP, "DELETE FROM rcpt WHERE id = ?")                                                    \
  X(RCPT_DUE, "SELECT id FROM rcpt WHERE next_at <= ? ORDER BY next_at")                           \
  X(RCPT_NEXT, "SELECT id, next_at FROM rcpt WHERE next_at IS NOT NULL ORDER BY next_at")          \
  X(DECISION_ADD, "INSERT INTO decision(id, n, at, stage, directive, kind, status, detail)"        \
                  " VALUES(?1, (SELECT ifnull(max(n), 0) + 1 FROM decision WHERE id = ?1),"        \
                  " ?2, ?3, ?4, ?5, ?6, ?7)")                                                      \
  X(DECISION_DROP, "DELETE FROM decision WHERE id = ?")                                            \
  X(DECISION_NEXT, "SELECT id FROM decision WHERE id > ?1 AND id < ?2 ORDER BY id LIMIT 1")        \
  X(DECISION_LEFT, "SELECT max(at), EXISTS(SELECT 1 FROM message WHERE id = ?1)"                   \
                   " FROM decision WHERE id = ?1")                                                 \
  X(REFUSED_ADD, "INSERT INTO refused(id, at, stage, directive, kind, status, detail)"             \
                 " VALUES(?, ?, ?, ?, ?, ?, ?)")                                                   \
  X(REFUSED_TRIM, "DELETE FROM refused WHERE n <= (SELECT max(n) FROM refused) - 1000")            \
  X(DROPPED_ADD, "INSERT INTO dropped(name, id, at) VALUES(?, ?, ?)")                              \
  X(DROPPED_GET, "SELECT 1 FROM dropped WHERE name = ?")                                           \
  X(DROPPED_UNDO, "DELETE FROM dropped WHERE id = ?")                                              \
  X(DROPPED_OLD, "DELETE FROM dropped WHERE at < ?")                                               \
  X(ACCOUNT_GET, "SELECT verifier FROM account WHERE name = ?")                                    \
  X(ACCOUNT_FIRST, "SELECT name FROM account ORDER BY made_at, name LIMIT 1")                      \
  X(SECRET_GET, "SELECT value, made_at FROM secret WHERE name = ?")                                \
  X(SECRET_KEEP, "INSERT OR REPLACE INTO secret(name, value, made_at)"                             \
                 " SELECT name || '.previous', value, made_at FROM secret WHERE name = ?")         \
  X(SECRET_SET, "INSERT OR REPLACE INTO secret(name, value, made_at) VALUES(?, ?, ?)")

enum sql {
#define SQL_ENUM(name, text) SQL_##name,
  SQL_LIST(SQL_ENUM)
#undef SQL_ENUM
      SQL_COUNT
};

/* What an SQLite result means to us. */
enum sql_trouble {
  SQL_FINE,
  SQL_LATER,  /* busy: somebody else holds the lock */
  SQL_FULL,   /* no space: 452 */
  SQL_NOMEM,  /* 451; the store goes on */
  SQL_BROKEN, /* I/O error or damage: close and open again */
  SQL_BUG     /* the statement itself: never works */
};

void sql_close(struct store *s);
/* Binds by letter: s str as text, b str as blob, i int64_t, n int64_t with 0 as NULL. Slices are
 * borrowed until the statement is reset. */
int sql_run(struct store *s, enum sql q, const char *types, ...); /* SQLITE_OK when done */
/* The same, stops at the first row: SQLITE_ROW or SQLITE_DONE. Then columns, sql_next, and always
 * sql_end: no statement is open when a function returns to the loop. */
int sql_query(struct store *s, enum sql q, const char *types, ...);
int sql_next(struct store *s, enum sql q);
void sql_end(struct store *s, enum sql q);
int64_t sql_int(struct store *s, enum sql q, int column);
str sql_text(struct store *s, enum sql q, int column); /* text or blob; until sql_next or sql_end */
int sql_text_run(struct store *s, const char *text);   /* one or more statements without results */

enum sql_trouble sql_trouble(struct store *s, int rc);
int sql_err(struct store *s, int rc, struct err *e, const char *what); /* "cannot WHAT: …"; -1 */

/* ---- tx.c: operations in the shared transaction -------------------------------------------------
 * An op is something to be written. It waits until the transaction can be had, is written into it,
 * and is settled when the commit is known: its callback then runs from store_turn. The head of tx.c
 * has the laws, and all transitions. */

struct op;
struct op_kind {
  const char *name;
  bool promise; /* somebody waits for the sync; else a spill, which a crash may take */
  bool rewrite; /* never given up: what was lost is written again */
  int (*write)(struct store *s, struct op *op); /* an SQLite result */
  /* Deletes what write, failed or done, left in the transaction. NULL: there is no way but to
   * roll back. */
  int (*undo)(struct store *s, struct op *op);
  void (*settled)(struct store *s, struct op *op, enum store_result result); /* may free op */
};

enum op_state { OP_IDLE, OP_WAITING, OP_WRITTEN, OP_SETTLED };
struct op {
  const struct op_kind *kind;
  enum op_state state;
  enum store_result result;
  int64_t since; /* monotonic microseconds: submitted */
  int64_t retry; /* not before this */
  struct list_link link;
};

enum tx_kind { TX_NONE, TX_SPILL, TX_PROMISE };
struct tx {
  enum tx_kind kind;
  bool full_sync;      /* the level now set is FULL */
  uint64_t generation; /* of the open transaction, or of the next one; from 1 */
  struct list waiting, written, settled;
  int64_t begun, ended; /* monotonic microseconds: the lock was taken, and left */
  int64_t held, free;   /* microseconds lately, to leave the lock free often enough */
  int64_t sync;         /* how long the last synced commit took */
  unsigned ops, batch;  /* promises written in this transaction; in the last one committed */
  int64_t hold;         /* it may be worth waiting until then for the others of the batch */
  int64_t busy_since;   /* 0: not busy */
  int64_t retry;        /* not before: busy, or somebody's turn */
  int64_t pause;        /* next wait of a busy one */
};

bool tx_open(struct store *s, bool promise);    /* is one open, now? It may have been opened */
void tx_submit(struct store *s, struct op *op); /* written now if possible */
void tx_submit_later(struct store *s, struct op *op); /* written in a later turn of the pump */
void tx_refuse(struct store *s, struct op *op, enum store_result result); /* settled, not written */
void tx_withdraw(struct store *s, struct op *op); /* in any state; undone if it was written */
void tx_pump(struct store *s);                    /* writes what waits */
void tx_end_turn(struct store *s, bool sleeping);
void tx_settle(struct store *s); /* runs the callbacks; at the end of a turn */
void tx_close(struct store *s);  /* what is not committed is lost */
int tx_wait_ms(const struct store *s);
/* An error outside op->write: rolls back if need be and closes the file if it is broken. */
void tx_failed(struct store *s, int rc);

/* ---- row.c: a message as rows ---------------------------------------------------------------- */

#define ROW_KEY_STEP  1048576 /* keys are this far apart: header, then up to a million chunks */
#define ROW_DROP_MANY 8       /* a body of more chunks than this is deleted in slices */
#define ROW_SUBJECT   256     /* octets kept of texts for people */
#define ROW_DETAIL    500
const char *row_status_name(enum store_status status);
str row_cut(str s, size_t n); /* at most n octets, no UTF-8 character cut */
str row_queue(const struct store_mail *mail);
enum transport row_transport(str name); /* what is no word of ours: unset */
int row_add(struct store *s, const struct store_mail *mail, int64_t key, uint64_t octets,
            uint32_t chunks);
int row_rcpts(struct store *s, const struct store_mail *mail); /* adds all */
int row_decisions(struct store *s, str id, const struct store_trace *trace, size_t count);
/* The message and what belongs to it but its decisions. */
int row_delete(struct store *s, str id, int64_t key, uint32_t chunks);
/* Never happened: its decisions too. Another message of the same id is left alone. */
int row_undo(struct store *s, str id, int64_t key, uint32_t chunks);
int row_delete_body(struct store *s, int64_t key, uint32_t chunks);

/* ---- the rest -------------------------------------------------------------------------------- */

struct refused_row {
  char *text; /* owned: six texts, ORDER REFUSED */
  int64_t at;
};
struct refused {
  struct refused_row *row; /* of LIMIT_REFUSED, or NULL */
  size_t first, count;     /* not yet in the file */
  size_t writing;          /* of them: in the open transaction */
};

struct housekeep {
  unsigned todo;                                    /* bits of enum housekeep_job in housekeep.c */
  char walk[ID_LENGTH + 1];                         /* where the walks stand */
  int64_t loose;                                    /* likewise in the table loose */
  int64_t look_at, walk_at, work_at, checkpoint_at; /* monotonic ms: not before */
  int64_t version;                                  /* data_version when last asked */
  int wal_pages;                                    /* in the WAL after the last commit */
  bool wal_dirty;                                   /* not all of them are in the database yet */
  bool wal_warned;
  struct op op; /* its slice in the shared transaction */
};

struct store {
  sqlite3 *db; /* NULL while closed */
  sqlite3_stmt *stmt[SQL_COUNT];
  struct store_options options; /* dirpath is folder */
  char *folder, *path;          /* owned; path is of the database */
  int lock;                     /* fd of vsmtp.lock, or -1 */
  bool wal;                     /* false: rollback journal, where WAL cannot be */
  struct tx tx;
  struct map claims;    /* id -> struct queue_claim */
  struct list incoming; /* all of them */
  int64_t key;          /* last one given */
  struct refused refused;
  struct housekeep keep;
  bool changed; /* tell the runner */
  bool touched; /* by somebody else */
  bool broken;  /* to be closed at the end of the turn */
  int failed_syncs;
  bool closed_for_good;
  int64_t opened; /* monotonic ms: last attempt to open */
};

/* dbfile.c */
int dbfile_open(struct store *s, struct err *e); /* an SQLite connection with our settings */
void dbfile_close(struct store *s);
int dbfile_lock(struct store *s, struct err *e); /* vsmtp.lock, for life */
bool dbfile_moved(struct store *s);              /* removed, renamed or replaced by another file? */
int dbfile_quick_check(struct store *s, struct err *e);

/* store.c */
void store_break(struct store *s, int rc); /* the file is closed in this turn, and opened later */

/* incoming.c */
void incoming_lost(struct store *s, enum store_result why); /* the open generation is gone */
void incoming_closed(struct store *s);                      /* the file is: all are lost */
void incoming_doubt(struct store *s); /* a COMMIT failed: those parked must not be there later */
bool incoming_owns(const struct store *s, int64_t key);
bool incoming_end(struct incoming *in); /* no more octets come; false: it is lost */
/* Into the open transaction: its body rows are all there, and no longer loose; *key is theirs,
 * *chunks how many. */
int incoming_move(struct incoming *in, int64_t *key, uint32_t *chunks);
void incoming_moved(struct incoming *in); /* that is committed: they stay */

/* refused.c */
int refused_write(struct store *s);    /* into the open transaction; an SQLite result */
void refused_written(struct store *s); /* it is committed */
void refused_free(struct store *s);

/* housekeep.c */
void housekeep_open(struct store *s);
void housekeep_loose(struct store *s); /* there is a body to delete */
void housekeep_turn(struct store *s, bool sleeping);
int housekeep_wait_ms(const struct store *s);

/* id.c */
void id_floor(int64_t wall_ms, char out[ID_LENGTH + 1]); /* the smallest id of that time */

/* queue.c */
void queue_free(struct store *s);

#endif
