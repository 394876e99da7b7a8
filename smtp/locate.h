/* smtp/locate.h: which mailbox of this machine a recipient has. */
#ifndef SMTP_LOCATE_H
#define SMTP_LOCATE_H

#include "../sqlite/store.h"
#include "conf.h"
#include "helper.h"

struct locate {
  enum helper_place place;
  str user;          /* HELPER_USER: the system user's name */
  str local, domain; /* HELPER_FOLDER: parts of its path, in small letters */
  bool to_make;      /* an account whose folder is not there yet: see locate_make */
};

/* A label behind '+' is looked at only if there is a mailbox with it. 1: found; 0: there is no such
 * mailbox; -1: it cannot be told now (no memory, no descriptor, no right to look), so nobody may be
 * refused for ever. The folders and /etc/passwd are asked each time, so a mailbox exists from the
 * moment its folder is made. store has the accounts; NULL: there are none. Texts in out come from
 * a. */
int locate_mailbox(const struct conf *conf, struct store *store, str address, struct arena *a,
                   struct locate *out);

/* Makes the folder of a mailbox that was found, if it must be. */
int locate_make(const struct conf *conf, const struct locate *where, struct arena *a,
                struct err *e);

/* The same for the postmaster of server.domain, whom every server must have. */
int locate_make_postmaster(const struct conf *conf, struct err *e);

/* Is there such a system user, with a uid from 1000 on? */
bool locate_system_user(str name);

/* The folder that holds all mailboxes, app.dirpath/mailboxes; in a. */
str locate_root(const struct conf *conf, struct arena *a);
/* And in it that of a domain. */
str locate_domain_folder(const struct conf *conf, str domain, struct arena *a);

#endif
