/* tests/fuzz/routes.c: the kernel's tables of routes, however they come. */
#include "../../smtp/policy/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct netaddr a;

  netaddr_of_ip(STR("192.168.1.1"), 0, &a);
  router_find((str){(const char *)data, size}, &a);
  netaddr_of_ip(STR("fe80::1"), 0, &a);
  router_find((str){(const char *)data, size}, &a);
  return 0;
}
