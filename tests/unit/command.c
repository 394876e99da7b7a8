/* tests/unit/command.c: one SMTP command line becomes a struct. */
#include "../../smtp/format/format.h"
#include "../check.h"

static struct arena *command_test_arena;

static struct command command_test(const char *line)
{
  struct command c;

  arena_free(command_test_arena);
  command_test_arena = arena_new(0);
  command_parse(str_of(line), false, command_test_arena, &c);
  return c;
}

static void command_test_end(void)
{
  arena_free(command_test_arena);
  command_test_arena = NULL;
}

TEST(command_verbs_in_any_case)
{
  CHECK_INT(command_test("NOOP").verb, COMMAND_NOOP);
  CHECK_INT(command_test("noop ignored").verb, COMMAND_NOOP);
  CHECK_INT(command_test("NoOp").fault, COMMAND_OK);
  CHECK_INT(command_test("").verb, COMMAND_UNKNOWN);
  CHECK_INT(command_test("NOOPS").verb, COMMAND_UNKNOWN);
  CHECK_INT(command_test("GET / HTTP/1.1").verb, COMMAND_FOREIGN);
  CHECK_INT(command_test("\x16\x03\x01").verb, COMMAND_UNKNOWN + 1);
  command_test_end();
}

TEST(command_faults)
{
  static const struct {
    const char *line;
    enum command_fault fault;
  } rows[] = {
      {"HELO", COMMAND_BAD_ARGUMENT},
      {"EHLO host.example", COMMAND_OK},
      {"EHLO [192.0.2.1]", COMMAND_OK},
      {"EHLO bad_name_as_in_use", COMMAND_OK},
      {"EHLO a<b", COMMAND_BAD_ARGUMENT},
      {"EHLO x\x1b[31m", COMMAND_BAD_ARGUMENT},
      {"EHLO x\xc2\x9b", COMMAND_BAD_ARGUMENT},
      {"EHLO b\xc3\xbc.example", COMMAND_OK},
      {"DATA now", COMMAND_BAD_ARGUMENT},
      {"RSET", COMMAND_OK},
      {"VRFY", COMMAND_BAD_ARGUMENT},
      {"MAIL", COMMAND_BAD_ARGUMENT},
      {"MAIL FROM", COMMAND_BAD_ARGUMENT},
      {"MAIL FROM:", COMMAND_BAD_SENDER},
      {"MAIL FROM:<>", COMMAND_OK},
      {"MAIL FROM: <a@b>", COMMAND_OK},
      {"mail from:<a@b>", COMMAND_OK},
      {"MAIL FROM:a@b", COMMAND_BAD_SENDER},
      {"MAIL FROM:<a>", COMMAND_BAD_SENDER},
      {"MAIL FROM:<a@b>SIZE=1", COMMAND_BAD_ARGUMENT},
      {"MAIL FROM:<a@b> SIZE=1", COMMAND_OK},
      {"MAIL FROM:<a@b> SIZE=", COMMAND_BAD_ARGUMENT},
      {"MAIL FROM:<a@b> SIZE=-1", COMMAND_BAD_ARGUMENT},
      {"MAIL FROM:<a@b> SIZE=1x", COMMAND_BAD_ARGUMENT},
      {"MAIL FROM:<a@b> SIZE=123456789012345678901", COMMAND_BAD_ARGUMENT},
      {"MAIL FROM:<a@b> BODY=8BITMIME", COMMAND_OK},
      {"MAIL FROM:<a@b> BODY=7bit", COMMAND_OK},
      {"MAIL FROM:<a@b> BODY=BINARYMIME", COMMAND_BAD_ARGUMENT},
      {"MAIL FROM:<a@b> SMTPUTF8", COMMAND_OK},
      {"MAIL FROM:<a@b> SMTPUTF8=x", COMMAND_BAD_ARGUMENT},
      {"MAIL FROM:<a@b> SIZE=1 SIZE=1", COMMAND_BAD_ARGUMENT},
      {"MAIL FROM:<a@b> RET=HDRS", COMMAND_OK},
      {"MAIL FROM:<a@b> ret=full ENVID=QQ314159", COMMAND_OK},
      {"MAIL FROM:<a@b> RET=", COMMAND_BAD_ARGUMENT},
      {"MAIL FROM:<a@b> RET", COMMAND_BAD_ARGUMENT},
      {"MAIL FROM:<a@b> RET=ALL", COMMAND_BAD_ARGUMENT},
      {"MAIL FROM:<a@b> RET=HDRS RET=HDRS", COMMAND_BAD_ARGUMENT},
      {"MAIL FROM:<a@b> ENVID=", COMMAND_BAD_ARGUMENT},
      {"MAIL FROM:<a@b> ENVID=a=b", COMMAND_BAD_ARGUMENT},
      {"MAIL FROM:<a@b> ENVID=a+0D+0Ab", COMMAND_BAD_ARGUMENT},
      {"MAIL FROM:<a@b> NOTIFY=NEVER", COMMAND_BAD_PARAMETER},
      {"MAIL FROM:<a@b> AUTH=<>", COMMAND_OK},
      {"MAIL FROM:<a@b> AUTH=x+2Bz", COMMAND_OK},
      {"MAIL FROM:<a@b> AUTH=x+0AY", COMMAND_BAD_ARGUMENT},
      {"MAIL FROM:<a@b> AUTH=x+2", COMMAND_BAD_ARGUMENT},
      {"MAIL FROM:<a@b> =\"", COMMAND_BAD_ARGUMENT},
      {"MAIL FROM:<\xc3\xa9@b>", COMMAND_UTF8_NEEDED},
      {"MAIL FROM:<\xc3\xa9@b> SMTPUTF8", COMMAND_OK},
      {"RCPT TO:<a@b>", COMMAND_OK},
      {"RCPT TO:<>", COMMAND_BAD_RCPT},
      {"RCPT TO:<postmaster>", COMMAND_OK},
      {"RCPT TO:<PostMaster>", COMMAND_OK},
      {"RCPT TO:<alice>", COMMAND_NO_DOMAIN},
      {"RCPT TO:<\"v@evil.test\">", COMMAND_NO_DOMAIN},
      {"RCPT TO:<a@b> NOTIFY=NEVER", COMMAND_OK},
      {"RCPT TO:<a@b> notify=success,Delay,FAILURE", COMMAND_OK},
      {"RCPT TO:<a@b> NOTIFY=", COMMAND_BAD_ARGUMENT},
      {"RCPT TO:<a@b> NOTIFY=NEVER,DELAY", COMMAND_BAD_ARGUMENT},
      {"RCPT TO:<a@b> NOTIFY=DELAY,DELAY", COMMAND_BAD_ARGUMENT},
      {"RCPT TO:<a@b> NOTIFY=DELAY,", COMMAND_BAD_ARGUMENT},
      {"RCPT TO:<a@b> NOTIFY=DELAY NOTIFY=DELAY", COMMAND_BAD_ARGUMENT},
      {"RCPT TO:<a@b> ORCPT=rfc822;a+2Bc@b", COMMAND_OK},
      {"RCPT TO:<a@b> ORCPT=rfc822;", COMMAND_BAD_ARGUMENT},
      {"RCPT TO:<a@b> ORCPT=a@b", COMMAND_BAD_ARGUMENT},
      {"RCPT TO:<a@b> ORCPT=;a@b", COMMAND_BAD_ARGUMENT},
      {"RCPT TO:<a@b> ORCPT=rfc822;a+2bc@b", COMMAND_BAD_ARGUMENT},
      {"RCPT TO:<a@b> ORCPT=rfc822;a+0Ac@b", COMMAND_BAD_ARGUMENT},
      {"RCPT TO:<a@b> ORCPT=rfc822;a\xc3\xa9@b", COMMAND_BAD_ARGUMENT},
      {"RCPT TO:<a@b> ORCPT=utf-8;a\\x{E9}@b", COMMAND_OK},
      {"RCPT TO:<a@b> ORCPT=utf-8;a\xc3\xa9@b", COMMAND_BAD_ARGUMENT},
      {"RCPT TO:<a@b> RET=FULL", COMMAND_BAD_PARAMETER},
      {"RCPT FROM:<a@b>", COMMAND_BAD_ARGUMENT},
  };

  for (size_t i = 0; i < BASE_COUNT(rows); i++)
    if (!CHECK_INT(command_test(rows[i].line).fault, rows[i].fault))
      printf("  of %s\n", rows[i].line);
  command_test_end();
}

TEST(command_mail_parameters)
{
  struct command c = command_test("MAIL FROM:<a@b> SIZE=12345 BODY=8BITMIME SMTPUTF8");

  CHECK_STR(c.path.text, "a@b");
  CHECK_INT(c.size, 12345);
  CHECK(c.eight_bit && c.utf8);
  c = command_test("MAIL FROM:<a@b> SIZE=99999999999999999999");
  CHECK(c.size == UINT64_MAX);
  command_test_end();
}

TEST(command_argument_is_trimmed)
{
  CHECK_STR(command_test("HELO   mx.example  ").arg, "mx.example");
  CHECK_STR(command_test("HELO mx.example and more").arg, "mx.example");
  command_test_end();
}
