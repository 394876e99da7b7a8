/* tests/fuzz/conf.c: any bytes as a configuration: a whole one, or at least one fault. */
#include "../../smtp/conf/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  static const struct conf_world world = {STR_INIT("/nonexistent"),
                                          STR_INIT("/nonexistent"),
                                          STR_INIT("fuzz.example"),
                                          false,
                                          {NULL, 0}};
  struct diags d;
  if (diags_init(&d)) abort();
  struct conf *c =
      conf_parse(STR("/nonexistent/fuzz.toml"), (str){(const char *)data, size}, &world, &d);
  if (!c != (d.errors > 0)) abort();
  if (c && (!c->tree || c->server.domain.n == 0 || c->server.smtp.rcpt_count_max < 1)) abort();
  conf_free(c);
  diags_free(&d);
  return 0;
}
