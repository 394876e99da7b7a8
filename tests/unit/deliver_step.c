/* tests/unit/deliver_step.c: where the rules of a stored mail go on. */
#include "../../smtp/policy/policy.h"
#include "../check.h"

TEST(deliver_step_read_back)
{
  struct deliver_point p = deliver_point_of(deliver_step(STAGE_PREQ, 3, DELIVER_AFTER));

  CHECK_INT(p.stage, STAGE_PREQ);
  CHECK_INT(p.at, DELIVER_AFTER);
  CHECK(p.inside);
  p = deliver_point_of(deliver_step(STAGE_DELIVERY, 0, DELIVER_FROM));
  CHECK_INT(p.stage, STAGE_DELIVERY);
  CHECK_INT(p.at, DELIVER_FROM);
  CHECK(!p.inside);
}

TEST(deliver_step_behind_all)
{
  CHECK_INT(deliver_point_of(DELIVER_RULED).stage, STAGE_COUNT);
  CHECK_INT(deliver_point_of(DELIVER_ASKED).stage, STAGE_COUNT);
  CHECK_INT(deliver_point_of(DELIVER_AGAIN).stage, STAGE_COUNT);
}

/* The column can be written by anybody who has a shell. */
TEST(deliver_step_any_number)
{
  CHECK_INT(deliver_point_of(0).stage, STAGE_POSTQ);
  CHECK_INT(deliver_point_of(STAGE_RCPT << 16).stage, STAGE_POSTQ);
  CHECK_INT(deliver_point_of(-1).stage, STAGE_POSTQ);
  CHECK_INT(deliver_point_of(INT32_MIN).stage, STAGE_POSTQ);
  CHECK_INT(deliver_point_of(INT32_MAX).stage, STAGE_COUNT);
}
