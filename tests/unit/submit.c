/* tests/unit/submit.c: what programs write, made a mail. */
#include "../../smtp/format/format.h"

#include "../check.h"

static struct arena *submit_arena;

static struct submit_options submit_usual(void)
{
  return (struct submit_options){.dots = true,
                                 .user = STR("alice"),
                                 .domain = STR("home.example"),
                                 .name = STR("Alice"),
                                 .id = STR("ID"),
                                 .now = 0};
}

/* The whole of in, `step` octets at a time; NULL where it is refused. */
static const char *submit_all(const struct submit_options *o, str in, size_t step, struct submit *s)
{
  static struct buf out;
  struct err e;
  int rc = 0;

  buf_free(&out);
  out = (struct buf)BUF_INIT(1 << 20);
  arena_free(submit_arena);
  submit_arena = arena_new(0);
  submit_begin(s, o, submit_arena);
  for (size_t at = 0; rc == 0 && at < in.n; at += step)
    rc = submit_text(s, str_sub(in, at, at + step), &out, &e);
  if (rc == 0) rc = submit_end(s, &out, &e);
  submit_free(s);
  return rc == 0 ? buf_cstr(&out) : NULL;
}

#define SUBMIT_DATE "Date: Thu, 1 Jan 1970 00:00:00 +0000\r\n"
#define SUBMIT_ID   "Message-ID: <ID@home.example>\r\n"
#define SUBMIT_FROM "From: Alice <alice@home.example>\r\n"

/* However the text comes in pieces, the mail is the same. */
static void submit_check(const struct submit_options *o, const char *in, const char *want)
{
  struct submit s;

  for (size_t step = 1; step < 200; step = step < 8 ? step + 1 : step * 5) {
    const char *got = submit_all(o, str_of(in), step, &s);

    if (!CHECK(got != NULL)) return;
    CHECK_STR(got, want);
  }
}

static void submit_usual_check(const char *in, const char *want)
{
  struct submit_options o = submit_usual();

  submit_check(&o, in, want);
}

TEST(submit_completes_the_header)
{
  submit_usual_check("Subject: x\n\ntext\n",
                     "Subject: x\r\n" SUBMIT_FROM SUBMIT_DATE SUBMIT_ID "\r\ntext\r\n");
  submit_usual_check("From: b@c.example\nDate: today\nMessage-id: <1@2>\n\n",
                     "From: b@c.example\r\nDate: today\r\nMessage-id: <1@2>\r\n\r\n");
  submit_usual_check("", SUBMIT_FROM SUBMIT_DATE SUBMIT_ID "\r\n");
}

TEST(submit_finds_the_header)
{
  submit_usual_check("hello you\nand you\n",
                     SUBMIT_FROM SUBMIT_DATE SUBMIT_ID "\r\nhello you\r\nand you\r\n");
  submit_usual_check("hello", SUBMIT_FROM SUBMIT_DATE SUBMIT_ID "\r\nhello\r\n");
  submit_usual_check("\nX: y\n", SUBMIT_FROM SUBMIT_DATE SUBMIT_ID "\r\nX: y\r\n");
  submit_usual_check("Subject: a\n folded\nno field\nX: y\n",
                     "Subject: a\r\n folded\r\n" SUBMIT_FROM SUBMIT_DATE SUBMIT_ID
                     "\r\nno field\r\nX: y\r\n");
  submit_usual_check("From alice Thu Jan 1\nSubject: a\n\nb\n",
                     "Subject: a\r\n" SUBMIT_FROM SUBMIT_DATE SUBMIT_ID "\r\nb\r\n");
}

TEST(submit_ends_lines)
{
  const char *want = SUBMIT_FROM SUBMIT_DATE SUBMIT_ID "\r\na\r\nb\r\n\r\nc\r\n";

  submit_usual_check("\na\nb\n\nc\n", want);
  submit_usual_check("\r\na\r\nb\r\n\r\nc\r\n", want);
  submit_usual_check("\na\rb\r\r\r\n\r\nc\r", want);
  submit_usual_check("\na\nb\n\nc", want);
}

TEST(submit_drops_nul)
{
  struct submit_options o = submit_usual();
  struct submit s;

  CHECK_STR(submit_all(&o, STR("\n\0a\0\0b\0\n\0"), 3, &s),
            SUBMIT_FROM SUBMIT_DATE SUBMIT_ID "\r\nab\r\n");
}

TEST(submit_dots)
{
  struct submit_options o = submit_usual();

  submit_check(&o, "\na\n.\nb\n", SUBMIT_FROM SUBMIT_DATE SUBMIT_ID "\r\na\r\n.\r\nb\r\n");
  o.dots = false;
  submit_check(&o, "\na\n.\nb\n", SUBMIT_FROM SUBMIT_DATE SUBMIT_ID "\r\na\r\n");
  submit_check(&o, "\na\n.", SUBMIT_FROM SUBMIT_DATE SUBMIT_ID "\r\na\r\n");
  submit_check(&o, "\n..\n.b\n.\r\nc", SUBMIT_FROM SUBMIT_DATE SUBMIT_ID "\r\n..\r\n.b\r\n");
  submit_check(&o, ".\nb\n", SUBMIT_FROM SUBMIT_DATE SUBMIT_ID "\r\n");
}

TEST(submit_reads_recipients)
{
  struct submit_options o = submit_usual();
  struct submit s;

  o.recipients = true;
  CHECK_STR(
      submit_all(&o,
                 STR("To: root (Root), B <b@c.example>\nBCC: eve@d.example,\n b@c.example\n"
                     "Cc: x: y;\n\n"),
                 7, &s),
      "To: root@home.example (Root), B <b@c.example>\r\nCc: x: y@home.example;\r\n" SUBMIT_FROM
          SUBMIT_DATE SUBMIT_ID "\r\n");
  CHECK_INT(s.to_count, 4);
  CHECK_STR(s.to[0], "root");
  CHECK_STR(s.to[1], "b@c.example");
  CHECK_STR(s.to[2], "y");
  CHECK_STR(s.to[3], "eve@d.example");
  CHECK(submit_all(&o, STR("To: two words\n\n"), 100, &s) == NULL);
  CHECK(submit_all(&o, STR("To: a@b@c\n\n"), 100, &s) == NULL);
  CHECK(submit_all(&o, STR("Resent-To: r@c.example\nTo: b@c.example\n\n"), 100, &s) != NULL);
  CHECK_INT(s.to_count, 1);
  CHECK_STR(s.to[0], "r@c.example");
}

TEST(submit_names_people)
{
  struct submit_options o = submit_usual();

  o.name = STR("Doe, \"J\"");
  submit_check(&o, "\n",
               "From: \"Doe, \\\"J\\\"\" <alice@home.example>\r\n" SUBMIT_DATE SUBMIT_ID "\r\n");
  o.name = STR("J\xc3\xb6rg");
  submit_check(&o, "\n",
               "From: =?utf-8?B?SsO2cmc=?= <alice@home.example>\r\n" SUBMIT_DATE SUBMIT_ID "\r\n");
  o.name = STR("evil\r\nX: y");
  submit_check(&o, "\n", "From: <alice@home.example>\r\n" SUBMIT_DATE SUBMIT_ID "\r\n");
  o.name = STR("");
  o.sender = STR("other@far.example");
  submit_check(&o, "\n", "From: <other@far.example>\r\n" SUBMIT_DATE SUBMIT_ID "\r\n");
}

TEST(submit_bounds_the_header)
{
  struct submit_options o = submit_usual();
  struct buf in = BUF_INIT(1 << 20);
  struct submit s;

  buf_puts(&in, "X: ");
  while (in.n < LIMIT_HEADER_BYTES + 10) buf_putc(&in, 'y');
  CHECK(submit_all(&o, buf_str(&in), 5000, &s) == NULL);
  memset(in.p, 'z', in.n); /* no field at all: a long line of text */
  CHECK(submit_all(&o, buf_str(&in), 5000, &s) != NULL);
  buf_free(&in);
  arena_free(submit_arena);
  submit_arena = NULL;
}
#undef SUBMIT_DATE
#undef SUBMIT_ID
#undef SUBMIT_FROM
