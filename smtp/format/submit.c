/* smtp/format/submit.c: what a program of this machine gives to `sendmail`, made a mail (RFC 6409
 * §8). */
#include "format.h"

static const char *const submit_address_fields[] = {
    "From",        "Sender",        "Reply-To",  "To",       "Cc",
    "Resent-From", "Resent-Sender", "Resent-To", "Resent-Cc"};

void submit_begin(struct submit *s, const struct submit_options *o, struct arena *a)
{
  *s = (struct submit){.o = o, .arena = a};
  s->line.cap = s->header.cap = LIMIT_HEADER_BYTES;
}

void submit_free(struct submit *s)
{
  buf_free(&s->line);
  buf_free(&s->header);
}

/* ---- addresses ------------------------------------------------------------------------------- */

bool submit_address_ok(str address, struct arena *a)
{
  struct addr parsed;
  str path = arena_printf(a, "<" STR_FMT ">", STR_ARG(address)), rest = path;

  return path.p && address.n > 0 && addr_path(&rest, true, a, &parsed) == ADDR_OK && rest.n == 0;
}

static int submit_add_rcpt(struct submit *s, str address, struct err *e)
{
  if (!submit_address_ok(address, s->arena))
    return arena_full(s->arena) ? err_nomem(e)
                                : err_set(e, ERR_SYNTAX, "no address: %s", log_q(address));
  for (size_t i = 0; i < s->to_count; i++)
    if (str_eq(s->to[i], address)) return 0;
  if (s->to_count == LIMIT_DROP_RCPT)
    return err_set(e, ERR_SYNTAX, "more than %d recipients", LIMIT_DROP_RCPT);
  if (s->to_count == s->to_size) {
    size_t size = s->to_size ? s->to_size * 2 : 16;
    str *to = arena_alloc(s->arena, size * sizeof *to);

    if (!to) return err_nomem(e);
    if (s->to_count) memcpy(to, s->to, s->to_count * sizeof *to);
    s->to = to;
    s->to_size = size;
  }
  s->to[s->to_count++] = address;
  return 0;
}

/* A message that is sent on goes to those of its Resent fields (RFC 5322 §3.6.6). */
static int submit_read_rcpts(struct submit *s, struct header *h, struct err *e)
{
  static const char *const fields[2][3] = {{"To", "Cc", "Bcc"},
                                           {"Resent-To", "Resent-Cc", "Resent-Bcc"}};
  bool resent = false;

  for (size_t i = 0; i < BASE_COUNT(fields[1]); i++)
    resent = resent || header_count(h, str_of(fields[1][i])) > 0;
  for (size_t i = 0; i < BASE_COUNT(fields[0]); i++) {
    struct header_field *f;

    for (size_t n = 0; (f = header_find(h, str_of(fields[resent][i]), n)) != NULL; n++) {
      str list = header_value(f, s->arena), address;

      while (addrlist_next(&list, &address))
        if (submit_add_rcpt(s, address, e) < 0) return -1;
    }
  }
  return 0;
}

/* "root" becomes "root@home.example": elsewhere it would be somebody else, or nobody. */
static int submit_complete_field(struct submit *s, struct header_field *f, struct err *e)
{
  str raw = f->raw, list = str_skip(raw, (size_t)str_chr(raw, ':') + 1), address;
  struct buf out = BUF_INIT(LIMIT_HEADER_BYTES);
  size_t done = 0;

  while (addrlist_next(&list, &address)) {
    size_t end = (size_t)(address.p - raw.p) + address.n;

    if (str_chr(address, '@') >= 0 || !submit_address_ok(address, s->arena)) continue;
    buf_str_add(&out, str_sub(raw, done, end));
    buf_printf(&out, "@" STR_FMT, STR_ARG(s->o->domain));
    done = end;
  }
  if (done) {
    buf_str_add(&out, str_skip(raw, done));
    f->raw = arena_str(s->arena, buf_str(&out));
    f->name = str_sub(f->raw, 0, f->name.n);
    f->value = (str){NULL, 0};
  }
  bool ok = buf_ok(&out) && f->raw.p;
  buf_free(&out);
  return ok ? 0 : err_nomem(e);
}

static int submit_complete(struct submit *s, struct header *h, struct err *e)
{
  for (size_t i = 0; i < h->n; i++)
    for (size_t k = 0; k < BASE_COUNT(submit_address_fields); k++)
      if (str_ieq(h->fields[i].name, str_of(submit_address_fields[k])) &&
          submit_complete_field(s, &h->fields[i], e) < 0)
        return -1;
  return 0;
}

/* ---- fields that are missing ----------------------------------------------------------------- */

/* A name as it may stand before "<": as it is, in quotes, or encoded (RFC 2047). */
static void submit_phrase(str name, struct buf *out)
{
  bool plain = true, ascii = true;

  for (size_t i = 0; i < name.n; i++) {
    unsigned char c = (unsigned char)name.p[i];

    plain = plain && (str_isalnum(name.p[i]) || c == ' ');
    ascii = ascii && c < 0x80;
    if (c < ' ' || c == 0x7f) return; /* no name of anybody */
  }
  if (name.n == 0 || name.n > 45 || !utf8_valid(name))
    return; /* 45: an encoded word has 75 at most */
  if (plain) {
    buf_str_add(out, name);
  } else if (ascii) {
    buf_putc(out, '"');
    for (size_t i = 0; i < name.n; i++) {
      if (name.p[i] == '"' || name.p[i] == '\\') buf_putc(out, '\\');
      buf_putc(out, name.p[i]);
    }
    buf_putc(out, '"');
  } else {
    buf_puts(out, "=?utf-8?B?");
    buf_base64(out, name);
    buf_puts(out, "?=");
  }
  buf_putc(out, ' ');
}

static int submit_add_from(struct submit *s, struct header *h, struct err *e)
{
  struct buf value = BUF_INIT(LIMIT_PATH * 2);
  int rc;

  submit_phrase(s->o->name, &value);
  if (s->o->sender.n)
    buf_printf(&value, "<" STR_FMT ">", STR_ARG(s->o->sender));
  else
    buf_printf(&value, "<" STR_FMT "@" STR_FMT ">", STR_ARG(s->o->user), STR_ARG(s->o->domain));
  rc = buf_ok(&value) ? header_append(h, STR("From"), buf_str(&value), e) : err_nomem(e);
  buf_free(&value);
  return rc;
}

static int submit_add_missing(struct submit *s, struct header *h, struct err *e)
{
  char date[40];
  str id =
      arena_printf(s->arena, "<" STR_FMT "@" STR_FMT ">", STR_ARG(s->o->id), STR_ARG(s->o->domain));

  if (!id.p) return err_nomem(e);
  if (!header_count(h, STR("From")) && submit_add_from(s, h, e) < 0) return -1;
  if (!header_count(h, STR("Date")) &&
      header_append(h, STR("Date"), str_of(clock_rfc5322(s->o->now, date)), e) < 0)
    return -1;
  return header_count(h, STR("Message-ID")) ? 0 : header_append(h, STR("Message-ID"), id, e);
}

/* The header is whole. */
static int submit_finish_header(struct submit *s, struct buf *out, struct err *e)
{
  struct header h = {.arena = s->arena};

  s->state = SUBMIT_BODY;
  if (header_parse(&h, buf_str(&s->header), e) < 0) return -1;
  if (s->o->recipients && submit_read_rcpts(s, &h, e) < 0) return -1;
  header_remove(&h, STR("Bcc"));
  header_remove(&h, STR("Resent-Bcc"));
  header_remove(&h, STR("Return-Path")); /* whoever delivers adds the true one */
  if (submit_add_missing(s, &h, e) < 0 || submit_complete(s, &h, e) < 0) return -1;
  header_write(&h, out);
  buf_puts(out, "\r\n");
  buf_free(&s->header);
  return buf_ok(out) ? 0 : err_nomem(e);
}

static int submit_too_large(const struct buf *b, size_t more, struct err *e)
{
  return b->n + more > b->cap ? err_set(e, ERR_SYNTAX, "the header is too large") : err_nomem(e);
}

/* ---- lines ----------------------------------------------------------------------------------- */

static bool submit_is_header(const struct submit *s, str line)
{
  if (line.n > 0 && (line.p[0] == ' ' || line.p[0] == '\t')) return s->header.n > 0;
  return header_line_starts_field(line);
}

/* The line is no field: the header ended before it, though no empty line stands there. */
static int submit_turn(struct submit *s, struct buf *out, struct err *e)
{
  if (submit_finish_header(s, out, e) < 0) return -1;
  buf_str_add(out, buf_str(&s->line));
  s->in_line = s->line.n > 0;
  buf_free(&s->line);
  return buf_ok(out) ? 0 : err_nomem(e);
}

static int submit_header_line(struct submit *s, struct buf *out, struct err *e)
{
  str line = buf_str(&s->line);
  bool first = !s->begun;

  s->begun = true;
  if (first && (str_starts(line, STR("From ")) || str_starts(line, STR(">From ")))) {
    buf_clear(&s->line); /* of an mbox */
    return 0;
  }
  if (line.n == 0) return submit_finish_header(s, out, e);
  if (!submit_is_header(s, line)) {
    int rc = submit_turn(s, out, e);

    buf_puts(out, "\r\n");
    s->in_line = false;
    return rc;
  }
  buf_str_add(&s->header, line);
  buf_puts(&s->header, "\r\n");
  buf_clear(&s->line);
  return buf_ok(&s->header) ? 0 : submit_too_large(&s->header, line.n + 2, e);
}

static int submit_newline(struct submit *s, struct buf *out, struct err *e)
{
  if (s->dot) { /* a dot alone */
    s->dot = false;
    if (s->state == SUBMIT_HEADER && submit_finish_header(s, out, e) < 0) return -1;
    s->state = SUBMIT_OVER;
    return 0;
  }
  if (s->state == SUBMIT_HEADER) return submit_header_line(s, out, e);
  buf_puts(out, "\r\n");
  s->in_line = false;
  return 0;
}

static int submit_octets(struct submit *s, str text, struct buf *out, struct err *e)
{
  if (s->state != SUBMIT_HEADER) {
    buf_str_add(out, text);
    s->in_line = s->in_line || text.n > 0;
    return 0;
  }
  buf_str_add(&s->line, text);
  if (!buf_ok(&s->line)) return submit_too_large(&s->line, text.n, e);
  if (s->line.n > LIMIT_TEXT_LINE && !submit_is_header(s, buf_str(&s->line)))
    return submit_turn(s, out, e);
  return 0;
}

static bool submit_at_line_start(const struct submit *s)
{
  return s->state == SUBMIT_HEADER ? s->line.n == 0 : !s->in_line;
}

/* Text without any end of a line. */
static int submit_piece(struct submit *s, str text, struct buf *out, struct err *e)
{
  if (text.n == 0) return 0;
  if (s->dot) {
    s->dot = false;
    if (submit_octets(s, STR("."), out, e) < 0) return -1;
  } else if (!s->o->dots && submit_at_line_start(s) && text.p[0] == '.') {
    s->dot = true;
    return submit_piece(s, str_skip(text, 1), out, e);
  }
  return submit_octets(s, text, out, e);
}

/* LF, CR LF, a lone CR, and CRs before an LF end a line, each once. */
int submit_text(struct submit *s, str in, struct buf *out, struct err *e)
{
  while (in.n > 0 && s->state != SUBMIT_OVER) {
    size_t n = 0;

    if (s->cr && in.p[0] != '\r') {
      s->cr = false;
      if (submit_newline(s, out, e) < 0) return -1;
      if (in.p[0] == '\n') in = str_skip(in, 1);
      continue;
    }
    while (n < in.n && in.p[n] != '\n' && in.p[n] != '\r' && in.p[n] != '\0') n++;
    if (submit_piece(s, str_sub(in, 0, n), out, e) < 0) return -1;
    if (n < in.n && in.p[n] == '\r') s->cr = true;
    if (n < in.n && in.p[n] == '\n' && submit_newline(s, out, e) < 0) return -1;
    in = str_skip(in, n + 1); /* a NUL goes */
  }
  return buf_ok(out) ? 0 : err_nomem(e);
}

int submit_end(struct submit *s, struct buf *out, struct err *e)
{
  int rc = 0;

  if (s->cr) rc = submit_newline(s, out, e);
  s->cr = false;
  if (rc == 0 && s->state != SUBMIT_OVER && (s->dot || !submit_at_line_start(s)))
    rc = submit_newline(s, out, e); /* the last line had no end */
  if (rc == 0 && s->state == SUBMIT_HEADER) rc = submit_finish_header(s, out, e);
  s->state = SUBMIT_OVER;
  return rc < 0 || buf_ok(out) ? rc : err_nomem(e);
}
