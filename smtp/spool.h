/* smtp/spool.h: the folders a server needs: made before it serves, and looked at in case somebody
 * else made them.
 *
 * The law: no path that root uses ends in a folder of somebody else, who could have put a link
 * there. As root a thing is done only where every folder on the way is root's alone; all else is
 * done as the server's user (privilege_lend).
 */
#ifndef SMTP_SPOOL_H
#define SMTP_SPOOL_H

#include "conf.h"

/* Is nobody but root able to change what this folder holds, or any above it? It may not be there
 * yet. */
bool spool_is_roots(str folder);

/* Makes a folder, and those above it that are missing. What root makes is given to the server's
 * user; those above are for everybody to enter. */
int spool_make_folder(const struct conf *conf, str path, mode_t mode, struct err *e);

/* The queue's folder with the one of `sendmail`, the rules' folder, and in that the mailboxes' with
 * the one of the postmaster, whom every domain must have (RFC 5321 §4.5.1). For the server, and for
 * a verb that comes before its first start. */
int spool_make(const struct conf *conf, struct err *e);

/* Looks at those that are there, as whoever calls: each that he cannot use is said, with its owner
 * and what to type. About file as a whole. Gives how many faults it found, warnings aside. */
size_t spool_judge(const struct conf *conf, str file, struct diags *d);

#endif
