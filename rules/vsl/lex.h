/* rules/vsl/lex.h: tokens of VSL (rules/README.md#how-it-is-written).
 *
 * The compiler asks for one token at a time and never looks further ahead, so that it can tell the
 * lexer where an interpolation ends. A struct lex is copied to come back to a place.
 */
#ifndef VSL_LEX_H
#define VSL_LEX_H

#include "../../vsmtp.h"

/* clang-format off */
/* X(enum, text). ORDER TOKEN. Keywords first, then symbols. */
#define TOKEN_KEYWORDS(X)                                                                          \
  X(TRUE, "true") X(FALSE, "false") X(LET, "let") X(CONST, "const") X(IF, "if") X(ELSE, "else")    \
  X(SWITCH, "switch") X(DO, "do") X(WHILE, "while") X(UNTIL, "until") X(LOOP, "loop")              \
  X(FOR, "for") X(IN, "in") X(FN, "fn") X(PRIVATE, "private") X(THIS, "this")                      \
  X(RETURN, "return") X(THROW, "throw") X(TRY, "try") X(CATCH, "catch") X(CONTINUE, "continue")    \
  X(BREAK, "break") X(IMPORT, "import") X(EXPORT, "export") X(AS, "as") X(GLOBAL, "global")

#define TOKEN_SYMBOLS(X)                                                                           \
  X(NOT_IN, "!in") X(POW_SET, "**=") X(SHL_SET, "<<=") X(SHR_SET, ">>=") X(RANGE_EQ, "..=")        \
  X(POW, "**") X(SHL, "<<") X(SHR, ">>") X(AND_AND, "&&") X(OR_OR, "||") X(EQ, "==")               \
  X(NE, "!=") X(LE, "<=") X(GE, ">=") X(COALESCE, "??") X(SAFE_DOT, "?.") X(SAFE_INDEX, "?[")      \
  X(RANGE, "..") X(ADD_SET, "+=") X(SUB_SET, "-=") X(MUL_SET, "*=") X(DIV_SET, "/=")               \
  X(MOD_SET, "%=") X(AND_SET, "&=") X(OR_SET, "|=") X(XOR_SET, "^=") X(PATH, "::")                 \
  X(ARROW, "=>") X(MAP_OPEN, "#{") X(ADD, "+") X(SUB, "-") X(MUL, "*") X(DIV, "/") X(MOD, "%")     \
  X(AND, "&") X(XOR, "^") X(OR, "|") X(NOT, "!") X(LT, "<") X(GT, ">") X(SET, "=")                 \
  X(SEMICOLON, ";") X(COMMA, ",") X(COLON, ":") X(DOT, ".") X(OPEN, "(") X(CLOSE, ")")             \
  X(INDEX_OPEN, "[") X(INDEX_CLOSE, "]") X(BLOCK_OPEN, "{") X(BLOCK_CLOSE, "}")
/* clang-format on */

enum token_type {
  TOKEN_END,
  TOKEN_ERROR, /* lex.error says why, token.at where */
  TOKEN_IDENT,
  TOKEN_INT,
  TOKEN_FLOAT,
  TOKEN_CHAR,
  TOKEN_STRING,       /* text is what it means */
  TOKEN_TEMPLATE,     /* back-tick text up to a ${ */
  TOKEN_TEMPLATE_END, /* the last piece, from lex_template */
  TOKEN_UNDERSCORE,
#define TOKEN_ENUM(upper, text) TOKEN_##upper,
  TOKEN_KEYWORDS(TOKEN_ENUM) TOKEN_SYMBOLS(TOKEN_ENUM)
#undef TOKEN_ENUM
      TOKEN_TYPES
};
const char *token_name(enum token_type t); /* for messages: "';'", "a string" */

struct token {
  enum token_type type;
  uint32_t at, end; /* offsets of its first byte and behind its last */
  str text;         /* identifier or decoded string: the latter until the next token is read */
  int64_t i;
  double f;
  bool plain; /* a STRING written as "…" */
};

struct lex {
  str source;
  uint32_t at;
  bool operand;      /* the last token ends an operand: a '-' is then an operator */
  struct buf *text;  /* decoded strings, borrowed */
  const char *error; /* constant text */
};

/* source must be valid UTF-8 without NUL, shorter than 4 GiB; main files may begin with #!. */
void lex_init(struct lex *l, str source, struct buf *text, bool is_main);
struct token lex_next(struct lex *l);
/* The next piece of the back-tick string opened at `opened`, after the } of an interpolation. */
struct token lex_template(struct lex *l, uint32_t opened);

#endif
