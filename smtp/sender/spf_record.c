/* smtp/sender/spf_record.c: an SPF record: checked whole, then read term by term.
 *
 * Works on octets with their length: a record is a stranger's and may hold any. Nothing is stored,
 * so a record of 64 KB costs no memory; what was checked once is read again by the same functions.
 */
#include "spf_record.h"

#include <arpa/inet.h>

#include "spf_macro.h"

/* What may follow a mechanism's name. */
enum spf_record_form {
  SPF_RECORD_BARE,     /* nothing */
  SPF_RECORD_DOMAIN,   /* ":" domain-spec */
  SPF_RECORD_OPTIONAL, /* the same, or nothing */
  SPF_RECORD_DUAL,     /* the same, or nothing; then prefix lengths for both families */
  SPF_RECORD_NETWORK   /* ":" an IP network */
};

static const struct spf_record_mechanism {
  const char *name;
  enum spf_record_form form;
} spf_record_mechanisms[] = {/* ORDER SPF_RECORD */
                             {"all", SPF_RECORD_BARE},     {"include", SPF_RECORD_DOMAIN},
                             {"a", SPF_RECORD_DUAL},       {"mx", SPF_RECORD_DUAL},
                             {"ptr", SPF_RECORD_OPTIONAL}, {"ip4", SPF_RECORD_NETWORK},
                             {"ip6", SPF_RECORD_NETWORK},  {"exists", SPF_RECORD_DOMAIN}};

bool spf_record_is(str txt)
{
  return str_istarts(txt, STR("v=spf1")) && (txt.n == 6 || txt.p[6] == ' ');
}

/* Cuts "/24" (slashes "/") or "//64" (slashes "//") off the end: 1 if it was there, 0 if not, -1 if
 * it is no length of a prefix. */
static int spf_record_cut_cidr(str *text, str slashes, int most, int *out)
{
  size_t at = text->n;
  str digits;

  while (at > 0 && str_isdigit(text->p[at - 1])) at--;
  digits = str_skip(*text, at);
  if (digits.n == 0 || !str_ends(str_sub(*text, 0, at), slashes)) return 0;
  at -= slashes.n;
  if (slashes.n == 1 && at > 0 && text->p[at - 1] == '/') return 0;
  if (digits.n > 3 || (digits.n > 1 && digits.p[0] == '0')) return -1;
  *out = 0;
  for (size_t i = 0; i < digits.n; i++) *out = *out * 10 + digits.p[i] - '0';
  text->n = at;
  return *out <= most ? 1 : -1;
}

static bool spf_record_network(str text, struct spf_term *t)
{
  bool v6 = t->kind == SPF_RECORD_IP6;
  char ip[INET6_ADDRSTRLEN];

  if (!str_starts(text, STR(":"))) return false;
  text = str_skip(text, 1);
  if (spf_record_cut_cidr(&text, STR("/"), v6 ? 128 : 32, v6 ? &t->cidr6 : &t->cidr4) < 0)
    return false;
  if (text.n >= sizeof ip || (text.n && memchr(text.p, '\0', text.n))) return false;
  snprintf(ip, sizeof ip, STR_FMT, STR_ARG(text));
  return inet_pton(v6 ? AF_INET6 : AF_INET, ip, t->ip) == 1;
}

/* What stands behind the name of a mechanism. */
static bool spf_record_arguments(str text, enum spf_record_form form, struct spf_term *t)
{
  switch (form) {
  case SPF_RECORD_BARE: return text.n == 0;
  case SPF_RECORD_NETWORK: return spf_record_network(text, t);
  case SPF_RECORD_DUAL:
    if (spf_record_cut_cidr(&text, STR("//"), 128, &t->cidr6) < 0 ||
        spf_record_cut_cidr(&text, STR("/"), 32, &t->cidr4) < 0)
      return false;
    break;
  case SPF_RECORD_OPTIONAL:
  case SPF_RECORD_DOMAIN: break;
  }
  if (text.n == 0) return form != SPF_RECORD_DOMAIN;
  t->domain = str_skip(text, 1);
  return text.p[0] == ':' && spf_macro_domain_ok(t->domain);
}

static int spf_record_directive(str text, struct spf_term *t, struct err *e)
{
  str name = text;
  size_t n = 0;

  *t = (struct spf_term){.qualifier = '+', .text = text, .cidr4 = 32, .cidr6 = 128};
  if (strchr("+-~?", name.p[0]) && name.p[0]) {
    t->qualifier = name.p[0];
    name = str_skip(name, 1);
  }
  while (n < name.n && str_isalnum(name.p[n])) n++;
  for (size_t i = 0; i < BASE_COUNT(spf_record_mechanisms); i++) {
    if (!str_ieq(str_sub(name, 0, n), str_of(spf_record_mechanisms[i].name))) continue;
    t->kind = (enum spf_record_kind)i;
    if (spf_record_arguments(str_skip(name, n), spf_record_mechanisms[i].form, t)) return 0;
    return err_set(e, ERR_SYNTAX, "invalid %s: %s", spf_record_mechanisms[i].name, log_q(text));
  }
  return err_set(e, ERR_SYNTAX, "unknown mechanism: %s", log_q(text));
}

/* How long the name of a modifier is; 0: this is none. */
static size_t spf_record_modifier_name(str text)
{
  size_t n = 0;

  if (!str_isalpha(text.p[0])) return 0;
  while (n < text.n && (str_isalnum(text.p[n]) || (text.p[n] && strchr("-_.", text.p[n])))) n++;
  return n < text.n && text.p[n] == '=' ? n : 0;
}

static int spf_record_modifier(str text, size_t n, struct spf_record *r, struct err *e)
{
  str name = str_sub(text, 0, n), value = str_skip(text, n + 1);
  bool redirect = str_ieq(name, STR("redirect"));
  str *place = redirect ? &r->redirect : &r->exp;

  if (!redirect && !str_ieq(name, STR("exp"))) {
    if (spf_macro_string_ok(value, SPF_MACRO_LETTERS_EXP, false)) return 0;
    return err_set(e, ERR_SYNTAX, "invalid modifier: %s", log_q(text));
  }
  if (place->p) return err_set(e, ERR_SYNTAX, "a second %s", redirect ? "redirect" : "exp");
  if (!spf_macro_domain_ok(value))
    return err_set(e, ERR_SYNTAX, "invalid modifier: %s", log_q(text));
  *place = value;
  return 0;
}

/* The next word; terms are separated by spaces alone. */
static bool spf_record_word(struct spf_record *r, str *word)
{
  size_t from;

  while (r->at < r->text.n && r->text.p[r->at] == ' ') r->at++;
  for (from = r->at; r->at < r->text.n && r->text.p[r->at] != ' ';) r->at++;
  *word = str_sub(r->text, from, r->at);
  return word->n > 0;
}

bool spf_record_next(struct spf_record *r, struct spf_term *out)
{
  struct err e;
  str word;

  while (spf_record_word(r, &word))
    if (spf_record_modifier_name(word) == 0) return spf_record_directive(word, out, &e) == 0;
  return false;
}

int spf_record_parse(str txt, struct spf_record *out, struct err *e)
{
  struct spf_term term;
  str word;

  *out = (struct spf_record){.text = txt, .at = 6};
  while (spf_record_word(out, &word)) {
    size_t n = spf_record_modifier_name(word);

    if ((n ? spf_record_modifier(word, n, out, e) : spf_record_directive(word, &term, e)) < 0)
      return -1;
  }
  out->at = 6;
  return 0;
}
