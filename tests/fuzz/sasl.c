/* tests/fuzz/sasl.c: AUTH's exchanges, both sides: the first octet says which, lines are
 * messages. */
#include "../../smtp/sasl/sasl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void sasl_fuzz_server(enum sasl_mech mech, str rest)
{
  static const struct scram_verifier v = {.rounds = 4096, .salt = {1, 2, 3}, .salt_n = 3};
  struct sasl_server s;
  struct buf out = BUF_INIT(4 * LIMIT_AUTH_LINE);
  enum sasl_next next = SASL_CHALLENGE;
  str line;
  if (sasl_server_init(&s, mech, STR("h"), STR("fuzz"))) abort();
  while (next == SASL_CHALLENGE && str_cut(&rest, '\n', &line)) {
    next = sasl_server_step(&s, str_eq(line, STR("-")) ? NULL : &line, &out);
    if (next == SASL_SECRET && mech == SASL_SCRAM_SHA_256)
      next = sasl_server_verifier(&s, &v, line.n % 2, &out);
    else if (next == SASL_SECRET)
      next = sasl_server_secret(&s, STR("secret"));
    if (next == SASL_PASSWORD && (!s.user.n || !s.password.n)) abort();
    if (next == SASL_PROVEN) abort(); /* nobody guesses a proof */
  }
  sasl_server_end(&s);
  buf_free(&out);
}

static void sasl_fuzz_client(str rest)
{
  struct sasl_client c;
  struct buf out = BUF_INIT(4 * LIMIT_AUTH_LINE);
  enum sasl_next next;
  bool initial;
  str line;
  if (sasl_client_init(&c, SASL_SCRAM_SHA_256, STR("u"), STR("p"), STR("fuzz"))) abort();
  next = sasl_client_begin(&c, &out, &initial);
  while (next == SASL_CHALLENGE && str_cut(&rest, '\n', &line)) {
    next = sasl_client_step(&c, line, &out);
    for (int i = 0; next == SASL_WORK && i < 3; i++) next = sasl_client_work(&c, &out);
    if (next == SASL_PROVEN) abort();
  }
  sasl_client_end(&c);
  buf_free(&out);
}

/* What is base64 is written in one way only. */
static void sasl_fuzz_base64(str text)
{
  struct buf bytes = BUF_INIT(SIZE_MAX), again = BUF_INIT(SIZE_MAX);
  if (base64_decode(text, &bytes) == 0) {
    buf_base64(&again, buf_str(&bytes));
    if (!str_eq(buf_str(&again), text)) abort();
  }
  buf_clear(&bytes);
  buf_clear(&again);
  buf_base64(&again, text);
  if (base64_decode(buf_str(&again), &bytes) < 0 || !str_eq(buf_str(&bytes), text)) abort();
  buf_free(&bytes);
  buf_free(&again);
}

/* A text prepared once is prepared for good. */
static void sasl_fuzz_prepare(str text)
{
  struct buf once = BUF_INIT(SIZE_MAX), twice = BUF_INIT(SIZE_MAX);
  if (sasl_prepare(text, &once) == 0 &&
      (sasl_prepare(buf_str(&once), &twice) < 0 || !str_eq(buf_str(&once), buf_str(&twice))))
    abort();
  buf_free(&once);
  buf_free(&twice);
}

static void sasl_fuzz_verifier(str text)
{
  struct scram_verifier v;
  struct buf again = BUF_INIT(1000);
  if (scram_read(text, &v) < 0) return;
  scram_write(&v, &again);
  if (!buf_ok(&again) || scram_read(buf_str(&again), &v) < 0) abort();
  buf_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  str all = {(const char *)data, size};
  if (size == 0) return 0;
  str rest = str_skip(all, 1);
  switch (data[0] % 9) {
  case 0:
  case 1:
  case 2:
  case 3:
  case 4: sasl_fuzz_server((enum sasl_mech)(data[0] % 9), rest); break;
  case 5: sasl_fuzz_client(rest); break;
  case 6: sasl_fuzz_base64(rest); break;
  case 7: sasl_fuzz_prepare(rest); break;
  default: sasl_fuzz_verifier(rest); break;
  }
  return 0;
}
