/* smtp/csv.h: tables of text: records of fields (RFC 4180, any delimiter). Pure. */
#ifndef SMTP_CSV_H
#define SMTP_CSV_H

#include "../vsmtp.h"

/* A record as it was read. Begins zeroed but for text.cap; csv_free at the end. */
struct csv_record {
  struct buf text; /* the fields' octets, one after another */
  size_t ends[LIMIT_CSV_FIELDS];
  size_t n;
  size_t from, to; /* where it stands in the source, with its line end */
};
void csv_free(struct csv_record *r);

/* Reads the record at *at, which moves behind it; empty lines are skipped. 1: there is one, 0: the
 * source is over; -1: ill-formed, or no memory. A field in quotes may hold delimiters, line ends
 * and doubled quotes; outside of quotes they are octets like others. */
int csv_next(str source, char delimiter, size_t *at, struct csv_record *r, struct err *e);
str csv_field(const struct csv_record *r, size_t i); /* trimmed; borrows from the record */

/* A record as a line, quoted where it must be. -1: a field cannot stand in a table. */
int csv_put(struct buf *out, char delimiter, const struct datum *fields, size_t n, struct err *e);

#endif
