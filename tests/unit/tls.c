/* tests/unit/tls.c: both sides of an encrypted connection, and what certificates may look like. The
 * certificates are made by openssl(1), once for all tests of this file. */
#include "../../net/tls_int.h"
#include "../check.h"

#include <errno.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- certificates ---------------------------------------------------------------------------- */

static char folder[] = "/tmp/vsmtp-unit-tls-XXXXXX";

static void shell(const char *fmt, ...)
{
  char command[2000];
  va_list ap;
  int n = snprintf(command, sizeof command, "cd '%s' && exec >/dev/null 2>&1 && ", folder);

  va_start(ap, fmt);
  vsnprintf(command + n, sizeof command - (size_t)n, fmt, ap);
  va_end(ap);
  if (!CHECK_INT(system(command), 0)) printf("%s\n", command);
}

static void forget_certificates(void)
{
  shell("rm -rf '%s'", folder);
}

/* An authority, an intermediate one, and by that: mail.example (RSA, the chain in the file),
 * other.example and *.wild.example (EC); self.example vouches for itself. */
static void make_certificates(void)
{
  static const char script[] =
      "ext() { printf 'basicConstraints=critical,CA:true\\n'; }; "
      "ca() { openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30"
      "  -keyout $1.key -out $1.crt -subj /CN=$1 -addext basicConstraints=critical,CA:true; }; "
      "ask() { n=$1; shift; openssl req -new -nodes -subj /CN=$n -keyout $n.key -out $n.csr "
      "\"$@\"; "
      "}; "
      "sign() { printf \"$3\" >$1.ext; openssl x509 -req -in $1.csr -CA $2.crt -CAkey $2.key"
      "  -CAcreateserial -days 30 -extfile $1.ext -out $1.crt; }; "
      "ec='-newkey ec -pkeyopt ec_paramgen_curve:P-256'; "
      "ca root && ask middle $ec && sign middle root 'basicConstraints=critical,CA:true\\n' && "
      "ask mail -newkey rsa:2048 && sign mail middle "
      "'subjectAltName=DNS:mail.example,DNS:MX.example' "
      "&& cat middle.crt >>mail.crt && "
      "ask other $ec && sign other root "
      "'subjectAltName=DNS:other.example,DNS:*.wild.example,IP:192.0.2.1' && "
      "openssl req -x509 $ec -nodes -days 30 -keyout self.key -out self.crt -subj /CN=self.example "
      "&& "
      "openssl ec -in self.key -out sec1.key && "
      "openssl rsa -in mail.key -traditional -out pkcs1.key && "
      "openssl ec -in self.key -aes128 -passout pass:x -out locked.key && "
      "cat middle.crt self.crt >wrong_order.crt && : >empty";
  static bool made;
  char path[4096];

  if (made || !CHECK(made = mkdtemp(folder) != NULL)) return;
  atexit(forget_certificates);
  snprintf(path, sizeof path, "%s/make.sh", folder);
  FILE *f = fopen(path, "w");
  if (!CHECK(f)) return;
  fputs(script, f);
  fclose(f);
  shell("sh ./make.sh");
}

static struct buf file(const char *name)
{
  struct buf text = BUF_INIT(0);
  char path[4096];
  struct err e;

  snprintf(path, sizeof path, "%s/%s", folder, name);
  CHECK_INT(file_read(str_of(path), 1 << 20, &text, &e), 0);
  return text;
}

static const str all_suites[] = {STR_INIT("TLS_AES_256_GCM_SHA384"),
                                 STR_INIT("ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
                                 STR_INIT("ECDHE_RSA_WITH_AES_128_GCM_SHA256")};

/* NULL: the error's text is in why. */
static char why[ERR_TEXT_MAX];

static struct tls_server *server_of(const char *certificate, const char *key)
{
  struct buf c = file(certificate), k = file(key), oc = file("other.crt"), ok = file("other.key");
  const struct tls_pair pairs[] = {
      {.versions = TLS_12 | TLS_13, .certificate = buf_str(&c), .key = buf_str(&k)},
      {.name = STR("virtual.example"),
       .versions = TLS_12 | TLS_13,
       .certificate = buf_str(&oc),
       .key = buf_str(&ok)}};
  struct tls_server_options o = {.pairs = pairs,
                                 .pair_count = 2,
                                 .suites = all_suites,
                                 .suite_count = BASE_COUNT(all_suites),
                                 .our_order = true};
  struct err e = {.text = ""};
  size_t which = 9;
  bool at_key = false;
  struct tls_server *t = tls_server_new(&o, &which, &at_key, &e);

  snprintf(why, sizeof why, "%zu%s: %s", which, at_key ? " key" : "", e.text);
  buf_free(&c);
  buf_free(&k);
  buf_free(&oc);
  buf_free(&ok);
  return t;
}

/* ---- two ends in one loop -------------------------------------------------------------------- */

static struct loop *l;

struct end {
  struct io *io;
  char events[64]; /* c onnected, d ata, e of, r drained, t imeout, x error, . closed */
  size_t n;
  struct buf heard;
  bool keep; /* leaves its input alone */
  bool gone;
};

static void end_event(struct io *io, enum io_event event, void *arg)
{
  static const char letters[] = "cdehrtsx.";
  struct end *t = arg;

  if (t->n < sizeof t->events - 1 && (event != IO_DATA || !t->n || t->events[t->n - 1] != 'd'))
    t->events[t->n++] = letters[event];
  if (event == IO_DATA && !t->keep) {
    buf_str_add(&t->heard, io_input(io));
    io_consume(io, io_input(io).n);
  }
  if (event == IO_CLOSED) t->gone = true;
}

static void turn(int64_t ms)
{
  struct err e;
  CHECK_INT(loop_turn(l, ms, &e), 0);
}

#define UNTIL(condition)                                                                           \
  do {                                                                                             \
    for (int64_t stop_ = clock_mono() + 5000; !(condition) && clock_mono() < stop_;) turn(5);      \
    CHECK(condition);                                                                              \
  } while (0)

static void begin(struct end *a, struct end *b)
{
  struct err e;
  int fds[2];

  l = loop_new(&e);
  CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
  *a = *b = (struct end){.heard = BUF_INIT(4 << 20)};
  a->io = io_new(l, fds[0], end_event, a, &e);
  b->io = io_new(l, fds[1], end_event, b, &e);
}

static void end_free(struct end *t)
{
  if (!t->gone) io_abort(t->io);
  turn(0);
  CHECK(t->gone);
  buf_free(&t->heard);
}

static void finish(struct end *a, struct end *b)
{
  end_free(a);
  end_free(b);
  loop_free(l);
}

static struct tls_client *client_of(const char *authorities)
{
  char path[4096];

  snprintf(path, sizeof path, "%s/%s", folder, authorities);
  return tls_client_new(str_of(path));
}

/* A handshake; true when both ends are connected. */
static bool shake(struct end *a, struct end *b, struct tls_server *server, const char *authorities,
                  const char *name, bool verify)
{
  struct tls_client *client = client_of(authorities);

  begin(a, b);
  io_tls_server(a->io, server);
  io_tls_client(b->io, client, str_of(name), verify);
  tls_client_release(client);
  for (int64_t stop = clock_mono() + 5000;
       clock_mono() < stop && !(b->n && (a->n || b->events[0] == 'x'));)
    turn(5);
  return a->n && b->n && a->events[0] == 'c' && b->events[0] == 'c';
}

static void check_text_both_ways(struct end *a, struct end *b)
{
  io_write(a->io, STR("220 hello\r\n"));
  io_write(b->io, STR("EHLO x\r\n"));
  UNTIL(a->heard.n == 8 && b->heard.n == 11);
  CHECK_STR(&a->heard, "EHLO x\r\n");
  CHECK_STR(&b->heard, "220 hello\r\n");
}

TEST(tls_speaks_both_ways)
{
  struct end a, b;

  make_certificates();
  struct tls_server *server = server_of("mail.crt", "mail.key");
  CHECK(shake(&a, &b, server, "root.crt", "mail.example", true));
  CHECK_STR(io_tls_info(a.io)->cipher, io_tls_info(b.io)->cipher);
  CHECK_STR(io_tls_info(a.io)->version, io_tls_info(b.io)->version);
  CHECK_STR(io_tls_info(a.io)->name, "mail.example");
  CHECK(io_tls_info(b.io)->verified);
  CHECK(str_ends(str_of(io_tls_info(a.io)->cipher), STR("_GCM_SHA256")) || tls_versions() & TLS_13);
  check_text_both_ways(&a, &b);
  io_close(b.io);
  UNTIL(str_ends(str_of(a.events), STR("e")));
  finish(&a, &b);
  tls_server_release(server);
}

/* ---- the name asked for ---------------------------------------------------------------------- */

static void check_sni(struct tls_server *server, const char *name, const char *known)
{
  struct end a, b;

  if (CHECK(shake(&a, &b, server, "root.crt", name, false)))
    CHECK_STR(io_tls_info(a.io)->name, known);
  CHECK(!io_tls_info(b.io) || !io_tls_info(b.io)->verified);
  finish(&a, &b);
}

TEST(tls_certificate_by_name)
{
  struct end a, b;

  make_certificates();
  struct tls_server *server = server_of("mail.crt", "mail.key");
  check_sni(server, "Virtual.EXAMPLE.", "virtual.example");
  check_sni(server, "other.example", "other.example");
  check_sni(server, "a.wild.example", "a.wild.example");
  check_sni(server, "a.b.wild.example", "");
  check_sni(server, "wild.example", "");
  check_sni(server, "nobody.example", "");
  check_sni(server, "192.0.2.1", "");
  check_sni(server, "", "");
  CHECK(shake(&a, &b, server, "root.crt", "x.wild.example", true)); /* the EC one was given */
  finish(&a, &b);
  CHECK_INT(tls_server_pairs(server), 2);
  CHECK_STR(tls_server_certificate(server, 0)->names[1], "mx.example");
  CHECK_STR(tls_server_certificate(server, 0)->key, "RSA");
  CHECK_INT(tls_server_certificate(server, 0)->bits, 2048);
  CHECK_STR(tls_server_certificate(server, 1)->key, "EC");
  CHECK(!tls_server_certificate(server, 0)->fault);
  CHECK(tls_server_certificate(server, 1)->fault); /* without root.crt, which nobody can know */
  CHECK_INT(tls_server_certificate(server, 1)->name_count, 2);
  int64_t left = tls_server_certificate(server, 1)->until - clock_wall() / 1000;
  CHECK(left > 29 * 86400 && left <= 30 * 86400);
  tls_server_release(server);
}

/* ---- who is trusted -------------------------------------------------------------------------- */

static void check_refused(struct tls_server *server, const char *authorities, const char *name)
{
  struct end a, b;

  CHECK(!shake(&a, &b, server, authorities, name, true));
  UNTIL(b.n);
  CHECK_STR(b.events, "x");
  CHECK(!io_tls_info(a.io) && !io_tls_info(b.io));
  snprintf(why, sizeof why, "%s", io_why(b.io));
  if (!a.n) io_close(b.io); /* it did not begin */
  UNTIL(a.n);
  CHECK_STR(a.events, "x");
  finish(&a, &b);
}

TEST(tls_verified_means_name_and_authority)
{
  make_certificates();
  struct tls_server *server = server_of("mail.crt", "mail.key");
  check_refused(server, "root.crt", "elsewhere.example");
  CHECK(strstr(why, "elsewhere.example"));
  check_refused(server, "self.crt", "mail.example");
  CHECK(strstr(why, "trust"));
  check_refused(server, "missing.crt", "mail.example");
  CHECK(strstr(why, "missing.crt"));
  check_refused(server, "empty", "mail.example");
  check_refused(server, "root.crt", "");
  tls_server_release(server);
}

/* ---- files of an operator -------------------------------------------------------------------- */

TEST(tls_files_are_checked)
{
  static const struct {
    const char *certificate, *key, *says; /* NULL: good */
  } rows[] = {
      {"mail.crt", "mail.key", NULL},
      {"mail.crt", "pkcs1.key", NULL},
      {"self.crt", "self.key", NULL},
      {"self.crt", "sec1.key", NULL},
      {"mail.crt", "self.key", "0 key: this key is not that of the certificate"},
      {"wrong_order.crt", "self.key", "0 key: this key is that of certificate 2"},
      {"self.crt", "locked.key", "0 key: this key is encrypted"},
      {"empty", "self.key", "0: there is no certificate"},
      {"self.key", "self.key", "0: there is no certificate"},
      {"self.crt", "empty", "0 key: there is no key"},
      {"self.crt", "self.crt", "0 key: there is no key"},
  };
  make_certificates();
  for (size_t i = 0; i < BASE_COUNT(rows); i++) {
    struct tls_server *t = server_of(rows[i].certificate, rows[i].key);
    if (!CHECK_INT(t != NULL, !rows[i].says) || (!t && !CHECK(strstr(why, rows[i].says))))
      printf("row %zu: %s\n", i, why);
    tls_server_release(t);
  }
}

/* ---- much text, small pieces ----------------------------------------------------------------- */

TEST(tls_large_text_arrives_whole)
{
  enum { SIZE = 200 * 1024 };
  static char text[SIZE];
  struct end a, b;

  make_certificates();
  struct tls_server *server = server_of("self.crt", "self.key");
  for (size_t i = 0; i < SIZE; i++) text[i] = (char)(i * 31 >> 3);
  CHECK(shake(&a, &b, server, "root.crt", "x", false));
  for (int i = 0; i < 10; i++) {
    io_write(a.io, (str){text, SIZE});
    io_write(b.io, (str){text, 1}); /* at the same time */
    UNTIL(b.heard.n == SIZE * (size_t)(i + 1));
  }
  UNTIL(a.heard.n == 10);
  for (size_t i = 0; i < 10; i++) CHECK(!memcmp(b.heard.p + i * SIZE, text, SIZE));
  finish(&a, &b);
  tls_server_release(server);
}

/* What the library holds is told without the descriptor: a record larger than the room there is. */
TEST(tls_pause_and_full_input)
{
  static char text[3 * LIMIT_IO_INPUT];
  struct end a, b;

  make_certificates();
  struct tls_server *server = server_of("self.crt", "self.key");
  CHECK(shake(&a, &b, server, "root.crt", "x", false));
  a.keep = true;
  io_write(b.io, STR("first"));
  UNTIL(io_input(a.io).n == 5);
  memset(text, 'x', sizeof text);
  io_write(b.io, (str){text, sizeof text});
  UNTIL(io_input(a.io).n == LIMIT_IO_INPUT);
  for (int i = 0; i < 20; i++) turn(1);
  CHECK_INT(io_input(a.io).n, LIMIT_IO_INPUT);
  io_consume(a.io, LIMIT_IO_INPUT);
  UNTIL(io_input(a.io).n == LIMIT_IO_INPUT);
  io_pause(a.io);
  io_consume(a.io, LIMIT_IO_INPUT);
  for (int i = 0; i < 20; i++) turn(1);
  CHECK_INT(io_input(a.io).n, 0);
  a.keep = false;
  io_resume(a.io);
  UNTIL(a.heard.n == 5 + sizeof text - 2 * LIMIT_IO_INPUT);
  finish(&a, &b);
  tls_server_release(server);
}

TEST(tls_written_before_goes_in_clear_and_after_waits)
{
  struct end a, b;
  char text[100];

  make_certificates();
  struct tls_server *server = server_of("self.crt", "self.key");
  struct tls_client *client = client_of("root.crt");
  begin(&a, &b);
  b.keep = true;
  io_write(a.io, STR("220 go ahead\r\n"));
  io_tls_server(a.io, server);
  io_write(a.io, STR("secret"));
  UNTIL(io_input(b.io).n > 0);
  CHECK_STR(io_input(b.io), "220 go ahead\r\n");
  io_tls_client(b.io, client, STR("x"), false);
  CHECK_INT(io_input(b.io).n, 0); /* forgotten */
  b.keep = false;
  UNTIL(b.heard.n > 0);
  CHECK_STR(&b.heard, "secret");
  CHECK_STR(b.events, "dcd");
  io_close(a.io);
  UNTIL(str_ends(str_of(b.events), STR("e")));
  CHECK_INT(read(io_fd(b.io), text, sizeof text), 0); /* nothing behind it */
  tls_client_release(client);
  finish(&a, &b);
  tls_server_release(server);
}

/* ---- hostile peers --------------------------------------------------------------------------- */

/* The server end against bytes, which then end. */
static void check_bytes(struct tls_server *server, const char *bytes, size_t n, bool ends)
{
  struct end a, b;

  begin(&a, &b);
  io_tls_server(a.io, server);
  io_write(b.io, (str){bytes, n});
  turn(1);
  if (ends) io_close(b.io);
  UNTIL(a.n);
  CHECK_STR(a.events, "x");
  CHECK(io_why(a.io)[0]);
  finish(&a, &b);
}

TEST(tls_survives_what_is_no_handshake)
{
  static const char huge[] = "\x16\x03\x01\xff\xff";
  static const char old[] = "\x16\x03\x00\x00\x2f\x01\x00\x00\x2b\x03\x00";

  make_certificates();
  struct tls_server *server = server_of("self.crt", "self.key");
  check_bytes(server, "EHLO me\r\nMAIL FROM:<>\r\n", 23, false);
  check_bytes(server, huge, 5, false);
  check_bytes(server, old, 11, true);
  check_bytes(server, "\x16\x03\x01\x00\x00", 5, true);
  check_bytes(server, "\x15\x03\x01\x00\x02\x02\x28", 7, true);
  check_bytes(server, "", 0, true);
  tls_server_release(server);
}

/* What a client of ours says first. */
static size_t hello(char *out, size_t size)
{
  struct tls_client *client = client_of("root.crt");
  struct end a, b;

  begin(&a, &b);
  a.keep = true;
  io_tls_client(b.io, client, STR("mail.example"), false);
  UNTIL(io_input(a.io).n > 0);
  size_t n = io_input(a.io).n < size ? io_input(a.io).n : size;
  memcpy(out, io_input(a.io).p, n);
  tls_client_release(client);
  finish(&a, &b);
  return n;
}

TEST(tls_hello_cut_or_changed_anywhere)
{
  char text[2000], changed[sizeof text];
  uint32_t seed = 1;

  make_certificates();
  struct tls_server *server = server_of("self.crt", "self.key");
  size_t n = hello(text, sizeof text);
  CHECK(n > 50 && n < sizeof text);
  for (size_t cut = 0; cut < n; cut += 3) check_bytes(server, text, cut, true);
  for (int i = 0; i < 300; i++) {
    memcpy(changed, text, n);
    for (int k = 0; k < 3; k++) {
      seed = seed * 1664525 + 1013904223;
      changed[(seed >> 8) % n] ^= (char)(1 << (seed >> 28 & 7));
    }
    check_bytes(server, changed, n, true);
  }
  tls_server_release(server);
}

/* Clear text behind the end of the encrypted one is nobody's (CVE-2026-45185). */
TEST(tls_nothing_is_read_behind_the_end)
{
  struct end a, b;

  make_certificates();
  struct tls_server *server = server_of("self.crt", "self.key");
  CHECK(shake(&a, &b, server, "root.crt", "x", false));
  int fd = dup(io_fd(b.io));
  io_write(b.io, STR("DATA"));
  io_close(b.io);
  UNTIL(a.heard.n == 4);
  (void)!write(fd, "EVIL\r\n", 6);
  for (int i = 0; i < 5; i++) turn(1);
  CHECK_STR(a.events, "cde");
  CHECK_STR(&a.heard, "DATA");
  close(fd);
  finish(&a, &b);
  tls_server_release(server);
}

TEST(tls_broken_record_is_an_error)
{
  struct end a, b;

  make_certificates();
  struct tls_server *server = server_of("self.crt", "self.key");
  CHECK(shake(&a, &b, server, "root.crt", "x", false));
  (void)!write(io_fd(b.io),
               "\x17\x03\x03\x00\x20"
               "01234567890123456789012345678901",
               37);
  UNTIL(a.n == 2);
  CHECK_STR(a.events, "cx");
  finish(&a, &b);
  tls_server_release(server);
}

TEST(tls_deadline_and_closing_in_the_handshake)
{
  struct end a, b;

  make_certificates();
  struct tls_server *server = server_of("self.crt", "self.key");
  begin(&a, &b);
  io_tls_server(a.io, server);
  io_deadline(a.io, loop_now(l) + 30);
  io_write(b.io, STR("\x16\x03\x01"));
  UNTIL(a.n);
  CHECK_STR(a.events, "t");
  io_write(a.io, STR("never"));
  io_close(a.io);
  UNTIL(a.gone);
  UNTIL(b.n);
  CHECK_STR(b.events, "e");
  finish(&a, &b);
  tls_server_release(server);
}

/* ---- whose turn it is ------------------------------------------------------------------------ */

static size_t readable(const int *fds, size_t n)
{
  size_t found = 0;

  for (size_t i = 0; i < n; i++) {
    struct pollfd p = {.fd = fds[i], .events = POLLIN};
    found += poll(&p, 1, 0) == 1;
  }
  return found;
}

/* Clients in a loop of their own have all said hello before the server's loop turns. */
TEST(tls_one_handshake_is_computed_in_a_turn)
{
  enum { CLIENTS = 4 };
  struct end a[CLIENTS], b[CLIENTS];
  struct loop *clients;
  struct err e;
  int fds[CLIENTS];

  make_certificates();
  struct tls_server *server = server_of("self.crt", "self.key");
  struct tls_client *client = client_of("root.crt");
  clients = loop_new(&e);
  l = loop_new(&e);
  for (size_t i = 0; i < CLIENTS; i++) {
    int pair[2];
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    a[i] = b[i] = (struct end){.heard = BUF_INIT(1 << 20)};
    a[i].io = io_new(l, pair[0], end_event, &a[i], &e);
    b[i].io = io_new(clients, pair[1], end_event, &b[i], &e);
    fds[i] = pair[1];
    io_tls_server(a[i].io, server);
    io_tls_client(b[i].io, client, STR("x"), false);
  }
  for (int i = 0; i < 2 * CLIENTS; i++) loop_turn(clients, 0, &e);
  for (size_t i = 0; i < CLIENTS; i++) {
    CHECK_INT(readable(fds, CLIENTS), i);
    turn(0);
  }
  CHECK_INT(readable(fds, CLIENTS), CLIENTS);
  for (int i = 0; i < 100 && a[CLIENTS - 1].n == 0; i++) {
    loop_turn(clients, 1, &e);
    turn(1);
  }
  for (size_t i = 0; i < CLIENTS; i++) {
    CHECK_STR(a[i].events, "c");
    io_abort(b[i].io);
  }
  loop_turn(clients, 0, &e);
  loop_free(clients);
  for (size_t i = 0; i < CLIENTS; i++) {
    buf_free(&b[i].heard);
    end_free(&a[i]);
  }
  loop_free(l);
  tls_client_release(client);
  tls_server_release(server);
}

static int64_t delay_of(const char *address)
{
  struct netaddr a;

  CHECK_INT(netaddr_of_ip(str_of(address), 1, &a), 0);
  return tls_gate_delay(l, &a);
}

TEST(tls_an_address_gets_five_a_second)
{
  struct err e;

  l = loop_new(&e);
  for (int i = 0; i < 5; i++) CHECK_INT(delay_of("192.0.2.1"), 0);
  CHECK_INT(delay_of("192.0.2.1"), 200);
  CHECK_INT(delay_of("192.0.2.1"), 400);
  CHECK_INT(delay_of("198.51.100.1"), 0);
  for (int i = 0; i < 5; i++) CHECK_INT(delay_of("2001:db8::1"), 0);
  CHECK_INT(delay_of("2001:db8::ffff:2"), 200); /* the same customer */
  for (int i = 0; i < 9; i++) CHECK_INT(delay_of("127.0.0.2"), 0);
  for (int i = 0; i < 1000; i++) delay_of("192.0.2.1");
  CHECK(delay_of("192.0.2.1") <= 10000); /* nobody is locked out for long */
  loop_free(l);
}

/* ---- the configuration ----------------------------------------------------------------------- */

TEST(tls_connections_hold_what_they_began_with)
{
  struct end a, b;

  make_certificates();
  struct tls_server *server = server_of("self.crt", "self.key");
  struct tls_client *client = client_of("root.crt");
  begin(&a, &b);
  io_tls_server(a.io, server);
  io_tls_client(b.io, client, STR("virtual.example"), false);
  tls_server_release(server); /* before the handshake */
  tls_client_release(client);
  UNTIL(a.n && b.n);
  check_text_both_ways(&a, &b);
  finish(&a, &b);
}

TEST(tls_versions_and_suites)
{
  struct buf c, k;
  struct err e;

  make_certificates();
  c = file("self.crt");
  k = file("self.key");
  struct tls_pair pair = {.versions = TLS_13, .certificate = buf_str(&c), .key = buf_str(&k)};
  struct tls_server_options o = {
      .pairs = &pair, .pair_count = 1, .suites = all_suites, .suite_count = 1};
  struct tls_server *t = tls_server_new(&o, NULL, NULL, &e);
  CHECK_INT(t != NULL, (tls_versions() & TLS_13) != 0);
  if (!t) CHECK(strstr(e.text, "TLSv1.2"));
  tls_server_release(t);
  o.suite_count = 0;
  pair.versions = TLS_12;
  CHECK(!tls_server_new(&o, NULL, NULL, &e));
  CHECK_STR(e.text, "no cipher suite is left");
  buf_free(&c);
  buf_free(&k);
}

/* ---- no memory ------------------------------------------------------------------------------- */

static void torture_tls(void)
{
  struct err e;
  struct end a = {.keep = true, .gone = true}, b = {.keep = true, .gone = true};
  int fds[2];
  struct tls_server *server = NULL;
  struct tls_client *client = NULL;

  l = loop_new(&e);
  if (!l) return;
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0) return;
  a.io = io_new(l, fds[0], end_event, &a, &e);
  b.io = io_new(l, fds[1], end_event, &b, &e);
  a.gone = !a.io;
  b.gone = !b.io;
  client = tls_client_new(STR("/dev/null"));
  struct buf c = BUF_INIT(1 << 16), k = BUF_INIT(1 << 16);
  char path[4096];
  snprintf(path, sizeof path, "%s/self.crt", folder);
  bool read = file_read(str_of(path), 1 << 16, &c, &e) == 0;
  snprintf(path, sizeof path, "%s/self.key", folder);
  read = file_read(str_of(path), 1 << 16, &k, &e) == 0 && read;
  struct tls_pair pair = {.versions = TLS_12, .certificate = buf_str(&c), .key = buf_str(&k)};
  struct tls_server_options o = {
      .pairs = &pair, .pair_count = 1, .suites = all_suites, .suite_count = BASE_COUNT(all_suites)};
  if (read) server = tls_server_new(&o, NULL, NULL, &e);
  if (a.io && b.io && server && client) {
    io_tls_server(a.io, server);
    io_tls_client(b.io, client, STR("x"), false);
    for (int i = 0; i < 200 && !(a.n && b.n); i++) loop_turn(l, 1, &e);
  }
  if (a.io) io_abort(a.io);
  if (b.io) io_abort(b.io);
  loop_turn(l, 0, &e);
  CHECK(a.gone && b.gone);
  loop_free(l);
  tls_server_release(server);
  tls_client_release(client);
  buf_free(&c);
  buf_free(&k);
}

TEST(tls_survives_without_memory)
{
  make_certificates();
  check_torture(torture_tls);
}
