/* smtp/policy/forged.c: header fields of a client that claim to be ours. */
#include "forged.h"

#include <unistd.h>

/* Behind white space and comments, which nest and may escape (RFC 5322 §3.2.2). */
static str forged_skip_cfws(str s)
{
  size_t depth = 0, i = 0;

  for (; i < s.n; i++) {
    if (s.p[i] == '(')
      depth++;
    else if (depth > 0 && s.p[i] == ')')
      depth--;
    else if (depth > 0 && s.p[i] == '\\')
      i++;
    else if (depth == 0 && !str_isspace(s.p[i]))
      break;
  }
  return str_skip(s, i);
}

/* RFC 8601 §2.2: a token or a quoted string. */
static str forged_authserv_id(str value, char out[256])
{
  size_t n = 0;
  bool quoted;

  value = forged_skip_cfws(value);
  quoted = str_starts(value, STR("\""));
  for (size_t i = quoted; i < value.n && n < 255; i++) {
    char c = value.p[i];

    if (quoted ? c == '"' : str_isspace(c) || c == ';' || c == '(') break;
    if (quoted && c == '\\' && i + 1 < value.n) c = value.p[++i];
    out[n++] = c;
  }
  if (n > 0 && out[n - 1] == '.') n--;
  return (str){out, n};
}

void forged_remove(struct header *h, const struct conf *conf)
{
  char host[256] = "", text[256];

  gethostname(host, sizeof host - 1);
  for (size_t i = h->n; i-- > 0;) {
    if (!str_ieq(h->fields[i].name, STR("Authentication-Results"))) continue;
    str id = forged_authserv_id(header_value(&h->fields[i], h->arena), text);

    if (str_ieq(id, str_of(host)) || conf_is_ours(conf, id)) header_remove_at(h, i);
  }
}
