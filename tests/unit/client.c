/* tests/unit/client.c: the SMTP client against peers that follow a script: kind ones and hostile
 * ones, over real sockets. */
#include "../../smtp/outbound/outbound.h"
#include "../check.h"

/* What the peer does: each row waits for a line that begins so (NULL: for nothing), then says its
 * text. "." waits for the end of data; a NULL `say` closes. */
struct client_row {
  const char *hear, *say;
};

struct client_peer {
  struct loop *loop;
  struct listener *listener;
  struct io *io;
  const struct client_row *script;
  struct buf heard; /* everything the client said */
  bool stays;       /* does not close its end when the client does */
};

struct client_case {
  struct client_peer peer;
  struct client *client;
  struct client_mail mail;
  struct client_rcpt rcpt[2];
  str text;
  size_t step; /* octets given at once */
  int done, code, gone;
  char reply[LIMIT_REPLY_TEXT];
};

static void client_peer_go_on(struct client_peer *p)
{
  while (p->script->say && !p->script->hear) io_write(p->io, str_of((p->script++)->say));
  if (!p->script->say && !p->script->hear) io_close(p->io);
}

static void client_peer_line(struct client_peer *p, str line)
{
  const char *want = p->script->hear;

  buf_str_add(&p->heard, line);
  buf_putc(&p->heard, '\n');
  if (!want || !str_starts(line, str_of(want)) || (want[0] == '.' && line.n > 1)) return;
  if (p->script->say) io_write(p->io, str_of(p->script->say));
  p->script++;
  client_peer_go_on(p);
}

static void client_peer_event(struct io *io, enum io_event event, void *arg)
{
  struct client_peer *p = arg;
  str line;

  if (event == IO_DATA)
    while (!io_is_closing(io) && io_line(io, LIMIT_COMMAND_LINE, &line) == IO_LINE_OK)
      client_peer_line(p, line);
  if ((event == IO_EOF && !p->stays) || event == IO_ERROR || event == IO_TIMEOUT) io_abort(io);
  if (event == IO_CLOSED) p->io = NULL;
}

static void client_peer_accept(struct listener *l, int fd, const struct netaddr *from, void *arg)
{
  struct client_peer *p = arg;
  struct err e;

  (void)l;
  (void)from;
  p->io = io_new(p->loop, fd, client_peer_event, p, &e);
  if (CHECK(p->io)) client_peer_go_on(p);
}

static void client_case_gone(void *arg)
{
  ((struct client_case *)arg)->gone++;
}

static void client_case_done(void *arg, int code, str reply)
{
  struct client_case *t = arg;

  t->done++;
  t->code = code;
  snprintf(t->reply, sizeof t->reply, STR_FMT, STR_ARG(reply));
}

static ptrdiff_t client_case_body(void *arg, uint64_t at, char *p, size_t n)
{
  struct client_case *t = arg;

  if (t->step == 0) return -1;
  if (n > t->step) n = t->step;
  memcpy(p, t->text.p + at, n);
  return (ptrdiff_t)n;
}

static void client_case_begin(struct client_case *t, const struct client_row *script,
                              bool lock_step, int64_t greeting)
{
  struct client_options o = {
      .helo = STR("me.example"), .lock_step = lock_step, .greeting = greeting};
  struct netaddr any;
  struct err e;

  t->peer.loop = loop_new(&e);
  t->peer.script = script;
  t->peer.heard.cap = 4 << 20;
  CHECK_INT(netaddr_parse(STR("127.0.0.1:0"), -1, &any, &e), 0);
  t->peer.listener = listen_new(t->peer.loop, &any, client_peer_accept, &t->peer, &e);
  if (!CHECK(t->peer.listener)) return;
  o.to = *listen_addr(t->peer.listener);
  o.until = loop_now(t->peer.loop) + 10000;
  o.gone = client_case_gone;
  o.arg = t;
  t->client = client_new(t->peer.loop, &o, &e);
  CHECK(t->client);
  t->rcpt[0].address = STR("a@x.example");
  t->rcpt[1].address = STR("b@x.example");
  if (!t->step) t->step = 7;
  if (!t->text.p) t->text = STR("Subject: x\r\n\r\n.dot\r\n");
  t->mail.from = STR("me@me.example");
  t->mail.rcpt = t->rcpt;
  if (!t->mail.rcpt_count) t->mail.rcpt_count = 1;
  t->mail.octets = t->text.n;
  t->mail.body = client_case_body;
  t->mail.done = client_case_done;
  t->mail.arg = t;
  t->mail.arena = arena_new(0);
}

static void client_case_turn(struct client_case *t, const int *until, int64_t ms)
{
  struct err e;

  for (int64_t stop = clock_mono() + ms; !*until && clock_mono() < stop;)
    loop_turn(t->peer.loop, 5, &e);
}

static void client_case_end(struct client_case *t)
{
  struct err e;

  client_end(t->client);
  client_case_turn(t, &t->gone, 10000);
  CHECK_INT(t->gone, 1);
  if (t->peer.io) io_abort(t->peer.io);
  listen_free(t->peer.listener);
  loop_turn(t->peer.loop, 0, &e);
  loop_free(t->peer.loop);
  arena_free(t->mail.arena);
  buf_free(&t->peer.heard);
}

/* One mail by one script; true when done was called, once. */
static bool client_case_run(struct client_case *t, const struct client_row *script, bool lock_step)
{
  client_case_begin(t, script, lock_step, 0);
  client_send(t->client, &t->mail);
  client_case_turn(t, &t->done, 10000);
  return CHECK_INT(t->done, 1);
}

static const struct client_row client_polite[] = {
    {NULL, "220 mx ESMTP\r\n"},
    {"EHLO me.example", "250-mx\r\n250-SIZE 1000\r\n250-8BITMIME\r\n250 PIPELINING\r\n"},
    {"MAIL", "250 2.1.0 ok\r\n"},
    {"RCPT", "250 2.1.5 ok\r\n"},
    {"DATA", "354 go\r\n"},
    {".", "250-2.0.0 queued\r\n250 2.0.0 as 1\r\n"},
    {"QUIT", "221 bye\r\n"},
    {NULL, NULL},
};

TEST(client_sends_a_mail)
{
  for (int lock_step = 0; lock_step <= 1; lock_step++) {
    struct client_case t = {.step = 0};

    client_case_run(&t, client_polite, lock_step);
    CHECK_INT(t.code, 250);
    CHECK_STR(t.reply, "250-2.0.0 queued\n250 2.0.0 as 1");
    CHECK_INT(t.rcpt[0].code, 250);
    CHECK(client_is_open(t.client));
    CHECK_STR(&t.peer.heard, "EHLO me.example\nMAIL FROM:<me@me.example> SIZE=20\n"
                             "RCPT TO:<a@x.example>\nDATA\nSubject: x\n\n..dot\n.\n");
    client_case_end(&t);
  }
}

TEST(client_falls_back_to_helo)
{
  static const struct client_row script[] = {
      {NULL, "220-mx\r\n220 hello\r\n"},
      {"EHLO", "502 what\r\n"},
      {"HELO me.example", "250 mx\r\n"},
      {"MAIL", "250 ok\r\n"},
      {"RCPT", "250 ok\r\n"},
      {"DATA", "354 go\r\n"},
      {".", "250 ok\r\n"},
      {"QUIT", "221 bye\r\n"},
      {NULL, NULL},
  };
  struct client_case t = {.step = 1};

  client_case_run(&t, script, false);
  CHECK_INT(t.code, 250);
  CHECK(str_find(buf_str(&t.peer.heard), STR("MAIL FROM:<me@me.example>\n")) > 0);
  client_case_end(&t);
}

TEST(client_keeps_the_reply_of_each_recipient)
{
  static const struct client_row script[] = {
      {NULL, "220 mx\r\n"},     {"EHLO", "250-mx\r\n250 PIPELINING\r\n"},
      {"MAIL", "250 ok\r\n"},   {"RCPT TO:<a", "550-5.1.1 no\r\n550 5.1.1 such user\r\n"},
      {"RCPT", "250 b ok\r\n"}, {"DATA", "354 go\r\n"},
      {".", "250 ok\r\n"},      {"RSET", "250 ok\r\n"},
      {"QUIT", "221 bye\r\n"},  {NULL, NULL},
  };
  struct client_case t = {.mail.rcpt_count = 2}, all = {.mail = {.rcpt_count = 2, .all = true}};

  client_case_run(&t, script, false);
  CHECK_INT(t.code, 250);
  CHECK_INT(t.rcpt[0].code, 550);
  CHECK_STR(t.rcpt[0].reply, "550-5.1.1 no\n550 5.1.1 such user");
  CHECK_INT(t.rcpt[1].code, 250);
  client_case_end(&t);
  client_case_begin(&all, script, true, 0);
  client_send(all.client, &all.mail);
  client_case_turn(&all, &all.done, 10000);
  CHECK_INT(all.code, 550);
  CHECK(str_find(buf_str(&all.peer.heard), STR("DATA")) < 0);
  client_case_turn(&all, &all.gone, 100);
  client_abort(all.client);
  all.client = NULL;
  client_case_end(&all);
}

TEST(client_sends_two_mails_over_one_connection)
{
  static const struct client_row script[] = {
      {NULL, "220 mx\r\n"},   {"EHLO", "250 mx\r\n"},   {"MAIL", "250 ok\r\n"},
      {"RCPT", "250 ok\r\n"}, {"DATA", "452 full\r\n"}, {"RSET", "250 ok\r\n"},
      {"MAIL", "250 ok\r\n"}, {"RCPT", "250 ok\r\n"},   {"DATA", "354 go\r\n"},
      {".", "250 ok\r\n"},    {"QUIT", "221 bye\r\n"},  {NULL, NULL},
  };
  struct client_case t = {.step = 0};

  client_case_run(&t, script, false);
  CHECK_INT(t.code, 452);
  CHECK_INT(t.rcpt[0].code, 452);
  t.done = 0;
  client_send(t.client, &t.mail);
  client_case_turn(&t, &t.done, 10000);
  CHECK_INT(t.code, 250);
  client_case_end(&t);
}

TEST(client_meets_hostile_peers)
{
  static const struct {
    struct client_row script[6];
    int code;
    const char *reply;
  } rows[] = {
      {{{NULL, NULL}}, 0, "*closed*"},
      {{{NULL, "421 4.3.2 busy\r\n"}}, 421, "421 4.3.2 busy"},
      {{{NULL, "554 no\r\n"}}, 554, "554 no"},
      {{{NULL, "HTTP/1.1 400 Bad\r\n"}}, 0, "*not SMTP*"},
      {{{NULL, "220 a\nb\r\n"}}, 0, "*not SMTP*"},
      {{{NULL, "220-a\r\n250 b\r\n"}}, 0, "*not SMTP*"},
      {{{NULL, "220 mx\r\n250 early\r\n"}, {"x", "x"}}, 0, "*to nothing*"},
      {{{NULL, "220 mx\r\n"}, {"EHLO", "421 bye\r\n"}}, 421, "421 bye"},
      {{{NULL, "220 mx\r\n"}, {"EHLO", "250 mx\r\n"}, {"MAIL", "550 no\r\n"}, {"RSET", NULL}},
       550,
       "550 no"},
      {{{NULL, "220 mx\r\n"}, {"EHLO", "250 mx\r\n"}, {"MAIL", "354 go\r\n"}}, 0, "*intermediate*"},
      {{{NULL, "220 mx\r\n"},
        {"EHLO", "250 mx\r\n"},
        {"MAIL", "250 a\r\n250 b\r\n250 c\r\n250 d\r\n"},
        {"x", "x"}},
       0,
       "*"},
      {{{NULL, "220 mx\r\n"},
        {"EHLO", "250 mx\r\n"},
        {"MAIL", "250 a\r\n"},
        {"RCPT", "250 b\r\n"},
        {"DATA", NULL}},
       0,
       "*closed*"},
  };

  for (size_t i = 0; i < BASE_COUNT(rows); i++) {
    struct client_case t = {.step = 0};
    const char *want = rows[i].reply;

    client_case_run(&t, rows[i].script, true);
    CHECK_INT(t.code, rows[i].code);
    if (want[0] == '*' && want[1]) {
      str part = str_sub(str_of(want), 1, strlen(want) - 1);
      CHECK(str_find(str_of(t.reply), part) >= 0);
    } else if (want[0] != '*') {
      CHECK_STR(t.reply, want);
    }
    client_case_end(&t);
  }
}

TEST(client_does_not_wait_for_ever)
{
  static const struct client_row silent[] = {{"x", "x"}, {NULL, NULL}};
  struct client_case t = {.step = 0};

  client_case_begin(&t, silent, true, 100);
  client_send(t.client, &t.mail);
  client_case_turn(&t, &t.done, 5000);
  CHECK_INT(t.done, 1);
  CHECK_INT(t.code, 0);
  CHECK(str_find(str_of(t.reply), STR("no answer in time")) > 0);
  client_case_end(&t);
}

TEST(client_streams_a_large_mail)
{
  static const struct client_row script[] = {
      {NULL, "220 mx\r\n"},    {"EHLO", "250 mx\r\n"}, {"MAIL", "250 ok\r\n"},
      {"RCPT", "250 ok\r\n"},  {"DATA", "354 go\r\n"}, {".", "250 ok\r\n"},
      {"QUIT", "221 bye\r\n"}, {NULL, NULL},
  };
  struct client_case t = {.step = 10000};
  struct buf text = BUF_INIT(2 << 20);

  for (int i = 0; i < 100000; i++) buf_puts(&text, i % 3 ? "some text\r\n" : ".\r\n");
  t.text = buf_str(&text);
  client_case_run(&t, script, false);
  CHECK_INT(t.code, 250);
  CHECK(str_ends(buf_str(&t.peer.heard), STR("some text\n..\n.\n")));
  client_case_end(&t);
  buf_free(&text);
}

TEST(client_never_ends_a_mail_it_cannot_read)
{
  struct client_case t = {.step = 7};

  client_case_begin(&t, client_polite, true, 0);
  t.step = 0;
  client_send(t.client, &t.mail);
  client_case_turn(&t, &t.done, 5000);
  CHECK_INT(t.code, 0);
  CHECK(!str_ends(buf_str(&t.peer.heard), STR("\n.\n")));
  client_case_end(&t);
}

TEST(client_can_be_aborted_while_it_closes)
{
  static const struct client_row script[] = {
      {NULL, "220 mx\r\n"},    {"EHLO", "250 mx\r\n"},
      {"MAIL", "250 ok\r\n"},  {"RCPT", "250 ok\r\n"},
      {"DATA", "354 go\r\n"},  {".", "250 ok\r\n"},
      {"QUIT", "221 bye\r\n"}, {"x", "x"},
  };
  struct client_case t = {.peer.stays = true};

  client_case_run(&t, script, true);
  client_end(t.client);
  client_case_turn(&t, &t.gone, 100);
  if (CHECK(!t.gone)) client_abort(t.client);
  t.client = NULL;
  client_case_turn(&t, &t.gone, 100);
  client_case_end(&t);
}
