/* smtp/notify.h: what a supervisor is told, if there is one that wants to know: systemd's protocol,
 * sd_notify(3), a datagram to the socket that the environment names.
 *
 * Without such a socket every call does nothing.
 */
#ifndef SMTP_NOTIFY_H
#define SMTP_NOTIFY_H

#include "../base/base.h"

/* Call it at start, with the rights there are then: the descriptor, or -1: nobody wants to know.
 * The environment is cleaned, so that no program started by rules speaks for the server. */
int notify_open(void);

/* fd: of notify_open. */
void notify_ready(int fd);     /* also: the reload is over, whatever became of it */
void notify_reloading(int fd); /* with the time, which Type=notify-reload wants */
void notify_stopping(int fd);

#endif
