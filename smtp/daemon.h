/* smtp/daemon.h: leaving the terminal, but not before all is well. */
#ifndef SMTP_DAEMON_H
#define SMTP_DAEMON_H

/* Forks. The child goes on with the descriptor daemon_ready wants; the parent waits until the child
 * is ready or ended and gets -1, with *code what to exit with. So every error of the start is seen
 * by whoever started the server. */
int daemon_begin(int *code);
/* The child is serving: the parent exits 0, and the terminal is let go. */
void daemon_ready(int fd);

#endif
