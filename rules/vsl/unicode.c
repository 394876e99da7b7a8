/* rules/vsl/unicode.c: letters and white space beyond ASCII.
 *
 * Case is a table of runs rather than of letters: in the scripts people name mailboxes in, capitals
 * stand either at a fixed distance or right before their small letter.
 */
#include "unicode.h"

/* Small letters first..last; upper = c + delta, or, where delta is 0, every second code point from
 * first on is small and the one before it is its capital. Sorted. */
struct unicode_run {
  uint32_t first, last;
  int32_t delta;
};
static const struct unicode_run unicode_runs[] = {
    {0x61, 0x7A, -32},       /* ASCII */
    {0xE0, 0xF6, -32},       /* Latin-1 */
    {0xF8, 0xFE, -32},       /* Latin-1 */
    {0xFF, 0xFF, 121},       /* y with diaeresis */
    {0x101, 0x12F, 0},       /* Latin Extended-A */
    {0x133, 0x137, 0},       /* */
    {0x13A, 0x148, 0},       /* */
    {0x14B, 0x177, 0},       /* */
    {0x17A, 0x17E, 0},       /* */
    {0x1CE, 0x1DC, 0},       /* Latin Extended-B, the regular parts */
    {0x1DF, 0x1EF, 0},       /* */
    {0x1F9, 0x21F, 0},       /* */
    {0x223, 0x233, 0},       /* */
    {0x3AC, 0x3AC, -38},     /* Greek */
    {0x3AD, 0x3AF, -37},     /* */
    {0x3B1, 0x3C1, -32},     /* */
    {0x3C3, 0x3CB, -32},     /* */
    {0x3CC, 0x3CC, -64},     /* */
    {0x3CD, 0x3CE, -63},     /* */
    {0x430, 0x44F, -32},     /* Cyrillic */
    {0x450, 0x45F, -80},     /* */
    {0x461, 0x481, 0},       /* */
    {0x48B, 0x4BF, 0},       /* */
    {0x4C2, 0x4CE, 0},       /* */
    {0x4CF, 0x4CF, -15},     /* */
    {0x4D1, 0x52F, 0},       /* */
    {0x561, 0x586, -48},     /* Armenian */
    {0x1E01, 0x1E95, 0},     /* Latin Extended Additional */
    {0x1EA1, 0x1EFF, 0},     /* */
    {0xFF41, 0xFF5A, -32},   /* full width */
    {0x10428, 0x1044F, -40}, /* Deseret */
};

uint32_t unicode_upper(uint32_t c)
{
  for (size_t i = 0; i < BASE_COUNT(unicode_runs) && unicode_runs[i].first <= c; i++) {
    const struct unicode_run *r = &unicode_runs[i];
    if (c > r->last) continue;
    if (r->delta) return (uint32_t)((int32_t)c + r->delta);
    return (c - r->first) % 2 == 0 ? c - 1 : c;
  }
  return c;
}

uint32_t unicode_lower(uint32_t c)
{
  for (size_t i = 0; i < BASE_COUNT(unicode_runs); i++) {
    const struct unicode_run *r = &unicode_runs[i];
    int32_t step = r->delta ? r->delta : -1;
    uint32_t small = (uint32_t)((int32_t)c - step);
    if (small < r->first || small > r->last) continue;
    if (r->delta || (small - r->first) % 2 == 0) return small;
  }
  return c;
}

bool unicode_is_space(uint32_t c)
{
  if (c < 0x80) return c == ' ' || (c >= '\t' && c <= '\r');
  return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 ||
         c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

str unicode_trim(str s)
{
  for (str rest = s; rest.n; s = rest)
    if (!unicode_is_space((uint32_t)utf8_next(&rest))) break;
  while (s.n) {
    size_t at = s.n - 1;
    while (at && ((unsigned char)s.p[at] & 0xC0) == 0x80) at--;
    str last = str_skip(s, at);
    if (!unicode_is_space((uint32_t)utf8_next(&last))) break;
    s.n = at;
  }
  return s;
}
