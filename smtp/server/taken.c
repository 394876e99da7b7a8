/* smtp/server/taken.c: who has a port that we want.
 *
 * /proc/net/tcp and tcp6 name for each socket its address, its state and its inode; the links in
 * /proc/PID/fd lead to inodes.
 *
 *   sl  local_address rem_address   st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode
 *    0: 0100007F:0019 00000000:0000 0A 00000000:00000000 00:00000000 00000000   0 0       12345
 *
 * An address is words of the machine's order, each as one number in base 16.
 */
#include "server.h"

#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

#define TAKEN_TABLE  (4 * 1024 * 1024)
#define TAKEN_LISTEN "0A"

/* ---- the socket ------------------------------------------------------------------------------ */

/* The words of a line, up to the inode. */
#define TAKEN_WORDS 10
static bool taken_words(str line, str word[TAKEN_WORDS])
{
  for (size_t i = 0; i < TAKEN_WORDS; i++) {
    line = str_trim(line);
    if (!str_cut(&line, ' ', &word[i])) return false;
  }
  return true;
}

/* "0100007F:0019". */
static bool taken_address(str text, struct netaddr *out)
{
  uint32_t words[4];
  uint64_t n;
  ptrdiff_t colon = str_chr(text, ':');
  str port = str_skip(text, (size_t)(colon + 1));
  size_t count = colon > 0 ? (size_t)colon / 8 : 0;

  memset(out, 0, sizeof *out);
  if ((count != 1 && count != 4) || (size_t)colon != 8 * count) return false;
  for (size_t i = 0; i < count; i++) {
    if (str_to_u64(str_sub(text, 8 * i, 8 * i + 8), &n, 16)) return false;
    words[i] = (uint32_t)n;
  }
  if (str_to_u64(port, &n, 16) || n > UINT16_MAX) return false;
  out->sa.sa_family = count == 1 ? AF_INET : AF_INET6;
  if (count == 1) {
    memcpy(&out->in4.sin_addr, words, sizeof out->in4.sin_addr);
    out->in4.sin_port = htons((uint16_t)n);
  } else {
    memcpy(&out->in6.sin6_addr, words, sizeof out->in6.sin6_addr);
    out->in6.sin6_port = htons((uint16_t)n);
  }
  if (count == 4 && IN6_IS_ADDR_V4MAPPED(&out->in6.sin6_addr)) {
    out->sa.sa_family = AF_INET;
    memmove(&out->in4.sin_port, &out->in6.sin6_port, sizeof out->in4.sin_port);
    memcpy(&out->in4.sin_addr, &words[3], sizeof out->in4.sin_addr);
  }
  out->len = out->sa.sa_family == AF_INET ? sizeof out->in4 : sizeof out->in6;
  return true;
}

static bool taken_is_any(const struct netaddr *a)
{
  if (a->sa.sa_family == AF_INET) return a->in4.sin_addr.s_addr == 0;
  return IN6_IS_ADDR_UNSPECIFIED(&a->in6.sin6_addr);
}

/* One that listens everywhere is in everybody's way, and everybody in its. Between the families
 * only a socket for both is: ours never is one, and of theirs it cannot be told here. */
static bool taken_collides(const struct netaddr *ours, const struct netaddr *theirs)
{
  if (netaddr_port(ours) != netaddr_port(theirs)) return false;
  if (ours->sa.sa_family == theirs->sa.sa_family) {
    struct netaddr same = *theirs;
    if (same.sa.sa_family == AF_INET6) same.in6.sin6_scope_id = ours->in6.sin6_scope_id;
    return taken_is_any(ours) || taken_is_any(theirs) || netaddr_same_ip(ours, &same);
  }
  return theirs->sa.sa_family == AF_INET6 && taken_is_any(theirs);
}

/* The inode of a listener in the way; p NULL: there is none. */
static str taken_inode(const char *table, const struct netaddr *at, struct buf *text, bool *sure)
{
  struct netaddr theirs;
  str rest, line, word[TAKEN_WORDS];
  struct err ignored;

  if (file_read(str_of(table), TAKEN_TABLE, text, &ignored) < 0) return (str){NULL, 0};
  rest = buf_str(text);
  while (str_cut(&rest, '\n', &line))
    if (taken_words(line, word) && str_eq(word[3], STR(TAKEN_LISTEN)) &&
        taken_address(word[1], &theirs) && taken_collides(at, &theirs)) {
      *sure = at->sa.sa_family == theirs.sa.sa_family;
      return word[9];
    }
  return (str){NULL, 0};
}

/* ---- the process ----------------------------------------------------------------------------- */

static bool taken_has(const char *pid, const char *socket)
{
  char folder[64], path[330], target[64];
  struct dirent *entry;
  bool found = false;
  DIR *list;

  snprintf(folder, sizeof folder, "/proc/%.20s/fd", pid);
  list = opendir(folder);
  while (list && !found && (entry = readdir(list)) != NULL) {
    snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
    ssize_t n = readlink(path, target, sizeof target - 1);
    if (n > 0) target[n] = '\0';
    found = n > 0 && strcmp(target, socket) == 0;
  }
  if (list) closedir(list);
  return found;
}

static void taken_process(str inode, struct taken *out)
{
  char socket[64], path[64];
  struct buf name = BUF_INIT(0);
  struct dirent *entry;
  struct err ignored;
  DIR *list = opendir("/proc");

  snprintf(socket, sizeof socket, "socket:[" STR_FMT "]", STR_ARG(inode));
  while (list && !out->pid && (entry = readdir(list)) != NULL)
    if (str_isdigit(entry->d_name[0]) && taken_has(entry->d_name, socket))
      out->pid = (int)strtol(entry->d_name, NULL, 10);
  if (list) closedir(list);
  snprintf(path, sizeof path, "/proc/%d/comm", out->pid);
  if (out->pid && file_read(str_of(path), sizeof out->name - 1, &name, &ignored) == 0)
    snprintf(out->name, sizeof out->name, STR_FMT, STR_ARG(str_trim(buf_str(&name))));
  buf_free(&name);
}

bool taken_by(const struct netaddr *at, struct taken *out)
{
  static const char *const tables[] = {"/proc/net/tcp", "/proc/net/tcp6"};
  bool taken = false;

  *out = (struct taken){.pid = 0};
  for (size_t i = 0; i < BASE_COUNT(tables) && !taken; i++) {
    struct buf text = BUF_INIT(0);
    str inode = taken_inode(tables[i], at, &text, &out->sure);
    taken = inode.p != NULL;
    if (taken) taken_process(inode, out);
    buf_free(&text);
  }
  return taken;
}

void taken_advise(const struct netaddr *at, struct err *e)
{
  struct taken by;
  size_t n = strlen(e->text);

  if (taken_by(at, &by) && by.pid)
    snprintf(e->text + n, sizeof e->text - n,
             " by %s (process %d): end that, or use another address", by.name, by.pid);
  else
    snprintf(e->text + n, sizeof e->text - n,
             "; to see by whom, type as root: ss -ltnp 'sport = :%d'", netaddr_port(at));
}
#undef TAKEN_TABLE
#undef TAKEN_LISTEN
#undef TAKEN_WORDS
