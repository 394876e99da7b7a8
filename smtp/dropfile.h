/* smtp/dropfile.h: a mail left in the folder `drop` by `sendmail`: the format of its file. Pure.
 *
 *   vsmtp drop 1 LF
 *   from ADDRESS LF               absent: whoever owns the file; nothing behind it: the null sender
 *   to ADDRESS LF                 once or more; the address may lack its domain
 *   envid TEXT LF                 RFC 3461, each as it stands behind its "=" in MAIL and RCPT;
 *   ret FULL|HDRS LF              absent: not asked for
 *   notify LIST LF
 *   LF
 *   the message, every line with CR LF
 *   LF vsmtp drop end, the number of octets of the message in 20 digits, LF
 *
 * The last line is written last: a file without it is not whole.
 */
#ifndef SMTP_DROPFILE_H
#define SMTP_DROPFILE_H

#include "../vsmtp.h"

struct dropfile {
  bool has_from;
  str from;
  str *to; /* in the arena */
  size_t to_count;
  str envid, ret, notify; /* empty: none */
  uint64_t at, octets;    /* where the message begins, and its size */
};

#define DROPFILE_HEAD_MAX                                                                          \
  (LIMIT_DROP_RCPT * (LIMIT_PATH + 8) + 4096) /* octets before the message */
#define DROPFILE_END 37                       /* octets of the last line */

/* The first lines, up to the empty one; d->octets is for the end to say. */
void dropfile_write_head(const struct dropfile *d, struct buf *out);
void dropfile_write_end(uint64_t octets, struct buf *out);

/* head: the first octets of the file, at most DROPFILE_HEAD_MAX of them; end: the last
 * DROPFILE_END; size: of the file. Texts borrow head. ERR_SYNTAX: no drop file, or not whole;
 * ERR_NOMEM. */
int dropfile_parse(str head, str end, uint64_t size, struct arena *a, struct dropfile *out,
                   struct err *e);
/* Is this the last line of a file of that size? */
bool dropfile_is_whole(str end, uint64_t size, uint64_t *octets);

#endif
