/* rules/object.c: the objects of VSL (rules/README.md#objects): what is valid, how they are made
 * and shown. match.c compares them. */
#include "object.h"

#include "mailbox.h"
#include "regex.h"

#define OBJECT_DEPTH 16 /* groups in groups */

/* ORDER OBJECT_KIND. What an invalid text is not. */
static const char *const object_wants[OBJECT_KINDS] = {
    "an IPv4 address (a.b.c.d)",
    "an IPv6 address",
    "an IPv4 range (a.b.c.d/n)",
    "an IPv6 range (x::/n)",
    "a domain name",
    "a mail address (local@domain)",
    "an identifier",
    "a regular expression",
    "a file",
    "a group",
    "a reply (\"250 text\" or \"250 2.0.0 text\")",
};

const char *const object_words[] = {"ip4",     "ip6",        "rg4",   "rg6",    "fqdn",
                                    "address", "identifier", "ident", "string", "regex",
                                    "file",    "group",      "code",  NULL};
const char *const object_content_words[] = {
    "ip4", "ip6", "rg4", "rg6", "fqdn", "address", "identifier", "ident", "string", "regex", NULL};

int object_kind_of_word(str word)
{
  if (str_eq(word, STR("ident"))) return OBJECT_IDENTIFIER;
  for (int k = 0; k < OBJECT_KINDS; k++)
    if (str_eq(word, str_of(object_types[k].name))) return k;
  return -1;
}

bool object_is_kind(struct value v, enum object_kind k)
{
  return object_is(v, &object_types[k]);
}

/* ---- making ---------------------------------------------------------------------------------- */

static struct value object_make(struct region *r, enum object_kind k, str text)
{
  struct thing *t = (struct thing *)object_new(r, &object_types[k], sizeof *t);
  if (!t) return (struct value){.type = VALUE_NONE};
  t->text = value_string(r, text);
  if (t->text.type != VALUE_NONE) return value_of(t);
  t->text = value_unit();
  heap_release(r, &t->object.heap);
  return (struct value){.type = VALUE_NONE};
}

static struct value object_of_ip(struct region *r, enum object_kind k, const struct ip *ip)
{
  char text[IP_TEXT_MAX];
  struct value v = object_make(r, k, ip_text(ip, text));
  if (v.type != VALUE_NONE) object_thing(v)->as.ip = *ip;
  return v;
}

static struct value object_of_range(struct region *r, enum object_kind k,
                                    const struct ip_range *range)
{
  char text[IP_TEXT_MAX];
  struct value v = object_make(r, k, ip_range_text(range, text));
  if (v.type != VALUE_NONE) object_thing(v)->as.range = *range;
  return v;
}

struct value object_address(struct region *r, str text)
{
  str local, domain;
  struct value v = object_make(r, OBJECT_ADDRESS, text);
  mailbox_split(text, &local, &domain);
  if (v.type != VALUE_NONE) object_thing(v)->as.at = local.n;
  return v;
}

void object_address_parts(struct value address, str *local, str *domain)
{
  const struct thing *t = object_thing(address);
  const str text = value_str(t->text);
  *local = str_sub(text, 0, t->as.at);
  *domain = str_skip(text, t->as.at + 1);
}

/* Only from regions, hence no destructor: the compiled pattern dies with them. */
static struct value object_of_pattern(struct region *r, str text, struct err *e)
{
  size_t offset;
  struct regex *regex = regex_new(r, text, &offset, e);
  if (!regex) {
    if (e->kind == ERR_SYNTAX)
      err_context(e, "at character %zu", utf8_len(str_sub(text, 0, offset)) + 1);
    return (struct value){.type = VALUE_NONE};
  }
  struct value v = object_make(r, OBJECT_REGEX, text);
  if (v.type != VALUE_NONE) object_thing(v)->as.regex = regex;
  return v;
}

/* ---- replies --------------------------------------------------------------------------------- */

/* Up to three numbers with dots between. */
static bool object_enhanced_valid(str s)
{
  str part;
  int n = 0;
  while (str_cut(&s, '.', &part)) {
    if (++n > 3 || part.n == 0 || part.n > 3) return false;
    for (size_t i = 0; i < part.n; i++)
      if (!str_isdigit(part.p[i])) return false;
  }
  return n > 0;
}

static bool object_reply_valid(str s)
{
  for (size_t i = 0; i < s.n; i++) {
    const unsigned char c = (unsigned char)s.p[i];
    if (c == '\r' && (i + 1 == s.n || s.p[i + 1] != '\n')) return false;
    if ((c < ' ' && c != '\t' && c != '\r' && c != '\n') || c == 127) return false;
  }
  return true;
}

struct value object_of_code(struct region *r, struct rules_code code)
{
  struct buf text = BUF_INIT(LIMIT_VSL_STRING);
  buf_printf(&text, "%d", code.basic);
  if (code.enhanced.n) buf_printf(&text, " " STR_FMT, STR_ARG(code.enhanced));
  if (code.text.n) {
    buf_putc(&text, ' ');
    buf_str_add(&text, code.text);
  }
  struct value v = {.type = VALUE_NONE};
  if (buf_ok(&text)) v = object_make(r, OBJECT_CODE, buf_str(&text));
  if (v.type != VALUE_NONE) {
    struct thing *t = object_thing(v);
    t->as.code.basic = code.basic;
    t->as.code.enhanced = code.enhanced.n ? 4 : 0;
    t->as.code.enhanced_n = (uint32_t)code.enhanced.n;
    t->as.code.reply = (uint32_t)(text.n - code.text.n);
    t->as.code.reply_n = (uint32_t)code.text.n;
  }
  buf_free(&text);
  return v;
}

void object_code_parts(struct value code, struct rules_code *out)
{
  const struct thing *t = object_thing(code);
  const str text = value_str(t->text);
  out->basic = t->as.code.basic;
  out->enhanced = str_sub(text, t->as.code.enhanced, t->as.code.enhanced + t->as.code.enhanced_n);
  out->text = str_sub(text, t->as.code.reply, t->as.code.reply + t->as.code.reply_n);
}

/* A code of parts; e: which of them is wrong. */
static struct value object_code_checked(struct region *r, struct rules_code c, struct err *e)
{
  struct value none = {.type = VALUE_NONE};
  if (c.basic < 200 || c.basic > 599) {
    err_set(e, ERR_SYNTAX, "a reply code is a number from 200 to 599");
    return none;
  }
  if (c.enhanced.n > 0 && !object_enhanced_valid(c.enhanced)) {
    err_set(e, ERR_SYNTAX, "an enhanced code is up to three numbers, like 5.7.1");
    return none;
  }
  if (!object_reply_valid(c.text)) {
    err_set(e, ERR_SYNTAX, "the text of a reply holds a control character");
    return none;
  }
  struct value v = object_of_code(r, c);
  if (v.type == VALUE_NONE) err_nomem(e);
  return v;
}

static struct value object_code_of_text(struct region *r, str text, struct err *e)
{
  struct rules_code c = {0};
  for (size_t i = 0; i < 3 && i < text.n && str_isdigit(text.p[i]); i++)
    c.basic = c.basic * 10 + (text.p[i] - '0');
  str rest = str_skip(text, 3);
  if (c.basic < 100 || (rest.n > 0 && rest.p[0] != ' ')) c.basic = 0;
  rest = str_trim(rest);
  const ptrdiff_t space = str_chr(rest, ' ');
  const str word = space < 0 ? rest : str_sub(rest, 0, (size_t)space);
  c.text = rest;
  if (word.n > 0 && str_chr(word, '.') >= 0 && object_enhanced_valid(word)) {
    c.enhanced = word;
    c.text = str_trim(str_skip(rest, word.n));
  }
  return object_code_checked(r, c, e);
}

/* #{ code: 554, enhanced: "5.7.1", text: "…" }, all three. */
static struct value object_code_of_map(struct region *r, const struct dict *m, struct err *e)
{
  const struct value *code = dict_get(r, m, STR("code"));
  const struct value *enhanced = dict_get(r, m, STR("enhanced"));
  const struct value *text = dict_get(r, m, STR("text"));
  if (!code || code->type != VALUE_INT || !enhanced || enhanced->type != VALUE_STRING || !text ||
      text->type != VALUE_STRING) {
    err_set(e, ERR_SYNTAX,
            "a code needs `code` (a number), `enhanced` (a string, may be \"\") and `text`");
    return (struct value){.type = VALUE_NONE};
  }
  const int64_t n = code->as.i;
  struct rules_code c = {n < 0 || n > 999 ? 0 : (int)n, value_str(*enhanced), value_str(*text)};
  return object_code_checked(r, c, e);
}

struct value object_code(struct fiber *f, struct value v)
{
  struct err e = {0};
  struct value code = {.type = VALUE_NONE};
  if (object_is_kind(v, OBJECT_CODE)) return value_retain(v);
  if (v.type == VALUE_STRING)
    code = object_code_of_text(fiber_region(f), value_str(v), &e);
  else
    err_set(&e, ERR_SYNTAX, "a reply must be a code object or a string, not '%s'",
            value_type_name(v));
  if (code.type == VALUE_NONE) {
    if (e.kind == ERR_SYNTAX)
      fiber_raise(f, VSL_RUNTIME, "%s", e.text);
    else
      fiber_full(f);
  }
  return code;
}

/* ---- of text --------------------------------------------------------------------------------- */

struct value object_of_text(struct region *r, enum object_kind k, str text, struct err *e)
{
  struct ip ip;
  struct ip_range range;
  struct value v = {.type = VALUE_NONE};
  e->kind = ERR_NONE;
  switch (k) {
  case OBJECT_IP4:
  case OBJECT_IP6:
    if (ip_parse(text, &ip) == 0 && ip.v6 == (k == OBJECT_IP6)) return object_of_ip(r, k, &ip);
    break;
  case OBJECT_RG4:
  case OBJECT_RG6:
    if (ip_range_parse(text, k == OBJECT_RG6, &range) == 0) return object_of_range(r, k, &range);
    break;
  case OBJECT_FQDN:
    if (mailbox_domain_valid(text)) return object_make(r, k, text);
    break;
  case OBJECT_ADDRESS:
    if (mailbox_valid(text)) return object_address(r, text);
    break;
  case OBJECT_IDENTIFIER: return object_make(r, k, text);
  case OBJECT_REGEX: v = object_of_pattern(r, text, e); break;
  case OBJECT_CODE: v = object_code_of_text(r, text, e); break;
  default: break;
  }
  if (v.type != VALUE_NONE || (e->kind != ERR_NONE && e->kind != ERR_SYNTAX)) return v;
  char why[ERR_TEXT_MAX + 4];
  snprintf(why, sizeof why, "%s%s", e->kind ? ": " : "", e->kind ? e->text : "");
  err_set(e, ERR_SYNTAX, "'%.200s' is not %s%s", log_q(text), object_wants[k], why);
  return v;
}

/* ---- files and groups ------------------------------------------------------------------------ */

static struct value object_list(struct region *r, enum object_kind k, struct value items)
{
  struct thing *t = (struct thing *)object_new(r, &object_types[k], sizeof *t);
  if (!t) {
    value_release(r, items);
    return (struct value){.type = VALUE_NONE};
  }
  t->items = items;
  return value_of(t);
}

/* Adds the objects of the lines to *items; kind -1: strings. */
static int object_read_lines(struct fiber *f, str path, str text, int kind, struct value *items)
{
  struct region *r = fiber_region(f);
  str line;
  for (int number = 1; str_cut(&text, '\n', &line); number++) {
    struct err e = {0};
    if (str_ends(line, STR("\r"))) line.n--;
    if (line.n == 0 || line.p[0] == '#') continue;
    struct value v = {.type = VALUE_NONE};
    if (!utf8_valid(line))
      err_set(&e, ERR_SYNTAX, "the line is not UTF-8");
    else
      v = kind < 0 ? value_string(r, line) : object_of_text(r, (enum object_kind)kind, line, &e);
    if (v.type == VALUE_NONE && e.kind == ERR_SYNTAX)
      return fiber_raise(f, VSL_RUNTIME, STR_FMT ":%d: %s", STR_ARG(path), number, e.text);
    if (v.type == VALUE_NONE || array_push(r, items, v) < 0) return fiber_full(f);
  }
  return 0;
}

static int object_of_file(struct fiber *f, str path, str content, struct value *out)
{
  struct err e = {0};
  struct buf text = BUF_INIT(LIMIT_VSL_LIST);
  struct region *r = fiber_region(f);
  struct value items = value_unit();
  int result = -1;
  if (!str_starts(path, STR("/"))) {
    fiber_raise(f, VSL_RUNTIME, "the path of a file object must be absolute: '" STR_FMT "'",
                STR_ARG(path));
    goto out;
  }
  if (file_read(path, LIMIT_VSL_LIST, &text, &e) < 0) {
    fiber_raise(f, VSL_RUNTIME, "%s", e.text);
    goto out;
  }
  items = value_of(array_new(r, 0));
  if (items.type == VALUE_NONE) {
    fiber_full(f);
    goto out;
  }
  if (object_read_lines(f, path, buf_str(&text), object_kind_of_word(content), &items) < 0)
    goto out;
  *out = object_list(r, OBJECT_FILE, value_take(&items));
  result = out->type == VALUE_NONE ? fiber_full(f) : 0;
out:
  value_release(r, items);
  buf_free(&text);
  return result;
}

static int object_of_array(struct fiber *f, struct value array, struct value *out)
{
  int depth = 0;
  for (uint32_t i = 0; i < array.as.array->n; i++) {
    struct value v = array.as.array->items[i];
    if (v.type != VALUE_STRING && !object_is_any(v))
      return fiber_raise(f, VSL_TYPE, "element %u of a group must be an object, not '%s'", i,
                         value_type_name(v));
    if (object_is_any(v) && object_thing(v)->depth >= depth) depth = object_thing(v)->depth + 1;
  }
  if (depth > OBJECT_DEPTH) return fiber_raise(f, VSL_SIZE, "groups are nested too deep");
  *out = object_list(fiber_region(f), OBJECT_GROUP, value_retain(array));
  if (out->type == VALUE_NONE) return fiber_full(f);
  object_thing(*out)->depth = depth;
  return 0;
}

/* ---- the declaration ------------------------------------------------------------------------- */

static int object_mismatch(struct fiber *f, str name, str type, const char *wanted, struct value v)
{
  return fiber_raise(f, VSL_TYPE, "object '" STR_FMT "' of type '" STR_FMT "' wants %s, not '%s'",
                     STR_ARG(name), STR_ARG(type), wanted, value_type_name(v));
}

static int object_fault(struct fiber *f, str name, const struct err *e)
{
  if (e->kind != ERR_SYNTAX) return fiber_full(f);
  return fiber_raise(f, VSL_RUNTIME, "object '" STR_FMT "': %s", STR_ARG(name), e->text);
}

/* $object(name, type, content type or (), value) */
static int object_declare(struct fiber *f, struct call *c)
{
  const str name = value_str(c->args[0]), type = value_str(c->args[1]);
  struct region *r = fiber_region(f);
  struct value v = c->args[3];
  const struct value *inner = v.type == VALUE_MAP ? dict_get(r, v.as.map, STR("value")) : NULL;
  const int kind = object_kind_of_word(type);
  struct err e = {0};
  if (inner) v = *inner;
  if (kind == OBJECT_GROUP) {
    if (v.type != VALUE_ARRAY) return object_mismatch(f, name, type, "an array", v);
    return object_of_array(f, v, &c->out);
  }
  if (kind == OBJECT_CODE && v.type == VALUE_MAP) {
    c->out = object_code_of_map(r, v.as.map, &e);
    return c->out.type == VALUE_NONE ? object_fault(f, name, &e) : NATIVE_DONE;
  }
  if (v.type != VALUE_STRING)
    return object_mismatch(f, name, type, "a string, or a map with `value`", v);
  if (kind < 0) {
    c->out = value_retain(v);
    return NATIVE_DONE;
  }
  if (kind == OBJECT_FILE) return object_of_file(f, value_str(v), value_str(c->args[2]), &c->out);
  c->out = object_of_text(r, (enum object_kind)kind, value_str(v), &e);
  return c->out.type == VALUE_NONE ? object_fault(f, name, &e) : NATIVE_DONE;
}

/* ---- what the language asks of an object ----------------------------------------------------- */

static void object_show(const struct object *o, bool debug, struct buf *out)
{
  const struct thing *t = (const struct thing *)(const void *)o;
  if (t->items.type == VALUE_ARRAY) {
    if (value_text(t->items, true, out) < 0) out->failed = true;
    return;
  }
  if (debug) buf_printf(out, "%s(", o->type->name);
  if (value_text(t->text, debug, out) < 0) out->failed = true;
  if (debug) buf_putc(out, ')');
}

static int object_get(struct fiber *f, struct value self, str name, struct value *out)
{
  str local, domain;
  const bool wants_local = str_eq(name, STR("local_part"));
  if (!object_is_kind(self, OBJECT_ADDRESS) || (!wants_local && !str_eq(name, STR("domain"))))
    return 0;
  object_address_parts(self, &local, &domain);
  *out = value_string(fiber_region(f), wants_local ? local : domain);
  return out->type == VALUE_NONE ? fiber_full(f) : 1;
}

static void object_each(struct object *o, void (*visit)(void *ctx, struct value *v), void *ctx)
{
  struct thing *t = (struct thing *)(void *)o;
  visit(ctx, &t->text);
  visit(ctx, &t->items);
}

/* ORDER OBJECT_KIND */
#define OBJECT_TYPE(word)                                                                          \
  {                                                                                                \
    .name = word, .text = object_show, .equals = match_equals, .contains = match_contains,         \
    .within = match_within, .get = object_get, .each = object_each                                 \
  }
const struct object_type object_types[OBJECT_KINDS] = {
    OBJECT_TYPE("ip4"),  OBJECT_TYPE("ip6"),     OBJECT_TYPE("rg4"),        OBJECT_TYPE("rg6"),
    OBJECT_TYPE("fqdn"), OBJECT_TYPE("address"), OBJECT_TYPE("identifier"), OBJECT_TYPE("regex"),
    OBJECT_TYPE("file"), OBJECT_TYPE("group"),   OBJECT_TYPE("code"),
};

bool object_is_any(struct value v)
{
  return v.type == VALUE_OBJECT && v.as.object->type->each == object_each;
}

bool object_text(struct value v, str *out)
{
  if (object_is_any(v)) v = object_thing(v)->text;
  if (v.type != VALUE_STRING) return false;
  *out = value_str(v);
  return true;
}

/* ---- recipient lists: properties of an array of addresses ------------------------------------ */

static int object_parts(struct fiber *f, struct call *c, bool domains)
{
  struct region *r = fiber_region(f);
  const struct array *a = c->args[0].as.array;
  struct value list = value_of(array_new(r, a->n));
  for (uint32_t i = 0; i < a->n && list.type != VALUE_NONE; i++) {
    str local, domain;
    if (!object_is_kind(a->items[i], OBJECT_ADDRESS)) {
      value_release(r, list);
      return fiber_raise(f, VSL_DOT, "only a list of addresses has '%s', and element %u is a '%s'",
                         domains ? "domains" : "local_parts", i, value_type_name(a->items[i]));
    }
    object_address_parts(a->items[i], &local, &domain);
    struct value part =
        object_make(r, domains ? OBJECT_FQDN : OBJECT_IDENTIFIER, domains ? domain : local);
    if (part.type == VALUE_NONE || array_push(r, &list, part) < 0) {
      value_release(r, list);
      return fiber_full(f);
    }
  }
  if (list.type == VALUE_NONE) return fiber_full(f);
  c->out = list;
  return NATIVE_DONE;
}

static int object_local_parts(struct fiber *f, struct call *c)
{
  return object_parts(f, c, false);
}

static int object_domains(struct fiber *f, struct call *c)
{
  return object_parts(f, c, true);
}

static int object_contains_call(struct fiber *f, struct call *c)
{
  const int got = value_contains(f, c->args[0], c->args[1]);
  c->out = value_bool(got == 1);
  return got < 0 ? -1 : NATIVE_DONE;
}

const struct native object_natives[] = {
    {"$object", "ss..", 0, object_declare},
    {"contains", "o.", 0, object_contains_call},
    {"local_parts", "a", NATIVE_ONLY_PROPERTY, object_local_parts},
    {"domains", "a", NATIVE_ONLY_PROPERTY, object_domains},
};
const size_t object_natives_count = BASE_COUNT(object_natives);

#undef OBJECT_DEPTH
#undef OBJECT_TYPE
