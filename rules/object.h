/* rules/object.h: the objects of VSL (rules/README.md#objects): ip4 … code, and how they compare.
 *
 * An object is immutable. A `string` object is an ordinary string. All kinds are one struct; which
 * kind it is says its struct object_type, a row of object_types. */
#ifndef RULES_OBJECT_H
#define RULES_OBJECT_H

#include "ip.h"
#include "rules.h"
#include "vsl/vsl.h"

/* ORDER OBJECT_KIND: object_wants and object_types in object.c, and match.c. */
enum object_kind {
  OBJECT_IP4,
  OBJECT_IP6,
  OBJECT_RG4,
  OBJECT_RG6,
  OBJECT_FQDN,
  OBJECT_ADDRESS,
  OBJECT_IDENTIFIER,
  OBJECT_REGEX,
  OBJECT_FILE,
  OBJECT_GROUP,
  OBJECT_CODE,
  OBJECT_KINDS
};
extern const struct object_type object_types[OBJECT_KINDS];

struct regex;

struct thing {
  struct object object;
  struct value text;  /* the string it is written as; () for file and group */
  struct value items; /* file, group: an array of objects and strings; else () */
  int depth;          /* group: how deep groups are nested in it; bounds all recursion */
  union {
    struct ip ip;
    struct ip_range range;
    size_t at;           /* address: offset of the domain's @ in the text; its length: no domain */
    struct regex *regex; /* in the region */
    struct {
      int basic;
      uint32_t enhanced, enhanced_n; /* slice of the text */
      uint32_t reply, reply_n;       /* likewise, what is said */
    } code;
  } as;
};

/* The word after `object NAME`, or -1. `string` is not among them. */
int object_kind_of_word(str word);
bool object_is_kind(struct value v, enum object_kind k);
bool object_is_any(struct value v);                      /* of any kind of object_types */
static inline struct thing *object_thing(struct value v) /* of one of object_types */
{
  return (struct thing *)(void *)v.as.object;
}
/* The text of a string or scalar object; false for all else. Borrows. */
bool object_text(struct value v, str *out);

/* An object of a kind that is written as text, checked. On failure VALUE_NONE: e says why
 * (ERR_SYNTAX: the text is not valid), nothing was raised. */
struct value object_of_text(struct region *r, enum object_kind k, str text, struct err *e);
/* An address as the server holds it: not checked, empty and without domain allowed. */
struct value object_address(struct region *r, str text);
void object_address_parts(struct value address, str *local, str *domain);

/* A code object or text like "451 4.7.1 later" as a code object; raises. VALUE_NONE: raised. */
struct value object_code(struct fiber *f, struct value v);
/* Parts of a code object; slices borrow from it. */
void object_code_parts(struct value code, struct rules_code *out);
struct value object_of_code(struct region *r, struct rules_code code);

/* ---- match.c --------------------------------------------------------------------------------- */

/* 1, 0, -1 raised; -2: these two cannot be compared, nothing raised. */
int match_equals(struct fiber *f, struct value a, struct value b);
/* item in container: 1, 0, or raises. */
int match_contains(struct fiber *f, struct value container, struct value item);
/* Looked for in an array, a list is found by what is in it, all else by being equal. */
int match_within(struct fiber *f, struct value self, struct value element);
/* Is item among `hosts`: anything usable on the right of `in`, an array of such, or a text, which
 * here is an address or a range, never a part of one? What cannot be compared is no match. */
int match_among(struct fiber *f, struct value item, struct value hosts);

/* ---- tables ---------------------------------------------------------------------------------- */

extern const struct native object_natives[];
extern const size_t object_natives_count;
extern const char *const object_words[], *const object_content_words[];

#endif
