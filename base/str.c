/* base/str.c: slices, numbers, UTF-8 and durations. Nothing here allocates or looks at the locale.
 */
#include "base.h"

/* ---- characters ------------------------------------------------------------------------------ */

char str_lower(char c)
{
  return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

char str_upper(char c)
{
  return c >= 'a' && c <= 'z' ? (char)(c & ~0x20) : c;
}

bool str_isdigit(char c)
{
  return c >= '0' && c <= '9';
}

bool str_isalpha(char c)
{
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool str_isalnum(char c)
{
  return str_isalpha(c) || str_isdigit(c);
}

bool str_isspace(char c)
{
  return c == ' ' || (c >= '\t' && c <= '\r');
}

/* ---- comparing and finding ------------------------------------------------------------------- */

str str_of(const char *cstr)
{
  return cstr ? (str){cstr, strlen(cstr)} : (str){NULL, 0};
}

/* memcmp may not be handed NULL, not even for nothing. */
static bool str_same(const char *a, const char *b, size_t n)
{
  return n == 0 || memcmp(a, b, n) == 0;
}

static bool str_isame(const char *a, const char *b, size_t n)
{
  for (size_t i = 0; i < n; i++)
    if (str_lower(a[i]) != str_lower(b[i])) return false;
  return true;
}

bool str_eq(str a, str b)
{
  return a.n == b.n && str_same(a.p, b.p, a.n);
}

bool str_ieq(str a, str b)
{
  return a.n == b.n && str_isame(a.p, b.p, a.n);
}

int str_cmp(str a, str b)
{
  size_t n = a.n < b.n ? a.n : b.n;
  int diff = n ? memcmp(a.p, b.p, n) : 0;
  return diff ? diff : (a.n > b.n) - (a.n < b.n);
}

int str_icmp(str a, str b)
{
  size_t n = a.n < b.n ? a.n : b.n;
  for (size_t i = 0; i < n; i++) {
    int diff = (unsigned char)str_lower(a.p[i]) - (unsigned char)str_lower(b.p[i]);
    if (diff) return diff;
  }
  return (a.n > b.n) - (a.n < b.n);
}

bool str_starts(str s, str prefix)
{
  return s.n >= prefix.n && str_same(s.p, prefix.p, prefix.n);
}

bool str_istarts(str s, str prefix)
{
  return s.n >= prefix.n && str_isame(s.p, prefix.p, prefix.n);
}

bool str_ends(str s, str suffix)
{
  return s.n >= suffix.n && str_eq(str_skip(s, s.n - suffix.n), suffix);
}

bool str_iends(str s, str suffix)
{
  return s.n >= suffix.n && str_ieq(str_skip(s, s.n - suffix.n), suffix);
}

ptrdiff_t str_find(str s, str needle)
{
  if (needle.n == 0) return 0;
  if (needle.n > s.n) return -1;
  const char *at = memmem(s.p, s.n, needle.p, needle.n);
  return at ? at - s.p : -1;
}

ptrdiff_t str_chr(str s, char c)
{
  const char *at = s.n ? memchr(s.p, c, s.n) : NULL;
  return at ? at - s.p : -1;
}

ptrdiff_t str_rchr(str s, char c)
{
  const char *at = s.n ? memrchr(s.p, c, s.n) : NULL;
  return at ? at - s.p : -1;
}

/* ---- cutting --------------------------------------------------------------------------------- */

str str_sub(str s, size_t from, size_t to)
{
  if (to > s.n) to = s.n;
  if (from > to) from = to;
  return from ? (str){s.p + from, to - from} : (str){s.p, to};
}

str str_skip(str s, size_t n)
{
  return str_sub(s, n, s.n);
}

static bool str_is_trimmed(char c)
{
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

str str_trim(str s)
{
  size_t from = 0, to = s.n;
  while (from < to && str_is_trimmed(s.p[from])) from++;
  while (to > from && str_is_trimmed(s.p[to - 1])) to--;
  return str_sub(s, from, to);
}

bool str_cut(str *rest, char sep, str *piece)
{
  if (!rest->p) return false;
  ptrdiff_t at = str_chr(*rest, sep);
  if (at < 0) {
    *piece = *rest;
    *rest = (str){NULL, 0};
  } else {
    *piece = str_sub(*rest, 0, (size_t)at);
    *rest = str_skip(*rest, (size_t)at + 1);
  }
  return true;
}

/* ---- numbers --------------------------------------------------------------------------------- */

static int str_digit(char c)
{
  if (str_isdigit(c)) return c - '0';
  return str_isalpha(c) ? str_lower(c) - 'a' + 10 : 99;
}

int str_to_u64(str s, uint64_t *out, int base)
{
  uint64_t value = 0;
  if (s.n == 0) return -1;
  for (size_t i = 0; i < s.n; i++) {
    int digit = str_digit(s.p[i]);
    if (digit >= base) return -1;
    if (__builtin_mul_overflow(value, (uint64_t)base, &value)) return -1;
    if (__builtin_add_overflow(value, (uint64_t)digit, &value)) return -1;
  }
  *out = value;
  return 0;
}

int str_to_i64(str s, int64_t *out)
{
  bool minus = s.n && s.p[0] == '-';
  bool sign = s.n && (minus || s.p[0] == '+');
  uint64_t value;
  if (str_to_u64(str_skip(s, sign), &value, 10)) return -1;
  if (value > (uint64_t)INT64_MAX + minus) return -1;
  *out = minus ? (int64_t)(0 - value) : (int64_t)value;
  return 0;
}

/* ---- UTF-8 ----------------------------------------------------------------------------------- */

/* Length of the sequence a lead byte announces and the smallest code point it may carry; 0: no
 * lead byte (RFC 3629 §3). */
static size_t utf8_lead(unsigned char c, int32_t *bits, int32_t *least)
{
  if (c < 0x80) return *bits = c, *least = 0, 1;
  if (c >= 0xc2 && c <= 0xdf) return *bits = c & 0x1f, *least = 0x80, 2;
  if (c >= 0xe0 && c <= 0xef) return *bits = c & 0x0f, *least = 0x800, 3;
  if (c >= 0xf0 && c <= 0xf4) return *bits = c & 0x07, *least = 0x10000, 4;
  return 0;
}

static bool utf8_is_scalar(int32_t c)
{
  return c >= 0 && c <= 0x10ffff && !(c >= 0xd800 && c <= 0xdfff);
}

int32_t utf8_next(str *s)
{
  int32_t c = 0, least = 0;
  size_t n = utf8_lead((unsigned char)s->p[0], &c, &least);
  bool good = n > 0 && n <= s->n;
  for (size_t i = 1; good && i < n; i++) {
    unsigned char byte = (unsigned char)s->p[i];
    good = (byte & 0xc0) == 0x80;
    c = c << 6 | (byte & 0x3f);
  }
  good = good && c >= least && utf8_is_scalar(c);
  *s = str_skip(*s, good ? n : 1);
  return good ? c : -1;
}

bool utf8_valid(str s)
{
  while (s.n)
    if (utf8_next(&s) < 0) return false;
  return true;
}

bool utf8_shows(int32_t c)
{
  if (c < ' ' || (c >= 0x7f && c < 0xa0)) return false;
  return !(c >= 0x2028 && c <= 0x202e) && !(c >= 0x2066 && c <= 0x2069);
}

bool utf8_clean(str s)
{
  while (s.n)
    if (!utf8_shows(utf8_next(&s))) return false;
  return true;
}

size_t utf8_len(str s)
{
  size_t n = 0;
  for (; s.n; n++) utf8_next(&s);
  return n;
}

size_t utf8_put(char out[4], int32_t c)
{
  static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
  if (!utf8_is_scalar(c)) return 0;
  size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
  for (size_t i = n; i-- > 1; c >>= 6) out[i] = (char)(0x80 | (c & 0x3f));
  out[0] = (char)(n == 1 ? c : (c | lead[n]));
  return n;
}

/* ---- durations ------------------------------------------------------------------------------- */

#define DURATION_SECOND 1000000000u

static const struct duration_unit {
  str name;
  uint64_t ns;
} duration_units[] = {
    {STR_INIT("ns"), 1},
    {STR_INIT("nsec"), 1},
    {STR_INIT("us"), 1000},
    {STR_INIT("usec"), 1000},
    {STR_INIT("ms"), 1000000},
    {STR_INIT("msec"), 1000000},
    {STR_INIT("s"), DURATION_SECOND},
    {STR_INIT("sec"), DURATION_SECOND},
    {STR_INIT("second"), DURATION_SECOND},
    {STR_INIT("seconds"), DURATION_SECOND},
    {STR_INIT("m"), DURATION_SECOND *UINT64_C(60)},
    {STR_INIT("min"), DURATION_SECOND *UINT64_C(60)},
    {STR_INIT("minute"), DURATION_SECOND *UINT64_C(60)},
    {STR_INIT("minutes"), DURATION_SECOND *UINT64_C(60)},
    {STR_INIT("h"), DURATION_SECOND *UINT64_C(3600)},
    {STR_INIT("hr"), DURATION_SECOND *UINT64_C(3600)},
    {STR_INIT("hour"), DURATION_SECOND *UINT64_C(3600)},
    {STR_INIT("hours"), DURATION_SECOND *UINT64_C(3600)},
    {STR_INIT("d"), DURATION_SECOND *UINT64_C(86400)},
    {STR_INIT("day"), DURATION_SECOND *UINT64_C(86400)},
    {STR_INIT("days"), DURATION_SECOND *UINT64_C(86400)},
    {STR_INIT("w"), DURATION_SECOND *UINT64_C(604800)},
    {STR_INIT("week"), DURATION_SECOND *UINT64_C(604800)},
    {STR_INIT("weeks"), DURATION_SECOND *UINT64_C(604800)},
    {STR_INIT("M"), DURATION_SECOND *UINT64_C(2630016)}, /* 30.44 days */
    {STR_INIT("month"), DURATION_SECOND *UINT64_C(2630016)},
    {STR_INIT("months"), DURATION_SECOND *UINT64_C(2630016)},
    {STR_INIT("y"), DURATION_SECOND *UINT64_C(31557600)}, /* 365.25 days */
    {STR_INIT("year"), DURATION_SECOND *UINT64_C(31557600)},
    {STR_INIT("years"), DURATION_SECOND *UINT64_C(31557600)},
};

static uint64_t duration_unit_ns(str name)
{
  for (size_t i = 0; i < BASE_COUNT(duration_units); i++)
    if (str_eq(duration_units[i].name, name)) return duration_units[i].ns;
  return 0;
}

/* Takes the longest run of characters is() holds for off the front of text, spaces around it too.
 */
static str duration_word(str *text, bool (*is)(char))
{
  size_t n = 0;
  *text = str_trim(*text);
  while (n < text->n && is(text->p[n])) n++;
  str word = str_sub(*text, 0, n);
  *text = str_trim(str_skip(*text, n));
  return word;
}

int duration_parse(str text, int64_t *ms)
{
  uint64_t total = 0;
  text = str_trim(text);
  if (str_eq(text, STR("0"))) return *ms = 0, 0;
  if (text.n == 0) return -1;
  while (text.n) {
    uint64_t count;
    if (str_to_u64(duration_word(&text, str_isdigit), &count, 10)) return -1;
    uint64_t unit = duration_unit_ns(duration_word(&text, str_isalpha));
    if (unit == 0 || __builtin_mul_overflow(count, unit, &count)) return -1;
    if (__builtin_add_overflow(total, count, &total)) return -1;
  }
  *ms = (int64_t)(total / 1000000 + (total % 1000000 != 0));
  return 0;
}

const char *duration_text(int64_t ms, char out[DURATION_TEXT_MAX])
{
  static const struct {
    const char *name;
    int64_t ms;
  } units[] = {{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};
  size_t n = 0;
  if (ms <= 0) {
    snprintf(out, DURATION_TEXT_MAX, "0s");
    return out;
  }
  for (size_t i = 0; i < BASE_COUNT(units); i++) {
    int64_t count = ms / units[i].ms;
    ms %= units[i].ms;
    if (count == 0) continue;
    n += (size_t)snprintf(out + n, DURATION_TEXT_MAX - n, "%s%lld%s", n ? " " : "",
                          (long long)count, units[i].name);
  }
  return out;
}
#undef DURATION_SECOND
