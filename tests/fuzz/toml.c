/* tests/fuzz/toml.c: any bytes as a TOML document: a sound tree, or at least one fault. */
#include "../../base/base.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_toml_walk(const struct toml *t, int depth)
{
  size_t n = 0;
  if (depth > 300 || t->line < 1 || t->column < 1) abort();
  if (t->type == TOML_STRING && !utf8_valid(t->text)) abort();
  for (const struct toml *c = t->child; c; c = c->next, n++) {
    if (t->type == TOML_TABLE && toml_get(t, c->key) != c) abort();
    fuzz_toml_walk(c, depth + 1);
  }
  if (n != t->n) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct arena *a = arena_new(0);
  struct diags d;
  if (!a || diags_init(&d)) abort();
  const struct toml *root = toml_parse(a, STR("fuzz.toml"), (str){(const char *)data, size}, &d);
  if (!root != (d.errors > 0)) abort();
  if (root) fuzz_toml_walk(root, 0);
  diags_free(&d);
  arena_free(a);
  return 0;
}
