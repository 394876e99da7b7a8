/* smtp/sender/spf_library.c: a single term of an SPF record, judged by libspf2.
 *
 * No octet of a stranger reaches that library's parser: the name in a term is always the token
 * "t.t", host names found on the way are "h0.t.t", "h1.t.t", …, and the DNS layer we give it puts
 * the real names in. An answer nobody has yet ends the attempt, which is made again when it is
 * there.
 */
#include "spf_int.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <netdb.h>
#include <spf2/spf.h>

#define SPF_TOKEN "t.t"

struct spf_library {
  SPF_server_t *server;
  SPF_dns_server_t layer;
};

/* libspf2's own resolver is not wanted: defining this keeps it out of a static program. */
SPF_dns_server_t *SPF_dns_resolv_new(SPF_dns_server_t *layer_below, const char *name, int debug);

SPF_dns_server_t *SPF_dns_resolv_new(SPF_dns_server_t *layer_below, const char *name, int debug)
{
  (void)layer_below;
  (void)name;
  (void)debug;
  return NULL;
}

static SPF_dns_rr_t *spf_rr_new(struct spf *s, const char *domain, ns_type type, int status)
{
  return SPF_dns_rr_new_init(&s->library->layer, domain, type, 0, status);
}

/* Adds one record, data of n octets; host names are those of `hosts`. */
static bool spf_rr_add(SPF_dns_rr_t *rr, const void *data, size_t n)
{
  if (SPF_dns_rr_buf_realloc(rr, rr->num_rr, n) != SPF_E_SUCCESS) return false;
  memcpy(rr->rr[rr->num_rr++], data, n);
  return true;
}

/* Host names are handed on as tokens. Of a ptr's only those in the wanted domain: no other can
 * match (§5.5), so none of them is asked for. */
static void spf_rr_hosts(struct spf *s, SPF_dns_rr_t *rr, const struct spf_known *k)
{
  char host[32];

  s->hosts = k;
  for (size_t i = 0; i < k->n && i < LIMIT_SPF_NAMES; i++) {
    str name = k->records[i].name;

    if (k->type == DNS_PTR && !str_ieq(name, s->name) && !spf_name_within(name, s->name)) continue;
    snprintf(host, sizeof host, "h%zu." SPF_TOKEN, i);
    if (!spf_rr_add(rr, host, strlen(host) + 1)) s->failed = true;
  }
}

static void spf_rr_addresses(struct spf *s, SPF_dns_rr_t *rr, const struct spf_known *k)
{
  for (size_t i = 0; i < k->n; i++) {
    const void *ip = s->any ? s->facts.ip : k->records[i].ip;

    if (!spf_rr_add(rr, ip, k->type == DNS_A ? 4 : 16)) s->failed = true;
  }
}

/* What libspf2's question is about. NULL: nobody knows yet. */
static const struct spf_known *spf_layer_find(struct spf *s, const char *domain, enum dns_type type)
{
  uint64_t i;

  if (type == DNS_PTR) return spf_lookup_reverse(s);
  if (strcmp(domain, SPF_TOKEN) == 0) return spf_lookup(s, s->name, type);
  if (s->hosts && domain[0] == 'h' &&
      str_to_u64((str){domain + 1, strcspn(domain + 1, ".")}, &i, 10) == 0 && i < s->hosts->n)
    return spf_lookup(s, s->hosts->records[i].name, type);
  return &spf_no_such_name;
}

/* libspf2 asks. The first answer that is not there ends the attempt: whatever else it asks then is
 * answered "try again" too. Within a ptr a name server's failure is no answer (§5.5). */
static SPF_dns_rr_t *spf_layer_lookup(SPF_dns_server_t *layer, const char *domain, ns_type type,
                                      int should_cache)
{
  struct spf *s = layer->hook;
  const struct spf_known *k = s->missing ? NULL : spf_layer_find(s, domain, (enum dns_type)type);
  bool ptr = s->frames[s->depth - 1].term.kind == SPF_RECORD_PTR;
  SPF_dns_rr_t *rr;

  (void)should_cache;
  s->missing = !k;
  if (!k || (k->status == DNS_TEMP && !ptr)) return spf_rr_new(s, domain, type, TRY_AGAIN);
  rr = spf_rr_new(s, domain, type, k->n ? NETDB_SUCCESS : HOST_NOT_FOUND);
  if (!rr || k->n == 0) return rr;
  if (k->type == DNS_A || k->type == DNS_AAAA)
    spf_rr_addresses(s, rr, k);
  else
    spf_rr_hosts(s, rr, k);
  return rr;
}

/* The term as libspf2 is told it. A prefix length of 0 means none to it, so that is left out, and
 * every address is the client's then. */
static void spf_term_text(struct spf *s, const struct spf_term *t, char out[128])
{
  static const char *const names[] = {
      /* ORDER SPF_RECORD */
      "",     "",     "a:" SPF_TOKEN,     "mx:" SPF_TOKEN, "ptr:" SPF_TOKEN,
      "ip4:", "ip6:", "exists:" SPF_TOKEN};
  bool v6 = s->facts.v6, network = t->kind == SPF_RECORD_IP4 || t->kind == SPF_RECORD_IP6;
  bool sized = network || t->kind == SPF_RECORD_A || t->kind == SPF_RECORD_MX;
  int bits = v6 ? t->cidr6 : t->cidr4;
  char ip[INET6_ADDRSTRLEN] = "", length[16] = "";

  s->any = sized && bits == 0;
  if (network) inet_ntop(v6 ? AF_INET6 : AF_INET, t->ip, ip, sizeof ip);
  if (sized && bits > 0 && bits < (v6 ? 128 : 32))
    snprintf(length, sizeof length, "%s%d", v6 && !network ? "//" : "/", bits);
  snprintf(out, 128, "v=spf1 %s%s%s", names[t->kind], ip, length);
}

static SPF_request_t *spf_library_request(struct spf *s)
{
  SPF_request_t *rq = SPF_request_new(s->library->server);
  struct in6_addr v6;
  struct in_addr v4;

  if (!rq) return NULL;
  memcpy(&v6, s->facts.ip, sizeof v6);
  memcpy(&v4, s->facts.ip, sizeof v4);
  if (s->facts.v6)
    SPF_request_set_ipv6(rq, v6);
  else
    SPF_request_set_ipv4(rq, v4);
  rq->cur_dom = SPF_TOKEN;
  return rq;
}

enum spf_word spf_library_judge(struct spf *s, const struct spf_term *t)
{
  SPF_request_t *rq = spf_library_request(s);
  SPF_response_t *rs = rq ? SPF_response_new(rq) : NULL;
  SPF_record_t *record = NULL;
  enum spf_word word = SPF_WORD_PERMERROR;
  char text[128];

  s->missing = false;
  s->hosts = NULL;
  spf_term_text(s, t, text);
  if (!rs)
    s->failed = true;
  else if (SPF_record_compile(s->library->server, rs, &record, text) == SPF_E_SUCCESS && record) {
    rs->spf_record_exp = record;
    SPF_record_interpret(record, rq, rs, 0);
    switch (SPF_response_result(rs)) {
    case SPF_RESULT_PASS: word = SPF_WORD_PASS; break;
    case SPF_RESULT_NEUTRAL: word = SPF_WORD_NEUTRAL; break;
    case SPF_RESULT_TEMPERROR: word = SPF_WORD_TEMPERROR; break;
    default: break;
    }
  }
  if (record) SPF_record_free(record);
  if (rs) SPF_response_free(rs);
  if (rq) SPF_request_free(rq);
  return word;
}

int spf_library_open(struct spf *s)
{
  struct spf_library *l = s->library = mem_alloc(sizeof *l);

  if (!l) return -1;
  l->layer = (SPF_dns_server_t){.lookup = spf_layer_lookup, .name = "vsmtp", .hook = s};
  l->server = SPF_server_new_dns(&l->layer, 0);
  return l->server ? 0 : -1;
}

void spf_library_close(struct spf *s)
{
  if (s->library && s->library->server) SPF_server_free(s->library->server);
  mem_free(s->library);
}

const char *spf_library_version(void)
{
  static char text[32];
  int major, minor, patch;

  SPF_get_lib_version(&major, &minor, &patch);
  snprintf(text, sizeof text, "%d.%d.%d", major, minor, patch);
  return text;
}
#undef SPF_TOKEN
