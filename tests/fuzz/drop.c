/* tests/fuzz/drop.c: files of the drop folder, lists of addresses, and what programs write, in
 * pieces: the split changes nothing. The first octet chooses the pieces and the options. */
#include "../../smtp/format/format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void drop_fuzz_file(str all, struct arena *a)
{
  str end = str_skip(all, all.n > DROP_FILE_END ? all.n - DROP_FILE_END : 0);
  struct buf again = BUF_INIT(4 << 20);
  struct drop_file d;
  struct err e;

  if (drop_file_parse(str_sub(all, 0, DROP_FILE_HEAD_MAX), end, all.n, a, &d, &e) < 0) return;
  if (d.to_count == 0 || d.at + d.octets + DROP_FILE_END != all.n) abort();
  drop_file_write_head(&d, &again);
  buf_str_add(&again, str_sub(all, (size_t)d.at, (size_t)(d.at + d.octets)));
  drop_file_write_end(d.octets, &again);
  struct drop_file twice;
  str text = buf_str(&again);
  if (drop_file_parse(str_sub(text, 0, DROP_FILE_HEAD_MAX), str_skip(text, text.n - DROP_FILE_END),
                      text.n, a, &twice, &e) < 0 ||
      twice.to_count != d.to_count || !str_eq(twice.from, d.from))
    abort();
  buf_free(&again);
}

/* The length of the list bounds what comes out of it. */
static void drop_fuzz_list(str list)
{
  str rest = list, address;

  while (addrlist_next(&rest, &address))
    if (address.n == 0 || address.p < list.p || address.p + address.n > list.p + list.n) abort();
}

static int drop_fuzz_submit(str in, size_t step, unsigned options, struct buf *out)
{
  struct submit_options o = {.dots = options & 1,
                             .recipients = options & 2,
                             .user = STR("alice"),
                             .domain = STR("home.example"),
                             .name = STR("Alice"),
                             .id = STR("ID")};
  struct arena *a = arena_new(8 << 20);
  struct submit s;
  struct err e;
  int rc = 0;

  submit_begin(&s, &o, a);
  for (size_t at = 0; rc == 0 && at < in.n; at += step)
    rc = submit_text(&s, str_sub(in, at, at + step), out, &e);
  if (rc == 0) rc = submit_end(&s, out, &e);
  for (size_t i = 0; rc == 0 && i < out->n; i++) { /* only CR LF, no NUL */
    if (out->p[i] == '\0') abort();
    if (out->p[i] == '\n' && (i == 0 || out->p[i - 1] != '\r')) abort();
    if (out->p[i] == '\r' && (i + 1 == out->n || out->p[i + 1] != '\n')) abort();
  }
  submit_free(&s);
  arena_free(a);
  return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct arena *a = arena_new(8 << 20);
  struct buf whole = BUF_INIT(4 << 20), pieces = BUF_INIT(4 << 20);
  str text = {(const char *)data, size};

  if (!a || size == 0 || size > 1 << 20) {
    arena_free(a);
    return 0;
  }
  drop_fuzz_file(text, a);
  text = str_skip(text, 1);
  drop_fuzz_list(text);
  int one = drop_fuzz_submit(text, text.n + 1, data[0], &whole);
  int two = drop_fuzz_submit(text, 1 + data[0] / 4, data[0], &pieces);
  if (one != two || (one == 0 && !str_eq(buf_str(&whole), buf_str(&pieces)))) abort();
  buf_free(&whole);
  buf_free(&pieces);
  arena_free(a);
  return 0;
}
