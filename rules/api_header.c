/* rules/api_header.c: what a rule does to the header of a message (rules/README.md#the-message).
 * Before preq there is none yet: the host keeps the changes and applies them when it comes. */
#include "api.h"
#include "field.h"

/* Argument as a header name. -1: raised. */
static int api_header_name(struct fiber *f, struct value v, str *out)
{
  if (api_text(f, v, out) < 0) return -1;
  if (field_name_valid(*out)) return 0;
  return fiber_raise(f, VSL_RUNTIME, "'%s' is not a header name", log_q(*out));
}

typedef int api_header_change(void *tx, str name, str value, struct err *e);

/* Cleans the value and gives it to the host. */
static int api_header_write(struct fiber *f, const struct api_env *env, api_header_change *change,
                            str name, str value)
{
  struct err e = {0};
  struct buf clean = BUF_INIT(LIMIT_HEADER_BYTES);
  if (fiber_charge(f, 10 + value.n / 16) < 0) return -1;
  int got = field_value(name, value, &clean, &e);
  if (got == 0) got = change(env->tx, name, buf_str(&clean), &e);
  buf_free(&clean);
  return got < 0 ? api_refused(f, &e) : NATIVE_DONE;
}

/* The unfolded value of the nth field of that name in *out, which the caller frees; empty if there
 * is none. 1, 0: no such field, -1 raised. */
static int api_header_read(struct fiber *f, const struct api_env *env, str name, size_t nth,
                           struct rules_header *h, struct buf *out)
{
  out->cap = LIMIT_HEADER_BYTES;
  if (!env->host->header_get(env->tx, name, nth, h)) return 0;
  if (fiber_charge(f, 1 + h->value.n / 64) < 0) return -1;
  field_unfold(h->value, out);
  return buf_ok(out) ? 1 : fiber_full(f);
}

/* ---- reading --------------------------------------------------------------------------------- */

static int api_header_has(struct fiber *f, struct call *c)
{
  str name;
  struct rules_header h;
  struct value *a = api_args(f, c, "has_header", 1, 1);
  const struct api_env *env = api_env_from(f, "has_header", STAGE_CONNECT);
  if (!a || !env || api_header_name(f, a[0], &name) < 0) return -1;
  c->out = value_bool(env->host->header_get(env->tx, name, 0, &h));
  return NATIVE_DONE;
}

static int api_header_get(struct fiber *f, struct call *c)
{
  str name;
  struct rules_header h;
  struct buf value = {0};
  struct value *a = api_args(f, c, "get_header", 1, 1);
  const struct api_env *env = api_env_from(f, "get_header", STAGE_CONNECT);
  if (!a || !env || api_header_name(f, a[0], &name) < 0) return -1;
  int got = api_header_read(f, env, name, 0, &h, &value);
  if (got >= 0) got = api_give(f, c, buf_str(&value));
  buf_free(&value);
  return got;
}

/* Adds "Name: value" of one field to the list: 1, 0: no such field, -1 raised. */
static int api_header_line(struct fiber *f, const struct api_env *env, str name, size_t nth,
                           struct value *list)
{
  struct region *r = fiber_region(f);
  struct rules_header h;
  struct buf value = {0}, line = BUF_INIT(LIMIT_HEADER_BYTES + 1024);
  int got = api_header_read(f, env, name, nth, &h, &value);
  if (got > 0) {
    buf_printf(&line, STR_FMT ": ", STR_ARG(h.name));
    buf_str_add(&line, buf_str(&value));
    struct value v = value_of(buf_ok(&line) ? string_new_lossy(r, buf_str(&line)) : NULL);
    if (v.type == VALUE_NONE || array_push(r, list, v) < 0) got = fiber_full(f);
  }
  buf_free(&line);
  buf_free(&value);
  return got;
}

static int api_header_get_all(struct fiber *f, struct call *c)
{
  str name;
  int got = 1;
  struct value *a = api_args(f, c, "get_headers", 1, 2);
  const struct api_env *env = api_env_from(f, "get_headers", STAGE_PREQ);
  if (!a || !env || api_header_name(f, a[0], &name) < 0) return -1;
  int64_t max = LIMIT_HEADER_FIELDS;
  if (api_argc(c) == 2) {
    if (a[1].type != VALUE_INT)
      return fiber_raise(f, VSL_TYPE, "get_headers wants a number of headers, not '%s'",
                         value_type_name(a[1]));
    max = a[1].as.i;
  }
  c->out = value_of(array_new(fiber_region(f), 0));
  if (c->out.type == VALUE_NONE) return fiber_full(f);
  for (int64_t i = 0; i < max && got > 0; i++)
    got = api_header_line(f, env, name, (size_t)i, &c->out);
  return got < 0 ? -1 : NATIVE_DONE;
}

/* ---- changing -------------------------------------------------------------------------------- */

static int api_header_do(struct fiber *f, struct call *c, const char *what,
                         api_header_change *change)
{
  str name, value;
  struct value *a = api_args(f, c, what, 2, 2);
  const struct api_env *env = api_env_from(f, what, STAGE_CONNECT);
  if (!a || !env || api_header_name(f, a[0], &name) < 0 || api_text(f, a[1], &value) < 0) return -1;
  return api_header_write(f, env, change, name, value);
}

/* The member of the host's table is needed before the arguments are looked at; without a host
 * api_header_do raises. */
#define API_HEADER_CHANGE(fn, what, member)                                                        \
  static int fn(struct fiber *f, struct call *c)                                                   \
  {                                                                                                \
    const struct api_env *env = api_env_of(f);                                                     \
    return api_header_do(f, c, what, env && env->host ? env->host->member : NULL);                 \
  }
API_HEADER_CHANGE(api_header_append, "append_header", header_append)
API_HEADER_CHANGE(api_header_prepend, "prepend_header", header_prepend)
API_HEADER_CHANGE(api_header_set, "set_header", header_set)
#undef API_HEADER_CHANGE

/* ---- the To and From fields ------------------------------------------------------------------ */

enum api_header_edit { API_HEADER_ADD, API_HEADER_REMOVE, API_HEADER_REWRITE };

/* Edits To as a list of mailboxes; with: the new address of a rewrite. */
static int api_header_edit_to(struct fiber *f, const struct api_env *env, enum api_header_edit edit,
                              str address, str with)
{
  struct rules_header h;
  struct err e = {0};
  struct buf old = {0}, list = BUF_INIT(LIMIT_HEADER_BYTES);
  bool changed = true;
  int got = api_header_read(f, env, STR("To"), 0, &h, &old);
  if (got < 0) goto out;
  if (edit == API_HEADER_ADD)
    field_list_add(buf_str(&old), address, &list);
  else if (edit == API_HEADER_REMOVE)
    changed = field_list_remove(buf_str(&old), address, &list);
  else
    changed = field_list_replace(buf_str(&old), address, with, &list);
  got = buf_ok(&list) ? NATIVE_DONE : fiber_full(f);
  if (got == NATIVE_DONE && changed && list.n > 0)
    got = api_header_write(f, env, env->host->header_set, STR("To"), buf_str(&list));
  else if (got == NATIVE_DONE && changed && env->host->header_remove(env->tx, STR("To"), &e) < 0)
    got = api_refused(f, &e);
out:
  buf_free(&list);
  buf_free(&old);
  return got;
}

static int api_header_to(struct fiber *f, struct call *c, const char *name,
                         enum api_header_edit edit)
{
  const int argc = edit == API_HEADER_REWRITE ? 2 : 1;
  str address, with = {NULL, 0};
  struct value *a = api_args(f, c, name, argc, argc);
  const struct api_env *env = api_env_from(f, name, STAGE_PREQ);
  if (!a || !env || api_address(f, a[0], &address) < 0) return -1;
  if (argc == 2 && api_address(f, a[1], &with) < 0) return -1;
  return api_header_edit_to(f, env, edit, address, with);
}

static int api_header_add_to(struct fiber *f, struct call *c)
{
  return api_header_to(f, c, "add_rcpt_message", API_HEADER_ADD);
}

static int api_header_remove_to(struct fiber *f, struct call *c)
{
  return api_header_to(f, c, "remove_rcpt_message", API_HEADER_REMOVE);
}

static int api_header_rewrite_to(struct fiber *f, struct call *c)
{
  return api_header_to(f, c, "rewrite_rcpt_message", API_HEADER_REWRITE);
}

static int api_header_from(struct fiber *f, struct call *c)
{
  str address;
  struct value *a = api_args(f, c, "rewrite_mail_from_message", 1, 1);
  const struct api_env *env = api_env_from(f, "rewrite_mail_from_message", STAGE_PREQ);
  if (!a || !env || api_address(f, a[0], &address) < 0) return -1;
  return api_header_write(f, env, env->host->header_set, STR("From"), address);
}

/* Envelope and From. */
static int api_header_mail_from(struct fiber *f, struct call *c)
{
  str address;
  struct err e = {0};
  struct value *a = api_args(f, c, "rewrite_mail_from", 1, 1);
  const struct api_env *env = api_env_from(f, "rewrite_mail_from", STAGE_PREQ);
  if (!a || !env || api_address(f, a[0], &address) < 0) return -1;
  if (env->host->mail_from_set(env->tx, address, &e) < 0) return api_refused(f, &e);
  return api_header_write(f, env, env->host->header_set, STR("From"), address);
}

const struct native api_header_natives[] = {
    {"has_header", ".|.", 0, api_header_has},
    {"get_header", ".|.", 0, api_header_get},
    {"get_headers", ".|..", 0, api_header_get_all},
    {"append_header", "..|.", 0, api_header_append},
    {"add_header", "..|.", 0, api_header_append},
    {"prepend_header", "..|.", 0, api_header_prepend},
    {"set_header", "..|.", 0, api_header_set},
    {"add_rcpt_message", ".|.", 0, api_header_add_to},
    {"add_to", ".|.", 0, api_header_add_to},
    {"remove_rcpt_message", ".|.", 0, api_header_remove_to},
    {"remove_to", ".|.", 0, api_header_remove_to},
    {"rewrite_rcpt_message", "..|.", 0, api_header_rewrite_to},
    {"rewrite_to", "..|.", 0, api_header_rewrite_to},
    {"rewrite_mail_from_message", ".|.", 0, api_header_from},
    {"rewrite_mail_from", ".|.", 0, api_header_mail_from},
};
const size_t api_header_natives_count = BASE_COUNT(api_header_natives);
