/* net/dns_name.c: names of the DNS, as text and as a message holds them (RFC 1035 §3.1, §4.1.4,
 * §5.1).
 *
 * In text a dot or "\" that belongs to a label has a "\" before it, and so have the characters that
 * mean something in a zone file; what does not print is "\ddd". Both ways are ours, and not of the
 * library that asks: its versions differ in what they read and write.
 */
#include "dns_name.h"

#define DNS_NAME_LABEL 63
#define DNS_NAME_JUMPS 128 /* pointers within a name: more than it can have labels */

enum { DNS_NAME_BAD = -2, DNS_NAME_DOT = -1 };

/* The next octet of a label, or one of the above. */
static int dns_name_octet(str *text)
{
  char c = text->p[0];
  int value = 0;

  *text = str_skip(*text, 1);
  if (c == '.') return DNS_NAME_DOT;
  if (c != '\\') return c ? (unsigned char)c : DNS_NAME_BAD;
  if (text->n == 0 || !text->p[0]) return DNS_NAME_BAD;
  if (!str_isdigit(text->p[0])) {
    c = text->p[0];
    *text = str_skip(*text, 1);
    return (unsigned char)c;
  }
  if (text->n < 3) return DNS_NAME_BAD;
  for (int i = 0; i < 3; i++) {
    if (!str_isdigit(text->p[i])) return DNS_NAME_BAD;
    value = value * 10 + (text->p[i] - '0');
  }
  *text = str_skip(*text, 3);
  return value <= 255 ? value : DNS_NAME_BAD;
}

size_t dns_name_write(str text, unsigned char out[DNS_NAME_WIRE])
{
  size_t label = 0, n = 1; /* where the length of the label goes, and its next octet */

  if (str_eq(text, STR("."))) text.n = 0;
  while (text.n) {
    int c = dns_name_octet(&text);

    if (c == DNS_NAME_BAD || (c == DNS_NAME_DOT && n == label + 1)) return 0;
    if (c == DNS_NAME_DOT) {
      out[label] = (unsigned char)(n - label - 1);
      label = n++;
    } else {
      if (n - label > DNS_NAME_LABEL || n > DNS_NAME_WIRE - 2) return 0; /* the root needs one */
      out[n++] = (unsigned char)c;
    }
  }
  out[label] = (unsigned char)(n - label - 1);
  if (n > label + 1) out[n++] = 0;
  return n;
}

/* Writes an octet of a label; characters written. */
static size_t dns_name_put(char *out, unsigned char c)
{
  if (c < 0x20 || c > 0x7e) {
    out[0] = '\\';
    out[1] = (char)('0' + c / 100);
    out[2] = (char)('0' + c / 10 % 10);
    out[3] = (char)('0' + c % 10);
    return 4;
  }
  if (str_chr(STR("\".;\\()@$"), (char)c) < 0) {
    out[0] = (char)c;
    return 1;
  }
  out[0] = '\\';
  out[1] = (char)c;
  return 2;
}

int dns_name_read(str message, size_t at, char out[DNS_NAME_MAX + 1], size_t *used)
{
  const unsigned char *p = (const unsigned char *)message.p;
  size_t begin = at, low = at, octets = 1, n = 0, jumps = 0;

  *used = 0;
  while (at < message.n && p[at] != 0) {
    size_t length = p[at++];

    if (length >= 0xc0) { /* leads to what stands before this name: so there is no circle */
      if (at >= message.n || ++jumps > DNS_NAME_JUMPS) return -1;
      if (!*used) *used = at + 1 - begin;
      at = (length & 0x3f) << 8 | p[at];
      if (at >= low) return -1;
      low = at;
      continue;
    }
    octets += length + 1;
    if (length > DNS_NAME_LABEL || octets > DNS_NAME_WIRE || at + length > message.n) return -1;
    if (n) out[n++] = '.';
    while (length-- > 0) n += dns_name_put(out + n, p[at++]);
  }
  if (at >= message.n) return -1;
  if (!*used) *used = at + 1 - begin;
  out[n] = '\0';
  return (int)n;
}

bool dns_name_is_plain(str text)
{
  for (size_t i = 0; i < text.n; i++)
    if (!str_isalnum(text.p[i]) && str_chr(STR("-_./*"), text.p[i]) < 0) return false;
  return true;
}

/* RFC 7686 §2: a name below "onion" stays here. */
bool dns_name_is_private(str text)
{
  text = dns_name_undotted(text);
  return str_ieq(text, STR("onion")) || str_iends(text, STR(".onion"));
}

str dns_name_undotted(str text)
{
  size_t slashes = 0;

  if (!str_ends(text, STR("."))) return text;
  while (slashes + 1 < text.n && text.p[text.n - 2 - slashes] == '\\') slashes++;
  if (slashes % 2 == 0) text.n--;
  return text;
}
#undef DNS_NAME_LABEL
#undef DNS_NAME_JUMPS
