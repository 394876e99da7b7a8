/* smtp/subject.h: header text for people (RFC 2047). */
#ifndef SMTP_SUBJECT_H
#define SMTP_SUBJECT_H

#include "../vsmtp.h"

/* The text with its encoded words decoded, valid UTF-8 in any case; what cannot be decoded stays as
 * it is. In a. */
str subject_decode(str text, struct arena *a);

#endif
