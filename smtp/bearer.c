/* smtp/bearer.c: the token for server.relay that a command prints. */
#include "bearer.h"

struct bearer_ask {
  struct bearer *bearer;
  struct commands_call *call;
  bearer_fn *told;
  void *arg;
};

/* ---- what it printed ------------------------------------------------------------------------- */

/* RFC 6750 §2.1 has fewer; whatever is visible cannot end the field of XOAUTH2 it stands in. */
static bool bearer_is_visible(str s)
{
  for (size_t i = 0; i < s.n; i++)
    if (s.p[i] < '!' || s.p[i] > '~') return false;
  return true;
}

int bearer_read(str output, str *token, struct err *e)
{
  str line = str_trim(output);

  if (!line.n) return err_set(e, ERR_TEMP, "it printed nothing");
  if (str_chr(line, '\n') >= 0) return err_set(e, ERR_TEMP, "it printed more than one line");
  if (!bearer_is_visible(line))
    return err_set(e, ERR_TEMP, "it printed something with spaces or control characters in it");
  if (line.n > LIMIT_TOKEN)
    return err_set(e, ERR_TEMP, "it printed more than %d octets", LIMIT_TOKEN);
  *token = line;
  return 0;
}

/* ---- the token ------------------------------------------------------------------------------- */

bool bearer_is_here(const struct bearer *t, int64_t now)
{
  return t->text && (!t->proved || t->until > now);
}

void bearer_forget(struct bearer *t)
{
  if (t->text) mem_wipe(t->text, strlen(t->text));
  mem_free(t->text);
  t->text = NULL;
  t->proved = false;
}

void bearer_forget_unproved(struct bearer *t)
{
  if (!t->proved) bearer_forget(t);
}

static int bearer_take(struct bearer *t, str text)
{
  char *own = mem_strdup(text);

  if (!own) return -1;
  bearer_forget(t);
  t->text = own;
  if (++t->number == 0) t->number = 1;
  return 0;
}

void bearer_proved(struct bearer *t, unsigned number, int64_t now)
{
  if (t->number != number || !t->text || t->proved) return;
  t->proved = true;
  t->until = now + LIMIT_TOKEN_KEEP;
}

bool bearer_refused(struct bearer *t, unsigned number)
{
  bool again = t->number != number || t->proved || !t->text;

  if (t->number == number) bearer_forget(t);
  return again;
}

/* ---- asking ---------------------------------------------------------------------------------- */

static int bearer_heard(struct bearer *t, const struct helper_ran *ran, struct err *e)
{
  str text;

  if (ran->flood) return err_set(e, ERR_TEMP, "it printed more than %d octets", LIMIT_TOKEN);
  if (ran->how != HELPER_EXITED || ran->value != 0)
    return err_set(e, ERR_TEMP, STR_FMT, STR_ARG(ran->text));
  if (bearer_read(ran->output, &text, e) < 0) return -1;
  return bearer_take(t, text) == 0 ? 0 : err_nomem(e);
}

static void bearer_ran(void *arg, const struct helper_ran *ran)
{
  struct bearer_ask ask = *(struct bearer_ask *)arg;
  struct err e;
  int rc = bearer_heard(ask.bearer, ran, &e);

  mem_free(arg);
  if (rc < 0) err_context(&e, "4.7.0 server.relay.token_command");
  ask.told(ask.arg, rc < 0 ? &e : NULL);
}

struct bearer_ask *bearer_ask(struct bearer *t, struct commands *commands, const struct conf *conf,
                              bearer_fn *told, void *arg, struct err *e)
{
  const struct helper_service s = commands_of_relay(conf);
  struct bearer_ask *ask = mem_alloc(sizeof *ask);

  if (!ask) {
    err_nomem(e);
  } else if (!commands) {
    err_set(e, ERR_TEMP, "no command can be run here");
  } else {
    *ask = (struct bearer_ask){.bearer = t, .told = told, .arg = arg};
    ask->call = commands_run(commands, &s, NULL, 0, LIMIT_TOKEN + 2, bearer_ran, ask, e);
    if (ask->call) return ask;
  }
  mem_free(ask);
  err_context(e, "4.7.0 server.relay.token_command");
  return NULL;
}

void bearer_cancel(struct bearer_ask *ask)
{
  if (!ask) return;
  commands_cancel(ask->call);
  mem_free(ask);
}
