/* smtp/cli/cli_version.c: own version, schema version, and the libraries it runs with. */
#include <sysexits.h>

#include "../../rules/rules.h"
#include "../../sqlite/store.h"
#include "cli.h"
#include "../sender/sender.h"

int cli_version(int argc, char **argv)
{
  (void)argc;
  (void)argv;
  printf("vsmtp %s (rules and configuration of vSMTP %s)\n", VSMTP_VERSION, VSMTP_COMPATIBILITY);
  printf("schema %d\n", store_schema_version());
  printf("sqlite %s\n", store_library_version());
  printf("c-ares %s\n", dns_library_version());
  printf("mbedtls %s\n", tls_library_version());
  printf("spf2 %s\n", spf_library_version());
  printf("pcre2 %s\n", rules_library_version());
  return EX_OK;
}
