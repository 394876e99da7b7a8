/* smtp/cli/cli_sendmail.c: `sendmail`, as cron, mail(1) and PHP call it.
 *
 * It never opens the database and never speaks to the server: the mail goes into the drop folder
 * and is safe there. From the configuration it takes two keys, and does without it if need be: a
 * mail must not be lost because somebody edits a file.
 */
#include "cli_sendmail.h"

#include "../conf/conf.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "../../sqlite/store.h"
#include "../format/format.h"
#include "../helper/helper.h"
#include "cli.h"

#define SENDMAIL_CONFIG path_system(CONF_PATH_DEFAULT)
#define SENDMAIL_SPOOL  path_system(CONF_SPOOL)
#define SENDMAIL_OPTIONS                                                                           \
  "+:A:B:b:C:D:d::F:f:Gh:iL:mN:nO:o:p:q::R:r:tUV:vX:" /* those of that name everywhere */

static int sendmail_mistake(const char *what)
{
  fprintf(stderr, "sendmail: %s\nusage: sendmail [-t] [-i] [-f SENDER] [-F NAME] [RECIPIENT…]\n",
          what);
  return EX_USAGE;
}

int sendmail_fail(const struct err *e)
{
  str denied = conf_denied(STR(""));

  fprintf(stderr, "sendmail: %s\n", e->text);
  if (denied.n && strstr(e->text, SENDMAIL_SPOOL) &&
      strstr(e->text, "/drop")) /* where the file perhaps names another */
    fprintf(stderr,
            "sendmail: tried there because " STR_FMT
            " may not be read: chmod a+r it, and a+x its folder\n",
            STR_ARG(denied));
  switch (e->kind) {
  case ERR_SYNTAX: return EX_DATAERR;
  case ERR_PERM: return EX_NOPERM;
  case ERR_IO: return EX_IOERR;
  case ERR_NOMEM:
  case ERR_FULL:
  case ERR_TEMP: return EX_TEMPFAIL;
  case ERR_NONE:
  case ERR_RULE:
  case ERR_BUG: break;
  }
  return EX_SOFTWARE;
}

/* ---- the configuration ----------------------------------------------------------------------- */

static str sendmail_key(const struct toml *table, const char *key)
{
  const struct toml *v = table && table->type == TOML_TABLE ? toml_get(table, str_of(key)) : NULL;
  return v && v->type == TOML_STRING ? v->text : (str){"", 0};
}

static const struct toml *sendmail_table(const struct toml *table, const char *key)
{
  const struct toml *v = table ? toml_get(table, str_of(key)) : NULL;
  return v && v->type == TOML_TABLE ? v : NULL;
}

/* server.domain and server.queues.dirpath, if they can be had. */
static int sendmail_read_config(struct sendmail *m, str *domain, str *spool, struct err *e)
{
  str file = m->config.n ? m->config : str_of(SENDMAIL_CONFIG);
  struct buf text = BUF_INIT(0);
  const struct toml *server = NULL;
  struct diags d;
  int rc = file_read(file, LIMIT_CONF_FILE, &text, e);

  if (rc == 0 && diags_init(&d) == 0) {
    server = sendmail_table(toml_parse(m->arena, file, arena_str(m->arena, buf_str(&text)), &d),
                            "server");
    if (d.errors) rc = err_set(e, ERR_TEMP, "cannot understand " STR_FMT, STR_ARG(file));
    diags_free(&d);
  }
  buf_free(&text);
  *domain = sendmail_key(server, "domain");
  *spool = sendmail_key(sendmail_table(server, "queues"), "dirpath");
  if (spool->n) *spool = path_join(m->arena, path_dir(file), *spool);
  return m->config.n ? rc : 0;
}

static int sendmail_complete(struct sendmail *m, struct err *e)
{
  char host[LIMIT_DOMAIN + 1] = "";
  str domain, spool;

  if (sendmail_read_config(m, &domain, &spool, e) < 0) return -1;
  if (!spool.n) spool = str_of(SENDMAIL_SPOOL);
  if (!domain.n && gethostname(host, sizeof host - 1) == 0) domain = str_of(host);
  if (!addr_domain_ok(domain, false)) domain = STR("localhost");
  m->leave.submit.domain = arena_str(m->arena, domain);
  m->leave.folder = path_join(m->arena, spool, STR("drop"));
  return m->leave.folder.p && m->leave.submit.domain.p ? 0 : err_nomem(e);
}

/* ---- who calls ------------------------------------------------------------------------------- */

/* The first words of the comment; "&" stands for the name of the user, with a capital. */
static str sendmail_full_name(struct arena *a, const struct passwd_entry *p)
{
  str comment = p->comment, words = {"", 0};
  ptrdiff_t at;

  str_cut(&comment, ',', &words);
  at = str_chr(words, '&');
  if (at < 0 || p->name.n == 0) return words;
  return arena_printf(a, STR_FMT "%c" STR_FMT STR_FMT, STR_ARG(str_sub(words, 0, (size_t)at)),
                      str_upper(p->name.p[0]), STR_ARG(str_skip(p->name, 1)),
                      STR_ARG(str_skip(words, (size_t)at + 1)));
}

/* The server asks the file for its owner; this is for the header alone. */
static int sendmail_who(struct sendmail *m, struct err *e)
{
  struct submit_options *s = &m->leave.submit;
  struct passwd_entry p;
  struct err none;

  if (passwd_uid(str_of(PASSWD_FILE), (uint32_t)getuid(), m->arena, &p, &none) != 0)
    p.name = arena_printf(m->arena, "uid%u", (unsigned)getuid());
  s->user = p.name;
  if (!s->name.p) s->name = str_of(getenv("NAME"));
  if (!s->name.p) s->name = sendmail_full_name(m->arena, &p);
  return s->user.p ? 0 : err_nomem(e);
}

/* Root writes nothing in a folder of somebody else, who could make it lead anywhere: it becomes the
 * owner of the spool folder, who says in the file for whom he left it. */
static int sendmail_leave_root(struct sendmail *m, struct err *e)
{
  str spool = path_dir(m->leave.folder);
  char path[PATH_MAX];
  struct stat st;

  if (geteuid() != 0) return 0;
  snprintf(path, sizeof path, STR_FMT, STR_ARG(spool));
  if (stat(path, &st) < 0 || st.st_uid == 0) return 0; /* root's own; or there is none */
  m->leave.envelope.has_uid = true;
  m->leave.envelope.uid = (uint32_t)getuid();
  return privilege_become(st.st_uid, st.st_gid, NULL, 0, e);
}

/* ---- options --------------------------------------------------------------------------------- */

static str sendmail_xtext(struct arena *a, const char *text)
{
  struct buf out = BUF_INIT(LIMIT_COMMAND_LINE);
  str coded;

  dsn_xtext(&out, str_of(text));
  coded = arena_str(a, buf_str(&out));
  buf_free(&out);
  return coded;
}

static str sendmail_upper(struct arena *a, const char *text)
{
  str copy = arena_str(a, str_of(text));

  for (size_t i = 0; i < copy.n; i++) ((char *)(uintptr_t)copy.p)[i] = str_upper(copy.p[i]);
  return copy;
}

/* -f: an address, "<>" or nothing for the null sender. -1, or the exit code. */
static int sendmail_sender(struct sendmail *m, const char *text)
{
  str list = str_of(text), address = {"", 0};

  m->leave.envelope.has_from = true;
  addrlist_next(&list, &address);
  m->leave.envelope.from = address;
  if (address.n && !submit_address_ok(address, m->arena))
    return arena_full(m->arena) ? EX_TEMPFAIL : sendmail_mistake("-f: no address");
  m->leave.submit.sender = address;
  if (address.n && str_chr(address, '@') < 0) m->leave.submit.sender.n = 0;
  return -1;
}

/* `mailq` or `queue retry --all`, for those who may; the configuration that was named so far. */
static int sendmail_queue(const struct sendmail *m, bool flush)
{
  char words[][8] = {"mailq", "retry", "--all", "-c"};
  char *args[6] = {words[0]};
  int n = 1;

  if (flush) args[n++] = words[1];
  if (flush) args[n++] = words[2];
  if (m->config.n) args[n++] = words[3];
  if (m->config.n) args[n++] = (char *)(uintptr_t)m->config.p;
  return cli_queue(n, args);
}

/* Where nothing is sent; -1: a mail follows. */
static int sendmail_mode(struct sendmail *m, const char *mode)
{
  switch (mode[0]) {
  case 'm': return -1;
  case 's': m->bare = true; return -1;
  case 'p': return sendmail_queue(m, false);
  case 'i': return EX_OK; /* aliases are read when they are needed */
  default: return sendmail_mistake("-b: only m, s, p and i are known here");
  }
}

/* -1: a mail follows; else the exit code. */
static int sendmail_option(struct sendmail *m, int c)
{
  struct drop_file *envelope = &m->leave.envelope;
  switch (c) {
  case 'b': return sendmail_mode(m, optarg);
  case 'q': return sendmail_queue(m, true);
  case 'C': m->config = str_of(optarg); break;
  case 'F': m->leave.submit.name = str_of(optarg); break;
  case 'f':
  case 'r': return sendmail_sender(m, optarg);
  case 'i': m->leave.submit.dots = true; break;
  case 'o': m->leave.submit.dots = m->leave.submit.dots || strcmp(optarg, "i") == 0; break;
  case 't': m->leave.submit.recipients = true; break;
  case 'N':
    if (!dsn_notify_ok(str_of(optarg)))
      return sendmail_mistake("-N: never, or some of success, failure and delay");
    envelope->notify = sendmail_upper(m->arena, optarg);
    break;
  case 'R':
    if (!str_ieq(str_of(optarg), STR("hdrs")) && !str_ieq(str_of(optarg), STR("full")))
      return sendmail_mistake("-R: hdrs or full");
    envelope->ret = sendmail_upper(m->arena, optarg);
    break;
  case 'V':
    envelope->envid = sendmail_xtext(m->arena, optarg);
    if (!dsn_envid_ok(envelope->envid))
      return sendmail_mistake("-V: 1 to 100 printable characters of ASCII");
    break;
  case ':': return sendmail_mistake("an option wants a value");
  case '?': return sendmail_mistake("no such option");
  default: break; /* of other programs of this name: nothing to do */
  }
  return -1;
}

static int sendmail_read_options(struct sendmail *m, int argc, char **argv)
{
  int code = -1;

  opterr = 0;
  optind = 0;
  for (int c; code < 0 && (c = getopt(argc, argv, SENDMAIL_OPTIONS)) != -1;)
    code = sendmail_option(m, c);
  return code;
}

/* Each argument may hold several, as mail(1) gives them. */
static int sendmail_recipients(struct sendmail *m, int argc, char **argv)
{
  struct drop_file *d = &m->leave.envelope;

  d->to = arena_alloc(m->arena, LIMIT_DROP_RCPT * sizeof *d->to);
  if (!d->to) return EX_TEMPFAIL;
  for (int i = 0; i < argc; i++) {
    str list = str_of(argv[i]), address;

    while (addrlist_next(&list, &address)) {
      if (!submit_address_ok(address, m->arena)) {
        if (arena_full(m->arena)) return EX_TEMPFAIL;
        fprintf(stderr, "sendmail: no address: %s\n", log_q(address));
        return EX_DATAERR;
      }
      if (d->to_count == LIMIT_DROP_RCPT) return sendmail_mistake("too many recipients");
      d->to[d->to_count++] = address;
    }
  }
  if (d->to_count == 0 && !m->leave.submit.recipients && !m->bare)
    return sendmail_mistake("no recipient is named");
  return EX_OK;
}

/* ---- the mail -------------------------------------------------------------------------------- */

static int sendmail_copy(struct drop_write *l, struct err *e)
{
  char piece[LIMIT_IO_INPUT];
  ssize_t n = 0;

  while (!drop_write_is_over(l) && (n = read(STDIN_FILENO, piece, sizeof piece)) != 0) {
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return err_sys(e, errno, "cannot read the mail");
    if (drop_write_text(l, (str){piece, (size_t)n}, e) < 0) return -1;
  }
  return drop_write_end(l, e);
}

static int sendmail_one(struct sendmail *m)
{
  char id[ID_LENGTH + 1];
  struct drop_write l = {.fd = -1};
  struct err e;
  int rc;

  m->leave.submit.id = str_of(id_new(id));
  m->leave.submit.now = clock_wall();
  drop_write_begin(&l, &m->leave, m->arena);
  rc = sendmail_copy(&l, &e);
  drop_write_free(&l);
  return rc < 0 ? sendmail_fail(&e) : EX_OK;
}

static int sendmail_all(struct sendmail *m, int argc, char **argv)
{
  int code = sendmail_read_options(m, argc, argv);
  struct err e;

  if (code >= 0) return code;
  code = sendmail_recipients(m, argc - optind, argv + optind);
  if (code != EX_OK) return code;
  if (sendmail_complete(m, &e) < 0 || sendmail_who(m, &e) < 0 || sendmail_leave_root(m, &e) < 0)
    return sendmail_fail(&e);
  return m->bare ? sendmail_serve(m) : sendmail_one(m);
}

int cli_sendmail(int argc, char **argv)
{
  struct sendmail m = {.arena = arena_new(LIMIT_SENDMAIL_BYTES)};
  struct sigaction ignore = {.sa_handler = SIG_IGN};
  int code = EX_TEMPFAIL;

  sigaction(SIGXFSZ, &ignore, NULL); /* write() says so too */
  log_set_level(LOG_SERVER, LOG_OFF);
  if (m.arena) code = sendmail_all(&m, argc, argv);
  arena_free(m.arena);
  return code;
}
#undef SENDMAIL_CONFIG
#undef SENDMAIL_SPOOL
#undef SENDMAIL_OPTIONS
