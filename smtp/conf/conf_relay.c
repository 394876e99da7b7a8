/* smtp/conf/conf_relay.c: the one server that takes all mail for elsewhere, as [server.relay] has
 * it. */
#include "conf.h"

int conf_relay(const struct conf *conf, struct arena *a, struct target *out, struct err *e)
{
  str host = arena_str(a, conf->server.relay.host);

  *out = (struct target){.tls = conf->server.relay.tls,
                         .port = 25,
                         .user = arena_str(a, conf->server.relay.user),
                         .password_file = arena_str(a, conf->server.relay.password_file),
                         .token_file = arena_str(a, conf->server.relay.token_file),
                         .token_command = conf->server.relay.token_command.n > 0};
  if (arena_full(a) || !host.p || !out->user.p || !out->password_file.p || !out->token_file.p)
    return err_nomem(e);
  if (target_parse_host(host, out, e) < 0) return err_context(e, "server.relay.host");
  if (out->token_file.n || out->token_command) out->auth = TARGET_AUTH_XOAUTH2;
  out->implicit = out->port == 465 && out->tls >= TARGET_TLS_REQUIRED;
  return 0;
}
