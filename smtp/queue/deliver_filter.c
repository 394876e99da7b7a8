/* smtp/queue/deliver_filter.c: a stored mail at a filter.
 *
 * It lies in the queue `delegated` meanwhile, and is taken from there: so it is no matter whether
 * it came there just now or before a crash. What comes back is judged by the body of the directive;
 * another body than the one that went out is stored before that, with the step, so that the filter
 * does not get its own work again. No answer leaves the mail as it was: it is deferred, longer each
 * time, and given up like a recipient.
 */
#include "deliver_int.h"
#include "../filter/filter.h"
#include "../policy/policy.h"

void deliver_filter_free(struct deliver_job *j)
{
  if (j->delegate) j->deliver->away--;
  delegate_free(j->delegate);
  j->delegate = NULL;
}

static void deliver_filter_failed(struct deliver_job *j, str why)
{
  struct rules_service v = {.directive = STR("")};

  rules_service_at(j->policy->rules, j->stage, j->directive, &v);
  deliver_rules_put_off(j, arena_printf(j->arena, "4.3.0 delegate \"" STR_FMT "\": " STR_FMT,
                                        STR_ARG(v.directive), STR_ARG(why)));
}

static void deliver_filter_over(void *arg, bool returned);

static struct delegate_order deliver_filter_order(struct deliver_job *j)
{
  return (struct delegate_order){.policy = j->policy,
                                 .mail = j->mail,
                                 .octets = j->claim->mail.octets,
                                 .stage = j->stage,
                                 .directive = j->directive,
                                 .stored = true,
                                 .done = deliver_filter_over,
                                 .arg = j};
}

static void deliver_filter_not_replaced(struct deliver_job *j, str why)
{
  struct delegate_order o = deliver_filter_order(j);

  delegate_trace(&o, STR("failed"), why);
  deliver_filter_failed(j, why);
}

static void deliver_filter_replaced(void *arg, enum store_result result)
{
  struct deliver_job *j = arg;

  j->recording = false;
  if (result == STORE_GONE) {
    deliver_rules_recorded(j, result);
  } else if (j->deliver->stopped) {
    return; /* deliver_free ends it: the next server goes on from here */
  } else if (result == STORE_OK) {
    j->mail->trace_count = 0;
    deliver_rules_ask(j, j->directive, true);
  } else {
    deliver_filter_not_replaced(j, STR("what came back cannot be stored now"));
  }
}

/* Another body than the one that went out: stored before it is judged, with its header. */
static void deliver_filter_replace(struct deliver_job *j, struct incoming *body)
{
  struct buf header = BUF_INIT(LIMIT_HEADER_BYTES * 2);
  struct store_mail row = {.step = deliver_step(j->stage, j->directive, DELIVER_RETURNED),
                           .trace = j->mail->trace,
                           .trace_count = j->mail->trace_count};
  struct err e;
  int rc = mail_header(j->mail, &header, &e);

  row.header = buf_str(&header);
  if (rc == 0)
    rc = queue_replace(j->deliver->mta->store, j->claim, &row, body, deliver_filter_replaced, j);
  else
    incoming_free(body);
  buf_free(&header);
  if (rc == 0)
    j->recording = true;
  else
    deliver_filter_not_replaced(j, STR("out of memory"));
}

static void deliver_filter_returned(struct deliver_job *j)
{
  struct incoming *body = NULL;
  int rc;
  str id;
  struct err e;

  rc = delegate_take_result(j->delegate, &body, &id, &e);
  deliver_filter_free(j);
  if (rc < 0) {
    deliver_filter_failed(j, arena_str(j->arena, str_of(e.text)));
    return;
  }
  if (body)
    deliver_filter_replace(j, body);
  else
    deliver_rules_ask(j, j->directive, true);
}

/* It may be the server's end that broke it off: then the next one hands it over again. */
static void deliver_filter_over(void *arg, bool returned)
{
  struct deliver_job *j = arg;
  str why;

  if (returned) {
    deliver_filter_returned(j);
  } else if (j->deliver->draining) {
    deliver_job_end(j);
  } else {
    why = arena_str(j->arena, delegate_why(j->delegate));
    if (delegate_refused(j->delegate)) j->untold = "a filter refused it";
    deliver_filter_free(j);
    deliver_filter_failed(j, why);
  }
}

void deliver_filter_begin(struct deliver_job *j)
{
  struct delegate_order o = deliver_filter_order(j);
  struct err e;

  j->delegate = delegate_new(j->deliver->delegates, &o, &e);
  if (j->delegate)
    j->deliver->away++;
  else
    deliver_filter_failed(j, arena_str(j->arena, str_of(e.text)));
}
