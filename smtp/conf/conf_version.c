/* smtp/conf/conf_version.c: version requirements as Cargo writes them.
 *
 * requirement = comparator *( "," comparator )      all must hold
 * comparator  = [ "=" ">" ">=" "<" "<=" "~" "^" ] major [ "." minor [ "." patch [ "-" pre ] ] ]
 * Without an operator "^" is meant; "*", "1.*", "1.2.x" leave the rest open.
 */
#include "conf.h"

enum conf_version_op {
  CONF_OP_EXACT,
  CONF_OP_GREATER,
  CONF_OP_GREATER_EQ,
  CONF_OP_LESS,
  CONF_OP_LESS_EQ,
  CONF_OP_TILDE,
  CONF_OP_CARET
};

struct conf_version {
  int64_t part[3];
  int n;    /* parts given */
  bool pre; /* a pre-release: older than the same version without */
};

static bool conf_version_is_suffix(str s)
{
  for (size_t i = 0; i < s.n; i++)
    if (!str_isalnum(s.p[i]) && s.p[i] != '.' && s.p[i] != '-' && s.p[i] != '+') return false;
  return s.n > 1;
}

static bool conf_version_number(str *s, int64_t *out)
{
  size_t n = 0;
  while (n < s->n && str_isdigit(s->p[n])) n++;
  bool good = n > 0 && n < 19 && !(n > 1 && *s->p == '0') && !str_to_i64(str_sub(*s, 0, n), out);
  *s = str_skip(*s, n);
  return good;
}

/* Reads "1", "1.2", "1.2.3-rc1", and with wild set "*", "1.*". */
static int conf_version_parse(str s, struct conf_version *out, bool *wild)
{
  *out = (struct conf_version){.n = 0};
  for (; out->n < 3; out->n++) {
    if (s.n > 0 && strchr("*xX", *s.p) && *s.p) {
      for (; s.n > 0; s = str_skip(s, 1)) /* whatever follows must be open, too */
        if (*s.p != '.' && !strchr("*xX", *s.p)) return -1;
      *wild = true;
      return 0;
    }
    if (!conf_version_number(&s, &out->part[out->n])) return -1;
    if (out->n == 2 || s.n == 0 || *s.p != '.') break;
    s = str_skip(s, 1);
    if (s.n == 0) return -1;
  }
  out->n++;
  if (s.n == 0) return 0;
  out->pre = *s.p == '-';
  return out->n == 3 && (*s.p == '-' || *s.p == '+') && conf_version_is_suffix(s) ? 0 : -1;
}

/* Over the parts that are given: -1, 0, 1. */
static int conf_version_compare(const struct conf_version *v, const struct conf_version *want)
{
  for (int i = 0; i < want->n; i++)
    if (v->part[i] != want->part[i]) return v->part[i] < want->part[i] ? -1 : 1;
  return want->pre ? 1 : 0;
}

/* The first part that "^" or "~" lets grow. */
static int conf_version_fixed(const struct conf_version *want, enum conf_version_op op)
{
  if (op == CONF_OP_TILDE) return want->n < 2 ? 1 : 2;
  for (int i = 0; i < want->n; i++)
    if (want->part[i] > 0) return i + 1;
  return want->n;
}

static bool conf_version_holds(const struct conf_version *v, enum conf_version_op op,
                               const struct conf_version *want)
{
  int order = conf_version_compare(v, want);
  switch (op) {
  case CONF_OP_EXACT: return order == 0;
  case CONF_OP_GREATER: return order > 0;
  case CONF_OP_GREATER_EQ: return order >= 0;
  case CONF_OP_LESS: return order < 0;
  case CONF_OP_LESS_EQ: return order <= 0;
  case CONF_OP_TILDE:
  case CONF_OP_CARET: break;
  }
  for (int i = 0; i < conf_version_fixed(want, op); i++)
    if (v->part[i] != want->part[i]) return false;
  return order >= 0;
}

static enum conf_version_op conf_version_operator(str *s)
{
  static const struct {
    str text;
    enum conf_version_op op;
  } operators[] = {
      {STR_INIT(">="), CONF_OP_GREATER_EQ}, {STR_INIT("<="), CONF_OP_LESS_EQ},
      {STR_INIT(">"), CONF_OP_GREATER},     {STR_INIT("<"), CONF_OP_LESS},
      {STR_INIT("="), CONF_OP_EXACT},       {STR_INIT("~"), CONF_OP_TILDE},
      {STR_INIT("^"), CONF_OP_CARET},
  };
  for (size_t i = 0; i < BASE_COUNT(operators); i++) {
    if (!str_starts(*s, operators[i].text)) continue;
    *s = str_trim(str_skip(*s, operators[i].text.n));
    return operators[i].op;
  }
  return CONF_OP_CARET;
}

int conf_version_match(str requirement, str version)
{
  struct conf_version have, want;
  bool wild = false;
  int result = 1;
  str piece;
  if (conf_version_parse(version, &have, &wild) || have.n < 3) return -1;
  if (str_trim(requirement).n == 0) return -1;
  while (str_cut(&requirement, ',', &piece)) {
    str text = str_trim(piece);
    enum conf_version_op op = conf_version_operator(&text);
    wild = false;
    if (conf_version_parse(text, &want, &wild)) return -1;
    /* "1.*" is "=1"; an open version of no part at all holds always. */
    if (wild && op == CONF_OP_CARET) op = CONF_OP_EXACT;
    if (!conf_version_holds(&have, op, &want)) result = 0;
  }
  return result;
}
