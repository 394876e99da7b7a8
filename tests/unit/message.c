/* tests/unit/message.c: header block and body told apart as they arrive. */
#include "../../smtp/format/format.h"
#include "../check.h"

static unsigned message_test(str text, size_t step, struct buf *header, struct buf *body)
{
  struct message_in m;
  enum message_event event = MESSAGE_MORE;

  message_begin(&m);
  buf_clear(header);
  buf_clear(body);
  for (size_t at = 0; at < text.n && event != MESSAGE_END; at += step) {
    str in = str_sub(text, at, at + step), piece;

    while ((event = message_next(&m, &in, &piece)) == MESSAGE_BODY) buf_str_add(body, piece);
  }
  CHECK_INT(event, MESSAGE_END);
  buf_str_add(header, buf_str(&m.header));
  unsigned faults = m.faults;
  message_free(&m);
  return faults;
}

TEST(message_splits_header_and_body)
{
  static const struct {
    str text, header, body;
  } rows[] = {
      {STR_INIT("A: b\r\n\r\nhello\r\n.\r\n"), STR_INIT("A: b\r\n"), STR_INIT("hello\r\n")},
      {STR_INIT("A: b\r\n c\r\nD:\r\n\r\n.\r\n"), STR_INIT("A: b\r\n c\r\nD:\r\n"), STR_INIT("")},
      {STR_INIT("A: b\r\n.\r\n"), STR_INIT("A: b\r\n"), STR_INIT("")},
      {STR_INIT("\r\nbody\r\n.\r\n"), STR_INIT(""), STR_INIT("body\r\n")},
      {STR_INIT(".\r\n"), STR_INIT(""), STR_INIT("")},
      {STR_INIT("no field\r\nA: b\r\n.\r\n"), STR_INIT(""), STR_INIT("no field\r\nA: b\r\n")},
      {STR_INIT("A: b\r\nno field\r\n.\r\n"), STR_INIT("A: b\r\n"), STR_INIT("no field\r\n")},
      {STR_INIT(" leading\r\nA: b\r\n.\r\n"), STR_INIT(""), STR_INIT(" leading\r\nA: b\r\n")},
      {STR_INIT("A : b\r\n\r\n\r\nx\r\n.\r\n"), STR_INIT("A : b\r\n"), STR_INIT("\r\nx\r\n")},
      {STR_INIT("..: b\r\n.\r\n"), STR_INIT(".: b\r\n"), STR_INIT("")},
  };
  struct buf header = BUF_INIT(1000), body = BUF_INIT(1000);

  for (size_t i = 0; i < BASE_COUNT(rows); i++)
    for (size_t step = 1; step <= rows[i].text.n; step++) {
      CHECK_INT(message_test(rows[i].text, step, &header, &body), 0);
      CHECK_STR(&header, rows[i].header);
      CHECK_STR(&body, rows[i].body);
    }
  buf_free(&header);
  buf_free(&body);
}

TEST(message_limits)
{
  struct buf text = BUF_INIT(4 << 20), header = BUF_INIT(1 << 20), body = BUF_INIT(4 << 20);

  buf_puts(&text, "A: ");
  for (int i = 0; i < LIMIT_HEADER_BYTES; i++) buf_putc(&text, 'x');
  buf_puts(&text, "\r\n\r\nbody\r\n.\r\n");
  CHECK_INT(message_test(buf_str(&text), 4096, &header, &body), MESSAGE_HEADER_TOO_BIG);
  buf_clear(&text);
  for (int i = 0; i <= LIMIT_HEADER_FIELDS; i++) buf_puts(&text, "A: b\r\n");
  buf_puts(&text, "\r\n.\r\n");
  CHECK_INT(message_test(buf_str(&text), 4096, &header, &body), MESSAGE_HEADER_TOO_BIG);
  buf_clear(&text);
  for (int i = 0; i <= LIMIT_RECEIVED; i++) buf_puts(&text, "received: by x\r\n");
  buf_puts(&text, "\r\n.\r\n");
  CHECK_INT(message_test(buf_str(&text), 1, &header, &body), MESSAGE_LOOP);
  buf_clear(&text);
  for (int i = 0; i < 1 << 20; i++) buf_putc(&text, 'y'); /* one line that is no field */
  buf_puts(&text, "\r\n.\r\n");
  CHECK_INT(message_test(buf_str(&text), 1000, &header, &body), 0);
  CHECK_INT(body.n, (1 << 20) + 2);
  buf_free(&text);
  buf_free(&header);
  buf_free(&body);
}

TEST(message_without_memory_is_not_too_big)
{
  struct message_in m;
  str in = STR("Subject: x\r\n\r\nbody\r\n.\r\n"), piece;
  enum message_event event;

  message_begin(&m);
  mem_fail_at(1, true);
  while ((event = message_next(&m, &in, &piece)) == MESSAGE_BODY) {}
  mem_fail_at(0, true);
  CHECK_INT(event, MESSAGE_END);
  CHECK_INT(m.faults, MESSAGE_NO_MEMORY);
  message_free(&m);
}
