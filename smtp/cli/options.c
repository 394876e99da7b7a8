/* smtp/cli/options.c: the options that commands share. */
#include "options.h"

#include <getopt.h>
#include <sysexits.h>

static int options_mistake(const char *command, const char *what, const char *usage)
{
  fprintf(stderr, "vsmtp %s: %s\n%s\n", command, what, usage);
  return EX_USAGE;
}

int options_read(int argc, char **argv, bool json, int max_args, const char *usage,
                 struct options *out)
{
  static const struct option names[] = {{"config", required_argument, NULL, 'c'},
                                        {"help", no_argument, NULL, 'h'},
                                        {"json", no_argument, NULL, 'j'},
                                        {"all", no_argument, NULL, 'a'},
                                        {NULL, 0, NULL, 0}};
  *out = (struct options){.first = 0};
  opterr = 0;
  optind = 0; /* begin anew, also in a test that called it before */
  for (int c; (c = getopt_long(argc, argv, ":c:h", names, NULL)) != -1;) {
    if (c == 'c')
      out->config = str_of(optarg);
    else if (c == 'j' && json)
      out->json = true;
    else if (c == 'a' && json)
      out->all = true;
    else if (c == 'h')
      return puts(usage) < 0 ? EX_IOERR : EX_OK;
    else
      return options_mistake(argv[0], c == ':' ? "an option wants a value" : "no such option",
                             usage);
  }
  out->first = optind;
  if (argc - optind > max_args) return options_mistake(argv[0], "too many arguments", usage);
  return OPTIONS_GO;
}
