/* smtp/session/auth.c: AUTH in a session (RFC 4954).
 *
 *   line -> sasl_server_step -> 334, or somebody to be judged: first by the rules of stage
 *   authenticate, then, if they say next() or there are none, by the accounts
 *
 * A rule's accept() is enough where a password was shown. Where the client proves that it knows
 * one, the proof is checked in any case, against the account or the secret a rule gave by packet().
 * What the rules did in an exchange that failed is forgotten, but for its trace.
 */
#include "auth.h"

#include "../conf/conf.h"
#include "session.h"

/* What all sessions share. */
struct auth_hub {
  struct passwords *passwords;
  struct ban *ban;
};

struct auth {
  struct sasl_server sasl;
  struct password_check check;
  enum rules_auth kind;
  struct buf in, out;
  bool open; /* the client's next line is awaited */
  /* before the rules were asked: what a failure goes back to */
  bool asked;
  struct mail saved;
  struct arena_mark mark;
  size_t reported;
};

static const struct conf *auth_conf(const struct session *s)
{
  return s->policy->conf;
}

/* ---- what is shared -------------------------------------------------------------------------- */

static struct auth_hub *auth_get_hub(struct session_hub *sessions)
{
  struct auth_hub *hub = sessions->auth;
  if (hub) return hub;
  hub = mem_alloc(sizeof *hub);
  if (!hub) return NULL;
  hub->passwords = password_new(sessions->mta->loop, sessions->mta->store);
  hub->ban = ban_new();
  sessions->auth = hub;
  if (!hub->passwords || !hub->ban) auth_end(sessions);
  return sessions->auth;
}

void auth_end(struct session_hub *sessions)
{
  struct auth_hub *hub = sessions->auth;
  if (!hub) return;
  password_free(hub->passwords);
  ban_free(hub->ban);
  mem_free(hub);
  sessions->auth = NULL;
}

/* ---- may it be? ------------------------------------------------------------------------------ */

/* On submission listeners there is always a way to log in: nothing is taken there without. */
static bool auth_is_on(const struct session *s)
{
  return s->traits->offers && (auth_conf(s)->server.smtp.auth.on || s->port != SESSION_SMTP);
}

static bool auth_is_safe(const struct session *s)
{
  return s->connection->facts.secured ||
         auth_conf(s)->server.smtp.auth.enable_dangerous_mechanism_in_clair;
}

/* ORDER SASL, ORDER CONF_MECH. What nobody configured is the default of auth.mechanisms. No
 * account keeps a password that CRAM-MD5 could be held against, and none is anonymous: these two
 * are of use with rules only. */
static bool auth_has(const struct session *s, enum sasl_mech m)
{
  unsigned some = auth_conf(s)->server.smtp.auth.on ? auth_conf(s)->server.smtp.auth.mechanisms
                                                    : CONF_PLAIN | CONF_LOGIN | CONF_SCRAM_SHA_256;
  bool rules = rules_count(s->policy->rules, STAGE_AUTHENTICATE) > 0;
  if (m >= SASL_XOAUTH2 || !(some & 1u << m)) return false;
  return rules || (m != SASL_CRAM_MD5 && m != SASL_ANONYMOUS);
}

str auth_offer(struct session *s, str list)
{
  struct buf words = BUF_INIT(256);
  str rest = list, name;
  for (int m = 0; m < SASL_MECHS; m++)
    if (auth_has(s, (enum sasl_mech)m)) buf_printf(&words, " %s", sasl_name((enum sasl_mech)m));
  if (auth_is_on(s) && auth_is_safe(s) && words.n && str_cut(&rest, '\n', &name))
    list = arena_printf(s->arena, STR_FMT "\nAUTH" STR_FMT "\n" STR_FMT, STR_ARG(name),
                        STR_ARG(buf_str(&words)), STR_ARG(rest));
  buf_free(&words);
  return list;
}

/* MECHANISM [INITIAL-RESPONSE] */
static enum sasl_mech auth_mechanism(const struct session *s, str *initial)
{
  str rest = s->command.arg, name = rest;
  *initial = (str){NULL, 0};
  if (str_chr(rest, ' ') >= 0) {
    str_cut(&rest, ' ', &name);
    *initial = rest;
  }
  return sasl_find(name);
}

bool auth_check(struct session *s)
{
  const struct conf *conf = auth_conf(s);
  struct auth_hub *hub = auth_get_hub(s->hub);
  str initial;
  enum sasl_mech mech = auth_mechanism(s, &initial);

  if (!auth_is_on(s))
    session_reply(s, conf_reply(conf, CODE_UNIMPLEMENTED, ""));
  else if (s->greeting->facts.authenticated)
    session_reply(s, reply_of(REPLY_AUTH_TWICE));
  else if (mech == SASL_MECHS || !auth_has(s, mech))
    session_reply(s, conf_reply(conf, CODE_AUTH_MECH_NOT_SUPPORTED, ""));
  else if (!auth_is_safe(s))
    session_reply(s, conf_reply(conf, CODE_AUTH_MECHANISM_MUST_BE_ENCRYPTED, ""));
  else if (!hub)
    session_reply(s, reply_of(REPLY_AUTH_LATER));
  else if (ban_holds(hub->ban, ban_key_of(&s->peer)))
    session_reply_last(s, reply_of(REPLY_AUTH_BANNED));
  else
    return true;
  return false;
}

/* ---- the end of an exchange ------------------------------------------------------------------ */

void auth_forget(struct session *s)
{
  struct auth *a = s->auth;
  if (!a) return;
  s->auth = NULL;
  password_end(&a->check);
  sasl_server_end(&a->sasl);
  buf_wipe(&a->in);
  buf_free(&a->out);
  mem_free(a);
}

bool auth_is_open(const struct session *s)
{
  return s->auth && s->auth->open;
}

/* The password is for the rules of this stage alone. */
static void auth_hide_password(struct session *s)
{
  str pass = s->greeting->facts.auth_pass;
  if (pass.n) mem_wipe((char *)(uintptr_t)pass.p, pass.n);
  s->greeting->facts.auth_pass = (str){"", 0};
}

/* As it was before: whatever the rules pended, traced or decided about somebody who is nobody. */
static void auth_restore(struct session *s, const struct auth *a)
{
  if (!a->asked) return;
  auth_hide_password(s);
  *s->greeting = a->saved;
  arena_rewind(s->arena, a->mark);
  s->reported = a->reported;
}

/* Ends it without success; whose fault it was the reply says. who is for the trace and the log. */
static void auth_refuse(struct session *s, struct reply r, int64_t late)
{
  struct auth *a = s->auth, copy = *a;
  struct buf who = BUF_INIT(LIMIT_AUTH_USER);
  buf_str_add(&who, buf_str(&a->sasl.user));
  if (!a->asked) s->reported = s->greeting->trace_count;
  auth_forget(s);
  s->late = late;
  session_refuse(s, STAGE_AUTHENTICATE, r, buf_str(&who));
  judge_end(&s->judge);
  auth_restore(s, &copy);
  buf_free(&who);
}

static void auth_fail(struct session *s, struct reply r)
{
  struct auth_hub *hub = s->hub->auth;
  log_warn(LOG_RECEIVER, "sid=%s client=" STR_FMT " login failed user=%s mechanism=%s", s->id,
           STR_ARG(s->connection->facts.client_ip), log_q(buf_str(&s->auth->sasl.user)),
           sasl_name(s->auth->sasl.mech));
  auth_refuse(s, r, ban_failed(hub->ban, ban_key_of(&s->peer)));
}

static void auth_wrong(struct session *s)
{
  auth_fail(s, conf_reply(auth_conf(s), CODE_AUTH_INVALID_CREDENTIALS, ""));
}

/* A quarrel over form, or no memory: nobody's password was judged. */
static void auth_give_up(struct session *s, struct reply r)
{
  auth_refuse(s, r, 0);
}

/* RFC 4954 §4: "*". attempt_count_max of them are forgiven. */
static void auth_cancelled(struct session *s)
{
  int64_t max = auth_conf(s)->server.smtp.auth.attempt_count_max;
  bool last = max >= 0 && ++s->auth_cancelled > (uint64_t)max;
  if (last) s->close_after = true;
  auth_give_up(s,
               conf_reply(auth_conf(s), last ? CODE_AUTH_REQUIRED : CODE_AUTH_CLIENT_CANCELED, ""));
}

/* Who it is now: for the connection, so that EHLO does not forget it. id is in the session's
 * arena. */
static void auth_set_facts(struct session *s, str id)
{
  struct rules_facts *f[] = {&s->greeting->facts, &s->connection->facts};
  const struct auth *a = s->auth;
  for (size_t i = 0; i < BASE_COUNT(f); i++) {
    f[i]->authenticated = a->kind != RULES_AUTH_ANONYMOUS;
    f[i]->auth = a->kind;
    f[i]->auth_id = id;
    f[i]->auth_pass = (str){"", 0};
    f[i]->auth_token = a->kind == RULES_AUTH_ANONYMOUS ? s->greeting->facts.auth_token : STR("");
  }
}

static void auth_succeed(struct session *s, str id, const struct rules_verdict *v)
{
  static const struct rules_code none = {.basic = 0};
  struct auth_hub *hub = s->hub->auth;
  enum sasl_mech mech = s->auth->sasl.mech;
  str copy = arena_str(s->arena, id);
  if (!copy.p) {
    auth_give_up(s, reply_of(REPLY_AUTH_LATER));
    return;
  }
  auth_hide_password(s);
  auth_set_facts(s, copy);
  mail_trace(s->greeting, STAGE_AUTHENTICATE, STR(""), "server", STR("authenticated"), copy);
  if (v && v->kind == RULES_FACCEPT && s->connection->skip == RULES_NEXT)
    mail_set_skip(s->connection, STAGE_AUTHENTICATE, v);
  s->greeting_at = s->mail_at = arena_note(s->arena); /* its texts stay */
  s->reported = s->greeting->trace_count;
  ban_forgive(hub->ban, ban_key_of(&s->peer));
  log_info(LOG_RECEIVER, "sid=%s client=" STR_FMT " login user=%s mechanism=%s", s->id,
           STR_ARG(s->connection->facts.client_ip), log_q(copy), sasl_name(mech));
  auth_forget(s);
  session_reply(s, session_code(s, v ? &v->code : &none, CODE_AUTH_SUCCEEDED, ""));
  judge_end(&s->judge);
}

/* ---- the accounts ---------------------------------------------------------------------------- */

/* The account meant, nothing if it can be none. -1: no memory. */
static int auth_account(struct session *s, struct buf *out)
{
  if (password_account(auth_conf(s), buf_str(&s->auth->sasl.user), out) == 0) return 0;
  if (!buf_ok(out)) return -1;
  buf_clear(out);
  return 0;
}

static void auth_accepted(struct session *s)
{
  struct buf name = BUF_INIT(PASSWORD_ACCOUNT_MAX);
  if (auth_account(s, &name) < 0)
    auth_give_up(s, reply_of(REPLY_AUTH_LATER));
  else
    auth_succeed(s, name.n ? buf_str(&name) : buf_str(&s->auth->sasl.user), NULL);
  buf_free(&name);
}

static void auth_take(struct session *s, enum sasl_next next);

static void auth_answered(struct session *s, enum password_answer answer)
{
  switch (answer) {
  case PASSWORD_RIGHT: auth_accepted(s); break;
  case PASSWORD_WRONG: auth_wrong(s); break;
  case PASSWORD_BUSY: auth_give_up(s, reply_of(REPLY_AUTH_LATER)); break;
  case PASSWORD_WAIT: session_wait(s); break;
  }
}

static void auth_checked(void *arg, enum password_answer answer)
{
  struct session *s = arg;
  s->waiting = false;
  auth_answered(s, answer);
  session_go_on(s);
}

static void auth_ask_password(struct session *s)
{
  struct auth_hub *hub = s->hub->auth;
  struct auth *a = s->auth;
  struct buf name = BUF_INIT(PASSWORD_ACCOUNT_MAX);
  enum password_answer answer = PASSWORD_BUSY;
  if (auth_account(s, &name) == 0)
    answer = password_begin(hub->passwords, &a->check, ban_key_of(&s->peer), buf_str(&name),
                            buf_str(&a->sasl.password), auth_checked, s);
  buf_free(&name);
  auth_answered(s, answer);
}

static void auth_ask_verifier(struct session *s)
{
  struct auth_hub *hub = s->hub->auth;
  struct buf name = BUF_INIT(PASSWORD_ACCOUNT_MAX);
  struct scram_verifier v;
  int known = auth_account(s, &name);
  if (known == 0) known = password_verifier(hub->passwords, buf_str(&name), &v);
  buf_free(&name);
  if (known < 0)
    auth_give_up(s, reply_of(REPLY_AUTH_LATER));
  else
    auth_take(s, sasl_server_verifier(&s->auth->sasl, &v, known > 0, &s->auth->out));
}

/* Nobody but a rule can know a secret of CRAM-MD5, or vouch for an anonym. */
static void auth_ask_accounts(struct session *s)
{
  switch (s->auth->sasl.mech) {
  case SASL_PLAIN:
  case SASL_LOGIN: auth_ask_password(s); break;
  case SASL_SCRAM_SHA_256: auth_ask_verifier(s); break;
  default: auth_wrong(s); break;
  }
}

/* ---- the rules ------------------------------------------------------------------------------- */

static void auth_made(void *arg, enum password_answer answer)
{
  struct session *s = arg;
  s->waiting = false;
  if (answer == PASSWORD_RIGHT)
    auth_take(s,
              sasl_server_verifier(&s->auth->sasl, &s->auth->check.verifier, true, &s->auth->out));
  else
    auth_give_up(s, reply_of(REPLY_AUTH_LATER));
  session_go_on(s);
}

/* A rule knows the password. */
static void auth_use_secret(struct session *s, str secret)
{
  struct auth_hub *hub = s->hub->auth;
  struct auth *a = s->auth;
  if (a->sasl.mech == SASL_CRAM_MD5) {
    auth_take(s, sasl_server_secret(&a->sasl, secret));
  } else if (a->sasl.mech != SASL_SCRAM_SHA_256) {
    auth_wrong(s);
  } else if (password_make(hub->passwords, &a->check, ban_key_of(&s->peer), buf_str(&a->sasl.user),
                           secret, auth_made, s) == PASSWORD_WAIT) {
    session_wait(s);
  } else {
    auth_give_up(s, reply_of(REPLY_AUTH_LATER));
  }
}

/* accept() stands for what was shown: a password, or nothing at all, which makes nobody of a client
 * (is_authenticated() stays false). It does not stand for a proof. */
static void auth_rule_accepts(struct session *s, const struct rules_verdict *v)
{
  const struct auth *a = s->auth;
  if (a->kind != RULES_AUTH_QUERY) {
    auth_succeed(s, buf_str(&a->sasl.user), v);
    return;
  }
  log_error(LOG_RULES,
            "sid=%s rule=%s accept() without proof: for %s answer packet(password), or next() for "
            "the accounts",
            s->id, log_q(v->directive), sasl_name(a->sasl.mech));
  auth_wrong(s);
}

static void auth_verdict(struct session *s, const struct rules_verdict *v)
{
  switch (v->kind) {
  case RULES_ACCEPT:
  case RULES_FACCEPT: auth_rule_accepts(s, v); break;
  case RULES_DENY:
    if (v->failed)
      auth_give_up(s, session_code(s, &v->code, CODE_FAILURE, ""));
    else
      auth_fail(s, session_code(s, &v->code, CODE_AUTH_INVALID_CREDENTIALS, ""));
    break;
  case RULES_INFO:
    auth_fail(s, session_code(s, &v->code, CODE_AUTH_INVALID_CREDENTIALS, ""));
    break;
  case RULES_QUARANTINE: auth_wrong(s); break;
  case RULES_PACKET: auth_use_secret(s, v->text); break;
  case RULES_NEXT:
  case RULES_DELEGATED: auth_ask_accounts(s); break;
  }
  judge_end(&s->judge);
}

static void auth_judged(void *arg, const struct rules_verdict *v)
{
  struct session *s = arg;
  s->waiting = false;
  auth_verdict(s, v);
  session_go_on(s);
}

/* What the rules may know of the client's part. -1: no memory. */
static int auth_show(struct session *s)
{
  const struct auth *a = s->auth;
  struct rules_facts *f = &s->greeting->facts;
  f->auth = a->kind;
  f->auth_id = arena_str(s->arena, buf_str(&a->sasl.user));
  f->auth_token = arena_str(s->arena, buf_str(&a->sasl.token));
  f->auth_pass = arena_str(s->arena, buf_str(&a->sasl.password));
  return f->auth_id.p && f->auth_token.p && f->auth_pass.p ? 0 : -1;
}

/* Somebody is to be judged. What an earlier stage said for the rest of the connection says nothing
 * about passwords. */
static void auth_ask(struct session *s, enum rules_auth kind)
{
  struct auth *a = s->auth;
  const struct rules_verdict *v;
  a->kind = kind;
  if (rules_count(s->policy->rules, STAGE_AUTHENTICATE) == 0 || s->greeting->skip != RULES_NEXT) {
    auth_ask_accounts(s);
    return;
  }
  a->asked = true;
  a->saved = *s->greeting;
  a->mark = arena_note(s->arena);
  a->reported = s->reported = s->greeting->trace_count;
  if (auth_show(s) < 0) {
    auth_give_up(s, reply_of(REPLY_AUTH_LATER));
    return;
  }
  v = judge_start(&s->judge, &(struct judge_order){.loop = s->mta->loop,
                                                   .policy = s->policy,
                                                   .mail = s->greeting,
                                                   .stage = STAGE_AUTHENTICATE,
                                                   .done = auth_judged,
                                                   .arg = s});
  if (v)
    auth_verdict(s, v);
  else
    session_wait(s);
}

/* ---- the exchange ---------------------------------------------------------------------------- */

static void auth_challenge(struct session *s)
{
  struct buf line = BUF_INIT(2 * LIMIT_AUTH_LINE);
  buf_puts(&line, "334 ");
  buf_base64(&line, buf_str(&s->auth->out));
  buf_puts(&line, "\r\n");
  if (buf_ok(&line)) {
    s->auth->open = true;
    io_write(s->io, buf_str(&line));
  } else {
    auth_give_up(s, reply_of(REPLY_AUTH_LATER));
  }
  buf_free(&line);
}

static void auth_take(struct session *s, enum sasl_next next)
{
  const struct conf *conf = auth_conf(s);
  switch (next) {
  case SASL_CHALLENGE: auth_challenge(s); break;
  case SASL_PASSWORD: auth_ask(s, RULES_AUTH_VERIFY); break;
  case SASL_SECRET: auth_ask(s, RULES_AUTH_QUERY); break;
  case SASL_TOKEN: auth_ask(s, RULES_AUTH_ANONYMOUS); break;
  case SASL_PROVEN: auth_accepted(s); break;
  case SASL_FAILED: auth_wrong(s); break;
  case SASL_MALFORMED: auth_give_up(s, conf_reply(conf, CODE_SYNTAX_ERROR_PARAMS, "")); break;
  case SASL_TOO_EARLY:
    auth_give_up(s, conf_reply(conf, CODE_AUTH_CLIENT_MUST_NOT_START, ""));
    break;
  case SASL_WORK:
  case SASL_NOMEM: auth_give_up(s, reply_of(REPLY_AUTH_LATER)); break;
  }
}

/* The client's part as it stands on the line. */
static void auth_respond(struct session *s, str line)
{
  struct auth *a = s->auth;
  str response;
  if (sasl_decode(line, &a->in) < 0) {
    auth_give_up(s, buf_ok(&a->in) ? conf_reply(auth_conf(s), CODE_AUTH_ERROR_DECODE64, "")
                                   : reply_of(REPLY_AUTH_LATER));
    return;
  }
  response = buf_str(&a->in);
  auth_take(s, sasl_server_step(&a->sasl, &response, &a->out));
}

static void auth_shut_out(struct session *s)
{
  s->close_after = true;
  auth_give_up(s, reply_of(REPLY_AUTH_BANNED));
}

bool auth_input(struct session *s)
{
  str line;
  switch (io_line(s->io, LIMIT_AUTH_LINE, &line)) {
  case IO_LINE_NONE: return false;
  case IO_LINE_BARE: s->auth->open = false, auth_give_up(s, reply_of(REPLY_LINE_BARE)); break;
  case IO_LINE_LONG:
    s->auth->open = false, auth_give_up(s, reply_of(REPLY_AUTH_LINE_TOO_LONG));
    break;
  case IO_LINE_OK:
    s->auth->open = false;
    if (str_eq(line, STR("*")))
      auth_cancelled(s);
    else if (ban_holds(s->hub->auth->ban, ban_key_of(&s->peer)))
      auth_shut_out(s); /* since the exchange began: many may have been begun at once */
    else
      auth_respond(s, line);
    break;
  }
  return true;
}

void auth_run(struct session *s)
{
  str initial;
  enum sasl_mech mech = auth_mechanism(s, &initial);
  struct auth *a = mem_alloc(sizeof *a);
  if (!a) {
    session_reply(s, reply_of(REPLY_AUTH_LATER));
    return;
  }
  a->in.cap = LIMIT_AUTH_LINE;
  a->out.cap = 2 * LIMIT_AUTH_LINE;
  s->auth = a;
  if (sasl_server_init(&a->sasl, mech, auth_conf(s)->server.domain, STR("")) < 0)
    auth_give_up(s, reply_of(REPLY_AUTH_LATER));
  else if (initial.p)
    auth_respond(s, initial);
  else
    auth_take(s, sasl_server_step(&a->sasl, NULL, &a->out));
}

/* ---- afterwards ------------------------------------------------------------------------------ */

bool auth_owns(const struct session *s, str address)
{
  struct buf name = BUF_INIT(PASSWORD_ACCOUNT_MAX);
  bool owns = password_account(auth_conf(s), s->connection->facts.auth_id, &name) == 0 &&
              alias_leads_now_to(auth_conf(s), s->mta->store, address, buf_str(&name));
  buf_free(&name);
  return owns;
}
