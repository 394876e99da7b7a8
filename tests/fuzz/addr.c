/* tests/fuzz/addr.c: mailboxes, domains and address literals. */
#include "../../smtp/format/format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  str text = {(const char *)data, size};
  struct arena *a = arena_new(1 << 20);
  struct addr out;
  char ip[ADDR_IP_MAX];

  if (!a) return 0;
  if (addr_literal(text, ip) == 0 && strlen(ip) == 0) abort();
  if (addr_domain_ok(text, false) && memchr(text.p, '\0', text.n)) abort();
  for (int utf8 = 0; utf8 <= 1; utf8++) {
    if (addr_mailbox(text, utf8 != 0, a, &out) != ADDR_OK) continue;
    if (out.domain.n == 0 || out.local.n == 0) abort();
    for (size_t i = 0; i < out.text.n; i++) /* nothing that could end a line or a path */
      if ((unsigned char)out.text.p[i] < ' ' || out.text.p[i] == 0x7f) abort();
    if (addr_unquote(out.local, a).n > out.local.n) abort();
  }
  arena_free(a);
  return 0;
}
