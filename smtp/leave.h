/* smtp/leave.h: a mail left in the drop folder, where the server finds it, also if it is down
 * now. */
#ifndef SMTP_LEAVE_H
#define SMTP_LEAVE_H

#include "dropfile.h"
#include "submit.h"

struct leave_options {
  str folder;                   /* the drop folder */
  struct submit_options submit; /* how its text becomes a mail */
  struct dropfile envelope;     /* recipients of the header are added */
};

/* Begins zeroed. */
struct leave {
  const struct leave_options *o; /* borrows */
  struct arena *arena;           /* borrows */
  struct submit submit;
  struct buf out;
  char *path; /* owned; of the file, once there is one */
  int fd;
  uint64_t octets; /* of the message so far */
};

void leave_begin(struct leave *l, const struct leave_options *o, struct arena *a);
/* The text as it comes, any line ends. -1: nothing was left. ERR_SYNTAX it is no mail, ERR_PERM the
 * folder is not for us, ERR_TEMP there is none, ERR_FULL, ERR_IO, ERR_NOMEM. */
int leave_text(struct leave *l, str text, struct err *e);
bool leave_is_over(const struct leave *l);     /* a dot ended it: nothing more is taken */
int leave_end(struct leave *l, struct err *e); /* it is in the folder, synced; else as above */
void leave_free(struct leave *l);              /* a mail that leave_end did not end goes */

#endif
