/* smtp/format/addr.c: mailboxes, paths and domains of RFC 5321 §4.1.2.
 *
 * One cursor walks the text once; every function takes the cursor, moves it behind what it
 * understood, and leaves it where it was in doubt.
 */
#include "format.h"

#include <arpa/inet.h>

static bool addr_atext(char c, bool utf8)
{
  if ((unsigned char)c >= 0x80) return utf8;
  if (str_isalnum(c)) return true;
  return c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL;
}

bool addr_is_ascii(str s)
{
  for (size_t i = 0; i < s.n; i++)
    if ((unsigned char)s.p[i] >= 0x80) return false;
  return true;
}

str addr_domain(str address)
{
  ptrdiff_t at = str_rchr(address, '@');
  return at < 0 ? (str){"", 0} : str_skip(address, (size_t)at + 1);
}

str addr_local(str address)
{
  ptrdiff_t at = str_rchr(address, '@');
  return at < 0 ? address : str_sub(address, 0, (size_t)at);
}

/* Length of the dot-string at the start of s, 0 if there is none. */
static size_t addr_dot_string(str s, bool utf8)
{
  size_t i = 0;

  for (;;) {
    size_t atom = i;

    while (i < s.n && addr_atext(s.p[i], utf8)) i++;
    if (i == atom) return 0;
    if (i == s.n || s.p[i] != '.') return i;
    i++;
  }
}

/* Length of the quoted string at the start of s with both quotes, 0 if there is none. */
static size_t addr_quoted(str s, bool utf8)
{
  if (s.n == 0 || s.p[0] != '"') return 0;
  for (size_t i = 1; i < s.n; i++) {
    unsigned char c = (unsigned char)s.p[i];

    if (c == '"') return i + 1;
    if (c == '\\') {
      if (++i == s.n) return 0;
      c = (unsigned char)s.p[i];
    }
    if (c < 0x20 || c == 0x7f || (c >= 0x80 && !utf8)) return 0;
  }
  return 0;
}

static size_t addr_domain_length(str s, bool utf8)
{
  size_t i = 0;

  if (s.n > 0 && s.p[0] == '[') {
    while (i < s.n && s.p[i] != ']') i++;
    return i < s.n ? i + 1 : 0;
  }
  while (i < s.n && (str_isalnum(s.p[i]) || s.p[i] == '-' || s.p[i] == '.' || s.p[i] == '_' ||
                     (utf8 && (unsigned char)s.p[i] >= 0x80)))
    i++;
  return i;
}

bool addr_domain_ok(str domain, bool utf8)
{
  str rest = domain, label;

  if (domain.n == 0 || domain.n > LIMIT_DOMAIN) return false;
  if (utf8 && !utf8_clean(domain)) return false;
  if (addr_domain_length(domain, utf8) != domain.n || domain.p[0] == '[') return false;
  while (str_cut(&rest, '.', &label)) {
    if (label.n == 0 || label.n > 63) return false;
    if (label.p[0] == '-' || label.p[label.n - 1] == '-') return false;
  }
  return domain.p[domain.n - 1] != '.';
}

int addr_literal(str domain, char out[ADDR_IP_MAX])
{
  struct in6_addr ip6;
  struct in_addr ip4;
  char text[ADDR_IP_MAX];
  str inside;

  if (domain.n < 3 || domain.p[0] != '[' || domain.p[domain.n - 1] != ']') return -1;
  inside = str_sub(domain, 1, domain.n - 1);
  bool six = str_istarts(inside, STR("IPv6:"));
  if (six) inside = str_skip(inside, 5);
  if (inside.n >= sizeof text) return -1;
  memcpy(text, inside.p, inside.n);
  text[inside.n] = '\0';
  if (strlen(text) != inside.n) return -1;
  if (six) {
    if (inet_pton(AF_INET6, text, &ip6) != 1) return -1;
    return inet_ntop(AF_INET6, &ip6, out, ADDR_IP_MAX) ? 0 : -1;
  }
  if (inet_pton(AF_INET, text, &ip4) != 1) return -1;
  return inet_ntop(AF_INET, &ip4, out, ADDR_IP_MAX) ? 0 : -1;
}

str addr_unquote(str local, struct arena *a)
{
  char *to;
  size_t n = 0;

  if (local.n < 2 || local.p[0] != '"') return local;
  to = arena_alloc(a, local.n);
  if (!to) return (str){NULL, 0};
  for (size_t i = 1; i + 1 < local.n; i++) {
    if (local.p[i] == '\\' && i + 2 < local.n) i++;
    to[n++] = local.p[i];
  }
  return (str){to, n};
}

/* §4.1.2: a quoted local part that needs no quotes is the same mailbox as the bare one. */
static str addr_canonical_local(str local, bool utf8, struct arena *a)
{
  str bare = addr_unquote(local, a);

  if (bare.p && bare.n > 0 && addr_dot_string(bare, utf8) == bare.n) return bare;
  return local;
}

/* §4.5.3.1.1; but a rewritten sender (srs.h) holds a whole address, and everybody lets it pass. */
static bool addr_local_fits(str local)
{
  bool srs = str_istarts(local, STR("SRS0")) || str_istarts(local, STR("SRS1"));

  return local.n <= (srs ? LIMIT_PATH : LIMIT_LOCAL_PART);
}

static enum addr_fault addr_build(str local, str domain, bool utf8, struct arena *a,
                                  struct addr *out)
{
  str text;

  if (!addr_local_fits(local) || domain.n > LIMIT_DOMAIN) return ADDR_TOO_LONG;
  if (utf8 && (!utf8_clean(local) || !utf8_clean(domain))) return ADDR_SYNTAX;
  local = addr_canonical_local(local, utf8, a);
  text = domain.n ? arena_printf(a, STR_FMT "@" STR_FMT, STR_ARG(local), STR_ARG(domain))
                  : arena_str(a, local);
  if (!text.p) return ADDR_NOMEM;
  out->text = text;
  out->local = str_sub(text, 0, local.n);
  out->domain = domain.n ? str_skip(text, local.n + 1) : (str){"", 0};
  return ADDR_OK;
}

/* A mailbox, or a local part alone, at the start of *in. */
static enum addr_fault addr_at(str *in, bool utf8, struct arena *a, struct addr *out)
{
  char ip[ADDR_IP_MAX];
  str local, domain = {"", 0};
  size_t n = addr_quoted(*in, utf8);

  if (n == 0) n = addr_dot_string(*in, utf8);
  if (n == 0) {
    bool eight = in->n > 0 && !utf8 && !addr_is_ascii(*in) && addr_dot_string(*in, true) > 0;
    return eight ? ADDR_NEEDS_UTF8 : ADDR_BAD_LOCAL;
  }
  local = str_sub(*in, 0, n);
  *in = str_skip(*in, n);
  if (in->n > 0 && in->p[0] == '@') {
    *in = str_skip(*in, 1);
    n = addr_domain_length(*in, true);
    domain = str_sub(*in, 0, n);
    *in = str_skip(*in, n);
    if (!utf8 && !addr_is_ascii(domain)) return ADDR_NEEDS_UTF8;
    if (domain.n > LIMIT_DOMAIN) return ADDR_TOO_LONG;
    if (!addr_domain_ok(domain, utf8) && addr_literal(domain, ip) < 0) return ADDR_BAD_DOMAIN;
  }
  return addr_build(local, domain, utf8, a, out);
}

/* "@one,@two:" of §4.1.2 A-d-l at the start of *in is skipped. -1 if it is malformed. */
static int addr_skip_route(str *in, bool utf8)
{
  str s = *in;

  if (s.n == 0 || s.p[0] != '@') return 0;
  while (s.n > 0 && s.p[0] == '@') {
    size_t n = addr_domain_length(str_skip(s, 1), utf8);

    if (n == 0) return -1;
    s = str_skip(s, 1 + n);
    if (s.n > 0 && s.p[0] == ',') s = str_skip(s, 1);
  }
  if (s.n == 0 || s.p[0] != ':') return -1;
  *in = str_skip(s, 1);
  return 0;
}

enum addr_fault addr_path(str *in, bool utf8, struct arena *a, struct addr *out)
{
  enum addr_fault fault;
  str s = *in;

  *out = (struct addr){{"", 0}, {"", 0}, {"", 0}};
  if (s.n == 0 || s.p[0] != '<') return ADDR_SYNTAX;
  if (str_starts(s, STR("<>"))) {
    *in = str_skip(s, 2);
    return ADDR_OK;
  }
  s = str_skip(s, 1);
  if (addr_skip_route(&s, utf8) < 0) return ADDR_SYNTAX;
  fault = addr_at(&s, utf8, a, out);
  if (fault) return fault;
  if (s.n == 0 || s.p[0] != '>') return out->domain.n ? ADDR_BAD_DOMAIN : ADDR_BAD_LOCAL;
  *in = str_skip(s, 1);
  return out->text.n + 2 > LIMIT_PATH ? ADDR_TOO_LONG : ADDR_OK;
}

enum addr_fault addr_mailbox(str s, bool utf8, struct arena *a, struct addr *out)
{
  enum addr_fault fault = addr_at(&s, utf8, a, out);

  if (fault) return fault;
  if (s.n > 0) return ADDR_SYNTAX;
  return out->domain.n ? ADDR_OK : ADDR_BAD_DOMAIN;
}
