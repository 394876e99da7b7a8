/* rules/api_spf.c: check_spf (rules/README.md#check_spf). The host evaluates (RFC 7208); here are
 * the forms of the call, the header fields it leaves, and the verdict.
 */
#include "api.h"
#include "field.h"

#include <unistd.h>

enum api_spf_identity { API_SPF_MAIL_FROM, API_SPF_HELO, API_SPF_BOTH };
enum { API_SPF_RECEIVED = 1, API_SPF_RESULTS = 2 }; /* header fields, as bits */

struct api_spf_call {
  bool by_identity; /* the form of 1.1.0 */
  enum api_spf_identity identity;
  int headers;
  bool soft;
};

/* What a word means in a place; -1: nothing. */
struct api_spf_word {
  const char *word;
  int value;
};
static const struct api_spf_word api_spf_identities[] = {
    {"mail_from", API_SPF_MAIL_FROM}, {"helo", API_SPF_HELO}, {"both", API_SPF_BOTH}, {NULL, 0}};
static const struct api_spf_word api_spf_headers[] = {{"spf", API_SPF_RECEIVED},
                                                      {"auth", API_SPF_RESULTS},
                                                      {"both", API_SPF_RECEIVED | API_SPF_RESULTS},
                                                      {"none", 0},
                                                      {NULL, 0}};
static const struct api_spf_word api_spf_policies[] = {{"strict", 0}, {"soft", 1}, {NULL, 0}};

static int api_spf_find(const struct api_spf_word *table, str word)
{
  for (; table->word; table++)
    if (str_eq(word, str_of(table->word))) return table->value;
  return -1;
}

static int api_spf_word_of(struct fiber *f, const char *argument, const struct api_spf_word *table,
                           struct value v)
{
  str word;
  if (api_text(f, v, &word) < 0) return -1;
  const int value = api_spf_find(table, word);
  if (value >= 0) return value;
  struct buf known = BUF_INIT(256);
  for (const struct api_spf_word *w = table; w->word; w++)
    buf_printf(&known, "%s'%s'", w == table ? "" : ", ", w->word);
  fiber_raise(f, VSL_RUNTIME, "check_spf: the %s is one of %s, not '%s'", argument,
              buf_cstr(&known), log_q(word));
  buf_free(&known);
  return -1;
}

/* The forms differ in what the second word is: a policy or a header. */
static int api_spf_parse(struct fiber *f, struct call *c, struct api_spf_call *out)
{
  str second = {NULL, 0};
  int identity = API_SPF_MAIL_FROM, header, policy = 0;
  const struct value *a = api_args(f, c, "check_spf", 1, 3);
  if (!a) return -1;
  const int argc = api_argc(c);
  if (argc > 1 && api_text(f, a[1], &second) < 0) return -1;
  out->by_identity = argc == 3 || (argc == 2 && api_spf_find(api_spf_headers, second) >= 0);
  if (out->by_identity) {
    identity = api_spf_word_of(f, "identity", api_spf_identities, a[0]);
    if (identity < 0) return -1;
    a++;
  }
  header = api_spf_word_of(f, "header", api_spf_headers, a[0]);
  if (header < 0) return -1;
  if (argc - out->by_identity == 2) policy = api_spf_word_of(f, "policy", api_spf_policies, a[1]);
  if (policy < 0) return -1;
  out->identity = (enum api_spf_identity)identity;
  out->headers = header;
  out->soft = policy == 1;
  return 0;
}

/* ---- the verdict ----------------------------------------------------------------------------- */

enum api_spf_act { API_SPF_NEXT, API_SPF_MARK, API_SPF_FAIL, API_SPF_TEMP, API_SPF_PERM };

struct api_spf_row {
  const char *result;
  uint8_t acts[4]; /* strict and soft of the header form, strict and soft of the identity form */
};
static const struct api_spf_row api_spf_rows[] = {
    {"pass", {API_SPF_NEXT, API_SPF_NEXT, API_SPF_NEXT, API_SPF_NEXT}},
    {"fail", {API_SPF_FAIL, API_SPF_FAIL, API_SPF_FAIL, API_SPF_NEXT}},
    {"softfail", {API_SPF_FAIL, API_SPF_NEXT, API_SPF_MARK, API_SPF_NEXT}},
    {"neutral", {API_SPF_NEXT, API_SPF_NEXT, API_SPF_NEXT, API_SPF_NEXT}},
    {"none", {API_SPF_NEXT, API_SPF_NEXT, API_SPF_NEXT, API_SPF_NEXT}},
    {"temperror", {API_SPF_TEMP, API_SPF_TEMP, API_SPF_TEMP, API_SPF_NEXT}},
    {"permerror", {API_SPF_PERM, API_SPF_PERM, API_SPF_PERM, API_SPF_NEXT}},
};

/* The sender whose domain was asked about (RFC 7208 §2.4). */
static void api_spf_sender(const struct rules_facts *t, bool helo, struct buf *out)
{
  if (helo || t->mail_from.n == 0)
    buf_printf(out, "postmaster@" STR_FMT, STR_ARG(t->helo));
  else
    buf_str_add(out, t->mail_from);
}

/* RFC 7208 §8.4: the owner's words, and whose they are. */
static struct value api_spf_fail(struct fiber *f, str sender, str explanation)
{
  struct buf text = BUF_INIT(8192);
  buf_puts(&text, "SPF validation failed");
  if (explanation.n > 0) {
    buf_puts(&text, "\r\nThe domain ");
    for (size_t i = (size_t)str_rchr(sender, '@') + 1; i < sender.n; i++)
      buf_putc(&text, sender.p[i] < '!' || sender.p[i] > '~' ? '?' : sender.p[i]);
    buf_printf(&text, " explains:\r\n" STR_FMT, STR_ARG(explanation));
  }
  struct value v = status_with(f, RULES_DENY, 550, STR("5.7.23"), buf_str(&text));
  buf_free(&text);
  return v;
}

static struct value api_spf_verdict(struct fiber *f, enum api_spf_act act, str sender,
                                    str explanation)
{
  switch (act) {
  case API_SPF_FAIL: return api_spf_fail(f, sender, explanation);
  case API_SPF_TEMP:
    return status_with(f, RULES_DENY, 451, STR("4.7.24"), STR("SPF validation error"));
  case API_SPF_PERM:
    return status_with(f, RULES_DENY, 550, STR("5.7.24"), STR("SPF validation error"));
  default: return status_new(f, RULES_NEXT, value_unit());
  }
}

/* ---- header fields --------------------------------------------------------------------------- */

static int api_spf_prepend(struct fiber *f, const struct api_env *env, str name, str value)
{
  struct err e = {0};
  struct buf clean = BUF_INIT(8192);
  int got = field_value(name, value, &clean, &e);
  if (got == 0) got = env->host->header_prepend(env->tx, name, buf_str(&clean), &e);
  buf_free(&clean);
  return got < 0 ? api_refused(f, &e) : 0;
}

static bool api_spf_is_atom(str s)
{
  for (size_t i = 0; i < s.n; i++)
    if (!str_isalnum(s.p[i]) && (!s.p[i] || !strchr("!#$%&'*+-/=?^_`{|}~.", s.p[i]))) return false;
  return s.n > 0 && s.p[0] != '.' && s.p[s.n - 1] != '.' && str_find(s, STR("..")) < 0;
}

/* A stranger's text, as a quoted string: no octet of it ends the string or the line. */
static void api_spf_quote(struct buf *out, str s)
{
  buf_putc(out, '"');
  for (size_t i = 0; i < s.n; i++) {
    const char ch = s.p[i];
    if (ch == '"' || ch == '\\') buf_putc(out, '\\');
    buf_putc(out, ch < ' ' || ch > '~' ? '_' : ch);
  }
  buf_putc(out, '"');
}

static void api_spf_value(struct buf *out, str s)
{
  if (api_spf_is_atom(s))
    buf_str_add(out, s);
  else
    api_spf_quote(out, s);
}

/* "receiver=…; client-ip=…; …": RFC 7208 §9.1, each value a dot-atom or a quoted string. */
static void api_spf_pair(struct buf *out, const char *key, str value)
{
  buf_printf(out, "%s%s=", out->n ? "; " : "", key);
  api_spf_value(out, str_sub(value, 0, 256));
}

static void api_spf_list(struct buf *out, str host, str sender, const struct rules_facts *t,
                         bool helo, const struct rules_answer *a)
{
  api_spf_pair(out, "receiver", host);
  api_spf_pair(out, "client-ip", t->client_ip);
  api_spf_pair(out, "envelope-from", sender);
  api_spf_pair(out, "helo", t->helo);
  api_spf_pair(out, "identity", helo ? STR("helo") : STR("mailfrom"));
  if (a->problem.n)
    api_spf_pair(out, "problem", a->problem);
  else
    api_spf_pair(out, "mechanism", a->mechanism);
}

/* RFC 8601 §2.2; what was asked about is a domain name or a mailbox that may stand there as it is,
 * else it is left out. */
static void api_spf_results(struct buf *out, str host, str sender, str list,
                            const struct rules_facts *t, bool helo, const struct rules_answer *a)
{
  const str asked = helo ? t->helo : sender;
  const ptrdiff_t at = str_rchr(asked, '@');
  api_spf_value(out, host);
  buf_printf(out, "; spf=" STR_FMT " reason=", STR_ARG(a->result));
  api_spf_quote(out, list);
  if (api_spf_is_atom(str_skip(asked, (size_t)(at + 1))) &&
      (at < 0 || api_spf_is_atom(str_sub(asked, 0, (size_t)at))))
    buf_printf(out, " smtp.%s=" STR_FMT, helo ? "helo" : "mailfrom", STR_ARG(asked));
}

static int api_spf_record(struct fiber *f, const struct api_env *env,
                          const struct api_spf_call *call, bool helo, str sender,
                          const struct rules_answer *a)
{
  char host[256] = "";
  const struct rules_facts *t = env->host->facts(env->tx);
  struct buf list = BUF_INIT(4096), value = BUF_INIT(8192);
  int got = 0;
  gethostname(host, sizeof host - 1);
  api_spf_list(&list, str_of(host), sender, t, helo, a);
  if (call->headers & API_SPF_RECEIVED) {
    buf_printf(&value, STR_FMT " " STR_FMT ";", STR_ARG(a->result), STR_ARG(buf_str(&list)));
    got = api_spf_prepend(f, env, STR("Received-SPF"), buf_str(&value));
  }
  if (got == 0 && (call->headers & API_SPF_RESULTS)) {
    buf_clear(&value);
    api_spf_results(&value, str_of(host), sender, buf_str(&list), t, helo, a);
    got = api_spf_prepend(f, env, STR("Authentication-Results"), buf_str(&value));
  }
  buf_free(&value);
  buf_free(&list);
  return got;
}

/* ---- the call -------------------------------------------------------------------------------- */

static const struct api_spf_row *api_spf_row_of(str result)
{
  for (size_t i = 0; i < BASE_COUNT(api_spf_rows); i++)
    if (str_eq(result, str_of(api_spf_rows[i].result))) return &api_spf_rows[i];
  return NULL;
}

static int api_spf_finish(struct fiber *f, struct call *c, const struct api_env *env,
                          const struct api_spf_call *call, bool helo, const struct rules_answer *a)
{
  const struct api_spf_row *row = api_spf_row_of(a->result);
  if (!row) return fiber_raise(f, VSL_RUNTIME, "check_spf: unknown result '%s'", log_q(a->result));
  const enum api_spf_act act = row->acts[2 * call->by_identity + call->soft];
  struct buf sender = BUF_INIT(2048);
  struct err e = {0};
  api_spf_sender(env->host->facts(env->tx), helo, &sender);
  int got = api_spf_record(f, env, call, helo, buf_str(&sender), a);
  if (got == 0 && act == API_SPF_MARK && env->host->subject_mark(env->tx, STR("JUNK: "), &e) < 0)
    got = api_refused(f, &e);
  if (got == 0) {
    c->out = api_spf_verdict(f, act, buf_str(&sender), a->explanation);
    got = c->out.type == VALUE_NONE ? -1 : NATIVE_DONE;
  }
  buf_free(&sender);
  return got;
}

/* After helo, `both` goes on with mail_from unless that decides it. */
static bool api_spf_decides(const struct rules_answer *a)
{
  return str_eq(a->result, STR("fail")) || str_eq(a->result, STR("temperror")) ||
         str_eq(a->result, STR("permerror"));
}

/* steps->i: 0 nothing asked yet, 1 helo, 2 mail_from is asked. */
static int api_spf_check(struct fiber *f, struct call *c)
{
  struct api_spf_call call;
  struct rules_answer a = {0};
  struct err e = {0};
  struct steps *steps = c->steps;
  const struct api_env *env = api_env_from(f, "check_spf", STAGE_MAIL);
  if (!env || api_spf_parse(f, c, &call) < 0) return -1;
  if (steps->i == 0) {
    const str from = env->host->facts(env->tx)->mail_from;
    const ptrdiff_t at = str_rchr(from, '@');
    if (!call.by_identity && at >= 0 &&
        env->host->in_domain(env->tx, str_skip(from, (size_t)at + 1))) {
      c->out = status_new(f, RULES_NEXT, value_unit());
      return c->out.type == VALUE_NONE ? -1 : NATIVE_DONE;
    }
  } else {
    a = *stage_answer(env->run);
  }
  for (;;) {
    const bool last = steps->i == 2 || (steps->i == 1 && call.identity == API_SPF_HELO);
    if (last || (steps->i == 1 && api_spf_decides(&a)))
      return api_spf_finish(f, c, env, &call, steps->i == 1, &a);
    steps->i = steps->i == 0 && call.identity != API_SPF_MAIL_FROM ? 1 : 2;
    const struct rules_question q = {.ask = RULES_ASK_SPF,
                                     .identity = steps->i == 1 ? STR("helo") : STR("mail_from")};
    switch (stage_ask(env->run, &q, &a, &e)) {
    case RULES_ASKED_REFUSED: return api_refused(f, &e);
    case RULES_ASKED_WAIT: return stage_wait(env->run, f);
    default: break;
    }
  }
}

const struct native api_spf_natives[] = {
    {"check_spf", ".|...", NATIVE_STEPS, api_spf_check},
};
const size_t api_spf_natives_count = BASE_COUNT(api_spf_natives);
