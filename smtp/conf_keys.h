/* smtp/conf_keys.h: what the files of the configuration share; seen by smtp/conf*.c alone.
 *
 * conf_keys.c    the one table of all keys
 * conf_type.c    how a value of each type is read, checked and put into canonical form
 * conf_list.c    the same for values that have a form of their own: levels, codes, servers, aliases
 * conf_version.c version_requirement
 * conf_cross.c   what must fit together
 * conf.c         walks the file along the table; the door
 */
#ifndef SMTP_CONF_KEYS_H
#define SMTP_CONF_KEYS_H

#include "conf.h"

/* ORDER CONF_TYPE: conf_types in conf_type.c. */
enum conf_type {
  CONF_TABLE, /* its keys are the rows below; `def` is what an absent table stands for */
  CONF_TEXT,
  CONF_WORD, /* one of `names`, kept as its index in an enum */
  CONF_INT,
  CONF_CAP, /* an integer that may be -1 for "no limit" and never 0 */
  CONF_BOOL,
  CONF_DURATION,
  CONF_PATH,
  CONF_FILE,   /* a path that must be readable now */
  CONF_SECRET, /* a file others should not read */
  CONF_HOST,
  CONF_HOST_PORT,
  CONF_NAME,    /* of a user or group */
  CONF_TEXTS,   /* a list of texts */
  CONF_COMMAND, /* a program and its arguments, at most max octets with their NULs */
  CONF_ADDRS,
  CONF_VERSION,
  CONF_SECURITY,
  CONF_PROTOCOLS,
  CONF_SUITE_LIST,
  CONF_MECHS,
  CONF_LEVEL,
  CONF_LEVELS,
  CONF_CODES,
  CONF_SERVERS,
  CONF_ALIASES,
  CONF_VIRTUAL,
  CONF_TYPES
};

struct conf_key {
  const char *path; /* "*" stands for the name of a virtual domain */
  enum conf_type type;
  size_t at;                /* offset in struct conf, below a "*" in struct conf_virtual; of a
                               table that of its `on`, 0 if it has none */
  const char *def;          /* as TOML; NULL: none; CONF_REQUIRED: must be there */
  int64_t min, max;         /* of integers, and of durations in milliseconds */
  const char *const *names; /* of CONF_WORD, NULL at the end */
  const char *meaning;      /* what the key is for, shown beside faults */
};
#define CONF_REQUIRED "required"

extern const struct conf_key conf_keys[];
extern const size_t conf_key_count;

struct conf_reader {
  struct conf *conf;
  struct arena *arena; /* the conf's */
  str file, source;    /* as given, for messages */
  str dir;             /* what relative paths are relative to */
  const struct conf_world *world;
  bool alone; /* nothing that the file names is read */
  struct diags *diags;
  const struct conf_key *key; /* being read */
};

/* Faults at a value, at its key, or about the whole file (at NULL); -1. */
int conf_fail(struct conf_reader *r, const struct toml *at, const char *fmt, ...) BASE_PRINTF(3, 4);
int conf_fail_key(struct conf_reader *r, const struct toml *at, const char *fmt, ...)
    BASE_PRINTF(3, 4);
void conf_warn(struct conf_reader *r, const struct toml *at, const char *fmt, ...)
    BASE_PRINTF(3, 4);
int conf_nomem(struct conf_reader *r);
/* Marks that there is no key of that name; where says in what. */
int conf_unknown(struct conf_reader *r, const struct toml *at, const char *where);

/* Reads v, as r->key wants it, into field and puts v into its canonical form. */
int conf_type_read(struct conf_reader *r, struct toml *v, void *field);
bool conf_type_is(struct conf_reader *r, const struct toml *v, enum toml_type type);
/* A list of n elements of that size, zeroed, never NULL but for want of memory. */
void *conf_type_list(struct conf_reader *r, size_t n, size_t size);
int conf_type_addr(struct conf_reader *r, struct toml *v, struct conf_addr *out);

int conf_list_level(struct conf_reader *r, struct toml *v, void *field);
int conf_list_levels(struct conf_reader *r, struct toml *v, void *field);
int conf_list_codes(struct conf_reader *r, struct toml *v, void *field);
int conf_list_servers(struct conf_reader *r, struct toml *v, void *field);
int conf_list_aliases(struct conf_reader *r, struct toml *v, void *field);
/* What follows from the whole: {domain} in replies, domains of bare aliases. */
int conf_list_finish(struct conf_reader *r);

/* Does version fulfil a requirement as Cargo writes it? 1 yes, 0 no, -1: malformed. */
int conf_version_match(str requirement, str version);

/* What must fit together, after all keys were read. */
void conf_cross_check(struct conf_reader *r);

/* The node of the canonical tree at a path of keys separated by dots, or NULL; and whether it
 * stands in the file (nodes of defaults stand in line 0). */
struct toml *conf_find(struct toml *root, const char *path);
bool conf_is_given(const struct toml *node);

#endif
