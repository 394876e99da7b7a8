/* smtp/conf/conf_list.c: values with a form of their own: log levels, replies, name servers,
 * aliases.
 *
 * What may be written in several ways has one way in the canonical tree: levels are a table, a
 * reply is a text "554 5.7.1 text".
 */
#include "conf.h"

/* ---- log levels ------------------------------------------------------------------------------ */

static int conf_list_level_word(struct conf_reader *r, const struct toml *v, str word,
                                enum log_level *out)
{
  if (log_level_parse(word, out) == 0) return 0;
  return conf_fail(r, v,
                   "%s: \"" STR_FMT "\" is no level; there are off, error, warn, info, debug "
                   "and trace",
                   r->key->path, STR_ARG(word));
}

int conf_list_level(struct conf_reader *r, struct toml *v, void *field)
{
  enum log_level *out = field;
  if (!conf_type_is(r, v, TOML_STRING) || conf_list_level_word(r, v, v->text, out)) return -1;
  v->text = str_of(log_level_name(*out));
  return 0;
}

/* "receiver=info" becomes an entry receiver = "info", a level alone the entry default. */
static int conf_list_level_entry(struct conf_reader *r, struct toml *t)
{
  if (!conf_type_is(r, t, TOML_STRING)) return -1;
  ptrdiff_t equals = str_chr(t->text, '=');
  t->key = equals < 0 ? STR("default") : str_trim(str_sub(t->text, 0, (size_t)equals));
  t->text = str_trim(str_skip(t->text, (size_t)(equals + 1)));
  t->key_line = t->line;
  t->key_column = t->column;
  return 0;
}

static int conf_list_level_set(struct conf_reader *r, struct toml *t, struct conf_logs *logs)
{
  enum log_target target;
  enum log_level level;
  if (!conf_type_is(r, t, TOML_STRING) || conf_list_level_word(r, t, t->text, &level)) return -1;
  t->text = str_of(log_level_name(level));
  if (str_eq(t->key, STR("default"))) {
    for (int i = 0; i < LOG_TARGETS; i++) logs->level[i] = level;
  } else if (log_target_parse(t->key, &target)) {
    conf_warn(r, t, "%s: nothing is called \"" STR_FMT "\", this level has no effect", r->key->path,
              STR_ARG(t->key));
  } else {
    logs->level[target] = level;
    if (target == LOG_APP) logs->level_app_given = true;
  }
  return 0;
}

int conf_list_levels(struct conf_reader *r, struct toml *v, void *field)
{
  struct conf_logs *logs = field;
  int result = 0;
  if (v->type != TOML_ARRAY && v->type != TOML_TABLE)
    return conf_fail(r, v,
                     "%s wants a table { default = \"warn\", receiver = \"info\" } or a list "
                     "[\"warn\", \"receiver=info\"]",
                     r->key->path);
  for (struct toml *t = v->child; t && v->type == TOML_ARRAY; t = t->next)
    if (conf_list_level_entry(r, t)) return -1;
  v->type = TOML_TABLE;
  for (int i = 0; i < LOG_TARGETS; i++) logs->level[i] = LOG_WARN;
  /* What counts for all is set first, wherever it stands. */
  struct toml *all = toml_get(v, STR("default"));
  if (all && conf_list_level_set(r, all, logs)) result = -1;
  for (struct toml *t = v->child; t; t = t->next) {
    if (toml_get(v, t->key) != t)
      result = conf_fail(r, t, "%s names \"" STR_FMT "\" twice", r->key->path, STR_ARG(t->key));
    else if (t != all && conf_list_level_set(r, t, logs))
      result = -1;
  }
  if (all) return result;
  struct toml *first = arena_alloc(r->arena, sizeof *first);
  if (!first) return conf_nomem(r);
  *first = (struct toml){.type = TOML_STRING, .key = STR("default"), .text = STR("warn")};
  first->next = v->child;
  v->child = first;
  v->n++;
  return result;
}

/* ---- replies --------------------------------------------------------------------------------- */

static const struct conf_list_code {
  str name;
  struct conf_code code;
} conf_list_defaults[CODE_COUNT] = {
#define CONF_LIST_CODE(upper, name, basic, enhanced, text)                                         \
  {STR_INIT(name), {basic, STR_INIT(enhanced), STR_INIT(text)}},
    CONF_CODE_LIST(CONF_LIST_CODE)
#undef CONF_LIST_CODE
};

static int conf_list_code_find(str name)
{
  if (str_eq(name, STR("AlreadyUnderTLS"))) return CODE_ALREADY_UNDER_TLS;
  for (int i = 0; i < CODE_COUNT; i++)
    if (str_eq(name, conf_list_defaults[i].name)) return i;
  return -1;
}

/* "5.7.1": three numbers of at most three digits, the first 2, 4 or 5 (RFC 3463). */
static bool conf_list_is_enhanced(str s)
{
  str part;
  int n = 0;
  if (s.n < 5 || (*s.p != '2' && *s.p != '4' && *s.p != '5') || s.p[1] != '.') return false;
  while (str_cut(&s, '.', &part)) {
    if (part.n < 1 || part.n > 3) return false;
    for (size_t i = 0; i < part.n; i++)
      if (!str_isdigit(part.p[i])) return false;
    n++;
  }
  return n == 3;
}

/* Lines of a reply are separated by LF here. */
static str conf_list_lines(struct conf_reader *r, str text)
{
  struct buf out = BUF_INIT(text.n + 1);
  while (text.n > 0 && (text.p[text.n - 1] == '\n' || text.p[text.n - 1] == '\r')) text.n--;
  for (size_t i = 0; i < text.n; i++)
    if (text.p[i] != '\r' || i + 1 == text.n || text.p[i + 1] != '\n') buf_putc(&out, text.p[i]);
  str kept = buf_ok(&out) ? arena_str(r->arena, buf_str(&out)) : (str){NULL, 0};
  buf_free(&out);
  if (!kept.p) conf_nomem(r);
  return kept;
}

/* "250 Fine", "530 5.7.0 TLS first" */
static void conf_list_code_text(str text, int64_t *basic, struct conf_code *out)
{
  str word = {NULL, 0}, rest = str_trim(text);
  str_cut(&rest, ' ', &word);
  if (word.n != 3 || !str_isdigit(*word.p) || str_to_i64(word, basic)) *basic = 0;
  out->text = str_trim(rest);
  rest = out->text;
  if (!str_cut(&rest, ' ', &word) || !conf_list_is_enhanced(word)) return;
  out->enhanced = word;
  out->text = str_trim(rest);
}

/* { code = 530, enhanced = "5.7.0", text = "TLS first" } */
static int conf_list_code_table(struct conf_reader *r, const struct toml *v, int64_t *basic,
                                struct conf_code *out)
{
  const struct toml *code = toml_get(v, STR("code")), *text = toml_get(v, STR("text"));
  const struct toml *enhanced = toml_get(v, STR("enhanced"));
  for (const struct toml *t = v->child; t; t = t->next)
    if (t != code && t != text && t != enhanced) return conf_unknown(r, t, "a reply");
  if (!code || !text)
    return conf_fail(r, v,
                     "a reply has the form { code = 554, enhanced = \"5.7.1\", text = \"…\" "
                     "}, of which enhanced may be left out");
  if (!conf_type_is(r, code, TOML_INT) || !conf_type_is(r, text, TOML_STRING)) return -1;
  *basic = code->integer;
  out->text = text->text;
  if (!enhanced) return 0;
  if (!conf_type_is(r, enhanced, TOML_STRING)) return -1;
  if (!conf_list_is_enhanced(enhanced->text))
    return conf_fail(r, enhanced, "\"" STR_FMT "\" is no enhanced code like \"5.7.1\"",
                     STR_ARG(enhanced->text));
  out->enhanced = enhanced->text;
  return 0;
}

static int conf_list_read_code(struct conf_reader *r, struct toml *v,
                               const struct conf_list_code *def, struct conf_code *out)
{
  int64_t basic = 0;
  *out = (struct conf_code){.basic = 0};
  if (v->type == TOML_TABLE) {
    if (conf_list_code_table(r, v, &basic, out)) return -1;
  } else {
    if (!conf_type_is(r, v, TOML_STRING)) return -1;
    conf_list_code_text(v->text, &basic, out);
  }
  if (basic < 200 || basic > 599)
    return conf_fail(r, v,
                     "reply " STR_FMT " needs a code from 200 to 599, like \"%d " STR_FMT "\"",
                     STR_ARG(def->name), def->code.basic, STR_ARG(def->code.text));
  out->basic = (int)basic;
  if ((basic >= 400) != (def->code.basic >= 400))
    conf_warn(r, v, "reply " STR_FMT " says %s with %d: clients will misunderstand it",
              STR_ARG(def->name), def->code.basic >= 400 ? "no" : "yes", out->basic);
  if (out->enhanced.n > 0 && *out->enhanced.p - '0' != out->basic / 100)
    conf_warn(r, v, "reply " STR_FMT ": codes %d and " STR_FMT " do not agree", STR_ARG(def->name),
              out->basic, STR_ARG(out->enhanced));
  out->text = conf_list_lines(r, out->text);
  return out->text.p ? 0 : -1;
}

/* The entries of the file by name; two that the server makes up itself are passed over. */
static int conf_list_codes_given(struct conf_reader *r, struct toml *v,
                                 struct toml *given[CODE_COUNT])
{
  int result = 0;
  for (struct toml *t = v->child; t; t = t->next) {
    int id = conf_list_code_find(t->key);
    if (str_eq(t->key, STR("EhloPain")) || str_eq(t->key, STR("EhloSecured")))
      conf_warn(r, t, "the reply to EHLO cannot be configured, " STR_FMT " is ignored",
                STR_ARG(t->key));
    else if (id < 0)
      result = conf_unknown(r, t, "server.smtp.codes");
    else if (given[id])
      result = conf_fail_key(r, t, "reply " STR_FMT " is given twice", STR_ARG(t->key));
    else
      given[id] = t;
  }
  return result;
}

int conf_list_codes(struct conf_reader *r, struct toml *v, void *field)
{
  struct toml *given[CODE_COUNT] = {NULL}, **end = &v->child;
  struct conf_code *codes = field;
  if (!conf_type_is(r, v, TOML_TABLE)) return -1;
  int result = conf_list_codes_given(r, v, given);
  for (int i = 0; i < CODE_COUNT; i++, end = &(*end)->next) {
    const struct conf_list_code *def = &conf_list_defaults[i];
    codes[i] = def->code;
    if (given[i] && conf_list_read_code(r, given[i], def, &codes[i])) result = -1;
    if (!(*end = arena_alloc(r->arena, sizeof **end))) return conf_nomem(r);
    struct toml *t = *end;
    t->key = def->name;
    t->text = arena_printf(r->arena, "%d " STR_FMT "%s" STR_FMT, codes[i].basic,
                           STR_ARG(codes[i].enhanced), codes[i].enhanced.n ? " " : "",
                           STR_ARG(codes[i].text));
    if (!t->text.p) return conf_nomem(r);
  }
  *end = NULL;
  v->n = CODE_COUNT;
  return result;
}

/* ---- name servers ---------------------------------------------------------------------------- */

static int conf_list_server_key(struct conf_reader *r, struct toml *t, struct conf_name_server *out)
{
  if (str_eq(t->key, STR("socket_addr"))) return conf_type_addr(r, t, &out->addr);
  if (str_eq(t->key, STR("bind_addr"))) return conf_type_addr(r, t, &out->bind_addr);
  if (str_eq(t->key, STR("protocol"))) {
    if (!conf_type_is(r, t, TOML_STRING)) return -1;
    out->tcp = str_eq(t->text, STR("tcp"));
    if (out->tcp || str_eq(t->text, STR("udp"))) return 0;
    return conf_fail(r, t, "protocol \"" STR_FMT "\" is not supported; there are udp and tcp",
                     STR_ARG(t->text));
  }
  if (str_eq(t->key, STR("trust_nx_responses")) || str_eq(t->key, STR("trust_nxdomain"))) {
    if (!conf_type_is(r, t, TOML_BOOL)) return -1;
    out->trust_nx_responses = t->boolean;
    return 0;
  }
  return conf_unknown(r, t, "a name server");
}

static int conf_list_server(struct conf_reader *r, struct toml *v, struct conf_name_server *out)
{
  int result = 0;
  if (v->type == TOML_STRING) return conf_type_addr(r, v, &out->addr);
  if (v->type != TOML_TABLE)
    return conf_fail(r, v,
                     "a name server is \"ip:port\" or { socket_addr = \"ip:port\", protocol = "
                     "\"udp\" }");
  for (struct toml *t = v->child; t; t = t->next)
    if (conf_list_server_key(r, t, out)) result = -1;
  if (result == 0 && !toml_get(v, STR("socket_addr")))
    return conf_fail(r, v, "a name server needs its socket_addr");
  return result;
}

int conf_list_servers(struct conf_reader *r, struct toml *v, void *field)
{
  struct conf_dns *dns = (struct conf_dns *)((char *)field - offsetof(struct conf_dns, config));
  int result = 0;
  if (!conf_type_is(r, v, TOML_ARRAY)) return -1;
  dns->config.name_servers = conf_type_list(r, v->n, sizeof *dns->config.name_servers);
  if (!dns->config.name_servers) return -1;
  for (struct toml *t = v->child; t; t = t->next)
    if (conf_list_server(r, t, &dns->config.name_servers[dns->config.name_server_count++]))
      result = -1;
  return result;
}

/* ---- aliases --------------------------------------------------------------------------------- */

static int conf_list_alias(struct conf_reader *r, struct toml *v, struct alias *out)
{
  const char *fault = alias_name_fault(v->key, r->arena);
  if (fault) return conf_fail_key(r, v, "app.aliases: %s", fault);
  if (!conf_type_is(r, v, TOML_ARRAY)) return -1;
  if (v->n == 0)
    return conf_fail(r, v, "app.aliases: mail for " STR_FMT " would go nowhere", STR_ARG(v->key));
  *out = (struct alias){.address = v->key, .file = r->file, .source = r->source};
  out->line = v->key_line;
  out->column = v->key_column;
  if (!(out->targets = conf_type_list(r, v->n, sizeof(str)))) return -1;
  for (struct toml *t = v->child; t; t = t->next) {
    if (!conf_type_is(r, t, TOML_STRING)) return -1;
    fault = alias_target_fault(t->text, str_starts(v->key, STR("@")), r->arena);
    if (fault) return conf_fail(r, t, "app.aliases: %s", fault);
    out->targets[out->n++] = t->text;
  }
  return 0;
}

int conf_list_aliases(struct conf_reader *r, struct toml *v, void *field)
{
  int result = 0;
  if (!conf_type_is(r, v, TOML_TABLE)) return -1;
  for (struct toml *t = v->child; t; t = t->next) {
    struct alias one;
    if (conf_list_alias(r, t, &one))
      result = -1;
    else if (alias_add(field, &one, r->arena))
      return conf_nomem(r);
  }
  return result;
}

/* The aliases file has faults of its own, which stand behind all others. */
static int conf_list_aliases_file(struct conf_reader *r)
{
  struct conf *c = r->conf;
  struct buf text = BUF_INIT(0);
  str source = {NULL, 0};
  struct err e;
  int result = -1;
  if (!c->app.aliases_file.n || r->alone) return 0;
  if (file_read(c->app.aliases_file, LIMIT_ALIAS_FILE, &text, &e))
    return conf_fail(r, conf_find(c->tree, "app.aliases_file"), "app.aliases_file: %s", e.text);
  source = arena_str(r->arena, buf_str(&text));
  buf_free(&text);
  if (!source.p) return conf_nomem(r);
  result = alias_file_parse(&c->app.aliases, c->app.aliases_file, source, r->arena, r->diags);
  return result;
}

/* ---- when all is read ------------------------------------------------------------------------ */

static int conf_list_expand(struct conf_reader *r, str *text)
{
  struct buf out = BUF_INIT(1 << 16);
  str rest = *text, word = STR("{domain}");
  for (ptrdiff_t at; (at = str_find(rest, word)) >= 0; rest = str_skip(rest, (size_t)at + word.n)) {
    buf_str_add(&out, str_sub(rest, 0, (size_t)at));
    buf_str_add(&out, r->conf->server.domain);
  }
  buf_str_add(&out, rest);
  *text = buf_ok(&out) ? arena_str(r->arena, buf_str(&out)) : (str){NULL, 0};
  buf_free(&out);
  return text->p ? 0 : conf_nomem(r);
}

int conf_list_finish(struct conf_reader *r)
{
  struct conf *c = r->conf;
  for (int i = 0; i < CODE_COUNT; i++)
    if (conf_list_expand(r, &c->server.smtp.codes[i].text)) return -1;
  if (conf_list_aliases_file(r)) return -1;
  return alias_complete(&c->app.aliases, c, r->diags);
}
