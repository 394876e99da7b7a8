/* tests/crash_vfs.h: a disk that misbehaves on demand: under sqlite's real files lies a layer that
 * counts what sqlite asks of it, fails the nth, or loses the power there.
 */
#ifndef TESTS_CRASH_VFS_H
#define TESTS_CRASH_VFS_H

#include "../base/base.h"

enum crash_fault {
  CRASH_NONE,
  CRASH_FULL,   /* a write finds no space */
  CRASH_WRITE,  /* a write fails */
  CRASH_READ,   /* a read fails */
  CRASH_SYNC,   /* a sync fails */
  CRASH_OPEN,   /* a file cannot be opened */
  CRASH_SHARED, /* shared memory cannot be mapped */
  CRASH_MEMORY, /* sqlite gets no memory */
  CRASH_POWER   /* at a write, sync or truncate the power goes: the process ends, and of what was
                     not synced only a part, in any order, is on the disk */
};
const char *crash_fault_name(enum crash_fault fault);

/* The layer, and sqlite's memory, are put in place before main. */
/* From now on the nth request of that kind fails; with forever all after it too. Returns at
 * once. */
void crash_vfs_fail(enum crash_fault fault, long nth, bool forever);
/* Has it failed since? Ends the failing. */
bool crash_vfs_calm(void);
/* Keeps beside each database file what is surely on the disk; needed before CRASH_POWER. */
void crash_vfs_shadow(bool on);
void crash_vfs_seed(unsigned seed); /* which part of the unsynced survives */

#endif
