/* sqlite/id.c: names of messages and sessions.
 *
 *   tttttttttcccrrrrrrrrrrrrrr
 *   time     count   random          base 36
 *
 * time is milliseconds since 1970 (9 digits last until the year 5188), count tells those of one
 * millisecond apart and keeps them in order, and 14 random digits (72 bits) keep ids of several
 * processes apart and make them hard to guess.
 */
#include "store_int.h"

#define ID_TIME  9
#define ID_COUNT 3

static const char id_digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";

static void id_put(char *out, int digits, uint64_t value)
{
  while (digits-- > 0) {
    out[digits] = id_digits[value % 36];
    value /= 36;
  }
}

const char *id_new(char out[ID_LENGTH + 1])
{
  static int64_t last;
  static unsigned count;
  int64_t now = clock_wall();
  if (now > last) {
    last = now;
    count = 0;
  } else if (++count == 36 * 36 * 36) { /* or the clock went back: go on from where we were */
    last++;
    count = 0;
  }
  id_put(out, ID_TIME, (uint64_t)last);
  id_put(out + ID_TIME, ID_COUNT, count);
  uint8_t noise[ID_LENGTH - ID_TIME - ID_COUNT];
  for (char *p = out + ID_TIME + ID_COUNT; p < out + ID_LENGTH;) {
    random_bytes(noise, sizeof noise);
    for (size_t i = 0; i < sizeof noise && p < out + ID_LENGTH; i++)
      if (noise[i] < 252) *p++ = id_digits[noise[i] % 36]; /* 252 = 7 * 36: no digit is favoured */
  }
  out[ID_LENGTH] = '\0';
  return out;
}

void id_floor(int64_t wall_ms, char out[ID_LENGTH + 1])
{
  id_put(out, ID_TIME, wall_ms > 0 ? (uint64_t)wall_ms : 0);
  memset(out + ID_TIME, '0', ID_LENGTH - ID_TIME);
  out[ID_LENGTH] = '\0';
}

bool id_valid(str id)
{
  if (id.n != ID_LENGTH) return false;
  for (size_t i = 0; i < id.n; i++)
    if (!str_isdigit(id.p[i]) && !(id.p[i] >= 'a' && id.p[i] <= 'z')) return false;
  return true;
}

#undef ID_TIME
#undef ID_COUNT
