/* tests/unit/spf_record.c: what is read from a record; which records are well-formed is in
 * tests/spf.
 */
#include "../../smtp/sender/spf_record.h"
#include "../check.h"

TEST(spf_record_is_one)
{
  CHECK(spf_record_is(STR("v=spf1")) && spf_record_is(STR("V=SPF1 -all")));
  CHECK(!spf_record_is(STR("v=spf10")) && !spf_record_is(STR("v=spf1\t-all")));
  CHECK(!spf_record_is(STR(" v=spf1")) && !spf_record_is(STR("v=spf")) && !spf_record_is(STR("")));
}

static const char *spf_record_text(struct buf *out, const char *text)
{
  struct spf_record r;
  struct spf_term t;
  struct err e;

  buf_clear(out);
  if (spf_record_parse(str_of(text), &r, &e) < 0) {
    buf_puts(out, e.text);
    return buf_cstr(out);
  }
  while (spf_record_next(&r, &t))
    buf_printf(out, "%c%d(" STR_FMT ")/%d//%d;", t.qualifier, (int)t.kind, STR_ARG(t.domain),
               t.cidr4, t.cidr6);
  if (r.redirect.p) buf_printf(out, "redirect " STR_FMT ";", STR_ARG(r.redirect));
  if (r.exp.p) buf_printf(out, "exp " STR_FMT ";", STR_ARG(r.exp));
  return buf_cstr(out);
}

TEST(spf_record_terms)
{
  struct buf out = BUF_INIT(4096);

  CHECK_STR(spf_record_text(&out, "v=spf1"), "");
  CHECK_STR(spf_record_text(&out, "v=spf1 a ~mx/24 ?a:b.c//64 -a:b.c/8//0"),
            "+2()/32//128;~3()/24//128;?2(b.c)/32//64;-2(b.c)/8//0;");
  CHECK_STR(
      spf_record_text(&out, "v=spf1  exp=e.x ip4:1.2.3.4/0 redirect=%{d} ptr x=y exists:%{l}"),
      "+5()/0//128;+4()/32//128;+7(%{l})/32//128;redirect %{d};exp e.x;");
  CHECK_STR(spf_record_text(&out, "v=spf1 a:x/24.example//24.com/24"),
            "+2(x/24.example//24.com)/24//128;");
  CHECK_STR(spf_record_text(&out, "v=spf1 a a/x"), "invalid a: a/x");
  CHECK_STR(spf_record_text(&out, "v=spf1 exp=a.b exp=a.b"), "a second exp");
  buf_free(&out);
}
