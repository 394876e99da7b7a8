/* smtp/conf/certs.c: the certificates of a configuration.
 *
 * The main pair of [server.tls] comes first, then those of virtual domains in the order of the
 * file. All are replaced together or not at all. A certificate and its key are two files, so
 * somebody who replaces them passes through a moment when they do not match: that is a fault like
 * any other, and the next look finds it mended.
 */
#include "conf.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#define CERTS_REMIND    (24 * 3600 * 1000)
#define CERTS_WARN_DAYS 14 /* those who renew by a timer do it 30 days before */

struct certs_stamp { /* compared octet by octet, so made by memset */
  int64_t seconds, nanoseconds, inode, size;
  int64_t errnum; /* nobody may look */
};

/* Where a pair stands in the configuration. */
struct certs_entry {
  const struct conf_tls *tls;
  str domain;
  const struct toml *table;
};

static const struct toml *certs_node(const struct conf *conf, const char *const *path, size_t n)
{
  const struct toml *t = conf->tree;

  for (size_t i = 0; t && i < n; i++) t = toml_get(t, str_of(path[i]));
  return t;
}

/* The pair i, 0 being the main one; false: there are not so many. */
static bool certs_entry_of(const struct conf *conf, size_t i, struct certs_entry *out)
{
  static const char *const main_path[] = {"server", "tls"}, *const others[] = {"server", "virtual"};
  const struct toml *virtual = certs_node(conf, others, 2);

  if (!conf->server.tls.on) return false;
  *out =
      (struct certs_entry){&conf->server.tls, conf->server.domain, certs_node(conf, main_path, 2)};
  if (i == 0) return true;
  for (size_t k = 0; k < conf->server.virtual_count; k++) {
    const struct conf_virtual *v = &conf->server.virtual[k];

    if (!v->tls.on || --i > 0) continue;
    *out = (struct certs_entry){&v->tls, v->domain,
                                toml_get(toml_get(virtual, v->domain), STR("tls"))};
    return true;
  }
  return false;
}

static size_t certs_count(const struct conf *conf)
{
  struct certs_entry entry;
  size_t n = 0;

  while (certs_entry_of(conf, n, &entry)) n++;
  return n;
}

/* ---- faults ---------------------------------------------------------------------------------- */

/* At the key of the configuration that names the file. */
static void certs_say(const struct conf *conf, const struct certs_entry *at, bool warning,
                      const char *key, const char *text, struct diags *d)
{
  struct buf source = BUF_INIT(0);
  const struct toml *node = toml_get(at->table, str_of(key));
  struct err e;

  if (conf->file.n && file_read(conf->file, LIMIT_CONF_FILE, &source, &e) < 0) buf_clear(&source);
  diags_add(d, warning, conf->file, buf_str(&source), node ? node->line : 0,
            node ? node->column : 0, "%s: %s", key, text);
  buf_free(&source);
}

static void certs_check_dates(const struct conf *conf, const struct certs_entry *at,
                              const struct tls_certificate *c, struct diags *d)
{
  int64_t now = clock_wall() / 1000;
  char text[100], date[CLOCK_TEXT_MAX];

  if (c->until < now)
    snprintf(text, sizeof text, "this certificate expired at %s", clock_utc(c->until * 1000, date));
  else if (c->from > now)
    snprintf(text, sizeof text, "this certificate is not valid before %s",
             clock_utc(c->from * 1000, date));
  else if (c->until < now + CERTS_WARN_DAYS * 86400)
    snprintf(text, sizeof text, "this certificate expires soon, at %s",
             clock_utc(c->until * 1000, date));
  else
    return;
  certs_say(conf, at, true, "certificate", text, d);
}

/* ---- reading --------------------------------------------------------------------------------- */

static void certs_look(str path, struct certs_stamp *out)
{
  struct stat st;
  char name[4096];

  memset(out, 0, sizeof *out);
  snprintf(name, sizeof name, STR_FMT, STR_ARG(path));
  if (stat(name, &st) < 0) {
    out->errnum = errno;
    return;
  }
  out->seconds = (int64_t)st.st_mtim.tv_sec;
  out->nanoseconds = (int64_t)st.st_mtim.tv_nsec;
  out->inode = (int64_t)st.st_ino;
  out->size = (int64_t)st.st_size;
}

static void certs_look_all(const struct conf *conf, struct certs_stamp *stamps, size_t n)
{
  struct certs_entry entry;

  for (size_t i = 0; i < n / 2 && certs_entry_of(conf, i, &entry); i++) {
    certs_look(entry.tls->certificate, &stamps[2 * i]);
    certs_look(entry.tls->private_key, &stamps[2 * i + 1]);
  }
}

/* Started as root the server reads what it may not read later. */
static void certs_say_unreadable(const struct conf *conf, const struct certs_entry *at,
                                 const char *key, const struct err *e, struct diags *d)
{
  char text[ERR_TEXT_MAX + 160];
  bool denied = str_ends(str_of(e->text), str_of(strerror(EACCES)));

  snprintf(text, sizeof text, "%s%s", e->text,
           denied && geteuid() != 0 && !conf->server.system.resolved
               ? "; root may read it, who starts most servers: ask as root"
           : denied
               ? "; let the server's user read it (chgrp and chmod 640), or restart the server "
                 "whenever it changes"
               : "");
  certs_say(conf, at, false, key, text, d);
}

/* The two files of each pair, texts[2 * i] and the one behind it. */
static int certs_read(const struct conf *conf, struct tls_pair *pairs, struct buf *texts, size_t n,
                      struct diags *d)
{
  static const char *const keys[] = {"certificate", "private_key"};
  struct certs_entry entry;
  struct err e;

  for (size_t i = 0; i < 2 * n && certs_entry_of(conf, i / 2, &entry); i++) {
    str path = i % 2 ? entry.tls->private_key : entry.tls->certificate;

    if (file_read(path, LIMIT_CERT_FILE, &texts[i], &e) == 0) continue;
    certs_say_unreadable(conf, &entry, keys[i % 2], &e, d);
    return -1;
  }
  for (size_t i = 0; i < n && certs_entry_of(conf, i, &entry); i++)
    pairs[i] = (struct tls_pair){entry.domain, entry.tls->protocol_version, buf_str(&texts[2 * i]),
                                 buf_str(&texts[2 * i + 1])};
  return 0;
}

static void certs_check_all_dates(const struct conf *conf, const struct tls_server *tls,
                                  struct diags *d)
{
  struct certs_entry entry;

  for (size_t i = 0; i < tls_server_pairs(tls) && certs_entry_of(conf, i, &entry); i++)
    certs_check_dates(conf, &entry, tls_server_certificate(tls, i), d);
}

static void certs_check_chains(const struct conf *conf, const struct tls_server *tls,
                               struct diags *d)
{
  struct certs_entry entry;

  for (size_t i = 0; i < tls_server_pairs(tls) && certs_entry_of(conf, i, &entry); i++) {
    const char *fault = tls_server_certificate(tls, i)->fault;

    if (fault) certs_say(conf, &entry, true, "certificate", fault, d);
  }
}

static struct tls_server *certs_make(const struct conf *conf, const struct tls_pair *pairs,
                                     size_t n, struct diags *d)
{
  struct tls_server_options o = {.pairs = pairs,
                                 .pair_count = n,
                                 .suites = conf->server.tls.cipher_suite.list,
                                 .suite_count = conf->server.tls.cipher_suite.n,
                                 .our_order = conf->server.tls.preempt_cipherlist};
  struct certs_entry entry;
  size_t which = 0;
  bool key = false;
  struct err e;
  struct tls_server *tls = tls_server_new(&o, &which, &key, &e);

  if (!tls && certs_entry_of(conf, which, &entry))
    certs_say(conf, &entry, false, key ? "private_key" : "certificate", e.text, d);
  if (tls) certs_check_all_dates(conf, tls, d);
  if (tls) certs_check_chains(conf, tls, d);
  return tls;
}

static struct tls_server *certs_tls(const struct conf *conf, size_t n, struct diags *d)
{
  struct tls_pair *pairs = mem_alloc(n * sizeof *pairs);
  struct buf *texts = mem_alloc(2 * n * sizeof *texts);
  struct tls_server *tls = NULL;

  if (!pairs || !texts)
    diags_add(d, false, conf->file, STR(""), 0, 0, "no memory for the certificates");
  else if (certs_read(conf, pairs, texts, n, d) == 0)
    tls = certs_make(conf, pairs, n, d);
  for (size_t i = 0; texts && i < 2 * n; i++) buf_wipe(&texts[i]);
  mem_free(pairs);
  mem_free(texts);
  return tls;
}

struct certs *certs_load(const struct conf *conf, struct diags *d)
{
  size_t n = certs_count(conf);
  struct certs *c = mem_alloc(sizeof *c);

  if (c) c->stamps = mem_alloc(2 * n * sizeof *c->stamps);
  if (!c || !c->stamps) {
    diags_add(d, false, conf->file, STR(""), 0, 0, "no memory for the certificates");
    certs_free(c);
    return NULL;
  }
  c->n = 2 * n;
  c->warned_at = clock_wall();
  certs_look_all(conf, c->stamps, c->n); /* before reading: a change meanwhile is seen later */
  if (n > 0) c->tls = certs_tls(conf, n, d);
  if (n == 0 || c->tls) return c;
  certs_free(c);
  return NULL;
}

void certs_free(struct certs *c)
{
  if (!c) return;
  tls_server_release(c->tls);
  mem_free(c->stamps);
  mem_free(c);
}

/* ---- later ----------------------------------------------------------------------------------- */

static void certs_log(const struct diags *d, const struct conf *conf)
{
  for (size_t i = 0; i < d->n; i++)
    log_write(LOG_TLS, d->list[i].warning ? LOG_WARN : LOG_ERROR, STR_FMT ":%d: " STR_FMT,
              STR_ARG(conf->file), d->list[i].line, STR_ARG(d->list[i].text));
}

/* Renewal may fail for weeks without anybody noticing. */
static void certs_remind(struct certs *c, const struct conf *conf)
{
  struct diags d;

  if (clock_wall() < c->warned_at + CERTS_REMIND || diags_init(&d) < 0) return;
  c->warned_at = clock_wall();
  certs_check_all_dates(conf, c->tls, &d);
  certs_log(&d, conf);
  diags_free(&d);
}

void certs_renew(struct certs *c, const struct conf *conf)
{
  struct certs_stamp *now = mem_alloc(c->n * sizeof *now);
  struct tls_server *fresh;
  struct diags d;

  if (!now) return;
  if (c->tls) certs_remind(c, conf);
  certs_look_all(conf, now, c->n);
  if (memcmp(now, c->stamps, c->n * sizeof *now) == 0 || diags_init(&d) < 0) {
    mem_free(now);
    return;
  }
  mem_free(c->stamps);
  c->stamps = now;
  fresh = certs_tls(conf, c->n / 2, &d);
  certs_log(&d, conf);
  diags_free(&d);
  if (!fresh) {
    log_error(LOG_TLS, "the certificates in use stay: what changed cannot be used");
    return;
  }
  tls_server_release(c->tls);
  c->tls = fresh;
  log_info(LOG_TLS, "certificates changed and were read again");
}

void certs_describe(const struct certs *c, const struct conf *conf, struct buf *out)
{
  struct certs_entry entry;
  char date[CLOCK_TEXT_MAX];

  for (size_t i = 0; i < c->n / 2 && certs_entry_of(conf, i, &entry); i++) {
    const struct tls_certificate *t = tls_server_certificate(c->tls, i);

    buf_printf(out, "certificate of " STR_FMT ": ", STR_ARG(entry.domain));
    for (size_t n = 0; n < t->name_count; n++)
      buf_printf(out, "%s" STR_FMT, n ? ", " : "", STR_ARG(t->names[n]));
    buf_printf(out, "%s%s %u, until %s\n", t->name_count ? "; " : "no name; ", t->key, t->bits,
               clock_utc(t->until * 1000, date));
  }
}
#undef CERTS_REMIND
#undef CERTS_WARN_DAYS
