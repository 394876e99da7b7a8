/* smtp/conf/conf.c: walks a file along the table of keys.
 *
 * Every table is gone through twice: first in the order of the file, each value read into the
 * struct, what is unknown or wrong reported where it stands; then in the order of conf_keys[],
 * which gives missing keys their defaults by the same way and puts the tree into its canonical
 * order.
 */
#include "conf.h"

#include <errno.h>
#include <unistd.h>

#include "../format/format.h"

/* What no file at all means. */
#define CONF_NOTHING "version_requirement = \">=1.0.0, <2.0.0\"\n"

/* conf_type.c keeps the index of a word in these. */
_Static_assert(sizeof(enum conf_dns_type) == sizeof(unsigned) &&
                   sizeof(enum conf_ip_strategy) == sizeof(unsigned) &&
                   sizeof(enum conf_unknown_rcpt) == sizeof(unsigned) &&
                   sizeof(enum target_tls) == sizeof(unsigned),
               "enums of one size");

/* ---- faults ---------------------------------------------------------------------------------- */

static void conf_report(struct conf_reader *r, bool warning, int line, int column, const char *fmt,
                        va_list ap)
{
  char text[ERR_TEXT_MAX];
  if (vsnprintf(text, sizeof text, fmt, ap) < 0) text[0] = '\0';
  diags_add(r->diags, warning, r->file, r->source, line, column, "%s", text);
}

int conf_fail(struct conf_reader *r, const struct toml *at, const char *fmt, ...)
{
  va_list ap;
  va_start(ap, fmt);
  conf_report(r, false, at ? at->line : 0, at ? at->column : 0, fmt, ap);
  va_end(ap);
  return -1;
}

int conf_fail_key(struct conf_reader *r, const struct toml *at, const char *fmt, ...)
{
  va_list ap;
  va_start(ap, fmt);
  conf_report(r, false, at->key_line, at->key_column, fmt, ap);
  va_end(ap);
  return -1;
}

void conf_warn(struct conf_reader *r, const struct toml *at, const char *fmt, ...)
{
  va_list ap;
  va_start(ap, fmt);
  conf_report(r, true, at ? at->line : 0, at ? at->column : 0, fmt, ap);
  va_end(ap);
}

int conf_nomem(struct conf_reader *r)
{
  return conf_fail(r, NULL, "cannot read it: no memory");
}

int conf_unknown(struct conf_reader *r, const struct toml *at, const char *where)
{
  return conf_fail_key(r, at, "unknown key \"" STR_FMT "\" in %s", STR_ARG(at->key), where);
}

/* ---- the table of keys ----------------------------------------------------------------------- */

/* The name of a row within the table it belongs to, or empty if it belongs elsewhere. */
static str conf_row_name(const struct conf_key *table, const struct conf_key *row)
{
  str path = str_of(row->path);
  if (table) {
    str prefix = str_of(table->path);
    if (!str_starts(path, prefix) || path.n <= prefix.n || path.p[prefix.n] != '.')
      return (str){NULL, 0};
    path = str_skip(path, prefix.n + 1);
  }
  return str_chr(path, '.') < 0 ? path : (str){NULL, 0};
}

static const struct conf_key *conf_row(const struct conf_key *table, str name)
{
  for (size_t i = 0; i < conf_key_count; i++)
    if (name.n && str_eq(conf_row_name(table, &conf_keys[i]), name)) return &conf_keys[i];
  return NULL;
}

static const struct conf_key *conf_row_at(const char *path)
{
  for (size_t i = 0; i < conf_key_count; i++)
    if (strcmp(conf_keys[i].path, path) == 0) return &conf_keys[i];
  return NULL;
}

/* ---- unknown keys ---------------------------------------------------------------------------- */

/* May one be a slip for the other: a letter changed, left out, put in, or two exchanged? */
static bool conf_is_slip(str a, str b)
{
  size_t head = 0, tail = 0;
  size_t most = a.n > b.n ? a.n : b.n, least = a.n > b.n ? b.n : a.n;
  while (head < least && str_lower(a.p[head]) == str_lower(b.p[head])) head++;
  while (tail < least - head && str_lower(a.p[a.n - 1 - tail]) == str_lower(b.p[b.n - 1 - tail]))
    tail++;
  size_t differ = most - head - tail;
  if (a.n == b.n && differ == 2) return a.p[head] == b.p[head + 1] && a.p[head + 1] == b.p[head];
  return differ <= 1 && least > 1;
}

/* A key that nobody knows here: perhaps it is misspelt, or stands in the wrong table. */
static int conf_unknown_key(struct conf_reader *r, const struct conf_key *table,
                            const struct toml *at)
{
  const char *where = table ? table->path : "the file";
  for (size_t i = 0; i < conf_key_count; i++) {
    str name = conf_row_name(table, &conf_keys[i]);
    if (name.n && conf_is_slip(at->key, name))
      return conf_fail_key(r, at, "unknown key \"" STR_FMT "\" in %s; is " STR_FMT " meant?",
                           STR_ARG(at->key), where, STR_ARG(name));
  }
  for (size_t i = 0; i < conf_key_count; i++) {
    str path = str_of(conf_keys[i].path);
    ptrdiff_t dot = str_rchr(path, '.');
    if (dot > 0 && str_eq(str_skip(path, (size_t)dot + 1), at->key))
      return conf_fail_key(r, at, "unknown key \"" STR_FMT "\" in %s; it belongs to [%.*s]",
                           STR_ARG(at->key), where, (int)dot, path.p);
  }
  return conf_unknown(r, at, where);
}

/* ---- tables ---------------------------------------------------------------------------------- */

static int conf_table(struct conf_reader *r, const struct conf_key *table, struct toml *t,
                      void *base);

/* Nodes of defaults stand nowhere. */
static void conf_forget_position(struct toml *t)
{
  t->line = t->column = t->key_line = t->key_column = 0;
  for (struct toml *c = t->child; c; c = c->next) conf_forget_position(c);
}

static const struct toml *conf_default_domain(struct conf_reader *r, struct toml *t)
{
  char name[LIMIT_DOMAIN + 1] = "";
  str host = r->world->host_name;
  if (!host.n && gethostname(name, sizeof name - 1) == 0) host = str_of(name);
  t->type = TOML_STRING;
  t->text = arena_str(r->arena, addr_domain_ok(host, false) ? host : STR("localhost"));
  return t->text.p ? t : NULL;
}

/* The default of a row as a node, or NULL: there is none, or no memory for it (reported). */
static struct toml *conf_default(struct conf_reader *r, const struct conf_key *row, str name)
{
  struct toml *t = NULL;
  if (row->type == CONF_HOST) {
    t = arena_alloc(r->arena, sizeof *t);
    if (!t || !conf_default_domain(r, t)) return conf_nomem(r), NULL;
  } else if (row->def) {
    str text = arena_printf(r->arena, "v = %s", row->def);
    if (!text.p) return conf_nomem(r), NULL;
    t = toml_parse(r->arena, STR("default"), text, r->diags);
    if (!t) return NULL;
    t = t->child;
    conf_forget_position(t);
  }
  if (t) {
    t->key = name;
    t->next = NULL;
  }
  return t;
}

/* [server.virtual."d.com"]: one struct for each. */
static int conf_virtuals(struct conf_reader *r, struct toml *t)
{
  struct conf *c = r->conf;
  const struct conf_key *row = conf_row_at("server.virtual.*");
  int result = 0;
  if (!conf_type_is(r, t, TOML_TABLE)) return -1;
  c->server.virtual = conf_type_list(r, t->n, sizeof *c->server.virtual);
  if (!c->server.virtual) return -1;
  for (struct toml *d = t->child; d; d = d->next) {
    if (!addr_domain_ok(d->key, false) || str_starts(d->key, STR("[")))
      result = conf_fail_key(r, d,
                             "server.virtual: \"" STR_FMT "\" is no domain; write "
                             "[server.virtual.\"example.com\"]",
                             STR_ARG(d->key));
    else if (conf_virtual_find(c, d->key))
      result = conf_fail_key(r, d, "server.virtual: " STR_FMT " is there twice", STR_ARG(d->key));
    struct conf_virtual *v = &c->server.virtual[c->server.virtual_count++];
    v->domain = d->key;
    if (conf_table(r, row, d, v)) result = -1;
  }
  return result;
}

static int conf_value(struct conf_reader *r, const struct conf_key *row, struct toml *t, void *base)
{
  const struct conf_key *outer = r->key;
  void *field = (char *)base + row->at;
  int result;
  r->key = row;
  if (row->type == CONF_TABLE) {
    if (row->at) *(bool *)field = true;
    result = conf_table(r, row, t, base);
  } else if (row->type == CONF_VIRTUAL) {
    result = conf_virtuals(r, t);
  } else {
    result = conf_type_read(r, t, field);
  }
  r->key = outer;
  return result;
}

/* Takes the child of that name out of the table. */
static struct toml *conf_take(struct toml *t, str name)
{
  for (struct toml **at = &t->child; *at; at = &(*at)->next) {
    if (!str_eq((*at)->key, name)) continue;
    struct toml *found = *at;
    *at = found->next;
    found->next = NULL;
    return found;
  }
  return NULL;
}

static int conf_complete(struct conf_reader *r, const struct conf_key *table, struct toml *t,
                         void *base)
{
  struct toml *children = NULL, **end = &children;
  int result = 0;
  t->n = 0;
  for (const struct conf_key *row = conf_keys; row < conf_keys + conf_key_count; row++) {
    str name = conf_row_name(table, row);
    if (!name.n) continue;
    struct toml *child = conf_take(t, name);
    if (!child && row->def && strcmp(row->def, CONF_REQUIRED) == 0) {
      result = conf_fail(r, t, "%s is missing: %s", row->path, row->meaning);
    } else if (!child) {
      child = conf_default(r, row, name);
      if (child && conf_value(r, row, child, base)) result = -1;
    }
    if (!child) continue;
    *end = child;
    end = &child->next;
    t->n++;
  }
  t->child = children;
  return result;
}

static int conf_table(struct conf_reader *r, const struct conf_key *table, struct toml *t,
                      void *base)
{
  int result = 0;
  if (t->type != TOML_TABLE)
    return conf_fail(r, t, "%s is a table, not %s %s: [%s]", table->path,
                     t->type == TOML_INT || t->type == TOML_ARRAY ? "an" : "a",
                     toml_type_name(t->type), table->path);
  for (struct toml *child = t->child; child; child = child->next) {
    const struct conf_key *row = conf_row(table, child->key);
    if (row ? conf_value(r, row, child, base) : conf_unknown_key(r, table, child)) result = -1;
  }
  return conf_complete(r, table, t, base) ? -1 : result;
}

/* ---- finding --------------------------------------------------------------------------------- */

struct toml *conf_find(struct toml *root, const char *path)
{
  str rest = str_of(path), key;
  while (root && str_cut(&rest, '.', &key)) root = toml_get(root, key);
  return root;
}

bool conf_is_given(const struct toml *node)
{
  return node && node->line > 0;
}

/* ---- the door -------------------------------------------------------------------------------- */

void conf_free(struct conf *c)
{
  if (!c) return;
  arena_free(c->arena);
  mem_free(c);
}

/* Names the file from the root: nobody must depend on where the program was started. */
static int conf_find_self(struct conf_reader *r)
{
  char here[4096];
  str dir = STR("/");
  if (!str_starts(r->file, STR("/"))) {
    if (!getcwd(here, sizeof here))
      return conf_fail(r, NULL, "cannot tell the current folder: %s", strerror(errno));
    dir = str_of(here);
  }
  r->conf->file = path_join(r->arena, dir, r->file);
  r->dir = path_dir(r->conf->file);
  return r->conf->file.p ? 0 : conf_nomem(r);
}

/* What was found from the given one on, in the order of lines; what stands in no line last. */
static void conf_sort(struct diags *d, size_t from)
{
  for (size_t i = from + 1; i < d->n; i++) {
    struct diag g = d->list[i];
    size_t k = i;
    for (; k > from && g.line > 0; k--) {
      const struct diag *before = &d->list[k - 1];
      bool ordered =
          before->line < g.line || (before->line == g.line && before->column <= g.column);
      if ((before->line > 0 && ordered) || !str_eq(before->file, g.file)) break;
      d->list[k] = *before;
    }
    d->list[k] = g;
  }
}

/* Reads everything into the conf; -1 after at least one error. */
static int conf_read(struct conf_reader *r)
{
  struct conf *c = r->conf;
  /* Slices of the tree point into its source, which must live as long. */
  r->source = arena_str(r->arena, r->source);
  if (!r->source.p) return conf_nomem(r);
  if (conf_find_self(r)) return -1;
  c->tree = toml_parse(r->arena, r->file, r->source, r->diags);
  if (!c->tree) return -1;
  c->tree->line = 0; /* a fault of the whole file stands in no line */
  int result = conf_table(r, NULL, c->tree, c);
  if (r->diags->errors > 0 && result == 0) result = -1;
  conf_cross_check(r);
  return conf_list_finish(r) ? -1 : result;
}

static struct conf *conf_make(str file, str source, const struct conf_world *world, bool alone,
                              struct diags *d)
{
  struct conf_reader r = {
      .file = file, .source = source, .world = world, .alone = alone, .diags = d};
  size_t errors = d->errors, first = d->n;
  r.conf = mem_alloc(sizeof *r.conf);
  r.arena = arena_new(0);
  if (r.conf) r.conf->arena = r.arena;
  bool good = r.conf && r.arena ? conf_read(&r) == 0 : (conf_nomem(&r), false);
  conf_sort(d, first);
  if (good && d->errors == errors) return r.conf;
  if (!r.conf) arena_free(r.arena);
  conf_free(r.conf);
  return NULL;
}

/* The XDG base directory of state: $XDG_STATE_HOME, or ~/.local/state. */
static void conf_state_folder(char *out, size_t size)
{
  const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
  int n = 0;
  if (state && state[0] == '/')
    n = snprintf(out, size, "%s/vsmtp", state);
  else if (home && home[0] == '/')
    n = snprintf(out, size, "%s/.local/state/vsmtp", home);
  if (n < 0 || (size_t)n >= size) out[0] = '\0';
}

static struct conf *conf_make_here(str file, str source, bool alone, struct diags *d)
{
  struct conf_world machine = {.passwd = str_of(PASSWD_FILE), .group = str_of(PASSWD_GROUP)};
  char state[4096] = "";
  machine.root = geteuid() == 0;
  if (!machine.root) conf_state_folder(state, sizeof state);
  machine.state = str_of(state);
  return conf_make(file, source, &machine, alone, d);
}

struct conf *conf_parse(str file, str source, const struct conf_world *world, struct diags *d)
{
  return world ? conf_make(file, source, world, false, d) : conf_make_here(file, source, false, d);
}

struct conf *conf_defaults(struct diags *d)
{
  struct conf *c = conf_parse(STR("defaults"), STR(CONF_NOTHING), NULL, d);
  if (c) c->file = STR("");
  return c;
}

/* The default file counts as there unless it is known not to be. */
static str conf_file(str path)
{
  if (path.n || access(path_system(CONF_PATH_DEFAULT), F_OK) == 0)
    return path.n ? path : str_of(path_system(CONF_PATH_DEFAULT));
  return errno == ENOENT || errno == ENOTDIR ? path : str_of(path_system(CONF_PATH_DEFAULT));
}

str conf_denied(str path)
{
  char name[4096];
  path = conf_file(path);
  snprintf(name, sizeof name, STR_FMT, STR_ARG(path));
  return path.n && access(name, R_OK) < 0 && errno == EACCES ? path : (str){"", 0};
}

static struct conf *conf_load_from(str path, bool alone, struct diags *d)
{
  struct buf source = BUF_INIT(0);
  struct conf *c = NULL;
  struct err e;
  path = conf_file(path);
  if (!path.n) return conf_defaults(d);
  if (file_read(path, LIMIT_CONF_FILE, &source, &e))
    diags_add(d, false, path, (str){NULL, 0}, 0, 0, "%s", e.text);
  else
    c = conf_make_here(path, buf_str(&source), alone, d);
  buf_free(&source);
  return c;
}

struct conf *conf_load(str path, struct diags *d)
{
  return conf_load_from(path, false, d);
}

struct conf *conf_load_alone(str path, struct diags *d)
{
  return conf_load_from(path, true, d);
}
#undef CONF_NOTHING
