/* smtp/sasl/sasl.c: what both sides of an exchange share. */
#include "sasl.h"

#define SASL_NONCE 18 /* octets of chance, before base64 */

/* ORDER SASL */
static const char *const sasl_names[] = {"PLAIN",         "LOGIN",     "CRAM-MD5",
                                         "SCRAM-SHA-256", "ANONYMOUS", "XOAUTH2"};

const char *sasl_name(enum sasl_mech m)
{
  return sasl_names[m];
}

enum sasl_mech sasl_find(str name)
{
  int m = 0;
  while (m < SASL_MECHS && !str_ieq(name, str_of(sasl_names[m]))) m++;
  return (enum sasl_mech)m;
}

int sasl_decode(str line, struct buf *out)
{
  buf_clear(out);
  return str_eq(line, STR("=")) ? 0 : base64_decode(line, out);
}

void sasl_nonce(str given, struct buf *out)
{
  char chance[SASL_NONCE];

  random_bytes(chance, sizeof chance);
  if (given.n)
    buf_str_add(out, given);
  else
    buf_base64(out, (str){chance, sizeof chance});
}
#undef SASL_NONCE
