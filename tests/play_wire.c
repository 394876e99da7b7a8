/* tests/play_wire.c: words of a conversation about clients: what they say, what they are told. */
#include "play_talk.h"

static struct {
  struct play_client *clients[16], *client; /* client: who speaks now */
  char from[64];                            /* source address of the next connection */
  int listener;
  size_t split;
  bool corked; /* in a pipeline: what clients say is collected here */
  struct buf cork;
  struct buf reply; /* lines of the last whole reply */
  bool in_reply;    /* a reply was begun and is not whole */
} wire = {.cork = BUF_INIT(1 << 26), .reply = BUF_INIT(1 << 22), .listener = 1};

/* ---- clients --------------------------------------------------------------------------------- */

static struct play_client **play_wire_find(str name)
{
  struct play_client **empty = NULL;
  for (size_t i = 0; i < BASE_COUNT(wire.clients); i++) {
    struct play_client **slot = &wire.clients[i];
    if (*slot && str_eq(str_of(play_client_name(*slot)), name)) return slot;
    if (!*slot && !empty) empty = slot;
  }
  if (!empty) play_fail("too many clients");
  return empty;
}

int play_wire_port(void)
{
  return play_server_port(wire.listener);
}

static bool play_wire_reach(str name)
{
  struct play_client **slot = play_wire_find(name);
  play_client_close(*slot);
  *slot = NULL;
  *slot = play_client_open(play_talk_keep(name), wire.from, play_wire_port());
  wire.client = *slot;
  wire.in_reply = false;
  return *slot != NULL;
}

void play_wire_connect(str name)
{
  if (!play_server_runs()) play_server_start();
  if (!play_wire_reach(name.n ? name : STR("client"))) play_fail("cannot connect");
}

static struct play_client *play_wire_client(void)
{
  if (!wire.client) play_wire_connect(STR("client"));
  return wire.client;
}

void play_wire_use(str name)
{
  struct play_client **slot = play_wire_find(name);
  if (!*slot) play_fail("nobody of that name is connected");
  wire.client = *slot;
  wire.in_reply = false;
}

/* The client goes without a word. */
void play_wire_disconnect(str name)
{
  struct play_client **slot = play_wire_find(name.n ? name : STR("client"));
  if (wire.client == *slot) wire.client = NULL;
  play_client_close(*slot);
  *slot = NULL;
}

/* All go: a server that stops waits a moment for those who still listen. */
void play_wire_end(void)
{
  for (size_t i = 0; i < BASE_COUNT(wire.clients); i++)
    if (wire.clients[i]) play_wire_disconnect(str_of(play_client_name(wire.clients[i])));
}

void play_wire_from(str address)
{
  snprintf(wire.from, sizeof wire.from, STR_FMT, STR_ARG(address));
}

void play_wire_listener(str number)
{
  wire.listener = (int)play_talk_number(number);
}

void play_wire_split(str number)
{
  wire.split = (size_t)play_talk_number(number);
}

/* ---- sending --------------------------------------------------------------------------------- */

static void play_wire_send(str bytes)
{
  if (wire.corked)
    buf_str_add(&wire.cork, bytes);
  else
    play_client_send(play_wire_client(), bytes, wire.split);
}

void play_wire_c(str line)
{
  struct buf bytes = BUF_INIT(1 << 26);
  buf_str_add(&bytes, line);
  buf_puts(&bytes, "\r\n");
  play_wire_send(buf_str(&bytes));
  buf_free(&bytes);
}

void play_wire_raw(str text)
{
  struct buf bytes = BUF_INIT(1 << 26);
  play_unescape(text, &bytes);
  play_wire_send(buf_str(&bytes));
  buf_free(&bytes);
}

static void play_wire_stuff(str block, struct buf *out)
{
  str line;
  while (str_cut(&block, '\n', &line)) {
    if (!block.p && !line.n) break;
    if (str_starts(line, STR("."))) buf_putc(out, '.');
    buf_str_add(out, line);
    buf_puts(out, "\r\n");
  }
  buf_puts(out, ".\r\n");
}

void play_wire_data(str rest)
{
  struct buf bytes = BUF_INIT(1 << 27);
  (void)rest;
  play_wire_stuff(play_talk_block(), &bytes);
  play_wire_send(buf_str(&bytes));
  buf_free(&bytes);
}

void play_wire_pipeline(str rest)
{
  (void)rest;
  (void)play_wire_client();
  wire.corked = true;
  buf_clear(&wire.cork);
}

void play_wire_uncork(void)
{
  if (!wire.corked) return;
  wire.corked = false;
  play_wire_send(buf_str(&wire.cork));
}

/* ---- replies --------------------------------------------------------------------------------- */

static str play_wire_reply_line(void)
{
  str line;
  if (!play_client_line(play_wire_client(), &line)) play_fail("the server has closed");
  if (!wire.in_reply) buf_clear(&wire.reply);
  buf_str_add(&wire.reply, line);
  buf_putc(&wire.reply, '\n');
  wire.in_reply = line.n > 3 && line.p[3] == '-';
  return line;
}

/* "250-…" is one line of a reply; anything else is the last line, and those before it must have the
 * same code. */
void play_wire_s(str pattern)
{
  str line = play_wire_reply_line(), code = str_sub(pattern, 0, 3);
  bool one = pattern.n > 3 && pattern.p[3] == '-';
  if (str_chr(code, '*') >= 0) code.n = (size_t)str_chr(code, '*');
  while (!one && wire.in_reply) {
    if (!str_starts(line, code)) play_talk_mismatch("another reply came", line);
    line = play_wire_reply_line();
  }
  if (!play_glob_start(pattern, line)) play_talk_mismatch("another reply came", line);
}

void play_wire_reply(str pattern)
{
  bool negative = play_talk_not(&pattern);
  if (play_talk_any(buf_str(&wire.reply), pattern, true) == negative)
    play_fail(negative ? "a line of the reply says so" : "no line of the reply says so");
}

void play_wire_closed(str rest)
{
  (void)rest;
  play_client_closed(play_wire_client());
}

/* ---- a whole mail ---------------------------------------------------------------------------- */

/* Was the next reply there, and positive? */
static bool play_wire_agrees(void)
{
  str line;
  do {
    if (!play_client_line(wire.client, &line)) return false;
    wire.in_reply = line.n > 3 && line.p[3] == '-';
  } while (wire.in_reply);
  return line.n && (line.p[0] == '2' || line.p[0] == '3');
}

static bool play_wire_say(const char *command, str address)
{
  struct buf line = BUF_INIT(1 << 20);
  buf_puts(&line, command);
  if (address.p) buf_printf(&line, "<" STR_FMT ">", STR_ARG(address));
  buf_puts(&line, "\r\n");
  play_wire_send(buf_str(&line));
  buf_free(&line);
  return play_wire_agrees();
}

/* FROM TO…, from the banner to the answer to the final dot. */
static bool play_wire_deal(str rest, str text)
{
  str from = play_talk_word(&rest), to;
  bool good = play_wire_agrees() && play_wire_say("EHLO sender.example", (str){NULL, 0}) &&
              play_wire_say("MAIL FROM:", str_eq(from, STR("<>")) ? STR("") : from);
  while (good && (to = play_talk_word(&rest)).n) good = play_wire_say("RCPT TO:", to);
  if (!good || !play_wire_say("DATA", (str){NULL, 0})) return false;
  play_wire_send(text);
  return play_wire_agrees();
}

/* One mail by a client called `sender`; the others do not notice. False: not accepted. */
static bool play_wire_one_mail(str rest)
{
  struct play_client *before = wire.client;
  struct buf body = BUF_INIT(1 << 27);
  play_wire_stuff(play_talk_block(), &body);
  bool good = play_wire_reach(STR("sender")) && play_wire_deal(rest, buf_str(&body));
  if (good) play_wire_say("QUIT", (str){NULL, 0});
  play_wire_disconnect(STR("sender"));
  wire.client = before;
  wire.in_reply = false;
  buf_free(&body);
  return good;
}

void play_wire_mail(str rest)
{
  if (!play_server_runs()) play_server_start();
  if (!play_wire_one_mail(rest)) play_fail("the mail was refused");
}

void play_wire_try(str rest)
{
  bool there = play_server_runs() || play_server_try_start();
  play_talk_set(STR("HEARD"), there && play_wire_one_mail(rest) ? STR("1") : STR("0"));
}
