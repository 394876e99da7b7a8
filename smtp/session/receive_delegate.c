/* smtp/session/receive_delegate.c: a client's mail at a filter. The client waits meanwhile:
 * stage preq is before the queue. */
#include "session_int.h"

static void receive_undelegated(struct session *s, str why)
{
  receive_refuse(s, conf_reply(s->policy->conf, CODE_FAILURE, "4.3.0"), why);
}

/* It came back: the header as the filter made it, the body too if that is another one now. Then the
 * body of the directive judges it. */
static void receive_returned(struct session *s)
{
  size_t directive = delegate_directive(s->tx.delegate);
  struct incoming *body = NULL;
  struct err e;

  if (delegate_take_result(s->tx.delegate, &body, &s->tx.mail->facts.message_id, &e) < 0) {
    receive_undelegated(s, str_of(e.text));
    return;
  }
  delegate_free(s->tx.delegate);
  s->tx.delegate = NULL;
  if (body) {
    incoming_free(s->tx.incoming);
    s->tx.mail->source = s->tx.incoming = body;
    incoming_on_ready(body, receive_ready, s);
  }
  receive_ask(s, directive, true);
}

static void receive_delegated(void *arg, bool returned)
{
  struct session *s = arg;

  s->waiting = false;
  if (returned)
    receive_returned(s);
  else
    receive_undelegated(s, arena_str(s->arena, delegate_why(s->tx.delegate)));
  session_go_on(s);
}

void receive_delegate(struct session *s, const struct rules_verdict *v)
{
  struct delegate_order o = {.policy = s->policy,
                             .mail = s->tx.mail,
                             .octets = incoming_octets(s->tx.incoming),
                             .stage = STAGE_PREQ,
                             .directive = v->next - 1,
                             .done = receive_delegated,
                             .arg = s};
  struct err e;

  judge_end(&s->judge);
  s->tx.delegate = delegate_new(s->hub->delegates, &o, &e);
  if (s->tx.delegate)
    session_wait(s);
  else
    receive_undelegated(s, str_of(e.text));
}
