/* smtp/session/ban.c: addresses that guess passwords. */
#include "session.h"

struct ban_entry {
  struct ban_key key;
  unsigned failures; /* 0: free */
  int64_t at;        /* clock_mono of the last one */
};
struct ban {
  struct ban_entry list[LIMIT_AUTH_ADDRESSES];
};

struct ban_key ban_key_of(const struct netaddr *a)
{
  struct ban_key k = {{0}};
  if (a->len && a->sa.sa_family == AF_INET6) {
    memcpy(k.octets, &a->in6.sin6_addr, 8);
  } else if (a->len && a->sa.sa_family == AF_INET) {
    k.octets[10] = k.octets[11] = 0xff;
    memcpy(k.octets + 12, &a->in4.sin_addr, 4);
  }
  return k;
}

struct ban *ban_new(void)
{
  return mem_alloc(sizeof(struct ban));
}

void ban_free(struct ban *b)
{
  mem_free(b);
}

static bool ban_is(const struct ban_entry *e, const struct ban_key *who)
{
  return e->failures && memcmp(&e->key, who, sizeof *who) == 0;
}

static bool ban_is_old(const struct ban_entry *e)
{
  return clock_mono() - e->at > LIMIT_AUTH_FORGET;
}

/* A mail program on this machine speaks for many: it is slowed, never shut out. */
static bool ban_is_ourself(const struct ban_key *who)
{
  static const struct ban_key local = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1}};
  return memcmp(who, &local, sizeof local) == 0;
}

bool ban_holds(const struct ban *b, struct ban_key who)
{
  for (size_t i = 0; i < LIMIT_AUTH_ADDRESSES; i++) {
    const struct ban_entry *e = &b->list[i];
    if (ban_is(e, &who))
      return e->failures >= LIMIT_AUTH_FAILURES && clock_mono() - e->at < LIMIT_AUTH_BAN &&
             !ban_is_ourself(&who);
  }
  return false;
}

/* Its entry; else a free one, or that of the address that failed longest ago. */
static struct ban_entry *ban_entry_of(struct ban *b, const struct ban_key *who)
{
  struct ban_entry *best = &b->list[0];
  for (size_t i = 0; i < LIMIT_AUTH_ADDRESSES; i++) {
    struct ban_entry *e = &b->list[i];
    if (ban_is(e, who)) return e;
    if (best->failures && (!e->failures || e->at < best->at)) best = e;
  }
  *best = (struct ban_entry){.key = *who};
  return best;
}

int64_t ban_failed(struct ban *b, struct ban_key who)
{
  struct ban_entry *e = ban_entry_of(b, &who);
  int64_t late = LIMIT_AUTH_LATE;
  if (ban_is_old(e)) e->failures = 0;
  for (unsigned i = 0; i < e->failures && late < LIMIT_AUTH_LATEST; i++) late *= 2;
  if (e->failures < LIMIT_AUTH_FAILURES) e->failures++;
  e->at = clock_mono();
  return late < LIMIT_AUTH_LATEST ? late : LIMIT_AUTH_LATEST;
}

void ban_forgive(struct ban *b, struct ban_key who)
{
  for (size_t i = 0; i < LIMIT_AUTH_ADDRESSES; i++)
    if (ban_is(&b->list[i], &who)) b->list[i].failures = 0;
}
