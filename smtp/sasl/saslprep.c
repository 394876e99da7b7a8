/* smtp/sasl/saslprep.c: names and passwords in the one form that is compared (RFC 4013, tables of
 * RFC 3454), but for NFKC: characters count as they are composed. */
#include "sasl.h"

struct saslprep_range {
  int32_t from, to;
};

/* B.1: invisible, so nothing */
static const struct saslprep_range saslprep_nothing[] = {
    {0xad, 0xad},     {0x34f, 0x34f},   {0x1806, 0x1806}, {0x180b, 0x180d},
    {0x200b, 0x200d}, {0x2060, 0x2060}, {0xfe00, 0xfe0f}, {0xfeff, 0xfeff},
};
/* C.1.2: spaces, which become SPACE */
static const struct saslprep_range saslprep_space[] = {
    {0xa0, 0xa0},     {0x1680, 0x1680}, {0x2000, 0x200a},
    {0x202f, 0x202f}, {0x205f, 0x205f}, {0x3000, 0x3000},
};
/* C.2 to C.9: controls, private use, no characters, changes of display, tags */
static const struct saslprep_range saslprep_prohibited[] = {
    {0x0, 0x1f},        {0x7f, 0x9f},       {0x340, 0x341},      {0x6dd, 0x6dd},
    {0x70f, 0x70f},     {0x180e, 0x180e},   {0x200e, 0x200f},    {0x2028, 0x202e},
    {0x2061, 0x2063},   {0x206a, 0x206f},   {0x2ff0, 0x2ffb},    {0xe000, 0xf8ff},
    {0xfdd0, 0xfdef},   {0xfff9, 0xffff},   {0x1d173, 0x1d17a},  {0x1fffe, 0x1ffff},
    {0x2fffe, 0x2ffff}, {0x3fffe, 0x3ffff}, {0x4fffe, 0x4ffff},  {0x5fffe, 0x5ffff},
    {0x6fffe, 0x6ffff}, {0x7fffe, 0x7ffff}, {0x8fffe, 0x8ffff},  {0x9fffe, 0x9ffff},
    {0xafffe, 0xaffff}, {0xbfffe, 0xbffff}, {0xcfffe, 0xcffff},  {0xdfffe, 0xdffff},
    {0xe0001, 0xe0001}, {0xe0020, 0xe007f}, {0xefffe, 0x10ffff},
};
/* D.1: written from right to left */
static const struct saslprep_range saslprep_right[] = {
    {0x5be, 0x5be},   {0x5c0, 0x5c0},   {0x5c3, 0x5c3},   {0x5d0, 0x5ea},   {0x5f0, 0x5f4},
    {0x61b, 0x61b},   {0x61f, 0x61f},   {0x621, 0x63a},   {0x640, 0x64a},   {0x66d, 0x66f},
    {0x671, 0x6d5},   {0x6e5, 0x6e6},   {0x6fa, 0x6fe},   {0x700, 0x70d},   {0x710, 0x710},
    {0x712, 0x72c},   {0x780, 0x7a5},   {0x7b1, 0x7b1},   {0xfb1d, 0xfb1d}, {0xfb1f, 0xfb28},
    {0xfb2a, 0xfb36}, {0xfb38, 0xfb3c}, {0xfb3e, 0xfb3e}, {0xfb40, 0xfb41}, {0xfb43, 0xfb44},
    {0xfb46, 0xfbb1}, {0xfbd3, 0xfd3d}, {0xfd50, 0xfd8f}, {0xfd92, 0xfdc7}, {0xfdf0, 0xfdfc},
    {0xfe70, 0xfe74}, {0xfe76, 0xfefc},
};

#define SASLPREP_IN(table, c) saslprep_in(table, BASE_COUNT(table), c)
static bool saslprep_in(const struct saslprep_range *table, size_t n, int32_t c)
{
  for (size_t i = 0; i < n; i++)
    if (c >= table[i].from && c <= table[i].to) return true;
  return false;
}

/* RFC 3454 §6: a text with letters from right to left begins and ends with one, and has none of the
 * other kind; of those ASCII's are looked for. */
static bool saslprep_order_ok(str s)
{
  bool right = false, left = false, first = true, begins = false, ends = false;
  while (s.n) {
    int32_t c = utf8_next(&s);
    ends = SASLPREP_IN(saslprep_right, c);
    if (first) begins = ends;
    first = false;
    right = right || ends;
    left = left || (c < 0x80 && str_isalpha((char)c));
  }
  return !right || (begins && ends && !left);
}

int sasl_prepare(str in, struct buf *out)
{
  size_t from = out->n;
  if (!utf8_valid(in)) return -1;
  while (in.n) {
    int32_t c = utf8_next(&in);
    if (SASLPREP_IN(saslprep_nothing, c)) continue;
    if (SASLPREP_IN(saslprep_prohibited, c)) return -1;
    if (SASLPREP_IN(saslprep_space, c)) c = ' ';
    buf_utf8(out, c);
  }
  if (!buf_ok(out) || out->n == from) return -1;
  return saslprep_order_ok(str_skip(buf_str(out), from)) ? 0 : -1;
}
#undef SASLPREP_IN
