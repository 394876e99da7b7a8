/* tests/fuzz/vsl.c: any text as a script: compiled, evaluated and frozen under small budgets; then
 * what it gave, if that is closures, is run on fibers that give way, wait and are cancelled.
 *
 * Laws: no crash, no leak, no budget exceeded; what is frozen is the same after every run; every
 * text is UTF-8; every fault has a place in the source. The budgets and the fate of each wait come
 * from a hash of the text, so that plain scripts are inputs.
 */
#include "../../rules/vsl/vsl.h"
#include "../../rules/vsl/code.h"

/* The same text is always run under the same limits (FNV-1a). */
static uint64_t vsl_dice(str text)
{
  uint64_t dice = 0xcbf29ce484222325u;
  for (size_t i = 0; i < text.n; i++) dice = (dice ^ (unsigned char)text.p[i]) * 0x100000001b3u;
  return dice | 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define VSL_TURNS 300 /* slices and waits a run may take */

static struct registry *vsl_registry;
static int vsl_waiting; /* tickets not yet answered or cancelled */

static void vsl_cancel(void *ticket)
{
  if (ticket != &vsl_waiting) abort();
  vsl_waiting--;
}

/* __wait(x…): what the harness resumes it with. */
static int vsl_wait(struct fiber *f, struct call *c)
{
  if (c->steps->step) {
    c->out = value_take(&c->steps->got);
    return NATIVE_DONE;
  }
  int rc = fiber_wait(f, vsl_cancel, &vsl_waiting);
  if (rc == NATIVE_WAIT) vsl_waiting++;
  return rc;
}

/* __same(f): calls f once and gives what that gives. */
static int vsl_same(struct fiber *f, struct call *c)
{
  if (!c->steps->step) return fiber_call(f, c, c->args[0], NULL, NULL, 0, 0);
  c->out = value_take(&c->steps->got);
  return NATIVE_DONE;
}

static const struct native vsl_natives[] = {
    {"__wait", "*", NATIVE_STEPS, vsl_wait},
    {"__same", "q", NATIVE_STEPS, vsl_same},
};

static void vsl_print(void *ctx, bool debug, str text)
{
  (void)ctx, (void)debug;
  if (!utf8_valid(text)) abort();
}

static void vsl_text(struct value v, struct buf *out)
{
  out->cap = 1 << 20;
  if (!value_text(v, true, out) && !utf8_valid(buf_str(out))) abort();
}

static void vsl_check_fault(const struct fiber *f)
{
  struct buf report = BUF_INIT(1 << 16);
  struct place at = fiber_error_place(f);
  if (at.line < 1 || at.column < 1) abort();
  fiber_error_report(f, &report);
  buf_free(&report);
}

/* One run of a closure, to its end or until it is cancelled. */
static void vsl_run(struct program *p, struct value fn, const struct vsl_limits *l, uint64_t dice)
{
  struct fiber *f = fiber_new(p, l, NULL);
  if (!f) abort();
  fiber_start(f, fn);
  for (int i = 0; i < VSL_TURNS; i++, dice = dice * 6364136223846793005u + 1442695040888963407u) {
    enum fiber_state state = fiber_run(f);
    if (state == FIBER_DONE || state == FIBER_FAILED) break;
    unsigned fate = (unsigned)(dice >> 60);
    if (fate == 0) break; /* cancelled here */
    if (fate == 1) {
      fiber_stop(f, "the fuzzer wants so");
    } else if (state == FIBER_WAITING && fate == 2) {
      vsl_waiting--;
      fiber_fail(f, VSL_RUNTIME, "no answer");
    } else if (state == FIBER_WAITING) {
      vsl_waiting--;
      fiber_resume(f,
                   fate < 8 ? value_int((int64_t)fate) : value_string(fiber_region(f), STR("ü")));
    }
  }
  size_t used = region_peak(fiber_region(f));
  if (l->memory && used > l->memory) abort();
  if (fiber_state(f) == FIBER_FAILED) vsl_check_fault(f);
  if (fiber_state(f) == FIBER_DONE) {
    struct buf text = BUF_INIT(0);
    vsl_text(fiber_result(f), &text);
    buf_free(&text);
  }
  fiber_free(f);
  if (vsl_waiting) abort();
}

static void vsl_program(struct program *p, uint64_t dice)
{
  const struct vsl_limits l = {.steps = 2000,
                               .slice = dice & 1 ? 7 : 100,
                               .memory = dice & 2 ? 8000 : 60000,
                               .depth = dice & 4 ? 5 : 64,
                               .string = dice & 8 ? 40 : 5000,
                               .items = dice & 16 ? 10 : 500};
  struct value all = program_result(p), list[8];
  struct buf before = BUF_INIT(0), after = BUF_INIT(0);
  size_t n = 0;
  if (all.type == VALUE_FN) list[n++] = all;
  for (size_t i = 0; all.type == VALUE_ARRAY && i < all.as.array->n && n < BASE_COUNT(list); i++)
    list[n++] = all.as.array->items[i];
  if (program_freeze(p, &all, 1)) abort();
  vsl_text(all, &before);
  for (size_t i = 0; i < n; i++) vsl_run(p, list[i], &l, dice = dice * 31 + i);
  vsl_text(all, &after);
  if (!str_eq(buf_str(&before), buf_str(&after))) abort();
  buf_free(&before);
  buf_free(&after);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  if (!vsl_registry) {
    vsl_registry = registry_new();
    if (!vsl_registry || std_add(vsl_registry) ||
        registry_add(vsl_registry, fn_natives, fn_natives_count) ||
        registry_add(vsl_registry, vsl_natives, BASE_COUNT(vsl_natives)) ||
        registry_finish(vsl_registry))
      abort();
  }
  struct diags d;
  str text = {size ? (const char *)data : "", size};
  uint64_t dice = vsl_dice(text);
  struct program_options o = {.registry = vsl_registry,
                              .limits = {.steps = 20000,
                                         .slice = dice & 32 ? 11 : 1000,
                                         .memory = 1 << 20,
                                         .depth = dice & 64 ? 6 : 64,
                                         .string = 20000,
                                         .items = 2000},
                              .script = dice & 128,
                              .text = text,
                              .print = vsl_print};
  size_t blocks = mem_count();
  if (diags_init(&d)) abort();
  struct program *p = program_load(&o, STR("/nowhere/fuzz.vsl"), &d);
  if (!p != (d.errors > 0)) abort();
  for (size_t i = 0; i < d.n; i++)
    if (d.list[i].line < 1 && d.list[i].line != 0) abort();
  if (p) vsl_program(p, dice);
  program_unref(p);
  diags_free(&d);
  if (mem_count() != blocks) abort();
  return 0;
}

#undef VSL_TURNS
