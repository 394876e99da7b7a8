/* smtp/helper/daemon.c: leaving the terminal, but not before all is well. */
#include "helper.h"

#include "../../base/base.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

int daemon_begin(int *code)
{
  int pipes[2], status = 0;
  char byte;
  pid_t child;

  *code = EX_OSERR;
  if (pipe2(pipes, O_CLOEXEC) < 0) return -1;
  child = fork();
  if (child == 0) {
    close(pipes[0]);
    setsid();
    return pipes[1];
  }
  close(pipes[1]);
  if (child > 0) {
    if (read(pipes[0], &byte, 1) == 1)
      *code = EX_OK;
    else if (waitpid(child, &status, 0) == child && WIFEXITED(status))
      *code = WEXITSTATUS(status);
  }
  close(pipes[0]);
  return -1;
}

void daemon_ready(int fd)
{
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);

  for (int i = 0; null >= 0 && i <= 2; i++) dup2(null, i);
  if (null > 2) close(null);
  if (write(fd, "", 1) != 1) log_warn(LOG_SERVER, "nobody waits for this server's start");
  close(fd);
}
