/* smtp/sasl/login.c: the client's side of AUTH (RFC 4954): lines in, lines out. */
#include "sasl.h"

/* Best first: those that show no password before those that do. */
static const enum sasl_mech login_order[] = {SASL_SCRAM_SHA_256, SASL_PLAIN, SASL_LOGIN};

int login_init(struct login *l, str user, str secret, enum sasl_mech mech)
{
  *l = (struct login){.user = mem_strdup(user), .secret = mem_strdup(secret), .mech = mech};
  return l->user && l->secret ? 0 : -1;
}

void login_end(struct login *l)
{
  if (l->secret) mem_wipe(l->secret, strlen(l->secret));
  mem_free(l->user);
  mem_free(l->secret);
  sasl_client_end(&l->sasl);
  *l = (struct login){0};
}

static enum sasl_mech login_choose(const struct login *l, unsigned offered)
{
  if (l->mech != SASL_MECHS) return offered & 1u << l->mech ? l->mech : SASL_MECHS;
  for (size_t i = 0; i < BASE_COUNT(login_order); i++)
    if (offered & 1u << login_order[i]) return login_order[i];
  return SASL_MECHS;
}

/* The answer of the machine, in base64 behind what the line holds already. */
static enum login_next login_say(enum sasl_next next, const struct buf *out, struct buf *line)
{
  if (next == SASL_WORK) return LOGIN_WORK;
  if (next != SASL_CHALLENGE && next != SASL_PROVEN) return LOGIN_BROKEN;
  buf_base64(line, buf_str(out));
  return buf_ok(line) ? LOGIN_SAY : LOGIN_BROKEN;
}

enum login_next login_begin(struct login *l, unsigned offered, struct buf *line)
{
  enum sasl_mech mech = login_choose(l, offered);
  struct buf out = BUF_INIT(LIMIT_AUTH_LINE);
  enum login_next next = LOGIN_BROKEN;
  bool initial = false;

  buf_clear(line);
  if (mech == SASL_MECHS) return LOGIN_NONE;
  sasl_client_end(&l->sasl);
  buf_printf(line, "AUTH %s", sasl_name(mech));
  if (sasl_client_init(&l->sasl, mech, str_of(l->user), str_of(l->secret), STR("")) == 0 &&
      sasl_client_begin(&l->sasl, &out, &initial) == SASL_CHALLENGE) {
    if (initial) buf_putc(line, ' ');
    if (initial && out.n == 0) buf_putc(line, '='); /* RFC 4954 §4 */
    next = login_say(SASL_CHALLENGE, &out, line);
  }
  buf_wipe(&out);
  return next;
}

enum login_next login_heard(struct login *l, int code, str text, struct buf *line)
{
  struct buf out = BUF_INIT(LIMIT_AUTH_LINE), challenge = BUF_INIT(LIMIT_AUTH_LINE);
  enum login_next next = LOGIN_BROKEN;

  buf_clear(line);
  if (code == 235)
    next = sasl_client_done(&l->sasl) ? LOGIN_DONE : LOGIN_BROKEN;
  else if (code != 334)
    next = code >= 400 ? LOGIN_REFUSED : LOGIN_BROKEN;
  else if (!text.n || sasl_decode(text, &challenge) == 0)
    next = login_say(sasl_client_step(&l->sasl, buf_str(&challenge), &out), &out, line);
  buf_wipe(&out);
  buf_free(&challenge);
  return next;
}

enum login_next login_work(struct login *l, struct buf *line)
{
  struct buf out = BUF_INIT(LIMIT_AUTH_LINE);
  enum login_next next;

  buf_clear(line);
  next = login_say(sasl_client_work(&l->sasl, &out), &out, line);
  buf_wipe(&out);
  return next;
}
