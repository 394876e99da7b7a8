/* smtp/policy/guard.c: what no rule can forget (rules/README.md#what-no-rule-can-forget): no relay
 * by omission, no backscatter. */
#include "policy.h"

#include "../format/format.h"

str guard_normal_rcpt(const struct mail *m, str address)
{
  str domain = addr_domain(address), normal = address;
  char ip[ADDR_IP_MAX];

  if (domain.n > 0 && (addr_literal(domain, ip) < 0 || !str_eq(str_of(ip), m->facts.server_ip)))
    return address;
  normal = arena_printf(m->arena, STR_FMT "@" STR_FMT, STR_ARG(addr_local(address)),
                        STR_ARG(m->conf->server.domain));
  return normal.p ? normal : address;
}

/* "user%host", "host!user": routes that a gateway behind us might follow. */
static bool guard_is_odd(str local, struct arena *a)
{
  str bare = addr_unquote(local, a);

  if (!bare.p) return true; /* no memory: it was quoted, which is odd enough */
  return str_chr(bare, '%') >= 0 || str_chr(bare, '!') >= 0 || str_chr(bare, '@') >= 0;
}

/* A program of this machine that speaks SMTP. */
static bool guard_is_here(const struct mail *m)
{
  return str_eq(m->facts.client_ip, STR("127.0.0.1")) || str_eq(m->facts.client_ip, STR("::1"));
}

/* The first of them is worth a word to the operator: it may be one of very many. */
static void guard_tell_of_router(const struct mail *m, str to)
{
  static bool told;

  if (told || !router_is(m->facts.client_ip)) return;
  told = true;
  log_error(LOG_RECEIVER,
            "mid=" STR_FMT " the router " STR_FMT " relays a mail to %s: if it forwards port 25 to"
            " this machine and rewrites addresses, this is an open relay for all the world; see"
            " README, \"Behind a router, in a container\"",
            STR_ARG(m->facts.message_id), STR_ARG(m->facts.client_ip), log_q(to));
}

enum reply_id guard_rcpt(struct mail *m, size_t i, bool faccept)
{
  struct mail_rcpt *r = &m->rcpt[i];
  bool may_relay = m->facts.authenticated || r->permitted || faccept;
  str given = r->original.n ? r->original : r->address;
  bool ours = conf_is_ours(m->conf, addr_domain(guard_normal_rcpt(m, given)));

  if (!ours && !may_relay && !m->conf->server.smtp.open_relay)
    return m->conf->domain_forgotten ? REPLY_NOT_CONFIGURED : REPLY_RELAY_DENIED;
  if (!ours && !m->facts.authenticated) guard_tell_of_router(m, r->address);
  if (ours && !may_relay && guard_is_odd(addr_local(given), m->arena)) return REPLY_ODD_LOCAL_PART;
  if (r->dsn.n && !may_relay && !m->sender_proved && !guard_is_here(m)) {
    r->dsn = dsn_unsuccessful(r->dsn, m->arena);
    if (!r->dsn.p) return REPLY_STORE_FAILED;
  }
  return REPLY_DONE;
}
