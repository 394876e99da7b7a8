/* smtp/cli/options.h: the options that commands share: -c FILE, --json, --all, -h. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include "../../base/base.h"

struct options {
  str config; /* empty: the default file */
  bool json;
  bool all;  /* --all: may stand where --json may */
  int first; /* arguments begin at argv[first] */
};

enum { OPTIONS_GO = -1 };
/* Reads them wherever they stand; usage is a text that begins "usage: ". OPTIONS_GO, or the exit
 * code of a process that is done: 0 after -h, 64 after a mistake. More than max_args arguments are
 * a mistake; json says whether --json is there. */
int options_read(int argc, char **argv, bool json, int max_args, const char *usage,
                 struct options *out);

#endif
