/* base/log.c: what happened, one line an event, one write(2) a line.
 *
 * Two files: the server's and the application's (what rules write). Before log_open both are
 * standard error. Logging never fails for its caller: lines that could not be written are counted
 * and the number is told when writing works again. Lines live in static memory: the log also
 * speaks when there is none left.
 */
#include "base.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOG_TEXT_MAX  4096
#define LOG_LINE_MAX  (LOG_TEXT_MAX + 256)
#define LOG_QUOTE_MAX 200
#define LOG_TAIL      32 /* room for the longest character, dots, quotes and the end */

/* ---- names ----------------------------------------------------------------------------------- */

/* ORDER LOG_LEVEL */
static const str log_level_names[] = {STR_INIT("off"),  STR_INIT("error"), STR_INIT("warn"),
                                      STR_INIT("info"), STR_INIT("debug"), STR_INIT("trace")};

/* ORDER LOG_TARGET */
static const str log_target_names[LOG_TARGETS] = {
    STR_INIT("server"),     STR_INIT("receiver"), STR_INIT("rule_engine"), STR_INIT("delivery"),
    STR_INIT("processing"), STR_INIT("parser"),   STR_INIT("dns"),         STR_INIT("tls"),
    STR_INIT("store"),      STR_INIT("app"),
};

/* ORDER TRACE */
static const str trace_names[TRACE_TOPICS] = {
    STR_INIT("smtp"),  STR_INIT("io"), STR_INIT("tls"),   STR_INIT("dns"),   STR_INIT("spf"),
    STR_INIT("rules"), STR_INIT("vm"), STR_INIT("store"), STR_INIT("queue"), STR_INIT("deliver"),
};

static int log_name_find(const str *names, size_t n, str word)
{
  for (size_t i = 0; i < n; i++)
    if (str_ieq(names[i], word)) return (int)i;
  return -1;
}

int log_level_parse(str word, enum log_level *out)
{
  int at = log_name_find(log_level_names, BASE_COUNT(log_level_names), word);
  if (at < 0) return -1;
  *out = (enum log_level)at;
  return 0;
}

const char *log_level_name(enum log_level l)
{
  return log_level_names[l].p;
}

/* "dns::resolver" counts for "dns". */
int log_target_parse(str word, enum log_target *out)
{
  ptrdiff_t sub = str_find(word, STR("::"));
  if (sub >= 0) word = str_sub(word, 0, (size_t)sub);
  if (str_eq(word, STR("vsmtp_rule_engine"))) word = log_target_names[LOG_RULES];
  int at = log_name_find(log_target_names, LOG_TARGETS, word);
  if (at < 0) return -1;
  *out = (enum log_target)at;
  return 0;
}

/* ---- levels ---------------------------------------------------------------------------------- */

static struct log_levels {
  enum log_level of[LOG_TARGETS];
  bool fixed[LOG_TARGETS]; /* by VSMTP_LOG, which wins over the configuration */
  bool ready;
} log_levels;

static void log_fix(enum log_target t, enum log_level l)
{
  log_levels.of[t] = l;
  log_levels.fixed[t] = true;
}

/* One word of "warn,receiver=info": a level for all, or for one. False: not understood. */
static bool log_fix_word(str word, bool defaults)
{
  enum log_level level;
  enum log_target target;
  ptrdiff_t eq = str_chr(word, '=');
  str name = eq < 0 ? STR("default") : str_trim(str_sub(word, 0, (size_t)eq));
  if (log_level_parse(str_trim(str_skip(word, (size_t)(eq + 1))), &level)) return false;
  if (str_eq(name, STR("default"))) {
    for (int t = 0; defaults && t < LOG_TARGETS; t++) log_fix((enum log_target)t, level);
    return true;
  }
  if (log_target_parse(name, &target)) return false;
  if (!defaults) log_fix(target, level);
  return true;
}

/* The word for all counts first, wherever it stands. */
static void log_read_env(void)
{
  for (int t = 0; t < LOG_TARGETS; t++) log_levels.of[t] = LOG_WARN;
  log_levels.ready = true;
  for (int pass = 0; pass < 2; pass++) {
    str rest = str_of(getenv("VSMTP_LOG")), word;
    while (str_cut(&rest, ',', &word))
      if (word.n && !log_fix_word(str_trim(word), pass == 0) && pass == 0)
        log_warn(LOG_SERVER, "VSMTP_LOG: not understood: %s", log_q(word));
  }
}

void log_set_level(enum log_target t, enum log_level l)
{
  if (!log_levels.ready) log_read_env();
  if (!log_levels.fixed[t]) log_levels.of[t] = l;
}

enum log_level log_get_level(enum log_target t)
{
  if (!log_levels.ready) log_read_env();
  return log_levels.of[t];
}

/* ---- files ----------------------------------------------------------------------------------- */

struct log_file {
  char *path; /* owned; NULL: standard error */
  int fd;
  uint64_t size, limit; /* bytes in the file, bytes allowed; limit 0: any */
  int archives;
  uint64_t lost; /* lines that could not be written */
};
static struct log_file log_files[2] = {{.fd = STDERR_FILENO}, {.fd = STDERR_FILENO}};
static bool log_to_stdout;

static void log_file_close(struct log_file *f)
{
  if (f->path) close(f->fd);
  mem_free(f->path);
  *f = (struct log_file){.fd = STDERR_FILENO};
}

/* Opens f->path and puts it in place of f->fd (which is closed unless it is standard error). It may
 * lie in a folder of somebody else: whatever stands there, opening it stops nothing. */
static int log_file_open(struct log_file *f)
{
  int fd = open(f->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);
  struct stat st = {.st_mode = 0};
  if (fd < 0) return -1;
  /* A pipe that somebody put there would stop us as soon as nobody reads it; what a service manager
   * or a container gives us is meant so. */
  bool fine = fstat(fd, &st) == 0 && (S_ISREG(st.st_mode) || S_ISCHR(st.st_mode) ||
                                      str_starts(str_of(f->path), STR("/dev/")) ||
                                      str_starts(str_of(f->path), STR("/proc/self/fd/")));
  if (!fine || fcntl(fd, F_SETFL, O_APPEND) < 0) {
    close(fd);
    errno = fine ? errno : EINVAL;
    return -1;
  }
  f->size = S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
  if (f->fd > STDERR_FILENO) close(f->fd);
  f->fd = fd;
  return 0;
}

/* path.N-1 -> path.N … path -> path.1. Where renaming is not allowed the file just grows on; it is
 * tried again after as many bytes. */
static void log_rotate(struct log_file *f)
{
  char from[4096], to[4096];
  for (int i = f->archives; i > 0; i--) {
    int n = snprintf(to, sizeof to, "%s.%d", f->path, i);
    if (i > 1)
      snprintf(from, sizeof from, "%s.%d", f->path, i - 1);
    else
      snprintf(from, sizeof from, "%s", f->path);
    if (n < 0 || (size_t)n >= sizeof to) break;
    (void)rename(from, to);
  }
  if (f->archives == 0) (void)unlink(f->path);
  uint64_t limit = f->size;
  if (log_file_open(f) || f->size >= limit) f->size = 0;
}

static bool log_write_all(int fd, str line)
{
  while (line.n) {
    ssize_t done = write(fd, line.p, line.n);
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return false;
    line = str_skip(line, (size_t)done);
  }
  return true;
}

static void log_emit(struct log_file *f, str line)
{
  if (f->path && f->limit && f->size && f->size + line.n > f->limit) log_rotate(f);
  if (f->lost) {
    char note[80];
    int n = snprintf(note, sizeof note, "(%llu lines of this log were lost)\n",
                     (unsigned long long)f->lost);
    if (log_write_all(f->fd, (str){note, (size_t)n})) f->lost = 0;
  }
  if (log_write_all(f->fd, line))
    f->size += line.n;
  else
    f->lost++;
  if (log_to_stdout) (void)log_write_all(STDOUT_FILENO, line);
}

int log_open(bool app, str path, uint64_t size_limit, int archives, struct err *e)
{
  struct log_file fresh = {.fd = -1, .limit = size_limit, .archives = archives};
  if (path.n == 0) {
    log_file_close(&log_files[app]);
    return 0;
  }
  if (!(fresh.path = mem_strdup(path))) return err_nomem(e);
  if (log_file_open(&fresh)) {
    err_sys(e, errno, "cannot open log file %s", fresh.path);
    mem_free(fresh.path);
    return -1;
  }
  log_file_close(&log_files[app]);
  log_files[app] = fresh;
  return 0;
}

int log_reopen(struct err *e)
{
  int rc = 0;
  for (int i = 0; i < 2; i++)
    if (log_files[i].path && log_file_open(&log_files[i]))
      rc = err_sys(e, errno, "cannot open log file %s", log_files[i].path);
  return rc;
}

void log_stdout(bool on)
{
  log_to_stdout = on;
}

void log_close(void)
{
  for (int i = 0; i < 2; i++) log_file_close(&log_files[i]);
}

/* ---- lines ----------------------------------------------------------------------------------- */

/* Fixed memory being filled; what does not fit is left out. */
struct log_line {
  char *text;
  size_t n, size;
};

static void log_put(struct log_line *line, const char *p, size_t n)
{
  if (n > line->size - line->n) return;
  memcpy(line->text + line->n, p, n);
  line->n += n;
}

/* Takes one character off s and writes it so that no terminal and no reader of lines can be
 * fooled: what does more than show itself, and bytes that are no UTF-8, as \xNN. */
static void log_put_char(struct log_line *line, str *s)
{
  str at = *s;
  int32_t c = utf8_next(s);
  size_t n = at.n - s->n;
  if (c == '\n') return log_put(line, "\\n", 2);
  if (c == '\r') return log_put(line, "\\r", 2);
  if (c == '\t') return log_put(line, "\\t", 2);
  if (utf8_shows(c)) return log_put(line, at.p, n);
  for (size_t i = 0; i < n; i++) {
    char code[5];
    snprintf(code, sizeof code, "\\x%02x", (unsigned char)at.p[i]);
    log_put(line, code, 4);
  }
}

static void log_put_head(struct log_line *line, str level, str name)
{
  char stamp[CLOCK_TEXT_MAX], head[96];
  int64_t now = clock_wall();
  clock_utc(now, stamp);
  int n = snprintf(head, sizeof head, "%.19s.%03dZ ", stamp, (int)(now % 1000));
  log_put(line, head, (size_t)n);
  for (size_t i = 0; i < level.n; i++) log_put(line, &(char){str_upper(level.p[i])}, 1);
  log_put(line, " ", 1);
  log_put(line, name.p, name.n);
  log_put(line, ": ", 2);
}

static void log_send(struct log_file *f, str level, str name, const char *fmt, va_list ap)
{
  static char text[LOG_TEXT_MAX], out[LOG_LINE_MAX];
  struct log_line line = {.text = out, .size = sizeof out};
  int n = vsnprintf(text, sizeof text, fmt, ap);
  if (n < 0) return;
  log_put_head(&line, level, name);
  str rest = {text, strlen(text)};
  while (rest.n && line.n + LOG_TAIL < line.size) log_put_char(&line, &rest);
  if (rest.n || (size_t)n >= sizeof text) log_put(&line, "...", 3);
  log_put(&line, "\n", 1);
  log_emit(f, (str){line.text, line.n});
}

void log_write(enum log_target t, enum log_level l, const char *fmt, ...)
{
  if (l > log_get_level(t)) return;
  va_list ap;
  va_start(ap, fmt);
  log_send(&log_files[t == LOG_APP], log_level_names[l], log_target_names[t], fmt, ap);
  va_end(ap);
}

static bool log_needs_quotes(str s)
{
  for (size_t i = 0; i < s.n; i++)
    if (s.p[i] == ' ' || s.p[i] == '"' || s.p[i] == '\\') return true;
  return s.n == 0;
}

const char *log_q(str s)
{
  static char ring[8][4 * LOG_QUOTE_MAX + LOG_TAIL];
  static unsigned turn;
  struct log_line line = {.text = ring[turn++ % BASE_COUNT(ring)], .size = sizeof ring[0]};
  bool cut = s.n > LOG_QUOTE_MAX, quotes = log_needs_quotes(s);
  if (cut) s.n = LOG_QUOTE_MAX;
  while (cut && s.n && (s.p[s.n] & 0xc0) == 0x80) s.n--;
  if (quotes) log_put(&line, "\"", 1);
  while (s.n) {
    if (s.p[0] == '"' || s.p[0] == '\\') log_put(&line, "\\", 1);
    log_put_char(&line, &s);
  }
  if (cut) log_put(&line, "...", 3);
  if (quotes) log_put(&line, "\"", 1);
  log_put(&line, "", 1);
  return line.text;
}

/* ---- trace ----------------------------------------------------------------------------------- */

uint32_t trace_mask;

int trace_parse(str topics, uint32_t *mask)
{
  uint32_t bits = 0;
  str word;
  while (str_cut(&topics, ',', &word)) {
    word = str_trim(word);
    int at = log_name_find(trace_names, TRACE_TOPICS, word);
    if (str_ieq(word, STR("all")))
      bits |= (1u << TRACE_TOPICS) - 1;
    else if (at >= 0)
      bits |= 1u << at;
    else if (word.n)
      return -1;
  }
  *mask = bits;
  return 0;
}

void trace_write(enum trace_topic t, const char *fmt, ...)
{
  va_list ap;
  va_start(ap, fmt);
  log_send(&log_files[0], log_level_names[LOG_TRACE], trace_names[t], fmt, ap);
  va_end(ap);
}
#undef LOG_TEXT_MAX
#undef LOG_LINE_MAX
#undef LOG_QUOTE_MAX
#undef LOG_TAIL
