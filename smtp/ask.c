/* smtp/ask.c: what rules ask that takes time: SPF, names of the DNS, services. */
#include "ask.h"

#include <arpa/inet.h>
#include <unistd.h>

#include "outside.h"
#include "spf.h"

#define ASK_NAMES  10  /* of an IP that are tried: as many as an SPF ptr tries */
#define ASK_TEXT   256 /* octets of a mechanism worth noting */
#define ASK_MEMORY (LIMIT_CHUNK * 4)

struct ask {
  struct dns *dns;
  ask_fn *fn;
  void *arg;
  struct spf *spf;
  struct dns_query *query;
  struct outside_call *outside;
  struct arena *arena; /* owns what is below */
  str ip;              /* reverse: in the form addresses are written in here */
  str *names;          /* reverse: candidates */
  size_t name_count, name_at;
  bool temporary; /* reverse: a candidate could not be checked */
};

static const struct {
  const char *word;
  enum dns_type type;
} ask_types[] = {
    {"A", DNS_A}, {"AAAA", DNS_AAAA}, {"MX", DNS_MX}, {"PTR", DNS_PTR}, {"TXT", DNS_TXT}};

static void ask_free(struct ask *a)
{
  spf_cancel(a->spf);
  dns_cancel(a->query);
  outside_cancel(a->outside);
  arena_free(a->arena);
  mem_free(a);
}

static void ask_finish(struct ask *a, const struct rules_answer *answer)
{
  static const struct err no_memory = {ERR_NOMEM, "out of memory"};

  a->fn(a->arg, answer, answer ? NULL : &no_memory);
  ask_free(a);
}

/* ---- SPF ------------------------------------------------------------------------------------- */

static void ask_spf_done(void *arg, const struct spf_result *r)
{
  struct ask *a = arg;
  const struct rules_answer answer = {.result = r->word,
                                      .mechanism = str_sub(r->mechanism, 0, ASK_TEXT),
                                      .problem = r->problem,
                                      .explanation = r->explanation};

  a->spf = NULL;
  ask_finish(a, &answer);
}

static bool ask_spf(struct ask *a, struct loop *l, const struct mail *m, str identity,
                    struct err *e)
{
  char receiver[256] = "";
  struct spf_request rq = {.ip = m->facts.client_ip, .helo = m->facts.helo};

  gethostname(receiver, sizeof receiver - 1);
  rq.receiver = str_of(receiver);
  if (str_eq(identity, STR("mail_from"))) rq.sender = m->facts.mail_from;
  a->spf = spf_start(l, a->dns, &rq, ask_spf_done, a, e);
  return a->spf != NULL;
}

/* ---- records of a name ----------------------------------------------------------------------- */

static str ask_text(struct ask *a, const struct dns_answer *r, size_t i)
{
  char ip[INET6_ADDRSTRLEN];
  const struct dns_record *record = &r->records[i];
  str name = record->name.n ? record->name : STR(".");

  switch (r->type) {
  case DNS_A: return arena_str(a->arena, str_of(inet_ntop(AF_INET, record->ip, ip, sizeof ip)));
  case DNS_AAAA: return arena_str(a->arena, str_of(inet_ntop(AF_INET6, record->ip, ip, sizeof ip)));
  case DNS_MX: return arena_printf(a->arena, "%d " STR_FMT, record->preference, STR_ARG(name));
  case DNS_TXT: return arena_str(a->arena, record->text);
  case DNS_PTR:
  case DNS_CNAME: break;
  }
  return arena_str(a->arena, name);
}

/* Best mail server first; the others as they came. */
static void ask_order(const struct dns_answer *r, str *list)
{
  if (r->type != DNS_MX) return;
  for (size_t i = 1; i < r->n; i++) {
    for (size_t j = i; j > 0; j--) {
      str swap = list[j];

      if (strtoul(list[j - 1].p, NULL, 10) <= strtoul(list[j].p, NULL, 10)) break;
      list[j] = list[j - 1];
      list[j - 1] = swap;
    }
  }
}

static str ask_word(enum dns_status s)
{
  return s == DNS_OK ? STR("found") : s == DNS_TEMP ? STR("temperror") : STR("none");
}

static void ask_records_done(void *arg, const struct dns_answer *r)
{
  struct ask *a = arg;
  struct rules_answer answer = {.result = ask_word(r->status), .n = r->n};
  str *list = arena_alloc(a->arena, (r->n + 1) * sizeof *list);

  a->query = NULL;
  for (size_t i = 0; list && i < r->n; i++) list[i] = ask_text(a, r, i);
  if (arena_full(a->arena)) {
    ask_finish(a, NULL);
    return;
  }
  ask_order(r, list);
  answer.list = list;
  ask_finish(a, &answer);
}

static bool ask_records(struct ask *a, const struct rules_question *q, struct err *e)
{
  for (size_t i = 0; i < BASE_COUNT(ask_types); i++) {
    if (!str_eq(q->type, str_of(ask_types[i].word))) continue;
    a->query = dns_ask(a->dns, q->name, ask_types[i].type, ask_records_done, a);
    return a->query ? true : err_nomem(e) == 0;
  }
  return err_set(e, ERR_BUG, "no type of record") == 0;
}

/* ---- the name of an IP ----------------------------------------------------------------------- */

static enum dns_type ask_family(const struct ask *a)
{
  return str_chr(a->ip, ':') >= 0 ? DNS_AAAA : DNS_A;
}

static void ask_next_name(struct ask *a);

/* The addresses of a candidate. */
static void ask_confirm(void *arg, const struct dns_answer *r)
{
  struct ask *a = arg;
  struct rules_answer answer = {.result = STR("found"), .list = &a->names[a->name_at], .n = 1};

  a->query = NULL;
  if (r->status == DNS_TEMP) a->temporary = true;
  for (size_t i = 0; i < r->n; i++) {
    char ip[INET6_ADDRSTRLEN];
    int family = r->type == DNS_A ? AF_INET : AF_INET6;

    if (!str_eq(str_of(inet_ntop(family, r->records[i].ip, ip, sizeof ip)), a->ip)) continue;
    ask_finish(a, &answer);
    return;
  }
  a->name_at++;
  ask_next_name(a);
}

static void ask_next_name(struct ask *a)
{
  struct rules_answer answer = {.result = a->temporary ? STR("temperror") : STR("none")};

  if (a->name_at == a->name_count) {
    ask_finish(a, &answer);
    return;
  }
  a->query = dns_ask(a->dns, a->names[a->name_at], ask_family(a), ask_confirm, a);
  if (!a->query) ask_finish(a, NULL);
}

static void ask_reverse_done(void *arg, const struct dns_answer *r)
{
  struct ask *a = arg;

  a->query = NULL;
  a->temporary = r->status == DNS_TEMP;
  a->name_count = r->n < ASK_NAMES ? r->n : ASK_NAMES;
  a->names = arena_alloc(a->arena, (a->name_count + 1) * sizeof *a->names);
  for (size_t i = 0; a->names && i < a->name_count; i++)
    a->names[i] = arena_str(a->arena, r->records[i].name);
  if (arena_full(a->arena))
    ask_finish(a, NULL);
  else
    ask_next_name(a);
}

static bool ask_reverse(struct ask *a, str ip, struct err *e)
{
  struct netaddr parsed;
  char name[DNS_REVERSE_MAX], text[NETADDR_TEXT_MAX];

  if (netaddr_of_ip(ip, 0, &parsed) < 0 || dns_reverse(ip, name) < 0)
    return err_set(e, ERR_PERM, "'%s' is no IP address", log_q(ip)) == 0;
  a->ip = arena_str(a->arena, str_of(netaddr_ip(&parsed, text)));
  a->query = a->ip.p ? dns_ask(a->dns, str_of(name), DNS_PTR, ask_reverse_done, a) : NULL;
  return a->query ? true : err_nomem(e) == 0;
}

/* ---- services -------------------------------------------------------------------------------- */

static void ask_outside_done(void *arg, const struct rules_answer *answer, const struct err *e)
{
  struct ask *a = arg;

  a->outside = NULL;
  a->fn(a->arg, answer, e);
  ask_free(a);
}

static bool ask_outside(struct ask *a, struct loop *l, struct policy *p, const struct mail *m,
                        const struct rules_question *q, struct err *e)
{
  struct outside *o = policy_outside(p, l, e);

  a->outside = o ? outside_ask(o, m, q, ask_outside_done, a, e) : NULL;
  return a->outside != NULL;
}

/* ---- the door -------------------------------------------------------------------------------- */

static bool ask_begin(struct ask *a, struct loop *l, struct policy *p, const struct mail *m,
                      const struct rules_question *q, struct err *e)
{
  if (q->ask >= RULES_ASK_SCAN) return ask_outside(a, l, p, m, q, e);
  a->dns = policy_dns(p, l, e);
  if (!a->dns) return false;
  if (q->ask == RULES_ASK_SPF) return ask_spf(a, l, m, q->identity, e);
  return q->ask == RULES_ASK_DNS ? ask_records(a, q, e) : ask_reverse(a, q->name, e);
}

struct ask *ask_start(struct loop *l, struct policy *p, const struct mail *m,
                      const struct rules_question *q, ask_fn *fn, void *arg, struct err *e)
{
  struct ask *a = mem_alloc(sizeof *a);

  if (a) *a = (struct ask){.fn = fn, .arg = arg, .arena = arena_new(ASK_MEMORY)};
  if (!a || !a->arena)
    err_nomem(e);
  else if (ask_begin(a, l, p, m, q, e))
    return a;
  if (a) ask_free(a);
  return NULL;
}

void ask_cancel(struct ask *a)
{
  if (a) ask_free(a);
}
#undef ASK_NAMES
#undef ASK_TEXT
#undef ASK_MEMORY
