/* smtp/format/drop_file.c: a mail left in the folder `drop` by `sendmail`: the format of its file.
 */
#include "format.h"

#define DROP_FILE_MAGIC "vsmtp drop 1"
#define DROP_FILE_TAIL  "\nvsmtp drop end "

static void drop_file_line(struct buf *out, const char *word, str value)
{
  buf_printf(out, "%s " STR_FMT "\n", word, STR_ARG(value));
}

void drop_file_write_head(const struct drop_file *d, struct buf *out)
{
  buf_puts(out, DROP_FILE_MAGIC "\n");
  if (d->has_uid) buf_printf(out, "for %u\n", (unsigned)d->uid);
  if (d->has_from) drop_file_line(out, "from", d->from);
  for (size_t i = 0; i < d->to_count; i++) drop_file_line(out, "to", d->to[i]);
  if (d->envid.n) drop_file_line(out, "envid", d->envid);
  if (d->ret.n) drop_file_line(out, "ret", d->ret);
  if (d->notify.n) drop_file_line(out, "notify", d->notify);
  buf_putc(out, '\n');
}

void drop_file_write_end(uint64_t octets, struct buf *out)
{
  buf_printf(out, DROP_FILE_TAIL "%020llu\n", (unsigned long long)octets);
}

bool drop_file_is_whole(str end, uint64_t size, uint64_t *octets)
{
  str number = str_sub(end, sizeof DROP_FILE_TAIL - 1, DROP_FILE_END - 1);

  if (end.n != DROP_FILE_END || !str_starts(end, STR(DROP_FILE_TAIL)) || !str_ends(end, STR("\n")))
    return false;
  if (!str_isdigit(number.p[0]) || str_to_u64(number, octets, 10) < 0) return false;
  return size >= DROP_FILE_END && *octets <= size - DROP_FILE_END;
}

/* What goes into a command of SMTP: no control character, no space. */
static bool drop_file_text_ok(str s)
{
  for (size_t i = 0; i < s.n; i++)
    if ((unsigned char)s.p[i] <= ' ' || s.p[i] == 0x7f) return false;
  return true;
}

/* An address may hold a space, in quotes; the session says what it thinks of it. */
static bool drop_file_address_ok(str s)
{
  for (size_t i = 0; i < s.n; i++)
    if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f || s.p[i] == '<' || s.p[i] == '>')
      return false;
  return s.n + 2 <= LIMIT_PATH;
}

static bool drop_file_to(struct drop_file *d, str value)
{
  if (d->to_count == LIMIT_DROP_RCPT || value.n == 0 || !drop_file_address_ok(value)) return false;
  d->to[d->to_count++] = value;
  return true;
}

static bool drop_file_for(struct drop_file *d, str value)
{
  uint64_t uid = 0;

  if (d->has_uid || str_to_u64(value, &uid, 10) < 0 || uid > UINT32_MAX) return false;
  d->has_uid = true;
  d->uid = (uint32_t)uid;
  return true;
}

/* One line of the head. */
static bool drop_file_read_line(struct drop_file *d, str line)
{
  str word, value = line;

  if (!str_cut(&value, ' ', &word) || !value.p) return false;
  if (str_eq(word, STR("to"))) return drop_file_to(d, value);
  if (str_eq(word, STR("for"))) return drop_file_for(d, value);
  if (str_eq(word, STR("from"))) {
    if (d->has_from || !drop_file_address_ok(value)) return false;
    d->has_from = true;
    d->from = value;
    return true;
  }
  str *text = str_eq(word, STR("envid"))    ? &d->envid
              : str_eq(word, STR("ret"))    ? &d->ret
              : str_eq(word, STR("notify")) ? &d->notify
                                            : NULL;
  if (!text || text->n || value.n == 0 || value.n > 128 || !drop_file_text_ok(value)) return false;
  *text = value;
  return true;
}

int drop_file_parse(str head, str end, uint64_t size, struct arena *a, struct drop_file *out,
                    struct err *e)
{
  str rest = head, line;
  bool ended = false;

  *out = (struct drop_file){.to = arena_alloc(a, LIMIT_DROP_RCPT * sizeof *out->to)};
  if (!out->to) return err_nomem(e);
  if (!drop_file_is_whole(end, size, &out->octets)) return err_set(e, ERR_SYNTAX, "not whole");
  if (!str_cut(&rest, '\n', &line) || !str_eq(line, STR(DROP_FILE_MAGIC)))
    return err_set(e, ERR_SYNTAX, "no drop file of this version");
  while (!ended && rest.p && str_cut(&rest, '\n', &line)) {
    ended = line.n == 0 && rest.p;
    if (!ended && !drop_file_read_line(out, line))
      return err_set(e, ERR_SYNTAX, "a line that cannot stand before the message");
  }
  if (!ended || out->to_count == 0) return err_set(e, ERR_SYNTAX, "the envelope is not whole");
  out->at = (uint64_t)(rest.p - head.p);
  if (out->at + out->octets + DROP_FILE_END != size)
    return err_set(e, ERR_SYNTAX, "its size is not what its end says");
  return 0;
}
#undef DROP_FILE_MAGIC
#undef DROP_FILE_TAIL
