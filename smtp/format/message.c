/* smtp/format/message.c: a message as it comes in: the header block is kept, the body handed on. */
#include "format.h"

void message_begin(struct message_in *m)
{
  memset(m, 0, sizeof *m);
  m->header.cap = LIMIT_HEADER_BYTES;
}

void message_free(struct message_in *m)
{
  buf_free(&m->header);
}

static str message_last_line(const struct message_in *m)
{
  return str_skip(buf_str(&m->header), m->line);
}

static bool message_is_header(const struct message_in *m, str line)
{
  if (line.n > 0 && (line.p[0] == ' ' || line.p[0] == '\t')) return m->fields > 0;
  return header_line_starts_field(line);
}

static void message_count_field(struct message_in *m, str line)
{
  if (line.p[0] == ' ' || line.p[0] == '\t') return;
  if (++m->fields > LIMIT_HEADER_FIELDS) m->faults |= MESSAGE_HEADER_TOO_BIG;
  if (str_istarts(line, STR("received:")) && ++m->received > LIMIT_RECEIVED)
    m->faults |= MESSAGE_LOOP;
}

/* The last line was none of the header: out of the block, and out as body. */
static enum message_event message_turn_to_body(struct message_in *m, str *body)
{
  *body = message_last_line(m);
  m->header.n = m->line;
  m->in_body = true;
  return body->n ? MESSAGE_BODY : MESSAGE_MORE;
}

/* A piece of a line, or a whole one, while the header lasts. */
static enum message_event message_header_piece(struct message_in *m, str piece, str *body)
{
  bool fits = piece.n <= m->header.cap - m->header.n;
  str line;

  buf_str_add(&m->header, piece);
  if (!buf_ok(&m->header)) { /* only header lines are gathered here: see LIMIT_TEXT_LINE */
    m->faults |= fits ? MESSAGE_NO_MEMORY : MESSAGE_HEADER_TOO_BIG;
    m->header.n = m->line;
    m->in_body = true;
    return MESSAGE_MORE;
  }
  line = message_last_line(m);
  if (!str_ends(line, STR("\n")))
    return line.n > LIMIT_TEXT_LINE && !message_is_header(m, line) ? message_turn_to_body(m, body)
                                                                   : MESSAGE_MORE;
  if (str_eq(line, STR("\r\n"))) {
    m->header.n = m->line;
    m->in_body = true;
    return MESSAGE_MORE;
  }
  if (!message_is_header(m, line)) return message_turn_to_body(m, body);
  message_count_field(m, line);
  m->line = m->header.n;
  return MESSAGE_MORE;
}

enum message_event message_next(struct message_in *m, str *in, str *body)
{
  for (;;) {
    enum message_event event = MESSAGE_BODY;
    enum unstuff_event data = unstuff_next(&m->data, in, body);

    m->faults |= m->data.faults;
    if (data == UNSTUFF_MORE) return MESSAGE_MORE;
    if (data == UNSTUFF_END) return MESSAGE_END;
    if (!m->in_body) event = message_header_piece(m, *body, body);
    if (event == MESSAGE_BODY) return event;
  }
}
