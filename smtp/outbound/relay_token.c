/* smtp/outbound/relay_token.c: the token for server.relay that a command prints. */
#include "relay_token.h"

struct relay_token_ask {
  struct relay_token *bearer;
  struct commands_call *call;
  relay_token_fn *told;
  void *arg;
};

/* ---- what it printed ------------------------------------------------------------------------- */

/* RFC 6750 §2.1 has fewer; whatever is visible cannot end the field of XOAUTH2 it stands in. */
static bool relay_token_is_visible(str s)
{
  for (size_t i = 0; i < s.n; i++)
    if (s.p[i] < '!' || s.p[i] > '~') return false;
  return true;
}

int relay_token_read(str output, str *token, struct err *e)
{
  str line = str_trim(output);

  if (!line.n) return err_set(e, ERR_TEMP, "it printed nothing");
  if (str_chr(line, '\n') >= 0) return err_set(e, ERR_TEMP, "it printed more than one line");
  if (!relay_token_is_visible(line))
    return err_set(e, ERR_TEMP, "it printed something with spaces or control characters in it");
  if (line.n > LIMIT_TOKEN)
    return err_set(e, ERR_TEMP, "it printed more than %d octets", LIMIT_TOKEN);
  *token = line;
  return 0;
}

/* ---- the token ------------------------------------------------------------------------------- */

bool relay_token_is_here(const struct relay_token *t, int64_t now)
{
  return t->text && (!t->proved || t->until > now);
}

void relay_token_forget(struct relay_token *t)
{
  if (t->text) mem_wipe(t->text, strlen(t->text));
  mem_free(t->text);
  t->text = NULL;
  t->proved = false;
}

void relay_token_forget_unproved(struct relay_token *t)
{
  if (!t->proved) relay_token_forget(t);
}

static int relay_token_take(struct relay_token *t, str text)
{
  char *own = mem_strdup(text);

  if (!own) return -1;
  relay_token_forget(t);
  t->text = own;
  if (++t->number == 0) t->number = 1;
  return 0;
}

void relay_token_proved(struct relay_token *t, unsigned number, int64_t now)
{
  if (t->number != number || !t->text || t->proved) return;
  t->proved = true;
  t->until = now + LIMIT_TOKEN_KEEP;
}

bool relay_token_refused(struct relay_token *t, unsigned number)
{
  bool again = t->number != number || t->proved || !t->text;

  if (t->number == number) relay_token_forget(t);
  return again;
}

/* ---- asking ---------------------------------------------------------------------------------- */

static int relay_token_heard(struct relay_token *t, const struct helper_ran *ran, struct err *e)
{
  str text;

  if (ran->flood) return err_set(e, ERR_TEMP, "it printed more than %d octets", LIMIT_TOKEN);
  if (ran->how != HELPER_EXITED || ran->value != 0)
    return err_set(e, ERR_TEMP, STR_FMT, STR_ARG(ran->text));
  if (relay_token_read(ran->output, &text, e) < 0) return -1;
  return relay_token_take(t, text) == 0 ? 0 : err_nomem(e);
}

static void relay_token_ran(void *arg, const struct helper_ran *ran)
{
  struct relay_token_ask ask = *(struct relay_token_ask *)arg;
  struct err e;
  int rc = relay_token_heard(ask.bearer, ran, &e);

  mem_free(arg);
  if (rc < 0) err_context(&e, "4.7.0 server.relay.token_command");
  ask.told(ask.arg, rc < 0 ? &e : NULL);
}

struct relay_token_ask *relay_token_get(struct relay_token *t, struct commands *commands,
                                        const struct conf *conf, relay_token_fn *told, void *arg,
                                        struct err *e)
{
  const struct helper_service s = commands_of_relay(conf);
  struct relay_token_ask *ask = mem_alloc(sizeof *ask);

  if (!ask) {
    err_nomem(e);
  } else if (!commands) {
    err_set(e, ERR_TEMP, "no command can be run here");
  } else {
    *ask = (struct relay_token_ask){.bearer = t, .told = told, .arg = arg};
    ask->call = commands_run(commands, &s, NULL, 0, LIMIT_TOKEN + 2, relay_token_ran, ask, e);
    if (ask->call) return ask;
  }
  mem_free(ask);
  err_context(e, "4.7.0 server.relay.token_command");
  return NULL;
}

void relay_token_cancel(struct relay_token_ask *ask)
{
  if (!ask) return;
  commands_cancel(ask->call);
  mem_free(ask);
}
