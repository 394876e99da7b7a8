/* smtp/header.h: the header block of a message, in memory and editable (RFC 5322 §2.2).
 *
 * A header is a list of fields, each kept exactly as it arrived. Editing replaces whole fields, so
 * what no rule touched leaves octet for octet as it came.
 */
#ifndef SMTP_HEADER_H
#define SMTP_HEADER_H

#include "../vsmtp.h"

struct header_field {
  str name;  /* points into raw */
  str raw;   /* "Name: value CRLF", with folded lines, to the last CRLF */
  bool set;  /* made by header_set: it stands for the one field of its name */
  str value; /* unfolded, once somebody asked; p NULL before */
};

struct header {
  struct arena *arena; /* borrows: owns the texts */
  struct header_field *fields;
  size_t n, size;
  size_t octets; /* sum of raw */
};

/* Whether a line (with or without its CRLF) can begin a field: printable ASCII without spaces up
 * to a colon (spaces before the colon are let pass, RFC 5322 §4.5). */
bool header_line_starts_field(str line);

/* Splits a whole block, each line with its CRLF. ERR_SYNTAX when a line is neither a field nor a
 * continuation, ERR_PERM over LIMIT_HEADER_FIELDS or LIMIT_HEADER_BYTES. */
int header_parse(struct header *h, str block, struct err *e);

size_t header_count(const struct header *h, str name);
/* The nth field of that name (from 0, any case), or NULL. */
struct header_field *header_find(const struct header *h, str name, size_t nth);
/* A field's value: unfolded as RFC 5322 §2.2.3 says, without leading and trailing white space. It
 * is made once, in a, and then kept; without memory for that it is what stands behind the colon. */
str header_value(struct header_field *f, struct arena *a);

/* Each makes one field of name and value, which stand as they are: "name: value CRLF". -1: no
 * memory, or over the limits. */
int header_append(struct header *h, str name, str value, struct err *e);
int header_prepend(struct header *h, str name, str value, struct err *e);
int header_set(struct header *h, str name, str value, struct err *e); /* the first, else append */
/* Puts f in the place of the first field of its name; false if there is none. */
bool header_replace(struct header *h, struct header_field f);
/* Puts the fields of front before all of h. */
int header_join(const struct header *front, struct header *h, struct err *e);
size_t header_remove(struct header *h, str name); /* all of that name; how many */
void header_remove_at(struct header *h, size_t i);

void header_write(const struct header *h, struct buf *out); /* the block, without the blank line */

#endif
