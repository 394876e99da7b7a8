/* tests/fuzz/srs.c: rewritten senders: what is made can be taken back; nothing forged is taken. */
#include "../../smtp/format/format.h"
#include "../../smtp/policy/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void srs_fuzz_sender(str sender, struct arena *a)
{
  int64_t now = 1577836860000;
  struct addr parsed;
  str out, back;

  if (addr_mailbox(sender, true, a, &parsed) != ADDR_OK) return;
  if (srs_forward(STR("key"), parsed.text, STR("home.example"), now, a, &out) < 0) return;
  if (addr_mailbox(out, true, a, &parsed) != ADDR_OK) abort();
  if (srs_reverse(STR("other"), parsed.local, now, a, &back) == 0) abort();
  if (srs_reverse(STR("key"), parsed.local, now, a, &back) < 0) abort();
  if (str_istarts(out, STR("SRS0")) && !str_eq(back, sender)) {
    struct addr canonical;

    if (addr_mailbox(sender, true, a, &canonical) != ADDR_OK || !str_eq(canonical.text, back))
      abort();
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  str text = {(const char *)data, size}, out;
  struct arena *a = arena_new(1 << 20);
  struct addr parsed;

  if (!a) return 0;
  if (srs_reverse(STR("key"), text, 0, a, &out) == 0 &&
      addr_mailbox(out, true, a, &parsed) != ADDR_OK)
    abort();
  srs_fuzz_sender(text, a);
  arena_free(a);
  return 0;
}
