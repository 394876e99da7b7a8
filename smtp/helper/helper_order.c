/* smtp/helper/helper_order.c: what an order to the helper may look like: both sides hold it against
 * this, the helper because the server may have been taken over. */
#include "helper_int.h"

bool helper_part_ok(const char *part)
{
  if (!part[0] || part[0] == '.') return false;
  for (; *part; part++)
    if (!str_isdigit(*part) && !(*part >= 'a' && *part <= 'z') && !strchr("._+-", *part))
      return false;
  return true;
}

bool helper_user_ok(const char *user)
{
  if (!user[0] || user[0] == '.' || user[0] == '-') return false;
  for (; *user; user++)
    if ((unsigned char)*user <= ' ' || *user == ':' || *user == '/' || *user == 0x7f) return false;
  return true;
}

size_t helper_packet_size(unsigned kind)
{
  switch (kind) {
  case HELPER_DELIVER: return sizeof(struct helper_order);
  case HELPER_RUN: return sizeof(struct helper_run_order);
  case HELPER_SERVICE:
  case HELPER_SEALED: return sizeof(struct helper_service_order);
  default: return 0;
  }
}
