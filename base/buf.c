/* base/buf.c: growing bytes with a mandatory cap and a failure that sticks; JSON, hex, base64.
 */
#include "base.h"

#define BUF_FIRST 64

void buf_free(struct buf *b)
{
  mem_free(b->p);
  *b = (struct buf)BUF_INIT(b->cap);
}

void buf_wipe(struct buf *b)
{
  if (b->p) mem_wipe(b->p, b->size);
  buf_free(b);
}

void buf_clear(struct buf *b)
{
  b->n = 0;
  b->failed = false;
  if (b->p) b->p[0] = '\0';
}

bool buf_ok(const struct buf *b)
{
  return !b->failed;
}

str buf_str(const struct buf *b)
{
  return (str){b->p, b->n};
}

const char *buf_cstr(const struct buf *b)
{
  return b->p ? b->p : "";
}

/* Makes size at least want, doubling, but not beyond what cap and its NUL need. */
static int buf_resize(struct buf *b, size_t want)
{
  size_t size = b->size ? b->size : BUF_FIRST;
  while (size < want) size = size > SIZE_MAX / 2 ? want : size * 2;
  if (size > b->cap && b->cap < SIZE_MAX && b->cap + 1 >= want) size = b->cap + 1;
  char *p = mem_resize(b->p, size);
  if (!p) return -1;
  b->p = p;
  b->size = size;
  return 0;
}

char *buf_room(struct buf *b, size_t n)
{
  if (b->failed) return NULL;
  bool fits = b->n <= b->cap && n <= b->cap - b->n && b->n + n < SIZE_MAX;
  if (!fits || (b->size < b->n + n + 1 && buf_resize(b, b->n + n + 1))) {
    b->failed = true;
    return NULL;
  }
  return b->p + b->n;
}

void buf_grew(struct buf *b, size_t n)
{
  b->n += n;
  b->p[b->n] = '\0';
}

void buf_add(struct buf *b, const void *p, size_t n)
{
  char *room = buf_room(b, n);
  if (!room) return;
  if (n) memcpy(room, p, n);
  buf_grew(b, n);
}

void buf_str_add(struct buf *b, str s)
{
  buf_add(b, s.p, s.n);
}

void buf_puts(struct buf *b, const char *cstr)
{
  buf_add(b, cstr, strlen(cstr));
}

void buf_putc(struct buf *b, char c)
{
  buf_add(b, &c, 1);
}

void buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
  va_list again;
  va_copy(again, ap);
  int n = vsnprintf(NULL, 0, fmt, ap);
  char *room = n < 0 ? NULL : buf_room(b, (size_t)n);
  if (room) {
    vsnprintf(room, (size_t)n + 1, fmt, again);
    buf_grew(b, (size_t)n);
  }
  b->failed |= n < 0;
  va_end(again);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
  va_list ap;
  va_start(ap, fmt);
  buf_vprintf(b, fmt, ap);
  va_end(ap);
}

void buf_utf8(struct buf *b, int32_t c)
{
  char bytes[4];
  buf_add(b, bytes, utf8_put(bytes, c));
}

void buf_shift(struct buf *b, size_t n)
{
  if (n > b->n) n = b->n;
  if (n == 0) return;
  b->n -= n;
  memmove(b->p, b->p + n, b->n + 1);
}

/* ---- encodings ------------------------------------------------------------------------------- */

static void buf_json_char(struct buf *b, int32_t c)
{
  static const char named[] = "\"\"\\\\\bb\ff\nn\rr\tt";
  for (size_t i = 0; i + 1 < sizeof named; i += 2) {
    if (named[i] != c) continue;
    buf_putc(b, '\\');
    buf_putc(b, named[i + 1]);
    return;
  }
  if (c >= 0 && (c < 0x20 || c == 0x7f))
    buf_printf(b, "\\u%04x", (unsigned)c);
  else
    buf_utf8(b, c < 0 ? 0xfffd : c);
}

void buf_json(struct buf *b, str s)
{
  buf_putc(b, '"');
  while (s.n) buf_json_char(b, utf8_next(&s));
  buf_putc(b, '"');
}

void buf_hex(struct buf *b, const void *p, size_t n)
{
  static const char digits[] = "0123456789abcdef";
  const unsigned char *bytes = p;
  for (size_t i = 0; i < n; i++) {
    buf_putc(b, digits[bytes[i] >> 4]);
    buf_putc(b, digits[bytes[i] & 15]);
  }
}

static const char buf_base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void buf_base64(struct buf *b, str s)
{
  for (; s.n; s = str_skip(s, 3)) {
    unsigned char in[3] = {0};
    memcpy(in, s.p, s.n < 3 ? s.n : 3);
    char out[4] = {buf_base64_digits[in[0] >> 2], buf_base64_digits[(in[0] & 3) << 4 | in[1] >> 4],
                   s.n > 1 ? buf_base64_digits[(in[1] & 15) << 2 | in[2] >> 6] : '=',
                   s.n > 2 ? buf_base64_digits[in[2] & 63] : '='};
    buf_add(b, out, 4);
  }
}

static int base64_value(char c)
{
  ptrdiff_t at = str_chr((str){buf_base64_digits, 64}, c);
  return (int)at;
}

/* Unused bits behind the last byte must be zero (RFC 4648 §3.5): one text for one value. */
int base64_decode(str s, struct buf *out)
{
  if (s.n % 4) return -1;
  size_t pad = s.n ? (s.p[s.n - 1] == '=') + (s.p[s.n - 1] == '=' && s.p[s.n - 2] == '=') : 0;
  uint32_t bits = 0;
  for (size_t i = 0; i < s.n; i++) {
    int value = i >= s.n - pad ? 0 : base64_value(s.p[i]);
    if (value < 0) return -1;
    bits = bits << 6 | (uint32_t)value;
    if (i % 4 != 3) continue;
    size_t keep = i + 1 == s.n ? 3 - pad : 3;
    char bytes[3] = {(char)(bits >> 16), (char)(bits >> 8), (char)bits};
    if ((keep < 3 && bytes[2]) || (keep < 2 && bytes[1])) return -1;
    buf_add(out, bytes, keep);
    bits = 0;
  }
  return buf_ok(out) ? 0 : -1;
}
#undef BUF_FIRST
