/* tests/play.h: what the parts of the player of test files share.
 *
 * Every test runs in a process of its own, so each part keeps its state in statics and a failure
 * just ends the process: play_fail prints "FAIL file:line why" and what helps to understand it.
 */
#ifndef TESTS_PLAY_H
#define TESTS_PLAY_H

#include "../base/base.h"

#include <sys/types.h>

/* ---- play.c ---------------------------------------------------------------------------------- */
enum { PLAY_PASSED, PLAY_FAILED, PLAY_SKIPPED }; /* exit status of a test's process */

extern const char *play_bin;       /* the program under test, absolute */
extern bool play_verbose;          /* show what happened when a test passes, too */
extern const char *play_file;      /* the test file */
extern int play_line;              /* where we are in it */
extern void (*play_on_fail)(void); /* prints what helps */

_Noreturn void play_fail(const char *fmt, ...) BASE_PRINTF(1, 2);
_Noreturn void play_skip(str why);
/* '*' stands for any characters, everything else for itself. */
bool play_glob(str pattern, str text);
/* As play_glob, but what follows a space behind the pattern does not matter. */
bool play_glob_start(str pattern, str text);
/* A whole file; fails the test when it cannot be read, unless it may be absent (then empty). */
void play_slurp(const char *path, struct buf *out, bool may_be_absent);
/* The bytes of "text" with \r \n \t \0 \\ \" \xNN, or of text without quotes as it is. */
void play_unescape(str text, struct buf *out);
/* s as one readable line of at most about 200 characters. */
void play_show(struct buf *out, str s);
int64_t play_now(void);        /* milliseconds of the machine, not of the test */
void play_nap(int64_t micros); /* between two looks at something awaited */
#define PLAY_PATIENCE 60000    /* milliseconds until something awaited counts as failed */

/* ---- play_vsl.c: FILE.vsl through `eval` ----------------------------------------------------- */
bool play_vsl_is_test(const char *path); /* has an expectation */
void play_vsl(const char *path);

/* ---- play_talk.c: FILE.t, a conversation ----------------------------------------------------- */
void play_talk(const char *path);

/* ---- play_server.c: the program under test in a folder of its own ---------------------------- */
void play_server_init(void); /* makes the folder */
const char *play_server_dir(void);
void play_server_config(str more);             /* TOML to be merged into the test's configuration */
void play_server_write(str name, str content); /* a file of the folder, with its folders */
void play_server_env(str assignment);          /* NAME=VALUE for the next start, NAME= forgets */
bool play_server_try_start(void);              /* false: it ended before it listened */
void play_server_start(void);                  /* until it listens */
bool play_server_runs(void);
bool play_server_is_dead(void); /* has ended, and nobody has taken note yet */
void play_server_signal(int number);
void play_server_kill(void);        /* SIGKILL */
void play_server_stop(void);        /* SIGTERM; must exit 0 and leave nobody behind */
void play_server_died(void);        /* waits until it has ended by itself */
void play_server_exits(int status); /* starts it; must not listen but exit so */
int play_server_port(int nth);      /* of the nth listener, from 1 */
void play_server_move_clock(int64_t ms);
void play_server_log(struct buf *out); /* the log so far */
void play_server_show(void);           /* log tail and error output, for play_on_fail */
void play_server_finish(void);         /* stops, checks the database, removes the folder */
/* Runs the program with arguments; what it wrote is in the two bufs. Returns its exit status. */
int play_server_run(char *const *argv, str input, struct buf *out, struct buf *errors);

/* ---- play_client.c: the other end of the wire ------------------------------------------------ */
struct play_client;
/* NULL: nobody listens there. */
struct play_client *play_client_open(const char *name, const char *from, int port);
void play_client_close(struct play_client *c);
const char *play_client_name(const struct play_client *c);
void play_client_send(struct play_client *c, str bytes,
                      size_t step); /* step bytes at once; 0: all */
/* The next line without CRLF; borrowed until the next call. False: the server closed. */
bool play_client_line(struct play_client *c, str *line);
void play_client_closed(struct play_client *c); /* the server must close without another word */
void play_client_transcript(struct buf *out);

/* ---- play_sql.c: the database as a user sees it ---------------------------------------------- */
/* Runs sql on the file. Rows are joined by ", ", columns by "|". -1 and the message in out when it
 * fails; wait is sqlite's busy timeout. */
int play_sql(const char *path, str sql, int wait, struct buf *out);

#endif
