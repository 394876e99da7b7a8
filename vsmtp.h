/* vsmtp.h: the nouns all rooms share, and every limit.
 *
 * Every number a stranger can push, and all that bounds memory, stands here: what is counted, the
 * RFC's minimum if there is one, and behind a semicolon what happens beyond. A build can change any
 * of them with -DLIMIT_X=n; the test build shrinks some so that their edges are met. How often and
 * how long the server tries is configured, or stands where it is done.
 */
#ifndef VSMTP_H
#define VSMTP_H

#include "base/base.h"

#define VSMTP_VERSION       "0.1.0"
#define VSMTP_COMPATIBILITY "1.1.3" /* of vSMTP, what version_requirement is held against */

/* ---- the stages of a mail, in order: each name is a key of the rule file's map ------------------
 * ORDER STAGE. X(enum, name) */
#define STAGE_LIST(X)                                                                              \
  X(CONNECT, "connect")                                                                            \
  X(HELO, "helo")                                                                                  \
  X(AUTHENTICATE, "authenticate")                                                                  \
  X(MAIL, "mail")                                                                                  \
  X(RCPT, "rcpt")                                                                                  \
  X(PREQ, "preq")                                                                                  \
  X(POSTQ, "postq")                                                                                \
  X(DELIVERY, "delivery")

enum stage {
#define STAGE_ENUM(upper, name) STAGE_##upper,
  STAGE_LIST(STAGE_ENUM)
#undef STAGE_ENUM
      STAGE_COUNT
};

/* ---- how a recipient is delivered: the words of the view `recipient` ----------------------------
 * X(enum, name) */
#define TRANSPORT_LIST(X)                                                                          \
  X(UNSET, "") /* no rule chose one */                                                             \
  X(DELIVER, "deliver")                                                                            \
  X(FORWARD, "forward")                                                                            \
  X(MBOX, "mbox")                                                                                  \
  X(MAILDIR, "maildir")                                                                            \
  X(NONE, "none") /* nothing: a pending one fails with its last_reply */

enum transport {
#define TRANSPORT_ENUM(upper, name) TRANSPORT_##upper,
  TRANSPORT_LIST(TRANSPORT_ENUM)
#undef TRANSPORT_ENUM
      TRANSPORT_COUNT
};

/* ---- budgets of a script in VSL; 0: no limit ------------------------------------------------- */
struct vsl_limits {
  uint64_t steps;  /* statements, calls, loop rounds */
  uint64_t slice;  /* steps after which a run gives way to the loop */
  size_t memory;   /* bytes */
  uint32_t depth;  /* calls inside calls; 0: LIMIT_VSL_DEPTH */
  uint32_t string; /* bytes */
  uint32_t items;  /* of an array or map */
};

/* ---- a value of a database, as rules give and get it: a blob is a text ----------------------- */
enum datum_type { DATUM_NULL, DATUM_INT, DATUM_REAL, DATUM_TEXT };
struct datum {
  enum datum_type type;
  int64_t integer;
  double real;
  str text;
};

/* ---- what a client may say: RFC 5321 §4.5.3.1 ------------------------------------------------ */
#ifndef LIMIT_COMMAND_LINE
#define LIMIT_COMMAND_LINE 2048 /* octets with CRLF; RFC 512 + extensions; 500 */
#endif
#ifndef LIMIT_LOCAL_PART
#define LIMIT_LOCAL_PART 64 /* octets; RFC 64; a syntax error */
#endif
#ifndef LIMIT_DOMAIN
#define LIMIT_DOMAIN 255 /* octets; RFC 255; a syntax error */
#endif
#ifndef LIMIT_PATH
#define LIMIT_PATH 256 /* octets with the angle brackets; RFC 256; a syntax error */
#endif
#ifndef LIMIT_IDLE_COMMANDS
#define LIMIT_IDLE_COMMANDS 100 /* in a row that lead nowhere; the next ones count as errors */
#endif
#ifndef LIMIT_DATA_RATE
#define LIMIT_DATA_RATE 4096 /* octets of a body that must come within timeout_client.data; 421 */
#endif
#ifndef LIMIT_HEADER_BYTES
#define LIMIT_HEADER_BYTES (256 * 1024) /* octets of a header, in memory; 552 5.3.4 */
#endif
#ifndef LIMIT_HEADER_FIELDS
#define LIMIT_HEADER_FIELDS 1000 /* of a header; 552 5.3.4 */
#endif
#ifndef LIMIT_TEXT_LINE
#define LIMIT_TEXT_LINE 998 /* octets with the name of a field (RFC 5322 §2.1.1); else body */
#endif
#ifndef LIMIT_RECEIVED
#define LIMIT_RECEIVED 50 /* fields of that name; RFC 100 §6.3 "at least"; a loop, 554 5.4.6 */
#endif

/* ---- a session, a mail ----------------------------------------------------------------------- */
#ifndef LIMIT_SESSION_REPLY
#define LIMIT_SESSION_REPLY (16 * 1024) /* octets of a reply, or of those that are held back; 421 */
#endif
#ifndef LIMIT_TRANSACTION_BYTES
#define LIMIT_TRANSACTION_BYTES (2 << 20) /* arena of a session: header, 1000 recipients; 4xx */
#endif
#ifndef LIMIT_TRACE
#define LIMIT_TRACE 1000 /* decisions kept of a mail; the next ones are not */
#endif
#ifndef LIMIT_REFUSED
#define LIMIT_REFUSED 1000 /* decisions of sessions that left no mail, in memory; the oldest goes */
#endif

/* ---- as a client: what another server may answer --------------------------------------------- */
#ifndef LIMIT_REPLY_LINE
#define LIMIT_REPLY_LINE 1000 /* octets; RFC 512 §4.5.3.1.5 "at least"; no SMTP, tried again */
#endif
#ifndef LIMIT_REPLY_LINES
#define LIMIT_REPLY_LINES 100 /* of a reply; no SMTP, tried again */
#endif
#ifndef LIMIT_REPLY_TEXT
#define LIMIT_REPLY_TEXT 4096 /* octets of a reply; the rest is not kept */
#endif

/* ---- delivery: mails in work, servers tried, connections ------------------------------------- */
#ifndef LIMIT_DELIVER_JOBS
#define LIMIT_DELIVER_JOBS 500 /* stored mails in work, or waiting for a server; a line */
#endif
#ifndef LIMIT_DELIVER_BYTES
#define LIMIT_DELIVER_BYTES (4 << 20) /* arena of one of them, usually some KB; tried again */
#endif
#ifndef LIMIT_DELIVER_HEADER
#define LIMIT_DELIVER_HEADER (8 * 1024) /* octets of a header a waiting one has; read again */
#endif
#ifndef LIMIT_DELIVERIES
#define LIMIT_DELIVERIES 8 /* into mailboxes at the same time; a line */
#endif
#ifndef LIMIT_ROUTE_HOSTS
#define LIMIT_ROUTE_HOSTS 10 /* servers of a domain that are looked up; RFC 5321 §5.1: two */
#endif
#ifndef LIMIT_ROUTE_HOPS
#define LIMIT_ROUTE_HOPS 16 /* addresses of a domain that are tried */
#endif
#ifndef LIMIT_OUTBOUND_HOST
#define LIMIT_OUTBOUND_HOST 10 /* connections to one address; a line */
#endif
#ifndef LIMIT_OUTBOUND_ALL
#define LIMIT_OUTBOUND_ALL 500 /* connections, those included that nobody answered yet; a line */
#endif
#ifndef LIMIT_OUTBOUND_LANES
#ifdef VSMTP_TEST
#define LIMIT_OUTBOUND_LANES 1200
#else
#define LIMIT_OUTBOUND_LANES 4096 /* destinations; those unused are forgotten, then mails wait */
#endif
#endif

/* ---- tokens for XOAUTH2 ---------------------------------------------------------------------- */
#ifndef LIMIT_TOKEN
#define LIMIT_TOKEN 8192 /* octets of it, or of a password; then it is none. In LIMIT_AUTH_LINE */
#endif
#ifndef LIMIT_TOKEN_TIME
#ifdef VSMTP_TEST
#define LIMIT_TOKEN_TIME 5000
#else
#define LIMIT_TOKEN_TIME 30000 /* ms of the command that prints it; it is killed, the mail waits */
#endif
#endif
#ifndef LIMIT_TOKEN_KEEP
#define LIMIT_TOKEN_KEEP 300000 /* ms one that let us in is used; providers' are good for an hour */
#endif

/* ---- reports to senders ---------------------------------------------------------------------- */
#ifndef LIMIT_BOUNCE_RATE
#define LIMIT_BOUNCE_RATE 30 /* to one sender within an hour; none */
#endif
#ifndef LIMIT_BOUNCE_SENDERS
#define LIMIT_BOUNCE_SENDERS 10000 /* senders written to within an hour; nobody else is */
#endif
#ifndef LIMIT_BOUNCE_HEADER
#define LIMIT_BOUNCE_HEADER (32 * 1024) /* octets of a header that go back; cut */
#endif
#ifndef LIMIT_BOUNCE_FULL
#define LIMIT_BOUNCE_FULL (16 * 1024) /* octets of a mail that goes back whole; its header */
#endif
#ifndef LIMIT_BOUNCE_BYTES
#define LIMIT_BOUNCE_BYTES (1 << 20) /* octets of a report, */
#endif
#ifndef LIMIT_BOUNCE_RCPT
#define LIMIT_BOUNCE_RCPT (8 * 1024) /* and for each recipient it speaks of */
#endif

/* ---- filters that speak SMTP ----------------------------------------------------------------- */
#ifndef LIMIT_DELEGATE_CONNECTS
#define LIMIT_DELEGATE_CONNECTS 5 /* to one service and not greeted yet: clamsmtpd's backlog */
#endif
#ifndef LIMIT_DELEGATE_FLYING
#define LIMIT_DELEGATE_FLYING 30 /* connections to one service; a line */
#endif
#ifndef LIMIT_DELEGATE_JOBS
#define LIMIT_DELEGATE_JOBS 100 /* mails of the queue at filters, in line included */
#endif
#ifndef LIMIT_DELEGATE_TIME
#define LIMIT_DELEGATE_TIME 300000 /* ms a client waits, in line too; RFC 10 min §4.5.3.2.6; 451 */
#endif

/* ---- services that rules call ---------------------------------------------------------------- */
#ifndef LIMIT_SERVICES
#define LIMIT_SERVICES 64 /* of a rule set, commands included; an error at start */
#endif
#ifndef LIMIT_SCANS
#define LIMIT_SCANS 8 /* connections to one clamd (its MaxThreads: 10); a line */
#endif
#ifndef LIMIT_SCAN_NAME
#define LIMIT_SCAN_NAME 256 /* octets of a virus name; no answer of clamd */
#endif
#define LIMIT_PROGRAM_PATH  1024 /* octets of a program that is run, with a NUL; */
#define LIMIT_PROGRAM_WORDS 2048 /* of its words that are always the same, a NUL behind each; */
#define LIMIT_PROGRAM_ARGS  8192 /* of those that a call gives it */
#ifndef LIMIT_COMMANDS
#define LIMIT_COMMANDS 4 /* under way; a line */
#endif
#ifndef LIMIT_CSV_FILE
#define LIMIT_CSV_FILE (4 << 20) /* octets of a table; the rule fails, as with the next four */
#endif
#ifndef LIMIT_CSV_FIELDS
#define LIMIT_CSV_FIELDS 256 /* of a record */
#endif
#ifndef LIMIT_QUERY_TIME
#define LIMIT_QUERY_TIME 100 /* ms a statement may hold the loop up */
#endif
#ifndef LIMIT_QUERY_BYTES
#define LIMIT_QUERY_BYTES (128 * 1024) /* of what a statement gives */
#endif
#ifndef LIMIT_SERVICE_WAIT
#define LIMIT_SERVICE_WAIT 5000 /* ms a rule waits for a file that another program has locked */
#endif
#ifndef LIMIT_HELPER_CHILDREN
#define LIMIT_HELPER_CHILDREN (LIMIT_DELIVERIES + LIMIT_COMMANDS) /* processes; asked again */
#endif

/* ---- logging in ------------------------------------------------------------------------------ */
#ifndef LIMIT_AUTH_LINE
#define LIMIT_AUTH_LINE 12288 /* octets of a line with CRLF; RFC 12288 (RFC 4954 §4); 500 5.5.6 */
#endif
#ifndef LIMIT_AUTH_USER
#define LIMIT_AUTH_USER 512 /* octets of a name; 501, 535 */
#endif
#ifndef LIMIT_AUTH_PASSWORD
#define LIMIT_AUTH_PASSWORD 1024 /* octets; 501, 535 */
#endif
#ifndef LIMIT_AUTH_SALT
#define LIMIT_AUTH_SALT 64 /* octets of a salt, ours or of another server; no SCRAM */
#endif
#ifndef LIMIT_AUTH_ROUNDS
#ifdef VSMTP_TEST
#define LIMIT_AUTH_ROUNDS 16384
#else
#define LIMIT_AUTH_ROUNDS 60000 /* of a password; RFC 7677 §4: 4096; Cyrus takes 65536 */
#endif
#endif
#ifndef LIMIT_AUTH_ROUNDS_THERE
#define LIMIT_AUTH_ROUNDS_THERE 1000000 /* that another server may ask us to compute; no login */
#endif
#ifndef LIMIT_AUTH_WAITING
#define LIMIT_AUTH_WAITING 8 /* passwords in line to be checked; 454 4.7.0 */
#endif
#ifndef LIMIT_AUTH_SEEN
#define LIMIT_AUTH_SEEN 64 /* right passwords remembered, to cost nothing; the oldest goes */
#endif
#ifndef LIMIT_AUTH_REMEMBER
#define LIMIT_AUTH_REMEMBER 600000 /* ms for which they are */
#endif
#ifndef LIMIT_AUTH_ADDRESSES
#define LIMIT_AUTH_ADDRESSES 1024 /* addresses whose failures are remembered; the oldest goes */
#endif
#ifndef LIMIT_AUTH_LATE
#define LIMIT_AUTH_LATE 1000 /* ms the first failure is answered late; each further one twice, */
#endif
#ifndef LIMIT_AUTH_LATEST
#define LIMIT_AUTH_LATEST 8000 /* up to so many */
#endif
#ifndef LIMIT_AUTH_FAILURES
#define LIMIT_AUTH_FAILURES 10 /* wrong passwords from one address; nobody may log in there */
#endif
#ifndef LIMIT_AUTH_BAN
#define LIMIT_AUTH_BAN 900000 /* for so many ms */
#endif
#ifndef LIMIT_AUTH_FORGET
#define LIMIT_AUTH_FORGET 3600000 /* ms after which failures count no more */
#endif

/* ---- mail of this machine's programs --------------------------------------------------------- */
#ifndef LIMIT_SENDMAIL_BYTES
#define LIMIT_SENDMAIL_BYTES (8 << 20) /* arena of `sendmail`: header, recipients; it fails */
#endif
#ifndef LIMIT_DROP_RCPT
#define LIMIT_DROP_RCPT 1000 /* recipients of a mail in the drop folder; `sendmail` fails */
#endif
#ifndef LIMIT_DROP_JOBS
#define LIMIT_DROP_JOBS 4 /* of them brought in at once; the folder keeps the others */
#endif
#ifndef LIMIT_DROP_BYTES
#define LIMIT_DROP_BYTES (4 << 20) /* arena of one that is; tried again */
#endif
#ifndef LIMIT_DROP_WAITING
#define LIMIT_DROP_WAITING 10000 /* files waiting for another try; others are tried too soon */
#endif

/* ---- connections ----------------------------------------------------------------------------- */
#ifndef LIMIT_IO_INPUT
#define LIMIT_IO_INPUT (16 * 1024) /* octets of one connection read and not yet used; not read */
#endif
#ifndef LIMIT_IO_OUTPUT
#define LIMIT_IO_OUTPUT (256 * 1024) /* octets waiting to be sent; the peer is dropped */
#endif
#ifndef LIMIT_IO_PIECE
#define LIMIT_IO_PIECE (16 * 1024) /* octets of a mail read at once to be sent, */
#endif
#ifndef LIMIT_IO_AHEAD
#define LIMIT_IO_AHEAD (64 * 1024) /* octets of it waiting to be sent, and a piece; not read */
#endif
#ifndef LIMIT_IO_LINGER
#define LIMIT_IO_LINGER (256 * 1024) /* octets thrown away of a peer that shall go; it is cut off */
#endif
#ifndef LIMIT_TLS_HANDSHAKE
#define LIMIT_TLS_HANDSHAKE (64 * 1024) /* octets of a peer until it is over, chains included */
#endif
#ifndef LIMIT_TLS_TURN
#define LIMIT_TLS_TURN (64 * 1024) /* octets deciphered of one connection before others' turn */
#endif
#ifndef LIMIT_TLS_BURST
#define LIMIT_TLS_BURST 5 /* handshakes of one address or IPv6 /64 at once; the next one waits, */
#endif
#ifndef LIMIT_TLS_PERIOD
#define LIMIT_TLS_PERIOD 200 /* ms for each, */
#endif
#ifndef LIMIT_TLS_DEBT
#define LIMIT_TLS_DEBT 10000 /* ms at most */
#endif
#ifndef LIMIT_TLS_PEERS
#define LIMIT_TLS_PEERS 1024 /* places in the table of who began some; several may share one */
#endif

/* ---- DNS and SPF: RFC 7208 §4.6.4 ------------------------------------------------------------ */
#ifndef LIMIT_DNS_FLYING
#define LIMIT_DNS_FLYING 100 /* questions: answers to more overflow the socket's buffer; a line */
#endif
#ifndef LIMIT_DNS_SOCKETS
#define LIMIT_DNS_SOCKETS 200 /* questions asked without c-ares, a socket each; the oldest fails */
#endif
#ifndef LIMIT_DNS_ANSWER
#define LIMIT_DNS_ANSWER (1 << 20) /* arena of an answer; none */
#endif
#ifndef LIMIT_DNS_RECORDS
#define LIMIT_DNS_RECORDS 200 /* of the type that was asked for; the rest is not seen */
#endif
#ifndef LIMIT_DNS_CHAIN
#define LIMIT_DNS_CHAIN 10 /* CNAMEs in one message; none */
#endif
#ifndef LIMIT_DNS_HOPS
#define LIMIT_DNS_HOPS 8 /* messages that end in a CNAME, asked one after another; none */
#endif
#ifndef LIMIT_SPF_TERMS
#define LIMIT_SPF_TERMS 10 /* of an evaluation that ask; RFC 10; permerror */
#endif
#ifndef LIMIT_SPF_VOID
#define LIMIT_SPF_VOID 2 /* of those, such as find nothing; RFC 2; permerror */
#endif
#ifndef LIMIT_SPF_NAMES
#define LIMIT_SPF_NAMES 10 /* servers of an mx, names of a ptr; RFC 10; permerror, unseen */
#endif
#ifndef LIMIT_SPF_TIME
#define LIMIT_SPF_TIME 20000 /* ms of an evaluation; RFC 20 s "at least"; temperror */
#endif
#ifndef LIMIT_SPF_MEMORY
#define LIMIT_SPF_MEMORY (2 << 20) /* arena of an evaluation: answers of 64 KB; temperror */
#endif
#ifndef LIMIT_SPF_EXPLANATION
#define LIMIT_SPF_EXPLANATION 4096 /* octets; none */
#endif

/* ---- store ----------------------------------------------------------------------------------- */
#ifndef LIMIT_CHUNK
#define LIMIT_CHUNK (64 * 1024) /* octets of body a row holds */
#endif
#ifndef LIMIT_SPACE_RESERVE
#define LIMIT_SPACE_RESERVE (16 << 20) /* octets kept free, or 2 % of the file system; 452 4.3.1 */
#endif

/* ---- rules: defaults of what app.vsl configures (rules/README.md#limits); the rule fails ----- */
#ifndef LIMIT_VSL_DEPTH
#define LIMIT_VSL_DEPTH 64 /* calls of script functions and closures */
#endif
#ifndef LIMIT_VSL_STEPS
#define LIMIT_VSL_STEPS 10000000 /* of a directive */
#endif
#ifndef LIMIT_VSL_SLICE
#define LIMIT_VSL_SLICE 100000 /* steps after which a rule gives way to the loop */
#endif
#ifndef LIMIT_VSL_MEMORY
#define LIMIT_VSL_MEMORY (4 << 20) /* octets of a directive */
#endif
#ifndef LIMIT_VSL_STRING
#define LIMIT_VSL_STRING (1 << 20) /* octets */
#endif
#ifndef LIMIT_VSL_ITEMS
#define LIMIT_VSL_ITEMS 65536 /* of an array or a map */
#endif
#ifndef LIMIT_VSL_IMPORTS
#define LIMIT_VSL_IMPORTS 16 /* depth */
#endif

/* ---- files of the operator, read whole: an error at start ------------------------------------ */
#ifndef LIMIT_CONF_FILE
#define LIMIT_CONF_FILE (1 << 20) /* octets */
#endif
#ifndef LIMIT_CERT_FILE
#define LIMIT_CERT_FILE (256 * 1024) /* octets: a chain, a key */
#endif
#ifndef LIMIT_PASSWD_FILE
#define LIMIT_PASSWD_FILE (4 << 20) /* octets of /etc/passwd, /etc/group; nobody is found */
#endif
#ifndef LIMIT_ROUTES
#define LIMIT_ROUTES                                                                               \
  (256 * 1024) /* octets of the kernel's table of routes; the router is not known */
#endif
#ifndef LIMIT_ALIAS_FILE
#define LIMIT_ALIAS_FILE (1 << 20) /* octets of an aliases file */
#endif
#ifndef LIMIT_ALIAS_TARGETS
#define LIMIT_ALIAS_TARGETS 1000 /* addresses one may stand for, those on the way included */
#endif
#ifndef LIMIT_VSL_FILE
#define LIMIT_VSL_FILE (1 << 20) /* octets of a source file */
#endif
#ifndef LIMIT_VSL_FILES
#define LIMIT_VSL_FILES 4096 /* of a rule set */
#endif
#ifndef LIMIT_VSL_LIST
#define LIMIT_VSL_LIST (8 << 20) /* octets of the text behind a `file` object */
#endif
#ifndef LIMIT_VSL_RULES
#define LIMIT_VSL_RULES (64 << 20) /* memory of a loaded rule set: `file` objects are long */
#endif

#endif
