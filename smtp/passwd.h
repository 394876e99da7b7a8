/* smtp/passwd.h: users and groups of the machine, read from their files without the name service
 * switch: a static program must not load libraries for it, and the helper must not ask a network.
 * Lines that are malformed are passed over.
 */
#ifndef SMTP_PASSWD_H
#define SMTP_PASSWD_H

#include "../base/base.h"

#define PASSWD_FILE  path_system("/etc/passwd")
#define PASSWD_GROUP path_system("/etc/group")

struct passwd_entry {
  str name;
  uint32_t uid, gid;
  str home;    /* absolute, or empty */
  str comment; /* whoever it is: the full name and more */
};

/* Texts are allocated from a. 0 found, 1 there is no such user; -1: cannot be read, e says why. */
int passwd_user(str file, str name, struct arena *a, struct passwd_entry *out, struct err *e);
int passwd_uid(str file, uint32_t uid, struct arena *a, struct passwd_entry *out, struct err *e);
int passwd_group(str file, str name, uint32_t *gid, struct err *e);

#endif
