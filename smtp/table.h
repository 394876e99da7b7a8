/* smtp/table.h: the file of a `db:csv` service (rules/README.md#services).
 *
 * Every use of the file holds flock(2) on it, shared or exclusive, so that another program that
 * does the same can change it meanwhile. A record is added at the end in one write; removing writes
 * the file anew beside the old one, syncs it and puts it in its place.
 */
#ifndef SMTP_TABLE_H
#define SMTP_TABLE_H

#include "csv.h"

struct table;

struct table_options {
  str path; /* absolute */
  str own;  /* the folder of our database, whose files no rule may open */
  char delimiter;
  bool always; /* read for each question; else once, at the first */
};
struct table *table_new(const struct table_options *o); /* copies; NULL: no memory */
void table_free(struct table *t);

enum table_done { TABLE_FAILED = -1, TABLE_NONE, TABLE_DONE, TABLE_BUSY };
/* The first record whose first field is the key. NONE: there is none; BUSY: another program has the
 * file locked. */
enum table_done table_get(struct table *t, str key, struct csv_record *r, struct err *e);
enum table_done table_add(struct table *t, const struct datum *fields, size_t n, struct err *e);
enum table_done table_remove(struct table *t, str key, struct err *e);

#endif
