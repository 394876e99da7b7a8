/* smtp/session/receive_return.c: a mail that a filter brings back, on the filter's own connection.
 */
#include "session_int.h"

/* The end of a mail on a receiver: the one who waits for it goes on in a later turn. */
void receive_end_returned(struct session *s, enum reply_id fault)
{
  bool wait = false;

  if (fault == REPLY_DONE)
    fault = delegate_return(&s->tx.bringer, buf_str(&s->tx.in.header), &wait);
  if (wait) {
    session_wait(s);
    return;
  }
  if (fault != REPLY_DONE) {
    receive_refuse(s, reply_of(fault), STR(""));
    return;
  }
  s->idle = 0;
  session_reply(s, reply_of(REPLY_DONE));
  receive_finish(s);
}

/* A mail that is brought back was waited with. */
static void receive_go_on(void *arg)
{
  struct session *s = arg;

  if (!s->waiting) return;
  s->waiting = false;
  if (s->state == SESSION_JUDGING) receive_end_returned(s, REPLY_DONE);
  session_go_on(s);
}

/* A filter is about to bring a mail. */
void receive_expect_return(struct session *s)
{
  s->tx.bringer = (struct delegate_bringer){.hub = s->hub->delegates,
                                            .peer = s->peer,
                                            .arena = s->arena,
                                            .helo = s->tx.mail->facts.helo,
                                            .id = s->tx.mail->facts.message_id,
                                            .incoming = &s->tx.incoming,
                                            .go_on = receive_go_on,
                                            .arg = s};
  if (netaddr_local(io_fd(s->io), &s->tx.bringer.local) < 0) s->tx.bringer.local.len = 0;
}
