/* smtp/conf.h: the whole configuration, typed, checked and frozen after load.
 *
 * The fields are named after the keys of the TOML file: server.smtp.rcpt_count_max is
 * conf->server.smtp.rcpt_count_max. Durations are milliseconds, sizes octets, paths absolute, texts
 * live as long as the conf. Tables that may be absent begin with `on`; their other fields mean
 * nothing while it is false. Which keys exist, their defaults, ranges and meaning: conf_keys[] in
 * conf_keys.c, nowhere else.
 */
#ifndef SMTP_CONF_H
#define SMTP_CONF_H

#include "../base/base.h"
#include "../net/net.h"
#include "../vsmtp.h"
#include "alias.h"
#include "reply.h"
#include "target.h"

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

#endif
