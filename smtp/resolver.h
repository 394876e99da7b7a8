/* smtp/resolver.h: name servers as the configuration wants them: server.dns. */
#ifndef SMTP_RESOLVER_H
#define SMTP_RESOLVER_H

#include "../net/net.h"
#include "conf.h"

/* Asks those of conf, or only `only` when it is not NULL. The options are those of conf. NULL with
 * e. Who asks nothing needs none: it costs memory and reads resolv.conf. */
struct dns *resolver_new(struct loop *l, const struct conf_dns *conf, const struct netaddr *only,
                         struct err *e);

#endif
