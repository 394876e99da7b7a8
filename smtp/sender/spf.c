/* smtp/sender/spf.c: may this client send for this domain? An evaluation of RFC 7208.
 *
 * Everything around the single term is here: which record counts, its grammar, the stack of
 * includes, the counters over the whole evaluation, macros, the explanation. Each a, mx, ptr,
 * exists, ip4 and ip6 term goes to spf_library.c alone.
 *
 * An evaluation is a stack of frames, worked on step by step. A step that needs an answer nobody
 * has yet asks for it, ends, and is done again from its beginning when the answer is there: what is
 * known is kept until the term is finished. So nothing waits, and a step never has to be resumed
 * half way.
 */
#include "spf_int.h"

#include <arpa/inet.h>

#define SPF_SLICE    64  /* steps before others get their turn */
#define SPF_NAME_MAX 253 /* octets of a domain name, RFC 7208 §7.3 */

/* ORDER SPF_WORD */
static const char *const spf_words[] = {"none",     "neutral",   "pass",     "fail",
                                        "softfail", "temperror", "permerror"};

/* What a step came to. */
enum spf_step { SPF_STEP_ON, SPF_STEP_WAIT, SPF_STEP_DONE };

/* ---- names ----------------------------------------------------------------------------------- */

/* Without final dot, and cut from the left to a length that can be asked for (§7.3). */
static str spf_name_fit(str name)
{
  if (str_ends(name, STR("."))) name.n--;
  while (name.n > SPF_NAME_MAX) {
    ptrdiff_t dot = str_chr(name, '.');

    name = dot < 0 ? (str){"", 0} : str_skip(name, (size_t)dot + 1);
  }
  return name;
}

/* Labels of 1 to 63 octets. */
static bool spf_name_ok(str name)
{
  str rest = name, label;

  while (str_cut(&rest, '.', &label))
    if (label.n == 0 || label.n > 63) return false;
  return name.n > 0 && !memchr(name.p, '\0', name.n);
}

/* A name check_host may be about (§4.3): malformed ones, single labels and literals are not. */
static bool spf_name_is_domain(str name)
{
  return spf_name_ok(name) && str_chr(name, '.') > 0 && name.p[0] != '[';
}

bool spf_name_within(str name, str domain)
{
  return name.n > domain.n && str_iends(name, domain) && name.p[name.n - domain.n - 1] == '.';
}

/* ---- questions ------------------------------------------------------------------------------- */

const struct spf_known spf_no_such_name = {.status = DNS_NXDOMAIN};

/* Copies the answer to what is `asked`. */
static int spf_copy(struct spf *s, const struct dns_answer *a)
{
  struct spf_known *k = arena_alloc(s->arena, sizeof *k);
  struct dns_record *list = arena_alloc(s->arena, (a->n + 1) * sizeof *list);

  for (size_t i = 0; list && i < a->n; i++) {
    list[i] = a->records[i];
    if (list[i].name.p) list[i].name = arena_str(s->arena, list[i].name);
    if (list[i].text.p) list[i].text = arena_str(s->arena, list[i].text);
  }
  s->failed = !k || !list || arena_full(s->arena);
  if (s->failed) return -1;
  *k = (struct spf_known){s->known, s->asked, a->type, a->status, list, a->n};
  s->known = k;
  return 0;
}

static void spf_answered(void *arg, const struct dns_answer *answer)
{
  struct spf *s = arg;

  s->query = NULL;
  spf_copy(s, answer);
  loop_ready(s->loop, &s->task);
}

/* A name of ours may hold any octet; the resolver's are in presentation form. What can be no name
 * becomes the empty one. */
static str spf_present(struct spf *s, str name)
{
  struct buf out = BUF_INIT(2 * SPF_NAME_MAX);
  str copy;

  if (!spf_name_ok(name)) return STR("");
  if (str_chr(name, '\\') < 0) return name;
  for (size_t i = 0; i < name.n; i++) {
    if (name.p[i] == '\\') buf_putc(&out, '\\');
    buf_putc(&out, name.p[i]);
  }
  copy = arena_str(s->arena, buf_str(&out));
  buf_free(&out);
  return copy.p ? copy : STR("");
}

const struct spf_known *spf_lookup(struct spf *s, str name, enum dns_type type)
{
  const struct dns_answer *at_hand;

  if (name.n == 0) return &spf_no_such_name;
  for (const struct spf_known *k = s->known; k; k = k->next)
    if (k->type == type && str_ieq(k->name, name)) return k;
  if (s->query || s->failed) return NULL;
  trace(TRACE_SPF, "asks type=%d name=%s", (int)type, log_q(name));
  s->asked = arena_str(s->arena, name);
  if (!s->asked.p) {
    s->failed = true;
    return NULL;
  }
  at_hand = dns_known(s->dns, name, type);
  if (at_hand) return spf_copy(s, at_hand) < 0 ? NULL : s->known;
  s->query = dns_ask(s->dns, name, type, spf_answered, s);
  s->failed = !s->query;
  return NULL;
}

static enum dns_type spf_address_type(const struct spf *s)
{
  return s->facts.v6 ? DNS_AAAA : DNS_A;
}

const struct spf_known *spf_lookup_reverse(struct spf *s)
{
  char ip[INET6_ADDRSTRLEN], name[DNS_REVERSE_MAX];

  inet_ntop(s->facts.v6 ? AF_INET6 : AF_INET, s->facts.ip, ip, sizeof ip);
  return dns_reverse(str_of(ip), name) < 0 ? &spf_no_such_name
                                           : spf_lookup(s, str_of(name), DNS_PTR);
}

/* ---- macros ---------------------------------------------------------------------------------- */

/* 1: the client's address is among those of the host; 0: not; -1: wait. */
static int spf_confirms(struct spf *s, str host)
{
  const struct spf_known *k = spf_lookup(s, host, spf_address_type(s));

  if (!k) return -1;
  for (size_t i = 0; i < k->n; i++)
    if (memcmp(k->records[i].ip, s->facts.ip, s->facts.v6 ? 16 : 4) == 0) return 1;
  return 0;
}

/* %{p}: the name of the client that its addresses confirm; best the domain itself, then one within,
 * then any (§7.3). -1: wait. */
static int spf_validate(struct spf *s, str domain, str *out)
{
  const struct spf_known *ptr = spf_lookup_reverse(s);

  *out = STR("unknown");
  if (!ptr) return -1;
  for (int pass = 0; pass < 3; pass++) {
    for (size_t i = 0; i < ptr->n && i < LIMIT_SPF_NAMES; i++) {
      str host = ptr->records[i].name;
      int rank = str_ieq(host, domain) ? 0 : spf_name_within(host, domain) ? 1 : 2;
      int confirmed = rank == pass ? spf_confirms(s, host) : 0;

      if (confirmed < 0) return -1;
      if (confirmed == 0) continue;
      *out = host;
      return 0;
    }
  }
  return 0;
}

/* Expands a text of the frame's record into the arena. 0; 1: wait; -1: too long. */
static int spf_expand(struct spf *s, const struct spf_frame *f, str text, size_t cap, str *out)
{
  struct buf b = BUF_INIT(cap);

  s->facts.domain = f->domain;
  if (spf_macro_uses(text, 'p') && spf_validate(s, f->domain, &s->facts.validated) < 0) return 1;
  spf_macro_expand(text, &s->facts, &b);
  *out = buf_ok(&b) ? arena_str(s->arena, buf_str(&b)) : STR("");
  if (!out->p) s->failed = true;
  int rc = buf_ok(&b) ? 0 : -1;
  buf_free(&b);
  return rc;
}

/* The name a domain-spec stands for; without one that of the frame. */
static int spf_expand_name(struct spf *s, const struct spf_frame *f, str spec, str *out)
{
  int rc = 0;

  *out = f->domain;
  if (spec.n > 0) rc = spf_expand(s, f, spec, LIMIT_CHUNK, out);
  *out = spf_name_fit(*out);
  return rc;
}

/* ---- terms ----------------------------------------------------------------------------------- */

static void spf_problem(struct spf *s, const char *fmt, ...) BASE_PRINTF(2, 3);

static void spf_problem(struct spf *s, const char *fmt, ...)
{
  va_list ap;

  va_start(ap, fmt);
  vsnprintf(s->problem, sizeof s->problem, fmt, ap);
  va_end(ap);
}

/* One more term that asks; false: too many. */
static bool spf_count_term(struct spf *s)
{
  if (s->terms++ < LIMIT_SPF_TERMS) return true;
  spf_problem(s, "more than %d terms that ask name servers", LIMIT_SPF_TERMS);
  return false;
}

static enum spf_step spf_leave(struct spf *s, enum spf_word word);

/* The term at hand matches: its qualifier is the result of the frame. */
static enum spf_step spf_match(struct spf *s, const struct spf_frame *f)
{
  if (s->depth == 1) s->mechanism = f->term.text;
  switch (f->term.qualifier) {
  case '-': return spf_leave(s, SPF_WORD_FAIL);
  case '~': return spf_leave(s, SPF_WORD_SOFTFAIL);
  case '?': return spf_leave(s, SPF_WORD_NEUTRAL);
  default: return spf_leave(s, SPF_WORD_PASS);
  }
}

/* The term at hand is finished and what was asked for it forgotten. */
static enum spf_step spf_forget_term(struct spf *s, struct spf_frame *f)
{
  f->busy = false;
  s->known = NULL;
  arena_rewind(s->arena, f->mark);
  return SPF_STEP_ON;
}

/* An include, as its own record decided (§5.2). */
static enum spf_step spf_included(struct spf *s, struct spf_frame *f, enum spf_word word)
{
  switch (word) {
  case SPF_WORD_PASS: return spf_match(s, f);
  case SPF_WORD_TEMPERROR: return spf_leave(s, word);
  case SPF_WORD_PERMERROR: return spf_leave(s, word);
  case SPF_WORD_NONE: return spf_leave(s, SPF_WORD_PERMERROR);
  default: return spf_forget_term(s, f);
  }
}

/* The innermost frame came to a result. */
static enum spf_step spf_leave(struct spf *s, enum spf_word word)
{
  trace(TRACE_SPF, "domain=%s depth=%zu result=%s", log_q(s->frames[s->depth - 1].domain), s->depth,
        spf_words[word]);
  if (s->depth > 1) {
    s->depth--;
    s->known = NULL;
    return spf_included(s, &s->frames[s->depth - 1], word);
  }
  s->word = word;
  if (word != SPF_WORD_FAIL || !s->frames[0].record.exp.p) return SPF_STEP_DONE;
  s->explaining = true;
  s->known = NULL;
  return SPF_STEP_ON;
}

static void spf_enter(struct spf *s, str domain)
{
  s->known = NULL;
  s->frames[s->depth++] = (struct spf_frame){.domain = domain};
}

/* How many of the answers to a term's own question were none (§4.6.4), now that it is finished. */
static bool spf_count_void(struct spf *s, const struct spf_term *t)
{
  const struct spf_known *own = t->kind == SPF_RECORD_PTR      ? spf_lookup_reverse(s)
                                : t->kind == SPF_RECORD_MX     ? spf_lookup(s, s->name, DNS_MX)
                                : t->kind == SPF_RECORD_EXISTS ? spf_lookup(s, s->name, DNS_A)
                                : t->kind == SPF_RECORD_A
                                    ? spf_lookup(s, s->name, spf_address_type(s))
                                    : NULL;

  if (!own || own == &spf_no_such_name) return true;
  if (own->status != DNS_NXDOMAIN && own->status != DNS_NODATA) return true;
  if (s->voids++ < LIMIT_SPF_VOID) return true;
  spf_problem(s, "more than %d terms whose question found nothing", LIMIT_SPF_VOID);
  return false;
}

/* The networks an address can be in without asking anybody. */
static bool spf_wrong_family(const struct spf *s, const struct spf_term *t)
{
  return t->kind == (s->facts.v6 ? SPF_RECORD_IP4 : SPF_RECORD_IP6);
}

static bool spf_too_many_hosts(struct spf *s)
{
  if (!s->hosts || s->hosts->type != DNS_MX || s->hosts->n <= LIMIT_SPF_NAMES) return false;
  spf_problem(s, "more than %d mail servers: %s", LIMIT_SPF_NAMES, log_q(s->name));
  return true;
}

/* a, mx, ptr, exists, ip4, ip6; s->name is set. */
static enum spf_step spf_judge(struct spf *s, struct spf_frame *f)
{
  bool network = f->term.kind == SPF_RECORD_IP4 || f->term.kind == SPF_RECORD_IP6;
  enum spf_word word;

  if (spf_wrong_family(s, &f->term)) return spf_forget_term(s, f);
  if (network && (s->facts.v6 ? f->term.cidr6 : f->term.cidr4) == 0) return spf_match(s, f);
  word = spf_library_judge(s, &f->term);
  if (s->missing || s->failed) return SPF_STEP_WAIT;
  if (spf_too_many_hosts(s)) return spf_leave(s, SPF_WORD_PERMERROR);
  switch (word) {
  case SPF_WORD_PASS: return spf_match(s, f);
  case SPF_WORD_NEUTRAL:
    if (!spf_count_void(s, &f->term)) return spf_leave(s, SPF_WORD_PERMERROR);
    return spf_forget_term(s, f);
  default:
    spf_problem(s, "%s for " STR_FMT, word == SPF_WORD_TEMPERROR ? "no answer" : "cannot judge",
                STR_ARG(str_sub(f->term.text, 0, 200)));
    return spf_leave(s, word);
  }
}

static enum spf_step spf_work_term(struct spf *s, struct spf_frame *f)
{
  const struct spf_term *t = &f->term;
  str name = f->domain;
  int rc;

  if (t->kind == SPF_RECORD_ALL) return spf_match(s, f);
  rc = spf_expand_name(s, f, t->domain, &name);
  if (rc > 0 || s->failed) return SPF_STEP_WAIT;
  if (rc < 0) name = STR("");
  if (t->kind == SPF_RECORD_INCLUDE) {
    spf_enter(s, name);
    return SPF_STEP_ON;
  }
  s->name = spf_present(s, name);
  return spf_judge(s, f);
}

/* After the last term: the redirect, if there is one (§6.1), else neutral. */
static enum spf_step spf_end_record(struct spf *s, struct spf_frame *f)
{
  str name;
  int rc;

  if (!f->record.redirect.p) {
    if (s->depth == 1) s->mechanism = STR("default");
    return spf_leave(s, SPF_WORD_NEUTRAL);
  }
  rc = spf_expand_name(s, f, f->record.redirect, &name);
  if (rc > 0 || s->failed) return SPF_STEP_WAIT;
  if (!spf_count_term(s)) return spf_leave(s, SPF_WORD_PERMERROR);
  s->depth--;
  spf_enter(s, rc < 0 ? STR("") : name);
  s->frames[s->depth - 1].redirected = true;
  return SPF_STEP_ON;
}

static enum spf_step spf_next_term(struct spf *s, struct spf_frame *f)
{
  if (!spf_record_next(&f->record, &f->term)) return spf_end_record(s, f);
  f->busy = true;
  switch (f->term.kind) {
  case SPF_RECORD_INCLUDE:
  case SPF_RECORD_A:
  case SPF_RECORD_MX:
  case SPF_RECORD_PTR:
  case SPF_RECORD_EXISTS:
    if (!spf_count_term(s)) return spf_leave(s, SPF_WORD_PERMERROR);
    break;
  default: break;
  }
  return SPF_STEP_ON;
}

/* ---- records --------------------------------------------------------------------------------- */

/* No record: of a redirect's target that is an error (§6.1), of an include's too (spf_included). */
static enum spf_step spf_no_record(struct spf *s, const struct spf_frame *f, const char *why)
{
  spf_problem(s, "%s: %s", log_q(f->domain), why);
  return spf_leave(s, f->redirected ? SPF_WORD_PERMERROR : SPF_WORD_NONE);
}

/* Fetches and checks the record of the innermost frame (§4.3 to §4.6). */
static enum spf_step spf_load(struct spf *s, struct spf_frame *f)
{
  const struct spf_known *k;
  struct err e = {.kind = ERR_NONE};
  str text = {NULL, 0};

  if (!spf_name_is_domain(f->domain)) return spf_no_record(s, f, "not a domain name");
  k = spf_lookup(s, spf_present(s, f->domain), DNS_TXT);
  if (!k) return SPF_STEP_WAIT;
  if (k->status == DNS_TEMP) {
    spf_problem(s, "no answer for the record of %s", log_q(f->domain));
    return spf_leave(s, SPF_WORD_TEMPERROR);
  }
  for (size_t i = 0; i < k->n; i++) {
    if (!spf_record_is(k->records[i].text)) continue;
    if (text.p) {
      spf_problem(s, "%s: more than one SPF record", log_q(f->domain));
      return spf_leave(s, SPF_WORD_PERMERROR);
    }
    text = k->records[i].text;
  }
  if (!text.p) return spf_no_record(s, f, "no SPF record");
  if (spf_record_parse(text, &f->record, &e) < 0) {
    spf_problem(s, "%s: %s", log_q(f->domain), e.text);
    return spf_leave(s, SPF_WORD_PERMERROR);
  }
  f->loaded = true;
  s->known = NULL;
  f->mark = arena_note(s->arena);
  return SPF_STEP_ON;
}

/* ---- the explanation (§6.2) ------------------------------------------------------------------ */

/* Whatever goes wrong here leaves the word as it is, without explanation. */
static enum spf_step spf_explain(struct spf *s, const struct spf_frame *f)
{
  const struct spf_known *k;
  str name, text;
  int rc = spf_expand_name(s, f, f->record.exp, &name);

  if (rc > 0) return SPF_STEP_WAIT;
  k = rc < 0 ? &spf_no_such_name : spf_lookup(s, spf_present(s, name), DNS_TXT);
  if (!k) return SPF_STEP_WAIT;
  if (k->n != 1 || !spf_macro_string_ok(k->records[0].text, SPF_MACRO_LETTERS_EXP, true))
    return SPF_STEP_DONE;
  rc = spf_expand(s, f, k->records[0].text, LIMIT_SPF_EXPLANATION, &text);
  if (rc > 0) return SPF_STEP_WAIT;
  if (rc == 0) s->explanation = text;
  return SPF_STEP_DONE;
}

/* ---- the evaluation -------------------------------------------------------------------------- */

static enum spf_step spf_step(struct spf *s)
{
  struct spf_frame *f = &s->frames[s->depth - 1];

  if (s->explaining) return spf_explain(s, f);
  if (!f->loaded) return spf_load(s, f);
  return f->busy ? spf_work_term(s, f) : spf_next_term(s, f);
}

static void spf_free(struct spf *s)
{
  dns_cancel(s->query);
  timer_clear(s->loop, &s->limit);
  loop_unready(&s->task);
  spf_library_close(s);
  arena_free(s->arena);
  mem_free(s);
}

static void spf_finish(struct spf *s)
{
  bool trouble = s->word == SPF_WORD_NONE || s->word >= SPF_WORD_TEMPERROR;
  struct spf_result r = {.word = str_of(spf_words[s->word])};

  if (trouble)
    r.problem = str_of(s->problem);
  else
    r.mechanism = s->mechanism;
  r.explanation = s->explanation;
  s->done(s->arg, &r);
  spf_free(s);
}

static void spf_run(struct task *t, void *arg)
{
  struct spf *s = arg;
  enum spf_step step = SPF_STEP_ON;

  for (int n = 0; n < SPF_SLICE && step == SPF_STEP_ON && !s->failed; n++) step = spf_step(s);
  if (s->failed && !s->explaining) {
    spf_problem(s, "out of memory");
    s->word = SPF_WORD_TEMPERROR;
  }
  if (s->failed || step == SPF_STEP_DONE)
    spf_finish(s);
  else if (step == SPF_STEP_ON)
    loop_ready(s->loop, t);
}

static void spf_late(struct timer *t, void *arg)
{
  struct spf *s = arg;

  (void)t;
  if (!s->explaining) {
    spf_problem(s, "no end after %d seconds", LIMIT_SPF_TIME / 1000);
    s->word = SPF_WORD_TEMPERROR;
  }
  spf_finish(s);
}

/* An IPv4 client seen through IPv6 is an IPv4 client (§5). */
static int spf_set_ip(struct spf *s, str text)
{
  static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
  char ip[INET6_ADDRSTRLEN];

  if (text.n >= sizeof ip) return -1;
  snprintf(ip, sizeof ip, STR_FMT, STR_ARG(text));
  if (inet_pton(AF_INET, ip, s->facts.ip) == 1) return 0;
  if (inet_pton(AF_INET6, ip, s->facts.ip) != 1) return -1;
  s->facts.v6 = memcmp(s->facts.ip, mapped, sizeof mapped) != 0;
  if (!s->facts.v6) memmove(s->facts.ip, s->facts.ip + 12, 4);
  return 0;
}

/* §2.4, §4.3: without a sender it is postmaster@helo, without a local part postmaster. */
static int spf_set_facts(struct spf *s, const struct spf_request *rq)
{
  struct spf_macro_facts *f = &s->facts;
  ptrdiff_t at = str_rchr(rq->sender, '@');
  str domain = at < 0 ? rq->sender : str_skip(rq->sender, (size_t)at + 1);
  str local = at < 0 ? (str){"", 0} : str_sub(rq->sender, 0, (size_t)at);

  f->helo = spf_name_fit(arena_str(s->arena, rq->helo));
  f->receiver = arena_str(s->arena, rq->receiver.n ? rq->receiver : STR("unknown"));
  f->sender_domain = rq->sender.n ? spf_name_fit(arena_str(s->arena, domain)) : f->helo;
  f->local = local.n ? arena_str(s->arena, local) : STR("postmaster");
  f->sender =
      arena_printf(s->arena, STR_FMT "@" STR_FMT, STR_ARG(f->local), STR_ARG(f->sender_domain));
  f->now = clock_wall() / 1000;
  return arena_full(s->arena) ? -1 : 0;
}

struct spf *spf_start(struct loop *l, struct dns *d, const struct spf_request *rq, spf_fn *fn,
                      void *arg, struct err *e)
{
  struct spf *s = mem_alloc(sizeof *s);

  if (!s) {
    err_nomem(e);
    return NULL;
  }
  *s = (struct spf){
      .loop = l, .dns = d, .done = fn, .arg = arg, .arena = arena_new(LIMIT_SPF_MEMORY)};
  s->task = (struct task){.run = spf_run, .arg = s};
  s->limit = (struct timer){.fire = spf_late, .arg = s};
  if (!s->arena || spf_library_open(s) < 0 || spf_set_facts(s, rq) < 0) {
    err_nomem(e);
  } else if (spf_set_ip(s, rq->ip) < 0) {
    err_set(e, ERR_PERM, "no IP address: %s", log_q(rq->ip));
  } else {
    spf_enter(s, s->facts.sender_domain);
    timer_set(l, &s->limit, loop_now(l) + LIMIT_SPF_TIME);
    loop_ready(l, &s->task);
    return s;
  }
  spf_free(s);
  return NULL;
}

void spf_cancel(struct spf *s)
{
  if (s) spf_free(s);
}
#undef SPF_SLICE
#undef SPF_NAME_MAX
