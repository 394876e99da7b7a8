/* tests/fuzz/rules.c: whole rule files: loaded, every stage run against a host in memory under
 * small budgets, some runs cancelled on their way, questions answered, refused or left open. The
 * first octet chooses which ('0': whole runs). */
#include "../rules_host.h"

#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define RULES_STEPS 400 /* slices a run may take */

static char rules_fuzz_path[64];

static void rules_fuzz_end(void)
{
  unlink(rules_fuzz_path);
}

static void rules_fuzz_write(const uint8_t *data, size_t size)
{
  if (!rules_fuzz_path[0]) {
    snprintf(rules_fuzz_path, sizeof rules_fuzz_path, "/tmp/fuzz-rules-%d.vsl", (int)getpid());
    atexit(rules_fuzz_end);
  }
  FILE *file = fopen(rules_fuzz_path, "w");
  if (!file || fwrite(data, 1, size, file) != size || fclose(file) != 0) abort();
}

static void rules_fuzz_stage(struct rules *r, enum stage s, uint8_t mode)
{
  static const struct rules_answer answer = {.result = STR_INIT("softfail"),
                                             .mechanism = STR_INIT("mx;\r\nX: y")};
  struct fake h;
  fake_init(&h);
  h.asked = (enum rules_asked)(mode % 3);
  h.answer = answer;
  h.refuse = mode & 64;
  struct rules_run *run = rules_start(r, s, 0, mode & 32, &fake_host, &h);
  const int patience = mode & 16 ? mode & 7 : RULES_STEPS;
  enum rules_state state = RULES_YIELD;
  for (int i = 0; run && i < patience && state != RULES_DONE; i++) {
    state = rules_step(run);
    if (state == RULES_WAIT && (mode & 128)) break;
    if (state == RULES_WAIT) rules_give(run, &answer, NULL);
  }
  if (state == RULES_DONE && rules_verdict_of(run)->next > rules_count(r, s) + 1) abort();
  rules_cancel(run);
  fake_free(&h);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  static const struct rules_options opt = {.limits = {.steps = 20000,
                                                      .slice = 200,
                                                      .memory = 512 * 1024,
                                                      .depth = 16,
                                                      .string = 4096,
                                                      .items = 256},
                                           .max_time = 60000};
  struct diags d;
  if (size < 2) return 0;
  rules_fuzz_write(data + 1, size - 1);
  if (diags_init(&d) < 0) abort();
  struct rules *r = rules_load(str_of(rules_fuzz_path), &opt, &d);
  if (!r && d.errors == 0) abort();
  for (int s = 0; r && s < STAGE_COUNT; s++)
    rules_fuzz_stage(r, (enum stage)s, (uint8_t)(data[0] ^ '0'));
  rules_release(r);
  diags_free(&d);
  return 0;
}

#undef RULES_STEPS
