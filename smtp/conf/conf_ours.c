/* smtp/conf/conf_ours.c: which domains are ours. */
#include "conf.h"

const struct conf_virtual *conf_virtual_find(const struct conf *c, str domain)
{
  for (size_t i = 0; i < c->server.virtual_count; i++)
    if (str_ieq(c->server.virtual[i].domain, domain)) return &c->server.virtual[i];
  return NULL;
}

bool conf_is_ours(const struct conf *c, str domain)
{
  return str_ieq(c->server.domain, domain) || conf_virtual_find(c, domain) != NULL;
}
