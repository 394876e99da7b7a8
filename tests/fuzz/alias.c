/* tests/fuzz/alias.c: any file as one of aliases(5); what is taken must be addresses, and expanding
 * every name must end. */
#include "../../smtp/conf/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_alias_expand(const struct conf *c, str address)
{
  struct arena *a = arena_new(0);
  struct alias_ends ends;
  struct err e;

  if (str_starts(address, STR("@"))) address = arena_printf(a, "x" STR_FMT, STR_ARG(address));
  if (alias_expand(c, NULL, address, a, &ends, &e) < 0 && e.kind != ERR_PERM) abort();
  for (size_t i = 0; i < ends.n; i++)
    if (str_chr(ends.end[i].address, '@') < 0) abort();
  alias_leads_to(c, address, STR("a@h.example"));
  arena_free(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct conf_world world = {
      STR("/nonexistent"), STR("/nonexistent"), STR("h.example"), false, {NULL, 0}};
  str source = {(const char *)data, size};
  struct diags d;
  struct conf *c;

  diags_init(&d);
  c = conf_parse(STR("x.toml"),
                 STR("version_requirement = \"*\"\n[app]\ndirpath = \"/nonexistent\"\n"), &world,
                 &d);
  if (!c) abort();
  if (alias_file_parse(&c->app.aliases, STR("aliases"), source, c->arena, &d) == 0 &&
      alias_complete(&c->app.aliases, c, &d) == 0)
    for (size_t i = 0; i < c->app.aliases.n && i < 64; i++)
      fuzz_alias_expand(c, c->app.aliases.list[i].address);
  conf_free(c);
  diags_free(&d);
  return 0;
}
