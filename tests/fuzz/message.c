/* tests/fuzz/message.c: text of DATA in pieces of any size: the split changes nothing, and what
 * comes out as a header block can be read as one. The first octet chooses the pieces. */
#include "../../smtp/format/format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct message_fuzz {
  struct buf header, body;
  unsigned faults;
  bool ended;
  size_t left;
};

static void message_fuzz_run(str text, size_t step, struct message_fuzz *out)
{
  struct message_in m;

  message_begin(&m);
  memset(out, 0, sizeof *out);
  out->header.cap = out->body.cap = 4 << 20;
  for (size_t at = 0; at < text.n && !out->ended; at += step) {
    str in = str_sub(text, at, at + step), piece;
    enum message_event event;

    while ((event = message_next(&m, &in, &piece)) == MESSAGE_BODY) buf_str_add(&out->body, piece);
    out->ended = event == MESSAGE_END;
    if (out->ended) out->left = str_skip(text, at + step).n + in.n;
  }
  if (out->ended) buf_str_add(&out->header, buf_str(&m.header));
  out->faults = m.faults;
  message_free(&m);
}

static void message_fuzz_header(str block)
{
  struct arena *a = arena_new(4 << 20);
  struct header h = {.arena = a};
  struct buf again = BUF_INIT(4 << 20);
  struct err e;

  if (a && header_parse(&h, block, &e) == 0) {
    header_write(&h, &again);
    if (buf_ok(&again) && !str_eq(buf_str(&again), block)) abort();
    for (size_t i = 0; i < h.n && i < 50; i++)
      if (!utf8_valid(subject_decode(header_value(&h.fields[i], a), a))) abort();
    header_remove(&h, STR("Subject"));
    header_set(&h, STR("To"), STR("a@b"), &e);
  } else if (a && e.kind == ERR_SYNTAX) {
    abort();
  }
  buf_free(&again);
  arena_free(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct message_fuzz whole, split;
  str text;

  if (size < 1) return 0;
  text = (str){(const char *)data + 1, size - 1};
  message_fuzz_run(text, text.n ? text.n : 1, &whole);
  message_fuzz_run(text, (size_t)data[0] % 16 + 1, &split);
  if (whole.ended != split.ended || whole.left != split.left) abort();
  if (whole.ended && whole.faults == split.faults && !whole.faults) {
    if (!str_eq(buf_str(&whole.header), buf_str(&split.header))) abort();
    if (!str_eq(buf_str(&whole.body), buf_str(&split.body))) abort();
    message_fuzz_header(buf_str(&whole.header));
  }
  buf_free(&whole.header);
  buf_free(&whole.body);
  buf_free(&split.header);
  buf_free(&split.body);
  return 0;
}
