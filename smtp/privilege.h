/* smtp/privilege.h: what the serving process may do. */
#ifndef SMTP_PRIVILEGE_H
#define SMTP_PRIVILEGE_H

#include "conf.h"

/* Becomes server.system.user and group for good, and proves that there is no way back. Not started
 * as root: only gives up gaining privileges. Root stays root only where user = "root" says so. */
int privilege_drop(const struct conf *conf, struct err *e);

/* The step they share with the helper's children: the groups, then the group, then the user, each
 * read back. more (of n) are additional groups. */
int privilege_become(uint32_t uid, uint32_t gid, const uint32_t *more, size_t n, struct err *e);

/* Before privilege_drop: what lies in folders of the server's user is touched by that user, never
 * by root, whom a link that he put there could lead anywhere. Between these two root acts as him;
 * whoever is not root, or stays root, goes on as he is. The second cannot fail but by a fault of
 * the system. */
int privilege_lend(const struct conf *conf, struct err *e);
int privilege_resume(const struct conf *conf, struct err *e);

#endif
