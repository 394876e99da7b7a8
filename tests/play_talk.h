/* tests/play_talk.h: the words of a conversation, and what they need to read their arguments.
 *
 * rest is what stands behind the word, ${…} replaced and trimmed (but for what clients say).
 */
#ifndef TESTS_PLAY_TALK_H
#define TESTS_PLAY_TALK_H

#include "play.h"

/* ---- play_talk.c: arguments ------------------------------------------------------------------ */
str play_talk_block(void);          /* the lines behind "<<"; fails without */
str play_talk_word(str *rest);      /* cuts the next word off; empty at the end */
int64_t play_talk_number(str text); /* fails if it is none */
/* Cuts "left MARK right" at the last mark. */
bool play_talk_halves(str text, str mark, str *left, str *right);
bool play_talk_not(str *pattern);       /* takes "~" or "!~" off; true: the latter */
const char *play_talk_keep(str s);      /* a C string that lives until the test ends */
void play_talk_set(str name, str text); /* ${name} from now on */
/* Does some line of text match pattern, or hold it anywhere? */
bool play_talk_any(str text, str pattern, bool anywhere);
_Noreturn void play_talk_mismatch(const char *what, str line);

/* ---- play_wire.c: clients -------------------------------------------------------------------- */
void play_wire_connect(str rest);
void play_wire_use(str rest);
void play_wire_disconnect(str rest);
void play_wire_end(void);
void play_wire_from(str rest);
void play_wire_listener(str rest);
void play_wire_split(str rest);
void play_wire_c(str rest);
void play_wire_raw(str rest);
void play_wire_data(str rest);
void play_wire_pipeline(str rest);
void play_wire_s(str rest);
void play_wire_reply(str rest);
void play_wire_closed(str rest);
void play_wire_mail(str rest);
void play_wire_try(str rest);
void play_wire_uncork(void); /* sends what a pipeline has collected */
int play_wire_port(void);    /* that the next connection goes to */

/* ---- play_world.c: the server and what it keeps ---------------------------------------------- */
void play_world_rules(str rest);
void play_world_file(str rest);
void play_world_folder(str rest);
void play_world_mailbox(str rest);
void play_world_config(str rest);
void play_world_file_count(str rest);
void play_world_file_has(str rest);
void play_world_file_is(str rest);
void play_world_file_lacks(str rest);
void play_world_start(str rest);
void play_world_stop(str rest);
void play_world_restart(str rest);
void play_world_kill(str rest);
void play_world_died(str rest);
void play_world_fails(str rest);
void play_world_signal(str rest);
void play_world_pause(str rest);
void play_world_log(str rest);
void play_world_db(str rest);
void play_world_until(str rest);
void play_world_sql(str rest);
void play_world_sql_fails(str rest);
void play_world_let(str rest);

/* ---- play_run.c: other runs of the program --------------------------------------------------- */
void play_run_input(str rest);
void play_run_run(str rest);
void play_run_exec(str rest);
void play_run_exit(str rest);
void play_run_out(str rest);
void play_run_err(str rest);
void play_run_out_is(str rest);
void play_run_err_is(str rest);
void play_run_judge(void); /* a run that nobody asked about must have succeeded */
void play_run_show(struct buf *out);

#endif
