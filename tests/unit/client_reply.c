/* tests/unit/client_reply.c: what counts as a reply, and what does not. */
#include "../../smtp/format/format.h"
#include "../check.h"

/* Reads the lines of text, which end with LF here, until one is not MORE. */
static enum client_reply_event client_reply_test(struct client_reply *r, str text)
{
  enum client_reply_event event = CLIENT_REPLY_MORE;
  str line, rest;

  client_reply_begin(r);
  while (event == CLIENT_REPLY_MORE && str_cut(&text, '\n', &line))
    event = client_reply_line(r, line, &rest);
  return event;
}

TEST(client_reply_good)
{
  static const struct {
    str in;
    int code;
    unsigned lines;
  } rows[] = {
      {STR_INIT("250"), 250, 1},
      {STR_INIT("250 "), 250, 1},
      {STR_INIT("220 mx.example ESMTP"), 220, 1},
      {STR_INIT("250-a\n250-SIZE 5\n250 HELP"), 250, 3},
      {STR_INIT("550-\n550"), 550, 2},
      {STR_INIT("421 4.3.2 \xc3\xa9"), 421, 1},
      {STR_INIT("599 x"), 599, 1},
  };
  struct client_reply r = {0};

  for (size_t i = 0; i < BASE_COUNT(rows); i++) {
    CHECK_INT(client_reply_test(&r, rows[i].in), CLIENT_REPLY_DONE);
    CHECK_INT(r.code, rows[i].code);
    CHECK_INT(r.lines, rows[i].lines);
    CHECK_STR(&r.text, rows[i].in);
  }
  client_reply_free(&r);
}

TEST(client_reply_bad)
{
  static const str rows[] = {
      STR_INIT("25"),           STR_INIT(" 250 a"),   STR_INIT("150 a"),
      STR_INIT("650 a"),        STR_INIT("250+a"),    STR_INIT("2500 a"),
      STR_INIT("25x a"),        STR_INIT("250 a\0b"), STR_INIT("250-a\n251 b"),
      STR_INIT("250-a\nhello"), STR_INIT("250-a\n"),  STR_INIT("HTTP/1.1 200 OK"),
  };
  struct client_reply r = {0};

  for (size_t i = 0; i < BASE_COUNT(rows); i++)
    CHECK_INT(client_reply_test(&r, rows[i]), CLIENT_REPLY_BAD);
  client_reply_free(&r);
}

TEST(client_reply_is_bounded)
{
  struct client_reply r = {0};
  char line[LIMIT_REPLY_LINE + 2];
  str rest;

  memset(line, 'x', sizeof line);
  memcpy(line, "250-", 4);
  client_reply_begin(&r);
  CHECK_INT(client_reply_line(&r, (str){line, LIMIT_REPLY_LINE + 1}, &rest), CLIENT_REPLY_BAD);
  client_reply_begin(&r);
  for (int i = 0; i < LIMIT_REPLY_LINES; i++)
    CHECK_INT(client_reply_line(&r, (str){line, LIMIT_REPLY_LINE}, &rest), CLIENT_REPLY_MORE);
  CHECK_INT(r.text.n, LIMIT_REPLY_TEXT);
  CHECK(buf_ok(&r.text));
  CHECK_INT(client_reply_line(&r, STR("250 end"), &rest), CLIENT_REPLY_BAD);
  client_reply_begin(&r);
  CHECK_INT(client_reply_line(&r, STR("250 a\x01\x7f\tb"), &rest), CLIENT_REPLY_DONE);
  CHECK_STR(&r.text, "250 a???b");
  client_reply_free(&r);
}

TEST(client_reply_is_clean)
{
  static const struct {
    str in, kept;
  } rows[] = {
      {STR_INIT("550 \xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"),
       STR_INIT("550 \xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80")},
      {STR_INIT("550 \x1b[2J\x9b"
                "31m"),
       STR_INIT("550 ?[2J?31m")},
      {STR_INIT("550 \xc2\x9b"
                "31m \xff\xc3"),
       STR_INIT("550 ?31m ??")},
      {STR_INIT("550 \xe2\x80\xae\xe2\x80\xa8\xe2\x81\xa6"), STR_INIT("550 ???")},
  };
  struct client_reply r = {0};
  char line[LIMIT_REPLY_LINE];
  str rest;

  for (size_t i = 0; i < BASE_COUNT(rows); i++) {
    CHECK_INT(client_reply_test(&r, rows[i].in), CLIENT_REPLY_DONE);
    CHECK_STR(&r.text, rows[i].kept);
  }
  client_reply_begin(&r);
  memset(line, '\xa4', sizeof line);
  for (size_t i = 5; i < sizeof line; i += 2)
    line[i] = '\xc3'; /* the last character is cut short */
  memcpy(line, "550-a", 5);
  for (int i = 0; i < LIMIT_REPLY_LINES; i++)
    client_reply_line(&r, (str){line, sizeof line}, &rest);
  CHECK(utf8_valid(buf_str(&r.text)));
  CHECK(r.text.n > LIMIT_REPLY_TEXT - 4 && r.text.n <= LIMIT_REPLY_TEXT);
  client_reply_free(&r);
}
