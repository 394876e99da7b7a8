/* smtp/deliver_step.h: how far the rules of a stored mail have come: the number in its column
 * `step`.
 *
 * It names a stage, a directive of it, and what about that. The directive's name stands in the
 * column `rule` beside it, because rules may be others by then. 0: from the start of `postq`.
 */
#ifndef SMTP_DELIVER_STEP_H
#define SMTP_DELIVER_STEP_H

#include "../vsmtp.h"

enum deliver_at {
  DELIVER_FROM,     /* the directive is asked */
  DELIVER_RETURNED, /* it delegates, and the mail has come back: its body is asked */
  DELIVER_AFTER     /* the one behind it is asked */
};
int deliver_step(enum stage stage, size_t directive, enum deliver_at at);

/* Steps behind all rules. */
#define DELIVER_RULED (STAGE_COUNT << 16) /* none is asked any more */
#define DELIVER_ASKED (DELIVER_RULED | 1) /* none is left for the attempt that comes, */
#define DELIVER_AGAIN (DELIVER_RULED | 2) /* before the next one `delivery` is asked again */

/* A step read back; any number is one. */
struct deliver_place {
  enum stage stage; /* STAGE_COUNT: behind all rules */
  bool inside;      /* not at the start of the stage */
  enum deliver_at at;
};
struct deliver_place deliver_place(int step);

#endif
