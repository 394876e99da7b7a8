/* smtp/client_reply.h: what a server answers a client (RFC 5321 §4.2). Pure functions. */
#ifndef SMTP_CLIENT_REPLY_H
#define SMTP_CLIENT_REPLY_H

#include "../vsmtp.h"

/* Begins zeroed but for text.cap, which client_reply_begin sets. */
struct client_reply {
  int code;        /* 200..599; 0: no line was read yet */
  unsigned lines;  /* so far */
  struct buf text; /* as it came, codes included, lines separated by LF, always UTF-8; what is none,
                      or a control, is '?'. What goes beyond LIMIT_REPLY_TEXT is cut. */
};

enum client_reply_event {
  CLIENT_REPLY_MORE, /* a line of several */
  CLIENT_REPLY_DONE, /* the last one */
  CLIENT_REPLY_BAD /* no reply: not three digits, another code than before, NUL, too long or many */
};

void client_reply_begin(struct client_reply *r); /* also after one that is done; keeps the memory */
void client_reply_free(struct client_reply *r);
/* Takes one line without its CRLF; *text is what stands behind the code. */
enum client_reply_event client_reply_line(struct client_reply *r, str line, str *text);

#endif
