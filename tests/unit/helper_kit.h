/* tests/unit/helper_kit.h: a helper of our own, in a folder with mailboxes and users. */
#ifndef TESTS_UNIT_HELPER_KIT_H
#define TESTS_UNIT_HELPER_KIT_H

#include "../../smtp/helper/helper.h"
#include "../../smtp/helper/helper_int.h"
#include "../check.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { OWNER = 12345, OTHER = 12346 };

static struct loop *l;
static struct helper *h;
static char path[500];

static inline const char *in_folder(const char *name)
{
  snprintf(path, sizeof path, "%s/%s", check_folder(), name);
  return path;
}

static inline void make_folder(const char *name, uint32_t uid)
{
  CHECK_INT(mkdir(in_folder(name), 0700), 0);
  if (geteuid() == 0) CHECK_INT(chown(path, uid, uid), 0);
}

/* Users p (a person), s (a system user), r (root by another name), n (nobody). */
static inline void make_passwd(void)
{
  FILE *f = fopen(in_folder("passwd"), "w");
  uint32_t uid = geteuid() ? geteuid() : OWNER;
  fprintf(f, "p:x:%u:%u::%s/home:/bin/sh\n", uid, geteuid() ? getegid() : OWNER, check_folder());
  fprintf(f, "q:x:%u:%u::%s/home:/bin/sh\n", OTHER, OTHER, check_folder());
  fprintf(f, "s:x:999:999::%s/home:/bin/sh\nr:x:0:0::%s/home:/bin/sh\n", check_folder(),
          check_folder());
  fprintf(f, "n:x:65534:65534::%s/home:/bin/sh\n", check_folder());
  fclose(f);
}

static const char *server_user = "q";

static inline bool begin(void)
{
  struct err e = {.kind = ERR_NONE};
  static char boxes[400], passwd[400], spool[400];
  chmod(check_folder(), 0755);
  snprintf(boxes, sizeof boxes, "%s/mailboxes", check_folder());
  snprintf(passwd, sizeof passwd, "%s/passwd", check_folder());
  snprintf(spool, sizeof spool, "%s/spool", check_folder());
  make_passwd();
  make_folder("home", OWNER);
  make_folder("spool", OWNER);
  make_folder("mailboxes", 0);
  make_folder("mailboxes/home.example", 0);
  make_folder("mailboxes/home.example/alice", OWNER);
  struct helper_conf conf = {.mailboxes = str_of(boxes),
                             .mbox_dir = str_of(spool),
                             .server_user = str_of(server_user),
                             .passwd = str_of(passwd)};
  h = helper_start(&conf, &e);
  l = loop_new(&e);
  return CHECK(h && l) && CHECK_INT(helper_attach(h, l, &e), 0);
}

static inline void finish(void)
{
  struct err e;
  helper_free(h);
  while (waitpid(-1, NULL, 0) > 0) {} /* it ends by itself */
  loop_turn(l, 0, &e);
  loop_free(l);
}

/* One delivery and what became of it. */

static struct buf content = BUF_INIT(1 << 20);

static inline str content_of(const char *name)
{
  struct err e;
  buf_free(&content);
  if (file_read(str_of(in_folder(name)), 1 << 20, &content, &e)) return STR("<no file>");
  return buf_str(&content);
}

#define ALICE "mailboxes/home.example/alice"

#endif
