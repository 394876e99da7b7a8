/* smtp/rows.h: what the verbs that look into the database share: opening it beside the server, and
 * printing its rows, as a table for people or as one JSON object a line.
 */
#ifndef SMTP_ROWS_H
#define SMTP_ROWS_H

#include "../sqlite/store.h"
#include "conf.h"
#include "options.h"

/* The database of the configuration named in o. Root becomes the user whose folder it lies in, or
 * the server's, for good. Returns OPTIONS_GO with *store and *conf (both the caller's), or an exit
 * code after saying why. */
int rows_open(const char *verb, const struct options *o, struct store **store, struct conf **conf);
/* The same; where there is no database yet one is made, and the folders of a server with it. */
int rows_make(const char *verb, const struct options *o, struct store **store, struct conf **conf);
void rows_close(struct store *store, struct conf *conf);

int rows_fail(const char *verb, const struct err *e); /* says it; the exit code it means */
int rows_missing(const char *verb, str id);           /* no such message: 67 */

const struct store_cell *rows_cell(const struct store_cell *cell, size_t count, const char *column);
str rows_get(const struct store_cell *cell, size_t count, const char *column); /* its text, or "" */

void rows_json(struct buf *out, const struct store_cell *cell, size_t count); /* {"id":"…",…} */
/* For a terminal: what a stranger wrote, without the power to command it. */
void rows_show(struct buf *out, str text);
void rows_print(struct buf *out); /* to standard output; empties it */

/* Seconds since 1970 of "2026-11-22T07:39:00Z"; 0 if it is nothing of that kind. */
int64_t rows_seconds(str at);
#define ROWS_SHORT 16
const char *rows_age(int64_t seconds, char out[ROWS_SHORT]); /* "45s", "12m", "3h", "5d" */
const char *rows_size(int64_t octets, char out[ROWS_SHORT]); /* "812", "5.0K", "48M" */

#define ROWS_BUFFER (1024 * 1024) /* a row: recipients of a mail in one text */

#endif
