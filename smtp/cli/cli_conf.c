/* smtp/cli/cli_conf.c: `vsmtp config-show` and `vsmtp config-diff`: the configuration as it was
 * understood, as JSON, and what differs from the defaults.
 */
#include "../conf/conf.h"
#include "options.h"
#include "cli.h"

#include <sysexits.h>
#include <unistd.h>

#define CLI_CONF_LIMIT (64 * 1024 * 1024) /* of the JSON text */

/* ---- JSON ------------------------------------------------------------------------------------ */

static void cli_conf_json(struct buf *out, const struct toml *t, int depth)
{
  bool table = t->type == TOML_TABLE;
  switch (t->type) {
  case TOML_STRING:
  case TOML_DATETIME: buf_json(out, t->text); return;
  case TOML_INT: buf_printf(out, "%lld", (long long)t->integer); return;
  case TOML_FLOAT: buf_printf(out, "%.17g", t->real); return;
  case TOML_BOOL: buf_puts(out, t->boolean ? "true" : "false"); return;
  case TOML_ARRAY:
  case TOML_TABLE: break;
  }
  buf_putc(out, table ? '{' : '[');
  for (const struct toml *c = t->child; c; c = c->next) {
    buf_printf(out, "%s\n%*s", c == t->child ? "" : ",", 2 * (depth + 1), "");
    if (table) {
      buf_json(out, c->key);
      buf_puts(out, ": ");
    }
    cli_conf_json(out, c, depth + 1);
  }
  if (t->child) buf_printf(out, "\n%*s", 2 * depth, "");
  buf_putc(out, table ? '}' : ']');
}

static int cli_conf_print(str text)
{
  bool good = fwrite(text.p, 1, text.n, stdout) == text.n && fflush(stdout) == 0;
  if (!good) perror("vsmtp: standard output");
  return good ? EX_OK : EX_IOERR;
}

/* ---- differences ----------------------------------------------------------------------------- */

struct cli_conf_lines {
  str *line;
  size_t n;
};

static int cli_conf_split(str text, struct arena *a, struct cli_conf_lines *out)
{
  str rest = text, line;
  size_t n = 0;
  while (str_cut(&rest, '\n', &line)) n++;
  out->line = arena_alloc(a, n * sizeof *out->line);
  if (!out->line) return -1;
  for (out->n = 0; str_cut(&text, '\n', &line);) out->line[out->n++] = line;
  return 0;
}

static void cli_conf_line(struct buf *out, char sign, str line, bool colours)
{
  const char *colour = !colours ? "" : sign == '-' ? "\033[31m" : sign == '+' ? "\033[32m" : "";
  buf_printf(out, "%s%c" STR_FMT "%s\n", colour, sign, STR_ARG(line), *colour ? "\033[0m" : "");
}

/* The lines of both in order, those they share once: the longest common subsequence, counted from
 * the end, says which way to go. */
static int cli_conf_compare(const struct cli_conf_lines *old, const struct cli_conf_lines *new,
                            struct arena *a, bool colours, struct buf *out)
{
  size_t width = new->n + 1, i = 0, k = 0;
  uint32_t *common = arena_alloc(a, (old->n + 1) * width * sizeof *common);
  if (!common) return -1;
  for (size_t y = old->n; y-- > 0;)
    for (size_t x = new->n; x-- > 0;) {
      uint32_t down = common[(y + 1) * width + x], right = common[y * width + x + 1];
      bool same = str_eq(old->line[y], new->line[x]);
      common[y * width + x] = same           ? common[(y + 1) * width + x + 1] + 1
                              : down > right ? down
                                             : right;
    }
  while (i < old->n || k < new->n) {
    if (i < old->n && k < new->n &&str_eq(old->line[i], new->line[k])) {
      cli_conf_line(out, ' ', old->line[i++], colours);
      k++;
    } else if (k == new->n ||
               (i < old->n && common[(i + 1) * width + k] >= common[i * width + k + 1])) {
      cli_conf_line(out, '-', old->line[i++], colours);
    } else {
      cli_conf_line(out, '+', new->line[k++], colours);
    }
  }
  return buf_ok(out) ? 0 : -1;
}

static int cli_conf_diff(const struct conf *old, const struct conf *new, struct buf *out)
{
  struct buf old_text = BUF_INIT(CLI_CONF_LIMIT), new_text = BUF_INIT(CLI_CONF_LIMIT);
  struct cli_conf_lines old_lines, new_lines;
  struct arena *a = arena_new(0);
  int result = -1;
  cli_conf_json(&old_text, old->tree, 0);
  cli_conf_json(&new_text, new->tree, 0);
  if (a && buf_ok(&old_text) && buf_ok(&new_text) &&
      cli_conf_split(buf_str(&old_text), a, &old_lines) == 0 &&
      cli_conf_split(buf_str(&new_text), a, &new_lines) == 0)
    result = cli_conf_compare(&old_lines, &new_lines, a, isatty(STDOUT_FILENO) == 1, out);
  buf_free(&old_text);
  buf_free(&new_text);
  arena_free(a);
  return result;
}

/* ---- the commands ---------------------------------------------------------------------------- */

/* Loads, writes into out what the command shows, prints it; faults and warnings go to standard
 * error. */
static int cli_conf_run(int argc, char **argv, const char *usage,
                        int (*show)(const struct conf *c, struct diags *d, struct buf *out))
{
  struct options o;
  struct diags d;
  struct buf out = BUF_INIT(CLI_CONF_LIMIT);
  int code = options_read(argc, argv, true, 0, usage, &o);
  if (code != OPTIONS_GO) return code;
  if (diags_init(&d)) return EX_OSERR;
  struct conf *c = conf_load(o.config, &d);
  diags_print(&d, stderr);
  code = !c ? EX_CONFIG : show(c, &d, &out) ? EX_OSERR : EX_OK;
  if (code == EX_OSERR) fputs("vsmtp: no memory\n", stderr);
  if (code == EX_OK) code = cli_conf_print(buf_str(&out));
  buf_free(&out);
  conf_free(c);
  diags_free(&d);
  return code;
}

static int cli_conf_show(const struct conf *c, struct diags *d, struct buf *out)
{
  (void)d;
  cli_conf_json(out, c->tree, 0);
  buf_putc(out, '\n');
  return buf_ok(out) ? 0 : -1;
}

static int cli_conf_against_defaults(const struct conf *c, struct diags *d, struct buf *out)
{
  struct conf *defaults = conf_defaults(d);
  int result = defaults ? cli_conf_diff(defaults, c, out) : -1;
  conf_free(defaults);
  return result;
}

int cli_config_show(int argc, char **argv)
{
  return cli_conf_run(argc, argv, "usage: vsmtp config-show [-c FILE]", cli_conf_show);
}

int cli_config_diff(int argc, char **argv)
{
  return cli_conf_run(argc, argv, "usage: vsmtp config-diff [-c FILE]", cli_conf_against_defaults);
}
#undef CLI_CONF_LIMIT
