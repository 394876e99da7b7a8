/* tests/unit/stage.c: running stages: order, verdicts, errors, waiting, delegation. */
#include "../rules_host.h"

#include "../check.h"

/* One stage of a rule file against a fresh transaction. The result is text:
 * "kind code directive next [text] [failed]". */
struct stage_test {
  struct fake host;
  struct rules *rules;
  struct rules_run *run;
  struct buf result;
};

static bool stage_open(struct stage_test *t, const char *text)
{
  memset(t, 0, sizeof *t);
  t->result.cap = 4096;
  fake_init(&t->host);
  t->rules = fake_load(check_folder(), text, NULL, NULL);
  return CHECK(t->rules != NULL);
}

static void stage_close(struct stage_test *t)
{
  rules_cancel(t->run);
  rules_release(t->rules);
  fake_free(&t->host);
  buf_free(&t->result);
}

static str stage_result(struct stage_test *t)
{
  const struct rules_verdict *v = rules_verdict_of(t->run);
  buf_clear(&t->result);
  buf_printf(&t->result, "%s", rules_kind_name(v->kind));
  if (v->code.basic)
    buf_printf(&t->result, " %d/" STR_FMT "/" STR_FMT, v->code.basic, STR_ARG(v->code.enhanced),
               STR_ARG(v->code.text));
  buf_printf(&t->result, " '" STR_FMT "' %zu", STR_ARG(v->directive), v->next);
  if (v->text.n) buf_printf(&t->result, " " STR_FMT, STR_ARG(v->text));
  if (v->service.n) buf_printf(&t->result, " service " STR_FMT, STR_ARG(v->service));
  if (v->failed) buf_puts(&t->result, " failed");
  return buf_str(&t->result);
}

static str stage_go(struct stage_test *t, enum stage s, size_t from, bool returned)
{
  rules_cancel(t->run);
  t->run = rules_start(t->rules, s, from, returned, &fake_host, &t->host);
  if (!t->run) return STR("no memory");
  return fake_step(t->run) == RULES_DONE ? stage_result(t) : STR("waits");
}

/* A whole file with one rule in preq. */
static void stage_expect(const char *body, const char *want)
{
  char text[4096];
  struct stage_test t;
  snprintf(text, sizeof text, "#{ preq: [ rule \"r\" || { %s } ] }", body);
  if (stage_open(&t, text) && !CHECK_STR(stage_go(&t, STAGE_PREQ, 0, false), want))
    printf("  %s\n", body);
  stage_close(&t);
}

TEST(stage_verdicts)
{
  stage_expect("next()", "next '' 1");
  stage_expect("accept()", "accept 'r' 1");
  stage_expect("accept(\"250 2.0.0 fine\")", "accept 250/2.0.0/fine 'r' 1");
  stage_expect("faccept()", "faccept 'r' 1");
  stage_expect("deny()", "deny 'r' 1");
  stage_expect("deny(code554_7_1)", "deny 554/5.7.1/Relay access denied 'r' 1");
  stage_expect("info(\"451 later\")", "info 451//later 'r' 1");
  stage_expect("quarantine(\"doe/virus\")", "quarantine 'r' 1 doe/virus");
  stage_expect("packet(\"secret\")", "packet 'r' 1 secret");
  stage_expect("return deny(); next()", "deny 'r' 1");
  stage_expect("if true { return accept(); } deny()", "accept 'r' 1");
}

TEST(stage_errors_refuse_for_now)
{
#define FAILED "deny 451/4.3.5/the rules of this server failed in stage preq 'r' 1 failed"
  stage_expect("1", FAILED);
  stage_expect("", FAILED);
  stage_expect("1 / 0; next()", FAILED);
  stage_expect("throw \"x\"", FAILED);
  stage_expect("loop { }", FAILED);
  stage_expect("unknown_name", FAILED);
  stage_expect("let a = []; loop { a.push(\"0123456789abcdef\" + a.len) }", FAILED);
  stage_expect("next().call()", FAILED);
  stage_expect("try { 1 / 0 } catch (e) { } next()", "next '' 1");
#undef FAILED
}

TEST(stage_order_and_trace)
{
  struct stage_test t;
  if (stage_open(&t,
                 "let n = 0;\n"
                 "#{ mail: [\n"
                 "  rule \"one\" || { n += 1; next() },\n"
                 "  action \"two\" || { n += 1; deny() },\n"
                 "  rule \"three\" || if n == 0 { accept(\"250 forgotten\") } else { deny() },\n"
                 "  rule \"four\" || deny(),\n"
                 "], helo: [] }")) {
    CHECK_STR(stage_go(&t, STAGE_MAIL, 0, false), "accept 250//forgotten 'three' 3");
    CHECK_STR(&t.host.decisions, "3 rule one next \n"
                                 "3 action two next \n"
                                 "3 rule three accept 250 forgotten\n");
    CHECK_STR(stage_go(&t, STAGE_MAIL, 3, false), "deny 'four' 4");
    CHECK_STR(stage_go(&t, STAGE_MAIL, 4, false), "next '' 4");
    CHECK_STR(stage_go(&t, STAGE_HELO, 0, false), "next '' 0");
    CHECK_STR(stage_go(&t, STAGE_RCPT, 0, false), "next '' 0");
    CHECK_INT(rules_count(t.rules, STAGE_MAIL), 4);
    CHECK_INT(rules_find(t.rules, STAGE_MAIL, STR("three")), 2);
    CHECK_INT(rules_find(t.rules, STAGE_RCPT, STR("three")), -1);
  }
  stage_close(&t);
}

TEST(stage_error_is_logged_with_its_place)
{
  struct stage_test t;
  if (stage_open(&t, "fn inner(x) { x.nothing_there() }\n"
                     "#{ rcpt: [\n"
                     "  action \"bad\" || { inner(5) },\n"
                     "  rule \"never\" || accept(),\n"
                     "] }")) {
    CHECK_STR(stage_go(&t, STAGE_RCPT, 0, false),
              "deny 451/4.3.5/the rules of this server failed in stage rcpt 'bad' 1 failed");
    const str log = buf_str(&t.host.log);
    CHECK(str_find(log, STR("rules error stage=rcpt action=bad failed: ")) == 0);
    CHECK(str_find(log, STR("main.vsl:1:17: ErrorFunctionNotFound: ")) > 0);
    CHECK(str_find(log, STR("nothing_there (i64)")) > 0);
    CHECK(str_find(log, STR("inner")) > 0);
    CHECK(str_find(log, STR("main.vsl:3:21")) > 0);
    CHECK(str_find(buf_str(&t.host.decisions), STR("4 action bad error ")) == 0);
  }
  stage_close(&t);
}

TEST(stage_thrown_map_logs_its_message)
{
  struct stage_test t;
  if (stage_open(&t,
                 "#{ rcpt: [ rule \"r\" || throw #{ message: \"the oven is off\", n: 1 } ] }")) {
    stage_go(&t, STAGE_RCPT, 0, false);
    CHECK(str_find(buf_str(&t.host.log), STR("ErrorRuntime: the oven is off")) > 0);
  }
  stage_close(&t);
}

static const char stage_delegating[] = "service av smtp = #{ delegator: #{ address: "
                                       "\"127.0.0.1:10026\" }, receiver: \"127.0.0.1:10024\" };\n"
                                       "#{ preq: [\n"
                                       "  rule \"before\" || next(),\n"
                                       "  delegate av \"scan\" || if has_header(\"X-Virus\") { "
                                       "quarantine(\"virus\") } else { next() },\n"
                                       "  rule \"after\" || accept(),\n"
                                       "] }";

TEST(stage_delegation)
{
  struct stage_test t;
  if (stage_open(&t, stage_delegating)) {
    CHECK_STR(stage_go(&t, STAGE_PREQ, 0, false), "delegated 'scan' 2 service av");
    /* back, and clean: the closure runs, then what follows */
    CHECK_STR(stage_go(&t, STAGE_PREQ, 1, true), "accept 'after' 3");
    t.host.headers[0].name = STR("X-Virus");
    CHECK_STR(stage_go(&t, STAGE_PREQ, 1, true), "quarantine 'scan' 2 virus");
    /* released from there: it goes on behind the directive */
    CHECK_STR(stage_go(&t, STAGE_PREQ, 2, false), "accept 'after' 3");
  }
  stage_close(&t);
}

TEST(stage_waits_for_the_host)
{
  struct stage_test t;
  if (stage_open(&t, "#{ mail: [ rule \"spf\" || check_spf(\"mail_from\", \"spf\") ] }")) {
    CHECK_STR(stage_go(&t, STAGE_MAIL, 0, false),
              "deny 451/4.3.5/the rules of this server failed in stage mail 'spf' 1 failed");
    CHECK(str_find(buf_str(&t.host.log), STR("the host does not answer")) > 0);
    t.host.asked = RULES_ASKED_WAIT;
    CHECK_STR(stage_go(&t, STAGE_MAIL, 0, false), "waits");
    CHECK_INT(rules_step(t.run), RULES_WAIT);
    const struct rules_answer pass = {.result = STR("pass"), .mechanism = STR("mx")};
    rules_give(t.run, &pass, NULL);
    rules_give(t.run, &pass, NULL); /* a second one is nobody's */
    CHECK_INT(fake_step(t.run), RULES_DONE);
    CHECK_STR(stage_result(&t), "next '' 1");
    CHECK_STR(t.host.headers[0].name, "Received-SPF");
    rules_give(t.run, &pass, NULL);
    CHECK_STR(stage_go(&t, STAGE_MAIL, 0, false), "waits");
    struct err e;
    err_set(&e, ERR_TEMP, "the resolver is gone");
    rules_give(t.run, NULL, &e);
    CHECK_INT(fake_step(t.run), RULES_DONE);
    CHECK(rules_verdict_of(t.run)->failed);
    CHECK(str_find(buf_str(&t.host.log), STR("the resolver is gone")) > 0);
    CHECK_STR(stage_go(&t, STAGE_MAIL, 0, false), "waits"); /* and is cancelled so */
  }
  stage_close(&t);
}

TEST(stage_time_is_over)
{
  struct stage_test t;
  const struct rules_options hasty = {.limits = vsl_limits_default(), .max_time = 1};
  memset(&t, 0, sizeof t);
  t.result.cap = 4096;
  fake_init(&t.host);
  t.host.asked = RULES_ASKED_WAIT;
  t.rules =
      fake_load(check_folder(), "#{ mail: [ rule \"spf\" || check_spf(\"spf\") ] }", &hasty, NULL);
  if (CHECK(t.rules)) {
    t.run = rules_start(t.rules, STAGE_MAIL, 0, false, &fake_host, &t.host);
    CHECK_INT(fake_step(t.run), RULES_WAIT);
    while (clock_mono() <= rules_deadline(t.run)) continue;
    CHECK_INT(fake_step(t.run), RULES_DONE);
    CHECK(rules_verdict_of(t.run)->failed);
    const struct rules_answer late = {.result = STR("pass"), .mechanism = STR("mx")};
    rules_give(t.run, &late, NULL);
  }
  stage_close(&t);
}

TEST(stage_spf_verdicts)
{
  static const struct {
    const char *call, *result, *want;
  } rows[] = {
#define NEXT "next '' 1"
#define FAIL "deny 550/5.7.23/SPF validation failed 'r' 1"
#define TEMP "deny 451/4.7.24/SPF validation error 'r' 1"
#define PERM "deny 550/5.7.24/SPF validation error 'r' 1"
      {"check_spf(\"spf\")", "pass", NEXT},
      {"check_spf(\"spf\")", "fail", FAIL},
      {"check_spf(\"auth\")", "softfail", FAIL},
      {"check_spf(\"both\", \"soft\")", "softfail", NEXT},
      {"check_spf(\"none\", \"soft\")", "fail", FAIL},
      {"check_spf(\"none\", \"soft\")", "temperror", TEMP},
      {"check_spf(\"none\", \"strict\")", "permerror", PERM},
      {"check_spf(\"none\", \"strict\")", "neutral", NEXT},
      {"check_spf(\"mail_from\", \"spf\")", "fail", FAIL},
      {"check_spf(\"mail_from\", \"spf\")", "softfail", NEXT},
      {"check_spf(\"mail_from\", \"spf\")", "none", NEXT},
      {"check_spf(\"helo\", \"spf\", \"soft\")", "fail", NEXT},
      {"check_spf(\"both\", \"auth\", \"soft\")", "permerror", NEXT},
      {"check_spf(\"both\", \"none\")", "temperror", TEMP},
  };
  for (size_t i = 0; i < BASE_COUNT(rows); i++) {
    struct stage_test t;
    char text[512];
    snprintf(text, sizeof text, "#{ preq: [ rule \"r\" || %s ] }", rows[i].call);
    if (stage_open(&t, text)) {
      t.host.asked = RULES_ASKED_DONE;
      t.host.answer =
          (struct rules_answer){.result = str_of(rows[i].result), .mechanism = STR("mx")};
      if (!CHECK_STR(stage_go(&t, STAGE_PREQ, 0, false), rows[i].want))
        printf("  %s: %s\n", rows[i].call, rows[i].result);
    }
    stage_close(&t);
  }
#undef NEXT
#undef FAIL
#undef TEMP
#undef PERM
}

/* Frozen at load: what one run changes, the next does not see. */
TEST(stage_runs_are_apart)
{
  struct stage_test t;
  if (stage_open(&t, "let list = [1];\n"
                     "#{ rcpt: [ rule \"r\" || { list.push(2); deny(`451 ${list.len()}`) } ] }")) {
    for (int i = 0; i < 3; i++) CHECK_STR(stage_go(&t, STAGE_RCPT, 0, false), "deny 451//2 'r' 1");
    /* two at the same time, the set released under them */
    struct rules_run *one = rules_start(t.rules, STAGE_RCPT, 0, false, &fake_host, &t.host);
    struct rules_run *two = rules_start(t.rules, STAGE_RCPT, 0, false, &fake_host, &t.host);
    rules_release(t.rules);
    t.rules = NULL;
    CHECK_INT(fake_step(one), RULES_DONE);
    CHECK_INT(fake_step(two), RULES_DONE);
    rules_cancel(one);
    rules_cancel(two);
  }
  stage_close(&t);
}

TEST(stage_yields_and_is_cancelled)
{
  struct stage_test t;
  if (stage_open(
          &t, "#{ rcpt: [ rule \"r\" || { let i = 0; while i < 1000000 { i += 1 } next() } ] }")) {
    struct rules_run *run = rules_start(t.rules, STAGE_RCPT, 0, false, &fake_host, &t.host);
    CHECK_INT(rules_step(run), RULES_YIELD);
    rules_cancel(run);
    CHECK_STR(stage_go(&t, STAGE_RCPT, 0, false), "next '' 1");
  }
  stage_close(&t);
}

TEST(stage_without_a_rule_file)
{
  struct diags d;
  const struct rules_options opt = {.limits = vsl_limits_default()};
  struct stage_test t;
  memset(&t, 0, sizeof t);
  t.result.cap = 4096;
  fake_init(&t.host);
  diags_init(&d);
  t.rules = rules_load(STR(""), &opt, &d);
  CHECK_INT(d.warnings, 1);
  if (CHECK(t.rules)) {
    CHECK_STR(stage_go(&t, STAGE_CONNECT, 0, false), "deny 'reject by default' 1");
    CHECK_STR(&t.host.decisions, "0 rule reject by default deny \n");
    CHECK_STR(stage_go(&t, STAGE_RCPT, 0, false), "next '' 0");
    CHECK_INT(rules_count(t.rules, STAGE_CONNECT), 1);
  }
  diags_free(&d);
  stage_close(&t);
}

TEST(stage_skip_states)
{
  CHECK_INT(rules_skip(STAGE_CONNECT, RULES_DENY), RULES_SKIP_CONNECTION);
  CHECK_INT(rules_skip(STAGE_HELO, RULES_FACCEPT), RULES_SKIP_CONNECTION);
  CHECK_INT(rules_skip(STAGE_HELO, RULES_QUARANTINE), RULES_SKIP_CONNECTION);
  CHECK_INT(rules_skip(STAGE_MAIL, RULES_FACCEPT), RULES_SKIP_MESSAGE);
  CHECK_INT(rules_skip(STAGE_PREQ, RULES_QUARANTINE), RULES_SKIP_MESSAGE);
  CHECK_INT(rules_skip(STAGE_MAIL, RULES_DENY), RULES_SKIP_NO);
  for (int s = 0; s < STAGE_COUNT; s++) {
    CHECK_INT(rules_skip((enum stage)s, RULES_NEXT), RULES_SKIP_NO);
    CHECK_INT(rules_skip((enum stage)s, RULES_ACCEPT), RULES_SKIP_NO);
    CHECK_INT(rules_skip((enum stage)s, RULES_INFO), RULES_SKIP_NO);
  }
}

/* Every kind of native, with what it allocates. */
static const char stage_busy[] =
    "object list group = [ net_10, object x regex = \"h.llo\", \"a@b.c\" ];\n"
    "#{ preq: [\n"
    "  action \"header\" || { append_header(\"X\", get_header(\"Subject\")); add_to(\"a@b.c\");\n"
    "    rewrite_to(\"a@b.c\", \"d@e.f\"); msg().get_headers(\"To\", 3); remove_to(\"d@e.f\"); },\n"
    "  action \"envelope\" || { add_rcpt(\"a@b.c\"); for r in rcpt_list() { maildir(r); }\n"
    "    rcpt_list().domains; rewrite_mail_from(\"a@b.c\"); remove_rcpt(\"a@b.c\"); },\n"
    "  action \"tools\" || { log(\"info\", `${msg()} ${ctx()} ${list}`); write(\"a\"); "
    "dump(\"b\"); date(); },\n"
    "  rule \"relay\" || { if check_relay([net_10, \"1.2.3.4\"]) == next() { accept() } else { "
    "next() } },\n"
    "  rule \"spf\" || check_spf(\"both\", \"both\", \"soft\"),\n"
    "  rule \"in\" || if get_header(\"Subject\") in list { quarantine(\"q\") } else { deny(\"451 "
    "4.7.1 x\") },\n"
    "] }";

static const char *stage_folder, *stage_text;

static void stage_work(void)
{
  struct fake h;
  fake_init(&h);
  h.asked = RULES_ASKED_DONE;
  h.answer = (struct rules_answer){.result = STR("pass"), .mechanism = STR("mx")};
  struct buf report = BUF_INIT(10000);
  struct rules *r = h.arena ? fake_load(stage_folder, stage_text, NULL, &report) : NULL;
  struct rules_run *run = r ? rules_start(r, STAGE_PREQ, stage_text == stage_delegating,
                                          stage_text == stage_delegating, &fake_host, &h)
                            : NULL;
  if (run) fake_step(run);
  rules_cancel(run);
  rules_release(r);
  buf_free(&report);
  fake_free(&h);
}

TEST(stage_all_natives)
{
  struct stage_test t;
  if (stage_open(&t, stage_busy)) {
    t.host.asked = RULES_ASKED_DONE;
    t.host.answer = (struct rules_answer){.result = STR("pass"), .mechanism = STR("mx")};
    CHECK_STR(stage_go(&t, STAGE_PREQ, 0, false), "quarantine 'in' 6 q");
  }
  stage_close(&t);
}

TEST(stage_without_memory)
{
  stage_folder = check_folder();
  stage_text = stage_delegating;
  check_torture(stage_work);
  stage_text = stage_busy;
  check_torture(stage_work);
}
