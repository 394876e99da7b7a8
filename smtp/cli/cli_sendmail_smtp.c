/* smtp/cli/cli_sendmail_smtp.c: `sendmail -bs`: SMTP on standard input and output (RFC 5321 §4.1).
 *
 * For programs that speak to a pipe. What they send is left in the drop folder like any other mail:
 * the server's rules see it later, so a refusal comes as a mail.
 */
#include "cli_sendmail.h"

#include <errno.h>
#include <sysexits.h>
#include <unistd.h>

#include "../../sqlite/store.h"
#include "../format/format.h"

#define SENDMAIL_SMTP_PIECE 8192

struct sendmail_smtp {
  struct sendmail *m;
  struct arena_mark begin; /* of the arena, between two mails */
  char piece[SENDMAIL_SMTP_PIECE];
  str input;   /* of piece: not used yet */
  bool end;    /* of standard input */
  bool failed; /* standard output takes nothing any more */
  bool greeted, mail, utf8;
  char id[ID_LENGTH + 1];
};

static void sendmail_smtp_say(struct sendmail_smtp *s, const char *text)
{
  if (printf("%s\r\n", text) < 0 || fflush(stdout) != 0) s->failed = true;
}

/* More input; false at its end. */
static bool sendmail_smtp_fill(struct sendmail_smtp *s)
{
  ssize_t n;

  while (!s->end && s->input.n == 0) {
    n = read(STDIN_FILENO, s->piece, sizeof s->piece);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) s->end = true;
    if (n > 0) s->input = (str){s->piece, (size_t)n};
  }
  return s->input.n > 0;
}

static void sendmail_smtp_reset(struct sendmail_smtp *s)
{
  arena_rewind(s->m->arena, s->begin);
  s->m->leave.envelope = (struct drop_file){.has_from = true};
  s->mail = s->utf8 = false;
}

/* ---- commands -------------------------------------------------------------------------------- */

static const char *sendmail_smtp_mail(struct sendmail_smtp *s, const struct command *c)
{
  struct drop_file *d = &s->m->leave.envelope;

  if (!s->greeted || s->mail) return "503 5.5.1 Bad sequence of commands";
  d->to = arena_alloc(s->m->arena, LIMIT_DROP_RCPT * sizeof *d->to);
  if (!d->to) return "451 4.3.0 Out of memory";
  d->from = c->path.text;
  d->envid = c->envid.n ? arena_str(s->m->arena, c->envid) : (str){"", 0};
  d->ret = c->ret.n ? arena_str(s->m->arena, c->ret) : (str){"", 0};
  s->m->leave.submit.sender = c->path.text;
  s->mail = true;
  s->utf8 = c->utf8;
  return "250 2.1.0 Ok";
}

static const char *sendmail_smtp_rcpt(struct sendmail_smtp *s, const struct command *c)
{
  struct drop_file *d = &s->m->leave.envelope;

  if (!s->mail) return "503 5.5.1 Bad sequence of commands";
  if (d->to_count == LIMIT_DROP_RCPT) return "452 4.5.3 Too many recipients";
  d->to[d->to_count++] = c->path.text;
  return "250 2.1.5 Ok";
}

/* What is next of the text, without the dots that stuff it; false: it ended by a dot. Lines may end
 * in LF alone: a person may be typing. */
static bool sendmail_smtp_next(struct sendmail_smtp *s, enum unstuff_state *state, str *text)
{
  char c = s->input.p[0];
  const char *lf = memchr(s->input.p, '\n', s->input.n);
  bool in_dot = *state == UNSTUFF_DOT || *state == UNSTUFF_DOT_CR;
  size_t n = 1;

  *text = (str){"", 0};
  if (*state == UNSTUFF_LINE_START && c == '.') {
    *state = UNSTUFF_DOT;
  } else if (*state == UNSTUFF_DOT && c == '\r') {
    *state = UNSTUFF_DOT_CR;
  } else if (in_dot && c == '\n') {
    s->input = str_skip(s->input, 1);
    return false;
  } else {
    n = lf ? (size_t)(lf - s->input.p) + 1 : s->input.n;
    *text = str_sub(s->input, 0, n);
    *state = lf ? UNSTUFF_LINE_START : UNSTUFF_TEXT;
  }
  s->input = str_skip(s->input, n);
  return true;
}

/* Reads to the final dot, whatever happens to the text. */
static int sendmail_smtp_text(struct sendmail_smtp *s, struct drop_write *l, struct err *e)
{
  enum unstuff_state state = UNSTUFF_LINE_START;
  int rc = 0;
  str text;

  while (sendmail_smtp_fill(s)) {
    if (!sendmail_smtp_next(s, &state, &text)) return rc < 0 ? -1 : drop_write_end(l, e);
    if (rc == 0) rc = drop_write_text(l, text, e);
  }
  return err_set(e, ERR_SYNTAX, "the mail has no end");
}

static const char *sendmail_smtp_data(struct sendmail_smtp *s)
{
  struct drop_write l;
  struct err e;
  int rc;

  if (s->m->leave.envelope.to_count == 0) return "503 5.5.1 No recipient";
  sendmail_smtp_say(s, "354 Start mail input; end with <CRLF>.<CRLF>");
  s->m->leave.submit.dots = true;
  s->m->leave.submit.id = str_of(id_new(s->id));
  s->m->leave.submit.now = clock_wall();
  drop_write_begin(&l, &s->m->leave, s->m->arena);
  rc = sendmail_smtp_text(s, &l, &e);
  drop_write_free(&l);
  sendmail_smtp_reset(s);
  if (rc == 0) return "250 2.0.0 Ok, left for the server";
  return sendmail_fail(&e) == EX_TEMPFAIL ? "451 4.3.0 Not now" : "554 5.3.0 Not left";
}

static const char *sendmail_smtp_hello(struct sendmail_smtp *s, bool extended)
{
  s->greeted = true;
  sendmail_smtp_reset(s);
  if (extended && printf("250-" STR_FMT "\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-DSN\r\n",
                         STR_ARG(s->m->leave.submit.domain)) < 0)
    s->failed = true;
  return extended ? "250 PIPELINING" : "250 Ok";
}

static const char *sendmail_smtp_answer(struct sendmail_smtp *s, const struct command *c)
{
  if (c->fault == COMMAND_NOMEM) return "451 4.3.0 Out of memory";
  if (c->fault && !(c->fault == COMMAND_NO_DOMAIN && c->path.text.n))
    return "501 5.5.4 Syntax error in parameters or arguments";
  switch (c->verb) {
  case COMMAND_HELO: return sendmail_smtp_hello(s, false);
  case COMMAND_EHLO: return sendmail_smtp_hello(s, true);
  case COMMAND_MAIL: return sendmail_smtp_mail(s, c);
  case COMMAND_RCPT: return sendmail_smtp_rcpt(s, c);
  case COMMAND_DATA: return sendmail_smtp_data(s);
  case COMMAND_NOOP: return "250 2.0.0 Ok";
  case COMMAND_QUIT: return "221 2.0.0 Bye";
  case COMMAND_RSET: sendmail_smtp_reset(s); return "250 2.0.0 Ok";
  default: return "502 5.5.1 Command not implemented";
  }
}

/* The next line without its end, in the arena; false at the end of input. A line too long is
 * cut. */
static bool sendmail_smtp_line(struct sendmail_smtp *s, str *line)
{
  char *text = arena_alloc(s->m->arena, LIMIT_COMMAND_LINE);
  size_t n = 0;

  while (text && sendmail_smtp_fill(s)) {
    char c = s->input.p[0];

    s->input = str_skip(s->input, 1);
    if (c == '\n') {
      *line = str_trim((str){text, n});
      return true;
    }
    if (n < LIMIT_COMMAND_LINE) text[n++] = c;
  }
  return false;
}

int sendmail_serve(struct sendmail *m)
{
  struct sendmail_smtp s = {.m = m, .begin = arena_note(m->arena)};
  struct command c = {.verb = COMMAND_NOOP};
  str line;

  if (printf("220 " STR_FMT " vsmtp, for this machine alone\r\n", STR_ARG(m->leave.submit.domain)) <
          0 ||
      fflush(stdout) != 0)
    return EX_IOERR;
  while (c.verb != COMMAND_QUIT && !s.failed && sendmail_smtp_line(&s, &line)) {
    command_parse(line, s.utf8, m->arena, &c);
    sendmail_smtp_say(&s, sendmail_smtp_answer(&s, &c));
  }
  return s.failed ? EX_IOERR : EX_OK;
}
#undef SENDMAIL_SMTP_PIECE
