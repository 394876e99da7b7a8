/* rules/field.c: the text of header fields that rules write (RFC 5322 §2.2, §3.4). */
#include "field.h"

#include "mailbox.h"

#define FIELD_LINE 78 /* RFC 5322 §2.1.1: where a line should end */
#define FIELD_NAME 76 /* longest name */

bool field_name_valid(str name)
{
  if (name.n == 0 || name.n > FIELD_NAME) return false;
  for (size_t i = 0; i < name.n; i++)
    if (name.p[i] <= ' ' || name.p[i] > '~' || name.p[i] == ':') return false;
  return true;
}

static bool field_is_space(char c)
{
  return c == ' ' || c == '\t';
}

/* Writes one line without line ends, folded before white space. column counts octets. */
static void field_fold(str line, size_t column, struct buf *out)
{
  while (column + line.n > FIELD_LINE) {
    size_t cut = 0;
    for (size_t i = 1; i < line.n; i++) {
      if (!field_is_space(line.p[i]) || field_is_space(line.p[i - 1])) continue;
      if (column + i > FIELD_LINE && cut > 0) break;
      cut = i;
      if (column + i > FIELD_LINE) break;
    }
    if (cut == 0 || str_trim(str_skip(line, cut)).n == 0) break;
    buf_add(out, line.p, cut);
    buf_puts(out, "\r\n");
    line = str_skip(line, cut);
    column = 0;
  }
  buf_str_add(out, line);
}

int field_value(str name, str value, struct buf *out, struct err *e)
{
  value = str_trim(value);
  size_t column = name.n + 2;
  while (value.n > 0) {
    size_t n = 0;
    while (n < value.n && value.p[n] != '\r' && value.p[n] != '\n' && value.p[n]) n++;
    const str line = str_sub(value, 0, n);
    value = str_skip(value, n);
    if (str_trim(line).n > 0) { /* a line of blanks alone would end some readers' header */
      if (column == 0) buf_puts(out, "\r\n");
      field_fold(line, column, out);
      column = 0;
    }
    if (value.n == 0) break;
    if (str_starts(value, STR("\r\n"))) value = str_skip(value, 1);
    if (value.p[0] != '\n' || value.n < 2 || !field_is_space(value.p[1]))
      return err_set(e, ERR_RULE,
                     "a header value may hold a line end only before a space (header '" STR_FMT
                     "')",
                     STR_ARG(name));
    value = str_skip(value, 1);
  }
  return buf_ok(out) ? 0 : err_set(e, ERR_RULE, "the header value is too long");
}

void field_unfold(str raw, struct buf *out)
{
  raw = str_trim(raw);
  for (size_t i = 0, from = 0; i <= raw.n; i++) {
    if (i < raw.n && raw.p[i] != '\r' && raw.p[i] != '\n') continue;
    buf_str_add(out, str_sub(raw, from, i));
    from = i + 1;
  }
}

/* Offset behind the quoted string, comment or bracket that begins at i. */
static size_t field_skip(str s, size_t i)
{
  const char open = s.p[i];
  const char close = open == '(' ? ')' : open == '<' ? '>' : open == '[' ? ']' : '"';
  int depth = 1;
  while (++i < s.n) {
    if (s.p[i] == '\\') {
      i++;
    } else if (s.p[i] == close) {
      if (--depth == 0) return i + 1;
    } else if (s.p[i] == '(' && open == '(') {
      depth++;
    } else if (s.p[i] == '"' && open == '<') {
      i = field_skip(s, i) - 1;
    }
  }
  return s.n;
}

/* The next entry of the list, comma excluded. False when none is left. */
static bool field_entry(str *rest, str *entry)
{
  if (!rest->p) return false;
  size_t i = 0;
  while (i < rest->n && rest->p[i] != ',')
    i = strchr("\"(<[", rest->p[i]) && rest->p[i] ? field_skip(*rest, i) : i + 1;
  if (i > rest->n) i = rest->n;
  *entry = str_sub(*rest, 0, i);
  *rest = i < rest->n ? str_skip(*rest, i + 1) : (str){NULL, 0};
  return true;
}

/* The address of an entry: between < and >, else the whole of it. */
static str field_address(str entry)
{
  for (size_t i = 0; i < entry.n;) {
    if (entry.p[i] == '<') {
      const size_t end = field_skip(entry, i);
      return str_trim(str_sub(entry, i + 1, end > i + 1 ? end - 1 : end));
    }
    i = entry.p[i] == '"' || entry.p[i] == '(' ? field_skip(entry, i) : i + 1;
  }
  return str_trim(entry);
}

static bool field_same_mailbox(str a, str b)
{
  str la, da, lb, db;
  mailbox_split(a, &la, &da);
  mailbox_split(b, &lb, &db);
  return str_eq(la, lb) && str_ieq(da, db);
}

static void field_join(struct buf *out, str piece)
{
  if (out->n > 0) buf_puts(out, ", ");
  buf_str_add(out, piece);
}

/* Copies the list; entries with the address are left out, or get `with` instead of it. */
static bool field_edit(str list, str address, const str *with, struct buf *out)
{
  bool found = false;
  str entry;
  while (field_entry(&list, &entry)) {
    entry = str_trim(entry);
    const str at = field_address(entry);
    if (entry.n == 0) continue;
    if (!field_same_mailbox(at, address)) {
      field_join(out, entry);
      continue;
    }
    found = true;
    if (!with) continue;
    field_join(out, str_sub(entry, 0, (size_t)(at.p - entry.p)));
    buf_str_add(out, *with);
    buf_str_add(out, str_skip(entry, (size_t)(at.p - entry.p) + at.n));
  }
  return found;
}

bool field_list_replace(str list, str address, str with, struct buf *out)
{
  return field_edit(list, address, &with, out);
}

bool field_list_remove(str list, str address, struct buf *out)
{
  return field_edit(list, address, NULL, out);
}

void field_list_add(str list, str address, struct buf *out)
{
  buf_str_add(out, str_trim(list));
  field_join(out, address);
}

#undef FIELD_LINE
#undef FIELD_NAME
