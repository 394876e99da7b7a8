/* tests/fuzz/command.c: command lines, and the paths in them. */
#include "../../smtp/format/format.h"

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

/* What was let pass as an identifier can stand in a header. */
static void command_fuzz_visible(str s)
{
  while (s.n > 0) {
    int32_t c = utf8_next(&s);

    if (c < ' ' || (c >= 0x7f && c < 0xa0)) abort();
  }
}

static void command_fuzz_dsn(const struct command *c, struct arena *a)
{
  struct dsn mail, rcpt;

  if (dsn_read(dsn_mail_text(c->ret, c->envid, a), a, &mail) < 0 ||
      dsn_read(dsn_rcpt_text(c->notify, c->orcpt, a), a, &rcpt) < 0)
    return;
  if ((mail.envid.n > 0) != (c->envid.n > 0) || (rcpt.orcpt.n > 0) != (c->orcpt.n > 0)) abort();
  if ((rcpt.notify & DSN_NEVER) && rcpt.notify != DSN_NEVER) abort();
  command_fuzz_visible(mail.envid);
  command_fuzz_visible(rcpt.orcpt_type);
  command_fuzz_visible(rcpt.orcpt);
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
    if (c.fault || (c.verb != COMMAND_MAIL && c.verb != COMMAND_RCPT)) continue;
    command_fuzz_again(&c.path, c.utf8, a);
    command_fuzz_dsn(&c, a);
  }
  arena_free(a);
  return 0;
}
