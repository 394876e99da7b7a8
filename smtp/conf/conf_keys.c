/* smtp/conf/conf_keys.c: every key of the configuration, in the order config-show prints them.
 *
 * From this table come reading, defaults, unknown keys, config-show, config-diff and toml::. The
 * rows of a table stand behind the row of the table itself. A default is written as in the file.
 * An absent table stands for its own default: "{}" gives it the defaults of its rows.
 */
#include "conf.h"

#define CONF_AT(field) offsetof(struct conf, field)
#define CONF_IN(field) offsetof(struct conf_virtual, field)
#define CONF_MANY      INT32_MAX
#define CONF_LONG      (INT64_MAX / 1000000) /* longest duration there can be */
#define CONF_KEY(p, t, a, d, m)                                                                    \
  {                                                                                                \
    p, t, a, d, 0, 0, NULL, m                                                                      \
  }
#define CONF_RANGE(p, t, a, d, lo, hi, m)                                                          \
  {                                                                                                \
    p, t, a, d, lo, hi, NULL, m                                                                    \
  }
#define CONF_ONE_OF(p, a, d, n, m)                                                                 \
  {                                                                                                \
    p, CONF_WORD, a, d, 0, 0, n, m                                                                 \
  }

static const char *const conf_ip_names[] = {"Ipv4Only",     "Ipv6Only",
                                            "Ipv4AndIpv6",  "Ipv6thenIpv4",
                                            "Ipv4thenIpv6", NULL}; /* ORDER CONF_IP */
static const char *const conf_dns_names[] = {"system", "google", "cloudflare", "custom",
                                             NULL}; /* ORDER CONF_DNS */
static const char *const conf_relay_names[] = {"none", "opportunistic", "required", "verified",
                                               NULL};                    /* ORDER TARGET_TLS */
static const char *const conf_rcpt_names[] = {"refuse", "accept", NULL}; /* ORDER CONF_RCPT */

#define CONF_ALL_SUITES                                                                            \
  "[\"TLS_AES_256_GCM_SHA384\", \"TLS_AES_128_GCM_SHA256\", \"TLS_CHACHA20_POLY1305_SHA256\", "    \
  "\"ECDHE_ECDSA_WITH_AES_256_GCM_SHA384\", \"ECDHE_ECDSA_WITH_AES_128_GCM_SHA256\", "             \
  "\"ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256\", \"ECDHE_RSA_WITH_AES_256_GCM_SHA384\", "         \
  "\"ECDHE_RSA_WITH_AES_128_GCM_SHA256\", \"ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256\"]"

/* server.dns and server.virtual.*.dns differ in where they are kept and in what absence means. */
#define CONF_DNS_ROWS(path, AT, absent)                                                            \
  CONF_KEY(path, CONF_TABLE, AT(dns.on), absent, "how names are resolved"),                        \
      CONF_ONE_OF(path ".type", AT(dns.type), CONF_REQUIRED, conf_dns_names,                       \
                  "whom to ask: system is resolv.conf"),                                           \
      CONF_KEY(path ".config", CONF_TABLE, 0, NULL, "the servers of type custom"),                 \
      CONF_KEY(path ".config.domain", CONF_TEXT, AT(dns.config.domain), NULL,                      \
               "domain of names without a dot"),                                                   \
      CONF_KEY(path ".config.search", CONF_TEXTS, AT(dns.config.search), "[]",                     \
               "domains tried behind a name"),                                                     \
      CONF_KEY(path ".config.name_servers", CONF_SERVERS, AT(dns.config), "[]",                    \
               "servers to ask, \"ip:port\""),                                                     \
      CONF_KEY(path ".options", CONF_TABLE, 0, "{}", "how they are asked"),                        \
      CONF_RANGE(path ".options.timeout", CONF_DURATION, AT(dns.options.timeout), "\"5s\"", 1,     \
                 CONF_LONG, "wait for one answer"),                                                \
      CONF_RANGE(path ".options.attempts", CONF_INT, AT(dns.options.attempts), "2", 1, 100,        \
                 "times a server is asked"),                                                       \
      CONF_KEY(path ".options.rotate", CONF_BOOL, AT(dns.options.rotate), "false",                 \
               "take servers in turn"),                                                            \
      CONF_KEY(path ".options.dnssec", CONF_BOOL, AT(dns.options.dnssec), "false",                 \
               "insist on signed answers"),                                                        \
      CONF_ONE_OF(path ".options.ip_strategy", AT(dns.options.ip_strategy), "\"Ipv4thenIpv6\"",    \
                  conf_ip_names, "which addresses of a host are looked up"),                       \
      CONF_RANGE(path ".options.cache_size", CONF_INT, AT(dns.options.cache_size), "32", 0,        \
                 1000000, "records remembered"),                                                   \
      CONF_KEY(path ".options.use_hosts_file", CONF_BOOL, AT(dns.options.use_hosts_file), "true",  \
               "look into /etc/hosts first"),                                                      \
      CONF_RANGE(path ".options.num_concurrent_reqs", CONF_INT,                                    \
                 AT(dns.options.num_concurrent_reqs), "2", 0, 1000,                                \
                 "servers asked at the same time")
#define CONF_SERVER(field) CONF_AT(server.field)

const struct conf_key conf_keys[] = {
    CONF_KEY("version_requirement", CONF_VERSION, CONF_AT(version_requirement), CONF_REQUIRED,
             "versions of vSMTP this file is written for, like \">=1.0.0\""),

    /* ---- [server] ---- */
    CONF_KEY("server", CONF_TABLE, 0, "{}", "the daemon"),
    CONF_KEY("server.domain", CONF_HOST, CONF_AT(server.domain), NULL,
             "name of this server and of the domain it takes mail for"),
    CONF_RANGE("server.client_count_max", CONF_CAP, CONF_AT(server.client_count_max), "128", 1,
               CONF_MANY, "clients served at the same time"),
    CONF_RANGE("server.client_count_max_per_ip", CONF_CAP, CONF_AT(server.client_count_max_per_ip),
               "16", 1, CONF_MANY, "of them from one address"),
    CONF_RANGE("server.message_size_limit", CONF_INT, CONF_AT(server.message_size_limit),
               "50_000_000", 0, INT64_MAX, "octets of a message, 0 for no limit"),
    CONF_KEY("server.srs", CONF_BOOL, CONF_AT(server.srs), "true",
             "rewrite senders of mail that is sent on to other servers, for their SPF"),

    CONF_KEY("server.system", CONF_TABLE, 0, "{}", "who the process is"),
    CONF_KEY("server.system.user", CONF_NAME, CONF_AT(server.system.user), "\"vsmtp\"",
             "user the server becomes when started as root"),
    CONF_KEY("server.system.group", CONF_NAME, CONF_AT(server.system.group), "\"vsmtp\"",
             "group the server becomes when started as root"),
    CONF_KEY("server.system.group_local", CONF_NAME, CONF_AT(server.system.group_local), NULL,
             "group given to the mail files of users"),
    CONF_KEY("server.system.thread_pool", CONF_TABLE, 0, "{}", "upper bounds of work in parallel"),
    CONF_RANGE("server.system.thread_pool.receiver", CONF_INT,
               CONF_AT(server.system.thread_pool.receiver), "6", 1, CONF_MANY, "work on clients"),
    CONF_RANGE("server.system.thread_pool.processing", CONF_INT,
               CONF_AT(server.system.thread_pool.processing), "6", 1, CONF_MANY,
               "messages before the queue"),
    CONF_RANGE("server.system.thread_pool.delivery", CONF_INT,
               CONF_AT(server.system.thread_pool.delivery), "6", 1, CONF_MANY, "deliveries"),

    CONF_KEY("server.interfaces", CONF_TABLE, 0,
             "{ addr = [\"127.0.0.1:25\"], addr_submission = [\"127.0.0.1:587\"], "
             "addr_submissions = [\"127.0.0.1:465\"] }",
             "where the server listens"),
    CONF_KEY("server.interfaces.addr", CONF_ADDRS, CONF_AT(server.interfaces.addr), "[]",
             "addresses for mail of the world"),
    CONF_KEY("server.interfaces.addr_submission", CONF_ADDRS,
             CONF_AT(server.interfaces.addr_submission), "[]",
             "addresses for users, who must authenticate"),
    CONF_KEY("server.interfaces.addr_submissions", CONF_ADDRS,
             CONF_AT(server.interfaces.addr_submissions), "[]",
             "the same, with TLS from the first byte"),

    CONF_KEY("server.logs", CONF_TABLE, 0, "{}", "the log of the daemon"),
    CONF_KEY("server.logs.filepath", CONF_PATH, CONF_AT(server.logs.filepath),
             "\"/var/log/vsmtp/vsmtp.log\"", "the file"),
    CONF_KEY("server.logs.format", CONF_TEXT, CONF_AT(server.logs.format), NULL,
             "accepted for old files, without effect"),
    CONF_KEY("server.logs.level", CONF_LEVELS, CONF_AT(server.logs), "{ default = \"warn\" }",
             "what is worth a line, by part of the program"),
    CONF_RANGE("server.logs.size_limit", CONF_INT, CONF_AT(server.logs.size_limit), "10_485_760", 0,
               INT64_MAX, "octets after which a new file is begun, 0 for never"),
    CONF_RANGE("server.logs.archive_count", CONF_INT, CONF_AT(server.logs.archive_count), "10", 0,
               10000, "old files kept"),

    CONF_KEY("server.queues", CONF_TABLE, 0, "{}", "messages on their way"),
    CONF_KEY("server.queues.dirpath", CONF_PATH, CONF_AT(server.queues.dirpath),
             "\"" CONF_SPOOL "\"", "folder of the database"),
    CONF_KEY("server.queues.working", CONF_TABLE, 0, "{}", "messages before the rules of postq"),
    CONF_RANGE("server.queues.working.channel_size", CONF_INT,
               CONF_AT(server.queues.working.channel_size), "32", 1, CONF_MANY,
               "messages waiting for postq in memory"),
    CONF_KEY("server.queues.delivery", CONF_TABLE, 0, "{}", "messages being delivered"),
    CONF_RANGE("server.queues.delivery.channel_size", CONF_INT,
               CONF_AT(server.queues.delivery.channel_size), "32", 1, CONF_MANY,
               "messages waiting for delivery in memory"),
    CONF_RANGE("server.queues.delivery.deferred_retry_max", CONF_INT,
               CONF_AT(server.queues.delivery.deferred_retry_max), NULL, 1, CONF_MANY,
               "attempts for a recipient"),
    CONF_RANGE("server.queues.delivery.deferred_retry_period", CONF_DURATION,
               CONF_AT(server.queues.delivery.deferred_retry_period), "\"300s\"", 1, CONF_LONG,
               "delay before the second attempt"),
    CONF_RANGE("server.queues.delivery.lifetime", CONF_DURATION,
               CONF_AT(server.queues.delivery.lifetime), "\"5d\"", 1, CONF_LONG,
               "age at which a message goes back to its sender"),
    CONF_RANGE("server.queues.delivery.warn_after", CONF_DURATION,
               CONF_AT(server.queues.delivery.warn_after), "\"4h\"", 0, CONF_LONG,
               "age at which its sender is warned"),
    CONF_KEY("server.queues.keep", CONF_TABLE, 0, "{}", "how long what is over is kept"),
    CONF_RANGE("server.queues.keep.dead", CONF_DURATION, CONF_AT(server.queues.keep.dead),
               "\"30d\"", 0, CONF_LONG, "messages that failed, \"0\" for ever"),
    CONF_RANGE("server.queues.keep.trace", CONF_DURATION, CONF_AT(server.queues.keep.trace),
               "\"7d\"", 0, CONF_LONG, "decisions for vsmtp explain, \"0\" for ever"),
    CONF_RANGE("server.queues.keep.quarantine", CONF_DURATION,
               CONF_AT(server.queues.keep.quarantine), "\"0\"", 0, CONF_LONG,
               "messages set aside, \"0\" for ever"),

    CONF_KEY("server.tls", CONF_TABLE, CONF_AT(server.tls.on), NULL, "encryption"),
    CONF_KEY("server.tls.security_level", CONF_SECURITY, CONF_AT(server.tls.security_level),
             CONF_REQUIRED, "\"May\" or \"Encrypt\": must clients encrypt?"),
    CONF_KEY("server.tls.preempt_cipherlist", CONF_BOOL, CONF_AT(server.tls.preempt_cipherlist),
             "false", "the order of cipher_suite wins over the client's"),
    CONF_RANGE("server.tls.handshake_timeout", CONF_DURATION, CONF_AT(server.tls.handshake_timeout),
               "\"30s\"", 1, CONF_LONG, "longest handshake"),
    CONF_KEY("server.tls.protocol_version", CONF_PROTOCOLS, CONF_AT(server.tls.protocol_version),
             CONF_REQUIRED, "\"TLSv1.2\", \"TLSv1.3\", a list, or \">=TLSv1.2\""),
    CONF_KEY("server.tls.cipher_suite", CONF_SUITE_LIST, CONF_AT(server.tls.cipher_suite),
             CONF_ALL_SUITES, "suites offered"),
    CONF_KEY("server.tls.certificate", CONF_FILE, CONF_AT(server.tls.certificate), CONF_REQUIRED,
             "PEM file of the whole chain"),
    CONF_KEY("server.tls.private_key", CONF_SECRET, CONF_AT(server.tls.private_key), CONF_REQUIRED,
             "PEM file of its key"),

    CONF_KEY("server.virtual", CONF_VIRTUAL, 0, "{}", "other domains that are ours"),
    CONF_KEY("server.virtual.*", CONF_TABLE, 0, NULL, "one of them"),
    CONF_KEY("server.virtual.*.tls", CONF_TABLE, CONF_IN(tls.on), NULL, "its certificate"),
    CONF_KEY("server.virtual.*.tls.protocol_version", CONF_PROTOCOLS, CONF_IN(tls.protocol_version),
             CONF_REQUIRED, "\"TLSv1.2\", \"TLSv1.3\", a list, or \">=TLSv1.2\""),
    CONF_KEY("server.virtual.*.tls.certificate", CONF_FILE, CONF_IN(tls.certificate), CONF_REQUIRED,
             "PEM file of the whole chain"),
    CONF_KEY("server.virtual.*.tls.private_key", CONF_SECRET, CONF_IN(tls.private_key),
             CONF_REQUIRED, "PEM file of its key"),
    CONF_KEY("server.virtual.*.tls.sender_security_level", CONF_SECURITY,
             CONF_IN(tls.security_level), "\"Encrypt\"", "must its outgoing mail be encrypted?"),
    CONF_DNS_ROWS("server.virtual.*.dns", CONF_IN, NULL),
    CONF_KEY("server.virtual.*.dkim", CONF_TABLE, CONF_IN(dkim.on), NULL, "its signatures"),
    CONF_KEY("server.virtual.*.dkim.private_key", CONF_SECRET, CONF_IN(dkim.private_key),
             CONF_REQUIRED, "PEM file of the key that signs"),

    CONF_KEY("server.dkim", CONF_TABLE, CONF_AT(server.dkim.on), NULL, "signatures"),
    CONF_KEY("server.dkim.private_key", CONF_SECRET, CONF_AT(server.dkim.private_key),
             CONF_REQUIRED, "PEM file of the key that signs"),

    CONF_DNS_ROWS("server.dns", CONF_SERVER, "{ type = \"system\" }"),

    CONF_KEY("server.smtp", CONF_TABLE, 0, "{}", "the protocol"),
    CONF_RANGE("server.smtp.rcpt_count_max", CONF_INT, CONF_AT(server.smtp.rcpt_count_max), "1000",
               1, CONF_MANY, "recipients of one message"),
    CONF_KEY("server.smtp.disable_ehlo", CONF_BOOL, CONF_AT(server.smtp.disable_ehlo), "false",
             "refuse EHLO"),
    CONF_KEY("server.smtp.open_relay", CONF_BOOL, CONF_AT(server.smtp.open_relay), "false",
             "relay for everybody whom no rule refuses"),
    CONF_ONE_OF("server.smtp.unknown_rcpt", CONF_AT(server.smtp.unknown_rcpt), "\"refuse\"",
                conf_rcpt_names, "what to do with recipients in our domains that are nobody"),
    CONF_RANGE("server.smtp.preq_limit", CONF_DURATION, CONF_AT(server.smtp.preq_limit), "\"5m\"",
               1, CONF_LONG, "longest a client waits after its dot"),
    CONF_KEY("server.smtp.required_extension", CONF_TEXTS, CONF_AT(server.smtp.required_extension),
             "[\"STARTTLS\", \"SMTPUTF8\", \"8BITMIME\", \"AUTH\"]",
             "accepted for old files, without effect"),
    CONF_KEY("server.smtp.error", CONF_TABLE, 0, "{}", "clients that make mistakes"),
    CONF_RANGE("server.smtp.error.soft_count", CONF_INT, CONF_AT(server.smtp.error.soft_count),
               "10", -1, CONF_MANY, "refusals before replies are delayed, -1 for never"),
    CONF_RANGE("server.smtp.error.hard_count", CONF_INT, CONF_AT(server.smtp.error.hard_count),
               "20", -1, CONF_MANY, "refusals before the connection is closed, -1 for never"),
    CONF_RANGE("server.smtp.error.delay", CONF_DURATION, CONF_AT(server.smtp.error.delay), "\"5s\"",
               0, CONF_LONG, "that delay"),
    CONF_KEY("server.smtp.timeout_client", CONF_TABLE, 0, "{}", "how long clients are waited for"),
    CONF_RANGE("server.smtp.timeout_client.connect", CONF_DURATION,
               CONF_AT(server.smtp.timeout_client.connect), "\"5m\"", 1, CONF_LONG,
               "wait for HELO"),
    CONF_RANGE("server.smtp.timeout_client.helo", CONF_DURATION,
               CONF_AT(server.smtp.timeout_client.helo), "\"5m\"", 1, CONF_LONG, "wait for MAIL"),
    CONF_RANGE("server.smtp.timeout_client.mail_from", CONF_DURATION,
               CONF_AT(server.smtp.timeout_client.mail_from), "\"5m\"", 1, CONF_LONG,
               "wait for RCPT"),
    CONF_RANGE("server.smtp.timeout_client.rcpt_to", CONF_DURATION,
               CONF_AT(server.smtp.timeout_client.rcpt_to), "\"5m\"", 1, CONF_LONG,
               "wait for RCPT or DATA"),
    CONF_RANGE("server.smtp.timeout_client.data", CONF_DURATION,
               CONF_AT(server.smtp.timeout_client.data), "\"5m\"", 1, CONF_LONG,
               "wait for more of the message"),
    CONF_KEY("server.smtp.codes", CONF_CODES, CONF_AT(server.smtp.codes), "{}",
             "the replies, \"554 5.7.1 text\" by name"),
    CONF_KEY("server.smtp.auth", CONF_TABLE, CONF_AT(server.smtp.auth.on), NULL, "logging in"),
    CONF_KEY("server.smtp.auth.must_be_authenticated", CONF_BOOL,
             CONF_AT(server.smtp.auth.must_be_authenticated), "false", "no MAIL before AUTH"),
    CONF_KEY("server.smtp.auth.enable_dangerous_mechanism_in_clair", CONF_BOOL,
             CONF_AT(server.smtp.auth.enable_dangerous_mechanism_in_clair), "false",
             "AUTH without TLS"),
    CONF_KEY("server.smtp.auth.mechanisms", CONF_MECHS, CONF_AT(server.smtp.auth.mechanisms),
             "[\"PLAIN\", \"LOGIN\", \"SCRAM-SHA-256\"]", "ways to log in"),
    CONF_RANGE("server.smtp.auth.attempt_count_max", CONF_INT,
               CONF_AT(server.smtp.auth.attempt_count_max), "-1", -1, CONF_MANY,
               "cancelled attempts allowed, -1 for no limit"),

    CONF_KEY("server.relay", CONF_TABLE, CONF_AT(server.relay.on), NULL,
             "one server that takes all outgoing mail"),
    CONF_KEY("server.relay.host", CONF_HOST_PORT, CONF_AT(server.relay.host), CONF_REQUIRED,
             "its name and port, \"smtp.example.com:587\""),
    CONF_KEY("server.relay.user", CONF_NAME, CONF_AT(server.relay.user), NULL, "who we are there"),
    CONF_KEY("server.relay.password_file", CONF_SECRET, CONF_AT(server.relay.password_file), NULL,
             "file with the password"),
    CONF_KEY("server.relay.token_file", CONF_SECRET, CONF_AT(server.relay.token_file), NULL,
             "file with a token for XOAUTH2, read for each connection"),
    CONF_RANGE("server.relay.token_command", CONF_COMMAND, CONF_AT(server.relay.token_command),
               NULL, 0, LIMIT_PROGRAM_WORDS,
               "program that prints such a token, [\"/usr/bin/program\", \"argument\"]"),
    CONF_KEY("server.relay.token_user", CONF_NAME, CONF_AT(server.relay.token_user), NULL,
             "who runs it; without: server.system.user"),
    CONF_ONE_OF("server.relay.tls", CONF_AT(server.relay.tls), "\"opportunistic\"",
                conf_relay_names, "encryption on the way there; with a user: verified"),

    /* ---- [app] ---- */
    CONF_KEY("app", CONF_TABLE, 0, "{}", "the rules"),
    CONF_KEY("app.dirpath", CONF_PATH, CONF_AT(app.dirpath), "\"" CONF_SPOOL "/app\"",
             "folder of mailboxes and of all that rules write"),
    CONF_KEY("app.vsl", CONF_TABLE, 0, "{}", "the rule file"),
    CONF_KEY("app.vsl.filepath", CONF_PATH, CONF_AT(app.vsl.filepath), NULL,
             "the main rule file; without it everything is denied"),
    CONF_RANGE("app.vsl.max_operations", CONF_INT, CONF_AT(app.vsl.max_operations), "10_000_000", 0,
               INT64_MAX, "steps of one rule, 0 for no limit"),
    CONF_RANGE("app.vsl.max_call_depth", CONF_INT, CONF_AT(app.vsl.max_call_depth), "64", 1, 1000,
               "calls within calls"),
    CONF_RANGE("app.vsl.max_memory", CONF_INT, CONF_AT(app.vsl.max_memory), "4_194_304", 65536,
               INT32_MAX, "octets a running rule may hold"),
    CONF_RANGE("app.vsl.max_time", CONF_DURATION, CONF_AT(app.vsl.max_time), "\"60s\"", 1,
               CONF_LONG, "time of one rule, waiting included"),
    CONF_KEY("app.logs", CONF_TABLE, 0, "{}", "what rules log"),
    CONF_KEY("app.logs.filepath", CONF_PATH, CONF_AT(app.logs.filepath),
             "\"/var/log/vsmtp/app.log\"", "the file"),
    CONF_KEY("app.logs.format", CONF_TEXT, CONF_AT(app.logs.format), NULL,
             "accepted for old files, without effect"),
    CONF_KEY("app.logs.level", CONF_LEVEL, CONF_AT(app.logs.level[LOG_APP]), "\"warn\"",
             "what is worth a line"),
    CONF_RANGE("app.logs.size_limit", CONF_INT, CONF_AT(app.logs.size_limit), "10_485_760", 0,
               INT64_MAX, "octets after which a new file is begun, 0 for never"),
    CONF_RANGE("app.logs.archive_count", CONF_INT, CONF_AT(app.logs.archive_count), "10", 0, 10000,
               "old files kept"),
    CONF_KEY("app.aliases", CONF_ALIASES, CONF_AT(app.aliases), "{}", "address = [addresses]"),
    CONF_KEY("app.aliases_file", CONF_FILE, CONF_AT(app.aliases_file), NULL,
             "more of them in the form of sendmail"),
};
const size_t conf_key_count = BASE_COUNT(conf_keys);

#undef CONF_AT
#undef CONF_IN
#undef CONF_SERVER
#undef CONF_MANY
#undef CONF_LONG
#undef CONF_KEY
#undef CONF_RANGE
#undef CONF_ONE_OF
#undef CONF_ALL_SUITES
#undef CONF_DNS_ROWS
