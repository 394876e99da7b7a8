/* smtp/conf/resolver.c: name servers as the configuration wants them. */
#include "conf.h"

#define RESOLVER_SERVERS 16 /* more are never reached within the time of a question */

/* ORDER CONF_DNS: public resolvers, each with both families; what cannot be reached costs one
 * try. */
static const char *const resolver_public[][4] = {
    [CONF_DNS_GOOGLE] = {"8.8.8.8", "8.8.4.4", "2001:4860:4860::8888", "2001:4860:4860::8844"},
    [CONF_DNS_CLOUDFLARE] = {"1.1.1.1", "1.0.0.1", "2606:4700:4700::1111", "2606:4700:4700::1001"},
};

static void resolver_add(struct netaddr *list, size_t *n, const struct netaddr *a)
{
  for (size_t i = 0; i < *n; i++)
    if (netaddr_eq(&list[i], a)) return;
  if (*n < RESOLVER_SERVERS) list[(*n)++] = *a;
}

/* A list names a server twice to say "TCP when UDP will not do": that is so anyway. TCP alone is
 * used when no server is to be asked by UDP. */
static size_t resolver_servers(const struct conf_dns *conf, struct netaddr *list, bool *tcp)
{
  struct netaddr a;
  size_t n = 0;

  *tcp = conf->type == CONF_DNS_CUSTOM && conf->config.name_server_count > 0;
  for (size_t i = 0; i < conf->config.name_server_count; i++) {
    resolver_add(list, &n, &conf->config.name_servers[i].addr.addr);
    *tcp = *tcp && conf->config.name_servers[i].tcp;
  }
  if (conf->type != CONF_DNS_GOOGLE && conf->type != CONF_DNS_CLOUDFLARE) return n;
  for (size_t i = 0; i < BASE_COUNT(resolver_public[0]); i++)
    if (netaddr_of_ip(str_of(resolver_public[conf->type][i]), 53, &a) == 0)
      resolver_add(list, &n, &a);
  return n;
}

struct dns *resolver_new(struct loop *l, const struct conf_dns *conf, const struct netaddr *only,
                         struct err *e)
{
  struct netaddr servers[RESOLVER_SERVERS];
  struct dns_options o = {.servers = servers, .cache_size = (size_t)conf->options.cache_size};

  o.server_count = resolver_servers(conf, servers, &o.tcp);
  if (conf->type == CONF_DNS_CUSTOM && o.server_count == 0 && !only) {
    err_set(e, ERR_TEMP, "server.dns names no name server");
    return NULL;
  }
  if (only) {
    o.servers = only;
    o.server_count = 1;
    o.tcp = false;
  }
  if (conf->type != CONF_DNS_SYSTEM || only) {
    o.timeout = conf->options.timeout;
    o.attempts = (int)conf->options.attempts;
    o.rotate = conf->options.rotate;
  }
  return dns_new(l, &o, e);
}
#undef RESOLVER_SERVERS
