/* net/dns_answer.c: a message of a name server, read (RFC 1035 §4.1).
 *
 * Every octet is a stranger's. One cursor walks the message; whatever does not fit makes the whole
 * answer DNS_TEMP. Names are text by then (dns_name.c), whose escapes ("\.") keep them unambiguous.
 */
#include "dns_answer.h"
#include "dns_name.h"

#define DNS_ANSWER_TTL 86400 /* seconds; longer ones are cut (RFC 8767 §4 allows it) */
#define DNS_ANSWER_SOA 6

struct dns_answer_cursor {
  str all;
  size_t at;
  bool bad;
};

struct dns_answer_rr {
  str owner;
  uint16_t type;
  uint32_t ttl;
  size_t data, length; /* where its data is */
};

static unsigned dns_answer_u16(struct dns_answer_cursor *c)
{
  if (c->at + 2 > c->all.n) {
    c->bad = true;
    return 0;
  }
  const unsigned char *p = (const unsigned char *)c->all.p + c->at;
  c->at += 2;
  return (unsigned)p[0] << 8 | p[1];
}

/* A name at the cursor, in presentation form without final dot. */
static str dns_answer_name(struct dns_answer_cursor *c, struct arena *a)
{
  char text[DNS_NAME_MAX + 1];
  size_t used = 0;
  int n = c->bad ? -1 : dns_name_read(c->all, c->at, text, &used);
  str name = n < 0 ? (str){NULL, 0} : arena_str(a, (str){text, (size_t)n});

  c->at += used;
  c->bad = c->bad || !name.p;
  return name;
}

static bool dns_answer_next_rr(struct dns_answer_cursor *c, struct arena *a,
                               struct dns_answer_rr *rr)
{
  rr->owner = dns_answer_name(c, a);
  rr->type = (uint16_t)dns_answer_u16(c);
  dns_answer_u16(c); /* class: IN was asked for */
  rr->ttl = dns_answer_u16(c) << 16;
  rr->ttl |= dns_answer_u16(c);
  rr->length = dns_answer_u16(c);
  rr->data = c->at;
  c->at += rr->length;
  if (c->at > c->all.n) c->bad = true;
  if (rr->ttl > DNS_ANSWER_TTL) rr->ttl = rr->ttl & 0x80000000u ? 0 : DNS_ANSWER_TTL;
  return !c->bad;
}

/* §3.3.14: the character strings of one TXT record, joined. */
static str dns_answer_text(const struct dns_answer_cursor *c, const struct dns_answer_rr *rr,
                           struct arena *a, bool *bad)
{
  char *to = arena_alloc(a, rr->length + 1);
  size_t n = 0, at = rr->data, end = rr->data + rr->length;

  while (to && at < end) {
    size_t piece = (unsigned char)c->all.p[at++];

    if (at + piece > end) {
      *bad = true;
      break;
    }
    memcpy(to + n, c->all.p + at, piece);
    n += piece;
    at += piece;
  }
  if (!to) *bad = true;
  return (str){to, n};
}

static bool dns_answer_data(const struct dns_answer_cursor *c, const struct dns_answer_rr *rr,
                            struct arena *a, struct dns_record *out)
{
  struct dns_answer_cursor data = {c->all, rr->data, false};
  size_t want = rr->type == DNS_A ? 4 : 16;

  switch (rr->type) {
  case DNS_A:
  case DNS_AAAA:
    if (rr->length != want) return false;
    memcpy(out->ip, c->all.p + rr->data, want);
    return true;
  case DNS_TXT: out->text = dns_answer_text(c, rr, a, &data.bad); return !data.bad;
  case DNS_MX: out->preference = (uint16_t)dns_answer_u16(&data);
  /* fall through */
  case DNS_PTR:
  case DNS_CNAME: out->name = dns_answer_name(&data, a); break;
  default: return false;
  }
  return !data.bad && data.at == rr->data + rr->length;
}

struct dns_answer_lists {
  struct dns_answer_rr *rr; /* of the answer section */
  size_t n;
  int64_t negative; /* TTL of a negative answer, from the SOA; -1: none */
};

/* Takes the answer section apart, and finds the SOA of the next for negative answers. */
static void dns_answer_sections(struct dns_answer_cursor *c, unsigned answers, unsigned authority,
                                struct arena *a, struct dns_answer_lists *out)
{
  out->rr = arena_alloc(a, (answers + 1) * sizeof *out->rr);
  out->negative = -1;
  if (!out->rr) c->bad = true;
  while (out->n < answers && !c->bad)
    if (dns_answer_next_rr(c, a, &out->rr[out->n])) out->n++;
  while (authority-- > 0 && !c->bad) {
    struct dns_answer_rr rr;

    if (!dns_answer_next_rr(c, a, &rr) || rr.type != DNS_ANSWER_SOA || rr.length < 20) continue;
    struct dns_answer_cursor last = {c->all, rr.data + rr.length - 4, false};
    int64_t minimum = (int64_t)dns_answer_u16(&last) << 16;
    minimum |= dns_answer_u16(&last); /* RFC 2308 §5: the smaller of MINIMUM and the SOA's TTL */
    out->negative = minimum < rr.ttl ? minimum : rr.ttl;
  }
}

/* Follows the CNAMEs of the message from name; -1: a circle. */
static int dns_answer_chain(const struct dns_answer_cursor *c, const struct dns_answer_lists *l,
                            struct arena *a, str *name, int64_t *ttl)
{
  for (int links = 0; links <= LIMIT_DNS_CHAIN; links++) {
    size_t i = 0;
    struct dns_record target = {.preference = 0};

    while (i < l->n && !(l->rr[i].type == DNS_CNAME && str_ieq(l->rr[i].owner, *name))) i++;
    if (i == l->n) return 0;
    if (!dns_answer_data(c, &l->rr[i], a, &target)) return -1;
    *name = target.name;
    if (l->rr[i].ttl < *ttl) *ttl = l->rr[i].ttl;
  }
  return -1;
}

static void dns_answer_collect(const struct dns_answer_cursor *c, const struct dns_answer_lists *l,
                               str name, struct arena *a, struct dns_answer *out)
{
  struct dns_record *records = arena_alloc(a, (l->n + 1) * sizeof *records);

  for (size_t i = 0; records && i < l->n && out->n < LIMIT_DNS_RECORDS; i++) {
    const struct dns_answer_rr *rr = &l->rr[i];

    if (rr->type != out->type || !str_ieq(rr->owner, name)) continue;
    if (!dns_answer_data(c, rr, a, &records[out->n])) {
      out->status = DNS_TEMP;
      return;
    }
    out->n++;
    if (rr->ttl < out->ttl) out->ttl = rr->ttl;
  }
  out->records = records;
  out->status = !records ? DNS_TEMP : out->n ? DNS_OK : DNS_NODATA;
}

void dns_answer_read(str message, enum dns_type type, struct arena *a, struct dns_answer *out,
                     str *next)
{
  struct dns_answer_cursor c = {message, 2, false};
  struct dns_answer_lists lists = {.n = 0};
  unsigned flags = dns_answer_u16(&c), questions = dns_answer_u16(&c);
  unsigned answers = dns_answer_u16(&c), authority = dns_answer_u16(&c);
  str asked, name;

  *out = (struct dns_answer){.status = DNS_TEMP, .type = type, .ttl = DNS_ANSWER_TTL};
  *next = (str){NULL, 0};
  c.at += 2; /* number of additional records */
  asked = name = dns_answer_name(&c, a);
  c.at += 4; /* type and class of the question */
  if (c.bad || questions != 1 || ((flags & 0xf) != 0 && (flags & 0xf) != 3)) return;
  dns_answer_sections(&c, answers, authority, a, &lists);
  if (c.bad || dns_answer_chain(&c, &lists, a, &name, &out->ttl) < 0) return;
  dns_answer_collect(&c, &lists, name, a, out);
  if (out->status != DNS_NODATA) return;
  if ((flags & 0xf) == 3)
    out->status = DNS_NXDOMAIN;
  else if (!str_ieq(name, asked) && lists.negative < 0)
    *next = name;
  out->ttl = lists.negative < 0 ? 0 : lists.negative < out->ttl ? lists.negative : out->ttl;
}
#undef DNS_ANSWER_TTL
#undef DNS_ANSWER_SOA
