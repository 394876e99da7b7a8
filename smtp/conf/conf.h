/* smtp/conf/conf.h: what the operator says. */
#ifndef SMTP_CONF_H
#define SMTP_CONF_H

#include "../../base/base.h"
#include "../../net/net.h"
#include "../../vsmtp.h"
#include "../format/format.h"

/* ---- passwd.c -----------------------------------------------------------------------------------
 * Users and groups of the machine, read from their files without the name service
 * switch: a static program must not load libraries for it, and the helper must not ask a network.
 * Lines that are malformed are passed over. */
#define PASSWD_FILE  path_system("/etc/passwd")
#define PASSWD_GROUP path_system("/etc/group")

struct passwd_entry {
  str name;
  uint32_t uid, gid;
  str home;    /* absolute, or empty */
  str comment; /* whoever it is: the full name and more */
};

/* Texts are allocated from a. 0 found, 1 there is no such user; -1: cannot be read, e says why. */
int passwd_user(str file, str name, struct arena *a, struct passwd_entry *out, struct err *e);
int passwd_uid(str file, uint32_t uid, struct arena *a, struct passwd_entry *out, struct err *e);
int passwd_group(str file, str name, uint32_t *gid, struct err *e);

/* ---- alias.c ------------------------------------------------------------------------------------
 * Which addresses stand for which others: [app.aliases] and the aliases file.
 *
 * An alias is a mailbox "sales@home.example", which wins over an account, a user or a folder of
 * that name, or a catch-all "@home.example", which takes what nobody else in that domain would. A
 * label behind '+' is not looked at unless an alias or a mailbox has it in its name. Targets may be
 * aliases again; a circle ends where it began, so `alice = ["alice", "bob"]` keeps a copy with
 * Alice. */
struct conf;
struct store;

/* A target: whoever has the oldest account, and until there is one the mailbox "postmaster", which
 * every server has. It is what `vsmtp init` writes, before anybody is there. No address looks like
 * that. */
#define ALIAS_FIRST_ACCOUNT "first account"

struct alias {
  str address;  /* local@domain or @domain */
  str *targets; /* mailboxes; "\" in front: that mailbox, whatever aliases say; of a catch-all also
                   "@domain": the same local part there */
  size_t n;
  str file, source; /* where it stands, for faults; source is the file's whole text */
  int line, column;
};
struct aliases {
  struct alias *list; /* sorted by address, without regard to case, once it was completed */
  size_t n, size;
};

/* ---- alias.c: making the table --------------------------------------------------------------- */

/* What is wrong with a name or a target as it was written, one without domain being good; NULL:
 * nothing. In a, which may run out: then that is the fault. */
const char *alias_name_fault(str name, struct arena *a);
const char *alias_target_fault(str target, bool of_domain, struct arena *a);
/* Adds a copy; everything in a. -1: no memory. */
int alias_add(struct aliases *t, const struct alias *one, struct arena *a);
/* All were added: names without domain get this one, the list is sorted. An address given twice, or
 * one that can get no mail, is a fault. -1 after at least one error. */
int alias_complete(struct aliases *t, const struct conf *conf, struct diags *d);
/* The row of exactly this address or "@domain", or NULL. */
const struct alias *alias_find(const struct aliases *t, str address);
/* A fault or a warning about one row, where it stands: "mail for ADDRESS why". */
void alias_say(struct diags *d, bool warning, const struct alias *one, const char *why);

/* alias_file.c: adds what a file in the format of aliases(5) says. Programs, files and lists in
 * other files are faults. -1 after at least one error. */
int alias_file_parse(struct aliases *t, str file, str source, struct arena *a, struct diags *d);

/* ---- alias_expand.c: using it ---------------------------------------------------------------- */

struct alias_end {
  str address;
  int known; /* 1: a mailbox here, or an address elsewhere; 0: nobody; -1: cannot be told now */
};
struct alias_ends {
  struct alias_end *end;
  size_t n;
  const struct alias *by; /* the first alias on the way; NULL: the address is its own end */
};
/* Who gets the mail of an address, everybody once, at most LIMIT_ALIAS_TARGETS; texts in a. store
 * knows the accounts. -1 with e: no memory, or ERR_PERM: too many. */
int alias_expand(const struct conf *conf, struct store *store, str address, struct arena *a,
                 struct alias_ends *out, struct err *e);
/* Is the address the account's own: its name, its name with a label, or an alias that leads
 * there? */
bool alias_leads_to(const struct conf *conf, str address, str account);
/* The same where the store can say which account is the first. */
bool alias_leads_now_to(const struct conf *conf, struct store *store, str address, str account);
/* Says in d which aliases lead to nobody, for `check`. store as above; NULL: there are no accounts.
 */
void alias_check(const struct conf *conf, struct store *store, struct diags *d);

/* ---- conf.c -------------------------------------------------------------------------------------
 * The whole configuration, typed, checked and frozen after load.
 *
 * The fields are named after the keys of the TOML file: server.smtp.rcpt_count_max is
 * conf->server.smtp.rcpt_count_max. Durations are milliseconds, sizes octets, paths absolute, texts
 * live as long as the conf. Tables that may be absent begin with `on`; their other fields mean
 * nothing while it is false. Which keys exist, their defaults, ranges and meaning: conf_keys[] in
 * conf_keys.c, nowhere else. */
/* ---- replies (server.smtp.codes): X(enum, name in the file, code, enhanced code, text) ------- */
#define CONF_CODE_LIST(X)                                                                          \
  X(GREETINGS, "Greetings", 220, "", "{domain} Service ready")                                     \
  X(HELP, "Help", 214, "", "HELO EHLO MAIL RCPT DATA RSET NOOP QUIT HELP VRFY EXPN")               \
  X(CLOSING, "Closing", 221, "", "Service closing transmission channel")                           \
  X(HELO, "Helo", 250, "", "Ok")                                                                   \
  X(DATA_START, "DataStart", 354, "", "Start mail input; end with <CRLF>.<CRLF>")                  \
  X(OK, "Ok", 250, "", "Ok")                                                                       \
  X(FAILURE, "Failure", 451, "4.3.0", "Requested action aborted: local error in processing")       \
  X(DENIED, "Denied", 554, "5.7.1", "permanent problems with the remote server")                   \
  X(UNRECOGNIZED_COMMAND, "UnrecognizedCommand", 500, "5.5.2",                                     \
    "Syntax error command unrecognized")                                                           \
  X(SYNTAX_ERROR_PARAMS, "SyntaxErrorParams", 501, "5.5.4",                                        \
    "Syntax error in parameters or arguments")                                                     \
  X(PARAMETER_UNIMPLEMENTED, "ParameterUnimplemented", 504, "5.5.4",                               \
    "Command parameter not implemented")                                                           \
  X(UNIMPLEMENTED, "Unimplemented", 502, "5.5.1", "Command not implemented")                       \
  X(BAD_SEQUENCE, "BadSequence", 503, "5.5.1", "Bad sequence of commands")                         \
  X(TLS_NOT_AVAILABLE, "TlsNotAvailable", 454, "4.7.0",                                            \
    "TLS not available due to temporary reason")                                                   \
  X(ALREADY_UNDER_TLS, "AlreadyUnderTls", 554, "5.5.1", "Error: TLS already active")               \
  X(TLS_REQUIRED, "TlsRequired", 530, "5.7.0", "Must issue a STARTTLS command first")              \
  X(AUTH_SUCCEEDED, "AuthSucceeded", 235, "2.7.0", "Authentication succeeded")                     \
  X(AUTH_MECH_NOT_SUPPORTED, "AuthMechNotSupported", 504, "5.5.4", "Mechanism is not supported")   \
  X(AUTH_CLIENT_MUST_NOT_START, "AuthClientMustNotStart", 501, "5.7.0",                            \
    "Client must not start with this mechanism")                                                   \
  X(AUTH_MECHANISM_MUST_BE_ENCRYPTED, "AuthMechanismMustBeEncrypted", 538, "5.7.11",               \
    "Encryption required for requested authentication mechanism")                                  \
  X(AUTH_INVALID_CREDENTIALS, "AuthInvalidCredentials", 535, "5.7.8",                              \
    "Authentication credentials invalid")                                                          \
  X(AUTH_REQUIRED, "AuthRequired", 530, "5.7.0", "Authentication required")                        \
  X(AUTH_CLIENT_CANCELED, "AuthClientCanceled", 501, "5.7.0", "Authentication canceled by client") \
  X(AUTH_ERROR_DECODE64, "AuthErrorDecode64", 501, "5.5.2", "Invalid, not base64")                 \
  X(CONNECTION_MAX_REACHED, "ConnectionMaxReached", 421, "4.3.2",                                  \
    "Cannot process connection, closing")                                                          \
  X(TOO_MANY_ERROR, "TooManyError", 421, "4.7.0", "Too many errors from the client")               \
  X(TIMEOUT, "Timeout", 421, "4.4.2", "Timeout - closing connection")                              \
  X(TOO_MANY_RECIPIENTS, "TooManyRecipients", 452, "4.5.3",                                        \
    "Requested action not taken: too many recipients")

enum conf_code_id {
#define CONF_CODE_ENUM(upper, name, basic, enhanced, text) CODE_##upper,
  CONF_CODE_LIST(CONF_CODE_ENUM)
#undef CONF_CODE_ENUM
      CODE_COUNT
};

struct conf_code {
  int basic;    /* 200..599 */
  str enhanced; /* "5.7.1", or empty */
  str text;     /* lines separated by LF, {domain} already replaced */
};

/* ---- values ---------------------------------------------------------------------------------- */
struct conf_addr {
  str text; /* as written: 127.0.0.1:25, [::1]:25 */
  struct netaddr addr;
};
struct conf_addrs {
  struct conf_addr *list;
  size_t n;
};
struct conf_strs {
  str *list;
  size_t n;
};

enum conf_security { CONF_MAY, CONF_ENCRYPT, CONF_DANE };
enum { CONF_TLS12 = 1, CONF_TLS13 = 2 }; /* bits of protocol_version */
enum { CONF_SUITES = 9 };
/* ORDER CONF_IP: conf_ip_names in conf_keys.c. */
enum conf_ip_strategy {
  CONF_IPV4_ONLY,
  CONF_IPV6_ONLY,
  CONF_IPV4_AND_IPV6,
  CONF_IPV6_THEN_IPV4,
  CONF_IPV4_THEN_IPV6
};
/* ORDER CONF_DNS: conf_dns_names in conf_keys.c. */
enum conf_dns_type { CONF_DNS_SYSTEM, CONF_DNS_GOOGLE, CONF_DNS_CLOUDFLARE, CONF_DNS_CUSTOM };
enum { /* bits of auth.mechanisms; ORDER CONF_MECH */
       CONF_PLAIN = 1,
       CONF_LOGIN = 2,
       CONF_CRAM_MD5 = 4,
       CONF_SCRAM_SHA_256 = 8,
       CONF_ANONYMOUS = 16
};
enum conf_unknown_rcpt { CONF_RCPT_REFUSE, CONF_RCPT_ACCEPT }; /* ORDER CONF_RCPT */
struct conf_logs {
  str filepath;
  bool filepath_given;               /* configured: must be writable; a default may fall back */
  int64_t size_limit;                /* octets; 0: never rotated */
  int64_t archive_count;             /* files kept as NAME.1 … NAME.N */
  enum log_level level[LOG_TARGETS]; /* of app.logs only level[LOG_APP] counts */
  bool level_app_given;              /* server.logs.level names app */
  str format;                        /* accepted and unused */
};

struct conf_tls {
  bool on;
  enum conf_security security_level; /* of a virtual domain: sender_security_level */
  bool preempt_cipherlist;
  int64_t handshake_timeout;
  uint8_t protocol_version;      /* CONF_TLS12 | CONF_TLS13 */
  struct conf_strs cipher_suite; /* in order of preference, names as in net/tls.c */
  str certificate, private_key;  /* paths of PEM files */
};

struct conf_name_server {
  struct conf_addr addr;
  bool tcp;
  bool trust_nx_responses;
  struct conf_addr bind_addr; /* addr.len 0: none */
};
struct conf_dns {
  bool on; /* of a virtual domain: false inherits server.dns; server.dns itself is always on */
  enum conf_dns_type type;
  struct {
    str domain;
    struct conf_strs search;
    struct conf_name_server *name_servers;
    size_t name_server_count;
  } config;
  struct {
    int64_t timeout;
    int64_t attempts;
    bool rotate;
    bool dnssec;
    enum conf_ip_strategy ip_strategy;
    int64_t cache_size;
    bool use_hosts_file;
    int64_t num_concurrent_reqs;
  } options;
};

struct conf_virtual {
  str domain;
  struct conf_tls tls;
  struct conf_dns dns;
  struct {
    bool on;
    str private_key;
  } dkim;
};

/* ---- the whole ------------------------------------------------------------------------------- */
struct conf {
  struct arena *arena;   /* owns everything below */
  str file;              /* the file it was read from, absolute; empty: pure defaults */
  struct toml *tree;     /* all of it as one table with the defaults filled in and values in their
                            canonical form: what config-show prints and rules see as toml:: */
  bool domain_forgotten; /* neither server.domain nor server.virtual: an outside recipient gets
                            451 4.3.5 instead of 554 */

  str version_requirement;
  struct {
    str domain;
    int64_t client_count_max;        /* -1: no limit */
    int64_t client_count_max_per_ip; /* -1: no limit */
    int64_t message_size_limit;      /* octets; 0: no limit */
    bool srs;                        /* senders of mail that is sent on are rewritten (srs.h) */
    struct conf_system {
      str user, group, group_local; /* group_local empty: none */
      uint32_t uid, gid, gid_local; /* valid only when resolved (started as root) */
      bool resolved;
      struct {
        int64_t receiver, processing, delivery;
      } thread_pool;
    } system;
    struct {
      struct conf_addrs addr, addr_submission, addr_submissions;
    } interfaces;
    struct conf_logs logs;
    struct {
      str dirpath;
      bool dirpath_given;
      struct {
        int64_t channel_size;
      } working;
      struct {
        int64_t channel_size;
        int64_t deferred_retry_max; /* attempts a recipient; 0: until lifetime ends */
        int64_t deferred_retry_period;
        int64_t lifetime, warn_after;
      } delivery;
      struct {
        int64_t dead, trace, quarantine; /* 0: for ever */
      } keep;
    } queues;
    struct conf_tls tls;
    struct conf_virtual *virtual;
    size_t virtual_count;
    struct {
      bool on;
      str private_key;
    } dkim;
    struct conf_dns dns;
    struct {
      int64_t rcpt_count_max;
      bool disable_ehlo;
      bool open_relay;
      enum conf_unknown_rcpt unknown_rcpt;
      int64_t preq_limit;
      struct conf_strs required_extension; /* accepted, unused */
      struct {
        int64_t soft_count, hard_count; /* -1: off */
        int64_t delay;
      } error;
      struct {
        int64_t connect, helo, mail_from, rcpt_to, data;
      } timeout_client;
      struct conf_code codes[CODE_COUNT];
      struct {
        bool on;
        bool must_be_authenticated;
        bool enable_dangerous_mechanism_in_clair;
        uint8_t mechanisms;        /* CONF_PLAIN | … */
        int64_t attempt_count_max; /* -1: no limit */
      } auth;
    } smtp;
    struct {
      bool on;
      str host; /* name:port */
      str user;
      str password_file, token_file;  /* of a user: one of these, */
      struct conf_strs token_command; /* or this: the program and its arguments */
      str token_user;                 /* who runs it; empty: the server's own user */
      enum target_tls tls;
    } relay;
  } server;
  struct {
    str dirpath;
    bool dirpath_given;
    struct {
      str filepath; /* empty: no rules, deny all */
      int64_t max_operations, max_call_depth, max_memory;
      int64_t max_time;
    } vsl;
    struct conf_logs logs;
    struct aliases aliases; /* of both: the table and the file */
    str aliases_file;       /* sendmail format; empty: none */
  } app;
};

#define CONF_PATH_DEFAULT "/etc/vsmtp/vsmtp.toml"
#define CONF_SPOOL        "/var/spool/vsmtp" /* server.queues.dirpath, unless another is given */

/* What the configuration takes from the machine; tests give their own. */
struct conf_world {
  str passwd, group; /* paths of /etc/passwd and /etc/group */
  str host_name;     /* default of server.domain; empty: ask the system */
  bool root;         /* names of user and group are looked up */
  str state;         /* where somebody who is not root keeps what programs remember; or empty */
};

/* Reads the file; path empty: /etc/vsmtp/vsmtp.toml if it exists, else the defaults. Everything
 * found goes to d; NULL when one of it is an error (or memory ran out, which is said in d too). */
struct conf *conf_load(str path, struct diags *d);
/* The same for who needs nothing that the file names: no key, password or list of aliases is read.
 */
struct conf *conf_load_alone(str path, struct diags *d);
/* Is the file that these would read there, perhaps, but closed to this user? Gives its name, or an
 * empty one. */
str conf_denied(str path);
/* The same from memory. file is the name used in messages, and paths are relative to its folder.
 * world NULL: this machine. */
struct conf *conf_parse(str file, str source, const struct conf_world *world, struct diags *d);
struct conf *conf_defaults(struct diags *d); /* as without any file */
void conf_free(struct conf *c);

/* ---- conf_reply.c ---------------------------------------------------------------------------- */

/* A configured reply; where the configuration gives no enhanced code, `enhanced` is used. */
struct reply conf_reply(const struct conf *c, enum conf_code_id id, const char *enhanced);

/* ---- conf_relay.c ---------------------------------------------------------------------------- */

/* The server of [server.relay]; its texts lie in a. */
int conf_relay(const struct conf *conf, struct arena *a, struct target *out, struct err *e);

/* ---- conf_ours.c ----------------------------------------------------------------------------- */

/* Says whether the domain (any case) is server.domain or one of server.virtual. */
bool conf_is_ours(const struct conf *c, str domain);
const struct conf_virtual *conf_virtual_find(const struct conf *c, str domain); /* NULL: none */

/* ---- conf_keys.c --------------------------------------------------------------------------------
 * What the files of the configuration share; seen by smtp/conf*.c alone.
 *
 * conf_keys.c    the one table of all keys
 * conf_type.c    how a value of each type is read, checked and put into canonical form
 * conf_list.c    the same for values that have a form of their own: levels, codes, servers, aliases
 * conf_version.c version_requirement
 * conf_cross.c   what must fit together
 * conf.c         walks the file along the table; the door */
/* ORDER CONF_TYPE: conf_types in conf_type.c. */
enum conf_type {
  CONF_TABLE, /* its keys are the rows below; `def` is what an absent table stands for */
  CONF_TEXT,
  CONF_WORD, /* one of `names`, kept as its index in an enum */
  CONF_INT,
  CONF_CAP, /* an integer that may be -1 for "no limit" and never 0 */
  CONF_BOOL,
  CONF_DURATION,
  CONF_PATH,
  CONF_FILE,   /* a path that must be readable now */
  CONF_SECRET, /* a file others should not read */
  CONF_HOST,
  CONF_HOST_PORT,
  CONF_NAME,    /* of a user or group */
  CONF_TEXTS,   /* a list of texts */
  CONF_COMMAND, /* a program and its arguments, at most max octets with their NULs */
  CONF_ADDRS,
  CONF_VERSION,
  CONF_SECURITY,
  CONF_PROTOCOLS,
  CONF_SUITE_LIST,
  CONF_MECHS,
  CONF_LEVEL,
  CONF_LEVELS,
  CONF_CODES,
  CONF_SERVERS,
  CONF_ALIASES,
  CONF_VIRTUAL,
  CONF_TYPES
};

struct conf_key {
  const char *path; /* "*" stands for the name of a virtual domain */
  enum conf_type type;
  size_t at;                /* offset in struct conf, below a "*" in struct conf_virtual; of a
                               table that of its `on`, 0 if it has none */
  const char *def;          /* as TOML; NULL: none; CONF_REQUIRED: must be there */
  int64_t min, max;         /* of integers, and of durations in milliseconds */
  const char *const *names; /* of CONF_WORD, NULL at the end */
  const char *meaning;      /* what the key is for, shown beside faults */
};
#define CONF_REQUIRED "required"

extern const struct conf_key conf_keys[];
extern const size_t conf_key_count;

struct conf_reader {
  struct conf *conf;
  struct arena *arena; /* the conf's */
  str file, source;    /* as given, for messages */
  str dir;             /* what relative paths are relative to */
  const struct conf_world *world;
  bool alone; /* nothing that the file names is read */
  struct diags *diags;
  const struct conf_key *key; /* being read */
};

/* Faults at a value, at its key, or about the whole file (at NULL); -1. */
int conf_fail(struct conf_reader *r, const struct toml *at, const char *fmt, ...) BASE_PRINTF(3, 4);
int conf_fail_key(struct conf_reader *r, const struct toml *at, const char *fmt, ...)
    BASE_PRINTF(3, 4);
void conf_warn(struct conf_reader *r, const struct toml *at, const char *fmt, ...)
    BASE_PRINTF(3, 4);
int conf_nomem(struct conf_reader *r);
/* Marks that there is no key of that name; where says in what. */
int conf_unknown(struct conf_reader *r, const struct toml *at, const char *where);

/* Reads v, as r->key wants it, into field and puts v into its canonical form. */
int conf_type_read(struct conf_reader *r, struct toml *v, void *field);
bool conf_type_is(struct conf_reader *r, const struct toml *v, enum toml_type type);
/* A list of n elements of that size, zeroed, never NULL but for want of memory. */
void *conf_type_list(struct conf_reader *r, size_t n, size_t size);
int conf_type_addr(struct conf_reader *r, struct toml *v, struct conf_addr *out);

int conf_list_level(struct conf_reader *r, struct toml *v, void *field);
int conf_list_levels(struct conf_reader *r, struct toml *v, void *field);
int conf_list_codes(struct conf_reader *r, struct toml *v, void *field);
int conf_list_servers(struct conf_reader *r, struct toml *v, void *field);
int conf_list_aliases(struct conf_reader *r, struct toml *v, void *field);
/* What follows from the whole: {domain} in replies, domains of bare aliases. */
int conf_list_finish(struct conf_reader *r);

/* Does version fulfil a requirement as Cargo writes it? 1 yes, 0 no, -1: malformed. */
int conf_version_match(str requirement, str version);

/* What must fit together, after all keys were read. */
void conf_cross_check(struct conf_reader *r);

/* The node of the canonical tree at a path of keys separated by dots, or NULL; and whether it
 * stands in the file (nodes of defaults stand in line 0). */
struct toml *conf_find(struct toml *root, const char *path);
bool conf_is_given(const struct toml *node);

/* ---- resolver.c ---------------------------------------------------------------------------------
 * Name servers as the configuration wants them: server.dns. */
/* Asks those of conf, or only `only` when it is not NULL. The options are those of conf. NULL with
 * e. Who asks nothing needs none: it costs memory and reads resolv.conf. */
struct dns *resolver_new(struct loop *l, const struct conf_dns *conf, const struct netaddr *only,
                         struct err *e);

/* ---- certs.c ------------------------------------------------------------------------------------
 * The certificates of a configuration: read with their keys, checked, and read again
 * when their files change. */
struct certs {
  struct tls_server *tls;     /* what connections share; NULL: there is no [server.tls] */
  struct certs_stamp *stamps; /* what the files were like, in the order of certs.c */
  size_t n;
  int64_t warned_at; /* wall clock; of certificates that expire */
};

/* Reads every file that conf names, while there is still the right to: keys may be for root alone.
 * Faults and warnings go to d; NULL when one of them is an error. */
struct certs *certs_load(const struct conf *conf, struct diags *d);
void certs_free(struct certs *c); /* NULL is fine; connections keep what they began with */

/* If a file changed, reads all anew: new ones take the place of the old, faulty ones are logged
 * once and change nothing. Says once a day which of them expire soon. For a timer. */
void certs_renew(struct certs *c, const struct conf *conf);

/* One line for each: whose it is, its names, how long it is valid. For `check`. */
void certs_describe(const struct certs *c, const struct conf *conf, struct buf *out);

#endif
