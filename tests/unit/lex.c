/* tests/unit/lex.c: what scripts cannot show of the lexer: offsets, the state it is copied with. */
#include "../../rules/vsl/lex.h"
#include "../check.h"

static struct buf lex_test_text = BUF_INIT(4096);

static void lex_test_end(void)
{
  buf_free(&lex_test_text);
}

/* The names of all tokens of a source, with a blank between. */
static const char *lex_test_names(const char *source)
{
  static char names[512];
  struct lex l;
  size_t n = 0;
  lex_init(&l, str_of(source), &lex_test_text, true);
  names[0] = '\0';
  for (;;) {
    struct token t = lex_next(&l);
    n += (size_t)snprintf(names + n, sizeof names - n, "%s%s", n ? " " : "", token_name(t.type));
    if (t.type == TOKEN_END || t.type == TOKEN_ERROR || n > sizeof names - 32) break;
  }
  lex_test_end();
  return names;
}

TEST(lex_longest_symbol_wins)
{
  CHECK_STR(lex_test_names("a**=b"), "a name '**=' a name end of file");
  CHECK_STR(lex_test_names("1..=2"), "a number '..=' a number end of file");
  CHECK_STR(lex_test_names("a?.b?[c]?"
                           "?d"),
            "a name '?.' a name '?[' a name ']' '?"
            "?' a name end of file");
  CHECK_STR(lex_test_names("x!in y !inner"), "a name '!in' a name '!' a name end of file");
  CHECK_STR(lex_test_names("a is b not c"), "a name '==' a name '!=' a name end of file");
}

TEST(lex_minus_belongs_to_a_number_where_no_operand_ended)
{
  CHECK_STR(lex_test_names("-1 - -1"), "a number '-' a number end of file");
  CHECK_STR(lex_test_names("a -1"), "a name '-' a number end of file");
  CHECK_STR(lex_test_names(") -1 ] -1 } -1"),
            "')' '-' a number ']' '-' a number '}' '-' a number end of file");
}

TEST(lex_offsets_and_values)
{
  struct lex l;
  lex_init(&l, STR("  \"a\\u00e9\"\n 0x1F 1_0.5"), &lex_test_text, true);
  struct token t = lex_next(&l);
  CHECK_INT(t.type, TOKEN_STRING);
  CHECK_INT(t.at, 2);
  CHECK_INT(t.end, 11);
  CHECK(t.plain);
  CHECK_STR(t.text, "a\xC3\xA9");
  t = lex_next(&l);
  CHECK_INT(t.i, 31);
  CHECK_INT(t.at, 13);
  t = lex_next(&l);
  CHECK(t.type == TOKEN_FLOAT && t.f == 10.5);
  lex_test_end();
}

TEST(lex_goes_on_in_a_template)
{
  struct lex l;
  lex_init(&l, STR("`a${x}b${y}`z"), &lex_test_text, true);
  struct token t = lex_next(&l);
  CHECK_INT(t.type, TOKEN_TEMPLATE);
  CHECK_STR(t.text, "a");
  CHECK_INT(lex_next(&l).type, TOKEN_IDENT);
  CHECK_INT(lex_next(&l).type, TOKEN_BLOCK_CLOSE);
  t = lex_template(&l, 0);
  CHECK_INT(t.type, TOKEN_TEMPLATE);
  CHECK_STR(t.text, "b");
  lex_next(&l);
  lex_next(&l);
  t = lex_template(&l, 0);
  CHECK_INT(t.type, TOKEN_TEMPLATE_END);
  CHECK_STR(t.text, "");
  CHECK_STR(lex_next(&l).text, "z");
  lex_test_end();
}

TEST(lex_a_copy_goes_back)
{
  struct lex l, saved;
  lex_init(&l, STR("a - 1"), &lex_test_text, true);
  lex_next(&l);
  saved = l;
  lex_next(&l);
  lex_next(&l);
  CHECK_INT(lex_next(&l).type, TOKEN_END);
  CHECK_INT(lex_next(&saved).type, TOKEN_SUB);
  CHECK_INT(lex_next(&saved).i, 1);
  lex_test_end();
}

TEST(lex_faults_name_their_place)
{
  struct lex l;
  lex_init(&l, STR("x \"ab"), &lex_test_text, true);
  lex_next(&l);
  struct token t = lex_next(&l);
  CHECK_INT(t.type, TOKEN_ERROR);
  CHECK_INT(t.at, 2);
  lex_init(&l, STR("\"ab\\q\""), &lex_test_text, true);
  CHECK_INT(lex_next(&l).at, 4);
  lex_init(&l, STR("/* /* */"), &lex_test_text, true);
  t = lex_next(&l);
  CHECK(t.type == TOKEN_ERROR && t.at == 0);
  lex_test_end();
}

TEST(lex_a_first_line_for_the_shell)
{
  CHECK_STR(lex_test_names("#!/usr/bin/vsmtp eval\n1"), "a number end of file");
  struct lex l;
  lex_init(&l, STR("#!x\n1"), &lex_test_text, false);
  CHECK_INT(lex_next(&l).type, TOKEN_ERROR);
}
