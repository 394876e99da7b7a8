/* smtp/queue/bounce_text.c: a report as a mail.
 *
 *   multipart/report
 *     text/plain               what, to whom, why, what to do
 *     message/delivery-status  the same for programs (RFC 3464 §2)
 *     text/rfc822-headers      the header of the message, or message/rfc822: all of it
 *
 * Replies, subjects and addresses are a stranger's bytes: none of them gets into a line without
 * having been washed. All of the body is 7-bit, so a report needs no extension of the server that
 * takes it.
 */
#include "bounce_text.h"

#include "../format/format.h"

#define BOUNCE_TEXT_LINE    76   /* octets of a line we fold */
#define BOUNCE_TEXT_WORD    900  /* of a word without a space in it; RFC 5322 §2.1.1: 998 */
#define BOUNCE_TEXT_REPLY   1000 /* octets of a reply shown, */
#define BOUNCE_TEXT_REPLIES (256 * 1024) /* and of all: of many recipients less for each, */
#define BOUNCE_TEXT_LEAST   100          /* but not less than that */
#define BOUNCE_TEXT_ID      250          /* of a Message-ID that is answered to */
#define BOUNCE_TEXT_CODED   39 /* octets in an encoded word: with "Subject: " before it 73 */

/* ---- washing --------------------------------------------------------------------------------- */

/* One line of valid UTF-8: controls become spaces, what is no character a question mark. */
static void bounce_text_wash(str s, struct buf *out)
{
  while (s.n > 0) {
    int32_t c = utf8_next(&s);

    if (c < 0)
      buf_putc(out, '?');
    else
      buf_utf8(out, utf8_shows(c) ? c : ' ');
  }
}

/* The same in ASCII: for a field every other character becomes a question mark, */
static void bounce_text_wash_ascii(str s, struct buf *out)
{
  while (s.n > 0) {
    int32_t c = utf8_next(&s);

    buf_putc(out, (char)(c < 0 || c >= 0x7f ? '?' : c < ' ' ? ' ' : c));
  }
}

/* and for an address what it is, by number: utf-8-addr-xtext of RFC 6533 §3. */
static void bounce_text_xaddress(str s, struct buf *out)
{
  while (s.n > 0) {
    int32_t c = utf8_next(&s);

    if (c > ' ' && c < 0x7f && c != '+' && c != '=' && c != '\\')
      buf_putc(out, (char)c);
    else
      buf_printf(out, "\\x{%X}", c < 0 ? 0xfffd : (unsigned)c);
  }
}

/* ---- lines ----------------------------------------------------------------------------------- */

/* Appends text word by word to a line that has `column` octets already; a line that would become
 * too long ends, and the next begins with indent. */
static void bounce_text_fold(struct buf *out, size_t column, str text, const char *indent)
{
  bool first = true;
  str word;

  while (str_cut(&text, ' ', &word)) {
    for (; word.n > 0; word = str_skip(word, BOUNCE_TEXT_WORD)) {
      str piece = str_sub(word, 0, BOUNCE_TEXT_WORD);

      if (!first && column + 1 + piece.n > BOUNCE_TEXT_LINE) {
        buf_printf(out, "\r\n%s", indent);
        column = strlen(indent);
      } else if (!first) {
        buf_putc(out, ' ');
        column++;
      }
      buf_str_add(out, piece);
      column += piece.n;
      first = false;
    }
  }
  buf_puts(out, "\r\n");
}

/* "Name: text" as one folded field; text was washed. */
static void bounce_text_field(struct buf *out, const char *name, struct buf *text)
{
  if (!buf_ok(text)) out->failed = true;
  buf_printf(out, "%s: ", name);
  bounce_text_fold(out, strlen(name) + 2, buf_str(text), "  ");
  buf_clear(text);
}

/* ---- encodings ------------------------------------------------------------------------------- */

bool bounce_text_is_plain(str octets)
{
  size_t line = 0;

  for (size_t i = 0; i < octets.n; i++) {
    unsigned char c = (unsigned char)octets.p[i];
    bool ends = c == '\r' && i + 1 < octets.n && octets.p[i + 1] == '\n';

    if (c == 0 || c >= 0x80 || (c == '\r' && !ends)) return false;
    if (c == '\n' && (i == 0 || octets.p[i - 1] != '\r')) return false;
    line = c == '\n' ? 0 : line + 1;
    if (line > 998 + (size_t)ends) return false;
  }
  return true;
}

/* RFC 2045 §6.7. */
static void bounce_text_quoted(str s, struct buf *out)
{
  size_t column = 0;

  for (size_t i = 0; i < s.n; i++) {
    unsigned char c = (unsigned char)s.p[i];
    bool ends = c == '\r' && i + 1 < s.n && s.p[i + 1] == '\n';
    bool last = i + 1 == s.n || s.p[i + 1] == '\r' || s.p[i + 1] == '\n';
    bool plain = c > ' ' && c < 0x7f && c != '=';

    if (ends) {
      buf_puts(out, "\r\n");
      column = 0;
      i++;
      continue;
    }
    if ((c == ' ' || c == '\t') && !last) plain = true;
    if (column + (plain ? 1 : 3) > BOUNCE_TEXT_LINE - 1) {
      buf_puts(out, "=\r\n");
      column = 0;
    }
    if (plain)
      buf_putc(out, (char)c);
    else
      buf_printf(out, "=%02X", c);
    column += plain ? 1 : 3;
  }
}

/* A part of a text type, in the least encoding it needs. */
static void bounce_text_part(struct buf *out, const char *type, str text)
{
  bool plain = bounce_text_is_plain(text);

  buf_printf(out, "Content-Type: %s%s\r\nContent-Transfer-Encoding: %s\r\n\r\n", type,
             addr_is_ascii(text) ? "" : "; charset=utf-8", plain ? "7bit" : "quoted-printable");
  if (plain)
    buf_str_add(out, text);
  else
    bounce_text_quoted(text, out);
}

/* Header text, washed, as it is or in encoded words (RFC 2047); folded. */
static void bounce_text_words(struct buf *out, size_t column, str text)
{
  if (addr_is_ascii(text)) {
    bounce_text_fold(out, column, text, " ");
    return;
  }
  for (bool first = true; text.n > 0; first = false) {
    size_t n = text.n < BOUNCE_TEXT_CODED ? text.n : BOUNCE_TEXT_CODED;

    while (n < text.n && ((unsigned char)text.p[n] & 0xc0) == 0x80) n--;
    buf_puts(out, first ? "=?utf-8?B?" : "\r\n =?utf-8?B?");
    buf_base64(out, str_sub(text, 0, n));
    buf_puts(out, "?=");
    text = str_skip(text, n);
  }
  buf_puts(out, "\r\n");
}

/* ---- status codes ---------------------------------------------------------------------------- */

/* The length of an enhanced code (RFC 3463 §2) of that class at the front of s; 0: there is
 * none. */
static size_t bounce_text_enhanced(str s, char class)
{
  size_t n = 0, dots = 0, digits = 0;

  for (; n < s.n && (str_isdigit(s.p[n]) || s.p[n] == '.'); n++) {
    bool dot = s.p[n] == '.';

    if (dot && digits == 0) return 0;
    dots += dot;
    digits = dot ? 0 : digits + 1;
    if (digits > 3 || dots > 2) return 0;
  }
  if (dots != 2 || digits == 0 || (n < s.n && s.p[n] != ' ')) return 0;
  return s.p[0] == class && s.p[1] == '.' ? n : 0;
}

static bool bounce_text_is_reply(str s)
{
  return s.n >= 3 && s.p[0] >= '2' && s.p[0] <= '5' && str_isdigit(s.p[1]) && str_isdigit(s.p[2]) &&
         (s.n == 3 || s.p[3] == ' ' || s.p[3] == '-');
}

#define BOUNCE_TEXT_OVER STR("given up: ") /* attempt.c puts it before the reply of the last try */

static str bounce_text_reply(const struct bounce_text *t, const struct bounce_rcpt *r)
{
  bool over = str_starts(r->reply, BOUNCE_TEXT_OVER);
  size_t most = BOUNCE_TEXT_REPLIES / t->count;

  if (most > BOUNCE_TEXT_REPLY) most = BOUNCE_TEXT_REPLY;
  if (most < BOUNCE_TEXT_LEAST) most = BOUNCE_TEXT_LEAST;
  return str_sub(str_skip(r->reply, over ? BOUNCE_TEXT_OVER.n : 0), 0, most);
}

/* ORDER BOUNCE_ACTION */
static const struct bounce_text_action {
  const char *word;   /* RFC 3464 §2.3.3 */
  const char *status; /* when the reply has no code that fits */
  const char *subject;
  const char *one, *many;
} bounce_text_actions[BOUNCE_ACTIONS] = {
    {"failed", "5.0.0", "Not delivered", "Your message could not be delivered to this recipient:",
     "Your message could not be delivered to these recipients:"},
    {"delayed", "4.0.0", "Not delivered yet",
     "Your message has not been delivered yet to this recipient:",
     "Your message has not been delivered yet to these recipients:"},
    {"relayed", "2.0.0", "Handed on",
     "Your message was handed on to another server, which does not report, for this recipient:",
     "Your message was handed on to other servers, which do not report, for these recipients:"},
    {"delivered", "2.0.0", "Delivered", "Your message was delivered to this recipient:",
     "Your message was delivered to these recipients:"},
};

/* The status of a recipient: what the reply says, if it is of the class that the action is. */
static str bounce_text_status(const struct bounce_rcpt *r)
{
  const char *otherwise = bounce_text_actions[r->action].status;
  str s = r->reply;
  size_t n;

  if (r->action == BOUNCE_FAILED && str_starts(s, BOUNCE_TEXT_OVER)) return STR("5.4.7");
  if (bounce_text_is_reply(s)) s = str_skip(s, 4);
  n = bounce_text_enhanced(s, otherwise[0]);
  return n ? str_sub(s, 0, n) : str_of(otherwise);
}

/* What a status means, and what its reader can do; the first row whose code begins the status. */
static const struct bounce_text_advice {
  str code;
  const char *why, *todo;
} bounce_text_advices[] = {
    {STR_INIT("5.1.1 "), "There is no mailbox of that name.",
     "Look for a typing mistake in the address, or ask for the right one."},
    {STR_INIT("5.1.2 "), "There is no such domain, or it takes no mail.",
     "Look for a typing mistake behind the @."},
    {STR_INIT("5.1.10 "), "That domain says of itself that it takes no mail.",
     "Look for a typing mistake behind the @."},
    {STR_INIT("5.1.6 "), "The mailbox has moved.", "Ask for the new address."},
    {STR_INIT("5.1.8 "), "The other server does not accept your address as a sender.",
     "Tell the postmaster of your own domain."},
    {STR_INIT("5.1."), "The address is not one that mail can be sent to.",
     "Look for a typing mistake in the address, or ask for the right one."},
    {STR_INIT("5.2.1 "), "The mailbox takes no mail at present.",
     "Reach the recipient in another way."},
    {STR_INIT("5.2.2 "), "The mailbox is full.",
     "Reach the recipient in another way, or send the message again later."},
    {STR_INIT("5.2.3 "), "The message is too big for the mailbox.",
     "Send less at once, or a link to where it can be fetched."},
    {STR_INIT("5.3.4 "), "The message is too big.",
     "Send less at once, or a link to where it can be fetched."},
    {STR_INIT("5.4.4 "), "No server takes mail for that domain.",
     "Look for a typing mistake behind the @."},
    {STR_INIT("5.4.6 "), "The message goes round in circles between servers.",
     "Tell the postmaster of the recipient's domain."},
    {STR_INIT("5.4.7 "), "It was tried again and again, but not accepted in time.",
     "Reach the recipient in another way, or send the message again later."},
    {STR_INIT("5.6."), "The other server cannot take a message of this kind.",
     "Send it again in a simpler form, without special characters in addresses or attachments."},
    {STR_INIT("5.7."), "The other server does not permit this message.",
     "Its answer may say why; otherwise reach the recipient in another way."},
    {STR_INIT("5."), "It was refused.",
     "The answer may say why; sending the same again will not help."},
    {STR_INIT("4.2.2 "), "The mailbox is full at present.", ""},
    {STR_INIT("4.4.1 "), "The mail server there cannot be reached at present.", ""},
    {STR_INIT("4.4.3 "), "It cannot be found out at present which mail server that is for.", ""},
    {STR_INIT("4."), "It is not accepted at present.", ""},
    {STR_INIT(""), "", ""},
};

static const struct bounce_text_advice *bounce_text_advise(str status)
{
  const struct bounce_text_advice *row = bounce_text_advices;
  char text[16];

  snprintf(text, sizeof text, STR_FMT " ", STR_ARG(status));
  while (!str_starts(str_of(text), row->code)) row++;
  return row;
}

/* ---- for people ------------------------------------------------------------------------------ */

static void bounce_text_say(struct buf *out, const char *head, str text)
{
  struct buf line = BUF_INIT(BOUNCE_TEXT_REPLY * 4);

  bounce_text_wash(text, &line);
  buf_printf(out, "    %s", head);
  bounce_text_fold(out, 4 + strlen(head), buf_str(&line), "      ");
  buf_free(&line);
}

static void bounce_text_person(const struct bounce_text *t, const struct bounce_rcpt *r,
                               struct buf *out)
{
  const struct bounce_text_advice *advice = bounce_text_advise(bounce_text_status(r));
  bool theirs = r->remote.n && bounce_text_is_reply(bounce_text_reply(t, r));
  struct buf head = BUF_INIT(LIMIT_DOMAIN * 4);

  buf_puts(out, "\r\n  ");
  bounce_text_wash(r->address, out);
  if (r->original.n && !str_ieq(r->original, r->address)) {
    buf_puts(out, " (written as ");
    bounce_text_wash(r->original, out);
    buf_putc(out, ')');
  }
  buf_puts(out, "\r\n");
  if (r->action > BOUNCE_DELAYED) return;
  if (*advice->why) buf_printf(out, "    %s\r\n", advice->why);
  if (theirs) bounce_text_wash(r->remote, &head);
  buf_puts(&head, theirs ? " said: " : "The reason given: ");
  bounce_text_say(out, buf_cstr(&head), bounce_text_reply(t, r));
  if (*advice->todo) bounce_text_say(out, "What to do: ", str_of(advice->todo));
  buf_free(&head);
}

static size_t bounce_text_count(const struct bounce_text *t, enum bounce_action action)
{
  size_t n = 0;

  for (size_t i = 0; i < t->count; i++) n += t->rcpt[i].action == action;
  return n;
}

static void bounce_text_section(const struct bounce_text *t, enum bounce_action action,
                                struct buf *out)
{
  const struct bounce_text_action *words = &bounce_text_actions[action];
  size_t n = bounce_text_count(t, action);
  char date[40];

  if (n == 0) return;
  buf_printf(out, "%s\r\n", n == 1 ? words->one : words->many);
  for (size_t i = 0; i < t->count; i++)
    if (t->rcpt[i].action == action) bounce_text_person(t, &t->rcpt[i], out);
  buf_puts(out, "\r\n");
  if (action == BOUNCE_DELAYED)
    buf_printf(out,
               "You need not do anything: it is tried again until\r\n%s.\r\n"
               "If it cannot be delivered by then you will be told.\r\n\r\n",
               clock_rfc5322(t->until, date));
}

static void bounce_text_words_for_people(const struct bounce_text *t, struct buf *out)
{
  char date[40];

  for (int a = 0; a < BOUNCE_ACTIONS; a++) bounce_text_section(t, (enum bounce_action)a, out);
  buf_puts(out, "The message: ");
  if (t->subject.n) {
    buf_putc(out, '"');
    bounce_text_wash(t->subject, out);
    buf_puts(out, "\",\r\n  ");
  }
  buf_printf(out, "received on %s\r\n", clock_rfc5322(t->arrived, date));
  buf_puts(out, t->body.p     ? "It is attached."
                : t->header.n ? "Its header is attached; its text is not sent back."
                              : "It is not sent back.");
  buf_printf(out,
             "\r\n\r\nThis report was written by the mail server of " STR_FMT ".\r\n"
             "A person can be reached at postmaster@" STR_FMT ".\r\n",
             STR_ARG(t->domain), STR_ARG(t->domain));
}

/* ---- for programs: RFC 3464 ------------------------------------------------------------------ */

static void bounce_text_address(struct buf *out, const char *name, str address)
{
  struct buf text = BUF_INIT(LIMIT_PATH * 16);
  bool ascii = addr_is_ascii(address);

  buf_puts(&text, ascii ? "rfc822; " : "utf-8; ");
  (ascii ? bounce_text_wash_ascii : bounce_text_xaddress)(address, &text);
  bounce_text_field(out, name, &text);
  buf_free(&text);
}

/* Of type utf-8 it is xtext of its kind already, or has the characters, which are made such. */
static void bounce_text_orcpt(struct buf *out, const struct bounce_rcpt *r)
{
  struct buf text = BUF_INIT(8192);

  buf_printf(&text, STR_FMT "; ", STR_ARG(r->orcpt_type));
  if (addr_is_ascii(r->orcpt))
    bounce_text_wash_ascii(r->orcpt, &text);
  else
    bounce_text_xaddress(r->orcpt, &text);
  bounce_text_field(out, "Original-Recipient", &text);
  buf_free(&text);
}

static void bounce_text_program_rcpt(const struct bounce_text *t, const struct bounce_rcpt *r,
                                     struct buf *out)
{
  struct buf text = BUF_INIT(BOUNCE_TEXT_REPLY * 4);
  str reply = bounce_text_reply(t, r);
  char date[40];

  buf_puts(out, "\r\n");
  if (r->orcpt.n) bounce_text_orcpt(out, r);
  bounce_text_address(out, "Final-Recipient", r->address);
  buf_printf(out, "Action: %s\r\nStatus: " STR_FMT "\r\n", bounce_text_actions[r->action].word,
             STR_ARG(bounce_text_status(r)));
  if (r->remote.n) {
    buf_puts(&text, "dns; ");
    bounce_text_wash_ascii(r->remote, &text);
    bounce_text_field(out, "Remote-MTA", &text);
  }
  if (reply.n) {
    buf_puts(&text, bounce_text_is_reply(reply) ? "smtp; " : "x-vsmtp; ");
    bounce_text_wash_ascii(reply, &text);
    bounce_text_field(out, "Diagnostic-Code", &text);
  }
  buf_printf(out, "Last-Attempt-Date: %s\r\n", clock_rfc5322(t->now, date));
  if (r->action == BOUNCE_DELAYED)
    buf_printf(out, "Will-Retry-Until: %s\r\n", clock_rfc5322(t->until, date));
  buf_free(&text);
}

static void bounce_text_for_programs(const struct bounce_text *t, struct buf *out)
{
  struct buf text = BUF_INIT(2048);
  char date[40];

  buf_printf(out, "Reporting-MTA: dns; " STR_FMT "\r\n", STR_ARG(t->domain));
  if (t->envid.n) {
    bounce_text_wash_ascii(t->envid, &text);
    bounce_text_field(out, "Original-Envelope-Id", &text);
  }
  if (t->helo.n && t->client_ip.n) {
    buf_puts(&text, "dns; ");
    bounce_text_wash_ascii(t->helo, &text);
    buf_printf(&text, " ([" STR_FMT "])", STR_ARG(t->client_ip));
    bounce_text_field(out, "Received-From-MTA", &text);
  }
  buf_printf(out, "Arrival-Date: %s\r\n", clock_rfc5322(t->arrived, date));
  for (size_t i = 0; i < t->count; i++) bounce_text_program_rcpt(t, &t->rcpt[i], out);
  buf_free(&text);
}

/* ---- the mail -------------------------------------------------------------------------------- */

void bounce_text_subject(const struct bounce_text *t, struct buf *out)
{
  enum bounce_action worst = BOUNCE_ACTIONS - 1;

  for (size_t i = 0; i < t->count; i++)
    if (t->rcpt[i].action < worst) worst = t->rcpt[i].action;
  buf_puts(out, bounce_text_actions[worst].subject);
  if (!t->subject.n) return;
  buf_puts(out, ": ");
  bounce_text_wash(t->subject, out);
}

/* The message's own identifier, if it is one: so a mail program shows the report beside it. */
static void bounce_text_answers(const struct bounce_text *t, struct buf *out)
{
  struct arena *a = arena_new(0);
  struct header h = {.arena = a};
  struct header_field *f = NULL;
  str block = t->header, id = {"", 0};
  struct err e;

  if (str_ends(block, STR("\r\n\r\n"))) block.n -= 2;
  if (a && block.n && header_parse(&h, block, &e) == 0) f = header_find(&h, STR("Message-ID"), 0);
  if (f) id = header_value(f, a);
  bool good = id.n > 2 && id.n <= BOUNCE_TEXT_ID && id.p[0] == '<' && id.p[id.n - 1] == '>';
  for (size_t i = 0; i < id.n; i++) good = good && id.p[i] > ' ' && id.p[i] < 0x7f;
  if (good)
    buf_printf(out, "In-Reply-To: " STR_FMT "\r\nReferences: " STR_FMT "\r\n", STR_ARG(id),
               STR_ARG(id));
  arena_free(a);
}

void bounce_text_header(const struct bounce_text *t, struct buf *out)
{
  struct buf subject = BUF_INIT(2048);
  char date[40];

  bounce_text_subject(t, &subject);
  if (!buf_ok(&subject)) out->failed = true;
  buf_printf(
      out, "From: Mail Delivery System <postmaster@" STR_FMT ">\r\nTo: <" STR_FMT ">\r\nSubject: ",
      STR_ARG(t->domain), STR_ARG(t->to));
  bounce_text_words(out, strlen("Subject: "), buf_str(&subject));
  buf_printf(out, "Date: %s\r\nMessage-ID: <" STR_FMT "@" STR_FMT ">\r\n",
             clock_rfc5322(t->now, date), STR_ARG(t->id), STR_ARG(t->domain));
  bounce_text_answers(t, out);
  /* RFC 3834 §5: nobody is to answer this automatically. */
  buf_printf(out,
             "Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\nContent-Type: "
             "multipart/report; report-type=delivery-status;\r\n\tboundary=\"=_" STR_FMT
             "\"\r\n\r\n",
             STR_ARG(t->id));
  buf_free(&subject);
}

/* What of the message goes back: whole lines up to a limit, so that a header of 256 KB does not
 * become a report of 256 KB. */
static str bounce_text_returned(const struct bounce_text *t)
{
  str h = t->header;

  if (str_ends(h, STR("\r\n\r\n"))) h.n -= 2;
  if (h.n <= LIMIT_BOUNCE_HEADER) return h;
  h.n = LIMIT_BOUNCE_HEADER;
  while (h.n > 0 && h.p[h.n - 1] != '\n') h.n--;
  return h;
}

void bounce_text_body(const struct bounce_text *t, struct buf *out)
{
  struct buf people = BUF_INIT(out->cap);

  buf_printf(out, "--=_" STR_FMT "\r\n", STR_ARG(t->id));
  bounce_text_words_for_people(t, &people);
  if (!buf_ok(&people)) out->failed = true;
  bounce_text_part(out, "text/plain", buf_str(&people));
  buf_free(&people);
  buf_printf(out, "\r\n--=_" STR_FMT "\r\nContent-Type: message/delivery-status\r\n\r\n",
             STR_ARG(t->id));
  bounce_text_for_programs(t, out);
  buf_printf(out, "\r\n--=_" STR_FMT, STR_ARG(t->id));
  if (t->body.p) {
    buf_puts(out, "\r\nContent-Type: message/rfc822\r\n\r\n");
    buf_str_add(out, t->header);
    buf_str_add(out, t->body);
  } else if (t->header.n) {
    buf_puts(out, "\r\n");
    bounce_text_part(out, "text/rfc822-headers", bounce_text_returned(t));
  }
  if (t->body.p || t->header.n) buf_printf(out, "\r\n--=_" STR_FMT, STR_ARG(t->id));
  buf_puts(out, "--\r\n");
}
#undef BOUNCE_TEXT_LINE
#undef BOUNCE_TEXT_WORD
#undef BOUNCE_TEXT_REPLY
#undef BOUNCE_TEXT_REPLIES
#undef BOUNCE_TEXT_LEAST
#undef BOUNCE_TEXT_ID
#undef BOUNCE_TEXT_CODED
#undef BOUNCE_TEXT_OVER
