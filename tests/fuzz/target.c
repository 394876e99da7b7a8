/* tests/fuzz/target.c: what a rule gives as the server to forward to. What is taken must be whole,
 * and no password may be in what is shown. */
#include "../../smtp/format/format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  str text = {(const char *)data, size};
  struct arena *a = arena_new(1 << 20);
  struct buf shown = BUF_INIT(1 << 20);
  struct target t;
  struct err e;

  target_show(text, &shown);
  if (a && target_parse(text, a, &t, &e) == 0) {
    ptrdiff_t at = t.password.n > 4 ? str_find(text, t.password) : -1;

    if (!t.host.n || (!t.port && !t.local)) abort();
    if (t.user.n && t.password.n + t.password_file.n + t.token_file.n == 0) abort();
    if (at >= 0 && str_find(str_skip(text, (size_t)at + 1), t.password) < 0 &&
        str_find(buf_str(&shown), t.password) >= 0)
      abort();
  }
  buf_free(&shown);
  arena_free(a);
  return 0;
}
