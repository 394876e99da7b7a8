/* tests/unit/dns_name.c: names of the DNS, as text and as messages hold them. */
#include "../../net/dns_name.h"
#include "../check.h"

/* Text to a message and back; "none" if it can be no name. */
static const char *dns_name_around(str text)
{
  static char out[DNS_NAME_MAX + 1];
  unsigned char wire[DNS_NAME_WIRE];
  size_t n = dns_name_write(text, wire), used;

  if (n == 0) return "none";
  if (dns_name_read((str){(char *)wire, n}, 0, out, &used) < 0) return "unread";
  CHECK_INT(used, n);
  return out;
}

TEST(dns_name_there_and_back)
{
  static const char *const same[] = {"a",     "a.b",           "*._x.a/b",    "a+b=c,d",
                                     "\\@.x", "\\\"a b\\\".x", "a\\.b.c",     "a\\\\.b",
                                     "\\000", "\\000.test",    "\\195\\188.x"};
  static const char *const none[] = {".a",    "a..b",   "..",     "a\\",   "a\\1",
                                     "a\\12", "a\\1x2", "a\\256", "a\\999"};

  for (size_t i = 0; i < BASE_COUNT(same); i++)
    CHECK_STR(dns_name_around(str_of(same[i])), same[i]);
  for (size_t i = 0; i < BASE_COUNT(none); i++) CHECK_STR(dns_name_around(str_of(none[i])), "none");
  CHECK_STR(dns_name_around(STR("")), "");
  CHECK_STR(dns_name_around(STR(".")), "");
  CHECK_STR(dns_name_around(STR("a.b.")), "a.b");
  CHECK_STR(dns_name_around(STR("a\\.")), "a\\.");
  CHECK_STR(dns_name_around(STR("a\\\\.")), "a\\\\");
  CHECK_STR(dns_name_around(STR("\xc3\xbc.x")), "\\195\\188.x");
  CHECK_STR(dns_name_around(STR("\\065b\\-c")), "Ab-c");
  CHECK_STR(dns_name_around((str){"a\0b", 3}), "none");
  CHECK_STR(dns_name_around((str){"a\\\0", 3}), "none");
}

/* RFC 1035 §2.3.4: 63 octets a label, 255 a name, whatever the text has. */
TEST(dns_name_lengths)
{
  struct buf b = BUF_INIT(4096);
  unsigned char wire[DNS_NAME_WIRE];

  for (int octets = 62; octets <= 65; octets++)
    for (int escaped = 0; escaped < 2; escaped++) {
      buf_clear(&b);
      for (int i = 0; i < octets; i++) buf_puts(&b, escaped ? "\\001" : "x");
      CHECK_INT(dns_name_write(buf_str(&b), wire), octets <= 63 ? octets + 2 : 0);
    }
  for (int last = 59; last <= 63; last++)
    for (int dot = 0; dot < 2; dot++) {
      buf_clear(&b);
      for (int i = 0; i < 3; i++) {
        for (int k = 0; k < 63; k++) buf_puts(&b, "\\255");
        buf_putc(&b, '.');
      }
      for (int k = 0; k < last; k++) buf_putc(&b, 'y');
      if (dot) buf_putc(&b, '.');
      CHECK_INT(dns_name_write(buf_str(&b), wire), last <= 61 ? 3 * 64 + last + 2 : 0);
      if (last <= 61) CHECK_INT(str_of(dns_name_around(buf_str(&b))).n, 3 * 253 + last);
    }
  buf_free(&b);
}

static int dns_name_at(str message, size_t at, size_t *used)
{
  static char out[DNS_NAME_MAX + 1];
  return dns_name_read(message, at, out, used);
}

/* RFC 1035 §4.1.4: a pointer leads back; what leads on, round or out of the message is malformed.
 */
TEST(dns_name_pointers)
{
  size_t used;
  char circle[600];

  CHECK_INT(dns_name_at(STR("\1a\0\1b\300\0"), 3, &used), 3);
  CHECK_INT(used, 4);
  CHECK_INT(dns_name_at(STR("\0\300\0"), 1, &used), 0);
  CHECK_INT(used, 2);
  CHECK_INT(dns_name_at(STR("\300\0"), 0, &used), -1);
  CHECK_INT(dns_name_at(STR("\1a\300\0"), 0, &used), -1);
  CHECK_INT(dns_name_at(STR("\300\2\1a\0"), 0, &used), -1);
  CHECK_INT(dns_name_at(STR("\1a\0\300"), 3, &used), -1);
  CHECK_INT(dns_name_at(STR("\1a"), 0, &used), -1);
  CHECK_INT(dns_name_at(STR("\2a"), 0, &used), -1);
  CHECK_INT(dns_name_at(STR("\100a"), 0, &used), -1);
  CHECK_INT(dns_name_at(STR("\1a\0"), 3, &used), -1);
  CHECK_INT(dns_name_at(STR("\1a\0"), 300, &used), -1);
  circle[0] = 0; /* each leads to the one before */
  for (int i = 1; i + 1 < 600; i += 2) {
    circle[i] = (char)(0xc0 | (i == 1 ? 0 : i - 2) >> 8);
    circle[i + 1] = (char)(i == 1 ? 0 : i - 2);
  }
  CHECK_INT(dns_name_at((str){circle, 599}, 201, &used), 0);
  CHECK_INT(dns_name_at((str){circle, 599}, 401, &used), -1);
}

/* Labels gathered through pointers are one name: 255 octets. */
TEST(dns_name_gathered)
{
  struct buf b = BUF_INIT(4096);
  size_t used;

  for (int i = 0; i < 5; i++) {
    buf_putc(&b, 60);
    for (int k = 0; k < 60; k++) buf_putc(&b, 'x');
    if (i == 0) buf_putc(&b, '\0');
    if (i > 0) buf_add(&b, (char[2]){(char)0xc0, (char)(i == 1 ? 0 : 62 + 63 * (i - 2))}, 2);
  }
  CHECK_INT(dns_name_at(buf_str(&b), 62 + 63 * 2, &used), 4 * 61 - 1);
  CHECK_INT(dns_name_at(buf_str(&b), 62 + 63 * 3, &used), -1);
  buf_free(&b);
}

TEST(dns_name_kinds)
{
  CHECK(dns_name_is_plain(STR("A-b_9.*/.")) && dns_name_is_plain(STR("")));
  for (int c = 0; c < 256; c++) {
    char text[2] = {'a', (char)c};
    bool plain = c < 128 && (str_isalnum((char)c) || (c && strchr("-_./*", c)));
    CHECK_INT(dns_name_is_plain((str){text, 2}), plain);
  }
  CHECK(dns_name_is_private(STR("x.Onion")) && dns_name_is_private(STR("onion.")));
  CHECK(!dns_name_is_private(STR("xonion")) && !dns_name_is_private(STR("onion.test")));
  CHECK_STR(dns_name_undotted(STR("a.")), "a");
  CHECK_STR(dns_name_undotted(STR("a\\.")), "a\\.");
  CHECK_STR(dns_name_undotted(STR("a\\\\.")), "a\\\\");
  CHECK_STR(dns_name_undotted(STR(".")), "");
  CHECK_STR(dns_name_undotted(STR("\\.")), "\\.");
}
