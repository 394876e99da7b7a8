/* rules/field.h: the text of header fields that rules write (RFC 5322 §2.2, §3.4). */
#ifndef RULES_FIELD_H
#define RULES_FIELD_H

#include "../base/base.h"

bool field_name_valid(str name);
/* The value as it will be written after "name: ": line ends that begin no folded line are refused,
 * long lines folded at 78. -1 with e. */
int field_value(str name, str value, struct buf *out, struct err *e);

/* A value as it stands in a message, on one line (RFC 5322 §2.2.3), without space at its ends. */
void field_unfold(str raw, struct buf *out);

/* Edits of an address list such as the value of To. A mailbox is recognised by its address; names,
 * comments and groups around it stay as they are. True when `address` was there. */
bool field_list_replace(str list, str address, str with, struct buf *out);
bool field_list_remove(str list, str address, struct buf *out);
void field_list_add(str list, str address, struct buf *out);

#endif
