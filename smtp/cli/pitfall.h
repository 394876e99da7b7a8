/* smtp/cli/pitfall.h: mistakes in the set-up of services, virus scanners above all. */
#ifndef CLI_PITFALL_H
#define CLI_PITFALL_H

#include "../../rules/rules.h"
#include "../conf/conf.h"

/* Warns, at the place of the service, of what would lose the scan or every mail: in the services
 * themselves, and in the files of clamsmtpd and clamd on this machine as far as they may be
 * read. */
void pitfall_look(const struct conf *c, const struct rules *r, struct diags *d);

#endif
