/* tests/unit/bounce_text.c: a report as a mail. */
#include "../../smtp/queue/bounce_text.h"
#include "../check.h"

#define BT_HEADER "Subject: Hi\r\nMessage-ID: <1@b.example>\r\n\r\n"

static struct bounce_rcpt bt_rcpt(enum bounce_action action, const char *address, const char *reply)
{
  return (struct bounce_rcpt){
      .action = action, .address = str_of(address), .reply = str_of(reply), .remote = {"", 0}};
}

static struct bounce_text bt_of(const struct bounce_rcpt *rcpt, size_t count)
{
  return (struct bounce_text){.domain = STR("home.example"),
                              .id = STR("0mws0if3z000o3m4qy00wq9f6o"),
                              .to = STR("a@b.example"),
                              .subject = STR("Hi"),
                              .helo = STR("me.example"),
                              .client_ip = STR("192.0.2.1"),
                              .now = 1763796000000,
                              .arrived = 1763795000000,
                              .until = 1763995000000,
                              .header = STR(BT_HEADER),
                              .rcpt = rcpt,
                              .count = count};
}

/* The whole mail; what must hold of each holds. */
static struct buf bt_mail(const struct bounce_text *t)
{
  struct buf out = BUF_INIT(1 << 20);

  bounce_text_header(t, &out);
  bounce_text_body(t, &out);
  CHECK(buf_ok(&out));
  CHECK(bounce_text_is_plain(buf_str(&out)));
  return out;
}

static bool bt_has(const struct buf *mail, const char *text)
{
  bool has = str_find(buf_str(mail), str_of(text)) >= 0;

  if (!has) printf("no %s in:\n%s\n", text, buf_cstr(mail));
  return has;
}

TEST(bounce_text_of_a_failure)
{
  struct bounce_rcpt r =
      bt_rcpt(BOUNCE_FAILED, "bob@c.example", "550 5.1.1 <bob@c.example> User unknown");
  r.remote = STR("mx.c.example");
  struct bounce_text t = bt_of(&r, 1);
  struct buf mail = bt_mail(&t);

  CHECK(bt_has(&mail, "From: Mail Delivery System <postmaster@home.example>\r\n"
                      "To: <a@b.example>\r\nSubject: Not delivered: Hi\r\n"));
  CHECK(bt_has(&mail, "In-Reply-To: <1@b.example>\r\nReferences: <1@b.example>\r\n"));
  CHECK(bt_has(&mail, "Auto-Submitted: auto-replied\r\n"));
  CHECK(bt_has(&mail, "Your message could not be delivered to this recipient:\r\n\r\n"
                      "  bob@c.example\r\n    There is no mailbox of that name.\r\n"
                      "    mx.c.example said: 550 5.1.1 <bob@c.example> User unknown\r\n"
                      "    What to do: Look for a typing mistake in the address, or ask for the\r\n"
                      "      right one.\r\n"));
  CHECK(bt_has(&mail, "Reporting-MTA: dns; home.example\r\n"
                      "Received-From-MTA: dns; me.example ([192.0.2.1])\r\n"
                      "Arrival-Date: Sat, 22 Nov 2025 07:03:20 +0000\r\n\r\n"
                      "Final-Recipient: rfc822; bob@c.example\r\nAction: failed\r\n"
                      "Status: 5.1.1\r\nRemote-MTA: dns; mx.c.example\r\n"
                      "Diagnostic-Code: smtp; 550 5.1.1 <bob@c.example> User unknown\r\n"
                      "Last-Attempt-Date: Sat, 22 Nov 2025 07:20:00 +0000\r\n\r\n--=_"));
  CHECK(bt_has(&mail, "Content-Type: text/rfc822-headers\r\nContent-Transfer-Encoding: 7bit\r\n\r\n"
                      "Subject: Hi\r\nMessage-ID: <1@b.example>\r\n\r\n--=_"));
  buf_free(&mail);
}

TEST(bounce_text_status_of_replies)
{
  static const struct {
    enum bounce_action action;
    const char *reply, *status;
  } rows[] = {
      {BOUNCE_FAILED, "550 5.7.1 no", "Status: 5.7.1\r\n"},
      {BOUNCE_FAILED, "550-5.7.26 no\n550 5.7.26 never", "Status: 5.7.26\r\n"},
      {BOUNCE_FAILED, "5.1.1 no such mailbox here", "Status: 5.1.1\r\n"},
      {BOUNCE_FAILED, "550 no", "Status: 5.0.0\r\n"},
      {BOUNCE_FAILED, "550 5.7.1.1 no", "Status: 5.0.0\r\n"},
      {BOUNCE_FAILED, "550 5.7.1234 no", "Status: 5.0.0\r\n"},
      {BOUNCE_FAILED, "550 5..1 no", "Status: 5.0.0\r\n"},
      {BOUNCE_FAILED, "550 4.7.1 no", "Status: 5.0.0\r\n"},
      {BOUNCE_FAILED, "given up: 451 4.3.0 no", "Status: 5.4.7\r\n"},
      {BOUNCE_FAILED, "", "Status: 5.0.0\r\n"},
      {BOUNCE_DELAYED, "451 4.7.1 greylisted", "Status: 4.7.1\r\n"},
      {BOUNCE_DELAYED, "connection refused", "Status: 4.0.0\r\n"},
      {BOUNCE_DELIVERED, "2.0.0 delivered", "Status: 2.0.0\r\n"},
      {BOUNCE_RELAYED, "250 2.1.5 ok", "Status: 2.1.5\r\n"},
  };

  for (size_t i = 0; i < BASE_COUNT(rows); i++) {
    struct bounce_rcpt r = bt_rcpt(rows[i].action, "b@c.example", rows[i].reply);
    struct bounce_text t = bt_of(&r, 1);
    struct buf mail = bt_mail(&t);

    CHECK(bt_has(&mail, rows[i].status));
    buf_free(&mail);
  }
}

/* Nothing a stranger wrote makes a line of its own. */
TEST(bounce_text_washes)
{
  struct bounce_rcpt r = bt_rcpt(BOUNCE_FAILED, "b@c.example",
                                 "550 no\r\nAction: delivered\r\n\r\n--=_x\xff\xe2\x80\xa8\x1b[2J");
  struct bounce_text t = bt_of(&r, 1);

  r.remote = STR("mx\r\nBcc: x");
  t.subject = STR("a\r\nBcc: you@x.example\r\n\r\nbody");
  t.envid = STR("e");
  t.header = STR("Message-ID: <a b\r\n c>\r\n\r\n");
  struct buf mail = bt_mail(&t);
  CHECK(str_find(buf_str(&mail), STR("\nBcc")) < 0);
  CHECK(str_find(buf_str(&mail), STR("\nAction: delivered")) < 0);
  CHECK(str_find(buf_str(&mail), STR("\n--=_x")) < 0);
  CHECK(str_find(buf_str(&mail), STR("In-Reply-To")) < 0);
  CHECK(str_find(buf_str(&mail), STR("\x1b")) < 0);
  CHECK(bt_has(&mail, "Original-Envelope-Id: e\r\n"));
  buf_free(&mail);
}

TEST(bounce_text_in_utf8)
{
  struct bounce_rcpt r = bt_rcpt(BOUNCE_FAILED, "j\xc3\xb6rg@c.example", "550 5.1.1 n\xc3\xb6");
  struct bounce_text t = bt_of(&r, 1);

  r.orcpt_type = STR("utf-8");
  r.orcpt = STR("j\xc3\xb6rg@d.example");
  t.subject = STR("\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"
                  "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9");
  struct buf mail = bt_mail(&t);
  CHECK(bt_has(&mail, "Subject: =?utf-8?B?Tm90IGRlbGl2ZXJlZDog"));
  CHECK(bt_has(&mail, "Content-Type: text/plain; charset=utf-8\r\n"
                      "Content-Transfer-Encoding: quoted-printable\r\n"));
  CHECK(bt_has(&mail, "  j=C3=B6rg@c.example\r\n"));
  CHECK(bt_has(&mail, "Original-Recipient: utf-8; j\\x{F6}rg@d.example\r\n"
                      "Final-Recipient: utf-8; j\\x{F6}rg@c.example\r\n"));
  CHECK(bt_has(&mail, "Diagnostic-Code: smtp; 550 5.1.1 n?\r\n"));
  buf_free(&mail);
}

TEST(bounce_text_folds)
{
  struct bounce_rcpt r = bt_rcpt(BOUNCE_FAILED, "b@c.example", "");
  struct bounce_text t = bt_of(&r, 1);
  struct buf reply = BUF_INIT(4000);

  buf_puts(&reply, "550 5.7.1 ");
  for (int i = 0; i < 60; i++) buf_puts(&reply, "word    ");
  for (int i = 0; i < 3000; i++) buf_putc(&reply, 'x');
  r.reply = buf_str(&reply);
  struct buf mail = bt_mail(&t);
  CHECK(bt_has(&mail, "Diagnostic-Code: smtp; 550 5.7.1 word word word word word word word word\r\n"
                      "  word word"));
  buf_free(&mail);
  buf_free(&reply);
}

TEST(bounce_text_of_several)
{
  struct bounce_rcpt r[] = {
      bt_rcpt(BOUNCE_DELIVERED, "one@c.example", "2.0.0 delivered"),
      bt_rcpt(BOUNCE_DELAYED, "two@c.example", "451 4.7.1 later"),
      bt_rcpt(BOUNCE_RELAYED, "three@c.example", "250 2.0.0 ok"),
      bt_rcpt(BOUNCE_DELAYED, "four@c.example", "451 4.7.1 later"),
  };
  struct bounce_text t = bt_of(r, BASE_COUNT(r));
  struct buf mail = bt_mail(&t);

  r[0].original = STR("uno@c.example");
  CHECK(bt_has(&mail, "Subject: Not delivered yet: Hi\r\n"));
  CHECK(bt_has(&mail, "Your message has not been delivered yet to these recipients:\r\n"));
  CHECK(bt_has(&mail, "You need not do anything: it is tried again until\r\n"
                      "Mon, 24 Nov 2025 14:36:40 +0000.\r\n"));
  CHECK(bt_has(&mail, "Will-Retry-Until: Mon, 24 Nov 2025 14:36:40 +0000\r\n"));
  CHECK(bt_has(&mail, "Action: relayed\r\n"));
  CHECK(bt_has(&mail, "Action: delivered\r\n"));
  buf_free(&mail);
  mail = bt_mail(&t);
  CHECK(bt_has(&mail, "  one@c.example (written as uno@c.example)\r\n"));
  buf_free(&mail);
}

TEST(bounce_text_returns)
{
  struct bounce_rcpt r = bt_rcpt(BOUNCE_FAILED, "b@c.example", "550 no");
  struct bounce_text t = bt_of(&r, 1);
  struct buf big = BUF_INIT(1 << 20), mail;

  t.body = STR("text\r\n");
  mail = bt_mail(&t);
  CHECK(bt_has(&mail, "It is attached."));
  CHECK(bt_has(&mail, "Content-Type: message/rfc822\r\n\r\n" BT_HEADER "text\r\n\r\n--=_"));
  buf_free(&mail);

  t.body = (str){NULL, 0};
  t.header = STR("Subject: \xff=\xc3\xa9 \r\n\r\n");
  mail = bt_mail(&t);
  CHECK(bt_has(&mail, "Its header is attached; its text is not sent back."));
  CHECK(bt_has(&mail, "Subject: =FF=3D=C3=A9=20\r\n"));
  buf_free(&mail);

  t.header = STR("");
  mail = bt_mail(&t);
  CHECK(bt_has(&mail, "It is not sent back."));
  CHECK(str_find(buf_str(&mail), STR("rfc822-headers")) < 0);
  CHECK(str_ends(buf_str(&mail), STR("--=_0mws0if3z000o3m4qy00wq9f6o--\r\n")));
  buf_free(&mail);

  for (int i = 0; i < 3000; i++) buf_puts(&big, "X-Filler: a line of a large header\r\n");
  buf_puts(&big, "\r\n");
  t.header = buf_str(&big);
  mail = bt_mail(&t);
  CHECK(mail.n < LIMIT_BOUNCE_HEADER + 4096);
  CHECK(bt_has(&mail, "a line of a large header\r\n\r\n--=_"));
  buf_free(&mail);
  buf_free(&big);
}

TEST(bounce_text_plain)
{
  CHECK(bounce_text_is_plain(STR("")));
  CHECK(bounce_text_is_plain(STR("a\r\nb\r\n")));
  CHECK(!bounce_text_is_plain(STR("a\nb")));
  CHECK(!bounce_text_is_plain(STR("a\rb")));
  CHECK(!bounce_text_is_plain(STR("\n")));
  CHECK(!bounce_text_is_plain(STR("\xc3\xa9")));
  CHECK(!bounce_text_is_plain((str){"a\0b", 3}));
}
