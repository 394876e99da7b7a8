/* smtp/policy/policy.c: a configuration together with its certificates and rules. */
#include "policy.h"

#include "services.h"

static size_t policy_add_listeners(const struct conf_addrs *from, str *to, size_t n)
{
  for (size_t i = 0; i < from->n; i++) to[n++] = from->list[i].text;
  return n;
}

static struct rules_code policy_code(const struct conf_code *c)
{
  return (struct rules_code){c->basic, c->enhanced, c->text};
}

struct rules *policy_rules(const struct conf *conf, struct diags *d)
{
  struct rules_options opt = {.limits = vsl_limits_default()};
  size_t n = conf->server.interfaces.addr.n + conf->server.interfaces.addr_submission.n +
             conf->server.interfaces.addr_submissions.n;
  str *listeners = mem_alloc((n + 1) * sizeof *listeners);
  struct rules *rules;

  if (!listeners) {
    diags_add(d, false, conf->app.vsl.filepath, STR(""), 0, 0, "no memory to load the rules");
    return NULL;
  }
  n = policy_add_listeners(&conf->server.interfaces.addr, listeners, 0);
  n = policy_add_listeners(&conf->server.interfaces.addr_submission, listeners, n);
  n = policy_add_listeners(&conf->server.interfaces.addr_submissions, listeners, n);
  opt.limits.steps = (uint64_t)conf->app.vsl.max_operations;
  opt.limits.depth = (uint32_t)conf->app.vsl.max_call_depth;
  opt.limits.memory = (size_t)conf->app.vsl.max_memory;
  opt.max_time = conf->app.vsl.max_time;
  opt.toml = conf->tree;
  opt.ok = policy_code(&conf->server.smtp.codes[CODE_OK]);
  opt.denied = policy_code(&conf->server.smtp.codes[CODE_DENIED]);
  opt.listeners = listeners;
  opt.listener_count = n;
  rules = rules_load(conf->app.vsl.filepath, &opt, d);
  mem_free(listeners);
  return rules;
}

struct policy *policy_new(struct conf *conf, struct diags *d)
{
  struct policy *p = mem_alloc(sizeof *p);

  if (!p) {
    diags_add(d, false, conf->file, STR(""), 0, 0, "no memory");
    conf_free(conf);
    return NULL;
  }
  p->refs = 1;
  p->conf = conf;
  p->certs = certs_load(conf, d);
  if (p->certs) return p;
  policy_release(p);
  return NULL;
}

int policy_load(struct policy *p, struct diags *d)
{
  p->rules = policy_rules(p->conf, d);
  return p->rules ? 0 : -1;
}

struct policy *policy_hold(struct policy *p)
{
  p->refs++;
  return p;
}

struct dns *policy_dns(struct policy *p, struct loop *l, struct err *e)
{
  if (!p->dns) p->dns = resolver_new(l, &p->conf->server.dns, NULL, e);
  return p->dns;
}

struct services *policy_outside(struct policy *p, struct loop *l, struct err *e)
{
  if (!p->outside) p->outside = services_new(l, p->conf, p->rules, p->commands);
  if (!p->outside) err_nomem(e);
  return p->outside;
}

void policy_release(struct policy *p)
{
  if (!p || --p->refs > 0) return;
  dns_free(p->dns);
  services_free(p->outside);
  rules_release(p->rules);
  certs_free(p->certs);
  conf_free(p->conf);
  mem_free(p);
}
