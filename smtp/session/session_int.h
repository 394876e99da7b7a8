/* smtp/session/session_int.h: the cellar of session.c: a conversation, and the files it is handed
 * to.
 *
 *   session.c        lines, the table of commands, who is asked; the beginning and the end
 *   session_reply.c  what is answered, and when
 *   hello.c          connect, EHLO, STARTTLS: before there is a mail
 *   auth.c           AUTH
 *   envelope.c       MAIL, RCPT
 *   receive.c        DATA: from 354 to the answer of the store
 *   receive_delegate.c a client's mail at a filter, while the client waits
 *   receive_return.c and what the filter brings back
 *
 * A check says whether a command may be, and answers when it says no; a proceed has the verdict of
 * the stage that was asked.
 */
#ifndef SESSION_SESSION_INT_H
#define SESSION_SESSION_INT_H

#include "../format/format.h"
#include "../filter/filter.h"
#include "../policy/policy.h"
#include "session.h"

/* ORDER SESSION_STATE: session_state_names in session.c. */
enum session_state {
  SESSION_CONNECTED, /* stage connect is asked; nothing was said yet in clear, or under TLS */
  SESSION_SHAKING,   /* a TLS handshake is under way */
  SESSION_GREETED,   /* 220 was said, EHLO is awaited */
  SESSION_READY,     /* EHLO was said: MAIL may come */
  SESSION_MAIL,      /* a sender, no recipient yet */
  SESSION_RCPT,      /* at least one recipient */
  SESSION_DATA,      /* the text is coming in */
  SESSION_JUDGING,   /* the text is whole: stage preq is asked, or the commit awaited */
  SESSION_CLOSING    /* the last reply was written */
};

/* How they differ. */
struct session_traits {
  enum stage asked_from; /* the first stage whose rules are asked; STAGE_COUNT: none are */
  bool offers;           /* TLS and AUTH */
  bool
      trusted; /* its client is nobody's: it need not log in, errors and recipients have no limit */
  bool
      as_it_is; /* its mails were judged before: neither their size nor who they are for is again */
  bool hurried; /* each line is answered as it comes: clamsmtpd writes line by line */
};

/* A mail transaction (RFC 5321 §3.3): from MAIL on, until RSET, EHLO or the answer to the text. */
struct session_transaction {
  struct mail *mail;     /* NULL: there is none */
  const char *rcpt;      /* identity of the recipient in question: its `original` */
  unsigned refused_rcpt; /* recipients refused */
  struct message_in in;
  bool in_open; /* `in` holds memory */
  struct incoming *incoming;
  bool discard;      /* refused already: the rest is read and forgotten */
  struct buf header; /* the block as it is stored */
  struct buf context;
  struct delegate *delegate;       /* the mail is at a filter */
  struct delegate_bringer bringer; /* with SESSION_RETURN: what it brings */
};

struct session {
  struct session_hub *hub; /* borrows, as mta */
  struct mta *mta;
  struct list_link link; /* of all sessions */
  struct io *io;
  enum session_state state;
  enum session_kind kind;
  const struct session_traits *traits; /* of its kind */
  enum session_port port;              /* kind of listener it came by */
  char id[ID_LENGTH + 1];
  struct netaddr peer;
  struct policy *policy;                  /* configuration and rules it began with, kept for it */
  struct arena *arena;                    /* owns the texts of the mails below and of tx */
  struct arena_mark greeting_at, mail_at; /* what is above goes with EHLO, with RSET */
  struct mail *connection, *greeting;     /* see mail.h */
  struct session_transaction tx;
  struct judge judge;
  bool greeted;                    /* 220 was said */
  struct session_dropped *dropped; /* of SESSION_DROPPED: whose mail it is */
  bool waiting; /* for rules, a commit or the end of a delay: no command is taken meanwhile */
  struct command command; /* whose stage is being asked */
  /* AUTH */
  struct auth *auth; /* auth.c's own; NULL: no exchange is under way */
  uint64_t auth_cancelled;
  /* misbehaviour */
  int64_t errors;   /* replies of 400 and above */
  unsigned idle;    /* commands in a row that led nowhere */
  size_t reported;  /* trace rows of session_mail already kept as a refusal */
  struct buf held;  /* a reply that is being delayed */
  bool close_after; /* and what comes after it */
  int64_t late;     /* the next reply is held back for so many milliseconds */
  struct timer delay;
};

/* session.c */
void session_enter(struct session *s, enum session_state state); /* the one setter */
void session_set_kind(struct session *s, enum session_kind kind);
void session_wait(struct session *s); /* takes no input until session_resume */
void session_resume(struct session *s);
/* A callback of the loop is over: lines are taken again, unless it waits for more. */
void session_go_on(struct session *s);
void session_reset(struct session *s);       /* the transaction is over: state READY, or GREETED */
void session_forget_mail(struct session *s); /* it and its texts, the state apart */
void session_close(struct session *s);
void session_stop(struct session *s);               /* 421, unless it is at something */
struct mail *session_mail(const struct session *s); /* the innermost: whose a decision is now */
/* Asks the rules of a stage; then the command's proceed has the verdict, at once or later. */
void session_ask(struct session *s, enum stage stage);
bool session_is_refusal(const struct rules_verdict *v);

/* session_reply.c */
void session_reply(struct session *s, struct reply r);
void session_reply_last(struct session *s, struct reply r); /* and the conversation is over */
/* The same for a decision against the client: traced and logged. why: the address it is about. */
void session_refuse(struct session *s, enum stage stage, struct reply r, str why);
/* What a rule gave, else what is configured. */
struct reply session_code(struct session *s, const struct rules_code *given, enum conf_code_id id,
                          const char *enhanced);
void session_reply_late(struct timer *t, void *s); /* a reply that was held back is due */

/* hello.c */
/* Who it is, by the addresses of both ends. -1: no memory. */
int hello_set_facts(struct session *s);
void hello_proceed_connect(struct session *s, const struct rules_verdict *v);
bool hello_check(struct session *s);
void hello_proceed(struct session *s, const struct rules_verdict *v);
bool hello_check_starttls(struct session *s);
void hello_run_starttls(struct session *s);
void hello_shake(struct session *s);   /* the handshake begins, */
void hello_secured(struct session *s); /* and is over */

/* envelope.c */
bool envelope_check_mail(struct session *s);
void envelope_proceed_mail(struct session *s, const struct rules_verdict *v);
bool envelope_check_rcpt(struct session *s);
void envelope_proceed_rcpt(struct session *s, const struct rules_verdict *v);

/* receive.c */
bool receive_check(struct session *s);
void receive_begin(struct session *s);  /* DATA was accepted */
bool receive_input(struct session *s);  /* false: nothing more can be used now */
void receive_forget(struct session *s); /* drops what was received of a message */
void receive_refuse(struct session *s, struct reply r, str why);
void receive_finish(struct session *s); /* the answer was given: the transaction is over */
void receive_ready(void *session);      /* its store takes more */
/* Asks stage preq from a directive on; returned: a delegate, whose message came back. */
void receive_ask(struct session *s, size_t from, bool returned);

/* receive_delegate.c */
void receive_delegate(struct session *s, const struct rules_verdict *v);

/* receive_return.c */
void receive_expect_return(struct session *s); /* a filter is about to bring one */
void receive_end_returned(struct session *s, enum reply_id fault); /* it is whole */

#endif
