/* net/dns_system.c: name servers as the system wants them.
 *
 * c-ares reads which they are. How long and how often to ask is read here, because its versions
 * differ in what they take when nothing is said, and the newer ones do not tell.
 */
#include "dns_system.h"

#include <arpa/inet.h>

#define DNS_SYSTEM_FILE "/etc/resolv.conf"

/* The number behind a word and a colon: 0 if it is another word. */
static int dns_system_number(str option, str word, int most)
{
  uint64_t n;

  if (!str_starts(option, word) || str_to_u64(str_skip(option, word.n), &n, 10) < 0 || n == 0)
    return 0;
  return n < (uint64_t)most ? (int)n : most;
}

static void dns_system_option(str word, struct dns_options *o)
{
  int timeout = dns_system_number(word, STR("timeout:"), 30);
  int attempts = dns_system_number(word, STR("attempts:"), 5);

  if (timeout) o->timeout = timeout * 1000;
  if (attempts) o->attempts = attempts;
  if (str_eq(word, STR("rotate"))) o->rotate = true;
  if (str_eq(word, STR("use-vc"))) o->tcp = true;
}

static void dns_system_words(str line, struct dns_options *o)
{
  while (line.n) {
    size_t n = 0;

    while (n < line.n && !str_isspace(line.p[n])) n++;
    dns_system_option(str_sub(line, 0, n), o);
    line = str_trim(str_skip(line, n));
  }
}

void dns_system_read(str text, struct dns_options *o)
{
  str line;

  while (str_cut(&text, '\n', &line)) {
    if (!str_starts(line, STR("options")) || line.n < 8 || !str_isspace(line.p[7])) continue;
    dns_system_words(str_trim(str_skip(line, 7)), o);
  }
}

void dns_system_options(struct dns_options *o)
{
  struct buf text = BUF_INIT(0);
  struct err e;

  o->timeout = 5000;
  o->attempts = 2;
  if (file_read(STR(DNS_SYSTEM_FILE), 1 << 16, &text, &e) == 0) dns_system_read(buf_str(&text), o);
  buf_free(&text);
  dns_system_words(str_trim(str_of(getenv("RES_OPTIONS"))), o);
}

#if ARES_VERSION >= 0x011c00

size_t dns_system_servers(ares_channel channel, struct netaddr *out, size_t most)
{
  char *csv = ares_get_servers_csv(channel);
  str rest = str_of(csv), one;
  size_t n = 0;
  struct err e;

  while (n < most && rest.n && str_cut(&rest, ',', &one))
    if (netaddr_parse(one, 53, &out[n], &e) == 0) n++;
  ares_free_string(csv);
  return n;
}

#else

size_t dns_system_servers(ares_channel channel, struct netaddr *out, size_t most)
{
  struct ares_addr_port_node *list = NULL;
  char text[INET6_ADDRSTRLEN];
  size_t n = 0;

  if (ares_get_servers_ports(channel, &list) != ARES_SUCCESS) return 0;
  for (const struct ares_addr_port_node *a = list; a && n < most; a = a->next) {
    uint16_t port = (uint16_t)(a->udp_port ? a->udp_port : 53);

    if (inet_ntop(a->family, &a->addr, text, sizeof text) &&
        netaddr_of_ip(str_of(text), port, &out[n]) == 0)
      n++;
  }
  ares_free_data(list);
  return n;
}

#endif
#undef DNS_SYSTEM_FILE
