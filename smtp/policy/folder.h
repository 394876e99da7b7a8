/* smtp/policy/folder.h: files that rules write below app.dirpath (write(), dump()). */
#ifndef POLICY_FOLDER_H
#define POLICY_FOLDER_H

#include "../../vsmtp.h"

struct folder_file {
  int dir, fd;
  char name[160], tmp[170];
};

/* Begins root/dir/name+suffix, making the folders of dir that are missing; nothing of dir may be
 * ".." or a symbolic link. The file appears whole, under its name, with folder_finish. -1 with e.
 */
int folder_create(struct folder_file *f, str root, str dir, str name, str suffix, struct err *e);
int folder_write(struct folder_file *f, str text, struct err *e);
int folder_finish(struct folder_file *f, bool keep,
                  struct err *e); /* always needed; -1 if not kept */

#endif
