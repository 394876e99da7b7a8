/* smtp/server/drop_pickup.h: mails that programs of this machine left in the drop folder. */
#ifndef SERVER_DROP_PICKUP_H
#define SERVER_DROP_PICKUP_H

#include "server.h"

struct drop;

/* Looks into the folder once a second from now on. Borrows server. NULL: no memory. */
struct drop *drop_new(struct server *server);
/* Nothing is begun any more, what is under way is broken off: it is there at the next start. */
void drop_stop(struct drop *d);
void drop_free(struct drop *d); /* after the last turn of the loop */

#endif
