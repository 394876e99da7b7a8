/* tests/unit/options.c: the options that commands share. */
#include "../check.h"

#include "../../smtp/cli/options.h"

#include <unistd.h>

static struct options options_got;

/* Reads up to five words; NULL ends them. */
static int options_of(bool json, int max_args, const char *a, const char *b, const char *c,
                      const char *d)
{
  const char *words[] = {"command", a, b, c, d, NULL};
  char *argv[6] = {NULL};
  int argc = 0, saved = dup(2);
  while (words[argc]) {
    argv[argc] = (char *)(uintptr_t)words[argc];
    argc++;
  }
  if (!freopen("/dev/null", "w", stderr)) return -2;
  int code = options_read(argc, argv, json, max_args, "usage: command", &options_got);
  fflush(stderr);
  dup2(saved, 2);
  close(saved);
  return code;
}

TEST(options_wherever_they_stand)
{
  CHECK_INT(options_of(false, 0, NULL, NULL, NULL, NULL), OPTIONS_GO);
  CHECK_STR(options_got.config, "");
  CHECK_INT(options_of(true, 1, "x", "-c", "f", "--json"), OPTIONS_GO);
  CHECK_STR(options_got.config, "f");
  CHECK(options_got.json);
  CHECK_INT(options_got.first, 4);
  CHECK_INT(options_of(false, 1, "--config=g", "--", "-x", NULL), OPTIONS_GO);
  CHECK_STR(options_got.config, "g");
  CHECK_INT(options_got.first, 3);
}

TEST(options_mistakes_are_64)
{
  CHECK_INT(options_of(false, 0, "x", NULL, NULL, NULL), 64);
  CHECK_INT(options_of(false, 0, "-c", NULL, NULL, NULL), 64);
  CHECK_INT(options_of(false, 0, "--json", NULL, NULL, NULL), 64);
  CHECK_INT(options_of(false, 0, "-q", NULL, NULL, NULL), 64);
  CHECK_INT(options_of(true, 9, "--nonsense", "x", NULL, NULL), 64);
}
