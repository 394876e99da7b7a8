/* tests/unit/mailbox.c: domains and mailboxes as rules write them. */
#include "../../rules/mailbox.h"
#include "../check.h"

TEST(mailbox_domains)
{
  static const char *const good[] = {
      "example.com",           "a",           "localhost",
      "EXAMPLE.com.",          "x-1.example", "_dmarc.example.com",
      "m\xc3\xbcller.example", "1and1.de",    "xn--mller-kva.example"};
  static const char *const bad[] = {"",        ".",       "a..b",
                                    ".a",      "-a.com",  "a-.com",
                                    "a b.com", "1.2.3.4", "exa\xffmple.com",
                                    "a.com..", "a@b",     "[1.2.3.4]"};
  for (size_t i = 0; i < BASE_COUNT(good); i++) CHECK(mailbox_domain_valid(str_of(good[i])));
  for (size_t i = 0; i < BASE_COUNT(bad); i++) CHECK(!mailbox_domain_valid(str_of(bad[i])));
  struct buf label = BUF_INIT(300);
  for (int i = 0; i < 63; i++) buf_putc(&label, 'a');
  CHECK(mailbox_domain_valid(buf_str(&label)));
  buf_putc(&label, 'a');
  CHECK(!mailbox_domain_valid(buf_str(&label)));
  buf_free(&label);
}

TEST(mailbox_addresses)
{
  static const char *const good[] = {"a@b",
                                     "john.doe@example.com",
                                     "a+b=c/d@example.com",
                                     "\"john doe\"@example.com",
                                     "\"a@b\"@example.com",
                                     "\"a\\\"b\"@example.com",
                                     "\"a\\\\\"@example.com",
                                     "\"\"@example.com",
                                     "a@[127.0.0.1]",
                                     "a@[IPv6:::1]",
                                     "j\xc3\xb6rg@m\xc3\xbcller.example"};
  static const char *const bad[] = {
      "",        "a",      "@b",    "a@",    "a b@c",         ".a@b",
      "a.@b",    "a..b@c", "a@b@c", "\"a@b", "\"a\"b@c",      "a@[1.2.3]",
      "a@[::1]", "a@[]",   "a,b@c", "<a@b>", "a@b\r\nBcc: x", "\"a\\\"@example.com"};
  for (size_t i = 0; i < BASE_COUNT(good); i++)
    if (!CHECK(mailbox_valid(str_of(good[i])))) printf("  %s\n", good[i]);
  for (size_t i = 0; i < BASE_COUNT(bad); i++)
    if (!CHECK(!mailbox_valid(str_of(bad[i])))) printf("  %s\n", bad[i]);
}

TEST(mailbox_splits_at_the_last_at)
{
  str local, domain;
  mailbox_split(STR("\"a@b\"@example.com"), &local, &domain);
  CHECK_STR(local, "\"a@b\"");
  CHECK_STR(domain, "example.com");
  mailbox_split(STR("a@b@c"), &local, &domain);
  CHECK_STR(local, "a@b");
  CHECK_STR(domain, "c");
  mailbox_split(STR("postmaster"), &local, &domain);
  CHECK_STR(local, "postmaster");
  CHECK_STR(domain, "");
  mailbox_split(STR(""), &local, &domain);
  CHECK_STR(local, "");
}
