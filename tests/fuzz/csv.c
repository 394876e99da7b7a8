/* tests/fuzz/csv.c: tables of text. The first octet chooses the delimiter. What was read and is
 * written again reads the same. */
#include "../../smtp/format/format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void csv_again(const struct csv_record *r, char delimiter)
{
  struct datum fields[LIMIT_CSV_FIELDS];
  struct csv_record second = {.text = BUF_INIT(LIMIT_CSV_FILE)};
  struct buf out = BUF_INIT(LIMIT_CSV_FILE);
  struct err e;
  size_t at = 0;

  for (size_t i = 0; i < r->n; i++)
    fields[i] = (struct datum){.type = DATUM_TEXT, .text = csv_field(r, i)};
  if (csv_put(&out, delimiter, fields, r->n, &e) < 0) abort();
  if (csv_next(buf_str(&out), delimiter, &at, &second, &e) != 1) abort();
  if (second.n != r->n || at != out.n) abort();
  for (size_t i = 0; i < r->n; i++)
    if (!str_eq(csv_field(&second, i), fields[i].text)) abort();
  buf_free(&out);
  csv_free(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  static const char delimiters[] = {',', ';', ':', '\t', ' ', '|'};
  struct csv_record r = {.text = BUF_INIT(LIMIT_CSV_FILE)};
  struct err e;
  size_t at = 0, before = 0;

  if (size == 0) return 0;
  const char delimiter = delimiters[data[0] % BASE_COUNT(delimiters)];
  const str source = {(const char *)data + 1, size - 1};
  while (csv_next(source, delimiter, &at, &r, &e) > 0) {
    if (r.from < before || r.to <= r.from || r.to != at || at > source.n) abort();
    if (r.n == 0 || r.n > LIMIT_CSV_FIELDS || r.ends[r.n - 1] != r.text.n) abort();
    csv_again(&r, delimiter);
    before = at;
  }
  csv_free(&r);
  return 0;
}
