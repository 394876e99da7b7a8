/* tests/unit/stuff.c: dots doubled in any split; what unstuff.c makes of it is what went in. */
#include "../../smtp/format/format.h"
#include "../check.h"

static void stuff_test(str text, size_t step, struct buf *out)
{
  struct stuff s = {0};

  buf_clear(out);
  for (size_t at = 0; at < text.n; at += step) stuff_add(&s, str_sub(text, at, at + step), out);
  stuff_end(&s, out);
}

TEST(stuff_in_any_split)
{
  static const struct {
    str in, out;
  } rows[] = {
      {STR_INIT(""), STR_INIT(".\r\n")},
      {STR_INIT("."), STR_INIT("..\r\n.\r\n")},
      {STR_INIT(".\r\n"), STR_INIT("..\r\n.\r\n")},
      {STR_INIT("a\r\n.b\r\n"), STR_INIT("a\r\n..b\r\n.\r\n")},
      {STR_INIT("a\n.b\r.c"), STR_INIT("a\n.b\r.c\r\n.\r\n")},
      {STR_INIT("..\r\n\r\n.\r\n"), STR_INIT("...\r\n\r\n..\r\n.\r\n")},
  };
  struct buf out = BUF_INIT(1000);

  for (size_t i = 0; i < BASE_COUNT(rows); i++)
    for (size_t step = 1; step <= rows[i].in.n + 1; step++) {
      stuff_test(rows[i].in, step, &out);
      CHECK_STR(&out, rows[i].out);
    }
  buf_free(&out);
}

TEST(stuff_is_undone_by_data)
{
  static const char letters[] = {'.', '\r', '\n', 'a'};
  struct buf out = BUF_INIT(1000), back = BUF_INIT(1000);

  for (unsigned n = 0; n < 4096; n++) { /* all texts of six letters, each line of them ended */
    char text[9];
    struct unstuff d = {0};
    str in, piece;

    for (unsigned i = 0; i < 6; i++) text[i] = letters[n >> 2 * i & 3];
    memcpy(text + 6, "b\r\n", 3);
    stuff_test((str){text, 9}, 1 + n % 5, &out);
    buf_clear(&back);
    in = buf_str(&out);
    while (unstuff_next(&d, &in, &piece) == UNSTUFF_PIECE) buf_str_add(&back, piece);
    CHECK_STR(&back, ((str){text, 9}));
    CHECK_INT(in.n, 0);
  }
  buf_free(&out);
  buf_free(&back);
}
