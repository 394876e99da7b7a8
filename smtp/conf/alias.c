/* smtp/conf/alias.c: which addresses stand for which others: the table, as it is made. */
#include "conf.h"

#include "../format/format.h"

/* ---- what may stand in the table ------------------------------------------------------------- */

/* A mailbox, or a local part alone, which will get a domain. */
static bool alias_is_address(str s, struct arena *a)
{
  struct addr parsed;
  str whole = str_chr(s, '@') >= 0 ? s : arena_printf(a, STR_FMT "@x", STR_ARG(s));

  return whole.p && addr_mailbox(whole, true, a, &parsed) == ADDR_OK;
}

static bool alias_is_domain(str s)
{
  return s.n > 1 && s.p[0] == '@' && addr_domain_ok(str_skip(s, 1), true);
}

static const char *alias_no_address(str s, struct arena *a)
{
  str text = arena_printf(a, "\"" STR_FMT "\" is no address", STR_ARG(s));
  return text.p ? text.p : "out of memory";
}

const char *alias_name_fault(str name, struct arena *a)
{
  return alias_is_domain(name) || alias_is_address(name, a) ? NULL : alias_no_address(name, a);
}

/* What sendmail knows besides addresses stays outside: it would run or write as somebody who never
 * said so. Each has a counterpart that the operator declares. */
const char *alias_target_fault(str target, bool of_domain, struct arena *a)
{
  if (str_starts(target, STR("|")))
    return "no alias runs a program: declare a service of type cmd and call it in a rule";
  if (str_eq(target, STR("/dev/null")))
    return "no alias throws mail away: write a rule with disable_delivery()";
  if (str_starts(target, STR("/")))
    return "no alias writes into a file: use a mailbox, or a rule with write()";
  if (str_istarts(target, STR(":include:")))
    return "lists in other files are not read: write their addresses here";
  if (str_eq(target, STR(ALIAS_FIRST_ACCOUNT))) return NULL;
  if (of_domain && alias_is_domain(target)) return NULL;
  if (str_starts(target, STR("@")))
    return "only a whole domain, \"@old.example\", can stand for another";
  if (str_starts(target, STR("\\"))) target = str_skip(target, 1);
  return alias_is_address(target, a) ? NULL : alias_no_address(target, a);
}

int alias_add(struct aliases *t, const struct alias *one, struct arena *a)
{
  size_t size = t->size ? 2 * t->size : 16;

  if (t->n == t->size) {
    struct alias *list = arena_alloc(a, size * sizeof *list);
    if (!list) return -1;
    if (t->n) memcpy(list, t->list, t->n * sizeof *list);
    t->list = list;
    t->size = size;
  }
  t->list[t->n++] = *one;
  return 0;
}

/* ---- the table as a whole -------------------------------------------------------------------- */

static int alias_order(const void *a, const void *b)
{
  const struct alias *x = a, *y = b;
  int order = str_icmp(x->address, y->address);

  if (order) return order;
  return x->line < y->line ? -1 : x->line > y->line; /* so that the later one is at fault */
}

static int alias_give_domain(str *s, const struct conf *conf)
{
  if (str_chr(*s, '@') >= 0 || str_eq(*s, STR(ALIAS_FIRST_ACCOUNT))) return 0;
  *s = arena_printf(conf->arena, STR_FMT "@" STR_FMT, STR_ARG(*s), STR_ARG(conf->server.domain));
  return s->p ? 0 : -1;
}

void alias_say(struct diags *d, bool warning, const struct alias *one, const char *why)
{
  diags_add(d, warning, one->file, one->source, one->line, one->column, "mail for " STR_FMT " %s",
            STR_ARG(one->address), why);
}

static int alias_complete_one(struct alias *one, const struct conf *conf, struct diags *d)
{
  if (alias_give_domain(&one->address, conf)) goto nomem;
  for (size_t i = 0; i < one->n; i++)
    if (alias_give_domain(&one->targets[i], conf)) goto nomem;
  if (!conf_is_ours(conf, addr_domain(one->address)))
    alias_say(d, true, one,
              "does not come here: its domain is none of server.domain and "
              "server.virtual");
  return 0;
nomem:
  diags_add(d, false, one->file, (str){NULL, 0}, 0, 0, "no memory for the aliases");
  return -1;
}

int alias_complete(struct aliases *t, const struct conf *conf, struct diags *d)
{
  int result = 0;

  for (size_t i = 0; i < t->n; i++)
    if (alias_complete_one(&t->list[i], conf, d)) return -1;
  if (t->n) qsort(t->list, t->n, sizeof *t->list, alias_order);
  for (size_t i = 1; i < t->n; i++) {
    if (!str_ieq(t->list[i - 1].address, t->list[i].address)) continue;
    alias_say(d, false, &t->list[i], "has an alias already: write all its targets behind one");
    result = -1;
  }
  return result;
}

const struct alias *alias_find(const struct aliases *t, str address)
{
  size_t low = 0, high = t->n;

  while (low < high) {
    size_t mid = low + (high - low) / 2;
    int order = str_icmp(t->list[mid].address, address);

    if (order == 0) return &t->list[mid];
    if (order < 0)
      low = mid + 1;
    else
      high = mid;
  }
  return NULL;
}
