/* tests/fuzz/clamd_reply.c: what a scanner says: nothing but clamd's own words is a verdict. */
#include "../../smtp/format/format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  const str in = {(const char *)data, size};
  char said[LIMIT_SCAN_NAME + 32];
  str name;

  switch (clamd_reply(in, &name)) {
  case CLAMD_CLEAN:
    if (!str_eq(in, STR("stream: OK"))) abort();
    break;
  case CLAMD_FOUND:
    if (name.n == 0 || name.n > LIMIT_SCAN_NAME) abort();
    snprintf(said, sizeof said, "stream: " STR_FMT " FOUND", STR_ARG(name));
    if (!str_eq(in, str_of(said))) abort();
    for (size_t i = 0; i < name.n; i++)
      if (name.p[i] <= ' ' || name.p[i] > '~') abort();
    break;
  case CLAMD_NONE:
    if (name.n > in.n) abort();
    break;
  }
  return 0;
}
