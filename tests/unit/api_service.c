/* tests/unit/api_service.c: services as rules see them: what is asked of the host, what its answers
 * become, and what is listed at the load. */
#include "../rules_host.h"

#include "../check.h"

#define SERVICES                                                                                   \
  "service av clamd = #{ address: \"unix:/run/clamd.ctl\", timeout: \"20s\" };\n"                  \
  "service run cmd = #{ command: \"true\", timeout: \"2s\", args: [\"-a\", code554_7_1, \"é\"] "  \
  "};\n"                                                                                           \
  "service t db:csv = #{ connector: \"/proc/version\", access: \"O_RDWR\", refresh: \"no\", "      \
  "delimiter: ':' };\n"                                                                            \
  "service ro db:csv = #{ connector: \"/proc/version\", access: \"O_RDONLY\", refresh: "           \
  "\"always\", "                                                                                   \
  "delimiter: ':' };\n"                                                                            \
  "service wo db:sqlite = #{ connector: \"/proc/version\", access: \"O_WRONLY\" };\n"              \
  "service db db:sqlite = #{ connector: \"main.vsl\" };\n"

struct api_service_test {
  struct fake host;
  struct rules *rules;
  struct rules_run *run;
};

static bool api_service_open(struct api_service_test *t, const char *body)
{
  char text[4096];
  memset(t, 0, sizeof *t);
  fake_init(&t->host);
  t->host.asked = RULES_ASKED_WAIT;
  snprintf(text, sizeof text,
           SERVICES
           "#{ preq: [ rule \"r\" || { %s } ], mail: [ rule \"m\" || { av.scan(); next() } ] }",
           body);
  t->rules = fake_load(check_folder(), text, NULL, NULL);
  if (!CHECK(t->rules != NULL)) return false;
  t->run = rules_start(t->rules, STAGE_PREQ, 0, false, &fake_host, &t->host);
  return true;
}

static void api_service_close(struct api_service_test *t)
{
  rules_cancel(t->run);
  rules_release(t->rules);
  fake_free(&t->host);
}

/* Runs the body, answers its one question, gives what it accepted with, or its error's text. */
static const char *api_service_say(const char *body, const struct rules_answer *a,
                                   const char *asked)
{
  static char said[512];
  struct api_service_test t;
  struct err e;
  said[0] = 0;
  if (api_service_open(&t, body)) {
    enum rules_state s = fake_step(t.run);
    CHECK_STR(&t.host.services, asked);
    if (s == RULES_WAIT) {
      err_set(&e, ERR_TEMP, "it is down");
      rules_give(t.run, a, &e);
      s = fake_step(t.run);
    }
    CHECK_INT(s, RULES_DONE);
    const struct rules_verdict *v = rules_verdict_of(t.run);
    const str log = buf_str(&t.host.log);
    const ptrdiff_t at = v->failed ? str_find(log, STR("Error")) : -1;
    const ptrdiff_t end = str_find(log, STR(" (in call"));
    str text = at < 0 ? v->text : str_sub(log, (size_t)at, end < 0 ? log.n : (size_t)end);
    snprintf(said, sizeof said, STR_FMT, STR_ARG(str_trim(text)));
  }
  api_service_close(&t);
  return said;
}

/* The value of an expression, as the name of a quarantine. */
#define VALUE(expression) "quarantine(`${" expression "}`)"

TEST(api_service_scan)
{
  const str virus = STR("Eicar");
  const struct rules_answer clean = {.result = STR("clean")};
  const struct rules_answer bad = {.result = STR("infected"), .list = &virus, .n = 1};
  const struct rules_answer odd = {.result = STR("fine")};
  CHECK_STR(api_service_say(VALUE("av.scan()"), &clean, "0 0 \n"),
            "#{\"clean\": true, \"virus\": \"\"}");
  CHECK_STR(api_service_say(VALUE("av.scan()"), &bad, "0 0 \n"),
            "#{\"clean\": false, \"virus\": \"Eicar\"}");
  CHECK_STR(api_service_say(VALUE("av.scan()"), NULL, "0 0 \n"), "ErrorRuntime: it is down");
  CHECK_STR(api_service_say(VALUE("av.scan()"), &odd, "0 0 \n"),
            "ErrorRuntime: scan: there is no verdict");
  CHECK_STR(api_service_say(VALUE("run.scan()"), NULL, ""),
            "ErrorRuntime: service 'run' is a cmd service: it has no 'scan'");
}

TEST(api_service_scan_before_the_mail)
{
  struct api_service_test t;
  if (api_service_open(&t, "next()")) {
    rules_cancel(t.run);
    t.run = rules_start(t.rules, STAGE_MAIL, 0, false, &fake_host, &t.host);
    CHECK_INT(fake_step(t.run), RULES_DONE);
    CHECK(rules_verdict_of(t.run)->failed);
    CHECK(str_find(buf_str(&t.host.log),
                   STR("field 'scan' is only available from the 'preq' stage")) > 0);
  }
  api_service_close(&t);
}

TEST(api_service_commands)
{
  const struct rules_answer three = {.result = STR("exited"), .number = 3};
  const struct rules_answer nine = {.result = STR("killed"), .number = 9};
  CHECK_STR(api_service_say(VALUE("run.cmd_run()"), &three,
                            "1 1  '-a' '554 5.7.1 Relay access denied' 'é'\n"),
            "code 3");
  CHECK_STR(api_service_say("let r = run.cmd_run([\"x y\", \"\"]); quarantine(`${r.has_code} "
                            "${r.code} ${r.has_signal}`)",
                            &three, "1 1  'x y' ''\n"),
            "true 3 false");
  CHECK_STR(
      api_service_say(
          "let r = run.shell_run([]); quarantine(`${r.has_code} ${r.signal} ${r.has_signal} ${r}`)",
          &nine, "1 1 \n"),
      "false 9 true signal 9");
  CHECK_STR(api_service_say(VALUE("run.cmd_run([]).code"), &nine, "1 1 \n"),
            "ErrorRuntime: the command ended with signal 9: it has no 'code'");
  CHECK_STR(api_service_say(VALUE("run.cmd_run([]).signal"), &three, "1 1 \n"),
            "ErrorRuntime: the command ended with code 3: it has no 'signal'");
  CHECK_STR(api_service_say(VALUE("run.cmd_run([1])"), &three, ""),
            "ErrorRuntime: expecting an array of strings, element 0 is a 'i64'");
  CHECK_STR(
      api_service_say("service x cmd = #{ command: \"a\", timeout: \"1s\" }; x.cmd_run()", &three,
                      ""),
      "ErrorRuntime: service 'x' was declared by a running rule: declare it at the top of a file");
}

TEST(api_service_tables)
{
  const str fields[] = {STR("bob"), STR("1"), STR("\xff")};
  const struct rules_answer found = {.result = STR("found"), .list = fields, .n = 3};
  const struct rules_answer none = {.result = STR("none")};
  CHECK_STR(api_service_say(VALUE("t.get(\"bob\")"), &found, "2 2 bob\n"),
            "[\"bob\", \"1\", \"\xef\xbf\xbd\"]");
  CHECK_STR(api_service_say(VALUE("t.db_query(mail_from())"), &none, "2 2 carol@far.example\n"),
            "[]");
  CHECK_STR(api_service_say(VALUE("t.set([\"a\", \"b\"])"), &none, "3 2  'a' 'b'\n"),
            "ErrorRuntime: a quarantine needs a name");
  CHECK_STR(api_service_say("t.set([\"a\", 1]); next()", &none, ""),
            "ErrorRuntime: expecting an array of strings, element 1 is a 'i64'");
  CHECK_STR(api_service_say("t.set([]); next()", &none, ""),
            "ErrorRuntime: set: a record has at least one field");
  CHECK_STR(api_service_say("t.rm(\"a\"); quarantine(\"gone\")", &none, "4 2 a\n"), "gone");
  CHECK_STR(api_service_say("ro.rm(\"a\"); next()", &none, ""),
            "ErrorRuntime: service 'ro': its access does not permit 'rm'");
  CHECK_STR(api_service_say("ro.get(\"a\"); quarantine(\"read\")", &none, "2 3 a\n"), "read");
}

TEST(api_service_databases)
{
  const str names[] = {STR("name"), STR("n")};
  const struct datum cells[] = {{.type = DATUM_TEXT, .text = STR("bob")},
                                {.type = DATUM_NULL},
                                {.type = DATUM_REAL, .real = 1.5},
                                {.type = DATUM_INT, .integer = 7}};
  const struct rules_answer rows = {.list = names, .n = 2, .cells = cells, .cell_count = 4};
  const struct rules_answer none = {.number = 3};
  CHECK_STR(api_service_say(VALUE("db.query(\"SELECT ?\", [1, 2.5, \"x\", 'c', (), true, net_10])"),
                            &rows, "5 5 SELECT ? 1 2.5 'x' 'c' () 1 '10.0.0.0/8'\n"),
            "[#{\"n\": (), \"name\": \"bob\"}, #{\"n\": 7, \"name\": 1.5}]");
  CHECK_STR(
      api_service_say(VALUE("db.query(\"SELECT 1 WHERE 0\")"), &none, "5 5 SELECT 1 WHERE 0\n"),
      "[]");
  CHECK_STR(
      api_service_say(VALUE("wo.execute(\"DELETE FROM x\", [])"), &none, "6 4 DELETE FROM x\n"),
      "3");
  CHECK_STR(api_service_say("db.execute(\"x\"); next()", &none, ""),
            "ErrorRuntime: service 'db': its access does not permit 'execute'");
  CHECK_STR(api_service_say("wo.query(\"x\"); next()", &none, ""),
            "ErrorRuntime: service 'wo': its access does not permit 'query'");
  CHECK_STR(
      api_service_say("db.query(\"x\", [[]]); next()", &none, ""),
      "ErrorRuntime: expecting an array of numbers, strings, bools and (), element 0 is a 'array'");
}

TEST(api_service_declared)
{
  struct api_service_test t;
  if (api_service_open(&t, "next()") && CHECK_INT(rules_declared_count(t.rules), 6)) {
    const struct rules_declared av = rules_declared_at(t.rules, 0),
                                run = rules_declared_at(t.rules, 1);
    const struct rules_declared csv = rules_declared_at(t.rules, 2),
                                db = rules_declared_at(t.rules, 5);
    CHECK_INT(av.kind, RULES_SERVICE_CLAMD);
    CHECK_STR(av.name, "av");
    CHECK_STR(av.address, "unix:/run/clamd.ctl");
    CHECK_INT(av.timeout, 20000);
    CHECK_INT(run.kind, RULES_SERVICE_CMD);
    CHECK_STR(run.command, "true");
    CHECK_INT(run.timeout, 2000);
    CHECK_STR(run.user, "");
    CHECK(csv.kind == RULES_SERVICE_CSV && csv.may_read && csv.may_write && !csv.always);
    CHECK_INT(csv.delimiter, ':');
    CHECK_STR(csv.path, "/proc/version");
    CHECK(db.kind == RULES_SERVICE_SQLITE && db.may_read && !db.may_write);
    CHECK(str_starts(db.path, STR("/")) && str_ends(db.path, STR("/main.vsl")));
    CHECK_INT(db.timeout, 1000);
  }
  api_service_close(&t);
}

#undef VALUE
#undef SERVICES
