/* rules/rules.h: the door of rules/: VSL, the language rules are written in.
 *
 * A rule set is loaded once and immutable from then on; any number of runs share it.
 */
#ifndef RULES_RULES_H
#define RULES_RULES_H

#include "../vsmtp.h"

/* Budgets of one run (vsl.md 12); 0: no limit. */
struct rules_limits {
  uint64_t steps;  /* statements, calls, loop rounds */
  uint64_t slice;  /* steps after which a run gives way to the loop */
  size_t memory;   /* bytes */
  uint32_t depth;  /* calls inside calls; 0: LIMIT_VSL_DEPTH */
  uint32_t string; /* bytes */
  uint32_t items;  /* of an array or map */
};

/* Runs a script that needs no mail. What it prints goes to out, errors in the form of vsl.md 13 to
 * err. Returns the exit code: 0, 65 syntax error, 1 error at run time, 66 no such file. */
int rules_eval_file(str path, FILE *out, FILE *err);

#endif
