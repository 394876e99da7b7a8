/* rules/api.h: the mail side of the cellar: what natives of the API find behind fiber_host, and
 * the values they share. */
#ifndef RULES_API_H
#define RULES_API_H

#include "object.h"
#include "rules.h"
#include "vsl/vsl.h"

/* What fiber_host points to; NULL in `vsmtp eval`. */
struct api_env {
  const struct rules *rules;
  struct rules *loading;         /* the same while it loads, else NULL */
  const struct rules_host *host; /* NULL while a rule set loads */
  void *tx;
  enum stage stage;
  struct rules_run *run; /* NULL while loading */
};

/* ---- api.c ----------------------------------------------------------------------------------- */

/* The environment of a running stage, at least `from` on: else raises "field 'name' is only
 * available from the 'rcpt' stage" and gives NULL. */
const struct api_env *api_env_from(struct fiber *f, const char *name, enum stage from);
static inline const struct api_env *api_env_of(struct fiber *f)
{
  return fiber_host(f);
}

/* Arguments of a function that may be called as f(a…), ctx().f(a…) or msg().f(a…): without that
 * handle, between min and max of them. NULL: raised. */
struct value *api_args(struct fiber *f, struct call *c, const char *name, int min, int max);
int api_argc(const struct call *c); /* without the handle */
/* Argument as text: a string or an object. -1: raised. */
int api_text(struct fiber *f, struct value v, str *out);
/* Argument as a valid mail address. -1: raised "invalid type conversion expected: `address`". */
int api_address(struct fiber *f, struct value v, str *out);
/* A result of bytes a stranger may have sent: ill-formed UTF-8 is replaced. -1: raised. */
int api_give(struct fiber *f, struct call *c, str bytes);
/* The host said no: raises e. Always -1. */
int api_refused(struct fiber *f, const struct err *e);
/* Asks the host once, and finds the answer when it is called again: NATIVE_DONE with *a, or what
 * the native returns at once. Of a native with NATIVE_STEPS that asks nothing else. */
int api_ask(struct fiber *f, struct call *c, const struct api_env *env,
            const struct rules_question *q, struct rules_answer *a);
/* Runs f on the text of a whole message. */
struct value api_message_text(struct fiber *f, const struct api_env *env);

/* ---- status.c -------------------------------------------------------------------------------- */

struct status {
  struct object object;
  enum rules_kind kind;
  struct value code; /* a code object, or () */
  struct value text; /* quarantine: the queue; packet: the text; else () */
};
extern const struct object_type status_type;
/* code: a code object or (), taken. VALUE_NONE: raised. */
struct value status_new(struct fiber *f, enum rules_kind k, struct value code);
/* A status with a reply of ours. */
struct value status_with(struct fiber *f, enum rules_kind k, int basic, str enhanced, str text);
static inline const struct status *status_of(struct value v) /* of status_type */
{
  return (const struct status *)(const void *)v.as.object;
}

/* ---- service.c ------------------------------------------------------------------------------- */

struct service {
  struct object object;
  enum rules_service_kind kind;
  int number;           /* of rules_declared_at; -1: a rule that runs declared it */
  struct value name;    /* a string */
  struct value options; /* the map, checked */
  struct value path;    /* csv, sqlite: of the file; else () */
  int64_t timeout;      /* milliseconds */
  struct place place;
};
extern const struct object_type service_type;
extern const char *const service_words[], *const service_format_words[];
const char *service_text_of(enum rules_service_kind k); /* "cmd", "csv-database" … */
struct rules_declared service_facts(const struct region *r, const struct service *s);
str service_mark(const struct region *r, const struct service *s, size_t n);
static inline const struct service *service_of(struct value v) /* of service_type */
{
  return (const struct service *)(const void *)v.as.object;
}

/* ---- directive.c ----------------------------------------------------------------------------- */

/* ORDER DIRECTIVE_KIND: directive_names in directive.c. */
enum directive_kind { DIRECTIVE_RULE, DIRECTIVE_ACTION, DIRECTIVE_DELEGATE };
struct directive {
  struct object object;
  enum directive_kind kind;
  struct value name;     /* a string */
  struct value evaluate; /* Fn */
  struct value service;  /* delegate: an smtp service; else () */
  struct place place;    /* of its value */
};
extern const struct object_type directive_type;
static inline const struct directive *directive_of(struct value v) /* of directive_type */
{
  return (const struct directive *)(const void *)v.as.object;
}
const char *directive_kind_name(enum directive_kind k);

/* ---- rules.c --------------------------------------------------------------------------------- */

/* All natives of the language and of mail, the words of declarations, the prelude. */
struct registry *rules_registry(void); /* NULL: no memory */
/* toml::server or toml::app: owned by the caller; () if there is no configuration, VALUE_NONE if no
 * memory. */
struct value rules_toml(const struct rules *r, struct region *region, bool app);
/* The reply `accept()` and `deny()` give without a code; r NULL: what vSMTP has. */
struct rules_code rules_default_code(const struct rules *r, enum rules_kind k);
int rules_declare(struct rules *r, struct service *s);  /* its number; -1: there are too many */
bool rules_listens(const struct rules *r, str address); /* is it one of the options' listeners? */
const struct directive *rules_directive(const struct rules *r, enum stage s, size_t i);
struct program *rules_program(const struct rules *r);            /* NULL: the built-in set */
const struct vsl_limits *rules_limits_of(const struct rules *r); /* of a directive */
int64_t rules_max_time(const struct rules *r);                   /* milliseconds of a directive */
const char *rules_stage_name(enum stage s);

/* ---- stage.c --------------------------------------------------------------------------------- */

/* Asks the host for the native that runs: DONE fills *a; on WAIT the native returns stage_wait, and
 * finds the answer by stage_answer when it is called again. */
enum rules_asked stage_ask(struct rules_run *run, const struct rules_question *q,
                           struct rules_answer *a, struct err *e);
int stage_wait(struct rules_run *run, struct fiber *f);
const struct rules_answer *stage_answer(const struct rules_run *run);
void stage_print(void *unused, bool debug, str text); /* print() and debug() in the server */

/* ---- tables ---------------------------------------------------------------------------------- */

#define API_TABLES(X)                                                                              \
  X(object_natives)                                                                                \
  X(status_natives)                                                                                \
  X(service_natives)                                                                               \
  X(directive_natives)                                                                             \
  X(api_natives)                                                                                   \
  X(api_header_natives)                                                                            \
  X(api_rcpt_natives)                                                                              \
  X(api_guard_natives)                                                                             \
  X(api_spf_natives)                                                                               \
  X(api_dns_natives)                                                                               \
  X(api_service_natives)                                                                           \
  X(api_tool_natives)
#define API_TABLE_DECLARE(table)                                                                   \
  extern const struct native table[];                                                              \
  extern const size_t table##_count;
API_TABLES(API_TABLE_DECLARE)
#undef API_TABLE_DECLARE

#endif
