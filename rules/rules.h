/* rules/rules.h: the door of rules/: load a rule file, run the stages of a mail through it.
 *
 * A rule set is loaded once, checked whole, then frozen: it is shared by all runs, each of which
 * holds a reference, so a reload swaps the set and nobody notices. A run takes one message through
 * the directives of one stage and ends with a verdict. It never blocks: it is stepped by the loop,
 * gives way after a slice of steps, and says when it waits for an answer of the host.
 *
 * rules/ knows no socket, no database and no line of SMTP. What a rule reads and changes it asks of
 * struct rules_host, a table of functions that smtp/ (or a test) fills in.
 */
#ifndef RULES_RULES_H
#define RULES_RULES_H

#include "../vsmtp.h"

/* ---- nouns ----------------------------------------------------------------------------------- */

/* A reply as a rule gives it. Folding into lines is the business of smtp/format/reply.c. */
struct rules_code {
  int basic;    /* 200 … 599; 0: none given, the caller takes the configured Ok or Denied */
  str enhanced; /* "5.7.1", or empty */
  str text;     /* may hold CR LF between lines */
};

/* What a directive answers (rules/README.md#statuses). ORDER RULES_KIND: rules_kind_name in
 * rules.c. */
enum rules_kind {
  RULES_NEXT,
  RULES_ACCEPT,
  RULES_FACCEPT,
  RULES_DENY,
  RULES_INFO,
  RULES_QUARANTINE,
  RULES_PACKET,
  RULES_DELEGATED
};
const char *rules_kind_name(enum rules_kind k); /* "next", "accept", … */

/* How long a status keeps later stages from running (the row `faccept` of
 * rules/README.md#statuses). */
enum rules_skip { RULES_SKIP_NO, RULES_SKIP_MESSAGE, RULES_SKIP_CONNECTION };
enum rules_skip rules_skip(enum stage s, enum rules_kind k);

const char *transport_name(enum transport t); /* "deliver" …; unset is "" */

/* ---- loading --------------------------------------------------------------------------------- */

struct rules;

/* What vsmtp.h says of the budgets of a directive; app.vsl of the configuration changes some. The
 * load of a rule set has the same, but for its memory: 64 MiB. */
struct vsl_limits vsl_limits_default(void);

/* All is borrowed, and only during the load. */
struct rules_options {
  struct vsl_limits limits;
  int64_t max_time;             /* milliseconds of one directive, waiting included; 0: 60 s */
  const struct toml *toml;      /* the configuration with its defaults filled in: tables `server`
                                   and `app`, for toml::; NULL: toml:: throws */
  struct rules_code ok, denied; /* the configured replies, for `deny() == deny(code)` */
  const str *listeners; /* server.interfaces, all lists: a receiver not among them is warned of */
  size_t listener_count;
};

/* Reads, compiles and evaluates the main file and what it imports, checks the map of stages, and
 * freezes the result. Faults and the warnings of `check` go to d. NULL when there was an error.
 * An empty path gives the built-in set that refuses every connection. */
struct rules *rules_load(str path, const struct rules_options *opt, struct diags *d);
struct rules *rules_hold(struct rules *r);               /* one more reference; returns r */
void rules_release(struct rules *r);                     /* NULL is fine */
size_t rules_count(const struct rules *r, enum stage s); /* directives of a stage */
/* Index of the directive of that name in the stage, or -1 (the file may have changed since). */
ptrdiff_t rules_find(const struct rules *r, enum stage s, str directive);

/* The smtp service of a delegate (rules/README.md#delegation). Slices live as long as the rules. */
struct rules_service {
  str directive, name;
  str address, receiver; /* ip:port */
  int64_t timeout;       /* milliseconds */
  bool marked;           /* `marks` is given, maybe with none in it */
  size_t mark_count;
};
/* false: directive i of the stage is no delegate. */
bool rules_service_at(const struct rules *r, enum stage s, size_t i, struct rules_service *out);
str rules_service_mark(const struct rules *r, enum stage s, size_t i, size_t n);

/* Every service that was declared while the rules were loaded, by number, in that order: what a
 * question about one is about, and what `check` looks at. Slices live as long as the rules. */
/* ORDER RULES_SERVICE: service_texts, service_options in service.c. */
enum rules_service_kind {
  RULES_SERVICE_CMD,
  RULES_SERVICE_CSV,
  RULES_SERVICE_SQLITE,
  RULES_SERVICE_SMTP,
  RULES_SERVICE_CLAMD
};
struct rules_declared {
  enum rules_service_kind kind;
  str name;
  int64_t timeout;          /* milliseconds; csv has none: 0 */
  str command, user, group; /* cmd; user and group may be empty */
  str path;                 /* csv, sqlite: absolute */
  bool may_read, may_write; /* csv, sqlite */
  bool always;              /* csv: the file is read for each question, not once */
  char delimiter;           /* csv */
  str address;              /* smtp: the delegator; clamd: ip:port or unix:/path */
  str receiver;             /* smtp */
  bool marked;              /* smtp: `marks` is given, */
  size_t mark_count;        /* with so many of them: rules_declared_mark */
};
size_t rules_declared_count(const struct rules *r);
struct rules_declared rules_declared_at(const struct rules *r, size_t service);
str rules_declared_mark(const struct rules *r, size_t service, size_t n);
/* A warning at the place where it is declared. */
void rules_warn(const struct rules *r, size_t service, struct diags *d, const char *fmt, ...)
    BASE_PRINTF(4, 5);

/* ---- the host: what a running rule may ask ------------------------------------------------------
 * Every function gets the opaque tx given to rules_start. Slices the host returns are valid until
 * the next call of the host; slices given to it only during the call. Functions that can fail
 * return 0 or -1 and fill e: the text becomes the message of the rule's error. None may be NULL. */

/* ORDER RULES_AUTH: api_auth_names in api.c. */
enum rules_auth { RULES_AUTH_NONE, RULES_AUTH_VERIFY, RULES_AUTH_QUERY, RULES_AUTH_ANONYMOUS };

/* The facts of the transaction. What a stage does not have yet is empty; rules refuse to read it
 * before its stage. */
struct rules_facts {
  str client_ip, server_ip; /* text, IPv6 without brackets */
  int client_port, server_port;
  str server_name;      /* server.domain, or the name the client asked for by SNI */
  int64_t connected_at; /* milliseconds since 1970 */
  bool secured, authenticated;
  str helo;                           /* as sent */
  str mail_from;                      /* without <>; empty: the null sender */
  int64_t mail_at;                    /* milliseconds since 1970 */
  str message_id;                     /* of the store, 26 characters */
  enum rules_auth auth;               /* NONE: no AUTH yet */
  str auth_id, auth_pass, auth_token; /* password only in stage authenticate, kind VERIFY */
};

struct rules_rcpt {
  str address;
  bool by_client; /* a RCPT TO of the client, as against added by a rule or alias */
  enum transport transport;
  str target;
};

struct rules_header {
  str name;  /* as written */
  str value; /* all after the colon as it stands in the message, folds and last line end included:
                the rule that reads it pays for the copy */
};

/* One decision, for the trace of the message. detail names file:line:column on an error. */
struct rules_trace {
  enum stage stage;
  str directive;
  const char *kind; /* "rule", "action" or "delegate" */
  str status;       /* "deny", "next" …, "error" */
  str detail;       /* code text, quarantine queue, error message; may be empty */
};

/* What takes time. The host answers at once, or later by rules_give. */
enum rules_ask {
  RULES_ASK_SPF,     /* about the transaction at hand: RFC 7208 */
  RULES_ASK_DNS,     /* the records of a name */
  RULES_ASK_REVERSE, /* the name of an IP, confirmed by its addresses (RFC 8601 §3 "iprev") */
  /* from here on of a declared service: */
  RULES_ASK_SCAN,   /* clamd: is there a virus in the message as it would be sent? */
  RULES_ASK_RUN,    /* cmd, with these arguments */
  RULES_ASK_GET,    /* csv: the first record whose first field is `name` */
  RULES_ASK_SET,    /* csv: a record is added */
  RULES_ASK_REMOVE, /* csv: all records whose first field is `name` */
  RULES_ASK_QUERY,  /* sqlite: a statement that reads; `name` is its text */
  RULES_ASK_EXECUTE /* sqlite: one that writes */
};
struct rules_question {
  enum rules_ask ask;
  str identity;             /* SPF: "mail_from" or "helo" */
  str name;                 /* DNS: a domain name; REVERSE: an IP; services: see above */
  str type;                 /* DNS: "A", "AAAA", "MX", "PTR", "TXT" */
  size_t service;           /* number of rules_declared_at */
  const struct datum *args; /* RUN, SET: texts; QUERY, EXECUTE: what is bound */
  size_t n;
};
struct rules_answer {
  str result; /* SPF: "pass", "fail", "softfail", "neutral", "none", "temperror", "permerror"; DNS,
                 REVERSE: "found", "none" or, when no name server gave an answer, "temperror"; SCAN:
                 "clean", "infected"; RUN: "exited", "killed"; GET: "found", "none" */
  str mechanism;   /* SPF: what matched, or empty */
  str problem;     /* SPF: of none and an error */
  str explanation; /* SPF: of fail, what the domain's owner says: printable ASCII, or empty */
  const str *list; /* what was found; of MX "PREFERENCE NAME", best first; SCAN: the virus; GET: the
                      fields; QUERY: the names of the columns */
  size_t n;
  int64_t number;            /* RUN: exit code or signal; EXECUTE: rows that changed */
  const struct datum *cells; /* QUERY: row after row, n of them each */
  size_t cell_count;
};
enum rules_asked {
  RULES_ASKED_DONE,   /* *a is filled */
  RULES_ASKED_WAIT,   /* rules_give will be called, or the run cancelled */
  RULES_ASKED_REFUSED /* e says why; the rule throws */
};

struct rules_host {
  const struct rules_facts *(*facts)(void *tx);

  /* Recipients, in order; index from 0. Before `mail` an added one is kept pending. */
  size_t (*rcpt_count)(void *tx);
  void (*rcpt_get)(void *tx, size_t i, struct rules_rcpt *out);
  int (*rcpt_add)(void *tx, str address, struct err *e);
  int (*rcpt_remove)(void *tx, size_t i, struct err *e); /* check_relay does so: after stage `rcpt`
                             the recipient it was about may be gone from the list already */
  int (*rcpt_rewrite)(void *tx, size_t i, str address, struct err *e);
  int (*rcpt_transport)(void *tx, size_t i, enum transport t, str target, struct err *e);
  int (*target_check)(void *tx, str target, struct err *e); /* can mail be forwarded there? */
  /* A relay check was evaluated for recipient i and found the client in its hosts: the guard of
     rules/README.md#what-no-rule-can-forget lets this recipient pass. */
  void (*rcpt_permit)(void *tx, size_t i);
  int (*mail_from_set)(void *tx, str address, struct err *e);

  /* Header fields, names without regard to case. Before preq, changes are pending operations in
     order and reading sees them only. name is a valid field name; value may hold folds (CR LF and
     a space) and nothing else that ends a line: it is written as it stands after "name: ". */
  bool (*header_get)(void *tx, str name, size_t nth, struct rules_header *out); /* false: no more */
  int (*header_append)(void *tx, str name, str value, struct err *e);
  int (*header_prepend)(void *tx, str name, str value, struct err *e);
  int (*header_set)(void *tx, str name, str value,
                    struct err *e);                        /* replaces the first, or appends */
  int (*header_remove)(void *tx, str name, struct err *e); /* the first of that name */
  int (*subject_mark)(void *tx, str mark, struct err *e);  /* puts it before the Subject, once; of a
                                          message that has not come yet when it comes */

  /* The message as it would be sent, from the start, at most what out->cap still takes. */
  int (*message_read)(void *tx, struct buf *out, struct err *e);

  /* Files below app.dirpath/dir (dir has passed the check on its text; symbolic links
     leading out are the host's to refuse). The message, or text, as dir/<message-id><suffix>. */
  int (*write_message)(void *tx, str dir, str suffix, struct err *e);
  int (*write_text)(void *tx, str dir, str suffix, str text, struct err *e);

  bool (*in_domain)(void *tx, str domain); /* ours: server.domain or a key of server.virtual */
  bool (*is_router)(void *tx);             /* the client: all strangers may come from there */
  bool (*user_exist)(void *tx, str name);  /* a local system user */
  void (*log)(void *tx, enum log_target t, enum log_level l, str text); /* adds sid= and mid= */
  void (*decided)(void *tx, const struct rules_trace *t); /* each directive, in order */
  enum rules_asked (*ask)(void *tx, const struct rules_question *q, struct rules_answer *a,
                          struct err *e);
};

/* ---- running --------------------------------------------------------------------------------- */

struct rules_run;

/* Begins a stage at directive `from` (0: all of it). With `returned`, directive `from` is a
 * delegate whose message has come back: its body runs. Holds a reference on r; host and tx must
 * outlive the run. NULL: no memory. The caller does not start a stage that a skip state forbids. */
struct rules_run *rules_start(struct rules *r, enum stage s, size_t from, bool returned,
                              const struct rules_host *host, void *tx);

enum rules_state {
  RULES_DONE,  /* rules_verdict_of has it */
  RULES_YIELD, /* a slice is over: step again in the next turn of the loop */
  RULES_WAIT   /* for rules_give */
};
/* Runs on, never longer than a slice. While it waits this only looks at the clock: when
 * rules_deadline is over the directive fails, and the host's answer is not wanted any more. */
enum rules_state rules_step(struct rules_run *run);
/* Until when the directive at hand may take (clock_mono): step a waiting run again then. */
int64_t rules_deadline(const struct rules_run *run);
/* The answer to a question (copied), or why there is none (a NULL: the rule throws e's text). Does
 * not run anything: the caller steps the run from its ready list. Never from within ask. */
void rules_give(struct rules_run *run, const struct rules_answer *a, const struct err *e);

struct rules_verdict {
  enum rules_kind kind;
  struct rules_code code; /* accept, faccept, deny, info; basic 0: the configured default */
  str text;               /* quarantine: the queue; packet: the secret */
  str directive;          /* who decided; empty: nobody, the list ended */
  size_t next; /* the stage goes on here when the message is released or comes back clean;
                  for `delegated` the delegate's own index is next - 1 */
  str service; /* delegated: name of the smtp service */
  bool failed; /* an error nobody caught: deny with 451 4.3.5; after the queue, defer */
};
/* Slices live as long as the run. */
const struct rules_verdict *rules_verdict_of(const struct rules_run *run);
/* Ends a run at any point, waiting or not. NULL is fine. */
void rules_cancel(struct rules_run *run);

/* ---- scripts without mail -------------------------------------------------------------------- */

/* Runs a script that needs no mail (`vsmtp eval`). What it prints goes to out, errors in the form
 * of rules/README.md#errors to err. Returns the exit code: 0, 65 syntax error, 1 error at run time,
 * 66 no such file. */
int rules_eval_file(str path, FILE *out, FILE *err);

const char *rules_library_version(void); /* of PCRE2, for --version */

#endif
