/* tests/fuzz/json.c: any bytes as JSON: a fault inside the text, or a map whose text reads back as
 * the same text. Memory is short, so giving up half way is met too.
 */
#include "../../rules/vsl/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_json_write(struct value v, struct buf *out)
{
  out->cap = 1 << 24;
  if (json_write(v, out)) abort();
}

/* What was written must read back and be written the same again. */
static void fuzz_json_again(struct region *r, struct value v)
{
  struct buf once = {0}, twice = {0};
  struct value back;
  struct json_fault fault;
  fuzz_json_write(v, &once);
  if (!json_read(r, buf_str(&once), &back, &fault)) {
    fuzz_json_write(back, &twice);
    if (!str_eq(buf_str(&once), buf_str(&twice))) abort();
    value_release(r, back);
  } else if (fault.what) {
    abort();
  }
  buf_free(&once);
  buf_free(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  str text = {(const char *)data, size};
  if (!utf8_valid(text)) return 0; /* a VSL string is */
  const struct region_limits limits = {.bytes = 1 << 20, .string = 1 << 16, .items = 1 << 12};
  struct region *r = region_new(&limits, 7);
  struct value v;
  struct json_fault fault;
  if (!r) abort();
  if (!json_read(r, text, &v, &fault)) {
    if (v.type != VALUE_MAP) abort();
    fuzz_json_again(r, v);
    value_release(r, v);
  } else if (fault.what && fault.at > size) {
    abort();
  }
  region_free(r);
  return 0;
}
