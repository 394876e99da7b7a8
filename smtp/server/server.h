/* smtp/server/server.h: the serving process. */
#ifndef SMTP_SERVER_H
#define SMTP_SERVER_H

#include "../../net/net.h"
#include "../format/format.h"
#include "../policy/policy.h"
#include "../session/session.h"

/* ---- taken.c ------------------------------------------------------------------------------------
 * Who has a port that we want. */
struct taken {
  int pid;   /* 0: it cannot be known: it is another user's, or in another container */
  bool sure; /* it listens in the same family; else it may leave ours to others */
  char name[64];
};

/* Is there a listener in the way of one at this address? Of several one is told. What a process has
 * open is for root and its own user to know; without /proc nothing is known. */
bool taken_by(const struct netaddr *at, struct taken *out);

/* Behind "Address already in use": the words for the operator. */
void taken_advise(const struct netaddr *at, struct err *e);

/* ---- drop_write.c -------------------------------------------------------------------------------
 * A mail left in the drop folder, where the server finds it, also if it is down
 * now. */
struct drop_write_options {
  str folder;                   /* the drop folder */
  struct submit_options submit; /* how its text becomes a mail */
  struct drop_file envelope;    /* recipients of the header are added */
};

/* Begins zeroed. */
struct drop_write {
  const struct drop_write_options *o; /* borrows */
  struct arena *arena;                /* borrows */
  struct submit submit;
  struct buf out;
  char *path; /* owned; of the file, once there is one */
  int fd;
  uint64_t octets; /* of the message so far */
};

void drop_write_begin(struct drop_write *l, const struct drop_write_options *o, struct arena *a);
/* The text as it comes, any line ends. -1: nothing was left. ERR_SYNTAX it is no mail, ERR_PERM the
 * folder is not for us, ERR_TEMP there is none, ERR_FULL, ERR_IO, ERR_NOMEM. */
int drop_write_text(struct drop_write *l, str text, struct err *e);
bool drop_write_is_over(const struct drop_write *l); /* a dot ended it: nothing more is taken */
int drop_write_end(struct drop_write *l,
                   struct err *e);          /* it is in the folder, synced; else as above */
void drop_write_free(struct drop_write *l); /* a mail that drop_write_end did not end goes */

/* ---- server.c -----------------------------------------------------------------------------------
 * The serving process: what all sessions and the queue runner share. */
struct port;

struct server {
  struct mta mta;
  struct session_hub sessions;
  struct commands *commands; /* that rules may run, by the helper */
  struct outbound_hub *outbounds;
  struct delegate_hub *delegates;
  struct deliver *deliver;
  struct drop *drop;     /* the drop folder */
  struct list ports;     /* ports.c's own */
  int notify;            /* where a supervisor listens, or -1 (sd_notify.h) */
  uint64_t files_wanted; /* the last time we asked the system how many may be open */
  struct timer certs;    /* the next look at the files of certificates */
  struct timer stop;     /* the end of patience with sessions, or of -t */
  int64_t stop_at;       /* loop time */
  bool stopping;
  bool detached; /* nobody starts it anew when it ends */
  bool broken;   /* it ends because its helper died */
};

/* A client came to a port of this kind: a session begins, or he is turned away. Takes fd. */
void server_accept(struct server *s, enum session_port port, int fd, const struct netaddr *peer);
/* Files enough for each client allowed, and for the database, logs, ports and mails on their way;
 * where the system gives fewer, fewer clients are: server.client_count_max, and the log
 * says so once. */
int server_raise_descriptors(struct server *s, struct conf *conf, struct err *e);
/* Connections to other servers that leave files enough for all that. */
size_t server_outbound_most(const struct conf *conf);
/* Looks now and then whether certificates changed. */
void server_watch_certificates(struct server *s);
/* Stops accepting, begins no delivery, lets those under way end what they are at (an answered mail
 * is recorded, so it is not sent again), for 5 s at most; then stops the loop. The second time: at
 * once. */
void server_stop(struct server *s);
void server_close(struct server *s); /* frees ports and aborts what is left of the sessions */

/* The command `run`: serves until SIGTERM or SIGINT. As the commands of smtp.h. */
int server_run(int argc, char **argv);

#endif
