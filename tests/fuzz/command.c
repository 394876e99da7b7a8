/* tests/fuzz/command.c: command lines, and the paths in them. */
#include "../../smtp/command.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was understood, written again, means the same: no spelling leads to another mailbox. */
static void command_fuzz_again(const struct addr *path, bool utf8, struct arena *a)
{
  str in = arena_printf(a, "<" STR_FMT ">", STR_ARG(path->text));
  struct addr again;

  if (path->text.n == 0 || addr_path(&in, utf8, a, &again) != ADDR_OK) {
    if (path->text.n && path->text.n + 2 <= LIMIT_PATH) abort();
    return;
  }
  if (!str_eq(again.text, path->text) || !str_eq(again.domain, path->domain)) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  str line = {(const char *)data, size};
  struct arena *a = arena_new(1 << 20);
  struct command c;

  if (!a) return 0;
  for (int utf8 = 0; utf8 <= 1; utf8++) {
    command_parse(line, utf8 != 0, a, &c);
    if (c.verb >= COMMAND_COUNT) abort();
    if (!c.fault && (c.verb == COMMAND_MAIL || c.verb == COMMAND_RCPT))
      command_fuzz_again(&c.path, c.verb == COMMAND_MAIL ? c.utf8 : utf8 != 0, a);
  }
  arena_free(a);
  return 0;
}
