/* tests/fuzz/bounce.c: a report made of a stranger's bytes: replies, names, subjects, headers. */
#include "../../smtp/queue/bounce_text.h"
#include "../../smtp/format/format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BOUNCE_ID "0mws0if3z000o3m4qy00wq9f6o"

static size_t bounce_times(str s, str what)
{
  size_t n = 0;

  for (ptrdiff_t at; (at = str_find(s, what)) >= 0; n++) s = str_skip(s, (size_t)at + what.n);
  return n;
}

/* The fields of the report are those we write, whatever stands in them. */
static void bounce_fuzz_header(str block)
{
  static const char *const names[] = {"From",         "To",          "Subject",    "Date",
                                      "Message-ID",   "In-Reply-To", "References", "Auto-Submitted",
                                      "MIME-Version", "Content-Type"};
  struct arena *a = arena_new(0);
  struct header h = {.arena = a};
  struct err e;
  size_t at = 0;

  if (!a) return;
  if (!str_ends(block, STR("\r\n\r\n")) || !bounce_text_is_plain(block)) abort();
  block.n -= 2;
  if (header_parse(&h, block, &e) < 0) abort();
  for (size_t i = 0; i < BASE_COUNT(names); i++) {
    if (at < h.n && str_eq(h.fields[at].name, str_of(names[i])))
      at++;
    else if (i != 5 && i != 6)
      abort();
  }
  if (at != h.n) abort();
  arena_free(a);
}

/* Seven slices and how to use them, parted by 0xfe, which is in no UTF-8. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  str in = {(const char *)data, size}, part[7] = {{"", 0}};
  struct buf header = BUF_INIT(1 << 20), body = BUF_INIT(4 << 20);
  char how = size ? in.p[0] : 0;

  in = str_skip(in, 1);
  for (size_t i = 0; i < BASE_COUNT(part); i++)
    if (!str_cut(&in, (char)0xfe, &part[i])) part[i] = (str){"", 0};
  struct bounce_rcpt rcpt[] = {
      {(enum bounce_action)(how & 3), part[0], part[1], STR("utf-8"), part[2], part[3], part[4]},
      {BOUNCE_FAILED, STR("b@c.example"), STR(""), STR(""), STR(""), part[4], STR("")}};
  struct bounce_text t = {.domain = STR("home.example"),
                          .id = STR(BOUNCE_ID),
                          .to = STR("a@b.example"),
                          .subject = part[5],
                          .envid = part[2],
                          .helo = part[1],
                          .client_ip = STR("192.0.2.1"),
                          .header = part[6],
                          .rcpt = rcpt,
                          .count = how & 4 ? 2 : 1};

  if (how & 8 && bounce_text_is_plain(part[6])) t.body = STR("text\r\n");
  bounce_text_header(&t, &header);
  bounce_text_body(&t, &body);
  if (buf_ok(&header)) bounce_fuzz_header(buf_str(&header));
  if (buf_ok(&body)) {
    size_t parts = t.body.p || t.header.n ? 3 : 2;

    if (!bounce_text_is_plain(buf_str(&body))) abort();
    if (bounce_times((str){(const char *)data, size}, STR("--=_")) == 0 &&
        bounce_times(buf_str(&body), STR("\r\n--=_" BOUNCE_ID)) != parts)
      abort();
  }
  buf_free(&header);
  buf_free(&body);
  return 0;
}
