/* smtp/format/subject.c: header text for people (RFC 2047).
 *
 * An encoded word is =?charset?Q|B?text?=. UTF-8, ASCII, ISO-8859-1 and -15 are known, which is
 * nearly all of today's mail; a word in another charset is shown as it came.
 */
#include "format.h"

#define SUBJECT_MAX 1024

struct subject_word {
  str charset, text;
  char encoding;
};

/* An encoded word at the start of *s; moves behind it. */
static bool subject_read_word(str *s, struct subject_word *out)
{
  str rest = *s, encoding;
  ptrdiff_t end;

  if (!str_starts(rest, STR("=?"))) return false;
  rest = str_skip(rest, 2);
  if (!str_cut(&rest, '?', &out->charset) || !str_cut(&rest, '?', &encoding) || !rest.p)
    return false;
  end = str_find(rest, STR("?="));
  if (encoding.n != 1 || end < 0 || out->charset.n == 0) return false;
  out->encoding = str_upper(encoding.p[0]);
  out->text = str_sub(rest, 0, (size_t)end);
  if (str_chr(out->text, ' ') >= 0) return false;
  *s = str_skip(rest, (size_t)end + 2);
  return out->encoding == 'Q' || out->encoding == 'B';
}

static void subject_quoted(str text, struct buf *out)
{
  for (size_t i = 0; i < text.n; i++) {
    uint64_t code;

    if (text.p[i] == '=' && i + 2 < text.n &&
        str_to_u64(str_sub(text, i + 1, i + 3), &code, 16) == 0) {
      buf_putc(out, (char)code);
      i += 2;
    } else {
      buf_putc(out, text.p[i] == '_' ? ' ' : text.p[i]);
    }
  }
}

static bool subject_is_utf8(str charset)
{
  ptrdiff_t star = str_chr(charset, '*'); /* RFC 2231 §5: a language may follow */

  if (star >= 0) charset.n = (size_t)star;
  return str_ieq(charset, STR("utf-8")) || str_ieq(charset, STR("us-ascii"));
}

static bool subject_is_latin(str charset)
{
  return str_ieq(charset, STR("iso-8859-1")) || str_ieq(charset, STR("iso-8859-15")) ||
         str_ieq(charset, STR("windows-1252"));
}

/* False when the word cannot be shown decoded. */
static bool subject_put(const struct subject_word *w, struct buf *out)
{
  struct buf raw = BUF_INIT(SUBJECT_MAX);
  bool ok = true;

  if (w->encoding == 'B')
    ok = base64_decode(w->text, &raw) == 0;
  else
    subject_quoted(w->text, &raw);
  if (!ok || !buf_ok(&raw))
    ok = false;
  else if (subject_is_utf8(w->charset))
    buf_str_add(out, buf_str(&raw));
  else if (subject_is_latin(w->charset))
    for (size_t i = 0; i < raw.n; i++) buf_utf8(out, (unsigned char)raw.p[i]);
  else
    ok = false;
  buf_free(&raw);
  return ok;
}

/* Appends one code point of *s, control characters and ill-formed bytes made harmless. */
static void subject_char(str *s, struct buf *out)
{
  int32_t c = utf8_next(s);

  buf_utf8(out, c < 0 ? 0xfffd : utf8_shows(c) ? c : ' ');
}

str subject_decode(str text, struct arena *a)
{
  struct buf words = BUF_INIT(SUBJECT_MAX), clean = BUF_INIT(4 * SUBJECT_MAX);
  bool after_word = false;
  str rest = str_sub(text, 0, SUBJECT_MAX / 2), out = {"", 0};

  while (rest.n > 0) {
    str ahead = rest, gap = rest;
    struct subject_word w;

    while (gap.n > 0 && str_isspace(gap.p[0])) gap = str_skip(gap, 1);
    if (after_word) ahead = gap; /* §6.2: white space between encoded words is not shown */
    if (subject_read_word(&ahead, &w) && subject_put(&w, &words)) {
      rest = ahead;
      after_word = true;
      continue;
    }
    after_word = false;
    buf_putc(&words, rest.p[0]);
    rest = str_skip(rest, 1);
  }
  rest = buf_str(&words);
  while (rest.n > 0) subject_char(&rest, &clean);
  if (buf_ok(&clean)) out = arena_str(a, str_trim(buf_str(&clean)));
  buf_free(&words);
  buf_free(&clean);
  return out.p ? out : (str){"", 0};
}
#undef SUBJECT_MAX
