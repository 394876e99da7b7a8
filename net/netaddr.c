/* net/netaddr.c: socket addresses and their text.
 *
 * One text form for configuration, logs and rules: v4:port, [v6]:port, unix:/path. What is printed
 * parses back to the same address.
 */
#include "net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>

/* An IPv4 address that reached us in IPv6 clothes (RFC 4291 §2.5.5.2) is an IPv4 address: rules
 * and caps must not see two of them. */
static void netaddr_unmap(struct netaddr *a)
{
  if (a->sa.sa_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&a->in6.sin6_addr)) return;
  struct sockaddr_in in4 = {.sin_family = AF_INET, .sin_port = a->in6.sin6_port};
  memcpy(&in4.sin_addr, a->in6.sin6_addr.s6_addr + 12, 4);
  a->in4 = in4;
  a->len = sizeof in4;
}

int netaddr_of_sa(const struct sockaddr *sa, socklen_t len, struct netaddr *out)
{
  memset(out, 0, sizeof *out);
  if (len > sizeof *out - offsetof(struct netaddr, sa)) return -1;
  memcpy(&out->sa, sa, len);
  if (len < sizeof(sa_family_t)) out->sa.sa_family = AF_UNIX; /* an unnamed peer on some systems */
  size_t least = out->sa.sa_family == AF_INET    ? sizeof out->in4
                 : out->sa.sa_family == AF_INET6 ? sizeof out->in6
                 : out->sa.sa_family == AF_UNIX  ? 0
                                                 : SIZE_MAX;
  if (len < least) return -1;
  out->len = len;
  netaddr_unmap(out);
  return 0;
}

/* "fe80::1%eth0": only IPv6 has scopes. */
static int netaddr_ip6(str ip, uint16_t port, struct netaddr *out)
{
  char text[INET6_ADDRSTRLEN], scope[IF_NAMESIZE];
  str zone = {NULL, 0};
  ptrdiff_t percent = str_chr(ip, '%');
  if (percent >= 0) {
    zone = str_skip(ip, (size_t)percent + 1);
    ip = str_sub(ip, 0, (size_t)percent);
    if (!zone.n || zone.n >= sizeof scope) return -1;
  }
  if (ip.n >= sizeof text || (ip.n && memchr(ip.p, 0, ip.n))) return -1;
  memcpy(text, ip.p, ip.n);
  text[ip.n] = 0;
  out->in6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(port)};
  out->len = sizeof out->in6;
  if (inet_pton(AF_INET6, text, &out->in6.sin6_addr) != 1) return -1;
  if (!zone.n) return 0;
  memcpy(scope, zone.p, zone.n);
  scope[zone.n] = 0;
  uint64_t number;
  out->in6.sin6_scope_id = if_nametoindex(scope);
  if (out->in6.sin6_scope_id) return 0;
  if (str_to_u64(zone, &number, 10) || !number || number > UINT32_MAX) return -1;
  out->in6.sin6_scope_id = (uint32_t)number;
  return 0;
}

int netaddr_of_ip(str ip, uint16_t port, struct netaddr *out)
{
  char text[INET_ADDRSTRLEN];
  memset(out, 0, sizeof *out);
  if (!ip.n) return -1;
  if (str_chr(ip, ':') >= 0) {
    if (!netaddr_ip6(ip, port, out)) {
      netaddr_unmap(out);
      return 0;
    }
  } else if (ip.n < sizeof text && !memchr(ip.p, 0, ip.n)) {
    memcpy(text, ip.p, ip.n);
    text[ip.n] = 0;
    out->in4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
    out->len = sizeof out->in4;
    if (inet_pton(AF_INET, text, &out->in4.sin_addr) == 1) return 0;
  }
  memset(out, 0, sizeof *out);
  return -1;
}

static int netaddr_unix(str path, struct netaddr *out, struct err *e)
{
  memset(out, 0, sizeof *out);
  if (!path.n || path.n >= sizeof out->un.sun_path || memchr(path.p, 0, path.n))
    return err_set(e, ERR_SYNTAX, "a socket path has 1 to %zu octets", sizeof out->un.sun_path - 1);
  out->un.sun_family = AF_UNIX;
  memcpy(out->un.sun_path, path.p, path.n);
  out->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path.n + 1);
  return 0;
}

/* Parts "host:port", "[host]:port", "host", "[host]", and an IPv6 address without brackets, which
 * then has no port. */
static int netaddr_split(str text, str *ip, str *port)
{
  *port = (str){NULL, 0};
  if (str_starts(text, STR("["))) {
    ptrdiff_t end = str_chr(text, ']');
    if (end < 0) return -1;
    *ip = str_sub(text, 1, (size_t)end);
    str rest = str_skip(text, (size_t)end + 1);
    if (str_chr(*ip, ':') < 0 || (rest.n && rest.p[0] != ':')) return -1;
    if (rest.n) *port = (str){rest.p + 1, rest.n - 1};
    return 0;
  }
  ptrdiff_t colon = str_chr(text, ':');
  if (colon < 0 || colon != str_rchr(text, ':')) {
    *ip = text;
    return 0;
  }
  *ip = str_sub(text, 0, (size_t)colon);
  *port = str_skip(text, (size_t)colon + 1);
  if (!port->p) *port = STR("");
  return 0;
}

int netaddr_parse(str text, int default_port, struct netaddr *out, struct err *e)
{
  str ip, port;
  uint64_t number = default_port < 0 ? 0 : (uint64_t)default_port;
  memset(out, 0, sizeof *out);
  if (str_starts(text, STR("unix:"))) return netaddr_unix(str_skip(text, 5), out, e);
  if (netaddr_split(text, &ip, &port)) goto bad;
  if (!port.p && default_port < 0)
    return err_set(e, ERR_SYNTAX, "%s has no port: write 192.0.2.1:25 or [2001:db8::1]:25",
                   log_q(text));
  if (port.p &&
      (!port.n || !str_isdigit(port.p[0]) || str_to_u64(port, &number, 10) || number > UINT16_MAX))
    goto bad;
  if (!netaddr_of_ip(ip, (uint16_t)number, out)) return 0;
bad:
  return err_set(e, ERR_SYNTAX, "%s is no socket address: write 192.0.2.1:25 or [2001:db8::1]:25",
                 log_q(text));
}

uint16_t netaddr_port(const struct netaddr *a)
{
  if (!a->len) return 0;
  if (a->sa.sa_family == AF_INET) return ntohs(a->in4.sin_port);
  if (a->sa.sa_family == AF_INET6) return ntohs(a->in6.sin6_port);
  return 0;
}

const char *netaddr_ip(const struct netaddr *a, char out[NETADDR_TEXT_MAX])
{
  char ip[INET6_ADDRSTRLEN] = "";
  out[0] = 0;
  if (!a->len) return out;
  if (a->sa.sa_family == AF_INET) {
    inet_ntop(AF_INET, &a->in4.sin_addr, out, NETADDR_TEXT_MAX);
  } else if (a->sa.sa_family == AF_INET6) {
    inet_ntop(AF_INET6, &a->in6.sin6_addr, ip, sizeof ip);
    if (a->in6.sin6_scope_id)
      snprintf(out, NETADDR_TEXT_MAX, "%s%%%u", ip, (unsigned)a->in6.sin6_scope_id);
    else
      snprintf(out, NETADDR_TEXT_MAX, "%s", ip);
  } else {
    size_t have = a->len > offsetof(struct sockaddr_un, sun_path)
                      ? a->len - offsetof(struct sockaddr_un, sun_path)
                      : 0;
    snprintf(out, NETADDR_TEXT_MAX, "unix:%.*s", (int)have, a->un.sun_path);
  }
  return out;
}

const char *netaddr_text(const struct netaddr *a, char out[NETADDR_TEXT_MAX])
{
  char ip[NETADDR_TEXT_MAX];
  netaddr_ip(a, ip);
  if (a->len && a->sa.sa_family == AF_INET)
    snprintf(out, NETADDR_TEXT_MAX, "%.*s:%u", INET_ADDRSTRLEN, ip, netaddr_port(a));
  else if (a->len && a->sa.sa_family == AF_INET6)
    snprintf(out, NETADDR_TEXT_MAX, "[%.*s]:%u", INET6_ADDRSTRLEN + 12, ip, netaddr_port(a));
  else
    snprintf(out, NETADDR_TEXT_MAX, "%s", ip);
  return out;
}

bool netaddr_same_ip(const struct netaddr *a, const struct netaddr *b)
{
  if (!a->len || !b->len || a->sa.sa_family != b->sa.sa_family) return false;
  if (a->sa.sa_family == AF_INET) return a->in4.sin_addr.s_addr == b->in4.sin_addr.s_addr;
  if (a->sa.sa_family == AF_INET6)
    return !memcmp(&a->in6.sin6_addr, &b->in6.sin6_addr, 16) &&
           a->in6.sin6_scope_id == b->in6.sin6_scope_id;
  return a->len == b->len && !memcmp(&a->un, &b->un, a->len);
}

bool netaddr_same_network(const struct netaddr *a, const struct netaddr *b)
{
  if (a->len && b->len && a->sa.sa_family == AF_INET6 && b->sa.sa_family == AF_INET6)
    return !memcmp(&a->in6.sin6_addr, &b->in6.sin6_addr, 8);
  return netaddr_same_ip(a, b);
}

bool netaddr_is_loopback(const struct netaddr *a)
{
  if (a->sa.sa_family == AF_INET) return ntohl(a->in4.sin_addr.s_addr) >> 24 == 127;
  return a->sa.sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&a->in6.sin6_addr);
}

bool netaddr_eq(const struct netaddr *a, const struct netaddr *b)
{
  if (!a->len && !b->len) return true;
  return netaddr_same_ip(a, b) && netaddr_port(a) == netaddr_port(b);
}

static int netaddr_ask(int (*ask)(int, struct sockaddr *, socklen_t *), int fd, struct netaddr *out)
{
  union { /* as large as any, and of the right alignment */
    struct sockaddr_storage ss;
    struct sockaddr sa;
  } u;
  socklen_t len = sizeof u;
  memset(out, 0, sizeof *out);
  memset(&u, 0, sizeof u);
  if (ask(fd, &u.sa, &len)) return -1;
  return netaddr_of_sa(&u.sa, len, out);
}

/* The C library may declare these two with a transparent union, hence the wrappers. */
static int netaddr_sockname(int fd, struct sockaddr *sa, socklen_t *len)
{
  return getsockname(fd, sa, len);
}
static int netaddr_peername(int fd, struct sockaddr *sa, socklen_t *len)
{
  return getpeername(fd, sa, len);
}

int netaddr_local(int fd, struct netaddr *out)
{
  return netaddr_ask(netaddr_sockname, fd, out);
}
int netaddr_peer(int fd, struct netaddr *out)
{
  return netaddr_ask(netaddr_peername, fd, out);
}
