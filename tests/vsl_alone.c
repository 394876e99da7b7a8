/* tests/vsl_alone.c: `vsl-alone eval FILE`: the language VSL by itself.
 *
 * Linked with base/ and rules/vsl/ and nothing else, which proves that there is no mail in it, and
 * that it can be used without any.
 */
#include "../rules/vsl/vsl.h"

int main(int argc, char **argv)
{
  struct registry *g = registry_new();
  int rc = 70;

  if (argc != 3 || strcmp(argv[1], "eval") != 0) {
    fputs("usage: vsl-alone eval FILE\n", stderr);
    rc = 64;
  } else if (g && std_add(g) == 0 && registry_finish(g) == 0) {
    rc = vsl_eval_file(g, str_of(argv[2]), stdout, stderr);
  }
  registry_free(g);
  return rc;
}
