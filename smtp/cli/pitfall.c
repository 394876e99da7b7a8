/* smtp/cli/pitfall.c: mistakes in the set-up of services, virus scanners above all, that can be
 * seen from here.
 *
 * Those of scanners were met with the real clamsmtpd and clamd. That a file of theirs is not there,
 * or may not be read, is no mistake: the scanner may be on another machine, or be another one.
 */
#include "pitfall.h"

#include <errno.h>
#include <stdarg.h>
#include <unistd.h>

#include "../../sqlite/store.h"
#include "../conf/conf.h"
#include "../policy/policy.h"

#define PITFALL_FILE  (64 * 1024)
#define PITFALL_VALUE 256

/* A file of settings, "key: value" or "key value" a line. */
struct pitfall_file {
  char path[256];
  char separator;
  bool there;
  struct buf text;
};

struct pitfall {
  const struct conf *conf;
  const struct rules *rules;
  struct diags *diags;
  struct pitfall_file clamsmtpd, clamd;
  size_t service; /* at hand */
  struct rules_declared s;
};

static void pitfall_warn(struct pitfall *p, const char *fmt, ...) BASE_PRINTF(2, 3);
static void pitfall_warn(struct pitfall *p, const char *fmt, ...)
{
  struct buf text = BUF_INIT(ERR_TEXT_MAX);
  va_list ap;
  va_start(ap, fmt);
  buf_vprintf(&text, fmt, ap);
  va_end(ap);
  rules_warn(p->rules, p->service, p->diags, "service '" STR_FMT "': %s", STR_ARG(p->s.name),
             buf_cstr(&text));
  buf_free(&text);
}

/* ---- files of others ------------------------------------------------------------------------- */

static void pitfall_read(struct pitfall_file *f, const char *path, char separator)
{
  struct err e;
  *f = (struct pitfall_file){.separator = separator};
  snprintf(f->path, sizeof f->path, "%s", path_system(path));
  f->there = file_read(str_of(f->path), PITFALL_FILE, &f->text, &e) == 0;
}

/* What stands behind a key: false when the line begins with another word. */
static bool pitfall_is_key(str line, const char *key, char separator, str *value)
{
  const str behind = str_skip(line, strlen(key));
  *value = str_trim(behind);
  if (!str_istarts(line, str_of(key))) return false;
  if (separator == ' ') return behind.n == 0 || str_isspace(behind.p[0]);
  if (!str_starts(*value, (str){&separator, 1})) return false;
  *value = str_trim(str_skip(*value, 1));
  return true;
}

/* The last line of that key counts. p NULL: there is none. */
static str pitfall_value(const struct pitfall_file *f, const char *key)
{
  str rest = buf_str(&f->text), line, value, last = {NULL, 0};
  while (str_cut(&rest, '\n', &line))
    if (pitfall_is_key(str_trim(line), key, f->separator, &value)) last = value.p ? value : STR("");
  return last;
}

static str pitfall_value_or(const struct pitfall_file *f, const char *key, const char *otherwise)
{
  const str v = pitfall_value(f, key);
  return v.p ? v : str_of(otherwise);
}

/* "25M", "1G", "500": octets. 0: no limit. */
static uint64_t pitfall_size(str text)
{
  static const char units[] = "KMG";
  uint64_t n = 0;
  const char *unit = text.n ? strchr(units, str_upper(text.p[text.n - 1])) : NULL;
  if (unit && *unit) text.n--;
  if (str_to_u64(text, &n, 10) < 0 || n > UINT32_MAX) return 0;
  return unit && *unit ? n << (10 * (unit - units + 1)) : n;
}

/* ---- listeners ------------------------------------------------------------------------------- */

static bool pitfall_is_any(const struct netaddr *a)
{
  if (a->sa.sa_family == AF_INET) return a->in4.sin_addr.s_addr == 0;
  return a->sa.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&a->in6.sin6_addr);
}

/* Does who connects to `to` reach this listener? */
static bool pitfall_reaches(const struct netaddr *to, const struct netaddr *listener)
{
  if (netaddr_port(to) != netaddr_port(listener)) return false;
  return pitfall_is_any(listener) || netaddr_same_ip(to, listener);
}

static bool pitfall_is_listener(const struct conf_addrs *list, str address)
{
  struct netaddr a;
  struct err e;
  if (netaddr_parse(address, -1, &a, &e) < 0) return false;
  for (size_t i = 0; i < list->n; i++)
    if (pitfall_reaches(&a, &list->list[i].addr)) return true;
  return false;
}

static bool pitfall_is_receiver(const struct pitfall *p, str address)
{
  for (size_t i = 0; i < rules_declared_count(p->rules); i++)
    if (str_eq(rules_declared_at(p->rules, i).receiver, address)) return true;
  return false;
}

static bool pitfall_is_ours(const struct pitfall *p, str address)
{
  const struct conf_addrs *lists[] = {&p->conf->server.interfaces.addr,
                                      &p->conf->server.interfaces.addr_submission,
                                      &p->conf->server.interfaces.addr_submissions};
  for (size_t i = 0; i < BASE_COUNT(lists); i++)
    if (pitfall_is_listener(lists[i], address)) return true;
  return false;
}

static bool pitfall_has_clients(const struct pitfall *p)
{
  const struct conf_addrs *list = &p->conf->server.interfaces.addr;
  for (size_t i = 0; i < list->n; i++)
    if (!pitfall_is_receiver(p, list->list[i].text)) return true;
  return p->conf->server.interfaces.addr_submission.n +
             p->conf->server.interfaces.addr_submissions.n >
         0;
}

static void pitfall_look_at_listeners(struct pitfall *p)
{
  if (pitfall_is_ours(p, p->s.address))
    pitfall_warn(p,
                 "the delegator's address " STR_FMT " is a listener of this server: mails would "
                 "go in a circle",
                 STR_ARG(p->s.address));
  if (pitfall_is_listener(&p->conf->server.interfaces.addr_submissions, p->s.receiver))
    pitfall_warn(p,
                 "the receiver " STR_FMT " is in addr_submissions, where filters, which speak no "
                 "TLS, cannot come",
                 STR_ARG(p->s.receiver));
  if (!pitfall_has_clients(p))
    pitfall_warn(p, "every address of server.interfaces is a receiver: no client can bring a mail");
}

/* ---- clamsmtpd ------------------------------------------------------------------------------- */

/* Its file is about this service when it listens on the delegator's port. A port alone means any
 * address. */
static bool pitfall_is_clamsmtpd(const struct pitfall *p)
{
  const str listen = pitfall_value_or(&p->clamsmtpd, "Listen", "10025");
  const ptrdiff_t at = str_rchr(listen, ':'), mine = str_rchr(p->s.address, ':');
  return p->clamsmtpd.there &&
         str_eq(str_skip(listen, (size_t)(at + 1)), str_skip(p->s.address, (size_t)(mine + 1)));
}

/* A port alone is that of whoever hands the mail over: of this machine. */
static void pitfall_look_at_way_back(struct pitfall *p)
{
  char whole[PITFALL_VALUE];
  str out = pitfall_value_or(&p->clamsmtpd, "OutAddress", "");
  if (str_chr(out, ':') < 0 && out.n > 0 && out.n < 8) {
    snprintf(whole, sizeof whole, "127.0.0.1:" STR_FMT, STR_ARG(out));
    out = str_of(whole);
  }
  if (str_eq(out, p->s.receiver)) return;
  pitfall_warn(p, "%s: OutAddress is '" STR_FMT "', not the receiver " STR_FMT "%s",
               p->clamsmtpd.path, STR_ARG(str_sub(out, 0, PITFALL_VALUE)), STR_ARG(p->s.receiver),
               pitfall_is_ours(p, out) ? ": mails would go in a circle"
                                       : ": no mail would come back");
}

static void pitfall_look_at_action(struct pitfall *p)
{
  const str action = pitfall_value_or(&p->clamsmtpd, "Action", "drop");
  if (str_ieq(action, STR("pass"))) return;
  pitfall_warn(p,
               "%s: Action is '" STR_FMT "', not 'pass': a mail with a virus would not come back "
               "and be answered 451 each time",
               p->clamsmtpd.path, STR_ARG(str_sub(action, 0, PITFALL_VALUE)));
}

static bool pitfall_is_mark(const struct pitfall *p, str name)
{
  for (size_t i = 0; i < p->s.mark_count; i++)
    if (str_ieq(rules_declared_mark(p->rules, p->service, i), name)) return true;
  return false;
}

/* What shows that a mail was scanned. */
static void pitfall_look_at_marks(struct pitfall *p)
{
  const str header = pitfall_value_or(&p->clamsmtpd, "Header", "X-Virus-Scanned: ");
  const str names[] = {str_sub(header, 0, (size_t)(str_chr(header, ':') + 1)),
                       STR("X-Virus-Infected:")};
  if (p->s.marked && p->s.mark_count == 0) return;
  if (header.n == 0)
    pitfall_warn(p,
                 "%s: Header is empty: a clean mail would come back unmarked and be answered 451",
                 p->clamsmtpd.path);
  for (size_t i = 0; p->s.marked && header.n && i < BASE_COUNT(names); i++) {
    const str name = str_sub(names[i], 0, names[i].n ? names[i].n - 1 : 0);
    if (!pitfall_is_mark(p, name))
      pitfall_warn(p,
                   "clamsmtpd marks with '" STR_FMT "', which is not among the service's marks: "
                   "such a mail would be answered 451",
                   STR_ARG(str_sub(name, 0, PITFALL_VALUE)));
  }
}

static void pitfall_look_at_times(struct pitfall *p)
{
  char text[DURATION_TEXT_MAX];
  int64_t seconds;
  if (str_to_i64(pitfall_value_or(&p->clamsmtpd, "TimeOut", "180"), &seconds) < 0) return;
  if (seconds < 0 || seconds < p->s.timeout / 1000) return;
  pitfall_warn(p,
               "%s: TimeOut is %lld seconds, not less than the service's %s: what comes back late "
               "is refused",
               p->clamsmtpd.path, (long long)seconds, duration_text(p->s.timeout, text));
}

/* The real one refuses such a file, or takes the comment for part of its header. */
static void pitfall_look_at_comments(struct pitfall *p)
{
  static const char *const keys[] = {"Listen", "OutAddress",    "ClamAddress", "Header",
                                     "Action", "TempDirectory", "TimeOut",     "MaxConnections"};
  for (size_t i = 0; i < BASE_COUNT(keys); i++)
    if (str_chr(pitfall_value_or(&p->clamsmtpd, keys[i], ""), '#') >= 0)
      pitfall_warn(p, "%s: a comment behind %s is taken for part of its value", p->clamsmtpd.path,
                   keys[i]);
}

/* ---- clamd ----------------------------------------------------------------------------------- */

static bool pitfall_is_local(str address)
{
  struct netaddr a;
  struct err e;
  if (netaddr_parse(address, -1, &a, &e) < 0) return false;
  if (a.sa.sa_family == AF_UNIX) return true;
  return a.sa.sa_family == AF_INET ? (ntohl(a.in4.sin_addr.s_addr) >> 24) == 127
                                   : IN6_IS_ADDR_LOOPBACK(&a.in6.sin6_addr);
}

/* A limit of clamd below ours. */
static bool pitfall_is_less(const struct pitfall *p, const char *key, const char *otherwise,
                            str *value)
{
  const uint64_t ours = (uint64_t)p->conf->server.message_size_limit;
  *value = pitfall_value_or(&p->clamd, key, otherwise);
  const uint64_t theirs = pitfall_size(*value);
  return theirs > 0 && (ours == 0 || ours > theirs);
}

static void pitfall_look_at_sizes(struct pitfall *p, bool streamed)
{
  static const char *const unread[][2] = {{"MaxFileSize", "100M"}, {"MaxScanSize", "400M"}};
  const str alert = pitfall_value_or(&p->clamd, "AlertExceedsMax", "no");
  const bool alerts = str_ieq(alert, STR("yes")) || str_ieq(alert, STR("true"));
  str limit;
  if (streamed && pitfall_is_less(p, "StreamMaxLength", "100M", &limit))
    pitfall_warn(p,
                 "%s: a mail over StreamMaxLength (" STR_FMT ") gets no verdict and is answered "
                 "451 each time: set server.message_size_limit below it",
                 p->clamd.path, STR_ARG(str_sub(limit, 0, PITFALL_VALUE)));
  for (size_t i = 0; !alerts && i < BASE_COUNT(unread); i++)
    if (pitfall_is_less(p, unread[i][0], unread[i][1], &limit))
      pitfall_warn(p,
                   "%s: what is over %s (" STR_FMT ") is called clean unread: set "
                   "server.message_size_limit below it, or AlertExceedsMax yes",
                   p->clamd.path, unread[i][0], STR_ARG(str_sub(limit, 0, PITFALL_VALUE)));
}

/* /var/run is /run, and people write both. */
static str pitfall_run_path(str path)
{
  return str_starts(path, STR("/var/run/")) ? str_skip(path, 4) : path;
}

static bool pitfall_listens_there(const struct pitfall *p)
{
  const str path = pitfall_value_or(&p->clamd, "LocalSocket", "");
  const str port = pitfall_value_or(&p->clamd, "TCPSocket", "");
  const ptrdiff_t at = str_rchr(p->s.address, ':');
  if (str_starts(p->s.address, STR("unix:")))
    return str_eq(pitfall_run_path(str_skip(p->s.address, 5)), pitfall_run_path(path));
  return str_eq(str_skip(p->s.address, (size_t)at + 1), port);
}

static void pitfall_look_at_clamd(struct pitfall *p)
{
  char path[PITFALL_VALUE];
  if (!pitfall_is_local(p->s.address)) return;
  snprintf(path, sizeof path, STR_FMT, STR_ARG(str_skip(p->s.address, 5)));
  if (str_starts(p->s.address, STR("unix:")) && access(path, W_OK) < 0 && errno == EACCES)
    pitfall_warn(p, "the server's user may not connect to %s", path);
  if (!p->clamd.there) return;
  if (!pitfall_listens_there(p))
    pitfall_warn(p, "%s: clamd does not listen on " STR_FMT, p->clamd.path, STR_ARG(p->s.address));
  pitfall_look_at_sizes(p, true);
}

/* ---- files and commands ---------------------------------------------------------------------- */

/* Read as a rule would read it; all of `check` is done as the server's user. */
static void pitfall_look_at_table(struct pitfall *p)
{
  const struct table_options o = {
      .path = p->s.path, .own = p->conf->server.queues.dirpath, .delimiter = p->s.delimiter};
  struct csv_record *r = mem_alloc(sizeof *r);
  struct table *t = table_new(&o);
  struct err e;
  if (r) r->text.cap = LIMIT_CSV_FILE;
  if (r && t && p->s.may_read && table_get(t, STR(""), r, &e) == TABLE_FAILED)
    pitfall_warn(p, "%s", e.text);
  if (r) csv_free(r);
  mem_free(r);
  table_free(t);
}

static void pitfall_look_at_database(struct pitfall *p)
{
  struct foreign *f = foreign_new(p->s.path, p->conf->server.queues.dirpath, p->s.may_write);
  struct foreign_result r;
  struct err e;
  if (f && foreign_run(f, STR("SELECT count(*) FROM sqlite_master"), NULL, 0, false, &r, &e) ==
               FOREIGN_FAILED)
    pitfall_warn(p, "%s", e.text);
  foreign_free(f);
}

static void pitfall_look_at_rights(struct pitfall *p)
{
  char path[4096];
  snprintf(path, sizeof path, STR_FMT, STR_ARG(p->s.path));
  if (p->s.may_write && access(path, W_OK) < 0)
    pitfall_warn(p, "the server's user may not write %s", path);
}

static void pitfall_look_at_command(struct pitfall *p)
{
  struct arena *a = arena_new(LIMIT_CHUNK);
  struct passwd_entry user;
  uint32_t gid;
  char path[4096];
  struct err e;
  snprintf(path, sizeof path, STR_FMT, STR_ARG(p->s.command));
  if (path[0] == '/' && access(path, F_OK) < 0) {
    if (errno == ENOENT || errno == ENOTDIR)
      pitfall_warn(p, "there is no %s", path);
    else
      pitfall_warn(p, "cannot look at %s: %s", path, strerror(errno));
  }
  if (a && p->s.user.n && passwd_user(str_of(PASSWD_FILE), p->s.user, a, &user, &e) == 1)
    pitfall_warn(p, "there is no user '%s'", log_q(p->s.user));
  if (p->s.group.n && passwd_group(str_of(PASSWD_GROUP), p->s.group, &gid, &e) == 1)
    pitfall_warn(p, "there is no group '%s'", log_q(p->s.group));
  arena_free(a);
}

/* ---- the services ---------------------------------------------------------------------------- */

static void pitfall_look_at_filter(struct pitfall *p)
{
  pitfall_look_at_listeners(p);
  if (!pitfall_is_clamsmtpd(p)) return;
  pitfall_look_at_way_back(p);
  pitfall_look_at_action(p);
  pitfall_look_at_marks(p);
  pitfall_look_at_times(p);
  pitfall_look_at_comments(p);
  if (p->clamd.there) pitfall_look_at_sizes(p, false);
}

/* Of a rule that waits for its answer. */
static void pitfall_look_at_patience(struct pitfall *p)
{
  char rule[DURATION_TEXT_MAX], own[DURATION_TEXT_MAX];
  const int64_t most = p->conf->app.vsl.max_time;
  if (p->s.kind == RULES_SERVICE_SMTP || p->s.timeout <= most) return;
  pitfall_warn(p, "its timeout is %s, but a rule is ended after %s (app.vsl.max_time)",
               duration_text(p->s.timeout, own), duration_text(most, rule));
}

static void pitfall_look_at_service(struct pitfall *p)
{
  switch (p->s.kind) {
  case RULES_SERVICE_SMTP: pitfall_look_at_filter(p); break;
  case RULES_SERVICE_CLAMD: pitfall_look_at_clamd(p); break;
  case RULES_SERVICE_CMD: pitfall_look_at_command(p); break;
  case RULES_SERVICE_CSV:
    pitfall_look_at_table(p);
    pitfall_look_at_rights(p);
    break;
  case RULES_SERVICE_SQLITE:
    pitfall_look_at_database(p);
    pitfall_look_at_rights(p);
    break;
  }
  pitfall_look_at_patience(p);
}

void pitfall_look(const struct conf *c, const struct rules *r, struct diags *d)
{
  struct pitfall p = {.conf = c, .rules = r, .diags = d};
  pitfall_read(&p.clamsmtpd, "/etc/clamsmtpd.conf", ':');
  pitfall_read(&p.clamd, "/etc/clamav/clamd.conf", ' ');
  for (p.service = 0; p.service < rules_declared_count(r); p.service++) {
    p.s = rules_declared_at(r, p.service);
    pitfall_look_at_service(&p);
  }
  buf_free(&p.clamsmtpd.text);
  buf_free(&p.clamd.text);
}
#undef PITFALL_FILE
#undef PITFALL_VALUE
