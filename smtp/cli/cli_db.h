/* smtp/cli/cli_db.h: what the commands that look into the database share: opening it beside the
 * server, and printing its rows, as a table for people or as one JSON object a line. */
#ifndef CLI_CLI_DB_H
#define CLI_CLI_DB_H

#include "../../sqlite/store.h"
#include "../conf/conf.h"
#include "options.h"

/* The database of the configuration named in o. Root becomes the user whose folder it lies in, or
 * the server's, for good. Returns OPTIONS_GO with *store and *conf (both the caller's), or an exit
 * code after saying why. */
int cli_db_open(const char *command, const struct options *o, struct store **store,
                struct conf **conf);
/* The same; where there is no database yet one is made, and the folders of a server with it. */
int cli_db_make(const char *command, const struct options *o, struct store **store,
                struct conf **conf);
void cli_db_close(struct store *store, struct conf *conf);

int cli_db_fail(const char *command, const struct err *e); /* says it; the exit code it means */
int cli_db_missing(const char *command, str id);           /* no such message: 67 */

const struct store_cell *cli_db_cell(const struct store_cell *cell, size_t count,
                                     const char *column);
str cli_db_get(const struct store_cell *cell, size_t count,
               const char *column); /* its text, or "" */

void cli_db_json(struct buf *out, const struct store_cell *cell, size_t count); /* {"id":"…",…} */
/* For a terminal: what a stranger wrote, without the power to command it. */
void cli_db_show(struct buf *out, str text);
void cli_db_print(struct buf *out); /* to standard output; empties it */

/* Seconds since 1970 of "2026-11-22T07:39:00Z"; 0 if it is nothing of that kind. */
int64_t cli_db_seconds(str at);
#define CLI_DB_SHORT 16
const char *cli_db_age(int64_t seconds, char out[CLI_DB_SHORT]); /* "45s", "12m", "3h", "5d" */
const char *cli_db_size(int64_t octets, char out[CLI_DB_SHORT]); /* "812", "5.0K", "48M" */

#define CLI_DB_BUFFER (1024 * 1024) /* a row: recipients of a mail in one text */

#endif
