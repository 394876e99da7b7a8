/* tests/bench/store.c: how many messages the store alone accepts, without sockets or rules.
 *
 *   bench-store FOLDER [SECONDS]
 *
 * For 1, 10 and 100 clients that are always ready with a mail of 5 KB: messages a second, CPU and
 * bytes written a message, messages a commit. Then the same with a million messages queued, and
 * how long a shell beside it waits for its UPDATE.
 */
#include "../../sqlite/store_int.h"

#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define BENCH_BODY    5000
#define BENCH_CLIENTS 100

struct bench_client {
  struct store *s;
  struct incoming *in;
  struct store_mail mail;
  struct store_rcpt rcpt;
  struct store_trace line;
  char id[ID_LENGTH + 1];
  bool ready;
};

static struct bench_client bench_clients[BENCH_CLIENTS];
static long bench_done, bench_failed;
static char bench_body[BENCH_BODY];

static void bench_stored(void *arg, enum store_result result)
{
  struct bench_client *c = arg;
  c->ready = true;
  if (result == STORE_OK)
    bench_done++;
  else
    bench_failed++;
}

static void bench_send(struct bench_client *c, bool quarantine)
{
  incoming_free(c->in);
  c->in = incoming_new(c->s, str_of(id_new(c->id)));
  c->ready = false;
  c->rcpt = (struct store_rcpt){.address = STR("bob@home.example"), .transport = TRANSPORT_MAILDIR};
  c->line = (struct store_trace){
      .stage = STR("preq"), .kind = STR("rule"), .directive = STR("hold"), .status = STR("next")};
  c->mail =
      (struct store_mail){.id = str_of(c->id),
                          .queue = quarantine ? STORE_QUARANTINE : STORE_DELIVER,
                          .quarantine = STR("bench"),
                          .received_at = clock_wall(),
                          .client_ip = STR("127.0.0.1"),
                          .helo = STR("client.example"),
                          .mail_from = STR("alice@example.net"),
                          .subject = STR("A message of five thousand octets"),
                          .context = STR("{\"port\":25,\"server\":\"home.example\"}"),
                          .rcpt = &c->rcpt,
                          .rcpt_count = 1,
                          .header = STR("Received: from client.example\r\nFrom: <alice@example"
                                        ".net>\r\nTo: <bob@home.example>\r\nSubject: A mess"
                                        "age of five thousand octets\r\n\r\n"),
                          .trace = &c->line,
                          .trace_count = 1};
  incoming_body(c->in, (str){bench_body, sizeof bench_body});
  incoming_accept(c->in, &c->mail, bench_stored, c);
}

static double bench_cpu(void)
{
  struct rusage u;
  getrusage(RUSAGE_SELF, &u);
  return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e3 +
         (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e3;
}

/* Bytes this process caused to be written. */
static double bench_written(void)
{
  char line[128];
  unsigned long long n = 0, got;
  FILE *f = fopen("/proc/self/io", "r");
  while (f && fgets(line, sizeof line, f))
    if (sscanf(line, "wchar: %llu", &got) == 1) n = got;
  if (f) fclose(f);
  return (double)n;
}

static void bench_sleep(int ms)
{
  struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000};
  if (ms > 0) nanosleep(&t, NULL);
}

static void bench_run(struct store *s, int clients, int64_t ms, bool quarantine, const char *what)
{
  uint64_t generation = s->tx.generation;
  double cpu = bench_cpu(), written = bench_written();
  int64_t start = clock_mono_us();
  bench_done = bench_failed = 0;
  for (int i = 0; i < clients; i++) bench_clients[i].ready = true;
  while (clock_mono_us() - start < ms * 1000) {
    bool any = false;
    long answered = bench_done + bench_failed;
    for (int i = 0; i < clients; i++) {
      if (!bench_clients[i].ready) continue;
      any = true;
      bench_send(&bench_clients[i], quarantine);
    }
    int wait = store_turn(s, !any);
    if (!any && bench_done + bench_failed == answered) bench_sleep(wait);
  }
  double seconds = (double)(clock_mono_us() - start) / 1e6, n = bench_done ? (double)bench_done : 1;
  printf("%-12s %3d clients %8.0f/s  %.4f ms cpu  %6.1f KiB written  %5.1f a commit  %ld failed\n",
         what, clients, n / seconds, (bench_cpu() - cpu) / n,
         (bench_written() - written) / n / 1024, n / (double)(s->tx.generation - generation),
         bench_failed);
  for (int i = 0; i < clients; i++) {
    incoming_free(bench_clients[i].in);
    bench_clients[i].in = NULL;
  }
  while (s->tx.waiting.first || s->tx.kind != TX_NONE) bench_sleep(store_turn(s, true));
}

static struct store *bench_open(const char *folder)
{
  struct err e;
  struct store_options o = {.dirpath = str_of(folder), .server = true, .create = true};
  struct store *s = store_open(&o, &e);
  if (!s) fprintf(stderr, "%s\n", e.text);
  for (int i = 0; i < BENCH_CLIENTS; i++) bench_clients[i].s = s;
  return s;
}

/* A million messages in one statement. */
static void bench_fill(struct store *s, int n)
{
  char text[1400];
  long long key = s->key;
  snprintf(text, sizeof text,
           "BEGIN; WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < %d)"
           " INSERT INTO message SELECT printf('0000000%%019d', i), i * 1048576 + %lld, 'deliver', "
           "'', 0,"
           " 0, '127.0.0.1', 'client.example', 'alice@example.net', '', 'A message', 1000, 900, 1,"
           " '', '', '', 0, '', x'7b7d' FROM c;"
           " INSERT INTO rcpt SELECT id, 1, 'bob@home.example', '', 'maildir', '', 'pending', 1,"
           " 9000000000000, '451 later' FROM message WHERE id < '0000001';"
           " INSERT INTO body SELECT key, zeroblob(100) FROM message WHERE id < '0000001';"
           " INSERT INTO body SELECT key + 1, zeroblob(900) FROM message WHERE id < '0000001';"
           " COMMIT",
           n, key);
  if (sql_text_run(s, text) == SQLITE_OK)
    s->key += (int64_t)n * ROW_KEY_STEP;
  else
    fprintf(stderr, "fill: %s\n", sqlite3_errmsg(s->db));
}

int main(int argc, char **argv)
{
  if (argc < 2) return 64;
  int64_t ms = argc > 2 ? strtol(argv[2], NULL, 10) * 1000 : 2000;
  memset(bench_body, 'x', sizeof bench_body);
  struct store *s = bench_open(argv[1]);
  if (!s) return 1;
  bench_run(s, 1, ms, false, "empty");
  bench_run(s, 10, ms, false, "empty");
  bench_run(s, 100, ms, false, "empty");
  bench_run(s, 100, ms, true, "quarantine");
  bench_fill(s, argc > 3 ? (int)strtol(argv[3], NULL, 10) : 1000000);
  while (s->keep.wal_dirty) bench_sleep(store_turn(s, true));
  sync(); /* the disk is not to be busy with what was prepared */
  bench_run(s, 1, ms, false, "a million");
  bench_run(s, 10, ms, false, "a million");
  bench_run(s, 100, ms, false, "a million");
  store_close(s);
  return 0;
}
