/* rules/vsl/scope.c: which name is which slot, and functions while they are compiled.
 *
 * Slots of a block are given back at its end; a captured variable's slot never is, because others
 * may come between. A closure finds an outer name by asking outwards: each function on the way
 * captures it from the one around it into a slot of its own.
 */
#include "compile.h"

uint32_t scope_slots(struct compiler *c, uint32_t n)
{
  struct unit *u = c->unit;
  struct capture *list = COMPILE_LIST(u->captures, struct capture);
  uint32_t count = COMPILE_COUNT(u->captures, struct capture), slot = u->next_slot;
  for (uint32_t i = 0; i < count; i++) /* captures have rising slots */
    if (list[i].slot >= slot && list[i].slot < slot + n) slot = list[i].slot + 1;
  u->next_slot = slot + n;
  if (u->next_slot > u->slots) u->slots = u->next_slot;
  if (u->slots > 0xFFF0) compile_error(c, c->token.at, "a function has too many variables");
  return slot;
}

void scope_declare(struct compiler *c, str name, uint32_t slot, bool is_const, bool is_import)
{
  struct variable v = {name, slot, is_const, is_import};
  compile_add(c, &c->unit->variables, &v, sizeof v);
}

struct scope scope_begin(struct compiler *c)
{
  struct unit *u = c->unit;
  u->block++;
  return (struct scope){COMPILE_COUNT(u->variables, struct variable), u->next_slot};
}

/* Forgets what is in the slots, but for captured variables that lie among them. */
static void scope_clear(struct compiler *c, uint32_t from, uint32_t to)
{
  struct capture *list = COMPILE_LIST(c->unit->captures, struct capture);
  uint32_t count = COMPILE_COUNT(c->unit->captures, struct capture), i = 0;
  while (from < to && !c->failed) {
    while (i < count && list[i].slot < from) i++;
    uint32_t end = i < count && list[i].slot < to ? list[i].slot : to;
    if (end - from > 0xFF) end = from + 0xFF;
    if (end > from) emit_ab(c, OP_CLEAR, end - from, from, c->token.at);
    from = i < count && end == list[i].slot ? end + 1 : end;
  }
}

void scope_end(struct compiler *c, struct scope s)
{
  struct unit *u = c->unit;
  u->block--;
  u->variables.n = s.variables * sizeof(struct variable);
  scope_clear(c, s.slot, u->next_slot);
  u->next_slot = s.slot;
}

bool scope_is_top(const struct compiler *c)
{
  return c->unit->proto->kind == PROTO_MAIN && !c->unit->block;
}

static bool scope_local(const struct unit *u, str name, bool is_import, struct resolved *out)
{
  struct variable *list = COMPILE_LIST(u->variables, struct variable);
  for (uint32_t i = COMPILE_COUNT(u->variables, struct variable); i-- > 0;)
    if (list[i].is_import == is_import && str_eq(list[i].name, name)) {
      *out = (struct resolved){true, list[i].is_const, false, list[i].slot};
      return true;
    }
  return false;
}

static bool scope_captured(const struct unit *u, str name, bool is_import, struct resolved *out)
{
  struct capture *list = COMPILE_LIST(u->captures, struct capture);
  for (uint32_t i = 0; i < COMPILE_COUNT(u->captures, struct capture); i++)
    if (list[i].is_import == is_import && str_eq(list[i].name, name)) {
      *out = (struct resolved){true, list[i].is_const, list[i].leaves_rule, list[i].slot};
      return true;
    }
  return false;
}

/* Recurses outwards over closures, whose nesting is bounded by COMPILE_DEPTH_TOTAL. */
static struct resolved scope_find_in(struct compiler *c, struct unit *u, str name, bool is_import)
{
  struct resolved r = {0};
  if (scope_local(u, name, is_import, &r) || scope_captured(u, name, is_import, &r)) return r;
  if (u->proto->kind != PROTO_CLOSURE) return r;
  r = scope_find_in(c, u->outer, name, is_import);
  if (!r.found) return r;
  r.leaves_rule |= u->is_rule;
  struct capture capture = {name, r.slot, u->slots++, r.is_const, is_import, r.leaves_rule};
  r.slot = capture.slot;
  compile_add(c, &u->captures, &capture, sizeof capture);
  return r;
}

struct resolved scope_find(struct compiler *c, str name, bool is_import)
{
  return scope_find_in(c, c->unit, name, is_import);
}

uint32_t scope_global(struct compiler *c, enum global_kind k, str name)
{
  uint32_t n = compile_find(c, 'g', k, name);
  if (n != CODE_NONE) return n;
  n = COMPILE_COUNT(c->globals, struct global);
  struct global g = {k, compile_string(c, name)};
  compile_index(c, 'g', k, name, n);
  if (g.name) compile_add(c, &c->globals, &g, sizeof g);
  return n;
}

/* ---- units ----------------------------------------------------------------------------------- */

void unit_begin(struct compiler *c, struct unit *u, enum proto_kind k, uint32_t at)
{
  struct buf empty = BUF_INIT((size_t)LIMIT_VSL_FILE * 64);
  *u = (struct unit){.outer = c->unit,
                     .code = empty,
                     .places = empty,
                     .consts = empty,
                     .protos = empty,
                     .switches = empty,
                     .variables = empty,
                     .captures = empty,
                     .last = CODE_NONE,
                     .before = CODE_NONE,
                     .catch_slot = CODE_NONE,
                     .returns = CODE_NONE};
  u->proto = arena_alloc(c->program->arena, sizeof *u->proto);
  c->unit = u;
  if (!u->proto) {
    u->proto = &c->nowhere;
    compile_nomem(c);
    return;
  }
  u->proto->kind = k;
  u->proto->module = c->module;
  u->proto->at = at;
}

/* A list of the unit, for good. */
static void *unit_copy(struct compiler *c, const struct buf *list)
{
  void *p = arena_alloc(c->program->arena, list->n);
  if (!p)
    compile_nomem(c);
  else if (list->n)
    memcpy(p, list->p, list->n);
  return p;
}

static void unit_copy_captures(struct compiler *c, struct proto *p)
{
  struct capture *list = COMPILE_LIST(c->unit->captures, struct capture);
  p->captures = COMPILE_COUNT(c->unit->captures, struct capture);
  p->capture_from = arena_alloc(c->program->arena, p->captures * sizeof(uint32_t) + 1);
  p->capture_to = arena_alloc(c->program->arena, p->captures * sizeof(uint32_t) + 1);
  if (!p->capture_from || !p->capture_to) {
    compile_nomem(c);
    return;
  }
  for (uint32_t i = 0; i < p->captures; i++) {
    p->capture_from[i] = list[i].from;
    p->capture_to[i] = list[i].slot;
  }
}

static void unit_copy_all(struct compiler *c, struct proto *p)
{
  struct unit *u = c->unit;
  p->n = COMPILE_COUNT(u->code, uint32_t);
  p->code = unit_copy(c, &u->code);
  p->places = unit_copy(c, &u->places);
  p->const_count = COMPILE_COUNT(u->consts, struct value);
  p->consts = unit_copy(c, &u->consts);
  p->proto_count = COMPILE_COUNT(u->protos, struct proto *);
  p->protos = unit_copy(c, &u->protos);
  p->switch_count = COMPILE_COUNT(u->switches, struct switch_table);
  p->switches = unit_copy(c, &u->switches);
  p->slots = u->slots;
  p->stack = u->stack;
  unit_copy_captures(c, p);
}

struct proto *unit_end(struct compiler *c)
{
  struct unit *u = c->unit;
  struct proto *p = u->proto;
  emit_op(c, OP_RETURN, 0, c->token.at);
  if (!c->failed) unit_copy_all(c, p);
  buf_free(&u->code);
  buf_free(&u->places);
  buf_free(&u->consts);
  buf_free(&u->protos);
  buf_free(&u->switches);
  buf_free(&u->variables);
  buf_free(&u->captures);
  c->unit = u->outer;
  return c->failed ? NULL : p;
}
