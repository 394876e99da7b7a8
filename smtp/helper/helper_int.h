/* smtp/helper/helper_int.h: what the two sides of the helper say to each other. */
#ifndef HELPER_HELPER_INT_H
#define HELPER_HELPER_INT_H

#include "helper.h"

/* Packets of fixed size; texts end with a NUL. The helper believes nothing of an order: whoever
 * took the server over could have written it. */

#define HELPER_USER_MAX   64
#define HELPER_NAME_MAX   128
#define HELPER_TEXT_MAX   256
#define HELPER_DELIVER_MS 300000 /* after this a child is killed */
#define HELPER_GIVE_UP_MS 270000 /* and before it ends by itself, leaving the mailbox as it was */
#define HELPER_RUN_MS_MAX 3600000
#define HELPER_HEAD_MAX   4096 /* lines on top of a mail */
#define HELPER_UID_MIN    1000 /* people, by the custom of Debian, Alpine and OpenWrt */
#define HELPER_UID_NOBODY 65534

enum helper_kind { HELPER_DELIVER, HELPER_RUN, HELPER_SERVICE, HELPER_SEALED };

/* The pipe with the mail comes with it (SCM_RIGHTS). */
struct helper_order {
  uint8_t kind; /* HELPER_DELIVER; the kind and the id are where all packets have them */
  uint8_t into, format, first;
  uint32_t id;   /* never 0 */
  uint64_t size; /* octets that follow on the pipe */
  char user[HELPER_USER_MAX];
  char local[LIMIT_LOCAL_PART + 1];
  char domain[LIMIT_DOMAIN + 1];
  char name[HELPER_NAME_MAX];
  char sender[LIMIT_PATH + 1];
};

/* The writing end of a pipe comes with it: when the server closes the other one the command is
 * killed. */
struct helper_run_order {
  uint8_t kind;   /* HELPER_RUN */
  uint8_t output; /* the pipe is its standard output */
  uint32_t id;
  uint32_t service, n_args, size; /* size: octets of args in use */
  char args[LIMIT_PROGRAM_ARGS];  /* n_args texts, a NUL behind each */
};

/* One row of the list; after HELPER_SEALED there is no further one. */
struct helper_service_order {
  uint8_t kind;  /* HELPER_SERVICE or HELPER_SEALED */
  uint8_t fixed; /* with args; an order that has some is refused */
  uint32_t id;   /* 0 */
  uint32_t n_args, size;
  int64_t timeout;
  char command[LIMIT_PROGRAM_PATH];
  char args[LIMIT_PROGRAM_WORDS];
  char user[HELPER_USER_MAX], group[HELPER_USER_MAX]; /* empty: the server's own */
};

union helper_packet {
  uint8_t kind;
  struct helper_order deliver;
  struct helper_run_order run;
  struct helper_service_order service;
};
size_t helper_packet_size(unsigned kind); /* helper_order.c; 0: no such packet */

struct helper_answer {
  uint32_t id;
  uint8_t outcome; /* enum helper_outcome */
  uint8_t ran;     /* a command ran: value is its exit code, or the signal that ended it */
  uint8_t signaled;
  int32_t value;
  char text[HELPER_TEXT_MAX]; /* of a child: empty until it has said its last word */
};

/* helper_order.c. A part of the path of a mailbox folder: small letters, digits, . _ + -, not
 * beginning with a dot: so neither "..", nor a hidden file, nor a '/'. And likewise the name of a
 * file. */
bool helper_part_ok(const char *part);
/* A name of /etc/passwd, without ':' and '/', whatever else. */
bool helper_user_ok(const char *user);

/* helper_folder.c. Where root begins on its way to the mailboxes: called once, as root, by whom
 * nobody can have led astray yet. *below: the rest of the path, borrowed from conf. -1: nowhere. */
#define HELPER_ANCHOR_FD 4 /* where the helper and its children have it */
int helper_folder_anchor(const struct helper_conf *conf, str *below);
/* The folder of a mailbox. -1 with e: ERR_PERM there is none. */
int helper_folder_open(const struct helper_conf *conf, int anchor, const char *domain,
                       const char *local, struct err *e);
/* Whose it is, and his group: the server's user or a person; for anybody else -1. */
struct passwd_entry;
int helper_folder_owner(const struct helper_conf *conf, const struct helper_order *order, int dir,
                        struct arena *a, struct passwd_entry *p, struct err *e);
/* The server itself is root, and so are its folders. */
bool helper_root_serves(const struct helper_conf *conf);

/* helper_child.c: what a child does, from its fork to its end; the outcome goes to answer, memory
 * it shares with the helper. */
_Noreturn void helper_child_deliver(const struct helper_conf *conf, const struct helper_order *o,
                                    int mail, struct helper_answer *answer);
/* output: what becomes its standard output; -1: that is lost. */
_Noreturn void helper_child_run(const struct helper_conf *conf,
                                struct helper_service_order *service, struct helper_run_order *o,
                                int output, struct helper_answer *answer);
void helper_close_from(int first); /* closes all descriptors from first on */
/* Only looks whether it could be run. */
_Noreturn void helper_child_try(const struct helper_conf *conf,
                                const struct helper_service_order *service,
                                struct helper_answer *answer);

/* Are they n texts, a NUL behind each, that fill size octets? Where they begin goes to argv unless
 * that is NULL. */
bool helper_args_ok(char *args, uint32_t n, uint32_t size, char **argv);

/* helper_process.c: the life of the helper, from the fork to its end. Texts of its conf end with a
 * NUL and none is missing. */
_Noreturn void helper_process(int fd, const struct helper_conf *conf);

#endif
