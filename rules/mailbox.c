/* rules/mailbox.c: domains and mailboxes as rules write them (RFC 5321 §4.1.2, RFC 6531). */
#include "mailbox.h"

#include "../vsmtp.h"
#include "ip.h"

#define MAILBOX_LABEL 63 /* RFC 1035 §2.3.4 */

static bool mailbox_is_utf8(char c)
{
  return (unsigned char)c >= 0x80;
}

static bool mailbox_label_valid(str label)
{
  if (label.n == 0 || label.n > MAILBOX_LABEL) return false;
  if (label.p[0] == '-' || label.p[label.n - 1] == '-') return false;
  for (size_t i = 0; i < label.n; i++) {
    char c = label.p[i];
    if (!str_isalnum(c) && c != '-' && c != '_' && !mailbox_is_utf8(c)) return false;
  }
  return true;
}

static bool mailbox_all_digits(str s)
{
  for (size_t i = 0; i < s.n; i++)
    if (!str_isdigit(s.p[i])) return false;
  return true;
}

bool mailbox_domain_valid(str s)
{
  str label = {NULL, 0};
  if (str_ends(s, STR("."))) s.n--;
  if (s.n == 0 || s.n > LIMIT_DOMAIN || !utf8_clean(s)) return false;
  while (str_cut(&s, '.', &label))
    if (!mailbox_label_valid(label)) return false;
  return !mailbox_all_digits(label); /* 1.2.3.4 is no name */
}

/* [1.2.3.4] or [IPv6:…], RFC 5321 §4.1.3. */
static bool mailbox_literal_valid(str s)
{
  struct ip ip;
  if (!str_starts(s, STR("[")) || !str_ends(s, STR("]")) || s.n < 3) return false;
  str inner = str_sub(s, 1, s.n - 1);
  const bool v6 = str_istarts(inner, STR("IPv6:"));
  if (v6) inner = str_skip(inner, 5);
  return ip_parse(inner, &ip) == 0 && ip.v6 == v6;
}

static bool mailbox_atom_valid(str s)
{
  if (s.n == 0) return false;
  for (size_t i = 0; i < s.n; i++) {
    char c = s.p[i];
    if (!str_isalnum(c) && !mailbox_is_utf8(c) && str_chr(STR("!#$%&'*+-/=?^_`{|}~"), c) < 0)
      return false;
  }
  return true;
}

static bool mailbox_quoted_valid(str s)
{
  if (s.n < 2 || s.p[s.n - 1] != '"') return false;
  for (size_t i = 1; i + 1 < s.n; i++) {
    if (s.p[i] == '"') return false;
    if (s.p[i] == '\\' && ++i + 1 == s.n) return false; /* it escapes the closing quote */
    if ((unsigned char)s.p[i] < ' ' || s.p[i] == 127) return false;
  }
  return true;
}

static bool mailbox_local_valid(str s)
{
  str atom;
  if (s.n == 0 || s.n > LIMIT_LOCAL_PART || !utf8_clean(s)) return false;
  if (s.p[0] == '"') return mailbox_quoted_valid(s);
  while (str_cut(&s, '.', &atom))
    if (!mailbox_atom_valid(atom)) return false;
  return true;
}

void mailbox_split(str s, str *local, str *domain)
{
  bool quoted = false;
  size_t at = s.n;
  for (size_t i = 0; i < s.n; i++) {
    if (quoted && s.p[i] == '\\')
      i++;
    else if (s.p[i] == '"')
      quoted = !quoted;
    else if (s.p[i] == '@' && !quoted)
      at = i;
  }
  *local = str_sub(s, 0, at);
  *domain = str_skip(s, at < s.n ? at + 1 : s.n);
}

bool mailbox_valid(str s)
{
  str local, domain;
  mailbox_split(s, &local, &domain);
  return mailbox_local_valid(local) &&
         (mailbox_domain_valid(domain) || mailbox_literal_valid(domain));
}

#undef MAILBOX_LABEL
