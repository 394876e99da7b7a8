/* smtp/policy/host_wait.c: what rules ask that takes time: SPF, names of the DNS, services. */
#include "policy.h"

#include <arpa/inet.h>
#include <unistd.h>

#include "services.h"
#include "../sender/sender.h"

#define HOST_WAIT_NAMES  10  /* of an IP that are tried: as many as an SPF ptr tries */
#define HOST_WAIT_TEXT   256 /* octets of a mechanism worth noting */
#define HOST_WAIT_MEMORY (LIMIT_CHUNK * 4)

struct host_wait {
  struct dns *dns;
  host_wait_fn *fn;
  void *arg;
  struct spf *spf;
  struct dns_query *query;
  struct services_call *outside;
  struct arena *arena; /* owns what is below */
  str ip;              /* reverse: in the form addresses are written in here */
  str *names;          /* reverse: candidates */
  size_t name_count, name_at;
  bool temporary; /* reverse: a candidate could not be checked */
};

static const struct {
  const char *word;
  enum dns_type type;
} host_wait_types[] = {
    {"A", DNS_A}, {"AAAA", DNS_AAAA}, {"MX", DNS_MX}, {"PTR", DNS_PTR}, {"TXT", DNS_TXT}};

static void host_wait_free(struct host_wait *a)
{
  spf_cancel(a->spf);
  dns_cancel(a->query);
  services_cancel(a->outside);
  arena_free(a->arena);
  mem_free(a);
}

static void host_wait_finish(struct host_wait *a, const struct rules_answer *answer)
{
  static const struct err no_memory = {ERR_NOMEM, "out of memory"};

  a->fn(a->arg, answer, answer ? NULL : &no_memory);
  host_wait_free(a);
}

/* ---- SPF ------------------------------------------------------------------------------------- */

static void host_wait_spf_done(void *arg, const struct spf_result *r)
{
  struct host_wait *a = arg;
  const struct rules_answer answer = {.result = r->word,
                                      .mechanism = str_sub(r->mechanism, 0, HOST_WAIT_TEXT),
                                      .problem = r->problem,
                                      .explanation = r->explanation};

  a->spf = NULL;
  host_wait_finish(a, &answer);
}

static bool host_wait_spf(struct host_wait *a, struct loop *l, const struct mail *m, str identity,
                          struct err *e)
{
  char receiver[256] = "";
  struct spf_request rq = {.ip = m->facts.client_ip, .helo = m->facts.helo};

  gethostname(receiver, sizeof receiver - 1);
  rq.receiver = str_of(receiver);
  if (str_eq(identity, STR("mail_from"))) rq.sender = m->facts.mail_from;
  a->spf = spf_start(l, a->dns, &rq, host_wait_spf_done, a, e);
  return a->spf != NULL;
}

/* ---- records of a name ----------------------------------------------------------------------- */

static str host_wait_text(struct host_wait *a, const struct dns_answer *r, size_t i)
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
static void host_wait_order(const struct dns_answer *r, str *list)
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

static str host_wait_word(enum dns_status s)
{
  return s == DNS_OK ? STR("found") : s == DNS_TEMP ? STR("temperror") : STR("none");
}

static void host_wait_records_done(void *arg, const struct dns_answer *r)
{
  struct host_wait *a = arg;
  struct rules_answer answer = {.result = host_wait_word(r->status), .n = r->n};
  str *list = arena_alloc(a->arena, (r->n + 1) * sizeof *list);

  a->query = NULL;
  for (size_t i = 0; list && i < r->n; i++) list[i] = host_wait_text(a, r, i);
  if (arena_full(a->arena)) {
    host_wait_finish(a, NULL);
    return;
  }
  host_wait_order(r, list);
  answer.list = list;
  host_wait_finish(a, &answer);
}

static bool host_wait_records(struct host_wait *a, const struct rules_question *q, struct err *e)
{
  for (size_t i = 0; i < BASE_COUNT(host_wait_types); i++) {
    if (!str_eq(q->type, str_of(host_wait_types[i].word))) continue;
    a->query = dns_ask(a->dns, q->name, host_wait_types[i].type, host_wait_records_done, a);
    return a->query ? true : err_nomem(e) == 0;
  }
  return err_set(e, ERR_BUG, "no type of record") == 0;
}

/* ---- the name of an IP ----------------------------------------------------------------------- */

static enum dns_type host_wait_family(const struct host_wait *a)
{
  return str_chr(a->ip, ':') >= 0 ? DNS_AAAA : DNS_A;
}

static void host_wait_next_name(struct host_wait *a);

/* The addresses of a candidate. */
static void host_wait_confirm(void *arg, const struct dns_answer *r)
{
  struct host_wait *a = arg;
  struct rules_answer answer = {.result = STR("found"), .list = &a->names[a->name_at], .n = 1};

  a->query = NULL;
  if (r->status == DNS_TEMP) a->temporary = true;
  for (size_t i = 0; i < r->n; i++) {
    char ip[INET6_ADDRSTRLEN];
    int family = r->type == DNS_A ? AF_INET : AF_INET6;

    if (!str_eq(str_of(inet_ntop(family, r->records[i].ip, ip, sizeof ip)), a->ip)) continue;
    host_wait_finish(a, &answer);
    return;
  }
  a->name_at++;
  host_wait_next_name(a);
}

static void host_wait_next_name(struct host_wait *a)
{
  struct rules_answer answer = {.result = a->temporary ? STR("temperror") : STR("none")};

  if (a->name_at == a->name_count) {
    host_wait_finish(a, &answer);
    return;
  }
  a->query = dns_ask(a->dns, a->names[a->name_at], host_wait_family(a), host_wait_confirm, a);
  if (!a->query) host_wait_finish(a, NULL);
}

static void host_wait_reverse_done(void *arg, const struct dns_answer *r)
{
  struct host_wait *a = arg;

  a->query = NULL;
  a->temporary = r->status == DNS_TEMP;
  a->name_count = r->n < HOST_WAIT_NAMES ? r->n : HOST_WAIT_NAMES;
  a->names = arena_alloc(a->arena, (a->name_count + 1) * sizeof *a->names);
  for (size_t i = 0; a->names && i < a->name_count; i++)
    a->names[i] = arena_str(a->arena, r->records[i].name);
  if (arena_full(a->arena))
    host_wait_finish(a, NULL);
  else
    host_wait_next_name(a);
}

static bool host_wait_reverse(struct host_wait *a, str ip, struct err *e)
{
  struct netaddr parsed;
  char name[DNS_REVERSE_MAX], text[NETADDR_TEXT_MAX];

  if (netaddr_of_ip(ip, 0, &parsed) < 0 || dns_reverse(ip, name) < 0)
    return err_set(e, ERR_PERM, "'%s' is no IP address", log_q(ip)) == 0;
  a->ip = arena_str(a->arena, str_of(netaddr_ip(&parsed, text)));
  a->query = a->ip.p ? dns_ask(a->dns, str_of(name), DNS_PTR, host_wait_reverse_done, a) : NULL;
  return a->query ? true : err_nomem(e) == 0;
}

/* ---- services -------------------------------------------------------------------------------- */

static void host_wait_outside_done(void *arg, const struct rules_answer *answer,
                                   const struct err *e)
{
  struct host_wait *a = arg;

  a->outside = NULL;
  a->fn(a->arg, answer, e);
  host_wait_free(a);
}

static bool host_wait_outside(struct host_wait *a, struct loop *l, struct policy *p,
                              const struct mail *m, const struct rules_question *q, struct err *e)
{
  struct services *o = policy_outside(p, l, e);

  a->outside = o ? services_ask(o, m, q, host_wait_outside_done, a, e) : NULL;
  return a->outside != NULL;
}

/* ---- the door -------------------------------------------------------------------------------- */

static bool host_wait_begin(struct host_wait *a, struct loop *l, struct policy *p,
                            const struct mail *m, const struct rules_question *q, struct err *e)
{
  if (q->ask >= RULES_ASK_SCAN) return host_wait_outside(a, l, p, m, q, e);
  a->dns = policy_dns(p, l, e);
  if (!a->dns) return false;
  if (q->ask == RULES_ASK_SPF) return host_wait_spf(a, l, m, q->identity, e);
  return q->ask == RULES_ASK_DNS ? host_wait_records(a, q, e) : host_wait_reverse(a, q->name, e);
}

struct host_wait *host_wait_start(struct loop *l, struct policy *p, const struct mail *m,
                                  const struct rules_question *q, host_wait_fn *fn, void *arg,
                                  struct err *e)
{
  struct host_wait *a = mem_alloc(sizeof *a);

  if (a) *a = (struct host_wait){.fn = fn, .arg = arg, .arena = arena_new(HOST_WAIT_MEMORY)};
  if (!a || !a->arena)
    err_nomem(e);
  else if (host_wait_begin(a, l, p, m, q, e))
    return a;
  if (a) host_wait_free(a);
  return NULL;
}

void host_wait_cancel(struct host_wait *a)
{
  if (a) host_wait_free(a);
}
#undef HOST_WAIT_NAMES
#undef HOST_WAIT_TEXT
#undef HOST_WAIT_MEMORY
