/* tests/fuzz/dns.c: messages of a name server. The first octet chooses the type that was asked
 * for. */
#include "../../net/dns_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void dns_fuzz_name(str name)
{
  if (name.n > 1024 || (name.n && memchr(name.p, '\0', name.n))) abort();
}

static void dns_fuzz_check(const struct dns_answer *out, str next)
{
  if (out->n > 0 && out->status != DNS_OK && out->status != DNS_TEMP) abort();
  if (out->status == DNS_OK && out->n == 0) abort();
  if (next.p && out->status == DNS_OK) abort();
  if (out->ttl < 0 || out->ttl > 86400) abort();
  dns_fuzz_name(next);
  for (size_t i = 0; out->status == DNS_OK && i < out->n; i++) {
    const struct dns_record *r = &out->records[i];

    dns_fuzz_name(r->name);
    if (r->text.n > 65535) abort();
    for (size_t n = 0; n < r->text.n; n++)
      if (r->text.p[n] == 1 && r->ip[0] == 1) continue; /* reads every octet */
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  static const enum dns_type types[] = {DNS_A, DNS_CNAME, DNS_PTR, DNS_MX, DNS_TXT, DNS_AAAA};
  struct arena *a = arena_new(1 << 20);
  struct dns_answer out;
  str next;

  if (a && size > 13) { /* as net/dns.c asks for: a header at least */
    /* its own block, so that one octet too far is seen */
    char *copy = malloc(size - 1);

    if (!copy) abort();
    memcpy(copy, data + 1, size - 1);
    dns_answer_read((str){copy, size - 1}, types[data[0] % BASE_COUNT(types)], a, &out, &next);
    dns_fuzz_check(&out, next);
    free(copy);
  }
  arena_free(a);
  return 0;
}
