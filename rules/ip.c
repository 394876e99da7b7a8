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
    unsigned mask = keep <= 0 ? 0 : 0xFFu << (8 - keep);
    a->b[i] = (uint8_t)(a->b[i] & mask);
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

static int ip_port_parse(str text, int *port)
{
  uint64_t n;
  if (text.n == 0 || text.n > 5 || !str_isdigit(text.p[0])) return -1;
  if (str_to_u64(text, &n, 10) < 0 || n > 65535) return -1;
  if (port) *port = (int)n;
  return 0;
}

int ip_socket_parse(str text, struct ip *ip, str *zone, int *port)
{
  struct ip unused;
  const ptrdiff_t colon = str_rchr(text, ':');
  if (colon < 0 || ip_port_parse(str_skip(text, (size_t)colon + 1), port) < 0) return -1;
  if (!ip) ip = &unused;
  str host = str_sub(text, 0, (size_t)colon), interface = {NULL, 0};
  const bool v6 = str_starts(host, STR("[")) && str_ends(host, STR("]"));
  if (v6) host = str_sub(host, 1, host.n - 1);
  const ptrdiff_t percent = v6 ? str_chr(host, '%') : -1;
  if (percent >= 0) {
    interface = str_skip(host, (size_t)percent + 1);
    host = str_sub(host, 0, (size_t)percent);
    if (interface.n == 0) return -1;
  }
  if (zone) *zone = interface;
  return ip_parse(host, ip) == 0 && ip->v6 == v6 ? 0 : -1;
}

bool ip_is_loopback(const struct ip *a)
{
  static const uint8_t one[16] = {[15] = 1};
  return a->v6 ? memcmp(a->b, one, sizeof one) == 0 : a->b[0] == 127;
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
