/* rules/ip.h: IP addresses and ranges as rules write them. */
#ifndef RULES_IP_H
#define RULES_IP_H

#include "../base/base.h"

struct ip {
  bool v6;
  uint8_t b[16]; /* network order; an IPv4 address has the first four */
};

/* A range is its first address and a prefix; bits below the prefix are cleared. */
struct ip_range {
  struct ip first;
  int bits;
};

#define IP_TEXT_MAX 64

int ip_parse(str text, struct ip *out);                      /* v4 or v6, no zone; -1 if neither */
int ip_range_parse(str text, bool v6, struct ip_range *out); /* "a.b.c.d/n" or "x::/n" */
/* "a.b.c.d:port", "[ipv6]:port", "[ipv6%interface]:port"; what is not needed may be NULL. */
int ip_socket_parse(str text, struct ip *ip, str *zone, int *port);
bool ip_is_loopback(const struct ip *a);
bool ip_equal(const struct ip *a, const struct ip *b);
bool ip_within(const struct ip *a, const struct ip_range *r); /* other family: false */
str ip_text(const struct ip *a, char out[IP_TEXT_MAX]);       /* canonical, lower case */
str ip_range_text(const struct ip_range *r, char out[IP_TEXT_MAX]);

#endif
