/* rules/vsl/json.h: JSON text to values and back (RFC 8259). A cellar. */
#ifndef VSL_JSON_H
#define VSL_JSON_H

#include "vsl.h"

struct json_fault {
  size_t at; /* byte of the text */
  const char *what;
};
/* Reads the whole text, valid UTF-8, one object; *out owned. -1: fault says what and where; what
 * NULL: no memory. Stricter than the RFC asks: a key may occur once in an object. */
int json_read(struct region *r, str text, struct value *out, struct json_fault *fault);
/* -1: nested too deep, or the buffer is full. What JSON has no word for is written as its text. */
int json_write(struct value v, struct buf *out);
int json_add(struct registry *g); /* parse_json and to_json */

#endif
