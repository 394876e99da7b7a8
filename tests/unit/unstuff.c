/* tests/unit/unstuff.c: dot-unstuffing, and what can never end a message. */
#include "../../smtp/format/format.h"
#include "../check.h"

/* Feeds text in pieces of step octets; gives what came out, and how much was left behind the end.
 */
static unsigned data_test(str text, size_t step, struct buf *out, bool *ended, size_t *left)
{
  struct unstuff d = {0};

  *ended = false;
  *left = 0;
  buf_clear(out);
  for (size_t at = 0; at < text.n && !*ended; at += step) {
    str in = str_sub(text, at, at + step), piece;
    enum unstuff_event event;

    while ((event = unstuff_next(&d, &in, &piece)) == UNSTUFF_PIECE) buf_str_add(out, piece);
    *ended = event == UNSTUFF_END;
    if (*ended) *left = str_skip(text, at + step).n + in.n;
  }
  CHECK_INT(d.octets, out->n);
  return d.faults;
}

TEST(unstuff_round_trips_in_any_split)
{
  static const struct {
    str in, out;
  } rows[] = {
      {STR_INIT(".\r\n"), STR_INIT("")},
      {STR_INIT("a\r\n.\r\n"), STR_INIT("a\r\n")},
      {STR_INIT("..\r\n.\r\n"), STR_INIT(".\r\n")},
      {STR_INIT(".x\r\n.\r\n"), STR_INIT("x\r\n")},
      {STR_INIT("a\r\n..b\r\n\r\n.\r\n"), STR_INIT("a\r\n.b\r\n\r\n")},
      {STR_INIT("a.\r\n.\r\n"), STR_INIT("a.\r\n")},
  };
  struct buf out = BUF_INIT(1000);

  for (size_t i = 0; i < BASE_COUNT(rows); i++)
    for (size_t step = 1; step <= rows[i].in.n; step++) {
      bool ended;
      size_t left;

      CHECK_INT(data_test(rows[i].in, step, &out, &ended, &left), 0);
      CHECK(ended);
      CHECK_STR(&out, rows[i].out);
    }
  buf_free(&out);
}

/* The list of facts that smuggling tests use: what stands between the texts must not end the first.
 */
TEST(unstuff_smuggling_never_ends_a_message)
{
  static const struct {
    str ending;
    unsigned fault;
  } rows[] = {
      {STR_INIT("\n.\n"), UNSTUFF_BARE_LF},         {STR_INIT("\r.\r"), UNSTUFF_BARE_CR},
      {STR_INIT("\r.\n"), UNSTUFF_BARE_CR},         {STR_INIT("\n.\r"), UNSTUFF_BARE_LF},
      {STR_INIT("\n.\r\n"), UNSTUFF_BARE_LF},       {STR_INIT("\r\n.\n"), UNSTUFF_BARE_LF},
      {STR_INIT("\r.\r\n"), UNSTUFF_BARE_CR},       {STR_INIT("\r\n.\r"), UNSTUFF_BARE_CR},
      {STR_INIT("\r\n\0.\r\n"), UNSTUFF_NUL},       {STR_INIT("\r\n.\0\r\n"), UNSTUFF_NUL},
      {STR_INIT("\r\r\n.\r\r\n"), UNSTUFF_BARE_CR}, {STR_INIT("\r\n.\r\r\n"), UNSTUFF_BARE_CR},
  };
  struct buf text = BUF_INIT(1000), out = BUF_INIT(1000);

  for (size_t i = 0; i < BASE_COUNT(rows); i++) {
    buf_clear(&text);
    buf_puts(&text, "one");
    buf_str_add(&text, rows[i].ending);
    buf_puts(&text, "MAIL FROM:<admin@home.example>\r\n.\r\nQUIT\r\n");
    for (size_t step = 1; step <= text.n; step++) {
      bool ended;
      size_t left;
      unsigned faults = data_test(buf_str(&text), step, &out, &ended, &left);

      CHECK(ended);
      if (!CHECK(faults & rows[i].fault)) printf("  row %zu step %zu\n", i, step);
      CHECK_INT(left, 6);
    }
  }
  buf_free(&text);
  buf_free(&out);
}
