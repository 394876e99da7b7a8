/* smtp/server.h: the serving process: what all sessions and the queue runner share. */
#ifndef SMTP_SERVER_H
#define SMTP_SERVER_H

#include "../net/net.h"
#include "../sqlite/store.h"
#include "helper.h"
#include "policy.h"
#include "srs.h"

struct session;
struct deliver;
struct server_listener;
struct delegate_hub;

/* The kinds of listeners (config.md 3.2). */
enum server_port { SERVER_SMTP, SERVER_SUBMISSION, SERVER_SUBMISSIONS };

struct server {
  struct loop *loop;
  struct store *store;
  struct helper *helper;
  struct commands *commands; /* that rules may run, by the helper */
  struct deliver *deliver;
  struct policy *policy; /* the one new sessions and deliveries work by; see policy_hold */
  struct session *sessions;
  size_t session_count; /* of clients; */
  size_t return_count;  /* connections that bring mails back have a reserve of their own, */
  size_t local_count;   /* as have the mails of this machine */
  struct drop *drop;    /* the drop folder */
  struct srs srs;       /* keys for senders of mail that is sent on */
  struct delegate_hub *delegates; /* delegate.c's own; NULL before the first */
  struct server_listener *listeners;
  struct timer certs; /* the next look at the files of certificates */
  struct timer stop;  /* the end of patience with sessions, or of -t */
  int64_t stop_at;    /* loop time */
  bool stopping;
};

/* Binds all listeners; they accept nobody before server_open. */
int server_bind(struct server *s, const struct conf *conf, struct err *e);
/* Accepts clients and says so: one line "listening on ADDRESS:PORT" each on standard output. */
void server_open(struct server *s);
/* Looks now and then whether certificates changed. */
void server_watch_certificates(struct server *s);
/* Stops accepting, lets sessions end what they are at, then stops the loop. */
void server_stop(struct server *s);
void server_close(struct server *s); /* frees listeners and aborts what is left of the sessions */

#endif
