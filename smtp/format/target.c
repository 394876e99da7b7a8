/* smtp/format/target.c: the server a mail is handed to, as rules and configuration write it. */
#include "format.h"

static const struct target_scheme {
  const char *name;
  uint16_t port;
  bool lmtp, implicit;
} target_schemes[] = {
    {"smtp", 25, false, false},
    {"smtps", 465, false, true},
    {"lmtp", 24, true, false},
};

static const char *const target_policies[] = {"none", "opportunistic", "required",
                                              "verified"}; /* ORDER TARGET_TLS */
static const char *const target_auths[] = {"best", "plain", "login", "scram-sha-256",
                                           "xoauth2"}; /* ORDER TARGET_AUTH */

static int target_word(str word, const char *const *words, size_t n)
{
  for (size_t i = 0; i < n; i++)
    if (str_eq(word, str_of(words[i]))) return (int)i;
  return -1;
}

/* %XX become octets; a control character is none that a user name, password or path may hold. */
static int target_decode(str s, struct arena *a, str *out, struct err *e)
{
  char *to = arena_alloc(a, s.n + 1);
  uint64_t octet;
  size_t n = 0;

  if (!to) return err_nomem(e);
  for (size_t i = 0; i < s.n; i++) {
    octet = (unsigned char)s.p[i];
    if (s.p[i] == '%') {
      str hex = str_sub(s, i + 1, i + 3);

      if (hex.n < 2 || hex.p[0] == '+' || hex.p[0] == '-' || str_to_u64(hex, &octet, 16) < 0)
        return err_set(e, ERR_SYNTAX, "a '%%' is not followed by two hexadecimal digits");
      i += 2;
    }
    if (octet < ' ' || octet == 0x7f)
      return err_set(e, ERR_SYNTAX, "there is a control character in it");
    to[n++] = (char)octet;
  }
  *out = (str){to, n};
  return 0;
}

/* ---- HOST[:PORT] ----------------------------------------------------------------------------- */

static int target_port(str digits, uint16_t *port, struct err *e)
{
  uint64_t n = 0;

  if (!digits.n || !str_isdigit(*digits.p) || str_to_u64(digits, &n, 10) < 0 || n < 1 ||
      n > UINT16_MAX)
    return err_set(e, ERR_SYNTAX, "its port is no number from 1 to 65535");
  *port = (uint16_t)n;
  return 0;
}

static bool target_is_ip(str host)
{
  struct netaddr any;

  return netaddr_of_ip(host, 1, &any) == 0;
}

/* "[IP6]", "[IP6%INTERFACE]", each with a port or without. */
static int target_bracket(str text, struct target *t, struct err *e)
{
  ptrdiff_t end = str_chr(text, ']');
  struct netaddr any;
  struct err ignored;
  str rest;

  if (end < 0) return err_set(e, ERR_SYNTAX, "a ']' is missing");
  t->host = str_sub(text, 1, (size_t)end);
  if (str_istarts(t->host, STR("IPv6:"))) t->host = str_skip(t->host, 5);
  t->ip = true;
  rest = str_skip(text, (size_t)end + 1);
  if (netaddr_parse(str_sub(text, 0, (size_t)end + 1), 1, &any, &ignored) < 0 &&
      !target_is_ip(t->host))
    return err_set(e, ERR_SYNTAX, "there is no IP address between '[' and ']'");
  if (!rest.n) return 0;
  if (*rest.p != ':') return err_set(e, ERR_SYNTAX, "after ']' comes nothing or a port");
  return target_port(str_skip(rest, 1), &t->port, e);
}

int target_parse_host(str text, struct target *t, struct err *e)
{
  ptrdiff_t colon;

  if (str_starts(text, STR("["))) return target_bracket(text, t, e);
  t->host = text;
  t->ip = target_is_ip(text);
  if (t->ip) return 0;
  colon = str_rchr(text, ':');
  if (colon >= 0) {
    t->host = str_sub(text, 0, (size_t)colon);
    t->ip = target_is_ip(t->host);
    if (t->ip && str_chr(t->host, ':') >= 0)
      return err_set(e, ERR_SYNTAX, "an IPv6 address with a port is written [address]:port");
    if (target_port(str_skip(text, (size_t)colon + 1), &t->port, e) < 0) return -1;
  }
  if (t->ip || (addr_domain_ok(t->host, false) && !str_starts(t->host, STR("[")))) return 0;
  return err_set(e, ERR_SYNTAX, "it names no host");
}

/* ---- ?KEY=VALUE&… ---------------------------------------------------------------------------- */

struct target_given {
  bool tls, auth;
};

static int target_path(str path, str *field, struct err *e)
{
  if (field->n) return err_set(e, ERR_SYNTAX, "a key stands there twice");
  if (!str_starts(path, STR("/"))) return err_set(e, ERR_SYNTAX, "a file needs its whole path");
  *field = path;
  return 0;
}

static int target_key(struct target *t, str key, str value, struct target_given *given,
                      struct err *e)
{
  int word;

  if (str_eq(key, STR("tls"))) {
    word = target_word(value, target_policies, BASE_COUNT(target_policies));
    if (word < 0 || given->tls)
      return err_set(e, ERR_SYNTAX,
                     "tls is, once, one of none, opportunistic, required and verified");
    t->tls = (enum target_tls)word;
    given->tls = true;
  } else if (str_eq(key, STR("auth"))) {
    word = target_word(value, target_auths, BASE_COUNT(target_auths));
    if (word <= TARGET_AUTH_BEST || given->auth)
      return err_set(e, ERR_SYNTAX,
                     "auth is, once, one of plain, login, scram-sha-256 and xoauth2");
    t->auth = (enum target_auth)word;
    given->auth = true;
  } else if (str_eq(key, STR("password_file"))) {
    return target_path(value, &t->password_file, e);
  } else if (str_eq(key, STR("token_file"))) {
    return target_path(value, &t->token_file, e);
  } else if (str_eq(key, STR("token_command"))) {
    return err_set(e, ERR_SYNTAX, "a token_command stands in [server.relay] alone");
  } else {
    return err_set(e, ERR_SYNTAX,
                   "it has a key that is none of tls, auth, password_file, token_file");
  }
  return 0;
}

static int target_keys(str query, struct arena *a, struct target *t, struct target_given *given,
                       struct err *e)
{
  str pair, key, value;

  while (str_cut(&query, '&', &pair)) {
    ptrdiff_t equals = str_chr(pair, '=');

    if (equals < 0) return err_set(e, ERR_SYNTAX, "behind '?' stands no KEY=VALUE");
    key = str_sub(pair, 0, (size_t)equals);
    if (target_decode(str_skip(pair, (size_t)equals + 1), a, &value, e) < 0 ||
        target_key(t, key, value, given, e) < 0)
      return -1;
  }
  return 0;
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* What was not said, and what does not go together. */
static int target_complete(struct target *t, const struct target_given *given, struct err *e)
{
  size_t secrets = (t->password.n > 0) + (t->password_file.n > 0) + (t->token_file.n > 0);

  if (!given->tls)
    t->tls = t->local                   ? TARGET_TLS_NONE
             : t->implicit || t->user.n ? TARGET_TLS_VERIFIED
                                        : TARGET_TLS_OPPORTUNISTIC;
  if (t->token_file.n && !given->auth) t->auth = TARGET_AUTH_XOAUTH2;
  if (!t->user.n && (secrets || given->auth))
    return err_set(e, ERR_SYNTAX, "there is a secret or a way to log in, but no user");
  if (t->user.n && secrets != 1)
    return err_set(e, ERR_SYNTAX,
                   "a user needs one of a password, a password_file and a token_file");
  if ((t->auth == TARGET_AUTH_XOAUTH2) != (t->token_file.n > 0))
    return err_set(e, ERR_SYNTAX, "xoauth2 and token_file go together");
  if (t->implicit && t->tls < TARGET_TLS_REQUIRED)
    return err_set(e, ERR_SYNTAX, "smtps is TLS from the start: tls is required or verified");
  if (t->local && t->tls != TARGET_TLS_NONE)
    return err_set(e, ERR_SYNTAX, "there is no TLS to a socket of this machine");
  return 0;
}

/* USER[:PASSWORD] */
static int target_login(str text, struct arena *a, struct target *t, struct err *e)
{
  ptrdiff_t colon = str_chr(text, ':');
  str user = str_sub(text, 0, colon < 0 ? text.n : (size_t)colon);

  if (!user.n) return err_set(e, ERR_SYNTAX, "there is no user before '@'");
  if (target_decode(user, a, &t->user, e) < 0) return -1;
  return colon < 0 ? 0 : target_decode(str_skip(text, (size_t)colon + 1), a, &t->password, e);
}

/* Cuts "?…" off. A question mark is in no host and no user; a password says %3F. */
static str target_query(str *text)
{
  ptrdiff_t mark = str_chr(*text, '?');
  str query = {NULL, 0};

  if (mark < 0) return query;
  query = str_skip(*text, (size_t)mark + 1);
  if (!query.p) query.p = "";
  *text = str_sub(*text, 0, (size_t)mark);
  return query;
}

static int target_socket(str path, struct arena *a, struct target *t, struct err *e)
{
  struct target_given given = {false, false};
  str query = target_query(&path), address;
  struct netaddr any;

  t->local = t->lmtp = true;
  if (!str_starts(path, STR("/"))) return err_set(e, ERR_SYNTAX, "a socket needs its whole path");
  if (target_decode(path, a, &t->host, e) < 0 || target_keys(query, a, t, &given, e) < 0) return -1;
  address = arena_printf(a, "unix:" STR_FMT, STR_ARG(t->host));
  if (!address.p) return err_nomem(e);
  if (netaddr_parse(address, -1, &any, e) < 0) return -1;
  return target_complete(t, &given, e);
}

static int target_url(const struct target_scheme *s, str text, struct arena *a, struct target *t,
                      struct err *e)
{
  struct target_given given = {false, false};
  str query = target_query(&text);
  ptrdiff_t at = str_rchr(text, '@');

  t->lmtp = s->lmtp;
  t->implicit = s->implicit;
  t->port = s->port;
  if (str_ends(text, STR("/"))) text.n--;
  if (at >= 0 && target_login(str_sub(text, 0, (size_t)at), a, t, e) < 0) return -1;
  if (target_parse_host(str_skip(text, (size_t)(at + 1)), t, e) < 0) return -1;
  if (query.p && target_keys(query, a, t, &given, e) < 0) return -1;
  return target_complete(t, &given, e);
}

static int target_any(str text, struct arena *a, struct target *t, struct err *e)
{
  ptrdiff_t colon = str_find(text, STR("://"));

  if (str_starts(text, STR("lmtp:unix:"))) return target_socket(str_skip(text, 10), a, t, e);
  if (colon < 0) {
    t->port = 25;
    t->tls = TARGET_TLS_OPPORTUNISTIC;
    return target_parse_host(text, t, e);
  }
  for (size_t i = 0; i < BASE_COUNT(target_schemes); i++)
    if (str_eq(str_sub(text, 0, (size_t)colon), str_of(target_schemes[i].name)))
      return target_url(&target_schemes[i], str_skip(text, (size_t)colon + 3), a, t, e);
  return err_set(e, ERR_SYNTAX, "its scheme is none of smtp, smtps and lmtp");
}

int target_parse(str text, struct arena *a, struct target *out, struct err *e)
{
  str copy = arena_str(a, text);
  struct err why;
  struct buf shown = BUF_INIT(256);

  *out = (struct target){0};
  if (!copy.p) return err_nomem(e);
  if (target_any(copy, a, out, &why) == 0) return 0;
  target_show(text, &shown);
  err_set(e, why.kind, "cannot forward to '%s': %s", log_q(buf_str(&shown)), why.text);
  buf_free(&shown);
  return -1;
}

void target_show(str text, struct buf *out)
{
  ptrdiff_t scheme = str_find(text, STR("://"));
  size_t from = scheme < 0 ? 0 : (size_t)scheme + 3;
  str rest = str_skip(text, from);
  ptrdiff_t at = str_rchr(rest, '@'), colon = str_chr(rest, ':');

  if (scheme < 0 || at < 0 || colon < 0 || colon > at) {
    buf_str_add(out, text);
    return;
  }
  buf_str_add(out, str_sub(text, 0, from + (size_t)colon));
  buf_puts(out, ":***");
  buf_str_add(out, str_skip(rest, (size_t)at));
}
