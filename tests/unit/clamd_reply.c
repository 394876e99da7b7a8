/* tests/unit/clamd_reply.c: which sentences are a verdict. */
#include "../../smtp/format/format.h"
#include "../check.h"

TEST(clamd_reply_verdicts)
{
  static const struct {
    str in;
    enum clamd_verdict verdict;
    const char *name;
  } rows[] = {
      {STR_INIT("stream: OK"), CLAMD_CLEAN, ""},
      {STR_INIT("stream: Eicar-Test-Signature.UNOFFICIAL FOUND"), CLAMD_FOUND,
       "Eicar-Test-Signature.UNOFFICIAL"},
      {STR_INIT("stream: OK FOUND"), CLAMD_FOUND, "OK"},
      {STR_INIT("INSTREAM size limit exceeded. ERROR"), CLAMD_NONE,
       "INSTREAM size limit exceeded. ERROR"},
      {STR_INIT("stream: Can't open file. ERROR"), CLAMD_NONE, "stream: Can't open file. ERROR"},
      {STR_INIT(""), CLAMD_NONE, ""},
      {STR_INIT("OK"), CLAMD_NONE, "OK"},
      {STR_INIT("stream:OK"), CLAMD_NONE, "stream:OK"},
      {STR_INIT("stream: ok"), CLAMD_NONE, "stream: ok"},
      {STR_INIT("stream: OK\n"), CLAMD_NONE, "stream: OK\n"},
      {STR_INIT("stream: OK "), CLAMD_NONE, "stream: OK "},
      {STR_INIT("1: stream: OK"), CLAMD_NONE, "1: stream: OK"},
      {STR_INIT("stream: FOUND"), CLAMD_NONE, "stream: FOUND"},
      {STR_INIT("stream:  FOUND"), CLAMD_NONE, "stream:  FOUND"},
      {STR_INIT("stream: a b FOUND"), CLAMD_NONE, "stream: a b FOUND"},
      {STR_INIT("stream: a\r\nb FOUND"), CLAMD_NONE, "stream: a\r\nb FOUND"},
      {STR_INIT("stream: \xc3\xa9 FOUND"), CLAMD_NONE, "stream: \xc3\xa9 FOUND"},
      {STR_INIT("stream: a FOUND\n"), CLAMD_NONE, "stream: a FOUND\n"},
  };
  str name;

  for (size_t i = 0; i < BASE_COUNT(rows); i++) {
    CHECK_INT(clamd_reply(rows[i].in, &name), rows[i].verdict);
    CHECK_STR(name, rows[i].name);
  }
}

TEST(clamd_reply_long_name)
{
  struct buf reply = BUF_INIT(1024);
  str name;

  buf_puts(&reply, "stream: ");
  for (int i = 0; i < LIMIT_SCAN_NAME; i++) buf_putc(&reply, 'x');
  buf_puts(&reply, " FOUND");
  CHECK_INT(clamd_reply(buf_str(&reply), &name), CLAMD_FOUND);
  CHECK_INT(name.n, LIMIT_SCAN_NAME);
  buf_clear(&reply);
  buf_puts(&reply, "stream: ");
  for (int i = 0; i <= LIMIT_SCAN_NAME; i++) buf_putc(&reply, 'x');
  buf_puts(&reply, " FOUND");
  CHECK_INT(clamd_reply(buf_str(&reply), &name), CLAMD_NONE);
  buf_free(&reply);
}
