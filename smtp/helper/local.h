/* smtp/helper/local.h: one mail into a Maildir or an mbox. It blocks: only the helper's children
 * call it, when they have become the mailbox's owner already. */
#ifndef HELPER_LOCAL_H
#define HELPER_LOCAL_H

#include "../../vsmtp.h"

struct local_mail {
  int in;             /* the mail, lines on top included, comes from here */
  uint64_t size;      /* octets that must come, else nothing is delivered */
  const char *name;   /* of the file in a Maildir; no '/' */
  const char *sender; /* for the From_ line of an mbox; "" for <> */
  bool first;         /* certainly not delivered before (helper.h) */
  int64_t group;      /* given the files, or -1 */
  int64_t until;      /* clock_mono by which all must have come and be locked */
};

/* Both give 0, or -1 and leave the mailbox as it was. ERR_PERM: never. Else: later. dir is a
 * descriptor of the folder that holds the mailbox; what is missing is made. CRLF becomes LF. */
int local_maildir(int dir, const struct local_mail *m, struct err *e); /* dir/Maildir */
int local_mbox(int dir, const char *file, const struct local_mail *m, struct err *e);

#endif
