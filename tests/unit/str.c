/* tests/unit/str.c: slices, numbers, UTF-8, durations. */
#include "../check.h"

static const str NONE = {NULL, 0};

TEST(str_compare)
{
  CHECK(str_eq(NONE, STR("")));
  CHECK(str_eq(STR("a\0b"), STR("a\0b")));
  CHECK(!str_eq(STR("a\0b"), STR("a\0c")));
  CHECK(!str_eq(STR("a"), STR("A")));
  CHECK(str_ieq(STR("Re\xc3\x84"), STR("rE\xc3\x84")));
  CHECK(!str_ieq(STR("\xc3\xa4"), STR("\xc3\x84")));
  CHECK(!str_ieq(STR("@"), STR("`")));
  CHECK(!str_ieq(STR("["), STR("{")));
  CHECK(str_cmp(STR("a"), STR("b")) < 0);
  CHECK(str_cmp(STR("a"), STR("aa")) < 0);
  CHECK(str_cmp(STR("\xff"), STR("a")) > 0);
  CHECK_INT(str_cmp(NONE, STR("")), 0);
  CHECK(str_cmp(NONE, STR("x")) < 0);
  CHECK_INT(str_icmp(STR("ABC"), STR("abc")), 0);
  CHECK(str_icmp(STR("ABD"), STR("abc")) > 0);
  CHECK(str_icmp(STR("ab"), STR("ABC")) < 0);
  CHECK(str_icmp(STR("\xff"), STR("a")) > 0);
}

TEST(str_starts_ends)
{
  CHECK(str_starts(STR("abc"), STR("ab")));
  CHECK(str_starts(STR("abc"), NONE));
  CHECK(str_starts(NONE, NONE));
  CHECK(!str_starts(STR("a"), STR("ab")));
  CHECK(!str_starts(STR("abc"), STR("AB")));
  CHECK(str_istarts(STR("abc"), STR("AB")));
  CHECK(str_ends(STR("abc"), STR("bc")));
  CHECK(str_ends(STR("abc"), NONE));
  CHECK(!str_ends(STR("c"), STR("bc")));
  CHECK(!str_ends(STR("abc"), STR("BC")));
  CHECK(str_iends(STR("abc"), STR("BC")));
}

TEST(str_find)
{
  CHECK_INT(str_find(STR("hello"), STR("l")), 2);
  CHECK_INT(str_find(STR("hello"), STR("lo")), 3);
  CHECK_INT(str_find(STR("hello"), STR("hello!")), -1);
  CHECK_INT(str_find(STR("hello"), NONE), 0);
  CHECK_INT(str_find(NONE, NONE), 0);
  CHECK_INT(str_find(NONE, STR("x")), -1);
  CHECK_INT(str_chr(STR("a\0b\0"), '\0'), 1);
  CHECK_INT(str_rchr(STR("a\0b\0"), '\0'), 3);
  CHECK_INT(str_chr(NONE, 'x'), -1);
  CHECK_INT(str_rchr(STR("abc"), 'x'), -1);
}

TEST(str_sub_clips)
{
  CHECK_STR(str_sub(STR("hello"), 1, 3), "el");
  CHECK_STR(str_sub(STR("hello"), 3, 99), "lo");
  CHECK_STR(str_sub(STR("hello"), 4, 2), "");
  CHECK_STR(str_sub(STR("hello"), 99, 100), "");
  CHECK_STR(str_sub(STR("hello"), 0, SIZE_MAX), "hello");
  CHECK_STR(str_sub(NONE, 3, 9), "");
  CHECK_STR(str_skip(STR("hello"), 2), "llo");
  CHECK_STR(str_skip(STR("hello"), 6), "");
  CHECK_STR(str_skip(NONE, 1), "");
}

TEST(str_trim)
{
  CHECK_STR(str_trim(STR(" \t\r\n a b \n")), "a b");
  CHECK_STR(str_trim(STR(" \t ")), "");
  CHECK_STR(str_trim(STR("\va\f")), "\va\f");
  CHECK_STR(str_trim(NONE), "");
}

TEST(str_cut_pieces)
{
  str rest = STR("a,,b,"), piece;
  CHECK(str_cut(&rest, ',', &piece));
  CHECK_STR(piece, "a");
  CHECK(str_cut(&rest, ',', &piece));
  CHECK_STR(piece, "");
  CHECK(str_cut(&rest, ',', &piece));
  CHECK_STR(piece, "b");
  CHECK(rest.p != NULL);
  CHECK(str_cut(&rest, ',', &piece));
  CHECK_STR(piece, "");
  CHECK(rest.p == NULL);
  CHECK(!str_cut(&rest, ',', &piece));
  rest = STR("");
  CHECK(str_cut(&rest, ',', &piece));
  CHECK(!str_cut(&rest, ',', &piece));
}

TEST(str_to_i64)
{
  static const struct {
    const char *text;
    int rc;
    int64_t value;
  } cases[] = {
      {"0", 0, 0},
      {"-0", 0, 0},
      {"+7", 0, 7},
      {"007", 0, 7},
      {"9223372036854775807", 0, INT64_MAX},
      {"-9223372036854775808", 0, INT64_MIN},
      {"9223372036854775808", -1, 0},
      {"-9223372036854775809", -1, 0},
      {"99999999999999999999999", -1, 0},
      {"", -1, 0},
      {"-", -1, 0},
      {"+", -1, 0},
      {"--1", -1, 0},
      {"1 ", -1, 0},
      {" 1", -1, 0},
      {"1a", -1, 0},
      {"0x10", -1, 0},
  };
  for (size_t i = 0; i < BASE_COUNT(cases); i++) {
    int64_t value = 0;
    CHECK_INT(str_to_i64(str_of(cases[i].text), &value), cases[i].rc);
    CHECK_INT(value, cases[i].value);
  }
}

TEST(str_to_u64_bases)
{
  uint64_t value = 0;
  CHECK_INT(str_to_u64(STR("18446744073709551615"), &value, 10), 0);
  CHECK(value == UINT64_MAX);
  CHECK_INT(str_to_u64(STR("18446744073709551616"), &value, 10), -1);
  CHECK_INT(str_to_u64(STR("fFfF"), &value, 16), 0);
  CHECK_INT(value, 0xffff);
  CHECK_INT(str_to_u64(STR("10000000000000000"), &value, 16), -1);
  CHECK_INT(str_to_u64(STR("777"), &value, 8), 0);
  CHECK_INT(value, 0777);
  CHECK_INT(str_to_u64(STR("8"), &value, 8), -1);
  CHECK_INT(str_to_u64(STR("102"), &value, 2), -1);
  CHECK_INT(str_to_u64(STR("-1"), &value, 10), -1);
  CHECK_INT(str_to_u64(NONE, &value, 10), -1);
  CHECK_INT(str_to_u64(STR("1\0"), &value, 10), -1);
}

TEST(str_characters)
{
  for (int c = -128; c < 128; c++) {
    bool alpha = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'), digit = c >= '0' && c <= '9';
    CHECK_INT(str_isalpha((char)c), alpha);
    CHECK_INT(str_isdigit((char)c), digit);
    CHECK_INT(str_isalnum((char)c), alpha || digit);
    CHECK_INT(str_isspace((char)c), c == ' ' || (c >= 9 && c <= 13));
    CHECK_INT(str_lower((char)c), c >= 'A' && c <= 'Z' ? c + 32 : c);
    CHECK_INT(str_upper((char)c), c >= 'a' && c <= 'z' ? c - 32 : c);
  }
}

/* ---- UTF-8 ----------------------------------------------------------------------------------- */

TEST(str_utf8_round_trip)
{
  static const int32_t edges[] = {0,      0x7f,   0x80,   0x7ff,   0x800,   0xd7ff,
                                  0xe000, 0xfffd, 0xffff, 0x10000, 0x10ffff};
  static const size_t lengths[] = {1, 1, 2, 2, 3, 3, 3, 3, 3, 4, 4};
  for (size_t i = 0; i < BASE_COUNT(edges); i++) {
    char bytes[4];
    size_t n = utf8_put(bytes, edges[i]);
    CHECK_INT(n, lengths[i]);
    str s = {bytes, n};
    CHECK(utf8_valid(s));
    CHECK_INT(utf8_next(&s), edges[i]);
    CHECK_INT(s.n, 0);
  }
  char bytes[4];
  CHECK_INT(utf8_put(bytes, 0xd800), 0);
  CHECK_INT(utf8_put(bytes, 0xdfff), 0);
  CHECK_INT(utf8_put(bytes, 0x110000), 0);
  CHECK_INT(utf8_put(bytes, -1), 0);
}

TEST(str_utf8_ill_formed)
{
  static const str bad[] = {
      STR_INIT("\x80"),             /* continuation alone */
      STR_INIT("\xc3"),             /* cut */
      STR_INIT("\xc3("),            /* no continuation */
      STR_INIT("\xe2\x82"),         /* cut */
      STR_INIT("\xe2(\xa1"),        /* broken in the middle */
      STR_INIT("\xf0\x9f\x98"),     /* cut */
      STR_INIT("\xc0\x80"),         /* overlong NUL */
      STR_INIT("\xc1\xbf"),         /* overlong */
      STR_INIT("\xe0\x80\xaf"),     /* overlong slash */
      STR_INIT("\xe0\x9f\xbf"),     /* overlong, last */
      STR_INIT("\xf0\x80\x80\xaf"), /* overlong slash */
      STR_INIT("\xf0\x8f\xbf\xbf"), /* overlong, last */
      STR_INIT("\xed\xa0\x80"),     /* surrogate, first */
      STR_INIT("\xed\xbf\xbf"),     /* surrogate, last */
      STR_INIT("\xf4\x90\x80\x80"), /* beyond U+10FFFF */
      STR_INIT("\xf5\x80\x80\x80"),
      STR_INIT("\xfe"),
      STR_INIT("\xff"),
  };
  for (size_t i = 0; i < BASE_COUNT(bad); i++) {
    str s = bad[i];
    CHECK(!utf8_valid(s));
    CHECK_INT(utf8_next(&s), -1);
    CHECK_INT(s.n, bad[i].n - 1);
  }
}

TEST(str_utf8_len)
{
  CHECK_INT(utf8_len(STR("h\xc3\xa9llo \xf0\x9f\x98\x80")), 7);
  CHECK_INT(utf8_len(STR("\xff\xff")), 2);
  CHECK_INT(utf8_len(NONE), 0);
  CHECK(utf8_valid(NONE));
  CHECK(utf8_valid(STR("a\0b")));
}

TEST(str_utf8_clean)
{
  static const str good[] = {STR_INIT(""), STR_INIT("a b~"), STR_INIT("\xc2\xa0\xe2\x82\xac"),
                             STR_INIT("\xe2\x80\xa7\xe2\x80\xaf\xe2\x81\xaa")};
  static const str bad[] = {
      STR_INIT("\0"),           STR_INIT("\x1b"),         STR_INIT("\x7f"),
      STR_INIT("\xc2\x80"),     STR_INIT("\xc2\x9f"),     STR_INIT("\xff"),
      STR_INIT("\xe2\x80\xa8"), STR_INIT("\xe2\x80\xae"), STR_INIT("\xe2\x81\xa6")};

  for (size_t i = 0; i < BASE_COUNT(good); i++) CHECK(utf8_clean(good[i]));
  for (size_t i = 0; i < BASE_COUNT(bad); i++) CHECK(!utf8_clean(bad[i]));
}

/* ---- durations ------------------------------------------------------------------------------- */

TEST(str_duration_parse)
{
  static const struct {
    const char *text;
    int64_t ms; /* -1: refused */
  } cases[] = {
      {"200ms", 200},
      {"5m", 300000},
      {"1h 30m", 5400000},
      {"1h30m", 5400000},
      {" 2 min ", 120000},
      {"0", 0},
      {"0s", 0},
      {"1ns", 1},
      {"1us", 1},
      {"1000001ns", 2},
      {"999us 1us", 1},
      {"1nsec 1usec 1msec 1sec", 1002},
      {"2seconds 1second", 3000},
      {"1w", 604800000},
      {"2weeks 1week", 1814400000},
      {"1M", 2630016000},
      {"1month 1months", 5260032000},
      {"1y", 31557600000},
      {"1year 1years", 63115200000},
      {"1d 1day 1days", 259200000},
      {"1h 1hr 1hour 1hours", 14400000},
      {"1m 1min 1minute 1minutes", 240000},
      {"18446744073709551615ns", 18446744073710},
      {"18446744073709551616ns", -1},
      {"18446744073709551615ns 1ns", -1},
      {"584y", 18429638400000},
      {"585y", -1},
      {"99999999999999999999s", -1},
      {"18446744073709551615y", -1},
      {"", -1},
      {" ", -1},
      {"1", -1},
      {"00", -1},
      {"5", -1},
      {"m", -1},
      {"1.5h", -1},
      {"-1s", -1},
      {"+1s", -1},
      {"1s,1s", -1},
      {"1S", -1},
      {"1H", -1},
      {"1x", -1},
      {"1 s 2", -1},
      {"1sm", -1},
      {"1h m", -1},
  };
  for (size_t i = 0; i < BASE_COUNT(cases); i++) {
    int64_t ms = -1;
    int rc = duration_parse(str_of(cases[i].text), &ms);
    if (!CHECK_INT(ms, cases[i].ms) || !CHECK_INT(rc, cases[i].ms < 0 ? -1 : 0))
      printf("  in: %s\n", cases[i].text);
  }
  int64_t ms;
  CHECK_INT(duration_parse(STR("1s\0"), &ms), -1);
}

TEST(str_duration_text)
{
  char out[DURATION_TEXT_MAX];
  CHECK_STR(duration_text(0, out), "0s");
  CHECK_STR(duration_text(-5, out), "0s");
  CHECK_STR(duration_text(200, out), "200ms");
  CHECK_STR(duration_text(300000, out), "5m");
  CHECK_STR(duration_text(5400000, out), "1h 30m");
  CHECK_STR(duration_text(432000000, out), "5d");
  CHECK_STR(duration_text(90061001, out), "1d 1h 1m 1s 1ms");
  int64_t back = 0;
  CHECK_INT(duration_parse(str_of(duration_text(18446744073709, out)), &back), 0);
  CHECK_INT(back, 18446744073709);
  CHECK(strlen(duration_text(INT64_MAX, out)) < DURATION_TEXT_MAX);
}
