/* smtp/cli/cli_eval.c: `vsmtp eval FILE.vsl`: a script that needs no mail. */
#include "cli.h"

#include "../../rules/rules.h"

#include <sysexits.h>

int cli_eval(int argc, char **argv)
{
  if (argc != 2 || argv[1][0] == '-') {
    fprintf(stderr, "usage: vsmtp eval FILE.vsl\n");
    return EX_USAGE;
  }
  return rules_eval_file(str_of(argv[1]), stdout, stderr);
}
