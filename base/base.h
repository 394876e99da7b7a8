/* base/base.h: the door of base/: bytes, memory, errors, logs, time, TOML.
 * Knows nothing of mail, sockets or SQL. Every other room stands on it.
 *
 * Words used in every comment of this program: a function *borrows* what it only reads during the
 * call, *takes* what it will free, and who *owns* a thing must free it. Free functions accept NULL.
 * Functions that can fail return 0 or -1 (or NULL) and say why in a struct err the caller owns.
 */
#ifndef BASE_BASE_H
#define BASE_BASE_H

/* Feature macros before any system header: every .c of the program reaches this file first. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "list.h"

#if defined(__GNUC__)
#define BASE_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define BASE_PRINTF(fmt, args)
#endif

#define BASE_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- str.c: slices ------------------------------------------------------------------------------
 * A slice borrows bytes that live elsewhere; it is not NUL-terminated and may hold any byte.
 * {NULL, 0} is the empty slice. */

typedef struct str {
  const char *p;
  size_t n;
} str;

#define STR(literal) ((str){"" literal, sizeof(literal) - 1})
#define STR_INIT(literal)                                                                          \
  {                                                                                                \
    "" literal, sizeof(literal) - 1                                                                \
  }
#define STR_FMT    "%.*s" /* printf("…" STR_FMT "…", STR_ARG(s)) */
#define STR_ARG(s) (int)(s).n, ((s).p ? (s).p : "")

str str_of(const char *cstr); /* NULL gives the empty slice */
bool str_eq(str a, str b);
bool str_ieq(str a, str b); /* ASCII letters without regard to case */
int str_cmp(str a, str b);  /* byte order, like memcmp, shorter first */
int str_icmp(str a, str b);
bool str_starts(str s, str prefix);
bool str_istarts(str s, str prefix);
bool str_ends(str s, str suffix);
bool str_iends(str s, str suffix);
ptrdiff_t str_find(str s, str needle);         /* offset of the first occurrence, or -1 */
ptrdiff_t str_chr(str s, char c);              /* offset of the first c, or -1 */
ptrdiff_t str_rchr(str s, char c);             /* offset of the last c, or -1 */
str str_sub(str s, size_t from, size_t to);    /* [from, to), clipped to s */
str str_skip(str s, size_t n);                 /* s without its first n bytes, clipped */
str str_trim(str s);                           /* without space, TAB, CR, LF at both ends */
bool str_cut(str *rest, char sep, str *piece); /* next piece up to sep; false when none is left.
                                                  After the last piece rest->p is NULL. */
int str_to_i64(str s, int64_t *out);           /* whole s, optional sign, decimal; -1 if not */
int str_to_u64(str s, uint64_t *out, int base);
char str_lower(char c); /* ASCII only, independent of locale */
char str_upper(char c);
bool str_isalnum(char c); /* ASCII; likewise the next three */
bool str_isalpha(char c);
bool str_isdigit(char c);
bool str_isspace(char c); /* space, TAB, CR, LF, VT, FF */

/* UTF-8 (RFC 3629: no surrogates, no overlong forms, at most U+10FFFF). */
bool utf8_valid(str s);
int32_t utf8_next(str *s);               /* decodes and skips one code point; -1 if ill-formed
                                            (then one byte is skipped); s must not be empty */
size_t utf8_put(char out[4], int32_t c); /* bytes written, 0 if c is no scalar value */
size_t utf8_len(str s);                  /* code points; an ill-formed byte counts one */
/* Does it show itself on a terminal and do nothing else? No control, no end of a line, nothing that
 * turns the direction of writing. */
bool utf8_shows(int32_t c);
bool utf8_clean(str s); /* valid, and all of it shows */

/* Durations in humantime text, "1h 30m", "200ms", "5d", "0". Result in milliseconds, a
 * fraction rounded up; -1 if malformed or over 64 bits of nanoseconds. */
int duration_parse(str text, int64_t *ms);
/* Writes the shortest such text, "5m", "1h 30m", "0s". Returns out. */
#define DURATION_TEXT_MAX 64
const char *duration_text(int64_t ms, char out[DURATION_TEXT_MAX]);

/* ---- mem.c: memory ------------------------------------------------------------------------------
 * All memory of the program comes from these, so that the test build can count it and fail the
 * Nth request (environment VSMTP_FAIL_ALLOC=N, or mem_fail_at). They return NULL when there is
 * none; nothing exits. mem_free(NULL) is fine. */

void *mem_alloc(size_t n); /* zeroed; n 0 gives a valid pointer */
void *mem_resize(void *p, size_t n);
void mem_free(void *p);
char *mem_strdup(str s);          /* NUL-terminated copy, caller owns */
void mem_wipe(void *p, size_t n); /* clears secrets; the compiler may not drop it */
size_t mem_count(void);           /* blocks alive (test build, else 0) */
void mem_fail_at(uint64_t nth,
                 bool once); /* test build: fail the nth request from now on; 0 none */
bool mem_failed(void);       /* test build: has a request been failed since? */

/* An arena gives memory that dies together. Everything is aligned for any type and zeroed. A
 * limit of 0 means no limit; beyond it arena_alloc gives NULL (and says so for ever after in
 * arena_full, until reset). */
struct arena;
struct arena *arena_new(size_t limit); /* NULL: no memory */
void arena_free(struct arena *a);
void arena_reset(struct arena *a); /* forgets everything, keeps at most one block */
void *arena_alloc(struct arena *a, size_t n);
str arena_str(struct arena *a, str s);   /* copy, NUL-terminated behind its end; p NULL on failure
                                            (an empty s gives a non-NULL p) */
str arena_lower(struct arena *a, str s); /* a copy without capitals, as str_lower */
str arena_printf(struct arena *a, const char *fmt, ...) BASE_PRINTF(2, 3);
bool arena_full(const struct arena *a);
/* Marks and gives back, stack-wise: everything allocated after the mark dies. */
struct arena_mark {
  void *block;
  size_t used;  /* of it */
  size_t total; /* bytes handed out, rounded as allocated */
};
struct arena_mark arena_note(const struct arena *a);
void arena_rewind(struct arena *a, struct arena_mark mark);

/* ---- buf.c: growing bytes -----------------------------------------------------------------------
 * A buf owns its bytes, is valid when zeroed except that it then holds nothing (cap 0), never grows
 * beyond cap, and remembers failure: append freely and ask buf_ok once at the end. After a failure
 * appends do nothing. p[n] is always a NUL once something was appended. */

struct buf {
  char *p;
  size_t n;    /* bytes in use */
  size_t size; /* bytes allocated */
  size_t cap;  /* never more than this many in use */
  bool failed; /* an append did not fit or memory ran out */
};

#define BUF_INIT(limit)                                                                            \
  {                                                                                                \
    .cap = (limit)                                                                                 \
  }
void buf_free(struct buf *b);  /* gives the memory back; keeps cap, ready for use again */
void buf_wipe(struct buf *b);  /* the same of a secret, which is cleared */
void buf_clear(struct buf *b); /* n = 0, failed = false; keeps the memory */
bool buf_ok(const struct buf *b);
str buf_str(const struct buf *b);          /* borrows: valid until the next change */
const char *buf_cstr(const struct buf *b); /* NUL-terminated, "" when empty */
void buf_add(struct buf *b, const void *p, size_t n);
void buf_str_add(struct buf *b, str s);
void buf_puts(struct buf *b, const char *cstr);
void buf_putc(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) BASE_PRINTF(2, 3);
void buf_vprintf(struct buf *b, const char *fmt, va_list ap);
void buf_utf8(struct buf *b, int32_t c);
void buf_shift(struct buf *b, size_t n); /* forgets the first n bytes */
char *buf_room(struct buf *b, size_t n); /* space for n more bytes, or NULL (sets failed); then */
void buf_grew(struct buf *b, size_t n);  /* say how many were written there */
void buf_json(struct buf *b, str s);     /* s as a JSON string with quotes; ill-formed UTF-8 becomes
                                        U+FFFD */
void buf_hex(struct buf *b, const void *p, size_t n);
void buf_base64(struct buf *b, str s);
int base64_decode(str s, struct buf *out); /* RFC 4648 §4, strict; -1 on any other character */

/* ---- map.c: slice -> pointer, in order of insertion ---------------------------------------------
 * Keys are copied into the map. Valid when zeroed. The hash is keyed at random per process. */

struct map_entry {
  str key;
  void *value;
};
struct map {
  struct map_entry *entries; /* in order of insertion; removed ones have key.p NULL */
  size_t n;                  /* entries in use, removed ones included: iterate 0..n-1 */
  size_t live;               /* without removed ones */
  size_t size;
  uint32_t *index;
  size_t index_size;
};
void map_free(struct map *m);                /* not what the values point to */
void *map_get(const struct map *m, str key); /* NULL if absent */
bool map_has(const struct map *m, str key);
int map_set(struct map *m, str key, void *value); /* replaces; -1: no memory */
void *map_remove(struct map *m, str key);         /* the value removed, or NULL */

/* ---- err.c: errors and diagnostics --------------------------------------------------------------
 * One struct err travels from where a thing failed to whoever can answer; nothing else does (no
 * errno across rooms). The text begins "cannot …" or names what is wrong, no full stop. */

enum err_kind {
  ERR_NONE,
  ERR_NOMEM,  /* no memory: try later */
  ERR_IO,     /* the system or a disk failed */
  ERR_FULL,   /* no space left */
  ERR_TEMP,   /* try later */
  ERR_PERM,   /* will not work later either */
  ERR_SYNTAX, /* what was read is malformed */
  ERR_RULE,   /* a rule failed or ran over its budget */
  ERR_BUG     /* this program is wrong */
};
#define ERR_TEXT_MAX 512
struct err {
  enum err_kind kind;
  char text[ERR_TEXT_MAX];
};
int err_set(struct err *e, enum err_kind kind, const char *fmt, ...) BASE_PRINTF(3, 4); /* -1 */
int err_sys(struct err *e, int errnum, const char *fmt, ...) BASE_PRINTF(3, 4); /* adds ": reason";
                                              ENOSPC and EDQUOT give ERR_FULL, ENOMEM ERR_NOMEM */
int err_nomem(struct err *e);                                                   /* -1 */
int err_context(struct err *e, const char *fmt, ...) BASE_PRINTF(2, 3); /* puts "…: " before; -1 */

/* Faults in files an operator wrote. A list of them is collected, then printed as
 *   FILE:LINE:COLUMN: message
 *   the source line
 *       ^
 * Lines and columns count from 1, columns in code points. line 0: about the file as a whole. */
struct diag {
  bool warning;
  str file;
  int line, column;
  str text;
  str source; /* the source line without its end; p NULL if there is none to show */
};
struct diags {
  struct arena *arena; /* owns all texts */
  struct diag *list;
  size_t n, size;
  size_t errors, warnings;
};
int diags_init(struct diags *d); /* -1: no memory */
void diags_free(struct diags *d);
/* source is the whole text of file (borrowed during the call), or empty. At most 100 are kept. */
void diags_add(struct diags *d, bool warning, str file, str source, int line, int column,
               const char *fmt, ...) BASE_PRINTF(7, 8);
void diags_print(const struct diags *d, FILE *out);
void diag_text(const struct diag *g, struct buf *out); /* one of them, as printed */
/* Position of a byte offset in source: both from 1, columns in code points, TAB counts 1. */
void source_position(str source, size_t offset, int *line, int *column);
str source_line(str source, int line); /* without its line end */

/* ---- log.c: what happened, one line an event ----------------------------------------------------
 * YYYY-MM-DDTHH:MM:SS.mmmZ LEVEL target: text. Texts are "sid=… mid=… key=value …"; whatever a
 * stranger supplied goes through log_q. Control characters are escaped in any case. Never a
 * password, never a body. */

/* ORDER LOG_LEVEL: log_level_names in log.c. */
enum log_level { LOG_OFF, LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG, LOG_TRACE };
/* ORDER LOG_TARGET: log_target_names in log.c. */
enum log_target {
  LOG_SERVER, /* what belongs to no other */
  LOG_RECEIVER,
  LOG_RULES,
  LOG_DELIVERY,
  LOG_PROCESSING,
  LOG_PARSER,
  LOG_DNS,
  LOG_TLS,
  LOG_STORE,
  LOG_APP, /* what rules write: log(), print, debug: goes to the application log */
  LOG_TARGETS
};
void log_set_level(enum log_target t, enum log_level l);
enum log_level log_get_level(enum log_target t);
int log_level_parse(str word, enum log_level *out); /* any case */
const char *log_level_name(enum log_level l);
int log_target_parse(str word, enum log_target *out); /* a key of server.logs.level; -1 unknown */
/* Opens (appends to) the server's or the application's log file. path empty: standard error.
 * size_limit bytes, 0: never rotated; archives kept as path.1 … path.N. */
int log_open(bool app, str path, uint64_t size_limit, int archives, struct err *e);
int log_reopen(struct err *e); /* after SIGHUP */
void log_stdout(bool on);      /* copy both logs to standard output as well */
void log_close(void);
void log_write(enum log_target t, enum log_level l, const char *fmt, ...) BASE_PRINTF(3, 4);
#define log_error(target, ...) log_write(target, LOG_ERROR, __VA_ARGS__)
#define log_warn(target, ...)  log_write(target, LOG_WARN, __VA_ARGS__)
#define log_info(target, ...)  log_write(target, LOG_INFO, __VA_ARGS__)
#define log_debug(target, ...) log_write(target, LOG_DEBUG, __VA_ARGS__)
/* Escapes s for a log line, quoted when it holds spaces or quotes, cut at 200 bytes. The result
 * lives until eight further calls. */
const char *log_q(str s);

/* Trace topics: switched at run time with -T or SIGUSR2, written to the server log. */
/* ORDER TRACE: trace_names in log.c. */
enum trace_topic {
  TRACE_SMTP,
  TRACE_IO,
  TRACE_TLS,
  TRACE_DNS,
  TRACE_SPF,
  TRACE_RULES,
  TRACE_VM,
  TRACE_STORE,
  TRACE_QUEUE,
  TRACE_DELIVER,
  TRACE_TOPICS
};
extern uint32_t trace_mask;                  /* bit 1 << topic */
int trace_parse(str topics, uint32_t *mask); /* "smtp,io" or "all"; -1 unknown word */
void trace_write(enum trace_topic t, const char *fmt, ...) BASE_PRINTF(2, 3);
#define trace(topic, ...)                                                                          \
  do {                                                                                             \
    if (trace_mask & (1u << (topic))) trace_write(topic, __VA_ARGS__);                             \
  } while (0)

/* ---- clock.c: time ------------------------------------------------------------------------------
 * The only place that asks what time it is. In the test build the environment variable
 * VSMTP_CLOCK names a file of 8 bytes (int64, native order): milliseconds added to both clocks,
 * so that a test moves time without waiting for it. */

int64_t clock_mono(void); /* milliseconds, never goes back */
int64_t clock_mono_us(void);
int64_t clock_wall(void);  /* milliseconds since 1970 UTC */
bool clock_is_moved(void); /* a test holds the clock: nobody may sleep long in the kernel */
#define CLOCK_TEXT_MAX 32
const char *clock_utc(int64_t wall_ms, char out[CLOCK_TEXT_MAX]); /* 2026-11-22T07:39:00Z */
const char *clock_rfc5322(int64_t wall_ms, char out[40]); /* Sun, 22 Nov 2026 07:39:00 +0000 */
int random_bytes(void *p, size_t n); /* getrandom(2); -1 never happens after start */

/* ---- crypto.c: hashes, HMAC, PBKDF2 -------------------------------------------------------------
 * Over mbedTLS. -1: its build lacks the hash, or there is no memory; out is then worth nothing. */

enum crypto_hash { CRYPTO_MD5, CRYPTO_SHA1, CRYPTO_SHA256 }; /* ORDER CRYPTO */
#define CRYPTO_SIZE_MAX 32
size_t crypto_size(enum crypto_hash h); /* octets of the result */
int crypto_hash(enum crypto_hash h, str text, unsigned char *out);
int crypto_hmac(enum crypto_hash h, str key, str text, unsigned char *out); /* RFC 2104 */
/* Do n octets equal? Takes as long wherever they differ. For secrets; random_bytes makes them. */
bool crypto_same(const void *a, const void *b, size_t n);

/* PBKDF2 with HMAC-SHA-256 (RFC 8018 §5.2), a key of 32 octets: slow by design, so it is run in
 * slices. Password and salt are borrowed during new. NULL: no memory. */
struct crypto_pbkdf2;
struct crypto_pbkdf2 *crypto_pbkdf2_new(str password, str salt, uint32_t rounds);
bool crypto_pbkdf2_run(struct crypto_pbkdf2 *k, uint32_t rounds); /* true: all are done */
int crypto_pbkdf2_key(const struct crypto_pbkdf2 *k, unsigned char out[32]);
void crypto_pbkdf2_free(struct crypto_pbkdf2 *k); /* wipes it */

/* ---- file.c: whole files --------------------------------------------------------------------- */
int file_read(str path, size_t limit, struct buf *out,
              struct err *e); /* out->cap is set to limit */
/* The folder of path with its last '/', "./"-free: "" when path has none. Borrows. */
str path_dir(str path);
/* dir + name when name is relative, else name; result in a. */
str path_join(struct arena *a, str dir, str name);
/* A file or folder of the machine that no configuration names. The test build looks for it below
 * VSMTP_ROOT, so that no test depends on the machine it runs on. Lives as long as the program. */
const char *path_system(const char *path);

/* ---- toml.c: TOML 1.0 ---------------------------------------------------------------------------
 * A document is a tree of nodes in an arena; every key and value knows where it stands. */

/* ORDER TOML: toml_type_names in toml.c. */
enum toml_type {
  TOML_STRING,
  TOML_INT,
  TOML_FLOAT,
  TOML_BOOL,
  TOML_DATETIME,
  TOML_ARRAY,
  TOML_TABLE
};
struct toml {
  enum toml_type type;
  int line, column;         /* of the value (of a [table]: of its header) */
  int key_line, key_column; /* of its key */
  str key;                  /* in a table; empty in an array */
  str text;                 /* string, or the datetime as written */
  int64_t integer;
  double real;
  bool boolean;
  struct toml *child; /* first element or entry, in order of the file */
  struct toml *next;
  size_t n;        /* children */
  bool used;       /* for readers: mark what was understood, complain about the rest */
  uint8_t defined; /* toml.c's own: how the table came about */
};
/* Parses source; nodes live in a. NULL after adding at least one error to d. */
struct toml *toml_parse(struct arena *a, str file, str source, struct diags *d);
struct toml *toml_get(const struct toml *table, str key); /* NULL if absent */
const char *toml_type_name(enum toml_type t);             /* "string", "integer", … */

/* ---- what nobody may call -----------------------------------------------------------------------
 * Each has a bounded or clearer counterpart above. gcc alone sees to it, because with clang and
 * _FORTIFY_SOURCE some are macros. */
#if defined(__GNUC__) && !defined(__clang__) && !defined(BASE_ALLOW_BANNED)
#pragma GCC poison strcpy strcat sprintf vsprintf strtok strncpy strncat gets atoi atol
#endif

#endif
