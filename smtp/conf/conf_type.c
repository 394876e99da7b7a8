/* smtp/conf/conf_type.c: one function a type of value: check it, keep it, put it into canonical
 * form.
 *
 * Canonical means: what config-show prints and rules see does not depend on how it was spelled:
 * durations as "5m", paths whole, one protocol version as a list of one.
 */
#include "conf.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../format/format.h"

/* ---- helpers --------------------------------------------------------------------------------- */

bool conf_type_is(struct conf_reader *r, const struct toml *v, enum toml_type type)
{
  if (v->type == type) return true;
  conf_fail(r, v, "%s wants %s %s, not %s %s: %s", r->key->path,
            type == TOML_INT || type == TOML_ARRAY ? "an" : "a", toml_type_name(type),
            v->type == TOML_INT || v->type == TOML_ARRAY ? "an" : "a", toml_type_name(v->type),
            r->key->meaning);
  return false;
}

/* A text that is not empty and without control characters: names, paths, hosts. */
static bool conf_type_is_plain(struct conf_reader *r, const struct toml *v)
{
  if (!conf_type_is(r, v, TOML_STRING)) return false;
  if (v->text.n == 0)
    return conf_fail(r, v, "%s is empty: %s", r->key->path, r->key->meaning), false;
  for (size_t i = 0; i < v->text.n; i++)
    if ((unsigned char)v->text.p[i] < 0x20 || v->text.p[i] == 0x7f)
      return conf_fail(r, v, "%s holds a control character", r->key->path), false;
  return true;
}

void *conf_type_list(struct conf_reader *r, size_t n, size_t size)
{
  void *list = arena_alloc(r->arena, (n ? n : 1) * size);
  if (!list) conf_nomem(r);
  return list;
}

/* Every one of the choices, for messages: "a, b or c". */
static const char *conf_type_choices(struct conf_reader *r, const char *const *names)
{
  struct buf text = BUF_INIT(1024);
  for (size_t i = 0; names[i]; i++)
    buf_printf(&text, "%s%s", i == 0 ? "" : names[i + 1] ? ", " : " or ", names[i]);
  str kept = arena_str(r->arena, buf_str(&text));
  buf_free(&text);
  return kept.p ? kept.p : "";
}

static int conf_type_choose(struct conf_reader *r, const struct toml *v, const char *const *names)
{
  if (!conf_type_is(r, v, TOML_STRING)) return -1;
  for (int i = 0; names[i]; i++)
    if (str_eq(v->text, str_of(names[i]))) return i;
  return conf_fail(r, v, "%s is \"" STR_FMT "\", not one of %s: %s", r->key->path, STR_ARG(v->text),
                   conf_type_choices(r, names), r->key->meaning);
}

/* ---- plain values ---------------------------------------------------------------------------- */

static int conf_type_text(struct conf_reader *r, struct toml *v, void *field)
{
  if (!conf_type_is(r, v, TOML_STRING)) return -1;
  *(str *)field = v->text;
  return 0;
}

static int conf_type_name(struct conf_reader *r, struct toml *v, void *field)
{
  return conf_type_is_plain(r, v) ? conf_type_text(r, v, field) : -1;
}

static int conf_type_bool(struct conf_reader *r, struct toml *v, void *field)
{
  if (!conf_type_is(r, v, TOML_BOOL)) return -1;
  *(bool *)field = v->boolean;
  return 0;
}

static int conf_type_word(struct conf_reader *r, struct toml *v, void *field)
{
  int chosen = conf_type_choose(r, v, r->key->names);
  if (chosen < 0) return -1;
  *(unsigned *)field = (unsigned)chosen; /* all these enums are of this size: conf.c checks */
  return 0;
}

static int conf_type_range(struct conf_reader *r, struct toml *v, int64_t value)
{
  const struct conf_key *k = r->key;
  if (value < k->min)
    return conf_fail(r, v, "%s is %lld, must be at least %lld: %s", k->path, (long long)value,
                     (long long)k->min, k->meaning);
  if (value > k->max)
    return conf_fail(r, v, "%s is %lld, must be at most %lld: %s", k->path, (long long)value,
                     (long long)k->max, k->meaning);
  return 0;
}

static int conf_type_int(struct conf_reader *r, struct toml *v, void *field)
{
  if (!conf_type_is(r, v, TOML_INT) || conf_type_range(r, v, v->integer)) return -1;
  *(int64_t *)field = v->integer;
  return 0;
}

static int conf_type_cap(struct conf_reader *r, struct toml *v, void *field)
{
  if (v->type == TOML_INT && v->integer < 1 && v->integer != -1)
    return conf_fail(r, v, "%s is %lld; -1 means no limit, else it is at least 1: %s", r->key->path,
                     (long long)v->integer, r->key->meaning);
  if (v->type != TOML_INT || v->integer != -1) return conf_type_int(r, v, field);
  *(int64_t *)field = -1;
  return 0;
}

static int conf_type_duration(struct conf_reader *r, struct toml *v, void *field)
{
  const struct conf_key *k = r->key;
  char text[DURATION_TEXT_MAX];
  int64_t ms;
  if (v->type == TOML_INT)
    return conf_fail(r, v, "%s wants a duration in quotes, like \"%llds\": %s", k->path,
                     (long long)v->integer, k->meaning);
  if (!conf_type_is(r, v, TOML_STRING)) return -1;
  if (duration_parse(v->text, &ms))
    return conf_fail(r, v,
                     "%s: \"" STR_FMT "\" is no duration like \"200ms\", \"5m\" or \"1h 30m\"",
                     k->path, STR_ARG(v->text));
  if (ms < k->min) return conf_fail(r, v, "%s must be more than 0: %s", k->path, k->meaning);
  *(int64_t *)field = ms;
  v->text = arena_str(r->arena, str_of(duration_text(ms, text)));
  return v->text.p ? 0 : conf_nomem(r);
}

static int conf_type_texts(struct conf_reader *r, struct toml *v, void *field)
{
  struct conf_strs *out = field;
  if (!conf_type_is(r, v, TOML_ARRAY)) return -1;
  if (!(out->list = conf_type_list(r, v->n, sizeof *out->list))) return -1;
  for (struct toml *t = v->child; t; t = t->next)
    if (conf_type_text(r, t, &out->list[out->n++])) return -1;
  return 0;
}

/* ---- paths ----------------------------------------------------------------------------------- */

static int conf_type_path(struct conf_reader *r, struct toml *v, void *field)
{
  if (!conf_type_is_plain(r, v)) return -1;
  while (str_starts(v->text, STR("./"))) v->text = str_skip(v->text, 2);
  v->text = path_join(r->arena, r->dir, v->text);
  *(str *)field = v->text;
  return v->text.p ? 0 : conf_nomem(r);
}

/* A program is looked up where programs are, unless it is a path: that is like all others. */
static int conf_type_command(struct conf_reader *r, struct toml *v, void *field)
{
  struct conf_strs *out = field;
  struct toml *program = v->child;
  size_t octets = 0;
  str path;
  if (conf_type_texts(r, v, field)) return -1;
  if (!program) return conf_fail(r, v, "%s is empty: %s", r->key->path, r->key->meaning);
  if (!conf_type_is_plain(r, program)) return -1;
  if (str_chr(program->text, '/') >= 0 && conf_type_path(r, program, &path)) return -1;
  out->list[0] = program->text;
  for (struct toml *t = program; t; t = t->next) {
    octets += t->text.n + 1;
    if (t->text.n && memchr(t->text.p, 0, t->text.n))
      return conf_fail(r, t, "%s holds a NUL", r->key->path);
  }
  if (program->text.n >= LIMIT_PROGRAM_PATH || octets > (size_t)r->key->max)
    return conf_fail(r, v, "%s is longer than %d octets", r->key->path,
                     program->text.n >= LIMIT_PROGRAM_PATH ? LIMIT_PROGRAM_PATH - 1
                                                           : (int)r->key->max);
  return 0;
}

/* What to type, so that the server's user may read a file: root is he no more when it is read
 * again. */
static const char *conf_type_advice(struct conf_reader *r, str path)
{
  const struct toml *group = conf_find(r->conf->tree, "server.system.group");
  str name = group && group->type == TOML_STRING ? group->text : STR("vsmtp");
  str text = arena_printf(r->arena,
                          "; let the server's user read it: chgrp " STR_FMT " " STR_FMT
                          " && chmod g+r " STR_FMT " (and its folders)",
                          STR_ARG(name), STR_ARG(path), STR_ARG(path));
  return text.p ? text.p : "";
}

/* Opens what must be readable; the file's state goes to st. */
static int conf_type_readable(struct conf_reader *r, const struct toml *v, struct stat *st)
{
  *st = (struct stat){.st_mode = 0};
  if (r->alone) return 0;
  const char *what = r->key->path;
  int fd = open(v->text.p, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (fd < 0)
    return conf_fail(r, v, "%s: cannot read " STR_FMT ": %s%s", what, STR_ARG(v->text),
                     strerror(errno), errno == EACCES ? conf_type_advice(r, v->text) : "");
  int failed = fstat(fd, st);
  close(fd);
  if (failed || !S_ISREG(st->st_mode))
    return conf_fail(r, v, "%s: " STR_FMT " is no file", what, STR_ARG(v->text));
  if (st->st_size == 0) return conf_fail(r, v, "%s: " STR_FMT " is empty", what, STR_ARG(v->text));
  return 0;
}

static int conf_type_file(struct conf_reader *r, struct toml *v, void *field)
{
  struct stat st;
  if (conf_type_path(r, v, field) == 0 && conf_type_readable(r, v, &st) == 0) return 0;
  *(str *)field = (str){"", 0}; /* nobody tries it a second time */
  return -1;
}

static int conf_type_secret(struct conf_reader *r, struct toml *v, void *field)
{
  struct stat st;
  if (conf_type_path(r, v, field) || conf_type_readable(r, v, &st)) return -1;
  if (st.st_mode & (S_IROTH | S_IWOTH))
    conf_warn(r, v, "%s: everybody on this machine may read or change " STR_FMT " (chmod 640)",
              r->key->path, STR_ARG(v->text));
  return 0;
}

/* ---- names and addresses --------------------------------------------------------------------- */

static int conf_type_host(struct conf_reader *r, struct toml *v, void *field)
{
  if (!conf_type_is_plain(r, v)) return -1;
  if (!addr_domain_ok(v->text, false) || str_starts(v->text, STR("[")))
    return conf_fail(r, v, "%s: \"" STR_FMT "\" is no host name", r->key->path, STR_ARG(v->text));
  *(str *)field = v->text;
  return 0;
}

static int conf_type_host_port(struct conf_reader *r, struct toml *v, void *field)
{
  struct netaddr literal;
  struct err e;
  uint64_t port = 0;
  if (!conf_type_is_plain(r, v)) return -1;
  ptrdiff_t colon = str_rchr(v->text, ':');
  str host = str_sub(v->text, 0, colon < 0 ? 0 : (size_t)colon);
  str digits = str_skip(v->text, (size_t)(colon + 1));
  bool good = digits.n > 0 && str_isdigit(*digits.p) && str_to_u64(digits, &port, 10) == 0 &&
              port > 0 && port <= UINT16_MAX;
  if (!good || (!addr_domain_ok(host, false) &&
                (!str_starts(host, STR("[")) || netaddr_parse(v->text, -1, &literal, &e))))
    return conf_fail(r, v, "%s: \"" STR_FMT "\" is not of the form \"name:port\": %s", r->key->path,
                     STR_ARG(v->text), r->key->meaning);
  *(str *)field = v->text;
  return 0;
}

int conf_type_addr(struct conf_reader *r, struct toml *v, struct conf_addr *out)
{
  struct err e;
  if (!conf_type_is_plain(r, v)) return -1;
  if (str_starts(v->text, STR("unix:")) || netaddr_parse(v->text, -1, &out->addr, &e))
    return conf_fail(r, v,
                     "%s: \"" STR_FMT "\" is no address with a port, like \"192.0.2.1:25\" or "
                     "\"[2001:db8::1]:25\"; names are not looked up here",
                     r->key->path, STR_ARG(v->text));
  out->text = v->text;
  return 0;
}

static int conf_type_addrs(struct conf_reader *r, struct toml *v, void *field)
{
  struct conf_addrs *out = field;
  int result = 0;
  if (!conf_type_is(r, v, TOML_ARRAY)) return -1;
  if (!(out->list = conf_type_list(r, v->n, sizeof *out->list))) return -1;
  for (struct toml *t = v->child; t; t = t->next)
    if (conf_type_addr(r, t, &out->list[out->n++])) result = -1;
  return result;
}

static int conf_type_version(struct conf_reader *r, struct toml *v, void *field)
{
  if (!conf_type_is(r, v, TOML_STRING)) return -1;
  int match = conf_version_match(v->text, STR(VSMTP_COMPATIBILITY));
  if (match < 0)
    return conf_fail(r, v,
                     "version_requirement: \"" STR_FMT "\" is no requirement like \">=1.0.0\", "
                     "\"^1.1\" or \"*\"",
                     STR_ARG(v->text));
  if (match == 0)
    return conf_fail(r, v,
                     "version_requirement: this file wants vSMTP \"" STR_FMT "\", and this program "
                     "does what vSMTP " VSMTP_COMPATIBILITY " did",
                     STR_ARG(v->text));
  *(str *)field = v->text;
  return 0;
}

/* ---- encryption and AUTH --------------------------------------------------------------------- */

/* "May", "Encrypt" or { Dane = { port = N } } */
static int conf_type_security(struct conf_reader *r, struct toml *v, void *field)
{
  static const char *const names[] = {"May", "Encrypt", NULL};
  enum conf_security *out = field;
  if (v->type != TOML_TABLE) {
    int chosen = conf_type_choose(r, v, names);
    *out = chosen == 1 ? CONF_ENCRYPT : CONF_MAY;
    return chosen < 0 ? -1 : 0;
  }
  const struct toml *dane = toml_get(v, STR("Dane")), *port = toml_get(dane, STR("port"));
  if (v->n != 1 || !dane || dane->n != 1 || !port || port->type != TOML_INT || port->integer < 1 ||
      port->integer > UINT16_MAX)
    return conf_fail(r, v, "%s: the table has the form { Dane = { port = 25 } }", r->key->path);
  *out = CONF_DANE;
  return 0;
}

struct conf_protocol {
  const char *name, *number;
  uint8_t bit, later; /* it and the later ones */
};
static const struct conf_protocol conf_protocols[] = {
    {"TLSv1.2", "0x0303", CONF_TLS12, CONF_TLS12 | CONF_TLS13},
    {"TLSv1.3", "0x0304", CONF_TLS13, CONF_TLS13},
};

static int conf_type_protocol(struct conf_reader *r, const struct toml *v, bool alone,
                              uint8_t *bits)
{
  if (!conf_type_is(r, v, TOML_STRING)) return -1;
  str word = v->text;
  size_t prefix = str_starts(word, STR(">=")) ? 2 : str_starts(word, STR("^")) ? 1 : 0;
  word = str_trim(str_skip(word, prefix));
  for (size_t i = 0; i < BASE_COUNT(conf_protocols) && (alone || prefix == 0); i++) {
    const struct conf_protocol *p = &conf_protocols[i];
    if (!str_eq(word, str_of(p->name)) && !str_eq(word, str_of(p->number))) continue;
    *bits |= prefix ? p->later : p->bit;
    return 0;
  }
  return conf_fail(r, v, "%s: \"" STR_FMT "\" is not one of %s", r->key->path, STR_ARG(v->text),
                   r->key->meaning);
}

/* Makes v the list of these names. */
static int conf_type_relist(struct conf_reader *r, struct toml *v, const str *names, size_t n)
{
  struct toml **end = &v->child;
  v->type = TOML_ARRAY;
  v->n = n;
  for (size_t i = 0; i < n; i++, end = &(*end)->next) {
    if (!(*end = arena_alloc(r->arena, sizeof **end))) return conf_nomem(r);
    (*end)->type = TOML_STRING;
    (*end)->text = names[i];
    (*end)->line = v->line;
    (*end)->column = v->column;
  }
  *end = NULL;
  return 0;
}

static int conf_type_protocol_list(struct conf_reader *r, struct toml *v, void *field)
{
  str names[BASE_COUNT(conf_protocols)];
  uint8_t bits = 0;
  size_t n = 0;
  if (v->type == TOML_ARRAY) {
    if (v->n == 0) return conf_fail(r, v, "%s names no version", r->key->path);
    for (struct toml *t = v->child; t; t = t->next)
      if (conf_type_protocol(r, t, false, &bits)) return -1;
  } else if (conf_type_protocol(r, v, true, &bits)) {
    return -1;
  }
  *(uint8_t *)field = bits;
  for (size_t i = 0; i < BASE_COUNT(conf_protocols); i++)
    if (bits & conf_protocols[i].bit) names[n++] = str_of(conf_protocols[i].name);
  return conf_type_relist(r, v, names, n);
}

static bool conf_type_is_suite(str name)
{
  static const str ciphers[] = {STR_INIT("AES_256_GCM_SHA384"), STR_INIT("AES_128_GCM_SHA256"),
                                STR_INIT("CHACHA20_POLY1305_SHA256")};
  size_t prefix = str_starts(name, STR("TLS_"))                ? 4
                  : str_starts(name, STR("ECDHE_ECDSA_WITH_")) ? 17
                  : str_starts(name, STR("ECDHE_RSA_WITH_"))   ? 15
                                                               : name.n;
  for (size_t i = 0; i < BASE_COUNT(ciphers); i++)
    if (str_eq(str_skip(name, prefix), ciphers[i])) return true;
  return false;
}

static int conf_type_suites(struct conf_reader *r, struct toml *v, void *field)
{
  struct conf_strs *out = field;
  if (conf_type_texts(r, v, field)) return -1;
  struct toml *t = v->child;
  for (size_t i = 0; i < out->n; i++, t = t->next)
    if (!conf_type_is_suite(out->list[i]))
      return conf_fail(r, t, "%s: there is no suite \"" STR_FMT "\"", r->key->path,
                       STR_ARG(out->list[i]));
  return 0;
}

static int conf_type_mechs(struct conf_reader *r, struct toml *v, void *field)
{
  static const char *const names[] = {"PLAIN",         "LOGIN",     "CRAM-MD5",
                                      "SCRAM-SHA-256", "ANONYMOUS", NULL}; /* ORDER CONF_MECH */
  uint8_t *bits = field;
  if (!conf_type_is(r, v, TOML_ARRAY)) return -1;
  if (v->n == 0)
    return conf_fail(r, v, "%s is empty; without AUTH leave out [server.smtp.auth]", r->key->path);
  for (struct toml *t = v->child; t; t = t->next) {
    int chosen = conf_type_choose(r, t, names);
    if (chosen < 0) return -1;
    *bits |= (uint8_t)(1u << chosen);
  }
  return 0;
}

/* ---- the table of types ---------------------------------------------------------------------- */

typedef int conf_type_fn(struct conf_reader *r, struct toml *v, void *field);

static conf_type_fn *const conf_types[CONF_TYPES] = {
    /* ORDER CONF_TYPE */
    [CONF_TEXT] = conf_type_text,
    [CONF_WORD] = conf_type_word,
    [CONF_INT] = conf_type_int,
    [CONF_CAP] = conf_type_cap,
    [CONF_BOOL] = conf_type_bool,
    [CONF_DURATION] = conf_type_duration,
    [CONF_PATH] = conf_type_path,
    [CONF_FILE] = conf_type_file,
    [CONF_SECRET] = conf_type_secret,
    [CONF_HOST] = conf_type_host,
    [CONF_HOST_PORT] = conf_type_host_port,
    [CONF_NAME] = conf_type_name,
    [CONF_TEXTS] = conf_type_texts,
    [CONF_COMMAND] = conf_type_command,
    [CONF_ADDRS] = conf_type_addrs,
    [CONF_VERSION] = conf_type_version,
    [CONF_SECURITY] = conf_type_security,
    [CONF_PROTOCOLS] = conf_type_protocol_list,
    [CONF_SUITE_LIST] = conf_type_suites,
    [CONF_MECHS] = conf_type_mechs,
    [CONF_LEVEL] = conf_list_level,
    [CONF_LEVELS] = conf_list_levels,
    [CONF_CODES] = conf_list_codes,
    [CONF_SERVERS] = conf_list_servers,
    [CONF_ALIASES] = conf_list_aliases,
};

int conf_type_read(struct conf_reader *r, struct toml *v, void *field)
{
  return conf_types[r->key->type](r, v, field);
}
