/* tests/unit/subject.c: encoded words (RFC 2047). */
#include "../../smtp/format/format.h"
#include "../check.h"

TEST(subject_decodes)
{
  static const struct {
    const char *in, *out;
  } rows[] = {
      {"plain", "plain"},
      {"", ""},
      {"=?UTF-8?Q?Gr=C3=BC=C3=9Fe?=", "Gr\xc3\xbc\xc3\x9f"
                                      "e"},
      {"=?utf-8?B?SGVsbG8=?= =?utf-8?Q?_you?=", "Hello you"},
      {"=?utf-8?B?SGVsbG8=?= and =?utf-8?Q?you?=", "Hello and you"},
      {"=?ISO-8859-1?Q?caf=E9?=", "caf\xc3\xa9"},
      {"=?koi8-r?Q?=C1?=", "=?koi8-r?Q?=C1?="},
      {"=?utf-8?X?abc?=", "=?utf-8?X?abc?="},
      {"=?utf-8?B?!!!?=", "=?utf-8?B?!!!?="},
      {"=?utf-8?Q?open", "=?utf-8?Q?open"},
      {"=?", "=?"},
      {"=?utf-8?Q?=0A=1B=00x?=", "x"},
      {"a\xc2\x9b"
       "31m\xe2\x80\xae"
       "b",
       "a 31m b"},
      {"raw \xff byte", "raw \xef\xbf\xbd byte"},
  };
  struct arena *a = arena_new(0);

  for (size_t i = 0; i < BASE_COUNT(rows); i++)
    CHECK_STR(subject_decode(str_of(rows[i].in), a), rows[i].out);
  arena_free(a);
}
