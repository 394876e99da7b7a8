/* tests/unit/spf_macro.c: the examples of RFC 7208 §7.4, word for word. */
#include "../../smtp/sender/spf_macro.h"
#include "../check.h"

static struct spf_macro_facts spf_macro_example = {
    .sender = STR_INIT("strong-bad@email.example.com"),
    .local = STR_INIT("strong-bad"),
    .sender_domain = STR_INIT("email.example.com"),
    .domain = STR_INIT("email.example.com"),
    .helo = STR_INIT("mx.example.org"),
    .receiver = STR_INIT("r.example"),
    .validated = STR_INIT("mx.example.org"),
    .ip = {192, 0, 2, 3},
    .now = 1700000000,
};

static const char *spf_macro_text(struct buf *out, const char *text)
{
  buf_clear(out);
  spf_macro_expand(str_of(text), &spf_macro_example, out);
  return buf_cstr(out);
}

TEST(spf_macro_examples)
{
  static const struct {
    const char *text, *want;
  } rows[] = {
      {"%{s}", "strong-bad@email.example.com"},
      {"%{o}", "email.example.com"},
      {"%{d4}", "email.example.com"},
      {"%{d3}", "email.example.com"},
      {"%{d2}", "example.com"},
      {"%{d1}", "com"},
      {"%{dr}", "com.example.email"},
      {"%{d2r}", "example.email"},
      {"%{l}", "strong-bad"},
      {"%{l-}", "strong.bad"},
      {"%{lr}", "strong-bad"},
      {"%{lr-}", "bad.strong"},
      {"%{l1r-}", "strong"},
      {"%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"},
      {"%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"},
      {"%{lr-}.lp.%{ir}.%{v}._spf.%{d2}", "bad.strong.lp.3.2.0.192.in-addr._spf.example.com"},
      {"%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}", "3.2.0.192.in-addr.strong.lp._spf.example.com"},
      {"%{d2}.trusted-domains.example.net", "example.com.trusted-domains.example.net"},
      {"%{S} %{p} %{h} %{c} %{r} %{t}", "strong-bad%40email.example.com mx.example.org "
                                        "mx.example.org 192.0.2.3 r.example 1700000000"},
      {"%%%_%-", "% %20"},
  };
  struct buf out = BUF_INIT(4096);

  for (size_t i = 0; i < BASE_COUNT(rows); i++) {
    CHECK(spf_macro_string_ok(str_of(rows[i].text), SPF_MACRO_LETTERS_EXP, true));
    CHECK_STR(spf_macro_text(&out, rows[i].text), rows[i].want);
  }
  buf_free(&out);
}

TEST(spf_macro_limits)
{
  struct buf out = BUF_INIT(16);

  spf_macro_text(&out, "%{s}%{s}");
  CHECK(!buf_ok(&out));
  buf_free(&out);
  CHECK(spf_macro_uses(STR("a%{P}"), 'p') && !spf_macro_uses(STR("p%%{p}"), 'p'));
  CHECK(!spf_macro_string_ok((str){"a%{d\0}", 6}, SPF_MACRO_LETTERS, false));
  CHECK(!spf_macro_string_ok(STR("%{c}"), SPF_MACRO_LETTERS, false));
  CHECK(!spf_macro_string_ok(STR("a b"), SPF_MACRO_LETTERS, false));
}
