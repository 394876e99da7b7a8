/* rules/ip.c: IP addresses and ranges as rules write them. */
#include "ip.h"

#include <arpa/inet.h>
#include <sys/socket.h>

int ip_parse(str text, struct ip *out)
{
  char copy[IP_TEXT_MAX];
  if (text.n == 0 || text.n >= sizeof copy || memchr(text.p, 0, text.n)) return -1;
  memcpy(copy, text.p, text.n);
  copy[text.n] = 0;
  memset(out, 0, sizeof *out);
  out->v6 = str_chr(text, ':') >= 0;
  return inet_pton(out->v6 ? AF_INET6 : AF_INET, copy, out->b) == 1 ? 0 : -1;
}

/* Clears the bits below the prefix. */
static void ip_mask(struct ip *a, int bits)
{
  for (int i = 0; i < 16; i++) {
    int keep = bits - 8 * i;
    if (keep >= 8) continue;
    a->b[i] = keep <= 0 ? 0 : (uint8_t)(a->b[i] & (0xFF << (8 - keep)));
  }
}

int ip_range_parse(str text, bool v6, struct ip_range *out)
{
  uint64_t bits;
  const ptrdiff_t slash = str_chr(text, '/');
  if (slash < 0 || ip_parse(str_sub(text, 0, (size_t)slash), &out->first) < 0) return -1;
  const str prefix = str_skip(text, (size_t)slash + 1);
  if (prefix.n == 0 || prefix.n > 3 || !str_isdigit(prefix.p[0])) return -1;
  if (str_to_u64(prefix, &bits, 10) < 0 || bits > (v6 ? 128u : 32u)) return -1;
  if (out->first.v6 != v6) return -1;
  out->bits = (int)bits;
  ip_mask(&out->first, out->bits);
  return 0;
}

bool ip_equal(const struct ip *a, const struct ip *b)
{
  return a->v6 == b->v6 && memcmp(a->b, b->b, sizeof a->b) == 0;
}

bool ip_within(const struct ip *a, const struct ip_range *r)
{
  struct ip masked = *a;
  ip_mask(&masked, r->bits);
  return ip_equal(&masked, &r->first);
}

str ip_text(const struct ip *a, char out[IP_TEXT_MAX])
{
  if (!inet_ntop(a->v6 ? AF_INET6 : AF_INET, a->b, out, IP_TEXT_MAX)) out[0] = 0;
  return str_of(out);
}

str ip_range_text(const struct ip_range *r, char out[IP_TEXT_MAX])
{
  const size_t n = ip_text(&r->first, out).n;
  snprintf(out + n, IP_TEXT_MAX - n, "/%d", r->bits);
  return str_of(out);
}
