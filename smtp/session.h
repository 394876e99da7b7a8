/* smtp/session.h: one SMTP conversation with a client. */
#ifndef SMTP_SESSION_H
#define SMTP_SESSION_H

#include "command.h"
#include "delegate.h"
#include "judge.h"
#include "message.h"
#include "reply.h"
#include "server.h"

/* ORDER SESSION_STATE: session_state_names in session.c */
enum session_state {
  SESSION_CONNECTED, /* stage connect is asked; nothing was said yet in clear, or under TLS */
  SESSION_SHAKING,   /* a TLS handshake is under way */
  SESSION_GREETED,   /* 220 was said, EHLO is awaited */
  SESSION_READY,     /* EHLO was said: MAIL may come */
  SESSION_MAIL,      /* a sender, no recipient yet */
  SESSION_RCPT,      /* at least one recipient */
  SESSION_DATA,      /* the text is coming in */
  SESSION_JUDGED,    /* the text is whole: stage preq is asked, or the commit awaited */
  SESSION_CLOSING    /* the last reply was written */
};

/* A mail of this machine, from the drop folder: its client is drop.c. Rules are asked from `mail` on,
 * and find somebody who has logged in. Lives in the session's arena. */
struct session_local {
  str file; /* its name in the folder */
  str user; /* its owner */
  uint32_t uid;
  bool later;                 /* a recipient was refused for now: so will be the whole mail */
  struct store_rcpt *refused; /* for good: about them the owner gets a message of its own */
  size_t refused_count;
};

struct session {
  struct server *server;        /* borrows */
  struct session *next, **link; /* of all sessions */
  struct io *io;
  enum session_state state;
  enum server_port port; /* kind of listener it came by */
  char id[ID_LENGTH + 1];
  struct netaddr peer;
  struct policy *policy;                  /* configuration and rules it began with, kept for it */
  struct arena *arena;                    /* owns the texts of all three mails below */
  struct arena_mark greeting_at, mail_at; /* what is above goes with EHLO, with RSET */
  struct mail *connection, *greeting, *mail; /* see mail.h; mail NULL: no transaction */
  struct judge judge;
  bool greeted; /* 220 was said */
  bool returns; /* it came by a receiver: a filter brings a mail back, no rules are asked */
  struct session_local *local; /* NULL: it came by a listener */
  struct delegate *delegate;   /* the mail is at a filter */
  struct delegate *brings;     /* with returns: whose mail comes in just now */
  bool waiting; /* for rules, a commit or the end of a delay: no command is taken meanwhile */
  /* the command whose stage is being asked */
  struct command command;
  const char *rcpt;      /* identity of the recipient in question: its `original` */
  unsigned refused_rcpt; /* recipients refused in this transaction */
  /* the message */
  struct message_in in;
  bool in_open; /* `in` holds memory */
  struct incoming *incoming;
  bool drop;         /* refused already: the rest is read and forgotten */
  struct buf header; /* the block as it is stored */
  struct buf context;
  /* AUTH */
  struct auth *auth; /* auth.c's own; NULL: no exchange is under way */
  uint64_t auth_cancelled;
  /* misbehaviour */
  int64_t errors;   /* replies of 400 and above */
  unsigned idle;    /* commands in a row that led nowhere */
  size_t reported;  /* trace rows of `mail` already kept as a refusal */
  struct buf held;  /* a reply that is being delayed */
  bool close_after; /* and what comes after it */
  int64_t late;     /* the next reply is held back for so many milliseconds */
  struct timer delay;
};

/* Begins a conversation on fd, which is taken in any case; -1: on a connection in memory, whose io
 * is fed by hand (fuzzers). The session belongs to itself and lives until its connection is closed.
 * NULL: no memory. */
struct session *session_begin(struct server *server, enum server_port port, int fd,
                              const struct netaddr *peer);
/* The same for a mail of this machine; texts are copied. The peer is the other end of fd. */
struct session *session_begin_local(struct server *server, int fd, const struct session_local *who);
/* The server stops: 421 to those between commands, the others end what they are at. */
void session_stop(struct session *s);

/* ---- between session.c, envelope.c and receive.c ------------------------------------------------ */
void session_reply(struct session *s, struct reply r);
void session_reply_last(struct session *s, struct reply r); /* and the conversation is over */
void session_refuse(struct session *s, enum stage stage, struct reply r,
                    str why); /* traced, logged */
struct reply session_code(struct session *s, const struct rules_code *given, enum conf_code_id id,
                          const char *enhanced);
void session_enter(struct session *s, enum session_state state);
void session_wait(struct session *s); /* takes no input until session_resume */
void session_resume(struct session *s);
void session_forget_mail(struct session *s); /* the transaction, and with it its texts */
void session_reset(struct session *s);       /* the same; state READY */
bool session_is_refusal(const struct rules_verdict *v);
void session_close(struct session *s);

/* envelope.c: MAIL and RCPT. A check answers when it says no. */
bool envelope_check_mail(struct session *s);
void envelope_proceed_mail(struct session *s, const struct rules_verdict *v);
bool envelope_check_rcpt(struct session *s);
void envelope_proceed_rcpt(struct session *s, const struct rules_verdict *v);

/* receive.c: from 354 to the answer of the store. */
void receive_begin(struct session *s);  /* DATA was accepted */
bool receive_input(struct session *s);  /* false: nothing more can be used now */
void receive_go_on(struct session *s);  /* a mail that is brought back was waited with */
void receive_forget(struct session *s); /* drops what was received of a message */

#endif
