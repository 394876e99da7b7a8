/* smtp/format/command.c: one SMTP command line becomes a struct (RFC 5321 §4.1.1).
 *
 * The line has been framed by the connection: no CR, LF or NUL can be in it. A verb is known by its
 * word; what is wrong with the rest is told by `fault`, so that the session's table of legal
 * states still sees which command was meant.
 */
#include "format.h"

static const char *const command_words[] = {
#define COMMAND_WORD(word) #word,
    COMMAND_LIST(COMMAND_WORD)
#undef COMMAND_WORD
};

/* Cross-protocol requests (ALPACA): a browser or TLS client sent here must not go on. */
static const char *const command_foreign[] = {"GET",    "HEAD",    "POST",    "PUT",
                                              "DELETE", "CONNECT", "OPTIONS", "TRACE",
                                              "PATCH",  "PRI",     "Host:",   "User-Agent:"};

static enum command_verb command_verb_of(str word)
{
  for (size_t i = 0; i < BASE_COUNT(command_words); i++)
    if (str_ieq(word, str_of(command_words[i]))) return (enum command_verb)i;
  for (size_t i = 0; i < BASE_COUNT(command_foreign); i++)
    if (str_ieq(word, str_of(command_foreign[i]))) return COMMAND_FOREIGN;
  if (word.n > 0 && word.p[0] == 0x16) return COMMAND_FOREIGN; /* a TLS handshake record */
  return COMMAND_UNKNOWN;
}

static str command_word(str *rest)
{
  size_t n = 0;

  while (n < rest->n && rest->p[n] != ' ' && rest->p[n] != '\t') n++;
  str word = str_sub(*rest, 0, n);
  *rest = str_trim(str_skip(*rest, n));
  return word;
}

static enum command_fault command_path_fault(enum addr_fault fault, enum command_fault bad)
{
  switch (fault) {
  case ADDR_OK: return COMMAND_OK;
  case ADDR_TOO_LONG: return COMMAND_TOO_LONG;
  case ADDR_NEEDS_UTF8: return COMMAND_UTF8_NEEDED;
  case ADDR_NOMEM: return COMMAND_NOMEM;
  case ADDR_SYNTAX:
  case ADDR_BAD_LOCAL:
  case ADDR_BAD_DOMAIN: break;
  }
  return bad;
}

/* ---- parameters of MAIL and RCPT: RFC 5321 §4.1.1.11 ----------------------------------------- */

static enum command_fault command_size(str value, struct command *c)
{
  /* RFC 1870 §3: 1 to 20 digits; what does not fit 64 bits is larger than any limit. */
  if (value.n == 0 || value.n > 20) return COMMAND_BAD_ARGUMENT;
  for (size_t i = 0; i < value.n; i++)
    if (!str_isdigit(value.p[i])) return COMMAND_BAD_ARGUMENT;
  if (str_to_u64(value, &c->size, 10) < 0) c->size = UINT64_MAX;
  return COMMAND_OK;
}

static enum command_fault command_body(str value, struct command *c)
{
  c->eight_bit = str_ieq(value, STR("8BITMIME"));
  return c->eight_bit || str_ieq(value, STR("7BIT")) ? COMMAND_OK : COMMAND_BAD_ARGUMENT;
}

static enum command_fault command_smtputf8(str value, struct command *c)
{
  c->utf8 = true;
  return value.p == NULL ? COMMAND_OK : COMMAND_BAD_ARGUMENT;
}

/* RFC 4954 §5: AUTH=<> or an xtext mailbox. The claim is not believed, only checked for form, so
 * that no decoded control character can travel further. */
static enum command_fault command_auth(str value, struct command *c)
{
  (void)c;
  if (value.n == 0) return COMMAND_BAD_ARGUMENT;
  for (size_t i = 0; i < value.n; i++) {
    unsigned char b = (unsigned char)value.p[i];
    uint64_t code;

    if (b <= ' ' || b >= 0x7f) return COMMAND_BAD_ARGUMENT;
    if (b != '+') continue;
    if (str_to_u64(str_sub(value, i + 1, i + 3), &code, 16) < 0 || i + 2 >= value.n)
      return COMMAND_BAD_ARGUMENT;
    if (code < ' ' || code == 0x7f) return COMMAND_BAD_ARGUMENT;
    i += 2;
  }
  return COMMAND_OK;
}

static enum command_fault command_ret(str value, struct command *c)
{
  c->ret = value;
  return dsn_ret_ok(value) ? COMMAND_OK : COMMAND_BAD_ARGUMENT;
}

static enum command_fault command_envid(str value, struct command *c)
{
  c->envid = value;
  return dsn_envid_ok(value) ? COMMAND_OK : COMMAND_BAD_ARGUMENT;
}

static enum command_fault command_notify(str value, struct command *c)
{
  c->notify = value;
  return dsn_notify_ok(value) ? COMMAND_OK : COMMAND_BAD_ARGUMENT;
}

static enum command_fault command_orcpt(str value, struct command *c)
{
  c->orcpt = value;
  return dsn_orcpt_ok(value, c->utf8) ? COMMAND_OK : COMMAND_BAD_ARGUMENT;
}

static const struct command_parameter {
  enum command_verb verb;
  str name;
  enum command_fault (*read)(str value, struct command *c);
} command_parameters[] = {
    {COMMAND_MAIL, STR_INIT("SIZE"), command_size},
    {COMMAND_MAIL, STR_INIT("BODY"), command_body},
    {COMMAND_MAIL, STR_INIT("SMTPUTF8"), command_smtputf8},
    {COMMAND_MAIL, STR_INIT("AUTH"), command_auth},
    {COMMAND_MAIL, STR_INIT("RET"), command_ret},
    {COMMAND_MAIL, STR_INIT("ENVID"), command_envid},
    {COMMAND_RCPT, STR_INIT("NOTIFY"), command_notify},
    {COMMAND_RCPT, STR_INIT("ORCPT"), command_orcpt},
};

/* seen: a bit for each row of the table met before; RFC 3461 §4 wants each at most once. */
static enum command_fault command_read_parameter(str word, unsigned *seen, struct command *c)
{
  ptrdiff_t equals = str_chr(word, '=');
  str name = equals < 0 ? word : str_sub(word, 0, (size_t)equals);
  str value = equals < 0 ? (str){NULL, 0} : str_skip(word, (size_t)equals + 1);

  if (name.n == 0) return COMMAND_BAD_ARGUMENT;
  for (size_t i = 0; i < BASE_COUNT(command_parameters); i++) {
    const struct command_parameter *row = &command_parameters[i];

    if (row->verb != c->verb || !str_ieq(name, row->name)) continue;
    if (*seen & 1u << i) return COMMAND_BAD_ARGUMENT;
    *seen |= 1u << i;
    return row->read(value, c);
  }
  return COMMAND_BAD_PARAMETER;
}

static enum command_fault command_read_parameters(str rest, struct command *c)
{
  enum command_fault fault = COMMAND_OK;
  unsigned seen = 0;

  while (!fault && (rest = str_trim(rest)).n > 0)
    fault = command_read_parameter(command_word(&rest), &seen, c);
  return fault;
}

/* SMTPUTF8 stands behind the path it allows, so it is looked for first (RFC 6531 §3.4). */
static bool command_asks_utf8(str arg)
{
  while (arg.n > 0)
    if (str_ieq(command_word(&arg), STR("SMTPUTF8"))) return true;
  return false;
}

/* MAIL FROM:<…> and RCPT TO:<…>. Spaces behind the colon are let pass: old devices send them. */
static enum command_fault command_read_path(str keyword, bool utf8, struct arena *a,
                                            struct command *c)
{
  bool mail = c->verb == COMMAND_MAIL;
  enum command_fault fault;
  str rest = c->arg;

  if (!str_istarts(rest, keyword)) return COMMAND_BAD_ARGUMENT;
  rest = str_trim(str_skip(rest, keyword.n));
  c->utf8 = utf8 = mail ? command_asks_utf8(rest) : utf8;
  fault = command_path_fault(addr_path(&rest, utf8, a, &c->path),
                             mail ? COMMAND_BAD_SENDER : COMMAND_BAD_RCPT);
  if (fault) return fault;
  if (rest.n > 0 && rest.p[0] != ' ' && rest.p[0] != '\t') return COMMAND_BAD_ARGUMENT;
  if (mail && c->path.text.n > 0 && c->path.domain.n == 0) return COMMAND_BAD_SENDER;
  if (!mail && c->path.text.n == 0) return COMMAND_BAD_RCPT;
  if (!mail && c->path.domain.n == 0 && !str_ieq(c->path.local, STR("postmaster")))
    return COMMAND_NO_DOMAIN;
  return command_read_parameters(rest, c);
}

/* HELO takes a domain, EHLO a domain or literal (§4.1.1.1). What clients really send is any word;
 * it is only shown, never believed, so only its form is held: one word of printable bytes. */
static enum command_fault command_read_helo(struct command *c)
{
  str word = command_word(&c->arg);

  c->arg = word;
  if (word.n == 0 || word.n > LIMIT_DOMAIN || !utf8_clean(word)) return COMMAND_BAD_ARGUMENT;
  for (size_t i = 0; i < word.n; i++)
    if (strchr(" <>()\"\\,;", word.p[i])) return COMMAND_BAD_ARGUMENT;
  return COMMAND_OK;
}

void command_parse(str line, bool utf8, struct arena *a, struct command *out)
{
  str rest = line;

  memset(out, 0, sizeof *out);
  out->word = command_word(&rest);
  out->verb = command_verb_of(out->word);
  out->arg = rest;
  switch (out->verb) {
  case COMMAND_HELO:
  case COMMAND_EHLO: out->fault = command_read_helo(out); break;
  case COMMAND_MAIL: out->fault = command_read_path(STR("FROM:"), utf8, a, out); break;
  case COMMAND_RCPT: out->fault = command_read_path(STR("TO:"), utf8, a, out); break;
  case COMMAND_VRFY:
  case COMMAND_EXPN:
  case COMMAND_AUTH: out->fault = rest.n ? COMMAND_OK : COMMAND_BAD_ARGUMENT; break;
  case COMMAND_DATA:
  case COMMAND_RSET:
  case COMMAND_QUIT:
  case COMMAND_STARTTLS: out->fault = rest.n ? COMMAND_BAD_ARGUMENT : COMMAND_OK; break;
  case COMMAND_NOOP:
  case COMMAND_HELP:
  case COMMAND_BDAT:
  case COMMAND_UNKNOWN:
  case COMMAND_FOREIGN:
  case COMMAND_COUNT: break;
  }
}
