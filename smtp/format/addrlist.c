/* smtp/format/addrlist.c: the addresses in a field such as To (RFC 5322 §3.4).
 *
 *   Alice <alice@a.example>, bob (his name), "C, D" <cd@a.example>, friends: eve@b.example, root;
 */
#include "format.h"

/* Length of the quoted string at the start of s, also of one that never ends. */
static size_t addrlist_quoted(str s)
{
  for (size_t i = 1; i < s.n; i++) {
    if (s.p[i] == '\\')
      i++;
    else if (s.p[i] == '"')
      return i + 1;
  }
  return s.n;
}

/* Length of the comment at the start of s. They nest. */
static size_t addrlist_comment(str s)
{
  size_t depth = 0;

  for (size_t i = 0; i < s.n; i++) {
    if (s.p[i] == '\\')
      i++;
    else if (s.p[i] == '(')
      depth++;
    else if (s.p[i] == ')' && --depth == 0)
      return i + 1;
  }
  return s.n;
}

/* "<", perhaps a route, the address, ">". */
static size_t addrlist_angle(str s, str *address)
{
  size_t i = 1;

  while (i < s.n && s.p[i] != '>') i += s.p[i] == '"' ? addrlist_quoted(str_skip(s, i)) : 1;
  *address = str_trim(str_sub(s, 1, i));
  return i < s.n ? i + 1 : s.n;
}

/* Takes one item up to its comma or semicolon. bare: the words outside of comments; angle.p NULL:
 * no "<" came. */
static void addrlist_item(str *rest, str *bare, str *angle)
{
  size_t i = 0;

  *bare = *angle = (str){NULL, 0};
  while (i < rest->n) {
    char c = rest->p[i];
    size_t n = 1;

    if (c == ',' || c == ';') break;
    if (c == '(') {
      n = addrlist_comment(str_skip(*rest, i));
    } else if (c == '<') {
      n = addrlist_angle(str_skip(*rest, i), angle);
    } else if (c == ':') { /* what stood before is the name of a group; "::" of ancient lists too */
      *bare = (str){NULL, 0};
    } else if (c == '[') { /* a domain literal may hold colons */
      const char *end = memchr(rest->p + i, ']', rest->n - i);
      n = end ? (size_t)(end - rest->p) + 1 - i : rest->n - i;
    } else if (c == '"') {
      n = addrlist_quoted(str_skip(*rest, i));
    }
    if (n > rest->n - i) n = rest->n - i;
    if (c != '(' && c != '<' && c != ':' && !str_isspace(c)) {
      if (!bare->p) bare->p = rest->p + i;
      bare->n = (size_t)(rest->p + i + n - bare->p);
    }
    i += n;
  }
  *rest = str_skip(*rest, i < rest->n ? i + 1 : i);
}

bool addrlist_next(str *rest, str *address)
{
  str bare, angle;

  while (rest->n > 0) {
    addrlist_item(rest, &bare, &angle);
    *address = angle.p ? angle : bare;
    if (address->n > 0) return true;
  }
  return false;
}
