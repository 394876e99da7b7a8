/* smtp/format/format.h: bytes in, facts out: what lines, addresses, headers and reports look like.
 * No I/O. */
#ifndef SMTP_FORMAT_H
#define SMTP_FORMAT_H

#include "../../base/base.h"
#include "../../net/net.h"
#include "../../vsmtp.h"

/* ---- addr.c -------------------------------------------------------------------------------------
 * Mailboxes, paths and domains of RFC 5321 §4.1.2. Pure functions. */
/* A mailbox in its one canonical spelling: quotes only where the local part needs them. */
struct addr {
  str text;   /* local@domain; "" is the null reverse-path; no '@' when there is no domain */
  str local;  /* with its quotes, if any */
  str domain; /* as written, an address literal with its brackets; "" if there is none */
};

enum addr_fault {
  ADDR_OK,
  ADDR_SYNTAX,     /* not a path at all */
  ADDR_BAD_LOCAL,  /* malformed local part */
  ADDR_BAD_DOMAIN, /* malformed domain or address literal */
  ADDR_TOO_LONG,   /* over the sizes of §4.5.3.1 */
  ADDR_NEEDS_UTF8, /* not ASCII, and SMTPUTF8 was not asked for */
  ADDR_NOMEM
};

/* Parses a path "<" [source route ":"] [mailbox | local-part] ">" at the start of *in and moves *in
 * behind it. The source route is ignored, as §3.6.1 wants. out is allocated from a. "<>" gives
 * an empty text; a mailbox without domain gives an empty domain: the caller knows where they are
 * legal. */
enum addr_fault addr_path(str *in, bool utf8, struct arena *a, struct addr *out);

/* The whole of s is a mailbox with a domain, without angle brackets. */
enum addr_fault addr_mailbox(str s, bool utf8, struct arena *a, struct addr *out);

/* A domain of §4.1.2 (an underscore is let pass, as it is in use), without trailing dot. */
bool addr_domain_ok(str domain, bool utf8);

/* The address an address literal "[192.0.2.1]" or "[IPv6:2001:db8::1]" stands for, as canonical
 * text in out; -1 if domain is no such literal. */
#define ADDR_IP_MAX 48
int addr_literal(str domain, char out[ADDR_IP_MAX]);

/* Of an address that was read already: what stands behind and before its last "@". Without one
 * there is no domain. */
str addr_domain(str address);
str addr_local(str address);

bool addr_is_ascii(str s);

/* What the local part says without its quotes and backslashes; result in a. */
str addr_unquote(str local, struct arena *a);

/* ---- dsn.c --------------------------------------------------------------------------------------
 * What a client asks to be told of his mail: the parameters of RFC 3461. Pure
 * functions.
 *
 * They are kept, and passed on to the next server, in the words of the wire: "RET=HDRS ENVID=…"
 * with the message, "NOTIFY=SUCCESS,DELAY ORCPT=rfc822;…" with each recipient. An empty text asks
 * for nothing, and then failures and delays are reported. */
enum { DSN_NEVER = 1, DSN_SUCCESS = 2, DSN_FAILURE = 4, DSN_DELAY = 8 }; /* ORDER DSN_NOTIFY */

/* Is the value well-formed? utf8: the transaction asked for SMTPUTF8 (RFC 6533 §3). */
bool dsn_ret_ok(str value);
bool dsn_envid_ok(str value);
bool dsn_notify_ok(str value);
bool dsn_orcpt_ok(str value, bool utf8);

/* The text that is kept, in a, of well-formed values, of which each may be empty. p NULL: no
 * memory. */
str dsn_mail_text(str ret, str envid, struct arena *a);
str dsn_rcpt_text(str notify, str orcpt, struct arena *a);

/* A kept text, of a message or of a recipient, read again. */
struct dsn {
  unsigned notify; /* bits above; without NOTIFY: DSN_FAILURE | DSN_DELAY */
  bool full;       /* RET=FULL */
  str envid;       /* decoded; printable ASCII */
  str orcpt_type;  /* "rfc822", "utf-8"; empty: no ORCPT */
  str orcpt;       /* decoded; printable ASCII, or as it stands when the type is utf-8 */
};
/* -1: no memory. What is not well-formed is as if it were not there. */
int dsn_read(str text, struct arena *a, struct dsn *out);

/* The text without a wish to hear of success: for each of several recipients that one became,
 * because it is no longer one event (RFC 3461 §5.2.7.2), and for what a stranger asks (guard.h). p
 * NULL: no memory. */
str dsn_unsuccessful(str text, struct arena *a);

/* The message's text out of its context (column context of the store); empty if there is none. */
str dsn_of_context(str context, struct arena *a);

/* Any text as xtext (RFC 3461 §4), appended. */
void dsn_xtext(struct buf *out, str text);

/* ---- command.c ----------------------------------------------------------------------------------
 * One SMTP command line becomes a struct. Pure functions. */
/* ORDER COMMAND: the table in command.c, the session's table in session.c. X(enum, word) */
#define COMMAND_LIST(X)                                                                            \
  X(HELO)                                                                                          \
  X(EHLO)                                                                                          \
  X(MAIL)                                                                                          \
  X(RCPT)                                                                                          \
  X(DATA)                                                                                          \
  X(RSET)                                                                                          \
  X(NOOP)                                                                                          \
  X(QUIT)                                                                                          \
  X(HELP)                                                                                          \
  X(VRFY)                                                                                          \
  X(EXPN)                                                                                          \
  X(STARTTLS)                                                                                      \
  X(AUTH)                                                                                          \
  X(BDAT)

enum command_verb {
#define COMMAND_ENUM(word) COMMAND_##word,
  COMMAND_LIST(COMMAND_ENUM)
#undef COMMAND_ENUM
      COMMAND_UNKNOWN,
  COMMAND_FOREIGN, /* the start of another protocol: HTTP, TLS: no conversation possible */
  COMMAND_COUNT
};

/* What is wrong with a line; each has its one reply (reply.c). */
enum command_fault {
  COMMAND_OK,
  COMMAND_BAD_ARGUMENT,  /* 501 5.5.4 */
  COMMAND_BAD_PARAMETER, /* 555 5.5.4: MAIL or RCPT parameter not known (RFC 5321 §4.1.1.11) */
  COMMAND_BAD_SENDER,    /* 501 5.1.7, 553 5.1.7 */
  COMMAND_BAD_RCPT,      /* 501 5.1.3, 553 5.1.3 */
  COMMAND_NO_DOMAIN,     /* 553 5.1.3: a recipient without domain that is not postmaster */
  COMMAND_TOO_LONG,      /* 501 5.1.3: path longer than §4.5.3.1 allows */
  COMMAND_UTF8_NEEDED,   /* 553 5.6.7: non-ASCII address, no SMTPUTF8 (RFC 6531) */
  COMMAND_NOMEM          /* 451 4.3.0 */
};

struct command {
  enum command_verb verb;
  enum command_fault fault;
  str word;          /* the verb as sent */
  str arg;           /* what follows it, trimmed: HELO's name, AUTH's mechanism… */
  struct addr path;  /* MAIL, RCPT */
  uint64_t size;     /* MAIL SIZE=, 0 if absent (RFC 1870) */
  bool utf8;         /* MAIL SMTPUTF8 (RFC 6531); RCPT: its transaction's */
  bool eight_bit;    /* MAIL BODY=8BITMIME (RFC 6152) */
  str ret, envid;    /* MAIL, values as sent, empty if absent (RFC 3461; dsn.h) */
  str notify, orcpt; /* RCPT, likewise */
};

/* Parses a line without its CRLF. Slices point into line and into a. utf8: the transaction asked
 * for SMTPUTF8, so RCPT may hold such an address. */
void command_parse(str line, bool utf8, struct arena *a, struct command *out);

/* ---- reply.c ------------------------------------------------------------------------------------
 * Every answer the server can give. */
struct reply {
  int basic;    /* 200..599 */
  str enhanced; /* RFC 3463, may be empty */
  str text;     /* lines separated by LF */
};

/* What configuration cannot change. X(enum, basic, enhanced, text). Each is used at one place or
 * for one reason, so that the log's reply= word says where a refusal came from. */
#define REPLY_LIST(X)                                                                              \
  /* the line */                                                                                   \
  X(LINE_TOO_LONG, 500, "5.5.2", "Line too long")                                                  \
  X(LINE_BARE, 500, "5.5.2", "Lines end with CR LF; a bare CR, LF or NUL is not allowed")          \
  X(EARLY_TALKER, 554, "5.5.0", "You spoke before the greeting")                                   \
  X(NOT_SMTP, 421, "4.7.0", "This is SMTP")                                                        \
  /* addresses and parameters */                                                                   \
  X(BAD_SENDER, 501, "5.1.7", "Bad sender address syntax, expected MAIL FROM:<mailbox>")           \
  X(BAD_RCPT, 501, "5.1.3", "Bad recipient address syntax, expected RCPT TO:<mailbox>")            \
  X(NO_DOMAIN, 553, "5.1.3", "Recipient address needs a domain")                                   \
  X(ADDRESS_TOO_LONG, 501, "5.1.3", "Address too long")                                            \
  X(UTF8_NEEDED, 553, "5.6.7", "Address is not ASCII: MAIL needs the SMTPUTF8 parameter")          \
  X(BAD_PARAMETER, 555, "5.5.4", "Parameter of MAIL or RCPT not known")                            \
  /* sequence */                                                                                   \
  X(HELO_FIRST, 503, "5.5.1", "Say EHLO or HELO first")                                            \
  X(NO_MAIL, 503, "5.5.1", "MAIL first")                                                           \
  X(MAIL_TWICE, 503, "5.5.1", "Sender already given, RSET to begin again")                         \
  X(NO_RCPT, 503, "5.5.1", "RCPT first")                                                           \
  X(PIPELINED_TLS, 501, "5.5.2", "Nothing may follow STARTTLS before 220")                         \
  X(PIPELINED, 554, "5.5.0", "Nothing may follow DATA before 354")                                 \
  X(NO_VALID_RCPT, 554, "5.5.1", "No valid recipients")                                            \
  /* logging in (RFC 4954) */                                                                      \
  X(AUTH_TWICE, 503, "5.5.1", "Already authenticated")                                             \
  X(AUTH_IN_MAIL, 503, "5.5.1", "AUTH is not possible during a mail, RSET first")                  \
  X(AUTH_LINE_TOO_LONG, 500, "5.5.6", "Authentication exchange line is too long")                  \
  X(AUTH_LATER, 454, "4.7.0", "Temporary authentication failure, try later")                       \
  X(AUTH_BANNED, 421, "4.7.0", "Too many failed logins from your address, try later")              \
  X(NOT_YOURS, 553, "5.7.1", "Sender address is not one of yours")                                 \
  /* policy that no rule can forget */                                                             \
  X(RELAY_DENIED, 554, "5.7.1", "Relay access denied")                                             \
  X(NOT_CONFIGURED, 451, "4.3.5", "Server does not know its domain yet, try later")                \
  X(UNKNOWN_RCPT, 550, "5.1.1", "No such mailbox here")                                            \
  X(ALIAS_TOO_MANY, 452, "4.5.3", "Stands for many addresses: give it in a mail of its own")       \
  X(ALIAS_TOO_BIG, 451, "4.3.5", "Stands for too many addresses")                                  \
  X(ODD_LOCAL_PART, 550, "5.7.1", "Routing characters in the local part are not accepted")         \
  X(RULE_ERROR, 451, "4.3.5", "Local policy failed")                                               \
  X(VRFY, 252, "2.5.2", "Cannot VRFY, but will take mail and try to deliver it")                   \
  /* the message */                                                                                \
  X(TOO_BIG, 552, "5.3.4", "Message too big for this server")                                      \
  X(HEADER_TOO_BIG, 552, "5.3.4", "Header block too big")                                          \
  X(BARE_CR, 550, "5.5.2", "bare <CR> received")                                                   \
  X(BARE_LF, 550, "5.5.2", "bare <LF> received")                                                   \
  X(NUL_BYTE, 550, "5.6.0", "NUL not allowed")                                                     \
  X(LOOP, 554, "5.4.6", "Mail loops: too many Received fields")                                    \
  /* mails that went through a filter */                                                           \
  X(DELEGATE_LOOP, 554, "5.4.6", "Mail loops: the filter must hand it to the receiver")            \
  X(DELEGATE_DENIED, 554, "5.7.1", "Results of a filter come in here, and only from its address")  \
  X(DELEGATE_UNKNOWN, 554, "5.7.1", "No mail is waited for that has this token")                   \
  X(DELEGATE_UNSCANNED, 554, "5.7.1", "Nothing in the header shows that it was scanned")           \
  X(DELEGATE_CUT, 554, "5.6.0", "Its end is missing")                                              \
  /* resources */                                                                                  \
  X(FULL, 452, "4.3.1", "Not enough space, try later")                                             \
  X(STORE_FAILED, 451, "4.3.0", "Cannot store the message now, try later")                         \
  X(STORE_DOWN, 421, "4.3.0", "Mail storage is not available, try later")                          \
  X(SHUTDOWN, 421, "4.3.2", "Server is stopping, try later")                                       \
  X(PREQ_LIMIT, 451, "4.3.0", "Checking the message took too long, try later")                     \
  /* good news */                                                                                  \
  X(START_TLS, 220, "2.0.0", "Ready to start TLS")                                                 \
  X(DONE, 250, "2.0.0", "Ok")

enum reply_id {
#define REPLY_ENUM(name, basic, enhanced, text) REPLY_##name,
  REPLY_LIST(REPLY_ENUM)
#undef REPLY_ENUM
      REPLY_COUNT
};

struct reply reply_of(enum reply_id id);

/* The one place where an error becomes an answer. */
struct reply reply_of_err(const struct err *e);

/* Appends r in wire form: lines of at most 80 octets with CRLF, each with the code and the
 * enhanced code, all but the last with '-' (RFC 5321 §4.2.1). A control character becomes '?'. */
void reply_put(struct buf *out, struct reply r);
/* The same for people, appended: "554 5.7.1 text". */
void reply_show(struct buf *out, struct reply r);
str reply_text(struct reply r, struct arena *a); /* in a; p NULL: no memory */

/* ---- unstuff.c ----------------------------------------------------------------------------------
 * What comes between DATA and the final dot (RFC 5321 §4.5.2). Pure functions. */
/* The only end of data is CR LF . CR LF (or . CR LF at the very beginning). A CR, LF or NUL that
 * stands elsewhere is noted in the faults, and reading goes on to the true end: nothing that
 * follows such a byte can be taken for a command (SMTP smuggling). */
enum unstuff_state {
  UNSTUFF_LINE_START,
  UNSTUFF_DOT,    /* a dot at the start of a line */
  UNSTUFF_DOT_CR, /* and a CR behind it */
  UNSTUFF_TEXT,
  UNSTUFF_CR /* a CR in the text, held back until the next octet is seen */
};
enum { UNSTUFF_BARE_CR = 1, UNSTUFF_BARE_LF = 2, UNSTUFF_NUL = 4 };

struct unstuff {
  enum unstuff_state state;
  unsigned faults; /* UNSTUFF_BARE_CR | UNSTUFF_BARE_LF | UNSTUFF_NUL */
  uint64_t octets; /* given out so far, after removal of dots */
};

enum unstuff_event {
  UNSTUFF_MORE,  /* *in is used up */
  UNSTUFF_PIECE, /* *piece: text, at most one line and whole up to its CRLF where *in had that */
  UNSTUFF_END    /* the final dot; what is left in *in are further commands */
};

/* Takes what it understands from the front of *in. d begins zeroed. */
enum unstuff_event unstuff_next(struct unstuff *d, str *in, str *piece);

/* ---- stuff.c ------------------------------------------------------------------------------------
 * A mail in transit form: dots doubled, the final dot (RFC 5321 §4.5.2). Pure. */
/* Begins zeroed: at the start of a line. */
struct stuff {
  enum { STUFF_LINE_START, STUFF_TEXT, STUFF_CR } state;
};

void stuff_add(struct stuff *s, str text, struct buf *out); /* at most twice as long, plus one */
void stuff_end(struct stuff *s, struct buf *out); /* ends a line left open, then the final dot */

/* ---- client_reply.c -----------------------------------------------------------------------------
 * What a server answers a client (RFC 5321 §4.2). Pure functions. */
/* Begins zeroed but for text.cap, which client_reply_begin sets. */
struct client_reply {
  int code;        /* 200..599; 0: no line was read yet */
  unsigned lines;  /* so far */
  struct buf text; /* as it came, codes included, lines separated by LF, always UTF-8; what is none,
                      or a control, is '?'. What goes beyond LIMIT_REPLY_TEXT is cut. */
};

enum client_reply_event {
  CLIENT_REPLY_MORE, /* a line of several */
  CLIENT_REPLY_DONE, /* the last one */
  CLIENT_REPLY_BAD /* no reply: not three digits, another code than before, NUL, too long or many */
};

void client_reply_begin(struct client_reply *r); /* also after one that is done; keeps the memory */
void client_reply_free(struct client_reply *r);
/* Takes one line without its CRLF; *text is what stands behind the code. */
enum client_reply_event client_reply_line(struct client_reply *r, str line, str *text);

/* ---- header.c -----------------------------------------------------------------------------------
 * The header block of a message, in memory and editable (RFC 5322 §2.2).
 *
 * A header is a list of fields, each kept exactly as it arrived. Editing replaces whole fields, so
 * what no rule touched leaves octet for octet as it came. */
struct header_field {
  str name;  /* points into raw */
  str raw;   /* "Name: value CRLF", with folded lines, to the last CRLF */
  bool set;  /* made by header_set: it stands for the one field of its name */
  str value; /* unfolded, once somebody asked; p NULL before */
};

struct header {
  struct arena *arena; /* borrows: owns the texts */
  struct header_field *fields;
  size_t n, size;
  size_t octets; /* sum of raw */
};

/* Whether a line (with or without its CRLF) can begin a field: printable ASCII without spaces up
 * to a colon (spaces before the colon are let pass, RFC 5322 §4.5). */
bool header_line_starts_field(str line);

/* Splits a whole block, each line with its CRLF. ERR_SYNTAX when a line is neither a field nor a
 * continuation, ERR_PERM over LIMIT_HEADER_FIELDS or LIMIT_HEADER_BYTES. */
int header_parse(struct header *h, str block, struct err *e);

size_t header_count(const struct header *h, str name);
/* The nth field of that name (from 0, any case), or NULL. */
struct header_field *header_find(const struct header *h, str name, size_t nth);
/* A field's value: unfolded as RFC 5322 §2.2.3 says, without leading and trailing white space. It
 * is made once, in a, and then kept; without memory for that it is what stands behind the colon. */
str header_value(struct header_field *f, struct arena *a);

/* Each makes one field of name and value, which stand as they are: "name: value CRLF". -1: no
 * memory, or over the limits. */
int header_append(struct header *h, str name, str value, struct err *e);
int header_prepend(struct header *h, str name, str value, struct err *e);
int header_set(struct header *h, str name, str value, struct err *e); /* the first, else append */
/* Puts f in the place of the first field of its name; false if there is none. */
bool header_replace(struct header *h, struct header_field f);
/* Puts the fields of front before all of h. */
int header_join(const struct header *front, struct header *h, struct err *e);
size_t header_remove(struct header *h, str name); /* all of that name; how many */
void header_remove_at(struct header *h, size_t i);

void header_write(const struct header *h, struct buf *out); /* the block, without the blank line */

/* ---- message.c ----------------------------------------------------------------------------------
 * A message as it comes in: the header block is kept, the body handed on. */
enum { /* faults beside those of struct unstuff */
       MESSAGE_HEADER_TOO_BIG = 8,
       MESSAGE_LOOP = 16,     /* more than LIMIT_RECEIVED Received fields */
       MESSAGE_NO_MEMORY = 32 /* for the header block: later it may fit */
};

/* Begins zeroed but for header.cap, which message_begin sets. */
struct message_in {
  struct unstuff data;
  struct buf header; /* the block so far, without the blank line */
  size_t line;       /* where in header the line begins that is not whole yet */
  size_t fields, received;
  bool in_body;
  unsigned faults; /* of both kinds */
};

enum message_event {
  MESSAGE_MORE, /* *in is used up */
  MESSAGE_BODY, /* *body: octets of the body, valid until the next call */
  MESSAGE_END   /* the final dot was read; *in holds what follows */
};

void message_begin(struct message_in *m);
void message_free(struct message_in *m);

/* Takes text in transit form (dot-stuffed) from the front of *in. A line that cannot belong to a
 * header ends it, as if a blank line stood before (RFC 5322 §2.1 wants that line). */
enum message_event message_next(struct message_in *m, str *in, str *body);

/* ---- addrlist.c ---------------------------------------------------------------------------------
 * The addresses in a field such as To (RFC 5322 §3.4). Pure. */
/* The next address of a list from the front of *rest, as it stands in the text: what is between "<"
 * and ">", or a bare one. Names, comments and groups around it are passed over. False when there is
 * none left. It is not checked: words that make no address come out as they are. */
bool addrlist_next(str *rest, str *address);

/* ---- subject.c ----------------------------------------------------------------------------------
 * Header text for people (RFC 2047). */
/* The text with its encoded words decoded, valid UTF-8 in any case; what cannot be decoded stays as
 * it is. In a. */
str subject_decode(str text, struct arena *a);

/* ---- drop_file.c --------------------------------------------------------------------------------
 * A mail left in the folder `drop` by `sendmail`: the format of its file. Pure.
 *
 *   vsmtp drop 1 LF
 *   for UID LF                    in a file of the server's user: who left it, which was root; else
 *                                 and absent: whoever owns the file
 *   from ADDRESS LF               absent: he himself; nothing behind it: the null sender
 *   to ADDRESS LF                 once or more; the address may lack its domain
 *   envid TEXT LF                 RFC 3461, each as it stands behind its "=" in MAIL and RCPT;
 *   ret FULL|HDRS LF              absent: not asked for
 *   notify LIST LF
 *   LF
 *   the message, every line with CR LF
 *   LF vsmtp drop end, the number of octets of the message in 20 digits, LF
 *
 * The last line is written last: a file without it is not whole. */
struct drop_file {
  bool has_uid, has_from;
  uint32_t uid;
  str from;
  str *to; /* in the arena */
  size_t to_count;
  str envid, ret, notify; /* empty: none */
  uint64_t at, octets;    /* where the message begins, and its size */
};

#define DROP_FILE_HEAD_MAX                                                                         \
  (LIMIT_DROP_RCPT * (LIMIT_PATH + 8) + 4096) /* octets before the message */
#define DROP_FILE_END 37                      /* octets of the last line */

/* The first lines, up to the empty one; d->octets is for the end to say. */
void drop_file_write_head(const struct drop_file *d, struct buf *out);
void drop_file_write_end(uint64_t octets, struct buf *out);

/* head: the first octets of the file, at most DROP_FILE_HEAD_MAX of them; end: the last
 * DROP_FILE_END; size: of the file. Texts borrow head. ERR_SYNTAX: no drop file, or not whole;
 * ERR_NOMEM. */
int drop_file_parse(str head, str end, uint64_t size, struct arena *a, struct drop_file *out,
                    struct err *e);
/* Is this the last line of a file of that size? */
bool drop_file_is_whole(str end, uint64_t size, uint64_t *octets);

/* ---- submit.c -----------------------------------------------------------------------------------
 * What a program of this machine gives to `sendmail`, made a mail. Pure but for
 * memory.
 *
 * Lines end in CR LF, NULs are gone, the header is complete and names nobody blind. */
struct submit_options {
  bool dots;        /* a line with a dot alone is text like any other (-i); else it ends the mail */
  bool recipients;  /* read them from the header (-t) */
  str user, domain; /* who sends, where: for addresses without a domain, and for From */
  str name;         /* of that person, for From; may be empty */
  str sender;       /* address for From; empty: user@domain */
  str id;           /* for Message-ID */
  int64_t now;      /* wall time, for Date */
};

enum submit_state { SUBMIT_HEADER, SUBMIT_BODY, SUBMIT_OVER };

struct submit {
  const struct submit_options *o; /* borrows */
  struct arena *arena;            /* borrows: owns the header and the recipients */
  enum submit_state state;
  bool begun;              /* a line was seen */
  bool cr;                 /* a CR is held back: what follows says what it meant */
  bool dot;                /* a dot at the start of a line is held back */
  bool in_line;            /* the line has octets, of the body */
  struct buf line, header; /* while the header lasts */
  str *to;                 /* recipients of the header, checked */
  size_t to_count, to_size;
};

void submit_begin(struct submit *s, const struct submit_options *o, struct arena *a);
void submit_free(struct submit *s);
/* Takes all of in and appends what it makes to out: nothing before the header is whole (state is
 * not SUBMIT_HEADER any more), in which case recipients are known too. ERR_SYNTAX: too large a
 * header, or a recipient that is no address; ERR_NOMEM. */
int submit_text(struct submit *s, str in, struct buf *out, struct err *e);
int submit_end(struct submit *s, struct buf *out, struct err *e); /* in is at its end */

/* Is it an address, or a local part alone? */
bool submit_address_ok(str address, struct arena *a);

/* ---- csv.c --------------------------------------------------------------------------------------
 * Tables of text: records of fields (RFC 4180, any delimiter). Pure. */
/* A record as it was read. Begins zeroed but for text.cap; csv_free at the end. */
struct csv_record {
  struct buf text; /* the fields' octets, one after another */
  size_t ends[LIMIT_CSV_FIELDS];
  size_t n;
  size_t from, to; /* where it stands in the source, with its line end */
};
void csv_free(struct csv_record *r);

/* Reads the record at *at, which moves behind it; empty lines are skipped. 1: there is one, 0: the
 * source is over; -1: ill-formed, or no memory. A field in quotes may hold delimiters, line ends
 * and doubled quotes; outside of quotes they are octets like others. */
int csv_next(str source, char delimiter, size_t *at, struct csv_record *r, struct err *e);
str csv_field(const struct csv_record *r, size_t i); /* trimmed; borrows from the record */

/* A record as a line, quoted where it must be. -1: a field cannot stand in a table. */
int csv_put(struct buf *out, char delimiter, const struct datum *fields, size_t n, struct err *e);

/* ---- clamd_reply.c ------------------------------------------------------------------------------
 * What clamd answers to INSTREAM. Pure. */
enum clamd_verdict {
  CLAMD_NONE, /* no verdict: an error, or nothing clamd ever says */
  CLAMD_CLEAN,
  CLAMD_FOUND
};
/* reply: all up to the NUL that ends it. *name: the virus (FOUND), printable ASCII, or what is
 * wrong (NONE), any octets; borrows. Only the two sentences clamd has for a verdict are one. */
enum clamd_verdict clamd_reply(str reply, str *name);

/* ---- target.c -----------------------------------------------------------------------------------
 * The server a mail is handed to, as rules and configuration write it. Pure
 * functions.
 *
 *   HOST  IP  HOST:PORT  IP:PORT  [IP6]:PORT  [IP6%INTERFACE]:PORT
 *   SCHEME://[USER[:PASSWORD]@]HOST[:PORT][?KEY=VALUE&…]      smtp smtps lmtp
 *   lmtp:unix:/PATH[?KEY=VALUE&…]
 *
 *   tls=none|opportunistic|required|verified   auth=plain|login|scram-sha-256|xoauth2
 *   password_file=/PATH   token_file=/PATH
 *
 * User, password and values may hold octets as %XX. A HOST is not looked up for MX.
 *
 * The command that prints a token stands in [server.relay] alone: a rule may put an address into a
 * target, and what a stranger wrote must never become a program's argument. */
/* How much encryption a server must speak. ORDER TARGET_TLS: conf_keys.c and target.c have the
 * words */
enum target_tls {
  TARGET_TLS_NONE,
  TARGET_TLS_OPPORTUNISTIC, /* if it offers STARTTLS, whoever it is */
  TARGET_TLS_REQUIRED,
  TARGET_TLS_VERIFIED /* and it must prove that it is `host` */
};

/* ORDER TARGET_AUTH: target_auths in target.c. */
enum target_auth {
  TARGET_AUTH_BEST,
  TARGET_AUTH_PLAIN,
  TARGET_AUTH_LOGIN,
  TARGET_AUTH_SCRAM_SHA_256,
  TARGET_AUTH_XOAUTH2
};

struct target {
  str host;   /* a name, or an IP without brackets; of a socket its path */
  bool local; /* a socket of this machine */
  bool ip;
  bool lmtp;
  bool implicit; /* TLS from the first octet */
  uint16_t port;
  enum target_tls tls;
  enum target_auth auth;
  str user;                                /* empty: nobody logs in */
  str password, password_file, token_file; /* with a user one of them, */
  bool token_command;                      /* or the one of [server.relay] */
};

/* The texts of out lie in a. -1 with e, whose text never holds a password. A password goes to
 * nobody but a server that proved its name, unless tls says otherwise. */
int target_parse(str text, struct arena *a, struct target *out, struct err *e);
/* HOST[:PORT], IP[:PORT] or [IP6]:PORT alone: fills host, ip and port, which keeps its value where
 * none is given. What out points to lies where text does. */
int target_parse_host(str text, struct target *out, struct err *e);
/* text as it may be shown: without a password. */
void target_show(str text, struct buf *out);

#endif
