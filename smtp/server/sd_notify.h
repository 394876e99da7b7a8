/* smtp/server/sd_notify.h: what a supervisor is told, if there is one that wants to know: systemd's
 * protocol, sd_notify(3), a datagram to the socket that the environment names.
 *
 * Without such a socket every call does nothing.
 */
#ifndef SERVER_SD_NOTIFY_H
#define SERVER_SD_NOTIFY_H

#include "../../base/base.h"

/* Call it at start, with the rights there are then: the descriptor, or -1: nobody wants to know.
 * The environment is cleaned, so that no program started by rules speaks for the server. */
int sd_notify_open(void);

/* fd: of sd_notify_open. */
void sd_notify_ready(int fd);     /* also: the reload is over, whatever became of it */
void sd_notify_reloading(int fd); /* with the time, which Type=notify-reload wants */
void sd_notify_stopping(int fd);

#endif
