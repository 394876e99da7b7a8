/* tests/unit/srs.c: senders rewritten and found again. */
#include "../../smtp/policy/policy.h"

#include "../check.h"

#define SRS_NOW 1577836860000LL /* 2020-01-01 00:01 UTC */
#define SRS_DAY 86400000LL

static const char *srs_there(const char *key, const char *sender, int64_t now)
{
  static struct arena *a;
  str out;

  arena_free(a);
  a = arena_new(0);
  if (!sender) {
    arena_free(a);
    a = NULL;
    return NULL;
  }
  return srs_forward(str_of(key), str_of(sender), STR("example.com"), now, a, &out) < 0 ? NULL
                                                                                        : out.p;
}

/* Of the local part of an address of ours. */
static const char *srs_back(const char *key, const char *address, int64_t now)
{
  static struct arena *a;
  str out, local = str_of(address);

  arena_free(a);
  a = arena_new(0);
  if (!address) {
    arena_free(a);
    a = NULL;
    return NULL;
  }
  local.n = (size_t)str_rchr(local, '@');
  return srs_reverse(str_of(key), local, now, a, &out) < 0 ? NULL : out.p;
}

/* Made with another HMAC. */
TEST(srs_known_vector)
{
  CHECK_STR(srs_there("tops3cr3t", "test@otherdomain.com", SRS_NOW),
            "SRS0=tdjkv7uH=2W=otherdomain.com=test@example.com");
  CHECK_STR(srs_back("tops3cr3t", "SRS0=tdjkv7uH=2W=otherdomain.com=test@example.com", SRS_NOW),
            "test@otherdomain.com");
}

TEST(srs_there_and_back)
{
  static const char *const senders[] = {"a@b.example", "a=b+c-d@x-y.example", "A.B@C.Example",
                                        "=@b.example", "SRS2=x@b.example",    "srs0@b.example"};

  for (size_t i = 0; i < BASE_COUNT(senders); i++) {
    const char *there = srs_there("key", senders[i], SRS_NOW);

    if (!CHECK(there != NULL)) continue;
    CHECK_STR(srs_back("key", there, SRS_NOW), senders[i]);
    CHECK(srs_back("other", there, SRS_NOW) == NULL);
    CHECK(srs_back("key", there, SRS_NOW + 21 * SRS_DAY) != NULL);
    CHECK(srs_back("key", there, SRS_NOW + 22 * SRS_DAY) == NULL);
    CHECK(srs_back("key", there, SRS_NOW - SRS_DAY) == NULL);
  }
}

/* Of an address that another server rewrote only that server can take the sender out again. */
TEST(srs_one_after_the_other)
{
  const char *one = srs_there("key", "SRS0=aaaa=2W=far.example=alice@other.example", SRS_NOW);

  if (!CHECK(one != NULL)) return;
  CHECK(str_starts(str_of(one), STR("SRS1=")));
  CHECK(str_ends(str_of(one), STR("=other.example==aaaa=2W=far.example=alice@example.com")));
  CHECK_STR(srs_back("key", one, SRS_NOW + 100 * SRS_DAY),
            "SRS0=aaaa=2W=far.example=alice@other.example");
  CHECK(srs_back("other", one, SRS_NOW) == NULL);
  /* A third one names the first again, not the second. */
  const char *two =
      srs_there("key", "SRS1=bbbb=other.example==aaaa=2W=far.example=alice@mid.example", SRS_NOW);
  CHECK_STR(srs_back("key", two, SRS_NOW), "SRS0=aaaa=2W=far.example=alice@other.example");
}

TEST(srs_survives_letters_of_other_size)
{
  CHECK_STR(srs_back("tops3cr3t", "srs0=TDJKV7Uh=2w=OtherDomain.com=Test@example.com", SRS_NOW),
            "Test@OtherDomain.com");
  CHECK_STR(srs_back("tops3cr3t", "SRS0+tdjkv7uH=2W=otherdomain.com=test@example.com", SRS_NOW),
            "test@otherdomain.com");
}

/* Who was given a hash cannot move letters between its parts. */
TEST(srs_borders_are_signed)
{
  const char *one = srs_there("key", "ann@far.exam", SRS_NOW);
  char moved[128] = "";

  if (!CHECK(one != NULL)) return;
  snprintf(moved, sizeof moved, "%.16s=far.exama=nn@example.com", one);
  CHECK(srs_back("key", one, SRS_NOW) != NULL);
  CHECK(srs_back("key", moved, SRS_NOW) == NULL);
}

TEST(srs_refuses)
{
  static const char *const bad[] = {
      "test@example.com",
      "SRS0@example.com",
      "SRS0=@example.com",
      "SRS0=tdjkv7uH@example.com",
      "SRS0=tdjkv7uH=2W@example.com",
      "SRS0=tdjkv7uH=2W=otherdomain.com@example.com",
      "SRS0=tdjk=2W=otherdomain.com=test@example.com", /* a part of the hash is not enough */
      "SRS0==2W=otherdomain.com=test@example.com",
      "SRS0=tdjkv7ub=2W=otherdomain.com=test@example.com",
      "SRS0=tdjkv7uH=2X=otherdomain.com=test@example.com",
      "SRS0=tdjkv7uH=2W=otherdomain.com=best@example.com",
      "SRS1=tdjkv7uH=otherdomain.com=test@example.com",
  };

  for (size_t i = 0; i < BASE_COUNT(bad); i++)
    CHECK(srs_back("tops3cr3t", bad[i], SRS_NOW) == NULL);
  CHECK(srs_there("key", "nobody", SRS_NOW) == NULL);
  CHECK(srs_there("key", "\"a b\"@c.example", SRS_NOW) == NULL);
  CHECK(srs_there("key", "a@[192.0.2.1]", SRS_NOW) == NULL);
  srs_there("", NULL, 0);
  srs_back("", NULL, 0);
}
#undef SRS_NOW
#undef SRS_DAY
