/* smtp/server/drop_pickup.c: mails that programs of this machine left in the drop folder (see
 * drop_write.c, drop_file.h).
 *
 * Anybody may write into the folder, so nothing in it is trusted but what the kernel says: the
 * owner of a file. A mail comes in by an ordinary session whose client is our own, over a pair of
 * sockets: rules, guard, filters and the store see nothing new. Its file has a name that is noted
 * in the transaction which makes it a message; so whatever happens before the file is gone, it is
 * taken once. What is refused for now is tried again; what is refused for good becomes a message to
 * its owner.
 */
#include "drop_pickup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../format/format.h"
#include "../conf/conf.h"
#include "../outbound/outbound.h"
#include "../queue/queue.h"
#include "../policy/policy.h"
#include "../session/session.h"

#define DROP_LOOKS  100  /* files looked at in a turn */
#define DROP_PERIOD 1000 /* milliseconds between two looks into the folder */
#define DROP_UNFINISHED                                                                            \
  (3600 * 1000)                   /* milliseconds: a file not whole by then is nobody's any more */
#define DROP_WAIT     (60 * 1000) /* milliseconds after the first transient refusal; doubles */
#define DROP_WAIT_MAX (3600 * 1000)

struct drop_wait {
  int64_t next; /* wall time */
  int tries;
};

struct drop {
  struct server *server;
  struct timer timer;
  struct task task;
  int fd;               /* of the folder, or -1 */
  DIR *scan;            /* where a look stands */
  struct timespec seen; /* the folder's time of change when the last look began */
  bool rescan;          /* files were left behind: look again though nothing changes */
  struct map waiting;   /* file name -> struct drop_wait */
  struct list jobs;
};

/* One file on its way into the queue. */
struct drop_job {
  struct drop *drop;
  struct list_link link; /* of all */
  char name[ID_LENGTH + 1];
  int fd;
  int64_t left_at; /* wall time: when the file was written */
  struct arena *arena;
  struct policy *policy; /* held */
  struct drop_file file;
  str user; /* its owner */
  uint32_t uid;
  struct client *client;
  struct client_mail mail;
  struct incoming *report; /* the message that says it was refused */
  struct buf header;       /* its header */
};

/* ---- files ----------------------------------------------------------------------------------- */

/* false: it is still there, a folder with something in it. */
static bool drop_unlink(struct drop *d, const char *name)
{
  mem_free(map_remove(&d->waiting, str_of(name)));
  if (unlinkat(d->fd, name, 0) == 0 || errno == ENOENT) return true;
  return (errno == EISDIR || errno == EPERM) && unlinkat(d->fd, name, AT_REMOVEDIR) == 0;
}

/* The file is looked at again, but not before `next`, if there is memory for that. */
static struct drop_wait *drop_remember(struct drop *d, const char *name, int64_t next)
{
  struct drop_wait *w = map_get(&d->waiting, str_of(name));

  d->rescan = true;
  if (!w && d->waiting.live < LIMIT_DROP_WAITING && (w = mem_alloc(sizeof *w)) &&
      map_set(&d->waiting, str_of(name), w) < 0) {
    mem_free(w);
    w = NULL;
  }
  if (w) w->next = next;
  return w;
}

/* What no `sendmail` of ours left there. What cannot be removed is not spoken of every second. */
static void drop_discard(struct drop *d, const char *name, const char *why)
{
  bool gone = drop_unlink(d, name);

  log_warn(LOG_RECEIVER, "drop file=%s %s: %s", log_q(str_of(name)),
           gone ? "removed" : "cannot be removed", why);
  if (!gone) drop_remember(d, name, clock_wall() + DROP_WAIT_MAX);
}

/* Was it written to its end since st was taken? Who has done that lets go of the lock. */
static bool drop_has_grown(int fd, const struct stat *st)
{
  struct stat now;

  return fd >= 0 && fstat(fd, &now) == 0 &&
         (now.st_size != st->st_size || now.st_mtim.tv_sec != st->st_mtim.tv_sec ||
          now.st_mtim.tv_nsec != st->st_mtim.tv_nsec);
}

/* A file that is not whole: still being written, and locked by whoever does that, or for ever. fd
 * may be -1: we may not read it. Without a lock: the older it is, the longer until the next
 * look. */
static void drop_unfinished(struct drop *d, const char *name, int fd, const struct stat *st)
{
  int64_t now = clock_wall(), age = now - (int64_t)st->st_mtim.tv_sec * 1000;

  if (fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK)
    drop_remember(d, name, now);
  else if (drop_has_grown(fd, st))
    drop_remember(d, name, now);
  else if (age > DROP_UNFINISHED)
    drop_discard(d, name, "it was never finished");
  else
    drop_remember(d, name, now + (age > DROP_WAIT * 8 ? DROP_WAIT : age / 8));
}

/* Opens a file that may be anything. -1: it is not for now, or was removed. */
static int drop_open(struct drop *d, const char *name, struct stat *st)
{
  int fd = openat(d->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

  if (fd < 0 && errno == EACCES && fstatat(d->fd, name, st, AT_SYMLINK_NOFOLLOW) == 0 &&
      S_ISREG(st->st_mode)) {
    drop_unfinished(d, name, -1, st);
  } else if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM)) {
    d->rescan = true;
  } else if (fd < 0 && errno != ENOENT) {
    drop_discard(d, name, "it is no file");
  } else if (fd >= 0 && (fstat(fd, st) < 0 || !S_ISREG(st->st_mode) || st->st_nlink != 1)) {
    close(fd);
    fd = -1;
    drop_discard(d, name, "it is no file with one name");
  }
  return fd;
}

static str drop_read(int fd, uint64_t at, size_t n, struct buf *out)
{
  char *room;
  ssize_t got;

  buf_clear(out);
  out->cap = n;
  room = buf_room(out, n);
  got = room ? pread(fd, room, n, (off_t)at) : -1;
  if (got > 0) buf_grew(out, (size_t)got);
  return buf_str(out);
}

/* 1: the file is whole and well-formed; 0: it is not whole; -1 with e. */
static int drop_parse(struct drop_job *j, uint64_t size, struct err *e)
{
  struct buf end = BUF_INIT(0), head = BUF_INIT(0);
  str last = drop_read(j->fd, size > DROP_FILE_END ? size - DROP_FILE_END : 0, DROP_FILE_END, &end);
  uint64_t octets;
  int rc = 0;

  if (drop_file_is_whole(last, size, &octets)) {
    str text = arena_str(j->arena, drop_read(j->fd, 0, DROP_FILE_HEAD_MAX, &head));

    rc = text.p ? drop_file_parse(text, last, size, j->arena, &j->file, e) : err_nomem(e);
    if (rc == 0) rc = 1;
  }
  buf_free(&end);
  buf_free(&head);
  return rc;
}

/* ---- the end of a job ------------------------------------------------------------------------ */

static void drop_job_free(struct drop_job *j)
{
  struct drop *d = j->drop;

  client_abort(j->client);
  incoming_free(j->report);
  buf_free(&j->header);
  if (j->fd >= 0) close(j->fd);
  arena_free(j->arena);
  policy_release(j->policy);
  list_remove(&j->link);
  mem_free(j);
  if (!d->server->stopping) loop_ready(d->server->mta.loop, &d->task);
}

/* It is a message by now, or a report about it is. */
static void drop_taken(struct drop_job *j)
{
  store_die_point("drop");
  drop_unlink(j->drop, j->name);
  drop_job_free(j);
}

static void drop_put_off(struct drop_job *j, str why)
{
  struct drop_wait *w = drop_remember(j->drop, j->name, 0);
  int64_t wait = DROP_WAIT;

  if (w) {
    for (int i = 0; i < w->tries && wait < DROP_WAIT_MAX; i++) wait *= 2;
    w->tries++;
    w->next = clock_wall() + (wait < DROP_WAIT_MAX ? wait : DROP_WAIT_MAX);
  }
  log_info(LOG_RECEIVER, "drop file=%s user=%s put off: %s", j->name, log_q(j->user), log_q(why));
  drop_job_free(j);
}

/* ---- refused for good ------------------------------------------------------------------------ */

static void drop_reported(void *arg, enum store_result result)
{
  struct drop_job *j = arg;

  if (result == STORE_OK)
    drop_taken(j);
  else
    drop_put_off(j, STR("the report about it could not be stored"));
}

/* Whom to tell: the owner of the file, whoever the mail said it was from; where he has no mailbox,
 * postmaster. Who wants to hear nothing gave the null sender. */
static str drop_owner(struct drop_job *j)
{
  const struct conf *conf = j->policy->conf;
  str domain = conf->server.domain;
  struct alias_ends ends = {.n = 0};
  struct err e;
  str owner = arena_printf(j->arena, STR_FMT "@" STR_FMT, STR_ARG(j->user), STR_ARG(domain));

  if (j->file.has_from && j->file.from.n == 0) return (str){"", 0};
  if (owner.p && alias_expand(conf, j->drop->server->mta.store, owner, j->arena, &ends, &e) == 0)
    for (size_t i = 0; i < ends.n; i++)
      if (ends.end[i].known) return owner;
  return arena_printf(j->arena, "postmaster@" STR_FMT, STR_ARG(domain));
}

/* The header block of the file's message, without the empty line. */
static str drop_header(struct drop_job *j)
{
  struct buf text = BUF_INIT(0);
  size_t n = j->file.octets < LIMIT_HEADER_BYTES ? (size_t)j->file.octets : LIMIT_HEADER_BYTES;
  str all = drop_read(j->fd, j->file.at, n, &text);
  ptrdiff_t end = str_starts(all, STR("\r\n")) ? 0 : str_find(all, STR("\r\n\r\n")) + 2;
  str header = arena_str(j->arena, end >= 2 ? str_sub(all, 0, (size_t)end) : STR(""));

  buf_free(&text);
  return header.p ? header : (str){"", 0};
}

/* The mail as it would have been, without its body. */
static struct mail *drop_mail(struct drop_job *j, struct err *e)
{
  struct mail *m = mail_new(j->arena, j->policy->conf, NULL);
  char id[ID_LENGTH + 1];

  if (!m) return NULL;
  m->dropped = true;
  m->dropped_by = j->uid;
  m->facts.message_id = arena_str(j->arena, str_of(id_new(id)));
  m->facts.client_ip = m->facts.server_ip = STR("127.0.0.1");
  m->facts.server_name = m->facts.helo = m->conf->server.domain;
  m->facts.mail_from = drop_owner(j);
  m->facts.auth_id = j->user;
  m->facts.authenticated = true;
  m->facts.auth = RULES_AUTH_VERIFY;
  m->facts.mail_at = m->facts.connected_at = clock_wall();
  if (!m->facts.message_id.p || !m->facts.mail_from.p) return NULL;
  if (mail_arrive(m, drop_header(j), true, e) < 0 && mail_arrive(m, STR(""), true, e) < 0)
    return NULL; /* a header that is none is left out */
  return m;
}

/* Its recipients fail when they are due; so the report is one like all others. */
static struct store_rcpt *drop_rcpts(struct drop_job *j)
{
  struct store_rcpt *rows = arena_alloc(j->arena, (j->mail.rcpt_count + 1) * sizeof *rows);

  for (size_t i = 0; rows && i < j->mail.rcpt_count; i++)
    rows[i] = (struct store_rcpt){.address = j->mail.rcpt[i].address,
                                  .original = j->mail.rcpt[i].address,
                                  .transport = TRANSPORT_NONE,
                                  .last_reply = j->mail.rcpt[i].reply,
                                  .dsn = j->mail.rcpt[i].dsn,
                                  .next_at = clock_wall()};
  return rows;
}

static void drop_refuse(struct drop_job *j)
{
  struct store_mail *row = arena_alloc(j->arena, sizeof *row);
  struct buf context = BUF_INIT(LIMIT_COMMAND_LINE * 4);
  struct err e = {.kind = ERR_NOMEM};
  struct mail *m = row ? drop_mail(j, &e) : NULL;
  struct store_rcpt *rcpt = drop_rcpts(j);

  j->header.cap = LIMIT_HEADER_BYTES + 2;
  if (m && rcpt && mail_header(m, &j->header, &e) == 0 && mail_context_write(m, &context) == 0)
    j->report = incoming_new(j->drop->server->mta.store, m->facts.message_id);
  if (j->report) {
    mail_trace(m, STAGE_PREQ, STR(""), "server", STR("refused"), rcpt[0].last_reply);
    *row = (struct store_mail){.id = m->facts.message_id,
                               .queue = STORE_DELIVER,
                               .received_at = clock_wall(),
                               .client_ip = m->facts.client_ip,
                               .helo = m->facts.helo,
                               .mail_from = m->facts.mail_from,
                               .auth_user = j->user,
                               .subject = mail_subject(m),
                               .context = arena_str(j->arena, buf_str(&context)),
                               .step = DELIVER_RULED,
                               .rcpt = rcpt,
                               .rcpt_count = j->mail.rcpt_count,
                               .header = buf_str(&j->header),
                               .trace = m->trace,
                               .trace_count = m->trace_count,
                               .dropped = str_of(j->name)};
    incoming_accept(j->report, row, drop_reported, j);
  } else {
    drop_put_off(j, STR("out of memory"));
  }
  buf_free(&context);
}

/* ---- the conversation ------------------------------------------------------------------------ */

static ptrdiff_t drop_body(void *arg, uint64_t at, char *p, size_t n)
{
  struct drop_job *j = arg;
  ssize_t got = pread(j->fd, p, n, (off_t)(j->file.at + at));

  return got > 0 ? got : -1;
}

/* Will no recipient ever be accepted? */
static bool drop_is_hopeless(const struct drop_job *j)
{
  bool late = clock_wall() - j->left_at > j->policy->conf->server.queues.delivery.lifetime;

  for (size_t i = 0; i < j->mail.rcpt_count; i++) {
    int code = j->mail.rcpt[i].code;

    if (code < 500 && !(late && code >= 400)) return false;
  }
  return true;
}

static void drop_answered(struct drop_job *j, int code, str reply)
{
  client_end(j->client);
  j->client = NULL;
  if (code / 100 == 2) {
    log_info(LOG_RECEIVER, "drop file=%s user=%s accepted reply=%s", j->name, log_q(j->user),
             log_q(reply));
    drop_taken(j);
  } else if (drop_is_hopeless(j)) {
    log_info(LOG_RECEIVER, "drop file=%s user=%s refused reply=%s", j->name, log_q(j->user),
             log_q(j->mail.rcpt[0].reply));
    drop_refuse(j);
  } else {
    drop_put_off(j, reply);
  }
}

static void drop_done(void *arg, int code, str reply)
{
  struct drop_job *j = arg;

  drop_answered(j, code, arena_str(j->arena, reply));
}

/* An address as the session wants it: with a domain. */
static str drop_address(struct drop_job *j, str address, bool *utf8)
{
  if (!addr_is_ascii(address)) *utf8 = true;
  if (address.n == 0 || str_rchr(address, '@') >= 0) return address;
  return arena_printf(j->arena, STR_FMT "@" STR_FMT, STR_ARG(address),
                      STR_ARG(j->policy->conf->server.domain));
}

static int drop_fill_mail(struct drop_job *j, struct err *e)
{
  const struct drop_file *f = &j->file;
  struct client_mail *m = &j->mail;
  str notify = dsn_rcpt_text(f->notify, STR(""), j->arena);

  m->rcpt = arena_alloc(j->arena, f->to_count * sizeof *m->rcpt);
  m->from = drop_address(j, f->has_from ? f->from : j->user, &m->utf8);
  m->dsn = dsn_mail_text(f->ret, f->envid, j->arena);
  if (!m->rcpt || !m->from.p || !m->dsn.p || !notify.p) return err_nomem(e);
  for (size_t i = 0; i < f->to_count; i++) {
    m->rcpt[i] =
        (struct client_rcpt){.address = drop_address(j, f->to[i], &m->utf8), .dsn = notify};
    if (!m->rcpt[i].address.p) return err_nomem(e);
  }
  m->rcpt_count = f->to_count;
  m->eight = true;
  m->octets = f->octets;
  m->body = drop_body;
  m->arena = j->arena;
  m->done = drop_done;
  m->arg = j;
  return 0;
}

static int drop_converse(struct drop_job *j, struct err *e)
{
  struct session_dropped who = {.file = str_of(j->name), .user = j->user, .uid = j->uid};
  struct client_options o = {.helo = j->policy->conf->server.domain, .connected = true, .fd = -1};
  int fd[2];

  if (drop_fill_mail(j, e) < 0) return -1;
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd) < 0)
    return err_sys(e, errno, "cannot make a pair of sockets");
  if (!session_begin_dropped(&j->drop->server->sessions, fd[0], &who)) {
    close(fd[1]);
    return err_nomem(e);
  }
  o.fd = fd[1];
  j->client = client_new(j->drop->server->mta.loop, &o, e);
  if (!j->client) return -1;
  client_send(j->client, &j->mail);
  return 0;
}

/* ---- looking into the folder ----------------------------------------------------------------- */

/* The owner of the file; or, where that is our own user, whom he says it is for. */
static int drop_who(struct drop_job *j, uint32_t uid, struct err *e)
{
  struct passwd_entry p;
  int rc;

  if (j->file.has_uid && uid == geteuid()) uid = j->file.uid;
  rc = passwd_uid(str_of(PASSWD_FILE), uid, j->arena, &p, e);

  j->uid = uid;
  j->user = rc == 0 ? p.name : arena_printf(j->arena, "uid%u", (unsigned)uid);
  return rc < 0 ? -1 : j->user.p ? 0 : err_nomem(e);
}

static struct drop_job *drop_job_new(struct drop *d, const char *name, int fd)
{
  struct drop_job *j = mem_alloc(sizeof *j);

  if (j) j->arena = arena_new(LIMIT_DROP_BYTES);
  if (!j || !j->arena) {
    mem_free(j);
    close(fd);
    return NULL;
  }
  j->drop = d;
  j->fd = fd;
  memcpy(j->name, name, ID_LENGTH);
  j->policy = policy_hold(d->server->mta.policy);
  list_add_first(&d->jobs, &j->link);
  return j;
}

/* Is it on its way, or is its time not yet come? */
static bool drop_is_later(struct drop *d, const char *name)
{
  const struct drop_wait *w = map_get(&d->waiting, str_of(name));

  LIST_EACH(&d->jobs, const struct drop_job, link, j)
    if (strcmp(j->name, name) == 0) return true;
  if (!w || w->next <= clock_wall()) return false;
  d->rescan = true;
  return true;
}

static void drop_begin(struct drop *d, const char *name, int fd, const struct stat *st)
{
  struct drop_job *j = drop_job_new(d, name, fd);
  struct err e = {.kind = ERR_NONE};
  int whole = j ? drop_parse(j, (uint64_t)st->st_size, &e) : -1;

  if (!j) {
    d->rescan = true;
    return;
  }
  j->left_at = (int64_t)st->st_mtim.tv_sec * 1000;
  if (whole > 0 && drop_who(j, (uint32_t)st->st_uid, &e) == 0 && drop_converse(j, &e) == 0) return;
  if (whole == 0) {
    drop_unfinished(d, name, fd, st);
  } else if (whole < 0 && e.kind == ERR_SYNTAX) {
    drop_discard(d, name, e.text);
  } else {
    drop_put_off(j, str_of(e.text));
    return;
  }
  drop_job_free(j);
}

static void drop_look(struct drop *d, const char *name)
{
  struct stat st;
  struct err e;
  int fd, known;

  if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) return;
  if (drop_is_later(d, name)) return;
  if (!id_valid(str_of(name))) {
    drop_discard(d, name, "that is no name of ours");
    return;
  }
  known = dropped_known(d->server->mta.store, str_of(name), &e);
  if (known < 0) d->rescan = true;
  if (known > 0) drop_unlink(d, name);
  if (known == 0 && (fd = drop_open(d, name, &st)) >= 0) drop_begin(d, name, fd, &st);
}

/* Forgets files that their owners took away. */
static void drop_forget(struct drop *d)
{
  int64_t now = clock_wall();

  for (size_t i = 0; i < d->waiting.n; i++) {
    const struct drop_wait *w = d->waiting.entries[i].value;

    if (d->waiting.entries[i].key.p && w->next + DROP_WAIT_MAX < now)
      mem_free(map_remove(&d->waiting, d->waiting.entries[i].key));
  }
}

static bool drop_folder(struct drop *d)
{
  const struct conf *conf = d->server->mta.policy->conf;
  char path[4096];

  if (d->fd >= 0) return true;
  if (conf->server.queues.dirpath.n + 8 > sizeof path) return false;
  snprintf(path, sizeof path, STR_FMT "/drop", STR_ARG(conf->server.queues.dirpath));
  d->fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  return d->fd >= 0;
}

/* Begins a look if there may be something. */
static bool drop_scan(struct drop *d)
{
  struct stat st;
  int fd;

  if (d->scan) return true;
  if (!drop_folder(d) || fstat(d->fd, &st) < 0) return false;
  /* A file that came within the same tick of the clock shows only in a second look. */
  if (!d->rescan && st.st_mtim.tv_sec == d->seen.tv_sec && st.st_mtim.tv_nsec == d->seen.tv_nsec &&
      clock_wall() - (int64_t)st.st_mtim.tv_sec * 1000 > 2 * DROP_PERIOD)
    return false;
  fd = openat(d->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  d->scan = fd >= 0 ? fdopendir(fd) : NULL;
  if (!d->scan && fd >= 0) close(fd);
  if (!d->scan) return false;
  d->seen = st.st_mtim;
  d->rescan = false;
  drop_forget(d);
  return true;
}

static void drop_work(struct task *t, void *arg)
{
  struct drop *d = arg;
  struct dirent *entry = NULL;
  int looks = 0;

  (void)t;
  if (d->server->stopping || !store_ready(d->server->mta.store)) return;
  if (!drop_scan(d)) return;
  while (d->jobs.n < LIMIT_DROP_JOBS && looks++ < DROP_LOOKS && (entry = readdir(d->scan)))
    drop_look(d, entry->d_name);
  if (entry && d->jobs.n < LIMIT_DROP_JOBS) loop_ready(d->server->mta.loop, &d->task);
  if (entry || d->jobs.n == LIMIT_DROP_JOBS) return; /* a job that ends comes back */
  closedir(d->scan);
  d->scan = NULL;
}

static void drop_time(struct timer *t, void *arg)
{
  struct drop *d = arg;

  loop_ready(d->server->mta.loop, &d->task);
  timer_set(d->server->mta.loop, t, loop_now(d->server->mta.loop) + DROP_PERIOD);
}

/* ---- the door -------------------------------------------------------------------------------- */

struct drop *drop_new(struct server *server)
{
  struct drop *d = mem_alloc(sizeof *d);

  if (!d) return NULL;
  d->server = server;
  d->fd = -1;
  d->rescan = true;
  d->task.run = drop_work;
  d->timer.fire = drop_time;
  d->task.arg = d->timer.arg = d;
  timer_set(server->mta.loop, &d->timer, loop_now(server->mta.loop));
  return d;
}

void drop_stop(struct drop *d)
{
  if (!d) return;
  loop_unready(&d->task);
  timer_clear(d->server->mta.loop, &d->timer);
  LIST_EACH(&d->jobs, struct drop_job, link, j) drop_job_free(j);
  loop_unready(&d->task);
}

void drop_free(struct drop *d)
{
  if (!d) return;
  drop_stop(d);
  for (size_t i = 0; i < d->waiting.n; i++)
    if (d->waiting.entries[i].key.p) mem_free(d->waiting.entries[i].value);
  map_free(&d->waiting);
  if (d->scan) closedir(d->scan);
  if (d->fd >= 0) close(d->fd);
  mem_free(d);
}
#undef DROP_LOOKS
#undef DROP_PERIOD
#undef DROP_UNFINISHED
#undef DROP_WAIT
#undef DROP_WAIT_MAX
