/* smtp/server.h: the serving process: what all sessions and the queue runner share. */
#ifndef SMTP_SERVER_H
#define SMTP_SERVER_H

#include "../net/net.h"
#include "../rules/rules.h"
#include "../sqlite/store.h"
#include "conf.h"
#include "helper.h"

struct session;
struct deliver;

/* The kinds of listeners (config.md 3.2). */
enum server_port { SERVER_SMTP, SERVER_SUBMISSION, SERVER_SUBMISSIONS };

/* A configuration with its rules, loaded together and swapped together: whoever works by one holds
 * it, so that a reload changes nothing under anybody's feet. */
struct conf_hold {
  unsigned refs;
  struct conf *conf;
  struct rules *rules;
};
struct conf_hold *server_hold(struct conf_hold *h); /* one more reference; returns h */
void server_release(struct conf_hold *h);           /* NULL is fine */

struct server {
  struct loop *loop;
  struct store *store;
  struct helper *helper;
  struct deliver *deliver;
  struct conf_hold *current;
  struct session *sessions;
  size_t session_count;
  bool stopping;
};

#endif
