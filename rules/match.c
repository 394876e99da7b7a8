/* rules/match.c: how objects compare (rules/README.md#equality) and contain each other
 * (rules/README.md#in).
 *
 * Both are tables. Kinds that behave alike are one class; a pair of classes has one way to compare,
 * the same in both directions. Host names and domains compare without regard to case, local parts
 * with it.
 */
#include "object.h"

#include "mailbox.h"
#include "regex.h"

/* ORDER MATCH_CLASS: match_ways. */
enum match_class {
  MATCH_TEXT,
  MATCH_IP,
  MATCH_RANGE,
  MATCH_FQDN,
  MATCH_ADDRESS,
  MATCH_IDENTIFIER,
  MATCH_REGEX,
  MATCH_LIST,
  MATCH_CODE,
  MATCH_CLASSES
};

/* ORDER OBJECT_KIND */
static const uint8_t match_class_of_kind[OBJECT_KINDS] = {
    MATCH_IP,         MATCH_IP,    MATCH_RANGE, MATCH_RANGE, MATCH_FQDN, MATCH_ADDRESS,
    MATCH_IDENTIFIER, MATCH_REGEX, MATCH_LIST,  MATCH_LIST,  MATCH_CODE,
};

/* Two values to compare; a's class is never the larger one. */
struct match {
  struct fiber *f;
  struct value a, b;
  str ta, tb; /* their texts; empty for lists */
};
typedef int match_way(const struct match *m); /* 1, 0, -1 raised, -2 not comparable */

static int match_value(struct fiber *f, struct value a, struct value b);

static enum match_class match_class(struct value v)
{
  return v.type == VALUE_STRING
             ? MATCH_TEXT
             : (enum match_class)match_class_of_kind[v.as.object->type - object_types];
}

static bool match_is_comparable(struct value v)
{
  return v.type == VALUE_STRING || object_is_any(v);
}

/* ---- ways ------------------------------------------------------------------------------------ */

static int match_never(const struct match *m)
{
  (void)m;
  return 0;
}

static int match_cannot(const struct match *m)
{
  (void)m;
  return -2;
}

static int match_same(const struct match *m)
{
  return str_eq(m->ta, m->tb);
}

static int match_nocase(const struct match *m)
{
  return str_ieq(m->ta, m->tb);
}

/* a is text or an address, b an IP. */
static int match_ip(const struct match *m)
{
  struct ip ip;
  return ip_parse(m->ta, &ip) == 0 && ip_equal(&ip, &object_thing(m->b)->as.ip);
}

/* a is text or an address, b a range. */
static int match_in_range(const struct match *m)
{
  struct ip ip;
  return ip_parse(m->ta, &ip) == 0 && ip_within(&ip, &object_thing(m->b)->as.range);
}

static int match_full(const struct match *m)
{
  str la, da, lb, db;
  mailbox_split(m->ta, &la, &da);
  object_address_parts(m->b, &lb, &db);
  return str_eq(la, lb) && str_ieq(da, db) && m->ta.n == m->tb.n;
}

/* a is a domain, b an address. */
static int match_domain(const struct match *m)
{
  str local, domain;
  object_address_parts(m->b, &local, &domain);
  return domain.n > 0 && str_ieq(m->ta, domain);
}

/* a is an address, b an identifier. */
static int match_local(const struct match *m)
{
  str local, domain;
  object_address_parts(m->a, &local, &domain);
  return str_eq(local, m->tb);
}

static int match_search(const struct match *m)
{
  struct err e;
  if (fiber_charge(m->f, m->ta.n / 64 + 1) < 0) return -1;
  const int got = regex_search(object_thing(m->b)->as.regex, m->ta, &e);
  if (got >= 0) return got;
  return fiber_raise(m->f, VSL_RUNTIME, "cannot search for '%s': %s", log_q(m->tb), e.text);
}

static int match_elements(const struct match *m)
{
  if (m->a.as.object->type != m->b.as.object->type) return -2;
  const struct array *a = object_thing(m->a)->items.as.array;
  const struct array *b = object_thing(m->b)->items.as.array;
  if (a->n != b->n) return 0;
  if (fiber_charge(m->f, a->n / 8 + 1) < 0) return -1;
  for (uint32_t i = 0; i < a->n; i++) {
    const int got = match_value(m->f, a->items[i], b->items[i]);
    if (got == -1) return -1;
    if (got != 1) return 0;
  }
  return 1;
}

/* ORDER MATCH_CLASS: row the smaller class, column the other. */
/* clang-format off */
#define NO   match_never
#define XX   match_cannot
#define SAME match_same
#define CASE match_nocase
#define IP   match_ip
#define IN   match_in_range
#define FULL match_full
#define PART match_domain
#define USER match_local
#define FIND match_search
#define EACH match_elements
static match_way *const match_ways[MATCH_CLASSES][MATCH_CLASSES] = {
  /*                 text  ip    range fqdn  addr  ident regex list  code */
  /* text       */ { SAME, IP,   IN,   CASE, FULL, SAME, FIND, XX,   XX },
  /* ip         */ { NULL, SAME, IN,   NO,   NO,   NO,   FIND, XX,   NO },
  /* range      */ { NULL, NULL, SAME, NO,   NO,   NO,   FIND, XX,   NO },
  /* fqdn       */ { NULL, NULL, NULL, CASE, PART, NO,   FIND, XX,   NO },
  /* address    */ { NULL, NULL, NULL, NULL, FULL, USER, FIND, XX,   NO },
  /* identifier */ { NULL, NULL, NULL, NULL, NULL, SAME, FIND, XX,   NO },
  /* regex      */ { NULL, NULL, NULL, NULL, NULL, NULL, SAME, XX,   NO },
  /* list       */ { NULL, NULL, NULL, NULL, NULL, NULL, NULL, EACH, NO },
  /* code       */ { NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, SAME },
};
#undef NO
#undef XX
#undef SAME
#undef CASE
#undef IP
#undef IN
#undef FULL
#undef PART
#undef USER
#undef FIND
#undef EACH
/* clang-format on */

/* ---- equality -------------------------------------------------------------------------------- */

static int match_value(struct fiber *f, struct value a, struct value b)
{
  if (!match_is_comparable(a) || !match_is_comparable(b)) return 0;
  struct match m = {f, a, b, {NULL, 0}, {NULL, 0}};
  if (match_class(a) > match_class(b)) {
    m.a = b;
    m.b = a;
  }
  object_text(m.a, &m.ta);
  object_text(m.b, &m.tb);
  return match_ways[match_class(m.a)][match_class(m.b)](&m);
}

int match_equals(struct fiber *f, struct value a, struct value b)
{
  return match_value(f, a, b);
}

/* ---- containing ------------------------------------------------------------------------------ */

static int match_in(struct fiber *f, struct value container, struct value item);

/* One element of a list: what holds things is looked into, all else compared. */
static int match_element(struct fiber *f, struct value element, struct value item)
{
  int got = 0;
  if (object_is_any(element) &&
      (match_class(element) == MATCH_LIST || match_class(element) == MATCH_RANGE))
    got = match_in(f, element, item);
  else
    got = match_value(f, item, element);
  return got == -2 ? 0 : got;
}

static int match_in_items(struct fiber *f, const struct array *a, struct value item)
{
  if (fiber_charge(f, a->n / 8 + 1) < 0) return -1;
  for (uint32_t i = 0; i < a->n; i++) {
    const int got = match_element(f, a->items[i], item);
    if (got != 0) return got;
  }
  return 0;
}

/* A text in an address: with @ the whole of it, else the domain. */
static int match_in_address(struct fiber *f, struct value address, struct value item)
{
  str text, local, domain;
  const enum match_class class = match_class(item);
  if (class == MATCH_TEXT) {
    object_text(item, &text);
    object_address_parts(address, &local, &domain);
    if (str_chr(text, '@') < 0) return domain.n > 0 && str_ieq(text, domain);
  } else if (class != MATCH_FQDN && class != MATCH_IDENTIFIER && class != MATCH_ADDRESS) {
    return -2;
  }
  return match_value(f, item, address);
}

static int match_in(struct fiber *f, struct value container, struct value item)
{
  switch (match_class(container)) {
  case MATCH_LIST: return match_in_items(f, object_thing(container)->items.as.array, item);
  case MATCH_RANGE:
    return match_class(item) == MATCH_TEXT || match_class(item) == MATCH_IP
               ? match_value(f, item, container)
               : 0;
  case MATCH_IP: return match_class(item) == MATCH_LIST ? -2 : match_value(f, item, container);
  case MATCH_REGEX:
    return match_class(item) == MATCH_LIST || match_class(item) == MATCH_CODE
               ? -2
               : match_value(f, item, container);
  case MATCH_ADDRESS: return match_in_address(f, container, item);
  default: return -2;
  }
}

static int match_cannot_look(struct fiber *f, struct value item, struct value container)
{
  return fiber_raise(f, VSL_RUNTIME, "cannot look for a '%s' object in a '%s' object",
                     value_type_name(item), value_type_name(container));
}

int match_contains(struct fiber *f, struct value container, struct value item)
{
  if (!match_is_comparable(item))
    return fiber_raise(f, VSL_FUNCTION, "contains (%s, %s)", value_type_name(container),
                       value_type_name(item));
  const int got = match_in(f, container, item);
  return got == -2 ? match_cannot_look(f, item, container) : got;
}

int match_within(struct fiber *f, struct value self, struct value element)
{
  if (!match_is_comparable(element)) return 0;
  const int got =
      match_class(self) == MATCH_LIST ? match_in(f, self, element) : match_value(f, element, self);
  return got == -2 ? 0 : got;
}

/* Texts among which a client may be: an address or a range. */
static int match_in_text(str item, str host)
{
  struct ip a, b;
  struct ip_range range;
  if (ip_parse(item, &a) < 0) return str_eq(item, host);
  if (ip_range_parse(host, a.v6, &range) == 0) return ip_within(&a, &range);
  return ip_parse(host, &b) == 0 && ip_equal(&a, &b);
}

int match_among(struct fiber *f, struct value item, struct value hosts)
{
  str text, host;
  if (hosts.type == VALUE_STRING && object_text(item, &text)) {
    object_text(hosts, &host);
    return match_in_text(text, host);
  }
  if (hosts.type != VALUE_ARRAY) return value_contains(f, hosts, item);
  const struct array *a = hosts.as.array;
  if (fiber_charge(f, a->n / 8 + 1) < 0) return -1;
  for (uint32_t i = 0; i < a->n; i++) {
    int got = 0;
    if (a->items[i].type == VALUE_STRING && object_text(item, &text))
      got = match_in_text(text, value_str(a->items[i]));
    else if (match_is_comparable(a->items[i]))
      got = match_element(f, a->items[i], item);
    if (got != 0) return got;
  }
  return 0;
}
