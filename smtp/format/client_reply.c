/* smtp/format/client_reply.c: what a server answers a client (RFC 5321 §4.2). */
#include "format.h"

void client_reply_begin(struct client_reply *r)
{
  buf_clear(&r->text);
  r->text.cap = LIMIT_REPLY_TEXT;
  r->code = 0;
  r->lines = 0;
}

void client_reply_free(struct client_reply *r)
{
  buf_free(&r->text);
}

/* The code a line begins with; 0 if with none. 1yz is for other protocols (RFC 5321 §4.2.1). */
static int client_reply_code(str line)
{
  if (line.n < 3 || line.p[0] < '2' || line.p[0] > '5') return 0;
  if (!str_isdigit(line.p[1]) || !str_isdigit(line.p[2])) return 0;
  if (line.n > 3 && line.p[3] != ' ' && line.p[3] != '-') return 0;
  return (line.p[0] - '0') * 100 + (line.p[1] - '0') * 10 + (line.p[2] - '0');
}

/* Operators read it on terminals, and the database says that it is UTF-8. */
static void client_reply_add(struct client_reply *r, str line)
{
  if (r->lines > 1 && r->text.n < r->text.cap) buf_putc(&r->text, '\n');
  while (line.n > 0) {
    int32_t c = utf8_next(&line);
    char octets[4];
    size_t n = utf8_put(octets, utf8_shows(c) ? c : '?');

    if (n > r->text.cap - r->text.n) break;
    buf_add(&r->text, octets, n);
  }
}

enum client_reply_event client_reply_line(struct client_reply *r, str line, str *text)
{
  int code = client_reply_code(line);

  *text = str_skip(line, 4);
  if (!code || (r->code && code != r->code)) return CLIENT_REPLY_BAD;
  if (line.n > LIMIT_REPLY_LINE || ++r->lines > LIMIT_REPLY_LINES) return CLIENT_REPLY_BAD;
  if (memchr(line.p, '\0', line.n)) return CLIENT_REPLY_BAD;
  r->code = code;
  client_reply_add(r, line);
  return line.n > 3 && line.p[3] == '-' ? CLIENT_REPLY_MORE : CLIENT_REPLY_DONE;
}
