/* tests/fuzz/reply.c: replies of a server, line by line. */
#include "../../smtp/format/format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  str in = {(const char *)data, size}, line, text;
  struct client_reply r = {0};

  client_reply_begin(&r);
  while (str_cut(&in, '\n', &line)) {
    enum client_reply_event event;

    if (str_ends(line, STR("\r"))) line.n--;
    event = client_reply_line(&r, line, &text);
    if (r.text.n > LIMIT_REPLY_TEXT || r.lines > LIMIT_REPLY_LINES + 1) abort();
    if (!utf8_valid(buf_str(&r.text))) abort();
    if (event != CLIENT_REPLY_BAD && (r.code < 200 || r.code > 599)) abort();
    if (event != CLIENT_REPLY_MORE) client_reply_begin(&r);
  }
  client_reply_free(&r);
  return 0;
}
