/* smtp/sender/spf_macro.c: the macro language of SPF records (RFC 7208 §7).
 *
 * One reader of tokens serves the check and the expansion, so what was checked is what is expanded.
 */
#include "spf_macro.h"

#include <arpa/inet.h>

#define SPF_MACRO_PARTS 128 /* a transformer takes that many at most (§7.3) */

struct spf_macro_token {
  str text;    /* what it stands for; of a macro nothing */
  char letter; /* of a macro, small; 0: text */
  bool escape; /* the letter was a capital: §7.3, URL escapes */
  bool reverse;
  bool literal;   /* a run of ordinary characters, as against %%, %_, %- or a macro */
  unsigned parts; /* 0: all */
  str delimiters; /* empty: "." */
  bool transform; /* anything but the letter was said */
};

/* "%{" was read: the rest up to "}". */
static bool spf_macro_read(str *rest, const char *letters, struct spf_macro_token *t)
{
  ptrdiff_t end = str_chr(*rest, '}');
  str body = str_sub(*rest, 0, end < 0 ? 0 : (size_t)end);
  size_t i = 1, from;

  if (body.n == 0) return false;
  t->letter = str_lower(body.p[0]);
  t->escape = t->letter != body.p[0];
  t->transform = body.n > 1;
  if (!str_isalpha(t->letter) || !strchr(letters, t->letter)) return false;
  for (from = i; i < body.n && str_isdigit(body.p[i]); i++)
    if (t->parts <= SPF_MACRO_PARTS) t->parts = t->parts * 10 + (unsigned)(body.p[i] - '0');
  if (i > from && t->parts == 0) return false;
  if (i < body.n && str_lower(body.p[i]) == 'r') {
    t->reverse = true;
    i++;
  }
  t->delimiters = str_skip(body, i);
  for (; i < body.n; i++)
    if (!body.p[i] || !strchr(".-+,/_=", body.p[i])) return false;
  *rest = str_skip(*rest, (size_t)end + 1);
  return true;
}

/* The next token of a text that is not empty; false: malformed. */
static bool spf_macro_next(str *rest, const char *letters, bool spaces, struct spf_macro_token *t)
{
  size_t n = 0;

  *t = (struct spf_macro_token){.letter = 0};
  while (n < rest->n && rest->p[n] != '%') {
    if (rest->p[n] > '~' || rest->p[n] < (spaces ? ' ' : '!')) return false;
    n++;
  }
  if (n > 0) {
    t->literal = true;
    t->text = str_sub(*rest, 0, n);
    *rest = str_skip(*rest, n);
    return true;
  }
  const char second = rest->n > 1 ? rest->p[1] : '\0';
  *rest = str_skip(*rest, 2);
  switch (second) {
  case '%': t->text = STR("%"); return true;
  case '_': t->text = STR(" "); return true;
  case '-': t->text = STR("%20"); return true;
  case '{': return spf_macro_read(rest, letters, t);
  default: return false;
  }
}

bool spf_macro_string_ok(str text, const char *letters, bool spaces)
{
  struct spf_macro_token t;

  while (text.n > 0)
    if (!spf_macro_next(&text, letters, spaces, &t)) return false;
  return true;
}

bool spf_macro_uses(str text, char letter)
{
  struct spf_macro_token t;

  while (text.n > 0 && spf_macro_next(&text, SPF_MACRO_LETTERS_EXP, true, &t))
    if (t.letter == letter) return true;
  return false;
}

/* toplabel: letters, digits and inner hyphens, not digits alone. */
static bool spf_macro_toplabel_ok(str label)
{
  bool digits = true;

  if (label.n == 0 || label.p[0] == '-' || label.p[label.n - 1] == '-') return false;
  for (size_t i = 0; i < label.n; i++) {
    if (!str_isalnum(label.p[i]) && label.p[i] != '-') return false;
    if (!str_isdigit(label.p[i])) digits = false;
  }
  return !digits;
}

bool spf_macro_domain_ok(str text)
{
  struct spf_macro_token t = {.literal = true};
  ptrdiff_t dot;

  if (text.n == 0) return false;
  while (text.n > 0)
    if (!spf_macro_next(&text, SPF_MACRO_LETTERS, false, &t)) return false;
  if (!t.literal) return true;
  if (str_ends(t.text, STR("."))) t.text.n--;
  dot = str_rchr(t.text, '.');
  return dot >= 0 && spf_macro_toplabel_ok(str_skip(t.text, (size_t)dot + 1));
}

/* ---- expansion ------------------------------------------------------------------------------- */

/* %{i}: dotted quad, or 32 nibbles with dots. %{c}: as people write it. */
static void spf_macro_ip(const struct spf_macro_facts *f, bool pretty, struct buf *out)
{
  char text[INET6_ADDRSTRLEN];

  if (!f->v6 || pretty) {
    buf_puts(out, inet_ntop(f->v6 ? AF_INET6 : AF_INET, f->ip, text, sizeof text));
    return;
  }
  for (int i = 0; i < 16; i++)
    buf_printf(out, "%s%X.%X", i ? "." : "", f->ip[i] >> 4, f->ip[i] & 15);
}

static void spf_macro_value(char letter, const struct spf_macro_facts *f, struct buf *out)
{
  switch (letter) {
  case 's': buf_str_add(out, f->sender); break;
  case 'l': buf_str_add(out, f->local); break;
  case 'o': buf_str_add(out, f->sender_domain); break;
  case 'd': buf_str_add(out, f->domain); break;
  case 'i': spf_macro_ip(f, false, out); break;
  case 'c': spf_macro_ip(f, true, out); break;
  case 'p': buf_str_add(out, f->validated); break;
  case 'v': buf_puts(out, f->v6 ? "ip6" : "in-addr"); break;
  case 'h': buf_str_add(out, f->helo); break;
  case 'r': buf_str_add(out, f->receiver); break;
  case 't': buf_printf(out, "%lld", (long long)f->now); break;
  default: break;
  }
}

/* RFC 3986: all but its unreserved characters. */
static void spf_macro_escape(str text, struct buf *out)
{
  for (size_t i = 0; i < text.n; i++) {
    const char c = text.p[i];

    if (str_isalnum(c) || (c && strchr("-._~", c)))
      buf_putc(out, c);
    else
      buf_printf(out, "%%%02X", (unsigned char)c);
  }
}

/* The wanted parts of the value, in the wanted order, joined by dots. */
static void spf_macro_transform(const struct spf_macro_token *t, str value, struct buf *out)
{
  str delimiters = t->delimiters.n ? t->delimiters : STR("."), part;
  size_t count = 1, skip, step = 0;

  for (size_t i = 0; i < value.n; i++) count += str_chr(delimiters, value.p[i]) >= 0;
  skip = t->parts && t->parts < count ? count - t->parts : 0;
  while (step < count - skip) {
    /* the rightmost parts: of the reversed list they are its end as well */
    size_t wanted = t->reverse ? count - 1 - skip - step : skip + step, seen = 0, from = 0, to;

    for (; seen < wanted; from++) seen += str_chr(delimiters, value.p[from]) >= 0;
    for (to = from; to < value.n && str_chr(delimiters, value.p[to]) < 0;) to++;
    part = str_sub(value, from, to);
    if (step++ > 0) buf_putc(out, '.');
    buf_str_add(out, part);
  }
}

static void spf_macro_put(const struct spf_macro_token *t, const struct spf_macro_facts *f,
                          struct buf *out)
{
  struct buf value = BUF_INIT(8192), shaped = BUF_INIT(8192);

  spf_macro_value(t->letter, f, &value);
  if (t->transform)
    spf_macro_transform(t, buf_str(&value), &shaped);
  else
    buf_str_add(&shaped, buf_str(&value));
  if (t->escape)
    spf_macro_escape(buf_str(&shaped), out);
  else
    buf_str_add(out, buf_str(&shaped));
  if (!buf_ok(&value) || !buf_ok(&shaped)) out->failed = true;
  buf_free(&value);
  buf_free(&shaped);
}

void spf_macro_expand(str text, const struct spf_macro_facts *facts, struct buf *out)
{
  struct spf_macro_token t;

  while (text.n > 0 && buf_ok(out) && spf_macro_next(&text, SPF_MACRO_LETTERS_EXP, true, &t)) {
    if (t.letter)
      spf_macro_put(&t, facts, out);
    else
      buf_str_add(out, t.text);
  }
}
#undef SPF_MACRO_PARTS
