/* rules/vsl/scan.c: reading ahead: which functions a file has, whether a statement is an
 * assignment.
 *
 * Works on a copy of the lexer and knows brackets and interpolations only. What it cannot make
 * sense of it leaves to the parser, which then says what is wrong.
 */
#include "compile.h"

void scan_from(struct scan *s, const struct lex *l, struct token t, struct buf *text)
{
  s->lex = *l;
  s->lex.text = text;
  s->token = t;
  s->nest = s->templates = 0;
  s->failed = false;
}

static void scan_template(struct scan *s, uint32_t opened)
{
  if (s->templates == BASE_COUNT(s->open)) {
    s->failed = true;
    return;
  }
  s->open[s->templates].nest = s->nest++;
  s->open[s->templates++].opened = opened;
}

void scan_next(struct scan *s)
{
  s->token = lex_next(&s->lex);
  switch (s->token.type) {
  case TOKEN_TEMPLATE: scan_template(s, s->token.at); break;
  case TOKEN_OPEN:
  case TOKEN_INDEX_OPEN:
  case TOKEN_SAFE_INDEX:
  case TOKEN_MAP_OPEN:
  case TOKEN_BLOCK_OPEN: s->nest++; break;
  case TOKEN_CLOSE:
  case TOKEN_INDEX_CLOSE:
  case TOKEN_BLOCK_CLOSE:
    if (!s->nest) {
      s->failed = true;
      break;
    }
    s->nest--;
    if (!s->templates || s->open[s->templates - 1].nest != s->nest) break;
    uint32_t opened = s->open[--s->templates].opened; /* an interpolation ends here */
    s->token = lex_template(&s->lex, opened);
    if (s->token.type == TOKEN_TEMPLATE) scan_template(s, opened);
    break;
  default: break;
  }
  if (s->token.type == TOKEN_ERROR || s->token.type == TOKEN_END) s->failed = true;
}

/* Behind the bracket that is the current token. */
static void scan_group(struct scan *s)
{
  uint32_t outside = s->nest - 1;
  while (!s->failed && s->nest > outside) scan_next(s);
  if (!s->failed) scan_next(s);
}

static bool scan_is_assignment(enum token_type t)
{
  switch (t) {
  case TOKEN_SET:
  case TOKEN_ADD_SET:
  case TOKEN_SUB_SET:
  case TOKEN_MUL_SET:
  case TOKEN_DIV_SET:
  case TOKEN_MOD_SET:
  case TOKEN_POW_SET:
  case TOKEN_SHL_SET:
  case TOKEN_SHR_SET:
  case TOKEN_AND_SET:
  case TOKEN_OR_SET:
  case TOKEN_XOR_SET: return true;
  default: return false;
  }
}

enum token_type scan_assignment(const struct compiler *c, struct lex *after)
{
  struct buf text = BUF_INIT(LIMIT_VSL_FILE);
  struct scan s;
  scan_from(&s, &c->lex, c->token, &text);
  scan_next(&s);
  while (!s.failed) {
    enum token_type t = s.token.type;
    if (t == TOKEN_DOT || t == TOKEN_SAFE_DOT || t == TOKEN_PATH) {
      scan_next(&s);
      if (s.token.type != TOKEN_IDENT) break;
      scan_next(&s);
    } else if (t == TOKEN_INDEX_OPEN || t == TOKEN_SAFE_INDEX || t == TOKEN_OPEN) {
      scan_group(&s);
    } else {
      break;
    }
  }
  buf_free(&text);
  *after = s.lex;
  after->text = c->lex.text;
  return !s.failed && scan_is_assignment(s.token.type) ? s.token.type : TOKEN_END;
}

/* A function's head: `fn` is the current token. */
static void scan_function(struct compiler *c, struct scan *s, bool is_private)
{
  struct function f = {.at = s->token.at, .is_private = is_private};
  scan_next(s);
  if (s->token.type != TOKEN_IDENT) return;
  str name = s->token.text;
  scan_next(s);
  if (s->token.type != TOKEN_OPEN) return;
  for (scan_next(s); !s->failed && s->nest; scan_next(s)) f.params += s->token.type == TOKEN_IDENT;
  if (compile_function(c, name, f.params)) {
    compile_error(c, f.at, "function '" STR_FMT "' with %u parameters is defined twice",
                  STR_ARG(name), f.params);
    return;
  }
  f.name = compile_string(c, name);
  uint32_t number = COMPILE_COUNT(c->functions, struct function);
  compile_index(c, 'f', f.params, name, number);
  compile_index(c, 'F', 0, name, number);
  compile_add(c, &c->functions, &f, sizeof f);
}

void scan_functions(struct compiler *c)
{
  struct buf text = BUF_INIT(LIMIT_VSL_FILE);
  struct scan s;
  bool is_private = false;
  scan_from(&s, &c->lex, c->token, &text);
  for (scan_next(&s); !s.failed && !c->failed; scan_next(&s)) {
    if (s.token.type == TOKEN_FN && !s.nest) scan_function(c, &s, is_private);
    is_private = s.token.type == TOKEN_PRIVATE;
  }
  buf_free(&text);
}
