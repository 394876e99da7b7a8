/* smtp/alias.h: which addresses stand for which others: [app.aliases] and the aliases file.
 *
 * An alias is a mailbox "sales@home.example", which wins over an account, a user or a folder of
 * that name, or a catch-all "@home.example", which takes what nobody else in that domain would. A
 * label behind '+' is not looked at unless an alias or a mailbox has it in its name. Targets may be
 * aliases again; a circle ends where it began, so `alice = ["alice", "bob"]` keeps a copy with
 * Alice.
 */
#ifndef SMTP_ALIAS_H
#define SMTP_ALIAS_H

#include "../vsmtp.h"

struct conf;
struct store;

/* A target: whoever has the oldest account, and until there is one the mailbox "postmaster", which
 * every server has. It is what `vsmtp init` writes, before anybody is there. No address looks like
 * that. */
#define ALIAS_FIRST_ACCOUNT "first account"

struct alias {
  str address;  /* local@domain or @domain */
  str *targets; /* mailboxes; "\" in front: that mailbox, whatever aliases say; of a catch-all also
                   "@domain": the same local part there */
  size_t n;
  str file, source; /* where it stands, for faults; source is the file's whole text */
  int line, column;
};
struct aliases {
  struct alias *list; /* sorted by address, without regard to case, once it was completed */
  size_t n, size;
};

/* ---- alias.c: making the table --------------------------------------------------------------- */

/* What is wrong with a name or a target as it was written, one without domain being good; NULL:
 * nothing. In a, which may run out: then that is the fault. */
const char *alias_name_fault(str name, struct arena *a);
const char *alias_target_fault(str target, bool of_domain, struct arena *a);
/* Adds a copy; everything in a. -1: no memory. */
int alias_add(struct aliases *t, const struct alias *one, struct arena *a);
/* All were added: names without domain get this one, the list is sorted. An address given twice, or
 * one that can get no mail, is a fault. -1 after at least one error. */
int alias_complete(struct aliases *t, const struct conf *conf, struct diags *d);
/* The row of exactly this address or "@domain", or NULL. */
const struct alias *alias_find(const struct aliases *t, str address);
/* A fault or a warning about one row, where it stands: "mail for ADDRESS why". */
void alias_say(struct diags *d, bool warning, const struct alias *one, const char *why);

/* alias_file.c: adds what a file in the format of aliases(5) says. Programs, files and lists in
 * other files are faults. -1 after at least one error. */
int alias_file_parse(struct aliases *t, str file, str source, struct arena *a, struct diags *d);

/* ---- alias_walk.c: using it ------------------------------------------------------------------ */

struct alias_end {
  str address;
  int known; /* 1: a mailbox here, or an address elsewhere; 0: nobody; -1: cannot be told now */
};
struct alias_ends {
  struct alias_end *end;
  size_t n;
  const struct alias *by; /* the first alias on the way; NULL: the address is its own end */
};
/* Who gets the mail of an address, everybody once, at most LIMIT_ALIAS_TARGETS; texts in a. store
 * knows the accounts. -1 with e: no memory, or ERR_PERM: too many. */
int alias_expand(const struct conf *conf, struct store *store, str address, struct arena *a,
                 struct alias_ends *out, struct err *e);
/* Is the address the account's own: its name, its name with a label, or an alias that leads
 * there? */
bool alias_leads_to(const struct conf *conf, str address, str account);
/* The same where the store can say which account is the first. */
bool alias_leads_now_to(const struct conf *conf, struct store *store, str address, str account);
/* Says in d which aliases lead to nobody, for `check`. store as above; NULL: there are no accounts.
 */
void alias_check(const struct conf *conf, struct store *store, struct diags *d);

#endif
