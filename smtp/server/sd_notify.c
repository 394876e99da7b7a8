/* smtp/server/sd_notify.c: systemd's sd_notify(3), spoken by ourselves. */
#include "sd_notify.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int sd_notify_open(void)
{
  const char *path = getenv("NOTIFY_SOCKET");
  struct sockaddr_un to = {.sun_family = AF_UNIX};
  size_t n = path ? strlen(path) : 0;
  int fd = -1;

  if (n > 1 && n < sizeof to.sun_path && (path[0] == '/' || path[0] == '@')) {
    memcpy(to.sun_path, path, n);
    if (path[0] == '@') to.sun_path[0] = '\0'; /* a name in no file system */
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&to,
                           (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)) < 0) {
      close(fd);
      fd = -1;
    }
    if (fd < 0)
      log_warn(LOG_SERVER, "cannot reach the supervisor at %s: %s", path, strerror(errno));
  }
  unsetenv("NOTIFY_SOCKET");
  return fd;
}

static void sd_notify_send(int fd, const char *text)
{
  if (fd >= 0 && send(fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
    log_warn(LOG_SERVER, "cannot tell the supervisor: %s", strerror(errno));
}

void sd_notify_ready(int fd)
{
  sd_notify_send(fd, "READY=1");
}

void sd_notify_reloading(int fd)
{
  char text[64];

  snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)clock_mono_us());
  sd_notify_send(fd, text);
}

void sd_notify_stopping(int fd)
{
  sd_notify_send(fd, "STOPPING=1");
}
