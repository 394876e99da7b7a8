/* rules/vsl/lex.c: text to tokens.
 *
 * Nothing here recurses; an error is a token like others, and the lexer stays where it stood.
 */
#include "lex.h"

#include <math.h>

struct lex_word {
  str text;
  enum token_type type;
};

static const struct lex_word lex_keywords[] = {/* ORDER TOKEN */
#define LEX_WORD(upper, text) {STR_INIT(text), TOKEN_##upper},
                                               TOKEN_KEYWORDS(LEX_WORD){STR_INIT("is"), TOKEN_EQ},
                                               {STR_INIT("not"), TOKEN_NE}};

static const struct lex_word lex_symbols[] = {TOKEN_SYMBOLS(LEX_WORD)};
#undef LEX_WORD

/* Any use is an error; symbols longest first. */
static const char *const lex_reserved_words[] = {
    "var",   "static", "shared", "goto",   "exit",    "match", "case",   "public", "protected",
    "new",   "use",    "with",   "module", "package", "super", "thread", "spawn",  "go",
    "await", "async",  "sync",   "yield",  "default", "void",  "null",   "nil",    "eval"};
static const char *const lex_reserved_symbols[] = {"===", "!==", "...", "::<", "->", "<-",
                                                   ":=",  "++",  "--",  "<|",  "|>", "(*",
                                                   "*)",  "~",   "@",   "$",   "?",  "#"};

const char *token_name(enum token_type t)
{
  static const char *const names[] = {/* ORDER TOKEN */
                                      "end of file",
                                      "an error",
                                      "a name",
                                      "a number",
                                      "a number",
                                      "a character",
                                      "a string",
                                      "a string",
                                      "a string",
                                      "'_'",
#define LEX_NAME(upper, text) "'" text "'",
                                      TOKEN_KEYWORDS(LEX_NAME) TOKEN_SYMBOLS(LEX_NAME)
#undef LEX_NAME
  };
  return names[t];
}

/* ---- characters ------------------------------------------------------------------------------ */

static char lex_peek(const struct lex *l, uint32_t ahead)
{
  uint64_t at = (uint64_t)l->at + ahead;
  return at < l->source.n ? l->source.p[at] : '\0';
}

static bool lex_at_end(const struct lex *l)
{
  return l->at >= l->source.n;
}

static bool lex_is_letter(char c)
{
  return str_isalpha(c);
}

static bool lex_is_word(char c)
{
  return str_isalnum(c) || c == '_';
}

static bool lex_sees(const struct lex *l, const char *text)
{
  size_t n = strlen(text);
  return l->source.n - l->at >= n && memcmp(l->source.p + l->at, text, n) == 0;
}

static struct token lex_fail(struct lex *l, uint32_t at, const char *why)
{
  l->error = why;
  return (struct token){.type = TOKEN_ERROR, .at = at, .end = at};
}

/* The token from `at` to where the lexer stands. */
static struct token lex_token(struct lex *l, enum token_type t, uint32_t at)
{
  static const bool ends_operand[TOKEN_TYPES] = {
      [TOKEN_IDENT] = true,     [TOKEN_INT] = true,         [TOKEN_FLOAT] = true,
      [TOKEN_CHAR] = true,      [TOKEN_STRING] = true,      [TOKEN_TEMPLATE_END] = true,
      [TOKEN_TRUE] = true,      [TOKEN_FALSE] = true,       [TOKEN_THIS] = true,
      [TOKEN_CLOSE] = true,     [TOKEN_INDEX_CLOSE] = true, [TOKEN_BLOCK_CLOSE] = true,
      [TOKEN_UNDERSCORE] = true};
  l->operand = ends_operand[t];
  return (struct token){.type = t, .at = at, .end = l->at};
}

/* ---- white space ----------------------------------------------------------------------------- */

/* Behind a block comment with all comments in it; false: not closed. */
static bool lex_skip_block(struct lex *l)
{
  size_t depth = 0;
  do {
    if (lex_at_end(l)) return false;
    if (lex_sees(l, "/*")) {
      depth++;
      l->at += 2;
    } else if (lex_sees(l, "*/")) {
      depth--;
      l->at += 2;
    } else {
      l->at++;
    }
  } while (depth);
  return true;
}

static void lex_skip_line(struct lex *l)
{
  const char *from = l->source.p + l->at;
  const char *end = memchr(from, '\n', l->source.n - l->at);
  l->at = end ? (uint32_t)(end - l->source.p) : (uint32_t)l->source.n;
}

/* False: at a block comment that does not end; *at is its opening. */
static bool lex_skip_space(struct lex *l, uint32_t *at)
{
  for (;;) {
    char c = lex_peek(l, 0);
    *at = l->at;
    if (!lex_at_end(l) && (c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f')) {
      l->at++;
    } else if (c == '/' && lex_peek(l, 1) == '/') {
      lex_skip_line(l);
    } else if (c == '/' && lex_peek(l, 1) == '*') {
      if (!lex_skip_block(l)) return false;
    } else {
      return true;
    }
  }
}

/* ---- strings --------------------------------------------------------------------------------- */

static int lex_hex_digit(char c)
{
  if (str_isdigit(c)) return c - '0';
  c = str_lower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The code point of the escape whose letter is next; -1: none such. */
static int32_t lex_escape(struct lex *l)
{
  static const char letters[] = "\\\"'nrt", values[] = "\\\"'\n\r\t";
  char c = lex_peek(l, 0);
  const char *found = c ? strchr(letters, c) : NULL;
  if (found) {
    l->at++;
    return values[found - letters];
  }
  uint32_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
  uint64_t code = 0;
  for (uint32_t i = 1; i <= digits; i++) {
    int d = lex_hex_digit(lex_peek(l, i));
    if (d < 0) return -1;
    code = code * 16 + (unsigned)d;
  }
  char bytes[4];
  if (!digits || code > 0x10FFFF || !utf8_put(bytes, (int32_t)code)) return -1;
  l->at += digits + 1;
  return (int32_t)code;
}

/* After a backslash at the end of a line: white space of the next one up to the quote's column. */
static void lex_continue_line(struct lex *l, uint32_t quote)
{
  uint32_t start = quote;
  while (start && l->source.p[start - 1] != '\n') start--;
  size_t column = utf8_len((str){l->source.p + start, quote - start}) + 1;
  if (lex_peek(l, 0) == '\r') l->at++;
  l->at++;
  for (; column && (lex_peek(l, 0) == ' ' || lex_peek(l, 0) == '\t'); column--) l->at++;
}

static bool lex_ends_line(const struct lex *l)
{
  return lex_peek(l, 0) == '\n' || (lex_peek(l, 0) == '\r' && lex_peek(l, 1) == '\n');
}

static struct token lex_text_token(struct lex *l, enum token_type t, uint32_t at)
{
  if (!buf_ok(l->text)) return lex_fail(l, at, "the string is too long");
  struct token token = lex_token(l, t, at);
  token.text = buf_str(l->text);
  return token;
}

/* "…": the quote is at l->at. */
static struct token lex_string(struct lex *l)
{
  uint32_t at = l->at++;
  buf_clear(l->text);
  for (;;) {
    char c = lex_peek(l, 0);
    if (lex_at_end(l) || c == '\n') return lex_fail(l, at, "the string is not terminated");
    l->at++;
    if (c == '"') {
      if (lex_peek(l, 0) != '"') break;
      l->at++; /* "" is one quote */
      buf_putc(l->text, '"');
    } else if (c != '\\') {
      buf_putc(l->text, c);
    } else if (lex_ends_line(l)) {
      lex_continue_line(l, at);
    } else {
      int32_t code = lex_escape(l);
      if (code < 0) return lex_fail(l, l->at, "this escape is unknown or not a character");
      buf_utf8(l->text, code);
    }
  }
  struct token t = lex_text_token(l, TOKEN_STRING, at);
  t.plain = true;
  return t;
}

/* #"…"# with any number of #. False if it is none. */
static bool lex_raw(struct lex *l, struct token *t)
{
  uint32_t at = l->at, hashes = 0;
  while (lex_peek(l, hashes) == '#') hashes++;
  if (lex_peek(l, hashes) != '"') return false;
  l->at += hashes + 1;
  uint32_t from = l->at;
  for (; !lex_at_end(l); l->at++) {
    uint32_t i = 0;
    if (lex_peek(l, 0) != '"') continue;
    while (i < hashes && lex_peek(l, i + 1) == '#') i++;
    if (i < hashes) continue;
    buf_clear(l->text);
    buf_add(l->text, l->source.p + from, l->at - from);
    l->at += hashes + 1;
    *t = lex_text_token(l, TOKEN_STRING, at);
    return true;
  }
  *t = lex_fail(l, at, "the string is not terminated");
  return true;
}

/* A piece of a back-tick string, from l->at to its end or the next ${. */
static struct token lex_piece(struct lex *l, uint32_t opened, enum token_type end)
{
  uint32_t at = l->at;
  buf_clear(l->text);
  for (;;) {
    char c = lex_peek(l, 0);
    if (lex_at_end(l)) return lex_fail(l, opened, "the string is not terminated");
    l->at++;
    if (c == '`') {
      if (lex_peek(l, 0) != '`') return lex_text_token(l, end, at);
      l->at++;
      buf_putc(l->text, '`');
    } else if (c == '$' && lex_peek(l, 0) == '{') {
      l->at++;
      return lex_text_token(l, TOKEN_TEMPLATE, at);
    } else {
      buf_putc(l->text, c);
    }
  }
}

struct token lex_template(struct lex *l, uint32_t opened)
{
  return lex_piece(l, opened, TOKEN_TEMPLATE_END);
}

static struct token lex_backtick(struct lex *l)
{
  uint32_t at = l->at++;
  if (lex_ends_line(l)) l->at += lex_peek(l, 0) == '\r' ? 2 : 1;
  struct token t = lex_piece(l, at, TOKEN_STRING);
  if (t.type != TOKEN_ERROR) t.at = at;
  return t;
}

static struct token lex_char(struct lex *l)
{
  uint32_t at = l->at++;
  str rest = str_skip(l->source, l->at);
  char c = lex_peek(l, 0);
  if (lex_at_end(l) || c == '\'' || c == '\n') {
    return lex_fail(l, at, "a character literal holds exactly one character");
  }
  int32_t code;
  if (c == '\\') {
    l->at++;
    code = lex_escape(l);
    if (code < 0) return lex_fail(l, l->at, "this escape is unknown or not a character");
  } else {
    code = utf8_next(&rest);
    l->at = (uint32_t)(rest.p - l->source.p);
  }
  if (lex_peek(l, 0) != '\'') {
    return lex_fail(l, at, "a character literal holds exactly one character");
  }
  l->at++;
  struct token t = lex_token(l, TOKEN_CHAR, at);
  t.i = code;
  return t;
}

/* ---- numbers --------------------------------------------------------------------------------- */

/* 0x…, 0o…, 0b…: the prefix is next. */
static struct token lex_radix(struct lex *l, uint32_t at, bool negative, unsigned bits)
{
  uint64_t n = 0;
  bool any = false;
  l->at += 2;
  for (; lex_is_word(lex_peek(l, 0)); l->at++) {
    char c = lex_peek(l, 0);
    if (c == '_') continue;
    int d = lex_hex_digit(c);
    if (d < 0 || d >= 1 << bits) return lex_fail(l, at, "a digit does not belong to this number");
    if (n >> (64 - bits)) return lex_fail(l, at, "the number has more than 64 bits");
    n = n << bits | (unsigned)d;
    any = true;
  }
  if (!any) return lex_fail(l, at, "the number has no digits");
  struct token t = lex_token(l, TOKEN_INT, at);
  t.i = (int64_t)(negative ? 0 - n : n);
  return t;
}

static void lex_digits(struct lex *l)
{
  for (; str_isdigit(lex_peek(l, 0)) || lex_peek(l, 0) == '_'; l->at++)
    if (lex_peek(l, 0) != '_') buf_putc(l->text, lex_peek(l, 0));
}

/* A fraction and an exponent, if what follows is one. */
static bool lex_fraction(struct lex *l)
{
  bool is_float = false;
  char next = lex_peek(l, 1);
  if (lex_peek(l, 0) == '.' && !lex_is_letter(next) && next != '_' && next != '.') {
    is_float = true;
    l->at++;
    buf_putc(l->text, '.');
    lex_digits(l);
  }
  uint32_t sign = lex_peek(l, 1) == '-' || lex_peek(l, 1) == '+';
  if ((lex_peek(l, 0) == 'e' || lex_peek(l, 0) == 'E') && str_isdigit(lex_peek(l, 1 + sign))) {
    is_float = true;
    buf_add(l->text, l->source.p + l->at, 1 + sign);
    l->at += 1 + sign;
    lex_digits(l);
  }
  return is_float;
}

static struct token lex_number(struct lex *l)
{
  uint32_t at = l->at;
  bool negative = lex_peek(l, 0) == '-';
  if (negative) l->at++;
  char prefix = lex_peek(l, 0) == '0' ? str_lower(lex_peek(l, 1)) : '\0';
  if (prefix == 'x') return lex_radix(l, at, negative, 4);
  if (prefix == 'o') return lex_radix(l, at, negative, 3);
  if (prefix == 'b') return lex_radix(l, at, negative, 1);
  buf_clear(l->text);
  lex_digits(l);
  bool is_float = lex_fraction(l);
  if (is_float && lex_peek(l, 0) == '.' && str_isdigit(lex_peek(l, 1))) {
    return lex_fail(l, at, "the number has two fractions");
  }
  if (!buf_ok(l->text)) return lex_fail(l, at, "the number is too long");
  uint64_t n = 0;
  if (!is_float && !str_to_u64(buf_str(l->text), &n, 10) && n <= (uint64_t)INT64_MAX + negative) {
    struct token t = lex_token(l, TOKEN_INT, at);
    t.i = (int64_t)(negative ? 0 - n : n);
    return t;
  }
  struct token t = lex_token(l, TOKEN_FLOAT, at);
  double f = strtod(buf_cstr(l->text), NULL);
  t.f = negative ? -f : f;
  return t;
}

/* ---- words and symbols ----------------------------------------------------------------------- */

static struct token lex_name(struct lex *l)
{
  uint32_t at = l->at, letters = 0;
  while (lex_peek(l, letters) == '_') letters++;
  bool good = lex_is_letter(lex_peek(l, letters));
  while (lex_is_word(lex_peek(l, 0))) l->at++;
  str text = {l->source.p + at, l->at - at};
  if (str_eq(text, STR("_"))) return lex_token(l, TOKEN_UNDERSCORE, at);
  if (!good) return lex_fail(l, at, "a name needs a letter after its underscores");
  for (size_t i = 0; i < BASE_COUNT(lex_keywords); i++)
    if (str_eq(text, lex_keywords[i].text)) return lex_token(l, lex_keywords[i].type, at);
  for (size_t i = 0; i < BASE_COUNT(lex_reserved_words); i++)
    if (str_eq(text, str_of(lex_reserved_words[i])))
      return lex_fail(l, at, "this word is reserved");
  struct token t = lex_token(l, TOKEN_IDENT, at);
  t.text = text;
  return t;
}

static struct token lex_symbol(struct lex *l)
{
  uint32_t at = l->at;
  const struct lex_word *best = NULL;
  for (size_t i = 0; i < BASE_COUNT(lex_symbols) && !best; i++) {
    const struct lex_word *w = &lex_symbols[i];
    if (!lex_sees(l, w->text.p)) continue;
    if (w->type == TOKEN_NOT_IN && lex_is_word(lex_peek(l, 3))) continue;
    best = w;
  }
  for (size_t i = 0; i < BASE_COUNT(lex_reserved_symbols); i++) {
    const char *r = lex_reserved_symbols[i];
    if (lex_sees(l, r) && (!best || strlen(r) > best->text.n)) {
      return lex_fail(l, at, "this symbol is reserved");
    }
  }
  if (!best) return lex_fail(l, at, "this character means nothing here");
  l->at += (uint32_t)best->text.n;
  return lex_token(l, best->type, at);
}

/* ---- the door -------------------------------------------------------------------------------- */

void lex_init(struct lex *l, str source, struct buf *text, bool is_main)
{
  *l = (struct lex){.source = source, .text = text};
  if (is_main && lex_sees(l, "#!")) lex_skip_line(l);
}

struct token lex_next(struct lex *l)
{
  uint32_t at;
  if (!lex_skip_space(l, &at)) return lex_fail(l, at, "the comment is not closed");
  if (lex_at_end(l)) return lex_token(l, TOKEN_END, at);
  char c = lex_peek(l, 0);
  struct token raw;
  if (c == '_' || lex_is_letter(c)) return lex_name(l);
  if (str_isdigit(c) || (c == '-' && !l->operand && str_isdigit(lex_peek(l, 1)))) {
    return lex_number(l);
  }
  if (c == '"') return lex_string(l);
  if (c == '`') return lex_backtick(l);
  if (c == '\'') return lex_char(l);
  if (c == '#' && lex_raw(l, &raw)) return raw;
  return lex_symbol(l);
}
