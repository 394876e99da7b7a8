/* smtp/policy/alias_expand.c: who is at the end of an alias: from address to address through the
 * table. */
#include "../format/format.h"
#include "../conf/conf.h"
#include "policy.h"

/* ---- one step -------------------------------------------------------------------------------- */

struct alias_walk {
  const struct conf *conf;
  struct store *store;
  struct arena *arena;
  bool blind;            /* mailboxes are not looked for: catch-alls do not count */
  struct alias_end *end; /* all addresses met; those that stand for others are no ends */
  bool *open, *final;    /* of each: it is an end; aliases are not asked */
  size_t n;
  const struct alias *by;
};

static const struct alias *alias_of_mailbox(const struct alias_walk *w, str address)
{
  const struct aliases *t = &w->conf->app.aliases;
  const struct alias *found = alias_find(t, address);
  ptrdiff_t at = str_rchr(address, '@');
  str local = str_sub(address, 0, (size_t)at), host = str_skip(address, (size_t)at), bare;

  ptrdiff_t plus = str_chr(local, '+');
  if (!found && plus > 0) {
    bare = arena_printf(w->arena, STR_FMT STR_FMT, STR_ARG(str_sub(local, 0, (size_t)plus)),
                        STR_ARG(host));
    if (bare.p) found = alias_find(t, bare);
  }
  /* Every domain of ours has a postmaster (RFC 5321 §4.5.1): the one of the server, if no other. */
  if (!found && str_ieq(local, STR("postmaster"))) {
    bare = arena_printf(w->arena, "postmaster@" STR_FMT, STR_ARG(w->conf->server.domain));
    if (bare.p) found = alias_find(t, bare);
  }
  return found;
}

/* The alias of an address, or NULL; then *known says whether there is somebody of that name. */
static const struct alias *alias_step(const struct alias_walk *w, str address, bool final,
                                      int *known)
{
  struct inbox where;
  str domain = addr_domain(address);
  const struct alias *found = NULL;

  *known = 1;
  if (!conf_is_ours(w->conf, domain)) return NULL;
  if (!final) found = alias_of_mailbox(w, address);
  if (found || w->blind) return found;
  *known = inbox_mailbox(w->conf, w->store, address, w->arena, &where);
  if (*known || final) return NULL;
  domain = str_skip(address, address.n - domain.n - 1);
  return alias_find(&w->conf->app.aliases, domain);
}

/* ---- the whole way --------------------------------------------------------------------------- */

static ptrdiff_t alias_met(const struct alias_walk *w, str address, bool ours)
{
  for (size_t i = 0; i < w->n; i++)
    if (ours ? str_ieq(w->end[i].address, address) : str_eq(w->end[i].address, address))
      return (ptrdiff_t)i;
  return -1;
}

/* One more address, unless it was met: then, if it stood for others, it is a circle, and whoever
 * has that name gets a copy. */
static int alias_meet(struct alias_walk *w, str address, bool final, struct err *e)
{
  ptrdiff_t before = alias_met(w, address, conf_is_ours(w->conf, addr_domain(address)));

  if (before >= 0) {
    w->final[before] |= !w->open[before];
    w->open[before] = true;
    return 0;
  }
  if (w->n == LIMIT_ALIAS_TARGETS)
    return err_set(e, ERR_PERM, "an alias stands for more than %d addresses", LIMIT_ALIAS_TARGETS);
  w->end[w->n] = (struct alias_end){.address = address};
  w->open[w->n] = true;
  w->final[w->n++] = final;
  return 0;
}

/* What a target means for this address. */
static str alias_target(const struct alias_walk *w, str target, str address)
{
  ptrdiff_t at = str_rchr(address, '@');

  if (!str_starts(target, STR("@"))) return target;
  return arena_printf(w->arena, STR_FMT STR_FMT, STR_ARG(str_sub(address, 0, (size_t)at)),
                      STR_ARG(target));
}

/* Whom "first account" means now. */
static int alias_first_account(const struct alias_walk *w, str *target, bool *final, struct err *e)
{
  int found = w->store ? account_first(w->store, w->arena, target, e) : 0;

  *final = found == 0;
  if (found) return found < 0 ? -1 : 0;
  *target = arena_printf(w->arena, "postmaster@" STR_FMT, STR_ARG(w->conf->server.domain));
  return target->p ? 0 : err_nomem(e);
}

static int alias_follow(struct alias_walk *w, size_t i, struct err *e)
{
  str address = w->end[i].address;
  const struct alias *found = alias_step(w, address, w->final[i], &w->end[i].known);

  if (!found) return 0;
  if (!w->by) w->by = found;
  w->open[i] = false;
  for (size_t k = 0; k < found->n; k++) {
    str target = found->targets[k];
    bool final = str_starts(target, STR("\\"));

    if (final) target = str_skip(target, 1);
    if (str_eq(target, STR(ALIAS_FIRST_ACCOUNT)) && alias_first_account(w, &target, &final, e))
      return -1;
    target = alias_target(w, target, address);
    if (!target.p) return err_nomem(e);
    if (alias_meet(w, target, final, e)) return -1;
  }
  return 0;
}

/* Addresses are followed in the order they are met; one found to be its own circle is asked once
 * more, as what it is. */
static int alias_walk_on(struct alias_walk *w, str address, struct err *e)
{
  size_t n = LIMIT_ALIAS_TARGETS;

  w->end = arena_alloc(w->arena, n * sizeof *w->end);
  w->open = arena_alloc(w->arena, n * sizeof *w->open);
  w->final = arena_alloc(w->arena, n * sizeof *w->final);
  if (!w->end || !w->open || !w->final) return err_nomem(e);
  if (alias_meet(w, address, false, e)) return -1;
  for (size_t i = 0; i < w->n; i++)
    if (alias_follow(w, i, e)) return -1;
  for (size_t i = 0; i < w->n; i++)
    if (w->open[i] && w->final[i]) alias_step(w, w->end[i].address, true, &w->end[i].known);
  return 0;
}

int alias_expand(const struct conf *conf, struct store *store, str address, struct arena *a,
                 struct alias_ends *out, struct err *e)
{
  struct arena *scratch = arena_new(0);
  struct alias_walk w = {.conf = conf, .store = store, .arena = scratch};
  int result = scratch ? alias_walk_on(&w, address, e) : err_nomem(e);

  *out = (struct alias_ends){.by = w.by};
  if (result == 0) out->end = arena_alloc(a, w.n * sizeof *out->end);
  if (result == 0 && !out->end) result = err_nomem(e);
  for (size_t i = 0; result == 0 && i < w.n; i++) {
    if (!w.open[i]) continue;
    out->end[out->n] = w.end[i];
    out->end[out->n].address = arena_str(a, w.end[i].address);
    if (!out->end[out->n++].address.p) result = err_nomem(e);
  }
  arena_free(scratch);
  return result;
}

/* ---- questions ------------------------------------------------------------------------------- */

static bool alias_is_labelled(str address, str account)
{
  ptrdiff_t plus = str_chr(address, '+'), at = str_rchr(address, '@');
  ptrdiff_t end = str_rchr(account, '@');

  if (plus <= 0 || at < plus || end != plus) return false;
  return str_ieq(str_sub(address, 0, (size_t)plus), str_sub(account, 0, (size_t)end)) &&
         str_ieq(str_skip(address, (size_t)at), str_skip(account, (size_t)end));
}

bool alias_leads_now_to(const struct conf *conf, struct store *store, str address, str account)
{
  struct arena *scratch = arena_new(0);
  struct alias_walk w = {.conf = conf, .store = store, .arena = scratch, .blind = true};
  struct err e;
  bool found = str_ieq(address, account) || alias_is_labelled(address, account);

  if (scratch && !found && str_chr(address, '@') >= 0 && alias_walk_on(&w, address, &e) == 0)
    for (size_t i = 0; i < w.n && !found; i++)
      found = str_ieq(w.end[i].address, account) || alias_is_labelled(w.end[i].address, account);
  arena_free(scratch);
  return found;
}

bool alias_leads_to(const struct conf *conf, str address, str account)
{
  return alias_leads_now_to(conf, NULL, address, account);
}

/* The mailbox of the postmaster is made when the server starts. */
static bool alias_will_be(const struct conf *conf, str address)
{
  return str_istarts(address, STR("postmaster@")) && conf_is_ours(conf, addr_domain(address));
}

/* A target nobody has is left out, the others get the mail; without any left it is refused. */
static void alias_check_one(const struct conf *conf, struct store *store, const struct alias *one,
                            struct diags *d)
{
  struct arena *a = arena_new(0);
  str address = one->address;
  struct alias_ends ends = {.n = 0};
  struct err e;
  str nobody = {NULL, 0};

  if (a && str_starts(address, STR("@")))
    address = arena_printf(a, "nobody-has-this-name" STR_FMT, STR_ARG(address));
  if (a && address.p && alias_expand(conf, store, address, a, &ends, &e) && e.kind == ERR_PERM)
    alias_say(d, false, one, "cannot be accepted: it would go to too many addresses");
  for (size_t i = 0; i < ends.n; i++)
    if (ends.end[i].known == 0 && !alias_will_be(conf, ends.end[i].address))
      nobody = ends.end[i].address;
  if (nobody.p && conf_is_ours(conf, addr_domain(one->address)))
    diags_add(d, true, one->file, one->source, one->line, one->column,
              "mail for " STR_FMT " does not reach " STR_FMT ": nobody here has that name",
              STR_ARG(one->address), STR_ARG(nobody));
  arena_free(a);
}

void alias_check(const struct conf *conf, struct store *store, struct diags *d)
{
  const struct aliases *t = &conf->app.aliases;

  for (size_t i = 0; i < t->n; i++) alias_check_one(conf, store, &t->list[i], d);
}
