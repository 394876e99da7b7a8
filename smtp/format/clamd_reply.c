/* smtp/format/clamd_reply.c: what clamd answers to INSTREAM:
 *
 *   stream: OK
 *   stream: NAME FOUND
 *   anything ERROR
 */
#include "format.h"

static bool clamd_reply_is_name(str s)
{
  if (s.n == 0 || s.n > LIMIT_SCAN_NAME) return false;
  for (size_t i = 0; i < s.n; i++)
    if (s.p[i] <= ' ' || s.p[i] > '~') return false;
  return true;
}

enum clamd_verdict clamd_reply(str reply, str *name)
{
  const str said = str_skip(reply, STR("stream: ").n);
  *name = reply;
  if (!str_starts(reply, STR("stream: "))) return CLAMD_NONE;
  if (str_eq(said, STR("OK"))) {
    *name = STR("");
    return CLAMD_CLEAN;
  }
  if (!str_ends(said, STR(" FOUND"))) return CLAMD_NONE;
  if (!clamd_reply_is_name(str_sub(said, 0, said.n - STR(" FOUND").n))) return CLAMD_NONE;
  *name = str_sub(said, 0, said.n - STR(" FOUND").n);
  return CLAMD_FOUND;
}
