/* tests/unit/reply.c: replies on the wire. */
#include "../../smtp/format/format.h"
#include "../check.h"

static void reply_test(int basic, const char *enhanced, const char *text, const char *want)
{
  struct buf out = BUF_INIT(4000);

  reply_put(&out, (struct reply){basic, str_of(enhanced), str_of(text)});
  CHECK_STR(&out, want);
  buf_free(&out);
}

TEST(reply_forms)
{
  reply_test(250, "2.0.0", "Ok", "250 2.0.0 Ok\r\n");
  reply_test(250, "", "Ok", "250 Ok\r\n");
  reply_test(250, "", "", "250 \r\n");
  reply_test(250, "", "one\ntwo\r\nthree", "250-one\r\n250-two\r\n250 three\r\n");
  reply_test(550, "5.1.1", "a\n", "550 5.1.1 a\r\n");
  reply_test(554, "", "x\x1b[1m\x01", "554 x?[1m?\r\n");
}

TEST(reply_folds_at_80)
{
  reply_test(550, "5.7.1",
             "The quick brown fox jumps over the lazy dog and the quick brown fox jumps again",
             "550-5.7.1 The quick brown fox jumps over the lazy dog and the quick brown fox\r\n"
             "550 5.7.1 jumps again\r\n");
}

TEST(reply_lines_never_exceed_80)
{
  struct buf text = BUF_INIT(2000), out = BUF_INIT(8000);
  str rest, line;

  for (int i = 0; i < 500; i++) buf_puts(&text, "\xc3\xa9"); /* no spaces, two octets each */
  reply_put(&out, (struct reply){550, STR("5.7.1"), buf_str(&text)});
  rest = buf_str(&out);
  CHECK(utf8_valid(rest));
  while (str_cut(&rest, '\n', &line)) CHECK(line.n + 1 <= 80);
  buf_free(&text);
  buf_free(&out);
}

TEST(reply_for_people)
{
  struct arena *a = arena_new(0);

  CHECK_STR(reply_text((struct reply){554, STR("5.7.1"), STR("no")}, a), "554 5.7.1 no");
  CHECK_STR(reply_text((struct reply){554, {"", 0}, STR("no")}, a), "554 no");
  arena_free(a);
}

TEST(reply_of_errors)
{
  struct err e;

  err_set(&e, ERR_FULL, "x");
  CHECK_INT(reply_of_err(&e).basic, 452);
  err_set(&e, ERR_RULE, "x");
  CHECK_STR(reply_of_err(&e).enhanced, "4.3.5");
  err_set(&e, ERR_IO, "x");
  CHECK_INT(reply_of_err(&e).basic, 451);
}

/* Every refusal has an enhanced code whose class is that of the reply (RFC 3463 §2). */
TEST(reply_table_is_consistent)
{
  for (int i = 0; i < REPLY_COUNT; i++) {
    struct reply r = reply_of((enum reply_id)i);

    CHECK(r.enhanced.n > 0 && r.enhanced.p[0] - '0' == r.basic / 100);
  }
}
