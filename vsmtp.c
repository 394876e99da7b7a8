/* vsmtp.c: a mail transfer agent for small machines. This page is its street map, and compiling it
 * compiles the whole program.
 *
 *   base/            bytes, memory, errors, logs, time, TOML; knows nothing of mail
 *   net/             the event loop, connections, TLS, DNS; knows nothing of SMTP
 *   sqlite/          the one file on disk; knows rows, not sockets
 *   rules/vsl/       the rule language VSL; knows nothing of mail
 *   rules/           its words for mail, its stages
 *   smtp/format/     bytes in, facts out: lines, addresses, headers, reports; no I/O
 *   smtp/sasl/       the exchanges of AUTH, both sides
 *   smtp/sender/     is the sender who he says he is?
 *   smtp/conf/       what the operator says
 *   smtp/helper/     acting as other users
 *   smtp/policy/     one mail and its rules, and what no rule can forget
 *   smtp/outbound/   mail handed to other servers
 *   smtp/filter/     mail handed to a filter and taken back
 *   smtp/queue/      what becomes of a stored mail, and what its sender is told
 *   smtp/session/    one conversation with a client
 *   smtp/server/     the serving process
 *   smtp/cli/        the commands of the command line
 *
 * A room sees those above its line through their door header alone, and calls none below;
 * net/, sqlite/ and rules/ do not see each other. vsmtp.h holds the nouns and limits they share.
 *
 * One message's walk through the house; behind each step the files it takes, in its order:
 *
 *   connect   a port accepts a connection, which becomes a session; the rules' stage `connect` is
 *             asked. No rules, no mail: what nobody allows is refused.
 *             [net/listen.c; server/ports.c server.c; session/session.c hello.c]
 *   command   a line becomes a command. One table says in which states it is legal, which stage the
 *             rules are asked at, and what happens then. STARTTLS is handed back to net/; AUTH asks
 *             the rules, then the accounts in sqlite/.
 *             [net/io_line.c; format/command.c; session/session.c; then hello.c auth.c envelope.c]
 *   rules     a stage's directives, compiled to bytecode once, run in a fiber. A native that must
 *             wait suspends the fiber; the loop serves others and resumes it later.
 *             [policy/judge.c; rules/stage.c vsl/vm.c api*.c; policy/host.c host_wait.c]
 *   expand    the guard judges what no rule can forget; then a recipient becomes who he stands for:
 *             a mailbox here, or an address elsewhere.
 *             [policy/guard.c rcpt_expand.c alias_expand.c inbox.c]
 *   data      the header stays in memory, where rules read and edit it. The body goes to sqlite/
 *             in chunks as it arrives, so a large mail needs little memory.
 *             [session/receive.c; format/unstuff.c message.c header.c; sqlite/incoming.c]
 *   delegate  a mail that a filter must see goes out by our SMTP client with a token in its header,
 *             comes back on a listener of its own, and the rules go on where they were; so it is
 *             before the queue and, from the stages `postq` and `delivery`, after it.
 *             [filter/delegate.c; outbound/client.c; session/receive.c; filter/delegate_return.c]
 *   250       the verdict of stage `preq` decides queue, quarantine or refusal. The commit that
 *             stores it is synced, and shared with everybody who is ready; then 250 is said.
 *             [session/receive.c; sqlite/incoming.c row.c tx.c; session/session_reply.c]
 *   delivery  due recipients come from the same database. The helper, the only process that may
 *             become another user, writes the mailbox; our SMTP client brings what is for elsewhere
 *             to its servers, one lane a destination. The outcome is one more commit.
 *             [queue/deliver.c; sqlite/queue.c; queue/deliver_rules.c attempt.c; then
 *             attempt_local.c; helper/helper.c helper_process.c helper_child.c local.c, or
 *             attempt_send.c; outbound/outbound.c lookup.c client.c]
 *   report    a sender who must be told gets a mail: it is in the queue by that same commit, or
 *             neither is. [queue/bounce.c bounce_text.c; sqlite/queue.c]
 *   drop      a mail of `sendmail` lies in a folder first; the server's own client brings it in by
 *             an ordinary session, once.
 *             [cli/cli_sendmail.c; format/submit.c; server/drop_write.c drop_pickup.c]
 *
 * The files follow, room by room. Within a file read from the end: the public entry is last.
 */
#include "vsmtp.h"
#include "smtp/cli/cli.h"
#include "smtp/server/server.h"

#include <sysexits.h>

/* ---- base/ --------------------------------------------------------------------------------------
 * Bytes and what is made of them. */
#include "base/mem.c"         /* arenas; the allocator that counts and can fail in the test build */
#include "base/str.c"         /* slices: compare, find, cut, numbers, UTF-8, durations */
#include "base/buf.c"         /* growing bytes with a cap, which remember failure */
#include "base/map.c"         /* slice -> pointer, in order of insertion */
#include "base/clock.c"       /* the only place that asks what time it is */
#include "base/crypto.c"      /* hashes, HMAC, PBKDF2 in slices */
#include "base/err.c"         /* errors that travel; faults in an operator's files, with a caret */
#include "base/log.c"         /* one line an event; trace topics */
#include "base/file.c"        /* whole files */
#include "base/toml_text.c"   /* TOML: the cursor and the strings */
#include "base/toml_number.c" /* TOML: values that are one word */
#include "base/toml.c"        /* TOML: keys, arrays, tables; the reader's entry */

/* ---- net/ ---------------------------------------------------------------------------------------
 * Bytes in and out, with time. Knows nothing of SMTP. */
#include "net/netaddr.c"    /* socket addresses and their text */
#include "net/timer.c"      /* a heap of timers that needs no memory */
#include "net/watch.c"      /* which descriptors are ready: epoll, or poll */
#include "net/loop.c"       /* one turn after another: poll, I/O, ready tasks, timers */
#include "net/tls.c"        /* certificates, keys, authorities: what connections share */
#include "net/tls_stream.c" /* TLS on one connection, by mbed TLS */
#include "net/tls_gate.c"   /* whose turn it is to compute a handshake */
#include "net/io.c"         /* buffered connections: reading, sending, deadlines, closing */
#include "net/io_line.c"    /* what an owner takes from the input: bytes, or lines */
#include "net/io_tls.c"     /* a connection becomes encrypted */
#include "net/io_open.c"    /* how connections come about */
#include "net/listen.c"     /* sockets that accept */
#include "net/dns_name.c"   /* names, as text and as messages hold them */
#include "net/dns_answer.c" /* what a name server said */
#include "net/dns_system.c" /* name servers as the system wants them */
#include "net/dns_own.c"    /* questions to name servers, without c-ares */
#include "net/dns.c"        /* questions to name servers, by c-ares, and what becomes of them */

/* ---- sqlite/ ------------------------------------------------------------------------------------
 * The one file on disk. Its laws stand at the head of schema.sql. */
#include "sqlite/id.c"         /* names of messages and sessions, which sort by time */
#include "sqlite/dbfile.c"     /* lock, creation, migration, how the file is opened */
#include "sqlite/sql.c"        /* the statements, prepared once; what an error means */
#include "sqlite/tx.c"         /* the one transaction all clients share, and its generations */
#include "sqlite/row.c"        /* a message as rows */
#include "sqlite/incoming.c"   /* a message while it is being received */
#include "sqlite/queue.c"      /* the runner's side: claims, reading back, what became of it */
#include "sqlite/quarantine.c" /* what people do to messages, for the commands */
#include "sqlite/refused.c"    /* decisions of sessions that left no message */
#include "sqlite/dropped.c"    /* files of the drop folder that are messages by now */
#include "sqlite/account.c"    /* who may log in */
#include "sqlite/secret.c"     /* keys the server made for itself */
#include "sqlite/housekeep.c"  /* done when nobody waits: checkpoints, old rows, others' changes */
#include "sqlite/foreign.c"    /* databases of others, which rules ask */
#include "sqlite/view.c"       /* rows for people */
#include "sqlite/store.c"      /* opening, closing, the turn, the degraded state, space */

/* ---- rules/vsl/ ---------------------------------------------------------------------------------
 * The language VSL, without any mail in it. */
#include "rules/vsl/region.c"     /* the memory of one run, given back whole */
#include "rules/vsl/heap.c"       /* objects of every type: made, counted, frozen, destroyed */
#include "rules/vsl/string.c"     /* strings: UTF-8 that counts in code points */
#include "rules/vsl/array.c"      /* arrays */
#include "rules/vsl/dict.c"       /* maps */
#include "rules/vsl/value.c"      /* operators, equality, order, containment */
#include "rules/vsl/value_text.c" /* how values read when printed */
#include "rules/vsl/unicode.c"    /* letters and white space beyond ASCII */
#include "rules/vsl/lex.c"        /* text to tokens */
#include "rules/vsl/scan.c"       /* reading ahead: which functions a file has */
#include "rules/vsl/emit.c"       /* instructions and jumps */
#include "rules/vsl/scope.c"      /* which name is which slot */
#include "rules/vsl/path.c"       /* paths: a variable with steps behind it */
#include "rules/vsl/expr.c"       /* expressions by precedence */
#include "rules/vsl/stmt.c"       /* statements */
#include "rules/vsl/decl.c"       /* declarations; objects, services and directives */
#include "rules/vsl/compile.c"    /* a whole file to code */
#include "rules/vsl/native.c"     /* the registry: all natives by name and arguments */
#include "rules/vsl/fiber.c"      /* fibers: made, budgeted, waiting, failing, ended */
#include "rules/vsl/lvalue.c"     /* where values are read from and written to */
#include "rules/vsl/invoke.c"     /* calls of every kind */
#include "rules/vsl/step.c"       /* the instructions that take more than a line */
#include "rules/vsl/vm.c"         /* the loop that runs code */
#include "rules/vsl/module.c"     /* files evaluated once; programs, which are all of them */
#include "rules/vsl/std.c"        /* the standard library: what belongs to no type */
#include "rules/vsl/std_number.c" /* ints and floats */
#include "rules/vsl/std_string.c" /* strings and characters */
#include "rules/vsl/std_array.c"  /* arrays */
#include "rules/vsl/std_each.c"   /* array methods that call back */
#include "rules/vsl/std_sort.c"   /* sorting, stable, safe with any callback */
#include "rules/vsl/std_map.c"    /* maps */
#include "rules/vsl/json.c"       /* JSON to values and back */
#include "rules/vsl/fn.c"         /* function pointers as values */
#include "rules/vsl/eval.c"       /* a script that needs no mail */

/* ---- rules/ -------------------------------------------------------------------------------------
 * Its words for mail; rule files and their stages. */
#include "rules/ip.c"         /* addresses and ranges as rules write them */
#include "rules/mailbox.c"    /* domains and mailboxes as rules write them */
#include "rules/field.c"      /* the text of header fields that rules write */
#include "rules/regex.c"      /* PCRE2, with its limits */
#include "rules/match.c"      /* how objects compare and contain each other */
#include "rules/object.c"     /* what objects are valid, how they are made and shown */
#include "rules/status.c"     /* next() … packet(): what a directive answers */
#include "rules/service.c"    /* declarations of services */
#include "rules/directive.c"  /* rule, action, delegate: a name and a closure */
#include "rules/api.c"        /* what a rule reads: the connection and the envelope */
#include "rules/api_header.c" /* what a rule does to the header */
#include "rules/api_rcpt.c" /* what a rule does to the envelope, and how recipients are delivered */
#include "rules/api_guard.c"   /* who may send what through here */
#include "rules/api_tool.c"    /* utilities; the configuration as toml:: */
#include "rules/api_spf.c"     /* check_spf: its forms, fields and verdicts */
#include "rules/api_dns.c"     /* dns_lookup, rdns, check_null_mx_sender */
#include "rules/api_service.c" /* what rules ask of services */
#include "rules/rules.c"       /* a rule file loaded, checked whole, frozen */
#include "rules/stage.c"       /* a stage: directives in order, each on a fiber of its own */

/* ---- smtp/format/ -------------------------------------------------------------------------------
 * Bytes in, facts out: what lines, addresses, headers and reports look like. No I/O. */
#include "smtp/format/addr.c" /* mailboxes, paths, domains, address literals (RFC 5321 §4.1.2) */
#include "smtp/format/dsn.c"  /* what a client asks to be told: NOTIFY … (RFC 3461) */
#include "smtp/format/command.c"      /* one line -> its word and parameters */
#include "smtp/format/reply.c"        /* every answer the server can give */
#include "smtp/format/unstuff.c"      /* DATA: the end, the dots, the line ends */
#include "smtp/format/stuff.c"        /* the same the other way round */
#include "smtp/format/client_reply.c" /* what a server answers us */
#include "smtp/format/header.c"       /* the header block: fields found, read, edited */
#include "smtp/format/message.c"      /* header and body told apart as they arrive */
#include "smtp/format/addrlist.c"     /* the addresses in a field such as To */
#include "smtp/format/subject.c"      /* header text for people (RFC 2047) */
#include "smtp/format/drop_file.c"    /* a mail in the drop folder: the format of its file */
#include "smtp/format/submit.c"       /* what a program of this machine writes, made a mail */
#include "smtp/format/csv.c"          /* tables of text */
#include "smtp/format/clamd_reply.c"  /* what clamd answers */
#include "smtp/format/target.c"       /* the server a mail is handed to, as rules write it */

/* ---- smtp/sasl/ ---------------------------------------------------------------------------------
 * The exchanges of AUTH, both sides. */
#include "smtp/sasl/saslprep.c"    /* names and passwords in the one form that is compared */
#include "smtp/sasl/scram.c"       /* the arithmetic of SCRAM-SHA-256 */
#include "smtp/sasl/sasl.c"        /* the exchanges of AUTH: what both sides share, */
#include "smtp/sasl/sasl_server.c" /* the server's side, */
#include "smtp/sasl/sasl_client.c" /* and the client's */
#include "smtp/sasl/login.c"       /* the client's side of AUTH: lines in, lines out */

/* ---- smtp/sender/ -------------------------------------------------------------------------------
 * Is the sender who he says he is? */
#include "smtp/sender/spf_macro.c"   /* the macro language of SPF records */
#include "smtp/sender/spf_record.c"  /* an SPF record, checked whole, read term by term */
#include "smtp/sender/spf_library.c" /* a single term of a record, judged by libspf2 */
#include "smtp/sender/spf.c"         /* check_host(): may this client send for this domain? */

/* ---- smtp/conf/ ---------------------------------------------------------------------------------
 * What the operator says: the configuration, aliases, keys, users. */
#include "smtp/conf/passwd.c" /* /etc/passwd and /etc/group, read without the name service switch */
#include "smtp/conf/conf_ours.c"    /* which domains are ours */
#include "smtp/conf/alias.c"        /* which addresses stand for which others: the table */
#include "smtp/conf/alias_file.c"   /* files of aliases(5) */
#include "smtp/conf/conf_version.c" /* version requirements as Cargo writes them */
#include "smtp/conf/conf_type.c"    /* one function a type of value */
#include "smtp/conf/conf_list.c"    /* values with a form of their own: levels, replies, aliases */
#include "smtp/conf/conf_keys.c"    /* the table of all keys, their types and defaults */
#include "smtp/conf/conf_cross.c"   /* what one key alone cannot know */
#include "smtp/conf/conf_reply.c"   /* the answers that the operator may word */
#include "smtp/conf/conf_relay.c"   /* the one server that takes all mail for elsewhere */
#include "smtp/conf/conf.c"         /* a file read along the table */
#include "smtp/conf/resolver.c"     /* name servers as the configuration wants them */
#include "smtp/conf/certs.c" /* certificates and keys: read, checked, read again when they change */

/* ---- smtp/helper/ -------------------------------------------------------------------------------
 * Acting as other users, and giving up being root. */
#include "smtp/helper/privilege.c"      /* giving up every privilege, and proving it */
#include "smtp/helper/daemon.c"         /* leaving the terminal, but not before all is well */
#include "smtp/helper/local.c"          /* one mail into a Maildir or an mbox, safely */
#include "smtp/helper/helper_order.c"   /* what an order to it may look like */
#include "smtp/helper/helper_folder.c"  /* the way to a mailbox folder, and whose it is */
#include "smtp/helper/helper_child.c"   /* what a child of the helper does */
#include "smtp/helper/helper_process.c" /* the one process that may become another user */
#include "smtp/helper/helper.c" /* the server's side of it: orders out, mails down their pipes */

/* ---- smtp/policy/ -------------------------------------------------------------------------------
 * One mail and its rules: what they may ask and do, and what no rule can forget. */
#include "smtp/policy/deliver_step.c" /* how far the rules of a stored mail have come */
#include "smtp/policy/inbox.c"        /* which mailbox of this machine a recipient has */
#include "smtp/policy/alias_expand.c" /* who is at the end of an alias */
#include "smtp/policy/srs.c"          /* senders of mail that is sent on, rewritten for SPF */
#include "smtp/policy/spool.c"        /* the folders of the server: made, and looked at */
#include "smtp/policy/forged.c"       /* header fields of a client that claim to be ours */
#include "smtp/policy/mail.c" /* one mail on its way: envelope, header, what the rules said */
#include "smtp/policy/mail_stream.c" /* a mail read as one run of octets */
#include "smtp/policy/folder.c"      /* files that rules write, below app.dirpath only */
#include "smtp/policy/clamd.c"       /* mails shown to clamd */
#include "smtp/policy/table.c"       /* the file of a table, locked while it is used */
#include "smtp/policy/commands.c"    /* the commands that the helper runs, in their line */
#include "smtp/policy/services.c"    /* the services that rules call */
#include "smtp/policy/policy.c"      /* a configuration together with its rules */
#include "smtp/policy/host_wait.c"   /* what rules ask that takes time: SPF, names */
#include "smtp/policy/host.c"        /* what rules may ask about a mail and do to it */
#include "smtp/policy/router.c"      /* the router of this network, behind which strangers hide */
#include "smtp/policy/judge.c"       /* the rules of one stage run over one mail */
#include "smtp/policy/guard.c"       /* what no rule can forget: no open relay, no backscatter */
#include "smtp/policy/rcpt_expand.c" /* recipients become who they stand for */

/* ---- smtp/outbound/ -----------------------------------------------------------------------------
 * Mail handed to other servers. */
#include "smtp/outbound/route.c"         /* in which order the servers of a domain are tried */
#include "smtp/outbound/retry.c"         /* when a transient failure is tried again */
#include "smtp/outbound/client.c"        /* the SMTP client: mails handed to another server */
#include "smtp/outbound/lookup.c"        /* from a name to the addresses to connect to */
#include "smtp/outbound/relay_token.c"   /* the token for the relay that a command prints */
#include "smtp/outbound/outbound_lane.c" /* one destination: who waits, its back-off */
#include "smtp/outbound/outbound_link.c" /* one connection to it */
#include "smtp/outbound/outbound.c" /* who is connected to whom, how often, and who must wait */

/* ---- smtp/filter/ -------------------------------------------------------------------------------
 * Mail handed to a filter that speaks SMTP, and taken back from it. */
#include "smtp/filter/same_body.c"       /* is the mail that comes back the one that went out? */
#include "smtp/filter/delegate_return.c" /* what a filter brings back */
#include "smtp/filter/delegate.c"        /* mails handed to a filter */

/* ---- smtp/queue/ --------------------------------------------------------------------------------
 * What becomes of a stored mail, and what its sender is told. */
#include "smtp/queue/bounce_text.c" /* a report as a mail: in words, in fields (RFC 3464) */
#include "smtp/queue/bounce.c" /* who is told what of his mail, once, in the same transaction */
#include "smtp/queue/attempt_local.c"  /* the due recipients of one message: mailboxes, */
#include "smtp/queue/attempt_send.c"   /* other servers, */
#include "smtp/queue/attempt.c"        /* and what becomes of them */
#include "smtp/queue/deliver_filter.c" /* a stored mail at a filter */
#include "smtp/queue/deliver_rules.c"  /* the later rules of a stored mail */
#include "smtp/queue/deliver.c"        /* the queue runner: what is due is claimed and worked on */

/* ---- smtp/session/ ------------------------------------------------------------------------------
 * One conversation with a client. */
#include "smtp/session/ban.c"              /* addresses that guess passwords */
#include "smtp/session/password.c"         /* does this password open that account? */
#include "smtp/session/auth.c"             /* AUTH: an exchange, the rules, the accounts */
#include "smtp/session/session_reply.c"    /* what is answered, and when */
#include "smtp/session/hello.c"            /* connect, EHLO, STARTTLS: before there is a mail */
#include "smtp/session/session.c"          /* the table of commands and their legal states */
#include "smtp/session/envelope.c"         /* its MAIL and RCPT */
#include "smtp/session/receive_return.c"   /* a mail that a filter brings back */
#include "smtp/session/receive_delegate.c" /* a mail at a filter, while its client waits */
#include "smtp/session/receive.c"          /* from 354 to the answer of the store */

/* ---- smtp/server/ -------------------------------------------------------------------------------
 * The serving process: ports, reload, the drop folder, start and end. */
#include "smtp/server/taken.c"       /* who has a port that we want */
#include "smtp/server/drop_write.c"  /* a mail left in the drop folder */
#include "smtp/server/drop_pickup.c" /* what lies in it comes in by an ordinary session */
#include "smtp/server/sd_notify.c"   /* what a supervisor is told */
#include "smtp/server/ports.c"       /* where the server listens: kept, opened, closed, given */
#include "smtp/server/server.c"      /* who may come, how many, stopping in good order */
#include "smtp/server/reload.c"      /* SIGHUP: everything again, as one step */
#include "smtp/server/run.c"         /* serve: what start and end do, in order */

/* ---- smtp/cli/ ----------------------------------------------------------------------------------
 * The commands of the command line. */
#include "smtp/cli/options.c"           /* options that commands share */
#include "smtp/cli/pitfall.c"           /* mistakes in the set-up of scanners that check can see */
#include "smtp/cli/cli_conf.c"          /* config-show, config-diff */
#include "smtp/cli/cli_check.c"         /* check: read everything, start nothing */
#include "smtp/cli/cli_eval.c"          /* eval: run a script that needs no mail */
#include "smtp/cli/cli_version.c"       /* versions of the program and of its libraries */
#include "smtp/cli/cli_db.c"            /* the database beside the server, and its rows printed */
#include "smtp/cli/cli_user.c"          /* user: accounts added, changed, removed, listed */
#include "smtp/cli/cli_message.c"       /* what the next four share */
#include "smtp/cli/cli_queue.c"         /* queue: list, show, retry, move, hold, remove */
#include "smtp/cli/cli_quarantine.c"    /* quarantine: list, show, release, remove */
#include "smtp/cli/cli_explain.c"       /* explain: every decision about a message */
#include "smtp/cli/cli_vqueue.c"        /* the original's command of that name */
#include "smtp/cli/cli_sendmail_smtp.c" /* sendmail -bs: a conversation with a pipe */
#include "smtp/cli/cli_sendmail.c"      /* sendmail: mail from this machine's programs */
#include "smtp/cli/cli_init.c"          /* init: a configuration to start from */
#include "smtp/cli/cli_spf.c"           /* spf: what SPF says of a client */

/* ---- main() -------------------------------------------------------------------------------------
 * The first argument names a command; without one the program serves. */

struct main_command {
  const char *name;
  int (*run)(int argc, char **argv);
  const char *help; /* of the usage text; NULL: another spelling of the row above */
};

static const struct main_command main_commands[] = {
    {"run", server_run, "run [-c FILE]             serve; the same without a command"},
    {"check", cli_check, "check [-c FILE]           read everything, start nothing"},
    {"eval", cli_eval, "eval FILE.vsl             run a script that needs no mail"},
    {"config-show", cli_config_show, "config-show [-c FILE]     the loaded configuration as JSON"},
    {"config-diff", cli_config_diff, "config-diff [-c FILE]     what differs from the defaults"},
    {"queue", cli_queue,
     "queue …                   the messages on their way: list, show, retry, move, hold, remove"},
    {"quarantine", cli_quarantine,
     "quarantine …              what rules set aside: list, show, release, remove"},
    {"user", cli_user, "user …                    accounts: add, passwd, remove, list"},
    {"explain", cli_explain, "explain ID                every decision about a message"},
    {"init", cli_init, "init DOMAIN               a configuration to start from"},
    {"spf", cli_spf, "spf --ip IP …             what SPF says of a client and its sender"},
    {"--version", cli_version, "--version                 of the program and its libraries"},
    {"-V", cli_version, NULL},
    {NULL, NULL, NULL},
};

/* What the program does when it is called by another name (links made by `make install`). */
static const struct main_command main_names[] = {
    {"vqueue", cli_vqueue, NULL},
    {"mailq", cli_queue, NULL},
    {"sendmail", cli_sendmail, NULL},
    {NULL, NULL, NULL},
};

static const struct main_command *main_find(const struct main_command *table, const char *name)
{
  for (; table->name; table++)
    if (strcmp(table->name, name) == 0) return table;
  return NULL;
}

static int main_usage(FILE *out)
{
  fputs("usage: vsmtp [COMMAND] [OPTION…]\n\n", out);
  for (const struct main_command *v = main_commands; v->name; v++)
    if (v->help) fprintf(out, "  %s\n", v->help);
  return out == stdout ? EX_OK : EX_USAGE;
}

/* Where the command stands: options may come before it, some with a value. 0: there is none. */
static int main_command_at(int argc, char **argv)
{
  static const char *const valued[] = {"-c", "--config", "-t", "--timeout", "-T"};
  for (int i = 1; i < argc; i++) {
    if (argv[i][0] != '-' || main_find(main_commands, argv[i])) return i;
    for (size_t o = 0; o < BASE_COUNT(valued); o++)
      if (strcmp(argv[i], valued[o]) == 0) {
        i++;
        break;
      }
  }
  return 0;
}

int main(int argc, char **argv)
{
  const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
  const struct main_command *command = main_find(main_names, slash      ? slash + 1
                                                             : argc > 0 ? argv[0]
                                                                        : "");
  if (command) return command->run(argc, argv);
  if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
    return main_usage(stdout);

  int at = main_command_at(argc, argv);
  if (at == 0) return server_run(argc, argv);
  char *word = argv[at];
  command = main_find(main_commands, word);
  if (!command) {
    fprintf(stderr, "vsmtp: no command \"%s\"\n\n", word);
    return main_usage(stderr);
  }
  memmove(argv + 2, argv + 1, (size_t)(at - 1) * sizeof *argv);
  argv[1] = word;
  return command->run(argc - 1, argv + 1);
}
