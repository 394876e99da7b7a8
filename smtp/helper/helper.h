/* smtp/helper/helper.h: acting as other users. */
#ifndef SMTP_HELPER_H
#define SMTP_HELPER_H

#include "../../base/base.h"
#include "../../net/net.h"
#include "../conf/conf.h"

/* ---- privilege.c --------------------------------------------------------------------------------
 * What the serving process may do. */
/* Becomes server.system.user and group for good, and proves that there is no way back. Not started
 * as root: only gives up gaining privileges. Root stays root only where user = "root" says so. */
int privilege_give_up(const struct conf *conf, struct err *e);

/* The step they share with the helper's children: the groups, then the group, then the user, each
 * read back. more (of n) are additional groups. */
int privilege_become(uint32_t uid, uint32_t gid, const uint32_t *more, size_t n, struct err *e);

/* Before privilege_give_up: what lies in folders of the server's user is touched by that user,
 * never by root, whom a link that he put there could lead anywhere. Between these two root acts as
 * him; whoever is not root, or stays root, goes on as he is. The second cannot fail but by a fault
 * of the system. */
int privilege_lend(const struct conf *conf, struct err *e);
int privilege_resume(const struct conf *conf, struct err *e);

/* ---- daemon.c -----------------------------------------------------------------------------------
 * Leaving the terminal, but not before all is well. */
/* Forks. The child goes on with the descriptor daemon_ready wants; the parent waits until the child
 * is ready or ended and gets -1, with *code what to exit with. So every error of the start is seen
 * by whoever started the server. */
int daemon_begin(int *code);
/* The child is serving: the parent exits 0, and the terminal is let go. */
void daemon_ready(int fd);

/* ---- helper.c -----------------------------------------------------------------------------------
 * The small process that acts as other users.
 *
 * A server started as root forks it before it reads rules or opens a socket, and then gives up its
 * own privileges; the helper keeps them and does two things only, each in a child of its own that
 * becomes the user first: store one mail in a mailbox, run one declared command. Not started as
 * root: the same without the change of user.
 *
 * The two talk over a socketpair in packets of fixed size; a mail follows on a pipe. When the
 * server ends the helper finishes what it has whole and ends too. When the helper dies every job
 * fails with HELPER_TEMP, and so does every later one: there cannot be another without root. */
struct helper;

struct helper_conf {
  str mailboxes;   /* absolute path of app.dirpath/mailboxes; need not exist yet */
  str mbox_dir;    /* where users' mboxes are; empty: /var/mail */
  str server_user; /* server.system.user, who may own mailbox folders; may be unknown */
  str local_group; /* server.system.group_local, or empty */
  str passwd;      /* empty: /etc/passwd */
  str below;       /* the helper's own: of mailboxes, what is below its anchor */
};
/* Forks. Call it first of all: before the loop, the log files, the rules, any socket. */
struct helper *helper_start(const struct helper_conf *conf, struct err *e);
/* From now on answers are heard. Call it once, when there is a loop. */
int helper_attach(struct helper *h, struct loop *l, struct err *e);
/* fn is called from the loop when the helper dies before it was told to end. */
void helper_on_death(struct helper *h, void (*fn)(void *arg), void *arg);
/* The helper hears it and ends by itself. Jobs not done are forgotten: no callback. */
void helper_free(struct helper *h);

enum helper_outcome {
  HELPER_OK,
  HELPER_TEMP, /* later it may work: full disk, quota, lock, no helper */
  HELPER_PERM  /* no such user or mailbox, refused for ever */
};

/* ---- deliver --------------------------------------------------------------------------------- */
enum helper_into {
  HELPER_USER,  /* the system user `user`: ~/Maildir, or the system's mbox */
  HELPER_FOLDER /* the folder mailboxes/<domain>/<local>: its Maildir, or its file mbox */
};
enum helper_format { HELPER_MAILDIR, HELPER_MBOX };

/* All slices are borrowed during helper_deliver only. */
struct helper_delivery {
  enum helper_into into;
  enum helper_format format;
  str user;          /* of HELPER_USER */
  str local, domain; /* of HELPER_FOLDER: letters, digits, . _ + - and no leading dot, else PERM;
                        capitals are made small */
  str name;   /* of the file: message id "." recipient number; [0-9a-z.-] only. A file of that name
                 already in new or cur means it was delivered before: HELPER_OK */
  str sender; /* for the From_ line of an mbox; empty for <> */
  str head;   /* lines to put on top (Return-Path, Delivered-To), with CRLF, as text */
  bool first; /* nobody can have tried to deliver this before, also no server that crashed: cur is
                    not searched for the name. When in doubt, false */
  uint64_t size; /* octets of the mail without head: fewer are never delivered */
};
/* Gives bytes [at, at + n) of the mail, or as many as it likes of them from `at` on, without
 * waiting. Returns their number (at least 1 before the end); -1 gives the delivery up
 * (HELPER_TEMP). Called from the loop. CRLF becomes LF on disk. */
typedef ptrdiff_t helper_body_fn(void *arg, uint64_t at, char *p, size_t n);
/* Called once from the loop. text says why not, without CR and LF; borrowed. */
typedef void helper_done_fn(void *arg, enum helper_outcome outcome, str text);

size_t helper_room(const struct helper *h); /* jobs it would take now; 0: wait for one to end.
                                               When the helper is dead: any, all fail */
/* -1 when it was not taken (ERR_TEMP: no room, no helper; ERR_PERM: a name that can never be): then
 * done is not called. On success *job can be cancelled until done was called; job may be NULL. */
struct helper_job;
int helper_deliver(struct helper *h, const struct helper_delivery *what, helper_body_fn *body,
                   helper_done_fn *done, void *arg, struct helper_job **job, struct err *e);
/* Forgets a job: done will not be called. A mail that is not yet whole is not delivered, a command
 * is killed. */
void helper_cancel(struct helper_job *job);

/* ---- run ----------------------------------------------------------------------------------------
 * Programs that rules declare as `cmd` services, and the one that server.relay has its token from.
 * The helper is told once which there are; whatever becomes of the server later, nothing else is
 * ever run. No shell; standard input is empty, standard error is lost, and so is standard output
 * unless somebody wants it; the environment is PATH and HOME. */

struct helper_service {
  str command;      /* program, looked up in the usual PATH when it has no '/' */
  bool fixed;       /* it is run with the arguments that stand here, and never with others */
  const str *words; /* those; borrowed */
  size_t n_words;
  str user, group; /* empty: the server's own. Never root, unless the server is */
  int64_t timeout; /* ms after which it is killed, 1 to an hour */
};
#define HELPER_SERVICES_MAX (LIMIT_SERVICES + 1)
/* Once in the helper's life (ERR_PERM the second time). Waits for the helper to take it. */
int helper_services(struct helper *h, const struct helper_service *list, size_t n, struct err *e);

/* All slices are borrowed during helper_run only. */
struct helper_command {
  size_t service;  /* its place in the list */
  const str *args; /* behind the program's name */
  size_t n;
  size_t output; /* octets of standard output heard: more, and it is killed. 0: it is lost */
};
enum helper_how {
  HELPER_EXITED, /* value is the exit code */
  HELPER_KILLED, /* value is the signal; of a time-out SIGKILL */
  HELPER_NOT_RUN /* text says why; value is a helper_outcome */
};
/* Borrowed during the call. */
struct helper_ran {
  enum helper_how how;
  int value;
  str text;   /* how it ended, without CR and LF */
  str output; /* any octets it wrote until it ended, and none that its children write later */
  bool flood; /* it wrote more than was wanted, of which there is nothing */
};
typedef void helper_ran_fn(void *arg, const struct helper_ran *ran);
/* Runs a command. Otherwise like helper_deliver. What was heard is wiped after done: it may be a
 * secret. */
int helper_run(struct helper *h, const struct helper_command *what, helper_ran_fn *done, void *arg,
               struct helper_job **job, struct err *e);

/* Without a helper: is the program of s there, and may its user run it? -1 with e; ERR_TEMP: who
 * asks cannot become that user. */
int helper_try(const struct helper_conf *conf, const struct helper_service *s, struct err *e);

#endif
