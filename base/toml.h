/* base/toml.h: what the three files of the TOML reader share; never leaves base/.
 *
 * toml_text.c   the cursor, blanks and comments, strings
 * toml_number.c integers, floats, booleans, times
 * toml.c        keys, arrays, tables
 */
#ifndef BASE_TOML_H
#define BASE_TOML_H

#include "base.h"

enum {
  TOML_DEPTH = 64 /* of nested values, and of the parts of one dotted key */
};

struct toml_reader {
  struct arena *arena;
  str file, source;
  struct diags *diags;
  const char *p, *end; /* where we are in source */
  const char *place;   /* a place whose position is known, so that the next costs little */
  int line, column;    /* of place */
  int depth;           /* of nested arrays and inline tables */
  bool broken;         /* an error stood inside something that may span lines */
};

/* Reports a fault at a place of the source; -1. */
int toml_text_fail(struct toml_reader *r, const char *at, const char *fmt, ...) BASE_PRINTF(3, 4);
int toml_text_nomem(struct toml_reader *r);
void toml_text_place(struct toml_reader *r, const char *at, int *line, int *column);

bool toml_text_at(const struct toml_reader *r, char c); /* is c the next byte? */
bool toml_text_at_newline(const struct toml_reader *r);
void toml_text_blank(struct toml_reader *r);      /* skips space and TAB */
int toml_text_newline(struct toml_reader *r);     /* one line end, or end of text, must follow */
int toml_text_comment(struct toml_reader *r);     /* skips a comment up to its line end, if any */
int toml_text_blank_lines(struct toml_reader *r); /* blanks, line ends and comments */

/* A string of any of the four forms; keys may not be of the two long ones. */
int toml_text_string(struct toml_reader *r, bool key, str *out);
/* Any other single value. */
int toml_number_read(struct toml_reader *r, struct toml *out);

#endif
