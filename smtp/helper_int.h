/* smtp/helper_int.h: what the two sides of the helper say to each other. */
#ifndef SMTP_HELPER_INT_H
#define SMTP_HELPER_INT_H

#include "helper.h"

/* Packets of fixed size; texts end with a NUL. The helper believes nothing of an order: whoever
 * took the server over could have written it. */

#define HELPER_USER_MAX   64
#define HELPER_NAME_MAX   128
#define HELPER_TEXT_MAX   256
#define HELPER_DELIVER_MS 300000 /* after this a child is killed */
#define HELPER_GIVE_UP_MS 270000 /* and before it ends by itself, leaving the mailbox as it was */
#define HELPER_HEAD_MAX   4096   /* lines on top of a mail */
#define HELPER_UID_MIN    1000   /* people, by the custom of Debian, Alpine and OpenWrt */
#define HELPER_UID_NOBODY 65534

/* The pipe with the mail comes with it (SCM_RIGHTS). */
struct helper_order {
  uint32_t id; /* never 0 */
  uint8_t place, format, first;
  uint64_t size; /* octets that follow on the pipe */
  char user[HELPER_USER_MAX];
  char local[LIMIT_LOCAL_PART + 1];
  char domain[LIMIT_DOMAIN + 1];
  char name[HELPER_NAME_MAX];
  char sender[LIMIT_PATH + 1];
};

struct helper_answer {
  uint32_t id;
  uint8_t outcome;
  char text[HELPER_TEXT_MAX];
};

/* A part of the path of a mailbox folder: small letters, digits, . _ + -, not beginning with a dot:
 * so neither "..", nor a hidden file, nor a '/'. And likewise the name of a file. */
bool helper_part_ok(const char *part);
/* A name of /etc/passwd, without ':' and '/', whatever else. */
bool helper_user_ok(const char *user);

/* helper_process.c: the life of the helper, from the fork to its end. */
_Noreturn void helper_process(int fd, const struct helper_conf *conf);

#endif
