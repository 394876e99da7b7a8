/* smtp/conf/passwd.c: /etc/passwd and /etc/group.
 *
 *   name:password:uid:gid:comment:home:shell
 *   name:password:gid:members
 */
#include "conf.h"

#include "../../vsmtp.h"

#define PASSWD_FIELDS 7

/* Splits a line; the number of fields, 0 if there are too many. */
static size_t passwd_fields(str line, str field[PASSWD_FIELDS])
{
  size_t n = 0;
  if (line.n == 0 || *line.p == '#' || *line.p == '+' || *line.p == '-') return 0;
  while (n < PASSWD_FIELDS && str_cut(&line, ':', &field[n])) n++;
  return line.p ? 0 : n;
}

static bool passwd_id(str s, uint32_t *out)
{
  uint64_t n;
  if (s.n == 0 || !str_isdigit(*s.p) || str_to_u64(s, &n, 10) || n >= UINT32_MAX) return false;
  *out = (uint32_t)n; /* the highest is "no id" to the kernel */
  return true;
}

/* name empty: by uid. */
static bool passwd_match(str line, str name, uint32_t uid, struct passwd_entry *out)
{
  str field[PASSWD_FIELDS];
  if (passwd_fields(line, field) != PASSWD_FIELDS || field[0].n == 0) return false;
  if (str_chr(line, '\0') >= 0) return false;
  if (!passwd_id(field[2], &out->uid) || !passwd_id(field[3], &out->gid)) return false;
  out->name = field[0];
  out->comment = field[4];
  out->home = str_starts(field[5], STR("/")) ? field[5] : STR("");
  return name.n ? str_eq(out->name, name) : out->uid == uid;
}

static int passwd_find(str file, str name, uint32_t uid, struct arena *a, struct passwd_entry *out,
                       struct err *e)
{
  struct buf text = BUF_INIT(0);
  int result = 1;
  str line;
  *out = (struct passwd_entry){.uid = uid};
  if (file_read(file, LIMIT_PASSWD_FILE, &text, e)) {
    buf_free(&text);
    return -1;
  }
  str rest = buf_str(&text);
  while (result == 1 && str_cut(&rest, '\n', &line))
    if (passwd_match(line, name, uid, out)) result = 0;
  if (result == 0) {
    out->name = arena_str(a, out->name);
    out->home = arena_str(a, out->home);
    out->comment = arena_str(a, out->comment);
    if (!out->name.p || !out->home.p || !out->comment.p) result = err_nomem(e);
  } else {
    *out = (struct passwd_entry){.uid = uid}; /* nothing points into the text any more */
  }
  buf_free(&text);
  return result;
}

int passwd_user(str file, str name, struct arena *a, struct passwd_entry *out, struct err *e)
{
  return name.n ? passwd_find(file, name, 0, a, out, e) : 1;
}

int passwd_uid(str file, uint32_t uid, struct arena *a, struct passwd_entry *out, struct err *e)
{
  return passwd_find(file, (str){NULL, 0}, uid, a, out, e);
}

int passwd_group(str file, str name, uint32_t *gid, struct err *e)
{
  struct buf text = BUF_INIT(0);
  str line, field[PASSWD_FIELDS];
  if (file_read(file, LIMIT_PASSWD_FILE, &text, e)) {
    buf_free(&text);
    return -1;
  }
  int result = 1;
  str rest = buf_str(&text);
  while (result == 1 && name.n && str_cut(&rest, '\n', &line))
    if (passwd_fields(line, field) == 4 && str_eq(field[0], name) && passwd_id(field[2], gid))
      result = 0;
  buf_free(&text);
  return result;
}
#undef PASSWD_FIELDS
