/* tests/unit/field.c: header text that rules write. */
#include "../../rules/field.h"
#include "../check.h"

static struct buf field_out;

static str value_of_field(const char *name, str value)
{
  struct err e;
  field_out.cap = 100000;
  buf_clear(&field_out);
  return field_value(str_of(name), value, &field_out, &e) == 0 ? buf_str(&field_out)
                                                               : STR("refused");
}

TEST(field_names)
{
  CHECK(field_name_valid(STR("X-Spam")));
  CHECK(!field_name_valid(STR("")));
  CHECK(!field_name_valid(STR("X Spam")));
  CHECK(!field_name_valid(STR("X:")));
  CHECK(!field_name_valid(STR("X\r\nBcc")));
  CHECK(!field_name_valid(STR("\xc3\xa4")));
}

TEST(field_values_cannot_begin_a_new_header)
{
  CHECK_STR(value_of_field("X", STR("plain")), "plain");
  CHECK_STR(value_of_field("X", STR("  trimmed \r\n")), "trimmed");
  CHECK_STR(value_of_field("X", STR("a\r\nBcc: b@c")), "refused");
  CHECK_STR(value_of_field("X", STR("a\nBcc: b@c")), "refused");
  CHECK_STR(value_of_field("X", STR("a\rBcc: b@c")), "refused");
  CHECK_STR(value_of_field("X", STR("a\0b")), "refused");
  CHECK_STR(value_of_field("X", STR("a\r\n\r\nbody")), "refused");
  CHECK_STR(value_of_field("X", STR("a\r\n b")), "a\r\n b");
  CHECK_STR(value_of_field("X", STR("a\n\tb")), "a\r\n\tb");
  CHECK_STR(value_of_field("X", STR("a\r\n \r\n b")), "a\r\n b"); /* no blank line in between */
  CHECK_STR(value_of_field("X", STR("")), "");
  buf_free(&field_out);
}

TEST(field_values_are_folded_at_78)
{
  struct buf in = BUF_INIT(1000);
  for (int i = 0; i < 20; i++) buf_puts(&in, i ? " words-words" : "words-words");
  str got = value_of_field("Subject", buf_str(&in)), line;
  size_t column = 9;
  while (str_cut(&got, '\n', &line)) {
    CHECK(column + line.n <= 79); /* the CR */
    CHECK(column == 9 || line.p[0] == ' ');
    column = 0;
  }
  buf_clear(&in);
  for (int i = 0; i < 200; i++) buf_putc(&in, 'x');
  CHECK_INT(value_of_field("X", buf_str(&in)).n, 200); /* nowhere to fold */
  buf_free(&in);
  buf_free(&field_out);
}

static str edit(int what, str list, str address, str with)
{
  field_out.cap = 100000;
  buf_clear(&field_out);
  bool got = true;
  if (what == 0) field_list_add(list, address, &field_out);
  if (what == 1) got = field_list_remove(list, address, &field_out);
  if (what == 2) got = field_list_replace(list, address, with, &field_out);
  return got ? buf_str(&field_out) : STR("absent");
}

TEST(field_lists)
{
  const str none = {NULL, 0};
  CHECK_STR(edit(0, STR(""), STR("a@b"), none), "a@b");
  CHECK_STR(edit(0, STR("x@y"), STR("a@b"), none), "x@y, a@b");
  CHECK_STR(edit(1, STR("x@y, \"A, B\" <a@B>, z@z"), STR("a@b"), none), "x@y, z@z");
  CHECK_STR(edit(1, STR("a@b"), STR("a@b"), none), "");
  CHECK_STR(edit(1, STR("A@b"), STR("a@b"), none), "absent");
  CHECK_STR(edit(2, STR("\"Doe, J\" <j@d.com> (work), k@d.com"), STR("j@D.com"), STR("n@e.org")),
            "\"Doe, J\" <n@e.org> (work), k@d.com");
  CHECK_STR(edit(2, STR("x@y"), STR("j@d"), STR("n@e")), "absent");
  CHECK_STR(edit(1, STR("(comment, a@b) c@d, a@b"), STR("a@b"), none), "(comment, a@b) c@d");
  CHECK_STR(edit(1, STR("friends: a@b, c@d;"), STR("c@d"), none), "absent");
  edit(1, STR("<\"\\"), STR("a@b"), none); /* unfinished ones end somewhere */
  edit(1, STR("((((\"<["), STR("a@b"), none);
  buf_free(&field_out);
}
