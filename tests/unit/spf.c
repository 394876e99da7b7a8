/* tests/unit/spf.c: beginnings and ends of an evaluation; what it says is in tests/spf. */
#include "../../smtp/sender/sender.h"
#include "../check.h"

static int spf_heard;
static char spf_word_heard[16];

static void spf_hear(void *arg, const struct spf_result *r)
{
  (void)arg;
  spf_heard++;
  snprintf(spf_word_heard, sizeof spf_word_heard, STR_FMT, STR_ARG(r->word));
}

/* Nobody is asked about these: the name server would be a port where none is. */
static void spf_work(void)
{
  static const struct netaddr nowhere;
  const struct dns_options o = {.servers = &nowhere, .attempts = 1, .timeout = 50};
  struct spf_request rq = {
      .ip = STR("::ffff:192.0.2.1"), .helo = STR("h"), .sender = STR("a@localhost")};
  struct err e;
  struct loop *l = loop_new(&e);
  struct dns *d = l ? dns_new(l, &o, &e) : NULL;
  struct spf *s = d ? spf_start(l, d, &rq, spf_hear, NULL, &e) : NULL;
  int before = spf_heard;

  while (s && spf_heard == before && loop_turn(l, 10, &e) == 0) continue;
  s = d ? spf_start(l, d, &rq, spf_hear, NULL, &e) : NULL;
  spf_cancel(s);
  rq.ip = STR("no.ip");
  s = d ? spf_start(l, d, &rq, spf_hear, NULL, &e) : NULL;
  CHECK(!s);
  spf_cancel(s);
  dns_free(d);
  loop_free(l);
}

TEST(spf_starts_and_ends)
{
  spf_heard = 0;
  spf_work();
  CHECK_INT(spf_heard, 1);
  CHECK_STR(spf_word_heard, "none");
  check_torture(spf_work);
}
