/* rules/regex.c: regex objects by PCRE2, the only file that knows it.
 *
 * PCRE2 counts its steps anew at every position where a match could start, so its limit alone does
 * not bound a search in a long text. A search therefore goes through the subject in windows of
 * start positions: cheap ones with a small limit; where a window goes over it, its positions are
 * tried one by one with a large limit, and the clock is asked after each. A search ends after
 * REGEX_TIME milliseconds at the latest, give or take one position.
 */
#include "regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#define REGEX_PATTERN 65536      /* bytes of a pattern */
#define REGEX_WINDOW  1024       /* start positions tried in one call */
#define REGEX_STEPS   2000       /* PCRE2's match limit for each of them, */
#define REGEX_EFFORT  1000000    /* and for a single one */
#define REGEX_DEPTH   20000      /* nested backtracking points */
#define REGEX_HEAP    (4 * 1024) /* KiB of them */
#define REGEX_TIME    250        /* milliseconds of a search */

struct regex {
  pcre2_code *code;
  pcre2_match_context *limits;
};

/* What a pattern keeps comes from its region and is never given back; what a search needs is
 * ordinary memory. */
static void *regex_region_alloc(size_t n, void *region)
{
  return region_alloc(region, n);
}

static void regex_region_free(void *p, void *region)
{
  (void)p;
  (void)region;
}

static void *regex_mem_alloc(size_t n, void *unused)
{
  (void)unused;
  return mem_alloc(n);
}

static void regex_mem_free(void *p, void *unused)
{
  (void)unused;
  mem_free(p);
}

/* PCRE2's sentence for one of its error numbers. */
static int regex_fault(int number, enum err_kind kind, struct err *e)
{
  PCRE2_UCHAR text[256];
  if (number == PCRE2_ERROR_NOMEMORY) return err_nomem(e);
  if (pcre2_get_error_message(number, text, sizeof text) < 0) text[0] = 0;
  return err_set(e, kind, "%s", (const char *)text);
}

static int regex_compile(struct regex *r, pcre2_general_context *memory, str pattern,
                         size_t *offset, struct err *e)
{
  int number = 0;
  PCRE2_SIZE at = 0;
  pcre2_compile_context *how = pcre2_compile_context_create(memory);
  if (!how) return err_nomem(e);
  pcre2_set_max_pattern_length(how, REGEX_PATTERN);
  const uint32_t options = PCRE2_UTF | PCRE2_USE_OFFSET_LIMIT | PCRE2_NEVER_BACKSLASH_C;
  r->code = pcre2_compile((PCRE2_SPTR)(pattern.p ? pattern.p : ""), pattern.n, options, &number,
                          &at, how);
  if (r->code) return 0;
  *offset = at;
  return regex_fault(number, ERR_SYNTAX, e);
}

struct regex *regex_new(struct region *region, str pattern, size_t *offset, struct err *e)
{
  *offset = 0;
  struct regex *r = region_alloc(region, sizeof *r);
  pcre2_general_context *memory =
      pcre2_general_context_create(regex_region_alloc, regex_region_free, region);
  if (!r || !memory) goto nomem;
  if (regex_compile(r, memory, pattern, offset, e) < 0) return NULL;
  r->limits = pcre2_match_context_create(memory);
  if (!r->limits) goto nomem;
  pcre2_set_depth_limit(r->limits, REGEX_DEPTH);
  pcre2_set_heap_limit(r->limits, REGEX_HEAP);
  return r;
nomem:
  err_nomem(e);
  return NULL;
}

const char *regex_version(void)
{
  static char text[64];
  if (pcre2_config(PCRE2_CONFIG_VERSION, NULL) < (int)sizeof text)
    pcre2_config(PCRE2_CONFIG_VERSION, text);
  return text;
}

/* Tries the start positions [from, from + width). PCRE2's result. */
static int regex_try(const struct regex *r, pcre2_match_data *data, str s, size_t from,
                     size_t width)
{
  pcre2_set_match_limit(r->limits, width > 1 ? REGEX_STEPS : REGEX_EFFORT);
  pcre2_set_offset_limit(r->limits, from + width - 1);
  return pcre2_match(r->code, (PCRE2_SPTR)(s.p ? s.p : ""), s.n, from, PCRE2_NO_UTF_CHECK, data,
                     r->limits);
}

/* The search itself; data is scratch. */
static int regex_walk(const struct regex *r, pcre2_match_data *data, str s, struct err *e)
{
  const int64_t end = clock_mono() + REGEX_TIME;
  size_t width = REGEX_WINDOW;
  for (size_t from = 0; from <= s.n;) {
    const int got = regex_try(r, data, s, from, width);
    if (got >= 0) return 1;
    if (got == PCRE2_ERROR_MATCHLIMIT && width > 1) {
      width = 1;
      continue;
    }
    if (got != PCRE2_ERROR_NOMATCH) return regex_fault(got, ERR_RULE, e);
    if (clock_mono() > end) return err_set(e, ERR_RULE, "the search took too long");
    from += width;
    while (from < s.n && ((unsigned char)s.p[from] & 0xC0) == 0x80) from++;
    if (width < REGEX_WINDOW) width *= 2;
  }
  return 0;
}

int regex_search(const struct regex *r, str s, struct err *e)
{
  if (!utf8_valid(s)) return err_set(e, ERR_RULE, "the text to search is not UTF-8");
  int result = -1;
  pcre2_match_data *data = NULL;
  pcre2_general_context *memory =
      pcre2_general_context_create(regex_mem_alloc, regex_mem_free, NULL);
  if (memory) data = pcre2_match_data_create(1, memory);
  if (data)
    result = regex_walk(r, data, s, e);
  else
    err_nomem(e);
  pcre2_match_data_free(data);
  pcre2_general_context_free(memory);
  return result;
}

#undef REGEX_PATTERN
#undef REGEX_WINDOW
#undef REGEX_STEPS
#undef REGEX_EFFORT
#undef REGEX_DEPTH
#undef REGEX_HEAP
#undef REGEX_TIME
#undef PCRE2_CODE_UNIT_WIDTH
