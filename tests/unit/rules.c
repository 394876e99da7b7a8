/* tests/unit/rules.c: rule files: what is refused at load and where, and every function of the mail
 * side against a host whose transaction is in memory. */
#include "../rules_host.h"

#include "../check.h"

/* ---- loading --------------------------------------------------------------------------------- */

/* "line:column: text" of each fault and warning; "loads" when there is none. */
static void rules_report(const char *text, const char *want)
{
  static const str listeners[] = {STR_INIT("127.0.0.1:10025"), STR_INIT("127.0.0.1:10024")};
  const struct rules_options opt = {
      .limits = vsl_limits_default(), .listeners = listeners, .listener_count = 2};
  struct buf report = BUF_INIT(100000);
  struct rules *r = fake_load(check_folder(), text, &opt, &report);
  if (!CHECK_STR(report.n ? buf_str(&report) : STR("loads"), want)) printf("  %s\n", text);
  const bool faulty = str_find(str_of(want), STR("warning")) != 0 && strcmp(want, "loads") != 0;
  CHECK((r == NULL) == faulty);
  rules_release(r);
  buf_free(&report);
}

TEST(rules_load_faults)
{
  rules_report("#{ }", "loads");
  rules_report("#{ rcpt: [] }", "loads");
  rules_report("#{ rcpt: [ rule \"a\" || next() ], mail: [ rule \"b\" || next() ] }", "loads");
  rules_report("5", "1:1: a rule file ends with a map of stages, like #{ rcpt: [ … ] }; this is a "
                    "'i64'\n");
  rules_report("let x = 1;\n[1]",
               "2:1: a rule file ends with a map of stages, like #{ rcpt: [ … ] }; this is a "
               "'array'\n");
  rules_report("#{\n  data: [],\n}",
               "2:3: there is no stage 'data'; the stages are connect, helo, authenticate, mail, "
               "rcpt, preq, postq, delivery\n");
  rules_report("#{\n  rcpt: [\n    rule \"a\" || next(),\n  ],\n  \"recpt\": [],\n}",
               "5:3: there is no stage 'recpt'; the stages are connect, helo, authenticate, mail, "
               "rcpt, preq, postq, delivery\n");
  rules_report("#{ rcpt: 5 }", "1:4: stage 'rcpt' must hold an array of directives, not 'i64'\n");
  rules_report("#{ rcpt: [\n 5 ] }",
               "1:4: element 0 of stage 'rcpt' is a 'i64', not a rule, action or delegate\n");
  rules_report("#{ rcpt: [ rule \"a\" 5 ] }",
               "1:21: ErrorRuntime: rule 'a' wants a closure like || { … }, not 'i64'\n");
  rules_report("#{ rcpt: [ action \"a\" #{ description: \"x\" } ] }",
               "1:23: ErrorRuntime: action 'a': the map has no `evaluate`\n");
  rules_report("#{ rcpt: [ rule \"a\" |x| next() ] }",
               "1:21: ErrorRuntime: the closure of rule 'a' must have no parameters\n");
  rules_report("#{ rcpt: [ rule 5 || next() ] }",
               "1:17: Syntax: expecting a name in quotes, found a number\n");
  rules_report("#{ rcpt: [ rule || next() ] }",
               "1:17: Syntax: expecting a name in quotes, found '||'\n");
  rules_report("#{ rcpt: [ 5; 6 ] }", "1:13: Syntax: expecting ',' or ']', found ';'\n");
  rules_report("#{ rcpt: [ rule \"a\" || next() rule \"b\" || next() ] }",
               "1:31: Syntax: expecting ',' or ']', found 'rule'\n");
}

/* A load has budgets as well, but a long list fits. */
TEST(rules_load_budgets)
{
  const char *folder = check_folder();
  struct buf text = BUF_INIT(4 << 20), report = BUF_INIT(4096);
  for (int i = 0; i < 60000; i++) buf_printf(&text, "10.%d.%d.0/24\n", i / 256, i % 256);
  fake_write_file(folder, "list", buf_cstr(&text));
  buf_clear(&text);
  buf_printf(&text, "object list file:rg4 = \"%s/list\";\n#{ }", folder);
  struct rules *r = fake_load(folder, buf_cstr(&text), NULL, NULL);
  CHECK(r != NULL);
  rules_release(r);
  CHECK(!fake_load(folder, "loop { }\n#{ }", NULL, &report));
  CHECK(str_find(buf_str(&report), STR("ErrorTooManyOperations")) > 0);
  buf_clear(&report);
  CHECK(!fake_load(folder, "let a = []; loop { a.push(`${a.len}`) }\n#{ }", NULL, &report));
  CHECK(str_find(buf_str(&report), STR("ErrorDataTooLarge")) > 0);
  buf_clear(&report);
  CHECK(!fake_load(folder, "fn f() { f() } f();\n#{ }", NULL, &report));
  CHECK(str_find(buf_str(&report), STR("ErrorStackOverflow")) > 0);
  buf_free(&report);
  buf_free(&text);
}

TEST(rules_evaluate_by_name)
{
  rules_report("fn yes() { next() } #{ rcpt: [ rule \"a\" Fn(\"yes\"), rule \"b\" #{ evaluate: "
               "Fn(\"yes\"), color: 5 } ] }",
               "loads");
}

TEST(rules_names_are_unique)
{
  struct buf report = BUF_INIT(10000);
  struct rules *r = fake_load(check_folder(),
                              "#{\n  mail: [ rule \"a\" || next() ],\n"
                              "  rcpt: [\n    action \"a\" || (),\n    rule \"\" || next(),\n"
                              "    rule \"\" || next(),\n  ],\n}",
                              NULL, &report);
  CHECK(r == NULL);
  const str got = buf_str(&report);
  CHECK(str_starts(got, STR("4:16: the name 'a' is already that of the rule at ")));
  CHECK(str_find(got, STR("main.vsl:2:20\n6:13: the name ")) > 0);
  buf_free(&report);
}

TEST(rules_separators)
{
  rules_report("#{ mail: [ rule \"check spf\" || next(); ] }", "loads");
  rules_report("#{ mail: [ rule \"a\" || next();; action \"b\" || ();, rule \"c\" || next(),, ] }",
               "loads");
  rules_report("#{ rcpt: [ rule \"a\" || { next() }; rule \"b\" #{ evaluate: || { next() } }; ] }",
               "loads");
}

#define RULES_AV                                                                                   \
  "service av smtp = #{ delegator: #{ address: \"127.0.0.1:10026\" }, receiver: \"%s\" };\n"

TEST(rules_service_of_a_delegate)
{
  static const char text[] =
      "service av smtp = #{ delegator: #{ address: \"127.0.0.1:10026\", timeout: \"5s\" },\n"
      "  receiver: \"127.0.0.1:10024\", marks: [\"X-A\", \"X-B\"] };\n"
      "#{ preq: [ action \"a\" || (), delegate av \"d\" || next() ] }";
  const str listener = STR("127.0.0.1:10024");
  const struct rules_options opt = {
      .limits = vsl_limits_default(), .listeners = &listener, .listener_count = 1};
  struct buf report = BUF_INIT(1000);
  struct rules *r = fake_load(check_folder(), text, &opt, &report);
  struct rules_service v;

  CHECK_STR(&report, "");
  buf_free(&report);
  if (!CHECK(r)) return;
  CHECK(!rules_service_at(r, STAGE_PREQ, 0, &v));
  CHECK(!rules_service_at(r, STAGE_PREQ, 2, &v));
  CHECK(!rules_service_at(r, STAGE_POSTQ, 0, &v));
  if (CHECK(rules_service_at(r, STAGE_PREQ, 1, &v))) {
    CHECK_STR(v.directive, "d");
    CHECK_STR(v.name, "av");
    CHECK_STR(v.address, "127.0.0.1:10026");
    CHECK_STR(v.receiver, "127.0.0.1:10024");
    CHECK_INT(v.timeout, 5000);
    CHECK(v.marked);
    CHECK_INT(v.mark_count, 2);
    CHECK_STR(rules_service_mark(r, STAGE_PREQ, 1, 1), "X-B");
    CHECK_STR(rules_service_mark(r, STAGE_PREQ, 1, 2), "");
  }
  rules_release(r);
}

TEST(rules_delegates)
{
  char text[1024];
  snprintf(text, sizeof text, RULES_AV "#{ preq: [ delegate av \"d\" || next() ] }",
           "127.0.0.1:10024");
  rules_report(text, "loads");
  snprintf(text, sizeof text, RULES_AV "#{ rcpt: [ delegate av \"d\" || next() ] }",
           "127.0.0.1:10024");
  rules_report(text, "2:28: delegate 'd': only the stages preq, postq and delivery can delegate, "
                     "not 'rcpt'\n");
  rules_report("#{ preq: [ delegate 5 \"d\" || next() ] }",
               "1:27: ErrorRuntime: delegate 'd' wants an smtp service, not 'i64'\n");
}

TEST(rules_warnings)
{
  char text[1024];
  snprintf(text, sizeof text, RULES_AV "#{ }", "127.0.0.1:10099");
  rules_report(text, "warning 1:19: service 'av': the receiver 127.0.0.1:10099 is not in "
                     "server.interfaces, so no result can come back\n");
  rules_report("#{ preq: [ rule \"signed\" || dkim_verify(); ] }",
               "warning 1:29: 'dkim_verify' is not built in yet: it throws\n");
  rules_report("#{ mail: [ action \"a\" || quarantine(\"q\") ] }",
               "warning 1:26: 'quarantine' does nothing in an action\n");
  rules_report("let n = 0; #{ mail: [ action \"a\" || { n += 1 } ] }",
               "warning 1:39: changes to n are lost when the rule ends\n");
  rules_report("service e cmd = #{ command: \"echo\", timeout: \"1s\", shell: true };\n#{ }",
               "warning 1:17: service 'e': unknown option 'shell' is ignored\n");
}

/* ---- running --------------------------------------------------------------------------------- */

struct rules_test {
  struct fake host;
  struct rules *rules;
  struct rules_run *run;
};

/* Runs the body of one rule in the stage; gives the text of the reply it denies with: a rule says
 * what it found by deny(`250 ${…}`). "failed: message" when it failed. */
static str rules_body(struct rules_test *t, enum stage s, const char *prefix, const char *body)
{
  static const char *const names[] = {"connect", "helo", "authenticate", "mail",
                                      "rcpt",    "preq", "postq",        "delivery"};
  struct buf text = BUF_INIT(100000);
  rules_cancel(t->run);
  rules_release(t->rules);
  t->run = NULL;
  buf_clear(&t->host.log);
  buf_printf(&text, "%s#{ %s: [ rule \"r\" || { %s } ] }", prefix, names[s], body);
  t->rules = fake_load(check_folder(), buf_cstr(&text), NULL, NULL);
  buf_free(&text);
  if (!t->rules) return STR("does not load");
  t->run = rules_start(t->rules, s, 0, false, &fake_host, &t->host);
  if (!t->run || fake_step(t->run) != RULES_DONE) return STR("no verdict");
  const struct rules_verdict *v = rules_verdict_of(t->run);
  if (!v->failed) return v->code.basic ? v->code.text : str_of(rules_kind_name(v->kind));
  const str log = buf_str(&t->host.log);
  const ptrdiff_t at = str_find(log, STR("Error"));
  return at < 0 ? log : str_trim(str_skip(log, (size_t)at));
}

/* What the expression gives, as text. */
static str rules_value(struct rules_test *t, enum stage s, const char *expression)
{
  char body[4096];
  snprintf(body, sizeof body, "deny(`250 ${%s}`)", expression);
  return rules_body(t, s, "", body);
}

static void rules_open(struct rules_test *t)
{
  memset(t, 0, sizeof *t);
  fake_init(&t->host);
}

static void rules_close(struct rules_test *t)
{
  rules_cancel(t->run);
  rules_release(t->rules);
  fake_free(&t->host);
}

TEST(rules_facts)
{
  struct rules_test t;
  rules_open(&t);
  static const struct {
    const char *name, *want;
    enum stage from;
  } facts[] = {
      {"client_address", "203.0.113.5:40000", STAGE_CONNECT},
      {"client_ip", "203.0.113.5", STAGE_CONNECT},
      {"client_port", "40000", STAGE_CONNECT},
      {"server_address", "192.0.2.1:25", STAGE_CONNECT},
      {"server_ip", "192.0.2.1", STAGE_CONNECT},
      {"server_port", "25", STAGE_CONNECT},
      {"server_name", "home.example", STAGE_CONNECT},
      {"connection_timestamp", "1700000000", STAGE_CONNECT},
      {"is_secured", "false", STAGE_CONNECT},
      {"is_authenticated", "false", STAGE_CONNECT},
      {"helo", "client.far.example", STAGE_HELO},
      {"mail_from", "carol@far.example", STAGE_MAIL},
      {"mail_timestamp", "1700000001", STAGE_MAIL},
      {"message_id", "00000000000000000000000001", STAGE_MAIL},
      {"rcpt", "bob@far.example", STAGE_RCPT},
  };
  char text[256];
  for (size_t i = 0; i < BASE_COUNT(facts); i++) {
    snprintf(text, sizeof text, "%s()", facts[i].name);
    CHECK_STR(rules_value(&t, facts[i].from, text), facts[i].want);
    snprintf(text, sizeof text, "ctx().%s", facts[i].name);
    CHECK_STR(rules_value(&t, facts[i].from, text), facts[i].want);
    if (facts[i].from == STAGE_CONNECT) continue;
    CHECK(str_find(rules_value(&t, (enum stage)(facts[i].from - 1), text),
                   STR("is only available from the '")) > 0);
  }
  CHECK_STR(rules_value(&t, STAGE_CONNECT, "rcpt_list()"), "[]");
  CHECK_STR(rules_value(&t, STAGE_RCPT, "rcpt_list()"),
            "[address(\"alice@home.example\"), address(\"bob@far.example\")]");
  CHECK_STR(rules_value(&t, STAGE_RCPT, "rcpt_list().local_parts"),
            "[identifier(\"alice\"), identifier(\"bob\")]");
  CHECK_STR(rules_value(&t, STAGE_RCPT, "ctx().rcpt_list.domains"),
            "[fqdn(\"home.example\"), fqdn(\"far.example\")]");
  CHECK_STR(rules_value(&t, STAGE_MAIL, "mail_from().domain"), "far.example");
  CHECK_STR(rules_value(&t, STAGE_MAIL, "type_of(mail_from())"), "address");
  CHECK_STR(rules_value(&t, STAGE_MAIL, "ctx()"), "MailContext");
  CHECK_STR(rules_value(&t, STAGE_MAIL, "srv()"), "Server");
  CHECK(str_starts(rules_value(&t, STAGE_MAIL, "ctx().nothing"), STR("ErrorDotExpr")));
  t.host.facts.client_ip = STR("2001:db8::5");
  CHECK_STR(rules_value(&t, STAGE_CONNECT, "client_address()"), "[2001:db8::5]:40000");
  t.host.facts.helo = STR("\xff\xfe<evil>");
  CHECK_STR(rules_value(&t, STAGE_HELO, "helo()"), "\xef\xbf\xbd\xef\xbf\xbd<evil>");
  rules_close(&t);
}

TEST(rules_null_sender)
{
  struct rules_test t;
  rules_open(&t);
  t.host.facts.mail_from = STR("");
  CHECK_STR(rules_value(&t, STAGE_MAIL, "mail_from() == \"\""), "true");
  CHECK_STR(rules_value(&t, STAGE_MAIL, "mail_from() == \"a@b\""), "false");
  CHECK_STR(rules_value(&t, STAGE_MAIL, "`<${mail_from().local_part}${mail_from().domain}>`"),
            "<>");
  CHECK_STR(rules_value(&t, STAGE_MAIL, "in_domain(mail_from())"), "false");
  CHECK_STR(rules_body(&t, STAGE_MAIL, "", "check_mail_relay(\"10.0.0.1\")"), "next");
  rules_close(&t);
}

TEST(rules_auth)
{
  struct rules_test t;
  rules_open(&t);
  CHECK_STR(rules_value(&t, STAGE_MAIL, "auth()"),
            "ErrorRuntime: the client has not authenticated: there is no 'auth'");
  t.host.facts.auth = RULES_AUTH_VERIFY;
  t.host.facts.auth_id = STR("john");
  t.host.facts.auth_pass = STR("secret");
  CHECK_STR(rules_value(&t, STAGE_AUTHENTICATE, "auth().type"), "Verify");
  CHECK_STR(rules_value(&t, STAGE_AUTHENTICATE, "auth().authid"), "john");
  CHECK_STR(rules_value(&t, STAGE_AUTHENTICATE, "ctx().auth.authpass"), "secret");
  CHECK(str_starts(rules_value(&t, STAGE_MAIL, "auth().authpass"), STR("ErrorRuntime")));
  CHECK(str_starts(rules_value(&t, STAGE_MAIL, "auth().anonymous_token"), STR("ErrorRuntime")));
  t.host.facts.auth = RULES_AUTH_QUERY;
  CHECK_STR(rules_value(&t, STAGE_AUTHENTICATE, "auth().type"), "Query");
  CHECK(str_starts(rules_value(&t, STAGE_AUTHENTICATE, "auth().authpass"), STR("ErrorRuntime")));
  t.host.facts.auth = RULES_AUTH_ANONYMOUS;
  t.host.facts.auth_token = STR("guest");
  CHECK_STR(rules_value(&t, STAGE_MAIL, "auth().type"), "AnonymousToken");
  CHECK_STR(rules_value(&t, STAGE_MAIL, "auth().anonymous_token"), "guest");
  CHECK(str_starts(rules_value(&t, STAGE_MAIL, "auth().authid"), STR("ErrorRuntime")));
  rules_close(&t);
}

TEST(rules_headers)
{
  struct rules_test t;
  rules_open(&t);
  CHECK_STR(rules_value(&t, STAGE_PREQ, "has_header(\"SUBJECT\")"), "true");
  CHECK_STR(rules_value(&t, STAGE_PREQ, "has_header(\"X-None\")"), "false");
  CHECK_STR(rules_value(&t, STAGE_PREQ, "get_header(\"subject\")"), "hello");
  CHECK_STR(rules_value(&t, STAGE_PREQ, "`<${get_header(\"X-None\")}>`"), "<>");
  t.host.headers[2].value = STR(" one\r\n two\r\n\tthree\r\n");
  CHECK_STR(rules_value(&t, STAGE_PREQ, "get_header(\"subject\")"), "one two\tthree");
  CHECK_STR(rules_value(&t, STAGE_PREQ, "msg().get_headers(\"subject\", 1)"),
            "[\"Subject: one two\\tthree\"]");
  t.host.headers[2].value = STR("hello");
  CHECK_STR(rules_value(&t, STAGE_PREQ, "msg().get_header(\"Subject\")"), "hello");
  CHECK_STR(rules_value(&t, STAGE_PREQ, "msg().get_headers(\"From\", 5)"),
            "[\"From: Carol <carol@far.example>\"]");
  CHECK_STR(rules_value(&t, STAGE_PREQ, "msg().get_headers(\"From\", 0)"), "[]");
  CHECK_STR(rules_value(&t, STAGE_PREQ, "type_of(msg().mail)"), "string");
  CHECK_STR(rules_value(&t, STAGE_PREQ, "ctx().mail.contains(\"body line\")"), "true");
  CHECK_STR(rules_value(&t, STAGE_PREQ, "`${msg()}`.contains(\"Subject: hello\")"), "true");
  CHECK(str_starts(rules_value(&t, STAGE_MAIL, "msg().mail"), STR("ErrorRuntime")));
  CHECK_STR(rules_body(&t, STAGE_PREQ, "",
                       "append_header(\"X-Last\", \"z\"); prepend_header(\"X-First\", \"a\"); "
                       "set_header(\"subject\", \"new\"); set_header(\"X-Set\", \"s\"); "
                       "ctx().add_header(\"X-Add\", code554_7_1); next()"),
            "next");
  CHECK_STR(t.host.headers[0].name, "X-First");
  CHECK_STR(t.host.headers[3].value, "new");
  CHECK_STR(t.host.headers[4].name, "X-Last");
  CHECK_STR(t.host.headers[5].name, "X-Set");
  CHECK_STR(t.host.headers[6].value, "554 5.7.1 Relay access denied");
  CHECK_STR(rules_body(&t, STAGE_PREQ, "", "append_header(\"X\", \"a\\r\\nBcc: b@c\"); next()"),
            "ErrorRuntime: a header value may hold a line end only before a space (header 'X')");
  CHECK_STR(rules_body(&t, STAGE_PREQ, "", "append_header(\"X\\r\\nBcc\", \"a\"); next()"),
            "ErrorRuntime: 'X\\r\\nBcc' is not a header name");
  CHECK(str_starts(rules_value(&t, STAGE_PREQ, "get_header(5)"), STR("ErrorRuntime")));
  CHECK(str_starts(rules_value(&t, STAGE_PREQ, "get_header()"), STR("ErrorFunctionNotFound")));
  t.host.refuse = true;
  CHECK_STR(rules_body(&t, STAGE_PREQ, "", "append_header(\"X\", \"a\"); next()"),
            "ErrorRuntime: the host refuses");
  rules_close(&t);
}

TEST(rules_to_and_from)
{
  struct rules_test t;
  rules_open(&t);
  CHECK_STR(rules_body(&t, STAGE_PREQ, "", "add_rcpt_message(\"d@e.f\"); next()"), "next");
  CHECK_STR(t.host.headers[1].value, "alice@home.example, Bob <bob@far.example>, d@e.f");
  CHECK_STR(rules_body(&t, STAGE_PREQ, "", "rewrite_to(\"bob@FAR.example\", \"bo@g.h\"); next()"),
            "next");
  CHECK_STR(t.host.headers[1].value, "alice@home.example, Bob <bo@g.h>, d@e.f");
  CHECK_STR(
      rules_body(&t, STAGE_PREQ, "",
                 "remove_to(\"alice@home.example\"); remove_rcpt_message(\"no@body.example\"); "
                 "msg().remove_to(\"d@e.f\"); next()"),
      "next");
  CHECK_STR(t.host.headers[1].value, "Bob <bo@g.h>");
  CHECK_STR(rules_body(&t, STAGE_PREQ, "", "remove_to(\"bo@g.h\"); next()"), "next");
  CHECK_STR(t.host.headers[1].name, "Subject");
  CHECK_STR(rules_body(&t, STAGE_PREQ, "", "add_to(\"x@y.z\"); next()"), "next");
  CHECK_STR(rules_value(&t, STAGE_PREQ, "get_header(\"To\")"), "x@y.z");
  CHECK_STR(rules_body(&t, STAGE_PREQ, "", "rewrite_mail_from_message(\"n@m.o\"); next()"), "next");
  CHECK_STR(t.host.headers[0].value, "n@m.o");
  CHECK_STR(t.host.facts.mail_from, "carol@far.example");
  CHECK_STR(rules_body(&t, STAGE_PREQ, "", "rewrite_mail_from(\"p@q.r\"); next()"), "next");
  CHECK_STR(t.host.headers[0].value, "p@q.r");
  CHECK_STR(t.host.facts.mail_from, "p@q.r");
  CHECK(
      str_starts(rules_body(&t, STAGE_RCPT, "", "add_to(\"x@y.z\"); next()"), STR("ErrorRuntime")));
  CHECK_STR(rules_body(&t, STAGE_PREQ, "", "add_to(\"nobody\"); next()"),
            "ErrorRuntime: invalid type conversion expected: `address`, got 'nobody'");
  rules_close(&t);
}

static str rules_rcpt_text(const struct rules_test *t)
{
  static char text[1024];
  size_t n = 0;
  text[0] = 0;
  for (size_t i = 0; i < t->host.rcpt_count; i++) {
    const struct rules_rcpt *r = &t->host.rcpt[i].rcpt;
    n += (size_t)snprintf(text + n, sizeof text - n, "%s" STR_FMT "%s%s%s" STR_FMT, i ? " " : "",
                          STR_ARG(r->address), r->transport ? "/" : "",
                          transport_name(r->transport), r->target.n ? "/" : "", STR_ARG(r->target));
  }
  return str_of(text);
}

TEST(rules_envelope)
{
  struct rules_test t;
  rules_open(&t);
#define DO(stage, body) CHECK_STR(rules_body(&t, stage, "", body " next()"), "next")
  DO(STAGE_MAIL, "rewrite_mail_from_envelop(\"new@sender.example\");");
  CHECK_STR(t.host.facts.mail_from, "new@sender.example");
  DO(STAGE_RCPT, "ctx().rewrite_rcpt_envelop(\"bob@FAR.example\", \"bobby@far.example\");");
  CHECK_STR(rules_rcpt_text(&t), "alice@home.example bobby@far.example");
  DO(STAGE_RCPT, "rewrite_rcpt(\"absent@x.example\", \"added@x.example\");");
  CHECK_STR(rules_rcpt_text(&t), "alice@home.example bobby@far.example added@x.example");
  DO(STAGE_RCPT, "remove_rcpt(\"absent@x.example\"); remove_rcpt_envelop(\"added@x.example\");");
  DO(STAGE_PREQ,
     "bcc(\"archive@home.example\"); add_rcpt(\"b@c.d\"); ctx().add_rcpt_envelop(\"e@f.g\");");
  CHECK_STR(rules_rcpt_text(&t),
            "alice@home.example bobby@far.example archive@home.example b@c.d e@f.g");
  CHECK(!t.host.rcpt[2].rcpt.by_client);
  DO(STAGE_PREQ, "for r in rcpt_list() { if r.domain != \"home.example\" { remove_rcpt(r) } }");
  CHECK_STR(rules_rcpt_text(&t), "alice@home.example archive@home.example");
  CHECK_STR(rules_body(&t, STAGE_RCPT, "", "add_rcpt(\"a b\"); next()"),
            "ErrorRuntime: invalid type conversion expected: `address`, got '\"a b\"'");
  rules_close(&t);
}

TEST(rules_transports)
{
  struct rules_test t;
  rules_open(&t);
  DO(STAGE_DELIVERY,
     "maildir(\"alice@home.example\"); forward(\"bob@far.example\", \"10.0.0.9:2525\");");
  CHECK_STR(rules_rcpt_text(&t),
            "alice@home.example/maildir bob@far.example/forward/10.0.0.9:2525");
  DO(STAGE_DELIVERY, "mbox(rcpt_list()[0]); deliver(rcpt());");
  CHECK_STR(rules_rcpt_text(&t), "alice@home.example/mbox bob@far.example/deliver");
  DO(STAGE_DELIVERY, "disable_delivery(\"bob@far.example\");");
  CHECK_STR(rules_rcpt_text(&t), "alice@home.example/mbox bob@far.example/none");
  static const char *const all[] = {"deliver", "mbox", "maildir", "disable_delivery"};
  static const char *const words[] = {"deliver", "mbox", "maildir", "none"};
  for (size_t i = 0; i < BASE_COUNT(all); i++) {
    char body[64], want[128];
    snprintf(body, sizeof body, "%s_all(); next()", all[i]);
    snprintf(want, sizeof want, "alice@home.example/%s bob@far.example/%s", words[i], words[i]);
    CHECK_STR(rules_body(&t, STAGE_DELIVERY, "", body), "next");
    CHECK_STR(rules_rcpt_text(&t), want);
  }
  static const char *const good[] = {
      "mail.example", "10.0.0.1",        "10.0.0.1:25",
      "::1",          "[::1]:25",        "[fe80::1%eth0]:25",
      "[::1]",        "mail.example:25", "smtps://joe:secret@mail.example"};
  static const char *const bad[] = {
      "", "a b", "10.0.0.1:99999", "[::1", "http://x.example", "smtp://joe@x.example"};
  for (size_t i = 0; i < BASE_COUNT(good); i++) {
    char body[128];
    snprintf(body, sizeof body, "forward_all(\"%s\"); next()", good[i]);
    CHECK_STR(rules_body(&t, STAGE_DELIVERY, "", body), "next");
    CHECK_STR(t.host.rcpt[0].rcpt.target, good[i]);
  }
  for (size_t i = 0; i < BASE_COUNT(bad); i++) {
    char body[128];
    snprintf(body, sizeof body, "forward(\"alice@home.example\", \"%s\"); next()", bad[i]);
    CHECK(
        str_starts(rules_body(&t, STAGE_DELIVERY, "", body), STR("ErrorRuntime: cannot forward")));
  }
  CHECK_STR(rules_body(&t, STAGE_DELIVERY, "", "maildir(\"x@y.z\"); next()"),
            "ErrorRuntime: could not find rcpt 'x@y.z'");
  rules_close(&t);
#undef DO
}

TEST(rules_relay_of_the_last_recipient)
{
  struct rules_test t;
#define RELAY "deny 554"
  static const struct {
    const char *call, *client, *want;
    bool authenticated, foreign, permitted;
  } rows[] = {
      {"check_relay(\"10.0.0.0/8\")", "10.2.3.4", "next", false, true, true},
      {"check_relay(\"10.0.0.0/8\")", "203.0.113.5", "deny", false, true, false},
      {"check_relay(\"10.0.0.0/8\")", "203.0.113.5", "next", true, true, true},
      {"check_relay(\"10.0.0.0/8\")", "203.0.113.5", "next", false, false, false},
      {"check_relay(net_10)", "10.2.3.4", "next", false, true, true},
      {"check_relay(non_routable_net)", "192.168.1.1", "next", false, true, true},
      {"check_relay([\"1.2.3.4\", net_10])", "10.2.3.4", "next", false, true, true},
      {"check_relay([\"1.2.3.4\", net_10])", "1.2.3.44", "deny", false, true, false},
      {"check_relay(\"1.2.3.44\")", "1.2.3.4", "deny", false, true, false},
      {"check_relay([])", "1.2.3.4", "deny", false, true, false},
      {"check_rcpt_relay(net_10)", "1.2.3.4", "info", false, true, false},
      {"check_rcpt_relay(net_10)", "10.2.3.4", "next", false, true, true},
      {"ctx().check_relay(net_10)", "10.2.3.4", "next", false, true, true},
  };
  for (size_t i = 0; i < BASE_COUNT(rows); i++) {
    rules_open(&t);
    t.host.facts.client_ip = str_of(rows[i].client);
    t.host.facts.authenticated = rows[i].authenticated;
    if (!rows[i].foreign) t.host.rcpt_count = 1;
    const size_t before = t.host.rcpt_count;
    const str got = rules_body(&t, STAGE_RCPT, "", rows[i].call);
    const bool refused = strcmp(rows[i].want, "next") != 0;
    if (!CHECK_STR(refused ? str_of(rules_kind_name(rules_verdict_of(t.run)->kind)) : got,
                   rows[i].want))
      printf("  %zu %s\n", i, rows[i].call);
    if (refused) CHECK_STR(got, "Relay access denied");
    CHECK_INT(t.host.rcpt_count, before - refused);
    CHECK_INT(t.host.rcpt[before - 1].permitted, rows[i].permitted);
    rules_close(&t);
  }
  rules_open(&t);
  CHECK(
      str_starts(rules_body(&t, STAGE_RCPT, "", "check_relay(code554_7_1)"), STR("ErrorRuntime")));
  CHECK(
      str_starts(rules_body(&t, STAGE_MAIL, "", "check_relay(net_10)"),
                 STR("ErrorRuntime: field 'check_relay' is only available from the 'rcpt' stage")));
  CHECK_STR(rules_body(&t, STAGE_RCPT, "object me ip4 = \"203.0.113.5\";\n", "check_relay(me)"),
            "next");
  rules_close(&t);
#undef RELAY
}

TEST(rules_relay_later)
{
  struct rules_test t;
  rules_open(&t);
  CHECK_STR(rules_body(&t, STAGE_PREQ, "", "check_relay(net_10)"), "Relay access denied");
  CHECK_INT(t.host.rcpt_count, 2);
  t.host.rcpt[1].rcpt.by_client = false; /* one that a rule added */
  CHECK_STR(rules_body(&t, STAGE_PREQ, "", "check_relay(net_10)"), "next");
  rules_close(&t);
}

TEST(rules_mail_relay)
{
  struct rules_test t;
  rules_open(&t);
  CHECK_STR(rules_body(&t, STAGE_MAIL, "", "check_mail_relay(net_10)"), "next");
  t.host.facts.mail_from = STR("forged@HOME.example");
  CHECK_STR(rules_body(&t, STAGE_MAIL, "", "check_mail_relay(net_10)"), "Relay access denied");
  CHECK_INT(rules_verdict_of(t.run)->kind, RULES_DENY);
  t.host.facts.client_ip = STR("10.0.0.1");
  CHECK_STR(rules_body(&t, STAGE_MAIL, "", "check_mail_relay(net_10)"), "next");
  rules_close(&t);
}

TEST(rules_domains_and_users)
{
  struct rules_test t;
  rules_open(&t);
  CHECK_STR(rules_value(&t, STAGE_CONNECT, "in_domain(\"home.example\")"), "true");
  CHECK_STR(rules_value(&t, STAGE_CONNECT, "in_domain(\"x@Home.Example\")"), "true");
  CHECK_STR(rules_value(&t, STAGE_CONNECT, "in_domain(\"home.example.evil.test\")"), "false");
  CHECK_STR(rules_value(&t, STAGE_CONNECT, "in_domain(\"\")"), "false");
  CHECK_STR(rules_value(&t, STAGE_CONNECT, "in_domain(5)"), "false");
  CHECK_STR(rules_value(&t, STAGE_CONNECT, "in_domain(object a address = \"x@home.example\")"),
            "true");
  CHECK_STR(rules_value(&t, STAGE_RCPT, "user_exist(\"alice\")"), "true");
  CHECK_STR(rules_value(&t, STAGE_RCPT, "user_exist(rcpt_list()[0])"), "true");
  CHECK_STR(rules_value(&t, STAGE_RCPT, "sys::user_exist(\"root\")"), "false");
  rules_close(&t);
}

TEST(rules_tools)
{
  struct rules_test t;
  rules_open(&t);
  CHECK_STR(rules_value(&t, STAGE_CONNECT, "date().len"), "10");
  CHECK_STR(rules_value(&t, STAGE_CONNECT, "time().len"), "8");
  CHECK_STR(rules_value(&t, STAGE_CONNECT, "hostname().is_empty"), "false");
  CHECK_STR(
      rules_body(
          &t, STAGE_CONNECT, "",
          "log(\"INFO\", \"hi\"); log(\"weird\", \"x\"); sys::log(\"debug\", net_10); next()"),
      "next");
  CHECK_STR(&t.host.log, "app info hi\napp warn x (logged with the unknown level 'weird')\n"
                         "app debug 10.0.0.0/8\n");
  CHECK_STR(rules_body(&t, STAGE_MAIL, "", "write(\"kept/mail\"); dump(\"kept\"); next()"), "next");
  const str files = buf_str(&t.host.files);
  CHECK(str_starts(files, STR("kept/mail .eml\nkept .json\n{\n  \"message_id\": \"0000")));
  CHECK(str_find(files, STR("\"mail_from\": \"carol@far.example\"")) > 0);
  CHECK(
      str_find(files,
               STR("{ \"address\": \"bob@far.example\", \"transport\": \"\", \"target\": \"\" }")) >
      0);
  static const char *const bad[] = {"", "/etc", "..", "a/../b", "a/.", "a\\nb", "./a"};
  for (size_t i = 0; i < BASE_COUNT(bad); i++) {
    char body[128];
    snprintf(body, sizeof body, "write(\"%s\"); next()", bad[i]);
    if (!CHECK(str_starts(rules_body(&t, STAGE_MAIL, "", body), STR("ErrorRuntime"))))
      printf("  %s\n", bad[i]);
  }
  CHECK(str_starts(rules_body(&t, STAGE_CONNECT, "", "write(\"a\"); next()"), STR("ErrorRuntime")));
  CHECK(str_starts(rules_body(&t, STAGE_MAIL, "", "check_null_mx_sender()"), STR("ErrorRuntime")));
  CHECK(
      str_starts(rules_body(&t, STAGE_MAIL, "", "check_spf(\"what\")"),
                 STR("ErrorRuntime: check_spf: the header is one of 'spf', 'auth', 'both', 'none', "
                     "not 'what'")));
  CHECK(str_starts(rules_body(&t, STAGE_MAIL, "", "check_spf(\"me\", \"spf\")"),
                   STR("ErrorRuntime: check_spf: the identity is one of")));
  CHECK(str_starts(rules_body(&t, STAGE_MAIL, "", "check_spf(\"spf\", \"hard\")"),
                   STR("ErrorRuntime: check_spf: the policy is one of")));
  rules_close(&t);
}

TEST(rules_toml)
{
  struct diags d;
  diags_init(&d);
  struct arena *a = arena_new(0);
  const struct toml *toml =
      toml_parse(a, STR("t"),
                 STR("[server]\ndomain = \"home.example\"\n[server.virtual.\"d.com\".tls]\n"
                     "protocol_version = [\"TLSv1.3\"]\n[app]\ndirpath = \"/tmp\"\nn = 5\n"),
                 &d);
  const struct rules_options opt = {.limits = vsl_limits_default(), .toml = toml};
  struct fake h;
  fake_init(&h);
  struct rules *r = fake_load(check_folder(),
                              "let at_load = toml::server.domain;\n"
                              "#{ rcpt: [ rule \"r\" || deny(`250 ${at_load} ${toml::app.n} "
                              "${\"d.com\" in toml::server.virtual} "
                              "${toml::server.virtual[\"d.com\"].tls.protocol_version} "
                              "${toml::server.absent}`) ] }",
                              &opt, NULL);
  if (CHECK(r)) {
    struct rules_run *run = rules_start(r, STAGE_RCPT, 0, false, &fake_host, &h);
    CHECK_INT(fake_step(run), RULES_DONE);
    CHECK_STR(rules_verdict_of(run)->code.text, "home.example 5 true [\"TLSv1.3\"]");
    rules_cancel(run);
  }
  rules_release(r);
  fake_free(&h);
  arena_free(a);
  diags_free(&d);
}

TEST(rules_default_replies)
{
  struct rules_options opt = {.limits = vsl_limits_default()};
  opt.denied = (struct rules_code){550, STR("5.7.1"), STR("go away")};
  struct fake h;
  fake_init(&h);
  struct rules *r = fake_load(check_folder(),
                              "#{ rcpt: [ rule \"r\" || if deny() == deny(\"550 5.7.1 go away\") { "
                              "accept() } else { next() } ] }",
                              &opt, NULL);
  struct rules_run *run = r ? rules_start(r, STAGE_RCPT, 0, false, &fake_host, &h) : NULL;
  if (CHECK(run)) {
    fake_step(run);
    CHECK_INT(rules_verdict_of(run)->kind, RULES_ACCEPT);
  }
  rules_cancel(run);
  rules_release(r);
  fake_free(&h);
}

TEST(rules_file_objects)
{
  struct rules_test t;
  char prefix[1024];
  const char *folder = check_folder();
  rules_open(&t);
  fake_write_file(folder, "list", "# friends\r\nalice@home.example\r\n\r\nbob@far.example\n");
  snprintf(prefix, sizeof prefix, "object list file:address = \"%s/list\";\n", folder);
  CHECK_STR(
      rules_body(&t, STAGE_RCPT, prefix,
                 "deny(`250 ${rcpt() in list} ${mail_from() in list} "
                 "${list} ${list in rcpt_list()} ${\"home.example\" in list}`)"),
      "true false [address(\"alice@home.example\"), address(\"bob@far.example\")] true false");
  fake_write_file(folder, "nets", "10.0.0.0/8\n203.0.113.0/24\n");
  snprintf(prefix, sizeof prefix, "object nets file:rg4 = \"%s/nets\";\n", folder);
  CHECK_STR(rules_body(&t, STAGE_RCPT, prefix, "check_relay(nets)"), "next");
  fake_write_file(folder, "bad", "10.0.0.0/8\noops\n");
  struct buf report = BUF_INIT(4096);
  snprintf(prefix, sizeof prefix, "object nets file:rg4 = \"%s/bad\"; #{ }", folder);
  CHECK(!fake_load(folder, prefix, NULL, &report));
  CHECK(str_find(buf_str(&report), STR("bad:2: 'oops' is not an IPv4 range")) > 0);
  buf_free(&report);
  rules_close(&t);
}

/* ---- examples published for vSMTP 1 ---------------------------------------------------------- */

static const char rules_objects[] =
    "// -- objects.vsl\nobject internal_net rg4 = \"192.168.0.0/16\";\n";

static const char rules_relay_example[] =
    "// -- main.vsl\n"
    "import \"objects\" as obj;\n"
    "\n"
    "#{\n"
    "  rcpt: [\n"
    "    rule \"check relay\" || check_relay(obj::internal_net),\n"
    "  ],\n"
    "}\n";

static const char rules_spf_example[] =
    "#{\n"
    "  mail: [\n"
    "    rule \"check spf\" || check_spf(\"mail_from\", \"spf\");\n"
    "  ]\n"
    "}\n";

static const char rules_service_example[] = "// -- service.vsl\n"
                                            "service clamsmtpd smtp = #{\n"
                                            "    delegator: #{\n"
                                            "        address: \"127.0.0.1:10026\",\n"
                                            "        timeout: \"60s\",\n"
                                            "    },\n"
                                            "    receiver: \"127.0.0.1:10024\",\n"
                                            "};\n";

static const char rules_antivirus_example[] =
    "// -- main.vsl\n"
    "import \"service\" as s;\n"
    "\n"
    "#{\n"
    "    preq: [\n"
    "        delegate s::clamsmtpd \"check email for virus\" || {\n"
    "          // clamav inserts the \"X-Virus-Infected\" header\n"
    "          // once a virus is detected. \n"
    "          if has_header(\"X-Virus-Infected\") {\n"
    "            quarantine(\"virus_q\")\n"
    "          } else {\n"
    "            next()\n"
    "          }\n"
    "        }\n"
    "    ],\n"
    "}\n";

/* Kind of the verdict of one stage. */
static str rules_kind_of(struct rules_test *t, const char *text, enum stage s, bool returned)
{
  rules_cancel(t->run);
  rules_release(t->rules);
  t->run = NULL;
  t->rules = fake_load(check_folder(), text, NULL, NULL);
  if (!t->rules) return STR("does not load");
  t->run = rules_start(t->rules, s, 0, returned, &fake_host, &t->host);
  return fake_step(t->run) == RULES_DONE ? str_of(rules_kind_name(rules_verdict_of(t->run)->kind))
                                         : STR("waits");
}

TEST(rules_published_examples)
{
  struct rules_test t;
  const char *folder = check_folder();
  rules_open(&t);
  fake_write_file(folder, "objects.vsl", rules_objects);
  fake_write_file(folder, "service.vsl", rules_service_example);
  CHECK_STR(rules_kind_of(&t, rules_relay_example, STAGE_RCPT, false), "deny");
  CHECK_INT(t.host.rcpt_count, 1);
  t.host.facts.client_ip = STR("192.168.7.7");
  t.host.rcpt_count = 2;
  CHECK_STR(rules_kind_of(&t, rules_relay_example, STAGE_RCPT, false), "next");
  t.host.asked = RULES_ASKED_DONE;
  t.host.answer.result = STR("fail");
  CHECK_STR(rules_kind_of(&t, rules_spf_example, STAGE_MAIL, false), "deny");
  CHECK_STR(rules_kind_of(&t, rules_antivirus_example, STAGE_PREQ, false), "delegated");
  CHECK_STR(rules_kind_of(&t, rules_antivirus_example, STAGE_PREQ, true), "next");
  t.host.headers[0].name = STR("X-Virus-Infected");
  CHECK_STR(rules_kind_of(&t, rules_antivirus_example, STAGE_PREQ, true), "quarantine");
  CHECK_STR(rules_verdict_of(t.run)->text, "virus_q");
  rules_close(&t);
}

/* The policies of rules/examples, as the tests are started: from the top of the repository. */
TEST(rules_examples_load)
{
  static const char *const names[] = {"home",   "aliases", "antivirus", "blacklist",
                                      "copies", "hold",    "spf"};
  static const str listeners[] = {STR_INIT("127.0.0.1:10024")};
  const struct rules_options opt = {
      .limits = vsl_limits_default(), .listeners = listeners, .listener_count = 1};
  for (size_t i = 0; i < BASE_COUNT(names); i++) {
    char path[128];
    struct diags d;
    diags_init(&d);
    snprintf(path, sizeof path, "rules/examples/%s/main.vsl", names[i]);
    struct rules *r = rules_load(str_of(path), &opt, &d);
    CHECK(r != NULL);
    CHECK_INT(d.n, 0);
    diags_print(&d, stdout);
    rules_release(r);
    diags_free(&d);
  }
}
