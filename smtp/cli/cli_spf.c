/* smtp/cli/cli_spf.c: `vsmtp spf`: what check_host() says of a client (RFC 7208). */
#include "../conf/conf.h"
#include "cli.h"
#include "../sender/sender.h"

#include <errno.h>
#include <getopt.h>
#include <sysexits.h>
#include <unistd.h>

#define CLI_SPF_USAGE                                                                              \
  "usage: vsmtp spf --ip IP --helo NAME --mail-from ADDRESS [-c FILE] [--dns ADDRESS:PORT]"

struct cli_spf_run {
  const char *ip, *helo, *mail_from, *config, *dns;
  struct loop *loop;
  int code;
};

static int cli_spf_mistake(const char *what)
{
  fprintf(stderr, "vsmtp spf: %s\n%s\n", what, CLI_SPF_USAGE);
  return EX_USAGE;
}

/* -1: go on, else the exit code. */
static int cli_spf_options(int argc, char **argv, struct cli_spf_run *v)
{
  static const struct option names[] = {{"ip", required_argument, NULL, 'i'},
                                        {"helo", required_argument, NULL, 'e'},
                                        {"mail-from", required_argument, NULL, 'm'},
                                        {"dns", required_argument, NULL, 'd'},
                                        {"config", required_argument, NULL, 'c'},
                                        {"help", no_argument, NULL, 'h'},
                                        {NULL, 0, NULL, 0}};

  opterr = 0;
  optind = 0;
  for (int c; (c = getopt_long(argc, argv, ":c:h", names, NULL)) != -1;) {
    switch (c) {
    case 'i': v->ip = optarg; break;
    case 'e': v->helo = optarg; break;
    case 'm': v->mail_from = optarg; break;
    case 'd': v->dns = optarg; break;
    case 'c': v->config = optarg; break;
    case 'h': return puts(CLI_SPF_USAGE) < 0 ? EX_IOERR : EX_OK;
    default: return cli_spf_mistake(c == ':' ? "an option wants a value" : "no such option");
    }
  }
  if (optind < argc) return cli_spf_mistake("too many arguments");
  if (!v->ip || !v->helo || !v->mail_from)
    return cli_spf_mistake("--ip, --helo and --mail-from are needed");
  return -1;
}

/* What a record says is a stranger's: nothing of it may steer a terminal. */
static void cli_spf_line(const char *key, str text)
{
  if (text.n == 0) return;
  printf("%s: ", key);
  for (size_t i = 0; i < text.n; i++) putchar(text.p[i] < ' ' || text.p[i] > '~' ? '?' : text.p[i]);
  putchar('\n');
}

static void cli_spf_done(void *arg, const struct spf_result *r)
{
  struct cli_spf_run *v = arg;

  printf(STR_FMT "\n", STR_ARG(r->word));
  cli_spf_line("mechanism", r->mechanism);
  cli_spf_line("problem", r->problem);
  cli_spf_line("explanation", r->explanation);
  v->code = EX_OK;
  loop_stop(v->loop);
}

static int cli_spf_evaluate(struct cli_spf_run *v, const struct conf *conf,
                            const struct netaddr *only, struct err *e)
{
  char receiver[256] = "";
  struct spf_request rq = {str_of(v->ip), str_of(v->helo), str_of(v->mail_from), {NULL, 0}};
  struct dns *dns;
  struct spf *s;

  v->loop = loop_new(e);
  if (!v->loop) return EX_OSERR;
  gethostname(receiver, sizeof receiver - 1);
  rq.receiver = str_of(receiver);
  dns = resolver_new(v->loop, &conf->server.dns, only, e);
  s = dns ? spf_start(v->loop, dns, &rq, cli_spf_done, v, e) : NULL;
  v->code = dns ? EX_OSERR : EX_UNAVAILABLE;
  if (s && loop_run(v->loop, e) < 0) spf_cancel(s);
  dns_free(dns);
  loop_free(v->loop);
  return v->code;
}

/* All it takes from the file is which name servers to ask: whoever may not read it asks those of
 * the system. */
static struct conf *cli_spf_conf(const struct cli_spf_run *v, struct diags *d)
{
  str denied = conf_denied(str_of(v->config));

  if (!denied.n || *v->config) return conf_load_alone(str_of(v->config), d);
  if (!v->dns)
    fprintf(stderr, "vsmtp spf: cannot open " STR_FMT ": %s; asking the system's name servers\n",
            STR_ARG(denied), strerror(EACCES));
  return conf_defaults(d);
}

int cli_spf(int argc, char **argv)
{
  struct cli_spf_run v = {.config = ""};
  struct netaddr only, client;
  struct err e = {.kind = ERR_NONE};
  struct diags d;
  struct conf *conf;
  int code = cli_spf_options(argc, argv, &v);

  if (code >= 0) return code;
  if (netaddr_of_ip(str_of(v.ip), 0, &client) < 0)
    return cli_spf_mistake("--ip wants an IP address");
  if (v.dns && netaddr_parse(str_of(v.dns), 53, &only, &e) < 0)
    return cli_spf_mistake("--dns wants an address as 127.0.0.1:53");
  if (diags_init(&d) < 0) return EX_OSERR;
  conf = cli_spf_conf(&v, &d);
  if (conf) {
    code = cli_spf_evaluate(&v, conf, v.dns ? &only : NULL, &e);
    if (code != EX_OK) fprintf(stderr, "vsmtp spf: %s\n", e.text);
  } else {
    diags_print(&d, stderr);
    code = EX_CONFIG;
  }
  conf_free(conf);
  diags_free(&d);
  return code;
}
#undef CLI_SPF_USAGE
