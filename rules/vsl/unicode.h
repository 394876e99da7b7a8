/* rules/vsl/unicode.h: letters and white space beyond ASCII. A cellar. */
#ifndef VSL_UNICODE_H
#define VSL_UNICODE_H

#include "../../base/base.h"

/* Simple case mapping: one code point to one; those without a partner stay. */
uint32_t unicode_upper(uint32_t c);
uint32_t unicode_lower(uint32_t c);
bool unicode_is_space(uint32_t c); /* the property White_Space */
str unicode_trim(str s);           /* without white space at both ends; s valid UTF-8 */

#endif
