/* rules/regex.h: patterns of regex objects: unanchored search in UTF-8 text, always bounded.
 * A pattern is compiled once, at load, and then only read. */
#ifndef RULES_REGEX_H
#define RULES_REGEX_H

#include "vsl/vsl.h"

struct regex;

/* Lives in the region. NULL with e->text naming the fault and *offset its byte in the pattern (0
 * when it has none). */
struct regex *regex_new(struct region *r, str pattern, size_t *offset, struct err *e);
/* 1 found, 0 not found, -1 with e: the search went over its limits, or subject is not UTF-8. */
int regex_search(const struct regex *r, str subject, struct err *e);

const char *regex_version(void); /* of PCRE2, as it runs */

#endif
