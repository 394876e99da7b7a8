/* tests/fuzz/spf.c: records and explanations of strangers, alone and through whole evaluations.
 *
 * The input: an octet that steers, the sender up to the first LF, then one TXT record a line. The
 * name servers below, which stand in for net/dns.c, answer the Nth question for TXT with a line,
 * and other questions by what their name hashes to.
 */
#include "../../smtp/sender/sender.h"
#include "../../smtp/sender/spf_macro.h"
#include "../../smtp/sender/spf_record.h"

#define SPF_FUZZ_RECORDS 32
#define SPF_FUZZ_ASKED   600 /* more questions than an evaluation can have */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- name servers ---------------------------------------------------------------------------- */

struct dns {
  struct loop *loop;
  str lines[SPF_FUZZ_RECORDS];
  size_t line_count;
  unsigned seed, asked;
};

struct dns_query {
  struct task task;
  struct dns *dns;
  enum dns_type type;
  uint64_t hash;
  str name;
  dns_fn *fn;
  void *arg;
};

static size_t spf_fuzz_text(struct dns_query *q, struct dns_record *out)
{
  struct dns *d = q->dns;

  if (d->line_count == 0) return 0;
  out[0].text = d->lines[q->hash % d->line_count];
  out[1].text = STR("some other text");
  return 1 + (q->hash >> 9) % 2;
}

static size_t spf_fuzz_address(struct dns_query *q, struct dns_record *out)
{
  static const uint8_t client[16] = {192, 0, 2, 1};
  size_t n = q->hash % 4;

  for (size_t i = 0; i < n; i++) {
    memcpy(out[i].ip, client, sizeof client);
    out[i].ip[3] = (uint8_t)(q->hash >> (8 * i));
  }
  return n;
}

static size_t spf_fuzz_hosts(struct dns_query *q, struct dns_record *out)
{
  size_t n = q->hash % 13;

  for (size_t i = 0; i < n; i++) out[i].name = i % 3 ? STR("h.example.org") : q->name;
  return n;
}

static void spf_fuzz_answer(struct task *t, void *arg)
{
  struct dns_query *q = arg;
  struct dns_record records[16] = {{.preference = 1}};
  struct dns_answer a = {.type = q->type, .records = records, .ttl = 1};
  dns_fn *fn = q->fn;
  void *to = q->arg;

  (void)t;
  a.n = q->type == DNS_TXT                        ? spf_fuzz_text(q, records)
        : q->type == DNS_A || q->type == DNS_AAAA ? spf_fuzz_address(q, records)
                                                  : spf_fuzz_hosts(q, records);
  a.status = a.n ? DNS_OK : q->hash & 64 ? DNS_TEMP : q->hash & 128 ? DNS_NODATA : DNS_NXDOMAIN;
  fn(to, &a);
  free((char *)q->name.p);
  free(q);
}

struct dns_query *dns_ask(struct dns *d, str name, enum dns_type type, dns_fn *fn, void *arg)
{
  struct dns_query *q = calloc(1, sizeof *q);
  char *copy = malloc(name.n + 1);

  if (!q || !copy || ++d->asked > SPF_FUZZ_ASKED || name.n == 0 || name.n > 2 * 253) abort();
  memcpy(copy, name.p, name.n);
  *q = (struct dns_query){
      .dns = d, .type = type, .name = {copy, name.n}, .fn = fn, .arg = arg, .hash = d->seed};
  for (size_t i = 0; i < name.n; i++) q->hash = q->hash * 31 + (unsigned char)name.p[i];
  q->hash = (q->hash * 2654435761u + type) >> 7;
  q->task = (struct task){.run = spf_fuzz_answer, .arg = q};
  loop_ready(d->loop, &q->task);
  return q;
}

/* Some answers are at hand. */
const struct dns_answer *dns_known(struct dns *d, str name, enum dns_type type)
{
  static const struct dns_answer nothing = {.status = DNS_NODATA, .type = DNS_MX, .ttl = 1};

  return type == DNS_MX && (name.n + d->seed) % 3 == 0 ? &nothing : NULL;
}

void dns_cancel(struct dns_query *q)
{
  if (!q) return;
  loop_unready(&q->task);
  free((char *)q->name.p);
  free(q);
}

int dns_reverse(str ip, char out[DNS_REVERSE_MAX])
{
  snprintf(out, DNS_REVERSE_MAX, "%.*s.arpa", (int)(ip.n < 60 ? ip.n : 60), ip.p);
  return 0;
}

/* ---- one input ------------------------------------------------------------------------------- */

/* What the check let pass is read again without complaint, and expands into something. */
static void spf_fuzz_record(str text)
{
  const struct spf_macro_facts facts = {.sender = STR("a@b.example"),
                                        .local = STR("a"),
                                        .sender_domain = STR("b.example"),
                                        .domain = STR("c.d.e")};
  struct buf out = BUF_INIT(1 << 20);
  struct spf_record r;
  struct spf_term t;
  struct err e = {.kind = ERR_NONE};

  if (spf_macro_string_ok(text, SPF_MACRO_LETTERS_EXP, true)) spf_macro_expand(text, &facts, &out);
  if (!spf_record_is(text) || spf_record_parse(text, &r, &e) < 0) {
    buf_free(&out);
    return;
  }
  while (spf_record_next(&r, &t)) {
    if (t.cidr4 < 0 || t.cidr4 > 32 || t.cidr6 < 0 || t.cidr6 > 128) abort();
    if (t.domain.n && !spf_macro_domain_ok(t.domain)) abort();
    spf_macro_expand(t.domain, &facts, &out);
  }
  if (r.at != text.n) abort(); /* stopped at a term the check had let pass */
  buf_free(&out);
}

static void spf_fuzz_done(void *arg, const struct spf_result *r)
{
  if (r->word.n == 0) abort();
  for (size_t i = 0; i < r->explanation.n; i++)
    if (r->explanation.p[i] == '\0') abort();
  *(bool *)arg = true;
}

static void spf_fuzz_evaluate(struct dns *d, uint8_t steer, str sender)
{
  const struct spf_request rq = {.ip = steer & 1 ? STR("2001:db8::1") : STR("192.0.2.1"),
                                 .helo = STR("h.example"),
                                 .sender = sender,
                                 .receiver = STR("r")};
  struct err e;
  bool done = false;
  struct spf *s = spf_start(d->loop, d, &rq, spf_fuzz_done, &done, &e);

  if (!s) return;
  for (int turn = 0; !done; turn++) {
    if (turn > 100000 || loop_turn(d->loop, 0, &e) < 0) abort();
    if ((steer & 2) && turn == steer >> 3 && !done) {
      spf_cancel(s);
      break;
    }
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  static struct loop *loop;
  struct dns d = {.seed = size ? data[0] : 0};
  struct err e;
  str rest = {(const char *)data, size}, sender = {NULL, 0}, line;

  if (!loop) loop = loop_new(&e);
  if (!loop || size == 0) return 0;
  d.loop = loop;
  rest = str_skip(rest, 1);
  str_cut(&rest, '\n', &sender);
  while (d.line_count < SPF_FUZZ_RECORDS && str_cut(&rest, '\n', &line)) {
    spf_fuzz_record(line);
    d.lines[d.line_count++] = line;
  }
  spf_fuzz_evaluate(&d, data[0], sender);
  return 0;
}
