/* smtp/policy/deliver_step.c: how far the rules of a stored mail have come, as one number.
 *
 * Bits 0 to 13: the directive's index, for people who look; 14 and 15: enum deliver_at; above: the
 * stage.
 */
#include "policy.h"

#define DELIVER_STEP_INDEX 0x3fff

int deliver_step(enum stage stage, size_t directive, enum deliver_at at)
{
  return (int)stage << 16 | (int)at << 14 | (int)(directive & DELIVER_STEP_INDEX);
}

struct deliver_point deliver_point_of(int step)
{
  struct deliver_point p = {.stage = STAGE_POSTQ,
                            .inside = (step & 0xffff) != 0,
                            .at = (enum deliver_at)(step >> 14 & 3)};
  int stage = step >> 16;

  if (stage >= STAGE_PREQ) p.stage = stage < STAGE_COUNT ? (enum stage)stage : STAGE_COUNT;
  return p;
}
#undef DELIVER_STEP_INDEX
