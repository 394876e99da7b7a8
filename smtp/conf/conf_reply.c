/* smtp/conf/conf_reply.c: the answers that the operator may word (server.smtp.codes). */
#include "conf.h"

struct reply conf_reply(const struct conf *c, enum conf_code_id id, const char *enhanced)
{
  const struct conf_code *code = &c->server.smtp.codes[id];

  return (struct reply){code->basic, code->enhanced.n ? code->enhanced : str_of(enhanced),
                        code->text};
}
