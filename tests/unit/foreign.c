/* tests/unit/foreign.c: real databases of others, and what a rule cannot do with them. */
#include "../../sqlite/store.h"
#include "../check.h"

#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

struct foreign_test {
  char path[512], own[512];
  struct foreign *foreign;
  struct err e;
  char got[2048];
};

static void foreign_make(const char *path, const char *sql)
{
  sqlite3 *db;
  if (CHECK(sqlite3_open(path, &db) == SQLITE_OK))
    if (!CHECK(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK)) puts(sqlite3_errmsg(db));
  sqlite3_close(db);
}

static const char foreign_people[] =
    "CREATE TABLE people(name TEXT PRIMARY KEY, n INTEGER, x REAL, b BLOB);"
    "INSERT INTO people VALUES('amy', 1, 1.5, x'ff41'), ('bob', NULL, NULL, NULL)";

static void foreign_open_test(struct foreign_test *t, bool write)
{
  const char *folder = check_folder();
  snprintf(t->path, sizeof t->path, "%s/people.db", folder);
  snprintf(t->own, sizeof t->own, "%s", folder);
  foreign_make(t->path, foreign_people);
  t->foreign = foreign_new(str_of(t->path), str_of(t->own), write);
  CHECK(t->foreign != NULL);
}

static void foreign_put(struct buf *out, const struct datum *d)
{
  switch (d->type) {
  case DATUM_NULL: buf_puts(out, "()"); break;
  case DATUM_INT: buf_printf(out, "%lld", (long long)d->integer); break;
  case DATUM_REAL: buf_printf(out, "%g", d->real); break;
  case DATUM_TEXT: buf_printf(out, "'" STR_FMT "'", STR_ARG(d->text)); break;
  }
}

/* "name,n: 'amy' 1 'bob' ()", or what is wrong without the path, or "busy". */
static const char *foreign_say(struct foreign_test *t, bool write, const char *sql,
                               const struct datum *bound, size_t n)
{
  struct foreign_result r;
  struct buf out = BUF_INIT(sizeof t->got - 1);
  const enum foreign_done done = foreign_run(t->foreign, str_of(sql), bound, n, write, &r, &t->e);
  if (done == FOREIGN_BUSY) return "busy";
  if (done < 0) {
    const char *colon = strstr(t->e.text, "people.db");
    return colon ? colon + strlen("people.db") : t->e.text;
  }
  for (size_t i = 0; i < r.columns; i++)
    buf_printf(&out, "%s" STR_FMT, i ? "," : "", STR_ARG(r.names[i]));
  buf_putc(&out, ':');
  for (size_t i = 0; i < r.cell_count; i++) {
    buf_putc(&out, ' ');
    foreign_put(&out, &r.cells[i]);
  }
  if (write) buf_printf(&out, " changed %lld", (long long)r.changed);
  snprintf(t->got, sizeof t->got, "%s", buf_cstr(&out));
  buf_free(&out);
  return t->got;
}

static const char *foreign_query(struct foreign_test *t, const char *sql)
{
  return foreign_say(t, false, sql, NULL, 0);
}

/* A machine that is busy elsewhere may need several tries within the time. */
static const char *foreign_patiently(struct foreign_test *t, const char *sql)
{
  const char *said = foreign_query(t, sql);
  for (int i = 0; i < 100 && strstr(said, "took over"); i++) said = foreign_query(t, sql);
  return said;
}

static const char *foreign_execute(struct foreign_test *t, const char *sql)
{
  return foreign_say(t, true, sql, NULL, 0);
}

TEST(foreign_reads)
{
  const struct datum bound[] = {{.type = DATUM_TEXT, .text = STR("x' OR 1=1 --")},
                                {.type = DATUM_INT, .integer = 1},
                                {.type = DATUM_REAL, .real = 1.5},
                                {.type = DATUM_NULL}};
  struct foreign_test t;
  foreign_open_test(&t, false);
  CHECK_STR(foreign_query(&t, "SELECT * FROM people ORDER BY name"), "name,n,x,b: 'amy' 1 1.5 '\xff"
                                                                     "A' 'bob' () () ()");
  CHECK_STR(foreign_query(&t, "SELECT 1 WHERE 0;  -- nothing\n /* at all */ ; "), "1:");
  CHECK_STR(foreign_say(&t, false, "SELECT name FROM people WHERE name = ?", bound, 1), "name:");
  CHECK_STR(
      foreign_say(&t, false,
                  "SELECT name FROM people WHERE n = ?2 AND x = ?3 AND ?1 <> '' AND ?4 IS NULL",
                  bound, 4),
      "name: 'amy'");
  CHECK_STR(foreign_query(&t, "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM c "
                              "WHERE i < 3) SELECT sum(i) AS s FROM c"),
            "s: 6");
  foreign_free(t.foreign);
}

TEST(foreign_refuses)
{
  static const struct {
    const char *sql, *why;
  } rows[] = {
      {"", ": there is no statement"},
      {"-- x", ": there is no statement"},
      {"SELECT", ": incomplete input"},
      {"SELECT 1; SELECT 2", ": there is more than one statement"},
      {"SELECT 1; DROP TABLE people", ": there is more than one statement"},
      {"SELECT ?", ": the statement has 1 parameters, and 0 values are given"},
      {"SELECT * FROM nobody", ": no such table: nobody"},
      {"ATTACH 'x.db' AS x", ": a statement may not do that here: not authorized"},
      {"PRAGMA user_version = 3", ": a statement may not do that here: not authorized"},
      {"PRAGMA journal_mode", ": a statement may not do that here: not authorized"},
      {"SELECT * FROM pragma_database_list", ": a statement may not do that here: not authorized"},
      {"BEGIN", ": a statement may not do that here: not authorized"},
      {"SAVEPOINT a", ": a statement may not do that here: not authorized"},
      {"CREATE TABLE x(y)", ": a statement may not do that here: not authorized"},
      {"CREATE TEMP TABLE x(y)", ": a statement may not do that here: not authorized"},
      {"DROP TABLE people", ": a statement may not do that here: not authorized"},
      {"ANALYZE", ": a statement may not do that here: not authorized"},
      {"REINDEX", ": a statement may not do that here: not authorized"},
      {"DELETE FROM sqlite_schema", ": table sqlite_master may not be modified"},
      {"SELECT load_extension('x')", ": not authorized"},
  };
  struct foreign_test t;
  foreign_open_test(&t, true);
  for (size_t i = 0; i < BASE_COUNT(rows); i++)
    for (int write = 0; write < 2; write++)
      if (!CHECK_STR(foreign_say(&t, write, rows[i].sql, NULL, 0), rows[i].why))
        printf("  %s\n", rows[i].sql);
  CHECK(strstr(foreign_execute(&t, "VACUUM"), "changed") == NULL);
  CHECK(strstr(foreign_execute(&t, "VACUUM INTO '/tmp/never.db'"), "changed") == NULL);
  CHECK_STR(foreign_query(&t, "SELECT count(*) AS n FROM people"), "n: 2");
  foreign_free(t.foreign);
}

TEST(foreign_writes_only_where_it_may)
{
  struct foreign_test t;
  foreign_open_test(&t, true);
  CHECK_STR(foreign_query(&t, "DELETE FROM people"),
            ": a statement may not do that here: not authorized");
  CHECK_STR(foreign_execute(&t, "INSERT INTO people(name) VALUES('eve'), ('max')"), ": changed 2");
  CHECK_STR(foreign_execute(&t, "UPDATE people SET n = 5 WHERE name < 'e' RETURNING name"),
            "name: 'amy' 'bob' changed 2");
  CHECK_STR(foreign_execute(&t, "SELECT n FROM people WHERE name = 'bob'"), "n: 5 changed 0");
  CHECK_STR(foreign_execute(&t, "INSERT INTO people(name) VALUES('eve')"),
            ": UNIQUE constraint failed: people.name");
  foreign_free(t.foreign);
  t.foreign = foreign_new(str_of(t.path), str_of(t.own), false);
  CHECK_STR(foreign_execute(&t, "DELETE FROM people"), ": attempt to write a readonly database");
  CHECK_STR(foreign_query(&t, "SELECT count(*) AS n FROM people"), "n: 4");
  foreign_free(t.foreign);
}

TEST(foreign_takes_not_long)
{
  struct foreign_test t;
  foreign_open_test(&t, false);
  const int64_t began = clock_mono();
  CHECK_STR(foreign_query(&t, "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM c) "
                              "SELECT max(i) FROM c"),
            ": the statement took over 100 ms");
  CHECK(clock_mono() - began < 2000);
  CHECK_STR(foreign_patiently(&t, "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM c "
                                  "LIMIT 5000) SELECT i FROM c"),
            ": the statement gives over 4096 values");
  CHECK_STR(foreign_query(&t, "SELECT hex(zeroblob(100000))"),
            ": the statement gives over 131072 octets");
  CHECK_STR(foreign_query(&t, "SELECT zeroblob(2000000)"), ": string or blob too big");
  CHECK_STR(foreign_query(&t, "SELECT 1 AS one"), "one: 1");
  foreign_free(t.foreign);
}

TEST(foreign_locked)
{
  struct foreign_test t;
  sqlite3 *other;
  foreign_open_test(&t, true);
  CHECK(sqlite3_open(t.path, &other) == SQLITE_OK);
  CHECK(sqlite3_exec(other, "BEGIN EXCLUSIVE", NULL, NULL, NULL) == SQLITE_OK);
  CHECK_STR(foreign_query(&t, "SELECT count(*) FROM people"), "busy");
  CHECK_STR(foreign_execute(&t, "DELETE FROM people"), "busy");
  CHECK(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL) == SQLITE_OK);
  CHECK_STR(foreign_query(&t, "SELECT count(*) AS n FROM people"), "n: 2");
  sqlite3_close(other);
  foreign_free(t.foreign);
}

TEST(foreign_other_files)
{
  struct foreign_test t;
  char fresh[600];
  foreign_open_test(&t, false);
  CHECK_STR(foreign_query(&t, "SELECT count(*) AS n FROM people"), "n: 2");
  snprintf(fresh, sizeof fresh, "%s.new", t.path);
  foreign_make(fresh, "CREATE TABLE people(name); INSERT INTO people VALUES('x')");
  CHECK(rename(fresh, t.path) == 0);
  CHECK_STR(foreign_query(&t, "SELECT count(*) AS n FROM people"), "n: 1");
  unlink(t.path);
  CHECK_STR(foreign_query(&t, "SELECT 1"), ": No such file or directory");
  FILE *f = fopen(t.path, "w");
  fputs("no database at all, but long enough to have a header of its own, which is not that", f);
  fclose(f);
  CHECK_STR(foreign_query(&t, "SELECT * FROM people"), ": file is not a database");
  unlink(t.path);
  CHECK(mkdir(t.path, 0700) == 0);
  CHECK_STR(foreign_query(&t, "SELECT 1"), " is no file");
  rmdir(t.path);
  foreign_free(t.foreign);
}

TEST(foreign_never_ours)
{
  static const char *const names[] = {"vsmtp.db", "vsmtp.db-wal", "vsmtp.db-shm", "vsmtp.lock"};
  struct foreign_test t;
  char ours[600];
  foreign_open_test(&t, true);
  for (size_t i = 0; i < BASE_COUNT(names); i++) {
    snprintf(ours, sizeof ours, "%s/%s", t.own, names[i]);
    foreign_make(ours, foreign_people);
    CHECK(store_owns(str_of(t.own), ours));
    unlink(t.path);
    CHECK(symlink(ours, t.path) == 0);
    CHECK_STR(foreign_execute(&t, "DELETE FROM people"), " is the server's own database");
    unlink(t.path);
    CHECK(link(ours, t.path) == 0);
    CHECK_STR(foreign_execute(&t, "DELETE FROM people"), " is the server's own database");
  }
  CHECK(!store_owns(STR("/nowhere"), ours));
  CHECK(!store_owns(str_of(t.own), "/nowhere"));
  foreign_free(t.foreign);
}
