/* smtp/taken.h: who has a port that we want. */
#ifndef SMTP_TAKEN_H
#define SMTP_TAKEN_H

#include "../net/net.h"

struct taken {
  int pid;   /* 0: it cannot be known: it is another user's, or in another container */
  bool sure; /* it listens in the same family; else it may leave ours to others */
  char name[64];
};

/* Is there a listener in the way of one at this address? Of several one is told. What a process has
 * open is for root and its own user to know; without /proc nothing is known. */
bool taken_by(const struct netaddr *at, struct taken *out);

/* Behind "Address already in use": the words for the operator. */
void taken_advise(const struct netaddr *at, struct err *e);

#endif
