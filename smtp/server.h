/* smtp/server.h: the serving process: what all sessions and the queue runner share. */
#ifndef SMTP_SERVER_H
#define SMTP_SERVER_H

#include "commands.h"
#include "session.h"

struct port;

struct server {
  struct mta mta;
  struct session_hub sessions;
  struct commands *commands; /* that rules may run, by the helper */
  struct outbound_hub *outbounds;
  struct delegate_hub *delegates;
  struct deliver *deliver;
  struct drop *drop;     /* the drop folder */
  struct port *ports;    /* ports.c's own */
  int notify;            /* where a supervisor listens, or -1 (notify.h) */
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
int verb_run(int argc, char **argv);

#endif
