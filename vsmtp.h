/* vsmtp.h: the nouns all rooms share, and every limit.
 *
 * Every number a stranger can push stands here, with the RFC's minimum beside it. A build can
 * change any of them with -DLIMIT_X=n; the test build shrinks some so that their edges are met.
 */
#ifndef VSMTP_H
#define VSMTP_H

#include "base/base.h"

#define VSMTP_VERSION       "0.1.0"
#define VSMTP_COMPATIBILITY "1.1.3" /* of vSMTP, what version_requirement is held against */

/* ---- the stages of a mail, in order (vsl-api: each name is a key of the rule file's map) -------
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

/* ---- a value of a database, as rules give and get it: a blob is a text ------------------------- */
enum datum_type { DATUM_NULL, DATUM_INT, DATUM_REAL, DATUM_TEXT };
struct datum {
  enum datum_type type;
  int64_t integer;
  double real;
  str text;
};

/* ---- SMTP limits: RFC 5321 §4.5.3.1 ---------------------------------------------------------- */
#ifndef LIMIT_COMMAND_LINE
#define LIMIT_COMMAND_LINE 2048 /* octets with CRLF; RFC 512 + extensions */
#endif
#ifndef LIMIT_LOCAL_PART
#define LIMIT_LOCAL_PART 64 /* RFC 64 */
#endif
#ifndef LIMIT_DOMAIN
#define LIMIT_DOMAIN 255 /* RFC 255 */
#endif
#ifndef LIMIT_PATH
#define LIMIT_PATH 256 /* RFC 256, with the angle brackets */
#endif
#ifndef LIMIT_HEADER_BYTES
#define LIMIT_HEADER_BYTES (256 * 1024) /* header block in memory; beyond: 552 5.3.4 */
#endif
#ifndef LIMIT_HEADER_FIELDS
#define LIMIT_HEADER_FIELDS 1000
#endif
#ifndef LIMIT_RECEIVED
#define LIMIT_RECEIVED 50 /* RFC 100 §6.3 "at least"; beyond: a loop, 554 5.4.6 */
#endif

/* ---- as a client: what another server may answer ---------------------------------------------- */
#ifndef LIMIT_REPLY_LINE
#define LIMIT_REPLY_LINE 1000 /* octets; RFC 512 §4.5.3.1.5 "at least" */
#endif
#ifndef LIMIT_REPLY_LINES
#define LIMIT_REPLY_LINES 100
#endif
#ifndef LIMIT_REPLY_TEXT
#define LIMIT_REPLY_TEXT 4096 /* octets of a reply kept */
#endif

/* ---- as a client: who is tried, and how many at once ------------------------------------------ */
#ifndef LIMIT_ROUTE_HOSTS
#define LIMIT_ROUTE_HOSTS                                                                          \
  10 /* servers of a domain that are looked up; RFC 5321 §5.1: at least two */
#endif
#ifndef LIMIT_ROUTE_HOPS
#define LIMIT_ROUTE_HOPS 16 /* addresses of a domain that are tried */
#endif
#ifndef LIMIT_OUTBOUND_HOST
#define LIMIT_OUTBOUND_HOST 10 /* connections to one address */
#endif
#ifndef LIMIT_OUTBOUND_ALL
#define LIMIT_OUTBOUND_ALL 500 /* connections in all, those included that nobody answered yet */
#endif
#ifndef LIMIT_DELIVER_JOBS
#define LIMIT_DELIVER_JOBS 500 /* stored mails in work or waiting for a server, some 5 KB each */
#endif

/* ---- reports to senders ------------------------------------------------------------------------ */
#ifndef LIMIT_BOUNCE_RATE
#define LIMIT_BOUNCE_RATE 30 /* to one sender within an hour */
#endif
#ifndef LIMIT_BOUNCE_SENDERS
#define LIMIT_BOUNCE_SENDERS 10000 /* senders written to within an hour; then nobody else is */
#endif
#ifndef LIMIT_BOUNCE_HEADER
#define LIMIT_BOUNCE_HEADER (32 * 1024) /* octets of a header that go back */
#endif
#ifndef LIMIT_BOUNCE_FULL
#define LIMIT_BOUNCE_FULL (16 * 1024) /* octets of a message that goes back whole with RET=FULL */
#endif
#ifndef LIMIT_BOUNCE_BYTES
#define LIMIT_BOUNCE_BYTES (4 << 20) /* octets of a report: 1000 recipients with their replies */
#endif

/* ---- delegation ------------------------------------------------------------------------------ */
#ifndef LIMIT_DELEGATE_CONNECTS
#define LIMIT_DELEGATE_CONNECTS 5 /* to one service and not greeted yet: clamsmtpd's backlog */
#endif
#ifndef LIMIT_DELEGATE_FLYING
#define LIMIT_DELEGATE_FLYING 30 /* connections to one service; the rest waits in line */
#endif
#ifndef LIMIT_DELEGATE_JOBS
#define LIMIT_DELEGATE_JOBS 100 /* mails of the queue at filters, in line included */
#endif
#ifndef LIMIT_DELEGATE_TIME
#define LIMIT_DELEGATE_TIME 300000 /* ms a client waits, in line included; RFC 10 min §4.5.3.2.6 */
#endif

/* ---- services that rules call ---------------------------------------------------------------- */
#ifndef LIMIT_SERVICES
#define LIMIT_SERVICES 64 /* of a rule set; also the commands a helper is told of */
#endif
#ifndef LIMIT_SCANS
#define LIMIT_SCANS 8 /* connections to one clamd (its MaxThreads: 10); the rest waits in line */
#endif
#ifndef LIMIT_SCAN_NAME
#define LIMIT_SCAN_NAME 256 /* octets of a virus name */
#endif
#ifndef LIMIT_COMMANDS
#define LIMIT_COMMANDS 4 /* under way; the rest waits in line */
#endif
#ifndef LIMIT_CSV_FILE
#define LIMIT_CSV_FILE (4 << 20) /* octets of a table */
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

/* ---- logging in ------------------------------------------------------------------------------ */
#ifndef LIMIT_AUTH_LINE
#define LIMIT_AUTH_LINE 12288 /* octets of a line with CRLF; RFC 12288 (RFC 4954 §4) */
#endif
#ifndef LIMIT_AUTH_ROUNDS
#ifdef VSMTP_TEST
#define LIMIT_AUTH_ROUNDS 16384
#else
#define LIMIT_AUTH_ROUNDS 60000 /* of a password; RFC 7677 §4: 4096 "at least"; Cyrus takes 65536 */
#endif
#endif
#ifndef LIMIT_AUTH_WAITING
#define LIMIT_AUTH_WAITING 8 /* passwords in line to be checked; beyond: 454 4.7.0 */
#endif
#ifndef LIMIT_AUTH_SEEN
#define LIMIT_AUTH_SEEN 64 /* right passwords remembered, */
#endif
#ifndef LIMIT_AUTH_REMEMBER
#define LIMIT_AUTH_REMEMBER 600000 /* and for how many ms */
#endif
#ifndef LIMIT_AUTH_ADDRESSES
#define LIMIT_AUTH_ADDRESSES 1024 /* addresses whose failures are remembered */
#endif
#ifndef LIMIT_AUTH_FAILURES
#define LIMIT_AUTH_FAILURES 10 /* wrong passwords from one address, then nobody may log in there */
#endif
#ifndef LIMIT_AUTH_BAN
#define LIMIT_AUTH_BAN 900000 /* for so many ms */
#endif
#ifndef LIMIT_AUTH_FORGET
#define LIMIT_AUTH_FORGET 3600000 /* ms after which failures count no more */
#endif

/* ---- connections ----------------------------------------------------------------------------- */
#ifndef LIMIT_IO_INPUT
#define LIMIT_IO_INPUT (16 * 1024) /* bytes of one connection read and not yet used */
#endif
#ifndef LIMIT_IO_OUTPUT
#define LIMIT_IO_OUTPUT (256 * 1024) /* bytes waiting to be sent; beyond: the peer is dropped */
#endif
#ifndef LIMIT_TLS_HANDSHAKE
#define LIMIT_TLS_HANDSHAKE (64 * 1024) /* octets of a peer until it is over, chains included */
#endif
#ifndef LIMIT_TLS_TURN
#define LIMIT_TLS_TURN (64 * 1024) /* octets deciphered of one connection before others' turn */
#endif
#ifndef LIMIT_TRANSACTION_BYTES
#define LIMIT_TRANSACTION_BYTES (2 << 20) /* arena of a session: header, 1000 recipients */
#endif

/* ---- DNS and SPF: RFC 7208 §4.6.4 -------------------------------------------------------------- */
#ifndef LIMIT_DNS_FLYING
#define LIMIT_DNS_FLYING 100 /* questions under way: answers to more overflow the socket's buffer */
#endif
#ifndef LIMIT_SPF_TERMS
#define LIMIT_SPF_TERMS 10 /* RFC 10: terms of an evaluation that ask */
#endif
#ifndef LIMIT_SPF_VOID
#define LIMIT_SPF_VOID 2 /* RFC 2: of those, such as find nothing */
#endif
#ifndef LIMIT_SPF_NAMES
#define LIMIT_SPF_NAMES 10 /* RFC 10: mail servers of one mx, host names of one ptr */
#endif
#ifndef LIMIT_SPF_TIME
#define LIMIT_SPF_TIME 20000 /* milliseconds of an evaluation; RFC 20 s "at least" */
#endif
#ifndef LIMIT_SPF_MEMORY
#define LIMIT_SPF_MEMORY (2 << 20) /* bytes of an evaluation: records and answers of 64 KB */
#endif

/* ---- store ----------------------------------------------------------------------------------- */
#ifndef LIMIT_CHUNK
#define LIMIT_CHUNK (64 * 1024) /* octets of body a chunk row holds */
#endif
#ifndef LIMIT_SPACE_RESERVE
#define LIMIT_SPACE_RESERVE (16 << 20) /* kept free; 2 % of the file system if that is more */
#endif

/* ---- rules: configurable within app.vsl; these are the defaults (vsl.md 12) ------------------ */
#ifndef LIMIT_VSL_DEPTH
#define LIMIT_VSL_DEPTH 64 /* calls of script functions and closures */
#endif
#ifndef LIMIT_VSL_STEPS
#define LIMIT_VSL_STEPS 10000000
#endif
#ifndef LIMIT_VSL_SLICE
#define LIMIT_VSL_SLICE 100000 /* steps after which a rule gives way to the loop */
#endif
#ifndef LIMIT_VSL_MEMORY
#define LIMIT_VSL_MEMORY (4 * 1024 * 1024) /* bytes per running rule set */
#endif
#ifndef LIMIT_VSL_STRING
#define LIMIT_VSL_STRING (1024 * 1024)
#endif
#ifndef LIMIT_VSL_ITEMS
#define LIMIT_VSL_ITEMS 65536 /* of an array or a map */
#endif
#ifndef LIMIT_VSL_FILE
#define LIMIT_VSL_FILE (1024 * 1024) /* bytes of a source file */
#endif
#ifndef LIMIT_VSL_IMPORTS
#define LIMIT_VSL_IMPORTS 16 /* depth */
#endif

/* ---- aliases --------------------------------------------------------------------------------- */
#ifndef LIMIT_ALIAS_FILE
#define LIMIT_ALIAS_FILE (1 << 20) /* octets of an aliases file */
#endif
#ifndef LIMIT_ALIAS_TARGETS
#define LIMIT_ALIAS_TARGETS 1000 /* addresses one may stand for, those on the way included */
#endif

/* ---- the helper ------------------------------------------------------------------------------ */
#ifndef LIMIT_DELIVERIES
#define LIMIT_DELIVERIES 8 /* into mailboxes at the same time */
#endif
#ifndef LIMIT_HELPER_CHILDREN
#define LIMIT_HELPER_CHILDREN (LIMIT_DELIVERIES + LIMIT_COMMANDS)
#endif

#endif
