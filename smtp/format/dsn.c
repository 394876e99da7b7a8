/* smtp/format/dsn.c: what a client asks to be told of his mail: the parameters of RFC 3461.
 *
 * xtext (§4): printable ASCII stands for itself but for "+" and "=", which, like everything else,
 * are written "+" and two upper-case hexadecimal digits. Decoded, ENVID and ORCPT go into the
 * header of a report, so only what decodes to printable ASCII is well-formed (§4.2, §4.4).
 */
#include "format.h"

#define DSN_ENVID 100 /* octets, §4.4 */
#define DSN_ORCPT 500 /* §4.2 */

static int dsn_hex(char c)
{
  return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The octet at the front of an xtext, which is moved behind it; -1: not well-formed. */
static int dsn_xtext_next(str *s)
{
  unsigned char c = (unsigned char)s->p[0];
  int high, low;

  if (c != '+') {
    *s = str_skip(*s, 1);
    return c > ' ' && c < 0x7f && c != '=' ? c : -1;
  }
  if (s->n < 3) return -1;
  high = dsn_hex(s->p[1]);
  low = dsn_hex(s->p[2]);
  *s = str_skip(*s, 3);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

static bool dsn_xtext_ok(str s)
{
  while (s.n > 0) {
    int c = dsn_xtext_next(&s);

    if (c < ' ' || c >= 0x7f) return false;
  }
  return true;
}

/* Of well-formed xtext. */
static str dsn_xtext_decode(str s, struct arena *a)
{
  char *out = arena_alloc(a, s.n + 1);
  size_t n = 0;

  if (!out) return (str){NULL, 0};
  while (s.n > 0) out[n++] = (char)dsn_xtext_next(&s);
  return (str){out, n};
}

void dsn_xtext(struct buf *out, str text)
{
  for (size_t i = 0; i < text.n; i++) {
    unsigned char c = (unsigned char)text.p[i];

    if (c > ' ' && c < 0x7f && c != '+' && c != '=')
      buf_putc(out, (char)c);
    else
      buf_printf(out, "+%02X", c);
  }
}

/* RFC 6533 §3: of "\x{HEX}" at the front of s the length, 0 if it is not well-formed. */
static size_t dsn_embedded(str s)
{
  ptrdiff_t end = str_chr(s, '}');
  uint64_t code;
  char c[4];

  if (!str_starts(s, STR("\\x{")) || end < 5 || end > 9) return 0;
  if (str_to_u64(str_sub(s, 3, (size_t)end), &code, 16) < 0 || code < ' ' || code > 0x10ffff)
    return 0;
  return utf8_put(c, (int32_t)code) && (code < 0x7f || code >= 0xa0) ? (size_t)end + 1 : 0;
}

#define DSN_EMBEDDED "\\x{%X}"

/* RFC 6533 §3: utf-8-addr-xtext; with utf8 also utf-8-addr-unitext, which has the characters. Its
 * length as the former, 0 if it is neither. */
static size_t dsn_utf8_length(str s, bool utf8)
{
  size_t length = 0;

  while (s.n > 0) {
    size_t embedded = dsn_embedded(s);
    int32_t c;

    if (embedded) {
      s = str_skip(s, embedded);
      length += embedded;
      continue;
    }
    c = utf8_next(&s);
    if (c <= ' ' || c == '+' || c == '=' || c == '\\' || (c >= 0x7f && (c < 0xa0 || !utf8)))
      return 0;
    length += c < 0x7f ? 1 : (size_t)snprintf(NULL, 0, DSN_EMBEDDED, (unsigned)c);
  }
  return length;
}

/* ---- the values ------------------------------------------------------------------------------ */

bool dsn_ret_ok(str value)
{
  return str_ieq(value, STR("FULL")) || str_ieq(value, STR("HDRS"));
}

bool dsn_envid_ok(str value)
{
  return value.n > 0 && value.n <= DSN_ENVID && dsn_xtext_ok(value);
}

/* ORDER DSN_NOTIFY */
static const str dsn_words[] = {STR_INIT("NEVER"), STR_INIT("SUCCESS"), STR_INIT("FAILURE"),
                                STR_INIT("DELAY")};

/* The bits of a NOTIFY value, 0 when it is malformed: NEVER stands alone (§4.1). */
static unsigned dsn_notify(str value)
{
  unsigned bits = 0, bit;
  str word;

  while (str_cut(&value, ',', &word)) {
    bit = 0;
    for (size_t i = 0; i < BASE_COUNT(dsn_words); i++)
      if (str_ieq(word, dsn_words[i])) bit = 1u << i;
    if (!bit || (bits & bit)) return 0;
    bits |= bit;
  }
  return (bits & DSN_NEVER) && bits != DSN_NEVER ? 0 : bits;
}

bool dsn_notify_ok(str value)
{
  return dsn_notify(value) != 0;
}

/* addr-type is an atom of RFC 5322. */
static bool dsn_type_ok(str type)
{
  for (size_t i = 0; i < type.n; i++)
    if (!str_isalnum(type.p[i]) && (!type.p[i] || !strchr("!#$%&'*+-/=?^_`{|}~.", type.p[i])))
      return false;
  return type.n > 0;
}

bool dsn_orcpt_ok(str value, bool utf8)
{
  ptrdiff_t at = str_chr(value, ';');
  str type, address;

  if (at < 0 || value.n > DSN_ORCPT) return false;
  type = str_sub(value, 0, (size_t)at);
  address = str_skip(value, (size_t)at + 1);
  if (!dsn_type_ok(type) || address.n == 0) return false;
  if (!str_ieq(type, STR("utf-8"))) return dsn_xtext_ok(address);
  size_t n = dsn_utf8_length(address, utf8);
  return n > 0 && type.n + 1 + n <= DSN_ORCPT;
}

/* ---- the text that is kept ------------------------------------------------------------------- */

static str dsn_text(const char *one, str first, const char *two, str second, struct arena *a)
{
  if (first.n && second.n)
    return arena_printf(a, "%s" STR_FMT " %s" STR_FMT, one, STR_ARG(first), two, STR_ARG(second));
  if (second.n) return arena_printf(a, "%s" STR_FMT, two, STR_ARG(second));
  return first.n ? arena_printf(a, "%s" STR_FMT, one, STR_ARG(first)) : (str){"", 0};
}

str dsn_mail_text(str ret, str envid, struct arena *a)
{
  return dsn_text("RET=", ret, "ENVID=", envid, a);
}

/* ORCPT with characters in ASCII, which every server that reports takes: utf-8-addr-xtext. */
static str dsn_orcpt_ascii(str orcpt, struct arena *a)
{
  struct buf out = BUF_INIT(DSN_ORCPT * 8);
  str text = orcpt, rest = orcpt;

  while (rest.n > 0) {
    int32_t c = utf8_next(&rest);

    if (c < 0x80)
      buf_putc(&out, (char)c);
    else
      buf_printf(&out, DSN_EMBEDDED, (unsigned)c);
  }
  if (out.n > orcpt.n || !buf_ok(&out)) text = arena_str(a, buf_str(&out));
  buf_free(&out);
  return text;
}

str dsn_rcpt_text(str notify, str orcpt, struct arena *a)
{
  str ascii = dsn_orcpt_ascii(orcpt, a);

  return ascii.p || !orcpt.p ? dsn_text("NOTIFY=", notify, "ORCPT=", ascii, a) : ascii;
}

static void dsn_read_orcpt(str value, struct arena *a, struct dsn *out)
{
  size_t at = (size_t)str_chr(value, ';');
  str address = str_skip(value, at + 1);

  out->orcpt_type = str_sub(value, 0, at);
  out->orcpt = str_ieq(out->orcpt_type, STR("utf-8")) ? address : dsn_xtext_decode(address, a);
}

int dsn_read(str text, struct arena *a, struct dsn *out)
{
  str word;

  *out = (struct dsn){
      .notify = DSN_FAILURE | DSN_DELAY, .envid = {"", 0}, .orcpt_type = {"", 0}, .orcpt = {"", 0}};
  while (str_cut(&text, ' ', &word)) {
    ptrdiff_t at = str_chr(word, '=');
    str name = str_sub(word, 0, at < 0 ? word.n : (size_t)at), value = str_skip(word, name.n + 1);

    if (str_ieq(name, STR("NOTIFY")) && dsn_notify_ok(value)) out->notify = dsn_notify(value);
    if (str_ieq(name, STR("ORCPT")) && dsn_orcpt_ok(value, true)) dsn_read_orcpt(value, a, out);
    if (str_ieq(name, STR("RET"))) out->full = str_ieq(value, STR("FULL"));
    if (str_ieq(name, STR("ENVID")) && dsn_envid_ok(value)) out->envid = dsn_xtext_decode(value, a);
  }
  return out->envid.p && out->orcpt.p ? 0 : -1;
}

str dsn_unsuccessful(str text, struct arena *a)
{
  str word, notify = {"", 0}, orcpt = {"", 0}, rest = text;
  unsigned bits = 0;

  while (str_cut(&rest, ' ', &word)) {
    if (str_istarts(word, STR("NOTIFY="))) bits = dsn_notify(str_skip(word, 7));
    if (str_istarts(word, STR("ORCPT="))) orcpt = str_skip(word, 6);
  }
  if (!(bits & DSN_SUCCESS)) return text;
  bits &= ~(unsigned)DSN_SUCCESS;
  notify = bits == DSN_FAILURE ? STR("FAILURE")
           : bits == DSN_DELAY ? STR("DELAY")
           : bits              ? STR("FAILURE,DELAY")
                               : STR("NEVER");
  return dsn_rcpt_text(notify, orcpt, a);
}

str dsn_of_context(str context, struct arena *a)
{
  const struct toml *t = NULL, *v;
  struct diags d;

  if (str_find(context, STR("dsn = ")) < 0) return (str){"", 0};
  if (diags_init(&d) == 0) t = toml_parse(a, STR("context"), context, &d);
  diags_free(&d);
  v = t ? toml_get(t, STR("dsn")) : NULL;
  return v && v->type == TOML_STRING ? v->text : (str){"", 0};
}
#undef DSN_ENVID
#undef DSN_ORCPT
#undef DSN_EMBEDDED
