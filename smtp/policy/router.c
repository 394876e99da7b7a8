/* smtp/policy/router.c: the router of this network.
 *
 * Where it rewrites the source of connections that it lets in, or a proxy of containers does, every
 * stranger comes from its address. So it is no machine of the house unless it is named alone.
 */
#include "policy.h"

#include <arpa/inet.h>

/* As the kernel prints its tables of routes. */
#define ROUTER_IP4 "/proc/net/route"
#define ROUTER_IP6 "/proc/net/ipv6_route"

/* The field n of a line, from 0. */
static str router_field(str line, size_t n)
{
  str word = {NULL, 0};

  while (line.n > 0) {
    size_t from = 0, end;

    while (from < line.n && (line.p[from] == ' ' || line.p[from] == '\t')) from++;
    for (end = from; end < line.n && line.p[end] != ' ' && line.p[end] != '\t';) end++;
    word = str_sub(line, from, end);
    if (word.n == 0 || n-- == 0) return word;
    line = str_skip(line, end);
  }
  return (str){NULL, 0};
}

static bool router_is_zero(str hex)
{
  for (size_t i = 0; i < hex.n; i++)
    if (hex.p[i] != '0') return false;
  return hex.n > 0;
}

/* Does the line name this one as the way to everywhere? IPv4: destination, gateway, mask are fields
 * 1, 2 and 7, as the machine holds them in memory. */
static bool router_line4(str line, const struct netaddr *a)
{
  char own[9];

  snprintf(own, sizeof own, "%08X", (unsigned)a->in4.sin_addr.s_addr);
  return router_is_zero(router_field(line, 1)) && router_is_zero(router_field(line, 7)) &&
         str_ieq(router_field(line, 2), str_of(own));
}

/* IPv6: destination, its prefix and the next hop are fields 0, 1 and 4. */
static bool router_line6(str line, const struct netaddr *a)
{
  const unsigned char *ip = a->in6.sin6_addr.s6_addr;
  char own[33];

  for (size_t i = 0; i < 16; i++) snprintf(own + 2 * i, 3, "%02x", ip[i]);
  return router_is_zero(router_field(line, 0)) && router_is_zero(router_field(line, 1)) &&
         str_ieq(router_field(line, 4), str_of(own));
}

bool router_find(str table, const struct netaddr *a)
{
  bool found = false;
  str line;

  while (!found && str_cut(&table, '\n', &line))
    found = a->sa.sa_family == AF_INET    ? router_line4(line, a)
            : a->sa.sa_family == AF_INET6 ? router_line6(line, a)
                                          : false;
  return found;
}

bool router_is(str ip)
{
  struct buf table = BUF_INIT(0);
  struct netaddr a;
  struct err e;
  bool is = false;

  if (netaddr_of_ip(ip, 0, &a) < 0) return false;
  str path = str_of(path_system(a.sa.sa_family == AF_INET ? ROUTER_IP4 : ROUTER_IP6));
  if (file_read(path, LIMIT_ROUTES, &table, &e) == 0) is = router_find(buf_str(&table), &a);
  buf_free(&table);
  return is;
}
#undef ROUTER_IP4
#undef ROUTER_IP6
